//! The failover controller: it probes, judges, and, while it holds the lease, commits routes and has them published.
//!
//! Several may run, in different clouds. Each probes all the time, so that the one that takes over knows how things
//! stand; only the holder of the lease commits. Routes go into the register first and to the sink after it, so a sink
//! never shows what was not decided. Both carry the lease's epoch, and a controller that was suspended while it held
//! the lease is refused by both.

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    Error,
    health::{Change, Detector, Observation, Reason, Rule, State},
    probe::{self, Probe, Schedule, Target},
    routes::{self, CloudRoute, Member, RouteSink, Routes, Strategy},
};
use crate::{
    clock::{Clock, Random},
    journal::{
        lease::{Claim, Held},
        register::Register,
    },
    net::retry::Retry,
};

/// How long an orderly end may take: giving the lease back is a courtesy to the next controller.
const FAREWELL: Duration = Duration::from_secs(5);
/// A sink that has not answered by then is tried again.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(10);
/// The pauses between tries to commit or to publish, which go on until they succeed or something newer is there.
const PAUSES: Retry = Retry {
    tries: u32::MAX,
    first_wait: Duration::from_millis(100),
    longest_wait: Duration::from_secs(2),
    within: Duration::MAX,
};

/// What a controller is to do.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name, for people who look at the lease.
    pub holder: String,
    /// How long it may be silent before another takes over.
    pub lease_ttl: Duration,
    /// How often it probes.
    pub schedule: Schedule,
    /// When a gateway is down.
    pub rule: Rule,
    /// How traffic is spread.
    pub strategy: Strategy,
    /// The clouds, in the order of the project file.
    pub clouds: Vec<Member>,
    /// The gateways; a cloud is up as long as one of its own is.
    pub targets: Vec<Target>,
}

/// What a controller works with.
#[derive(Clone)]
pub struct Parts {
    /// Who is in charge.
    pub lease: Register<Held>,
    /// What was decided.
    pub routes: Register<Routes>,
    /// Asks a gateway.
    pub probe: Probe,
    /// Carries routes out.
    pub sink: Arc<dyn RouteSink>,
    /// Stamps events and observations.
    pub clock: Clock,
    /// For jitter.
    pub random: Random,
}

/// What happened. Times are milliseconds of `Clock::monotonic`, comparable within one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A gateway failed a probe after it had passed the one before.
    FirstFailure {
        /// Its cloud.
        cloud: String,
        /// The address that was probed.
        gateway: String,
        /// When the failure was seen.
        t_ms: u64,
    },
    /// A gateway is down; the cloud may have others.
    GatewayDown {
        /// Its cloud.
        cloud: String,
        /// The address that was probed.
        gateway: String,
        /// Which part of the rule was met.
        reason: Reason,
        /// When it was declared.
        t_ms: u64,
    },
    /// A gateway is up again.
    GatewayUp {
        /// Its cloud.
        cloud: String,
        /// The address that was probed.
        gateway: String,
        /// When that was seen.
        t_ms: u64,
    },
    /// A cloud is down: none of its gateways is up any more.
    Declared {
        /// The cloud.
        cloud: String,
        /// Why its last gateway was declared down.
        reason: Reason,
        /// The first failure that counts.
        first_failure_ms: u64,
        /// When it was declared.
        t_ms: u64,
    },
    /// A cloud is up again.
    Recovered {
        /// The cloud.
        cloud: String,
        /// When that was seen.
        t_ms: u64,
    },
    /// Every cloud is down; the last routes stay.
    NobodyHealthy {
        /// When that was found.
        t_ms: u64,
    },
    /// This controller is in charge now.
    LeaseTaken {
        /// Its fencing epoch.
        epoch: u64,
        /// When.
        t_ms: u64,
    },
    /// This controller is not in charge any more.
    LeaseLost {
        /// The epoch it had.
        epoch: u64,
        /// When.
        t_ms: u64,
    },
    /// The lease could not be asked for; it is tried again.
    LeaseUnavailable {
        /// Why.
        error: String,
        /// When.
        t_ms: u64,
    },
    /// Routes are decided.
    RoutesCommitted {
        /// The routes.
        routes: Routes,
        /// When the register had them.
        t_ms: u64,
    },
    /// Routes could not be committed; it is tried again.
    CommitFailed {
        /// Why.
        error: String,
        /// When.
        t_ms: u64,
    },
    /// Routes are in effect.
    RoutesPublished {
        /// The routes' epoch.
        epoch: u64,
        /// The routes' sequence number.
        seq: u64,
        /// When the sink said so.
        t_ms: u64,
    },
    /// The sink did not take routes; it is tried again.
    PublishFailed {
        /// Why.
        error: String,
        /// When.
        t_ms: u64,
    },
}

