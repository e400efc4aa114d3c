//! Where the state of a project lies in Azure: a resource group of its own with a storage account and a container, private
//! and versioned.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use object_store::{
    ClientOptions, CredentialProvider, RetryConfig,
    azure::{AzureCredential, MicrosoftAzureBuilder},
    client::{HttpClient, HttpConnector},
};
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use super::{Azure, arm::Ask, credentials::Tokens, ids, special};
use crate::{
    cloud::control::{Failure, FailureKind, Pending, StateStore, Step},
    project::Secret,
};

const ACCOUNT: &str = "Microsoft.Storage/storageAccounts";
const SERVICE: &str = "Microsoft.Storage/storageAccounts/blobServices";
const CONTAINER: &str = "Microsoft.Storage/storageAccounts/blobServices/containers";
const NAME: &str = "wildcam-state";

/// What says that a group is the place of a project's state, and nothing else's.
const PURPOSE: &str = "wildcam-state-of";

/// How long the place of the state may take to come or go.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// How often a step is tried again that waits for something made a moment ago.
const TRIES: u32 = 60;

/// How often something that was just made is looked for.
const APPEARING: u32 = 30;

impl Azure {
    fn state_group(&self, project: &str) -> String {
        format!("/subscriptions/{}/resourceGroups/{project}-state", self.arm.subscription)
    }

    /// 3 to 24 of a-z and 0-9, unique in the world, and the same for the same project of the same subscription.
    fn state_account(&self, project: &str) -> String {
        let letters: String = project.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
        let hash: String = ids::guid(&["state", &self.arm.subscription, project])
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(12)
            .collect();
        format!("wcst{}{hash}", letters.to_ascii_lowercase())
    }

    pub(super) async fn open_state(&self, project: &str, make: bool) -> Result<Option<StateStore>, Failure> {
        let group = self.state_group(project);
        let account = self.state_account(project);
        let at = format!("{group}/providers/{ACCOUNT}/{account}");
        if make {
            self.make_state(project, &group, &at).await?;
        }
        let container = format!("{at}/blobServices/default/containers/{NAME}");
        let Some(about) = self.seen(ACCOUNT, &at, make).await? else { return Ok(None) };
        if self.seen(CONTAINER, &container, make).await?.is_none() {
            return Ok(None);
        }
        self.objects_of(&at, &account, &about).await.map(Some)
    }

    /// One part of the place, as it is told; `None` where it does not exist. What was `made` a moment ago may not be
    /// seen yet, and is looked for a while.
    async fn seen(&self, kind: &str, id: &str, made: bool) -> Result<Option<Value>, Failure> {
        let url = self.arm.at(id, &self.rules(kind)?.api_version);
        let mut tries = 0;
        loop {
            match self.arm.get_json("GET state store", url.clone()).await {
                Ok(told) => return Ok(Some(told)),
                Err(failure) if failure.kind == FailureKind::NotFound && made && tries < APPEARING => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
                Err(failure) if failure.kind == FailureKind::NotFound => return Ok(None),
                Err(failure) => return Err(failure),
            }
        }
    }

