//! Records and places in the flash. All numbers are little-endian.

use core::marker::PhantomData;

use embedded_storage::nor_flash::NorFlash;

use super::item::{Header, ItemId, MAX_KIND, MAX_METADATA, Priority};
use crate::checksum::Crc32;

/// Bytes programmed at once, and the largest unit of a flash that a queue can use: a block of a card.
pub(super) const BUFFER: usize = 512;

pub(super) const HEAD_BYTES: usize = 84;
pub(super) const COMMIT_BYTES: usize = 16;
pub(super) const CONTINUATION_BYTES: usize = 16;
pub(super) const MARK_BYTES: usize = 4;
/// A removal can be torn by a loss of power once and be repeated.
pub(super) const MARKS: u8 = 2;

// The last digit is the version of the layout.
const HEAD_MAGIC: [u8; 4] = *b"WQh1";
const CONTINUATION_MAGIC: [u8; 4] = *b"WQc1";
const COMMIT_MAGIC: [u8; 4] = *b"WQw1";
pub(super) const MARK: [u8; 4] = *b"WQr1";

/// Where things lie in flash of the units of `F`.
pub(super) struct Layout<F>(PhantomData<F>);

impl<F: NorFlash> Layout<F> {
    pub(super) const SECTOR: usize = F::ERASE_SIZE;
    pub(super) const COMMIT_AT: usize = Self::units(HEAD_BYTES);
    pub(super) const MARKS_AT: usize = Self::COMMIT_AT + Self::units(COMMIT_BYTES);
    pub(super) const MARK_STEP: usize = Self::units(MARK_BYTES);
    /// Where the metadata begin in the first sector.
    pub(super) const FIRST_AT: usize = Self::MARKS_AT + MARKS as usize * Self::MARK_STEP;
    /// Where the body goes on in a further sector.
    pub(super) const NEXT_AT: usize = Self::units(CONTINUATION_BYTES);

    const FIRST_ROOM: usize = Self::SECTOR.saturating_sub(Self::FIRST_AT);
    const NEXT_ROOM: usize = Self::SECTOR.saturating_sub(Self::NEXT_AT);

    pub(super) const FITS: () = assert!(
        BUFFER.is_multiple_of(F::WRITE_SIZE)
            && BUFFER.is_multiple_of(F::READ_SIZE)
            && F::ERASE_SIZE.is_multiple_of(F::WRITE_SIZE)
            && F::ERASE_SIZE.is_multiple_of(F::READ_SIZE)
            && F::ERASE_SIZE <= 1 << 24
            && Self::FIRST_ROOM > 0
            && Self::NEXT_ROOM > 0,
        "a queue needs units that divide 512 bytes, and sectors that hold more than the records"
    );

    /// `bytes` rounded up to whole units of a program.
    pub(super) const fn units(bytes: usize) -> usize {
        bytes.next_multiple_of(F::WRITE_SIZE)
    }

    /// Sectors that an item with so many bytes of metadata and body takes.
    pub(super) fn sectors(payload_bytes: u64) -> u64 {
        let beyond = payload_bytes.saturating_sub(Self::FIRST_ROOM as u64);
        1 + beyond.div_ceil(Self::NEXT_ROOM as u64)
    }

    /// The sector of the item, counted from 0, and the place in it, of a byte of metadata and body.
    pub(super) fn place(position: u64) -> (u32, usize) {
        let Some(beyond) = position.checked_sub(Self::FIRST_ROOM as u64) else {
            return (0, Self::FIRST_AT + position as usize);
        };
        let room = Self::NEXT_ROOM as u64;
        ((1 + beyond / room) as u32, Self::NEXT_AT + (beyond % room) as usize)
    }
}

/// Writes fields one after the other.
pub(super) struct Fields<'a>(pub(super) &'a mut [u8]);

impl Fields<'_> {
    pub(super) fn put<const N: usize>(&mut self, field: [u8; N]) -> &mut Self {
        let (now, later) = core::mem::take(&mut self.0).split_at_mut(N);
        now.copy_from_slice(&field);
        self.0 = later;
        self
    }
}

/// The `N` bytes at `at`.
pub(super) fn field<const N: usize>(record: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&record[at..at + N]);
    field
}

pub(super) fn number(record: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(field(record, at))
}

/// Fills the last four bytes of a record with the checksum of the others.
pub(super) fn seal(record: &mut [u8]) {
    let end = record.len() - 4;
    let crc = Crc32::of(&record[..end]);
    record[end..].copy_from_slice(&crc.to_le_bytes());
}

/// Whether a record begins with `magic` and ends with its checksum.
pub(super) fn is_sealed(record: &[u8], magic: [u8; 4]) -> bool {
    let end = record.len() - 4;
    record[..4] == magic && number(record, end) == Crc32::of(&record[..end])
}

