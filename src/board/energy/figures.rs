//! The figures that the energy model is made of, each with where it comes from.
//!
//! Currents are typical values of data sheets at 3.3 V and 25 degrees. They were entered without the sheets at hand, and wait for
//! a comparison with the current editions. No current was measured on a board of ours, and no time on
//! a chip: what says "measured" was counted on a host, running the camera's own code.

use serde::Serialize;

use crate::board::Board;

/// Where a figure comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A maker's data sheet.
    DataSheet,
    /// Counted with the camera's own code; a test counts it again.
    Measured,
    /// Nobody measured it; a guess that errs to the larger side.
    Assumed,
}

/// A figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    /// What it is.
    pub name: &'static str,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
    /// What sort of knowledge it is.
    pub kind: Kind,
    /// Where it was found, or why it was assumed.
    pub from: &'static str,
}

const fn figure(name: &'static str, value: f64, unit: &'static str, kind: Kind, from: &'static str) -> Figure {
    Figure { name, value, unit, kind, from }
}

/// All figures of a board.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// The chip with its radio off, working.
    pub cpu_ma: Figure,
    /// The radio while it sends.
    pub send_ma: Figure,
    /// The radio while it listens.
    pub listen_ma: Figure,
    /// The chip asleep, with a timer and a pin that wake it.
    pub chip_sleep_ua: Figure,
    /// The sensor and its module while they work.
    pub camera_ma: Figure,
    /// The motion sensor, all day.
    pub motion_ua: Figure,
    /// The supply and what else never sleeps, all day.
    pub supply_ua: Figure,
    /// From the wake to the first line of the application.
    pub start_s: Figure,
    /// Until the exposure has settled.
    pub settle_s: Figure,
    /// From the shutter to the picture in the module.
    pub expose_s: Figure,
    /// How fast the picture is read from the module.
    pub read_bytes_s: Figure,
    /// Erasing a sector of the flash.
    pub erase_s: Figure,
    /// Programming a page of 256 bytes of the flash.
    pub program_s: Figure,
    /// What the flash draws for that.
    pub flash_ma: Figure,
    /// What the queue programs for each byte of a picture.
    pub programmed: Figure,
    /// Joining the network, with the address.
    pub join_s: Figure,
    /// The TLS handshake: computing.
    pub handshake_s: Figure,
    /// Waiting for answers while connected, for each connection.
    pub wait_s: Figure,
    /// What a picture's event, its headers and the answer add, on the link.
    pub event_bytes: Figure,
    /// Report, endpoint list and commands, for each connection, on the link.
    pub report_bytes: Figure,
    /// Signing a request, for each picture.
    pub sign_s: Figure,
    /// Of the time on the air, the part in which the camera sends.
    pub duty: Figure,
}

impl Figures {
    /// The figures of a board; `None` for one that is no board.
    #[must_use]
    pub fn of(board: Board) -> Option<Self> {
        use Kind::DataSheet;
        let (chip, module) = match board {
            Board::Esp32C3 => (
                [28.0, 285.0, 84.0, 5.0]
                    .map(|value| (value, DataSheet, "ESP32-C3 Series Datasheet, Current Consumption")),
                ARDUCAM,
            ),
            Board::Esp32C6 => (
                [38.0, 300.0, 78.0, 7.0]
                    .map(|value| (value, DataSheet, "ESP32-C6 Series Datasheet, Current Consumption")),
                ARDUCAM,
            ),
            Board::Esp32S3 => {
                let sheet = "ESP32-S3 Series Datasheet, Current Consumption";
                // The sheet gives the working core by kind of access; this is a value between.
                let cpu =
                    (66.0, Kind::Assumed, "240 MHz; between the rows of the ESP32-S3 Series Datasheet, with PSRAM");
                ([cpu, (291.0, DataSheet, sheet), (88.0, DataSheet, sheet), (8.0, DataSheet, sheet)], PARALLEL)
            }
            Board::QemuVirt => return None,
        };
        let of_chip = |index: usize, name, unit| {
            let (value, kind, from) = chip[index];
            figure(name, value, unit, kind, from)
        };
        Some(Self {
            cpu_ma: of_chip(0, "chip working, radio off", "mA"),
            send_ma: of_chip(1, "radio sending, 802.11g", "mA"),
            listen_ma: of_chip(2, "radio listening", "mA"),
            chip_sleep_ua: of_chip(3, "chip in deep sleep", "uA"),
            camera_ma: module[0],
            read_bytes_s: module[1],
            ..SHARED
        })
    }

