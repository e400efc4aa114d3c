use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use tokio::sync::{mpsc, oneshot};
use wildcam_core::wire::keys;

use super::{Begun, Detection, Error, Intent, Mode};

/// Changes that wait for the writer at most; a caller beyond that waits its turn.
const QUEUE: usize = 1024;

/// Changes in one transaction at most, so that no reader waits long for the log to be folded in.
const BATCH: usize = 512;

/// When nobody waits for a change, others may join its transaction for this long.
const LINGER: Duration = Duration::from_millis(4);

pub(super) enum Outcome {
    Done(Begun),
    Failed,
}

pub(super) enum Job {
    Begin(Box<Intent>, oneshot::Sender<Outcome>),
    Settle { document_key: String, missing: Vec<String> },
    Insert(Vec<Detection>),
    CameraKey { id: String, public_key: [u8; 32], registered_ms: u64 },
    Saw { id: String, at_ms: u64, status: Option<String> },
    Recount,
    Barrier(oneshot::Sender<Outcome>),
}

impl Job {
    fn is_awaited(&self) -> bool {
        matches!(self, Self::Begin(..) | Self::Barrier(_))
    }
}

pub(super) enum Writer {
    Thread(mpsc::Sender<Job>),
    Inline { connection: Mutex<Connection>, pending: Arc<AtomicUsize> },
}

impl Writer {
    pub(super) fn start(
        connection: Connection,
        mode: Mode,
        pending: Arc<AtomicUsize>,
        place: &str,
    ) -> Result<Self, Error> {
        if mode == Mode::Inline {
            return Ok(Self::Inline { connection: Mutex::new(connection), pending });
        }
        let (sender, receiver) = mpsc::channel(QUEUE);
        // It ends when the last sender goes, which is when the last clone of the index does.
        std::thread::Builder::new()
            .name("wildcam-index".to_owned())
            .spawn(move || write_until_closed(connection, receiver, &pending))
            .map_err(|_| Error::Writer(place.to_owned()))?;
        Ok(Self::Thread(sender))
    }

    pub(super) async fn send(&self, job: Job) -> Result<(), ()> {
        match self {
            Self::Thread(sender) => sender.send(job).await.map_err(|_| ()),
            Self::Inline { connection, pending } => {
                let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                commit(&mut connection, vec![job], pending);
                Ok(())
            }
        }
    }
}

fn write_until_closed(mut connection: Connection, mut jobs: mpsc::Receiver<Job>, pending: &AtomicUsize) {
    while let Some(first) = jobs.blocking_recv() {
        let mut batch = vec![first];
        if !batch[0].is_awaited() {
            std::thread::sleep(LINGER);
        }
        while batch.len() < BATCH {
            match jobs.try_recv() {
                Ok(job) => batch.push(job),
                Err(_) => break,
            }
        }
        commit(&mut connection, batch, pending);
    }
}

/// One transaction for the whole batch. Whoever waits is told after the commit, never before.
fn commit(connection: &mut Connection, batch: Vec<Job>, pending: &AtomicUsize) {
    let mut waiting = Vec::new();
    let mut change = 0_isize;
    let mut counted = None;
    let result = (|| {
        let transaction = connection.transaction()?;
        for job in &batch {
            let (fresh, added) = apply(&transaction, job)?;
            waiting.push(fresh);
            change += added;
            if matches!(job, Job::Recount) {
                let count: i64 = transaction.query_row("SELECT count(*) FROM heal", [], |row| row.get(0))?;
                counted = Some(usize::try_from(count).unwrap_or_default());
                change = 0;
            }
        }
        transaction.commit()
    })();
    match &result {
        Ok(()) => {
            // Only this thread changes the number.
            let before = counted.unwrap_or_else(|| pending.load(Ordering::Relaxed));
            pending.store(before.saturating_add_signed(change), Ordering::Relaxed);
        }
        Err(error) => tracing::error!(%error, "the index could not commit"),
    }
    for (n, job) in batch.into_iter().enumerate() {
        if let Job::Begin(_, tell) | Job::Barrier(tell) = job {
            let outcome = match &result {
                Ok(()) => Outcome::Done(waiting.get(n).copied().unwrap_or(Begun::Conflict)),
                Err(_) => Outcome::Failed,
            };
            let _ = tell.send(outcome);
        }
    }
}

