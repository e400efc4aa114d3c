//! What was measured of one endpoint, and whether it is worth a try.

use super::Rng;

/// How long an answer may stay away before anything was measured, in milliseconds.
pub(super) const STALL_UNMEASURED_MS: u32 = 3_000;
/// Shortest patience: below it, a single lost packet (one second to its first retransmission) reads as a dead cloud.
pub(super) const STALL_MIN_MS: u32 = 1_500;
/// Longest patience.
pub(super) const STALL_MAX_MS: u32 = 10_000;
/// Upload speed that is assumed before any was measured.
const ASSUMED_BYTES_PER_S: u32 = 64 * 1024;
/// First wait after an endpoint was given up.
const BACKOFF_FIRST_MS: u64 = 1_000;
/// Longest wait. It bounds how long a camera whose own network was gone stays away after it is back.
const BACKOFF_MAX_MS: u64 = 60_000;
const FAILURE_ONE: u32 = 1_000;
/// A failure weighs two strikes, being overtaken in a race one.
const STRIKES_OUT: u8 = 3;

/// Whether an endpoint is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaker {
    /// It is.
    Closed,
    /// Not before this reading of the timer, in milliseconds.
    Open {
        /// When.
        until_ms: u64,
    },
    /// The wait is over: it is tried, and the next result decides.
    HalfOpen,
}

/// The measured quality of one endpoint.
///
/// Smoothed as RFC 6298 smooths round trips: the mean moves by an eighth of what is new, the deviation by a quarter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quality {
    /// Mean time to an answer in milliseconds, 0 when not measured.
    pub rtt_ms: u32,
    /// Mean deviation from it in milliseconds.
    pub rtt_deviation_ms: u32,
    /// Mean upload speed, 0 when not measured.
    pub bytes_per_s: u32,
    /// Smoothed share of failures, 0 to 1000.
    pub failure_permille: u32,
    strikes: u8,
    openings: u8,
    open_until_ms: u64,
}

impl Quality {
    /// Whether the endpoint is tried at `now_ms`.
    #[must_use]
    pub fn breaker(&self, now_ms: u64) -> Breaker {
        match (self.openings, now_ms < self.open_until_ms) {
            (0, _) => Breaker::Closed,
            (_, true) => Breaker::Open { until_ms: self.open_until_ms },
            (_, false) => Breaker::HalfOpen,
        }
    }

    /// How long to wait for any sign of life, in milliseconds, after `sent_bytes` that may still be on their way.
    #[must_use]
    pub fn stall_ms(&self, sent_bytes: u64) -> u64 {
        let base = match self.rtt_ms {
            0 => STALL_UNMEASURED_MS,
            rtt => rtt.saturating_mul(2).saturating_add(self.rtt_deviation_ms.saturating_mul(4)),
        };
        let speed = match self.bytes_per_s {
            0 => ASSUMED_BYTES_PER_S,
            // Half of it: a link that has slowed is not dead.
            measured => (measured / 2).max(1),
        };
        let drain_ms = sent_bytes.saturating_mul(1000) / u64::from(speed);
        let least = if self.rtt_ms == 0 { STALL_UNMEASURED_MS } else { STALL_MIN_MS };
        let patience = u64::from(base.clamp(least, STALL_MAX_MS));
        patience.saturating_add(drain_ms).min(2 * u64::from(STALL_MAX_MS))
    }

    pub(super) fn round_trip(&mut self, sample_ms: u64) {
        let sample = u32::try_from(sample_ms).unwrap_or(u32::MAX).clamp(1, STALL_MAX_MS * 2);
        if self.rtt_ms == 0 {
            (self.rtt_ms, self.rtt_deviation_ms) = (sample, sample / 2);
            return;
        }
        let off = self.rtt_ms.abs_diff(sample);
        self.rtt_deviation_ms = (self.rtt_deviation_ms * 3 + off) / 4;
        self.rtt_ms = ((self.rtt_ms * 7 + sample) / 8).max(1);
    }

    pub(super) fn speed(&mut self, bytes: u64, in_ms: u64) {
        let sample = u32::try_from(bytes.saturating_mul(1000) / in_ms.max(1)).unwrap_or(u32::MAX).max(1);
        self.bytes_per_s = match self.bytes_per_s {
            0 => sample,
            mean => (mean / 4 * 3).saturating_add(sample / 4).max(1),
        };
    }

    pub(super) fn succeeded(&mut self) {
        self.failure_permille -= self.failure_permille.div_ceil(4);
        (self.strikes, self.openings, self.open_until_ms) = (0, 0, 0);
    }

    pub(super) fn failed(&mut self, now_ms: u64, rng: &mut impl Rng) {
        self.failure_permille += (FAILURE_ONE - self.failure_permille).div_ceil(2);
        self.strike(2, now_ms, rng);
    }

    /// Another endpoint, started later, was usable first, `waited_ms` after this one was started.
    pub(super) fn overtaken(&mut self, waited_ms: u64, now_ms: u64, rng: &mut impl Rng) {
        if waited_ms > u64::from(self.rtt_ms) {
            self.round_trip(waited_ms);
        }
        self.failure_permille += (FAILURE_ONE - self.failure_permille).div_ceil(4);
        self.strike(1, now_ms, rng);
    }

