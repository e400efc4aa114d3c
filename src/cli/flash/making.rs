//! Who the boards become: from a kit, from a roster, or from the flags.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use wildcam_core::wire::CameraId;

use super::{
    super::provisioning::{Fleet, read_roster, secret},
    Arguments, CommandError, Context, Kind, Source, failure,
};
use crate::{
    board::{
        Board,
        flash::{Firmware, Found},
        pack::{self, Kit},
        provision::{self, Assignment, Provision, Wifi},
        roster::{self, Line},
    },
    project::{Secret, SecretRef},
};

/// A kit that was opened.
pub(super) struct OpenPack {
    path: PathBuf,
    pub(super) kit: Kit,
}

impl OpenPack {
    /// The firmware for a board.
    pub(super) fn firmware(&self, board: Board) -> Result<Firmware, CommandError> {
        let found = self.kit.images.iter().find(|(packed, _)| *packed == board);
        let (_, bytes) = found.ok_or_else(|| {
            CommandError::new(Kind::Guard, format!("{} has no firmware for {board}", self.path.display()))
                .next_step(format!("wildcam pack --board {board}"))
        })?;
        Firmware::parse(&self.path, bytes).map_err(|error| failure(&error))
    }
}

/// Opens a kit with the key that the reference leads to.
pub(super) fn open_pack(path: &Path, key: &SecretRef, context: &Context) -> Result<OpenPack, CommandError> {
    let failed = |error: std::io::Error| {
        CommandError::new(Kind::Usage, format!("{} cannot be read", path.display())).because(error)
    };
    if path.metadata().map_err(failed)?.len() > pack::MAX_BYTES {
        return Err(CommandError::new(Kind::Usage, format!("{} is too large to be a kit", path.display())));
    }
    let file = std::fs::read(path).map_err(failed)?;
    let kit = pack::open(&file, &secret(key, context)?).map_err(|error| {
        CommandError::new(Kind::Usage, format!("{} cannot be opened", path.display()))
            .because(error)
            .next_step("check --pack-key, or pack it anew: wildcam pack")
    })?;
    if kit.until_s <= context.clock.unix_s() {
        return Err(CommandError::new(Kind::Guard, format!("the tokens in {} have expired", path.display()))
            .next_step("wildcam pack"));
    }
    Ok(OpenPack { path: path.to_owned(), kit })
}

/// The names that boards have got, with the boards' addresses.
fn used(context: &Context) -> Result<BTreeMap<String, String>, CommandError> {
    let cameras =
        provision::cameras(&context.state_folder()).map_err(|error| CommandError::of(Kind::Failed, &error))?;
    Ok(cameras.into_values().map(|camera| (camera.id, camera.mac)).collect())
}

/// The name of a camera that nobody named: the end of its address.
fn default_name(mac: &str) -> String {
    let digits: String = mac.chars().filter(|letter| *letter != ':').collect();
    format!("cam-{}", &digits[digits.len().saturating_sub(6)..])
}

