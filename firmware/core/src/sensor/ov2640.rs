//! Registers of the OV2640 and what makes it send JPEG.
//!
//! Names and meanings are those of the data sheet, version 1.6, tables 12 (device control, DSP) and 13 (sensor). The
//! chip has two banks of registers; register 0xFF selects one.

/// Its address on the control bus (SCCB, which an I2C controller speaks), 7 bits.
pub const ADDRESS: u8 = 0x30;

/// A register is set to a value.
pub type Setting = (u8, u8);

/// Selects the bank.
const BANK: u8 = 0xFF;
const DSP: u8 = 0;
const SENSOR: u8 = 1;

/// Sensor bank: the product number, upper and lower byte.
pub const PRODUCT: [u8; 2] = [0x0A, 0x0B];

/// Selects the sensor's bank, in which [`PRODUCT`] and [`STANDBY`] lie.
pub const SENSOR_BANK: Setting = (BANK, SENSOR);

/// Sets every register back; the chip needs [`RESET_MS`] afterwards. Sensor bank, COM7 bit 7.
pub const RESET: [Setting; 2] = [SENSOR_BANK, (0x12, 0x80)];

/// How long a reset takes at most, milliseconds.
pub const RESET_MS: u32 = 10;

/// Sensor bank, COM2: standby (bit 4), output drive of two times.
pub const STANDBY: Setting = (0x09, 0x11);

/// Sensor bank, COM2: awake.
pub const AWAKE: Setting = (0x09, 0x01);

/// Whether these bytes of [`PRODUCT`] are those of an OV2640, in any of its revisions.
#[must_use]
pub const fn is_ov2640(product: [u8; 2]) -> bool {
    product[0] == 0x26 && matches!(product[1], 0x40..=0x42)
}

/// How large a picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// 640 × 480.
    Vga,
    /// 800 × 600.
    Svga,
    /// 1024 × 768.
    Xga,
    /// 1600 × 1200, all that the sensor has.
    Uxga,
}

impl Size {
    /// Width and height.
    #[must_use]
    pub const fn pixels(self) -> (u16, u16) {
        match self {
            Self::Vga => (640, 480),
            Self::Svga => (800, 600),
            Self::Xga => (1024, 768),
            Self::Uxga => (1600, 1200),
        }
    }

    /// Whether the sensor adds pixels together and reads 800 × 600 of them, which is faster.
    const fn is_binned(self) -> bool {
        matches!(self, Self::Vga | Self::Svga)
    }
}

/// The sensor's part: clock, exposure and gain by itself, the window. To be sent after [`RESET`] and [`RESET_MS`].
#[must_use]
pub const fn sensor(size: Size) -> [Setting; 17] {
    // COM7 bits 6..4: 0 for 1600 x 1200, 4 for 800 x 600. The windows are those that table 13 gives for either.
    let (com7, href_end, v_start, v_end, reg32, com1) =
        if size.is_binned() { (0x40, 0x43, 0x00, 0x4B, 0x09, 0x0A) } else { (0x00, 0x75, 0x01, 0x97, 0x36, 0x0F) };
    [
        SENSOR_BANK,
        // CLKRC: the input clock undivided.
        (0x11, 0x00),
        AWAKE,
        // REG04: not mirrored; the lowest bits of the exposure at 0.
        (0x04, 0x28),
        // COM8: banding filter, gain and exposure by themselves.
        (0x13, 0xE5),
        // COM9: gain up to 8 times; more is more noise than picture.
        (0x14, 0x48),
        // COM10: no signal inverted.
        (0x15, 0x00),
        // AEW, AEB, VV: where exposure comes to rest, and where it moves fast.
        (0x24, 0x40),
        (0x25, 0x38),
        (0x26, 0x82),
        (0x12, com7),
        // HREFST, HREFEND, VSTRT, VEND, their lowest bits in REG32 and COM1.
        (0x17, 0x11),
        (0x18, href_end),
        (0x19, v_start),
        (0x1A, v_end),
        (0x32, reg32),
        (0x03, com1),
    ]
}

/// How strongly pictures are compressed: the scale of the quantisation tables, 2 (finest) to 63.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quality(u8);

impl Quality {
    /// What wildlife pictures are taken with: about 100 KB at 1600 × 1200.
    pub const DEFAULT: Self = Self(12);

    /// A scale, brought into its bounds.
    #[must_use]
    pub const fn new(scale: u8) -> Self {
        Self(if scale < 2 {
            2
        } else if scale > 63 {
            63
        } else {
            scale
        })
    }
}

