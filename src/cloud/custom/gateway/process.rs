//! A gateway as a process of this machine that goes on when wildcam ends.
//!
//! It is known by its process id together with the time of its start, so that a process which got the same id later is
//! never taken for it. On Linux it also bears the folder in its environment: a gateway whose id was not written yet when
//! wildcam was killed is found again, and signals go through a handle that no other process can inherit.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::FutureExt;
use serde::{Deserialize, Serialize};

use super::{
    super::super::control::{Failure, FailureKind},
    KIND,
    health::Alive,
    invalid,
};
use crate::{journal::atomic, project::Secret};

/// What a process leaves in its folder.
pub(super) const FILES: [&str; 3] = ["gateway.pid", LOG, OLD_LOG];
const LOG: &str = "gateway.log";
const OLD_LOG: &str = "gateway.log.1";

/// A log that is larger when the gateway starts is put aside; one older log is kept.
const LARGEST_LOG: u64 = 1 << 20;

/// The environment variable that says which folder a gateway belongs to.
#[cfg(target_os = "linux")]
const MARK: &str = "WILDCAM_GATEWAY_FOLDER";

/// How long a gateway has to end by itself.
const GRACE: Duration = Duration::from_secs(15);

/// A process and when it began, in words of the system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    pid: u32,
    started: String,
}

/// The process of one folder.
pub(super) struct Process {
    folder: PathBuf,
}

impl Process {
    /// Of this folder, which need not exist yet.
    pub(super) fn of(folder: &Path) -> Result<Self, Failure> {
        let folder = std::path::absolute(folder).map_err(|error| invalid(error.to_string()))?;
        Ok(Self { folder })
    }

    /// The process, where it runs.
    pub(super) fn find(&self) -> Result<Option<Known>, Failure> {
        if !cfg!(unix) {
            return Err(Failure::new(FailureKind::Unsupported, KIND, "processes of this system cannot be followed")
                .next_step("use via = \"files\""));
        }
        let written = std::fs::read(self.folder.join(FILES[0])).unwrap_or_default();
        let known = serde_json::from_slice::<Known>(&written).ok();
        if let Some(known) = known.filter(|known| system::started(known.pid).as_ref() == Some(&known.started)) {
            return Ok(Some(known));
        }
        Ok(system::marked(&self.folder))
    }

    /// Asks whether it runs.
    pub(super) fn alive(&self) -> Alive {
        let folder = self.folder.clone();
        Box::new(move || {
            let folder = folder.clone();
            let found = super::super::blocking(move || Self { folder }.find());
            found.map(|found| found.is_ok_and(|found| found.is_some())).boxed()
        })
    }

    /// Starts it with the secrets in its environment.
    pub(super) async fn start(
        &self,
        program: &Path,
        arguments: &[String],
        secrets: &BTreeMap<String, Secret>,
    ) -> Result<(), Failure> {
        let failed =
            |what: &str, error: &std::io::Error| Failure::new(FailureKind::Invalid, KIND, format!("{what}: {error}"));
        let log = self.folder.join(LOG);
        if std::fs::metadata(&log).is_ok_and(|found| found.len() > LARGEST_LOG) {
            let _ = std::fs::rename(&log, self.folder.join(OLD_LOG));
        }
        let out = std::fs::File::options().create(true).append(true).open(&log);
        let out = out.map_err(|error| failed("its log cannot be opened", &error))?;
        let err = out.try_clone().map_err(|error| failed("its log cannot be opened", &error))?;
        let mut command = system::command(program);
        command.args(arguments).current_dir(&self.folder).env_clear().env("LANG", "C.UTF-8");
        for (name, secret) in secrets {
            command.env(name, secret.expose());
        }
        system::mark(&mut command, &self.folder);
        command.stdin(std::process::Stdio::null()).stdout(out).stderr(err).kill_on_drop(false);
        let child =
            command.spawn().map_err(|error| failed(&format!("{} does not start", program.display()), &error))?;
        let Some(pid) = child.id() else { return Ok(()) };
        // One that has ended already is seen by whoever asks for its health.
        let Some(started) = system::started(pid) else { return Ok(()) };
        let text = serde_json::to_vec(&Known { pid, started }).unwrap_or_default();
        atomic::write(&self.folder.join(FILES[0]), &text)
            .map_err(|error| Failure::new(FailureKind::Unavailable, KIND, error.to_string()))
    }

    /// Asks it to end, and ends it when it does not.
    pub(super) async fn stop(&self) -> Result<(), Failure> {
        let begun = tokio::time::Instant::now();
        let (mut asked, mut killed) = (false, false);
        loop {
            let folder = self.folder.clone();
            let Some(known) = super::super::blocking(move || Self { folder }.find()).await? else { break };
            if begun.elapsed() > GRACE * 2 {
                let message = format!("the process {} does not end", known.pid);
                return Err(Failure::new(FailureKind::Busy, KIND, message));
            }
            let hard = begun.elapsed() > GRACE;
            if !asked || hard && !killed {
                system::signal(&known, hard);
                (asked, killed) = (true, hard);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let _ = std::fs::remove_file(self.folder.join(FILES[0]));
        Ok(())
    }

    /// The last lines that it wrote, for messages.
    pub(super) fn last_words(&self) -> String {
        let bytes = std::fs::read(self.folder.join(LOG)).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(2000)..]).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(6)..].join(" / ")
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::os::unix::ffi::OsStrExt;

    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

