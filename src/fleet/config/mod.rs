//! What one camera is set to, and which release it shall run: signed documents whose numbers rise.
//!
//! ```text
//! fleet/cameras/{camera}/config/{number}.cose   every version, never changed
//! fleet/cameras/{camera}/config.cose            the newest of them, which gateways carry
//! fleet/registers/config.{camera}.json          the last number that was given out
//! ```
//!
//! A push is based on what its operator saw ([`basis`]): the number is drawn only if nobody drew one since, so two operators do
//! not overwrite each other unseen. Then the version is written into every store, and after that made the newest; of both a
//! majority is needed. A store never goes back to a lower number, whatever order writes arrive in. A push that was cut short
//! leaves a number without a document, which the next one passes over.

mod history;
mod settings;
#[cfg(test)]
mod tests;

use std::{fmt::Write as _, sync::Arc, time::Duration};

use bytes::Bytes;
use ed25519_dalek::VerifyingKey;
use object_store::{Error as StoreError, ObjectStore, PutMode, PutOptions, PutPayload, path::Path};
use sha2::{Digest, Sha256};
use wildcam_core::{
    config::ConfigBody,
    cose::{MAX_DOCUMENT, kind},
    wire::{CameraId, keys},
};

pub use history::{history, version};
pub use settings::{Change, changes};

use super::{
    Published,
    stores::{self, Failed, from_all, in_one_line, is_enrolled, is_majority, to_all},
};
use crate::{
    clock::Random,
    cloud::NamedStores,
    journal::{
        self,
        register::{ChangeError, Register, Timeouts},
    },
    project::CameraSettings,
    release::{self, Signer, documents},
};

/// How long a version is carried to its camera: two years. What the camera took on by then it keeps.
pub const VALID_S: u64 = 2 * 365 * 86_400;

/// The longest name of a register.
const REGISTER_NAME_MAX: usize = 63;

/// How often a document is read again when its number was given out and it is not there yet, and how long to wait before that.
const LOOKS: u32 = 4;
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// One version of what one camera is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its number.
    pub number: u64,
    /// Unix seconds at which it was signed.
    pub issued_s: u64,
    /// Unix seconds from which gateways no longer carry it.
    pub expires_s: u64,
    /// The name of the key that signed it, in hexadecimal: the first 8 bytes of its SHA-256.
    pub signer: String,
    /// All that the camera is set to.
    pub settings: CameraSettings,
    /// The number of the release that it shall run, of its board's; `None` for whatever it runs.
    pub release: Option<u64>,
}

/// What stands in the stores for one camera.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The camera.
    pub camera: CameraId,
    /// The newest version; `None` when nothing was ever set.
    pub newest: Option<Version>,
    /// The last number that was given out. It is that of the newest version unless a push was cut short.
    pub given: u64,
    /// Stores that hold the newest version.
    pub copies: usize,
    /// Stores that could not be read.
    pub failed: Failed,
    document: Bytes,
}

impl Standing {
    /// The number of the newest version; 0 for none.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.newest.as_ref().map_or(0, |newest| newest.number)
    }

    /// What the camera is set to; nothing where nothing was ever set.
    #[must_use]
    pub fn settings(&self) -> CameraSettings {
        self.newest.as_ref().map(|newest| newest.settings).unwrap_or_default()
    }

    /// The release that it shall run, if one was ever named.
    #[must_use]
    pub fn release(&self) -> Option<u64> {
        self.newest.as_ref().and_then(|newest| newest.release)
    }
}

