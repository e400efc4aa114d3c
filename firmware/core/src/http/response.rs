//! Reads one answer, whole or as it comes.

use core::ops::Range;

use embedded_io_async::{Error as _, Read};

use super::{ContentRange, Error};

/// Most header lines in an answer.
const MAX_HEADERS: usize = 64;
/// Most interim answers before the final one.
const MAX_INTERIM: usize = 4;
/// Longest line of a chunk's size, with its extensions.
const MAX_CHUNK_LINE: usize = 64;
/// Longest trailer after the last chunk.
const MAX_TRAILER: usize = 512;

/// An answer that lies in a buffer. It holds positions only; the methods want the buffer that was given to
/// [`super::exchange`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Status code, 200 to 599.
    pub status: u16,
    /// Whether the connection may carry another request.
    pub keep_alive: bool,
    fields: Range<usize>,
    body: Range<usize>,
}

impl Response {
    /// The body.
    #[must_use]
    pub fn body<'b>(&self, buffer: &'b [u8]) -> &'b [u8] {
        buffer.get(self.body.clone()).unwrap_or_default()
    }

    /// The first value of header `name`, without white space around it; `None` when it is absent or not ASCII.
    #[must_use]
    pub fn header<'b>(&self, buffer: &'b [u8], name: &str) -> Option<&'b str> {
        let (_, value) = fields(buffer.get(self.fields.clone())?)
            .filter_map(Result::ok)
            .find(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()))?;
        core::str::from_utf8(value).ok().filter(|text| text.is_ascii())
    }

    pub(super) fn last(self) -> Self {
        Self { keep_alive: false, ..self }
    }
}

/// The header lines of a head, each with its CRLF, up to the empty line.
fn fields(head: &[u8]) -> impl Iterator<Item = Result<(&[u8], &[u8]), Error>> {
    let mut rest = head;
    core::iter::from_fn(move || {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let line = &rest[..end];
        rest = &rest[end + 2..];
        (!line.is_empty()).then(|| split_field(line))
    })
}

fn split_field(line: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    let colon = line.iter().position(|&b| b == b':').ok_or(Error::Malformed)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    // A tab may stand in a value; a line end or another control character may not.
    let text = |b: &u8| *b == b'\t' || (*b >= b' ' && *b != 0x7f);
    // A name must not be empty nor end in a space, and a line must not continue the one before it.
    if name.is_empty() || !name.iter().all(token) || !value.iter().all(text) {
        return Err(Error::Malformed);
    }
    Ok((name, trim(value)))
}

fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// How the body is delimited.
enum Framing {
    Length(usize),
    Chunked,
}

/// What comes from the connection: kept bytes, then a gap, then bytes that are not read yet.
struct Inbox<'c, 'b, C> {
    connection: &'c mut C,
    buffer: &'b mut [u8],
    kept: usize,
    next: usize,
    end: usize,
}

impl<C: Read> Inbox<'_, '_, C> {
    async fn fill(&mut self) -> Result<(), Error> {
        if self.next > self.kept {
            self.buffer.copy_within(self.next..self.end, self.kept);
            self.end -= self.next - self.kept;
            self.next = self.kept;
        }
        if self.end == self.buffer.len() {
            return Err(Error::TooLarge);
        }
        match self.connection.read(&mut self.buffer[self.end..]).await {
            Ok(0) => Err(Error::Closed),
            Ok(n) => {
                self.end = self.end.saturating_add(n).min(self.buffer.len());
                Ok(())
            }
            Err(error) => Err(Error::Connection(error.kind())),
        }
    }

    async fn byte(&mut self) -> Result<u8, Error> {
        if self.next == self.end {
            self.fill().await?;
        }
        self.next += 1;
        Ok(self.buffer[self.next - 1])
    }

    async fn line_end(&mut self) -> Result<(), Error> {
        if self.byte().await? == b'\r' && self.byte().await? == b'\n' { Ok(()) } else { Err(Error::Malformed) }
    }

    /// Moves the next `n` bytes to those that are kept.
    async fn keep(&mut self, mut n: usize) -> Result<(), Error> {
        if n > self.buffer.len() - self.kept {
            return Err(Error::TooLarge);
        }
        while n > 0 {
            if self.next == self.end {
                self.fill().await?;
            }
            let there = n.min(self.end - self.next);
            self.buffer.copy_within(self.next..self.next + there, self.kept);
            self.kept += there;
            self.next += there;
            n -= there;
        }
        Ok(())
    }

