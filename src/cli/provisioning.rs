//! Whom cameras believe and what they are told: what `flash` and `pack` share.

use std::path::{Path, PathBuf};

use wildcam_core::wire::CameraId;

use super::{CommandError, Context, Kind, open, signing};
use crate::{
    board::{
        Board,
        flash::{self, Firmware},
        provision::Trust,
        roster::{self, Line},
    },
    lab::setup::{AUTHORITY_FILE, ONLINE_KEY_FILE, OPERATOR},
    project::{Project, Secret, SecretRef},
    release::{
        FileSigner, Role, Signer as _,
        documents::{Scope, Token, endpoint, seal_endpoints},
        folder::Folder,
    },
};

/// How long a token lets a camera register: it may be days on the way to its place.
const TOKEN_VALID_S: u64 = 30 * 86_400;
/// How long an endpoint list that is written into a camera is valid; newer ones come over the network.
const ENDPOINTS_VALID_S: u64 = 365 * 86_400;
/// The folder of releases, in the project's.
const RELEASES: &str = "releases";
/// The lab's endpoint list, in its folder.
const LAB_ENDPOINTS_FILE: &str = "endpoints.cose";

/// Where the project remembers its cameras and flashes that were cut off: beside the wildcam.toml that
/// [`Context::open_project`] finds, from whichever folder below it the command is called.
pub(super) fn cameras_folder(context: &Context) -> Result<PathBuf, CommandError> {
    let project = match &context.project {
        Some(folder) => Some(folder.clone()),
        None => open::nearest_project()?,
    };
    Ok(project.unwrap_or_default().join(".wildcam"))
}

/// Fetches a secret that a flag names, relative to the project's folder.
pub(super) fn secret(reference: &SecretRef, context: &Context) -> Result<Secret, CommandError> {
    let folder = context.project.clone().unwrap_or_else(|| PathBuf::from("."));
    reference.resolve(&folder, &open::variable).map_err(|error| {
        let step = error.next_step();
        CommandError::of(Kind::Usage, &error).next_step(step)
    })
}

/// Reads a roster.
pub(super) fn read_roster(path: &Path) -> Result<Vec<Line>, CommandError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| CommandError::new(Kind::Usage, format!("{} cannot be read", path.display())).because(error))?;
    roster::parse(&text).map_err(|error| {
        CommandError::new(Kind::Usage, format!("{} is no roster", path.display()))
            .because(error)
            .next_step("correct that line; the columns are name, mac, ssid, passphrase, group")
    })
}

/// Where a project's cameras are told whom to believe, and the key that signs for them.
pub(super) struct Fleet {
    pub(super) signer: FileSigner,
    pub(super) trust: Trust,
}

impl Fleet {
    /// From the project; for emulated boards alone from the lab, where the project has no key of its own. A real board must
    /// never believe the lab of the laptop that it was flashed with: nobody else could ever reach it.
    pub(super) async fn open(
        authority: Option<&Path>,
        endpoints: Option<&Path>,
        emulated: bool,
        context: &Context,
    ) -> Result<Self, CommandError> {
        let project = context.open_project()?;
        let lab = context.state_folder().join("lab");
        let (signer, lab) = match project.signing_key() {
            Some(_) => (signing::signer(&project)?, None),
            None if emulated && lab.join(ONLINE_KEY_FILE).is_file() => {
                let signer = FileSigner::from_file(&lab.join(ONLINE_KEY_FILE), Role::Online);
                let signer = signer.map_err(|error| CommandError::of(Kind::Usage, &error))?;
                (signer, Some(lab))
            }
            None => (signing::signer(&project)?, None),
        };
        let in_lab = |name: &str| lab.as_ref().map(|lab| lab.join(name)).filter(|path| path.is_file());
        let authority = authority.map(Path::to_owned).or_else(|| in_lab(AUTHORITY_FILE)).ok_or_else(|| {
            CommandError::new(
                Kind::Usage,
                "cameras need the certificate of the authority that vouches for the gateways",
            )
            .next_step("--authority FILE (PEM)")
        })?;
        let authority = read(&authority)?;
        let authority = String::from_utf8_lossy(&authority);
        let endpoints = match endpoints.map(Path::to_owned).or_else(|| in_lab(LAB_ENDPOINTS_FILE)) {
            Some(path) => read(&path)?,
            None => own_endpoints(&project, &signer, context).await?,
        };
        let trust = Trust::new(signer.public_key().to_bytes(), &authority, endpoints).map_err(|error| {
            CommandError::of(Kind::Usage, &error).next_step("check --authority, --endpoints and fleet.online_key")
        })?;
        let releases = match &lab {
            Some(lab) => lab.join(OPERATOR).join(RELEASES),
            None => context.project_folder().join(RELEASES),
        };
        let root = newest_root(&releases)?;
        if root.is_empty() {
            context.ui.warn(format_args!(
                "{} holds no root of updates: these cameras will be updated by cable only (`wildcam key init` makes one)",
                releases.display()
            ));
        }
        let trust = trust.with_root(root).map_err(|error| CommandError::of(Kind::Usage, &error))?;
        Ok(Self { signer, trust })
    }

