//! The seam to a cloud. What one provider calls things stays in here.

mod objects;

use std::sync::Arc;

use object_store::ObjectStore;

pub use objects::{Error, objects};

use crate::project::Project;

/// The object stores of all clouds of a project, by the names of the clouds.
///
/// # Errors
/// When one of them cannot be set up.
pub fn stores(
    project: &Project,
    env_lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<(String, Arc<dyn ObjectStore>)>, Error> {
    let one = |(name, store)| Ok((String::clone(name), objects(name, store, &project.dir, env_lookup, None)?));
    project.stores.iter().map(one).collect()
}
