//! The gateway over TLS on loopback, with stores that can fail.

mod api;
mod copies;
mod support;