    /// Reads up to and with the empty line; returns the length of the head.
    async fn head(&mut self) -> Result<usize, Error> {
        let mut searched = self.next;
        loop {
            let from = searched.saturating_sub(3).max(self.next);
            if let Some(at) = self.buffer[from..self.end].windows(4).position(|four| four == b"\r\n\r\n") {
                return Ok(from + at + 4);
            }
            let moved = self.next - self.kept;
            searched = self.end - moved;
            self.fill().await?;
        }
    }

    async fn chunks(&mut self) -> Result<(), Error> {
        loop {
            let size = self.chunk_size().await?;
            if size == 0 {
                break;
            }
            self.keep(size).await?;
            self.line_end().await?;
        }
        let (mut line, mut total) = (0, 0);
        loop {
            match self.byte().await? {
                b'\r' => match self.byte().await? {
                    b'\n' if line == 0 => return Ok(()),
                    b'\n' => line = 0,
                    _ => return Err(Error::Malformed),
                },
                b'\n' => return Err(Error::Malformed),
                _ => line += 1,
            }
            total += 1;
            if total > MAX_TRAILER {
                return Err(Error::TooLarge);
            }
        }
    }

    async fn chunk_size(&mut self) -> Result<usize, Error> {
        let (mut size, mut digits, mut extension) = (0usize, 0, false);
        for _ in 0..MAX_CHUNK_LINE {
            let byte = self.byte().await?;
            match (byte, char::from(byte).to_digit(16)) {
                (b'\r', _) if digits > 0 => {
                    return if self.byte().await? == b'\n' { Ok(size) } else { Err(Error::Malformed) };
                }
                (b'\r' | b'\n', _) => return Err(Error::Malformed),
                _ if extension => {}
                (b';' | b' ' | b'\t', _) if digits > 0 => extension = true,
                (_, Some(digit)) if digits < 7 => {
                    size = size << 4 | digit as usize;
                    digits += 1;
                }
                _ => return Err(Error::Malformed),
            }
        }
        Err(Error::Malformed)
    }
}

/// An answer whose head is there and whose body is still to come: [whole](Answer::whole) into the buffer, or
/// [piece after piece](Answer::next).
pub struct Answer<'c, 'b, C> {
    inbox: Inbox<'c, 'b, C>,
    status: u16,
    persists: bool,
    fields: Range<usize>,
    framing: Framing,
}

impl<'c, 'b, C: Read> Answer<'c, 'b, C> {
    /// Reads the head of an answer, and those of interim ones before it.
    pub(super) async fn begin(connection: &'c mut C, buffer: &'b mut [u8]) -> Result<Self, Error> {
        let mut inbox = Inbox { connection, buffer, kept: 0, next: 0, end: 0 };
        for _ in 0..=MAX_INTERIM {
            let head_end = inbox.head().await?;
            let head = &inbox.buffer[inbox.next..head_end];
            let first = head.windows(2).position(|pair| pair == b"\r\n").ok_or(Error::Malformed)? + 2;
            let (version_11, status) = status_line(&head[..first - 2])?;
            if status == 101 {
                return Err(Error::Malformed);
            }
            let (framing, persists) = judge(&head[first..], status)?;
            if status < 200 {
                inbox.next = head_end;
                continue;
            }
            let fields = inbox.next + first..head_end;
            // The head of an interim answer may lie before this one, and is kept with it.
            inbox.kept = head_end;
            inbox.next = head_end;
            return Ok(Self { inbox, status, persists: version_11 && persists, fields, framing });
        }
        Err(Error::Malformed)
    }

    /// Status code, 200 to 599.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Bytes of the body that are still to come; `None` when it comes in chunks, so that nobody knows.
    #[must_use]
    pub fn left(&self) -> Option<usize> {
        match self.framing {
            Framing::Length(left) => Some(left),
            Framing::Chunked => None,
        }
    }

    /// The value of header `name` when it is there once; `None` when it is absent, repeated or not ASCII.
    #[must_use]
    pub fn sole_header(&self, name: &str) -> Option<&str> {
        let mut values = self.values(name);
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        core::str::from_utf8(value).ok().filter(|text| text.is_ascii())
    }

