//! Running a program and measuring it from outside: how long it took with its start, when it first said something, and
//! the most memory it had.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::super::Failure;

/// How often the memory of a program is read: its high-water mark, so that only what it grows by at its very end is
/// missed.
const BETWEEN_READINGS: Duration = Duration::from_millis(1);

/// One run of a program.
#[derive(Clone, Copy)]
pub(super) struct Ran {
    pub(super) seconds: f64,
    /// The most resident memory, in KiB.
    pub(super) peak_kib: f64,
}

/// Runs a program to its end; what it prints goes to `log`.
pub(super) fn measure(command: &mut Command, log: &Path) -> Result<Ran, Failure> {
    let file = File::create(log)?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let name = command.get_program().to_string_lossy().into_owned();
    let begun = Instant::now();
    let mut child = command.spawn().map_err(|error| format!("{name} could not be started: {error}"))?;
    let (pid, ended) = (child.id(), AtomicBool::new(false));
    let (status, seconds, peak_kib) = thread::scope(|scope| {
        let readings = scope.spawn(|| {
            let mut peak = 0.0_f64;
            while !ended.load(Ordering::Relaxed) {
                peak = peak.max(high_water_kib(pid).unwrap_or(0.0));
                thread::sleep(BETWEEN_READINGS);
            }
            peak
        });
        let status = child.wait();
        let seconds = begun.elapsed().as_secs_f64();
        ended.store(true, Ordering::Relaxed);
        (status, seconds, readings.join().unwrap_or(0.0))
    });
    let status = status?;
    if status.success() {
        return Ok(Ran { seconds, peak_kib });
    }
    let said = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = said.lines().collect();
    let end = lines[lines.len().saturating_sub(20)..].join("\n");
    Err(format!("{name} failed ({status}):\n{end}").into())
}

fn high_water_kib(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

/// How long a program takes to its first whole line, in seconds. The line is one of standard error, where progress is
/// told. The program must end well.
pub(super) fn first_line(command: &mut Command) -> Result<f64, Failure> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let begun = Instant::now();
    let mut child = command.spawn()?;
    let stderr = child.stderr.take().ok_or("the program has no standard error")?;
    let mut reader = BufReader::new(stderr);
    let mut line = String::new();
    let read = reader.read_line(&mut line);
    let seconds = begun.elapsed().as_secs_f64();
    let mut rest = String::new();
    let _ = reader.read_to_string(&mut rest);
    let status = child.wait()?;
    if read? == 0 || !status.success() {
        return Err(format!("the program ended with {status} and said: {line}{rest}").into());
    }
    Ok(seconds)
}
