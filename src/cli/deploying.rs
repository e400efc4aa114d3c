//! What `plan`, `deploy`, `destroy`, `drift`, `adopt` and `state` share: opening the clouds, making a plan, showing it,
//! asking, and drawing what happens.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{CommandError, CommandResult, Context, Kind, open::variable};
use crate::{
    cloud::control::Address,
    deploy::{
        apply::{self, Ending, Outcome},
        compare::{self, Purpose, Question},
        consent::{self, Consent},
        event::{Doing, Event, Listener},
        graph::Graph,
        plan::Plan,
        refresh,
        selector::{Scope, Selector},
        shelf,
        site::{self, Opening, Site},
        state::State,
        template, words,
    },
    project::{Origin, Project},
    ui::{JsonLine, Ui},
};

/// How often a line says that something is still under way, where no bar can.
const STILL: Duration = Duration::from_secs(30);

/// Which resources a command is about.
#[derive(clap::Args, Clone, Default)]
pub(super) struct ScopeArguments {
    /// Only these resources and what they need: cloud/stack/name, where * stands for a part or within one
    #[arg(long, value_name = "SELECTOR")]
    pub(super) only: Vec<Selector>,
    /// Leave a cloud out: nothing of it is called, and what the state says of it is trusted
    #[arg(long, value_name = "CLOUD")]
    pub(super) without: Vec<String>,
}

impl ScopeArguments {
    pub(super) fn scope(&self) -> Scope {
        Scope { only: self.only.clone(), without: self.without_clouds() }
    }

    pub(super) fn without_clouds(&self) -> BTreeSet<String> {
        self.without.iter().cloned().collect()
    }
}

/// What a person consents to lose. `--yes` is no such consent.
#[derive(clap::Args, Clone, Default)]
pub(super) struct ConsentArguments {
    /// The data of this resource may be lost: its address, in full
    #[arg(long, value_name = "ADDRESS")]
    pub(super) allow_data_loss: Vec<Address>,
    /// This resource, which holds no data, may be destroyed or exchanged: its address, or a selector
    #[arg(long, value_name = "SELECTOR")]
    pub(super) allow_destroy: Vec<Selector>,
}

impl ConsentArguments {
    fn consent(&self) -> Consent {
        Consent { data_loss: self.data_may_go(), destroy: self.allow_destroy.clone() }
    }

    /// The resources whose data may go.
    pub(super) fn data_may_go(&self) -> BTreeSet<Address> {
        self.allow_data_loss.iter().cloned().collect()
    }
}

#[derive(Serialize)]
struct PlanLine<'a> {
    plan: &'a Plan,
}

impl JsonLine for PlanLine<'_> {
    const REASON: &'static str = "plan";
}

/// The project of a command that changes clouds: there must be a file that says what is wanted.
pub(super) fn project(context: &Context) -> Result<Project, CommandError> {
    let project = context.open_project()?;
    if project.origin == Origin::BuiltInLab {
        return Err(CommandError::new(Kind::Usage, "there is no wildcam.toml here, so nothing is wanted in any cloud")
            .next_step("wildcam init --clouds custom   (or aws, azure, gcp), then edit wildcam.toml"));
    }
    Ok(project)
}

/// Opens the clouds of the project.
pub(super) async fn open(project: Project, scope: &ScopeArguments, context: &Context) -> Result<Site, CommandError> {
    let opening = Opening {
        project,
        without: scope.without_clouds(),
        clock: context.clock.clone(),
        random: context.random.fork(),
        lookup: Arc::new(variable),
        listener: listener(&context.ui),
        who: who(),
    };
    Site::open(opening).await.map_err(|error| site_error(&error))
}

/// What the templates want, for the environment that was chosen.
pub(super) fn graph(project: &Project) -> Result<Graph, CommandError> {
    let environment = project.env.as_deref().unwrap_or(site::DEFAULT_ENVIRONMENT);
    template::render(project, environment)
        .map_err(|error| CommandError::from_report(Kind::Usage, miette::Report::new(error)))
}

