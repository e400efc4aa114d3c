//! `wildcam config`.

use std::path::PathBuf;

use serde::Serialize;
use wildcam_core::wire::{CameraId, Refused};

use super::{
    CommandError, CommandResult, Context, Kind,
    configuring::{self, ChangeLine, Fleet, Wish, ago, cameras, refused, shown, when},
    open::project_error,
};
use crate::{
    fleet::{
        config::{self, Standing, Version},
        reports::{DAYS, Heard},
    },
    project::CameraSettings,
    ui::{JsonLine, Table},
};

const PUSH_EXAMPLES: &str = "Examples:
  wildcam config push --camera ridge-01 ridge.toml
  wildcam config push --camera ridge-01 --camera ridge-02 --set picture_every=10m --set survey=05-09
  wildcam config push --camera ridge-01 --unset deep_sleep --dry-run

The keys, in a file as with --set:
  picture_every = \"10m\"      from one picture by the clock to the next; \"0s\" for none
  report_every = \"1h\"        from one report to the next
  deep_sleep = true          sleep deeply between pictures
  link = \"satellite\"         what its network costs: ethernet, wifi, cellular, satellite
  least_battery_mv = 3500    below it no update is fetched or put in place
  survey = \"05-09\"           hours in UTC in which no update is put in place

A file says all that the camera is set to: what is left out is as its board has it. --set and
--unset change what stands. The camera refuses what its board cannot do and says so in its
reports; when no report of it gets through after a change, it goes back by itself.";

const ROLLBACK_EXAMPLES: &str = "Examples:
  wildcam config rollback --camera ridge-01       to the last version with other settings
  wildcam config rollback --camera ridge-01 4     to the settings of version 4

The settings of the older version get a new number. The release that the camera shall run stays.";

/// The arguments of `wildcam config`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Args)]
struct PushArguments {
    /// The camera's id; more than once for several
    #[arg(long = "camera", value_name = "ID", required = true)]
    cameras: Vec<String>,
    /// A TOML file with all that the cameras shall be set to
    #[arg(value_name = "FILE", conflicts_with_all = ["set", "unset"])]
    file: Option<PathBuf>,
    /// Set one key and leave the others
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Leave one key to the board
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
    /// Push only if this version is still the newest
    #[arg(long, value_name = "NUMBER")]
    based_on: Option<u64>,
    /// Show what would change
    #[arg(long)]
    dry_run: bool,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Set one camera or several: shown, asked, signed, and kept in every store
    #[command(after_help = PUSH_EXAMPLES)]
    Push(PushArguments),
    /// What a camera shall be set to, and what it says it is
    #[command(after_help = "Examples:\n  wildcam config show --camera ridge-01\n  \
                            wildcam config show --camera ridge-01 --json")]
    Show {
        /// The camera's id; more than once for several
        #[arg(long = "camera", value_name = "ID", required = true)]
        cameras: Vec<String>,
    },
    /// What differs between two versions
    #[command(
        after_help = "Examples:\n  wildcam config diff --camera ridge-01        the newest and the one before\n  \
                            wildcam config diff --camera ridge-01 4      version 4 and the newest\n  \
                            wildcam config diff --camera ridge-01 4 6"
    )]
    Diff {
        /// The camera's id
        #[arg(long, value_name = "ID")]
        camera: String,
        /// The earlier version; default: the one before the later
        #[arg(value_name = "A")]
        from: Option<u64>,
        /// The later version; default: the newest
        #[arg(value_name = "B")]
        to: Option<u64>,
    },
    /// What a camera was set to, when, and by which key
    #[command(after_help = "Examples:\n  wildcam config history --camera ridge-01\n  \
                            wildcam config history --camera ridge-01 --limit 100 --json")]
    History {
        /// The camera's id
        #[arg(long, value_name = "ID")]
        camera: String,
        /// How many versions at most, the latest first
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// Give the settings of an older version a new number
    #[command(after_help = ROLLBACK_EXAMPLES)]
    Rollback {
        /// The camera's id
        #[arg(long, value_name = "ID")]
        camera: String,
        /// The version; default: the last one with other settings than now
        #[arg(value_name = "NUMBER")]
        number: Option<u64>,
        /// Show what would change
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Serialize)]
struct ShowLine<'a> {
    camera: &'a str,
    number: u64,
    #[serde(flatten)]
    version: Option<VersionFields<'a>>,
    copies: usize,
    stores: usize,
    reported: Option<Reported<'a>>,
}

