//! An ESP32-S3 with a parallel OV2640 and PSRAM: what is wired to what.
//!
//! The lines of the sensor are those of Espressif's ESP32-S3-EYE, which many boards copied. **This file was only
//! type-checked, and never linked**; see `esp/dvp.rs`.
//!
//! | line | pin |
//! |---|---|
//! | sensor's clock, pixel clock, frame, line | GPIO15, GPIO13, GPIO6, GPIO7 |
//! | pixels, bit 0 to bit 7 | GPIO11, GPIO9, GPIO8, GPIO10, GPIO12, GPIO18, GPIO17, GPIO16 |
//! | control bus data, clock | GPIO4, GPIO5 |
//! | motion sensor, high while something moves | GPIO14 |
//! | battery through 2 × 470 kΩ | GPIO1 |
//! | solar panel through 1 MΩ and 330 kΩ | GPIO2 |

use embassy_executor::Spawner;
use esp_hal::{
    gpio::{Input, InputConfig, Pull},
    i2c::master::{Config as I2cConfig, I2c},
    lcd_cam::{
        LcdCam,
        cam::{Camera, Config as CameraConfig},
    },
    peripherals::{GPIO1, GPIO2},
    time::Rate,
};
use esp_radio::wifi::Interface;

use super::esp::{self, Dvp, Entropy, Flash, Lines, Station, Supply};
use crate::board::{NoCard, Parts};

pub(super) const NAME: &str = "esp32s3";
pub(super) const FLASH_BYTES: u32 = 8 << 20;

/// It has none: the board has a slot on pins of its own, for which nobody has written a driver here.
pub(super) type Card = NoCard;
pub(super) type Eye = Dvp;
pub(super) type Battery = GPIO1<'static>;
pub(super) type Solar = GPIO2<'static>;

/// What is measured is a half of the battery and a quarter of the panel.
pub(super) const BATTERY_DIVIDER: u16 = 2;
pub(super) const SOLAR_DIVIDER: u16 = 4;

#[esp_rtos::main]
async fn main(spawner: Spawner) -> ! {
    let pins = esp::init();
    esp::start(pins.TIMG0, pins.FROM_CPU_INTR0);

    let clock = CameraConfig::default().with_frequency(Rate::from_mhz(20));
    let port = Camera::new(LcdCam::new(pins.LCD_CAM).cam, pins.DMA_CH0, clock).expect("20 MHz is a rate of the port");
    let port = port
        .with_master_clock(pins.GPIO15)
        .with_pixel_clock(pins.GPIO13)
        .with_vsync(pins.GPIO6)
        .with_h_enable(pins.GPIO7)
        .with_data0(pins.GPIO11)
        .with_data1(pins.GPIO9)
        .with_data2(pins.GPIO8)
        .with_data3(pins.GPIO10)
        .with_data4(pins.GPIO12)
        .with_data5(pins.GPIO18)
        .with_data6(pins.GPIO17)
        .with_data7(pins.GPIO16);
    let control = I2cConfig::default().with_frequency(Rate::from_khz(100));
    let control = I2c::new(pins.I2C0, control).expect("100 kHz is a rate of the I2C");
    let control = control.with_sda(pins.GPIO4).with_scl(pins.GPIO5);
    let motion = Input::new(pins.GPIO14, InputConfig::default().with_pull(Pull::Down));

    let parts = Parts {
        flash: Flash::new(pins.FLASH),
        card: None,
        network: Interface::station(),
        radio: Station::new(pins.WIFI),
        eye: Dvp::new(Lines { port, control, memory: pins.PSRAM }),
        entropy: Entropy::new(pins.RNG),
        power: Supply::new(pins.ADC1, pins.GPIO1, pins.GPIO2, motion, pins.LPWR),
        sealing_key: esp::sealing_key(pins.HMAC),
    };
    crate::run(spawner, parts).await
}
