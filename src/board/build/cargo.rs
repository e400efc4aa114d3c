//! Running cargo: its progress as events, and an end when the work is no longer wanted.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader},
    process::{Child, Command},
};
use tokio_util::sync::CancellationToken;

use super::{Error, Event, Stage, Toolchain, Way};
use crate::board::Board;

/// How long cargo may take to end once it was asked to.
const PATIENCE: Duration = Duration::from_secs(10);

/// The last of what cargo says on its standard error, for an error that has no diagnostics.
const LAST_WORDS: usize = 4096;

/// One program of the firmware to compile.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) board: Board,
    pub(super) stage: Stage,
    pub(super) toolchain: &'a Toolchain,
    /// The folder that holds firmware/.
    pub(super) sources: &'a Path,
    /// Where cargo puts what it compiles.
    pub(super) target: &'a Path,
    pub(super) cargo_home: Option<&'a Path>,
    pub(super) offline: bool,
    pub(super) version: &'a str,
}

/// A line of `cargo build --message-format json`.
#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Message {
    CompilerArtifact {
        target: ArtifactTarget,
        executable: Option<PathBuf>,
    },
    #[serde(rename = "compiler-message")]
    Diagnosis {
        message: Diagnostic,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct ArtifactTarget {
    name: String,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    rendered: Option<String>,
}

#[derive(Deserialize)]
struct UnitGraph {
    units: Vec<Unit>,
}

#[derive(Deserialize)]
struct Unit {
    mode: String,
}

/// Compiles a program and returns the path of its ELF file.
///
/// # Errors
/// When cargo cannot be started, does not succeed, or was interrupted.
pub(super) async fn compile(
    job: &Job<'_>,
    interrupt: &CancellationToken,
    listener: &mut (dyn FnMut(Event) + Send),
) -> Result<PathBuf, Error> {
    fetch(job, interrupt).await?;
    let (board, stage) = (job.board, job.stage);
    let total = count(job, interrupt).await;
    listener(Event::Compiling { board, stage, done: 0, total, name: String::new() });
    let mut executable = None;
    let (mut done, mut errors) = (0, Vec::new());
    let mut command = build(job, &["--message-format", "json"]);
    let ended = run(&mut command, interrupt, |line| match serde_json::from_str(line) {
        Ok(Message::CompilerArtifact { target, executable: found }) => {
            done += 1;
            if found.is_some() && target.name == stage.package() {
                executable = found;
            }
            listener(Event::Compiling { board, stage, done, total, name: target.name });
        }
        Ok(Message::Diagnosis { message }) => {
            let text = message.rendered.unwrap_or_default();
            if message.level == "error" {
                errors.push(text);
            } else if message.level == "warning" {
                listener(Event::Warning { board, stage, text });
            }
        }
        Ok(Message::Other) | Err(_) => {}
    })
    .await?;
    let said = if errors.is_empty() { ended.last_words } else { errors.concat() };
    match (ended.success, executable) {
        (true, Some(path)) => Ok(path),
        _ => Err(Error::Compile { board, stage, said: said.trim_end().to_owned() }),
    }
}

/// Has cargo fetch what the firmware is made of, before the folders that they lie in are named to the compiler.
async fn fetch(job: &Job<'_>, interrupt: &CancellationToken) -> Result<(), Error> {
    let mut command = job.toolchain.cargo(&job.sources.join("firmware"));
    command.args(["fetch", "--locked", "--target", job.board.target().triple()]);
    if job.offline {
        command.arg("--offline");
    }
    let ended = run(&mut command, interrupt, |_| {}).await?;
    if ended.success { Ok(()) } else { Err(Error::Fetch { offline: job.offline, said: ended.last_words }) }
}

/// How many units there are to compile; `None` when this cargo does not say.
async fn count(job: &Job<'_>, interrupt: &CancellationToken) -> Option<u64> {
    let mut command = build(job, &["--unit-graph", "-Zunstable-options"]);
    // Only this question is unstable; what is compiled is compiled without it where the toolchain allows.
    command.env("RUSTC_BOOTSTRAP", "1");
    let mut text = String::new();
    let ended = run(&mut command, interrupt, |line| text.push_str(line)).await.ok()?;
    let graph: UnitGraph = ended.success.then(|| serde_json::from_str(&text).ok())??;
    Some(graph.units.iter().filter(|unit| unit.mode == "build").count() as u64)
}

fn build(job: &Job<'_>, more: &[&str]) -> Command {
    let triple = job.board.target().triple();
    let mut command = job.toolchain.cargo(&job.sources.join("firmware"));
    command.args(["build", "--release", "--locked", "--package", job.stage.package(), "--target", triple]);
    command.args(["--features", job.board.name(), "--target-dir"]).arg(job.target);
    command.args(more);
    if job.offline {
        command.arg("--offline");
    }
    if job.toolchain.way != Way::Target {
        command.arg("-Zbuild-std=core,alloc");
    }
    let config = |key: &str, value: toml::Value| format!("target.{triple}.{key}={value}");
    if let Some(linker) = &job.toolchain.linker {
        command.arg("--config").arg(config("linker", linker.to_string_lossy().into_owned().into()));
    }
    let flags: Vec<toml::Value> = remapped(job).into_iter().map(toml::Value::from).collect();
    command.arg("--config").arg(config("rustflags", flags.into()));
    command.env("WILDCAM_VERSION", job.version);
    // Times and dates that programs write into what they make: none, so that the same sources give the same bytes.
    command.env("SOURCE_DATE_EPOCH", "0");
    command
}

/// Flags that name the places of this machine alike on every machine. rustc takes the last that fits.
fn remapped(job: &Job<'_>) -> Vec<String> {
    let mut flags = Vec::new();
    let mut map = |from: &Path, to: &str| flags.push(format!("--remap-path-prefix={}={to}", from.display()));
    if let Some(home) = job.cargo_home {
        map(home, "/cargo");
        // Registries lie in folders that are named after their addresses; a mirror's is another.
        let registries = std::fs::read_dir(home.join("registry/src")).into_iter().flatten().flatten();
        let mut registries: Vec<PathBuf> = registries.map(|entry| entry.path()).collect();
        registries.sort();
        registries.iter().for_each(|registry| map(registry, "/cargo"));
    }
    map(&job.toolchain.sysroot.join("lib/rustlib/src/rust"), "/rust");
    map(job.target, "/target");
    map(job.sources, "/wildcam");
    flags
}

struct Ended {
    success: bool,
    last_words: String,
}

/// Runs a command to its end, line by line. When the work is interrupted, the command and all that it started are ended.
async fn run(command: &mut Command, interrupt: &CancellationToken, mut line: impl FnMut(&str)) -> Result<Ended, Error> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    // A group of its own: one signal then reaches every compiler that cargo has started, and none else.
    #[cfg(unix)]
    command.process_group(0);
    let program = PathBuf::from(command.as_std().get_program());
    let failed = |source| Error::Start { program: program.clone(), source };
    let mut child = command.spawn().map_err(failed)?;
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(failed(std::io::Error::other("its output cannot be read")));
    };
    let work = async {
        let lines = async {
            let mut lines = BufReader::new(stdout).lines();
            while let Ok(Some(text)) = lines.next_line().await {
                line(&text);
            }
        };
        let ((), last_words) = tokio::join!(lines, last_words(stderr));
        last_words
    };
    let last_words = tokio::select! {
        last_words = work => last_words,
        () = interrupt.cancelled() => {
            end(&mut child).await;
            return Err(Error::Interrupted);
        }
    };
    let status = child.wait().await.map_err(failed)?;
    Ok(Ended { success: status.success(), last_words })
}

async fn last_words(mut stream: impl AsyncRead + Unpin) -> String {
    let (mut kept, mut buffer) = (Vec::new(), [0; 1024]);
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        kept.extend(&buffer[..length]);
        let surplus = kept.len().saturating_sub(LAST_WORDS);
        kept.drain(..surplus);
    }
    String::from_utf8_lossy(&kept).trim().to_owned()
}

#[cfg(unix)]
async fn end(child: &mut Child) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::TERM);
        if tokio::time::timeout(PATIENCE, child.wait()).await.is_err() {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
    let _ = child.wait().await;
}

#[cfg(not(unix))]
async fn end(child: &mut Child) {
    let _ = child.start_kill();
    let _ = tokio::time::timeout(PATIENCE, child.wait()).await;
}
