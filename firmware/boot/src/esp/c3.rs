//! The ESP32-C3. Addresses are those of its Technical Reference Manual: section 3.3 (memory), 3.3.3 (the table of
//! pages), and those of the register maps in the esp32c3 crate.

use wildcam_core::launch::{Memory, Pages};

use super::rom;

pub(super) const FLASH_BYTES: u32 = 4 << 20;

/// Instructions and data reach the same RAM at addresses that differ by this.
const BUS_DISTANCE: u32 = 0x4038_0000 - 0x3FC8_0000;

/// The linker script has the same figures.
const OWN: core::ops::Range<u32> = 0x3FCB_E400..0x3FCC_E400;

/// Static memory of an application ends where the second-stage loader lay, as in esp-hal's linker script.
pub(super) const MEMORY: Memory<'static> = Memory {
    chip: 5,
    ram: &[0x3FC8_0000..0x3FCC_E400, 0x4038_0000..0x403C_E400],
    own: &[OWN, OWN.start + BUS_DISTANCE..OWN.end + BUS_DISTANCE],
    retained: 0x5000_0000..0x5000_2000,
    windows: &[0x3C00_0000..0x3C80_0000, 0x4200_0000..0x4280_0000],
    window_mask: 0x7F_FFFF,
};

pub(super) const EFUSE_BLOCK0_WORD2: u32 = 0x6000_8834;
pub(super) const WDT_CONFIG: u32 = 0x6000_8090;
pub(super) const WDT_STAGE0: u32 = 0x6000_8094;
pub(super) const WDT_FEED: u32 = 0x6000_80A4;
pub(super) const WDT_PROTECT: u32 = 0x6000_80A8;

const TABLE: u32 = 0x600C_5000;
const ENTRIES: u32 = 128;
const INVALID: u32 = 1 << 8;

/// Where data written for `address` goes: RAM takes bytes only on the data bus.
pub(super) fn data_address(address: u32) -> u32 {
    if (0x4038_0000..0x4040_0000).contains(&address) { address - BUS_DISTANCE } else { address }
}

/// Maps these pages and nothing else.
pub(super) fn map(pages: impl Iterator<Item = Pages>) {
    // SAFETY: entries of the table; the launcher uses no mapped page.
    let set = |entry: u32, value: u32| unsafe { ((TABLE + 4 * entry) as *mut u32).write_volatile(value) };
    rom::without_cache(|| {
        for entry in 0..ENTRIES {
            set(entry, INVALID);
        }
        for Pages { entry, page, count } in pages {
            for step in 0..count {
                set(entry + step, page + step);
            }
        }
    });
}
