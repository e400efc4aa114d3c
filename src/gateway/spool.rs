//! Uploads that arrive in parts: each lies in a file until it is complete. They do not outlive the process; a camera
//! that is told `unknown-upload` begins again.

use std::{
    collections::HashMap,
    io::{self, Write},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use wildcam_core::wire::{CameraId, Event, Ulid};

/// Uploads in parts that may be under way at once, and the bytes they may take together.
const MAX_PARTIALS: usize = 256;
const MAX_BYTES: u64 = 512 * 1024 * 1024;

/// A partial that nothing was added to for this long is given up.
const MAX_AGE: Duration = Duration::from_secs(3600);

type Name = (CameraId, Ulid);

/// Where the bytes lie.
#[derive(Debug)]
enum Content {
    File(PathBuf),
    Memory(BytesMut),
}

/// One upload in parts.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) event_json: Bytes,
    pub(super) event: Event,
    /// Bytes that have arrived.
    pub(super) offset: u64,
    content: Content,
}

#[derive(Debug)]
struct Entry {
    partial: Arc<tokio::sync::Mutex<Partial>>,
    room: u64,
    touched: Duration,
}

/// The uploads in parts of one gateway.
#[derive(Debug)]
pub(super) struct Spool {
    folder: Option<PathBuf>,
    next: AtomicU64,
    all: Mutex<HashMap<Name, Entry>>,
}

/// Why an upload in parts cannot begin.
#[derive(Debug)]
pub(super) enum Refused {
    Full,
    Altered,
}

impl Spool {
    /// Partials lie in `folder`, which is emptied of what an earlier process left, or in memory without one.
    pub(super) fn new(folder: Option<PathBuf>) -> io::Result<Self> {
        if let Some(folder) = &folder {
            std::fs::create_dir_all(folder)?;
            for entry in std::fs::read_dir(folder)? {
                let path = entry?.path();
                if path.extension().is_some_and(|extension| extension == "part") {
                    std::fs::remove_file(path)?;
                }
            }
        }
        Ok(Self { folder, next: AtomicU64::new(0), all: Mutex::default() })
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<Name, Entry>) -> T) -> T {
        work(&mut self.all.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Begins an upload, or goes on with the one that has the same event. The answer is the next byte expected.
    pub(super) async fn begin(&self, event: Event, event_json: Bytes, now: Duration) -> Result<u64, Refused> {
        let name = (event.camera.clone(), event.ulid);
        let room = u64::from(event.image.bytes);
        let content = match &self.folder {
            // A number of its own: an upload that was given up and begun again must not share a file with its ghost.
            Some(folder) => Content::File(folder.join(format!("{}.part", self.next.fetch_add(1, Ordering::Relaxed)))),
            None => Content::Memory(BytesMut::new()),
        };
        let fresh = Partial { event_json: event_json.clone(), event, offset: 0, content };
        let partial = self.with(|all| {
            let old: Vec<Name> = all
                .iter()
                .filter(|(_, entry)| now.saturating_sub(entry.touched) > MAX_AGE)
                .map(|(name, _)| name.clone())
                .collect();
            for name in old {
                all.remove(&name);
            }
            if let Some(entry) = all.get_mut(&name) {
                entry.touched = now;
                return Ok(Arc::clone(&entry.partial));
            }
            let taken: u64 = all.values().map(|entry| entry.room).sum();
            if all.len() >= MAX_PARTIALS || taken.saturating_add(room) > MAX_BYTES {
                return Err(Refused::Full);
            }
            let partial = Arc::new(tokio::sync::Mutex::new(fresh));
            all.insert(name, Entry { partial: Arc::clone(&partial), room, touched: now });
            Ok(partial)
        })?;
        let partial = partial.lock().await;
        if partial.event_json == event_json { Ok(partial.offset) } else { Err(Refused::Altered) }
    }

    pub(super) fn find(
        &self,
        camera: &CameraId,
        ulid: Ulid,
        now: Duration,
    ) -> Option<Arc<tokio::sync::Mutex<Partial>>> {
        self.with(|all| {
            let entry = all.get_mut(&(camera.clone(), ulid))?;
            entry.touched = now;
            Some(Arc::clone(&entry.partial))
        })
    }

    pub(super) fn remove(&self, camera: &CameraId, ulid: Ulid) {
        self.with(|all| all.remove(&(camera.clone(), ulid)));
    }
}

impl Partial {
    /// Adds a part at the end. After an error nothing was added.
    pub(super) async fn append(&mut self, part: Bytes) -> io::Result<()> {
        let length = part.len() as u64;
        match &mut self.content {
            Content::Memory(bytes) => bytes.extend_from_slice(&part),
            Content::File(path) => {
                let (path, offset) = (path.clone(), self.offset);
                let write = move || {
                    let mut file = std::fs::OpenOptions::new().create(true).write(true).truncate(false).open(path)?;
                    // What a failed part left behind is overwritten.
                    file.set_len(offset)?;
                    io::Seek::seek(&mut file, io::SeekFrom::End(0))?;
                    file.write_all(&part)
                };
                tokio::task::spawn_blocking(write).await.map_err(io::Error::other)??;
            }
        }
        self.offset += length;
        Ok(())
    }

    /// The whole picture.
    pub(super) async fn content(&self) -> io::Result<Bytes> {
        match &self.content {
            Content::Memory(bytes) => Ok(bytes.clone().freeze()),
            Content::File(_) if self.offset == 0 => Ok(Bytes::new()),
            Content::File(path) => tokio::fs::read(path).await.map(Bytes::from),
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if let Content::File(path) = &self.content {
            let _ = std::fs::remove_file(path);
        }
    }
}
