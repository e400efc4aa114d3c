//! Files that are either the old or the new, never half of each: written to a temporary name in the same folder,
//! synced, renamed, and the folder synced, so that the new name survives a power cut as well.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::Error;

/// Puts `bytes` at `path`, with the permissions that a new file gets. A symbolic link at `path` is replaced, not
/// followed.
///
/// # Errors
/// [`Error::File`], naming the file; what was there before is then still there.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    replace(path, bytes, 0o666)
}

/// Like [`write()`], but on Unix only the owner may read the file (mode 0600), from its first moment on.
///
/// # Errors
/// [`Error::File`], naming the file; what was there before is then still there.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    replace(path, bytes, 0o600)
}

fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    stage(path, bytes, mode, |_| Ok(())).map(|_| ())
}

/// Writes a synced temporary file, lets `before_rename` act on it, and gives it its name. Returns the open file.
pub(super) fn stage(
    path: &Path,
    bytes: &[u8],
    mode: u32,
    before_rename: impl FnOnce(&File) -> io::Result<()>,
) -> Result<File, Error> {
    let failed = |action: &'static str| {
        let path = path.to_owned();
        move |source: io::Error| Error::File { action, path, source }
    };
    let name = path
        .file_name()
        .ok_or_else(|| failed("write")(io::Error::new(io::ErrorKind::InvalidInput, "the path does not name a file")))?;
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(name);
    prefix.push(".");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".tmp");
    #[cfg(unix)]
    {
        use std::{fs::Permissions, os::unix::fs::PermissionsExt};
        builder.permissions(Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = mode;
    let folder = folder_of(path);
    let mut temporary = builder.tempfile_in(&folder).map_err(failed("write"))?;
    temporary.write_all(bytes).map_err(failed("write"))?;
    temporary.as_file().sync_all().map_err(failed("sync"))?;
    before_rename(temporary.as_file()).map_err(failed("lock"))?;
    let file = temporary.persist(path).map_err(|error| failed("replace")(error.error))?;
    sync_folder(&folder)?;
    Ok(file)
}

/// The folder that a path lies in; the current one for a bare name.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Makes new names in `folder` durable. Windows has no such call and needs none: NTFS journals its names.
pub(super) fn sync_folder(folder: &Path) -> Result<(), Error> {
    if cfg!(unix) {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|source| Error::File { action: "sync the folder", path: folder.to_owned(), source })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_replaced_and_no_temporary_name_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_error_names_the_file_and_leaves_the_old_content() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("nowhere").join("state.json");
        let error = write(&missing, b"x").unwrap_err();
        assert!(error.to_string().contains("state.json"), "{error}");
        // A folder cannot be replaced by a file: the rename fails after the content was staged.
        let occupied = folder.path().join("occupied");
        fs::create_dir(&occupied).unwrap();
        let error = write(&occupied, b"x").unwrap_err();
        assert!(error.to_string().contains("occupied"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the temporary file is gone");
    }

    #[cfg(unix)]
    #[test]
    fn a_private_file_is_readable_by_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        write(&path, b"open").unwrap();
        write_private(&path, b"secret").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
