//! `custom.folder`: a store that is a folder of this machine. Its role says which one (`pictures`, `backups`), since the
//! path is where the project happens to lie.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::json;

use super::{
    super::control::{Failure, FailureKind, Listed, Live, Wanted},
    marks::{MARKER, Marks},
    properties,
};
use crate::journal::atomic;

pub(super) const KIND: &str = "custom.folder";

/// The largest marker that is read.
const LARGEST_MARKER: u64 = 64 << 10;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Wish {
    role: String,
    #[serde(default)]
    private: bool,
}

/// The folder of a role, beside that of the pictures.
fn path_of(pictures: &Path, role: &str) -> Result<PathBuf, Failure> {
    match role {
        "pictures" => Ok(pictures.to_owned()),
        "backups" => Ok(beside(pictures, role)),
        _ => Err(Failure::new(FailureKind::Invalid, KIND, "the role of a folder is pictures or backups")),
    }
}

/// `FOLDER-WORD`, beside FOLDER.
pub(super) fn beside(pictures: &Path, word: &str) -> PathBuf {
    let mut name = pictures.file_name().unwrap_or_default().to_owned();
    name.push("-");
    name.push(word);
    pictures.with_file_name(name)
}

fn failed(action: &str, path: &Path, error: &std::io::Error) -> Failure {
    let kind = match error.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => FailureKind::Denied,
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => FailureKind::Quota,
        std::io::ErrorKind::NotADirectory | std::io::ErrorKind::AlreadyExists => FailureKind::Exists,
        _ => FailureKind::Unavailable,
    };
    Failure::new(kind, format!("folder:{action}"), format!("{}: {error}", path.display()))
}

/// Both folders, where they stand.
pub(super) fn list(pictures: &Path, region: &str) -> Vec<Listed> {
    let found = ["pictures", "backups"].map(|role| read(pictures, region, role));
    found.into_iter().flatten().map(|live| Listed { id: live.id.clone(), live: Some(live) }).collect()
}

