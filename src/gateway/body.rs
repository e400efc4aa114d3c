//! Request bodies, held once and bounded: each by its own limit, all together by the memory of the gateway.

use std::{borrow::Cow, io::Read, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wildcam_core::{httpsig::digest, wire::ProblemKind};

use super::{copies::kib, refusal::Refusal};

/// A body in memory, and the memory that it takes.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) bytes: Bytes,
    pub(super) memory: OwnedSemaphorePermit,
}

/// The declared length, if it is declared and allowed. Nothing of the body has been read then.
pub(super) fn declared(headers: &HeaderMap, limit: usize) -> Result<Option<usize>, Refusal> {
    let Some(value) = headers.get(header::CONTENT_LENGTH) else { return Ok(None) };
    let length: u64 = value
        .to_str()
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Refusal::malformed("the Content-Length is not a number"))?;
    match usize::try_from(length) {
        Ok(length) if length <= limit => Ok(Some(length)),
        _ => Err(too_large(limit)),
    }
}

fn too_large(limit: usize) -> Refusal {
    Refusal::too_large(&format!("the body is larger than {limit} bytes"))
}

/// Reads the body, at most `limit` bytes of it and within `time`, after its memory was set aside.
pub(super) async fn read(
    headers: &HeaderMap,
    mut body: Body,
    limit: usize,
    memory: &Arc<Semaphore>,
    time: Duration,
) -> Result<Held, Refusal> {
    let declared = declared(headers, limit)?;
    let reserved = kib(declared.unwrap_or(limit)).max(1);
    let memory = Arc::clone(memory)
        .try_acquire_many_owned(reserved)
        .map_err(|_| Refusal::too_busy("the gateway's memory is spoken for"))?;
    let collect = async {
        let mut bytes = BytesMut::with_capacity(declared.unwrap_or(0));
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Refusal::malformed("the body ended early"))?;
            if let Ok(data) = frame.into_data() {
                if bytes.len() + data.len() > limit {
                    return Err(too_large(limit));
                }
                bytes.extend_from_slice(&data);
            }
        }
        Ok(bytes.freeze())
    };
    match tokio::time::timeout(time, collect).await {
        Ok(bytes) => Ok(Held { bytes: bytes?, memory }),
        Err(_) => {
            Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, ProblemKind::TooBusy, "the body did not arrive in time")
                .retry_after(1))
        }
    }
}

/// The body as it was before its `Content-Encoding`, at most `limit` bytes of it.
pub(super) fn decoded<'b>(headers: &HeaderMap, body: &'b [u8], limit: usize) -> Result<Cow<'b, [u8]>, Refusal> {
    match headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(Cow::Borrowed(body)),
        Some(b"deflate") => {
            let mut decoded = Vec::new();
            // One byte beyond the limit tells what is too large from what just fits.
            let beyond = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
            flate2::read::ZlibDecoder::new(body)
                .take(beyond)
                .read_to_end(&mut decoded)
                .map_err(|_| Refusal::malformed("the body is not what its Content-Encoding says"))?;
            if decoded.len() > limit { Err(too_large(limit)) } else { Ok(Cow::Owned(decoded)) }
        }
        Some(_) => Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ProblemKind::Malformed,
            "the Content-Encoding is neither identity nor deflate",
        )),
    }
}

/// Compares a body with its `Content-Digest` (RFC 9530), which a signed request with a body must have.
pub(super) fn check_digest(headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal> {
    match headers.get("content-digest") {
        None if body.is_empty() => Ok(()),
        None => Err(Refusal::digest("a request with a body needs a Content-Digest")),
        Some(value) => {
            let expected = value
                .to_str()
                .ok()
                .and_then(digest::from_field)
                .ok_or_else(|| Refusal::digest("the Content-Digest is not sha-256=:...:"))?;
            if expected == <[u8; 32]>::from(Sha256::digest(body)) {
                Ok(())
            } else {
                Err(Refusal::digest("the body does not fit its Content-Digest"))
            }
        }
    }
}
