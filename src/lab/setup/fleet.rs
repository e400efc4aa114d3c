//! What cameras are told before they start: whom to believe, where to send, and a token for each.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use wildcam_core::{cose::MAX_ENDPOINTS, wire::CameraId};
use zeroize::Zeroizing;

use super::{AUTHORITY_FILE, PUBLIC_NAME, Setup, VALID, events, updates, write};
use crate::{
    board::{
        flash::{self, Firmware, Job, Link, Place},
        provision::{Assignment, Provision, Trust},
    },
    clock::Clock,
    lab::{
        Error,
        boards::{BoardPart, ReadOnly},
        child::Recipe,
        spec::Boards,
    },
    project::Secret,
    release::{
        self, FileSigner, Signer,
        documents::{Scope, Token, endpoint, seal_endpoints},
    },
};

/// How long a token of a camera of the lab is valid.
const TOKEN_VALID: Duration = Duration::from_secs(3600);

/// Size of an emulated board's memory card: the queue takes the first 8 MiB, as of any card.
const CARD_BYTES: u64 = 16 << 20;

/// The configuration of the virtual cameras.
#[derive(Serialize, Deserialize)]
pub struct CamerasPart {
    /// The authority of the lab.
    pub authority: PathBuf,
    /// The signed list of endpoints.
    pub endpoints: PathBuf,
    /// The fleet's online public key, in hexadecimal.
    pub online_key: String,
    /// The cameras: name and enrolment token.
    pub cameras: Vec<(String, String)>,
    /// How often each takes a picture; 0 for never.
    pub upload_every_ms: u64,
    /// How often each says how it is.
    pub report_every_ms: u64,
    /// Where they keep their flash.
    pub folder: PathBuf,
    /// Where they note what they did.
    pub events: PathBuf,
    /// The seed of their pictures.
    pub seed: u64,
}

/// The documents of a lab's cameras.
pub(super) struct Fleet<'a> {
    setup: &'a Setup<'a>,
    signer: &'a FileSigner,
    clock: &'a Clock,
    /// The signed list of endpoints, and where it lies.
    endpoints: Vec<u8>,
    path: PathBuf,
}

fn signing(error: release::Error) -> Error {
    Error::part("signing documents for the cameras")(error.into())
}

impl<'a> Fleet<'a> {
    /// Signs the list of endpoints.
    pub(super) async fn prepare(setup: &'a Setup<'a>, signer: &'a FileSigner, clock: &'a Clock) -> Result<Self, Error> {
        let clouds = &setup.layout.clouds;
        let mut endpoints = Vec::new();
        // A camera holds eight endpoints: first one gateway of each cloud, then the second of each, and so on.
        let most = clouds.iter().map(|cloud| cloud.gateways.len()).max().unwrap_or(0);
        for index in 0..most {
            for cloud in clouds {
                if let Some(gateway) = cloud.gateways.get(index)
                    && endpoints.len() < MAX_ENDPOINTS
                {
                    let weight = u16::try_from(cloud.weight).unwrap_or(u16::MAX);
                    let name = format!("{}/{}", cloud.name, gateway.name);
                    endpoints
                        .push(endpoint(&name, "127.0.0.1", gateway.entry_port, weight, PUBLIC_NAME).map_err(signing)?);
                }
            }
        }
        let now_s = clock.unix_s();
        let document = seal_endpoints(signer, 1, now_s, now_s + VALID.as_secs(), &endpoints).await.map_err(signing)?;
        let path = setup.folder.join("endpoints.cose");
        write(&path, &document)?;
        Ok(Self { setup, signer, clock, endpoints: document, path })
    }

    async fn token(&self, camera: CameraId) -> Result<String, Error> {
        let now_s = self.clock.unix_s();
        let token = Token { scope: Scope::Enrol { camera }, expires_s: now_s + TOKEN_VALID.as_secs() };
        token.issue(self.signer, now_s).await.map_err(signing)
    }

    /// The process of the virtual cameras.
    pub(super) async fn cameras(&self) -> Result<Recipe, Error> {
        let setup = self.setup;
        let mut cameras = Vec::new();
        for number in 1..=setup.spec.cameras.count {
            let name = format!("cam-{number:03}");
            let token = self.token(camera(&name)?).await?;
            cameras.push((name, token));
        }
        let part = CamerasPart {
            authority: setup.folder.join(AUTHORITY_FILE),
            endpoints: self.path.clone(),
            online_key: crate::drill::loss::hexadecimal(self.signer.public_key().as_bytes()),
            cameras,
            upload_every_ms: setup.spec.cameras.upload_every_ms,
            report_every_ms: setup.spec.cameras.report_every_ms,
            folder: setup.folder.join("cameras"),
            events: events(setup.folder)[0].clone(),
            seed: setup.spec.seed,
        };
        let arguments = setup.part("cameras", "cameras", &part)?;
        Ok(Recipe { name: "cameras".into(), cloud: None, arguments, ready_port: None })
    }

