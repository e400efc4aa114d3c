//! The conversation with one repository: who we are, single requests, manifests.

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::{
    Method, RequestBuilder, Response, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE},
};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use super::{
    Error, Target,
    challenge::{self, Challenge},
    repository::is_loopback,
};
use crate::{
    clock::Random,
    cloud::control::RegistryLogin,
    deploy::image::{Digest, MANIFEST_TYPE},
    net::{client, retry::Retry},
    project::Secret,
};

/// Larger than any token or manifest of ours.
const LARGEST_ANSWER: usize = 1 << 20;

/// For single small requests. A registry that starts answers nothing for a while.
const SMALL: Retry = Retry::SERVICE;

/// The header in which registries repeat a digest.
const THEIR_DIGEST: &str = "docker-content-digest";

/// One repository, and how we showed who we are.
pub(super) struct Session<'a> {
    client: reqwest::Client,
    base: Url,
    path: String,
    login: Option<&'a RegistryLogin>,
    authorization: Mutex<Option<HeaderValue>>,
    pub(super) random: &'a Random,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl<'a> Session<'a> {
    pub(super) fn open(target: &'a Target, random: &'a Random) -> Result<Self, Error> {
        let client = client::http_for_transfers(target.authority_pem.as_deref())?;
        let repository = &target.repository;
        let base = Url::parse(&format!("{}://{}/v2/", repository.scheme(), repository.host))
            .map_err(|_| Error::Protocol { call: "registry", what: "its host is no host" })?;
        let login = target.login.as_ref().filter(|login| login.host.eq_ignore_ascii_case(&repository.host));
        let path = repository.path.clone();
        Ok(Self { client, base, path, login, authorization: Mutex::new(None), random })
    }

    /// An address below the repository.
    pub(super) fn address(&self, below: &str) -> Result<Url, Error> {
        let wrong = |_| Error::Protocol { call: "registry", what: "a repository's path makes no address" };
        self.base.join(&format!("{}/{below}", self.path)).map_err(wrong)
    }

    /// Where the registry wants something to go on, from its `Location`.
    pub(super) fn location(&self, call: &'static str, response: &Response) -> Result<Url, Error> {
        let text = response.headers().get("location").and_then(|value| value.to_str().ok());
        let url = text.and_then(|text| response.url().join(text).ok());
        let url = url.ok_or(Error::Protocol { call, what: "the registry names no place to go on" })?;
        let safe = url.scheme() == "https" || url.host_str().is_some_and(is_loopback);
        if safe { Ok(url) } else { Err(Error::Protocol { call, what: "the registry leads to a place without TLS" }) }
    }

    fn is_ours(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    /// Sends a request, with our credentials where it goes to the registry itself; when it is refused for want of them,
    /// once more with new ones. `finish` puts header fields and a body on it, each time anew.
    pub(super) async fn send(
        &self,
        call: &'static str,
        method: Method,
        url: &Url,
        finish: impl Fn(RequestBuilder) -> Result<RequestBuilder, Error>,
    ) -> Result<Response, Error> {
        let ours = self.is_ours(url);
        let mut again = false;
        loop {
            let mut request = finish(self.client.request(method.clone(), url.clone()))?;
            if ours && let Some(value) = self.authorization.lock().await.clone() {
                request = request.header(AUTHORIZATION, value);
            }
            let response = request.send().await.map_err(|error| transport(call, &error))?;
            if !ours || again || response.status() != StatusCode::UNAUTHORIZED {
                return Ok(response);
            }
            let values: Vec<&str> =
                response.headers().get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()).collect();
            let wanted = challenge::read(values.into_iter())
                .ok_or(Error::Protocol { call, what: "the registry does not say how to log in" })?;
            let value = self.answer(call, wanted).await?;
            *self.authorization.lock().await = Some(value);
            again = true;
        }
    }

    async fn answer(&self, call: &'static str, wanted: Challenge) -> Result<HeaderValue, Error> {
        let denied = || Error::Denied { call, host: self.base.host_str().unwrap_or_default().to_owned(), status: 401 };
        let text = match wanted {
            Challenge::Basic => basic(self.login.ok_or_else(denied)?),
            Challenge::Bearer { realm, service } => {
                Secret::new(format!("Bearer {}", self.token(&realm, service.as_deref()).await?.expose()))
            }
        };
        let wrong = |_| Error::Protocol { call, what: "the credentials cannot stand in a header" };
        let mut value = HeaderValue::from_str(text.expose()).map_err(wrong)?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// A token for this repository from the registry's token service.
    async fn token(&self, realm: &str, service: Option<&str>) -> Result<Secret, Error> {
        const CALL: &str = "token";
        let wrong = |what| Error::Protocol { call: CALL, what };
        let mut url = Url::parse(realm).map_err(|_| wrong("the address of the token service is none"))?;
        // The password goes there.
        if url.scheme() != "https" && !url.host_str().is_some_and(is_loopback) {
            return Err(wrong("the token service has an address without TLS"));
        }
        url.query_pairs_mut().append_pair("scope", &format!("repository:{}:pull,push", self.path));
        if let Some(service) = service {
            url.query_pairs_mut().append_pair("service", service);
        }
        let ask = async |_| {
            let mut request = self.client.get(url.clone());
            if let Some(login) = self.login {
                request = request.header(AUTHORIZATION, basic(login).expose());
            }
            let response = request.send().await.map_err(|error| transport(CALL, &error))?;
            let status = response.status();
            if matches!(status.as_u16(), 400 | 401 | 403) {
                let host = url.host_str().unwrap_or_default().to_owned();
                return Err(Error::Denied { call: CALL, host, status: status.as_u16() });
            }
            let body = body(CALL, expected(CALL, response, &[StatusCode::OK]).await?).await?;
            let token: Token = serde_json::from_slice(&body).map_err(|_| wrong("the token service gave no token"))?;
            let text = token.token.or(token.access_token).filter(|text| !text.is_empty());
            text.map(Secret::new).ok_or(wrong("the token service gave no token"))
        };
        SMALL.run(self.random, Error::passes, ask).await
    }

    /// Whether the registry has a blob of this repository. One that it would redirect to is there too.
    pub(super) async fn has_blob(&self, digest: &Digest) -> Result<bool, Error> {
        const CALL: &str = "HEAD blob";
        let url = self.address(&format!("blobs/{digest}"))?;
        let ask = async |_| {
            let response = self.send(CALL, Method::HEAD, &url, Ok).await?;
            present(CALL, response)
        };
        SMALL.run(self.random, Error::passes, ask).await
    }

    /// Whether the manifest is there under its tag.
    pub(super) async fn has_manifest(&self, digest: &Digest, tag: &str) -> Result<bool, Error> {
        const CALL: &str = "HEAD manifest";
        let url = self.address(&format!("manifests/{tag}"))?;
        let ask = async |_| {
            let accept = |request: RequestBuilder| Ok(request.header(ACCEPT, MANIFEST_TYPE));
            let response = self.send(CALL, Method::HEAD, &url, accept).await?;
            let same = response
                .headers()
                .get(THEIR_DIGEST)
                .is_some_and(|value| value.as_bytes() == digest.as_str().as_bytes());
            present(CALL, response).map(|there| there && same)
        };
        SMALL.run(self.random, Error::passes, ask).await
    }

    pub(super) async fn put_manifest(&self, manifest: &[u8], digest: &Digest, tag: &str) -> Result<(), Error> {
        const CALL: &str = "PUT manifest";
        let url = self.address(&format!("manifests/{tag}"))?;
        let put = async |_| {
            let finish =
                |request: RequestBuilder| Ok(request.header(CONTENT_TYPE, MANIFEST_TYPE).body(manifest.to_vec()));
            let response = self.send(CALL, Method::PUT, &url, finish).await?;
            let response = expected(CALL, response, &[StatusCode::CREATED]).await?;
            same_digest(CALL, &response, digest)
        };
        SMALL.run(self.random, Error::passes, put).await
    }

    /// Reads the manifest back by its digest and takes the digest of what came.
    pub(super) async fn verify_manifest(&self, digest: &Digest) -> Result<(), Error> {
        const CALL: &str = "GET manifest";
        let url = self.address(&format!("manifests/{digest}"))?;
        let get = async |_| {
            let accept = |request: RequestBuilder| Ok(request.header(ACCEPT, MANIFEST_TYPE));
            let response = self.send(CALL, Method::GET, &url, accept).await?;
            let found = Digest::of(&body(CALL, expected(CALL, response, &[StatusCode::OK]).await?).await?);
            if found == *digest {
                return Ok(());
            }
            Err(Error::Digest { call: CALL, ours: digest.clone(), theirs: found.to_string() })
        };
        SMALL.run(self.random, Error::passes, get).await
    }
}

