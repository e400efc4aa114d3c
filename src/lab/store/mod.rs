//! The lab's object store: the S3 protocol over a folder.
//!
//! Every version of every object is one file, named by its version id and never by its key, so no key can reach outside
//! the folder, be too long for it, or meet a file system that ignores case. An SQLite index says which key has which
//! versions. A write is durable before it is answered: first the file, then its directory, then the index, where the
//! last two are shared by all the writes that wait at that moment. Conditions (`If-None-Match`, `If-Match`) are judged
//! inside the transaction that adds the version, so of two racing writes one wins.
//!
//! A crash at any point leaves the old or the new object: a file without a row in the index does not exist, and is
//! removed at the next start.
//!
//! Two credentials exist. The writer reads, writes and lists; the administrator also creates and configures buckets
//! and deletes versions. Nobody deletes a version under a `COMPLIANCE` retention before its date.

mod access;
mod body;
mod buckets;
mod conditions;
mod files;
mod index;
mod listing;
mod lock;
mod multipart;
mod objects;
mod pages;
mod reading;
mod refusal;
mod service;
mod uploads;
mod versions;

#[cfg(test)]
mod tests;

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use axum::{Router, error_handling::HandleError, http::StatusCode};
pub use lock::Mode;
use s3s::{
    auth::SecretKey,
    config::{S3Config, StaticConfigProvider},
    service::S3ServiceBuilder,
};

use crate::clock::{Clock, Random};

/// An access key id and its secret, as AWS Signature Version 4 uses them.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Sent with each request, in clear.
    pub key_id: String,
    secret: SecretKey,
}

impl Credentials {
    /// Credentials made of a key id and a secret. `Debug` does not show the secret, and it is wiped when dropped.
    #[must_use]
    pub fn new(key_id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { key_id: key_id.into(), secret: SecretKey::from(secret.into()) }
    }
}

/// How long new objects of a bucket are kept from deletion, when the request does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Whether the administrator may lift it.
    pub mode: Mode,
    /// Days from the moment of writing.
    pub days: u32,
}

/// A bucket that exists when the store has started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketOptions {
    /// The name, under the rules of S3: 3 to 63 lower-case letters, digits, dots and hyphens.
    pub name: String,
    /// Whether versions of this bucket can be retained. It cannot be undone.
    pub object_lock: bool,
    /// The default retention; only with `object_lock`.
    pub retention: Option<Retention>,
}

impl BucketOptions {
    /// A bucket without object lock.
    #[must_use]
    pub fn plain(name: impl Into<String>) -> Self {
        Self { name: name.into(), object_lock: false, retention: None }
    }
}

/// What a store is, who may use it, and what it allows.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The folder that holds everything; created when missing.
    pub root: PathBuf,
    /// Buckets that are created when missing. An existing bucket keeps its configuration.
    pub buckets: Vec<BucketOptions>,
    /// May read, write and list, and hide objects behind delete markers.
    pub writer: Credentials,
    /// May do everything that anybody may.
    pub administrator: Credentials,
    /// Whether a write waits for the disk. Without it a crash of the process loses nothing, a power cut may.
    pub sync: bool,
    /// Whether files are read and written on the thread of the request, instead of on threads for blocking work. A
    /// simulation on virtual time needs it, since its clock does not wait for other threads.
    pub inline_io: bool,
    /// The largest object, also after joining its parts, in bytes.
    pub max_object_bytes: u64,
    /// The most parts of one multipart upload.
    pub max_parts: u32,
    /// The most multipart uploads that are open at once.
    pub max_uploads: u32,
    /// How many older versions of a key are kept; the oldest beyond that are removed when they are not locked.
    pub noncurrent_versions: u32,
    /// How far the time of a signature may be from the time of this machine. The protocol library compares with the
    /// machine's clock and not with the [`Clock`] of the store, so a client that signs on virtual time needs a large
    /// value here.
    pub signature_skew: Duration,
    /// How long the next piece of a body may take to arrive.
    pub body_timeout: Duration,
    /// Where version ids come from.
    pub random: Random,
}

