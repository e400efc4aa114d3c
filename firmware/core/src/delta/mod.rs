//! Deltas: a new image of the firmware told by what differs from the one that the camera has.
//!
//! A patch is a [`Head`], and behind it one stream of bits: operations that copy a part of the base and add bytes of their
//! own, coded with probabilities that are learned on the way. What is copied may differ: the applier takes the base's
//! instructions and words that name places, guesses how they stand in the target from how far those places moved, and the
//! stream mostly says that the guess is right. So a line that was inserted costs its own bytes, and not those of each call
//! across it.
//!
//! Everything is streamed. The state at the end of a sector of the target has [`STATE_BYTES`], fits into a sector of flash
//! with room for a head, and is all that is needed to go on. Nothing here decides whether a patch may be applied, or whether
//! what came out is what was meant: that is told by the digests in the head and by who signed them.

mod apply;
mod coder;
#[cfg(any(feature = "std", test))]
mod encode;
mod head;
mod model;
mod operands;
mod places;
mod stream;
#[cfg(test)]
mod tests;

use core::fmt;

use embedded_storage::nor_flash::NorFlashErrorKind;

pub use apply::{Applier, LEAST_INPUT_BYTES, STATE_BYTES, Step};
#[cfg(any(feature = "std", test))]
pub use encode::encode;
pub use head::{Head, MAX_HEAD_BYTES, MAX_REGIONS, Regions};
pub use operands::Architecture;
pub use places::Region;
pub use stream::Operation;

/// Largest image in bytes: more than any slot has.
pub const MAX_IMAGE_BYTES: u32 = 4 * 1024 * 1024 - 2;

const _: () = assert!(STATE_BYTES <= 4096 - 64, "a state fits into a sector with a head");

/// Why a patch cannot be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// It ends before the target does.
    Short,
    /// It is no patch, or asks for what cannot be.
    Malformed,
    /// The base cannot be read.
    Flash(NorFlashErrorKind),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => f.write_str("the patch ends too early"),
            Self::Malformed => f.write_str("the patch is damaged"),
            Self::Flash(_) => f.write_str("the image that the patch builds on cannot be read"),
        }
    }
}

impl core::error::Error for Error {}
