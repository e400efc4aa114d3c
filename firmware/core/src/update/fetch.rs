//! Bytes that come, and sectors that are written.

use embedded_storage::nor_flash::NorFlash;

use super::{
    Error, SECTOR, Source, Status, Sums, Update, Wanted, What, Work, failed,
    log::HEAD_BYTES,
    record::{PLACE_BYTES, Record, Stage},
    seeded::seeded,
    sums::sums_bytes,
};
use crate::{
    delta::{self, Applier, Head, MAX_HEAD_BYTES, STATE_BYTES},
    layout::SECTOR_BYTES,
};

/// What came gives something else than was ordered.
struct Wrong;

impl<F: NorFlash> Update<F> {
    /// Begins with the first sector of the image.
    pub(super) fn start(&mut self) -> Result<(), Error> {
        (self.sectors, self.filled, self.held, self.strikes) = (0, 0, 0, 0);
        self.applies = false;
        let stage = self.record.as_ref().map(|record| record.stage);
        (self.work, self.status) = match stage {
            Some(Stage::Patch) => (Work::Patch, Status::Downloading),
            Some(Stage::Image) => (Work::Image, Status::Downloading),
            Some(Stage::Done) => (Work::Nothing, Status::Confirmed),
            _ => (Work::Nothing, self.status),
        };
        self.look_for_sums()
    }

    /// Goes on from the last place of this order, if there is one.
    pub(super) fn resume(&mut self, record: &Record) -> Result<(), Error> {
        self.start()?;
        self.take_place(record)?;
        self.strikes = record.strikes_at(self.sectors);
        if self.work == Work::Patch && self.wants().is_none() {
            // The patch was read to its end, and the power went before the last sectors were made.
            self.status = Status::Complete;
        }
        Ok(())
    }

    fn take_place(&mut self, record: &Record) -> Result<(), Error> {
        let any_order = seeded!(self.seed, PlaceOfAnother);
        let all = record.order.image_bytes.div_ceil(SECTOR_BYTES);
        let Some(place) = self.places.latest(&mut self.flash, &mut self.sector)? else { return Ok(()) };
        let Some((sectors, state)) = record.read_place(place, any_order) else { return Ok(()) };
        match (record.stage, state) {
            (_, None) if sectors == all => (self.work, self.status) = (Work::Nothing, Status::Complete),
            (Stage::Image, None) if sectors < all => {}
            (Stage::Patch, Some(state)) if sectors < all => {
                let Some(head) = record.head.clone() else { return Ok(()) };
                let Some(state) = state.first_chunk::<STATE_BYTES>() else { return Ok(()) };
                self.applier.restart(head);
                let sound = self.applier.reload(state);
                self.applies = sound && Some(self.applier.made()) == sectors.checked_mul(SECTOR_BYTES);
                if !self.applies {
                    return Ok(());
                }
            }
            _ => return Ok(()),
        }
        self.sectors = sectors;
        Ok(())
    }

    /// Which bytes are wanted next; `None` when none are.
    pub fn wants(&self) -> Option<Wanted> {
        let order = self.order()?;
        let (what, offset, end) = match (self.work, order.source) {
            (Work::Image | Work::Patch, _) if self.sums == Sums::Missing => {
                (What::Sums, self.filled as u32, sums_bytes(order.image_bytes)?)
            }
            (Work::Image, _) => (What::Image, self.sectors * SECTOR_BYTES + self.filled as u32, order.image_bytes),
            (Work::Patch, Source::Delta { patch_bytes, .. }) => (What::Patch, self.patch_read(), patch_bytes),
            _ => return None,
        };
        let at_most = end.checked_sub(offset).filter(|left| *left > 0)?;
        Some(Wanted { what, offset, at_most })
    }

    /// Bytes of the patch that were fed.
    fn patch_read(&self) -> u32 {
        let taken = |applier: &Applier| head_bytes(applier.head()).saturating_add(applier.offset());
        Some(&self.applier).filter(|_| self.applies).map_or(0, taken).saturating_add(self.held as u32)
    }

