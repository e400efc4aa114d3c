//! A record of the boot journal.
//!
//! ```text
//! 0   magic "WCb1"     4
//! 4   sequence         4   little-endian; the highest one is the latest
//! 8   slot, state      2
//! 10  attempts, reason 2
//! 12  image            8   first bytes of its hash
//! 20  given up         8   the same of the image that was given up last, zeros when none was
//! 28  confirmed        8   the same of the image that checked in last, zeros when none did
//! 36  zeros           24
//! 60  CRC-32           4   over everything before it
//! ```

use super::{Entry, Slot};
use crate::checksum::Crc32;

pub(super) const RECORD_BYTES: usize = 64;

const MAGIC: [u8; 4] = *b"WCb1";
const CRC_AT: usize = RECORD_BYTES - 4;

/// How far an image is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It is on trial.
    Trying,
    /// It checked in.
    Confirmed,
    /// It is started again since a newer one failed.
    RolledBack,
}

/// Why a record was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The image was found in its slot, as a cable leaves it.
    Found,
    /// An update was put there.
    Update,
    /// It is started on trial once more.
    Attempt,
    /// It checked in.
    CheckedIn,
    /// The other one was started too often without checking in.
    Attempts,
    /// The other one is damaged.
    Damaged,
    /// It was started often enough without checking in, and there is no other.
    Only,
}

impl Reason {
    /// The word in logs and reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Update => "update",
            Self::Attempt => "attempt",
            Self::CheckedIn => "checked-in",
            Self::Attempts => "attempts",
            Self::Damaged => "damaged",
            Self::Only => "only",
        }
    }
}

const REASONS: [Reason; 7] = [
    Reason::Found,
    Reason::Update,
    Reason::Attempt,
    Reason::CheckedIn,
    Reason::Attempts,
    Reason::Damaged,
    Reason::Only,
];

const STATES: [State; 3] = [State::Trying, State::Confirmed, State::RolledBack];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) sequence: u32,
    pub(super) entry: Entry,
}

impl Record {
    /// Whether it is the later one, by the serial numbers of RFC 1982: a number that nobody reached by counting, written
    /// by who knows whom, must not end the journal.
    pub(super) fn follows(&self, other: &Self) -> bool {
        self.sequence.wrapping_sub(other.sequence).cast_signed() > 0
    }

    pub(super) fn encode(&self) -> [u8; RECORD_BYTES] {
        let Entry { slot, state, attempts, reason, mark, given_up, confirmed } = self.entry;
        let mut bytes = [0; RECORD_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..8].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[8] = slot.index() as u8;
        bytes[9] = STATES.iter().position(|one| *one == state).unwrap_or(0) as u8;
        bytes[10] = attempts;
        bytes[11] = REASONS.iter().position(|one| *one == reason).unwrap_or(0) as u8;
        bytes[12..20].copy_from_slice(&mark);
        bytes[20..28].copy_from_slice(&given_up);
        bytes[28..36].copy_from_slice(&confirmed);
        let crc = Crc32::of(&bytes[..CRC_AT]);
        bytes[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8; RECORD_BYTES]) -> Option<Self> {
        let number = |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).copied().map(u32::from_le_bytes);
        let mark = |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).copied();
        if bytes[..4] != MAGIC || number(CRC_AT)? != Crc32::of(&bytes[..CRC_AT]) {
            return None;
        }
        let entry = Entry {
            slot: *Slot::ALL.get(usize::from(bytes[8]))?,
            state: *STATES.get(usize::from(bytes[9]))?,
            attempts: bytes[10],
            reason: *REASONS.get(usize::from(bytes[11]))?,
            mark: mark(12)?,
            given_up: mark(20)?,
            confirmed: mark(28)?,
        };
        Some(Self { sequence: number(4)?, entry })
    }
}
