//! `wildcam drill`: break something on purpose and measure the recovery.

use std::{
    path::{Path, PathBuf},
    time::Duration as StdDuration,
};

use serde::Serialize;

use super::{
    CommandError, CommandResult, Context, Kind,
    drilling::{conclude, evidence_folder, new_run, present, run_in, run_variants},
    flags::SpecArguments,
};
use crate::{
    drill::{
        Error,
        environment::Environment,
        experiment::{BUILT_IN, Experiment, Fault},
        result::DrillResult,
        undo::{OpenFault, UndoLog},
    },
    lab::{
        environment::LabEnvironment,
        launch::{self, Life},
        remote::SupervisorClient,
    },
    project::Period,
    ui::{JsonLine, Table},
};

/// The arguments of `wildcam drill`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// The scenarios, and the faults that are still there
    List,
    /// Run a scenario and judge it
    #[command(after_help = "Examples:\n  wildcam drill run cloud-outage\n  \
                            wildcam drill run cloud-silent --lab --json\n  \
                            wildcam drill run cloud-outage --copies 1     a control: pictures are lost\n\n\
                            Exit codes: 0 met, 3 an objective was missed, 5 no data.")]
    Run(RunArguments),
    /// Make one fault in the lab that is up, and leave it there until its lease ends
    #[command(after_help = "Examples:\n  wildcam drill fault kill --cloud a --lease 2m\n  wildcam drill undo --all")]
    Fault(FaultArguments),
    /// Undo faults that a drill left behind
    #[command(after_help = "Examples:\n  wildcam drill undo --all")]
    Undo(UndoArguments),
    /// Show the result of a drill again
    #[command(after_help = "Examples:\n  wildcam drill report\n  wildcam drill report --html drill.html")]
    Report(ReportArguments),
}

#[derive(clap::Args)]
struct RunArguments {
    /// A scenario's name, or an experiment file
    scenario: String,
    /// Use the lab that is up, instead of one that lives as long as the drill
    #[arg(long)]
    lab: bool,
    #[command(flatten)]
    spec: SpecArguments,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum FaultKind {
    Kill,
    SilentBeforeHandshake,
    SilentAfterHandshake,
    Slow,
    Corrupt,
}

#[derive(clap::Args)]
struct FaultArguments {
    /// What to do
    kind: FaultKind,
    /// To which cloud; the one with the most traffic when it is not said
    #[arg(long, value_name = "NAME")]
    cloud: Option<String>,
    /// After this time the fault ends by itself
    #[arg(long, value_name = "TIME", default_value = "60s")]
    lease: Period,
}

#[derive(clap::Args)]
#[group(required = true)]
struct UndoArguments {
    /// Every fault that is recorded
    #[arg(long)]
    all: bool,
    /// One fault
    #[arg(value_name = "FAULT")]
    fault: Option<String>,
}

#[derive(clap::Args)]
struct ReportArguments {
    /// The run; the newest when it is not said
    run: Option<String>,
    /// Write the report as one HTML file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    match &arguments.action {
        Action::List => list(context),
        Action::Run(run) => run_scenario(run, context).await,
        Action::Fault(fault) => make_fault(fault, context).await,
        Action::Undo(undo) => undo_faults(undo, context).await,
        Action::Report(report) => show_report(report, context),
    }
}

#[derive(Serialize)]
struct ScenarioLine<'a> {
    scenario: &'a str,
    title: &'a str,
    description: &'a str,
    rto_s: u64,
    rpo_s: u64,
}

impl JsonLine for ScenarioLine<'_> {
    const REASON: &'static str = "drill-scenario";
}

