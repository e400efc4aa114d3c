//! What a camera keeps between starts: how often it started, the time, why it started, the last command that it took on,
//! and its endpoint list.
//!
//! Three sectors with records that are only ever appended; of each of the two kinds the latest valid one counts. When a
//! sector is full, another one is erased and everything is written into it anew. It is one that holds neither of the two
//! records that count, and of three there is always one, whatever losses of power left behind.
//!
//! ```text
//! 0   magic "WSr1"   4
//! 4   sequence       4   little-endian
//! 8   kind           1
//! 9   zero           1
//! 10  length         2
//! 12  CRC-32         4   over the 12 bytes before it and the payload
//! 16  payload            in units of the flash
//! ```

use core::fmt;

use embedded_storage::nor_flash::{NorFlash, NorFlashError as _, NorFlashErrorKind};

use crate::{checksum::Crc32, cose::MAX_DOCUMENT};

/// Sectors that the store has.
pub const SECTORS: usize = 3;

const MAGIC: [u8; 4] = *b"WSr1";
const HEAD_BYTES: usize = 16;
const COUNTERS: u8 = 1;
const ENDPOINTS: u8 = 2;
const COUNTERS_BYTES: usize = 32;
/// A shorter record has none of the numbers. One of another length was written by an older or a newer build, which an
/// update and a rollback leave: what it has of the numbers counts, and the others are 0.
const LEAST_COUNTERS_BYTES: usize = 16;
/// Bytes programmed at once, and the largest unit of a flash.
const BUFFER: usize = 512;

/// Why the store could not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The flash has too few or too small sectors, or units that do not fit.
    Geometry,
    /// The list is larger than any valid one, or than the buffer.
    TooLarge,
    /// A counter reached its end.
    Exhausted,
    /// The flash failed.
    Flash(NorFlashErrorKind),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Geometry => "the flash does not fit the settings",
            Self::TooLarge => "the endpoint list is too large",
            Self::Exhausted => "a counter of the settings reached its end",
            Self::Flash(_) => "the flash of the settings failed",
        })
    }
}

impl core::error::Error for Error {}

/// The numbers among the settings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Counters {
    /// How often the camera started.
    pub boot: u32,
    /// The last time that it knew, milliseconds since 1970; 0 for none.
    pub unix_ms: u64,
    /// Why it started the last time, a number of the firmware's.
    pub cause: u8,
    /// Whether a gateway knows its key.
    pub enrolled: bool,
    /// The number of the last command that it took on; 0 for none.
    pub command: u64,
}

impl Counters {
    fn encode(self) -> [u8; COUNTERS_BYTES] {
        let mut bytes = [0; COUNTERS_BYTES];
        bytes[..4].copy_from_slice(&self.boot.to_le_bytes());
        bytes[4..12].copy_from_slice(&self.unix_ms.to_le_bytes());
        bytes[12] = self.cause;
        bytes[13] = u8::from(self.enrolled);
        bytes[16..24].copy_from_slice(&self.command.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; COUNTERS_BYTES]) -> Self {
        let boot = bytes.first_chunk().copied().map_or(0, u32::from_le_bytes);
        let unix_ms = bytes[4..].first_chunk().copied().map_or(0, u64::from_le_bytes);
        let command = bytes[16..].first_chunk().copied().map_or(0, u64::from_le_bytes);
        Self { boot, unix_ms, cause: bytes[12], enrolled: bytes[13] != 0, command }
    }
}

/// Where a valid record lies.
#[derive(Debug, Clone, Copy)]
struct Place {
    sequence: u32,
    /// Of its head.
    address: u32,
    bytes: usize,
}

/// The settings in a flash of their own, or in a part of one.
pub struct Settings<F> {
    flash: F,
    sequence: u32,
    sector: usize,
    /// Where the next record goes in that sector.
    at: usize,
    counters: Counters,
    /// Where the numbers lie, if they do.
    counted: Option<Place>,
    list: Option<Place>,
}

/// The head of a record, as it was found.
struct Head {
    sequence: u32,
    kind: u8,
    bytes: usize,
    crc: u32,
    /// What the checksum begins with.
    start: Crc32,
}

fn head_of(bytes: &[u8; HEAD_BYTES]) -> Option<Head> {
    let number = |at: usize| bytes[at..].first_chunk().copied().map_or(0, u32::from_le_bytes);
    if bytes[..4] != MAGIC {
        return None;
    }
    let mut start = Crc32::new();
    start.update(&bytes[..12]);
    let length = u16::from_le_bytes([bytes[10], bytes[11]]);
    Some(Head { sequence: number(4), kind: bytes[8], bytes: usize::from(length), crc: number(12), start })
}

