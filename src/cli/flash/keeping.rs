//! Boards that stay who they are: what they are told anew.

use zeroize::Zeroizing;

use super::{
    Arguments, CommandError, Kind, failure,
    making::{Making, Told},
};
use crate::board::{
    flash::{Error, Job},
    provision::{self, Settings},
    roster::Line,
};

/// Refuses `--name` where no board can get it.
pub(super) fn check_name(arguments: &Arguments, jobs: &[Job]) -> Result<(), CommandError> {
    let Some(name) = &arguments.name else { return Ok(()) };
    let mut held = jobs.iter().filter_map(|job| job.found.held.as_ref().map(|held| (job, held)));
    match held.next() {
        Some((job, first)) if first.camera.as_str() != name && held.all(|(_, held)| held.camera.as_str() != name) => {
            Err(keeps_its_name(job, name))
        }
        _ => Ok(()),
    }
}

fn keeps_its_name(job: &Job, name: &str) -> CommandError {
    let held = job.found.held.as_ref().map(|held| held.camera.as_str()).unwrap_or_default();
    let message = format!("{} is the camera {held} and keeps its name; it cannot become {name}", board(job));
    CommandError::new(Kind::Usage, message)
        .next_step(format!("call it {held}, or make it another camera: --new-identity --allow-data-loss {held}"))
}

fn board(job: &Job) -> String {
    job.found.device.description().name()
}

/// The line of a camera that is there: that of its address, or the one without an address that has its name.
fn line<'r>(roster: &'r [Line], job: &Job) -> Result<Option<&'r Line>, CommandError> {
    let Some(held) = &job.found.held else { return Ok(None) };
    let mac = &job.found.device.description().mac;
    match roster.iter().find(|line| line.mac.as_ref() == Some(mac)) {
        Some(line) if line.name == held.camera => Ok(Some(line)),
        Some(line) => Err(keeps_its_name(job, line.name.as_str())),
        None => Ok(roster.iter().find(|line| line.mac.is_none() && line.name == held.camera)),
    }
}

/// What a board that keeps its identity is told. The outer error ends the command before anything is written.
pub(super) fn tell(making: &Making<'_>, job: &mut Job) -> Result<Result<Told, CommandError>, CommandError> {
    let arguments = making.arguments;
    let line = line(&making.roster, job)?;
    // A kit is of another project perhaps: whom it believes counts for its own cameras. A project's counts when it was given.
    let counts = match making.pack {
        Some(_) => line.is_some(),
        None => arguments.authority.is_some() || arguments.endpoints.is_some(),
    };
    let settings = Settings {
        wifi: making.wifi(line)?,
        group: Some(making.group(line)).filter(|group| !group.is_empty()),
        trust: making.trust.clone().filter(|_| counts),
        new_endpoints: arguments.endpoints.is_some(),
    };
    let (Some(held), Some(layout)) = (job.found.held.clone(), job.layout()) else { return Ok(Ok(Told::default())) };
    if settings.wifi.is_none() && settings.group.is_none() && settings.trust.is_none() {
        return Ok(Ok(Told::default()));
    }
    if held.sealed {
        return sealed(making, job, held.camera.as_str()).map(Ok);
    }
    let region = layout.identity;
    let bytes = match read(job, region.offset, region.bytes) {
        Ok(bytes) => bytes,
        Err(error) => return Ok(Err(failure(&error))),
    };
    let renewed = provision::renew(region, &bytes, &settings, making.context.clock.unix_ms());
    Ok(match renewed {
        Ok(renewed) => Ok(Told { provision: None, renewed }),
        Err(source) => Err(failure(&Error::Provision { board: board(job), source })),
    })
}

/// Only the chip can read what it was told, so it cannot be told anew. Flags ask for that; a roster or a kit may well say what
/// the camera knows already.
fn sealed(making: &Making<'_>, job: &Job, camera: &str) -> Result<Told, CommandError> {
    let arguments = making.arguments;
    let message = format!("{} has sealed the identity of {camera}, and only the chip can read it", board(job));
    if arguments.wifi.is_some() || !arguments.group.is_empty() {
        let message = format!("{message}: --wifi, --wifi-passphrase and --group cannot be applied to it");
        return Err(CommandError::new(Kind::Usage, message).next_step(format!(
            "leave them out, or make it another camera: --new-identity --name NAME --allow-data-loss {camera}"
        )));
    }
    making.context.ui.warn(format_args!("{message}: it keeps its Wi-Fi, its group and whom it believes"));
    Ok(Told::default())
}

fn read(job: &mut Job, offset: u32, bytes: u32) -> Result<Zeroizing<Vec<u8>>, Error> {
    let device = job.found.device.as_mut();
    let mut region = device.read(offset, bytes);
    while region.as_ref().is_err_and(Error::may_pass) && device.recover()?.is_some() {
        region = device.read(offset, bytes);
    }
    region.map(Zeroizing::new)
}
