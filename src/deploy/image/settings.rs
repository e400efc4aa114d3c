//! The project file of a gateway in a container: what a gateway needs of wildcam.toml, with every secret named by an
//! environment variable, and the public files that it names.

use std::path::{Path, PathBuf};

use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::{FOLDER, STATE, certificates};
use crate::{
    deploy::gateway_secrets::{GatewaySecret, gateway_secrets},
    project::{self, Project, Provider, SecretRef, Settings, Store},
};

/// The largest public file that is put in: a chain with some certificates is far below it.
const MOST_PUBLIC_BYTES: u64 = 1 << 20;

const HEAD: &str = "# Written by wildcam gateway image. Secrets come from the environment.\n\n";

/// Why a project cannot go into an image.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such cloud.
    #[error("wildcam.toml has no cloud {0}")]
    NoCloud(String),
    /// A store is a folder, which a container would lose or never see.
    #[error(
        "the store of {cloud} is a folder ({}): a container {}",
        path.display(),
        if *relative { "has no project folder beside it" } else { "of a provider does not see it" }
    )]
    Folder {
        /// The cloud of the store.
        cloud: String,
        /// The folder.
        path: PathBuf,
        /// Whether it could be used were it written as an absolute path.
        relative: bool,
    },
    /// A public file cannot be read.
    #[error("{key} names {}, which cannot be read", path.display())]
    Unreadable {
        /// The key of wildcam.toml.
        key: String,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file that should be public holds a private key.
    #[error("{key} names {}, which holds a private key: an image is no place for one", path.display())]
    PrivateKey {
        /// The key of wildcam.toml.
        key: String,
        /// The file.
        path: PathBuf,
    },
    /// A file that should hold certificates holds none.
    #[error("{key} names {}, which holds no certificate in PEM", path.display())]
    NoCertificate {
        /// The key of wildcam.toml.
        key: String,
        /// The file.
        path: PathBuf,
    },
    /// The settings cannot be written as TOML.
    #[error("the gateway's settings cannot be written")]
    Unwritable(#[from] toml::ser::Error),
    /// A secret is named that the container would not get.
    #[error("the gateway's settings would name a secret at {key} that the container does not get")]
    Unprovided {
        /// The key of wildcam.toml.
        key: String,
    },
    /// What was written is not what a gateway would read.
    #[error("the gateway's settings do not read back")]
    Misread(#[source] Box<project::Error>),
}

impl Error {
    /// What to do about it, where there is something.
    #[must_use]
    pub fn next_step(&self) -> Option<String> {
        Some(match self {
            Self::Folder { cloud, relative: true, .. } => {
                format!(
                    "write an absolute path for clouds.{cloud}.store.path, and mount that folder into the container"
                )
            }
            Self::Folder { cloud, .. } => format!("give clouds.{cloud}.store an endpoint that the container can reach"),
            Self::PrivateKey { key, .. } => format!(
                "let {key} name a file with nothing but certificates; a key is named with \"env:NAME\" or \"file:PATH\""
            ),
            Self::NoCertificate { key, .. } => format!("put the certificates (PEM) into the file that {key} names"),
            _ => return None,
        })
    }
}

/// What goes into the container's [`FOLDER`].
#[derive(Clone, Debug)]
pub struct Inside {
    /// The project file.
    pub text: String,
    /// The public files, by their path in the image, without a slash in front.
    pub files: Vec<(String, Vec<u8>)>,
    /// The secrets that the container's environment must hold.
    pub secrets: Vec<GatewaySecret>,
    /// TLS ends at the provider, in front of the container.
    pub behind_tls: bool,
    /// The gateway speaks TLS itself, with the certificate among the files.
    pub own_tls: bool,
}

/// Makes the project file of the gateways of the cloud `own`.
///
/// # Errors
/// When the project cannot go into a container as it is.
pub fn inside(project: &Project, own: &str) -> Result<Inside, Error> {
    let provider = project.settings.clouds.get(own).ok_or_else(|| Error::NoCloud(own.to_owned()))?.provider;
    let behind_tls = ends_tls(project, provider);
    refuse_folders(project, provider != Provider::Custom)?;
    let mut secrets = gateway_secrets(project, own);
    if behind_tls {
        secrets.retain(|secret| secret.key != "gateway.tls.key");
    }
    let mut files = Vec::new();
    let mut settings = needed(project, behind_tls);
    rename_secrets(&mut settings, &secrets);
    for (name, cloud) in &mut settings.clouds {
        if let Some(path) = &mut cloud.store.authority {
            let (key, inner) = (format!("clouds.{name}.store.authority"), format!("authorities/{name}.pem"));
            files.push((format!("etc/wildcam/{inner}"), public(&key, &project.path(path))?));
            *path = PathBuf::from(inner);
        }
    }
    if let Some(tls) = &mut settings.gateway.tls {
        let inner = "gateway.pem";
        files.push((
            format!("etc/wildcam/{inner}"),
            public("gateway.tls.certificate", &project.path(&tls.certificate))?,
        ));
        tls.certificate = PathBuf::from(inner);
    }
    let own_tls = settings.gateway.tls.is_some();
    let text = format!("{HEAD}{}", toml::to_string(&settings)?);
    verify(&text, &secrets)?;
    Ok(Inside { text, files, secrets, behind_tls, own_tls })
}

/// Whether what stands in front of the containers ends TLS. Amazon's balancer does so where it can have a certificate, which
/// takes a zone; else it passes connections through, and the gateway speaks TLS itself.
fn ends_tls(project: &Project, provider: Provider) -> bool {
    match provider {
        Provider::Azure | Provider::Gcp => true,
        Provider::Aws => project.settings.deploy.zone.is_some(),
        Provider::Custom => false,
    }
}

fn refuse_folders(project: &Project, is_provided: bool) -> Result<(), Error> {
    for (name, store) in &project.stores {
        if !matches!(store, Store::Folder { .. }) {
            continue;
        }
        let written = project.settings.clouds.get(name).and_then(|cloud| cloud.store.path.clone());
        let path = written.unwrap_or_default();
        if is_provided || !path.is_absolute() {
            return Err(Error::Folder { cloud: name.clone(), path, relative: !is_provided });
        }
    }
    Ok(())
}

/// The settings without what only other commands read: who may deploy, with what, and who is told.
fn needed(project: &Project, behind_tls: bool) -> Settings {
    let mut settings = project.settings.clone();
    settings.budget = Default::default();
    settings.deploy = Default::default();
    settings.ci = Default::default();
    settings.drill = Default::default();
    settings.runbooks = Default::default();
    settings.notify = Default::default();
    settings.firmware = Default::default();
    for cloud in settings.clouds.values_mut() {
        cloud.account = None;
        cloud.endpoint = None;
        cloud.endpoints.clear();
        cloud.authority = None;
        cloud.hosts.clear();
        cloud.database = None;
    }
    if behind_tls {
        settings.gateway.tls = None;
    }
    settings.gateway.listen = ([0, 0, 0, 0], super::port(&settings)).into();
    settings.gateway.index_path = Path::new(STATE).join("index.sqlite");
    settings
}

/// Every reference becomes the variable under which the container has it; what it does not have goes.
fn rename_secrets(settings: &mut Settings, secrets: &[GatewaySecret]) {
    let variable = |key: &str| {
        secrets.iter().find(|secret| secret.key == key).map(|secret| SecretRef::Env(secret.variable.clone()))
    };
    for (name, cloud) in &mut settings.clouds {
        let store = &mut cloud.store;
        store.access_key = variable(&format!("clouds.{name}.store.access_key"));
        store.secret_key = variable(&format!("clouds.{name}.store.secret_key"));
        store.service_account = variable(&format!("clouds.{name}.store.service_account"));
    }
    settings.gateway.signing_key = variable("gateway.signing_key");
    settings.fleet.online_key = variable("fleet.online_key");
    if let Some(tls) = &mut settings.gateway.tls
        && let Some(reference) = variable("gateway.tls.key")
    {
        tls.key = reference;
    }
}

/// The certificates of a file and nothing else of it: what stands around them may be anything.
fn public(key: &str, path: &Path) -> Result<Vec<u8>, Error> {
    use std::io::Read;
    let unreadable = |source| Error::Unreadable { key: key.to_owned(), path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MOST_PUBLIC_BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
    if holds_private_key(&bytes) {
        return Err(Error::PrivateKey { key: key.to_owned(), path: path.to_owned() });
    }
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(certificates::pem(&found).into_bytes()),
        _ => Err(Error::NoCertificate { key: key.to_owned(), path: path.to_owned() }),
    }
}

/// Whether a PEM section of any kind of private key begins in the text.
fn holds_private_key(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'\n').any(|line| {
        memchr::memmem::find(line, b"-----BEGIN ").is_some() && memchr::memmem::find(line, b"PRIVATE KEY").is_some()
    })
}

/// Reads the text as the gateway will, and makes sure that it names no secret which the container does not have.
fn verify(text: &str, secrets: &[GatewaySecret]) -> Result<(), Error> {
    let path = Path::new(FOLDER).join(project::FILE_NAME);
    let read = Project::parse(text, &path, Path::new(FOLDER), None).map_err(|error| Error::Misread(Box::new(error)))?;
    let has = |reference: &SecretRef| matches!(reference, SecretRef::Env(name) if secrets.iter().any(|secret| secret.variable == *name));
    match read.secrets().into_iter().find(|(_, reference)| !has(reference)) {
        None => Ok(()),
        Some((key, _)) => Err(Error::Unprovided { key }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
[project]
name = "reserve"
[clouds.aws]
provider = "aws"
regions = ["eu-central-1"]
account = "123456789012"
store = { access_key = "env:AWS_ACCESS_KEY_ID", secret_key = "env:AWS_SECRET_ACCESS_KEY" }
[clouds.site]
provider = "custom"
[clouds.site.store]
endpoint = "https://store.example:9000"
authority = "authority.pem"
access_key = "env:SITE_ID"
secret_key = "file:secrets/site"
[clouds.site.database]
admin = "env:PG_ADMIN"
password = "env:PG_PASSWORD"
[gateway]
tls = { certificate = "chain.pem", key = "file:secrets/tls.pem" }
[fleet]
online_key = "file:secrets/online.pem"
[notify]
webhook = "env:HOOK"
[deploy]
state_key = "env:STATE_KEY"
zone = "reserve.example"
[env.staging.fleet]
report_interval = "1m"
"#;

    fn project(folder: &Path, text: &str) -> Project {
        let authority = rcgen::generate_simple_self_signed(vec!["store.example".to_owned()]).unwrap();
        let pem = format!("subject=/CN=store\n{}", authority.cert.pem());
        std::fs::write(folder.join("authority.pem"), pem).unwrap();
        std::fs::write(folder.join("chain.pem"), authority.cert.pem()).unwrap();
        Project::parse(text, &folder.join("wildcam.toml"), folder, Some("staging")).unwrap()
    }

    #[test]
    fn it_listens_on_the_port_that_the_templates_lead_to() {
        let folder = tempfile::tempdir().unwrap();
        for (listen, port) in [("127.0.0.1:9000", 9000), ("127.0.0.1:0", 8443)] {
            let text = TEXT.replace("[gateway]", &format!("[gateway]\nlisten = '{listen}'"));
            let project = project(folder.path(), &text);
            let inside = inside(&project, "aws").unwrap();
            let read = Project::parse(&inside.text, Path::new("x"), Path::new("/etc/wildcam"), None).unwrap();
            assert_eq!(read.settings.gateway.listen, ([0, 0, 0, 0], port).into());
            assert_eq!(crate::deploy::image::port(&project.settings), port);
        }
    }

    #[test]
    fn a_providers_gateway_gets_what_it_needs_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let project = project(folder.path(), TEXT);
        let inside = inside(&project, "aws").unwrap();
        assert!(inside.behind_tls && !inside.own_tls);
        let variables: Vec<&str> = inside.secrets.iter().map(|secret| secret.variable.as_str()).collect();
        assert_eq!(
            variables,
            [
                "WILDCAM_CLOUDS_SITE_STORE_ACCESS_KEY",
                "WILDCAM_CLOUDS_SITE_STORE_SECRET_KEY",
                "WILDCAM_FLEET_ONLINE_KEY"
            ]
        );
        for absent in ["123456789012", "AWS_", "PG_", "HOOK", "STATE_KEY", "file:", "secrets/", "chain.pem", "[env"] {
            assert!(!inside.text.contains(absent), "{absent} in {}", inside.text);
        }
        let read = Project::parse(&inside.text, Path::new("x"), Path::new("/etc/wildcam"), None).unwrap();
        assert_eq!(read.settings.fleet.report_interval.get().as_secs(), 60, "the environment was laid over it");
        assert_eq!(read.settings.gateway.index_path, Path::new("/var/lib/wildcam/index.sqlite"));
        assert_eq!(read.settings.gateway.listen.to_string(), "0.0.0.0:8443");
        let [(name, bytes)] = inside.files.as_slice() else { panic!("{:?}", inside.files) };
        assert_eq!(name, "etc/wildcam/authorities/site.pem");
        assert!(bytes.starts_with(b"-----BEGIN CERTIFICATE-----"), "only the certificate of the file");
    }

    #[test]
    fn without_a_zone_nobody_ends_tls_for_a_gateway_at_amazon() {
        let folder = tempfile::tempdir().unwrap();
        let text = TEXT.replace("zone = \"reserve.example\"\n", "");
        let inside = inside(&project(folder.path(), &text), "aws").unwrap();
        assert!(!inside.behind_tls && inside.own_tls);
        assert!(inside.secrets.iter().any(|secret| secret.variable == "WILDCAM_GATEWAY_TLS_KEY"));
    }

    #[test]
    fn a_gateway_of_ones_own_speaks_tls_itself() {
        let folder = tempfile::tempdir().unwrap();
        let inside = inside(&project(folder.path(), TEXT), "site").unwrap();
        assert!(!inside.behind_tls && inside.own_tls);
        assert!(inside.text.contains("env:WILDCAM_GATEWAY_TLS_KEY"), "{}", inside.text);
        assert!(inside.secrets.iter().any(|secret| secret.key == "clouds.aws.store.secret_key"));
        assert_eq!(inside.files.len(), 2);
    }

    #[test]
    fn a_private_key_never_goes_in() {
        let folder = tempfile::tempdir().unwrap();
        let project = project(folder.path(), TEXT);
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let certificate = std::fs::read_to_string(folder.path().join("chain.pem")).unwrap();
        for text in [key.clone(), format!("{certificate}{key}"), key.replace("BEGIN ", "BEGIN ENCRYPTED ")] {
            std::fs::write(folder.path().join("chain.pem"), text).unwrap();
            let error = inside(&project, "site").unwrap_err();
            assert!(matches!(error, Error::PrivateKey { .. }), "{error}");
            assert!(error.next_step().unwrap().contains("gateway.tls.certificate"));
        }
        std::fs::write(folder.path().join("chain.pem"), "nothing").unwrap();
        assert!(matches!(inside(&project, "site"), Err(Error::NoCertificate { .. })));
    }

    #[test]
    fn a_folder_that_the_container_would_not_see_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let text = |path: &str| {
            TEXT.replace("[clouds.site.store]", "[clouds.site.store-left-out]")
                .split("[clouds.site.store-left-out]")
                .next()
                .map(|head| format!("{head}store = {{ path = \"{path}\" }}\n"))
                .unwrap()
        };
        let parsed = |path: &str| Project::parse(&text(path), Path::new("x"), folder.path(), None).unwrap();
        let refused = |path: &str, cloud: &str| inside(&parsed(path), cloud).unwrap_err();
        assert!(matches!(refused("stores/site", "site"), Error::Folder { relative: true, .. }));
        assert!(matches!(refused("/mnt/site", "aws"), Error::Folder { relative: false, .. }));
        assert!(matches!(refused("/mnt/site", "nowhere"), Error::NoCloud(_)));
        inside(&parsed("/mnt/site"), "site").unwrap();
    }
}
