//! An update: a new image in the slot that does not run, across as many wakes as it takes.
//!
//! The caller has verified the manifest and brings its [`Order`]; it opens the update at each start, asks what is
//! [wanted](Update::wants), fetches that from wherever it likes, and [feeds](Update::feed) it. When all is there,
//! [`Update::finish`] reads the slot back, and only an image whose digest is the order's is put on trial in the boot journal.
//! What the boot stage makes of it is seen at the next [`Update::open`].
//!
//! ```text
//!            begin                  all bytes              finish            a start      confirm
//!   Idle ------------> Downloading ----------> Complete ----------> Activated ---> OnTrial ---> Confirmed
//!                          ^  |  a wrong digest   |                    |             |
//!                          +--+-------------------+                    +-------------+
//!                        once, as a whole image; then GivenUp          GivenUp, by the boot stage
//! ```
//!
//! What is kept lies in the region `update`: two sectors with the order and its stage, two with places, which say how
//! many sectors of the image are whole, and one with the digests of sectors. A place is written down after its sector, so a loss of power costs at most a
//! sector. Of a patch it holds the [`Applier`]'s state, which takes a sector: each of the two is erased once for two sectors
//! of the image. Of an image that is fetched as it is the places are small.
//!
//! **What the digests say.** The bytes of the slot are hashed when all are there, and decide alone: the state of a SHA-256
//! is not kept across wakes, so neither is that of the patch's own digest, which only tells one patch's places from another's.
//! A patch, or a mirror, that gives something else costs the order its first try; the second is the whole image. After that
//! it is given up until a newer order comes.
//!
//! Where the order names [digests of sectors](sum), wrong bytes are found sooner, and cost less. They are fetched
//! before anything else, unless the patch is short ([`SHORT_PATCH_BYTES`]), and kept in a sector of their own, which is a
//! cache: its content counts when its SHA-256 is the order's, and is fetched again when it is not. Each sector of the image is
//! compared before it is written. One that differs, and a patch that cannot be read, is [`Error::Wrong`]: the update then
//! stands where its last place was, and the caller blames whoever gave bytes since then, and asks another one for what is
//! wanted now. A short patch begins anew instead, because nothing of what it made was compared; that it gave something else is
//! found by [`Update::finish`].
//!
//! A patch that was wrong [`STRIKES`] times without a new sector costs the order its first try: the fault may lie in
//! the patch itself, or in what was kept of it (bytes that were read ahead of the last sector are compared with the next one). How
//! often it was is kept with the order. A whole image is asked for as long as mirrors give other bytes; when to stop for this wake
//! is the caller's to say. If nobody has the digests, [`Update::go_without_sums`] goes on as if the order named none.
//!
//! **What is never touched**: the slot that runs, and the other one while there is a trial, because it then holds the
//! image that is fallen back to.

mod fetch;
mod finish;
mod order;
mod record;
mod seeded;
mod sums;
#[cfg(test)]
pub(crate) mod tests;

use core::fmt;

use embedded_storage::nor_flash::{NorFlash, NorFlashError, NorFlashErrorKind};

pub use order::{Order, Source, Status, Wanted, What, Why};
use record::{MAX_RECORD_BYTES, Record, Stage};
#[cfg(feature = "mutants")]
pub use seeded::Mutant;
use seeded::{Seed, seeded};
use sums::Sums;
pub use sums::{SHORT_PATCH_BYTES, STRIKES, SUM_BYTES, sum, sums_bytes};

use crate::{
    boot::{self, Entry, Reason, Slot, State},
    delta::{Applier, STATE_BYTES},
    flash::records::{self as log, Records as Log},
    layout::{Layout, Region, SECTOR_BYTES},
};

/// Sectors that an update keeps its order and its places in, and one for digests of sectors.
pub const SECTORS: usize = 5;

/// How often an image is to be activated at most: the boot stage may find it damaged, or made for another chip.
const MAX_ACTIVATIONS: u8 = 4;
const SECTOR: usize = SECTOR_BYTES as usize;
/// Bytes of a patch that are held until the applier takes them.
const INPUT: usize = 1024;
/// How many tries an order has.
const TRIES: u8 = 2;

