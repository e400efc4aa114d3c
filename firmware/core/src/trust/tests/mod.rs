//! A small fleet with real keys, and everything that is done to its documents.

mod attacks;
mod documents;
mod rotation;
mod sizes;
#[cfg(feature = "powercut")]
mod store;
mod time;

use std::{string::String, vec, vec::Vec};

use ed25519_dalek::{Signer as _, SigningKey};

use super::*;
use crate::cose::KeyId;

pub(crate) const CLASS: &str = "esp32c3";
/// When the first documents are signed, in seconds since 1970.
pub(crate) const START: u64 = 1_790_000_000;
pub(crate) const DAY: u64 = 86_400;

/// The key that is made of this number.
pub(super) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub(super) fn public(seed: u8) -> PublicKey {
    key(seed).verifying_key().to_bytes()
}

pub(super) fn role(threshold: u8, seeds: &[u8]) -> Role {
    let keys: Vec<PublicKey> = seeds.iter().map(|seed| public(*seed)).collect();
    Role::new(threshold, &keys).unwrap()
}

/// A content under the keys made of `seeds`.
pub(crate) fn signed(content: &[u8], seeds: &[u8]) -> Vec<u8> {
    let signatures: Vec<(KeyId, [u8; 64])> = seeds.iter().map(|seed| signature(content, *seed)).collect();
    let mut out = vec![0; MAX_SIGNED];
    let length = assemble(content, &signatures, &mut out).unwrap();
    out.truncate(length);
    out
}

pub(super) fn signature(content: &[u8], seed: u8) -> (KeyId, [u8; 64]) {
    let id = KeyId::of(&key(seed).verifying_key());
    let mut text = [0; MAX_TO_BE_SIGNED];
    let length = to_be_signed(content, id, &mut text).unwrap();
    (id, key(seed).sign(&text[..length]).to_bytes())
}

pub(crate) fn content(document: &Document<'_>) -> Vec<u8> {
    let mut out = vec![0; MAX_CONTENT];
    let length = write_content(document, &mut out).unwrap();
    out.truncate(length);
    out
}

/// A fleet: who has which keys, and what its documents say next.
#[derive(Clone)]
pub(crate) struct Fleet {
    pub(super) sequence: u64,
    pub(super) roles: [(u8, Vec<u8>); 3],
    pub(super) issued_s: u64,
    pub(super) root_days: u64,
}

impl Fleet {
    /// Two of three for root and release, one key for the timestamp.
    pub(crate) fn new() -> Self {
        let roles = [(2, vec![1, 2, 3]), (2, vec![11, 12, 13]), (1, vec![21])];
        Self { sequence: 1, roles, issued_s: START, root_days: 365 }
    }

    pub(super) fn root(&self) -> Root {
        let [root, release, timestamp] = &self.roles;
        let of = |(threshold, seeds): &(u8, Vec<u8>)| role(*threshold, seeds);
        Root { root: of(root), release: of(release), timestamp: of(timestamp) }
    }

    pub(super) fn root_content(&self) -> Vec<u8> {
        let mut body = [0; MAX_CONTENT];
        let length = self.root().encode(&mut body).unwrap();
        content(&Document {
            kind: kind::ROOT,
            seq: self.sequence,
            issued_s: self.issued_s,
            expires_s: self.issued_s + self.root_days * DAY,
            body: &body[..length],
        })
    }

    /// Its root, signed by these keys.
    pub(crate) fn root_by(&self, seeds: &[u8]) -> Vec<u8> {
        signed(&self.root_content(), seeds)
    }

    /// Its first root, by two of its own keys.
    pub(crate) fn first(&self) -> Vec<u8> {
        self.root_by(&[1, 2])
    }

    /// The fleet after a root with other keys for a role: 0 root, 1 release, 2 timestamp.
    pub(crate) fn with(&self, place: usize, threshold: u8, seeds: &[u8]) -> Self {
        let mut next = self.clone();
        next.sequence += 1;
        next.issued_s += 10 * DAY;
        next.roles[place] = (threshold, seeds.to_vec());
        next
    }
}

