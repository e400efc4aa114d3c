//! The small HTTP interface by which the lab steers its processes: JSON on loopback, guarded by a bearer token
//! (RFC 6750), and the client that speaks it.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::Method;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::net::TcpStream;
use zeroize::Zeroizing;

/// No request body is longer, in bytes.
const REQUEST_LIMIT: usize = 64 * 1024;
/// No answer is longer, in bytes.
const ANSWER_LIMIT: usize = 1024 * 1024;

/// Why a control call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody answers at the address, or not in time.
    #[error("the control interface at {0} does not answer")]
    Silent(SocketAddr),
    /// No connection could be made.
    #[error("no connection to the control interface at {address}")]
    Connect {
        /// Where it should be.
        address: SocketAddr,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The connection broke, or what came was not HTTP.
    #[error("the control interface at {address} broke off")]
    Broken {
        /// Where it is.
        address: SocketAddr,
        /// What hyper says.
        source: hyper::Error,
    },
    /// The call was understood and refused.
    #[error("the control interface says no ({status}): {detail}")]
    Refused {
        /// The HTTP status code.
        status: u16,
        /// The reason, in words.
        detail: String,
    },
    /// The call, or its answer, is not what both ends agreed on.
    #[error("the control interface at {address} and this client do not understand each other: {what}")]
    Malformed {
        /// Where it is.
        address: SocketAddr,
        /// What is wrong.
        what: String,
    },
}

/// The body of every refusal, in the form of RFC 9457.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// A stable word.
    pub kind: String,
    /// The reason, for people.
    pub detail: String,
}

/// A refusal as an HTTP response.
pub(crate) fn refuse(status: StatusCode, kind: &str, detail: impl Into<String>) -> Response {
    let body = Refusal { kind: kind.to_owned(), detail: detail.into() };
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

#[derive(Clone)]
struct Guard {
    digest: [u8; 32],
}

impl Guard {
    /// Digests are compared, so neither the content nor the length of the token shows in the time this takes.
    fn admits(&self, headers: &HeaderMap) -> bool {
        let offered = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.as_bytes().split_at_checked(7))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer "))
            .map_or(&b""[..], |(_, token)| token);
        let digest: [u8; 32] = Sha256::digest(offered).into();
        !offered.is_empty() && bool::from(digest.ct_eq(&self.digest))
    }
}

async fn admit(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if guard.admits(request.headers()) {
        next.run(request).await
    } else {
        let mut response = refuse(StatusCode::UNAUTHORIZED, "token", "this needs the bearer token of the lab");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        response
    }
}

/// Puts every route of `router` behind the bearer token. An empty token admits nobody.
pub fn protect(router: Router, token: &str) -> Router {
    let guard = Guard { digest: Sha256::digest(token.as_bytes()).into() };
    router.layer(DefaultBodyLimit::max(REQUEST_LIMIT)).layer(middleware::from_fn_with_state(guard, admit))
}

/// Calls one control interface. Each call is a connection of its own, so a client never outlives a restart badly.
#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    token: Zeroizing<String>,
    timeout: Duration,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({})", self.address)
    }
}

impl Client {
    /// For the interface at `address`; a call may take five seconds.
    #[must_use]
    pub fn new(address: SocketAddr, token: impl Into<String>) -> Self {
        Self { address, token: Zeroizing::new(token.into()), timeout: Duration::from_secs(5) }
    }

    /// The same, with another limit for each call: an order may restart processes.
    #[must_use]
    pub fn patient(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Where it calls.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Reads the resource at `path`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn get<A: DeserializeOwned>(&self, path: &str) -> Result<A, Error> {
        self.call(Method::GET, path, Bytes::new()).await
    }

    /// Replaces the resource at `path`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn put<B: Serialize + Sync, A: DeserializeOwned>(&self, path: &str, body: &B) -> Result<A, Error> {
        let body = serde_json::to_vec(body).map_err(|error| self.malformed(&error))?;
        self.call(Method::PUT, path, body.into()).await
    }

    fn malformed(&self, what: &dyn std::fmt::Display) -> Error {
        Error::Malformed { address: self.address, what: what.to_string() }
    }

    async fn call<A: DeserializeOwned>(&self, method: Method, path: &str, body: Bytes) -> Result<A, Error> {
        let (status, bytes) = tokio::time::timeout(self.timeout, self.exchange(method, path, body))
            .await
            .map_err(|_| Error::Silent(self.address))??;
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(|error| self.malformed(&error));
        }
        let detail = serde_json::from_slice::<Refusal>(&bytes)
            .map_or_else(|_| status.canonical_reason().unwrap_or("no reason given").to_owned(), |body| body.detail);
        Err(Error::Refused { status: status.as_u16(), detail })
    }

    async fn exchange(&self, method: Method, path: &str, body: Bytes) -> Result<(StatusCode, Bytes), Error> {
        let address = self.address;
        let broken = |source| Error::Broken { address, source };
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", self.token.as_str()))
            .map_err(|_| self.malformed(&"the token does not fit into a header"))?;
        authorization.set_sensitive(true);
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, address.to_string())
            .header(header::AUTHORIZATION, authorization)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONNECTION, "close")
            .body(Full::new(body))
            .map_err(|error| self.malformed(&error))?;

        let stream = TcpStream::connect(address).await.map_err(|source| Error::Connect { address, source })?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let answer = async {
            let response = sender.send_request(request).await.map_err(broken)?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_LIMIT).collect().await;
            let bytes = body.map_err(|error| self.malformed(&error))?.to_bytes();
            Ok((status, bytes))
        };
        tokio::pin!(connection, answer);
        tokio::select! {
            result = &mut answer => result,
            ended = &mut connection => {
                ended.map_err(broken)?;
                answer.await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::net::serve::{Limits, serve};

    #[tokio::test]
    async fn only_the_right_token_is_admitted() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let router = protect(Router::new().route("/word", get(async || Json("hello"))), "secret");
        let server = tokio::spawn(serve(listener, None, router, Limits::default(), stop.clone()));

        assert_eq!(Client::new(address, "secret").get::<String>("/word").await.unwrap(), "hello");
        for wrong in ["", "secre", "secrets", "SECRET"] {
            let error = Client::new(address, wrong).get::<String>("/word").await.unwrap_err();
            assert!(matches!(error, Error::Refused { status: 401, .. }), "{error}");
        }
        let missing = Client::new(address, "secret").get::<String>("/other").await.unwrap_err();
        assert!(matches!(missing, Error::Refused { status: 404, .. }), "{missing}");

        stop.cancel();
        server.await.unwrap();
        let gone = Client::new(address, "secret").get::<String>("/word").await.unwrap_err();
        assert!(matches!(gone, Error::Connect { .. }), "{gone}");
    }

    #[test]
    fn an_empty_token_admits_nobody() {
        let guard = Guard { digest: Sha256::digest(b"").into() };
        let mut headers = HeaderMap::new();
        assert!(!guard.admits(&headers));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer "));
        assert!(!guard.admits(&headers));
    }
}
