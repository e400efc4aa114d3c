//! `wildcam gateway image`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Place;
use crate::{
    cli::{CommandError, CommandResult, Context, Kind, open::variable},
    cloud::{self, Surroundings, control::RegistryLogin},
    deploy::{
        image::{Image, Platform, Recipe},
        project_file::{self, Edit},
        registry::{self, Event, Repository, Target},
    },
    project::{FILE_NAME, Origin, Project, Provider, Secret},
    ui::JsonLine,
};

const EXAMPLES: &str = "Examples:
  wildcam gateway image --cloud aws -o gateway.tar
  wildcam gateway image --cloud aws --push
  wildcam gateway image --cloud site --push --repository registry.example:5000/reserve/gateway

The registry's credentials are those of the cloud, or WILDCAM_REGISTRY_USERNAME and
WILDCAM_REGISTRY_PASSWORD.";

const USERNAME: &str = "WILDCAM_REGISTRY_USERNAME";
const PASSWORD: &str = "WILDCAM_REGISTRY_PASSWORD";

/// The arguments of `wildcam gateway image`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Where the OCI archive is written; default without --push: wildcam-gateway-CLOUD.tar
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The cloud whose gateway it is; default: the first in wildcam.toml
    #[arg(long, value_name = "NAME")]
    cloud: Option<String>,
    /// A static wildcam for Linux; default: this program
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Push it to a registry, and write its name into wildcam.toml
    #[arg(long)]
    push: bool,
    /// Where to push it: HOST/PATH; default: where it was pushed before, else the cloud's own registry
    #[arg(long, value_name = "REPOSITORY", requires = "push")]
    repository: Option<Repository>,
    /// The certificate authority of the registry, a PEM file; default: the public ones
    #[arg(long, value_name = "FILE", requires = "push")]
    authority: Option<PathBuf>,
    /// What the image must be for; default: what the program is for
    #[arg(long, value_enum, value_name = "PLATFORM")]
    platform: Option<PlatformArgument>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum PlatformArgument {
    #[value(name = "linux/amd64")]
    Amd64,
    #[value(name = "linux/arm64")]
    Arm64,
}

#[derive(Serialize)]
struct Built<'a> {
    cloud: &'a str,
    digest: &'a str,
    platform: String,
    bytes: u64,
    file: Option<&'a Path>,
    plain_http: bool,
    variables: Vec<&'a str>,
}

impl JsonLine for Built<'_> {
    const REASON: &'static str = "gateway-image";
}

#[derive(Serialize)]
struct PushedLine<'a> {
    cloud: &'a str,
    image: &'a str,
    tag: &'a str,
    blobs_sent: usize,
    bytes_sent: u64,
}

impl JsonLine for PushedLine<'_> {
    const REASON: &'static str = "gateway-image-pushed";
}

pub(super) async fn run(arguments: &Arguments, project: &Project, context: &Context) -> CommandResult {
    if project.origin == Origin::BuiltInLab {
        return Err(CommandError::new(Kind::Usage, format!("there is no {FILE_NAME} here to build a gateway for"))
            .next_step("wildcam init"));
    }
    let place = Place { cloud: arguments.cloud.clone(), name: None, index: None }.resolve(project)?;
    let output = match (&arguments.output, arguments.push) {
        (Some(path), _) => Some(path.clone()),
        (None, true) => None,
        (None, false) => Some(PathBuf::from(format!("wildcam-gateway-{}.tar", place.cloud))),
    };
    // Before the work: a push that cannot end should not begin.
    let target = if arguments.push { Some(target(arguments, project, &place.cloud, context).await?) } else { None };
    let binary = match &arguments.binary {
        Some(path) => path.clone(),
        None => context.executable()?,
    };
    let image = build(arguments, project, &place.cloud, &binary, output.as_deref())?;
    if let Some(path) = &output {
        image.save(path).map_err(|error| CommandError::of(Kind::Failed, &error))?;
    }
    say_built(context, &image, &place.cloud, output.as_deref());
    match target {
        Some(target) => push(&image, &target, project, &place.cloud, context).await,
        None => Ok(()),
    }
}

fn build(
    arguments: &Arguments,
    project: &Project,
    cloud: &str,
    binary: &Path,
    output: Option<&Path>,
) -> Result<Image, CommandError> {
    // Beside the archive, where there is room for one; the temporary folder of a machine may be memory.
    let folder = output.and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
    let scratch = folder.map_or_else(|| project.dir.clone(), Path::to_owned);
    let platform = arguments.platform.map(|platform| match platform {
        PlatformArgument::Amd64 => Platform::Amd64,
        PlatformArgument::Arm64 => Platform::Arm64,
    });
    let recipe = Recipe { project, cloud, binary, platform, scratch: &scratch };
    Image::build(&recipe).map_err(|error| {
        let failure = CommandError::of(Kind::Usage, &error);
        match error.next_step() {
            Some(step) => failure.next_step(step),
            None => failure,
        }
    })
}

fn say_built(context: &Context, image: &Image, cloud: &str, output: Option<&Path>) {
    let digest = image.digest();
    context.ui.json(&Built {
        cloud,
        digest: digest.as_str(),
        platform: image.platform.to_string(),
        bytes: image.bytes(),
        file: output,
        plain_http: image.plain_http,
        variables: image.secrets.iter().map(|secret| secret.variable.as_str()).collect(),
    });
    let megabytes = image.bytes() as f64 / 1e6;
    let written = output.map_or_else(|| "built".to_owned(), |path| format!("wrote {}", path.display()));
    context.ui.result(format_args!("{written}: the gateway of {cloud} for {}, {megabytes:.1} MB", image.platform));
    context.ui.result(format_args!("  digest     {digest}"));
    let speaks = if image.plain_http { "plain HTTP, behind TLS that ends in front of it" } else { "TLS" };
    context.ui.result(format_args!("  speaks     {speaks}, on port {} or PORT", image.port));
    for (number, secret) in image.secrets.iter().enumerate() {
        let head = if number == 0 { "needs" } else { "" };
        context.ui.result(format_args!("  {head:<10} {} ({})", secret.variable, secret.key));
    }
}

