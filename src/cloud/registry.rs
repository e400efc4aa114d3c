//! The repository that the stack `registry` made, found by its owner's marks as everything else is.

use super::control::{ControlPlane, Failure, FailureKind, Live};

/// The stack's file name, which is a part of every address in it.
const STACK: &str = "registry";

/// Whose repository is looked for.
#[derive(Clone, Debug)]
pub(super) struct Estate {
    /// The project's name.
    pub(super) project: String,
    /// The environment.
    pub(super) environment: String,
}

impl Estate {
    /// That of an adapter's surroundings.
    pub(super) fn of(surroundings: &super::Surroundings<'_>) -> Self {
        let project = surroundings.project;
        Self {
            project: project.settings.project.name.clone(),
            environment: project.env.clone().unwrap_or_else(|| "default".to_owned()),
        }
    }

    /// What the stack made of `kind` in `region`; `None` where it made nothing yet.
    ///
    /// # Errors
    /// When a call failed.
    pub(super) async fn registry(
        &self,
        plane: &dyn ControlPlane,
        kind: &str,
        region: &str,
    ) -> Result<Option<Live>, Failure> {
        for line in plane.list(kind, region).await? {
            let live = match line.live {
                Some(live) => live,
                None => match plane.read(kind, region, &line.id).await {
                    Ok(live) => live,
                    Err(failure) if failure.kind == FailureKind::NotFound => continue,
                    Err(failure) => return Err(failure),
                },
            };
            let ours = live.owner.as_ref().is_some_and(|owner| {
                owner.project == self.project
                    && owner.environment == self.environment
                    && owner.address.cloud == plane.cloud()
                    && owner.address.stack == STACK
            });
            if ours {
                return Ok(Some(live));
            }
        }
        Ok(None)
    }
}
