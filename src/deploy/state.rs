//! What wildcam has made: the state, and the records of the journal that it is folded from. No secret is in either:
//! where one was set stands `{"$secret": "REFERENCE", "hash": "..."}`, with a hash keyed by the state's own key.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cloud::control::{Address, Failure, Pending};

/// How a resource stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Standing {
    /// It was made as wanted, and read.
    Ready,
    /// The cloud said that it was made, and could not show it; the next run reads it again and never makes a second.
    Unreadable,
    /// An operation on it was begun and its end is not known.
    Begun(Operation),
}

/// What is done to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Made.
    Create,
    /// Changed in place.
    Update,
    /// Deleted.
    Delete,
}

/// An operation whose intent was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Rises by one with each intent of a project's environment; the token is derived from it.
    pub number: u64,
    /// What is done.
    pub act: Act,
    /// What the provider is given so that a second call is the first: a UUID made from project, environment, address,
    /// number, and the state's key.
    pub token: String,
    /// The provider's handle, once there is one.
    pub pending: Option<Pending>,
    /// For a change: what is being set. Whoever goes on takes it for set where the live confirms it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub intended: Value,
}

/// One resource of the state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The provider's type.
    pub kind: String,
    /// The region.
    pub region: String,
    /// The provider's id; empty while it is not known.
    pub id: String,
    /// How it stands.
    pub standing: Standing,
    /// What was last set, with references resolved and secrets hashed.
    pub applied: Value,
    /// What the cloud told last; references read it, and `--without` trusts it.
    pub live: Value,
    /// What stood before it: what is deleted after it.
    pub needs: BTreeSet<Address>,
    /// What it holds that would be lost with it, in words; empty: nothing. Kept here, so that a template that goes
    /// does not take the protection with it.
    pub holds: String,
}

/// The state of one environment of a project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The version of this shape.
    pub v: u32,
    /// The project's name.
    pub project: String,
    /// The environment; `default` where none was chosen.
    pub environment: String,
    /// Rises with every record.
    pub serial: u64,
    /// The number of the last intent.
    pub last_operation: u64,
    /// The key of the hashes, 64 hexadecimal digits: it makes a hash of a secret useless elsewhere.
    pub hash_key: String,
    /// By address.
    pub resources: BTreeMap<Address, Entry>,
    /// Older halves of exchanges, still to be deleted, by address.
    pub leftovers: BTreeMap<Address, Vec<Entry>>,
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "record")]
pub enum Record {
    /// A run began.
    Began {
        /// Who: user and machine, or the CI job.
        who: String,
        /// When, milliseconds since 1970.
        at_ms: u64,
        /// The plan's digest.
        plan: String,
    },
    /// Something is about to be done; written before the call.
    Intent {
        /// To what.
        address: Address,
        /// As the entry will be, with [`Standing::Begun`].
        entry: Box<Entry>,
    },
    /// The provider took it and works on it.
    Handle {
        /// To what.
        address: Address,
        /// The handle.
        pending: Pending,
    },
    /// It ended well; the entry as it is now, or `None` where it is gone.
    Ended {
        /// To what.
        address: Address,
        /// The entry.
        entry: Option<Box<Entry>>,
    },
    /// It ended badly; what stood before stands, or nothing where it was a creation that did not happen.
    Failed {
        /// To what.
        address: Address,
        /// Why.
        failure: Failure,
        /// The entry that stands.
        entry: Option<Box<Entry>>,
    },
    /// The old half of an exchange waits for its deletion, or is gone.
    Leftover {
        /// Whose.
        address: Address,
        /// All that are left.
        entries: Vec<Entry>,
    },
    /// The run ended.
    Closed {
        /// When, milliseconds since 1970.
        at_ms: u64,
        /// Whether everything was done.
        complete: bool,
    },
}
