//! Seeded bugs, to prove that the tests would find them. Without the feature `mutants` this is nothing: the type
//! has no size, and every question is answered `false` when the crate is compiled.

use embedded_storage::nor_flash::NorFlash;

use super::item::Error;
use super::store::Queue;

/// A bug that a queue can be mounted with.
#[cfg(feature = "mutants")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mutant {
    /// The commit record is programmed before the end of the body.
    CommitBeforeBody,
    /// A commit is acknowledged before its record is programmed.
    AckBeforeCommit,
    /// After a mount the highest sequence number is used again.
    GenerationNotBumped,
    /// The sectors of an item are erased without a removal mark.
    EraseBeforeMark,
    /// A full log is erased before its successor is durable.
    LogErasedFirst,
    /// The boot counter is used at once and recorded with the next change of the log.
    BootAfterUse,
    /// An eviction is counted after it took place.
    EvictThenCount,
    /// A mount does not finish the eviction that the log announces.
    EvictionForgotten,
    /// A sector that begins blank is not erased before use.
    BlankTrusted,
    /// A torn removal mark is programmed again.
    TornMarkReused,
    /// A torn slot of the log is programmed again.
    TornSlotReused,
    /// A removal is acknowledged before its mark is programmed.
    AckBeforeMark,
}

#[cfg(feature = "mutants")]
impl Mutant {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::CommitBeforeBody,
        Self::AckBeforeCommit,
        Self::GenerationNotBumped,
        Self::EraseBeforeMark,
        Self::LogErasedFirst,
        Self::BootAfterUse,
        Self::EvictThenCount,
        Self::EvictionForgotten,
        Self::BlankTrusted,
        Self::TornMarkReused,
        Self::TornSlotReused,
        Self::AckBeforeMark,
    ];
}

/// The bug of this queue, if any.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seed {
    #[cfg(feature = "mutants")]
    pub(super) mutant: Option<Mutant>,
}

impl Seed {
    /// No bug.
    pub(super) const NONE: Self = Self {
        #[cfg(feature = "mutants")]
        mutant: None,
    };
}

/// Whether the queue has this bug.
macro_rules! seeded {
    ($seed:expr, $mutant:ident) => {{
        let seed: $crate::queue::seeded::Seed = $seed;
        #[cfg(feature = "mutants")]
        let has = seed.mutant == Some($crate::queue::seeded::Mutant::$mutant);
        #[cfg(not(feature = "mutants"))]
        let has = {
            let _ = seed;
            false
        };
        has
    }};
}

pub(super) use seeded;

#[cfg(feature = "mutants")]
impl<F: NorFlash, const ITEMS: usize, const SECTORS: usize> Queue<F, ITEMS, SECTORS> {
    /// Keeps a commit record back until the next change, if that is the bug of this queue.
    pub(super) fn postpone(&mut self, address: u32, record: &[u8]) -> bool {
        let postponed = seeded!(self.seed, AckBeforeCommit);
        if postponed {
            self.late = heapless::Vec::from_slice(record).ok().map(|record| (address, record));
        }
        postponed
    }

    /// Keeps a removal mark back until the next change.
    pub(super) fn remove_late(&mut self, place: usize) {
        let entry = self.index[place];
        let at =
            super::layout::Layout::<F>::MARKS_AT + usize::from(entry.marks) * super::layout::Layout::<F>::MARK_STEP;
        let mark = heapless::Vec::from_slice(&super::layout::MARK).ok();
        self.late = mark.map(|mark| (self.address(entry.first) + at as u32, mark));
        self.release(place);
    }

    /// Erases an item from its last sector to its first.
    pub(super) fn erase_all(&mut self, place: usize) -> Result<(), Error<F::Error>> {
        let entry = self.index[place];
        for number in (0..entry.sectors).rev() {
            if let Some(sector) = self.sector_of(entry.sequence + number, entry.first) {
                let start = self.address(sector);
                self.flash.erase(start, start + F::ERASE_SIZE as u32).map_err(Error::Flash)?;
            }
        }
        self.release(place);
        Ok(())
    }

    /// Programs what was kept back.
    pub(super) fn settle(&mut self) -> Result<(), Error<F::Error>> {
        match self.late.take() {
            Some((address, record)) => super::layout::program(&mut self.flash, address, &record).map_err(Error::Flash),
            None => Ok(()),
        }
    }
}

#[cfg(not(feature = "mutants"))]
impl<F: NorFlash, const ITEMS: usize, const SECTORS: usize> Queue<F, ITEMS, SECTORS> {
    #[inline]
    pub(super) fn postpone(&mut self, _address: u32, _record: &[u8]) -> bool {
        false
    }

    #[inline]
    pub(super) fn settle(&mut self) -> Result<(), Error<F::Error>> {
        Ok(())
    }
}
