//! The program itself, killed: at each write of the journal of a deploy of forty resources over three clouds, and again
//! while it goes on. The clouds are the fakes of this folder's neighbours; they prove nothing about the real ones.

#![allow(clippy::unwrap_used, reason = "a test ends where it is surprised")]
#![cfg(target_os = "linux")]

#[allow(dead_code, unused_imports, reason = "each test binary uses a part of it")]
#[path = "../fakes/arm/mod.rs"]
mod arm;
#[path = "../fakes/cloud_control/mod.rs"]
mod cloud_control;
#[allow(dead_code, reason = "each test binary uses a part of it")]
#[path = "../fakes/google.rs"]
mod google;
#[allow(dead_code, reason = "each test binary uses a part of it")]
#[path = "../support/mod.rs"]
mod support;

mod camp;
mod cloud_down;
mod every_step;
mod front;
mod lease;
mod picture;
mod steps;
mod stores;
