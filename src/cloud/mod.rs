//! The seam to a cloud. What one provider calls things stays in here.

mod objects;

use std::sync::Arc;

use object_store::ObjectStore;

pub use objects::{Error, objects};

use crate::project::Project;

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
