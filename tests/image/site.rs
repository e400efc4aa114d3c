//! A project whose gateway goes into an image, programs to put there, and the command.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use wildcam::release::generate_key;

pub(crate) const PROJECT: &str = r#"# The reserve's project.
[project]
name = "reserve"            # the name

[clouds.a]
provider = "custom"
store = { path = "/var/lib/wildcam/stores/a" }

[clouds.b]
provider = "custom"
store = { path = "/var/lib/wildcam/stores/b" }

[fleet]
online_key = "file:online.key"
"#;

/// A folder with a project and its key.
pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
}

impl Site {
    pub(crate) fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("wildcam.toml"), text).unwrap();
        write_private(&folder.path().join("online.key"), &generate_key().unwrap());
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn key(&self) -> String {
        fs::read_to_string(self.path().join("online.key")).unwrap()
    }

    pub(crate) fn wildcam(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wildcam"));
        command.current_dir(self.path()).args(arguments);
        for name in ["WILDCAM_REGISTRY_USERNAME", "WILDCAM_REGISTRY_PASSWORD", "PORT"] {
            command.env_remove(name);
        }
        command
    }

    /// Builds an archive and returns what the command said of it.
    pub(crate) fn image(&self, binary: &Path, output: &str) -> serde_json::Value {
        let binary = binary.to_str().unwrap();
        let said = self.wildcam(&["--json", "gateway", "image", "-o", output, "--binary", binary]).output().unwrap();
        line(&said, "gateway-image")
    }
}

/// The JSON line of this reason in a command's result.
pub(crate) fn line(output: &Output, reason: &str) -> serde_json::Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let mut lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines.find(|line| line["reason"] == reason).unwrap_or_else(|| panic!("no {reason} in {text}"))
}

pub(crate) fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// A file that has the shape of a static program and cannot run, with `bytes` that do not shrink.
pub(crate) fn shape_of_a_program(folder: &Path, machine: u16, bytes: usize) -> PathBuf {
    let mut file = vec![0; 120];
    file[..6].copy_from_slice(b"\x7fELF\x02\x01");
    file[16..18].copy_from_slice(&2_u16.to_le_bytes());
    file[18..20].copy_from_slice(&machine.to_le_bytes());
    file[24..32].copy_from_slice(&0x40_0000_u64.to_le_bytes());
    file[32..40].copy_from_slice(&64_u64.to_le_bytes());
    file[54..56].copy_from_slice(&56_u16.to_le_bytes());
    file[56..58].copy_from_slice(&1_u16.to_le_bytes());
    file[64..68].copy_from_slice(&1_u32.to_le_bytes());
    let mut noise = vec![0; bytes];
    wildcam::clock::Random::seeded(u64::from(machine)).fill(&mut noise);
    file.extend_from_slice(&noise);
    let path = folder.join(format!("program-{machine}-{bytes}"));
    fs::write(&path, file).unwrap();
    path
}

pub(crate) const AMD64: u16 = 62;
pub(crate) const ARM64: u16 = 183;

/// The static wildcam that `cargo xtask static --debug` builds. Without it a CI run fails, and elsewhere the test is told to
/// skip what needs it, and says so.
pub(crate) fn static_wildcam() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_BIN_EXE_wildcam")).ancestors().nth(2).unwrap();
    let found = ["debug", "release"].map(|profile| target.join("static").join(profile).join("wildcam"));
    let found = found.into_iter().find(|path| path.is_file());
    if found.is_none() {
        let missing = "there is no static wildcam; `cargo xtask static --debug` builds it";
        assert!(std::env::var_os("CI").is_none_or(|value| value != "true"), "{missing}");
        let _ = std::io::stderr().write_all(format!("\nSKIPPED running the image: {missing}\n").as_bytes());
    }
    found
}
