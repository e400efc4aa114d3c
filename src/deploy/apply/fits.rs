//! Whether what is found still is what the plan was made for.

use std::cmp::Ordering;

use serde_json::Value;

use crate::{
    cloud::control::Change,
    deploy::{
        names::places,
        reference::{SECRET, UNKNOWN},
    },
};

/// How secrets appear in a change.
const HIDDEN: &str = "[secret]";

/// Where `now` differs from what the plan knew; a value that the plan could not know may be anything.
pub(super) fn departs(planned: &Value, now: &Value, pointer: &str) -> Option<String> {
    if planned.get(UNKNOWN).is_some() {
        return None;
    }
    match (planned, now) {
        // Secrets are compared by their hashes, elsewhere.
        (Value::Object(before), Value::Object(after)) if before.contains_key(SECRET) => {
            (before.get(SECRET) != after.get(SECRET)).then(|| pointer.to_owned())
        }
        (Value::Object(before), Value::Object(after)) => {
            let gone = before.keys().find(|key| !after.contains_key(*key));
            let come = after.keys().find(|key| !before.contains_key(*key));
            if let Some(key) = gone.or(come) {
                return Some(step(pointer, key));
            }
            before.iter().find_map(|(key, value)| departs(value, after.get(key)?, &step(pointer, key)))
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => before
            .iter()
            .zip(after)
            .enumerate()
            .find_map(|(index, (before, after))| departs(before, after, &step(pointer, &index.to_string()))),
        _ => (planned != now).then(|| pointer.to_owned()),
    }
}

/// A pointer, one step further down.
pub(super) fn step(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// The first change whose place no longer holds what the plan saw there, nor what it is to become.
pub(super) fn moved<'c>(live: &Value, changes: &'c [Change]) -> Option<&'c Change> {
    changes.iter().find(|change| {
        let now = live.pointer(&change.pointer);
        !hides(change) && !same(now, change.from.as_ref()) && !same(now, change.to.as_ref())
    })
}

/// Whether every change that can be seen is in place, and at least one can.
pub(super) fn in_place(live: &Value, changes: &[Change]) -> bool {
    let mut seen = changes.iter().filter(|change| !hides(change)).peekable();
    seen.peek().is_some() && seen.all(|change| same(live.pointer(&change.pointer), change.to.as_ref()))
}

/// Whether a change is of something that is not told: a secret, or what only the apply knows.
fn hides(change: &Change) -> bool {
    [&change.from, &change.to]
        .into_iter()
        .flatten()
        .any(|value| value == HIDDEN || value.get(SECRET).is_some() || value.get(UNKNOWN).is_some())
}

/// Whether what was set is what is live, as far as the live tells: every leaf that both have is the same.
pub(in crate::deploy) fn agrees(set: &Value, live: &Value) -> bool {
    match (set, live) {
        (Value::Object(set), _) if set.contains_key(SECRET) || set.contains_key(UNKNOWN) => true,
        (Value::Object(set), Value::Object(live)) => {
            set.iter().all(|(key, value)| live.get(key).is_none_or(|found| agrees(value, found)))
        }
        (Value::Array(set), Value::Array(live)) if set.len() == live.len() => {
            set.iter().zip(live).all(|(set, live)| agrees(set, live))
                || alike(&Value::Array(set.clone()), &Value::Array(live.clone()))
        }
        _ => alike(set, live),
    }
}

/// What of that which was to be set the live confirms. The rest counts as not set, and is set again where it is still wanted.
pub(super) fn confirmed(set: &Value, live: &Value) -> Value {
    match (set, live) {
        (Value::Object(entries), Value::Object(found)) => {
            let kept = entries.iter().filter_map(|(key, value)| {
                let kept = confirmed(value, found.get(key)?);
                (!kept.is_null()).then(|| (key.clone(), kept))
            });
            Value::Object(kept.collect())
        }
        _ if alike(set, live) => set.clone(),
        _ => Value::Null,
    }
}

/// Adds to what is `kept` of that which was to be set what can be set at a creation alone and the live never tells: something
/// that stands has it from whatever made it, and nobody could set it again.
pub(super) fn with_untold(mut kept: Value, set: &Value, live: &Value, create_only: &[String]) -> Value {
    for (pointer, value) in create_only.iter().flat_map(|pattern| places(set, pattern)) {
        if live.pointer(&pointer).is_none() {
            put(&mut kept, &pointer, value);
        }
    }
    kept
}

/// Sets what a pointer names, where only objects are on the way.
fn put(into: &mut Value, pointer: &str, value: &Value) {
    let mut steps: Vec<String> =
        pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
    let Some(last) = steps.pop() else { return };
    let mut here = into;
    for step in steps {
        let Value::Object(entries) = here else { return };
        here = entries.entry(step).or_insert_with(|| Value::Object(serde_json::Map::new()));
    }
    if let Value::Object(entries) = here {
        entries.insert(last, value.clone());
    }
}

/// What counts as set after a change whose end was not seen: of what was to be set that which the live confirms, and for the
/// rest what was set before.
pub(super) fn merged(before: &Value, intended: &Value, live: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (before, intended) else { return before.clone() };
    let mut merged = serde_json::Map::new();
    for (key, value) in new {
        let is_so = live.get(key).is_some_and(|found| confirmed(value, found) == *value);
        if let Some(kept) = if is_so { Some(value) } else { old.get(key) } {
            merged.insert(key.clone(), kept.clone());
        }
    }
    // What was to go is still ours to take away where it is still there.
    for (key, value) in old.iter().filter(|(key, _)| !new.contains_key(*key) && live.get(*key).is_some()) {
        merged.insert(key.clone(), value.clone());
    }
    Value::Object(merged)
}

