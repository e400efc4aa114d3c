//! `wildcam release publish`.

use std::path::PathBuf;

use serde::Serialize;

use super::super::{
    CommandError, CommandResult, Context, Kind,
    open::variable,
    releasing::{chain_error, folder},
};
use crate::{
    cloud,
    release::publish::{self, PublishError, Step},
    ui::JsonLine,
};

pub(super) const EXAMPLES: &str = "Examples:
  wildcam release publish

The folder is checked as `wildcam release verify` does. Then payloads, manifests, roots and the
timestamp go to the stores of all clouds, in this order, so that it can be interrupted and run
again at any time. Nothing that is there is replaced but an older timestamp. A majority of the
stores is enough; run it again when the others are back.";

/// The arguments of `wildcam release publish`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The folder of releases [default: releases, in the project's folder]
    #[arg(value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

#[derive(Serialize)]
struct Line<'a> {
    releases: Vec<(&'a str, u64)>,
    written: usize,
    copies: usize,
    stores: usize,
    failed: &'a [(String, String)],
}

impl JsonLine for Line<'_> {
    const REASON: &'static str = "published";
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    let project = context.open_project()?;
    let folder = folder(arguments.folder.as_deref(), context);
    let stores = cloud::stores(&project, &variable)
        .map_err(|error| CommandError::new(Kind::Usage, "the stores cannot be used").because(error))?;
    let bar = context.ui.progress("publishing", 1);
    let mut done = 0;
    let mut progress = |step: Step<'_>| match step {
        Step::Objects(count) => bar.length(count as u64),
        Step::Done(_) => {
            done += 1;
            bar.set(done);
        }
    };
    let published = tokio::select! {
        published = publish::publish(&stores, &folder, context.clock.unix_s(), &mut progress) => published,
        () = context.interrupt.cancelled() => {
            return Err(CommandError::new(Kind::Interrupted, "interrupted; what was written stays, and no harm is done")
                .next_step("wildcam release publish"));
        }
    };
    drop(bar);
    let published = published.map_err(|error| refused(&error))?;
    for (store, why) in &published.failed {
        context.ui.warn(format_args!("the store of {store} does not hold all of it: {why}"));
    }
    let names: Vec<String> = published
        .verified
        .releases
        .iter()
        .map(|release| format!("{} {} ({})", release.class, release.number, release.version))
        .collect();
    context.ui.result(format_args!(
        "{} of {} stores show: {}; {} objects were new",
        published.copies,
        stores.len(),
        names.join(", "),
        published.written
    ));
    let releases = &published.verified.releases;
    context.ui.json(&Line {
        releases: releases.iter().map(|release| (release.class.as_str(), release.number)).collect(),
        written: published.written,
        copies: published.copies,
        stores: stores.len(),
        failed: &published.failed,
    });
    Ok(())
}

fn refused(error: &PublishError) -> CommandError {
    let step = match error {
        PublishError::Folder(inner) => return chain_error(inner),
        PublishError::Conflict { .. } => {
            "somebody else published under this number, or the store was tampered with: compare the two, and sign a new \
             release: wildcam release sign"
        }
        PublishError::Behind { .. } => "fetch the newest folder of releases from where the root was made",
        PublishError::Older { .. } => {
            "fetch the newest folder of releases; where nobody of yours signed that, keys were stolen: wildcam key rotate"
        }
        PublishError::Fewer { .. } => "fetch the newest folder of releases, which has it",
        PublishError::Stores { .. } => "wildcam doctor --cloud, then wildcam release publish",
    };
    CommandError::of(Kind::Failed, error).next_step(step)
}
