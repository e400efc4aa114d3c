//! What `wildcam flash` says, to people and to programs.

use serde::Serialize;

use super::{CommandError, Context};
use crate::{
    board::flash::{BoardPlan, Error, Event, Flashed},
    ui::JsonLine,
};

#[derive(Serialize)]
struct PlanLine<'a> {
    board: &'a str,
    port: &'a str,
    mac: &'a str,
    camera: Option<&'a str>,
    version: &'a str,
    new_identity: bool,
    parts: Vec<PartLine<'a>>,
    keeps: &'a [String],
    loses: &'a [String],
    changes: &'a [String],
    resumes_parts: Option<usize>,
}

#[derive(Serialize)]
struct PartLine<'a> {
    name: &'a str,
    offset: u32,
    bytes: u32,
    same: bool,
}

impl JsonLine for PlanLine<'_> {
    const REASON: &'static str = "flash-plan";
}

#[derive(Serialize)]
struct VerifiedLine<'a> {
    board: &'a str,
    part: &'a str,
    written_bytes: u32,
}

impl JsonLine for VerifiedLine<'_> {
    const REASON: &'static str = "flash-verified";
}

#[derive(Serialize)]
struct ProgressLine<'a> {
    board: &'a str,
    part: &'a str,
    done_bytes: u64,
    total_bytes: u64,
}

impl JsonLine for ProgressLine<'_> {
    const REASON: &'static str = "flash-progress";
}

#[derive(Serialize)]
struct RetryLine<'a> {
    board: &'a str,
    how: &'a str,
    why: &'a str,
}

impl JsonLine for RetryLine<'_> {
    const REASON: &'static str = "flash-retry";
}

#[derive(Serialize)]
struct FlashedLine<'a> {
    board: &'a str,
    mac: &'a str,
    camera: Option<&'a str>,
    public_key: Option<&'a str>,
    new_identity: bool,
    written_bytes: u64,
    same_bytes: u64,
    resumed: bool,
    took_ms: u128,
}

impl JsonLine for FlashedLine<'_> {
    const REASON: &'static str = "flashed";
}

#[derive(Serialize)]
struct FailedLine<'a> {
    board: &'a str,
    message: String,
    next_step: String,
}

impl JsonLine for FailedLine<'_> {
    const REASON: &'static str = "flash-failed";
}

#[derive(Serialize)]
struct SummaryLine {
    flashed: usize,
    failed: usize,
}

impl JsonLine for SummaryLine {
    const REASON: &'static str = "flash";
}

fn kilobytes(bytes: u64) -> String {
    format!("{} KiB", bytes.div_ceil(1024))
}

/// The plan of every board.
pub(super) fn show(plans: &[BoardPlan], context: &Context) {
    for plan in plans {
        let camera = plan.camera.as_deref().map(|camera| format!(", camera {camera}")).unwrap_or_default();
        context.ui.result(format_args!("{} on {}{camera}", plan.board, plan.port));
        let differ: Vec<&str> = plan.parts.iter().filter(|part| !part.same).map(|part| part.name.as_str()).collect();
        let same: Vec<&str> = plan.parts.iter().filter(|part| part.same).map(|part| part.name.as_str()).collect();
        let version = if plan.version.is_empty() { "image".to_owned() } else { format!("version {}", plan.version) };
        if !differ.is_empty() {
            context.ui.result(format_args!("  write    {version}: {}", differ.join(", ")));
        }
        if plan.new_identity {
            context.ui.result("  write    a new identity, with keys of its own and the clock");
        }
        if !same.is_empty() {
            context.ui.result(format_args!("  there    {}", same.join(", ")));
        }
        for kept in &plan.keeps {
            context.ui.result(format_args!("  keep     {kept}"));
        }
        for change in &plan.changes {
            context.ui.result(format_args!("  set      {change}"));
        }
        for lost in &plan.loses {
            context.ui.result(format_args!("  lose     {lost}"));
        }
        if let Some(done) = plan.resumes {
            context.ui.result(format_args!("  go on    an earlier flash was cut off; parts done: {done}"));
        }
        context.ui.json(&PlanLine {
            board: &plan.board,
            port: &plan.port,
            mac: &plan.mac,
            camera: plan.camera.as_deref(),
            version: &plan.version,
            new_identity: plan.new_identity,
            parts: plan
                .parts
                .iter()
                .map(|part| PartLine { name: &part.name, offset: part.offset, bytes: part.bytes, same: part.same })
                .collect(),
            keeps: &plan.keeps,
            loses: &plan.loses,
            changes: &plan.changes,
            resumes_parts: plan.resumes,
        });
    }
}

/// What happens to a board.
pub(super) fn event(event: &Event, context: &Context) {
    match event {
        Event::Progress { board, part, done, total } => {
            context.ui.json(&ProgressLine { board, part, done_bytes: *done, total_bytes: *total });
        }
        Event::Verified { board, part, written_bytes } => {
            context.ui.json(&VerifiedLine { board, part, written_bytes: *written_bytes });
        }
        Event::Retrying { board, how, why } => {
            context.ui.status(format_args!("{board}: {why}; trying again at {how}"));
            context.ui.json(&RetryLine { board, how, why });
        }
    }
}

/// A board that was flashed.
pub(super) fn flashed(board: &Flashed, context: &Context) {
    let camera = board.camera.as_deref().map(|camera| format!(" is {camera}:")).unwrap_or_default();
    let resumed = if board.resumed { ", going on where it was" } else { "" };
    context.ui.result(format_args!(
        "{}{camera} {} written, {} there already, checked, {:.1} s{resumed}",
        board.board,
        kilobytes(board.written_bytes),
        kilobytes(board.same_bytes),
        board.took.as_secs_f64()
    ));
    context.ui.json(&FlashedLine {
        board: &board.board,
        mac: &board.mac,
        camera: board.camera.as_deref(),
        public_key: board.public_key.as_deref(),
        new_identity: board.new_identity,
        written_bytes: board.written_bytes,
        same_bytes: board.same_bytes,
        resumed: board.resumed,
        took_ms: board.took.as_millis(),
    });
}

/// A board that was not.
pub(super) fn failed(board: &str, error: &Error, command: CommandError, context: &Context) -> CommandError {
    context.ui.json(&FailedLine { board, message: error.to_string(), next_step: error.next_step() });
    command
}

/// How many of each.
pub(super) fn summary(flashed: usize, failed: usize, context: &Context) {
    context.ui.json(&SummaryLine { flashed, failed });
}
