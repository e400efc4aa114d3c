//! The three-way difference of one resource: what the template sets, what was last set, what is live.
//!
//! What the template sets is compared with what is live. What was set before and is no more in the template goes. What
//! only the provider sets is its default and nobody's change.

use serde_json::{Map, Value};

use super::shape::{Shape, pointer};
use crate::{
    cloud::control::Change,
    deploy::reference::{SECRET, UNKNOWN},
};

/// What stands for a secret where people see it.
pub(super) const HIDDEN: &str = "[secret]";

/// The most items of a list that are matched pair by pair; longer ones are compared in their order.
const MOST_MATCHED: usize = 500;

/// Compares the resources of one type.
pub(super) struct Differ<'d> {
    pub(super) shape: &'d Shape,
    /// Whether what an unknown value waits for (`cloud/stack/name.Path`) will be another than it is.
    pub(super) moves: &'d dyn Fn(&str) -> bool,
}

/// Values of one place; null, empty lists and empty objects count as absent.
#[derive(Clone, Copy)]
struct Three<'v> {
    wanted: Option<&'v Value>,
    applied: Option<&'v Value>,
    live: Option<&'v Value>,
}

impl Differ<'_> {
    /// The leaves in which a resource differs from what is wanted.
    pub(super) fn changes(&self, wanted: &Value, applied: &Value, live: &Value) -> Vec<Change> {
        let three = Three { wanted: Some(wanted), applied: Some(applied), live: Some(live) };
        let mut found = Vec::new();
        self.object(three, &mut Vec::new(), &mut found);
        found
    }

    fn any(&self, three: Three<'_>, path: &mut Vec<String>, found: &mut Vec<Change>) {
        let three = Three { live: present(three.live), ..three };
        if self.shape.ignores(path) {
            return;
        }
        let set = three.wanted.or(three.applied);
        if set.is_some_and(is_secret) || self.shape.is_write_only(path) {
            self.hidden(three, path, found);
            return;
        }
        let Some(wanted) = three.wanted else {
            self.removal(three, path, found);
            return;
        };
        if let Some(awaited) = wanted.get(UNKNOWN).and_then(Value::as_str) {
            if (self.moves)(awaited) || present(three.applied).is_none() {
                found.push(change(path, three));
            }
            return;
        }
        if self.shape.is_json_text(path) && three.live.is_some_and(|live| json_alike(wanted, live)) {
            return;
        }
        match (wanted, three.live) {
            // An empty object that was never set says something: the key of a map whose values are empty.
            (Value::Object(_), None) if three.applied.is_none() && self.is_empty_object(wanted, path) => {
                found.push(change(path, three));
            }
            (_, None) if self.means_absence(wanted, path) => {}
            (Value::Object(_), Some(Value::Object(_)) | None) => self.object(three, path, found),
            (Value::Array(items), Some(Value::Array(_)) | None) => self.list(items, three, path, found),
            (_, Some(live)) if self.scalars_alike(wanted, live, path) => {}
            _ => found.push(change(path, three)),
        }
    }

    /// What is never told is compared with what was last set.
    fn hidden(&self, three: Three<'_>, path: &[String], found: &mut Vec<Change>) {
        let same = match (three.wanted, three.applied) {
            (Some(wanted), Some(applied)) => self.same(wanted, applied, &mut path.to_vec()),
            (None, None) => true,
            _ => false,
        };
        let awaits = three.wanted.and_then(|wanted| wanted.get(UNKNOWN)).and_then(Value::as_str);
        let stays = awaits.is_some_and(|awaited| three.applied.is_some() && !(self.moves)(awaited));
        if !same && !stays {
            let hide = |_: &Value| Value::String(HIDDEN.to_owned());
            found.push(Change { pointer: pointer(path), from: three.applied.map(hide), to: three.wanted.map(hide) });
        }
    }

    /// Something that is not in the template any more.
    fn removal(&self, three: Three<'_>, path: &mut Vec<String>, found: &mut Vec<Change>) {
        let (Some(applied), Some(live)) = (three.applied, three.live) else { return };
        if applied.is_null() || applied.get(UNKNOWN).is_some() || self.means_absence(live, path) {
            return;
        }
        let (Value::Object(were), Value::Object(are)) = (applied, live) else {
            found.push(change(path, three));
            return;
        };
        if were.is_empty() {
            found.push(change(path, three));
            return;
        }
        let before = found.len();
        for (key, applied) in were {
            path.push(key.clone());
            self.any(Three { wanted: None, applied: Some(applied), live: are.get(key) }, path, found);
            path.pop();
        }
        // Where nothing would be left, the whole goes: an empty object often means something else.
        let depth = path.len();
        let whole = |change: &Change| change.to.is_none() && change.pointer.matches('/').count() == depth + 1;
        if found.len() - before == are.len() && found[before..].iter().all(whole) {
            found.truncate(before);
            found.push(change(path, three));
        }
    }

    fn object(&self, three: Three<'_>, path: &mut Vec<String>, found: &mut Vec<Change>) {
        let empty = Map::new();
        let Some(wanted) = three.wanted.and_then(Value::as_object) else { return };
        let applied = three.applied.and_then(Value::as_object).unwrap_or(&empty);
        let live = three.live.and_then(Value::as_object).unwrap_or(&empty);
        let before = found.len();
        let gone = applied.keys().filter(|key| {
            path.push((*key).clone());
            let none = self.entry(wanted, key, path).is_none();
            path.pop();
            none
        });
        let gone: Vec<&String> = gone.collect();
        for key in wanted.keys().chain(gone) {
            path.push(key.clone());
            let of = |map| self.entry(map, key, path);
            let below = Three { wanted: wanted.get(key), applied: of(applied), live: of(live) };
            self.any(below, path, found);
            path.pop();
        }
        // What does not stand at all is set as a whole: a leaf cannot be put into an object that is not there.
        let new = found[before..].iter().any(|change| change.from.is_none());
        if new && three.live.is_none() && !path.is_empty() {
            found.truncate(before);
            found.push(change(path, three));
        }
    }

    /// The value of a key, which may stand there in other letters where their case means nothing.
    fn entry<'m>(&self, map: &'m Map<String, Value>, key: &str, path: &[String]) -> Option<&'m Value> {
        let found = map.get(key);
        if found.is_some() || !self.shape.is_any_case(path) {
            return found;
        }
        map.iter().find(|(other, _)| other.to_lowercase() == key.to_lowercase()).map(|(_, value)| value)
    }

    fn list(&self, wanted: &[Value], three: Three<'_>, path: &mut Vec<String>, found: &mut Vec<Change>) {
        let live = three.live.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let applied = three.applied.and_then(Value::as_array).map(Vec::as_slice);
        if wanted.len() != live.len() {
            let absent = live.is_empty() && three.wanted.is_some_and(|wanted| self.means_absence(wanted, path));
            if !absent {
                found.push(change(path, three));
            }
            return;
        }
        if self.shape.is_unordered(path) && wanted.len() <= MOST_MATCHED {
            if !self.set_alike(wanted, applied, live, path) {
                found.push(change(path, three));
            }
            return;
        }
        let applied = applied.filter(|applied| applied.len() == wanted.len());
        for (index, (item, is)) in wanted.iter().zip(live).enumerate() {
            path.push(index.to_string());
            let was = applied.and_then(|applied| applied.get(index));
            self.any(Three { wanted: Some(item), applied: was, live: Some(is) }, path, found);
            path.pop();
        }
    }

    /// Whether two lists of one length hold the same, in whatever order.
    fn set_alike(&self, wanted: &[Value], applied: Option<&[Value]>, live: &[Value], path: &mut Vec<String>) -> bool {
        let partner: Vec<Option<usize>> = match applied {
            None => vec![None; wanted.len()],
            Some(applied) => {
                let same = pairs(wanted.len(), applied.len(), &mut |w, a| {
                    self.within(path, w, |path| self.same(&wanted[w], &applied[a], path))
                });
                if applied.len() != wanted.len() || same.iter().any(Option::is_none) {
                    // The template's list was changed: nobody knows which of the live leaves were set before, so all
                    // of them must be as wanted.
                    let exact = pairs(wanted.len(), live.len(), &mut |w, l| {
                        self.within(path, w, |path| self.same(&wanted[w], &live[l], path))
                    });
                    return exact.iter().all(Option::is_some);
                }
                same
            }
        };
        let matched = pairs(wanted.len(), live.len(), &mut |w, l| {
            let was = partner[w].and_then(|at| applied.and_then(|applied| applied.get(at)));
            self.within(path, w, |path| {
                let mut found = Vec::new();
                self.any(Three { wanted: Some(&wanted[w]), applied: was, live: Some(&live[l]) }, path, &mut found);
                found.is_empty()
            })
        });
        matched.iter().all(Option::is_some)
    }

    fn within(&self, path: &mut Vec<String>, index: usize, ask: impl FnOnce(&mut Vec<String>) -> bool) -> bool {
        path.push(index.to_string());
        let answer = ask(path);
        path.pop();
        answer
    }

    /// Whether two values that were set mean the same.
    fn same(&self, one: &Value, other: &Value, path: &mut Vec<String>) -> bool {
        if is_secret(one) || is_secret(other) {
            let by = if one.get("hash").or(other.get("hash")).is_some() { "hash" } else { SECRET };
            return one.get(by).is_some() && one.get(by) == other.get(by);
        }
        match (one, other) {
            (Value::Object(a), Value::Object(b)) => a.keys().chain(b.keys()).all(|key| {
                path.push(key.clone());
                let equal = match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => self.same(a, b, path),
                    (Some(only), None) | (None, Some(only)) => {
                        present(Some(only)).is_none() || self.means_absence(only, path)
                    }
                    (None, None) => true,
                };
                path.pop();
                equal
            }),
            (Value::Array(a), Value::Array(b)) if self.shape.is_unordered(path) && a.len() <= MOST_MATCHED => {
                a.len() == b.len()
                    && pairs(a.len(), b.len(), &mut |i, j| self.within(path, i, |path| self.same(&a[i], &b[j], path)))
                        .iter()
                        .all(Option::is_some)
            }
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && (0..a.len()).all(|i| self.within(path, i, |path| self.same(&a[i], &b[i], path)))
            }
            _ => self.scalars_alike(one, other, path) || self.shape.is_json_text(path) && json_alike(one, other),
        }
    }

    fn scalars_alike(&self, one: &Value, other: &Value, path: &[String]) -> bool {
        match (one, other) {
            (Value::String(a), Value::String(b)) if a != b && self.shape.is_any_case(path) => {
                a.to_lowercase() == b.to_lowercase()
            }
            _ => alike(one, other),
        }
    }

    fn is_empty_object(&self, value: &Value, path: &[String]) -> bool {
        value.as_object().is_some_and(Map::is_empty) && self.shape.default(path).is_none()
    }

    /// Whether a value is what absence means.
    fn means_absence(&self, value: &Value, path: &[String]) -> bool {
        present(Some(value)).is_none()
            || self.shape.default(path).is_some_and(|default| {
                // A list that is a default may come in any order too.
                self.same(default, value, &mut path.to_vec())
            })
    }
}