    /// Takes bytes that are wanted: those of `what` from `offset` on. What goes beyond the end is ignored. Ask again what is
    /// [wanted](Update::wants) after each call: bytes that turn out to be of no use change it.
    ///
    /// # Errors
    /// [`Error::NotWanted`] when [`Update::wants`] says otherwise, [`Error::Wrong`] when these bytes or those before them are not
    /// what was ordered, [`Error::Flash`].
    pub fn feed(&mut self, what: What, offset: u32, bytes: &[u8]) -> Result<Status, Error> {
        let wanted = self.wants().ok_or(Error::NotWanted)?;
        if (wanted.what, wanted.offset) != (what, offset) {
            return Err(Error::NotWanted);
        }
        let bytes = &bytes[..bytes.len().min(wanted.at_most as usize)];
        let result = match what {
            What::Sums => self.feed_sums(bytes),
            What::Image => self.feed_image(bytes).or_else(|error| self.strike(error)),
            What::Patch => self.feed_patch(bytes).or_else(|error| self.strike(error)),
        };
        self.settled(result)
    }

    /// The status after something was done.
    pub(super) fn settled(&mut self, result: Result<(), Error>) -> Result<Status, Error> {
        if result.is_err_and(|error| error != Error::Wrong) {
            // What the flash holds now is found out by opening it again.
            (self.work, self.status) = (Work::Nothing, Status::Idle);
        }
        result.map(|()| self.status)
    }

    fn feed_image(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        let Some(all) = self.order().map(|order| order.image_bytes) else { return Ok(()) };
        while !bytes.is_empty() && self.status == Status::Downloading {
            let count = bytes.len().min(SECTOR - self.filled);
            let (now, rest) = bytes.split_at(count);
            self.sector[self.filled..self.filled + count].copy_from_slice(now);
            self.filled += count;
            bytes = rest;
            if self.filled == SECTOR || self.sectors * SECTOR_BYTES + self.filled as u32 == all {
                self.commit()?;
            }
        }
        Ok(())
    }

