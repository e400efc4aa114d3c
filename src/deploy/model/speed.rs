//! Figures, which are printed and never judged: a machine that is busy is no fault of the engine.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use object_store::{ObjectStore, local::LocalFileSystem};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Scene, plan_of, rules};
use crate::{
    clock::{Clock, Random},
    cloud::control::{
        Change, ControlPlane, Failure, FailureKind, Finding, Listed, Live, Pending, StateStore, Step, Wanted,
    },
    deploy::{
        apply::{self, Ending},
        event,
        graph::{Graph, Place, Resource},
        refresh,
        site::{Opening, Site},
    },
    project::Provider,
};

/// A cloud that answers at once, or after a fixed time.
#[derive(Debug)]
struct Quick {
    things: Mutex<BTreeMap<String, Live>>,
    latency: Duration,
    store: Arc<dyn ObjectStore>,
}

impl Quick {
    async fn wait(&self) {
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
    }
}

#[async_trait::async_trait]
impl ControlPlane for Quick {
    fn cloud(&self) -> &str {
        "a"
    }

    async fn list(&self, kind: &str, _: &str) -> Result<Vec<Listed>, Failure> {
        let things = self.things.lock().unwrap();
        let of = things.values().filter(|live| live.kind == kind);
        Ok(of.map(|live| Listed { id: live.id.clone(), live: Some(live.clone()) }).collect())
    }

    async fn read(&self, _: &str, _: &str, id: &str) -> Result<Live, Failure> {
        let found = self.things.lock().unwrap().get(id).cloned();
        found.ok_or_else(|| Failure::new(FailureKind::NotFound, "read", "no"))
    }

    async fn locate(&self, wanted: &Wanted) -> Result<Option<Live>, Failure> {
        Ok(self.things.lock().unwrap().get(wanted.properties["Name"].as_str().unwrap()).cloned())
    }

    async fn create(&self, wanted: &Wanted, _: &str) -> Result<Step, Failure> {
        self.wait().await;
        let id = wanted.properties["Name"].as_str().unwrap().to_owned();
        let live = Live {
            id: id.clone(),
            kind: wanted.kind.clone(),
            region: wanted.region.clone(),
            properties: wanted.properties.clone(),
            owner: Some(wanted.owner.clone()),
            etag: None,
        };
        self.things.lock().unwrap().insert(id.clone(), live);
        Ok(Step::Done { id, live: None })
    }

    async fn update(&self, live: &Live, _: &Wanted, _: &[Change], _: &str) -> Result<Step, Failure> {
        Ok(Step::Done { id: live.id.clone(), live: None })
    }

    async fn delete(&self, live: &Live, _: bool, _: &str) -> Result<Step, Failure> {
        self.things.lock().unwrap().remove(&live.id);
        Ok(Step::Done { id: live.id.clone(), live: None })
    }

    async fn poll(&self, _: &Pending) -> Result<Step, Failure> {
        Err(Failure::new(FailureKind::NotFound, "poll", "no"))
    }

    async fn state_store(&self, _: &str, _: bool) -> Result<Option<StateStore>, Failure> {
        Ok(Some(StateStore { place: "here".to_owned(), objects: Arc::clone(&self.store) }))
    }

    async fn remove_state_store(&self, _: &str) -> Result<(), Failure> {
        Ok(())
    }

    async fn check(&self) -> Vec<Finding> {
        Vec::new()
    }
}

fn site(store: Arc<dyn ObjectStore>, latency: Duration) -> Site {
    let mut project = Scene::new(1).project;
    project.settings.clouds.retain(|name, _| name == "a");
    project.settings.deploy.parallel = 48;
    let plane: Arc<dyn ControlPlane> = Arc::new(Quick { things: Mutex::default(), latency, store });
    let opening = Opening {
        project,
        without: BTreeSet::new(),
        clock: Clock::system(),
        random: Random::seeded(1),
        lookup: Arc::new(|_| None),
        listener: event::nobody(),
        who: "the bench".to_owned(),
    };
    let mut site = Site::with_planes(opening, BTreeMap::from([("a".to_owned(), plane)])).unwrap();
    site.rules = rules;
    site
}

fn flat(count: usize) -> Graph {
    let resource = |number: usize| {
        let address: crate::cloud::control::Address = format!("a/s/n{number}").parse().unwrap();
        let properties = json!({ "Name": format!("n{number}"), "Size": number, "Text": "x".repeat(200) });
        let (kind, region) = ("m.name".to_owned(), "r".to_owned());
        let (provider, needs) = (Provider::Custom, BTreeSet::new());
        let (place, places) = (Place::default(), BTreeMap::new());
        (address.clone(), Resource { address, provider, kind, region, properties, needs, place, places })
    };
    Graph { resources: (0..count).map(resource).collect(), ..Graph::default() }
}

