//! The ESP32-C6. Addresses are those of its Technical Reference Manual ("System and Memory"; the table of pages is
//! reached through two registers of the flash controller), and those of the register maps in the esp32c6 crate.

use wildcam_core::launch::{Memory, Pages};

use super::rom;

pub(super) const FLASH_BYTES: u32 = 4 << 20;

/// Static memory of an application ends where the second-stage loader lay, as in esp-hal's linker script; our own
/// place is as in ours.
pub(super) const MEMORY: Memory<'static> = Memory {
    chip: 13,
    ram: &[0x4080_0000..0x4086_E610],
    own: &[0x4085_E610..0x4086_E610],
    retained: 0x5000_0000..0x5000_4000,
    windows: &[0x4200_0000..0x4300_0000],
    window_mask: 0xFF_FFFF,
};

pub(super) const EFUSE_BLOCK0_WORD2: u32 = 0x600B_0834;
pub(super) const WDT_CONFIG: u32 = 0x600B_1C00;
pub(super) const WDT_STAGE0: u32 = 0x600B_1C04;
pub(super) const WDT_FEED: u32 = 0x600B_1C14;
pub(super) const WDT_PROTECT: u32 = 0x600B_1C18;

const ITEM_CONTENT: u32 = 0x6000_237C;
const ITEM_INDEX: u32 = 0x6000_2380;
const ENTRIES: u32 = 256;
const VALID: u32 = 1 << 9;

/// Where data written for `address` goes: there is one bus.
pub(super) fn data_address(address: u32) -> u32 {
    address
}

/// Maps these pages and nothing else. The second-stage loader has set pages of 64 KiB, which our descriptor asks for.
pub(super) fn map(pages: impl Iterator<Item = Pages>) {
    // SAFETY: entries of the table; the launcher uses no mapped page.
    let set = |entry: u32, value: u32| unsafe {
        (ITEM_INDEX as *mut u32).write_volatile(entry);
        (ITEM_CONTENT as *mut u32).write_volatile(value);
    };
    rom::without_cache(|| {
        for entry in 0..ENTRIES {
            set(entry, 0);
        }
        for Pages { entry, page, count } in pages {
            for step in 0..count {
                set(entry + step, VALID | page + step);
            }
        }
    });
}
