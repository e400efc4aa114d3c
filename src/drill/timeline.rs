//! The phases of a recovery, worked out from what was noticed. Pure: no clock is read here.

use std::collections::{HashSet, VecDeque};

use super::{
    experiment::Fault,
    observation::{Line, Observation},
    result::Phase,
};

/// How long "steady" must last.
pub const STEADY_MS: u64 = 5_000;
/// The part of the earlier acknowledgement rate that counts as steady.
pub const STEADY_SHARE: f64 = 0.95;
/// The part of the cameras that must be back for "cameras back".
pub const CAMERAS_SHARE: f64 = 0.95;

/// What a timeline must know beforehand.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The cloud that the fault hits.
    pub cloud: String,
    /// The fault.
    pub fault: Fault,
    /// When it was made, T0.
    pub t0_ms: u64,
    /// Acknowledged pictures per second before the fault.
    pub rate_before: f64,
    /// How many cameras there are.
    pub cameras: usize,
    /// How the controller watches.
    pub watch: Watch,
    /// What was due when.
    pub due: Due,
}

/// What was due after the fault, in milliseconds of the monotonic clock: nothing can be noticed earlier.
#[derive(Clone, Debug, Default)]
pub struct Due {
    /// The next probe of the cloud, if one was seen before.
    pub probe_ms: Option<u64>,
    /// How many probes of the cloud were seen before the fault.
    pub probes_before: u64,
    /// Each camera's next picture.
    pub pictures_ms: Vec<u64>,
    /// Each camera's next picture or report.
    pub exchanges_ms: Vec<u64>,
}

/// How the controller watches the clouds.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// From the start of one probe to the start of the next.
    pub interval_ms: u64,
    /// After how long an unanswered probe has failed; a cloud that needs longer counts as down at once.
    pub timeout_ms: u64,
    /// How many failures in a row mean "down".
    pub failures: u32,
    /// The share of failed probes that means "down".
    pub error_rate: f64,
    /// Over how many of the latest probes the share is taken, at the most.
    pub window: u64,
    /// Over how many at the least.
    pub window_least: u64,
    /// One round trip between the controller and a majority of the stores.
    pub round_trip_ms: u64,
}

/// Gathers observations after a fault and tells which phases are over.
#[derive(Debug)]
pub struct Timeline {
    facts: Facts,
    first_failure_ms: Option<u64>,
    declared_ms: Option<u64>,
    routes_ms: Option<u64>,
    first_ack_ms: Option<u64>,
    back: HashSet<String>,
    cameras_back_ms: Option<u64>,
    steady_ms: Option<u64>,
    acks: VecDeque<u64>,
    answers: VecDeque<(u64, bool)>,
}

impl Timeline {
    /// Begins at the fault.
    #[must_use]
    pub fn new(facts: Facts) -> Self {
        Self {
            facts,
            first_failure_ms: None,
            declared_ms: None,
            routes_ms: None,
            first_ack_ms: None,
            back: HashSet::new(),
            cameras_back_ms: None,
            steady_ms: None,
            acks: VecDeque::new(),
            answers: VecDeque::new(),
        }
    }

    /// Corrects what was due: what began before the fault may be noted after it.
    pub fn due(&mut self, due: Due) {
        self.facts.due = due;
    }

    /// Takes one observation; those from before the fault are passed over.
    pub fn note(&mut self, line: &Line) {
        let (t0, t) = (self.facts.t0_ms, line.t_ms);
        if t < t0 {
            return;
        }
        let ours = |cloud: &str| cloud == self.facts.cloud;
        match &line.what {
            Observation::FirstFailure { cloud } if ours(cloud) => _ = self.first_failure_ms.get_or_insert(t),
            Observation::DeclaredDown { cloud, .. } if ours(cloud) => _ = self.declared_ms.get_or_insert(t),
            Observation::RoutesCommitted { clouds, .. } if !clouds.contains(&self.facts.cloud) => {
                self.routes_ms.get_or_insert(t);
            }
            Observation::Acked { camera, cloud, started_ms, .. } => {
                self.acks.push_back(t);
                if !ours(cloud) && *started_ms >= t0 {
                    self.first_ack_ms.get_or_insert(t);
                    self.came_back(camera, t);
                }
            }
            Observation::Reported { camera, cloud, started_ms } if !ours(cloud) && *started_ms >= t0 => {
                self.came_back(camera, t);
            }
            _ => {}
        }
    }

