//! Deltas on the host: here is searched for what a patch is made of; how it is coded, and how a camera applies it, is in
//! `wildcam_core::delta`. No key is needed: who may tell a camera to apply a patch is another matter.

mod matching;
mod reading;

use std::io::{self, Write};

use embedded_storage::nor_flash::{ErrorType, NorFlashErrorKind, ReadNorFlash};
use sha2::{Digest as _, Sha256};
use wildcam_core::{
    delta::{self, Applier, Head, MAX_IMAGE_BYTES, Operation, encode},
    layout::{self, SECTOR_BYTES},
};

use reading::Reading;
pub use wildcam_core::delta::{Architecture, STATE_BYTES};

/// Bytes of memory that the applier takes on a camera, without buffers.
pub const APPLIER_BYTES: usize = size_of::<Applier>();

/// Why a patch could not be made or applied.
#[derive(Debug, thiserror::Error)]
pub enum DeltaError {
    /// An image is larger than any camera's slot.
    #[error("{what} has {bytes} bytes, and a delta is for at most {MAX_IMAGE_BYTES}")]
    TooLarge {
        /// Which file.
        what: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// The patch builds on another file.
    #[error("the patch is for another file: one of {bytes} bytes with the SHA-256 {sha256}")]
    OtherBase {
        /// The length of the file that it is for.
        bytes: u32,
        /// The digest of it, in hexadecimal.
        sha256: String,
    },
    /// It is no patch, or is damaged.
    #[error(transparent)]
    Patch(#[from] delta::Error),
    /// What came out is not what was meant.
    #[error("what the patch makes is not the file that it was made for")]
    OtherTarget,
    /// The output could not be written.
    #[error("the output could not be written")]
    Write(#[source] io::Error),
}

/// A patch, and what it cost.
#[derive(Debug, Clone)]
pub struct Patch {
    /// The whole of it.
    pub bytes: Vec<u8>,
    /// Whose instructions it understands.
    pub architecture: Architecture,
    /// How many copies and additions it consists of.
    pub operations: usize,
}

/// Makes the patch from `base` to `target`: the shortest of what each reading of the two gives.
///
/// # Errors
/// [`DeltaError::TooLarge`].
pub fn diff(base: &[u8], target: &[u8]) -> Result<Patch, DeltaError> {
    let size = |what, image: &[u8]| match u32::try_from(image.len()) {
        Ok(bytes) if bytes <= MAX_IMAGE_BYTES => Ok(bytes),
        _ => Err(DeltaError::TooLarge { what, bytes: image.len() }),
    };
    let (base_bytes, target_bytes) = (size("the old file", base)?, size("the new file", target)?);
    let (base_sha256, target_sha256) = (Sha256::digest(base).into(), Sha256::digest(target).into());
    let operations = matching::operations(base, target);
    let address_bytes = reading::address_bytes(base, target, &operations);
    let head = |reading: Reading| Head {
        architecture: reading.architecture,
        base_bytes,
        base_sha256,
        target_bytes,
        target_sha256,
        address_bytes,
        base_regions: reading.base,
        target_regions: reading.target,
    };
    let encoded = |head: Head| {
        let bytes = encode(&head, base, target, operations.iter().copied())?;
        Some((bytes, head))
    };
    let all = Reading::all(base, target).into_iter().filter_map(|reading| encoded(head(reading)));
    let Some(mut best) = all.min_by_key(|(bytes, _)| bytes.len()) else {
        // One without any matches is always possible.
        return Ok(literal(head(Reading::plain()), base, target));
    };
    // What looks like an address by its highest byte need not be one: each must pay.
    for byte in address_bytes {
        let mut fewer = best.1.clone();
        fewer.address_bytes.iter_mut().filter(|other| **other == byte).for_each(|other| *other = 0);
        if let Some(other) = encoded(fewer)
            && other.0.len() < best.0.len()
        {
            best = other;
        }
    }
    Ok(Patch { bytes: best.0, architecture: best.1.architecture, operations: operations.len() })
}

/// A patch that adds everything.
fn literal(head: Head, base: &[u8], target: &[u8]) -> Patch {
    let all = Operation { from: 0, copy: 0, extra: head.target_bytes };
    let bytes = encode(&head, base, target, [all]).unwrap_or_default();
    Patch { bytes, architecture: head.architecture, operations: 1 }
}

/// A file as the flash of a camera: whole sectors.
pub(super) struct Slot(Vec<u8>);

impl Slot {
    pub(super) fn holding(image: &[u8]) -> Self {
        let mut bytes = image.to_vec();
        bytes.resize(image.len().next_multiple_of(SECTOR_BYTES as usize), 0xFF);
        Self(bytes)
    }
}

impl ErrorType for Slot {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Slot {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        let from = self.0.get(offset as usize..).and_then(|rest| rest.get(..bytes.len()));
        bytes.copy_from_slice(from.ok_or(NorFlashErrorKind::OutOfBounds)?);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.len()
    }
}

/// Applies a patch with the code that cameras run, and writes the new file sector by sector. What was written is to be thrown
/// away after an error.
///
/// # Errors
/// [`DeltaError`].
pub fn patch(base: &[u8], patch: &[u8], out: &mut impl Write) -> Result<Head, DeltaError> {
    let (head, length) = Head::parse(patch)?;
    if base.len() != head.base_bytes as usize || Sha256::digest(base)[..] != head.base_sha256 {
        let sha256 = head.base_sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        return Err(DeltaError::OtherBase { bytes: head.base_bytes, sha256 });
    }
    let mut slot = Slot::holding(base);
    let region = layout::Region { offset: 0, bytes: u32::try_from(slot.0.len()).unwrap_or(u32::MAX) };
    let mut applier = Applier::new(head.clone());
    let mut digest = Sha256::new();
    let mut sector = [0; SECTOR_BYTES as usize];
    let stream = &patch[length..];
    while !applier.is_done() {
        let input = stream.get(applier.offset() as usize..).unwrap_or_default();
        let step = applier.advance(&mut slot, region, input, true, &mut sector)?;
        digest.update(&sector[..step.written]);
        out.write_all(&sector[..step.written]).map_err(DeltaError::Write)?;
    }
    if digest.finalize()[..] == head.target_sha256 { Ok(head) } else { Err(DeltaError::OtherTarget) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Random;

    fn round_trip(base: &[u8], target: &[u8]) -> Patch {
        let made = diff(base, target).unwrap();
        let mut out = Vec::new();
        patch(base, &made.bytes, &mut out).unwrap();
        assert!(out == target, "{} bytes", target.len());
        made
    }

    #[test]
    fn any_two_files_have_a_patch() {
        let random = Random::seeded(1);
        let noise = |bytes: usize| {
            let mut noise = vec![0; bytes];
            random.fill(&mut noise);
            noise
        };
        let base = noise(30_000);
        for target in [vec![], vec![7], base.clone(), base[1..].to_vec(), noise(30_000), vec![0; 100_000]] {
            round_trip(&base, &target);
            round_trip(&target, &base);
        }
        let mut turned = base[20_000..].to_vec();
        turned.extend(&base[..20_000]);
        assert!(round_trip(&base, &turned).bytes.len() < 500);
        let mut scattered = base.clone();
        scattered.iter_mut().step_by(50).for_each(|byte| *byte ^= 1);
        assert!(round_trip(&base, &scattered).bytes.len() < 1500);
    }

    #[test]
    fn a_patch_is_for_one_file() {
        let (base, target) = (vec![1; 5000], vec![2; 5000]);
        let made = round_trip(&base, &target);
        let error = patch(&target, &made.bytes, &mut Vec::new()).unwrap_err();
        assert!(matches!(error, DeltaError::OtherBase { bytes: 5000, .. }), "{error}");
        assert!(matches!(patch(&base, b"none", &mut Vec::new()), Err(DeltaError::Patch(_))));
        let cut = &made.bytes[..made.bytes.len() - 4];
        assert!(patch(&base, cut, &mut Vec::new()).is_err());
        let large = vec![0; MAX_IMAGE_BYTES as usize + 1];
        assert!(matches!(diff(&large, &base), Err(DeltaError::TooLarge { what: "the old file", .. })));
    }
}
