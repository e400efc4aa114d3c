use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use tokio::sync::oneshot;

use super::{
    Error,
    files::{Files, NewFile, sync_folder},
    refusal::{Outcome, Refusal},
};

const FORMAT: i64 = 1;

/// `live` marks the newest version of a key when it is not a delete marker: what a plain listing shows. `seq` orders
/// the versions of a key; version ids do not, since a clock can go back.
const SCHEMA: &str = "
CREATE TABLE bucket (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_ms INTEGER NOT NULL,
    object_lock INTEGER NOT NULL,
    retention TEXT
);
CREATE TABLE version (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket INTEGER NOT NULL REFERENCES bucket(id),
    key TEXT NOT NULL,
    id TEXT NOT NULL,
    live INTEGER NOT NULL,
    marker INTEGER NOT NULL,
    file TEXT,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    modified_ms INTEGER NOT NULL,
    about TEXT NOT NULL,
    lock TEXT
);
CREATE INDEX version_key ON version(bucket, key, seq);
CREATE UNIQUE INDEX version_live ON version(bucket, key) WHERE live = 1;
CREATE UNIQUE INDEX version_file ON version(file) WHERE file IS NOT NULL;
CREATE TABLE upload (
    id TEXT PRIMARY KEY,
    bucket INTEGER NOT NULL REFERENCES bucket(id),
    key TEXT NOT NULL,
    about TEXT NOT NULL,
    lock TEXT NOT NULL,
    started_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE part (
    upload TEXT NOT NULL REFERENCES upload(id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    file TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    sums TEXT NOT NULL,
    modified_ms INTEGER NOT NULL,
    PRIMARY KEY (upload, number)
) WITHOUT ROWID;
CREATE TABLE doomed (file TEXT PRIMARY KEY) WITHOUT ROWID;
";

/// The most changes that share one transaction.
const BATCH: usize = 256;

/// The SQLite index of a store: one writer that commits in groups, and readers beside it.
pub(super) struct Index {
    path: PathBuf,
    inline: bool,
    readers: Arc<Mutex<Vec<Connection>>>,
    writer: Writer,
}

enum Writer {
    /// Changes of one moment are committed together, by a thread of their own.
    Thread { jobs: Option<Sender<Box<dyn Job>>>, thread: Option<JoinHandle<()>> },
    /// Each change is committed where it is asked for.
    Inline(Mutex<Committer>),
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Self::Thread { jobs, thread } = self {
            drop(jobs.take());
            if let Some(thread) = thread.take() {
                // The folder is free for another store only when the last commit is done.
                let _ = thread.join();
            }
        }
    }
}

struct Committer {
    connection: Connection,
    data: PathBuf,
    sync: bool,
}

/// A change that waits for its group.
trait Job: Send {
    /// The folder whose new entry the change refers to.
    fn folder(&self) -> Option<PathBuf>;
    /// Does the change; false when it must be rolled back.
    fn apply(&mut self, connection: &Connection) -> bool;
    /// Answers, after the commit or in place of it.
    fn finish(self: Box<Self>, failure: Option<&str>);
}

struct Change<T, F> {
    work: Option<F>,
    result: Option<Outcome<T>>,
    file: Option<NewFile>,
    reply: oneshot::Sender<Outcome<T>>,
}

impl<T: Send, F: FnOnce(&Connection) -> Outcome<T> + Send> Job for Change<T, F> {
    fn folder(&self) -> Option<PathBuf> {
        self.file.as_ref().and_then(|file| file.path().parent()).map(Path::to_path_buf)
    }

    fn apply(&mut self, connection: &Connection) -> bool {
        let result = self.work.take().map(|work| work(connection));
        let done = matches!(result, Some(Ok(_)));
        self.result = result;
        done
    }

    fn finish(mut self: Box<Self>, failure: Option<&str>) {
        let result = match (self.result.take(), failure) {
            (Some(Err(refusal)), _) => Err(refusal),
            (_, Some(text)) => Err(Refusal::Fault(text.to_owned())),
            (Some(Ok(value)), None) => Ok(value),
            (None, None) => Err(Refusal::Fault("the change was not tried".to_owned())),
        };
        if result.is_ok()
            && let Some(file) = &mut self.file
        {
            file.keep();
        }
        // Before the answer, so that who hears a refusal finds nothing of it.
        drop(self.file.take());
        // A client that has gone away does not hear the answer; the change stands.
        let _ = self.reply.send(result);
    }
}

impl Committer {
    fn commit(&mut self, mut jobs: Vec<Box<dyn Job>>) {
        let failure = self.try_commit(&mut jobs).err().map(|refusal| {
            tracing::error!(?refusal, "a group of changes could not be committed");
            if !self.connection.is_autocommit() {
                let _ = self.connection.execute_batch("ROLLBACK");
            }
            format!("the index could not be written: {refusal:?}")
        });
        for job in jobs {
            job.finish(failure.as_deref());
        }
    }

    fn try_commit(&mut self, jobs: &mut [Box<dyn Job>]) -> Outcome<()> {
        if self.sync {
            // Before the rows: a row must never name a file that a power cut can take away.
            for folder in jobs.iter().filter_map(|job| job.folder()).collect::<BTreeSet<_>>() {
                sync_folder(&folder)?;
            }
        }
        let connection = &self.connection;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        reap(connection, &self.data)?;
        for job in jobs {
            connection.prepare_cached("SAVEPOINT change")?.execute([])?;
            if !job.apply(connection) {
                connection.prepare_cached("ROLLBACK TO change")?.execute([])?;
            }
            connection.prepare_cached("RELEASE change")?.execute([])?;
        }
        connection.execute_batch("COMMIT")?;
        Ok(())
    }
}

/// Removes the files that an earlier, committed transaction has given up.
fn reap(connection: &Connection, data: &Path) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("SELECT file FROM doomed LIMIT 1000")?;
    let doomed = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    for file in doomed {
        match std::fs::remove_file(data.join(&file)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(file, %error, "the file of a deleted version could not be removed");
            }
            _ => (),
        }
        connection.prepare_cached("DELETE FROM doomed WHERE file = ?")?.execute([file])?;
    }
    Ok(())
}

