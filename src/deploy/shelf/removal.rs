//! Removing the state stores, when nothing is left that their state could tell of.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use object_store::path::Path;

use super::{Error, Shelf, spread::Store};

impl Shelf {
    /// Whether every cloud answers that it has no state store, or one whose state was closed for good.
    pub(crate) async fn is_absent(&self) -> bool {
        let places = self.places(false).await;
        if !places.away.is_empty() {
            return false;
        }
        match self.heads_apart(&places).await {
            Ok(heads) => heads.iter().all(|(_, head)| head.as_ref().is_none_or(|head| head.closed)),
            Err(_) => false,
        }
    }

    /// Removes the state stores of all clouds, where no other environment of the project has its state in them; else only
    /// what belongs to this one. The state must have been closed for good. Returns the places that were removed.
    ///
    /// # Errors
    /// When one cannot be looked through or removed. Calling it again goes on.
    pub(crate) async fn remove_stores(&self) -> Result<Vec<String>, Error> {
        let places = self.places(false).await;
        if !places.away.is_empty() {
            return Err(Error::FirstNeedsAll { away: places.away });
        }
        let mut shared = false;
        for store in &places.stores {
            shared |= self.has_others(store).await.map_err(|why| Error::NoMajority {
                reached: places.stores.len() - 1,
                needed: places.stores.len(),
                all: self.all.len(),
                away: BTreeMap::from([(store.cloud.clone(), why)]),
            })?;
        }
        let mut removed = Vec::new();
        for store in &places.stores {
            if shared {
                self.wipe(store).await?;
                continue;
            }
            let Some(plane) = self.planes.get(&store.cloud) else { continue };
            let cloud = store.cloud.clone();
            plane
                .remove_state_store(&self.belongs.project)
                .await
                .map_err(|source| Error::Remove { cloud: cloud.clone(), source })?;
            self.found.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(&cloud);
            removed.push(store.place.clone());
        }
        Ok(removed)
    }

    /// Whether another environment has its state in a store.
    async fn has_others(&self, store: &Store) -> Result<bool, String> {
        let mut stream = store.objects.list(Some(&Path::from("deploy")));
        while let Some(found) = stream.next().await {
            let location = found.map_err(|error| error.to_string())?.location;
            let environment = location.as_ref().split('/').nth(1).unwrap_or_default();
            if environment != self.belongs.environment {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
