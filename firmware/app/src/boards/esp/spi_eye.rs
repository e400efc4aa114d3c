//! The ArduCAM Mini on SPI and I2C.

use embassy_time::{Duration, Instant, Timer};
use embedded_hal_bus::spi::{ExclusiveDevice, NoDelay};
use esp_hal::{
    Blocking,
    delay::Delay,
    gpio::{AnyPin, Level, Output, OutputConfig},
    i2c::master::{Config as I2cConfig, I2c},
    peripherals::{I2C0, SPI2},
    spi::{
        Mode,
        master::{Config as SpiConfig, Spi},
    },
    time::Rate,
};
use wildcam_core::sensor::{
    ArduCam, Error,
    ov2640::{Quality, Size},
};

use crate::board::PictureSource;

/// How long a frame may take: the sensor makes 7.5 a second at full size, and slower ones in the dark.
const FRAME: Duration = Duration::from_secs(2);

/// How often it is asked whether the frame is there.
const POLL: Duration = Duration::from_millis(5);

/// Frames that are thrown away after the sensor was set up, until its exposure is right.
const SETTLING: usize = 4;

type Device = ExclusiveDevice<Spi<'static, Blocking>, Output<'static>, NoDelay>;
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

/// The pins that the camera is wired to.
pub(crate) struct Wires {
    /// The clock of SPI.
    pub(crate) clock: AnyPin<'static>,
    /// To the camera.
    pub(crate) to_camera: AnyPin<'static>,
    /// From the camera.
    pub(crate) from_camera: AnyPin<'static>,
    /// Low while the camera is spoken to on SPI.
    pub(crate) select: AnyPin<'static>,
    /// The data of the control bus.
    pub(crate) data: AnyPin<'static>,
    /// The clock of the control bus.
    pub(crate) control_clock: AnyPin<'static>,
}

impl SpiEye {
    /// The camera on these wires: SPI at 8 MHz in mode 0, I2C at 100 kHz.
    pub(crate) fn new(spi: SPI2<'static>, control: I2C0<'static>, wires: Wires) -> Self {
        let config = SpiConfig::default().with_frequency(Rate::from_mhz(8)).with_mode(Mode::_0);
        let spi = Spi::new(spi, config).expect("8 MHz is a rate of the SPI");
        let spi = spi.with_sck(wires.clock).with_mosi(wires.to_camera).with_miso(wires.from_camera);
        let select = Output::new(wires.select, Level::High, OutputConfig::default());
        let config = I2cConfig::default().with_frequency(Rate::from_khz(100));
        let control = I2c::new(control, config).expect("100 kHz is a rate of the I2C");
        let control = control.with_sda(wires.data).with_scl(wires.control_clock);
        let device = match ExclusiveDevice::new_no_delay(spi, select) {
            Ok(device) => device,
            Err(never) => match never {},
        };
        Self { camera: ArduCam::new(device, control), state: State::Unknown }
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
