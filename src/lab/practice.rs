//! A small project to practise deploying with: three custom clouds that are folders of this machine, each with a gateway as
//! a process.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Error, authority::Authority};
use crate::{
    clock::Clock,
    journal::atomic,
    project,
    release::{self, FileSigner, Role},
};

/// The clouds, which are also the names of their folders.
pub const CLOUDS: [&str; 3] = ["a", "b", "c"];

/// Longer than anybody practises.
const CERTIFICATE: Duration = Duration::from_secs(24 * 60 * 60);

/// The project, written into a folder.
pub struct Practice {
    /// Where wildcam.toml lies.
    pub folder: PathBuf,
    /// The addresses of the gateways, in the order of [`CLOUDS`].
    pub gateways: [String; 3],
    /// The certificate authority of the gateways (PEM).
    pub authority: String,
    /// Signs tokens that the gateways believe.
    pub signer: FileSigner,
}

impl Practice {
    /// Writes wildcam.toml, the keys and the certificate into a new folder.
    ///
    /// # Errors
    /// When a file cannot be written, or no port is free.
    pub fn write(folder: &Path, clock: &Clock) -> Result<Self, Error> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::File { path, source }
        };
        fs::create_dir_all(folder).map_err(failed(folder))?;
        let setting_up = || Error::part("setting up a project to practise with");
        let authority = Authority::create("wildcam practice", clock).map_err(|error| setting_up()(error.into()))?;
        let names = ["localhost".to_owned()];
        let identity = authority
            .issue(&names, &[Ipv4Addr::LOCALHOST.into()], CERTIFICATE)
            .map_err(|error| setting_up()(error.into()))?;
        identity.write(folder, "gateway").map_err(|error| setting_up()(error.into()))?;
        let key = release::generate_key().map_err(|error| setting_up()(error.into()))?;
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            atomic::write_private(&path, text.as_bytes()).map_err(|error| setting_up()(error.into()))
        };
        write("online.key", &key)?;
        write("authority.pem", authority.pem())?;
        let ports = free_ports()?;
        write(project::FILE_NAME, &text(ports))?;
        let signer = FileSigner::from_file(&folder.join("online.key"), Role::Online)
            .map_err(|error| setting_up()(error.into()))?;
        Ok(Self {
            folder: folder.to_owned(),
            gateways: ports.map(|port| format!("https://localhost:{port}")),
            authority: authority.pem().to_owned(),
            signer,
        })
    }
}

/// Ports that nobody has at this moment. All are held until the last is known, so that no two are the same.
fn free_ports() -> Result<[u16; 3], Error> {
    let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|_| Error::NoPort);
    let held = [listen()?, listen()?, listen()?];
    let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port()).map_err(|_| Error::NoPort);
    Ok([port(&held[0])?, port(&held[1])?, port(&held[2])?])
}

fn text(ports: [u16; 3]) -> String {
    let mut text = "# Written by wildcam quickstart: three clouds that are folders here, each with a gateway.\n\
                    [project]\nname = \"practice\"\n\n"
        .to_owned();
    for (cloud, port) in CLOUDS.iter().zip(ports) {
        text.push_str(&format!(
            "[clouds.{cloud}]\nprovider = \"custom\"\nstore = {{ path = \"{cloud}\" }}\n\n\
             [[clouds.{cloud}.hosts]]\nname = \"here\"\nvia = \"process\"\nfolder = \"gateway-{cloud}\"\n\
             listen = \"127.0.0.1:{port}\"\nurl = \"https://localhost:{port}\"\n\n"
        ));
    }
    text.push_str(
        "[gateway]\ncopies = 2\n\n[gateway.tls]\ncertificate = \"gateway.crt\"\nkey = \"file:gateway.key\"\n\n\
         [fleet]\nonline_key = \"file:online.key\"\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Project;

    #[test]
    fn what_is_written_is_a_project() {
        let folder = tempfile::tempdir().unwrap();
        let practice = Practice::write(&folder.path().join("practice"), &Clock::system()).unwrap();
        let project = Project::load(&practice.folder, None).unwrap();
        assert_eq!(project.settings.clouds.len(), 3);
        assert!(project.warnings.is_empty(), "{:?}", project.warnings);
        assert_eq!(practice.gateways.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    }
}
