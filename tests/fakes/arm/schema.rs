//! What the fake knows of each type, and what it refuses in a body. Stricter than Azure, which passes over much.

use std::{collections::BTreeMap, sync::OnceLock};

use serde_json::Value;

/// How an answer to a change comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    Now,
    Operation,
    Location,
    State,
    /// Not at all: the type has no such call.
    Refused,
    /// At once, and only with the version that is meant.
    ByEtag,
}

/// One type.
#[derive(Debug)]
pub(super) struct Type {
    pub(super) kind: String,
    pub(super) version: String,
    pub(super) place: String,
    pub(super) put: Ends,
    pub(super) delete: Ends,
    pub(super) list: String,
    pub(super) serial: Option<String>,
    pub(super) etag: bool,
    pub(super) body_etag: bool,
    pub(super) root: Node,
}

/// One place of a body.
#[derive(Debug, Default)]
pub(super) struct Node {
    kind: String,
    required: bool,
    read_only: bool,
    create_only: bool,
    write_only: bool,
    children: BTreeMap<String, Node>,
}

/// All types, by their names in small letters.
pub(super) fn types() -> &'static BTreeMap<String, Type> {
    static TYPES: OnceLock<BTreeMap<String, Type>> = OnceLock::new();
    TYPES.get_or_init(|| read(include_str!("types.txt")))
}

fn read(text: &str) -> BTreeMap<String, Type> {
    let mut found = BTreeMap::new();
    let mut now: Option<Type> = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words[0] == "@" {
            if let Some(done) = now.take() {
                found.insert(done.kind.to_lowercase(), done);
            }
            let option =
                |name: &str| words.iter().find_map(|word| word.strip_prefix(&format!("{name}="))).map(str::to_owned);
            let ends = |name: &str| match option(name).as_deref() {
                Some("now") => Ends::Now,
                Some("operation") => Ends::Operation,
                Some("location") => Ends::Location,
                Some("state") => Ends::State,
                Some("refused") => Ends::Refused,
                Some("etag") => Ends::ByEtag,
                other => panic!("types.txt: {line}: {other:?}"),
            };
            now = Some(Type {
                kind: words[1].to_owned(),
                version: words[2].to_owned(),
                place: words[3].to_owned(),
                put: ends("put"),
                delete: ends("delete"),
                list: option("list").unwrap(),
                serial: option("serial"),
                etag: words.contains(&"etag"),
                body_etag: words.contains(&"body-etag"),
                root: Node::default(),
            });
            continue;
        }
        let root = &mut now.as_mut().unwrap().root;
        let mut node = root;
        for part in words[0].split('.') {
            let (name, list) = match part.strip_suffix("[]") {
                Some(name) => (name, true),
                None => (part, false),
            };
            node = node.children.entry(name.replace("odata_type", "odata.type")).or_default();
            if list {
                node = node.children.entry("[]".to_owned()).or_default();
            }
        }
        words[1].clone_into(&mut node.kind);
        for mark in &words[2..] {
            match *mark {
                "!" => node.required = true,
                "ro" => node.read_only = true,
                "co" => node.create_only = true,
                "wo" => node.write_only = true,
                other => panic!("types.txt: {line}: {other}"),
            }
        }
    }
    let done = now.unwrap();
    found.insert(done.kind.to_lowercase(), done);
    found
}

/// What is wrong with a body: a code and a message.
pub(super) type Refused = (String, String);

fn refused(code: &str, message: String) -> Refused {
    (code.to_owned(), message)
}

impl Type {
    /// Checks a body for a PUT over `old` (absent: nothing stands there).
    pub(super) fn check(&self, body: &Value, old: Option<&Value>) -> Result<(), Refused> {
        let Value::Object(entries) = body else {
            return Err(refused("InvalidRequestContent", "the body is no object".to_owned()));
        };
        let has = |key: &str| entries.contains_key(key);
        let with_location = matches!(self.place.as_str(), "tracked" | "group");
        let with_tags = with_location || self.place == "tagged";
        if with_location && !has("location") {
            return Err(refused("LocationRequired", format!("{} needs a location", self.kind)));
        }
        if let (Some(old), true) = (old, with_location) {
            let letters = |of: &Value| of["location"].as_str().unwrap_or_default().replace(' ', "").to_lowercase();
            if letters(old) != letters(body) {
                return Err(refused("InvalidResourceLocation", "the resource exists in another location".to_owned()));
            }
        }
        for (key, value) in entries {
            match key.as_str() {
                "location" if with_location => {}
                "tags" if with_tags => check_tags(value)?,
                "eTag" if self.body_etag => {}
                _ => match self.root.children.get(key) {
                    Some(node) => node.check(value, old.and_then(|old| old.get(key)), key)?,
                    None => {
                        return Err(refused(
                            "InvalidRequestContent",
                            format!("Could not find member '{key}' on {}", self.kind),
                        ));
                    }
                },
            }
        }
        self.root.check_required(body, "")?;
        if let Some(old) = old {
            self.root.check_removed(body, old, "")?;
        }
        Ok(())
    }

