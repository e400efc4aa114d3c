//! The gateway as a container image, built from nothing but a static wildcam: an OCI image (Image Specification 1.1),
//! the same bytes from the same inputs.
//!
//! The image holds the program, the public certificate authorities, an unprivileged user, and the project as a gateway
//! needs it ([`settings`]). The index and the uploads under way lie in [`STATE`], a declared volume. Where the platform
//! gives a container no disk that outlives it, what lies there goes with the container. Pictures that a camera has heard
//! "stored" for are in `copies` stores by then and are not touched by that; what is forgotten is which of them still
//! lack a further copy, and uploads in parts that had not ended, which cameras begin again.

mod certificates;
mod elf;
mod layer;
mod layout;
pub mod settings;

use std::{
    fmt,
    fs::File,
    io,
    path::{Path, PathBuf},
};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

pub use elf::Unfit;
pub use layer::Layer;

use self::{
    layer::{Content, Entry},
    layout::Description,
};
use crate::{deploy::gateway_secrets::GatewaySecret, project::Project};

/// Where the project file lies in the container.
pub const FOLDER: &str = "/etc/wildcam";

/// Where the index and the uploads under way lie in the container: a volume.
pub const STATE: &str = "/var/lib/wildcam";

/// Where a gateway listens whose project lets the system choose the port: a container's must be known.
const PORT: u16 = 8443;

/// The port that the gateway listens on in a container, unless the platform sets `PORT`: that of `gateway.listen`.
#[must_use]
pub fn port(settings: &crate::project::Settings) -> u16 {
    match settings.gateway.listen.port() {
        0 => PORT,
        port => port,
    }
}

/// The user and group that the gateway runs as.
pub const USER: u32 = 65532;

/// The media type of the manifest.
pub const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// Why no image was built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program cannot go into an image.
    #[error("{} cannot be the image's program", path.display())]
    Binary {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Unfit,
    },
    /// The program is for another processor than was asked for.
    #[error("{} is for {found}, and {wanted} was asked for", path.display())]
    Platform {
        /// The file.
        path: PathBuf,
        /// What it is for.
        found: Platform,
        /// What was asked for.
        wanted: Platform,
    },
    /// The project cannot go into a container.
    #[error(transparent)]
    Settings(#[from] settings::Error),
    /// A part of the image cannot be written.
    #[error("the image cannot be written to {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl Error {
    /// What to do about it, where there is something.
    #[must_use]
    pub fn next_step(&self) -> Option<String> {
        match self {
            Self::Binary { source: Unfit::Dynamic | Unfit::NoElf, .. } => Some(
                "build a static wildcam with `cargo xtask static` in its sources, and name it with --binary FILE"
                    .to_owned(),
            ),
            Self::Platform { wanted, .. } => {
                Some(format!("build wildcam for {wanted} with `cargo xtask static`, or leave --platform out"))
            }
            Self::Settings(error) => error.next_step(),
            _ => None,
        }
    }
}

/// What an image is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// Linux on x86-64.
    Amd64,
    /// Linux on 64-bit ARM.
    Arm64,
}

impl Platform {
    fn of_machine(machine: u16) -> Option<Self> {
        match machine {
            62 => Some(Self::Amd64),
            183 => Some(Self::Arm64),
            _ => None,
        }
    }

    /// The architecture, in the words of OCI (those of Go).
    #[must_use]
    pub const fn architecture(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "linux/{}", self.architecture())
    }
}

/// A SHA-256 digest in the form `sha256:HEX`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Digest(String);

