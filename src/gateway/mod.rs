//! The HTTP API that cameras talk to.
//!
//! A gateway holds nothing that another one needs: keys, detections and documents lie in the stores, and its own index
//! can be made again from them. What it alone knows is what it still has to heal.

mod auth;
mod body;
mod cameras;
pub mod copies;
mod jpeg;
mod listing;
mod metrics;
mod multipart;
mod objects;
mod refusal;
mod reports;
mod routes;
mod spool;
mod uploads;

use std::{path::PathBuf, sync::Arc, time::Duration};

use axum::Router;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use wildcam_core::wire::CameraId;

pub use copies::{Copies, Healed, Policy, Store};

use crate::{
    clock::{Clock, Random},
    data::{Index, reindex},
    release::Signer,
};

/// Lookups of unknown cameras in the stores at once.
const LOOKUPS: usize = 8;

/// Why a gateway could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nowhere to store anything.
    #[error("a gateway needs at least one store")]
    NoStore,
    /// More copies are asked for than there are stores: no detection could ever be acknowledged.
    #[error("{copies} copies are asked for, and there are {stores} stores")]
    Copies {
        /// Copies asked for.
        copies: usize,
        /// Stores there are.
        stores: usize,
    },
    /// The folder for uploads in parts cannot be used.
    #[error("the folder {folder} for uploads in parts cannot be used")]
    Spool {
        /// The folder.
        folder: String,
        /// Why not.
        source: std::io::Error,
    },
}

/// How a gateway is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name, under which its reports lie.
    pub name: CameraId,
    /// The name of its cloud, for people.
    pub cloud: String,
    /// Copies, and what happens when there are fewer.
    pub policy: Policy,
    /// The largest picture in bytes; never more than `wildcam_core::wire::IMAGE_MAX_BYTES`.
    pub max_image_bytes: usize,
    /// Bytes that all request bodies together may hold in memory.
    pub memory_bytes: usize,
    /// For the whole of a request.
    pub request_timeout: Duration,
    /// For the arrival of a body.
    pub body_timeout: Duration,
    /// Requests per second that one camera may send in the long run.
    pub requests_per_s: f64,
    /// Requests that it may send at once.
    pub burst: f64,
    /// How often events of other gateways are looked for in the gateway's own store.
    pub index_every: Duration,
    /// How often status reports are written to the stores.
    pub report_every: Duration,
    /// The folder for uploads in parts; in memory without one.
    pub spool: Option<PathBuf>,
}

impl Settings {
    /// The defaults, for a gateway of this name in this cloud.
    #[must_use]
    pub fn new(name: CameraId, cloud: &str) -> Self {
        Self {
            name,
            cloud: cloud.to_owned(),
            policy: Policy::default(),
            max_image_bytes: wildcam_core::wire::IMAGE_MAX_BYTES as usize,
            memory_bytes: 256 * 1024 * 1024,
            request_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(20),
            requests_per_s: 50.0,
            burst: 100.0,
            index_every: Duration::from_secs(30),
            report_every: Duration::from_secs(30),
            spool: None,
        }
    }
}

/// What a gateway is made of.
#[derive(Debug)]
pub struct Parts {
    /// How it is set up.
    pub settings: Settings,
    /// The stores, its own first.
    pub stores: Vec<Store>,
    /// Its index.
    pub index: Index,
    /// The fleet's online key: it signs the time, and tokens and documents are verified with its public half.
    pub signer: Arc<dyn Signer>,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
}

/// A gateway. It does nothing until its [`router`](Gateway::router) is served and its
/// [`background`](Gateway::background) runs.
#[derive(Debug)]
pub struct Gateway {
    settings: Settings,
    copies: Arc<Copies>,
    index: Index,
    signer: Arc<dyn Signer>,
    clock: Clock,
    random: Random,
    memory: Arc<Semaphore>,
    lookups: Semaphore,
    callers: auth::Callers,
    desired: cameras::Desired,
    reports: reports::Reports,
    spool: spool::Spool,
    metrics: metrics::Metrics,
}

type Shared = Arc<Gateway>;

impl Gateway {
    /// Puts a gateway together.
    ///
    /// # Errors
    /// Without a store, with fewer stores than copies (unless one copy is allowed), or when the folder for uploads in
    /// parts cannot be used.
    pub fn new(parts: Parts) -> Result<Arc<Self>, Error> {
        let Parts { settings, stores, index, signer, clock, random } = parts;
        let policy = settings.policy;
        if stores.is_empty() {
            return Err(Error::NoStore);
        }
        if policy.copies > stores.len() && !policy.one_copy {
            return Err(Error::Copies { copies: policy.copies, stores: stores.len() });
        }
        let spool = spool::Spool::new(settings.spool.clone()).map_err(|source| Error::Spool {
            folder: settings.spool.as_ref().map(|folder| folder.display().to_string()).unwrap_or_default(),
            source,
        })?;
        let memory = Arc::new(Semaphore::new(copies::kib(settings.memory_bytes) as usize));
        let copies = Copies::new(stores, policy, index.clone(), clock.clone(), &random);
        Ok(Arc::new(Self {
            settings,
            copies,
            index,
            signer,
            clock,
            random,
            memory,
            lookups: Semaphore::new(LOOKUPS),
            callers: auth::Callers::default(),
            desired: cameras::Desired::default(),
            reports: reports::Reports::default(),
            spool,
            metrics: metrics::Metrics::default(),
        }))
    }

    /// The API.
    pub fn router(self: &Arc<Self>) -> Router {
        routes::router(Arc::clone(self))
    }

    /// Heals, probes stores, indexes what other gateways wrote, and writes reports, until `stop` is cancelled.
    pub async fn background(self: &Arc<Self>, stop: CancellationToken) {
        if let Ok(totals) = self.index.totals().await {
            for (camera, species, count) in totals {
                self.metrics.preset(&camera, species.as_deref(), count);
            }
        }
        tokio::join!(
            self.copies.run(stop.clone()),
            until(&stop, self.index_forever()),
            until(&stop, self.report_forever())
        );
        self.write_reports().await;
    }

    async fn index_forever(&self) {
        let stores = self.copies.stores();
        let Some(own) = stores.first() else { return };
        loop {
            tokio::time::sleep(self.settings.index_every).await;
            if let Err(error) = reindex::recent(&own.objects, &self.index, self.clock.unix_ms()).await {
                tracing::debug!(%error, "the events of other gateways could not be indexed");
            }
        }
    }

    async fn report_forever(&self) {
        loop {
            tokio::time::sleep(self.settings.report_every).await;
            self.write_reports().await;
        }
    }

    /// Detections and documents that some store still misses, those under way included.
    #[must_use]
    pub fn heal_pending(&self) -> usize {
        self.copies.heal_pending()
    }

    /// The copies, for a drill that wants to heal or look at the stores.
    #[must_use]
    pub fn copies(&self) -> &Arc<Copies> {
        &self.copies
    }

    /// The index.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    fn reserve(&self, bytes: usize) -> Result<OwnedSemaphorePermit, refusal::Refusal> {
        Arc::clone(&self.memory)
            .try_acquire_many_owned(copies::kib(bytes).max(1))
            .map_err(|_| refusal::Refusal::too_busy("the gateway's memory is spoken for"))
    }

    async fn heard(&self, camera: &CameraId, status: Option<String>) {
        let now_ms = self.clock.unix_ms();
        self.metrics.heard(camera.as_str(), now_ms);
        self.index.saw_camera(camera.as_str(), now_ms, status).await;
    }
}

async fn until(stop: &CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}
