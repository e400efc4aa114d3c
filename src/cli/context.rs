//! What every command is given: the terminal, the clock, the project's place, and the way to be interrupted.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::{CommandError, CommandResult, Kind, Ui};
use crate::clock::{Clock, Random};

/// The surroundings of a command.
pub struct Context {
    /// The terminal.
    pub ui: Ui,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// `--project`, where it was given.
    pub project: Option<PathBuf>,
    /// `--env`, where it was given.
    pub env: Option<String>,
    /// Cancelled by the first Ctrl-C (or SIGTERM). A command that changes the world undoes and returns
    /// [`Kind::Interrupted`]; the second Ctrl-C ends the process at once.
    pub interrupt: CancellationToken,
}

impl Context {
    pub(super) fn new(ui: Ui, project: Option<PathBuf>, env: Option<String>) -> Self {
        let interrupt = CancellationToken::new();
        Self { ui, clock: Clock::system(), random: Random::from_os(), project, env, interrupt }
    }

    /// Where this project keeps what wildcam must remember: labs, drills, journals.
    #[must_use]
    pub fn state_folder(&self) -> PathBuf {
        self.project_folder().join(".wildcam")
    }

    /// The folder that holds wildcam.toml, or would.
    #[must_use]
    pub fn project_folder(&self) -> PathBuf {
        self.project.clone().unwrap_or_default()
    }

    /// Where a program of this machine lies, if it is in the search path.
    #[must_use]
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        std::env::split_paths(&paths).map(|folder| folder.join(&name)).find(|path| path.is_file())
    }

    /// The path of this program, for starting parts of the lab.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn executable(&self) -> Result<PathBuf, CommandError> {
        std::env::current_exe().map_err(|error| {
            CommandError::new(Kind::Failed, "the system does not say where this program lies").because(error)
        })
    }

    /// Waits, unless it is interrupted.
    pub(super) async fn pause(&self, time: std::time::Duration) -> CommandResult {
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            () = self.interrupt.cancelled() => Err(CommandError::new(Kind::Interrupted, "interrupted")),
        }
    }

    /// Runs an asynchronous command to its end, with Ctrl-C turned into [`Context::interrupt`].
    pub(super) fn block_on(&self, work: impl Future<Output = CommandResult>) -> CommandResult {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| CommandError::new(Kind::Failed, "the operating system gave no threads").because(error))?;
        let result = runtime.block_on(async {
            let listener = tokio::spawn(listen_for_interrupts(self.interrupt.clone()));
            let result = work.await;
            listener.abort();
            result
        });
        // Blocking work that a command left behind (a read of a dead disk) must not hold the exit.
        runtime.shutdown_timeout(std::time::Duration::from_secs(2));
        result
    }
}

async fn listen_for_interrupts(interrupt: CancellationToken) {
    next_signal().await;
    interrupt.cancel();
    next_signal().await;
    // The user asked twice: the undo records on disk are what `wildcam drill undo --all` needs.
    std::process::abort();
}

#[cfg(unix)]
async fn next_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

#[cfg(not(unix))]
async fn next_signal() {
    let _ = tokio::signal::ctrl_c().await;
}

/// Diagnostics for developers and reports, on standard error: quiet by default, `-v` and `-vv` for more, `WILDCAM_LOG`
/// for a filter.
pub(super) fn start_tracing(verbose: u8) {
    let default = match verbose {
        0 => "error",
        1 => "wildcam=info,wildcam_core=info",
        _ => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("WILDCAM_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(true).try_init();
}
