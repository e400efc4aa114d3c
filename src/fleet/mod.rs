//! What the fleet's cameras are asked to do, what they are set to, and what they say. Inventory, groups and rollouts have their
//! place here.

pub mod commands;
pub mod config;
pub mod reports;
mod stores;
pub mod updates;

/// What was put where cameras find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its number; the camera's reports name the last one that it took on.
    pub number: u64,
    /// Stores that hold all of it.
    pub copies: usize,
    /// Stores that do not, each with the reason.
    pub failed: Vec<(String, String)>,
}
