//! References between resources: `${...}` in a text, what they mean, and what becomes of them.

use serde_json::{Map, Value, json};

use crate::{
    cloud::control::Address,
    project::{SecretRef, SecretRefError},
};

/// The key that stands for a value that only the apply can know.
pub const UNKNOWN: &str = "$unknown";

/// The key that stands for a secret.
pub const SECRET: &str = "$secret";

/// The longest reference, in bytes.
const LONGEST: usize = 400;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Stands as it is, with `$${` already made `${`.
    Text(String),
    /// One of the live properties of another resource.
    Of(Target),
    /// A secret.
    Secret(SecretRef),
}

/// What a reference leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// The resource.
    pub address: Address,
    /// The way to the property, with dots; empty: the resource's id.
    pub path: String,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.path.is_empty() { write!(f, "{}", self.address) } else { write!(f, "{}.{}", self.address, self.path) }
    }
}

/// Why a text holds no good reference. No message repeats what may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// `${` without `}`.
    #[error("a reference begins with `${{` and does not end")]
    Open,
    /// What stands between the braces is none.
    #[error(
        "`{text}` is no reference: name, name.Attribute, stack/name.Attribute or cloud/stack/name.Attribute, each \
         name of a-z, 0-9 and -"
    )]
    Malformed {
        /// What stands there.
        text: String,
    },
    /// A secret inside of a longer text would end up in what people see.
    #[error("a secret stands alone: nothing may come before or after it in the same text")]
    SecretInText,
    /// It names no secret.
    #[error(transparent)]
    Secret(#[from] SecretRefError),
}

/// Splits a text into its pieces. A short target is completed from `home`, the resource that the text belongs to.
///
/// # Errors
/// When a reference is malformed, or a secret does not stand alone.
pub fn parse(text: &str, home: &Address) -> Result<Vec<Part>, ReferenceError> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            plain.push_str(&rest[..at - 1]);
            plain.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        plain.push_str(&rest[..at]);
        let inner = &rest[at + 2..];
        let end = inner.find('}').ok_or(ReferenceError::Open)?;
        let (inner, after) = (&inner[..end], &inner[end + 1..]);
        let part = match inner.strip_prefix("secret:") {
            Some(secret) => Part::Secret(secret.parse()?),
            None => Part::Of(target(inner, home)?),
        };
        if !plain.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut plain)));
        }
        parts.push(part);
        rest = after;
    }
    plain.push_str(rest);
    if !plain.is_empty() || parts.is_empty() {
        parts.push(Part::Text(plain));
    }
    if parts.len() > 1 && parts.iter().any(|part| matches!(part, Part::Secret(_))) {
        return Err(ReferenceError::SecretInText);
    }
    Ok(parts)
}

/// Reads a target: `name`, `stack/name` or `cloud/stack/name`, each with `.Path` or without.
///
/// # Errors
/// When it is none.
pub fn target(text: &str, home: &Address) -> Result<Target, ReferenceError> {
    let malformed = || ReferenceError::Malformed { text: text.chars().take(80).flat_map(char::escape_debug).collect() };
    let (name, path) = match text.split_once('.') {
        Some((_, "")) => return Err(malformed()),
        Some((name, path)) => (name, path),
        None => (text, ""),
    };
    if text.len() > LONGEST || path.split('.').any(|step| step.is_empty()) && !path.is_empty() {
        return Err(malformed());
    }
    if path.contains(['{', '$']) || path.chars().any(char::is_whitespace) {
        return Err(malformed());
    }
    let whole = match name.split('/').count() {
        1 => format!("{}/{}/{name}", home.cloud, home.stack),
        2 => format!("{}/{name}", home.cloud),
        _ => name.to_owned(),
    };
    Ok(Target { address: whole.parse().map_err(|_| malformed())?, path: path.to_owned() })
}

/// The text of the pieces, with every reference written in full.
#[must_use]
pub fn write(parts: &[Part]) -> String {
    parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => text.replace("${", "$${"),
            Part::Of(target) => format!("${{{target}}}"),
            Part::Secret(secret) => format!("${{secret:{secret}}}"),
        })
        .collect()
}

/// The targets in a text whose references are written in full, as in a graph.
#[must_use]
pub fn targets(text: &str) -> Vec<Target> {
    parts_in_full(text)
        .into_iter()
        .filter_map(|part| match part {
            Part::Of(target) => Some(target),
            _ => None,
        })
        .collect()
}

/// In a graph no reference is short, so it needs no home; one that is none stays as it is.
fn parts_in_full(text: &str) -> Vec<Part> {
    let nowhere = Address { cloud: String::new(), stack: String::new(), name: String::new() };
    parse(text, &nowhere).unwrap_or_else(|_| vec![Part::Text(text.to_owned())])
}

/// Puts values in the places of references, which are written in full. `lookup` gives the value for an address and a
/// path (empty: the id); where it knows none, `{"$unknown": "cloud/stack/name.Path"}` stands in the place of the whole
/// text. A text of one reference alone takes the value's own type. A secret becomes `{"$secret": "REFERENCE"}`.
#[must_use]
pub fn resolve(value: &Value, lookup: &dyn Fn(&Address, &str) -> Option<Value>) -> Value {
    match value {
        Value::String(text) if text.contains("${") => resolve_text(text, lookup),
        Value::Array(items) => Value::Array(items.iter().map(|item| resolve(item, lookup)).collect()),
        Value::Object(entries) => {
            let mut resolved = Map::with_capacity(entries.len());
            for (key, item) in entries {
                let key = if key.contains("${") {
                    match resolve_text(key, lookup) {
                        Value::String(text) => text,
                        unknown if unknown.get(UNKNOWN).is_some() => return unknown,
                        other => other.to_string(),
                    }
                } else {
                    key.clone()
                };
                resolved.insert(key, resolve(item, lookup));
            }
            Value::Object(resolved)
        }
        _ => value.clone(),
    }
}

