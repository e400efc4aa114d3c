//! Who a gateway must prove to be.
//!
//! Accepts one certificate, signed by the pinned authority itself, for the server's name, and a signature over the
//! handshake by its key. A chain is refused: a certificate in the middle would let the key of one gateway vouch for any
//! name.

use embedded_tls::{
    Aes128GcmSha256, CertificateEntryRef, CertificateRef, CertificateVerifyRef, Sha256, TlsError, TlsVerifier,
};
use p256::ecdsa::signature::digest::Digest as _;
use p256::ecdsa::{Signature, VerifyingKey, signature::Verifier as _};
use wildcam_core::x509::{Certificate, POINT_BYTES};

/// ecdsa_secp256r1_sha256 of RFC 8446, section 4.2.3.
const CONTEXT: &[u8] = b"TLS 1.3, server CertificateVerify\0";
const CONTENT_BYTES: usize = 64 + CONTEXT.len() + 32;

/// How far the proof has come.
enum Proof {
    None,
    /// A good certificate: its key, and the hash of the handshake up to it.
    Certificate([u8; POINT_BYTES], [u8; 32]),
    /// The server has the key.
    Complete,
}

/// The check of one handshake.
pub(crate) struct Pinned<'n> {
    authority: &'static [u8],
    name: &'n str,
    unix_s: Option<u64>,
    proof: Proof,
}

impl<'n> Pinned<'n> {
    /// Believes `authority`, a certificate in DER, of a server called `name`. Without a time, the validity of the
    /// certificate is not judged.
    pub(crate) fn new(authority: &'static [u8], name: &'n str, unix_s: Option<u64>) -> Self {
        Self { authority, name, unix_s, proof: Proof::None }
    }

    /// Whether the server has proven who it is.
    pub(crate) fn is_proven(&self) -> bool {
        matches!(self.proof, Proof::Complete)
    }

    // Of its own, so that its frame is not part of the handshake's.
    #[inline(never)]
    fn check(&self, bytes: &[u8]) -> Option<[u8; POINT_BYTES]> {
        let authority = Certificate::parse(self.authority).ok()?;
        let server = Certificate::parse(bytes).ok()?;
        let in_time = self.unix_s.is_none_or(|now| server.is_valid_at(now));
        let fits = server.is_server_of(&authority) && server.is_for(self.name) && in_time;
        (fits && is_signed(authority.public_key, server.signed, server.signature)).then_some(*server.public_key)
    }
}

#[inline(never)]
fn is_signed(key: &[u8; POINT_BYTES], message: &[u8], signature: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) = (VerifyingKey::from_sec1_bytes(key), Signature::from_der(signature)) else {
        return false;
    };
    key.verify(message, &signature).is_ok()
}

impl TlsVerifier<Aes128GcmSha256> for Pinned<'_> {
    fn set_hostname_verification(&mut self, name: &str) -> Result<(), TlsError> {
        if name == self.name { Ok(()) } else { Err(TlsError::InvalidCertificate) }
    }

    fn verify_certificate(&mut self, transcript: &Sha256, chain: CertificateRef<'_>) -> Result<(), TlsError> {
        let (Proof::None, [CertificateEntryRef::X509(bytes)]) = (&self.proof, &chain.entries[..]) else {
            return Err(TlsError::InvalidCertificate);
        };
        let key = self.check(bytes).ok_or(TlsError::InvalidCertificate)?;
        self.proof = Proof::Certificate(key, transcript.clone().finalize().into());
        Ok(())
    }

    fn verify_signature(&mut self, verify: CertificateVerifyRef<'_>) -> Result<(), TlsError> {
        let Proof::Certificate(key, hash) = &self.proof else {
            return Err(TlsError::InvalidHandshake);
        };
        let mut content = [b' '; CONTENT_BYTES];
        content[64..64 + CONTEXT.len()].copy_from_slice(CONTEXT);
        content[64 + CONTEXT.len()..].copy_from_slice(hash);
        // The scheme that the server names does not matter: only the one that fits the key can succeed.
        if !is_signed(key, &content, verify.signature) {
            return Err(TlsError::InvalidSignature);
        }
        self.proof = Proof::Complete;
        Ok(())
    }
}
