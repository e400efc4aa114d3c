//! Objects that arrive in parts.

use std::{
    fs::File,
    io::{self, Read, Write},
    sync::Arc,
};

use rusqlite::{Connection, OptionalExtension, params};
use s3s::{S3Result, dto, s3_error};

use super::{
    Store,
    body::{Announced, Hasher, Received, joined_etag, receive},
    conditions::Condition,
    files::{Files, NewFile},
    index::{bucket, doom},
    lock::Lock,
    objects::{Put, Written, check_key},
    reading,
    refusal::{Outcome, Refusal},
    versions::{About, NewVersion, Sums, add},
};

/// The least size of every part but the last, as in S3.
const LEAST_PART_BYTES: u64 = 5 << 20;

/// Which upload a request means.
#[derive(Clone)]
pub(super) struct Upload {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) id: String,
}

/// A part that has arrived.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) number: u32,
    pub(super) file: String,
    pub(super) size: u64,
    pub(super) etag: String,
    pub(super) sums: Sums,
    pub(super) modified_ms: u64,
}

/// An upload that is open.
pub(super) struct Open {
    pub(super) key: String,
    pub(super) id: String,
    pub(super) started_ms: u64,
}

/// What the end of an upload states: parts by number and entity tag, in order.
pub(super) struct Completion {
    pub(super) parts: Vec<(u32, String)>,
    pub(super) size: Option<i64>,
    /// Checksums of the whole.
    pub(super) sums: Sums,
    pub(super) condition: Condition,
}

