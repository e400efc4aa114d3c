//! wildcam.toml: the whole desired state of a project, read, checked and resolved.
//!
//! [`Project::load`] reads the file, lays the overrides of one environment over it and checks the whole; every error
//! points at the line. Without a file, [`Project::builtin_lab`] is the project. Secrets are references, never values.

mod camera;
mod check;
mod error;
mod mask;
mod read;
pub mod schema;
mod schema_json;
mod secret;
mod store;
pub mod template;
mod units;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

pub use camera::{CAMERA_KEYS, CameraLink, CameraSettings, DayHours, NotDayHours};
pub use check::Warning;
pub use error::{Error, Invalid};
pub use schema::{Cloud, Degraded, Host, Objective, Objectives, Provider, Scale, Scenario, Settings, Strategy, Via};
pub use schema_json::json_schema;
pub use secret::{Secret, SecretError, SecretRef, SecretRefError, gateway_variable};
pub use store::Store;
pub use units::{ByteSize, Period, UnitError};

/// The name of the project file.
pub const FILE_NAME: &str = "wildcam.toml";

/// The largest project file that is read.
pub const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Where a project came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This wildcam.toml.
    File(PathBuf),
    /// Built into wildcam: three clouds on this machine.
    BuiltInLab,
}

/// A project that was read, checked and resolved for one environment.
#[derive(Clone, Debug)]
pub struct Project {
    /// The project's folder: every relative path of the file is relative to it.
    pub dir: PathBuf,
    /// Where it came from.
    pub origin: Origin,
    /// The environment whose overrides were laid over the file, where one was asked for.
    pub env: Option<String>,
    /// The environments that the file has.
    pub environments: Vec<String>,
    /// What the file says, with every default filled in.
    pub settings: Settings,
    /// The object store of each cloud, by the cloud's name, with the provider's defaults filled in and paths joined to
    /// the project's folder.
    pub stores: BTreeMap<String, Store>,
    /// What is allowed and should be known.
    pub warnings: Vec<Warning>,
}

/// Whether a project may have this name: 1 to 32 of a-z, 0-9 and -, beginning with a letter, not ending with -.
#[must_use]
pub fn is_project_name(name: &str) -> bool {
    check::is_name(name, 32)
}

impl Project {
    /// Reads `dir/wildcam.toml` and lays `[env.NAME]` over it. Every other environment of the file is checked as well.
    ///
    /// # Errors
    /// When the file cannot be read, is larger than [`MAX_FILE_BYTES`], does not have the environment, or is wrong.
    pub fn load(dir: &Path, env: Option<&str>) -> Result<Self, Error> {
        let path = if dir == Path::new(".") { PathBuf::from(FILE_NAME) } else { dir.join(FILE_NAME) };
        let text = read::file_text(&path)?;
        Self::parse(&text, &path, dir, env)
    }

    /// As [`Project::load`], from a text that stands for the file at `path`.
    ///
    /// # Errors
    /// As [`Project::load`], without those of reading.
    pub fn parse(text: &str, path: &Path, dir: &Path, env: Option<&str>) -> Result<Self, Error> {
        let resolved = read::resolve(text, path, dir, env)?;
        Ok(Self {
            dir: dir.to_owned(),
            origin: Origin::File(path.to_owned()),
            env: env.map(str::to_owned),
            environments: resolved.environments,
            settings: resolved.whole.settings,
            stores: resolved.whole.stores,
            warnings: resolved.whole.warnings,
        })
    }

    /// The project without a file: the clouds a, b and c as folders under `dir/.wildcam/lab`. The lab puts its own
    /// stores and ports in their place when it starts.
    ///
    /// # Panics
    /// Never in a release: a test reads the text that is built in.
    #[must_use]
    pub fn builtin_lab(dir: &Path) -> Self {
        match Self::parse(template::LAB, Path::new("the built-in lab"), dir, None) {
            Ok(project) => Self { origin: Origin::BuiltInLab, ..project },
            Err(error) => unreachable!("the built-in lab project is wrong: {error}"),
        }
    }

    /// The nearest folder with a wildcam.toml: `start` or one above it.
    #[must_use]
    pub fn find(start: &Path) -> Option<PathBuf> {
        start.ancestors().find(|dir| dir.join(FILE_NAME).is_file()).map(Path::to_owned)
    }

    /// A path of the file, made relative to the project's folder.
    #[must_use]
    pub fn path(&self, path: &Path) -> PathBuf {
        self.dir.join(path)
    }

    /// The folder for what wildcam itself keeps about the project.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.dir.join(".wildcam")
    }

    /// Fetches a secret. `env_lookup` reads an environment variable.
    ///
    /// # Errors
    /// As [`SecretRef::resolve`].
    pub fn secret(
        &self,
        reference: &SecretRef,
        env_lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Secret, SecretError> {
        reference.resolve(&self.dir, env_lookup)
    }

    /// The key that signs what gateways say to cameras: `gateway.signing_key`, else `fleet.online_key`.
    #[must_use]
    pub fn signing_key(&self) -> Option<&SecretRef> {
        self.settings.gateway.signing_key.as_ref().or(self.settings.fleet.online_key.as_ref())
    }

    /// Every secret that the project names, with the key that names it.
    #[must_use]
    pub fn secrets(&self) -> Vec<(String, &SecretRef)> {
        let settings = &self.settings;
        let mut named: Vec<(String, Option<&SecretRef>)> = Vec::new();
        for (cloud, table) in &settings.clouds {
            named.push((format!("clouds.{cloud}.store.access_key"), table.store.access_key.as_ref()));
            named.push((format!("clouds.{cloud}.store.secret_key"), table.store.secret_key.as_ref()));
            named.push((format!("clouds.{cloud}.store.service_account"), table.store.service_account.as_ref()));
            if let Some(database) = &table.database {
                named.push((format!("clouds.{cloud}.database.admin"), Some(&database.admin)));
                named.push((format!("clouds.{cloud}.database.password"), Some(&database.password)));
            }
        }
        named.push(("gateway.signing_key".to_owned(), settings.gateway.signing_key.as_ref()));
        named.push(("gateway.tls.key".to_owned(), settings.gateway.tls.as_ref().map(|tls| &tls.key)));
        named.push(("fleet.online_key".to_owned(), settings.fleet.online_key.as_ref()));
        named.push(("deploy.state_key".to_owned(), settings.deploy.state_key.as_ref()));
        named.push(("notify.webhook".to_owned(), settings.notify.webhook.as_ref()));
        named.into_iter().filter_map(|(key, reference)| Some((key, reference?))).collect()
    }
}