    fn came_back(&mut self, camera: &str, t_ms: u64) {
        if self.cameras_back_ms.is_none() {
            self.back.insert(camera.to_owned());
            if reaches(self.back.len(), self.facts.cameras) {
                self.cameras_back_ms = Some(t_ms);
            }
        }
    }

    /// Takes one look at the public name: which clouds it was answered with.
    pub fn answered(&mut self, t_ms: u64, clouds: &[String]) {
        let good = !clouds.is_empty() && !clouds.contains(&self.facts.cloud);
        self.answers.push_back((t_ms, good));
    }

    /// Judges whether the five seconds that end now were steady. Returns true once they were.
    pub fn steady_at(&mut self, now_ms: u64) -> bool {
        if self.steady_ms.is_some() {
            return true;
        }
        let Some(from) = now_ms.checked_sub(STEADY_MS).filter(|&from| from >= self.facts.t0_ms) else { return false };
        while self.acks.front().is_some_and(|&t| t < from) {
            self.acks.pop_front();
        }
        while self.answers.front().is_some_and(|&(t, _)| t < from) {
            self.answers.pop_front();
        }
        #[expect(clippy::cast_precision_loss, reason = "counts in five seconds are far below 2^52")]
        let rate = self.acks.len() as f64 * 1000.0 / STEADY_MS as f64;
        // The name is looked at ten times a second; a window with fewer than half of the looks shows nothing.
        let looked = self.answers.len() >= 25;
        let steady = looked
            && self.answers.iter().all(|&(_, good)| good)
            && rate >= self.facts.rate_before * STEADY_SHARE
            && self.cameras_back_ms.is_some();
        if steady {
            self.steady_ms = Some(now_ms);
        }
        steady
    }

    /// The recovery time actual: to the start of the five steady seconds.
    #[must_use]
    pub fn rta_ms(&self) -> Option<u64> {
        self.steady_ms.map(|end| end - self.facts.t0_ms - STEADY_MS)
    }

    /// When the cameras were back, after the fault (T6).
    #[must_use]
    pub fn cameras_back_after_ms(&self) -> Option<u64> {
        self.cameras_back_ms.map(|t| t - self.facts.t0_ms)
    }

    /// All phases in order, each measured from the fault, with the least that physics and configuration allow.
    #[must_use]
    pub fn phases(&self) -> Vec<Phase> {
        let since = |t: Option<u64>| t.map(|t| t - self.facts.t0_ms);
        let least = self.least();
        let phase = |name: &str, ms, least_ms| Phase { name: name.to_owned(), ms, least_ms };
        vec![
            phase("first failed probe", since(self.first_failure_ms), least.first_failure),
            phase("declared down", since(self.declared_ms), least.declared),
            phase("routes committed", since(self.routes_ms), least.routes),
            phase("first new picture confirmed", since(self.first_ack_ms), least.first_ack),
            phase("cameras back", since(self.cameras_back_ms), least.cameras_back),
            phase("steady", self.rta_ms(), least.routes),
        ]
    }

    /// The least possible: the time to the next scheduled probe, the further probes that the threshold asks for, the time
    /// that each may hang, and the switch.
    fn least(&self) -> Least {
        let watch = &self.facts.watch;
        let next_probe = self.facts.due.probe_ms.map_or(0, |due| due.saturating_sub(self.facts.t0_ms));
        let hang = if self.facts.fault.hangs() { watch.timeout_ms } else { 0 };
        let first_failure = next_probe + hang;
        // A probe that hangs for the whole limit is itself the rule "slower than 5 s": no second one is needed.
        let declared = if self.facts.fault.hangs() {
            first_failure
        } else {
            next_probe + self.failures_needed().saturating_sub(1) * watch.interval_ms
        };
        // Two round trips to a majority of the stores change a register.
        let routes = declared + 2 * watch.round_trip_ms;
        let after = |due: u64| due.saturating_sub(self.facts.t0_ms);
        let first_ack = self.facts.due.pictures_ms.iter().copied().map(after).min().unwrap_or(0);
        // The moment at which so many cameras have had something to say that the share is reached.
        let mut due: Vec<u64> = self.facts.due.exchanges_ms.iter().copied().map(after).collect();
        due.sort_unstable();
        let needed = (0..=due.len()).find(|&count| reaches(count, due.len())).unwrap_or(0);
        let cameras_back = needed.checked_sub(1).and_then(|last| due.get(last)).copied().unwrap_or(0);
        Least { first_failure, declared, routes, first_ack, cameras_back }
    }

