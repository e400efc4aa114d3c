//! Lines on the console: `wildcam <level> <message>`.
//!
//! The lab and `wildcam monitor` read them, so a line is one call and the words at its start do not change.

use core::fmt::{self, Write as _};

use log::{LevelFilter, Log, Metadata, Record};

use crate::{board::Board, boards::Chosen, trace};

struct Console;

struct Sink;

impl fmt::Write for Sink {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        Chosen::print(text.as_bytes());
        Ok(())
    }
}

impl Log for Console {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Of the libraries only what went wrong.
        metadata.level() <= log::Level::Warn || metadata.target().starts_with("wildcam")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = match record.level() {
                log::Level::Error => "error",
                log::Level::Warn => "warn",
                log::Level::Info => "info",
                _ => "debug",
            };
            let _ = write!(Sink, "wildcam {level} {}\r\n", record.args());
        }
    }

    fn flush(&self) {}
}

/// Sends what the program logs to the console.
pub(crate) fn start() {
    static CONSOLE: Console = Console;
    // The ESP32-C3 has no atomic operations, so `log` offers it only the calls that must not race.
    // SAFETY: this is the first thing that the program does; there is no other task, and no interrupt logs.
    unsafe {
        // A second start changes nothing.
        if log::set_logger_racy(&CONSOLE).is_ok() {
            log::set_max_level_racy(LevelFilter::Info);
        }
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let (file, line) = info.location().map_or(("?", 0), |location| (location.file(), location.line()));
    let _ = write!(Sink, "wildcam error panic: {} at {file}:{line}\r\n", info.message());
    let calls = trace::calls();
    if !calls.is_empty() {
        // `wildcam monitor` tells them as functions and lines.
        let _ = Sink.write_str("wildcam error trace:");
        for place in &calls {
            let _ = write!(Sink, " {place:#010x}");
        }
        let _ = Sink.write_str("\r\n");
    }
    Chosen::reset(true)
}
