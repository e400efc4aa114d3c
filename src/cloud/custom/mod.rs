//! Being built.

use std::sync::Arc;

use super::{
    Surroundings,
    control::{ControlPlane, Failure, FailureKind},
};

/// The control plane of a cloud of this provider.
///
/// # Errors
/// When it cannot be set up.
pub(super) async fn open(surroundings: &Surroundings<'_>) -> Result<Arc<dyn ControlPlane>, Failure> {
    Err(Failure::new(FailureKind::Unsupported, surroundings.name, "being built"))
}
