//! JSON patches (RFC 6902) for updates through Cloud Control, which reads a resource without its write-only properties,
//! applies the patch and gives the whole to the service.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::cloud::control::Change;

/// The patch that turns `live` into what is wanted. `body` holds the secrets in their places; values come from there and
/// never from the changes, where secrets are only words. `write_only` are the pointers of what is never read back: each
/// that is wanted goes along, or it would be lost. Lists are exchanged as a whole: what an index means depends on who
/// counts.
pub(super) fn patch(live: &Value, body: &Value, changes: &[Change], write_only: &[String]) -> Value {
    let mut steps: BTreeMap<String, Option<Value>> = BTreeMap::new();
    for change in changes {
        let place = reach(live, body, &change.pointer);
        let value = body.pointer(&place).cloned();
        steps.insert(place, value);
    }
    for pointer in write_only {
        for found in matching(body, pointer) {
            let place = reach(live, body, &found);
            let value = body.pointer(&place).cloned();
            steps.entry(place).or_insert(value);
        }
    }
    // What stands within something that is exchanged as a whole is in there already.
    let places: Vec<String> = steps.keys().cloned().collect();
    let within = |place: &str| places.iter().any(|other| place != other && place.starts_with(&format!("{other}/")));
    let mut operations = Vec::new();
    for (place, value) in &steps {
        if within(place) {
            continue;
        }
        match value {
            Some(value) => operations.push(json!({ "op": "add", "path": place, "value": value })),
            None if live.pointer(place).is_some() => operations.push(json!({ "op": "remove", "path": place })),
            None => {}
        }
    }
    Value::Array(operations)
}

/// The shortest pointer that says all: up to the first list, or to the first thing that one of the two does not have.
fn reach(live: &Value, body: &Value, pointer: &str) -> String {
    let mut place = String::new();
    for token in pointer.split('/').skip(1) {
        let here = (live.pointer(&place), body.pointer(&place));
        let both_objects = matches!(here, (Some(Value::Object(_)), Some(Value::Object(_))));
        if !both_objects {
            break;
        }
        place = format!("{place}/{token}");
    }
    place
}

/// The pointers in `value` that a pattern with `*` means.
fn matching(value: &Value, pattern: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for token in pattern.split('/').skip(1) {
        let mut next = Vec::new();
        for place in found {
            let names: Vec<String> = match (value.pointer(&place), token) {
                (Some(Value::Array(items)), "*") => (0..items.len()).map(|index| index.to_string()).collect(),
                (Some(Value::Object(map)), "*") => map.keys().map(|key| escape(key)).collect(),
                (Some(_), token) => vec![token.to_owned()],
                (None, _) => Vec::new(),
            };
            next.extend(names.into_iter().map(|name| format!("{place}/{name}")));
        }
        found = next.into_iter().filter(|place| value.pointer(place).is_some()).collect();
    }
    found
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(pointer: &str) -> Change {
        Change { pointer: pointer.to_owned(), from: None, to: Some(Value::from("[secret]")) }
    }

    #[test]
    fn leaves_are_patched_and_the_rest_is_left_alone() {
        let live = json!({ "A": { "B": 1, "Default": true }, "C": 2 });
        let body = json!({ "A": { "B": 3 }, "C": 2 });
        let patch = patch(&live, &body, &[change("/A/B")], &[]);
        assert_eq!(patch, json!([{ "op": "add", "path": "/A/B", "value": 3 }]));
    }

    #[test]
    fn lists_and_new_branches_go_as_a_whole() {
        let live = json!({ "L": [{ "N": 1 }, { "N": 2 }] });
        let body = json!({ "L": [{ "N": 1 }, { "N": 9 }], "New": { "Deep": { "X": 1, "Y": 2 } } });
        let changes = [change("/L/1/N"), change("/New/Deep/X"), change("/New/Deep/Y")];
        assert_eq!(
            patch(&live, &body, &changes, &[]),
            json!([
                { "op": "add", "path": "/L", "value": [{ "N": 1 }, { "N": 9 }] },
                { "op": "add", "path": "/New", "value": { "Deep": { "X": 1, "Y": 2 } } },
            ])
        );
    }

    #[test]
    fn what_goes_is_removed_once_and_only_where_it_is() {
        let live = json!({ "A": { "B": 1 } });
        let gone = |pointer: &str| Change { pointer: pointer.to_owned(), from: Some(Value::from(1)), to: None };
        assert_eq!(
            patch(&live, &json!({ "A": {} }), &[gone("/A/B"), gone("/A/C")], &[]),
            json!([{ "op": "remove", "path": "/A/B" }])
        );
        assert_eq!(patch(&live, &json!({}), &[gone("/A/B")], &[]), json!([{ "op": "remove", "path": "/A" }]));
    }

    #[test]
    fn write_only_properties_go_along_with_their_values() {
        let live = json!({ "Name": "s", "Description": "old", "L": [{ "K": 1 }] });
        let body = json!({ "Name": "s", "Description": "new", "SecretString": "sesame", "L": [{ "K": 1, "P": 2 }] });
        let write_only = ["/SecretString".to_owned(), "/GenerateSecretString".to_owned(), "/L/*/P".to_owned()];
        assert_eq!(
            patch(&live, &body, &[change("/Description")], &write_only),
            json!([
                { "op": "add", "path": "/Description", "value": "new" },
                { "op": "add", "path": "/L", "value": [{ "K": 1, "P": 2 }] },
                { "op": "add", "path": "/SecretString", "value": "sesame" },
            ])
        );
    }
}
