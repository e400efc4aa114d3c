//! The lab: three small clouds on one machine, with real processes, real TLS, real S3, and links that can be broken.

pub mod authority;
pub mod boards;
pub mod cameras;
pub mod child;
pub mod control;
pub mod dns;
pub mod environment;
pub mod faults;
pub mod launch;
pub mod layout;
pub mod load;
pub mod parts;
pub mod pictures;
pub mod practice;
pub mod proxy;
pub mod remote;
pub mod setup;
pub mod spec;
pub mod store;
pub mod supervisor;

use std::path::PathBuf;

/// Why the lab could not do something.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No port is free.
    #[error("no free port was found between 20000 and 32000")]
    NoPort,
    /// A process did not start.
    #[error("{name} could not be started")]
    Start {
        /// The process.
        name: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A process started and did not become ready.
    #[error("{name} did not become ready; its last words: {last_words}")]
    NotReady {
        /// The process.
        name: String,
        /// The end of its log.
        last_words: String,
    },
    /// A file could not be read or written.
    #[error("{} could not be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is a lab in this folder already.
    #[error("a lab is up in {} (process {pid})", path.display())]
    AlreadyUp {
        /// The folder.
        path: PathBuf,
        /// The supervisor's process id.
        pid: u32,
    },
    /// There is no lab in this folder.
    #[error("no lab is up in {}", path.display())]
    NotUp {
        /// The folder.
        path: PathBuf,
    },
    /// A part of the lab could not be set up or reached.
    #[error("{what} failed")]
    Part {
        /// What was tried.
        what: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The lab has no such cloud or fault.
    #[error("the lab has no {0}")]
    Unknown(String),
}

impl Error {
    /// An error of a part, with what was tried.
    pub fn part(what: impl Into<String>) -> impl FnOnce(Box<dyn std::error::Error + Send + Sync>) -> Self {
        let what = what.into();
        move |source| Self::Part { what, source }
    }
}
