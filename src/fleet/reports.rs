//! The last thing that a camera said of itself, as gateways wrote it into the stores: `reports/{gateway}/{day}/{ulid}.jsonl`,
//! one object for what a gateway heard in some seconds.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures_util::{TryStreamExt, future::join_all};
use object_store::{ObjectStore, path::Path};
use serde::Deserialize;
use wildcam_core::wire::{CameraId, Status, Ulid, keys};

use super::stores::{self, Failed, STORE_TIMEOUT, from_all, in_one_line};
use crate::cloud::NamedStores;

/// How many days are looked through, today included.
pub const DAYS: u64 = 7;

const DAY_MS: u64 = 86_400_000;

/// The largest batch that is read; gateways write half of it.
const BATCH_MAX_BYTES: u64 = 1 << 20;

/// Most batches that are read for one camera, and how many at once.
const MOST: usize = 4_000;
const AT_ONCE: usize = 16;

/// A report, and when a gateway took it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Milliseconds since 1970, by the gateway's clock.
    pub received_ms: u64,
    /// What the camera said.
    pub status: Status,
}

/// The reports could not be read.
#[derive(Debug, thiserror::Error)]
#[error("no store could be asked for reports: {why}")]
pub struct Unreadable {
    /// What the stores said.
    why: String,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The last report of the camera; `None` when there is none in [`DAYS`] days.
    pub heard: Option<Heard>,
    /// Stores that could not be read, each with the reason: they may hold a later one.
    pub failed: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Line {
    received_ms: u64,
    status: Option<Status>,
}

/// The last report of a camera that any store holds. A gateway writes what it heard after some seconds (`gateway.report_interval`),
/// so what was said a moment ago may be missing.
///
/// # Errors
/// [`Unreadable`] when no store can be read.
pub async fn last(stores: &NamedStores, camera: &CameraId, now_ms: u64) -> Result<Found, Unreadable> {
    let (gateways, failed) = gateways(stores).await;
    if failed.len() == stores.len() {
        return Err(Unreadable { why: in_one_line(&failed) });
    }
    let mut found = Found { heard: None, failed };
    let mut left = MOST;
    for back in 0..DAYS {
        let Some(day_ms) = now_ms.checked_sub(back * DAY_MS) else { break };
        let batches = batches(stores, &gateways, day_ms).await;
        // The latest first. An earlier batch may hold a later report, but none that was taken after it was written.
        let mut batches = batches.into_iter().rev().peekable();
        while left > 0
            && let Some((ulid, _)) = batches.peek()
            && found.heard.as_ref().is_none_or(|heard| heard.received_ms <= ulid.ms())
        {
            let some: Vec<_> = batches.by_ref().take(AT_ONCE.min(left)).collect();
            left -= some.len();
            let reads = some.iter().map(|(_, places)| read(stores, places, camera));
            for heard in join_all(reads).await.into_iter().flatten() {
                if found.heard.as_ref().is_none_or(|known| heard.received_ms > known.received_ms) {
                    found.heard = Some(heard);
                }
            }
        }
        if found.heard.is_some() || left == 0 {
            break;
        }
    }
    Ok(found)
}

/// The folders of all gateways that ever wrote a report, and the stores that did not tell.
async fn gateways(stores: &NamedStores) -> (BTreeSet<CameraId>, Failed) {
    let (listed, failed) = from_all(stores, |store| {
        let store = Arc::clone(store);
        async move {
            let listed = store.list_with_delimiter(Some(&Path::from("reports"))).await;
            let folders = listed.map_err(|error| error.to_string())?.common_prefixes;
            let names = folders.iter().filter_map(|folder| CameraId::new(folder.filename()?).ok());
            Ok(names.collect::<BTreeSet<_>>())
        }
    })
    .await;
    (listed.into_iter().flatten().flatten().collect(), failed)
}

/// The batches of a day by the time at which they were written, each with the stores that hold it, by their places in the list.
async fn batches(
    stores: &NamedStores,
    gateways: &BTreeSet<CameraId>,
    day_ms: u64,
) -> BTreeMap<Ulid, Vec<(usize, Path)>> {
    let ends = |gateway: &CameraId| {
        let any = keys::report(gateway, Ulid::new(day_ms, 0));
        Path::from(any.rsplit_once('/').map_or("", |(folder, _)| folder))
    };
    let lists = stores.iter().enumerate().flat_map(|(place, (_, store))| {
        gateways.iter().map(move |gateway| {
            let (store, folder) = (Arc::clone(store), ends(gateway));
            async move { (place, tokio::time::timeout(STORE_TIMEOUT, names(&store, &folder)).await.unwrap_or_default()) }
        })
    });
    let mut all: BTreeMap<Ulid, Vec<(usize, Path)>> = BTreeMap::new();
    for (place, names) in join_all(lists).await {
        for (ulid, path) in names {
            all.entry(ulid).or_default().push((place, path));
        }
    }
    all
}

async fn names(store: &Arc<dyn ObjectStore>, folder: &Path) -> Vec<(Ulid, Path)> {
    let mut names = Vec::new();
    let mut list = store.list(Some(folder));
    // What a store does not tell is looked for in the others.
    while let Ok(Some(object)) = list.try_next().await {
        let name = object.location.filename().and_then(|name| name.strip_suffix(".jsonl"));
        if let Some(ulid) = name.and_then(|name| name.parse().ok()) {
            names.push((ulid, object.location));
        }
    }
    names
}

/// The last report of the camera in one batch, from the first store that gives it.
async fn read(stores: &NamedStores, places: &[(usize, Path)], camera: &CameraId) -> Option<Heard> {
    for (place, path) in places {
        let (_, store) = stores.get(*place)?;
        let read = tokio::time::timeout(STORE_TIMEOUT, stores::read(store, path, BATCH_MAX_BYTES)).await;
        if let Ok(Ok(Some((_, Some(bytes))))) = read {
            return in_batch(&bytes, camera);
        }
    }
    None
}

fn in_batch(bytes: &[u8], camera: &CameraId) -> Option<Heard> {
    let text = str::from_utf8(bytes).ok()?;
    let lines = text.lines().filter(|line| line.contains(camera.as_str()));
    let read = lines.filter_map(|line| serde_json::from_str::<Line>(line).ok());
    let heard = read.filter_map(|line| Some(Heard { received_ms: line.received_ms, status: line.status? }));
    heard.filter(|heard| heard.status.camera == *camera).max_by_key(|heard| heard.received_ms)
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;

    use super::*;
    use crate::{
        clock::Random,
        journal::faulty::{Faults, stores},
    };

    const NOW_MS: u64 = 1_790_000_000_000;

    fn line(received_ms: u64, camera: &str, uptime_s: u32) -> String {
        format!(
            "{{\"received_ms\":{received_ms},\"status\":{{\"camera\":\"{camera}\",\"sent_at_ms\":1,\"uptime_s\":{uptime_s},\
             \"boot_cause\":\"power-on\",\"queue\":{{\"waiting\":0,\"bytes\":0,\"evicted\":0}},\"link\":{{\"endpoint\":\"a\",\
             \"rtt_ms\":1,\"bytes_per_s\":1,\"failures\":0}},\"firmware\":\"1\"}}}}\n"
        )
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_report_is_found_whichever_gateway_wrote_it_and_whichever_store_is_away() {
        let random = Random::seeded(3);
        let (stores, handles) = stores(3, &random, Faults::default(), false);
        let ridge = CameraId::new("ridge-01").unwrap();
        let put = async |store: usize, gateway: &str, at_ms: u64, lines: String| {
            let key = keys::report(&CameraId::new(gateway).unwrap(), Ulid::new(at_ms, at_ms.into()));
            stores[store].1.put(&Path::from(key.as_str()), lines.into()).await.unwrap();
        };
        assert_eq!(last(&stores, &ridge, NOW_MS).await.unwrap(), Found::default());
        put(0, "gw-a", NOW_MS - 3 * DAY_MS, line(NOW_MS - 3 * DAY_MS, "ridge-01", 1)).await;
        let heard = last(&stores, &ridge, NOW_MS).await.unwrap().heard.unwrap();
        assert_eq!(heard.status.uptime_s, 1);
        // Written a moment before the latest batch, and heard after what that one holds.
        let others =
            line(NOW_MS - 5, "ridge-010", 9) + "{\"received_ms\":7,\"event\":{\"camera\":\"ridge-01\"}}\nnonsense\n";
        put(1, "gw-a", NOW_MS - 1_000, line(NOW_MS - 2_000, "ridge-01", 3)).await;
        put(2, "gw-b", NOW_MS, line(NOW_MS - 9_000, "ridge-01", 2) + &others).await;
        let heard = last(&stores, &ridge, NOW_MS).await.unwrap().heard.unwrap();
        assert_eq!((heard.received_ms, heard.status.uptime_s), (NOW_MS - 2_000, 3));

        handles[1].set_down(true);
        let found = last(&stores, &ridge, NOW_MS).await.unwrap();
        assert_eq!((found.failed.len(), found.heard.unwrap().status.uptime_s), (0, 2));
    }
}