impl<F: NorFlash> Settings<F> {
    const HEAD: usize = HEAD_BYTES.next_multiple_of(F::WRITE_SIZE);
    const SECTOR: usize = F::ERASE_SIZE;
    const FITS: () = {
        assert!(HEAD_BYTES.is_multiple_of(F::READ_SIZE), "a head is read whole");
        assert!(COUNTERS_BYTES.is_multiple_of(F::READ_SIZE), "the numbers are read whole");
        assert!(BUFFER.is_multiple_of(F::WRITE_SIZE), "a unit fits the buffer");
        assert!(Self::max_list() > 0, "a sector holds two lists and more");
    };

    /// Bytes that a record with this payload takes.
    const fn record(payload: usize) -> usize {
        Self::HEAD + payload.next_multiple_of(F::WRITE_SIZE)
    }

    /// The largest list: a sector must hold two of them and the numbers.
    const fn max_list() -> usize {
        let room = F::ERASE_SIZE / 2;
        let taken = Self::record(COUNTERS_BYTES) + Self::HEAD + F::WRITE_SIZE;
        let most = room.saturating_sub(taken);
        if most < MAX_DOCUMENT { most } else { MAX_DOCUMENT }
    }

    /// Reads what `flash` holds; flash that holds no settings is a camera's first start.
    ///
    /// # Errors
    /// [`Error::Geometry`], [`Error::Flash`].
    pub fn mount(flash: F) -> Result<Self, Error> {
        const { Self::FITS };
        if flash.capacity() < SECTORS * Self::SECTOR {
            return Err(Error::Geometry);
        }
        // As if the last sector were full: the first append erases the first one.
        let (sector, counters) = (SECTORS - 1, Counters::default());
        let mut store = Self { flash, sequence: 0, sector, at: Self::SECTOR, counters, counted: None, list: None };
        for sector in 0..SECTORS {
            store.scan(sector)?;
        }
        Ok(store)
    }

    fn scan(&mut self, sector: usize) -> Result<(), Error> {
        let mut at = 0;
        while at + Self::HEAD <= Self::SECTOR {
            let address = (sector * Self::SECTOR + at) as u32;
            let mut bytes = [0; HEAD_BYTES];
            self.read(address, &mut bytes)?;
            let Some(head) = head_of(&bytes) else { break };
            let next = at + Self::record(head.bytes);
            if next > Self::SECTOR || self.checksum(address, head.bytes, head.start)? != head.crc {
                break;
            }
            if head.sequence > self.sequence {
                (self.sequence, self.sector) = (head.sequence, sector);
            }
            let place = Place { sequence: head.sequence, address, bytes: head.bytes };
            let is_newer = |known: Option<Place>| known.is_none_or(|known| place.sequence > known.sequence);
            match head.kind {
                COUNTERS if head.bytes >= LEAST_COUNTERS_BYTES && is_newer(self.counted) => {
                    let mut payload = [0; COUNTERS_BYTES];
                    let known = head.bytes.min(COUNTERS_BYTES);
                    let read = known.next_multiple_of(F::READ_SIZE).min(COUNTERS_BYTES);
                    self.read(address + Self::HEAD as u32, &mut payload[..read])?;
                    payload[known..].fill(0);
                    self.counters = Counters::decode(&payload);
                    self.counted = Some(place);
                }
                ENDPOINTS if is_newer(self.list) => self.list = Some(place),
                _ => {}
            }
            at = next;
        }
        // What follows the last valid record of the sector that is written to must be blank; a loss of power may have
        // torn a record there, and then the rest of the sector is left alone.
        if self.sector == sector && self.sequence > 0 {
            self.at = if self.is_blank(sector, at)? { at } else { Self::SECTOR };
        }
        Ok(())
    }

    fn is_blank(&mut self, sector: usize, from: usize) -> Result<bool, Error> {
        let mut chunk = [0; HEAD_BYTES];
        let mut at = from;
        while at < Self::SECTOR {
            let now = HEAD_BYTES.min(Self::SECTOR - at);
            self.read((sector * Self::SECTOR + at) as u32, &mut chunk[..now])?;
            if chunk[..now].iter().any(|byte| *byte != 0xFF) {
                return Ok(false);
            }
            at += now;
        }
        Ok(true)
    }

    fn read(&mut self, address: u32, out: &mut [u8]) -> Result<(), Error> {
        self.flash.read(address, out).map_err(|error| Error::Flash(error.kind()))
    }

