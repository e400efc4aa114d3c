//! `wildcam release` and `wildcam key`.

#![allow(clippy::unwrap_used, reason = "a test that cannot read what it needs has failed")]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod support;

mod keys;
mod patches;
mod signed;