/// What each board is told; `None` for those that keep who they are.
pub(super) async fn provisions(
    arguments: &Arguments,
    source: &Source,
    found: &[Found],
    context: &Context,
) -> Result<Vec<Option<Provision>>, CommandError> {
    let wanted: Vec<&Found> = found.iter().filter(|board| arguments.new_identity || board.held.is_none()).collect();
    if wanted.is_empty() {
        return Ok(found.iter().map(|_| None).collect());
    }
    if arguments.name.is_some() && wanted.len() > 1 {
        return Err(CommandError::new(Kind::Usage, "--name names one camera, and there are more boards")
            .next_step("use --roster, or --port for one of them"));
    }
    let macs: Vec<String> = wanted.iter().map(|board| board.device.description().mac.clone()).collect();
    let used = used(context)?;
    let (lines, fleet): (Vec<Option<Line>>, Option<Fleet>) = match (&source.pack, &arguments.roster) {
        (Some(pack), _) => {
            let roster: Vec<Line> = pack.kit.cameras.iter().map(|camera| camera.line.clone()).collect();
            (roster::assign(&roster, &macs, &used).into_iter().map(Option::<&Line>::cloned).collect(), None)
        }
        (None, path) => {
            let fleet = Fleet::open(arguments.authority.as_deref(), arguments.endpoints.as_deref(), context).await?;
            let lines = match path {
                Some(path) => {
                    let roster = read_roster(path)?;
                    roster::assign(&roster, &macs, &used).into_iter().map(Option::<&Line>::cloned).collect()
                }
                None => macs.iter().map(|mac| flags_line(arguments, mac).map(Some)).collect::<Result<_, _>>()?,
            };
            (lines, Some(fleet))
        }
    };
    let trust = fleet.as_ref().map(|fleet| &fleet.trust).or(source.pack.as_ref().map(|pack| &pack.kit.trust));
    let trust = Arc::new(trust.cloned().ok_or_else(|| CommandError::new(Kind::Failed, "nobody to believe was named"))?);
    let mut made = BTreeMap::new();
    for (board, line) in wanted.iter().zip(lines) {
        let description = board.device.description();
        let line = line.ok_or_else(|| {
            let message = format!("no camera is left for {}", description.name());
            CommandError::new(Kind::Usage, message).next_step("add a line to the roster, or pack more cameras")
        })?;
        let assignment = match (&source.pack, &fleet) {
            (Some(pack), _) => packed(pack, &line),
            (None, Some(fleet)) => named(arguments, fleet, line, context).await?,
            (None, None) => continue,
        };
        let held = board.held.as_ref();
        let may_replace =
            held.is_some_and(|held| arguments.allow_data_loss.iter().any(|name| name == held.camera.as_str()));
        let replaces = arguments.new_identity && held.is_some();
        let provision = Provision { assignment, trust: Arc::clone(&trust), replaces, may_replace };
        made.insert(description.mac.clone(), provision);
    }
    Ok(found.iter().map(|board| made.remove(&board.device.description().mac)).collect())
}

fn flags_line(arguments: &Arguments, mac: &str) -> Result<Line, CommandError> {
    let name = arguments.name.clone().unwrap_or_else(|| default_name(mac));
    let name = CameraId::new(&name)
        .map_err(|error| CommandError::new(Kind::Usage, format!("{name:?} is no camera id")).because(error))?;
    Ok(Line { number: 0, mac: Some(mac.to_owned()), name, ssid: None, passphrase: None, group: String::new() })
}

fn packed(pack: &OpenPack, line: &Line) -> Assignment {
    let camera = pack.kit.cameras.iter().find(|camera| camera.line.number == line.number);
    let passphrase = camera.and_then(|camera| camera.passphrase.clone()).unwrap_or_else(|| Secret::new(String::new()));
    Assignment {
        camera: line.name.clone(),
        token: camera.map_or_else(|| Secret::new(String::new()), |camera| camera.token.clone()),
        wifi: line.ssid.clone().map(|ssid| Wifi { ssid, passphrase }),
        group: line.group.clone(),
    }
}

async fn named(
    arguments: &Arguments,
    fleet: &Fleet,
    line: Line,
    context: &Context,
) -> Result<Assignment, CommandError> {
    let (ssid, reference) = match line.ssid {
        Some(ssid) => (Some(ssid), line.passphrase),
        None => (arguments.wifi.clone(), arguments.wifi_passphrase.clone()),
    };
    let wifi = match ssid {
        None => None,
        Some(ssid) => {
            let passphrase = match &reference {
                Some(reference) => secret(reference, context)?,
                None => Secret::new(String::new()),
            };
            Some(Wifi { ssid, passphrase })
        }
    };
    let (token, _) = fleet.token(&line.name, context.clock.unix_s()).await?;
    let group = if line.group.is_empty() { arguments.group.clone() } else { line.group };
    Ok(Assignment { camera: line.name, token, wifi, group })
}
