//! What an update consists of, and when it may be put in place.
//!
//! The fields are those of the SUIT information model (RFC 9124), under its names as far as there is a name:
//!
//! | here | there |
//! |---|---|
//! | [`Document::seq`] | manifest sequence number |
//! | [`Document::expires_s`] | expiration time |
//! | [`Manifest::class`] | class ID condition |
//! | [`Manifest::version`] | version, as people read it |
//! | [`Payload::digest`], [`Payload::size`], [`Payload::uri`] | payload digest, size, payload indicator |
//! | [`Delta::precursor`] | precursor image digest condition |
//! | [`Manifest::build_id`], [`Sums`], [`Gates`] | none: what this fleet needs besides |

use minicbor::{Decoder, Encoder};

use super::{
    Error,
    body::{self, Encoded, Fields, malformed},
    gates::Gates,
    is_class,
};
use crate::{
    cose::{Document, kind},
    image::Description,
    update::sums_bytes,
    wire::keys::is_release,
};

/// Most deltas of a manifest.
pub const MAX_DELTAS: usize = 4;

/// Largest image or patch in bytes: the largest slot of [`crate::layout`].
pub const MAX_PAYLOAD_BYTES: u32 = 3 * 1024 * 1024;

/// Longest version in bytes, that of an image's description.
pub const MAX_VERSION: usize = 32;

/// A file to be fetched: `{0: size, 1: digest, 2: uri}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload<'a> {
    /// Its length in bytes.
    pub size: u32,
    /// Its SHA-256.
    pub digest: [u8; 32],
    /// Its key under [`crate::wire::keys::RELEASES`], the same in every store.
    pub uri: &'a str,
}

impl Payload<'_> {
    fn is_valid(&self) -> bool {
        self.size > 0 && self.size <= MAX_PAYLOAD_BYTES && is_release(self.uri)
    }
}

/// A patch that makes the image from another one: a [`Payload`] with `3: precursor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delta<'a> {
    /// SHA-256 of the whole image that it is applied to.
    pub precursor: [u8; 32],
    /// The patch.
    pub patch: Payload<'a>,
}

/// The digests of an image's sectors, a file by which a camera finds wrong bytes while they come: `{1: digest, 2: uri}`.
///
/// The first [`SUM_BYTES`](crate::update::SUM_BYTES) bytes of the SHA-256 of each 4 KiB of the image, in order; the last one of what is left. Its
/// length follows from the image's ([`sums_bytes`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums<'a> {
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// Its key, as [`Payload::uri`].
    pub uri: &'a str,
}

/// The body of a document of kind [`kind::RELEASE`]: `{0: class, 1: version, 2: build id, 3: image, 4: [delta, ...],
/// 5: gates}`; without 4 there is no delta, and without 5 no gate. The image is a [`Payload`] with `4: sums`, which may be
/// missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest<'a> {
    /// The class of boards that it is for: a board's name.
    pub class: &'a str,
    /// What people call it.
    pub version: &'a str,
    /// The first bytes of the build id that the image's description holds.
    pub build_id: [u8; 8],
    /// The whole image, with its hash at its end.
    pub image: Payload<'a>,
    /// Digests of its sectors. An image that has more of them than fit into a sector has none.
    pub sums: Option<Sums<'a>>,
    /// Shorter ways to the same image.
    pub deltas: heapless::Vec<Delta<'a>, MAX_DELTAS>,
    /// When it may be fetched and put in place.
    pub gates: Gates,
}