    /// How many failed probes in a row the controller's rules need: the threshold, or fewer when the share of errors
    /// among the probes so far is reached before.
    fn failures_needed(&self) -> u64 {
        let watch = &self.facts.watch;
        let threshold = u64::from(watch.failures);
        let by_share = (1..threshold).find(|&failures| {
            let seen = (self.facts.due.probes_before + failures).min(watch.window);
            #[expect(clippy::cast_precision_loss, reason = "counts of probes are far below 2^52")]
            let share = failures as f64 / seen as f64;
            seen >= watch.window_least && share > watch.error_rate
        });
        by_share.unwrap_or(threshold)
    }
}

/// Whether so many of all cameras are the share that counts as back.
fn reaches(count: usize, all: usize) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "counts of cameras are far below 2^52")]
    let (count, all) = (count as f64, all as f64);
    count >= all * CAMERAS_SHARE
}

struct Least {
    first_failure: u64,
    declared: u64,
    routes: u64,
    first_ack: u64,
    cameras_back: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(fault: Fault) -> Facts {
        Facts {
            cloud: "a".into(),
            fault,
            t0_ms: 10_000,
            rate_before: 2.0,
            cameras: 2,
            watch: Watch {
                interval_ms: 1_000,
                timeout_ms: 5_000,
                failures: 3,
                error_rate: 0.05,
                window: 100,
                window_least: 20,
                round_trip_ms: 30,
            },
            due: Due {
                probe_ms: Some(10_400),
                probes_before: 9,
                pictures_ms: vec![10_500, 10_900],
                exchanges_ms: vec![10_100, 10_300],
            },
        }
    }

    fn ack(t_ms: u64, camera: &str, cloud: &str) -> Line {
        let what = Observation::Acked {
            camera: camera.into(),
            ulid: format!("{t_ms}"),
            cloud: cloud.into(),
            copies: 2,
            started_ms: t_ms - 20,
        };
        Line { t_ms, what }
    }

    #[test]
    fn the_least_possible_follows_the_probe_schedule() {
        let refused = Timeline::new(facts(Fault::Kill)).phases();
        let least: Vec<u64> = refused.iter().map(|phase| phase.least_ms).collect();
        assert_eq!(least, [400, 2_400, 2_460, 500, 300, 2_460]);
        // With 25 good probes before, the second failure makes two of 27, which is over five in a hundred.
        let mut by_share = Timeline::new(facts(Fault::Kill));
        by_share.due(Due { probes_before: 25, ..facts(Fault::Kill).due });
        assert_eq!(by_share.phases()[1].least_ms, 1_400);
        let silent = Timeline::new(facts(Fault::SilentAfterHandshake)).phases();
        assert_eq!(silent[1].least_ms, 5_400);
    }

    #[test]
    fn steady_needs_the_name_the_rate_and_the_cameras_for_five_seconds() {
        let mut timeline = Timeline::new(facts(Fault::Kill));
        // The lost cloud's own late answer does not count as a camera that is back.
        timeline.note(&ack(10_010, "one", "a"));
        let mut reached = None;
        for now in (10_100..30_000_u64).step_by(100) {
            if now % 500 == 0 {
                timeline.note(&ack(now, if now % 1000 == 0 { "one" } else { "two" }, "b"));
            }
            let clouds = if now < 13_000 { ["a".to_owned()] } else { ["b".to_owned()] };
            timeline.answered(now, &clouds);
            if timeline.steady_at(now) {
                reached = Some(now);
                break;
            }
        }
        assert_eq!(reached, Some(18_000));
        assert_eq!(timeline.rta_ms(), Some(3_000));
        assert_eq!(timeline.cameras_back_after_ms(), Some(1_000));
    }

    #[test]
    fn a_rate_below_the_share_is_not_steady() {
        let mut timeline = Timeline::new(facts(Fault::Kill));
        for now in (10_100..40_000_u64).step_by(100) {
            if now % 700 == 0 {
                timeline.note(&ack(now, "one", "b"));
                timeline.note(&Line {
                    t_ms: now,
                    what: Observation::Reported { camera: "two".into(), cloud: "c".into(), started_ms: now },
                });
            }
            timeline.answered(now, &["b".to_owned()]);
            assert!(!timeline.steady_at(now));
        }
        assert_eq!(timeline.rta_ms(), None);
    }
}
