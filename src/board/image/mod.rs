//! Images: what lies in a board's flash, made from what the linker wrote.
//!
//! An application image has the form that the chip maker's loader reads (esptool's documentation, "Firmware Image Format"):
//! a header, segments that are copied into RAM or mapped from flash page by page, a checksum, and a SHA-256 of all of it. The
//! emulated board uses the same form, with segments for RAM only and a chip id that no chip has. The same input gives the
//! same bytes.

mod application;
mod chip;
mod descriptor;
mod elf;
mod loader;
mod merged;
mod raw;
mod table;

pub use application::{Application, Segment, application};
pub use descriptor::Descriptor;
pub use loader::second_stage;
pub use merged::full;
pub use raw::{UNIT_BYTES, raw};
pub use table::table;

use crate::board::Board;

/// Whether an address of a board is one at which flash is mapped.
#[must_use]
pub fn is_mapped(board: Board, address: u32) -> bool {
    chip::Chip::of(board).mapped(address).is_some()
}

/// Why no image was made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The linker's output cannot be read.
    #[error("the linker's output is no ELF file for 32 bits that can be read")]
    Elf(#[from] object::Error),
    /// It holds nothing that would be loaded.
    #[error("the linker's output holds nothing to load")]
    Empty,
    /// There is no `esp_app_desc` in it, by which a loader knows an application.
    #[error("the linker's output has no application descriptor at the beginning of a section")]
    NoDescriptor,
    /// The descriptor does not lie where a loader looks for it.
    #[error("the application descriptor lies at {address:#x}, and not {offset:#x} bytes into a page of the flash")]
    Misplaced {
        /// Its address.
        address: u32,
        /// The offset in the page that the image's header leaves.
        offset: u32,
    },
    /// Two parts claim the same memory.
    #[error("two parts of the program overlap at {0:#x}")]
    Overlap(u32),
    /// The loader maps one range of data and one of code.
    #[error("the program has {0} ranges mapped from flash, and the chip's loader maps two")]
    Ranges(usize),
    /// A loader reads no more than sixteen segments.
    #[error("the image has {0} segments, and a loader reads sixteen")]
    Segments(usize),
    /// A part does not fit into its place in the flash.
    #[error("the {part} of {board} has {bytes} bytes, and its place in the flash has {room}")]
    TooLarge {
        /// Which part.
        part: &'static str,
        /// Of which board.
        board: Board,
        /// Its length.
        bytes: usize,
        /// The length of its place.
        room: u32,
    },
    /// The chip maker's loader was not to be had.
    #[error("the second-stage loader for {0} cannot be prepared")]
    Loader(Board, #[source] Box<espflash::Error>),
}
