//! What an apply came to.

use std::time::Duration;

use crate::{
    cloud::control::{Address, Failure},
    deploy::event::Doing,
};

/// How an apply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything was done.
    Complete,
    /// Something failed; what did not depend on it was done.
    Incomplete,
    /// It was interrupted; everything that was begun is in the journal, and another run goes on.
    Interrupted,
    /// The credentials of a cloud expired or were refused; everything that was begun is in the journal.
    Credentials,
}

/// One thing that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// To what.
    pub address: Address,
    /// What.
    pub doing: Doing,
    /// How long it took.
    pub elapsed: Duration,
}

/// One thing that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// What.
    pub address: Address,
    /// What was tried.
    pub doing: Doing,
    /// Why it failed; its message is for people.
    pub failure: Failure,
    /// What to do.
    pub next_step: String,
}

/// One thing that was not begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// What.
    pub address: Address,
    /// Why.
    pub because: String,
}

/// What an apply came to. Nothing of it is lost when the process ends: the journal has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// What was done, in the order in which it ended.
    pub done: Vec<Done>,
    /// What failed.
    pub failed: Vec<Failed>,
    /// What was not begun.
    pub skipped: Vec<Skipped>,
    /// The state's serial number after it.
    pub serial: u64,
    /// The state stores that were removed, as people know them; only a destroy that left nothing removes them.
    pub removed: Vec<String>,
}

impl Outcome {
    /// Where nothing was to be done.
    #[must_use]
    pub const fn of_nothing(serial: u64) -> Self {
        Self {
            ending: Ending::Complete,
            done: Vec::new(),
            failed: Vec::new(),
            skipped: Vec::new(),
            serial,
            removed: Vec::new(),
        }
    }

    /// What to do next, where anything is left to do.
    #[must_use]
    pub fn next_step(&self) -> Option<String> {
        match self.ending {
            Ending::Complete => None,
            Ending::Incomplete => Some(
                self.failed
                    .first()
                    .map_or_else(|| "run wildcam deploy again".to_owned(), |failed| failed.next_step.clone()),
            ),
            Ending::Interrupted => Some("run wildcam deploy again: it goes on where it was".to_owned()),
            Ending::Credentials => {
                Some("log in again, and run wildcam deploy again: it goes on where it was".to_owned())
            }
        }
    }
}
