//! A small fleet's folder of releases with real keys, and everything that is done to it.

mod attacks;
mod ceremony;
mod published;

use sha2::{Digest as _, Sha256};
use wildcam_core::{
    cose::{Document, kind},
    trust::{self, Gates, MAX_CONTENT, Newest, Root, Signed},
    wire::keys,
};

use super::{
    FileSigner, Role, Signer as _,
    chain::ChainError,
    folder::Folder,
    generate_key,
    recipe::{self, Prepared, Recipe},
    roles,
    signing::{Draft, demand},
    verify::{Verified, verify},
};

/// When the first documents are signed, in seconds since 1970.
const START: u64 = 1_790_000_000;
const DAY: u64 = 86_400;
const CLASS: &str = "esp32c3";
const CHIP: u16 = 5;

fn key(role: Role) -> FileSigner {
    FileSigner::from_pem(&generate_key().unwrap(), role).unwrap()
}

fn public(signer: &FileSigner) -> trust::PublicKey {
    signer.public_key().to_bytes()
}

/// An image as the chip's loader takes it, with this version and filled with `fill`.
fn image(chip: u16, version: &str, fill: u8, bytes: usize) -> Vec<u8> {
    let mut data = vec![fill; 256 + bytes];
    data[..256].fill(0);
    data[..4].copy_from_slice(&0xABCD_5432_u32.to_le_bytes());
    data[16..16 + version.len()].copy_from_slice(version.as_bytes());
    data[144..176].fill(fill);
    let mut out = vec![0; 24];
    (out[0], out[1], out[23]) = (0xE9, 1, 1);
    out[12..14].copy_from_slice(&chip.to_le_bytes());
    out.extend(0x3C00_0020_u32.to_le_bytes());
    out.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    let checksum = data.iter().fold(0xEF, |sum, byte| sum ^ byte);
    out.extend(data);
    let padding = 16 - out.len() % 16;
    out.extend(vec![0; padding - 1]);
    out.push(checksum);
    let hash = Sha256::digest(&out);
    out.extend(hash);
    out
}

/// A folder with its keys: two of three for root and release, one for the timestamp.
struct Fleet {
    _dir: tempfile::TempDir,
    folder: Folder,
    root: Vec<FileSigner>,
    release: Vec<FileSigner>,
    timestamp: FileSigner,
}

impl Fleet {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(&dir.path().join("releases"));
        let three = |role| (0..3).map(|_| key(role)).collect::<Vec<_>>();
        let (root, release) = (three(Role::Root), three(Role::Release));
        let fleet = Self { _dir: dir, folder, root, release, timestamp: key(Role::Timestamp) };
        let first = signed(roles::draft(&fleet.keys(), 1, START, START + 700 * DAY).unwrap(), &fleet.root[..2]).await;
        fleet.folder.put("releases/root/1.cose", &first).unwrap();
        fleet
    }

    fn keys(&self) -> Root {
        let of = |name, threshold, keys: &[FileSigner]| {
            roles::role(name, threshold, &keys.iter().map(public).collect::<Vec<_>>()).unwrap()
        };
        Root {
            root: of(Role::Root, 2, &self.root),
            release: of(Role::Release, 2, &self.release),
            timestamp: of(Role::Timestamp, 1, std::slice::from_ref(&self.timestamp)),
        }
    }

    fn recipe(&self, version: &str, fill: u8, bases: Vec<Vec<u8>>) -> Recipe {
        Recipe {
            class: CLASS.to_owned(),
            chip: CHIP,
            slot_bytes: 1 << 20,
            image: image(CHIP, version, fill, 30_000),
            bases,
            version: None,
            gates: Gates::default(),
            issued_s: START,
            expires_s: START + 300 * DAY,
        }
    }

    /// Writes what was prepared, signed by `signers`.
    async fn write(&self, prepared: &Prepared, signers: &[FileSigner]) -> Vec<u8> {
        for (name, bytes) in &prepared.payloads {
            self.folder.put(name, bytes).unwrap();
        }
        let manifest = signed(prepared.manifest.clone(), signers).await;
        let key = keys::release_manifest(&prepared.class, prepared.number).unwrap();
        self.folder.put(&key, &manifest).unwrap();
        manifest
    }

    /// The next release, signed as it should be.
    async fn release(&self, version: &str, fill: u8) -> Vec<u8> {
        let bases = self.folder.find(&format!("releases/{CLASS}/1.bin"), 1 << 20).unwrap();
        let prepared = recipe::prepare(&self.folder, &self.recipe(version, fill, bases.into_iter().collect())).unwrap();
        self.write(&prepared, &self.release[..2]).await
    }

    /// A timestamp that names the newest of each class, as `refresh` makes it.
    async fn date(&self, day: u64) {
        let (now_s, root) = (START + day * DAY, self.keys());
        let dated = recipe::timestamp(&self.folder, &root, now_s, now_s + 30 * DAY).unwrap();
        let document = signed(dated.draft, std::slice::from_ref(&self.timestamp)).await;
        self.folder.replace(&keys::release_timestamp(), &document).unwrap();
    }

    /// A timestamp that names whatever it is told to, by the right key.
    async fn name(&self, seq: u64, day: u64, class: &str, manifest: &[u8]) -> Vec<u8> {
        self.name_by(seq, day, class, manifest, &self.timestamp).await
    }

    async fn name_by(&self, seq: u64, day: u64, class: &str, manifest: &[u8], signer: &FileSigner) -> Vec<u8> {
        let signed = Signed::parse(manifest).unwrap();
        let bytes = u16::try_from(signed.content().len()).unwrap();
        let list = [Newest { class, sequence: signed.document().seq, digest: signed.digest(), bytes }];
        let mut body = [0; MAX_CONTENT];
        let length = Newest::encode(&list, &mut body).unwrap();
        let issued_s = START + day * DAY;
        let expires_s = issued_s + 30 * DAY;
        let document = Document { kind: kind::TIMESTAMP, seq, issued_s, expires_s, body: &body[..length] };
        self::signed(Draft::new(&document).unwrap(), std::slice::from_ref(signer)).await
    }

    fn show(&self, timestamp: &[u8]) {
        self.folder.replace(&keys::release_timestamp(), timestamp).unwrap();
    }

    fn verify(&self, day: u64) -> Result<Verified, ChainError> {
        verify(&self.folder, None, START + day * DAY)
    }

    /// What cameras say to the folder.
    #[track_caller]
    fn refused(&self, day: u64) -> trust::Error {
        let error = self.verify(day).unwrap_err();
        error.judgement().unwrap_or_else(|| panic!("{error}"))
    }

    /// The next root, in which `change` was done, signed by these.
    async fn follow(&mut self, change: impl FnOnce(&mut Self), day: u64) {
        let old = self.keys();
        change(self);
        let number = self.folder.roots().unwrap().len() as u64 + 1;
        let draft = roles::draft(&self.keys(), number, START + day * DAY, START + 700 * DAY).unwrap();
        let mut signed = draft;
        for signer in &self.root[..2] {
            signed.sign(signer).await.unwrap();
        }
        let (new, old) = (self.keys(), old);
        let bytes = signed.complete(&[demand(&old, Role::Root), demand(&new, Role::Root)]).unwrap();
        self.folder.put(&keys::release_root(number), &bytes).unwrap();
    }
}

