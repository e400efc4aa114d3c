//! Writing an object once to every store at once, and reading what a majority has.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, join_all},
};
use object_store::{
    Error as StoreError, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, path::Path,
};
use tokio::{sync::mpsc, time::Instant};

use crate::{clock::Random, net::retry::Retry};

/// How long one request to one store may take, with what it carries.
const REQUEST: Duration = Duration::from_secs(15);
/// More objects than this below one prefix are no state of ours.
const LIST_LIMIT: usize = 500_000;
/// So many writes to a store that does not answer may be under way; later ones pass it over.
const UNDER_WAY: usize = 16;
/// How often a request to a store is tried.
const RETRY: Retry = Retry {
    tries: 4,
    first_wait: Duration::from_millis(100),
    longest_wait: Duration::from_secs(2),
    within: Duration::from_secs(12),
};

/// One store of the project.
#[derive(Clone, Debug)]
pub(super) struct Store {
    pub(super) cloud: String,
    pub(super) place: String,
    pub(super) objects: Arc<dyn ObjectStore>,
    /// Writes to it that are not answered yet.
    under_way: Arc<AtomicUsize>,
}

impl Store {
    pub(super) fn new(cloud: String, place: String, objects: Arc<dyn ObjectStore>) -> Self {
        Self { cloud, place, objects, under_way: Arc::default() }
    }
}

/// What writing an object once came to in one store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// It is there, now or from an earlier try.
    There,
    /// Something else is there.
    Other(Vec<u8>),
    /// The store did not answer well.
    Away(String),
}

/// Reads a whole object, of at most `limit` bytes.
pub(super) async fn get(store: &Store, key: &str, limit: usize) -> Result<Option<Vec<u8>>, String> {
    let exchange = async {
        let found = match store.objects.get_opts(&Path::from(key), GetOptions::default()).await {
            Ok(found) => found,
            Err(StoreError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(short(&error)),
        };
        let mut bytes = Vec::new();
        let mut stream = found.into_stream();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| short(&error))?;
            // Counted here and not taken from the object's head, which the store may get wrong.
            if bytes.len() + chunk.len() > limit {
                return Err(format!("{key} is larger than {limit} bytes"));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Some(bytes))
    };
    within(exchange).await
}

async fn within<T>(exchange: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let slow = || Err(format!("no answer within {} s", REQUEST.as_secs()));
    tokio::time::timeout(REQUEST, exchange).await.unwrap_or_else(|_| slow())
}

fn short(error: &StoreError) -> String {
    error.to_string().chars().take(300).collect()
}

/// Writes an object that is not there yet. A try whose answer was lost may have written it, so what is found there is
/// compared.
async fn put_once(store: &Store, key: &str, bytes: &Bytes, random: &Random) -> Put {
    tried(random, || put_try(store, key, bytes).boxed()).await.unwrap_or_else(Put::Away)
}

async fn put_try(store: &Store, key: &str, bytes: &Bytes) -> Result<Put, String> {
    let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    let (path, payload) = (Path::from(key), PutPayload::from(bytes.clone()));
    match within(async { Ok(store.objects.put_opts(&path, payload, options).await) }).await? {
        Ok(_) => Ok(Put::There),
        Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => {
            match get(store, key, bytes.len().max(super::object::SEGMENT_LIMIT_BYTES) + 4096).await? {
                Some(found) if found == *bytes => Ok(Put::There),
                Some(found) => Ok(Put::Other(found)),
                // A race of two writers that the store settled for neither: try again.
                None => Err("the object is there and is not".to_owned()),
            }
        }
        Err(error) => Err(short(&error)),
    }
}

/// Tries a request by [`RETRY`].
async fn tried<'a, T>(
    random: &Random,
    mut attempt: impl FnMut() -> BoxFuture<'a, Result<T, String>>,
) -> Result<T, String> {
    let started = Instant::now();
    let mut failed = 0;
    loop {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(why) => {
                failed += 1;
                let wait = RETRY.wait(failed, random);
                if failed >= RETRY.tries || started.elapsed() + wait >= RETRY.within {
                    return Err(why);
                }
                tokio::time::sleep(wait).await;
            }
        }
    }
}

