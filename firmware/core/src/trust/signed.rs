//! One content under several signatures, each of them a COSE_Sign1 with detached payload (RFC 9052 section 4.2).
//!
//! ```text
//! 82                             an array of two
//!   content                      byte string: {0: 1, 1: kind, 2: seq, 3: issued, 4: expires, 5: body}
//!   8n                           an array of 1 to 16 signatures, in rising order of their key ids
//!     d2 84                      18([
//!       4d a2 01 27 04 48 ...       protected: {1: -8, 4: key id of 8 bytes}
//!       a0                          unprotected: {}
//!       f6                          payload: nil, the content stands above
//!       58 40 ...                   signature of 64 bytes
//! ```
//!
//! The content is that of [`crate::cose`], so a kind means the same under one signature and under several, and no document
//! passes for one of another kind. Its digest is what other documents and the camera's state know it by, as SUIT knows a
//! manifest by the digest of what is signed: a signature that is added later makes no other document of it.
//!
//! A signature by a key that no role names makes the whole document void, and so does one that is wrong, also where the
//! others would do. So there is no byte in a document that nobody checks, and what a stranger adds is not carried on.

use ed25519_dalek::{Signature, VerifyingKey};
use minicbor::{Decoder, Encoder, encode::Write};
use sha2::{Digest as _, Sha256};

use super::{Error, MAX_KEYS, Role};
use crate::cose::{self, Document, KeyId};

/// Largest content in bytes.
pub const MAX_CONTENT: usize = 1536;

/// Most signatures: a new root is signed by the old root's keys and by its own.
pub const MAX_SIGNATURES: usize = 2 * MAX_KEYS;

/// Largest document in bytes; what is larger need not be read to its end.
pub const MAX_SIGNED: usize = 2 + 3 + MAX_CONTENT + MAX_SIGNATURES * ENTRY_BYTES;

/// Room that [`to_be_signed`] needs at most.
pub const MAX_TO_BE_SIGNED: usize = CONTENT_AT + 3 + MAX_CONTENT;

const SIGNATURE_BYTES: usize = 64;
const ARRAY_OF_TWO: u8 = 0x82;
const ARRAY: u8 = 0x80;
/// Tag, array and protected header up to the key id.
const ENTRY_HEAD: [u8; 8] = [0xd2, 0x84, 0x4d, 0xa2, 0x01, 0x27, 0x04, 0x48];
/// Unprotected header, payload and the head of the signature.
const ENTRY_MIDDLE: [u8; 4] = [0xa0, 0xf6, 0x58, 0x40];
const KEY_ID_BYTES: usize = 8;
const ENTRY_BYTES: usize = ENTRY_HEAD.len() + KEY_ID_BYTES + ENTRY_MIDDLE.len() + SIGNATURE_BYTES;
/// The `Sig_structure` of RFC 9052 section 4.4 up to the key id: context, then the protected header's beginning.
const SIGNED_HEAD: [u8; 18] = *b"\x84\x6aSignature1\x4d\xa2\x01\x27\x04\x48";
/// After the key id stands an empty byte string for the external data, then the content.
const CONTENT_AT: usize = SIGNED_HEAD.len() + KEY_ID_BYTES + 1;

/// A document whose form is right, and whose signatures nobody has checked yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed<'a> {
    content: &'a [u8],
    entries: &'a [u8],
    document: Document<'a>,
}

