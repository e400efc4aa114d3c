//! `wildcam ota`.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use serde::Serialize;
use wildcam_core::{trust::MAX_SIGNED, wire::UpdateStatus};

use super::{
    CommandError, CommandResult, Context, Kind,
    configuring::{self, Fleet, Wish, ago, cameras, in_project, when},
};
use crate::{
    fleet::{
        reports::DAYS,
        updates::{self, Error, Newest},
    },
    ui::{JsonLine, Table},
};

/// Where the tool keeps the first root, in the project's folder.
const ROOT: &str = "releases/root/1.cose";

const PUSH_EXAMPLES: &str = "Examples:
  wildcam ota push --camera ridge-01
  wildcam ota push --camera ridge-01 --camera ridge-02 --release 7 --board esp32c3

The release must be published: the stores are read as a camera reads them, from the root that it
was flashed with, and the release that is asked for must be the newest of its board. What the
camera is set to stays. It fetches the release over as many wakes as it takes, and goes back by
itself when the new one does not check in.";

const STATUS_EXAMPLES: &str = "Examples:
  wildcam ota status --camera ridge-01
  wildcam ota status --camera ridge-01 --json";

/// The arguments of `wildcam ota`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Args)]
struct PushArguments {
    /// The camera's id; more than once for several of the same board
    #[arg(long = "camera", value_name = "ID", required = true)]
    cameras: Vec<String>,
    /// The release's number; default: the newest of the board
    #[arg(long, value_name = "NUMBER")]
    release: Option<u64>,
    /// The board; default: the only one of firmware.boards
    #[arg(long, value_name = "BOARD")]
    board: Option<String>,
    /// The root that the cameras were flashed with; default: releases/root/1.cose in the project's folder
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    /// Show what would change
    #[arg(long)]
    dry_run: bool,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Tell cameras to run a published release
    #[command(after_help = PUSH_EXAMPLES)]
    Push(PushArguments),
    /// Which release a camera shall run, and how far it is
    #[command(after_help = STATUS_EXAMPLES)]
    Status {
        /// The camera's id; more than once for several
        #[arg(long = "camera", value_name = "ID", required = true)]
        cameras: Vec<String>,
    },
}

#[derive(Serialize)]
struct StatusLine<'a> {
    camera: &'a str,
    /// The release that it shall run; null for whatever it runs.
    wanted: Option<u64>,
    /// The version of its settings that says so.
    config: u64,
    received_ms: Option<u64>,
    firmware: Option<&'a str>,
    update: Option<&'a UpdateStatus>,
}

impl JsonLine for StatusLine<'_> {
    const REASON: &'static str = "ota-status";
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    let work = async {
        match &arguments.command {
            Command::Push(arguments) => push(arguments, context).await,
            Command::Status { cameras } => status(cameras, context).await,
        }
    };
    configuring::until_interrupted(work, context).await
}

/// The board that was named, else the only one of the project.
fn board(named: Option<&String>, fleet: &Fleet) -> Result<String, CommandError> {
    let boards = &fleet.project.settings.firmware.boards;
    let board = match (named, boards.as_slice()) {
        (Some(board), _) | (None, [board]) => board.clone(),
        (None, boards) => {
            let known = if boards.is_empty() { "none".to_owned() } else { boards.join(", ") };
            let message = format!("which board the cameras have is not known (firmware.boards has: {known})");
            return Err(CommandError::new(Kind::Usage, message).next_step("add --board BOARD"));
        }
    };
    if wildcam_core::trust::is_class(&board) {
        return Ok(board);
    }
    Err(CommandError::new(Kind::Usage, format!("{board:?} is no name of a board")).next_step("wildcam help build"))
}

/// A signed document in a file; a longer file is none.
fn read_root(path: &Path) -> Result<Vec<u8>, CommandError> {
    let mut root = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX_SIGNED as u64 + 1).read_to_end(&mut root));
    read.map_err(|error| {
        CommandError::new(Kind::Usage, format!("the root {} cannot be read", path.display()))
            .because(error)
            .next_step("give --root FILE, or make one: wildcam key init")
    })?;
    Ok(root)
}

