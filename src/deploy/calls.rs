//! The one place from which control planes are called: bounded in number, paced, and tried again by what a failure means.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::{pace::Pace, site::Planes};
use crate::{
    clock::Random,
    cloud::control::{ControlPlane, Failure, FailureKind},
    net::retry::{Dense, Retry},
    project::Provider,
};

/// No pause that a provider asks for is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How a call that failed is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// For questions: briefly, so that a cloud that is down does not hold up the others.
    Question,
    /// For changes: as long as the provider asks for it.
    Change,
    /// For what must appear: as for changes, and what is not found is looked for densely.
    Appearing,
}

/// The right to have one call under way in a cloud.
#[derive(Debug)]
pub(crate) struct Slot {
    _permit: Option<OwnedSemaphorePermit>,
}

/// What a call is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    pub(crate) cloud: &'a str,
    pub(crate) kind: &'a str,
    /// Stops the trying; a call under way is not cut off.
    pub(crate) stop: &'a CancellationToken,
}

/// Asked before a call and at each of its steps.
#[derive(Clone, Copy)]
pub(crate) struct Leave<'a> {
    /// Whether it may be begun.
    pub(crate) begin: &'a (dyn Fn() -> bool + Send + Sync),
    /// Whether it may go on.
    pub(crate) go_on: &'a (dyn Fn() -> bool + Send + Sync),
}

/// The way to all control planes.
pub(crate) struct Calls {
    planes: Planes,
    pace: Pace,
    slots: BTreeMap<String, Arc<Semaphore>>,
    random: Random,
    made: AtomicU64,
}

impl Calls {
    pub(crate) fn new(planes: Planes, providers: &BTreeMap<String, Provider>, parallel: u16, random: Random) -> Self {
        let slots = |_: &Arc<dyn ControlPlane>| Arc::new(Semaphore::new(usize::from(parallel.max(1))));
        let slots = planes.iter().map(|(cloud, plane)| (cloud.clone(), slots(plane))).collect();
        Self { planes, pace: Pace::new(providers.clone()), slots, random, made: AtomicU64::new(0) }
    }

    /// The control plane of a cloud.
    pub(crate) fn plane(&self, cloud: &str) -> Result<&dyn ControlPlane, Failure> {
        self.planes.get(cloud).map(AsRef::as_ref).ok_or_else(|| {
            Failure::new(FailureKind::Invalid, cloud, "this cloud is left out, or not in wildcam.toml any more")
                .next_step(format!(
                    "put the cloud {cloud} back into wildcam.toml, destroy what is in it, then take it out"
                ))
        })
    }

    /// How many calls were made.
    pub(crate) fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// The randomness of pauses.
    pub(crate) fn random(&self) -> &Random {
        &self.random
    }

    /// Waits until a call may be under way in this cloud.
    pub(crate) async fn slot(&self, cloud: &str) -> Slot {
        let permit = match self.slots.get(cloud) {
            // The semaphores are never closed.
            Some(slots) => Arc::clone(slots).acquire_owned().await.ok(),
            None => None,
        };
        Slot { _permit: permit }
    }

    /// Makes one call, once.
    pub(crate) async fn once<T>(
        &self,
        about: About<'_>,
        slot: Slot,
        call: BoxFuture<'_, Result<T, Failure>>,
    ) -> Result<T, Failure> {
        self.act(about, slot, Leave { begin: &|| true, go_on: &|| true }, call).await
    }

    /// As [`Calls::once`], for a call that may change something: it is not begun where `leave` has come to say no while the
    /// call waited for its turn, and it is cut off where it may not go on. A process that was suspended wakes up when another
    /// has long taken over, and one creation may be several requests.
    pub(crate) async fn act<T>(
        &self,
        about: About<'_>,
        slot: Slot,
        leave: Leave<'_>,
        mut call: BoxFuture<'_, Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let stopped = |message: &str| Err(Failure::new(FailureKind::Unreachable, "stop", message));
        self.pace.take(about.cloud, about.kind).await;
        if !(leave.begin)() {
            return stopped("the run was stopped before the call");
        }
        self.made.fetch_add(1, Ordering::Relaxed);
        let result = poll_fn(|context| {
            if (leave.go_on)() {
                call.as_mut().poll(context)
            } else {
                Poll::Ready(stopped("the lease was lost during the call"))
            }
        })
        .await;
        match &result {
            Err(failure) if failure.kind == FailureKind::Throttled => self.pace.slow_down(about.cloud, about.kind),
            _ => self.pace.went_well(about.cloud, about.kind),
        }
        drop(slot);
        result
    }

