//! The queue in RAM: its index, and what changes or reads the flash.

use embedded_storage::nor_flash::NorFlash;
use sha2::{Digest, Sha256};

use super::filter::Filter;
use super::item::{Error, Header, Item, ItemId, MAX_KIND, MAX_METADATA, Priority, Stats};
use super::layout::{self, HEAD_BYTES, Head, Layout, MARK, MARKS};
use super::log::{LOG_SECTORS, Log, Record};
use super::seeded::{Seed, seeded};
use super::writer::Writer;
use crate::checksum::Crc32;

/// What RAM knows of an item.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) id: ItemId,
    /// Sequence number of its first sector; the order of arrival.
    pub(super) sequence: u32,
    /// Its first sector.
    pub(super) first: usize,
    /// How many sectors it has.
    pub(super) sectors: u32,
    pub(super) metadata_bytes: u16,
    pub(super) body_bytes: u32,
    pub(super) priority: Priority,
    pub(super) kind: u8,
    pub(super) species: u16,
    /// Removal marks that are used up.
    pub(super) marks: u8,
    /// Whether the whole item was read since the mount and is what was written.
    pub(super) verified: bool,
    pub(super) sent_bytes: u32,
}

impl Entry {
    pub(super) fn new<F: NorFlash>(head: &Head, first: usize, marks: u8) -> Self {
        Self {
            id: head.header.id,
            sequence: head.sequence,
            first,
            sectors: u32::try_from(Layout::<F>::sectors(head.payload_bytes())).unwrap_or(u32::MAX),
            metadata_bytes: head.metadata_bytes,
            body_bytes: head.header.body_bytes,
            priority: head.header.priority,
            kind: head.header.kind,
            species: head.header.species,
            marks,
            verified: false,
            sent_bytes: 0,
        }
    }

    pub(super) fn owns(&self, sequence: u32) -> bool {
        sequence.checked_sub(self.sequence).is_some_and(|place| place < self.sectors)
    }
}

/// A durable queue over flash `F`, of at most `ITEMS` items in the first `SECTORS` sectors after the log.
///
/// One entry takes about 64 bytes of RAM, one sector 4 bytes. The order is that of priority, then of arrival.
#[derive(Debug)]
pub struct Queue<F, const ITEMS: usize, const SECTORS: usize> {
    pub(super) flash: F,
    /// Sectors for items that are used, at most `SECTORS`.
    pub(super) sectors: usize,
    /// The sequence number of each sector; 0 if it is free.
    pub(super) sequences: [u32; SECTORS],
    /// Where the search for a free sector begins.
    pub(super) cursor: usize,
    pub(super) next_sequence: u32,
    /// The first sequence number of an item that is being written, or was not committed.
    pub(super) open: Option<u32>,
    pub(super) index: heapless::Vec<Entry, ITEMS>,
    pub(super) log: Log,
    pub(super) boot: u32,
    pub(super) seed: Seed,
    /// What a bug keeps back.
    #[cfg(feature = "mutants")]
    pub(super) late: Option<(u32, heapless::Vec<u8, 16>)>,
}

impl<F: NorFlash, const ITEMS: usize, const SECTORS: usize> Queue<F, ITEMS, SECTORS> {
    /// The number of this mount: it rises with every mount, and none ever returns twice, whatever the power does.
    #[must_use]
    pub fn boot(&self) -> u32 {
        self.boot
    }

