//! The one function that turns a cloud of wildcam.toml into an object store.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use object_store::{
    ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut},
    azure::MicrosoftAzureBuilder,
    client::{ClientOptions, HttpClient, HttpConnector},
    gcp::GoogleCloudStorageBuilder,
};
use url::Url;

use super::{folder::Folder, identity};
use crate::{
    clock::Clock,
    net::client::{self, Connector},
    project::{Secret, SecretError, SecretRef, Store},
};

/// Why a cloud has no object store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A secret was not found.
    #[error("the credentials of the store of {cloud} cannot be had")]
    Secret {
        /// The cloud.
        cloud: String,
        /// Why not.
        source: SecretError,
    },
    /// The certificate authority cannot be read.
    #[error("the authority {path} of the store of {cloud} cannot be read")]
    Authority {
        /// The cloud.
        cloud: String,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The HTTP client cannot be set up.
    #[error("the connection to the store of {cloud} cannot be set up")]
    Client {
        /// The cloud.
        cloud: String,
        /// Why not.
        source: client::Error,
    },
    /// The folder of the store cannot be made.
    #[error("the folder {path} of the store of {cloud} cannot be used")]
    Folder {
        /// The cloud.
        cloud: String,
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The adapter refuses its settings.
    #[error("the settings of the store of {cloud} are refused")]
    Settings {
        /// The cloud.
        cloud: String,
        /// Why.
        source: object_store::Error,
    },
}

/// The object store of the cloud `name`. Secrets are looked up under `base_dir` and with `env_lookup`, which reads an
/// environment variable; where the project names no credentials those that the provider's own tools read are used.
/// `connector` puts the store on another network, for simulations.
///
/// The adapters do not retry by themselves: `net::retry` is the one policy, and a gateway's healer is another.
///
/// # Errors
/// When a secret, an authority or a folder cannot be had, or the adapter refuses the settings.
pub fn objects(
    name: &str,
    store: &Store,
    base_dir: &Path,
    env_lookup: &dyn Fn(&str) -> Option<String>,
    connector: Option<Arc<dyn HttpConnector>>,
) -> Result<Arc<dyn ObjectStore>, Error> {
    let cloud = Cloud { name, base_dir, env_lookup, connector };
    match store {
        Store::Folder { path } => cloud.folder(path),
        Store::S3 { endpoint, bucket, region, access_key, secret_key, authority } => {
            let connector = cloud.connect(authority.as_deref())?;
            let client = connector.connect(&ClientOptions::new()).map_err(|source| cloud.refused(source))?;
            let mut builder = AmazonS3Builder::new()
                .with_bucket_name(bucket)
                .with_region(region)
                .with_conditional_put(S3ConditionalPut::ETagMatch)
                .with_retry(no_retry())
                .with_http_connector(connector);
            if let Some(endpoint) = endpoint {
                builder = builder
                    .with_endpoint(address(endpoint))
                    .with_virtual_hosted_style_request(false)
                    .with_allow_http(endpoint.scheme() == "http");
            }
            let id = cloud.secret_or(access_key.as_ref(), "AWS_ACCESS_KEY_ID")?;
            let secret = cloud.secret_or(secret_key.as_ref(), "AWS_SECRET_ACCESS_KEY")?;
            if let (Some(id), Some(secret)) = (id, secret) {
                builder = builder.with_access_key_id(id.expose()).with_secret_access_key(secret.expose());
                // A session belongs to the credentials of the environment, never to those of the project.
                if let Some(token) = env_lookup("AWS_SESSION_TOKEN").filter(|_| access_key.is_none()) {
                    builder = builder.with_token(token);
                }
            } else if let (Some(file), Some(role)) =
                (cloud.variable("AWS_WEB_IDENTITY_TOKEN_FILE"), cloud.variable("AWS_ROLE_ARN"))
            {
                let session = cloud.variable("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "wildcam".to_owned());
                builder = builder
                    .with_config(AmazonS3ConfigKey::WebIdentityTokenFile, file)
                    .with_config(AmazonS3ConfigKey::RoleArn, role)
                    .with_config(AmazonS3ConfigKey::RoleSessionName, session);
                if let Some(url) = cloud.variable("AWS_ENDPOINT_URL_STS") {
                    builder = builder.with_config(AmazonS3ConfigKey::StsEndpoint, url);
                }
            } else if let Some(task) = identity::of_task(env_lookup).map_err(|source| cloud.refused(source))? {
                builder = builder.with_credentials(Arc::new(task.for_keys(client, Clock::system())));
            }
            cloud.built(builder.build())
        }
        Store::Azure { endpoint, account, container, access_key, authority } => {
            let connector = cloud.connect(authority.as_deref())?;
            let client = connector.connect(&ClientOptions::new()).map_err(|source| cloud.refused(source))?;
            let mut builder = MicrosoftAzureBuilder::new()
                .with_account(account)
                .with_container_name(container)
                .with_retry(no_retry())
                .with_http_connector(connector);
            if let Some(endpoint) = endpoint {
                builder = builder.with_endpoint(address(endpoint)).with_allow_http(endpoint.scheme() == "http");
            }
            if let Some(key) = cloud.secret_or(access_key.as_ref(), "AZURE_STORAGE_ACCOUNT_KEY")? {
                builder = builder.with_access_key(key.expose());
            } else if let (Some(client), Some(secret), Some(tenant)) =
                (env_lookup("AZURE_CLIENT_ID"), env_lookup("AZURE_CLIENT_SECRET"), env_lookup("AZURE_TENANT_ID"))
            {
                builder = builder.with_client_secret_authorization(client, secret, tenant);
            } else if let Some(app) = identity::of_app(env_lookup).map_err(|source| cloud.refused(source))? {
                builder = builder.with_credentials(Arc::new(app.for_token(client, Clock::system())));
            } else if let Some(id) = cloud.variable("AZURE_CLIENT_ID") {
                // A workload's federated token, or the one of several identities of a machine that is meant.
                builder = builder.with_client_id(id);
                if let (Some(tenant), Some(file)) =
                    (cloud.variable("AZURE_TENANT_ID"), cloud.variable("AZURE_FEDERATED_TOKEN_FILE"))
                {
                    builder = builder.with_tenant_id(tenant).with_federated_token_file(file);
                }
            }
            cloud.built(builder.build())
        }
        Store::Gcs { endpoint, bucket, service_account, authority } => {
            let mut builder = GoogleCloudStorageBuilder::new()
                .with_bucket_name(bucket)
                .with_retry(no_retry())
                .with_http_connector(cloud.connect(authority.as_deref())?);
            if let Some(endpoint) = endpoint {
                builder = builder.with_base_url(&address(endpoint));
            }
            if let Some(reference) = service_account {
                builder = builder.with_service_account_key(cloud.secret(reference)?.expose());
            } else if let Some(path) = env_lookup("GOOGLE_APPLICATION_CREDENTIALS") {
                builder = builder.with_application_credentials(path);
            }
            cloud.built(builder.build())
        }
    }
}

fn no_retry() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

/// The address without the slash that [`Url`] puts behind a bare host, which adapters would double.
fn address(endpoint: &Url) -> String {
    endpoint.as_str().trim_end_matches('/').to_owned()
}

struct Cloud<'a> {
    name: &'a str,
    base_dir: &'a Path,
    env_lookup: &'a dyn Fn(&str) -> Option<String>,
    connector: Option<Arc<dyn HttpConnector>>,
}

impl Cloud<'_> {
    fn secret(&self, reference: &SecretRef) -> Result<Secret, Error> {
        reference
            .resolve(self.base_dir, self.env_lookup)
            .map_err(|source| Error::Secret { cloud: self.name.to_owned(), source })
    }

    fn secret_or(&self, reference: Option<&SecretRef>, variable: &str) -> Result<Option<Secret>, Error> {
        match reference {
            Some(reference) => self.secret(reference).map(Some),
            None => Ok((self.env_lookup)(variable).filter(|text| !text.is_empty()).map(Secret::new)),
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        (self.env_lookup)(name).filter(|text| !text.is_empty())
    }

    fn refused(&self, source: object_store::Error) -> Error {
        Error::Settings { cloud: self.name.to_owned(), source }
    }

    fn connect(&self, authority: Option<&Path>) -> Result<Shared, Error> {
        if let Some(connector) = &self.connector {
            return Ok(Shared(Arc::clone(connector)));
        }
        let pem = match authority {
            Some(path) => Some(std::fs::read_to_string(path).map_err(|source| Error::Authority {
                cloud: self.name.to_owned(),
                path: path.to_owned(),
                source,
            })?),
            None => None,
        };
        let connector =
            Connector::new(pem.as_deref()).map_err(|source| Error::Client { cloud: self.name.to_owned(), source })?;
        Ok(Shared(Arc::new(connector)))
    }

    fn folder(&self, path: &Path) -> Result<Arc<dyn ObjectStore>, Error> {
        std::fs::create_dir_all(path).map_err(|source| Error::Folder {
            cloud: self.name.to_owned(),
            path: path.to_owned(),
            source,
        })?;
        self.built(Folder::open(path))
    }

    fn built<T: ObjectStore>(&self, store: object_store::Result<T>) -> Result<Arc<dyn ObjectStore>, Error> {
        match store {
            Ok(store) => Ok(Arc::new(store)),
            Err(source) => Err(Error::Settings { cloud: self.name.to_owned(), source }),
        }
    }
}

/// A connector that several stores may share.
#[derive(Debug)]
struct Shared(Arc<dyn HttpConnector>);

impl HttpConnector for Shared {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        self.0.connect(options)
    }
}

