//! What a board's chip expects of an image.

use std::ops::Range;

use wildcam_core::layout::PAGE_BYTES;

use crate::board::Board;

/// A chip, as far as images concern it.
#[derive(Debug, Clone)]
pub(super) struct Chip {
    /// The addresses at which flash is mapped (the chip's Technical Reference Manual, "System and Memory").
    pub(super) mapped: Vec<Range<u32>>,
    /// How the header says that the flash runs at 80 MHz.
    pub(super) frequency: u8,
}

impl Chip {
    pub(super) fn of(board: Board) -> Self {
        let data = 0x3C00_0000..0x3C80_0000;
        let code = 0x4200_0000..0x4280_0000;
        // Of the esp32c6, code and data share one range.
        let both = 0x4200_0000..0x4300_0000;
        match board {
            Board::Esp32C3 => Self { mapped: vec![data, code], frequency: 0xF },
            Board::Esp32C6 => Self { mapped: Vec::from([both]), frequency: 0x0 },
            Board::Esp32S3 => Self { mapped: vec![0x3C00_0000..0x3E00_0000, 0x4200_0000..0x4400_0000], frequency: 0xF },
            Board::QemuVirt => Self { mapped: Vec::new(), frequency: 0x0 },
        }
    }

    /// Which of the mapped ranges an address lies in; `None` for RAM.
    pub(super) fn mapped(&self, address: u32) -> Option<usize> {
        self.mapped.iter().position(|range| range.contains(&address))
    }
}

/// The page of the flash that an address is mapped through.
pub(super) const fn page(address: u32) -> u32 {
    address / PAGE_BYTES
}

/// How the header says how large the flash is.
pub(super) const fn size_code(flash_bytes: u32) -> u8 {
    match flash_bytes >> 20 {
        0..=1 => 0,
        2..=3 => 1,
        4..=7 => 2,
        8..=15 => 3,
        16..=31 => 4,
        _ => 5,
    }
}