/// Marks a file for removal once this transaction is committed.
pub(super) fn doom(connection: &Connection, file: &str) -> rusqlite::Result<()> {
    connection.prepare_cached("INSERT OR IGNORE INTO doomed (file) VALUES (?)")?.execute([file])?;
    Ok(())
}

fn set_up(connection: &Connection, sync: bool) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "synchronous", if sync { "FULL" } else { "OFF" })?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

impl Index {
    pub(super) fn open(root: &Path, sync: bool, inline: bool) -> Result<Self, Error> {
        let failed = |source| Error::Index { path: root.to_path_buf(), source };
        let path = root.join("index.sqlite");
        let connection = Connection::open(&path).map_err(failed)?;
        set_up(&connection, sync).map_err(failed)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
        let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
        match found {
            0 => connection
                .execute_batch(&format!("BEGIN;{SCHEMA}PRAGMA user_version = {FORMAT};COMMIT;"))
                .map_err(failed)?,
            FORMAT => (),
            _ => return Err(Error::Format { path: root.to_path_buf(), found, expected: FORMAT }),
        }
        let mut committer = Committer { connection, data: root.join("data"), sync };
        let writer = if inline {
            Writer::Inline(Mutex::new(committer))
        } else {
            let (jobs, waiting) = channel::<Box<dyn Job>>();
            let thread = std::thread::Builder::new()
                .name("store-index".to_owned())
                .spawn(move || commit_groups(&mut committer, &waiting))
                .map_err(|source| Error::File { path: root.to_path_buf(), source })?;
            Writer::Thread { jobs: Some(jobs), thread: Some(thread) }
        };
        Ok(Self { path, inline, readers: Arc::default(), writer })
    }

