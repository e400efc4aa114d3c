//! `wildcam status`: what runs, and how it is.

use serde::Serialize;

use super::{CommandError, CommandResult, Context, Kind};
use crate::{
    drill::undo::UndoLog,
    lab::{
        environment::{CloudHealth, LabEnvironment},
        remote::SupervisorClient,
    },
    project::Project,
    ui::{JsonLine, Table},
};

/// The arguments of `wildcam status`.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  wildcam status\n  wildcam status --exit-code    3 when a cloud does not answer")]
pub(super) struct Arguments {
    /// Exit with 3 when a cloud does not answer
    #[arg(long)]
    exit_code: bool,
}

#[derive(Serialize)]
struct StatusLine<'a> {
    environment: &'a str,
    clouds: &'a [CloudHealth],
    answers: &'a [String],
    open_faults: usize,
}

impl JsonLine for StatusLine<'_> {
    const REASON: &'static str = "status";
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    let folder = context.state_folder().join("lab");
    let up = match SupervisorClient::of(&folder) {
        Ok((client, _)) => client.state().await.is_ok(),
        Err(_) => false,
    };
    for warning in project_warnings(context) {
        context.ui.warn(warning);
    }
    if !up {
        context.ui.result("No lab is up here.");
        context.ui.status("next: wildcam quickstart, or wildcam lab up; what was deployed is under wildcam state show");
        return if arguments.exit_code { Err(CommandError::already_said(Kind::No)) } else { Ok(()) };
    }
    let mut environment = LabEnvironment::of(&folder)?;
    let clouds = environment.health().await;
    let answers = crate::drill::environment::Environment::answers(&mut environment).await;
    let open_faults = UndoLog::peek(&context.state_folder())?.len();
    let mut table =
        Table::new(["cloud", "gateways that answer", "waiting to be copied", "in the public name"]).right(2);
    for cloud in &clouds {
        table.row([
            cloud.name.clone(),
            format!("{} of {}", cloud.answering, cloud.gateways),
            cloud.heal_pending.map_or_else(|| "-".to_owned(), |count| count.to_string()),
            if answers.contains(&cloud.name) { "yes" } else { "no" }.to_owned(),
        ]);
    }
    context.ui.result(&table);
    if open_faults > 0 {
        context.ui.warn(format!("{open_faults} faults are recorded as open: wildcam drill undo --all"));
    }
    context.ui.json(&StatusLine { environment: "lab", clouds: &clouds, answers: &answers, open_faults });
    let all_well = clouds.iter().all(|cloud| cloud.answering == cloud.gateways);
    if arguments.exit_code && !all_well { Err(CommandError::already_said(Kind::No)) } else { Ok(()) }
}

/// What the project file warns of, such as one store without protection. A broken file is `doctor`'s business.
fn project_warnings(context: &Context) -> Vec<String> {
    let folder = context.project.clone().unwrap_or_default();
    let project = Project::load(&folder, context.env.as_deref());
    project.map(|project| project.warnings.into_iter().map(|warning| warning.message).collect()).unwrap_or_default()
}
