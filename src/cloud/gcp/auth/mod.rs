//! Tokens for Google's services: found in a chain, exchanged by our own HTTP client, kept until five minutes before
//! they expire.
//!
//! gcp_auth reads a service account's key and signs with it. Its own exchanges are not used: they cannot be bounded in
//! time, trust no authority of the project, cannot be told to drop a token that a service has refused, and know no
//! workload identity.

mod chain;
mod federation;
mod source;

use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Mutex;

pub(super) use self::chain::{Exchanges, find};
use self::source::Source;
use crate::{
    clock::Clock,
    cloud::{
        control::{Failure, FailureKind},
        rest,
    },
    project::Secret,
};

/// What every call asks for; what it may do is decided by the roles of the account.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// A token is not used in the last minutes of its life: a call that carries it may wait in a queue.
const MARGIN: Duration = Duration::from_secs(300);

/// The longest that all exchanges for one token may take together.
const LONGEST_EXCHANGE: Duration = Duration::from_secs(30);

/// What to do where no credentials are found or they are refused.
pub(super) const HOW: &str =
    "gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS to a credentials file";

/// A token and until when it is used.
#[derive(Clone)]
struct Held {
    token: Secret,
    until_ms: u64,
}

/// Gives out tokens.
#[derive(Debug)]
pub(super) struct Tokens {
    source: Source,
    client: reqwest::Client,
    clock: Clock,
    held: Mutex<Option<Held>>,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").field("until_ms", &self.until_ms).finish_non_exhaustive()
    }
}

impl Tokens {
    fn new(source: Source, client: reqwest::Client, clock: Clock) -> Self {
        Self { source, client, clock, held: Mutex::new(None) }
    }

    /// Where the tokens come from, for people.
    pub(super) fn origin(&self) -> &str {
        self.source.words()
    }

    /// The project that a person's calls are counted for, where the credentials name one.
    pub(super) fn quota_project(&self) -> Option<&str> {
        self.source.quota_project()
    }

    /// A token. One that equals `refused` is not given again: a service has just refused it.
    pub(super) async fn token(&self, refused: Option<&Secret>) -> Result<Secret, Failure> {
        // The lock is held while a token is fetched, so that a hundred calls at once make one exchange.
        let mut held = self.held.lock().await;
        let is_refused = |token: &Secret| refused.is_some_and(|refused| refused.expose() == token.expose());
        if let Some(now) = held.as_ref()
            && now.until_ms > self.clock.unix_ms()
            && !is_refused(&now.token)
        {
            return Ok(now.token.clone());
        }
        *held = None;
        let exchange = self.source.fetch(&self.client, &self.clock);
        let fetched = match tokio::time::timeout(LONGEST_EXCHANGE, exchange).await {
            Ok(fetched) => fetched?,
            Err(_) => return Err(Failure::new(FailureKind::Unavailable, "token", "no token within 30 s")),
        };
        let margin = MARGIN.min(fetched.life / 2);
        let usable = u64::try_from(fetched.life.saturating_sub(margin).as_millis()).unwrap_or(u64::MAX);
        let token = fetched.token;
        *held = Some(Held { token: token.clone(), until_ms: self.clock.unix_ms().saturating_add(usable) });
        Ok(token)
    }
}

/// A token that came in.
struct Fetched {
    token: Secret,
    life: Duration,
}

/// What OAuth 2.0's token endpoints answer (RFC 6749, 5.1).
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

/// The error of a token endpoint (RFC 6749, 5.2).
#[derive(Deserialize)]
struct Refused {
    error: String,
    #[serde(default)]
    error_description: Option<String>,
}

/// Sends a request to a token endpoint; the answer's text is never shown, since it holds the token.
async fn exchange(client: &reqwest::Client, call: &str, request: reqwest::Request) -> Result<bytes::Bytes, Failure> {
    let answer = match rest::send(client, call, request).await {
        Ok(answer) => answer,
        // A token that may or may not have been made harms nobody: ask again.
        Err(failure) => return Err(Failure { kind: FailureKind::Unavailable, ..failure }),
    };
    if answer.is_success() {
        return Ok(answer.body);
    }
    let said = serde_json::from_slice::<Refused>(&answer.body).map_or_else(
        |_| format!("status {}", answer.status),
        |refused| match refused.error_description {
            Some(description) => format!("{}: {description}", refused.error),
            None => refused.error,
        },
    );
    let kind = match answer.status {
        429 => FailureKind::Throttled,
        500.. => FailureKind::Unavailable,
        _ => FailureKind::Credentials,
    };
    let mut failure = Failure::new(kind, call, said);
    failure.retry_after_ms = answer.retry_after_ms();
    Err(if kind == FailureKind::Credentials { failure.next_step(HOW) } else { failure })
}

/// Reads what [`exchange`] brought.
fn granted(call: &str, body: &[u8]) -> Result<Fetched, Failure> {
    let granted: Granted = serde_json::from_slice(body)
        .map_err(|_| Failure::new(FailureKind::Unavailable, call, "the answer holds no token"))?;
    // An hour is what Google gives; a day bounds what a broken server may claim.
    let life = Duration::from_secs(granted.expires_in.unwrap_or(3600).min(86_400));
    Ok(Fetched { token: header_value(call, granted.access_token)?, life })
}

/// A token that can stand in a header.
fn header_value(call: &str, token: String) -> Result<Secret, Failure> {
    if token.is_empty() || token.len() > 16 << 10 || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Failure::new(FailureKind::Credentials, call, "what was given is no token").next_step(HOW));
    }
    Ok(Secret::new(token))
}

/// Credentials that cannot be used.
fn unusable(what: &str, message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Credentials, what, message).next_step(HOW)
}

/// A form as RFC 6749 wants it.
fn form(url: &url::Url, fields: &[(&str, &str)]) -> reqwest::Request {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let mut request = reqwest::Request::new(http::Method::POST, url.clone());
    let kind = http::HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    *request.body_mut() = Some(body.into());
    request
}

/// An address from a credentials file: https, or anything on this machine.
fn address(what: &str, text: &str) -> Result<url::Url, Failure> {
    let url: url::Url = text.parse().map_err(|_| unusable(what, "an address in the credentials is none"))?;
    let local = match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if url.scheme() == "https" && url.host().is_some() || url.scheme() == "http" && local {
        return Ok(url);
    }
    Err(unusable(what, "an address in the credentials is not https"))
}
