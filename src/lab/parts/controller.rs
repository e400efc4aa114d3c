//! The failover controller of a lab, and its DNS seam.

use std::{
    net::Ipv4Addr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;

use super::{Surroundings, loopback, read, text};
use crate::{
    clock::Clock,
    cloud,
    drill::observation::{Journal, Line, Observation},
    journal::register::{Register, Timeouts},
    lab::{
        Error,
        dns::{self, DnsClient},
        setup::ControllerPart,
    },
    project::Project,
    traffic::{
        self,
        controller::{Controller, Event, Parts, Settings},
        health::Rule,
        probe::{self, Probe, Schedule, Target},
        routes::{Member, RouteSink, Routes, Strategy},
    },
};

/// Watches the clouds, and routes around those that are down.
///
/// # Errors
/// When it cannot be set up; what fails later is noted and tried again.
pub async fn controller(config: &Path, around: Surroundings) -> Result<(), Error> {
    let part: ControllerPart = read(config)?;
    let setting_up = || Error::part("setting the controller up");
    let project = Project::load(&part.project, None).map_err(|error| setting_up()(error.into()))?;
    let stores = cloud::stores(&project, &|_| None).map_err(|error| setting_up()(error.into()))?;
    let register = |name: &str| (name.to_owned(), stores.clone());
    let (lease_name, lease_stores) = register("lease.traffic");
    let (routes_name, routes_stores) = register("routes");
    let lease = Register::new(&lease_name, lease_stores, "controller", around.random.fork(), Timeouts::default())
        .map_err(|error| setting_up()(error.into()))?;
    let routes = Register::new(&routes_name, routes_stores, "controller", around.random.fork(), Timeouts::default())
        .map_err(|error| setting_up()(error.into()))?;
    let client = crate::net::client::http(Some(&text(&part.authority)?)).map_err(|error| setting_up()(error.into()))?;

    let journal = Journal::open(&part.events).map_err(|source| Error::File { path: part.events.clone(), source })?;
    let notes = Notes { journal: Arc::new(Mutex::new(journal)), clock: around.clock.clone() };
    let mut targets = Vec::new();
    for (cloud, (_, addresses)) in &part.clouds {
        for address in addresses {
            let url =
                format!("{address}/api/health").parse().map_err(|error: url::ParseError| setting_up()(error.into()))?;
            targets.push(Target { cloud: cloud.clone(), url });
        }
    }
    let settings = Settings {
        holder: "lab-controller".to_owned(),
        lease_ttl: Duration::from_secs(10),
        schedule: Schedule {
            interval: Duration::from_millis(part.watch.interval_ms),
            timeout: Duration::from_millis(part.watch.timeout_ms),
        },
        rule: Rule {
            failures: part.watch.failures,
            slow: Duration::from_millis(part.watch.timeout_ms),
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share between 0 and 1")]
            error_percent: (part.watch.error_rate * 100.0) as u32,
            ..Rule::default()
        },
        strategy: Strategy::ActiveActive,
        clouds: part.clouds.iter().map(|(name, (weight, _))| Member { name: name.clone(), weight: *weight }).collect(),
        targets,
    };
    let sink = Dns { client: DnsClient::new(loopback(part.dns_control_port), &part.dns_token), ports: part.ports() };
    let parts = Parts {
        lease,
        routes,
        probe: notes.noting(probe::http(client)),
        sink: Arc::new(sink),
        clock: around.clock,
        random: around.random,
    };
    let controller = Controller::new(settings, parts).map_err(|error| setting_up()(error.into()))?;
    let mut waiting = None;
    let listener = move |event| notes.event(event, &mut waiting);
    controller.run(around.stop, listener).await.map_err(|error| setting_up()(error.into()))
}

impl ControllerPart {
    /// The port of each cloud's first gateway.
    fn ports(&self) -> Vec<(String, u16)> {
        let port = |addresses: &Vec<String>| {
            let url = url::Url::parse(addresses.first()?).ok()?;
            url.port()
        };
        self.clouds.iter().filter_map(|(name, (_, addresses))| Some((name.clone(), port(addresses)?))).collect()
    }
}

/// Notes what the controller sees where drills read it.
#[derive(Clone)]
struct Notes {
    journal: Arc<Mutex<Journal>>,
    clock: Clock,
}

impl Notes {
    fn note(&self, t_ms: u64, what: Observation) {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = journal.append(&Line { t_ms, what }) {
            tracing::error!(%error, "an observation could not be noted");
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX)
    }

    /// A probe whose begin and end are noted: a drill works out the least possible from the schedule.
    fn noting(&self, probe: Probe) -> Probe {
        let notes = self.clone();
        Arc::new(move |target| {
            let (notes, cloud) = (notes.clone(), target.cloud.clone());
            let asked = probe(target);
            Box::pin(async move {
                let started_ms = notes.now_ms();
                let answer = asked.await;
                notes.note(notes.now_ms(), Observation::Probed { cloud, started_ms, ok: answer.is_ok() });
                answer
            })
        })
    }

    /// Routes count as committed when they are in the register and in the DNS.
    fn event(&self, event: Event, waiting: &mut Option<Routes>) {
        match event {
            Event::FirstFailure { cloud, t_ms, .. } => self.note(t_ms, Observation::FirstFailure { cloud }),
            Event::Declared { cloud, reason, t_ms, .. } => {
                self.note(t_ms, Observation::DeclaredDown { cloud, rule: format!("{reason:?}").to_lowercase() });
            }
            Event::Recovered { cloud, t_ms } => self.note(t_ms, Observation::Recovered { cloud }),
            Event::RoutesCommitted { routes, .. } => *waiting = Some(routes),
            Event::RoutesPublished { epoch, seq, t_ms } => {
                if let Some(routes) = waiting.take_if(|routes| routes.order() == (epoch, seq)) {
                    let clouds = routes.serving().map(str::to_owned).collect();
                    self.note(t_ms, Observation::RoutesCommitted { epoch, seq, clouds });
                }
            }
            other => tracing::info!(?other, "traffic"),
        }
    }
}

/// How long resolvers may remember an answer of the lab.
pub(super) const TTL_S: u32 = 2;

/// A cloud in the lab's DNS.
pub(super) fn endpoint(cloud: &str, port: u16, weight: u32, healthy: bool) -> dns::Endpoint {
    dns::Endpoint {
        cloud: cloud.to_owned(),
        address: Ipv4Addr::LOCALHOST.into(),
        port,
        weight: u16::try_from(weight).unwrap_or(u16::MAX),
        healthy,
    }
}

/// The lab's DNS server as the controller's seam to DNS.
struct Dns {
    client: DnsClient,
    ports: Vec<(String, u16)>,
}

impl RouteSink for Dns {
    fn publish<'a>(&'a self, routes: &'a Routes) -> BoxFuture<'a, Result<(), traffic::Error>> {
        let port = |name: &str| self.ports.iter().find(|(cloud, _)| cloud == name).map(|(_, port)| *port);
        let endpoints = routes.clouds.iter().filter_map(|cloud| {
            Some(endpoint(&cloud.name, port(&cloud.name)?, cloud.weight, cloud.healthy && cloud.weight > 0))
        });
        let table = dns::Routes { epoch: routes.epoch, seq: routes.seq, endpoints: endpoints.collect(), ttl: TTL_S };
        Box::pin(async move {
            let Err(error) = self.client.put(&table).await else { return Ok(()) };
            // The answer to an earlier try may have been lost: what is in force decides.
            match self.client.routes().await {
                Ok(current) if current.version() == table.version() => Ok(()),
                _ => Err(traffic::Error::Publish(error.to_string())),
            }
        })
    }
}
