//! What `wildcam flash` says, to people and to programs.

use serde::Serialize;

use super::{CommandError, Context};
use crate::{
    board::flash::{BoardPlan, EfusePlan, Error, Event, Flashed, block_name},
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
    efuses: Option<EfuseLine>,
}

/// What is planned for the eFuses of a board, or was done.
#[derive(Serialize)]
struct EfuseLine {
    /// `burn` and `finish` burn, `there` and `cut-off` do not.
    what: &'static str,
    block: String,
    purpose: &'static str,
    burns: bool,
}

impl From<EfusePlan> for EfuseLine {
    fn from(plan: EfusePlan) -> Self {
        let what = match plan {
            EfusePlan::Burn { .. } => "burn",
            EfusePlan::Finish { .. } => "finish",
            EfusePlan::There { .. } => "there",
            EfusePlan::CutOff { .. } => "cut-off",
        };
        Self { what, block: block_name(plan.block()), purpose: PURPOSE, burns: plan.burns() }
    }
}

/// What the key is for, as the manuals and espefuse call it.
const PURPOSE: &str = "HMAC_UP";

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
    efuses: Option<EfuseLine>,
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
        for line in plan.efuses.map(efuses).unwrap_or_default() {
            context.ui.result(line);
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
            efuses: plan.efuses.map(EfuseLine::from),
        });
    }
}

/// What is planned for eFuses, and what that means for whoever owns the board.
fn efuses(plan: EfusePlan) -> Vec<String> {
    let block = block_name(plan.block());
    match plan {
        EfusePlan::Burn { given_up, .. } => {
            let mut lines = vec![
                format!("  burn     for ever: a new random key into {block}, for the HMAC unit ({PURPOSE})"),
                format!("  burn     for ever: {block} can be neither read nor written, its purpose never changed"),
                "  burn     the board seals its identity under this key when it starts; nobody, wildcam too, has a copy"
                    .to_owned(),
            ];
            if let Some(given_up) = given_up {
                let given_up = block_name(given_up);
                lines.push(format!(
                    "  lose     {given_up}: an earlier burn into it was cut off, and it is of no use now"
                ));
            }
            lines
        }
        EfusePlan::Finish { .. } => {
            vec![
                format!("  go on    an earlier burn was cut off; the key in {block} is whole and cannot be read"),
                format!("  burn     for ever: what is missing of its purpose ({PURPOSE}) and its protection"),
            ]
        }
        EfusePlan::There { hidden: true, .. } => {
            vec![format!("  there    {block} already has a key for the HMAC unit; nothing is burnt")]
        }
        EfusePlan::There { hidden: false, .. } => vec![format!(
            "  there    {block} already has a key for the HMAC unit, which anybody can read; nothing is burnt"
        )],
        EfusePlan::CutOff { .. } => {
            vec![format!(
                "  note     an earlier burn of eFuses into {block} was cut off; --burn-efuses goes on with it"
            )]
        }
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
    match board.efuses {
        Some(plan) if plan.burns() => context.ui.result(format_args!(
            "{}: {} holds a key for the HMAC unit; it cannot be read, written or given another purpose",
            board.board,
            block_name(plan.block())
        )),
        Some(plan) => context.ui.result(format_args!(
            "{}: {} already has a key; nothing burnt",
            board.board,
            block_name(plan.block())
        )),
        None => {}
    }
    context.ui.json(&FlashedLine {
        board: &board.board,
        mac: &board.mac,
        camera: board.camera.as_deref(),
        public_key: board.public_key.as_deref(),
        new_identity: board.new_identity,
        written_bytes: board.written_bytes,
        same_bytes: board.same_bytes,
        resumed: board.resumed,
        efuses: board.efuses.map(EfuseLine::from),
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
