//! Copies: an object counts as stored when enough stores hold it, and sooner or later all of them do.
//!
//! What is to be written is recorded first ([`Index::begin`]). Then every store is written at once, the picture before
//! its document, and the caller is told as soon as `copies` stores hold both. What is not written then goes on in the
//! background as far as memory allows, and the rest is left to the [healer](Copies::heal).

mod breaker;
mod heal;
mod store;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};

pub use heal::Healed;
pub(crate) use store::Object;
pub use store::Store;
use store::{Fault, Fetched, Guarded, Wrote};

use crate::{
    clock::{Clock, Random},
    data::{
        Index,
        index::{Begun, Intent, Picture},
    },
};

/// How many copies are asked for, and what happens when there are fewer.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Stores that must hold an object before it is acknowledged.
    pub copies: usize,
    /// Whether one copy is acknowledged when there are fewer than `copies`, and the acknowledgement says so.
    pub one_copy: bool,
    /// How long one store may take for one detection.
    pub store_timeout: Duration,
    /// Bytes of memory that writes may hold after their acknowledgement.
    pub late_bytes: usize,
    /// How often the healer looks, besides when it starts and when a store returns.
    pub heal_every: Duration,
    /// An intent of which no store has anything is given up after this time. It must be longer than a request can
    /// linger in the network.
    pub drop_after: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            copies: 2,
            one_copy: false,
            store_timeout: Duration::from_secs(5),
            late_bytes: 128 * 1024 * 1024,
            heal_every: Duration::from_secs(5),
            drop_after: Duration::from_secs(60),
        }
    }
}

/// How many stores an object needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    /// For the acknowledgement.
    pub(crate) wanted: usize,
    /// With at least so many it is acknowledged as degraded when there are not more.
    pub(crate) least: usize,
}

/// What was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) copies: usize,
    pub(crate) degraded: bool,
    /// Whether any store did not have it before.
    pub(crate) fresh: bool,
}

/// Why nothing was acknowledged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("{reached} of the {wanted} stores that are needed could be written")]
    TooFew { reached: usize, wanted: usize },
    #[error("other content stands under the same key")]
    Altered,
    #[error("the index did not record what was to be written")]
    Index(#[source] crate::data::index::Error),
    #[error("the gateway is ending")]
    Ending,
}

/// Something to store: a small document, and the picture that belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) document: Object,
    pub(crate) picture: Option<Object>,
}

/// The stores of a gateway and what they still miss.
#[derive(Debug)]
pub struct Copies {
    stores: Vec<Arc<Guarded>>,
    policy: Policy,
    index: Index,
    clock: Clock,
    /// KiB that late writes may hold.
    late: Arc<Semaphore>,
    /// Documents that are being written now, which the healer leaves alone.
    under_way: Arc<Mutex<HashMap<String, usize>>>,
    returned: Arc<Notify>,
}

struct UnderWay {
    key: String,
    all: Arc<Mutex<HashMap<String, usize>>>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.key);
            }
        }
    }
}

pub(super) fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}

impl Copies {
    /// Takes the stores, of which the first is the gateway's own.
    #[must_use]
    pub fn new(stores: Vec<Store>, policy: Policy, index: Index, clock: Clock, random: &Random) -> Arc<Self> {
        let returned = Arc::new(Notify::new());
        let guard =
            |store| Arc::new(Guarded::new(store, policy.store_timeout, clock.clone(), random, Arc::clone(&returned)));
        let stores = stores.into_iter().map(guard).collect();
        let late = Arc::new(Semaphore::new(kib(policy.late_bytes).max(1) as usize));
        Arc::new(Self { stores, policy, index, clock, late, under_way: Arc::default(), returned })
    }

    /// What is asked for.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Each store's name and whether it is taken to be up.
    #[must_use]
    pub fn states(&self) -> Vec<(String, bool)> {
        self.stores.iter().map(|store| (store.name.clone(), store.is_up())).collect()
    }

    /// The stores themselves, the gateway's own first.
    #[must_use]
    pub fn stores(&self) -> Vec<Store> {
        self.stores
            .iter()
            .map(|store| Store { name: store.name.clone(), objects: Arc::clone(&store.objects) })
            .collect()
    }

    /// Detections and documents that some store still misses, those under way included.
    #[must_use]
    pub fn heal_pending(&self) -> usize {
        self.index.heal_pending()
    }

    pub(crate) fn for_detections(&self) -> Need {
        let wanted = self.policy.copies.max(1);
        Need { wanted, least: if self.policy.one_copy { 1 } else { wanted } }
    }

