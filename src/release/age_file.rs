//! Secrets under a passphrase, in the format of age (age-encryption.org/v1), so that no key depends on this program: `age -d`
//! opens what is written here, and what `age -p` wrote is read.
//!
//! ```text
//! age-encryption.org/v1
//! -> scrypt SALT LOG2N            base64 without padding, as everywhere here; the salt has 16 bytes
//! SEALED                          the file key of 16 bytes: ChaCha20-Poly1305, nonce of zeros, the key from the passphrase
//! --- MAC                         HMAC-SHA-256 of the lines above up to "---", the key from the file key
//! nonce, then one chunk           16 bytes; STREAM with ChaCha20-Poly1305, the key from file key and nonce
//! ```
//!
//! Only this is read: one recipient, which is a passphrase, and one chunk (64 KiB); a key in PEM has under 200 bytes. The
//! crate `age` would bring 37 crates for it, among them a translator of messages and cryptography after quantum computers.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD as BASE64};
use chacha20poly1305::{
    ChaCha20Poly1305, Nonce,
    aead::{Aead as _, KeyInit as _},
};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::project::Secret;

/// The binary logarithm of scrypt's work that a new file takes, the one of `age -p`: 256 MiB and about a second.
pub const WORK: u8 = 18;

/// More than this is not done: 1 GiB and some seconds.
const MOST_WORK: u8 = 20;

/// The largest file.
pub const MAX_BYTES: usize = 65_536 + 1024;

const VERSION: &str = "age-encryption.org/v1";
const SALT_LABEL: &[u8] = b"age-encryption.org/v1/scrypt";
const SALT_BYTES: usize = 16;
const FILE_KEY_BYTES: usize = 16;
const NONCE_BYTES: usize = 16;
const TAG_BYTES: usize = 16;
const MAC_BYTES: usize = 32;
const CHUNK_BYTES: usize = 65_536;
/// The nonce of a stream's only chunk: number 0, then 1 for the last.
const ONLY_CHUNK: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// Why a file was not opened or made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AgeError {
    /// It is no such file, or damaged.
    #[error("it is no file of age under a passphrase: {0}")]
    Malformed(&'static str),
    /// Another passphrase opens it.
    #[error("the passphrase is not this file's")]
    Passphrase,
    /// Opening it would take more memory than is given.
    #[error("opening it takes 2^{0} rounds of scrypt, and 2^{MOST_WORK} are the most")]
    Work(u8),
    /// The head or the content was changed.
    #[error("it was changed after it was sealed")]
    Changed,
    /// There is no randomness.
    #[error("the operating system gives no randomness")]
    Randomness,
}

/// Seals `content`, of at most 64 KiB, with 2^`work` rounds of scrypt.
///
/// # Errors
/// [`AgeError::Randomness`]; [`AgeError::Malformed`] for a content that is too long; [`AgeError::Work`].
pub fn seal(content: &[u8], passphrase: &Secret, work: u8) -> Result<Vec<u8>, AgeError> {
    if content.len() > CHUNK_BYTES {
        return Err(AgeError::Malformed("the content is too long"));
    }
    let (mut salt, mut nonce) = ([0; SALT_BYTES], [0; NONCE_BYTES]);
    let mut file_key = Zeroizing::new([0; FILE_KEY_BYTES]);
    for bytes in [&mut salt[..], &mut nonce[..], &mut file_key[..]] {
        getrandom::fill(bytes).map_err(|_| AgeError::Randomness)?;
    }
    let sealed_key = encrypt(&*wrapping(passphrase, &salt, work)?, [0; 12], &file_key[..])?;
    let (salt, sealed_key) = (BASE64.encode(salt), BASE64.encode(sealed_key));
    let head = format!("{VERSION}\n-> scrypt {salt} {work}\n{sealed_key}\n---");
    let mac = BASE64.encode(mac(&file_key[..], head.as_bytes())?.finalize().into_bytes());
    let mut file = format!("{head} {mac}\n").into_bytes();
    file.extend_from_slice(&nonce);
    file.extend(encrypt(&*derive(&nonce, b"payload", &file_key[..])?, ONLY_CHUNK, content)?);
    Ok(file)
}

