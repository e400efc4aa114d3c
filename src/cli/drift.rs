//! `wildcam drift`.

use serde::Serialize;

use super::{
    CommandError, CommandResult, Context, Kind,
    deploying::{self, ScopeArguments},
};
use crate::{
    cloud::control::{Address, Change},
    deploy::{
        drift::{self, Drift},
        plan::Drifted,
        words,
    },
    ui::JsonLine,
};

const EXAMPLES: &str = "Examples:
  wildcam drift                      ends with 3 when somebody changed something
  wildcam drift --only 'aws/*/*' --json

wildcam deploy puts right what drifted. Nothing is changed here.";

/// The arguments of `wildcam drift`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    scope: ScopeArguments,
}

#[derive(Serialize)]
struct DriftedLine<'a> {
    address: &'a Address,
    words: &'a str,
    gone: bool,
    changes: &'a [Change],
}

impl JsonLine for DriftedLine<'_> {
    const REASON: &'static str = "drifted";
}

#[derive(Serialize)]
struct DriftLine {
    drifted: usize,
    unchanged: usize,
    failed: usize,
    unjudged: usize,
}

impl JsonLine for DriftLine {
    const REASON: &'static str = "drift";
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    context.ui.status("reading wildcam.toml and the state");
    let project = deploying::project(context)?;
    let site = deploying::open(project, &arguments.scope, context).await?;
    let scope = arguments.scope.scope();
    let drift = drift::look(&site, &|address| scope.covers(address), &context.interrupt)
        .await
        .map_err(|error| deploying::shelf_error(&error))?;
    if context.interrupt.is_cancelled() {
        return Err(CommandError::new(Kind::Interrupted, "interrupted while looking; nothing was changed"));
    }
    show(&drift, context);
    if !drift.drifted.is_empty() {
        return Err(CommandError::already_said(Kind::No));
    }
    if let Some((address, failure)) = drift.failed.first_key_value() {
        let message = format!("{} could not be looked at: {address}: {failure}", drift.failed.len());
        return Err(CommandError::new(Kind::CouldNotJudge, message).next_step("wildcam doctor --cloud"));
    }
    Ok(())
}

fn show(drift: &Drift, context: &Context) {
    for Drifted { address, words, gone, changes } in &drift.drifted {
        context.ui.json(&DriftedLine { address, words, gone: *gone, changes });
        if *gone {
            context.ui.result(format_args!("{address}: the {words} is gone"));
            continue;
        }
        context.ui.result(format_args!("{address}: the {words} is not as it was set"));
        for change in changes {
            context.ui.result(format_args!("    {}", words::drifted(change)));
        }
    }
    for address in &drift.unjudged {
        context
            .ui
            .warn(format_args!("{address} was not judged: an operation on it is pending, or its cloud is left out"));
    }
    for (address, failure) in &drift.failed {
        context.ui.warn(format_args!("{address} could not be looked at: {failure}"));
    }
    context.ui.json(&DriftLine {
        drifted: drift.drifted.len(),
        unchanged: drift.unchanged,
        failed: drift.failed.len(),
        unjudged: drift.unjudged.len(),
    });
    let more = if drift.drifted.is_empty() { "" } else { "; next: wildcam plan" };
    context.ui.result(format_args!("{} drifted, {} as they were set{more}.", drift.drifted.len(), drift.unchanged));
}