    /// A camera's key must be in a majority, so that no two keys can both be; and in as many stores as pictures are.
    pub(crate) fn for_keys(&self) -> Need {
        let wanted = self.policy.copies.max(self.stores.len() / 2 + 1).min(self.stores.len().max(1));
        Need { wanted, least: wanted }
    }

    fn enter(&self, key: &str) -> UnderWay {
        let mut all = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        *all.entry(key.to_owned()).or_default() += 1;
        UnderWay { key: key.to_owned(), all: Arc::clone(&self.under_way) }
    }

    fn is_under_way(&self, key: &str) -> bool {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).contains_key(key)
    }

    /// Stores `item`. `memory` is what its bytes take of the gateway's budget, given back when the last write ends.
    ///
    /// The writes run in a task of their own: a client that hangs up does not leave a half-written detection.
    pub(crate) async fn put(
        self: &Arc<Self>,
        item: Item,
        need: Need,
        memory: Option<OwnedSemaphorePermit>,
    ) -> Result<Stored, Refused> {
        let (tell, told) = oneshot::channel();
        let copies = Arc::clone(self);
        tokio::spawn(async move {
            copies.write_everywhere(item, need, tell).await;
            drop(memory);
        });
        told.await.unwrap_or(Err(Refused::Ending))
    }

    async fn write_everywhere(&self, item: Item, need: Need, tell: oneshot::Sender<Result<Stored, Refused>>) {
        let key = item.document.key.clone();
        let mut missing = Vec::new();
        let mut admitted = Vec::new();
        for store in &self.stores {
            match store.admit() {
                Some(ticket) => admitted.push((Arc::clone(store), ticket)),
                None => missing.push(store.name.clone()),
            }
        }
        if admitted.len() < need.least {
            let _ = tell.send(Err(Refused::TooFew { reached: admitted.len(), wanted: need.wanted }));
            return;
        }
        let _here = self.enter(&key);
        let created = match self.index.begin(self.intent(&item)).await {
            Ok(Begun::New) => true,
            Ok(Begun::Standing) => false,
            Ok(Begun::Conflict) => {
                let _ = tell.send(Err(Refused::Altered));
                return;
            }
            Err(error) => {
                let _ = tell.send(Err(Refused::Index(error)));
                return;
            }
        };

        let mut running: FuturesUnordered<_> = admitted
            .iter()
            .map(|(store, ticket)| {
                let item = &item;
                async move { (&store.name, store.write(*ticket, item.picture.as_ref(), &item.document).await) }
            })
            .collect();
        let mut waiting: Vec<&String> = admitted.iter().map(|(store, _)| &store.name).collect();
        let mut tell = Some(tell);
        let (mut copies, mut fresh, mut altered, mut noted) = (0, false, false, false);
        let mut _late = None;
        while let Some((name, result)) = running.next().await {
            waiting.retain(|other| *other != name);
            match result {
                Ok(wrote) => {
                    copies += 1;
                    fresh |= wrote == Wrote::Fresh;
                }
                Err(Fault::Altered) => {
                    altered = true;
                    missing.push(name.clone());
                    tracing::warn!(key, store = name, "a store holds other content under the same key");
                }
                Err(_) => missing.push(name.clone()),
            }
            let possible = copies + waiting.len();
            let answer = if altered {
                Some(Err(Refused::Altered))
            } else if copies >= need.wanted || (waiting.is_empty() && copies >= need.least) {
                Some(Ok(Stored { copies, degraded: copies < need.wanted, fresh }))
            } else if possible < need.least {
                Some(Err(Refused::TooFew { reached: copies, wanted: need.wanted }))
            } else {
                None
            };
            let Some(answer) = answer else { continue };
            let Some(tell) = tell.take() else { continue };
            if answer.is_ok() {
                // Before the answer, so that whoever was told finds it in the list.
                self.note_detection(&item.document.body).await;
                noted = true;
            }
            let _ = tell.send(answer);
            if waiting.is_empty() {
                break;
            }
            // From here on nobody waits. The picture stays in memory only while there is room for such.
            let bytes = item.picture.as_ref().map_or(0, |picture| picture.body.len());
            match Arc::clone(&self.late).try_acquire_many_owned(kib(bytes)) {
                Ok(permit) => _late = Some(permit),
                Err(_) => break,
            }
        }
        drop(running);
        let all_ended = waiting.is_empty();
        missing.extend(waiting.into_iter().cloned());
        if altered && created && copies == 0 && all_ended {
            // Nothing of this content is anywhere, so there is nothing to heal.
            missing.clear();
        }
        if copies > 0 && !altered && !noted {
            self.note_detection(&item.document.body).await;
        }
        self.index.settle(&key, missing).await;
    }

    fn intent(&self, item: &Item) -> Intent {
        Intent {
            document_key: item.document.key.clone(),
            document: item.document.body.to_vec(),
            picture: item.picture.as_ref().map(|picture| Picture {
                key: picture.key.clone(),
                sha256: wildcam_core::wire::Sha256Hex(picture.sha256).to_string(),
                bytes: picture.body.len() as u64,
                media_type: picture.media_type.clone(),
            }),
            missing: self.stores.iter().map(|store| store.name.clone()).collect(),
            since_ms: self.clock.unix_ms(),
        }
    }

    /// Puts the event of a stored detection into the index; other documents are no detections.
    async fn note_detection(&self, document: &[u8]) {
        if let Ok(event) = serde_json::from_slice::<wildcam_core::wire::Event>(document) {
            self.index.insert(vec![crate::data::index::Detection::of(&event, self.clock.unix_ms())]).await;
        }
    }

    /// The content of `key` in the first store that has it, the gateway's own first.
    ///
    /// The answer is `Ok(None)` only when every store said that it has nothing.
    pub(crate) async fn read(&self, key: &str, limit: u64) -> Result<Option<Bytes>, Refused> {
        let mut unsure = false;
        for store in &self.stores {
            let Some(ticket) = store.admit() else {
                unsure = true;
                continue;
            };
            match store.read(ticket, key, limit).await {
                Ok(Fetched::Content(content)) => return Ok(Some(content)),
                Ok(Fetched::Nothing) => {}
                Ok(Fetched::Larger) | Err(_) => unsure = true,
            }
        }
        if unsure { Err(Refused::TooFew { reached: 0, wanted: self.stores.len() }) } else { Ok(None) }
    }

    /// The content of a camera's `key.json` in whichever store answers first. Nobody has it when so many stores say so
    /// that the rest are fewer than [`Self::for_keys`] asks for.
    pub(crate) async fn read_key(&self, key: &str, limit: u64) -> Result<Option<Bytes>, Refused> {
        let enough = self.stores.len().saturating_sub(self.for_keys().wanted) + 1;
        let mut reads: FuturesUnordered<_> = self
            .stores
            .iter()
            .map(|store| async move {
                let ticket = store.admit()?;
                store.read(ticket, key, limit).await.ok()
            })
            .collect();
        let mut nothing = 0;
        while let Some(found) = reads.next().await {
            match found {
                Some(Fetched::Content(content)) => return Ok(Some(content)),
                Some(Fetched::Nothing) => nothing += 1,
                Some(Fetched::Larger) | None => {}
            }
            if nothing >= enough {
                break;
            }
        }
        if nothing >= enough { Ok(None) } else { Err(Refused::TooFew { reached: nothing, wanted: enough }) }
    }

    /// The content of `key` in every store that answers; the number says how many did.
    pub(crate) async fn read_all(&self, key: &str, limit: u64) -> (Vec<Bytes>, usize) {
        let reads = self.stores.iter().map(|store| async move {
            let ticket = store.admit()?;
            store.read(ticket, key, limit).await.ok()
        });
        let found: Vec<Fetched> = futures_util::future::join_all(reads).await.into_iter().flatten().collect();
        let answered = found.len();
        let content = found.into_iter().filter_map(|found| match found {
            Fetched::Content(content) => Some(content),
            Fetched::Nothing | Fetched::Larger => None,
        });
        (content.collect(), answered)
    }

    /// The first store that is taken to be up and holds `key`, for a reader that streams.
    pub(crate) async fn open(
        &self,
        key: &str,
        options: &object_store::GetOptions,
    ) -> Result<object_store::GetResult, object_store::Error> {
        let path = object_store::path::Path::parse(key)?;
        let mut last = None;
        for store in self.stores.iter().filter(|store| store.is_up()) {
            let get = store.objects.get_opts(&path, options.clone());
            match tokio::time::timeout(self.policy.store_timeout, get).await {
                Ok(Ok(found)) => return Ok(found),
                Ok(Err(error)) => {
                    let decided =
                        !matches!(error, object_store::Error::NotFound { .. } | object_store::Error::Generic { .. });
                    if decided {
                        return Err(error);
                    }
                    // That one store lacks it says less than that another failed.
                    if last.is_none() || matches!(last, Some(object_store::Error::NotFound { .. })) {
                        last = Some(error);
                    }
                }
                Err(_) => last = Some(object_store::Error::Generic { store: "gateway", source: "no answer".into() }),
            }
        }
        Err(last.unwrap_or_else(|| object_store::Error::Generic { store: "gateway", source: "no store is up".into() }))
    }
}
