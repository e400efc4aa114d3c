//! From what the flash holds to a queue in RAM.

use embedded_storage::nor_flash::NorFlash;

use super::item::Error;
use super::layout::{self, COMMIT_BYTES, HEAD_BYTES, Head, Layout, MARK, MARK_BYTES, MARKS};
use super::log::{LOG_SECTORS, Log, Record};
use super::seeded::{Seed, seeded};
use super::store::{Entry, Queue};

/// What the removal marks of an item say.
enum Marks {
    /// It was removed, or both marks are torn: then it was to be removed twice.
    Removed,
    /// It is there, and the mark with this number is the next to program.
    Free(u8),
}

/// What becomes of items for which the index has no place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beyond {
    /// The queue cannot be opened.
    Refuse,
    /// The oldest ones have the places.
    Overlook,
}

impl<F: NorFlash, const ITEMS: usize, const SECTORS: usize> Queue<F, ITEMS, SECTORS> {
    /// Opens the queue that `flash` holds; flash that holds none, erased or not, is an empty queue. Finishes what
    /// a loss of power interrupted, drops what is torn, and counts the boot counter up.
    ///
    /// Sectors beyond `SECTORS` (and the log) are not touched. A flash must always be mounted with the same
    /// `SECTORS`, or with a greater one.
    ///
    /// # Errors
    /// [`Error::Geometry`] if there is no sector for items, [`Error::IndexTooSmall`] if there are more than
    /// `ITEMS` items, [`Error::Exhausted`] after 2^32 mounts, [`Error::Flash`].
    pub fn mount(flash: F) -> Result<Self, Error<F::Error>> {
        Self::mount_seeded(flash, Seed::NONE)
    }

    /// Opens the queue with a bug in it.
    ///
    /// # Errors
    /// Those of [`Queue::mount`].
    #[cfg(feature = "mutants")]
    pub fn mount_mutant(flash: F, mutant: super::Mutant) -> Result<Self, Error<F::Error>> {
        Self::mount_seeded(flash, Seed { mutant: Some(mutant) })
    }

    fn mount_seeded(flash: F, seed: Seed) -> Result<Self, Error<F::Error>> {
        let mut queue = Self::unopened(flash, seed);
        queue.open()?;
        Ok(queue)
    }

    /// A queue that has not looked at its flash yet, and is empty until [`Queue::open`]. A camera has it made in the place
    /// where it stays: on the way through a stack it would need twice its size there.
    #[must_use]
    pub const fn closed(flash: F) -> Self {
        Self::unopened(flash, Seed::NONE)
    }

    const fn unopened(flash: F, seed: Seed) -> Self {
        const { Layout::<F>::FITS };
        Self {
            flash,
            sectors: 0,
            sequences: [0; SECTORS],
            cursor: 0,
            next_sequence: 1,
            open: None,
            index: heapless::Vec::new(),
            log: Log::empty::<F>(seed),
            boot: 0,
            seed,
            #[cfg(feature = "mutants")]
            late: None,
        }
    }

    /// Looks at the flash, as [`Queue::mount`] does; to be called once.
    ///
    /// # Errors
    /// Those of [`Queue::mount`]; the queue must not be used after one.
    pub fn open(&mut self) -> Result<(), Error<F::Error>> {
        self.open_as(Beyond::Refuse)
    }

    /// Opens the queue with no more than its `ITEMS` oldest items, to take them out. Nothing may be put into it: the
    /// sectors of the others count as free.
    pub(super) fn open_oldest(&mut self) -> Result<(), Error<F::Error>> {
        self.open_as(Beyond::Overlook)
    }

    fn open_as(&mut self, beyond: Beyond) -> Result<(), Error<F::Error>> {
        // Addresses have 32 bits.
        let addressable = self.flash.capacity().min(u32::MAX as usize);
        self.sectors = (addressable / Layout::<F>::SECTOR).saturating_sub(LOG_SECTORS).min(SECTORS);
        if self.sectors == 0 || ITEMS == 0 {
            return Err(Error::Geometry);
        }
        self.log = Log::scan(&mut self.flash, self.seed).map_err(Error::Flash)?;
        self.next_sequence = self.log.last.next_sequence;
        self.scan(beyond)?;
        let lost = self.drop_incomplete()?;
        self.free_unowned();
        self.count_boot(lost)
    }

