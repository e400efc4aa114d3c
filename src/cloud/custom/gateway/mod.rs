//! `custom.gateway`: a machine that runs the gateway.
//!
//! What is put there lies in one folder with a manifest: who owns it, what was asked for, and the digests of the files.
//! `Current` says whether the files are what wildcam.toml and this program would put there now, `Running` whether the
//! gateway does; so a file that was edited, a process that died and a wildcam.toml that moved on all show.

mod bundle;
mod health;
mod machine;
mod place;
mod process;
mod project_file;
mod unit;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use self::{
    bundle::Bundle,
    place::{Place, digest},
};
use super::{
    super::{
        Lookup,
        control::{Failure, FailureKind, Listed, Live, Wanted},
    },
    marks::Marks,
    properties,
};
use crate::project::{Project, Secret, Via};

pub(super) const KIND: &str = "custom.gateway";

/// The manifest's name in the folder.
const MANIFEST: &str = "gateway.json";

/// What a template sets. Secrets are taken apart before this is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Wish {
    host: String,
    via: Via,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ssh: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    folder: Option<String>,
    /// The gateway's name, under which its reports lie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    listen: Option<SocketAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<Url>,
    /// The program; absent: the one that deploys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    executable: Option<PathBuf>,
    /// The image of the Compose file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    image: Option<String>,
}

/// What lies beside the files of a gateway.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Manifest {
    v: u32,
    marks: Marks,
    properties: Map<String, Value>,
    /// The environment variables that hold its secrets.
    variables: Vec<String>,
    /// The SHA-256 of each file, hexadecimal.
    files: BTreeMap<String, String>,
    /// The same of the program.
    executable: Option<String>,
}

/// The gateways of one cloud.
pub(super) struct Gateways {
    cloud: String,
    project: Arc<Project>,
    lookup: Lookup,
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Invalid, KIND, message)
}

impl Gateways {
    /// Those of the cloud `cloud`.
    pub(super) fn new(cloud: &str, project: Arc<Project>, lookup: Lookup) -> Self {
        Self { cloud: cloud.to_owned(), project, lookup }
    }

    /// The identity that `wanted` has or would have.
    pub(super) fn id(&self, wanted: &Wanted) -> Result<String, Failure> {
        Ok(self.place(&wish(wanted)?)?.id())
    }

    fn place(&self, wish: &Wish) -> Result<Place, Failure> {
        let suffix = self.project.env.as_ref().map_or(String::new(), |env| format!("-{env}"));
        let unit = format!("wildcam-{}-{}-{}{suffix}", self.project.settings.project.name, self.cloud, wish.host);
        Place::new(wish, &unit, &self.project.dir, &self.lookup)
    }

    fn at(&self, id: &str) -> Result<Place, Failure> {
        let (via, ssh, folder, host) = place::parse(id)?;
        let wish = Wish {
            host,
            via,
            ssh,
            folder: Some(folder),
            name: None,
            listen: None,
            url: None,
            executable: None,
            image: None,
        };
        self.place(&wish)
    }

    /// Whether a machine answers and has systemd.
    pub(super) async fn reach(&self, ssh: Option<&str>) -> Result<(), Failure> {
        machine::Machine::new(ssh, &self.lookup)?.is_active("wildcam-none").await.map(drop)
    }

    /// The gateways that stand on the hosts of wildcam.toml.
    pub(super) async fn list(&self, region: &str) -> Result<Vec<Listed>, Failure> {
        let hosts = self.project.settings.clouds.get(&self.cloud).map(|cloud| cloud.hosts.clone()).unwrap_or_default();
        let mut found = Vec::new();
        for host in hosts {
            let wish = Wish {
                folder: host.folder.as_ref().map(|path| path.display().to_string()),
                host: host.name,
                via: host.via,
                ssh: host.ssh,
                name: None,
                listen: host.listen,
                url: host.url,
                executable: None,
                image: None,
            };
            let id = self.place(&wish)?.id();
            match self.read(region, &id).await {
                Ok(live) => found.push(Listed { id, live: Some(live) }),
                Err(failure) if failure.kind == FailureKind::NotFound => (),
                Err(failure) => return Err(failure),
            }
        }
        Ok(found)
    }

