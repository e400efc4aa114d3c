//! A folder of releases into every store: payloads first, then manifests, then roots, and the timestamp last, so that whoever
//! reads the timestamp finds what it names. A majority of the stores has to take each of the four; one that failed is left
//! out of those that follow, and is served by the next run. Nothing is written that a camera would refuse, and nothing is
//! replaced but an older timestamp.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, future::join_all};
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, UpdateVersion, path::Path};
use wildcam_core::{
    trust::{Newest, Signed, Timestamp},
    wire::keys,
};

use super::{
    chain::{self, ChainError, MAX_DOCUMENT, Shown},
    folder::Folder,
    verify::{self, Verified},
};
use crate::cloud::NamedStores;

/// How long one store may take for one object, of up to 3 MiB.
const STORE_TIMEOUT: Duration = Duration::from_secs(120);

/// Why a folder was not published, or not everywhere.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Cameras would refuse it.
    #[error("the folder is not as cameras want it")]
    Folder(#[from] ChainError),
    /// A store holds another object under the same name.
    #[error("the store of {store} holds another {key}")]
    Conflict {
        /// The store.
        store: String,
        /// The object.
        key: String,
    },
    /// The stores have a newer root.
    #[error("the store of {store} holds root {root}, and the newest here is {here}")]
    Behind {
        /// The store.
        store: String,
        /// The root that it holds.
        root: u64,
        /// The newest of the folder.
        here: u64,
    },
    /// Cameras that have seen what a store shows would refuse what is here.
    #[error("the store of {store} shows something newer")]
    Older {
        /// The store.
        store: String,
        /// What such a camera says.
        source: ChainError,
    },
    /// Cameras of these boards have a release, and would find none any more.
    #[error("the store of {store} shows release {number} for {class}, and what is here names none")]
    Fewer {
        /// The store.
        store: String,
        /// The class of boards.
        class: String,
        /// The release.
        number: u64,
    },
    /// Too few stores took an object, or answered.
    #[error("{what}: {done} of {of} stores, and a majority is needed: {why}")]
    Stores {
        /// What was tried.
        what: String,
        /// How many stores did it.
        done: usize,
        /// All stores.
        of: usize,
        /// What the others said.
        why: String,
    },
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// So many objects are to be written to each store.
    Objects(usize),
    /// An object is in as many stores as it can be for now.
    Done(&'a str),
}

/// What was published.
#[derive(Debug, Clone)]
pub struct Published {
    /// What cameras see.
    pub verified: Verified,
    /// How many objects were not there before, in the store that lacked most.
    pub written: usize,
    /// Stores that hold everything.
    pub copies: usize,
    /// Stores that do not, each with the reason.
    pub failed: Vec<(String, String)>,
}

/// A store, and why it is left out, if it is.
struct Target<'a> {
    name: &'a str,
    store: &'a Arc<dyn ObjectStore>,
    failed: Option<String>,
    written: usize,
    /// The timestamp that was there before anything was written.
    shown: Option<(Vec<u8>, UpdateVersion)>,
}

/// Whether an object is there.
enum Put {
    Written,
    Equal,
}

/// Why an object is not there.
enum Refusal {
    Other,
    Failed(String),
}