    /// Reads the record at the start of each sector, and finishes the eviction that the log announces.
    fn scan(&mut self, beyond: Beyond) -> Result<(), Error<F::Error>> {
        let mut newest = 0;
        let victim = if seeded!(self.seed, EvictionForgotten) { 0 } else { self.log.last.victim };
        for sector in 0..self.sectors {
            let mut record = [0; HEAD_BYTES];
            let start = self.address(sector);
            layout::read(&mut self.flash, start, &mut record).map_err(Error::Flash)?;
            let sequence = if let Some(head) = Head::decode(&record) {
                self.scan_head(sector, &record, &head, victim, beyond)?;
                head.sequence
            } else if let Some((sequence, _)) = layout::decode_continuation(&record) {
                sequence
            } else {
                continue;
            };
            self.sequences[sector] = sequence;
            if sequence > newest {
                newest = sequence;
                self.cursor = (sector + 1) % self.sectors;
            }
        }
        self.next_sequence = self.next_sequence.max(newest.checked_add(1).ok_or(Error::Exhausted)?);
        if seeded!(self.seed, GenerationNotBumped) {
            self.next_sequence = newest.max(1);
        }
        Ok(())
    }

    fn scan_head(
        &mut self,
        sector: usize,
        record: &[u8; HEAD_BYTES],
        head: &Head,
        victim: u32,
        beyond: Beyond,
    ) -> Result<(), Error<F::Error>> {
        let mut commit = [0; COMMIT_BYTES];
        let at = self.address(sector) + Layout::<F>::COMMIT_AT as u32;
        layout::read(&mut self.flash, at, &mut commit).map_err(Error::Flash)?;
        if commit != layout::commit(record) {
            return Ok(());
        }
        let Marks::Free(slot) = self.marks(sector)? else { return Ok(()) };
        if head.sequence == victim {
            return self.program_mark(sector, slot);
        }
        let entry = Entry::new::<F>(head, sector, slot);
        let Err(entry) = self.index.push(entry) else { return Ok(()) };
        if beyond == Beyond::Refuse {
            return Err(Error::IndexTooSmall);
        }
        if let Some(newest) = self.index.iter_mut().max_by_key(|entry| entry.sequence)
            && entry.sequence < newest.sequence
        {
            *newest = entry;
        }
        Ok(())
    }

    fn marks(&mut self, sector: usize) -> Result<Marks, Error<F::Error>> {
        for slot in 0..MARKS {
            let at = Layout::<F>::MARKS_AT + usize::from(slot) * Layout::<F>::MARK_STEP;
            let address = self.address(sector) + at as u32;
            if layout::is_blank(&mut self.flash, address, MARK_BYTES).map_err(Error::Flash)? {
                return Ok(Marks::Free(slot));
            }
            let mut mark = [0; MARK_BYTES];
            layout::read(&mut self.flash, address, &mut mark).map_err(Error::Flash)?;
            if mark == MARK {
                return Ok(Marks::Removed);
            }
        }
        Ok(Marks::Removed)
    }

    /// Removes committed items that lack a sector, which only damage can cause, and returns their number.
    fn drop_incomplete(&mut self) -> Result<u32, Error<F::Error>> {
        let mut lost = 0_u32;
        let mut place = 0;
        while let Some(entry) = self.index.get(place).copied() {
            if self.is_complete(&entry)? {
                place += 1;
                continue;
            }
            self.program_mark(entry.first, entry.marks)?;
            self.index.swap_remove(place);
            lost = lost.saturating_add(1);
        }
        Ok(lost)
    }

    fn is_complete(&mut self, entry: &Entry) -> Result<bool, Error<F::Error>> {
        if entry.sectors as usize > self.sectors {
            return Ok(false);
        }
        let mut near = entry.first;
        for number in 1..entry.sectors {
            let Some(sequence) = entry.sequence.checked_add(number) else { return Ok(false) };
            let Some(sector) = self.sector_of(sequence, near) else { return Ok(false) };
            let mut record = [0; layout::CONTINUATION_BYTES];
            let start = self.address(sector);
            layout::read(&mut self.flash, start, &mut record).map_err(Error::Flash)?;
            if layout::decode_continuation(&record) != Some((sequence, entry.sequence)) {
                return Ok(false);
            }
            near = sector;
        }
        Ok(true)
    }

    fn free_unowned(&mut self) {
        for sequence in &mut self.sequences[..self.sectors] {
            if !self.index.iter().any(|entry| entry.owns(*sequence)) {
                *sequence = 0;
            }
        }
    }

    /// The number of this mount is durable before anyone can use it.
    fn count_boot(&mut self, lost: u32) -> Result<(), Error<F::Error>> {
        self.boot = self.log.last.boot.checked_add(1).ok_or(Error::Exhausted)?;
        if seeded!(self.seed, BootAfterUse) {
            return Ok(());
        }
        let damaged = self.log.last.damaged.saturating_add(lost);
        self.record(Record { victim: 0, damaged, ..self.log.last })
    }
}