    /// Removes what a crash has left: files of deleted versions, and files that no version has.
    pub(super) fn sweep(&self, files: &Files) -> rusqlite::Result<()> {
        let connection = self.reader()?;
        let names = files.newest().unwrap_or_default();
        let mut known = connection.prepare(
            "SELECT EXISTS (SELECT 1 FROM version WHERE file = ?1) OR EXISTS (SELECT 1 FROM part WHERE file = ?1)",
        )?;
        for name in names {
            if !known.query_row(params![name], |row| row.get::<_, bool>(0))? {
                files.remove(&name);
            }
        }
        let mut doomed = connection.prepare("SELECT file FROM doomed")?;
        for name in doomed.query_map([], |row| row.get::<_, String>(0))? {
            files.remove(&name?);
        }
        Ok(())
    }

    fn reader(&self) -> rusqlite::Result<Connection> {
        open_reader(&self.path)
    }

    /// Reads the index as it is at one moment.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        let (readers, path) = (Arc::clone(&self.readers), self.path.clone());
        super::files::run(self.inline, move || {
            let idle = readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = match idle {
                Some(connection) => connection,
                None => open_reader(&path)?,
            };
            let transaction = connection.transaction()?;
            let outcome = work(&transaction);
            transaction.finish()?;
            let mut readers = readers.lock().unwrap_or_else(PoisonError::into_inner);
            if readers.len() < 8 {
                readers.push(connection);
            }
            outcome
        })
        .await?
    }

    /// Changes the index, durably: together with the other changes of the moment, or not at all. `file` is the file
    /// that the change refers to; it stays when the change is made, and is removed when not.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        file: Option<NewFile>,
        work: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        let (reply, answer) = oneshot::channel();
        self.submit(Box::new(Change { work: Some(work), result: None, file, reply }));
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// The same for the start of a store, when nothing else runs.
    pub(super) fn change_now<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        let (reply, mut answer) = oneshot::channel();
        self.submit(Box::new(Change { work: Some(work), result: None, file: None, reply }));
        loop {
            match answer.try_recv() {
                Ok(outcome) => return outcome,
                Err(oneshot::error::TryRecvError::Empty) => std::thread::yield_now(),
                Err(oneshot::error::TryRecvError::Closed) => return Err(stopped()),
            }
        }
    }

    fn submit(&self, job: Box<dyn Job>) {
        match &self.writer {
            Writer::Inline(committer) => {
                committer.lock().unwrap_or_else(PoisonError::into_inner).commit(vec![job]);
            }
            Writer::Thread { jobs, .. } => {
                // When the thread is gone the job is dropped, and its reply with it: the caller sees that.
                if let Some(jobs) = jobs {
                    let _ = jobs.send(job);
                }
            }
        }
    }
}

fn stopped() -> Refusal {
    Refusal::Fault("the index has stopped".to_owned())
}

fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    // Read-write although it only reads: a read-only connection cannot recover the log of a crashed writer.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    set_up(&connection, false)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn commit_groups(committer: &mut Committer, waiting: &Receiver<Box<dyn Job>>) {
    while let Ok(first) = waiting.recv() {
        let mut jobs = vec![first];
        while jobs.len() < BATCH
            && let Ok(next) = waiting.try_recv()
        {
            jobs.push(next);
        }
        committer.commit(jobs);
    }
}

/// What is known of a bucket.
pub(super) struct BucketRow {
    pub(super) id: i64,
    pub(super) object_lock: bool,
    pub(super) retention: Option<super::Retention>,
}

/// Finds a bucket.
pub(super) fn find_bucket(connection: &Connection, name: &str) -> Outcome<Option<BucketRow>> {
    let row = connection
        .prepare_cached("SELECT id, object_lock, retention FROM bucket WHERE name = ?")?
        .query_row([name], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<String>>(2)?)))
        .optional()?;
    let Some((id, object_lock, retention)) = row else { return Ok(None) };
    let retention = match retention {
        Some(text) => Some(super::buckets::read_retention(&text)?),
        None => None,
    };
    Ok(Some(BucketRow { id, object_lock, retention }))
}

/// Finds a bucket that must be there.
pub(super) fn bucket(connection: &Connection, name: &str) -> Outcome<BucketRow> {
    find_bucket(connection, name)?.ok_or_else(|| s3s::s3_error!(NoSuchBucket).into())
}
