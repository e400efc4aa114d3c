//! What one camera was set to before.

use std::{collections::BTreeSet, sync::Arc};

use ed25519_dalek::VerifyingKey;
use futures_util::TryStreamExt;
use object_store::path::Path;
use wildcam_core::{
    cose::MAX_DOCUMENT,
    wire::{CameraId, keys},
};

use super::{Error, Version, read_version};
use crate::{
    cloud::NamedStores,
    fleet::stores::{self, from_all, in_one_line},
};

/// Most versions that are looked through in one store.
const MOST: usize = 20_000;

/// One version, from any store that has it.
///
/// # Errors
/// [`Error::Unreadable`] when it is not found and some store could not be read; [`Error::Newer`].
pub async fn version(
    stores: &NamedStores,
    key: &VerifyingKey,
    camera: &CameraId,
    number: u64,
) -> Result<Option<Version>, Error> {
    let path = Path::from(keys::camera_config_version(camera, number).as_str());
    let (found, failed) = from_all(stores, |store| {
        let (store, path) = (Arc::clone(store), path.clone());
        async move { stores::read(&store, &path, MAX_DOCUMENT as u64).await }
    })
    .await;
    for bytes in found.into_iter().flatten().flatten().filter_map(|(_, bytes)| bytes) {
        if let Some(version) = read_version(&bytes, key, camera)?.filter(|version| version.number == number) {
            return Ok(Some(version));
        }
    }
    if failed.is_empty() {
        return Ok(None);
    }
    Err(Error::Unreadable { answered: stores.len() - failed.len(), of: stores.len(), why: in_one_line(&failed) })
}

/// The versions of a camera with a number of at most `upto`, the latest first, at most `limit` of them. What is no version that
/// `key` signed is left out.
///
/// # Errors
/// [`Error::Unreadable`] when no store can be read, or not the ones that hold a version; [`Error::Newer`].
pub async fn history(
    stores: &NamedStores,
    key: &VerifyingKey,
    camera: &CameraId,
    upto: u64,
    limit: usize,
) -> Result<Vec<Version>, Error> {
    let folder = Path::from(keys::camera_config_versions(camera).as_str());
    let (listed, failed) = from_all(stores, |store| {
        let (store, folder) = (Arc::clone(store), folder.clone());
        async move {
            let mut numbers = BTreeSet::new();
            let mut list = store.list(Some(&folder));
            while let Some(object) = list.try_next().await.map_err(|error| error.to_string())? {
                let name = object.location.filename().and_then(|name| name.strip_suffix(".cose"));
                numbers.extend(name.and_then(|name| name.parse::<u64>().ok()).filter(|number| *number <= upto));
                if numbers.len() > MOST {
                    numbers.pop_first();
                }
            }
            Ok(numbers)
        }
    })
    .await;
    let answered = stores.len() - failed.len();
    if answered == 0 {
        return Err(Error::Unreadable { answered, of: stores.len(), why: in_one_line(&failed) });
    }
    let numbers: BTreeSet<u64> = listed.into_iter().flatten().flatten().collect();
    let mut versions = Vec::new();
    for number in numbers.into_iter().rev() {
        if versions.len() == limit {
            break;
        }
        versions.extend(version(stores, key, camera, number).await?);
    }
    Ok(versions)
}
