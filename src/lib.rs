//! wildcam: one binary that runs a fleet of wildlife cameras on several clouds.
//!
//! ARCHITECTURE.md draws the parts and says which may import which; `tests/architecture.rs` enforces it.

pub mod board;
pub mod cli;
pub mod clock;
pub mod cloud;
pub mod data;
pub mod deploy;
pub mod drill;
pub mod fleet;
pub mod gateway;
pub mod journal;
pub mod lab;
pub mod net;
pub mod project;
pub mod release;
pub mod traffic;
pub mod ui;
