//! A fake of AWS Cloud Control, driven by the schemas in templates/schemas/aws, with the little of STS and ECR that goes
//! with it. It checks every signature by itself, knows every property of every type, forgets no token, and takes its
//! time. Stricter than AWS: a creation, an update or a deletion without a client token is refused.

#![allow(dead_code, reason = "each test uses a part of it")]

mod patch;
mod schema;
mod signature;
mod types;
mod world;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, Response, Uri},
};
use serde_json::{Value, json};
use tokio::sync::oneshot;

pub(crate) use self::schema::Checker;
use self::world::{Refusal, World};

/// How the fake begins.
#[derive(Clone, Debug)]
pub(crate) struct Seed {
    /// Whose account it is.
    pub(crate) account: String,
    /// The keys that are believed.
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) session_token: Option<String>,
    /// After how many questions an operation ends.
    pub(crate) polls: u32,
    /// How many reads after a creation find nothing.
    pub(crate) late_reads: u32,
    /// How many identifiers one page of a list holds.
    pub(crate) page: usize,
    /// Types that a region does not have: region, type.
    pub(crate) missing: BTreeSet<(String, String)>,
    /// Secrets that wait for their final deletion.
    pub(crate) scheduled: BTreeSet<String>,
}

impl Default for Seed {
    fn default() -> Self {
        Self {
            account: "123456789012".to_owned(),
            access_key: "AKIDFAKE".to_owned(),
            secret_key: "fake/secret+key".to_owned(),
            session_token: None,
            polls: 2,
            late_reads: 1,
            page: 2,
            missing: BTreeSet::new(),
            scheduled: BTreeSet::new(),
        }
    }
}

/// What goes wrong, once for each time that it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// 429, ThrottlingException.
    Throttled,
    /// 409, ConcurrentOperationException.
    Concurrent,
    /// 500 with a page that is no JSON.
    Broken,
    /// The operation begins and then fails with this code and message.
    Fails(String, String),
    /// The call takes effect, and its answer is cut off.
    Unanswered,
}

/// One resource that stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Resource {
    pub(crate) kind: String,
    pub(crate) region: String,
    pub(crate) id: String,
    /// With what is write-only.
    pub(crate) properties: Value,
}

/// The running fake; it stops when it is dropped.
pub(crate) struct Fake {
    pub(crate) url: String,
    pub(crate) seed: Seed,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    seed: Seed,
    inner: Mutex<Inner>,
}

struct Inner {
    world: World,
    faults: Vec<(String, Fault)>,
    calls: BTreeMap<String, usize>,
    refused: Vec<String>,
    expired: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts one on a free port, on a thread of its own: tests with and without a runtime may use it.
pub(crate) fn start(seed: Seed) -> Fake {
    let world = World::new(&seed);
    let inner = Inner { world, faults: Vec::new(), calls: BTreeMap::new(), refused: Vec::new(), expired: false };
    let shared = Arc::new(Shared { seed: seed.clone(), inner: Mutex::new(inner) });
    let (stop, stopped) = oneshot::channel::<()>();
    let (tell, told) = std::sync::mpsc::channel::<SocketAddr>();
    let served = Arc::clone(&shared);
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            tell.send(listener.local_addr().expect("its address")).expect("the test waits");
            let router = Router::new().fallback(answer).with_state(served);
            let end = async {
                let _ = stopped.await;
            };
            // Not gracefully: a client that keeps its connection must not keep the test.
            tokio::select! {
                () = end => {}
                _ = axum::serve(listener, router) => {}
            }
        });
    });
    let address = told.recv_timeout(std::time::Duration::from_secs(30)).expect("the fake starts");
    Fake { url: format!("http://{address}"), seed, shared, stop: Some(stop), thread: Some(thread) }
}

impl Fake {
    /// What stands, by type and id.
    pub(crate) fn resources(&self) -> Vec<Resource> {
        self.shared.lock().world.resources()
    }

    /// The one of this type whose id holds `part`.
    #[track_caller]
    pub(crate) fn one(&self, kind: &str, part: &str) -> Resource {
        let all = self.resources();
        let found = all.iter().find(|resource| resource.kind == kind && resource.id.contains(part));
        found.cloned().unwrap_or_else(|| panic!("no {kind} with {part} among {all:#?}"))
    }

    /// How often something was really made, by type and name; a second time after a deletion counts again.
    pub(crate) fn creations(&self) -> BTreeMap<String, usize> {
        self.shared.lock().world.creations.clone()
    }

    /// How often something was deleted, by type and id.
    pub(crate) fn deletions(&self) -> BTreeMap<String, usize> {
        self.shared.lock().world.deletions.clone()
    }

    /// How often a call was made, refused ones included.
    pub(crate) fn calls(&self, action: &str) -> usize {
        self.shared.lock().calls.get(action).copied().unwrap_or(0)
    }

    /// What was refused as nonsense: wrong signatures, unknown fields, tokens used twice. Faults do not count.
    pub(crate) fn refused(&self) -> Vec<String> {
        self.shared.lock().refused.clone()
    }

