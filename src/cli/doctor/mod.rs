//! `wildcam doctor`: what would stop wildcam on this machine, and what to do about it.

mod clouds;
mod usb;

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    time::UNIX_EPOCH,
};

use serde::{Deserialize, Serialize};

use super::{
    CommandError, CommandResult, Context, Kind,
    open::{nearest_project, project_error, variable},
};
use crate::{
    project::{Origin, Project},
    ui::{JsonLine, Table},
};

const EXAMPLES: &str = "Examples:
  wildcam doctor
  wildcam doctor --env staging
  wildcam doctor --cloud           credentials, permissions, quotas and retirements in every cloud
  wildcam doctor --cloud aws
  wildcam doctor --usb             what stands between this machine and a board
  wildcam doctor --json";

/// A lab with its stores, a drill's ledger and its pictures stay far below this.
#[cfg(unix)]
const WANTED_DISK_BYTES: u64 = 1 << 30;
/// Every store, gateway and proxy holds a connection for each camera, and SQLite its files.
#[cfg(unix)]
const WANTED_OPEN_FILES: u64 = 1024;

/// The arguments of `wildcam doctor`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Ask the clouds instead, or this one: credentials, permissions, quotas, retirement dates. Changes nothing
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    cloud: Option<String>,
    /// Look at USB instead: ports, drivers, permissions, and who has a port
    #[arg(long, conflicts_with = "cloud")]
    usb: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Good,
    Note,
    Problem,
}

/// What one check found.
#[derive(Debug, Serialize)]
struct Finding {
    check: String,
    state: State,
    found: String,
    next_step: Option<String>,
}

impl JsonLine for Finding {
    const REASON: &'static str = "finding";
}

impl Finding {
    fn good(check: impl Into<String>, found: impl Into<String>) -> Self {
        Self { check: check.into(), state: State::Good, found: found.into(), next_step: None }
    }

    fn note(check: impl Into<String>, found: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self { check: check.into(), state: State::Note, found: found.into(), next_step: Some(next_step.into()) }
    }

    fn problem(check: impl Into<String>, found: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self { check: check.into(), state: State::Problem, found: found.into(), next_step: Some(next_step.into()) }
    }
}

#[derive(Serialize)]
struct Summary {
    problems: usize,
    notes: usize,
}

impl JsonLine for Summary {
    const REASON: &'static str = "doctor";
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    if let Some(name) = &arguments.cloud {
        return clouds::run((!name.is_empty()).then_some(name.as_str()), context).await;
    }
    if arguments.usb {
        return show(context, &usb::findings());
    }
    let mut findings = vec![Finding::good("wildcam", format!("version {}", env!("CARGO_PKG_VERSION")))];
    let project = project(context, &mut findings)?;
    if let Some(project) = &project {
        secrets(project, &mut findings);
        listen_port(project, &mut findings);
        lab(&project.state_dir(), &mut findings);
        disk(&project.dir, &mut findings);
    }
    loopback(&mut findings);
    open_files(&mut findings);
    findings.push(clock(context.clock.unix_s()));
    findings.push(chaos_toolkit(context));
    show(context, &findings)
}

fn show(context: &Context, findings: &[Finding]) -> CommandResult {
    let mut table = Table::new(["", "check", "found"]);
    for finding in findings {
        let sign = match finding.state {
            State::Good => "ok",
            State::Note => "note",
            State::Problem => "problem",
        };
        table.row([sign.to_owned(), finding.check.clone(), finding.found.clone()]);
        context.ui.json(finding);
    }
    context.ui.result(&table);
    let steps: Vec<_> = findings.iter().filter_map(|finding| Some((finding, finding.next_step.as_ref()?))).collect();
    if !steps.is_empty() {
        context.ui.result("\nNext:");
    }
    for (finding, step) in steps {
        context.ui.result(format_args!("  {}: {step}", finding.check));
    }
    let count = |state| findings.iter().filter(|finding| finding.state == state).count();
    let summary = Summary { problems: count(State::Problem), notes: count(State::Note) };
    context.ui.json(&summary);
    match summary.problems {
        0 => Ok(()),
        1 => Err(CommandError::new(Kind::Failed, "1 problem would stop wildcam")),
        problems => Err(CommandError::new(Kind::Failed, format!("{problems} problems would stop wildcam"))),
    }
}

