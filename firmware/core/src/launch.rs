//! What a chip's boot stage does with each segment of an image: copy it into RAM, or map the pages of the flash that
//! hold it.
//!
//! Chips of the ESP32 family reach flash through a table of pages of 64 KiB, one entry for each page of an address
//! window; the windows for data and for code may share the entries (ESP32-C3 Technical Reference Manual, section
//! 3.3.3). What an image asks for is checked here before anything of it is loaded, because it may be for another chip
//! or another layout.

use core::{fmt, ops::Range};

use crate::{image::Segment, layout::PAGE_BYTES};

/// A chip's address space, as far as images concern it.
#[derive(Debug, Clone)]
pub struct Memory<'m> {
    /// The chip's number in an image's header.
    pub chip: u16,
    /// Addresses that segments may be copied to.
    pub ram: &'m [Range<u32>],
    /// What the boot stage itself lies in, under all of its addresses.
    pub own: &'m [Range<u32>],
    /// RAM that keeps its content in deep sleep.
    pub retained: Range<u32>,
    /// The windows in which flash is mapped.
    pub windows: &'m [Range<u32>],
    /// The bits of an address in a window that choose entry and byte; the entry is what is above the page.
    pub window_mask: u32,
}

/// Why an image cannot be started, though it is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// It is for another chip.
    Chip(u16),
    /// It wants to be loaded where no RAM is, or where the boot stage lies.
    Address(u32),
    /// A segment is mapped at an address that its place in the flash does not allow.
    Page(u32),
    /// Two segments want different pages of the flash in one entry.
    Twice(u32),
    /// It is entered where nothing of it lies.
    Entry(u32),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chip(chip) => write!(f, "the image is for the chip {chip}"),
            Self::Address(address) => write!(f, "the image wants to be loaded at {address:#x}"),
            Self::Page(address) => write!(f, "what is mapped at {address:#x} does not lie so in the flash"),
            Self::Twice(address) => write!(f, "two pages are wanted at {address:#x}"),
            Self::Entry(address) => write!(f, "the image is entered at {address:#x}, where nothing of it lies"),
        }
    }
}

impl core::error::Error for Error {}

/// What is done with a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing: it only fills a gap in the image.
    Skip,
    /// It is copied to its address; unless the chip comes out of deep sleep, if that memory was kept.
    Copy {
        /// Whether the memory is kept in deep sleep.
        retained: bool,
    },
    /// Pages of the flash are mapped.
    Map(Pages),
}

/// Consecutive entries of the table, for consecutive pages of the flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pages {
    /// The first entry.
    pub entry: u32,
    /// The page of the flash that it maps.
    pub page: u32,
    /// How many.
    pub count: u32,
}

/// Addresses below this are no memory of any chip: image tools give them to segments that fill gaps.
const PADDING_BELOW: u32 = 0x1_0000;

fn holds(ranges: &[Range<u32>], segment: &Segment) -> bool {
    segment
        .load
        .checked_add(segment.bytes)
        .is_some_and(|end| ranges.iter().any(|range| range.start <= segment.load && end <= range.end))
}

impl Memory<'_> {
    /// What is done with `segment`.
    ///
    /// # Errors
    /// [`Error::Address`], [`Error::Page`].
    pub fn step(&self, segment: &Segment) -> Result<Step, Error> {
        let Segment { load, offset, bytes } = *segment;
        if bytes == 0 || load < PADDING_BELOW {
            return Ok(Step::Skip);
        }
        if holds(self.windows, segment) {
            if load % PAGE_BYTES != offset % PAGE_BYTES {
                return Err(Error::Page(load));
            }
            let first = load & self.window_mask;
            let last = (load + bytes - 1) & self.window_mask;
            let entry = first / PAGE_BYTES;
            return Ok(Step::Map(Pages { entry, page: offset / PAGE_BYTES, count: last / PAGE_BYTES - entry + 1 }));
        }
        if !load.is_multiple_of(4) {
            return Err(Error::Address(load));
        }
        if holds(core::slice::from_ref(&self.retained), segment) {
            return Ok(Step::Copy { retained: true });
        }
        let end = load.checked_add(bytes).ok_or(Error::Address(load))?;
        let overlaps = self.own.iter().any(|own| load < own.end && own.start < end);
        if overlaps || !holds(self.ram, segment) {
            return Err(Error::Address(load));
        }
        Ok(Step::Copy { retained: false })
    }

    /// Whether an image for `chip`, entered at `entry`, with these segments can be started here.
    ///
    /// # Errors
    /// [`Error`].
    pub fn check(&self, chip: u16, entry: u32, segments: &[Segment]) -> Result<(), Error> {
        if chip != self.chip {
            return Err(Error::Chip(chip));
        }
        let mut entered = false;
        for (place, segment) in segments.iter().enumerate() {
            let step = self.step(segment)?;
            if step != Step::Skip && (segment.load..segment.load + segment.bytes).contains(&entry) {
                entered = true;
            }
            let Step::Map(pages) = step else { continue };
            for other in &segments[..place] {
                if let Step::Map(before) = self.step(other)?
                    && pages.disagree(before)
                {
                    return Err(Error::Twice(segment.load));
                }
            }
        }
        if entered { Ok(()) } else { Err(Error::Entry(entry)) }
    }
}

