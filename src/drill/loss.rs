//! The loss, judged while the cloud is still down, from the ledger of the cameras and the bytes in the stores.

use std::{
    collections::{BTreeMap, HashSet},
    fmt::Write as _,
    sync::Arc,
};

use futures_util::{StreamExt, stream};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use sha2::{Digest, Sha256};

use super::{
    observation::{Line, Observation},
    result::Loss,
};

/// What the ledger says of one detection.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// The camera.
    pub camera: String,
    /// SHA-256 of the picture.
    pub image_sha256: String,
    /// SHA-256 of the event.
    pub event_sha256: String,
    /// Whether a camera began to send it.
    pub attempted: bool,
    /// When it was first confirmed.
    pub acked_ms: Option<u64>,
}

/// The cameras' own account of what was confirmed, by ULID.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    entries: BTreeMap<String, Entry>,
}

impl Ledger {
    /// Takes an observation.
    pub fn note(&mut self, line: &Line) {
        match &line.what {
            Observation::Queued { camera, ulid, image_sha256, event_sha256, .. } => {
                let entry = self.entries.entry(ulid.clone()).or_default();
                entry.camera.clone_from(camera);
                entry.image_sha256.clone_from(image_sha256);
                entry.event_sha256.clone_from(event_sha256);
            }
            Observation::Attempted { ulid, .. } => self.entries.entry(ulid.clone()).or_default().attempted = true,
            Observation::Acked { ulid, .. } => {
                let entry = self.entries.entry(ulid.clone()).or_default();
                entry.attempted = true;
                entry.acked_ms.get_or_insert(line.t_ms);
            }
            _ => {}
        }
    }

    /// The entries.
    #[must_use]
    pub fn entries(&self) -> &BTreeMap<String, Entry> {
        &self.entries
    }

