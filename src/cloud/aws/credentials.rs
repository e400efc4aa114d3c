//! Whose keys sign the calls: the environment's, an identity token's, and what aws-config finds beyond them (profiles and
//! their processes, the container's, the machine's).

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_config::{
    Region, default_provider::credentials::DefaultCredentialsChain, imds, provider_config::ProviderConfig,
};
use aws_credential_types::{Credentials, provider::ProvideCredentials};
use aws_smithy_runtime_api::client::identity::Identity;
use serde_json::Value;
use tokio::sync::Mutex;

use super::{bridge::Bridge, endpoint, failure, xml::Element};
use crate::{
    clock::Clock,
    cloud::{
        Lookup,
        control::{Failure, FailureKind},
        rest,
        s3::Keys,
    },
};

/// Sessions are renewed when less than this is left of them.
const RENEW: Duration = Duration::from_secs(300);

/// How long the metadata service may take: beside Amazon it never answers.
const METADATA: Duration = Duration::from_millis(900);

/// How long any other source may take.
const LONGEST: Duration = Duration::from_secs(20);

/// The largest identity token.
const LARGEST_TOKEN: u64 = 64 * 1024;

/// Finds credentials, keeps them, and renews them before they end.
pub(super) struct Chain {
    lookup: Lookup,
    client: reqwest::Client,
    clock: Clock,
    region: String,
    sts: String,
    held: Mutex<Option<Credentials>>,
    profiles: tokio::sync::OnceCell<Arc<DefaultCredentialsChain>>,
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chain").field("region", &self.region).finish_non_exhaustive()
    }
}

