//! Where pictures come from.

use core::fmt;

use sha2::{Digest as _, Sha256};

use crate::{
    http::{Body, BodyError},
    wire::Ulid,
};

/// A detection that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// Which.
    pub ulid: Ulid,
    /// Bytes of its event's JSON.
    pub event_bytes: usize,
    /// Bytes of its image.
    pub image_bytes: u32,
    /// SHA-256 of its image.
    pub sha256: [u8; 32],
}

/// Detections that wait to be sent, the most urgent first.
#[allow(async_fn_in_trait, reason = "whether the future is Send is for the concrete queue to say")]
pub trait Outbox {
    /// Why the storage failed.
    type Error: fmt::Debug;

    /// The detection to send next, with its event's JSON written to the start of `event`; `None` when nothing waits.
    /// It stays in place.
    ///
    /// # Errors
    /// When the storage fails or the event is larger than `event`.
    async fn peek(&mut self, event: &mut [u8]) -> Result<Option<Item>, Self::Error>;

    /// The first detection whose ULID is above `ulid`, with its event's JSON written to the start of `event`: which it is,
    /// and how many bytes; `None` when there is none.
    ///
    /// # Errors
    /// When the storage fails or the event is larger than `event`.
    async fn after(&mut self, ulid: Ulid, event: &mut [u8]) -> Result<Option<(Ulid, usize)>, Self::Error>;

    /// Reads bytes of an image from `offset` on, at least one unless the end is reached.
    ///
    /// # Errors
    /// When the storage fails or nothing of this ULID waits.
    async fn read(&mut self, ulid: Ulid, offset: u32, out: &mut [u8]) -> Result<usize, Self::Error>;

    /// Removes a detection that a gateway has stored.
    ///
    /// # Errors
    /// When the storage fails; the detection will be offered and sent again, which is harmless.
    async fn remove(&mut self, ulid: Ulid) -> Result<(), Self::Error>;
}

/// A range of an image as the body of a request.
pub(super) struct Part<'o, O> {
    outbox: &'o mut O,
    ulid: Ulid,
    start: u32,
    len: u32,
    at: u32,
}

impl<'o, O: Outbox> Part<'o, O> {
    pub(super) fn new(outbox: &'o mut O, item: &Item, start: u32, len: u32) -> Self {
        Self { outbox, ulid: item.ulid, start, len, at: 0 }
    }
}

impl<O: Outbox> Body for Part<'_, O> {
    fn len(&self) -> u64 {
        u64::from(self.len)
    }

    fn rewind(&mut self) {
        self.at = 0;
    }

    async fn read(&mut self, out: &mut [u8]) -> Result<usize, BodyError> {
        let room = out.len().min((self.len - self.at) as usize);
        if room == 0 {
            return Ok(0);
        }
        let offset = self.start.checked_add(self.at).ok_or(BodyError)?;
        let n = self.outbox.read(self.ulid, offset, &mut out[..room]).await.map_err(|_| BodyError)?;
        if n > room {
            return Err(BodyError);
        }
        self.at += n as u32;
        Ok(n)
    }
}

/// The SHA-256 of a whole body, which is left at its end.
pub(super) async fn sha256(body: &mut impl Body, buffer: &mut [u8]) -> Result<[u8; 32], BodyError> {
    let mut hasher = Sha256::new();
    let mut left = body.len();
    body.rewind();
    while left > 0 {
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let n = body.read(&mut buffer[..room]).await?;
        if n == 0 || n > room {
            return Err(BodyError);
        }
        hasher.update(&buffer[..n]);
        left -= n as u64;
    }
    Ok(hasher.finalize().into())
}
