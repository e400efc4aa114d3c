//! Application images: the format of Espressif's chips (ESP-IDF, "App Image Format"), on every board.
//!
//! ```text
//! 0   magic 0xE9, number of segments, 2 of flash settings   4
//! 4   entry                                                 4
//! 8   pins of the flash                                     4
//! 12  chip id, revisions, reserved                         11
//! 23  whether a hash follows                                1
//!     each segment: load address, length, then its bytes
//!     zeros up to 15 modulo 16, then a checksum: 0xEF and every byte of the segments, by exclusive or
//!     SHA-256 of everything before it
//! ```
//!
//! The first segment begins with the description (`esp_app_desc_t`), which says what the image is. What is read here may
//! be anything: half of an update, or somebody's try.

use core::fmt;

use embedded_storage::nor_flash::{NorFlashError as _, NorFlashErrorKind, ReadNorFlash};
use sha2::{Digest as _, Sha256};

use crate::layout::Region;

/// Chip id of `qemu-virt`; Espressif's own are those of ESP-IDF's `esp_chip_id_t`.
pub const CHIP_QEMU_VIRT: u16 = 0xFFFF;

/// Most segments of an image (`ESP_IMAGE_MAX_SEGMENTS`).
pub const MAX_SEGMENTS: usize = 16;

/// Bytes of the description.
pub const DESCRIPTION_BYTES: usize = 256;

const MAGIC: u8 = 0xE9;
const HEADER_BYTES: u32 = 24;
const SEGMENT_HEADER_BYTES: u32 = 8;
const HASH_BYTES: u32 = 32;
const CHECKSUM_START: u8 = 0xEF;
const DESCRIPTION_MAGIC: u32 = 0xABCD_5432;
/// Bytes read at a time.
const CHUNK: usize = 512;

/// Why there is no image that can be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The region does not begin with an image.
    None,
    /// A length passes the region, or is not what the format allows.
    Malformed,
    /// The checksum over the segments is another one.
    Checksum,
    /// The hash over the whole is another one: the image is damaged or incomplete.
    Hash,
    /// The flash failed.
    Flash(NorFlashErrorKind),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "there is no image",
            Self::Malformed => "the image is malformed",
            Self::Checksum => "the image's checksum is wrong",
            Self::Hash => "the image's hash is wrong",
            Self::Flash(_) => "the flash could not be read",
        })
    }
}

impl core::error::Error for Error {}

/// A part of an image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Segment {
    /// Where it belongs in the address space.
    pub load: u32,
    /// Where its bytes lie in the flash.
    pub offset: u32,
    /// How many they are, a multiple of 4.
    pub bytes: u32,
}

/// What an image says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Description {
    version: [u8; 32],
    project: [u8; 32],
    /// The build id: the SHA-256 of the ELF file that it was made from (`app_elf_sha256`).
    pub build_id: [u8; 32],
}

fn text(field: &[u8; 32]) -> &str {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    core::str::from_utf8(&field[..end]).unwrap_or_default()
}

impl Description {
    /// Reads the `esp_app_desc_t` that `bytes` begin with, if they do.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; DESCRIPTION_BYTES] = bytes.first_chunk()?;
        let field = |at: usize| bytes[at..].first_chunk::<32>().copied();
        if bytes.first_chunk().copied().map(u32::from_le_bytes) != Some(DESCRIPTION_MAGIC) {
            return None;
        }
        Some(Self { version: field(16)?, project: field(48)?, build_id: field(144)? })
    }

    /// Its version; empty when it is no text.
    #[must_use]
    pub fn version(&self) -> &str {
        text(&self.version)
    }

    /// The name of the project; empty when it is no text.
    #[must_use]
    pub fn project(&self) -> &str {
        text(&self.project)
    }
}

/// A whole image whose checksum and hash are right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Where it is entered.
    pub entry: u32,
    /// For which chip it is.
    pub chip: u16,
    /// Its length with its hash, in bytes.
    pub bytes: u32,
    /// Its hash.
    pub sha256: [u8; 32],
    /// What it says of itself, if it does.
    pub description: Option<Description>,
    segments: heapless::Vec<Segment, MAX_SEGMENTS>,
}

