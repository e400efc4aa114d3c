use embedded_storage::nor_flash::{ErrorType, ReadNorFlash};
use std::{vec, vec::Vec};

use super::*;

/// Flash in memory of sectors with two records each.
struct Memory(Vec<u8>);

const SECTOR: usize = 128;
const REGION: Region = Region { offset: SECTOR as u32, bytes: 2 * SECTOR as u32 };

impl Memory {
    fn new() -> Self {
        Self(vec![0xFF; 3 * SECTOR])
    }
}

impl ErrorType for Memory {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Memory {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, out: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        let at = offset as usize;
        out.copy_from_slice(&self.0[at..at + out.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.len()
    }
}

impl NorFlash for Memory {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = SECTOR;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        assert!(REGION.holds(from, to - from), "an erase outside of the journal");
        self.0[from as usize..to as usize].fill(0xFF);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        let at = offset as usize;
        assert!(self.0[at..at + bytes.len()].iter().all(|old| *old == 0xFF), "a second program");
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

type Images = [Option<[u8; 8]>; 2];

fn start(flash: &mut Memory, images: Images) -> Result<Entry, Error> {
    decide(flash, REGION, |_, slot| Ok(images[slot.index()]))
}

const OLD: [u8; 8] = [1; 8];
const NEW: [u8; 8] = [2; 8];

#[test]
fn a_first_image_is_tried_confirmed_and_then_started_without_a_write() {
    let mut flash = Memory::new();
    assert_eq!(current(&mut flash, REGION), Ok(None));
    assert_eq!(confirm(&mut flash, REGION), Err(Error::NoImage));
    for attempt in 1..=2 {
        let entry = start(&mut flash, [Some(OLD), None]).unwrap();
        assert_eq!((entry.slot, entry.state, entry.attempts), (Slot::A, State::Trying, attempt));
    }
    confirm(&mut flash, REGION).unwrap();
    let before = flash.0.clone();
    for _ in 0..10 {
        let entry = start(&mut flash, [Some(OLD), None]).unwrap();
        assert_eq!((entry.slot, entry.state), (Slot::A, State::Confirmed));
        confirm(&mut flash, REGION).unwrap();
    }
    assert_eq!(flash.0, before);
}

#[test]
fn an_update_that_never_checks_in_is_started_three_times_and_then_never_again() {
    let mut flash = Memory::new();
    start(&mut flash, [Some(OLD), None]).unwrap();
    confirm(&mut flash, REGION).unwrap();
    activate(&mut flash, REGION, Slot::B, NEW).unwrap();
    let images = [Some(OLD), Some(NEW)];
    for attempt in 1..=MAX_ATTEMPTS {
        let entry = start(&mut flash, images).unwrap();
        assert_eq!((entry.slot, entry.attempts), (Slot::B, attempt));
    }
    for _ in 0..5 {
        let entry = start(&mut flash, images).unwrap();
        assert_eq!((entry.slot, entry.state, entry.reason), (Slot::A, State::RolledBack, Reason::Attempts));
        assert_eq!((entry.mark, entry.given_up), (OLD, NEW));
        confirm(&mut flash, REGION).unwrap();
    }
    assert_eq!(activate(&mut flash, REGION, Slot::B, NEW), Err(Error::GivenUp));
    activate(&mut flash, REGION, Slot::B, [3; 8]).unwrap();
    let entry = start(&mut flash, [Some(OLD), Some([3; 8])]).unwrap();
    assert_eq!((entry.slot, entry.given_up), (Slot::B, NEW), "what was given up stays known");
}

#[test]
fn an_update_that_checks_in_stays() {
    let mut flash = Memory::new();
    start(&mut flash, [Some(OLD), None]).unwrap();
    confirm(&mut flash, REGION).unwrap();
    for round in 0..20_u8 {
        let (slot, mark) = (if round % 2 == 0 { Slot::B } else { Slot::A }, [10 + round; 8]);
        activate(&mut flash, REGION, slot, mark).unwrap();
        let images = [Some(mark), Some(mark)];
        assert_eq!(start(&mut flash, images).unwrap().slot, slot);
        confirm(&mut flash, REGION).unwrap();
        assert_eq!(start(&mut flash, images).unwrap().state, State::Confirmed);
    }
}

#[test]
fn what_is_damaged_is_not_started_and_what_a_cable_wrote_is_tried_anew() {
    let mut flash = Memory::new();
    assert_eq!(start(&mut flash, [None, None]), Err(Error::NoImage));
    start(&mut flash, [Some(OLD), Some(NEW)]).unwrap();
    confirm(&mut flash, REGION).unwrap();
    // Nobody knows whether the other ever worked.
    let entry = start(&mut flash, [None, Some(NEW)]).unwrap();
    assert_eq!((entry.slot, entry.state, entry.reason), (Slot::B, State::Trying, Reason::Damaged));
    confirm(&mut flash, REGION).unwrap();
    activate(&mut flash, REGION, Slot::A, OLD).unwrap();
    let entry = start(&mut flash, [None, Some(NEW)]).unwrap();
    assert_eq!((entry.slot, entry.state, entry.reason), (Slot::B, State::RolledBack, Reason::Damaged));
    let entry = start(&mut flash, [None, Some([9; 8])]).unwrap();
    assert_eq!((entry.slot, entry.state, entry.attempts), (Slot::B, State::Trying, 1));
    assert_eq!(start(&mut flash, [None, None]), Err(Error::NoImage));
}

#[test]
fn the_only_image_is_started_for_ever() {
    let mut flash = Memory::new();
    for attempt in 1..=10 {
        let entry = start(&mut flash, [Some(OLD), None]).unwrap();
        assert_eq!((entry.slot, entry.attempts), (Slot::A, attempt.min(MAX_ATTEMPTS)));
    }
}

#[test]
fn a_read_that_fails_gives_nothing_up() {
    let mut flash = Memory::new();
    start(&mut flash, [Some(OLD), None]).unwrap();
    confirm(&mut flash, REGION).unwrap();
    let before = flash.0.clone();
    let failed = decide(&mut flash, REGION, |_, slot| match slot {
        Slot::A => Err(Error::Flash(NorFlashErrorKind::Other)),
        Slot::B => Ok(Some(NEW)),
    });
    assert_eq!((failed, flash.0.clone()), (Err(Error::Flash(NorFlashErrorKind::Other)), before));
    assert_eq!(start(&mut flash, [Some(OLD), Some(NEW)]).unwrap().slot, Slot::A);
}

#[test]
fn a_damaged_image_does_not_bring_back_for_good_what_was_given_up() {
    let mut flash = Memory::new();
    start(&mut flash, [Some(OLD), None]).unwrap();
    confirm(&mut flash, REGION).unwrap();
    activate(&mut flash, REGION, Slot::B, NEW).unwrap();
    while start(&mut flash, [Some(OLD), Some(NEW)]).unwrap().slot == Slot::B {}
    // Once A looks damaged; B is all there is, and on trial.
    for attempt in 1..=MAX_ATTEMPTS {
        let entry = start(&mut flash, [None, Some(NEW)]).unwrap();
        assert_eq!((entry.slot, entry.state, entry.attempts), (Slot::B, State::Trying, attempt));
    }
    for _ in 0..3 {
        let entry = start(&mut flash, [None, Some(NEW)]).unwrap();
        assert_eq!((entry.slot, entry.reason), (Slot::B, Reason::Only));
    }
    let entry = start(&mut flash, [Some(OLD), Some(NEW)]).unwrap();
    assert_eq!((entry.slot, entry.state, entry.mark), (Slot::A, State::RolledBack, OLD));
}

#[test]
fn of_two_images_that_never_checked_in_each_gets_its_trial() {
    let mut flash = Memory::new();
    let images = [Some(OLD), Some(NEW)];
    for (slot, attempts) in [(Slot::A, 1), (Slot::A, 2), (Slot::A, 3), (Slot::B, 1), (Slot::B, 2), (Slot::B, 3)] {
        let entry = start(&mut flash, images).unwrap();
        assert_eq!((entry.slot, entry.state, entry.attempts), (slot, State::Trying, attempts));
    }
    for _ in 0..3 {
        let entry = start(&mut flash, images).unwrap();
        assert_eq!((entry.slot, entry.state, entry.reason), (Slot::B, State::Trying, Reason::Only));
    }
}

#[test]
fn noise_in_the_journal_is_no_entry() {
    let mut seed = 99_u32;
    for _ in 0..2000 {
        let mut flash = Memory::new();
        for byte in &mut flash.0 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (seed >> 24) as u8;
        }
        flash.0[SECTOR..SECTOR + 4].copy_from_slice(b"WCb1");
        assert_eq!(current(&mut flash, REGION), Ok(None));
        assert_eq!(start(&mut flash, [Some(OLD), None]).unwrap().slot, Slot::A);
    }
}

#[test]
fn a_region_of_another_size_is_refused() {
    let mut flash = Memory::new();
    for region in [
        Region { offset: 0, bytes: SECTOR as u32 },
        Region { offset: 2 * SECTOR as u32, bytes: 2 * SECTOR as u32 },
        Region { offset: 4, bytes: 2 * SECTOR as u32 },
    ] {
        assert_eq!(current(&mut flash, region), Err(Error::Geometry));
    }
}
