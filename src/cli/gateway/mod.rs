//! `wildcam gateway`.

mod healthy;
mod image;

use std::{io::Read, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use serde::Serialize;
use tokio_util::sync::CancellationToken;
use wildcam_core::wire::CameraId;

use super::{CommandError, CommandResult, Context, Kind, open::variable, signing};
use crate::{
    cloud,
    data::{Index, index::Mode, reindex},
    gateway::{Gateway, Parts, Policy, Settings, Store},
    net::{serve, tls},
    project::{Degraded, Project},
    ui::JsonLine,
};

const EXAMPLES: &str = "Examples:
  wildcam gateway --cloud a
  wildcam gateway --plain-http --behind-tls     in a container, behind a load balancer that ends TLS
  wildcam gateway image --cloud aws --push
  wildcam gateway reindex";

/// Platforms give a container ten seconds between the signal to end and the end. Requests get the first five.
const LAST_WRITES: Duration = Duration::from_secs(3);

/// The arguments of `wildcam gateway`.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    place: Place,
    /// The address and port to listen on instead of gateway.listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Speak HTTP without TLS, for a container behind a provider's TLS; listens on the port in PORT where that is set
    #[arg(long)]
    plain_http: bool,
    /// TLS ends in front of this gateway, so plain HTTP needs no warning
    #[arg(long, requires = "plain_http")]
    behind_tls: bool,
    /// End when standard input closes: for a parent that must not leave a gateway behind
    #[arg(long)]
    until_stdin_closes: bool,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make the index again from the objects; it can run beside a gateway, and again
    Reindex(Place),
    /// Build the gateway as a container image from a static wildcam, and push it; needs no Docker
    Image(image::Arguments),
    /// Ask the gateway in this container whether it can take detections; the health check of its image
    Healthy(healthy::Arguments),
}

#[derive(clap::Args)]
struct Place {
    /// The cloud whose gateway this is; default: the first in wildcam.toml
    #[arg(long, value_name = "NAME")]
    cloud: Option<String>,
    /// The gateway's name, under which its reports lie; default: the cloud's
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The index file instead of gateway.index_path: each gateway of a machine needs its own
    #[arg(long, value_name = "FILE")]
    index: Option<PathBuf>,
}

#[derive(Serialize)]
struct Listening<'a> {
    address: SocketAddr,
    url: String,
    gateway: &'a str,
    cloud: &'a str,
}

impl JsonLine for Listening<'_> {
    const REASON: &'static str = "gateway-listening";
}

#[derive(Serialize)]
struct Reindexed {
    #[serde(flatten)]
    found: reindex::Found,
}

impl JsonLine for Reindexed {
    const REASON: &'static str = "reindexed";
}

/// The gateway's place among the clouds.
struct Resolved {
    cloud: String,
    name: CameraId,
    index: PathBuf,
}

impl Place {
    fn resolve(&self, project: &Project) -> Result<Resolved, CommandError> {
        let first = || project.stores.keys().next().cloned();
        let cloud = self
            .cloud
            .clone()
            .or_else(first)
            .ok_or_else(|| CommandError::new(Kind::Usage, "wildcam.toml has no cloud"))?;
        if !project.stores.contains_key(&cloud) {
            let known: Vec<&str> = project.stores.keys().map(String::as_str).collect();
            return Err(CommandError::new(Kind::Usage, format!("wildcam.toml has no cloud {cloud}"))
                .next_step(format!("--cloud {}", known.join("|"))));
        }
        let name = self.name.as_deref().unwrap_or(&cloud);
        let name = CameraId::new(name).map_err(|error| {
            CommandError::new(Kind::Usage, format!("{name} is no name for a gateway")).because(error)
        })?;
        let index = self.index.clone().unwrap_or_else(|| project.path(&project.settings.gateway.index_path));
        Ok(Resolved { cloud, name, index })
    }
}

fn open_index(path: &std::path::Path) -> Result<Index, CommandError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| {
            CommandError::new(Kind::Failed, format!("the folder {} cannot be made", folder.display())).because(error)
        })?;
    }
    Index::open(path, Mode::Threaded).map_err(|error| {
        CommandError::new(Kind::Failed, "the index cannot be opened")
            .because(error)
            .next_step("move the file away and run: wildcam gateway reindex")
    })
}

