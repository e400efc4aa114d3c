//! An application image, as a loader reads it.

use std::collections::VecDeque;

use sha2::{Digest as _, Sha256};
use wildcam_core::layout::PAGE_BYTES;

use super::{
    Descriptor, Error,
    chip::{Chip, page, size_code},
    descriptor,
    elf::{Piece, Program},
};
use crate::board::Board;

/// The first byte of an image.
pub(super) const MAGIC: u8 = 0xE9;

const HEADER_BYTES: usize = 24;
const SEGMENT_HEADER_BYTES: usize = 8;

/// Where the first segment's data begins: there the descriptor lies.
pub(super) const FIRST_DATA: usize = HEADER_BYTES + SEGMENT_HEADER_BYTES;

const CHECKSUM_SEED: u8 = 0xEF;
const MOST_SEGMENTS: usize = 16;

/// Reading flash over two lines, which every module can.
const MODE_DIO: u8 = 2;

/// "No pin": write protection is not used.
const NO_PIN: u8 = 0xEE;

/// A segment of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Where it is loaded or mapped; 0 for one that only fills a gap.
    pub address: u32,
    /// Where its data begins in the image.
    pub offset: u32,
    /// Its length.
    pub bytes: u32,
    /// Mapped from flash, and not copied into RAM.
    pub mapped: bool,
}

/// A finished application image.
#[derive(Debug, Clone)]
pub struct Application {
    /// The image.
    pub bytes: Vec<u8>,
    /// Its segments, in their order.
    pub segments: Vec<Segment>,
    /// What it says of itself.
    pub descriptor: Descriptor,
}

/// Makes an image for `board` from the linker's output.
///
/// # Errors
/// When the ELF file cannot be read, or is not laid out as the board's loader needs it.
pub fn application(board: Board, elf: &[u8]) -> Result<Application, Error> {
    let chip = Chip::of(board);
    let program = Program::read(elf)?;
    let at = program.descriptor.ok_or(Error::NoDescriptor)?;
    let mut pieces = join(&chip, program.pieces, at);
    if let Some(piece) = pieces.iter_mut().find(|piece| piece.address == at) {
        descriptor::sign(&mut piece.data, &Sha256::digest(elf).into());
    }
    let (mut mapped, mut ram): (VecDeque<_>, VecDeque<_>) =
        pieces.into_iter().partition(|piece| chip.mapped(piece.address).is_some());
    if mapped.len() > 2 {
        return Err(Error::Ranges(mapped.len()));
    }
    let mut writer = Writer::new(&chip, board, program.entry);
    if let Some(index) = mapped.iter().position(|piece| piece.address == at) {
        mapped.swap(0, index);
        if writer.gap_before(at) != 0 {
            return Err(Error::Misplaced { address: at, offset: FIRST_DATA as u32 });
        }
    } else if let Some(index) = ram.iter().position(|piece| piece.address == at)
        && let Some(first) = ram.remove(index)
    {
        writer.segment(&first, false);
    }
    for piece in &mapped {
        writer.mapped(piece, &mut ram);
    }
    for piece in &ram {
        writer.segment(piece, false);
    }
    writer.finish()
}

/// Joins what can only be loaded together: parts of RAM that lie within a word of each other, and parts of the flash's range
/// that share a page. The descriptor begins a segment of its own.
fn join(chip: &Chip, pieces: Vec<Piece>, descriptor: u32) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::new();
    for mut piece in pieces {
        if let Some(last) = joined.last_mut()
            && chip.mapped(last.address) == chip.mapped(piece.address)
            && piece.address != descriptor
        {
            let gap = piece.address - last.end();
            let together = match chip.mapped(piece.address) {
                Some(_) => gap == 0 || page(last.end() - 1) == page(piece.address),
                None => gap <= 8,
            };
            if together {
                last.data.resize(last.data.len() + gap as usize, 0);
                last.data.append(&mut piece.data);
                continue;
            }
        }
        joined.push(piece);
    }
    for piece in &mut joined {
        piece.data.resize(piece.data.len().next_multiple_of(4), 0);
    }
    joined
}

struct Writer<'a> {
    chip: &'a Chip,
    bytes: Vec<u8>,
    segments: Vec<Segment>,
    checksum: u8,
}

impl<'a> Writer<'a> {
    fn new(chip: &'a Chip, board: Board, entry: u32) -> Self {
        let mut bytes = vec![MAGIC, 0, MODE_DIO, size_code(board.flash_bytes()) << 4 | chip.frequency];
        bytes.extend(entry.to_le_bytes());
        bytes.extend([NO_PIN, 0, 0, 0]);
        bytes.extend(board.chip_id().to_le_bytes());
        // No least revision of the chip, in the old form and in the new; no highest; four reserved bytes.
        bytes.extend([0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0]);
        // A SHA-256 follows the image.
        bytes.push(1);
        Self { chip, bytes, segments: Vec::new(), checksum: CHECKSUM_SEED }
    }

    /// The bytes that are missing until a segment whose header came here would have its data at `address` in its page.
    fn gap_before(&self, address: u32) -> usize {
        let page = PAGE_BYTES as usize;
        let gap = (address as usize + page - (self.bytes.len() + SEGMENT_HEADER_BYTES) % page) % page;
        // A gap is filled with a segment, which has a header and at least a word.
        if (1..=SEGMENT_HEADER_BYTES).contains(&gap) { gap + page } else { gap }
    }

    /// Writes a mapped segment where its offset agrees with its address. What lies before it is filled with parts of what goes
    /// into RAM anyway, and with zeros when there is nothing left.
    fn mapped(&mut self, piece: &Piece, ram: &mut VecDeque<Piece>) {
        loop {
            let gap = self.gap_before(piece.address);
            if gap == 0 {
                break;
            }
            let room = gap - SEGMENT_HEADER_BYTES;
            let Some(mut next) = ram.pop_front() else {
                self.segment(&Piece { address: 0, data: vec![0; room] }, false);
                continue;
            };
            let rest = next.data.split_off(room.min(next.data.len()));
            if !rest.is_empty() {
                ram.push_front(Piece { address: next.end(), data: rest });
            }
            self.segment(&next, false);
        }
        self.segment(piece, self.chip.mapped(piece.address).is_some());
    }

    fn segment(&mut self, piece: &Piece, mapped: bool) {
        let bytes = u32::try_from(piece.data.len()).unwrap_or(u32::MAX);
        self.bytes.extend(piece.address.to_le_bytes());
        self.bytes.extend(bytes.to_le_bytes());
        let offset = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.checksum = piece.data.iter().fold(self.checksum, |sum, byte| sum ^ byte);
        self.bytes.extend(&piece.data);
        self.segments.push(Segment { address: piece.address, offset, bytes, mapped });
    }

    fn finish(mut self) -> Result<Application, Error> {
        let count = self.segments.len();
        if count > MOST_SEGMENTS {
            return Err(Error::Segments(count));
        }
        self.bytes[1] = count as u8;
        // The checksum is the last byte of a line of sixteen.
        let end = self.bytes.len() / 16 * 16 + 15;
        self.bytes.resize(end, 0);
        self.bytes.push(self.checksum);
        let hash = Sha256::digest(&self.bytes);
        self.bytes.extend(hash);
        let descriptor = Descriptor::of_image(&self.bytes).ok_or(Error::NoDescriptor)?;
        Ok(Application { bytes: self.bytes, segments: self.segments, descriptor })
    }
}
