//! `wildcam release sign` and `refresh`.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::Serialize;
use wildcam_core::{
    trust::{Gates, Hours, Link, Links, Root},
    wire::keys,
};

use super::{
    super::{
        CommandError, CommandResult, Context, Kind,
        releasing::{Lifetime, Passphrases, Places, chain_error, day, newest_root},
    },
    read,
};
use crate::{
    board::Board,
    release::{
        Role,
        folder::{Folder, PART},
        recipe::{self, Prepared, Recipe},
        signing::demand,
        vault::Vault,
        verify,
    },
    ui::JsonLine,
};

pub(super) const SIGN_EXAMPLES: &str = "Examples:
  wildcam release sign --board esp32c3
  wildcam release sign --board esp32c3 target/firmware/wildcam-esp32c3-app.bin --from old-app.bin
  wildcam release sign --board esp32s3 --link wifi,ethernet --battery-mv 3600 --survey 16-5

Without IMAGE it is the one that `wildcam build` made. Give with --from what cameras run now: they
fetch the patch where it is shorter than the image. In the hours of --survey (UTC) no camera starts
anew for an update.

Nothing is published: wildcam release verify, then wildcam release publish.";

pub(super) const REFRESH_EXAMPLES: &str = "Examples:
  wildcam release refresh
  wildcam release refresh --passphrase file:/run/secrets/timestamp && wildcam release publish    in cron, once a day

A camera takes no update whose timestamp has ended, so that nobody can hold it at an old release
for long. Only the key of the role timestamp is needed.";

/// The arguments of `wildcam release sign`.
#[derive(clap::Args)]
pub(super) struct Sign {
    #[command(flatten)]
    places: Places,
    /// The boards that it is for
    #[arg(long, value_name = "BOARD")]
    board: Board,
    /// The image: what `wildcam build` calls -app.bin [default: that of target/firmware]
    #[arg(value_name = "IMAGE")]
    image: Option<PathBuf>,
    /// The version, which has to be the one that the image states
    #[arg(long, value_name = "V")]
    version: Option<String>,
    /// An image that cameras run now; may be repeated, up to four times
    #[arg(long, value_name = "OLD_IMAGE")]
    from: Vec<PathBuf>,
    /// The battery's voltage in mV below which no camera fetches it
    #[arg(long, value_name = "MV")]
    battery_mv: Option<u16>,
    /// The links over which it may be fetched: ethernet, wifi, cellular, satellite
    #[arg(long, value_name = "LINK", value_delimiter = ',', value_parser = link)]
    link: Vec<Link>,
    /// The hours of the survey in UTC, in which it is not put in place
    #[arg(long, value_name = "FROM-TO")]
    survey: Option<Survey>,
    /// How long the release may be taken
    #[arg(long, value_name = "TIME", default_value = "1y")]
    expires: Lifetime,
    /// How long the timestamp is valid
    #[arg(long, value_name = "TIME", default_value = "30d")]
    timestamp_expires: Lifetime,
}

/// The arguments of `wildcam release refresh`.
#[derive(clap::Args)]
pub(super) struct Refresh {
    #[command(flatten)]
    places: Places,
    /// How long the timestamp is valid
    #[arg(long, value_name = "TIME", default_value = "30d")]
    timestamp_expires: Lifetime,
}

#[derive(Clone, Copy, Debug)]
struct Survey(Hours);

impl FromStr for Survey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let hour = |text: &str| text.parse().ok().filter(|hour: &u8| *hour < 24);
        let hours = text.split_once('-').and_then(|(from, to)| Some(Hours { from: hour(from)?, to: hour(to)? }));
        let hours = hours.filter(|hours| hours.from != hours.to);
        hours.map(Self).ok_or_else(|| "expected two different hours from 0 to 23, as in 16-5".to_owned())
    }
}

fn link(text: &str) -> Result<Link, String> {
    let found = Link::ALL.into_iter().find(|link| link.word() == text);
    found.ok_or_else(|| format!("{text:?} is no link; the links are ethernet, wifi, cellular and satellite"))
}

#[derive(Serialize)]
struct ReleaseLine<'a> {
    class: &'a str,
    number: u64,
    version: &'a str,
    image_bytes: usize,
    patches: Vec<PatchLine<'a>>,
    complete: bool,
    expires_s: u64,
}

