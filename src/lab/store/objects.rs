//! Writing, deleting, copying and retaining objects.

use s3s::{S3Result, dto, s3_error};

use super::{
    Store,
    access::Role,
    body::{Announced, Received, receive},
    conditions::{Condition, ReadCondition, strong, unix_ms},
    index::bucket,
    lock::{Lock, Mode},
    reading,
    refusal::Outcome,
    versions::{About, NewVersion, Sums, add, by_id, latest, remove, set_lock, stated_retention, wanted},
};

/// What S3 allows for a key, in bytes of UTF-8.
const LONGEST_KEY: usize = 1024;
/// What S3 allows for the names and values of user metadata together.
const LONGEST_METADATA: usize = 2048;

/// Refuses keys that the protocol cannot carry back. Everything else is a name like any other: no key is ever a path.
pub(super) fn check_key(key: &str) -> S3Result<()> {
    if key.len() > LONGEST_KEY {
        return Err(s3_error!(KeyTooLongError));
    }
    // XML, in which keys are listed, has no way to write most control characters.
    if key.is_empty() || key.chars().any(char::is_control) {
        return Err(s3_error!(InvalidArgument, "a key has characters, and none of them is a control character"));
    }
    Ok(())
}

/// Collects what a request says about an object. `PutObject`, `CopyObject` and `CreateMultipartUpload` share the fields
/// but not a type.
macro_rules! stated_about {
    ($input:expr) => {
        crate::lab::store::objects::about(
            [
                $input.content_type.clone(),
                $input.content_encoding.clone(),
                $input.content_disposition.clone(),
                $input.content_language.clone(),
                $input.cache_control.clone(),
            ],
            $input.metadata.clone(),
        )
    };
}
macro_rules! stated_lock {
    ($input:expr) => {
        crate::lab::store::objects::lock(
            $input.object_lock_mode.as_ref().map(|mode| mode.as_str()),
            $input.object_lock_retain_until_date.as_ref(),
            $input.object_lock_legal_hold_status.as_ref().map(|status| status.as_str()),
        )
    };
}
/// Refuses what this store would have to ignore: tags and encryption are promises.
macro_rules! refuse_promises {
    ($input:expr) => {
        if $input.tagging.as_ref().is_some_and(|tags| !tags.is_empty()) {
            return Err(s3s::s3_error!(NotImplemented, "this store has no tags"));
        }
        if $input.server_side_encryption.is_some() || $input.sse_customer_algorithm.is_some() {
            return Err(s3s::s3_error!(NotImplemented, "this store does not encrypt"));
        }
    };
}
pub(super) use {refuse_promises, stated_about, stated_lock};

pub(super) fn about(fields: [Option<String>; 5], user: Option<dto::Metadata>) -> S3Result<About> {
    let [content_type, content_encoding, content_disposition, content_language, cache_control] = fields;
    let user: std::collections::BTreeMap<_, _> = user.unwrap_or_default().into_iter().collect();
    if user.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > LONGEST_METADATA {
        return Err(s3_error!(MetadataTooLarge));
    }
    // `aws-chunked` was the encoding of the request and is not one of the object.
    let content_encoding = content_encoding
        .map(|text| {
            let kept: Vec<_> = text.split(',').map(str::trim).filter(|name| *name != "aws-chunked").collect();
            kept.join(",")
        })
        .filter(|text| !text.is_empty());
    Ok(About {
        content_type,
        content_encoding,
        content_disposition,
        content_language,
        cache_control,
        user,
        sums: Sums::default(),
    })
}

pub(super) fn lock(mode: Option<&str>, until: Option<&dto::Timestamp>, hold: Option<&str>) -> S3Result<Lock> {
    let until_ms = until.map(unix_ms).transpose()?;
    Ok(Lock { retention: stated_retention(mode, until_ms)?, hold: hold == Some("ON") })
}

/// An object that is about to be written.
pub(super) struct Put {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) about: About,
    pub(super) lock: Lock,
    pub(super) condition: Condition,
}

