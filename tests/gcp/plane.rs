//! A control plane for a test, and how a test drives it.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde_json::{Map, Value};
use wildcam::{
    clock::{Clock, Random},
    cloud::{
        Surroundings,
        control::{Change, ControlPlane, Failure, FailureKind, Live, Owner, Step, Wanted},
        control_plane,
    },
    project::{Project, Secret},
};

/// The same for every creation of a test.
pub(crate) const TOKEN: &str = "4fd5a2a6-3d3a-4ba6-9d0a-6f3a5a7f1c11";

/// The most polls and tries of one call.
const MOST: usize = 60;

/// A project whose cloud `gcp` answers at `endpoint`; `rest` is more of wildcam.toml.
pub(crate) fn project(endpoint: &str, rest: &str) -> Project {
    let text = format!(
        "[project]\nname = 'serengeti'\n[clouds.gcp]\nprovider = 'gcp'\nregions = ['europe-west3']\n\
         account = '{}'\nendpoint = '{endpoint}'\n[clouds.site]\nprovider = 'custom'\nstore.path = 'store'\n{rest}",
        super::google::PROJECT
    );
    Project::parse(&text, Path::new("wildcam.toml"), Path::new("."), None).unwrap_or_else(|error| panic!("{error:?}"))
}

/// Opens it with these environment variables and no others.
pub(crate) async fn open_with(project: &Project, variables: &[(&str, &str)]) -> Result<Arc<dyn ControlPlane>, Failure> {
    let variables: BTreeMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    control_plane(&Surroundings {
        name: "gcp",
        project,
        cloud: &project.settings.clouds["gcp"],
        lookup: Arc::new(move |name| variables.get(name).cloned()),
        clock: Clock::system(),
        random: Random::seeded(7),
    })
    .await
}

/// Opens it with a service account whose tokens a fake gives out.
pub(crate) async fn open(project: &Project, fake: &super::google::Fake) -> Arc<dyn ControlPlane> {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), fake.credentials()).expect("a credentials file");
    let path = file.path().to_str().expect("a path in UTF-8");
    open_with(project, &[("GOOGLE_APPLICATION_CREDENTIALS", path)]).await.expect("a control plane")
}

/// A resource that is wanted.
pub(crate) fn wanted(address: &str, kind: &str, region: &str, properties: Value) -> Wanted {
    Wanted {
        owner: Owner {
            project: "serengeti".to_owned(),
            environment: "default".to_owned(),
            address: address.parse().expect("an address"),
        },
        kind: kind.to_owned(),
        region: region.to_owned(),
        properties,
        secrets: BTreeMap::new(),
    }
}

/// Puts a secret where `{"$secret": REFERENCE}` stands; what it is follows from the reference.
pub(crate) fn with_secrets(mut wanted: Wanted) -> Wanted {
    fn walk(value: &Value, at: &str, found: &mut BTreeMap<String, Secret>) {
        match value {
            Value::Object(map) => match map.get("$secret").and_then(Value::as_str) {
                Some(reference) => drop(found.insert(at.to_owned(), Secret::new(format!("sesame of {reference}")))),
                None => map.iter().for_each(|(name, inner)| walk(inner, &format!("{at}/{name}"), found)),
            },
            Value::Array(list) => {
                list.iter().enumerate().for_each(|(index, inner)| walk(inner, &format!("{at}/{index}"), found));
            }
            _ => {}
        }
    }
    walk(&wanted.properties, "", &mut wanted.secrets);
    wanted
}

/// Follows a step to its end.
pub(crate) async fn settle(plane: &dyn ControlPlane, mut step: Step) -> Result<(String, Option<Live>), Failure> {
    for _ in 0..MOST {
        match step {
            Step::Done { id, live } => return Ok((id, live)),
            Step::Pending(pending) => {
                // As another process would, that has only the journal.
                let text = serde_json::to_string(&pending).expect("a handle can be written");
                let read = serde_json::from_str(&text).expect("a handle can be read");
                step = plane.poll(&read).await?;
            }
        }
    }
    panic!("not done after {MOST} polls");
}

/// Makes it and reads it, trying again where the seam says that this helps.
pub(crate) async fn make(plane: &dyn ControlPlane, wanted: &Wanted) -> Result<Live, Failure> {
    let (id, _) = again(async || settle(plane, plane.create(wanted, TOKEN).await?).await).await?;
    again(async || match plane.read(&wanted.kind, &wanted.region, &id).await {
        Err(failure) if failure.kind == FailureKind::NotFound => Err(Failure { kind: FailureKind::NotYet, ..failure }),
        other => other,
    })
    .await
}

/// Tries again what passes by itself.
pub(crate) async fn again<T>(mut call: impl AsyncFnMut() -> Result<T, Failure>) -> Result<T, Failure> {
    let mut tries = 0;
    loop {
        match call().await {
            Err(failure)
                if tries < MOST
                    && matches!(failure.kind, FailureKind::NotYet | FailureKind::Busy | FailureKind::Throttled) =>
            {
                tries += 1;
            }
            other => return other,
        }
    }
}

/// Deletes it to the end.
pub(crate) async fn remove(plane: &dyn ControlPlane, live: &Live, empty: bool) -> Result<(), Failure> {
    again(async || settle(plane, plane.delete(live, empty, TOKEN).await?).await.map(drop)).await
}

/// The leaves of `wanted` that are not live.
pub(crate) fn differences(live: &Value, wanted: &Value, at: &str) -> Vec<Change> {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => {
            let nothing = Value::Object(Map::new());
            let inner = wanted.iter().flat_map(|(name, value)| {
                let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                match (live.get(name), value) {
                    (None, Value::Object(_)) => differences(&nothing, value, &at),
                    (None, value) => vec![Change { pointer: at, from: None, to: Some(value.clone()) }],
                    (Some(live), value) => differences(live, value, &at),
                }
            });
            inner.collect()
        }
        (Value::Array(live), Value::Array(wanted)) if live.len() == wanted.len() => {
            let pairs = live.iter().zip(wanted).enumerate();
            pairs.flat_map(|(index, (live, wanted))| differences(live, wanted, &format!("{at}/{index}"))).collect()
        }
        (live, wanted) if live == wanted => Vec::new(),
        _ => vec![Change { pointer: at.to_owned(), from: Some(live.clone()), to: Some(wanted.clone()) }],
    }
}

/// Changes it to the end and reads it.
pub(crate) async fn change(plane: &dyn ControlPlane, live: &Live, wanted: &Wanted) -> Result<Live, Failure> {
    let changes = differences(&live.properties, &wanted.properties, "");
    settle(plane, plane.update(live, wanted, &changes, TOKEN).await?).await?;
    plane.read(&live.kind, &live.region, &live.id).await
}
