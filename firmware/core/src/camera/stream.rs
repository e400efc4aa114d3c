//! One answer to a download: what was asked for, whether this is it, and where its bytes go.

use core::fmt::Write as _;

use embedded_io_async::Read;

use super::{
    Error, Range, Sink, SinkError,
    documents::{ReleasePath, release_path},
    hunt::Hunt,
};
use crate::{
    http::{self, Answer, Response},
    wire::Text,
};

/// What a sink wants, checked.
pub(super) struct Wanted {
    pub(super) path: ReleasePath,
    pub(super) offset: u32,
    pub(super) end: u32,
    pub(super) total: u32,
}

impl Wanted {
    pub(super) fn of(sink: &impl Sink) -> Result<Option<Self>, Error> {
        let Some(Range { key, offset, at_most, total }) = sink.wants() else { return Ok(None) };
        let end = offset.saturating_add(at_most).min(total);
        let wanted = Self { path: release_path(key)?, offset, end, total };
        if offset < end { Ok(Some(wanted)) } else { Err(Error::Request) }
    }

    /// The value of `Range` (RFC 9110 section 14.2); empty when the whole object is wanted.
    pub(super) fn header(&self) -> Text<32> {
        let mut text = Text::new();
        // Two numbers of 32 bits fit.
        let _ = match (self.offset, self.end) {
            (0, end) if end == self.total => Ok(()),
            (offset, end) if end == self.total => write!(text, "bytes={offset}-"),
            (offset, end) => write!(text, "bytes={offset}-{}", end - 1),
        };
        text
    }

    /// Which byte of the object the body of `answer` begins with; `None` when the answer is not one to this request, or
    /// is about another object than the manifest's.
    pub(super) fn begins_at<C: Read>(&self, answer: &Answer<'_, '_, C>) -> Option<u32> {
        let length = u32::try_from(answer.left()?).ok()?;
        if answer.has_header("content-encoding") {
            return None;
        }
        match answer.status() {
            200 => (length == self.total).then_some(0),
            206 if !self.header().is_empty() => {
                let part = answer.content_range()?;
                // A gateway may give less than was asked for, but not something else.
                let fits = part.first == self.offset && part.last < self.end && part.total == self.total;
                (fits && part.length() == length).then_some(part.first)
            }
            _ => None,
        }
    }

    /// Whether the sink wants this object, and from which byte on.
    pub(super) fn still(&self, sink: &impl Sink) -> Option<u32> {
        let is_same = |key: &str| self.path.strip_prefix("/api/") == Some(key);
        sink.wants().filter(|range| is_same(range.key)).map(|range| range.offset)
    }
}

/// How one request ended.
pub(super) enum End {
    /// What was wanted came, or a part of it, and the connection may be used again or not.
    Came { keep: bool },
    /// There was no answer.
    Failed(http::Error),
    /// The answer is a refusal, which lies in the buffer.
    Refused(Response),
    /// The answer is none to what was asked.
    Unfit,
    /// The body ended early.
    Broke(http::Error),
    /// The sink refused bytes; `alone` says whether nobody else can have given them.
    Wrong { alone: bool },
    /// The sink wants to end.
    Stopped,
    /// The time is up.
    TimeUp,
}

/// Hands the body of `answer`, whose first byte is byte `at` of the object, to `sink` for as long as it wants it.
pub(super) async fn stream<C: Read, S: Sink>(
    mut answer: Answer<'_, '_, C>,
    mut at: u32,
    wanted: &Wanted,
    sink: &mut S,
    hunt: &mut Hunt,
    received: &mut u64,
    is_late: impl Fn() -> bool,
) -> End {
    let mut next = wanted.offset;
    while next < wanted.end {
        if is_late() {
            return End::TimeUp;
        }
        let piece = match answer.next().await {
            Ok(Some(piece)) => piece,
            Ok(None) => break,
            Err(error) => return End::Broke(error),
        };
        *received = received.saturating_add(piece.len() as u64);
        let before = piece.len().min(next.saturating_sub(at) as usize);
        // Not more than the object's length, which the head gave.
        at = at.saturating_add(piece.len() as u32);
        let useful = &piece[before..];
        let useful = &useful[..useful.len().min((wanted.end - next) as usize)];
        if useful.is_empty() {
            continue;
        }
        match sink.take(next, useful).await {
            Ok(()) => {}
            Err(SinkError::Stop) => return End::Stopped,
            Err(SinkError::Wrong) => {
                return End::Wrong { alone: wanted.still(sink).is_none_or(|from| from >= wanted.offset) };
            }
        }
        next += useful.len() as u32;
        let still = wanted.still(sink);
        hunt.took(still);
        if still != Some(next) {
            break;
        }
    }
    End::Came { keep: answer.keep_alive() }
}
