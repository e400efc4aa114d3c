//! Whether a gateway answers: over TLS, and with the certificate that was put there, whatever name it bears.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};

use super::{
    super::super::{
        control::{Failure, FailureKind},
        rest,
    },
    KIND,
    bundle::Bundle,
    invalid,
};
use crate::net::tls;

/// Asks whether a gateway lives.
pub(super) type Alive = Box<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// How long a gateway may take to answer: it opens its index and its stores first.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// Trusts one certificate and no other.
#[derive(Debug)]
struct Exactly {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Exactly {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *end_entity == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::General("another certificate answers there".to_owned()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn client(certificate: &str) -> Result<reqwest::Client, Failure> {
    let unusable = |what: String| invalid(format!("the certificate of the gateway is unusable: {what}"));
    let certificate =
        CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(|error| unusable(error.to_string()))?;
    let provider = tls::provider();
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Exactly { certificate, provider }))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    reqwest::Client::builder()
        .http1_only()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(2))
        .timeout(Duration::from_secs(5))
        .pool_max_idle_per_host(0)
        .tls_backend_preconfigured(config)
        .build()
        .map_err(|error| unusable(error.to_string()))
}

/// Waits until the gateway at `address` answers well, as long as `alive` says that it lives.
///
/// # Errors
/// [`FailureKind::Invalid`] when it ended, [`FailureKind::Unavailable`] when it does not answer in time.
pub(super) async fn ready(bundle: &Bundle, address: SocketAddr, alive: &Alive) -> Result<(), Failure> {
    const CALL: &str = "gateway:health";
    let client = client(bundle.certificate.as_deref().unwrap_or_default())?;
    let begun = tokio::time::Instant::now();
    loop {
        if !alive().await {
            return Err(Failure::new(FailureKind::Invalid, KIND, "the gateway ended after it was started"));
        }
        let request = client.get(format!("https://{address}/api/health")).build();
        let request = request.map_err(|error| invalid(error.to_string()))?;
        let said = match rest::send(&client, CALL, request).await {
            // Another gateway with the same certificate may hold the port: then ours has ended.
            Ok(answer) if answer.is_success() && alive().await => return Ok(()),
            Ok(answer) => format!("status {}", answer.status),
            Err(failure) => failure.message,
        };
        if begun.elapsed() > READY_WITHIN {
            let message = format!("the gateway at {address} does not answer within 30 s: {said}");
            return Err(Failure::new(FailureKind::Unavailable, CALL, message));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
