//! What each process of a lab does: read its configuration, serve until told to stop.

mod controller;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{
    Error,
    boards::{self, BoardPart},
    cameras,
    dns::{self, DnsConfig, DnsServer},
    proxy::{self, Proxy},
    remote::{self, LabFile},
    setup::{self, AccessKey, CamerasPart, DnsPart, LinkPart, ProxyPart, StorePart},
    spec::Spec,
    store,
    supervisor::Supervisor,
};
use crate::{
    clock::{Clock, Random},
    journal::atomic,
    net::{
        serve::{Limits, serve},
        tls,
    },
};

pub use controller::controller;

/// What every process is given.
pub struct Surroundings {
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// Cancelled when the process must end.
    pub stop: CancellationToken,
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    let text = std::fs::read(path).map_err(failed)?;
    serde_json::from_slice(&text).map_err(|error| failed(error.into()))
}

fn text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

async fn listen(port: u16) -> Result<TcpListener, Error> {
    let listening = TcpListener::bind(loopback(port)).await;
    listening.map_err(|error| Error::part(format!("listening on port {port}"))(error.into()))
}

/// Sets a lab up, starts it, and keeps it until it is told to go down.
///
/// # Errors
/// When it does not come up.
pub async fn supervisor(config: &Path, executable: &Path, around: Surroundings) -> Result<(), Error> {
    let spec: Spec = read(config)?;
    let folder = std::path::absolute(config)
        .ok()
        .and_then(|path| path.parent().map(Path::to_owned))
        .ok_or_else(|| Error::Unknown(format!("folder of {}", config.display())))?;
    let prepared = setup::prepare(&spec, &folder, &around.clock, &around.random).await?;
    let port = prepared.layout.supervisor_port;
    let listener = listen(port).await?;
    let lab = Supervisor::start(
        prepared.recipes,
        prepared.layout.clone(),
        &folder,
        executable,
        around.clock.clone(),
        prepared.links,
        around.stop.clone(),
    )
    .await?;
    let file = LabFile {
        pid: std::process::id(),
        port,
        token: prepared.token.expose().to_owned(),
        spec,
        layout: prepared.layout,
    };
    let path = folder.join(remote::FILE);
    let written = atomic::write_private(&path, &serde_json::to_vec_pretty(&file).unwrap_or_default());
    written.map_err(|error| Error::part("saying where the lab is")(error.into()))?;
    // The control port outlives the processes, so that `lab down` sees the end by the port going away.
    let serving = CancellationToken::new();
    let router = remote::router(lab.clone(), &prepared.token);
    let server = tokio::spawn(serve(listener, None, router, Limits::default(), serving.clone()));
    lab.watch().await;
    let _ = std::fs::remove_file(&path);
    serving.cancel();
    let _ = server.await;
    Ok(())
}

/// Serves a cloud's object store.
///
/// # Errors
/// When it cannot be opened or cannot listen.
pub async fn store(config: &Path, around: Surroundings) -> Result<(), Error> {
    let part: StorePart = read(config)?;
    let key = |key: &AccessKey| store::Credentials::new(key.id.clone(), key.secret.clone());
    let options = store::StoreOptions::new(&part.root, setup::BUCKET, key(&part.writer), key(&part.administrator));
    let opening = || Error::part(format!("opening the store in {}", part.root.display()));
    let router = store::router(&options, &around.clock).map_err(|error| opening()(error.into()))?;
    let tls = tls::server(&text(&part.certificate)?, &text(&part.key)?).map_err(|error| opening()(error.into()))?;
    serve(listen(part.port).await?, Some(tls), router, Limits::default(), around.stop).await;
    Ok(())
}

/// Carries the links of a cloud.
///
/// # Errors
/// When it cannot listen.
pub async fn proxy(config: &Path, around: Surroundings) -> Result<(), Error> {
    let part: ProxyPart = read(config)?;
    let config = |link: &LinkPart| {
        proxy::LinkConfig::new(&link.name, loopback(link.listen), loopback(link.upstream).to_string())
    };
    let config = proxy::ProxyConfig { links: part.links.iter().map(config).collect() };
    let starting = || Error::part("starting the proxy");
    let proxy = Proxy::start(config, around.clock.clone(), Random::seeded(part.seed), around.stop.clone())
        .await
        .map_err(|error| starting()(error.into()))?;
    for link in &part.links {
        let shape = proxy::Shape { latency: Duration::from_millis(link.latency_ms), ..proxy::Shape::default() };
        proxy.set(&link.name, proxy::Mode::Clear, shape, None).await.map_err(|error| starting()(error.into()))?;
    }
    let router = proxy.router(&part.token);
    serve(listen(part.control_port).await?, None, router, Limits::default(), around.stop).await;
    proxy.stopped().await;
    Ok(())
}

/// Answers for the public name.
///
/// # Errors
/// When it cannot listen.
pub async fn dns(config: &Path, around: Surroundings) -> Result<(), Error> {
    let part: DnsPart = read(config)?;
    let starting = || Error::part("starting the DNS server");
    let config = DnsConfig { listen: loopback(part.port) };
    let server = DnsServer::start(config, Random::seeded(part.seed), around.stop.clone())
        .await
        .map_err(|error| starting()(error.into()))?;
    // Until the controller has decided, every cloud is there: epoch 0 is below that of any lease.
    let endpoints = part.clouds.iter().map(|(cloud, port, weight)| controller::endpoint(cloud, *port, *weight, true));
    let first = dns::Routes { epoch: 0, seq: 1, endpoints: endpoints.collect(), ttl: controller::TTL_S };
    server.put(first).map_err(|error| starting()(error.into()))?;
    let router = server.router(&part.token);
    serve(listen(part.control_port).await?, None, router, Limits::default(), around.stop).await;
    server.stopped().await;
    Ok(())
}

/// Runs the virtual cameras.
///
/// # Errors
/// When they cannot be set up.
pub async fn cameras(config: &Path, around: Surroundings) -> Result<(), Error> {
    let part: CamerasPart = read(config)?;
    let tls = tls::client_trusting(&text(&part.authority)?)
        .map_err(|error| Error::part("trusting the lab's authority")(error.into()))?;
    let endpoints =
        std::fs::read(&part.endpoints).map_err(|source| Error::File { path: part.endpoints.clone(), source })?;
    cameras::run(part, Arc::clone(&tls), &endpoints, around.clock, around.stop).await
}

/// Runs an emulated board; `said` hears each line of its console.
///
/// # Errors
/// When its files cannot be used, or the emulator cannot be started.
pub async fn board(
    config: &Path,
    executable: &Path,
    around: Surroundings,
    said: &(dyn Fn(&str) + Sync),
) -> Result<(), Error> {
    let part: BoardPart = read(config)?;
    boards::run(&part, executable, &around.clock, &around.stop, said).await
}

/// Becomes the emulator of a board.
///
/// # Errors
/// When the configuration cannot be read, or the emulator cannot be started.
pub fn machine(config: &Path) -> Result<(), Error> {
    boards::become_machine(&read(config)?)
}