fn list(context: &Context) -> CommandResult {
    let mut table = Table::new(["scenario", "what happens", "recovery time objective", "loss allowed"]).right(2);
    for (name, text) in BUILT_IN {
        let experiment = Experiment::parse(name, text)?;
        let objectives = experiment.objectives;
        let loss = if objectives.rpo_s == 0 { "none".to_owned() } else { format!("{} s", objectives.rpo_s) };
        table.row([name.to_owned(), experiment.title.clone(), format!("{} s", objectives.rto_s), loss]);
        context.ui.json(&ScenarioLine {
            scenario: name,
            title: &experiment.title,
            description: &experiment.description,
            rto_s: objectives.rto_s,
            rpo_s: objectives.rpo_s,
        });
    }
    context.ui.result(&table);
    for fault in UndoLog::peek(&context.state_folder())? {
        context
            .ui
            .warn(format!("fault {} on cloud {} may still be there: wildcam drill undo --all", fault.id, fault.cloud));
    }
    Ok(())
}

async fn run_scenario(arguments: &RunArguments, context: &Context) -> CommandResult {
    let experiment = Experiment::load(&arguments.scenario)?;
    let run = new_run(context);
    let state = context.state_folder();
    let results = if arguments.lab {
        let mut environment = LabEnvironment::of(&state.join("lab"))?;
        run_variants(&experiment, &run, &mut environment, context).await
    } else {
        context.ui.status("Bringing up a lab of three clouds for this drill ...");
        let folder = state.join("drills").join(&run).join("lab");
        let executable = context.executable()?;
        let spec = arguments.spec.spec(context)?;
        let lab = launch::launch(&spec, &folder, &executable, Life::Tied, &context.interrupt).await?;
        let results = run_in(&lab, &experiment, &run, context).await;
        context.ui.status("Taking the lab down ...");
        lab.down().await;
        results
    }?;
    present(&results, context);
    context.ui.status(format!("Evidence: {}", evidence_folder(&state, &run).display()));
    conclude(&results)
}

async fn make_fault(arguments: &FaultArguments, context: &Context) -> CommandResult {
    let mut environment = LabEnvironment::of(&context.state_folder().join("lab"))?;
    let fault = match arguments.kind {
        FaultKind::Kill => Fault::Kill,
        FaultKind::SilentBeforeHandshake => Fault::SilentBeforeHandshake,
        FaultKind::SilentAfterHandshake => Fault::SilentAfterHandshake,
        FaultKind::Slow => Fault::Slow { latency_ms: 6_000, bytes_per_s: 16_000 },
        FaultKind::Corrupt => Fault::Corrupt { probability: 0.5 },
    };
    let facts = environment.facts();
    let heaviest = || facts.clouds.iter().rev().max_by_key(|cloud| cloud.weight).map(|cloud| cloud.name.clone());
    let cloud = arguments.cloud.clone().or_else(heaviest).unwrap_or_default();
    let id = format!("fault-{}", new_run(context));
    let mut undo = UndoLog::open(&context.state_folder())?;
    undo.before(OpenFault {
        id: id.clone(),
        environment: environment.address(),
        cloud: cloud.clone(),
        fault,
        at: context.clock.timestamp(),
    })?;
    if let Err(error) = environment.inject(&id, &cloud, fault, arguments.lease.get()).await {
        environment.undo(&id).await?;
        undo.undone(&id)?;
        return Err(error.into());
    }
    context.ui.result(format!("Cloud {cloud} is broken as fault {id}. `wildcam drill undo {id}` ends it."));
    Ok(())
}

#[derive(Serialize)]
struct UndoneLine<'a> {
    fault: &'a str,
    cloud: &'a str,
    how: &'a str,
}

impl JsonLine for UndoneLine<'_> {
    const REASON: &'static str = "fault-undone";
}