fn find(connection: &Connection, upload: &Upload) -> Outcome<(i64, About, Lock)> {
    let bucket = bucket(connection, &upload.bucket)?;
    let row = connection
        .prepare_cached("SELECT about, lock FROM upload WHERE id = ? AND bucket = ? AND key = ?")?
        .query_row(params![upload.id, bucket.id, upload.key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (about, lock): (String, String) = row.ok_or_else(|| s3_error!(NoSuchUpload))?;
    Ok((bucket.id, serde_json::from_str(&about)?, serde_json::from_str(&lock)?))
}

fn parts(connection: &Connection, upload: &str) -> Outcome<Vec<Part>> {
    let mut statement = connection.prepare_cached(
        "SELECT number, file, size, etag, modified_ms, sums FROM part WHERE upload = ? ORDER BY number",
    )?;
    let mut rows = statement.query([upload])?;
    let mut parts = Vec::new();
    while let Some(row) = rows.next()? {
        parts.push(Part {
            number: row.get(0)?,
            file: row.get(1)?,
            size: row.get(2)?,
            etag: row.get(3)?,
            modified_ms: row.get(4)?,
            sums: serde_json::from_str(&row.get::<_, String>(5)?)?,
        });
    }
    Ok(parts)
}

/// Takes an upload and its parts out of the index.
fn close(connection: &Connection, upload: &Upload) -> Outcome<()> {
    for part in parts(connection, &upload.id)? {
        doom(connection, &part.file)?;
    }
    connection.prepare_cached("DELETE FROM part WHERE upload = ?")?.execute([&upload.id])?;
    connection.prepare_cached("DELETE FROM upload WHERE id = ?")?.execute([&upload.id])?;
    Ok(())
}

impl Store {
    /// Opens an upload and returns its id.
    pub(super) async fn open_upload(&self, put: Put) -> Outcome<String> {
        check_key(&put.key)?;
        let (id, clock, most) = (self.files.new_id(), self.clock.clone(), self.limits.uploads);
        self.index
            .change(None, move |connection| {
                let bucket = bucket(connection, &put.bucket)?;
                if !put.lock.is_none() && !bucket.object_lock {
                    return Err(s3_error!(InvalidRequest, "the bucket has no object lock").into());
                }
                let open: u32 =
                    connection.prepare_cached("SELECT count(*) FROM upload")?.query_row([], |row| row.get(0))?;
                if open >= most {
                    return Err(s3_error!(SlowDown, "{most} uploads are open").into());
                }
                connection
                    .prepare_cached(
                        "INSERT INTO upload (id, bucket, key, about, lock, started_ms) VALUES (?, ?, ?, ?, ?, ?)",
                    )?
                    .execute(params![
                        id,
                        bucket.id,
                        put.key,
                        serde_json::to_string(&put.about)?,
                        serde_json::to_string(&put.lock)?,
                        clock.unix_ms(),
                    ])?;
                Ok(id)
            })
            .await
    }

    fn part_number(&self, number: i32) -> S3Result<u32> {
        u32::try_from(number)
            .ok()
            .filter(|number| (1..=self.limits.parts).contains(number))
            .ok_or_else(|| s3_error!(InvalidArgument, "part numbers are 1 to {}", self.limits.parts))
    }

    /// Takes in a part.
    pub(super) async fn put_part(
        &self,
        upload: Upload,
        number: i32,
        body: Option<dto::StreamingBlob>,
        sent: Announced,
    ) -> Outcome<Part> {
        let number = self.part_number(number)?;
        let there = upload.clone();
        self.index.read(move |connection| find(connection, &there).map(drop)).await?;
        let received = receive(&self.files, self.limits, body, sent).await?;
        self.add_part(upload, number, received).await
    }

    /// Makes a part of what an object of this store has.
    pub(super) async fn copy_part(
        &self,
        upload: Upload,
        number: i32,
        source: reading::Request,
    ) -> Outcome<(Part, String)> {
        let number = self.part_number(number)?;
        let there = upload.clone();
        self.index.read(move |connection| find(connection, &there).map(drop)).await?;
        let found = self.find_source(source).await?;
        let blob = self.content(&found).await?;
        let received = receive(&self.files, self.limits, Some(blob), Announced::default()).await?;
        Ok((self.add_part(upload, number, received).await?, found.version.id))
    }

    async fn add_part(&self, upload: Upload, number: u32, received: Received) -> Outcome<Part> {
        let (clock, most) = (self.clock.clone(), self.limits.object_bytes);
        let Received { file, size, etag, sums } = received;
        let name = file.name.clone();
        self.index
            .change(Some(file), move |connection| {
                find(connection, &upload)?;
                let others: u64 = connection
                    .prepare_cached("SELECT coalesce(sum(size), 0) FROM part WHERE upload = ? AND number <> ?")?
                    .query_row(params![upload.id, number], |row| row.get(0))?;
                if others.saturating_add(size) > most {
                    return Err(s3_error!(EntityTooLarge, "an object has at most {most} bytes").into());
                }
                let before: Option<String> = connection
                    .prepare_cached("SELECT file FROM part WHERE upload = ? AND number = ?")?
                    .query_row(params![upload.id, number], |row| row.get(0))
                    .optional()?;
                if let Some(file) = before {
                    doom(connection, &file)?;
                }
                let part = Part { number, file: name, size, etag, sums, modified_ms: clock.unix_ms() };
                connection
                    .prepare_cached(
                        "INSERT OR REPLACE INTO part (upload, number, file, size, etag, sums, modified_ms)
                         VALUES (?, ?, ?, ?, ?, ?, ?)",
                    )?
                    .execute(params![
                        upload.id,
                        part.number,
                        part.file,
                        part.size,
                        part.etag,
                        serde_json::to_string(&part.sums)?,
                        part.modified_ms,
                    ])?;
                Ok(part)
            })
            .await
    }

    /// Joins the parts into an object. The upload is over then, and only then.
    pub(super) async fn complete(&self, upload: Upload, completion: Completion) -> Outcome<Written> {
        let there = upload.clone();
        let (about, lock, present) = self
            .index
            .read(move |connection| {
                let (_, about, lock) = find(connection, &there)?;
                Ok((about, lock, parts(connection, &there.id)?))
            })
            .await?;
        let chosen = choose(&completion.parts, &present)?;
        let size: u64 = chosen.iter().map(|part| part.size).sum();
        if size > self.limits.object_bytes {
            return Err(s3_error!(EntityTooLarge).into());
        }
        if completion.size.is_some_and(|stated| u64::try_from(stated) != Ok(size)) {
            return Err(s3_error!(InvalidRequest, "the parts have {size} bytes").into());
        }
        let etag = joined_etag(chosen.iter().map(|part| part.etag.as_str()))
            .ok_or_else(|| Refusal::Fault("a part has an entity tag that is not an MD5".to_owned()))?;
        let (files, wanted) = (Arc::clone(&self.files), whole(completion.sums));
        let names: Vec<String> = chosen.into_iter().map(|part| part.file).collect();
        let (file, sums) = self.files.run(move || join(&files, &names, &wanted)).await??;
        let (clock, noncurrent) = (self.clock.clone(), self.limits.noncurrent_versions);
        let (id, name) = (file.id().to_owned(), file.name.clone());
        self.index
            .change(Some(file), move |connection| {
                find(connection, &upload)?;
                let about = About { sums: sums.clone(), ..about };
                let new = NewVersion {
                    bucket: upload.bucket.clone(),
                    key: upload.key.clone(),
                    id,
                    file: Some(name),
                    size,
                    etag,
                    about,
                    lock,
                    condition: completion.condition,
                    now_ms: clock.unix_ms(),
                    noncurrent,
                };
                add(connection, &new)?;
                close(connection, &upload)?;
                Ok(Written { id: new.id, etag: new.etag, modified_ms: new.now_ms, sums })
            })
            .await
    }

    pub(super) async fn abort(&self, upload: Upload) -> Outcome<()> {
        self.index
            .change(None, move |connection| {
                find(connection, &upload)?;
                close(connection, &upload)
            })
            .await
    }

    /// The parts after number `after`, in order.
    pub(super) async fn parts(&self, upload: Upload, after: u32) -> Outcome<Vec<Part>> {
        self.index
            .read(move |connection| {
                find(connection, &upload)?;
                let mut parts = parts(connection, &upload.id)?;
                parts.retain(|part| part.number > after);
                Ok(parts)
            })
            .await
    }

    /// The open uploads of a bucket after a key and upload id, in their order, one more than `limit` if there are more.
    pub(super) async fn uploads(
        &self,
        bucket_name: String,
        prefix: String,
        after: (String, String),
        limit: usize,
    ) -> Outcome<Vec<Open>> {
        let rows = i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX);
        self.index
            .read(move |connection| {
                let bucket = bucket(connection, &bucket_name)?;
                let mut statement = connection.prepare_cached(
                    "SELECT key, id, started_ms FROM upload
                     WHERE bucket = ? AND substr(key, 1, length(?2)) = ?2 AND (key, id) > (?3, ?4)
                     ORDER BY key, id LIMIT ?5",
                )?;
                let found = statement.query_map(params![bucket.id, prefix, after.0, after.1, rows], |row| {
                    Ok(Open { key: row.get(0)?, id: row.get(1)?, started_ms: row.get(2)? })
                })?;
                Ok(found.collect::<Result<Vec<_>, _>>()?)
            })
            .await
    }
}

/// The parts that a completion lists, when they are there, in order and large enough.
fn choose(listed: &[(u32, String)], present: &[Part]) -> S3Result<Vec<Part>> {
    if listed.is_empty() {
        return Err(s3_error!(InvalidRequest, "an upload is completed with at least one part"));
    }
    let mut chosen: Vec<Part> = Vec::with_capacity(listed.len());
    for (at, (number, etag)) in listed.iter().enumerate() {
        if chosen.last().is_some_and(|before| before.number >= *number) {
            return Err(s3_error!(InvalidPartOrder));
        }
        let part = present.iter().find(|part| part.number == *number && part.etag == *etag);
        let part = part.ok_or_else(|| s3_error!(InvalidPart, "part {number} is not there"))?;
        if part.size < LEAST_PART_BYTES && at + 1 < listed.len() {
            return Err(s3_error!(EntityTooSmall, "part {number} has less than {LEAST_PART_BYTES} bytes"));
        }
        chosen.push(part.clone());
    }
    Ok(chosen)
}

/// The checksums that are over the whole content. One made of the parts' checksums has their number after a hyphen; the
/// parts were verified when they came, so it is not computed again.
fn whole(sums: Sums) -> Sums {
    let whole = |sum: Option<String>| sum.filter(|text| !text.contains('-'));
    Sums {
        crc32: whole(sums.crc32),
        crc32c: whole(sums.crc32c),
        crc64nvme: whole(sums.crc64nvme),
        sha1: whole(sums.sha1),
        sha256: whole(sums.sha256),
    }
}

/// Writes the parts one after the other into a new file.
fn join(files: &Files, names: &[String], wanted: &Sums) -> Outcome<(NewFile, Sums)> {
    let (begun, mut file) = files.begin()?;
    let mut hasher = Hasher::new(wanted, None);
    let mut piece = vec![0; 256 << 10];
    for name in names {
        let mut part = match File::open(files.path(name)) {
            Ok(part) => part,
            // Replaced or aborted since the index was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(s3_error!(InvalidPart).into()),
            Err(error) => return Err(error.into()),
        };
        loop {
            match part.read(&mut piece)? {
                0 => break,
                bytes => {
                    hasher.update(&piece[..bytes]);
                    file.write_all(&piece[..bytes])?;
                }
            }
        }
    }
    let (_, _, sums) = hasher.finish();
    sums.verify(wanted)?;
    Ok((files.finish(begun, &file)?, sums))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: u32, size: u64) -> Part {
        Part { number, file: String::new(), size, etag: number.to_string(), sums: Sums::default(), modified_ms: 0 }
    }

    #[test]
    fn parts_are_chosen_in_order_and_large_enough() {
        let present = [part(1, LEAST_PART_BYTES), part(2, 10), part(3, 10)];
        let listed = |numbers: &[u32]| numbers.iter().map(|n| (*n, n.to_string())).collect::<Vec<_>>();
        assert_eq!(choose(&listed(&[1, 3]), &present).unwrap().len(), 2);
        assert!(choose(&listed(&[3, 1]), &present).is_err());
        assert!(choose(&listed(&[1, 1]), &present).is_err());
        assert!(choose(&listed(&[1, 2, 3]), &present).is_err());
        assert!(choose(&listed(&[4]), &present).is_err());
        assert!(choose(&[(1, "other".to_owned())], &present).is_err());
        assert!(choose(&[], &present).is_err());
    }
}
