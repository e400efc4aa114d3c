//! Telling what was seen before the pictures are sent.
//!
//! Over a thin link a picture takes minutes and its event a fraction of a second. When several pictures wait, a batch of
//! their events tells people at once what was seen; the pictures follow, each with its event, and only they are
//! acknowledged as stored.

use super::{
    BUFFER_BYTES, Camera, Outbox, UploadError,
    call::{Call, DEFLATE},
};
use crate::{
    deflate,
    http::Bytes,
    link::{Dial, Rng, Timer},
    wire::{EVENT_MAX_BYTES, Ulid},
};

/// Largest batch in bytes of JSON.
pub const BATCH_MAX_BYTES: usize = BUFFER_BYTES;

/// Most events in a batch.
pub const BATCH_MAX_EVENTS: usize = 32;

/// Fewest events that are worth a request: the picture of a single one is sent next anyway.
const BATCH_MIN_EVENTS: usize = 2;

/// Room for a batch as it is sent. Real events shrink to a third, so that a whole batch fits.
const SENT_MAX_BYTES: usize = 2048;

/// Events that were told of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Announced {
    /// How many.
    pub events: usize,
    /// Bytes of their JSON.
    pub json_bytes: usize,
    /// Bytes of the body as it was sent.
    pub sent_bytes: usize,
}

/// Events as a JSON array in a buffer, which can still become shorter.
#[derive(Default)]
struct Batch {
    /// Where each event ends, and which it is.
    events: heapless::Vec<(u16, Ulid), BATCH_MAX_EVENTS>,
}

impl Batch {
    /// Bytes without the bracket at the end.
    fn bytes(&self) -> usize {
        self.events.last().map_or(0, |(end, _)| usize::from(*end))
    }

    /// Where the next event is to be written, with room for the largest and the bracket after it; `None` when it is full.
    fn room<'b>(&self, buffer: &'b mut [u8; BATCH_MAX_BYTES]) -> Option<&'b mut [u8]> {
        let start = self.bytes() + 1;
        if self.events.is_full() {
            return None;
        }
        buffer.get_mut(start..start + EVENT_MAX_BYTES).filter(|_| start + EVENT_MAX_BYTES < BATCH_MAX_BYTES)
    }

    /// Takes in what was written there.
    fn push(&mut self, buffer: &mut [u8; BATCH_MAX_BYTES], ulid: Ulid, event_bytes: usize) {
        let start = self.bytes();
        buffer[start] = if start == 0 { b'[' } else { b',' };
        let end = start + 1 + event_bytes.min(EVENT_MAX_BYTES);
        // `room` left a place for it.
        let _ = self.events.push((end as u16, ulid));
    }

    /// The JSON array.
    fn close<'b>(&self, buffer: &'b mut [u8; BATCH_MAX_BYTES]) -> &'b [u8] {
        let end = self.bytes();
        buffer[end] = b']';
        &buffer[..=end]
    }

    /// Writes as many events as fit to `out`, compressed if that makes them shorter; the others leave the batch.
    #[inline(never)]
    fn shrink(
        &mut self,
        buffer: &mut [u8; BATCH_MAX_BYTES],
        out: &mut [u8; SENT_MAX_BYTES],
    ) -> (Announced, &'static str) {
        loop {
            let json = self.close(buffer);
            let told = |sent_bytes| Announced { events: self.events.len(), json_bytes: json.len(), sent_bytes };
            if let Some(length) = deflate::compress(json, out) {
                return (told(length), DEFLATE);
            }
            if let Some(out) = out.get_mut(..json.len()) {
                out.copy_from_slice(json);
                return (told(json.len()), "");
            }
            self.events.truncate(self.events.len() / 2);
        }
    }
}

impl<D: Dial, T: Timer, R: Rng, const RACERS: usize> Camera<D, T, R, RACERS> {
    /// Tells of the detections that wait and were not told of since the start, the oldest first and as many as a batch
    /// holds. Nothing is sent when there are fewer than two.
    ///
    /// A batch that a gateway refuses is not offered again: its pictures bring the same events.
    ///
    /// # Errors
    /// [`UploadError`]; nothing is lost by it, since the events go with their pictures as well.
    pub async fn announce_waiting<O: Outbox>(&mut self, outbox: &mut O) -> Result<Announced, UploadError<O::Error>> {
        let mut out = [0; SENT_MAX_BYTES];
        let (announced, content_encoding, last) = {
            let mut batch = Batch::default();
            let mut last = self.announced;
            while let Some(room) = batch.room(&mut self.buffer) {
                let Some((ulid, bytes)) = outbox.after(last, room).await.map_err(UploadError::Outbox)? else { break };
                batch.push(&mut self.buffer, ulid, bytes);
                last = ulid;
            }
            if batch.events.len() < BATCH_MIN_EVENTS {
                return Ok(Announced::default());
            }
            let (announced, coding) = batch.shrink(&mut self.buffer, &mut out);
            (announced, coding, batch.events.last().map_or(last, |(_, ulid)| *ulid))
        };
        let path = self.path("events")?;
        let call =
            Call { method: "POST", path: &path, content_type: "application/json", content_encoding, ..Call::default() };
        let body = out.get(..announced.sent_bytes).unwrap_or_default();
        let response = self.call(&call, &mut Bytes::new(body)).await?;
        self.announced = last;
        if (200..300).contains(&response.status) { Ok(announced) } else { Err(self.unexpected(&response).into()) }
    }
}

#[cfg(test)]
mod tests {
    use std::{boxed::Box, vec::Vec};

    use super::*;

    type Buffer = Box<[u8; BATCH_MAX_BYTES]>;

    fn filled(event: impl Fn(usize) -> Vec<u8>) -> (Batch, Buffer) {
        let (mut batch, mut buffer) = (Batch::default(), Box::new([0; BATCH_MAX_BYTES]));
        for number in 0.. {
            let Some(room) = batch.room(&mut buffer) else { break };
            let event = event(number);
            room[..event.len()].copy_from_slice(&event);
            batch.push(&mut buffer, Ulid::from_bits(number as u128), event.len());
        }
        (batch, buffer)
    }

    #[test]
    fn a_batch_is_an_array_that_fits() {
        let (batch, mut buffer) = filled(|_| b"{\"a\":1}".to_vec());
        assert_eq!(batch.events.len(), BATCH_MAX_EVENTS);
        let array: Vec<serde_json::Value> = serde_json::from_slice(batch.close(&mut buffer)).unwrap();
        assert_eq!(array.len(), BATCH_MAX_EVENTS);

        let (batch, mut buffer) = filled(|_| [b' '; EVENT_MAX_BYTES].to_vec());
        assert_eq!(batch.events.len(), 3);
        assert!(batch.close(&mut buffer).len() <= BATCH_MAX_BYTES);
    }

    #[test]
    fn what_does_not_shrink_is_sent_in_smaller_batches() {
        let mut noise = 1_u32;
        let mut next = || {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b' ' + (noise >> 25) as u8 % 94
        };
        let text: Vec<u8> = (0..EVENT_MAX_BYTES).map(|_| next()).collect();
        let (mut batch, mut buffer) = filled(|number| text.iter().map(|byte| byte ^ (number as u8 * 3)).collect());
        let mut out = [0; SENT_MAX_BYTES];
        let (announced, coding) = batch.shrink(&mut buffer, &mut out);
        assert!(announced.events < 3 && announced.events > 0, "{announced:?} {coding}");
        assert!(announced.sent_bytes <= SENT_MAX_BYTES && announced.sent_bytes <= announced.json_bytes);
    }
}
