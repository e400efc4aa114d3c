//! What the fleet's cameras are asked to do, what they are set to, and what they say. Inventory, groups and rollouts have their
//! place here.

pub mod commands;
pub mod config;
pub mod reports;
mod stores;
pub mod updates;
