//! What a release is made of: the manifest with its payloads, and the timestamp that names the newest of each class.

use sha2::{Digest as _, Sha256};
use wildcam_core::{
    cose::{Document, kind},
    image::{self, Image},
    layout::{Region, SECTOR_BYTES},
    trust::{Delta, Gates, MAX_CONTENT, MAX_DELTAS, Manifest, Newest, Payload, Root, Signed, Sums},
    update::{sum, sums_bytes},
    wire::keys::RELEASES,
};

use super::{
    Role,
    chain::ChainError,
    delta::{self, Slot},
    folder::Folder,
    roles,
    signing::Draft,
};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The class of boards.
    pub class: String,
    /// The number of their chip in the head of images.
    pub chip: u16,
    /// The length of a slot of their flash.
    pub slot_bytes: u32,
    /// The image, as it is written into a slot.
    pub image: Vec<u8>,
    /// Images that cameras have: a patch is made from each.
    pub bases: Vec<Vec<u8>>,
    /// What the image's version has to be.
    pub version: Option<String>,
    /// When it may be fetched and put in place.
    pub gates: Gates,
    /// When it is signed, in seconds since 1970.
    pub issued_s: u64,
    /// From when on no camera takes it.
    pub expires_s: u64,
}

/// A patch of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patched {
    /// The release that it leads from, or the first digits of that image's SHA-256.
    pub from: String,
    /// Its length.
    pub bytes: usize,
    /// Whether it is part of the release: one that is not shorter than the image is not.
    pub used: bool,
}

/// A release that is not signed yet.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Its class.
    pub class: String,
    /// Its number.
    pub number: u64,
    /// The image's version.
    pub version: String,
    /// The length of the image.
    pub image_bytes: usize,
    /// The patches.
    pub patches: Vec<Patched>,
    /// The payloads with their keys.
    pub payloads: Vec<(String, Vec<u8>)>,
    /// The manifest.
    pub manifest: Draft,
}

/// Reads an image as a camera would that has it in its slot.
///
/// # Errors
/// [`ChainError::Image`] when it is none, is damaged, or is not all of `bytes`.
pub fn read_image(bytes: &[u8], name: &str) -> Result<Image, ChainError> {
    let wrong = |why: String| ChainError::Image { name: name.to_owned(), why };
    let mut slot = Slot::holding(bytes);
    let length = u32::try_from(bytes.len()).map_err(|_| wrong("it is too long".to_owned()))?;
    let region = Region { offset: 0, bytes: length };
    let image = image::verify(&mut slot, region).map_err(|error| wrong(error.to_string()))?;
    if image.bytes != length {
        return Err(wrong(format!("it ends after {} of {length} bytes", image.bytes)));
    }
    Ok(image)
}

/// The digests of an image's sectors.
#[must_use]
pub fn sums_of(image: &[u8]) -> Vec<u8> {
    image.chunks(SECTOR_BYTES as usize).flat_map(sum).collect()
}

/// Makes manifest and payloads of the next release of a class. It searches for patches, which takes seconds for each.
///
/// # Errors
/// [`ChainError`].
pub fn prepare(folder: &Folder, recipe: &Recipe) -> Result<Prepared, ChainError> {
    let image = read_image(&recipe.image, "the image")?;
    let version = check(&image, recipe)?;
    let number = folder.next_number(&recipe.class)?;
    let key = |ending: &str| format!("{RELEASES}{}/{number}{ending}", recipe.class);
    let image_digest: [u8; 32] = Sha256::digest(&recipe.image).into();
    let mut payloads = vec![(key(".bin"), recipe.image.clone())];
    let sums = sums_bytes(image.bytes).map(|_| sums_of(&recipe.image));
    let sums_digest = sums.as_ref().map(|sums| Sha256::digest(sums).into());
    payloads.extend(sums.map(|sums| (key(".sums"), sums)));

    let (mut patches, mut precursors) = (Vec::new(), Vec::new());
    for base in &recipe.bases {
        read_image(base, "an old image")?;
        let precursor: [u8; 32] = Sha256::digest(base).into();
        if precursor == image_digest || precursors.contains(&precursor) {
            continue;
        }
        let from = name_of(folder, &recipe.class, &precursor)?;
        let patch = delta::diff(base, &recipe.image)
            .map_err(|source| ChainError::Patch { name: format!("the patch from {from}"), source })?;
        let used = patch.bytes.len() < recipe.image.len();
        patches.push(Patched { from: from.clone(), bytes: patch.bytes.len(), used });
        if used {
            precursors.push(precursor);
            payloads.push((key(&format!("-{from}.patch")), patch.bytes));
        }
    }
    if precursors.len() > MAX_DELTAS {
        return Err(ChainError::Asked(format!(
            "a release has {MAX_DELTAS} patches at most, and not {}",
            precursors.len()
        )));
    }

    let payload = |(uri, bytes): &'_ (String, Vec<u8>)| {
        (u32::try_from(bytes.len()).unwrap_or(u32::MAX), <[u8; 32]>::from(Sha256::digest(bytes)), uri.clone())
    };
    let named: Vec<_> = payloads.iter().filter(|(uri, _)| uri.ends_with(".patch")).map(payload).collect();
    let deltas = named.iter().zip(&precursors).map(|((size, digest, uri), precursor)| Delta {
        precursor: *precursor,
        patch: Payload { size: *size, digest: *digest, uri },
    });
    let (image_uri, sums_uri) = (key(".bin"), key(".sums"));
    let mut build_id = [0; 8];
    if let Some(description) = &image.description {
        build_id.copy_from_slice(&description.build_id[..8]);
    }
    let manifest = Manifest {
        class: &recipe.class,
        version: &version,
        build_id,
        image: Payload { size: image.bytes, digest: image_digest, uri: &image_uri },
        sums: sums_digest.map(|sha256| Sums { sha256, uri: &sums_uri }),
        deltas: deltas.collect(),
        gates: recipe.gates,
    };
    let mut body = [0; MAX_CONTENT];
    let unwritable = |source| ChainError::Unwritable { what: format!("release {number}"), source };
    let length = manifest.encode(&mut body).map_err(unwritable)?;
    drop(manifest);
    let manifest = Draft::new(&Document {
        kind: kind::RELEASE,
        seq: number,
        issued_s: recipe.issued_s,
        expires_s: recipe.expires_s,
        body: &body[..length],
    })?;
    let (class, image_bytes) = (recipe.class.clone(), recipe.image.len());
    Ok(Prepared { class, number, version, image_bytes, patches, payloads, manifest })
}