fn resolve_text(text: &str, lookup: &dyn Fn(&Address, &str) -> Option<Value>) -> Value {
    let parts = parts_in_full(text);
    match parts.as_slice() {
        [Part::Secret(secret)] => return json!({ SECRET: secret.to_string() }),
        [Part::Of(target)] => {
            return lookup(&target.address, &target.path).unwrap_or_else(|| json!({ UNKNOWN: target.to_string() }));
        }
        _ => {}
    }
    let mut whole = String::new();
    for part in &parts {
        match part {
            Part::Text(text) => whole.push_str(text),
            // Never in a graph: the templates refuse it.
            Part::Secret(_) => return Value::String(text.to_owned()),
            Part::Of(target) => match lookup(&target.address, &target.path) {
                Some(Value::String(text)) => whole.push_str(&text),
                Some(value @ (Value::Number(_) | Value::Bool(_))) => whole.push_str(&value.to_string()),
                // A list or an unknown has no place within a text; an unknown says which one it waits for.
                Some(unknown) if unknown.get(UNKNOWN).is_some() => return unknown,
                _ => return json!({ UNKNOWN: target.to_string() }),
            },
        }
    }
    Value::String(whole)
}

/// What lies at a path of a resource's live properties. A key may itself hold dots.
#[must_use]
pub fn attribute<'v>(live: &'v Value, path: &str) -> Option<&'v Value> {
    match live {
        Value::Object(entries) => {
            if let Some(value) = entries.get(path) {
                return Some(value);
            }
            path.match_indices('.').find_map(|(at, _)| attribute(entries.get(&path[..at])?, &path[at + 1..]))
        }
        Value::Array(items) => {
            let (index, rest) = path.split_once('.').unwrap_or((path, ""));
            let item = items.get(index.parse::<usize>().ok()?)?;
            if rest.is_empty() { Some(item) } else { attribute(item, rest) }
        }
        _ => None,
    }
}

/// Whether a value is or holds one that only the apply can know.
#[must_use]
pub fn has_unknown(value: &Value) -> bool {
    match value {
        Value::Object(entries) => entries.contains_key(UNKNOWN) || entries.values().any(has_unknown),
        Value::Array(items) => items.iter().any(has_unknown),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> Address {
        "aws/storage/pictures".parse().unwrap()
    }

    fn written(text: &str) -> Result<String, ReferenceError> {
        parse(text, &home()).map(|parts| write(&parts))
    }

    #[test]
    fn short_references_are_completed_and_escapes_stay() {
        for (text, whole) in [
            ("${key}", "${aws/storage/key}"),
            ("${key.Arn}", "${aws/storage/key.Arn}"),
            ("a-${network/net.Subnets.0.Id}-b", "a-${aws/network/net.Subnets.0.Id}-b"),
            ("${gcp/dns/zone.name}", "${gcp/dns/zone.name}"),
            ("$${aws:username} $x {} $", "$${aws:username} $x {} $"),
            ("${secret:env:KEY}", "${secret:env:KEY}"),
            ("", ""),
        ] {
            assert_eq!(written(text).unwrap(), whole);
            assert_eq!(written(whole).unwrap(), whole);
        }
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for text in ["${}", "${a b}", "${A}", "${a/b/c/d}", "${key.}", "${key..x}", "${key.${x}}", "${../x}"] {
            assert!(matches!(written(text), Err(ReferenceError::Malformed { .. })), "{text}: {:?}", written(text));
        }
        assert_eq!(written("${key"), Err(ReferenceError::Open));
        assert_eq!(written("x${secret:env:KEY}"), Err(ReferenceError::SecretInText));
        let error = written("${secret:hunter2}").unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn values_take_the_places_of_references() {
        let lookup = |address: &Address, path: &str| {
            let live = json!({ "Arn": "arn:x", "Port": 5432, "Ids": ["i", "j"], "a.b": { "c": true } });
            (address.name == "key")
                .then(|| if path.is_empty() { json!("id") } else { attribute(&live, path).unwrap().clone() })
        };
        let given = json!({
            "id": "${aws/s/key}", "arn": "${aws/s/key.Arn}", "port": "${aws/s/key.Port}", "ids": "${aws/s/key.Ids}",
            "second": "${aws/s/key.Ids.1}", "dots": "${aws/s/key.a.b.c}",
            "text": "p=${aws/s/key.Port},$${x}", "unknown": ["${aws/s/other.Arn}", "a${aws/s/other}b"],
            "secret": "${secret:file:k}", "map": { "${aws/s/key}": {} }, "later": { "${aws/s/other}": 1 },
        });
        let expected = json!({
            "id": "id", "arn": "arn:x", "port": 5432, "ids": ["i", "j"], "second": "j", "dots": true,
            "text": "p=5432,${x}", "unknown": [{ "$unknown": "aws/s/other.Arn" }, { "$unknown": "aws/s/other" }],
            "secret": { "$secret": "file:k" }, "map": { "id": {} }, "later": { "$unknown": "aws/s/other" },
        });
        assert_eq!(resolve(&given, &lookup), expected);
        assert!(has_unknown(&expected) && !has_unknown(&expected["ids"]));
    }

    proptest::proptest! {
        #[test]
        fn what_was_parsed_is_written_so_that_it_parses_alike(text in "[a-z${}/.:$ ]{0,40}") {
            if let Ok(parts) = parse(&text, &home()) {
                let again = parse(&write(&parts), &home());
                proptest::prop_assert_eq!(again.unwrap(), parts);
            }
        }
    }
}