    /// All of them, for a table.
    #[must_use]
    pub fn all(&self) -> [Figure; 22] {
        [
            self.cpu_ma,
            self.send_ma,
            self.listen_ma,
            self.chip_sleep_ua,
            self.camera_ma,
            self.motion_ua,
            self.supply_ua,
            self.flash_ma,
            self.start_s,
            self.settle_s,
            self.expose_s,
            self.read_bytes_s,
            self.erase_s,
            self.program_s,
            self.programmed,
            self.join_s,
            self.handshake_s,
            self.wait_s,
            self.event_bytes,
            self.report_bytes,
            self.sign_s,
            self.duty,
        ]
    }
}

/// The ArduCAM Mini's current and the speed at which it gives its picture.
const ARDUCAM: [Figure; 2] = [
    figure(
        "camera working",
        70.0,
        "mA",
        Kind::DataSheet,
        "ArduCAM Mini 2MP hardware notes: 5 V, 70 mA; drawn alike at 3.3 V",
    ),
    figure("reading a picture", 500_000.0, "bytes/s", Kind::Assumed, "half of what SPI carries at the module's 8 MHz"),
];

/// A bare OV2640 on the parallel port.
const PARALLEL: [Figure; 2] = [
    figure("camera working", 45.0, "mA", Kind::DataSheet, "OV2640 data sheet: 125 to 140 mW active"),
    figure("reading a picture", 2_000_000.0, "bytes/s", Kind::Assumed, "the sensor's own pace with compression"),
];

const UNMEASURED: &str = "not measured on a chip";

const SHARED: Figures = Figures {
    // Of the chip; `of` puts them in.
    cpu_ma: ARDUCAM[0],
    send_ma: ARDUCAM[0],
    listen_ma: ARDUCAM[0],
    chip_sleep_ua: ARDUCAM[0],
    camera_ma: ARDUCAM[0],
    read_bytes_s: ARDUCAM[1],
    motion_ua: figure("motion sensor", 15.0, "uA", Kind::Assumed, "a passive infrared module of the AM312 kind"),
    supply_ua: figure(
        "supply",
        10.0,
        "uA",
        Kind::Assumed,
        "a regulator made for batteries; development boards draw far more",
    ),
    flash_ma: figure(
        "flash programming",
        15.0,
        "mA",
        Kind::DataSheet,
        "W25Q32JV data sheet: program and erase, typical",
    ),
    start_s: figure("start", 0.5, "s", Kind::Assumed, UNMEASURED),
    settle_s: figure("exposure settles", 0.8, "s", Kind::Assumed, UNMEASURED),
    expose_s: figure("exposure and readout", 0.2, "s", Kind::Assumed, UNMEASURED),
    erase_s: figure("erasing a sector", 0.045, "s", Kind::DataSheet, "W25Q32JV data sheet: 45 ms typical"),
    program_s: figure("programming a page", 0.0004, "s", Kind::DataSheet, "W25Q32JV data sheet: 0.4 ms typical"),
    programmed: figure(
        "flash taken for a byte of a picture",
        1.09,
        "bytes",
        Kind::Measured,
        "the queue's erased sectors for pictures of 30 KB, counted on a host",
    ),
    join_s: figure("joining the network", 2.5, "s", Kind::Assumed, UNMEASURED),
    handshake_s: figure("TLS handshake", 1.2, "s", Kind::Assumed, "P-256 in software; not measured on a chip"),
    wait_s: figure("waiting for answers", 0.8, "s", Kind::Assumed, "five round trips of 160 ms"),
    event_bytes: figure("event, headers, answer", 2000.0, "bytes", Kind::Assumed, "for each picture, on the link"),
    report_bytes: figure(
        "report and endpoint list",
        4000.0,
        "bytes",
        Kind::Assumed,
        "for each connection, on the link",
    ),
    sign_s: figure(
        "signing and checking",
        0.03,
        "s",
        Kind::Assumed,
        "Ed25519 and SHA-256 in software; not measured on a chip",
    ),
    duty: figure("part of the air time that is sending", 0.5, "of 1", Kind::Assumed, "a weak link repeats itself"),
};
