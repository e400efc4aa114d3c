//! `wildcam flash --register`: the public keys that waited for a network go to the gateways.

use std::time::Duration;

use serde::Serialize;
use wildcam_core::wire::CameraId;

use super::{
    super::provisioning::{Fleet, cameras_folder},
    Arguments, CommandError, CommandResult, Context, Kind, failure, making,
};
use crate::{
    board::{flash::Error, pack, provision::Registry},
    net::client,
    project::Secret,
    ui::JsonLine,
};

/// How long a gateway may take for one key.
const ANSWER: Duration = Duration::from_secs(20);

#[derive(Serialize)]
struct RegisteredLine<'a> {
    camera: &'a str,
    public_key: &'a str,
}

impl JsonLine for RegisteredLine<'_> {
    const REASON: &'static str = "registered";
}

#[derive(Serialize)]
struct Registration<'a> {
    camera: &'a str,
    public_key: String,
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    let failed = |error: crate::journal::Error| CommandError::of(Kind::Failed, &error);
    let mut registry = Registry::open(&cameras_folder(context)?).map_err(failed)?;
    let waiting = registry.waiting().map_err(failed)?;
    if waiting.is_empty() {
        context.ui.result("No key waits to be registered.");
        return Ok(());
    }
    let project = context.open_project()?;
    let mut urls = Vec::new();
    for gateway in project.settings.gateway.public_urls.values() {
        urls.push(gateway.join("/api/cameras/register").map_err(|error| {
            CommandError::new(Kind::Usage, format!("{gateway} is no address of a gateway")).because(error)
        })?);
    }
    if urls.is_empty() {
        return Err(CommandError::new(Kind::Usage, "wildcam.toml does not say where the gateways are")
            .next_step("set gateway.public_urls in wildcam.toml"));
    }
    let authority = match &arguments.authority {
        Some(path) => Some(std::fs::read_to_string(path).map_err(|error| {
            CommandError::new(Kind::Usage, format!("{} cannot be read", path.display())).because(error)
        })?),
        None => None,
    };
    let http = client::http(authority.as_deref()).map_err(|error| CommandError::of(Kind::Failed, &error))?;
    let tokens = Tokens::open(arguments, context).await?;
    let mut not_registered = Vec::new();
    for (camera, public_key) in &waiting {
        if context.interrupt.is_cancelled() {
            return Err(failure(&Error::Interrupted));
        }
        let token = match tokens.of(camera, context).await {
            Ok(Some(token)) => token,
            Ok(None) => {
                context.ui.warn(format_args!("the pack has no token for {camera}: it is passed over"));
                continue;
            }
            Err(error) => {
                context.ui.failure(&error);
                not_registered.push(camera.as_str());
                continue;
            }
        };
        match send(&http, &mut urls, camera, public_key, &token).await {
            Ok(()) => {
                registry.sent(camera).map_err(failed)?;
                context.ui.result(format_args!("{camera} is registered"));
                context.ui.json(&RegisteredLine { camera, public_key });
            }
            Err(error) => {
                context.ui.failure(&error);
                not_registered.push(camera);
            }
        }
    }
    if not_registered.is_empty() {
        return Ok(());
    }
    Err(CommandError::new(Kind::Failed, format!("not registered: {}", not_registered.join(", ")))
        .next_step("wildcam flash --register, where the gateways can be reached; it goes on with these"))
}

/// Where the tokens come from with which keys are registered.
enum Tokens {
    Fleet(Box<Fleet>),
    Pack(making::OpenPack),
}

impl Tokens {
    async fn open(arguments: &Arguments, context: &Context) -> Result<Self, CommandError> {
        if let Some(path) = &arguments.pack {
            let pack = making::open_pack(path, &arguments.pack_key, context)?;
            pack.check_tokens(context)?;
            return Ok(Self::Pack(pack));
        }
        // No board is told anything here, and gateways of a project take no token of a lab.
        let (authority, endpoints) = (arguments.authority.as_deref(), arguments.endpoints.as_deref());
        Ok(Self::Fleet(Box::new(Fleet::open(authority, endpoints, true, context).await?)))
    }

    async fn of(&self, camera: &str, context: &Context) -> Result<Option<Secret>, CommandError> {
        match self {
            Self::Fleet(fleet) => {
                let id = CameraId::new(camera).map_err(|error| {
                    CommandError::new(Kind::Failed, format!("{camera:?} is no camera id")).because(error)
                })?;
                fleet.token(&id, context.clock.unix_s()).await.map(|(token, _)| Some(token))
            }
            Self::Pack(pack) => {
                let found = pack.kit.cameras.iter().find(|packed| packed.line.name.as_str() == camera);
                Ok(found.map(|packed| packed.token.clone()))
            }
        }
    }
}

/// Registers a key at the first gateway that takes it, and puts that one first for the next camera.
async fn send(
    http: &reqwest::Client,
    urls: &mut [reqwest::Url],
    camera: &str,
    public_key: &str,
    token: &Secret,
) -> CommandResult {
    let body = Registration { camera, public_key: base64_of(public_key) };
    let mut error = CommandError::new(Kind::Failed, format!("{camera} could not be registered"));
    for number in 0..urls.len() {
        let url = urls[number].clone();
        let sent = http.post(url.clone()).timeout(ANSWER).bearer_auth(token.expose()).json(&body).send().await;
        let answer = match sent {
            Ok(answer) => answer,
            Err(why) => {
                error = error.because(why);
                continue;
            }
        };
        let status = answer.status();
        if status.is_success() {
            urls.swap(0, number);
            return Ok(());
        }
        let text: String = answer.text().await.unwrap_or_default().chars().take(400).collect();
        error = error.because(std::io::Error::other(format!("{url}: {status}: {text}")));
        if status == reqwest::StatusCode::CONFLICT {
            // Another key has the name. A gateway that does not know of it yet must not take this one.
            return Err(error.next_step(format!("flash {camera} anew: --new-identity with another --name")));
        }
    }
    Err(error)
}

/// Gateways take keys in base64; the lists of a project have them in hexadecimal.
fn base64_of(public_key: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    STANDARD.encode(pack::from_hexadecimal(public_key).unwrap_or_default())
}
