//! `wildcam flash --register`: the public keys that waited for a network go to the gateways.

use serde::Serialize;

use super::{super::provisioning::Fleet, Arguments, CommandError, CommandResult, Context, Kind, making};
use crate::{
    board::{pack, provision::Registry},
    net::client,
    ui::JsonLine,
};

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
    let mut registry = Registry::open(&context.state_folder()).map_err(failed)?;
    let waiting = registry.waiting().map_err(failed)?;
    if waiting.is_empty() {
        context.ui.result("No key waits to be registered.");
        return Ok(());
    }
    let project = context.open_project()?;
    let gateway = project.settings.gateway.public_urls.values().next().cloned().ok_or_else(|| {
        CommandError::new(Kind::Usage, "wildcam.toml does not say where the gateways are")
            .next_step("set gateway.public_urls in wildcam.toml")
    })?;
    let url = gateway.join("/api/cameras/register").map_err(|error| {
        CommandError::new(Kind::Usage, format!("{gateway} is no address of a gateway")).because(error)
    })?;
    let authority = match &arguments.authority {
        Some(path) => Some(std::fs::read_to_string(path).map_err(|error| {
            CommandError::new(Kind::Usage, format!("{} cannot be read", path.display())).because(error)
        })?),
        None => None,
    };
    let http = client::http(authority.as_deref()).map_err(|error| CommandError::of(Kind::Failed, &error))?;
    let fleet = match &arguments.pack {
        Some(_) => None,
        None => Some(Fleet::open(arguments.authority.as_deref(), arguments.endpoints.as_deref(), context).await?),
    };
    let pack = arguments.pack.as_ref().map(|path| making::open_pack(path, &arguments.pack_key, context)).transpose()?;
    for (camera, public_key) in &waiting {
        let token = match (&fleet, &pack) {
            (Some(fleet), _) => {
                let id = wildcam_core::wire::CameraId::new(camera).map_err(|error| {
                    CommandError::new(Kind::Failed, format!("{camera:?} is no camera id")).because(error)
                })?;
                fleet.token(&id, context.clock.unix_s()).await?.0
            }
            (None, Some(pack)) => {
                let found = pack.kit.cameras.iter().find(|packed| packed.line.name.as_str() == camera);
                let found = found.ok_or_else(|| {
                    CommandError::new(Kind::Usage, format!("the pack has no token for {camera}"))
                        .next_step("wildcam flash --register, in the project that packed it")
                })?;
                found.token.clone()
            }
            (None, None) => continue,
        };
        send(&http, &url, camera, public_key, &token).await?;
        registry.sent(camera).map_err(failed)?;
        context.ui.result(format_args!("{camera} is registered"));
        context.ui.json(&RegisteredLine { camera, public_key });
    }
    Ok(())
}

async fn send(
    http: &reqwest::Client,
    url: &reqwest::Url,
    camera: &str,
    public_key: &str,
    token: &crate::project::Secret,
) -> CommandResult {
    let body = Registration { camera, public_key: base64_of(public_key) };
    let failed = || CommandError::new(Kind::Failed, format!("{camera} could not be registered at {url}"));
    let sent = http.post(url.clone()).bearer_auth(token.expose()).json(&body).send().await;
    let answer = sent.map_err(|error| failed().because(error).next_step("try again where there is a network"))?;
    if answer.status().is_success() {
        return Ok(());
    }
    let status = answer.status();
    let text: String = answer.text().await.unwrap_or_default().chars().take(400).collect();
    Err(failed().because(std::io::Error::other(format!("{status}: {text}"))).next_step("wildcam status"))
}

/// Gateways take keys in base64; the lists of a project have them in hexadecimal.
fn base64_of(public_key: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    STANDARD.encode(pack::from_hexadecimal(public_key).unwrap_or_default())
}
