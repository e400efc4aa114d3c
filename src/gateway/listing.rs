//! What people read: the list of detections, single ones, and the list of cameras.

use axum::{
    Json,
    body::Body,
    extract::{Path, Query, Request, State, rejection::QueryRejection},
    http::{HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use serde::Deserialize;
use wildcam_core::wire::{
    CameraId, EVENT_MAX_BYTES, Ulid,
    keys::{self, Part},
};

use super::{Gateway, Shared, objects, refusal::Refusal};
use crate::data::index::{Cursor, Detection, Filter, MAX_LIMIT, Order};

/// The query of `GET /api/detections`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    camera: Option<String>,
    species: Option<String>,
    since_ms: Option<u64>,
    until_ms: Option<u64>,
    limit: Option<usize>,
    order: Option<Sort>,
    after: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Sort {
    Newest,
    Oldest,
}

fn limit(asked: Option<usize>) -> Result<usize, Refusal> {
    match asked {
        None => Ok(100),
        Some(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
        Some(_) => Err(Refusal::malformed(&format!("limit must be from 1 to {MAX_LIMIT}"))),
    }
}

/// Times are numbers that JSON can carry exactly (RFC 8259 section 6).
fn time(asked: Option<u64>) -> Result<Option<u64>, Refusal> {
    match asked {
        Some(ms) if ms > (1 << 53) - 1 => Err(Refusal::malformed("a time is at most 9007199254740991")),
        other => Ok(other),
    }
}

fn camera_id(text: &str) -> Result<CameraId, Refusal> {
    CameraId::new(text).map_err(|_| Refusal::malformed("that is no camera id"))
}

/// Lists detections.
pub(super) async fn detections(
    State(gateway): State<Shared>,
    query: Result<Query<ListQuery>, QueryRejection>,
    request: Request,
) -> Result<Response<Body>, Refusal> {
    let (parts, _) = request.into_parts();
    gateway.reader(&parts)?;
    let Query(query) = query.map_err(|error| Refusal::malformed(&error.body_text()))?;
    let camera = query.camera.as_deref().map(camera_id).transpose()?.map(|id| id.to_string());
    let after: Option<Cursor> = query
        .after
        .map(|text| text.parse())
        .transpose()
        .map_err(|_| Refusal::malformed("after is no cursor of this list"))?;
    let filter = Filter {
        camera,
        species: query.species,
        since_ms: time(query.since_ms)?,
        until_ms: time(query.until_ms)?,
        limit: limit(query.limit)?,
        order: match query.order {
            Some(Sort::Oldest) => Order::Oldest,
            Some(Sort::Newest) | None => Order::Newest,
        },
        after,
    };
    let page = gateway.index.query(filter).await?;
    let next = page.next.map(|cursor| cursor.to_string());
    Ok(Json(serde_json::json!({ "detections": page.detections, "next": next })).into_response())
}

async fn find(gateway: &Gateway, ulid: &str) -> Result<Detection, Refusal> {
    let ulid: Ulid = ulid.parse().map_err(|_| Refusal::malformed("the path names no ULID"))?;
    let found = gateway.index.detection(&ulid.to_string()).await?;
    found.ok_or_else(|| Refusal::not_found("no detection of this ULID is known here"))
}

fn key(detection: &Detection, part: Part) -> Result<String, Refusal> {
    let ulid = detection.ulid.parse().map_err(|_| Refusal::not_found("the index holds no valid name"))?;
    Ok(keys::detection(&camera_id(&detection.camera)?, ulid, part).as_str().to_owned())
}

/// The event of one detection, as the camera sent it.
pub(super) async fn event(
    State(gateway): State<Shared>,
    Path(ulid): Path<String>,
    request: Request,
) -> Result<Response<Body>, Refusal> {
    let (parts, _) = request.into_parts();
    gateway.reader(&parts)?;
    let detection = find(&gateway, &ulid).await?;
    let content = gateway.copies.read(&key(&detection, Part::Event)?, EVENT_MAX_BYTES as u64).await?;
    let content = content.ok_or_else(|| Refusal::not_found("no store holds this event"))?;
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], content)
        .into_response())
}

/// The picture of one detection.
pub(super) async fn image(
    State(gateway): State<Shared>,
    Path(ulid): Path<String>,
    request: Request,
) -> Result<Response<Body>, Refusal> {
    let (parts, _) = request.into_parts();
    gateway.reader(&parts)?;
    let detection = find(&gateway, &ulid).await?;
    objects::send(&gateway, &key(&detection, Part::Image)?, "image/jpeg", &parts.headers).await
}

/// The query of `GET /api/cameras`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CamerasQuery {
    limit: Option<usize>,
    after: Option<String>,
}

/// Lists cameras.
pub(super) async fn cameras(
    State(gateway): State<Shared>,
    query: Result<Query<CamerasQuery>, QueryRejection>,
    request: Request,
) -> Result<Response<Body>, Refusal> {
    let (parts, _) = request.into_parts();
    gateway.reader(&parts)?;
    let Query(query) = query.map_err(|error| Refusal::malformed(&error.body_text()))?;
    let after = query.after.as_deref().map(camera_id).transpose()?.map(|id| id.to_string()).unwrap_or_default();
    let limit = limit(query.limit)?;
    let mut rows = gateway.index.cameras(after, limit + 1).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| row.id.clone());
    let cameras: Vec<_> = rows
        .into_iter()
        .map(|row| {
            let status = row.status.as_deref().and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
            serde_json::json!({ "id": row.id, "registered_ms": row.registered_ms, "last_seen_ms": row.last_seen_ms,
                                "status": status })
        })
        .collect();
    Ok(Json(serde_json::json!({ "cameras": cameras, "next": next })).into_response())
}