/// Opens a file.
///
/// # Errors
/// [`AgeError`].
pub fn open(file: &[u8], passphrase: &Secret) -> Result<Zeroizing<Vec<u8>>, AgeError> {
    if file.len() > MAX_BYTES {
        return Err(AgeError::Malformed("it is too long"));
    }
    let mut rest = file;
    if line(&mut rest)? != VERSION {
        return Err(AgeError::Malformed("its first line is another"));
    }
    let stanza =
        line(&mut rest)?.strip_prefix("-> scrypt ").ok_or(AgeError::Malformed("it is for other recipients"))?;
    let (salt, work) = stanza.split_once(' ').ok_or(AgeError::Malformed("its recipient"))?;
    let salt: [u8; SALT_BYTES] = decode(salt, "its salt")?;
    let work = number(work).ok_or(AgeError::Malformed("its work"))?;
    let sealed_key: [u8; FILE_KEY_BYTES + TAG_BYTES] = decode(line(&mut rest)?, "its key")?;
    let head_bytes = file.len() - rest.len() + "---".len();
    let stated = line(&mut rest)?.strip_prefix("--- ").ok_or(AgeError::Malformed("it has other recipients as well"))?;
    let stated: [u8; MAC_BYTES] = decode(stated, "its check")?;
    let (nonce, chunk) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(AgeError::Malformed("it is cut off"))?;

    let file_key = decrypt(&*wrapping(passphrase, &salt, work)?, [0; 12], &sealed_key).ok_or(AgeError::Passphrase)?;
    // In constant time, inside.
    mac(&file_key, &file[..head_bytes])?.verify_slice(&stated).map_err(|_| AgeError::Changed)?;
    decrypt(&*derive(nonce, b"payload", &file_key)?, ONLY_CHUNK, chunk).ok_or(AgeError::Changed)
}

/// The next line, without its end.
fn line<'f>(rest: &mut &'f [u8]) -> Result<&'f str, AgeError> {
    let cut = AgeError::Malformed("its head is cut off");
    let end = rest.iter().take(256).position(|byte| *byte == b'\n').ok_or(cut)?;
    let (line, after) = rest.split_at(end);
    *rest = after.get(1..).ok_or(cut)?;
    std::str::from_utf8(line).map_err(|_| AgeError::Malformed("its head is no text"))
}

fn decode<const N: usize>(text: &str, what: &'static str) -> Result<[u8; N], AgeError> {
    let bytes = BASE64.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or(AgeError::Malformed(what))
}

/// A number from 1 to 63 without zeros in front of it, as the format has it.
fn number(text: &str) -> Option<u8> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|number| plain && (1..64).contains(number))
}

/// The key that the file key is sealed with.
fn wrapping(passphrase: &Secret, salt: &[u8], work: u8) -> Result<Zeroizing<[u8; 32]>, AgeError> {
    if work > MOST_WORK {
        return Err(AgeError::Work(work));
    }
    let params = scrypt::Params::new(work, 8, 1).map_err(|_| AgeError::Work(work))?;
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(passphrase.expose().as_bytes(), &[SALT_LABEL, salt].concat(), &params, &mut *key)
        .map_err(|_| AgeError::Work(work))?;
    Ok(key)
}

/// HKDF (RFC 5869) with SHA-256 for one block of output.
fn derive(salt: &[u8], info: &[u8], secret: &[u8]) -> Result<Zeroizing<[u8; 32]>, AgeError> {
    let extracted = Zeroizing::new(<[u8; 32]>::from(keyed(salt)?.chain_update(secret).finalize().into_bytes()));
    let expanded = keyed(&*extracted)?.chain_update(info).chain_update([1]).finalize();
    Ok(Zeroizing::new(expanded.into_bytes().into()))
}

