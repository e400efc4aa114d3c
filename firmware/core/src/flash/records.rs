//! Two sectors of records that are only ever appended; the latest valid one counts.
//!
//! ```text
//! 0   magic "WCu1"        4
//! 4   number              4   little-endian; the highest one is the latest
//! 8   length              2   of the payload
//! 10  zeros               2
//! 12  CRC-32              4   over the 12 bytes before it and the payload
//! 16  payload                 and then erased bytes to a whole unit of the flash
//! ```
//!
//! A record is programmed in one go, into blank flash. One sector is erased only while the other one holds the latest
//! record. What follows a torn record is left alone until its sector is erased.
//!
//! A loss of power at any operation leaves the latest record as it was before, or as it was to be.

use core::fmt;

use embedded_storage::nor_flash::{NorFlash, NorFlashError, NorFlashErrorKind};

use crate::{checksum::Crc32, layout::Region};

/// Bytes of a record before its payload.
pub(crate) const HEAD_BYTES: usize = 16;

/// Sectors that the records lie in.
pub(crate) const SECTORS: usize = 2;

const MAGIC: [u8; 4] = *b"WCu1";
const CHECKED: usize = 12;
/// Bytes read at a time.
const CHUNK: usize = 64;

/// Why records could not be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The region has not two sectors of the flash, a record does not fit into one, or the buffer given is too short.
    Geometry,
    /// The flash failed.
    Flash(NorFlashErrorKind),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Geometry => "the flash does not fit the records",
            Self::Flash(_) => "the flash of the records failed",
        })
    }
}

impl core::error::Error for Error {}

fn failed(error: impl NorFlashError) -> Error {
    Error::Flash(error.kind())
}

/// Bugs that records can be opened with, to prove that tests find them; without the feature `mutants` there are none.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bugs {
    /// The checksums of records are not compared.
    #[cfg(feature = "mutants")]
    pub(crate) torn_trusted: bool,
    /// The sector with the latest record is erased before its successor is durable.
    #[cfg(feature = "mutants")]
    pub(crate) latest_erased: bool,
}

impl Bugs {
    #[cfg(feature = "mutants")]
    const fn torn_trusted(self) -> bool {
        self.torn_trusted
    }
    #[cfg(not(feature = "mutants"))]
    const fn torn_trusted(self) -> bool {
        false
    }
    #[cfg(feature = "mutants")]
    const fn latest_erased(self) -> bool {
        self.latest_erased
    }
    #[cfg(not(feature = "mutants"))]
    const fn latest_erased(self) -> bool {
        false
    }
}

#[derive(Debug, Clone, Copy)]
struct Found {
    number: u32,
    /// Of its payload.
    address: u32,
    bytes: usize,
}

/// Records that were looked for in a region. The flash is lent for each call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Records {
    region: Region,
    latest: Option<Found>,
    /// The sector that holds the latest record, and where the next one goes in it. At its end, the other one is erased before.
    sector: usize,
    at: usize,
    bugs: Bugs,
}

/// Bytes of the flash that a record with so many bytes of payload takes.
const fn taken<F: NorFlash>(payload: usize) -> usize {
    (HEAD_BYTES + payload).next_multiple_of(F::WRITE_SIZE)
}

/// What every flash must keep to.
const fn fits<F: NorFlash>() {
    assert!(HEAD_BYTES.is_multiple_of(F::READ_SIZE), "the head of a record is read whole");
    assert!(CHUNK.is_multiple_of(F::READ_SIZE), "a chunk is read whole");
    assert!(F::ERASE_SIZE.is_multiple_of(F::WRITE_SIZE) && F::ERASE_SIZE <= 1 << 16, "a sector has whole units");
}

impl Records {
    /// Looks at what `region` holds after any loss of power. It writes nothing.
    pub(crate) fn open<F: NorFlash>(flash: &mut F, region: Region) -> Result<Self, Error> {
        Self::open_with(flash, region, Bugs::default())
    }

    /// Records that were not read yet: there is nothing to be had from them.
    pub(crate) const fn closed(region: Region, bugs: Bugs) -> Self {
        Self { region, latest: None, sector: 1, at: 0, bugs }
    }

