//! What `[clouds.NAME.store]` means for its provider.

use std::path::{Path, PathBuf};

use url::Url;

use super::{
    SecretRef,
    schema::{Cloud, Provider, StoreTable},
};

/// One cloud's object store, with every default filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// A folder on this machine.
    Folder {
        /// The folder, joined to the project's.
        path: PathBuf,
    },
    /// The S3 protocol: Amazon's, or one of your own.
    S3 {
        /// The address; absent: Amazon's for the region.
        endpoint: Option<Url>,
        /// The bucket.
        bucket: String,
        /// The region that requests are signed for.
        region: String,
        /// The id of the access key; absent: the credentials of the machine.
        access_key: Option<SecretRef>,
        /// Its secret half.
        secret_key: Option<SecretRef>,
        /// The certificate authority of the endpoint (PEM), joined to the project's folder; absent: the public ones.
        authority: Option<PathBuf>,
    },
    /// Azure Blob Storage.
    Azure {
        /// The address; absent: the account's public one.
        endpoint: Option<Url>,
        /// The storage account.
        account: String,
        /// The container.
        container: String,
        /// The account's key; absent: the identity of the machine.
        access_key: Option<SecretRef>,
        /// As for S3.
        authority: Option<PathBuf>,
    },
    /// Google Cloud Storage.
    Gcs {
        /// The address; absent: the public one.
        endpoint: Option<Url>,
        /// The bucket.
        bucket: String,
        /// The service account's key (JSON); absent: the identity of the machine.
        service_account: Option<SecretRef>,
        /// As for S3.
        authority: Option<PathBuf>,
    },
}

/// What is wrong with a store, and the key that says so.
pub(super) struct Misfit {
    pub(super) key: &'static str,
    pub(super) message: String,
    pub(super) help: String,
}

impl Misfit {
    fn new(key: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { key, message: message.into(), help: help.into() }
    }
}

impl Store {
    /// Fills in the defaults of the provider.
    pub(super) fn resolve(project: &str, name: &str, cloud: &Cloud, dir: &Path) -> Result<Self, Misfit> {
        let table = &cloud.store;
        refuse_foreign_keys(cloud.provider, table)?;
        let authority = table.authority.as_ref().map(|path| dir.join(path));
        let bucket = || table.bucket.clone().unwrap_or_else(|| format!("wildcam-{project}-{name}"));
        let region = || table.region.clone().or_else(|| cloud.regions.first().cloned());
        let endpoint = table.endpoint.clone();
        if let Some(url) = &endpoint
            && (!matches!(url.scheme(), "http" | "https") || url.host().is_none())
        {
            return Err(Misfit::new(
                "endpoint",
                "an endpoint begins with https:// or http://",
                "write scheme://host:port",
            ));
        }
        if endpoint.as_ref().is_some_and(|url| !url.username().is_empty() || url.password().is_some()) {
            return Err(Misfit::new(
                "endpoint",
                "an endpoint carries no user name and no password",
                "name them with access_key and secret_key",
            ));
        }
        Ok(match cloud.provider {
            Provider::Custom => {
                if let Some(path) = &table.path {
                    return Ok(Self::Folder { path: dir.join(path) });
                }
                if endpoint.is_none() {
                    return Err(Misfit::new(
                        "endpoint",
                        format!(
                            "the custom cloud `{name}` says neither where its store answers nor where its folder is"
                        ),
                        "add endpoint = \"https://...\" (S3), or path = \"folder\", to its store",
                    ));
                }
                let region = region().unwrap_or_else(|| "us-east-1".to_owned());
                Self::s3(table, endpoint, bucket(), region, authority)?
            }
            Provider::Aws => {
                let region = region().ok_or_else(|| missing_region(name))?;
                Self::s3(table, endpoint, bucket(), region, authority)?
            }
            Provider::Azure => Self::Azure {
                endpoint,
                account: table.account.clone().unwrap_or_else(|| default_account(project, name)),
                container: table.container.clone().unwrap_or_else(|| "wildcam".to_owned()),
                access_key: table.access_key.clone(),
                authority,
            },
            Provider::Gcp => {
                Self::Gcs { endpoint, bucket: bucket(), service_account: table.service_account.clone(), authority }
            }
        })
    }

