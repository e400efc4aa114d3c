//! What a chip's boot stage does with each segment of an image: copy it into RAM, or map the pages of the flash that
//! hold it.
//!
//! Chips of the ESP32 family reach flash through a table of pages of 64 KiB, one entry for each page of an address
//! window; the windows for data and for code may share the entries (ESP32-C3 Technical Reference Manual, section
//! 3.3.3). What an image asks for is checked here before anything of it is loaded, because it may be for another chip
//! or another layout.

mod chips;

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
    pub retained: &'m [Range<u32>],
    /// The windows in which flash is mapped.
    pub windows: &'m [Range<u32>],
    /// The bits of an address in a window that choose entry and byte; the entry is what is above the page.
    pub window_mask: u32,
    /// Addresses of the instruction bus at which RAM lies that the data bus reaches too; empty where there is one bus.
    pub code_bus: Range<u32>,
    /// How far below them the data bus has the same bytes.
    pub bus_distance: u32,
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
        if holds(self.retained, segment) {
            return Ok(Step::Copy { retained: true });
        }
        let end = load.checked_add(bytes).ok_or(Error::Address(load))?;
        let overlaps = self.own.iter().any(|own| load < own.end && own.start < end);
        if overlaps || !holds(self.ram, segment) {
            return Err(Error::Address(load));
        }
        Ok(Step::Copy { retained: false })
    }

    /// Where data written for `address` goes: some chips take single bytes on the data bus only.
    #[must_use]
    pub fn data_address(&self, address: u32) -> u32 {
        if self.code_bus.contains(&address) { address - self.bus_distance } else { address }
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
mod tests;