    /// The checksum of a record whose head is at `address`; `crc` has its first 12 bytes in it.
    fn checksum(&mut self, address: u32, bytes: usize, mut crc: Crc32) -> Result<u32, Error> {
        let mut chunk = [0; 64];
        let mut at = 0;
        while at < bytes {
            let now = (bytes - at).min(chunk.len());
            self.read(address + (Self::HEAD + at) as u32, &mut chunk[..now.next_multiple_of(F::READ_SIZE)])?;
            crc.update(&chunk[..now]);
            at += now;
        }
        Ok(crc.finish())
    }

    /// The numbers.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Counts this start and notes its cause; returns its number, which is durable before anyone can use it. It is more
    /// than `least`, so that a camera whose settings were lost need not begin at a number that its gateways have seen.
    ///
    /// # Errors
    /// [`Error::Exhausted`], [`Error::Flash`].
    pub fn count_boot(&mut self, cause: u8, least: u32) -> Result<u32, Error> {
        let boot = self.counters.boot.max(least).checked_add(1).ok_or(Error::Exhausted)?;
        self.set_counters(Counters { boot, cause, ..self.counters })?;
        Ok(boot)
    }

    /// Keeps the time.
    ///
    /// # Errors
    /// [`Error::Exhausted`], [`Error::Flash`].
    pub fn set_time(&mut self, unix_ms: u64) -> Result<(), Error> {
        self.set_counters(Counters { unix_ms, ..self.counters })
    }

    /// Notes that a gateway knows the camera's key.
    ///
    /// # Errors
    /// [`Error::Exhausted`], [`Error::Flash`].
    pub fn set_enrolled(&mut self) -> Result<(), Error> {
        self.set_counters(Counters { enrolled: true, ..self.counters })
    }

    /// Notes that a command is taken on, before it is: it is then done once at most.
    ///
    /// # Errors
    /// [`Error::Exhausted`], [`Error::Flash`].
    pub fn set_command(&mut self, command: u64) -> Result<(), Error> {
        self.set_counters(Counters { command, ..self.counters })
    }

    fn set_counters(&mut self, counters: Counters) -> Result<(), Error> {
        self.make_room(Self::record(COUNTERS_BYTES))?;
        self.append_counters(counters)
    }

    fn append_counters(&mut self, counters: Counters) -> Result<(), Error> {
        let place = self.append(COUNTERS, COUNTERS_BYTES, |_, _, out| {
            out.copy_from_slice(&counters.encode()[..out.len()]);
            Ok(())
        })?;
        (self.counters, self.counted) = (counters, Some(place));
        Ok(())
    }

