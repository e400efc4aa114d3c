//! Roles and workload identity pools are kept for some weeks after their deletion and block their names. One of ours is
//! brought back, and made what is wanted; a stranger's is left alone.

use http::Method;
use serde_json::json;

use super::{
    super::control::{Change, Failure, FailureKind, Live, Step, Wanted},
    api::Ask,
    kind::{Comes, Kind},
    operation::Act,
    plane::Gcp,
    shape,
};

pub(super) async fn create(gcp: &Gcp, kind: &Kind, wanted: &Wanted, token: &str) -> Result<Step, Failure> {
    let refused = match gcp.make(kind, wanted, token).await {
        Err(failure) if matches!(failure.kind, FailureKind::Exists | FailureKind::Invalid) => failure,
        other => return other,
    };
    let id = gcp.id(kind, wanted)?;
    let path = Gcp::path(kind, &id);
    let get = format!("{}.get", kind.name);
    let Ok(answer) = gcp.ask(&Ask::new(get, kind.service, Method::GET, &path)).await else { return Err(refused) };
    let deleted = answer.get("deleted").and_then(serde_json::Value::as_bool) == Some(true)
        || answer.get("state").and_then(serde_json::Value::as_str) == Some("DELETED");
    if !deleted {
        return Err(refused);
    }
    let live = shape::live(kind, gcp.at(&wanted.region), &id, answer);
    if live.owner.as_ref() != Some(&wanted.owner) {
        return Err(Failure {
            kind: FailureKind::SoftDeleted,
            message: "one of this name was deleted, is kept for 30 days, and was not made by this project".to_owned(),
            ..refused
        }
        .next_step(format!("undelete it in the console, or wait: {id}")));
    }
    let call = format!("{}.undelete", kind.name);
    let ask = Ask::new(&call, kind.service, Method::POST, format!("{path}:undelete")).body(json!({}));
    let answer = gcp.ask(&ask).await?;
    if kind.made == Comes::Later {
        return gcp.follow(kind, &call, &wanted.region, &id, Act::Undeleted, &answer);
    }
    renew(gcp, kind, &live, wanted, token).await
}

/// Makes what was brought back what is wanted. After an operation the engine does that: it reads, and compares.
async fn renew(gcp: &Gcp, kind: &Kind, live: &Live, wanted: &Wanted, token: &str) -> Result<Step, Failure> {
    let inside = kind.envelope.and_then(|envelope| wanted.properties.get(envelope)).unwrap_or(&wanted.properties);
    let before = kind.envelope.map(|envelope| format!("/{envelope}")).unwrap_or_default();
    let all: Vec<Change> = inside
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| !kind.query.contains(&name.as_str()) && !kind.path.contains(&name.as_str()))
        .map(|(name, value)| Change { pointer: format!("{before}/{name}"), from: None, to: Some(value.clone()) })
        .collect();
    // The etag that was read before is not that of what was brought back.
    let live = Live { etag: None, ..live.clone() };
    gcp.change(kind, &live, wanted, &all, token).await
}
