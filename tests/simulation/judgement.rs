//! What became of every detection, judged from the ledger of the cameras and the bytes in the stores.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use sha2::{Digest, Sha256};
use wildcam::{
    data::compare,
    drill::{
        loss::{Ledger, hexadecimal, twice},
        observation::{Line, Observation},
    },
    gateway::Store,
};
use wildcam_core::wire::Event;

use crate::hosts::stores;

/// Everything that the three stores hold of detections: digest by key, and the events.
pub(crate) struct Holdings {
    stores: Vec<(String, BTreeMap<String, Held>)>,
    differences: compare::Differences,
}

struct Held {
    sha256: String,
    event: Option<Event>,
}

/// Reads all stores through their S3 clients.
pub(crate) async fn read_all() -> Result<Holdings, String> {
    let clients: Vec<Store> = stores("a");
    let named: Vec<(String, Arc<dyn ObjectStore>)> =
        clients.into_iter().map(|store| (store.name, store.objects)).collect();
    let differences = compare::stores(&named).await.map_err(|error| error.to_string())?;
    let mut held = Vec::new();
    for (name, store) in named {
        held.push((name.clone(), read(&store).await.map_err(|error| format!("store {name}: {error}"))?));
    }
    Ok(Holdings { stores: held, differences })
}

async fn read(store: &Arc<dyn ObjectStore>) -> object_store::Result<BTreeMap<String, Held>> {
    let folder = Path::from("detections");
    let keys: Vec<Path> = store.list(Some(&folder)).map_ok(|meta| meta.location).try_collect().await?;
    stream::iter(keys)
        .map(|key| async move {
            let bytes = store.get(&key).await?.bytes().await?;
            let event = if key.as_ref().ends_with(".json") { serde_json::from_slice(&bytes).ok() } else { None };
            Ok((key.to_string(), Held { sha256: hexadecimal(&Sha256::digest(&bytes)), event }))
        })
        .buffer_unordered(16)
        .try_collect()
        .await
}

/// The verdict on a simulation.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Detections that cameras hold to be stored.
    pub(crate) acked: usize,
    /// Acked, and in no store whole.
    pub(crate) lost: Vec<String>,
    /// Acked, and whole in fewer than two stores.
    pub(crate) thin: Vec<String>,
    /// Acked, and in some store with other bytes.
    pub(crate) altered: Vec<String>,
    /// The same detection under two keys of a store.
    pub(crate) twice: Vec<String>,
    /// Where stores differ, and what does not fit together in a store.
    pub(crate) diverged: Vec<String>,
    /// Queued by a camera, and in no store.
    pub(crate) vanished: Vec<String>,
    /// Tries that were not the first of their detection.
    pub(crate) retries: usize,
    /// Detections that no gateway wanted.
    pub(crate) refused: Vec<String>,
    /// Kinds of bytes: pictures large enough to go in parts that were acked.
    pub(crate) in_parts: usize,
}

impl Verdict {
    /// What is wrong with the acknowledgements, which must be good at every moment, while stores need not agree yet.
    pub(crate) fn broken_promises(&self) -> Vec<String> {
        let lists = [
            ("lost", &self.lost),
            ("in fewer than two stores", &self.thin),
            ("altered", &self.altered),
            ("twice", &self.twice),
        ];
        lists.into_iter().filter(|(_, list)| !list.is_empty()).map(|(what, list)| format!("{what}: {list:?}")).collect()
    }

    /// What is wrong at rest, in words; `dropped` is what the cameras themselves say they dropped.
    pub(crate) fn complaints(&self, dropped: u32) -> Vec<String> {
        let mut complaints = Vec::new();
        for (what, list) in [
            ("lost", &self.lost),
            ("altered", &self.altered),
            ("twice", &self.twice),
            ("diverged", &self.diverged),
            ("refused", &self.refused),
        ] {
            if !list.is_empty() {
                complaints.push(format!("{what} ({}): {:?}", list.len(), &list[..list.len().min(8)]));
            }
        }
        if self.vanished.len() > usize::try_from(dropped).unwrap() {
            complaints.push(format!("vanished, with {dropped} dropped by cameras: {:?}", self.vanished));
        }
        complaints
    }
}

