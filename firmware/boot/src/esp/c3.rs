//! The ESP32-C3. Addresses are those of its Technical Reference Manual: section 3.3 (memory), 3.3.3 (the table of
//! pages), and those of the register maps in the esp32c3 crate.

use wildcam_core::launch::Memory;

pub(super) const FLASH_BYTES: u32 = 4 << 20;
pub(super) const MEMORY: Memory<'static> = Memory::ESP32C3;

pub(super) const EFUSE_BLOCK0_WORD2: u32 = 0x6000_8834;
pub(super) const WDT_CONFIG: u32 = 0x6000_8090;
pub(super) const WDT_STAGE0: u32 = 0x6000_8094;
pub(super) const WDT_FEED: u32 = 0x6000_80A4;
pub(super) const WDT_PROTECT: u32 = 0x6000_80A8;

pub(super) const ENTRIES: u32 = 128;
pub(super) const INVALID: u32 = 1 << 8;
pub(super) const VALID: u32 = 0;

const TABLE: u32 = 0x600C_5000;

/// Writes an entry of the table of pages.
pub(super) fn set(entry: u32, value: u32) {
    // SAFETY: an entry of the table; the launcher uses no mapped page.
    unsafe { ((TABLE + 4 * entry) as *mut u32).write_volatile(value) }
}
