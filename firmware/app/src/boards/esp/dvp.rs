//! The OV2640 on the parallel port of an ESP32-S3 (LCD_CAM), with the picture in PSRAM.
//!
//! **This file was only type-checked, and never linked**: a whole compiler for Xtensa is Espressif's only, and upstream's
//! takes no assembly, of which esp-hal is full; the check had stand-ins for it. It is kept to what needs the chip; the
//! registers and the search for the picture are in `wildcam_core::sensor`, and tested there.

use embassy_time::{Duration, Instant, Timer};
use esp_hal::{
    Blocking,
    dma::{DmaRxBuf, ExternalBurstConfig, aligned::DmaAlignedMut},
    dma_descriptors_chunk_size,
    i2c::master::I2c,
    lcd_cam::cam::Camera,
    peripherals::PSRAM,
    psram::{Psram, PsramConfig},
};
use wildcam_core::sensor::{
    JpegScan,
    ov2640::{self, Quality, Setting, Size},
};

use crate::board::PictureSource;

/// Room for what comes in the time of two frames: one whole frame is in it wherever the first begins.
const BUFFER: usize = 512 * 1024;

/// What one descriptor of the DMA takes: the most that is a multiple of the burst.
const CHUNK: usize = 4032;

/// Two frames of the sensor at full size.
const TWO_FRAMES: Duration = Duration::from_millis(600);

/// Pictures that are thrown away after the sensor was set up, until its exposure is right.
const SETTLING: usize = 2;

const POLL: Duration = Duration::from_millis(10);

/// Why there is no picture.
#[derive(Debug)]
pub(crate) enum EyeError {
    /// The control bus failed, or no sensor is there.
    Control,
    /// The chip on the control bus is not an OV2640.
    Sensor,
    /// There is no PSRAM, or too little.
    Memory,
    /// The DMA did not start.
    Dma,
    /// No whole picture was in what came.
    Dark,
}

/// The lines to the sensor.
pub(crate) struct Lines {
    /// The parallel port, with its pins.
    pub(crate) port: Camera<'static>,
    /// The control bus.
    pub(crate) control: I2c<'static, Blocking>,
    /// Where the picture goes.
    pub(crate) memory: PSRAM<'static>,
}

/// The camera.
pub(crate) struct Dvp {
    control: I2c<'static, Blocking>,
    /// Both are away only while a picture is taken; an error of the DMA gives them back.
    idle: Option<(Camera<'static>, DmaRxBuf)>,
    /// The picture in the buffer.
    picture: core::ops::Range<usize>,
    at: usize,
    ready: bool,
}

impl Dvp {
    /// The camera on these lines. Without PSRAM every capture fails, and says so.
    pub(crate) fn new(lines: Lines) -> Self {
        let Lines { port, control, memory } = lines;
        Self { control, idle: buffer(memory).map(|buffer| (port, buffer)), picture: 0..0, at: 0, ready: false }
    }

    fn set(&mut self, settings: &[Setting]) -> Result<(), EyeError> {
        for (register, value) in settings {
            self.control.write(ov2640::ADDRESS, &[*register, *value]).map_err(|_| EyeError::Control)?;
        }
        Ok(())
    }

    async fn begin(&mut self) -> Result<(), EyeError> {
        self.set(&ov2640::RESET)?;
        Timer::after_millis(u64::from(ov2640::RESET_MS)).await;
        self.set(&[ov2640::SENSOR_BANK])?;
        let mut product = [0; 2];
        for (register, value) in ov2640::PRODUCT.iter().zip(&mut product) {
            self.control.write(ov2640::ADDRESS, &[*register]).map_err(|_| EyeError::Control)?;
            self.control.read(ov2640::ADDRESS, core::slice::from_mut(value)).map_err(|_| EyeError::Control)?;
        }
        if !ov2640::is_ov2640(product) {
            return Err(EyeError::Sensor);
        }
        self.set(&ov2640::sensor(Size::Uxga))?;
        self.set(&ov2640::dsp(Size::Uxga, Quality::DEFAULT))?;
        self.set(&ov2640::START)
    }

    async fn take(&mut self) -> Result<(), EyeError> {
        let (camera, buffer) = self.idle.take().ok_or(EyeError::Memory)?;
        let transfer = match camera.receive(buffer) {
            Ok(transfer) => transfer,
            Err((_, camera, buffer)) => {
                self.idle = Some((camera, buffer));
                return Err(EyeError::Dma);
            }
        };
        let end = Instant::now() + TWO_FRAMES;
        while !transfer.is_done() && Instant::now() < end {
            Timer::after(POLL).await;
        }
        let (camera, buffer) = transfer.stop();
        self.picture = find(&buffer.as_slice()[..buffer.number_of_received_bytes().min(BUFFER)]);
        self.idle = Some((camera, buffer));
        self.at = self.picture.start;
        if self.picture.is_empty() { Err(EyeError::Dark) } else { Ok(()) }
    }
}

fn buffer(memory: PSRAM<'static>) -> Option<DmaRxBuf> {
    let (start, bytes) = Psram::new(memory, PsramConfig::default()).raw_parts();
    if bytes < BUFFER {
        return None;
    }
    // SAFETY: the PSRAM is mapped for as long as the program runs, and nothing else uses it: the heap does not.
    let memory: &'static mut [u8] = unsafe { core::slice::from_raw_parts_mut(start, BUFFER) };
    let (descriptors, _) = dma_descriptors_chunk_size!(BUFFER, 0, CHUNK);
    let descriptors = DmaAlignedMut::new(descriptors).ok()?;
    DmaRxBuf::new_with_config(descriptors, DmaAlignedMut::new(memory).ok()?, ExternalBurstConfig::Size64).ok()
}

/// The first whole picture in `bytes`; empty if there is none. A frame whose beginning was missed is passed over.
fn find(bytes: &[u8]) -> core::ops::Range<usize> {
    let mut scan = JpegScan::new();
    let mut from = 0;
    for (place, chunk) in bytes.chunks(CHUNK).enumerate() {
        let Ok(piece) = scan.feed(chunk) else { return 0..0 };
        if piece.begins {
            // The three bytes before the range belong to it, and may lie in the chunk before.
            from = (place * CHUNK + piece.range.start).saturating_sub(3);
        }
        if scan.is_complete() {
            return from..from + scan.bytes() as usize;
        }
    }
    0..0
}

impl PictureSource for Dvp {
    type Error = EyeError;

    async fn capture(&mut self) -> Result<u32, EyeError> {
        if !self.ready {
            self.begin().await?;
            for _ in 0..SETTLING {
                // Too dark or too bright is no fault yet.
                let _ = self.take().await;
            }
            self.ready = true;
        }
        let taken = self.take().await;
        self.ready = taken.is_ok();
        taken.map(|()| self.picture.len() as u32)
    }

    fn rewind(&mut self) -> Result<(), EyeError> {
        self.at = self.picture.start;
        Ok(())
    }

    async fn read(&mut self, out: &mut [u8]) -> Result<usize, EyeError> {
        let (_, buffer) = self.idle.as_ref().ok_or(EyeError::Memory)?;
        let rest = buffer.as_slice().get(self.at..self.picture.end).unwrap_or_default();
        let bytes = rest.len().min(out.len());
        out[..bytes].copy_from_slice(&rest[..bytes]);
        self.at += bytes;
        Ok(bytes)
    }

    async fn off(&mut self) {
        self.ready = false;
        let _ = self.set(&[ov2640::SENSOR_BANK, ov2640::STANDBY]);
    }
}
