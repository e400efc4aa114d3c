//! Telling a board who it is: its identity record, and the project's list of the cameras that were made.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use ed25519_dalek::{SigningKey, VerifyingKey};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use serde::{Deserialize, Serialize};
use wildcam_core::{
    cose::{self, Endpoints},
    identity::{self, Identity, MAX_RECORD, MAX_ROOT_DOCUMENT, Record},
    layout::{Region, SECTOR_BYTES},
    trust,
    wire::CameraId,
};
use zeroize::{Zeroize as _, Zeroizing};

use super::flash::{Held, Part};
use crate::{
    clock::Random,
    journal::{self, intent::Log},
    project::Secret,
};

/// Whom every camera of a fleet believes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// The fleet's online key, its public half.
    pub online_key: [u8; 32],
    /// The certificate of the authority that gateways are checked against, DER.
    pub authority: Vec<u8>,
    /// The signed endpoint list.
    pub endpoints: Vec<u8>,
    /// The signed root of updates; empty for cameras that are updated by cable only.
    pub root: Vec<u8>,
}

/// Why the documents for cameras cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The certificate is none.
    #[error("the authority's certificate is no certificate in PEM")]
    Authority,
    /// The key is none.
    #[error("the online key is no Ed25519 key")]
    Key,
    /// The list is not signed by the key, or not a list.
    #[error("the endpoint list is not valid")]
    Endpoints(#[source] cose::Error),
    /// The root of updates is none that is signed by its own keys.
    #[error("the root of updates is not valid")]
    Root(#[source] trust::Error),
    /// The root is longer than an identity has room for.
    #[error(
        "the root of updates has {0} bytes, and an identity has room for {MAX_ROOT_DOCUMENT}: fewer keys make it smaller"
    )]
    LongRoot(usize),
}

impl Trust {
    /// Checks the documents against each other.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn new(online_key: [u8; 32], authority_pem: &str, endpoints: Vec<u8>) -> Result<Self, TrustError> {
        let der = CertificateDer::from_pem_slice(authority_pem.as_bytes()).map_err(|_| TrustError::Authority)?;
        let trust = Self { online_key, authority: der.to_vec(), endpoints, root: Vec::new() };
        trust.check()?;
        Ok(trust)
    }

    /// The same with the root of updates.
    ///
    /// # Errors
    /// [`TrustError::Root`], [`TrustError::LongRoot`].
    pub fn with_root(mut self, root: Vec<u8>) -> Result<Self, TrustError> {
        self.root = root;
        self.check()?;
        Ok(self)
    }

    /// Checks the endpoint list against the key, and the root against its own.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn check(&self) -> Result<(), TrustError> {
        let key = VerifyingKey::from_bytes(&self.online_key).map_err(|_| TrustError::Key)?;
        let document = cose::verify(&self.endpoints, &key).map_err(TrustError::Endpoints)?;
        Endpoints::from_document(&document).map_err(TrustError::Endpoints)?;
        if self.root.len() > MAX_ROOT_DOCUMENT {
            return Err(TrustError::LongRoot(self.root.len()));
        }
        if !self.root.is_empty() {
            // A root is for all classes of boards; any name serves.
            trust::Trust::begin(&self.root, "any").map_err(TrustError::Root)?;
        }
        Ok(())
    }
}

/// A wireless network.
#[derive(Debug, Clone)]
pub struct Wifi {
    /// Its name.
    pub ssid: String,
    /// Its passphrase; empty for an open network.
    pub passphrase: Secret,
}

/// What one camera is told.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// Its name.
    pub camera: CameraId,
    /// What lets it register, once.
    pub token: Secret,
    /// The network to join.
    pub wifi: Option<Wifi>,
    /// Its group; empty for none.
    pub group: String,
}

/// An identity that is to be written.
#[derive(Debug, Clone)]
pub struct Provision {
    /// What the camera is told.
    pub assignment: Assignment,
    /// Whom it believes.
    pub trust: Arc<Trust>,
    /// It is written also where a valid identity is, which is then lost.
    pub replaces: bool,
    /// The user consented to that loss for this camera.
    pub may_replace: bool,
}