impl JsonLine for ShowLine<'_> {
    const REASON: &'static str = "config";
}

#[derive(Serialize)]
struct VersionFields<'a> {
    issued_s: u64,
    expires_s: u64,
    signer: &'a str,
    settings: &'a CameraSettings,
    release: Option<u64>,
}

impl<'a> VersionFields<'a> {
    fn of(version: &'a Version) -> Self {
        let Version { issued_s, expires_s, ref signer, ref settings, release, .. } = *version;
        Self { issued_s, expires_s, signer, settings, release }
    }
}

/// What the camera's last report says.
#[derive(Serialize)]
struct Reported<'a> {
    received_ms: u64,
    /// The version whose settings it has; 0 for its board's own; null when it does not say.
    number: Option<u64>,
    refused: Option<&'a Refused>,
}

#[derive(Serialize)]
struct DiffLine<'a> {
    camera: &'a str,
    from: u64,
    to: u64,
    changes: Vec<ChangeLine>,
}

impl JsonLine for DiffLine<'_> {
    const REASON: &'static str = "config-diff";
}

#[derive(Serialize)]
struct HistoryLine<'a> {
    camera: &'a str,
    number: u64,
    #[serde(flatten)]
    version: VersionFields<'a>,
    changes: Vec<ChangeLine>,
}

impl JsonLine for HistoryLine<'_> {
    const REASON: &'static str = "config-version";
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    let work = async {
        match &arguments.command {
            Command::Push(arguments) => push(arguments, context).await,
            Command::Show { cameras: named } => {
                let cameras = cameras(named)?;
                let fleet = Fleet::open(context)?;
                for camera in &cameras {
                    show(&fleet, camera, context).await?;
                }
                Ok(())
            }
            Command::Diff { camera, from, to } => diff(&one(camera)?, *from, *to, context).await,
            Command::History { camera, limit } => history(&one(camera)?, *limit, context).await,
            Command::Rollback { camera, number, dry_run } => rollback(&one(camera)?, *number, *dry_run, context).await,
        }
    };
    configuring::until_interrupted(work, context).await
}

fn one(named: &str) -> Result<CameraId, CommandError> {
    CameraId::new(named)
        .map_err(|error| CommandError::new(Kind::Usage, format!("{named:?} is no camera id")).because(error))
}

async fn push(arguments: &PushArguments, context: &Context) -> CommandResult {
    let PushArguments { cameras: named, file, set, unset, based_on, dry_run } = arguments;
    let cameras = cameras(named)?;
    if file.is_none() && set.is_empty() && unset.is_empty() {
        return Err(CommandError::new(Kind::Usage, "nothing is said of what the camera shall be set to")
            .next_step("give a TOML file, or --set KEY=VALUE; wildcam help config push shows the keys"));
    }
    if based_on.is_some() && cameras.len() > 1 {
        return Err(CommandError::new(Kind::Usage, "--based-on is the number of one camera's version")
            .next_step("push to one camera at a time"));
    }
    // What is written wrong is found before a store is asked.
    let whole = match file {
        Some(file) => Some(CameraSettings::load(file).map_err(file_error)?),
        None => CameraSettings::default().changed(set, unset).map(|_| None).map_err(project_error)?,
    };
    let fleet = Fleet::open(context)?;
    let mut wishes = Vec::new();
    for camera in &cameras {
        let basis = fleet.basis(camera, context).await?;
        if let Some(seen) = based_on.filter(|seen| *seen != basis.number()) {
            return Err(refused(&config::Error::Conflict { seen, now: basis.number() }, camera));
        }
        let settings = match whole {
            Some(settings) => settings,
            None => basis.settings().changed(set, unset).map_err(project_error)?,
        };
        let release = basis.release();
        wishes.push(Wish { basis, settings, release });
    }
    configuring::push(&fleet, &wishes, *dry_run, context).await
}

