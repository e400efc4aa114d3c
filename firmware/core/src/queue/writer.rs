//! An item on its way into the flash.

use core::fmt;

use embedded_storage::nor_flash::NorFlash;
use sha2::{Digest, Sha256};

use super::item::Error;
use super::layout::{self, BUFFER, HEAD_BYTES, Head, Layout};
use super::seeded::seeded;
use super::store::{Entry, Queue};

/// Takes the body of one item, piece by piece. The item is in the queue once [`Writer::commit`] returns.
pub struct Writer<'q, F, const ITEMS: usize, const SECTORS: usize> {
    queue: &'q mut Queue<F, ITEMS, SECTORS>,
    head: Head,
    record: [u8; HEAD_BYTES],
    first: usize,
    /// The sector that is being filled, and the place in it where the buffer goes.
    sector: usize,
    at: usize,
    buffer: [u8; BUFFER],
    filled: usize,
    body_bytes: u32,
    sha: Sha256,
    failed: bool,
}

impl<F, const ITEMS: usize, const SECTORS: usize> fmt::Debug for Writer<'_, F, ITEMS, SECTORS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("head", &self.head).field("body_bytes", &self.body_bytes).finish_non_exhaustive()
    }
}

impl<'q, F: NorFlash, const ITEMS: usize, const SECTORS: usize> Writer<'q, F, ITEMS, SECTORS> {
    pub(super) fn start(
        queue: &'q mut Queue<F, ITEMS, SECTORS>,
        head: Head,
        metadata: &[u8],
    ) -> Result<Self, Error<F::Error>> {
        let (first, sequence) = queue.allocate()?;
        debug_assert_eq!(sequence, head.sequence);
        let record = head.encode();
        let address = queue.address(first);
        layout::program(&mut queue.flash, address, &record).map_err(Error::Flash)?;
        let mut writer = Self {
            queue,
            head,
            record,
            first,
            sector: first,
            at: Layout::<F>::FIRST_AT,
            buffer: [0xFF; BUFFER],
            filled: 0,
            body_bytes: 0,
            sha: Sha256::new(),
            failed: false,
        };
        writer.append(metadata)?;
        Ok(writer)
    }

    /// Bytes of the body written so far.
    #[must_use]
    pub fn written_bytes(&self) -> u32 {
        self.body_bytes
    }

    /// Writes the next piece of the body.
    ///
    /// # Errors
    /// [`Error::Length`] if it is more than the header says; [`Error::Flash`], after which the item cannot be
    /// committed; [`Error::Abandoned`] after such an error.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), Error<F::Error>> {
        if self.failed {
            return Err(Error::Abandoned);
        }
        let left = self.head.header.body_bytes - self.body_bytes;
        let length = u32::try_from(piece.len()).ok().filter(|length| *length <= left).ok_or(Error::Length)?;
        self.sha.update(piece);
        self.body_bytes += length;
        let appended = self.append(piece);
        self.failed = appended.is_err();
        appended
    }

    /// Makes the item durable. On return it survives any loss of power.
    ///
    /// # Errors
    /// [`Error::Length`] and [`Error::Digest`] if the body is not the one of the header, [`Error::Abandoned`] if
    /// a write failed. After [`Error::Flash`] the item may be there at the next mount, whole, or not at all.
    pub fn commit(mut self) -> Result<(), Error<F::Error>> {
        if self.failed {
            return Err(Error::Abandoned);
        }
        if self.body_bytes != self.head.header.body_bytes {
            return Err(Error::Length);
        }
        if self.sha.finalize_reset()[..] != self.head.header.sha256 {
            return Err(Error::Digest);
        }
        let commit = layout::commit(&self.record);
        let address = self.queue.address(self.first) + Layout::<F>::COMMIT_AT as u32;
        if seeded!(self.queue.seed, CommitBeforeBody) {
            layout::program(&mut self.queue.flash, address, &commit).map_err(Error::Flash)?;
            self.flush()?;
        } else {
            self.flush()?;
            if !self.queue.postpone(address, &commit) {
                layout::program(&mut self.queue.flash, address, &commit).map_err(Error::Flash)?;
            }
        }
        // The sectors belong to an entry now, and not to an open item.
        self.queue.open = None;
        let entry = Entry::new::<F>(&self.head, self.first, 0);
        // `begin` saw to it that there is a place.
        self.queue.index.push(entry).map_err(|_| Error::IndexTooSmall)
    }

    fn append(&mut self, mut bytes: &[u8]) -> Result<(), Error<F::Error>> {
        while !bytes.is_empty() {
            if self.at + self.filled == Layout::<F>::SECTOR {
                self.flush()?;
                self.next_sector()?;
            } else if self.filled == BUFFER {
                self.flush()?;
            }
            let room = (BUFFER - self.filled).min(Layout::<F>::SECTOR - self.at - self.filled);
            let (now, later) = bytes.split_at(bytes.len().min(room));
            self.buffer[self.filled..self.filled + now.len()].copy_from_slice(now);
            self.filled += now.len();
            bytes = later;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error<F::Error>> {
        let address = self.queue.address(self.sector) + self.at as u32;
        if self.filled > 0 {
            layout::program(&mut self.queue.flash, address, &self.buffer[..self.filled]).map_err(Error::Flash)?;
        }
        self.at += Layout::<F>::units(self.filled);
        self.filled = 0;
        Ok(())
    }

    fn next_sector(&mut self) -> Result<(), Error<F::Error>> {
        let (sector, sequence) = self.queue.allocate()?;
        let record = layout::continuation(sequence, self.head.sequence);
        let address = self.queue.address(sector);
        layout::program(&mut self.queue.flash, address, &record).map_err(Error::Flash)?;
        self.sector = sector;
        self.at = Layout::<F>::NEXT_AT;
        Ok(())
    }
}
