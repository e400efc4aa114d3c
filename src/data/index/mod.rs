//! The SQLite index of one gateway: detections, cameras, and what is left to heal.
//!
//! One thread writes, many requests to a transaction, so that a hundred uploads at once cost one sync of the disk and
//! not a hundred. The commit is synchronous in full: an intent that was reported as written survives a power cut.

mod query;
mod rows;
mod writer;

use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

pub use query::{Cursor, Filter, MAX_LIMIT, Order, Page};
pub use rows::{Begun, CameraRow, Detection, Intent, Picture};
use writer::{Job, Outcome, Writer};

/// What went wrong with the index.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite refused.
    #[error("the index at {place} could not be {action}")]
    Sqlite {
        /// Where it lies.
        place: String,
        /// What was tried.
        action: &'static str,
        /// Why not.
        source: rusqlite::Error,
    },
    /// The writer has ended, or a batch failed; the cause was logged where it happened.
    #[error("the index at {0} did not take the change")]
    Writer(String),
    /// The cursor of a page is not one that was given out.
    #[error("the cursor of the page is not valid")]
    Cursor,
}

/// How the index does its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A thread writes, and reads run on the pool for blocking work.
    Threaded,
    /// Everything runs where it is called, in order: for simulations, which must not depend on threads.
    Inline,
}

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS detections (
  camera TEXT NOT NULL, ulid TEXT NOT NULL, taken_at_ms INTEGER NOT NULL, stored_at_ms INTEGER NOT NULL,
  trigger TEXT NOT NULL, priority TEXT NOT NULL, species TEXT, confidence REAL, latitude REAL, longitude REAL,
  model TEXT, firmware TEXT NOT NULL, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL, media_type TEXT NOT NULL,
  PRIMARY KEY (camera, ulid)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS detections_time ON detections (taken_at_ms, ulid);
CREATE INDEX IF NOT EXISTS detections_camera ON detections (camera, taken_at_ms, ulid);
CREATE INDEX IF NOT EXISTS detections_species ON detections (species, taken_at_ms, ulid);
CREATE TABLE IF NOT EXISTS heal (
  document_key TEXT PRIMARY KEY, document BLOB NOT NULL, picture_key TEXT, picture_sha256 TEXT, picture_bytes INTEGER,
  media_type TEXT, missing TEXT NOT NULL, since_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cameras (
  id TEXT PRIMARY KEY, public_key BLOB, registered_ms INTEGER, last_seen_ms INTEGER, status TEXT) WITHOUT ROWID;
";

/// The index. Clones share it.
#[derive(Clone)]
pub struct Index {
    shared: Arc<Shared>,
}

struct Shared {
    place: String,
    mode: Mode,
    reader: Mutex<Connection>,
    writer: Writer,
    pending: Arc<AtomicUsize>,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Index").field(&self.shared.place).finish()
    }
}

impl Index {
    /// Opens the index in the file `path`, made where it does not exist.
    ///
    /// # Errors
    /// When the file is no database, cannot be written, or no thread can be started.
    pub fn open(path: &Path, mode: Mode) -> Result<Self, Error> {
        let place = path.display().to_string();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Self::connect(place, mode, || Connection::open_with_flags(path, flags))
    }

    /// An index that lives in memory and dies with its last clone; `name` tells it from others in the process.
    ///
    /// # Errors
    /// When memory or threads run out.
    pub fn in_memory(name: &str, mode: Mode) -> Result<Self, Error> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let uri = format!("file:wildcam-{}?mode=memory&cache=shared", name.replace(|c| !plain(c), "-"));
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI;
        Self::connect(uri.clone(), mode, || Connection::open_with_flags(&uri, flags))
    }

    fn connect(
        place: String,
        mode: Mode,
        connect: impl Fn() -> Result<Connection, rusqlite::Error>,
    ) -> Result<Self, Error> {
        let failed = |source| Error::Sqlite { place: place.clone(), action: "opened", source };
        let prepare = || -> Result<_, rusqlite::Error> {
            let writer = connect()?;
            writer.busy_timeout(std::time::Duration::from_secs(10))?;
            writer.pragma_update(None, "journal_mode", "WAL")?;
            writer.pragma_update(None, "synchronous", "FULL")?;
            writer.execute_batch(SCHEMA)?;
            let pending: i64 = writer.query_row("SELECT count(*) FROM heal", [], |row| row.get(0))?;
            let reader = connect()?;
            reader.busy_timeout(std::time::Duration::from_secs(10))?;
            // In a shared cache a reader would meet the writer's table locks, which no busy handler waits for.
            reader.pragma_update(None, "read_uncommitted", true)?;
            Ok((writer, reader, usize::try_from(pending).unwrap_or_default()))
        };
        let (writer, reader, pending) = prepare().map_err(failed)?;
        let pending = Arc::new(AtomicUsize::new(pending));
        let writer = Writer::start(writer, mode, Arc::clone(&pending), &place)?;
        Ok(Self { shared: Arc::new(Shared { place, mode, reader: Mutex::new(reader), writer, pending }) })
    }

    /// Detections and documents that some store still misses, those under way included.
    #[must_use]
    pub fn heal_pending(&self) -> usize {
        self.shared.pending.load(Ordering::Relaxed)
    }

    /// Records what is about to be written. When this returns, it survives a power cut.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn begin(&self, intent: Intent) -> Result<Begun, Error> {
        let (tell, told) = oneshot::channel();
        self.shared.writer.send(Job::Begin(Box::new(intent), tell)).await.map_err(|()| self.dead())?;
        match told.await {
            Ok(Outcome::Done(begun)) => Ok(begun),
            _ => Err(self.dead()),
        }
    }

    /// Says which stores still miss what `document_key` began; with none the intent goes away. Not waited for: losing
    /// this change costs a look at the stores after a restart, and no more.
    pub async fn settle(&self, document_key: &str, missing: Vec<String>) {
        let job = Job::Settle { document_key: document_key.to_owned(), missing };
        if self.shared.writer.send(job).await.is_err() {
            tracing::error!(index = self.shared.place, "the index has stopped");
        }
    }

    /// Counts again what is left to heal: another process on the same file may have healed some of it.
    pub async fn recount(&self) {
        if self.shared.writer.send(Job::Recount).await.is_err() {
            tracing::error!(index = self.shared.place, "the index has stopped");
        }
    }

    /// Adds detections; those that are there already stay as they are.
    pub async fn insert(&self, detections: Vec<Detection>) {
        if self.shared.writer.send(Job::Insert(detections)).await.is_err() {
            tracing::error!(index = self.shared.place, "the index has stopped");
        }
    }

    /// Remembers a camera's public key.
    pub async fn put_camera_key(&self, id: &str, public_key: [u8; 32], registered_ms: u64) {
        let job = Job::CameraKey { id: id.to_owned(), public_key, registered_ms };
        if self.shared.writer.send(job).await.is_err() {
            tracing::error!(index = self.shared.place, "the index has stopped");
        }
    }

    /// Remembers when a camera was heard, and what it said of itself where it did.
    pub async fn saw_camera(&self, id: &str, at_ms: u64, status: Option<String>) {
        let job = Job::Saw { id: id.to_owned(), at_ms, status };
        if self.shared.writer.send(job).await.is_err() {
            tracing::error!(index = self.shared.place, "the index has stopped");
        }
    }

    /// Waits until everything that was sent before is committed.
    ///
    /// # Errors
    /// When the writer has ended or could not commit.
    pub async fn flush(&self) -> Result<(), Error> {
        let (tell, told) = oneshot::channel();
        self.shared.writer.send(Job::Barrier(tell)).await.map_err(|()| self.dead())?;
        match told.await {
            Ok(Outcome::Done(_)) => Ok(()),
            _ => Err(self.dead()),
        }
    }

    fn dead(&self) -> Error {
        Error::Writer(self.shared.place.clone())
    }

    /// Runs a read off the asynchronous threads, or right here in a simulation.
    async fn read<T: Send + 'static>(
        &self,
        action: &'static str,
        read: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let shared = Arc::clone(&self.shared);
        let run = move || {
            let connection: MutexGuard<'_, Connection> = shared.reader.lock().unwrap_or_else(PoisonError::into_inner);
            read(&connection).map_err(|source| Error::Sqlite { place: shared.place.clone(), action, source })
        };
        match self.shared.mode {
            Mode::Inline => run(),
            Mode::Threaded => tokio::task::spawn_blocking(run).await.unwrap_or_else(|_| Err(self.dead())),
        }
    }
}

#[cfg(test)]
mod tests;
