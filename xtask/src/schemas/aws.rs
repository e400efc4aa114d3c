//! AWS: the resource type schemas that cfn-lint carries, of the region that has them all.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Map, Value, json};

use super::format::{self, Draft, Source};

/// Where the package keeps its schemas.
const FOLDER: &str = "cfnlint/data/schemas";

/// What these words say is kept as it is, under our word for it.
const KEPT: [(&str, &str); 14] = [
    ("required", "required"),
    ("enum", "enum"),
    ("minLength", "minLength"),
    ("maxLength", "maxLength"),
    ("minimum", "min"),
    ("maximum", "max"),
    ("minItems", "minItems"),
    ("maxItems", "maxItems"),
    ("uniqueItems", "unique"),
    ("requiredXor", "requiredOne"),
    ("requiredOr", "requiredAny"),
    ("dependentRequired", "dependentRequired"),
    ("dependentExcluded", "dependentExcluded"),
    ("type", "type"),
];

/// The drafts of `kinds` from the unpacked package.
///
/// # Errors
///
/// When a file is missing or is not what it was.
pub(super) fn drafts(unpacked: &Path, package: &str, version: &str, kinds: &[String]) -> Result<Vec<Draft>, String> {
    let folder = unpacked.join(FOLDER);
    let dated = read(&folder.join("version.json"))?;
    let date = dated["schema_date"].as_str().and_then(|date| date.get(..10)).ok_or("the schemas bear no date")?;
    let source = Source { package: package.to_owned(), version: version.to_owned(), date: date.to_owned() };
    let index = read(&folder.join("providers/us-east-1.json"))?;
    kinds
        .iter()
        .map(|kind| {
            let name = index[kind].as_str().ok_or_else(|| format!("the package has no {kind}"))?;
            let schema = read(&folder.join("resources").join(format!("{name}.json")))?;
            Ok(draft(kind, &schema, &source))
        })
        .collect()
}

fn read(path: &Path) -> Result<Value, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{} is no JSON: {error}", path.display()))
}

fn draft(kind: &str, schema: &Value, source: &Source) -> Draft {
    let listed = |key: &str| -> Vec<String> {
        let all = schema[key].as_array().into_iter().flatten().filter_map(Value::as_str);
        all.filter_map(|pointer| pointer.strip_prefix("/properties")).map(str::to_owned).collect()
    };
    let mut facts = Map::new();
    facts.insert("identifier".to_owned(), Value::from(listed("primaryIdentifier")));
    let taggable = schema["tagging"]["taggable"].as_bool().unwrap_or(true);
    if let Some(tags) = schema["tagging"]["tagProperty"].as_str().and_then(|at| at.strip_prefix("/properties"))
        && taggable
    {
        facts.insert("tags".to_owned(), Value::from(tags));
    }
    let conditional = listed("conditionalCreateOnlyProperties");
    if !conditional.is_empty() {
        facts.insert("sometimesCreateOnly".to_owned(), Value::from(conditional));
    }
    let handlers: Map<String, Value> = schema["handlers"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, handler)| {
            let mut permissions: Vec<&str> =
                handler["permissions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            permissions.sort_unstable();
            (name.clone(), json!(permissions))
        })
        .collect();
    facts.insert("handlers".to_owned(), Value::Object(handlers));
    let definitions = schema["definitions"].as_object().into_iter().flatten();
    let mut draft = Draft {
        kind: kind.to_owned(),
        source: source.clone(),
        facts,
        marks: BTreeMap::from([
            ("readOnly", listed("readOnlyProperties")),
            ("createOnly", listed("createOnlyProperties")),
            ("writeOnly", listed("writeOnlyProperties")),
        ]),
        root: node(schema),
        definitions: definitions.map(|(name, definition)| (name.clone(), node(definition))).collect(),
    };
    draft.prune();
    draft
}

