//! A folder as an object store with conditional writes, which [`LocalFileSystem`] lacks: `PutMode::Update` compares and
//! exchanges under an advisory lock, so that registers and leases work on folders, between threads and between
//! processes of one machine.
//!
//! An entity tag is the SHA-256 of the content, since inode numbers and coarse times come again. Objects over
//! [`DIGEST_LIMIT_BYTES`] (pictures) keep the tag of the file system, and entries of a list bear none. A write is a
//! synced temporary file that takes the object's name in one step: a process that is killed leaves the old or the
//! new object, and the system releases its lock.

use std::{fmt, fs::File, ops::Range, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
    UpdateVersion, UploadPart, local::LocalFileSystem, path::Path,
};
use sha2::{Digest, Sha256};

/// The largest object whose tag is a digest: far above a register, so that a picture is not read to be listed.
const DIGEST_LIMIT_BYTES: u64 = 1 << 20;

/// Objects share this many locks, by the hash of their keys.
const LOCKS: usize = 64;

/// The locks lie here. A name that ends with `#` and digits is no object to [`LocalFileSystem`].
const LOCK_FOLDER: &str = ".wildcam";

/// A lock is held while one small file is written; who holds it longer is stopped or stuck.
const LOCK_WAIT: Duration = Duration::from_secs(15);

/// A folder; clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    inner: Arc<LocalFileSystem>,
    root: PathBuf,
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Folder({})", self.root.display())
    }
}

impl Folder {
    /// The objects below `root`, which exists.
    ///
    /// # Errors
    /// When there is no such folder.
    pub(super) fn open(root: &std::path::Path) -> Result<Self> {
        let inner = LocalFileSystem::new_with_prefix(root)?.with_fsync(true);
        Ok(Self { inner: Arc::new(inner), root: root.to_owned() })
    }

    /// The object as it is now, whole where its tag is a digest.
    async fn load(&self, location: &Path, mut options: GetOptions) -> Result<GetResult> {
        // The file system would compare with its own tags; everything else it judges itself.
        let conditions = GetOptions {
            if_match: options.if_match.take(),
            if_none_match: options.if_none_match.take(),
            ..GetOptions::default()
        };
        let mut found = self.inner.get_opts(location, options).await?;
        if found.meta.size <= DIGEST_LIMIT_BYTES
            && let GetResultPayload::File(file, path) = found.payload
        {
            let content = blocking(move || read(file, &path)).await??;
            found.meta.e_tag = Some(digest([&content]));
            let part = usize::try_from(found.range.start).ok().zip(usize::try_from(found.range.end).ok());
            let part = part.filter(|(start, end)| start <= end && *end <= content.len());
            // An object is never written in place, so what was opened has the size that was told.
            let (start, end) = part.ok_or_else(|| broken("an object changed its size while it was read"))?;
            let part = content.slice(start..end);
            found.payload = GetResultPayload::Stream(stream::once(async move { Ok(part) }).boxed());
        }
        conditions.check_preconditions(&found.meta)?;
        Ok(found)
    }

    async fn update(
        &self,
        location: &Path,
        expected: &UpdateVersion,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let refused = |why: &str| Error::Precondition { path: location.to_string(), source: why.to_owned().into() };
        if expected.version.is_some() {
            return Err(refused("a folder keeps no versions"));
        }
        let head = GetOptions { head: true, ..GetOptions::default() };
        let now = match self.load(location, head).await {
            Ok(found) => found.meta.e_tag,
            Err(Error::NotFound { .. }) => return Err(refused("the object is gone")),
            Err(error) => return Err(error),
        };
        if now.is_none() || now != expected.e_tag {
            return Err(refused("the object changed"));
        }
        self.inner.put_opts(location, payload, PutOptions { mode: PutMode::Overwrite, ..options }).await
    }

    /// Runs `work` while nobody else changes an object of these keys. It goes on when its caller has gone: a write
    /// that is under way must not outlive its lock.
    async fn alone<T: Send + 'static>(
        &self,
        keys: &[&Path],
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let mut stripes: Vec<usize> = keys.iter().map(|key| stripe(key)).collect();
        stripes.sort_unstable();
        stripes.dedup();
        let folder = self.root.join(LOCK_FOLDER);
        let task = tokio::spawn(async move {
            let mut held = Vec::with_capacity(stripes.len());
            for stripe in stripes {
                held.push(lock(folder.join(format!("lock#{stripe:02}"))).await?);
            }
            let result = work.await;
            drop(held);
            result
        });
        task.await.map_err(|_| broken("the work on an object was cut off"))?
    }
}

/// Which lock a key shares.
fn stripe(key: &Path) -> usize {
    usize::from(Sha256::digest(key.as_ref().as_bytes())[0]) % LOCKS
}

