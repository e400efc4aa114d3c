//! A cloud of one's own: any store that speaks S3 or a folder, any PostgreSQL server, and machines that run the gateway.
//!
//! Every operation is done when its call returns; nothing is pending.

mod bucket;
mod check;
mod folder;
mod gateway;
mod marks;
mod postgres;
mod properties;
mod settings;
mod state;

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use aws_credential_types::Credentials;

use self::{
    gateway::Gateways,
    postgres::{Server, database, role},
};
use super::{
    Lookup, Surroundings,
    control::{Change, ControlPlane, Failure, FailureKind, Finding, Listed, Live, Pending, StateStore, Step, Wanted},
    s3::{S3, Style},
};
use crate::{
    clock::{Clock, Random},
    net::client,
    project::{Project, SecretRef, Store},
};

/// What the objects of the cloud lie in.
enum Backing {
    Folder(PathBuf),
    S3 { s3: S3, bucket: String },
}

/// The control plane of one custom cloud.
struct Custom {
    name: String,
    project: Arc<Project>,
    lookup: Lookup,
    clock: Clock,
    random: Random,
    backing: Backing,
    gateways: Gateways,
}

impl std::fmt::Debug for Custom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Custom").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The control plane of a cloud of this provider.
///
/// # Errors
/// When the credentials of its store, or its authority, cannot be had.
pub(super) async fn open(surroundings: &Surroundings<'_>) -> Result<Arc<dyn ControlPlane>, Failure> {
    let name = surroundings.name;
    let backing = match surroundings.project.stores.get(name) {
        Some(Store::Folder { path }) => Backing::Folder(path.clone()),
        Some(Store::S3 { endpoint: Some(endpoint), bucket, region, access_key, secret_key, authority }) => {
            let pem = match authority {
                Some(path) => Some(read_authority(path)?),
                None => None,
            };
            let client = client::http(pem.as_deref()).map_err(|error| {
                Failure::new(
                    FailureKind::Invalid,
                    name,
                    format!("the connection to the store cannot be set up: {error}"),
                )
            })?;
            let id = key(surroundings, access_key.as_ref(), "AWS_ACCESS_KEY_ID")?;
            let secret = key(surroundings, secret_key.as_ref(), "AWS_SECRET_ACCESS_KEY")?;
            let session = (surroundings.lookup)("AWS_SESSION_TOKEN").filter(|_| access_key.is_none());
            let keys = Arc::new(Credentials::new(id, secret, session, None, "wildcam"));
            let s3 = S3::new(client, endpoint.clone(), Style::Path, region, keys, surroundings.clock.clone());
            Backing::S3 { s3, bucket: bucket.clone() }
        }
        _ => return Err(Failure::new(FailureKind::Invalid, name, "the cloud has neither an endpoint nor a folder")),
    };
    let project = Arc::new(surroundings.project.clone());
    Ok(Arc::new(Custom {
        name: name.to_owned(),
        gateways: Gateways::new(name, Arc::clone(&project), Arc::clone(&surroundings.lookup)),
        project,
        lookup: Arc::clone(&surroundings.lookup),
        clock: surroundings.clock.clone(),
        random: surroundings.random.clone(),
        backing,
    }))
}

fn read_authority(path: &std::path::Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        let message = format!("the authority {} cannot be read: {error}", path.display());
        Failure::new(FailureKind::Invalid, "authority", message)
    })
}

/// One half of an access key: what wildcam.toml names, else what the tools of AWS read.
fn key(surroundings: &Surroundings<'_>, reference: Option<&SecretRef>, variable: &str) -> Result<String, Failure> {
    let missing = |message: String, step: String| {
        Failure::new(FailureKind::Credentials, surroundings.name, message).next_step(step)
    };
    match reference {
        Some(reference) => surroundings
            .project
            .secret(reference, &*surroundings.lookup)
            .map(|secret| secret.expose().to_owned())
            .map_err(|error| missing(error.to_string(), error.next_step())),
        None => (surroundings.lookup)(variable).filter(|text| !text.is_empty()).ok_or_else(|| {
            let name = surroundings.name;
            missing(
                format!("the store of {name} has no access key"),
                format!("set access_key and secret_key under [clouds.{name}.store]"),
            )
        }),
    }
}

