//! One call to one of Google's services: its address, its token, its answer.

use std::fmt;

use http::{HeaderValue, Method, header};
use serde_json::Value;
use url::Url;

use super::{
    super::{
        control::{Failure, FailureKind},
        rest::{self, Answer},
    },
    auth::Tokens,
    failure,
    service::{Hosts, Service},
};

/// What is asked of a service.
#[derive(Debug)]
pub(super) struct Ask {
    /// In the provider's words: `run.services.create`.
    pub(super) call: String,
    pub(super) service: Service,
    pub(super) method: Method,
    /// Below the service's address: `v2/projects/p/locations/l/services`.
    pub(super) path: String,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
    /// An object's bytes in the place of JSON.
    pub(super) bytes: Option<bytes::Bytes>,
    /// The part of an object that is wanted.
    pub(super) range: Option<String>,
}

impl Ask {
    pub(super) fn new(call: impl Into<String>, service: Service, method: Method, path: impl Into<String>) -> Self {
        Self {
            call: call.into(),
            service,
            method,
            path: path.into(),
            query: Vec::new(),
            body: None,
            bytes: None,
            range: None,
        }
    }

    pub(super) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(super) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }
}

/// Speaks to the services with the tokens of one account.
pub(super) struct Api {
    client: reqwest::Client,
    pub(super) tokens: Tokens,
    hosts: Hosts,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("hosts", &self.hosts).field("tokens", &self.tokens).finish_non_exhaustive()
    }
}

impl Api {
    pub(super) fn new(client: reqwest::Client, tokens: Tokens, hosts: Hosts) -> Self {
        Self { client, tokens, hosts }
    }

    /// Asks, and reads the JSON that is answered.
    pub(super) async fn ask(&self, ask: &Ask) -> Result<Value, Failure> {
        self.answer(ask).await?.json(&ask.call)
    }

    /// Asks. A token that is refused is exchanged for a new one, once: it may have been withdrawn, or this machine's
    /// clock may be wrong. The service did nothing when it refused, so the second call is the first.
    pub(super) async fn answer(&self, ask: &Ask) -> Result<Answer, Failure> {
        let mut token = self.tokens.token(None).await?;
        let mut answer = rest::send(&self.client, &ask.call, self.request(ask, &token)?).await?;
        if answer.status == 401 {
            token = self.tokens.token(Some(&token)).await?;
            answer = rest::send(&self.client, &ask.call, self.request(ask, &token)?).await?;
        }
        if answer.is_success() {
            return Ok(answer);
        }
        Err(failure::of_answer(&ask.call, ask.service, &answer))
    }

    fn request(&self, ask: &Ask, token: &crate::project::Secret) -> Result<reqwest::Request, Failure> {
        let invalid = |message: &str| Failure::new(FailureKind::Invalid, &ask.call, message);
        let mut url: Url = format!("{}/{}", self.hosts.base(ask.service), encoded(&ask.path).map_err(invalid)?)
            .parse()
            .map_err(|_| invalid("the service's address is none"))?;
        if !ask.query.is_empty() {
            url.query_pairs_mut().extend_pairs(ask.query.iter().map(|(name, value)| (*name, value.as_str())));
        }
        let mut request = reqwest::Request::new(ask.method.clone(), url);
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
            .map_err(|_| invalid("the token cannot stand in a header"))?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        if let Some(project) = self.tokens.quota_project() {
            let project = HeaderValue::from_str(project).map_err(|_| invalid("the quota project is none"))?;
            request.headers_mut().insert("x-goog-user-project", project);
        }
        if let Some(range) = &ask.range {
            let range = HeaderValue::from_str(range).map_err(|_| invalid("the range is none"))?;
            request.headers_mut().insert(header::RANGE, range);
        }
        let (kind, body) = match (&ask.body, &ask.bytes) {
            (Some(body), _) => ("application/json", Some(bytes::Bytes::from(body.to_string()))),
            (None, Some(bytes)) => ("application/octet-stream", Some(bytes.clone())),
            // Some of Google's front ends refuse a POST that does not say how long it is.
            (None, None) if ask.method == Method::POST => ("application/json", Some(bytes::Bytes::new())),
            (None, None) => return Ok(request),
        };
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        *request.body_mut() = body.map(Into::into);
        Ok(request)
    }
}

/// A path whose characters are allowed in one. What was escaped already (an object's name) stays so.
///
/// An id comes from a state file or an answer: it must not lead to another place of the service.
fn encoded(path: &str) -> Result<String, &'static str> {
    if path.len() > 4096 {
        return Err("the resource's name is longer than 4096 characters");
    }
    // Parsers of addresses take an escaped dot for a dot.
    let dotted = |part: &str| matches!(part.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | ".." | "");
    if path.split('/').any(dotted) {
        return Err("the resource's name holds an empty or a dotted part");
    }
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(out)
}

/// One part of a path, with the slashes in it escaped: an object's name.
pub(super) fn escaped(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_nowhere_else() {
        assert_eq!(encoded("v1/projects/p/secrets/a b?x#y").unwrap(), "v1/projects/p/secrets/a%20b%3Fx%23y");
        assert!(encoded("v1/projects/p/secrets/../../q").is_err());
        assert!(encoded("v1//x").is_err());
        assert!(encoded("v1/%2E./x").is_err());
        assert_eq!(escaped("deploy/default/x.json"), "deploy%2Fdefault%2Fx%2Ejson");
    }
}
