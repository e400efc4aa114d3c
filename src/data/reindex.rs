//! The index made again from the objects, wholly or for the last days.

use std::{collections::BTreeSet, sync::Arc};

use futures_util::{
    future::ready,
    stream::{self, StreamExt, TryStreamExt},
};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use wildcam_core::wire::{
    CameraId, EVENT_MAX_BYTES, Event, Ulid,
    keys::{self, Part},
};

use super::{
    Index,
    index::{self, Detection},
};

/// Events that are fetched at once, and rows in one step.
const AT_ONCE: usize = 16;
const STEP: usize = 256;

/// Why the index could not be made again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store cannot be read.
    #[error("the store could not be read")]
    Store(#[from] object_store::Error),
    /// The index cannot be used.
    #[error("the index could not be used")]
    Index(#[from] index::Error),
}

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Found {
    /// Events looked at.
    pub events: u64,
    /// Detections that the index did not have.
    pub added: u64,
    /// Objects that are no event, or whose event does not belong under their key.
    pub invalid: u64,
}

impl Found {
    fn add(&mut self, other: Self) {
        self.events += other.events;
        self.added += other.added;
        self.invalid += other.invalid;
    }
}

/// Reads every event in `store` into `index`. Detections that are there stay as they are, so it can be run again, and
/// while a gateway runs. `progress` hears the number of events so far.
///
/// # Errors
/// When the store cannot be listed or read, or the index cannot be written.
pub async fn all(
    store: &Arc<dyn ObjectStore>,
    index: &Index,
    now_ms: u64,
    mut progress: impl FnMut(&Found),
) -> Result<Found, Error> {
    let mut found = Found::default();
    let list = store.list(Some(&Path::from(keys::DETECTIONS))).try_filter_map(|meta| ready(Ok(event_key(&meta))));
    let mut chunks = list.try_chunks(STEP);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| error.1)?;
        found.add(step(store, index, chunk, now_ms).await?);
        progress(&found);
    }
    index.flush().await?;
    Ok(found)
}

/// Reads what lies under the days `now_ms` and the day before: what other gateways wrote lately.
///
/// # Errors
/// As [`all`].
pub async fn recent(store: &Arc<dyn ObjectStore>, index: &Index, now_ms: u64) -> Result<Found, Error> {
    let mut found = Found::default();
    let cameras = store.list_with_delimiter(Some(&Path::from(keys::DETECTIONS))).await?.common_prefixes;
    for camera in cameras {
        let days: BTreeSet<_> = [now_ms, now_ms.saturating_sub(86_400_000)].into_iter().map(keys::date).collect();
        for (year, month, day) in days {
            let folder = Path::from(format!("{camera}/{year:04}/{month:02}/{day:02}"));
            let list = store.list(Some(&folder)).try_filter_map(|meta| ready(Ok(event_key(&meta))));
            let mut chunks = list.try_chunks(STEP);
            while let Some(chunk) = chunks.next().await {
                let chunk = chunk.map_err(|error| error.1)?;
                found.add(step(store, index, chunk, now_ms).await?);
            }
        }
    }
    Ok(found)
}

type EventKey = (CameraId, Ulid);

fn event_key(meta: &object_store::ObjectMeta) -> Option<EventKey> {
    match keys::parse_detection(meta.location.as_ref()) {
        Some((camera, ulid, Part::Event)) => Some((camera, ulid)),
        _ => None,
    }
}

/// Fetches the events that the index lacks.
async fn step(store: &Arc<dyn ObjectStore>, index: &Index, chunk: Vec<EventKey>, now_ms: u64) -> Result<Found, Error> {
    let mut found = Found { events: chunk.len() as u64, ..Found::default() };
    let mut wanted = Vec::new();
    // A listing goes camera by camera, so this is one question to the index in most steps.
    for same_camera in chunk.chunk_by(|one, next| one.0 == next.0) {
        let Some((camera, _)) = same_camera.first() else { continue };
        let ulids = same_camera.iter().map(|(_, ulid)| ulid.to_string()).collect();
        let unknown: BTreeSet<String> = index.unknown(camera.as_str(), ulids).await?.into_iter().collect();
        wanted.extend(same_camera.iter().filter(|(_, ulid)| unknown.contains(&ulid.to_string())).cloned());
    }
    let events: Vec<Option<Event>> =
        stream::iter(wanted).map(|key| fetch(store, key)).buffer_unordered(AT_ONCE).try_collect().await?;
    let mut rows = Vec::new();
    for event in events {
        match event {
            Some(event) => rows.push(Detection::of(&event, now_ms)),
            None => found.invalid += 1,
        }
    }
    found.added = rows.len() as u64;
    if !rows.is_empty() {
        index.insert(rows).await;
    }
    Ok(found)
}

/// The event under its key; `None` when what lies there is not the event of that key.
async fn fetch(store: &Arc<dyn ObjectStore>, (camera, ulid): EventKey) -> Result<Option<Event>, object_store::Error> {
    let key = keys::detection(&camera, ulid, Part::Event);
    let result = match store.get(&Path::from(key.as_str())).await {
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        other => other?,
    };
    if result.meta.size > EVENT_MAX_BYTES as u64 {
        return Ok(None);
    }
    let bytes = result.bytes().await?;
    let event: Option<Event> = serde_json::from_slice(&bytes).ok();
    Ok(event.filter(|event| event.camera == camera && event.ulid == ulid))
}
