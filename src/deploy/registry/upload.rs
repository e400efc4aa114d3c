//! Sending a blob: one request for all of it, and from where it broke on for the rest.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{
    Body, Method, RequestBuilder, Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE},
};
use tokio_util::io::ReaderStream;
use url::Url;

use super::{
    Error, Event,
    session::{Session, expected, same_digest},
};
use crate::{
    deploy::image::{Digest, Image, Layer},
    net::retry::Retry,
};

/// A line that breaks from time to time must not end a deploy.
const UPLOAD: Retry = Retry {
    tries: 6,
    first_wait: Duration::from_millis(500),
    longest_wait: Duration::from_secs(10),
    within: Duration::from_secs(1800),
};

/// A blob of an image.
pub(super) struct Blob<'a> {
    pub(super) digest: Digest,
    pub(super) bytes: u64,
    content: Content<'a>,
}

enum Content<'a> {
    Memory(&'a [u8]),
    Layer(&'a Layer),
}

/// The blobs of an image, the large ones first.
pub(super) fn blobs(image: &Image) -> Vec<Blob<'_>> {
    let layers = image.layers.iter().map(|layer| Blob {
        digest: layer.digest.clone(),
        bytes: layer.bytes,
        content: Content::Layer(layer),
    });
    let config = Blob {
        digest: Digest::of(&image.config),
        bytes: image.config.len() as u64,
        content: Content::Memory(&image.config),
    };
    layers.chain(std::iter::once(config)).collect()
}

impl Blob<'_> {
    /// Everything from `offset` on, read while it is sent.
    fn body(&self, offset: u64) -> Result<Body, Error> {
        Ok(match &self.content {
            Content::Memory(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                Body::from(Bytes::copy_from_slice(&bytes[start..]))
            }
            Content::Layer(layer) => {
                let file = tokio::fs::File::from_std(layer.open(offset)?);
                Body::wrap_stream(ReaderStream::with_capacity(file, 64 * 1024))
            }
        })
    }
}

impl Session<'_> {
    /// Sends a blob, and compares the registry's digest with ours.
    pub(super) async fn upload(&self, blob: &Blob<'_>, listener: &(dyn Fn(Event) + Sync)) -> Result<(), Error> {
        let mut under_way: Option<Url> = None;
        let attempt = async |_| {
            let found = match under_way.take() {
                Some(url) => self.standing(&url).await?.filter(|(_, has)| *has <= blob.bytes),
                None => None,
            };
            let (url, from) = match found {
                Some(found) => found,
                None => (self.begin().await?, 0),
            };
            if from > 0 {
                listener(Event::Resuming { digest: blob.digest.clone(), from });
            }
            under_way = Some(url.clone());
            let url = if from < blob.bytes { self.append(&url, blob, from).await? } else { url };
            under_way = Some(url.clone());
            let ended = self.finish(&url, blob).await;
            if matches!(ended, Err(Error::Digest { .. } | Error::Status { status: 400..=499, .. })) {
                // What lies there is not what was sent: from the beginning.
                under_way = None;
            }
            ended
        };
        UPLOAD.run(self.random, Error::passes, attempt).await
    }

    async fn begin(&self) -> Result<Url, Error> {
        const CALL: &str = "POST upload";
        let url = self.address("blobs/uploads/")?;
        let empty = |request: RequestBuilder| Ok(request.header(CONTENT_LENGTH, 0));
        let response = self.send(CALL, Method::POST, &url, empty).await?;
        let response = expected(CALL, response, &[StatusCode::ACCEPTED]).await?;
        self.location(CALL, &response)
    }

    /// How much of an upload the registry has; `None` where it has forgotten it.
    async fn standing(&self, url: &Url) -> Result<Option<(Url, u64)>, Error> {
        const CALL: &str = "GET upload";
        let response = self.send(CALL, Method::GET, url, Ok).await?;
        if !matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::OK) {
            return Ok(None);
        }
        let next = self.location(CALL, &response).unwrap_or_else(|_| url.clone());
        Ok(Some((next, received(&response))))
    }

    async fn append(&self, url: &Url, blob: &Blob<'_>, from: u64) -> Result<Url, Error> {
        const CALL: &str = "PATCH upload";
        let finish = |request: RequestBuilder| {
            let mut request = request
                .header(CONTENT_TYPE, "application/octet-stream")
                .header(CONTENT_LENGTH, blob.bytes - from)
                .body(blob.body(from)?);
            // Registries that know only uploads in one piece refuse this field, so it stands where it says something.
            if from > 0 {
                request = request.header(CONTENT_RANGE, format!("{from}-{}", blob.bytes - 1));
            }
            Ok(request)
        };
        let response = self.send(CALL, Method::PATCH, url, finish).await?;
        let response = expected(CALL, response, &[StatusCode::ACCEPTED, StatusCode::NO_CONTENT]).await?;
        self.location(CALL, &response)
    }

    async fn finish(&self, url: &Url, blob: &Blob<'_>) -> Result<(), Error> {
        const CALL: &str = "PUT upload";
        let mut url = url.clone();
        url.query_pairs_mut().append_pair("digest", blob.digest.as_str());
        let empty = |request: RequestBuilder| Ok(request.header(CONTENT_LENGTH, 0));
        let response = self.send(CALL, Method::PUT, &url, empty).await?;
        let response = expected(CALL, response, &[StatusCode::CREATED, StatusCode::NO_CONTENT]).await?;
        same_digest(CALL, &response, &blob.digest)
    }
}

/// The bytes that `Range: 0-LAST` speaks of. `0-0` stands for none and for one: none is safe, since an upload that goes
/// on at the wrong place is refused and begun again.
fn received(response: &Response) -> u64 {
    let range = response.headers().get(RANGE).and_then(|value| value.to_str().ok());
    let last = range.and_then(|text| text.trim_start_matches("bytes=").strip_prefix("0-")?.parse::<u64>().ok());
    match last {
        None | Some(0) => 0,
        Some(last) => last.saturating_add(1),
    }
}