/// The stores of all clouds, that of `own` first.
fn stores(project: &Project, own: &str) -> Result<Vec<Store>, CommandError> {
    let mut names: Vec<&String> = project.stores.keys().collect();
    names.sort_by_key(|name| name.as_str() != own);
    let mut stores = Vec::new();
    for name in names {
        let objects = cloud::objects(name, &project.stores[name], &project.dir, &variable, None)
            .map_err(|error| CommandError::new(Kind::Usage, format!("cloud {name} cannot be used")).because(error))?;
        stores.push(Store { name: name.clone(), objects });
    }
    Ok(stores)
}

fn settings(project: &Project, place: &Resolved) -> Settings {
    let configured = &project.settings.gateway;
    let mut settings = Settings::new(place.name.clone(), &place.cloud);
    settings.max_image_bytes = configured.limits.body.as_usize();
    settings.memory_bytes = configured.limits.memory.as_usize();
    settings.requests_per_s = configured.limits.requests_per_second;
    settings.burst = (configured.limits.requests_per_second * 2.0).max(10.0);
    settings.request_timeout = configured.limits.request_timeout.get();
    settings.body_timeout = settings.request_timeout.mul_f64(0.8);
    settings.report_every = configured.report_interval.get();
    settings.spool = Some(place.index.with_extension("spool"));
    settings.policy = Policy {
        copies: usize::from(configured.copies),
        one_copy: configured.degraded == Degraded::OneCopy,
        late_bytes: settings.memory_bytes / 2,
        heal_every: project.settings.replicate.heal_interval.get(),
        ..Policy::default()
    };
    settings
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    let project = context.open_project()?;
    match &arguments.command {
        Some(Command::Reindex(place)) => reindex(place, &project, context).await,
        Some(Command::Image(arguments)) => image::run(arguments, &project, context).await,
        Some(Command::Healthy(arguments)) => healthy::run(arguments, &project, context).await,
        None => serve(arguments, &project, context).await,
    }
}

async fn serve(arguments: &Arguments, project: &Project, context: &Context) -> CommandResult {
    let place = arguments.place.resolve(project)?;
    let server = if arguments.plain_http { None } else { Some(tls(project)?) };
    let signer = Arc::new(signing::signer(project)?);
    let gateway = Gateway::new(Parts {
        settings: settings(project, &place),
        stores: stores(project, &place.cloud)?,
        index: open_index(&place.index)?,
        signer,
        clock: context.clock.clone(),
        random: context.random.clone(),
    })
    .map_err(|error| CommandError::new(Kind::Usage, "the gateway cannot start").because(error))?;
    let wanted = match arguments.listen {
        Some(address) => address,
        None if arguments.plain_http => plain_address(project)?,
        None => project.settings.gateway.listen,
    };
    let listener = tokio::net::TcpListener::bind(wanted).await.map_err(|error| {
        CommandError::new(Kind::Failed, format!("{wanted} cannot be listened on"))
            .because(error)
            .next_step("wildcam gateway --listen 127.0.0.1:0")
    })?;
    let address = listener
        .local_addr()
        .map_err(|error| CommandError::new(Kind::Failed, "the listener has no address").because(error))?;

    let url = format!("{}://{address}", if arguments.plain_http { "http" } else { "https" });
    if arguments.plain_http && !arguments.behind_tls {
        context.ui.warn(
            "plain HTTP: what cameras send and tokens of readers can be read on the way\n  next: let TLS end in front of \
             this gateway, and say so with --behind-tls",
        );
    }
    context.ui.status(format!("gateway {} of cloud {} listens on {url}", place.name, place.cloud));
    context.ui.json(&Listening { address, url, gateway: place.name.as_str(), cloud: &place.cloud });
    let stop = context.interrupt.child_token();
    if arguments.until_stdin_closes {
        cancel_when_stdin_closes(stop.clone());
    }
    let background = {
        let (gateway, stop) = (Arc::clone(&gateway), stop.clone());
        tokio::spawn(async move { gateway.background(stop).await })
    };
    serve::serve(listener, server, gateway.router(), serve::Limits::default(), stop).await;
    let end = async {
        let _ = background.await;
        // The last changes of the index are small, but the count of what is left to heal should be right.
        let _ = gateway.index().flush().await;
    };
    // A store that is down holds the last reports up, and they are not worth being killed for.
    let _ = tokio::time::timeout(LAST_WRITES, end).await;
    Ok(())
}