#[derive(Serialize)]
struct PatchLine<'a> {
    from: &'a str,
    bytes: usize,
    used: bool,
}

impl JsonLine for ReleaseLine<'_> {
    const REASON: &'static str = "release";
}

#[derive(Serialize)]
struct TimestampLine {
    releases: Vec<(String, u64)>,
    expires_s: u64,
}

impl JsonLine for TimestampLine {
    const REASON: &'static str = "timestamp";
}

pub(super) async fn sign(arguments: &Sign, context: &Context) -> CommandResult {
    let folder = arguments.places.folder(context);
    let vault = arguments.places.vault(context)?;
    let mut passphrases = arguments.places.passphrases(context);
    let (_, root, _) = newest_root(&folder)?;
    let now_s = context.clock.unix_s();
    let expires_s = arguments.expires.after(now_s);
    let recipe = recipe(arguments, now_s, expires_s, context)?;
    let prepared = prepare(&folder, recipe, context).await?;
    let failed = |error| chain_error(&error);

    let demands = [demand(&root, Role::Release)];
    let mut manifest = prepared.manifest.clone();
    passphrases.sign(&mut manifest, &vault, &demands).await?;
    let complete = manifest.missing(&demands) == [0];
    let key = keys::release_manifest(&prepared.class, prepared.number).unwrap_or_default().to_string();
    // Patches and passphrases take minutes, in which somebody else may have signed here.
    if folder.next_number(&prepared.class).map_err(failed)? != prepared.number {
        let message = format!("release {} for {} was signed here meanwhile", prepared.number, prepared.class);
        return Err(CommandError::new(Kind::Failed, message)
            .next_step("wildcam release show, then wildcam release sign for the next number"));
    }
    // The manifest comes after all that it names: without it they are files that nobody reads.
    for (name, bytes) in &prepared.payloads {
        folder.replace(name, bytes).map_err(failed)?;
    }
    if complete {
        folder.put(&key, &manifest.complete(&demands).map_err(failed)?).map_err(failed)?;
    } else if manifest.signers().next().is_none() {
        let message = "none of the keys of the role release is on this machine";
        return Err(CommandError::new(Kind::Guard, message).next_step("wildcam key list shows where they lie"));
    } else {
        folder.replace(&format!("{key}.{PART}"), &manifest.bytes().map_err(failed)?).map_err(failed)?;
    }
    tell(&prepared, complete, expires_s, context);
    if !complete {
        let part = folder.file(&format!("{key}.{PART}"));
        context.ui.status(format_args!("next, where another key is: wildcam key sign {}", part.display()));
        return Ok(());
    }
    let dated = date(&folder, &root, &vault, &mut passphrases, arguments.timestamp_expires, context).await;
    if dated.is_err() {
        context.ui.status(format_args!(
            "release {} is signed and stays; no timestamp names it yet: wildcam release refresh, and not sign again",
            prepared.number
        ));
    }
    dated
}

pub(super) async fn refresh(arguments: &Refresh, context: &Context) -> CommandResult {
    let folder = arguments.places.folder(context);
    let vault = arguments.places.vault(context)?;
    let (_, root, _) = newest_root(&folder)?;
    let mut passphrases = arguments.places.passphrases(context);
    date(&folder, &root, &vault, &mut passphrases, arguments.timestamp_expires, context).await
}

fn recipe(arguments: &Sign, now_s: u64, expires_s: u64, context: &Context) -> Result<Recipe, CommandError> {
    let board = arguments.board;
    let built = || context.project_folder().join(format!("target/firmware/wildcam-{board}-app.bin"));
    let image = arguments.image.clone().unwrap_or_else(built);
    let bases: Result<Vec<_>, _> = arguments.from.iter().map(|path: &PathBuf| read(path)).collect();
    let links = Some(Links::of(&arguments.link)).filter(|_| !arguments.link.is_empty());
    Ok(Recipe {
        class: board.name().to_owned(),
        chip: board.chip_id(),
        slot_bytes: board.layout().slots[0].bytes,
        image: read_image(&image, board)?,
        bases: bases?,
        version: arguments.version.clone(),
        gates: Gates { least_battery_mv: arguments.battery_mv, links, survey: arguments.survey.map(|survey| survey.0) },
        issued_s: now_s,
        expires_s,
    })
}

