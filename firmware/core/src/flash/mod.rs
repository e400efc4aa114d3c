//! Storage that behaves as NOR flash.
//!
//! The one seam is the blocking [`NorFlash`](embedded_storage::nor_flash::NorFlash) trait: a chip's own driver
//! implements it, [`Card`] puts it over a card of 512-byte blocks, [`FileFlash`] over a file of a host, and
//! `powercut::PowerCutFlash` over memory that loses power in the middle of an operation. Under [`Card`], [`Claimed`]
//! sees to it that only a camera's own card is used, and [`Encrypted`] that only this camera can read it.
//!
//! The rules of NOR flash: an erase sets every bit of a sector, a program only clears bits, and both work in
//! aligned units.

mod card;
mod claim;
mod encrypted;
#[cfg(feature = "std")]
mod file;
mod part;
#[cfg(feature = "powercut")]
pub mod powercut;
pub(crate) mod records;
pub mod sd;

pub use card::{BLOCK, BlockDevice, Card, CardError};
pub use claim::{Claimed, FIRST_BLOCK, Unusable};
pub use encrypted::Encrypted;
#[cfg(feature = "std")]
pub use file::{FileFlash, FileFlashError};
pub use part::{Part, PartError};
pub use records::Error as RecordsError;
