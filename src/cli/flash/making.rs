//! Who the boards become: from a kit, from a roster, or from the flags.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use wildcam_core::wire::CameraId;

use super::{
    super::provisioning::{Fleet, cameras_folder, read_roster, secret},
    Arguments, CommandError, Context, Kind, Source, failure, keeping,
};
use crate::{
    board::{
        Board,
        flash::{Firmware, Job, unfinished},
        pack::{self, Kit, KitCamera},
        provision::{self, Assignment, Provision, Renewed, Trust, Wifi},
        roster::{self, Line, Used},
    },
    project::{Secret, SecretRef},
};

/// A kit that was opened. Its tokens may have expired: only a board that needs one minds.
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

    /// Refuses a kit whose tokens no gateway takes any more.
    pub(super) fn check_tokens(&self, context: &Context) -> Result<(), CommandError> {
        if self.kit.until_s > context.clock.unix_s() {
            return Ok(());
        }
        Err(CommandError::new(Kind::Guard, format!("the tokens in {} have expired", self.path.display()))
            .next_step("wildcam pack"))
    }

    /// What is packed for the camera of a line.
    pub(super) fn camera(&self, line: &Line) -> Option<&KitCamera> {
        self.kit.cameras.iter().find(|camera| camera.line.number == line.number)
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
    Ok(OpenPack { path: path.to_owned(), kit })
}

/// What a board is told. Neither: it stays as it is.
#[derive(Default)]
pub(super) struct Told {
    /// The identity that it gets.
    pub(super) provision: Option<Provision>,
    /// The identity that it has, written anew.
    pub(super) renewed: Option<Renewed>,
}

/// What is known before the boards are told.
pub(super) struct Making<'a> {
    pub(super) arguments: &'a Arguments,
    pub(super) context: &'a Context,
    pub(super) pack: Option<&'a OpenPack>,
    /// The lines of the roster or of the kit.
    pub(super) roster: Vec<Line>,
    fleet: Option<Fleet>,
    /// Whom cameras are to believe; `None` when no board has to be told.
    pub(super) trust: Option<Arc<Trust>>,
    used: Used,
}

/// What each board is told, in their order. The outer error ends the command before anything is written.
pub(super) async fn tell(
    arguments: &Arguments,
    source: &Source,
    jobs: &mut [Job],
    context: &Context,
) -> Result<Vec<Result<Told, CommandError>>, CommandError> {
    let journals = cameras_folder(context)?.join("flash");
    let are_new: Vec<bool> = jobs.iter().map(|job| is_new(job, arguments, &journals)).collect();
    let new: Vec<&Job> = jobs.iter().zip(&are_new).filter(|(_, is_new)| **is_new).map(|(job, _)| job).collect();
    if arguments.name.is_some() && new.len() > 1 {
        return Err(CommandError::new(Kind::Usage, "--name names one camera, and there are more boards")
            .next_step("use --roster, or --port for one of them"));
    }
    if new.is_empty() {
        keeping::check_name(arguments, jobs)?;
    }
    let roster = match (&source.pack, &arguments.roster) {
        (Some(pack), _) => pack.kit.cameras.iter().map(|camera| camera.line.clone()).collect(),
        (None, Some(path)) => read_roster(path)?,
        (None, None) => Vec::new(),
    };
    let (authority, endpoints) = (arguments.authority.as_deref(), arguments.endpoints.as_deref());
    let fleet = if source.pack.is_none() && (!new.is_empty() || authority.is_some() || endpoints.is_some()) {
        let emulated = jobs.iter().all(|job| job.found.device.description().board == Some(Board::QemuVirt));
        Some(Fleet::open(authority, endpoints, emulated, context).await?)
    } else {
        None
    };
    let trust = fleet.as_ref().map(|fleet| &fleet.trust).or(source.pack.as_ref().map(|pack| &pack.kit.trust));
    let trust = trust.cloned().map(Arc::new);
    let used = used(jobs, context)?;
    let pack = source.pack.as_ref();
    let mut making = Making { arguments, context, pack, roster, fleet, trust, used };
    let mut lines = making.lines(&new)?.into_iter();
    let mut told = Vec::new();
    for (job, is_new) in jobs.iter_mut().zip(are_new) {
        told.push(if is_new {
            making.new_camera(job, lines.next().flatten()).await?
        } else {
            keeping::tell(&making, job)?
        });
    }
    Ok(told)
}

/// Whether a board becomes a camera, or another one than it is. The same command after a cut must not replace what it wrote
/// before the cut.
fn is_new(job: &Job, arguments: &Arguments, journals: &Path) -> bool {
    let Some(held) = &job.found.held else { return true };
    let begun = unfinished(journals, &job.found.device.description().mac).and_then(|state| state.identity);
    let is_done = begun.is_some_and(|(_, key, _)| key == provision::hexadecimal(&held.public_key));
    arguments.new_identity && !is_done
}

/// The names that cameras have: those that were flashed from this project, those that the boards hold, and those whose flash
/// was cut off when they had perhaps got theirs.
fn used(jobs: &[Job], context: &Context) -> Result<Used, CommandError> {
    let folder = cameras_folder(context)?;
    let mut used = Used::new();
    let journals = folder.join("flash");
    for entry in std::fs::read_dir(&journals).into_iter().flatten().flatten() {
        let mac = entry.path().file_stem().and_then(|stem| roster::mac(&stem.to_string_lossy()));
        let begun = mac.as_ref().and_then(|mac| unfinished(&journals, mac)).and_then(|state| state.identity);
        used.extend(begun.map(|(camera, _, _)| (camera, mac)));
    }
    let cameras = provision::cameras(&folder).map_err(|error| CommandError::of(Kind::Failed, &error))?;
    used.extend(cameras.into_keys().map(|camera| (camera, None)));
    let held = jobs.iter().filter_map(|job| job.found.held.as_ref());
    used.extend(held.map(|held| (held.camera.as_str().to_owned(), None)));
    Ok(used)
}

