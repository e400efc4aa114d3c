//! Who may sign what: the roles of a root, and how the next root differs.

use wildcam_core::{
    cose::{Document, KeyId, kind},
    trust::{self, MAX_CONTENT, PublicKey, Root, Signed},
};

use super::{Role, chain::ChainError, signing::Draft, vault::key_name};

/// The keys of a role in a root.
#[must_use]
pub fn keys_of(root: &Root, role: Role) -> &trust::Role {
    match role {
        Role::Release => &root.release,
        Role::Timestamp => &root.timestamp,
        // The online key of the fleet is in no root.
        Role::Root | Role::Online => &root.root,
    }
}

/// What a key is called in documents.
#[must_use]
pub fn id_of(key: &PublicKey) -> KeyId {
    let digest = trust::digest(key);
    KeyId(std::array::from_fn(|n| digest[n]))
}

/// A role of these keys.
///
/// # Errors
/// [`ChainError::Unwritable`] for a threshold that cannot be, too many keys, or one twice.
pub fn role(role: Role, threshold: u8, keys: &[PublicKey]) -> Result<trust::Role, ChainError> {
    let what = format!("the role {role} of {} keys, {threshold} of which must sign,", keys.len());
    trust::Role::new(threshold, keys).map_err(|source| ChainError::Unwritable { what, source })
}

/// How a role is to differ in the next root.
#[derive(Debug, Clone)]
pub struct Change {
    /// Which role.
    pub role: Role,
    /// Keys that lose their say.
    pub remove: Vec<KeyId>,
    /// Keys that get it.
    pub add: Vec<PublicKey>,
    /// How many must sign, where that changes.
    pub threshold: Option<u8>,
}

/// The roles after a change, and whether the numbers of the role start anew, because as many of its keys are gone as could
/// have signed alone.
///
/// # Errors
/// [`ChainError::Asked`] for a key to be removed that has no say; [`ChainError::Unwritable`].
pub fn changed(root: &Root, change: &Change) -> Result<(Root, bool), ChainError> {
    let old = keys_of(root, change.role);
    if let Some(stranger) = change.remove.iter().find(|id| old.key(**id).is_none()) {
        return Err(ChainError::Asked(format!("{} is no key of the role {}", key_name(*stranger), change.role)));
    }
    let stays = old.keys().iter().filter(|key| !change.remove.contains(&id_of(key)));
    let keys: Vec<PublicKey> = stays.chain(&change.add).copied().collect();
    let next = role(change.role, change.threshold.unwrap_or(old.threshold()), &keys)?;
    let anew = change.remove.len() >= usize::from(old.threshold());
    let mut changed = root.clone();
    match change.role {
        Role::Release => changed.release = next,
        Role::Timestamp => changed.timestamp = next,
        Role::Root | Role::Online => changed.root = next,
    }
    Ok((changed, anew))
}

/// The root with this number, without signatures.
///
/// # Errors
/// [`ChainError::Unwritable`] when it has too many keys, or expires before it is issued.
pub fn draft(root: &Root, number: u64, issued_s: u64, expires_s: u64) -> Result<Draft, ChainError> {
    let mut body = [0; MAX_CONTENT];
    let unwritable = |source| ChainError::Unwritable { what: format!("root {number}"), source };
    let length = root.encode(&mut body).map_err(unwritable)?;
    Draft::new(&Document { kind: kind::ROOT, seq: number, issued_s, expires_s, body: &body[..length] })
}

/// What a root says, whoever signed it.
///
/// # Errors
/// [`ChainError::Refused`] when it is none.
pub fn read(document: &[u8], name: &str) -> Result<Root, ChainError> {
    let signed = Signed::parse(document).map_err(ChainError::refused(name))?;
    Root::from_document(signed.document()).map_err(ChainError::refused(name))
}
