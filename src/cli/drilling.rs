//! Running drills and showing what they found; `drill` and `quickstart` both do it.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{CommandError, CommandResult, Context, Kind};
use crate::{
    drill::{
        experiment::Experiment,
        loss::Ledger,
        result::{DrillResult, Verdict, seconds},
        run::{self, Drill, Progress, Settings},
        undo::UndoLog,
    },
    lab::{environment::LabEnvironment, launch::Launched},
    ui::{JsonLine, Table},
};

/// The name of a run, which sorts by time.
pub(super) fn new_run(context: &Context) -> String {
    context.random.ulid(context.clock.unix_ms()).to_string().to_lowercase()
}

/// Where the evidence of a run lies.
pub(super) fn evidence_folder(state: &Path, run: &str) -> PathBuf {
    state.join("drills").join(run)
}

/// Runs all variants of an experiment in a lab that the caller owns.
pub(super) async fn run_in(
    lab: &Launched,
    experiment: &Experiment,
    run: &str,
    context: &Context,
) -> Result<Vec<DrillResult>, CommandError> {
    let mut environment = LabEnvironment::of(lab.folder())?;
    run_variants(experiment, run, &mut environment, context).await
}

/// Runs all variants of an experiment.
pub(super) async fn run_variants(
    experiment: &Experiment,
    run: &str,
    environment: &mut LabEnvironment,
    context: &Context,
) -> Result<Vec<DrillResult>, CommandError> {
    let mut undo = UndoLog::open(&context.state_folder())?;
    let mut ledger = Ledger::default();
    let mut results = Vec::new();
    environment.settle(&context.interrupt).await?;
    for variant in &experiment.variants {
        context.ui.status(format!("{} ({})", experiment.title, variant.name));
        let ui = context.ui.clone();
        let mut listener = move |progress| ui.status(describe(&progress));
        let mut drill = Drill {
            environment,
            undo: &mut undo,
            clock: &context.clock,
            interrupt: &context.interrupt,
            listener: &mut listener,
            settings: Settings::default(),
        };
        results.push(drill.run(experiment, variant, run, &mut ledger).await?);
    }
    run::keep_evidence(&evidence_folder(&context.state_folder(), run), &results)?;
    Ok(results)
}

fn describe(progress: &Progress) -> String {
    match progress {
        Progress::MeasuringBefore => "  measuring how many pictures are confirmed before the fault".to_owned(),
        Progress::FaultMade { cloud } => format!("  cloud {cloud} is broken now"),
        Progress::PhaseOver(phase) => {
            format!("  {} after {:.2} s", phase.name, seconds(phase.ms.unwrap_or_default()))
        }
        Progress::JudgingLoss { acked } => {
            format!("  reading {acked} confirmed pictures from the clouds that are left")
        }
        Progress::CloudBack => "  the cloud is back; waiting until all stores hold the same".to_owned(),
        Progress::Converged => "  all stores hold the same pictures".to_owned(),
    }
}

#[derive(Serialize)]
struct ResultLine<'a> {
    #[serde(flatten)]
    result: &'a DrillResult,
}

impl JsonLine for ResultLine<'_> {
    const REASON: &'static str = "drill-result";
}

/// Prints results: a table for people, lines for programs.
pub(super) fn present(results: &[DrillResult], context: &Context) {
    for result in results {
        context.ui.json(&ResultLine { result });
        let mut table = Table::new(["phase (time after the fault)", "measured", "least possible", "objective"])
            .right(1)
            .right(2)
            .right(3);
        let last = result.phases.len().saturating_sub(1);
        for (index, phase) in result.phases.iter().enumerate() {
            let time =
                |ms: Option<u64>| ms.map_or_else(|| "not reached".to_owned(), |ms| format!("{:.2} s", seconds(ms)));
            let objective = if index == last { format!("{:.0} s", seconds(result.rto_ms)) } else { String::new() };
            table.row([phase.name.clone(), time(phase.ms), time(Some(phase.least_ms)), objective]);
        }
        context.ui.result(format!("\n{}: cloud {} of {}", result.scenario, result.cloud, result.environment));
        context.ui.result(&table);
        let loss = &result.loss;
        context.ui.result(format!(
            "Confirmed pictures lost: {} of {}; altered: {}; not yet confirmed, still on the cameras: {}.",
            loss.lost, loss.acked, loss.altered, loss.unknown
        ));
        if loss.lost > 0 {
            context.ui.result(format!(
                "The oldest lost one had been confirmed {} s before the fault; {} came back with the cloud.",
                loss.oldest_s, loss.recovered
            ));
        }
        context.ui.result(format!("Verdict: {}", result.verdict));
        for line in result.reasons.iter().chain(&result.notes) {
            context.ui.result(format!("  {line}"));
        }
    }
}

/// The exit code that results deserve: the worst of them.
pub(super) fn conclude(results: &[DrillResult]) -> CommandResult {
    let any = |verdict| results.iter().any(|result| result.verdict == verdict);
    if any(Verdict::Aborted) {
        Err(CommandError::already_said(Kind::Interrupted))
    } else if any(Verdict::Missed) {
        Err(CommandError::already_said(Kind::No))
    } else if any(Verdict::NoData) || any(Verdict::Inconclusive) || results.is_empty() {
        Err(CommandError::already_said(Kind::CouldNotJudge))
    } else {
        Ok(())
    }
}
