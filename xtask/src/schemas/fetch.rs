//! Packages of others, fetched by the registries' own clients and unpacked below target/schemas.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{machine, program, workspace::Workspace};

/// Longer than any of the downloads takes.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// Where packages are unpacked.
pub(super) struct Packages {
    folder: PathBuf,
    python: PathBuf,
}

impl Packages {
    /// The folder, and the Python that fetches.
    ///
    /// # Errors
    ///
    /// When there is no Python.
    pub(super) fn open(workspace: &Workspace) -> Result<Self, String> {
        let python = ["python3", "python"].into_iter().find_map(machine::find).ok_or("there is no Python here")?;
        Ok(Self { folder: workspace.target("schemas"), python })
    }

    /// The interpreter.
    pub(super) fn interpreter(&self) -> Command {
        Command::new(&self.python)
    }

    /// A wheel of this name and version, unpacked; what is there already is not fetched again.
    ///
    /// # Errors
    ///
    /// When the registry does not answer or has no such wheel.
    pub(super) fn python(&self, package: &str, version: &str) -> Result<PathBuf, String> {
        let unpacked = self.folder.join(format!("{package}-{version}"));
        if unpacked.is_dir() {
            return Ok(unpacked);
        }
        let fetched = self.folder.join(format!("{package}-{version}.wheel"));
        make(&fetched)?;
        let mut pip = self.interpreter();
        pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]);
        pip.args(["--only-binary", ":all:", "--dest"]).arg(&fetched).arg(format!("{package}=={version}"));
        program::run_within(LIMIT, &mut pip)?;
        let wheel = fs::read_dir(&fetched)
            .map_err(|error| format!("cannot read {}: {error}", fetched.display()))?
            .flatten()
            .map(|file| file.path())
            .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
            .ok_or_else(|| format!("{package} {version} came without a wheel"))?;
        // Under another name until it is whole.
        let partial = self.folder.join(format!("{package}-{version}.partial"));
        make(&partial)?;
        let mut unzip = self.interpreter();
        program::run_within(LIMIT, unzip.args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&partial))?;
        fs::rename(&partial, &unpacked).map_err(|error| format!("cannot rename {}: {error}", partial.display()))?;
        Ok(unpacked)
    }
}

impl Packages {
    /// A package of npm, unpacked; what is there already is not fetched again. None of its code is run.
    ///
    /// # Errors
    ///
    /// When there is no npm, or the registry does not answer.
    pub(super) fn npm(&self, package: &str, version: &str) -> Result<PathBuf, String> {
        let name = package.trim_start_matches('@').replace('/', "-");
        let unpacked = self.folder.join(format!("{name}-{version}"));
        if unpacked.is_dir() {
            return Ok(unpacked);
        }
        let partial = self.folder.join(format!("{name}-{version}.partial"));
        make(&partial)?;
        let npm = machine::find("npm").ok_or("there is no npm here")?;
        let mut pack = Command::new(npm);
        pack.current_dir(&partial).args(["pack", "--silent", "--ignore-scripts"]).arg(format!("{package}@{version}"));
        program::run_within(LIMIT, &mut pack)?;
        let archive = format!("{name}-{version}.tgz");
        let mut tar = Command::new("tar");
        program::run_within(LIMIT, tar.current_dir(&partial).args(["-xzf", &archive]))?;
        fs::rename(&partial, &unpacked).map_err(|error| format!("cannot rename {}: {error}", partial.display()))?;
        Ok(unpacked)
    }
}

fn make(folder: &Path) -> Result<(), String> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| format!("cannot clear {}: {error}", folder.display()))?;
    }
    fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))
}
