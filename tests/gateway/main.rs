//! The gateway over TLS on loopback, with stores that can fail.

#![allow(clippy::unwrap_used, reason = "a test ends where it is surprised")]

mod api;
mod command;
mod config;
mod copies;
mod support;
