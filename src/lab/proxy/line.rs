use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::fault::Shape;
use crate::clock::Random;

/// What may be under way in one direction of a connection, in bytes; more is left with the sender.
pub(super) const WINDOW: usize = 64 * 1024;
/// The largest chunk, in bytes.
pub(super) const CHUNK: usize = 16 * 1024;
/// The first retransmission time.
const RETRANSMISSION: Duration = Duration::from_millis(200);
/// Losses of one chunk in a row that end the connection.
const LOSSES: u32 = 6;

/// One direction of a connection: a delay line. Chunks enter when they are read and leave when they are due, so that
/// any number of them are under way at once.
#[derive(Debug)]
pub(super) struct Line {
    shape: Shape,
    random: Random,
    parcels: VecDeque<Parcel>,
    under_way: usize,
    /// When the sender's side of a slow line has put its last byte on it.
    free_at: Instant,
    last_due: Instant,
}

#[derive(Debug)]
struct Parcel {
    /// Nothing at all marks the end of the stream.
    bytes: Vec<u8>,
    written: usize,
    due: Instant,
    lost_for_good: bool,
}

/// What leaves the line next.
#[derive(Debug)]
pub(super) struct Next<'a> {
    /// When.
    pub(super) due: Instant,
    /// What; empty at the end of the stream.
    pub(super) bytes: &'a [u8],
    /// Lost so often that the connection ends instead.
    pub(super) lost_for_good: bool,
}

impl Line {
    pub(super) fn new(shape: Shape, random: Random, now: Instant) -> Self {
        Self { shape, random, parcels: VecDeque::new(), under_way: 0, free_at: now, last_due: now }
    }

    /// How many bytes may be read and pushed now.
    pub(super) fn room(&self) -> usize {
        // A slow line moves its bytes 50 ms at a time, so that they trickle instead of coming in bursts.
        let chunk =
            self.shape.bytes_per_s.map_or(CHUNK, |rate| usize::try_from(rate / 20).unwrap_or(CHUNK).clamp(64, CHUNK));
        chunk.min(WINDOW - self.under_way.min(WINDOW))
    }