/// Where the image goes, and who brings it.
async fn target(
    arguments: &Arguments,
    project: &Project,
    cloud: &str,
    context: &Context,
) -> Result<Target, CommandError> {
    let authority_pem = match &arguments.authority {
        Some(path) => Some(std::fs::read_to_string(path).map_err(|error| {
            CommandError::new(Kind::Usage, format!("the authority {} cannot be read", path.display())).because(error)
        })?),
        None => None,
    };
    let before = project.settings.deploy.images.get(cloud).and_then(|image| Repository::of_image(image));
    let named = arguments.repository.clone().or(before);
    let from_environment = match (variable(USERNAME), variable(PASSWORD)) {
        (Some(username), Some(password)) => Some((username, Secret::new(password))),
        _ => None,
    };
    if let Some(repository) = &named
        && let Some((username, password)) = from_environment
    {
        let (host, path) = (repository.host.clone(), repository.path.clone());
        let login = Some(RegistryLogin { host, repository: path, username, password });
        return Ok(Target { repository: repository.clone(), login, authority_pem });
    }
    let login = cloud_login(project, cloud, context).await?;
    let repository = match (named, &login) {
        (Some(repository), _) => repository,
        (None, Some(login)) if !login.repository.is_empty() => {
            format!("{}/{}", login.host, login.repository)
                .parse()
                .map_err(|error: registry::RepositoryError| CommandError::of(Kind::Failed, &error))?
        }
        (None, _) => {
            let step = match project.settings.clouds.get(cloud).map(|table| table.provider) {
                Some(Provider::Custom) | None => "name one with --repository HOST/PATH".to_owned(),
                Some(_) => {
                    format!("wildcam deploy --only '{cloud}/registry/*', or name one with --repository HOST/PATH")
                }
            };
            return Err(CommandError::new(Kind::Usage, format!("the cloud {cloud} has no registry of its own yet"))
                .next_step(step));
        }
    };
    Ok(Target { repository, login, authority_pem })
}

/// The way into the cloud's own registry.
async fn cloud_login(project: &Project, name: &str, context: &Context) -> Result<Option<RegistryLogin>, CommandError> {
    let Some(table) = project.settings.clouds.get(name).filter(|cloud| cloud.provider != Provider::Custom) else {
        return Ok(None);
    };
    let surroundings = Surroundings {
        name,
        project,
        cloud: table,
        lookup: std::sync::Arc::new(variable),
        clock: context.clock.clone(),
        random: context.random.clone(),
    };
    let login = async { cloud::control_plane(&surroundings).await?.registry_login().await };
    login.await.map_err(|failure| {
        let step = failure.next_step.clone().unwrap_or_else(|| format!("wildcam doctor --cloud {name}"));
        CommandError::new(Kind::Failed, format!("the registry of {name} cannot be reached"))
            .because(failure)
            .next_step(step)
    })
}

async fn push(image: &Image, target: &Target, project: &Project, cloud: &str, context: &Context) -> CommandResult {
    let ui = context.ui.clone();
    let listener = move |event: Event| match event {
        Event::There { digest } => ui.status(format_args!("  there      {digest}")),
        Event::Sending { digest, bytes } => ui.status(format_args!("  sending    {digest} ({bytes} bytes)")),
        Event::Resuming { digest, from } => ui.status(format_args!("  going on   {digest} at byte {from}")),
    };
    context.ui.status(format_args!("pushing to {}", target.repository));
    let work = registry::push(image, target, &context.random, &listener);
    let pushed = tokio::select! {
        result = work => result.map_err(|error| {
            let failure = CommandError::of(Kind::Failed, &error);
            match error.next_step() {
                Some(step) => failure.next_step(step),
                None => failure,
            }
        })?,
        () = context.interrupt.cancelled() => {
            return Err(CommandError::new(Kind::Interrupted, "interrupted; what was sent is not sent again")
                .next_step("run it again"));
        }
    };
    context.ui.json(&PushedLine {
        cloud,
        image: &pushed.reference,
        tag: &pushed.tag,
        blobs_sent: pushed.sent,
        bytes_sent: pushed.sent_bytes,
    });
    context.ui.result(format_args!("pushed {} ({} blobs, {} bytes)", pushed.reference, pushed.sent, pushed.sent_bytes));
    remember(project, cloud, &pushed.reference, context)
}

/// Writes the image's name into wildcam.toml, under the environment that it was built for.
fn remember(project: &Project, cloud: &str, reference: &str, context: &Context) -> CommandResult {
    if project.settings.deploy.images.get(cloud).is_some_and(|image| image == reference) {
        return Ok(());
    }
    let mut path = vec!["deploy".to_owned(), "images".to_owned(), cloud.to_owned()];
    if let Some(env) = &project.env {
        path.splice(0..0, ["env".to_owned(), env.clone()]);
    }
    let edit = Edit { path, value: reference.into() };
    let file = project_file::apply(project, &[edit]).map_err(|error| {
        CommandError::of(Kind::Failed, &error)
            .next_step(format!("write {cloud} = \"{reference}\" under [deploy.images] of {FILE_NAME}"))
    })?;
    context.ui.result(format_args!("wrote deploy.images.{cloud} into {}", file.display()));
    Ok(())
}
