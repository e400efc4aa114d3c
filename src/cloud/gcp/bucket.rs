//! What is Cloud Storage's own: buckets are emptied before they can be deleted, and one of them holds the state.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use http::Method;
use object_store::ObjectStore;
use serde_json::{Value, json};

use super::{
    super::control::{Failure, FailureKind, Live, StateStore, Step},
    api::{Ask, escaped},
    kind::{self, Kind},
    objects::Objects,
    operation::{Act, Handle},
    plane::{Gcp, gone},
    service::Service,
};

/// How many objects are deleted by one poll.
const AT_A_TIME: &str = "500";
/// How many of them at once.
const AT_ONCE: usize = 16;
/// The most rounds that removing a state's bucket takes: a state of a million objects.
const MOST_ROUNDS: usize = 2000;

pub(super) async fn delete(gcp: &Gcp, kind: &Kind, live: &Live, empty: bool, token: &str) -> Result<Step, Failure> {
    match gcp.remove(kind, live, token).await {
        Err(failure) if failure.kind == FailureKind::Protected && empty => {
            let handle = Handle { act: Act::Emptied, operation: String::new() };
            Ok(Step::Pending(handle.pending(kind, &live.region, &live.id)))
        }
        other => other,
    }
}

/// Deletes some objects, and the bucket once there are none.
pub(super) async fn go_on(gcp: &Gcp, kind: &Kind, region: &str, id: &str) -> Result<Step, Failure> {
    if empty_some(gcp, id).await? > 0 {
        let handle = Handle { act: Act::Emptied, operation: String::new() };
        return Ok(Step::Pending(handle.pending(kind, region, id)));
    }
    let path = Gcp::path(kind, id);
    gcp.ask(&Ask::new("storage.buckets.delete", kind.service, Method::DELETE, path)).await?;
    Ok(gone())
}

/// Deletes some objects with all their generations; how many there were.
async fn empty_some(gcp: &Gcp, bucket: &str) -> Result<usize, Failure> {
    let root = Service::Storage.root();
    let ask = Ask::new("storage.objects.list", Service::Storage, Method::GET, format!("{root}/b/{bucket}/o"))
        .query("versions", "true")
        .query("maxResults", AT_A_TIME);
    let answer = gcp.ask(&ask).await?;
    let items = answer.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let deletions = items.iter().filter_map(|item| {
        let name = item.get("name")?.as_str()?;
        let generation = item.get("generation").and_then(Value::as_str).unwrap_or_default();
        let path = format!("{root}/b/{bucket}/o/{}", escaped(name));
        Some(Ask::new("storage.objects.delete", Service::Storage, Method::DELETE, path).query("generation", generation))
    });
    let deletions: Vec<Ask> = deletions.collect();
    let delete = |ask: Ask| async move { gcp.ask(&ask).await };
    let results: Vec<Result<Value, Failure>> =
        stream::iter(deletions.into_iter().map(delete)).buffer_unordered(AT_ONCE).collect().await;
    for result in results {
        match result {
            Err(failure) if failure.kind != FailureKind::NotFound => return Err(failure),
            _ => {}
        }
    }
    Ok(items.len())
}

/// The bucket of the state.
fn state_bucket(gcp: &Gcp) -> Result<String, Failure> {
    let name = format!("{}-state", gcp.bucket);
    // 63 characters, or 222 where dots part a domain's name into such parts.
    if name.len() > 63 && !name.contains('.') || name.len() > 222 {
        return Err(Failure::new(FailureKind::Invalid, "storage.buckets", format!("the name {name} is too long"))
            .next_step(format!("give the cloud {} a shorter store.bucket in wildcam.toml", gcp.name)));
    }
    Ok(name)
}

pub(super) async fn state_store(gcp: &Arc<Gcp>, project: &str, make: bool) -> Result<Option<StateStore>, Failure> {
    let name = state_bucket(gcp)?;
    let Some(kind) = kind::of("storage.buckets") else { return Ok(None) };
    match gcp.get(kind, "global", &name).await {
        Ok(_) => {}
        Err(failure) if failure.kind != FailureKind::NotFound => return Err(failure),
        Err(_) if !make => return Ok(None),
        Err(_) => {
            let body = json!({
                "name": name,
                "location": gcp.home,
                "labels": { "wildcam-project": project, "wildcam-holds": "state" },
                "versioning": { "enabled": true },
                "iamConfiguration": {
                    "uniformBucketLevelAccess": { "enabled": true },
                    "publicAccessPrevention": "enforced",
                },
                // Registers are written often, and only the last generations help anybody.
                "lifecycle": { "rule": [{
                    "action": { "type": "Delete" },
                    "condition": { "daysSinceNoncurrentTime": 30, "numNewerVersions": 20 },
                }] },
            });
            let ask = Ask::new("storage.buckets.insert", Service::Storage, Method::POST, "storage/v1/b")
                .query("project", &gcp.project)
                .body(body);
            match gcp.ask(&ask).await {
                Ok(_) => {}
                // Made by another process a moment ago, or a stranger's: reading it tells.
                Err(failure) if failure.kind == FailureKind::Exists => {
                    gcp.get(kind, "global", &name).await?;
                }
                Err(failure) => return Err(failure),
            }
        }
    }
    let objects: Arc<dyn ObjectStore> = Arc::new(Objects::new(Arc::clone(gcp), name.clone()));
    Ok(Some(StateStore { place: format!("gs://{name}"), objects }))
}

pub(super) async fn remove_state_store(gcp: &Gcp) -> Result<(), Failure> {
    let name = state_bucket(gcp)?;
    let Some(kind) = kind::of("storage.buckets") else { return Ok(()) };
    for _ in 0..MOST_ROUNDS {
        match go_on(gcp, kind, "global", &name).await {
            Ok(Step::Pending(_)) => {}
            Ok(Step::Done { .. }) => return Ok(()),
            Err(failure) if failure.kind == FailureKind::NotFound => return Ok(()),
            Err(failure) => return Err(failure),
        }
    }
    Err(Failure::new(FailureKind::Busy, "storage.objects.delete", format!("gs://{name} is being filled meanwhile")))
}
