//! Where a token comes from.

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderValue, Method};
use serde::Deserialize;
use url::Url;

use super::{Fetched, SCOPE, address, exchange, federation, form, granted, header_value, unusable};
use crate::{clock::Clock, cloud::control::Failure, project::Secret};

/// How a token is had.
pub(super) enum Source {
    /// A service account's key.
    Key(Box<Key>),
    /// A person, by the refresh token that `gcloud auth application-default login` wrote.
    User(User),
    /// The machine's own account.
    Metadata(Url),
    /// A token of another identity provider, exchanged.
    Federation(Box<federation::Federation>),
    /// `gcloud auth print-access-token`.
    Gcloud(std::path::PathBuf),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// A service account and its key.
pub(super) struct Key {
    account: gcp_auth::CustomServiceAccount,
    email: String,
    token_uri: Url,
}

/// A person.
pub(super) struct User {
    client_id: String,
    client_secret: Secret,
    refresh_token: Secret,
    token_uri: Url,
    quota_project: Option<String>,
}

#[derive(Deserialize)]
struct KeyFile {
    client_email: String,
    token_uri: String,
}

#[derive(Deserialize)]
struct UserFile {
    client_id: String,
    client_secret: String,
    refresh_token: String,
    #[serde(default)]
    token_uri: Option<String>,
    #[serde(default)]
    quota_project_id: Option<String>,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
}

const FILE: &str = "credentials file";

impl Source {
    /// What a credentials file holds; `text` is its content.
    pub(super) fn from_file(text: &Secret) -> Result<Self, Failure> {
        // A parser's message could repeat a part of the file.
        let wrong = |_| unusable(FILE, "the credentials file is not as Google writes it");
        let kind: Kind = serde_json::from_str(text.expose()).map_err(wrong)?;
        match kind.kind.as_str() {
            "service_account" => {
                let file: KeyFile = serde_json::from_str(text.expose()).map_err(wrong)?;
                let account = gcp_auth::CustomServiceAccount::from_json(text.expose())
                    .map_err(|_| unusable(FILE, "the private key of the service account cannot be used"))?;
                let token_uri = address(FILE, &file.token_uri)?;
                Ok(Self::Key(Box::new(Key { account, email: file.client_email, token_uri })))
            }
            "authorized_user" => {
                let file: UserFile = serde_json::from_str(text.expose()).map_err(wrong)?;
                let uri = file.token_uri.as_deref().unwrap_or("https://oauth2.googleapis.com/token");
                Ok(Self::User(User {
                    client_id: file.client_id,
                    client_secret: Secret::new(file.client_secret),
                    refresh_token: Secret::new(file.refresh_token),
                    token_uri: address(FILE, uri)?,
                    quota_project: file.quota_project_id,
                }))
            }
            "external_account" => Ok(Self::Federation(Box::new(federation::Federation::from_file(text)?))),
            other => {
                let other: String = other.chars().take(40).flat_map(char::escape_debug).collect();
                Err(unusable(FILE, format!("credentials of the type {other} are not understood")))
            }
        }
    }

    /// For people.
    pub(super) fn words(&self) -> &str {
        match self {
            Self::Key(key) => &key.email,
            Self::User(_) => "the person of gcloud auth application-default login",
            Self::Metadata(_) => "the account of this machine",
            Self::Federation(federation) => federation.words(),
            Self::Gcloud(_) => "the person of gcloud auth login",
        }
    }

    /// Some services count a person's calls for no project unless they are told one.
    pub(super) fn quota_project(&self) -> Option<&str> {
        match self {
            Self::User(user) => user.quota_project.as_deref(),
            _ => None,
        }
    }

    /// Fetches a token.
    pub(super) async fn fetch(&self, client: &reqwest::Client, clock: &Clock) -> Result<Fetched, Failure> {
        match self {
            Self::Key(key) => key.fetch(client, clock).await,
            Self::User(user) => {
                let fields = [
                    ("grant_type", "refresh_token"),
                    ("client_id", user.client_id.as_str()),
                    ("client_secret", user.client_secret.expose()),
                    ("refresh_token", user.refresh_token.expose()),
                ];
                let call = "oauth2.token";
                granted(call, &exchange(client, call, form(&user.token_uri, &fields)).await?)
            }
            Self::Metadata(base) => {
                let call = "metadata.token";
                granted(call, &exchange(client, call, metadata(base, "instance/service-accounts/default/token")).await?)
            }
            Self::Federation(federation) => federation.fetch(client).await,
            Self::Gcloud(program) => gcloud(program).await,
        }
    }
}

impl Key {
    /// A JWT that the account signed itself, exchanged for a token (RFC 7523).
    async fn fetch(&self, client: &reqwest::Client, clock: &Clock) -> Result<Fetched, Failure> {
        let call = "oauth2.token";
        let now = clock.unix_s();
        let claims = serde_json::json!({
            "iss": self.email,
            "scope": SCOPE,
            "aud": self.token_uri.as_str(),
            "iat": now,
            "exp": now.saturating_add(3600),
        });
        let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
        let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self
            .account
            .signer()
            .sign(signed.as_bytes())
            .map_err(|_| unusable(FILE, "the private key of the service account cannot sign"))?;
        let assertion = Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)));
        let fields = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion.expose())];
        granted(call, &exchange(client, call, form(&self.token_uri, &fields)).await?)
    }
}

/// A question to the metadata server.
pub(super) fn metadata(base: &Url, path: &str) -> reqwest::Request {
    let mut url = base.clone();
    url.set_path(&format!("/computeMetadata/v1/{path}"));
    let mut request = reqwest::Request::new(Method::GET, url);
    request.headers_mut().insert("metadata-flavor", HeaderValue::from_static("Google"));
    request
}

async fn gcloud(program: &std::path::Path) -> Result<Fetched, Failure> {
    let call = "gcloud auth print-access-token";
    let output = tokio::process::Command::new(program)
        .args(["auth", "print-access-token", "--quiet"])
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| unusable(call, error.to_string()))?;
    if !output.status.success() {
        return Err(unusable(call, "gcloud gave no token"));
    }
    let token = String::from_utf8(output.stdout).map_err(|_| unusable(call, "what gcloud wrote is no token"))?;
    // gcloud does not say how long it holds: it renews its token when less than five minutes are left.
    Ok(Fetched { token: header_value(call, token.trim().to_owned())?, life: Duration::from_secs(300) })
}
