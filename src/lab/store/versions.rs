//! The rows of the index that say which versions a key has.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use s3s::s3_error;
use serde::{Deserialize, Serialize};

use super::{
    access::Role,
    conditions::Condition,
    index::{bucket, doom},
    lock::{DAY_MS, Lock, Mode, check_date},
    refusal::Outcome,
};

/// What a client says about an object, and gets back with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct About {
    pub(super) content_type: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) cache_control: Option<String>,
    pub(super) user: BTreeMap<String, String>,
    pub(super) sums: Sums,
}

/// Checksums in base64, as they were sent and verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Sums {
    pub(super) crc32: Option<String>,
    pub(super) crc32c: Option<String>,
    pub(super) crc64nvme: Option<String>,
    pub(super) sha1: Option<String>,
    pub(super) sha256: Option<String>,
}

/// One version of a key, or a delete marker.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) seq: i64,
    pub(super) key: String,
    pub(super) id: String,
    pub(super) file: Option<String>,
    pub(super) size: u64,
    pub(super) etag: String,
    pub(super) modified_ms: u64,
    about: String,
    lock: Option<String>,
}

pub(super) const COLUMNS: &str = "seq, key, id, file, size, etag, modified_ms, about, lock";

impl Version {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            key: row.get(1)?,
            id: row.get(2)?,
            file: row.get(3)?,
            size: row.get(4)?,
            etag: row.get(5)?,
            modified_ms: row.get(6)?,
            about: row.get(7)?,
            lock: row.get(8)?,
        })
    }

    pub(super) fn is_marker(&self) -> bool {
        self.file.is_none()
    }

    pub(super) fn about(&self) -> Outcome<About> {
        Ok(serde_json::from_str(&self.about)?)
    }

    pub(super) fn lock(&self) -> Outcome<Lock> {
        Ok(match &self.lock {
            Some(text) => serde_json::from_str(text)?,
            None => Lock::default(),
        })
    }
}

/// The newest version of a key, delete markers included.
pub(super) fn latest(connection: &Connection, bucket: i64, key: &str) -> Outcome<Option<Version>> {
    let sql = format!("SELECT {COLUMNS} FROM version WHERE bucket = ? AND key = ? ORDER BY seq DESC LIMIT 1");
    Ok(connection.prepare_cached(&sql)?.query_row(params![bucket, key], Version::from_row).optional()?)
}

/// A version by its id.
pub(super) fn by_id(connection: &Connection, bucket: i64, key: &str, id: &str) -> Outcome<Option<Version>> {
    let sql = format!("SELECT {COLUMNS} FROM version WHERE bucket = ? AND key = ? AND id = ?");
    Ok(connection.prepare_cached(&sql)?.query_row(params![bucket, key, id], Version::from_row).optional()?)
}

/// The version that a request means: the one it names, or the newest.
pub(super) fn wanted(connection: &Connection, bucket: i64, key: &str, id: Option<&str>) -> Outcome<Version> {
    match id {
        Some(id) => by_id(connection, bucket, key, id)?.ok_or_else(|| s3_error!(NoSuchVersion).into()),
        None => latest(connection, bucket, key)?.ok_or_else(|| s3_error!(NoSuchKey).into()),
    }
}

/// A version that is about to be added.
pub(super) struct NewVersion {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) id: String,
    /// None for a delete marker.
    pub(super) file: Option<String>,
    pub(super) size: u64,
    pub(super) etag: String,
    pub(super) about: About,
    pub(super) lock: Lock,
    pub(super) condition: Condition,
    pub(super) now_ms: u64,
    /// How many older versions stay.
    pub(super) noncurrent: u32,
}

