//! Sends the next detection.

use core::fmt;

use super::{
    Camera, Error, Item, Outbox, PART_BYTES, SINGLE_REQUEST_MAX_BYTES,
    call::{Call, Upload},
    multipart::{self, Multipart},
    outbox::{self, Part},
};
use crate::{
    http::Response,
    httpsig::digest,
    link::{Dial, Rng, Timer},
    wire::{Ack, AckStatus, EVENT_MAX_BYTES, ProblemKind, Text, Ulid, json},
};

/// Times that one call may begin an upload in parts again, or be told to go back.
const MAX_SETBACKS: u32 = 8;

/// What became of the next detection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing waits.
    Empty,
    /// It is stored and left the outbox.
    Stored(Ack),
    /// No gateway will ever take it. It is still in the outbox: the caller decides whether to set it aside or remove
    /// it, and would be offered it again otherwise.
    Refused {
        /// Which.
        ulid: Ulid,
        /// Why.
        kind: ProblemKind,
    },
    /// Its image is no longer what its digest says: the storage lost it. It is still in the outbox.
    Damaged {
        /// Which.
        ulid: Ulid,
    },
}

/// Why the next detection could not be sent now. It is still in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadError<E> {
    /// The outbox failed.
    Outbox(E),
    /// The request did not succeed.
    Call(Error),
    /// A gateway answered with success, but not that this detection is stored.
    NotAcknowledged,
}

impl<E: fmt::Debug> fmt::Display for UploadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outbox(error) => write!(f, "the outbox failed ({error:?})"),
            Self::Call(_) => f.write_str("the detection could not be sent"),
            Self::NotAcknowledged => f.write_str("the gateway did not acknowledge the detection"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for UploadError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Call(error) => Some(error),
            _ => None,
        }
    }
}

impl<E> From<Error> for UploadError<E> {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

/// What an answer says about an upload.
enum Verdict {
    Stored(Ack),
    Refused(ProblemKind),
    /// The gateway expects this byte next.
    Continue(u32),
    /// The gateway knows nothing of it.
    Restart,
}

impl<D: Dial, T: Timer, R: Rng, const RACERS: usize> Camera<D, T, R, RACERS> {
    /// Sends the next detection of the outbox, and removes it when a gateway has acknowledged it as stored.
    ///
    /// # Errors
    /// [`UploadError`] when it could not be sent now; call again later. [`Error::Connect`] may say how much later.
    pub async fn upload_next<O: Outbox>(&mut self, outbox: &mut O) -> Result<Outcome, UploadError<O::Error>> {
        let mut event = [0; EVENT_MAX_BYTES];
        let Some(item) = outbox.peek(&mut event).await.map_err(UploadError::Outbox)? else {
            return Ok(Outcome::Empty);
        };
        let event = event.get(..item.event_bytes).ok_or(Error::Request)?;
        let mut whole = Part::new(outbox, &item, 0, item.image_bytes);
        let sha256 = outbox::sha256(&mut whole, &mut self.buffer).await.map_err(|_| Error::Body)?;
        if sha256 != item.sha256 {
            self.counts.damaged = self.counts.damaged.saturating_add(1);
            return Ok(Outcome::Damaged { ulid: item.ulid });
        }
        let verdict = if item.image_bytes <= SINGLE_REQUEST_MAX_BYTES {
            let verdict = self.post(outbox, &item, event, true).await?;
            // The gateway took the metadata only: it wants parts, for reasons of its own.
            match verdict {
                Verdict::Continue(offset) => self.parts(outbox, &item, event, offset).await?,
                verdict => verdict,
            }
        } else {
            match self.post(outbox, &item, event, false).await? {
                Verdict::Continue(offset) => self.parts(outbox, &item, event, offset).await?,
                verdict => verdict,
            }
        };
        match verdict {
            Verdict::Stored(ack) => {
                self.counts.acknowledged = self.counts.acknowledged.saturating_add(1);
                outbox.remove(item.ulid).await.map_err(UploadError::Outbox)?;
                Ok(Outcome::Stored(ack))
            }
            Verdict::Refused(kind) => {
                self.counts.refused = self.counts.refused.saturating_add(1);
                Ok(Outcome::Refused { ulid: item.ulid, kind })
            }
            Verdict::Continue(_) | Verdict::Restart => Err(UploadError::Call(Error::Answer)),
        }
    }