const _: () = assert!(log::HEAD_BYTES + record::PLACE_BYTES + STATE_BYTES <= SECTOR, "a state fits into a sector");
const _: () = assert!(crate::delta::LEAST_INPUT_BYTES <= INPUT && crate::delta::MAX_HEAD_BYTES <= INPUT);

/// Why nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// A newer order, or another one of this number, was begun before.
    Older,
    /// The image has no bytes or more than a slot, or the patch has none.
    Size,
    /// The patch is for another image than the one that runs.
    WrongBase,
    /// The image that runs, or the one that is started next, did not check in yet.
    OnTrial,
    /// The order was given up before.
    GivenUp(Why),
    /// These bytes are not what is wanted now.
    NotWanted,
    /// What came is not what the order names. It is to be fetched from somebody else: [`Update::wants`] says what.
    Wrong,
    /// The regions do not fit each other or the flash.
    Geometry,
    /// The flash failed; the update is to be opened again.
    Flash(NorFlashErrorKind),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Older => f.write_str("a newer update was ordered before"),
            Self::Size => f.write_str("the image does not fit into a slot"),
            Self::WrongBase => f.write_str("the patch is for another image than the one that runs"),
            Self::OnTrial => f.write_str("an image is on trial"),
            Self::GivenUp(why) => write!(f, "the update was given up before ({})", why.word()),
            Self::NotWanted => f.write_str("these bytes are not wanted"),
            Self::Wrong => f.write_str("these bytes are not those of the update"),
            Self::Geometry => f.write_str("the regions do not fit the flash"),
            Self::Flash(_) => f.write_str("the flash of the update failed"),
        }
    }
}

impl core::error::Error for Error {}

impl From<boot::Error> for Error {
    fn from(error: boot::Error) -> Self {
        match error {
            boot::Error::Flash(kind) => Self::Flash(kind),
            boot::Error::Geometry => Self::Geometry,
            boot::Error::NoImage => Self::OnTrial,
            boot::Error::GivenUp => Self::GivenUp(Why::NoCheckIn),
        }
    }
}

impl From<log::Error> for Error {
    fn from(error: log::Error) -> Self {
        match error {
            log::Error::Flash(kind) => Self::Flash(kind),
            log::Error::Geometry => Self::Geometry,
        }
    }
}

fn failed(error: impl NorFlashError) -> Error {
    Error::Flash(error.kind())
}

/// What is being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Nothing,
    /// The image as it is fetched.
    Image,
    /// The image from a patch.
    Patch,
}

/// An update, in a flash or a part of one that holds all of the layout: about 11 KB.
pub struct Update<F> {
    flash: F,
    layout: Layout,
    running: Slot,
    /// Why an image that is given up at this start did not work.
    fallen: Why,
    orders: Log,
    places: Log,
    record: Option<Record>,
    status: Status,
    work: Work,
    /// What applies the patch, once its head is there. It is large, and stays in its place.
    applier: Applier,
    /// Whether it has a patch.
    applies: bool,
    /// Sectors of the image that are whole in the slot and written down.
    sectors: u32,
    /// Whether there is something to compare them with.
    sums: Sums,
    /// Whether to do without.
    goes_without: bool,
    /// How often what came was wrong since the last new sector.
    strikes: u8,
    /// The sector that is being filled, and how far; in between, the record that is being written.
    sector: [u8; SECTOR],
    filled: usize,
    /// Bytes of the patch that the applier did not take yet.
    input: [u8; INPUT],
    held: usize,
    seed: Seed,
}

impl<F> fmt::Debug for Update<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Update").field("status", &self.status).field("sectors", &self.sectors).finish_non_exhaustive()
    }
}

impl<F: NorFlash> Update<F> {
    const FITS: () = {
        assert!(F::ERASE_SIZE == SECTOR, "a sector of the flash is one of the layout");
        assert!(log::HEAD_BYTES.is_multiple_of(F::READ_SIZE), "the head of a record is read whole");
        assert!(SECTOR.is_multiple_of(F::WRITE_SIZE), "a sector has whole units");
    };

