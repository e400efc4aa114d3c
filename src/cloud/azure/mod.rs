//! Azure: generic Resource Manager calls for every type that templates/azure/types.toml knows.

mod arm;
mod body;
mod calls;
mod check;
mod credentials;
mod errors;
mod ids;
mod operations;
mod registry;
mod special;
mod state;
mod transport;

use std::sync::Arc;

use async_trait::async_trait;
use url::Url;

use self::{
    arm::Arm,
    credentials::{Places, Tokens},
    ids::Route,
};
use super::{
    Surroundings,
    control::{
        Change, ControlPlane, Failure, FailureKind, Finding, Listed, Live, Pending, RegistryLogin, StateStore, Step,
        Wanted,
    },
    registry::Estate,
    rules::{Rules, TypeRules},
};
use crate::{
    clock::Clock,
    net::client,
    project::{Cloud, Provider},
};

/// The control plane of Azure's public cloud.
const PUBLIC: &str = "https://management.azure.com";

/// One subscription.
#[derive(Debug)]
struct Azure {
    name: String,
    project: String,
    /// The regions in use, for checks and for the place of the state.
    regions: Vec<String>,
    /// The address of Blob storage where it is not the account's own: an emulator.
    blob: Option<Url>,
    /// The address of Key Vault where it is not the vault's own.
    vault: Option<Url>,
    /// The address of the container registry where it is not the registry's own.
    registry: Option<Url>,
    estate: Estate,
    clock: Clock,
    arm: Arm,
}

/// The control plane of a cloud of this provider.
///
/// # Errors
/// When the subscription is not named, or an address or an authority is unusable. Whether somebody is signed in is asked
/// with the first call.
pub(super) async fn open(surroundings: &Surroundings<'_>) -> Result<Arc<dyn ControlPlane>, Failure> {
    let Surroundings { name, project, cloud, .. } = surroundings;
    let refused = |message: String| Failure::new(FailureKind::Invalid, format!("clouds.{name}"), message);
    let subscription = cloud.account.clone().filter(|text| !text.is_empty()).ok_or_else(|| {
        refused("the subscription is not named".to_owned())
            .next_step(format!("add account = \"...\" to [clouds.{name}]: az account show --query id"))
    })?;
    let is_guid = subscription.len() == 36 && subscription.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    if !is_guid {
        return Err(refused(format!("`{subscription}` is no subscription id"))
            .next_step("write the GUID that `az account show --query id` prints"));
    }
    let authority = match &cloud.authority {
        Some(path) => {
            let path = project.dir.join(path);
            let read = tokio::fs::read_to_string(&path).await;
            Some(read.map_err(|error| refused(format!("the authority {} cannot be read: {error}", path.display())))?)
        }
        None => None,
    };
    let client = client::http(authority.as_deref()).map_err(|error| refused(error.to_string()))?;
    let endpoint = match cloud.endpoints.get("arm").or(cloud.endpoint.as_ref()) {
        Some(url) => url.clone(),
        None => Url::parse(PUBLIC).map_err(|error| refused(error.to_string()))?,
    };
    guard(name, "the control plane", &endpoint)?;
    let registry = cloud.endpoints.get("registry").cloned();
    if let Some(registry) = &registry {
        guard(name, "the registry", registry)?;
    }
    let places = places(name, cloud, surroundings)?;
    let lookup = Arc::clone(&surroundings.lookup);
    let tokens = Arc::new(Tokens::new(client.clone(), places, lookup, surroundings.clock.clone()));
    Ok(Arc::new(Azure {
        name: (*name).to_owned(),
        project: project.settings.project.name.clone(),
        regions: cloud.regions.clone(),
        blob: cloud.endpoints.get("blob").cloned(),
        vault: cloud.endpoints.get("vault").cloned(),
        registry,
        estate: Estate::of(surroundings),
        clock: surroundings.clock.clone(),
        arm: Arm { client, endpoint, subscription: subscription.to_ascii_lowercase(), tokens },
    }))
}

/// Tokens do not travel in plain text, but on this machine.
fn guard(cloud: &str, what: &str, url: &Url) -> Result<(), Failure> {
    let local = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    if url.scheme() == "https" || (local && url.scheme() == "http") {
        return Ok(());
    }
    let message = format!("the address of {what} does not begin with https://");
    Err(Failure::new(FailureKind::Invalid, format!("clouds.{cloud}"), message))
}

fn places(name: &str, cloud: &Cloud, surroundings: &Surroundings<'_>) -> Result<Places, Failure> {
    let from_environment = || {
        let text = (*surroundings.lookup)("AZURE_AUTHORITY_HOST").filter(|text| !text.is_empty())?;
        Url::parse(&text).or_else(|_| Url::parse(&format!("https://{text}"))).ok()
    };
    let login = cloud.endpoints.get("login").cloned().or_else(from_environment);
    if let Some(login) = &login
        && login.scheme() != "https"
    {
        let message = "the address of the token service (endpoints.login) does not begin with https://";
        return Err(Failure::new(FailureKind::Invalid, format!("clouds.{name}"), message));
    }
    Ok(Places { login, metadata: cloud.endpoints.get("metadata").cloned() })
}

impl Azure {
    /// What is known of a type.
    fn rules(&self, kind: &str) -> Result<&'static TypeRules, Failure> {
        Rules::of(Provider::Azure).get(kind).ok_or_else(|| {
            Failure::new(FailureKind::Unsupported, kind, "templates/azure/types.toml does not know this type")
        })
    }

    fn route(&self, kind: &str) -> Result<Route, Failure> {
        Route::of(kind, self.rules(kind)?)
    }
}

#[async_trait]
impl ControlPlane for Azure {
    fn cloud(&self) -> &str {
        &self.name
    }

    async fn list(&self, kind: &str, region: &str) -> Result<Vec<Listed>, Failure> {
        self.list_all(kind, region).await
    }

    async fn read(&self, kind: &str, region: &str, id: &str) -> Result<Live, Failure> {
        self.read_one(kind, region, id).await
    }

    async fn locate(&self, wanted: &Wanted) -> Result<Option<Live>, Failure> {
        self.locate_one(wanted).await
    }

    async fn create(&self, wanted: &Wanted, _token: &str) -> Result<Step, Failure> {
        self.make(wanted).await
    }

    async fn update(&self, live: &Live, wanted: &Wanted, changes: &[Change], _token: &str) -> Result<Step, Failure> {
        self.change(live, wanted, changes).await
    }

    async fn delete(&self, live: &Live, empty: bool, _token: &str) -> Result<Step, Failure> {
        self.remove(live, empty).await
    }

    async fn poll(&self, pending: &Pending) -> Result<Step, Failure> {
        self.ask_about(pending).await
    }

    async fn state_store(&self, project: &str, make: bool) -> Result<Option<StateStore>, Failure> {
        self.open_state(project, make).await
    }

    async fn remove_state_store(&self, project: &str) -> Result<(), Failure> {
        self.remove_state(project).await
    }

    async fn registry_login(&self) -> Result<Option<RegistryLogin>, Failure> {
        let Some(region) = self.regions.first() else { return Ok(None) };
        match self.estate.registry(self, registry::REGISTRY, region).await? {
            Some(registry) => self.login_to(&registry).await.map(Some),
            None => Ok(None),
        }
    }

    async fn check(&self) -> Vec<Finding> {
        self.examine().await
    }
}
