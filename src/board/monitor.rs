//! What boards say on their ports, line by line, with addresses told as functions and lines of the source.

use std::{
    collections::BTreeMap,
    io::Read as _,
    path::Path,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError, SyncSender},
    },
    time::Duration,
};

use addr2line::{
    Context,
    gimli::{Dwarf, EndianArcSlice, RunTimeEndian, SectionId},
};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SectionFlags, SymbolKind};
use serialport::{FlowControl, SerialPort as _};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;

/// A longer line is shown in pieces: a board that says nothing but noise must not fill the memory.
const MAX_LINE_BYTES: usize = 4096;
/// How many lines wait at most for a reader who paused: the ports are not read meanwhile.
const WAITING_LINES: usize = 256;
/// How long a read waits, and so how soon a request to stop is noticed.
const READ: Duration = Duration::from_millis(100);
/// How often a port that is gone is looked for.
const LOOK: Duration = Duration::from_millis(200);

type Slice = EndianArcSlice<RunTimeEndian>;

/// Why an ELF file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("it is no ELF file that can be read: {0}")]
pub struct ElfError(String);

/// The functions and lines of a firmware.
pub struct Symbols {
    lines: Option<Context<Slice>>,
    functions: BTreeMap<u64, (u64, String)>,
    code: Vec<std::ops::Range<u64>>,
}

/// An address of the code, told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The address.
    pub address: u64,
    /// The function.
    pub function: String,
    /// The file and the line, where the ELF has them.
    pub place: Option<String>,
}

impl Symbols {
    /// Reads an ELF file.
    ///
    /// # Errors
    /// [`ElfError`].
    pub fn parse(elf: &[u8]) -> Result<Self, ElfError> {
        let failed = |error: object::Error| ElfError(error.to_string());
        let file = object::File::parse(elf).map_err(failed)?;
        let endian = if file.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
        let section = |id: SectionId| -> Result<Slice, addr2line::gimli::Error> {
            let data = file.section_by_name(id.name()).and_then(|section| section.uncompressed_data().ok());
            Ok(EndianArcSlice::new(Arc::from(data.unwrap_or_default().as_ref()), endian))
        };
        let lines = Dwarf::load(section).ok().and_then(|dwarf| Context::from_dwarf(dwarf).ok());
        let mut functions = BTreeMap::new();
        for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
            if let Ok(name) = symbol.name() {
                functions.insert(symbol.address(), (symbol.size(), addr2line::demangle_auto(name.into(), None).into()));
            }
        }
        let is_code = |flags| match flags {
            SectionFlags::Elf { sh_flags, .. } => sh_flags.0 & object::elf::SHF_EXECINSTR.0 != 0,
            _ => false,
        };
        let code = file.sections().filter(|section| is_code(section.flags()) && section.size() > 0);
        let code = code.map(|section| section.address()..section.address() + section.size()).collect();
        Ok(Self { lines, functions, code })
    }

    /// What stands at an address; `None` when it is not in the code.
    #[must_use]
    pub fn frame(&self, address: u64) -> Option<Frame> {
        if !self.code.iter().any(|range| range.contains(&address)) {
            return None;
        }
        let (start, (size, name)) = self.functions.range(..=address).next_back()?;
        let inside = *size == 0 || address - start < *size;
        let function = if inside { name.clone() } else { format!("{address:#010x}") };
        let location = self.lines.as_ref().and_then(|lines| lines.find_location(address).ok().flatten());
        let place = location.and_then(|location| Some(format!("{}:{}", location.file?, location.line?)));
        Some(Frame { address, function, place })
    }

    /// The addresses in a line that are code: a backtrace, a register dump of a panic.
    #[must_use]
    pub fn frames(&self, line: &str) -> Vec<Frame> {
        addresses(line).into_iter().filter_map(|address| self.frame(address)).collect()
    }
}