/// An identity that was made, as it lies in flash.
pub(super) struct Made {
    /// What can be read of it by anyone.
    pub(super) held: Held,
    /// The two sectors of the region.
    pub(super) region: Zeroizing<Vec<u8>>,
}

/// Makes an identity with keys of its own. `now_ms` sets the camera's clock.
pub(super) fn make(
    provision: &Provision,
    sequence: u32,
    now_ms: u64,
    random: &Random,
) -> Result<Made, identity::Error> {
    let (mut key, mut card_key) = (Zeroizing::new([0; 32]), Zeroizing::new([0; 32]));
    random.fill(&mut *key);
    random.fill(&mut *card_key);
    let (assignment, trust) = (&provision.assignment, &provision.trust);
    let wifi = assignment.wifi.as_ref();
    let mut identity = Identity {
        camera: assignment.camera.clone(),
        key: *key,
        trusted: trust.online_key,
        authority: &trust.authority,
        wifi: wifi.map(|wifi| identity::Wifi { ssid: &wifi.ssid, passphrase: wifi.passphrase.expose() }),
        endpoints: &trust.endpoints,
        token: assignment.token.expose(),
        group: &assignment.group,
        card_key: *card_key,
        set_at_ms: now_ms,
        root: &trust.root,
    };
    let mut buffer = Zeroizing::new([0xff; MAX_RECORD]);
    let encoded = identity::encode(&identity, sequence, &mut buffer);
    identity.key.zeroize();
    identity.card_key.zeroize();
    encoded?;
    let mut region = Zeroizing::new(vec![0xff; 2 * MAX_RECORD]);
    region[..MAX_RECORD].copy_from_slice(&*buffer);
    let public_key = SigningKey::from_bytes(&key).verifying_key().to_bytes();
    Ok(Made { held: Held { camera: assignment.camera.clone(), public_key, sequence, sealed: false }, region })
}

/// What a camera that keeps its identity is told anew; what is `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The network to join.
    pub wifi: Option<Wifi>,
    /// Its group.
    pub group: Option<String>,
    /// Whom it believes.
    pub trust: Option<Arc<Trust>>,
    /// Another endpoint list alone is a reason to tell it. One that was made just now differs each time.
    pub new_endpoints: bool,
}

/// An identity that was written anew, with the name, the key, the card's key and the token that it had.
#[derive(Debug)]
pub struct Renewed {
    /// The sector that does not hold the newest record, with one that is newer: a cut leaves the old one whole.
    pub part: Part,
    /// What is different, in words.
    pub changes: Vec<String>,
    /// What the camera is told now. It replaces nothing.
    pub provision: Provision,
}

/// Writes the identity in `bytes`, which lie in `region`, anew with these settings and sets its clock; `None` when it says all of
/// that already.
///
/// # Errors
/// [`identity::Error::Sealed`] when only the chip can read it; those of reading and writing a record.
pub fn renew(
    region: Region,
    bytes: &[u8],
    settings: &Settings,
    now_ms: u64,
) -> Result<Option<Renewed>, identity::Error> {
    let mut bytes = Zeroizing::new(bytes.to_vec());
    let mut newest: Option<(usize, u32)> = None;
    for (number, sector) in bytes.chunks_exact_mut(MAX_RECORD).enumerate() {
        let Some(record) = Record::parse(sector) else { continue };
        let sequence = record.head().sequence;
        if newest.is_none_or(|(_, best)| sequence > best) {
            newest = Some((number, sequence));
        }
    }
    let (number, sequence) = newest.ok_or(identity::Error::None)?;
    let record = Record::parse(&mut bytes[number * MAX_RECORD..][..MAX_RECORD]).ok_or(identity::Error::None)?;
    let mut identity = record.open(None)?;
    let changes = apply(settings, &mut identity);
    identity.set_at_ms = now_ms.max(identity.set_at_ms);
    let mut buffer = Zeroizing::new([0xff; MAX_RECORD]);
    let next = sequence.checked_add(1).ok_or(identity::Error::TooLarge);
    let encoded = next.and_then(|next| identity::encode(&identity, next, &mut buffer));
    identity.key.zeroize();
    identity.card_key.zeroize();
    encoded?;
    if changes.is_empty() {
        return Ok(None);
    }
    let wifi = identity
        .wifi
        .map(|wifi| Wifi { ssid: wifi.ssid.to_owned(), passphrase: Secret::new(wifi.passphrase.to_owned()) });
    let assignment = Assignment {
        camera: identity.camera.clone(),
        token: Secret::new(identity.token.to_owned()),
        wifi,
        group: identity.group.to_owned(),
    };
    let trust = Trust {
        online_key: identity.trusted,
        authority: identity.authority.to_vec(),
        endpoints: identity.endpoints.to_vec(),
        root: identity.root.to_vec(),
    };
    let provision = Provision { assignment, trust: Arc::new(trust), replaces: false, may_replace: false };
    let other = if number == 0 { SECTOR_BYTES } else { 0 };
    let part = Part { name: "identity".to_owned(), offset: region.offset + other, bytes: buffer.to_vec() };
    Ok(Some(Renewed { part, changes, provision }))
}

