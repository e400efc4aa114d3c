use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    LinkConfig,
    connection::carry,
    fault::{Mode, Shape},
    network::Network,
};
use crate::{
    clock::{Clock, Random},
    net::serve::Listen,
};

/// What a link is set to at a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) mode: Mode,
    pub(super) shape: Shape,
    /// Rises with each change of the mode, and only then: a renewed lease does not make a connection an older one.
    pub(super) since: u64,
    /// How often the link was set to refuse; so a connection cannot miss a refusal that was short.
    pub(super) refusals: u64,
    /// Rises with each change of anything.
    revision: u64,
    changed_at: Duration,
    until: Option<Instant>,
}

impl Setting {
    fn change(&mut self, mode: Mode, shape: Shape, until: Option<Instant>, clock: &Clock) {
        if self.mode != mode {
            self.since += 1;
            self.refusals += u64::from(mode == Mode::Refuse);
        }
        if self.mode != mode || self.shape != shape {
            self.changed_at = clock.monotonic();
        }
        (self.mode, self.shape, self.until) = (mode, shape, until);
        self.revision += 1;
    }
}

/// What has passed over a link since it was started.
#[derive(Debug, Default)]
pub(super) struct Counters {
    connections: AtomicU64,
    open: AtomicU64,
    up_bytes: AtomicU64,
    down_bytes: AtomicU64,
    resets: AtomicU64,
}

