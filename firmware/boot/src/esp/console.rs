//! Lines on the console that the ROM set up.

use core::fmt;

struct Rom;

impl fmt::Write for Rom {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            super::rom::print(byte);
        }
        Ok(())
    }
}

/// Prints a line.
pub(super) fn line(words: fmt::Arguments<'_>) {
    // The ROM's console takes everything.
    let _ = fmt::Write::write_fmt(&mut Rom, format_args!("wildcam {words}\r\n"));
}

macro_rules! say {
    ($($words:tt)*) => { $crate::esp::console::line(format_args!($($words)*)) };
}

pub(super) use say;
