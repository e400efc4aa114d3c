//! What an agent tells of its work.

use crate::{config::Refusal, trust, update::Why};

/// What a gate waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// A fuller battery.
    Battery,
    /// Another link.
    Link,
    /// The end of the survey.
    Survey,
}

impl Gate {
    /// The word in logs and reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Battery => "battery",
            Self::Link => "link",
            Self::Survey => "survey",
        }
    }
}

/// What happened, for those who read along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The camera has the settings of the document with this number, on trial until the next report.
    Settings(u64),
    /// It does not take those of the document with this number.
    Refused(u64, Refusal),
    /// Something is not trusted: the chain stays as it was.
    Untrusted(trust::Error),
    /// The chain of trust does not name the wanted release as the newest.
    NotNewest {
        /// The wanted one.
        wanted: u64,
        /// The newest of this class; 0 when there is none.
        newest: u64,
    },
    /// The release waits.
    Waits(Gate),
    /// The release is begun.
    Begun {
        /// Its number.
        release: u64,
        /// Bytes that are to be fetched.
        bytes: u32,
        /// Whether it comes as a patch.
        patch: bool,
    },
    /// A download ended, whole or not.
    Downloaded {
        /// Bytes that came, also those that were of no use.
        received: u64,
        /// Over how many connections.
        connections: u32,
        /// Bytes of the image that are durable, and how many it has.
        durable: (u32, u32),
    },
    /// The release runs from the next start on.
    Activated(u64),
    /// The release is given up.
    GivenUp(u64, Why),
    /// The flash, or what lies in it, could not be used.
    Failed(&'static str),
}
