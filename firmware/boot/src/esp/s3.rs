//! The ESP32-S3. Addresses are those of its Technical Reference Manual ("System and Memory"), of the register maps in
//! the esp32s3 crate (`MMU_TABLE`, `RTC_CNTL`, `EFUSE`), and of ESP-IDF's `ext_mem_defs.h` for it.
//!
//! Both caches are off while the table changes; `rom.rs` sees to it. Modules whose flash has eight lines (WROOM-2) are
//! not supported: the ROM's functions that we call are those for four.

use wildcam_core::launch::Memory;

pub(super) const FLASH_BYTES: u32 = 8 << 20;
pub(super) const MEMORY: Memory<'static> = Memory::ESP32S3;

/// `EFUSE_RD_REPEAT_DATA1`; `WDT_DELAY_SEL` is in bits 16 and 17.
pub(super) const EFUSE_BLOCK0_WORD2: u32 = 0x6000_7034;
pub(super) const WDT_CONFIG: u32 = 0x6000_8098;
pub(super) const WDT_STAGE0: u32 = 0x6000_809C;
pub(super) const WDT_FEED: u32 = 0x6000_80AC;
pub(super) const WDT_PROTECT: u32 = 0x6000_80B0;

/// One entry for each page of the two windows, which share them (`SOC_MMU_ENTRY_NUM`).
pub(super) const ENTRIES: u32 = 512;
/// `SOC_MMU_INVALID`.
pub(super) const INVALID: u32 = 1 << 14;
/// A page of the flash, and not of PSRAM, has no mark (`SOC_MMU_VALID`, `SOC_MMU_ACCESS_FLASH`).
pub(super) const VALID: u32 = 0;

const TABLE: u32 = 0x600C_5000;

/// Writes an entry of the table of pages.
pub(super) fn set(entry: u32, value: u32) {
    // SAFETY: an entry of the table; the launcher uses no mapped page.
    unsafe { ((TABLE + 4 * entry) as *mut u32).write_volatile(value) }
}
