//! Documents of several signatures while they come about: one person signs after the other, each on a machine of their own
//! where the keys are that far apart. Every signature is checked before it is kept.

use ed25519_dalek::{Signature, VerifyingKey};
use wildcam_core::{
    cose::{Document, KeyId},
    trust::{self, MAX_CONTENT, MAX_SIGNED, MAX_TO_BE_SIGNED, Signed},
};

use super::{
    Error, Role, Signer,
    chain::ChainError,
    roles,
    vault::{Key, Place, Vault},
};

/// A role whose keys have to sign, in one root.
pub type Demand<'a> = (Role, &'a trust::Role);

/// A document with the signatures that it has so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    content: Vec<u8>,
    signatures: Vec<(KeyId, [u8; 64])>,
}

impl Draft {
    /// A document without signatures.
    ///
    /// # Errors
    /// [`ChainError::Unwritable`] when it is too long, or cameras would refuse what it says.
    pub fn new(document: &Document<'_>) -> Result<Self, ChainError> {
        let mut content = vec![0; MAX_CONTENT];
        let what = format!("the document {} {}", document.kind, document.seq);
        let length =
            trust::write_content(document, &mut content).map_err(|source| ChainError::Unwritable { what, source })?;
        content.truncate(length);
        Ok(Self { content, signatures: Vec::new() })
    }

    /// A document as somebody else left it; its signatures are not checked.
    ///
    /// # Errors
    /// [`ChainError::Refused`].
    pub fn parse(bytes: &[u8], name: &str) -> Result<Self, ChainError> {
        let signed = Signed::parse(bytes).map_err(ChainError::refused(name))?;
        let signatures = signed.signatures().map(|(id, signature)| (id, *signature)).collect();
        Ok(Self { content: signed.content().to_vec(), signatures })
    }

    /// What is signed.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// Which keys have signed.
    pub fn signers(&self) -> impl Iterator<Item = KeyId> + '_ {
        self.signatures.iter().map(|(id, _)| *id)
    }

    /// Adds a signature.
    ///
    /// # Errors
    /// [`Error`] of the signer, also when what it gave is no signature of its key.
    pub async fn sign(&mut self, signer: &dyn Signer) -> Result<(), ChainError> {
        let public = signer.public_key();
        let id = KeyId::of(&public);
        let text = self.text(id)?;
        let signature = signer.sign(&text).await?;
        if !is_right(&public, &text, &signature) {
            return Err(Error::Signer("the signature is not by the signer's key".to_owned()).into());
        }
        self.signatures.retain(|(other, _)| *other != id);
        self.signatures.push((id, signature));
        Ok(())
    }

    fn text(&self, id: KeyId) -> Result<Vec<u8>, ChainError> {
        let mut text = vec![0; MAX_TO_BE_SIGNED];
        let length = trust::to_be_signed(&self.content, id, &mut text)
            .map_err(|source| ChainError::Unwritable { what: "the text to be signed".to_owned(), source })?;
        text.truncate(length);
        Ok(text)
    }

    /// Forgets the signatures of keys that have no say, and wrong ones: a single one of them makes cameras refuse it.
    ///
    /// # Errors
    /// [`ChainError::Unwritable`].
    pub fn clean(&mut self, demands: &[Demand<'_>]) -> Result<(), ChainError> {
        let mut kept = Vec::new();
        for (id, signature) in &self.signatures {
            let key =
                demands.iter().find_map(|(_, role)| role.key(*id)).and_then(|key| VerifyingKey::from_bytes(key).ok());
            let text = self.text(*id)?;
            if key.is_some_and(|key| is_right(&key, &text, signature)) {
                kept.push((*id, *signature));
            }
        }
        self.signatures = kept;
        Ok(())
    }

    /// How many signatures of each demand are missing.
    #[must_use]
    pub fn missing(&self, demands: &[Demand<'_>]) -> Vec<usize> {
        let have = |role: &trust::Role| self.signers().filter(|id| role.key(*id).is_some()).count();
        demands.iter().map(|(_, role)| usize::from(role.threshold()).saturating_sub(have(role))).collect()
    }

    /// The keys of the vault that should sign, no more than are needed: those first that count for several demands, and of
    /// these the ones that lie here.
    #[must_use]
    pub fn wanted<'v>(&self, vault: &'v Vault, demands: &[Demand<'_>]) -> Vec<&'v Key> {
        let mut missing = self.missing(demands);
        let counts = |key: &Key, place: usize| {
            let (role, keys): Demand<'_> = demands[place];
            key.role == role && keys.key(key.id).is_some_and(|known| known == key.public.as_bytes())
        };
        let mut keys: Vec<&Key> = vault.keys().iter().filter(|key| key.place != Place::Elsewhere).collect();
        keys.retain(|key| self.signers().all(|id| id != key.id));
        let sum = |key: &Key| (0..demands.len()).filter(|place| counts(key, *place)).count();
        keys.sort_by_key(|key| (std::cmp::Reverse(sum(key)), key.place != Place::Here));
        keys.retain(|key| {
            let helps = (0..demands.len()).any(|place| missing[place] > 0 && counts(key, place));
            if helps {
                for (place, missing) in missing.iter_mut().enumerate() {
                    *missing = missing.saturating_sub(usize::from(counts(key, place)));
                }
            }
            helps
        });
        keys
    }

    /// The document's bytes, complete or not.
    ///
    /// # Errors
    /// [`ChainError::Unwritable`] without any signature, or with too many.
    pub fn bytes(&self) -> Result<Vec<u8>, ChainError> {
        let mut out = vec![0; MAX_SIGNED];
        let length = trust::assemble(&self.content, &self.signatures, &mut out)
            .map_err(|source| ChainError::Unwritable { what: "the document with its signatures".to_owned(), source })?;
        out.truncate(length);
        Ok(out)
    }

    /// The document's bytes, when cameras that demand this would take it.
    ///
    /// # Errors
    /// [`ChainError::Signatures`] for the first demand that is not met; [`ChainError::Refused`].
    pub fn complete(&self, demands: &[Demand<'_>]) -> Result<Vec<u8>, ChainError> {
        let missing = self.missing(demands);
        if let Some(((role, _), missing)) = demands.iter().zip(missing).find(|(_, missing)| *missing > 0) {
            return Err(ChainError::Signatures { role: *role, missing });
        }
        let bytes = self.bytes()?;
        let checked = Signed::parse(&bytes).and_then(|signed| {
            let keys: Vec<&trust::Role> = demands.iter().map(|(_, keys)| *keys).collect();
            signed.check(&keys)
        });
        checked.map_err(ChainError::refused("what was signed"))?;
        Ok(bytes)
    }
}

fn is_right(key: &VerifyingKey, text: &[u8], signature: &[u8; 64]) -> bool {
    key.verify_strict(text, &Signature::from_bytes(signature)).is_ok()
}

/// The demand of one role of a root.
#[must_use]
pub fn demand(root: &trust::Root, role: Role) -> Demand<'_> {
    (role, roles::keys_of(root, role))
}
