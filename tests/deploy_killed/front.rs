//! What stands before Google's fake: it hands everything on, counts what goes to the journal in its buckets, and can go
//! away as a cloud does.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{Method, Response},
};
use tokio_util::sync::CancellationToken;

use super::steps::Shared;

/// The front; it ends when it is dropped.
pub(crate) struct Front {
    pub(crate) url: String,
    address: SocketAddr,
    behind: Arc<Behind>,
    stop: CancellationToken,
    served: Option<tokio::task::JoinHandle<()>>,
}

struct Behind {
    url: String,
    steps: Shared,
    client: reqwest::Client,
}

/// Puts a front before what answers at `url`.
pub(crate) async fn start(url: &str, steps: Shared) -> Front {
    let client = wildcam::net::client::http(None).expect("a client");
    let behind = Arc::new(Behind { url: url.to_owned(), steps, client });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let mut front =
        Front { url: format!("http://{address}"), address, behind, stop: CancellationToken::new(), served: None };
    front.serve(listener);
    front
}

impl Drop for Front {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Front {
    fn serve(&mut self, listener: tokio::net::TcpListener) {
        let router = Router::new().fallback(hand_on).with_state(Arc::clone(&self.behind));
        let stopped = self.stop.clone();
        self.served = Some(tokio::spawn(async move {
            tokio::select! {
                _ = axum::serve(listener, router) => {}
                () = stopped.cancelled() => {}
            }
        }));
    }

    /// From now on connections are refused.
    pub(crate) async fn go_down(&mut self) {
        self.stop.cancel();
        if let Some(served) = self.served.take() {
            let _ = served.await;
        }
    }

    /// It answers again, at the same address.
    pub(crate) async fn come_back(&mut self) {
        self.stop = CancellationToken::new();
        let listener = tokio::net::TcpListener::bind(self.address).await.expect("the port is still free");
        self.serve(listener);
    }
}

async fn hand_on(State(behind): State<Arc<Behind>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 16 << 20).await.unwrap_or_default();
    let target = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let is_upload = parts.method == Method::POST && parts.uri.path().starts_with("/upload/");
    let key = query.iter().find(|(name, _)| name == "name" && is_upload).map(|(_, value)| value.clone());
    let mut blow = None;
    if let Some(key) = &key {
        let (taken, then) = behind.steps.arrive(key).await;
        if !taken {
            return empty(503);
        }
        blow = then;
    }
    let mut asked = behind.client.request(parts.method, format!("{}{target}", behind.url)).body(body.clone());
    for (name, value) in &parts.headers {
        if !matches!(name.as_str(), "host" | "content-length" | "connection" | "transfer-encoding") {
            asked = asked.header(name, value);
        }
    }
    let Ok(told) = asked.send().await else { return empty(502) };
    let (status, headers) = (told.status(), told.headers().clone());
    let bytes = told.bytes().await.unwrap_or_default();
    if let Some(key) = &key
        && status.is_success()
    {
        behind.steps.taken("gcp", key, &body);
    }
    behind.steps.answering(blow).await;
    let mut response = Response::builder().status(status);
    for (name, value) in &headers {
        if !matches!(name.as_str(), "content-length" | "connection" | "transfer-encoding") {
            response = response.header(name, value);
        }
    }
    response.body(Body::from(bytes)).expect("an answer")
}

fn empty(status: u16) -> Response<Body> {
    Response::builder().status(status).body(Body::empty()).expect("an answer")
}