impl<'a> Manifest<'a> {
    /// Writes the body and returns its length.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what a camera would refuse; [`Error::TooLarge`] when `out` is too small.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, Error> {
        if !self.is_valid() {
            return Err(Error::Malformed);
        }
        body::encode(out, |encoder| {
            encoder.map(6)?.u8(0)?.str(self.class)?.u8(1)?.str(self.version)?.u8(2)?.bytes(&self.build_id)?;
            encoder.u8(3)?;
            write_payload(&self.image, None, self.sums.as_ref(), encoder)?;
            encoder.u8(4)?.array(self.deltas.len() as u64)?;
            for delta in &self.deltas {
                write_payload(&delta.patch, Some(&delta.precursor), None, encoder)?;
            }
            encoder.u8(5)?;
            self.gates.write(encoder)
        })
    }

    /// Reads the body of `document`.
    ///
    /// # Errors
    /// [`Error::Kind`] when it is of another kind, [`Error::Malformed`] when it says what it may not.
    pub fn from_document(document: &Document<'a>) -> Result<Self, Error> {
        if document.kind != kind::RELEASE {
            return Err(Error::Kind);
        }
        body::decode(document.body, |decoder| {
            let mut fields = Fields::of(decoder)?;
            let (mut class, mut version, mut build_id, mut image) = (None, None, None, None);
            let (mut deltas, mut gates) = (heapless::Vec::new(), Gates::default());
            while let Some(key) = fields.next(decoder)? {
                match key {
                    0 => class = Some(decoder.str().map_err(malformed)?),
                    1 => version = Some(decoder.str().map_err(malformed)?),
                    2 => build_id = Some(body::bytes(decoder)?),
                    3 => image = Some(read_payload(decoder)?),
                    4 => {
                        for _ in 0..body::count(decoder, 0, MAX_DELTAS)? {
                            let Read { payload: patch, precursor, .. } = read_payload(decoder)?;
                            let delta = Delta { patch, precursor: precursor.ok_or(Error::Malformed)? };
                            deltas.push(delta).map_err(|_| Error::Malformed)?;
                        }
                    }
                    5 => gates = Gates::read(decoder)?,
                    _ => body::skip(decoder)?,
                }
            }
            let missing = Error::Malformed;
            let Read { payload: image, sums, .. } = image.ok_or(missing)?;
            let manifest = Self {
                class: class.ok_or(missing)?,
                version: version.ok_or(missing)?,
                build_id: build_id.ok_or(missing)?,
                image,
                sums,
                deltas,
                gates,
            };
            if manifest.is_valid() { Ok(manifest) } else { Err(Error::Malformed) }
        })
    }

    /// The delta that leads from the image with this SHA-256.
    #[must_use]
    pub fn delta_from(&self, image: &[u8; 32]) -> Option<&Delta<'a>> {
        self.deltas.iter().find(|delta| delta.precursor == *image)
    }

    /// Whether an image says of itself what the manifest says of it.
    #[must_use]
    pub fn describes(&self, description: &Description) -> bool {
        description.version() == self.version && description.build_id.starts_with(&self.build_id)
    }

    fn is_valid(&self) -> bool {
        let version = !self.version.is_empty() && self.version.len() <= MAX_VERSION;
        let deltas = self.deltas.iter().enumerate().all(|(place, delta)| {
            let first = self.deltas[..place].iter().all(|other| other.precursor != delta.precursor);
            // A patch from the image to itself leads nowhere.
            first && delta.patch.is_valid() && delta.precursor != self.image.digest
        });
        let sums = self.sums.is_none_or(|sums| is_release(sums.uri) && sums_bytes(self.image.size).is_some());
        let printable = self.version.bytes().all(|byte| byte.is_ascii_graphic());
        is_class(self.class) && version && printable && self.image.is_valid() && sums && deltas && self.gates.is_valid()
    }
}

fn write_payload(
    payload: &Payload<'_>,
    precursor: Option<&[u8; 32]>,
    sums: Option<&Sums<'_>>,
    encoder: &mut Encoder<&mut [u8]>,
) -> Encoded {
    encoder.map(3 + u64::from(precursor.is_some()) + u64::from(sums.is_some()))?;
    encoder.u8(0)?.u32(payload.size)?.u8(1)?.bytes(&payload.digest)?.u8(2)?.str(payload.uri)?;
    if let Some(precursor) = precursor {
        encoder.u8(3)?.bytes(precursor)?;
    }
    if let Some(sums) = sums {
        encoder.u8(4)?.map(2)?.u8(1)?.bytes(&sums.sha256)?.u8(2)?.str(sums.uri)?;
    }
    Ok(())
}

/// A payload with what the map of one may hold besides.
struct Read<'b> {
    payload: Payload<'b>,
    precursor: Option<[u8; 32]>,
    sums: Option<Sums<'b>>,
}

fn read_payload<'b>(decoder: &mut Decoder<'b>) -> Result<Read<'b>, Error> {
    let mut fields = Fields::of(decoder)?;
    let (mut size, mut digest, mut uri, mut precursor, mut sums) = (None, None, None, None, None);
    while let Some(key) = fields.next(decoder)? {
        match key {
            0 => size = Some(decoder.u32().map_err(malformed)?),
            1 => digest = Some(body::bytes(decoder)?),
            2 => uri = Some(decoder.str().map_err(malformed)?),
            3 => precursor = Some(body::bytes(decoder)?),
            4 => sums = Some(read_sums(decoder)?),
            _ => body::skip(decoder)?,
        }
    }
    let missing = Error::Malformed;
    let payload = Payload { size: size.ok_or(missing)?, digest: digest.ok_or(missing)?, uri: uri.ok_or(missing)? };
    Ok(Read { payload, precursor, sums })
}

fn read_sums<'b>(decoder: &mut Decoder<'b>) -> Result<Sums<'b>, Error> {
    let mut fields = Fields::of(decoder)?;
    let (mut sha256, mut uri) = (None, None);
    while let Some(key) = fields.next(decoder)? {
        match key {
            1 => sha256 = Some(body::bytes(decoder)?),
            2 => uri = Some(decoder.str().map_err(malformed)?),
            _ => body::skip(decoder)?,
        }
    }
    Ok(Sums { sha256: sha256.ok_or(Error::Malformed)?, uri: uri.ok_or(Error::Malformed)? })
}
