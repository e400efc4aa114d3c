//! Amazon Web Services: quick types by the services' own calls, slow ones through Cloud Control.

mod account;
mod bridge;
mod call;
mod check;
mod cloud_control;
mod credentials;
mod ec2;
mod ecr;
mod endpoint;
mod failure;
mod iam;
mod marks;
mod native;
mod route53;
mod s3;
mod state_store;
mod xml;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::OnceCell;

use self::{call::Wire, credentials::Chain, endpoint::Endpoints, state_store::Place};
use super::{
    Surroundings,
    control::{
        Change, ControlPlane, Failure, FailureKind, Finding, Listed, Live, Pending, RegistryLogin, StateStore, Step,
        Wanted,
    },
    registry::Estate,
};
use crate::{net::client, project::Store};

/// The control plane of a cloud of this provider.
///
/// # Errors
/// When it cannot be set up.
pub(super) async fn open(surroundings: &Surroundings<'_>) -> Result<Arc<dyn ControlPlane>, Failure> {
    let Surroundings { name, project, cloud, lookup, clock, .. } = surroundings;
    let invalid = |why: String| Failure::new(FailureKind::Invalid, *name, why);
    let Some(Store::S3 { bucket, region, endpoint: store_endpoint, authority: store_authority, .. }) =
        project.stores.get(*name)
    else {
        return Err(invalid("a cloud of this provider has a store that speaks S3".to_owned()));
    };
    let home = cloud.regions.first().unwrap_or(region).clone();
    let mut endpoints = cloud.endpoints.clone();
    // A store with an address of its own is where its bucket is made, too.
    if let Some(url) = store_endpoint {
        endpoints.entry(endpoint::S3.word.to_owned()).or_insert_with(|| url.clone());
    }
    let endpoints = Endpoints::new(cloud.endpoint.as_ref(), &endpoints, lookup);
    let authority = cloud.authority.as_ref().map(|path| project.path(path)).or_else(|| store_authority.clone());
    let authority = match &authority {
        Some(path) => Some(tokio::fs::read_to_string(path).await.map_err(|error| {
            invalid(format!("the authority {} of the cloud cannot be read: {error}", path.display()))
        })?),
        None => None,
    };
    let client = client::http(authority.as_deref()).map_err(|error| invalid(error.to_string()))?;
    let sts = credentials::token_service(&endpoints, &home)?;
    let chain = Arc::new(Chain::new(Arc::clone(lookup), client.clone(), clock.clone(), &home, sts));
    let wire = Wire {
        client,
        chain,
        endpoints,
        clock: clock.clone(),
        home,
        declared: cloud.account.clone(),
        found: OnceCell::new(),
    };
    let state = Place { bucket: state_bucket(bucket), region: region.clone(), authority };
    let mut regions = cloud.regions.clone();
    if regions.is_empty() {
        regions.push(region.clone());
    }
    Ok(Arc::new(Aws { name: (*name).to_owned(), wire, state, regions, estate: Estate::of(surroundings) }))
}

/// The bucket of the state: the pictures' with an ending. A name may have 63 characters.
fn state_bucket(bucket: &str) -> String {
    let kept: String = bucket.chars().take(57).collect();
    format!("{}-state", kept.trim_end_matches(['-', '.']))
}

/// One cloud at Amazon.
#[derive(Debug)]
struct Aws {
    name: String,
    wire: Wire,
    state: Place,
    regions: Vec<String>,
    estate: Estate,
}

#[async_trait]
impl ControlPlane for Aws {
    fn cloud(&self) -> &str {
        &self.name
    }

    async fn list(&self, kind: &str, region: &str) -> Result<Vec<Listed>, Failure> {
        match native::of(kind) {
            Some(native) => native.list(&self.wire, region).await,
            None => cloud_control::list(&self.wire, kind, region).await,
        }
    }

    async fn read(&self, kind: &str, region: &str, id: &str) -> Result<Live, Failure> {
        match native::of(kind) {
            Some(native) => native.read(&self.wire, region, id).await,
            None => cloud_control::read(&self.wire, kind, region, id).await,
        }
    }

    async fn locate(&self, wanted: &Wanted) -> Result<Option<Live>, Failure> {
        match native::of(&wanted.kind) {
            Some(native) => native.locate(&self.wire, wanted).await,
            None => cloud_control::locate(&self.wire, wanted).await,
        }
    }

    async fn create(&self, wanted: &Wanted, token: &str) -> Result<Step, Failure> {
        self.wire.guard().await?;
        match native::of(&wanted.kind) {
            Some(native) => native.create(&self.wire, wanted, token).await,
            None => cloud_control::create(&self.wire, wanted, token).await,
        }
    }

    async fn update(&self, live: &Live, wanted: &Wanted, changes: &[Change], token: &str) -> Result<Step, Failure> {
        self.wire.guard().await?;
        match native::of(&wanted.kind) {
            Some(native) => native.update(&self.wire, live, wanted, changes).await,
            None => cloud_control::update(&self.wire, live, wanted, changes, token).await,
        }
    }

    async fn delete(&self, live: &Live, empty: bool, token: &str) -> Result<Step, Failure> {
        self.wire.guard().await?;
        match native::of(&live.kind) {
            Some(native) => native.delete(&self.wire, live, empty).await,
            None => cloud_control::delete(&self.wire, live, empty, token).await,
        }
    }

    async fn poll(&self, pending: &Pending) -> Result<Step, Failure> {
        // The end of one operation may begin another.
        self.wire.guard().await?;
        match native::of(&pending.kind) {
            Some(native) => native.poll(&self.wire, pending).await,
            None => cloud_control::poll(&self.wire, pending).await,
        }
    }

    async fn state_store(&self, project: &str, make: bool) -> Result<Option<StateStore>, Failure> {
        state_store::open(&self.wire, &self.state, project, make).await
    }

    async fn remove_state_store(&self, project: &str) -> Result<(), Failure> {
        state_store::remove(&self.wire, &self.state, project).await
    }

    async fn registry_login(&self) -> Result<Option<RegistryLogin>, Failure> {
        let region = self.regions.first().unwrap_or(&self.wire.home);
        let Some(repository) = self.estate.registry(self, ecr::REPOSITORY, region).await? else { return Ok(None) };
        ecr::login(&self.wire, &repository).await.map(Some)
    }

    async fn check(&self) -> Vec<Finding> {
        check::run(&self.wire, &self.regions).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_of_the_state_has_a_name_that_s3_takes() {
        assert_eq!(state_bucket("wildcam-owls-aws"), "wildcam-owls-aws-state");
        assert_eq!(state_bucket(&"a".repeat(63)).len(), 63);
    }
}