fn basic(login: &RegistryLogin) -> Secret {
    let pair = Secret::new(format!("{}:{}", login.username, login.password.expose()));
    Secret::new(format!("Basic {}", STANDARD.encode(pair.expose())))
}

fn present(call: &'static str, response: Response) -> Result<bool, Error> {
    let status = response.status();
    if status.is_success() || status.is_redirection() {
        return Ok(true);
    }
    match status {
        StatusCode::NOT_FOUND => Ok(false),
        _ => Err(refused(call, &response, String::new())),
    }
}

/// The response, if its status is one of these.
pub(super) async fn expected(call: &'static str, response: Response, wanted: &[StatusCode]) -> Result<Response, Error> {
    if wanted.contains(&response.status()) {
        return Ok(response);
    }
    let bare = refused(call, &response, String::new());
    let text = body(call, response).await.unwrap_or_default();
    match bare {
        Error::Status { status, .. } => Err(Error::Status { call, status, message: said(&text) }),
        other => Err(other),
    }
}

fn refused(call: &'static str, response: &Response, message: String) -> Error {
    let status = response.status().as_u16();
    let host = response.url().host_str().unwrap_or_default().to_owned();
    match status {
        401 | 403 => Error::Denied { call, host, status },
        _ => Error::Status { call, status, message },
    }
}

