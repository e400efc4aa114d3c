//! The fleet's online key, for the commands that sign with it.

use super::{CommandError, Kind};
use crate::{
    project::Project,
    release::{FileSigner, Role},
};

/// The key of `gateway.signing_key` or `fleet.online_key`.
pub(super) fn signer(project: &Project) -> Result<FileSigner, CommandError> {
    let reference = project.signing_key().ok_or_else(|| {
        CommandError::new(Kind::Usage, "wildcam.toml names no key to sign with")
            .next_step("set fleet.online_key to env:NAME or file:PATH of an Ed25519 key in PKCS#8 PEM")
    })?;
    let pem = project.secret(reference, &super::open::variable).map_err(|error| {
        let step = error.next_step();
        CommandError::new(Kind::Usage, "the fleet's online key cannot be had").because(error).next_step(step)
    })?;
    FileSigner::from_pem(pem.expose(), Role::Online)
        .map_err(|error| CommandError::new(Kind::Usage, "the fleet's online key cannot be used").because(error))
}
