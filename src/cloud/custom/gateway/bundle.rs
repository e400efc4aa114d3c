//! The files of a gateway, rendered: its wildcam.toml, the certificates that it names, and how it is started.

use std::{collections::BTreeMap, net::SocketAddr};

use super::{super::super::control::Failure, project_file, unit};
use crate::project::{Project, Via};

/// What is rendered.
pub(super) struct Request<'a> {
    pub(super) project: &'a Project,
    pub(super) cloud: &'a str,
    /// The gateway's name.
    pub(super) name: &'a str,
    pub(super) listen: SocketAddr,
    pub(super) image: Option<&'a str>,
    pub(super) via: Via,
    /// The unit's name, without `.service`.
    pub(super) unit: &'a str,
    /// The folder as the machine itself names it.
    pub(super) folder: &'a str,
    /// The environment variables that hold the secrets.
    pub(super) variables: &'a [String],
}

/// The files by name. No secret is in them.
pub(super) struct Bundle {
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// What is put after the program's name.
    pub(super) arguments: Vec<String>,
    /// The first certificate of the chain, which the gateway must show.
    pub(super) certificate: Option<String>,
}

impl Bundle {
    pub(super) fn render(request: &Request<'_>) -> Result<Self, Failure> {
        let mut files = BTreeMap::new();
        let text = project_file::render(request, &mut files)?;
        files.insert("wildcam.toml".to_owned(), text.into_bytes());
        let certificate = files.get(project_file::CERTIFICATE).map(|pem| String::from_utf8_lossy(pem).into_owned());
        let listen = request.listen.to_string();
        let arguments: Vec<String> =
            ["gateway", "--cloud", request.cloud, "--name", request.name, "--listen", &listen, "--index"]
                .map(str::to_owned)
                .into();
        match request.via {
            Via::Process => (),
            Via::Systemd | Via::Ssh => {
                let service = unit::service(request, &arguments);
                files.insert(format!("{}.service", request.unit), service.into_bytes());
            }
            Via::Files => {
                let service = unit::service(request, &arguments);
                files.insert(format!("{}.service", request.unit), service.into_bytes());
                files.insert("compose.yaml".to_owned(), unit::compose(request, &arguments).into_bytes());
                files.insert("gateway.env.template".to_owned(), unit::template(request).into_bytes());
            }
        }
        Ok(Self { files, arguments, certificate })
    }

    pub(super) fn digests(&self) -> BTreeMap<String, String> {
        super::digests(&self.files)
    }
}
