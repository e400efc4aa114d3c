//! Who may sign updates in a lab: keys of its own, and the root that its boards begin with.

use std::path::Path;

use wildcam_core::trust::Root;

use super::{OPERATOR, write_private};
use crate::{
    clock::Random,
    drill::loss::hexadecimal,
    lab::Error,
    project::Secret,
    release::{
        Role,
        chain::ChainError,
        folder::Folder,
        roles::{self, role},
        signing::demand,
        vault::Vault,
    },
};

/// The folder of the keys, in the operator's.
const KEYS: &str = "keys";
/// The folder of the releases, in the operator's.
const RELEASES: &str = "releases";
/// The passphrase of the keys, in the lab's folder of secrets.
pub const PASSPHRASE_FILE: &str = "releases.passphrase";
/// How hard the passphrase is to guess is of no matter here: it lies beside the keys, and is as long as a key.
const WORK: u8 = 10;

/// Makes a key for each role of updates, and the root that names them; its document is what boards are given.
pub(super) async fn root(folder: &Path, random: &Random, now_s: u64, valid_s: u64) -> Result<Vec<u8>, Error> {
    make(folder, random, now_s, valid_s).await.map_err(|error| Error::part("making the keys of updates")(error.into()))
}

async fn make(folder: &Path, random: &Random, now_s: u64, valid_s: u64) -> Result<Vec<u8>, ChainError> {
    let mut bytes = [0; 24];
    random.fill(&mut bytes);
    let passphrase = Secret::new(hexadecimal(&bytes));
    let path = folder.join("secrets").join(PASSPHRASE_FILE);
    write_private(&path, passphrase.expose().as_bytes())
        .map_err(|error| ChainError::Asked(format!("{} cannot be written: {error}", path.display())))?;
    let operator = folder.join(OPERATOR);
    let mut vault = Vault::open(&operator.join(KEYS))?.with_work(WORK);
    let mut keys = Vec::new();
    for role in Role::OF_UPDATES {
        keys.push(vault.create(role, &passphrase)?);
    }
    let only = |place: usize| role(keys[place].role, 1, &[keys[place].public.to_bytes()]);
    let root = Root { root: only(0)?, release: only(1)?, timestamp: only(2)? };
    let mut draft = roles::draft(&root, 1, now_s, now_s.saturating_add(valid_s))?;
    let signer = vault.signer(&keys[0], &mut |_| Some(passphrase.clone()), &[])?;
    draft.sign(signer.as_ref()).await?;
    let document = draft.complete(&[demand(&root, Role::Root)])?;
    Folder::new(&operator.join(RELEASES)).put(&wildcam_core::wire::keys::release_root(1), &document)?;
    Ok(document)
}
