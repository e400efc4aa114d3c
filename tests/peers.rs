//! wildcam against programs that nobody here wrote.

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod support;

use std::time::Duration;

use support::{TestDir, peers};

/// A peer that is there also starts, in the clean environment that the tests give it.
#[track_caller]
fn assert_starts(executable: &str) {
    let Some(path) = peers::require(executable) else { return };
    let folder = TestDir::new();
    let mut command = folder.command(path);
    command.arg("--version");
    let output = folder.run_within(Duration::from_secs(60), command).expect_code(0);
    assert!(!output.stdout.trim().is_empty(), "{output:?}");
}

#[test]
fn schemathesis_starts() {
    assert_starts("schemathesis");
}

#[test]
fn chaos_toolkit_starts() {
    assert_starts("chaos");
}

#[test]
fn the_aws_client_starts() {
    assert_starts("aws");
}
