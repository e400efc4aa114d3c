//! The seam to a cloud. What one provider calls things stays in here.

mod aws;
mod azure;
pub mod control;
mod custom;
mod folder;
mod gcp;
mod identity;
mod objects;
mod registry;
mod rest;
pub mod rules;
mod s3;

use std::sync::Arc;

use object_store::ObjectStore;

pub use objects::{Error, objects};

use self::control::{ControlPlane, Failure};
use crate::{
    clock::{Clock, Random},
    project::{Cloud, Project, Provider},
};

/// Object stores by the names of their clouds.
pub type NamedStores = Vec<(String, Arc<dyn ObjectStore>)>;

/// The object stores of all clouds of a project.
///
/// # Errors
/// When one of them cannot be set up.
pub fn stores(project: &Project, env_lookup: &dyn Fn(&str) -> Option<String>) -> Result<NamedStores, Error> {
    let one = |(name, store)| Ok((String::clone(name), objects(name, store, &project.dir, env_lookup, None)?));
    project.stores.iter().map(one).collect()
}

/// Reads an environment variable.
pub type Lookup = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What an adapter is made from.
pub struct Surroundings<'a> {
    /// The cloud's name in wildcam.toml.
    pub name: &'a str,
    /// The whole project.
    pub project: &'a Project,
    /// Its table.
    pub cloud: &'a Cloud,
    /// Reads an environment variable.
    pub lookup: Lookup,
    /// The time, for signatures and tokens.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
}

/// The control plane of one cloud: the one function that chooses.
///
/// # Errors
/// When its credentials or its settings are unusable.
pub async fn control_plane(surroundings: &Surroundings<'_>) -> Result<Arc<dyn ControlPlane>, Failure> {
    match surroundings.cloud.provider {
        Provider::Aws => aws::open(surroundings).await,
        Provider::Azure => azure::open(surroundings).await,
        Provider::Gcp => gcp::open(surroundings).await,
        Provider::Custom => custom::open(surroundings).await,
    }
}