    /// The same with bugs.
    pub(crate) fn open_with<F: NorFlash>(flash: &mut F, region: Region, bugs: Bugs) -> Result<Self, Error> {
        const { fits::<F>() };
        let end = region.offset.checked_add(region.bytes).ok_or(Error::Geometry)?;
        let is_aligned = (region.offset as usize).is_multiple_of(F::ERASE_SIZE);
        if region.bytes as usize != SECTORS * F::ERASE_SIZE || !is_aligned || end as usize > flash.capacity() {
            return Err(Error::Geometry);
        }
        // Where there is none, it is as if the second sector were full: the first record erases the first one.
        let mut records = Self { region, latest: None, sector: 1, at: F::ERASE_SIZE, bugs };
        let mut ends = [0; SECTORS];
        for (sector, end) in ends.iter_mut().enumerate() {
            *end = records.scan(flash, sector)?;
        }
        if records.latest.is_some() {
            let end = ends[records.sector];
            records.at = if records.is_blank(flash, end)? { end } else { F::ERASE_SIZE };
        }
        Ok(records)
    }

    /// Reads a sector's records, and says where they end.
    fn scan<F: NorFlash>(&mut self, flash: &mut F, sector: usize) -> Result<usize, Error> {
        let mut at = 0;
        while at + HEAD_BYTES <= F::ERASE_SIZE {
            let mut head = [0; HEAD_BYTES];
            flash.read(self.address::<F>(sector, at), &mut head).map_err(failed)?;
            let number = |at: usize| head[at..].first_chunk().copied().map_or(0, u32::from_le_bytes);
            let bytes = usize::from(u16::from_le_bytes([head[8], head[9]]));
            if head[..4] != MAGIC || bytes == 0 || at + taken::<F>(bytes) > F::ERASE_SIZE {
                break;
            }
            let found = Found { number: number(4), address: self.address::<F>(sector, at + HEAD_BYTES), bytes };
            if !self.bugs.torn_trusted() && checksum(flash, &head, found)? != number(CHECKED) {
                break;
            }
            // By the serial numbers of RFC 1982: a number that nobody reached by counting must not end the log.
            let is_later =
                |latest: Found| found.number != latest.number && found.number.wrapping_sub(latest.number) < 1 << 31;
            if self.latest.is_none_or(is_later) {
                (self.latest, self.sector) = (Some(found), sector);
            }
            at += taken::<F>(bytes);
        }
        Ok(at)
    }

    const fn address<F: NorFlash>(&self, sector: usize, at: usize) -> u32 {
        self.region.offset + (sector * F::ERASE_SIZE + at) as u32
    }

    fn is_blank<F: NorFlash>(&self, flash: &mut F, from: usize) -> Result<bool, Error> {
        let mut chunk = [0; CHUNK];
        let mut at = from;
        while at < F::ERASE_SIZE {
            let now = CHUNK.min(F::ERASE_SIZE - at);
            flash.read(self.address::<F>(self.sector, at), &mut chunk[..now]).map_err(failed)?;
            if chunk[..now].iter().any(|byte| *byte != 0xFF) {
                return Ok(false);
            }
            at += now;
        }
        Ok(true)
    }

