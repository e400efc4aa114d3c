//! The objects of a bucket, by Cloud Storage's JSON API and with the tokens of the control plane. Writes are conditional
//! on an object's generation: 0 where none may stand, the one that was read where it is to be replaced.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream, stream::BoxStream};
use http::Method;
use object_store::{
    CopyMode, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart, path::Path,
};
use serde_json::Value;

use super::{
    super::control::{Failure, FailureKind},
    api::{Ask, escaped},
    plane::Gcp,
    service::Service,
};

/// The largest object that is written, as large as an answer may be: a state is far below it.
const LARGEST: usize = 32 << 20;

/// One bucket.
pub(super) struct Objects {
    gcp: Arc<Gcp>,
    bucket: String,
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gs://{}", self.bucket)
    }
}

impl fmt::Display for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gs://{}", self.bucket)
    }
}

const STORE: &str = "GCS";

/// A failure in the words of `object_store`.
fn error(path: &Path, failure: Failure) -> Error {
    let (kind, path, source) = (failure.kind, path.to_string(), Box::new(failure));
    match kind {
        FailureKind::NotFound => Error::NotFound { path, source },
        FailureKind::Exists => Error::AlreadyExists { path, source },
        // What Cloud Storage calls 412.
        FailureKind::Busy => Error::Precondition { path, source },
        FailureKind::Denied | FailureKind::Protected => Error::PermissionDenied { path, source },
        FailureKind::Credentials => Error::Unauthenticated { path, source },
        _ => Error::Generic { store: STORE, source },
    }
}

fn refused(message: &'static str) -> Error {
    Error::NotSupported { source: message.into() }
}

impl Objects {
    pub(super) fn new(gcp: Arc<Gcp>, bucket: String) -> Self {
        Self { gcp, bucket }
    }

    fn object(&self, path: &Path) -> String {
        format!("{}/b/{}/o/{}", Service::Storage.root(), self.bucket, escaped(path.as_ref()))
    }

    async fn put(&self, path: &Path, bytes: Bytes, mode: PutMode) -> Result<PutResult> {
        if bytes.len() > LARGEST {
            return Err(refused("an object of the state may hold 32 MiB"));
        }
        let creates = matches!(mode, PutMode::Create);
        let at = format!("upload/storage/v1/b/{}/o", self.bucket);
        let mut ask = Ask::new("storage.objects.insert", Service::Storage, Method::POST, at)
            .query("uploadType", "media")
            .query("name", path.as_ref());
        ask.bytes = Some(bytes);
        match mode {
            PutMode::Overwrite => {}
            PutMode::Create => ask = ask.query("ifGenerationMatch", "0"),
            PutMode::Update(version) => {
                let generation = version.version.ok_or_else(|| refused("a conditional write needs a generation"))?;
                ask = ask.query("ifGenerationMatch", generation);
            }
        }
        match self.gcp.ask(&ask).await {
            Ok(answer) => {
                let meta = meta(&answer)?;
                Ok(PutResult { e_tag: meta.e_tag, version: meta.version, extensions: Default::default() })
            }
            // 412 says that something stands there.
            Err(failure) if creates && failure.kind == FailureKind::Busy => {
                Err(Error::AlreadyExists { path: path.to_string(), source: Box::new(failure) })
            }
            Err(failure) => Err(error(path, failure)),
        }
    }

    async fn page(&self, prefix: Option<&Path>, delimiter: bool, token: Option<String>) -> Result<Value> {
        let at = format!("{}/b/{}/o", Service::Storage.root(), self.bucket);
        let mut ask = Ask::new("storage.objects.list", Service::Storage, Method::GET, at);
        // A prefix of paths ends where a part ends.
        if let Some(prefix) = prefix.filter(|prefix| !prefix.as_ref().is_empty()) {
            ask = ask.query("prefix", format!("{prefix}/"));
        }
        if delimiter {
            ask = ask.query("delimiter", "/");
        }
        if let Some(token) = token {
            ask = ask.query("pageToken", token);
        }
        self.gcp.ask(&ask).await.map_err(|failure| error(prefix.unwrap_or(&Path::default()), failure))
    }

    async fn delete_one(gcp: Arc<Gcp>, bucket: String, path: Path) -> Result<Path> {
        let this = Self { gcp, bucket };
        let ask = Ask::new("storage.objects.delete", Service::Storage, Method::DELETE, this.object(&path));
        match this.gcp.ask(&ask).await {
            Ok(_) => Ok(path),
            Err(failure) => Err(error(&path, failure)),
        }
    }
}

fn token_of(page: &Value) -> Option<String> {
    page.get("nextPageToken").and_then(Value::as_str).filter(|token| !token.is_empty()).map(str::to_owned)
}

fn items(page: &Value) -> Result<Vec<ObjectMeta>> {
    page.get("items").and_then(Value::as_array).into_iter().flatten().map(meta).collect()
}

