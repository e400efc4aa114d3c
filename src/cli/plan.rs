//! `wildcam plan`.

use std::path::PathBuf;

use super::{
    CommandError, CommandResult, Context, Kind,
    deploying::{self, ScopeArguments},
};
use crate::{
    deploy::{compare::Purpose, words},
    journal::atomic,
};

const EXAMPLES: &str = "Examples:
  wildcam plan
  wildcam plan -o today.plan         then: wildcam deploy today.plan
  wildcam plan --markdown            for a pull request
  wildcam plan --exit-code           ends with 3 when changes are pending
  wildcam plan --only 'aws/storage/*'
  wildcam plan --without gcp         while a cloud is down";

/// The arguments of `wildcam plan`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    scope: ScopeArguments,
    /// Save the plan; `wildcam deploy FILE` then does exactly this and nothing else
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// As Markdown that fits a comment of a pull request
    #[arg(long)]
    markdown: bool,
    /// End with exit code 3 when anything would change
    #[arg(long)]
    exit_code: bool,
    /// Plan what `wildcam destroy` would do
    #[arg(long)]
    destroy: bool,
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    context.ui.status("reading wildcam.toml and the templates");
    let project = deploying::project(context)?;
    let graph = deploying::graph(&project)?;
    let site = deploying::open(project, &arguments.scope, context).await?;
    let purpose = if arguments.destroy { Purpose::Destroy } else { Purpose::Deploy };
    let plan = deploying::plan(&site, &graph, &arguments.scope, purpose, context).await?;
    if let Some(path) = &arguments.output {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            CommandError::new(Kind::Failed, format!("the plan cannot be saved to {}", path.display())).because(error)
        };
        let bytes = serde_json::to_vec(&plan).map_err(|error| failed(error.into()))?;
        atomic::write_private(path, &bytes).map_err(|error| failed(error.into()))?;
    }
    if arguments.markdown {
        context.ui.document(&words::markdown(&plan));
    } else {
        deploying::show(&plan, context);
    }
    if let Some(path) = &arguments.output {
        context.ui.status(format_args!("saved; to do exactly this: wildcam deploy {}", path.display()));
    }
    if arguments.exit_code && !plan.changes.is_empty() {
        return Err(CommandError::already_said(Kind::No));
    }
    Ok(())
}