fn change(path: &[String], three: Three<'_>) -> Change {
    let mut secret = Vec::new();
    for set in [three.wanted, three.applied].into_iter().flatten() {
        secret_places(set, &mut Vec::new(), &mut secret);
    }
    let hide = |value: &Value| hidden(value, &mut Vec::new(), &secret);
    Change { pointer: pointer(path), from: three.live.map(hide), to: three.wanted.map(hide) }
}

/// The places of secrets in a value; `*` for every index, as a list may lie in another order elsewhere.
fn secret_places(value: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    match value {
        _ if is_secret(value) => found.push(path.clone()),
        Value::Object(entries) => {
            for (key, item) in entries {
                path.push(key.clone());
                secret_places(item, path, found);
                path.pop();
            }
        }
        Value::Array(items) => {
            for item in items {
                path.push("*".to_owned());
                secret_places(item, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}

/// A value for people: what lies where a secret belongs is hidden, also where the provider told it.
fn hidden(value: &Value, path: &mut Vec<String>, secret: &[Vec<String>]) -> Value {
    if is_secret(value) || secret.iter().any(|place| place == path) {
        return Value::String(HIDDEN.to_owned());
    }
    match value {
        Value::Object(entries) => {
            let mut shown = Map::with_capacity(entries.len());
            for (key, item) in entries {
                path.push(key.clone());
                shown.insert(key.clone(), hidden(item, path, secret));
                path.pop();
            }
            Value::Object(shown)
        }
        Value::Array(items) => {
            path.push("*".to_owned());
            let shown = items.iter().map(|item| hidden(item, path, secret)).collect();
            path.pop();
            Value::Array(shown)
        }
        other => other.clone(),
    }
}

/// Whether a value stands for a secret.
pub(super) fn is_secret(value: &Value) -> bool {
    value.get(SECRET).is_some()
}

/// Null, an empty list and an empty object are as good as absent.
fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
        _ => true,
    })
}

/// Whether two values are equal as JSON: 1 is 1.0, and a text that is a number is that number.
pub(super) fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => a == b || (a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64(),
        (Value::String(text), Value::Number(number)) | (Value::Number(number), Value::String(text)) => {
            serde_json::from_str::<serde_json::Number>(text)
                .is_ok_and(|parsed| alike(&Value::Number(parsed), &Value::Number(number.clone())))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| alike(a, b)))
        }
        _ => one == other,
    }
}