fn same(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => alike(one, other),
        (None, None) => true,
        // Absent and empty are told apart by few providers.
        (Some(value), None) | (None, Some(value)) => is_nothing(value),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// Whether two values are the same but for what providers spell differently: the order of a list, the case of a text, the
/// spaces of JSON in a text, a number in a text.
fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => {
            one == other || one.eq_ignore_ascii_case(other) || json(one).is_some_and(|one| json(other) == Some(one))
        }
        (Value::String(text), Value::Number(number)) | (Value::Number(number), Value::String(text)) => {
            *text == number.to_string()
        }
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && {
                let (mut one, mut other): (Vec<_>, Vec<_>) = (one.iter().collect(), other.iter().collect());
                one.sort_by(|a, b| order(a, b));
                other.sort_by(|a, b| order(a, b));
                one.into_iter().zip(other).all(|(one, other)| alike(one, other))
            }
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|found| alike(value, found)))
        }
        _ => one == other,
    }
}

fn json(text: &str) -> Option<Value> {
    text.trim_start().starts_with(['{', '[']).then(|| serde_json::from_str(text).ok()).flatten()
}

fn order(one: &Value, other: &Value) -> Ordering {
    one.to_string().to_ascii_lowercase().cmp(&other.to_string().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(pointer: &str, from: Value, to: Value) -> Change {
        Change { pointer: pointer.to_owned(), from: Some(from), to: Some(to) }
    }

    #[test]
    fn what_only_a_creation_can_set_counts_as_set_where_it_is_never_told() {
        let set = json!({
            "parent": "p", "payload": { "data": { "$secret": "env:X", "hash": "h" } }, "ring": "r", "days": 30,
            "list": [{ "id": "a" }],
        });
        let live = json!({ "parent": "p", "name": "p/1", "ring": "other", "list": [{ "id": "a" }] });
        let only: Vec<String> = ["/parent", "/payload/data", "/ring", "/list/*/id"].map(str::to_owned).into();
        let kept = with_untold(confirmed(&set, &live), &set, &live, &only);
        let told = json!({ "parent": "p", "payload": set["payload"], "list": [{ "id": "a" }] });
        assert_eq!(kept, told, "what is told otherwise, and what could be set again, does not count");
        let half = with_untold(json!({}), &set, &live, &only);
        assert_eq!(half, json!({ "payload": set["payload"] }));
    }

    #[test]
    fn what_the_plan_knew_must_be_so_and_what_it_could_not_may_be_anything() {
        let planned =
            json!({ "a": { "$unknown": "c/s/n.x" }, "b": [1, { "c/d": 2 }], "s": { "$secret": "env:A", "hash": "h" } });
        let now = json!({ "a": [9], "b": [1, { "c/d": 2 }], "s": { "$secret": "env:A" } });
        assert_eq!(departs(&planned, &now, ""), None);
        for (change, pointer) in [
            (json!({ "a": 1, "b": [1, { "c/d": 3 }], "s": { "$secret": "env:A" } }), "/b/1/c~1d"),
            (json!({ "a": 1, "b": [1], "s": { "$secret": "env:A" } }), "/b"),
            (json!({ "a": 1, "b": [1, { "c/d": 2 }], "s": { "$secret": "env:B" } }), "/s"),
            (json!({ "a": 1, "s": { "$secret": "env:A" } }), "/b"),
            (json!({ "a": 1, "b": [1, { "c/d": 2 }], "s": { "$secret": "env:A" }, "z": 1 }), "/z"),
        ] {
            assert_eq!(departs(&planned, &change, "").as_deref(), Some(pointer));
        }
    }

    #[test]
    fn a_change_by_somebody_else_is_seen_and_a_spelling_is_none() {
        let live = json!({ "size": 3, "list": ["b", "A"], "policy": "{\"a\": 1}", "port": "80" });
        let fine = [
            change("/size", json!(3), json!(4)),
            change("/size", json!(2), json!(3)),
            change("/list", json!(["a", "b"]), json!([])),
            change("/policy", json!("{\"a\":1}"), json!("{}")),
            change("/port", json!(80), json!(81)),
            change("/password", json!("[secret]"), json!("[secret]")),
        ];
        assert_eq!(moved(&live, &fine), None);
        assert!(moved(&live, &[change("/size", json!(2), json!(4))]).is_some());
        assert!(moved(&live, &[change("/gone", json!(2), json!(4))]).is_some());
    }

    #[test]
    fn what_the_live_confirms_counts_as_set() {
        let before = json!({ "a": 1, "b": 1, "gone": 1, "stays": 1, "secret": { "$secret": "x", "hash": "old" } });
        let intended = json!({ "a": 2, "b": 2, "new": 3, "secret": { "$secret": "x", "hash": "new" } });
        let live = json!({ "a": 2, "b": 1, "stays": 1 });
        let expected = json!({ "a": 2, "b": 1, "stays": 1, "secret": { "$secret": "x", "hash": "old" } });
        assert_eq!(merged(&before, &intended, &live), expected);
    }

    #[test]
    fn a_change_is_in_place_only_when_it_can_be_seen() {
        let live = json!({ "size": 4 });
        assert!(in_place(&live, &[change("/size", json!(3), json!(4))]));
        assert!(!in_place(&live, &[change("/size", json!(3), json!(5))]));
        assert!(!in_place(&live, &[change("/password", json!("[secret]"), json!("[secret]"))]));
        assert!(agrees(&json!({ "size": 4, "untold": 1, "s": { "$secret": "env:A" } }), &live));
        assert!(!agrees(&json!({ "size": 5 }), &live));
    }
}