    /// The payload of the latest record, at the start of `out`; `None` when there is none, or `out` is too short.
    pub(crate) fn latest<'o, F: NorFlash>(&self, flash: &mut F, out: &'o mut [u8]) -> Result<Option<&'o [u8]>, Error> {
        let Some(found) = self.latest else { return Ok(None) };
        let Some(whole) = out.get_mut(..found.bytes.next_multiple_of(F::READ_SIZE)) else { return Ok(None) };
        flash.read(found.address, whole).map_err(failed)?;
        Ok(out.get(..found.bytes))
    }

    /// Makes the payload of so many `bytes`, which lies in `record` behind room for a head, the latest one; it is durable on
    /// return. `record` need only be as long as the record in whole units of the flash.
    ///
    /// After an error the record before is still the latest, and another one may be appended.
    pub(crate) fn append<F: NorFlash>(&mut self, flash: &mut F, record: &mut [u8], bytes: usize) -> Result<(), Error> {
        let whole = taken::<F>(bytes);
        let length = u16::try_from(bytes).map_err(|_| Error::Geometry)?;
        let record = record.get_mut(..whole).filter(|_| bytes > 0 && whole <= F::ERASE_SIZE).ok_or(Error::Geometry)?;
        let number = self.latest.map_or(0, |latest| latest.number).wrapping_add(1);
        record[..4].copy_from_slice(&MAGIC);
        record[4..8].copy_from_slice(&number.to_le_bytes());
        record[8..10].copy_from_slice(&length.to_le_bytes());
        record[10..CHECKED].fill(0);
        let mut crc = Crc32::new();
        crc.update(&record[..CHECKED]);
        crc.update(&record[HEAD_BYTES..HEAD_BYTES + bytes]);
        record[CHECKED..HEAD_BYTES].copy_from_slice(&crc.finish().to_le_bytes());
        record[HEAD_BYTES + bytes..].fill(0xFF);
        let (mut sector, mut at) = (self.sector, self.at);
        // Until the record is there, this sector counts as full: a failure may tear what lies behind the latest record, and
        // it must never be the other sector that is kept.
        self.at = F::ERASE_SIZE;
        if at + whole > F::ERASE_SIZE {
            (sector, at) = (if self.bugs.latest_erased() { sector } else { 1 - sector }, 0);
            let start = self.address::<F>(sector, 0);
            flash.erase(start, start + F::ERASE_SIZE as u32).map_err(failed)?;
        }
        flash.write(self.address::<F>(sector, at), record).map_err(failed)?;
        (self.sector, self.at) = (sector, at + whole);
        self.latest = Some(Found { number, address: self.address::<F>(sector, at + HEAD_BYTES), bytes });
        Ok(())
    }
}

fn checksum<F: NorFlash>(flash: &mut F, head: &[u8; HEAD_BYTES], found: Found) -> Result<u32, Error> {
    let mut crc = Crc32::new();
    crc.update(&head[..CHECKED]);
    let mut chunk = [0; CHUNK];
    for at in (0..found.bytes).step_by(CHUNK) {
        let now = CHUNK.min(found.bytes - at);
        let whole = now.next_multiple_of(F::READ_SIZE);
        flash.read(found.address + at as u32, &mut chunk[..whole]).map_err(failed)?;
        crc.update(&chunk[..now]);
    }
    Ok(crc.finish())
}

#[cfg(all(test, feature = "powercut"))]
mod tests {
    use std::{format, println, vec, vec::Vec};

    use super::*;
    use crate::flash::powercut::{Depth, PowerCutFlash, Scenario, Stop, enumerate};

    type Flash<const S: usize> = PowerCutFlash<4, S>;

    const fn region<const S: usize>() -> Region {
        Region { offset: S as u32, bytes: (SECTORS * S) as u32 }
    }

    /// Payloads of many lengths, so that sectors end in many ways.
    fn payload(round: u8) -> Vec<u8> {
        (0..1 + usize::from(round) * 37 % 90).map(|n| round ^ n as u8).collect()
    }

    fn append<const S: usize>(records: &mut Records, flash: &mut Flash<S>, payload: &[u8]) -> Result<(), Error> {
        let mut record = [0; 128];
        record[HEAD_BYTES..HEAD_BYTES + payload.len()].copy_from_slice(payload);
        let taken = (HEAD_BYTES + payload.len()).next_multiple_of(4);
        records.append(flash, &mut record[..taken], payload.len())
    }

    fn latest<const S: usize>(records: &Records, flash: &mut Flash<S>) -> Option<Vec<u8>> {
        let mut out = [0; 128];
        records.latest(flash, &mut out).expect("the flash works").map(<[u8]>::to_vec)
    }

    struct Life;

    #[derive(Debug, Clone, Default, Hash)]
    struct Known {
        kept: Option<Vec<u8>>,
        asked: Option<Vec<u8>>,
        round: u8,
    }