/// A failover controller.
pub struct Controller {
    settings: Settings,
    parts: Parts,
}

impl Controller {
    /// A controller that has not begun.
    ///
    /// # Errors
    /// [`Error::Settings`] when there is no cloud, one is named twice or has no gateway, a gateway is of an unknown cloud,
    /// or a duration is zero; [`Error::Journal`] for an impossible time to live.
    pub fn new(settings: Settings, parts: Parts) -> Result<Self, Error> {
        let wrong = |why: String| Err(Error::Settings(why));
        if settings.clouds.is_empty() {
            return wrong("there are no clouds".to_owned());
        }
        for (index, cloud) in settings.clouds.iter().enumerate() {
            if settings.clouds[..index].iter().any(|other| other.name == cloud.name) {
                return wrong(format!("the cloud {} is there twice", cloud.name));
            }
            if !settings.targets.iter().any(|target| target.cloud == cloud.name) {
                return wrong(format!("the cloud {} has no gateway", cloud.name));
            }
        }
        for target in &settings.targets {
            if !settings.clouds.iter().any(|cloud| cloud.name == target.cloud) {
                return wrong(format!("the gateway {} is of an unknown cloud, {}", target.url, target.cloud));
            }
        }
        if settings.schedule.interval.is_zero() || settings.schedule.timeout.is_zero() {
            return wrong("an interval or a timeout is zero".to_owned());
        }
        Claim::new(&parts.lease, &settings.holder, "", settings.lease_ttl)?;
        Ok(Self { settings, parts })
    }

    /// Runs until `stop` is cancelled; then gives the lease back. `listener` hears of everything, in order; it should
    /// not take long, since nothing is judged meanwhile.
    ///
    /// # Errors
    /// [`Error::Journal`] for an impossible time to live; what fails later is an event and is tried again.
    pub async fn run(self, stop: CancellationToken, mut listener: impl FnMut(Event) + Send) -> Result<(), Error> {
        let Self { settings, parts } = self;
        let claim = Claim::new(&parts.lease, &settings.holder, "traffic", settings.lease_ttl)?;
        let mut board = Board::new(&settings, &last_healthy(&parts, &stop).await);

        let (observed, mut observations) = mpsc::channel(1024);
        let (told, mut events) = mpsc::channel(64);
        let (health, health_seen) = watch::channel(board.healthy());
        let (wanted, wanted_seen) = watch::channel(None);
        // Dropped with this future, also when the caller drops it early: no task of a dead controller may go on leading.
        let (mut tasks, mut leading) = (JoinSet::new(), JoinSet::new());
        for (number, target) in settings.targets.iter().enumerate() {
            let (probe, clock, observed) = (Arc::clone(&parts.probe), parts.clock.clone(), observed.clone());
            tasks.spawn(probe::watch(number, target.clone(), probe, settings.schedule, clock, observed));
        }
        tasks.spawn(publish(parts.clone(), wanted_seen, told.clone()));
        let leader = Leader { settings: settings.clone(), parts, health: health_seen, wanted, told };
        leading.spawn(leader.run(claim, stop.clone()));

        let farewell = async {
            stop.cancelled().await;
            tokio::time::sleep(FAREWELL).await;
        };
        tokio::pin!(farewell);
        loop {
            tokio::select! {
                Some((number, observation)) = observations.recv() => {
                    board.observe(number, &observation, &mut listener);
                    health.send_if_modified(|known| {
                        let now = board.healthy();
                        let changed = *known != now;
                        *known = now;
                        changed
                    });
                }
                Some(event) = events.recv() => listener(event),
                _ = leading.join_next() => break,
                () = &mut farewell => break,
            }
        }
        while let Ok(event) = events.try_recv() {
            listener(event);
        }
        Ok(())
    }
}