impl Counters {
    pub(super) fn passed(&self, up: bool, bytes: u64) {
        let counter = if up { &self.up_bytes } else { &self.down_bytes };
        counter.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn reset(&self) {
        self.resets.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a link is set to, and what has passed over it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkState {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where it leads, `host:port`.
    pub upstream: String,
    /// What it does with connections.
    pub mode: Mode,
    /// How bytes travel.
    pub shape: Shape,
    /// When mode or shape changed last: milliseconds of [`Clock::monotonic`], comparable between processes.
    pub changed_at_ms: u64,
    /// What is left of the lease, in milliseconds; without a lease the setting stays.
    pub lease_left_ms: Option<u64>,
    /// Whether the port accepts connections.
    pub listening: bool,
    /// Connections accepted so far.
    pub connections: u64,
    /// Connections open now.
    pub open: u64,
    /// Bytes delivered to the upstream.
    pub up_bytes: u64,
    /// Bytes delivered to clients.
    pub down_bytes: u64,
    /// Connections that ended with a reset.
    pub resets: u64,
}

/// One way through the proxy.
#[derive(Debug)]
pub(super) struct Link {
    config: LinkConfig,
    listen: SocketAddr,
    clock: Clock,
    settings: watch::Sender<Setting>,
    /// The revision that the port has followed.
    applied: watch::Sender<u64>,
    listening: AtomicBool,
    counters: Counters,
}

impl Link {
    pub(super) fn new(config: LinkConfig, listen: SocketAddr, clock: Clock) -> Self {
        let setting = Setting {
            mode: Mode::Clear,
            shape: Shape::default(),
            since: 0,
            refusals: 0,
            revision: 1,
            changed_at: clock.monotonic(),
            until: None,
        };
        Self {
            config,
            listen,
            clock,
            settings: watch::Sender::new(setting),
            applied: watch::Sender::new(0),
            listening: AtomicBool::new(false),
            counters: Counters::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.config.name
    }

    pub(super) fn upstream(&self) -> &str {
        &self.config.upstream
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(super) fn settings(&self) -> watch::Receiver<Setting> {
        self.settings.subscribe()
    }

    pub(super) fn state(&self) -> LinkState {
        let setting = *self.settings.borrow();
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LinkState {
            name: self.config.name.clone(),
            listen: self.listen,
            upstream: self.config.upstream.clone(),
            mode: setting.mode,
            shape: setting.shape,
            changed_at_ms: ms(setting.changed_at),
            lease_left_ms: setting.until.map(|until| ms(until.saturating_duration_since(Instant::now()))),
            listening: self.listening.load(Ordering::Relaxed),
            connections: count(&self.counters.connections),
            open: count(&self.counters.open),
            up_bytes: count(&self.counters.up_bytes),
            down_bytes: count(&self.counters.down_bytes),
            resets: count(&self.counters.resets),
        }
    }

    /// Changes the setting, and returns when the port has followed.
    pub(super) async fn set(&self, mode: Mode, shape: Shape, until: Option<Instant>) {
        let mut revision = 0;
        self.settings.send_modify(|setting| {
            setting.change(mode, shape, until, &self.clock);
            revision = setting.revision;
        });
        // Cannot fail: the sender lives as long as this link.
        let _ = self.applied.subscribe().wait_for(|applied| *applied >= revision).await;
    }

    fn end_lease(&self, until: Instant) {
        self.settings.send_if_modified(|setting| {
            let ours = setting.until == Some(until);
            if ours {
                tracing::info!(link = self.name(), mode = ?setting.mode, "a lease ended; the link is clear again");
                setting.change(Mode::Clear, Shape::default(), None, &self.clock);
            }
            ours
        });
    }

    /// Accepts connections until `stop`.
    pub(super) async fn run<N: Network>(
        self: Arc<Self>,
        network: N,
        reserved: N::Reservation,
        random: Random,
        stop: CancellationToken,
    ) {
        let mut settings = self.settings();
        let mut port = Port::Reserved(reserved);
        let places = Arc::new(Semaphore::new(self.config.connections));
        let connections = TaskTracker::new();
        loop {
            let setting = *settings.borrow_and_update();
            port = self.follow(&network, port, setting.mode).await;
            self.listening.store(matches!(port, Port::Open(_)), Ordering::Relaxed);
            self.applied.send_replace(setting.revision);
            tokio::select! {
                () = stop.cancelled() => break,
                changed = settings.changed() => if changed.is_err() { break },
                () = sleep_until(setting.until) => if let Some(until) = setting.until { self.end_lease(until) },
                () = tokio::time::sleep(Duration::from_millis(50)), if matches!(port, Port::Lost) => {}
                accepted = accept(&mut port, &places) => match accepted {
                    Ok((client, place)) => {
                        let (link, network, random, stop) =
                            (Arc::clone(&self), network.clone(), random.fork(), stop.clone());
                        link.counters.connections.fetch_add(1, Ordering::Relaxed);
                        link.counters.open.fetch_add(1, Ordering::Relaxed);
                        connections.spawn(async move {
                            tokio::select! {
                                () = carry(&network, &link, client, random) => {}
                                () = stop.cancelled() => {}
                            }
                            link.counters.open.fetch_sub(1, Ordering::Relaxed);
                            drop(place);
                        });
                    }
                    Err(error) => {
                        tracing::warn!(link = self.name(), %error, "a connection could not be accepted");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                },
            }
        }
        self.listening.store(false, Ordering::Relaxed);
        drop(port);
        connections.close();
        connections.wait().await;
    }

    /// Opens or closes the port as the mode demands. A port that was lost to another process is tried again.
    async fn follow<N: Network>(&self, network: &N, port: Port<N>, mode: Mode) -> Port<N> {
        let reserve = || match network.reserve(self.listen) {
            Ok((reserved, _)) => Some(reserved),
            Err(error) => {
                tracing::warn!(link = self.name(), %error, "the port is not free");
                None
            }
        };
        let refuse = mode == Mode::Refuse;
        let reserved = match port {
            Port::Open(listener) if refuse => {
                // The listener must be gone before its port can be taken again.
                drop(listener);
                reserve()
            }
            Port::Open(listener) => return Port::Open(listener),
            Port::Reserved(reserved) => Some(reserved),
            Port::Lost => reserve(),
        };
        match reserved {
            Some(reserved) if refuse => Port::Reserved(reserved),
            Some(reserved) => match network.listen(reserved).await {
                Ok(listener) => Port::Open(listener),
                Err(error) => {
                    tracing::warn!(link = self.name(), %error, "the port cannot be listened on");
                    Port::Lost
                }
            },
            None => Port::Lost,
        }
    }
}

enum Port<N: Network> {
    Open(N::Listener),
    Reserved(N::Reservation),
    Lost,
}

async fn accept<N: Network>(
    port: &mut Port<N>,
    places: &Arc<Semaphore>,
) -> std::io::Result<(N::Stream, OwnedSemaphorePermit)> {
    let Port::Open(listener) = port else { return std::future::pending().await };
    let place = Arc::clone(places).acquire_owned().await.map_err(std::io::Error::other)?;
    Ok((listener.accept().await?, place))
}

async fn sleep_until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
