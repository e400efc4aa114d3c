//! Google: the discovery documents. They mark what is output only; what may be set once, must be set, or is never told
//! is only said by the words that begin a description.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::format::{self, Draft, Source};

/// Where the package keeps the documents.
const FOLDER: &str = "googleapiclient/discovery_cache/documents";

/// The words that may begin a description, and what they mean for a field.
const WORDS: [(&str, &str); 7] = [
    ("[output only]", "$readOnly"),
    ("output only", "$readOnly"),
    ("immutable", "$createOnly"),
    ("input only", "$writeOnly"),
    ("required", "$required"),
    ("optional", ""),
    ("identifier", ""),
];

const FLAGS: [(&str, &str); 3] =
    [("$readOnly", "readOnly"), ("$createOnly", "createOnly"), ("$writeOnly", "writeOnly")];

/// One type.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kind {
    /// The document: `storage.v1`.
    document: String,
    /// The schema in it; empty: only what `extra` says.
    #[serde(default)]
    schema: String,
    /// Properties beside those of the schema, which the calls take in their address: names and types.
    #[serde(default)]
    extra: BTreeMap<String, String>,
    /// Properties that hold another schema of the document: names and schemas.
    #[serde(default)]
    nested: BTreeMap<String, String>,
    /// The schema whose fields are told at the top too, where the resource lies in an envelope.
    #[serde(default)]
    told: Option<String>,
    /// Properties that must be set, beside those that say so.
    #[serde(default)]
    required: Vec<String>,
    /// Properties that are settable although the document calls them output only, and not required although it does.
    #[serde(default)]
    free: Vec<String>,
    /// Pointers of what may be set once, beside those that say so.
    #[serde(default)]
    create_only: Vec<String>,
    /// Pointers of what is read only, beside those that say so.
    #[serde(default)]
    read_only: Vec<String>,
    /// Where labels lie.
    #[serde(default)]
    labels: Option<String>,
}

/// The drafts of all types.
///
/// # Errors
///
/// When a document or a schema is missing.
pub(super) fn drafts(
    unpacked: &Path,
    package: &str,
    version: &str,
    kinds: &BTreeMap<String, Kind>,
) -> Result<Vec<Draft>, String> {
    kinds
        .iter()
        .map(|(kind, of)| {
            let path = unpacked.join(FOLDER).join(format!("{}.json", of.document));
            let text = fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            let document: Value = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", of.document))?;
            let revision = document["revision"].as_str().unwrap_or_default();
            let date = match (revision.get(..4), revision.get(4..6), revision.get(6..8)) {
                (Some(year), Some(month), Some(day)) => format!("{year}-{month}-{day}"),
                _ => return Err(format!("{} bears no date", of.document)),
            };
            let source = Source { package: format!("{package} {}", of.document), version: version.to_owned(), date };
            draft(kind, of, &document, source)
        })
        .collect()
}

fn draft(kind: &str, of: &Kind, document: &Value, source: Source) -> Result<Draft, String> {
    let schemas = document["schemas"].as_object().ok_or_else(|| format!("{} has no schemas", of.document))?;
    let mut definitions: Map<String, Value> =
        schemas.iter().map(|(name, schema)| (name.clone(), node(schema, kind))).collect();
    let mut root = match definitions.get(&of.schema) {
        Some(root) => root.clone(),
        None if of.schema.is_empty() => json!({ "type": "object", "properties": {} }),
        None => return Err(format!("{} has no {}", of.document, of.schema)),
    };
    for (name, kind) in &of.extra {
        root["properties"][name] = json!({ "type": kind, "$createOnly": true });
    }
    if let Some(schema) = &of.told {
        let fields = definitions.get(schema).and_then(|told| told["properties"].as_object()).into_iter().flatten();
        for (name, field) in fields.filter(|(_, field)| field["type"] == "string") {
            let mut field = field.clone();
            field["$readOnly"] = json!(true);
            root["properties"][name] = field;
        }
    }
    for (name, schema) in &of.nested {
        root["properties"][name] = json!({ "ref": schema });
    }
    let mut required: Vec<Value> = root["required"].as_array().cloned().unwrap_or_default();
    required.retain(|name| name.as_str().is_some_and(|name| !of.free.iter().any(|free| free == name)));
    required.extend(of.required.iter().map(|name| json!(name)));
    required.sort_by_key(ToString::to_string);
    required.dedup();
    if let Some(map) = root.as_object_mut() {
        map.remove("required");
        if !required.is_empty() {
            map.insert("required".to_owned(), Value::Array(required));
        }
    }
    for name in &of.free {
        if let Some(Value::Object(field)) = root["properties"].get_mut(name) {
            field.remove("$readOnly");
        }
    }
    let mut marks = BTreeMap::new();
    for (flag, mark) in FLAGS {
        marks.insert(mark, format::pointers(&root, &definitions, &|node| node.get(flag).is_some()));
        format::strip(&mut root, flag);
        definitions.values_mut().for_each(|node| format::strip(node, flag));
    }
    marks.entry("createOnly").or_default().extend(of.create_only.iter().cloned());
    marks.entry("readOnly").or_default().extend(of.read_only.iter().cloned());
    let mut facts = Map::new();
    if let Some(labels) = &of.labels {
        facts.insert("tags".to_owned(), Value::from(labels.as_str()));
    }
    let mut draft = Draft { kind: kind.to_owned(), source, facts, marks, root, definitions };
    draft.prune();
    Ok(draft)
}

