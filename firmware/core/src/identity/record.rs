//! The record around the payload.

use ed25519_dalek::SigningKey;

use super::{Error, Identity, NONCE_BYTES, Seal, TAG_BYTES, open_in_place, seal_in_place};
use crate::{checksum::Crc32, wire::CameraId};

/// Largest record: a sector.
pub const MAX_RECORD: usize = 4096;

const MAGIC: [u8; 4] = *b"WCi1";
const PUBLIC_KEY_AT: usize = 12;
const ID_AT: usize = 44;
const PAYLOAD_AT: usize = 108;
const CRC_BYTES: usize = 4;

/// How the payload lies in flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As the tool wrote it.
    Clear,
    /// Only this chip can read it.
    Sealed,
}

/// What anyone may read of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Whether the rest can be read.
    pub form: Form,
    /// Rises with each record.
    pub sequence: u32,
    /// The camera's name.
    pub camera: CameraId,
    /// The camera's Ed25519 key, its public half.
    pub public_key: [u8; 32],
}

/// A valid record.
pub struct Record<'b> {
    head: Head,
    bytes: &'b mut [u8],
    payload_bytes: usize,
}

impl<'b> Record<'b> {
    /// The record at the start of `bytes`, if a valid one is there.
    pub fn parse(bytes: &'b mut [u8]) -> Option<Self> {
        let head: &[u8; PAYLOAD_AT] = bytes.first_chunk()?;
        if head[..4] != MAGIC {
            return None;
        }
        let form = match head[4] {
            0 => Form::Clear,
            1 => Form::Sealed,
            _ => return None,
        };
        let id = head.get(ID_AT..ID_AT + usize::from(head[5]))?;
        let camera = CameraId::new(core::str::from_utf8(id).ok()?).ok()?;
        let payload_bytes = usize::from(u16::from_le_bytes([head[6], head[7]]));
        let sequence = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
        let public_key = head[PUBLIC_KEY_AT..].first_chunk().copied()?;
        let end = PAYLOAD_AT.checked_add(payload_bytes)?;
        let crc = bytes.get(end..)?.first_chunk::<CRC_BYTES>()?;
        if u32::from_le_bytes(*crc) != Crc32::of(&bytes[..end]) {
            return None;
        }
        Some(Self { head: Head { form, sequence, camera, public_key }, bytes, payload_bytes })
    }

    /// What anyone may read.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// What it says; `key` opens a sealed one.
    ///
    /// # Errors
    /// [`Error::Sealed`] without the right key; [`Error::Malformed`] when the payload is not what it may be, or is for
    /// another key than the head says.
    pub fn open(self, key: Option<&[u8; 32]>) -> Result<Identity<'b>, Error> {
        let Self { head, bytes, payload_bytes } = self;
        let (public, rest) = bytes.split_at_mut(PAYLOAD_AT);
        let payload = match head.form {
            Form::Clear => &mut rest[..payload_bytes],
            Form::Sealed => {
                let sealed = rest.get_mut(..payload_bytes).ok_or(Error::Malformed)?;
                let (nonce, sealed) = sealed.split_first_chunk_mut::<NONCE_BYTES>().ok_or(Error::Malformed)?;
                let (payload, tag) = sealed.split_last_chunk_mut::<TAG_BYTES>().ok_or(Error::Malformed)?;
                open_in_place(key.ok_or(Error::Sealed)?, *nonce, public, payload, *tag)?;
                payload
            }
        };
        let identity = Identity::decode(head.camera, payload)?;
        let derived = SigningKey::from_bytes(&identity.key).verifying_key().to_bytes();
        if derived == head.public_key { Ok(identity) } else { Err(Error::Malformed) }
    }
}

/// Writes a record to the start of `buffer` and returns its length; the rest is as in erased flash.
pub(super) fn encode(
    identity: &Identity<'_>,
    sequence: u32,
    seal: Option<Seal<'_>>,
    buffer: &mut [u8; MAX_RECORD],
) -> Result<usize, Error> {
    buffer.fill(0xFF);
    let (start, payload_at) = match seal {
        Some(_) => (PAYLOAD_AT, PAYLOAD_AT + NONCE_BYTES),
        None => (PAYLOAD_AT, PAYLOAD_AT),
    };
    let after = if seal.is_some() { TAG_BYTES + CRC_BYTES } else { CRC_BYTES };
    let written = identity.encode(&mut buffer[payload_at..MAX_RECORD - after])?;
    let end = payload_at + written + after - CRC_BYTES;
    let payload_bytes = u16::try_from(end - start).map_err(|_| Error::TooLarge)?;

    let id = identity.camera.as_str().as_bytes();
    buffer[..PAYLOAD_AT].fill(0);
    buffer[..4].copy_from_slice(&MAGIC);
    buffer[4] = u8::from(seal.is_some());
    buffer[5] = id.len() as u8;
    buffer[6..8].copy_from_slice(&payload_bytes.to_le_bytes());
    buffer[8..12].copy_from_slice(&sequence.to_le_bytes());
    let public_key = SigningKey::from_bytes(&identity.key).verifying_key();
    buffer[PUBLIC_KEY_AT..ID_AT].copy_from_slice(public_key.as_bytes());
    buffer[ID_AT..ID_AT + id.len()].copy_from_slice(id);

    if let Some(seal) = seal {
        let (head, rest) = buffer.split_at_mut(PAYLOAD_AT);
        rest[..NONCE_BYTES].copy_from_slice(&seal.nonce);
        let tag = seal_in_place(&seal, head, &mut rest[NONCE_BYTES..NONCE_BYTES + written])?;
        rest[NONCE_BYTES + written..NONCE_BYTES + written + TAG_BYTES].copy_from_slice(&tag);
    }
    let crc = Crc32::of(&buffer[..end]).to_le_bytes();
    buffer[end..end + CRC_BYTES].copy_from_slice(&crc);
    Ok(end + CRC_BYTES)
}
