use std::{net::SocketAddr, time::Duration};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, put},
};
use serde::{Deserialize, Serialize};

use super::{Error, LinkState, Mode, Proxy, Shape, milliseconds};
use crate::lab::control;

/// What `PUT /links/{name}` carries: the whole new setting of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// What the link does with connections.
    pub mode: Mode,
    /// How bytes travel.
    #[serde(default)]
    pub shape: Shape,
    /// After this time the link is clear again.
    #[serde(rename = "lease_ms", default, with = "lease", skip_serializing_if = "Option::is_none")]
    pub lease: Option<Duration>,
}

mod lease {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(lease: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match lease {
            Some(lease) => super::milliseconds::serialize(lease, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
    }
}

impl Proxy {
    /// The control interface: `GET /links`, `GET /links/{name}` and `PUT /links/{name}`, behind a bearer token.
    pub fn router(&self, token: &str) -> Router {
        let router = Router::new()
            .route("/links", get(list))
            .route("/links/{name}", put(change).get(show))
            .with_state(self.clone());
        control::protect(router, token)
    }
}

async fn list(State(proxy): State<Proxy>) -> Json<Vec<LinkState>> {
    Json(proxy.links())
}

async fn show(State(proxy): State<Proxy>, Path(name): Path<String>) -> Response {
    match proxy.link(&name) {
        Ok(link) => Json(link.state()).into_response(),
        Err(error) => refusal(&error),
    }
}

async fn change(State(proxy): State<Proxy>, Path(name): Path<String>, Json(change): Json<Change>) -> Response {
    match proxy.set(&name, change.mode, change.shape, change.lease).await {
        Ok(state) => Json(state).into_response(),
        Err(error) => refusal(&error),
    }
}

fn refusal(error: &Error) -> Response {
    let (status, kind) = match error {
        Error::UnknownLink(_) => (StatusCode::NOT_FOUND, "not-found"),
        Error::Fault(_) => (StatusCode::UNPROCESSABLE_ENTITY, "malformed"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "stopped"),
    };
    control::refuse(status, kind, error.to_string())
}

/// Steers a proxy in another process.
#[derive(Clone, Debug)]
pub struct ProxyClient {
    client: control::Client,
}

impl ProxyClient {
    /// For the control interface at `address`.
    #[must_use]
    pub fn new(address: SocketAddr, token: impl Into<String>) -> Self {
        Self { client: control::Client::new(address, token) }
    }

    /// Every link of the proxy.
    ///
    /// # Errors
    /// When the proxy does not answer.
    pub async fn links(&self) -> Result<Vec<LinkState>, control::Error> {
        self.client.get("/links").await
    }

    /// As [`Proxy::set`].
    ///
    /// # Errors
    /// When the proxy does not answer, has no such link, or refuses the fault.
    pub async fn set(&self, link: &str, change: Change) -> Result<LinkState, control::Error> {
        self.client.put(&format!("/links/{link}"), &change).await
    }

    /// Makes a link clear.
    ///
    /// # Errors
    /// As [`ProxyClient::set`].
    pub async fn clear(&self, link: &str) -> Result<LinkState, control::Error> {
        self.set(link, Change::default()).await
    }
}