fn digest<'a>(parts: impl IntoIterator<Item = &'a Bytes>) -> String {
    let mut hash = Sha256::new();
    parts.into_iter().for_each(|part| hash.update(part));
    let hexadecimal: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hexadecimal}\"")
}

fn broken(why: &str) -> Error {
    Error::Generic { store: "folder", source: why.to_owned().into() }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| broken("the work on a file was cut off"))
}

fn read(mut file: File, path: &std::path::Path) -> Result<Bytes> {
    let mut content = Vec::new();
    let limited = &mut std::io::Read::take(&mut file, DIGEST_LIMIT_BYTES + 1);
    std::io::Read::read_to_end(limited, &mut content)
        .map_err(|source| broken(&format!("{} cannot be read: {source}", path.display())))?;
    Ok(content.into())
}

/// Takes the lock in a file; it ends with the file.
async fn lock(path: PathBuf) -> Result<File> {
    let failed = {
        let path = path.clone();
        move |source: std::io::Error| broken(&format!("the lock {} cannot be used: {source}", path.display()))
    };
    let opened = blocking(move || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        File::options().create(true).truncate(false).write(true).open(&path)
    });
    let file = opened.await?.map_err(&failed)?;
    let started = tokio::time::Instant::now();
    let mut pause = Duration::from_micros(500);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(std::fs::TryLockError::Error(error)) => return Err(failed(error)),
            Err(std::fs::TryLockError::WouldBlock) if started.elapsed() < LOCK_WAIT => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_millis(20));
            }
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(broken("another process has held the lock of an object for too long"));
            }
        }
    }
}

/// An entry of a list has no tag where it would be a digest: its content was not read.
fn listed(mut meta: ObjectMeta) -> ObjectMeta {
    if meta.size <= DIGEST_LIMIT_BYTES {
        meta.e_tag = None;
    }
    meta
}

#[async_trait::async_trait]
impl ObjectStore for Folder {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let small = payload.content_length() as u64 <= DIGEST_LIMIT_BYTES;
        let tag = small.then(|| digest(payload.iter()));
        let (this, at) = (self.clone(), location.clone());
        let mut written = match options.mode.clone() {
            // A new name is given by the system to one writer only, without a lock.
            PutMode::Create => self.inner.put_opts(location, payload, options).await?,
            PutMode::Overwrite => {
                self.alone(&[location], async move { this.inner.put_opts(&at, payload, options).await }).await?
            }
            PutMode::Update(expected) => {
                self.alone(&[location], async move { this.update(&at, &expected, payload, options).await }).await?
            }
        };
        if tag.is_some() {
            written.e_tag = tag;
        }
        Ok(written)
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.inner.put_multipart_opts(path, options).await?;
        Ok(Box::new(Upload { folder: self.clone(), path: path.clone(), upload: Some(upload) }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.load(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        locations
            .map(move |location| {
                let this = this.clone();
                async move {
                    let location = location?;
                    let (inner, at) = (Arc::clone(&this.inner), location.clone());
                    this.alone(&[&location], async move { inner.delete(&at).await }).await?;
                    Ok(location)
                }
            })
            .buffered(10)
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix).map_ok(listed).boxed()
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset).map_ok(listed).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut found = self.inner.list_with_delimiter(prefix).await?;
        found.objects = found.objects.into_iter().map(listed).collect();
        Ok(found)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let (inner, source, target) = (Arc::clone(&self.inner), from.clone(), to.clone());
        self.alone(&[to], async move { inner.copy_opts(&source, &target, options).await }).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let (inner, source, target) = (Arc::clone(&self.inner), from.clone(), to.clone());
        self.alone(&[from, to], async move { inner.rename_opts(&source, &target, options).await }).await
    }
}

/// An upload in parts, which replaces the object under its lock.
#[derive(Debug)]
struct Upload {
    folder: Folder,
    path: Path,
    upload: Option<Box<dyn MultipartUpload>>,
}

#[async_trait::async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        match &mut self.upload {
            Some(upload) => upload.put_part(data),
            None => async { Err(broken("the upload has ended")) }.boxed(),
        }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let mut upload = self.upload.take().ok_or_else(|| broken("the upload has ended"))?;
        let written = self.folder.alone(&[&self.path], async move { upload.complete().await }).await?;
        let head = GetOptions { head: true, ..GetOptions::default() };
        let e_tag = self.folder.load(&self.path, head).await?.meta.e_tag;
        Ok(PutResult { e_tag, ..written })
    }

    async fn abort(&mut self) -> Result<()> {
        match self.upload.take() {
            Some(mut upload) => upload.abort().await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
