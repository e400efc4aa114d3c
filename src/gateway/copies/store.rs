//! One store behind its breaker, with a limit on the time that each operation may take.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use object_store::{Attribute, Attributes, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, path::Path};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use super::breaker::{Breaker, Ticket};
use crate::{
    clock::{Clock, Random},
    net::retry::Retry,
};

/// A second try covers a connection that the store closed while it was idle; what lasts longer is the healer's.
const QUICK: Retry = Retry {
    tries: 2,
    first_wait: Duration::from_millis(50),
    longest_wait: Duration::from_millis(50),
    within: Duration::from_secs(2),
};

/// An object store of the project, by the name of its cloud.
#[derive(Clone, Debug)]
pub struct Store {
    /// The name of the cloud in wildcam.toml. It holds no space.
    pub name: String,
    /// The store.
    pub objects: Arc<dyn ObjectStore>,
}

/// One object to be written once.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) key: String,
    pub(crate) body: Bytes,
    pub(crate) sha256: [u8; 32],
    pub(crate) media_type: String,
}

impl Object {
    pub(crate) fn new(key: String, body: Bytes, media_type: &str) -> Self {
        let sha256 = Sha256::digest(&body).into();
        Self { key, body, sha256, media_type: media_type.to_owned() }
    }
}

/// How a write ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrote {
    /// The store did not have it.
    Fresh,
    /// The store had the same content.
    Same,
}

/// Why the store does not hold the object now.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// Other content stands under the key.
    #[error("other content stands under the key")]
    Altered,
    /// The breaker is open.
    #[error("the store is taken to be down")]
    Down,
    /// No answer in time.
    #[error("the store did not answer in time")]
    Late,
    /// Any other failure.
    #[error("the store refused")]
    Failed(#[source] object_store::Error),
}

#[derive(Debug)]
pub(super) struct Guarded {
    pub(super) name: String,
    pub(super) objects: Arc<dyn ObjectStore>,
    breaker: Breaker,
    timeout: Duration,
    random: Random,
    /// Stores without room for attributes (a plain folder) refuse them; then they are left out.
    plain: AtomicBool,
    returned: Arc<Notify>,
}

impl Guarded {
    pub(super) fn new(store: Store, timeout: Duration, clock: Clock, random: &Random, returned: Arc<Notify>) -> Self {
        Self {
            name: store.name,
            objects: store.objects,
            breaker: Breaker::new(clock, random.fork()),
            timeout,
            random: random.fork(),
            plain: AtomicBool::new(false),
            returned,
        }
    }

    pub(super) fn is_up(&self) -> bool {
        !self.breaker.is_open()
    }

    pub(super) fn admit(&self) -> Option<Ticket> {
        self.breaker.admit()
    }

    pub(super) fn probe_is_due(&self) -> bool {
        self.breaker.probe_is_due()
    }

    /// Runs `work` within the time limit and tells the breaker how it went.
    async fn judged<T>(&self, ticket: Ticket, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        let result = tokio::time::timeout(self.timeout, work).await.unwrap_or(Err(Fault::Late));
        match &result {
            Ok(_) | Err(Fault::Altered) => {
                if self.breaker.succeeded() {
                    tracing::info!(store = self.name, "the store is back");
                    self.returned.notify_one();
                }
            }
            Err(fault) => {
                tracing::debug!(store = self.name, %fault, "a store failed");
                self.breaker.failed(ticket);
            }
        }
        result
    }

    /// Writes the picture, then the document, each unless it is there.
    pub(super) async fn write(
        &self,
        ticket: Ticket,
        picture: Option<&Object>,
        document: &Object,
    ) -> Result<Wrote, Fault> {
        self.judged(ticket, async {
            let picture = match picture {
                Some(picture) => self.create(picture).await?,
                None => Wrote::Same,
            };
            let document = self.create(document).await?;
            Ok(if document == Wrote::Fresh || picture == Wrote::Fresh { Wrote::Fresh } else { Wrote::Same })
        })
        .await
    }

    async fn create(&self, object: &Object) -> Result<Wrote, Fault> {
        let path = Path::from(object.key.as_str());
        let mut put = self.put(&path, object).await;
        for failed in 1..QUICK.tries {
            // A refusal that will be the same next time is not tried again.
            if !matches!(put, Err(object_store::Error::Generic { .. })) {
                break;
            }
            tokio::time::sleep(QUICK.wait(failed, &self.random)).await;
            put = self.put(&path, object).await;
        }
        match put {
            Ok(()) => Ok(Wrote::Fresh),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                match self.fetch(&object.key, object.body.len() as u64).await? {
                    Fetched::Content(content) if content == object.body => Ok(Wrote::Same),
                    Fetched::Content(_) | Fetched::Larger => Err(Fault::Altered),
                    // It went away in between, which nothing of ours does: try again later.
                    Fetched::Nothing => Err(Fault::Late),
                }
            }
            Err(error) => Err(Fault::Failed(error)),
        }
    }

    async fn put(&self, path: &Path, object: &Object) -> object_store::Result<()> {
        let payload = || PutPayload::from(object.body.clone());
        if !self.plain.load(Ordering::Relaxed) {
            let mut attributes = Attributes::new();
            attributes.insert(Attribute::ContentType, object.media_type.clone().into());
            let digest = wildcam_core::wire::Sha256Hex(object.sha256).to_string();
            attributes.insert(Attribute::Metadata("sha256".into()), digest.into());
            let options = PutOptions { mode: PutMode::Create, attributes, ..PutOptions::default() };
            match self.objects.put_opts(path, payload(), options).await {
                Err(object_store::Error::NotSupported { .. } | object_store::Error::NotImplemented { .. }) => {
                    self.plain.store(true, Ordering::Relaxed);
                }
                other => return other.map(drop),
            }
        }
        self.objects.put_opts(path, payload(), PutMode::Create.into()).await.map(drop)
    }

    /// The content of `key`, if it is no larger than `limit` bytes.
    pub(super) async fn read(&self, ticket: Ticket, key: &str, limit: u64) -> Result<Fetched, Fault> {
        self.judged(ticket, self.fetch(key, limit)).await
    }

    async fn fetch(&self, key: &str, limit: u64) -> Result<Fetched, Fault> {
        let found = match self.objects.get(&Path::from(key)).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(Fetched::Nothing),
            Err(error) => return Err(Fault::Failed(error)),
        };
        if found.meta.size > limit {
            return Ok(Fetched::Larger);
        }
        found.bytes().await.map(Fetched::Content).map_err(Fault::Failed)
    }

    /// Asks for an object that nobody has: any answer says that the store is up.
    pub(super) async fn probe(&self) {
        let Some(ticket) = self.breaker.admit() else { return };
        let _ = self
            .judged(ticket, async {
                match self.objects.head(&Path::from("cameras/-/probe")).await {
                    Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                    Err(error) => Err(Fault::Failed(error)),
                }
            })
            .await;
    }
}

/// What a read found.
#[derive(Debug)]
pub(super) enum Fetched {
    Content(Bytes),
    Nothing,
    Larger,
}
