//! The one place for time and randomness.
//!
//! Everything that needs either takes a [`Clock`] or a [`Random`], so that a whole system runs on virtual time and on
//! a seed in tests. Waiting is always `tokio::time`, which a test may pause or simulate; only the *reading* of clocks
//! goes through here.

mod random;

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

pub use random::Random;

/// Reads the time. The real one is [`Clock::system`]; tests make others with [`Clock::simulated`].
#[derive(Clone)]
pub struct Clock {
    source: Arc<dyn TimeSource>,
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clock(unix_ms = {})", self.unix_ms())
    }
}

/// What a clock is made of.
pub trait TimeSource: Send + Sync {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn unix_ms(&self) -> u64;
    /// Time that only rises, comparable between processes of one machine.
    fn monotonic(&self) -> Duration;
}

impl Clock {
    /// The clock of this machine.
    #[must_use]
    pub fn system() -> Self {
        Self { source: Arc::new(SystemTimeSource) }
    }

    /// A clock that starts at `epoch_ms` and follows `elapsed`, for instance a simulator's own time.
    pub fn simulated(epoch_ms: u64, elapsed: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self { source: Arc::new(Simulated { epoch_ms, elapsed }) }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn unix_ms(&self) -> u64 {
        self.source.unix_ms()
    }

    /// Whole seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn unix_s(&self) -> u64 {
        self.unix_ms() / 1000
    }

    /// Time that only rises. On Unix it is `CLOCK_MONOTONIC`, so the readings of several processes on one machine can
    /// be subtracted from each other; a drill relies on it.
    #[must_use]
    pub fn monotonic(&self) -> Duration {
        self.source.monotonic()
    }

    /// The present as a timestamp for people.
    #[must_use]
    pub fn timestamp(&self) -> jiff::Timestamp {
        i64::try_from(self.unix_ms())
            .ok()
            .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
            .unwrap_or(jiff::Timestamp::MAX)
    }
}

struct SystemTimeSource;

impl TimeSource for SystemTimeSource {
    fn unix_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    #[cfg(unix)]
    fn monotonic(&self) -> Duration {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
        let nanoseconds = u32::try_from(now.tv_nsec).unwrap_or_default();
        Duration::new(seconds, nanoseconds)
    }

    // Without a system-wide monotonic clock in safe Rust, processes share the wall clock; a drill that spans a step of
    // the wall clock is then wrong, which README lists.
    #[cfg(not(unix))]
    fn monotonic(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

struct Simulated<F> {
    epoch_ms: u64,
    elapsed: F,
}

impl<F: Fn() -> Duration + Send + Sync> TimeSource for Simulated<F> {
    fn unix_ms(&self) -> u64 {
        self.epoch_ms + u64::try_from((self.elapsed)().as_millis()).unwrap_or(u64::MAX / 2)
    }

    fn monotonic(&self) -> Duration {
        (self.elapsed)()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_never_goes_back() {
        let clock = Clock::system();
        let before = clock.monotonic();
        assert!(clock.monotonic() >= before);
        assert!(clock.unix_s() > 1_700_000_000);
    }

    #[test]
    fn a_simulated_clock_follows_its_source() {
        let clock = Clock::simulated(5_000, || Duration::from_millis(250));
        assert_eq!(clock.unix_ms(), 5_250);
        assert_eq!(clock.monotonic(), Duration::from_millis(250));
        assert_eq!(clock.timestamp().as_millisecond(), 5_250);
    }
}