impl<'a> Signed<'a> {
    /// Reads the form of a document.
    ///
    /// # Errors
    /// [`Error::TooLarge`] before anything is read when `bytes` or its content is larger than any document;
    /// [`Error::Malformed`] when it is not in its one form; [`Error::Kind`] for another version.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_SIGNED {
            return Err(Error::TooLarge);
        }
        let inner = bytes.strip_prefix(&[ARRAY_OF_TWO]).ok_or(Error::Malformed)?;
        let mut decoder = Decoder::new(inner);
        let content = decoder.bytes().map_err(|_| Error::Malformed)?;
        let (head, rest) = inner.split_at(decoder.position());
        if head.len() != head_bytes(content.len()) + content.len() {
            return Err(Error::Malformed);
        }
        let (&count, entries) = rest.split_first().ok_or(Error::Malformed)?;
        let count = usize::from(count.wrapping_sub(ARRAY));
        if count == 0 || count > MAX_SIGNATURES || entries.len() != count * ENTRY_BYTES {
            return Err(Error::Malformed);
        }
        let signed = Self { content, entries, document: read_content(content)? };
        let mut last = None;
        for entry in entries.chunks_exact(ENTRY_BYTES) {
            let (id, _) = read_entry(entry).ok_or(Error::Malformed)?;
            // Rising: a key cannot sign twice.
            if last.is_some_and(|last: KeyId| last.0 >= id.0) {
                return Err(Error::Malformed);
            }
            last = Some(id);
        }
        Ok(signed)
    }

    /// What it says, if its signatures are right.
    #[must_use]
    pub fn document(&self) -> &Document<'a> {
        &self.document
    }

    /// The bytes that are signed.
    #[must_use]
    pub fn content(&self) -> &'a [u8] {
        self.content
    }

    /// SHA-256 of the content.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        digest(self.content)
    }

    /// The signatures with the names of their keys, in rising order of the names.
    pub fn signatures(&self) -> impl Iterator<Item = (KeyId, &'a [u8; SIGNATURE_BYTES])> + use<'a> {
        self.entries.chunks_exact(ENTRY_BYTES).filter_map(read_entry)
    }

    /// Checks every signature, and that those of each of `roles` are as many as it demands.
    ///
    /// # Errors
    /// [`Error::UnknownKey`] for a signature of a key of none of the roles; [`Error::Signature`] for a wrong one;
    /// [`Error::Threshold`] when a role has too few.
    pub fn check(&self, roles: &[&Role]) -> Result<(), Error> {
        let mut text = [0; MAX_TO_BE_SIGNED];
        let length = to_be_signed(self.content, KeyId([0; KEY_ID_BYTES]), &mut text)?;
        for (id, signature) in self.signatures() {
            let key = roles.iter().find_map(|role| role.key(id)).ok_or(Error::UnknownKey)?;
            text[SIGNED_HEAD.len()..][..KEY_ID_BYTES].copy_from_slice(&id.0);
            let key = VerifyingKey::from_bytes(key).map_err(|_| Error::Signature)?;
            let signature = Signature::from_bytes(signature);
            key.verify_strict(&text[..length], &signature).map_err(|_| Error::Signature)?;
        }
        for role in roles {
            // By the key's bytes and not by its name: two roles may name different keys that are called the same.
            let named = |id| roles.iter().find_map(|role| role.key(id));
            let own = self.signatures().filter_map(|(id, _)| named(id)).filter(|key| role.keys().contains(key));
            if own.count() < usize::from(role.threshold()) {
                return Err(Error::Threshold);
            }
        }
        Ok(())
    }
}

/// SHA-256 of a content, by which documents know each other.
#[must_use]
pub fn digest(content: &[u8]) -> [u8; 32] {
    Sha256::digest(content).into()
}

/// Reads a content that was kept without its signatures.
pub(super) fn read_content(content: &[u8]) -> Result<Document<'_>, Error> {
    if content.len() > MAX_CONTENT {
        return Err(Error::TooLarge);
    }
    let document = cose::decode_payload(content).map_err(from_cose)?;
    // Written again, it must be the same bytes: so there is one encoding of everything around the body.
    let mut same = Same(content);
    let written = document.write_payload(&mut same);
    if written.is_err() || !same.0.is_empty() {
        return Err(Error::Malformed);
    }
    // Number 0 is what a camera has before the first.
    if document.seq == 0 || document.issued_s >= document.expires_s {
        return Err(Error::Malformed);
    }
    Ok(document)
}

fn from_cose(error: cose::Error) -> Error {
    match error {
        cose::Error::TooLarge => Error::TooLarge,
        cose::Error::Kind => Error::Kind,
        _ => Error::Malformed,
    }
}

fn read_entry(entry: &[u8]) -> Option<(KeyId, &[u8; SIGNATURE_BYTES])> {
    let (id, rest) = entry.strip_prefix(&ENTRY_HEAD)?.split_first_chunk()?;
    let signature = rest.strip_prefix(&ENTRY_MIDDLE)?.first_chunk()?;
    Some((KeyId(*id), signature))
}