    fn feed_patch(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let count = bytes.len().min(self.input.len() - self.held);
            let (now, rest) = bytes.split_at(count);
            self.input[self.held..self.held + count].copy_from_slice(now);
            self.held += count;
            bytes = rest;
            if !self.applies {
                match self.read_head() {
                    Ok(Some((head, read))) => {
                        self.input.copy_within(read..self.held, 0);
                        self.held -= read;
                        self.keep_head(head.clone())?;
                        self.applier.restart(head);
                        self.applies = true;
                    }
                    Ok(None) => continue,
                    Err(Wrong) => return self.refuse(),
                }
            }
            self.apply()?;
            if self.work != Work::Patch {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The head of the patch and its length; `None` while more of it is needed.
    fn read_head(&self) -> Result<Option<(Head, usize)>, Wrong> {
        let order = self.order().ok_or(Wrong)?;
        let Source::Delta { base_sha256, patch_bytes, .. } = order.source else { return Err(Wrong) };
        match Head::parse(&self.input[..self.held]) {
            Ok((head, read)) => {
                let fits = head.base_sha256 == base_sha256
                    && head.target_sha256 == order.image_sha256
                    && head.target_bytes == order.image_bytes;
                if fits { Ok(Some((head, read))) } else { Err(Wrong) }
            }
            Err(delta::Error::Short) if self.held < MAX_HEAD_BYTES && (self.held as u32) < patch_bytes => Ok(None),
            Err(_) => Err(Wrong),
        }
    }

    /// The head is needed to go on from any place.
    fn keep_head(&mut self, head: Head) -> Result<(), Error> {
        let Some(mut record) = self.record.take() else { return Ok(()) };
        record.head = Some(head);
        let result = self.write_record(&record);
        self.record = Some(record);
        result
    }

    /// Makes what the held input gives, sector after sector.
    pub(super) fn apply(&mut self) -> Result<(), Error> {
        let base = self.slot(self.running);
        while self.work == Work::Patch {
            let last = self.wants().is_none();
            if !self.applies {
                return self.refuse();
            }
            let applier = &mut self.applier;
            let input = &self.input[..self.held];
            let step = match applier.advance(&mut self.flash, base, input, last, &mut self.sector[self.filled..]) {
                Ok(step) => step,
                Err(delta::Error::Flash(kind)) => return Err(Error::Flash(kind)),
                Err(delta::Error::Short | delta::Error::Malformed) => return self.refuse(),
            };
            let is_done = applier.is_done();
            self.input.copy_within(step.consumed..self.held, 0);
            self.held -= step.consumed;
            self.filled += step.written;
            if self.filled == SECTOR || is_done {
                self.commit()?;
            } else if step.consumed == 0 && step.written == 0 {
                // An end that makes nothing more is no end.
                return if last { self.refuse() } else { Ok(()) };
            }
        }
        Ok(())
    }

    /// Compares the sector, writes it, and then that it is whole.
    fn commit(&mut self) -> Result<(), Error> {
        if !seeded!(self.seed, SectorFirst) && !self.is_right()? {
            return Err(Error::Wrong);
        }
        let Some(record) = self.record.take() else { return Ok(()) };
        let result = self.write_both(&record);
        let all = record.order.image_bytes.div_ceil(SECTOR_BYTES);
        self.record = Some(record);
        result?;
        self.sectors += 1;
        self.filled = 0;
        self.strikes = self.record.as_ref().map_or(0, |record| record.strikes_at(self.sectors));
        if self.sectors == all {
            (self.work, self.status, self.held) = (Work::Nothing, Status::Complete, 0);
        }
        Ok(())
    }

    fn write_both(&mut self, record: &Record) -> Result<(), Error> {
        if !seeded!(self.seed, PlaceFirst) {
            self.write_sector(record)?;
            if seeded!(self.seed, SectorFirst) && !self.is_right()? {
                return Err(Error::Wrong);
            }
            return self.write_place(record);
        }
        let sector = self.sector;
        self.write_place(record)?;
        self.sector = sector;
        self.write_sector(record)
    }

    fn write_sector(&mut self, record: &Record) -> Result<(), Error> {
        let last = self.sectors + 1 == record.order.image_bytes.div_ceil(SECTOR_BYTES);
        let astray = last && seeded!(self.seed, LastSectorAstray);
        let slot = self.slot(if astray { record.slot.other() } else { record.slot });
        let address = slot.offset + self.sectors * SECTOR_BYTES;
        if !slot.holds(address, SECTOR_BYTES) {
            return Err(Error::Geometry);
        }
        if !seeded!(self.seed, NotErased) {
            self.flash.erase(address, address + SECTOR_BYTES).map_err(failed)?;
        }
        let whole = self.filled.next_multiple_of(F::WRITE_SIZE);
        self.sector[self.filled..whole].fill(0xFF);
        self.flash.write(address, &self.sector[..whole]).map_err(failed)
    }

    /// Uses the memory of the sector, which is in the flash by now.
    fn write_place(&mut self, record: &Record) -> Result<(), Error> {
        let whole = self.sectors + 1;
        // At the end nothing is to be gone on with.
        let is_end = whole == record.order.image_bytes.div_ceil(SECTOR_BYTES);
        let applier = Some(&mut self.applier).filter(|_| self.applies && !is_end);
        let (head, state) = self.sector[HEAD_BYTES..].split_at_mut(PLACE_BYTES);
        record.place(whole, applier.is_some(), head);
        let mut bytes = PLACE_BYTES;
        if let (Some(applier), Some(state)) = (applier, state.first_chunk_mut()) {
            applier.save(state);
            bytes += STATE_BYTES;
        }
        Ok(self.places.append(&mut self.flash, &mut self.sector, bytes)?)
    }
}

/// Length of the head of a patch.
fn head_bytes(head: &Head) -> u32 {
    let mut bytes = [0; MAX_HEAD_BYTES];
    head.write(&mut bytes) as u32
}
