//! Certificates (X.509, RFC 5280) as a camera needs them: the authority that is pinned, and the gateways it has signed.
//!
//! Only what those may be is read: P-256 keys (RFC 5480), signed by ECDSA with SHA-256 (RFC 5758), in DER (X.690). Everything
//! else is refused, and so is an extension that is critical and not known here. The signature itself is checked by the
//! caller: here is no arithmetic of curves.

mod der;

pub use der::NotDer;
use der::Reader;

const ECDSA_WITH_SHA256: &[u8] = &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const P256_KEY: &[u8] = &[
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
    0x01, 0x07,
];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x1e];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const SERVER_AUTH: &[u8] = &[0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];

/// Uncompressed points of P-256 (SEC 1, section 2.3.3).
pub const POINT_BYTES: usize = 65;

/// A certificate, by reference to its DER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificate<'c> {
    /// What is signed.
    pub signed: &'c [u8],
    /// The signature, a DER sequence of two integers.
    pub signature: &'c [u8],
    /// The public key, an uncompressed point.
    pub public_key: &'c [u8; POINT_BYTES],
    /// From when it is valid, in Unix seconds.
    pub not_before_s: u64,
    /// Until when it is valid, in Unix seconds.
    pub not_after_s: u64,
    issuer: &'c [u8],
    subject: &'c [u8],
    names: &'c [u8],
    is_authority: bool,
    serves: bool,
}

impl<'c> Certificate<'c> {
    /// Reads a certificate.
    ///
    /// # Errors
    /// [`NotDer`] when it is anything but a certificate of the kind that this module is for.
    pub fn parse(bytes: &'c [u8]) -> Result<Self, NotDer> {
        let mut outer = Reader::new(bytes);
        let mut whole = outer.sequence()?;
        outer.end()?;
        let signed = whole.element(der::SEQUENCE)?;
        if whole.element(der::SEQUENCE)?.whole != ECDSA_WITH_SHA256 {
            return Err(NotDer);
        }
        let signature = whole.bit_string()?;
        whole.end()?;

        let mut body = Reader::new(signed.content);
        // Version 3 is the only one with extensions.
        if body.element(der::CONTEXT_0)?.content != [2, 1, 2] {
            return Err(NotDer);
        }
        body.element(der::INTEGER)?;
        if body.element(der::SEQUENCE)?.whole != ECDSA_WITH_SHA256 {
            return Err(NotDer);
        }
        let issuer = body.element(der::SEQUENCE)?.whole;
        let mut validity = body.sequence()?;
        let (not_before_s, not_after_s) = (validity.time()?, validity.time()?);
        validity.end()?;
        let subject = body.element(der::SEQUENCE)?.whole;
        let mut key = body.sequence()?;
        if key.element(der::SEQUENCE)?.whole != P256_KEY {
            return Err(NotDer);
        }
        let public_key = key.bit_string()?.try_into().map_err(|_| NotDer)?;
        key.end()?;
        let mut certificate = Self {
            signed: signed.whole,
            signature,
            public_key,
            not_before_s,
            not_after_s,
            issuer,
            subject,
            names: &[],
            is_authority: false,
            serves: true,
        };
        certificate.extensions(Reader::new(body.element(der::CONTEXT_3)?.content).sequence()?)?;
        body.end()?;
        Ok(certificate)
    }

    fn extensions(&mut self, mut all: Reader<'c>) -> Result<(), NotDer> {
        while !all.is_empty() {
            let mut one = all.sequence()?;
            let name = one.element(der::OBJECT)?.content;
            let critical = match one.optional(der::BOOLEAN)? {
                Some(element) => element.content == [0xff],
                None => false,
            };
            let value = one.element(der::OCTETS)?.content;
            one.end()?;
            match name {
                // Constraints bind whoever signs. The only one who may is pinned, and the name to be checked comes from a
                // list that the fleet's key has signed.
                KEY_USAGE | NAME_CONSTRAINTS => {}
                ALTERNATIVE_NAME => self.names = Reader::new(value).element(der::SEQUENCE)?.content,
                BASIC_CONSTRAINTS => {
                    let mut constraints = Reader::new(value).sequence()?;
                    self.is_authority = constraints.optional(der::BOOLEAN)?.is_some_and(|one| one.content == [0xff]);
                }
                EXTENDED_KEY_USAGE => {
                    let mut uses = Reader::new(value).sequence()?;
                    self.serves = false;
                    while !uses.is_empty() {
                        self.serves |= uses.element(der::OBJECT)?.whole == SERVER_AUTH;
                    }
                }
                _ if critical => return Err(NotDer),
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether it may be a server that `authority` vouches for, by everything but the signature: it names that authority as
    /// its issuer, is no authority itself, and is meant for servers.
    #[must_use]
    pub fn is_server_of(&self, authority: &Certificate<'_>) -> bool {
        self.issuer == authority.subject && !self.is_authority && self.serves
    }

    /// Whether it is for the host `name`: a DNS name, where the leftmost label of the certificate's may be `*`
    /// (RFC 6125), or an IPv4 address. The common name does not count.
    #[must_use]
    pub fn is_for(&self, name: &str) -> bool {
        const DNS: u8 = 0x82;
        const ADDRESS: u8 = 0x87;
        let address = name.parse::<core::net::Ipv4Addr>().ok();
        let mut names = Reader::new(self.names);
        while !names.is_empty() {
            let Ok(one) = names.any() else { return false };
            let fits = match (one.tag, address) {
                (DNS, None) => same_host(one.content, name.as_bytes()),
                (ADDRESS, Some(address)) => one.content == address.octets(),
                _ => false,
            };
            if fits {
                return true;
            }
        }
        false
    }

    /// Whether it is valid at this time.
    #[must_use]
    pub fn is_valid_at(&self, unix_s: u64) -> bool {
        (self.not_before_s..=self.not_after_s).contains(&unix_s)
    }
}

fn same_host(pattern: &[u8], host: &[u8]) -> bool {
    if let Some(rest) = pattern.strip_prefix(b"*.") {
        let Some(dot) = host.iter().position(|byte| *byte == b'.') else { return false };
        // A star stands for one whole label, and not for all of a top-level domain.
        return dot > 0 && rest.contains(&b'.') && !rest.contains(&b'*') && rest.eq_ignore_ascii_case(&host[dot + 1..]);
    }
    !pattern.is_empty() && !pattern.contains(&b'*') && pattern.eq_ignore_ascii_case(host)
}

#[cfg(test)]
mod tests;
