//! An ESP32-C6 with an ArduCAM Mini 2MP Plus: what is wired to what.
//!
//! | line | pin |
//! |---|---|
//! | SPI clock, to the camera, from the camera, select | GPIO19, GPIO18, GPIO20, GPIO21 |
//! | control bus data, clock (4.7 kΩ to 3.3 V each) | GPIO22, GPIO23 |
//! | motion sensor, high while something moves | GPIO2 |
//! | battery through 2 × 470 kΩ | GPIO0 |
//! | solar panel through 1 MΩ and 330 kΩ | GPIO1 |
//!
//! GPIO0 to 6 can measure, GPIO0 to 7 can wake the chip.

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

pub(super) const NAME: &str = "esp32c6";
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
    let spi = spi.with_sck(pins.GPIO19).with_mosi(pins.GPIO18).with_miso(pins.GPIO20);
    let select = Output::new(pins.GPIO21, Level::High, OutputConfig::default());
    let control = I2cConfig::default().with_frequency(Rate::from_khz(100));
    let control = I2c::new(pins.I2C0, control).expect("100 kHz is a rate of the I2C");
    let control = control.with_sda(pins.GPIO22).with_scl(pins.GPIO23);
    let motion = Input::new(pins.GPIO2, InputConfig::default().with_pull(Pull::Down));

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
