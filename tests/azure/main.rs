//! The Azure adapter against a strict fake of Resource Manager, and against Azurite for Blob.

#![allow(clippy::unwrap_used, reason = "a test ends where it is surprised")]

#[path = "../fakes/arm/mod.rs"]
mod arm;
mod blob;
mod credentials;
#[path = "../support/peers.rs"]
mod peers;
mod seam;
mod support;
mod templates;
mod traps;