/// Plans and applies until nothing is left; what each took.
async fn twice(site: &Site, count: usize) -> [Duration; 2] {
    let (interrupt, graph) = (CancellationToken::new(), flat(count));
    let mut took = [Duration::ZERO; 2];
    for (round, took) in took.iter_mut().enumerate() {
        let started = Instant::now();
        let state = site.shelf.read().await.unwrap().state;
        let seen = refresh::look(site, &graph, &state, &|_| true, &interrupt).await;
        let plan = plan_of(site, &graph, &state, &seen);
        assert_eq!(plan.changes.len(), if round == 0 { count } else { 0 });
        if round == 0 {
            let begun = Instant::now();
            let outcome = apply::run(site, plan, &BTreeSet::new(), &interrupt).await.unwrap();
            assert_eq!(outcome.ending, Ending::Complete);
            *took = begun.elapsed();
        } else {
            *took = started.elapsed();
        }
    }
    took
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_resources_and_a_second_run() {
    let place = tempfile::tempdir().unwrap();
    let folder: Arc<dyn ObjectStore> =
        Arc::new(LocalFileSystem::new_with_prefix(place.path()).unwrap().with_fsync(true));
    let folder = crate::deploy::model::speed::conditional(folder);
    let [apply, plan] = twice(&site(folder, Duration::ZERO), 1000).await;
    println!("1000 resources, a folder with fsync: apply {apply:?}, then a plan without changes {plan:?}");
    let memory: Arc<dyn ObjectStore> = Arc::new(object_store::memory::InMemory::new());
    let [apply, plan] = twice(&site(memory, Duration::ZERO), 1000).await;
    println!("1000 resources, in memory: apply {apply:?}, then a plan without changes {plan:?}");
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
}

#[tokio::test(start_paused = true)]
async fn calls_that_take_a_second_are_made_at_a_time() {
    let memory: Arc<dyn ObjectStore> = Arc::new(object_store::memory::InMemory::new());
    let mine = site(memory, Duration::from_secs(1));
    let (graph, interrupt) = (flat(48), CancellationToken::new());
    let state = mine.shelf.read().await.unwrap().state;
    let seen = refresh::look(&mine, &graph, &state, &|_| true, &interrupt).await;
    let plan = plan_of(&mine, &graph, &state, &seen);
    let started = tokio::time::Instant::now();
    apply::run(&mine, plan, &BTreeSet::new(), &interrupt).await.unwrap();
    let took = started.elapsed();
    // Time is simulated: this is the schedule, not the machine.
    assert!(took >= Duration::from_secs(1) && took < Duration::from_millis(1300), "{took:?}");
}

/// A folder whose updates are conditional, as the register needs: nothing else writes to it here.
fn conditional(inner: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
    Arc::new(Conditional { inner, lock: tokio::sync::Mutex::new(()) })
}

#[derive(Debug)]
struct Conditional {
    inner: Arc<dyn ObjectStore>,
    lock: tokio::sync::Mutex<()>,
}

impl std::fmt::Display for Conditional {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Conditional")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Conditional {
    async fn put_opts(
        &self,
        location: &object_store::path::Path,
        payload: object_store::PutPayload,
        mut options: object_store::PutOptions,
    ) -> object_store::Result<object_store::PutResult> {
        let object_store::PutMode::Update(expected) = options.mode.clone() else {
            return self.inner.put_opts(location, payload, options).await;
        };
        let _held = self.lock.lock().await;
        let now = object_store::ObjectStoreExt::head(&self.inner, location).await?;
        if now.e_tag != expected.e_tag {
            let source = "it changed".into();
            return Err(object_store::Error::Precondition { path: location.to_string(), source });
        }
        options.mode = object_store::PutMode::Overwrite;
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &object_store::path::Path,
        options: object_store::PutMultipartOptions,
    ) -> object_store::Result<Box<dyn object_store::MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(
        &self,
        location: &object_store::path::Path,
        options: object_store::GetOptions,
    ) -> object_store::Result<object_store::GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: futures_util::stream::BoxStream<'static, object_store::Result<object_store::path::Path>>,
    ) -> futures_util::stream::BoxStream<'static, object_store::Result<object_store::path::Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(
        &self,
        prefix: Option<&object_store::path::Path>,
    ) -> futures_util::stream::BoxStream<'static, object_store::Result<object_store::ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(
        &self,
        prefix: Option<&object_store::path::Path>,
    ) -> object_store::Result<object_store::ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(
        &self,
        from: &object_store::path::Path,
        to: &object_store::path::Path,
        options: object_store::CopyOptions,
    ) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
