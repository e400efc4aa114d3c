//! Where cameras are sent: probes of the gateways, the judgement on each, the routes, and the controller that commits
//! them.

pub mod controller;
pub mod health;
pub mod probe;
pub mod routes;

pub use controller::{Controller, Event, Parts, Settings};

/// Why traffic could not be directed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings contradict themselves.
    #[error("the traffic settings are wrong: {0}")]
    Settings(String),
    /// A gateway's address is not one.
    #[error("{address:?} is not the address of a gateway")]
    Address {
        /// What was given.
        address: String,
        /// What the parser says.
        source: url::ParseError,
    },
    /// A later holder of the lease has committed routes; ours are void.
    #[error("the routes are fenced off: epoch {epoch} has been committed")]
    Fenced {
        /// The later holder's epoch.
        epoch: u64,
    },
    /// The lease or the routes could not be read or changed.
    #[error(transparent)]
    Journal(#[from] crate::journal::Error),
    /// The names could not be published.
    #[error("the routes could not be published: {0}")]
    Publish(String),
}
