//! `wildcam deploy`.

use std::path::PathBuf;

use super::{
    CommandError, CommandResult, Context, Kind,
    deploying::{self, ConsentArguments, ScopeArguments},
};
use crate::deploy::{
    apply::{Ending, Outcome, Run},
    compare::Purpose,
    graph::Graph,
    plan::Action,
    site::Site,
};

const EXAMPLES: &str = "Examples:
  wildcam deploy                     shows the plan, asks, and does it
  wildcam deploy --dry-run           shows the plan and stops
  wildcam deploy --yes               in CI: asks nothing, and loses nothing that is not named
  wildcam deploy today.plan          exactly what wildcam plan -o saved
  wildcam deploy --without gcp       while a cloud is down
  wildcam deploy --allow-data-loss aws/storage/pictures

A deploy that was interrupted or killed is gone on with by the next one; nothing is made twice.";

/// How often a deploy plans again after it followed what an earlier run had begun.
const ROUNDS: usize = 3;

/// The arguments of `wildcam deploy`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// A plan that `wildcam plan -o FILE` saved; without it one is made
    #[arg(value_name = "PLAN")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    scope: ScopeArguments,
    #[command(flatten)]
    consent: ConsentArguments,
    /// Show the plan and stop
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    context.ui.status("reading wildcam.toml and the templates");
    let project = deploying::project(context)?;
    if let Some(path) = &arguments.plan {
        if !arguments.scope.only.is_empty() {
            return Err(CommandError::new(
                Kind::Usage,
                "a saved plan is applied whole: --only belongs to wildcam plan",
            ));
        }
        // Before the plan is shown: a wrong name would be found out only when it is applied.
        deploying::known_clouds(&project, &arguments.scope)?;
        let plan = deploying::read_plan(path)?;
        let mut scope = arguments.scope.clone();
        if scope.without.is_empty() {
            scope.without = plan.without.iter().cloned().collect();
        }
        deploying::show(&plan, context);
        deploying::guard(&plan, &arguments.consent)?;
        if arguments.dry_run {
            return Ok(());
        }
        let site = deploying::open(project, &scope, context).await?;
        // Whoever saved the plan has read it: consent was given by naming the file.
        let outcome = deploying::apply(&site, plan, &arguments.consent, context).await?;
        return deploying::conclude(&outcome, context);
    }
    let graph = deploying::graph(&project)?;
    let site = deploying::open(project, &arguments.scope, context).await?;
    if context.ui.says_yes() && !arguments.dry_run {
        let run = deploying::begin(&site, context).await?;
        let came = at_once(&run, &site, &graph, arguments, context).await;
        return deploying::conclude(&deploying::end(run, came).await?, context);
    }
    for round in 1..=ROUNDS {
        let plan = deploying::plan(&site, &graph, &arguments.scope, Purpose::Deploy, context).await?;
        deploying::show(&plan, context);
        if plan.changes.is_empty() {
            return Ok(());
        }
        deploying::guard(&plan, &arguments.consent)?;
        if arguments.dry_run {
            return Ok(());
        }
        deploying::ask(&plan, context)?;
        // What was begun before shows only at its end what is still to be done.
        let again = plan.changes.iter().any(|change| matches!(change.action, Action::Resume));
        let outcome = deploying::apply(&site, plan, &arguments.consent, context).await?;
        if !again || outcome.ending != Ending::Complete || round == ROUNDS {
            return deploying::conclude(&outcome, context);
        }
        context.ui.status("what an earlier run had begun is at its end; looking again");
    }
    Ok(())
}

/// Everything under one lease: nobody is asked, so it is held for no longer than the work takes, nothing moves between the
/// look and the deed, and a second deploy waits for its turn.
async fn at_once(
    run: &Run<'_>,
    site: &Site,
    graph: &Graph,
    arguments: &Arguments,
    context: &Context,
) -> Result<Outcome, CommandError> {
    let mut outcome = deploying::resume(run, context).await?;
    // Where the end of something is not known yet the rest need not wait: the plan has it once more.
    for _ in 0..ROUNDS {
        if matches!(outcome.ending, Ending::Interrupted | Ending::Credentials) {
            break;
        }
        let state = run.state();
        let plan = deploying::plan_from(site, graph, &state, &arguments.scope, Purpose::Deploy, context).await?;
        let again = plan.changes.iter().any(|change| matches!(change.action, Action::Resume));
        deploying::show(&plan, context);
        if plan.changes.is_empty() && state.leftovers.is_empty() {
            // What failed on the way to its end stands by now as it should.
            outcome = Outcome { ending: Ending::Complete, failed: Vec::new(), skipped: Vec::new(), ..outcome };
            break;
        }
        deploying::guard(&plan, &arguments.consent)?;
        let next = deploying::apply_under(run, &plan, &arguments.consent, context).await?;
        outcome.done.extend(next.done);
        outcome = Outcome { done: outcome.done, ..next };
        if !again || outcome.ending != Ending::Complete {
            break;
        }
    }
    Ok(outcome)
}
