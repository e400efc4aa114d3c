//! What the documents say.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use minicbor::{Decoder, Encoder, data::Type};

use super::{Document, Error, kind};
use crate::wire::{CameraId, Text};

/// Most endpoints in a list.
pub const MAX_ENDPOINTS: usize = 8;

/// A gateway, or a name behind which gateways stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// What people and reports call it: the cloud and region.
    pub name: Text<32>,
    /// Host name or IP address to connect to.
    pub host: Text<64>,
    /// TCP port.
    pub port: u16,
    /// Share of the load among endpoints that work equally well; 0 for one that is only used when all others fail.
    pub weight: u16,
    /// The name that the server's certificate must be for.
    pub server_name: Text<64>,
}

impl Endpoint {
    fn is_valid(&self) -> bool {
        // The host name becomes a header line and the server name a TLS extension: neither may carry a line end.
        let host = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':'))
        };
        let name = !self.name.is_empty() && self.name.bytes().all(|b| b.is_ascii_graphic());
        name && host(&self.host) && host(&self.server_name) && self.port != 0
    }
}

/// The body of a document of kind [`kind::ENDPOINTS`]: an array of 1 to 8 maps
/// `{0: name, 1: host, 2: port, 3: weight, 4: server name}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints(pub heapless::Vec<Endpoint, MAX_ENDPOINTS>);

impl Endpoints {
    /// Writes the body and returns its length.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `out` is too small; [`Error::Malformed`] for an empty list or an invalid endpoint.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, Error> {
        if self.0.is_empty() || !self.0.iter().all(Endpoint::is_valid) {
            return Err(Error::Malformed);
        }
        encode(out, |encoder| {
            encoder.array(self.0.len() as u64)?;
            for endpoint in &self.0 {
                encoder.map(5)?.u8(0)?.str(&endpoint.name)?.u8(1)?.str(&endpoint.host)?;
                encoder.u8(2)?.u16(endpoint.port)?.u8(3)?.u16(endpoint.weight)?;
                encoder.u8(4)?.str(&endpoint.server_name)?;
            }
            Ok(())
        })
    }

    /// Reads the body of `document`.
    ///
    /// # Errors
    /// [`Error::Kind`] when it is of another kind; [`Error::Malformed`] when the list is empty, too long, or holds a
    /// name that could not be one.
    pub fn from_document(document: &Document<'_>) -> Result<Self, Error> {
        decode(document, kind::ENDPOINTS, |decoder| {
            let mut list = heapless::Vec::new();
            let count = decoder.array()?.filter(|&n| n > 0 && n <= MAX_ENDPOINTS as u64);
            for _ in 0..count.ok_or_else(|| minicbor::decode::Error::message("count"))? {
                let endpoint = decode_endpoint(decoder)?;
                list.push(endpoint).map_err(|_| minicbor::decode::Error::message("count"))?;
            }
            Ok(Self(list))
        })
    }
}

fn decode_endpoint(decoder: &mut Decoder<'_>) -> Result<Endpoint, minicbor::decode::Error> {
    expect_map(decoder, 5)?;
    let endpoint = Endpoint {
        name: text(decoder, 0)?,
        host: text(decoder, 1)?,
        port: field(decoder, 2)?.u16()?,
        weight: field(decoder, 3)?.u16()?,
        server_name: text(decoder, 4)?,
    };
    if endpoint.is_valid() { Ok(endpoint) } else { Err(minicbor::decode::Error::message("endpoint")) }
}

/// The body of a document of kind [`kind::TIME`]: `{0: Unix milliseconds, 1: nonce}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeBody {
    /// The time at the gateway, milliseconds since 1970.
    pub unix_ms: u64,
    /// The counter of the request that was refused; a camera believes only the answer to its own question.
    pub nonce: u64,
}

impl TimeBody {
    /// Writes the body and returns its length.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `out` is too small.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, Error> {
        encode(out, |encoder| encoder.map(2)?.u8(0)?.u64(self.unix_ms)?.u8(1)?.u64(self.nonce)?.ok())
    }

    /// Reads the body of `document`.
    ///
    /// # Errors
    /// [`Error::Kind`] when it is of another kind, [`Error::Malformed`] when it is malformed.
    pub fn from_document(document: &Document<'_>) -> Result<Self, Error> {
        decode(document, kind::TIME, |decoder| {
            expect_map(decoder, 2)?;
            Ok(Self { unix_ms: field(decoder, 0)?.u64()?, nonce: field(decoder, 1)?.u64()? })
        })
    }
}

/// What the bearer of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Register the public key of one camera.
    Enrol,
    /// Read detections.
    Read,
}

impl Scope {
    /// The word in the document.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enrol => "enrol",
            Self::Read => "read",
        }
    }
}

/// The body of a document of kind [`kind::TOKEN`]: `{0: scope, 1: camera or null}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenBody {
    /// What it allows.
    pub scope: Scope,
    /// The one camera it is for; `None` for none in particular.
    pub camera: Option<CameraId>,
}

