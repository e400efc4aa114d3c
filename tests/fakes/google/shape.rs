//! Bodies: what they may hold by templates/schemas/gcp, and how masks and merges change what stands.

use std::{collections::HashMap, fs, path::Path, sync::Mutex};

use serde_json::{Map, Value};

use super::world::Refusal;

/// The schema of a type.
pub(crate) fn schema(kind: &str) -> &'static Value {
    static READ: Mutex<Option<HashMap<String, &'static Value>>> = Mutex::new(None);
    let mut read = READ.lock().expect("the schemas are whole");
    let read = read.get_or_insert_with(HashMap::new);
    if let Some(schema) = read.get(kind) {
        return schema;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/schemas/gcp").join(format!("{kind}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let schema: Value = serde_json::from_str(&text).expect("a schema is JSON");
    let schema: &'static Value = Box::leak(Box::new(schema));
    read.insert(kind.to_owned(), schema);
    schema
}

fn pointers(kind: &str, list: &str) -> Vec<String> {
    let all = schema(kind)[list].as_array().cloned().unwrap_or_default();
    all.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Refuses a body that is not as the schema says. `within` is where it stands in the properties of a template.
pub(crate) fn check(kind: &str, within: &str, body: &Value, fields: Option<&[String]>) -> Result<(), Refusal> {
    let schema = schema(kind);
    let mut node = &schema["root"];
    for part in within.split('/').skip(1) {
        node = resolve(schema, &node["properties"][part]);
    }
    if let (Some(fields), Some(object)) = (fields, body.as_object())
        && let Some(unknown) = object.keys().find(|name| !fields.contains(name))
    {
        return Err(unknown_name(unknown, ""));
    }
    value(schema, node, body, "")?;
    for pointer in pointers(kind, "readOnly") {
        if let Some(inside) = pointer.strip_prefix(within)
            && inside.starts_with('/')
            && !inside.contains("etag")
            && reaches(body, inside)
        {
            return Err(Refusal::invalid(format!("{inside} is output only and may not be sent")));
        }
    }
    Ok(())
}

fn unknown_name(name: &str, at: &str) -> Refusal {
    Refusal::invalid(format!("Invalid JSON payload received. Unknown name \"{name}\" at '{at}': Cannot find field."))
}

/// Whether something stands at a pointer, in which `*` stands for any member.
fn reaches(value: &Value, pointer: &str) -> bool {
    let Some(rest) = pointer.strip_prefix('/') else { return true };
    let (part, rest) = rest.split_once('/').map_or((rest, String::new()), |(part, rest)| (part, format!("/{rest}")));
    match (part, value) {
        ("*", Value::Array(list)) => list.iter().any(|item| reaches(item, &rest)),
        ("*", Value::Object(map)) => map.values().any(|item| reaches(item, &rest)),
        (_, Value::Object(map)) => map.get(part).is_some_and(|item| reaches(item, &rest)),
        _ => false,
    }
}

fn resolve<'a>(schema: &'a Value, node: &'a Value) -> &'a Value {
    match node["ref"].as_str() {
        Some(name) => resolve(schema, &schema["definitions"][name]),
        None => node,
    }
}

fn value(schema: &Value, node: &Value, of: &Value, at: &str) -> Result<(), Refusal> {
    let node = resolve(schema, node);
    if of.is_null() || node.is_null() {
        return Ok(());
    }
    let types: Vec<&str> = match &node["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let is = |kind: &str| match kind {
        "object" => of.is_object(),
        "array" => of.is_array(),
        "string" => of.is_string(),
        "boolean" => of.is_boolean(),
        "integer" => of.is_i64() || of.is_u64(),
        "number" => of.is_number(),
        _ => true,
    };
    if !types.is_empty() && !types.iter().any(|kind| is(kind)) {
        return Err(Refusal::invalid(format!("Invalid value at '{at}' ({}), {of}", types.join(" or "))));
    }
    if let (Some(allowed), Some(text)) = (node["enum"].as_array(), of.as_str())
        && !allowed.iter().any(|one| one == text)
    {
        return Err(Refusal::invalid(format!("Invalid value at '{at}', \"{text}\"")));
    }
    match of {
        Value::Object(map) => {
            for (name, inner) in map {
                let below = format!("{at}/{name}");
                let known = &node["properties"][name];
                if !known.is_null() {
                    value(schema, known, inner, &below)?;
                } else if !node["additional"].is_null() {
                    value(schema, &node["additional"], inner, &below)?;
                } else if node["properties"].is_object() {
                    return Err(unknown_name(name, at));
                }
            }
        }
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                value(schema, &node["items"], inner, &format!("{at}/{index}"))?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Refuses a change of what is set at creation only.
pub(crate) fn check_kept(kind: &str, within: &str, before: &Value, after: &Value) -> Result<(), Refusal> {
    for pointer in pointers(kind, "createOnly") {
        let Some(inside) = pointer.strip_prefix(within).filter(|_| !pointer.contains('*')) else { continue };
        if let (Some(was), is) = (before.pointer(inside), after.pointer(inside))
            && Some(was) != is
        {
            return Err(Refusal::invalid(format!("{inside} is immutable")));
        }
    }
    Ok(())
}

/// Takes the fields that a mask names from `body`; what it names and `body` lacks goes.
pub(crate) fn masked(kind: &str, within: &str, before: &Value, body: &Value, mask: &str) -> Result<Value, Refusal> {
    if mask.is_empty() {
        return Err(Refusal::invalid("update_mask is required"));
    }
    let paths: Vec<String> = mask.split(',').map(|path| format!("/{}", path.replace('.', "/"))).collect();
    let mut after = before.clone();
    let schema = schema(kind);
    for path in &paths {
        let mut node = &schema["root"];
        for part in within.split('/').skip(1).chain(path.split('/').skip(1)) {
            let here = resolve(schema, node);
            if here["type"] == "array" {
                return Err(Refusal::invalid(format!("the mask {path} goes into a list")));
            }
            node = &here["properties"][part];
            if node.is_null() {
                return Err(Refusal::invalid(format!("the mask names {path}, which is no field")));
            }
        }
        put(&mut after, path, body.pointer(path).cloned());
    }
    if let Some(stray) = leaves(body, "")
        .into_iter()
        .find(|leaf| leaf != "/etag" && !paths.iter().any(|path| leaf == path || leaf.starts_with(&format!("{path}/"))))
    {
        return Err(Refusal::invalid(format!("{stray} is sent, and the mask does not name it")));
    }
    Ok(after)
}

fn leaves(value: &Value, at: &str) -> Vec<String> {
    match value {
        Value::Object(map) if !map.is_empty() => {
            map.iter().flat_map(|(name, inner)| leaves(inner, &format!("{at}/{name}"))).collect()
        }
        _ if at.is_empty() => Vec::new(),
        _ => vec![at.to_owned()],
    }
}

/// RFC 7396.
pub(crate) fn merged(before: &Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut after = before.as_object().cloned().unwrap_or_default();
    for (name, value) in patch {
        if value.is_null() {
            after.remove(name);
        } else {
            let inner = merged(after.get(name).unwrap_or(&Value::Null), value);
            after.insert(name.clone(), inner);
        }
    }
    Value::Object(after)
}

/// Sets or removes what is at a pointer.
pub(crate) fn put(root: &mut Value, pointer: &str, value: Option<Value>) {
    let (parent, last) = pointer.rsplit_once('/').expect("a pointer");
    let mut here = root;
    for part in parent.split('/').skip(1) {
        if !here.is_object() {
            *here = Value::Object(Map::new());
        }
        here = here.as_object_mut().expect("an object").entry(part).or_insert_with(|| Value::Object(Map::new()));
    }
    if !here.is_object() {
        *here = Value::Object(Map::new());
    }
    let object = here.as_object_mut().expect("an object");
    match value {
        Some(value) => drop(object.insert(last.to_owned(), value)),
        None => drop(object.remove(last)),
    }
}
