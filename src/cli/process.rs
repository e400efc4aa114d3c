//! `wildcam process`: one part of the lab. The lab starts these; people do not.

use std::{io::Read, path::PathBuf, time::Duration};

use super::{CommandResult, Context};
use crate::lab::parts;

/// The arguments of `wildcam process`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Which part
    part: Part,
    /// Its configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Go on when standard input closes
    #[arg(long)]
    detached: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Part {
    Supervisor,
    Store,
    Proxy,
    Dns,
    Controller,
    Cameras,
    Board,
    Machine,
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    if !arguments.detached {
        end_with_parent(context);
    }
    let surroundings = parts::Surroundings {
        clock: context.clock.clone(),
        random: context.random.clone(),
        stop: context.interrupt.clone(),
    };
    let config = &arguments.config;
    match arguments.part {
        Part::Supervisor => parts::supervisor(config, &context.executable()?, surroundings).await?,
        Part::Store => parts::store(config, surroundings).await?,
        Part::Proxy => parts::proxy(config, surroundings).await?,
        Part::Dns => parts::dns(config, surroundings).await?,
        Part::Controller => parts::controller(config, surroundings).await?,
        Part::Cameras => parts::cameras(config, surroundings).await?,
        Part::Board => {
            let said = |line: &str| context.ui.result(line);
            parts::board(config, &context.executable()?, surroundings, &said).await?;
        }
        Part::Machine => parts::machine(config)?,
    }
    Ok(())
}

/// Ends this process when its standard input closes, which happens when its parent dies in whatever way.
fn end_with_parent(context: &Context) {
    let stop = context.interrupt.clone();
    std::thread::spawn(move || {
        let mut ignored = [0; 64];
        while matches!(std::io::stdin().read(&mut ignored), Ok(1..)) {}
        stop.cancel();
        // Whatever does not end in order within this time is a process that nobody would ever stop.
        std::thread::sleep(Duration::from_secs(10));
        std::process::abort();
    });
}
