//! A cloud within the process: like `terraform_data` it costs nothing to call, and what it holds between two processes
//! is a file.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use async_trait::async_trait;
use object_store::ObjectStore;
use serde_json::Value;
use wildcam::{
    cloud::{
        control::{
            Change, ControlPlane, Failure, FailureKind, Finding, Listed, Live, Pending, StateStore, Step, Wanted,
        },
        rules::Rules,
    },
    project::Provider,
};

/// The type that it has.
pub(super) const KIND: &str = "model.thing";

const TYPES: &str = r#"
date = "2026-11-21"

[types."model.thing"]
words = "thing"
identity = ["/Name"]
create_only = ["/Name"]
again = "name"
minutes = [0.0, 0.01]
timeout_minutes = 5.0
"#;

/// The rules of its type, whatever the provider.
pub(super) fn rules(_: Provider) -> &'static Rules {
    static RULES: OnceLock<Rules> = OnceLock::new();
    RULES.get_or_init(|| match super::from_toml(TYPES) {
        Ok(rules) => rules,
        Err(error) => unreachable!("the rules of the model are wrong: {error}"),
    })
}

/// What stands in it.
#[derive(Debug)]
pub(super) struct Model {
    name: String,
    file: PathBuf,
    things: Mutex<BTreeMap<String, Live>>,
    state: Arc<dyn ObjectStore>,
}

impl Model {
    /// What an earlier process left in `file`, and nothing where there is none.
    pub(super) fn open(name: &str, file: &Path, state: Arc<dyn ObjectStore>) -> Result<Self, super::Failure> {
        let things: Vec<Live> = match fs::read(file) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let things = things.into_iter().map(|live| (live.id.clone(), live)).collect();
        Ok(Self { name: name.to_owned(), file: file.to_owned(), things: Mutex::new(things), state })
    }

    /// Leaves what stands to later processes.
    pub(super) fn save(&self) -> Result<(), super::Failure> {
        let bytes = serde_json::to_vec(&self.things().values().collect::<Vec<_>>())?;
        Ok(fs::write(&self.file, bytes)?)
    }

    fn things(&self) -> MutexGuard<'_, BTreeMap<String, Live>> {
        self.things.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, wanted: &Wanted) -> Step {
        let id = id(wanted);
        let live = Live {
            id: id.clone(),
            kind: wanted.kind.clone(),
            region: wanted.region.clone(),
            properties: wanted.properties.clone(),
            owner: Some(wanted.owner.clone()),
            etag: None,
        };
        self.things().insert(id.clone(), live.clone());
        Step::Done { id, live: Some(live) }
    }
}

fn id(wanted: &Wanted) -> String {
    wanted.properties.get("Name").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn missing(id: &str) -> Failure {
    Failure::new(FailureKind::NotFound, "model:read", format!("there is no {id}"))
}

#[async_trait]
impl ControlPlane for Model {
    fn cloud(&self) -> &str {
        &self.name
    }

    async fn list(&self, kind: &str, region: &str) -> Result<Vec<Listed>, Failure> {
        let things = self.things();
        let of = things.values().filter(|live| live.kind == kind && live.region == region);
        Ok(of.map(|live| Listed { id: live.id.clone(), live: Some(live.clone()) }).collect())
    }

    async fn read(&self, _: &str, _: &str, id: &str) -> Result<Live, Failure> {
        self.things().get(id).cloned().ok_or_else(|| missing(id))
    }

    async fn locate(&self, wanted: &Wanted) -> Result<Option<Live>, Failure> {
        Ok(self.things().get(&id(wanted)).cloned())
    }

    async fn create(&self, wanted: &Wanted, _: &str) -> Result<Step, Failure> {
        if self.things().contains_key(&id(wanted)) {
            return Err(Failure::new(FailureKind::Exists, "model:create", "it exists"));
        }
        Ok(self.put(wanted))
    }

    async fn update(&self, _: &Live, wanted: &Wanted, _: &[Change], _: &str) -> Result<Step, Failure> {
        Ok(self.put(wanted))
    }

    async fn delete(&self, live: &Live, _: bool, _: &str) -> Result<Step, Failure> {
        self.things().remove(&live.id).ok_or_else(|| missing(&live.id))?;
        Ok(Step::Done { id: String::new(), live: None })
    }

    async fn poll(&self, pending: &Pending) -> Result<Step, Failure> {
        Err(missing(&pending.handle))
    }

    async fn state_store(&self, _: &str, _: bool) -> Result<Option<StateStore>, Failure> {
        Ok(Some(StateStore { place: "the model's folder".to_owned(), objects: Arc::clone(&self.state) }))
    }

    async fn remove_state_store(&self, _: &str) -> Result<(), Failure> {
        Ok(())
    }

    async fn check(&self) -> Vec<Finding> {
        Vec::new()
    }
}
