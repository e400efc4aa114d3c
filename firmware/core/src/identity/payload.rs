//! What a record says: CBOR (RFC 8949), a map with the keys 0 to 8 in their order, and 9 where there is a root.

use minicbor::{Decoder, Encoder, decode};

use super::Error;
use crate::wire::CameraId;

/// Longest certificate of an authority, DER.
pub const MAX_AUTHORITY: usize = 1024;

/// Longest enrolment token, as text.
pub const MAX_TOKEN: usize = 1024;

/// Longest signed endpoint list.
const MAX_ENDPOINTS_DOCUMENT: usize = 1400;

/// Longest signed root document.
pub const MAX_ROOT_DOCUMENT: usize = 1400;

/// A wireless network.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Wifi<'a> {
    /// Its name, at most 32 bytes (IEEE 802.11).
    pub ssid: &'a str,
    /// Its passphrase, at most 63 bytes; empty for an open network.
    pub passphrase: &'a str,
}

/// Everything that a camera is told when it is flashed.
///
/// It has no `Debug`: half of it is secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity<'a> {
    /// Its name.
    pub camera: CameraId,
    /// Its Ed25519 key, as the seed of RFC 8032.
    pub key: [u8; 32],
    /// The fleet's online key: it signs endpoint lists and the time.
    pub trusted: [u8; 32],
    /// The certificate of the authority that gateways are checked against, DER, with a P-256 key.
    pub authority: &'a [u8],
    /// The network to join; `None` where there is a cable.
    pub wifi: Option<Wifi<'a>>,
    /// The signed endpoint list.
    pub endpoints: &'a [u8],
    /// What lets it register, once.
    pub token: &'a str,
    /// The group that it belongs to; empty for none.
    pub group: &'a str,
    /// AES-256 key for what lies on its card.
    pub card_key: [u8; 32],
    /// When it was written, milliseconds since 1970: the least time that it can be.
    pub set_at_ms: u64,
    /// The signed root document that trust in updates begins with; empty where there was none, and then there are none.
    pub root: &'a [u8],
}

fn malformed<T>(_: T) -> Error {
    Error::Malformed
}

impl<'a> Identity<'a> {
    /// Writes the payload and returns its length.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `out` or a field's limit does not hold it.
    pub(super) fn encode(&self, out: &mut [u8]) -> Result<usize, Error> {
        self.check().map_err(|_| Error::TooLarge)?;
        let room = out.len();
        let mut encoder = Encoder::new(out);
        self.write(&mut encoder).map_err(|_| Error::TooLarge)?;
        Ok(room - encoder.into_writer().len())
    }

    fn write(
        &self,
        encoder: &mut Encoder<&mut [u8]>,
    ) -> Result<(), minicbor::encode::Error<minicbor::encode::write::EndOfSlice>> {
        // Without a root it is the record that older builds write, and read.
        encoder.map(if self.root.is_empty() { 9 } else { 10 })?.u8(0)?.bytes(&self.key)?.u8(1)?.bytes(&self.trusted)?;
        encoder.u8(2)?.bytes(self.authority)?.u8(3)?;
        match self.wifi {
            Some(wifi) => encoder.array(2)?.str(wifi.ssid)?.str(wifi.passphrase)?,
            None => encoder.null()?,
        };
        encoder.u8(4)?.bytes(self.endpoints)?.u8(5)?.str(self.token)?.u8(6)?.str(self.group)?;
        encoder.u8(7)?.bytes(&self.card_key)?.u8(8)?.u64(self.set_at_ms)?;
        if !self.root.is_empty() {
            encoder.u8(9)?.bytes(self.root)?;
        }
        Ok(())
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub(super) fn decode(camera: CameraId, payload: &'a [u8]) -> Result<Self, Error> {
        let mut decoder = Decoder::new(payload);
        let identity = Self::read(camera, &mut decoder).map_err(malformed)?;
        if decoder.position() != payload.len() {
            return Err(Error::Malformed);
        }
        identity.check()?;
        Ok(identity)
    }

    fn read(camera: CameraId, decoder: &mut Decoder<'a>) -> Result<Self, decode::Error> {
        let has_root = match decoder.map()? {
            Some(9) => false,
            Some(10) => true,
            _ => return Err(decode::Error::message("map")),
        };
        Ok(Self {
            camera,
            key: fixed(at(decoder, 0)?)?,
            trusted: fixed(at(decoder, 1)?)?,
            authority: at(decoder, 2)?.bytes()?,
            wifi: wifi(at(decoder, 3)?)?,
            endpoints: at(decoder, 4)?.bytes()?,
            token: at(decoder, 5)?.str()?,
            group: at(decoder, 6)?.str()?,
            card_key: fixed(at(decoder, 7)?)?,
            set_at_ms: at(decoder, 8)?.u64()?,
            root: if has_root { at(decoder, 9)?.bytes()? } else { &[] },
        })
    }

    fn check(&self) -> Result<(), Error> {
        let wifi = self.wifi.is_none_or(|wifi| {
            (1..=32).contains(&wifi.ssid.len()) && wifi.passphrase.len() <= 63 && wifi.passphrase.is_ascii()
        });
        let fits = self.authority.len() <= MAX_AUTHORITY
            && self.endpoints.len() <= MAX_ENDPOINTS_DOCUMENT
            && self.token.len() <= MAX_TOKEN
            && self.group.len() <= 63
            && self.root.len() <= MAX_ROOT_DOCUMENT;
        if wifi && fits { Ok(()) } else { Err(Error::Malformed) }
    }
}

/// The decoder at the value of `key`, which must come next.
fn at<'d, 'b>(decoder: &'d mut Decoder<'b>, key: u8) -> Result<&'d mut Decoder<'b>, decode::Error> {
    if decoder.u8()? == key { Ok(decoder) } else { Err(decode::Error::message("key")) }
}

fn fixed(decoder: &mut Decoder<'_>) -> Result<[u8; 32], decode::Error> {
    decoder.bytes()?.try_into().map_err(|_| decode::Error::message("length"))
}

fn wifi<'b>(decoder: &mut Decoder<'b>) -> Result<Option<Wifi<'b>>, decode::Error> {
    if decoder.datatype()? == minicbor::data::Type::Null {
        decoder.null()?;
        return Ok(None);
    }
    if decoder.array()? != Some(2) {
        return Err(decode::Error::message("network"));
    }
    Ok(Some(Wifi { ssid: decoder.str()?, passphrase: decoder.str()? }))
}