/// Reads the state, looks at what is live, and compares.
pub(super) async fn plan(
    site: &Site,
    graph: &Graph,
    scope: &ScopeArguments,
    purpose: Purpose,
    context: &Context,
) -> Result<Plan, CommandError> {
    let interrupt = &context.interrupt;
    let stored = or_interrupted(site.shelf.read(), interrupt).await?.map_err(|error| shelf_error(&error))?;
    for (cloud, why) in &stored.away {
        context.ui.warn(format_args!("the state store of {cloud} does not answer ({why}); the others are enough"));
    }
    plan_for(&stored.state, site, graph, scope, purpose, interrupt).await
}

/// Looks at what is live, and compares it with a state that was read.
pub(super) async fn plan_for(
    state: &State,
    site: &Site,
    graph: &Graph,
    scope: &ScopeArguments,
    purpose: Purpose,
    interrupt: &CancellationToken,
) -> Result<Plan, CommandError> {
    let scope = scope.scope();
    let asked = |address: &Address| scope.covers(address);
    let seen = or_interrupted(refresh::look(site, graph, state, &asked, interrupt), interrupt).await?;
    let question = Question {
        graph,
        state,
        seen: &seen,
        scope: &scope,
        purpose,
        now_ms: site.clock.unix_ms(),
        secrets: &site.hashes(state),
    };
    compare::plan(&question).map_err(|error| CommandError::of(Kind::Failed, &error).next_step(error.next_step()))
}

async fn or_interrupted<T>(work: impl Future<Output = T>, interrupt: &CancellationToken) -> Result<T, CommandError> {
    tokio::select! {
        result = work => Ok(result),
        () = interrupt.cancelled() => {
            Err(CommandError::new(Kind::Interrupted, "interrupted while looking; nothing was changed"))
        }
    }
}

/// Prints a plan for whoever asked.
pub(super) fn show(plan: &Plan, context: &Context) {
    context.ui.json(&PlanLine { plan });
    context.ui.result(words::text(plan, terminal_width()).trim_end());
}

fn terminal_width() -> usize {
    100
}

/// Refuses to leave out a cloud that is not there, before anything is opened.
pub(super) fn known_clouds(project: &Project, scope: &ScopeArguments) -> CommandResult {
    let clouds = &project.settings.clouds;
    match scope.without.iter().find(|name| !clouds.contains_key(*name)) {
        None => Ok(()),
        Some(name) => {
            let known = clouds.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            Err(site_error(&site::Error::UnknownCloud { name: name.clone(), known }))
        }
    }
}

/// Refuses a plan that loses what was not named.
pub(super) fn guard(plan: &Plan, consent: &ConsentArguments) -> CommandResult {
    consent::check(plan, &consent.consent()).map_err(|refused| consent_error(&refused))
}

/// Says what a run without `--dry-run` would refuse.
pub(super) fn warn_of_guard(plan: &Plan, consent: &ConsentArguments, context: &Context) {
    if let Err(refused) = consent::check(plan, &consent.consent()) {
        context.ui.warn(format_args!("{refused}\n  next: {}", refused.next_step()));
    }
}

/// Asks, unless nothing can go wrong or `--yes` was given.
pub(super) fn ask(plan: &Plan, context: &Context) -> CommandResult {
    let question = format!("Do this ({} changes)?", plan.changes.len());
    if context.ui.confirm(&question)? {
        return Ok(());
    }
    Err(CommandError::new(Kind::Guard, "nothing was done: the answer was no"))
}

pub(super) fn apply_error(error: &apply::Error) -> CommandError {
    let kind = if error.is_guard() { Kind::Guard } else { Kind::Failed };
    with_step(CommandError::of(kind, error), error.next_step())
}

#[derive(Serialize)]
struct OutcomeLine<'a> {
    ending: &'static str,
    done: Vec<Piece<'a>>,
    failed: Vec<Piece<'a>>,
    skipped: Vec<Piece<'a>>,
    state_serial: u64,
    removed: &'a [String],
}

#[derive(Serialize)]
struct Piece<'a> {
    address: &'a Address,
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_step: Option<&'a str>,
}

impl JsonLine for OutcomeLine<'_> {
    const REASON: &'static str = "deploy-result";
}

