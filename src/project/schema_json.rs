//! The JSON Schema of wildcam.toml, for editors.

use serde_json::{Map, Value, json};

use super::Settings;

/// The JSON Schema (draft 2020-12) of wildcam.toml.
#[must_use]
pub fn json_schema() -> Value {
    let mut schema: Value = schemars::schema_for!(Settings).into();
    let overrides = override_schema(&schema);
    let Value::Object(root) = &mut schema else { return schema };
    root.insert("title".to_owned(), json!("wildcam.toml"));
    if let Some(Value::Object(definitions)) = root.get_mut("$defs") {
        definitions.extend(overrides);
    }
    if let Some(Value::Object(properties)) = root.get_mut("properties") {
        properties.insert(
            "env".to_owned(),
            json!({
                "description": "What differs in an environment, by its name: any of the other tables",
                "type": "object",
                "additionalProperties": {"$ref": "#/$defs/Override"}
            }),
        );
    }
    schema
}

/// The same tables once more, in which nothing must be given: an environment writes only what differs.
fn override_schema(schema: &Value) -> Map<String, Value> {
    let mut overrides = Map::new();
    let mut root = schema.clone();
    if let Value::Object(root) = &mut root {
        root.remove("$schema");
        root.remove("title");
        if let Some(Value::Object(definitions)) = root.remove("$defs") {
            for (name, mut definition) in definitions {
                soften(&mut definition);
                overrides.insert(format!("Override{name}"), definition);
            }
        }
    }
    soften(&mut root);
    overrides.insert("Override".to_owned(), root);
    overrides
}

fn soften(value: &mut Value) {
    match value {
        Value::Object(object) => {
            // A key named `required` in some table would be an object; the keyword is a list.
            if object.get("required").is_some_and(Value::is_array) {
                object.remove("required");
            }
            object.remove("default");
            for (key, inner) in object.iter_mut() {
                match inner {
                    Value::String(reference) if key == "$ref" => {
                        *reference = reference.replace("#/$defs/", "#/$defs/Override");
                    }
                    inner => soften(inner),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(soften),
        _ => {}
    }
}
