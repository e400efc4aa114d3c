//! A folder of releases as a camera sees it, with everything that it would fetch.

use sha2::{Digest as _, Sha256};
use wildcam_core::{
    trust::{Gates, Intake, Manifest, Newest, Payload, Root, Signed, Sums, Trust},
    update::sums_bytes,
    wire::keys,
};

use super::{
    chain::{self, ChainError, MAX_DOCUMENT, Shown},
    delta,
    folder::Folder,
    recipe::{read_image, sums_of},
};

/// What a camera of each class would run.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The number of the newest root.
    pub root: u64,
    /// Seconds since 1970 from which nothing is taken under it.
    pub root_expires_s: u64,
    /// The newest root.
    pub keys: Root,
    /// The number of the timestamp.
    pub timestamp: u64,
    /// Seconds since 1970 from which it is void.
    pub timestamp_expires_s: u64,
    /// The newest release of each class that it names.
    pub releases: Vec<Named>,
}

/// The newest release of a class.
#[derive(Debug, Clone)]
pub struct Named {
    /// The class of boards.
    pub class: String,
    /// Its number.
    pub number: u64,
    /// What people call it.
    pub version: String,
    /// When it was signed, in seconds since 1970.
    pub issued_s: u64,
    /// From when on no camera takes it.
    pub expires_s: u64,
    /// The length of the image.
    pub image_bytes: u32,
    /// The image's SHA-256.
    pub image_sha256: [u8; 32],
    /// Its patches.
    pub patches: Vec<NamedPatch>,
    /// When it may be fetched and put in place.
    pub gates: Gates,
    /// The keys of everything that a camera may fetch for it.
    pub payloads: Vec<String>,
}

/// A patch of a release.
#[derive(Debug, Clone)]
pub struct NamedPatch {
    /// Its key.
    pub uri: String,
    /// Its length.
    pub bytes: u32,
    /// The SHA-256 of the image that it leads from.
    pub from_sha256: [u8; 32],
    /// Whether it was applied here: the old image has to be in the folder.
    pub applied: bool,
}

/// Checks the newest releases, from a root that is trusted: `anchor`, or the first of the folder.
///
/// # Errors
/// [`ChainError`] for the first thing that a camera would refuse at `now_s`.
pub fn verify(folder: &Folder, anchor: Option<&[u8]>, now_s: u64) -> Result<Verified, ChainError> {
    let roots = roots_from(folder, anchor)?;
    let timestamp = folder.timestamp()?.ok_or_else(|| ChainError::Missing(keys::release_timestamp().to_string()))?;
    let signed = Signed::parse(&timestamp).map_err(ChainError::refused(keys::release_timestamp().as_str()))?;
    let mut classes = Vec::new();
    Newest::each(signed.document(), |newest| classes.push(newest.class.to_owned()))
        .map_err(ChainError::refused(keys::release_timestamp().as_str()))?;
    let mut releases = Vec::new();
    let mut last: Option<Trust> = None;
    for class in classes {
        let mut camera = chain::camera(&roots, &class, None)?;
        releases.push(release(folder, &mut camera, &class, &timestamp, now_s)?);
        last = Some(camera);
    }
    // A timestamp names one class at least.
    let camera = last.ok_or_else(|| ChainError::Missing("any release".to_owned()))?;
    Ok(Verified {
        root: camera.state().root.sequence,
        root_expires_s: camera.root_expires_s(),
        keys: camera.root().clone(),
        timestamp: signed.document().seq,
        timestamp_expires_s: signed.document().expires_s,
        releases,
    })
}

/// The trusted root and those of the folder that come after it.
fn roots_from(folder: &Folder, anchor: Option<&[u8]>) -> Result<Vec<Vec<u8>>, ChainError> {
    let roots = folder.roots()?;
    let Some(anchor) = anchor else { return Ok(roots) };
    let signed = Signed::parse(anchor).map_err(ChainError::refused("the trusted root"))?;
    let number = usize::try_from(signed.document().seq).unwrap_or(usize::MAX);
    Ok(std::iter::once(anchor.to_vec()).chain(roots.into_iter().skip(number)).collect())
}

