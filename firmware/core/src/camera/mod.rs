//! The camera's side of the gateway API: enrol, upload, report, and learn what is wanted.
//!
//! A [`Camera`] ties the endpoints ([`crate::link`]), HTTP and request signatures together. It owns no pictures: they
//! come through [`Outbox`], and one leaves it only after a gateway has acknowledged that very detection as stored. Nor does
//! it own what it downloads, which goes to a [`Sink`] piece after piece. Each attempt is signed afresh with a counter that
//! only rises, so a retry is never taken for a replay.
//!
//! Memory is fixed. A `Camera` is about 6.8 KB besides the connection it keeps: 4 KB for heads, chunks and answers, and
//! 2 KB for the endpoints and what was measured of them. The future of an upload is about 5 KB: the event, the texts of a
//! multipart body, and two dialling futures while it connects; that of a download is under 3 KB. Checking a signed
//! document takes 4 KB of stack for a moment.

mod announce;
mod call;
mod command;
mod desired;
mod documents;
mod download;
mod hunt;
mod multipart;
mod outbox;
mod sink;
mod stream;
mod upload;

use core::fmt;

use ed25519_dalek::{SigningKey, VerifyingKey};

pub use announce::{Announced, BATCH_MAX_BYTES, BATCH_MAX_EVENTS};
pub use command::Command;
pub use desired::{Desired, Enrolled};
pub use download::{DownloadError, Downloaded, STALL_MS};
pub use outbox::{Item, Outbox};
pub use sink::{Range, Sink, SinkError};
pub use upload::{Outcome, UploadError};

use crate::{
    cose::Endpoints,
    http,
    link::{ConnectError, Dial, Link, Rng, Set, Timer, UpdateError},
    wire::{CameraId, ProblemKind, Text, Ulid},
};

/// Bytes for the head of a request, a chunk of a body, or a whole answer.
pub const BUFFER_BYTES: usize = 4096;

/// Largest image that goes in one request; larger ones go in parts, so that a lost connection does not lose all of it.
pub const SINGLE_REQUEST_MAX_BYTES: u32 = 96 * 1024;

/// Size of a part of a larger image.
pub const PART_BYTES: u32 = 64 * 1024;

/// What a camera must know before its first request.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name.
    pub camera: CameraId,
    /// Its own key.
    pub key: SigningKey,
    /// The fleet's online key, pinned: it signs endpoint lists and the time.
    pub trusted: VerifyingKey,
    /// Where to send to.
    pub endpoints: Endpoints,
    /// Sequence number of that list, 0 when it came without a document.
    pub endpoints_seq: u64,
    /// How often it has started, kept in flash and raised before each use; the upper half of the request counter.
    pub boot_count: u32,
    /// Its best guess of the time, milliseconds since 1970; 0 for none.
    pub unix_ms: u64,
}

/// What happened since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Detections that were acknowledged as stored.
    pub acknowledged: u32,
    /// Refusals that no retry can change. The same detection counts again if it is offered again.
    pub refused: u32,
    /// Images that were no longer what their digest says.
    pub damaged: u32,
    /// How often the clock was set.
    pub clock_corrections: u32,
    /// Downloads, also those that did not come to their end.
    pub downloaded: Downloaded,
}

/// Why a request did not succeed. The same request may be made again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// No endpoint could be reached.
    Connect(ConnectError),
    /// Every endpoint that could be reached failed; this was the last failure.
    Exchange(http::Error),
    /// A gateway refused.
    Refused {
        /// The HTTP status.
        status: u16,
        /// Why; [`ProblemKind::Other`] when the answer did not say.
        kind: ProblemKind,
    },
    /// A gateway answered what the contract does not allow.
    Answer,
    /// The request is too large or cannot be signed.
    Request,
    /// The outbox could not read the image.
    Body,
    /// What should be is not valid, or older than what is.
    Document(UpdateError),
}

