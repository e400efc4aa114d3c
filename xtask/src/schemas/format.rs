//! The one shape in which the schemas of all providers are kept; src/deploy/validate/schema.rs reads it and says what
//! its words mean.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Where a schema was taken from.
#[derive(Clone)]
pub(super) struct Source {
    /// The package's name in its registry.
    pub(super) package: String,
    /// Its version.
    pub(super) version: String,
    /// The date of the schema, or of the package where the schema bears none.
    pub(super) date: String,
}

/// One type, before it is written.
pub(super) struct Draft {
    /// The provider's name of the type.
    pub(super) kind: String,
    /// Where it was taken from.
    pub(super) source: Source,
    /// Further facts of the type, by the words of the format: `identifier`, `tags`, `handlers`, `apiVersion`.
    pub(super) facts: Map<String, Value>,
    /// JSON pointers, `*` for any index or key, by the words `readOnly`, `createOnly`, `writeOnly`.
    pub(super) marks: BTreeMap<&'static str, Vec<String>>,
    /// The properties, a node.
    pub(super) root: Value,
    /// What nodes refer to.
    pub(super) definitions: Map<String, Value>,
}

impl Draft {
    /// Drops the definitions that nothing refers to.
    pub(super) fn prune(&mut self) {
        let mut kept = Map::new();
        let mut waiting = Vec::new();
        references(&self.root, &mut waiting);
        while let Some(name) = waiting.pop() {
            if let Some(node) = self.definitions.remove(&name) {
                references(&node, &mut waiting);
                kept.insert(name, node);
            }
        }
        self.definitions = kept;
    }

    /// The text of its file: one line a fact, a property or a definition, so that a later version shows what it changed.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![entry("type", &Value::from(self.kind.as_str()))];
        lines.push(entry(
            "source",
            &serde_json::json!({
                "package": self.source.package, "version": self.source.version, "date": self.source.date
            }),
        ));
        lines.extend(self.facts.iter().map(|(name, fact)| entry(name, fact)));
        for (mark, pointers) in &self.marks {
            let mut pointers = pointers.clone();
            pointers.sort();
            pointers.dedup();
            if !pointers.is_empty() {
                lines.push(entry(mark, &Value::from(pointers)));
            }
        }
        if !self.definitions.is_empty() {
            lines.push(format!("\"definitions\":{}", spread(&self.definitions)));
        }
        let mut root = self.root.as_object().cloned().unwrap_or_default();
        let properties = root.remove("properties");
        let mut of_root: Vec<String> = root.iter().map(|(name, value)| entry(name, value)).collect();
        if let Some(Value::Object(properties)) = properties {
            of_root.push(format!("\"properties\":{}", spread(&properties)));
        }
        lines.push(format!("\"root\":{{{}}}", of_root.join(",")));
        format!("{{{}}}\n", lines.join(",\n"))
    }

    /// The name of its file.
    pub(super) fn file(&self) -> String {
        format!("{}.json", self.kind.replace("::", "-").replace('/', "-"))
    }
}

fn entry(name: &str, value: &Value) -> String {
    format!("{}:{value}", Value::from(name))
}

fn spread(map: &Map<String, Value>) -> String {
    let lines: Vec<String> = map.iter().map(|(name, value)| entry(name, value)).collect();
    format!("{{\n{}}}", lines.join(",\n"))
}

/// The names that a node refers to.
fn references(node: &Value, found: &mut Vec<String>) {
    match node {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(name) if key == "ref" => found.push(name.clone()),
                    // A property may bear any name, `enum` and `ref` too, but then it is a node.
                    _ => references(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// The pointers at which `marked` holds, outermost only. A definition that holds itself is entered once a branch.
pub(super) fn pointers(root: &Value, definitions: &Map<String, Value>, marked: &dyn Fn(&Value) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    let walk = Walk { definitions, marked };
    walk.enter(root, "", &mut Vec::new(), &mut found);
    found.sort();
    found.dedup();
    found
}

struct Walk<'a> {
    definitions: &'a Map<String, Value>,
    marked: &'a dyn Fn(&Value) -> bool,
}

impl<'a> Walk<'a> {
    fn enter(&self, node: &'a Value, at: &str, within: &mut Vec<&'a str>, found: &mut Vec<String>) {
        if !at.is_empty() && (self.marked)(node) {
            found.push(at.to_owned());
            return;
        }
        if let Some(name) = node.get("ref").and_then(Value::as_str) {
            if within.contains(&name) {
                return;
            }
            if let Some(target) = self.definitions.get(name) {
                within.push(name);
                self.enter(target, at, within, found);
                within.pop();
            }
            return;
        }
        for (name, child) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
            self.enter(child, &format!("{at}/{}", escape(name)), within, found);
        }
        for key in ["items", "additional"] {
            if let Some(child) = node.get(key).filter(|child| child.is_object()) {
                self.enter(child, &format!("{at}/*"), within, found);
            }
        }
        let by_type = node.get("discriminator").and_then(|of| of.get("types")).and_then(Value::as_object);
        for child in by_type.into_iter().flat_map(Map::values) {
            self.enter(child, at, within, found);
        }
    }
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Removes a word of the drafting that is not part of the format from every node.
pub(super) fn strip(node: &mut Value, word: &str) {
    match node {
        Value::Object(map) => {
            if map.get(word).is_some_and(Value::is_boolean) {
                map.remove(word);
            }
            map.values_mut().for_each(|value| strip(value, word));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| strip(item, word)),
        _ => {}
    }
}

/// A pattern as the reader's engine understands it; `None` where it cannot (it looks ahead or back).
pub(super) fn pattern(text: &str) -> Option<String> {
    let ours = text.strip_suffix("\\Z").map_or_else(|| text.to_owned(), |front| format!("{front}$"));
    // One that allows anything only costs time.
    let says_something = !matches!(ours.as_str(), "" | ".*" | "^.*$");
    (says_something && regex::Regex::new(&ours).is_ok()).then_some(ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_holds_itself_ends() {
        let root = serde_json::json!({ "properties": { "a": { "ref": "A" } } });
        let definitions = serde_json::json!({
            "A": { "properties": { "id": { "ro": true }, "again": { "ref": "A" }, "list": { "items": { "ref": "A" } } } }
        });
        let definitions = definitions.as_object().unwrap();
        assert_eq!(pointers(&root, definitions, &|node| node.get("ro").is_some()), ["/a/id"]);
    }

    #[test]
    fn what_nothing_refers_to_goes() {
        let mut draft = Draft {
            kind: "a/b".to_owned(),
            source: Source { package: "p".to_owned(), version: "1".to_owned(), date: "d".to_owned() },
            facts: Map::new(),
            marks: BTreeMap::new(),
            root: serde_json::json!({ "properties": { "a": { "ref": "A" } } }),
            definitions: serde_json::from_str(r#"{"A":{"items":{"ref":"B"}},"B":{},"C":{}}"#).unwrap(),
        };
        draft.prune();
        assert_eq!(draft.definitions.keys().collect::<Vec<_>>(), ["A", "B"]);
        assert_eq!(draft.file(), "a-b.json");
        serde_json::from_str::<Value>(&draft.text()).unwrap();
    }

    #[test]
    fn a_pattern_that_cannot_be_read_is_dropped() {
        assert_eq!(pattern("^a\\Z").as_deref(), Some("^a$"));
        assert_eq!(pattern("(?!a)b"), None);
    }
}
