//! The tables that each belong to one part of wildcam.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::project::{ByteSize, Period, SecretRef};

/// `[traffic]`: how the public name answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Traffic {
    /// The name that people and dashboards use
    pub public_name: String,
    /// How long an answer may be remembered
    pub ttl: Period,
    /// By how many percent points a shift moves at a time, 1 to 100
    pub step_percent: u8,
}

impl Default for Traffic {
    fn default() -> Self {
        Self { public_name: "api.wildcam.test".to_owned(), ttl: Period::from_secs(30), step_percent: 10 }
    }
}

/// `[health]`: when a cloud counts as down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Health {
    /// The time between two probes
    pub interval: Period,
    /// The longest that an answer may take
    pub timeout: Period,
    /// So many failed probes in a row
    pub failures: u32,
    /// Or this part of the requests failed, above 0 and at most 1
    pub error_rate: f64,
}

impl Default for Health {
    fn default() -> Self {
        Self { interval: Period::from_secs(5), timeout: Period::from_secs(5), failures: 3, error_rate: 0.05 }
    }
}

/// `[data]`: the index over the detections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// What the index is kept in
    pub index: Index,
    /// How long detections are kept; absent: for ever
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<Period>,
}

/// What the index is kept in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Index {
    /// A file beside each gateway
    #[default]
    Sqlite,
}

/// `[replicate]`: how objects spread to every cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Replicate {
    /// How often a gateway tries to bring what a cloud missed
    pub heal_interval: Period,
    /// The most bytes a second that healing may take; absent: no limit
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<ByteSize>,
}

impl Default for Replicate {
    fn default() -> Self {
        Self { heal_interval: Period::from_secs(5), bandwidth: None }
    }
}

/// `[gateway]`: the API that cameras talk to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Gateway {
    /// The address and port to listen on
    pub listen: SocketAddr,
    /// In how many clouds a picture is durable before the camera hears "stored"; default 2, or 1 with one cloud
    pub copies: u8,
    /// What happens to an upload when fewer clouds than `copies` answer
    pub degraded: Degraded,
    /// The SQLite index and the list of what is to be healed; relative to the project's folder
    pub index_path: PathBuf,
    /// How often a gateway writes the cameras' reports to the stores
    pub report_interval: Period,
    /// The key that signs what gateways say to cameras; default: the fleet's `online_key`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_key: Option<SecretRef>,
    /// The address at which cameras find each cloud's gateways, by the cloud's name
    #[schemars(with = "BTreeMap<String, String>")]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub public_urls: BTreeMap<String, Url>,
    /// The certificate
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// What one camera, and all together, may ask for
    pub limits: Limits,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([0, 0, 0, 0], 8443)),
            copies: 2,
            degraded: Degraded::Refuse,
            index_path: PathBuf::from(".wildcam/gateway/index.sqlite"),
            report_interval: Period::from_secs(60),
            signing_key: None,
            public_urls: BTreeMap::new(),
            tls: None,
            limits: Limits::default(),
        }
    }
}

/// What happens to an upload when fewer clouds than `copies` answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Degraded {
    /// The camera is asked to try again later, and keeps its copy
    #[default]
    Refuse,
    /// One copy is enough for a while, and the acknowledgement says so
    OneCopy,
}

/// `[gateway.tls]`: the gateway's certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate and its chain, a PEM file; relative to the project's folder (must be given)
    pub certificate: PathBuf,
    /// The private key, PEM (must be given)
    pub key: SecretRef,
}

/// `[gateway.limits]`: what one camera, and all together, may ask for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The largest body of one request
    pub body: ByteSize,
    /// The memory that all bodies together may hold
    pub memory: ByteSize,
    /// Requests a second that one camera may make, as a long-term average
    pub requests_per_second: f64,
    /// The longest that a request may take
    pub request_timeout: Period,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: ByteSize::from_mib(8),
            memory: ByteSize::from_mib(64),
            requests_per_second: 20.0,
            request_timeout: Period::from_secs(30),
        }
    }
}

/// `[fleet]`: the cameras.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Fleet {
    /// The groups that a rollout addresses
    pub groups: Vec<String>,
    /// The key that signs endpoint lists, the time and enrolment tokens (Ed25519, PKCS#8 PEM)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub online_key: Option<SecretRef>,
    /// How often a camera reports
    pub report_interval: Period,
}

impl Default for Fleet {
    fn default() -> Self {
        Self { groups: vec!["all".to_owned()], online_key: None, report_interval: Period::from_secs(300) }
    }
}

/// `[firmware]`: what the cameras run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Firmware {
    /// The boards in the field
    pub boards: Vec<String>,
}

/// `[budget]`: what the clouds may cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// US dollars a month for all clouds together; absent: no limit
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly_usd: Option<f64>,
    /// At how many percent of it somebody is told
    pub alert_percent: Vec<u8>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { monthly_usd: None, alert_percent: vec![80, 100] }
    }
}

/// `[deploy]`: how the clouds are made to hold what this file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Deploy {
    /// How many calls are under way at a time in each cloud, 1 to 256
    pub parallel: u16,
    /// How long a deploy that died keeps others waiting
    pub lease: Period,
    /// The key that encrypts the state (32 bytes as 64 hexadecimal digits); absent: the state is signed by nothing and
    /// readable by who may read the state stores; it holds no secret
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_key: Option<SecretRef>,
    /// Where templates of your own lie, which win over those of wildcam; relative to the project's folder
    pub templates: PathBuf,
    /// The image of the gateway, by cloud: REPOSITORY@sha256:DIGEST; written by wildcam gateway image --push
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, String>,
    /// Whether a PostgreSQL server is made in each cloud
    pub database: bool,
    /// The DNS zone that is made for the project; absent: none
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

impl Default for Deploy {
    fn default() -> Self {
        Self {
            parallel: 48,
            lease: Period::from_secs(60),
            state_key: None,
            templates: PathBuf::from("templates"),
            images: BTreeMap::new(),
            database: true,
            zone: None,
        }
    }
}

/// `[ci]`: who may deploy without a key of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ci {
    /// The GitHub repository whose workflows may deploy: OWNER/NAME
    #[serde(skip_serializing_if = "Option::is_none")]
    pub github: Option<String>,
    /// The branch that may deploy
    pub branch: String,
}

impl Default for Ci {
    fn default() -> Self {
        Self { github: None, branch: "main".to_owned() }
    }
}

/// `[drill]`: the load under which a drill measures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Drill {
    /// How many virtual cameras send
    pub cameras: u32,
    /// Uploads a second of all of them together
    pub uploads_per_second: f64,
    /// How long the load must be steady before the fault, and again at the end
    pub steady: Period,
}

impl Default for Drill {
    fn default() -> Self {
        Self { cameras: 20, uploads_per_second: 40.0, steady: Period::from_secs(5) }
    }
}

/// `[runbooks]`: where the runbooks lie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Runbooks {
    /// Their folder; relative to the project's folder
    pub path: PathBuf,
}

impl Default for Runbooks {
    fn default() -> Self {
        Self { path: PathBuf::from("runbooks") }
    }
}

/// `[notify]`: who is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Notify {
    /// The address of a web hook; it holds a token, so it is a secret
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<SecretRef>,
    /// Mail addresses
    pub email: Vec<String>,
}