    /// Looks at what `flash` holds after any loss of power. `running` is the slot that was started.
    ///
    /// It writes at most one record: what became of an image that was on trial.
    ///
    /// # Errors
    /// [`Error::Geometry`], [`Error::Flash`].
    pub fn open(flash: F, layout: Layout, running: Slot) -> Result<Self, Error> {
        Self::open_after(flash, layout, running, Why::NoCheckIn)
    }

    /// The same where it is known why the machine started, which is what an image that is given up in this start is given up
    /// for: its last run ended so.
    ///
    /// # Errors
    /// As [`Update::open`].
    pub fn open_after(flash: F, layout: Layout, running: Slot, fallen: Why) -> Result<Self, Error> {
        Self::open_seeded(flash, layout, running, fallen, Seed::NONE)
    }

    /// The same with a bug.
    ///
    /// # Errors
    /// As [`Update::open`].
    #[cfg(feature = "mutants")]
    pub fn open_mutant(flash: F, layout: Layout, running: Slot, mutant: Mutant) -> Result<Self, Error> {
        Self::open_seeded(flash, layout, running, Why::NoCheckIn, Seed { mutant: Some(mutant) })
    }

    fn open_seeded(flash: F, layout: Layout, running: Slot, fallen: Why, seed: Seed) -> Result<Self, Error> {
        let mut update = Self::closed_seeded(flash, layout, running, fallen, seed);
        update.read()?;
        Ok(update)
    }

    /// One that knows nothing yet, to be made in its place, where it then [reads](Update::read) the flash: a chip's stack has no
    /// room for it.
    pub fn closed(flash: F, layout: Layout, running: Slot, fallen: Why) -> Self {
        Self::closed_seeded(flash, layout, running, fallen, Seed::NONE)
    }

    fn closed_seeded(flash: F, layout: Layout, running: Slot, fallen: Why, seed: Seed) -> Self {
        const { Self::FITS };
        let [orders, places] = Self::logs(&layout);
        Self {
            flash,
            layout,
            running,
            fallen,
            orders: Log::closed(orders, seed.records()),
            places: Log::closed(places, seed.records()),
            record: None,
            status: Status::Idle,
            work: Work::Nothing,
            applier: Applier::idle(),
            applies: false,
            sectors: 0,
            sums: Sums::Unused,
            goes_without: false,
            strikes: 0,
            sector: [0; SECTOR],
            filled: 0,
            input: [0; INPUT],
            held: 0,
            seed,
        }
    }

    const fn logs(layout: &Layout) -> [Region; 2] {
        let half = Region { bytes: 2 * SECTOR_BYTES, ..layout.update };
        [half, Region { offset: half.end(), ..half }]
    }

    /// Looks at what the flash holds, as [`Update::open`] does.
    ///
    /// # Errors
    /// As there.
    pub fn read(&mut self) -> Result<(), Error> {
        let (layout, capacity) = (self.layout, self.flash.capacity());
        let whole = |region: Region| {
            let ends = region.offset.checked_add(region.bytes).is_some_and(|end| end as usize <= capacity);
            ends && region.offset.is_multiple_of(SECTOR_BYTES) && region.bytes.is_multiple_of(SECTOR_BYTES)
        };
        let regions = [layout.update, layout.slots[0], layout.slots[1]];
        if layout.update.bytes as usize != SECTORS * SECTOR || !regions.into_iter().all(whole) {
            return Err(Error::Geometry);
        }
        let [orders, places] = Self::logs(&layout);
        self.orders = Log::open_with(&mut self.flash, orders, self.seed.records())?;
        self.places = Log::open_with(&mut self.flash, places, self.seed.records())?;
        let mut payload = [0; MAX_RECORD_BYTES.next_multiple_of(log::HEAD_BYTES)];
        let latest = self.orders.latest(&mut self.flash, &mut payload)?;
        // What does not fit the slot was written for another layout.
        self.record = latest
            .and_then(Record::decode)
            .filter(|record| (1..=self.slot(record.slot).bytes).contains(&record.order.image_bytes));
        self.settle()
    }

