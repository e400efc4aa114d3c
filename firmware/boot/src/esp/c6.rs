//! The ESP32-C6. Addresses are those of its Technical Reference Manual ("System and Memory"; the table of pages is
//! reached through two registers of the flash controller), and those of the register maps in the esp32c6 crate.

use wildcam_core::launch::Memory;

pub(super) const FLASH_BYTES: u32 = 4 << 20;
pub(super) const MEMORY: Memory<'static> = Memory::ESP32C6;

pub(super) const EFUSE_BLOCK0_WORD2: u32 = 0x600B_0834;
pub(super) const WDT_CONFIG: u32 = 0x600B_1C00;
pub(super) const WDT_STAGE0: u32 = 0x600B_1C04;
pub(super) const WDT_FEED: u32 = 0x600B_1C14;
pub(super) const WDT_PROTECT: u32 = 0x600B_1C18;

/// Pages have 64 KiB, which the second-stage loader has set because our descriptor asks for it.
pub(super) const ENTRIES: u32 = 256;
pub(super) const INVALID: u32 = 0;
pub(super) const VALID: u32 = 1 << 9;

const ITEM_CONTENT: u32 = 0x6000_237C;
const ITEM_INDEX: u32 = 0x6000_2380;

/// Writes an entry of the table of pages.
pub(super) fn set(entry: u32, value: u32) {
    // SAFETY: an entry of the table; the launcher uses no mapped page.
    unsafe {
        (ITEM_INDEX as *mut u32).write_volatile(entry);
        (ITEM_CONTENT as *mut u32).write_volatile(value);
    }
}
