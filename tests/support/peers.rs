//! Programs that others wrote, which tests run against wildcam. `cargo xtask peers` installs them.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// The cache folder that `cargo xtask peers` fills: `WILDCAM_PEERS`, else target/peers.
fn cache() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers");
    std::env::var_os("WILDCAM_PEERS").filter(|folder| !folder.is_empty()).map_or_else(default, PathBuf::from)
}

fn find(cache: &Path, executable: &str) -> Option<PathBuf> {
    let folder = cache.join(executable);
    // Written last by the installer: without it the installation was cut off.
    if !fs::exists(folder.join("version")).unwrap_or(false) {
        return None;
    }
    let places = [format!("bin/{executable}"), format!("Scripts/{executable}.exe"), format!("bin/{executable}.exe")];
    places.iter().map(|place| folder.join(place)).find(|path| path.is_file())
}

/// The executable of a peer (`schemathesis`, `chaos`, `aws`). When it is missing, a CI run (`CI=true`) fails, and elsewhere
/// the test is told to skip what needs it, and says so.
///
/// # Panics
///
/// When the peer is missing in CI.
#[track_caller]
pub(crate) fn require(executable: &str) -> Option<PathBuf> {
    let found = find(&cache(), executable);
    if found.is_none() {
        let missing = format!("`{executable}` is not in {}; `cargo xtask peers` installs it", cache().display());
        assert!(std::env::var_os("CI").is_none_or(|value| value != "true"), "{missing}");
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        // Past the capture of the test harness, which would hide it in a test that passes; in one write, so that the words
        // of tests side by side do not mix.
        let _ = std::io::stderr().write_all(format!("\nSKIPPED part of {test}: {missing}\n").as_bytes());
    }
    found
}

#[test]
fn a_peer_whose_installation_was_cut_off_is_not_found() {
    let cache = tempfile::tempdir().expect("a temporary folder");
    let folder = cache.path().join("aws");
    fs::create_dir_all(folder.join("bin")).expect("a folder");
    fs::write(folder.join("bin/aws"), "").expect("a file");
    assert_eq!(find(cache.path(), "aws"), None);
    fs::write(folder.join("version"), "1").expect("a file");
    assert_eq!(find(cache.path(), "aws"), Some(folder.join("bin/aws")));
    assert_eq!(find(cache.path(), "chaos"), None);
}
