//! The boot counter and the counts of what was dropped: records one after the other in a ring of sectors.

use embedded_storage::nor_flash::NorFlash;

use super::item::Error;
use super::layout::{self, Fields, Layout, is_sealed, number, seal};
use super::seeded::{Seed, seeded};

/// Sectors of the log at the start of the flash. One is erased only while another holds the latest record.
pub const LOG_SECTORS: usize = 2;

const RECORD_BYTES: usize = 36;
const MAGIC: [u8; 4] = *b"WQl1";

/// What the latest record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    /// Rises with each record.
    pub(super) number: u32,
    /// The mount that wrote it.
    pub(super) boot: u32,
    /// No sequence number from here on was used when the record was written.
    pub(super) next_sequence: u32,
    /// The item that this record condemns: its removal mark follows. 0 is none.
    pub(super) victim: u32,
    pub(super) evicted: u32,
    pub(super) refused: u32,
    pub(super) damaged: u32,
}

impl Record {
    fn encode(&self) -> [u8; RECORD_BYTES] {
        let mut record = [0; RECORD_BYTES];
        let mut fields = Fields(&mut record);
        fields.put(MAGIC);
        for number in
            [self.number, self.boot, self.next_sequence, self.victim, self.evicted, self.refused, self.damaged]
        {
            fields.put(number.to_le_bytes());
        }
        seal(&mut record);
        record
    }

    fn decode(record: &[u8; RECORD_BYTES]) -> Option<Self> {
        is_sealed(record, MAGIC).then(|| Self {
            number: number(record, 4),
            boot: number(record, 8),
            next_sequence: number(record, 12),
            victim: number(record, 16),
            evicted: number(record, 20),
            refused: number(record, 24),
            damaged: number(record, 28),
        })
    }
}

/// The log of a mounted queue.
#[derive(Debug)]
pub(super) struct Log {
    sector: usize,
    /// The next slot of the sector that may be free.
    slot: usize,
    pub(super) last: Record,
    seed: Seed,
}

impl Log {
    /// The log of flash that was not looked at. It counts as one whose last sector is full, so the first append erases
    /// the first sector.
    pub(super) const fn empty<F: NorFlash>(seed: Seed) -> Self {
        let nothing = Record { number: 0, boot: 0, next_sequence: 1, victim: 0, evicted: 0, refused: 0, damaged: 0 };
        Self { sector: LOG_SECTORS - 1, slot: Self::slots::<F>(), last: nothing, seed }
    }

    /// Finds the latest record.
    pub(super) fn scan<F: NorFlash>(flash: &mut F, seed: Seed) -> Result<Self, F::Error> {
        let mut log = Self::empty::<F>(seed);
        let mut record = [0; RECORD_BYTES];
        for sector in 0..LOG_SECTORS {
            for slot in 0..Self::slots::<F>() {
                layout::read(flash, Self::address::<F>(sector, slot), &mut record)?;
                if let Some(found) = Record::decode(&record).filter(|found| found.number > log.last.number) {
                    log.last = found;
                    log.sector = sector;
                    log.slot = slot + 1;
                }
            }
        }
        Ok(log)
    }

    const fn slots<F: NorFlash>() -> usize {
        Layout::<F>::SECTOR / Layout::<F>::units(RECORD_BYTES)
    }

    const fn address<F: NorFlash>(sector: usize, slot: usize) -> u32 {
        (sector * Layout::<F>::SECTOR + slot * Layout::<F>::units(RECORD_BYTES)) as u32
    }

    /// Makes `next` the latest record; its number is given here. It is durable on return.
    pub(super) fn append<F: NorFlash>(&mut self, flash: &mut F, next: Record) -> Result<(), Error<F::Error>> {
        let number = self.last.number.checked_add(1).ok_or(Error::Exhausted)?;
        let next = Record { number, ..next };
        // A slot that a loss of power tore is left out.
        while self.slot < Self::slots::<F>()
            && !seeded!(self.seed, TornSlotReused)
            && !layout::is_blank(flash, Self::address::<F>(self.sector, self.slot), RECORD_BYTES)
                .map_err(Error::Flash)?
        {
            self.slot += 1;
        }
        if self.slot >= Self::slots::<F>() {
            let other = if seeded!(self.seed, LogErasedFirst) { self.sector } else { (self.sector + 1) % LOG_SECTORS };
            let start = Self::address::<F>(other, 0);
            flash.erase(start, start + Layout::<F>::SECTOR as u32).map_err(Error::Flash)?;
            self.sector = other;
            self.slot = 0;
        }
        let address = Self::address::<F>(self.sector, self.slot);
        self.slot += 1;
        layout::program(flash, address, &next.encode()).map_err(Error::Flash)?;
        self.last = next;
        Ok(())
    }
}
