use std::{
    collections::BTreeSet,
    fs::{self, File, TryLockError},
    io::{self, IoSlice, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;

use super::Error;
use crate::clock::{Clock, Random};

/// Characters of a ULID that name the folder of a version: 2^15 ms, so that the writes of one moment share a folder and
/// with it one flush, and no folder grows without bound.
const FOLDER_CHARACTERS: usize = 7;

/// The files of a store: `data/FOLDER/ULID`, and `tmp/ULID` for what is not whole yet.
pub(super) struct Files {
    root: PathBuf,
    pub(super) sync: bool,
    inline: bool,
    clock: Clock,
    random: Random,
    /// Folders known to exist, durably. Only the newest few are kept.
    folders: Mutex<BTreeSet<String>>,
    /// Held for as long as the store lives; the operating system releases it with the process.
    _lock: File,
}

/// A file that is written but not yet part of the store: it goes away when dropped, unless [`NewFile::keep`] was called.
pub(super) struct NewFile {
    path: PathBuf,
    /// `FOLDER/ULID` for a file in `data`.
    pub(super) name: String,
    kept: bool,
}

impl NewFile {
    pub(super) fn keep(&mut self) {
        self.kept = true;
    }

    /// The version id: the last part of the name.
    pub(super) fn id(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.kept {
            remove(&self.path);
        }
    }
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "a file that is not needed could not be removed");
        }
        _ => (),
    }
}

/// Makes the entries of a folder durable. Only Unix can; elsewhere the file system is trusted.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

impl Files {
    pub(super) fn open(root: &Path, sync: bool, inline: bool, clock: Clock, random: Random) -> Result<Self, Error> {
        let failed = |path: &Path| {
            let path = path.to_path_buf();
            move |source| Error::File { path, source }
        };
        let (data, tmp) = (root.join("data"), root.join("tmp"));
        for folder in [&data, &tmp] {
            fs::create_dir_all(folder).map_err(failed(folder))?;
        }
        let path = root.join("lock");
        let lock = File::options().write(true).create(true).truncate(false).open(&path).map_err(failed(&path))?;
        match lock.try_lock() {
            Ok(()) => (),
            Err(TryLockError::WouldBlock) => return Err(Error::InUse(root.to_path_buf())),
            Err(TryLockError::Error(source)) => return Err(Error::File { path, source }),
        }
        for entry in fs::read_dir(&tmp).map_err(failed(&tmp))? {
            let path = entry.map_err(failed(&tmp))?.path();
            fs::remove_file(&path).map_err(failed(&path))?;
        }
        if sync {
            sync_folder(root).map_err(failed(root))?;
        }
        Ok(Self { root: root.to_path_buf(), sync, inline, clock, random, folders: Mutex::default(), _lock: lock })
    }

    /// Does `work`, which blocks, where it disturbs nobody.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        run(self.inline, work).await
    }

    /// An id that no other version has.
    pub(super) fn new_id(&self) -> String {
        self.random.ulid(self.clock.unix_ms()).to_string()
    }

    pub(super) fn inline(&self) -> bool {
        self.inline
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join("data").join(name)
    }

    /// A name for a new version, in a folder that exists.
    fn reserve(&self) -> io::Result<NewFile> {
        let id = self.new_id();
        let folder = id[..FOLDER_CHARACTERS].to_owned();
        let path = self.path(&folder);
        let mut known = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(&folder) {
            match fs::create_dir(&path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => (),
            }
            if self.sync {
                sync_folder(&self.root.join("data"))?;
            }
            known.insert(folder.clone());
            if known.len() > 8 {
                known.pop_first();
            }
        }
        drop(known);
        Ok(NewFile { path: path.join(&id), name: format!("{folder}/{id}"), kept: false })
    }

    /// Writes a whole file at its final place. Nothing refers to it yet, so it needs no temporary name.
    pub(super) fn write(&self, pieces: &[Bytes]) -> io::Result<NewFile> {
        let new = self.reserve()?;
        let mut file = File::create_new(&new.path)?;
        write_pieces(&mut file, pieces)?;
        if self.sync {
            file.sync_data()?;
        }
        Ok(new)
    }

    /// Begins a file that arrives in pieces.
    pub(super) fn begin(&self) -> io::Result<(NewFile, File)> {
        let id = self.new_id();
        let path = self.root.join("tmp").join(&id);
        let file = File::create_new(&path)?;
        Ok((NewFile { path, name: id, kept: false }, file))
    }

    /// Ends a file that arrived in pieces: durable, and at its final place.
    pub(super) fn finish(&self, mut begun: NewFile, file: &File) -> io::Result<NewFile> {
        if self.sync {
            file.sync_data()?;
        }
        let new = self.reserve()?;
        fs::rename(&begun.path, &new.path)?;
        begun.keep();
        Ok(new)
    }

    /// A second name for the content of `name`, or a copy where the file system has no links.
    pub(super) fn duplicate(&self, name: &str) -> io::Result<NewFile> {
        let new = self.reserve()?;
        if fs::hard_link(self.path(name), &new.path).is_err() {
            fs::copy(self.path(name), &new.path)?;
            if self.sync {
                File::open(&new.path)?.sync_all()?;
            }
        }
        Ok(new)
    }

    /// The names in the newest two folders, where a crash can have left files that the index does not know.
    pub(super) fn newest(&self) -> io::Result<Vec<String>> {
        let mut folders = Vec::new();
        for entry in fs::read_dir(self.root.join("data"))? {
            folders.extend(entry?.file_name().into_string());
        }
        folders.sort_unstable();
        let mut names = Vec::new();
        for folder in folders.iter().rev().take(2) {
            for entry in fs::read_dir(self.path(folder))? {
                names.extend(entry?.file_name().into_string().map(|file| format!("{folder}/{file}")));
            }
        }
        Ok(names)
    }

    pub(super) fn remove(&self, name: &str) {
        remove(&self.path(name));
    }
}

/// Runs `work` here, or on a thread for blocking work.
pub(super) async fn run<T: Send + 'static>(inline: bool, work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    if inline { Ok(work()) } else { tokio::task::spawn_blocking(work).await.map_err(io::Error::other) }
}

/// Writes all pieces, several with one call to the system.
pub(super) fn write_pieces(file: &mut File, pieces: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> =
        pieces.iter().filter(|piece| !piece.is_empty()).map(|piece| IoSlice::new(piece)).collect();
    let mut rest = slices.as_mut_slice();
    while !rest.is_empty() {
        match file.write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