    /// One gateway.
    pub(super) async fn read(&self, region: &str, id: &str) -> Result<Live, Failure> {
        let place = self.at(id)?;
        let (manifest, digests) = self.installed(&place).await?;
        let wish: Wish = properties::read(KIND, &Value::Object(manifest.properties.clone()))?;
        let mut live = manifest.properties.clone();
        let bundle = self.bundle(&place, &wish, &manifest.variables)?;
        let current = bundle.digests() == manifest.files
            && manifest.files.iter().all(|(name, wanted)| digests.get(name) == Some(wanted))
            && self.same_program(&place, &wish, &manifest).await?;
        live.insert("Current".to_owned(), Value::Bool(current));
        if let Some(running) = place.is_running().await? {
            live.insert("Running".to_owned(), Value::Bool(running));
        }
        live.insert("Address".to_owned(), Value::String(self.listen(&wish).to_string()));
        live.insert("Place".to_owned(), Value::String(place.shown()));
        Ok(Live {
            id: id.to_owned(),
            kind: KIND.to_owned(),
            region: region.to_owned(),
            properties: Value::Object(live),
            owner: manifest.marks.owner(),
            etag: None,
        })
    }

    async fn installed(&self, place: &Place) -> Result<(Manifest, BTreeMap<String, String>), Failure> {
        let (text, digests) = place.look(MANIFEST).await?.ok_or_else(|| {
            Failure::new(FailureKind::NotFound, KIND, format!("there is no gateway in {}", place.shown()))
        })?;
        // Who may write there may write anything; what cannot be read bears no marks and is never current.
        Ok((serde_json::from_slice(&text).unwrap_or_default(), digests))
    }

    async fn same_program(&self, place: &Place, wish: &Wish, manifest: &Manifest) -> Result<bool, Failure> {
        if !place.takes_program() {
            return Ok(true);
        }
        let path = self.executable(wish)?;
        let now = super::blocking(move || place::file_digest(&path)).await?;
        Ok(manifest.executable.as_ref() == Some(&now))
    }

    fn executable(&self, wish: &Wish) -> Result<PathBuf, Failure> {
        if let Some(path) = &wish.executable {
            return Ok(self.project.path(path));
        }
        std::env::current_exe().map_err(|error| {
            invalid(format!("the system does not say where this program lies: {error}"))
                .next_step("set Executable in a template of your own")
        })
    }

    fn listen(&self, wish: &Wish) -> SocketAddr {
        wish.listen.unwrap_or(self.project.settings.gateway.listen)
    }

    fn bundle(&self, place: &Place, wish: &Wish, variables: &[String]) -> Result<Bundle, Failure> {
        Bundle::render(&bundle::Request {
            project: &self.project,
            cloud: &self.cloud,
            name: &wish.name.clone().unwrap_or_else(|| format!("{}-{}", self.cloud, wish.host)),
            listen: self.listen(wish),
            image: wish.image.as_deref(),
            via: wish.via,
            unit: place.unit(),
            folder: &place.folder_there(),
            variables,
        })
    }

    /// Puts a gateway there and waits until it answers.
    pub(super) async fn create(&self, wanted: &Wanted) -> Result<Live, Failure> {
        let wish = wish(wanted)?;
        let place = self.place(&wish)?;
        match self.installed(&place).await {
            Ok((manifest, _)) if manifest.marks.owner().as_ref() != Some(&wanted.owner) => {
                let message = format!("another gateway lies in {}", place.shown());
                return Err(Failure::new(FailureKind::Exists, KIND, message)
                    .next_step("give the host another folder in wildcam.toml"));
            }
            Ok(_) => (),
            Err(failure) if failure.kind == FailureKind::NotFound => (),
            Err(failure) => return Err(failure),
        }
        self.install(&place, &wish, wanted).await?;
        self.read(&wanted.region, &place.id()).await
    }

