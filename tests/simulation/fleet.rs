//! Three clouds and their cameras on a simulated network: the real stores, gateways and camera logic, one host each.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use ed25519_dalek::SigningKey;
use tempfile::TempDir;
use turmoil::{Builder, Sim};
use wildcam::{
    clock::{Clock, Random},
    drill::observation::Line,
    release::{FileSigner, Role, Signer},
};
use wildcam_core::wire::CameraId;

use crate::{
    flash::Chip,
    hosts::{CLOUDS, EPOCH_MS, Shared, Site, run_camera, run_gateway, run_store, tokens, world},
    judgement::{Holdings, read_all},
    network::Corruption,
    schedule::{Fault, PowerLoss, Scope, Step, Which},
};

const TICK: Duration = Duration::from_millis(5);
const USUAL_LATENCY_MS: u64 = 10;
/// By then everything must have come to rest after the last fault.
const REST_WITHIN_MS: u64 = 240_000;

/// What is simulated.
pub(crate) struct Options {
    pub(crate) seed: u64,
    pub(crate) cameras: usize,
    /// Sectors of a camera's flash for pictures.
    pub(crate) sectors: usize,
    pub(crate) copies: usize,
    pub(crate) upload_every: Duration,
}

impl Options {
    pub(crate) fn new(seed: u64) -> Self {
        // One in ten has cameras so small and so busy that long outages make them drop what matters least.
        let (sectors, upload_every_ms) = if seed % 10 == 9 { (24, 400) } else { (256, 1_700) };
        Self { seed, cameras: 4, sectors, copies: 2, upload_every: Duration::from_millis(upload_every_ms) }
    }
}

/// The state of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Link {
    held: bool,
    cut: bool,
    latency_ms: Option<u64>,
}

struct CameraSite {
    host: String,
    chip: Chip,
    off_air: bool,
}

/// A running simulation.
pub(crate) struct Fleet {
    sim: Sim<'static>,
    shared: Arc<Shared>,
    cameras: Vec<CameraSite>,
    active: Vec<(usize, Fault)>,
    /// Latency between clouds when nothing is wrong.
    pub(crate) between_clouds_ms: Option<u64>,
    links: BTreeMap<(String, String), Link>,
    random: Random,
    moments: u64,
    folder: TempDir,
}

fn simulated_clock() -> Clock {
    let last = AtomicU64::new(0);
    Clock::simulated(EPOCH_MS, move || match turmoil::sim_elapsed() {
        Some(elapsed) => {
            last.fetch_max(u64::try_from(elapsed.as_micros()).unwrap(), Ordering::Relaxed);
            elapsed
        }
        // Between the steps of the simulator.
        None => Duration::from_micros(last.load(Ordering::Relaxed)),
    })
}

/// In memory where the system has such a folder: the databases sync each commit, which here would only cost time.
fn folder() -> io::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }
}

impl Fleet {
    pub(crate) fn start(options: &Options) -> Self {
        let folder = folder().unwrap();
        let place = folder.path().to_owned();
        Self::over(options, folder, &place)
    }

