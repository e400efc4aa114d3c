//! `wildcam lab`: three small clouds on this machine.

use std::path::PathBuf;

use serde::Serialize;

use super::{CommandError, CommandResult, Context, Kind, flags::SpecArguments};
use crate::{
    lab::{
        Error,
        launch::{self, Life},
        remote::{LabState, SupervisorClient},
    },
    ui::{JsonLine, Table},
};

/// The arguments of `wildcam lab`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Bring the lab up; it stays up until `wildcam lab down`
    #[command(after_help = "Examples:\n  wildcam lab up\n  wildcam lab up --cameras 50 --upload-every 2s\n  \
                            wildcam lab up --zones 2 --copies 2\n  \
                            wildcam lab up --boards qemu-virt:3 --cameras 0")]
    Up(UpArguments),
    /// Take the lab down; its logs stay
    Down,
    /// What runs in the lab
    Status,
    /// What a process of the lab printed
    #[command(after_help = "Examples:\n  wildcam lab logs\n  wildcam lab logs gateway-a-r1-z1-1 --lines 50")]
    Logs(LogsArguments),
}

#[derive(clap::Args)]
struct UpArguments {
    #[command(flatten)]
    spec: SpecArguments,
}

#[derive(clap::Args)]
struct LogsArguments {
    /// The process; without it, the names are listed
    process: Option<String>,
    /// The last lines only
    #[arg(long, value_name = "N", default_value_t = 20)]
    lines: usize,
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    let folder = context.state_folder().join("lab");
    match &arguments.action {
        Action::Up(up) => bring_up(up, context, &folder).await,
        Action::Down => {
            let (client, file) = SupervisorClient::of(&folder)?;
            if client.down().await.is_ok() {
                wait_until_gone(&client).await;
            }
            // Only the file that said where the lab was: the logs stay.
            let _ = std::fs::remove_file(folder.join(crate::lab::remote::FILE));
            context.ui.result(format!("The lab is down (it was process {}).", file.pid));
            Ok(())
        }
        Action::Status => {
            let (client, _) = SupervisorClient::of(&folder)?;
            show(context, &client.state().await.map_err(|error| gone(error, &folder))?);
            Ok(())
        }
        Action::Logs(logs) => show_logs(logs, context, &folder),
    }
}

async fn bring_up(up: &UpArguments, context: &Context, folder: &std::path::Path) -> CommandResult {
    let spec = up.spec.spec(context)?;
    context.ui.status("Bringing up three clouds on this machine ...");
    let executable = context.executable()?;
    let lab = launch::launch(&spec, folder, &executable, Life::Detached, &context.interrupt).await?;
    let state = lab.client.state().await?;
    lab.leave_up();
    show(context, &state);
    context.ui.status(format!(
        "The lab is up in {}. `wildcam drill run cloud-outage --lab` uses it, `wildcam lab down` ends it.",
        folder.display()
    ));
    Ok(())
}

async fn wait_until_gone(client: &SupervisorClient) {
    for _ in 0..300 {
        if client.state().await.is_err() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

fn gone(error: Error, folder: &std::path::Path) -> CommandError {
    CommandError::new(Kind::Failed, format!("the lab in {} does not answer", folder.display()))
        .because(error)
        .next_step("wildcam lab down, then wildcam lab up")
}

#[derive(Serialize)]
struct StateLine<'a> {
    #[serde(flatten)]
    state: &'a LabState,
}

impl JsonLine for StateLine<'_> {
    const REASON: &'static str = "lab-state";
}

/// Shows what runs.
fn show(context: &Context, state: &LabState) {
    let mut table = Table::new(["process", "cloud", "state", "pid", "port", "restarts"]).right(3).right(4).right(5);
    for process in &state.processes {
        table.row([
            process.name.clone(),
            process.cloud.clone().unwrap_or_else(|| "-".to_owned()),
            if process.held { "down" } else { "up" }.to_owned(),
            process.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
            process.port.map_or_else(|| "-".to_owned(), |port| port.to_string()),
            process.restarts.to_string(),
        ]);
    }
    context.ui.result(&table);
    for fault in &state.faults {
        context.ui.result(format!(
            "Fault {} on cloud {}: {:?}; it ends by itself in {} s.",
            fault.id,
            fault.cloud,
            fault.fault,
            fault.lease_ms / 1000
        ));
    }
    context.ui.json(&StateLine { state });
}

fn show_logs(logs: &LogsArguments, context: &Context, folder: &std::path::Path) -> CommandResult {
    let directory = folder.join("logs");
    let unreadable = |path: PathBuf| {
        move |error: std::io::Error| {
            CommandError::new(Kind::Failed, format!("{} could not be read", path.display()))
                .because(error)
                .next_step("wildcam lab status")
        }
    };
    let Some(process) = &logs.process else {
        let mut names: Vec<String> = std::fs::read_dir(&directory)
            .map_err(unreadable(directory.clone()))?
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".log").map(str::to_owned))
            .collect();
        names.sort();
        names.iter().for_each(|name| context.ui.result(name));
        return Ok(());
    };
    if process.contains(['/', '\\']) {
        return Err(CommandError::new(Kind::Usage, format!("{process} is not the name of a process"))
            .next_step("wildcam lab logs"));
    }
    let path = directory.join(format!("{process}.log"));
    let text = std::fs::read_to_string(&path).map_err(unreadable(path))?;
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(logs.lines)..].iter().for_each(|line| context.ui.result(line));
    Ok(())
}

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        let step = match &error {
            Error::NotUp { .. } => "wildcam lab up",
            Error::AlreadyUp { .. } => "wildcam lab status, or wildcam lab down",
            Error::NotReady { .. } => "wildcam lab logs, and wildcam doctor",
            _ => "wildcam doctor",
        };
        let kind =
            if matches!(error, Error::NotUp { .. } | Error::AlreadyUp { .. }) { Kind::Guard } else { Kind::Failed };
        Self::of(kind, &error).next_step(step)
    }
}