/// Puts the settings into an identity, and says what is different.
fn apply<'a>(settings: &'a Settings, identity: &mut Identity<'a>) -> Vec<String> {
    let mut changes = Vec::new();
    if let Some(wifi) = &settings.wifi {
        let given = identity::Wifi { ssid: &wifi.ssid, passphrase: wifi.passphrase.expose() };
        match identity.wifi {
            Some(has) if has == given => {}
            Some(has) if has.ssid == given.ssid => {
                changes.push(format!("Wi-Fi changes: a new passphrase for {}", has.ssid))
            }
            _ => changes.push(format!("Wi-Fi changes to {}", given.ssid)),
        }
        identity.wifi = Some(given);
    }
    if let Some(group) = settings.group.as_deref().filter(|group| *group != identity.group) {
        changes.push(format!("the group changes to {group}"));
        identity.group = group;
    }
    if let Some(trust) = &settings.trust {
        if (identity.trusted, identity.authority) != (trust.online_key, trust.authority.as_slice()) {
            changes.push("the online key or the authority that it believes changes".to_owned());
        } else if settings.new_endpoints && identity.endpoints != trust.endpoints {
            changes.push("the list of gateways changes".to_owned());
        }
        if !trust.root.is_empty() && identity.root != trust.root {
            changes.push("the root of updates that it believes changes".to_owned());
            identity.root = &trust.root;
        }
        (identity.trusted, identity.authority, identity.endpoints) =
            (trust.online_key, &trust.authority, &trust.endpoints);
    }
    changes
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A camera that was flashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Camera {
    /// Its name.
    pub id: String,
    /// The address of its chip.
    pub mac: String,
    /// Its board.
    pub board: String,
    /// Its public key, hexadecimal.
    pub public_key: String,
    /// The version of its firmware.
    pub version: String,
    /// The build id of its firmware.
    pub build_id: String,
    /// When it was flashed, Unix seconds.
    pub flashed_s: u64,
    /// Its group.
    pub group: Option<String>,
}

/// The file in the project's state folder that lists the cameras.
pub const CAMERAS_FILE: &str = "cameras.jsonl";

/// The file in the project's state folder that lists the cameras whose keys the gateways may not have yet.
pub const REGISTRATIONS_FILE: &str = "registrations.jsonl";

/// The list of cameras, open for writing.
pub struct Registry {
    cameras: Log,
    waiting: Log,
}

/// A line of the list of keys that wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
enum Waiting {
    Key { camera: String, public_key: String },
    Sent { camera: String },
}