/// One folder; its id is its role.
pub(super) fn read(pictures: &Path, region: &str, role: &str) -> Result<Live, Failure> {
    let path = path_of(pictures, role)?;
    match std::fs::metadata(&path) {
        Ok(found) if found.is_dir() => {
            let shown = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
            Ok(Live {
                id: role.to_owned(),
                kind: KIND.to_owned(),
                region: region.to_owned(),
                properties: json!({
                    "Role": role, "Private": is_private(&found), "Path": shown.display().to_string(),
                }),
                owner: marks(&path)?.owner(),
                etag: None,
            })
        }
        Ok(_) => Err(Failure::new(FailureKind::Exists, "folder:read", format!("{} is no folder", path.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Failure::new(FailureKind::NotFound, "folder:read", format!("there is no folder {}", path.display())))
        }
        Err(error) => Err(failed("read", &path, &error)),
    }
}

/// The marks of a folder; none where there is no marker.
pub(super) fn marks(path: &Path) -> Result<Marks, Failure> {
    let marker = path.join(MARKER);
    let text = match std::fs::File::open(&marker) {
        Ok(file) => {
            let mut text = Vec::new();
            std::io::Read::read_to_end(&mut std::io::Read::take(file, LARGEST_MARKER), &mut text)
                .map_err(|error| failed("read", &marker, &error))?;
            text
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Marks::default()),
        Err(error) => return Err(failed("read", &marker, &error)),
    };
    Ok(Marks::read(&text))
}

/// Whether nothing but what is ours lies in a folder.
pub(super) fn is_empty(path: &Path) -> Result<bool, Failure> {
    let entries = std::fs::read_dir(path).map_err(|error| failed("list", path, &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| failed("list", path, &error))?;
        if entry.file_name() != ".wildcam" {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Makes a folder with its marker.
pub(super) fn make(path: &Path, marks: &Marks, private: bool) -> Result<(), Failure> {
    let marker = path.join(MARKER);
    let inner = marker.parent().unwrap_or(path);
    std::fs::create_dir_all(inner).map_err(|error| failed("make", inner, &error))?;
    set_private(path, private)?;
    atomic::write(&marker, marks.text().as_bytes())
        .map_err(|error| Failure::new(FailureKind::Unavailable, "folder:mark", error.to_string()))
}

/// Makes the folder of a role.
pub(super) fn create(pictures: &Path, wanted: &Wanted) -> Result<Live, Failure> {
    let wish: Wish = properties::read("folder:make", &wanted.properties)?;
    let path = path_of(pictures, &wish.role)?;
    match read(pictures, &wanted.region, &wish.role) {
        Ok(live) => {
            // Made and not marked, as a try leaves it that was cut off; anything else is somebody's.
            let fresh = live.owner.is_none() && is_empty(&path)?;
            if !fresh && live.owner.as_ref() != Some(&wanted.owner) {
                let message = format!("the folder {} exists, and is not marked as this resource", path.display());
                return Err(Failure::new(FailureKind::Exists, "folder:make", message)
                    .next_step("take it over with wildcam adopt, or give the store another path in wildcam.toml"));
            }
        }
        Err(failure) if failure.kind == FailureKind::NotFound => (),
        Err(failure) => return Err(failure),
    }
    make(&path, &Marks::of(&wanted.owner), wish.private)?;
    read(pictures, &wanted.region, &wish.role)
}

/// Sets the permissions and the marks.
pub(super) fn update(pictures: &Path, live: &Live, wanted: &Wanted) -> Result<Live, Failure> {
    let wish: Wish = properties::read("folder:change", &wanted.properties)?;
    if wish.role != live.id {
        return Err(Failure::new(FailureKind::Invalid, "folder:change", "a folder keeps its role"));
    }
    let path = path_of(pictures, &wish.role)?;
    read(pictures, &live.region, &live.id)?;
    make(&path, &Marks::of(&wanted.owner), wish.private)?;
    read(pictures, &live.region, &live.id)
}

/// Deletes the folder of a role.
pub(super) fn delete(pictures: &Path, live: &Live, empty: bool) -> Result<(), Failure> {
    let path = path_of(pictures, &live.id)?;
    let now = read(pictures, &live.region, &live.id)?;
    if now.owner.is_none() {
        let message = format!("{} bears no marks: it is not a folder that wildcam made", path.display());
        return Err(Failure::new(FailureKind::Protected, "folder:delete", message).next_step("delete it by hand"));
    }
    if !empty && !is_empty(&path)? {
        let message = format!("the folder {} is not empty", path.display());
        return Err(Failure::new(FailureKind::Protected, "folder:delete", message)
            .next_step("name it in --allow-data-loss to lose what lies in it"));
    }
    remove(&path)
}

/// Removes a folder with everything in it, its marker last: what is cut off is still known as ours.
pub(super) fn remove(path: &Path) -> Result<(), Failure> {
    let entries = std::fs::read_dir(path).map_err(|error| failed("delete", path, &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| failed("delete", path, &error))?;
        let kind = entry.file_type().map_err(|error| failed("delete", path, &error))?;
        if entry.file_name() == ".wildcam" {
            continue;
        }
        let removed =
            if kind.is_dir() { std::fs::remove_dir_all(entry.path()) } else { std::fs::remove_file(entry.path()) };
        removed.map_err(|error| failed("delete", &entry.path(), &error))?;
    }
    std::fs::remove_dir_all(path).map_err(|error| failed("delete", path, &error))
}

#[cfg(unix)]
fn is_private(found: &std::fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o077 == 0
}

#[cfg(not(unix))]
fn is_private(_: &std::fs::Metadata) -> bool {
    false
}

#[cfg(unix)]
fn set_private(path: &Path, private: bool) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    let failed = |error: std::io::Error| failed("change", path, &error);
    let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode() & 0o7777;
    let wanted = if private { mode & 0o7700 } else { mode | 0o055 };
    if wanted != mode && (private || mode & 0o077 == 0) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(wanted)).map_err(failed)?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn set_private(_: &Path, _: bool) -> Result<(), Failure> {
    Ok(())
}
