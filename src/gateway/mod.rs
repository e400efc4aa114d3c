//! The HTTP API that cameras talk to.

pub mod copies;
