//! The flash: two CFI chips with Intel's command set (JEDEC JEP137, primary command set 1) side by side on a bus of 32
//! bits, as QEMU's `pflash_cfi01` has them.
//!
//! QEMU lets any program set any bit and erases by 256 KiB. This driver erases by 4096 bytes, as the flash of every
//! real board does, by programming ones; and because QEMU does not, it holds the rule that a program only clears bits:
//! a breach is a bug, so the machine stops with a message.

use core::ptr::with_exposed_provenance_mut;

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

/// Where unit 0 begins, which holds the boot stage.
pub const UNIT_0: usize = 0x2000_0000;
/// Where unit 1 begins, which is the camera's flash.
pub const UNIT_1: usize = 0x2200_0000;
/// Bytes of a unit.
pub const UNIT_BYTES: u32 = 32 << 20;

/// Bytes of unit 1 that are the camera's flash.
pub const FLASH_BYTES: u32 = 8 << 20;

const WORD: usize = 4;
/// The chips' buffer for one program command, in bytes of the bus.
const BUFFER: usize = 2048;
/// The same command to both chips.
const fn both(command: u16) -> u32 {
    (command as u32) << 16 | command as u32
}
const READ_ARRAY: u32 = both(0xff);
const CLEAR_STATUS: u32 = both(0x50);
const PROGRAM_BUFFER: u32 = both(0xe8);
const CONFIRM: u32 = both(0xd0);
const READY: u32 = both(0x80);

/// The camera's flash, the first part of unit 1.
pub struct Flash(());

impl Flash {
    /// The flash.
    ///
    /// # Safety
    /// There must be one at a time: its commands have several steps.
    #[must_use]
    pub unsafe fn take() -> Self {
        Self(())
    }

    /// Programs bytes of one buffer; `new` gives the word at each place.
    fn program(&mut self, offset: usize, words: usize, new: impl Fn(usize) -> u32) {
        let start = with_exposed_provenance_mut::<u32>(UNIT_1 + offset);
        // SAFETY: within unit 1, aligned, and of at most one buffer, as the callers see to; all accesses are volatile.
        unsafe {
            start.write_volatile(PROGRAM_BUFFER);
            start.write_volatile(both((words - 1) as u16));
            for word in 0..words {
                start.add(word).write_volatile(new(word));
            }
            start.write_volatile(CONFIRM);
            while start.read_volatile() & READY != READY {}
            start.write_volatile(CLEAR_STATUS);
            start.write_volatile(READ_ARRAY);
        }
    }

    fn word(offset: usize) -> u32 {
        // SAFETY: within unit 1 and aligned, as the callers see to; the chips are in array mode.
        unsafe { with_exposed_provenance_mut::<u32>(UNIT_1 + offset).read_volatile() }
    }
}

impl ErrorType for Flash {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = WORD;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(self, offset, bytes.len())?;
        for (n, chunk) in bytes.chunks_exact_mut(WORD).enumerate() {
            chunk.copy_from_slice(&Self::word(offset as usize + n * WORD).to_le_bytes());
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        FLASH_BYTES as usize
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = WORD;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(self, from, to)?;
        for at in (from as usize..to as usize).step_by(BUFFER) {
            self.program(at, BUFFER / WORD, |_| u32::MAX);
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(self, offset, bytes.len())?;
        let word = |bytes: &[u8], n: usize| {
            let mut word = [0; WORD];
            word.copy_from_slice(&bytes[n * WORD..(n + 1) * WORD]);
            u32::from_le_bytes(word)
        };
        let mut at = offset as usize;
        let mut rest = bytes;
        while !rest.is_empty() {
            let now = rest.len().min(BUFFER - at % BUFFER);
            let (chunk, after) = rest.split_at(now);
            for n in 0..now / WORD {
                let (old, new) = (Self::word(at + n * WORD), word(chunk, n));
                assert!(
                    new & !old == 0,
                    "flash: a program at {:#x} would set bits that are cleared ({old:#010x} to {new:#010x})",
                    at + n * WORD
                );
            }
            self.program(at, now / WORD, |n| word(chunk, n));
            (at, rest) = (at + now, after);
        }
        Ok(())
    }
}

/// The last 4 KiB of unit 0: what a chip would have in eFuse.
const FUSES: usize = UNIT_0 + UNIT_BYTES as usize - 4096;
const FUSE_MAGIC: u32 = 0x3165_6657;

/// The sealing key in the emulated eFuses, if one was burnt: the last 4 KiB of the file of unit 0 hold `Wfe1`, then 32
/// bytes.
#[must_use]
pub fn fuse() -> Option<[u8; 32]> {
    // SAFETY: within unit 0 and aligned; unit 0 is only ever read.
    let word = |n: usize| unsafe { core::ptr::with_exposed_provenance::<u32>(FUSES + n * WORD).read_volatile() };
    if word(0) != FUSE_MAGIC {
        return None;
    }
    let mut key = [0; 32];
    for (n, chunk) in key.chunks_exact_mut(WORD).enumerate() {
        chunk.copy_from_slice(&word(n + 1).to_le_bytes());
    }
    Some(key)
}
