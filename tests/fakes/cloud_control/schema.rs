//! Checks properties against the schemas in templates/schemas/aws, by a reader of its own.

use std::path::Path;

use serde_json::Value;

/// The schema of one type.
pub(crate) struct Checker {
    pub(crate) whole: Value,
}

fn words(value: &Value) -> &'static str {
    match value {
        Value::Object(_) => "object",
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::Null => "null",
    }
}

impl Checker {
    /// The schema of a type; `None` where there is none.
    pub(crate) fn of(kind: &str) -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/schemas/aws");
        let text = std::fs::read_to_string(folder.join(format!("{}.json", kind.replace("::", "-")))).ok()?;
        Some(Self { whole: serde_json::from_str(&text).expect("a schema is JSON") })
    }

    /// The pointers under a word: `createOnly`, `readOnly`, `writeOnly`, `identifier`.
    pub(crate) fn pointers(&self, word: &str) -> Vec<String> {
        let list = self.whole[word].as_array().map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
    }

    /// Whether the service offers an operation for this type.
    pub(crate) fn offers(&self, operation: &str) -> bool {
        self.whole["handlers"].get(operation).is_some()
    }

    /// Everything that is wrong with some properties; what is read-only is wrong when `strict`.
    pub(crate) fn check(&self, properties: &Value, strict: bool) -> Vec<String> {
        let mut wrong = Vec::new();
        self.node(&self.whole["root"], properties, "#", &mut wrong);
        if strict {
            for pointer in self.pointers("readOnly") {
                if !places(properties, &pointer).is_empty() {
                    wrong.push(format!("{pointer}: read-only"));
                }
            }
        }
        wrong
    }

    fn node(&self, node: &Value, value: &Value, place: &str, wrong: &mut Vec<String>) {
        let node = match node["ref"].as_str() {
            Some(name) => &self.whole["definitions"][name],
            None => node,
        };
        // Until the apply, a reference stands for a value of any type.
        if value.as_str().is_some_and(|text| text.contains("${")) {
            return;
        }
        let found = words(value);
        let types: Vec<&str> = match &node["type"] {
            Value::String(one) => vec![one],
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let fits = |wanted: &&str| *wanted == found || *wanted == "number" && found == "integer";
        if !types.is_empty() && !types.iter().any(fits) {
            wrong.push(format!("{place}: expected {types:?}, found {found}"));
            return;
        }
        if let Some(allowed) = node["enum"].as_array()
            && !allowed.contains(value)
        {
            wrong.push(format!("{place}: {value} is none of the allowed"));
        }
        match value {
            Value::Object(map) => self.object(node, map, place, wrong),
            Value::Array(items) => {
                let count = items.len() as u64;
                if node["minItems"].as_u64().is_some_and(|least| count < least)
                    || node["maxItems"].as_u64().is_some_and(|most| count > most)
                {
                    wrong.push(format!("{place}: {count} items"));
                }
                if node["unique"] == true && (1..items.len()).any(|index| items[..index].contains(&items[index])) {
                    wrong.push(format!("{place}: items are not unique"));
                }
                for (index, item) in items.iter().enumerate() {
                    self.node(&node["items"], item, &format!("{place}/{index}"), wrong);
                }
            }
            Value::String(text) => {
                let length = text.chars().count() as u64;
                if node["minLength"].as_u64().is_some_and(|least| length < least)
                    || node["maxLength"].as_u64().is_some_and(|most| length > most)
                {
                    wrong.push(format!("{place}: {length} characters"));
                }
            }
            Value::Number(number) => {
                let number = number.as_f64().unwrap_or_default();
                if node["min"].as_f64().is_some_and(|least| number < least)
                    || node["max"].as_f64().is_some_and(|most| number > most)
                {
                    wrong.push(format!("{place}: {number} is out of range"));
                }
            }
            _ => {}
        }
    }

    fn object(&self, node: &Value, map: &serde_json::Map<String, Value>, place: &str, wrong: &mut Vec<String>) {
        let known = node["properties"].as_object();
        for (key, inner) in map {
            let inner_place = format!("{place}/{key}");
            match (known.and_then(|known| known.get(key)), node.get("additional")) {
                (Some(next), _) | (None, Some(next)) => self.node(next, inner, &inner_place, wrong),
                (None, None) if known.is_none() && node["type"].is_null() => {}
                (None, None) => wrong.push(format!("{inner_place}: extraneous key [{key}] is not permitted")),
            }
        }
        let names = |word: &str| {
            let list = node[word].as_array().map(Vec::as_slice).unwrap_or_default();
            list.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect::<Vec<_>>()
        };
        for name in names("required") {
            if !map.contains_key(&name) {
                wrong.push(format!("{place}: required key [{name}] not found"));
            }
        }
        let one_of = names("requiredOne");
        if !one_of.is_empty() && one_of.iter().filter(|name| map.contains_key(*name)).count() != 1 {
            wrong.push(format!("{place}: exactly one of {one_of:?} must be there"));
        }
        let any_of = names("requiredAny");
        if !any_of.is_empty() && !any_of.iter().any(|name| map.contains_key(name)) {
            wrong.push(format!("{place}: one of {any_of:?} must be there"));
        }
        for (word, excluded) in [("dependentExcluded", true), ("dependentRequired", false)] {
            for (key, others) in node[word].as_object().into_iter().flatten() {
                let others = others.as_array().map(Vec::as_slice).unwrap_or_default();
                let clash = |other: &Value| other.as_str().is_some_and(|other| map.contains_key(other) == excluded);
                if map.contains_key(key) && others.iter().any(clash) {
                    wrong.push(format!("{place}: {key} and {others:?} ({word})"));
                }
            }
        }
    }
}

/// The pointers in `value` that a pattern with `*` means.
pub(super) fn places(value: &Value, pattern: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for token in pattern.split('/').skip(1) {
        let step = |place: String| -> Vec<String> {
            match (value.pointer(&place), token) {
                (Some(Value::Array(items)), "*") => (0..items.len()).map(|index| format!("{place}/{index}")).collect(),
                (Some(Value::Object(map)), "*") => map.keys().map(|key| format!("{place}/{key}")).collect(),
                (Some(_), token) => vec![format!("{place}/{token}")],
                (None, _) => Vec::new(),
            }
        };
        found = found.into_iter().flat_map(step).filter(|place| value.pointer(place).is_some()).collect();
    }
    found
}
