//! Objects streamed from a store: releases, and pictures.

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use object_store::{Attribute, GetOptions, GetRange};
use wildcam_core::wire::{ProblemKind, keys};

use super::{Gateway, Shared, refusal::Refusal};

/// Serves what lies under `releases/`, by the rule for its names that cameras have. Nothing there is secret: devices trust
/// signatures, not the carrier.
pub(super) async fn release(
    State(gateway): State<Shared>,
    Path(path): Path<String>,
    request: Request,
) -> Result<Response<Body>, Refusal> {
    let key = format!("{}{path}", keys::RELEASES);
    if !keys::is_release(&key) {
        return Err(Refusal::malformed("that is no path of a release"));
    }
    send(&gateway, &key, "application/octet-stream", request.headers()).await
}

/// One range of `Range` (RFC 9110 section 14.2). Several ranges and other units are ignored, as the standard allows.
fn range(headers: &HeaderMap) -> Option<GetRange> {
    let set = headers.get(header::RANGE)?.to_str().ok()?.strip_prefix("bytes=")?;
    let (first, last) = set.split_once('-')?;
    let number =
        |text: &str| if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse::<u64>().ok() } else { None };
    match (first, last) {
        ("", suffix) => number(suffix).filter(|&length| length > 0).map(GetRange::Suffix),
        (first, "") => number(first).map(GetRange::Offset),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then(|| GetRange::Bounded(first..last.saturating_add(1)))
        }
    }
}

fn header_text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// Answers with the object `key` from a store that has it.
pub(super) async fn send(
    gateway: &Gateway,
    key: &str,
    media_type: &'static str,
    headers: &HeaderMap,
) -> Result<Response<Body>, Refusal> {
    // Entity tags differ between stores, so a range that depends on one starts over instead.
    let range = if headers.contains_key(header::IF_RANGE) { None } else { range(headers) };
    let partial = range.is_some();
    let options = GetOptions {
        if_none_match: header_text(headers, header::IF_NONE_MATCH),
        if_match: header_text(headers, header::IF_MATCH),
        range,
        ..GetOptions::default()
    };
    let found = match gateway.copies.open(key, &options).await {
        Ok(found) => found,
        Err(object_store::Error::NotFound { .. }) => return Err(Refusal::not_found("no store holds this")),
        Err(object_store::Error::NotModified { .. }) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            if let Some(tag) = headers.get(header::IF_NONE_MATCH) {
                response.headers_mut().insert(header::ETAG, tag.clone());
            }
            return Ok(response);
        }
        Err(object_store::Error::Precondition { .. }) => {
            return Err(Refusal::new(
                StatusCode::PRECONDITION_FAILED,
                ProblemKind::Malformed,
                "the object has another entity tag",
            ));
        }
        Err(error) => {
            tracing::debug!(%error, key, "no store gave the object");
            if partial {
                return Err(unsatisfiable(gateway, key).await);
            }
            return Err(Refusal::too_busy("no store that holds this could be read"));
        }
    };
    let (size, bytes) = (found.meta.size, found.range.clone());
    let media_type = match found.attributes.get(&Attribute::ContentType) {
        Some(own) => HeaderValue::from_str(own).unwrap_or(HeaderValue::from_static(media_type)),
        None => HeaderValue::from_static(media_type),
    };
    let mut builder = Response::builder()
        .status(if partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK })
        .header(header::CONTENT_TYPE, media_type)
        .header(header::CONTENT_LENGTH, bytes.end.saturating_sub(bytes.start))
        .header(header::ACCEPT_RANGES, "bytes");
    if let Some(tag) = &found.meta.e_tag {
        builder = builder.header(header::ETAG, tag.as_str());
    }
    if partial {
        let last = bytes.end.saturating_sub(1);
        builder = builder.header(header::CONTENT_RANGE, format!("bytes {}-{last}/{size}", bytes.start));
    }
    builder.body(Body::from_stream(found.into_stream())).map_err(|_| Refusal::too_busy("the answer could not be made"))
}

/// Tells a range beyond the end from a store that failed.
async fn unsatisfiable(gateway: &Gateway, key: &str) -> Refusal {
    let options = GetOptions { head: true, ..GetOptions::default() };
    match gateway.copies.open(key, &options).await {
        Ok(found) => {
            let refusal = Refusal::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                ProblemKind::Malformed,
                "the range lies outside of the object",
            );
            match HeaderValue::from_str(&format!("bytes */{}", found.meta.size)) {
                Ok(value) => refusal.with(header::CONTENT_RANGE, value),
                Err(_) => refusal,
            }
        }
        Err(object_store::Error::NotFound { .. }) => Refusal::not_found("no store holds this"),
        Err(_) => Refusal::too_busy("no store that holds this could be read"),
    }
}
