//! One process of the lab: started with a pipe as its standard input, so that it ends when its parent does, and killed by
//! its own id only.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::{Child, Command};

use super::Error;

/// How a process is started.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Its name in the lab, such as `store-a`.
    pub name: String,
    /// The cloud it belongs to, if it belongs to one.
    pub cloud: Option<String>,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The port that is open once it is ready, if it listens.
    pub ready_port: Option<u16>,
}

/// A process that was started, or is down on purpose.
pub struct Process {
    /// How it is started.
    pub recipe: Recipe,
    child: Option<Child>,
    log: PathBuf,
    executable: PathBuf,
    /// Whether it is down on purpose, so that nobody starts it again.
    pub held: bool,
    /// How often it ended by itself and was started again.
    pub restarts: u32,
}

impl Process {
    /// A process that is not started yet; what it prints goes to a file under `logs`.
    #[must_use]
    pub fn new(recipe: Recipe, executable: &Path, logs: &Path) -> Self {
        let log = logs.join(format!("{}.log", recipe.name));
        Self { recipe, child: None, log, executable: executable.to_owned(), held: false, restarts: 0 }
    }

    /// Starts it.
    ///
    /// # Errors
    /// When the system cannot.
    pub fn start(&mut self) -> Result<(), Error> {
        let failed = |source| Error::Start { name: self.recipe.name.clone(), source };
        let log = File::options().create(true).append(true).open(&self.log).map_err(failed)?;
        let child = Command::new(&self.executable)
            .args(&self.recipe.arguments)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        self.child = Some(child);
        self.held = false;
        Ok(())
    }

    /// Its process id while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Whether it has ended without being asked to.
    pub fn has_ended(&mut self) -> bool {
        !self.held && self.child.as_mut().is_some_and(|child| !matches!(child.try_wait(), Ok(None)))
    }

    /// Kills it (SIGKILL) without waiting, and keeps it down.
    pub fn kill(&mut self) {
        self.held = true;
        if let Some(child) = &mut self.child {
            let _ = child.start_kill();
        }
    }

    /// Waits until it is gone.
    pub async fn gone(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.wait().await;
        }
    }

    /// Asks it to end by closing its standard input, and kills it if it does not within two seconds.
    pub async fn stop(&mut self) {
        self.held = true;
        if let Some(mut child) = self.child.take() {
            drop(child.stdin.take());
            if tokio::time::timeout(std::time::Duration::from_secs(2), child.wait()).await.is_err() {
                let _ = child.start_kill();
                let _ = child.wait().await;
            }
        }
    }

    /// The last lines it printed, for errors.
    #[must_use]
    pub fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }
}
