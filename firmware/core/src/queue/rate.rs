//! A cap on the bytes that a link may carry.

/// A token bucket: bytes may go as fast as they come, and in between at a steady rate with a bounded burst.
///
/// Time is any clock in milliseconds that does not jump; if it goes back, nothing is gained or lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenBucket {
    bytes_per_s: u32,
    burst_bytes: u32,
    /// Thousandths of bytes, so that a slow link gains something in each millisecond.
    millibytes: u64,
    last_ms: u64,
}

impl TokenBucket {
    /// A full bucket.
    #[must_use]
    pub const fn new(bytes_per_s: u32, burst_bytes: u32, now_ms: u64) -> Self {
        Self { bytes_per_s, burst_bytes, millibytes: burst_bytes as u64 * 1000, last_ms: now_ms }
    }

    /// Takes up to `wanted_bytes`, and returns how many may be sent now.
    pub fn take(&mut self, now_ms: u64, wanted_bytes: u32) -> u32 {
        self.refill(now_ms);
        let granted = u64::from(wanted_bytes).min(self.millibytes / 1000);
        self.millibytes -= granted * 1000;
        granted as u32
    }

    /// Puts bytes back that were taken and not sent.
    pub fn give_back(&mut self, bytes: u32) {
        self.millibytes = self.full().min(self.millibytes + u64::from(bytes) * 1000);
    }

    /// Milliseconds until `bytes` (or a full bucket, if that is less) can be taken; `None` if never, because the
    /// rate or the burst is 0.
    pub fn wait_ms(&mut self, now_ms: u64, bytes: u32) -> Option<u64> {
        self.refill(now_ms);
        let wanted = if bytes == 0 { 0 } else { u64::from(bytes.min(self.burst_bytes).max(1)) * 1000 };
        let missing = wanted.saturating_sub(self.millibytes);
        if missing == 0 {
            return Some(0);
        }
        if self.bytes_per_s == 0 || self.burst_bytes == 0 {
            return None;
        }
        Some(missing.div_ceil(u64::from(self.bytes_per_s)))
    }

    /// Changes the rate and the burst; what was gained until now stays, up to the new burst.
    pub fn set_rate(&mut self, now_ms: u64, bytes_per_s: u32, burst_bytes: u32) {
        self.refill(now_ms);
        self.bytes_per_s = bytes_per_s;
        self.burst_bytes = burst_bytes;
        self.millibytes = self.millibytes.min(self.full());
    }

    const fn full(&self) -> u64 {
        self.burst_bytes as u64 * 1000
    }

    fn refill(&mut self, now_ms: u64) {
        let passed_ms = now_ms.saturating_sub(self.last_ms);
        self.last_ms = now_ms;
        // Bytes per second times milliseconds are thousandths of bytes.
        let gained = passed_ms.saturating_mul(u64::from(self.bytes_per_s));
        self.millibytes = self.millibytes.saturating_add(gained).min(self.full());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_a_burst_and_then_the_rate() {
        let mut bucket = TokenBucket::new(1000, 500, 10);
        assert_eq!(bucket.take(10, 800), 500);
        assert_eq!(bucket.take(10, 1), 0);
        assert_eq!(bucket.take(110, 800), 100);
        assert_eq!(bucket.wait_ms(110, 250), Some(250));
        assert_eq!(bucket.wait_ms(110, 9999), Some(500), "more than the burst never comes at once");
        assert_eq!(bucket.take(1_000_000, 800), 500, "idle time is not saved up beyond the burst");
        bucket.give_back(200);
        assert_eq!(bucket.take(1_000_000, 800), 200);
    }

    #[test]
    fn a_slow_link_gains_less_than_a_byte_a_millisecond() {
        let mut bucket = TokenBucket::new(3, 10, 0);
        assert_eq!(bucket.take(0, 10), 10);
        let sent: u32 = (1..=2000).map(|now| bucket.take(now, 10)).sum();
        assert_eq!(sent, 6);
    }

    #[test]
    fn survives_odd_clocks_and_rates() {
        let mut bucket = TokenBucket::new(1000, 100, 5000);
        assert_eq!(bucket.take(5000, 100), 100);
        assert_eq!(bucket.take(0, 100), 0, "a clock that goes back gains nothing");
        assert_eq!(bucket.take(50, 100), 50);
        assert_eq!(bucket.take(u64::MAX, 100), 100);
        bucket.set_rate(u64::MAX, 0, 100);
        assert_eq!(bucket.wait_ms(u64::MAX, 1), None);
        assert_eq!(bucket.wait_ms(u64::MAX, 0), Some(0));
        assert_eq!(TokenBucket::new(u32::MAX, 0, 0).wait_ms(9, 1), None);
    }
}
