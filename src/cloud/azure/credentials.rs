//! Who we are to Azure: a chain of credentials, and the tokens they give.

use std::{collections::BTreeMap, ffi::OsStr, io, path::PathBuf, process::Output, sync::Arc, time::Duration};

use async_trait::async_trait;
use azure_core::{
    credentials::{AccessToken, Secret as AzureSecret, TokenCredential, TokenRequestOptions},
    error::{Error, ErrorKind},
    http::{ClientMethodOptions, ClientOptions},
    time::OffsetDateTime,
};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, ClientAssertion, ClientAssertionCredential,
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions, Executor,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use super::transport;
use crate::{
    clock::Clock,
    cloud::{
        Lookup,
        control::{Failure, FailureKind},
        rest,
    },
    project::Secret,
};

/// A token is not used in its last five minutes.
const MARGIN_MS: u64 = 5 * 60 * 1000;

/// How long a virtual machine's metadata service may take to take a connection; elsewhere nothing listens there.
const PROBE: Duration = Duration::from_millis(700);

/// The longest that one way of getting a token may take; the Azure CLI starts slowly.
const LONGEST: Duration = Duration::from_secs(60);

/// Whom Entra expects GitHub's token to be for.
const GITHUB_AUDIENCE: &str = "api://AzureADTokenExchange";

const CALL: &str = "Entra token";

/// The addresses that are not the public ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// The authority, https.
    pub(super) login: Option<Url>,
    /// The metadata service of virtual machines.
    pub(super) metadata: Option<Url>,
}

/// One way to be somebody.
#[derive(Clone)]
enum Way {
    Secret { tenant: String, client: String, secret: Secret },
    File { tenant: String, client: String, path: PathBuf },
    GitHub { tenant: String, client: String, url: Url, token: Secret },
    AppService { client: Option<String>, url: Url, header: Secret },
    Machine { client: Option<String> },
    Cli { tenant: Option<String> },
}

impl Way {
    fn words(&self) -> &'static str {
        match self {
            Self::Secret { .. } => "the client secret in AZURE_CLIENT_SECRET",
            Self::File { .. } => "the federated token in AZURE_FEDERATED_TOKEN_FILE",
            Self::GitHub { .. } => "GitHub's identity token",
            Self::AppService { .. } => "the managed identity at IDENTITY_ENDPOINT",
            Self::Machine { .. } => "the managed identity of this machine",
            Self::Cli { .. } => "the Azure CLI",
        }
    }
}

fn missing(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Credentials, CALL, message)
}

/// The ways that the environment offers, in order. Where it names one, no other is tried: what was meant must not be
/// replaced by what happens to work.
fn ways(lookup: &Lookup) -> Result<Vec<Way>, Failure> {
    let variable = |name: &str| (**lookup)(name).filter(|text| !text.is_empty());
    let address = |name: &str, text: &str| {
        Url::parse(text).map_err(|_| missing(format!("{name} is no address")).next_step("set it as the platform does"))
    };
    let (tenant, client) = (variable("AZURE_TENANT_ID"), variable("AZURE_CLIENT_ID"));
    let application = |because: &str| match (tenant.clone(), client.clone()) {
        (Some(tenant), Some(client)) => Ok((tenant, client)),
        (None, _) => Err(missing(format!("{because} is set, and AZURE_TENANT_ID is not"))
            .next_step("export AZURE_TENANT_ID=..., the directory of the application")),
        (_, None) => Err(missing(format!("{because} is set, and AZURE_CLIENT_ID is not"))
            .next_step("export AZURE_CLIENT_ID=..., the application")),
    };
    if let Some(secret) = variable("AZURE_CLIENT_SECRET") {
        let (tenant, client) = application("AZURE_CLIENT_SECRET")?;
        return Ok(vec![Way::Secret { tenant, client, secret: Secret::new(secret) }]);
    }
    if let Some(path) = variable("AZURE_FEDERATED_TOKEN_FILE") {
        let (tenant, client) = application("AZURE_FEDERATED_TOKEN_FILE")?;
        return Ok(vec![Way::File { tenant, client, path: PathBuf::from(path) }]);
    }
    if let (Some(url), Some(token), Some(_)) =
        (variable("ACTIONS_ID_TOKEN_REQUEST_URL"), variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN"), client.as_ref())
    {
        let (tenant, client) = application("ACTIONS_ID_TOKEN_REQUEST_URL")?;
        let url = address("ACTIONS_ID_TOKEN_REQUEST_URL", &url)?;
        return Ok(vec![Way::GitHub { tenant, client, url, token: Secret::new(token) }]);
    }
    if let (Some(url), Some(header)) = (variable("IDENTITY_ENDPOINT"), variable("IDENTITY_HEADER")) {
        let url = address("IDENTITY_ENDPOINT", &url)?;
        return Ok(vec![Way::AppService { client, url, header: Secret::new(header) }]);
    }
    Ok(vec![Way::Machine { client }, Way::Cli { tenant }])
}

/// A token and until when it is used.
#[derive(Clone)]
struct Held {
    token: Secret,
    until_ms: u64,
}

/// Gives tokens, and keeps them until shortly before they expire.
pub(super) struct Tokens {
    client: reqwest::Client,
    places: Places,
    lookup: Lookup,
    clock: Clock,
    held: Mutex<BTreeMap<String, Held>>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("places", &self.places).finish_non_exhaustive()
    }
}

