//! A gateway over TLS on loopback, stores that can fail, and a camera that signs.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer as _, SigningKey};
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, memory::InMemory, path::Path,
};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use wildcam::{
    clock::{Clock, Random},
    data::{Index, index::Mode},
    gateway::{Gateway, Parts, Policy, Settings, Store},
    net::{client, serve, tls},
    release::{
        FileSigner, Role, Signer,
        documents::{Scope, Token},
        generate_key,
    },
};
use wildcam_core::{
    httpsig::{self, digest},
    wire::{CameraId, Event, Image, Priority, Sha256Hex, Ulid, clipped},
};

const UP: u8 = 0;
const REFUSES: u8 = 1;
const SILENT: u8 = 2;

/// A store in memory that can be made to refuse, or to never answer.
#[derive(Debug, Default)]
pub(crate) struct Fickle {
    pub(crate) inner: InMemory,
    state: AtomicU8,
}

impl Fickle {
    pub(crate) fn up(&self) {
        self.state.store(UP, Ordering::SeqCst);
    }

    pub(crate) fn refuse(&self) {
        self.state.store(REFUSES, Ordering::SeqCst);
    }

    pub(crate) fn fall_silent(&self) {
        self.state.store(SILENT, Ordering::SeqCst);
    }

    async fn gate(&self) -> Result<()> {
        match self.state.load(Ordering::SeqCst) {
            REFUSES => Err(object_store::Error::Generic { store: "fickle", source: "refused".into() }),
            SILENT => std::future::pending().await,
            _ => Ok(()),
        }
    }

    pub(crate) async fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> =
            self.inner.list(None).map_ok(|meta| meta.location.to_string()).try_collect().await.unwrap();
        keys.sort();
        keys
    }

    pub(crate) async fn detections(&self) -> Vec<String> {
        self.keys().await.into_iter().filter(|key| key.starts_with("detections/")).collect()
    }
}

