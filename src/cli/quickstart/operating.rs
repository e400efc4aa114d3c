//! What an operator does to a camera from afar, with the very commands that an operator gives.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::super::{CommandError, Context};
use crate::{
    lab::{
        boards::at_another_time,
        setup::{OPERATOR, PASSPHRASE_FILE},
        spec::Spec,
    },
    ui::Kind,
};

/// How long a camera has for what it is asked: an emulated board on a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(240);
/// From one look at what a camera reports to the next.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The operator of a lab.
pub(super) struct Operator<'c> {
    folder: PathBuf,
    executable: PathBuf,
    context: &'c Context,
}

impl<'c> Operator<'c> {
    pub(super) fn of(lab: &Path, context: &'c Context) -> Result<Self, CommandError> {
        // A secret's path counts from the operator's folder, and not from here.
        let folder = std::path::absolute(lab).map_err(|error| {
            CommandError::new(Kind::Failed, "the folder of the lab has no absolute path").because(error)
        })?;
        Ok(Self { folder, executable: context.executable()?, context })
    }

    /// Changes how often a camera reports, and waits until it reports that it does.
    pub(super) async fn change_config(&self, camera: &str) -> Result<(), CommandError> {
        // It enrols with its first words, and until then nobody knows it.
        let begun = Instant::now();
        while self.json(&["command", camera, "report"]).await.is_err() && begun.elapsed() < PATIENCE {
            self.context.pause(LOOK_EVERY).await?;
        }
        let pushed = self.json(&["config", "push", "--camera", camera, "--set", "report_every=10s"]).await?;
        let number = field(&pushed, "number").and_then(Value::as_u64);
        self.until(&["config", "show", "--camera", camera], "take its settings on", |lines| {
            number.is_some() && field(lines, "reported").and_then(|reported| reported["number"].as_u64()) == number
        })
        .await?;
        self.context.ui.status(format!("{camera} reports that it has the settings of version {}", number.unwrap_or(0)));
        Ok(())
    }

    /// Updates a board to its own firmware, marked as built at another time, and waits until it runs and has checked in.
    pub(super) async fn update(&self, board: &str, spec: &Spec) -> Result<(), CommandError> {
        let Some(boards) = &spec.boards else { return Ok(()) };
        let old = PathBuf::from(boards.firmware.to_string_lossy().replace("-full.bin", "-app.bin"));
        let failed = |what: &str| CommandError::new(Kind::Failed, what.to_owned());
        let image =
            std::fs::read(&old).map_err(|error| failed("the board's firmware cannot be read").because(error))?;
        let image = at_another_time(&image).ok_or_else(|| failed("the board's firmware is no image"))?;
        let new = self.folder.join("new-app.bin");
        std::fs::write(&new, image).map_err(|error| failed("the new firmware cannot be written").because(error))?;
        let passphrase = format!("file:{}", self.folder.join("secrets").join(PASSPHRASE_FILE).display());
        let (new, old) = (new.to_string_lossy(), old.to_string_lossy());
        let sign = ["release", "sign", "--board", "qemu-virt", &new, "--from", &old, "--passphrase", &passphrase];
        let signed = self.json(&sign).await?;
        let patch = field(&signed, "patches").and_then(|patches| patches[0]["bytes"].as_u64()).unwrap_or(0);
        let whole = field(&signed, "image_bytes").and_then(Value::as_u64).unwrap_or(0);
        self.json(&["release", "publish"]).await?;
        self.json(&["ota", "push", "--camera", board, "--board", "qemu-virt"]).await?;
        self.context
            .ui
            .status(format!("release 1 is signed and published: a patch of {patch} bytes for an image of {whole}"));
        self.until(&["ota", "status", "--camera", board], "run the release", |lines| {
            field(lines, "update").is_some_and(|update| update["state"] == "confirmed")
        })
        .await?;
        self.context.ui.status(format!("{board} has fetched it, started it, checked in with it, and keeps it"));
        Ok(())
    }

    /// Asks until the answer is as it should be.
    async fn until(
        &self,
        arguments: &[&str],
        what: &str,
        reached: impl Fn(&[Value]) -> bool,
    ) -> Result<(), CommandError> {
        let begun = Instant::now();
        while !reached(&self.json(arguments).await?) {
            if begun.elapsed() > PATIENCE {
                return Err(CommandError::new(
                    Kind::Failed,
                    format!("the camera did not {what} within {} s", PATIENCE.as_secs()),
                ));
            }
            self.context.pause(LOOK_EVERY).await?;
        }
        Ok(())
    }

    /// Runs a command as an operator does, and returns its lines.
    async fn json(&self, arguments: &[&str]) -> Result<Vec<Value>, CommandError> {
        let project = self.folder.join(OPERATOR);
        let common = [OsStr::new("--json"), OsStr::new("--yes"), OsStr::new("--project"), project.as_os_str()];
        let failed = || CommandError::new(Kind::Failed, format!("wildcam {} failed", arguments.join(" ")));
        let command = tokio::process::Command::new(&self.executable)
            .args(arguments)
            .args(common)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::select! {
            output = command => output.map_err(|error| failed().because(error))?,
            () = self.context.interrupt.cancelled() => {
                return Err(CommandError::new(Kind::Interrupted, "interrupted; the lab is taken down"));
            }
        };
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(failed().because(std::io::Error::other(said)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }
}

/// The first value of that name in the lines of an answer.
fn field<'v>(lines: &'v [Value], name: &str) -> Option<&'v Value> {
    lines.iter().find_map(|line| line.get(name)).filter(|value| !value.is_null())
}