/// The numbers of a line that are written as addresses of 32 bits: `0x` and up to eight digits.
fn addresses(line: &str) -> Vec<u64> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find("0x") {
        rest = &rest[at + 2..];
        let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        if (6..=8).contains(&digits) {
            found.extend(u64::from_str_radix(&rest[..digits], 16));
        }
        rest = &rest[digits..];
    }
    found
}

/// What a port says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The port was opened.
    Connected {
        /// The port.
        port: String,
    },
    /// The port went away; it is looked for.
    Gone {
        /// The port.
        port: String,
        /// Why, in the system's words.
        why: String,
    },
    /// A line.
    Line {
        /// The port.
        port: String,
        /// The line, without control characters.
        text: String,
        /// The addresses in it.
        frames: Vec<Frame>,
    },
}

/// What is watched, and for how long.
pub struct Watch<'a> {
    /// The ports.
    pub ports: &'a [String],
    /// The baud rate.
    pub baud: u32,
    /// The firmware's functions and lines.
    pub symbols: Option<&'a Symbols>,
    /// A text that every port is to say.
    pub expect: Option<&'a str>,
    /// When to end at the latest.
    pub timeout: Option<Duration>,
    /// Cancelled when the user asks to stop.
    pub stop: CancellationToken,
    /// The time.
    pub clock: Clock,
}

/// How watching ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every port said what was expected.
    Found,
    /// The time ran out.
    TimedOut,
    /// The user asked to stop.
    Stopped,
}

enum Heard {
    Connected(usize),
    Gone(usize, String),
    Line(usize, String),
    /// What was expected is in a line that has not ended yet; this much of it was said.
    Unended(usize, String),
}

/// Shows what the ports say until the expected text was said, the time is over or the user stops. A port that goes away is
/// opened again when it comes back.
pub fn watch(watch: &Watch<'_>, mut listener: impl FnMut(Event)) -> Ending {
    let (sender, heard) = mpsc::sync_channel(WAITING_LINES);
    let until = watch.timeout.map(|timeout| watch.clock.monotonic() + timeout);
    let ended = watch.stop.child_token();
    std::thread::scope(|scope| {
        for (number, path) in watch.ports.iter().enumerate() {
            let (sender, ended) = (sender.clone(), ended.clone());
            let baud = watch.baud;
            let to = Listener { number, path, expect: watch.expect, sender, ended };
            scope.spawn(move || to.listen(baud));
        }
        drop(sender);
        // Dropped before the threads are waited for: one that waits to send ends then.
        let heard = heard;
        let mut missing: Vec<bool> = watch.ports.iter().map(|_| true).collect();
        let mut unended: Vec<Option<String>> = watch.ports.iter().map(|_| None).collect();
        let name = |number: usize| watch.ports.get(number).cloned().unwrap_or_default();
        let line = |number: usize, text: String| {
            let frames = watch.symbols.map(|symbols| symbols.frames(&text)).unwrap_or_default();
            Event::Line { port: name(number), text, frames }
        };
        let ending = loop {
            if watch.stop.is_cancelled() {
                break Ending::Stopped;
            }
            if until.is_some_and(|until| watch.clock.monotonic() >= until) {
                break Ending::TimedOut;
            }
            let event = match heard.recv_timeout(READ) {
                Ok(event) => event,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => break Ending::Stopped,
            };
            match event {
                Heard::Connected(number) => listener(Event::Connected { port: name(number) }),
                Heard::Gone(number, why) => listener(Event::Gone { port: name(number), why }),
                Heard::Line(number, text) => {
                    if watch.expect.is_some_and(|expected| text.contains(expected)) {
                        missing[number] = false;
                    }
                    unended[number] = None;
                    listener(line(number, text));
                }
                Heard::Unended(number, text) => {
                    missing[number] = false;
                    unended[number] = Some(text);
                }
            }
            if watch.expect.is_some() && !missing.contains(&true) {
                for (number, text) in unended.into_iter().enumerate() {
                    text.into_iter().for_each(|text| listener(line(number, text)));
                }
                break Ending::Found;
            }
        };
        ended.cancel();
        ending
    })
}

