//! Properties into requests, and answers into properties.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    super::control::{Change, Live, Owner, Wanted},
    kind::{Kind, Manner, Marks, Update},
    marks,
    names::{self, Where},
};

/// A request's body, and the parameters of its address.
#[derive(Debug, PartialEq)]
pub(super) struct Creation {
    pub(super) body: Value,
    pub(super) query: Vec<(&'static str, String)>,
}

/// What makes `wanted`.
pub(super) fn creation(kind: &Kind, wanted: &Wanted) -> Creation {
    let mut body = wanted.body();
    marks::write(kind.marks, &wanted.owner, &mut body);
    let mut query = Vec::new();
    if let Value::Object(properties) = &mut body {
        for name in kind.query {
            match properties.remove(*name) {
                Some(Value::String(text)) => query.push((*name, text)),
                Some(Value::Null) | None => {}
                Some(other) => query.push((*name, other.to_string())),
            }
        }
        for name in kind.path {
            properties.remove(*name);
        }
    }
    Creation { body, query }
}

/// An answer as a resource: in the shape in which templates set it, without the owner's marks.
pub(super) fn live(kind: &Kind, at: Where<'_>, id: &str, answer: Value) -> Live {
    let etag = etag(kind, &answer);
    let mut properties = match (kind.envelope, answer) {
        (Some(envelope), Value::Object(resource)) => {
            // What others refer to (an email, a name) is found at the top as well.
            let mut whole = resource.clone();
            whole.retain(|name, _| !matches!(name.as_str(), "description" | "displayName" | "title" | "etag"));
            whole.retain(|_, value| value.is_string());
            whole.insert(envelope.to_owned(), Value::Object(resource));
            Value::Object(whole)
        }
        (_, answer @ Value::Object(_)) => answer,
        _ => Value::Object(Map::new()),
    };
    let owner = marks::take(kind.marks, &mut properties);
    if let Value::Object(properties) = &mut properties {
        for (name, value) in names::take_apart(kind.id, id, at).unwrap_or_default() {
            properties.insert(name, Value::String(value));
        }
        if kind.id.is_empty()
            && kind.path.contains(&"parent")
            && let Some(parent) = parent(id)
        {
            properties.insert("parent".to_owned(), Value::String(parent.to_owned()));
        }
        // What reads a secret names the version by its number.
        if kind.manner == Manner::Version
            && let Some((_, number)) = id.rsplit_once('/')
        {
            properties.insert("version".to_owned(), Value::String(number.to_owned()));
        }
    }
    Live { id: id.to_owned(), kind: kind.name.to_owned(), region: at.region.to_owned(), properties, owner, etag }
}

/// Where something lies: its id without the last two parts.
pub(super) fn parent(id: &str) -> Option<&str> {
    let (rest, _) = id.rsplit_once('/')?;
    rest.rsplit_once('/').map(|(parent, _)| parent)
}

fn etag(kind: &Kind, answer: &Value) -> Option<String> {
    let field = match kind.name {
        "storage.buckets" => "/metageneration",
        "sqladmin.instances" => "/settings/settingsVersion",
        "compute.subnetworks" => "/fingerprint",
        _ => "/etag",
    };
    answer.pointer(field)?.as_str().map(str::to_owned)
}

/// What changes a resource: a body, and the mask for those that take one.
#[derive(Debug, PartialEq)]
pub(super) struct Patch {
    pub(super) body: Value,
    pub(super) mask: String,
}

/// The fields that change and nothing else. `live` is as [`live`] made it; `owner` stands in what is sent, so that a map
/// of labels that is set as a whole keeps the marks.
pub(super) fn patch(kind: &Kind, live: &Live, wanted: &Wanted, changes: &[Change], owner: &Owner) -> Patch {
    let set = wanted.body();
    let mut after = live.properties.clone();
    let mut paths: BTreeSet<Vec<String>> = BTreeSet::new();
    let label_place = match kind.marks {
        Marks::Labels(pointer) | Marks::Text(pointer) => pointer,
        Marks::Name => "",
    };
    for change in changes {
        let parts = parts(&change.pointer);
        let cut = cut(&live.properties, &set, &parts);
        let whole = cut < parts.len();
        let pointer = pointer(parts.get(..cut).unwrap_or_default());
        // A list cannot be changed in part. Where only leaves of its members differ, the others keep what Google has
        // filled in; where its length differs, it is what the templates say.
        let same_length = |pointer: &str| {
            let length = |of: &Value| of.pointer(pointer).and_then(Value::as_array).map(Vec::len);
            length(&live.properties).is_some_and(|live| length(&set) == Some(live))
        };
        if whole && !same_length(&pointer) {
            put(&mut after, &pointer, set.pointer(&pointer).cloned());
        } else {
            put(&mut after, &change.pointer, set.pointer(&change.pointer).cloned());
        }
        paths.insert(parts.get(..cut).unwrap_or_default().to_vec());
    }
    // A map of labels is named as a whole in a mask, and so must come whole, the marks among it.
    let mut paths: BTreeSet<Vec<String>> = match kind.update {
        Update::Merge => paths,
        _ => paths.into_iter().map(|path| whole_map(path, label_place)).collect(),
    };
    let touches_marks = paths.iter().any(|path| pointer(path) == label_place);
    if touches_marks || live.owner.as_ref() != Some(owner) && !label_place.is_empty() {
        marks::write(kind.marks, owner, &mut after);
        if !touches_marks {
            if kind.update == Update::Merge && matches!(kind.marks, Marks::Labels(_)) {
                for name in marks::labels(owner).keys() {
                    paths.insert(parts(&format!("{label_place}/{name}")));
                }
            } else {
                paths.insert(parts(label_place));
            }
        }
    }
    // What stands within another path is told by it.
    let outer = |path: &Vec<String>| {
        paths.iter().any(|other| other.len() < path.len() && path.get(..other.len()) == Some(other.as_slice()))
    };
    let told: Vec<&Vec<String>> = paths.iter().filter(|path| !outer(path)).collect();
    let mut body = Value::Object(Map::new());
    let mut mask = Vec::new();
    for path in told {
        let value = after.pointer(&pointer(path)).cloned();
        // In a merge an absent field is left alone and null removes it; under a mask absence removes it.
        let value = if kind.update == Update::Merge { Some(value.unwrap_or(Value::Null)) } else { value };
        put(&mut body, &pointer(path), value);
        let names = match (kind.envelope, path.split_first()) {
            (Some(envelope), Some((first, rest))) if first == envelope => rest,
            _ => path.as_slice(),
        };
        mask.push(names.join("."));
    }
    let body = match kind.envelope.and_then(|envelope| body.get(envelope).cloned()) {
        Some(inner) if kind.update == Update::Mask => inner,
        _ => body,
    };
    Patch { body, mask: mask.join(",") }
}

/// How many parts of a path a mask or a merge can name: all of it, or as far as the first list.
fn cut(live: &Value, set: &Value, parts: &[String]) -> usize {
    for end in 0..parts.len() {
        let at = pointer(parts.get(..end).unwrap_or_default());
        if [live, set].iter().any(|of| of.pointer(&at).is_some_and(Value::is_array)) {
            return end;
        }
    }
    parts.len()
}

/// Maps whose keys are the user's words: a mask cannot name one of them safely.
fn whole_map(path: Vec<String>, labels: &str) -> Vec<String> {
    let maps = [labels, "/labels", "/userLabels", "/annotations", "/attributeMapping", "/template/labels"];
    for map in maps {
        let map_parts = parts(map);
        if !map_parts.is_empty() && path.len() > map_parts.len() && path.starts_with(&map_parts) {
            return map_parts;
        }
    }
    path
}

fn parts(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
}

fn pointer(parts: &[String]) -> String {
    parts.iter().map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect()
}

/// Sets or removes what is at a pointer; objects on the way are made.
fn put(root: &mut Value, at: &str, value: Option<Value>) {
    let parts = parts(at);
    let Some((last, before)) = parts.split_last() else {
        if let Some(value) = value {
            *root = value;
        }
        return;
    };
    let mut here = root;
    for part in before {
        here = match here {
            Value::Array(list) => match part.parse::<usize>().ok().and_then(|index| list.get_mut(index)) {
                Some(inner) => inner,
                None => return,
            },
            other => {
                if !other.is_object() {
                    *other = Value::Object(Map::new());
                }
                match other.as_object_mut() {
                    Some(object) => object.entry(part.clone()).or_insert_with(|| Value::Object(Map::new())),
                    None => return,
                }
            }
        };
    }
    match here {
        Value::Array(list) => {
            if let (Some(value), Some(place)) =
                (value, last.parse::<usize>().ok().and_then(|index| list.get_mut(index)))
            {
                *place = value;
            }
        }
        other => {
            if !other.is_object() {
                *other = Value::Object(Map::new());
            }
            if let Some(object) = other.as_object_mut() {
                match value {
                    Some(value) => drop(object.insert(last.clone(), value)),
                    None => drop(object.remove(last)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
