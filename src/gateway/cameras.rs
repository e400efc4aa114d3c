//! What cameras ask besides uploads: enrolment, reports, and what they should have.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use wildcam_core::{
    camera::{BATCH_MAX_BYTES, BATCH_MAX_EVENTS},
    cose,
    wire::{CameraId, Event, ProblemKind, Registration, Status, keys},
};

use super::{
    Gateway, Shared, auth, body,
    copies::{Item, Object, Refused},
    refusal::Refusal,
};

/// The largest registration, and the largest report. Both are far smaller today; a newer camera may say more.
const REGISTRATION_MAX_BYTES: usize = 16 * 1024;
const REPORT_MAX_BYTES: usize = 16 * 1024;

/// How long a desired document is answered from memory, and how many are kept.
const DESIRED_FOR: Duration = Duration::from_secs(1);
const DESIRED_KEPT: usize = 4_096;

fn in_path(id: &str) -> Result<CameraId, Refusal> {
    CameraId::new(id)
        .map_err(|_| Refusal::malformed("a camera id has 1 to 63 of a-z, 0-9 and -, and does not begin with -"))
}

/// Registers a camera's public key in the stores.
pub(super) async fn register(State(gateway): State<Shared>, request: Request) -> Result<Response<Body>, Refusal> {
    let (parts, content) = request.into_parts();
    body::declared(&parts.headers, REGISTRATION_MAX_BYTES)?;
    let allowed = gateway.enrolling(&parts)?;
    let time = gateway.settings.body_timeout;
    let held = body::read(&parts.headers, content, REGISTRATION_MAX_BYTES, &gateway.memory, time).await?;
    let registration: Registration = serde_json::from_slice(&held.bytes)
        .map_err(|error| Refusal::malformed(&format!("the body is no registration: {error}")))?;
    if registration.camera != allowed {
        return Err(Refusal::token("the token enrols another camera"));
    }
    let camera = registration.camera.clone();
    let key = auth::decode_key(&registration.public_key)
        .ok_or_else(|| Refusal::malformed("public_key is no Ed25519 key of 32 bytes in base64"))?;
    // Written anew from what was understood, so that the same key is the same object whoever wrote it.
    let document = serde_json::to_vec(&registration).unwrap_or_default();
    let document =
        Object::new(keys::camera_key(&camera).as_str().to_owned(), Bytes::from(document), "application/json");
    let stored = gateway.copies.put(Item { document, picture: None }, gateway.copies.for_keys(), None).await;
    let stored = stored.map_err(|refused| match refused {
        Refused::Altered => {
            let detail = "another key is registered under this name";
            Refusal::new(StatusCode::CONFLICT, ProblemKind::Altered, detail).next("choose another camera id")
        }
        other => Refusal::from(other),
    })?;
    gateway.callers.learn(&camera, key, gateway.clock.monotonic());
    gateway.index.put_camera_key(camera.as_str(), key.to_bytes(), gateway.clock.unix_ms()).await;
    let status = if stored.fresh { StatusCode::CREATED } else { StatusCode::OK };
    let answer = serde_json::json!({ "camera": camera, "status": "registered", "copies": stored.copies });
    Ok((status, axum::Json(answer)).into_response())
}