    /// The signed endpoint list that was kept last, at the start of `buffer`.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when the buffer does not hold it, [`Error::Flash`].
    pub fn endpoints<'b>(&mut self, buffer: &'b mut [u8]) -> Result<Option<&'b [u8]>, Error> {
        let Some(list) = self.list else { return Ok(None) };
        let padded = buffer.get_mut(..list.bytes.next_multiple_of(F::READ_SIZE)).ok_or(Error::TooLarge)?;
        self.flash.read(list.address + Self::HEAD as u32, padded).map_err(|error| Error::Flash(error.kind()))?;
        Ok(buffer.get(..list.bytes))
    }

    /// Keeps a signed endpoint list in place of the one before.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Exhausted`], [`Error::Flash`]: the one before is still there.
    pub fn set_endpoints(&mut self, document: &[u8]) -> Result<(), Error> {
        if document.len() > Self::max_list() {
            return Err(Error::TooLarge);
        }
        self.make_room(Self::record(document.len()))?;
        let place = self.append(ENDPOINTS, document.len(), |_, at, out| {
            out.copy_from_slice(document.get(at..at + out.len()).ok_or(Error::TooLarge)?);
            Ok(())
        })?;
        self.list = Some(place);
        Ok(())
    }

    /// Begins another sector if this one has no room, with everything that counts.
    fn make_room(&mut self, bytes: usize) -> Result<(), Error> {
        if self.at + bytes <= Self::SECTOR {
            return Ok(());
        }
        let holds = |place: Option<Place>, sector: usize| {
            place.is_some_and(|place| place.address as usize / Self::SECTOR == sector)
        };
        let next = (1..=SECTORS)
            .map(|step| (self.sector + step) % SECTORS)
            .find(|sector| !holds(self.list, *sector) && !holds(self.counted, *sector))
            .ok_or(Error::Geometry)?;
        let start = (next * Self::SECTOR) as u32;
        self.flash.erase(start, start + Self::SECTOR as u32).map_err(|error| Error::Flash(error.kind()))?;
        (self.sector, self.at) = (next, 0);
        if let Some(list) = self.list {
            let from = list.address + Self::HEAD as u32;
            let place = self.append(ENDPOINTS, list.bytes, |flash, at, out| {
                let mut aligned = [0; BUFFER];
                let padded = out.len().next_multiple_of(F::READ_SIZE);
                let aligned = aligned.get_mut(..padded).ok_or(Error::Geometry)?;
                flash.read(from + at as u32, aligned).map_err(|error| Error::Flash(error.kind()))?;
                out.copy_from_slice(&aligned[..out.len()]);
                Ok(())
            })?;
            self.list = Some(place);
        }
        self.append_counters(self.counters)
    }

    /// Appends a record whose payload `fill` gives piece by piece, twice: for the checksum and to be written.
    fn append(
        &mut self,
        kind: u8,
        bytes: usize,
        mut fill: impl FnMut(&mut F, usize, &mut [u8]) -> Result<(), Error>,
    ) -> Result<Place, Error> {
        let sequence = self.sequence.checked_add(1).ok_or(Error::Exhausted)?;
        let address = (self.sector * Self::SECTOR + self.at) as u32;
        let mut head = [0; HEAD_BYTES];
        head[..4].copy_from_slice(&MAGIC);
        head[4..8].copy_from_slice(&sequence.to_le_bytes());
        head[8] = kind;
        head[10..12].copy_from_slice(&(bytes as u16).to_le_bytes());
        let mut buffer = [0xFF; BUFFER];
        let mut crc = Crc32::new();
        crc.update(&head[..12]);
        for at in (0..bytes).step_by(BUFFER) {
            let piece = &mut buffer[..BUFFER.min(bytes - at)];
            fill(&mut self.flash, at, piece)?;
            crc.update(piece);
        }
        head[12..].copy_from_slice(&crc.finish().to_le_bytes());
        buffer.fill(0xFF);
        buffer[..HEAD_BYTES].copy_from_slice(&head);
        // Even if it fails, this place is used up.
        self.at = Self::SECTOR.min(self.at + Self::record(bytes));
        self.sequence = sequence;
        self.flash.write(address, &buffer[..Self::HEAD]).map_err(|error| Error::Flash(error.kind()))?;
        for at in (0..bytes).step_by(BUFFER) {
            buffer.fill(0xFF);
            let piece = BUFFER.min(bytes - at);
            fill(&mut self.flash, at, &mut buffer[..piece])?;
            let unit = &buffer[..piece.next_multiple_of(F::WRITE_SIZE)];
            let target = address + (Self::HEAD + at) as u32;
            self.flash.write(target, unit).map_err(|error| Error::Flash(error.kind()))?;
        }
        Ok(Place { sequence, address, bytes })
    }

    /// Ends the store and gives the flash back.
    pub fn into_flash(self) -> F {
        self.flash
    }
}

#[cfg(all(test, feature = "powercut"))]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::flash::powercut::PowerCutFlash;

    type Memory = PowerCutFlash<4, 4096>;

    /// The numbers as a build wrote them that knows fewer of them, or more.
    fn of_another_build(payload: &[u8]) -> Memory {
        let mut record = Vec::from(MAGIC);
        record.extend(7_u32.to_le_bytes());
        record.extend([COUNTERS, 0, payload.len() as u8, 0]);
        let mut crc = Crc32::new();
        crc.update(&record);
        crc.update(payload);
        record.extend(crc.finish().to_le_bytes());
        record.extend(payload);
        let mut flash = Memory::new(SECTORS);
        flash.write(0, &record).expect("a fresh flash takes a record");
        flash
    }

    #[test]
    fn an_update_and_a_rollback_keep_the_numbers() {
        let counters = Counters { boot: 900, unix_ms: 1_790_000_000_000, cause: 2, enrolled: true, command: 12 };
        let mut bytes = counters.encode().to_vec();
        for (length, command) in [(16, 0), (20, 0), (24, 12), (32, 12), (48, 12)] {
            bytes.resize(length.max(COUNTERS_BYTES), 0xEE);
            let mut settings = Settings::mount(of_another_build(&bytes[..length])).unwrap();
            let known = settings.counters();
            assert_eq!((known.boot, known.enrolled, known.unix_ms), (900, true, counters.unix_ms), "{length} bytes");
            assert!(length == 20 || known.command == command, "{length} bytes: {known:?}");
            // And they are carried over when a sector is begun anew.
            for _ in 0..300 {
                settings.set_time(5).unwrap();
            }
            let again = Settings::mount(settings.into_flash()).unwrap().counters();
            assert_eq!((again.boot, again.enrolled, again.unix_ms), (900, true, 5));
        }
    }
}