/// Bytes of the head of a byte string of `length` bytes, in the shortest form.
const fn head_bytes(length: usize) -> usize {
    match length {
        0..=23 => 1,
        24..=0xFF => 2,
        _ => 3,
    }
}

/// Compares what would be written.
struct Same<'a>(&'a [u8]);

impl Write for Same<'_> {
    type Error = Error;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.0 = self.0.strip_prefix(bytes).ok_or(Error::Malformed)?;
        Ok(())
    }
}

/// Writes the content of `document`, which is what is signed, and returns its length.
///
/// # Errors
/// [`Error::TooLarge`] when it does not fit `out` or [`MAX_CONTENT`]; [`Error::Malformed`] when a camera would refuse it.
pub fn write_content(document: &Document<'_>, out: &mut [u8]) -> Result<usize, Error> {
    let length = document.payload_len();
    if length > MAX_CONTENT || length > out.len() {
        return Err(Error::TooLarge);
    }
    document.write_payload(&mut *out).map_err(|_| Error::TooLarge)?;
    read_content(&out[..length])?;
    Ok(length)
}

/// Writes what `key` has to sign under `content` (the `Sig_structure` of RFC 9052 section 4.4) and returns its length.
///
/// # Errors
/// [`Error::TooLarge`] when it does not fit `out`, which needs [`MAX_TO_BE_SIGNED`] bytes at most.
pub fn to_be_signed(content: &[u8], key: KeyId, out: &mut [u8]) -> Result<usize, Error> {
    if content.len() > MAX_CONTENT {
        return Err(Error::TooLarge);
    }
    let length = CONTENT_AT + head_bytes(content.len()) + content.len();
    let out = out.get_mut(..length).ok_or(Error::TooLarge)?;
    let (head, rest) = out.split_at_mut(CONTENT_AT);
    let (context, name) = head.split_at_mut(SIGNED_HEAD.len());
    context.copy_from_slice(&SIGNED_HEAD);
    name[..KEY_ID_BYTES].copy_from_slice(&key.0);
    name[KEY_ID_BYTES] = 0x40;
    Encoder::new(rest).bytes(content).map_err(|_| Error::TooLarge)?;
    Ok(length)
}

/// Writes the document of `content` and `signatures`, which may come in any order, and returns its length.
///
/// # Errors
/// [`Error::Malformed`] without a signature, with too many, or with two of one key; [`Error::TooLarge`] when it does not
/// fit `out`, which needs [`MAX_SIGNED`] bytes at most.
pub fn assemble(content: &[u8], signatures: &[(KeyId, [u8; 64])], out: &mut [u8]) -> Result<usize, Error> {
    if content.len() > MAX_CONTENT {
        return Err(Error::TooLarge);
    }
    let count = u8::try_from(signatures.len()).map_err(|_| Error::Malformed)?;
    if signatures.is_empty() || signatures.len() > MAX_SIGNATURES {
        return Err(Error::Malformed);
    }
    let before = 1 + head_bytes(content.len()) + content.len() + 1;
    let length = before + signatures.len() * ENTRY_BYTES;
    let out = out.get_mut(..length).ok_or(Error::TooLarge)?;
    let (head, entries) = out.split_at_mut(before);
    head[0] = ARRAY_OF_TWO;
    Encoder::new(&mut head[1..]).bytes(content).map_err(|_| Error::TooLarge)?;
    head[before - 1] = ARRAY | count;
    for (id, signature) in signatures {
        let place = signatures.iter().filter(|(other, _)| other.0 < id.0).count();
        if signatures.iter().filter(|(other, _)| other == id).count() != 1 {
            return Err(Error::Malformed);
        }
        let entry = &mut entries[place * ENTRY_BYTES..][..ENTRY_BYTES];
        let (head, rest) = entry.split_at_mut(ENTRY_HEAD.len());
        head.copy_from_slice(&ENTRY_HEAD);
        let (name, rest) = rest.split_at_mut(KEY_ID_BYTES);
        name.copy_from_slice(&id.0);
        let (middle, text) = rest.split_at_mut(ENTRY_MIDDLE.len());
        middle.copy_from_slice(&ENTRY_MIDDLE);
        text.copy_from_slice(signature);
    }
    Ok(length)
}
