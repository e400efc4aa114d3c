//! The flash through the chip's ROM. Everything that is read or written here is in RAM, at multiples of 4.

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};
use esp_rom_sys::rom::spiflash::{
    ESP_ROM_SPIFLASH_RESULT_OK, esp_rom_spiflash_erase_sector, esp_rom_spiflash_read, esp_rom_spiflash_unlock,
    esp_rom_spiflash_write,
};

use super::rom;

const SECTOR: usize = 4096;
const BUFFER: usize = 256;

#[repr(align(4))]
struct Aligned([u8; BUFFER]);

/// The flash from address 0.
pub(super) struct RomFlash {
    bytes: u32,
    unlocked: bool,
}

impl RomFlash {
    /// A flash of `bytes`.
    pub(super) fn new(bytes: u32) -> Self {
        Self { bytes, unlocked: false }
    }

    /// Removes the write protection, once.
    fn unlock(&mut self) -> Result<(), NorFlashErrorKind> {
        if !self.unlocked {
            // SAFETY: it only writes the status register of the flash.
            done(rom::without_cache(|| unsafe { esp_rom_spiflash_unlock() }))?;
            self.unlocked = true;
        }
        Ok(())
    }
}

fn done(result: i32) -> Result<(), NorFlashErrorKind> {
    if result == ESP_ROM_SPIFLASH_RESULT_OK { Ok(()) } else { Err(NorFlashErrorKind::Other) }
}

fn read_words(offset: u32, words: &mut [u8]) -> Result<(), NorFlashErrorKind> {
    let length = words.len() as u32;
    // SAFETY: the pointer is aligned and valid for `length` bytes, which is a multiple of 4.
    done(rom::without_cache(|| unsafe { esp_rom_spiflash_read(offset, words.as_mut_ptr().cast(), length) }))
}

impl ErrorType for RomFlash {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for RomFlash {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(self, offset, bytes.len())?;
        if bytes.as_ptr().cast::<u32>().is_aligned() {
            return read_words(offset, bytes);
        }
        let mut words = Aligned([0; BUFFER]);
        let mut at = offset;
        for chunk in bytes.chunks_mut(BUFFER) {
            let words = &mut words.0[..chunk.len()];
            read_words(at, words)?;
            chunk.copy_from_slice(words);
            at += chunk.len() as u32;
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes as usize
    }
}

impl NorFlash for RomFlash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = SECTOR;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(self, from, to)?;
        self.unlock()?;
        for sector in from / SECTOR as u32..to / SECTOR as u32 {
            // SAFETY: the sector lies in the flash.
            done(rom::without_cache(|| unsafe { esp_rom_spiflash_erase_sector(sector) }))?;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(self, offset, bytes.len())?;
        self.unlock()?;
        let mut words = Aligned([0; BUFFER]);
        let mut at = offset;
        for chunk in bytes.chunks(BUFFER) {
            let words = &mut words.0[..chunk.len()];
            words.copy_from_slice(chunk);
            let length = chunk.len() as u32;
            // SAFETY: the pointer is aligned and valid for `length` bytes, which is a multiple of 4.
            done(rom::without_cache(|| unsafe { esp_rom_spiflash_write(at, words.as_ptr().cast(), length) }))?;
            at += length;
        }
        Ok(())
    }
}
