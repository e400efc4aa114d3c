//! Refusals as `application/problem+json` (RFC 9457's media type, with the members that cameras read).

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use wildcam_core::wire::{Problem, ProblemKind};

use super::copies::Refused;

pub(super) const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Why a request is refused, and what goes with it.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) problem: Box<Problem>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, kind: ProblemKind, detail: &str) -> Self {
        Self { status, problem: Box::new(Problem::new(kind, detail)), headers: Vec::new() }
    }

    pub(super) fn malformed(detail: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ProblemKind::Malformed, detail)
    }

    pub(super) fn too_large(detail: &str) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, ProblemKind::TooLarge, detail)
    }

    pub(super) fn digest(detail: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ProblemKind::Digest, detail)
    }

    pub(super) fn signature(detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, ProblemKind::Signature, detail)
    }

    pub(super) fn token(detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, ProblemKind::Token, detail)
            .with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    pub(super) fn not_found(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, ProblemKind::NotFound, detail)
    }

    pub(super) fn too_busy(detail: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ProblemKind::TooBusy, detail).retry_after(1)
    }

    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn retry_after(self, seconds: u64) -> Self {
        self.with(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    pub(super) fn next(mut self, step: &str) -> Self {
        *self.problem = self.problem.as_ref().clone().with_next(step);
        self
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response<Body> {
        let body = serde_json::to_vec(&self.problem).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM);
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Altered => {
                Self::new(StatusCode::CONFLICT, ProblemKind::Altered, "other content is stored under this name")
            }
            Refused::TooFew { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, ProblemKind::Copies, &refused.to_string()).retry_after(2)
            }
            Refused::Index(ref source) => {
                tracing::error!(error = %source, "an intent could not be recorded");
                Self::too_busy("the gateway could not record what it was to write")
            }
            Refused::Ending => Self::too_busy("the gateway is ending"),
        }
    }
}

impl From<crate::data::index::Error> for Refusal {
    fn from(error: crate::data::index::Error) -> Self {
        tracing::error!(%error, "the index failed");
        Self::too_busy("the index could not be read")
    }
}