/// What writing to every store came to, as far as it was waited for.
pub(super) struct Spread {
    /// The clouds that have it.
    pub(super) there: BTreeSet<String>,
    /// What else is there, by cloud.
    pub(super) other: BTreeMap<String, Vec<u8>>,
    /// What the others do, by cloud.
    pub(super) away: BTreeMap<String, String>,
}

/// Writes an object once to every store at once, and returns as soon as `enough` have it, or cannot any more; the rest goes
/// on, so that a store that is a little slower learns of it too.
pub(super) async fn put_everywhere(
    stores: &[Store],
    key: &str,
    bytes: Bytes,
    enough: usize,
    random: &Random,
) -> Spread {
    let (sender, mut answers) = mpsc::channel(stores.len().max(1));
    let mut spread = Spread { there: BTreeSet::new(), other: BTreeMap::new(), away: BTreeMap::new() };
    for store in stores {
        if store.under_way.load(Ordering::Relaxed) >= UNDER_WAY {
            spread.away.insert(store.cloud.clone(), "earlier writes are not answered".to_owned());
            continue;
        }
        store.under_way.fetch_add(1, Ordering::Relaxed);
        let (store, key, bytes) = (store.clone(), key.to_owned(), bytes.clone());
        let (sender, random) = (sender.clone(), random.clone());
        tokio::spawn(async move {
            let put = put_once(&store, &key, &bytes, &random).await;
            store.under_way.fetch_sub(1, Ordering::Relaxed);
            // Nobody listens any more once enough have answered.
            let _ = sender.send((store.cloud, put)).await;
        });
    }
    drop(sender);
    while spread.there.len() < enough
        && let Some((cloud, put)) = answers.recv().await
    {
        match put {
            Put::There => _ = spread.there.insert(cloud),
            Put::Other(found) => _ = spread.other.insert(cloud, found),
            Put::Away(why) => _ = spread.away.insert(cloud, why),
        }
    }
    spread
}

/// Waits until no write is under way, or `longest` has passed.
pub(super) async fn quiet(stores: &[Store], longest: Duration) {
    let all_answered = async {
        while stores.iter().any(|store| store.under_way.load(Ordering::Relaxed) > 0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let _ = tokio::time::timeout(longest, all_answered).await;
}

/// The names of the objects below a prefix.
pub(super) async fn list(store: &Store, prefix: &str, random: &Random) -> Result<Vec<String>, String> {
    tried(random, || list_try(store, prefix).boxed()).await
}

async fn list_try(store: &Store, prefix: &str) -> Result<Vec<String>, String> {
    let exchange = async {
        let mut names = Vec::new();
        let mut stream = store.objects.list(Some(&Path::from(prefix)));
        while let Some(found) = stream.next().await {
            let location = found.map_err(|error| short(&error))?.location;
            if let Some(name) = location.as_ref().strip_prefix(prefix) {
                names.push(name.trim_start_matches('/').to_owned());
            }
            if names.len() > LIST_LIMIT {
                return Err(format!("more than {LIST_LIMIT} objects lie below {prefix}"));
            }
        }
        Ok(names)
    };
    within(exchange).await
}

/// Lists every store; what each answered, by its index.
pub(super) async fn list_everywhere(
    stores: &[Store],
    prefix: &str,
    random: &Random,
) -> Vec<(usize, Result<Vec<String>, String>)> {
    join_all(stores.iter().enumerate().map(async |(index, store)| (index, list(store, prefix, random).await))).await
}

/// Deletes objects; what cannot be deleted stays for the next time.
pub(super) async fn delete(store: &Store, keys: Vec<String>) {
    for key in keys {
        let path = Path::from(key);
        let _ = within(async { Ok(store.objects.delete(&path).await) }).await;
    }
}
