//! A fake of Azure Resource Manager, and of the token services around it, over TLS on loopback. There is no honest
//! emulator of it; this one is stricter than Azure where Azure is lax: unknown and read-only properties, changes of what
//! cannot be changed, wrong api-versions and wrong orders of calls are refused.

mod actions;
mod schema;
mod semantics;
mod tokens;
mod world;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::{Response, StatusCode},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use url::Url;
use wildcam::net::{serve, tls};

pub(crate) use self::tokens::{ASSERTION, HEADER, JOB};
use self::world::World;

/// The subscription.
pub(crate) const SUBSCRIPTION: &str = "11111111-2222-3333-4444-555555555555";
/// The directory.
pub(crate) const TENANT: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
/// The application that may deploy.
pub(crate) const CLIENT: &str = "99999999-8888-7777-6666-555555555555";
/// Its secret.
pub(crate) const SECRET: &str = "not-a-real-secret-of-the-fake";

/// What came in.
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Call {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// What goes out.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
}

impl Reply {
    fn new(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Some(body) }
    }

    fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: None }
    }

    fn error(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self::new(status, json!({ "error": { "code": code, "message": message.into() } }))
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The running fake; it ends when it is dropped.
pub(crate) struct Fake {
    /// Its address: the control plane, the authority, and the rest.
    pub(crate) url: Url,
    /// Whom its certificate is from.
    pub(crate) authority_pem: String,
    world: Arc<Mutex<World>>,
    stop: CancellationToken,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Starts one. With the seed 0 nothing goes wrong by chance; with another, calls are refused now and then as Azure does:
/// throttled, busy, or blind for a moment to what was just made.
pub(crate) async fn start(seed: u64) -> Fake {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = Url::parse(&format!("https://127.0.0.1:{port}")).unwrap();
    let key = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    let server = tls::server(&key.cert.pem(), &key.signing_key.serialize_pem()).unwrap();
    let world = Arc::new(Mutex::new(World::new(&url, seed)));
    let shared = Arc::clone(&world);
    let router = Router::new().fallback(move |request: Request| {
        let world = Arc::clone(&shared);
        async move { answer(&world, request).await }
    });
    let stop = CancellationToken::new();
    tokio::spawn(serve::serve(listener, Some(server), router, serve::Limits::default(), stop.clone()));
    Fake { url, authority_pem: key.cert.pem(), world, stop }
}

async fn answer(world: &Mutex<World>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 4 << 20).await.unwrap_or_default().to_vec();
    let query = parts.uri.query().unwrap_or_default();
    let call = Call {
        method: parts.method.to_string(),
        path: percent_decoded(parts.uri.path()),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: parts.headers,
        body,
    };
    let reply = world.lock().unwrap_or_else(std::sync::PoisonError::into_inner).reply(&call);
    let mut response = Response::builder().status(StatusCode::from_u16(reply.status).unwrap());
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response = response.header("x-ms-request-id", "fake-request");
    match reply.body {
        Some(body) => response.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap(),
        None => response.body(Body::empty()).unwrap(),
    }
}

fn percent_decoded(path: &str) -> String {
    let query = path.replace('+', "%2B");
    url::form_urlencoded::parse(format!("p={query}").as_bytes()).next().map(|(_, text)| text.into_owned()).unwrap()
}

#[allow(dead_code, reason = "each test uses a part of it")]
impl Fake {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What stands, by id, as a GET would tell it.
    pub(crate) fn resources(&self) -> BTreeMap<String, Value> {
        let world = self.world();
        world.resources.values().map(|stored| (stored.id.clone(), world.told(stored))).collect()
    }

    /// How often each id was made anew.
    pub(crate) fn creations(&self) -> BTreeMap<String, u32> {
        self.world().creations.clone()
    }

    /// How often each id was deleted.
    pub(crate) fn deletions(&self) -> BTreeMap<String, u32> {
        self.world().deletions.clone()
    }

    /// Every call, as `METHOD path`.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.world().calls.clone()
    }

    /// How many tokens were given.
    pub(crate) fn tokens_given(&self) -> u32 {
        self.world().tokens.given
    }

    /// Every token that was given is refused from now on, as when it had expired.
    pub(crate) fn expire_tokens(&self) {
        self.world().tokens.expire();
    }

    /// Nobody is given the keys of an account any more.
    pub(crate) fn deny_keys(&self) {
        self.world().keys_denied = true;
    }

    /// Tokens are given, and none is taken.
    pub(crate) fn refuse_tokens(&self, refuse: bool) {
        self.world().tokens.refuse = refuse;
    }

    /// The next calls are throttled.
    pub(crate) fn throttle(&self, calls: u32) {
        self.world().throttle = calls;
    }

    /// The next change of a resource of this kind ends badly, after it was taken.
    pub(crate) fn fail_next(&self, kind: &str, code: &str, message: &str) {
        self.world().failing.insert(kind.to_lowercase(), (code.to_owned(), message.to_owned()));
    }

    /// No more than so many of a kind.
    pub(crate) fn quota(&self, kind: &str, most: usize) {
        self.world().quotas.insert(kind.to_lowercase(), most);
    }

    /// A region does not offer a kind.
    pub(crate) fn without(&self, kind: &str, region: &str) {
        self.world().not_offered.insert((kind.to_lowercase(), region.to_owned()));
    }

    /// The subscription does not use a provider yet.
    pub(crate) fn unregister(&self, namespace: &str) {
        self.world().registrations.insert(namespace.to_lowercase(), 0);
    }

    /// Nothing below an id may be deleted.
    pub(crate) fn lock(&self, id: &str) {
        self.world().locks.insert(id.to_lowercase());
    }

    /// New resources are not seen by so many of the next reads of them.
    pub(crate) fn hide_new(&self, reads: u32) {
        self.world().blind_reads = reads;
    }

    /// A new principal is not known to so many role assignments.
    pub(crate) fn slow_principals(&self, refusals: u32) {
        self.world().principal_refusals = refusals;
    }

    /// What the vault itself lets the caller do.
    pub(crate) fn vault_access(&self, allowed: bool) {
        self.world().vault_access = allowed;
    }

    /// Where the accounts' blobs lie, and the key that they show.
    pub(crate) fn blobs(&self, endpoint: &str, key: &str) {
        self.world().blobs = Some((endpoint.to_owned(), key.to_owned()));
    }

    /// Somebody else changes a resource.
    pub(crate) fn change(&self, id: &str, pointer: &str, value: Value) {
        let mut world = self.world();
        let stored = world.resources.get_mut(&id.to_lowercase()).unwrap();
        *stored.body.pointer_mut(pointer).unwrap() = value;
        stored.version += 1;
    }
}
