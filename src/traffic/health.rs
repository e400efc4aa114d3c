//! Whether a gateway is up: a pure judgement over what probes saw, without clocks or connections of its own.

use std::{collections::VecDeque, time::Duration};

use serde::{Deserialize, Serialize};

/// When a gateway counts as down, and when as up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// So many failures in a row are enough.
    pub failures: u32,
    /// One response slower than this is enough.
    pub slow: Duration,
    /// More errors than this, in percent of the window, are enough.
    pub error_percent: u32,
    /// The error rate is judged over this many observations at most, the latest ones.
    pub window: usize,
    /// The error rate is not judged over fewer.
    pub least: usize,
    /// So many successes in a row bring it back.
    pub successes: u32,
}

impl Default for Rule {
    /// The rule of the fleet: three failures, five seconds, or five percent of at least twenty.
    fn default() -> Self {
        Self { failures: 3, slow: Duration::from_secs(5), error_percent: 5, window: 100, least: 20, successes: 3 }
    }
}

/// What one probe saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// When the probe ended: milliseconds of `Clock::monotonic`.
    pub at_ms: u64,
    /// How long it took.
    pub latency: Duration,
    /// What went wrong; `None` for a good answer.
    pub error: Option<String>,
}

/// What a gateway is believed to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It may get traffic.
    Up,
    /// It may not.
    Down,
}

/// Which part of the rule was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Several failures in a row.
    Failures,
    /// A response that took too long.
    Slow,
    /// Too many errors in the window.
    ErrorRate,
}

/// What an observation changed. Times are milliseconds of `Clock::monotonic`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A failure after a success, while up.
    FirstFailure {
        /// When it was seen.
        at_ms: u64,
    },
    /// Down from now on.
    Declared {
        /// The failure that began it.
        first_failure_ms: u64,
        /// Now.
        at_ms: u64,
        /// Why.
        reason: Reason,
    },
    /// Up again from now on.
    Recovered {
        /// Now.
        at_ms: u64,
    },
}

/// Judges one gateway.
#[derive(Clone, Debug)]
pub struct Detector {
    rule: Rule,
    state: State,
    failures_in_a_row: u32,
    successes_in_a_row: u32,
    first_failure_ms: Option<u64>,
    declared_ms: Option<u64>,
    /// When each observation was made and whether it failed, oldest first.
    window: VecDeque<(u64, bool)>,
}

impl Detector {
    /// A gateway that is believed to be in `state` until observations say otherwise.
    #[must_use]
    pub fn new(rule: Rule, state: State) -> Self {
        Self {
            rule,
            state,
            failures_in_a_row: 0,
            successes_in_a_row: 0,
            first_failure_ms: None,
            declared_ms: None,
            window: VecDeque::new(),
        }
    }

    /// What the gateway is believed to be.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// When the failure that counts was seen: the first of the row that is going on, or the one that led to the
    /// declaration.
    #[must_use]
    pub fn first_failure_ms(&self) -> Option<u64> {
        self.first_failure_ms
    }

    /// When it was declared down; `None` while it is up.
    #[must_use]
    pub fn declared_ms(&self) -> Option<u64> {
        self.declared_ms
    }

    /// Takes in an observation and says what it changed, in order.
    pub fn observe(&mut self, observation: &Observation) -> Vec<Change> {
        let slow = observation.latency > self.rule.slow;
        let failed = slow || observation.error.is_some();
        match self.state {
            State::Up => self.observe_up(observation.at_ms, failed, slow),
            State::Down => self.observe_down(observation.at_ms, failed),
        }
    }

    fn observe_up(&mut self, at_ms: u64, failed: bool, slow: bool) -> Vec<Change> {
        self.window.push_back((at_ms, failed));
        while self.window.len() > self.rule.window.max(1) {
            self.window.pop_front();
        }
        if !failed {
            self.failures_in_a_row = 0;
            self.first_failure_ms = None;
            return Vec::new();
        }
        let mut changes = Vec::new();
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        if self.failures_in_a_row == 1 {
            self.first_failure_ms = Some(at_ms);
            changes.push(Change::FirstFailure { at_ms });
        }
        let row_began_ms = self.first_failure_ms.unwrap_or(at_ms);
        let judged = if self.failures_in_a_row >= self.rule.failures {
            Some((Reason::Failures, row_began_ms))
        } else if slow {
            Some((Reason::Slow, row_began_ms))
        } else {
            self.error_rate_since().map(|since_ms| (Reason::ErrorRate, since_ms))
        };
        if let Some((reason, first_failure_ms)) = judged {
            self.state = State::Down;
            self.first_failure_ms = Some(first_failure_ms);
            self.declared_ms = Some(at_ms);
            self.successes_in_a_row = 0;
            self.window.clear();
            changes.push(Change::Declared { first_failure_ms, at_ms, reason });
        }
        changes
    }

