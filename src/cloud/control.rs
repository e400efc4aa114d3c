//! The seam to a cloud's control plane: what the engine asks, and what a provider's adapter answers.
//!
//! An adapter translates one call and reports what came of it. It does not try again, keeps no state and decides
//! nothing: retries, pacing, the journal and the order of things belong to the engine.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc, time::Duration};

use async_trait::async_trait;
use object_store::ObjectStore;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::project::Secret;

/// Which resource of a project this is: `cloud/stack/name`, as in `aws/storage/pictures`.
///
/// Each part is 1 to 40 of a-z, 0-9 and -, beginning with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    /// The cloud's name in wildcam.toml.
    pub cloud: String,
    /// The stack: a template file.
    pub stack: String,
    /// The resource's name in it.
    pub name: String,
}

/// Why a text is no [`Address`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no address: cloud/stack/name, each 1 to 40 of a-z, 0-9 and -")]
pub struct AddressError {
    text: String,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let good = |part: &&str| {
            (1..=40).contains(&part.len())
                && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
                && !part.starts_with('-')
        };
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            [cloud, stack, name] if parts.iter().all(good) => {
                Ok(Self { cloud: (*cloud).to_owned(), stack: (*stack).to_owned(), name: (*name).to_owned() })
            }
            _ => Err(AddressError { text: text.chars().take(130).flat_map(char::escape_debug).collect() }),
        }
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.cloud, self.stack, self.name)
    }
}

/// The marks that wildcam sets on everything that can bear tags or labels: `wildcam-project`, `wildcam-environment`
/// and `wildcam-address` (its slashes as `_` where the provider allows none; no part of an address holds one).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The project's name.
    pub project: String,
    /// The environment; `default` where none was chosen.
    pub environment: String,
    /// Which of its resources.
    pub address: Address,
}

/// What a resource should be. Every reference to another resource is resolved.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Whose it is; the adapter writes the marks where the type can bear them.
    pub owner: Owner,
    /// The provider's type, in the provider's words: `AWS::S3::Bucket`, `Microsoft.Storage/storageAccounts`,
    /// `storage.buckets`, `custom.bucket`.
    pub kind: String,
    /// The region, in the provider's words; `global` where the type has none.
    pub region: String,
    /// What the templates set, an object in the shape of the provider's schema. Where a secret belongs stands
    /// `{"$secret": "REFERENCE"}`.
    pub properties: Value,
    /// The secrets, by the JSON pointer of their place in `properties`.
    pub secrets: BTreeMap<String, Secret>,
}

impl Wanted {
    /// The properties with the secrets in their places, for the request and for nothing else.
    ///
    /// # Panics
    /// Never: a pointer that leads nowhere is passed over.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut body = self.properties.clone();
        for (pointer, secret) in &self.secrets {
            if let Some(place) = body.pointer_mut(pointer) {
                *place = Value::String(secret.expose().to_owned());
            }
        }
        body
    }
}

/// A resource as the cloud tells of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Live {
    /// The provider's own identity: enough, with kind and region, to read, change and delete it.
    pub id: String,
    /// As in [`Wanted::kind`].
    pub kind: String,
    /// As in [`Wanted::region`].
    pub region: String,
    /// In the shape of [`Wanted::properties`], with the provider's defaults and its read-only attributes (an ARN, an
    /// address); references between resources read them here.
    pub properties: Value,
    /// Whose it is, by its marks.
    pub owner: Option<Owner>,
    /// What makes a change conditional, where the provider has it.
    pub etag: Option<String>,
}

/// One line of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// As in [`Live::id`].
    pub id: String,
    /// The whole, where the list gave it; otherwise it must be read.
    pub live: Option<Live>,
}

/// What an accepted call came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// It is done. `live` where the answer told the whole; otherwise it must be read. After a deletion both are empty.
    Done {
        /// As in [`Live::id`].
        id: String,
        /// The resource after the change.
        live: Option<Live>,
    },
    /// The cloud works on it.
    Pending(Pending),
}