    /// How far the order is.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The order that was begun last.
    pub fn order(&self) -> Option<&Order> {
        self.record.as_ref().map(|record| &record.order)
    }

    /// How many tries of the order gave something else than its image.
    pub fn failed_tries(&self) -> u8 {
        self.record.as_ref().map_or(0, |record| record.failed)
    }

    /// Looks again at an image on trial, after the boot journal was told that it works.
    ///
    /// # Errors
    /// [`Error::Flash`].
    pub fn look_again(&mut self) -> Result<(), Error> {
        if self.status == Status::OnTrial { self.settle() } else { Ok(()) }
    }

    /// SHA-256 of the image that runs, which a patch is for; `None` when its slot holds none.
    ///
    /// # Errors
    /// [`Error::Flash`].
    pub fn running_sha256(&mut self) -> Result<Option<[u8; 32]>, Error> {
        self.running_digest()
    }

    /// Bytes of the image that lie in the slot for good, whatever the power does.
    pub fn durable(&self) -> u32 {
        let all = self.order().map_or(0, |order| order.image_bytes);
        self.sectors.saturating_mul(SECTOR_BYTES).min(all)
    }

    /// Takes an order up. The same again goes on where it was; a newer one replaces it. Before it is begun nothing is
    /// erased. An order for the image that runs is confirmed at once.
    ///
    /// An order that was given up stays so; a newer one for the same image tries it anew.
    ///
    /// # Errors
    /// [`Error`]; what was begun before is then still there.
    pub fn begin(&mut self, order: &Order) -> Result<Status, Error> {
        if let Some(known) = &self.record {
            let same = known.order.sequence == order.sequence && known.order.image_sha256 == order.image_sha256;
            match self.status {
                Status::GivenUp(_) if same && seeded!(self.seed, GivenUpForgotten) => {}
                Status::GivenUp(why) if same => return Err(Error::GivenUp(why)),
                // What came by cable since may be replaced again, and what is damaged is fetched again.
                Status::Idle if same => {}
                status if same => return Ok(status),
                _ if order.sequence <= known.order.sequence => return Err(Error::Older),
                _ => {}
            }
        }
        let entry = self.settled_entry()?.ok_or(Error::OnTrial)?;
        let patch_bytes = match order.source {
            Source::Full => 1,
            Source::Delta { patch_bytes, .. } => patch_bytes,
        };
        let slot = self.running.other();
        if patch_bytes == 0 || order.image_bytes == 0 || order.image_bytes > self.slot(slot).bytes {
            return Err(Error::Size);
        }
        let runs = self.running_digest()?;
        let stage = match order.source {
            _ if runs == Some(order.image_sha256) => Stage::Done,
            Source::Delta { base_sha256, .. } if runs != Some(base_sha256) => return Err(Error::WrongBase),
            Source::Delta { .. } => Stage::Patch,
            Source::Full => Stage::Image,
        };
        let given_up = self.record.as_ref().map_or([0; 32], |known| match known.stage {
            Stage::GivenUp(_) => known.order.image_sha256,
            _ => known.given_up,
        });
        self.keep(Record {
            order: *order,
            stage,
            slot,
            failed: 0,
            activations: 0,
            from: entry.mark,
            mark: [0; 8],
            given_up,
            strikes: 0,
            struck_at: 0,
            head: None,
        })?;
        self.goes_without = false;
        self.start()?;
        Ok(self.status)
    }

    /// Gives the flash back.
    pub fn into_flash(self) -> F {
        self.flash
    }

    const fn slot(&self, slot: Slot) -> Region {
        self.layout.slots[slot.index()]
    }

    /// What the boot journal says, if no image is on trial and none is about to be.
    fn settled_entry(&mut self) -> Result<Option<Entry>, Error> {
        let entry = boot::current(&mut self.flash, self.layout.journal)?;
        let ignored = seeded!(self.seed, TrialIgnored);
        Ok(entry.filter(|entry| ignored || (entry.slot == self.running && entry.state != State::Trying)))
    }

