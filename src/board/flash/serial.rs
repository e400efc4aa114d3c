//! A chip behind a serial port, spoken to in the protocol of Espressif's loaders (esptool, "Serial Protocol"), with espflash
//! for the connection, the chips and the stub that is loaded into the chip's RAM.

use std::{
    io::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::Duration,
};

use espflash::{
    command::{Command, CommandType},
    connection::{Connection, ResetAfterOperation, ResetBeforeOperation},
    flasher::Flasher,
    target::Chip,
};
use flate2::{Compression, write::ZlibEncoder};
use serialport::{FlowControl, SerialPort as _, UsbPortInfo};

use super::{
    Error,
    device::{Description, Device, Link, Registers, Written},
    error::{Source, said_by},
};
use crate::board::{Board, usb};

/// What the stub takes in one block.
const BLOCK_BYTES: usize = 0x4000;

/// The baud rate of every chip's loader before it is told another one.
const FIRST_BAUD: u32 = 115_200;

/// The rates that are fallen back to, one after the other.
const SLOWER: [u32; 4] = [460_800, 230_400, FIRST_BAUD, FIRST_BAUD];

/// How long the stub may take for any command; the slow ones are given more by their size.
const ANSWER: Duration = Duration::from_secs(3);

/// What a board is asked for at once when its flash is read.
const READ_BLOCK_BYTES: u32 = 4096;

/// What the control lines of a port do to the chip behind it.
trait Lines {
    /// Ends what the chip does and starts its firmware.
    fn reset(&mut self);
}

impl Lines for Flasher {
    fn reset(&mut self) {
        // Nobody is left to be told that the port is gone.
        let _ = caught(|| self.connection().reset());
    }
}

/// A chip in its loader, where it does not do what it is for: when it is let go, it is reset, whatever the reason was.
struct InLoader<C: Lines> {
    /// Taken out while a new connection is made: the port must be closed before it is opened again.
    chip: Option<C>,
    /// The port has control lines, they may be used, and the chip was not started yet.
    resets: bool,
}

impl<C: Lines> Drop for InLoader<C> {
    fn drop(&mut self) {
        if let Some(chip) = self.chip.as_mut().filter(|_| self.resets) {
            chip.reset();
        }
    }
}

/// A connected chip.
pub(super) struct SerialDevice {
    loader: InLoader<Flasher>,
    description: Description,
    link: Link,
    fallbacks: usize,
    /// Over this connection the stub was told to write, and so it has to be told that this is over.
    writing: bool,
}

/// Does something with the library that talks to the chips. It panics at some answers that no chip gives (espflash 4.7.0,
/// `Connection::command`): a byte that was lost on the line must not end a command that flashes other boards as well.
fn caught<T>(work: impl FnOnce() -> Result<T, espflash::Error>) -> Result<T, Source> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(Into::into),
        Err(panic) => Err(format!("an answer could not be understood: {}", said_by(panic.as_ref())).into()),
    }
}

fn board_of(chip: Chip) -> Option<Board> {
    match chip {
        Chip::Esp32c3 => Some(Board::Esp32C3),
        Chip::Esp32c6 => Some(Board::Esp32C6),
        Chip::Esp32s3 => Some(Board::Esp32S3),
        _ => None,
    }
}

/// Opens the port and says whether it has control lines: a pseudo-terminal has none.
fn open_port(path: &str) -> Result<(espflash::connection::Port, bool), Error> {
    // A port of Windows, as in COM3, is no path.
    if cfg!(unix) && !Path::new(path).exists() {
        return Err(Error::Missing { port: path.to_owned() });
    }
    let opened = serialport::new(path, FIRST_BAUD).flow_control(FlowControl::None).timeout(ANSWER).open_native();
    let mut port = opened.map_err(|error| open_error(path, error))?;
    let has_lines = port.read_clear_to_send().is_ok();
    Ok((port, has_lines))
}

fn open_error(path: &str, error: serialport::Error) -> Error {
    let port = path.to_owned();
    let holders = usb::holders(Path::new(path));
    let words = error.to_string().to_lowercase();
    match error.kind() {
        _ if !holders.is_empty() || words.contains("busy") || words.contains("lock") => {
            let holders = (!holders.is_empty()).then(|| holders.join(", "));
            Error::Busy { port, holders }
        }
        serialport::ErrorKind::Io(std::io::ErrorKind::PermissionDenied) => Error::Denied { port },
        _ if words.contains("permission") => Error::Denied { port },
        _ => Error::Port { port, source: error.into() },
    }
}