#[cfg(test)]
mod tests {
    use object_store::{ObjectStoreExt, PutMode};

    use super::*;

    fn nothing(_: &str) -> Option<String> {
        None
    }

    #[tokio::test]
    async fn a_folder_is_made_and_takes_each_object_once() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::Folder { path: place.path().join("new/folder") };
        let objects = objects("here", &store, place.path(), &nothing, None).unwrap();
        let key = "detections/one".into();
        objects.put_opts(&key, "1".into(), PutMode::Create.into()).await.unwrap();
        let again = objects.put_opts(&key, "2".into(), PutMode::Create.into()).await;
        assert!(matches!(again, Err(object_store::Error::AlreadyExists { .. })));
        assert_eq!(objects.get(&key).await.unwrap().bytes().await.unwrap(), "1");
    }

    #[test]
    fn every_provider_is_built_and_a_missing_secret_is_named() {
        let place = tempfile::tempdir().unwrap();
        let env = |name: &str| (name == "KEY").then(|| "a2V5".to_owned());
        let key: SecretRef = "env:KEY".parse().unwrap();
        let endpoint = Some("https://127.0.0.1:9".parse().unwrap());
        let s3 = |access_key| Store::S3 {
            endpoint: endpoint.clone(),
            bucket: "bucket".to_owned(),
            region: "eu-central-1".to_owned(),
            access_key: Some(access_key),
            secret_key: Some(key.clone()),
            authority: None,
        };
        objects("a", &s3(key.clone()), place.path(), &env, None).unwrap();
        let absent = objects("a", &s3("env:ABSENT".parse().unwrap()), place.path(), &env, None).unwrap_err();
        assert!(matches!(absent, Error::Secret { cloud, .. } if cloud == "a"));
        let azure = Store::Azure {
            endpoint: None,
            account: "account".to_owned(),
            container: "container".to_owned(),
            access_key: Some(key),
            authority: None,
        };
        objects("b", &azure, place.path(), &env, None).unwrap();
        let missing = Store::Gcs {
            endpoint: None,
            bucket: "bucket".to_owned(),
            service_account: None,
            authority: Some(place.path().join("absent.pem")),
        };
        let error = objects("c", &missing, place.path(), &env, None).unwrap_err();
        assert!(matches!(error, Error::Authority { .. }), "{error}");
    }
}