impl StoreOptions {
    /// A store with one plain bucket and the limits of a lab: objects of 64 MiB, 10,000 parts, 1,000 open uploads, 100
    /// older versions of each key; durable writes.
    #[must_use]
    pub fn new(
        root: impl Into<PathBuf>,
        bucket: impl Into<String>,
        writer: Credentials,
        administrator: Credentials,
    ) -> Self {
        Self {
            root: root.into(),
            buckets: vec![BucketOptions::plain(bucket)],
            writer,
            administrator,
            sync: true,
            inline_io: false,
            max_object_bytes: 64 << 20,
            max_parts: 10_000,
            max_uploads: 1_000,
            noncurrent_versions: 100,
            signature_skew: Duration::from_mins(15),
            body_timeout: Duration::from_secs(60),
            random: Random::from_os(),
        }
    }
}

/// Why a store could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be used.
    #[error("the store cannot use {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Another process, or another store of this process, has the folder.
    #[error("another store uses {0}")]
    InUse(PathBuf),
    /// The index cannot be read.
    #[error("the index of the store {path} cannot be used")]
    Index {
        /// The folder of the store.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The folder was written by another version of this program.
    #[error("the store {path} has format {found}, and this program reads format {expected}")]
    Format {
        /// The folder of the store.
        path: PathBuf,
        /// The format found.
        found: i64,
        /// The format that can be read.
        expected: i64,
    },
    /// A bucket in the options is not possible.
    #[error("the bucket {name:?} is not possible: {reason}")]
    Bucket {
        /// Its name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// Writer and administrator must differ, or the writer would be the administrator.
    #[error("the writer and the administrator have the same access key id")]
    SameCredentials,
}

struct Store {
    files: Arc<files::Files>,
    index: index::Index,
    clock: Clock,
    limits: Limits,
}

#[derive(Clone, Copy)]
struct Limits {
    object_bytes: u64,
    parts: u32,
    uploads: u32,
    noncurrent_versions: u32,
    body_timeout: Duration,
}

impl Store {
    fn open(options: &StoreOptions, clock: &Clock) -> Result<Self, Error> {
        let files = Arc::new(files::Files::open(
            &options.root,
            options.sync,
            options.inline_io,
            clock.clone(),
            options.random.clone(),
        )?);
        let index = index::Index::open(&options.root, options.sync, options.inline_io)?;
        buckets::create_missing(&index, &options.root, &options.buckets, clock.unix_ms())?;
        index.sweep(&files).map_err(|source| Error::Index { path: options.root.clone(), source })?;
        let limits = Limits {
            object_bytes: options.max_object_bytes,
            parts: options.max_parts.clamp(1, 10_000),
            uploads: options.max_uploads,
            noncurrent_versions: options.noncurrent_versions,
            body_timeout: options.body_timeout,
        };
        Ok(Self { files, index, clock: clock.clone(), limits })
    }
}

/// Opens the store and returns what serves it, path-style (`/bucket/key`), to [`crate::net::serve::serve`]. The folder
/// is free again when the router and its last connection are gone.
///
/// # Errors
/// When the folder cannot be used, another store uses it, or the options contradict each other.
pub fn router(options: &StoreOptions, clock: &Clock) -> Result<Router, Error> {
    if options.writer.key_id == options.administrator.key_id {
        return Err(Error::SameCredentials);
    }
    let store = Store::open(options, clock)?;
    let guard = Arc::new(access::Guard::new(options.writer.clone(), options.administrator.clone()));
    let mut config = S3Config::default();
    // Ten thousand parts with a checksum each, or a thousand keys of full length.
    config.xml_max_body_size = 4 << 20;
    // Browser forms are refused, but the library reads them before it asks whether they may be used.
    config.post_object_max_file_size = 1;
    config.form_max_field_size = 4 << 10;
    config.form_max_fields_size = 16 << 10;
    config.form_max_parts = 16;
    config.presigned_url_max_skew_time_secs = u32::try_from(options.signature_skew.as_secs()).unwrap_or(u32::MAX);

    let mut builder = S3ServiceBuilder::new(store);
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    builder.set_auth(access::Keys(Arc::clone(&guard)));
    builder.set_access(access::Rules(guard));
    let service = HandleError::new(builder.build(), async |error: s3s::HttpError| {
        tracing::error!(?error, "a request could not be answered");
        StatusCode::INTERNAL_SERVER_ERROR
    });
    Ok(Router::new().fallback_service(service))
}