impl Tokens {
    pub(super) fn new(client: reqwest::Client, places: Places, lookup: Lookup, clock: Clock) -> Self {
        Self { client, places, lookup, clock, held: Mutex::new(BTreeMap::new()) }
    }

    /// A token for `scope`, from memory while it lasts.
    ///
    /// # Errors
    /// [`FailureKind::Credentials`] when nobody is signed in, [`FailureKind::Unavailable`] when the service is away.
    pub(super) async fn get(&self, scope: &str) -> Result<Secret, Failure> {
        let mut held = self.held.lock().await;
        if let Some(token) = held.get(scope)
            && self.clock.unix_ms() < token.until_ms
        {
            return Ok(token.token.clone());
        }
        self.fetch(&mut held, scope).await
    }

    /// A token for `scope` that is not `refused`, which the service did not take. Of many calls that were refused at a
    /// time only one asks for a new one.
    ///
    /// # Errors
    /// As [`Tokens::get`].
    pub(super) async fn instead_of(&self, refused: &Secret, scope: &str) -> Result<Secret, Failure> {
        let mut held = self.held.lock().await;
        if let Some(token) = held.get(scope)
            && token.token.expose() != refused.expose()
        {
            return Ok(token.token.clone());
        }
        held.remove(scope);
        self.fetch(&mut held, scope).await
    }

    async fn fetch(&self, held: &mut BTreeMap<String, Held>, scope: &str) -> Result<Secret, Failure> {
        let token = self.ask(scope).await?;
        let expires_ms = u64::try_from(token.expires_on.unix_timestamp()).unwrap_or(0).saturating_mul(1000);
        let secret = Secret::new(token.token.secret().to_owned());
        let until_ms = expires_ms.saturating_sub(MARGIN_MS);
        held.insert(scope.to_owned(), Held { token: secret.clone(), until_ms });
        Ok(secret)
    }

    async fn ask(&self, scope: &str) -> Result<AccessToken, Failure> {
        let ways = ways(&self.lookup)?;
        let alone = ways.len() == 1;
        let mut tried = Vec::new();
        for way in ways {
            let words = way.words();
            let attempt = tokio::time::timeout(LONGEST, self.through(&way, scope)).await;
            match attempt {
                Ok(Ok(token)) => return Ok(token),
                Ok(Err(failure)) if alone => return Err(failure),
                Ok(Err(failure)) => tried.push(format!("{words}: {}", failure.message)),
                Err(_) if alone => {
                    return Err(Failure::new(FailureKind::Unavailable, CALL, format!("{words} does not answer")));
                }
                Err(_) => tried.push(format!("{words}: no answer within 60 s")),
            }
        }
        Err(missing(format!("nobody is signed in ({})", tried.join("; ")))
            .next_step("run az login, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"))
    }

    /// One new credential for one token: the crate's own keep theirs, and could not be told that one was refused.
    async fn through(&self, way: &Way, scope: &str) -> Result<AccessToken, Failure> {
        let made = self.credential(way).await?;
        made.get_token(&[scope], None).await.map_err(|error| failure(way.words(), &error))
    }

