//! `wildcam destroy`.

use super::{
    CommandResult, Context,
    deploying::{self, ConsentArguments, ScopeArguments},
};
use crate::deploy::compare::Purpose;

const EXAMPLES: &str = "Examples:
  wildcam destroy --dry-run
  wildcam destroy --allow-destroy '*/*/*' --allow-data-loss aws/storage/pictures
  wildcam destroy --only 'gcp/*/*' --allow-destroy 'gcp/*/*'

What holds data is destroyed only when --allow-data-loss names it; --yes is no consent.";

/// The arguments of `wildcam destroy`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    scope: ScopeArguments,
    #[command(flatten)]
    consent: ConsentArguments,
    /// Show what would be destroyed and stop
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    context.ui.status("reading wildcam.toml and the templates");
    let project = deploying::project(context)?;
    let graph = deploying::graph(&project)?;
    let site = deploying::open(project, &arguments.scope, context).await?;
    let plan = deploying::plan(&site, &graph, &arguments.scope, Purpose::Destroy, context).await?;
    deploying::show(&plan, context);
    if arguments.dry_run {
        return Ok(());
    }
    deploying::guard(&plan, &arguments.consent)?;
    if !plan.changes.is_empty() {
        deploying::ask(&plan, context)?;
    }
    // Also with nothing to destroy: the places of an empty state are still to be removed.
    let outcome = deploying::destroy(&site, plan, &arguments.consent, context).await?;
    deploying::conclude(&outcome, context)
}
