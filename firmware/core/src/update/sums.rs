//! Digests of the image's sectors, by which wrong bytes are found before they are written.
//!
//! ```text
//! 0   first bytes of the SHA-256 of sector 0     8
//! 8   the same of sector 1                       8
//! ... one for each 4 KiB of the image; the last one is of what is left
//! ```
//!
//! They lie at the start of the last sector of the region, and count when the SHA-256 of all of them is the order's.

use embedded_storage::nor_flash::NorFlash;
use sha2::{Digest as _, Sha256};

use super::{
    Error, SECTOR, Source, Update, Work, failed,
    record::{Record, Stage},
    seeded::seeded,
};
use crate::layout::{Region, SECTOR_BYTES};

/// Bytes that a sector's digest has: the first ones of its SHA-256.
pub const SUM_BYTES: usize = 8;

/// Longest patch, in bytes, for which no digests of sectors are fetched: it is a piece by itself, and begins anew when it
/// gave something else.
pub const SHORT_PATCH_BYTES: u32 = 16 * 1024;

/// How often in a row, without a new sector, a patch may be wrong before the whole image is fetched; of a short patch, how often
/// at all.
pub const STRIKES: u8 = 4;

/// Bytes read at a time, two digests: flash is read in units of up to so many.
const PAIR: usize = 2 * SUM_BYTES;
/// Bytes hashed at a time.
const CHUNK: usize = 256;

const _: () = assert!(SECTOR.is_multiple_of(CHUNK) && CHUNK.is_multiple_of(PAIR));

/// The digest of a sector of an image, or of what the last one holds.
#[must_use]
pub fn sum(sector: &[u8]) -> [u8; SUM_BYTES] {
    let digest: [u8; 32] = Sha256::digest(sector).into();
    let mut sum = [0; SUM_BYTES];
    sum.copy_from_slice(&digest[..SUM_BYTES]);
    sum
}

/// How many bytes the digests of an image of so many bytes have; `None` when they do not fit into a sector, as those of
/// more than 2 MiB.
#[must_use]
pub const fn sums_bytes(image_bytes: u32) -> Option<u32> {
    let bytes = image_bytes.div_ceil(SECTOR_BYTES) * SUM_BYTES as u32;
    if bytes <= SECTOR_BYTES { Some(bytes) } else { None }
}

/// Whether there are digests to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sums {
    /// There are none, or they are of no use for a short patch.
    Unused,
    /// They are to be fetched.
    Missing,
    /// They lie in their sector.
    Held,
}

impl<F: NorFlash> Update<F> {
    /// How often what came was wrong since the last new sector; of a short patch, how often it was at all.
    pub fn strikes(&self) -> u8 {
        self.strikes
    }

    /// Goes on without the digests of sectors until the update is opened again, because nobody has them. The digest of
    /// the whole decides as ever, and wrong bytes cost a try.
    ///
    /// # Errors
    /// [`Error::NotWanted`] unless [`What::Sums`](super::What::Sums) is wanted.
    pub fn go_without_sums(&mut self) -> Result<(), Error> {
        if self.work == Work::Nothing || self.sums != Sums::Missing {
            return Err(Error::NotWanted);
        }
        (self.sums, self.goes_without, self.filled) = (Sums::Unused, true, 0);
        Ok(())
    }

    /// The sector that holds them.
    const fn sums_region(&self) -> Region {
        let update = self.layout.update;
        Region { offset: update.offset + update.bytes - SECTOR_BYTES, bytes: SECTOR_BYTES }
    }

    /// SHA-256 and length of the digests that the order names.
    fn named_sums(&self) -> Option<([u8; 32], u32)> {
        let order = self.order().filter(|_| !self.goes_without)?;
        Some((order.sums_sha256?, sums_bytes(order.image_bytes)?))
    }