fn connect(path: &str, link: Link) -> Result<InLoader<Flasher>, Error> {
    let (port, has_lines) = open_port(path)?;
    let usb = usb::info(path).unwrap_or(UsbPortInfo {
        vid: 0,
        pid: 0,
        serial_number: None,
        manufacturer: None,
        product: None,
    });
    let resets = has_lines && link.reset;
    let (before, after) = if resets {
        (ResetBeforeOperation::DefaultReset, ResetAfterOperation::HardReset)
    } else {
        (ResetBeforeOperation::NoReset, ResetAfterOperation::NoResetNoStub)
    };
    let connection = Connection::new(port, usb, after, before, FIRST_BAUD);
    let baud = (link.baud > FIRST_BAUD).then_some(link.baud);
    let flasher = caught(|| Flasher::connect(connection, true, true, false, None, baud));
    let flasher = flasher.map_err(|source| Error::Silent { port: path.to_owned(), source })?;
    Ok(InLoader { chip: Some(flasher), resets })
}

impl SerialDevice {
    /// Connects to the chip on a port.
    ///
    /// # Errors
    /// As [`super::device::connect`].
    pub(super) fn open(path: &str, link: Link) -> Result<Self, Error> {
        let mut loader = match connect(path, link) {
            // A first answer may have been lost in what the chip said while it started.
            Err(Error::Silent { .. }) => connect(path, Link { baud: FIRST_BAUD, ..link })?,
            other => other?,
        };
        let told = match loader.chip.as_mut() {
            Some(flasher) => caught(|| flasher.device_info()),
            None => Err("there is no connection".into()),
        };
        let info = told.map_err(|source| Error::Silent { port: path.to_owned(), source })?;
        let mac = info.mac_address.unwrap_or_default().to_lowercase();
        let description = Description {
            chip: info.chip.to_string(),
            board: board_of(info.chip),
            mac,
            flash_bytes: info.flash_size.size(),
            port: path.to_owned(),
        };
        Ok(Self { loader, description, link, fallbacks: 0, writing: false })
    }

    /// What failed, and whether the port is still there.
    fn failed(&self, source: Source) -> Error {
        let board = self.description.name();
        let port = self.description.port.clone();
        if Path::new(&port).exists() { Error::Link { board, source } } else { Error::Vanished { board, port } }
    }

    fn with<T>(&mut self, work: impl FnOnce(&mut Connection) -> Result<T, espflash::Error>) -> Result<T, Error> {
        let Some(flasher) = self.loader.chip.as_mut() else {
            let board = self.description.name();
            return Err(Error::Vanished { board, port: self.description.port.clone() });
        };
        caught(|| work(flasher.connection())).map_err(|error| self.failed(error))
    }

    fn command(&mut self, limit: Duration, command: Command<'_>) -> Result<(), Error> {
        self.with(|connection| connection.with_timeout(limit, |connection| connection.command(command)).map(drop))
    }

    fn write_piece(&mut self, offset: u32, piece: &[u8], written: Written<'_>) -> Result<(), Error> {
        let packed = deflate(piece);
        let length = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        let blocks = packed.chunks(BLOCK_BYTES);
        let count = u32::try_from(blocks.len()).unwrap_or(u32::MAX);
        self.command(
            CommandType::FlashDeflBegin.timeout_for_size(length),
            Command::FlashDeflBegin {
                size: length,
                blocks: count,
                block_size: u32::try_from(BLOCK_BYTES).unwrap_or(u32::MAX),
                offset,
                supports_encryption: false,
            },
        )?;
        self.writing = true;
        for (sequence, block) in (0..).zip(blocks) {
            let data = Command::FlashDeflData { data: block, pad_to: 0, pad_byte: 0xff, sequence };
            self.command(ANSWER + slow(length), data)?;
            written(length / count)?;
        }
        match length % count {
            0 => Ok(()),
            rest => written(rest),
        }
    }
}

/// A worn flash chip needs up to 400 ms to erase a sector, and a stub answers before it has finished the last one.
fn slow(bytes: u32) -> Duration {
    Duration::from_millis(u64::from(bytes / 4096) * 400)
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    // Writing into memory does not fail.
    let _ = packed.write_all(bytes);
    packed.finish().unwrap_or_default()
}

/// How much is sent as one compressed stream: what must be sent again when the link fails.
const PIECE_BYTES: usize = 128 * 1024;

impl Device for SerialDevice {
    fn description(&self) -> &Description {
        &self.description
    }

    fn md5(&mut self, offset: u32, bytes: u32) -> Result<[u8; 16], Error> {
        // A megabyte takes the chips below a second; a link that died is to be noticed sooner than after ten.
        let limit = ANSWER + Duration::from_secs(u64::from(bytes >> 20) * 4);
        let digest: u128 = self.with(|connection| {
            connection
                .with_timeout(limit, |connection| connection.command(Command::FlashMd5 { offset, size: bytes }))?
                .try_into()
        })?;
        Ok(digest.to_be_bytes())
    }

