//! What a gateway in a container shows to its own store: not a key, but the identity that the platform gave it.
//!
//! object_store has providers of this kind too; they read the variables of the process, know no token in a variable
//! (`AWS_CONTAINER_AUTHORIZATION_TOKEN`), and cannot be sent elsewhere by a test.

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use http::HeaderValue;
use object_store::{
    CredentialProvider,
    aws::AwsCredential,
    azure::AzureCredential,
    client::{HttpClient, HttpRequestBody},
};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use crate::{clock::Clock, project::Secret};

/// Credentials are renewed when less than this is left of them.
const MARGIN_MS: u64 = 5 * 60 * 1000;

/// Where the agent of ECS answers (its address is fixed, on the machine itself).
const AGENT: &str = "http://169.254.170.2";

/// The hosts that may hear an authorization in plain text: the agents of ECS and EKS, and this machine.
const PLAIN: [&str; 6] = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "127.0.0.1", "localhost", "[::1]"];

/// Reads an environment variable.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What goes with the question.
#[derive(Debug)]
enum Proof {
    /// Nothing: who can ask is who may.
    None,
    /// A header with this value.
    Value(&'static str, Secret),
    /// A header with what the file holds at the time; the platform exchanges it now and then.
    File(&'static str, PathBuf),
}

/// Credentials and until when they are good.
struct Held<C> {
    credential: Arc<C>,
    until_ms: u64,
}

/// Asks one address for credentials, and keeps them until shortly before their end.
pub(super) struct Identity<C> {
    client: HttpClient,
    url: Url,
    proof: Proof,
    read: fn(&[u8]) -> Option<(C, u64)>,
    clock: Clock,
    held: Mutex<Option<Held<C>>>,
}

impl<C> std::fmt::Debug for Identity<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

/// The question that is asked where a container runs.
#[derive(Debug)]
pub(super) struct Question {
    url: Url,
    proof: Proof,
}

/// Where a task of ECS or a pod of EKS asks for the keys of its role; `None` where the platform names nothing.
///
/// # Errors
/// When it is told to ask at a place that must not hear it.
pub(super) fn of_task(lookup: Lookup<'_>) -> Result<Option<Question>, object_store::Error> {
    let variable = |name: &str| lookup(name).filter(|text| !text.is_empty());
    let (relative, full) =
        (variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"));
    let text = match (relative, full) {
        (Some(path), _) => format!("{AGENT}/{}", path.trim_start_matches('/')),
        (None, Some(full)) => full,
        (None, None) => return Ok(None),
    };
    let url = Url::parse(&text).map_err(|_| wrong("S3", "AWS_CONTAINER_CREDENTIALS_FULL_URI is no address"))?;
    if url.scheme() != "https" && !url.host_str().is_some_and(|host| PLAIN.contains(&host)) {
        return Err(wrong("S3", "AWS_CONTAINER_CREDENTIALS_FULL_URI leads to another machine without TLS"));
    }
    let file = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    let proof = match (file, variable("AWS_CONTAINER_AUTHORIZATION_TOKEN")) {
        (Some(path), _) => Proof::File("authorization", PathBuf::from(path)),
        (None, Some(token)) => Proof::Value("authorization", Secret::new(token)),
        (None, None) => Proof::None,
    };
    Ok(Some(Question { url, proof }))
}

/// Where an app of Container Apps or App Service asks for a token of its managed identity, the one that
/// `AZURE_CLIENT_ID` names where it has several; `None` where the platform names nothing.
///
/// # Errors
/// When it is told to ask at a place that is none.
pub(super) fn of_app(lookup: Lookup<'_>) -> Result<Option<Question>, object_store::Error> {
    let variable = |name: &str| lookup(name).filter(|text| !text.is_empty());
    let (Some(text), Some(header)) = (variable("IDENTITY_ENDPOINT"), variable("IDENTITY_HEADER")) else {
        return Ok(None);
    };
    let mut url = Url::parse(&text).map_err(|_| wrong("Azure", "IDENTITY_ENDPOINT is no address"))?;
    url.query_pairs_mut().append_pair("api-version", "2019-08-01").append_pair("resource", "https://storage.azure.com");
    if let Some(client) = variable("AZURE_CLIENT_ID") {
        url.query_pairs_mut().append_pair("client_id", &client);
    }
    Ok(Some(Question { url, proof: Proof::Value("x-identity-header", Secret::new(header)) }))
}

impl Question {
    /// Asks for the keys of a role.
    pub(super) fn for_keys(self, client: HttpClient, clock: Clock) -> Identity<AwsCredential> {
        self.identity(client, clock, keys)
    }

    /// Asks for a token.
    pub(super) fn for_token(self, client: HttpClient, clock: Clock) -> Identity<AzureCredential> {
        self.identity(client, clock, token)
    }

    fn identity<C>(self, client: HttpClient, clock: Clock, read: fn(&[u8]) -> Option<(C, u64)>) -> Identity<C> {
        Identity { client, url: self.url, proof: self.proof, read, clock, held: Mutex::new(None) }
    }
}

#[async_trait]
impl<C: std::fmt::Debug + Send + Sync + 'static> CredentialProvider for Identity<C> {
    type Credential = C;

    async fn get_credential(&self) -> object_store::Result<Arc<C>> {
        let mut held = self.held.lock().await;
        let now = self.clock.unix_ms();
        if let Some(held) = held.as_ref()
            && now.saturating_add(MARGIN_MS) < held.until_ms
        {
            return Ok(Arc::clone(&held.credential));
        }
        match self.ask().await {
            Ok((credential, until_ms)) => {
                let credential = Arc::new(credential);
                *held = Some(Held { credential: Arc::clone(&credential), until_ms });
                Ok(credential)
            }
            // The platform is away for a moment: what is held is good to its end.
            Err(error) => match held.as_ref().filter(|held| now < held.until_ms) {
                Some(held) => Ok(Arc::clone(&held.credential)),
                None => Err(error),
            },
        }
    }
}

impl<C> Identity<C> {
    async fn ask(&self) -> object_store::Result<(C, u64)> {
        let store = "identity";
        let mut request = http::Request::new(HttpRequestBody::empty());
        *request.uri_mut() = self.url.as_str().parse().map_err(|_| wrong(store, "the address is none"))?;
        let proof = match &self.proof {
            Proof::None => None,
            Proof::Value(name, value) => Some((*name, value.clone())),
            Proof::File(name, path) => {
                let text = tokio::fs::read_to_string(path).await.map_err(|source| generic(store, source))?;
                Some((*name, Secret::new(text.trim().to_owned())))
            }
        };
        if let Some((name, value)) = proof {
            let mut value = HeaderValue::from_str(value.expose())
                .map_err(|_| wrong(store, "what the platform gave cannot stand in a header"))?;
            value.set_sensitive(true);
            request.headers_mut().insert(name, value);
        }
        let answer = self.client.execute(request).await.map_err(|source| generic(store, source))?;
        let status = answer.status();
        let body = answer.into_body().bytes().await.map_err(|source| generic(store, source))?;
        if !status.is_success() {
            return Err(wrong(store, &format!("the platform gave no credentials (status {})", status.as_u16())));
        }
        (self.read)(&body).ok_or_else(|| wrong(store, "the platform's answer holds no credentials"))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Keys {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
    expiration: Option<jiff::Timestamp>,
}

fn keys(body: &[u8]) -> Option<(AwsCredential, u64)> {
    let keys: Keys = serde_json::from_slice(body).ok()?;
    let until_ms = match keys.expiration {
        Some(until) => u64::try_from(until.as_millisecond()).ok()?,
        // Keys without an end are those of an emulator.
        None => u64::MAX,
    };
    Some((
        AwsCredential { key_id: keys.access_key_id, secret_key: keys.secret_access_key, token: keys.token },
        until_ms,
    ))
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    expires_on: serde_json::Value,
}

fn token(body: &[u8]) -> Option<(AzureCredential, u64)> {
    let token: Token = serde_json::from_slice(body).ok()?;
    let seconds = match &token.expires_on {
        serde_json::Value::String(text) => text.parse::<u64>().ok()?,
        other => other.as_u64()?,
    };
    Some((AzureCredential::BearerToken(token.access_token), seconds.saturating_mul(1000)))
}

fn generic(store: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> object_store::Error {
    object_store::Error::Generic { store, source: source.into() }
}

fn wrong(store: &'static str, message: &str) -> object_store::Error {
    generic(store, message)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Mutex as Lock, time::Duration};

    use axum::{Router, extract::Request, http::StatusCode};
    use object_store::{ObjectStoreExt, client::ClientOptions, client::HttpConnector};
    use serde_json::json;

    use super::*;
    use crate::{cloud::objects::objects, net::client::Connector, project::Store};

    /// What came in: method, path with query, and headers.
    type Seen = Arc<Lock<Vec<(String, String, BTreeMap<String, String>)>>>;

    /// A platform and a store at one address of this machine, as strict as `answer`.
    async fn serve(answer: fn(&str, &BTreeMap<String, String>) -> (u16, String)) -> (String, Seen) {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Seen::default();
        let kept = Arc::clone(&seen);
        let router = Router::new().fallback(move |request: Request| {
            let path = request.uri().to_string();
            let headers: BTreeMap<String, String> = request
                .headers()
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
                .collect();
            let (status, body) = answer(&path, &headers);
            kept.lock().unwrap().push((request.method().to_string(), path, headers));
            async move {
                (
                    StatusCode::from_u16(status).unwrap(),
                    [("etag", "\"1\""), ("last-modified", "Sat, 21 Nov 2026 10:00:00 GMT")],
                    body,
                )
            }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        (url, seen)
    }

    fn s3(endpoint: &str) -> Store {
        Store::S3 {
            endpoint: Some(endpoint.parse().unwrap()),
            bucket: "owls".to_owned(),
            region: "eu-central-1".to_owned(),
            access_key: None,
            secret_key: None,
            authority: None,
        }
    }

    fn lookup(pairs: Vec<(&'static str, String)>) -> impl Fn(&str) -> Option<String> {
        move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone())
    }

    fn task(path: &str, headers: &BTreeMap<String, String>) -> (u16, String) {
        let said = headers.get("authorization").map(String::as_str).unwrap_or_default();
        match path {
            "/v2/credentials/one" if said == "sesame" => (
                200,
                json!({ "RoleArn": "arn", "AccessKeyId": "ASIATASK", "SecretAccessKey": "task-secret",
                    "Token": "task-session", "Expiration": "2099-01-01T00:00:00Z" })
                .to_string(),
            ),
            "/v2/credentials/one" => (401, String::new()),
            _ if said.contains("Credential=ASIATASK/")
                && headers.get("x-amz-security-token").is_some_and(|token| token == "task-session") =>
            {
                (200, "owl".to_owned())
            }
            _ => (403, String::new()),
        }
    }

    #[tokio::test]
    async fn a_task_opens_its_bucket_with_the_keys_of_its_role() {
        let (url, seen) = serve(task).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "sesame\n").unwrap();
        let full = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{url}/v2/credentials/one"));
        for proof in [
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "sesame".to_owned()),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.to_str().unwrap().to_owned()),
        ] {
            let env = lookup(vec![full.clone(), proof]);
            let store = objects("aws", &s3(&url), folder.path(), &env, None).unwrap();
            for _ in 0..2 {
                assert_eq!(store.get(&"pictures/one".into()).await.unwrap().bytes().await.unwrap(), "owl");
            }
        }
        let asked = seen.lock().unwrap().iter().filter(|(_, path, _)| path == "/v2/credentials/one").count();
        assert_eq!(asked, 2, "once for each store");
        let env = lookup(vec![full, ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "another".to_owned())]);
        let store = objects("aws", &s3(&url), folder.path(), &env, None).unwrap();
        let error = store.get(&"pictures/one".into()).await.unwrap_err().to_string();
        assert!(error.contains("status 401") && !error.contains("another"), "{error}");
    }

    fn token_service(path: &str, headers: &BTreeMap<String, String>) -> (u16, String) {
        let said = headers.get("authorization").map(String::as_str).unwrap_or_default();
        let asks = [
            "Action=AssumeRoleWithWebIdentity",
            "Version=2011-06-15",
            "WebIdentityToken=an.identity.token",
            "RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fgateway",
            "RoleSessionName=wildcam",
        ];
        if path.starts_with("/sts") {
            let good = asks.iter().all(|part| path.contains(part));
            let body = "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAWEB</AccessKeyId><SecretAccessKey>web\
                </SecretAccessKey><SessionToken>web-session</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>\
                </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";
            return if good { (200, body.to_owned()) } else { (400, path.to_owned()) };
        }
        if said.contains("Credential=ASIAWEB/") { (200, "owl".to_owned()) } else { (403, String::new()) }
    }

    #[tokio::test]
    async fn a_web_identity_takes_its_role() {
        let (url, _) = serve(token_service).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "an.identity.token").unwrap();
        let env = lookup(vec![
            ("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap().to_owned()),
            ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/gateway".to_owned()),
            ("AWS_ENDPOINT_URL_STS", format!("{url}/sts")),
        ]);
        let store = objects("aws", &s3(&url), folder.path(), &env, None).unwrap();
        assert_eq!(store.get(&"pictures/one".into()).await.unwrap().bytes().await.unwrap(), "owl");
    }

    fn app(path: &str, headers: &BTreeMap<String, String>) -> (u16, String) {
        let good = "/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fstorage.azure.com&client_id=the-gateway";
        if path == good && headers.get("x-identity-header").is_some_and(|header| header == "sesame") {
            let token = json!({ "access_token": "of-the-app", "expires_on": "4070908800", "token_type": "Bearer",
                "resource": "https://storage.azure.com", "client_id": "the-gateway" });
            return (200, token.to_string());
        }
        let said = headers.get("authorization").map(String::as_str).unwrap_or_default();
        if said == "Bearer of-the-app" { (200, "owl".to_owned()) } else { (403, String::new()) }
    }

    #[tokio::test]
    async fn an_app_opens_its_container_with_its_managed_identity() {
        let (url, seen) = serve(app).await;
        let folder = tempfile::tempdir().unwrap();
        let env = lookup(vec![
            ("IDENTITY_ENDPOINT", format!("{url}/msi/token")),
            ("IDENTITY_HEADER", "sesame".to_owned()),
            ("AZURE_CLIENT_ID", "the-gateway".to_owned()),
        ]);
        let store = Store::Azure {
            endpoint: Some(url.parse().unwrap()),
            account: "owls".to_owned(),
            container: "pictures".to_owned(),
            access_key: None,
            authority: None,
        };
        let store = objects("az", &store, folder.path(), &env, None).unwrap();
        for _ in 0..2 {
            assert_eq!(store.get(&"one".into()).await.unwrap().bytes().await.unwrap(), "owl");
        }
        assert_eq!(seen.lock().unwrap().iter().filter(|(_, path, _)| path.starts_with("/msi/")).count(), 1);
    }

    #[test]
    fn an_authorization_stays_on_the_machine_or_in_tls() {
        let of = |text: &str| of_task(&lookup(vec![("AWS_CONTAINER_CREDENTIALS_FULL_URI", text.to_owned())]));
        assert!(of("http://example.org/x").is_err() && of("nonsense").is_err());
        assert!(of("https://example.org/x").unwrap().is_some() && of("http://169.254.170.23/x").unwrap().is_some());
        let relative = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/two".to_owned());
        let question = of_task(&lookup(vec![relative])).unwrap().unwrap();
        assert_eq!(question.url.as_str(), "http://169.254.170.2/v2/credentials/two");
        assert!(of_task(&|_| None).unwrap().is_none() && of_app(&|_| None).unwrap().is_none());
    }

    #[tokio::test]
    async fn credentials_are_renewed_before_their_end_and_used_to_it() {
        let (url, seen) = serve(|_, _| (200, json!({ "access_token": "t", "expires_on": 4000 }).to_string())).await;
        let elapsed = Arc::new(Lock::new(Duration::ZERO));
        let shown = Arc::clone(&elapsed);
        let clock = Clock::simulated(0, move || *shown.lock().unwrap());
        let pairs = vec![("IDENTITY_ENDPOINT", url), ("IDENTITY_HEADER", "h".to_owned())];
        let client = Connector::new(None).unwrap().connect(&ClientOptions::new()).unwrap();
        let mut identity = of_app(&lookup(pairs)).unwrap().unwrap().for_token(client, clock);
        let asked = || seen.lock().unwrap().len();
        for (seconds, times) in [(0, 1), (3600, 1), (3701, 2)] {
            *elapsed.lock().unwrap() = Duration::from_secs(seconds);
            identity.get_credential().await.unwrap();
            assert_eq!(asked(), times, "after {seconds} s");
        }
        // Nobody answers there.
        identity.url = "http://127.0.0.1:9".parse().unwrap();
        identity.get_credential().await.unwrap();
        *elapsed.lock().unwrap() = Duration::from_secs(4001);
        identity.get_credential().await.unwrap_err();
    }
}
