//! A kit: firmware, enrolment tokens and endpoint lists in one file, for flashing without a network and a toolchain.
//!
//! ```text
//! "WCKIT1\n"  7
//! length      4   little-endian, of the head
//! head            JSON: when, which images with their lengths and SHA-256, salt and nonce. Anyone may read it
//! length      4   little-endian, of the sealed part
//! sealed          JSON: whom to trust, tokens, networks with their passphrases; XChaCha20-Poly1305 under a key made from
//!                 the passphrase with Argon2id (RFC 9106); the head is authenticated with it
//! images          one after the other, as the head has them
//! ```
//!
//! So who lacks the passphrase can neither read a secret nor change an image unnoticed.

use argon2::Argon2;
use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead as _, KeyInit as _, Payload},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use wildcam_core::wire::CameraId;
use zeroize::Zeroizing;

use super::{
    Board,
    provision::{Trust, TrustError, hexadecimal},
    roster,
};
use crate::{clock::Random, project::Secret};

const MAGIC: &[u8] = b"WCKIT1\n";
/// The largest kit: all boards' images and thousands of tokens are far below it.
pub const MAX_BYTES: u64 = 64 << 20;
const MAX_HEAD_BYTES: usize = 64 << 10;

/// Why a kit cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no kit, or cut off.
    #[error("it is no kit of `wildcam pack`: {0}")]
    Malformed(&'static str),
    /// The key is another, or the head or the sealed part was changed.
    #[error("the key is not the kit's, or the kit was changed")]
    Sealed,
    /// An image is not what was packed.
    #[error("the image for {0} was changed")]
    Image(String),
    /// The passphrase is too short to keep a secret.
    #[error("the key has fewer than 12 characters")]
    Weak,
}

/// A camera that is waiting for a board.
#[derive(Debug, Clone)]
pub struct KitCamera {
    /// Which board it is for, its name, its group. The passphrase is not a reference here.
    pub line: roster::Line,
    /// What lets it register.
    pub token: Secret,
    /// The passphrase of its network.
    pub passphrase: Option<Secret>,
}

/// What is packed.
#[derive(Debug, Clone)]
pub struct Kit {
    /// When, Unix seconds.
    pub packed_s: u64,
    /// Until when the tokens are valid, Unix seconds.
    pub until_s: u64,
    /// Whom cameras believe.
    pub trust: Trust,
    /// The cameras.
    pub cameras: Vec<KitCamera>,
    /// Firmware: the bytes of `-full.bin`.
    pub images: Vec<(Board, Vec<u8>)>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    packed_s: u64,
    until_s: u64,
    salt: String,
    nonce: String,
    images: Vec<ImageHead>,
}

#[derive(Serialize, Deserialize)]
struct ImageHead {
    board: String,
    bytes: usize,
    sha256: String,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    online_key: String,
    authority: String,
    endpoints: String,
    /// The root of updates; kits of before had none.
    #[serde(default)]
    root: String,
    cameras: Vec<SealedCamera>,
}

#[derive(Serialize, Deserialize)]
struct SealedCamera {
    name: String,
    mac: Option<String>,
    group: String,
    token: String,
    ssid: Option<String>,
    passphrase: Option<String>,
}

/// The bytes of lower-case hexadecimal.
#[must_use]
pub fn from_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

fn key(passphrase: &Secret, salt: &[u8]) -> Result<Zeroizing<[u8; 32]>, Error> {
    if passphrase.expose().trim().chars().count() < 12 {
        return Err(Error::Weak);
    }
    let mut key = Zeroizing::new([0; 32]);
    // The library's defaults are the second recommendation of RFC 9106 rounded down to 19 MiB, as OWASP has them.
    Argon2::default()
        .hash_password_into(passphrase.expose().trim().as_bytes(), salt, &mut *key)
        .map_err(|_| Error::Malformed("the salt is too short"))?;
    Ok(key)
}