    fn read(&mut self, offset: u32, bytes: u32) -> Result<Vec<u8>, Error> {
        self.with(|connection| {
            connection.with_timeout(ANSWER, |connection| {
                connection.command(Command::ReadFlash {
                    offset,
                    size: bytes,
                    block_size: READ_BLOCK_BYTES,
                    // The library clears the input before each acknowledgement, and a second block with it.
                    max_in_flight: 1,
                })?;
                let mut data = Vec::new();
                while data.len() < bytes as usize {
                    let block: Vec<u8> = received(connection)?;
                    if block.is_empty() {
                        return Err(espflash::Error::IncorrectResponse);
                    }
                    data.extend(block);
                    connection.write_raw(u32::try_from(data.len()).unwrap_or(u32::MAX))?;
                }
                let digest = received(connection)?;
                if data.len() == bytes as usize && digest == super::md5(&data) {
                    Ok(data)
                } else {
                    Err(espflash::Error::IncorrectDigestLength(digest.len()))
                }
            })
        })
    }

    fn write(&mut self, offset: u32, data: &[u8], written: Written<'_>) -> Result<(), Error> {
        let mut at = offset;
        for piece in data.chunks(PIECE_BYTES) {
            self.write_piece(at, piece, written)?;
            at += u32::try_from(piece.len()).unwrap_or(u32::MAX);
        }
        Ok(())
    }

    fn erase(&mut self, offset: u32, bytes: u32) -> Result<(), Error> {
        self.command(ANSWER + slow(bytes), Command::EraseRegion { offset, size: bytes })
    }

    fn recover(&mut self) -> Result<Option<String>, Error> {
        let slower = SLOWER.iter().skip(self.fallbacks).copied().find(|baud| *baud < self.link.baud);
        let Some(baud) = slower.or_else(|| (self.fallbacks < SLOWER.len()).then_some(FIRST_BAUD)) else {
            return Ok(None);
        };
        self.loader.chip = None;
        self.writing = false;
        self.fallbacks += 1;
        let path = self.description.port.clone();
        let opened = Self::open(&path, Link { baud, ..self.link }).map_err(|error| match error {
            Error::Missing { port } => Error::Vanished { board: self.description.name(), port },
            other => other,
        })?;
        if opened.description.mac != self.description.mac {
            let (board, found) = (self.description.name(), opened.description.name());
            return Err(Error::Exchanged { board, found, port: path });
        }
        self.loader = opened.loader;
        self.link.baud = baud;
        Ok(Some(format!("{baud} baud")))
    }

    fn start(&mut self) -> Result<(), Error> {
        // A stub that was not told to write refuses to end it (0xC6, "not in flash mode").
        if self.writing {
            self.command(CommandType::FlashDeflEnd.timeout(), Command::FlashDeflEnd { reboot: false })?;
            self.writing = false;
        }
        if self.loader.resets {
            self.with(Connection::reset)?;
            self.loader.resets = false;
        }
        Ok(())
    }

    fn registers(&mut self) -> Option<&mut dyn Registers> {
        Some(self)
    }
}

impl Registers for SerialDevice {
    fn read_register(&mut self, address: u32) -> Result<u32, Error> {
        self.with(|connection| connection.read_reg(address))
    }

    fn write_register(&mut self, address: u32, value: u32) -> Result<(), Error> {
        self.with(|connection| connection.write_reg(address, value, None))
    }
}

fn received(connection: &mut Connection) -> Result<Vec<u8>, espflash::Error> {
    connection.read_flash_response()?.ok_or(espflash::Error::IncorrectResponse)?.value.try_into()
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use super::*;

    struct Counted(Rc<Cell<u32>>);

    impl Lines for Counted {
        fn reset(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    #[test]
    fn a_chip_that_is_let_go_in_its_loader_is_reset_and_one_that_was_started_is_not() {
        let resets = Rc::new(Cell::new(0));
        let in_loader = |by_lines| InLoader { chip: Some(Counted(Rc::clone(&resets))), resets: by_lines };
        drop(in_loader(true));
        assert_eq!(resets.get(), 1);
        // A port without control lines, or one that must not be touched.
        drop(in_loader(false));
        assert_eq!(resets.get(), 1);
        let mut started = in_loader(true);
        started.resets = false;
        drop(started);
        // Another connection is made to the same chip.
        let mut reconnected = in_loader(true);
        reconnected.chip = None;
        drop(reconnected);
        assert_eq!(resets.get(), 1);
        let failing = catch_unwind(AssertUnwindSafe(|| {
            let _looked_at = in_loader(true);
            panic!("on the way");
        }));
        assert!(failing.is_err());
        assert_eq!(resets.get(), 2);
    }

    #[test]
    fn a_panic_of_the_library_is_an_error_of_the_link() {
        let failed = caught::<()>(|| panic!("range end index {} out of range", 18)).unwrap_err();
        assert!(failed.to_string().contains("range end index 18"), "{failed}");
        assert_eq!(caught(|| Ok(5)).unwrap(), 5);
    }
}
