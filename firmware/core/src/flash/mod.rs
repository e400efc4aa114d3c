//! Storage that behaves as NOR flash.
//!
//! The one seam is the blocking [`NorFlash`](embedded_storage::nor_flash::NorFlash) trait: a chip's own driver
//! implements it, [`Card`] puts it over a card of 512-byte blocks, [`Encrypted`] between the two keeps a thief out, [`FileFlash`] over a file of a host, and
//! `powercut::PowerCutFlash` over memory that loses power in the middle of an operation.
//!
//! The rules of NOR flash: an erase sets every bit of a sector, a program only clears bits, and both work in
//! aligned units.

mod card;
mod encrypted;
#[cfg(feature = "std")]
mod file;
mod part;
#[cfg(feature = "powercut")]
pub mod powercut;

pub use card::{BLOCK, BlockDevice, Card, CardError};
pub use encrypted::Encrypted;
#[cfg(feature = "std")]
pub use file::{FileFlash, FileFlashError};
pub use part::{Part, PartError};
