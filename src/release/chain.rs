//! What may be wrong with the documents of updates, and cameras that have seen them: the tool refuses what they refuse,
//! because it asks `wildcam_core::trust`, which they run.

use std::{io, path::PathBuf};

use wildcam_core::trust::{self, MAX_SIGNED, Timestamp, Trust};

use super::{Role, delta::DeltaError};

/// Why documents or payloads are refused, or were not made.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// A file could not be read.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("a file of the release was not written")]
    Write(#[source] crate::journal::Error),
    /// A document or a payload is not there.
    #[error("there is no {0}")]
    Missing(String),
    /// It is longer than it may be.
    #[error("{name} has more than the {most} bytes that it may have")]
    TooLarge {
        /// Its key.
        name: String,
        /// The most it may have.
        most: usize,
    },
    /// Cameras refuse it.
    #[error("cameras refuse {name}")]
    Refused {
        /// Its key.
        name: String,
        /// Why.
        source: trust::Error,
    },
    /// Something else is there under its name.
    #[error("{name} is there already, and is another one")]
    Conflict {
        /// Its key.
        name: String,
    },
    /// A payload is not the one that the manifest names.
    #[error("{name} is not what the manifest names")]
    Payload {
        /// Its key.
        name: String,
    },
    /// A patch does not lead to the image.
    #[error("{name} does not make the image")]
    Patch {
        /// Its key.
        name: String,
        /// Why not.
        source: DeltaError,
    },
    /// The image is not what it should be.
    #[error("{name} is no image for these boards: {why}")]
    Image {
        /// Which one.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// What was asked for cannot be written into a document.
    #[error("{what} cannot be written")]
    Unwritable {
        /// What it is.
        what: String,
        /// Why not.
        source: trust::Error,
    },
    /// What was asked for cannot be.
    #[error("{0}")]
    Asked(String),
    /// Too few keys are here.
    #[error("{missing} more signatures of the role {role} are needed, and the keys are not here")]
    Signatures {
        /// The role.
        role: Role,
        /// How many are missing.
        missing: usize,
    },
    /// A key failed.
    #[error(transparent)]
    Key(#[from] super::Error),
}

impl ChainError {
    pub(super) fn refused(name: impl Into<String>) -> impl FnOnce(trust::Error) -> Self {
        let name = name.into();
        move |source| Self::Refused { name, source }
    }

    /// What cameras say to it, where they judged.
    #[must_use]
    pub fn judgement(&self) -> Option<trust::Error> {
        match self {
            Self::Refused { source, .. } => Some(*source),
            _ => None,
        }
    }
}

/// A timestamp with the manifest that it names for one class.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The timestamp.
    pub timestamp: &'a [u8],
    /// The manifest; `None` where it could not be had.
    pub manifest: Option<&'a [u8]>,
}

/// A camera that was flashed with the first of `roots`, has followed the others, and has seen `before` whenever it would have
/// taken it.
///
/// # Errors
/// [`ChainError::Missing`] when there is no root; [`ChainError::Refused`] for the one that is not followed.
pub fn camera(roots: &[Vec<u8>], class: &str, before: Option<Shown<'_>>) -> Result<Trust, ChainError> {
    let (first, later) = roots.split_first().ok_or_else(|| ChainError::Missing("releases/root/1.cose".to_owned()))?;
    let mut camera = Trust::begin(first, class).map_err(ChainError::refused("the first root"))?;
    see(&mut camera, before);
    for root in later {
        let next = camera.state().root.sequence.saturating_add(1);
        camera.follow(root).map_err(ChainError::refused(format!("releases/root/{next}.cose")))?;
        see(&mut camera, before);
    }
    Ok(camera)
}

/// Shows documents to a camera without a clock, which believes most; what it refuses does not matter.
fn see(camera: &mut Trust, shown: Option<Shown<'_>>) {
    let Some(shown) = shown else { return };
    let Ok(timestamp) = camera.timestamp(shown.timestamp, None) else { return };
    if let Some(manifest) = shown.manifest {
        let _ = camera.release(manifest, &timestamp, None);
    }
}

/// Has a camera take a timestamp on at this time.
///
/// # Errors
/// [`ChainError::Refused`].
pub fn take_timestamp(camera: &mut Trust, document: &[u8], now_s: u64) -> Result<Timestamp, ChainError> {
    camera.timestamp(document, Some(now_s)).map_err(ChainError::refused("releases/timestamp.cose"))
}

/// The most bytes that a document is read to.
pub const MAX_DOCUMENT: usize = MAX_SIGNED;
