//! Which slot is started, and when a new image is given up.
//!
//! The boot stage calls [`decide`] before it starts anything: the attempt is counted in the journal first, so that an image
//! that never reaches its main is counted as one that panics. The app calls [`confirm`] after its first healthy
//! check-in; until then it is on trial, and after [`MAX_ATTEMPTS`] starts without one the other slot is started again.
//! [`activate`] puts an image on trial that was written to a slot. The journal knows which image checked in last: only that
//! one is trusted without a trial when it is fallen back to.
//!
//! The journal is two sectors of records that are only ever appended; the latest valid one counts. One sector is erased
//! only while the other holds the latest record. An empty journal means slot A, on trial.

mod record;
mod seeded;

use core::fmt;

use embedded_storage::nor_flash::{NorFlash, NorFlashError as _, NorFlashErrorKind};

use record::{RECORD_BYTES, Record};
pub use record::{Reason, State};
#[cfg(feature = "mutants")]
pub use seeded::Mutant;
use seeded::{Seed, seeded};

use crate::layout::{Region, SLOTS};

/// Starts of an image on trial.
pub const MAX_ATTEMPTS: u8 = 3;

/// One of the application slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Slot {
    /// The first.
    A,
    /// The second.
    B,
}

impl Slot {
    /// Both, in their order in the layout.
    pub const ALL: [Self; SLOTS] = [Self::A, Self::B];

    /// The one that is not this one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Its place in the layout.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::A => 0,
            Self::B => 1,
        }
    }

    /// Its letter.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::A => 'a',
            Self::B => 'b',
        }
    }
}

/// What the journal says: the content of its latest record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Which slot is started.
    pub slot: Slot,
    /// How far its image is trusted.
    pub state: State,
    /// How often it was started on trial.
    pub attempts: u8,
    /// Why this record was written.
    pub reason: Reason,
    /// First bytes of the image's hash.
    pub mark: [u8; 8],
    /// The same of the image that was given up last; zeros when none was.
    pub given_up: [u8; 8],
    /// The same of the image that checked in last; zeros when none did.
    pub confirmed: [u8; 8],
}

/// Why the journal could not be used, or nothing can be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// No slot holds a valid image.
    NoImage,
    /// The image that should be put on trial was given up before.
    GivenUp,
    /// The region is not two sectors of this flash.
    Geometry,
    /// The flash failed.
    Flash(NorFlashErrorKind),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoImage => "no slot holds a valid image",
            Self::GivenUp => "this image was given up before",
            Self::Geometry => "the region does not fit the flash",
            Self::Flash(_) => "the flash of the boot journal failed",
        })
    }
}

impl core::error::Error for Error {}

/// A journal that was read.
struct Journal<'f, F> {
    flash: &'f mut F,
    region: Region,
    latest: Option<Record>,
    /// Where the next record goes: a place in one of the sectors, and whether that must be erased before.
    sector: usize,
    place: usize,
    seed: Seed,
}

impl<'f, F: NorFlash> Journal<'f, F> {
    const UNIT: usize = RECORD_BYTES.next_multiple_of(F::WRITE_SIZE);
    const PLACES: usize = F::ERASE_SIZE / Self::UNIT;
    const READS: () = assert!(RECORD_BYTES.is_multiple_of(F::READ_SIZE), "a record is read whole");

    fn open(flash: &'f mut F, region: Region) -> Result<Self, Error> {
        const { Self::READS };
        let whole = 2 * F::ERASE_SIZE == region.bytes as usize && region.end() as usize <= flash.capacity();
        if !whole || !(region.offset as usize).is_multiple_of(F::ERASE_SIZE) {
            return Err(Error::Geometry);
        }
        // An empty journal counts as one whose second sector is full: the first append erases the first one.
        let mut journal = Self { flash, region, latest: None, sector: 1, place: Self::PLACES, seed: Seed::NONE };
        for sector in 0..2 {
            for place in 0..Self::PLACES {
                let bytes = journal.read(sector, place)?;
                let Some(record) = Record::decode(&bytes) else { continue };
                if journal.latest.is_none_or(|latest| record.follows(&latest)) {
                    journal.latest = Some(record);
                    (journal.sector, journal.place) = (sector, place + 1);
                }
            }
        }
        Ok(journal)
    }

    fn address(&self, sector: usize, place: usize) -> u32 {
        self.region.offset + (sector * F::ERASE_SIZE + place * Self::UNIT) as u32
    }