/// An operation under way. It is written to the journal, so that another process can ask for its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// As in [`Wanted::kind`].
    pub kind: String,
    /// As in [`Wanted::region`].
    pub region: String,
    /// The provider's handle of the operation: a request token, an address to poll, an operation's name.
    pub handle: String,
    /// The resource's id, where it is known already.
    pub id: Option<String>,
    /// How long to wait before asking, in milliseconds.
    pub wait_ms: u64,
}

/// One leaf that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// A JSON pointer into the properties.
    pub pointer: String,
    /// What is live; absent where it is not set. Secrets appear as `"[secret]"`.
    pub from: Option<Value>,
    /// What is wanted; absent where it goes.
    pub to: Option<Value>,
}

/// What went wrong, in the words that decide what happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// There is no such resource (or it cannot be seen yet).
    NotFound,
    /// A resource with this identity exists already.
    Exists,
    /// Another operation on it is under way, or it changed meanwhile: try again.
    Busy,
    /// Too many calls: slow down and try again.
    Throttled,
    /// Something it names was made a moment ago and is not known everywhere: try again soon.
    NotYet,
    /// The service is in trouble; nothing happened: try again.
    Unavailable,
    /// No answer came: it may have happened or not.
    Unreachable,
    /// The credentials may not do this.
    Denied,
    /// The credentials are missing, wrong, or have expired.
    Credentials,
    /// A quota or limit of the account is reached.
    Quota,
    /// The region or the account does not offer this type.
    Unsupported,
    /// A deleted resource of this name is still kept and blocks it.
    SoftDeleted,
    /// A lock, a retention or a protection forbids it.
    Protected,
    /// The request is wrong.
    Invalid,
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{call}: {message}")]
pub struct Failure {
    /// What it means.
    pub kind: FailureKind,
    /// What was called, in the provider's words: `s3:CreateBucket`.
    pub call: String,
    /// What the provider said, at most 1000 characters, without secrets.
    pub message: String,
    /// The provider's id of the request, for its support.
    pub request_id: Option<String>,
    /// How long the provider asks to wait, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// What to do about it, where there is more to say than the kind does.
    pub next_step: Option<String>,
}

impl Failure {
    /// A failure of a call.
    #[must_use]
    pub fn new(kind: FailureKind, call: impl Into<String>, message: impl Into<String>) -> Self {
        let message: String = message.into();
        let message = message.chars().take(1000).collect();
        Self { kind, call: call.into(), message, request_id: None, retry_after_ms: None, next_step: None }
    }

    /// With what to do about it.
    #[must_use]
    pub fn next_step(mut self, step: impl Into<String>) -> Self {
        self.next_step = Some(step.into());
        self
    }
}

/// How serious a [`Finding`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It is well.
    Good,
    /// It works and should be known: a type that will be retired, a quota that is nearly used.
    Warning,
    /// It will stop a deploy.
    Bad,
}

/// One line of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How serious.
    pub severity: Severity,
    /// What was looked at: `credentials`, `permission s3:CreateBucket`, `quota ...`, `retirement ...`.
    pub subject: String,
    /// What was found.
    pub message: String,
    /// What to do.
    pub next_step: Option<String>,
}

/// Where the state of a project lies in one cloud.
#[derive(Clone, Debug)]
pub struct StateStore {
    /// Its name, for people: a bucket, a folder.
    pub place: String,
    /// It honours conditional writes (`PutMode::Create` and `PutMode::Update`).
    pub objects: Arc<dyn ObjectStore>,
}

/// Who may push to the registry that the stack `registry` makes in a cloud.
#[derive(Clone, Debug)]
pub struct RegistryLogin {
    /// The registry's host, with its port where it has one, without a scheme.
    pub host: String,
    /// The path of the gateway's repository in it, as the stack makes it; empty where the cloud has no opinion.
    pub repository: String,
    /// The user name.
    pub username: String,
    /// The password, or the token that stands for one.
    pub password: Secret,
}

/// One cloud's control plane.
#[async_trait]
pub trait ControlPlane: Send + Sync + fmt::Debug {
    /// The cloud's name in wildcam.toml.
    fn cloud(&self) -> &str;

