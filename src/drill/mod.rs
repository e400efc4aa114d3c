//! Drills: break something on purpose, measure how long it takes to heal, and prove what was lost.
//!
//! The words follow the field's: RTO and RPO are objectives, RTA and RPA are what was measured. The file of an experiment
//! is Chaos Toolkit's; ours is the part under `extensions`.

pub mod environment;
pub mod experiment;
pub mod loss;
pub mod observation;
pub mod report;
pub mod result;
pub mod run;
pub mod timeline;
pub mod undo;

use std::path::PathBuf;

/// Why a drill could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("{} could not be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A name that is neither built in nor a file.
    #[error("there is no scenario named {name}; did you mean {nearest}?")]
    UnknownScenario {
        /// What was asked for.
        name: String,
        /// The most similar one that exists.
        nearest: String,
    },
    /// The file is not an experiment.
    #[error("{file} is not an experiment that wildcam understands")]
    Experiment {
        /// The file.
        file: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The file is Chaos Toolkit's, but says nothing to wildcam.
    #[error("{file} has no extension named wildcam with at least one variant")]
    NoExtension {
        /// The file.
        file: String,
    },
    /// The environment has no such cloud.
    #[error("there is no cloud named {name}; there are {known}")]
    UnknownCloud {
        /// What was asked for.
        name: String,
        /// Those that exist.
        known: String,
    },
    /// The environment could not do what was asked.
    #[error("{what} failed")]
    Environment {
        /// What was tried.
        what: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The undo records are unusable.
    #[error("the undo records cannot be used")]
    Records(#[from] crate::journal::Error),
    /// The user interrupted the drill; every fault was undone.
    #[error("the drill was interrupted; every fault was undone")]
    Interrupted,
}