    /// Sends the metadata, with the image or without.
    async fn post<O: Outbox>(
        &mut self,
        outbox: &mut O,
        item: &Item,
        event: &[u8],
        with_image: bool,
    ) -> Result<Verdict, UploadError<O::Error>> {
        let boundary = multipart::boundary(&mut self.rng);
        let content_type = multipart::content_type(&boundary);
        let image = if with_image { Some(Part::new(outbox, item, 0, item.image_bytes)) } else { None };
        let mut body = Multipart::new(&boundary, item, event, image);
        let call = Call { method: "POST", path: "/api/detections", content_type: &content_type, ..Call::default() };
        let response = self.call(&call, &mut body).await?;
        self.verdict(&response, item.ulid)
    }

    /// Sends the image in parts from `offset` on, and goes where the gateways say.
    async fn parts<O: Outbox>(
        &mut self,
        outbox: &mut O,
        item: &Item,
        event: &[u8],
        mut offset: u32,
    ) -> Result<Verdict, UploadError<O::Error>> {
        let mut path: Text<64> = Text::new();
        core::fmt::Write::write_fmt(&mut path, format_args!("/api/detections/{}/image", item.ulid))
            .map_err(|_| Error::Request)?;
        let repr_digest = digest::to_field(&item.sha256);
        let mut setbacks = 0;
        loop {
            let left = item.image_bytes.checked_sub(offset).ok_or(Error::Answer)?;
            let len = left.min(PART_BYTES);
            let upload = Upload { offset, complete: len == left, repr_digest: &repr_digest };
            let call = Call {
                method: "PUT",
                path: &path,
                content_type: "application/octet-stream",
                upload: Some(upload),
                ..Call::default()
            };
            let response = self.call(&call, &mut Part::new(outbox, item, offset, len)).await?;
            let next = match self.verdict(&response, item.ulid)? {
                Verdict::Continue(next) => next,
                // A failover, or the gateway has forgotten: the partial upload lived there alone.
                Verdict::Restart => match self.post(outbox, item, event, false).await? {
                    Verdict::Continue(next) => {
                        setbacks += 1;
                        next
                    }
                    verdict => return Ok(verdict),
                },
                verdict => return Ok(verdict),
            };
            // Without progress, or backwards: allowed, but not for ever.
            if next <= offset {
                setbacks += 1;
            }
            if setbacks > MAX_SETBACKS {
                return Err(UploadError::Call(Error::Answer));
            }
            offset = next;
        }
    }

    fn verdict<E>(&self, response: &Response, ulid: Ulid) -> Result<Verdict, UploadError<E>> {
        let offset = || {
            let text = response.header(&self.buffer, "upload-offset")?;
            text.parse::<u32>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()))
        };
        match (response.status, self.problem(response)) {
            (200 | 201, _) => {
                let ack: Ack =
                    json::from_slice(response.body(&self.buffer)).map_err(|_| UploadError::NotAcknowledged)?;
                let stored = ack.ulid == ulid && ack.status == AckStatus::Stored;
                if stored { Ok(Verdict::Stored(ack)) } else { Err(UploadError::NotAcknowledged) }
            }
            // The gateway may hold parts from before a restart of the camera, and says so.
            (202, _) => Ok(Verdict::Continue(offset().unwrap_or(0))),
            (204, _) | (409, ProblemKind::UploadOffset) => {
                offset().map(Verdict::Continue).ok_or(UploadError::Call(Error::Answer))
            }
            (404, ProblemKind::UnknownUpload) => Ok(Verdict::Restart),
            (400..500, kind) if kind.is_final() => Ok(Verdict::Refused(kind)),
            (200..400, _) => Err(UploadError::NotAcknowledged),
            (status, kind) => Err(UploadError::Call(Error::Refused { status, kind })),
        }
    }
}