/// Says what an apply came to, and ends with its exit code.
pub(super) fn conclude(outcome: &Outcome, context: &Context) -> CommandResult {
    let piece = |address| Piece { address, what: None, ms: None, because: None, next_step: None };
    context.ui.json(&OutcomeLine {
        ending: ending_word(outcome.ending),
        done: outcome
            .done
            .iter()
            .map(|done| Piece {
                what: Some(done.doing.past()),
                ms: Some(done.elapsed.as_millis()),
                ..piece(&done.address)
            })
            .collect(),
        failed: outcome
            .failed
            .iter()
            .map(|failed| Piece {
                what: Some(failed.doing.words()),
                because: Some(&failed.failure.message),
                next_step: Some(&failed.next_step),
                ..piece(&failed.address)
            })
            .collect(),
        skipped: outcome
            .skipped
            .iter()
            .map(|skipped| Piece { because: Some(&skipped.because), ..piece(&skipped.address) })
            .collect(),
        state_serial: outcome.serial,
        removed: &outcome.removed,
    });
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for done in &outcome.done {
        *counts.entry(done.doing.past()).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
    let done = if counts.is_empty() { "nothing done".to_owned() } else { counts.join(", ") };
    for place in &outcome.removed {
        context.ui.result(format_args!("The state is gone too: {place}"));
    }
    for failed in &outcome.failed {
        context.ui.warn(format_args!("{}: {}\n  next: {}", failed.address, failed.failure, failed.next_step));
    }
    let unfinished = format!("{} failed, {} not begun", outcome.failed.len(), outcome.skipped.len());
    let (kind, message) = match outcome.ending {
        Ending::Complete => {
            // The plan has said so where there was nothing to do.
            if !outcome.done.is_empty() {
                context.ui.result(format_args!("Done: {done}."));
            }
            return Ok(());
        }
        Ending::Incomplete => (Kind::Failed, format!("not everything was done: {done}; {unfinished}")),
        Ending::Interrupted => (Kind::Interrupted, format!("interrupted: {done}; {unfinished}")),
        Ending::Credentials => (Kind::Failed, format!("the credentials of a cloud were refused: {done}; {unfinished}")),
    };
    Err(with_step(CommandError::new(kind, message), outcome.next_step()))
}

const fn ending_word(ending: Ending) -> &'static str {
    match ending {
        Ending::Complete => "complete",
        Ending::Incomplete => "incomplete",
        Ending::Interrupted => "interrupted",
        Ending::Credentials => "credentials",
    }
}

/// A fault of the state as a command's error.
pub(super) fn shelf_error(error: &shelf::Error) -> CommandError {
    with_step(CommandError::of(Kind::Failed, error), error.next_step())
}

fn site_error(error: &site::Error) -> CommandError {
    let kind = if matches!(error, site::Error::UnknownCloud { .. }) { Kind::Usage } else { Kind::Failed };
    with_step(CommandError::of(kind, error), error.next_step())
}

fn consent_error(refused: &consent::Refused) -> CommandError {
    CommandError::of(Kind::Guard, refused).next_step(refused.next_step())
}

pub(super) fn with_step(error: CommandError, step: Option<String>) -> CommandError {
    match step {
        Some(step) => error.next_step(step),
        None => error,
    }
}

/// Reads a plan that was saved.
pub(super) fn read_plan(path: &Path) -> Result<Plan, CommandError> {
    let wrong = |error: Box<dyn std::error::Error + Send + Sync>| {
        CommandError::new(Kind::Usage, format!("{} holds no plan", path.display()))
            .because(error)
            .next_step("wildcam plan -o FILE")
    };
    let file = std::fs::File::open(path).map_err(|error| wrong(error.into()))?;
    serde_json::from_reader(std::io::BufReader::new(std::io::Read::take(file, LARGEST_PLAN)))
        .map_err(|error| wrong(error.into()))
}

/// A plan of ten thousand resources is a tenth of it.
const LARGEST_PLAN: u64 = 256 << 20;

/// Who deploys, for those who have to wait.
fn who() -> String {
    let get = |name| variable(name).filter(|text| !text.is_empty());
    if let (Some(repository), Some(run)) = (get("GITHUB_REPOSITORY"), get("GITHUB_RUN_ID")) {
        return format!("GitHub run {run} of {repository}");
    }
    let user = get("USER").or_else(|| get("USERNAME")).unwrap_or_else(|| "somebody".to_owned());
    let machine = get("HOSTNAME").or_else(|| get("COMPUTERNAME")).or_else(host_name);
    format!("{user} on {}, process {}", machine.unwrap_or_else(|| "a machine".to_owned()), std::process::id())
}

