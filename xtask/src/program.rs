//! Running other programs: shown, bounded in time, with errors that say what was run.

use std::{
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Runs a program whose output goes to the terminal.
///
/// # Errors
///
/// When it cannot be started or does not exit with 0.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let status = command.stdin(Stdio::null()).status().map_err(|error| could_not_start(command, &error))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` failed ({status})", shown(command))) }
}

/// Runs a program for at most `limit`, then kills it.
///
/// # Errors
///
/// As [`run`], and when the limit is reached.
pub(crate) fn run_within(limit: Duration, command: &mut Command) -> Result<(), String> {
    let begun = Instant::now();
    let mut child = command.stdin(Stdio::null()).spawn().map_err(|error| could_not_start(command, &error))?;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("`{}` failed ({status})", shown(command))),
            Ok(None) if begun.elapsed() < limit => thread::sleep(Duration::from_millis(20)),
            unfinished => {
                let _ = child.kill();
                let _ = child.wait();
                unfinished.map_err(|error| format!("`{}` was lost: {error}", shown(command)))?;
                return Err(format!("`{}` was not done after {} s and was ended", shown(command), limit.as_secs()));
            }
        }
    }
}

/// Runs a program and returns its standard output; its standard error goes to the terminal.
///
/// # Errors
///
/// As [`run`], and when the output is not UTF-8.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| could_not_start(command, &error))?;
    if !output.status.success() {
        return Err(format!("`{}` failed ({})", shown(command), output.status));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("`{}` printed what is not UTF-8", shown(command)))
}

fn could_not_start(command: &Command, error: &std::io::Error) -> String {
    format!("`{}` could not be started: {error}", shown(command))
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command() {
        let error = run(&mut Command::new("no-such-program-anywhere")).unwrap_err();
        assert!(error.contains("`no-such-program-anywhere` could not be started"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_does_not_end_is_ended() {
        let error = run_within(Duration::from_millis(50), Command::new("sleep").arg("600")).unwrap_err();
        assert!(error.contains("`sleep 600` was not done"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn the_exit_code_decides() {
        assert_eq!(run(&mut Command::new("true")), Ok(()));
        assert!(run(&mut Command::new("false")).unwrap_err().contains("`false` failed"));
        assert_eq!(output(Command::new("echo").arg("x")), Ok("x\n".to_owned()));
    }
}
