//! The public certificate authorities that an image trusts: Mozilla's set, as the crate webpki-root-certs holds it, so
//! that the same wildcam makes the same image on every machine.

use base64::{Engine, engine::general_purpose::STANDARD};
use rustls::pki_types::CertificateDer;

/// The length of a line of PEM (RFC 7468).
const LINE: usize = 64;

/// The authorities as one PEM file.
#[must_use]
pub(super) fn authorities() -> String {
    pem(webpki_root_certs::TLS_SERVER_ROOT_CERTS)
}

/// Certificates as PEM (RFC 7468).
#[must_use]
pub(super) fn pem(certificates: &[CertificateDer<'_>]) -> String {
    let mut text = String::new();
    for certificate in certificates {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let encoded = STANDARD.encode(certificate.as_ref());
        let mut rest = encoded.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at(rest.len().min(LINE));
            text.push_str(line);
            text.push('\n');
            rest = after;
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject;

    use super::*;

    #[test]
    fn the_authorities_read_back_and_can_be_trusted() {
        let text = authorities();
        let read: Vec<CertificateDer<'_>> =
            CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<_, _>>().unwrap();
        assert_eq!(read, webpki_root_certs::TLS_SERVER_ROOT_CERTS);
        assert!(read.len() > 100, "{}", read.len());
        crate::net::tls::client_trusting(&text).unwrap();
    }
}
