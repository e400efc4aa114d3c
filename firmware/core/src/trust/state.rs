//! What a camera remembers of what it has seen, so that nobody can take it back.
//!
//! ```text
//! 0   magic "WTr1"         4
//! 4   zeros                4
//! 8   root: sequence       8   little-endian, as all numbers here
//! 16  root: digest        32   SHA-256 of its content
//! 48  release: sequence    8   0 for none yet
//! 56  release: digest     32   zeros for none yet
//! 88  timestamp: sequence  8   0 for none yet
//! 96  timestamp: digest   32   zeros for none yet
//! 128 time                 8   seconds since 1970: the last that was signed
//! 136 zeros                4
//! 140 CRC-32               4   over everything before it
//! ```

use super::Error;
use crate::checksum::Crc32;

/// Bytes of the record.
pub const STATE_BYTES: usize = 144;

const MAGIC: [u8; 4] = *b"WTr1";
const CRC_AT: usize = STATE_BYTES - 4;

/// A document that was seen: its number and the SHA-256 of its content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    /// Its number; 0 for none yet.
    pub sequence: u64,
    /// Its digest; zeros for none yet.
    pub digest: [u8; 32],
}

impl Seen {
    /// Whether a document with this number and digest may follow, or be the same again.
    ///
    /// # Errors
    /// [`Error::Rollback`] for a lower number; [`Error::Conflict`] for the same one with another content.
    pub(super) fn admit(&self, next: &Self) -> Result<(), Error> {
        if next.sequence < self.sequence {
            return Err(Error::Rollback);
        }
        if next.sequence == self.sequence && self.sequence != 0 && next.digest != self.digest {
            return Err(Error::Conflict);
        }
        Ok(())
    }
}

/// The record in flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct State {
    /// The root that is trusted.
    pub root: Seen,
    /// The newest manifest of this camera's class.
    pub release: Seen,
    /// The newest timestamp.
    pub timestamp: Seen,
    /// The last time that was signed, in seconds since 1970.
    pub time_s: u64,
}

impl State {
    /// The record's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; STATE_BYTES] {
        let mut bytes = [0; STATE_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        for (at, seen) in [(8, &self.root), (48, &self.release), (88, &self.timestamp)] {
            bytes[at..at + 8].copy_from_slice(&seen.sequence.to_le_bytes());
            bytes[at + 8..at + 40].copy_from_slice(&seen.digest);
        }
        bytes[128..136].copy_from_slice(&self.time_s.to_le_bytes());
        let crc = Crc32::of(&bytes[..CRC_AT]);
        bytes[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads a record; `None` when it is damaged or none. What stands where zeros do is ignored.
    #[must_use]
    pub fn decode(bytes: &[u8; STATE_BYTES]) -> Option<Self> {
        let number = |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).copied().map(u64::from_le_bytes);
        let digest = |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).copied();
        let seen = |at: usize| Some(Seen { sequence: number(at)?, digest: digest(at + 8)? });
        let crc = bytes[CRC_AT..].first_chunk().copied().map(u32::from_le_bytes);
        if bytes[..4] != MAGIC || crc != Some(Crc32::of(&bytes[..CRC_AT])) {
            return None;
        }
        Some(Self { root: seen(8)?, release: seen(48)?, timestamp: seen(88)?, time_s: number(128)? })
    }
}
