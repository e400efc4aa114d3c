//! From a rendered YAML document to the resources of one stack, with the place of everything.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    error::{Fault, shown},
    pasted,
    yaml::{Data, Entry, Node},
};
use crate::{
    cloud::control::Address,
    deploy::reference::{SECRET, UNKNOWN},
};

const STACK_KEYS: [&str; 4] = ["stack", "summary", "when", "resources"];
const RESOURCE_KEYS: [&str; 4] = ["type", "region", "needs", "properties"];

/// The most resources that all stacks together may have.
pub(super) const MOST_RESOURCES: usize = 20_000;

/// A resource before its references are followed.
pub(super) struct Draft {
    pub(super) address: Address,
    pub(super) kind: String,
    pub(super) region: Option<String>,
    pub(super) needs: Vec<(String, u32)>,
    pub(super) properties: Value,
    pub(super) places: BTreeMap<String, u32>,
    pub(super) line: u32,
}

/// Reads the resources of a stack; `None` where `when` leaves it out.
pub(super) fn read(document: Node, cloud: &str, stack: &str) -> Result<Option<Vec<Draft>>, Fault> {
    let line = document.line;
    let Data::Map(entries) = document.data else {
        return Err(Fault::new(line, format!("a template is a mapping, and this is {}", document.what()))
            .help("begin with: stack: NAME"));
    };
    let mut resources = None;
    let mut left_out = false;
    for entry in entries {
        match entry.key.as_str() {
            "stack" => match &entry.value.data {
                Data::Text(name) if name == stack => {}
                Data::Text(name) => {
                    return Err(Fault::new(
                        entry.line,
                        format!("the stack `{}` lies in the file {stack}.yaml", shown(name)),
                    )
                    .help(format!("write stack: {stack}, or rename the file")));
                }
                _ => return Err(expected(&entry, "a text")),
            },
            "summary" => {
                if !matches!(entry.value.data, Data::Text(_)) {
                    return Err(expected(&entry, "a text"));
                }
            }
            "when" => {
                left_out = match &entry.value.data {
                    Data::Bool(holds) => !holds,
                    Data::Text(text) => text.trim() != "true",
                    _ => true,
                }
            }
            "resources" => resources = Some(entry),
            other => {
                return Err(Fault::new(entry.line, format!("a template has no key `{}`", shown(other)))
                    .meant(other, STACK_KEYS));
            }
        }
    }
    if left_out {
        return Ok(None);
    }
    let Some(resources) = resources else {
        return Err(Fault::new(line, "the template has no resources").help("add: resources: {}"));
    };
    let entries = match resources.value.data {
        Data::Map(entries) => entries,
        Data::Null => Vec::new(),
        _ => return Err(expected(&resources, "a mapping of names to resources")),
    };
    entries.into_iter().map(|entry| draft(entry, cloud, stack)).collect::<Result<_, _>>().map(Some)
}

fn expected(entry: &Entry, what: &str) -> Fault {
    Fault::new(entry.line, format!("`{}` is {what}, and here stands {}", shown(&entry.key), entry.value.what()))
}

fn draft(entry: Entry, cloud: &str, stack: &str) -> Result<Draft, Fault> {
    let address: Address = format!("{cloud}/{stack}/{}", entry.key).parse().map_err(|_| {
        Fault::new(entry.line, format!("`{}` is no name for a resource", shown(&entry.key)))
            .help("a name is 1 to 40 of a-z, 0-9 and -, and begins with a letter or digit")
    })?;
    let line = entry.line;
    let Data::Map(keys) = entry.value.data else {
        return Err(expected(&entry, "a mapping with type, region, needs and properties"));
    };
    let mut made = Draft {
        address,
        kind: String::new(),
        region: None,
        needs: Vec::new(),
        properties: Value::Object(Map::new()),
        places: BTreeMap::new(),
        line,
    };
    for key in keys {
        match (key.key.as_str(), &key.value.data) {
            ("type" | "region" | "needs" | "properties", Data::Null) => {}
            ("type", Data::Text(kind)) if !kind.is_empty() => made.kind.clone_from(kind),
            ("region", Data::Text(region)) if !region.is_empty() => made.region = Some(region.clone()),
            ("type" | "region", _) => return Err(expected(&key, "a text")),
            ("needs", Data::List(items)) => {
                for item in items {
                    match &item.data {
                        Data::Text(name) => made.needs.push((name.clone(), item.line)),
                        Data::Null => {}
                        _ => return Err(Fault::new(item.line, "`needs` is a list of names of resources")),
                    }
                }
            }
            ("needs", _) => return Err(expected(&key, "a list of names of resources")),
            ("properties", Data::Map(_)) => {
                let mut reader = Reader { places: &mut made.places };
                made.properties = reader.value(key.value, "", &mut String::new())?;
            }
            ("properties", _) => return Err(expected(&key, "a mapping")),
            (other, _) => {
                return Err(Fault::new(key.line, format!("a resource has no key `{}`", shown(other)))
                    .meant(other, RESOURCE_KEYS));
            }
        }
    }
    if made.kind.is_empty() {
        return Err(Fault::new(line, format!("the resource `{}` has no type", made.address.name))
            .help("add type: the provider's name of what it is"));
    }
    Ok(made)
}

struct Reader<'p> {
    places: &'p mut BTreeMap<String, u32>,
}

impl Reader<'_> {
    /// The value as JSON; keys that hold nothing are left out.
    fn value(&mut self, node: Node, key: &str, pointer: &mut String) -> Result<Value, Fault> {
        if !pointer.is_empty() {
            self.places.insert(pointer.clone(), node.line);
        }
        Ok(match node.data {
            Data::Null => Value::Null,
            Data::Bool(holds) => Value::Bool(holds),
            Data::Number(number) => Value::Number(number),
            Data::Text(text) => {
                if let Some(what) = pasted::what_secret(key, &text) {
                    return Err(Fault::new(node.line, format!("here stands {what}, which is not repeated here"))
                        .help("name it and do not write it: \"${secret:env:NAME}\" or \"${secret:file:PATH}\""));
                }
                Value::String(text)
            }
            Data::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                for (index, item) in items.into_iter().enumerate() {
                    if item.data == Data::Null {
                        return Err(Fault::new(item.line, "an item of a list is nothing")
                            .help("leave the item out, with {% if %} around it"));
                    }
                    list.push(self.below(item, key, pointer, &index.to_string())?);
                }
                Value::Array(list)
            }
            Data::Map(entries) => {
                let mut map = Map::with_capacity(entries.len());
                for entry in entries {
                    if entry.key == SECRET || entry.key == UNKNOWN {
                        return Err(Fault::new(entry.line, format!("`{}` is a key of wildcam's own", entry.key))
                            .help("a secret is \"${secret:env:NAME}\" or \"${secret:file:PATH}\""));
                    }
                    if entry.value.data == Data::Null {
                        continue;
                    }
                    let step = entry.key.replace('~', "~0").replace('/', "~1");
                    let value = self.below(entry.value, &entry.key, pointer, &step)?;
                    map.insert(entry.key, value);
                }
                Value::Object(map)
            }
        })
    }

    fn below(&mut self, node: Node, key: &str, pointer: &mut String, step: &str) -> Result<Value, Fault> {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(step);
        let value = self.value(node, key, pointer);
        pointer.truncate(length);
        value
    }
}
