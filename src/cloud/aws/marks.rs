//! The owner's marks as tags: written with the template's own tags, and taken out again of what is read.

use serde_json::{Map, Value, json};

use crate::cloud::control::{Live, Owner, Wanted};

const PROJECT: &str = "wildcam-project";
const ENVIRONMENT: &str = "wildcam-environment";
const ADDRESS: &str = "wildcam-address";

/// The three marks of an owner.
pub(super) fn of(owner: &Owner) -> [(&'static str, String); 3] {
    [(PROJECT, owner.project.clone()), (ENVIRONMENT, owner.environment.clone()), (ADDRESS, owner.address.to_string())]
}

/// All tags that a resource should bear: the template's in `property`, and the marks.
pub(super) fn wanted(wanted: &Wanted, property: &str) -> Vec<(String, String)> {
    let own = wanted.properties.get(property).map(pairs).unwrap_or_default();
    let own = own.into_iter().filter(|(key, _)| ![PROJECT, ENVIRONMENT, ADDRESS].contains(&key.as_str()));
    let marks = of(&wanted.owner).into_iter().map(|(key, value)| (key.to_owned(), value));
    own.chain(marks).collect()
}

/// Tags in the shape of the schemas: a list of `Key` and `Value`.
pub(super) fn list(tags: &[(String, String)]) -> Value {
    tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

/// The pairs of a list of `Key` and `Value`.
pub(super) fn pairs(tags: &Value) -> Vec<(String, String)> {
    let pair = |tag: &Value| Some((tag.get("Key")?.as_str()?.to_owned(), tag.get("Value")?.as_str()?.to_owned()));
    tags.as_array().map(|tags| tags.iter().filter_map(pair).collect()).unwrap_or_default()
}

/// Takes the marks out of the tags.
pub(super) fn split(tags: Vec<(String, String)>) -> (Vec<(String, String)>, Option<Owner>) {
    let find = |name: &str| tags.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let owner = match (find(PROJECT), find(ENVIRONMENT), find(ADDRESS).and_then(|text| text.parse().ok())) {
        (Some(project), Some(environment), Some(address)) => Some(Owner { project, environment, address }),
        _ => None,
    };
    let rest = tags.into_iter().filter(|(key, _)| ![PROJECT, ENVIRONMENT, ADDRESS].contains(&key.as_str()));
    // Amazon's own tags (`aws:cloudformation:stack-name`) can be neither set nor removed.
    (rest.filter(|(key, _)| !key.starts_with("aws:")).collect(), owner)
}

/// Properties with the tags in `property`, where there are any, and the owner that they name.
pub(super) fn apply(properties: &mut Map<String, Value>, property: &str, tags: Vec<(String, String)>) -> Option<Owner> {
    let (rest, owner) = split(tags);
    if rest.is_empty() {
        properties.remove(property);
    } else {
        properties.insert(property.to_owned(), list(&rest));
    }
    owner
}

/// What must be set, and the keys that must go, so that `live` bears the tags of `wanted`. `None` where it does.
pub(super) fn difference(live: &Live, wanted: &Wanted, property: &str) -> Option<(Vec<(String, String)>, Vec<String>)> {
    let want = self::wanted(wanted, property);
    let mut have = live.properties.get(property).map(pairs).unwrap_or_default();
    if let Some(owner) = &live.owner {
        have.extend(of(owner).into_iter().map(|(key, value)| (key.to_owned(), value)));
    }
    let set: Vec<_> = want.iter().filter(|pair| !have.contains(pair)).cloned().collect();
    // Tags that the templates know nothing of stay, unless the templates set some of their own.
    let strict = wanted.properties.get(property).is_some();
    let gone = have.into_iter().map(|(key, _)| key).filter(|key| strict && !want.iter().any(|(other, _)| other == key));
    let gone: Vec<String> = gone.collect();
    if set.is_empty() && gone.is_empty() { None } else { Some((set, gone)) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn some(properties: Value) -> Wanted {
        Wanted {
            owner: Owner {
                project: "p".to_owned(),
                environment: "default".to_owned(),
                address: "aws/storage/pictures".parse().unwrap(),
            },
            kind: "AWS::S3::Bucket".to_owned(),
            region: "eu-central-1".to_owned(),
            properties,
            secrets: BTreeMap::new(),
        }
    }

    #[test]
    fn marks_go_in_and_come_out() {
        let wanted =
            some(json!({ "Tags": [{ "Key": "team", "Value": "owls" }, { "Key": PROJECT, "Value": "thief" }] }));
        let tags = super::wanted(&wanted, "Tags");
        assert_eq!(tags.len(), 4);
        let mut properties = Map::new();
        let owner = apply(&mut properties, "Tags", tags).unwrap();
        assert_eq!(owner, wanted.owner);
        assert_eq!(properties["Tags"], json!([{ "Key": "team", "Value": "owls" }]));
        let live = Live {
            id: "b".to_owned(),
            kind: wanted.kind.clone(),
            region: wanted.region.clone(),
            properties: Value::Object(properties),
            owner: Some(owner),
            etag: None,
        };
        assert_eq!(difference(&live, &wanted, "Tags"), None);
        let bare = Live { owner: None, properties: json!({}), ..live };
        assert_eq!(difference(&bare, &wanted, "Tags").unwrap().0.len(), 4);
    }
}
