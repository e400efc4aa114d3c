//! Signed documents: COSE_Sign1 (RFC 9052) in one fixed shape.
//!
//! A document is `18([protected, {}, payload, signature])` with the protected header `{1: -8, 4: kid}` (EdDSA, the key
//! that signed) and as payload the map `{0: 1, 1: kind, 2: seq, 3: issued, 4: expires, 5: body}`, all in the
//! deterministic encoding of RFC 8949 section 4.2.1. There is exactly one encoding of a document: [`verify`] rebuilds
//! the bytes from what it read and refuses everything that differs, so no two readers can disagree about one document.
//!
//! The carrier is not trusted, only the signature is. Time is judged apart, by [`Document::check_time`], because a
//! camera whose clock is wrong must still be able to read the document that corrects it.

mod body;

use core::fmt;

use ed25519_dalek::{Signature, VerifyingKey};
use minicbor::{
    Decoder, Encoder,
    data::{Tag, Type},
    encode::Write,
};
use sha2::{Digest, Sha256};

pub use body::{
    Action, CommandBody, Endpoint, Endpoints, MAX_ENDPOINTS, Scope, TimeBody, TokenBody, token_from_text, token_to_text,
};

/// Largest document in bytes. A list of eight endpoints with the longest names takes under 1,600.
pub const MAX_DOCUMENT: usize = 2048;

/// Room that [`encode`] needs beyond the document itself: none of it remains in the result.
pub const ENCODE_SLACK: usize = 16;

/// How far in the future `issued` may lie: the drift that a gateway allows in a request as well.
pub const MAX_SKEW_S: u64 = 300;

/// The kinds of documents that this version knows.
pub mod kind {
    /// Where cameras send to: [`super::Endpoints`].
    pub const ENDPOINTS: &str = "endpoints";
    /// What the time is: [`super::TimeBody`].
    pub const TIME: &str = "time";
    /// What the bearer may do: [`super::TokenBody`].
    pub const TOKEN: &str = "token";
    /// What one camera shall do, once: [`super::CommandBody`].
    pub const COMMAND: &str = "command";
    /// What one camera is set to, and what it shall run: [`crate::config::ConfigBody`].
    pub const CONFIG: &str = "config";
    /// Whose signatures count for updates: [`crate::trust::Root`].
    pub const ROOT: &str = "root";
    /// Which release is the newest: [`crate::trust::Newest`].
    pub const TIMESTAMP: &str = "timestamp";
    /// What an update consists of: [`crate::trust::Manifest`].
    pub const RELEASE: &str = "release";
}

const MAX_KIND: usize = 32;
const VERSION: u8 = 1;
const TAG_SIGN1: u64 = 18;
const ALG_EDDSA: i8 = -8;
const SIGNATURE_LEN: usize = 64;
/// `84 6a "Signature1"`: what precedes the protected header in what is signed.
const SIGNED_PREFIX: usize = 12;
/// `d2 84`: what precedes the protected header in the document.
const DOCUMENT_PREFIX: usize = 2;
/// The protected header as a byte string: its head, then `a2 01 27 04 48` and the key id.
const PROTECTED_LEN: usize = 1 + 5 + KeyId::LEN;

/// What is wrong with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// It is not a document in its one encoding.
    Malformed,
    /// It is larger than [`MAX_DOCUMENT`], or than the buffer given.
    TooLarge,
    /// It is signed with another algorithm than EdDSA.
    Algorithm,
    /// It names another key than the one that is trusted.
    UnknownKey,
    /// The signature is not that of the key over the content.
    Signature,
    /// It is of another kind or version than expected.
    Kind,
    /// It is past its expiry.
    Expired,
    /// It is issued in the future.
    NotYetValid,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the signed document is malformed",
            Self::TooLarge => "the signed document is too large",
            Self::Algorithm => "the signed document uses an unknown algorithm",
            Self::UnknownKey => "the signed document is signed by an unknown key",
            Self::Signature => "the signature of the document is wrong",
            Self::Kind => "the signed document is of another kind",
            Self::Expired => "the signed document has expired",
            Self::NotYetValid => "the signed document lies in the future",
        })
    }
}

impl core::error::Error for Error {}

/// The name of a key: the first 8 bytes of the SHA-256 of the 32 bytes of the public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub [u8; 8]);

impl KeyId {
    const LEN: usize = 8;

    /// The name of `key`.
    #[must_use]
    pub fn of(key: &VerifyingKey) -> Self {
        let digest: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        let mut id = [0; Self::LEN];
        id.copy_from_slice(&digest[..Self::LEN]);
        Self(id)
    }
}

/// The content of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document<'a> {
    /// What the body is, one of [`kind`].
    pub kind: &'a str,
    /// Rises with each new document of its kind; a lower one than was seen is refused by its reader.
    pub seq: u64,
    /// Unix seconds at which it was signed.
    pub issued_s: u64,
    /// Unix seconds from which it is void.
    pub expires_s: u64,
    /// One CBOR value, as [`Endpoints`], [`TimeBody`], [`TokenBody`] or [`CommandBody`] encode it, or one of
    /// [`crate::trust`].
    pub body: &'a [u8],
}