    fn live<const S: usize>(flash: &mut Flash<S>, known: &mut Known, rounds: u8) -> Result<(), Stop> {
        let stop = |error: Error, powered: bool| match powered {
            true => Stop::Broken(format!("the records failed: {error}")),
            false => Stop::PowerLost,
        };
        let powered = flash.is_powered();
        let mut records = Records::open(flash, region::<S>()).map_err(|error| stop(error, powered))?;
        let found = latest(&records, flash);
        if found != known.kept && found != known.asked {
            return Err(Stop::Broken(format!("{found:?} was found, and {:?} was kept", known.kept)));
        }
        (known.kept, known.asked) = (found, None);
        for _ in 0..rounds {
            known.round += 1;
            let next = payload(known.round);
            known.asked = Some(next.clone());
            append(&mut records, flash, &next).map_err(|error| stop(error, flash.is_powered()))?;
            (known.kept, known.asked) = (Some(next), None);
            assert_eq!(latest(&records, flash), known.kept);
        }
        Ok(())
    }

    impl<const S: usize> Scenario<4, S> for Life {
        type Known = Known;

        fn start(&self) -> (Flash<S>, Known) {
            (Flash::new(SECTORS + 2).write_once(), Known::default())
        }

        fn run(&self, flash: &mut Flash<S>, known: &mut Known) -> Result<(), Stop> {
            live(flash, known, 20)
        }

        fn recover(&self, flash: &mut Flash<S>, known: &mut Known) -> Result<(), Stop> {
            // Far enough that both sectors are begun anew.
            live(flash, known, 12)
        }
    }

    #[test]
    fn the_latest_record_holds_under_every_pair_of_cuts() {
        let reports = [enumerate::<4, 128, _>(&Life, Depth::Pairs), enumerate::<4, 256, _>(&Life, Depth::Pairs)];
        for report in reports {
            match report {
                Ok(report) => println!("records: {report}"),
                Err(failure) => panic!("{failure}"),
            }
        }
    }

    #[test]
    fn after_a_failure_the_latest_record_is_still_there_and_another_may_follow() {
        for operation in 0..24 {
            let mut flash = Flash::<128>::new(SECTORS + 2);
            let mut records = Records::open(&mut flash, region::<128>()).unwrap();
            let mut kept = None;
            flash.power_on();
            let form = crate::flash::powercut::Form::Words(1);
            flash.arm(crate::flash::powercut::Cut { operation, form });
            for round in 0..40 {
                let next = payload(round);
                if append(&mut records, &mut flash, &next).is_ok() {
                    kept = Some(next);
                } else {
                    // The camera went on: what failed was one operation.
                    flash.power_on();
                }
                assert_eq!(latest(&records, &mut flash), kept);
                let again = Records::open(&mut flash, region::<128>()).unwrap();
                assert_eq!(latest(&again, &mut flash), kept, "operation {operation}, round {round}");
            }
            assert_eq!(flash.violation(), None);
            assert_eq!([flash.erases()[0], flash.erases()[3]], [0, 0], "outside of the region");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_before_anything_is_written() {
        let mut flash = Flash::<128>::new(SECTORS + 2);
        let mut records = Records::open(&mut flash, region::<128>()).unwrap();
        let mut record = vec![0; 256];
        for (room, bytes) in [(256, 0), (256, 113), (128, 113), (16, 4), (256, 1 << 17)] {
            assert_eq!(records.append(&mut flash, &mut record[..room], bytes), Err(Error::Geometry), "{bytes}");
        }
        assert!(flash.trace().is_empty());
        assert_eq!(records.append(&mut flash, &mut record[..128], 112), Ok(()));
        let (one, far) = (Region { offset: 0, bytes: 128 }, Region { offset: 384, bytes: 256 });
        let aside = Region { offset: 64, bytes: 256 };
        for wrong in [one, far, aside, Region { offset: u32::MAX - 255, bytes: 256 }] {
            assert_eq!(Records::open(&mut flash, wrong).err(), Some(Error::Geometry));
        }
    }
}