    /// Flashes the emulated boards, and says how each is started.
    pub(super) async fn boards(&self, boards: &Boards) -> Result<Vec<Recipe>, Error> {
        let flashing = |error: flash::Error| Error::part("flashing the emulated boards")(error.into());
        let setup = self.setup;
        let firmware = Arc::new(Firmware::open(&boards.firmware).map_err(flashing)?);
        let root = updates::root(setup.folder, setup.random, self.clock.unix_s(), VALID.as_secs()).await?;
        let trust = Trust::new(self.signer.public_key().to_bytes(), setup.authority.pem(), self.endpoints.clone());
        let trust = trust.and_then(|trust| trust.with_root(root));
        let trust = Arc::new(trust.map_err(|error| Error::part("telling the boards whom to believe")(error.into()))?);
        let mut recipes = Vec::new();
        let mut jobs = Vec::new();
        for number in 1..=boards.count {
            let name = format!("board-{number:03}");
            let file = |end: &str| setup.folder.join("boards").join(format!("{name}{end}"));
            let (boot, flash) = (file(".boot"), file(".flash"));
            self.write_read_only(boards, &boot)?;
            let card = boards.cards.then(|| file(".card"));
            if let Some(card) = &card {
                // Blank, as a camera wants it; the host keeps only what is written to it.
                let made = flash::private().truncate(true).open(card).and_then(|file| file.set_len(CARD_BYTES));
                made.map_err(|source| Error::File { path: card.clone(), source })?;
            }
            let found = flash::find(&[Place::File(flash.clone())], Link::default()).remove(0).map_err(flashing)?;
            let camera = camera(&name)?;
            let token = Secret::new(self.token(camera.clone()).await?);
            let assignment = Assignment { camera, token, wifi: None, group: String::new() };
            let provision = Provision { assignment, trust: Arc::clone(&trust), replaces: false, may_replace: false };
            let firmware = Arc::clone(&firmware);
            jobs.push(Job { found, firmware, provision: Some(provision), burn: false, efuses: None });
            let part = BoardPart {
                name: name.clone(),
                qemu: boards.qemu.clone(),
                boot,
                flash,
                card,
                events: events(setup.folder)[2].clone(),
                config: setup.folder.join("parts").join(format!("{name}.json")),
            };
            let arguments = setup.part(&name, "board", &part)?;
            recipes.push(Recipe { name, cloud: None, arguments, ready_port: None });
        }
        let options = flash::Options {
            journals: setup.folder.join("boards"),
            registry: None,
            stop: CancellationToken::new(),
            clock: self.clock.clone(),
            random: setup.random.fork(),
        };
        for flashed in flash::run(jobs, &options, &|_| {}) {
            flashed.map_err(flashing)?;
        }
        Ok(recipes)
    }
}

impl Fleet<'_> {
    /// The chip of a board that it only reads, with a sealing key of its own.
    fn write_read_only(&self, boards: &Boards, path: &Path) -> Result<(), Error> {
        let used = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::File { path, source }
        };
        let stage = std::fs::read(&boards.boot).map_err(used(&boards.boot))?;
        let mut key = Zeroizing::new([0; 32]);
        self.setup.random.fill(&mut *key);
        let options = [
            ("picture-every-ms", boards.picture_every_ms.to_string()),
            ("report-every-ms", boards.report_every_ms.to_string()),
        ];
        let mut chip = ReadOnly::new(stage).ok_or_else(|| Error::Unknown("room for such a boot stage".to_owned()))?;
        if !chip.options(&options) || !chip.burn(&key) {
            return Err(Error::Unknown("room for the options of a board".to_owned()));
        }
        // Not by the journal's way: nobody needs 32 MiB of a lab to be durable. For its owner alone, because of the key.
        let file = flash::private().truncate(true).open(path);
        file.and_then(|mut file| file.write_all(chip.bytes())).map_err(used(path))
    }
}

fn camera(name: &str) -> Result<CameraId, Error> {
    CameraId::new(name).map_err(|_| Error::Unknown(format!("camera {name}")))
}