impl Error {
    /// Whether a gateway said that nobody will ever take this. With more than one gateway in the list it is one opinion: the
    /// others could not be asked.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Refused { status: 400..=499, kind } if kind.is_final())
    }

    /// Whether a gateway does not want what was asked, so that asking again soon is of no use; not that it cannot serve
    /// now, or does not know the camera yet.
    #[must_use]
    pub fn is_unwanted(&self) -> bool {
        use ProblemKind::{Clock, Copies, Rate, Replayed, TooBusy, UnknownCamera};
        matches!(self, Self::Refused { status: 400..=499, kind }
            if !matches!(kind, Clock | Copies | Rate | Replayed | TooBusy | UnknownCamera))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(_) => f.write_str("no gateway could be reached"),
            Self::Exchange(_) => f.write_str("no gateway answered"),
            Self::Refused { status, kind } => write!(f, "the gateway refused with {status} ({kind:?})"),
            Self::Answer => f.write_str("the gateway's answer is not what the contract allows"),
            Self::Request => f.write_str("the request is too large or cannot be signed"),
            Self::Body => f.write_str("the image could not be read from the outbox"),
            Self::Document(_) => f.write_str("what the gateway wants is not valid"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Connect(error) => Some(error),
            Self::Exchange(error) => Some(error),
            Self::Document(error) => Some(error),
            _ => None,
        }
    }
}

/// A connection that is kept for the next request.
struct Open<C> {
    index: usize,
    connection: C,
    until_ms: u64,
}

/// A camera and its way to the fleet. `RACERS` is how many endpoints are dialled at the same time.
pub struct Camera<D: Dial, T, R, const RACERS: usize = 2> {
    id: CameraId,
    key: SigningKey,
    link: Link<RACERS>,
    dial: D,
    timer: T,
    rng: R,
    /// Unix time in milliseconds less the reading of the timer.
    clock_offset_ms: i64,
    counter: u64,
    open: Option<Open<D::Connection>>,
    desired_tag: Text<80>,
    /// The tag of the config document that was taken on, and that of the last one that came.
    config_tags: (Text<80>, Text<80>),
    /// Who gave the last answer.
    answered_by: Option<usize>,
    /// Endpoints that are not asked for documents of releases: theirs were not what they should be.
    doubted: Set,
    /// The last detection that was told of before its picture was sent.
    announced: Ulid,
    counts: Counts,
    buffer: [u8; BUFFER_BYTES],
}

impl<D: Dial, T: Timer, R: Rng, const RACERS: usize> Camera<D, T, R, RACERS> {
    /// A camera that has not connected yet.
    pub fn new(settings: Settings, dial: D, timer: T, rng: R) -> Self {
        let mut camera = Self {
            link: Link::new(settings.trusted, settings.endpoints, settings.endpoints_seq),
            id: settings.camera,
            key: settings.key,
            dial,
            timer,
            rng,
            clock_offset_ms: 0,
            counter: u64::from(settings.boot_count) << 32,
            open: None,
            desired_tag: Text::new(),
            config_tags: (Text::new(), Text::new()),
            answered_by: None,
            doubted: Set::default(),
            announced: Ulid::from_bits(0),
            counts: Counts::default(),
            buffer: [0; BUFFER_BYTES],
        };
        camera.set_clock(settings.unix_ms);
        camera
    }

    /// Its name.
    pub fn id(&self) -> &CameraId {
        &self.id
    }

    /// The endpoints and what was measured of them.
    pub fn link(&self) -> &Link<RACERS> {
        &self.link
    }

    /// What happened since the start.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What it takes the time to be, milliseconds since 1970. Gateways correct it.
    pub fn unix_ms(&self) -> u64 {
        let now = i64::try_from(self.timer.now_ms()).unwrap_or(i64::MAX);
        u64::try_from(now.saturating_add(self.clock_offset_ms)).unwrap_or(0)
    }

    /// Sets the clock, for instance from a battery-backed one.
    pub fn set_clock(&mut self, unix_ms: u64) {
        let now = i64::try_from(self.timer.now_ms()).unwrap_or(i64::MAX);
        self.clock_offset_ms = i64::try_from(unix_ms).unwrap_or(i64::MAX).saturating_sub(now);
    }

    /// Closes the connection that is kept for the next request, for instance before the radio goes to sleep.
    pub fn disconnect(&mut self) {
        self.open = None;
    }
}

#[cfg(test)]
pub(crate) mod tests;
