//! Looking at what is live.

use std::{collections::BTreeMap, time::Duration};

use crate::cloud::control::{Address, Failure, Live};

/// How one resource was found.
#[derive(Clone, Debug, PartialEq)]
pub enum Look {
    /// It stands, and the state knows it.
    Is(Live),
    /// It does not stand.
    Gone,
    /// It stands, and the state does not know it.
    Found(Live),
    /// It could not be looked at.
    Failed(Failure),
    /// It was not looked at: its cloud is left out, or it is not asked about. What the state says is trusted.
    Trusted,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// By address: everything in the graph and in the state.
    pub resources: BTreeMap<Address, Look>,
    /// How many calls it took.
    pub calls: u64,
    /// How long it took.
    pub elapsed: Duration,
}
