//! The healer: completes in every store what was written in some.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::{Copies, Fault, Fetched, Guarded, Object, kib};
use crate::data::index::Intent;

/// Intents that are read from the index at a time, and that are healed at once: a distant store answers late, so a few at
/// once would never catch up with what cameras send. The memory they take is bounded by the budget for late writes.
const PAGE: usize = 64;
const AT_ONCE: usize = 32;

/// How often a store that is down is considered for a probe; its breaker decides whether one is due.
const PROBE_EVERY: Duration = Duration::from_millis(250);

/// What one pass of the healer did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Healed {
    /// Intents that every store holds now.
    pub completed: usize,
    /// Intents given up because no store had anything of them.
    pub dropped: usize,
    /// Intents that wait for a store.
    pub left: usize,
    /// Intents for which some store holds other content.
    pub conflicts: usize,
}

enum End {
    Completed,
    Dropped,
    Left,
    Conflict,
}

/// What the stores said about the picture, or about a document without one.
enum Source {
    Content(Bytes),
    Nowhere,
    Unknown,
}

impl Copies {
    /// Goes once through everything that some store misses.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn heal(&self) -> Result<Healed, crate::data::index::Error> {
        let mut healed = Healed::default();
        let mut after = String::new();
        loop {
            let page = self.index.intents(after, PAGE).await?;
            let Some(last) = page.last() else {
                self.index.recount().await;
                return Ok(healed);
            };
            after = last.document_key.clone();
            let ends: Vec<End> =
                stream::iter(page).map(|intent| self.heal_one(intent)).buffer_unordered(AT_ONCE).collect().await;
            for end in ends {
                match end {
                    End::Completed => healed.completed += 1,
                    End::Dropped => healed.dropped += 1,
                    End::Left => healed.left += 1,
                    End::Conflict => healed.conflicts += 1,
                }
            }
        }
    }

    /// Heals now, from time to time, and when a store returns, and looks whether stores that are down are back.
    pub async fn run(&self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.heal_forever() => {}
            () = self.probe_forever() => {}
        }
    }

    async fn heal_forever(&self) {
        loop {
            match self.heal().await {
                Ok(healed) if healed.completed + healed.dropped > 0 => tracing::info!(?healed, "healed"),
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "the healer could not read its list"),
            }
            let _ = tokio::time::timeout(self.policy.heal_every, self.returned.notified()).await;
        }
    }

    async fn probe_forever(&self) {
        loop {
            tokio::time::sleep(PROBE_EVERY).await;
            let due = self.stores.iter().filter(|store| store.probe_is_due());
            futures_util::future::join_all(due.map(|store| store.probe())).await;
        }
    }

    async fn heal_one(&self, intent: Intent) -> End {
        if self.is_under_way(&intent.document_key) {
            return End::Left;
        }
        let _here = self.enter(&intent.document_key);
        // A store that was taken out of the project is not waited for.
        let (missing, having): (Vec<_>, Vec<_>) =
            self.stores.iter().partition(|store| intent.missing.contains(&store.name));
        if missing.is_empty() {
            self.index.settle(&intent.document_key, Vec::new()).await;
            return End::Completed;
        }
        if missing.iter().all(|store| !store.is_up() && !store.probe_is_due()) {
            return End::Left;
        }
        let (key, bytes) = match &intent.picture {
            Some(picture) => (picture.key.as_str(), usize::try_from(picture.bytes).unwrap_or(usize::MAX)),
            None => (intent.document_key.as_str(), intent.document.len()),
        };
        let room = kib(bytes).min(kib(self.policy.late_bytes).max(1));
        let Ok(_memory) = Arc::clone(&self.late).acquire_many_owned(room).await else { return End::Left };
        let known = !having.is_empty();
        let source = match &intent.picture {
            None if known => Source::Content(Bytes::from(intent.document.clone())),
            Some(picture) => self.find(&having, &missing, key, bytes, Some(&picture.sha256)).await,
            None => self.find(&having, &missing, key, bytes, None).await,
        };
        match source {
            Source::Content(content) => self.complete(&intent, content, &missing).await,
            Source::Nowhere if self.clock.unix_ms() >= intent.since_ms.saturating_add(self.drop_after_ms()) => {
                self.index.settle(&intent.document_key, Vec::new()).await;
                End::Dropped
            }
            Source::Nowhere | Source::Unknown => End::Left,
        }
    }

    fn drop_after_ms(&self) -> u64 {
        u64::try_from(self.policy.drop_after.as_millis()).unwrap_or(u64::MAX)
    }

    /// Looks for the content, in the stores that should have it first. A copy that does not fit its digest is no copy.
    async fn find(
        &self,
        having: &[&Arc<Guarded>],
        missing: &[&Arc<Guarded>],
        key: &str,
        bytes: usize,
        sha256: Option<&str>,
    ) -> Source {
        let mut unsure = false;
        for store in having.iter().chain(missing) {
            let Some(ticket) = store.admit() else {
                unsure = true;
                continue;
            };
            match store.read(ticket, key, bytes as u64).await {
                Ok(Fetched::Content(content)) => {
                    let digest = || wildcam_core::wire::Sha256Hex(Sha256::digest(&content).into()).to_string();
                    if sha256.is_none_or(|expected| *expected == digest()) {
                        return Source::Content(content);
                    }
                    tracing::warn!(key, store = store.name, "a store holds content that does not fit its digest");
                    unsure = true;
                }
                Ok(Fetched::Nothing) => {}
                Ok(Fetched::Larger) | Err(_) => unsure = true,
            }
        }
        if unsure { Source::Unknown } else { Source::Nowhere }
    }

    async fn complete(&self, intent: &Intent, content: Bytes, missing: &[&Arc<Guarded>]) -> End {
        let json = "application/json";
        let document = Object::new(intent.document_key.clone(), Bytes::from(intent.document.clone()), json);
        let picture = intent
            .picture
            .as_ref()
            .map(|picture| Object::new(picture.key.clone(), content.clone(), &picture.media_type));
        if picture.is_none() && content != document.body {
            // Another gateway's document won this key; ours was never acknowledged.
            self.index.settle(&intent.document_key, Vec::new()).await;
            return End::Dropped;
        }
        let (mut left, mut written, mut conflict) = (Vec::new(), 0, false);
        for store in missing {
            let result = match store.admit() {
                Some(ticket) => store.write(ticket, picture.as_ref(), &document).await,
                None => Err(Fault::Down),
            };
            match result {
                Ok(_) => written += 1,
                Err(fault) => {
                    conflict |= matches!(fault, Fault::Altered);
                    left.push(store.name.clone());
                }
            }
        }
        if written > 0 && picture.is_some() {
            self.note_detection(&document.body).await;
        }
        let complete = left.is_empty();
        self.index.settle(&intent.document_key, left).await;
        match (complete, conflict) {
            (true, _) => End::Completed,
            (false, true) => End::Conflict,
            (false, false) => End::Left,
        }
    }
}
