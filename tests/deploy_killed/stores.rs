//! Two object stores in memory, one that speaks S3 and one that speaks Azure's Blob: as much as a state and a bucket need.
//! Conditional writes are decided under one lock, and nothing is forgotten when the program dies.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    net::TcpListener,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, Method, Response},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::steps::Shared;

const DATE: &str = "Sat, 21 Nov 2026 10:00:00 GMT";
const TIME: &str = "2026-11-21T10:00:00.000Z";

#[derive(Default)]
struct Inner {
    /// By bucket and key: a number that rises with each write, and the bytes.
    objects: BTreeMap<(String, String), (u64, Vec<u8>)>,
    /// S3's buckets, with their configurations by the name in the query.
    buckets: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    creations: BTreeMap<String, usize>,
    /// How buckets were made and configured.
    changes: Vec<String>,
    versions: u64,
}

/// A store that answers at `url` until it is dropped.
pub(crate) struct Store {
    pub(crate) url: String,
    here: Arc<Here>,
    _stop: DropGuard,
}

struct Here {
    cloud: &'static str,
    steps: Shared,
    inner: Mutex<Inner>,
}

impl Here {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request, taken apart.
struct Asked {
    method: Method,
    /// Without the bucket.
    key: String,
    bucket: String,
    query: BTreeMap<String, String>,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn has(&self, name: &str) -> bool {
        self.query.contains_key(name)
    }
}

/// Which language a store speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tongue {
    S3,
    Blob,
}

/// Starts a store.
pub(crate) fn start(cloud: &'static str, tongue: Tongue, steps: Shared) -> Store {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket that does not block");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let here = Arc::new(Here { cloud, steps, inner: Mutex::default() });
    let served = Arc::clone(&here);
    let router = match tongue {
        Tongue::S3 => Router::new().fallback(s3).with_state(served),
        Tongue::Blob => Router::new().fallback(blob).with_state(served),
    };
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        tokio::select! {
            _ = axum::serve(listener, router) => {}
            () = stopped.cancelled() => {}
        }
    });
    Store { url, here, _stop: stop.drop_guard() }
}

impl Store {
    /// The names of S3's buckets.
    pub(crate) fn buckets(&self) -> Vec<String> {
        self.here.lock().buckets.keys().cloned().collect()
    }

    /// How often each bucket was made.
    pub(crate) fn creations(&self) -> BTreeMap<String, usize> {
        self.here.lock().creations.clone()
    }

    /// How buckets were made and configured, but for that of the state.
    pub(crate) fn changes(&self) -> Vec<String> {
        self.here.lock().changes.clone()
    }

    /// The configurations of a bucket, as they were sent.
    pub(crate) fn configuration(&self, bucket: &str) -> BTreeMap<String, String> {
        let inner = self.here.lock();
        let all = inner.buckets.get(bucket).into_iter().flatten();
        all.map(|(name, body)| (name.clone(), String::from_utf8_lossy(body).into_owned())).collect()
    }
}

async fn taken_apart(request: Request, parts_before_key: usize) -> Asked {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 16 << 20).await.unwrap_or_default().to_vec();
    let query = parts.uri.query().unwrap_or_default();
    let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let path = unescaped(parts.uri.path());
    let mut pieces = path.trim_start_matches('/').splitn(parts_before_key + 1, '/');
    let bucket: Vec<&str> = pieces.by_ref().take(parts_before_key).collect();
    let key = pieces.next().unwrap_or_default().to_owned();
    Asked { method: parts.method, key, bucket: bucket.join("/"), query, headers: parts.headers, body }
}

fn unescaped(path: &str) -> String {
    let text = format!("p={}", path.replace('+', "%2B"));
    url::form_urlencoded::parse(text.as_bytes()).next().map(|(_, text)| text.into_owned()).unwrap_or_default()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn answer(status: u16, headers: &[(&str, String)], body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, value);
    }
    response.body(body.into()).expect("an answer")
}

fn about(version: u64) -> Vec<(&'static str, String)> {
    vec![("etag", format!("\"v{version}\"")), ("last-modified", DATE.to_owned())]
}

/// What a write came to.
enum Put {
    Written(u64),
    Stands,
    Differs,
}

