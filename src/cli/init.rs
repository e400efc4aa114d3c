//! `wildcam init`.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{
    CommandError, CommandResult, Context, Kind,
    open::{project_error, variable},
};
use crate::{
    deploy::price::{self, ProjectEstimate, Usd},
    project::{
        FILE_NAME, Project, Provider, Scale, Strategy, Warning, is_project_name,
        template::{Choice, render},
    },
    ui::{JsonLine, Table},
};

const EXAMPLES: &str = "Examples:
  wildcam init
  wildcam init --scale medium --strategy active-passive --clouds aws,gcp
  wildcam init --clouds custom,custom,custom --name reserve";

/// The arguments of `wildcam init`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// How large the fleet is: about 30, 200 or 1000 cameras
    #[arg(long, value_enum, default_value = "small")]
    scale: ScaleArgument,
    /// How the clouds share the work
    #[arg(long, value_enum, default_value = "active-active")]
    strategy: StrategyArgument,
    /// The clouds, the most important first; one may stand several times
    #[arg(long, value_enum, value_delimiter = ',', default_value = "aws,azure,gcp", value_name = "CLOUDS")]
    clouds: Vec<ProviderArgument>,
    /// The project's name; by default the folder's
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Overwrite a wildcam.toml
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum ScaleArgument {
    Small,
    Medium,
    Large,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum StrategyArgument {
    ActiveActive,
    ActivePassive,
    Hybrid,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum ProviderArgument {
    Aws,
    Azure,
    Gcp,
    Custom,
}

#[derive(Serialize)]
struct InitLine<'a> {
    path: &'a Path,
    estimate: &'a ProjectEstimate,
    warnings: &'a [Warning],
}

impl JsonLine for InitLine<'_> {
    const REASON: &'static str = "init";
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    let dir = context.project.clone().unwrap_or_else(|| PathBuf::from("."));
    let path = if context.project.is_some() { dir.join(FILE_NAME) } else { PathBuf::from(FILE_NAME) };
    let choice = choice(arguments, &dir);
    if !is_project_name(&choice.name) {
        let message = format!("`{}` is no name for a project", choice.name.escape_debug());
        return Err(CommandError::new(Kind::Usage, message)
            .next_step("choose 1 to 32 of a-z, 0-9 and -, beginning with a letter: wildcam init --name NAME"));
    }
    let text = render(&choice);
    let project = Project::parse(&text, &path, &dir, None).map_err(project_error)?;
    let estimate = price::of_project(&project).map_err(|error| CommandError::of(Kind::Failed, &error))?;
    write_new(&path, &dir, &text, arguments.force)?;
    context.ui.json(&InitLine { path: &path, estimate: &estimate, warnings: &project.warnings });
    say(context, &path, &project, &estimate);
    Ok(())
}

fn choice(arguments: &Arguments, dir: &Path) -> Choice {
    Choice {
        name: arguments.name.clone().unwrap_or_else(|| name_of(dir)),
        scale: match arguments.scale {
            ScaleArgument::Small => Scale::Small,
            ScaleArgument::Medium => Scale::Medium,
            ScaleArgument::Large => Scale::Large,
        },
        strategy: match arguments.strategy {
            StrategyArgument::ActiveActive => Strategy::ActiveActive,
            StrategyArgument::ActivePassive => Strategy::ActivePassive,
            StrategyArgument::Hybrid => Strategy::Hybrid,
        },
        clouds: arguments.clouds.iter().copied().map(provider).collect(),
        accounts: accounts(),
    }
}

fn provider(argument: ProviderArgument) -> Provider {
    match argument {
        ProviderArgument::Aws => Provider::Aws,
        ProviderArgument::Azure => Provider::Azure,
        ProviderArgument::Gcp => Provider::Gcp,
        ProviderArgument::Custom => Provider::Custom,
    }
}

/// The accounts that the providers' own tools are set to, as far as their names could be ones.
fn accounts() -> Vec<(Provider, String)> {
    let known = [
        (Provider::Azure, "AZURE_SUBSCRIPTION_ID"),
        (Provider::Gcp, "GOOGLE_CLOUD_PROJECT"),
        (Provider::Gcp, "CLOUDSDK_CORE_PROJECT"),
    ];
    let plain = |text: &String| {
        (4..=63).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte))
    };
    known.into_iter().filter_map(|(of, name)| Some((of, variable(name).filter(plain)?))).collect()
}

/// The folder's name as far as it can be a project's.
fn name_of(dir: &Path) -> String {
    let folder = dir.canonicalize().ok().and_then(|dir| Some(dir.file_name()?.to_string_lossy().to_lowercase()));
    let allowed: String = folder
        .unwrap_or_default()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .skip_while(|c| !c.is_ascii_alphabetic())
        .take(32)
        .collect();
    let name = allowed.trim_end_matches('-');
    if name.is_empty() { "wildcam".to_owned() } else { name.to_owned() }
}

/// Writes a temporary file beside the place, syncs it and renames it, so that there is never half a file.
fn write_new(path: &Path, dir: &Path, text: &str, force: bool) -> CommandResult {
    let failed = |error: std::io::Error| {
        CommandError::new(Kind::Failed, format!("{} cannot be written", path.display())).because(error)
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".wildcam-toml-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o644));
    }
    let mut file = builder.tempfile_in(dir).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    let kept = if force { file.persist(path) } else { file.persist_noclobber(path) };
    match kept {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
            let message = format!("{} exists and was left as it is", path.display());
            Err(CommandError::new(Kind::Guard, message).next_step("wildcam init --force overwrites it"))
        }
        Err(error) => Err(failed(error.error)),
    }
}

fn say(context: &Context, path: &Path, project: &Project, estimate: &ProjectEstimate) {
    let ui = &context.ui;
    let whole = &estimate.whole;
    ui.result(format_args!("wrote {}", path.display()));
    ui.result("");
    let mut table = Table::new(["cloud", "provider", "first month"]).right(2);
    for (name, cloud) in &project.settings.clouds {
        table.row([name.clone(), cloud.provider.as_str().to_owned(), cost_range(whole.of_cloud(name))]);
    }
    let total = cost_range(whole.usd);
    table.row(["together".to_owned(), String::new(), total.clone()]);
    ui.result(&table);
    ui.result("");
    let (clouds, cameras) = (project.settings.clouds.len(), project.settings.project.scale.cameras());
    let clouds = if clouds == 1 { "1 cloud".to_owned() } else { format!("{clouds} clouds") };
    ui.result(format_args!("{cameras} cameras, {clouds}, one region in each: {total} in the first month."));
    ui.result(format_args!("This is an {} ({}). It assumes:", whole.words, whole.prices_of));
    for assumption in &estimate.assumptions {
        ui.result(format_args!("  {assumption}"));
    }
    let cost = if whole.usd[1] == 0.0 {
        "what it costs is not counted".to_owned()
    } else {
        format!("at most ${:.2} more in every month after it", estimate.growth_high_usd)
    };
    ui.result(format_args!("Each month adds {:.0} GB to every cloud: {cost}.", estimate.growth_gb));
    ui.result("");
    ui.result("Next:");
    ui.result("  wildcam doctor          what is still missing on this machine");
    ui.result("  wildcam project show    what the file means");
    ui.result("  wildcam quickstart      lose a cloud on this machine, without any account");
    for warning in &project.warnings {
        ui.warn(format_args!("{}\n  next: {}", warning.message, warning.next_step));
    }
}

fn cost_range([low, high]: Usd) -> String {
    if high == 0.0 { "not counted".to_owned() } else { format!("${:.0} to ${:.0}", low.floor(), high.ceil()) }
}
