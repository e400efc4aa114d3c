//! The head of a patch.
//!
//! ```text
//! 0   magic "WCd1"                                   4
//! 4   instructions: 0 none, 1 RISC-V, 2 Xtensa       1
//! 5   regions of the base, at most 8                 1
//! 6   regions of the target, at most 8               1
//! 7   zero                                           1
//! 8   bytes of the base                              4   little-endian, as all numbers
//! 12  bytes of the target                            4
//! 16  SHA-256 of the base                            32
//! 48  SHA-256 of the target                          32
//! 80  highest bytes of addresses, 0 for none        4
//! 84  regions: offset and address of each            8 each
//!     CRC-32 of all before it                        4
//! ```

use super::{Error, MAX_IMAGE_BYTES, operands::Architecture, places::Region};
use crate::checksum::Crc32;

/// Most regions of an image.
pub const MAX_REGIONS: usize = 8;

const FIXED: usize = 84;
const MAGIC: [u8; 4] = *b"WCd1";

/// Longest head in bytes.
pub const MAX_HEAD_BYTES: usize = FIXED + 2 * MAX_REGIONS * 8 + 4;

/// The regions of an image, by rising offsets.
pub type Regions = heapless::Vec<Region, MAX_REGIONS>;

/// What a patch is for, and how it is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Whose instructions the images have.
    pub architecture: Architecture,
    /// Bytes of the image that the camera has.
    pub base_bytes: u32,
    /// SHA-256 of it.
    pub base_sha256: [u8; 32],
    /// Bytes of the image that it is to have.
    pub target_bytes: u32,
    /// SHA-256 of it.
    pub target_sha256: [u8; 32],
    /// Words whose highest byte is one of these are taken for addresses; 0 is none.
    pub address_bytes: [u8; 4],
    /// Where the processor sees the parts of the base.
    pub base_regions: Regions,
    /// The same of the target.
    pub target_regions: Regions,
}

impl Head {
    /// That of no patch.
    pub(super) const NONE: Self = Self {
        architecture: Architecture::Plain,
        base_bytes: 0,
        base_sha256: [0; 32],
        target_bytes: 0,
        target_sha256: [0; 32],
        address_bytes: [0; 4],
        base_regions: Regions::new(),
        target_regions: Regions::new(),
    };
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

impl Head {
    /// Reads the head at the start of `patch`, and says how many bytes it has.
    ///
    /// # Errors
    /// [`Error::Short`] when more of the patch is needed, [`Error::Malformed`] when it is none.
    pub fn parse(patch: &[u8]) -> Result<(Self, usize), Error> {
        let fixed = patch.get(..FIXED).ok_or(Error::Short)?;
        let counts = [fixed[5], fixed[6]].map(usize::from);
        if fixed[..4] != MAGIC || fixed[7] != 0 || counts.iter().any(|count| *count > MAX_REGIONS) {
            return Err(Error::Malformed);
        }
        let architecture = match fixed[4] {
            0 => Architecture::Plain,
            1 => Architecture::RiscV,
            2 => Architecture::Xtensa,
            _ => return Err(Error::Malformed),
        };
        let end = FIXED + 8 * (counts[0] + counts[1]);
        let whole = patch.get(..end + 4).ok_or(Error::Short)?;
        if word(whole, end) != Some(Crc32::of(&whole[..end])) {
            return Err(Error::Malformed);
        }
        let regions = |from: usize, count: usize| -> Option<Regions> {
            let places = (0..count).map(|number| FIXED + 8 * (from + number));
            let list = places
                .map(|at| Some(Region { offset: word(whole, at)?, address: word(whole, at + 4)? }))
                .collect::<Option<Regions>>()?;
            list.is_sorted_by(|a, b| a.offset < b.offset).then_some(list)
        };
        let read = || {
            Some(Self {
                architecture,
                base_bytes: word(whole, 8).filter(|bytes| *bytes <= MAX_IMAGE_BYTES)?,
                target_bytes: word(whole, 12).filter(|bytes| *bytes <= MAX_IMAGE_BYTES)?,
                base_sha256: *whole.get(16..)?.first_chunk()?,
                target_sha256: *whole.get(48..)?.first_chunk()?,
                address_bytes: *whole.get(80..)?.first_chunk()?,
                base_regions: regions(0, counts[0])?,
                target_regions: regions(counts[0], counts[1])?,
            })
        };
        read().map(|head| (head, end + 4)).ok_or(Error::Malformed)
    }

    /// Writes it to the start of `out`, and says how many bytes it has.
    #[must_use]
    pub fn write(&self, out: &mut [u8; MAX_HEAD_BYTES]) -> usize {
        out[..4].copy_from_slice(&MAGIC);
        out[4] = match self.architecture {
            Architecture::Plain => 0,
            Architecture::RiscV => 1,
            Architecture::Xtensa => 2,
        };
        out[5] = self.base_regions.len() as u8;
        out[6] = self.target_regions.len() as u8;
        out[7] = 0;
        out[8..12].copy_from_slice(&self.base_bytes.to_le_bytes());
        out[12..16].copy_from_slice(&self.target_bytes.to_le_bytes());
        out[16..48].copy_from_slice(&self.base_sha256);
        out[48..80].copy_from_slice(&self.target_sha256);
        out[80..84].copy_from_slice(&self.address_bytes);
        let mut end = FIXED;
        for region in self.base_regions.iter().chain(&self.target_regions) {
            out[end..end + 4].copy_from_slice(&region.offset.to_le_bytes());
            out[end + 4..end + 8].copy_from_slice(&region.address.to_le_bytes());
            end += 8;
        }
        let crc = Crc32::of(&out[..end]);
        out[end..end + 4].copy_from_slice(&crc.to_le_bytes());
        end + 4
    }
}
