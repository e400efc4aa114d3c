//! Keys of Cloud KMS. Neither a key nor a ring can be deleted: a key is made useless by destroying its versions, which
//! KMS then keeps for as long as the key says (30 days unless it says otherwise), and a ring stays, empty and free of
//! charge. A key of ours that was made useless gets a new version when it is wanted again.

use http::Method;
use serde_json::{Value, json};

use super::{
    super::control::{Change, Failure, FailureKind, Live, Step, Wanted},
    api::Ask,
    kind::Kind,
    plane::{Gcp, gone},
    shape,
};

/// The most versions of a key that are read: one a month for 80 years.
const MOST_VERSIONS: &str = "1000";

/// Whether no version of the key can be used.
pub(super) fn is_useless(answer: &Value) -> bool {
    match answer.pointer("/primary/state").and_then(Value::as_str) {
        Some(state) => matches!(state, "DESTROYED" | "DESTROY_SCHEDULED" | "DESTROY_FAILED"),
        // A key for anything but symmetric encryption has no primary version.
        None => answer.get("purpose").and_then(Value::as_str) == Some("ENCRYPT_DECRYPT"),
    }
}

/// KMS wants to be told when it first rotates.
fn with_rotation(mut wanted: Wanted, now: jiff::Timestamp) -> Wanted {
    if let Some(properties) = wanted.properties.as_object_mut()
        && !properties.contains_key("nextRotationTime")
        && let Some(period) = properties.get("rotationPeriod").and_then(Value::as_str)
        && let Some(next) = after(now, period)
    {
        properties.insert("nextRotationTime".to_owned(), next.into());
    }
    wanted
}

fn after(now: jiff::Timestamp, period: &str) -> Option<String> {
    let seconds: i64 = period.strip_suffix('s')?.parse().ok()?;
    now.checked_add(jiff::SignedDuration::from_secs(seconds)).ok().map(|next| format!("{next:.0}"))
}

pub(super) async fn create(gcp: &Gcp, kind: &Kind, wanted: &Wanted, token: &str) -> Result<Step, Failure> {
    let wanted = with_rotation(wanted.clone(), gcp.clock.timestamp());
    let refused = match gcp.make(kind, &wanted, token).await {
        Err(failure) if failure.kind == FailureKind::Exists => failure,
        other => return other,
    };
    let id = gcp.id(kind, &wanted)?;
    let path = Gcp::path(kind, &id);
    let answer = match gcp.ask(&Ask::new("cloudkms.cryptoKeys.get", kind.service, Method::GET, &path)).await {
        // One that an earlier try made a moment ago may not show yet.
        Err(failure) if failure.kind == FailureKind::NotFound => return Err(refused),
        other => other?,
    };
    let useless = is_useless(&answer);
    let live = shape::live(kind, gcp.at(&wanted.region), &id, answer);
    if !useless || live.owner.as_ref() != Some(&wanted.owner) {
        return Err(refused);
    }
    let call = "cloudkms.cryptoKeyVersions.create";
    let versions = format!("{path}/cryptoKeyVersions");
    let version = gcp.ask(&Ask::new(call, kind.service, Method::POST, versions).body(json!({}))).await?;
    let number =
        version.get("name").and_then(Value::as_str).and_then(|name| name.rsplit('/').next()).unwrap_or_default();
    let call = "cloudkms.cryptoKeys.updatePrimaryVersion";
    let ask = Ask::new(call, kind.service, Method::POST, format!("{path}:updatePrimaryVersion"))
        .body(json!({ "cryptoKeyVersionId": number }));
    let answer = gcp.ask(&ask).await?;
    let live = shape::live(kind, gcp.at(&wanted.region), &id, answer);
    // What else is wanted of it may have changed since.
    let all: Vec<Change> = ["/rotationPeriod", "/nextRotationTime", "/labels"]
        .into_iter()
        .filter(|pointer| wanted.properties.pointer(pointer).is_some())
        .map(|pointer| Change { pointer: pointer.to_owned(), from: None, to: None })
        .collect();
    gcp.change(kind, &live, &wanted, &all, token).await
}

pub(super) async fn update(
    gcp: &Gcp,
    kind: &Kind,
    live: &Live,
    wanted: &Wanted,
    changes: &[Change],
    token: &str,
) -> Result<Step, Failure> {
    let mut changes = changes.to_vec();
    let mut wanted = wanted.clone();
    if changes.iter().any(|change| change.pointer == "/rotationPeriod") {
        wanted = with_rotation(wanted, gcp.clock.timestamp());
        changes.push(Change { pointer: "/nextRotationTime".to_owned(), from: None, to: None });
    }
    gcp.change(kind, live, &wanted, &changes, token).await
}

/// Destroys every version, and stops the rotation that would make new ones.
pub(super) async fn delete(gcp: &Gcp, kind: &Kind, live: &Live, token: &str) -> Result<Step, Failure> {
    let path = Gcp::path(kind, &live.id);
    if live.properties.get("rotationPeriod").is_some() {
        let patch = shape::Patch { body: json!({}), mask: "rotationPeriod,nextRotationTime".to_owned() };
        gcp.send_patch(kind, live, patch, "cloudkms.cryptoKeys.patch", token).await?;
    }
    let call = "cloudkms.cryptoKeyVersions.list";
    let ask =
        Ask::new(call, kind.service, Method::GET, format!("{path}/cryptoKeyVersions")).query("pageSize", MOST_VERSIONS);
    let answer = gcp.ask(&ask).await?;
    for version in answer.get("cryptoKeyVersions").and_then(Value::as_array).into_iter().flatten() {
        let state = version.get("state").and_then(Value::as_str).unwrap_or_default();
        let name = version.get("name").and_then(Value::as_str).unwrap_or_default();
        let number = name.rsplit('/').next().unwrap_or_default();
        if !matches!(state, "ENABLED" | "DISABLED") || number.is_empty() {
            continue;
        }
        let call = "cloudkms.cryptoKeyVersions.destroy";
        let at = format!("{path}/cryptoKeyVersions/{number}:destroy");
        gcp.ask(&Ask::new(call, kind.service, Method::POST, at).body(json!({}))).await?;
    }
    Ok(gone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rotation_is_a_period_from_now() {
        let now = jiff::Timestamp::from_second(1_700_000_000).unwrap();
        assert_eq!(after(now, "7776000s").unwrap(), "2024-02-12T22:13:20Z");
        assert_eq!(after(now, "soon"), None);
    }

    #[test]
    fn a_key_without_a_usable_version_is_gone() {
        assert!(is_useless(&json!({"purpose": "ENCRYPT_DECRYPT", "primary": {"state": "DESTROY_SCHEDULED"}})));
        assert!(is_useless(&json!({"purpose": "ENCRYPT_DECRYPT"})));
        assert!(!is_useless(&json!({"purpose": "ENCRYPT_DECRYPT", "primary": {"state": "ENABLED"}})));
        assert!(!is_useless(&json!({"purpose": "ASYMMETRIC_SIGN"})));
    }
}
