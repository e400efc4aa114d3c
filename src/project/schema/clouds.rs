//! `[clouds.NAME]`: where the pictures lie and the gateways run.

use std::path::PathBuf;

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
    /// The object store
    #[serde(default)]
    pub store: StoreTable,
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
