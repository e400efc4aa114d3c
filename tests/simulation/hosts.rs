//! What runs on the simulated hosts: the real store, the real gateway and the real camera.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use ed25519_dalek::SigningKey;
use tokio_util::sync::CancellationToken;
use wildcam::{
    clock::{Clock, Random},
    cloud,
    data::{Index, index::Mode},
    drill::observation::{Line, Observation},
    gateway::{Gateway, Parts, Policy, Settings, Store},
    lab::{
        authority::Authority,
        cameras::{CameraQueue, Plan, VirtualCamera},
        pictures::Pool,
        store::{self, Credentials, StoreOptions},
    },
    net::{
        serve::{Limits, serve},
        tls,
    },
    project,
    release::{
        Signer,
        documents::{Scope, Token, endpoint},
        generate_key,
    },
};
use wildcam_core::{cose::Endpoints, queue, wire::CameraId};

use crate::{
    flash::Chip,
    network::{Connector, Corruption, Listener, Radio, SERVER_NAME},
};

pub(crate) const CLOUDS: [&str; 3] = ["a", "b", "c"];
const STORE_PORT: u16 = 9000;
const GATEWAY_PORT: u16 = 8443;
const BUCKET: &str = "pictures";
/// The simulated world begins on 2027-01-15.
pub(crate) const EPOCH_MS: u64 = 1_800_000_000_000;

/// What all simulations share, because keys and pictures take time to make.
pub(crate) struct World {
    pub(crate) client: Arc<rustls::ClientConfig>,
    pub(crate) server: Arc<rustls::ServerConfig>,
    pub(crate) online_key: String,
    pub(crate) pool: Arc<Pool>,
}

pub(crate) fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        // Certificates are judged by the machine's own clock.
        let clock = Clock::system();
        let authority = Authority::create("simulation", &clock).unwrap();
        let identity = authority.issue(&[SERVER_NAME.to_owned()], &[], Duration::from_secs(24 * 3600)).unwrap();
        World {
            client: tls::client_trusting(authority.pem()).unwrap(),
            server: tls::server(&identity.chain_pem, &identity.key_pem).unwrap(),
            online_key: generate_key().unwrap().to_string(),
            pool: Arc::new(Pool::of(pictures())),
        }
    })
}

/// Small pictures for speed, and one in sixteen that goes in parts.
fn pictures() -> Vec<Vec<u8>> {
    let random = Random::seeded(0);
    let mut sides: Vec<u16> = (1..16).map(|n| 16 + 6 * n).collect();
    sides.push(380);
    sides
        .into_iter()
        .map(|side| {
            let mut pixels = vec![0; usize::from(side) * usize::from(side)];
            random.fill(&mut pixels);
            let mut jpeg = Vec::new();
            jpeg_encoder::Encoder::new(&mut jpeg, 90)
                .encode(&pixels, side, side, jpeg_encoder::ColorType::Luma)
                .unwrap();
            jpeg
        })
        .collect()
}

/// What the hosts share with the test, on no network.
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) folder: PathBuf,
    pub(crate) copies: usize,
    pub(crate) lines: Mutex<Vec<Line>>,
    pub(crate) gateways: [Mutex<Weak<Gateway>>; 3],
    /// Killed processes: gateway and store of each cloud.
    pub(crate) killed: [[AtomicBool; 2]; 3],
    pub(crate) corruption: [Arc<Corruption>; 3],
    pub(crate) shooting: AtomicBool,
    pub(crate) cuts: AtomicU64,
}

/// The stores as a gateway of cloud `own` has them, its own first, over their real S3 client.
pub(crate) fn stores(own: &str) -> Vec<Store> {
    let connector = Arc::new(Connector::new(Arc::clone(&world().client)));
    let mut names = CLOUDS;
    names.sort_by_key(|name| *name != own);
    let secrets = |name: &str| match name {
        "KEY" => Some("WRITER".to_owned()),
        "SECRET" => Some("writer-secret".to_owned()),
        _ => None,
    };
    names
        .into_iter()
        .map(|name| {
            let store = project::Store::S3 {
                endpoint: Some(format!("https://store-{name}:{STORE_PORT}").parse().unwrap()),
                bucket: BUCKET.to_owned(),
                region: "us-east-1".to_owned(),
                access_key: Some("env:KEY".parse().unwrap()),
                secret_key: Some("env:SECRET".parse().unwrap()),
                authority: None,
            };
            let objects =
                cloud::objects(name, &store, Path::new("."), &secrets, Some(Arc::<Connector>::clone(&connector)))
                    .unwrap();
            Store { name: name.to_owned(), objects }
        })
        .collect()
}