/// Publishes a folder, as it is right at `now_s`.
///
/// # Errors
/// [`PublishError`]; what was written until then stays, and no timestamp names it.
pub async fn publish(
    stores: &NamedStores,
    folder: &Folder,
    now_s: u64,
    progress: &mut (dyn FnMut(Step<'_>) + Send),
) -> Result<Published, PublishError> {
    let verified = verify::verify(folder, None, now_s)?;
    let roots = folder.roots()?;
    let timestamp = folder.get(keys::release_timestamp().as_str(), MAX_DOCUMENT)?;
    let mut targets: Vec<Target<'_>> =
        stores.iter().map(|(name, store)| Target { name, store, failed: None, written: 0, shown: None }).collect();
    let manifests = manifests(folder, &verified)?;
    survey(&mut targets, folder, &roots, &verified, &timestamp, now_s).await?;

    let payloads: Vec<&String> = verified.releases.iter().flat_map(|release| &release.payloads).collect();
    progress(Step::Objects(payloads.len() + manifests.len() + roots.len() + 1));
    for key in payloads {
        let bytes = folder.get(key, wildcam_core::trust::MAX_PAYLOAD_BYTES as usize)?;
        spread(&mut targets, key, bytes).await?;
        progress(Step::Done(key));
    }
    let root_keys = (1..).map(|number| keys::release_root(number).to_string());
    for (key, bytes) in manifests.into_iter().chain(root_keys.zip(roots)) {
        spread(&mut targets, &key, bytes).await?;
        progress(Step::Done(&key));
    }
    let key = keys::release_timestamp();
    join_all(targets.iter_mut().map(|target| target.date(&timestamp))).await;
    majority(&targets, key.as_str())?;
    progress(Step::Done(&key));
    let copies = targets.iter().filter(|target| target.failed.is_none()).count();
    let written = targets.iter().map(|target| target.written).max().unwrap_or(0);
    let failed = targets.into_iter().filter_map(|target| Some((target.name.to_owned(), target.failed?))).collect();
    Ok(Published { verified, written, copies, failed })
}

/// The manifests that the timestamp names.
fn manifests(folder: &Folder, verified: &Verified) -> Result<Vec<(String, Vec<u8>)>, ChainError> {
    let one = |class: &str, number| {
        let key = keys::release_manifest(class, number).unwrap_or_default().to_string();
        folder.get(&key, MAX_DOCUMENT).map(|bytes| (key, bytes))
    };
    verified.releases.iter().map(|release| one(&release.class, release.number)).collect()
}

/// Looks at what the stores show now, before anything is written.
async fn survey(
    targets: &mut [Target<'_>],
    folder: &Folder,
    roots: &[Vec<u8>],
    verified: &Verified,
    timestamp: &[u8],
    now_s: u64,
) -> Result<(), PublishError> {
    let next_root = keys::release_root(roots.len() as u64 + 1);
    for target in targets.iter_mut() {
        let looked = async {
            let next = target.read(&next_root).await?;
            target.shown = target.fetch(&Path::from(keys::release_timestamp().as_str()), MAX_DOCUMENT).await?;
            let shown = target.shown.as_ref().map(|(bytes, _)| bytes.clone()).filter(|shown| shown != timestamp);
            let named = target.named(shown.as_deref().unwrap_or_default()).await?;
            Ok::<_, String>((next, shown, named))
        };
        let (next, shown, named) = match looked.await {
            Ok(seen) => seen,
            Err(why) => {
                target.failed = Some(why);
                continue;
            }
        };
        // A document that nobody signed rightly is no root that a camera would follow.
        let follows = |next: &Vec<u8>| {
            let mut camera = chain::camera(roots, "any", None).ok();
            camera.as_mut().is_some_and(|camera| camera.follow(next).is_ok())
        };
        if next.as_ref().is_some_and(follows) {
            let (root, here) = (roots.len() as u64 + 1, roots.len() as u64);
            return Err(PublishError::Behind { store: target.name.to_owned(), root, here });
        }
        let Some(shown) = shown else { continue };
        for before in &named {
            if verified.releases.iter().all(|release| release.class != before.class)
                && before.is_had(roots, &shown, now_s)
            {
                let (store, class) = (target.name.to_owned(), before.class.clone());
                return Err(PublishError::Fewer { store, class, number: before.number });
            }
        }
        for release in &verified.releases {
            let older = |source| PublishError::Older { store: target.name.to_owned(), source };
            let before = named.iter().find(|before| before.class == release.class);
            let before = match before {
                Some(Before { manifest: None, number, .. }) => folder.manifest(&release.class, *number)?,
                before => before.and_then(|before| before.manifest.clone()),
            };
            let shown = Shown { timestamp: &shown, manifest: before.as_deref() };
            let mut camera = chain::camera(roots, &release.class, Some(shown))?;
            let told = chain::take_timestamp(&mut camera, timestamp, now_s).map_err(older)?;
            let manifest = folder.manifest(&release.class, release.number)?.unwrap_or_default();
            let taken = camera.release(&manifest, &told, Some(now_s)).map(|_| ());
            taken
                .map_err(ChainError::refused(format!("release {} for {}", release.number, release.class)))
                .map_err(older)?;
        }
    }
    majority(targets, "what the stores show now")
}

/// What a store shows for one class of boards.
struct Before {
    class: String,
    number: u64,
    /// `None` when it is not there.
    manifest: Option<Vec<u8>>,
}

impl Before {
    /// Whether a camera that follows these roots would take it on.
    fn is_had(&self, roots: &[Vec<u8>], timestamp: &[u8], now_s: u64) -> bool {
        let Ok(mut camera) = chain::camera(roots, &self.class, None) else { return false };
        // An expired timestamp is renewed; a release that has expired is not.
        let Ok(told) = camera.timestamp(timestamp, None) else { return false };
        let told = Timestamp { expires_s: u64::MAX, ..told };
        self.manifest.as_ref().is_some_and(|manifest| camera.release(manifest, &told, Some(now_s)).is_ok())
    }
}

/// Writes an object that never changes to every store.
async fn spread(targets: &mut [Target<'_>], key: &str, bytes: Vec<u8>) -> Result<(), PublishError> {
    let answers = join_all(targets.iter().map(|target| target.put(key, &bytes))).await;
    for (target, answer) in targets.iter_mut().zip(answers) {
        match answer {
            None | Some(Ok(Put::Equal)) => {}
            Some(Ok(Put::Written)) => target.written += 1,
            Some(Err(Refusal::Other)) => {
                return Err(PublishError::Conflict { store: target.name.to_owned(), key: key.to_owned() });
            }
            Some(Err(Refusal::Failed(why))) => target.failed = Some(format!("{key}: {why}")),
        }
    }
    majority(targets, key)
}

fn majority(targets: &[Target<'_>], what: &str) -> Result<(), PublishError> {
    let (of, failed) = (targets.len(), targets.iter().filter(|target| target.failed.is_some()).count());
    if of - failed > of / 2 {
        return Ok(());
    }
    let why = targets.iter().filter_map(|target| Some(format!("{}: {}", target.name, target.failed.as_ref()?)));
    let why = why.collect::<Vec<_>>().join("; ");
    Err(PublishError::Stores { what: what.to_owned(), done: of - failed, of, why })
}

impl Target<'_> {
    /// Writes an object, or finds the same one; `None` for a store that is left out.
    async fn put(&self, key: &str, bytes: &[u8]) -> Option<Result<Put, Refusal>> {
        if self.failed.is_some() {
            return None;
        }
        let path = Path::from(key);
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let written = limited(self.store.put_opts(&path, PutPayload::from(bytes.to_vec()), options)).await;
        Some(match written {
            Ok(Ok(_)) => Ok(Put::Written),
            Ok(Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. })) => {
                match self.fetch(&path, bytes.len()).await {
                    Ok(Some((there, _))) if there == bytes => Ok(Put::Equal),
                    Ok(_) => Err(Refusal::Other),
                    Err(why) => Err(Refusal::Failed(why)),
                }
            }
            Ok(Err(error)) => Err(Refusal::Failed(error.to_string())),
            Err(why) => Err(Refusal::Failed(why)),
        })
    }

    /// Puts the timestamp in place of the one that was there before anything was written, and of no other.
    async fn date(&mut self, timestamp: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        let path = Path::from(keys::release_timestamp().as_str());
        let put = async {
            let mode = match &self.shown {
                Some((there, _)) if there == timestamp => return Ok(false),
                Some((_, version)) => PutMode::Update(version.clone()),
                None => PutMode::Create,
            };
            let options = PutOptions { mode, ..PutOptions::default() };
            let written = limited(self.store.put_opts(&path, PutPayload::from(timestamp.to_vec()), options)).await?;
            let Err(error) = written else { return Ok(true) };
            // An answer that was lost may have been followed by a second try of the same.
            match self.fetch(&path, MAX_DOCUMENT).await? {
                Some((there, _)) if there == timestamp => Ok(true),
                there if there.as_ref().map(|(bytes, _)| bytes) != self.shown.as_ref().map(|(bytes, _)| bytes) => {
                    Err("somebody else published meanwhile".to_owned())
                }
                _ => Err(error.to_string()),
            }
        };
        match put.await {
            Ok(written) => self.written += usize::from(written),
            Err(why) => self.failed = Some(format!("{}: {why}", keys::release_timestamp())),
        }
    }

    /// A document; one that is longer than any is as good as none, because no camera reads it.
    async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, String> {
        let found = self.fetch(&Path::from(key), MAX_DOCUMENT).await?;
        Ok(found.map(|(bytes, _)| bytes).filter(|bytes| bytes.len() <= MAX_DOCUMENT))
    }

    /// The manifests that a timestamp names; of one that cannot be read, none.
    async fn named(&self, timestamp: &[u8]) -> Result<Vec<Before>, String> {
        let mut named = Vec::new();
        let each = |newest: Newest<'_>| named.push((newest.class.to_owned(), newest.sequence));
        if Signed::parse(timestamp).and_then(|signed| Newest::each(signed.document(), each)).is_err() {
            return Ok(Vec::new());
        }
        let mut before = Vec::new();
        for (class, number) in named {
            let manifest = match keys::release_manifest(&class, number) {
                Some(key) => self.read(&key).await?,
                None => None,
            };
            before.push(Before { class, number, manifest });
        }
        Ok(before)
    }

    /// An object of `most` bytes, or as much of a longer one as shows that it is longer.
    async fn fetch(&self, path: &Path, most: usize) -> Result<Option<(Vec<u8>, UpdateVersion)>, String> {
        let read = async {
            let found = match self.store.get(path).await {
                Ok(found) => found,
                Err(object_store::Error::NotFound { .. }) => return Ok(None),
                Err(error) => return Err(error.to_string()),
            };
            let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
            let (mut stream, mut bytes) = (found.into_stream(), Vec::new());
            while let Some(piece) = stream.next().await {
                let piece = piece.map_err(|error| error.to_string())?;
                let room = (most + 1).saturating_sub(bytes.len());
                bytes.extend_from_slice(&piece[..piece.len().min(room)]);
                if bytes.len() > most {
                    break;
                }
            }
            Ok(Some((bytes, version)))
        };
        limited(read).await?
    }
}

async fn limited<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let late = |_| format!("no answer within {} s", STORE_TIMEOUT.as_secs());
    tokio::time::timeout(STORE_TIMEOUT, work).await.map_err(late)
}