/// Who was healthy when routes were last decided: a controller that has just started must not send traffic to a cloud
/// that others know to be down.
async fn last_healthy(parts: &Parts, stop: &CancellationToken) -> Vec<CloudRoute> {
    let read = tokio::select! {
        read = parts.routes.read() => read,
        () = stop.cancelled() => return Vec::new(),
    };
    match read {
        Ok(routes) => routes.unwrap_or_default().clouds,
        Err(error) => {
            tracing::warn!(%error, "the last routes could not be read; every cloud counts as up until it fails");
            Vec::new()
        }
    }
}

fn now_ms(clock: &Clock) -> u64 {
    u64::try_from(clock.monotonic().as_millis()).unwrap_or(u64::MAX)
}

/// What is believed of every gateway.
struct Board {
    clouds: Vec<String>,
    gateways: Vec<(Target, Detector)>,
}

impl Board {
    fn new(settings: &Settings, last: &[CloudRoute]) -> Self {
        let detector = |target: &Target| {
            let was_down = last.iter().any(|route| route.name == target.cloud && !route.healthy);
            (target.clone(), Detector::new(settings.rule, if was_down { State::Down } else { State::Up }))
        };
        Self {
            clouds: settings.clouds.iter().map(|cloud| cloud.name.clone()).collect(),
            gateways: settings.targets.iter().map(detector).collect(),
        }
    }

    fn of<'a>(&'a self, cloud: &'a str) -> impl Iterator<Item = &'a Detector> {
        self.gateways.iter().filter(move |(target, _)| target.cloud == cloud).map(|(_, detector)| detector)
    }

    fn is_healthy(&self, cloud: &str) -> bool {
        self.of(cloud).any(|detector| detector.state() == State::Up)
    }

    /// The clouds that are up.
    fn healthy(&self) -> Vec<String> {
        self.clouds.iter().filter(|cloud| self.is_healthy(cloud)).cloned().collect()
    }

    fn observe(&mut self, number: usize, observation: &Observation, listener: &mut impl FnMut(Event)) {
        let Some((target, _)) = self.gateways.get(number) else { return };
        let (cloud, gateway) = (target.cloud.clone(), target.url.to_string());
        let was_healthy = self.is_healthy(&cloud);
        for change in self.gateways[number].1.observe(observation) {
            let (cloud, gateway) = (cloud.clone(), gateway.clone());
            match change {
                Change::FirstFailure { at_ms } => listener(Event::FirstFailure { cloud, gateway, t_ms: at_ms }),
                Change::Declared { at_ms, reason, first_failure_ms } => {
                    listener(Event::GatewayDown { cloud: cloud.clone(), gateway, reason, t_ms: at_ms });
                    if was_healthy && !self.is_healthy(&cloud) {
                        let earliest = self.of(&cloud).filter_map(Detector::first_failure_ms).min();
                        let first_failure_ms = earliest.unwrap_or(first_failure_ms);
                        listener(Event::Declared { cloud, reason, first_failure_ms, t_ms: at_ms });
                    }
                }
                Change::Recovered { at_ms } => {
                    listener(Event::GatewayUp { cloud: cloud.clone(), gateway, t_ms: at_ms });
                    if !was_healthy {
                        listener(Event::Recovered { cloud, t_ms: at_ms });
                    }
                }
            }
        }
    }
}

/// Takes the lease and decides while it is held.
struct Leader {
    settings: Settings,
    parts: Parts,
    health: watch::Receiver<Vec<String>>,
    wanted: watch::Sender<Option<Routes>>,
    told: mpsc::Sender<Event>,
}

impl Leader {
    async fn tell(&self, event: impl FnOnce(u64) -> Event) {
        // The listener's end closes only when the controller ends.
        let _ = self.told.send(event(now_ms(&self.parts.clock))).await;
    }

