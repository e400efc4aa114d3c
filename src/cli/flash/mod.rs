//! `wildcam flash`: firmware and an identity onto every board that is plugged in.

mod burning;
mod keeping;
mod lines;
mod making;
mod registering;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use making::Told;

use super::{
    CommandError, CommandResult, Context, Kind,
    provisioning::{built_firmware, cameras_folder, failure},
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
  wildcam flash --burn-efuses --dry-run          which eFuses of which boards would be burnt, for ever
  wildcam flash --burn-efuses --allow-burn 24:0a:c4:00:00:01
  wildcam flash --register                       send the keys that wait for a network

A flash that was interrupted or cut off is gone on with by the next one. A board that has an
identity keeps it.";

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
    /// An image of ESP-IDF or Arduino; wildcam cannot manage the board afterwards. Needs --allow-data-loss for each camera
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pack", "roster", "new_identity", "name", "wifi", "group"])]
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
    /// The name of the camera, for one new board; default: cam- and the end of its MAC
    #[arg(long, value_name = "ID", conflicts_with_all = ["roster", "pack"])]
    name: Option<String>,
    /// The wireless network of cameras for which the roster or the pack names none
    #[arg(long, value_name = "SSID")]
    wifi: Option<String>,
    /// Where its passphrase is found: env:NAME or file:PATH
    #[arg(long, value_name = "REFERENCE", requires = "wifi")]
    wifi_passphrase: Option<SecretRef>,
    /// The group of cameras for which the roster or the pack names none
    #[arg(long, value_name = "NAME", default_value = "")]
    group: String,
    /// The certificate of the authority that vouches for the gateways (PEM); for emulated boards: the lab's
    #[arg(long, value_name = "FILE")]
    authority: Option<PathBuf>,
    /// A signed endpoint list; default: one made from gateway.public_urls, for emulated boards the lab's
    #[arg(long, value_name = "FILE")]
    endpoints: Option<PathBuf>,
    /// Write no identity to boards that have none
    #[arg(long, conflicts_with_all = ["new_identity", "roster", "name", "wifi", "group"])]
    firmware_only: bool,
    /// Write a new identity, under another name, also where one is; needs --allow-data-loss for each camera that it replaces
    #[arg(long)]
    new_identity: bool,
    /// Consent to losing the key, the counters and the waiting pictures of this camera, or board by its MAC. May be repeated
    #[arg(long, value_name = "CAMERA")]
    allow_data_loss: Vec<String>,
    /// Burn a new random key, for ever, into a free key block of each chip; the board seals what it knows under it. Asks for a
    /// typed phrase, and --yes is none
    #[arg(long, conflicts_with_all = ["image", "register"])]
    burn_efuses: bool,
    /// Consent to burning the eFuses of this board, by its MAC or the camera that it is, without being asked. May be repeated
    #[arg(long, value_name = "BOARD", requires = "burn_efuses")]
    allow_burn: Vec<String>,
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
    burning::check(arguments)?;
    let (found, mut failures) = find(arguments, context)?;
    let source = Source::open(arguments, context)?;
    // Before names are given out: a board that cannot be flashed gets none.
    let jobs = found.into_iter().map(|found| source.job(found, arguments)).collect();
    let (mut jobs, more) = those_that_can(jobs, arguments, context)?;
    failures.extend(more);
    let tellings = if arguments.image.is_some() || arguments.firmware_only {
        jobs.iter().map(|_| Ok(Told::default())).collect()
    } else {
        making::tell(arguments, &source, &mut jobs, context).await?
    };
    let journals = cameras_folder(context)?.join("flash");
    let mut planned = Vec::new();
    for (job, told) in jobs.into_iter().zip(tellings) {
        planned.push(match told {
            Ok(told) => plan(job, told, &journals, arguments)?,
            Err(error) => Err(error),
        });
    }
    let (planned, more) = those_that_can(planned, arguments, context)?;
    failures.extend(more);
    let (jobs, plans): (Vec<Job>, Vec<BoardPlan>) = planned.into_iter().unzip();
    lines::show(&plans, context);
    if arguments.dry_run {
        return failures.pop().map_or(Ok(()), Err);
    }
    if !consent(&jobs, &plans, arguments, context)? {
        return Err(CommandError::new(Kind::Guard, "nothing was written"));
    }
    if context.interrupt.is_cancelled() {
        return Err(failure(&Error::Interrupted));
    }
    flash(jobs, journals, arguments, context, failures)
}

/// What is planned for a board. The outer error ends the command: a loss that was not consented to.
fn plan(
    mut job: Job,
    told: Told,
    journals: &Path,
    arguments: &Arguments,
) -> Result<Result<(Job, BoardPlan), CommandError>, CommandError> {
    let mut changes = Vec::new();
    job.provision = told.provision;
    if let Some(renewed) = told.renewed {
        let mut firmware = Firmware::clone(&job.firmware);
        firmware.parts.push(renewed.part);
        job.firmware = Arc::new(firmware);
        job.provision = Some(renewed.provision);
        changes = renewed.changes;
    }
    let mut plan = match job.plan(journals) {
        Ok(plan) => plan,
        Err(error @ Error::Identity { .. }) => return Err(failure(&error)),
        Err(error) => return Ok(Err(failure(&error))),
    };
    plan.changes = changes;
    // A new identity was checked by the plan itself.
    if job.firmware.board.is_none() && job.ends_identity() && !arguments.consents(&job.found) {
        let camera = job.found.held.as_ref().map(|held| held.camera.as_str());
        let who =
            camera.map_or("holds an identity that cannot be read".to_owned(), |name| format!("is the camera {name}"));
        let message = format!("{} {who}: the image loses its key, its counters and the pictures that wait", plan.board);
        let consent = camera.unwrap_or(&plan.mac);
        return Err(CommandError::new(Kind::Guard, message)
            .next_step(format!("--allow-data-loss {consent}, or --port for another board")));
    }
    Ok(Ok((job, plan)))
}

