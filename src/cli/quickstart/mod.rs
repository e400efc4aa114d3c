//! `wildcam quickstart`: the whole of wildcam once, on this machine, without an account.

use std::{collections::BTreeSet, path::Path, time::Duration};

use tokio_util::sync::CancellationToken;

mod operating;

use super::{
    CommandError, CommandResult, Context,
    deploying::{self, ScopeArguments, apply_error},
    drilling::{conclude, evidence_folder, new_run, present, run_in},
    flags,
};
use operating::Operator;

use crate::{
    deploy::{
        apply::{self, Ending},
        compare::Purpose,
        graph::Graph,
        site::Site,
    },
    drill::experiment::Experiment,
    lab::{
        launch::{self, Launched, Life},
        load::Uploader,
        pictures::Picture,
        practice::Practice,
        spec::Spec,
    },
    project::Project,
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
    let say = |step: &str, alone: &str| context.ui.status(format!("{step}\n      alone: {alone}"));

    deploy_and_destroy(&folder.join("practice"), &say, context).await?;

    let mut spec = Spec::three_clouds(1, 1, 1);
    spec.boards = match flags::emulated(flags::EmulatedBoards { count: 1, cards: false }, context) {
        Ok(boards) => Some(boards),
        Err(missing) => {
            context.ui.status(format!("No emulated board takes part: {}", missing.in_one_line()));
            None
        }
    };
    say("4/10  Three small clouds start on this machine: stores, gateways, links, a DNS server.", "wildcam lab up");
    let executable = context.executable()?;
    let lab = launch::launch(&spec, &folder.join("lab"), &executable, Life::Tied, &context.interrupt).await?;
    say(
        &format!("5/10  {} register, and send pictures.", senders(&spec)),
        "wildcam lab up --cameras 20 --boards qemu-virt:1, and wildcam lab status",
    );
    let work = async {
        operate(&folder.join("lab"), &spec, &say, context).await?;
        say(
            "8/10  A whole cloud is killed while they send, and everything is measured.",
            &format!("wildcam drill run {SCENARIO}"),
        );
        practise(&lab, &run, context).await
    };
    let results = work.await;
    say("9/10  Everything is taken down.", "wildcam lab down");
    lab.down().await;
    let results = results?;

    say("10/10 The result.", "wildcam drill report");
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

/// What an operator does from afar.
async fn operate(folder: &Path, spec: &Spec, say: &impl Fn(&str, &str), context: &Context) -> CommandResult {
    let operator = Operator::of(folder, context)?;
    let camera = if spec.boards.is_some() { "board-001" } else { "cam-001" };
    say(
        "6/10  The operator changes its config: a report every 10 seconds. It is tried, and kept once a report came through.",
        &format!("wildcam config push --camera {camera} --set report_every=10s"),
    );
    operator.change_config(camera).await?;
    say(
        "7/10  The operator updates a camera: by a patch, on trial, and with a way back.",
        &format!("wildcam release sign, wildcam release publish, and wildcam ota push --camera {camera}"),
    );
    if spec.boards.is_some() {
        operator.update(camera, spec).await
    } else {
        context.ui.status("left out: virtual cameras have no firmware, and no emulated board takes part");
        Ok(())
    }
}

fn senders(spec: &Spec) -> String {
    let cameras = spec.cameras.count;
    match &spec.boards {
        Some(boards) => {
            format!("{cameras} virtual cameras, and {} emulated board with the real firmware,", boards.count)
        }
        None => format!("{cameras} virtual cameras"),
    }
}

/// A small project is planned, deployed, used and destroyed. Whatever comes of it, its gateways are ended.
async fn deploy_and_destroy(folder: &Path, say: &impl Fn(&str, &str), context: &Context) -> CommandResult {
    say("1/10  What a deploy would make in three clouds that are folders here.", "wildcam plan");
    let practice = Practice::write(folder, &context.clock)?;
    let project = Project::load(folder, None)
        .map_err(|error| CommandError::from_report(Kind::Failed, miette::Report::new(error)))?;
    let graph = deploying::graph(&project)?;
    let site = deploying::open(project, &ScopeArguments::default(), context).await?;
    let used = deploy_and_use(&site, &graph, &practice, say, context).await;
    // Also after Ctrl-C: nothing of it may stay.
    let destroyed = destroy(&site, context).await;
    used?;
    destroyed
}

async fn deploy_and_use(
    site: &Site,
    graph: &Graph,
    practice: &Practice,
    say: &impl Fn(&str, &str),
    context: &Context,
) -> CommandResult {
    let scope = ScopeArguments::default();
    let plan = deploying::plan(site, graph, &scope, Purpose::Deploy, context).await?;
    deploying::show(&plan, context);
    say("2/10  It is made, and a second look finds nothing to do.", "wildcam deploy");
    let outcome = apply::run(site, plan, &BTreeSet::new(), &context.interrupt).await;
    deploying::conclude(&outcome.map_err(|error| apply_error(&error))?, context)?;
    let again = deploying::plan(site, graph, &scope, Purpose::Deploy, context).await?;
    deploying::show(&again, context);
    if !again.changes.is_empty() {
        return Err(CommandError::new(Kind::Failed, "what was just made is not as it was asked for"));
    }
    say(
        "3/10  A camera sends a signed picture to the first gateway, which stores it in two clouds; then all of it goes.",
        "wildcam detections list, and wildcam destroy",
    );
    let fault = |error: Box<dyn std::error::Error + Send + Sync>| {
        CommandError::new(Kind::Failed, "the gateway that was deployed did not take and give back a picture")
            .because(error)
    };
    let uploader = Uploader::enrol_at(&practice.gateways[0], &practice.authority, &practice.signer, 1).await?;
    let picture = Picture::of_size(&context.random, 60_000, false).map_err(|error| fault(error.into()))?;
    let sent = uploader.upload(0, &picture).await.map_err(fault)?;
    if !uploader.is_held(&sent, &practice.signer).await.map_err(fault)? {
        return Err(CommandError::new(Kind::Failed, "the picture came back altered"));
    }
    context.ui.status(format!("the picture {} was acknowledged and came back as it was", sent.ulid));
    Ok(())
}

/// How long Ctrl-C leaves for taking the practice project down.
const DESTROYING: Duration = Duration::from_secs(60);

async fn destroy(site: &Site, context: &Context) -> CommandResult {
    let never = CancellationToken::new();
    let work = async {
        let stored = site.shelf.read().await.map_err(|error| deploying::shelf_error(&error))?;
        // Its data is one test picture.
        let data_may_go = stored.state.resources.keys().cloned().collect();
        let (graph, scope) = (Graph::default(), ScopeArguments::default());
        let plan = deploying::plan_for(&stored.state, site, &graph, &scope, Purpose::Destroy, &never).await?;
        apply::destroy(site, plan, &data_may_go, &never).await.map_err(|error| apply_error(&error))
    };
    let outcome = tokio::time::timeout(DESTROYING, work)
        .await
        .map_err(|_| CommandError::new(Kind::Failed, "the practice project could not be taken down in a minute"))??;
    if outcome.ending == Ending::Complete {
        context.ui.status(format!("{} resources are deleted, and the state with them", outcome.done.len()));
        return Ok(());
    }
    deploying::conclude(&outcome, context)
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
