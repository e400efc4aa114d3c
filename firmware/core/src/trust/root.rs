//! Whose signatures count.

use ed25519_dalek::VerifyingKey;
use minicbor::{Decoder, Encoder};

use super::{
    Error,
    body::{self, Encoded, Fields, malformed},
};
use crate::cose::{Document, KeyId, kind};

/// Most keys of a role.
pub const MAX_KEYS: usize = 8;

/// The 32 bytes of a public key of Ed25519 (RFC 8032 section 5.1.5).
pub type PublicKey = [u8; 32];

/// Some keys, and how many of them must have signed: `{0: threshold, 1: [key, ...]}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    threshold: u8,
    keys: heapless::Vec<PublicKey, MAX_KEYS>,
}

impl Role {
    /// A role of `keys`, `threshold` of which must sign.
    ///
    /// # Errors
    /// [`Error::Keys`] for no keys or too many, a threshold of 0 or above their number, two that are the same or have the
    /// same name, and bytes that are no key, or are one that everybody can sign with.
    pub fn new(threshold: u8, keys: &[PublicKey]) -> Result<Self, Error> {
        let keys = heapless::Vec::from_slice(keys).map_err(|_| Error::Keys)?;
        let role = Self { threshold, keys };
        role.check_numbers()?;
        role.check_keys()?;
        Ok(role)
    }

    /// How many of the keys must sign.
    #[must_use]
    pub fn threshold(&self) -> u8 {
        self.threshold
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// The key of that name.
    #[must_use]
    pub fn key(&self, id: KeyId) -> Option<&PublicKey> {
        self.keys.iter().find(|key| name(key) == id)
    }

    /// Whether those of its keys that `next` has no more could have signed for it alone.
    ///
    /// Then whatever it signed may be a thief's, and its counters with it. Fewer than the threshold could not have.
    pub(super) fn is_given_up_by(&self, next: &Self) -> bool {
        let gone = self.keys.iter().filter(|key| !next.keys.contains(key)).count();
        gone >= usize::from(self.threshold)
    }

    fn check_numbers(&self) -> Result<(), Error> {
        if self.threshold == 0 || usize::from(self.threshold) > self.keys.len() {
            return Err(Error::Keys);
        }
        for (place, key) in self.keys.iter().enumerate() {
            // A name of 8 bytes can be met by trying; two keys of one name are as bad as one key that counts twice.
            if self.keys[..place].iter().any(|other| name(other) == name(key)) {
                return Err(Error::Keys);
            }
        }
        Ok(())
    }

    fn check_keys(&self) -> Result<(), Error> {
        for bytes in &self.keys {
            let key = VerifyingKey::from_bytes(bytes).map_err(|_| Error::Keys)?;
            // A point has one encoding that is allowed, else one key could stand here twice.
            if key.is_weak() || key.to_edwards().compress().as_bytes() != bytes {
                return Err(Error::Keys);
            }
        }
        Ok(())
    }

    fn write(&self, encoder: &mut Encoder<&mut [u8]>) -> Encoded {
        encoder.map(2)?.u8(0)?.u8(self.threshold)?.u8(1)?.array(self.keys.len() as u64)?;
        for key in &self.keys {
            encoder.bytes(key)?;
        }
        Ok(())
    }

    /// Nobody's, which no document can be of.
    const fn nobody() -> Self {
        Self { threshold: 0, keys: heapless::Vec::new() }
    }

    /// Reads it where it is, which holds nobody yet.
    fn read(&mut self, decoder: &mut Decoder<'_>) -> Result<(), Error> {
        let mut fields = Fields::of(decoder)?;
        while let Some(key) = fields.next(decoder)? {
            match key {
                0 => self.threshold = decoder.u8().map_err(malformed)?,
                1 => {
                    for _ in 0..body::count(decoder, 1, MAX_KEYS)? {
                        self.keys.push(body::bytes(decoder)?).map_err(|_| Error::Malformed)?;
                    }
                }
                _ => body::skip(decoder)?,
            }
        }
        self.check_numbers()
    }
}

/// What the key of these bytes is called.
fn name(key: &PublicKey) -> KeyId {
    let digest = super::digest(key);
    KeyId(core::array::from_fn(|n| digest[n]))
}

/// The body of a document of kind [`kind::ROOT`]: `{0: root, 1: release, 2: timestamp}`, each a [`Role`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Who may name other keys: offline, best several people.
    pub root: Role,
    /// Who may say what an update is: offline.
    pub release: Role,
    /// Who may say that it is the newest: online, and renewed every few days.
    pub timestamp: Role,
}

impl Root {
    /// Writes the body and returns its length.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `out` is too small.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, Error> {
        body::encode(out, |encoder| {
            encoder.map(3)?;
            for (key, role) in [(0, &self.root), (1, &self.release), (2, &self.timestamp)] {
                encoder.u8(key)?;
                role.write(encoder)?;
            }
            Ok(())
        })
    }

    /// Reads the body of `document`.
    ///
    /// # Errors
    /// [`Error::Kind`] when it is of another kind; [`Error::Keys`] for numbers that cannot be; [`Error::Malformed`]. That
    /// each key is one is checked by [`Root::check`].
    pub fn from_document(document: &Document<'_>) -> Result<Self, Error> {
        let mut root = Self::nobodys();
        root.read(document)?;
        Ok(root)
    }

    /// A root before it is read.
    pub(super) const fn nobodys() -> Self {
        Self { root: Role::nobody(), release: Role::nobody(), timestamp: Role::nobody() }
    }

    /// Reads the body of `document` where the root is, which holds nobody yet. It is 800 bytes: returned from function to
    /// function, it would lie on a chip's stack several times.
    ///
    /// # Errors
    /// As [`Root::from_document`]; the root is useless then.
    pub(super) fn read(&mut self, document: &Document<'_>) -> Result<(), Error> {
        if document.kind != kind::ROOT {
            return Err(Error::Kind);
        }
        body::decode(document.body, |decoder| {
            let mut fields = Fields::of(decoder)?;
            let mut found = 0;
            while let Some(key) = fields.next(decoder)? {
                let role = match key {
                    0 => &mut self.root,
                    1 => &mut self.release,
                    2 => &mut self.timestamp,
                    _ => {
                        body::skip(decoder)?;
                        continue;
                    }
                };
                role.read(decoder)?;
                found += 1;
            }
            if found == 3 { Ok(()) } else { Err(Error::Malformed) }
        })
    }

    /// Checks that all keys are keys, which takes a moment for each on a chip and is done once for a root.
    ///
    /// # Errors
    /// [`Error::Keys`].
    pub fn check(&self) -> Result<(), Error> {
        [&self.root, &self.release, &self.timestamp].into_iter().try_for_each(Role::check_keys)
    }
}
