//! Google Cloud: its REST services as they are, with one shape for most of their types and a file for each that differs.
//!
//! A type is named by its service and its collection, as Google's discovery documents do (`run.services`). Its properties
//! are those of the request that makes it, with what the address needs beside them under Google's names (`serviceId`,
//! `parent`). Which it is, and what is not as with the others, stands in kind.rs.

mod api;
mod auth;
mod bucket;
mod check;
mod failure;
mod keys;
mod kind;
mod marks;
mod names;
mod objects;
mod operation;
mod plane;
mod policy;
mod service;
mod shape;
mod sql;
mod undelete;
mod usage;
mod versions;

use std::sync::Arc;

use async_trait::async_trait;

use self::{
    api::Api,
    kind::{Kind, Manner},
    operation::{Act, Handle, Standing},
    plane::Gcp,
    service::{Hosts, Service},
};
use super::{
    Surroundings,
    control::{
        Change, ControlPlane, Failure, FailureKind, Finding, Listed, Live, Pending, RegistryLogin, StateStore, Step,
        Wanted,
    },
    registry::Estate,
};
use crate::{
    net::client,
    project::{Store, template::UNKNOWN_GCP_PROJECT},
};

/// Where images lie.
const REPOSITORY: &str = "artifactregistry.repositories";

/// The control plane of a cloud of this provider.
///
/// # Errors
/// When wildcam.toml does not name the project at Google, or no credentials are found.
pub(super) async fn open(surroundings: &Surroundings<'_>) -> Result<Arc<dyn ControlPlane>, Failure> {
    let (name, cloud, project) = (surroundings.name, surroundings.cloud, surroundings.project);
    let wrong = |message: String| Failure::new(FailureKind::Invalid, format!("clouds.{name}"), message);
    let account = cloud.account.clone().filter(|account| is_project(account)).ok_or_else(|| {
        wrong("account, the project's id at Google, is missing or none".to_owned())
            .next_step(format!("add account = \"PROJECT_ID\" to [clouds.{name}] in wildcam.toml"))
    })?;
    if account == UNKNOWN_GCP_PROJECT {
        return Err(wrong(format!("account is still `{account}`"))
            .next_step(format!("write the project's id at Google to account of [clouds.{name}] in wildcam.toml")));
    }
    let Some(Store::Gcs { bucket, service_account, .. }) = project.stores.get(name) else {
        return Err(wrong("its store is none of Google's".to_owned()));
    };
    let authority = match &cloud.authority {
        Some(path) => Some(
            std::fs::read_to_string(project.path(path))
                .map_err(|error| wrong(format!("its authority cannot be read: {error}")))?,
        ),
        None => None,
    };
    let client = client::http(authority.as_deref()).map_err(|error| wrong(error.to_string()))?;
    let named = match service_account {
        Some(reference) => Some(
            project
                .secret(reference, &|name| (surroundings.lookup)(name))
                .map_err(|error| Failure::new(FailureKind::Credentials, "service account", error.to_string()))?,
        ),
        None => None,
    };
    let hosts = Hosts::of(cloud);
    let exchanges =
        auth::Exchanges { sts: hosts.base(Service::Sts), iamcredentials: hosts.base(Service::IamCredentials) };
    let tokens = auth::find(named, &surroundings.lookup, &exchanges, &client, &surroundings.clock).await?;
    let home = cloud.store.region.clone().or_else(|| cloud.regions.first().cloned());
    let home = home.ok_or_else(|| {
        wrong("it has no region".to_owned()).next_step(format!("add regions = [\"...\"] to [clouds.{name}]"))
    })?;
    let region = cloud.regions.first().unwrap_or(&home).clone();
    Ok(Arc::new(Plane(Arc::new(Gcp {
        name: name.to_owned(),
        project: account,
        api: Api::new(client, tokens, hosts),
        home,
        region,
        estate: Estate::of(surroundings),
        bucket: bucket.clone(),
        clock: surroundings.clock.clone(),
    }))))
}

/// Whether Google could have given a project this id; it goes into every address.
fn is_project(id: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:".contains(&byte);
    (4..=63).contains(&id.len()) && id.starts_with(|c: char| c.is_ascii_lowercase()) && id.bytes().all(good)
}

/// The seam's side of [`Gcp`].
#[derive(Debug)]
struct Plane(Arc<Gcp>);

fn known(kind: &str) -> Result<&'static Kind, Failure> {
    kind::of(kind).ok_or_else(|| {
        Failure::new(
            FailureKind::Unsupported,
            kind.chars().take(100).collect::<String>(),
            "wildcam does not know this type",
        )
    })
}

#[async_trait]
impl ControlPlane for Plane {
    fn cloud(&self) -> &str {
        &self.0.name
    }

    async fn list(&self, kind: &str, region: &str) -> Result<Vec<Listed>, Failure> {
        self.0.all(known(kind)?, region).await
    }

    async fn read(&self, kind: &str, region: &str, id: &str) -> Result<Live, Failure> {
        let kind = known(kind)?;
        match kind.manner {
            Manner::Member => policy::read(&self.0, kind, region, id).await,
            _ => self.0.get(kind, region, id).await,
        }
    }

