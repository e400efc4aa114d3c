//! `wildcam project`.

use serde::Serialize;

use super::{CommandError, CommandResult, Context, Kind};
use crate::{
    project::{Project, Settings, Warning, json_schema},
    ui::JsonLine,
};

const EXAMPLES: &str = "Examples:
  wildcam project show
  wildcam project show --env staging --json
  wildcam project schema > wildcam.schema.json";

/// The arguments of `wildcam project`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Print the whole project with every default filled in; secrets stay references
    #[command(after_help = "Examples:\n  wildcam project show\n  wildcam project show --env staging")]
    Show,
    /// Print the JSON Schema of wildcam.toml
    #[command(after_help = "Examples:\n  wildcam project schema > wildcam.schema.json")]
    Schema,
}

#[derive(Serialize)]
struct ProjectLine<'a> {
    dir: &'a std::path::Path,
    built_in: bool,
    env: Option<&'a str>,
    environments: &'a [String],
    settings: &'a Settings,
    warnings: &'a [Warning],
}

impl JsonLine for ProjectLine<'_> {
    const REASON: &'static str = "project";
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    match arguments.command {
        Command::Show => show(&context.open_project()?, context),
        Command::Schema => {
            let schema = serde_json::to_string_pretty(&json_schema()).map_err(failed)?;
            context.ui.document(&format!("{schema}\n"));
            Ok(())
        }
    }
}

fn show(project: &Project, context: &Context) -> CommandResult {
    context.ui.json(&ProjectLine {
        dir: &project.dir,
        built_in: project.origin == crate::project::Origin::BuiltInLab,
        env: project.env.as_deref(),
        environments: &project.environments,
        settings: &project.settings,
        warnings: &project.warnings,
    });
    if project.origin == crate::project::Origin::BuiltInLab {
        context.ui.status("there is no wildcam.toml here: this is the built-in lab project");
    }
    let text = toml::to_string(&project.settings).map_err(failed)?;
    context.ui.result(text.trim_end());
    Ok(())
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> CommandError {
    CommandError::new(Kind::Failed, "the project cannot be shown").because(error)
}