    async fn run(mut self, mut claim: Claim, stop: CancellationToken) {
        loop {
            let taken = tokio::select! {
                taken = claim.wait() => taken,
                () = stop.cancelled() => return,
            };
            let lease = match taken {
                Ok(lease) => lease,
                Err(error) => {
                    self.tell(|t_ms| Event::LeaseUnavailable { error: error.to_string(), t_ms }).await;
                    tokio::select! {
                        () = tokio::time::sleep(self.settings.lease_ttl / 4) => continue,
                        () = stop.cancelled() => return,
                    }
                }
            };
            let epoch = lease.epoch();
            self.tell(|t_ms| Event::LeaseTaken { epoch, t_ms }).await;
            let lost = lease.lost();
            tokio::select! {
                () = self.decide(epoch) => {}
                () = lost.cancelled() => {}
                () = stop.cancelled() => {}
            }
            // A holder that is none any more has nothing to publish.
            self.wanted.send_replace(None);
            if stop.is_cancelled() {
                if let Err(error) = lease.release().await {
                    tracing::warn!(%error, "the lease was not given back; it expires");
                }
                self.tell(|t_ms| Event::LeaseLost { epoch, t_ms }).await;
                return;
            }
            drop(lease);
            self.tell(|t_ms| Event::LeaseLost { epoch, t_ms }).await;
        }
    }

    /// Commits routes whenever health calls for others, and once at the beginning, which fences the holder before.
    /// Returns when a later holder has committed.
    async fn decide(&mut self, epoch: u64) {
        let mut committed: Option<Vec<CloudRoute>> = None;
        let mut failed = 0;
        loop {
            let healthy = self.health.borrow_and_update().clone();
            let is_healthy = |name: &str| healthy.iter().any(|healthy| healthy == name);
            match routes::decide(self.settings.strategy, &self.settings.clouds, is_healthy) {
                None => self.tell(|t_ms| Event::NobodyHealthy { t_ms }).await,
                Some(clouds) if committed.as_ref() == Some(&clouds) => {}
                Some(clouds) => match routes::commit(&self.parts.routes, epoch, &clouds).await {
                    Ok(routes) => {
                        failed = 0;
                        committed = Some(clouds);
                        self.tell(|t_ms| Event::RoutesCommitted { routes: routes.clone(), t_ms }).await;
                        self.wanted.send_replace(Some(routes));
                    }
                    Err(error) => {
                        self.tell(|t_ms| Event::CommitFailed { error: error.to_string(), t_ms }).await;
                        if matches!(error, Error::Fenced { .. }) {
                            return;
                        }
                        // What was tried may have been committed all the same, so nothing is known to stand.
                        committed = None;
                        failed += 1;
                        tokio::time::sleep(PAUSES.wait(failed, &self.parts.random)).await;
                        continue;
                    }
                },
            }
            if self.health.changed().await.is_err() {
                return;
            }
        }
    }
}

/// Gives committed routes to the sink, again and again until it takes them or newer ones are there.
async fn publish(parts: Parts, mut wanted: watch::Receiver<Option<Routes>>, told: mpsc::Sender<Event>) {
    let mut failed = 0;
    loop {
        let routes = wanted.borrow_and_update().clone();
        let outcome = match &routes {
            None => Ok(()),
            Some(routes) => match tokio::time::timeout(PUBLISH_TIMEOUT, parts.sink.publish(routes)).await {
                Ok(outcome) => outcome.map_err(|error| error.to_string()),
                Err(_) => Err(format!("the sink did not answer within {} s", PUBLISH_TIMEOUT.as_secs())),
            },
        };
        let t_ms = now_ms(&parts.clock);
        match (outcome, routes) {
            (Ok(()), routes) => {
                failed = 0;
                if let Some(Routes { epoch, seq, .. }) = routes {
                    let _ = told.send(Event::RoutesPublished { epoch, seq, t_ms }).await;
                }
                if wanted.changed().await.is_err() {
                    return;
                }
            }
            (Err(error), _) => {
                failed += 1;
                let _ = told.send(Event::PublishFailed { error, t_ms }).await;
                // Newer routes are tried at once, without serving the rest of the pause.
                let newer = tokio::time::timeout(PAUSES.wait(failed, &parts.random), wanted.changed());
                if let Ok(Err(_)) = newer.await {
                    return;
                }
            }
        }
    }
}
