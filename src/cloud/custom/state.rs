//! The place of the state: `BUCKET-state` at the same endpoint, or `FOLDER-state` beside the pictures' folder. It bears
//! the marks of the project, and what bears none or another's is never used nor removed.

use std::path::Path;

use serde_json::json;

use super::{
    super::{
        control::{Address, Failure, FailureKind, Owner},
        s3::{Made, Node, S3, Sub, is_bucket_name},
    },
    Backing, Custom, bucket, folder,
    marks::{MARKER, Marks},
    settings,
};
use crate::project::Store;

/// For how long older versions of the state are kept.
const VERSIONS_DAYS: u32 = 90;

fn owner(cloud: &str, project: &str) -> Owner {
    let address = Address { cloud: cloud.to_owned(), stack: "state".to_owned(), name: "store".to_owned() };
    Owner { project: project.to_owned(), environment: "default".to_owned(), address }
}

fn refuse_stranger(place: &str, found: Option<&Owner>, project: &str) -> Result<(), Failure> {
    match found {
        Some(owner) if owner.project == project && owner.address.stack == "state" => Ok(()),
        _ => {
            let message = format!("{place} exists, and is not marked as the state of {project}");
            Err(Failure::new(FailureKind::Exists, "state", message)
                .next_step("give the store of this cloud another bucket or path in wildcam.toml"))
        }
    }
}

fn bucket_name(pictures: &str) -> Result<String, Failure> {
    let name = format!("{pictures}-state");
    if is_bucket_name(&name) {
        return Ok(name);
    }
    Err(Failure::new(FailureKind::Invalid, "state", format!("no bucket can have the name {name}"))
        .next_step("give the store of this cloud a bucket with at most 57 characters in wildcam.toml"))
}

/// Where the state would lie, as a store of its own; its name for people.
pub(super) fn place(custom: &Custom) -> Result<(String, Store), Failure> {
    match (&custom.backing, custom.project.stores.get(&custom.name)) {
        (Backing::Folder(pictures), _) => {
            let path = folder::beside(pictures, "state");
            Ok((path.display().to_string(), Store::Folder { path }))
        }
        (Backing::S3 { bucket, .. }, Some(Store::S3 { endpoint, region, access_key, secret_key, authority, .. })) => {
            let bucket = bucket_name(bucket)?;
            let store = Store::S3 {
                endpoint: endpoint.clone(),
                bucket: bucket.clone(),
                region: region.clone(),
                access_key: access_key.clone(),
                secret_key: secret_key.clone(),
                authority: authority.clone(),
            };
            Ok((bucket, store))
        }
        _ => Err(Failure::new(FailureKind::Invalid, "state", "the cloud has no store")),
    }
}

/// Whether the place stands; with `make` it does afterwards.
pub(super) async fn stands(custom: &Custom, project: &str, make: bool) -> Result<bool, Failure> {
    let marks = Marks::of(&owner(&custom.name, project));
    match &custom.backing {
        Backing::Folder(pictures) => {
            let path = folder::beside(pictures, "state");
            super::blocking(move || folder_stands(&path, &marks, make)).await
        }
        Backing::S3 { s3, bucket } => {
            let bucket = bucket_name(bucket)?;
            bucket_stands(s3, &bucket, &marks, make).await
        }
    }
}

fn folder_stands(path: &Path, marks: &Marks, make: bool) -> Result<bool, Failure> {
    let project = marks.owner().map(|owner| owner.project).unwrap_or_default();
    if path.exists() {
        let found = folder::marks(path)?.owner();
        if found.is_some() || !folder::is_empty(path)? {
            refuse_stranger(&path.display().to_string(), found.as_ref(), &project)?;
            return Ok(true);
        }
    }
    if make {
        folder::make(path, marks, true)?;
    }
    Ok(make)
}

async fn bucket_stands(s3: &S3, name: &str, marks: &Marks, make: bool) -> Result<bool, Failure> {
    let project = marks.owner().map(|owner| owner.project).unwrap_or_default();
    let standing = s3.has_bucket(name).await?;
    if standing {
        let found = bucket::read(s3, "global", name).await?.owner;
        if found.is_some() || !s3.entries(name, 1).await?.is_empty() {
            refuse_stranger(name, found.as_ref(), &project)?;
            return Ok(true);
        }
    }
    if !make {
        return Ok(false);
    }
    if !standing {
        match s3.create_bucket(name, false).await {
            Ok(Made::New | Made::Ours) => (),
            Err(error) if error.failure.kind == FailureKind::Exists => {
                refuse_stranger(name, None, &project)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    // What this store cannot do the state does not need: it is written once or under conditions.
    let optional = |result: Result<(), super::super::s3::S3Error>| match result {
        Err(error) if !error.is_unsupported() => Err(Failure::from(error)),
        _ => Ok(()),
    };
    let enabled = Node::new("VersioningConfiguration").with(Node::text("Status", "Enabled"));
    optional(s3.configure(name, Sub::Versioning, &enabled).await)?;
    let wish: settings::Wish = super::properties::read(
        "state",
        &json!({ "Bucket": name, "Lifecycle": [{ "Id": "old-versions", "NoncurrentDays": VERSIONS_DAYS }] }),
    )?;
    if let Some((_, document)) = wish.setting("Lifecycle") {
        optional(s3.configure(name, Sub::Lifecycle, &document).await)?;
    }
    let mut tags = std::collections::BTreeMap::new();
    marks.put(&mut tags);
    match s3.configure(name, Sub::Tagging, &settings::tag_document(&tags)).await {
        Ok(()) => (),
        Err(error) if error.is_unsupported() => s3.put_small(name, MARKER, marks.text().as_bytes()).await?,
        Err(error) => return Err(error.into()),
    }
    Ok(true)
}

/// Removes the place with everything in it; one that is gone is no error.
pub(super) async fn remove(custom: &Custom, project: &str) -> Result<(), Failure> {
    if !stands(custom, project, false).await? {
        return Ok(());
    }
    match &custom.backing {
        Backing::Folder(pictures) => {
            let path = folder::beside(pictures, "state");
            super::blocking(move || folder::remove(&path)).await
        }
        Backing::S3 { s3, bucket } => {
            let bucket = bucket_name(bucket)?;
            s3.empty(&bucket).await?;
            Ok(s3.delete_bucket(&bucket).await?)
        }
    }
}
