//! An ESP32-C6 with an ArduCAM Mini 2MP Plus: what is wired to what.
//!
//! | line | pin |
//! |---|---|
//! | SPI clock, to the camera, from the camera, select | GPIO19, GPIO18, GPIO20, GPIO21 |
//! | memory card (on the same SPI) select, with 10 kΩ to 3.3 V | GPIO3 |
//! | control bus data, clock (4.7 kΩ to 3.3 V each) | GPIO22, GPIO23 |
//! | motion sensor, high while something moves | GPIO2 |
//! | battery through 2 × 470 kΩ | GPIO0 |
//! | solar panel through 1 MΩ and 330 kΩ | GPIO1 |
//!
//! GPIO0 to 6 can measure, GPIO0 to 7 can wake the chip.

use embassy_executor::Spawner;
use esp_hal::{
    gpio::{Input, InputConfig, Pull},
    peripherals::{GPIO0, GPIO1},
};
use esp_radio::wifi::Interface;

use super::esp::{self, BusWires, Entropy, Flash, Sd, SharedBus, SpiEye, Station, Supply, Wires};
use crate::board::Parts;

pub(super) const NAME: &str = "esp32c6";
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

    let bus = BusWires { clock: pins.GPIO19.into(), out: pins.GPIO18.into(), back: pins.GPIO20.into() };
    let bus = SharedBus::new(pins.SPI2, bus);
    let wires = Wires { select: pins.GPIO21.into(), data: pins.GPIO22.into(), control_clock: pins.GPIO23.into() };
    let motion = Input::new(pins.GPIO2, InputConfig::default().with_pull(Pull::Down));

    // The camera first: it may not be selected when the card is woken.
    let eye = SpiEye::new(bus, pins.I2C0, wires);
    let card = Sd::find(bus, pins.GPIO3.into());

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
