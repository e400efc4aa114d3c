//! The wildcam.toml of a gateway: the project's own, for the one environment, without what a gateway does not need. Every
//! secret becomes an environment variable, every file that it names lies beside it.

use std::collections::BTreeMap;

use super::{
    super::super::control::{Failure, FailureKind},
    bundle::Request,
    invalid,
};
use crate::project::{Project, SecretRef, Settings, Store, Via, gateway_variable};

/// The certificate's name in the folder.
pub(super) const CERTIFICATE: &str = "certificate.pem";

/// The largest certificate file.
const LARGEST_PEM: usize = 1 << 20;

fn file(project: &Project, what: &str, path: &std::path::Path) -> Result<Vec<u8>, Failure> {
    let path = project.path(path);
    let bytes = std::fs::read(&path).map_err(|error| invalid(format!("{what} {}: {error}", path.display())))?;
    if bytes.len() > LARGEST_PEM {
        return Err(invalid(format!("{what} {} is larger than 1 MiB", path.display())));
    }
    Ok(bytes)
}

/// The text; the files that it names are put into `files`.
pub(super) fn render(request: &Request<'_>, files: &mut BTreeMap<String, Vec<u8>>) -> Result<String, Failure> {
    let project = request.project;
    let mut settings = project.settings.clone();
    let given = |key: &str| -> Option<SecretRef> {
        let name = gateway_variable(key);
        request.variables.contains(&name).then_some(SecretRef::Env(name))
    };
    for (name, cloud) in &mut settings.clouds {
        cloud.hosts = Vec::new();
        cloud.database = None;
        cloud.endpoint = None;
        cloud.endpoints = BTreeMap::new();
        cloud.authority = None;
        let store = &mut cloud.store;
        store.access_key = given(&format!("clouds.{name}.store.access_key"));
        store.secret_key = given(&format!("clouds.{name}.store.secret_key"));
        store.service_account = given(&format!("clouds.{name}.store.service_account"));
        if let Some(path) = store.authority.take() {
            let own = format!("authority-{name}.pem");
            files.insert(own.clone(), file(project, "the authority", &path)?);
            store.authority = Some(own.into());
        }
        if let Some(Store::Folder { path }) = project.stores.get(name) {
            if request.via != Via::Process {
                let message =
                    format!("the store of {name} is a folder of this machine, and only a process of it can use it");
                return Err(Failure::new(FailureKind::Unsupported, super::KIND, message)
                    .next_step(format!("give {name} a store at an address, or the host via = \"process\"")));
            }
            let path = std::path::absolute(path).map_err(|error| invalid(error.to_string()))?;
            store.path = Some(path);
        }
    }
    let gateway = &mut settings.gateway;
    gateway.listen = request.listen;
    gateway.index_path = "data/index.sqlite".into();
    gateway.signing_key = given("gateway.signing_key");
    let Some(tls) = &mut gateway.tls else {
        return Err(invalid("[gateway.tls] is not set, and a gateway speaks nothing but TLS")
            .next_step("set gateway.tls.certificate and gateway.tls.key in wildcam.toml"));
    };
    files.insert(CERTIFICATE.to_owned(), file(project, "the certificate", &tls.certificate)?);
    tls.certificate = CERTIFICATE.into();
    tls.key = given("gateway.tls.key").ok_or_else(|| missing("gateway.tls.key"))?;
    settings.fleet.online_key = given("fleet.online_key");
    if gateway.signing_key.is_none() && settings.fleet.online_key.is_none() {
        return Err(missing("fleet.online_key"));
    }
    settings.deploy = Default::default();
    settings.ci = Default::default();
    settings.notify = Default::default();
    write(&settings)
}

fn missing(key: &str) -> Failure {
    invalid(format!("the gateway is not given the secret {key}"))
        .next_step(format!("set {key} in wildcam.toml, and {} under Secrets of the gateway", gateway_variable(key)))
}

fn write(settings: &Settings) -> Result<String, Failure> {
    let text =
        toml::to_string(settings).map_err(|error| invalid(format!("wildcam.toml cannot be written: {error}")))?;
    Ok(format!("# Written by wildcam deploy: a change here is seen as drift and undone.\n{text}"))
}