pub(crate) fn judge(lines: &[Line], holdings: &Holdings) -> Verdict {
    let mut ledger = Ledger::default();
    let mut verdict = Verdict::default();
    let (mut attempted, mut large) = (BTreeSet::new(), BTreeSet::new());
    for line in lines {
        ledger.note(line);
        match &line.what {
            Observation::Attempted { ulid, .. } if !attempted.insert(ulid) => verdict.retries += 1,
            Observation::Queued { ulid, bytes, .. } if *bytes > wildcam_core::camera::SINGLE_REQUEST_MAX_BYTES => {
                large.insert(ulid);
            }
            Observation::Refused { camera, ulid, kind } => verdict.refused.push(format!("{camera} {ulid}: {kind}")),
            _ => {}
        }
    }
    let by_ulid: Vec<BTreeMap<&str, &str>> = holdings
        .stores
        .iter()
        .map(|(_, keys)| keys.keys().filter_map(|key| Some((stem(key)?.rsplit('/').next()?, stem(key)?))).collect())
        .collect();
    for (ulid, entry) in ledger.entries() {
        // A camera that lost power in the last instant of a commit has the detection, and never said so.
        let noted = !entry.image_sha256.is_empty();
        let (mut whole, mut altered) = (0, false);
        for ((_, keys), stems) in holdings.stores.iter().zip(&by_ulid) {
            let Some(stem) = stems.get(ulid.as_str()) else { continue };
            let (image, event) = (keys.get(&format!("{stem}.jpg")), keys.get(&format!("{stem}.json")));
            whole += usize::from(image.is_some() && event.is_some());
            if noted {
                altered |= image.is_some_and(|held| held.sha256 != entry.image_sha256);
                altered |= event.is_some_and(|held| held.sha256 != entry.event_sha256);
                altered |= stem.split('/').nth(1) != Some(entry.camera.as_str());
            }
        }
        if altered {
            verdict.altered.push(ulid.clone());
        }
        if entry.acked_ms.is_some() {
            verdict.acked += 1;
            verdict.in_parts += usize::from(large.contains(ulid));
            if whole == 0 {
                verdict.lost.push(ulid.clone());
            }
            if whole < 2 {
                verdict.thin.push(ulid.clone());
            }
        } else if whole == 0 && noted {
            verdict.vanished.push(ulid.clone());
        }
    }
    for (name, keys) in &holdings.stores {
        verdict.twice.extend(twice(keys.keys().cloned()).into_iter().map(|key| format!("{name}: {key}")));
        verdict.diverged.extend(inconsistent(name, keys));
    }
    for (key, lacking) in &holdings.differences.missing {
        verdict.diverged.push(format!("{key} is missing in {lacking:?}"));
    }
    verdict.diverged.extend(holdings.differences.sizes.iter().map(|key| format!("{key} differs in size")));
    let Some(((_, first), others)) = holdings.stores.split_first() else { return verdict };
    for (key, held) in first {
        if others.iter().any(|(_, keys)| keys.get(key).is_some_and(|other| other.sha256 != held.sha256)) {
            verdict.diverged.push(format!("{key} differs in content"));
        }
    }
    verdict
}

/// Pictures without events, events without pictures, and events that speak of something else than lies beside them.
fn inconsistent(store: &str, keys: &BTreeMap<String, Held>) -> Vec<String> {
    let mut found = Vec::new();
    for (key, held) in keys {
        let Some(stem) = stem(key) else {
            found.push(format!("{store}: {key} is no detection"));
            continue;
        };
        if key.ends_with(".jpg") {
            if !keys.contains_key(&format!("{stem}.json")) {
                found.push(format!("{store}: {key} has no event"));
            }
            continue;
        }
        let image = keys.get(&format!("{stem}.jpg")).map(|held| held.sha256.as_str());
        match &held.event {
            None => found.push(format!("{store}: {key} is no event")),
            Some(event) => {
                if Some(event.image.sha256.to_string().as_str()) != image {
                    found.push(format!("{store}: {key} does not fit its picture"));
                }
                if !stem.ends_with(&format!("/{}", event.ulid)) || stem.split('/').nth(1) != Some(event.camera.as_str())
                {
                    found.push(format!("{store}: {key} is the event of another detection"));
                }
            }
        }
    }
    found
}

fn stem(key: &str) -> Option<&str> {
    key.strip_suffix(".json").or_else(|| key.strip_suffix(".jpg"))
}
