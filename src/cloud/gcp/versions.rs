//! Versions of a secret. Google numbers them and keeps no marks on them, so the one that is wanted is known by what it
//! holds: that is compared at Secret Manager's word, in memory, and goes nowhere else.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{
    super::control::{Failure, FailureKind, Live, Step, Wanted},
    api::Ask,
    kind::Kind,
    plane::{Gcp, gone, hide},
    shape,
};

fn text<'a>(kind: &Kind, of: &'a Value, pointer: &str) -> Result<&'a str, Failure> {
    of.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty()).ok_or_else(|| {
        Failure::new(FailureKind::Invalid, kind.name, format!("the property {pointer} is missing or no text"))
    })
}

/// Adds a version. `payload.data` is the secret's text in the templates; the service takes it in base64.
pub(super) async fn create(gcp: &Gcp, kind: &Kind, wanted: &Wanted) -> Result<Step, Failure> {
    let body = wanted.body();
    let parent = text(kind, &body, "/parent")?;
    let data = Zeroizing::new(STANDARD.encode(text(kind, &body, "/payload/data")?));
    let path = format!("{}/{parent}:addVersion", kind.service.root());
    let ask = Ask::new("secretmanager.secrets.addVersion", kind.service, Method::POST, path)
        .body(json!({ "payload": { "data": data.as_str() } }));
    let answer = gcp.ask(&ask).await.map_err(|failure| {
        let failure = hide(failure, wanted);
        if failure.kind == FailureKind::NotFound { Failure { kind: FailureKind::NotYet, ..failure } } else { failure }
    })?;
    let name = text(kind, &answer, "/name")?;
    let number = name.rsplit('/').next().unwrap_or_default();
    let id = format!("{parent}/versions/{number}");
    let live = shape::live(kind, gcp.at(&wanted.region), &id, answer);
    Ok(Step::Done { id, live: Some(live) })
}

/// The newest version, if it holds what is wanted.
pub(super) async fn locate(gcp: &Gcp, kind: &Kind, wanted: &Wanted) -> Result<Option<Live>, Failure> {
    let body = wanted.body();
    let parent = text(kind, &body, "/parent")?;
    // What is not known yet cannot be compared: a reference whose secret the caller did not fetch.
    let Some(data) = body.pointer("/payload/data").and_then(Value::as_str) else { return Ok(None) };
    let path = format!("{}/{parent}/versions/latest:access", kind.service.root());
    let ask = Ask::new("secretmanager.versions.access", kind.service, Method::GET, path);
    let answer = match gcp.ask(&ask).await {
        Ok(answer) => answer,
        Err(failure) if failure.kind == FailureKind::NotFound => return Ok(None),
        // The newest version was disabled or destroyed: there is nothing to access.
        Err(failure) if failure.kind == FailureKind::Invalid => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let held = answer.pointer("/payload/data").and_then(Value::as_str).unwrap_or_default();
    let held = Zeroizing::new(STANDARD.decode(held).unwrap_or_default());
    if !bool::from(held.as_slice().ct_eq(data.as_bytes())) {
        return Ok(None);
    }
    let number = text(kind, &answer, "/name")?.rsplit('/').next().unwrap_or_default().to_owned();
    match gcp.get(kind, &wanted.region, &format!("{parent}/versions/{number}")).await {
        Ok(live) => Ok(Some(Live { owner: Some(wanted.owner.clone()), ..live })),
        Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

pub(super) async fn delete(gcp: &Gcp, kind: &Kind, live: &Live) -> Result<Step, Failure> {
    let path = format!("{}:destroy", Gcp::path(kind, &live.id));
    gcp.ask(&Ask::new("secretmanager.versions.destroy", kind.service, Method::POST, path).body(json!({}))).await?;
    Ok(gone())
}
