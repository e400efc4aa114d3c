//! The firmware's sources, as this program brings them.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use sha2::{Digest as _, Sha256};

static ARCHIVE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/firmware.tar.gz"));

/// The SHA-256 of the archive, by which a cache names it.
const HASH: &str = env!("WILDCAM_FIRMWARE_HASH");

/// Unpacks the sources below `cache`, in a folder that is named after what they hold, unless they are there.
///
/// # Errors
/// When the folder cannot be written.
pub(super) fn unpack(cache: &Path) -> io::Result<PathBuf> {
    let folder = cache.join(format!("sources-{}", &HASH[..16]));
    if folder.is_dir() {
        mend(&folder)?;
        return Ok(folder);
    }
    fs::create_dir_all(cache)?;
    // Complete under its name or not there at all; who comes second finds it and takes it.
    let temporary = tempfile::Builder::new().prefix(".sources-").tempdir_in(cache)?;
    let mut archive = tar::Archive::new(GzDecoder::new(ARCHIVE));
    // All times in the archive are the same; cargo needs those of now.
    archive.set_preserve_mtime(false);
    archive.unpack(temporary.path())?;
    let temporary = temporary.keep();
    match fs::rename(&temporary, &folder) {
        Ok(()) => Ok(folder),
        Err(error) => {
            let _ = fs::remove_dir_all(&temporary);
            if folder.is_dir() { Ok(folder) } else { Err(error) }
        }
    }
}

/// Writes the files anew that do not hold what they should: a power cut after the unpacking leaves them short under their names.
fn mend(folder: &Path) -> io::Result<()> {
    let mut archive = tar::Archive::new(GzDecoder::new(ARCHIVE));
    for entry in archive.entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = folder.join(entry.path()?);
        let mut wanted = Vec::new();
        entry.read_to_end(&mut wanted)?;
        if fs::read(&path).is_ok_and(|there| there == wanted) {
            continue;
        }
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)?;
        let mut file = tempfile::NamedTempFile::new_in(parent)?;
        file.write_all(&wanted)?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
    }
    Ok(())
}

/// The name of the folder in which the sources of a folder are compiled.
pub(super) fn target(folder: &Path) -> String {
    let hash = Sha256::digest(folder.to_string_lossy().as_bytes());
    let digits: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("target-{digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_stand_for_themselves() {
        let cache = tempfile::tempdir().expect("a temporary folder");
        let folder = unpack(cache.path()).expect("the sources are unpacked");
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(read("firmware/core/src/layout.rs"), include_str!("../../../firmware/core/src/layout.rs"));
        let root: toml::Table = read("Cargo.toml").parse().expect("the workspace's manifest is TOML");
        let workspace = root["workspace"].as_table().expect("it is a workspace");
        let core: toml::Table = read("firmware/core/Cargo.toml").parse().expect("a manifest is TOML");
        for (key, value) in core["package"].as_table().expect("a package") {
            if value.get("workspace").is_some() {
                assert!(workspace["package"].get(key).is_some(), "wildcam-core inherits `{key}`, which is not there");
            }
        }
        assert!(workspace["lints"].get("clippy").is_some());
        assert!(!root.contains_key("package"));
        let time = fs::metadata(folder.join("Cargo.toml")).and_then(|file| file.modified()).expect("a time");
        let age = fs::metadata(cache.path()).and_then(|cache| cache.modified()).expect("a time").duration_since(time);
        assert!(age.is_ok_and(|age| age.as_secs() < 86_400), "the sources are as old as they are unpacked: {time:?}");
        assert_ne!(target(&folder), target(cache.path()));
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(hash(&folder).expect("a hash"), hash(checkout).expect("a hash"), "the same sources");
        fs::write(folder.join("mark"), "").expect("a file");
        assert_eq!(unpack(cache.path()).expect("they are there"), folder);
        assert!(folder.join("mark").exists(), "what is there is left alone");
        let (short, gone) = (folder.join("firmware/core/src/layout.rs"), folder.join("firmware/core/src/lib.rs"));
        fs::write(&short, "").expect("a file that a power cut left short");
        fs::remove_file(&gone).expect("a file");
        unpack(cache.path()).expect("they are mended");
        assert_eq!(hash(&folder).expect("a hash"), hash(checkout).expect("a hash"), "the same sources again");
    }

    /// The SHA-256 of the sources in a folder, in hexadecimal digits: of every file below firmware/ with its name, in the order of
    /// the names, without what cargo puts there.
    ///
    /// # Errors
    /// When they cannot be read.
    fn hash(folder: &Path) -> io::Result<String> {
        let mut paths = Vec::new();
        collect(&folder.join("firmware"), &mut paths)?;
        // As words with slashes, so that the order is that of every machine.
        let named = |path: PathBuf| {
            let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            (name, path)
        };
        let mut files: Vec<(String, PathBuf)> = paths.into_iter().map(named).collect();
        files.sort();
        let mut hash = Sha256::new();
        for (name, path) in files {
            let bytes = fs::read(path)?;
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name);
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_dir() {
                if name != "target" {
                    collect(&entry.path(), paths)?;
                }
            } else if !name.starts_with('.') || entry.path().ends_with(".cargo/config.toml") {
                paths.push(entry.path());
            }
        }
        Ok(())
    }
}