/// Writes under the conditions of the request, which both languages spell alike.
async fn put(here: &Here, asked: &Asked) -> Option<Put> {
    let (taken, blow) = here.steps.arrive(&asked.key).await;
    if !taken {
        return None;
    }
    let place = (asked.bucket.clone(), asked.key.clone());
    let put = {
        let mut inner = here.lock();
        let now = inner.objects.get(&place).map(|(version, _)| format!("\"v{version}\""));
        if asked.header("if-none-match") == Some("*") && now.is_some() {
            Put::Stands
        } else if asked.header("if-match").is_some_and(|wanted| now.as_deref() != Some(wanted)) {
            Put::Differs
        } else {
            inner.versions += 1;
            let version = inner.versions;
            inner.objects.insert(place, (version, asked.body.clone()));
            Put::Written(version)
        }
    };
    if matches!(put, Put::Written(_)) {
        here.steps.taken(here.cloud, &asked.key, &asked.body);
    }
    here.steps.answering(blow).await;
    Some(put)
}

fn get(here: &Here, asked: &Asked) -> Option<(u64, Vec<u8>)> {
    here.lock().objects.get(&(asked.bucket.clone(), asked.key.clone())).cloned()
}

fn listed(here: &Here, asked: &Asked) -> Vec<(String, u64, usize)> {
    let prefix = asked.query.get("prefix").map(String::as_str).unwrap_or_default();
    let inner = here.lock();
    let all = inner.objects.iter().filter(|((bucket, key), _)| *bucket == asked.bucket && key.starts_with(prefix));
    all.map(|((_, key), (version, bytes))| (key.clone(), *version, bytes.len())).collect()
}

fn cut_off() -> Response<Body> {
    answer(503, &[], "")
}

fn refused(status: u16, code: &str) -> Response<Body> {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>");
    answer(status, &[("content-type", "application/xml".to_owned()), ("x-ms-error-code", code.to_owned())], body)
}

fn xml(body: String) -> Response<Body> {
    answer(200, &[("content-type", "application/xml".to_owned())], body)
}

async fn s3(State(here): State<Arc<Here>>, request: Request) -> Response<Body> {
    let asked = taken_apart(request, 1).await;
    if asked.bucket.is_empty() {
        let names = here.lock().buckets.keys().cloned().collect::<Vec<_>>();
        let names: String = names.iter().map(|name| format!("<Bucket><Name>{name}</Name></Bucket>")).collect();
        return xml(format!("<ListAllMyBucketsResult><Buckets>{names}</Buckets></ListAllMyBucketsResult>"));
    }
    if asked.key.is_empty() {
        return bucket(&here, &asked);
    }
    if !here.lock().buckets.contains_key(&asked.bucket) {
        return refused(404, "NoSuchBucket");
    }
    match asked.method {
        Method::PUT => match put(&here, &asked).await {
            None => cut_off(),
            Some(Put::Written(version)) => answer(200, &about(version), ""),
            Some(Put::Stands | Put::Differs) => refused(412, "PreconditionFailed"),
        },
        Method::GET | Method::HEAD => match get(&here, &asked) {
            Some((version, bytes)) => answer(200, &about(version), bytes),
            None => refused(404, "NoSuchKey"),
        },
        Method::DELETE => {
            here.lock().objects.remove(&(asked.bucket.clone(), asked.key.clone()));
            answer(204, &[], "")
        }
        _ => refused(405, "MethodNotAllowed"),
    }
}

/// The configurations that a bucket may have; each is kept as it was sent.
const CONFIGURATIONS: [&str; 9] = [
    "publicAccessBlock",
    "ownershipControls",
    "versioning",
    "encryption",
    "object-lock",
    "lifecycle",
    "replication",
    "tagging",
    "policy",
];