/// A name of a camera that nobody named: the end of its address, and a number where that was used.
fn default_name(mac: &str, number: u32) -> String {
    let digits: String = mac.chars().filter(|letter| *letter != ':').collect();
    let end = &digits[digits.len().saturating_sub(6)..];
    if number < 2 { format!("cam-{end}") } else { format!("cam-{end}-{number}") }
}

impl Making<'_> {
    /// The lines of the new cameras on these boards.
    fn lines(&mut self, new: &[&Job]) -> Result<Vec<Option<Line>>, CommandError> {
        let macs: Vec<String> = new.iter().map(|job| job.found.device.description().mac.clone()).collect();
        if self.pack.is_some() || self.arguments.roster.is_some() {
            let lines = roster::assign(&self.roster, &macs, &self.used);
            return Ok(lines.into_iter().map(Option::<&Line>::cloned).collect());
        }
        let mut lines = Vec::new();
        for (job, mac) in new.iter().zip(macs) {
            let name = self.name(job, &mac)?;
            self.used.entry(name.as_str().to_owned()).or_insert_with(|| Some(mac.clone()));
            lines.push(Some(Line {
                number: 0,
                mac: Some(mac),
                name,
                ssid: None,
                passphrase: None,
                group: String::new(),
            }));
        }
        Ok(lines)
    }

    fn name(&self, job: &Job, mac: &str) -> Result<CameraId, CommandError> {
        let id = |name: &str| {
            CameraId::new(name)
                .map_err(|error| CommandError::new(Kind::Usage, format!("{name:?} is no camera id")).because(error))
        };
        match &self.arguments.name {
            Some(name) => id(name),
            // Who replaces a camera says what the other one is called.
            None if job.found.held.is_some() => id(&default_name(mac, 1)),
            None => {
                for number in 1..100 {
                    let name = id(&default_name(mac, number))?;
                    if roster::is_free(&name, mac, &self.used) {
                        return Ok(name);
                    }
                }
                id(&default_name(mac, 1))
            }
        }
    }

    async fn new_camera(&self, job: &Job, line: Option<Line>) -> Result<Result<Told, CommandError>, CommandError> {
        let description = job.found.device.description();
        let Some(line) = line else {
            let message = format!("no camera is left for {}", description.name());
            return Ok(Err(
                CommandError::new(Kind::Usage, message).next_step("add a line to the roster, or pack more cameras")
            ));
        };
        if !roster::is_free(&line.name, &description.mac, &self.used) {
            let name = &line.name;
            let is_own = job.found.held.as_ref().is_some_and(|held| held.camera == *name);
            let message = if is_own {
                format!("{} is {name} already, and gateways take only the first key of a name", description.name())
            } else {
                format!("the name {name} was given to a camera before, and gateways take only the first key of a name")
            };
            return Err(CommandError::new(Kind::Usage, message)
                .next_step("--name with another name, or another name in the roster"));
        }
        let Some(trust) = &self.trust else {
            return Err(CommandError::new(Kind::Failed, "nobody to believe was named"));
        };
        let token = match (self.pack, &self.fleet) {
            (Some(pack), _) => match pack.check_tokens(self.context) {
                Ok(()) => pack.camera(&line).map(|camera| camera.token.clone()),
                Err(expired) => return Ok(Err(expired)),
            },
            (None, Some(fleet)) => Some(fleet.token(&line.name, self.context.clock.unix_s()).await?.0),
            (None, None) => None,
        };
        let assignment = Assignment {
            wifi: self.wifi(Some(&line))?,
            group: self.group(Some(&line)),
            camera: line.name,
            token: token.unwrap_or_else(|| Secret::new(String::new())),
        };
        let replaces = self.arguments.new_identity && job.found.is_somebody();
        let may_replace = replaces && self.arguments.consents(&job.found);
        let provision = Provision { assignment, trust: Arc::clone(trust), replaces, may_replace };
        Ok(Ok(Told { provision: Some(provision), renewed: None }))
    }

    /// The network of a camera: its line's, or where that names none the flags'.
    pub(super) fn wifi(&self, line: Option<&Line>) -> Result<Option<Wifi>, CommandError> {
        let packed = line.and_then(|line| self.pack?.camera(line)?.passphrase.clone());
        let (ssid, reference) = match line.and_then(|line| line.ssid.clone().map(|ssid| (ssid, &line.passphrase))) {
            Some((ssid, reference)) => (Some(ssid), reference),
            None => (self.arguments.wifi.clone(), &self.arguments.wifi_passphrase),
        };
        let Some(ssid) = ssid else { return Ok(None) };
        let passphrase = match (reference, packed) {
            (Some(reference), _) => secret(reference, self.context)?,
            (None, Some(packed)) => packed,
            (None, None) => Secret::new(String::new()),
        };
        Ok(Some(Wifi { ssid, passphrase }))
    }

    /// The group of a camera, in the same way; empty for none.
    pub(super) fn group(&self, line: Option<&Line>) -> String {
        let group = line.map(|line| &line.group).filter(|group| !group.is_empty());
        group.unwrap_or(&self.arguments.group).clone()
    }
}
