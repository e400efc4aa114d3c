//! `wildcam quickstart`: the whole of wildcam once, on this machine, without an account.

use super::{
    CommandError, CommandResult, Context,
    drilling::{conclude, evidence_folder, new_run, present, run_in},
};
use crate::{
    drill::experiment::Experiment,
    lab::{
        launch::{self, Launched, Life},
        spec::Spec,
    },
    ui::Kind,
};

/// The arguments of `wildcam quickstart`.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  wildcam quickstart\n  wildcam quickstart --json")]
pub(super) struct Arguments {}

const SCENARIO: &str = "cloud-outage";

pub(super) async fn run(_arguments: &Arguments, context: &Context) -> CommandResult {
    let run = new_run(context);
    let folder = evidence_folder(&context.state_folder(), &run);
    let spec = Spec::three_clouds(1, 1, 1);
    let say = |step: &str, alone: &str| context.ui.status(format!("{step}\n      alone: {alone}"));

    say("1/5   Three small clouds start on this machine: stores, gateways, links, a DNS server.", "wildcam lab up");
    let executable = context.executable()?;
    let lab = launch::launch(&spec, &folder.join("lab"), &executable, Life::Tied, &context.interrupt).await?;
    say(
        &format!("2/5   {} virtual cameras register, and send pictures.", spec.cameras.count),
        "wildcam lab up --cameras 20, and wildcam lab status",
    );
    say(
        "3/5   A whole cloud is killed while they send, and everything is measured.",
        &format!("wildcam drill run {SCENARIO}"),
    );
    let results = practise(&lab, &run, context).await;
    say("4/5   Everything is taken down.", "wildcam lab down");
    lab.down().await;
    let results = results?;

    say("5/5   The result.", "wildcam drill report");
    present(&results, context);
    let report = folder.join("report.html");
    context.ui.result(format!("\nThe report with the timeline: {}", report.display()));
    context.ui.result(
        "\nWhat next:\n  \
         with real clouds or servers of your own   wildcam init --clouds custom   then edit wildcam.toml\n  \
         with more faults                          wildcam drill list\n  \
         with an auditor                           wildcam drill report --html drill.html",
    );
    conclude(&results)
}

async fn practise(
    lab: &Launched,
    run: &str,
    context: &Context,
) -> Result<Vec<crate::drill::result::DrillResult>, CommandError> {
    let experiment = Experiment::load(SCENARIO)?;
    if context.interrupt.is_cancelled() {
        return Err(CommandError::new(Kind::Interrupted, "interrupted; the lab is taken down"));
    }
    run_in(lab, &experiment, run, context).await
}
