//! An Intel i6300ESB watchdog on PCI (`-device i6300esb -watchdog-action reset`), as its data sheet has it (Intel order
//! 300641, chapter 14): two timers one after the other, and the second one resets.
//!
//! The boot stage arms it, so that an app that hangs before its main is reset too, and then the app feeds it.

use crate::mmio;

const CONFIGURATION: usize = 0x3000_0000;
const WINDOW: u32 = 0x4000_0000;
const DEVICES: usize = 32;
const VENDOR_AND_DEVICE: u32 = 0x25ab_8086;

// Of the configuration space.
const COMMAND: usize = 0x04;
const MEMORY_SPACE: u32 = 1 << 1;
const BASE: usize = 0x10;
const LOCK: usize = 0x68;
const ENABLE: u32 = 1 << 1;

// Of the memory space.
const TIMER_1: usize = 0x00;
const TIMER_2: usize = 0x04;
const RELOAD: usize = 0x0c;
// QEMU knows this one by half words only.
const RELOAD_COUNTERS: u16 = 1 << 8;
const TIMED_OUT: u16 = 1 << 9;
const MAX_TICKS: u32 = (1 << 20) - 1;

fn find() -> Option<usize> {
    (0..DEVICES).map(|device| CONFIGURATION + (device << 15)).find(|space| {
        // SAFETY: the configuration space of every device of bus 0 can be read; an absent one reads as ones.
        unsafe { mmio::read(*space) == VENDOR_AND_DEVICE }
    })
}

/// Unlocks the next write.
///
/// # Safety
/// The device must be mapped.
unsafe fn unlock() {
    // SAFETY: the caller has mapped the device there.
    unsafe {
        mmio::write_half(WINDOW as usize + RELOAD, 0x80);
        mmio::write_half(WINDOW as usize + RELOAD, 0x86);
    }
}

/// Writes the reload register.
///
/// # Safety
/// The device must be mapped.
unsafe fn reload(bits: u16) {
    // SAFETY: the caller has mapped the device there.
    unsafe {
        unlock();
        mmio::write_half(WINDOW as usize + RELOAD, bits);
    }
}

/// Sets one of the timers.
///
/// # Safety
/// The device must be mapped.
unsafe fn set(timer: usize, ticks: u32) {
    // SAFETY: the caller has mapped the device there.
    unsafe {
        unlock();
        mmio::write(WINDOW as usize + timer, ticks);
    }
}

/// A watchdog that is mapped into memory.
#[derive(Clone, Copy)]
pub struct Watchdog {
    space: usize,
}

impl Watchdog {
    /// The machine's watchdog, if it has one.
    #[must_use]
    pub fn find() -> Option<Self> {
        let space = find()?;
        // SAFETY: registers of the configuration space of the device that was found; the window is PCI's own.
        unsafe {
            mmio::write(space + BASE, WINDOW);
            let command = mmio::read(space + COMMAND) & 0xffff;
            mmio::write(space + COMMAND, command | MEMORY_SPACE);
        }
        Some(Self { space })
    }

    /// Whether it was what started the machine the last time; asking clears it.
    #[must_use]
    pub fn take_timed_out(self) -> bool {
        // SAFETY: mapped by `find`.
        unsafe {
            let timed_out = mmio::read_half(WINDOW as usize + RELOAD) & TIMED_OUT != 0;
            if timed_out {
                reload(TIMED_OUT);
            }
            timed_out
        }
    }

    /// Resets the machine unless it is fed every `ms` milliseconds.
    pub fn arm(self, ms: u32) {
        // The second timer follows the first, and its end resets. A tick is 2^15 periods of 33 MHz, 0.993 ms.
        let ticks = (ms / 2).clamp(1, MAX_TICKS);
        // SAFETY: mapped by `find`; QEMU takes the lock register in single bytes, of which a word is more.
        unsafe {
            set(TIMER_1, ticks);
            set(TIMER_2, ticks);
            self.feed();
            mmio::write_byte(self.space + LOCK, ENABLE as u8);
        }
    }

    /// Begins its time again.
    pub fn feed(self) {
        // SAFETY: mapped by `find`.
        unsafe { reload(RELOAD_COUNTERS) };
    }
}