    /// When the first error of the window was seen, if there are too many of them.
    fn error_rate_since(&self) -> Option<u64> {
        let mut errors = self.window.iter().filter(|(_, failed)| *failed);
        let first_ms = errors.next()?.0;
        let count = errors.count() + 1;
        let too_many = count.saturating_mul(100) > self.window.len().saturating_mul(self.rule.error_percent as usize);
        (self.window.len() >= self.rule.least && too_many).then_some(first_ms)
    }

    fn observe_down(&mut self, at_ms: u64, failed: bool) -> Vec<Change> {
        if failed {
            self.successes_in_a_row = 0;
            return Vec::new();
        }
        self.successes_in_a_row = self.successes_in_a_row.saturating_add(1);
        if self.successes_in_a_row < self.rule.successes {
            return Vec::new();
        }
        self.state = State::Up;
        self.failures_in_a_row = 0;
        self.first_failure_ms = None;
        self.declared_ms = None;
        vec![Change::Recovered { at_ms }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds one observation a second, `.` good, `x` failed, `s` good but slow; returns what changed.
    fn judged(detector: &mut Detector, pattern: &str) -> Vec<Change> {
        let observe = |(second, kind): (usize, char)| {
            let latency = Duration::from_millis(if kind == 's' { 5001 } else { 5000 });
            let error = (kind == 'x').then(|| "refused".to_owned());
            detector.observe(&Observation { at_ms: second as u64 * 1000, latency, error })
        };
        pattern.chars().enumerate().flat_map(observe).collect()
    }

    fn fresh() -> Detector {
        Detector::new(Rule::default(), State::Up)
    }

    #[test]
    fn three_failures_in_a_row_are_down_and_two_are_not() {
        let mut detector = fresh();
        let first = |at_ms| Change::FirstFailure { at_ms };
        assert_eq!(judged(&mut detector, "..xx.xx."), [first(2000), first(5000)]);
        assert_eq!((detector.state(), detector.first_failure_ms()), (State::Up, None));
        let mut detector = fresh();
        let declared = Change::Declared { first_failure_ms: 1000, at_ms: 3000, reason: Reason::Failures };
        assert_eq!(judged(&mut detector, ".xxxxx"), [first(1000), declared]);
        assert_eq!((detector.first_failure_ms(), detector.declared_ms()), (Some(1000), Some(3000)));
    }

    #[test]
    fn one_response_over_five_seconds_is_down_and_one_of_five_is_not() {
        let declared = Change::Declared { first_failure_ms: 2000, at_ms: 2000, reason: Reason::Slow };
        assert_eq!(judged(&mut fresh(), "..s"), [Change::FirstFailure { at_ms: 2000 }, declared]);
        assert_eq!(judged(&mut fresh(), "....."), []);
    }

    #[test]
    fn more_than_five_percent_of_at_least_twenty_is_down() {
        let declared = |pattern: &str| {
            judged(&mut fresh(), pattern).into_iter().find(|change| matches!(change, Change::Declared { .. }))
        };
        let (one_in_twenty, eighteen) = (".".repeat(19) + "x", ".".repeat(17));
        assert_eq!(declared(&one_in_twenty), None, "five percent is not more than five percent");
        assert_eq!(declared(&format!("x{eighteen}x")), None, "nineteen are too few");
        let found = declared(&format!("x{eighteen}.x")).unwrap();
        assert_eq!(found, Change::Declared { first_failure_ms: 0, at_ms: 19_000, reason: Reason::ErrorRate });
        // Of the last hundred, five are allowed; the sixth is not, unless an old one has left the window.
        let every_twentieth = one_in_twenty.repeat(20);
        assert_eq!(declared(&every_twentieth), None);
        assert!(declared(&format!("{}.x", one_in_twenty.repeat(5))).is_some());
    }

    #[test]
    fn three_successes_in_a_row_bring_it_back_with_a_clean_record() {
        let mut detector = fresh();
        judged(&mut detector, "xxx");
        assert_eq!(judged(&mut detector, "..x..s.."), []);
        assert_eq!(judged(&mut detector, "."), [Change::Recovered { at_ms: 0 }]);
        assert_eq!((detector.state(), detector.declared_ms()), (State::Up, None));
        let after = format!("{}x", ".".repeat(25));
        assert_eq!(judged(&mut detector, &after), [Change::FirstFailure { at_ms: 25_000 }]);
    }
}
