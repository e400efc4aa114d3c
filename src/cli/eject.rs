//! `wildcam eject`.

use std::path::PathBuf;

use serde::Serialize;

use super::{
    CommandError, CommandResult, Context, Kind,
    deploying::{self, ScopeArguments},
};
use crate::{
    cloud::control::Address,
    deploy::eject::{self, Ejected},
    journal::atomic,
    ui::JsonLine,
};

const EXAMPLES: &str = "Examples:
  wildcam eject terraform -o terraform
  wildcam eject cloudformation -o cloudformation

The files hold the same resources with import blocks, so that the other tool takes over what
stands. Nothing is changed in any cloud. Secrets become variables; their values are not written.";

/// The arguments of `wildcam eject`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// For which tool
    #[arg(value_enum)]
    tool: Tool,
    /// The folder for the files; it is made, and must be empty or missing
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Tool {
    /// Terraform or OpenTofu: all clouds
    Terraform,
    /// CloudFormation: what is in AWS
    Cloudformation,
}

#[derive(Serialize)]
struct FileLine<'a> {
    path: &'a std::path::Path,
}

impl JsonLine for FileLine<'_> {
    const REASON: &'static str = "ejected";
}

#[derive(Serialize)]
struct LeftOutLine<'a> {
    address: &'a Address,
    why: &'a str,
}

impl JsonLine for LeftOutLine<'_> {
    const REASON: &'static str = "left-out";
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    let project = deploying::project(context)?;
    let graph = deploying::graph(&project)?;
    let site = deploying::open(project, &ScopeArguments::default(), context).await?;
    let state = site.shelf.read().await.map_err(|error| deploying::shelf_error(&error))?.state;
    let ejected = match arguments.tool {
        Tool::Terraform => eject::terraform(&graph, &state),
        Tool::Cloudformation => eject::cloudformation(&graph, &state),
    };
    write(arguments, &ejected, context)?;
    for left in &ejected.left_out {
        context.ui.json(&LeftOutLine { address: &left.address, why: &left.why });
        context.ui.warn(format_args!("{} is not in the files: {}", left.address, left.why));
    }
    context.ui.result(format_args!(
        "{} files in {}; {} things left out. What stands in the clouds is as it was.",
        ejected.files.len(),
        arguments.output.display(),
        ejected.left_out.len()
    ));
    Ok(())
}

fn write(arguments: &Arguments, ejected: &Ejected, context: &Context) -> CommandResult {
    let dir = &arguments.output;
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        CommandError::new(Kind::Failed, format!("{} cannot be written", dir.display())).because(error)
    };
    std::fs::create_dir_all(dir).map_err(|error| failed(error.into()))?;
    let mut entries = std::fs::read_dir(dir).map_err(|error| failed(error.into()))?;
    if entries.next().is_some() {
        return Err(CommandError::new(Kind::Usage, format!("{} is not empty", dir.display()))
            .next_step("choose a new folder with -o"));
    }
    for file in &ejected.files {
        let path = dir.join(&file.name);
        atomic::write(&path, file.text.as_bytes()).map_err(|error| failed(error.into()))?;
        context.ui.json(&FileLine { path: &path });
        context.ui.result(path.display());
    }
    Ok(())
}