    /// Whether there is a header `name`, whatever it says.
    #[must_use]
    pub fn has_header(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    /// Which part of the whole this is, if the answer says so once and clearly.
    #[must_use]
    pub fn content_range(&self) -> Option<ContentRange> {
        self.sole_header("content-range").and_then(ContentRange::parse)
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let head = self.inbox.buffer.get(self.fields.clone()).unwrap_or_default();
        fields(head)
            .filter_map(Result::ok)
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// The next piece of a body whose length is known, as large as what has come and the buffer's room behind the head
    /// allow; `None` at its end.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the body comes in chunks, [`Error::Closed`] when it ends early, [`Error::TooLarge`] when
    /// the head left no room, [`Error::Connection`].
    pub async fn next(&mut self) -> Result<Option<&[u8]>, Error> {
        let Framing::Length(left) = &mut self.framing else { return Err(Error::Malformed) };
        if *left == 0 {
            return Ok(None);
        }
        let inbox = &mut self.inbox;
        if inbox.next == inbox.end {
            inbox.fill().await?;
        }
        let start = inbox.next;
        let count = (*left).min(inbox.end - start);
        inbox.next += count;
        *left -= count;
        Ok(Some(&inbox.buffer[start..start + count]))
    }

    /// Reads the rest of the body into the buffer.
    ///
    /// # Errors
    /// [`Error`]; [`Error::TooLarge`] when it does not fit behind the head.
    pub async fn whole(mut self) -> Result<Response, Error> {
        let start = self.inbox.kept;
        match self.framing {
            Framing::Length(left) => self.inbox.keep(left).await?,
            Framing::Chunked => self.inbox.chunks().await?,
        }
        self.framing = Framing::Length(0);
        let keep_alive = self.keep_alive();
        Ok(Response { status: self.status, keep_alive, fields: self.fields, body: start..self.inbox.kept })
    }

    /// Whether the body was read to its end and the connection may carry another request.
    #[must_use]
    pub fn keep_alive(&self) -> bool {
        // Bytes after the answer belong to no request of ours.
        self.persists && self.left() == Some(0) && self.inbox.next == self.inbox.end
    }
}

fn status_line(line: &[u8]) -> Result<(bool, u16), Error> {
    let version_11 = match line.get(..9) {
        Some(b"HTTP/1.1 ") => true,
        Some(b"HTTP/1.0 ") => false,
        _ => return Err(Error::Malformed),
    };
    let digits = line.get(9..12).filter(|three| three.iter().all(u8::is_ascii_digit)).ok_or(Error::Malformed)?;
    let status = digits.iter().fold(0, |n, digit| n * 10 + u16::from(digit - b'0'));
    let ends = line.len() == 12 || line[12] == b' ';
    let plain = line[12..].iter().all(|&b| b == b'\t' || (b >= b' ' && b != 0x7f));
    if (100..600).contains(&status) && ends && plain { Ok((version_11, status)) } else { Err(Error::Malformed) }
}

/// How the body is delimited, and whether the connection goes on.
fn judge(head: &[u8], status: u16) -> Result<(Framing, bool), Error> {
    let (mut length, mut chunked, mut persists) = (None, false, true);
    for (n, field) in fields(head).enumerate() {
        let (name, value) = field?;
        if n >= MAX_HEADERS {
            return Err(Error::TooLarge);
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            if length.is_some() || value.is_empty() || value.len() > 9 || !value.iter().all(u8::is_ascii_digit) {
                return Err(Error::Malformed);
            }
            length = Some(value.iter().fold(0usize, |n, digit| n * 10 + usize::from(digit - b'0')));
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Error::Malformed);
            }
            chunked = true;
        } else if name.eq_ignore_ascii_case(b"connection") {
            persists &= !value.split(|&b| b == b',').any(|word| trim(word).eq_ignore_ascii_case(b"close"));
        }
    }
    let framing = match (status, length, chunked) {
        (_, Some(_), true) => return Err(Error::Malformed),
        // These have no body whatever their head says (RFC 9112 section 6.3).
        (100..200 | 204 | 304, _, _) => Framing::Length(0),
        (_, Some(length), false) => Framing::Length(length),
        (_, None, true) => Framing::Chunked,
        (_, None, false) => return Err(Error::Malformed),
    };
    Ok((framing, persists))
}