    fn options(&self) -> ClientOptions {
        transport::options(&self.client, self.places.login.as_ref(), self.places.metadata.as_ref())
    }

    async fn credential(&self, way: &Way) -> Result<Arc<dyn TokenCredential>, Failure> {
        let made: azure_core::Result<Arc<dyn TokenCredential>> = match way.clone() {
            Way::Secret { tenant, client, secret } => {
                let options = ClientSecretCredentialOptions { client_options: self.options() };
                let secret = AzureSecret::new(secret.expose().to_owned());
                ClientSecretCredential::new(&tenant, client, secret, Some(options)).map(|made| made as _)
            }
            Way::File { tenant, client, path } => {
                let options = WorkloadIdentityCredentialOptions {
                    credential_options: ClientAssertionCredentialOptions { client_options: self.options() },
                    client_id: Some(client),
                    tenant_id: Some(tenant),
                    token_file_path: Some(path),
                };
                WorkloadIdentityCredential::new(Some(options)).map(|made| made as _)
            }
            Way::GitHub { tenant, client, url, token } => {
                let options = ClientAssertionCredentialOptions { client_options: self.options() };
                let assertion = GitHub { client: self.client.clone(), url, token };
                ClientAssertionCredential::new(tenant, client, assertion, Some(options)).map(|made| made as _)
            }
            Way::AppService { client, url, header } => {
                Ok(Arc::new(AppService { http: self.client.clone(), client, url, header }) as _)
            }
            Way::Machine { client } => {
                self.probe().await?;
                let options = ManagedIdentityCredentialOptions {
                    user_assigned_id: client.map(UserAssignedId::ClientId),
                    client_options: self.options(),
                };
                ManagedIdentityCredential::new(Some(options)).map(|made| made as _)
            }
            Way::Cli { tenant } => {
                let executor = Shell { path: (*self.lookup)("PATH") };
                let options = AzureCliCredentialOptions {
                    subscription: None,
                    tenant_id: tenant,
                    executor: Some(Arc::new(executor)),
                };
                AzureCliCredential::new(Some(options)).map(|made| made as _)
            }
        };
        made.map_err(|error| failure(way.words(), &error))
    }

    /// Whether anybody listens where a virtual machine has its metadata service.
    async fn probe(&self) -> Result<(), Failure> {
        let (host, port) = match &self.places.metadata {
            Some(url) => (url.host_str().unwrap_or_default().to_owned(), url.port_or_known_default().unwrap_or(80)),
            None => (transport::METADATA.to_owned(), 80),
        };
        match tokio::time::timeout(PROBE, tokio::net::TcpStream::connect((host, port))).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(missing("this is no machine of Azure")),
        }
    }
}

/// A token service that is away is no wrong password.
fn failure(words: &str, error: &Error) -> Failure {
    let mut away = false;
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(inner) = cause {
        if let Some(azure) = inner.downcast_ref::<Error>() {
            away |= match azure.kind() {
                ErrorKind::Connection | ErrorKind::Io => true,
                ErrorKind::HttpResponse { status, .. } => u16::from(*status) == 429 || u16::from(*status) >= 500,
                _ => false,
            };
        }
        cause = inner.source();
    }
    let first_lines: String = error.to_string().lines().take(2).collect::<Vec<_>>().join(" ");
    if away {
        return Failure::new(FailureKind::Unavailable, CALL, format!("{words}: {first_lines}"));
    }
    missing(format!("{words} is refused: {first_lines}"))
        .next_step("check AZURE_TENANT_ID, AZURE_CLIENT_ID and what goes with them, or run az login")
}

/// The token that GitHub gives to a job with `id-token: write`.
#[derive(Debug)]
struct GitHub {
    client: reqwest::Client,
    url: Url,
    token: Secret,
}

#[async_trait]
impl ClientAssertion for GitHub {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair("audience", GITHUB_AUDIENCE);
        let value = fetch(&self.client, url, "authorization", &format!("Bearer {}", self.token.expose())).await?;
        let token = value.get("value").and_then(Value::as_str);
        token
            .map(str::to_owned)
            .ok_or_else(|| Error::with_message(ErrorKind::Credential, "GitHub's answer holds no identity token"))
    }
}

