//! Projects, planes, and a plain loop that does what the engine does: resolve, make, follow, read.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use serde_json::Value;
use wildcam::{
    clock::{Clock, Random},
    cloud::{
        Lookup, Surroundings,
        control::{Address, ControlPlane, Failure, FailureKind, Live, Owner, Step, Wanted},
        control_plane,
    },
    deploy::{graph::Graph, reference},
    project::{Project, Secret},
};

use crate::arm::{CLIENT, Fake, SECRET, SUBSCRIPTION, TENANT};

/// A project with one Azure cloud and another beside it.
pub(crate) fn text(fake: &Fake, more: &str) -> String {
    let url = &fake.url;
    format!(
        "
[project]
name = 'reserve'
{more}
[clouds.az]
provider = 'azure'
regions = ['westeurope']
account = '{SUBSCRIPTION}'
endpoint = '{url}'
endpoints = {{ login = '{url}', metadata = '{url}', vault = '{url}vault', registry = '{url}registry' }}
authority = 'authority.pem'
[clouds.own]
provider = 'custom'
store = {{ endpoint = 'https://s3.example.org', access_key = 'env:OWN_ID', secret_key = 'env:OWN_SECRET' }}
"
    )
}

/// A project in `folder`.
pub(crate) fn project(folder: &Path, fake: &Fake, text: &str) -> Project {
    fs::write(folder.join("authority.pem"), &fake.authority_pem).unwrap();
    Project::parse(text, Path::new("wildcam.toml"), folder, None).unwrap_or_else(|error| panic!("{error}"))
}

/// The environment of somebody with a client secret.
pub(crate) const SIGNED_IN: [(&str, &str); 3] =
    [("AZURE_TENANT_ID", TENANT), ("AZURE_CLIENT_ID", CLIENT), ("AZURE_CLIENT_SECRET", SECRET)];

/// A lookup over pairs.
pub(crate) fn lookup(pairs: &[(&str, &str)]) -> Lookup {
    let pairs: BTreeMap<String, String> =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Arc::new(move |name| pairs.get(name).cloned())
}

/// The control plane of the project's Azure cloud.
pub(crate) async fn plane(project: &Project, lookup: Lookup) -> Result<Arc<dyn ControlPlane>, Failure> {
    control_plane(&Surroundings {
        name: "az",
        project,
        cloud: &project.settings.clouds["az"],
        lookup,
        clock: Clock::system(),
        random: Random::seeded(1),
    })
    .await
}

/// A plane for somebody who is signed in.
pub(crate) async fn signed_in(fake: &Fake) -> Arc<dyn ControlPlane> {
    let folder = tempfile::tempdir().unwrap();
    let project = project(folder.path(), fake, &text(fake, ""));
    plane(&project, lookup(&SIGNED_IN)).await.unwrap()
}

/// What a test wants.
pub(crate) fn wanted(address: &str, kind: &str, region: &str, properties: Value) -> Wanted {
    Wanted {
        owner: Owner {
            project: "reserve".to_owned(),
            environment: "default".to_owned(),
            address: address.parse().unwrap(),
        },
        kind: kind.to_owned(),
        region: region.to_owned(),
        properties,
        secrets: BTreeMap::new(),
    }
}

/// Whether trying again may help.
fn again(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::Busy | FailureKind::Throttled | FailureKind::NotYet | FailureKind::Unavailable)
}

/// Tries a call until it is taken; at most a hundred times.
pub(crate) async fn until_taken<T>(mut call: impl AsyncFnMut() -> Result<T, Failure>) -> Result<T, Failure> {
    for _ in 0..100 {
        match call().await {
            Err(failure) if again(&failure) => tokio::task::yield_now().await,
            other => return other,
        }
    }
    call().await
}

/// Follows an operation to its end. A handle goes through text, as it does through the journal.
pub(crate) async fn followed(plane: &dyn ControlPlane, mut step: Step) -> Result<(String, Option<Live>), Failure> {
    for _ in 0..200 {
        match step {
            Step::Done { id, live } => return Ok((id, live)),
            Step::Pending(pending) => {
                let kept = serde_json::to_string(&pending).unwrap();
                let pending = serde_json::from_str(&kept).unwrap();
                step = until_taken(async || plane.poll(&pending).await).await?;
            }
        }
    }
    panic!("an operation never ends");
}

/// Makes a resource and reads it.
pub(crate) async fn made(plane: &dyn ControlPlane, wanted: &Wanted) -> Result<Live, Failure> {
    let token = "00000000-0000-4000-8000-000000000000";
    let step = until_taken(async || plane.create(wanted, token).await).await?;
    let (id, _) = followed(plane, step).await?;
    // What was just made may not be seen at once.
    for _ in 0..20 {
        match until_taken(async || plane.read(&wanted.kind, &wanted.region, &id).await).await {
            Err(failure) if failure.kind == FailureKind::NotFound => {}
            other => return other,
        }
    }
    plane.read(&wanted.kind, &wanted.region, &id).await
}

/// Deletes a resource.
pub(crate) async fn gone(plane: &dyn ControlPlane, live: &Live) -> Result<(), Failure> {
    let token = "00000000-0000-4000-8000-000000000001";
    let step = until_taken(async || plane.delete(live, true, token).await).await?;
    followed(plane, step).await.map(|_| ())
}

/// The wish of a resource of a graph, with references read from what was made.
pub(crate) fn wish(graph: &Graph, address: &Address, made: &BTreeMap<Address, Live>) -> Wanted {
    let resource = &graph.resources[address];
    let look = |of: &Address, path: &str| {
        let live = made.get(of)?;
        if path.is_empty() {
            return Some(Value::String(live.id.clone()));
        }
        reference::attribute(&live.properties, path).cloned()
    };
    let properties = reference::resolve(&resource.properties, &look);
    assert!(!reference::has_unknown(&properties), "{address}: {properties}");
    let mut secrets = BTreeMap::new();
    find_secrets(&properties, "", &mut secrets);
    Wanted {
        owner: Owner { project: "reserve".to_owned(), environment: "default".to_owned(), address: address.clone() },
        kind: resource.kind.clone(),
        region: resource.region.clone(),
        properties,
        secrets,
    }
}

fn find_secrets(value: &Value, pointer: &str, found: &mut BTreeMap<String, Secret>) {
    match value {
        Value::Object(entries) if entries.contains_key("$secret") => {
            let text = format!("value of {}", entries["$secret"]);
            found.insert(pointer.to_owned(), Secret::new(text));
        }
        Value::Object(entries) => {
            entries.iter().for_each(|(key, value)| find_secrets(value, &format!("{pointer}/{key}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| find_secrets(value, &format!("{pointer}/{at}"), found));
        }
        _ => {}
    }
}

/// The addresses of a graph, each after what it needs.
pub(crate) fn order(graph: &Graph) -> Vec<Address> {
    let mut order: Vec<Address> = Vec::new();
    while order.len() < graph.resources.len() {
        let before = order.len();
        for (address, resource) in &graph.resources {
            if !order.contains(address) && resource.needs.iter().all(|needed| order.contains(needed)) {
                order.push(address.clone());
            }
        }
        assert!(order.len() > before, "the graph has a circle");
    }
    order
}