fn node(from: &Value) -> Value {
    let Some(from) = from.as_object() else { return json!({}) };
    if let Some(name) = from.get("$ref").and_then(Value::as_str).and_then(|at| at.strip_prefix("#/definitions/")) {
        return json!({ "ref": name });
    }
    let mut to = Map::new();
    for (theirs, ours) in KEPT {
        let said = from.get(theirs).filter(|said| **said != json!(false) && **said != json!([]));
        if let Some(said) = said {
            to.insert(ours.to_owned(), said.clone());
        }
    }
    if let Some(only) = from.get("const") {
        to.insert("enum".to_owned(), json!([only]));
    }
    if let Some(pattern) = from.get("pattern").and_then(Value::as_str).and_then(format::pattern) {
        to.insert("pattern".to_owned(), Value::from(pattern));
    }
    if let Some(items) = from.get("items") {
        to.insert("items".to_owned(), node(items));
    }
    let mut properties = children(from.get("properties"));
    alternatives(from, &mut to, &mut properties);
    let has_properties = !properties.is_empty();
    if has_properties {
        to.insert("properties".to_owned(), Value::Object(properties));
        to.entry("type").or_insert_with(|| json!("object"));
    }
    match (from.get("patternProperties").and_then(Value::as_object), from.get("additionalProperties")) {
        // Every use of it gives all keys the same shape.
        (Some(patterns), _) => {
            to.insert("additional".to_owned(), patterns.values().next().map_or_else(|| json!({}), node));
        }
        (None, Some(more @ Value::Object(_))) => {
            to.insert("additional".to_owned(), node(more));
        }
        (None, Some(Value::Bool(false))) => {}
        // An object without a word about its keys takes any; one that names some is meant to be closed.
        _ if !has_properties && may_be_object(&to) => {
            to.insert("additional".to_owned(), json!({}));
        }
        _ => {}
    }
    Value::Object(to)
}

fn may_be_object(node: &Map<String, Value>) -> bool {
    match node.get("type") {
        Some(Value::String(one)) => one == "object",
        Some(Value::Array(several)) => several.contains(&json!("object")),
        _ => false,
    }
}

fn children(from: Option<&Value>) -> Map<String, Value> {
    let named = from.and_then(Value::as_object).into_iter().flatten();
    named.map(|(name, child)| (name.clone(), node(child))).collect()
}

/// `oneOf` and `anyOf` appear in two forms only: which key must be there, and which format a string may have. The first
/// is a word of the format; the second is not kept.
fn alternatives(from: &Map<String, Value>, to: &mut Map<String, Value>, properties: &mut Map<String, Value>) {
    for (theirs, ours) in [("oneOf", "requiredOne"), ("anyOf", "requiredAny")] {
        let branches = from.get(theirs).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let required: Vec<&Value> =
            branches.iter().filter_map(|branch| branch.get("required")?.as_array()?.first()).collect();
        if required.is_empty() || required.len() != branches.len() {
            continue;
        }
        to.insert(ours.to_owned(), json!(required));
        branches.iter().for_each(|branch| properties.extend(children(branch.get("properties"))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_goes_and_facts_stay() {
        let from = json!({
            "type": "object", "description": "words", "additionalProperties": false, "required": ["A"],
            "oneOf": [{ "required": ["A"] }, { "required": ["B"] }],
            "properties": {
                "A": { "type": "string", "const": "x", "pattern": "^x\\Z", "examples": ["x"] },
                "B": { "$ref": "#/definitions/B", "description": "words" },
                "C": { "type": "object", "patternProperties": { ".*": { "type": "string" } } },
                "D": { "type": ["object", "string"] },
                "E": { "type": "string", "anyOf": [{ "format": "a" }, { "format": "b" }] },
            }
        });
        let to = json!({
            "type": "object", "required": ["A"], "requiredOne": ["A", "B"],
            "properties": {
                "A": { "type": "string", "enum": ["x"], "pattern": "^x$" },
                "B": { "ref": "B" },
                "C": { "type": "object", "additional": { "type": "string" } },
                "D": { "type": ["object", "string"], "additional": {} },
                "E": { "type": "string" },
            }
        });
        assert_eq!(node(&from), to);
    }
}