    async fn install(&self, place: &Place, wish: &Wish, wanted: &Wanted) -> Result<(), Failure> {
        let secrets = secrets(wanted)?;
        let variables: Vec<String> = secrets.keys().cloned().collect();
        let bundle = self.bundle(place, wish, &variables)?;
        let listen = self.listen(wish);
        if place.runs_it() && listen.port() == 0 {
            return Err(invalid("a gateway that others must find needs a port of its own")
                .next_step("set listen of the host, or gateway.listen, in wildcam.toml"));
        }
        let program = if place.takes_program() { Some(self.executable(wish)?) } else { None };
        let executable = match program.clone() {
            Some(path) => Some(super::blocking(move || place::file_digest(&path)).await?),
            None => None,
        };
        let Ok(Value::Object(set)) = serde_json::to_value(wish) else {
            return Err(invalid("the properties cannot be written"));
        };
        let manifest = Manifest {
            v: 1,
            marks: Marks::of(&wanted.owner),
            properties: set,
            variables,
            files: bundle.digests(),
            executable,
        };
        let text = serde_json::to_vec_pretty(&manifest).map_err(|error| invalid(error.to_string()))?;
        place.install(&bundle, &text, MANIFEST, &secrets, program.as_deref(), listen).await
    }

    /// Puts the files there anew and starts it again.
    pub(super) async fn update(&self, live: &Live, wanted: &Wanted) -> Result<Live, Failure> {
        let wish = wish(wanted)?;
        let place = self.place(&wish)?;
        if place.id() != live.id {
            return Err(invalid("a gateway keeps its machine, its folder and the way it is put there"));
        }
        self.install(&place, &wish, wanted).await?;
        self.read(&live.region, &live.id).await
    }

    /// Stops a gateway and removes everything that was put there, with its index.
    pub(super) async fn delete(&self, id: &str) -> Result<(), Failure> {
        let place = self.at(id)?;
        let (manifest, _) = self.installed(&place).await?;
        if manifest.marks.owner().is_none() {
            let message = format!("{} bears no marks: it is not a gateway that wildcam put there", place.shown());
            return Err(Failure::new(FailureKind::Protected, KIND, message).next_step("remove it by hand"));
        }
        let names: Vec<String> = manifest.files.keys().filter(|name| place::is_plain(name)).cloned().collect();
        place.remove(&names, MANIFEST).await
    }
}

/// What a template sets, without its secrets and without what is only ever compared.
fn wish(wanted: &Wanted) -> Result<Wish, Failure> {
    let Some(mut rest) = wanted.properties.as_object().cloned() else {
        return Err(invalid("the properties are no object"));
    };
    rest.remove("Secrets");
    for word in ["Current", "Running"] {
        if rest.remove(word).is_some_and(|value| value != true) {
            return Err(invalid(format!("{word} can only be true")));
        }
    }
    properties::read(KIND, &Value::Object(rest))
}

/// The secrets by the names of their environment variables.
fn secrets(wanted: &Wanted) -> Result<BTreeMap<String, Secret>, Failure> {
    let mut found = BTreeMap::new();
    let Some(set) = wanted.properties.get("Secrets") else { return Ok(found) };
    let Some(set) = set.as_object() else { return Err(invalid("Secrets is an object of variables")) };
    for name in set.keys() {
        let secret = wanted.secrets.get(&format!("/Secrets/{name}"));
        let secret = secret.ok_or_else(|| invalid(format!("{name} under Secrets is no secret reference")))?;
        let good = name.len() <= 128 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !good || !name.starts_with("WILDCAM_") {
            return Err(invalid("a variable under Secrets begins with WILDCAM_, then letters, digits and _"));
        }
        found.insert(name.clone(), secret.clone());
    }
    Ok(found)
}

/// The digest of each file.
fn digests(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, String> {
    files.iter().map(|(name, bytes)| (name.clone(), digest(bytes))).collect()
}