/// Separates what can be flashed from what cannot. A board that was named by its port must be; of those that were found by
/// looking, the others go on, and the command fails in the end.
fn those_that_can<T>(
    results: Vec<Result<T, CommandError>>,
    arguments: &Arguments,
    context: &Context,
) -> Result<(Vec<T>, Vec<CommandError>), CommandError> {
    go_on(results, !arguments.port.is_empty(), &|error| context.ui.failure(error))
}

fn go_on<T>(
    results: Vec<Result<T, CommandError>>,
    all_were_named: bool,
    tell: &dyn Fn(&CommandError),
) -> Result<(Vec<T>, Vec<CommandError>), CommandError> {
    let (mut good, mut failures) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) => good.push(value),
            Err(error) => failures.push(error),
        }
    }
    let last = failures.pop_if(|_| all_were_named || good.is_empty());
    failures.iter().for_each(tell);
    match last {
        Some(last) => Err(last),
        None => Ok((good, failures.iter().map(|_| CommandError::already_said(Kind::Failed)).collect())),
    }
}

impl Arguments {
    /// Whether the user consented to losing what this board is.
    fn consents(&self, board: &Found) -> bool {
        self.allow_data_loss.iter().any(|name| board.is_named(name))
    }
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

/// The boards that answer.
fn find(arguments: &Arguments, context: &Context) -> Result<(Vec<Found>, Vec<CommandError>), CommandError> {
    let places = places(arguments)?;
    context.ui.status(match places.len() {
        1 => "looking at 1 port".to_owned(),
        count => format!("looking at {count} ports"),
    });
    let link = Link { baud: arguments.baud, reset: !arguments.no_reset };
    let looked = flash::find(&places, link);
    if context.interrupt.is_cancelled() {
        return Err(failure(&Error::Interrupted));
    }
    let looked = looked.into_iter().map(|looked| looked.map_err(|error| failure(&error))).collect();
    let (found, failures) = those_that_can(looked, arguments, context)?;
    let mut seen = BTreeMap::new();
    for board in &found {
        let description = board.device.description();
        if let Some(other) = seen.insert(description.mac.clone(), description.port.clone()) {
            let message = format!("{other} and {} are the same board, {}", description.port, description.name());
            return Err(CommandError::new(Kind::Usage, message).next_step("name it once"));
        }
    }
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

    /// The firmware for a board, if it is one that can be flashed. Whom it becomes is not decided yet.
    fn job(&self, found: Found, arguments: &Arguments) -> Result<Job, CommandError> {
        if arguments.burn_efuses {
            burning::check_board(&found)?;
        }
        let firmware = self.firmware(&found, arguments)?;
        let job = Job { found, firmware, provision: None, burn: arguments.burn_efuses, efuses: None };
        job.check().map_err(|error| failure(&error))?;
        Ok(job)
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

fn consent(jobs: &[Job], plans: &[BoardPlan], arguments: &Arguments, context: &Context) -> Result<bool, CommandError> {
    if let Some(answer) = burning::consent(jobs, arguments, context)? {
        return Ok(answer);
    }
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
        None => Some(Mutex::new(Registry::open(&cameras_folder(context)?).map_err(|error| {
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
            Ok(mut board) => {
                flashed += 1;
                if arguments.image.is_some() {
                    // It was one, until now.
                    (board.camera, board.public_key) = (None, None);
                }
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn one_board_that_cannot_be_flashed_ends_only_what_was_named() {
        let told = RefCell::new(Vec::new());
        let tell = |error: &CommandError| told.borrow_mut().push(error.in_one_line());
        let boards = |bad: &[u8]| {
            let board = |number: u8| {
                if bad.contains(&number) {
                    Err(CommandError::new(Kind::Guard, format!("no {number}")))
                } else {
                    Ok(number)
                }
            };
            (1..=3).map(board).collect::<Vec<_>>()
        };
        let (good, failures) = go_on(boards(&[2]), false, &tell).unwrap();
        assert_eq!((good, told.take()), (vec![1, 3], vec!["no 2".to_owned()]));
        assert_eq!(failures.iter().map(CommandError::kind).collect::<Vec<_>>(), [Kind::Failed]);
        // All were named, or none is left: the last error is the command's.
        let error = go_on(boards(&[2]), true, &tell).unwrap_err();
        assert_eq!((error.kind(), error.in_one_line(), told.take()), (Kind::Guard, "no 2".to_owned(), Vec::new()));
        let error = go_on(boards(&[1, 2, 3]), false, &tell).unwrap_err();
        assert_eq!((error.in_one_line(), told.take()), ("no 3".to_owned(), vec!["no 1".to_owned(), "no 2".to_owned()]));
    }
}
