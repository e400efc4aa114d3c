//! The register over the real S3 client, against a server on loopback that keeps to the rules of S3's conditional
//! writes: `If-None-Match: *`, `If-Match`, 412 when they fail, and 409 for a race that it could not decide.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use object_store::aws::AmazonS3Builder;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::net::serve;

#[derive(Default)]
struct Bucket {
    objects: Mutex<BTreeMap<String, Bytes>>,
    /// Writes so far; each fifth one loses a race against nobody.
    writes: AtomicU64,
}

fn etag_of(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    format!("\"{}\"", digest[..8].iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn refusal(status: StatusCode, code: &str) -> Response {
    (status, format!("<Error><Code>{code}</Code><Message>no</Message></Error>")).into_response()
}

async fn answer(State(bucket): State<Arc<Bucket>>, method: Method, uri: Uri, head: HeaderMap, body: Bytes) -> Response {
    let mut objects = bucket.objects.lock().unwrap_or_else(PoisonError::into_inner);
    let found = objects.get(uri.path()).map(|bytes| (bytes.clone(), etag_of(bytes)));
    if method == Method::GET {
        return match found {
            Some((bytes, etag)) => {
                let modified = "Wed, 21 Oct 2026 07:28:00 GMT".to_owned();
                ([(header::ETAG, etag), (header::LAST_MODIFIED, modified)], bytes).into_response()
            }
            None => refusal(StatusCode::NOT_FOUND, "NoSuchKey"),
        };
    }
    assert_eq!(method, Method::PUT);
    if bucket.writes.fetch_add(1, Ordering::SeqCst) % 5 == 4 {
        return refusal(StatusCode::CONFLICT, "ConditionalRequestConflict");
    }
    let etag = found.map(|(_, etag)| etag);
    let allowed = match (head.get(header::IF_NONE_MATCH), head.get(header::IF_MATCH)) {
        (Some(any), None) => any == "*" && etag.is_none(),
        (None, Some(wanted)) => etag.as_deref().is_some_and(|etag| wanted == etag),
        _ => panic!("a register writes only under a condition"),
    };
    if !allowed {
        return refusal(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
    }
    let etag = etag_of(&body);
    objects.insert(uri.path().to_owned(), body);
    ([(header::ETAG, etag)], StatusCode::OK).into_response()
}

#[tokio::test]
async fn racing_proposers_over_s3_lose_no_change() {
    // A failure means that a test before has installed the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let stop = CancellationToken::new();
    let mut stores: Vec<(String, Arc<dyn ObjectStore>)> = Vec::new();
    let mut servers = tokio::task::JoinSet::new();
    for name in ["a", "b", "c"] {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::new(Bucket::default()));
        servers.spawn(serve::serve(listener, None, router, serve::Limits::default(), stop.clone()));
        let client = AmazonS3Builder::new()
            .with_endpoint(endpoint)
            .with_allow_http(true)
            .with_bucket_name("wildcam")
            .with_region("test-1")
            .with_access_key_id("writer")
            .with_secret_access_key("secret")
            .build()
            .unwrap();
        stores.push((name.to_owned(), Arc::new(client)));
    }
    let random = Random::seeded(1);
    // No time limit of the register may decide this test on a slow machine.
    let retry = Retry { tries: 1000, within: Duration::from_secs(600), ..Timeouts::default().retry };
    let timeouts = Timeouts { store: Duration::from_secs(60), retry };
    let open = |name: &str| Register::<u64>::new("count", stores.clone(), name, random.fork(), timeouts).unwrap();
    let mut proposers = tokio::task::JoinSet::new();
    for number in 0..3 {
        let register = open(&format!("p{number}"));
        proposers.spawn(async move {
            let mut written = Vec::new();
            for _ in 0..4 {
                written.push(register.change(|old| Ok::<_, ()>(old.unwrap_or(0) + 1)).await.unwrap());
            }
            written
        });
    }
    let mut written: Vec<u64> = proposers.join_all().await.into_iter().flatten().collect();
    written.sort_unstable();
    assert_eq!(written, (1..=12).collect::<Vec<u64>>());
    assert_eq!(open("judge").read().await.unwrap(), Some(12));
    stop.cancel();
    servers.join_all().await;
}
