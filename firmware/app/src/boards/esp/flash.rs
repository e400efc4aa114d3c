//! The flash, through the chip's ROM.

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};
use esp_hal::peripherals::FLASH;
use esp_storage::{FlashStorage, FlashStorageError};

/// How much goes through the buffer at once. The ROM wants words; esp-storage would put a whole sector on the stack.
const BUFFER: usize = 256;

#[repr(align(4))]
struct Aligned([u8; BUFFER]);

/// The whole flash from address 0. While the flash is written or erased nothing runs from it and interrupts wait: at
/// most the 400 ms that a sector's erase may take by the data sheets of common parts, usually 45.
pub(crate) struct Flash(FlashStorage<'static>);

/// The flash failed.
#[derive(Debug)]
pub(crate) enum FlashError {
    /// The chip's ROM refused, or the part did not answer.
    Rom(FlashStorageError),
    /// What was asked for is not in the flash or not in its units.
    Bounds(NorFlashErrorKind),
}

impl NorFlashError for FlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Bounds(kind) => *kind,
            Self::Rom(FlashStorageError::NotAligned) => NorFlashErrorKind::NotAligned,
            Self::Rom(FlashStorageError::OutOfBounds) => NorFlashErrorKind::OutOfBounds,
            Self::Rom(_) => NorFlashErrorKind::Other,
        }
    }
}

impl Flash {
    /// The flash.
    pub(crate) fn new(flash: FLASH<'static>) -> Self {
        Self(FlashStorage::new(flash))
    }
}

impl ErrorType for Flash {
    type Error = FlashError;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        check_read(self, offset, bytes.len()).map_err(FlashError::Bounds)?;
        if bytes.as_ptr().cast::<u32>().is_aligned() {
            return self.0.read_nor(offset, bytes).map_err(FlashError::Rom);
        }
        let mut words = Aligned([0; BUFFER]);
        let mut at = offset;
        for chunk in bytes.chunks_mut(BUFFER) {
            let words = &mut words.0[..chunk.len()];
            self.0.read_nor(at, words).map_err(FlashError::Rom)?;
            chunk.copy_from_slice(words);
            at += chunk.len() as u32;
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        // What the layout was made for; the part itself may be larger.
        <super::Esp as crate::board::Board>::FLASH_BYTES as usize
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        check_erase(self, from, to).map_err(FlashError::Bounds)?;
        // Sector by sector, so that interrupts and the radio are never held off for the time of a large block.
        for sector in (from..to).step_by(Self::ERASE_SIZE) {
            self.0.erase(sector, sector + Self::ERASE_SIZE as u32).map_err(FlashError::Rom)?;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        check_write(self, offset, bytes.len()).map_err(FlashError::Bounds)?;
        if bytes.as_ptr().cast::<u32>().is_aligned() {
            return self.0.write_nor(offset, bytes).map_err(FlashError::Rom);
        }
        let mut words = Aligned([0; BUFFER]);
        let mut at = offset;
        for chunk in bytes.chunks(BUFFER) {
            let words = &mut words.0[..chunk.len()];
            words.copy_from_slice(chunk);
            self.0.write_nor(at, words).map_err(FlashError::Rom)?;
            at += chunk.len() as u32;
        }
        Ok(())
    }
}
