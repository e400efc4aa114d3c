//! Telling what was seen before the pictures are sent.
//!
//! Over a thin link a picture takes minutes and its event a fraction of a second. A batch of events tells people what was
//! seen at once; the pictures follow, each with its event, and only they are acknowledged as stored.

use super::{
    Camera, Error,
    call::{Call, DEFLATE},
};
use crate::{
    deflate,
    http::Bytes,
    link::{Dial, Rng, Timer},
    wire::EVENT_MAX_BYTES,
};

/// Largest batch in bytes of JSON.
pub const BATCH_MAX_BYTES: usize = 4096;

/// Most events in a batch.
pub const BATCH_MAX_EVENTS: usize = 32;

/// Events, put together as a JSON array.
#[derive(Debug, Default)]
pub struct Batch {
    json: heapless::Vec<u8, BATCH_MAX_BYTES>,
    events: usize,
}

impl Batch {
    /// A batch of nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { json: heapless::Vec::new(), events: 0 }
    }

    /// Takes the JSON of an event in; `false` when there is no room for it.
    #[must_use]
    pub fn push(&mut self, event: &[u8]) -> bool {
        // A bracket or a comma before, and room for the bracket after the last.
        let fits = event.len() <= EVENT_MAX_BYTES && self.json.len() + event.len() + 2 <= BATCH_MAX_BYTES;
        if !fits || self.events == BATCH_MAX_EVENTS {
            return false;
        }
        let before = if self.events == 0 { b'[' } else { b',' };
        self.events += 1;
        self.json.push(before).is_ok() && self.json.extend_from_slice(event).is_ok()
    }

    /// How many events it holds.
    #[must_use]
    pub const fn events(&self) -> usize {
        self.events
    }

    /// Makes it a whole JSON array.
    fn close(&mut self) -> &[u8] {
        if self.json.last() != Some(&b']') && self.json.push(b']').is_err() {
            return &[];
        }
        &self.json
    }
}

impl<D: Dial, T: Timer, R: Rng, const RACERS: usize> Camera<D, T, R, RACERS> {
    /// Sends a batch of events whose pictures wait, compressed if that makes it shorter. Returns the bytes of the body as
    /// it was sent; 0 for an empty batch, which is not sent.
    ///
    /// # Errors
    /// [`Error`]; nothing is lost by it, since the events go with their pictures as well.
    pub async fn announce(&mut self, batch: &mut Batch) -> Result<usize, Error> {
        if batch.events == 0 {
            return Ok(0);
        }
        let json = batch.close();
        let mut compressed = [0; BATCH_MAX_BYTES];
        let (body, content_encoding) = match deflate::compress(json, &mut compressed) {
            Some(length) => (&compressed[..length], DEFLATE),
            None => (json, ""),
        };
        let path = self.path("events")?;
        let call =
            Call { method: "POST", path: &path, content_type: "application/json", content_encoding, ..Call::default() };
        let response = self.call(&call, &mut Bytes::new(body)).await?;
        if (200..300).contains(&response.status) { Ok(body.len()) } else { Err(self.unexpected(&response)) }
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    #[test]
    fn a_batch_is_an_array_that_fits() {
        let mut batch = Batch::new();
        assert!(batch.push(b"{\"a\":1}") && batch.push(b"{}"));
        assert_eq!(batch.close(), b"[{\"a\":1},{}]");
        assert_eq!(batch.close(), b"[{\"a\":1},{}]");

        let mut batch = Batch::new();
        let event = vec![b' '; EVENT_MAX_BYTES];
        let mut pushed = 0;
        while batch.push(&event) {
            pushed += 1;
        }
        assert_eq!((pushed, batch.events()), (3, 3));
        assert!(batch.push(&event[..BATCH_MAX_BYTES - 3 * (EVENT_MAX_BYTES + 1) - 2]), "the last bytes can be used");
        assert_eq!(batch.close().len(), BATCH_MAX_BYTES);
        assert!(!Batch::new().push(&[b' '; EVENT_MAX_BYTES + 1]));
    }
}