    /// A token with which this camera registers.
    pub(super) async fn token(&self, camera: &CameraId, now_s: u64) -> Result<(Secret, u64), CommandError> {
        let expires_s = now_s + TOKEN_VALID_S;
        let token = Token { scope: Scope::Enrol { camera: camera.clone() }, expires_s };
        let text = token.issue(&self.signer, now_s).await.map_err(|error| CommandError::of(Kind::Failed, &error))?;
        Ok((Secret::new(text), expires_s))
    }
}

/// The newest root of a folder of releases; empty where there is none.
fn newest_root(releases: &Path) -> Result<Vec<u8>, CommandError> {
    let roots = Folder::new(releases).roots().map_err(|error| CommandError::of(Kind::Usage, &error))?;
    Ok(roots.into_iter().next_back().unwrap_or_default())
}

fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    std::fs::read(path)
        .map_err(|error| CommandError::new(Kind::Usage, format!("{} cannot be read", path.display())).because(error))
}

/// An endpoint list of the addresses in wildcam.toml. Its number is the time, so that a later one is the newer.
async fn own_endpoints(project: &Project, signer: &FileSigner, context: &Context) -> Result<Vec<u8>, CommandError> {
    let urls = &project.settings.gateway.public_urls;
    if urls.is_empty() {
        return Err(CommandError::new(Kind::Usage, "wildcam.toml does not say where cameras find the gateways")
            .next_step("set gateway.public_urls, or give --endpoints FILE"));
    }
    let failed = |error: crate::release::Error| CommandError::of(Kind::Usage, &error);
    let mut endpoints = Vec::new();
    for (cloud, url) in urls {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = url.port_or_known_default().unwrap_or(443);
        let weight = project.settings.clouds.get(cloud).map_or(1, |cloud| cloud.weight);
        let weight = u16::try_from(weight).unwrap_or(u16::MAX);
        endpoints.push(endpoint(cloud, host, port, weight, host).map_err(failed)?);
    }
    let now_s = context.clock.unix_s();
    seal_endpoints(signer, now_s, now_s, now_s + ENDPOINTS_VALID_S, &endpoints).await.map_err(failed)
}

/// The error of a board as a command's error.
pub(super) fn failure(error: &flash::Error) -> CommandError {
    let kind = match error {
        flash::Error::Interrupted => Kind::Interrupted,
        flash::Error::WrongChip { .. }
        | flash::Error::TooSmall { .. }
        | flash::Error::Identity { .. }
        | flash::Error::NoEfuses { .. }
        | flash::Error::EfusesRefused { .. } => Kind::Guard,
        flash::Error::Image { .. } => Kind::Usage,
        _ => Kind::Failed,
    };
    CommandError::of(kind, error).next_step(error.next_step())
}

/// What `wildcam build` wrote for a board.
pub(super) fn built_firmware(outputs: &Path, board: Board) -> Result<Firmware, CommandError> {
    let path = outputs.join(format!("wildcam-{board}-full.bin"));
    if !path.is_file() {
        let message = format!("no firmware was built for {board}: there is no {}", path.display());
        return Err(CommandError::new(Kind::Usage, message).next_step(format!("wildcam build --board {board}")));
    }
    let firmware = Firmware::open(&path).map_err(|error| failure(&error))?;
    if firmware.board != Some(board) {
        let found = firmware.board.map_or("another chip", Board::name);
        return Err(CommandError::new(Kind::Usage, format!("{} is for {found}, not for {board}", path.display()))
            .next_step(format!("wildcam build --board {board}")));
    }
    Ok(firmware)
}