/// What an error answer says: its `errors[].code` and `message`, or nothing. A page of HTML helps nobody.
fn said(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Answer {
        errors: Vec<Said>,
    }
    #[derive(Deserialize)]
    struct Said {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let errors = serde_json::from_slice::<Answer>(body).map(|answer| answer.errors).unwrap_or_default();
    let words: Vec<String> = errors.iter().map(|error| format!("{} {}", error.code, error.message)).collect();
    let text = if words.is_empty() { "no reason given".to_owned() } else { words.join("; ") };
    text.chars().take(300).flat_map(char::escape_debug).collect()
}

/// Refuses a digest in the answer that is not ours. Registries may leave it out.
pub(super) fn same_digest(call: &'static str, response: &Response, ours: &Digest) -> Result<(), Error> {
    match response.headers().get(THEIR_DIGEST).and_then(|value| value.to_str().ok()) {
        Some(theirs) if theirs != ours.as_str() => {
            let theirs = theirs.chars().take(100).flat_map(char::escape_debug).collect();
            Err(Error::Digest { call, ours: ours.clone(), theirs })
        }
        _ => Ok(()),
    }
}

/// The whole body, bounded.
async fn body(call: &'static str, mut response: Response) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| transport(call, &error))? {
        if bytes.len() + part.len() > LARGEST_ANSWER {
            return Err(Error::Protocol { call, what: "the answer is larger than 1 MiB" });
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

/// The innermost cause: the outer ones repeat the address, which may hold the state of an upload.
pub(super) fn transport(call: &'static str, error: &reqwest::Error) -> Error {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let is_outermost = std::ptr::addr_eq(cause, error as &dyn std::error::Error);
    let cause = if is_outermost { "the connection failed".to_owned() } else { cause.to_string() };
    Error::Transport { call, cause }
}