fn bucket(here: &Here, asked: &Asked) -> Response<Body> {
    let mut inner = here.lock();
    let configuration = CONFIGURATIONS.iter().find(|name| asked.has(name));
    // The bucket of the state is the state's own affair.
    if asked.method == Method::PUT && !asked.bucket.ends_with("-state") {
        inner.changes.push(format!("bucket {}", configuration.unwrap_or(&"itself")));
    }
    if asked.method == Method::PUT && configuration.is_none() {
        if inner.buckets.contains_key(&asked.bucket) {
            return refused(409, "BucketAlreadyOwnedByYou");
        }
        // A bucket comes with the tags that it was asked for with.
        let text = String::from_utf8_lossy(&asked.body).into_owned();
        let tags = text.split("<Tags>").nth(1).and_then(|rest| rest.split("</Tags>").next());
        let tags =
            tags.map(|tags| ("tagging".to_owned(), format!("<Tagging><TagSet>{tags}</TagSet></Tagging>").into_bytes()));
        inner.buckets.insert(asked.bucket.clone(), tags.into_iter().collect());
        *inner.creations.entry(asked.bucket.clone()).or_default() += 1;
        return answer(200, &[], "");
    }
    let Some(own) = inner.buckets.get_mut(&asked.bucket) else { return refused(404, "NoSuchBucket") };
    match (&asked.method, configuration) {
        (&Method::HEAD, None) => answer(200, &[], ""),
        (&Method::PUT, Some(name)) => {
            own.insert((*name).to_owned(), asked.body.clone());
            answer(200, &[], "")
        }
        (&Method::GET, Some(name)) => match own.get(*name) {
            Some(body) => xml(String::from_utf8_lossy(body).into_owned()),
            None if *name == "versioning" => xml("<VersioningConfiguration/>".to_owned()),
            None => refused(404, "NoSuchConfiguration"),
        },
        (&Method::GET, None) if asked.query.get("list-type").map(String::as_str) == Some("2") => {
            drop(inner);
            let mut contents = String::new();
            for (key, version, size) in listed(here, asked) {
                let _ = write!(
                    contents,
                    "<Contents><Key>{}</Key><LastModified>{TIME}</LastModified><ETag>\"v{version}\"</ETag>\
                     <Size>{size}</Size></Contents>",
                    escaped(&key)
                );
            }
            xml(format!("<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"))
        }
        (&Method::POST, None) if asked.has("delete") => {
            let text = String::from_utf8_lossy(&asked.body).into_owned();
            let mut deleted = String::new();
            for piece in text.split("<Key>").skip(1) {
                let key = piece.split("</Key>").next().unwrap_or_default();
                inner.objects.remove(&(asked.bucket.clone(), key.to_owned()));
                let _ = write!(deleted, "<Deleted><Key>{key}</Key></Deleted>");
            }
            xml(format!("<DeleteResult>{deleted}</DeleteResult>"))
        }
        _ => refused(405, "MethodNotAllowed"),
    }
}

async fn blob(State(here): State<Arc<Here>>, request: Request) -> Response<Body> {
    let asked = taken_apart(request, 2).await;
    if asked.query.get("comp").map(String::as_str) == Some("list") {
        let mut blobs = String::new();
        for (key, version, size) in listed(&here, &asked) {
            let _ = write!(
                blobs,
                "<Blob><Name>{}</Name><Properties><Last-Modified>{DATE}</Last-Modified><Etag>\"v{version}\"</Etag>\
                 <Content-Length>{size}</Content-Length><Content-Type>application/octet-stream</Content-Type>\
                 <BlobType>BlockBlob</BlobType></Properties></Blob>",
                escaped(&key)
            );
        }
        return xml(format!("<EnumerationResults><Blobs>{blobs}</Blobs><NextMarker/></EnumerationResults>"));
    }
    if asked.query.get("comp").map(String::as_str) == Some("batch") {
        return batch(&here, &asked);
    }
    match asked.method {
        Method::PUT => match put(&here, &asked).await {
            None => cut_off(),
            Some(Put::Written(version)) => answer(201, &about(version), ""),
            Some(Put::Stands) => refused(409, "BlobAlreadyExists"),
            Some(Put::Differs) => refused(412, "ConditionNotMet"),
        },
        Method::GET | Method::HEAD => match get(&here, &asked) {
            Some((version, bytes)) => answer(200, &about(version), bytes),
            None => refused(404, "BlobNotFound"),
        },
        _ => refused(405, "MethodNotAllowed"),
    }
}

/// Deletions come several at a time, as a message of several messages.
fn batch(here: &Here, asked: &Asked) -> Response<Body> {
    let text = String::from_utf8_lossy(&asked.body).into_owned();
    let mut parts = String::new();
    for (number, line) in text.lines().filter_map(|line| line.strip_prefix("DELETE /")).enumerate() {
        let path = unescaped(line.split([' ', '?']).next().unwrap_or_default());
        let key = path.strip_prefix(&format!("{}/", asked.bucket)).unwrap_or_default().to_owned();
        here.lock().objects.remove(&(asked.bucket.clone(), key));
        let _ = write!(
            parts,
            "--batch\r\nContent-Type: application/http\r\nContent-ID: {number}\r\n\r\nHTTP/1.1 202 Accepted\r\n\
             x-ms-request-id: 1\r\n\r\n\r\n"
        );
    }
    parts.push_str("--batch--\r\n");
    answer(202, &[("content-type", "multipart/mixed; boundary=batch".to_owned())], parts)
}
