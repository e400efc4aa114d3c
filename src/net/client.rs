//! The one HTTP client set-up: rustls, the authorities we were told to trust, no proxy from the environment, no redirects.

use std::{sync::Arc, time::Duration};

use super::tls;

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// TLS could not be set up.
    #[error("TLS could not be set up")]
    Tls(#[from] tls::Error),
    /// The client refused its settings.
    #[error("the HTTP client refused its settings")]
    Client(#[from] reqwest::Error),
}

/// No connection is worth waiting longer for: a dead cloud must be noticed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A client for plain HTTP on loopback: the control planes of the lab.
///
/// # Errors
/// When the client cannot be made.
pub fn plain(timeout: Duration) -> Result<reqwest::Client, Error> {
    build(tls::client_trusting_nobody(), timeout)
}

/// A client that trusts exactly the authorities in `authority_pem`.
///
/// # Errors
/// When they are not usable, or the client cannot be made.
pub fn trusting(authority_pem: &str, timeout: Duration) -> Result<reqwest::Client, Error> {
    build(tls::client_trusting(authority_pem)?, timeout)
}

fn build(config: Arc<rustls::ClientConfig>, timeout: Duration) -> Result<reqwest::Client, Error> {
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(Arc::unwrap_or_clone(config))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .http1_only()
        .user_agent(concat!("wildcam/", env!("CARGO_PKG_VERSION")))
        .build()?)
}
