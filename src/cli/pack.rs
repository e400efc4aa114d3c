//! `wildcam pack`: a kit for flashing without a network.

use std::path::PathBuf;

use serde::Serialize;
use wildcam_core::wire::CameraId;

use super::{
    CommandError, CommandResult, Context, Kind,
    provisioning::{Fleet, built_firmware, read_roster, secret},
};
use crate::{
    board::{
        Board,
        pack::{self, Kit, KitCamera},
        roster::Line,
    },
    journal::atomic,
    project::SecretRef,
    ui::JsonLine,
};

const EXAMPLES: &str = "Examples:
  wildcam pack -o kit.wildcam --cameras 20
  wildcam pack -o kit.wildcam --roster cameras.csv --board esp32c3
  wildcam pack -o kit.wildcam --cameras 5 --key file:kit.key

The kit is one file. Enrolment tokens, passphrases of networks and names of cameras in it are
encrypted under the key (12 characters or more); which firmware is in it can be read by anyone,
and changed unnoticed by nobody without the key. Whoever has the kit and its key can enrol the
cameras in it until the tokens expire, 30 days after packing.";

/// The arguments of `wildcam pack`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The file to write
    #[arg(short, long, value_name = "FILE", default_value = "kit.wildcam")]
    output: PathBuf,
    /// A board whose firmware is packed; default: every board that was built. May be repeated
    #[arg(long, value_name = "BOARD")]
    board: Vec<Board>,
    /// How many cameras may be flashed from it
    #[arg(long, value_name = "N", conflicts_with = "roster", required_unless_present = "roster",
        value_parser = clap::value_parser!(u16).range(1..=2000))]
    cameras: Option<u16>,
    /// How the cameras' names begin
    #[arg(long, value_name = "TEXT", default_value = "cam", conflicts_with = "roster")]
    prefix: String,
    /// The cameras: a CSV file with the columns name, mac, ssid, passphrase, group
    #[arg(long, value_name = "FILE")]
    roster: Option<PathBuf>,
    /// The wireless network of cameras for which the roster names none
    #[arg(long, value_name = "SSID")]
    wifi: Option<String>,
    /// Where its passphrase is found: env:NAME or file:PATH
    #[arg(long, value_name = "REFERENCE", requires = "wifi")]
    wifi_passphrase: Option<SecretRef>,
    /// The group of cameras for which the roster names none
    #[arg(long, value_name = "NAME", default_value = "")]
    group: String,
    /// Where the key of the pack is found: env:NAME or file:PATH
    #[arg(long, value_name = "REFERENCE", default_value = "env:WILDCAM_PACK_KEY")]
    key: SecretRef,
    /// The certificate of the authority that vouches for the gateways (PEM); for emulated boards: the lab's
    #[arg(long, value_name = "FILE")]
    authority: Option<PathBuf>,
    /// A signed endpoint list; default: one made from gateway.public_urls, for emulated boards the lab's
    #[arg(long, value_name = "FILE")]
    endpoints: Option<PathBuf>,
}

#[derive(Serialize)]
struct PackLine<'a> {
    file: &'a std::path::Path,
    bytes: usize,
    cameras: usize,
    boards: Vec<&'static str>,
    expires_s: u64,
}

impl JsonLine for PackLine<'_> {
    const REASON: &'static str = "pack";
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    let key = secret(&arguments.key, context)?;
    let images = images(arguments, context)?;
    let emulated = images.iter().all(|(board, _)| *board == Board::QemuVirt);
    let (authority, endpoints) = (arguments.authority.as_deref(), arguments.endpoints.as_deref());
    let fleet = Fleet::open(authority, endpoints, emulated, context).await?;
    let now_s = context.clock.unix_s();
    let (mut cameras, mut until_s) = (Vec::new(), u64::MAX);
    for mut line in lines(arguments, context)? {
        let (token, expires_s) = fleet.token(&line.name, now_s).await?;
        until_s = until_s.min(expires_s);
        if line.ssid.is_none() {
            line.ssid.clone_from(&arguments.wifi);
            line.passphrase.clone_from(&arguments.wifi_passphrase);
        }
        if line.group.is_empty() {
            line.group.clone_from(&arguments.group);
        }
        let passphrase = line.passphrase.as_ref().map(|reference| secret(reference, context)).transpose()?;
        cameras.push(KitCamera { line, token, passphrase });
    }
    let (count, boards) = (cameras.len(), images.iter().map(|(board, _)| board.name()).collect::<Vec<_>>());
    let kit = Kit { packed_s: now_s, until_s, trust: fleet.trust, cameras, images };
    let file = pack::seal(&kit, &key, &context.random).map_err(|error| {
        CommandError::of(Kind::Usage, &error).next_step("give a longer key: --key env:NAME or file:PATH")
    })?;
    atomic::write_private(&arguments.output, &file).map_err(|error| CommandError::of(Kind::Failed, &error))?;
    context.ui.result(format_args!(
        "{}: firmware for {}, tokens for cameras: {count}, valid 30 days",
        arguments.output.display(),
        boards.join(", ")
    ));
    context.ui.status(format_args!("next, in the field: wildcam flash --pack {}", arguments.output.display()));
    context.ui.json(&PackLine {
        file: &arguments.output,
        bytes: file.len(),
        cameras: count,
        boards,
        expires_s: until_s,
    });
    Ok(())
}

fn images(arguments: &Arguments, context: &Context) -> Result<Vec<(Board, Vec<u8>)>, CommandError> {
    let outputs = context.project.clone().unwrap_or_default().join("target/firmware");
    let built = |board: &Board| outputs.join(format!("wildcam-{board}-full.bin")).is_file();
    let boards: Vec<Board> = match arguments.board.as_slice() {
        [] => Board::ALL.into_iter().filter(|board| *board != Board::QemuVirt && built(board)).collect(),
        named => named.to_vec(),
    };
    if boards.is_empty() {
        return Err(CommandError::new(Kind::Usage, format!("no firmware was built in {}", outputs.display()))
            .next_step("wildcam build --board BOARD"));
    }
    let mut images = Vec::new();
    for board in boards {
        let firmware = built_firmware(&outputs, board)?;
        let bytes = std::fs::read(&firmware.path).map_err(|error| {
            CommandError::new(Kind::Failed, format!("{} cannot be read", firmware.path.display())).because(error)
        })?;
        images.push((board, bytes));
    }
    Ok(images)
}

fn lines(arguments: &Arguments, context: &Context) -> Result<Vec<Line>, CommandError> {
    if let Some(path) = &arguments.roster {
        return read_roster(path);
    }
    // Two kits of one project must not enrol two cameras under one name.
    let kit = context.random.ulid(context.clock.unix_ms()).to_string().to_lowercase();
    let kit = &kit[kit.len() - 4..];
    let count = usize::from(arguments.cameras.unwrap_or(0));
    let line = |number: usize| {
        let name = format!("{}-{kit}-{number:03}", arguments.prefix);
        let name = CameraId::new(&name)
            .map_err(|error| CommandError::new(Kind::Usage, format!("{name:?} is no camera id")).because(error))?;
        Ok(Line { number, mac: None, name, ssid: None, passphrase: None, group: String::new() })
    };
    (1..=count).map(line).collect()
}
