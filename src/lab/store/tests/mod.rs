//! The store as its clients see it: object_store's S3 client, and signed requests for what that client cannot say.

mod durability;
mod locks;
mod objects;
mod races;
mod simulated;

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use object_store::{
    aws::{AmazonS3, AmazonS3Builder, AwsAuthorizer, AwsCredential},
    client::HttpRequestBody,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Credentials, Error, StoreOptions, router};
use crate::{
    clock::Clock,
    net::serve::{Limits, serve},
};

pub(super) const BUCKET: &str = "pictures";
pub(super) const START_MS: u64 = 1_800_000_000_000;

pub(super) fn options(root: &Path) -> StoreOptions {
    let writer = Credentials::new("WRITER", "writer-secret");
    let administrator = Credentials::new("ADMINISTRATOR", "administrator-secret");
    StoreOptions::new(root, BUCKET, writer, administrator)
}

/// A store that is served on loopback.
pub(super) struct Running {
    pub(super) address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub(super) async fn start(options: &StoreOptions) -> Self {
        Self::start_with(options, &Clock::system()).await
    }

    pub(super) async fn start_with(options: &StoreOptions, clock: &Clock) -> Self {
        let router = open(options, clock).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(serve(listener, None, router, Limits::default(), stop.clone()));
        Self { address, stop, task }
    }

    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    pub(super) fn client(&self, key_id: &str, secret: &str) -> AmazonS3 {
        self.builder(key_id, secret).build().unwrap()
    }

    pub(super) fn builder(&self, key_id: &str, secret: &str) -> AmazonS3Builder {
        choose_tls();
        AmazonS3Builder::new()
            .with_endpoint(format!("http://{}", self.address))
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_bucket_name(BUCKET)
            .with_access_key_id(key_id)
            .with_secret_access_key(secret)
    }

    pub(super) fn writer(&self) -> AmazonS3 {
        self.client("WRITER", "writer-secret")
    }

    /// Sends a signed request and returns the status and the body.
    pub(super) async fn send(&self, who: Who, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Said {
        let (key_id, secret) = match who {
            Who::Writer => ("WRITER", "writer-secret"),
            Who::Administrator => ("ADMINISTRATOR", "administrator-secret"),
        };
        let credential = AwsCredential { key_id: key_id.to_owned(), secret_key: secret.to_owned(), token: None };
        let url = format!("http://{}{path}", self.address);
        let mut request = http::Request::builder()
            .method(method)
            .uri(&url)
            .body(HttpRequestBody::from(Bytes::copy_from_slice(body.as_bytes())))
            .unwrap();
        for (name, value) in headers {
            let name = http::HeaderName::try_from(*name).unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        AwsAuthorizer::new(&credential, "s3", "us-east-1").try_authorize(&mut request, None).unwrap();
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let answer = plain_client()
            .request(method, url)
            .headers(request.headers().clone())
            .body(body.to_owned())
            .send()
            .await
            .unwrap();
        Said { status: answer.status().as_u16(), headers: answer.headers().clone(), body: answer.text().await.unwrap() }
    }
}

/// The HTTP client insists on a default for TLS, also where it speaks plain HTTP.
fn choose_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

pub(super) fn plain_client() -> reqwest::Client {
    choose_tls();
    reqwest::Client::new()
}

#[derive(Clone, Copy)]
pub(super) enum Who {
    Writer,
    Administrator,
}

#[derive(Debug)]
pub(super) struct Said {
    pub(super) status: u16,
    pub(super) headers: http::HeaderMap,
    pub(super) body: String,
}

impl Said {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Opens a store, also when the one before it still lets go of the folder.
pub(super) async fn open(options: &StoreOptions, clock: &Clock) -> axum::Router {
    for _ in 0..500 {
        match router(options, clock) {
            Err(Error::InUse(_)) => tokio::time::sleep(Duration::from_millis(10)).await,
            other => return other.unwrap(),
        }
    }
    panic!("the folder of the store was never released");
}

/// A clock that a test sets.
pub(super) fn settable() -> (Clock, Arc<std::sync::atomic::AtomicU64>) {
    let elapsed_ms = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let there = Arc::clone(&elapsed_ms);
    let clock =
        Clock::simulated(START_MS, move || Duration::from_millis(there.load(std::sync::atomic::Ordering::SeqCst)));
    (clock, elapsed_ms)
}