    use super::{Known, MARK, Path};

    /// When a process began: the boot, and the clock ticks since then. `None` where it does not run.
    pub(super) fn started(pid: u32) -> Option<String> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is a name in brackets that may hold anything.
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?;
        let ticks = fields.nth(18)?;
        (!matches!(state, "Z" | "X")).then(|| format!("{} {ticks}", boot.trim()))
    }

    /// The process that bears the folder in its environment.
    pub(super) fn marked(folder: &Path) -> Option<Known> {
        let mut mark = format!("{MARK}=").into_bytes();
        mark.extend_from_slice(folder.as_os_str().as_bytes());
        let entries = std::fs::read_dir("/proc").ok()?;
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let mut found = pids.filter(|pid| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == mark)
        });
        found.find_map(|pid| started(pid).map(|started| Known { pid, started }))
    }

    pub(super) fn mark(command: &mut tokio::process::Command, folder: &Path) {
        command.env(MARK, folder);
    }

    /// In a session of its own where the system has the program for it, else in a process group of its own: neither
    /// an interrupt nor the end of a terminal reaches it.
    pub(super) fn command(program: &Path) -> tokio::process::Command {
        for setsid in ["/usr/bin/setsid", "/bin/setsid"] {
            if Path::new(setsid).is_file() {
                // It becomes the program, under the same process id, since it leads no group.
                let mut command = tokio::process::Command::new(setsid);
                command.arg(program);
                return command;
            }
        }
        let mut command = tokio::process::Command::new(program);
        command.process_group(0);
        command
    }

    pub(super) fn signal(known: &Known, hard: bool) {
        let pid = i32::try_from(known.pid).ok().and_then(Pid::from_raw);
        let Some(Ok(handle)) = pid.map(|pid| pidfd_open(pid, PidfdFlags::empty())) else { return };
        // Asked after the handle was taken: from here on it means this process, or none.
        if started(known.pid).as_ref() == Some(&known.started) {
            let _ = pidfd_send_signal(&handle, if hard { Signal::KILL } else { Signal::TERM });
        }
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
mod system {
    use rustix::process::{Pid, Signal, kill_process};

    use super::{Known, Path};

    pub(super) fn started(pid: u32) -> Option<String> {
        let output = std::process::Command::new("ps").args(["-o", "stat=,lstart=", "-p", &pid.to_string()]).output();
        let text = String::from_utf8(output.ok()?.stdout).ok()?;
        let (state, began) = text.trim().split_once(char::is_whitespace)?;
        (!state.starts_with('Z')).then(|| began.trim().to_owned())
    }

    pub(super) fn marked(_: &Path) -> Option<Known> {
        None
    }

    pub(super) fn mark(_: &mut tokio::process::Command, _: &Path) {}

    pub(super) fn command(program: &Path) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(program);
        command.process_group(0);
        command
    }

    pub(super) fn signal(known: &Known, hard: bool) {
        if started(known.pid).as_ref() == Some(&known.started)
            && let Some(pid) = i32::try_from(known.pid).ok().and_then(Pid::from_raw)
        {
            let _ = kill_process(pid, if hard { Signal::KILL } else { Signal::TERM });
        }
    }
}

#[cfg(not(unix))]
mod system {
    use super::{Known, Path};

    pub(super) fn started(_: u32) -> Option<String> {
        None
    }

    pub(super) fn marked(_: &Path) -> Option<Known> {
        None
    }

    pub(super) fn mark(_: &mut tokio::process::Command, _: &Path) {}

    pub(super) fn command(program: &Path) -> tokio::process::Command {
        tokio::process::Command::new(program)
    }

    pub(super) fn signal(_: &Known, _: bool) {}
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn sleeper() -> (tempfile::TempDir, Process) {
        let place = tempfile::tempdir().expect("a folder");
        let process = Process::of(place.path()).expect("its place");
        (place, process)
    }

    #[tokio::test]
    async fn a_process_is_found_without_its_file_and_ended() {
        let (place, process) = sleeper();
        let secrets = BTreeMap::from([("WILDCAM_X".to_owned(), Secret::new("sesame".to_owned()))]);
        process.start(Path::new("/bin/sleep"), &["600".to_owned()], &secrets).await.unwrap();
        let known = process.find().unwrap().unwrap();
        let line = std::fs::read_to_string(format!("/proc/{}/cmdline", known.pid)).unwrap();
        assert!(line.contains("600") && !line.contains("sesame"), "{line}");
        std::fs::remove_file(place.path().join(FILES[0])).unwrap();
        assert_eq!(process.find().unwrap(), Some(known), "its folder is in its environment");
        process.stop().await.unwrap();
        assert_eq!(process.find().unwrap(), None);
    }

    #[tokio::test]
    async fn a_process_that_got_the_same_id_later_is_not_touched() {
        let (place, process) = sleeper();
        let mut other = std::process::Command::new("/bin/sleep").arg("600").spawn().unwrap();
        let reused = Known { pid: other.id(), started: "another boot 1".to_owned() };
        std::fs::write(place.path().join(FILES[0]), serde_json::to_vec(&reused).unwrap()).unwrap();
        assert_eq!(process.find().unwrap(), None);
        process.stop().await.unwrap();
        system::signal(&reused, true);
        assert_eq!(other.try_wait().unwrap(), None, "it still runs");
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
