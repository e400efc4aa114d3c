//! Which release is the newest.

use minicbor::Decoder;

use super::{
    Error,
    body::{self, Fields, malformed},
    is_class,
    signed::MAX_CONTENT,
};
use crate::cose::{Document, kind};

/// Most classes of boards in a timestamp.
pub const MAX_CLASSES: usize = 8;

/// The newest release of one class of boards: `{0: class, 1: sequence, 2: digest, 3: length}`.
///
/// The body of a document of kind [`kind::TIMESTAMP`] is a list of up to eight, in rising order of the classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Newest<'a> {
    /// The class: a board's name.
    pub class: &'a str,
    /// The number of its manifest.
    pub sequence: u64,
    /// SHA-256 of the manifest's content.
    pub digest: [u8; 32],
    /// Length of the manifest's content in bytes.
    pub bytes: u16,
}

impl<'a> Newest<'a> {
    /// Writes the body of a timestamp and returns its length.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what a camera would refuse; [`Error::TooLarge`] when `out` is too small.
    pub fn encode(list: &[Newest<'_>], out: &mut [u8]) -> Result<usize, Error> {
        let rising = list.windows(2).all(|pair| pair[0].class < pair[1].class);
        if list.is_empty() || list.len() > MAX_CLASSES || !rising || !list.iter().all(Newest::is_valid) {
            return Err(Error::Malformed);
        }
        body::encode(out, |encoder| {
            encoder.array(list.len() as u64)?;
            for one in list {
                encoder.map(4)?.u8(0)?.str(one.class)?.u8(1)?.u64(one.sequence)?;
                encoder.u8(2)?.bytes(&one.digest)?.u8(3)?.u16(one.bytes)?;
            }
            Ok(())
        })
    }

    /// Reads all of `document` and returns what it says of `class`, if it does.
    ///
    /// # Errors
    /// [`Error::Kind`] when it is of another kind; [`Error::Malformed`] when any part of it is.
    pub fn from_document(document: &Document<'a>, class: &str) -> Result<Option<Self>, Error> {
        let mut found = None;
        Self::each(document, |one| found = (one.class == class).then_some(one).or(found))?;
        Ok(found)
    }

    /// Calls `see` with each class of `document`, in their order; the last ones may be missing when it fails.
    ///
    /// # Errors
    /// As [`Newest::from_document`].
    pub fn each(document: &Document<'a>, mut see: impl FnMut(Self)) -> Result<(), Error> {
        if document.kind != kind::TIMESTAMP {
            return Err(Error::Kind);
        }
        body::decode(document.body, |decoder| {
            let mut last = "";
            for _ in 0..body::count(decoder, 1, MAX_CLASSES)? {
                let one = Self::read(decoder)?;
                if one.class <= last {
                    return Err(Error::Malformed);
                }
                last = one.class;
                see(one);
            }
            Ok(())
        })
    }

    fn read(decoder: &mut Decoder<'a>) -> Result<Self, Error> {
        let mut fields = Fields::of(decoder)?;
        let (mut class, mut sequence, mut digest, mut bytes) = (None, None, None, None);
        while let Some(key) = fields.next(decoder)? {
            match key {
                0 => class = Some(decoder.str().map_err(malformed)?),
                1 => sequence = Some(decoder.u64().map_err(malformed)?),
                2 => digest = Some(body::bytes(decoder)?),
                3 => bytes = Some(decoder.u16().map_err(malformed)?),
                _ => body::skip(decoder)?,
            }
        }
        let missing = Error::Malformed;
        let one = Self {
            class: class.ok_or(missing)?,
            sequence: sequence.ok_or(missing)?,
            digest: digest.ok_or(missing)?,
            bytes: bytes.ok_or(missing)?,
        };
        if one.is_valid() { Ok(one) } else { Err(Error::Malformed) }
    }

    fn is_valid(&self) -> bool {
        is_class(self.class) && self.sequence > 0 && self.bytes > 0 && usize::from(self.bytes) <= MAX_CONTENT
    }
}
