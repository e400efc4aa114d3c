//! The custom cloud through the seam, against parts that others wrote: PostgreSQL, versitygw, the aws client; and against
//! the lab's store, real gateways, and servers that answer nonsense.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test ends where it is surprised")]

#[allow(dead_code, reason = "each test binary uses a part of it")]
#[path = "../support/mod.rs"]
mod support;

mod buckets;
#[path = "../gateway/support.rs"]
#[allow(dead_code, reason = "the gateway's own tests use the rest of it")]
mod camera;
mod databases;
mod deployed;
mod gateways;
mod hostile;
mod machines;
mod setting;
mod states;
mod stores;
mod templates;