fn node(from: &Value, kind: &str) -> Value {
    if let Some(name) = from["$ref"].as_str() {
        return json!({ "ref": name });
    }
    let mut to = Map::new();
    match (from["type"].as_str(), from["format"].as_str()) {
        // Whole numbers of 64 bits travel as strings, and are taken as numbers too.
        (Some("string"), Some("int64" | "uint64")) => {
            to.insert("type".to_owned(), json!(["string", "integer"]));
            to.insert("pattern".to_owned(), json!("^-?[0-9]+$"));
        }
        (None | Some("any"), _) => {}
        (Some(plain), _) => {
            to.insert("type".to_owned(), json!(plain));
        }
    }
    if let Some(allowed) = from.get("enum") {
        to.insert("enum".to_owned(), allowed.clone());
    }
    if let Some(pattern) = from["pattern"].as_str().and_then(format::pattern) {
        to.insert("pattern".to_owned(), Value::from(pattern));
    }
    for (theirs, ours) in [("minimum", "min"), ("maximum", "max")] {
        if let Some(bound) = from[theirs].as_str().and_then(|bound| bound.parse::<f64>().ok()) {
            to.insert(ours.to_owned(), json!(bound));
        }
    }
    if let Some(items) = from.get("items") {
        to.insert("items".to_owned(), node(items, kind));
    }
    if let Some(more) = from.get("additionalProperties") {
        to.insert("additional".to_owned(), node(more, kind));
    }
    if let Some(properties) = from["properties"].as_object() {
        let (mut named, mut required) = (Map::new(), Vec::new());
        for (name, field) in properties {
            let mut child = node(field, kind);
            let flags = flags(field, kind);
            if flags.contains(&"$required") && !flags.contains(&"$readOnly") {
                required.push(json!(name));
            }
            for flag in flags.into_iter().filter(|flag| *flag != "$required") {
                child[flag] = json!(true);
            }
            named.insert(name.clone(), child);
        }
        to.insert("properties".to_owned(), Value::Object(named));
        if !required.is_empty() {
            to.insert("required".to_owned(), Value::Array(required));
        }
    } else if from["type"] == "object" && !to.contains_key("additional") {
        to.insert("additional".to_owned(), json!({}));
    }
    Value::Object(to)
}

/// What a field's description and annotations say of it.
fn flags(field: &Value, kind: &str) -> Vec<&'static str> {
    let mut flags = Vec::new();
    if field["readOnly"] == json!(true) {
        flags.push("$readOnly");
    }
    // `storage.buckets` is made by `storage.buckets.insert`.
    let insert = format!("{kind}.insert");
    if field["annotations"]["required"].as_array().is_some_and(|calls| calls.contains(&json!(insert))) {
        flags.push("$required");
    }
    let mut rest = field["description"].as_str().unwrap_or_default().trim_start();
    'words: loop {
        for (word, flag) in WORDS {
            let front = rest.get(..word.len()).is_some_and(|front| front.eq_ignore_ascii_case(word));
            // "Required for ..." is a condition, "Required." is not.
            let ends = word.starts_with('[') || rest.get(word.len()..).is_some_and(|after| after.starts_with('.'));
            if front && ends {
                if !flag.is_empty() && !flags.contains(&flag) {
                    flags.push(flag);
                }
                rest = rest[word.len()..].trim_start_matches(['.', ' ']);
                continue 'words;
            }
        }
        return flags;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_that_begin_a_description_are_facts() {
        let said = |text: &str| flags(&json!({ "description": text }), "a.b");
        assert_eq!(said("Required. Immutable. The name."), ["$required", "$createOnly"]);
        assert_eq!(said("[Output Only] The name."), ["$readOnly"]);
        assert_eq!(said("Output only. The name."), ["$readOnly"]);
        assert!(said("Required for some. The name is immutable.").is_empty());
        let annotated = json!({ "annotations": { "required": ["a.b.insert"] } });
        assert_eq!(flags(&annotated, "a.b"), ["$required"]);
    }
}