async fn undo_faults(arguments: &UndoArguments, context: &Context) -> CommandResult {
    let mut undo = UndoLog::open(&context.state_folder())?;
    let open = undo.open_faults()?;
    let wanted: Vec<OpenFault> = match &arguments.fault {
        Some(id) => open.into_iter().filter(|fault| &fault.id == id).collect(),
        None => open,
    };
    if wanted.is_empty() {
        if let (Some(id), false) = (&arguments.fault, arguments.all) {
            return Err(CommandError::new(Kind::Usage, format!("no fault {id} is recorded as open"))
                .next_step("wildcam drill list"));
        }
        context.ui.result("No fault is recorded as open.");
    }
    for fault in wanted {
        let how = undo_one(&fault).await?;
        undo.undone(&fault.id)?;
        context.ui.result(format!("Fault {} on cloud {}: {how}.", fault.id, fault.cloud));
        context.ui.json(&UndoneLine { fault: &fault.id, cloud: &fault.cloud, how });
    }
    Ok(())
}

/// Undoes one fault. A lab that is gone took its faults with it: its processes end with their supervisor.
async fn undo_one(fault: &OpenFault) -> Result<&'static str, CommandError> {
    const GONE: &str = "its lab is gone, and the fault with it";
    let folder = Path::new(&fault.environment);
    let Ok((client, _)) = SupervisorClient::of(folder) else { return Ok(GONE) };
    let Err(error) = client.undo(&fault.id).await else { return Ok("undone") };
    // A lab that belonged to a killed drill is going down at this moment, perhaps.
    for _ in 0..100 {
        if client.state().await.is_err() {
            let _ = std::fs::remove_file(folder.join(crate::lab::remote::FILE));
            return Ok(GONE);
        }
        tokio::time::sleep(StdDuration::from_millis(100)).await;
    }
    Err(error.into())
}

fn show_report(arguments: &ReportArguments, context: &Context) -> CommandResult {
    let folder = context.state_folder().join("drills");
    let none = || {
        CommandError::new(Kind::CouldNotJudge, format!("there is no drill result in {}", folder.display()))
            .next_step("wildcam drill run cloud-outage")
    };
    let run = match &arguments.run {
        Some(run) if run.contains(['/', '\\', '.']) => {
            return Err(CommandError::new(Kind::Usage, format!("{run} is not the name of a run")));
        }
        Some(run) => run.clone(),
        None => std::fs::read_dir(&folder)
            .map_err(|_| none())?
            .filter_map(|entry| {
                let entry = entry.ok()?;
                entry.path().join("result.json").exists().then(|| entry.file_name().into_string().ok())?
            })
            .max()
            .ok_or_else(none)?,
    };
    let path = evidence_folder(&context.state_folder(), &run).join("result.json");
    let unreadable = |error: Box<dyn std::error::Error + Send + Sync>| {
        CommandError::new(Kind::Failed, format!("{} could not be read", path.display()))
            .because(error)
            .next_step("wildcam drill list")
    };
    let text = std::fs::read(&path).map_err(|error| unreadable(error.into()))?;
    let results: Vec<DrillResult> = serde_json::from_slice(&text).map_err(|error| unreadable(error.into()))?;
    present(&results, context);
    if let Some(file) = &arguments.html {
        let page = crate::drill::report::html(&results);
        crate::journal::atomic::write(file, page.as_bytes()).map_err(|error| CommandError::of(Kind::Failed, &error))?;
        context.ui.status(format!("Written: {}", file.display()));
    }
    Ok(())
}

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        let (kind, step) = match &error {
            Error::UnknownScenario { nearest, .. } => (Kind::Usage, format!("wildcam drill run {nearest}")),
            Error::Experiment { .. } | Error::NoExtension { .. } => (Kind::Usage, "wildcam drill list".to_owned()),
            Error::UnknownCloud { .. } => (Kind::Usage, "wildcam lab status".to_owned()),
            Error::Interrupted => (Kind::Interrupted, "run it again when you like".to_owned()),
            Error::File { .. } | Error::Environment { .. } | Error::Records(_) => {
                (Kind::Failed, "wildcam drill undo --all, and wildcam doctor".to_owned())
            }
        };
        Self::of(kind, &error).next_step(step)
    }
}
