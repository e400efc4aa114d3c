//! What `deploy` and `destroy` share: look, plan, show, ask and apply, until nothing is left to do.

use super::{
    CommandError, CommandResult, Context,
    deploying::{self, ConsentArguments, ScopeArguments, apply_error},
};
use crate::deploy::{
    apply::{self, Ending, Outcome, Run},
    compare::Purpose,
    graph::Graph,
    plan::{Action, Plan},
    site::Site,
};

/// How often a run plans again after it followed what an earlier run had begun.
const ROUNDS: usize = 4;

/// What is to be done, and what was said about it on the command line.
pub(super) struct Work<'a> {
    pub(super) site: &'a Site,
    pub(super) graph: &'a Graph,
    pub(super) purpose: Purpose,
    pub(super) scope: &'a ScopeArguments,
    pub(super) consent: &'a ConsentArguments,
    pub(super) dry_run: bool,
}

/// Plans, shows, asks and applies. The lease is not held while a person reads: a state that has moved meanwhile is
/// refused, or with `--yes`, where nobody read, planned for anew.
pub(super) async fn run(work: &Work<'_>, context: &Context) -> CommandResult {
    for round in 1..=ROUNDS {
        let plan = deploying::plan(work.site, work.graph, work.scope, work.purpose, context).await?;
        deploying::show(&plan, context);
        if work.dry_run {
            deploying::warn_of_guard(&plan, work.consent, context);
            return Ok(());
        }
        if plan.changes.is_empty() {
            return nothing(work, context).await;
        }
        deploying::guard(&plan, work.consent)?;
        deploying::ask(&plan, context)?;
        // What was begun before shows only at its end what is still to be done.
        let again = follows(&plan) && round < ROUNDS;
        let outcome = under_lease(work, plan, context).await?;
        if !again || context.ui.says_yes() || outcome.ending != Ending::Complete {
            return deploying::conclude(&outcome, context);
        }
        context.ui.status("what an earlier run had begun is at its end; looking again");
    }
    Ok(())
}

/// Applies a plan that was saved, and nothing else.
pub(super) async fn saved(site: &Site, plan: Plan, consent: &ConsentArguments, context: &Context) -> CommandResult {
    let outcome = apply::run(site, plan, &consent.data_may_go(), &context.interrupt).await;
    deploying::conclude(&outcome.map_err(|error| apply_error(&error))?, context)
}

/// Nothing is to be done to resources. The places of a state that a destroy emptied may be left.
async fn nothing(work: &Work<'_>, context: &Context) -> CommandResult {
    if work.purpose == Purpose::Destroy {
        let removed = apply::remove(work.site).await.map_err(|error| apply_error(&error))?;
        for place in removed.iter().flatten() {
            context.ui.result(format_args!("The state is gone too: {place}"));
        }
    }
    Ok(())
}

fn follows(plan: &Plan) -> bool {
    plan.changes.iter().any(|change| matches!(change.action, Action::Resume))
}

async fn under_lease(work: &Work<'_>, plan: Plan, context: &Context) -> Result<Outcome, CommandError> {
    let note = if work.purpose == Purpose::Destroy { "a destroy" } else { "a deploy" };
    let run = Run::begin(work.site, note, &context.interrupt).await.map_err(|error| apply_error(&error))?;
    match rounds(&run, work, plan, context).await {
        Ok(outcome) if work.purpose == Purpose::Destroy && outcome.ending == Ending::Complete => {
            let removed = run.end_for_good().await.map_err(|error| apply_error(&error))?;
            Ok(Outcome { removed, ..outcome })
        }
        other => {
            let ended = run.end().await;
            let outcome = other?;
            Ok(Outcome { serial: ended.map_err(|error| apply_error(&error))?.serial, ..outcome })
        }
    }
}

/// Applies the plan. With `--yes` it is made again where the state has moved since, and after everything that was begun
/// before has come to its end: nobody need be asked, and what may be lost is guarded each time.
async fn rounds(run: &Run<'_>, work: &Work<'_>, plan: Plan, context: &Context) -> Result<Outcome, CommandError> {
    let data_may_go = work.consent.data_may_go();
    let mut plan = plan;
    if context.ui.says_yes() && !run.fits(&plan) {
        context.ui.status("somebody else has deployed meanwhile; looking again");
        plan = plan_again(run, work, context).await?;
        if plan.changes.is_empty() {
            return Ok(Outcome::of_nothing(plan.state_serial));
        }
    }
    let mut before = Vec::new();
    let mut round = 1;
    loop {
        let outcome = if work.purpose == Purpose::Destroy {
            run.destroy(&plan, &data_may_go, &context.interrupt).await
        } else {
            run.apply(&plan, &data_may_go, &context.interrupt).await
        };
        let mut outcome = outcome.map_err(|error| apply_error(&error))?;
        before.append(&mut outcome.done);
        let goes_on = matches!(outcome.ending, Ending::Complete | Ending::Incomplete);
        if !(follows(&plan) && goes_on && round < ROUNDS && context.ui.says_yes()) {
            return Ok(Outcome { done: before, ..outcome });
        }
        round += 1;
        context.ui.status("what an earlier run had begun was followed as far as it goes; looking again");
        plan = plan_again(run, work, context).await?;
        if plan.changes.is_empty() {
            // What failed on the way to its end stands by now as it should.
            let (failed, skipped) = (Vec::new(), Vec::new());
            return Ok(Outcome { ending: Ending::Complete, done: before, failed, skipped, ..outcome });
        }
    }
}

async fn plan_again(run: &Run<'_>, work: &Work<'_>, context: &Context) -> Result<Plan, CommandError> {
    let plan =
        deploying::plan_for(&run.state(), work.site, work.graph, work.scope, work.purpose, &context.interrupt).await?;
    deploying::show(&plan, context);
    deploying::guard(&plan, work.consent)?;
    Ok(plan)
}
