//! What two files are taken for: whose instructions they have, and where a processor sees them.

use wildcam_core::{
    delta::{Architecture, Operation, Region, Regions},
    image, layout,
};

use super::Slot;

/// One way to take both files.
pub(super) struct Reading {
    pub(super) architecture: Architecture,
    pub(super) base: Regions,
    pub(super) target: Regions,
}

/// `esp_chip_id_t` of ESP-IDF, for the chips with Xtensa's instructions: ESP32, ESP32-S2, ESP32-S3.
const XTENSA_CHIPS: [u16; 3] = [0, 2, 9];

impl Reading {
    /// Bytes.
    pub(super) fn plain() -> Self {
        Self { architecture: Architecture::Plain, base: Regions::new(), target: Regions::new() }
    }

    /// Every way that is worth trying.
    pub(super) fn all(base: &[u8], target: &[u8]) -> Vec<Self> {
        if let (Some((old, base)), Some((new, target))) = (of_image(base), of_image(target))
            && old == new
        {
            return vec![Self { architecture: new, base, target }, Self::plain()];
        }
        let (old, new) = (raw(base), raw(target));
        let read = |architecture| Self { architecture, base: old.clone(), target: new.clone() };
        [Architecture::Plain, Architecture::RiscV, Architecture::Xtensa].map(read).into()
    }
}

/// Of an image of a chip: its instructions, and its segments where they are loaded or mapped.
fn of_image(bytes: &[u8]) -> Option<(Architecture, Regions)> {
    let mut slot = Slot::holding(bytes);
    let region = layout::Region { offset: 0, bytes: u32::try_from(slot.0.len()).ok()? };
    let image = image::verify(&mut slot, region).ok()?;
    let architecture = if XTENSA_CHIPS.contains(&image.chip) { Architecture::Xtensa } else { Architecture::RiscV };
    let mut regions = Regions::new();
    for segment in image.segments().iter().filter(|segment| segment.load != 0) {
        // What has no room is read as if it followed the one before: a worse guess, and no wrong one.
        if regions.push(Region { offset: segment.offset, address: segment.load }).is_err() {
            break;
        }
    }
    Some((architecture, regions))
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word))
}

/// Of a file that says nothing of itself: where most of its words point into it, if many do.
fn raw(bytes: &[u8]) -> Regions {
    const BLOCK_BITS: u32 = 16;
    let blocks = (bytes.len() >> BLOCK_BITS) + 1;
    let mut counts = vec![0_u32; 1 << (32 - BLOCK_BITS)];
    // What is low is a number more often than an address.
    for word in words(bytes).filter(|word| *word >= 1 << 20) {
        counts[(word >> BLOCK_BITS) as usize] += 1;
    }
    let sums = counts.windows(blocks).map(|window| window.iter().sum::<u32>());
    let best = sums.enumerate().max_by_key(|(_, count)| *count);
    let start =
        best.filter(|(_, count)| *count as usize > bytes.len() / 512).and_then(|(block, _)| u32::try_from(block).ok());
    start.map(|block| Region { offset: 0, address: block << BLOCK_BITS }).into_iter().collect()
}

/// The highest bytes of words that look like addresses: of those that changed from one file to the other by less than any image
/// is long.
pub(super) fn address_bytes(base: &[u8], target: &[u8], operations: &[Operation]) -> [u8; 4] {
    const LEAST: u32 = 8;
    let mut counts = [0_u32; 256];
    let mut at = 0;
    for operation in operations {
        let (from, copy) = (operation.from as usize, operation.copy as usize);
        if from % 4 == at % 4 {
            let skip = (4 - at % 4) % 4;
            let part = |bytes: &'_ [u8], start: usize| -> Vec<u32> {
                words(bytes.get(start + skip..start + copy).unwrap_or_default()).collect()
            };
            for (old, new) in part(base, from).into_iter().zip(part(target, at)) {
                let top = old >> 24;
                if old != new && old.abs_diff(new) < 1 << 22 && top == new >> 24 && top > 0 {
                    counts[top as usize] += 1;
                }
            }
        }
        at += copy + operation.extra as usize;
    }
    let mut order: Vec<u8> = (1..=255).filter(|top| counts[usize::from(*top)] >= LEAST).collect();
    order.sort_by_key(|top| std::cmp::Reverse(counts[usize::from(*top)]));
    let mut bytes = [0; 4];
    bytes.iter_mut().zip(order).for_each(|(byte, top)| *byte = top);
    bytes
}