impl Digest {
    /// Of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_hash(Sha256::digest(bytes).into())
    }

    fn from_hash(hash: [u8; 32]) -> Self {
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Self(format!("sha256:{hex}"))
    }

    /// With its algorithm.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits alone.
    #[must_use]
    pub fn hex(&self) -> &str {
        self.0.strip_prefix("sha256:").unwrap_or(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an image is built from.
#[derive(Clone, Copy, Debug)]
pub struct Recipe<'a> {
    /// The project, for the environment that the gateway serves.
    pub project: &'a Project,
    /// The cloud whose gateway it is.
    pub cloud: &'a str,
    /// A static wildcam.
    pub binary: &'a Path,
    /// What it must be for; absent: what the program is for.
    pub platform: Option<Platform>,
    /// A folder for the layers while they are made; it needs as much room as the image.
    pub scratch: &'a Path,
}

/// A finished image. Its layers are files that go with this value.
#[derive(Debug)]
pub struct Image {
    /// What it is for.
    pub platform: Platform,
    /// The program and what never changes with a project, then the project.
    pub layers: Vec<Layer>,
    /// The configuration, a blob.
    pub config: Vec<u8>,
    /// The manifest.
    pub manifest: Vec<u8>,
    /// The secrets that the container's environment must hold.
    pub secrets: Vec<GatewaySecret>,
    /// TLS must end in front of the container: the gateway in it speaks plain HTTP.
    pub plain_http: bool,
    /// Where the gateway listens, unless the platform sets `PORT`.
    pub port: u16,
}

impl Image {
    /// Builds it.
    ///
    /// # Errors
    /// When the program is not static or not for the platform, when the project cannot go into a container, or when a
    /// file cannot be read or written.
    pub fn build(recipe: &Recipe<'_>) -> Result<Self, Error> {
        let unfit = |source| Error::Binary { path: recipe.binary.to_owned(), source };
        let mut binary = File::open(recipe.binary).map_err(|error| unfit(error.into()))?;
        let platform = elf::static_program(&mut binary).map_err(unfit)?;
        if let Some(wanted) = recipe.platform.filter(|wanted| *wanted != platform) {
            return Err(Error::Platform { path: recipe.binary.to_owned(), found: platform, wanted });
        }
        let length = binary.metadata().map_err(|error| unfit(error.into()))?.len();
        let inside = settings::inside(recipe.project, recipe.cloud)?;
        let failed = |source| Error::Write { path: recipe.scratch.to_owned(), source };
        let authorities = certificates::authorities();
        let base = Layer::write(recipe.scratch, base_entries(&binary, length, &authorities)).map_err(failed)?;
        let project = Layer::write(recipe.scratch, project_entries(&inside)).map_err(failed)?;
        let layers = vec![base, project];
        let plain_http = !inside.own_tls;
        let port = port(&recipe.project.settings);
        let description = Description {
            platform,
            cloud: recipe.cloud,
            project: &recipe.project.settings.project.name,
            plain_http,
            port,
            behind_tls: inside.behind_tls,
            layers: &layers,
        };
        let config = description.config();
        let manifest = description.manifest(&config);
        Ok(Self { platform, layers, config, manifest, secrets: inside.secrets, plain_http, port })
    }

    /// The digest by which a registry and a platform name this image.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }

    /// The length of all blobs in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let layers: u64 = self.layers.iter().map(|layer| layer.bytes).sum();
        layers + self.config.len() as u64 + self.manifest.len() as u64
    }

    /// Writes it as an archive in the OCI image layout: a tar that skopeo, podman and others take.
    ///
    /// # Errors
    /// When it cannot be written; there is then no file of that name, or the one that was there before.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        layout::save(self, path).map_err(|source| Error::Write { path: path.to_owned(), source })
    }
}

fn base_entries<'a>(binary: &'a File, length: u64, authorities: &'a str) -> Vec<Entry<'a>> {
    let folder = |path| Entry { path, mode: 0o755, owner: 0, content: Content::Folder };
    let file = |path, text: &'a str| Entry { path, mode: 0o644, owner: 0, content: Content::Bytes(text.as_bytes()) };
    vec![
        folder("etc/"),
        folder("etc/ssl/"),
        folder("etc/ssl/certs/"),
        folder("usr/"),
        folder("usr/bin/"),
        folder("var/"),
        folder("var/lib/"),
        file(
            "etc/passwd",
            "root:x:0:0:root:/:/sbin/nologin\nwildcam:x:65532:65532:wildcam:/var/lib/wildcam:/sbin/nologin\n",
        ),
        file("etc/group", "root:x:0:\nwildcam:x:65532:\n"),
        // Names are looked up in /etc/hosts, which platforms write, and then in the DNS; without this file older
        // resolvers ask in the other order.
        file("etc/nsswitch.conf", "hosts: files dns\n"),
        file("etc/ssl/certs/ca-certificates.crt", authorities),
        Entry { path: "tmp/", mode: 0o1777, owner: 0, content: Content::Folder },
        Entry { path: "usr/bin/wildcam", mode: 0o755, owner: 0, content: Content::Copy(binary, length) },
        Entry { path: "var/lib/wildcam/", mode: 0o700, owner: USER, content: Content::Folder },
    ]
}

fn project_entries(inside: &settings::Inside) -> Vec<Entry<'_>> {
    let folder = |path| Entry { path, mode: 0o755, owner: 0, content: Content::Folder };
    let mut entries = vec![folder("etc/"), folder("etc/wildcam/")];
    if inside.files.iter().any(|(path, _)| path.contains("/authorities/")) {
        entries.push(folder("etc/wildcam/authorities/"));
    }
    entries.push(Entry {
        path: "etc/wildcam/wildcam.toml",
        mode: 0o644,
        owner: 0,
        content: Content::Bytes(inside.text.as_bytes()),
    });
    for (path, bytes) in &inside.files {
        entries.push(Entry { path, mode: 0o644, owner: 0, content: Content::Bytes(bytes) });
    }
    entries
}
