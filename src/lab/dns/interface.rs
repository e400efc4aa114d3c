use std::net::SocketAddr;

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};

use super::{DnsServer, Error, Routes};
use crate::lab::control;

impl DnsServer {
    /// The control interface: `GET /routes` and `PUT /routes`, behind a bearer token.
    pub fn router(&self, token: &str) -> Router {
        let router = Router::new().route("/routes", get(show).put(replace)).with_state(self.clone());
        control::protect(router, token)
    }
}

async fn show(State(server): State<DnsServer>) -> Json<Routes> {
    Json(server.routes())
}

async fn replace(State(server): State<DnsServer>, Json(routes): Json<Routes>) -> Response {
    match server.put(routes) {
        Ok(()) => Json(server.routes()).into_response(),
        Err(error @ Error::Stale { .. }) => control::refuse(StatusCode::CONFLICT, "stale", error.to_string()),
        Err(error) => control::refuse(StatusCode::UNPROCESSABLE_ENTITY, "malformed", error.to_string()),
    }
}

/// Steers a name server in another process.
#[derive(Clone, Debug)]
pub struct DnsClient {
    client: control::Client,
}

impl DnsClient {
    /// For the control interface at `address`.
    #[must_use]
    pub fn new(address: SocketAddr, token: impl Into<String>) -> Self {
        Self { client: control::Client::new(address, token) }
    }

    /// The routes that are answered now.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn routes(&self) -> Result<Routes, control::Error> {
        self.client.get("/routes").await
    }

    /// Replaces the routes.
    ///
    /// # Errors
    /// When the server does not answer, or refuses: with status 409 when it has routes that are as new or newer.
    pub async fn put(&self, routes: &Routes) -> Result<Routes, control::Error> {
        self.client.put("/routes", routes).await
    }
}