/// Takes a status report.
pub(super) async fn status(
    State(gateway): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response<Body>, Refusal> {
    let (camera, content) = gateway.report(&id, request, REPORT_MAX_BYTES).await?;
    let status: Status = serde_json::from_slice(&content)
        .map_err(|error| Refusal::malformed(&format!("the body is no status report: {error}")))?;
    if status.camera != camera {
        return Err(Refusal::malformed("the report names another camera than the one that signed"));
    }
    // Written anew: a report of ours is one line, whatever line ends the camera put into its JSON.
    let line = serde_json::to_string(&status).unwrap_or_default();
    gateway.reports.add(gateway.clock.unix_ms(), "status", &line);
    gateway.heard(&camera, Some(line)).await;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Takes events whose pictures follow. They are kept as reports are: a detection is stored when its picture is.
pub(super) async fn events(
    State(gateway): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response<Body>, Refusal> {
    let (camera, content) = gateway.report(&id, request, BATCH_MAX_BYTES).await?;
    let events: Vec<Event> = serde_json::from_slice(&content)
        .map_err(|error| Refusal::malformed(&format!("the body is no array of events: {error}")))?;
    if events.len() > BATCH_MAX_EVENTS {
        return Err(Refusal::too_large(&format!("a batch has at most {BATCH_MAX_EVENTS} events")));
    }
    if events.iter().any(|event| event.camera != camera) {
        return Err(Refusal::malformed("an event names another camera than the one that signed"));
    }
    let now_ms = gateway.clock.unix_ms();
    for event in &events {
        gateway.reports.add(now_ms, "event", &serde_json::to_string(event).unwrap_or_default());
    }
    gateway.heard(&camera, None).await;
    Ok(StatusCode::NO_CONTENT.into_response())
}

impl Gateway {
    /// The signer and the content of what a camera says of itself, at most `limit` bytes before and after decoding.
    async fn report(&self, id: &str, request: Request, limit: usize) -> Result<(CameraId, Vec<u8>), Refusal> {
        let id = in_path(id)?;
        let (parts, content) = request.into_parts();
        // Who asks comes first: what a body may be is told to cameras only.
        let camera = self.camera(&parts).await?;
        if camera != id {
            return Err(Refusal::new(StatusCode::FORBIDDEN, ProblemKind::Signature, "another camera signed this"));
        }
        body::declared(&parts.headers, limit)?;
        let held = body::read(&parts.headers, content, limit, &self.memory, self.settings.body_timeout).await?;
        body::check_digest(&parts.headers, &held.bytes)?;
        Ok((camera, body::decoded(&parts.headers, &held.bytes, limit)?.into_owned()))
    }
}

#[derive(Clone, Debug)]
struct Kept {
    until: Duration,
    document: Option<Bytes>,
}

/// Desired documents that were read a moment ago.
#[derive(Debug, Default)]
pub(super) struct Desired {
    kept: Mutex<HashMap<String, Kept>>,
}

impl Gateway {
    /// The document under `key` with the highest number, of those in all stores that carry our signature and are
    /// valid now.
    async fn newest(&self, key: &str) -> Result<Option<Bytes>, Refusal> {
        let now = self.clock.monotonic();
        {
            let kept = self.desired.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(kept) = kept.get(key).filter(|kept| kept.until > now) {
                return Ok(kept.document.clone());
            }
        }
        let (documents, answered) = self.copies.read_all(key, cose::MAX_DOCUMENT as u64).await;
        if answered == 0 {
            return Err(Refusal::too_busy("no store could be read"));
        }
        let public_key = self.signer.public_key();
        let now_s = self.clock.unix_s();
        let newest = documents
            .into_iter()
            .filter_map(|bytes| {
                let document = cose::verify(&bytes, &public_key).ok()?;
                document.check_time(now_s).ok()?;
                Some((document.seq, bytes))
            })
            .max_by_key(|(seq, _)| *seq)
            .map(|(_, bytes)| bytes);
        let mut kept = self.desired.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= DESIRED_KEPT {
            kept.retain(|_, kept| kept.until > now);
        }
        if kept.len() < DESIRED_KEPT {
            kept.insert(key.to_owned(), Kept { until: now + DESIRED_FOR, document: newest.clone() });
        }
        Ok(newest)
    }
}

/// The camera that signed a request about itself.
async fn asking(gateway: &Gateway, id: &str, parts: &axum::http::request::Parts) -> Result<CameraId, Refusal> {
    let id = in_path(id)?;
    let camera = gateway.camera(parts).await?;
    if camera != id {
        return Err(Refusal::new(StatusCode::FORBIDDEN, ProblemKind::Signature, "another camera signed this"));
    }
    gateway.heard(&camera, None).await;
    Ok(camera)
}

/// A signed document, or that it is the one which the camera has already.
fn carried(parts: &axum::http::request::Parts, document: Bytes) -> Result<Response<Body>, Refusal> {
    let digest = wildcam_core::wire::Sha256Hex(Sha256::digest(&document).into()).to_string();
    let tag = format!("\"{}\"", &digest[..32]);
    let asked = parts.headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let same =
        asked.is_some_and(|tags| tags.split(',').any(|other| matches!(other.trim(), "*") || other.trim() == tag));
    let tag = HeaderValue::from_str(&tag).map_err(|_| Refusal::too_busy("the answer could not be made"))?;
    if same {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let kind = HeaderValue::from_static("application/cose; cose-type=\"cose-sign1\"");
    Ok((StatusCode::OK, [(header::ETAG, tag), (header::CONTENT_TYPE, kind)], document).into_response())
}

/// What the camera should have: its own document, else the fleet's.
pub(super) async fn desired(
    State(gateway): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response<Body>, Refusal> {
    let (parts, _) = request.into_parts();
    let camera = asking(&gateway, &id, &parts).await?;
    let document = match gateway.newest(&keys::camera_desired(&camera)).await? {
        Some(document) => Some(document),
        None => gateway.newest(&keys::fleet_desired()).await?,
    };
    carried(&parts, document.ok_or_else(|| Refusal::not_found("nothing is desired of this camera"))?)
}

/// What the camera shall do, once.
pub(super) async fn command(
    State(gateway): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response<Body>, Refusal> {
    let (parts, _) = request.into_parts();
    let camera = asking(&gateway, &id, &parts).await?;
    let document = gateway.newest(&keys::camera_command(&camera)).await?;
    carried(&parts, document.ok_or_else(|| Refusal::not_found("nothing is asked of this camera"))?)
}

/// What the camera is set to, and which release it shall run.
pub(super) async fn config(
    State(gateway): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response<Body>, Refusal> {
    let (parts, _) = request.into_parts();
    let camera = asking(&gateway, &id, &parts).await?;
    let document = gateway.newest(&keys::camera_config(&camera)).await?;
    carried(&parts, document.ok_or_else(|| Refusal::not_found("nothing was set for this camera"))?)
}