/// A manifest of class [`CLASS`] with this number.
pub(super) fn manifest_body(class: &str, version: &str, image: &[u8]) -> Vec<u8> {
    let uri = "releases/esp32c3/firmware.bin";
    let image = Payload { size: image.len() as u32, digest: digest(image), uri };
    let patch = Payload { size: 900, digest: [5; 32], uri: "releases/esp32c3/from-6.patch" };
    let manifest = Manifest {
        class,
        version,
        build_id: [8; 8],
        image,
        sums: Some(Sums { sha256: [6; 32], uri: "releases/esp32c3/firmware.sums" }),
        deltas: heapless::Vec::from_slice(&[Delta { precursor: [4; 32], patch }]).unwrap(),
        gates: Gates {
            least_battery_mv: Some(3600),
            links: Some(Links::of(&[Link::Wifi, Link::Satellite])),
            survey: Some(Hours { from: 16, to: 5 }),
        },
    };
    let mut out = vec![0; MAX_CONTENT];
    let length = manifest.encode(&mut out).unwrap();
    out.truncate(length);
    out
}

pub(super) const IMAGE: &[u8] = b"an image, as far as anybody here knows";

pub(super) fn release_content(seq: u64, class: &str, issued_s: u64) -> Vec<u8> {
    let version = std::format!("1.0.{seq}");
    let body = manifest_body(class, &version, IMAGE);
    content(&Document { kind: kind::RELEASE, seq, issued_s, expires_s: issued_s + 300 * DAY, body: &body })
}

/// A manifest under two of the three keys.
pub(super) fn release(seq: u64) -> Vec<u8> {
    signed(&release_content(seq, CLASS, START), &[11, 12])
}

pub(super) fn newest_of<'a>(class: &'a str, manifest: &[u8]) -> Newest<'a> {
    let signed = Signed::parse(manifest).unwrap();
    let bytes = signed.content().len() as u16;
    Newest { class, sequence: signed.document().seq, digest: signed.digest(), bytes }
}

pub(super) fn timestamp_content(seq: u64, issued_s: u64, list: &[Newest<'_>]) -> Vec<u8> {
    let mut body = [0; MAX_CONTENT];
    let length = Newest::encode(list, &mut body).unwrap();
    let expires_s = issued_s + 7 * DAY;
    content(&Document { kind: kind::TIMESTAMP, seq, issued_s, expires_s, body: &body[..length] })
}

/// A timestamp of this number and day that names `manifest`.
pub(crate) fn timestamp(seq: u64, day: u64, manifest: &[u8]) -> Vec<u8> {
    timestamp_by(seq, day, manifest, &[21])
}

pub(super) fn timestamp_by(seq: u64, day: u64, manifest: &[u8], seeds: &[u8]) -> Vec<u8> {
    let list = [newest_of(CLASS, manifest)];
    signed(&timestamp_content(seq, START + day * DAY, &list), seeds)
}

/// A camera that was flashed with the first root.
pub(super) fn camera() -> Trust {
    Trust::begin(&Fleet::new().first(), CLASS).unwrap()
}

/// What a camera does with what a store shows it; the version that it would fetch.
pub(super) fn update(
    camera: &mut Trust,
    timestamp: &[u8],
    manifest: &[u8],
    clock_s: Option<u64>,
) -> Result<String, Error> {
    let timestamp = camera.timestamp(timestamp, clock_s)?;
    let manifest = camera.release(manifest, &timestamp, clock_s)?;
    Ok(manifest.version.into())
}

/// A camera that has taken release 7 on by timestamp 3.
pub(super) fn settled() -> Trust {
    let mut camera = camera();
    update(&mut camera, &timestamp(3, 0, &release(7)), &release(7), Some(START)).unwrap();
    camera
}

/// Feeds `what` to a camera and expects this answer, and that it changed nothing.
#[track_caller]
pub(super) fn refused<T: core::fmt::Debug>(
    camera: &mut Trust,
    error: Error,
    what: impl FnOnce(&mut Trust) -> Result<T, Error>,
) {
    let before = camera.clone();
    let answer = what(camera).map(|_| ());
    assert_eq!(answer, Err(error));
    assert!(*camera == before, "what was refused changed the state");
}
