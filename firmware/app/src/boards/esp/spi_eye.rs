//! The ArduCAM Mini on SPI and I2C.

use embassy_time::{Duration, Instant, Timer};
use esp_hal::{
    Blocking,
    delay::Delay,
    gpio::AnyPin,
    i2c::master::{Config as I2cConfig, I2c},
    peripherals::I2C0,
    time::Rate,
};
use wildcam_core::sensor::{
    ArduCam, Error,
    ov2640::{Quality, Size},
};

use super::spi_bus::{Device, SharedBus};
use crate::board::PictureSource;

/// How long a frame may take: the sensor makes 7.5 a second at full size, and slower ones in the dark.
const FRAME: Duration = Duration::from_secs(2);

/// How often it is asked whether the frame is there.
const POLL: Duration = Duration::from_millis(5);

/// Frames that are thrown away after the sensor was set up, until its exposure is right.
const SETTLING: usize = 4;

type Bus = I2c<'static, Blocking>;
type Fault = Error<<Device as embedded_hal::spi::ErrorType>::Error, <Bus as embedded_hal::i2c::ErrorType>::Error>;

/// Why there is no picture.
#[derive(Debug)]
pub(crate) enum EyeError {
    /// The camera failed.
    Camera(#[expect(dead_code, reason = "it is read through Debug, in the log")] Fault),
    /// No frame came.
    Dark,
}

impl From<Fault> for EyeError {
    fn from(fault: Fault) -> Self {
        Self::Camera(fault)
    }
}

#[derive(PartialEq, Eq)]
enum State {
    /// Never set up, or it failed: all of it has to be done again.
    Unknown,
    Asleep,
    Awake,
}

/// The camera. The picture stays in its own memory until the next one.
pub(crate) struct SpiEye {
    camera: ArduCam<Device, Bus>,
    state: State,
}

/// The pins that the camera is wired to, besides those of the bus that it shares with the card.
pub(crate) struct Wires {
    /// Low while the camera is spoken to on SPI.
    pub(crate) select: AnyPin<'static>,
    /// The data of the control bus.
    pub(crate) data: AnyPin<'static>,
    /// The clock of the control bus.
    pub(crate) control_clock: AnyPin<'static>,
}

impl SpiEye {
    /// The camera on this bus and these wires: SPI at 8 MHz in mode 0, I2C at 100 kHz.
    pub(crate) fn new(bus: SharedBus, control: I2C0<'static>, wires: Wires) -> Self {
        let config = I2cConfig::default().with_frequency(Rate::from_khz(100));
        let control = I2c::new(control, config).expect("100 kHz is a rate of the I2C");
        let control = control.with_sda(wires.data).with_scl(wires.control_clock);
        Self { camera: ArduCam::new(bus.device(wires.select), control), state: State::Unknown }
    }

    async fn frame(&mut self) -> Result<(), EyeError> {
        self.camera.start()?;
        let end = Instant::now() + FRAME;
        while !self.camera.is_done()? {
            if Instant::now() > end {
                return Err(EyeError::Dark);
            }
            Timer::after(POLL).await;
        }
        Ok(())
    }

    async fn take(&mut self) -> Result<u32, EyeError> {
        if self.state != State::Awake {
            if self.state == State::Unknown {
                self.camera.begin(Size::Uxga, Quality::DEFAULT, &mut Delay::new())?;
            } else {
                self.camera.wake()?;
            }
            for _ in 0..SETTLING {
                self.frame().await?;
            }
            self.state = State::Awake;
        }
        self.frame().await?;
        Ok(self.camera.measure()?)
    }
}

impl PictureSource for SpiEye {
    type Error = EyeError;

    async fn capture(&mut self) -> Result<u32, EyeError> {
        let taken = self.take().await;
        if taken.is_err() {
            self.state = State::Unknown;
        }
        taken
    }

    fn rewind(&mut self) -> Result<(), EyeError> {
        Ok(self.camera.rewind()?)
    }

    async fn read(&mut self, out: &mut [u8]) -> Result<usize, EyeError> {
        Ok(self.camera.read(out)?)
    }

    async fn off(&mut self) {
        self.state = match self.camera.sleep() {
            Ok(()) if self.state != State::Unknown => State::Asleep,
            _ => State::Unknown,
        };
    }
}