    fn strike(&mut self, weight: u8, now_ms: u64, rng: &mut impl Rng) {
        self.strikes = self.strikes.saturating_add(weight);
        if self.strikes < STRIKES_OUT && self.openings == 0 {
            return;
        }
        let longest = BACKOFF_FIRST_MS.saturating_mul(1 << self.openings.min(16)).min(BACKOFF_MAX_MS);
        // Between half of it and all of it, so that the cameras of a fleet do not come back in step.
        let wait = longest / 2 + u64::from(rng.next_u32()) % (longest / 2 + 1);
        self.openings = self.openings.saturating_add(1);
        self.open_until_ms = now_ms.saturating_add(wait);
    }

    /// Share of the load among endpoints that are tried: the weight, less for failures and for slowness relative to
    /// the fastest.
    pub(super) fn share(&self, weight: u16, fastest_ms: u32) -> u64 {
        let health = u64::from(FAILURE_ONE - self.failure_permille.min(FAILURE_ONE));
        let speed = match self.rtt_ms {
            0 => 1000,
            // Twice the fastest is still as good: a lottery must not chase noise.
            rtt => (u64::from(fastest_ms) * 2000 / u64::from(rtt)).clamp(100, 1000),
        };
        (u64::from(weight) * health * health * speed / 1_000_000).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u32);

    impl Rng for Fixed {
        fn next_u32(&mut self) -> u32 {
            self.0
        }
    }

    #[test]
    fn two_failures_open_and_each_further_one_doubles_the_wait() {
        for (random, part) in [(0, 2), (500, 1)] {
            let mut quality = Quality::default();
            quality.failed(0, &mut Fixed(random));
            assert_eq!(quality.breaker(0), Breaker::Closed);
            let mut now = 0;
            let mut expected = 1000;
            for _ in 0..10 {
                quality.failed(now, &mut Fixed(if part == 1 { expected / 2 } else { 0 }));
                let Breaker::Open { until_ms } = quality.breaker(now) else { panic!("{quality:?}") };
                assert_eq!(until_ms - now, u64::from(expected / part));
                now = until_ms;
                assert_eq!(quality.breaker(now), Breaker::HalfOpen);
                expected = (expected * 2).min(60_000);
            }
            quality.succeeded();
            assert_eq!(quality.breaker(now), Breaker::Closed);
        }
    }

    #[test]
    fn being_overtaken_three_times_opens() {
        let mut quality = Quality::default();
        for n in 1..=3 {
            quality.overtaken(300, 0, &mut Fixed(0));
            assert_eq!(quality.breaker(0) == Breaker::Closed, n < 3);
        }
        assert_eq!(quality.rtt_ms, 300);
    }

    #[test]
    fn patience_follows_what_was_measured() {
        let mut quality = Quality::default();
        assert_eq!(quality.stall_ms(0), 3_000);
        assert_eq!(quality.stall_ms(64 * 1024), 4_000);
        for _ in 0..50 {
            quality.round_trip(20);
        }
        assert_eq!(quality.stall_ms(0), 1_500);
        for _ in 0..50 {
            quality.round_trip(1_000);
        }
        assert!((2_000..2_400).contains(&quality.stall_ms(0)), "{quality:?}");
        quality.speed(100_000, 1_000);
        assert!(quality.stall_ms(50_000) >= quality.stall_ms(0) + 1_000);
        for _ in 0..50 {
            quality.round_trip(u64::MAX);
        }
        assert_eq!(quality.stall_ms(0), 10_000);
        assert_eq!(quality.stall_ms(u64::MAX), 20_000);
    }

    #[test]
    fn a_failure_costs_more_than_slowness_and_success_forgives() {
        let mut quality = Quality::default();
        let whole = quality.share(100, 50);
        quality.failed(0, &mut Fixed(0));
        assert!(quality.share(100, 50) * 3 < whole);
        for _ in 0..30 {
            quality.succeeded();
        }
        assert_eq!(quality.share(100, 50), whole);
        quality.round_trip(100);
        assert_eq!(quality.share(100, 50), whole);
        let mut slow = Quality::default();
        slow.round_trip(400);
        assert_eq!(slow.share(100, 50), whole / 4);
    }

    proptest::proptest! {
        #[test]
        fn no_history_breaks_the_arithmetic(steps: std::vec::Vec<(u8, u64, u64)>) {
            let mut quality = Quality::default();
            for (what, a, b) in steps {
                match what % 5 {
                    0 => quality.round_trip(a),
                    1 => quality.speed(a, b),
                    2 => quality.succeeded(),
                    3 => quality.failed(a, &mut Fixed(b as u32)),
                    _ => quality.overtaken(a, b, &mut Fixed(a as u32)),
                }
                proptest::prop_assert!(quality.failure_permille <= 1000);
                proptest::prop_assert!((1_500..=20_000).contains(&quality.stall_ms(b)));
                proptest::prop_assert!(quality.share(u16::MAX, a as u32) >= 1);
            }
        }
    }
}
