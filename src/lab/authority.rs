//! The lab's own certificate authority (P-256, X.509 after RFC 5280). It is constrained to `wildcam.test` and loopback, so
//! whoever comes to trust it by mistake trusts nothing that matters.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    time::Duration,
};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, SanType,
};
use zeroize::Zeroizing;

use crate::{clock::Clock, journal::atomic::write_private};

/// The only domain, with all below it, that the authority may vouch for.
pub const DOMAIN: &str = "wildcam.test";

const DAY: Duration = Duration::from_secs(24 * 3600);
/// The authority itself lives this long; a lab is younger.
const LIFE: Duration = DAY.saturating_mul(365);

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A name outside the constraints; no client would accept it.
    #[error("the lab's authority may not vouch for {0:?}")]
    Outside(String),
    /// A certificate without any name is of no use.
    #[error("a certificate needs a name or an address")]
    Nameless,
    /// The life asked for is longer than the authority's own.
    #[error("a certificate of the lab lives for at most 365 days")]
    TooLong,
    /// The library refuses.
    #[error("the certificate cannot be made")]
    Rcgen(#[from] rcgen::Error),
    /// A file cannot be written.
    #[error(transparent)]
    File(#[from] crate::journal::Error),
}

/// A certificate authority with its key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    clock: Clock,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("pem", &self.pem).finish_non_exhaustive()
    }
}

/// What a server shows: its certificate, and the key that proves it.
pub struct Identity {
    /// The certificate in PEM. The authority's own is not in it: whoever trusts it has it.
    pub chain_pem: String,
    /// The private key in PEM (PKCS #8).
    pub key_pem: Zeroizing<String>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("chain_pem", &self.chain_pem).finish_non_exhaustive()
    }
}

/// Certificates start an hour early, for cameras whose clock is a little behind.
fn validity(params: &mut CertificateParams, clock: &Clock, life: Duration) {
    let now = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(clock.unix_s());
    params.not_before = now - Duration::from_secs(3600);
    params.not_after = now + life;
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "wildcam lab");
    name.push(DnType::CommonName, common_name);
    name
}

fn constraints() -> NameConstraints {
    let permitted_subtrees = vec![
        GeneralSubtree::DnsName(DOMAIN.to_owned()),
        GeneralSubtree::DnsName("localhost".to_owned()),
        GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(Ipv4Addr::new(127, 0, 0, 0).into(), 8)),
        GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(Ipv6Addr::LOCALHOST.into(), 128)),
    ];
    NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() }
}

impl Authority {
    /// A new authority, for a year.
    ///
    /// # Errors
    /// When the library cannot make a key or a certificate.
    pub fn create(name: &str, clock: &Clock) -> Result<Self, Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.name_constraints = Some(constraints());
        validity(&mut params, clock, LIFE);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem, clock: clock.clone() })
    }

    /// An authority that was written down before, from its certificate and its key.
    ///
    /// # Errors
    /// When either is not what [`Authority::pem`] and [`Authority::key_pem`] gave.
    pub fn from_pem(pem: &str, key_pem: &str, clock: &Clock) -> Result<Self, Error> {
        let key = KeyPair::from_pem(key_pem)?;
        Ok(Self { issuer: Issuer::from_ca_cert_pem(pem, key)?, pem: pem.to_owned(), clock: clock.clone() })
    }

    /// Its certificate, for those who shall trust it.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Its private key.
    #[must_use]
    pub fn key_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.issuer.key().serialize_pem())
    }

    /// A certificate with a new key for a server that is known by these names and addresses.
    ///
    /// # Errors
    /// When a name lies outside the constraints, there is none, or the life is too long.
    pub fn issue(&self, dns_names: &[String], ips: &[IpAddr], valid: Duration) -> Result<Identity, Error> {
        if valid > LIFE {
            return Err(Error::TooLong);
        }
        let mut names = Vec::with_capacity(dns_names.len() + ips.len());
        for name in dns_names {
            let inside = name == DOMAIN || name == "localhost" || name.ends_with(&format!(".{DOMAIN}"));
            if !inside {
                return Err(Error::Outside(name.clone()));
            }
            names.push(SanType::DnsName(name.as_str().try_into()?));
        }
        for ip in ips {
            if !ip.is_loopback() {
                return Err(Error::Outside(ip.to_string()));
            }
            names.push(SanType::IpAddress(*ip));
        }
        let common_name = dns_names.first().cloned().or_else(|| ips.first().map(IpAddr::to_string));

        let mut params = CertificateParams::default();
        params.distinguished_name = named(&common_name.ok_or(Error::Nameless)?);
        params.subject_alt_names = names;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        validity(&mut params, &self.clock, valid);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let chain_pem = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Identity { chain_pem, key_pem: Zeroizing::new(key.serialize_pem()) })
    }
}

