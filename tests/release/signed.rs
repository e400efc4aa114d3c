//! Keys, a release, and the stores, as a person goes through them.

use std::{fs, path::PathBuf, time::Duration};

use sha2::{Digest as _, Sha256};

use crate::support::{Output, TestDir};

pub(crate) const PASSPHRASE: &str = "a long passphrase";

/// A key costs about a second of work, and several where tests run side by side.
const LIMIT: Duration = Duration::from_secs(180);

/// A project whose three clouds are folders.
pub(crate) struct Project {
    pub(crate) dir: TestDir,
}

impl Project {
    pub(crate) fn new() -> Self {
        let dir = TestDir::new();
        let clouds = ["a", "b", "c"].map(|name| {
            fs::create_dir_all(dir.project().join("stores").join(name)).unwrap();
            format!("[clouds.{name}]\nprovider = \"custom\"\nstore = {{ path = \"stores/{name}\" }}\n")
        });
        fs::write(
            dir.project().join("wildcam.toml"),
            format!("[project]\nname = \"reserve\"\n\n{}", clouds.join("\n")),
        )
        .unwrap();
        Self { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.project().join(name)
    }

    /// `wildcam ARGUMENTS` with the keys' passphrase in its environment.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.dir.wildcam(arguments);
        command.env("KEYS", PASSPHRASE);
        self.dir.run_within(LIMIT, command)
    }

    /// The same for commands that need the passphrase.
    #[track_caller]
    pub(crate) fn signing(&self, arguments: &[&str]) -> Output {
        self.run(&[arguments, &["--passphrase", "env:KEYS"]].concat())
    }
}

/// An image for an esp32c3, as the chip's loader takes it.
pub(crate) fn image(version: &str, fill: u8) -> Vec<u8> {
    let mut data = vec![fill; 20_000];
    data[..256].fill(0);
    data[..4].copy_from_slice(&0xABCD_5432_u32.to_le_bytes());
    data[16..16 + version.len()].copy_from_slice(version.as_bytes());
    data[144..176].fill(fill);
    let mut out = vec![0; 24];
    (out[0], out[1], out[12], out[23]) = (0xE9, 1, 5, 1);
    out.extend(0x3C00_0020_u32.to_le_bytes());
    out.extend(20_000_u32.to_le_bytes());
    let checksum = data.iter().fold(0xEF, |sum, byte| sum ^ byte);
    out.extend(data);
    // The checksum is the last byte of a line of 16.
    out.resize(out.len() + 15 - out.len() % 16, 0);
    out.push(checksum);
    let hash = Sha256::digest(&out);
    out.extend(hash);
    out
}

#[test]
fn a_release_goes_from_new_keys_to_every_store() {
    let project = Project::new();
    let missing = project.signing(&["release", "sign", "--board", "esp32c3", "none.bin"]).expect_code(2);
    assert!(missing.stderr.contains("next: wildcam key init"), "{}", missing.stderr);
    project.run(&["key", "init", "--passphrase", "env:NOT_SET"]).expect_code(2);
    let silent = project.run(&["key", "init"]).expect_code(4);
    assert!(silent.stderr.contains("give it as --passphrase env:NAME"), "{}", silent.stderr);
    project.signing(&["key", "init"]).expect_code(0);
    let again = project.signing(&["key", "init"]).expect_code(4);
    assert!(again.stderr.contains("wildcam key rotate"), "{}", again.stderr);

    fs::write(project.path("old.bin"), image("1.0.1", 1)).unwrap();
    fs::write(project.path("new.bin"), image("1.0.2", 2)).unwrap();
    let first = project.signing(&["release", "sign", "--board", "esp32c3", "old.bin", "--json"]).expect_code(0);
    let lines = first.json_lines();
    assert_eq!(
        (&lines[0]["number"], &lines[0]["version"], &lines[1]["reason"]),
        (&1.into(), &"1.0.1".into(), &"timestamp".into())
    );
    let second = [
        "release",
        "sign",
        "--board",
        "esp32c3",
        "new.bin",
        "--from",
        "old.bin",
        "--link",
        "wifi,ethernet",
        "--survey",
        "16-5",
    ];
    let second = project.signing(&second).expect_code(0);
    assert!(
        second.stdout.starts_with("release 2 for esp32c3: 1.0.2, ") && second.stdout.contains("  patch from 1: "),
        "{}",
        second.stdout
    );

    let verified = project.run(&["release", "verify"]).expect_code(0);
    assert!(
        verified.stdout.contains("esp32c3 2: a camera takes 1.0.2; 1 of 1 patches were applied"),
        "{}",
        verified.stdout
    );
    let shown = project.run(&["release", "show"]).expect_code(0);
    assert!(shown.stdout.contains("over ethernet, wifi; not 16-5 h UTC"), "{}", shown.stdout);
    let published = project.run(&["release", "publish"]).expect_code(0);
    assert!(published.stdout.starts_with("3 of 3 stores show: esp32c3 2 (1.0.2)"), "{}", published.stdout);
    for name in
        ["root/1.cose", "timestamp.cose", "esp32c3/2.cose", "esp32c3/2.bin", "esp32c3/2-1.patch", "esp32c3/2.sums"]
    {
        let here = fs::read(project.path("releases").join(name)).unwrap();
        assert!(fs::read(project.path("stores/b/releases").join(name)).unwrap() == here, "{name}");
    }
    project.signing(&["release", "refresh"]).expect_code(0);
    let again = project.run(&["release", "publish"]).expect_code(0);
    assert!(again.stdout.ends_with("1 objects were new\n"), "{}", again.stdout);

    let mut wrong = image("1.0.2", 2);
    wrong[9000] ^= 1;
    fs::write(project.path("releases/esp32c3/2.bin"), wrong).unwrap();
    let refused = project.run(&["release", "verify"]).expect_code(1);
    assert!(refused.stderr.contains("releases/esp32c3/2.bin is not what the manifest names"), "{}", refused.stderr);
    let wrong = project.signing(&["release", "sign", "--board", "esp32c6", "old.bin"]).expect_code(2);
    assert!(wrong.stderr.contains("it is for chip 5, and esp32c6 has chip 13"), "{}", wrong.stderr);
}
