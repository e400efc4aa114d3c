//! What is Cloud SQL's own: the name of a deleted instance stays blocked for a week, an instance may be protected against
//! deletion, and users are deleted by query.

use http::Method;
use serde_json::{Value, json};

use super::{
    super::control::{Failure, FailureKind, Live, Step, Wanted},
    api::Ask,
    kind::Kind,
    names,
    operation::{Act, Handle},
    plane::Gcp,
    shape,
};

pub(super) async fn create(gcp: &Gcp, kind: &Kind, wanted: &Wanted, token: &str) -> Result<Step, Failure> {
    let refused = match gcp.make(kind, wanted, token).await {
        Err(failure) if failure.kind == FailureKind::Exists => failure,
        other => return other,
    };
    let id = gcp.id(kind, wanted)?;
    match gcp.get(kind, &wanted.region, &id).await {
        Err(failure) if failure.kind == FailureKind::NotFound => {
            let name = id.rsplit('/').next().unwrap_or_default();
            Err(Failure {
                kind: FailureKind::SoftDeleted,
                message: format!("an instance named {name} was deleted less than a week ago, and its name is blocked"),
                ..refused
            }
            .next_step("wait a week, or give the instance another name in templates/gcp/database.yaml of the project"))
        }
        _ => Err(refused),
    }
}

pub(super) async fn delete(gcp: &Gcp, kind: &Kind, live: &Live, empty: bool, token: &str) -> Result<Step, Failure> {
    let now = gcp.get(kind, &live.region, &live.id).await?;
    let protected = now.properties.pointer("/settings/deletionProtectionEnabled").and_then(Value::as_bool);
    if protected != Some(true) {
        return gcp.remove(kind, live, token).await;
    }
    if !empty {
        return Err(Failure::new(
            FailureKind::Protected,
            "sqladmin.instances.delete",
            "the instance is protected against deletion",
        ));
    }
    let patch = shape::Patch {
        body: json!({ "settings": { "deletionProtectionEnabled": false } }),
        mask: "settings.deletionProtectionEnabled".to_owned(),
    };
    match gcp.send_patch(kind, &now, patch, "sqladmin.instances.patch", token).await? {
        Step::Pending(pending) => {
            let handle = Handle { act: Act::Unprotected, ..Handle::read(&pending)? };
            Ok(Step::Pending(handle.pending(kind, &live.region, &live.id)))
        }
        Step::Done { .. } => gcp.remove(kind, live, token).await,
    }
}

pub(super) async fn delete_user(gcp: &Gcp, kind: &Kind, live: &Live) -> Result<Step, Failure> {
    let call = "sqladmin.users.delete";
    let found = names::take_apart(kind.id, &live.id, gcp.at(&live.region)).unwrap_or_default();
    let word = |name: &str| found.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let (Some(instance), Some(name)) = (word("instance"), word("name")) else {
        return Err(Failure::new(FailureKind::Invalid, call, "the id is no user's"));
    };
    let path = format!("{}/projects/{}/instances/{instance}/users", kind.service.root(), gcp.project);
    let answer = gcp.ask(&Ask::new(call, kind.service, Method::DELETE, path).query("name", name)).await?;
    gcp.follow(kind, call, &live.region, &live.id, Act::Deleted, &answer)
}
