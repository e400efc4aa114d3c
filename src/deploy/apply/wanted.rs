//! What a resource should be at the moment of the call: references take the live values of what stands before it, and
//! secrets are fetched, for the call and for nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::fits::{departs, step};
use crate::{
    cloud::control::{Address, Failure, FailureKind, Wanted},
    deploy::{
        ledger,
        plan::Planned,
        reference::{self, SECRET, UNKNOWN},
        site::Site,
        state::State,
    },
    project::Secret,
};

/// What is asked of the cloud, and what of it the state keeps.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) wanted: Wanted,
    /// With hashes in the places of secrets.
    pub(super) applied: Value,
}

/// The live value that a reference leads to; with an empty path the id.
pub(in crate::deploy) fn lookup(state: &State, address: &Address, path: &str) -> Option<Value> {
    let entry = state.resources.get(address)?;
    if path.is_empty() {
        return (!entry.id.is_empty()).then(|| Value::String(entry.id.clone()));
    }
    reference::attribute(&entry.live, path).cloned()
}

fn no_longer(pointer: &str, why: &str) -> Failure {
    let place = if pointer.is_empty() { "the whole" } else { pointer };
    Failure::new(FailureKind::Invalid, "plan", format!("the plan no longer fits: {place} {why}"))
        .next_step("run wildcam plan again, and look at what it says")
}

/// Resolves a line of a plan. `first` says that the plan was made before there was a state, and so before there was a key for
/// the hashes of secrets.
pub(super) fn resolve(site: &Site, state: &State, planned: &Planned, first: bool) -> Result<Resolved, Failure> {
    let lookup = |address: &Address, path: &str| lookup(state, address, path);
    let body = if planned.template.is_null() {
        fill(&planned.wanted, &lookup)
    } else {
        reference::resolve(&planned.template, &lookup)
    };
    if let Some((pointer, what)) = unknown(&body, "") {
        let message = format!("{pointer} needs {what}, which is not known after everything before it was done");
        return Err(Failure::new(FailureKind::Invalid, "references", message)
            .next_step("look at the reference: the live resource has no such property"));
    }
    if let Some(pointer) = departs(&planned.wanted, &body, "") {
        return Err(no_longer(&pointer, "has become another value since"));
    }
    let known = if first { None } else { Some(&planned.wanted) };
    whole(site, &state.hash_key, &planned.address, &planned.kind, &planned.region, body, known)
}

/// Fetches the secrets of a body without references.
pub(super) fn whole(
    site: &Site,
    hash_key: &str,
    address: &Address,
    kind: &str,
    region: &str,
    body: Value,
    planned: Option<&Value>,
) -> Result<Resolved, Failure> {
    let mut secrets = Secrets { site, hash_key, planned, found: BTreeMap::new() };
    let (properties, applied) = secrets.split(body, "")?;
    let wanted = Wanted {
        owner: site.owner(address),
        kind: kind.to_owned(),
        region: region.to_owned(),
        properties,
        secrets: secrets.found,
    };
    Ok(Resolved { wanted, applied })
}

struct Secrets<'a> {
    site: &'a Site,
    hash_key: &'a str,
    planned: Option<&'a Value>,
    found: BTreeMap<String, Secret>,
}

impl Secrets<'_> {
    /// The value for the request and the value for the state.
    fn split(&mut self, value: Value, pointer: &str) -> Result<(Value, Value), Failure> {
        Ok(match value {
            Value::Object(entries) if entries.contains_key(SECRET) => self.secret(&entries, pointer)?,
            Value::Object(entries) => {
                let (mut properties, mut applied) = (Map::new(), Map::new());
                for (key, item) in entries {
                    let (one, other) = self.split(item, &step(pointer, &key))?;
                    properties.insert(key.clone(), one);
                    applied.insert(key, other);
                }
                (Value::Object(properties), Value::Object(applied))
            }
            Value::Array(items) => {
                let (mut properties, mut applied) = (Vec::with_capacity(items.len()), Vec::with_capacity(items.len()));
                for (index, item) in items.into_iter().enumerate() {
                    let (one, other) = self.split(item, &step(pointer, &index.to_string()))?;
                    properties.push(one);
                    applied.push(other);
                }
                (Value::Array(properties), Value::Array(applied))
            }
            other => (other.clone(), other),
        })
    }

    fn secret(&mut self, entries: &Map<String, Value>, pointer: &str) -> Result<(Value, Value), Failure> {
        let reference = entries.get(SECRET).and_then(Value::as_str).unwrap_or_default();
        let secret = self.site.secret(reference).map_err(|error| {
            Failure::new(FailureKind::Invalid, "secret", format!("{pointer}: {error}"))
                .next_step("set the secret where the reference says")
        })?;
        let hash = ledger::secret_hash(self.hash_key, &secret);
        let planned = self.planned.and_then(|planned| planned.pointer(pointer)?.get("hash")?.as_str());
        if planned.is_some_and(|planned| planned != hash) {
            return Err(no_longer(pointer, "is a secret that has changed since"));
        }
        self.found.insert(pointer.to_owned(), secret);
        Ok((json!({ SECRET: reference }), json!({ SECRET: reference, "hash": hash })))
    }
}

/// Puts values in the places of `{"$unknown": "cloud/stack/name.Path"}`.
fn fill(value: &Value, lookup: &dyn Fn(&Address, &str) -> Option<Value>) -> Value {
    match value {
        Value::Object(entries) => match entries.get(UNKNOWN).and_then(Value::as_str) {
            Some(text) => reference::resolve(&Value::String(format!("${{{text}}}")), lookup),
            None => Value::Object(entries.iter().map(|(key, item)| (key.clone(), fill(item, lookup))).collect()),
        },
        Value::Array(items) => Value::Array(items.iter().map(|item| fill(item, lookup)).collect()),
        other => other.clone(),
    }
}

/// The first place that is still unknown, and what it waits for.
fn unknown(value: &Value, pointer: &str) -> Option<(String, String)> {
    match value {
        Value::Object(entries) => match entries.get(UNKNOWN) {
            Some(what) => Some((pointer.to_owned(), what.as_str().unwrap_or_default().to_owned())),
            None => entries.iter().find_map(|(key, item)| unknown(item, &step(pointer, key))),
        },
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| unknown(item, &step(pointer, &index.to_string())))
        }
        _ => None,
    }
}

/// What stands before a resource: what the plan says, and what its template refers to.
pub(super) fn needs(planned: &Planned) -> BTreeSet<Address> {
    let mut needs: BTreeSet<Address> = planned.needs.union(&planned.after).cloned().collect();
    collect(&planned.template, &mut needs);
    needs.remove(&planned.address);
    needs
}

fn collect(value: &Value, needs: &mut BTreeSet<Address>) {
    let mut text = |text: &str| needs.extend(reference::targets(text).into_iter().map(|target| target.address));
    match value {
        Value::String(string) => text(string),
        Value::Array(items) => items.iter().for_each(|item| collect(item, needs)),
        Value::Object(entries) => {
            entries.keys().for_each(|key| text(key));
            entries.values().for_each(|item| collect(item, needs));
        }
        _ => {}
    }
}
