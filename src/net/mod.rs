//! The one HTTP client set-up, TLS, the retry policy, and the accept loop of every server.

pub mod client;
pub mod retry;
pub mod serve;
pub mod tls;