    /// Lets the next call of `action` fail.
    pub(crate) fn fail(&self, action: &str, fault: Fault) {
        self.shared.lock().faults.push((action.to_owned(), fault));
    }

    /// From now on the session of the keys is over.
    pub(crate) fn expire(&self, expired: bool) {
        self.shared.lock().expired = expired;
    }

    /// Somebody else changes a resource.
    pub(crate) fn tamper(&self, kind: &str, id: &str, change: impl FnOnce(&mut Value)) {
        self.shared.lock().world.tamper(kind, id, change);
    }

    /// Somebody else deletes a resource.
    pub(crate) fn remove(&self, kind: &str, id: &str) {
        self.shared.lock().world.remove(kind, id);
    }

    /// A repository gets an image: it cannot be deleted without force any more.
    pub(crate) fn push_image(&self, repository: &str) {
        self.shared.lock().world.full.insert(repository.to_owned());
    }

    /// Lets the failures of operations look as old as `seconds`, so that a client need not wait for them to age.
    pub(crate) fn age_failures(&self, seconds: f64) {
        self.shared.lock().world.age = seconds;
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn page(status: u16, body: &Value) -> Response<Body> {
    let builder = Response::builder().status(status).header("content-type", "application/x-amz-json-1.0");
    builder.header("x-amzn-requestid", "fake").body(Body::from(body.to_string())).expect("an answer")
}

fn refusal(refusal: &Refusal) -> Response<Body> {
    let body = json!({ "__type": format!("com.amazonaws.fake#{}", refusal.code), "Message": refusal.message });
    page(refusal.status, &body)
}

/// An answer that ends before its time.
fn cut_off() -> Response<Body> {
    let parts = futures_util::stream::iter([
        Ok::<_, std::io::Error>(Bytes::from_static(b"{")),
        Err(std::io::Error::other("cut off")),
    ]);
    Response::new(Body::from_stream(parts))
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let mut inner = shared.lock();
    let inner = &mut *inner;
    let signed = match signature::verify(&shared.seed, &method, &uri, &headers, &body) {
        Ok(signed) => signed,
        Err(why) => {
            inner.refused.push(why.clone());
            return refusal(&Refusal::new(403, "SignatureDoesNotMatch", why));
        }
    };
    if inner.expired {
        let message = "The security token included in the request is expired";
        return refusal(&Refusal::new(400, "ExpiredTokenException", message));
    }
    match signed.service.as_str() {
        "sts" => identity(&shared.seed),
        "cloudcontrolapi" | "ecr" => {
            let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
            let (prefix, action) = target.split_once('.').unwrap_or_default();
            *inner.calls.entry(action.to_owned()).or_default() += 1;
            let version = if signed.service == "ecr" { "1.1" } else { "1.0" };
            let wanted = format!("application/x-amz-json-{version}");
            if headers.get("content-type").and_then(|value| value.to_str().ok()) != Some(wanted.as_str()) {
                inner.refused.push(format!("{action}: the content type is not {wanted}"));
                return refusal(&Refusal::new(400, "SerializationException", "wrong content type"));
            }
            let fault = inner.faults.iter().position(|(of, _)| of == action).map(|index| inner.faults.remove(index).1);
            match fault {
                Some(Fault::Throttled) => return refusal(&Refusal::new(429, "ThrottlingException", "Rate exceeded")),
                Some(Fault::Concurrent) => {
                    let message = "Another operation is under way";
                    return refusal(&Refusal::new(409, "ConcurrentOperationException", message));
                }
                Some(Fault::Broken) => {
                    return Response::builder().status(500).body(Body::from("<html>")).expect("an answer");
                }
                _ => {}
            }
            let forced = match &fault {
                Some(Fault::Fails(code, message)) => Some((code.clone(), message.clone())),
                _ => None,
            };
            let result = if prefix == "CloudApiService" {
                inner.world.call(action, &signed.region, &body, forced)
            } else if prefix == "AmazonEC2ContainerRegistry_V20150921" {
                inner.world.registry(action, &signed.region, &body)
            } else {
                Err(Refusal::new(400, "UnknownOperationException", target))
            };
            match result {
                Ok(_) if fault == Some(Fault::Unanswered) => cut_off(),
                Ok(answer) => page(200, &answer),
                Err(wrong) => {
                    if wrong.nonsense {
                        inner.refused.push(format!("{action}: {}: {}", wrong.code, wrong.message));
                    }
                    refusal(&wrong)
                }
            }
        }
        other => refusal(&Refusal::new(400, "UnknownOperationException", other)),
    }
}

fn identity(seed: &Seed) -> Response<Body> {
    let account = &seed.account;
    let text = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>arn:aws:iam::{account}:user/fake</Arn><UserId>AIDAFAKE</UserId><Account>{account}</Account>\
         </GetCallerIdentityResult></GetCallerIdentityResponse>"
    );
    Response::builder().header("content-type", "text/xml").body(Body::from(text)).expect("an answer")
}
