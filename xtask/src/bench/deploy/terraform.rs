//! The peer: Terraform where it is on the path, else OpenTofu as `cargo xtask peers` built it.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    super::Failure,
    process::{self, Ran},
};

/// As many at a time as `deploy.parallel` says where wildcam.toml says nothing; its own default is 10.
const AT_A_TIME: &str = "-parallelism=48";

/// A program that applies resources of the built-in type `terraform_data`, which needs no provider.
pub(super) struct Terraform {
    program: PathBuf,
    /// What it calls itself, with its version.
    pub(super) name: String,
}

impl Terraform {
    /// Finds it.
    pub(super) fn find() -> Result<Self, Failure> {
        let cache = std::env::var_os("WILDCAM_PEERS").map_or_else(|| PathBuf::from("target/peers"), PathBuf::from);
        let candidates = [PathBuf::from("terraform"), cache.join("tofu/bin/tofu"), PathBuf::from("tofu")];
        for program in candidates {
            let quiet = tempfile::NamedTempFile::new()?;
            if let Ok(output) = bare(&program, quiet.path()).arg("version").output()
                && output.status.success()
                && let Some(name) = String::from_utf8_lossy(&output.stdout).lines().next()
            {
                return Ok(Self { program, name: name.to_owned() });
            }
        }
        Err("neither terraform nor tofu is here; cargo xtask peers builds tofu".into())
    }

    /// Writes a project of `count` resources and initialises it.
    pub(super) fn prepare(&self, folder: &Path, count: usize) -> Result<(), Failure> {
        fs::create_dir_all(folder)?;
        let mut text = String::new();
        for number in 0..count {
            writeln!(
                text,
                "resource \"terraform_data\" \"n{number:04}\" {{\n  input = {{\n    name = \"n{number:04}\"\n    \
                 size = {number}\n    text = \"one of many\"\n  }}\n}}"
            )?;
        }
        fs::write(folder.join("main.tf"), text)?;
        fs::write(folder.join("rc"), "")?;
        self.measure(folder, &["init", "-input=false"])?;
        Ok(())
    }

    pub(super) fn apply(&self, folder: &Path) -> Result<Ran, Failure> {
        self.measure(folder, &["apply", "-auto-approve", AT_A_TIME, "-input=false", "-no-color"])
    }

    /// A plan that finds nothing to do.
    pub(super) fn plan(&self, folder: &Path) -> Result<Ran, Failure> {
        // With a plan that is not empty it ends with 2, which is an error here.
        self.measure(folder, &["plan", "-detailed-exitcode", AT_A_TIME, "-input=false", "-no-color"])
    }

    fn measure(&self, folder: &Path, arguments: &[&str]) -> Result<Ran, Failure> {
        let mut command = bare(&self.program, &folder.join("rc"));
        process::measure(command.args(arguments).current_dir(folder), &folder.join("log"))
    }
}

/// Without the settings of this machine, and without asking anybody for a newer version.
fn bare(program: &Path, settings: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("TF_CLI_CONFIG_FILE", settings).env("CHECKPOINT_DISABLE", "1").env("TF_IN_AUTOMATION", "1");
    command
}
