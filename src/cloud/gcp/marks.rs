//! The owner's marks: labels, or a bracket at the end of a description.

use serde_json::{Map, Value};

use super::{super::control::Owner, kind::Marks};

const PROJECT: &str = "wildcam-project";
const ENVIRONMENT: &str = "wildcam-environment";
const ADDRESS: &str = "wildcam-address";
/// What of an address is behind its 63rd character: a label's value holds no more.
const ADDRESS_REST: &str = "wildcam-address-rest";

/// The longest value of a label.
const LONGEST: usize = 63;

/// The marks as labels. Values may hold a-z, 0-9, _ and - alone, so an address's slashes become `_`.
pub(super) fn labels(owner: &Owner) -> Map<String, Value> {
    let address = owner.address.to_string().replace('/', "_");
    let (first, rest) = address.split_at(address.len().min(LONGEST));
    let mut labels = Map::new();
    labels.insert(PROJECT.to_owned(), owner.project.clone().into());
    labels.insert(ENVIRONMENT.to_owned(), owner.environment.clone().into());
    labels.insert(ADDRESS.to_owned(), first.into());
    if !rest.is_empty() {
        labels.insert(ADDRESS_REST.to_owned(), rest.into());
    }
    labels
}

/// The marks as the end of a text.
fn bracket(owner: &Owner) -> String {
    format!("[wildcam {} {} {}]", owner.project, owner.environment, owner.address)
}

/// Writes the marks into the properties of a resource.
pub(super) fn write(marks: Marks, owner: &Owner, properties: &mut Value) {
    match marks {
        Marks::Labels(pointer) => {
            if let Some(Value::Object(present)) = place(properties, pointer) {
                present.extend(labels(owner));
            }
        }
        Marks::Text(pointer) => {
            if let Some(text) = place(properties, pointer) {
                let before = text.as_str().unwrap_or_default();
                *text = format!("{before} {}", bracket(owner)).trim_start().into();
            }
        }
        Marks::Name => {}
    }
}

/// The place at a pointer, made where it is missing: an object, whose last part may be turned into anything.
fn place<'a>(properties: &'a mut Value, pointer: &str) -> Option<&'a mut Value> {
    let mut at = properties;
    for part in pointer.split('/').skip(1) {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = at.as_object_mut()?.entry(part).or_insert_with(|| Value::Object(Map::new()));
        if at.is_null() {
            *at = Value::Object(Map::new());
        }
    }
    Some(at)
}

/// Takes the marks out of the properties: they are no difference that anybody should see.
pub(super) fn take(marks: Marks, properties: &mut Value) -> Option<Owner> {
    match marks {
        Marks::Labels(pointer) => {
            let present = properties.pointer_mut(pointer)?.as_object_mut()?;
            let mut text = |name: &str| present.remove(name).and_then(|value| value.as_str().map(str::to_owned));
            let (project, environment) = (text(PROJECT), text(ENVIRONMENT));
            let (first, rest) = (text(ADDRESS), text(ADDRESS_REST));
            let none_left = present.is_empty();
            if none_left {
                remove(properties, pointer);
            }
            let address = (first? + rest.as_deref().unwrap_or_default()).replace('_', "/");
            Some(Owner { project: project?, environment: environment?, address: address.parse().ok()? })
        }
        Marks::Text(pointer) => {
            let text = properties.pointer_mut(pointer)?;
            let (before, inside) = text.as_str()?.strip_suffix(']')?.rsplit_once("[wildcam ")?;
            let mut words = inside.split(' ');
            let owner = Owner {
                project: words.next()?.to_owned(),
                environment: words.next()?.to_owned(),
                address: words.next()?.parse().ok()?,
            };
            let before = before.trim_end().to_owned();
            if before.is_empty() {
                remove(properties, pointer);
            } else {
                *text = before.into();
            }
            Some(owner)
        }
        Marks::Name => None,
    }
}

fn remove(properties: &mut Value, pointer: &str) {
    if let Some((parent, last)) = pointer.rsplit_once('/')
        && let Some(Value::Object(parent)) = properties.pointer_mut(parent)
    {
        parent.remove(last);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn owner(address: &str) -> Owner {
        Owner { project: "serengeti".to_owned(), environment: "default".to_owned(), address: address.parse().unwrap() }
    }

    #[test]
    fn marks_come_back_and_leave_nothing_behind() {
        let long = format!("gcp/{}/{}", "s".repeat(40), "n".repeat(40));
        for address in ["gcp/storage/pictures", &long] {
            let owner = owner(address);
            for marks in [Marks::Labels("/labels"), Marks::Labels("/settings/userLabels"), Marks::Text("/description")]
            {
                for before in
                    [json!({}), json!({"labels": {"mine": "1"}, "description": "Words", "settings": {"a": 1}})]
                {
                    let mut properties = before.clone();
                    write(marks, &owner, &mut properties);
                    assert_ne!(properties, before);
                    assert_eq!(take(marks, &mut properties), Some(owner.clone()));
                    assert_eq!(properties.get("labels"), before.get("labels"));
                    assert_eq!(properties.get("description"), before.get("description"));
                }
            }
        }
    }

    #[test]
    fn what_is_no_mark_is_nobodys() {
        for mut properties in [json!({"labels": {"wildcam-project": "p"}}), json!({"labels": null}), json!({})] {
            assert_eq!(take(Marks::Labels("/labels"), &mut properties), None);
        }
        let mut text = json!({"description": "see [wildcam p default nonsense]"});
        assert_eq!(take(Marks::Text("/description"), &mut text), None);
        assert_eq!(text["description"], "see [wildcam p default nonsense]");
    }

    #[test]
    fn labels_hold_what_google_allows() {
        for value in labels(&owner("gcp/storage/pictures-2")).values() {
            let text = value.as_str().unwrap();
            assert!(text.len() <= LONGEST);
            assert!(text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b)));
        }
    }
}