/// Packs a kit under a passphrase.
///
/// # Errors
/// [`Error::Weak`].
pub fn seal(kit: &Kit, passphrase: &Secret, random: &Random) -> Result<Vec<u8>, Error> {
    let (mut salt, mut nonce) = ([0; 16], [0; 24]);
    random.fill(&mut salt);
    random.fill(&mut nonce);
    let images = kit.images.iter().map(|(board, bytes)| ImageHead {
        board: board.name().to_owned(),
        bytes: bytes.len(),
        sha256: hexadecimal(&Sha256::digest(bytes)),
    });
    let head = Head {
        packed_s: kit.packed_s,
        until_s: kit.until_s,
        salt: hexadecimal(&salt),
        nonce: hexadecimal(&nonce),
        images: images.collect(),
    };
    let cameras = kit.cameras.iter().map(|camera| SealedCamera {
        name: camera.line.name.as_str().to_owned(),
        mac: camera.line.mac.clone(),
        group: camera.line.group.clone(),
        token: camera.token.expose().to_owned(),
        ssid: camera.line.ssid.clone(),
        passphrase: camera.passphrase.as_ref().map(|passphrase| passphrase.expose().to_owned()),
    });
    let secrets = Sealed {
        online_key: hexadecimal(&kit.trust.online_key),
        authority: hexadecimal(&kit.trust.authority),
        endpoints: hexadecimal(&kit.trust.endpoints),
        root: hexadecimal(&kit.trust.root),
        cameras: cameras.collect(),
    };
    let head = serde_json::to_vec(&head).map_err(|_| Error::Malformed("the head"))?;
    let plain = Zeroizing::new(serde_json::to_vec(&secrets).map_err(|_| Error::Malformed("the secrets"))?);
    let cipher = XChaCha20Poly1305::new((&*key(passphrase, &salt)?).into());
    let sealed = cipher
        .encrypt(&XNonce::from(nonce), Payload { msg: &plain, aad: &head })
        .map_err(|_| Error::Malformed("the secrets"))?;
    let mut file = MAGIC.to_vec();
    for part in [&head, &sealed] {
        file.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
        file.extend_from_slice(part);
    }
    kit.images.iter().for_each(|(_, bytes)| file.extend_from_slice(bytes));
    Ok(file)
}

fn part<'b>(rest: &mut &'b [u8], limit: usize) -> Result<&'b [u8], Error> {
    let (length, after) = rest.split_first_chunk::<4>().ok_or(Error::Malformed("it is cut off"))?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > limit {
        return Err(Error::Malformed("a part is too large"));
    }
    let (part, after) = after.split_at_checked(length).ok_or(Error::Malformed("it is cut off"))?;
    *rest = after;
    Ok(part)
}

