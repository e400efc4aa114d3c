//! A project around one custom cloud, and its control plane.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;
use wildcam::{
    clock::{Clock, Random},
    cloud::{
        self, Surroundings,
        control::{Change, ControlPlane, Failure, Live, Owner, Step, Wanted},
    },
    project::{Project, Secret},
};

pub(crate) const TOKEN: &str = "00000000-0000-4000-8000-000000000000";

/// A folder with a wildcam.toml and environment variables of its own.
pub(crate) struct Setting {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) variables: BTreeMap<String, String>,
}

impl Setting {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("wildcam-test-").tempdir().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        Self { folder, variables: BTreeMap::from([("PATH".to_owned(), path)]) }
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn project(&self, clouds: &str) -> Project {
        let text = format!("[project]\nname = \"owls\"\n{clouds}\n[gateway]\ncopies = 1\n");
        self.parse(&text)
    }

    pub(crate) fn parse(&self, text: &str) -> Project {
        Project::parse(text, Path::new("wildcam.toml"), self.folder.path(), None)
            .unwrap_or_else(|error| panic!("{error:?}"))
    }

    /// The control plane of the cloud `site`.
    pub(crate) async fn try_open(&self, project: &Project) -> Result<Arc<dyn ControlPlane>, Failure> {
        // A failure means that a test before has installed the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let variables = self.variables.clone();
        cloud::control_plane(&Surroundings {
            name: "site",
            project,
            cloud: &project.settings.clouds["site"],
            lookup: Arc::new(move |name: &str| variables.get(name).cloned()),
            clock: Clock::system(),
            random: Random::seeded(1),
        })
        .await
    }

    pub(crate) async fn open(&self, clouds: &str) -> Arc<dyn ControlPlane> {
        self.try_open(&self.project(clouds)).await.unwrap()
    }
}

/// What a template would ask for, owned by `stack/name`.
pub(crate) fn wanted(kind: &str, name: &str, properties: Value) -> Wanted {
    Wanted {
        owner: Owner {
            project: "owls".to_owned(),
            environment: "default".to_owned(),
            address: format!("site/test/{name}").parse().unwrap(),
        },
        kind: kind.to_owned(),
        region: "global".to_owned(),
        properties,
        secrets: BTreeMap::new(),
    }
}

pub(crate) fn with_secret(mut wanted: Wanted, pointer: &str, secret: &str) -> Wanted {
    *wanted.properties.pointer_mut(pointer).expect("the pointer leads somewhere") =
        serde_json::json!({ "$secret": "env:X" });
    wanted.secrets.insert(pointer.to_owned(), Secret::new(secret.to_owned()));
    wanted
}

pub(crate) fn change(pointer: &str, to: Option<Value>) -> Change {
    Change { pointer: pointer.to_owned(), from: None, to }
}

#[track_caller]
pub(crate) fn live(step: Result<Step, Failure>) -> Live {
    match step.unwrap_or_else(|failure| panic!("{failure}: {failure:?}")) {
        Step::Done { live: Some(live), id } => {
            assert_eq!(live.id, id);
            live
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, Failure>) -> Failure {
    result.unwrap_err()
}

/// Everything that is set is live alike.
#[track_caller]
pub(crate) fn assert_holds(live: &Live, wanted: &Wanted) {
    for (name, value) in wanted.properties.as_object().unwrap() {
        if name != "Tolerate" && name != "Password" && name != "Secrets" {
            assert_eq!(&live.properties[name], value, "{name} of {}", live.properties);
        }
    }
    assert_eq!(live.owner.as_ref(), Some(&wanted.owner));
    assert_eq!((live.kind.as_str(), live.region.as_str()), (wanted.kind.as_str(), wanted.region.as_str()));
}

pub(crate) async fn create(plane: &Arc<dyn ControlPlane>, wanted: &Wanted) -> Live {
    let live = live(plane.create(wanted, TOKEN).await);
    assert_holds(&live, wanted);
    live
}

/// Whether it is well in itself: read, located and listed are the same.
pub(crate) async fn assert_found(plane: &Arc<dyn ControlPlane>, wanted: &Wanted, live: &Live) {
    assert_eq!(&plane.read(&wanted.kind, &wanted.region, &live.id).await.unwrap(), live);
    assert_eq!(plane.locate(wanted).await.unwrap().as_ref(), Some(live));
    let listed = plane.list(&wanted.kind, &wanted.region).await.unwrap();
    assert!(listed.iter().any(|line| line.id == live.id && line.live.as_ref().is_none_or(|other| other == live)));
}
