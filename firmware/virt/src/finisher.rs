//! Reset and power-off: the device that SiFive made for tests.

use crate::mmio;

const FINISHER: usize = 0x10_0000;
const RESET: u32 = 0x7777;
const PASS: u32 = 0x5555;
const FAIL: u32 = 0x3333;

/// Starts the machine anew. With `-no-reboot`, QEMU ends instead.
pub fn reset() -> ! {
    finish(RESET)
}

/// Ends QEMU with exit code 0.
pub fn power_off() -> ! {
    finish(PASS)
}

/// Ends QEMU with this exit code.
pub fn fail(code: u16) -> ! {
    finish(u32::from(code) << 16 | FAIL)
}

fn finish(word: u32) -> ! {
    // SAFETY: the register of the test device; the write ends the machine's run.
    unsafe { mmio::write(FINISHER, word) };
    loop {
        core::hint::spin_loop();
    }
}
