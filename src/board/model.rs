//! The boards that the firmware is made for.

use std::{fmt, str::FromStr};

use wildcam_core::layout::Layout;

/// A board that wildcam builds firmware for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Board {
    /// ESP32-C3 with an ArduCAM Mini (OV2640) on SPI.
    Esp32C3,
    /// ESP32-C6 with an ArduCAM Mini (OV2640) on SPI.
    Esp32C6,
    /// ESP32-S3 with a parallel OV2640 on LCD_CAM, and PSRAM.
    Esp32S3,
    /// `qemu-system-riscv32 -M virt`, with a scripted camera.
    QemuVirt,
}

/// What a board's code is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// RISC-V, which upstream Rust compiles.
    RiscV(&'static str),
    /// Xtensa, which only Espressif's toolchain compiles.
    Xtensa(&'static str),
}

impl Target {
    /// The target triple.
    #[must_use]
    pub fn triple(self) -> &'static str {
        match self {
            Self::RiscV(triple) | Self::Xtensa(triple) => triple,
        }
    }
}

/// The name is of no board.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no board; the boards are esp32c3, esp32c6, esp32s3 and qemu-virt")]
pub struct UnknownBoard(pub String);

impl Board {
    /// All boards.
    pub const ALL: [Self; 4] = [Self::Esp32C3, Self::Esp32C6, Self::Esp32S3, Self::QemuVirt];

    /// Its name on the command line, in file names, and as the firmware's cargo feature.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Esp32C3 => "esp32c3",
            Self::Esp32C6 => "esp32c6",
            Self::Esp32S3 => "esp32s3",
            Self::QemuVirt => "qemu-virt",
        }
    }

    /// What its code is compiled for.
    #[must_use]
    pub fn target(self) -> Target {
        match self {
            Self::Esp32C3 => Target::RiscV("riscv32imc-unknown-none-elf"),
            Self::Esp32C6 | Self::QemuVirt => Target::RiscV("riscv32imac-unknown-none-elf"),
            Self::Esp32S3 => Target::Xtensa("xtensa-esp32s3-none-elf"),
        }
    }

    /// The number of its chip in the headers of images (esp-idf, `esp_chip_id_t`). The emulated board has one that no chip
    /// has, so that no chip's loader takes its images.
    #[must_use]
    pub fn chip_id(self) -> u16 {
        match self {
            Self::Esp32C3 => 5,
            Self::Esp32S3 => 9,
            Self::Esp32C6 => 13,
            Self::QemuVirt => wildcam_core::image::CHIP_QEMU_VIRT,
        }
    }

    /// The least flash that such a board has, in bytes.
    #[must_use]
    pub fn flash_bytes(self) -> u32 {
        match self {
            Self::Esp32C3 | Self::Esp32C6 => 4 << 20,
            Self::Esp32S3 | Self::QemuVirt => 8 << 20,
        }
    }

    /// Where things lie in its flash.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "a test shows that every board has a layout")]
    pub fn layout(self) -> Layout {
        Layout::of(self.flash_bytes()).expect("every board's flash has a layout")
    }
}

impl fmt::Display for Board {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Board {
    type Err = UnknownBoard;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|board| board.name() == text).ok_or_else(|| UnknownBoard(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_board_has_a_name_and_a_layout() {
        for board in Board::ALL {
            assert_eq!(board.name().parse(), Ok(board));
            assert_eq!(board.layout().queue.end(), board.flash_bytes());
        }
        assert_eq!("esp8266".parse::<Board>(), Err(UnknownBoard("esp8266".to_owned())));
    }
}