/// Opens a kit.
///
/// # Errors
/// [`Error`].
pub fn open(file: &[u8], passphrase: &Secret) -> Result<Kit, Error> {
    let mut rest = file.strip_prefix(MAGIC).ok_or(Error::Malformed("it begins otherwise"))?;
    let head_bytes = part(&mut rest, MAX_HEAD_BYTES)?;
    let sealed = part(&mut rest, file.len())?;
    let head: Head = serde_json::from_slice(head_bytes).map_err(|_| Error::Malformed("its head is no JSON of ours"))?;
    let salt = from_hexadecimal(&head.salt).ok_or(Error::Malformed("the salt"))?;
    let nonce: [u8; 24] =
        from_hexadecimal(&head.nonce).and_then(|nonce| nonce.try_into().ok()).ok_or(Error::Malformed("the nonce"))?;
    let cipher = XChaCha20Poly1305::new((&*key(passphrase, &salt)?).into());
    let plain = cipher
        .decrypt(&XNonce::from(nonce), Payload { msg: sealed, aad: head_bytes })
        .map(Zeroizing::new)
        .map_err(|_| Error::Sealed)?;
    let secrets: Sealed = serde_json::from_slice(&plain).map_err(|_| Error::Malformed("its secrets"))?;
    let mut images = Vec::new();
    for image in head.images {
        let (content, after) = rest.split_at_checked(image.bytes).ok_or(Error::Malformed("an image is cut off"))?;
        rest = after;
        if hexadecimal(&Sha256::digest(content)) != image.sha256 {
            return Err(Error::Image(image.board));
        }
        let board = image.board.parse().map_err(|_| Error::Malformed("an image is for a board that is not known"))?;
        images.push((board, content.to_vec()));
    }
    let field = |text: &str| from_hexadecimal(text).ok_or(Error::Malformed("its secrets"));
    let trust = Trust {
        online_key: field(&secrets.online_key)?.try_into().map_err(|_| Error::Malformed("the online key"))?,
        authority: field(&secrets.authority)?,
        endpoints: field(&secrets.endpoints)?,
        root: field(&secrets.root)?,
    };
    trust.check().map_err(|error| match error {
        TrustError::Root(_) | TrustError::LongRoot(_) => Error::Malformed("its root of updates is not valid"),
        _ => Error::Malformed("its endpoint list is not signed by its online key"),
    })?;
    let mut cameras = Vec::new();
    for (number, camera) in (1..).zip(secrets.cameras) {
        let name = CameraId::new(&camera.name).map_err(|_| Error::Malformed("a camera's name"))?;
        cameras.push(KitCamera {
            line: roster::Line {
                number,
                mac: camera.mac,
                name,
                ssid: camera.ssid,
                passphrase: None,
                group: camera.group,
            },
            token: Secret::new(camera.token),
            passphrase: camera.passphrase.map(Secret::new),
        });
    }
    Ok(Kit { packed_s: head.packed_s, until_s: head.until_s, trust, cameras, images })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::{FileSigner, Role, Signer as _, documents, generate_key};

    async fn kit() -> Kit {
        let signer = FileSigner::from_pem(&generate_key().unwrap(), Role::Online).unwrap();
        let endpoint = documents::endpoint("a", "127.0.0.1", 1, 1, "localhost").unwrap();
        let endpoints = documents::seal_endpoints(&signer, 1, 5, 500, &[endpoint]).await.unwrap();
        let line = roster::parse("name,ssid,group\nridge-1,camp,ridge\n").unwrap().remove(0);
        Kit {
            packed_s: 5,
            until_s: 500,
            trust: Trust {
                online_key: signer.public_key().to_bytes(),
                authority: vec![1; 300],
                endpoints,
                root: Vec::new(),
            },
            cameras: vec![KitCamera {
                line,
                token: Secret::new("the-token-itself".into()),
                passphrase: Some(Secret::new("hunter2hunter2".into())),
            }],
            images: vec![(Board::Esp32C3, vec![7; 1000])],
        }
    }

    #[tokio::test]
    async fn a_kit_is_read_back_and_shows_no_secret() {
        let kit = kit().await;
        let key = Secret::new("correct horse battery".into());
        let file = seal(&kit, &key, &Random::seeded(1)).unwrap();
        for secret in ["the-token-itself", "hunter2", "ridge-1"] {
            assert!(!file.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
        }
        let back = open(&file, &key).unwrap();
        assert_eq!((back.trust, back.images), (kit.trust, kit.images));
        assert_eq!(back.cameras[0].token.expose(), "the-token-itself");
        assert_eq!(back.cameras[0].passphrase.as_ref().unwrap().expose(), "hunter2hunter2");
        assert!(matches!(open(&file, &Secret::new("another passphrase".into())), Err(Error::Sealed)));
        assert!(matches!(
            seal(&back_kit(&file, &key), &Secret::new("short".into()), &Random::seeded(1)),
            Err(Error::Weak)
        ));
    }

    fn back_kit(file: &[u8], key: &Secret) -> Kit {
        open(file, key).unwrap()
    }

    #[tokio::test]
    async fn a_kit_that_was_changed_or_cut_off_is_refused() {
        let key = Secret::new("correct horse battery".into());
        let file = seal(&kit().await, &key, &Random::seeded(1)).unwrap();
        // Every place would take minutes of Argon2id; these are in each part.
        for at in [0, 8, 40, 100, file.len() - 1500, file.len() - 1001, file.len() - 1000, file.len() - 1] {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(open(&changed, &key).is_err(), "byte {at}");
            assert!(open(&file[..at], &key).is_err(), "cut at {at}");
        }
    }
}
