//! An ESP32-C3 with an ArduCAM Mini 2MP Plus: what is wired to what.
//!
//! | line | pin |
//! |---|---|
//! | SPI clock, to the camera, from the camera, select | GPIO6, GPIO7, GPIO4, GPIO10 |
//! | memory card (on the same SPI) select, with 10 kΩ to 3.3 V | GPIO8 |
//! | control bus data, clock (4.7 kΩ to 3.3 V each) | GPIO3, GPIO2 |
//! | motion sensor, high while something moves | GPIO5 |
//! | battery through 2 × 470 kΩ | GPIO0 |
//! | solar panel through 1 MΩ and 330 kΩ | GPIO1 |
//!
//! The pins are among those that any module has; GPIO0 to 4 can measure, GPIO0 to 5 can wake the chip. GPIO2 has to
//! be high while the chip starts, and GPIO8 when it is to be flashed: their pull-ups see to that.

use embassy_executor::Spawner;
use esp_hal::{
    gpio::{Input, InputConfig, Pull},
    peripherals::{GPIO0, GPIO1},
};
use esp_radio::wifi::Interface;

use super::esp::{self, BusWires, Entropy, Flash, Sd, SharedBus, SpiEye, Station, Supply, Wires};
use crate::board::Parts;

pub(super) const NAME: &str = "esp32c3";
pub(super) const FLASH_BYTES: u32 = 4 << 20;

pub(super) type Card = Sd;
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

    let bus = BusWires { clock: pins.GPIO6.into(), out: pins.GPIO7.into(), back: pins.GPIO4.into() };
    let bus = SharedBus::new(pins.SPI2, bus);
    let wires = Wires { select: pins.GPIO10.into(), data: pins.GPIO3.into(), control_clock: pins.GPIO2.into() };
    let motion = Input::new(pins.GPIO5, InputConfig::default().with_pull(Pull::Down));

    // The camera first: it may not be selected when the card is woken.
    let eye = SpiEye::new(bus, pins.I2C0, wires);
    let card = Sd::find(bus, pins.GPIO8.into());

    let parts = Parts {
        flash: Flash::new(pins.FLASH),
        card,
        network: Interface::station(),
        radio: Station::new(pins.WIFI),
        eye,
        entropy: Entropy::new(pins.RNG),
        power: Supply::new(pins.ADC1, pins.GPIO0, pins.GPIO1, motion, pins.LPWR),
        sealing_key: esp::sealing_key(pins.HMAC),
    };
    crate::run(spawner, parts).await
}
