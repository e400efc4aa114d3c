//! The address spaces of the chips. The linker scripts of the launcher (`firmware/boot/src/esp/*.x`) have the same
//! figures; a test holds them together.

use super::Memory;

/// Two buses reach the same RAM of the ESP32-C3 at addresses that differ by this.
const C3_BUS_DISTANCE: u32 = 0x4038_0000 - 0x3FC8_0000;

/// The same of the ESP32-S3: `SOC_I_D_OFFSET` and `iram_dram_offset` of ESP-IDF.
const S3_BUS_DISTANCE: u32 = 0x4037_8000 - 0x3FC8_8000;

impl Memory<'static> {
    /// The ESP32-C3: its Technical Reference Manual, section 3.3, and the linker script of esp-hal. Static memory of an
    /// application ends where the second-stage loader lies.
    #[expect(clippy::single_range_in_vec_init, reason = "the chip has one range, and not all addresses of it")]
    pub const ESP32C3: Self = Self {
        chip: 5,
        ram: &[0x3FC8_0000..0x3FCC_E400, 0x4038_0000..0x403C_E400],
        own: &[0x3FCB_E400..0x3FCC_E400, 0x3FCB_E400 + C3_BUS_DISTANCE..0x3FCC_E400 + C3_BUS_DISTANCE],
        retained: &[0x5000_0000..0x5000_2000],
        windows: &[0x3C00_0000..0x3C80_0000, 0x4200_0000..0x4280_0000],
        window_mask: 0x7F_FFFF,
        code_bus: 0x4038_0000..0x4040_0000,
        bus_distance: C3_BUS_DISTANCE,
    };

    /// The ESP32-C6: its Technical Reference Manual, "System and Memory", and the linker script of esp-hal. It has one
    /// bus.
    #[expect(clippy::single_range_in_vec_init, reason = "the chip has one range, and not all addresses of it")]
    pub const ESP32C6: Self = Self {
        chip: 13,
        ram: &[0x4080_0000..0x4086_E610],
        own: &[0x4085_E610..0x4086_E610],
        retained: &[0x5000_0000..0x5000_4000],
        windows: &[0x4200_0000..0x4300_0000],
        window_mask: 0xFF_FFFF,
        code_bus: 0..0,
        bus_distance: 0,
    };

    /// The ESP32-S3. RAM is that which both buses reach, up to where the second-stage loader lies (ESP-IDF,
    /// `bootloader.memory.ld.in` of the esp32s3: 0x403C_B700; esp-hal's `memory.x`: the same place as 0x3FCD_B700).
    /// What only the instruction bus reaches below it is the instruction cache's, of which esp-hal takes all 32 KiB.
    /// Both of the RTC's memories are kept in deep sleep. Windows and mask are those of ESP-IDF's `ext_mem_defs.h`.
    pub const ESP32S3: Self = Self {
        chip: 9,
        ram: &[0x3FC8_8000..0x3FCD_B700, 0x4037_8000..0x403C_B700],
        own: &[0x3FCC_F700..0x3FCD_B700, 0x3FCC_F700 + S3_BUS_DISTANCE..0x3FCD_B700 + S3_BUS_DISTANCE],
        retained: &[0x600F_E000..0x6010_0000, 0x5000_0000..0x5000_2000],
        windows: &[0x3C00_0000..0x3E00_0000, 0x4200_0000..0x4400_0000],
        window_mask: 0x1FF_FFFF,
        code_bus: 0x4037_8000..0x403E_0000,
        bus_distance: S3_BUS_DISTANCE,
    };
}
