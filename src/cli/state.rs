//! `wildcam state`.

use serde::Serialize;

use super::{
    CommandError, CommandResult, Context, Kind,
    deploying::{self, ScopeArguments},
};
use crate::{
    cloud::control::Address,
    deploy::{
        adopt,
        rebuild::{self, Item},
        state::{Entry, Standing},
    },
    ui::{JsonLine, Table},
};

/// The arguments of `wildcam state`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    scope: ScopeArguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// What wildcam has made, and how it stands
    #[command(after_help = "Examples:\n  wildcam state show\n  wildcam state show aws/storage/pictures --json")]
    Show {
        /// One resource, with everything that is known of it; no secret is kept
        #[arg(value_name = "ADDRESS")]
        address: Option<Address>,
    },
    /// Let the state forget a resource; what stands in the cloud stays
    #[command(after_help = "Examples:\n  wildcam state rm aws/storage/pictures")]
    Rm {
        /// Which one
        #[arg(value_name = "ADDRESS")]
        address: Address,
    },
    /// Find everything again by the marks that wildcam leaves on it
    #[command(after_help = "Examples:\n  wildcam state rebuild          shows what it finds\n  \
                            wildcam state rebuild --write  writes the new state")]
    Rebuild {
        /// Write the new state
        #[arg(long)]
        write: bool,
    },
}

#[derive(Serialize)]
struct EntryLine<'a> {
    address: &'a Address,
    entry: &'a Entry,
}

impl JsonLine for EntryLine<'_> {
    const REASON: &'static str = "state-entry";
}

#[derive(Serialize)]
struct StateLine<'a> {
    project: &'a str,
    environment: &'a str,
    serial: u64,
    resources: usize,
}

impl JsonLine for StateLine<'_> {
    const REASON: &'static str = "state";
}

#[derive(Serialize)]
struct RebuiltLine<'a> {
    what: &'static str,
    address: &'a Address,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
}

impl JsonLine for RebuiltLine<'_> {
    const REASON: &'static str = "state-rebuilt";
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    let project = deploying::project(context)?;
    match &arguments.action {
        Action::Show { address } => {
            let site = deploying::open(project, &arguments.scope, context).await?;
            let stored = site.shelf.read().await.map_err(|error| deploying::shelf_error(&error))?;
            show(&stored.state, address.as_ref(), context)
        }
        Action::Rm { address } => {
            let site = deploying::open(project, &arguments.scope, context).await?;
            if !context.ui.confirm(&format!("Forget {address}? It stays in the cloud, and nobody looks after it."))? {
                return Err(CommandError::new(Kind::Guard, "nothing was done: the answer was no"));
            }
            let ids = adopt::forget(&site, address, &context.interrupt).await.map_err(|error| {
                let kind = if error.is_guard() { Kind::Guard } else { Kind::Failed };
                deploying::with_step(CommandError::of(kind, &error), error.next_step())
            })?;
            context.ui.result(format_args!("{address} is forgotten; what stands: {}", ids.join(", ")));
            Ok(())
        }
        Action::Rebuild { write } => rebuild(*write, project, &arguments.scope, context).await,
    }
}

fn show(state: &crate::deploy::state::State, address: Option<&Address>, context: &Context) -> CommandResult {
    if let Some(address) = address {
        let entry = state.resources.get(address).ok_or_else(|| {
            CommandError::new(Kind::Failed, format!("the state has no {address}")).next_step("wildcam state show")
        })?;
        context.ui.json(&EntryLine { address, entry });
        let text = serde_json::to_string_pretty(entry)
            .map_err(|error| CommandError::new(Kind::Failed, "the entry cannot be shown").because(error))?;
        context.ui.result(text);
        return Ok(());
    }
    let mut table = Table::new(["resource", "type", "region", "id", "stands"]);
    for (address, entry) in &state.resources {
        context.ui.json(&EntryLine { address, entry });
        let stands = match &entry.standing {
            Standing::Ready => "ready".to_owned(),
            Standing::Unreadable => "made, not readable yet".to_owned(),
            Standing::Begun(operation) => format!("begun: {:?}", operation.act).to_lowercase(),
        };
        table.row([address.to_string(), entry.kind.clone(), entry.region.clone(), entry.id.clone(), stands]);
    }
    context.ui.json(&StateLine {
        project: &state.project,
        environment: &state.environment,
        serial: state.serial,
        resources: state.resources.len(),
    });
    if !state.resources.is_empty() {
        context.ui.result(table);
    }
    context.ui.result(format_args!(
        "{} resources of {} ({}); state {}.",
        state.resources.len(),
        state.project,
        state.environment,
        state.serial
    ));
    Ok(())
}

async fn rebuild(
    write: bool,
    project: crate::project::Project,
    scope: &ScopeArguments,
    context: &Context,
) -> CommandResult {
    let graph = deploying::graph(&project)?;
    let site = deploying::open(project, scope, context).await?;
    let rebuilt =
        rebuild::run(&site, &graph, write, &context.interrupt).await.map_err(|error| deploying::shelf_error(&error))?;
    let mut table = Table::new(["found", "resource", "type", "id"]);
    let mut rows = |what: &'static str, items: &[Item]| {
        for item in items {
            context.ui.json(&RebuiltLine { what, address: &item.address, id: Some(&item.id) });
            table.row([what.to_owned(), item.address.to_string(), item.kind.clone(), item.id.clone()]);
        }
    };
    rows("found", &rebuilt.found);
    rows("found by its name alone", &rebuilt.unmarked);
    rows("in no template", &rebuilt.orphans);
    rows("a second one", &rebuilt.doubles);
    rows("somebody else's", &rebuilt.strangers);
    for address in &rebuilt.missing {
        context.ui.json(&RebuiltLine { what: "missing", address, id: None });
        table.row(["missing".to_owned(), address.to_string(), String::new(), String::new()]);
    }
    context.ui.result(table);
    for (what, failure) in &rebuilt.unclear {
        context.ui.warn(format_args!("{what} could not be looked through: {failure}"));
    }
    let written = if rebuilt.written { "The new state is written." } else { "Nothing was written; add --write." };
    context.ui.result(written);
    if rebuilt.unclear.is_empty() { Ok(()) } else { Err(CommandError::already_said(Kind::CouldNotJudge)) }
}