/// Whether the image is for these boards, and its version.
fn check(image: &Image, recipe: &Recipe) -> Result<String, ChainError> {
    let wrong = |why: String| ChainError::Image { name: "the image".to_owned(), why };
    if image.chip != recipe.chip {
        return Err(wrong(format!("it is for chip {}, and {} has chip {}", image.chip, recipe.class, recipe.chip)));
    }
    if image.bytes > recipe.slot_bytes {
        return Err(wrong(format!("it has {} bytes, and a slot {}", image.bytes, recipe.slot_bytes)));
    }
    let description = image.description.ok_or_else(|| wrong("it does not say what it is".to_owned()))?;
    let version = description.version().to_owned();
    match &recipe.version {
        Some(asked) if *asked != version => Err(wrong(format!("its version is {version}, and not {asked}"))),
        _ => Ok(version),
    }
}

/// The number of the release with this image, or the first digits of its digest.
fn name_of(folder: &Folder, class: &str, digest: &[u8; 32]) -> Result<String, ChainError> {
    for number in folder.numbers(class)?.into_iter().rev() {
        let Some(document) = folder.manifest(class, number)? else { continue };
        let of_it = Signed::parse(&document)
            .and_then(|signed| Manifest::from_document(signed.document()).map(|manifest| manifest.image.digest));
        if of_it.is_ok_and(|other| other == *digest) {
            return Ok(number.to_string());
        }
    }
    Ok(digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect())
}

/// A timestamp that is not signed yet.
#[derive(Debug, Clone)]
pub struct Dated {
    /// The timestamp.
    pub draft: Draft,
    /// What it names: class and number.
    pub names: Vec<(String, u64)>,
    /// Releases that are newer and that the root's keys did not sign, or did not sign enough.
    pub unsigned: Vec<(String, u64)>,
    /// The newest releases of classes that are not named, because no camera takes them any more.
    pub expired: Vec<(String, u64)>,
}

/// Makes the timestamp that names the newest release of each class that the root's keys have signed. A class whose newest
/// release has expired is not named: it would keep those of all other boards from being published. Its number is the time
/// in seconds, at least one more than the last one's, so that machines which sign it in turns go on from one another.
///
/// # Errors
/// [`ChainError::Asked`] when there is no release to name; [`ChainError`].
pub fn timestamp(folder: &Folder, root: &Root, issued_s: u64, expires_s: u64) -> Result<Dated, ChainError> {
    let release = roles::keys_of(root, Role::Release);
    let (mut names, mut found) = (Vec::new(), Vec::new());
    let (mut unsigned, mut expired) = (Vec::new(), Vec::new());
    for class in folder.classes()? {
        for number in folder.numbers(&class)?.into_iter().rev() {
            let document = folder.manifest(&class, number)?.unwrap_or_default();
            let signed = Signed::parse(&document).ok().filter(|signed| signed.check(&[release]).is_ok());
            let Some(signed) = signed else {
                unsigned.push((class.clone(), number));
                continue;
            };
            if signed.document().expires_s <= issued_s {
                expired.push((class, number));
                break;
            }
            let bytes = u16::try_from(signed.content().len()).unwrap_or(u16::MAX);
            found.push((class.clone(), signed.document().seq, signed.digest(), bytes));
            names.push((class, number));
            break;
        }
    }
    if found.is_empty() {
        let why =
            "there is no release that the keys of the newest root have signed and that has not expired".to_owned();
        return Err(ChainError::Asked(why));
    }
    let list: Vec<Newest<'_>> = found
        .iter()
        .map(|(class, sequence, digest, bytes)| Newest { class, sequence: *sequence, digest: *digest, bytes: *bytes })
        .collect();
    let mut body = [0; MAX_CONTENT];
    let unwritable = |source| ChainError::Unwritable { what: "the timestamp".to_owned(), source };
    let length = Newest::encode(&list, &mut body).map_err(unwritable)?;
    let last = folder.timestamp()?.and_then(|last| Signed::parse(&last).ok().map(|signed| signed.document().seq));
    let seq = issued_s.max(last.unwrap_or(0).saturating_add(1));
    let draft = Draft::new(&Document { kind: kind::TIMESTAMP, seq, issued_s, expires_s, body: &body[..length] })?;
    Ok(Dated { draft, names, unsigned, expired })
}
