//! What will be done: a plan, saved and applied exactly.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cloud::control::{Address, Change};

/// What happens to one resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "action")]
pub enum Action {
    /// It is made.
    Create,
    /// It is changed in place.
    Update {
        /// The leaves that differ.
        changes: Vec<Change>,
    },
    /// It is exchanged: a property that cannot be changed differs.
    Replace {
        /// The leaves that force it, and the others.
        changes: Vec<Change>,
        /// The new one comes before the old one goes.
        create_first: bool,
    },
    /// It is deleted: the templates do not have it any more.
    Delete,
    /// It exists, bears no marks or another's, and is taken over as it is, then changed where it differs.
    Adopt {
        /// The provider's id.
        id: String,
        /// The leaves that differ.
        changes: Vec<Change>,
    },
    /// An operation whose end was not seen is followed to its end.
    Resume,
    /// It is gone from the cloud, and the state forgets it (it is made again by a Create of its own).
    Forget,
}

/// One line of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// Which resource.
    pub address: Address,
    /// The provider's type.
    pub kind: String,
    /// The region.
    pub region: String,
    /// What it is, for people.
    pub words: String,
    /// What happens to it.
    pub action: Action,
    /// What is set, with `{"$unknown": "cloud/stack/name.Path"}` where only the apply can know, and
    /// `{"$secret": "REFERENCE", "hash": "..."}` for secrets. Null where it goes.
    pub wanted: Value,
    /// What the template sets, as in the graph, with its references written in full; null where it has none. The apply
    /// resolves it when everything before it is done: that fills in what `wanted` could not know, and stops this resource
    /// where a value that was known has become another.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub template: Value,
    /// What must be done before it.
    pub after: BTreeSet<Address>,
    /// Everything that it stands on, also what stands already: the state keeps it, so that this goes before that does.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub needs: BTreeSet<Address>,
    /// What it holds that would be lost; empty: nothing is lost.
    pub loses: String,
    /// The usual time, in minutes, from and to.
    pub minutes: [f64; 2],
    /// What it adds to the month's bill in US dollars, from and to; negative where it goes.
    pub usd_month: [f64; 2],
}

/// A whole plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The version of this shape.
    pub v: u32,
    /// The project's name.
    pub project: String,
    /// The environment; `default` where none was chosen.
    pub environment: String,
    /// When, milliseconds since 1970.
    pub made_ms: u64,
    /// The state that it was made for; it is applied to no other.
    pub state_serial: u64,
    /// The SHA-256 of that state, hexadecimal.
    pub state_digest: String,
    /// The clouds that were left out.
    pub without: BTreeSet<String>,
    /// What will be done, in an order that respects [`Planned::after`].
    pub changes: Vec<Planned>,
    /// How many resources stay as they are.
    pub unchanged: usize,
    /// What was found that is not as it was last set (drift), by address; the changes put it right.
    pub drifted: Vec<Drifted>,
    /// What should be known.
    pub notes: Vec<String>,
}

/// A resource that somebody else changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drifted {
    /// Which one.
    pub address: Address,
    /// What it is, for people.
    pub words: String,
    /// It is gone.
    pub gone: bool,
    /// The leaves that differ from what was last set.
    pub changes: Vec<Change>,
}