/// A version that was written.
pub(super) struct Written {
    pub(super) id: String,
    pub(super) etag: String,
    pub(super) modified_ms: u64,
    pub(super) sums: Sums,
}

/// What became of a deletion.
pub(super) struct Deleted {
    pub(super) version_id: Option<String>,
    pub(super) marker: bool,
}

/// What is to be deleted.
pub(super) struct Delete {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) version_id: Option<String>,
    pub(super) condition: Condition,
    pub(super) role: Role,
    pub(super) bypass: bool,
}

impl Store {
    /// Takes in a body and makes it the newest version of its key.
    pub(super) async fn put(&self, put: Put, body: Option<dto::StreamingBlob>, sent: Announced) -> Outcome<Written> {
        check_key(&put.key)?;
        let received = receive(&self.files, self.limits, body, sent).await?;
        self.publish(put, received).await
    }

    /// Makes a received file the newest version of its key.
    pub(super) async fn publish(&self, put: Put, received: Received) -> Outcome<Written> {
        let Received { file, size, etag, sums } = received;
        let (clock, noncurrent) = (self.clock.clone(), self.limits.noncurrent_versions);
        let (id, name) = (file.id().to_owned(), file.name.clone());
        let about = About { sums: sums.clone(), ..put.about };
        self.index
            .change(Some(file), move |connection| {
                let new = NewVersion {
                    bucket: put.bucket,
                    key: put.key,
                    id,
                    file: Some(name),
                    size,
                    etag,
                    about,
                    lock: put.lock,
                    condition: put.condition,
                    now_ms: clock.unix_ms(),
                    noncurrent,
                };
                add(connection, &new)?;
                Ok(Written { id: new.id, etag: new.etag, modified_ms: new.now_ms, sums })
            })
            .await
    }

    /// Hides an object behind a delete marker, or removes one version of it for good.
    pub(super) async fn delete(&self, delete: Delete) -> Outcome<Deleted> {
        check_key(&delete.key)?;
        let (clock, noncurrent) = (self.clock.clone(), self.limits.noncurrent_versions);
        let marker_id = self.files.new_id();
        self.index
            .change(None, move |connection| {
                let now_ms = clock.unix_ms();
                if let Some(id) = delete.version_id {
                    if delete.role != Role::Administrator {
                        return Err(s3_error!(AccessDenied, "versions are deleted by the administrator").into());
                    }
                    let bucket = bucket(connection, &delete.bucket)?;
                    // S3 answers with success when the version is gone already.
                    let Some(version) = by_id(connection, bucket.id, &delete.key, &id)? else {
                        return Ok(Deleted { version_id: Some(id), marker: false });
                    };
                    delete.condition.check(Some(&version.etag))?;
                    version.lock()?.allow_removal(delete.role, delete.bypass, now_ms)?;
                    remove(connection, bucket.id, &version)?;
                    return Ok(Deleted { version_id: Some(id), marker: version.is_marker() });
                }
                let marker = NewVersion {
                    bucket: delete.bucket,
                    key: delete.key,
                    id: marker_id,
                    file: None,
                    size: 0,
                    etag: String::new(),
                    about: About::default(),
                    lock: Lock::default(),
                    condition: delete.condition,
                    now_ms,
                    noncurrent,
                };
                add(connection, &marker)?;
                Ok(Deleted { version_id: Some(marker.id), marker: true })
            })
            .await
    }

    /// Writes the content of a version under another key, or again under its own.
    pub(super) async fn copy(
        &self,
        source: reading::Request,
        put: Put,
        keep_about: bool,
    ) -> Outcome<(Written, String)> {
        check_key(&put.key)?;
        let found = self.find_source(source).await?;
        let Some(name) = found.version.file.clone() else { return Err(s3_error!(NoSuchKey).into()) };
        let files = std::sync::Arc::clone(&self.files);
        let file = self.files.run(move || files.duplicate(&name)).await??;
        let about = if keep_about { found.about.clone() } else { put.about };
        let received = Received {
            file,
            size: found.version.size,
            etag: found.version.etag.clone(),
            sums: found.about.sums.clone(),
        };
        let written = self.publish(Put { about, ..put }, received).await?;
        Ok((written, found.version.id))
    }