/// What Cloud Storage tells of an object.
fn meta(of: &Value) -> Result<ObjectMeta> {
    let text = |name: &str| of.get(name).and_then(Value::as_str);
    let strange = |what: &str| Error::Generic { store: STORE, source: format!("an object without {what}").into() };
    let size = text("size").and_then(|size| size.parse().ok()).ok_or_else(|| strange("a size"))?;
    let updated = text("updated").or_else(|| text("timeCreated")).ok_or_else(|| strange("a time"))?;
    Ok(ObjectMeta {
        location: Path::parse(text("name").ok_or_else(|| strange("a name"))?)?,
        last_modified: updated.parse().map_err(|_| strange("a time"))?,
        size,
        e_tag: text("etag").map(str::to_owned),
        version: Some(text("generation").ok_or_else(|| strange("a generation"))?.to_owned()),
    })
}

#[async_trait]
impl ObjectStore for Objects {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.put(location, payload.into(), opts.mode).await
    }

    async fn put_multipart_opts(&self, location: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let whole = Self::new(Arc::clone(&self.gcp), self.bucket.clone());
        Ok(Box::new(Parts { objects: whole, path: location.clone(), parts: Vec::new(), bytes: 0 }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let missing = |failure| error(location, failure);
        let mut ask = Ask::new("storage.objects.get", Service::Storage, Method::GET, self.object(location));
        if let Some(version) = &options.version {
            ask = ask.query("generation", version);
        }
        let meta = meta(&self.gcp.ask(&ask).await.map_err(missing)?)?;
        options.check_preconditions(&meta)?;
        let range = match &options.range {
            Some(range) => {
                range.as_range(meta.size).map_err(|source| Error::Generic { store: STORE, source: Box::new(source) })?
            }
            None => 0..meta.size,
        };
        let bytes = if options.head || range.is_empty() {
            Bytes::new()
        } else {
            // The bytes of the very generation that was described.
            let mut ask = Ask::new("storage.objects.get", Service::Storage, Method::GET, self.object(location))
                .query("alt", "media")
                .query("generation", meta.version.clone().unwrap_or_default());
            if options.range.is_some() {
                ask.range = Some(format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
            }
            let body = self.gcp.api.answer(&ask).await.map_err(missing)?.body;
            if body.len() as u64 != range.end.saturating_sub(range.start) {
                return Err(Error::Generic {
                    store: STORE,
                    source: "the object's bytes are not as many as told".into(),
                });
            }
            body
        };
        let payload = GetResultPayload::Stream(stream::once(async move { Ok(bytes) }).boxed());
        Ok(GetResult { payload, meta, range, attributes: Default::default(), extensions: Default::default() })
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (gcp, bucket) = (Arc::clone(&self.gcp), self.bucket.clone());
        locations
            .map(move |path| {
                let (gcp, bucket) = (Arc::clone(&gcp), bucket.clone());
                async move { Self::delete_one(gcp, bucket, path?).await }
            })
            .buffered(8)
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let this = Self::new(Arc::clone(&self.gcp), self.bucket.clone());
        let start = Some((this, prefix.cloned(), None::<String>));
        stream::try_unfold(start, |state| async move {
            let Some((this, prefix, token)) = state else { return Ok(None) };
            let page = this.page(prefix.as_ref(), false, token).await?;
            let metas = stream::iter(items(&page)?.into_iter().map(Ok));
            let next = token_of(&page).map(|token| (this, prefix, Some(token)));
            Ok::<_, Error>(Some((metas, next)))
        })
        .try_flatten()
        .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut result =
            ListResult { common_prefixes: Vec::new(), objects: Vec::new(), extensions: Default::default() };
        let mut token = None;
        loop {
            let page = self.page(prefix, true, token).await?;
            result.objects.extend(items(&page)?);
            for prefix in page.get("prefixes").and_then(Value::as_array).into_iter().flatten() {
                result.common_prefixes.push(Path::parse(prefix.as_str().unwrap_or_default())?);
            }
            token = token_of(&page);
            if token.is_none() {
                return Ok(result);
            }
        }
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let bytes = self.get_opts(from, GetOptions::default()).await?.bytes().await?;
        let mode = match options.mode {
            CopyMode::Overwrite => PutMode::Overwrite,
            CopyMode::Create => PutMode::Create,
        };
        self.put(to, bytes, mode).await.map(|_| ())
    }
}

/// An upload in parts, which are held until the last: states are small.
#[derive(Debug)]
struct Parts {
    objects: Objects,
    path: Path,
    parts: Vec<Bytes>,
    bytes: usize,
}

#[async_trait]
impl MultipartUpload for Parts {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.bytes = self.bytes.saturating_add(data.content_length());
        let fits = self.bytes <= LARGEST;
        if fits {
            self.parts.push(data.into());
        }
        Box::pin(async move { if fits { Ok(()) } else { Err(refused("an object of the state may hold 32 MiB")) } })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let whole = std::mem::take(&mut self.parts).concat();
        self.objects.put(&self.path, whole.into(), PutMode::Overwrite).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.parts.clear();
        Ok(())
    }
}
