//! `wildcam token`.

use serde::Serialize;
use wildcam_core::wire::CameraId;

use super::{CommandError, CommandResult, Context, Kind, signing};
use crate::{
    project::Period,
    release::documents::{Scope, Token},
    ui::JsonLine,
};

/// The longest life of a token. What must live longer is a key.
const LONGEST_S: u64 = 30 * 86_400;

/// The arguments of `wildcam token`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// A token with which one camera registers its key
    Enrol {
        /// The camera's id
        #[arg(long, value_name = "ID")]
        camera: String,
        /// How long the token is valid
        #[arg(long, value_name = "TIME", default_value = "1h")]
        ttl: Period,
    },
    /// A token that reads detections; give it to `wildcam detections` as WILDCAM_TOKEN
    Read {
        /// How long the token is valid
        #[arg(long, value_name = "TIME", default_value = "1h")]
        ttl: Period,
    },
}

#[derive(Serialize)]
struct Issued {
    token: String,
    scope: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    camera: Option<String>,
    expires_s: u64,
}

impl JsonLine for Issued {
    const REASON: &'static str = "token";
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    context.block_on(issue(arguments, context))
}

async fn issue(arguments: &Arguments, context: &Context) -> CommandResult {
    let (scope, word, camera, ttl) = match &arguments.command {
        Command::Enrol { camera, ttl } => {
            let id = CameraId::new(camera).map_err(|error| {
                CommandError::new(Kind::Usage, format!("{camera:?} is no camera id")).because(error)
            })?;
            (Scope::Enrol { camera: id }, "enrol", Some(camera.clone()), ttl)
        }
        Command::Read { ttl } => (Scope::Read, "read", None, ttl),
    };
    let seconds = ttl.get().as_secs();
    if !(1..=LONGEST_S).contains(&seconds) {
        return Err(CommandError::new(Kind::Usage, "a token is valid for 1s to 30d"));
    }
    let signer = signing::signer(&context.open_project()?)?;
    let now_s = context.clock.unix_s();
    let expires_s = now_s.saturating_add(seconds);
    let token = Token { scope, expires_s }
        .issue(&signer, now_s)
        .await
        .map_err(|error| CommandError::new(Kind::Failed, "the token could not be signed").because(error))?;
    context.ui.result(&token);
    context.ui.json(&Issued { token, scope: word, camera, expires_s });
    Ok(())
}
