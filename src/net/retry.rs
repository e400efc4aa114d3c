//! The one retry policy: exponential, with full jitter, bounded in tries and in time. Beside it a dense one, for what was
//! made a moment ago and is not known everywhere yet: there the waiting is for the other side to catch up, and longer
//! pauses would only waste time.

use std::time::Duration;

use crate::clock::Random;

/// How often and how long something is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Tries in all; 1 means no second one.
    pub tries: u32,
    /// The longest wait after the first failure; it doubles each time.
    pub first_wait: Duration,
    /// No single wait is longer.
    pub longest_wait: Duration,
    /// No try starts after this much time.
    pub within: Duration,
}

impl Retry {
    /// For calls between services: five tries within ten seconds.
    pub const SERVICE: Self = Self {
        tries: 5,
        first_wait: Duration::from_millis(100),
        longest_wait: Duration::from_secs(2),
        within: Duration::from_secs(10),
    };

    /// For a control plane that throttles, is in trouble, or is at work on the same thing: within twenty minutes.
    pub const CONTROL: Self = Self {
        tries: 60,
        first_wait: Duration::from_millis(500),
        longest_wait: Duration::from_secs(30),
        within: Duration::from_secs(20 * 60),
    };

    /// The longest wait after the `failed`th failure, before jitter.
    #[must_use]
    pub fn ceiling(&self, failed: u32) -> Duration {
        let factor = 1_u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first_wait.saturating_mul(factor).min(self.longest_wait)
    }

    /// The wait after the `failed`th failure: anything from nothing to [`Retry::ceiling`], so that many clients do not
    /// return at once.
    #[must_use]
    pub fn wait(&self, failed: u32, random: &Random) -> Duration {
        self.ceiling(failed).mul_f64(random.unit())
    }

    /// Runs `attempt` until it succeeds, until `again` says that trying again is useless, or until the policy ends. The
    /// number passed to `attempt` counts from 1.
    ///
    /// # Errors
    /// The last error of `attempt`.
    pub async fn run<T, E>(
        &self,
        random: &Random,
        again: impl Fn(&E) -> bool,
        mut attempt: impl AsyncFnMut(u32) -> Result<T, E>,
    ) -> Result<T, E> {
        let started = tokio::time::Instant::now();
        let mut number = 1;
        loop {
            match attempt(number).await {
                Ok(value) => return Ok(value),
                Err(error) => {
                    let wait = self.wait(number, random);
                    if number >= self.tries || !again(&error) || started.elapsed() + wait >= self.within {
                        return Err(error);
                    }
                    tokio::time::sleep(wait).await;
                }
            }
            number += 1;
        }
    }
}

/// Tries at an even pace, for what will be known everywhere in a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dense {
    /// From one try to the next.
    pub every: Duration,
    /// So much earlier or later, by chance.
    pub jitter: Duration,
    /// No try starts after this much time.
    pub within: Duration,
}

impl Dense {
    /// For names, roles and rights that spread through a provider: every second, for two minutes.
    pub const PROPAGATION: Self =
        Self { every: Duration::from_secs(1), jitter: Duration::from_millis(150), within: Duration::from_secs(120) };

    /// The pause before the next try.
    #[must_use]
    pub fn wait(&self, random: &Random) -> Duration {
        self.every.saturating_sub(self.jitter) + (self.jitter * 2).mul_f64(random.unit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_stops_after_its_tries_and_returns_the_last_error() {
        let random = Random::seeded(1);
        let result: Result<(), u32> = Retry::SERVICE.run(&random, |_| true, async |number| Err(number)).await;
        assert_eq!(result, Err(5));
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_that_will_not_change_is_not_tried_again() {
        let random = Random::seeded(1);
        let result: Result<(), u32> = Retry::SERVICE.run(&random, |_| false, async |number| Err(number)).await;
        assert_eq!(result, Err(1));
    }

    #[test]
    fn the_dense_schedule_keeps_its_pace() {
        let random = Random::seeded(1);
        for _ in 0..1000 {
            let wait = Dense::PROPAGATION.wait(&random);
            assert!(wait >= Duration::from_millis(850) && wait < Duration::from_millis(1150), "{wait:?}");
        }
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        assert_eq!(Retry::SERVICE.ceiling(1), Duration::from_millis(100));
        assert_eq!(Retry::SERVICE.ceiling(3), Duration::from_millis(400));
        assert_eq!(Retry::SERVICE.ceiling(40), Duration::from_secs(2));
    }
}