/// A project file that is wrong is shown with its line, and the checks that need it are left out.
fn project(context: &Context, findings: &mut Vec<Finding>) -> Result<Option<Project>, CommandError> {
    let dir = match &context.project {
        Some(dir) => Some(dir.clone()),
        None => nearest_project()?,
    };
    let Some(dir) = dir else {
        findings.push(Finding::good("project", "no wildcam.toml here: the built-in lab is used"));
        return Ok(Some(Project::builtin_lab(Path::new("."))));
    };
    match Project::load(&dir, context.env.as_deref()) {
        Ok(project) => {
            let count = project.settings.clouds.len();
            findings.push(Finding::good("project", format!("wildcam.toml is valid, clouds: {count}")));
            for warning in &project.warnings {
                findings.push(Finding::note(warning.code, &warning.message, &warning.next_step));
            }
            Ok(Some(project))
        }
        Err(error) => {
            findings.push(Finding::problem(
                "project",
                error.to_string(),
                "correct the file, then: wildcam project show",
            ));
            context.ui.failure(&project_error(error));
            Ok(None)
        }
    }
}

fn secrets(project: &Project, findings: &mut Vec<Finding>) {
    for (key, reference) in project.secrets() {
        findings.push(match project.secret(reference, &variable) {
            Ok(_) => Finding::good(key, format!("{reference} is there")),
            Err(error) => Finding::problem(key, error.to_string(), error.next_step()),
        });
    }
    let authorities = project.settings.clouds.iter().filter_map(|(name, cloud)| {
        let path = cloud.store.authority.as_ref()?;
        Some((format!("clouds.{name}.store.authority"), project.path(path)))
    });
    for (key, path) in authorities {
        if !path.is_file() {
            let found = format!("there is no file {}", path.display());
            findings.push(Finding::problem(key, found, "put the authority's certificate (PEM) there"));
        }
    }
}

fn listen_port(project: &Project, findings: &mut Vec<Finding>) {
    let listen = project.settings.gateway.listen;
    if listen.port() == 0 || project.origin == Origin::BuiltInLab {
        return;
    }
    findings.push(match TcpListener::bind(listen) {
        Ok(_) => Finding::good("gateway.listen", format!("{listen} is free")),
        // A gateway that runs already is the usual reason, so this alone is no problem.
        Err(error) => Finding::note(
            "gateway.listen",
            format!("{listen}: {error}"),
            "nothing if a gateway runs there; else choose another port under [gateway]",
        ),
    });
}

fn loopback(findings: &mut Vec<Finding>) {
    // A lab needs about this many at once: stores, gateways, proxies, the name server, the supervisor.
    let ports: Result<Vec<TcpListener>, _> =
        (0..32).map(|_| TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))).collect();
    findings.push(match ports {
        Ok(ports) => Finding::good("loopback ports", format!("{} free ports on 127.0.0.1", ports.len())),
        Err(error) => Finding::problem(
            "loopback ports",
            format!("no free port on 127.0.0.1: {error}"),
            "end what holds them, or raise the limits of this machine",
        ),
    });
}

#[cfg(unix)]
fn disk(dir: &Path, findings: &mut Vec<Finding>) {
    findings.push(match rustix::fs::statvfs(dir) {
        Ok(space) => judge_disk(dir, space.f_bavail.saturating_mul(space.f_frsize)),
        Err(error) => Finding::problem(
            "disk",
            format!("the space in {} cannot be read: {error}", dir.display()),
            "choose another folder with --project",
        ),
    });
}

#[cfg(not(unix))]
fn disk(_: &Path, _: &mut Vec<Finding>) {}

#[cfg(unix)]
fn judge_disk(dir: &Path, free: u64) -> Finding {
    let found = format!("{:.1} GiB free in {}", free as f64 / f64::from(1 << 30), dir.display());
    if free < WANTED_DISK_BYTES {
        return Finding::problem("disk", found, "free 1 GiB, or choose another folder with --project");
    }
    Finding::good("disk", found)
}

