//! The folder of releases: what lies in the stores below `releases/`, as files, with the same names. Everything in it is
//! public.
//!
//! ```text
//! releases/
//!   root/1.cose, 2.cose, ...     whose signatures count
//!   timestamp.cose               which releases are the newest
//!   CLASS/7.cose                 the manifest of release 7 for these boards
//!   CLASS/7.bin, 7-6.patch, 7.sums   its image, the patch from release 6, the digests of the image's sectors
//!   root/3.cose.part             a document that still lacks signatures; it stays here
//! ```

use std::{
    fs,
    io::{ErrorKind, Read as _},
    path::{Path, PathBuf},
};

use wildcam_core::{
    trust::is_class,
    wire::keys::{self, RELEASES},
};

use super::chain::{ChainError, MAX_DOCUMENT};
use crate::journal::atomic;

/// What the name of a document ends with that lacks signatures.
pub const PART: &str = "part";

/// A folder of releases.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder at `path`, which need not be there yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file of an object.
    #[must_use]
    pub fn file(&self, key: &str) -> PathBuf {
        self.path.join(key.strip_prefix(RELEASES).unwrap_or(key))
    }

    /// Reads an object of at most `most` bytes; `None` when it is not there.
    ///
    /// # Errors
    /// [`ChainError::File`], [`ChainError::TooLarge`].
    pub fn find(&self, key: &str, most: usize) -> Result<Option<Vec<u8>>, ChainError> {
        let path = self.file(key);
        match read(&path, most) {
            Ok(bytes) if bytes.len() > most => Err(ChainError::TooLarge { name: key.to_owned(), most }),
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ChainError::File { action: "read", path, source }),
        }
    }

    /// Reads an object that has to be there.
    ///
    /// # Errors
    /// [`ChainError::Missing`], and as [`Folder::find`].
    pub fn get(&self, key: &str, most: usize) -> Result<Vec<u8>, ChainError> {
        self.find(key, most)?.ok_or_else(|| ChainError::Missing(key.to_owned()))
    }

    /// Writes an object that never changes.
    ///
    /// # Errors
    /// [`ChainError::Conflict`] when another is there; [`ChainError::Write`].
    pub fn put(&self, key: &str, bytes: &[u8]) -> Result<(), ChainError> {
        match self.find(key, bytes.len()) {
            Ok(None) => self.replace(key, bytes),
            Ok(Some(there)) if there == bytes => Ok(()),
            Ok(Some(_)) | Err(ChainError::TooLarge { .. }) => Err(ChainError::Conflict { name: key.to_owned() }),
            Err(error) => Err(error),
        }
    }

    /// Writes an object, also in place of another one.
    ///
    /// # Errors
    /// [`ChainError::File`], [`ChainError::Write`].
    pub fn replace(&self, key: &str, bytes: &[u8]) -> Result<(), ChainError> {
        let path = self.file(key);
        if let Some(folder) = path.parent() {
            let failed = |source| ChainError::File { action: "make", path: folder.to_owned(), source };
            fs::create_dir_all(folder).map_err(failed)?;
        }
        atomic::write(&path, bytes).map_err(ChainError::Write)
    }

    /// All roots from the first on, up to a gap.
    ///
    /// # Errors
    /// As [`Folder::find`].
    pub fn roots(&self) -> Result<Vec<Vec<u8>>, ChainError> {
        let mut roots = Vec::new();
        while let Some(root) = self.find(&keys::release_root(roots.len() as u64 + 1), MAX_DOCUMENT)? {
            roots.push(root);
        }
        Ok(roots)
    }

    /// The timestamp.
    ///
    /// # Errors
    /// As [`Folder::find`].
    pub fn timestamp(&self) -> Result<Option<Vec<u8>>, ChainError> {
        self.find(&keys::release_timestamp(), MAX_DOCUMENT)
    }

    /// The manifest of a release.
    ///
    /// # Errors
    /// As [`Folder::find`].
    pub fn manifest(&self, class: &str, number: u64) -> Result<Option<Vec<u8>>, ChainError> {
        match keys::release_manifest(class, number) {
            Some(key) => self.find(&key, MAX_DOCUMENT),
            None => Ok(None),
        }
    }

    /// The classes of boards that have a folder here.
    ///
    /// # Errors
    /// [`ChainError::File`].
    pub fn classes(&self) -> Result<Vec<String>, ChainError> {
        let names = names(&self.path)?.into_iter();
        Ok(names.filter(|name| is_class(name) && name != "root" && self.path.join(name).is_dir()).collect())
    }

    /// The numbers of the releases of a class, rising.
    ///
    /// # Errors
    /// [`ChainError::File`].
    pub fn numbers(&self, class: &str) -> Result<Vec<u64>, ChainError> {
        let names = names(&self.path.join(class))?;
        let mut numbers: Vec<u64> = names.iter().filter_map(|name| number(name, ".cose")).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }
}

