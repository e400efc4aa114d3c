//! The gateway's image: what is in it, that others read it, that it runs, and that it reaches a registry.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test ends where it is surprised")]

mod building;
#[path = "../gateway/support.rs"]
#[allow(dead_code, reason = "the gateway's own tests use the rest of it")]
mod camera;
#[path = "../support/peers.rs"]
mod peers;
mod plain;
mod pushing;
mod registry;
mod running;
mod site;
