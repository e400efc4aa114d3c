//! The encryption of what lies in the state stores, where `deploy.state_key` is given: XChaCha20-Poly1305 with a random
//! nonce of 24 bytes for each object, bound to the object's key, so that one object cannot be passed off as another.
//!
//! The key keeps the state from being read. It does not prove who wrote it: whoever may write to a majority of the
//! stores may put a state in the clear in its place, as for a project without a key.

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use zeroize::Zeroizing;

use crate::{clock::Random, deploy::ledger, project::Secret};

/// The first bytes of an encrypted object.
const MARK: &[u8] = b"wildcam-state-1 xchacha20-poly1305 ";
const NONCE_BYTES: usize = 24;
/// How much of the hash of a key is its name.
const KEY_NAME: usize = 16;

/// A key, ready for use.
#[derive(Clone)]
pub(super) struct Cipher {
    aead: XChaCha20Poly1305,
    name: String,
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cipher({})", self.name)
    }
}

/// Why an object cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CipherError {
    /// The key is not 64 hexadecimal digits.
    #[error("deploy.state_key is not 32 bytes as 64 hexadecimal digits")]
    BadKey,
    /// There is no key.
    #[error("it is encrypted with the key {needed}, and deploy.state_key is not set")]
    NoKey {
        /// The name of the key.
        needed: String,
    },
    /// There is another key.
    #[error("it is encrypted with the key {needed}, and deploy.state_key is the key {given}")]
    OtherKey {
        /// The name of the key.
        needed: String,
        /// The name of the one that was given.
        given: String,
    },
    /// It was changed, cut short, or belongs to another place.
    #[error("it was changed after it was encrypted, or belongs elsewhere")]
    Forged,
}

impl Cipher {
    pub(super) fn new(key: &Secret) -> Result<Self, CipherError> {
        let text = key.expose().trim();
        let mut bytes = Zeroizing::new([0_u8; 32]);
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(CipherError::BadKey);
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).map_err(|_| CipherError::BadKey)?;
        }
        let aead = XChaCha20Poly1305::new_from_slice(&*bytes).map_err(|_| CipherError::BadKey)?;
        let mut named = Zeroizing::new(b"wildcam state key".to_vec());
        named.extend_from_slice(&*bytes);
        let name = ledger::sha256(&named)[..KEY_NAME].to_owned();
        Ok(Self { aead, name })
    }

    fn seal(&self, at: &str, text: &[u8], random: &Random) -> Result<Vec<u8>, CipherError> {
        let mut nonce = [0; NONCE_BYTES];
        random.fill(&mut nonce);
        let payload = Payload { msg: text, aad: at.as_bytes() };
        let sealed = self.aead.encrypt(&XNonce::from(nonce), payload).map_err(|_| CipherError::Forged)?;
        Ok([MARK, self.name.as_bytes(), b"\n", &nonce, &sealed].concat())
    }
}

/// Encrypts where there is a key; `at` is the object's key.
pub(super) fn close(cipher: Option<&Cipher>, at: &str, text: Vec<u8>, random: &Random) -> Result<Vec<u8>, CipherError> {
    match cipher {
        Some(cipher) => cipher.seal(at, &text, random),
        None => Ok(text),
    }
}

/// Decrypts what is encrypted; what is in the clear is returned as it is.
pub(super) fn open(cipher: Option<&Cipher>, at: &str, bytes: Vec<u8>) -> Result<Vec<u8>, CipherError> {
    let Some(rest) = bytes.strip_prefix(MARK) else { return Ok(bytes) };
    let (name, rest) = rest.split_at_checked(KEY_NAME).ok_or(CipherError::Forged)?;
    let needed = std::str::from_utf8(name).map_err(|_| CipherError::Forged)?;
    if !needed.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(CipherError::Forged);
    }
    let rest = rest.strip_prefix(b"\n").ok_or(CipherError::Forged)?;
    let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(CipherError::Forged)?;
    let Some(cipher) = cipher else { return Err(CipherError::NoKey { needed: needed.to_owned() }) };
    if cipher.name != needed {
        return Err(CipherError::OtherKey { needed: needed.to_owned(), given: cipher.name.clone() });
    }
    let payload = Payload { msg: sealed, aad: at.as_bytes() };
    cipher.aead.decrypt(&XNonce::from(*nonce), payload).map_err(|_| CipherError::Forged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cipher(digit: &str) -> Cipher {
        Cipher::new(&Secret::new(digit.repeat(64))).unwrap()
    }

    #[test]
    fn what_is_sealed_is_opened_at_its_place_by_its_key_alone() {
        let (one, random) = (cipher("1"), Random::seeded(1));
        let sealed = close(Some(&one), "a", b"state".to_vec(), &random).unwrap();
        assert!(!sealed.windows(5).any(|window| window == b"state"));
        assert_eq!(open(Some(&one), "a", sealed.clone()).unwrap(), b"state");
        assert_eq!(open(Some(&one), "b", sealed.clone()), Err(CipherError::Forged));
        assert!(matches!(open(None, "a", sealed.clone()), Err(CipherError::NoKey { .. })));
        assert!(matches!(open(Some(&cipher("2")), "a", sealed.clone()), Err(CipherError::OtherKey { .. })));
        let again = close(Some(&one), "a", b"state".to_vec(), &random).unwrap();
        assert_ne!(again, sealed, "a nonce was used twice");
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_seen() {
        let (one, random) = (cipher("1"), Random::seeded(1));
        let sealed = close(Some(&one), "a", b"state".to_vec(), &random).unwrap();
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert_ne!(open(Some(&one), "a", changed).ok().as_deref(), Some(&b"state"[..]), "byte {index}");
            let cut = open(Some(&one), "a", sealed[..index].to_vec());
            assert_ne!(cut.ok().as_deref(), Some(&b"state"[..]), "cut at {index}");
        }
    }

    #[test]
    fn a_key_has_one_form() {
        for bad in ["", "abc", &"g".repeat(64), &"1".repeat(63), &"é".repeat(32)] {
            assert_eq!(Cipher::new(&Secret::new(bad.to_owned())).err(), Some(CipherError::BadKey));
        }
    }
}