pub(crate) async fn run_store(shared: Arc<Shared>, cloud: usize) -> turmoil::Result {
    if shared.killed[cloud][1].load(Ordering::Relaxed) {
        // The machine stands and nobody listens: it refuses.
        std::future::pending::<()>().await;
    }
    let mut options = StoreOptions::new(
        shared.folder.join(format!("store-{}", CLOUDS[cloud])),
        BUCKET,
        Credentials::new("WRITER", "writer-secret"),
        Credentials::new("ADMINISTRATOR", "administrator-secret"),
    );
    options.inline_io = true;
    options.sync = false;
    // Requests are signed with the machine's clock, however slow the machine is.
    options.signature_skew = Duration::from_hours(10_000);
    options.random = shared.random.fork();
    let router = store::router(&options, &shared.clock)?;
    let listener = Listener::bind(STORE_PORT, Arc::clone(&shared.corruption[cloud])).await?;
    serve(listener, Some(Arc::clone(&world().server)), router, Limits::default(), CancellationToken::new()).await;
    Ok(())
}

pub(crate) async fn run_gateway(shared: Arc<Shared>, cloud: usize) -> turmoil::Result {
    if shared.killed[cloud][0].load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
    let name = CLOUDS[cloud];
    let index = Index::open(&shared.folder.join(format!("gateway-{name}.sqlite")), Mode::Inline)?;
    let host = CameraId::new(&format!("gateway-{name}")).map_err(|_| "the gateway's name")?;
    let mut settings = Settings::new(host, name);
    settings.policy = Policy { copies: shared.copies, ..Policy::default() };
    settings.report_every = Duration::from_secs(10);
    let gateway = Gateway::new(Parts {
        settings,
        stores: stores(name),
        index,
        signer: Arc::clone(&shared.signer),
        clock: shared.clock.clone(),
        random: shared.random.fork(),
    })?;
    *shared.gateways[cloud].lock().unwrap() = Arc::downgrade(&gateway);
    let listener = Listener::bind(GATEWAY_PORT, Arc::clone(&shared.corruption[cloud])).await?;
    let stop = CancellationToken::new();
    let server = Some(Arc::clone(&world().server));
    tokio::join!(
        gateway.background(stop.clone()),
        serve(listener, server, gateway.router(), Limits::default(), stop.clone())
    );
    Ok(())
}

/// What a camera is, besides its flash.
pub(crate) struct Site {
    pub(crate) id: CameraId,
    pub(crate) key: SigningKey,
    pub(crate) token: String,
    pub(crate) upload_every: Duration,
    pub(crate) first_upload: Duration,
}

pub(crate) async fn run_camera(shared: Arc<Shared>, site: Arc<Site>, chip: Chip) -> turmoil::Result {
    loop {
        chip.power_on();
        let random = shared.random.fork();
        match CameraQueue::mount(chip.clone()) {
            Ok(queue) => {
                let shooting = shared.shooting.load(Ordering::Relaxed);
                let plan = Plan {
                    id: site.id.clone(),
                    key: site.key.clone(),
                    trusted: shared.signer.public_key(),
                    endpoints: endpoints(),
                    endpoints_seq: 1,
                    token: site.token.clone(),
                    upload_every: if shooting { site.upload_every } else { Duration::ZERO },
                    report_every: Duration::from_secs(3),
                    first_upload: site.first_upload,
                };
                let noting = Arc::clone(&shared);
                let note = move |what: Observation| {
                    let t_ms = u64::try_from(noting.clock.monotonic().as_millis()).unwrap();
                    noting.lines.lock().unwrap().push(Line { t_ms, what });
                };
                let pool = Arc::clone(&world().pool);
                let radio = Radio(Arc::clone(&world().client));
                let camera = VirtualCamera::new(plan, queue, radio, pool, shared.clock.clone(), random.clone(), note);
                Box::pin(camera.live()).await;
            }
            // The power went during the mount.
            Err(queue::Error::Flash(_)) => {}
            Err(error) => return Err(format!("{} cannot mount its queue: {error}", site.id).into()),
        }
        shared.cuts.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(100 + random.below(2_000))).await;
    }
}

fn endpoints() -> Endpoints {
    let mut list = Endpoints::default();
    for name in CLOUDS {
        let host = format!("gateway-{name}");
        list.0.push(endpoint(&format!("{name}/{host}"), &host, GATEWAY_PORT, 1, SERVER_NAME).unwrap()).unwrap();
    }
    list
}

pub(crate) fn tokens(signer: &dyn Signer, ids: &[CameraId]) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    ids.iter()
        .map(|id| {
            let token = Token { scope: Scope::Enrol { camera: id.clone() }, expires_s: EPOCH_MS / 1000 + 24 * 3600 };
            runtime.block_on(token.issue(signer, EPOCH_MS / 1000)).unwrap()
        })
        .collect()
}