fn tls(project: &Project) -> Result<Arc<rustls::ServerConfig>, CommandError> {
    let tls = project.settings.gateway.tls.as_ref().ok_or_else(|| {
        CommandError::new(Kind::Usage, "[gateway.tls] is not set, and a gateway speaks TLS").next_step(
            "set gateway.tls.certificate and gateway.tls.key, or behind TLS of others: --plain-http --behind-tls; to try \
             it out: wildcam lab up",
        )
    })?;
    let path = project.path(&tls.certificate);
    let chain = std::fs::read_to_string(&path).map_err(|error| {
        CommandError::new(Kind::Usage, format!("the certificate {} cannot be read", path.display())).because(error)
    })?;
    let key = project
        .secret(&tls.key, &variable)
        .map_err(|error| CommandError::new(Kind::Usage, "gateway.tls.key cannot be had").because(error))?;
    tls::server_for_cameras(&chain, key.expose())
        .map_err(|error| CommandError::new(Kind::Usage, "[gateway.tls] cannot be used").because(error))
}

/// Where a gateway behind a provider's TLS listens: platforms that choose the port name it in `PORT`.
fn plain_address(project: &Project) -> Result<SocketAddr, CommandError> {
    let configured = project.settings.gateway.listen;
    let Some(text) = variable("PORT").filter(|text| !text.is_empty()) else { return Ok(configured) };
    match text.parse() {
        Ok(port) if port > 0 => Ok(SocketAddr::new(configured.ip(), port)),
        _ => Err(CommandError::new(Kind::Usage, "the environment variable PORT holds no port")
            .next_step("set it to a number from 1 to 65535, or leave it out")),
    }
}

/// Reads until the end in a thread of its own: a read of standard input cannot be called off, and must not hold the exit.
fn cancel_when_stdin_closes(stop: CancellationToken) {
    std::thread::spawn(move || {
        let mut buffer = [0; 256];
        while matches!(std::io::stdin().read(&mut buffer), Ok(length) if length > 0) {}
        stop.cancel();
    });
}

async fn reindex(place: &Place, project: &Project, context: &Context) -> CommandResult {
    let place = place.resolve(project)?;
    let stores = stores(project, &place.cloud)?;
    let index = open_index(&place.index)?;
    let mut total = reindex::Found::default();
    let mut failed = Vec::new();
    // Every store, since an event that one store missed lies in another; what was found before costs only its listing.
    for store in &stores {
        context.ui.status(format!("reading the events in {}", store.name));
        let work = reindex::all(&store.objects, &index, context.clock.unix_ms(), |_| {});
        let result = tokio::select! {
            result = work => result,
            () = context.interrupt.cancelled() => {
                return Err(CommandError::new(Kind::Interrupted, "interrupted; what was found is kept")
                    .next_step("wildcam gateway reindex"));
            }
        };
        match result {
            Ok(found) => {
                total.events = total.events.max(found.events);
                total.added += found.added;
                total.invalid += found.invalid;
            }
            Err(error) => failed.push((store.name.clone(), error)),
        }
    }
    context
        .ui
        .result(format!("{} events, {} new in the index, {} that are none", total.events, total.added, total.invalid));
    context.ui.json(&Reindexed { found: total });
    match failed.pop() {
        None => Ok(()),
        Some((name, error)) if failed.len() + 1 == stores.len() => {
            Err(CommandError::new(Kind::Failed, format!("no store could be read, {name} the last")).because(error))
        }
        Some((name, error)) => {
            context.ui.warn(format!("the store of {name} could not be read: {error}"));
            Ok(())
        }
    }
}
