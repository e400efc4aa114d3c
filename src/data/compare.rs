//! Whether stores hold the same objects.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::{StreamExt, TryStreamExt};
use object_store::{ObjectStore, path::Path};

/// What is compared: everything that gateways write once. Documents of the fleet are decided by majority instead.
const FOLDERS: [&str; 3] = ["detections", "cameras", "reports"];

/// A store could not be listed.
#[derive(Debug, thiserror::Error)]
#[error("the store {store} could not be listed")]
pub struct Error {
    /// Which.
    pub store: String,
    /// Why.
    pub source: object_store::Error,
}

/// How stores differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Differences {
    /// Keys seen in all.
    pub objects: usize,
    /// Keys that some store lacks, with the names of those stores.
    pub missing: BTreeMap<String, Vec<String>>,
    /// Keys whose sizes differ between stores.
    pub sizes: Vec<String>,
}

impl Differences {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.sizes.is_empty()
    }
}

/// Lists `stores` (name and store) and compares keys and sizes. Contents are compared by whoever has a ledger of their
/// digests; a listing does not show them.
///
/// # Errors
/// When a store cannot be listed: nothing is known of it then.
pub async fn stores(stores: &[(String, Arc<dyn ObjectStore>)]) -> Result<Differences, Error> {
    let mut seen: BTreeMap<String, Vec<Option<u64>>> = BTreeMap::new();
    for (n, (name, store)) in stores.iter().enumerate() {
        for folder in FOLDERS {
            let mut list =
                store.list(Some(&Path::from(folder))).map_err(|source| Error { store: name.clone(), source });
            while let Some(meta) = list.next().await {
                let meta = meta?;
                let sizes = seen.entry(meta.location.to_string()).or_insert_with(|| vec![None; stores.len()]);
                sizes[n] = Some(meta.size);
            }
        }
    }
    let mut differences = Differences { objects: seen.len(), ..Differences::default() };
    for (key, sizes) in seen {
        let lacking: Vec<String> =
            stores.iter().zip(&sizes).filter(|(_, size)| size.is_none()).map(|((name, _), _)| name.clone()).collect();
        let mut present = sizes.iter().flatten();
        let first = present.next();
        if present.any(|size| Some(size) != first) {
            differences.sizes.push(key.clone());
        }
        if !lacking.is_empty() {
            differences.missing.insert(key, lacking);
        }
    }
    Ok(differences)
}

#[cfg(test)]
mod tests {
    use object_store::{ObjectStoreExt, memory::InMemory};

    use super::*;

    #[tokio::test]
    async fn what_differs_is_named() {
        let (a, b) = (Arc::new(InMemory::new()), Arc::new(InMemory::new()));
        a.put(&"detections/one".into(), "x".into()).await.unwrap();
        a.put(&"detections/two".into(), "x".into()).await.unwrap();
        b.put(&"detections/two".into(), "xy".into()).await.unwrap();
        b.put(&"elsewhere/three".into(), "z".into()).await.unwrap();
        let both: [(String, Arc<dyn ObjectStore>); 2] = [("a".to_owned(), a), ("b".to_owned(), b)];
        let differences = stores(&both).await.unwrap();
        assert_eq!(differences.objects, 2);
        assert_eq!(differences.missing["detections/one"], ["b"]);
        assert_eq!(differences.sizes, ["detections/two"]);
        assert!(stores(&both[..1]).await.unwrap().is_empty());
    }
}