/// The DSP's part: colour processing, size, JPEG. To be sent after [`sensor`].
#[must_use]
pub const fn dsp(size: Size, quality: Quality) -> [Setting; 21] {
    let (in_width, in_height) = if size.is_binned() { (800, 600) } else { (1600, 1200) };
    let (width, height) = size.pixels();
    // The window that is scaled from and to is given in units of four pixels.
    let (in4, ih4, out4, oh4) = (in_width / 4, in_height / 4, width / 4, height / 4);
    [
        (BANK, DSP),
        // RESET: JPEG and DVP held while they are set up.
        (0xE0, 0x14),
        // R_BYPASS: the DSP is used.
        (0x05, 0x00),
        // HSIZE8, VSIZE8, SIZEL: what the sensor sends.
        (0xC0, (in_width / 8) as u8),
        (0xC1, (in_height / 8) as u8),
        (0x8C, 0x00),
        // CTRL2: scaling, special effects unit, colour matrix, ultraviolet (chroma) adjustment.
        (0x86, 0x3D),
        // CTRL3: defective pixels, black and white, are corrected.
        (0x87, 0xD0),
        // CTRL0 and CTRL1: YUV 4:2:2 inside; white balance, gamma, lens correction, all on.
        (0xC2, 0x0C),
        (0xC3, 0xFF),
        // CTRLI: no division before the scaling.
        (0x50, 0x00),
        (0x51, low(in4)),
        (0x52, low(ih4)),
        // XOFFL, YOFFL: from the first pixel.
        (0x53, 0x00),
        (0x54, 0x00),
        // VHYX: the ninth bits.
        (0x55, bit(ih4, 8) << 7 | bit(in4, 8) << 3),
        // ZMOW, ZMOH, ZMHH: what comes out.
        (0x5A, low(out4)),
        (0x5B, low(oh4)),
        (0x5C, bit(oh4, 8) << 2 | (out4 >> 8 & 3) as u8),
        // R_DVP_SP: the clock of the output follows the rate of the data.
        (0xD3, 0x82),
        // Qs.
        (0x44, quality.0),
    ]
}

/// Switches JPEG on and lets the output run; to be sent after [`dsp`].
pub const START: [Setting; 3] = [
    (BANK, DSP),
    // IMAGE_MODE: JPEG.
    (0xDA, 0x10),
    (0xE0, 0x00),
];

const fn low(value: u16) -> u8 {
    (value & 0xFF) as u8
}

const fn bit(value: u16, at: u32) -> u8 {
    (value >> at & 1) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(settings: &[Setting], register: u8) -> u8 {
        settings.iter().rev().find(|setting| setting.0 == register).expect("the register is set").1
    }

    #[test]
    fn sizes_are_written_in_the_units_of_the_data_sheet() {
        for size in [Size::Vga, Size::Svga, Size::Xga, Size::Uxga] {
            let settings = dsp(size, Quality::DEFAULT);
            let of = |register| u16::from(value(&settings, register));
            let (width, height) = size.pixels();
            assert_eq!(of(0x5A) | (of(0x5C) & 3) << 8, width / 4, "{size:?}");
            assert_eq!(of(0x5B) | (of(0x5C) >> 2 & 1) << 8, height / 4, "{size:?}");
            let from = (of(0x51) | (of(0x55) >> 3 & 1) << 8, of(0x52) | (of(0x55) >> 7 & 1) << 8);
            let all = if size.is_binned() { (200, 150) } else { (400, 300) };
            assert_eq!(from, all, "{size:?}");
            assert_eq!((of(0xC0) * 2, of(0xC1) * 2), all, "{size:?}");
            assert!(all.0 >= width / 4 && all.1 >= height / 4, "the unit only scales down");
        }
    }

    #[test]
    fn window_follows_the_way_in_which_the_sensor_is_read() {
        let (large, binned) = (sensor(Size::Uxga), sensor(Size::Vga));
        for (register, of_large, of_binned) in
            [(0x12, 0x00, 0x40), (0x18, 0x75, 0x43), (0x1A, 0x97, 0x4B), (0x32, 0x36, 0x09), (0x03, 0x0F, 0x0A)]
        {
            assert_eq!(value(&large, register), of_large, "{register:#x}");
            assert_eq!(value(&binned, register), of_binned, "{register:#x}");
        }
    }

    #[test]
    fn quality_stays_in_its_bounds() {
        assert_eq!([Quality::new(0), Quality::new(12), Quality::new(255)].map(|quality| quality.0), [2, 12, 63]);
    }
}
