//! `wildcam deploy`.

use std::path::PathBuf;

use super::{
    CommandError, CommandResult, Context, Kind,
    applying::{self, Work},
    deploying::{self, ConsentArguments, ScopeArguments},
};
use crate::deploy::compare::Purpose;

const EXAMPLES: &str = "Examples:
  wildcam deploy                     shows the plan, asks, and does it
  wildcam deploy --dry-run           shows the plan and stops
  wildcam deploy --yes               in CI: asks nothing, and loses nothing that is not named
  wildcam deploy today.plan          exactly what wildcam plan -o saved
  wildcam deploy --without gcp       while a cloud is down
  wildcam deploy --allow-data-loss aws/storage/pictures

A deploy that was interrupted or killed is gone on with by the next one; nothing is made twice.";

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
        return applying::saved(&site, plan, &arguments.consent, context).await;
    }
    let graph = deploying::graph(&project)?;
    let site = deploying::open(project, &arguments.scope, context).await?;
    let (scope, consent, dry_run) = (&arguments.scope, &arguments.consent, arguments.dry_run);
    let work = Work { site: &site, graph: &graph, purpose: Purpose::Deploy, scope, consent, dry_run };
    applying::run(&work, context).await
}
