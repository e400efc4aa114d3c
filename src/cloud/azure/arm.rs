//! One call to Azure Resource Manager: who asks, where, and what the answer means.

use std::sync::Arc;

use reqwest::Method;
use serde_json::Value;
use url::Url;

use super::{
    credentials::Tokens,
    errors::{self, Doing},
    ids,
};
use crate::cloud::{
    control::{Failure, FailureKind},
    rest::{self, Answer},
};

/// A list that goes on for more pages than this is not read to its end.
const MOST_PAGES: usize = 1000;

/// The control plane of one subscription.
#[derive(Debug)]
pub(super) struct Arm {
    pub(super) client: reqwest::Client,
    pub(super) endpoint: Url,
    pub(super) subscription: String,
    pub(super) tokens: Arc<Tokens>,
}

/// What is asked.
#[derive(Debug)]
pub(super) struct Ask<'a> {
    /// In the provider's words, for messages: `PUT Microsoft.Storage/storageAccounts`.
    pub(super) call: &'a str,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) body: Option<&'a Value>,
    /// The change is refused when the resource is another than this one.
    pub(super) etag: Option<&'a str>,
}

impl Ask<'_> {
    fn doing(&self) -> Doing {
        match self.method {
            Method::GET | Method::HEAD => Doing::Reading,
            Method::DELETE => Doing::Deleting,
            _ => Doing::Writing,
        }
    }
}

impl Arm {
    /// The address of an id.
    pub(super) fn at(&self, id: &str, api_version: &str) -> Url {
        ids::url(&self.endpoint, id, api_version)
    }

    /// An address with further parts behind its path.
    pub(super) fn joined(&self, base: &Url, parts: &[&str]) -> Url {
        let mut url = base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(parts);
        }
        url
    }

    /// What tokens for the control plane are for.
    fn scope(&self) -> String {
        format!("{}/.default", self.endpoint.as_str().trim_end_matches('/'))
    }

    /// Only addresses on the control plane's own host are followed: the token goes with the request.
    pub(super) fn own(&self, call: &str, text: &str) -> Result<Url, Failure> {
        let foreign = || {
            let host = Url::parse(text).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
            Failure::new(FailureKind::Invalid, call, format!("the answer points to another host (`{host}`)"))
        };
        let url = Url::parse(text).map_err(|_| foreign())?;
        let plain = url.username().is_empty() && url.password().is_none();
        if plain && url.origin() == self.endpoint.origin() { Ok(url) } else { Err(foreign()) }
    }

    /// Asks, with a token; a token that is refused is exchanged once.
    ///
    /// # Errors
    /// What the answer's status and code mean, or when no answer came.
    pub(super) async fn ask(&self, ask: Ask<'_>) -> Result<Answer, Failure> {
        self.ask_as(&self.scope(), ask).await
    }

    /// As [`Arm::ask`], with a token for another service than the control plane.
    ///
    /// # Errors
    /// As [`Arm::ask`].
    pub(super) async fn ask_as(&self, scope: &str, ask: Ask<'_>) -> Result<Answer, Failure> {
        let mut token = self.tokens.get(scope).await?;
        for last in [false, true] {
            let mut request = self
                .client
                .request(ask.method.clone(), ask.url.clone())
                .bearer_auth(token.expose())
                .header("accept", "application/json");
            if let Some(body) = ask.body {
                request = request.header("content-type", "application/json").body(body.to_string());
            } else if ask.method == Method::POST {
                request = request.header("content-length", "0");
            }
            if let Some(etag) = ask.etag {
                request = request.header("if-match", etag);
            }
            let request = request.build().map_err(|error| {
                Failure::new(
                    FailureKind::Invalid,
                    ask.call,
                    format!("the request is unusable: {}", error.without_url()),
                )
            })?;
            let answer = rest::send(&self.client, ask.call, request).await?;
            if answer.is_success() {
                return Ok(answer);
            }
            if answer.status != 401 || last {
                return Err(errors::of_answer(ask.call, ask.doing(), &answer));
            }
            token = self.tokens.instead_of(&token, scope).await?;
        }
        Err(Failure::new(FailureKind::Credentials, ask.call, "no token is taken"))
    }

    /// Reads an address.
    ///
    /// # Errors
    /// As [`Arm::ask`].
    pub(super) async fn get(&self, call: &str, url: Url) -> Result<Answer, Failure> {
        self.ask(Ask { call, method: Method::GET, url, body: None, etag: None }).await
    }

    /// Reads an address as JSON.
    ///
    /// # Errors
    /// As [`Arm::ask`], and when the answer is no JSON.
    pub(super) async fn get_json(&self, call: &str, url: Url) -> Result<Value, Failure> {
        self.get(call, url).await?.json(call)
    }

    /// All entries of a list, page after page.
    ///
    /// # Errors
    /// As [`Arm::ask`], and when a page points to another host.
    pub(super) async fn pages(&self, call: &str, first: Url) -> Result<Vec<Value>, Failure> {
        let mut found = Vec::new();
        let mut next = Some(first);
        for _ in 0..MOST_PAGES {
            let Some(url) = next else { return Ok(found) };
            let mut page = self.get_json(call, url).await?;
            if let Some(Value::Array(entries)) = page.get_mut("value").map(Value::take) {
                found.extend(entries);
            }
            next = match page.get("nextLink").and_then(Value::as_str) {
                Some(link) if !link.is_empty() => Some(self.own(call, link)?),
                _ => None,
            };
        }
        Err(Failure::new(FailureKind::Invalid, call, format!("the list has more than {MOST_PAGES} pages")))
    }
}
