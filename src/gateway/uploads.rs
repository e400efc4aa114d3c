//! `POST /api/detections` and `PUT /api/detections/{ulid}/image`: how pictures arrive.

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, request},
    response::IntoResponse,
};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::OwnedSemaphorePermit;
use wildcam_core::{
    httpsig::digest,
    wire::{
        Ack, AckStatus, CameraId, EVENT_MAX_BYTES, Event, IMAGE_MAX_BYTES, ProblemKind, Ulid,
        keys::{self, Part},
    },
};

use super::{
    Gateway, Shared, body,
    copies::{Item, Object},
    jpeg, multipart,
    refusal::Refusal,
    spool,
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");

/// Multipart delimiters and part heads on top of the picture and its event.
const FRAMING_BYTES: usize = 4096;

/// 9999-12-31T23:59:59.999Z: later ULIDs would make keys with years of five digits.
const LAST_MS: u64 = 253_402_300_799_999;

impl Gateway {
    /// The largest picture that is taken.
    fn image_limit(&self) -> usize {
        self.settings.max_image_bytes.min(IMAGE_MAX_BYTES as usize)
    }

    fn upload_limit(&self) -> usize {
        self.image_limit() + EVENT_MAX_BYTES + FRAMING_BYTES
    }

    /// The event in a metadata part, if `camera` may say so.
    fn event(&self, json: &[u8], camera: &CameraId) -> Result<Event, Refusal> {
        if json.len() > EVENT_MAX_BYTES {
            return Err(Refusal::too_large(&format!("the metadata are larger than {EVENT_MAX_BYTES} bytes")));
        }
        let event: Event = serde_json::from_slice(json)
            .map_err(|error| Refusal::malformed(&format!("the metadata are no event: {error}")))?;
        if event.camera != *camera {
            return Err(Refusal::malformed("the event names another camera than the one that signed"));
        }
        if event.ulid.ms() > LAST_MS {
            return Err(Refusal::malformed("the time in the ULID is after the year 9999"));
        }
        if event.image.bytes as usize > self.image_limit() {
            return Err(Refusal::too_large(&format!("the image is larger than {} bytes", self.image_limit())));
        }
        if event.image.media_type.as_str() != "image/jpeg" {
            return Err(Refusal::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                ProblemKind::NotAJpeg,
                "only image/jpeg is taken",
            ));
        }
        let place = event.place.map_or((0.0, 0.0), |place| (place.lat, place.lon));
        let sure = event.confidence.unwrap_or(0.0);
        let inside = place.0.abs() <= 90.0 && place.1.abs() <= 180.0 && (0.0..=1.0).contains(&sure);
        if !inside {
            return Err(Refusal::malformed("the place or the confidence of the event is out of range"));
        }
        Ok(event)
    }

    /// Checks the picture against its event and stores both.
    async fn store(
        &self,
        event: &Event,
        event_json: Bytes,
        image: Bytes,
        memory: OwnedSemaphorePermit,
        started: std::time::Duration,
    ) -> Result<Response<Body>, Refusal> {
        if image.len() != event.image.bytes as usize {
            return Err(Refusal::digest("the image has another size than the event says"));
        }
        let sha256: [u8; 32] = Sha256::digest(&image).into();
        if sha256 != event.image.sha256.0 {
            return Err(Refusal::digest("the image does not fit the SHA-256 in the event"));
        }
        if !jpeg::is_jpeg(&image) {
            return Err(Refusal::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                ProblemKind::NotAJpeg,
                "the image is no JPEG, or is cut short",
            ));
        }
        let key = |part| keys::detection(&event.camera, event.ulid, part).as_str().to_owned();
        let picture =
            Object { key: key(Part::Image), body: image, sha256, media_type: event.image.media_type.to_string() };
        let document = Object::new(key(Part::Event), event_json, "application/json");
        let need = self.copies.for_detections();
        let stored = self.copies.put(Item { document, picture: Some(picture) }, need, Some(memory)).await?;
        self.metrics.stored(event, stored.fresh, self.clock.monotonic().saturating_sub(started));
        let ack = Ack {
            ulid: event.ulid,
            status: AckStatus::Stored,
            copies: u8::try_from(stored.copies).unwrap_or(u8::MAX),
            degraded: stored.degraded,
        };
        let status = if stored.fresh { StatusCode::CREATED } else { StatusCode::OK };
        Ok((status, [(header::CONTENT_TYPE, JSON)], serde_json::to_vec(&ack).unwrap_or_default()).into_response())
    }
}

