//! The chip maker's second-stage loader, as espflash brings it: built by Espressif's ESP-IDF, Apache-2.0.

use std::borrow::Cow;

use espflash::{
    flasher::{FlashData, FlashFrequency, FlashMode, FlashSettings, FlashSize},
    image_format::idf::IdfBootloaderFormat,
    target::{Chip, XtalFrequency},
};

use super::Error;
use crate::board::Board;

/// The second-stage loader for a board, set for its flash; `None` where the board has no such stage.
///
/// # Errors
/// When espflash does not have one.
pub fn second_stage(board: Board) -> Result<Option<Vec<u8>>, Error> {
    let chip = match board {
        Board::Esp32C3 => Chip::Esp32c3,
        Board::Esp32C6 => Chip::Esp32c6,
        Board::Esp32S3 => Chip::Esp32s3,
        Board::QemuVirt => return Ok(None),
    };
    let size = match board.flash_bytes() >> 20 {
        0..=7 => FlashSize::_4Mb,
        8..=15 => FlashSize::_8Mb,
        _ => FlashSize::_16Mb,
    };
    let settings = FlashSettings::new(Some(FlashMode::Dio), Some(size), Some(FlashFrequency::_80Mhz));
    let data = FlashData::new(settings, 0, None, chip, XtalFrequency::_40Mhz);
    let failed = |error| Error::Loader(board, Box::new(error));
    // espflash hands its loader out only in front of an application; an ELF file with nothing in it will do.
    let nothing = empty_elf();
    let format = IdfBootloaderFormat::new(&nothing, &data, None, None, None, None).map_err(failed)?;
    Ok(format.flash_segments().next().map(|segment| match segment.data {
        Cow::Borrowed(bytes) => bytes.to_vec(),
        Cow::Owned(bytes) => bytes,
    }))
}

/// The header of an ELF file for 32 bits, little-endian, without sections and segments.
fn empty_elf() -> Vec<u8> {
    const HEADER_BYTES: u16 = 52;
    let mut bytes = b"\x7fELF\x01\x01\x01".to_vec();
    bytes.resize(16, 0);
    // An executable for RISC-V.
    bytes.extend([2, 0, 243, 0, 1, 0, 0, 0]);
    // Entry, program headers, sections, flags: none.
    bytes.extend([0; 16]);
    bytes.extend(HEADER_BYTES.to_le_bytes());
    bytes.resize(usize::from(HEADER_BYTES), 0);
    bytes
}
