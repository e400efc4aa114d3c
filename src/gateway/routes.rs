//! The paths of the API, and what holds for all of them: a time limit, problems as answers, and counting.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    http::{HeaderValue, Response, StatusCode, header},
    middleware::{self, Next},
    response::IntoResponse,
    routing::{get, post},
};
use wildcam_core::wire::ProblemKind;

use super::{Shared, cameras, listing, metrics, objects, refusal::Refusal, uploads};

/// The description of the API, OpenAPI 3.1.
pub(super) const OPENAPI: &str = include_str!("openapi.json");

pub(super) fn router(gateway: Shared) -> Router {
    Router::new()
        .route("/api/health", get(health))
        .route("/api/openapi.json", get(openapi))
        .route("/api/cameras", get(listing::cameras))
        .route("/api/cameras/register", post(cameras::register))
        .route("/api/cameras/{id}/status", post(cameras::status))
        .route("/api/cameras/{id}/events", post(cameras::events))
        .route("/api/cameras/{id}/desired", get(cameras::desired))
        .route("/api/cameras/{id}/command", get(cameras::command))
        .route("/api/cameras/{id}/config", get(cameras::config))
        .route("/api/releases/{*path}", get(objects::release))
        .route("/api/detections", get(listing::detections).post(uploads::post))
        .route("/api/detections/{ulid}", get(listing::event))
        .route("/api/detections/{ulid}/image", get(listing::image).put(uploads::put))
        .route("/metrics", get(metrics::get))
        .fallback(async || Refusal::not_found("there is nothing at this path"))
        // Bodies are bounded where they are read, after their sender is known.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(Arc::clone(&gateway), surround))
        .with_state(gateway)
}

/// Ends what takes too long, turns the framework's own refusals into problems, and counts.
async fn surround(State(gateway): State<Shared>, request: Request, next: Next) -> Response<Body> {
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let mut response = match tokio::time::timeout(gateway.settings.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Refusal::new(StatusCode::GATEWAY_TIMEOUT, ProblemKind::TooBusy, "the request took too long")
            .retry_after(1)
            .into_response(),
    };
    let status = response.status();
    let has_type = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind != "text/plain; charset=utf-8");
    if status.is_client_error() && !has_type {
        // What the framework refuses by itself: a method that is not allowed, a path that cannot be read.
        let (kind, detail) = match status {
            StatusCode::METHOD_NOT_ALLOWED => (ProblemKind::Malformed, "this method is not allowed here"),
            _ => (ProblemKind::Malformed, "the request cannot be understood"),
        };
        let mut problem = Refusal::new(status, kind, detail).into_response();
        if let Some(allow) = response.headers().get(header::ALLOW) {
            problem.headers_mut().insert(header::ALLOW, allow.clone());
        }
        response = problem;
    }
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    gateway.metrics.request(&route, status.as_u16());
    response
}

/// Whether this gateway can take detections now. A load balancer reads the status code: 503 sends cameras elsewhere.
async fn health(State(gateway): State<Shared>) -> Response<Body> {
    let stores = gateway.copies.states();
    let up = stores.iter().filter(|(_, up)| *up).count();
    let policy = gateway.copies.policy();
    let least = if policy.one_copy { 1 } else { policy.copies.max(1) };
    let word = match up {
        up if up < least => "failing",
        up if up < stores.len() => "degraded",
        _ => "ok",
    };
    let stores: Vec<_> = stores.iter().map(|(name, up)| serde_json::json!({ "name": name, "up": up })).collect();
    let answer = serde_json::json!({
        "status": word,
        "gateway": gateway.settings.name,
        "cloud": gateway.settings.cloud,
        "version": env!("CARGO_PKG_VERSION"),
        "copies": { "wanted": policy.copies, "possible": up, "one_copy": policy.one_copy },
        "stores": stores,
        "heal_pending": gateway.copies.heal_pending(),
        "time_ms": gateway.clock.unix_ms(),
    });
    let status = if up < least { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, Json(answer)).into_response()
}

async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], OPENAPI)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_description_is_json_and_names_every_path() {
        let api: serde_json::Value = serde_json::from_str(super::OPENAPI).unwrap();
        assert_eq!(api["openapi"], "3.1.0");
        assert_eq!(api["info"]["version"], env!("CARGO_PKG_VERSION"));
        let source = include_str!("routes.rs");
        let routes = source.lines().filter_map(|line| line.trim().strip_prefix(".route(\"")?.split('"').next());
        for route in routes {
            assert!(api["paths"].get(route.replace("{*path}", "{path}")).is_some(), "{route}");
        }
    }
}
