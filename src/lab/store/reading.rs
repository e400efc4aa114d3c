//! Answering with the content of a version.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use s3s::{
    Body, S3Error,
    dto::{self, StreamingBlob},
    s3_error,
};

use super::{
    Store,
    conditions::{ReadCondition, date, strong},
    files::{Files, run},
    index::bucket,
    lock::Lock,
    refusal::{Outcome, Refusal},
    versions::{About, Version, wanted},
};

/// Content up to here is read at once; above, in pieces of this size.
const PIECE_BYTES: u64 = 1 << 20;

/// Which version, of which object, under which conditions, and which part of it.
pub(super) struct Request {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) version: Option<String>,
    pub(super) condition: ReadCondition,
    pub(super) range: Option<dto::Range>,
}

/// A version that may be read.
pub(super) struct Found {
    pub(super) version: Version,
    pub(super) about: About,
    pub(super) lock: Lock,
    /// The bytes asked for.
    pub(super) range: Range<u64>,
    /// `Content-Range`, when they are not all.
    pub(super) content_range: Option<String>,
}

impl Store {
    /// Finds what a request asks for and judges its conditions.
    pub(super) async fn find(&self, request: Request) -> Outcome<Found> {
        let Request { bucket: bucket_name, key, version: id, condition, range } = request;
        let (version, named) = self
            .index
            .read(move |connection| {
                let bucket = bucket(connection, &bucket_name)?;
                Ok((wanted(connection, bucket.id, &key, id.as_deref())?, id.is_some()))
            })
            .await?;
        if version.is_marker() {
            return Err(hidden(&version, named).into());
        }
        let unchanged = || {
            let mut error = s3_error!(NotModified);
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::try_from(format!("\"{}\"", version.etag)) {
                headers.insert(header::ETAG, value);
            }
            error.set_headers(headers);
            error
        };
        condition.check(&version.etag, version.modified_ms, unchanged)?;
        let (about, lock) = (version.about()?, version.lock()?);
        let mut content_range = None;
        let range = match range {
            None => 0..version.size,
            Some(range) => {
                let part = range.check(version.size).ok().filter(|part| !part.is_empty());
                let part = part.ok_or_else(|| s3_error!(InvalidRange))?;
                content_range = Some(format!("bytes {}-{}/{}", part.start, part.end - 1, version.size));
                part
            }
        };
        Ok(Found { version, about, lock, range, content_range })
    }

    /// The bytes asked for. A version that was removed a moment ago is not there.
    pub(super) async fn content(&self, found: &Found) -> Outcome<StreamingBlob> {
        let Some(name) = &found.version.file else { return Err(s3_error!(NoSuchKey).into()) };
        let (path, range) = (self.files.path(name), found.range.clone());
        let opened = self
            .files
            .run(move || {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(range.start))?;
                let rest = range.end - range.start;
                let first = read_piece(&mut file, rest.min(PIECE_BYTES))?;
                Ok::<_, io::Error>((file, first, rest))
            })
            .await?;
        let (file, first, rest) = match opened {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(s3_error!(NoSuchKey).into()),
            Err(error) => return Err(Refusal::File(error)),
        };
        let left = rest - first.len() as u64;
        if left == 0 {
            return Ok(StreamingBlob::from(Body::from(first)));
        }
        Ok(StreamingBlob::wrap(pieces(&self.files, file, first, left)))
    }
}

/// The answer when the newest version, or the named one, is a delete marker.
fn hidden(version: &Version, named: bool) -> S3Error {
    let mut error = if named { s3_error!(MethodNotAllowed) } else { s3_error!(NoSuchKey) };
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-delete-marker", HeaderValue::from_static("true"));
    if let Ok(id) = HeaderValue::try_from(&version.id) {
        headers.insert("x-amz-version-id", id);
    }
    error.set_headers(headers);
    error
}

/// Reads exactly `bytes`, at most a piece.
fn read_piece(file: &mut File, bytes: u64) -> io::Result<Bytes> {
    let mut piece = Vec::with_capacity(usize::try_from(bytes).map_err(io::Error::other)?);
    file.take(bytes).read_to_end(&mut piece)?;
    // Nothing but a damaged disk makes a file shorter than its row says; half an object must not look like a whole one.
    if piece.len() as u64 == bytes { Ok(piece.into()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn pieces(
    files: &Arc<Files>,
    file: File,
    first: Bytes,
    left: u64,
) -> impl futures_util::Stream<Item = io::Result<Bytes>> + Send + Sync + 'static {
    let inline = files.inline();
    let file = Arc::new(Mutex::new(file));
    futures_util::stream::unfold((Some(first), left), move |(ready, left)| {
        let file = Arc::clone(&file);
        async move {
            if let Some(first) = ready {
                return Some((Ok(first), (None, left)));
            }
            if left == 0 {
                return None;
            }
            let read = move || {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                read_piece(&mut file, left.min(PIECE_BYTES))
            };
            match run(inline, read).await.and_then(|piece| piece) {
                Ok(piece) => {
                    let left = left - piece.len() as u64;
                    Some((Ok(piece), (None, left)))
                }
                Err(error) => Some((Err(error), (None, 0))),
            }
        }
    })
}

/// Fills the fields that the answers to `GetObject` and `HeadObject` share.
macro_rules! describe {
    ($output:ident, $found:expr, $checksums:expr) => {{
        let found: &Found = $found;
        let about = found.about.clone();
        let sums = if $checksums && found.content_range.is_none() { about.sums.clone() } else { Default::default() };
        dto::$output {
            accept_ranges: Some("bytes".to_owned()),
            cache_control: about.cache_control,
            checksum_crc32: sums.crc32,
            checksum_crc32c: sums.crc32c,
            checksum_crc64nvme: sums.crc64nvme,
            checksum_sha1: sums.sha1,
            checksum_sha256: sums.sha256,
            content_disposition: about.content_disposition,
            content_encoding: about.content_encoding,
            content_language: about.content_language,
            content_length: i64::try_from(found.range.end - found.range.start).ok(),
            content_range: found.content_range.clone(),
            content_type: Some(about.content_type.unwrap_or_else(|| "binary/octet-stream".to_owned())),
            e_tag: Some(strong(&found.version.etag)),
            last_modified: Some(date(found.version.modified_ms)),
            metadata: Some(about.user.into_iter().collect()),
            object_lock_legal_hold_status: found
                .lock
                .hold
                .then(|| dto::ObjectLockLegalHoldStatus::from_static(dto::ObjectLockLegalHoldStatus::ON)),
            object_lock_mode: found.lock.retention.map(|(mode, _)| dto::ObjectLockMode::from_static(mode.name())),
            object_lock_retain_until_date: found.lock.retention.map(|(_, until_ms)| date(until_ms)),
            version_id: Some(found.version.id.clone()),
            ..Default::default()
        }
    }};
}

pub(super) fn head_output(found: &Found, checksums: bool) -> dto::HeadObjectOutput {
    describe!(HeadObjectOutput, found, checksums)
}

pub(super) fn get_output(found: &Found, checksums: bool) -> dto::GetObjectOutput {
    describe!(GetObjectOutput, found, checksums)
}