/// Runs work on files off the threads that wait for the network.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    let lost = || Failure::new(FailureKind::Unreachable, "files", "the work on files was cut off");
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(lost()))
}

fn done(live: Live) -> Step {
    Step::Done { id: live.id.clone(), live: Some(live) }
}

fn found(read: Result<Live, Failure>) -> Result<Option<Live>, Failure> {
    match read {
        Ok(live) => Ok(Some(live)),
        Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

impl Custom {
    fn s3(&self, kind: &str) -> Result<&S3, Failure> {
        match &self.backing {
            Backing::S3 { s3, .. } => Ok(s3),
            Backing::Folder(_) => Err(self.foreign(kind, "its store is a folder")),
        }
    }

    fn folder(&self, kind: &str) -> Result<PathBuf, Failure> {
        match &self.backing {
            Backing::Folder(path) => Ok(path.clone()),
            Backing::S3 { .. } => Err(self.foreign(kind, "its store is at an address, not in a folder")),
        }
    }

    fn foreign(&self, kind: &str, why: &str) -> Failure {
        Failure::new(FailureKind::Unsupported, kind, format!("the cloud {} has no {kind}: {why}", self.name))
    }

    /// The PostgreSQL server, with its address fetched now and kept nowhere.
    fn server(&self, kind: &str) -> Result<Server, Failure> {
        let table = self.project.settings.clouds.get(&self.name).and_then(|cloud| cloud.database.as_ref());
        let Some(table) = table else {
            let failure = self.foreign(kind, "wildcam.toml names no PostgreSQL server");
            return Err(failure.next_step(format!("add a table [clouds.{}.database]", self.name)));
        };
        let admin = self.project.secret(&table.admin, &*self.lookup).map_err(|error| {
            Failure::new(FailureKind::Credentials, "postgres:connect", error.to_string()).next_step(error.next_step())
        })?;
        let authority = table.authority.as_ref().map(|path| read_authority(&self.project.path(path))).transpose()?;
        Ok(Server::new(admin, authority))
    }
}

#[async_trait]
impl ControlPlane for Custom {
    fn cloud(&self) -> &str {
        &self.name
    }

    async fn list(&self, kind: &str, region: &str) -> Result<Vec<Listed>, Failure> {
        match kind {
            bucket::KIND => bucket::list(self.s3(kind)?).await,
            folder::KIND => {
                let (path, region) = (self.folder(kind)?, region.to_owned());
                blocking(move || Ok(folder::list(&path, &region))).await
            }
            database::KIND => database::list(&self.server(kind)?, region).await,
            role::KIND => role::list(&self.server(kind)?, region).await,
            gateway::KIND => self.gateways.list(region).await,
            _ => Err(self.foreign(kind, "it is no type of a custom cloud")),
        }
    }

    async fn read(&self, kind: &str, region: &str, id: &str) -> Result<Live, Failure> {
        match kind {
            bucket::KIND => bucket::read(self.s3(kind)?, region, id).await,
            folder::KIND => {
                let (path, region, id) = (self.folder(kind)?, region.to_owned(), id.to_owned());
                blocking(move || folder::read(&path, &region, &id)).await
            }
            database::KIND => database::read(&self.server(kind)?, region, id).await,
            role::KIND => role::read(&self.server(kind)?, region, id).await,
            gateway::KIND => self.gateways.read(region, id).await,
            _ => Err(self.foreign(kind, "it is no type of a custom cloud")),
        }
    }

    async fn locate(&self, wanted: &Wanted) -> Result<Option<Live>, Failure> {
        let word = |name: &str| wanted.properties[name].as_str().unwrap_or_default();
        let id = match wanted.kind.as_str() {
            bucket::KIND => word("Bucket").to_owned(),
            folder::KIND => word("Role").to_owned(),
            database::KIND | role::KIND => word("Name").to_owned(),
            gateway::KIND => self.gateways.id(wanted)?,
            kind => return Err(self.foreign(kind, "it is no type of a custom cloud")),
        };
        found(self.read(&wanted.kind, &wanted.region, &id).await)
    }

    async fn create(&self, wanted: &Wanted, _token: &str) -> Result<Step, Failure> {
        let kind = wanted.kind.as_str();
        let live = match kind {
            bucket::KIND => bucket::create(self.s3(kind)?, wanted).await?,
            folder::KIND => {
                let (path, wanted) = (self.folder(kind)?, wanted.clone());
                blocking(move || folder::create(&path, &wanted)).await?
            }
            database::KIND => database::create(&self.server(kind)?, wanted).await?,
            role::KIND => role::create(&self.server(kind)?, wanted).await?,
            gateway::KIND => self.gateways.create(wanted).await?,
            _ => return Err(self.foreign(kind, "it is no type of a custom cloud")),
        };
        Ok(done(live))
    }

    async fn update(&self, live: &Live, wanted: &Wanted, changes: &[Change], _token: &str) -> Result<Step, Failure> {
        let kind = live.kind.as_str();
        let live = match kind {
            bucket::KIND => bucket::update(self.s3(kind)?, live, wanted, changes).await?,
            folder::KIND => {
                let (path, live, wanted) = (self.folder(kind)?, live.clone(), wanted.clone());
                blocking(move || folder::update(&path, &live, &wanted)).await?
            }
            database::KIND => database::update(&self.server(kind)?, live, wanted, changes).await?,
            role::KIND => role::update(&self.server(kind)?, live, wanted, changes).await?,
            gateway::KIND => self.gateways.update(live, wanted).await?,
            _ => return Err(self.foreign(kind, "it is no type of a custom cloud")),
        };
        Ok(done(live))
    }

    async fn delete(&self, live: &Live, empty: bool, _token: &str) -> Result<Step, Failure> {
        let kind = live.kind.as_str();
        match kind {
            bucket::KIND => bucket::delete(self.s3(kind)?, &live.id, empty).await?,
            folder::KIND => {
                let (path, live) = (self.folder(kind)?, live.clone());
                blocking(move || folder::delete(&path, &live, empty)).await?;
            }
            database::KIND => database::delete(&self.server(kind)?, &live.id, empty).await?,
            role::KIND => role::delete(&self.server(kind)?, &live.id).await?,
            gateway::KIND => self.gateways.delete(&live.id).await?,
            _ => return Err(self.foreign(kind, "it is no type of a custom cloud")),
        }
        Ok(Step::Done { id: String::new(), live: None })
    }

    async fn poll(&self, pending: &Pending) -> Result<Step, Failure> {
        // No handle of ours exists: it comes from a state that another program wrote.
        Err(Failure::new(FailureKind::NotFound, &pending.kind, "a custom cloud has no operations under way"))
    }

    async fn state_store(&self, project: &str, make: bool) -> Result<Option<StateStore>, Failure> {
        if !state::stands(self, project, make).await? {
            return Ok(None);
        }
        let (place, store) = state::place(self)?;
        let objects = super::objects(&self.name, &store, &self.project.dir, &*self.lookup, None).map_err(|error| {
            let mut message = error.to_string();
            if let Some(cause) = std::error::Error::source(&error) {
                message = format!("{message}: {cause}");
            }
            Failure::new(FailureKind::Invalid, "state", message)
        })?;
        Ok(Some(StateStore { place, objects }))
    }

    async fn remove_state_store(&self, project: &str) -> Result<(), Failure> {
        state::remove(self, project).await
    }

    async fn check(&self) -> Vec<Finding> {
        check::all(self).await
    }
}
