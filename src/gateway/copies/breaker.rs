//! Keeps requests away from a store that is down, and looks now and then whether it is back.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::clock::{Clock, Random};

/// Failures in a row that open the breaker.
const FAILURES: u32 = 3;

/// The first wait of an open breaker, and the longest.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    wait: Duration,
    next_probe: Duration,
}

/// Leave to try the store once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ticket {
    /// The store is taken to be up.
    Regular,
    /// The one try of an open breaker.
    Probe,
}

#[derive(Debug)]
pub(super) struct Breaker {
    clock: Clock,
    random: Random,
    state: Mutex<State>,
}

impl Breaker {
    pub(super) fn new(clock: Clock, random: Random) -> Self {
        Self { clock, random, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_open(&self) -> bool {
        self.state().open.is_some()
    }

    /// Leave to try, or none: the store is down and the next look at it is not due.
    pub(super) fn admit(&self) -> Option<Ticket> {
        let mut state = self.state();
        let Some(open) = &mut state.open else { return Some(Ticket::Regular) };
        let now = self.clock.monotonic();
        if now < open.next_probe {
            return None;
        }
        // Should the probe vanish with its task, another follows after the same wait.
        open.next_probe = now + open.wait;
        Some(Ticket::Probe)
    }

    /// Whether a probe is due, without taking it.
    pub(super) fn probe_is_due(&self) -> bool {
        self.state().open.as_ref().is_some_and(|open| self.clock.monotonic() >= open.next_probe)
    }

    /// The store answered. The answer says whether it was down before.
    pub(super) fn succeeded(&self) -> bool {
        let mut state = self.state();
        state.failures = 0;
        state.open.take().is_some()
    }

    /// The store failed. Only a probe makes an open breaker wait longer: requests that were under way when it opened
    /// say nothing new.
    pub(super) fn failed(&self, ticket: Ticket) {
        let now = self.clock.monotonic();
        let jitter = 0.75 + self.random.unit() / 2.0;
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        let failures = state.failures;
        match &mut state.open {
            Some(open) if ticket == Ticket::Probe => {
                open.wait = (open.wait * 2).min(LONGEST_WAIT);
                open.next_probe = now + open.wait.mul_f64(jitter).min(LONGEST_WAIT);
            }
            Some(_) => {}
            None if failures >= FAILURES => {
                state.open = Some(Open { wait: FIRST_WAIT, next_probe: now + FIRST_WAIT.mul_f64(jitter) });
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    use super::*;

    #[test]
    fn it_opens_after_three_failures_and_closes_after_one_answer() {
        let now = Arc::new(AtomicU64::new(0));
        let reader = Arc::clone(&now);
        let clock = Clock::simulated(0, move || Duration::from_millis(reader.load(Ordering::Relaxed)));
        let breaker = Breaker::new(clock, Random::seeded(1));
        for _ in 0..2 {
            breaker.failed(Ticket::Regular);
        }
        assert!(!breaker.succeeded());
        for _ in 0..3 {
            assert_eq!(breaker.admit(), Some(Ticket::Regular));
            breaker.failed(Ticket::Regular);
        }
        assert!(breaker.is_open());
        assert_eq!(breaker.admit(), None);
        for _ in 0..50 {
            breaker.failed(Ticket::Regular);
        }
        now.store(1_300, Ordering::Relaxed);
        assert!(breaker.probe_is_due());
        assert_eq!(breaker.admit(), Some(Ticket::Probe), "stragglers did not put the probe off");
        assert_eq!(breaker.admit(), None, "one probe at a time");
        for _ in 0..9 {
            breaker.failed(Ticket::Probe);
        }
        now.store(1_300 + 15_001, Ordering::Relaxed);
        assert_eq!(breaker.admit(), Some(Ticket::Probe), "no wait is longer than 15 seconds");
        assert!(breaker.succeeded());
        assert_eq!(breaker.admit(), Some(Ticket::Regular));
    }
}