impl Identity {
    /// Writes `NAME.crt` and `NAME.key` into the folder, the key first, each at once and readable by the owner only.
    ///
    /// # Errors
    /// When a file cannot be written; it is named.
    pub fn write(&self, folder: &Path, name: &str) -> Result<(PathBuf, PathBuf), Error> {
        let (chain, key) = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
        write_private(&key, self.key_pem.as_bytes())?;
        write_private(&chain, self.chain_pem.as_bytes())?;
        Ok((chain, key))
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use rustls::pki_types::ServerName;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;
    use crate::net::tls;

    fn authority() -> Authority {
        Authority::create("test", &Clock::system()).unwrap()
    }

    /// Whether a client that trusts `trusted` talks to a server with `identity` under `name`.
    async fn talks(trusted: &str, identity: &Identity, name: &str) -> io::Result<()> {
        let acceptor = TlsAcceptor::from(tls::server(&identity.chain_pem, &identity.key_pem).unwrap());
        let connector = TlsConnector::from(tls::client_trusting(trusted).unwrap());
        let (near, far) = tokio::io::duplex(4096);
        let server = async {
            let mut stream = acceptor.accept(far).await?;
            stream.write_all(b"hello").await?;
            stream.flush().await
        };
        let client = async {
            let mut stream = connector.connect(ServerName::try_from(name.to_owned()).unwrap(), near).await?;
            let mut hello = [0; 5];
            stream.read_exact(&mut hello).await?;
            assert_eq!(&hello, b"hello");
            Ok(())
        };
        let (served, answered) = tokio::join!(server, client);
        answered.and(served)
    }

    #[tokio::test]
    async fn its_certificates_are_accepted_under_their_names_only() {
        let authority = authority();
        let names = ["api.wildcam.test".to_owned(), "localhost".to_owned()];
        let ips = [IpAddr::from([127, 0, 0, 3]), Ipv6Addr::LOCALHOST.into()];
        let identity = authority.issue(&names, &ips, DAY).unwrap();
        for name in ["api.wildcam.test", "localhost", "127.0.0.3", "::1"] {
            talks(authority.pem(), &identity, name).await.unwrap();
        }
        for name in ["other.wildcam.test", "127.0.0.1"] {
            talks(authority.pem(), &identity, name).await.unwrap_err();
        }
    }

    #[tokio::test]
    async fn a_foreign_authority_is_refused() {
        let identity = authority().issue(&["a.wildcam.test".to_owned()], &[], DAY).unwrap();
        let error = talks(authority().pem(), &identity, "a.wildcam.test").await.unwrap_err();
        assert!(error.to_string().contains("certificate"), "{error}");
    }

    #[tokio::test]
    async fn an_authority_that_was_written_down_issues_again() {
        let first = authority();
        let again = Authority::from_pem(first.pem(), &first.key_pem(), &Clock::system()).unwrap();
        let identity = again.issue(&["a.wildcam.test".to_owned()], &[], DAY).unwrap();
        talks(first.pem(), &identity, "a.wildcam.test").await.unwrap();
    }

    #[test]
    fn names_outside_are_not_vouched_for() {
        let authority = authority();
        for name in ["example.org", "wildcam.test.example.org", "notwildcam.test", ""] {
            let refused = authority.issue(&[name.to_owned()], &[], DAY);
            assert!(matches!(refused, Err(Error::Outside(_))), "{name}");
        }
        let refused = authority.issue(&[], &[IpAddr::from([10, 0, 0, 1])], DAY);
        assert!(matches!(refused, Err(Error::Outside(_))));
        assert!(matches!(authority.issue(&[], &[], DAY), Err(Error::Nameless)));
        assert!(matches!(authority.issue(&[DOMAIN.to_owned()], &[], LIFE + DAY), Err(Error::TooLong)));
    }

    /// The constraints stand in the certificate itself: a stolen key cannot vouch for another name.
    #[tokio::test]
    async fn clients_enforce_the_constraints() {
        let authority = authority();
        for (san, name) in [
            (SanType::DnsName("example.org".try_into().unwrap()), "example.org"),
            (SanType::IpAddress(IpAddr::from([10, 0, 0, 1])), "10.0.0.1"),
        ] {
            let mut params = CertificateParams::default();
            params.subject_alt_names = vec![san];
            validity(&mut params, &authority.clock, DAY);
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
            let chain_pem = params.signed_by(&key, &authority.issuer).unwrap().pem();
            let forged = Identity { chain_pem, key_pem: Zeroizing::new(key.serialize_pem()) };
            let error = talks(authority.pem(), &forged, name).await.unwrap_err();
            assert!(error.to_string().to_lowercase().contains("name"), "{name}: {error}");
        }
    }

    #[test]
    fn files_are_complete_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let identity = authority().issue(&[DOMAIN.to_owned()], &[], DAY).unwrap();
        let (chain, key) = identity.write(folder.path(), "a").unwrap();
        identity.write(folder.path(), "a").unwrap();
        assert_eq!(std::fs::read_to_string(&chain).unwrap(), identity.chain_pem);
        assert_eq!(std::fs::read_to_string(&key).unwrap(), *identity.key_pem);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let error = identity.write(&folder.path().join("missing"), "a").unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
    }
}