    /// Puts bytes on the line.
    pub(super) fn push(&mut self, bytes: &[u8], now: Instant) {
        let mut bytes = bytes.to_vec();
        if self.happens(self.shape.corrupt) {
            let place = usize::try_from(self.random.below(bytes.len() as u64)).unwrap_or_default();
            let flip = u8::try_from(1 + self.random.below(255)).unwrap_or(1);
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= flip;
            }
        }
        let (due, lost_for_good) = self.schedule(bytes.len(), now);
        self.under_way += bytes.len();
        self.parcels.push_back(Parcel { bytes, written: 0, due, lost_for_good });
    }

    /// Puts the end of the stream on the line.
    pub(super) fn finish(&mut self, now: Instant) {
        let (due, lost_for_good) = self.schedule(0, now);
        self.parcels.push_back(Parcel { bytes: Vec::new(), written: 0, due, lost_for_good });
    }

    fn happens(&self, probability: f64) -> bool {
        // No number is drawn where nothing can happen, so a clear line does not depend on the seed.
        probability > 0.0 && self.random.unit() < probability
    }

    fn schedule(&mut self, bytes: usize, now: Instant) -> (Instant, bool) {
        self.free_at = self.free_at.max(now);
        if let Some(rate) = self.shape.bytes_per_s {
            let nanoseconds = (bytes as u64).saturating_mul(1_000_000_000) / rate.max(1);
            self.free_at += Duration::from_nanos(nanoseconds);
        }
        let mut due = self.free_at + self.shape.latency;
        if !self.shape.jitter.is_zero() {
            due += self.shape.jitter.mul_f64(self.random.unit());
        }
        let mut losses = 0;
        while losses < LOSSES && self.happens(self.shape.loss) {
            due += RETRANSMISSION * 2_u32.pow(losses);
            losses += 1;
        }
        // TCP delivers in order: what follows a late chunk is late too.
        self.last_due = self.last_due.max(due);
        (self.last_due, losses == LOSSES)
    }

    /// Changes the shape. What is under way arrives no later than under the new one.
    pub(super) fn reshape(&mut self, shape: Shape, now: Instant) {
        if self.shape == shape {
            return;
        }
        self.shape = shape;
        let latest = now + shape.latency;
        for parcel in &mut self.parcels {
            parcel.due = parcel.due.min(latest);
            parcel.lost_for_good = false;
        }
        self.free_at = now;
        self.last_due = self.parcels.back().map_or(now, |parcel| parcel.due);
    }

    /// What leaves next, if anything is under way.
    pub(super) fn next(&self) -> Option<Next<'_>> {
        self.parcels.front().map(|parcel| Next {
            due: parcel.due,
            bytes: &parcel.bytes[parcel.written..],
            lost_for_good: parcel.lost_for_good,
        })
    }

    /// `bytes` of what was next have left.
    pub(super) fn advance(&mut self, bytes: usize) {
        if let Some(front) = self.parcels.front_mut() {
            front.written += bytes;
            self.under_way = self.under_way.saturating_sub(bytes);
            if front.written >= front.bytes.len() {
                self.parcels.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(shape: Shape) -> (Line, Instant) {
        let now = Instant::now();
        (Line::new(shape, Random::seeded(1), now), now)
    }

    fn due_ms(line: &Line, start: Instant) -> Vec<u128> {
        line.parcels.iter().map(|parcel| (parcel.due - start).as_millis()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn latency_does_not_add_up() {
        let (mut line, now) = line(Shape { latency: Duration::from_millis(100), ..Shape::default() });
        line.push(&[1; 10], now);
        line.push(&[2; 10], now + Duration::from_millis(10));
        line.finish(now + Duration::from_millis(20));
        assert_eq!(due_ms(&line, now), [100, 110, 120]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_line_sends_one_chunk_after_the_other() {
        let (mut line, now) =
            line(Shape { bytes_per_s: Some(1000), latency: Duration::from_millis(5), ..Shape::default() });
        assert_eq!(line.room(), 64);
        line.push(&[0; 50], now);
        line.push(&[0; 50], now);
        assert_eq!(due_ms(&line, now), [55, 105]);
        line.reshape(Shape::default(), now);
        assert_eq!(due_ms(&line, now), [0, 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn jitter_keeps_the_order() {
        let (mut line, now) = line(Shape { jitter: Duration::from_millis(50), ..Shape::default() });
        (0..100).for_each(|_| line.push(&[0], now));
        let due = due_ms(&line, now);
        assert!(due.is_sorted() && due.iter().all(|ms| *ms < 50));
        assert!(due.last() > due.first());
    }

    #[tokio::test(start_paused = true)]
    async fn loss_stalls_all_that_follows_and_finally_ends_the_connection() {
        let (mut sometimes, now) = line(Shape { loss: 0.2, ..Shape::default() });
        (0..200).for_each(|_| sometimes.push(&[0], now));
        let due = due_ms(&sometimes, now);
        assert!(due.is_sorted() && due.iter().all(|ms| [0, 200, 600, 1400, 3000, 6200].contains(ms)), "{due:?}");
        assert!(due.first() < due.last(), "with this seed some chunk is lost: {due:?}");

        let (mut always, now) = line(Shape { loss: 1.0, ..Shape::default() });
        always.push(&[0], now);
        let next = always.next().unwrap();
        assert!(next.lost_for_good);
        assert_eq!(next.due - now, Duration::from_millis(200 * 63));
    }

    #[tokio::test(start_paused = true)]
    async fn corruption_alters_exactly_one_byte_of_a_chunk() {
        let (mut line, now) = line(Shape { corrupt: 1.0, ..Shape::default() });
        for _ in 0..50 {
            line.push(&[0x55; 100], now);
            let altered = line.next().unwrap().bytes.iter().filter(|byte| **byte != 0x55).count();
            assert_eq!(altered, 1);
            line.advance(100);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_window_bounds_what_is_under_way() {
        let (mut line, now) = line(Shape::default());
        let mut pushed = 0;
        while line.room() > 0 {
            let bytes = vec![0; line.room()];
            pushed += bytes.len();
            line.push(&bytes, now);
        }
        assert_eq!(pushed, WINDOW);
        line.advance(100);
        assert_eq!(line.room(), 100);
    }
}
