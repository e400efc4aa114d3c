//! A fake of Google's services on loopback, for those that no honest emulator exists for. It is stricter than the real
//! ones: it refuses unknown fields, fields that only Google sets, values of a wrong type, changes of what is set at
//! creation only, masks that are missing or name what is not sent, and query parameters that a method does not have.
//!
//! Which methods there are, at which paths and with which parameters, is in google/methods.json, taken from Google's
//! discovery documents; what a body may hold is in templates/schemas/gcp. What the services do beyond that (operations,
//! etags, kept names, protections) is written here after their documents, and proves nothing about the real ones.

#[path = "google/act.rs"]
mod act;
#[path = "google/create.rs"]
mod create;
#[path = "google/objects.rs"]
mod objects;
#[path = "google/policy.rs"]
mod policy;
#[path = "google/route.rs"]
mod route;
#[path = "google/serve.rs"]
mod serve;
#[path = "google/shape.rs"]
mod shape;
#[path = "google/tokens.rs"]
mod tokens;
#[path = "google/world.rs"]
mod world;

use std::{
    collections::BTreeMap,
    net::TcpListener,
    sync::{Arc, Mutex, MutexGuard},
    thread::JoinHandle,
};

use serde_json::{Value, json};
use tokio::sync::oneshot;

pub(crate) use world::Refusal;
use world::World;

/// The project that the fake knows.
pub(crate) const PROJECT: &str = "wild-123";
/// Its number.
pub(crate) const NUMBER: &str = "456789012345";
/// The regions that the fake knows.
pub(crate) const REGIONS: [&str; 3] = ["europe-west3", "europe-west1", "us-east1"];
/// The account that may do everything.
pub(crate) const DEPLOYER: &str = "deployer@wild-123.iam.gserviceaccount.com";

/// A key made for these tests; it opens nothing.
const KEY: &str = include_str!("google/test-key.pem");

/// A running fake; it ends when this is dropped.
pub(crate) struct Fake {
    /// Where it answers: the `endpoint` of a cloud.
    pub(crate) url: String,
    world: Arc<Mutex<World>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts a fake. The same seed gives the same ids.
pub(crate) fn start(seed: u64) -> Fake {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
    listener.set_nonblocking(true).expect("a socket that does not block");
    let url = format!("http://{}", listener.local_addr().expect("the address of the socket"));
    let world = Arc::new(Mutex::new(World::new(seed, &url)));
    let (stop, stopped) = oneshot::channel();
    let shared = Arc::clone(&world);
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let app = serve::app(shared);
            tokio::select! {
                result = axum::serve(listener, app) => result.expect("the server"),
                _ = stopped => {}
            }
        });
    });
    Fake { url, world, stop: Some(stop), thread: Some(thread) }
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

impl Fake {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("the world is whole")
    }

    /// A credentials file of the account that may do everything, with the fake as its token endpoint.
    pub(crate) fn credentials(&self) -> String {
        json!({
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "1",
            "private_key": KEY,
            "client_email": DEPLOYER,
            "client_id": "1",
            "token_uri": format!("{}/token", self.url),
        })
        .to_string()
    }

    /// What stands, by service and path: `run/projects/...`.
    pub(crate) fn resources(&self) -> BTreeMap<String, Value> {
        self.world().resources.iter().map(|(key, entry)| (key.clone(), entry.value.clone())).collect()
    }

    /// How often each thing was made, by the same key.
    pub(crate) fn creations(&self) -> BTreeMap<String, u32> {
        self.world().creations.clone()
    }

    /// The methods that were called, in order: `run.services.create`.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.world().calls.clone()
    }

    /// How many tokens were given out.
    pub(crate) fn tokens_given(&self) -> usize {
        self.world().tokens_given
    }

    /// Refuses the next call of a method.
    pub(crate) fn refuse_next(&self, method: &str, refusal: Refusal) {
        self.world().refusals.push((method.to_owned(), refusal));
    }

    /// Lets the next operation of a service end with an error.
    pub(crate) fn fail_next_operation(&self, service: &str, refusal: Refusal) {
        self.world().failing.push((service.to_owned(), refusal));
    }

    /// Every token that was given out is worth nothing from now on.
    pub(crate) fn expire_tokens(&self) {
        self.world().tokens.clear();
    }

    /// A token, as somebody else would have got it.
    pub(crate) fn give_token(&self) -> String {
        tokens::give(&mut self.world())
    }

    /// Gives no more tokens.
    pub(crate) fn refuse_tokens(&self) {
        self.world().gives_tokens = false;
    }

    /// How long tokens live, in seconds.
    pub(crate) fn token_life(&self, seconds: u64) {
        self.world().token_life = seconds;
    }

    /// Switches a service off; `ready_after` calls after it was enabled it works.
    pub(crate) fn disable(&self, service: &str, ready_after: u32) {
        self.world().disabled.insert(service.to_owned(), ready_after);
    }

    /// How many questions about an operation are answered with "not yet".
    pub(crate) fn polls(&self, polls: u32) {
        self.world().polls = polls;
    }

    /// How many reads after a creation that was answered at once say that there is nothing.
    pub(crate) fn hide_new(&self, reads: u32) {
        self.world().hidden = reads;
    }

    /// Sets something behind everybody's back, at a JSON pointer of what stands under a key.
    pub(crate) fn change(&self, key: &str, pointer: &str, value: Value) {
        let mut world = self.world();
        let entry = world.resources.get_mut(key).unwrap_or_else(|| panic!("nothing under {key}"));
        shape::put(&mut entry.value, pointer, Some(value));
        entry.version += 1;
    }

    /// Adds a binding to a policy, as somebody else would.
    pub(crate) fn bind(&self, key: &str, binding: Value) {
        let mut world = self.world();
        policy::bind(&mut world, key, binding);
    }

    /// The policy of something.
    pub(crate) fn policy(&self, key: &str) -> Value {
        policy::of(&self.world(), key)
    }
}
