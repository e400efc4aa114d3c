//! The one set-up of the HTTP client, for our own calls and for the object stores'.

use std::{sync::OnceLock, time::Duration};

use object_store::{
    ClientOptions,
    client::{HttpClient, HttpConnector},
};

use super::tls;

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The authority is unusable.
    #[error("the trusted authority is unusable")]
    Tls(#[from] tls::Error),
    /// The client refused its options.
    #[error("the HTTP client could not be set up")]
    Client(#[from] reqwest::Error),
}

/// How long the connection itself may take, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A silent peer is given up after this much time without a byte. Callers set shorter limits for whole requests.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// The same for requests with large bodies.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(600);

/// An HTTP/1.1 client that trusts exactly `authority_pem`, or the platform's authorities when there is none. It follows
/// no redirects, since a signed request must not travel elsewhere, and uses no proxy from the environment.
///
/// # Errors
/// When the authority is no valid PEM.
pub fn http(authority_pem: Option<&str>) -> Result<reqwest::Client, Error> {
    build(authority_pem, READ_TIMEOUT)
}

/// As [`http()`], for requests with large bodies: the answer to one begins only when all of it was sent, so the peer may be
/// silent for longer.
///
/// # Errors
/// As [`http()`].
pub fn http_for_transfers(authority_pem: Option<&str>) -> Result<reqwest::Client, Error> {
    build(authority_pem, TRANSFER_TIMEOUT)
}

fn build(authority_pem: Option<&str>, read_timeout: Duration) -> Result<reqwest::Client, Error> {
    let builder = reqwest::Client::builder()
        .http1_only()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(read_timeout)
        .pool_max_idle_per_host(64)
        // Below the five seconds after which some servers close an idle connection under a request.
        .pool_idle_timeout(Duration::from_secs(4))
        .tcp_nodelay(true)
        .user_agent(concat!("wildcam/", env!("CARGO_PKG_VERSION")));
    let trust = match authority_pem {
        Some(pem) => tls::client_trusting(pem)?,
        None => {
            install_provider();
            tls::client_trusting_machine()?
        }
    };
    let mut trust = (*trust).clone();
    trust.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(builder.tls_backend_preconfigured(trust).build()?)
}

/// Clients that are not made here, as those of credentials, take their cryptography from the process-wide default, which
/// may be set once.
fn install_provider() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// Gives object stores the client of [`http()`].
#[derive(Debug, Clone)]
pub struct Connector {
    client: reqwest::Client,
}

impl Connector {
    /// A connector that trusts as [`http()`] does.
    ///
    /// # Errors
    /// As [`http()`].
    pub fn new(authority_pem: Option<&str>) -> Result<Self, Error> {
        Ok(Self { client: http(authority_pem)? })
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.client.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_made_for_both_kinds_of_trust() {
        http(None).unwrap();
        let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        http(Some(&key.cert.pem())).unwrap();
        assert!(matches!(http(Some("nonsense")), Err(Error::Tls(_))));
    }
}
