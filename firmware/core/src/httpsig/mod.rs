//! Signed requests: a narrow profile of HTTP Message Signatures (RFC 9421).
//!
//! One signature named `wildcam`, Ed25519, over these components in this order: `@method`, `@path`, then if present
//! `@query`, `content-digest`, `upload-offset`, `upload-complete`, `repr-digest`; with the parameters `created`,
//! `nonce`, `alg`, `keyid` in this order, which is the order that the `httpsig` crate writes. The key id is the camera
//! id, the nonce a counter in 20 decimal digits. A verifier demands exactly the components that the request has: a
//! signature that covers fewer is refused, so nothing of a request can be changed or left out.

pub mod digest;
mod window;

use core::fmt::{self, Write as _};

use base64ct::{Base64, Encoding as _};
use ed25519_dalek::{Signature, VerifyingKey};

pub use window::Window;

/// Longest path, and longest query, in bytes.
pub const MAX_TARGET: usize = 512;

/// How far `created` may be from a gateway's clock, in seconds.
pub const MAX_SKEW_S: u64 = 300;

const LABEL: &str = "wildcam=";
const MAX_KEYID: usize = 63;
/// A structured field integer has at most 15 digits (RFC 8941 section 3.3.1).
const MAX_CREATED_S: u64 = 999_999_999_999_999;
const NONCE_LEN: usize = 20;
const SIGNATURE_BASE64: usize = 88;
const MAX_FIELD: usize = 64;

/// Value of the `Signature-Input` header.
pub type SignatureInput = heapless::String<288>;
/// Value of the `Signature` header.
pub type SignatureField = heapless::String<104>;
type Base = heapless::String<{ 2 * MAX_TARGET + 1024 }>;

/// What is wrong with a signature or with a request to be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// A header is not of the profile's one shape.
    Malformed,
    /// The signature does not cover exactly what the request has.
    Coverage,
    /// The signature is not that of the key.
    Signature,
    /// A part of the request is too long, or holds a control character.
    Request,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the signature headers are malformed",
            Self::Coverage => "the signature does not cover exactly what the request has",
            Self::Signature => "the signature of the request is wrong",
            Self::Request => "a part of the request cannot be signed",
        })
    }
}

impl core::error::Error for Error {}

/// The parts of a request that a signature covers. Header values are as they are on the wire, without spaces around.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Request<'a> {
    /// Method in upper case.
    pub method: &'a str,
    /// Path as it is on the wire, from the first slash, without the query.
    pub path: &'a str,
    /// Query without its question mark; `None` when there is no question mark.
    pub query: Option<&'a str>,
    /// `Content-Digest`.
    pub content_digest: Option<&'a str>,
    /// `Upload-Offset`.
    pub upload_offset: Option<&'a str>,
    /// `Upload-Complete`.
    pub upload_complete: Option<&'a str>,
    /// `Repr-Digest`.
    pub repr_digest: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// The covered components: name, what precedes the value, value.
    fn components(&self) -> impl Iterator<Item = (&'static str, &'static str, &'a str)> {
        [
            ("@method", "", Some(self.method)),
            ("@path", "", Some(self.path)),
            ("@query", "?", self.query),
            ("content-digest", "", self.content_digest),
            ("upload-offset", "", self.upload_offset),
            ("upload-complete", "", self.upload_complete),
            ("repr-digest", "", self.repr_digest),
        ]
        .into_iter()
        .filter_map(|(name, before, value)| value.map(|value| (name, before, value)))
    }

    /// A value with a line end could forge another component; a verifier must not rely on its HTTP library for that.
    fn check(&self) -> Result<(), Error> {
        let plain = self.components().all(|(name, _, value)| {
            let limit = if matches!(name, "@path" | "@query") { MAX_TARGET } else { MAX_FIELD };
            value.len() <= limit && value.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
        });
        let whole = !self.method.is_empty() && self.path.starts_with('/');
        if plain && whole { Ok(()) } else { Err(Error::Request) }
    }

    fn write_covered(&self, out: &mut impl fmt::Write) -> fmt::Result {
        for (n, (name, _, _)) in self.components().enumerate() {
            write!(out, "{}\"{name}\"", if n == 0 { "(" } else { " " })?;
        }
        out.write_char(')')
    }
}

/// The parameters of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters<'a> {
    /// Who signed: a camera id by its shape, not yet by proof.
    pub keyid: &'a str,
    /// When, in Unix seconds by the camera's clock.
    pub created_s: u64,
    /// The camera's request counter: boot count << 32 | number.
    pub counter: u64,
}

impl fmt::Display for Parameters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keyid, created_s, counter } = self;
        write!(f, ";created={created_s};nonce=\"{counter:020}\";alg=\"ed25519\";keyid=\"{keyid}\"")
    }
}

