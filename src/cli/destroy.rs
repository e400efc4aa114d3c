//! `wildcam destroy`.

use super::{
    CommandResult, Context,
    applying::{self, Work},
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
    let (scope, consent, dry_run) = (&arguments.scope, &arguments.consent, arguments.dry_run);
    let work = Work { site: &site, graph: &graph, purpose: Purpose::Destroy, scope, consent, dry_run };
    applying::run(&work, context).await
}
