//! The ArduCAM Mini 2MP Plus: an OV2640 on the control bus, and on SPI the ArduChip, a programmable part with a
//! memory of 8 MB that takes one frame.

use core::fmt;

use embedded_hal::{
    delay::DelayNs,
    i2c::{ErrorType as ControlErrorType, I2c},
    spi::{ErrorType as SpiErrorType, Operation, SpiDevice},
};

use super::{
    JpegScan, ScanError,
    jpeg::START,
    ov2640::{self, Quality, Setting, Size},
};

/// Set in the first byte of an SPI transfer that writes a register.
const WRITE: u8 = 0x80;

/// A register that does nothing, to try the bus with.
const TEST: u8 = 0x00;
/// How many frames a capture takes, less one.
const FRAMES: u8 = 0x01;
/// What the frame memory is to do.
const FIFO: u8 = 0x04;
const FIFO_CLEAR_DONE: u8 = 0x01;
const FIFO_START: u8 = 0x02;
const FIFO_REWIND: u8 = 0x10;
/// Pins of the sensor.
const PINS: u8 = 0x06;
const PIN_RESET_OFF: u8 = 0x01;
const PIN_POWER_DOWN: u8 = 0x02;
const PIN_POWER: u8 = 0x04;
/// Resets the ArduChip itself while bit 7 is set.
const RESET: u8 = 0x07;
/// Reads the frame memory on and on, within one transfer and across transfers.
const BURST: u8 = 0x3C;
/// State of a capture.
const STATE: u8 = 0x41;
const STATE_DONE: u8 = 0x08;
/// Bytes in the frame memory, three registers, the lowest first.
const LENGTH: [u8; 3] = [0x42, 0x43, 0x44];

/// How much is read at once while a picture is measured.
const CHUNK: usize = 256;

/// Why there is no picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error<S, I> {
    /// SPI failed.
    Spi(S),
    /// The control bus failed, or no sensor answers there.
    Control(I),
    /// What is on SPI does not answer as an ArduChip.
    NoArduChip,
    /// The chip on the control bus is not an OV2640; what it calls itself.
    NotOv2640([u8; 2]),
    /// The frame memory holds nothing, or more than it can.
    Length(u32),
    /// The frame memory ends before the picture does, or holds none.
    NoEnd,
    /// The frame memory does not hold a picture.
    Picture(ScanError),
}

impl<S, I> fmt::Display for Error<S, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spi(_) => f.write_str("the camera's SPI bus failed"),
            Self::Control(_) => f.write_str("the camera's control bus failed, or no sensor is there"),
            Self::NoArduChip => f.write_str("no ArduCAM answers on SPI"),
            Self::NotOv2640([high, low]) => write!(f, "the sensor is {high:02x}{low:02x}, not an OV2640"),
            Self::Length(bytes) => write!(f, "the frame memory says it holds {bytes} bytes"),
            Self::NoEnd => f.write_str("the frame memory holds no whole picture"),
            Self::Picture(_) => f.write_str("the frame memory does not hold a picture"),
        }
    }
}

impl<S: fmt::Debug, I: fmt::Debug> core::error::Error for Error<S, I> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Picture(error) => Some(error),
            _ => None,
        }
    }
}

/// A result of an [`ArduCam`].
type Outcome<T, S, I> = Result<T, Error<<S as SpiErrorType>::Error, <I as ControlErrorType>::Error>>;

/// An ArduCAM Mini with an OV2640. SPI in mode 0 and at most 8 MHz, the control bus at 100 kHz.
///
/// A picture is taken with [`start`](Self::start), which returns at once; when [`is_done`](Self::is_done) says so,
/// [`measure`](Self::measure) reads it once for its length, and [`read`](Self::read) then gives it in pieces of any
/// size.
#[derive(Debug)]
pub struct ArduCam<S, I> {
    spi: S,
    control: I,
    /// Bytes of the frame memory that were not read yet.
    left: u32,
    scan: JpegScan,
}

impl<S: SpiDevice, I: I2c> ArduCam<S, I> {
    /// The ArduCAM on these buses. Nothing is sent yet.
    pub const fn new(spi: S, control: I) -> Self {
        Self { spi, control, left: 0, scan: JpegScan::new() }
    }

    /// Wakes and sets everything up; about 150 ms. The first pictures after it are too dark or too bright until the
    /// sensor has found its exposure.
    ///
    /// # Errors
    /// All but those of a picture.
    pub fn begin(&mut self, size: Size, quality: Quality, delay: &mut impl DelayNs) -> Outcome<(), S, I> {
        self.write(RESET, 0x80)?;
        delay.delay_ms(100);
        self.write(RESET, 0x00)?;
        delay.delay_ms(20);
        for pattern in [0x55, 0xAA] {
            self.write(TEST, pattern)?;
            if self.register(TEST)? != pattern {
                return Err(Error::NoArduChip);
            }
        }
        self.write(PINS, PIN_RESET_OFF | PIN_POWER)?;
        delay.delay_ms(5);

        self.set(&ov2640::RESET)?;
        delay.delay_ms(ov2640::RESET_MS);
        self.set(&[ov2640::SENSOR_BANK])?;
        let mut product = [0; 2];
        for (register, value) in ov2640::PRODUCT.iter().zip(&mut product) {
            self.control
                .write(ov2640::ADDRESS, &[*register])
                .and_then(|()| self.control.read(ov2640::ADDRESS, core::slice::from_mut(value)))
                .map_err(Error::Control)?;
        }
        if !ov2640::is_ov2640(product) {
            return Err(Error::NotOv2640(product));
        }
        self.set(&ov2640::sensor(size))?;
        self.set(&ov2640::dsp(size, quality))?;
        self.set(&ov2640::START)?;
        self.write(FRAMES, 0x00)
    }

