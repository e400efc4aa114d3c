//! The seam to a board's flash: a chip behind a serial port, or the file of an emulated board.

use super::{Error, FlashFile};
use crate::board::Board;

/// What a board is, as it says itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The chip, in lower case: `esp32c3`. An emulated board says `qemu-virt`.
    pub chip: String,
    /// The board of ours that has this chip; `None` for a chip that wildcam has no firmware for.
    pub board: Option<Board>,
    /// The address burnt into the chip, `24:0a:c4:00:00:01`. It names the board, whichever port it is on.
    pub mac: String,
    /// The size of its flash.
    pub flash_bytes: u32,
    /// Where it was found: a port, or the file of an emulated board.
    pub port: String,
}

impl Description {
    /// The name in messages: chip and address.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.chip, self.mac)
    }
}

/// What `write` is told after each block.
pub(super) type Written<'a> = &'a mut dyn FnMut(u32) -> Result<(), Error>;

/// The registers of a chip, by their addresses. The commands have no checksum: a line that turns bits over is not noticed.
pub trait Registers {
    /// Reads one.
    ///
    /// # Errors
    /// [`Error::Link`], [`Error::Vanished`].
    fn read_register(&mut self, address: u32) -> Result<u32, Error>;

    /// Writes one.
    ///
    /// # Errors
    /// [`Error::Link`], [`Error::Vanished`]; it may have been written.
    fn write_register(&mut self, address: u32, value: u32) -> Result<(), Error>;
}

/// The flash of one board. Offsets and lengths are in bytes and whole sectors, but for [`Device::read`].
pub trait Device: Send {
    /// What it is.
    fn description(&self) -> &Description;

    /// The MD5 of a part of the flash, made by the board.
    ///
    /// # Errors
    /// [`Error::Link`], [`Error::Vanished`].
    fn md5(&mut self, offset: u32, bytes: u32) -> Result<[u8; 16], Error>;

    /// Reads a part of the flash.
    ///
    /// # Errors
    /// [`Error::Link`], [`Error::Vanished`].
    fn read(&mut self, offset: u32, bytes: u32) -> Result<Vec<u8>, Error>;

    /// Erases and writes whole sectors. `written` hears how many bytes of `data` are done and may end the writing.
    ///
    /// # Errors
    /// [`Error::Link`], [`Error::Vanished`], and what `written` returns.
    fn write(&mut self, offset: u32, data: &[u8], written: Written<'_>) -> Result<(), Error>;

    /// Erases whole sectors.
    ///
    /// # Errors
    /// [`Error::Link`], [`Error::Vanished`].
    fn erase(&mut self, offset: u32, bytes: u32) -> Result<(), Error>;

    /// After [`Error::Link`]: talks to the same board anew, more slowly. Says how, or `None` when there is no slower way.
    ///
    /// # Errors
    /// When the board does not come back, or another one does.
    fn recover(&mut self) -> Result<Option<String>, Error>;

    /// Starts what was flashed.
    ///
    /// # Errors
    /// [`Error::Link`], [`Error::Vanished`].
    fn start(&mut self) -> Result<(), Error>;

    /// The way to its chip's registers; `None` for a board without a chip.
    fn registers(&mut self) -> Option<&mut dyn Registers> {
        None
    }
}

/// Where a board is to be looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A serial port, or anything that behaves as one.
    Port(String),
    /// The flash file of an emulated board.
    File(std::path::PathBuf),
}

/// How to talk to a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The baud rate to begin with.
    pub baud: u32,
    /// Whether the port's control lines put the chip into its loader; a port without such lines is never touched so.
    pub reset: bool,
}

impl Default for Link {
    fn default() -> Self {
        Self { baud: 921_600, reset: true }
    }
}

/// Talks to the board at a place.
///
/// # Errors
/// [`Error::Missing`], [`Error::Busy`], [`Error::Denied`], [`Error::Silent`], [`Error::File`].
pub fn connect(place: &Place, link: Link) -> Result<Box<dyn Device>, Error> {
    Ok(match place {
        Place::Port(path) => Box::new(super::serial::SerialDevice::open(path, link)?),
        Place::File(path) => Box::new(FlashFile::open(path)?),
    })
}
