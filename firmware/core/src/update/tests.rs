use std::{println, vec, vec::Vec};

use embedded_storage::nor_flash::{ErrorType, ReadNorFlash};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::delta::{Architecture, Head, Operation, encode};

mod sums;

/// Flash in memory that counts its erases, and fails when it is told to, or after so many writes.
pub(crate) struct Memory {
    pub(crate) bytes: Vec<u8>,
    pub(crate) erases: Vec<u32>,
    fails: bool,
    pub(crate) writes_left: usize,
}

impl ErrorType for Memory {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Memory {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, out: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        assert!(offset.is_multiple_of(4) && out.len().is_multiple_of(4), "aligned reads");
        let at = offset as usize;
        out.copy_from_slice(self.bytes.get(at..at + out.len()).ok_or(NorFlashErrorKind::OutOfBounds)?);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl NorFlash for Memory {
    // As flash under a cipher has it.
    const WRITE_SIZE: usize = 32;
    const ERASE_SIZE: usize = SECTOR;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        if self.fails {
            return Err(NorFlashErrorKind::Other);
        }
        for sector in from as usize / SECTOR..to as usize / SECTOR {
            self.erases[sector] += 1;
        }
        self.bytes[from as usize..to as usize].fill(0xFF);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        self.writes_left = self.writes_left.checked_sub(1).ok_or(NorFlashErrorKind::Other)?;
        let at = offset as usize;
        assert!(at.is_multiple_of(32) && bytes.len().is_multiple_of(32), "aligned writes");
        assert!(self.bytes[at..at + bytes.len()].iter().all(|old| *old == 0xFF), "a second program");
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

fn noise(seed: u32, count: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..count).map(|_| next()).collect()
}

/// An image of so many bytes, a multiple of 16.
pub(crate) fn image(seed: u32, bytes: usize) -> Vec<u8> {
    let mut content = noise(1, bytes - 80);
    for (at, sector) in content.chunks_mut(SECTOR).enumerate() {
        let own = noise(seed * 1000 + at as u32, 200);
        sector.iter_mut().zip(own).for_each(|(old, new)| *old = new);
    }
    let mut image = vec![0xE9, 1, 2, 0x20, 0, 0x10, 0, 0x80, 0xEE, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    image.extend(0x8000_1000_u32.to_le_bytes());
    image.extend((content.len() as u32).to_le_bytes());
    image.extend(&content);
    image.resize((image.len() + 1).next_multiple_of(16) - 1, 0);
    image.push(content.iter().fold(0xEF, |sum, byte| sum ^ byte));
    image.extend(Sha256::digest(&image));
    image
}

fn layout(slot_sectors: u32) -> Layout {
    let region = |from: u32, sectors: u32| Region { offset: from * SECTOR_BYTES, bytes: sectors * SECTOR_BYTES };
    let none = region(0, 0);
    Layout {
        bootloader: none,
        table: none,
        journal: region(0, 2),
        identity: none,
        settings: none,
        launcher: none,
        slots: [region(2, slot_sectors), region(2 + slot_sectors, slot_sectors)],
        update: region(2 + 2 * slot_sectors, SECTORS as u32),
        trust: none,
        config: none,
        queue: none,
    }
}

pub(crate) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn full(sequence: u64, image: &[u8]) -> Order {
    Order {
        sequence,
        image_bytes: image.len() as u32,
        image_sha256: digest(image),
        source: Source::Full,
        sums_sha256: None,
        manifest_sha256: [3; 32],
    }
}

fn delta(sequence: u64, base: &[u8], target: &[u8]) -> (Order, Vec<u8>) {
    let head = Head {
        architecture: Architecture::Plain,
        base_bytes: base.len() as u32,
        base_sha256: digest(base),
        target_bytes: target.len() as u32,
        target_sha256: digest(target),
        address_bytes: [0; 4],
        base_regions: heapless::Vec::new(),
        target_regions: heapless::Vec::new(),
    };
    let operation = Operation { from: 0, copy: target.len() as u32, extra: 0 };
    let patch = encode(&head, base, target, [operation]).expect("the operation makes the target");
    let source =
        Source::Delta { base_sha256: digest(base), patch_bytes: patch.len() as u32, patch_sha256: digest(&patch) };
    (Order { source, ..full(sequence, target) }, patch)
}

/// A camera whose image runs from slot A and has checked in.
pub(crate) fn camera(running: &[u8], slot_sectors: u32) -> (Memory, Layout) {
    let layout = layout(slot_sectors);
    let sectors = layout.update.end() as usize / SECTOR;
    let mut flash =
        Memory { bytes: vec![0xFF; sectors * SECTOR], erases: vec![0; sectors], fails: false, writes_left: usize::MAX };
    flash.bytes[layout.slots[0].offset as usize..][..running.len()].copy_from_slice(running);
    decide(&mut flash, layout);
    boot::confirm(&mut flash, layout.journal).unwrap();
    (flash, layout)
}

pub(crate) fn decide(flash: &mut Memory, layout: Layout) -> Entry {
    boot::decide(flash, layout.journal, |flash, slot| {
        Ok(crate::image::verify(flash, layout.slots[slot.index()]).ok().map(|image| image.mark()))
    })
    .unwrap()
}

/// Feeds what is wanted until nothing is.
fn fetch(update: &mut Update<&mut Memory>, patch: &[u8], image: &[u8], piece: usize) {
    while let Some(wanted) = update.wants() {
        let sums: Vec<u8> = image.chunks(SECTOR).flat_map(sum).collect();
        let source = match wanted.what {
            What::Patch => patch,
            What::Image => image,
            What::Sums => &sums,
        };
        let rest = &source[wanted.offset as usize..];
        assert_eq!(rest.len(), wanted.at_most as usize);
        update.feed(wanted.what, wanted.offset, &rest[..rest.len().min(piece)]).unwrap();
    }
}

#[test]
fn an_update_is_fetched_tried_and_confirmed_in_pieces_of_any_size() {
    let (old, new) = (image(1, 20_000), image(2, 30_000));
    let (order, patch) = delta(7, &old, &image(3, 20_000));
    for piece in [1, 13, 4096, 100_000] {
        for (order, patch, image) in [(full(7, &new), &[][..], &new[..]), (order, &patch[..], &image(3, 20_000)[..])] {
            let (mut flash, layout) = camera(&old, 8);
            let mut update = Update::open(&mut flash, layout, Slot::A).unwrap();
            assert_eq!((update.status(), update.wants()), (Status::Idle, None));
            assert_eq!(update.begin(&order), Ok(Status::Downloading));
            fetch(&mut update, patch, image, piece);
            assert_eq!(update.durable() as usize, image.len());
            assert_eq!(update.finish(), Ok(Status::Activated));
            assert_eq!(decide(&mut flash, layout).slot, Slot::B);
            let update = Update::open(&mut flash, layout, Slot::B).unwrap();
            assert_eq!((update.status(), update.failed_tries()), (Status::OnTrial, 0));
            boot::confirm(&mut flash, layout.journal).unwrap();
            let mut update = Update::open(&mut flash, layout, Slot::B).unwrap();
            assert_eq!(update.status(), Status::Confirmed);
            assert_eq!(update.begin(&order), Ok(Status::Confirmed));
            assert_eq!(update.begin(&Order { sequence: 6, ..order }), Err(Error::Older));
            assert_eq!(update.begin(&Order { sequence: 8, ..order }), Ok(Status::Confirmed), "it runs already");
        }
    }
}

#[test]
fn what_cannot_be_is_refused_and_nothing_is_erased() {
    let (old, new) = (image(1, 20_000), image(2, 20_000));
    let (mut flash, layout) = camera(&old, 8);
    let before = flash.bytes.clone();
    let mut update = Update::open(&mut flash, layout, Slot::A).unwrap();
    let (order, _) = delta(1, &new, &old);
    assert_eq!(update.begin(&Order { image_sha256: [8; 32], ..order }), Err(Error::WrongBase));
    for image_bytes in [0, 8 * SECTOR_BYTES + 1, u32::MAX] {
        assert_eq!(update.begin(&Order { image_bytes, ..full(1, &new) }), Err(Error::Size));
    }
    assert_eq!(update.feed(What::Image, 0, &new), Err(Error::NotWanted));
    assert_eq!(update.finish(), Err(Error::NotWanted));
    assert_eq!(flash.bytes, before);
    let wrong = Layout { update: Region { bytes: 3 * SECTOR_BYTES, ..layout.update }, ..layout };
    assert_eq!(Update::open(&mut flash, wrong, Slot::A).err(), Some(Error::Geometry));
}

#[test]
fn bytes_of_another_place_are_refused_and_those_beyond_the_end_ignored() {
    let (old, new) = (image(1, 8000), image(2, 8000));
    let (mut flash, layout) = camera(&old, 2);
    let mut update = Update::open(&mut flash, layout, Slot::A).unwrap();
    update.begin(&full(1, &new)).unwrap();
    update.feed(What::Image, 0, &new[..5000]).unwrap();
    assert_eq!(update.feed(What::Image, 0, &new), Err(Error::NotWanted));
    assert_eq!(update.feed(What::Patch, 5000, &new), Err(Error::NotWanted));
    assert_eq!(update.begin(&full(0, &new)), Err(Error::Older));
    let mut longer = new[5000..].to_vec();
    longer.extend([0; 10_000]);
    assert_eq!(update.feed(What::Image, 5000, &longer), Ok(Status::Complete));
    assert_eq!(update.finish(), Ok(Status::Activated));
    assert_eq!(update.begin(&full(2, &old)), Err(Error::OnTrial));
}

#[test]
fn a_flash_that_fails_loses_nothing_that_was_durable() {
    let (old, new) = (image(1, 20_000), image(2, 20_000));
    let (mut flash, layout) = camera(&old, 8);
    let mut update = Update::open(&mut flash, layout, Slot::A).unwrap();
    update.begin(&full(1, &new)).unwrap();
    update.feed(What::Image, 0, &new[..10_000]).unwrap();
    update.flash.fails = true;
    assert_eq!(update.feed(What::Image, 10_000, &new[10_000..]), Err(Error::Flash(NorFlashErrorKind::Other)));
    assert_eq!(update.wants(), None);
    flash.fails = false;
    let update = Update::open(&mut flash, layout, Slot::A).unwrap();
    assert_eq!(update.wants(), Some(Wanted { what: What::Image, offset: 8192, at_most: 20_000 - 8192 }));
}

#[test]
fn a_patch_for_another_order_costs_no_sector() {
    let (old, new) = (image(1, 20_000), image(2, 20_000));
    let (order, patch) = delta(1, &old, &new);
    let (_, mut other) = delta(1, &old, &image(3, 20_000));
    other.resize(patch.len(), 0);
    let (mut flash, layout) = camera(&old, 8);
    let mut update = Update::open(&mut flash, layout, Slot::A).unwrap();
    update.begin(&order).unwrap();
    assert_eq!(update.feed(What::Patch, 0, &other), Ok(Status::Downloading));
    assert_eq!(update.wants().map(|wanted| (wanted.what, wanted.offset)), Some((What::Image, 0)));
    assert_eq!((update.failed_tries(), update.durable()), (1, 0));
    assert!(update.flash.erases[layout.slots[1].offset as usize / SECTOR..][..8].iter().all(|erases| *erases == 0));
    fetch(&mut update, &[], &new, 4096);
    assert_eq!(update.finish(), Ok(Status::Activated));
}

#[test]
fn another_image_put_there_by_cable_ends_the_order() {
    let (old, new) = (image(1, 20_000), image(2, 20_000));
    let (mut flash, layout) = camera(&old, 8);
    let mut update = Update::open(&mut flash, layout, Slot::A).unwrap();
    update.begin(&full(1, &new)).unwrap();
    update.feed(What::Image, 0, &new[..10_000]).unwrap();
    let other = image(4, 20_000);
    flash.bytes[layout.slots[0].offset as usize..][..other.len()].copy_from_slice(&other);
    decide(&mut flash, layout);
    boot::confirm(&mut flash, layout.journal).unwrap();
    let mut update = Update::open(&mut flash, layout, Slot::A).unwrap();
    assert_eq!((update.status(), update.wants()), (Status::Idle, None));
    assert_eq!(update.begin(&full(1, &new)), Ok(Status::Downloading), "who orders it again gets it");
    assert_eq!(update.durable(), 0);
}

#[test]
fn an_image_that_is_damaged_after_its_trial_is_fetched_again() {
    let (old, new) = (image(1, 20_000), image(2, 20_000));
    let (order, patch) = delta(1, &old, &new);
    let (mut flash, layout) = camera(&old, 8);
    for _ in 0..2 {
        let mut update = Update::open(&mut flash, layout, Slot::A).unwrap();
        assert_eq!(update.begin(&order), Ok(Status::Downloading));
        fetch(&mut update, &patch, &new, 4096);
        assert_eq!(update.finish(), Ok(Status::Activated));
        assert_eq!(decide(&mut flash, layout).slot, Slot::B);
        boot::confirm(&mut flash, layout.journal).unwrap();
        let mut update = Update::open(&mut flash, layout, Slot::B).unwrap();
        assert_eq!((update.status(), update.begin(&order)), (Status::Confirmed, Ok(Status::Confirmed)));

        flash.bytes[layout.slots[1].offset as usize + 9_000] ^= 1;
        assert_eq!(decide(&mut flash, layout).slot, Slot::A);
        let mut update = Update::open(&mut flash, layout, Slot::A).unwrap();
        assert_eq!((update.status(), update.begin(&order)), (Status::Idle, Err(Error::OnTrial)));
        boot::confirm(&mut flash, layout.journal).unwrap();
    }
}

/// How often each sector is erased by an update of 1 MiB.
#[test]
fn the_wear_of_an_update_is_one_erase_of_each_place_for_two_sectors() {
    const BYTES: usize = 1 << 20;
    let (old, new) = (image(1, BYTES), image(2, BYTES));
    let (order, patch) = delta(1, &old, &new);
    let sectors = BYTES / SECTOR;
    for (name, order) in [("a patch", order), ("a whole image", full(1, &new))] {
        let (mut flash, layout) = camera(&old, sectors as u32);
        flash.erases.fill(0);
        let mut update = Update::open(&mut flash, layout, Slot::A).unwrap();
        update.begin(&order).unwrap();
        fetch(&mut update, &patch, &new, 1400);
        assert_eq!(update.finish(), Ok(Status::Activated));
        let at = |region: Region| region.offset as usize / SECTOR..region.end() as usize / SECTOR;
        let slot = &flash.erases[at(layout.slots[1])];
        let own = &flash.erases[at(layout.update)];
        println!(
            "{name} of 1 MiB in {sectors} sectors: the slot {}, order and places {own:?}",
            slot.iter().sum::<u32>()
        );
        assert!(slot.iter().all(|erases| *erases == 1));
        assert!(own.iter().all(|erases| *erases as usize * 2 <= sectors), "{own:?}");
        assert!(flash.erases[at(layout.slots[0])].iter().all(|erases| *erases == 0));
    }
    println!("an update takes {} bytes of memory", size_of::<Update<&mut Memory>>());
    assert!(size_of::<Update<&mut Memory>>() < 12 * 1024);
}
