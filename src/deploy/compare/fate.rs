//! What will have become of a resource by the time that others refer to it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    cloud::control::{Address, Change},
    deploy::{
        names::escaped,
        reference::{attribute, has_unknown},
        state::State,
    },
};

/// What others will find.
pub(super) enum Fate {
    /// It is made or exchanged: only the apply knows its id and its attributes.
    Moves,
    /// It stands, and keeps what it is but for some changes.
    Stands {
        /// The provider's id.
        id: String,
        /// Its properties.
        live: Value,
        /// What is wanted, and the leaves that become so.
        changes: Option<(Value, Vec<Change>)>,
    },
}

/// What will have become of each.
pub(super) struct Fates<'s> {
    pub(super) known: BTreeMap<Address, Fate>,
    pub(super) state: &'s State,
}

impl Fates<'_> {
    /// The value of a reference, where it is known before the apply. An empty path is the id.
    pub(super) fn value(&self, address: &Address, path: &str) -> Option<Value> {
        let entry = self.state.resources.get(address);
        let (id, live) = match (self.known.get(address), entry) {
            (Some(Fate::Moves), _) => return None,
            (Some(Fate::Stands { id, live, changes }), _) => {
                if let Some((wanted, changes)) = changes
                    && changes.iter().any(|change| concerns(change, path))
                {
                    return attribute(wanted, path).filter(|value| !has_unknown(value)).cloned();
                }
                (id, live)
            }
            (None, Some(entry)) => (&entry.id, &entry.live),
            (None, None) => return None,
        };
        if path.is_empty() {
            return (!id.is_empty()).then(|| Value::String(id.clone()));
        }
        attribute(live, path).or_else(|| attribute(&entry?.live, path)).filter(|value| !value.is_null()).cloned()
    }

    /// Whether what an unknown value waits for will be another than it was.
    pub(super) fn moves(&self, awaited: &str) -> bool {
        let (address, path) = awaited.split_once('.').unwrap_or((awaited, ""));
        let Ok(address) = address.parse::<Address>() else { return true };
        match self.known.get(&address) {
            Some(Fate::Moves) => true,
            Some(Fate::Stands { changes: Some((_, changes)), .. }) => {
                changes.iter().any(|change| concerns(change, path))
            }
            Some(Fate::Stands { .. }) => false,
            None => !self.state.resources.contains_key(&address),
        }
    }
}

/// Whether a change is at a path, above it or below it.
fn concerns(change: &Change, path: &str) -> bool {
    if path.is_empty() {
        return false;
    }
    let pointer: String = path.split('.').map(|step| format!("/{}", escaped(step))).collect();
    let under = |upper: &str, lower: &str| {
        lower.strip_prefix(upper).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    under(&pointer, &change.pointer) || under(&change.pointer, &pointer)
}