/// Why a version could not be read or published.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No store knows a key of this camera.
    #[error("no camera called {0} has enrolled")]
    UnknownCamera(CameraId),
    /// Too few stores could be read to tell what stands.
    #[error("{answered} of {of} stores could be read: {why}")]
    Unreadable {
        /// Stores that answered.
        answered: usize,
        /// All stores.
        of: usize,
        /// What the others said.
        why: String,
    },
    /// A version has settings that this build does not know.
    #[error("version {number} sets what this wildcam does not know")]
    Newer {
        /// Its number.
        number: u64,
        /// What is not known.
        source: release::Error,
    },
    /// Somebody else pushed since the version was read that this push is based on.
    #[error("version {seen} was the newest when this push began, and by now number {now} was given out")]
    Conflict {
        /// The number that was seen.
        seen: u64,
        /// The last one now.
        now: u64,
    },
    /// No number could be drawn, or none could be read.
    #[error("the version could not be numbered")]
    Number(#[source] journal::Error),
    /// It could not be signed.
    #[error("the version could not be signed")]
    Sign(#[source] release::Error),
    /// Too few stores hold it; the camera may find it or not.
    #[error("version {number} is in {copies} of {of} stores, and a majority is needed: {why}")]
    Stores {
        /// Its number.
        number: u64,
        /// Stores that hold it.
        copies: usize,
        /// All stores.
        of: usize,
        /// What the others said.
        why: String,
    },
    /// While it was written, somebody made a later version the newest, who cannot have seen this one.
    #[error("version {number} was overtaken by version {by} while it was written")]
    Overtaken {
        /// Its number.
        number: u64,
        /// The number that stands.
        by: u64,
    },
}

/// The register of a camera's numbers. Names of cameras that are too long for one are digested.
fn register_name(camera: &CameraId) -> String {
    let name = format!("config.{camera}");
    if name.len() <= REGISTER_NAME_MAX {
        return name;
    }
    let digest = Sha256::digest(camera.as_str().as_bytes());
    let mut name = "config-of.".to_owned();
    for byte in &digest[..16] {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

fn numbers(stores: &NamedStores, camera: &CameraId, random: Random) -> Result<Register<u64>, Error> {
    let name = register_name(camera);
    Register::new(&name, stores.clone(), "config", random, Timeouts::default()).map_err(Error::Number)
}

/// What a store's copy says; `None` for what is not a version of this camera that `key` signed.
fn read_version(bytes: &[u8], key: &VerifyingKey, camera: &CameraId) -> Result<Option<Version>, Error> {
    let number = match wildcam_core::cose::verify(bytes, key) {
        Ok(document) if document.kind == wildcam_core::cose::kind::CONFIG => document.seq,
        _ => return Ok(None),
    };
    let (document, body) = match documents::open_config(bytes, key) {
        Ok(read) => read,
        Err(source) => return Err(Error::Newer { number, source }),
    };
    if body.camera != *camera {
        return Ok(None);
    }
    let mut signer = String::new();
    for byte in wildcam_core::cose::KeyId::of(key).0 {
        let _ = write!(signer, "{byte:02x}");
    }
    Ok(Some(Version {
        number,
        issued_s: document.issued_s,
        expires_s: document.expires_s,
        signer,
        settings: settings::from_document(&body.settings),
        release: body.release,
    }))
}

/// What stands for a camera: the newest version of all stores that can be read, also one that has expired.
///
/// # Errors
/// [`Error::Unreadable`] when no store can be read, [`Error::Newer`].
pub async fn standing(stores: &NamedStores, key: &VerifyingKey, camera: &CameraId) -> Result<Standing, Error> {
    let path = Path::from(keys::camera_config(camera).as_str());
    let (found, failed) = from_all(stores, |store| {
        let (store, path) = (Arc::clone(store), path.clone());
        async move { stores::read(&store, &path, MAX_DOCUMENT as u64).await }
    })
    .await;
    let answered = stores.len() - failed.len();
    if answered == 0 {
        return Err(Error::Unreadable { answered, of: stores.len(), why: in_one_line(&failed) });
    }
    let mut standing =
        Standing { camera: camera.clone(), newest: None, given: 0, copies: 0, failed, document: Bytes::new() };
    for bytes in found.into_iter().flatten().flatten().filter_map(|(_, bytes)| bytes) {
        let Some(version) = read_version(&bytes, key, camera)? else { continue };
        if version.number > standing.number() {
            (standing.newest, standing.copies, standing.document) = (Some(version), 1, bytes);
        } else if version.number == standing.number() {
            standing.copies += 1;
        }
    }
    standing.given = standing.number();
    Ok(standing)
}

/// What a push of this camera is based on: as [`standing`], of a majority of the stores, and the last number that was given out.
/// Whoever numbered a version that is not there yet is waited for, for two seconds.
///
/// # Errors
/// [`Error::UnknownCamera`], [`Error::Number`], [`Error::Unreadable`], [`Error::Newer`].
pub async fn basis(
    stores: &NamedStores,
    key: &VerifyingKey,
    camera: &CameraId,
    random: Random,
) -> Result<Standing, Error> {
    if !is_enrolled(stores, camera).await {
        return Err(Error::UnknownCamera(camera.clone()));
    }
    let register = numbers(stores, camera, random)?;
    let mut looks = 0;
    loop {
        // The number first: what is pushed after it is read is a conflict then, and never passed over.
        let given = register.read().await.map_err(Error::Number)?.unwrap_or(0);
        let mut standing = standing(stores, key, camera).await?;
        let answered = stores.len() - standing.failed.len();
        if !is_majority(answered, stores) {
            return Err(Error::Unreadable { answered, of: stores.len(), why: in_one_line(&standing.failed) });
        }
        looks += 1;
        if given <= standing.number() || looks == LOOKS {
            standing.given = given;
            return Ok(standing);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Signs a new version and makes it the newest.
///
/// # Errors
/// [`Error::Conflict`] when somebody drew a number since `basis` was read, and nothing was written; [`Error::Overtaken`];
/// with [`Error::Stores`] the camera may find the version all the same, in a store that took it.
pub async fn publish(
    stores: &NamedStores,
    signer: &dyn Signer,
    basis: &Standing,
    settings: &CameraSettings,
    release: Option<u64>,
    now_s: u64,
    random: Random,
) -> Result<Published, Error> {
    let camera = &basis.camera;
    let number = draw(&numbers(stores, camera, random)?, basis).await?;
    let body = ConfigBody { camera: camera.clone(), settings: settings::to_document(settings), release };
    let expires_s = now_s.saturating_add(VALID_S);
    let document = documents::seal_config(signer, number, now_s, expires_s, &body).await.map_err(Error::Sign)?;
    place(stores, &signer.public_key(), camera, number, document.into()).await
}

/// Writes the newest version into the stores that miss it, as one that was down during the push.
///
/// # Errors
/// As [`publish`], without those of numbers and signatures.
pub async fn mend(stores: &NamedStores, key: &VerifyingKey, standing: &Standing) -> Result<Published, Error> {
    place(stores, key, &standing.camera, standing.number(), standing.document.clone()).await
}

/// The next number, if none was given out since `basis` was read.
async fn draw(register: &Register<u64>, basis: &Standing) -> Result<u64, Error> {
    let drawn = register.change(|last| {
        let last = last.unwrap_or(0);
        // A register that was lost begins anew, above every number that was seen.
        let next = if last == basis.given { last.max(basis.number()).checked_add(1) } else { None };
        next.ok_or(last)
    });
    drawn.await.map_err(|error| match error {
        ChangeError::Aborted(u64::MAX) => {
            Error::Number(journal::Error::Exhausted { register: register.name().to_owned() })
        }
        ChangeError::Aborted(now) => Error::Conflict { seen: basis.number(), now },
        ChangeError::Register(error) => Error::Number(error),
    })
}

/// Writes a version first among all versions, and then as the newest.
async fn place(
    stores: &NamedStores,
    key: &VerifyingKey,
    camera: &CameraId,
    number: u64,
    document: Bytes,
) -> Result<Published, Error> {
    let path = Path::from(keys::camera_config_version(camera, number).as_str());
    let failed = to_all(stores, |store| {
        let (store, path, document) = (Arc::clone(store), path.clone(), document.clone());
        async move { keep_version(&store, &path, document).await }
    });
    let mut failed = failed.await;
    enough(stores, number, &failed)?;
    let path = Path::from(keys::camera_config(camera).as_str());
    let (stand, also_failed) = from_all(stores, |store| {
        let (store, path, document) = (Arc::clone(store), path.clone(), document.clone());
        async move { stores::make_newest(&store, &path, (key, kind::CONFIG), number, document).await }
    })
    .await;
    match stand.into_iter().flatten().max() {
        Some(by) if by > number => return Err(Error::Overtaken { number, by }),
        _ => enough(stores, number, &also_failed)?,
    }
    for (name, why) in also_failed {
        if failed.iter().all(|(other, _)| *other != name) {
            failed.push((name, why));
        }
    }
    Ok(Published { number, copies: stores.len() - failed.len(), failed })
}

fn enough(stores: &NamedStores, number: u64, failed: &Failed) -> Result<(), Error> {
    let copies = stores.len() - failed.len();
    if is_majority(copies, stores) {
        return Ok(());
    }
    Err(Error::Stores { number, copies, of: stores.len(), why: in_one_line(failed) })
}

/// Writes a version where none of its number lies.
async fn keep_version(store: &Arc<dyn ObjectStore>, path: &Path, document: Bytes) -> Result<(), String> {
    let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    match store.put_opts(path, PutPayload::from(document.clone()), options).await {
        Ok(_) => Ok(()),
        Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => {
            let there = stores::read(store, path, MAX_DOCUMENT as u64).await?;
            let same = there.is_some_and(|(_, bytes)| bytes.as_ref() == Some(&document));
            if same { Ok(()) } else { Err(format!("something else lies at {path}")) }
        }
        Err(error) => Err(error.to_string()),
    }
}