    /// Makes a call until it succeeds, until trying again is useless, or until patience ends. `told` hears of each failure
    /// after which it is tried again. The first try uses `slot` if one is given.
    pub(crate) async fn until<'c, T>(
        &'c self,
        about: About<'_>,
        patience: Patience,
        mut slot: Option<Slot>,
        told: &(dyn Fn(&Failure) + Send + Sync),
        mut call: impl FnMut() -> BoxFuture<'c, Result<T, Failure>> + Send,
    ) -> Result<T, Failure> {
        let mut schedule = Schedule::new(patience);
        loop {
            let free = match slot.take() {
                Some(slot) => slot,
                None => self.slot(about.cloud).await,
            };
            let failure = match self.once(about, free, call()).await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            let Some(pause) = schedule.pause(&failure, &self.random) else { return Err(failure) };
            told(&failure);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = about.stop.cancelled() => return Err(failure),
            }
        }
    }
}

/// Counts the tries of one call.
#[derive(Debug)]
pub(crate) struct Schedule {
    patience: Patience,
    failed: u32,
    /// In pauses: what the calls themselves take, and waiting for their turn, is no impatience.
    waited: Duration,
}

impl Schedule {
    pub(crate) fn new(patience: Patience) -> Self {
        Self { patience, failed: 0, waited: Duration::ZERO }
    }

    /// The pause before the next try; `None` where there is none.
    pub(crate) fn pause(&mut self, failure: &Failure, random: &Random) -> Option<Duration> {
        self.failed += 1;
        let dense = match failure.kind {
            FailureKind::NotYet => true,
            FailureKind::NotFound if self.patience == Patience::Appearing => true,
            FailureKind::Throttled | FailureKind::Unavailable | FailureKind::Busy | FailureKind::Unreachable => false,
            _ => return None,
        };
        let retry = match self.patience {
            Patience::Question => Retry::SERVICE,
            // A service that does not answer at all is given up sooner than one that asks for time.
            _ if failure.kind == FailureKind::Unreachable => Retry { tries: 8, ..Retry::CONTROL },
            _ => Retry::CONTROL,
        };
        let asked = Duration::from_millis(failure.retry_after_ms.unwrap_or(0)).min(LONGEST_PAUSE);
        let (pause, within, tries) = if dense {
            (Dense::PROPAGATION.wait(random), Dense::PROPAGATION.within, u32::MAX)
        } else {
            // Even a question waits for as long as the provider asks, once or twice.
            (retry.wait(self.failed, random).max(asked), retry.within.max(asked * 2), retry.tries)
        };
        self.waited += pause;
        (self.failed < tries && self.waited < within).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn failure(kind: FailureKind) -> Failure {
        Failure::new(kind, "call", "why")
    }

    /// How often and for how long a failure is tried again.
    async fn endure(patience: Patience, failure: &Failure) -> (u32, Duration) {
        let (random, started) = (Random::seeded(1), Instant::now());
        let mut schedule = Schedule::new(patience);
        let mut tries = 1;
        while let Some(pause) = schedule.pause(failure, &random) {
            tokio::time::sleep(pause).await;
            tries += 1;
        }
        (tries, started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn each_failure_is_endured_as_it_deserves() {
        use FailureKind::*;
        for kind in [Exists, Denied, Credentials, Quota, Unsupported, SoftDeleted, Protected, Invalid, NotFound] {
            assert_eq!(endure(Patience::Change, &failure(kind)).await.0, 1, "{kind:?} is tried again");
        }
        for (patience, kind) in [(Patience::Change, NotYet), (Patience::Appearing, NotFound)] {
            let (tries, time) = endure(patience, &failure(kind)).await;
            assert!((110..=130).contains(&tries), "{kind:?} {tries}");
            assert!(time < Duration::from_secs(120));
        }
        for kind in [Throttled, Busy, Unavailable] {
            let (tries, time) = endure(Patience::Change, &failure(kind)).await;
            assert!(tries > 30 && time > Duration::from_secs(500), "{kind:?} {tries} {time:?}");
            let (tries, time) = endure(Patience::Question, &failure(kind)).await;
            assert!(tries <= 5 && time < Duration::from_secs(10), "{kind:?} {tries} {time:?}");
        }
        let (tries, time) = endure(Patience::Change, &failure(Unreachable)).await;
        assert!(tries == 8 && time < Duration::from_secs(120), "{tries} {time:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_the_provider_asks_for_is_kept_and_bounded() {
        let asked = Failure { retry_after_ms: Some(40_000), ..failure(FailureKind::Throttled) };
        let mut schedule = Schedule::new(Patience::Question);
        let pause = schedule.pause(&asked, &Random::seeded(1)).unwrap();
        assert!(pause >= Duration::from_secs(40));
        let asked = Failure { retry_after_ms: Some(u64::MAX), ..asked };
        let pause = Schedule::new(Patience::Change).pause(&asked, &Random::seeded(1)).unwrap();
        assert_eq!(pause, LONGEST_PAUSE);
    }
}
