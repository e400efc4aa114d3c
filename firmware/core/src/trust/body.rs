//! How the bodies of the three roles are read: maps with numbers as keys, in rising order.
//!
//! A key that this build does not know is passed over with its value, so that a later release may say more. A key that
//! comes twice is refused by the order. Lengths must be stated; CBOR's indefinite ones are refused here, because minicbor
//! passes over them with an allocator and refuses some of them without, and a camera and a tool must agree.

use minicbor::{Decoder, Encoder, data::Type};

use super::Error;

/// What the writing of a body returns.
pub(crate) type Encoded = Result<(), minicbor::encode::Error<minicbor::encode::write::EndOfSlice>>;

/// The place in a map.
pub(crate) struct Fields {
    left: u64,
    last: Option<u64>,
}

impl Fields {
    /// At the first key of the map that comes next.
    pub(crate) fn of(decoder: &mut Decoder<'_>) -> Result<Self, Error> {
        let left = decoder.map().map_err(malformed)?.ok_or(Error::Malformed)?;
        Ok(Self { left, last: None })
    }

    /// The next key; its value comes next. `None` at the end.
    pub(crate) fn next(&mut self, decoder: &mut Decoder<'_>) -> Result<Option<u64>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let key = decoder.u64().map_err(malformed)?;
        if self.last.is_some_and(|last| last >= key) {
            return Err(Error::Malformed);
        }
        self.last = Some(key);
        Ok(Some(key))
    }
}

pub(crate) fn malformed(_: minicbor::decode::Error) -> Error {
    Error::Malformed
}

/// Passes over one value.
pub(crate) fn skip(decoder: &mut Decoder<'_>) -> Result<(), Error> {
    // Each round takes a byte at least, so a length that was made up ends with the input.
    let mut left = 1_u64;
    while left > 0 {
        left -= 1;
        let inside = match decoder.datatype().map_err(malformed)? {
            Type::Array => decoder.array().map_err(malformed)?.ok_or(Error::Malformed)?,
            Type::Map => decoder.map().map_err(malformed)?.and_then(|n| n.checked_mul(2)).ok_or(Error::Malformed)?,
            Type::Tag => decoder.tag().map(|_| 1).map_err(malformed)?,
            Type::String => decoder.str().map(|_| 0).map_err(malformed)?,
            Type::BytesIndef | Type::StringIndef | Type::ArrayIndef | Type::MapIndef | Type::Break => {
                return Err(Error::Malformed);
            }
            _ => decoder.skip().map(|()| 0).map_err(malformed)?,
        };
        left = left.checked_add(inside).ok_or(Error::Malformed)?;
    }
    Ok(())
}

/// The number of values in the list that comes next, from `least` to `most`.
pub(crate) fn count(decoder: &mut Decoder<'_>, least: usize, most: usize) -> Result<usize, Error> {
    let count = decoder.array().map_err(malformed)?.and_then(|count| usize::try_from(count).ok());
    count.filter(|count| (least..=most).contains(count)).ok_or(Error::Malformed)
}

/// The byte string of `N` bytes that comes next.
pub(crate) fn bytes<const N: usize>(decoder: &mut Decoder<'_>) -> Result<[u8; N], Error> {
    decoder.bytes().map_err(malformed)?.try_into().map_err(|_| Error::Malformed)
}

/// Reads all of `body`.
pub(crate) fn decode<'b, T>(
    body: &'b [u8],
    read: impl FnOnce(&mut Decoder<'b>) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut decoder = Decoder::new(body);
    let value = read(&mut decoder)?;
    if decoder.position() == body.len() { Ok(value) } else { Err(Error::Malformed) }
}

/// Writes a body into `out` and returns its length.
pub(crate) fn encode(out: &mut [u8], write: impl FnOnce(&mut Encoder<&mut [u8]>) -> Encoded) -> Result<usize, Error> {
    let room = out.len();
    let mut encoder = Encoder::new(out);
    write(&mut encoder).map_err(|_| Error::TooLarge)?;
    Ok(room - encoder.into_writer().len())
}
