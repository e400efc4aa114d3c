//! `wildcam adopt`.

use serde::Serialize;

use super::{
    CommandError, CommandResult, Context, Kind,
    deploying::{self, ScopeArguments},
};
use crate::{
    cloud::control::{Address, Change},
    deploy::{adopt, words},
    ui::JsonLine,
};

const EXAMPLES: &str = "Examples:
  wildcam adopt aws/storage/pictures            what stands where the template would make it
  wildcam adopt aws/network/main vpc-0a1b2c3d   by the provider's id

Nothing is changed in the cloud; the next wildcam deploy changes where it differs, after showing it.";

/// The arguments of `wildcam adopt`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Which resource of the templates it is
    #[arg(value_name = "ADDRESS")]
    address: Address,
    /// The provider's id of what exists
    #[arg(value_name = "ID")]
    id: Option<String>,
}

#[derive(Serialize)]
struct AdoptedLine<'a> {
    address: &'a Address,
    id: &'a str,
    changes: &'a [Change],
}

impl JsonLine for AdoptedLine<'_> {
    const REASON: &'static str = "adopted";
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    let project = deploying::project(context)?;
    let graph = deploying::graph(&project)?;
    let site = deploying::open(project, &ScopeArguments::default(), context).await?;
    let adopted = adopt::run(&site, &graph, &arguments.address, arguments.id.as_deref(), &context.interrupt)
        .await
        .map_err(|error| adopt_error(&error))?;
    context.ui.json(&AdoptedLine { address: &adopted.address, id: &adopted.id, changes: &adopted.changes });
    context.ui.result(format_args!("{} is {} now; nothing was changed.", adopted.address, adopted.id));
    for change in &adopted.changes {
        context.ui.result(format_args!("    {}", words::change(change)));
    }
    if !adopted.changes.is_empty() {
        context.ui.result("The next deploy changes these; see: wildcam plan");
    }
    Ok(())
}

fn adopt_error(error: &adopt::Error) -> CommandError {
    let kind = if error.is_guard() { Kind::Guard } else { Kind::Failed };
    deploying::with_step(CommandError::of(kind, error), error.next_step())
}