    /// A fleet whose stores and gateways lie in `place`.
    fn over(options: &Options, folder: TempDir, place: &Path) -> Self {
        let random = Random::seeded(options.seed);
        let signer: Arc<dyn Signer> = Arc::new(FileSigner::from_pem(&world().online_key, Role::Online).unwrap());
        let shared = Arc::new(Shared {
            clock: simulated_clock(),
            random: random.fork(),
            signer: Arc::clone(&signer),
            folder: place.to_owned(),
            copies: options.copies,
            lines: Mutex::default(),
            gateways: Default::default(),
            killed: Default::default(),
            corruption: std::array::from_fn(|_| Corruption::new(random.fork())),
            shooting: AtomicBool::new(true),
            cuts: AtomicU64::new(0),
        });
        let mut sim = Builder::new()
            .rng_seed(options.seed)
            .tick_duration(TICK)
            .simulation_duration(Duration::from_hours(24))
            .min_message_latency(Duration::from_millis(2))
            .max_message_latency(Duration::from_millis(2 * USUAL_LATENCY_MS))
            .tcp_capacity(1024)
            .build();
        for (cloud, name) in CLOUDS.into_iter().enumerate() {
            let hosted = Arc::clone(&shared);
            sim.host(format!("store-{name}"), move || run_store(Arc::clone(&hosted), cloud));
            let hosted = Arc::clone(&shared);
            sim.host(format!("gateway-{name}"), move || run_gateway(Arc::clone(&hosted), cloud));
        }
        let ids: Vec<CameraId> = (0..options.cameras).map(|n| CameraId::new(&format!("cam-{n}")).unwrap()).collect();
        let tokens = tokens(signer.as_ref(), &ids);
        let mut cameras = Vec::new();
        for (number, (id, token)) in ids.into_iter().zip(tokens).enumerate() {
            let host = id.as_str().to_owned();
            let chip = Chip::new(options.sectors);
            let mut seed = [0; 32];
            random.fill(&mut seed);
            let share = options.upload_every * u32::try_from(number).unwrap() / u32::try_from(options.cameras).unwrap();
            let site = Arc::new(Site {
                id,
                key: SigningKey::from_bytes(&seed),
                token,
                upload_every: options.upload_every,
                first_upload: share,
            });
            let (hosted, flash) = (Arc::clone(&shared), chip.clone());
            sim.host(host.as_str(), move || run_camera(Arc::clone(&hosted), Arc::clone(&site), flash.clone()));
            cameras.push(CameraSite { host, chip, off_air: false });
        }
        let links = BTreeMap::new();
        Self { sim, shared, cameras, active: Vec::new(), between_clouds_ms: None, links, random, moments: 0, folder }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.sim.elapsed().as_millis()).unwrap()
    }

    /// The randomness of the simulation, for the schedule.
    pub(crate) fn random(&self) -> &Random {
        &self.random
    }

    /// The ledger so far, kept outside the clouds and the cameras.
    pub(crate) fn lines(&self) -> Vec<Line> {
        self.shared.lines.lock().unwrap().clone()
    }

    pub(crate) fn flipped(&self) -> u64 {
        self.shared.corruption.iter().map(|line| line.flipped()).sum()
    }

    /// Losses of power: at any moment, and during an operation of the flash.
    pub(crate) fn power_losses(&self) -> (u64, u64) {
        (self.moments, self.shared.cuts.load(Ordering::Relaxed))
    }

    pub(crate) fn run_until(&mut self, at_ms: u64) -> Result<(), String> {
        while self.now_ms() < at_ms {
            self.sim.step().map_err(|error| format!("at {} ms a host ended: {error}", self.now_ms()))?;
        }
        Ok(())
    }

    /// Takes these steps, each at its time.
    pub(crate) fn follow(&mut self, steps: &[(u64, Step)]) -> Result<(), String> {
        for (at, step) in steps {
            self.run_until(*at)?;
            self.take(*step);
        }
        Ok(())
    }

    pub(crate) fn take(&mut self, step: Step) {
        match step {
            Step::Begin(cloud, fault) => {
                self.active.push((cloud, fault));
                match fault {
                    Fault::Killed(which) => self.kill(cloud, which, true),
                    Fault::Off(which) => {
                        for (host, _) in processes(cloud, which) {
                            self.sim.crash(host);
                        }
                    }
                    Fault::Corrupting(per_mille) => self.shared.corruption[cloud].set(per_mille),
                    Fault::Silent(_) | Fault::Cut(_) | Fault::Slow(_) => self.set_links(),
                }
            }
            Step::End(cloud, fault) => {
                self.active.retain(|active| *active != (cloud, fault));
                match fault {
                    Fault::Killed(which) => self.kill(cloud, which, false),
                    Fault::Off(which) => {
                        for (host, _) in processes(cloud, which) {
                            self.sim.bounce(host);
                        }
                    }
                    Fault::Corrupting(_) => self.shared.corruption[cloud].set(0),
                    Fault::Silent(_) | Fault::Cut(_) | Fault::Slow(_) => self.set_links(),
                }
            }
            Step::Power(camera, PowerLoss::Moment { unnoticed, .. }) => {
                self.moments += 1;
                // Without its radio the last words of its connections, which the simulator would send, are not heard.
                self.cameras[camera].off_air = unnoticed;
                self.set_links();
                self.sim.crash(self.cameras[camera].host.as_str());
            }
            Step::Power(camera, PowerLoss::Operation(after)) => {
                self.cameras[camera].chip.cut_after(after, &self.random);
            }
            Step::PowerBack(camera) => {
                self.cameras[camera].off_air = false;
                self.set_links();
                self.sim.bounce(self.cameras[camera].host.as_str());
            }
        }
    }

    fn kill(&mut self, cloud: usize, which: Which, killed: bool) {
        for (host, process) in processes(cloud, which) {
            self.shared.killed[cloud][process].store(killed, Ordering::Relaxed);
            self.sim.bounce(host);
        }
    }

    /// The disks of a cloud are gone; its processes must not run.
    pub(crate) fn wipe(&mut self, cloud: usize) {
        let name = CLOUDS[cloud];
        std::fs::remove_dir_all(self.folder.path().join(format!("store-{name}"))).unwrap();
        for ending in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(self.folder.path().join(format!("gateway-{name}.sqlite{ending}")));
        }
    }

    /// The folder of a store, for damage that no network does.
    pub(crate) fn store_folder(&self, cloud: usize) -> PathBuf {
        self.folder.path().join(format!("store-{}", CLOUDS[cloud]))
    }

    /// What lies in the stores at this moment, copied without their knowledge, together with the ledger.
    pub(crate) fn snapshot(&self) -> io::Result<Snapshot> {
        let folder = folder()?;
        for name in CLOUDS {
            let store = format!("store-{name}");
            copy_folder(&self.folder.path().join(&store), &folder.path().join(&store))?;
        }
        Ok(Snapshot { folder, lines: self.lines() })
    }

    /// Puts every link into the state that the faults of the moment ask for together.
    pub(crate) fn set_links(&mut self) {
        let mut hosts: Vec<(String, Option<usize>)> = Vec::new();
        for (cloud, name) in CLOUDS.into_iter().enumerate() {
            hosts.push((format!("store-{name}"), Some(cloud)));
            hosts.push((format!("gateway-{name}"), Some(cloud)));
        }
        hosts.extend(self.cameras.iter().map(|camera| (camera.host.clone(), None)));
        for (n, (one, one_cloud)) in hosts.iter().enumerate() {
            for (other, other_cloud) in &hosts[n + 1..] {
                let wanted = self.wanted((one, *one_cloud), (other, *other_cloud));
                let pair = (one.clone(), other.clone());
                let current = self.links.get(&pair).copied().unwrap_or_default();
                if (wanted.held, wanted.cut) != (current.held, current.cut) {
                    // What was held is delivered before anything else happens to the link, unless it is cut now.
                    if current.held {
                        self.sim.release(one.as_str(), other.as_str());
                    }
                    if current.cut {
                        self.sim.repair(one.as_str(), other.as_str());
                    }
                    if wanted.cut {
                        self.sim.partition(one.as_str(), other.as_str());
                    } else if wanted.held {
                        self.sim.hold(one.as_str(), other.as_str());
                    }
                }
                if wanted.latency_ms != current.latency_ms {
                    let latency = Duration::from_millis(wanted.latency_ms.unwrap_or(USUAL_LATENCY_MS));
                    self.sim.set_link_latency(one.as_str(), other.as_str(), latency);
                }
                self.links.insert(pair, wanted);
            }
        }
    }

    fn wanted(&self, one: (&str, Option<usize>), other: (&str, Option<usize>)) -> Link {
        let mut link = Link::default();
        let camera = one.1.is_none() || other.1.is_none();
        if !camera && one.1 != other.1 {
            link.latency_ms = self.between_clouds_ms;
        }
        for (cloud, fault) in &self.active {
            let crosses = (one.1 == Some(*cloud)) != (other.1 == Some(*cloud));
            let within = |scope: Scope| crosses && (scope == Scope::Everybody || !camera);
            match *fault {
                Fault::Silent(scope) => link.held |= within(scope),
                Fault::Cut(scope) => link.cut |= within(scope),
                Fault::Slow(ms) if crosses => link.latency_ms = link.latency_ms.max(Some(ms)),
                _ => {}
            }
        }
        link.cut |= self.cameras.iter().any(|site| site.off_air && (site.host == one.0 || site.host == other.0));
        link
    }

    /// Lets the cameras take no more pictures, and waits until nothing waits anywhere.
    pub(crate) fn come_to_rest(&mut self) -> Result<(), String> {
        self.shared.shooting.store(false, Ordering::Relaxed);
        for camera in &self.cameras {
            self.sim.bounce(camera.host.as_str());
        }
        let limit = self.now_ms() + REST_WITHIN_MS;
        while self.cameras.iter().any(|camera| camera.chip.look().waiting > 0) {
            self.rest_until(limit)?;
        }
        for camera in &self.cameras {
            self.sim.crash(camera.host.as_str());
        }
        // The last reports of gateways.
        self.run_until(self.now_ms() + 11_000)?;
        while self.pending() != Some(0) {
            self.rest_until(limit)?;
        }
        Ok(())
    }

    fn rest_until(&mut self, limit: u64) -> Result<(), String> {
        if self.now_ms() > limit {
            let waiting: Vec<u32> = self.cameras.iter().map(|camera| camera.chip.look().waiting).collect();
            let pending: Vec<Option<usize>> = self
                .shared
                .gateways
                .iter()
                .map(|gateway| gateway.lock().unwrap().upgrade().map(|gateway| gateway.heal_pending()))
                .collect();
            return Err(format!("no rest: waiting in cameras {waiting:?}, to heal in gateways {pending:?}"));
        }
        self.run_until(self.now_ms() + 500)
    }

    fn pending(&self) -> Option<usize> {
        self.shared
            .gateways
            .iter()
            .map(|gateway| gateway.lock().unwrap().upgrade().map(|gateway| gateway.heal_pending()))
            .sum()
    }

    /// Pictures that the cameras dropped: evicted for want of room, and damaged.
    pub(crate) fn dropped(&self) -> (u32, u32) {
        let stats: Vec<_> = self.cameras.iter().map(|camera| camera.chip.look()).collect();
        (stats.iter().map(|stats| stats.evicted).sum(), stats.iter().map(|stats| stats.damaged).sum())
    }

    /// What the cameras did to their flash that no flash allows.
    pub(crate) fn violations(&self) -> Vec<String> {
        let broken = |camera: &CameraSite| camera.chip.violation().map(|error| format!("{}: {error}", camera.host));
        self.cameras.iter().filter_map(broken).collect()
    }

    /// Runs `work` on a host of its own until it is done.
    pub(crate) fn ask<T: Send + 'static>(&mut self, work: impl Future<Output = T> + 'static) -> Result<T, String> {
        let answer = Arc::new(Mutex::new(None));
        let told = Arc::clone(&answer);
        let host = format!("judge-{}", self.now_ms());
        self.sim.client(host, async move {
            let value = work.await;
            *told.lock().unwrap() = Some(value);
            Ok(())
        });
        self.sim.run().map_err(|error| format!("a host ended: {error}"))?;
        let value = answer.lock().unwrap().take();
        value.ok_or_else(|| "the judge did not answer".to_owned())
    }
}

/// The stores and the ledger at one moment of a simulation.
pub(crate) struct Snapshot {
    folder: TempDir,
    pub(crate) lines: Vec<Line>,
}

impl Snapshot {
    /// Starts stores over the copied folders, with nothing else in the world, and reads them.
    pub(crate) fn read(&self, seed: u64) -> Result<Holdings, String> {
        let mut fleet =
            Fleet::over(&Options { cameras: 0, ..Options::new(seed) }, folder().unwrap(), self.folder.path());
        fleet.ask(read_all())?
    }
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to.join(entry.file_name()))?;
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// The hosts of a cloud, and which process each one is.
fn processes(cloud: usize, which: Which) -> Vec<(String, usize)> {
    let gateway = (format!("gateway-{}", CLOUDS[cloud]), 0);
    let store = (format!("store-{}", CLOUDS[cloud]), 1);
    match which {
        Which::Both => vec![gateway, store],
        Which::Gateway => vec![gateway],
        Which::Store => vec![store],
    }
}