fn read_image(path: &Path, board: Board) -> Result<Vec<u8>, CommandError> {
    if path.is_file() {
        return read(path);
    }
    Err(CommandError::new(Kind::Usage, format!("{} is not there", path.display()))
        .next_step(format!("wildcam build --board {board}")))
}

async fn prepare(folder: &Folder, recipe: Recipe, context: &Context) -> Result<Prepared, CommandError> {
    if !recipe.bases.is_empty() {
        context.ui.status(format_args!("searching for patches (old images: {})", recipe.bases.len()));
    }
    let folder = folder.clone();
    let work = tokio::task::spawn_blocking(move || recipe::prepare(&folder, &recipe));
    let prepared = tokio::select! {
        prepared = work => prepared,
        () = context.interrupt.cancelled() => {
            return Err(CommandError::new(Kind::Interrupted, "interrupted; nothing was written"));
        }
    };
    let prepared = prepared.map_err(|error| CommandError::new(Kind::Failed, "the search ended").because(error))?;
    prepared.map_err(|error| chain_error(&error))
}

fn tell(prepared: &Prepared, complete: bool, expires_s: u64, context: &Context) {
    let state = if complete { "signed" } else { "not yet signed by enough keys" };
    context.ui.result(format_args!(
        "release {} for {}: {}, {} bytes, {state}, until {}",
        prepared.number,
        prepared.class,
        prepared.version,
        prepared.image_bytes,
        day(expires_s)
    ));
    for patch in &prepared.patches {
        let used = if patch.used { "" } else { ", left out: the image is shorter" };
        context.ui.result(format_args!("  patch from {}: {} bytes{used}", patch.from, patch.bytes));
    }
    context.ui.json(&ReleaseLine {
        class: &prepared.class,
        number: prepared.number,
        version: &prepared.version,
        image_bytes: prepared.image_bytes,
        patches: prepared
            .patches
            .iter()
            .map(|patch| PatchLine { from: &patch.from, bytes: patch.bytes, used: patch.used })
            .collect(),
        complete,
        expires_s,
    });
}

/// Signs which releases are the newest.
async fn date(
    folder: &Folder,
    root: &Root,
    vault: &Vault,
    passphrases: &mut Passphrases<'_>,
    lifetime: Lifetime,
    context: &Context,
) -> CommandResult {
    let failed = |error| chain_error(&error);
    let now_s = context.clock.unix_s();
    let expires_s = lifetime.after(now_s);
    let dated = recipe::timestamp(folder, root, now_s, expires_s).map_err(failed)?;
    for (class, number) in &dated.expired {
        context.ui.warn(format_args!(
            "release {number} for {class} has expired, and is left out: wildcam release sign --board {class}"
        ));
    }
    for (class, number) in &dated.unsigned {
        context.ui.warn(format_args!("release {number} for {class} lacks signatures of the newest root's keys"));
    }
    let demands = [demand(root, Role::Timestamp)];
    let mut draft = dated.draft;
    passphrases.sign(&mut draft, vault, &demands).await?;
    if draft.missing(&demands) != [0] {
        let message = "the release is there, and no timestamp names it: too few keys of the role timestamp are here";
        return Err(CommandError::new(Kind::Guard, message).next_step("wildcam key list shows where they lie"));
    }
    let document = draft.complete(&demands).map_err(failed)?;
    verify::would_take(folder, &document, now_s).map_err(failed)?;
    folder.replace(&keys::release_timestamp(), &document).map_err(failed)?;
    let names: Vec<String> = dated.names.iter().map(|(class, number)| format!("{class} {number}")).collect();
    context.ui.result(format_args!("newest until {}: {}", day(expires_s), names.join(", ")));
    context.ui.status("next: wildcam release publish");
    context.ui.json(&TimestampLine { releases: dated.names, expires_s });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_links_are_read() {
        let hours = |text: &str| text.parse::<Survey>().ok().map(|survey| (survey.0.from, survey.0.to));
        assert_eq!((hours("5-9"), hours("16-5"), hours("0-23")), (Some((5, 9)), Some((16, 5)), Some((0, 23))));
        for none in ["5", "5-5", "24-1", "1-24", "-1-3", "a-b", ""] {
            assert_eq!(hours(none), None, "{none:?}");
        }
        assert_eq!(link("wifi"), Ok(Link::Wifi));
        assert!(link("pigeon").is_err());
    }
}
