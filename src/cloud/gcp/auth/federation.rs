//! Workload identity federation: the token of another identity provider is exchanged at Google's security token service
//! (RFC 8693) and then, where the pool says so, for one of a service account.

use std::{path::PathBuf, time::Duration};

use http::{HeaderName, HeaderValue, Method, header};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{Fetched, SCOPE, address, exchange, form, granted, header_value, unusable};
use crate::{
    cloud::control::{Failure, FailureKind},
    project::Secret,
};

const FILE: &str = "external account";

/// The largest token of another provider that is read.
const LARGEST_SUBJECT: u64 = 64 << 10;

/// An identity of another provider.
pub(super) struct Federation {
    audience: String,
    subject_token_type: String,
    token_url: Url,
    impersonation: Option<Url>,
    lifetime_s: u64,
    subject: Subject,
    words: String,
}

/// Where the other provider's token is.
enum Subject {
    File { path: PathBuf, field: Option<String> },
    Url { url: Url, headers: Vec<(HeaderName, Secret)>, field: Option<String> },
}

#[derive(Deserialize)]
struct File {
    audience: String,
    subject_token_type: String,
    token_url: String,
    #[serde(default)]
    service_account_impersonation_url: Option<String>,
    #[serde(default)]
    service_account_impersonation: Option<Impersonation>,
    credential_source: CredentialSource,
}

#[derive(Deserialize)]
struct Impersonation {
    #[serde(default)]
    token_lifetime_seconds: Option<u64>,
}

#[derive(Deserialize)]
struct CredentialSource {
    #[serde(default)]
    file: Option<PathBuf>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    format: Option<Format>,
}

#[derive(Deserialize)]
struct Format {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    subject_token_field_name: Option<String>,
}

impl Federation {
    /// From a credentials file of the type `external_account`.
    pub(super) fn from_file(text: &Secret) -> Result<Self, Failure> {
        let file: File = serde_json::from_str(text.expose())
            .map_err(|_| unusable(FILE, "the credentials file of the external account is not as Google writes it"))?;
        let field = match &file.credential_source.format {
            Some(format) if format.kind == "json" => Some(
                format
                    .subject_token_field_name
                    .clone()
                    .ok_or_else(|| unusable(FILE, "format.subject_token_field_name is missing"))?,
            ),
            _ => None,
        };
        let source = file.credential_source;
        let subject = match (source.file, source.url) {
            (Some(path), None) => Subject::File { path, field },
            (None, Some(url)) => {
                let url = address(FILE, &url)?;
                let mut headers = Vec::new();
                for (name, value) in source.headers {
                    let name = name.parse().map_err(|_| unusable(FILE, "a header's name is none"))?;
                    headers.push((name, Secret::new(value)));
                }
                Subject::Url { url, headers, field }
            }
            _ => {
                return Err(unusable(FILE, "only credential sources with a file or a url are understood"));
            }
        };
        let impersonation =
            file.service_account_impersonation_url.as_deref().map(|url| address(FILE, url)).transpose()?;
        let lifetime_s = file.service_account_impersonation.and_then(|of| of.token_lifetime_seconds).unwrap_or(3600);
        Ok(Self {
            words: words(&file.audience, impersonation.as_ref()),
            audience: file.audience,
            subject_token_type: file.subject_token_type,
            token_url: address(FILE, &file.token_url)?,
            impersonation,
            lifetime_s,
            subject,
        })
    }

    /// From the surroundings of a GitHub workflow with `id-token: write`. `provider` is
    /// `projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER`.
    pub(super) fn github(
        provider: &str,
        account: Option<&str>,
        request_url: &str,
        request_token: Secret,
        sts: &str,
        iam: &str,
    ) -> Result<Self, Failure> {
        let audience = format!("//iam.googleapis.com/{provider}");
        let mut url = address(FILE, request_url)?;
        url.query_pairs_mut().append_pair("audience", &audience);
        let impersonation = match account {
            Some(email) => {
                Some(address(FILE, &format!("{iam}/v1/projects/-/serviceAccounts/{email}:generateAccessToken"))?)
            }
            None => None,
        };
        Ok(Self {
            words: words(&audience, impersonation.as_ref()),
            audience,
            subject_token_type: "urn:ietf:params:oauth:token-type:jwt".to_owned(),
            token_url: address(FILE, &format!("{sts}/v1/token"))?,
            impersonation,
            lifetime_s: 3600,
            subject: Subject::Url {
                url,
                headers: vec![(header::AUTHORIZATION, Secret::new(format!("Bearer {}", request_token.expose())))],
                field: Some("value".to_owned()),
            },
        })
    }

