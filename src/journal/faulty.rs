//! An object store in memory that fails, delays and loses replies by seed, for tests on paused time.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::stream::BoxStream;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result, memory::InMemory, path::Path,
};

use crate::clock::Random;

/// In how many of 1000 requests each fault happens.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) refused: u64,
    pub(crate) reply_lost: u64,
    /// The request arrives long after its sender has given up.
    pub(crate) late: u64,
    pub(crate) slowest: Duration,
}

#[derive(Debug)]
pub(crate) struct Faulty {
    pub(crate) inner: InMemory,
    random: Random,
    faults: Mutex<Faults>,
    down: AtomicBool,
    /// A store that is down answers nothing at all, instead of refusing.
    silent: bool,
}

impl Faulty {
    pub(crate) fn new(random: Random, faults: Faults, silent: bool) -> Arc<Self> {
        let (faults, down) = (Mutex::new(faults), AtomicBool::new(false));
        Arc::new(Self { inner: InMemory::new(), random, faults, down, silent })
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    pub(crate) fn heal(&self) {
        *self.faults.lock().unwrap() = Faults::default();
        self.set_down(false);
    }

    /// Lets time pass and decides what happens to one request; true when the reply will be lost.
    async fn meet(&self) -> Result<bool> {
        let faults = *self.faults.lock().unwrap();
        let slowest = u64::try_from(faults.slowest.as_micros()).unwrap();
        tokio::time::sleep(Duration::from_micros(self.random.below(slowest))).await;
        if self.down.load(Ordering::SeqCst) {
            if self.silent {
                std::future::pending::<()>().await;
            }
            return Err(broken("the store is down"));
        }
        let draw = self.random.below(1000);
        if draw < faults.refused {
            return Err(broken("the request was refused"));
        }
        Ok(draw < faults.refused + faults.reply_lost)
    }
}

fn broken(why: &str) -> object_store::Error {
    object_store::Error::Generic { store: "faulty", source: why.into() }
}

/// Three stores (or another number) as a register takes them, and the handles to break them by.
pub(crate) type Stores = Vec<(String, Arc<dyn ObjectStore>)>;

pub(crate) fn stores(count: usize, random: &Random, faults: Faults, silent: bool) -> (Stores, Vec<Arc<Faulty>>) {
    let handles: Vec<_> = (0..count).map(|_| Faulty::new(random.fork(), faults, silent)).collect();
    let named = |(index, store): (usize, &Arc<Faulty>)| {
        let store: Arc<dyn ObjectStore> = Arc::clone(store) as _;
        (format!("store-{index}"), store)
    };
    (handles.iter().enumerate().map(named).collect(), handles)
}

impl std::fmt::Display for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Faulty")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let lost = self.meet().await?;
        if self.random.below(1000) < self.faults.lock().unwrap().late {
            let (inner, location) = (self.inner.clone(), location.clone());
            let after = Duration::from_millis(self.random.below(5000));
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                let _ = inner.put_opts(&location, payload, options).await;
            });
            return std::future::pending().await;
        }
        let result = self.inner.put_opts(location, payload, options).await;
        if lost { Err(broken("the reply was lost")) } else { result }
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let lost = self.meet().await?;
        let result = self.inner.get_opts(location, options).await;
        if lost { Err(broken("the reply was lost")) } else { result }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
