//! The binary that users get: how large it is and how long it takes to start.

use std::{
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{program, steps::Outcome, terminal, workspace::Workspace};

const MOST_BYTES: u64 = 40_000_000;

/// Builds the release binary, prints its size and start-up time, and holds it to its size.
///
/// # Errors
///
/// When it does not build, does not start, or is too large.
pub(crate) fn release(workspace: &Workspace) -> Result<Outcome, String> {
    program::run(&mut workspace.cargo(&[
        "build",
        "--locked",
        "--release",
        "--package",
        "wildcam",
        "--bin",
        "wildcam",
    ]))?;
    let path = workspace.target("release").join(format!("wildcam{}", std::env::consts::EXE_SUFFIX));
    let bytes = fs::metadata(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?.len();
    let mut times = Vec::new();
    for _ in 0..21 {
        let begun = Instant::now();
        program::run(Command::new(&path).arg("--version").stdout(Stdio::null()))?;
        times.push(begun.elapsed());
    }
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    times.sort();
    terminal::say(&format!(
        "wildcam --version: {:.1} ms (median of {}, least {:.1} ms); the aim is 10 ms",
        ms(times[times.len() / 2]),
        times.len(),
        ms(times[0])
    ));
    terminal::say(&format!("stripped release binary: {bytes} bytes of at most {MOST_BYTES}"));
    if bytes > MOST_BYTES {
        Err(format!("the release binary has {bytes} bytes, over {MOST_BYTES}"))
    } else {
        Ok(Outcome::Done)
    }
}
