//! A camera that gets updates, what it keeps of them, and patches for it.

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
use sha2::{Digest as _, Sha256};
#[cfg(feature = "std")]
use wildcam_core::delta;
use wildcam_core::{
    boot,
    checksum::Crc32,
    layout::{Layout, Region},
    update::{Order, SECTORS, Source, Status, Update, What, sum},
};

use crate::good::{Memory, mend_image};

/// A flash of a camera that gets updates, as small as it can be.
pub(crate) fn layout() -> Layout {
    let region = |from: u32, sectors: u32| Region { offset: from * 4096, bytes: sectors * 4096 };
    let none = region(0, 0);
    Layout {
        bootloader: none,
        table: none,
        journal: region(0, 2),
        identity: none,
        settings: none,
        launcher: none,
        slots: [region(2, 2), region(4, 2)],
        update: region(6, SECTORS as u32),
        trust: none,
        config: none,
        queue: none,
    }
}

/// Where an update is made.
pub(crate) fn inactive() -> Region {
    layout().slots[1]
}

/// Flash of which only the slot that does not run, the region of the update and the boot journal may be touched. Of
/// the journal its users say more.
pub(crate) struct Guarded(pub(crate) Memory);

impl Guarded {
    fn check(from: u32, bytes: u32) {
        let free = [layout().journal, inactive(), layout().update];
        assert!(
            free.into_iter().any(|part| part.holds(from, bytes)),
            "{bytes} bytes at {from:#x} are not the update's"
        );
    }

    pub(crate) fn part(&self, region: Region) -> &[u8] {
        &self.0.0[region.offset as usize..region.end() as usize]
    }
}