/// As of the project file, but that there is nothing to write a missing one with.
fn file_error(error: crate::project::Error) -> CommandError {
    match error {
        crate::project::Error::NotFound { path } => {
            CommandError::new(Kind::Usage, format!("there is no {}", path.display()))
                .next_step("write it; wildcam help config push shows the keys")
        }
        other => project_error(other),
    }
}

async fn show(fleet: &Fleet, camera: &CameraId, context: &Context) -> CommandResult {
    let standing = fleet.standing(camera, context).await?;
    let heard = fleet.heard(camera, context).await?;
    match &standing.newest {
        None => context.ui.result(format_args!("{camera}: nothing was ever set; it is as its board has it.")),
        Some(version) => {
            context.ui.result(format_args!(
                "{camera}: version {} of {}, by key {}, in {} of {} stores",
                version.number,
                when(version.issued_s),
                version.signer,
                standing.copies,
                fleet.stores.len()
            ));
            let mut table = Table::new(["setting", "wanted"]);
            for (key, value) in version.settings.entries() {
                table.row([key.to_owned(), shown(value.as_ref(), key)]);
            }
            let release = version.release.map(|number| number.to_string());
            table.row(["release".to_owned(), shown(release.as_ref(), "release")]);
            context.ui.result(table);
            if version.expires_s <= context.clock.unix_s() {
                context.ui.warn(format_args!("version {} has expired; push it again", version.number));
            }
        }
    }
    context.ui.result(said(&standing, heard.as_ref(), context.clock.unix_ms()));
    let status = heard.as_ref().and_then(|heard| heard.status.config.as_ref());
    context.ui.json(&ShowLine {
        camera: camera.as_str(),
        number: standing.number(),
        version: standing.newest.as_ref().map(VersionFields::of),
        copies: standing.copies,
        stores: fleet.stores.len(),
        reported: heard.as_ref().map(|heard| Reported {
            received_ms: heard.received_ms,
            number: status.map(|status| status.number),
            refused: status.and_then(|status| status.refused.as_ref()),
        }),
    });
    Ok(())
}

/// What the camera says, in a sentence or two.
fn said(standing: &Standing, heard: Option<&Heard>, now_ms: u64) -> String {
    let Some(heard) = heard else { return format!("No store holds a report of it from the last {DAYS} days.") };
    let at = format!("Its last report, {}", ago(now_ms, heard.received_ms));
    let Some(config) = &heard.status.config else { return format!("{at}, does not say what it is set to.") };
    let mut text = match config.number {
        0 => format!("{at}: it is as its board has it."),
        number => format!("{at}: it has the settings of version {number}."),
    };
    let refused = config.refused.as_ref();
    if let Some(refused) = refused {
        text.push_str(&format!(" It does not have those of version {}: {}.", refused.number, refused.why));
    }
    let is_refused = refused.is_some_and(|refused| refused.number == standing.number());
    if config.number < standing.number() && !is_refused {
        text.push_str(&format!(" It asks for version {} after its next report.", standing.number()));
    }
    text
}

/// A version that must be there.
async fn version(fleet: &Fleet, camera: &CameraId, number: u64) -> Result<Version, CommandError> {
    let found = config::version(&fleet.stores, &fleet.key(), camera, number).await;
    found.map_err(|error| refused(&error, camera))?.ok_or_else(|| {
        CommandError::new(Kind::Failed, format!("{camera} has no version {number}"))
            .next_step(format!("wildcam config history --camera {camera}"))
    })
}

