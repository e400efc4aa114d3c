//! Virtual cameras: the camera's own logic, with a file as its flash and this machine's network as its radio.

mod camera;
mod config;
mod stream;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ed25519_dalek::{SigningKey, VerifyingKey};
use tokio::{net::TcpStream, task::JoinSet};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::sync::CancellationToken;
use wildcam_core::{
    cose::{self, Endpoint, Endpoints},
    flash::FileFlash,
    link::Dial,
    wire::CameraId,
};

pub use camera::{CAMERA_FLASH_BYTES, CameraQueue, HostRng, HostTimer, Plan, VirtualCamera};
pub use config::CONFIG_FLASH_BYTES;
pub use stream::{Stream, StreamError};

use super::{Error, pictures::Pool, setup::CamerasPart};
use crate::{
    clock::{Clock, Random},
    drill::observation::{Journal, Line, Observation},
    journal::atomic,
};

/// Connects to gateways over this machine's TCP, with TLS and the lab's authority.
#[derive(Clone)]
pub struct TlsDial {
    tls: TlsConnector,
}

impl TlsDial {
    /// Trusts what `config` trusts.
    #[must_use]
    pub fn new(config: Arc<rustls::ClientConfig>) -> Self {
        Self { tls: TlsConnector::from(config) }
    }
}

impl Dial for TlsDial {
    type Connection = Stream<TlsStream<TcpStream>>;
    type Error = std::io::Error;

    async fn dial(&self, endpoint: &Endpoint) -> Result<Self::Connection, Self::Error> {
        let tcp = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await?;
        tcp.set_nodelay(true)?;
        let name = rustls::pki_types::ServerName::try_from(endpoint.server_name.as_str().to_owned())
            .map_err(std::io::Error::other)?;
        Ok(Stream(self.tls.connect(name, tcp).await?))
    }
}

/// Runs all cameras of a lab until `stop`.
///
/// # Errors
/// When a camera cannot be set up: its flash, its key or its documents.
pub async fn run(
    part: CamerasPart,
    tls: Arc<rustls::ClientConfig>,
    endpoints: &[u8],
    clock: Clock,
    stop: CancellationToken,
) -> Result<(), Error> {
    let setting_up = || Error::part("setting the cameras up");
    let trusted = online_key(&part.online_key)?;
    let document = cose::verify(endpoints, &trusted).map_err(|error| setting_up()(error.into()))?;
    let list = Endpoints::from_document(&document).map_err(|error| setting_up()(error.into()))?;
    let journal = Journal::open(&part.events).map_err(|source| Error::File { path: part.events.clone(), source })?;
    let journal = Arc::new(Mutex::new(journal));
    let random = Random::seeded(part.seed);
    let pool = Arc::new(Pool::generate(&random.fork(), 12).map_err(|error| setting_up()(error.into()))?);
    let mut cameras = JoinSet::new();
    let count = part.cameras.len().max(1) as u64;
    for (number, (name, token)) in part.cameras.into_iter().enumerate() {
        let id = CameraId::new(&name).map_err(|_| Error::Unknown(format!("camera {name}")))?;
        let path = part.folder.join(format!("{name}.flash"));
        let flash = FileFlash::open(&path, CAMERA_FLASH_BYTES).map_err(|error| setting_up()(error.into()))?;
        let queue = CameraQueue::mount(flash).map_err(|error| setting_up()(format!("{name}: {error:?}").into()))?;
        let plan = Plan {
            id,
            key: key(&part.folder.join(format!("{name}.key")))?,
            trusted,
            endpoints: list.clone(),
            endpoints_seq: document.seq,
            token,
            upload_every: Duration::from_millis(part.upload_every_ms),
            report_every: Duration::from_millis(part.report_every_ms),
            // Spread over the interval, as cameras in a forest are.
            first_upload: Duration::from_millis(part.upload_every_ms * number as u64 / count),
        };
        let (journal, noting_clock) = (Arc::clone(&journal), clock.clone());
        let note = move |what: Observation| {
            let t_ms = u64::try_from(noting_clock.monotonic().as_millis()).unwrap_or(u64::MAX);
            let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = journal.append(&Line { t_ms, what }) {
                tracing::error!(%error, "the ledger could not be written");
            }
        };
        let camera = VirtualCamera::new(
            plan,
            queue,
            TlsDial::new(Arc::clone(&tls)),
            Arc::clone(&pool),
            clock.clone(),
            random.fork(),
            note,
        );
        let path = part.folder.join(format!("{name}.config"));
        let flash = FileFlash::open(&path, CONFIG_FLASH_BYTES).map_err(|error| setting_up()(error.into()))?;
        let camera = camera.keeping(flash).map_err(|error| setting_up()(format!("{name}: {error}").into()))?;
        let stop = stop.clone();
        cameras.spawn(async move {
            tokio::select! {
                () = camera.live() => {}
                () = stop.cancelled() => {}
            }
        });
    }
    while cameras.join_next().await.is_some() {}
    Ok(())
}

fn online_key(hexadecimal: &str) -> Result<VerifyingKey, Error> {
    let wrong = || Error::Unknown("valid online key".to_owned());
    let mut bytes = [0; 32];
    if hexadecimal.len() != 64 || !hexadecimal.is_ascii() {
        return Err(wrong());
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hexadecimal[index * 2..index * 2 + 2], 16).map_err(|_| wrong())?;
    }
    VerifyingKey::from_bytes(&bytes).map_err(|_| wrong())
}

/// A camera's own key, made at its first start.
fn key(path: &Path) -> Result<SigningKey, Error> {
    match std::fs::read(path) {
        Ok(bytes) => {
            let bytes: [u8; 32] =
                bytes.try_into().map_err(|_| Error::Unknown(format!("valid key in {}", path.display())))?;
            Ok(SigningKey::from_bytes(&bytes))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut seed = [0; 32];
            Random::from_os().fill(&mut seed);
            atomic::write_private(path, &seed).map_err(|error| Error::part("keeping a camera's key")(error.into()))?;
            Ok(SigningKey::from_bytes(&seed))
        }
        Err(source) => Err(Error::File { path: path.to_owned(), source }),
    }
}