impl Registry {
    /// Opens the list in a project's state folder.
    ///
    /// # Errors
    /// When another wildcam has it, or it is damaged.
    pub fn open(state: &Path) -> Result<Self, journal::Error> {
        std::fs::create_dir_all(state).map_err(|source| journal::Error::File {
            action: "create",
            path: state.to_owned(),
            source,
        })?;
        Ok(Self {
            cameras: Log::open(&state.join(CAMERAS_FILE))?,
            waiting: Log::open(&state.join(REGISTRATIONS_FILE))?,
        })
    }

    /// Records a camera that was flashed; a key that is new waits to be registered.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn record(&mut self, mut camera: Camera) -> Result<(), journal::Error> {
        let known = fold(self.cameras.entries::<Camera>()?.into_iter().map(|entry| entry.value));
        let before = known.get(&camera.id).filter(|before| before.public_key == camera.public_key);
        if let Some(before) = before {
            camera.group = camera.group.or_else(|| before.group.clone());
        } else {
            let (id, public_key) = (camera.id.clone(), camera.public_key.clone());
            self.waiting.append(&Waiting::Key { camera: id, public_key })?;
        }
        self.cameras.append(&camera).map(drop)
    }

    /// The cameras whose keys wait: name and public key in hexadecimal.
    ///
    /// # Errors
    /// When the list is damaged.
    pub fn waiting(&self) -> Result<BTreeMap<String, String>, journal::Error> {
        let mut waiting = BTreeMap::new();
        for entry in self.waiting.entries::<Waiting>()? {
            match entry.value {
                Waiting::Key { camera, public_key } => waiting.insert(camera, public_key),
                Waiting::Sent { camera } => waiting.remove(&camera),
            };
        }
        Ok(waiting)
    }

    /// Notes that the gateways have a camera's key.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn sent(&mut self, camera: &str) -> Result<(), journal::Error> {
        self.waiting.append(&Waiting::Sent { camera: camera.to_owned() }).map(drop)
    }

    /// The newest line of each camera.
    ///
    /// # Errors
    /// When the list is damaged.
    pub fn cameras(&self) -> Result<BTreeMap<String, Camera>, journal::Error> {
        Ok(fold(self.cameras.entries::<Camera>()?.into_iter().map(|entry| entry.value)))
    }
}

/// The cameras of a project, without holding the list; none where no camera was flashed yet.
///
/// # Errors
/// When the list is damaged.
pub fn cameras(state: &Path) -> Result<BTreeMap<String, Camera>, journal::Error> {
    let path = state.join(CAMERAS_FILE);
    if !path.exists() {
        return Ok(BTreeMap::new());
    }
    Ok(fold(journal::intent::read::<Camera>(&path)?.into_iter().map(|entry| entry.value)))
}

