//! Everything that is decided and written before the first process of a lab starts: ports, authority, keys, credentials,
//! and one configuration for each part.

mod fleet;
mod updates;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    Error,
    authority::Authority,
    child::Recipe,
    faults::LinkControl,
    layout::{CloudLayout, Layout, OUTSIDE},
    spec::{Spec, Watch},
};
use crate::{
    clock::{Clock, Random},
    journal::atomic,
    project::Secret,
    release::{FileSigner, Role},
};

pub use fleet::CamerasPart;
use fleet::Fleet;
pub use updates::PASSPHRASE_FILE;

/// The bucket of every store of the lab.
pub const BUCKET: &str = "wildcam";
/// The name that people use for the fleet.
pub const PUBLIC_NAME: &str = "api.wildcam.test";
/// Where the lab's operator finds a project file with the stores as they are, around every fault.
pub const OPERATOR: &str = "operator";
/// The certificate authority of the lab, in its folder.
pub const AUTHORITY_FILE: &str = "authority.pem";
/// The fleet's online key, in the lab's folder.
pub const ONLINE_KEY_FILE: &str = "online.pem";
/// A lab that is practised with for longer is taken down and brought up again.
const VALID: Duration = Duration::from_secs(30 * 24 * 3600);

/// A lab, ready to be started.
pub struct Prepared {
    /// Who listens where.
    pub layout: Layout,
    /// The processes, in stages: each stage needs the ones before it.
    pub recipes: Vec<Vec<Recipe>>,
    /// How links are broken.
    pub links: LinkControl,
    /// What orders to the supervisor must carry.
    pub token: Secret,
}

/// An access key of a store.
#[derive(Clone, Serialize, Deserialize)]
pub struct AccessKey {
    /// The id.
    pub id: String,
    /// The secret half.
    pub secret: String,
}

/// The configuration of a store.
#[derive(Serialize, Deserialize)]
pub struct StorePart {
    /// Where it listens.
    pub port: u16,
    /// Where its objects lie.
    pub root: PathBuf,
    /// Its certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// What gateways use.
    pub writer: AccessKey,
    /// What may change settings and delete versions.
    pub administrator: AccessKey,
}

/// The configuration of a cloud's proxy.
#[derive(Serialize, Deserialize)]
pub struct ProxyPart {
    /// Where it takes orders.
    pub control_port: u16,
    /// What orders must carry.
    pub token: String,
    /// The links into the cloud.
    pub links: Vec<LinkPart>,
    /// The seed of its faults.
    pub seed: u64,
}

/// One link.
#[derive(Clone, Serialize, Deserialize)]
pub struct LinkPart {
    /// Its name: `entry-GATEWAY`, or `store-from-CLOUD`.
    pub name: String,
    /// Where it listens.
    pub listen: u16,
    /// Where it leads.
    pub upstream: u16,
    /// The delay each way.
    pub latency_ms: u64,
}

/// The configuration of the DNS server.
#[derive(Serialize, Deserialize)]
pub struct DnsPart {
    /// Where it listens, UDP and TCP.
    pub port: u16,
    /// Where it takes routes.
    pub control_port: u16,
    /// What orders must carry.
    pub token: String,
    /// The clouds, with the port of each one's first gateway.
    pub clouds: Vec<(String, u16, u32)>,
    /// The seed of its choices.
    pub seed: u64,
}

/// The configuration of the failover controller.
#[derive(Serialize, Deserialize)]
pub struct ControllerPart {
    /// The folder of the project file that it uses.
    pub project: PathBuf,
    /// The authority of the lab.
    pub authority: PathBuf,
    /// For each cloud: its weight and the addresses of its gateways.
    pub clouds: BTreeMap<String, (u32, Vec<String>)>,
    /// Where the DNS server takes routes.
    pub dns_control_port: u16,
    /// What orders to it must carry.
    pub dns_token: String,
    /// How it watches.
    pub watch: Watch,
    /// Where it notes what it sees.
    pub events: PathBuf,
}

/// Where the cameras, the controller and the emulated boards note what they see.
#[must_use]
pub fn events(folder: &Path) -> [PathBuf; 3] {
    let events = folder.join("events");
    [events.join("cameras.jsonl"), events.join("controller.jsonl"), events.join("boards.jsonl")]
}