    /// Everything of `kind` in `region` of this account, whoever made it, with as few calls as the provider allows.
    /// A type that has no list answers [`FailureKind::Unsupported`], and is read one by one.
    ///
    /// # Errors
    /// When the call failed.
    async fn list(&self, kind: &str, region: &str) -> Result<Vec<Listed>, Failure>;

    /// One resource.
    ///
    /// # Errors
    /// [`FailureKind::NotFound`], or when the call failed.
    async fn read(&self, kind: &str, region: &str, id: &str) -> Result<Live, Failure>;

    /// The resource that stands where `wanted` would be made: by its name where the name is its identity, else by the
    /// marks of its owner. It may belong to somebody else.
    ///
    /// # Errors
    /// When the call failed.
    async fn locate(&self, wanted: &Wanted) -> Result<Option<Live>, Failure>;

    /// Makes it, with the owner's marks in the same call wherever the provider allows that. `token` is the same for
    /// every try of the same intent, 36 characters in the form of a UUID, and is given to providers that take one.
    ///
    /// # Errors
    /// [`FailureKind::Exists`] where its identity is taken, or when the call failed.
    async fn create(&self, wanted: &Wanted, token: &str) -> Result<Step, Failure>;

    /// Changes it in place. `changes` are the leaves that differ from `live`; what the templates do not set stays.
    ///
    /// # Errors
    /// When the call failed.
    async fn update(&self, live: &Live, wanted: &Wanted, changes: &[Change], token: &str) -> Result<Step, Failure>;

    /// Deletes it. Where it holds data that the provider wants gone first (objects in a bucket), `empty` says that the
    /// person has consented to lose them; without it that is [`FailureKind::Protected`].
    ///
    /// # Errors
    /// [`FailureKind::NotFound`] where it is gone already, or when the call failed.
    async fn delete(&self, live: &Live, empty: bool, token: &str) -> Result<Step, Failure>;

    /// Asks how an operation stands.
    ///
    /// # Errors
    /// What the operation failed with, or when the call failed.
    async fn poll(&self, pending: &Pending) -> Result<Step, Failure>;

    /// The place of this cloud for the state of `project`: a bucket, container or folder of its own beside the
    /// pictures'. Made where `make` is set, private and versioned; `None` where it does not exist.
    ///
    /// # Errors
    /// When a call failed.
    async fn state_store(&self, project: &str, make: bool) -> Result<Option<StateStore>, Failure>;

    /// Removes the state's place with everything in it; the last step of a destroy that left nothing.
    ///
    /// # Errors
    /// When a call failed.
    async fn remove_state_store(&self, project: &str) -> Result<(), Failure>;

    /// The way into the cloud's container registry, for pushing the gateway's image; `None` where the cloud has none.
    ///
    /// # Errors
    /// When a call failed.
    async fn registry_login(&self) -> Result<Option<RegistryLogin>, Failure> {
        Ok(None)
    }

    /// Credentials, permissions, quotas and retirement dates, for `wildcam doctor --cloud`. Changes nothing.
    async fn check(&self) -> Vec<Finding>;
}

/// The pause before an operation is asked about, where the provider does not say.
pub const USUAL_WAIT: Duration = Duration::from_secs(2);

/// An empty object.
#[must_use]
pub fn nothing() -> Value {
    Value::Object(Map::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_spelling() {
        let address: Address = "aws/storage/pictures-2".parse().unwrap();
        assert_eq!(address.to_string(), "aws/storage/pictures-2");
        for bad in ["", "a/b", "a/b/c/d", "A/b/c", "a//c", "a/b/-c", "a/b/../c", "a/b/c\n"] {
            assert!(bad.parse::<Address>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn secrets_are_put_in_for_the_request_only() {
        let wanted = Wanted {
            owner: Owner {
                project: "p".to_owned(),
                environment: "default".to_owned(),
                address: "a/s/n".parse().unwrap(),
            },
            kind: "custom.role".to_owned(),
            region: "global".to_owned(),
            properties: serde_json::json!({ "password": { "$secret": "env:PASSWORD" } }),
            secrets: BTreeMap::from([("/password".to_owned(), Secret::new("sesame".to_owned()))]),
        };
        assert_eq!(wanted.body()["password"], "sesame");
        assert!(!format!("{wanted:?}").contains("sesame"));
    }
}