impl Chain {
    /// `sts` is the address of the token service.
    pub(super) fn new(lookup: Lookup, client: reqwest::Client, clock: Clock, region: &str, sts: String) -> Self {
        let (held, profiles) = (Mutex::new(None), tokio::sync::OnceCell::new());
        Self { lookup, client, clock, region: region.to_owned(), sts, held, profiles }
    }

    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.clock.unix_ms())
    }

    /// The credentials to sign with now.
    ///
    /// # Errors
    /// [`FailureKind::Credentials`] when none are found.
    pub(super) async fn get(&self) -> Result<Credentials, Failure> {
        let mut held = self.held.lock().await;
        let fresh = |found: &Credentials| found.expiry().is_none_or(|end| end > self.now() + RENEW);
        if let Some(found) = held.as_ref().filter(|found| fresh(found)) {
            return Ok(found.clone());
        }
        let found = self.find().await?;
        *held = Some(found.clone());
        Ok(found)
    }

    /// The same for aws-sigv4.
    pub(super) async fn identity(&self) -> Result<Identity, Failure> {
        self.get().await.map(Identity::from)
    }

    /// Forgets credentials that a service refused, so that the next call looks for others.
    pub(super) async fn forget(&self) {
        *self.held.lock().await = None;
    }

    fn variable(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|text| !text.is_empty())
    }

    async fn find(&self) -> Result<Credentials, Failure> {
        let key = |name: &str| self.variable(name);
        if let (Some(id), Some(secret)) = (key("AWS_ACCESS_KEY_ID"), key("AWS_SECRET_ACCESS_KEY")) {
            return Ok(Credentials::new(id, secret, key("AWS_SESSION_TOKEN"), None, "environment"));
        }
        if let Some(role) = self.variable("AWS_ROLE_ARN")
            && let Some(token) = self.identity_token().await?
        {
            return self.exchange(&role, &token).await;
        }
        let chain = self.profiles.get_or_init(|| self.others()).await;
        chain.provide_credentials().await.map_err(|error| {
            // The chain's own text lists every source that it tried, at length; its first line is enough.
            let text = error.to_string();
            let message = format!("no AWS credentials were found: {}", text.lines().next().unwrap_or_default());
            Failure::new(FailureKind::Credentials, "credentials", message).next_step(
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or let the CI job take a role \
                 (wildcam ci setup github)",
            )
        })
    }

    /// Profiles with their processes and roles, the container, the machine.
    async fn others(&self) -> Arc<DefaultCredentialsChain> {
        let config = |longest| {
            ProviderConfig::without_region()
                .with_region(Some(Region::new(self.region.clone())))
                .with_http_client(Bridge::new(self.client.clone(), longest))
        };
        let machine = imds::Client::builder()
            .configure(&config(METADATA))
            .max_attempts(1)
            .connect_timeout(METADATA)
            .read_timeout(METADATA)
            .operation_timeout(METADATA)
            .operation_attempt_timeout(METADATA)
            .build();
        let chain = DefaultCredentialsChain::builder()
            .configure(config(LONGEST))
            .region(Region::new(self.region.clone()))
            .imds_client(machine);
        Arc::new(chain.build().await)
    }

    /// An identity token: from a file (Kubernetes, and CI systems that write one), or from GitHub for this job.
    async fn identity_token(&self) -> Result<Option<String>, Failure> {
        let call = "credentials";
        if let Some(path) = self.variable("AWS_WEB_IDENTITY_TOKEN_FILE") {
            let unreadable = |why: String| {
                let message = format!("the identity token {path} cannot be read: {why}");
                Failure::new(FailureKind::Credentials, call, message)
            };
            let size = tokio::fs::metadata(&path).await.map_err(|error| unreadable(error.to_string()))?.len();
            if size > LARGEST_TOKEN {
                return Err(unreadable("it is larger than 64 KiB".to_owned()));
            }
            let text = tokio::fs::read_to_string(&path).await.map_err(|error| unreadable(error.to_string()))?;
            return Ok(Some(text.trim().to_owned()));
        }
        let (Some(address), Some(bearer)) =
            (self.variable("ACTIONS_ID_TOKEN_REQUEST_URL"), self.variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN"))
        else {
            return Ok(None);
        };
        let call = "github:IdToken";
        let wrong = |why: String| Failure::new(FailureKind::Credentials, call, why);
        let mut url: url::Url = address.parse().map_err(|error: url::ParseError| wrong(error.to_string()))?;
        url.query_pairs_mut().append_pair("audience", "sts.amazonaws.com");
        let request = self.client.get(url).bearer_auth(bearer).build();
        let request = request.map_err(|error| wrong(error.without_url().to_string()))?;
        let answer = rest::send(&self.client, call, request).await?;
        if !answer.is_success() {
            return Err(wrong(format!("GitHub gave no identity token: HTTP status {}", answer.status))
                .next_step("give the job the permission `id-token: write`"));
        }
        let json: Value = answer.json(call)?;
        let token = json.get("value").and_then(Value::as_str).map(str::to_owned);
        token.map(Some).ok_or_else(|| wrong("GitHub's answer holds no token".to_owned()))
    }

    /// Takes a role with an identity token; the one call that nobody signs.
    async fn exchange(&self, role: &str, token: &str) -> Result<Credentials, Failure> {
        let call = "sts:AssumeRoleWithWebIdentity";
        let session = self.variable("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "wildcam".to_owned());
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("Action", "AssumeRoleWithWebIdentity"),
                ("Version", "2011-06-15"),
                ("RoleArn", role),
                ("RoleSessionName", &session),
                ("WebIdentityToken", token),
            ])
            .finish();
        let request = self
            .client
            .post(&self.sts)
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form)
            .build()
            .map_err(|error| Failure::new(FailureKind::Invalid, call, error.without_url().to_string()))?;
        let answer = rest::send(&self.client, call, request).await?;
        if !answer.is_success() {
            let mut failure = failure::from_answer(call, &answer);
            if failure.kind == FailureKind::Denied {
                failure.next_step = Some(
                    "the role's trust does not name this repository and branch: wildcam ci setup github".to_owned(),
                );
            }
            return Err(failure);
        }
        let unreadable = |why: String| Failure::new(FailureKind::Unavailable, call, why);
        let root = Element::parse(&answer.body).map_err(unreadable)?;
        let found = root.find("Credentials");
        let field = |name: &str| found.and_then(|found| found.text_at(name)).map(str::to_owned);
        let (Some(id), Some(secret), Some(session)) =
            (field("AccessKeyId"), field("SecretAccessKey"), field("SessionToken"))
        else {
            return Err(unreadable("the answer holds no credentials".to_owned()));
        };
        let end = field("Expiration").and_then(|text| text.parse::<jiff::Timestamp>().ok());
        Ok(Credentials::new(id, secret, Some(session), end.map(SystemTime::from), "web-identity"))
    }
}

#[async_trait::async_trait]
impl Keys for Chain {
    async fn identity(&self) -> Result<Identity, Failure> {
        Self::identity(self).await
    }
}

/// The credentials of the chain for an object store.
#[derive(Debug)]
pub(super) struct ForObjects(pub(super) Arc<Chain>);

#[async_trait::async_trait]
impl object_store::CredentialProvider for ForObjects {
    type Credential = object_store::aws::AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<Self::Credential>> {
        let found = self.0.get().await.map_err(|failure| object_store::Error::Unauthenticated {
            path: String::new(),
            source: Box::new(failure),
        })?;
        Ok(Arc::new(object_store::aws::AwsCredential {
            key_id: found.access_key_id().to_owned(),
            secret_key: found.secret_access_key().to_owned(),
            token: found.session_token().map(str::to_owned),
        }))
    }
}

/// The address of the token service for a region.
///
/// # Errors
/// When the region cannot be one.
pub(super) fn token_service(endpoints: &endpoint::Endpoints, region: &str) -> Result<String, Failure> {
    endpoints.of(endpoint::STS, region, region).map(|(address, _)| address)
}