impl Image {
    /// Its segments, in their order.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The first bytes of its hash, by which the boot journal knows it.
    #[must_use]
    pub fn mark(&self) -> [u8; 8] {
        core::array::from_fn(|n| self.sha256[n])
    }
}

/// What the region's bytes are read through: hash and place go along.
struct Reader<'f, F> {
    flash: &'f mut F,
    region: Region,
    at: u32,
    hasher: Sha256,
}

impl<F: ReadNorFlash> Reader<'_, F> {
    /// The next bytes; `out` has a multiple of 4.
    fn read(&mut self, out: &mut [u8]) -> Result<(), Error> {
        let length = u32::try_from(out.len()).map_err(|_| Error::Malformed)?;
        let offset = self.region.offset.checked_add(self.at).ok_or(Error::Malformed)?;
        if !self.region.holds(offset, length) {
            return Err(Error::Malformed);
        }
        self.flash.read(offset, out).map_err(|error| Error::Flash(error.kind()))?;
        self.at += length;
        Ok(())
    }

    fn hashed<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.read(&mut bytes)?;
        self.hasher.update(bytes);
        Ok(bytes)
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().map_or(0, u32::from_le_bytes)
}

/// Reads the image at the start of `region` and compares its checksum and its hash.
///
/// Nothing of it may be used before this succeeded. It reads by multiples of 4 at multiples of 4.
///
/// # Errors
/// [`Error`]; one without a hash is malformed.
pub fn verify<F: ReadNorFlash>(flash: &mut F, region: Region) -> Result<Image, Error> {
    let mut reader = Reader { flash, region, at: 0, hasher: Sha256::new() };
    let header: [u8; HEADER_BYTES as usize] = reader.hashed()?;
    if header[0] != MAGIC {
        return Err(Error::None);
    }
    let count = usize::from(header[1]);
    if count == 0 || count > MAX_SEGMENTS || header[23] != 1 {
        return Err(Error::Malformed);
    }
    let mut segments = heapless::Vec::new();
    let mut description = None;
    let mut checksum = CHECKSUM_START;
    let mut chunk = [0; CHUNK];
    for place in 0..count {
        let head: [u8; SEGMENT_HEADER_BYTES as usize] = reader.hashed()?;
        let (load, bytes) = (number(&head, 0), number(&head, 4));
        let offset = region.offset + reader.at;
        let inside = region.holds(offset, bytes) && load.checked_add(bytes).is_some();
        if !inside || !bytes.is_multiple_of(4) {
            return Err(Error::Malformed);
        }
        segments.push(Segment { load, offset, bytes }).map_err(|_| Error::Malformed)?;
        let mut left = bytes as usize;
        while left > 0 {
            let now = left.min(CHUNK);
            let part = &mut chunk[..now];
            reader.read(part)?;
            reader.hasher.update(&*part);
            checksum = part.iter().fold(checksum, |sum, byte| sum ^ byte);
            if place == 0 && left == bytes as usize {
                description = Description::parse(part);
            }
            left -= now;
        }
    }
    // The checksum is the last byte of a line of 16.
    let padding = 16 - (reader.at % 16) as usize;
    let line = &mut chunk[..padding];
    reader.read(line)?;
    reader.hasher.update(&*line);
    if line.last() != Some(&checksum) {
        return Err(Error::Checksum);
    }
    let mut stated = [0; HASH_BYTES as usize];
    reader.read(&mut stated)?;
    let sha256: [u8; 32] = reader.hasher.finalize().into();
    if stated != sha256 {
        return Err(Error::Hash);
    }
    let chip = u16::from_le_bytes([header[12], header[13]]);
    Ok(Image { entry: number(&header, 4), chip, bytes: reader.at, sha256, description, segments })
}

#[cfg(test)]
mod tests;
