//! A control plane at an address of this machine, and what the tests ask of one.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use serde_json::Value;
use wildcam::{
    clock::{Clock, Random},
    cloud::{
        Lookup, Surroundings,
        control::{Change, ControlPlane, Failure, FailureKind, Live, Owner, Step, Wanted},
        control_plane,
    },
    project::Project,
};

use crate::fakes::cloud_control::Fake;

pub(crate) const REGION: &str = "eu-central-1";

/// A clock, an environment and what else of wildcam.toml a plane is made from.
pub(crate) struct Setting {
    pub(crate) cloud: String,
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl Setting {
    /// Everything at one address.
    pub(crate) fn at(url: &str) -> Self {
        let keys = [("AWS_ACCESS_KEY_ID", "AKIDFAKE"), ("AWS_SECRET_ACCESS_KEY", "fake/secret+key")];
        Self {
            cloud: format!("endpoint = '{url}'"),
            environment: keys.into_iter().map(|(name, value)| (name, value.to_owned())).collect(),
        }
    }

    pub(crate) fn lookup(&self) -> Lookup {
        let pairs = self.environment.clone();
        Arc::new(move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone()))
    }

    pub(crate) async fn open(&self) -> Result<Arc<dyn ControlPlane>, Failure> {
        let text = format!(
            "[project]\nname = 'owls'\n[clouds.aws]\nprovider = 'aws'\nregions = ['{REGION}']\n{}\n[clouds.aws.store]\n\
             bucket = 'owls-pictures'\n[clouds.own]\nprovider = 'custom'\nstore = {{ path = 'x' }}\n",
            self.cloud
        );
        let project = Project::parse(&text, Path::new("wildcam.toml"), Path::new("."), None).expect("a project");
        control_plane(&Surroundings {
            name: "aws",
            project: &project,
            cloud: &project.settings.clouds["aws"],
            lookup: self.lookup(),
            clock: Clock::system(),
            random: Random::seeded(1),
        })
        .await
    }
}

/// A plane that talks to the fake alone.
pub(crate) async fn on(fake: &Fake) -> Arc<dyn ControlPlane> {
    Setting::at(&fake.url).open().await.expect("a plane")
}

/// A resource of the project, at `aws/tests/NAME`.
pub(crate) fn wanted(kind: &str, name: &str, properties: Value) -> Wanted {
    let global =
        kind.starts_with("AWS::IAM::") || kind.starts_with("AWS::Route53::") || kind.starts_with("AWS::Budgets::");
    Wanted {
        owner: Owner {
            project: "owls".to_owned(),
            environment: "default".to_owned(),
            address: format!("aws/tests/{name}").parse().expect("an address"),
        },
        kind: kind.to_owned(),
        region: if global { "global" } else { REGION }.to_owned(),
        properties,
        secrets: BTreeMap::new(),
    }
}

/// A token as the engine makes them.
pub(crate) fn token(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// Follows a step to its end and reads what came of it, as the engine does: a 404 right after is no end.
pub(crate) async fn settle(plane: &dyn ControlPlane, wanted: &Wanted, step: Step) -> Result<Live, Failure> {
    let id = finish(plane, step).await?;
    for _ in 0..50 {
        match plane.read(&wanted.kind, &wanted.region, &id).await {
            Err(failure) if failure.kind == FailureKind::NotFound => {
                tokio::time::sleep(Duration::from_millis(10)).await
            }
            other => return other,
        }
    }
    panic!("{id} never shows")
}

/// Follows a step to its end; the id.
pub(crate) async fn finish(plane: &dyn ControlPlane, mut step: Step) -> Result<String, Failure> {
    for _ in 0..200 {
        match step {
            Step::Done { id, .. } => return Ok(id),
            Step::Pending(pending) => {
                tokio::time::sleep(Duration::from_millis(pending.wait_ms.min(30))).await;
                step = plane.poll(&pending).await?;
            }
        }
    }
    panic!("it never ends")
}

/// Makes one and reads it.
pub(crate) async fn make(plane: &dyn ControlPlane, wanted: &Wanted, number: u32) -> Live {
    let step =
        plane.create(wanted, &token(number)).await.unwrap_or_else(|failure| panic!("{}: {failure}", wanted.kind));
    settle(plane, wanted, step).await.unwrap_or_else(|failure| panic!("{}: {failure}", wanted.kind))
}

/// The leaves that a test changes: each pointer whose value differs.
pub(crate) fn changes(live: &Live, wanted: &Wanted, pointers: &[&str]) -> Vec<Change> {
    let one = |pointer: &&str| Change {
        pointer: (*pointer).to_owned(),
        from: live.properties.pointer(pointer).cloned(),
        to: wanted.properties.pointer(pointer).cloned(),
    };
    pointers.iter().map(one).collect()
}

/// Everything that was wanted is live; lists as sets.
#[track_caller]
pub(crate) fn holds(live: &Live, wanted: &Wanted) {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Array(items) => {
                let mut items: Vec<Value> = items.iter().map(sorted).collect();
                items.sort_by_key(Value::to_string);
                Value::Array(items)
            }
            Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect(),
            other => other.clone(),
        }
    }
    for (name, value) in wanted.properties.as_object().expect("an object") {
        let found = live.properties.get(name).map(sorted);
        assert_eq!(found, Some(sorted(value)), "{} {name}\nlive: {:#}", wanted.kind, live.properties);
    }
}
