//! An ESP32-C3 with an ArduCAM Mini 2MP Plus: what is wired to what.
//!
//! | line | pin |
//! |---|---|
//! | SPI clock, to the camera, from the camera, select | GPIO6, GPIO7, GPIO4, GPIO10 |
//! | control bus data, clock (4.7 kΩ to 3.3 V each) | GPIO3, GPIO2 |
//! | motion sensor, high while something moves | GPIO5 |
//! | battery through 2 × 470 kΩ | GPIO0 |
//! | solar panel through 1 MΩ and 330 kΩ | GPIO1 |
//!
//! The pins are among those that any module has; GPIO0 to 4 can measure, GPIO0 to 5 can wake the chip. GPIO2 has to
//! be high while the chip starts: the pull-up of the control bus sees to that.

use embassy_executor::Spawner;
use esp_hal::{
    gpio::{Input, InputConfig, Level, Output, OutputConfig, Pull},
    i2c::master::{Config as I2cConfig, I2c},
    peripherals::{GPIO0, GPIO1},
    spi::{
        Mode,
        master::{Config as SpiConfig, Spi},
    },
    time::Rate,
};
use esp_radio::wifi::Interface;

use super::esp::{self, Entropy, Flash, SpiEye, Station, Supply};
use crate::board::Parts;

pub(super) const NAME: &str = "esp32c3";
pub(super) const FLASH_BYTES: u32 = 4 << 20;

pub(super) type Eye = SpiEye;
pub(super) type Battery = GPIO0<'static>;
pub(super) type Solar = GPIO1<'static>;

/// What is measured is a half of the battery and a quarter of the panel.
pub(super) const BATTERY_DIVIDER: u16 = 2;
pub(super) const SOLAR_DIVIDER: u16 = 4;

#[esp_rtos::main]
async fn main(spawner: Spawner) -> ! {
    let pins = esp::init();
    esp::start(pins.TIMG0, pins.FROM_CPU_INTR0);

    let spi = SpiConfig::default().with_frequency(Rate::from_mhz(8)).with_mode(Mode::_0);
    let spi = Spi::new(pins.SPI2, spi).expect("8 MHz is a rate of the SPI");
    let spi = spi.with_sck(pins.GPIO6).with_mosi(pins.GPIO7).with_miso(pins.GPIO4);
    let select = Output::new(pins.GPIO10, Level::High, OutputConfig::default());
    let control = I2cConfig::default().with_frequency(Rate::from_khz(100));
    let control = I2c::new(pins.I2C0, control).expect("100 kHz is a rate of the I2C");
    let control = control.with_sda(pins.GPIO3).with_scl(pins.GPIO2);
    let motion = Input::new(pins.GPIO5, InputConfig::default().with_pull(Pull::Down));

    let parts = Parts {
        flash: Flash::new(pins.FLASH),
        network: Interface::station(),
        radio: Station::new(pins.WIFI),
        eye: SpiEye::new(spi, select, control),
        entropy: Entropy::new(pins.RNG),
        power: Supply::new(pins.ADC1, pins.GPIO0, pins.GPIO1, motion, pins.LPWR),
        sealing_key: esp::sealing_key(pins.HMAC),
    };
    crate::run(spawner, parts).await
}