impl fmt::Display for Fickle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fickle")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Fickle {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.gate().await?;
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.gate().await?;
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.gate().await?;
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.state.load(Ordering::SeqCst) {
            UP => self.inner.list(prefix),
            _ => futures_util::stream::once(async {
                Err(object_store::Error::Generic { store: "fickle", source: "refused".into() })
            })
            .boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.gate().await?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// How a test wants its gateway.
pub(crate) struct Wanted {
    pub(crate) copies: usize,
    pub(crate) one_copy: bool,
    pub(crate) index: Option<Index>,
    pub(crate) stores: Vec<Arc<Fickle>>,
    pub(crate) signer: Arc<FileSigner>,
    pub(crate) change: Box<dyn Fn(&mut Settings)>,
}

pub(crate) fn signer() -> Arc<FileSigner> {
    Arc::new(FileSigner::from_pem(&generate_key().unwrap(), Role::Online).unwrap())
}

impl Default for Wanted {
    fn default() -> Self {
        let stores = (0..3).map(|_| Arc::new(Fickle::default())).collect();
        Self { copies: 2, one_copy: false, index: None, stores, signer: signer(), change: Box::new(|_| {}) }
    }
}

/// A gateway that is served, until it is dropped.
pub(crate) struct Served {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) stores: Vec<Arc<Fickle>>,
    pub(crate) signer: Arc<FileSigner>,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) authority: String,
    pub(crate) http: reqwest::Client,
    stop: CancellationToken,
    background: Option<tokio::task::JoinHandle<()>>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn unique() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Served {
    pub(crate) async fn start(wanted: Wanted) -> Self {
        let number = unique();
        let mut settings = Settings::new(CameraId::new(&format!("gw-{number}")).unwrap(), "a");
        settings.policy = Policy {
            copies: wanted.copies,
            one_copy: wanted.one_copy,
            store_timeout: Duration::from_millis(400),
            heal_every: Duration::from_millis(100),
            ..Policy::default()
        };
        settings.burst = 10_000.0;
        (wanted.change)(&mut settings);
        let named = |(n, objects): (usize, &Arc<Fickle>)| Store {
            name: ["a", "b", "c"][n].to_owned(),
            objects: Arc::clone(objects) as Arc<dyn ObjectStore>,
        };
        let stores = wanted.stores.iter().enumerate().map(named).collect();
        let index = match wanted.index {
            Some(index) => index,
            None => Index::in_memory(&format!("test-{number}"), Mode::Threaded).unwrap(),
        };
        let gateway = Gateway::new(Parts {
            settings,
            stores,
            index,
            signer: Arc::clone(&wanted.signer) as Arc<dyn Signer>,
            clock: Clock::system(),
            random: Random::seeded(number),
        })
        .unwrap();
        let certificate = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let authority = certificate.cert.pem();
        let server = tls::server(&authority, &certificate.signing_key.serialize_pem()).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(serve::serve(listener, Some(server), gateway.router(), serve::Limits::default(), stop.clone()));
        let (background, ending) = (Arc::clone(&gateway), stop.clone());
        let background = Some(tokio::spawn(async move { background.background(ending).await }));
        let http = client::http(Some(&authority)).unwrap();
        Self { gateway, stores: wanted.stores, signer: wanted.signer, address, authority, http, stop, background }
    }

    /// Ends the gateway, its background work included.
    pub(crate) async fn end(mut self) {
        self.stop.cancel();
        if let Some(background) = self.background.take() {
            background.await.unwrap();
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    pub(crate) async fn token(&self, scope: Scope) -> String {
        let now_s = Clock::system().unix_s();
        Token { scope, expires_s: now_s + 60 }.issue(self.signer.as_ref(), now_s).await.unwrap()
    }

    pub(crate) async fn read(&self, path: &str) -> reqwest::Response {
        let token = self.token(Scope::Read).await;
        self.http.get(self.url(path)).bearer_auth(token).send().await.unwrap()
    }

    /// Waits for something that the background does; a test that waits forever is ended by its runner.
    pub(crate) async fn until(&self, mut done: impl AsyncFnMut() -> bool) {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn healed(&self) {
        self.until(async || self.gateway.heal_pending() == 0).await;
    }
}

/// A camera that signs as wildcam-core does.
pub(crate) struct Camera {
    pub(crate) id: CameraId,
    pub(crate) key: SigningKey,
    pub(crate) counter: AtomicU64,
    /// Seconds that its clock is off.
    pub(crate) drift_s: AtomicI64,
}

/// A request that was signed and can be sent more than once.
#[derive(Clone)]
pub(crate) struct Signed {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Where a request goes.
pub(crate) trait Target {
    fn http(&self) -> &reqwest::Client;
    fn at(&self, path: &str) -> String;
}

impl Target for Served {
    fn http(&self) -> &reqwest::Client {
        &self.http
    }

    fn at(&self, path: &str) -> String {
        self.url(path)
    }
}

impl Signed {
    pub(crate) async fn send(&self, to: &impl Target) -> reqwest::Response {
        let method = reqwest::Method::from_bytes(self.method.as_bytes()).unwrap();
        let mut request = to.http().request(method, to.at(&self.path));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(self.body.clone()).send().await.unwrap()
    }
}

impl Camera {
    pub(crate) fn new(id: &str) -> Self {
        let mut seed = [0; 32];
        seed[..id.len().min(32)].copy_from_slice(&id.as_bytes()[..id.len().min(32)]);
        Self {
            id: CameraId::new(id).unwrap(),
            key: SigningKey::from_bytes(&seed),
            counter: AtomicU64::new(1 << 32),
            drift_s: AtomicI64::new(0),
        }
    }

    pub(crate) async fn enrolled(id: &str, at: &Served) -> Self {
        let camera = Self::new(id);
        let response = camera.register(at).await;
        assert_eq!(response.status(), 201);
        camera
    }

    pub(crate) async fn register(&self, at: &Served) -> reqwest::Response {
        let token = at.token(Scope::Enrol { camera: self.id.clone() }).await;
        let key = STANDARD.encode(self.key.verifying_key().as_bytes());
        let body = serde_json::json!({ "camera": self.id, "public_key": key });
        at.http.post(at.url("/api/cameras/register")).bearer_auth(token).json(&body).send().await.unwrap()
    }

    pub(crate) fn sign(&self, method: &'static str, path: &str, more: &[(&str, String)], body: Vec<u8>) -> Signed {
        let content_digest = (!body.is_empty()).then(|| digest::field_of(&body).to_string());
        let find = |name: &str| more.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str());
        let request = httpsig::Request {
            method,
            path,
            query: None,
            content_digest: find("content-digest").or(content_digest.as_deref()),
            upload_offset: find("upload-offset"),
            upload_complete: find("upload-complete"),
            repr_digest: find("repr-digest"),
        };
        let now_s = i64::try_from(Clock::system().unix_s()).unwrap() + self.drift_s.load(Ordering::Relaxed);
        let parameters = httpsig::Parameters {
            keyid: self.id.as_str(),
            created_s: now_s.try_into().unwrap(),
            counter: self.counter.fetch_add(1, Ordering::Relaxed),
        };
        let signed = httpsig::sign(&request, &parameters, |base| self.key.sign(base).to_bytes()).unwrap();
        let mut headers: Vec<(String, String)> =
            more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        if let Some(value) = content_digest.filter(|_| find("content-digest").is_none()) {
            headers.push(("content-digest".to_owned(), value));
        }
        headers.push(("signature-input".to_owned(), signed.signature_input.to_string()));
        headers.push(("signature".to_owned(), signed.signature.to_string()));
        Signed { method, path: path.to_owned(), headers, body }
    }

    pub(crate) fn event(&self, number: u64, image: &[u8]) -> Event {
        let now_ms = Clock::system().unix_ms();
        Event {
            ulid: Ulid::new(now_ms, u128::from(number) << 16 | u128::from(unique() & 0xffff)),
            camera: self.id.clone(),
            taken_at_ms: now_ms + number,
            trigger: clipped("motion"),
            priority: Priority::High,
            species: Some(clipped("Lynx lynx")),
            confidence: Some(0.9),
            place: None,
            model: None,
            firmware: clipped("0.1.0"),
            image: Image {
                sha256: Sha256Hex(Sha256::digest(image).into()),
                bytes: image.len().try_into().unwrap(),
                media_type: clipped("image/jpeg"),
            },
        }
    }

    pub(crate) fn upload(&self, event: &Event, image: Option<&[u8]>) -> Signed {
        let body = multipart(&serde_json::to_vec(event).unwrap(), image);
        self.sign("POST", "/api/detections", &[("content-type", MULTIPART.to_owned())], body)
    }

    pub(crate) async fn detect(&self, number: u64, at: &Served) -> (Event, Vec<u8>, reqwest::Response) {
        let image = jpeg(number);
        let event = self.event(number, &image);
        let response = self.upload(&event, Some(&image)).send(at).await;
        (event, image, response)
    }
}

pub(crate) const MULTIPART: &str = "multipart/form-data; boundary=b-o-u-n-d";

pub(crate) fn multipart(event: &[u8], image: Option<&[u8]>) -> Vec<u8> {
    let mut body = b"--b-o-u-n-d\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n".to_vec();
    body.extend_from_slice(event);
    if let Some(image) = image {
        body.extend_from_slice(b"\r\n--b-o-u-n-d\r\nContent-Disposition: form-data; name=\"image\"\r\n");
        body.extend_from_slice(b"Content-Type: image/jpeg\r\n\r\n");
        body.extend_from_slice(image);
    }
    body.extend_from_slice(b"\r\n--b-o-u-n-d--\r\n");
    body
}

/// A real JPEG, different for each number.
pub(crate) fn jpeg(number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let random = Random::seeded(number);
    let mut pixels = vec![0; 48 * 48 * 3];
    random.fill(&mut pixels);
    jpeg_encoder::Encoder::new(&mut bytes, 70).encode(&pixels, 48, 48, jpeg_encoder::ColorType::Rgb).unwrap();
    bytes
}

pub(crate) async fn kind(response: reqwest::Response) -> (u16, String) {
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: serde_json::Value = response.json().await.unwrap();
    (status, problem["kind"].as_str().unwrap().to_owned())
}

pub(crate) async fn content(store: &Fickle, key: &str) -> Vec<u8> {
    store.inner.get(&Path::from(key)).await.unwrap().bytes().await.unwrap().to_vec()
}