/// The managed identity of App Service, Functions and Container Apps. The crate's own reads the variables of the
/// process, which an engine leaves alone.
struct AppService {
    http: reqwest::Client,
    client: Option<String>,
    url: Url,
    header: Secret,
}

impl std::fmt::Debug for AppService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppService").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

#[async_trait]
impl TokenCredential for AppService {
    async fn get_token(&self, scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let resource = scopes.first().map(|scope| scope.trim_end_matches("/.default")).unwrap_or_default();
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair("api-version", "2019-08-01").append_pair("resource", resource);
        if let Some(client) = &self.client {
            url.query_pairs_mut().append_pair("client_id", client);
        }
        let value = fetch(&self.http, url, "x-identity-header", self.header.expose()).await?;
        let expires = match value.get("expires_on") {
            Some(Value::String(text)) => text.parse::<i64>().ok(),
            Some(number) => number.as_i64(),
            None => None,
        };
        let expires = expires.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
        match (value.get("access_token").and_then(Value::as_str), expires) {
            (Some(token), Some(expires)) => Ok(AccessToken::new(token.to_owned(), expires)),
            _ => Err(Error::with_message(ErrorKind::Credential, "the answer holds no token and no time of expiry")),
        }
    }
}

async fn fetch(client: &reqwest::Client, url: Url, header: &str, value: &str) -> azure_core::Result<Value> {
    let request = client.get(url).header(header, value).build().map_err(|error| {
        Error::with_message(ErrorKind::Credential, format!("the request is unusable: {}", error.without_url()))
    })?;
    let answer = rest::send(client, CALL, request).await.map_err(|failure| {
        let kind = match failure.kind {
            FailureKind::Invalid => ErrorKind::Credential,
            _ => ErrorKind::Io,
        };
        Error::with_message(kind, failure.message)
    })?;
    if !answer.is_success() {
        let kind = if answer.status >= 500 { ErrorKind::Io } else { ErrorKind::Credential };
        return Err(Error::with_message(kind, format!("the answer has the status {}", answer.status)));
    }
    answer.json(CALL).map_err(|failure| Error::with_message(ErrorKind::Credential, failure.message))
}

/// Runs the Azure CLI with the search path of our surroundings.
#[derive(Debug)]
struct Shell {
    path: Option<String>,
}

#[async_trait]
impl Executor for Shell {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> io::Result<Output> {
        let mut command = tokio::process::Command::new(program);
        command.args(args).stdin(std::process::Stdio::null()).kill_on_drop(true);
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        command.output().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(pairs: &'static [(&'static str, &'static str)]) -> Lookup {
        Arc::new(move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[track_caller]
    fn chosen(pairs: &'static [(&'static str, &'static str)], expected: &[&str]) {
        let found = ways(&lookup(pairs)).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(found.iter().map(Way::words).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_environment_chooses_and_what_it_names_stands_alone() {
        chosen(&[], &["the managed identity of this machine", "the Azure CLI"]);
        chosen(
            &[("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c"), ("AZURE_CLIENT_SECRET", "s")],
            &["the client secret in AZURE_CLIENT_SECRET"],
        );
        chosen(
            &[("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c"), ("AZURE_FEDERATED_TOKEN_FILE", "/f")],
            &["the federated token in AZURE_FEDERATED_TOKEN_FILE"],
        );
        chosen(
            &[
                ("AZURE_TENANT_ID", "t"),
                ("AZURE_CLIENT_ID", "c"),
                ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://x/?a=b"),
                ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "s"),
            ],
            &["GitHub's identity token"],
        );
        chosen(
            &[("IDENTITY_ENDPOINT", "http://localhost/msi"), ("IDENTITY_HEADER", "h")],
            &["the managed identity at IDENTITY_ENDPOINT"],
        );
    }

    #[test]
    fn half_a_credential_is_named() {
        let failure = ways(&lookup(&[("AZURE_CLIENT_SECRET", "hunter2")])).map(|_| ()).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Credentials);
        assert!(failure.message.contains("AZURE_TENANT_ID") && !failure.message.contains("hunter2"), "{failure}");
    }
}
