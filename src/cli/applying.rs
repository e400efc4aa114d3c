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

/// Plans, shows, asks and applies. With `--yes` all of it under one lease: nobody is waited for, and what another run is in
/// the middle of would look like something strange. While a person reads no lease is held, and a state that has moved
/// meanwhile is refused.
pub(super) async fn run(work: &Work<'_>, context: &Context) -> CommandResult {
    // A lease lies in the state stores, and a destroy makes none.
    let leaves_alone = work.purpose == Purpose::Destroy && work.site.shelf.is_absent().await;
    if context.ui.says_yes() && !work.dry_run && !leaves_alone {
        return deploying::conclude(&under_lease(work, None, context).await?, context);
    }
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
        let outcome = under_lease(work, Some(plan), context).await?;
        if !again || outcome.ending != Ending::Complete {
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

async fn under_lease(work: &Work<'_>, plan: Option<Plan>, context: &Context) -> Result<Outcome, CommandError> {
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

/// Applies the plan that a person has read; without one, plans and applies until nothing is left to do: what was begun
/// before shows only at its end what is still wanted. What may be lost is guarded each time.
async fn rounds(
    run: &Run<'_>,
    work: &Work<'_>,
    read: Option<Plan>,
    context: &Context,
) -> Result<Outcome, CommandError> {
    let data_may_go = work.consent.data_may_go();
    let goes_on = read.is_none();
    let mut plan = match read {
        Some(plan) => plan,
        None => plan_now(run, work, context).await?,
    };
    let mut before = Vec::new();
    for round in 1..=ROUNDS {
        if plan.changes.is_empty() {
            // What failed on the way to its end stands by now as it should.
            return Ok(Outcome { done: before, ..Outcome::of_nothing(plan.state_serial) });
        }
        let outcome = if work.purpose == Purpose::Destroy {
            run.destroy(&plan, &data_may_go, &context.interrupt).await
        } else {
            run.apply(&plan, &data_may_go, &context.interrupt).await
        };
        let mut outcome = outcome.map_err(|error| apply_error(&error))?;
        before.append(&mut outcome.done);
        let is_open = matches!(outcome.ending, Ending::Complete | Ending::Incomplete);
        if !(goes_on && follows(&plan) && is_open && round < ROUNDS) {
            return Ok(Outcome { done: before, ..outcome });
        }
        context.ui.status("what an earlier run had begun was followed as far as it goes; looking again");
        plan = plan_now(run, work, context).await?;
    }
    Ok(Outcome { done: before, ..Outcome::of_nothing(plan.state_serial) })
}

async fn plan_now(run: &Run<'_>, work: &Work<'_>, context: &Context) -> Result<Plan, CommandError> {
    let plan =
        deploying::plan_for(&run.state(), work.site, work.graph, work.scope, work.purpose, &context.interrupt).await?;
    deploying::show(&plan, context);
    deploying::guard(&plan, work.consent)?;
    Ok(plan)
}
