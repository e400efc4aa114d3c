//! TLS by rustls with ring: who is trusted, and who we are.

use std::sync::{Arc, OnceLock};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use rustls_platform_verifier::BuilderVerifierExt;
use wildcam_core::camera::BUFFER_BYTES;

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is not what it should be.
    #[error("the {what} is not valid PEM")]
    Pem {
        /// Certificate, authority or key.
        what: &'static str,
        /// What the parser says.
        source: rustls::pki_types::pem::Error,
    },
    /// The key and the certificate do not fit, or an authority is unusable.
    #[error("TLS refuses the certificate or the key")]
    Refused(#[from] rustls::Error),
    /// There is no certificate in the text.
    #[error("the {0} holds no certificate")]
    Empty(&'static str),
}

/// The cryptography behind every connection.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn certificates(what: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| Error::Pem { what, source })?;
    if found.is_empty() { Err(Error::Empty(what)) } else { Ok(found) }
}

/// A client that trusts exactly the authorities in `authority_pem`: the pinned trust of a fleet.
///
/// # Errors
/// When the text holds no usable authority.
pub fn client_trusting(authority_pem: &str) -> Result<Arc<ClientConfig>, Error> {
    let mut roots = RootCertStore::empty();
    for authority in certificates("authority", authority_pem)? {
        roots.add(authority)?;
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// A client that trusts the authorities of this machine. They may lie in hundreds of files, so they are read once in a
/// process: a deploy has several clients for each cloud.
///
/// # Errors
/// When the authorities of the machine are unusable.
pub fn client_trusting_machine() -> Result<Arc<ClientConfig>, Error> {
    static KEPT: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(kept) = KEPT.get() {
        return Ok(Arc::clone(kept));
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    Ok(Arc::clone(KEPT.get_or_init(|| Arc::new(config))))
}

/// The same for a server that cameras read from: a camera has memory for records of [`BUFFER_BYTES`], a quarter of what TLS
/// allows (RFC 8446, section 5.1), and the extension that would tell a server so (RFC 8449) is one that few servers know.
///
/// # Errors
/// As [`server`].
pub fn server_for_cameras(chain_pem: &str, key_pem: &str) -> Result<Arc<ServerConfig>, Error> {
    let mut config = server(chain_pem, key_pem)?;
    Arc::make_mut(&mut config).max_fragment_size = Some(BUFFER_BYTES);
    Ok(config)
}

/// A server with this certificate chain and key.
///
/// # Errors
/// When either is not valid PEM, or they do not fit each other.
pub fn server(chain_pem: &str, key_pem: &str) -> Result<Arc<ServerConfig>, Error> {
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|source| Error::Pem { what: "key", source })?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates("certificate", chain_pem)?, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
