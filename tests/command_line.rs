//! What every command line has in common: version, help, and the exit code of a wrong one.

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod support;

use support::TestDir;

#[test]
fn the_version_is_that_of_the_package() {
    let output = TestDir::new().run(&["--version"]).expect_code(0);
    assert_eq!(output.stdout, concat!("wildcam ", env!("CARGO_PKG_VERSION"), "\n"));
    assert_eq!(output.stderr, "");
}

#[test]
fn help_is_an_answer_on_standard_output() {
    let output = TestDir::new().run(&["--help"]).expect_code(0);
    assert!(output.stdout.contains("Usage: wildcam"), "{output:?}");
    assert!(!output.stdout.contains("process"), "the lab's own command is hidden: {output:?}");
    assert_eq!(output.stderr, "");
}

#[test]
fn a_wrong_command_line_exits_2_and_keeps_standard_output_empty() {
    for arguments in [&["nonsense"][..], &["--nonsense"], &[]] {
        let output = TestDir::new().run(arguments).expect_code(2);
        assert_eq!(output.stdout, "");
        assert!(output.stderr.contains("Usage: wildcam"), "{output:?}");
    }
}

/// The fixture itself: what a test leaves running is found, and gone when the test is.
#[cfg(target_os = "linux")]
#[test]
fn what_a_test_started_ends_with_it() {
    let folder = TestDir::new();
    let mut shell = folder.command("/bin/sh");
    shell.args(["-c", "sleep 600 & exec sleep 600"]);
    let running = folder.start(shell);
    // A process that is about to become another program has no environment for a moment, and cannot be told as ours.
    let sleeps = |process: &u32| {
        std::fs::read_to_string(format!("/proc/{process}/comm")).is_ok_and(|name| name.trim() == "sleep")
    };
    let mut processes = folder.processes();
    while processes.len() < 2 || !processes.iter().all(sleeps) {
        std::thread::sleep(std::time::Duration::from_millis(5));
        processes = folder.processes();
    }
    assert!(processes.contains(&running.id()));
    drop(running);
    drop(folder);
    for process in processes {
        let state = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        assert!(state.is_empty() || state.contains(") Z "), "process {process} is still there: {state}");
    }
}