impl TokenBody {
    /// Writes the body and returns its length.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `out` is too small.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, Error> {
        encode(out, |encoder| {
            encoder.map(2)?.u8(0)?.str(self.scope.as_str())?.u8(1)?;
            match &self.camera {
                Some(camera) => encoder.str(camera.as_str())?.ok(),
                None => encoder.null()?.ok(),
            }
        })
    }

    /// Reads the body of `document`.
    ///
    /// # Errors
    /// [`Error::Kind`] when it is of another kind, [`Error::Malformed`] when it is malformed.
    pub fn from_document(document: &Document<'_>) -> Result<Self, Error> {
        decode(document, kind::TOKEN, |decoder| {
            expect_map(decoder, 2)?;
            let scope = match field(decoder, 0)?.str()? {
                "enrol" => Scope::Enrol,
                "read" => Scope::Read,
                _ => return Err(minicbor::decode::Error::message("scope")),
            };
            let value = field(decoder, 1)?;
            let camera = if value.datatype()? == Type::Null {
                value.null()?;
                None
            } else {
                let id = CameraId::new(value.str()?);
                Some(id.map_err(|_| minicbor::decode::Error::message("camera"))?)
            };
            Ok(Self { scope, camera })
        })
    }
}

/// What a camera can be asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Take a picture now and send it before all others.
    Picture,
    /// Report now.
    Report,
    /// Start anew.
    Restart,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Picture, Self::Report, Self::Restart];

    /// The word in the document.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Picture => "picture",
            Self::Report => "report",
            Self::Restart => "restart",
        }
    }
}

/// The body of a document of kind [`kind::COMMAND`]: `{0: camera, 1: action}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandBody {
    /// The one camera it is for.
    pub camera: CameraId,
    /// What it shall do.
    pub action: Action,
}

impl CommandBody {
    /// Writes the body and returns its length.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `out` is too small.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, Error> {
        encode(out, |encoder| encoder.map(2)?.u8(0)?.str(self.camera.as_str())?.u8(1)?.str(self.action.as_str())?.ok())
    }

    /// Reads the body of `document`.
    ///
    /// # Errors
    /// [`Error::Kind`] when it is of another kind, [`Error::Malformed`] when it is malformed or asks for what this build
    /// does not know.
    pub fn from_document(document: &Document<'_>) -> Result<Self, Error> {
        decode(document, kind::COMMAND, |decoder| {
            expect_map(decoder, 2)?;
            let camera = CameraId::new(field(decoder, 0)?.str()?);
            let camera = camera.map_err(|_| minicbor::decode::Error::message("camera"))?;
            let word = field(decoder, 1)?.str()?;
            let action = Action::ALL.into_iter().find(|action| action.as_str() == word);
            Ok(Self { camera, action: action.ok_or_else(|| minicbor::decode::Error::message("action"))? })
        })
    }
}

/// Writes a signed token as people and headers carry it: base64url without padding (RFC 4648 section 5).
///
/// # Errors
/// [`Error::TooLarge`] when `out` is too small.
pub fn token_to_text<'o>(document: &[u8], out: &'o mut [u8]) -> Result<&'o str, Error> {
    Base64UrlUnpadded::encode(document, out).map_err(|_| Error::TooLarge)
}

/// The signed document in the text of a token.
///
/// # Errors
/// [`Error::TooLarge`] when `out` is too small, [`Error::Malformed`] when it is not base64url without padding.
pub fn token_from_text<'o>(text: &str, out: &'o mut [u8]) -> Result<&'o [u8], Error> {
    if text.len().div_ceil(4) * 3 > out.len() + 2 {
        return Err(Error::TooLarge);
    }
    Base64UrlUnpadded::decode(text, out).map_err(|_| Error::Malformed)
}

type Encoded = Result<(), minicbor::encode::Error<minicbor::encode::write::EndOfSlice>>;

fn encode(out: &mut [u8], write: impl FnOnce(&mut Encoder<&mut [u8]>) -> Encoded) -> Result<usize, Error> {
    let room = out.len();
    let mut encoder = Encoder::new(out);
    write(&mut encoder).map_err(|_| Error::TooLarge)?;
    Ok(room - encoder.into_writer().len())
}

fn decode<'b, T>(
    document: &Document<'b>,
    kind: &str,
    read: impl FnOnce(&mut Decoder<'b>) -> Result<T, minicbor::decode::Error>,
) -> Result<T, Error> {
    if document.kind != kind {
        return Err(Error::Kind);
    }
    let mut decoder = Decoder::new(document.body);
    let value = read(&mut decoder).map_err(|_| Error::Malformed)?;
    if decoder.position() == document.body.len() { Ok(value) } else { Err(Error::Malformed) }
}

fn expect_map(decoder: &mut Decoder<'_>, fields: u64) -> Result<(), minicbor::decode::Error> {
    if decoder.map()? == Some(fields) { Ok(()) } else { Err(minicbor::decode::Error::message("map")) }
}

/// The decoder at the value of `key`, which must come next.
fn field<'d, 'b>(decoder: &'d mut Decoder<'b>, key: u8) -> Result<&'d mut Decoder<'b>, minicbor::decode::Error> {
    if decoder.u8()? == key { Ok(decoder) } else { Err(minicbor::decode::Error::message("key")) }
}

fn text<const N: usize>(decoder: &mut Decoder<'_>, key: u8) -> Result<Text<N>, minicbor::decode::Error> {
    Text::try_from(field(decoder, key)?.str()?).map_err(|_| minicbor::decode::Error::message("length"))
}