/// A signature that was verified.
pub type Verified<'a> = Parameters<'a>;

/// The two headers of a signed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    /// `Signature-Input`.
    pub signature_input: SignatureInput,
    /// `Signature`.
    pub signature: SignatureField,
}

/// Signs `request`. `sign` gets the signature base (RFC 9421 section 2.5).
///
/// # Errors
/// [`Error::Request`] when a part is too long, holds a control character, or the key id is not a camera id.
pub fn sign(
    request: &Request<'_>,
    parameters: &Parameters<'_>,
    sign: impl FnOnce(&[u8]) -> [u8; 64],
) -> Result<Headers, Error> {
    let base = base(request, parameters)?;
    let signature = sign(base.as_bytes());
    let mut signature_input = SignatureInput::new();
    let mut field = SignatureField::new();
    let mut buffer = [0; SIGNATURE_BASE64];
    let text = Base64::encode(&signature, &mut buffer).map_err(|_| Error::Request)?;
    let mut write = || -> fmt::Result {
        signature_input.write_str(LABEL)?;
        request.write_covered(&mut signature_input)?;
        write!(signature_input, "{parameters}")?;
        write!(field, "{LABEL}:{text}:")
    };
    write().map_err(|_| Error::Request)?;
    Ok(Headers { signature_input, signature: field })
}

/// Reads the parameters of a `Signature-Input`, to learn whose key to verify with.
///
/// # Errors
/// [`Error::Malformed`] when it is not of the profile's one shape.
pub fn parse(signature_input: &str) -> Result<Parameters<'_>, Error> {
    split(signature_input).map(|(_, parameters)| parameters)
}

/// Verifies that the holder of `key` signed exactly this request. Neither the time nor the counter is judged here.
///
/// # Errors
/// [`Error`] when a header is malformed, covers other components than the request has, or the signature is wrong.
pub fn verify<'a>(
    request: &Request<'_>,
    signature_input: &'a str,
    signature: &str,
    key: &VerifyingKey,
) -> Result<Verified<'a>, Error> {
    let (covered, parameters) = split(signature_input)?;
    let mut expected = SignatureInput::new();
    request.write_covered(&mut expected).map_err(|_| Error::Coverage)?;
    if covered != expected {
        return Err(Error::Coverage);
    }
    let text = signature.strip_prefix(LABEL).and_then(|rest| rest.strip_prefix(':')?.strip_suffix(':'));
    let text = text.filter(|text| text.len() == SIGNATURE_BASE64).ok_or(Error::Malformed)?;
    let mut buffer = [0; 66];
    let bytes = Base64::decode(text, &mut buffer).map_err(|_| Error::Malformed)?;
    let signature = Signature::from_slice(bytes).map_err(|_| Error::Malformed)?;
    let base = base(request, &parameters)?;
    key.verify_strict(base.as_bytes(), &signature).map_err(|_| Error::Signature)?;
    Ok(parameters)
}

fn base(request: &Request<'_>, parameters: &Parameters<'_>) -> Result<Base, Error> {
    request.check()?;
    if !is_keyid(parameters.keyid) || parameters.created_s > MAX_CREATED_S {
        return Err(Error::Request);
    }
    let mut base = Base::new();
    let mut write = || -> fmt::Result {
        for (name, before, value) in request.components() {
            writeln!(base, "\"{name}\": {before}{value}")?;
        }
        base.write_str("\"@signature-params\": ")?;
        request.write_covered(&mut base)?;
        write!(base, "{parameters}")
    };
    write().map_err(|_| Error::Request)?;
    Ok(base)
}

fn is_keyid(text: &str) -> bool {
    let valid = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty() && text.len() <= MAX_KEYID && text.bytes().all(valid)
}

/// The covered components with their brackets, and the parameters.
fn split(signature_input: &str) -> Result<(&str, Parameters<'_>), Error> {
    let read = || {
        let list = signature_input.strip_prefix(LABEL)?;
        let (covered, rest) = list.split_at(list.find(')')? + 1);
        let (created, rest) = rest.strip_prefix(";created=")?.split_once(";nonce=\"")?;
        let (nonce, keyid) = rest.split_once("\";alg=\"ed25519\";keyid=\"")?;
        let keyid = keyid.strip_suffix('"').filter(|text| is_keyid(text))?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let canonical = created == "0" || !created.starts_with('0');
        if !digits(created) || !canonical || !digits(nonce) || nonce.len() != NONCE_LEN {
            return None;
        }
        let created_s = created.parse().ok().filter(|&s| s <= MAX_CREATED_S)?;
        Some((covered, Parameters { keyid, created_s, counter: nonce.parse().ok()? }))
    };
    if signature_input.len() > SignatureInput::new().capacity() {
        return Err(Error::Malformed);
    }
    read().ok_or(Error::Malformed)
}

#[cfg(test)]
mod tests;