fn release(
    folder: &Folder,
    camera: &mut Trust,
    class: &str,
    timestamp: &[u8],
    now_s: u64,
) -> Result<Named, ChainError> {
    let told = chain::take_timestamp(camera, timestamp, now_s)?;
    let number = told.newest.map_or(0, |newest| newest.seen.sequence);
    let key = keys::release_manifest(class, number).unwrap_or_default().to_string();
    let document = folder.get(&key, MAX_DOCUMENT)?;
    let manifest = camera.release(&document, &told, Some(now_s)).map_err(ChainError::refused(key.as_str()))?;
    let signed = Signed::parse(&document).map_err(ChainError::refused(key))?;
    let image = payloads(folder, &manifest)?;
    let mut patches = Vec::new();
    for delta in &manifest.deltas {
        let patch = fetch(folder, &delta.patch)?;
        let base = image_with(folder, class, &delta.precursor)?;
        if let Some(base) = &base {
            let mut made = Vec::new();
            let wrong = |source| ChainError::Patch { name: delta.patch.uri.to_owned(), source };
            delta::patch(base, &patch, &mut made).map_err(wrong)?;
            if made != image {
                return Err(wrong(delta::DeltaError::OtherTarget));
            }
        }
        patches.push(NamedPatch {
            uri: delta.patch.uri.to_owned(),
            bytes: delta.patch.size,
            from_sha256: delta.precursor,
            applied: base.is_some(),
        });
    }
    let names = std::iter::once(manifest.image.uri).chain(manifest.sums.as_ref().map(|sums| sums.uri));
    let names = names.chain(manifest.deltas.iter().map(|delta| delta.patch.uri));
    Ok(Named {
        class: class.to_owned(),
        number,
        version: manifest.version.to_owned(),
        issued_s: signed.document().issued_s,
        expires_s: signed.document().expires_s,
        image_bytes: manifest.image.size,
        image_sha256: manifest.image.digest,
        patches,
        gates: manifest.gates,
        payloads: names.map(str::to_owned).collect(),
    })
}

/// Reads the image and its digests, and checks that they are what the manifest names and that the image says of itself what
/// the manifest says of it.
fn payloads(folder: &Folder, manifest: &Manifest<'_>) -> Result<Vec<u8>, ChainError> {
    let bytes = fetch(folder, &manifest.image)?;
    let image = read_image(&bytes, manifest.image.uri)?;
    if !image.description.is_some_and(|description| manifest.describes(&description)) {
        let why = "it says another version or build of itself than the manifest does".to_owned();
        return Err(ChainError::Image { name: manifest.image.uri.to_owned(), why });
    }
    if let Some(sums) = &manifest.sums {
        check_sums(folder, sums, &bytes)?;
    }
    Ok(bytes)
}

fn check_sums(folder: &Folder, sums: &Sums<'_>, image: &[u8]) -> Result<(), ChainError> {
    let most = u32::try_from(image.len()).ok().and_then(sums_bytes).unwrap_or(0);
    let there = folder.get(sums.uri, most as usize)?;
    let right = Sha256::digest(&there)[..] == sums.sha256 && there == sums_of(image);
    if right { Ok(()) } else { Err(ChainError::Payload { name: sums.uri.to_owned() }) }
}

/// Reads a payload as a camera does.
fn fetch(folder: &Folder, payload: &Payload<'_>) -> Result<Vec<u8>, ChainError> {
    let bytes = folder.get(payload.uri, payload.size as usize)?;
    let mut intake = Intake::of(payload);
    let taken = intake.take(&bytes).and_then(|()| intake.finish());
    taken.map_err(|_| ChainError::Payload { name: payload.uri.to_owned() })?;
    Ok(bytes)
}

/// The image of another release of the class with this digest, if it is in the folder.
fn image_with(folder: &Folder, class: &str, digest: &[u8; 32]) -> Result<Option<Vec<u8>>, ChainError> {
    for number in folder.numbers(class)?.into_iter().rev() {
        let Some(document) = folder.manifest(class, number)? else { continue };
        let Ok(signed) = Signed::parse(&document) else { continue };
        let Ok(manifest) = Manifest::from_document(signed.document()) else { continue };
        if manifest.image.digest == *digest {
            return fetch(folder, &manifest.image).map(Some);
        }
    }
    Ok(None)
}

/// Whether cameras that have seen what the folder shows now would take this timestamp, and what it names, instead.
///
/// # Errors
/// [`ChainError::Refused`] with what such a camera says; [`ChainError`].
pub fn would_take(folder: &Folder, timestamp: &[u8], now_s: u64) -> Result<(), ChainError> {
    let name = keys::release_timestamp();
    let (roots, before) = (folder.roots()?, folder.timestamp()?);
    let signed = Signed::parse(timestamp).map_err(ChainError::refused(name.as_str()))?;
    let mut named = Vec::new();
    Newest::each(signed.document(), |newest| named.push((newest.class.to_owned(), newest.sequence)))
        .map_err(ChainError::refused(name.as_str()))?;
    for (class, number) in named {
        let seen = before.as_ref().map(|before| seen_by(folder, before, &class)).transpose()?.flatten();
        let shown = before.as_ref().map(|before| Shown { timestamp: before, manifest: seen.as_deref() });
        let mut camera = chain::camera(&roots, &class, shown)?;
        let told = chain::take_timestamp(&mut camera, timestamp, now_s)?;
        let key = keys::release_manifest(&class, number).unwrap_or_default().to_string();
        let manifest = folder.get(&key, MAX_DOCUMENT)?;
        camera.release(&manifest, &told, Some(now_s)).map_err(ChainError::refused(key))?;
    }
    Ok(())
}

/// The manifest of a class that a timestamp of the folder names.
fn seen_by(folder: &Folder, timestamp: &[u8], class: &str) -> Result<Option<Vec<u8>>, ChainError> {
    let newest = Signed::parse(timestamp).and_then(|signed| Newest::from_document(signed.document(), class));
    match newest {
        Ok(Some(newest)) => folder.manifest(class, newest.sequence),
        _ => Ok(None),
    }
}