impl Document<'_> {
    /// Judges the document by the reader's clock, with [`MAX_SKEW_S`] of tolerance for the issuer's.
    ///
    /// # Errors
    /// [`Error::Expired`] or [`Error::NotYetValid`].
    pub fn check_time(&self, now_s: u64) -> Result<(), Error> {
        if now_s >= self.expires_s {
            return Err(Error::Expired);
        }
        if self.issued_s > now_s.saturating_add(MAX_SKEW_S) {
            return Err(Error::NotYetValid);
        }
        Ok(())
    }

    pub(crate) fn write_payload<W: Write>(&self, writer: W) -> Result<(), minicbor::encode::Error<W::Error>> {
        let mut encoder = Encoder::new(writer);
        encoder.map(6)?.u8(0)?.u8(VERSION)?.u8(1)?.str(self.kind)?.u8(2)?.u64(self.seq)?;
        encoder.u8(3)?.u64(self.issued_s)?.u8(4)?.u64(self.expires_s)?.u8(5)?;
        encoder.writer_mut().write_all(self.body).map_err(minicbor::encode::Error::write)
    }

    pub(crate) fn payload_len(&self) -> usize {
        let mut count = Count(0);
        match self.write_payload(&mut count) {
            Ok(()) => count.0,
            Err(error) => match error.into_write() {
                Some(never) => match never {},
                None => usize::MAX,
            },
        }
    }
}

/// Counts what would be written.
struct Count(usize);

impl Write for Count {
    type Error = core::convert::Infallible;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(())
    }
}

/// Writes what is to be signed (the `Sig_structure` of RFC 9052 section 4.4) and returns its length.
///
/// # Errors
/// [`Error::TooLarge`] when it does not fit `out` or the document would exceed [`MAX_DOCUMENT`]; [`Error::Kind`] for an
/// empty or overlong kind; [`Error::Malformed`] when the body is not one CBOR value.
pub fn to_be_signed(document: &Document<'_>, key: KeyId, out: &mut [u8]) -> Result<usize, Error> {
    if document.kind.is_empty() || document.kind.len() > MAX_KIND {
        return Err(Error::Kind);
    }
    let mut body = Decoder::new(document.body);
    if body.skip().is_err() || body.position() != document.body.len() {
        return Err(Error::Malformed);
    }
    let payload_len = document.payload_len();
    if payload_len > MAX_DOCUMENT {
        return Err(Error::TooLarge);
    }
    let room = out.len();
    let mut encoder = Encoder::new(&mut *out);
    let write = |encoder: &mut Encoder<&mut [u8]>| {
        encoder.array(4)?.str("Signature1")?;
        encoder.bytes_len((PROTECTED_LEN - 1) as u64)?;
        encoder.map(2)?.u8(1)?.i8(ALG_EDDSA)?.u8(4)?.bytes(&key.0)?;
        encoder.bytes(&[])?.bytes_len(payload_len as u64)?;
        document.write_payload(encoder.writer_mut())
    };
    write(&mut encoder).map_err(|_| Error::TooLarge)?;
    let length = room - encoder.into_writer().len();
    if document_len(length) > MAX_DOCUMENT {
        return Err(Error::TooLarge);
    }
    Ok(length)
}

fn document_len(signed_len: usize) -> usize {
    signed_len - SIGNED_PREFIX + DOCUMENT_PREFIX + 2 + SIGNATURE_LEN
}

/// Turns the first `signed_len` bytes of `out`, written by [`to_be_signed`], into the document, and returns its length.
/// For signers that cannot be called from a closure.
///
/// # Errors
/// [`Error::TooLarge`] when `out` has no room for the signature; [`Error::Malformed`] when it holds something else.
pub fn seal(out: &mut [u8], signed_len: usize, signature: &[u8; SIGNATURE_LEN]) -> Result<usize, Error> {
    if signed_len < SIGNED_PREFIX + PROTECTED_LEN + 1 || !out.starts_with(b"\x84\x6aSignature1") {
        return Err(Error::Malformed);
    }
    let total = document_len(signed_len);
    if total > out.len() || signed_len > out.len() {
        return Err(Error::TooLarge);
    }
    // What is signed and the document differ in the bytes before the protected header, and after it: an empty byte
    // string (no external data) stands where the document has its empty unprotected header.
    out.copy_within(SIGNED_PREFIX..signed_len, DOCUMENT_PREFIX);
    out[..DOCUMENT_PREFIX].copy_from_slice(&[0xd2, 0x84]);
    out[DOCUMENT_PREFIX + PROTECTED_LEN] = 0xa0;
    let end = total - SIGNATURE_LEN;
    out[end - 2..end].copy_from_slice(&[0x58, SIGNATURE_LEN as u8]);
    out[end..total].copy_from_slice(signature);
    Ok(total)
}