    fn s3(
        table: &StoreTable,
        endpoint: Option<Url>,
        bucket: String,
        region: String,
        authority: Option<PathBuf>,
    ) -> Result<Self, Misfit> {
        let (access_key, secret_key) = (table.access_key.clone(), table.secret_key.clone());
        let alone = match (&access_key, &secret_key) {
            (Some(_), None) => Some(("access_key", "secret_key")),
            (None, Some(_)) => Some(("secret_key", "access_key")),
            _ => None,
        };
        if let Some((given, other)) = alone {
            let message = format!("`{given}` is given without `{other}`");
            return Err(Misfit::new(given, message, format!("add {other} = \"env:NAME\"")));
        }
        Ok(Self::S3 { endpoint, bucket, region, access_key, secret_key, authority })
    }

    /// Where the objects lie, in a form that is equal for two stores in the same place.
    pub(super) fn place(&self) -> String {
        let at = |endpoint: &Option<Url>, default: &str| endpoint.as_ref().map_or(default.to_owned(), Url::to_string);
        match self {
            Self::Folder { path } => format!("folder {}", path.display()),
            Self::S3 { endpoint, bucket, .. } => format!("{} {bucket}", at(endpoint, "s3")),
            Self::Azure { endpoint, account, container, .. } => {
                format!("{} {account} {container}", at(endpoint, "azure"))
            }
            Self::Gcs { endpoint, bucket, .. } => format!("{} {bucket}", at(endpoint, "gcs")),
        }
    }
}

fn missing_region(name: &str) -> Misfit {
    Misfit::new(
        "region",
        format!("the cloud `{name}` has no region"),
        "add regions = [\"...\"] to the cloud, or region to its store",
    )
}

/// Account names hold 3 to 24 lower-case letters and digits.
fn default_account(project: &str, name: &str) -> String {
    format!("wildcam{project}{name}").chars().filter(char::is_ascii_alphanumeric).take(24).collect()
}

fn refuse_foreign_keys(provider: Provider, table: &StoreTable) -> Result<(), Misfit> {
    use Provider::{Aws, Azure, Custom, Gcp};
    let keys: [(&'static str, bool, &[Provider]); 9] = [
        ("path", table.path.is_some(), &[Custom]),
        ("endpoint", table.endpoint.is_some(), &[Aws, Azure, Gcp, Custom]),
        ("bucket", table.bucket.is_some(), &[Aws, Gcp, Custom]),
        ("region", table.region.is_some(), &[Aws, Custom]),
        ("account", table.account.is_some(), &[Azure]),
        ("container", table.container.is_some(), &[Azure]),
        ("access_key", table.access_key.is_some(), &[Aws, Azure, Custom]),
        ("secret_key", table.secret_key.is_some(), &[Aws, Custom]),
        ("service_account", table.service_account.is_some(), &[Gcp]),
    ];
    for (key, given, providers) in keys {
        if given && !providers.contains(&provider) {
            let of: Vec<&str> = providers.iter().map(|provider| provider.as_str()).collect();
            return Err(Misfit::new(
                key,
                format!("`{key}` is no key of a store of provider \"{}\"", provider.as_str()),
                format!("it belongs to: {}", of.join(", ")),
            ));
        }
    }
    if table.path.is_some() {
        let with_path = keys.iter().find(|(key, given, _)| *given && *key != "path");
        if let Some((key, ..)) = with_path {
            let message = format!("`{key}` and `path` exclude each other: a folder needs nothing else");
            return Err(Misfit::new(key, message, "keep one of them"));
        }
    }
    Ok(())
}