impl Folder {
    /// The number of the next release of a class: one that still lacks signatures has its number already.
    ///
    /// # Errors
    /// [`ChainError::File`].
    pub fn next_number(&self, class: &str) -> Result<u64, ChainError> {
        let part = format!(".cose.{PART}");
        let names = names(&self.path.join(class))?;
        let taken = names.iter().filter_map(|name| number(name, ".cose").or_else(|| number(name, &part)));
        Ok(taken.max().map_or(1, |last| last.saturating_add(1)))
    }
}

/// The number in a file's name with this ending; only in the form in which it is written.
fn number(name: &str, ending: &str) -> Option<u64> {
    let digits = name.strip_suffix(ending)?;
    digits.parse().ok().filter(|number: &u64| *number > 0 && number.to_string() == digits)
}

fn names(path: &Path) -> Result<Vec<String>, ChainError> {
    let failed = |source| ChainError::File { action: "read", path: path.to_owned(), source };
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let names: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.file_name())).collect();
    let mut names: Vec<String> =
        names.map_err(failed)?.into_iter().filter_map(|name| name.into_string().ok()).collect();
    names.sort_unstable();
    Ok(names)
}

/// Reads a file, one byte further than `most` at most.
fn read(path: &Path, most: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_changes_is_written_once() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(&dir.path().join("releases"));
        assert!(folder.classes().unwrap().is_empty() && folder.roots().unwrap().is_empty());
        folder.put("releases/esp32c3/7.bin", b"image").unwrap();
        folder.put("releases/esp32c3/7.bin", b"image").unwrap();
        for other in [&b"imagf"[..], b"ima", b"image and more", b""] {
            let refused = folder.put("releases/esp32c3/7.bin", other).unwrap_err();
            assert!(matches!(refused, ChainError::Conflict { .. }), "{refused}");
        }
        assert!(matches!(folder.get("releases/esp32c3/7.bin", 4), Err(ChainError::TooLarge { most: 4, .. })));
        assert!(matches!(folder.get("releases/esp32c3/8.bin", 4), Err(ChainError::Missing(_))));
        for name in ["3.cose", "12.cose", "03.cose", "0.cose", "x.cose", "4.cose.part", "5.bin"] {
            folder.put(&format!("releases/esp32c3/{name}"), b"x").unwrap();
        }
        assert_eq!(folder.numbers("esp32c3").unwrap(), [3, 12]);
        assert_eq!((folder.next_number("esp32c3").unwrap(), folder.next_number("esp32c6").unwrap()), (13, 1));
        folder.put("releases/esp32c3/13.cose.part", b"x").unwrap();
        assert_eq!(folder.next_number("esp32c3").unwrap(), 14);
        for number in [1, 2, 4] {
            folder.put(&format!("releases/root/{number}.cose"), b"root").unwrap();
        }
        assert_eq!((folder.roots().unwrap().len(), folder.classes().unwrap()), (2, vec!["esp32c3".to_owned()]));
    }
}
