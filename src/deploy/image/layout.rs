//! The documents of an image, and the archive that holds it (OCI Image Specification 1.1: config, manifest, index and
//! layout).

use std::{
    collections::BTreeMap,
    fs,
    io::{self, BufWriter, Write},
    path::Path,
};

use serde::Serialize;

use super::{Digest, FOLDER, Image, Layer, MANIFEST_TYPE, Platform, STATE, USER};

const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
const LAYOUT: &[u8] = b"{\"imageLayoutVersion\":\"1.0.0\"}";

/// The same inputs make the same image, so it says no time of its own.
const NO_TIME: &str = "1970-01-01T00:00:00Z";

const SECOND_NS: u64 = 1_000_000_000;

/// What the documents say.
pub(super) struct Description<'a> {
    pub(super) platform: Platform,
    pub(super) cloud: &'a str,
    pub(super) project: &'a str,
    pub(super) plain_http: bool,
    pub(super) port: u16,
    pub(super) behind_tls: bool,
    pub(super) layers: &'a [Layer],
}

#[derive(Serialize)]
struct Config<'a> {
    created: &'a str,
    architecture: &'a str,
    os: &'a str,
    config: Run<'a>,
    rootfs: Rootfs<'a>,
    history: Vec<History<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Run<'a> {
    user: String,
    exposed_ports: BTreeMap<String, Empty>,
    env: Vec<String>,
    entrypoint: [&'a str; 3],
    cmd: Vec<&'a str>,
    volumes: BTreeMap<&'a str, Empty>,
    working_dir: &'a str,
    labels: BTreeMap<&'a str, &'a str>,
    stop_signal: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    healthcheck: Option<Healthcheck<'a>>,
}

#[derive(Serialize)]
struct Empty {}

/// Not of OCI, whose specification keeps the name for it: container engines read it, orchestrators have checks of their own.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Healthcheck<'a> {
    test: Vec<&'a str>,
    interval: u64,
    timeout: u64,
    start_period: u64,
    retries: u32,
}

#[derive(Serialize)]
struct Rootfs<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    diff_ids: Vec<&'a Digest>,
}

#[derive(Serialize)]
struct History<'a> {
    created: &'a str,
    created_by: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u32,
    media_type: &'a str,
    config: Descriptor<'a>,
    layers: Vec<Descriptor<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index<'a> {
    schema_version: u32,
    media_type: &'a str,
    manifests: [Descriptor<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor<'a> {
    media_type: &'a str,
    digest: &'a Digest,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<BTreeMap<&'a str, &'a str>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'a str, &'a str>,
}

impl<'a> Descriptor<'a> {
    fn new(media_type: &'a str, digest: &'a Digest, size: u64) -> Self {
        Self { media_type, digest, size, platform: None, annotations: BTreeMap::new() }
    }
}

impl Description<'_> {
    /// How the image is run.
    pub(super) fn config(&self) -> Vec<u8> {
        let mut cmd = vec!["gateway", "--cloud", self.cloud];
        if self.plain_http {
            cmd.push("--plain-http");
        }
        if self.behind_tls {
            cmd.push("--behind-tls");
        }
        let healthcheck = self.plain_http.then(|| Healthcheck {
            test: vec!["CMD", "/usr/bin/wildcam", "--project", FOLDER, "gateway", "healthy"],
            interval: 30 * SECOND_NS,
            timeout: 6 * SECOND_NS,
            start_period: 20 * SECOND_NS,
            retries: 3,
        });
        let config = Config {
            created: NO_TIME,
            architecture: self.platform.architecture(),
            os: "linux",
            config: Run {
                user: format!("{USER}:{USER}"),
                exposed_ports: BTreeMap::from([(format!("{}/tcp", self.port), Empty {})]),
                env: vec![
                    "PATH=/usr/bin".to_owned(),
                    "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt".to_owned(),
                    format!("HOME={STATE}"),
                ],
                entrypoint: ["/usr/bin/wildcam", "--project", FOLDER],
                cmd,
                volumes: BTreeMap::from([(STATE, Empty {})]),
                working_dir: STATE,
                labels: BTreeMap::from([
                    ("org.opencontainers.image.title", "wildcam gateway"),
                    ("org.opencontainers.image.version", env!("CARGO_PKG_VERSION")),
                    ("org.opencontainers.image.licenses", env!("CARGO_PKG_LICENSE")),
                    ("wildcam.project", self.project),
                    ("wildcam.cloud", self.cloud),
                ]),
                stop_signal: "SIGTERM",
                healthcheck,
            },
            rootfs: Rootfs { kind: "layers", diff_ids: self.layers.iter().map(|layer| &layer.uncompressed).collect() },
            history: ["the program and the public authorities", "the project"]
                .map(|created_by| History { created: NO_TIME, created_by })
                .into(),
        };
        json(&config)
    }

    /// What the image consists of.
    pub(super) fn manifest(&self, config: &[u8]) -> Vec<u8> {
        let digest = Digest::of(config);
        json(&Manifest {
            schema_version: 2,
            media_type: MANIFEST_TYPE,
            config: Descriptor::new(CONFIG_TYPE, &digest, config.len() as u64),
            layers: self.layers.iter().map(|layer| Descriptor::new(LAYER_TYPE, &layer.digest, layer.bytes)).collect(),
        })
    }
}

/// These types have no map with keys other than text and no number that JSON lacks, so this never fails.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// Writes the archive beside its place and renames it when it is whole and synced.
pub(super) fn save(image: &Image, path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".wildcam-image-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o644));
    }
    let file = builder.tempfile_in(folder)?;
    let mut archive = tar::Builder::new(BufWriter::new(file.as_file()));
    let digest = image.digest();
    let mut named = Descriptor::new(MANIFEST_TYPE, &digest, image.manifest.len() as u64);
    named.platform = Some(BTreeMap::from([("architecture", image.platform.architecture()), ("os", "linux")]));
    named.annotations = BTreeMap::from([("org.opencontainers.image.ref.name", env!("CARGO_PKG_VERSION"))]);
    let index = json(&Index { schema_version: 2, media_type: INDEX_TYPE, manifests: [named] });
    append(&mut archive, "oci-layout", LAYOUT.len() as u64, LAYOUT)?;
    append(&mut archive, "index.json", index.len() as u64, index.as_slice())?;
    for folder in ["blobs/", "blobs/sha256/"] {
        let mut header = header(0, 0o755);
        header.set_entry_type(tar::EntryType::Directory);
        archive.append_data(&mut header, folder, io::empty())?;
    }
    for bytes in [&image.config, &image.manifest] {
        append(&mut archive, &blob(&Digest::of(bytes)), bytes.len() as u64, bytes.as_slice())?;
    }
    for layer in &image.layers {
        append(&mut archive, &blob(&layer.digest), layer.bytes, layer.open(0)?)?;
    }
    let mut out = archive.into_inner()?;
    out.flush()?;
    drop(out);
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn blob(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn header(size: u64, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_size(size);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

fn append<W: Write>(archive: &mut tar::Builder<W>, path: &str, size: u64, bytes: impl io::Read) -> io::Result<()> {
    archive.append_data(&mut header(size, 0o644), path, bytes)
}