#[cfg(unix)]
fn open_files(findings: &mut Vec<Finding>) {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    findings.push(match limit {
        Some(limit) if limit < WANTED_OPEN_FILES => Finding::problem(
            "open files",
            format!("at most {limit}, and a lab needs {WANTED_OPEN_FILES}"),
            format!("ulimit -n {WANTED_OPEN_FILES}"),
        ),
        Some(limit) => Finding::good("open files", format!("at most {limit}")),
        None => Finding::good("open files", "no limit"),
    });
}

#[cfg(not(unix))]
fn open_files(_: &mut Vec<Finding>) {}

/// A clock that stands before the moment at which this program was written to disk is wrong for certain.
fn clock(now_s: u64) -> Finding {
    let program = std::env::current_exe().and_then(|path| path.metadata()?.modified()).ok();
    let written = program.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map_or(0, |since| since.as_secs());
    judge_clock(now_s, written)
}

fn judge_clock(now_s: u64, program_written_s: u64) -> Finding {
    let shown = i64::try_from(now_s).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    let found = shown.map_or_else(|| "beyond all dates".to_owned(), |time| time.to_string());
    if now_s < program_written_s {
        let found = format!("{found} is before this program was written");
        return Finding::problem("clock", found, "set the clock: certificates and signatures need it");
    }
    Finding::good("clock", found)
}

#[derive(Deserialize)]
struct LabRecord {
    pid: u32,
}

fn lab(state_dir: &Path, findings: &mut Vec<Finding>) {
    let path = state_dir.join("lab").join("lab.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        findings.push(Finding::good("lab", "not running"));
        return;
    };
    findings.push(match serde_json::from_str::<LabRecord>(&text) {
        Ok(record) if is_alive(record.pid) => Finding::good("lab", format!("runs as process {}", record.pid)),
        Ok(record) => Finding::note(
            "lab",
            format!("{} names process {}, which is gone", path.display(), record.pid),
            "wildcam lab down",
        ),
        Err(_) => Finding::note("lab", format!("{} cannot be understood", path.display()), "wildcam lab down"),
    });
}

#[cfg(unix)]
fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    // A process of another user refuses the question, and so it lives.
    pid.is_some_and(|pid| !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH)))
}

#[cfg(not(unix))]
fn is_alive(_: u32) -> bool {
    true
}

fn chaos_toolkit(context: &Context) -> Finding {
    match context.program("chaos") {
        Some(path) => Finding::good("chaos toolkit", format!("{} (optional)", path.display())),
        None => Finding::good("chaos toolkit", "not installed (optional: chaos validate checks experiment files)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_before_the_program_is_a_problem() {
        assert_eq!(judge_clock(1_000, 2_000).state, State::Problem);
        assert_eq!(judge_clock(2_000, 2_000).state, State::Good);
        assert_eq!(judge_clock(u64::MAX, 0).found, "beyond all dates");
    }

    #[cfg(unix)]
    #[test]
    fn a_full_disk_is_a_problem() {
        assert_eq!(judge_disk(Path::new("."), 1 << 20).state, State::Problem);
        assert_eq!(judge_disk(Path::new("."), 1 << 40).state, State::Good);
    }

    #[cfg(unix)]
    #[test]
    fn a_lab_that_died_is_noted() {
        let state = tempfile::tempdir().unwrap();
        let record = |text: &str| {
            std::fs::create_dir_all(state.path().join("lab")).unwrap();
            std::fs::write(state.path().join("lab/lab.json"), text).unwrap();
            let mut findings = Vec::new();
            lab(state.path(), &mut findings);
            findings[0].state
        };
        // No process has this number: it is above the largest that Linux and macOS give out.
        assert_eq!(record("{\"pid\": 2147483646}"), State::Note);
        assert_eq!(record("nonsense"), State::Note);
        assert_eq!(record(&format!("{{\"pid\": {}, \"port\": 1}}", std::process::id())), State::Good);
    }
}
