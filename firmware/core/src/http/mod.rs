//! HTTP/1.1 (RFC 9112) as a camera needs it: one request at a time over one connection, no allocation.
//!
//! [`exchange`] writes a request, streams its body from a [`Body`] and reads the whole answer into a buffer of the
//! caller. The reader is strict where leniency has led to request smuggling or silent truncation: lines end with CRLF,
//! there is one length and not two, and an answer that only the end of the connection delimits is refused, because a
//! cut one could not be told from a whole one. Time is not judged here: wrap the connection, as
//! [`crate::link::Timed`] does.
//!
//! [`begin`] reads the head only, and its [`Answer`] gives the body as it comes: what is larger than any buffer, such as an
//! image to update to.

mod range;
mod response;

use core::fmt::{self, Write as _};

use embedded_io_async::{Error as _, ErrorKind, Read, Write};

pub use range::ContentRange;
pub use response::{Answer, Response};

/// Smallest buffer that [`exchange`] can work with: it holds the head of the request, then each chunk of the body, then
/// head and body of the answer.
pub const MIN_BUFFER: usize = 1536;

/// What went wrong in an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The connection failed.
    Connection(ErrorKind),
    /// The other side closed the connection before the answer was whole.
    Closed,
    /// The request's head or the answer does not fit the buffer.
    TooLarge,
    /// The answer is not HTTP/1.1, or ambiguous.
    Malformed,
    /// A part of the request holds what no header may hold.
    Request,
    /// The source of the body failed or ended early.
    Body,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(kind) => write!(f, "the connection failed ({kind:?})"),
            Self::Closed => f.write_str("the connection was closed before the answer was whole"),
            Self::TooLarge => f.write_str("the request or the answer is larger than the buffer"),
            Self::Malformed => f.write_str("the answer is not well-formed HTTP/1.1"),
            Self::Request => f.write_str("the request holds a character that no header may hold"),
            Self::Body => f.write_str("the body could not be read"),
        }
    }
}

impl core::error::Error for Error {}

/// The source of a body failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyError;

/// A body of known length that can be read more than once: to hash it, to send it, to send it again.
#[allow(async_fn_in_trait, reason = "whether the future is Send is for the concrete source to say")]
pub trait Body {
    /// Length in bytes.
    fn len(&self) -> u64;

    /// Whether it has no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Goes back to the first byte.
    fn rewind(&mut self);

    /// Reads the next bytes into `out`, at least one unless the end is reached.
    ///
    /// # Errors
    /// [`BodyError`] when the source cannot be read.
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, BodyError>;
}

/// A body that lies in memory.
#[derive(Debug, Clone, Copy)]
pub struct Bytes<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> Bytes<'a> {
    /// The body `all`; empty for a request without one.
    #[must_use]
    pub fn new(all: &'a [u8]) -> Self {
        Self { all, at: 0 }
    }
}

impl Body for Bytes<'_> {
    fn len(&self) -> u64 {
        self.all.len() as u64
    }

    fn rewind(&mut self) {
        self.at = 0;
    }

    async fn read(&mut self, out: &mut [u8]) -> Result<usize, BodyError> {
        let rest = &self.all[self.at..];
        let n = rest.len().min(out.len());
        out[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        Ok(n)
    }
}

/// The head of a request but for its length, which the [`Body`] knows.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Method in upper case; not `HEAD` and not `CONNECT`, whose answers are delimited by other rules.
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// Host name of the server.
    pub host: &'a str,
    /// Port of the server.
    pub port: u16,
    /// Further headers, names and values; an empty value leaves the header out.
    pub headers: &'a [(&'a str, &'a str)],
}

impl Request<'_> {
    fn write(&self, body_len: u64, out: &mut [u8]) -> Result<usize, Error> {
        let line = |text: &str| text.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
        let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        let headers = self.headers.iter().all(|(name, value)| word(name) && !name.contains(':') && line(value));
        if !word(self.method) || !word(self.target) || !word(self.host) || !headers {
            return Err(Error::Request);
        }
        let mut head = Cursor { out, len: 0 };
        let mut write = || -> fmt::Result {
            write!(head, "{} {} HTTP/1.1\r\nHost: {}:{}\r\n", self.method, self.target, self.host, self.port)?;
            for (name, value) in self.headers.iter().filter(|(_, value)| !value.is_empty()) {
                write!(head, "{name}: {value}\r\n")?;
            }
            if body_len > 0 || self.method != "GET" {
                write!(head, "Content-Length: {body_len}\r\n")?;
            }
            head.write_str("\r\n")
        };
        write().map_err(|_| Error::TooLarge)?;
        Ok(head.len)
    }
}

struct Cursor<'o> {
    out: &'o mut [u8],
    len: usize,
}

impl fmt::Write for Cursor<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.out.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// Sends `request` with `body` and reads the answer into `buffer`.
///
/// The answer refers to `buffer` by position, so keep it until the answer is no longer needed. Interim answers (1xx)
/// are skipped. When the server answers early and closes, as with a body that it refuses, that answer is returned
/// rather than the error of the write.
///
/// # Errors
/// [`Error`]; after any of them the connection is of no further use.
pub async fn exchange<C: Read + Write, B: Body>(
    connection: &mut C,
    request: &Request<'_>,
    body: &mut B,
    buffer: &mut [u8],
) -> Result<Response, Error> {
    match send(connection, request, body, buffer).await {
        Ok(()) => receive(connection, buffer).await,
        Err(failed @ (Error::Connection(_) | Error::Closed)) => match receive(connection, buffer).await {
            Ok(response) => Ok(response.last()),
            Err(_) => Err(failed),
        },
        Err(error) => Err(error),
    }
}

/// Sends `request`, which has no body, and reads the head of the answer into `buffer`; the body is for the caller to read.
///
/// # Errors
/// [`Error`]; after any of them, and after a body that was not read to its end, the connection is of no further use.
pub async fn begin<'c, 'b, C: Read + Write>(
    connection: &'c mut C,
    request: &Request<'_>,
    buffer: &'b mut [u8],
) -> Result<Answer<'c, 'b, C>, Error> {
    send(connection, request, &mut Bytes::new(b""), buffer).await?;
    Answer::begin(connection, buffer).await
}

async fn receive<C: Read>(connection: &mut C, buffer: &mut [u8]) -> Result<Response, Error> {
    Answer::begin(connection, buffer).await?.whole().await
}

async fn send<C: Read + Write, B: Body>(
    connection: &mut C,
    request: &Request<'_>,
    body: &mut B,
    buffer: &mut [u8],
) -> Result<(), Error> {
    let head = request.write(body.len(), buffer)?;
    write_all(connection, &buffer[..head]).await?;
    body.rewind();
    let mut left = body.len();
    while left > 0 {
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let n = body.read(&mut buffer[..room]).await.map_err(|BodyError| Error::Body)?;
        if n == 0 || n > room {
            return Err(Error::Body);
        }
        write_all(connection, &buffer[..n]).await?;
        left -= n as u64;
    }
    connection.flush().await.map_err(|error| Error::Connection(error.kind()))
}

/// Like the one of `embedded-io-async`, which panics where a writer takes nothing.
async fn write_all<C: Write>(connection: &mut C, mut bytes: &[u8]) -> Result<(), Error> {
    while !bytes.is_empty() {
        match connection.write(bytes).await {
            Ok(0) => return Err(Error::Closed),
            Ok(n) => bytes = bytes.get(n..).ok_or(Error::Closed)?,
            Err(error) => return Err(Error::Connection(error.kind())),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
