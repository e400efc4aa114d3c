//! The lab as the environment of a drill.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use object_store::ObjectStore;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{
    Error, dns,
    remote::{LabFile, SupervisorClient},
    setup,
};
use crate::{
    cloud,
    drill::{
        self,
        environment::{CloudFacts, Environment, EnvironmentFacts},
        experiment::Fault,
        observation::{Line, Observation, Tail},
        timeline::Watch,
    },
    project::Project,
    traffic::health::Rule,
};

/// How long traffic may take to reach every cloud after the lab came up.
const SETTLE_WITHIN: Duration = Duration::from_secs(30);

/// A lab that is up.
pub struct LabEnvironment {
    folder: PathBuf,
    client: SupervisorClient,
    file: LabFile,
    tail: Tail,
    stores: Vec<(String, Arc<dyn ObjectStore>)>,
    http: reqwest::Client,
    kept: Vec<Line>,
}

/// How a cloud of the lab is.
#[derive(Clone, Debug, Serialize)]
pub struct CloudHealth {
    /// The cloud.
    pub name: String,
    /// Its gateways.
    pub gateways: usize,
    /// Those that answer.
    pub answering: usize,
    /// Pictures that wait to be copied to other stores, if a gateway says.
    pub heal_pending: Option<u64>,
}

impl LabEnvironment {
    /// The lab in `folder`.
    ///
    /// # Errors
    /// When no lab is up there, or its files cannot be used.
    pub fn of(folder: &Path) -> Result<Self, Error> {
        let folder = std::path::absolute(folder).map_err(|source| Error::File { path: folder.to_owned(), source })?;
        let (client, file) = SupervisorClient::of(&folder)?;
        let opening = || Error::part("reaching the lab's stores");
        let project = Project::load(&folder.join(setup::OPERATOR), None).map_err(|error| opening()(error.into()))?;
        let stores = cloud::stores(&project, &|_| None).map_err(|error| opening()(error.into()))?;
        let path = folder.join(setup::AUTHORITY_FILE);
        let authority = std::fs::read_to_string(&path).map_err(|source| Error::File { path, source })?;
        let http = crate::net::client::http(Some(&authority)).map_err(|error| opening()(error.into()))?;
        let tail = Tail::new(setup::events(&folder));
        Ok(Self { folder, client, file, tail, stores, http, kept: Vec::new() })
    }

    /// Waits until routes are committed and, if there are cameras that send, until each of them had a picture
    /// confirmed.
    ///
    /// # Errors
    /// When the lab's files cannot be read.
    pub async fn settle(&mut self, interrupt: &CancellationToken) -> Result<(), drill::Error> {
        let until = tokio::time::Instant::now() + SETTLE_WITHIN;
        let sending = self.senders();
        while tokio::time::Instant::now() < until && !interrupt.is_cancelled() {
            let lines = self.read()?;
            self.kept.extend(lines);
            let routed = self.kept.iter().any(|line| matches!(line.what, Observation::RoutesCommitted { .. }));
            let mut cameras: Vec<&str> = self
                .kept
                .iter()
                .filter_map(|line| match &line.what {
                    Observation::Acked { camera, .. } => Some(camera.as_str()),
                    _ => None,
                })
                .collect();
            cameras.sort_unstable();
            cameras.dedup();
            if routed && cameras.len() >= sending {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// How many cameras send pictures: the virtual ones, unless they were told not to, and the emulated boards.
    fn senders(&self) -> usize {
        let spec = &self.file.spec;
        let cameras = if spec.cameras.upload_every_ms > 0 { spec.cameras.count } else { 0 };
        usize::from(cameras) + spec.boards.as_ref().map_or(0, |boards| usize::from(boards.count))
    }

    fn read(&mut self) -> Result<Vec<Line>, drill::Error> {
        let events = self.folder.join("events");
        self.tail.read().map_err(|source| drill::Error::File { path: events, source })
    }

    /// Asks every gateway how it is.
    pub async fn health(&self) -> Vec<CloudHealth> {
        let mut clouds = Vec::new();
        for cloud in &self.file.layout.clouds {
            let mut health = CloudHealth {
                name: cloud.name.clone(),
                gateways: cloud.gateways.len(),
                answering: 0,
                heal_pending: None,
            };
            for gateway in &cloud.gateways {
                let url = format!("https://127.0.0.1:{}/api/health", gateway.entry_port);
                let answer = self.http.get(url).timeout(Duration::from_secs(3)).send().await;
                let Ok(answer) = answer.and_then(reqwest::Response::error_for_status) else { continue };
                let Ok(body) = answer.json::<serde_json::Value>().await else { continue };
                health.answering += 1;
                if let Some(pending) = body["heal_pending"].as_u64() {
                    *health.heal_pending.get_or_insert(0) += pending;
                }
            }
            clouds.push(health);
        }
        clouds
    }
}

fn failed(what: &str) -> impl FnOnce(Error) -> drill::Error {
    let what = what.to_owned();
    move |error| drill::Error::Environment { what, source: error.into() }
}

impl Environment for LabEnvironment {
    fn facts(&self) -> EnvironmentFacts {
        let spec = &self.file.spec;
        EnvironmentFacts {
            name: "lab".to_owned(),
            practice: true,
            clouds: spec
                .clouds
                .iter()
                .map(|cloud| CloudFacts { name: cloud.name.clone(), weight: cloud.weight })
                .collect(),
            copies: spec.copies,
            cameras: usize::from(spec.cameras.count)
                + spec.boards.as_ref().map_or(0, |boards| usize::from(boards.count)),
            upload_every_ms: spec.cameras.upload_every_ms,
            report_every_ms: spec.cameras.report_every_ms,
            watch: Watch {
                interval_ms: spec.watch.interval_ms,
                timeout_ms: spec.watch.timeout_ms,
                failures: spec.watch.failures,
                error_rate: spec.watch.error_rate,
                window: Rule::default().window as u64,
                window_least: Rule::default().least as u64,
                round_trip_ms: 2 * spec.delays.outside_ms,
            },
        }
    }

    fn observations(&mut self) -> Result<Vec<Line>, drill::Error> {
        let mut lines = std::mem::take(&mut self.kept);
        lines.append(&mut self.read()?);
        Ok(lines)
    }

    async fn inject(&mut self, id: &str, cloud: &str, fault: Fault, lease: Duration) -> Result<u64, drill::Error> {
        self.client.inject(id, cloud, fault, lease).await.map_err(failed("making the fault"))
    }

    async fn renew(&mut self, id: &str, lease: Duration) -> Result<(), drill::Error> {
        self.client.renew(id, lease).await.map_err(failed("prolonging the fault"))
    }

    async fn undo(&mut self, id: &str) -> Result<(), drill::Error> {
        self.client.undo(id).await.map_err(failed("undoing the fault"))
    }

    async fn answers(&mut self) -> Vec<String> {
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, self.file.layout.dns_port));
        match dns::query(server, Duration::from_millis(500)).await {
            Ok(answers) => answers.into_iter().map(|answer| answer.cloud).collect(),
            Err(error) => {
                tracing::debug!(%error, "the public name was not answered");
                Vec::new()
            }
        }
    }

    fn stores(&self) -> Vec<(String, Arc<dyn ObjectStore>)> {
        self.stores.clone()
    }

    fn address(&self) -> String {
        self.folder.to_string_lossy().into_owned()
    }
}
