//! JSON Patch (RFC 6902), as far as a client may use it, and not further: what leads nowhere is an error.

use serde_json::Value;

/// Applies a patch.
pub(super) fn apply(document: &mut Value, patch: &Value) -> Result<(), String> {
    let operations = patch.as_array().ok_or("a patch is a list")?;
    if operations.is_empty() {
        return Err("an empty patch".to_owned());
    }
    for operation in operations {
        let fields = operation.as_object().ok_or("an operation is an object")?;
        if let Some(strange) = fields.keys().find(|key| !["op", "path", "value"].contains(&key.as_str())) {
            return Err(format!("an operation has no `{strange}` here"));
        }
        let path = operation["path"].as_str().ok_or("an operation needs a path")?;
        let value = operation.get("value");
        match (operation["op"].as_str(), value) {
            (Some("add"), Some(value)) => put(document, path, value.clone(), true)?,
            (Some("replace"), Some(value)) => put(document, path, value.clone(), false)?,
            (Some("remove"), None) => remove(document, path)?,
            (Some("test"), Some(value)) if document.pointer(path) == Some(value) => {}
            other => return Err(format!("{other:?} cannot be done")),
        }
    }
    Ok(())
}

fn parent<'d>(document: &'d mut Value, path: &str) -> Result<(&'d mut Value, String), String> {
    let (above, last) = path.rsplit_once('/').ok_or_else(|| format!("`{path}` is no path"))?;
    let last = last.replace("~1", "/").replace("~0", "~");
    let parent = document.pointer_mut(above).ok_or_else(|| format!("`{above}` does not exist"))?;
    Ok((parent, last))
}

fn put(document: &mut Value, path: &str, value: Value, may_be_new: bool) -> Result<(), String> {
    if !may_be_new && document.pointer(path).is_none() {
        return Err(format!("`{path}` does not exist"));
    }
    let (parent, last) = parent(document, path)?;
    match parent {
        Value::Object(map) => {
            map.insert(last, value);
        }
        Value::Array(items) if last == "-" => items.push(value),
        Value::Array(items) => {
            let index: usize = last.parse().map_err(|_| format!("`{path}` is no index"))?;
            match (may_be_new, index <= items.len()) {
                (true, true) => items.insert(index, value),
                (false, true) => items[index] = value,
                _ => return Err(format!("`{path}` is beyond the end")),
            }
        }
        _ => return Err(format!("`{path}` is within a value")),
    }
    Ok(())
}

fn remove(document: &mut Value, path: &str) -> Result<(), String> {
    let missing = || format!("`{path}` does not exist");
    let (parent, last) = parent(document, path)?;
    match parent {
        Value::Object(map) => map.remove(&last).map(|_| ()).ok_or_else(missing),
        Value::Array(items) => {
            let index = last.parse().ok().filter(|index| *index < items.len()).ok_or_else(missing)?;
            items.remove(index);
            Ok(())
        }
        _ => Err(missing()),
    }
}