fn mac(file_key: &[u8], head: &[u8]) -> Result<Hmac<Sha256>, AgeError> {
    Ok(keyed(&*derive(&[], b"header", file_key)?)?.chain_update(head))
}

fn keyed(key: &[u8]) -> Result<Hmac<Sha256>, AgeError> {
    // HMAC takes keys of every length; the type does not say so.
    <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).map_err(|_| AgeError::Malformed("its key"))
}

fn encrypt(key: &[u8; 32], nonce: [u8; 12], content: &[u8]) -> Result<Vec<u8>, AgeError> {
    let sealed = ChaCha20Poly1305::new(key.into()).encrypt(&Nonce::from(nonce), content);
    sealed.map_err(|_| AgeError::Malformed("the content is too long"))
}

fn decrypt(key: &[u8; 32], nonce: [u8; 12], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    ChaCha20Poly1305::new(key.into()).decrypt(&Nonce::from(nonce), sealed).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: u8 = 4;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn what_was_sealed_is_opened_with_its_passphrase_only() {
        let passphrase = secret("correct horse battery");
        for content in [&b""[..], b"x", &[7; 500], &[9; CHUNK_BYTES]] {
            let file = seal(content, &passphrase, FAST).unwrap();
            assert_eq!(&open(&file, &passphrase).unwrap()[..], content);
            assert_eq!(open(&file, &secret("correct horse")), Err(AgeError::Passphrase));
            assert_ne!(file, seal(content, &passphrase, FAST).unwrap(), "salt and nonce are new each time");
        }
        assert!(seal(&[0; CHUNK_BYTES + 1], &passphrase, FAST).is_err());
        assert_eq!(seal(b"x", &passphrase, MOST_WORK + 1), Err(AgeError::Work(21)));
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_noticed() {
        let passphrase = secret("correct horse battery");
        let file = seal(b"a key", &passphrase, FAST).unwrap();
        for place in 0..file.len() {
            for bit in [1, 0x20, 0x80] {
                let mut changed = file.clone();
                changed[place] ^= bit;
                assert!(open(&changed, &passphrase).is_err(), "byte {place}");
            }
            assert!(open(&file[..place], &passphrase).is_err(), "cut at {place}");
        }
        let longer = [&file[..], b"x"].concat();
        assert_eq!(open(&longer, &passphrase), Err(AgeError::Changed));
    }

    #[test]
    fn a_file_that_asks_for_all_memory_is_refused_before_any_is_taken() {
        let file = String::from_utf8_lossy(&seal(b"", &secret("p"), FAST).unwrap()[..60]).into_owned();
        let rest = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE";
        assert!(file.starts_with("age-encryption.org/v1\n-> scrypt "), "{file}");
        let asking = |work: &str| {
            let head =
                format!("{VERSION}\n-> scrypt QUFBQUFBQUFBQUFBQUFBQQ {work}\n{rest}\n--- {rest}\n0123456789abcdef");
            open(format!("{head}{rest}").as_bytes(), &secret("p"))
        };
        assert_eq!(asking("21"), Err(AgeError::Work(21)));
        assert_eq!(asking("63"), Err(AgeError::Work(63)));
        for none in ["64", "0", "", "018", "+4", "-1", "1e1", "999999999999"] {
            assert_eq!(asking(none), Err(AgeError::Malformed("its work")), "{none:?}");
        }
        assert_eq!(asking("4"), Err(AgeError::Passphrase));
    }

    /// Derived keys against RFC 5869, its first case (whose first 32 bytes are one block).
    #[test]
    fn keys_are_derived_as_the_standard_says() {
        let salt: Vec<u8> = (0..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let key = derive(&salt, &info, &[0x0b; 22]).unwrap();
        assert_eq!(key[..8], [0x3c, 0xb2, 0x5f, 0x25, 0xfa, 0xac, 0xd5, 0x7a]);
        assert_eq!(key[28..], [0xec, 0xc4, 0xc5, 0xbf]);
    }
}
