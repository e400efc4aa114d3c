//! Who a camera is and whom it believes, as it lies in flash.
//!
//! The region has two sectors, each with room for one whole record. A new record goes into the sector that does not hold
//! the newest valid one, so that a loss of power leaves the old one in place. The head can be read by anyone and says which
//! camera this is; the rest is in clear as the flashing tool writes it, or sealed with AES-256-GCM (NIST SP 800-38D) under a
//! key that the chip keeps. A camera with such a key seals its record at its first start.
//!
//! ```text
//! 0   magic "WCi1"            4
//! 4   form: 0 clear, 1 sealed 1
//! 5   length of the id        1
//! 6   length of the payload   2   little-endian, with nonce and tag when sealed
//! 8   sequence                4   little-endian; the higher one is the newer
//! 12  public key             32
//! 44  id                     64   zeros after it
//! 108 payload
//!     CRC-32                  4   over everything before it
//! ```

mod payload;
mod record;
#[cfg(test)]
mod tests;

pub use payload::{Identity, MAX_AUTHORITY, MAX_ROOT_DOCUMENT, MAX_TOKEN, Wifi};
pub use record::{Form, Head, MAX_RECORD, Record};

use core::fmt;

use aes_gcm::{AeadInPlace as _, Aes256Gcm, KeyInit as _};
use embedded_storage::nor_flash::{NorFlash, NorFlashErrorKind, ReadNorFlash};

use crate::layout::{Region, SECTOR_BYTES};

const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// Why a record could not be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// Neither sector holds a valid record.
    None,
    /// The record is sealed, and no key was given or the key is another one.
    Sealed,
    /// The record is whole, but its payload says what it may not.
    Malformed,
    /// The record does not fit into a sector.
    TooLarge,
    /// The flash failed.
    Flash(NorFlashErrorKind),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("the flash holds no identity"),
            Self::Sealed => f.write_str("the identity is sealed by the chip"),
            Self::Malformed => f.write_str("the identity in the flash is damaged"),
            Self::TooLarge => f.write_str("the identity does not fit into a sector"),
            Self::Flash(_) => f.write_str("the flash could not be used"),
        }
    }
}

impl core::error::Error for Error {}

/// The key that only this chip has, and a fresh nonce for one sealing.
pub struct Seal<'k> {
    /// AES-256 key, for instance the HMAC-SHA-256 of a fixed text under a key in eFuse.
    pub key: &'k [u8; 32],
    /// Random, never the same twice for a key.
    pub nonce: [u8; NONCE_BYTES],
}

fn flash_error<E: embedded_storage::nor_flash::NorFlashError>(error: E) -> Error {
    Error::Flash(error.kind())
}

/// Reads the newest valid record of `region` into `buffer`, which needs [`MAX_RECORD`] bytes.
///
/// # Errors
/// [`Error::None`] when there is none, [`Error::Flash`].
pub fn load<'b, F: ReadNorFlash>(
    flash: &mut F,
    region: Region,
    buffer: &'b mut [u8; MAX_RECORD],
) -> Result<Record<'b>, Error> {
    let newest = newest(flash, region, buffer)?.ok_or(Error::None)?;
    flash.read(newest.0, buffer).map_err(flash_error)?;
    Record::parse(buffer).ok_or(Error::None)
}

/// Place and sequence of the newest valid record.
fn newest<F: ReadNorFlash>(
    flash: &mut F,
    region: Region,
    buffer: &mut [u8; MAX_RECORD],
) -> Result<Option<(u32, u32)>, Error> {
    let mut newest: Option<(u32, u32)> = None;
    for sector in 0..2 {
        let at = region.offset + sector * SECTOR_BYTES;
        flash.read(at, buffer).map_err(flash_error)?;
        if let Some(record) = Record::parse(buffer) {
            let sequence = record.head().sequence;
            if newest.is_none_or(|(_, best)| sequence > best) {
                newest = Some((at, sequence));
            }
        }
    }
    Ok(newest)
}

/// Writes `identity` as the newest record of `region`, sealed if a seal is given, and erases the one before it: after a
/// sealing nothing in clear is left.
///
/// # Errors
/// [`Error::TooLarge`], [`Error::Flash`]. The record before is whole until the new one is.
pub fn store<F: NorFlash>(
    flash: &mut F,
    region: Region,
    identity: &Identity<'_>,
    seal: Option<Seal<'_>>,
    buffer: &mut [u8; MAX_RECORD],
) -> Result<(), Error> {
    let newest = newest(flash, region, buffer)?;
    let (old, sequence) = match newest {
        Some((at, sequence)) => (Some(at), sequence.checked_add(1).ok_or(Error::TooLarge)?),
        None => (None, 1),
    };
    let length = record::encode(identity, sequence, seal, buffer)?;
    let at = if old == Some(region.offset) { region.offset + SECTOR_BYTES } else { region.offset };
    flash.erase(at, at + SECTOR_BYTES).map_err(flash_error)?;
    let programmed = length.next_multiple_of(F::WRITE_SIZE);
    let bytes = buffer.get(..programmed).ok_or(Error::TooLarge)?;
    flash.write(at, bytes).map_err(flash_error)?;
    let other = region.offset + (region.offset + SECTOR_BYTES - at);
    flash.erase(other, other + SECTOR_BYTES).map_err(flash_error)?;
    buffer.fill(0);
    Ok(())
}

/// Erases what a loss of power in the middle of a sealing left in clear: when the newest record is sealed, no other may be
/// readable. To be called at each start, before [`load`].
///
/// # Errors
/// [`Error::Flash`].
pub fn erase_older_than_sealed<F: NorFlash>(
    flash: &mut F,
    region: Region,
    buffer: &mut [u8; MAX_RECORD],
) -> Result<(), Error> {
    let Some((at, _)) = newest(flash, region, buffer)? else { return Ok(()) };
    flash.read(at, buffer).map_err(flash_error)?;
    if Record::parse(buffer).is_none_or(|record| record.head().form != Form::Sealed) {
        return Ok(());
    }
    let other = region.offset + (region.offset + SECTOR_BYTES - at);
    flash.read(other, buffer).map_err(flash_error)?;
    if buffer.iter().any(|byte| *byte != 0xFF) {
        flash.erase(other, other + SECTOR_BYTES).map_err(flash_error)?;
    }
    Ok(())
}

/// The record's bytes as a tool writes them into an empty region: in clear, at the start of the first sector.
///
/// # Errors
/// [`Error::TooLarge`].
pub fn encode(identity: &Identity<'_>, sequence: u32, buffer: &mut [u8; MAX_RECORD]) -> Result<usize, Error> {
    record::encode(identity, sequence, None, buffer)
}

fn seal_in_place(seal: &Seal<'_>, head: &[u8], payload: &mut [u8]) -> Result<[u8; TAG_BYTES], Error> {
    let cipher = Aes256Gcm::new(seal.key.into());
    let tag = cipher.encrypt_in_place_detached(&seal.nonce.into(), head, payload).map_err(|_| Error::TooLarge)?;
    Ok(tag.into())
}

fn open_in_place(
    key: &[u8; 32],
    nonce: [u8; NONCE_BYTES],
    head: &[u8],
    payload: &mut [u8],
    tag: [u8; TAG_BYTES],
) -> Result<(), Error> {
    Aes256Gcm::new(key.into())
        .decrypt_in_place_detached(&nonce.into(), head, payload, &tag.into())
        .map_err(|_| Error::Sealed)
}