/// The newest version, where there must be one.
async fn newest(fleet: &Fleet, camera: &CameraId, context: &Context) -> Result<Version, CommandError> {
    fleet.standing(camera, context).await?.newest.ok_or_else(|| {
        CommandError::new(Kind::Failed, format!("nothing was ever set for {camera}"))
            .next_step(format!("wildcam config push --camera {camera} --set KEY=VALUE"))
    })
}

async fn versions(fleet: &Fleet, camera: &CameraId, upto: u64, limit: usize) -> Result<Vec<Version>, CommandError> {
    let found = config::history(&fleet.stores, &fleet.key(), camera, upto, limit).await;
    found.map_err(|error| refused(&error, camera))
}

async fn diff(camera: &CameraId, from: Option<u64>, to: Option<u64>, context: &Context) -> CommandResult {
    let fleet = Fleet::open(context)?;
    let later = match to {
        Some(number) => version(&fleet, camera, number).await?,
        None => newest(&fleet, camera, context).await?,
    };
    let earlier = match from {
        Some(number) => Some(version(&fleet, camera, number).await?),
        None => versions(&fleet, camera, later.number.saturating_sub(1), 1).await?.pop(),
    };
    let changes = between(earlier.as_ref(), &later);
    let from = earlier.as_ref().map_or(0, |version| version.number);
    let name = |number: u64| if number == 0 { "before".to_owned() } else { format!("version {number}") };
    if changes.is_empty() {
        context.ui.result(format_args!("{camera}: {} and {} say the same.", name(from), name(later.number)));
    } else {
        context.ui.result(configuring::table(["setting", &name(from), &name(later.number)], &changes));
    }
    context.ui.json(&DiffLine { camera: camera.as_str(), from, to: later.number, changes });
    Ok(())
}

/// What differs from an earlier version, or from a board's own settings.
fn between(earlier: Option<&Version>, later: &Version) -> Vec<ChangeLine> {
    let nothing = CameraSettings::default();
    let before = earlier.map_or((&nothing, None), |version| (&version.settings, version.release));
    configuring::differences(before, (&later.settings, later.release))
}

async fn history(camera: &CameraId, limit: u32, context: &Context) -> CommandResult {
    let fleet = Fleet::open(context)?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    // One more, so that what the earliest shown changed can be told.
    let found = versions(&fleet, camera, u64::MAX, limit.saturating_add(1)).await?;
    if found.is_empty() {
        context.ui.status(format_args!("nothing was ever set for {camera}"));
        return Ok(());
    }
    let mut table = Table::new(["version", "when", "key", "what changed"]).right(0);
    for (place, version) in found.iter().enumerate().take(limit) {
        let changes = between(found.get(place + 1), version);
        let words = if changes.is_empty() { "nothing".to_owned() } else { configuring::in_words(&changes) };
        table.row([version.number.to_string(), when(version.issued_s), version.signer.clone(), words]);
        let (number, fields) = (version.number, VersionFields::of(version));
        context.ui.json(&HistoryLine { camera: camera.as_str(), number, version: fields, changes });
    }
    context.ui.result(table);
    Ok(())
}

async fn rollback(camera: &CameraId, number: Option<u64>, dry_run: bool, context: &Context) -> CommandResult {
    let fleet = Fleet::open(context)?;
    let basis = fleet.basis(camera, context).await?;
    let older = match number {
        Some(number) => version(&fleet, camera, number).await?,
        None => {
            let now = basis.settings();
            let earlier = versions(&fleet, camera, basis.number().saturating_sub(1), 1_000).await?;
            earlier.into_iter().find(|version| version.settings != now).ok_or_else(|| {
                CommandError::new(Kind::Failed, format!("{camera} has no earlier version with other settings"))
                    .next_step(format!("wildcam config history --camera {camera}"))
            })?
        }
    };
    let release = basis.release();
    let wish = Wish { basis, settings: older.settings, release };
    configuring::push(&fleet, &[wish], dry_run, context).await
}
