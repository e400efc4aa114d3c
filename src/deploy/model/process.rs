//! A process that dies at a chosen request, and its way to the state stores.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::stream::BoxStream;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result, memory::InMemory, path::Path,
};
use tokio_util::sync::CancellationToken;

use crate::clock::Random;

/// One life of a deploy.
#[derive(Debug)]
pub(in crate::deploy) struct Process {
    steps: AtomicU64,
    dies_at: Option<u64>,
    dead: CancellationToken,
    /// What was sent before it died arrives long after.
    late: bool,
    random: Random,
}

impl Process {
    pub(in crate::deploy) fn new(dies_at: Option<u64>, late: bool, random: Random) -> Arc<Self> {
        Arc::new(Self { steps: AtomicU64::new(0), dies_at, dead: CancellationToken::new(), late, random })
    }

    /// One more step; the process may die at it, and a dead one never goes on.
    pub(in crate::deploy) async fn step(&self) {
        self.lives().await;
        if Some(self.steps.fetch_add(1, Ordering::SeqCst) + 1) == self.dies_at {
            self.dead.cancel();
        }
        self.lives().await;
    }

    /// What a dead process asks is never answered.
    pub(in crate::deploy) async fn lives(&self) {
        if self.dead.is_cancelled() {
            std::future::pending::<()>().await;
        }
    }

    pub(in crate::deploy) fn steps(&self) -> u64 {
        self.steps.load(Ordering::SeqCst)
    }

    /// Runs until it ends or the process dies.
    pub(in crate::deploy) async fn run<T>(&self, life: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.dead.cancelled() => None,
            result = life => Some(result),
        }
    }

    async fn travel(&self) {
        tokio::time::sleep(Duration::from_micros(500 + self.random.below(4000))).await;
    }
}

/// One process's way to one store.
#[derive(Clone, Debug)]
pub(in crate::deploy) struct Way {
    pub(in crate::deploy) inner: Arc<InMemory>,
    pub(in crate::deploy) down: Arc<AtomicBool>,
    pub(in crate::deploy) process: Arc<Process>,
}

impl Way {
    async fn ask(&self) -> Result<()> {
        self.process.lives().await;
        self.process.travel().await;
        self.process.lives().await;
        if self.down.load(Ordering::SeqCst) {
            return Err(object_store::Error::Generic { store: "model", source: "the store is down".into() });
        }
        Ok(())
    }
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Way")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Way {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.process.step().await;
        if self.down.load(Ordering::SeqCst) {
            self.ask().await?;
        }
        let (way, location) = (self.clone(), location.clone());
        // A request that is under way does not come back because its sender died.
        let request = tokio::spawn(async move {
            way.process.travel().await;
            if way.process.dead.is_cancelled() {
                if !way.process.late {
                    return std::future::pending().await;
                }
                tokio::time::sleep(Duration::from_millis(way.process.random.below(150_000))).await;
            }
            way.inner.put_opts(&location, payload, options).await
        });
        let result = request
            .await
            .map_err(|error| object_store::Error::Generic { store: "model", source: error.to_string().into() })?;
        self.process.step().await;
        result
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.ask().await?;
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        if self.process.dead.is_cancelled() {
            return Box::pin(futures_util::stream::pending());
        }
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if self.process.dead.is_cancelled() {
            return Box::pin(futures_util::stream::pending());
        }
        if self.down.load(Ordering::SeqCst) {
            let error = object_store::Error::Generic { store: "model", source: "the store is down".into() };
            return Box::pin(futures_util::stream::iter([Err(error)]));
        }
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.ask().await?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.ask().await?;
        self.inner.copy_opts(from, to, options).await
    }
}
