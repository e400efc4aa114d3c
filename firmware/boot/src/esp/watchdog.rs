//! The RTC's watchdog, which runs on its own clock: an image that hangs before its main is caught by it.

use super::{chip, rom};

/// How long an image has until it feeds the watchdog itself.
const SECONDS: u32 = 20;

/// The slow clock, an RC oscillator: within about a tenth of this (ESP32-C3 Technical Reference Manual, "Reset and
/// Clock").
const SLOW_CLOCK_HZ: u32 = 136_000;

const UNLOCK: u32 = 0x50D8_3AA1;

/// On; stage 0 resets the system; not counting in sleep; the longest reset pulses.
const CONFIG: u32 = 1 << 31 | 4 << 28 | 7 << 16 | 7 << 13 | 1 << 9;

fn write(register: u32, value: u32) {
    // SAFETY: a register of the watchdog, which nothing else uses.
    unsafe { (register as *mut u32).write_volatile(value) }
}

/// Arms it, or arms it again: the second-stage loader had it at 9 seconds.
pub(super) fn arm() {
    // SAFETY: a copy of the eFuses, which may be read at any time. Bits 16 and 17: the factor by which stage 0 takes
    // longer.
    let factor = unsafe { (chip::EFUSE_BLOCK0_WORD2 as *const u32).read_volatile() } >> 16 & 3;
    write(chip::WDT_PROTECT, UNLOCK);
    write(chip::WDT_CONFIG, CONFIG);
    write(chip::WDT_STAGE0, SECONDS * SLOW_CLOCK_HZ >> (1 + factor));
    write(chip::WDT_FEED, 1 << 31);
    write(chip::WDT_PROTECT, 0);
}

/// Starts its time anew.
pub(super) fn feed() {
    write(chip::WDT_PROTECT, UNLOCK);
    write(chip::WDT_FEED, 1 << 31);
    write(chip::WDT_PROTECT, 0);
}

/// Waits, and feeds it meanwhile.
pub(super) fn hold_off(us: u32) {
    const STEP: u32 = 1_000_000;
    for _ in 0..us / STEP {
        feed();
        rom::wait_us(STEP);
    }
}