async fn signed(mut draft: Draft, signers: &[FileSigner]) -> Vec<u8> {
    for signer in signers {
        draft.sign(signer).await.unwrap();
    }
    draft.bytes().unwrap()
}

#[tokio::test]
async fn a_folder_is_verified_with_every_payload_and_patch() {
    let fleet = Fleet::new().await;
    fleet.release("1.0.1", 1).await;
    fleet.date(0).await;
    fleet.release("1.0.2", 2).await;
    fleet.date(1).await;
    let verified = fleet.verify(2).unwrap();
    let release = &verified.releases[0];
    assert_eq!((release.number, release.version.as_str(), release.patches.len()), (2, "1.0.2", 1));
    assert!(release.patches[0].applied && release.patches[0].uri == "releases/esp32c3/2-1.patch");
    assert_eq!(release.payloads.len(), 3);
    assert!(release.payloads.contains(&"releases/esp32c3/2.sums".to_owned()));
    let sums = fleet.folder.get("releases/esp32c3/2.sums", 4096).unwrap();
    assert_eq!(sums.len(), 8 * 30_400_usize.div_ceil(4096));
    // From the root that cameras were flashed with, and from another one.
    let anchor = fleet.folder.get("releases/root/1.cose", 4096).unwrap();
    assert!(verify(&fleet.folder, Some(&anchor), START + DAY).is_ok());
    let other = Fleet::new().await.folder.get("releases/root/1.cose", 4096).unwrap();
    let refused = verify(&fleet.folder, Some(&other), START + DAY).unwrap_err();
    assert_eq!(refused.judgement(), Some(trust::Error::UnknownKey));
}

#[tokio::test]
async fn what_was_signed_opens_in_a_reader_nobody_here_wrote() {
    use coset::TaggedCborSerializable as _;
    let fleet = Fleet::new().await;
    let manifest = fleet.release("1.0.1", 1).await;
    let content = Signed::parse(&manifest).unwrap().content().to_vec();
    // Behind the array of two, the content and the head of the list stand the signatures, each of 84 bytes.
    let entries = &manifest[manifest.len() - 2 * 84..];
    for entry in entries.chunks(84) {
        let document = coset::CoseSign1::from_tagged_slice(entry).unwrap();
        let by = fleet.release[..2].iter().filter(|signer| {
            let verified = document.verify_detached_signature(&content, &[], |signature, text| {
                let signature = ed25519_dalek::Signature::from_slice(signature).unwrap();
                signer.public_key().verify_strict(text, &signature)
            });
            verified.is_ok()
        });
        assert_eq!(by.count(), 1);
    }
}

#[tokio::test]
async fn a_patch_that_is_longer_than_the_image_is_left_out_and_the_version_is_the_images() {
    let fleet = Fleet::new().await;
    let mut noise = image(CHIP, "0.9", 0, 60_000);
    let random = crate::clock::Random::seeded(3);
    random.fill(&mut noise[300..60_000]);
    let damaged = recipe::prepare(&fleet.folder, &fleet.recipe("1.0", 1, vec![noise])).unwrap_err();
    assert!(damaged.to_string().contains("an old image is no image"), "{damaged}");
    let tiny =
        Recipe { image: image(CHIP, "1.1", 9, 0), ..fleet.recipe("1.1", 9, vec![image(CHIP, "1.0", 1, 40_000)]) };
    let prepared = recipe::prepare(&fleet.folder, &tiny).unwrap();
    assert_eq!(
        prepared.payloads.iter().filter(|(name, _)| name.ends_with(".patch")).count(),
        prepared.patches.iter().filter(|patch| patch.used).count()
    );
    let other = Recipe { version: Some("1.2".to_owned()), ..fleet.recipe("1.1", 1, Vec::new()) };
    let refused = recipe::prepare(&fleet.folder, &other).unwrap_err().to_string();
    assert_eq!(refused, "the image is no image for these boards: its version is 1.1, and not 1.2");
    let long = Recipe { slot_bytes: 20_000, ..fleet.recipe("1.1", 1, Vec::new()) };
    assert!(recipe::prepare(&fleet.folder, &long).unwrap_err().to_string().contains("and a slot 20000"));
}