    /// How many were confirmed from `from_ms` on.
    #[must_use]
    pub fn acked_since(&self, from_ms: u64) -> u64 {
        self.entries.values().filter(|entry| entry.acked_ms.is_some_and(|t| t >= from_ms)).count() as u64
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Whole,
    Missing,
    Altered,
}

/// Reads every confirmed picture and event from the `survivors` and compares digests. `t0_ms` is the fault.
///
/// Returns the count and the ULIDs of the lost ones, which [`recovered`] looks for again later.
pub async fn assess(ledger: &Ledger, survivors: &[(String, Arc<dyn ObjectStore>)], t0_ms: u64) -> (Loss, Vec<String>) {
    let mut loss = Loss::default();
    let mut lost = Vec::new();
    let acked: Vec<(&String, &Entry)> = ledger.entries.iter().filter(|(_, entry)| entry.acked_ms.is_some()).collect();
    loss.attempted = ledger.entries.values().filter(|entry| entry.attempted).count() as u64;
    loss.acked = acked.len() as u64;
    loss.unknown = loss.attempted - loss.acked;
    // Sixteen reads at once keep two stores busy without opening a socket for each picture.
    let mut looks = stream::iter(acked)
        .map(|(ulid, entry)| async move { (ulid, entry, look(ulid, entry, survivors).await) })
        .buffer_unordered(16);
    while let Some((ulid, entry, found)) = looks.next().await {
        match found {
            Found::Whole => {}
            Found::Altered => loss.altered += 1,
            Found::Missing => {
                loss.lost += 1;
                let age_ms = t0_ms.saturating_sub(entry.acked_ms.unwrap_or(t0_ms));
                loss.oldest_s = loss.oldest_s.max(age_ms.div_ceil(1000));
                lost.push(ulid.clone());
            }
        }
    }
    (loss, lost)
}

/// How many of `lost` are whole in any of `stores` now.
pub async fn recovered(ledger: &Ledger, lost: &[String], stores: &[(String, Arc<dyn ObjectStore>)]) -> u64 {
    let mut count = 0;
    for ulid in lost {
        if let Some(entry) = ledger.entries.get(ulid)
            && look(ulid, entry, stores).await == Found::Whole
        {
            count += 1;
        }
    }
    count
}

/// Whole when one store holds both objects with the right digests; altered when a store holds other bytes, because a
/// reader of that store would be deceived.
async fn look(ulid: &str, entry: &Entry, stores: &[(String, Arc<dyn ObjectStore>)]) -> Found {
    let Some(stem) = object_stem(ulid, &entry.camera) else { return Found::Missing };
    let mut best = Found::Missing;
    for (_, store) in stores {
        let image = digest(store, &format!("{stem}.jpg")).await;
        let event = digest(store, &format!("{stem}.json")).await;
        let differs = |found: &Option<String>, wanted: &String| found.as_ref().is_some_and(|found| found != wanted);
        if differs(&image, &entry.image_sha256) || differs(&event, &entry.event_sha256) {
            return Found::Altered;
        }
        if image.is_some() && event.is_some() {
            best = Found::Whole;
        }
    }
    best
}

fn object_stem(ulid: &str, camera: &str) -> Option<String> {
    let ms = ulid::Ulid::from_string(ulid).ok()?.timestamp_ms();
    let day = jiff::Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok()?.strftime("%Y/%m/%d").to_string();
    Some(format!("detections/{camera}/{day}/{ulid}"))
}

async fn digest(store: &Arc<dyn ObjectStore>, key: &str) -> Option<String> {
    let bytes = store.get(&Path::from(key)).await.ok()?.bytes().await.ok()?;
    Some(hexadecimal(&Sha256::digest(&bytes)))
}

/// Bytes in lower-case hexadecimal.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The ULIDs that the ledger holds twice in `keys`, a listing of one store: the same detection under two keys.
#[must_use]
pub fn twice(keys: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut seen = HashSet::new();
    keys.into_iter()
        .filter(|key| key.ends_with(".json"))
        .filter_map(|key| key.rsplit('/').next().map(str::to_owned))
        .filter(|name| !seen.insert(name.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    const ULID: &str = "01J0000000000000000000000A";

    fn ledger(t_ms: u64) -> Ledger {
        let mut ledger = Ledger::default();
        ledger.note(&Line {
            t_ms: 1,
            what: Observation::Queued {
                camera: "cam".into(),
                ulid: ULID.into(),
                image_sha256: hexadecimal(&Sha256::digest(b"image")),
                event_sha256: hexadecimal(&Sha256::digest(b"event")),
                bytes: 5,
            },
        });
        let what =
            Observation::Acked { camera: "cam".into(), ulid: ULID.into(), cloud: "a".into(), copies: 2, started_ms: 2 };
        ledger.note(&Line { t_ms, what });
        ledger
    }

    async fn store(objects: &[(&str, &'static [u8])]) -> (String, Arc<dyn ObjectStore>) {
        let store = InMemory::new();
        let stem = object_stem(ULID, "cam").unwrap();
        for (end, bytes) in objects {
            store.put(&Path::from(format!("{stem}.{end}")), bytes.to_vec().into()).await.unwrap();
        }
        ("x".into(), Arc::new(store))
    }

    #[tokio::test]
    async fn an_acked_picture_is_whole_lost_or_altered() {
        let whole = store(&[("jpg", b"image"), ("json", b"event")]).await;
        let half = store(&[("jpg", b"image")]).await;
        let other = store(&[("jpg", b"imagE"), ("json", b"event")]).await;
        let ledger = ledger(7_500);
        let loss = |stores: Vec<_>| {
            let ledger = ledger.clone();
            async move { assess(&ledger, &stores, 10_000).await.0 }
        };
        let good = loss(vec![half.clone(), whole.clone()]).await;
        assert_eq!((good.attempted, good.acked, good.lost, good.altered), (1, 1, 0, 0));
        let gone = loss(vec![half.clone()]).await;
        assert_eq!((gone.lost, gone.oldest_s), (1, 3));
        assert_eq!(loss(vec![whole.clone(), other]).await.altered, 1);
        assert_eq!(recovered(&ledger, &[ULID.to_owned()], &[whole]).await, 1);
        assert_eq!(recovered(&ledger, &[ULID.to_owned()], &[half]).await, 0);
    }

    #[test]
    fn a_detection_under_two_keys_is_found() {
        let keys = ["detections/a/x.json", "detections/b/x.json", "detections/b/y.json"];
        assert_eq!(twice(keys.map(str::to_owned)), ["x.json"]);
    }
}
