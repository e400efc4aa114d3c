//! Starting a lab's supervisor: on its own for `lab up`, or tied to a drill that ends it.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use super::{
    Error,
    remote::{self, LabFile, SupervisorClient},
    spec::Spec,
};
use crate::journal::atomic;

/// The file in a lab's folder that says what the lab shall be.
pub const SPEC_FILE: &str = "spec.json";
/// A lab of a slow machine, with many gateways, may need this long to come up.
const UP_WITHIN: Duration = Duration::from_secs(120);

/// A lab whose supervisor runs.
pub struct Launched {
    /// How to reach it.
    pub client: SupervisorClient,
    /// Who listens where.
    pub file: LabFile,
    child: Child,
    folder: PathBuf,
}

/// How long a lab lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Until `lab down`.
    Detached,
    /// As long as this process.
    Tied,
}

/// Starts a lab in `folder`, whose earlier contents are removed, and waits until it is ready.
///
/// # Errors
/// When a lab is up there already, or the new one does not come up. Nothing is left running then.
pub async fn launch(
    spec: &Spec,
    folder: &Path,
    executable: &Path,
    life: Life,
    interrupt: &CancellationToken,
) -> Result<Launched, Error> {
    if let Ok((client, file)) = SupervisorClient::of(folder)
        && client.state().await.is_ok()
    {
        return Err(Error::AlreadyUp { path: folder.to_owned(), pid: file.pid });
    }
    let used = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::File { path, source }
    };
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(used(folder))?;
    }
    std::fs::create_dir_all(folder).map_err(used(folder))?;
    let text = serde_json::to_vec_pretty(spec).unwrap_or_default();
    atomic::write(&folder.join(SPEC_FILE), &text).map_err(|error| Error::part("writing the spec")(error.into()))?;

    let log_path = folder.join("supervisor.log");
    let log = File::create(&log_path).map_err(used(&log_path))?;
    let mut command = Command::new(executable);
    command
        .args(["process", "supervisor", "--config"])
        .arg(folder.join(SPEC_FILE))
        .stdout(log.try_clone().map_err(used(&log_path))?)
        .stderr(log)
        .kill_on_drop(true);
    match life {
        Life::Detached => {
            command.stdin(Stdio::null()).arg("--detached");
            // A Ctrl-C in the terminal must not reach a lab that was left up on purpose.
            #[cfg(unix)]
            command.process_group(0);
        }
        Life::Tied => {
            command.stdin(Stdio::piped());
            // Nor may it reach a lab before the drill has undone its faults: the drill takes its lab down itself.
            #[cfg(unix)]
            command.process_group(0);
        }
    }
    let mut child = command.spawn().map_err(|source| Error::Start { name: "the supervisor".to_owned(), source })?;
    let until = tokio::time::Instant::now() + UP_WITHIN;
    loop {
        if folder.join(remote::FILE).exists() {
            let (client, file) = SupervisorClient::of(folder)?;
            return Ok(Launched { client, file, child, folder: folder.to_owned() });
        }
        let ended = !matches!(child.try_wait(), Ok(None));
        if ended || interrupt.is_cancelled() || tokio::time::Instant::now() >= until {
            let _ = child.start_kill();
            let _ = child.wait().await;
            let text = std::fs::read_to_string(&log_path).unwrap_or_default();
            let last_words = if interrupt.is_cancelled() { "interrupted" } else { text.trim() };
            return Err(Error::NotReady { name: "the lab".to_owned(), last_words: last_words.to_owned() });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Launched {
    /// The lab's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes the lab down and waits until its supervisor is gone.
    pub async fn down(mut self) {
        let asked = self.client.down().await.is_ok();
        drop(self.child.stdin.take());
        let patience = if asked { Duration::from_secs(30) } else { Duration::from_secs(5) };
        if tokio::time::timeout(patience, self.child.wait()).await.is_err() {
            let _ = self.child.start_kill();
            let _ = self.child.wait().await;
        }
        let _ = std::fs::remove_file(self.folder.join(remote::FILE));
    }

    /// Lets go of a detached lab: it stays up.
    pub fn leave_up(mut self) {
        // Dropping the handle would kill the process; forgetting it leaves the process to the system.
        self.child.stdin.take();
        std::mem::forget(self.child);
    }
}