struct Setup<'a> {
    spec: &'a Spec,
    folder: &'a Path,
    layout: Layout,
    authority: Authority,
    random: &'a Random,
}

/// Decides and writes everything.
///
/// # Errors
/// When a file cannot be written, or no port is free.
pub async fn prepare(spec: &Spec, folder: &Path, clock: &Clock, random: &Random) -> Result<Prepared, Error> {
    for name in ["parts", "secrets", "events", "gateways", "cameras", "boards", "tls", OPERATOR, "controller"] {
        let path = folder.join(name);
        std::fs::create_dir_all(&path).map_err(|source| Error::File { path, source })?;
    }
    let authority = Authority::create("wildcam lab", clock)
        .map_err(|error| Error::part("making a certificate authority")(error.into()))?;
    write(&folder.join(AUTHORITY_FILE), authority.pem().as_bytes())?;
    let signer = FileSigner::create(&folder.join(ONLINE_KEY_FILE), Role::Online)
        .map_err(|error| Error::part("making the fleet's key")(error.into()))?;
    let setup = Setup { spec, folder, layout: Layout::allocate(spec, random)?, authority, random };
    setup.all(&signer, clock).await
}

impl Setup<'_> {
    async fn all(self, signer: &FileSigner, clock: &Clock) -> Result<Prepared, Error> {
        let mut stores = Vec::new();
        let mut proxies = Vec::new();
        let mut gateways = Vec::new();
        let mut proxy_tokens = BTreeMap::new();
        for cloud in &self.layout.clouds {
            self.credentials(&cloud.name)?;
            stores.push(self.store(cloud)?);
            let token = self.token();
            proxies.push(self.proxy(cloud, &token)?);
            proxy_tokens.insert(cloud.name.clone(), (cloud.proxy_control_port, Secret::new(token)));
        }
        for cloud in &self.layout.clouds {
            for gateway in &cloud.gateways {
                gateways.push(self.gateway(&cloud.name, &gateway.name, gateway.port)?);
            }
        }
        let dns_token = self.token();
        let dns = self.dns(&dns_token)?;
        write(&self.folder.join(OPERATOR).join("wildcam.toml"), self.project(None, None).as_bytes())?;
        let controller = self.controller(&dns_token)?;
        let fleet = Fleet::prepare(&self, signer, clock).await?;
        let links = LinkControl::new(proxy_tokens, self.usual_latencies());
        stores.append(&mut proxies);
        let mut recipes = vec![stores, vec![dns], gateways, vec![controller]];
        if self.spec.cameras.count > 0 {
            recipes.push(vec![fleet.cameras().await?]);
        }
        if let Some(boards) = &self.spec.boards {
            recipes.push(fleet.boards(boards).await?);
        }
        let token = Secret::new(self.token());
        Ok(Prepared { layout: self.layout, recipes, links, token })
    }

    fn token(&self) -> String {
        let mut bytes = [0; 24];
        self.random.fill(&mut bytes);
        crate::drill::loss::hexadecimal(&bytes)
    }

    fn secret(&self, name: &str) -> PathBuf {
        self.folder.join("secrets").join(name)
    }

    fn credentials(&self, cloud: &str) -> Result<(), Error> {
        for role in ["writer", "administrator"] {
            let id = format!("{role}-{}", &self.token()[..12]);
            write_private(&self.secret(&format!("{cloud}-{role}.id")), id.as_bytes())?;
            write_private(&self.secret(&format!("{cloud}-{role}.secret")), self.token().as_bytes())?;
        }
        Ok(())
    }

    fn access_key(&self, cloud: &str, role: &str) -> Result<AccessKey, Error> {
        let read = |end: &str| {
            let path = self.secret(&format!("{cloud}-{role}.{end}"));
            std::fs::read_to_string(&path).map_err(|source| Error::File { path, source })
        };
        Ok(AccessKey { id: read("id")?, secret: read("secret")? })
    }

    fn identity(&self, name: &str, names: &[&str]) -> Result<(PathBuf, PathBuf), Error> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let identity = self
            .authority
            .issue(&names, &[IpAddr::V4(Ipv4Addr::LOCALHOST)], VALID)
            .map_err(|error| Error::part(format!("issuing a certificate for {name}"))(error.into()))?;
        identity
            .write(&self.folder.join("tls"), name)
            .map_err(|error| Error::part(format!("keeping the certificate of {name}"))(error.into()))
    }

    fn part(&self, name: &str, kind: &str, part: &impl Serialize) -> Result<Vec<String>, Error> {
        let path = self.folder.join("parts").join(format!("{name}.json"));
        write_private(&path, &serde_json::to_vec_pretty(part).unwrap_or_default())?;
        Ok(vec!["process".into(), kind.into(), "--config".into(), path.to_string_lossy().into_owned()])
    }

    fn store(&self, cloud: &CloudLayout) -> Result<Recipe, Error> {
        let name = format!("store-{}", cloud.name);
        let (certificate, key) = self.identity(&name, &["localhost"])?;
        let part = StorePart {
            port: cloud.store_port,
            root: self.folder.join("stores").join(&cloud.name),
            certificate,
            key,
            writer: self.access_key(&cloud.name, "writer")?,
            administrator: self.access_key(&cloud.name, "administrator")?,
        };
        let arguments = self.part(&name, "store", &part)?;
        Ok(Recipe { name, cloud: Some(cloud.name.clone()), arguments, ready_port: Some(cloud.store_port) })
    }

    /// The links into a cloud, with their usual delays.
    fn links(&self, cloud: &CloudLayout) -> Vec<LinkPart> {
        let delays = &self.spec.delays;
        let entries = cloud.gateways.iter().map(|gateway| LinkPart {
            name: format!("entry-{}", gateway.name),
            listen: gateway.entry_port,
            upstream: gateway.port,
            latency_ms: delays.outside_ms,
        });
        let stores = cloud.store_links.iter().map(|(from, &listen)| LinkPart {
            name: format!("store-from-{from}"),
            listen,
            upstream: cloud.store_port,
            latency_ms: if from == OUTSIDE { delays.outside_ms } else { delays.between_clouds_ms },
        });
        entries.chain(stores).collect()
    }

    fn usual_latencies(&self) -> BTreeMap<(String, String), u64> {
        let of = |cloud: &CloudLayout| {
            let name = cloud.name.clone();
            self.links(cloud).into_iter().map(move |link| ((name.clone(), link.name), link.latency_ms))
        };
        self.layout.clouds.iter().flat_map(of).collect()
    }

    fn proxy(&self, cloud: &CloudLayout, token: &str) -> Result<Recipe, Error> {
        let name = format!("proxy-{}", cloud.name);
        let part = ProxyPart {
            control_port: cloud.proxy_control_port,
            token: token.to_owned(),
            links: self.links(cloud),
            seed: self.spec.seed,
        };
        let arguments = self.part(&name, "proxy", &part)?;
        Ok(Recipe { name, cloud: Some(cloud.name.clone()), arguments, ready_port: Some(cloud.proxy_control_port) })
    }

    /// A project file as `from` sees the stores: a cloud, the outside, or (none) directly, around every fault.
    fn project(&self, from: Option<&str>, gateway: Option<&str>) -> String {
        let mut text =
            "# Written by wildcam lab.\n[project]\nname = \"lab\"\nstrategy = \"active-active\"\nscale = \"small\"\n\n"
                .to_owned();
        for cloud in &self.layout.clouds {
            let port = from.map_or(Some(cloud.store_port), |from| self.layout.store_port(from, &cloud.name));
            let _ = writeln!(
                text,
                "[clouds.{name}]\nprovider = \"custom\"\nregions = [\"r1\"]\nweight = {weight}\n\n\
                 [clouds.{name}.store]\nendpoint = \"https://127.0.0.1:{port}\"\nbucket = \"{BUCKET}\"\n\
                 region = \"lab\"\naccess_key = {id}\nsecret_key = {secret}\nauthority = {authority}\n",
                name = cloud.name,
                weight = cloud.weight,
                port = port.unwrap_or_default(),
                id = file_reference(&self.secret(&format!("{}-writer.id", cloud.name))),
                secret = file_reference(&self.secret(&format!("{}-writer.secret", cloud.name))),
                authority = quoted(&self.folder.join(AUTHORITY_FILE).to_string_lossy()),
            );
        }
        let _ = writeln!(text, "[fleet]\nonline_key = {}\n", file_reference(&self.folder.join(ONLINE_KEY_FILE)));
        if let Some(gateway) = gateway {
            let tls = self.folder.join("tls");
            let _ = writeln!(
                text,
                "[replicate]\nheal_interval = \"1s\"\n\n[gateway]\ncopies = {copies}\nindex_path = \"index.sqlite\"\nreport_interval = \"5s\"\n\n\
                 [gateway.limits]\nrequests_per_second = 2000.0\n\n\
                 [gateway.tls]\ncertificate = {certificate}\nkey = {key}",
                copies = self.spec.copies,
                certificate = quoted(&tls.join(format!("{gateway}.crt")).to_string_lossy()),
                key = file_reference(&tls.join(format!("{gateway}.key"))),
            );
        }
        text
    }

    fn gateway(&self, cloud: &str, gateway: &str, port: u16) -> Result<Recipe, Error> {
        let name = format!("gateway-{gateway}");
        let own = format!("{cloud}.wildcam.test");
        self.identity(&name, &["localhost", PUBLIC_NAME, &own])?;
        let folder = self.folder.join("gateways").join(gateway);
        std::fs::create_dir_all(&folder).map_err(|source| Error::File { path: folder.clone(), source })?;
        write(&folder.join("wildcam.toml"), self.project(Some(cloud), Some(&name)).as_bytes())?;
        let arguments = [
            "gateway",
            "--project",
            &folder.to_string_lossy(),
            "--cloud",
            cloud,
            "--name",
            gateway,
            "--listen",
            &format!("127.0.0.1:{port}"),
            "--until-stdin-closes",
        ];
        Ok(Recipe {
            name,
            cloud: Some(cloud.to_owned()),
            arguments: arguments.map(str::to_owned).into(),
            ready_port: Some(port),
        })
    }

    fn dns(&self, token: &str) -> Result<Recipe, Error> {
        let first = |cloud: &CloudLayout| cloud.gateways.first().map_or(0, |gateway| gateway.entry_port);
        let part = DnsPart {
            port: self.layout.dns_port,
            control_port: self.layout.dns_control_port,
            token: token.to_owned(),
            clouds: self.layout.clouds.iter().map(|cloud| (cloud.name.clone(), first(cloud), cloud.weight)).collect(),
            seed: self.spec.seed,
        };
        let arguments = self.part("dns", "dns", &part)?;
        Ok(Recipe { name: "dns".into(), cloud: None, arguments, ready_port: Some(self.layout.dns_control_port) })
    }

    fn controller(&self, dns_token: &str) -> Result<Recipe, Error> {
        let project = self.folder.join("controller");
        write(&project.join("wildcam.toml"), self.project(Some(OUTSIDE), None).as_bytes())?;
        let addresses = |cloud: &CloudLayout| {
            cloud.gateways.iter().map(|gateway| format!("https://127.0.0.1:{}", gateway.entry_port)).collect()
        };
        let part = ControllerPart {
            project,
            authority: self.folder.join(AUTHORITY_FILE),
            clouds: self
                .layout
                .clouds
                .iter()
                .map(|cloud| (cloud.name.clone(), (cloud.weight, addresses(cloud))))
                .collect(),
            dns_control_port: self.layout.dns_control_port,
            dns_token: dns_token.to_owned(),
            watch: self.spec.watch,
            events: events(self.folder)[1].clone(),
        };
        let arguments = self.part("controller", "controller", &part)?;
        Ok(Recipe { name: "controller".into(), cloud: None, arguments, ready_port: None })
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn file_reference(path: &Path) -> String {
    quoted(&format!("file:{}", path.to_string_lossy()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    atomic::write(path, bytes).map_err(|error| Error::part("writing the lab's files")(error.into()))
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    atomic::write_private(path, bytes).map_err(|error| Error::part("writing the lab's secrets")(error.into()))
}