/// Takes a detection whole, or its event when the picture follows in parts.
pub(super) async fn post(State(gateway): State<Shared>, request: Request) -> Result<Response<Body>, Refusal> {
    let started = gateway.clock.monotonic();
    let _counted = gateway.metrics.upload_begins();
    let (parts, content) = request.into_parts();
    body::declared(&parts.headers, gateway.upload_limit())?;
    let camera = gateway.camera(&parts).await?;
    let limit = gateway.upload_limit();
    let held = body::read(&parts.headers, content, limit, &gateway.memory, gateway.settings.body_timeout).await?;
    body::check_digest(&parts.headers, &held.bytes)?;
    gateway.heard(&camera, None).await;

    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let malformed = |error: multipart::Error| Refusal::malformed(&error.to_string());
    let boundary = multipart::boundary(content_type).map_err(malformed)?;
    let (mut metadata, mut image) = (None, None);
    for part in multipart::parts(&held.bytes, boundary).map_err(malformed)? {
        let place = match part.name.as_str() {
            "metadata" => &mut metadata,
            "image" => &mut image,
            _ => return Err(Refusal::malformed("the parts of a detection are called metadata and image")),
        };
        if place.replace(part.body).is_some() {
            return Err(Refusal::malformed("a part is there twice"));
        }
    }
    let metadata = metadata.ok_or_else(|| Refusal::malformed("the metadata part is missing"))?;
    let event = gateway.event(&metadata, &camera)?;
    match image {
        Some(image) => gateway.store(&event, metadata, image, held.memory, started).await,
        None => {
            // A copy, so that the small event does not keep the whole body in memory.
            let json = Bytes::copy_from_slice(&metadata);
            match gateway.spool.begin(event, json, gateway.clock.monotonic()).await {
                Ok(offset) => Ok((StatusCode::ACCEPTED, [(UPLOAD_OFFSET, HeaderValue::from(offset))]).into_response()),
                Err(spool::Refused::Full) => Err(Refusal::too_busy("too many uploads in parts are under way")),
                Err(spool::Refused::Altered) => Err(Refusal::new(
                    StatusCode::CONFLICT,
                    ProblemKind::Altered,
                    "an upload with another event is under way under this ULID",
                )),
            }
        }
    }
}

/// What the headers of a part say.
struct PartHead {
    offset: u64,
    complete: bool,
    whole: [u8; 32],
}

fn part_head(headers: &HeaderMap) -> Result<PartHead, Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let offset = text("upload-offset")
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Refusal::malformed("Upload-Offset must be a number of bytes"))?;
    let complete = match text("upload-complete") {
        Some("?1") => true,
        Some("?0") => false,
        _ => return Err(Refusal::malformed("Upload-Complete must be ?1 or ?0")),
    };
    let whole = text("repr-digest")
        .and_then(digest::from_field)
        .ok_or_else(|| Refusal::digest("Repr-Digest must be sha-256=:...:"))?;
    Ok(PartHead { offset, complete, whole })
}

/// Takes a part of a picture; the last one stores it.
pub(super) async fn put(
    State(gateway): State<Shared>,
    Path(ulid): Path<String>,
    request: Request,
) -> Result<Response<Body>, Refusal> {
    let started = gateway.clock.monotonic();
    let _counted = gateway.metrics.upload_begins();
    let (parts, content) = request.into_parts();
    body::declared(&parts.headers, gateway.image_limit())?;
    let camera = gateway.camera(&parts).await?;
    let ulid: Ulid = ulid.parse().map_err(|_| Refusal::malformed("the path names no ULID"))?;
    let head = part_head(&parts.headers)?;
    let part = read_part(&gateway, &parts, content).await?;
    gateway.heard(&camera, None).await;

    let unknown = || {
        Refusal::new(StatusCode::NOT_FOUND, ProblemKind::UnknownUpload, "no upload of this ULID is under way here")
            .next("POST /api/detections with the metadata")
    };
    let partial = gateway.spool.find(&camera, ulid, gateway.clock.monotonic()).ok_or_else(unknown)?;
    let mut partial = partial.lock().await;
    let expected = HeaderValue::from(partial.offset);
    if head.offset != partial.offset {
        let detail = "the part does not begin where the last one ended";
        return Err(Refusal::new(StatusCode::CONFLICT, ProblemKind::UploadOffset, detail).with(UPLOAD_OFFSET, expected));
    }
    if head.whole != partial.event.image.sha256.0 {
        return Err(Refusal::digest("the Repr-Digest is not that of the event"));
    }
    let end = partial.offset.saturating_add(part.bytes.len() as u64);
    let size = u64::from(partial.event.image.bytes);
    if end > size || (head.complete && end != size) {
        return Err(Refusal::malformed("the parts do not add up to the size in the event"));
    }
    partial.append(part.bytes).await.map_err(|error| {
        tracing::error!(%error, "a part could not be kept");
        Refusal::too_busy("the part could not be kept")
    })?;
    drop(part.memory);
    if !head.complete {
        let headers = [(UPLOAD_OFFSET, HeaderValue::from(partial.offset))];
        return Ok((StatusCode::NO_CONTENT, headers).into_response());
    }
    let memory = gateway.reserve(partial.event.image.bytes as usize)?;
    let image = partial.content().await.map_err(|error| {
        tracing::error!(%error, "an upload in parts could not be read back");
        Refusal::too_busy("the upload could not be read back")
    })?;
    let result = gateway.store(&partial.event, partial.event_json.clone(), image, memory, started).await;
    // What may succeed later stays; what never will, and what did, goes.
    let later = matches!(&result, Err(refusal) if refusal.status.is_server_error());
    if !later {
        gateway.spool.remove(&camera, ulid);
    }
    result
}

async fn read_part(gateway: &Gateway, parts: &request::Parts, content: Body) -> Result<body::Held, Refusal> {
    let limit = gateway.image_limit();
    let held = body::read(&parts.headers, content, limit, &gateway.memory, gateway.settings.body_timeout).await?;
    body::check_digest(&parts.headers, &held.bytes)?;
    Ok(held)
}