    /// What waits, and what was dropped.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let used: u32 = self.index.iter().map(|entry| entry.sectors).sum();
        let sectors = self.sectors as u32;
        Stats {
            waiting: self.index.len() as u32,
            waiting_bytes: self
                .index
                .iter()
                .map(|entry| u64::from(entry.metadata_bytes) + u64::from(entry.body_bytes))
                .sum(),
            evicted: self.log.last.evicted,
            refused: self.log.last.refused,
            damaged: self.log.last.damaged,
            free_sectors: sectors.saturating_sub(used),
            sectors,
        }
    }

    /// Sectors that an item of this size takes.
    #[must_use]
    pub fn sectors_for(metadata_bytes: usize, body_bytes: u32) -> u64 {
        Layout::<F>::sectors(metadata_bytes as u64 + u64::from(body_bytes))
    }

    /// The ids and priorities of all items, in no order. An item that the flash lost is still among them until
    /// it is read.
    pub fn ids(&self) -> impl Iterator<Item = (ItemId, Priority)> + '_ {
        self.index.iter().map(|entry| (entry.id, entry.priority))
    }

    /// Begins a new item. If there is no room, items that are not more important than this one are dropped, the
    /// least important first and the oldest of those first; they are counted, and gone even if this one is never
    /// committed.
    ///
    /// The item is not in the queue until [`Writer::commit`]. A writer that is dropped leaves nothing behind.
    ///
    /// # Errors
    /// [`Error::Duplicate`], [`Error::TooLarge`], [`Error::Refused`] if only more important items could make room
    /// (nothing is dropped then), [`Error::Exhausted`], [`Error::Flash`].
    pub fn begin(
        &mut self,
        header: &Header,
        metadata: &[u8],
    ) -> Result<Writer<'_, F, ITEMS, SECTORS>, Error<F::Error>> {
        self.settle()?;
        self.abandon();
        if metadata.len() > MAX_METADATA || header.kind > MAX_KIND {
            return Err(Error::TooLarge);
        }
        if self.position(header.id).is_some() {
            return Err(Error::Duplicate);
        }
        let needed = Self::sectors_for(metadata.len(), header.body_bytes);
        if needed > self.sectors as u64 {
            return Err(Error::TooLarge);
        }
        let needed = needed as u32;
        self.next_sequence.checked_add(needed).ok_or(Error::Exhausted)?;
        self.make_room(header.priority, needed)?;

        let head = Head {
            sequence: self.next_sequence,
            header: *header,
            metadata_bytes: metadata.len() as u16,
            metadata_crc: Crc32::of(metadata),
        };
        self.open = Some(head.sequence);
        Writer::start(self, head, metadata)
    }

    /// Writes an item whose body is at hand.
    ///
    /// # Errors
    /// Those of [`Queue::begin`] and [`Writer::commit`].
    pub fn put(&mut self, header: &Header, metadata: &[u8], body: &[u8]) -> Result<(), Error<F::Error>> {
        let mut writer = self.begin(header, metadata)?;
        writer.write(body)?;
        writer.commit()
    }

    /// The item to send next among those that `filter` lets through: the most important, and of these the one
    /// that came first. All of it is read and compared with its digest before it is returned the first time; what
    /// is damaged is dropped, counted and passed over.
    ///
    /// # Errors
    /// [`Error::Flash`], [`Error::Exhausted`].
    pub fn next(&mut self, filter: &Filter) -> Result<Option<Item>, Error<F::Error>> {
        loop {
            let matching = self.index.iter().enumerate().filter(|(_, entry)| {
                filter.allows(entry.id)
                    && filter.lets_through(entry.priority, entry.kind, entry.species, entry.body_bytes)
            });
            let first = matching.min_by_key(|(_, entry)| (core::cmp::Reverse(entry.priority), entry.sequence));
            let Some(place) = first.map(|(place, _)| place) else {
                return Ok(None);
            };
            match self.item(place) {
                Err(Error::Damaged) => {}
                other => return other.map(Some),
            }
        }
    }

    /// The item with this id.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Damaged`], [`Error::Flash`], [`Error::Exhausted`].
    pub fn get(&mut self, id: ItemId) -> Result<Item, Error<F::Error>> {
        let place = self.position(id).ok_or(Error::NotFound)?;
        self.item(place)
    }

    /// Reads the metadata of an item into `buffer`, and returns their length.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] and those of [`Queue::get`].
    pub fn read_metadata(&mut self, id: ItemId, buffer: &mut [u8]) -> Result<usize, Error<F::Error>> {
        let entry = self.verified(id)?;
        let length = usize::from(entry.metadata_bytes);
        let buffer = buffer.get_mut(..length).ok_or(Error::BufferTooSmall)?;
        self.read(&entry, 0, buffer)?;
        Ok(length)
    }

    /// The first item whose id is above `id`, with its metadata read into `buffer`: which it is, and the length of its
    /// metadata. What is damaged is passed over, as by [`Queue::next`].
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`], [`Error::Flash`], [`Error::Exhausted`].
    pub fn metadata_after(
        &mut self,
        mut id: ItemId,
        buffer: &mut [u8],
    ) -> Result<Option<(ItemId, usize)>, Error<F::Error>> {
        loop {
            let later = self.index.iter().map(|entry| entry.id).filter(|other| *other > id);
            let Some(next) = later.min() else { return Ok(None) };
            match self.read_metadata(next, buffer) {
                Err(Error::Damaged | Error::NotFound) => id = next,
                other => return other.map(|length| Some((next, length))),
            }
        }
    }

    /// Reads the body of an item from `offset` on into `buffer`, and returns how many bytes that are: fewer than
    /// the buffer holds only at the end of the body.
    ///
    /// # Errors
    /// Those of [`Queue::get`].
    pub fn read_body(&mut self, id: ItemId, offset: u32, buffer: &mut [u8]) -> Result<usize, Error<F::Error>> {
        let entry = self.verified(id)?;
        let length = buffer.len().min(entry.body_bytes.saturating_sub(offset) as usize);
        self.read(&entry, u64::from(entry.metadata_bytes) + u64::from(offset), &mut buffer[..length])?;
        Ok(length)
    }

    /// Remembers, until the next mount, how much of the body a partial upload has sent.
    ///
    /// # Errors
    /// [`Error::NotFound`], and [`Error::Length`] if the body is shorter.
    pub fn mark(&mut self, id: ItemId, sent_bytes: u32) -> Result<(), Error<F::Error>> {
        let place = self.position(id).ok_or(Error::NotFound)?;
        let entry = &mut self.index[place];
        if sent_bytes > entry.body_bytes {
            return Err(Error::Length);
        }
        entry.sent_bytes = sent_bytes;
        Ok(())
    }

    /// Removes an item: it was uploaded. On return it is gone for good, whatever the power does.
    ///
    /// # Errors
    /// [`Error::NotFound`], and [`Error::Flash`]: the item may still be there, and can be removed again.
    pub fn remove(&mut self, id: ItemId) -> Result<(), Error<F::Error>> {
        self.settle()?;
        let place = self.position(id).ok_or(Error::NotFound)?;
        #[cfg(feature = "mutants")]
        if seeded!(self.seed, EraseBeforeMark) {
            return self.erase_all(place);
        } else if seeded!(self.seed, AckBeforeMark) {
            self.remove_late(place);
            return Ok(());
        }
        let (first, slot) = (self.index[place].first, self.index[place].marks);
        // Whether it succeeds or not, this mark is used up.
        self.index[place].marks = slot + 1;
        let marked = self.program_mark(first, slot);
        if marked.is_ok() || slot + 1 >= MARKS {
            self.release(place);
        }
        marked
    }

    /// The flash, for what lies beside the queue in it.
    pub fn flash(&mut self) -> &mut F {
        &mut self.flash
    }

    /// Ends the queue and gives the flash back.
    pub fn into_flash(self) -> F {
        self.flash
    }

    pub(super) fn position(&self, id: ItemId) -> Option<usize> {
        self.index.iter().position(|entry| entry.id == id)
    }

    pub(super) fn address(&self, sector: usize) -> u32 {
        ((LOG_SECTORS + sector) * Layout::<F>::SECTOR) as u32
    }

    /// The sector with this sequence number; `near` is where it probably is.
    pub(super) fn sector_of(&self, sequence: u32, near: usize) -> Option<usize> {
        let used = &self.sequences[..self.sectors];
        (near..self.sectors).chain(0..near.min(self.sectors)).find(|sector| used[*sector] == sequence)
    }

    /// Takes the next free sector for the next sequence number, erases it, and returns both.
    pub(super) fn allocate(&mut self) -> Result<(usize, u32), Error<F::Error>> {
        let free = |sector: &usize| self.sequences[*sector] == 0;
        // `make_room` saw to it that there is one.
        let sector = (self.cursor..self.sectors).chain(0..self.cursor).find(free).ok_or(Error::Refused)?;
        let sequence = self.next_sequence;
        self.next_sequence = sequence.checked_add(1).ok_or(Error::Exhausted)?;
        self.sequences[sector] = sequence;
        self.cursor = (sector + 1) % self.sectors;
        let start = self.address(sector);
        if seeded!(self.seed, BlankTrusted)
            && layout::is_blank(&mut self.flash, start, HEAD_BYTES).map_err(Error::Flash)?
        {
            return Ok((sector, sequence));
        }
        self.flash.erase(start, start + Layout::<F>::SECTOR as u32).map_err(Error::Flash)?;
        Ok((sector, sequence))
    }

    /// Frees the sectors of an item that was begun and not committed.
    pub(super) fn abandon(&mut self) {
        if let Some(open) = self.open.take() {
            for sequence in &mut self.sequences[..self.sectors] {
                if *sequence >= open {
                    *sequence = 0;
                }
            }
        }
    }

    /// Forgets an item, whose sectors are free from now on.
    pub(super) fn release(&mut self, place: usize) {
        let entry = self.index.swap_remove(place);
        for sequence in &mut self.sequences[..self.sectors] {
            if entry.owns(*sequence) {
                *sequence = 0;
            }
        }
    }

    pub(super) fn program_mark(&mut self, first: usize, slot: u8) -> Result<(), Error<F::Error>> {
        let slot = if seeded!(self.seed, TornMarkReused) { 0 } else { slot };
        let at = Layout::<F>::MARKS_AT + usize::from(slot) * Layout::<F>::MARK_STEP;
        let address = self.address(first) + at as u32;
        layout::program(&mut self.flash, address, &MARK).map_err(Error::Flash)
    }

    /// Adds a record to the log, with the numbers that always go with it.
    pub(super) fn record(&mut self, record: Record) -> Result<(), Error<F::Error>> {
        let record = Record { boot: self.boot, next_sequence: self.next_sequence, ..record };
        self.log.append(&mut self.flash, record)
    }

    fn make_room(&mut self, newcomer: Priority, needed: u32) -> Result<(), Error<F::Error>> {
        let used: u32 = self.index.iter().map(|entry| entry.sectors).sum();
        let mut free = (self.sectors as u32).saturating_sub(used);
        let mut slots = ITEMS - self.index.len();
        let droppable = || self.index.iter().filter(|entry| entry.priority <= newcomer);
        let could_free: u32 = droppable().map(|entry| entry.sectors).sum();
        if free + could_free < needed || slots + droppable().count() == 0 {
            let refused = self.log.last.refused.saturating_add(1);
            self.record(Record { victim: 0, refused, ..self.log.last })?;
            return Err(Error::Refused);
        }
        while free < needed || slots == 0 {
            let least = self.index.iter().enumerate().min_by_key(|(_, entry)| (entry.priority, entry.sequence));
            let Some((place, entry)) = least else { return Err(Error::Refused) };
            free += entry.sectors;
            slots += 1;
            let evicted = self.log.last.evicted.saturating_add(1);
            self.drop_item(place, Record { evicted, ..self.log.last })?;
        }
        Ok(())
    }

    /// Drops an item on the queue's own account. The record condemns it and counts it in one step; a mount after
    /// a loss of power finishes what the record began.
    fn drop_item(&mut self, place: usize, record: Record) -> Result<(), Error<F::Error>> {
        let entry = self.index[place];
        if seeded!(self.seed, EvictThenCount) {
            self.program_mark(entry.first, entry.marks)?;
            self.release(place);
            return self.record(record);
        }
        self.record(Record { victim: entry.sequence, ..record })?;
        self.release(place);
        self.program_mark(entry.first, entry.marks)
    }

    /// The item at `place` of the index, once it is known to be whole.
    fn item(&mut self, place: usize) -> Result<Item, Error<F::Error>> {
        let entry = self.index[place];
        let head = self.read_head(&entry)?;
        let Some(head) = head.filter(|head| head.header.id == entry.id && head.sequence == entry.sequence) else {
            return Err(self.drop_damaged(place));
        };
        if !entry.verified {
            if !self.is_whole(&entry, &head)? {
                return Err(self.drop_damaged(place));
            }
            self.index[place].verified = true;
        }
        Ok(Item { header: head.header, metadata_bytes: head.metadata_bytes, sent_bytes: entry.sent_bytes })
    }

    fn verified(&mut self, id: ItemId) -> Result<Entry, Error<F::Error>> {
        let place = self.position(id).ok_or(Error::NotFound)?;
        if !self.index[place].verified {
            self.item(place)?;
        }
        Ok(self.index[place])
    }

    fn drop_damaged(&mut self, place: usize) -> Error<F::Error> {
        let damaged = self.log.last.damaged.saturating_add(1);
        self.drop_item(place, Record { damaged, ..self.log.last }).err().unwrap_or(Error::Damaged)
    }

    fn read_head(&mut self, entry: &Entry) -> Result<Option<Head>, Error<F::Error>> {
        let mut record = [0; HEAD_BYTES];
        let address = self.address(entry.first);
        layout::read(&mut self.flash, address, &mut record).map_err(Error::Flash)?;
        Ok(Head::decode(&record))
    }

    fn is_whole(&mut self, entry: &Entry, head: &Head) -> Result<bool, Error<F::Error>> {
        let mut buffer = [0; layout::BUFFER];
        let mut crc = Crc32::new();
        let mut sha = Sha256::new();
        let metadata_end = u64::from(head.metadata_bytes);
        let end = head.payload_bytes();
        let mut position = 0;
        while position < end {
            let stop = if position < metadata_end { metadata_end } else { end };
            let length = (buffer.len() as u64).min(stop - position) as usize;
            self.read(entry, position, &mut buffer[..length])?;
            if position < metadata_end {
                crc.update(&buffer[..length]);
            } else {
                sha.update(&buffer[..length]);
            }
            position += length as u64;
        }
        Ok(crc.finish() == head.metadata_crc && sha.finalize()[..] == head.header.sha256)
    }

    /// Reads metadata and body of an item as one run of bytes; the caller keeps within its length.
    fn read(&mut self, entry: &Entry, mut position: u64, mut bytes: &mut [u8]) -> Result<(), Error<F::Error>> {
        let mut near = entry.first;
        while !bytes.is_empty() {
            let (number, at) = Layout::<F>::place(position);
            let sequence = entry.sequence.checked_add(number).ok_or(Error::Exhausted)?;
            // Every sector of an entry was found at mount or at commit, and is its own until it is released.
            near = self.sector_of(sequence, near).ok_or(Error::NotFound)?;
            let (now, later) = bytes.split_at_mut(bytes.len().min(Layout::<F>::SECTOR - at));
            let address = self.address(near) + at as u32;
            layout::read(&mut self.flash, address, now).map_err(Error::Flash)?;
            position += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }
}