    pub(super) fn words(&self) -> &str {
        &self.words
    }

    pub(super) async fn fetch(&self, client: &reqwest::Client) -> Result<Fetched, Failure> {
        let subject = self.subject(client).await?;
        let call = "sts.token";
        let fields = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("audience", self.audience.as_str()),
            ("scope", SCOPE),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("subject_token_type", self.subject_token_type.as_str()),
            ("subject_token", subject.expose()),
        ];
        let federated = granted(call, &exchange(client, call, form(&self.token_url, &fields)).await?)?;
        let Some(url) = &self.impersonation else { return Ok(federated) };
        let call = "iamcredentials.generateAccessToken";
        let mut request = reqwest::Request::new(Method::POST, url.clone());
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", federated.token.expose()))
            .map_err(|_| unusable(call, "the federated token cannot stand in a header"))?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let body = serde_json::json!({ "scope": [SCOPE], "lifetime": format!("{}s", self.lifetime_s) });
        *request.body_mut() = Some(body.to_string().into());
        let answer = exchange(client, call, request).await?;
        let answer: Value = serde_json::from_slice(&answer)
            .map_err(|_| Failure::new(FailureKind::Unavailable, call, "the answer holds no token"))?;
        let token = answer.get("accessToken").and_then(Value::as_str).unwrap_or_default();
        Ok(Fetched {
            token: header_value(call, token.to_owned())?,
            life: Duration::from_secs(self.lifetime_s.min(86_400)),
        })
    }

    async fn subject(&self, client: &reqwest::Client) -> Result<Secret, Failure> {
        let (text, field) = match &self.subject {
            Subject::File { path, field } => (read(path).await?, field),
            Subject::Url { url, headers, field } => {
                let call = "identity provider's token";
                let mut request = reqwest::Request::new(Method::GET, url.clone());
                for (name, value) in headers {
                    let mut value = HeaderValue::from_str(value.expose())
                        .map_err(|_| unusable(call, "a header of the credential source cannot be sent"))?;
                    value.set_sensitive(true);
                    request.headers_mut().insert(name.clone(), value);
                }
                let body = exchange(client, call, request).await?;
                let text = String::from_utf8(body.to_vec())
                    .map_err(|_| unusable(call, "what the identity provider answered is no text"))?;
                (Secret::new(text), field)
            }
        };
        let token = match field {
            None => text.expose().trim().to_owned(),
            Some(field) => {
                let value: Value = serde_json::from_str(text.expose())
                    .map_err(|_| unusable(FILE, "the identity provider's token is not in JSON"))?;
                value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
            }
        };
        header_value(FILE, token)
    }
}

/// Who it is: the service account where one is impersonated, else the provider.
fn words(audience: &str, impersonation: Option<&Url>) -> String {
    let account = impersonation
        .and_then(|url| url.path().rsplit('/').next())
        .map(|last| last.trim_end_matches(":generateAccessToken").to_owned());
    account.unwrap_or_else(|| audience.trim_start_matches("//iam.googleapis.com/").to_owned())
}

async fn read(path: &std::path::Path) -> Result<Secret, Failure> {
    use tokio::io::AsyncReadExt as _;
    let wrong = |error: std::io::Error| unusable(FILE, format!("{} cannot be read: {error}", path.display()));
    let file = tokio::fs::File::open(path).await.map_err(wrong)?;
    let mut text = String::new();
    file.take(LARGEST_SUBJECT).read_to_string(&mut text).await.map_err(wrong)?;
    Ok(Secret::new(text))
}
