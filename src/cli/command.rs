//! `wildcam command`.

use serde::Serialize;
use wildcam_core::wire::CameraId;

use super::{CommandError, CommandResult, Context, Kind, open::variable, signing};
use crate::{
    cloud,
    fleet::commands::{self, Action, Error, Order},
    project::Period,
    ui::JsonLine,
};

/// The longest life of a command: a camera that was lost for longer shall not surprise anybody.
const LONGEST_S: u64 = 30 * 86_400;

const EXAMPLES: &str = "Examples:
  wildcam command ridge-01 picture
  wildcam command ridge-01 restart --valid 2h

A camera asks with each of its reports. It takes a command on once, and none after its end; its next
report names the number of the last one. A later command replaces one that still waits.";

/// The arguments of `wildcam command`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The camera's id
    #[arg(value_name = "CAMERA")]
    camera: String,
    /// What it shall do, once
    #[arg(value_enum)]
    action: What,
    /// How long the command is valid
    #[arg(long, value_name = "TIME", default_value = "1d")]
    valid: Period,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum What {
    /// Take a picture now and send it before all others
    Picture,
    /// Report now
    Report,
    /// Start anew
    Restart,
}

impl From<What> for Action {
    fn from(what: What) -> Self {
        match what {
            What::Picture => Self::Picture,
            What::Report => Self::Report,
            What::Restart => Self::Restart,
        }
    }
}

#[derive(Serialize)]
struct Given<'a> {
    camera: &'a str,
    action: &'static str,
    number: u64,
    copies: usize,
    stores: usize,
    expires_s: u64,
}

impl JsonLine for Given<'_> {
    const REASON: &'static str = "command";
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    let camera = CameraId::new(&arguments.camera).map_err(|error| {
        CommandError::new(Kind::Usage, format!("{:?} is no camera id", arguments.camera)).because(error)
    })?;
    let seconds = arguments.valid.get().as_secs();
    if !(1..=LONGEST_S).contains(&seconds) {
        return Err(CommandError::new(Kind::Usage, "a command is valid for 1s to 30d"));
    }
    let project = context.open_project()?;
    let signer = signing::signer(&project)?;
    let stores = cloud::stores(&project, &variable)
        .map_err(|error| CommandError::new(Kind::Usage, "the stores cannot be used").because(error))?;
    let now_s = context.clock.unix_s();
    let order = Order { camera, action: arguments.action.into(), expires_s: now_s.saturating_add(seconds) };
    let published = tokio::select! {
        published = commands::publish(&stores, &signer, &order, now_s, context.random.fork()) => published,
        () = context.interrupt.cancelled() => {
            return Err(CommandError::new(Kind::Interrupted, "interrupted; the command may have been given"));
        }
    };
    let published = published.map_err(|error| {
        let step = match &error {
            Error::UnknownCamera(_) => "check its name; a camera enrols when it first reaches a gateway",
            Error::Sign(_) => "wildcam doctor",
            Error::Overtaken { .. } => "give it again, if it shall be done all the same",
            Error::Number(_) | Error::Stores { .. } => "wildcam doctor --cloud, then give the command again",
        };
        CommandError::new(Kind::Failed, format!("{} was not asked for this", order.camera))
            .because(error)
            .next_step(step)
    })?;
    for (store, why) in &published.failed {
        context.ui.warn(format_args!("the store of {store} does not hold the command: {why}"));
    }
    context.ui.result(format_args!(
        "Command {} for {}: {}, once, within {}. {} of {} stores hold it; the camera asks with its next report.",
        published.number,
        order.camera,
        order.action.as_str(),
        arguments.valid,
        published.copies,
        stores.len()
    ));
    context.ui.json(&Given {
        camera: order.camera.as_str(),
        action: order.action.as_str(),
        number: published.number,
        copies: published.copies,
        stores: stores.len(),
        expires_s: order.expires_s,
    });
    Ok(())
}