    /// Whether its properties have one of this name.
    pub(super) fn root_has(&self, name: &str) -> bool {
        self.root.children.get("properties").is_some_and(|node| node.children.contains_key(name))
    }

    /// A body as it is told: without what is never told.
    pub(super) fn told(&self, body: &Value) -> Value {
        let mut told = body.clone();
        self.root.hide(&mut told);
        told
    }
}

fn check_tags(tags: &Value) -> Result<(), Refused> {
    let Value::Object(tags) = tags else {
        return Err(refused("InvalidTags", "tags are no object".to_owned()));
    };
    for (name, value) in tags {
        let bad = name.is_empty() || name.len() > 128 || name.contains(['<', '>', '%', '&', '\\', '?', '/']);
        if bad || tags.len() > 15 || value.as_str().is_none_or(|value| value.len() > 256) {
            return Err(refused("InvalidTagNameCharacters", format!("the tag {name} is refused")));
        }
    }
    Ok(())
}

impl Node {
    fn check(&self, value: &Value, old: Option<&Value>, at: &str) -> Result<(), Refused> {
        if self.read_only && Some(value) != old {
            return Err(refused("ReadOnlyProperty", format!("'{at}' is read-only")));
        }
        if self.read_only {
            return Err(refused("ReadOnlyProperty", format!("'{at}' is read-only, even as it is")));
        }
        if self.create_only && old.is_some_and(|old| old != value) {
            return Err(refused("PropertyChangeNotAllowed", format!("Changing property '{at}' is not allowed.")));
        }
        if value.is_null() {
            return Err(refused("InvalidRequestContent", format!("'{at}' is null")));
        }
        let fits = match self.kind.as_str() {
            "any" => return Ok(()),
            "text" => value.is_string(),
            "bool" => value.is_boolean(),
            "int" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            _ => self.children.contains_key("[]") == value.is_array() && (value.is_array() || value.is_object()),
        };
        if !fits {
            return Err(refused("InvalidRequestContent", format!("Error converting the value of '{at}': {value}")));
        }
        match value {
            Value::Object(entries) => {
                for (key, value) in entries {
                    let Some(node) = self.children.get(key).or_else(|| self.children.get("*")) else {
                        return Err(refused(
                            "InvalidRequestContent",
                            format!("Could not find member '{key}' on object at '{at}'"),
                        ));
                    };
                    node.check(value, old.and_then(|old| old.get(key)), &format!("{at}.{key}"))?;
                }
            }
            Value::Array(items) => {
                let node = &self.children["[]"];
                for (index, item) in items.iter().enumerate() {
                    let same = old.and_then(|old| old.get(index));
                    // Entries that moved are not the same entries: what may not change is compared in place only.
                    node.check(item, same.filter(|_| node.create_only), &format!("{at}[{index}]"))?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn check_required(&self, value: &Value, at: &str) -> Result<(), Refused> {
        for (name, node) in &self.children {
            let inner = format!("{at}.{name}");
            match (name.as_str(), value) {
                ("[]", Value::Array(items)) => items.iter().try_for_each(|item| node.check_required(item, &inner))?,
                ("*", Value::Object(entries)) => {
                    entries.values().try_for_each(|item| node.check_required(item, &inner))?;
                }
                ("[]" | "*", _) => {}
                _ => match value.get(name) {
                    Some(value) => node.check_required(value, &inner)?,
                    None if node.is_needed() => {
                        return Err(refused("MissingRequiredProperty", format!("'{inner}' is required")));
                    }
                    None => {}
                },
            }
        }
        Ok(())
    }

    /// Whether it, or the first thing in it, must be given.
    fn is_needed(&self) -> bool {
        self.required || self.children.get("[]").is_some_and(|node| node.required)
    }

    fn check_removed(&self, value: &Value, old: &Value, at: &str) -> Result<(), Refused> {
        for (name, node) in &self.children {
            let inner = format!("{at}.{name}");
            let (Some(was), now) = (old.get(name), value.get(name)) else { continue };
            if node.create_only && now.is_none() {
                return Err(refused("PropertyChangeNotAllowed", format!("Removing '{inner}' is not allowed.")));
            }
            if let Some(now) = now
                && now.is_object()
            {
                node.check_removed(now, was, &inner)?;
            }
        }
        Ok(())
    }

    fn hide(&self, value: &mut Value) {
        match value {
            Value::Object(entries) => {
                entries.retain(|key, _| self.children.get(key).is_none_or(|node| !node.write_only));
                for (key, value) in entries {
                    if let Some(node) = self.children.get(key).or_else(|| self.children.get("*")) {
                        node.hide(value);
                    }
                }
            }
            Value::Array(items) => {
                if let Some(node) = self.children.get("[]") {
                    items.iter_mut().for_each(|item| node.hide(item));
                }
            }
            _ => {}
        }
    }
}
