//! How every command finds its project.

use std::path::{Path, PathBuf};

use super::{CommandError, Context, Kind};
use crate::project::{self, Project};

impl Context {
    /// The project: the folder of `--project`, else the nearest folder with a wildcam.toml from here upwards, else the
    /// built-in lab in this folder. Its warnings are printed.
    pub(super) fn open_project(&self) -> Result<Project, CommandError> {
        let found = match &self.project {
            Some(dir) => Some(dir.clone()),
            None => nearest_project()?,
        };
        let project = match found {
            Some(dir) => Project::load(&dir, self.env.as_deref()).map_err(project_error)?,
            None => match &self.env {
                None => Project::builtin_lab(Path::new(".")),
                Some(name) => {
                    let message =
                        format!("there is no {} here, so there is no environment `{name}`", project::FILE_NAME);
                    return Err(CommandError::new(Kind::Usage, message).next_step("wildcam init"));
                }
            },
        };
        for warning in &project.warnings {
            self.ui.warn(format_args!("{}\n  next: {}", warning.message, warning.next_step));
        }
        Ok(project)
    }
}

/// The nearest folder with a project file; `.` rather than its whole path when it is this one.
pub(super) fn nearest_project() -> Result<Option<PathBuf>, CommandError> {
    let here = std::env::current_dir()
        .map_err(|error| CommandError::new(Kind::Failed, "this folder cannot be read").because(error))?;
    let found = Project::find(&here);
    Ok(found.map(|dir| if dir == here { PathBuf::from(".") } else { dir }))
}

/// A fault of the project file as a command's error: wrong configuration, exit code 2.
pub(super) fn project_error(error: project::Error) -> CommandError {
    CommandError::from_report(Kind::Usage, miette::Report::new(error))
}

/// Reads an environment variable, for [`project::SecretRef::resolve`].
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