    /// Finds out whether they are needed, and there.
    pub(super) fn look_for_sums(&mut self) -> Result<(), Error> {
        self.sums = Sums::Unused;
        let Some((sha256, bytes)) = self.named_sums() else { return Ok(()) };
        let is_short = self.record.as_ref().is_some_and(Record::is_short_patch);
        if self.work == Work::Nothing || is_short {
            return Ok(());
        }
        let region = self.sums_region();
        let mut hasher = Sha256::new();
        let mut chunk = [0; CHUNK];
        let mut is_blank = true;
        for at in (0..bytes).step_by(CHUNK) {
            let now = (bytes - at).min(CHUNK as u32) as usize;
            // The sector has whole chunks, however many digests there are.
            self.flash.read(region.offset + at, &mut chunk).map_err(failed)?;
            is_blank &= chunk[..now].iter().all(|byte| *byte == 0xFF);
            hasher.update(&chunk[..now]);
        }
        let held: [u8; 32] = hasher.finalize().into();
        let any = seeded!(self.seed, SumsOfAnother) && !is_blank;
        self.sums = if held == sha256 || any { Sums::Held } else { Sums::Missing };
        Ok(())
    }

    /// Takes the next of them in, in the memory of the sector: none is being filled before they are there.
    pub(super) fn feed_sums(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let Some((sha256, all)) = self.named_sums() else { return Err(Error::NotWanted) };
        let place = self.sector.get_mut(self.filled..self.filled + bytes.len()).ok_or(Error::NotWanted)?;
        place.copy_from_slice(bytes);
        self.filled += bytes.len();
        if self.filled < all as usize {
            return Ok(());
        }
        let filled = core::mem::take(&mut self.filled);
        let came: [u8; 32] = Sha256::digest(&self.sector[..filled]).into();
        if came != sha256 && !seeded!(self.seed, SumsTrusted) {
            return Err(Error::Wrong);
        }
        let region = self.sums_region();
        let whole = filled.next_multiple_of(F::WRITE_SIZE);
        self.sector[filled..whole].fill(0xFF);
        self.flash.erase(region.offset, region.offset + region.bytes).map_err(failed)?;
        self.flash.write(region.offset, &self.sector[..whole]).map_err(failed)?;
        self.sums = Sums::Held;
        Ok(())
    }

    /// Whether the sector that was filled is the image's, as far as can be told.
    pub(super) fn is_right(&mut self) -> Result<bool, Error> {
        if self.sums != Sums::Held {
            return Ok(true);
        }
        let at = self.sectors as usize * SUM_BYTES;
        let mut pair = [0; PAIR];
        let address = self.sums_region().offset + (at / PAIR * PAIR) as u32;
        self.flash.read(address, &mut pair).map_err(failed)?;
        Ok(pair[at % PAIR..][..SUM_BYTES] == sum(&self.sector[..self.filled]))
    }

    /// What a patch that cannot be read, or gave something else, comes to: the other one's fault who gave it, if the order lets
    /// that be told.
    pub(super) fn refuse(&mut self) -> Result<(), Error> {
        if self.named_sums().is_some() { Err(Error::Wrong) } else { self.fail() }
    }

    /// Goes back to the last place if what came was wrong, and gives the error back.
    pub(super) fn strike(&mut self, error: Error) -> Result<(), Error> {
        if error != Error::Wrong || seeded!(self.seed, StateKept) {
            return Err(error);
        }
        let Some(mut record) = self.record.clone() else { return Err(error) };
        let strikes = self.strikes.saturating_add(1);
        if record.stage == Stage::Patch {
            if strikes >= STRIKES {
                self.fail()?;
                return Err(error);
            }
            (record.strikes, record.struck_at) = (strikes, self.sectors);
            self.write_record(&record)?;
            self.record = Some(record.clone());
        }
        self.resume(&record)?;
        self.strikes = strikes;
        Err(error)
    }
}

impl Record {
    /// Whether the image is made of a patch for which digests of sectors would be too much.
    pub(super) const fn is_short_patch(&self) -> bool {
        match self.order.source {
            Source::Delta { patch_bytes, .. } => matches!(self.stage, Stage::Patch) && patch_bytes <= SHORT_PATCH_BYTES,
            Source::Full => false,
        }
    }

    /// How often its patch was wrong since it came to so many sectors.
    pub(super) fn strikes_at(&self, sectors: u32) -> u8 {
        let counts = self.stage == Stage::Patch && (self.is_short_patch() || self.struck_at == sectors);
        if counts { self.strikes } else { 0 }
    }
}