    /// Finds the source of a copy, where "you have it already" is a failed precondition.
    pub(super) async fn find_source(&self, source: reading::Request) -> Outcome<reading::Found> {
        self.find(source).await.map_err(|refusal| match refusal {
            super::refusal::Refusal::Answer(error) if *error.code() == s3s::S3ErrorCode::NotModified => {
                s3_error!(PreconditionFailed).into()
            }
            other => other,
        })
    }

    /// Reads the lock of a version.
    pub(super) async fn lock_of(&self, bucket_name: String, key: String, id: Option<String>) -> Outcome<Lock> {
        self.index
            .read(move |connection| {
                let bucket = bucket(connection, &bucket_name)?;
                let version = wanted(connection, bucket.id, &key, id.as_deref())?;
                if version.is_marker() {
                    return Err(s3_error!(MethodNotAllowed).into());
                }
                version.lock()
            })
            .await
    }

    /// Changes the lock of a version: what `change` makes of the present one.
    pub(super) async fn relock(
        &self,
        bucket_name: String,
        key: String,
        id: Option<String>,
        change: impl FnOnce(Lock, u64) -> S3Result<Lock> + Send + 'static,
    ) -> Outcome<()> {
        let clock = self.clock.clone();
        self.index
            .change(None, move |connection| {
                let bucket = bucket(connection, &bucket_name)?;
                if !bucket.object_lock {
                    return Err(s3_error!(InvalidRequest, "the bucket has no object lock").into());
                }
                let version = match id {
                    Some(_) => wanted(connection, bucket.id, &key, id.as_deref())?,
                    None => latest(connection, bucket.id, &key)?.ok_or_else(|| s3_error!(NoSuchKey))?,
                };
                if version.is_marker() {
                    return Err(s3_error!(MethodNotAllowed).into());
                }
                let lock = change(version.lock()?, clock.unix_ms())?;
                set_lock(connection, &version, lock)
            })
            .await
    }
}

/// Where a copy comes from.
pub(super) fn copy_source(source: &dto::CopySource, condition: ReadCondition) -> S3Result<reading::Request> {
    match source {
        dto::CopySource::Bucket { bucket, key, version_id } => Ok(reading::Request {
            bucket: bucket.to_string(),
            key: key.to_string(),
            version: version_id.as_ref().map(ToString::to_string),
            condition,
            range: None,
        }),
        _ => Err(s3_error!(NotImplemented, "a copy comes from a bucket of this store")),
    }
}

/// A retention as an answer states it.
pub(super) fn retention(stated: (Mode, u64)) -> dto::ObjectLockRetention {
    dto::ObjectLockRetention {
        mode: Some(dto::ObjectLockRetentionMode::from_static(stated.0.name())),
        retain_until_date: Some(super::conditions::date(stated.1)),
    }
}

/// The answer to a write.
pub(super) fn put_output(written: Written) -> dto::PutObjectOutput {
    dto::PutObjectOutput {
        checksum_crc32: written.sums.crc32,
        checksum_crc32c: written.sums.crc32c,
        checksum_crc64nvme: written.sums.crc64nvme,
        checksum_sha1: written.sums.sha1,
        checksum_sha256: written.sums.sha256,
        e_tag: Some(strong(&written.etag)),
        version_id: Some(written.id),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_bounded_and_can_be_written_in_xml() {
        for good in ["a", "../../etc/passwd", "a//b", "CON", "a/b/", "\u{1F98A}"] {
            assert!(check_key(good).is_ok(), "{good}");
        }
        for bad in ["", "a\0b", "line\nbreak", &"x".repeat(1025)] {
            assert!(check_key(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_encoding_of_a_request_is_not_kept() {
        let fields = [None, Some("aws-chunked".to_owned()), None, None, None];
        assert_eq!(about(fields, None).unwrap().content_encoding, None);
        let fields = [None, Some("gzip, aws-chunked".to_owned()), None, None, None];
        assert_eq!(about(fields, None).unwrap().content_encoding.as_deref(), Some("gzip"));
    }
}
