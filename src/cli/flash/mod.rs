//! `wildcam flash`: firmware and an identity onto every board that is plugged in.

mod lines;
mod making;
mod registering;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    CommandError, CommandResult, Context, Kind,
    provisioning::{built_firmware, failure},
};
use crate::{
    board::{
        Board,
        flash::{self, BoardPlan, Error, Event, Firmware, Found, Job, Link, Options, Place},
        provision::Registry,
        usb,
    },
    project::SecretRef,
    ui::Progress,
};

const EXAMPLES: &str = "Examples:
  wildcam flash                                  every board that is plugged in
  wildcam flash --dry-run                        what would be written, kept and lost
  wildcam flash --wifi camp --wifi-passphrase env:CAMP --group ridge
  wildcam flash --roster cameras.csv             names, networks and groups by MAC or in order
  wildcam flash --pack kit.wildcam               without a network and without a toolchain
  wildcam flash --port /dev/ttyUSB0 --firmware wildcam-esp32c3-full.bin
  wildcam flash --board qemu-virt --port cam.flash
  wildcam flash --image arduino.bin              any image of ESP-IDF or Arduino
  wildcam flash --register                       send the keys that wait for a network

A flash that was interrupted or cut off is gone on with by the next one. A board that has an identity keeps it.";

/// The arguments of `wildcam flash`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// A port with a board, or the flash file of an emulated one; default: every board that is found. May be repeated
    #[arg(long, value_name = "PATH")]
    port: Vec<String>,
    /// The board; default: what the chip says it is
    #[arg(long, value_name = "BOARD")]
    board: Option<Board>,
    /// Firmware of wildcam: a -full.bin or -app.bin; default: what `wildcam build` wrote to target/firmware
    #[arg(long, value_name = "FILE", conflicts_with_all = ["image", "pack"])]
    firmware: Option<PathBuf>,
    /// An image of ESP-IDF or Arduino; wildcam cannot manage the board afterwards
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pack", "roster", "new_identity"])]
    image: Option<PathBuf>,
    /// A file of `wildcam pack` with firmware, tokens and endpoint lists
    #[arg(long, value_name = "FILE", conflicts_with = "roster")]
    pack: Option<PathBuf>,
    /// Where the key of the pack is found: env:NAME or file:PATH
    #[arg(long, value_name = "REFERENCE", requires = "pack", default_value = "env:WILDCAM_PACK_KEY")]
    pack_key: SecretRef,
    /// The cameras: a CSV file with the columns name, mac, ssid, passphrase, group
    #[arg(long, value_name = "FILE")]
    roster: Option<PathBuf>,
    /// The name of the camera, for one board; default: cam- and the end of its MAC
    #[arg(long, value_name = "ID", conflicts_with_all = ["roster", "pack"])]
    name: Option<String>,
    /// The wireless network of cameras for which the roster names none
    #[arg(long, value_name = "SSID")]
    wifi: Option<String>,
    /// Where its passphrase is found: env:NAME or file:PATH
    #[arg(long, value_name = "REFERENCE", requires = "wifi")]
    wifi_passphrase: Option<SecretRef>,
    /// The group of cameras for which the roster names none
    #[arg(long, value_name = "NAME", default_value = "")]
    group: String,
    /// The certificate of the authority that vouches for the gateways (PEM); default: the lab's
    #[arg(long, value_name = "FILE")]
    authority: Option<PathBuf>,
    /// A signed endpoint list; default: the lab's, or one made from gateway.public_urls
    #[arg(long, value_name = "FILE")]
    endpoints: Option<PathBuf>,
    /// Write no identity to boards that have none
    #[arg(long, conflicts_with_all = ["new_identity", "roster", "name"])]
    firmware_only: bool,
    /// Write a new identity also where one is; needs --allow-data-loss for each camera that it replaces
    #[arg(long)]
    new_identity: bool,
    /// Consent to losing the key, the counters and the waiting pictures of this camera. May be repeated
    #[arg(long, value_name = "CAMERA")]
    allow_data_loss: Vec<String>,
    /// The baud rate to begin with; errors lower it
    #[arg(long, value_name = "RATE", default_value_t = 921_600)]
    baud: u32,
    /// Never touch the port's control lines: the chip is in its loader already
    #[arg(long)]
    no_reset: bool,
    /// Show the plan and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Send the public keys that wait for a network to the gateways, and flash nothing
    #[arg(long, conflicts_with_all = ["port", "firmware", "image", "roster", "dry_run", "new_identity"])]
    register: bool,
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    if arguments.register {
        return registering::run(arguments, context).await;
    }
    let (found, mut failures) = find(arguments, context)?;
    let source = Source::open(arguments, context)?;
    let mut jobs = Vec::new();
    let provisions = if arguments.image.is_some() || arguments.firmware_only {
        found.iter().map(|_| None).collect()
    } else {
        making::provisions(arguments, &source, &found, context).await?
    };
    for (found, provision) in found.into_iter().zip(provisions) {
        let firmware = source.firmware(&found, arguments)?;
        jobs.push(Job { found, firmware, provision });
    }
    let journals = context.state_folder().join("flash");
    let mut plans = Vec::new();
    for job in &mut jobs {
        plans.push(job.plan(&journals).map_err(|error| failure(&error))?);
    }
    lines::show(&plans, context);
    if arguments.dry_run {
        return failures.pop().map_or(Ok(()), Err);
    }
    if !consent(&plans, context)? {
        return Err(CommandError::new(Kind::Guard, "nothing was written"));
    }
    if context.interrupt.is_cancelled() {
        return Err(failure(&Error::Interrupted));
    }
    flash(jobs, journals, arguments, context, failures)
}