fn no_release(error: &Error, board: &str) -> CommandError {
    let step = match error {
        Error::Unreadable(_) => "wildcam doctor --cloud, then run it again".to_owned(),
        Error::Root(_) => "give the root that the cameras were flashed with: --root FILE".to_owned(),
        Error::NotNewest { newest, .. } => {
            format!("a camera runs only the newest: give --release {newest}, or publish the other under a new number")
        }
        Error::Missing(_) | Error::NoRelease(_) | Error::Image { .. } => {
            format!("sign and publish one: wildcam release sign --board {board} IMAGE")
        }
        Error::Chain { .. } => "see what is wrong with it: wildcam release verify".to_owned(),
    };
    let kind = if matches!(error, Error::Unreadable(_)) { Kind::Failed } else { Kind::Guard };
    CommandError::of(kind, error).next_step(step)
}

async fn push(arguments: &PushArguments, context: &Context) -> CommandResult {
    let cameras = cameras(&arguments.cameras)?;
    let fleet = Fleet::open(context)?;
    let board = board(arguments.board.as_ref(), &fleet)?;
    let root = read_root(&in_project(arguments.root.as_ref(), &fleet.project, ROOT))?;
    let now_s = context.clock.unix_s();
    let newest = updates::newest(&fleet.stores, &root, &board, arguments.release, now_s).await;
    let newest = newest.map_err(|error| no_release(&error, &board))?;
    let Newest { number, version, bytes, until_s, .. } = &newest;
    context.ui.status(format_args!(
        "Release {number} of {board}: {version}, {bytes} bytes; the timestamp that names it is valid until {}.",
        when(*until_s)
    ));
    let mut wishes = Vec::new();
    for camera in &cameras {
        let basis = fleet.basis(camera, context).await?;
        let settings = basis.settings();
        wishes.push(Wish { basis, settings, release: Some(*number) });
    }
    configuring::push(&fleet, &wishes, arguments.dry_run, context).await
}

async fn status(named: &[String], context: &Context) -> CommandResult {
    let cameras = cameras(named)?;
    let fleet = Fleet::open(context)?;
    let mut table = Table::new(["camera", "wanted", "runs", "update", "of it", "reported"]);
    let now_ms = context.clock.unix_ms();
    for camera in &cameras {
        let standing = fleet.standing(camera, context).await?;
        let heard = fleet.heard(camera, context).await?;
        let status = heard.as_ref().map(|heard| &heard.status);
        let update = status.and_then(|status| status.update.as_ref());
        table.row([
            camera.to_string(),
            standing.release().map_or_else(|| "any".to_owned(), |number| format!("release {number}")),
            status.map(|status| status.firmware.to_string()).unwrap_or_default(),
            update.map(words).unwrap_or_default(),
            update.map(|update| share(update.bytes, update.of)).unwrap_or_default(),
            heard.as_ref().map_or_else(|| format!("not in {DAYS} days"), |heard| ago(now_ms, heard.received_ms)),
        ]);
        context.ui.json(&StatusLine {
            camera: camera.as_str(),
            wanted: standing.release(),
            config: standing.number(),
            received_ms: heard.as_ref().map(|heard| heard.received_ms),
            firmware: status.map(|status| status.firmware.as_str()),
            update,
        });
    }
    context.ui.result(table);
    Ok(())
}

fn words(update: &UpdateStatus) -> String {
    let why = update.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    format!("release {}: {}{why}", update.release, update.state)
}

fn share(bytes: u32, of: u32) -> String {
    match (u64::from(bytes) * 100).checked_div(u64::from(of)) {
        Some(percent) => format!("{bytes} of {of} bytes ({percent}%)"),
        None => String::new(),
    }
}