/// The record at the start of an item's first sector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) sequence: u32,
    pub(super) header: Header,
    pub(super) metadata_bytes: u16,
    pub(super) metadata_crc: u32,
}

impl Head {
    pub(super) fn encode(&self) -> [u8; HEAD_BYTES] {
        let mut record = [0; HEAD_BYTES];
        Fields(&mut record)
            .put(HEAD_MAGIC)
            .put(self.sequence.to_le_bytes())
            .put(self.header.id.to_bytes())
            .put(self.header.taken_at_ms.to_le_bytes())
            .put(self.header.body_bytes.to_le_bytes())
            .put(self.metadata_bytes.to_le_bytes())
            .put([self.header.priority as u8, self.header.kind])
            .put(self.header.species.to_le_bytes())
            .put([0; 2])
            .put(self.metadata_crc.to_le_bytes())
            .put(self.header.sha256);
        seal(&mut record);
        record
    }

    pub(super) fn decode(record: &[u8; HEAD_BYTES]) -> Option<Self> {
        if !is_sealed(record, HEAD_MAGIC) {
            return None;
        }
        let metadata_bytes = u16::from_le_bytes(field(record, 36));
        let kind = record[39];
        if usize::from(metadata_bytes) > MAX_METADATA || kind > MAX_KIND {
            return None;
        }
        Some(Self {
            sequence: number(record, 4),
            header: Header {
                id: ItemId::from_bytes(field(record, 8)),
                taken_at_ms: u64::from_le_bytes(field(record, 24)),
                body_bytes: number(record, 32),
                priority: Priority::from_number(record[38])?,
                kind,
                species: u16::from_le_bytes(field(record, 40)),
                sha256: field(record, 48),
            },
            metadata_bytes,
            metadata_crc: number(record, 44),
        })
    }

    pub(super) fn payload_bytes(&self) -> u64 {
        u64::from(self.metadata_bytes) + u64::from(self.header.body_bytes)
    }
}

/// The record that says that everything before it is durable. It names the head by sequence and checksum.
pub(super) fn commit(head: &[u8; HEAD_BYTES]) -> [u8; COMMIT_BYTES] {
    let mut record = [0; COMMIT_BYTES];
    Fields(&mut record).put(COMMIT_MAGIC).put(field::<4>(head, 4)).put(field::<4>(head, HEAD_BYTES - 4));
    seal(&mut record);
    record
}

/// The record at the start of a further sector of the item whose head has the sequence `head`.
pub(super) fn continuation(sequence: u32, head: u32) -> [u8; CONTINUATION_BYTES] {
    let mut record = [0; CONTINUATION_BYTES];
    Fields(&mut record).put(CONTINUATION_MAGIC).put(sequence.to_le_bytes()).put(head.to_le_bytes());
    seal(&mut record);
    record
}

/// Sequence and head's sequence of a continuation record.
pub(super) fn decode_continuation(record: &[u8]) -> Option<(u32, u32)> {
    let record = &record[..CONTINUATION_BYTES];
    is_sealed(record, CONTINUATION_MAGIC).then(|| (number(record, 4), number(record, 8)))
}

/// Programs a record, filled up to whole units with bits that stay as they are.
pub(super) fn program<F: NorFlash>(flash: &mut F, address: u32, record: &[u8]) -> Result<(), F::Error> {
    let mut buffer = [0xFF; BUFFER];
    buffer[..record.len()].copy_from_slice(record);
    flash.write(address, &buffer[..Layout::<F>::units(record.len())])
}

/// Reads from any address, in the units of the flash.
pub(super) fn read<F: NorFlash>(flash: &mut F, mut address: u32, mut bytes: &mut [u8]) -> Result<(), F::Error> {
    let mut buffer = [0; BUFFER];
    while !bytes.is_empty() {
        let before = address as usize % F::READ_SIZE;
        let length = bytes.len().min(BUFFER - before);
        let window = (before + length).next_multiple_of(F::READ_SIZE);
        flash.read(address - before as u32, &mut buffer[..window])?;
        let (now, later) = bytes.split_at_mut(length);
        now.copy_from_slice(&buffer[before..before + length]);
        bytes = later;
        address += length as u32;
    }
    Ok(())
}

/// Whether the units that hold `bytes` bytes at `address` can still be programmed.
pub(super) fn is_blank<F: NorFlash>(flash: &mut F, address: u32, bytes: usize) -> Result<bool, F::Error> {
    let mut buffer = [0; BUFFER];
    let window = &mut buffer[..Layout::<F>::units(bytes)];
    read(flash, address, window)?;
    Ok(window.iter().all(|byte| *byte == 0xFF))
}