impl ErrorType for Guarded {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Guarded {
    const READ_SIZE: usize = Memory::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl NorFlash for Guarded {
    const WRITE_SIZE: usize = Memory::WRITE_SIZE;
    const ERASE_SIZE: usize = Memory::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        Self::check(from, to - from);
        self.0.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        Self::check(offset, bytes.len() as u32);
        self.0.write(offset, bytes)
    }
}

/// Where the only segment of an image lies in it, and where it is loaded.
const SEGMENT: (u32, u32) = (32, 0x8000_1000);
const SEGMENT_BYTES: u32 = 5000;

/// Images that differ here and there, of what could be instructions and addresses.
pub(crate) fn image(number: u32) -> Vec<u8> {
    let mut image = vec![0xE9, 1, 2, 0x20];
    image.extend(SEGMENT.1.to_le_bytes());
    image.extend([0xEE, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    image.extend(SEGMENT.1.to_le_bytes());
    image.extend(SEGMENT_BYTES.to_le_bytes());
    for at in 0..SEGMENT_BYTES / 4 {
        let word = match at % 7 {
            0 => 0x0000_00EF | (at * number) << 20,
            1 => 0x0000_0517 | at << 12,
            2 => SEGMENT.1 + at * 4 + number * 16,
            3 => 0x0400_0035_u32.wrapping_mul(number),
            _ => at.wrapping_mul(0x9E37_79B9),
        };
        image.extend(word.to_le_bytes());
    }
    image.resize((image.len() + 1).next_multiple_of(16) + 32, 0);
    let last = image.len();
    image[last - 1] = 1;
    mend_image(&mut image);
    image
}

pub(crate) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

pub(crate) fn sums(image: &[u8]) -> Vec<u8> {
    image.chunks(4096).flat_map(sum).collect()
}

/// A camera whose first image has checked in.
pub(crate) fn camera() -> Memory {
    let layout = layout();
    let mut flash = Memory(vec![0xFF; layout.update.end() as usize]);
    let image = image(1);
    flash.0[layout.slots[0].offset as usize..][..image.len()].copy_from_slice(&image);
    let verify = |flash: &mut Memory, slot: boot::Slot| {
        Ok(wildcam_core::image::verify(flash, layout.slots[slot.index()]).ok().map(|image| image.mark()))
    };
    boot::decide(&mut flash, layout.journal, verify).expect("the image is whole");
    boot::confirm(&mut flash, layout.journal).expect("it runs");
    flash
}

/// An order for the second image, whole.
pub(crate) fn order(second: &[u8]) -> Order {
    Order {
        sequence: 5,
        image_bytes: second.len() as u32,
        image_sha256: digest(second),
        source: Source::Full,
        sums_sha256: None,
        manifest_sha256: [4; 32],
    }
}

/// The same by a patch of so many bytes.
pub(crate) fn order_by(first: &[u8], second: &[u8], patch_bytes: u32, patch_sha256: [u8; 32]) -> Order {
    Order { source: Source::Delta { base_sha256: digest(first), patch_bytes, patch_sha256 }, ..order(second) }
}

/// Patches from one to the other, read in each way, with and without places of their segments; without the feature `std`
/// nothing writes one.
#[cfg(feature = "std")]
pub(crate) fn patches(first: &[u8], second: &[u8]) -> Vec<Vec<u8>> {
    use delta::Architecture::{Plain, RiscV, Xtensa};
    let bytes = second.len() as u32;
    let regions = |count: usize| (0..count).map(|_| delta::Region { offset: SEGMENT.0, address: SEGMENT.1 }).collect();
    let whole = vec![delta::Operation { from: 0, copy: bytes, extra: 0 }];
    let pieces = vec![
        delta::Operation { from: 0, copy: 1500, extra: 90 },
        delta::Operation { from: 700, copy: 3000, extra: 0 },
        delta::Operation { from: 4590, copy: bytes - 4600, extra: 10 },
    ];
    let ways = [(RiscV, 1, &whole), (RiscV, 1, &pieces), (Xtensa, 1, &whole), (Plain, 0, &pieces)];
    ways.map(|(architecture, count, operations)| {
        let head = delta::Head {
            architecture,
            base_bytes: first.len() as u32,
            base_sha256: digest(first),
            target_bytes: bytes,
            target_sha256: digest(second),
            address_bytes: [0x80, 0, 0, 0],
            base_regions: regions(count),
            target_regions: regions(count),
        };
        delta::encode(&head, first, second, operations.iter().copied()).expect("the operations make the target")
    })
    .into()
}

#[cfg(not(feature = "std"))]
pub(crate) fn patches(_: &[u8], _: &[u8]) -> Vec<Vec<u8>> {
    Vec::new()
}

/// Gives a patch the lengths, digests and checksum that are expected, where its last byte says so.
pub(crate) fn mend_patch(bytes: &mut [u8], good: &[u8]) {
    if bytes.len() < 88 || bytes[bytes.len() - 1] & 3 == 0 {
        return;
    }
    bytes[..4].copy_from_slice(&good[..4]);
    // Half of these keep what it says of the base's length.
    let from = if bytes[bytes.len() - 1] & 4 == 0 { 8 } else { 12 };
    bytes[from..80].copy_from_slice(&good[from..80]);
    let end = 84 + 8 * (usize::from(bytes[5] & 15) + usize::from(bytes[6] & 15));
    if let Some(crc) = bytes.get(..end).map(Crc32::of)
        && let Some(place) = bytes.get_mut(end..end + 4)
    {
        place.copy_from_slice(&crc.to_le_bytes());
    }
}

/// What such a camera keeps of patches in the middle, of ones that are whole, and of whole images, without digests of sectors
/// and with them.
pub(crate) fn kept() -> Vec<Vec<u8>> {
    let layout = layout();
    let [first, second] = [1, 2].map(image);
    let patches = patches(&first, &second);
    let by_patch = patches.iter().take(1).map(|patch| {
        let order = order_by(&first, &second, patch.len() as u32, digest(patch));
        (order, What::Patch, patch)
    });
    let compared = Order { sums_sha256: Some(digest(&sums(&second))), ..order(&second) };
    let whole = [(order(&second), What::Image, &second), (compared, What::Image, &second)];
    let mut kept = Vec::new();
    for (order, source, bytes) in by_patch.chain(whole) {
        let mut update = Update::open(camera(), layout, boot::Slot::A).unwrap_or_else(|_| panic!("the regions fit"));
        update.begin(&order).expect("it is new");
        if order.sums_sha256.is_some() {
            update.feed(What::Sums, 0, &sums(&second)).expect("they are wanted");
        }
        for at in (0..bytes.len()).step_by(16) {
            let end = bytes.len().min(at + 16);
            let before = update.durable();
            if update.feed(source, at as u32, &bytes[at..end]).expect("it is wanted") != Status::Downloading {
                break;
            }
            if update.durable() != before {
                let flash = Update::into_flash(update);
                kept.push(flash.0[layout.update.offset as usize..].to_vec());
                update = Update::open(flash, layout, boot::Slot::A).unwrap_or_else(|_| panic!("the regions fit"));
                if source == What::Patch {
                    break;
                }
            }
        }
        let _ = update.finish();
        kept.push(update.into_flash().0[layout.update.offset as usize..].to_vec());
    }
    kept
}