fn places(arguments: &Arguments) -> Result<Vec<Place>, CommandError> {
    let place = |path: &String| match arguments.board {
        Some(Board::QemuVirt) => Place::File(path.into()),
        _ => Place::Port(path.clone()),
    };
    if arguments.board == Some(Board::QemuVirt) && arguments.port.is_empty() {
        return Err(CommandError::new(Kind::Usage, "an emulated board needs its flash file")
            .next_step("wildcam flash --board qemu-virt --port FILE"));
    }
    if !arguments.port.is_empty() {
        return Ok(arguments.port.iter().map(place).collect());
    }
    let ports = usb::ports();
    if ports.is_empty() {
        return Err(CommandError::new(Kind::Failed, "no board is plugged in").next_step("wildcam doctor --usb"));
    }
    Ok(ports.into_iter().map(|port| Place::Port(port.path)).collect())
}

/// The boards. A port that was named must answer; of those that were found by looking, the others go on.
fn find(arguments: &Arguments, context: &Context) -> Result<(Vec<Found>, Vec<CommandError>), CommandError> {
    let places = places(arguments)?;
    context.ui.status(match places.len() {
        1 => "looking at 1 port".to_owned(),
        count => format!("looking at {count} ports"),
    });
    let link = Link { baud: arguments.baud, reset: !arguments.no_reset };
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for looked in flash::find(&places, link) {
        match looked {
            Ok(board) => found.push(board),
            Err(error) => failures.push(failure(&error)),
        }
    }
    if context.interrupt.is_cancelled() {
        return Err(failure(&Error::Interrupted));
    }
    let mut seen = BTreeMap::new();
    for board in &found {
        let description = board.device.description();
        if let Some(other) = seen.insert(description.mac.clone(), description.port.clone()) {
            let message = format!("{other} and {} are the same board, {}", description.port, description.name());
            return Err(CommandError::new(Kind::Usage, message).next_step("name it once"));
        }
    }
    if let Some(last) = failures.pop_if(|_| !arguments.port.is_empty() || found.is_empty()) {
        failures.iter().for_each(|error| context.ui.failure(error));
        return Err(last);
    }
    failures.iter().for_each(|error| context.ui.failure(error));
    let failures = failures.iter().map(|error| CommandError::already_said(error.kind())).collect();
    Ok((found, failures))
}

