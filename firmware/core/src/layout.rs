//! Where things lie in a camera's flash, the same for the boot stage, the firmware and the tool that flashes it.
//!
//! Slots begin at multiples of 64 KiB, because that is the page in which the ESP32 family maps flash into its address
//! space (ESP32-C3 Technical Reference Manual, section 3.3.3). Everything before the slots lies in the first 64 KiB but the
//! launcher, so that the two slots and the queue are the only parts whose size depends on the flash.

/// The unit of an erase.
pub const SECTOR_BYTES: u32 = 4096;

/// The page in which chips map flash.
pub const PAGE_BYTES: u32 = 64 * 1024;

/// How many application slots there are.
pub const SLOTS: usize = 2;

/// A part of the flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Its first byte.
    pub offset: u32,
    /// Its length, a multiple of [`SECTOR_BYTES`].
    pub bytes: u32,
}

impl Region {
    const fn after(self, bytes: u32) -> Self {
        Self { offset: self.offset + self.bytes, bytes }
    }

    /// The first byte after it.
    #[must_use]
    pub const fn end(self) -> u32 {
        self.offset + self.bytes
    }

    /// Whether `bytes` from `offset` on lie in it.
    #[must_use]
    pub const fn holds(self, offset: u32, bytes: u32) -> bool {
        match offset.checked_add(bytes) {
            Some(end) => self.offset <= offset && end <= self.end(),
            None => false,
        }
    }
}

/// The parts of a flash, in their order. They do not overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The chip's second-stage loader, from the chip maker.
    pub bootloader: Region,
    /// The partition table, in ESP-IDF's form.
    pub table: Region,
    /// Which slot is booted, and how often it was tried: two sectors of the boot journal.
    pub journal: Region,
    /// Who the camera is: two sectors, each a whole record.
    pub identity: Region,
    /// What the camera keeps between wakes: endpoint list, counters, the cause of the last boot.
    pub settings: Region,
    /// Our boot stage, which no update replaces.
    pub launcher: Region,
    /// The application slots, A and B.
    pub slots: [Region; SLOTS],
    /// The update that is being made: its order, and how far it is.
    pub update: Region,
    /// Whose signatures count for updates, and what was seen: two sectors.
    pub trust: Region,
    /// What the fleet set this camera to, and whether that works: two sectors.
    pub config: Region,
    /// The pictures that wait.
    pub queue: Region,
}

impl Layout {
    /// The layout of a flash of `flash_bytes`; `None` below 4 MiB. What a flash has beyond 16 MiB goes to the queue.
    #[must_use]
    pub const fn of(flash_bytes: u32) -> Option<Self> {
        const MIB: u32 = 1024 * 1024;
        let slot_bytes = match flash_bytes / MIB {
            0..=3 => return None,
            4..=7 => MIB + MIB / 2,
            8..=15 => 2 * MIB,
            _ => 3 * MIB,
        };
        let bootloader = Region { offset: 0, bytes: 0x8000 };
        let table = bootloader.after(SECTOR_BYTES);
        let journal = table.after(2 * SECTOR_BYTES);
        let identity = journal.after(2 * SECTOR_BYTES);
        let settings = identity.after(3 * SECTOR_BYTES);
        let launcher = settings.after(PAGE_BYTES);
        let a = launcher.after(slot_bytes);
        let b = a.after(slot_bytes);
        let update = b.after(crate::update::SECTORS as u32 * SECTOR_BYTES);
        let trust = update.after(2 * SECTOR_BYTES);
        let config = trust.after(2 * SECTOR_BYTES);
        let queue = config.after((flash_bytes - config.end()) / SECTOR_BYTES * SECTOR_BYTES);
        let slots = [a, b];
        Some(Self { bootloader, table, journal, identity, settings, launcher, slots, update, trust, config, queue })
    }

    /// The parts with their names in the partition table, in their order.
    #[must_use]
    pub const fn named(&self) -> [(&'static str, Region); 12] {
        [
            ("bootloader", self.bootloader),
            ("table", self.table),
            ("boot-journal", self.journal),
            ("identity", self.identity),
            ("settings", self.settings),
            ("launcher", self.launcher),
            ("slot-a", self.slots[0]),
            ("slot-b", self.slots[1]),
            ("update", self.update),
            ("trust", self.trust),
            ("config", self.config),
            ("queue", self.queue),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_each_other_and_fill_the_flash() {
        for mib in [4, 8, 16, 32] {
            let layout = Layout::of(mib << 20).expect("a flash of this size has a layout");
            let mut at = 0;
            for (name, region) in layout.named() {
                assert_eq!(region.offset, at, "{name} in {mib} MiB");
                assert!(region.bytes > 0 && region.bytes.is_multiple_of(SECTOR_BYTES), "{name} in {mib} MiB");
                at = region.end();
            }
            assert_eq!(at, mib << 20);
            assert_eq!(layout.table.offset, 0x8000, "the place that the chip's loader reads");
            assert_eq!(layout.launcher.offset, 0x1_0000);
            for slot in layout.slots {
                assert!(slot.offset.is_multiple_of(PAGE_BYTES) && slot.bytes.is_multiple_of(PAGE_BYTES));
            }
        }
        assert_eq!(Layout::of((4 << 20) - 1), None);
    }

    #[test]
    fn a_region_holds_what_ends_in_it() {
        let region = Region { offset: 10, bytes: 10 };
        assert!(region.holds(10, 10) && region.holds(19, 1) && region.holds(20, 0));
        assert!(!region.holds(9, 1) && !region.holds(19, 2) && !region.holds(u32::MAX, 2));
    }
}