    async fn make_state(&self, project: &str, group: &str, account: &str) -> Result<(), Failure> {
        let region = self.regions.first().cloned().ok_or_else(|| {
            Failure::new(FailureKind::Invalid, "state store", format!("clouds.{} has no region", self.name))
        })?;
        let tags = json!({ PURPOSE: project, "wildcam-project": project });
        match self.arm.get_json("GET state group", self.arm.at(group, &self.rules(special::GROUP)?.api_version)).await {
            Ok(told) if is_state_of(&told, project) => {}
            Ok(_) => {
                return Err(Failure::new(
                    FailureKind::Exists,
                    "state store",
                    format!("`{group}` exists and is not the place of this project's state"),
                )
                .next_step("rename the project, or remove that resource group"));
            }
            Err(failure) if failure.kind == FailureKind::NotFound => {
                self.put(special::GROUP, &region, group, json!({ "location": region, "tags": tags })).await?;
                // Nothing is made in a group that is not seen yet, and none is removed.
                self.seen(special::GROUP, group, true).await?;
            }
            Err(failure) => return Err(failure),
        }
        let steps = [
            (
                ACCOUNT,
                account.to_owned(),
                json!({ "location": region, "tags": tags, "kind": "StorageV2", "sku": { "name": "Standard_ZRS" },
                    "properties": { "accessTier": "Hot", "minimumTlsVersion": "TLS1_2", "allowBlobPublicAccess": false,
                        "supportsHttpsTrafficOnly": true, "allowSharedKeyAccess": true } }),
            ),
            (
                SERVICE,
                format!("{account}/blobServices/default"),
                json!({ "properties": { "isVersioningEnabled": true,
                    "deleteRetentionPolicy": { "enabled": true, "days": 30 } } }),
            ),
            (
                CONTAINER,
                format!("{account}/blobServices/default/containers/{NAME}"),
                json!({ "properties": { "publicAccess": "None" } }),
            ),
        ];
        for (kind, id, body) in steps {
            match self.arm.get("GET state store", self.arm.at(&id, &self.rules(kind)?.api_version)).await {
                // A blob service comes with its account, and has its defaults then.
                Ok(_) if kind != SERVICE => continue,
                Ok(_) => {}
                Err(failure) if matches!(failure.kind, FailureKind::NotFound | FailureKind::NotYet) => {}
                Err(failure) => return Err(failure),
            }
            self.put(kind, &region, &id, body).await?;
        }
        Ok(())
    }

    /// Makes one of the few things that stand before there is an engine with a journal: tried again while what it
    /// stands in is not known everywhere, and followed to its end.
    async fn put(&self, kind: &str, region: &str, id: &str, body: Value) -> Result<(), Failure> {
        let call = format!("PUT {kind}");
        let url = self.arm.at(id, &self.rules(kind)?.api_version);
        let mut tries = 0;
        let answer = loop {
            let ask = Ask { call: &call, method: Method::PUT, url: url.clone(), body: Some(&body), etag: None };
            let mut failure = match self.arm.ask(ask).await {
                Ok(answer) => break answer,
                Err(failure) => failure,
            };
            if super::errors::code_of(&failure) == "MissingSubscriptionRegistration" {
                failure = self.registered(failure, kind).await;
            }
            tries += 1;
            let again = matches!(failure.kind, FailureKind::NotYet | FailureKind::Busy | FailureKind::Throttled);
            if !again || tries >= TRIES {
                return Err(failure);
            }
            tokio::time::sleep(pause(failure.retry_after_ms.unwrap_or(1000))).await;
        };
        let step = self.begun(&call, kind, region, id, super::operations::Act::Make, &answer)?;
        self.follow(step).await
    }

    async fn follow(&self, mut step: Step) -> Result<(), Failure> {
        let end = tokio::time::Instant::now() + LONGEST;
        let mut throttled = 0;
        while let Step::Pending(pending) = step {
            if tokio::time::Instant::now() >= end {
                return Err(Failure::new(FailureKind::Unavailable, pending.kind, "it takes longer than 30 minutes")
                    .next_step("run the same command again later"));
            }
            tokio::time::sleep(pause(pending.wait_ms)).await;
            step = match self.ask_about(&pending).await {
                Ok(step) => step,
                Err(failure) if matches!(failure.kind, FailureKind::Throttled | FailureKind::Unavailable) => {
                    throttled += 1;
                    if throttled > TRIES {
                        return Err(failure);
                    }
                    Step::Pending(Pending { wait_ms: failure.retry_after_ms.unwrap_or(2000), ..pending })
                }
                Err(failure) => return Err(failure),
            };
        }
        Ok(())
    }