/// Where firmware and identities come from.
struct Source {
    pack: Option<making::OpenPack>,
    image: Option<Arc<Firmware>>,
    firmware: Option<Arc<Firmware>>,
    built: Mutex<BTreeMap<Board, Arc<Firmware>>>,
    outputs: PathBuf,
}

impl Source {
    fn open(arguments: &Arguments, context: &Context) -> Result<Self, CommandError> {
        let firmware = |path: &PathBuf| Firmware::open(path).map(Arc::new).map_err(|error| failure(&error));
        let image = |path: &PathBuf| Firmware::foreign(path).map(Arc::new).map_err(|error| failure(&error));
        Ok(Self {
            pack: arguments
                .pack
                .as_ref()
                .map(|path| making::open_pack(path, &arguments.pack_key, context))
                .transpose()?,
            image: arguments.image.as_ref().map(image).transpose()?,
            firmware: arguments.firmware.as_ref().map(firmware).transpose()?,
            built: Mutex::default(),
            outputs: context.project.clone().unwrap_or_default().join("target/firmware"),
        })
    }

    /// What goes onto a board: what was given, or what was built for its chip.
    fn firmware(&self, found: &Found, arguments: &Arguments) -> Result<Arc<Firmware>, CommandError> {
        if let Some(given) = self.image.as_ref().or(self.firmware.as_ref()) {
            return Ok(Arc::clone(given));
        }
        let description = found.device.description();
        let board = arguments.board.or(description.board).ok_or_else(|| {
            CommandError::new(Kind::Guard, format!("there is no firmware for {}", description.name()))
                .next_step("wildcam flash --image FILE")
        })?;
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = built.get(&board) {
            return Ok(Arc::clone(known));
        }
        let firmware = match &self.pack {
            Some(pack) => pack.firmware(board)?,
            None => built_firmware(&self.outputs, board)?,
        };
        let firmware = Arc::new(firmware);
        built.insert(board, Arc::clone(&firmware));
        Ok(firmware)
    }
}

fn consent(plans: &[BoardPlan], context: &Context) -> Result<bool, CommandError> {
    let boards = if plans.len() == 1 { "this board" } else { "these boards" };
    context.ui.confirm(&format!("Write to {boards}?"))
}

fn flash(
    jobs: Vec<Job>,
    journals: PathBuf,
    arguments: &Arguments,
    context: &Context,
    mut failures: Vec<CommandError>,
) -> CommandResult {
    let registry = match arguments.image {
        Some(_) => None,
        None => Some(Mutex::new(Registry::open(&context.state_folder()).map_err(|error| {
            CommandError::of(Kind::Failed, &error).next_step("end the other wildcam, then run the same command")
        })?)),
    };
    let options = Options {
        journals,
        registry: registry.as_ref(),
        stop: context.interrupt.clone(),
        clock: context.clock.clone(),
        random: context.random.clone(),
    };
    let bars: Mutex<BTreeMap<String, Progress>> = Mutex::default();
    let listener = |event: Event| {
        if let Event::Progress { board, part, done, total } = &event {
            let mut bars = bars.lock().unwrap_or_else(PoisonError::into_inner);
            let bar = bars.entry(board.clone()).or_insert_with(|| context.ui.progress(board, *total));
            bar.message(&format!("{board} {part}"));
            bar.length(*total);
            bar.set(*done);
        }
        lines::event(&event, context);
    };
    let names: Vec<String> = jobs.iter().map(|job| job.found.device.description().name()).collect();
    let results = flash::run(jobs, &options, &listener);
    drop(bars);
    let mut flashed = 0;
    for (name, result) in names.iter().zip(results) {
        match result {
            Ok(board) => {
                flashed += 1;
                lines::flashed(&board, context);
            }
            Err(error) => failures.push(lines::failed(name, &error, failure(&error), context)),
        }
    }
    lines::summary(flashed, failures.len(), context);
    if context.interrupt.is_cancelled() && !failures.is_empty() {
        return Err(failure(&Error::Interrupted));
    }
    // The last one is returned, and so printed by the caller; the others were printed where they happened.
    let last = failures.pop();
    failures.iter().for_each(|error| context.ui.failure(error));
    last.map_or(Ok(()), Err)
}
