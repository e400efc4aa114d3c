//! `[clouds.NAME]`: where the pictures lie and the gateways run.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::project::SecretRef;

/// `[clouds.NAME]`: one cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cloud {
    /// Whose it is (must be given)
    pub provider: Provider,
    /// The regions in use, the first one first, in the provider's own words
    #[serde(default)]
    pub regions: Vec<String>,
    /// The share of the traffic, relative to the other clouds; 0 stands by
    #[serde(default = "default_weight")]
    pub weight: u32,
    /// The countries or unions whose data may lie here (ISO 3166 codes, or "EU"); empty: any
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub residency: Vec<String>,
    /// Who owns and pays: the account id (aws), the subscription id (azure), the project id (gcp)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The address of the provider's control plane, instead of its public one (emulators, sovereign clouds)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub endpoint: Option<Url>,
    /// The same for single services, by the provider's short word for the service; they win over `endpoint`
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub endpoints: BTreeMap<String, Url>,
    /// The certificate authority of these addresses, a PEM file; relative to the project's folder
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<PathBuf>,
    /// The object store
    #[serde(default)]
    pub store: StoreTable,
    /// The machines that run the gateway (custom only)
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<Host>,
    /// The PostgreSQL server (custom only; the other clouds make theirs)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<DatabaseTable>,
}

/// `[[clouds.NAME.hosts]]`: a machine of your own that runs the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// A name of your own: 1 to 32 of a-z, 0-9 and -, beginning with a letter (must be given)
    pub name: String,
    /// How the gateway is put there (must be given)
    pub via: Via,
    /// For ssh: `user@machine`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh: Option<String>,
    /// Where its files lie; for `files` and `process` relative to the project's folder
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// The address and port that its gateway listens on instead of gateway.listen
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// The address at which cameras reach it (https://...)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub url: Option<Url>,
}

/// How a gateway is put on a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// The systemd unit and the Compose file are written into `folder`; somebody starts them
    Files,
    /// A systemd unit on this machine
    Systemd,
    /// A systemd unit on another machine, over ssh
    Ssh,
    /// A process of this machine that goes on when wildcam ends; for one machine, and to try things out
    Process,
}

/// `[clouds.NAME.database]`: a PostgreSQL server of your own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatabaseTable {
    /// The address with which databases and roles are made: postgres://user:password@host:port/postgres (must be given)
    pub admin: SecretRef,
    /// The password of the role that the gateways use (must be given)
    pub password: SecretRef,
    /// The certificate authority of the server, a PEM file; relative to the project's folder. Absent: the public ones,
    /// or no TLS where the address says sslmode=disable
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<PathBuf>,
}

const fn default_weight() -> u32 {
    1
}

/// Who runs a cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// Amazon Web Services
    Aws,
    /// Microsoft Azure
    Azure,
    /// Google Cloud
    Gcp,
    /// A store of your own: S3 at an endpoint, or a folder
    Custom,
}

impl Provider {
    /// As it is written in wildcam.toml.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Azure => "azure",
            Self::Gcp => "gcp",
            Self::Custom => "custom",
        }
    }
}

/// `[clouds.NAME.store]` as it is written; [`Store`](crate::project::Store) is what it means for the provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreTable {
    /// A folder on this machine instead of a service (custom only); relative to the project's folder
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// The address of the service; custom needs it unless `path` is given, the others know their own
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub endpoint: Option<Url>,
    /// The bucket (aws, gcp, custom); default: wildcam-PROJECT-CLOUD
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// The region of the bucket (aws, custom); default: the first of `regions`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The storage account (azure); default: wildcamPROJECTCLOUD, without hyphens, at most 24 characters
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The container in the account (azure); default: wildcam
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The id of the access key (aws, custom), or the account's key (azure)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key: Option<SecretRef>,
    /// The secret half of the access key (aws, custom)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key: Option<SecretRef>,
    /// The service account's key as JSON (gcp)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account: Option<SecretRef>,
    /// The certificate authority of the endpoint, a PEM file; relative to the project's folder
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<PathBuf>,
}
