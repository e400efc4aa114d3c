//! The console: a 16550.

use crate::mmio;

const UART: usize = 0x1000_0000;
const LINE_STATUS: usize = UART + 5;
const TRANSMITTER_EMPTY: u8 = 1 << 5;

/// Writes bytes and returns when the last one was taken.
pub fn print(bytes: &[u8]) {
    for byte in bytes {
        // SAFETY: both are registers of the 16550 at this address of the machine.
        unsafe {
            while mmio::read_byte(LINE_STATUS) & TRANSMITTER_EMPTY == 0 {}
            mmio::write_byte(UART, *byte);
        }
    }
}

/// The console as a sink of formatted text.
pub struct Console;

impl core::fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        print(text.as_bytes());
        Ok(())
    }
}