/// What listens to one port.
struct Listener<'a> {
    number: usize,
    path: &'a str,
    expect: Option<&'a str>,
    sender: SyncSender<Heard>,
    ended: CancellationToken,
}

impl Listener<'_> {
    /// Passes on what was heard; waits for a reader who is slower than the ports.
    fn tell(&self, heard: Heard) {
        if self.sender.send(heard).is_err() {
            self.ended.cancel();
        }
    }

    /// Reads a port until the end, over every time that it goes away.
    fn listen(&self, baud: u32) {
        let mut told_why = String::new();
        while !self.ended.is_cancelled() {
            let opened = serialport::new(self.path, baud).flow_control(FlowControl::None).timeout(READ).open_native();
            let why = match opened {
                Ok(port) => {
                    self.tell(Heard::Connected(self.number));
                    told_why.clear();
                    self.read_lines(port)
                }
                Err(error) => error.to_string(),
            };
            if self.ended.is_cancelled() {
                return;
            }
            // Looked for every moment, and told of once.
            if told_why != why {
                self.tell(Heard::Gone(self.number, why.clone()));
                told_why = why;
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Reads lines until the port fails, and says how.
    fn read_lines(&self, mut port: espflash::connection::Port) -> String {
        let (mut line, mut bytes) = (Vec::new(), [0; 1024]);
        // What was expected was heard in this line already.
        let mut told = false;
        while !self.ended.is_cancelled() {
            match port.read(&mut bytes) {
                Ok(0) => return "it was closed".to_owned(),
                Ok(length) => {
                    for byte in &bytes[..length] {
                        if *byte == b'\n' || line.len() >= MAX_LINE_BYTES {
                            self.tell(Heard::Line(self.number, shown(&line)));
                            line.clear();
                            told = false;
                        }
                        if *byte != b'\n' {
                            line.push(*byte);
                        }
                    }
                    // A prompt has no end of line.
                    if let Some(expected) = self.expect.filter(|_| !told && !line.is_empty()) {
                        let text = shown(&line);
                        if text.contains(expected) {
                            self.tell(Heard::Unended(self.number, text));
                            told = true;
                        }
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::TimedOut && Path::new(self.path).exists() => {
                    // A port that was exchanged for another under the same name reads nothing for ever.
                    if port.bytes_to_read().is_err() {
                        return "it does not answer".to_owned();
                    }
                }
                Err(error) => return error.to_string(),
            }
        }
        String::new()
    }
}

/// A line as text: what a terminal would obey is left out, colours among it.
fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut shown = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' => {
                // ECMA-48: a control sequence ends with a letter.
                if letters.next() == Some('[') {
                    letters.by_ref().find(|letter| ('@'..='~').contains(letter));
                }
            }
            '\t' => shown.push(letter),
            letter if letter.is_control() => {}
            letter => shown.push(letter),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_a_backtrace() {
        assert_eq!(
            addresses("Backtrace: 0x42001234:0x3fc9 0x4037abcd pc=0x8000_0000 0x123456789a 0x"),
            [0x4200_1234, 0x4037_abcd]
        );
        assert_eq!(addresses("0x4200123"), [0x0420_0123]);
    }

    #[test]
    fn a_line_holds_nothing_that_a_terminal_obeys() {
        assert_eq!(shown(b"\x1b[31mred\x1b[0m\tand\x07 plain\r"), "red\tand plain");
        assert_eq!(shown(b"\xff\x1b"), "\u{fffd}");
    }

    /// This test program is an ELF file with functions and lines of its own.
    #[cfg(target_os = "linux")]
    #[test]
    fn an_address_is_told_as_a_function() {
        let elf = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let symbols = Symbols::parse(&elf).unwrap();
        let (address, (_, name)) = symbols.functions.iter().find(|(_, (_, name))| name.contains("monitor")).unwrap();
        let frame = symbols.frame(*address).unwrap();
        assert_eq!(&frame.function, name);
        assert_eq!(symbols.frame(1), None);
        assert!(Symbols::parse(b"no ELF").is_err());
    }
}