fn host_name() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(text.trim().to_owned()).filter(|name| !name.is_empty())
}

#[derive(Serialize)]
struct EventLine<'a> {
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    doing: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl JsonLine for EventLine<'_> {
    const REASON: &'static str = "deploy-event";
}

/// Draws what happens: a line for each thing that ends, and one now and then for what takes long.
fn listener(ui: &Ui) -> Listener {
    let ui = ui.clone();
    let said: Mutex<BTreeMap<Address, Duration>> = Mutex::default();
    Arc::new(move |event| {
        ui.json(&line_of(&event));
        if let Some(text) = text_of(&event, &said) {
            ui.status(text);
        }
    })
}

fn line_of(event: &Event) -> EventLine<'_> {
    let plain = |event| EventLine { event, address: None, doing: None, ms: None, message: None };
    let about = |event, address, doing: &Doing| EventLine {
        address: Some(address),
        doing: Some(doing.words()),
        ..plain(event)
    };
    match event {
        Event::LeaseWaiting { holder, free_in } => {
            EventLine { message: Some(holder.clone()), ms: Some(free_in.as_millis()), ..plain("lease-waiting") }
        }
        Event::LeaseTaken { epoch } => EventLine { message: Some(epoch.to_string()), ..plain("lease-taken") },
        Event::StoreAway { cloud, why } => {
            EventLine { message: Some(format!("{cloud}: {why}")), ..plain("store-away") }
        }
        Event::LookBegun { .. } => plain("look-begun"),
        Event::LookDone { elapsed, .. } => EventLine { ms: Some(elapsed.as_millis()), ..plain("look-done") },
        Event::Begun { address, doing, .. } => about("begun", address, doing),
        Event::Waiting { address, doing, elapsed, after } => EventLine {
            ms: Some(elapsed.as_millis()),
            message: after.as_ref().map(ToString::to_string),
            ..about("waiting", address, doing)
        },
        Event::Done { address, doing, elapsed } => {
            EventLine { ms: Some(elapsed.as_millis()), ..about("done", address, doing) }
        }
        Event::Failed { address, doing, elapsed, failure } => EventLine {
            ms: Some(elapsed.as_millis()),
            message: Some(failure.to_string()),
            ..about("failed", address, doing)
        },
        Event::Skipped { address, because } => {
            EventLine { address: Some(address), message: Some(because.clone()), ..plain("skipped") }
        }
    }
}

fn text_of(event: &Event, said: &Mutex<BTreeMap<Address, Duration>>) -> Option<String> {
    Some(match event {
        Event::LeaseWaiting { holder, free_in } => {
            format!("waiting for {holder}, who deploys here; at most {:.0} s more if it died", free_in.as_secs_f64())
        }
        Event::LeaseTaken { .. } => return None,
        Event::StoreAway { cloud, why } => {
            format!("the state store of {cloud} does not answer ({why}); the others are enough")
        }
        Event::LookBegun { resources } => format!("looking at {resources} resources"),
        Event::LookDone { failed: 0, .. } => return None,
        Event::LookDone { failed, resources, .. } => format!("{failed} of {resources} could not be looked at"),
        Event::Begun { address, words, doing, minutes } => {
            let time = if minutes[1] >= 1.0 { format!(" (usually {})", span(*minutes)) } else { String::new() };
            format!("  {address}: {} the {words}{time}", doing.words())
        }
        Event::Waiting { address, doing, elapsed, after } => {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            let last = said.entry(address.clone()).or_default();
            if *elapsed < *last + STILL {
                return None;
            }
            *last = *elapsed;
            let why = after.as_ref().map(|failure| format!(", after: {failure}")).unwrap_or_default();
            format!("  {address}: still {} after {:.0} s{why}", doing.words(), elapsed.as_secs_f64())
        }
        Event::Done { address, doing, elapsed } => {
            format!("  {address}: {} after {:.1} s", doing.past(), elapsed.as_secs_f64())
        }
        Event::Failed { address, failure, .. } => format!("  {address}: failed: {failure}"),
        Event::Skipped { address, because } => format!("  {address}: not begun: {because}"),
    })
}

fn span(minutes: [f64; 2]) -> String {
    if minutes[0] < 1.0 {
        format!("up to {:.0} min", minutes[1])
    } else {
        format!("{:.0} to {:.0} min", minutes[0], minutes[1])
    }
}