    /// Has the sensor sleep, with its power-down pin; what was set stays set. [`Self::wake`] ends it.
    ///
    /// # Errors
    /// [`Error::Spi`].
    pub fn sleep(&mut self) -> Outcome<(), S, I> {
        self.write(PINS, PIN_RESET_OFF | PIN_POWER | PIN_POWER_DOWN)
    }

    /// Wakes the sensor.
    ///
    /// # Errors
    /// [`Error::Spi`].
    pub fn wake(&mut self) -> Outcome<(), S, I> {
        self.write(PINS, PIN_RESET_OFF | PIN_POWER)
    }

    /// Forgets the frame that is there and has the next whole one taken.
    ///
    /// # Errors
    /// [`Error::Spi`].
    pub fn start(&mut self) -> Outcome<(), S, I> {
        self.write(FIFO, FIFO_CLEAR_DONE)?;
        self.write(FIFO, FIFO_REWIND)?;
        self.write(FIFO, FIFO_START)
    }

    /// Whether the frame is there.
    ///
    /// # Errors
    /// [`Error::Spi`].
    pub fn is_done(&mut self) -> Outcome<bool, S, I> {
        Ok(self.register(STATE)? & STATE_DONE != 0)
    }

    /// Reads the frame once for the length of the picture in it, and goes back to its start.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::NoEnd`], [`Error::Picture`], [`Error::Spi`].
    pub fn measure(&mut self) -> Outcome<u32, S, I> {
        self.rewind()?;
        let mut buffer = [0; CHUNK];
        while self.read(&mut buffer)? > 0 {}
        let bytes = self.scan.bytes();
        self.rewind()?;
        Ok(bytes)
    }

    /// The next bytes of the picture, in the order they come; 0 after its end. `buffer` needs room for 4 bytes at
    /// the beginning of a picture, later for one.
    ///
    /// # Errors
    /// [`Error::NoEnd`], [`Error::Picture`], [`Error::Spi`].
    pub fn read(&mut self, buffer: &mut [u8]) -> Outcome<usize, S, I> {
        while !self.scan.is_complete() {
            // Room before what is read, for a beginning that came with the bytes before.
            let lead = if self.scan.bytes() == 0 { START.len() } else { 0 };
            let room = buffer.get_mut(lead..).unwrap_or_default();
            let now = room.len().min(self.left as usize);
            if now == 0 {
                return Err(Error::NoEnd);
            }
            let fresh = &mut room[..now];
            self.spi.transaction(&mut [Operation::Write(&[BURST]), Operation::Read(fresh)]).map_err(Error::Spi)?;
            self.left -= now as u32;
            let piece = self.scan.feed(fresh).map_err(Error::Picture)?;
            let mut range = piece.range.start + lead..piece.range.end + lead;
            if piece.begins {
                range.start -= START.len();
                buffer[range.start..range.start + START.len()].copy_from_slice(&START);
            }
            if !range.is_empty() {
                let bytes = range.len();
                buffer.copy_within(range, 0);
                return Ok(bytes);
            }
        }
        Ok(0)
    }

    /// Goes back to the start of the picture.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Spi`].
    pub fn rewind(&mut self) -> Outcome<(), S, I> {
        let mut length = [0; 4];
        for (register, byte) in LENGTH.iter().zip(&mut length) {
            *byte = self.register(*register)?;
        }
        let length = u32::from_le_bytes(length) & 0x7F_FFFF;
        if length == 0 {
            return Err(Error::Length(length));
        }
        self.write(FIFO, FIFO_REWIND)?;
        self.left = length;
        self.scan = JpegScan::new();
        Ok(())
    }

    fn write(&mut self, register: u8, value: u8) -> Outcome<(), S, I> {
        self.spi.write(&[register | WRITE, value]).map_err(Error::Spi)
    }

    fn register(&mut self, register: u8) -> Outcome<u8, S, I> {
        let mut value = [0];
        self.spi.transaction(&mut [Operation::Write(&[register]), Operation::Read(&mut value)]).map_err(Error::Spi)?;
        Ok(value[0])
    }

    fn set(&mut self, settings: &[Setting]) -> Outcome<(), S, I> {
        for (register, value) in settings {
            self.control.write(ov2640::ADDRESS, &[*register, *value]).map_err(Error::Control)?;
        }
        Ok(())
    }
}