/// Whether two values are the same JSON, each of them as it is or as a text that holds it.
fn json_alike(one: &Value, other: &Value) -> bool {
    let read = |value: &Value| match value {
        Value::String(text) => serde_json::from_str::<Value>(text).ok(),
        Value::Object(_) | Value::Array(_) => Some(value.clone()),
        _ => None,
    };
    read(one).zip(read(other)).is_some_and(|(a, b)| alike(&a, &b))
}

/// Pairs as many of `left` with one of `right` each as can be (augmenting paths); the partner of each, if it has one.
fn pairs(left: usize, right: usize, fit: &mut dyn FnMut(usize, usize) -> bool) -> Vec<Option<usize>> {
    let mut known: Vec<Option<bool>> = vec![None; left * right];
    let mut owner: Vec<Option<usize>> = vec![None; right];
    for start in 0..left {
        let mut came_from: Vec<Option<usize>> = vec![None; right];
        let mut tried = vec![false; right];
        let mut open = vec![start];
        let mut free = None;
        // Later ones first asked where they stood before: lists usually lie in their order.
        'search: while let Some(one) = open.pop() {
            for step in 0..right {
                let other = (one + step) % right;
                if tried[other] || !*known[one * right + other].get_or_insert_with(|| fit(one, other)) {
                    continue;
                }
                tried[other] = true;
                came_from[other] = Some(one);
                match owner[other] {
                    Some(next) => open.push(next),
                    None => {
                        free = Some(other);
                        break 'search;
                    }
                }
            }
        }
        while let Some(other) = free {
            let one = came_from[other].unwrap_or(start);
            free = owner.iter().position(|of| *of == Some(one));
            owner[other] = Some(one);
            if one == start {
                break;
            }
        }
    }
    let mut partner = vec![None; left];
    for (other, one) in owner.into_iter().enumerate() {
        if let Some(one) = one {
            partner[one] = Some(other);
        }
    }
    partner
}