    async fn locate(&self, wanted: &Wanted) -> Result<Option<Live>, Failure> {
        let kind = known(&wanted.kind)?;
        match kind.manner {
            Manner::Member => policy::locate(&self.0, kind, wanted).await,
            Manner::Version => versions::locate(&self.0, kind, wanted).await,
            _ => self.0.found(kind, wanted).await,
        }
    }

    async fn create(&self, wanted: &Wanted, token: &str) -> Result<Step, Failure> {
        let (gcp, kind) = (&self.0, known(&wanted.kind)?);
        match kind.manner {
            Manner::Member => policy::create(gcp, kind, wanted).await,
            Manner::Version => versions::create(gcp, kind, wanted).await,
            Manner::Key => keys::create(gcp, kind, wanted, token).await,
            Manner::Api => usage::enable(gcp, kind, wanted).await,
            Manner::Instance => sql::create(gcp, kind, wanted, token).await,
            Manner::Undeletable => undelete::create(gcp, kind, wanted, token).await,
            Manner::Given => {
                let live = gcp.get(kind, &wanted.region, &gcp.id(kind, wanted)?).await?;
                Ok(Step::Done { id: live.id.clone(), live: Some(live) })
            }
            // A ring that stands is the one that is wanted: it has nothing but its name.
            Manner::Ring => match gcp.make(kind, wanted, token).await {
                // It is not read here: one that an earlier try made a moment ago may not show yet.
                Err(failure) if failure.kind == FailureKind::Exists => {
                    Ok(Step::Done { id: gcp.id(kind, wanted)?, live: None })
                }
                other => other,
            },
            Manner::Usual | Manner::Bucket | Manner::User => gcp.make(kind, wanted, token).await,
        }
    }

    async fn update(&self, live: &Live, wanted: &Wanted, changes: &[Change], token: &str) -> Result<Step, Failure> {
        let kind = known(&live.kind)?;
        match kind.manner {
            Manner::Key => keys::update(&self.0, kind, live, wanted, changes, token).await,
            _ => self.0.change(kind, live, wanted, changes, token).await,
        }
    }

    async fn delete(&self, live: &Live, empty: bool, token: &str) -> Result<Step, Failure> {
        let (gcp, kind) = (&self.0, known(&live.kind)?);
        match kind.manner {
            Manner::Member => policy::delete(gcp, kind, live).await,
            Manner::Version => versions::delete(gcp, kind, live).await,
            Manner::Key => keys::delete(gcp, kind, live, token).await,
            Manner::Bucket => bucket::delete(gcp, kind, live, empty, token).await,
            Manner::Instance => sql::delete(gcp, kind, live, empty, token).await,
            Manner::User => sql::delete_user(gcp, kind, live).await,
            // They stay: a ring cannot be deleted, a service may be used by others, the rest is the project's own.
            Manner::Ring | Manner::Api | Manner::Given => Ok(plane::gone()),
            Manner::Usual | Manner::Undeletable => gcp.remove(kind, live, token).await,
        }
    }

    async fn poll(&self, pending: &Pending) -> Result<Step, Failure> {
        let (gcp, kind) = (&self.0, known(&pending.kind)?);
        let handle = Handle::read(pending)?;
        let id = pending.id.clone().unwrap_or_default();
        if handle.act == Act::Emptied {
            return bucket::go_on(gcp, kind, &pending.region, &id).await;
        }
        let ask = operation::question(kind, &handle.operation);
        let answer = gcp.ask(&ask).await?;
        match operation::standing(kind, &ask.call, &id, &answer)? {
            Standing::Goes(_) => Ok(Step::Pending(handle.pending(kind, &pending.region, &id))),
            Standing::Done(_) if handle.act == Act::Unprotected => {
                let live = gcp.get(kind, &pending.region, &id).await?;
                gcp.remove(kind, &live, "").await
            }
            Standing::Done(_) => Ok(plane::finished(handle.act, &id)),
        }
    }

    async fn state_store(&self, project: &str, make: bool) -> Result<Option<StateStore>, Failure> {
        bucket::state_store(&self.0, project, make).await
    }

    async fn remove_state_store(&self, _project: &str) -> Result<(), Failure> {
        bucket::remove_state_store(&self.0).await
    }

    async fn registry_login(&self) -> Result<Option<RegistryLogin>, Failure> {
        let region = &self.0.region;
        let Some(repository) = self.0.estate.registry(self, REPOSITORY, region).await? else { return Ok(None) };
        let name = repository.id.rsplit('/').next().unwrap_or_default();
        // A project of a domain, `example.com:p`, is written with a slash there.
        let project = self.0.project.replace(':', "/");
        Ok(Some(RegistryLogin {
            host: format!("{region}-docker.pkg.dev"),
            repository: format!("{project}/{name}/gateway"),
            username: "oauth2accesstoken".to_owned(),
            password: self.0.api.tokens.token(None).await?,
        }))
    }

    async fn check(&self) -> Vec<Finding> {
        check::check(&self.0).await
    }
}