impl Pages {
    /// Whether an entry that both have would map two pages.
    fn disagree(self, other: Self) -> bool {
        let apart = self.entry >= other.entry + other.count || other.entry >= self.entry + self.count;
        !apart && self.page.wrapping_sub(self.entry) != other.page.wrapping_sub(other.entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: Memory<'static> = Memory {
        chip: 5,
        ram: &[0x3FC8_0000..0x3FCC_E400, 0x4038_0000..0x403C_E400],
        own: &[0x3FCB_E400..0x3FCC_E400, 0x403B_E400..0x403C_E400],
        retained: 0x5000_0000..0x5000_2000,
        windows: &[0x3C00_0000..0x3C80_0000, 0x4200_0000..0x4280_0000],
        window_mask: 0x7F_FFFF,
    };

    fn segments(parts: &[(u32, u32, u32)]) -> std::vec::Vec<Segment> {
        parts.iter().map(|&(load, offset, bytes)| Segment { load, offset, bytes }).collect()
    }

    #[test]
    fn data_and_code_share_the_entries_of_the_table() {
        let whole = segments(&[
            (0x3C00_0020, 0x2_0020, 0x1_2000),
            (0x4202_0020, 0x4_0020, 0x4_0000),
            (0x4038_0000, 0x8_0028, 0x100),
            (0x5000_0000, 0x8_0130, 8),
            (0, 0x8_0140, 0x20),
        ]);
        assert_eq!(MEMORY.check(5, 0x4202_1000, &whole), Ok(()));
        let steps: std::vec::Vec<_> = whole.iter().map(|segment| MEMORY.step(segment)).collect();
        assert_eq!(steps[0], Ok(Step::Map(Pages { entry: 0, page: 2, count: 2 })));
        assert_eq!(steps[1], Ok(Step::Map(Pages { entry: 2, page: 4, count: 5 })));
        assert_eq!(steps[2], Ok(Step::Copy { retained: false }));
        assert_eq!(steps[3], Ok(Step::Copy { retained: true }));
        assert_eq!(steps[4], Ok(Step::Skip));
    }

    #[test]
    fn what_cannot_be_started_is_told() {
        let code = (0x4200_0020, 0x2_0020, 0x1000);
        let check = |entry, parts: &[_]| MEMORY.check(5, entry, &segments(parts));
        assert_eq!(check(0x4200_0020, &[code]), Ok(()));
        assert_eq!(check(0x4200_1020, &[code]), Err(Error::Entry(0x4200_1020)));
        assert_eq!(check(0x4200_0020, &[(0x4200_0020, 0x2_0024, 4)]), Err(Error::Page(0x4200_0020)));
        let shared = (0x3C00_1020, 0x2_1020, 0x1000);
        assert_eq!(check(0x4200_0020, &[code, shared]), Ok(()), "one page of the flash under both buses");
        let other = (0x3C00_0020, 0x3_0020, 0x1000);
        assert_eq!(check(0x4200_0020, &[code, other]), Err(Error::Twice(0x3C00_0020)));
        for (load, bytes) in [
            (0x3FCB_E3FC, 8),
            (0x403B_E400, 4),
            (0x3FCC_E400, 4),
            (0x4037_C000, 4),
            (0x3FC8_0002, 4),
            (0x5000_1FFC, 8),
            (0x427F_FFFC, 8),
            (0xFFFF_FFFC, 3),
        ] {
            assert_eq!(check(0x4200_0020, &[code, (load, 0x4_FFFC, bytes)]), Err(Error::Address(load)), "{load:#x}");
        }
        assert_eq!(MEMORY.check(13, 0x4200_0020, &segments(&[code])), Err(Error::Chip(13)));
    }
}