/// Adds a version when its condition holds, within the transaction that makes the two one step.
pub(super) fn add(connection: &Connection, new: &NewVersion) -> Outcome<()> {
    let bucket = bucket(connection, &new.bucket)?;
    let before = latest(connection, bucket.id, &new.key)?;
    new.condition.check(before.as_ref().filter(|version| !version.is_marker()).map(|version| version.etag.as_str()))?;
    let mut lock = new.lock;
    if !lock.is_none() && !bucket.object_lock {
        return Err(s3_error!(InvalidRequest, "the bucket has no object lock").into());
    }
    if let Some((_, until_ms)) = lock.retention {
        check_date(until_ms, new.now_ms)?;
    } else if new.file.is_some()
        && let Some(default) = bucket.retention
    {
        lock.retention = Some((default.mode, new.now_ms.saturating_add(u64::from(default.days) * DAY_MS)));
    }
    let lock = if lock.is_none() { None } else { Some(serde_json::to_string(&lock)?) };
    if before.is_some() {
        connection
            .prepare_cached("UPDATE version SET live = 0 WHERE bucket = ? AND key = ? AND live = 1")?
            .execute(params![bucket.id, new.key])?;
    }
    connection
        .prepare_cached(
            "INSERT INTO version (bucket, key, id, live, marker, file, size, etag, modified_ms, about, lock)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            bucket.id,
            new.key,
            new.id,
            new.file.is_some(),
            new.file.is_none(),
            new.file,
            new.size,
            new.etag,
            new.now_ms,
            serde_json::to_string(&new.about)?,
            lock,
        ])?;
    if before.is_some() {
        prune(connection, bucket.id, &new.key, new.noncurrent, new.now_ms)?;
    }
    Ok(())
}

/// Removes the oldest versions beyond the `kept` noncurrent ones, except those under a lock.
fn prune(connection: &Connection, bucket: i64, key: &str, kept: u32, now_ms: u64) -> Outcome<()> {
    let sql =
        format!("SELECT {COLUMNS} FROM version WHERE bucket = ? AND key = ? ORDER BY seq DESC LIMIT 1000 OFFSET ?");
    let mut statement = connection.prepare_cached(&sql)?;
    let beyond = statement
        .query_map(params![bucket, key, i64::from(kept) + 1], Version::from_row)?
        .collect::<Result<Vec<_>, _>>()?;
    for version in beyond {
        if version.lock()?.allow_removal(Role::Administrator, false, now_ms).is_ok() {
            erase(connection, &version)?;
        }
    }
    Ok(())
}

/// Takes a row away, and its file once this is committed.
fn erase(connection: &Connection, version: &Version) -> Outcome<()> {
    connection.prepare_cached("DELETE FROM version WHERE seq = ?")?.execute([version.seq])?;
    if let Some(file) = &version.file {
        doom(connection, file)?;
    }
    Ok(())
}

/// Removes one version for good; the one before it becomes the newest.
pub(super) fn remove(connection: &Connection, bucket: i64, version: &Version) -> Outcome<()> {
    erase(connection, version)?;
    if let Some(newest) = latest(connection, bucket, &version.key)?
        && !newest.is_marker()
    {
        connection.prepare_cached("UPDATE version SET live = 1 WHERE seq = ?")?.execute([newest.seq])?;
    }
    Ok(())
}

/// Replaces the lock of a version.
pub(super) fn set_lock(connection: &Connection, version: &Version, lock: Lock) -> Outcome<()> {
    let text = if lock.is_none() { None } else { Some(serde_json::to_string(&lock)?) };
    connection.prepare_cached("UPDATE version SET lock = ? WHERE seq = ?")?.execute(params![text, version.seq])?;
    Ok(())
}

/// A retention as a request states it: both parts or neither.
pub(super) fn stated_retention(mode: Option<&str>, until_ms: Option<u64>) -> Outcome<Option<(Mode, u64)>> {
    match (mode, until_ms) {
        (None, None) => Ok(None),
        (Some(mode), Some(until_ms)) => {
            let mode =
                Mode::parse(mode).ok_or_else(|| s3_error!(InvalidArgument, "unknown object lock mode {mode:?}"))?;
            Ok(Some((mode, until_ms)))
        }
        _ => Err(s3_error!(InvalidArgument, "an object lock takes a mode and a date").into()),
    }
}
