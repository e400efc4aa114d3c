//! What tests of the binary share: an empty home, a clean environment, a limit on time, and nothing left running.

pub(crate) mod peers;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Names the test folder in the environment of every process that descends from a test, so that it can be found again.
const MARKER: &str = "WILDCAM_TEST_FOLDER";

/// How long [`TestDir::run`] lets a command go on before the test fails.
const LIMIT: Duration = Duration::from_secs(60);

/// A folder of its own for one test. When it is dropped, every process that was started in it is killed.
pub(crate) struct TestDir {
    folder: tempfile::TempDir,
}

/// How a command ended and what it wrote.
#[derive(Debug)]
pub(crate) struct Output {
    /// The exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// Itself, when the exit code is `code`; else the test fails and shows what the command wrote.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n-- stdout --\n{}\n-- stderr --\n{}", self.stdout, self.stderr);
        self
    }

    /// The lines of standard output as JSON; the test fails when one is not.
    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<serde_json::Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
        self.stdout.lines().map(parse).collect()
    }
}

impl TestDir {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("wildcam-test-").tempdir().expect("a temporary folder");
        for name in ["home", "project", "tmp", "output"] {
            fs::create_dir(folder.path().join(name)).expect("a folder in the temporary folder");
        }
        Self { folder }
    }

    /// The working folder of every command: empty at first, a place for wildcam.toml.
    pub(crate) fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    /// `program` with the clean environment, not yet started; for peers that need the same surroundings.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(self.project()).env_clear().stdin(Stdio::null());
        // The search path, and what Windows needs to start any process at all.
        for name in ["PATH", "SYSTEMROOT"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        for (name, folder) in [("HOME", "home"), ("USERPROFILE", "home"), ("TMPDIR", "tmp"), ("TEMP", "tmp")] {
            command.env(name, self.folder.path().join(folder));
        }
        command.env("LANG", "C.UTF-8").env(MARKER, self.folder.path());
        command
    }

    /// `wildcam ARGUMENTS`, not yet started.
    pub(crate) fn wildcam(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_wildcam"));
        command.args(arguments);
        command
    }

    /// Runs `wildcam ARGUMENTS` to its end, for at most a minute.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.run_within(LIMIT, self.wildcam(arguments))
    }

    /// Runs a command to its end; one that is not done after `limit` is killed and fails the test.
    #[track_caller]
    pub(crate) fn run_within(&self, limit: Duration, command: Command) -> Output {
        self.start(command).finish(limit)
    }

    /// Starts a command that goes on beside the test; dropped, it is killed.
    #[track_caller]
    pub(crate) fn start(&self, mut command: Command) -> Running {
        // Files and not pipes: a grandchild that keeps a pipe open cannot hold the test up, nor one that fills it.
        let output =
            tempfile::tempdir_in(self.folder.path().join("output")).expect("a folder for what it writes").keep();
        let file = |name: &str| File::create(output.join(name)).expect("a file for what it writes");
        let started = command.stdout(file("stdout")).stderr(file("stderr")).spawn();
        let child = started.unwrap_or_else(|error| panic!("{:?} did not start: {error}", command.get_program()));
        Running { child, output }
    }

    /// The processes that descend from this test and still run. Known on Linux only; empty elsewhere.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let mark = format!("{MARKER}={}", self.folder.path().display());
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let marked = |process: &u32| {
            let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
        };
        numbers.filter(marked).collect()
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        // A parent may be starting another child at this moment, so look again until nobody is left.
        for _ in 0..100 {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            left.into_iter().for_each(kill);
            thread::sleep(Duration::from_millis(10));
        }
    }
}

#[cfg(unix)]
fn kill(process: u32) {
    use rustix::process::{Pid, Signal, kill_process};
    if let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill(_process: u32) {}

/// A command that runs beside the test.
pub(crate) struct Running {
    child: Child,
    output: PathBuf,
}

impl Running {
    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to standard output so far.
    pub(crate) fn stdout(&self) -> String {
        self.written("stdout")
    }

    /// What it wrote to standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.written("stderr")
    }

    fn written(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.output.join(name)).expect("the file that it writes to")).into_owned()
    }

    /// Waits for its end; when that takes longer than `limit` it is killed and the test fails.
    #[track_caller]
    pub(crate) fn finish(mut self, limit: Duration) -> Output {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the state of a child process") {
                return Output { code: status.code(), stdout: self.stdout(), stderr: self.stderr() };
            }
            assert!(
                begun.elapsed() < limit,
                "not done after {limit:?}\n-- stdout --\n{}\n-- stderr --\n{}",
                self.stdout(),
                self.stderr()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
