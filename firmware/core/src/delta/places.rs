//! How far things moved from one image to the other.

/// What a map has of an image: the address of the byte at an offset, and of those after it up to the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Region {
    /// The offset in the file.
    pub offset: u32,
    /// Where the processor sees it.
    pub address: u32,
}

/// The address of the byte at `offset`: that of the last region that begins before it, or else the offset.
pub(super) fn address(regions: &[Region], offset: u32) -> u32 {
    let region = regions.iter().rev().find(|region| region.offset <= offset).copied().unwrap_or_default();
    offset.wrapping_sub(region.offset).wrapping_add(region.address)
}

/// What moved together is taken to lie in one page of 2 KiB.
const PAGE_BITS: u32 = 11;
/// Pages that are remembered; those that are further apart than this share a place.
pub(super) const PAGES: usize = 256;
/// How far from a page one looks for a page that is known.
const NEIGHBOURS: usize = 3;
/// A page that nothing is known of. Images are smaller than what three bytes can tell.
const UNKNOWN: i32 = -(1 << 23);

/// For each page of addresses of the base, how far what was there moved. It is learned from what was copied, and from places
/// that instructions and words name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moves {
    pages: [i32; PAGES],
    last: i32,
}

impl Moves {
    pub(super) const NEW: Self = Self { pages: [UNKNOWN; PAGES], last: 0 };

    pub(super) fn reset(&mut self) {
        self.pages.fill(UNKNOWN);
        self.last = 0;
    }

    /// How far what is at this address of the base probably moved.
    pub(super) fn of(&self, address: u32) -> u32 {
        let page = (address >> PAGE_BITS) as usize;
        let near = (0..=NEIGHBOURS).flat_map(|step| [page.wrapping_sub(step), page.wrapping_add(step)]);
        let known = near.map(|page| self.pages[page % PAGES]).find(|moved| *moved != UNKNOWN);
        known.unwrap_or(self.last) as u32
    }

    /// Takes in that what is at `address` of the base is at `now` in the target.
    pub(super) fn learn(&mut self, address: u32, now: u32) {
        let moved = now.wrapping_sub(address) as i32;
        if (UNKNOWN + 1..-UNKNOWN).contains(&moved) {
            self.pages[(address >> PAGE_BITS) as usize % PAGES] = moved;
            self.last = moved;
        }
    }

    /// Takes in that `bytes` from `address` of the base on are copied to `now`.
    pub(super) fn learn_copy(&mut self, address: u32, now: u32, bytes: u32) {
        for step in (0..bytes).step_by(1 << PAGE_BITS).take(PAGES) {
            self.learn(address.wrapping_add(step), now.wrapping_add(step));
        }
    }

    /// Each distance as three bytes, in an order that is always the same; the last one is the last.
    pub(super) fn for_each(&mut self, mut each: impl FnMut(&mut [u8; 3])) {
        for moved in self.pages.iter_mut().chain([&mut self.last]) {
            let [a, b, c, _] = moved.to_le_bytes();
            let mut bytes = [a, b, c];
            each(&mut bytes);
            let [a, b, c] = bytes;
            *moved = i32::from_le_bytes([0, a, b, c]) >> 8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_follow_the_regions() {
        let regions = [Region { offset: 0x20, address: 0x3C00_0020 }, Region { offset: 0x8000, address: 0x4200_0000 }];
        assert_eq!(address(&regions, 0x10), 0x10);
        assert_eq!(address(&regions, 0x20), 0x3C00_0020);
        assert_eq!(address(&regions, 0x7FFF), 0x3C00_7FFF);
        assert_eq!(address(&regions, 0x8004), 0x4200_0004);
        assert_eq!(address(&[], 7), 7);
        assert_eq!(address(&[Region { offset: 0, address: u32::MAX }], u32::MAX), u32::MAX - 1);
    }

    #[test]
    fn a_move_is_guessed_from_the_nearest_page() {
        let mut moves = Moves::NEW;
        assert_eq!(moves.of(0x4200_0000), 0);
        moves.learn(0x4200_0000, 0x4200_0010);
        moves.learn(0x4200_1000, 0x4200_0FF0);
        assert_eq!(moves.of(0x4200_0123), 0x10);
        assert_eq!(moves.of(0x4200_0923) as i32, 0x10);
        assert_eq!(moves.of(0x4200_1923) as i32, -0x10);
        moves.learn(0, u32::MAX / 2);
        assert_eq!(moves.of(0), 0x10, "nothing moves so far");
        let mut copy = Moves::NEW;
        let mut bytes = std::vec::Vec::new();
        moves.for_each(|each| bytes.push(*each));
        let mut next = bytes.into_iter();
        copy.for_each(|each| *each = next.next().unwrap());
        assert_eq!(copy, moves);
    }
}
