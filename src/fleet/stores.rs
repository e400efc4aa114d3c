//! Small documents in all stores at once: each store has a time limit of its own, and what failed is told by its name.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use ed25519_dalek::VerifyingKey;
use futures_util::{StreamExt, future::join_all};
use object_store::{
    Error, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion,
    path::Path,
};
use wildcam_core::{
    cose::{self, MAX_DOCUMENT},
    wire::{CameraId, keys},
};

use crate::cloud::NamedStores;

/// How long one store may take for a document of a few hundred bytes.
pub(super) const STORE_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a store is written to again when others write to the same object.
const RACES: usize = 8;

/// Stores by name, each with the reason why it failed.
pub(super) type Failed = Vec<(String, String)>;

/// What went wrong, by store, in one line.
pub(super) fn in_one_line(failed: &Failed) -> String {
    failed.iter().map(|(name, why)| format!("{name}: {why}")).collect::<Vec<_>>().join("; ")
}

/// Whether so many copies are a majority.
pub(super) fn is_majority(copies: usize, stores: &NamedStores) -> bool {
    copies > stores.len() / 2
}

/// Does the same in every store, each within [`STORE_TIMEOUT`], and returns which failed.
pub(super) async fn to_all<F: Future<Output = Result<(), String>>>(
    stores: &NamedStores,
    work: impl Fn(&Arc<dyn ObjectStore>) -> F,
) -> Failed {
    let (_, failed) = from_all(stores, work).await;
    failed
}

/// Asks every store, each within [`STORE_TIMEOUT`]: the answers in the order of the stores, `None` for those that failed, and
/// which did.
pub(super) async fn from_all<T, F: Future<Output = Result<T, String>>>(
    stores: &NamedStores,
    work: impl Fn(&Arc<dyn ObjectStore>) -> F,
) -> (Vec<Option<T>>, Failed) {
    let answers = join_all(stores.iter().map(|(_, store)| tokio::time::timeout(STORE_TIMEOUT, work(store)))).await;
    let mut failed = Failed::new();
    let answers = stores.iter().zip(answers).map(|((name, _), answer)| {
        let why = match answer {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(why)) => why,
            Err(_) => format!("no answer within {} s", STORE_TIMEOUT.as_secs()),
        };
        failed.push((name.clone(), why));
        None
    });
    (answers.collect(), failed)
}

/// Whether any store knows the camera. Stores that cannot be read are no evidence.
pub(super) async fn is_enrolled(stores: &NamedStores, camera: &CameraId) -> bool {
    let path = Path::from(keys::camera_key(camera).as_str());
    let looks = stores.iter().map(|(_, store)| tokio::time::timeout(STORE_TIMEOUT, store.head(&path)));
    let absent = |look: &Result<Result<_, Error>, _>| matches!(look, Ok(Err(Error::NotFound { .. })));
    join_all(looks).await.iter().any(|look| !absent(look))
}

/// An object of at most `limit` bytes, with what the store says of it; `None` where there is none, or a larger one.
pub(super) async fn read(
    store: &Arc<dyn ObjectStore>,
    path: &Path,
    limit: u64,
) -> Result<Option<(ObjectMeta, Option<Bytes>)>, String> {
    let told = |error: Error| error.to_string();
    let found = match store.get_opts(path, GetOptions::default()).await {
        Ok(found) => found,
        Err(Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(told(error)),
    };
    let meta = found.meta.clone();
    let mut content = Vec::new();
    let mut stream = found.into_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(told)?;
        // Counted here and not taken from the object's head, which the store may get wrong.
        if (content.len() + chunk.len()) as u64 > limit {
            return Ok(Some((meta, None)));
        }
        content.extend_from_slice(&chunk);
    }
    Ok(Some((meta, Some(content.into()))))
}

/// Writes a document of this kind, signed with this key, into a store unless one with a higher number stands there. Returns
/// the number that stands.
pub(super) async fn make_newest(
    store: &Arc<dyn ObjectStore>,
    path: &Path,
    (key, kind): (&VerifyingKey, &str),
    number: u64,
    document: Bytes,
) -> Result<u64, String> {
    for _ in 0..RACES {
        let mode = match read(store, path, MAX_DOCUMENT as u64).await? {
            None => PutMode::Create,
            Some((meta, bytes)) => {
                let signed = bytes.as_deref().and_then(|bytes| cose::verify(bytes, key).ok());
                match signed.filter(|there| there.kind == kind) {
                    Some(there) if there.seq >= number => return Ok(there.seq),
                    _ => PutMode::Update(UpdateVersion { e_tag: meta.e_tag, version: meta.version }),
                }
            }
        };
        let options = PutOptions { mode, ..PutOptions::default() };
        match store.put_opts(path, PutPayload::from(document.clone()), options).await {
            Ok(_) => return Ok(number),
            // An update of an object that is gone is "not found" with some stores.
            Err(
                Error::Precondition { .. }
                | Error::NotModified { .. }
                | Error::AlreadyExists { .. }
                | Error::NotFound { .. },
            ) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Err("others change the object all the time".to_owned())
}