/// Writes the signed document and returns its length. `sign` gets the bytes to be signed; `out` needs at most
/// [`MAX_DOCUMENT`] + [`ENCODE_SLACK`] bytes.
///
/// # Errors
/// As [`to_be_signed`].
pub fn encode(
    document: &Document<'_>,
    key: KeyId,
    sign: impl FnOnce(&[u8]) -> [u8; SIGNATURE_LEN],
    out: &mut [u8],
) -> Result<usize, Error> {
    let signed_len = to_be_signed(document, key, out)?;
    if document_len(signed_len) > out.len() {
        return Err(Error::TooLarge);
    }
    let signature = sign(&out[..signed_len]);
    seal(out, signed_len, &signature)
}

/// Reads a document that `key` signed.
///
/// The signature is checked by the strict rules of Ed25519 (no small-order keys, one encoding of each signature). The
/// time is not judged here; see [`Document::check_time`].
///
/// # Errors
/// [`Error`] when the document is too large, not in its one encoding, or not signed by `key`.
pub fn verify<'a>(bytes: &'a [u8], key: &VerifyingKey) -> Result<Document<'a>, Error> {
    if bytes.len() > MAX_DOCUMENT {
        return Err(Error::TooLarge);
    }
    let key_id = KeyId::of(key);
    let (document, signature) = decode(bytes, key_id)?;

    let mut signed = [0; MAX_DOCUMENT + ENCODE_SLACK];
    let signed_len = to_be_signed(&document, key_id, &mut signed)?;
    if document_len(signed_len) != bytes.len() {
        return Err(Error::Malformed);
    }
    let payload = SIGNED_PREFIX + PROTECTED_LEN + 1;
    let same_header = bytes[DOCUMENT_PREFIX..][..PROTECTED_LEN] == signed[SIGNED_PREFIX..][..PROTECTED_LEN];
    let same_payload =
        bytes[DOCUMENT_PREFIX + PROTECTED_LEN + 1..][..signed_len - payload] == signed[payload..signed_len];
    if !bytes.starts_with(&[0xd2, 0x84]) || !same_header || !same_payload {
        return Err(Error::Malformed);
    }
    key.verify_strict(&signed[..signed_len], &signature).map_err(|_| Error::Signature)?;
    Ok(document)
}

fn decode(bytes: &[u8], key_id: KeyId) -> Result<(Document<'_>, Signature), Error> {
    let malformed = |_| Error::Malformed;
    let mut outer = Decoder::new(bytes);
    if outer.tag().map_err(malformed)? != Tag::new(TAG_SIGN1) || outer.array().map_err(malformed)? != Some(4) {
        return Err(Error::Malformed);
    }
    let protected = outer.bytes().map_err(malformed)?;
    if outer.map().map_err(malformed)? != Some(0) {
        return Err(Error::Malformed);
    }
    let payload = outer.bytes().map_err(malformed)?;
    let signature = outer.bytes().map_err(malformed)?;
    if outer.position() != bytes.len() {
        return Err(Error::Malformed);
    }
    let signature = Signature::from_slice(signature).map_err(|_| Error::Malformed)?;

    let mut header = Decoder::new(protected);
    if header.map().map_err(malformed)? != Some(2) || header.u8().map_err(malformed)? != 1 {
        return Err(Error::Malformed);
    }
    if header.i64().map_err(malformed)? != i64::from(ALG_EDDSA) {
        return Err(Error::Algorithm);
    }
    if header.u8().map_err(malformed)? != 4 {
        return Err(Error::Malformed);
    }
    if header.bytes().map_err(malformed)? != key_id.0 {
        return Err(Error::UnknownKey);
    }
    if header.position() != protected.len() {
        return Err(Error::Malformed);
    }
    Ok((decode_payload(payload)?, signature))
}

pub(crate) fn decode_payload(payload: &[u8]) -> Result<Document<'_>, Error> {
    let malformed = |_| Error::Malformed;
    let mut decoder = Decoder::new(payload);
    if decoder.map().map_err(malformed)? != Some(6) {
        return Err(Error::Malformed);
    }
    let field = |key: u8, decoder: &mut Decoder<'_>| -> Result<(), Error> {
        (decoder.u8().map_err(malformed)? == key).then_some(()).ok_or(Error::Malformed)
    };
    field(0, &mut decoder)?;
    if decoder.u64().map_err(malformed)? != u64::from(VERSION) {
        return Err(Error::Kind);
    }
    field(1, &mut decoder)?;
    let kind = decoder.str().map_err(malformed)?;
    field(2, &mut decoder)?;
    let seq = decoder.u64().map_err(malformed)?;
    field(3, &mut decoder)?;
    let issued_s = decoder.u64().map_err(malformed)?;
    field(4, &mut decoder)?;
    let expires_s = decoder.u64().map_err(malformed)?;
    field(5, &mut decoder)?;
    let start = decoder.position();
    if decoder.datatype().map_err(malformed)? == Type::Break || decoder.skip().is_err() {
        return Err(Error::Malformed);
    }
    if decoder.position() != payload.len() {
        return Err(Error::Malformed);
    }
    Ok(Document { kind, seq, issued_s, expires_s, body: &payload[start..] })
}

#[cfg(test)]
mod tests;
