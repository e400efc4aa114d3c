//! moto, started on a free port.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use crate::support::{Running, TestDir, peers};

pub(crate) struct Moto {
    pub(crate) url: String,
    pub(crate) folder: TestDir,
    _running: Running,
}

/// Starts moto; `None` where it is not installed, which the test then says.
pub(crate) fn start() -> Option<Moto> {
    let program = peers::require("moto_server")?;
    let folder = TestDir::new();
    let mut command = folder.command(program);
    command.args(["-H", "127.0.0.1", "-p", "0"]);
    let running = folder.start(command);
    let begun = Instant::now();
    let url = loop {
        let written = format!("{}{}", running.stdout(), running.stderr());
        if let Some(found) = written.split("Running on ").nth(1).and_then(|rest| rest.lines().next()) {
            break found.trim().to_owned();
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "moto does not start: {written}");
        std::thread::sleep(Duration::from_millis(50));
    };
    Some(Moto { url, folder, _running: running })
}

impl Moto {
    /// `aws ARGUMENTS` against it, as JSON.
    pub(crate) fn aws(&self, arguments: &[&str]) -> Option<serde_json::Value> {
        let mut command: Command = self.folder.command(peers::require("aws")?);
        command.args(arguments).args(["--output", "json", "--region", "eu-central-1"]);
        command.env("AWS_ENDPOINT_URL", &self.url).env("AWS_ACCESS_KEY_ID", "AKIDFAKE");
        command.env("AWS_SECRET_ACCESS_KEY", "fake/secret+key");
        let output = self.folder.run_within(Duration::from_secs(120), command).expect_code(0);
        Some(serde_json::from_str(&output.stdout).unwrap_or(serde_json::Value::String(output.stdout)))
    }
}