    /// Writes the record down, and forgets what was being made.
    fn keep(&mut self, record: Record) -> Result<(), Error> {
        (self.work, self.sectors, self.filled, self.held) = (Work::Nothing, 0, 0, 0);
        self.applies = false;
        self.write_record(&record)?;
        self.record = Some(record);
        Ok(())
    }

    fn write_record(&mut self, record: &Record) -> Result<(), Error> {
        let mut payload = [0; MAX_RECORD_BYTES];
        let bytes = record.encode(&mut payload);
        self.sector[log::HEAD_BYTES..log::HEAD_BYTES + bytes].copy_from_slice(&payload[..bytes]);
        Ok(self.orders.append(&mut self.flash, &mut self.sector, bytes)?)
    }

    /// Finds out how far the order is, from what is kept and from the boot journal.
    fn settle(&mut self) -> Result<(), Error> {
        self.status = Status::Idle;
        let Some(record) = self.record.clone() else { return Ok(()) };
        match record.stage {
            Stage::Done => {
                let entry = boot::current(&mut self.flash, self.layout.journal)?;
                // The boot stage found it damaged since, and the image before it runs again: it is to be had once more.
                let is_lost = entry.is_some_and(|entry| record.mark != [0; 8] && entry.mark == record.from);
                if !is_lost {
                    self.status = Status::Confirmed;
                }
            }
            Stage::GivenUp(why) => self.status = Status::GivenUp(why),
            Stage::Patch | Stage::Image => {
                if self.is_before(&record)?.is_some() {
                    self.resume(&record)?;
                }
            }
            Stage::Ready => {
                let Some(entry) = boot::current(&mut self.flash, self.layout.journal)? else { return Ok(()) };
                if entry.slot == record.slot && entry.mark == record.mark {
                    return self.settle_trial(record, entry);
                }
                let Some(entry) = self.is_before(&record)? else { return Ok(()) };
                if entry.given_up == record.mark || record.activations >= MAX_ACTIVATIONS {
                    let why = if entry.reason == Reason::Damaged { Why::Damaged } else { self.fallen };
                    return self.give_up(record, why);
                }
                // It was never activated, or the boot stage found it damaged: the slot is read back once more.
                self.sectors = record.order.image_bytes.div_ceil(SECTOR_BYTES);
                self.status = Status::Complete;
            }
        }
        Ok(())
    }

    /// What the boot journal says, if the image runs that ran when the order came, and may be written beside.
    fn is_before(&mut self, record: &Record) -> Result<Option<Entry>, Error> {
        let entry = self.settled_entry()?;
        Ok(entry.filter(|entry| entry.mark == record.from && record.slot == self.running.other()))
    }

    fn settle_trial(&mut self, record: Record, entry: Entry) -> Result<(), Error> {
        self.status = match entry.state {
            _ if self.running != record.slot => Status::Activated,
            State::Trying => Status::OnTrial,
            State::Confirmed | State::RolledBack => {
                self.keep(Record { stage: Stage::Done, ..record })?;
                Status::Confirmed
            }
        };
        Ok(())
    }

    fn give_up(&mut self, record: Record, why: Why) -> Result<(), Error> {
        self.status = Status::GivenUp(why);
        self.keep(Record { stage: Stage::GivenUp(why), head: None, ..record })
    }

    /// Ends a try that gave something else; the next one fetches the whole image.
    fn fail(&mut self) -> Result<(), Error> {
        let Some(record) = self.record.clone() else { return Ok(()) };
        let failed = record.failed.saturating_add(1);
        if failed >= TRIES || seeded!(self.seed, FallbackForgotten) {
            return self.give_up(Record { failed, ..record }, Why::Digest);
        }
        self.keep(Record { stage: Stage::Image, failed, strikes: 0, struck_at: 0, head: None, ..record })?;
        self.start()
    }
}