    fn read(&mut self, sector: usize, place: usize) -> Result<[u8; RECORD_BYTES], Error> {
        let mut bytes = [0; RECORD_BYTES];
        let address = self.address(sector, place);
        self.flash.read(address, &mut bytes).map_err(|error| Error::Flash(error.kind()))?;
        Ok(bytes)
    }

    /// Whether nothing was ever programmed there; a loss of power may have torn what was.
    fn is_blank(&mut self, sector: usize, place: usize) -> Result<bool, Error> {
        let start = self.address(sector, place);
        let mut chunk = [0; RECORD_BYTES];
        for at in (0..Self::UNIT).step_by(RECORD_BYTES) {
            // A unit is a multiple of the unit of a read, and one read is that long at least.
            let now = RECORD_BYTES.min(Self::UNIT - at);
            self.flash.read(start + at as u32, &mut chunk[..now]).map_err(|error| Error::Flash(error.kind()))?;
            if chunk[..now].iter().any(|byte| *byte != 0xFF) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes `entry` the latest record; it is durable on return.
    fn append(&mut self, entry: Entry) -> Result<(), Error> {
        let sequence = self.latest.map_or(0, |latest| latest.sequence).wrapping_add(1);
        while self.place < Self::PLACES && !self.is_blank(self.sector, self.place)? {
            self.place += 1;
        }
        if self.place >= Self::PLACES {
            let other = if seeded!(self.seed, LatestErased) { self.sector } else { 1 - self.sector };
            let start = self.address(other, 0);
            let end = start + F::ERASE_SIZE as u32;
            self.flash.erase(start, end).map_err(|error| Error::Flash(error.kind()))?;
            (self.sector, self.place) = (other, 0);
        }
        let record = Record { sequence, entry };
        let bytes = record.encode();
        let address = self.address(self.sector, self.place);
        self.place += 1;
        self.program(address, &bytes)?;
        self.latest = Some(record);
        Ok(())
    }

    fn program(&mut self, address: u32, record: &[u8; RECORD_BYTES]) -> Result<(), Error> {
        const LARGEST_UNIT: usize = 512;
        let mut unit = [0xFF; LARGEST_UNIT];
        unit[..RECORD_BYTES].copy_from_slice(record);
        let bytes = unit.get(..Self::UNIT).ok_or(Error::Geometry)?;
        self.flash.write(address, bytes).map_err(|error| Error::Flash(error.kind()))
    }
}

/// What the journal says; `None` when it is empty.
///
/// # Errors
/// [`Error::Geometry`], [`Error::Flash`].
pub fn current<F: NorFlash>(flash: &mut F, region: Region) -> Result<Option<Entry>, Error> {
    Ok(Journal::open(flash, region)?.latest.map(|record| record.entry))
}

/// Chooses the slot to start and counts the attempt. `verify` says of a slot which image it holds: the first bytes of its
/// hash, or `None` if it holds no whole one that this board can run.
///
/// An image that checked in before is fallen back to at once, as [`State::RolledBack`]. One that never did is put on trial
/// like any other, and one that was given up is not chosen while the wanted one is whole.
///
/// # Errors
/// [`Error::NoImage`] when neither slot can be started; that of `verify`, and the others of [`Error`] when the journal
/// cannot be used: then nothing may be started that was not confirmed, and the caller starts the machine anew.
pub fn decide<F: NorFlash>(
    flash: &mut F,
    region: Region,
    verify: impl FnMut(&mut F, Slot) -> Result<Option<[u8; 8]>, Error>,
) -> Result<Entry, Error> {
    decide_seeded(flash, region, verify, Seed::NONE)
}

/// The same with a bug.
///
/// # Errors
/// As [`decide`].
#[cfg(feature = "mutants")]
pub fn decide_mutant<F: NorFlash>(
    flash: &mut F,
    region: Region,
    verify: impl FnMut(&mut F, Slot) -> Result<Option<[u8; 8]>, Error>,
    mutant: Mutant,
) -> Result<Entry, Error> {
    decide_seeded(flash, region, verify, Seed { mutant: Some(mutant) })
}

fn decide_seeded<F: NorFlash>(
    flash: &mut F,
    region: Region,
    mut verify: impl FnMut(&mut F, Slot) -> Result<Option<[u8; 8]>, Error>,
    seed: Seed,
) -> Result<Entry, Error> {
    let mut journal = Journal::open(flash, region)?;
    journal.seed = seed;
    let known = journal.latest.map(|record| record.entry);
    let wanted = known.map_or(Slot::A, |entry| entry.slot);
    let image = match known {
        Some(entry) if seeded!(seed, Unverified) => Some(entry.mark),
        _ => verify(journal.flash, wanted)?,
    };
    let next = match (image, known) {
        // What was confirmed, or was before an update that failed, is started without a word: a wake of every minute
        // must not wear the journal.
        (Some(mark), Some(entry)) if mark == entry.mark && entry.state != State::Trying => return Ok(entry),
        (Some(mark), Some(entry)) if mark == entry.mark && entry.attempts < MAX_ATTEMPTS => {
            let counted = u8::from(!seeded!(seed, AttemptNotCounted));
            Entry { attempts: entry.attempts + counted, reason: Reason::Attempt, ..entry }
        }
        (Some(mark), Some(entry)) if mark == entry.mark => {
            let other = verify(journal.flash, wanted.other())?;
            match other.filter(|other| *other == entry.confirmed || *other != entry.given_up) {
                Some(other) if seeded!(seed, NotGivenUp) => fall_back(wanted.other(), other, Reason::Attempts, entry),
                Some(other) => Entry { given_up: mark, ..fall_back(wanted.other(), other, Reason::Attempts, entry) },
                // Nothing else can be started: to try on is better than to stand still.
                None if entry.reason == Reason::Only => return Ok(entry),
                None => Entry { reason: Reason::Only, ..entry },
            }
        }
        // Written by cable since.
        (Some(mark), _) => on_trial(wanted, mark, 1, Reason::Found, known),
        (None, known) => {
            let other = verify(journal.flash, wanted.other())?.ok_or(Error::NoImage)?;
            match known {
                Some(entry) => fall_back(wanted.other(), other, Reason::Damaged, entry),
                None => on_trial(wanted.other(), other, 1, Reason::Found, None),
            }
        }
    };
    journal.append(next)?;
    Ok(next)
}

/// What was given up and what was confirmed before stay known until something else is.
fn on_trial(slot: Slot, mark: [u8; 8], attempts: u8, reason: Reason, before: Option<Entry>) -> Entry {
    let (given_up, confirmed) = before.map_or(([0; 8], [0; 8]), |entry| (entry.given_up, entry.confirmed));
    Entry { slot, state: State::Trying, attempts, reason, mark, given_up, confirmed }
}

/// The image of the other slot is trusted if it was before.
fn fall_back(slot: Slot, mark: [u8; 8], reason: Reason, before: Entry) -> Entry {
    let trial = on_trial(slot, mark, 1, reason, Some(before));
    if mark == before.confirmed { Entry { state: State::RolledBack, attempts: 0, ..trial } } else { trial }
}

/// Ends the trial of the image that runs: it works. Repeating it changes nothing.
///
/// # Errors
/// [`Error::NoImage`] when the journal is empty: no boot stage started this image. [`Error::Geometry`],
/// [`Error::Flash`].
pub fn confirm<F: NorFlash>(flash: &mut F, region: Region) -> Result<(), Error> {
    let mut journal = Journal::open(flash, region)?;
    let entry = journal.latest.ok_or(Error::NoImage)?.entry;
    match entry.state {
        State::Confirmed | State::RolledBack => Ok(()),
        State::Trying => {
            let confirmed = entry.mark;
            journal.append(Entry { state: State::Confirmed, reason: Reason::CheckedIn, confirmed, ..entry })
        }
    }
}

/// Puts the image in `slot` on trial from the next start on. `mark` are the first bytes of its hash: the caller has
/// verified it.
///
/// # Errors
/// [`Error::GivenUp`] when it is the image that the last rollback gave up. [`Error::Geometry`],
/// [`Error::Flash`].
pub fn activate<F: NorFlash>(flash: &mut F, region: Region, slot: Slot, mark: [u8; 8]) -> Result<(), Error> {
    let mut journal = Journal::open(flash, region)?;
    if journal.latest.is_some_and(|record| record.entry.given_up == mark) {
        return Err(Error::GivenUp);
    }
    let before = journal.latest.map(|record| record.entry);
    journal.append(on_trial(slot, mark, 0, Reason::Update, before))
}

/// Lets the image that was given up be put on trial again: somebody ordered it anew. Repeating it changes nothing, and
/// so it does for any other image.
///
/// # Errors
/// [`Error::Geometry`], [`Error::Flash`].
pub fn forgive<F: NorFlash>(flash: &mut F, region: Region, mark: [u8; 8]) -> Result<(), Error> {
    let mut journal = Journal::open(flash, region)?;
    match journal.latest {
        Some(Record { entry, .. }) if entry.given_up == mark => journal.append(Entry { given_up: [0; 8], ..entry }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