fn fold(lines: impl Iterator<Item = Camera>) -> BTreeMap<String, Camera> {
    lines.map(|camera| (camera.id.clone(), camera)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera(id: &str, key: &str, group: Option<&str>) -> Camera {
        Camera {
            id: id.to_owned(),
            mac: "24:0a:c4:00:00:01".to_owned(),
            board: "esp32c3".to_owned(),
            public_key: key.to_owned(),
            version: "1".to_owned(),
            build_id: String::new(),
            flashed_s: 5,
            group: group.map(str::to_owned),
        }
    }

    const REGION: Region = Region { offset: 0x9000, bytes: 2 * SECTOR_BYTES };

    fn held() -> (Provision, Zeroizing<Vec<u8>>) {
        let wifi = Wifi { ssid: "camp".into(), passphrase: Secret::new("hunter2hunter2".into()) };
        let assignment = Assignment {
            camera: CameraId::new("ridge-1").unwrap(),
            token: Secret::new("a-token".into()),
            wifi: Some(wifi),
            group: "ridge".into(),
        };
        let trust =
            Arc::new(Trust { online_key: [2; 32], authority: vec![3; 200], endpoints: vec![4; 100], root: Vec::new() });
        let provision = Provision { assignment, trust, replaces: false, may_replace: false };
        let made = make(&provision, 7, 1000, &Random::seeded(1)).unwrap();
        (provision, made.region)
    }

    #[test]
    fn a_camera_is_told_another_network_and_stays_who_it_is() {
        let (before, region) = held();
        let same = Settings { wifi: before.assignment.wifi.clone(), trust: Some(before.trust), ..Settings::default() };
        assert!(renew(REGION, &region, &same, 2000).unwrap().is_none());

        let wifi = Wifi { ssid: "valley".into(), passphrase: Secret::new("another passphrase".into()) };
        let settings = Settings { wifi: Some(wifi), ..Settings::default() };
        let renewed = renew(REGION, &region, &settings, 2000).unwrap().unwrap();
        assert_eq!(renewed.changes, ["Wi-Fi changes to valley"]);
        // The record that is there is not written over, so that a cut leaves it.
        assert_eq!((renewed.part.offset, renewed.part.bytes.len()), (REGION.offset + SECTOR_BYTES, MAX_RECORD));
        let (mut old, mut new) = (region[..MAX_RECORD].to_vec(), renewed.part.bytes.clone());
        let (old, new) = (Record::parse(&mut old).unwrap(), Record::parse(&mut new).unwrap());
        assert_eq!((old.head().sequence, new.head().sequence), (7, 8));
        let (Ok(old), Ok(new)) = (old.open(None), new.open(None)) else { panic!("a record cannot be opened") };
        assert!(new.key == old.key && new.card_key == old.card_key && new.camera == old.camera);
        assert_eq!((new.token, new.group, new.set_at_ms), ("a-token", "ridge", 2000));
        let wifi = new.wifi.unwrap();
        assert_eq!((wifi.ssid, wifi.passphrase), ("valley", "another passphrase"));

        // The next one goes into the first sector again.
        let mut both = region.to_vec();
        both[MAX_RECORD..].copy_from_slice(&renewed.part.bytes);
        let group = Settings { group: Some("creek".into()), ..Settings::default() };
        let again = renew(REGION, &both, &group, 1500).unwrap().unwrap();
        assert_eq!((again.part.offset, again.changes), (REGION.offset, vec!["the group changes to creek".to_owned()]));
        let mut bytes = again.part.bytes;
        let record = Record::parse(&mut bytes).unwrap();
        assert_eq!(record.head().sequence, 9);
        let Ok(identity) = record.open(None) else { panic!("the record cannot be opened") };
        assert_eq!((identity.set_at_ms, identity.wifi.map(|wifi| wifi.ssid)), (2000, Some("valley")));
    }

    #[test]
    fn another_endpoint_list_is_a_change_only_when_it_was_given() {
        let (before, region) = held();
        let newer = |authority: u8, new_endpoints| Settings {
            trust: Some(Arc::new(Trust {
                authority: vec![authority; 200],
                endpoints: vec![5; 100],
                ..(*before.trust).clone()
            })),
            new_endpoints,
            ..Settings::default()
        };
        let renewed = |settings: &Settings| renew(REGION, &region, settings, 2000).unwrap();
        assert!(renewed(&newer(3, false)).is_none());
        for settings in [newer(3, true), newer(9, false)] {
            assert_eq!(renewed(&settings).unwrap().provision.trust.endpoints, [5; 100]);
        }
    }

    #[test]
    fn a_reflash_keeps_the_group_and_only_a_new_key_waits() {
        let folder = tempfile::tempdir().unwrap();
        let mut registry = Registry::open(folder.path()).unwrap();
        registry.record(camera("ridge-1", "aa", Some("ridge"))).unwrap();
        assert_eq!(registry.waiting().unwrap().len(), 1);
        registry.sent("ridge-1").unwrap();
        registry.record(camera("ridge-1", "aa", None)).unwrap();
        assert_eq!(registry.waiting().unwrap().len(), 0);
        assert_eq!(registry.cameras().unwrap()["ridge-1"].group.as_deref(), Some("ridge"));
        registry.record(camera("ridge-1", "bb", None)).unwrap();
        assert_eq!(registry.waiting().unwrap()["ridge-1"], "bb");
        assert_eq!(cameras(folder.path()).unwrap()["ridge-1"].group, None);
    }
}