    /// The container as an object store, with the account's key: the control plane's roles give it, and those of the data
    /// plane would have to be given to somebody first. Who may only read has such a role and not the key.
    async fn objects_of(&self, at: &str, account: &str, about: &Value) -> Result<StateStore, Failure> {
        let call = "POST Microsoft.Storage/storageAccounts/listKeys";
        let version = &self.rules(ACCOUNT)?.api_version;
        let url = self.arm.at(&format!("{at}/listKeys"), version);
        let ask = Ask { call, method: Method::POST, url, body: None, etag: None };
        let key = match self.arm.ask(ask).await {
            Ok(answer) => {
                let told = answer.json(call)?;
                let key = told.pointer("/keys/0/value").and_then(Value::as_str);
                let key = key.ok_or_else(|| Failure::new(FailureKind::Denied, call, "the account shows no key"))?;
                Some(Secret::new(key.to_owned()))
            }
            Err(failure) if failure.kind == FailureKind::Denied => None,
            Err(failure) => return Err(failure),
        };
        let endpoint = match &self.blob {
            // An emulator has the account in the path.
            Some(blob) => format!("{}/{account}", blob.as_str().trim_end_matches('/')),
            None => {
                let told = about.pointer("/properties/primaryEndpoints/blob").and_then(Value::as_str);
                told.map_or_else(
                    || format!("https://{account}.blob.core.windows.net"),
                    |text| text.trim_end_matches('/').to_owned(),
                )
            }
        };
        let plain = Url::parse(&endpoint).is_ok_and(|url| url.scheme() == "http");
        let builder = MicrosoftAzureBuilder::new().with_account(account).with_container_name(NAME);
        let builder = match key {
            Some(key) => builder.with_access_key(key.expose()),
            None => builder.with_credentials(Arc::new(Token(Arc::clone(&self.arm.tokens)))),
        };
        let store = builder
            .with_endpoint(endpoint)
            .with_allow_http(plain)
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
            .with_http_connector(Ours(self.arm.client.clone()))
            .build()
            .map_err(|error| Failure::new(FailureKind::Invalid, "state store", error.to_string()))?;
        Ok(StateStore { place: format!("{account}/{NAME}"), objects: Arc::new(store) })
    }

    pub(super) async fn remove_state(&self, project: &str) -> Result<(), Failure> {
        let group = self.state_group(project);
        let call = "DELETE state store";
        let version = &self.rules(special::GROUP)?.api_version;
        match self.arm.get_json(call, self.arm.at(&group, version)).await {
            Ok(told) if is_state_of(&told, project) => {}
            Ok(_) => {
                let message = format!("`{group}` is not the place of this project's state");
                return Err(Failure::new(FailureKind::Protected, call, message));
            }
            Err(failure) if failure.kind == FailureKind::NotFound => return Ok(()),
            Err(failure) => return Err(failure),
        }
        let ask = Ask { call, method: Method::DELETE, url: self.arm.at(&group, version), body: None, etag: None };
        let answer = self.arm.ask(ask).await?;
        let step = self.begun(call, special::GROUP, "global", &group, super::operations::Act::Delete, &answer)?;
        self.follow(step).await
    }
}

fn is_state_of(told: &Value, project: &str) -> bool {
    told.pointer(&format!("/tags/{PURPOSE}")).and_then(Value::as_str) == Some(project)
}

fn pause(ms: u64) -> Duration {
    Duration::from_millis(ms.clamp(1, 60_000))
}

/// Who we are, to Blob storage.
#[derive(Debug)]
struct Token(Arc<Tokens>);

#[async_trait]
impl CredentialProvider for Token {
    type Credential = AzureCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AzureCredential>> {
        let token = self.0.get("https://storage.azure.com/.default").await;
        let token = token
            .map_err(|failure| object_store::Error::Generic { store: "MicrosoftAzure", source: Box::new(failure) })?;
        Ok(Arc::new(AzureCredential::BearerToken(token.expose().to_owned())))
    }
}

/// Our client under the object store.
#[derive(Debug)]
struct Ours(reqwest::Client);

impl HttpConnector for Ours {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}
