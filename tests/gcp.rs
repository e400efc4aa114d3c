//! Google Cloud: the templates, and the control plane against programs that others wrote and against a strict fake of
//! the services for which there is none.

#![allow(clippy::unwrap_used, reason = "a test ends where it is surprised")]

#[path = "gcp/credentials.rs"]
mod credentials;
#[path = "fakes/google.rs"]
mod google;
#[path = "gcp/plane.rs"]
mod plane;
#[path = "gcp/rendered.rs"]
mod rendered;
#[path = "gcp/servers.rs"]
mod servers;
#[path = "gcp/stacks.rs"]
mod stacks;
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod support;
#[path = "gcp/traps.rs"]
mod traps;
#[path = "gcp/types.rs"]
mod types;