fn apply(transaction: &Transaction<'_>, job: &Job) -> Result<(Begun, isize), rusqlite::Error> {
    match job {
        Job::Begin(intent, _) => begin(transaction, intent),
        Job::Settle { document_key, missing } if missing.is_empty() => {
            let gone =
                transaction.prepare_cached("DELETE FROM heal WHERE document_key = ?1")?.execute([document_key])?;
            Ok((Begun::New, -isize::try_from(gone).unwrap_or_default()))
        }
        Job::Settle { document_key, missing } => {
            transaction
                .prepare_cached("UPDATE heal SET missing = ?2 WHERE document_key = ?1")?
                .execute(params![document_key, missing.join(" ")])?;
            Ok((Begun::New, 0))
        }
        Job::Insert(detections) => {
            for detection in detections {
                insert(transaction, detection)?;
            }
            Ok((Begun::New, 0))
        }
        Job::CameraKey { id, public_key, registered_ms } => {
            transaction
                .prepare_cached(
                    "INSERT INTO cameras (id, public_key, registered_ms) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE
                     SET public_key = excluded.public_key, registered_ms = coalesce(registered_ms, excluded.registered_ms)",
                )?
                .execute(params![id, public_key.as_slice(), to_i64(*registered_ms)])?;
            Ok((Begun::New, 0))
        }
        Job::Saw { id, at_ms, status } => {
            transaction
                .prepare_cached(
                    "INSERT INTO cameras (id, last_seen_ms, status) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE
                     SET last_seen_ms = max(coalesce(last_seen_ms, 0), excluded.last_seen_ms),
                     status = coalesce(excluded.status, status)",
                )?
                .execute(params![id, to_i64(*at_ms), status])?;
            Ok((Begun::New, 0))
        }
        Job::Recount | Job::Barrier(_) => Ok((Begun::New, 0)),
    }
}

fn begin(transaction: &Transaction<'_>, intent: &Intent) -> Result<(Begun, isize), rusqlite::Error> {
    let picture = intent.picture.as_ref();
    if let (Some(picture), Some((camera, ulid, _))) = (picture, keys::parse_detection(&intent.document_key)) {
        let known: Option<String> = transaction
            .prepare_cached("SELECT sha256 FROM detections WHERE camera = ?1 AND ulid = ?2")?
            .query_row([camera.to_string(), ulid.to_string()], |row| row.get(0))
            .optional()?;
        if known.is_some_and(|sha256| sha256 != picture.sha256) {
            return Ok((Begun::Conflict, 0));
        }
    }
    let inserted = transaction
        .prepare_cached(
            "INSERT INTO heal (document_key, document, picture_key, picture_sha256, picture_bytes, media_type, missing,
             since_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (document_key) DO NOTHING",
        )?
        .execute(params![
            intent.document_key,
            intent.document,
            picture.map(|p| &p.key),
            picture.map(|p| &p.sha256),
            picture.map(|p| to_i64(p.bytes)),
            picture.map(|p| &p.media_type),
            intent.missing.join(" "),
            to_i64(intent.since_ms),
        ])?;
    if inserted > 0 {
        return Ok((Begun::New, 1));
    }
    let standing: Vec<u8> = transaction
        .prepare_cached("SELECT document FROM heal WHERE document_key = ?1")?
        .query_row([&intent.document_key], |row| row.get(0))?;
    Ok((if standing == intent.document { Begun::Standing } else { Begun::Conflict }, 0))
}

fn insert(transaction: &Transaction<'_>, row: &Detection) -> Result<(), rusqlite::Error> {
    transaction
        .prepare_cached(
            "INSERT INTO detections (camera, ulid, taken_at_ms, stored_at_ms, trigger, priority, species, confidence,
             latitude, longitude, model, firmware, sha256, bytes, media_type)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            row.camera,
            row.ulid,
            to_i64(row.taken_at_ms),
            to_i64(row.stored_at_ms),
            row.trigger,
            row.priority,
            row.species,
            row.confidence,
            row.latitude,
            row.longitude,
            row.model,
            row.firmware,
            row.sha256,
            to_i64(row.bytes),
            row.media_type,
        ])?;
    Ok(())
}

/// SQLite's integers are signed; a time beyond them is kept as the largest.
pub(super) fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
