//! Doing what is ready: many things at a time, one at a time where the provider wants that, and nothing that waits for
//! something that failed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    nodes::{Job, Node},
    outcome::{Done, Ending, Failed, Skipped},
    worker::{Trouble, Worker},
};
use crate::{
    cloud::control::{Failure, FailureKind},
    deploy::{
        event::Event,
        plan::{Action, Plan},
    },
};

/// So many acts of one cloud are begun at a time, most of them waiting for a slot or for the cloud: it bounds memory.
const BEGUN: usize = 1024;
/// How long what is under way is waited for after an interruption.
const DRAIN: std::time::Duration = std::time::Duration::from_secs(120);

/// What was done so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) done: Vec<Done>,
    pub(super) failed: Vec<Failed>,
    pub(super) skipped: Vec<Skipped>,
    credentials: bool,
}

impl Tally {
    pub(super) fn ending(&self, interrupt: &CancellationToken) -> Ending {
        if self.credentials {
            Ending::Credentials
        } else if interrupt.is_cancelled() && !(self.failed.is_empty() && self.skipped.is_empty()) {
            Ending::Interrupted
        } else if self.failed.is_empty() && self.skipped.is_empty() {
            Ending::Complete
        } else {
            Ending::Incomplete
        }
    }
}

/// How one node ended.
type End = (usize, Instant, Result<(), Trouble>);

/// One run over the nodes of a plan.
pub(super) struct Schedule<'a> {
    worker: &'a Worker<'a>,
    plan: &'a Plan,
    nodes: Vec<Node>,
    /// The plan was made before there was a state.
    first: bool,
    ready: VecDeque<usize>,
    /// Nodes that wait for their serial group.
    queued: BTreeMap<String, VecDeque<usize>>,
    busy: BTreeSet<String>,
    groups: Vec<Option<String>>,
    begun: BTreeMap<String, usize>,
    /// Nodes that were skipped or have ended.
    over: Vec<bool>,
    tally: Tally,
}

impl<'a> Schedule<'a> {
    pub(super) fn new(worker: &'a Worker<'a>, plan: &'a Plan, nodes: Vec<Node>) -> Self {
        let ready = (0..nodes.len()).filter(|node| nodes[*node].waits == 0).collect();
        let groups = nodes.iter().map(|node| group(worker, plan, node)).collect();
        let over = vec![false; nodes.len()];
        Self {
            worker,
            plan,
            nodes,
            first: plan.state_serial == 0,
            ready,
            queued: BTreeMap::new(),
            busy: BTreeSet::new(),
            groups,
            begun: BTreeMap::new(),
            over,
            tally: Tally::default(),
        }
    }

    /// Does everything that can be done.
    pub(super) async fn run(mut self) -> Tally {
        let mut running: FuturesUnordered<BoxFuture<'a, End>> = FuturesUnordered::new();
        let stop = self.worker.stop.clone();
        let mut until: Option<Instant> = None;
        loop {
            if !stop.is_cancelled() {
                self.begin_ready(&mut running);
            }
            if running.is_empty() {
                break;
            }
            let ended = tokio::select! {
                ended = running.next() => ended,
                () = stop.cancelled(), if until.is_none() => {
                    until = Some(Instant::now() + DRAIN);
                    continue;
                }
                () = tokio::time::sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => break,
            };
            if let Some((node, since, result)) = ended {
                self.end(node, since, result);
            }
        }
        self.skip_the_rest();
        self.tally
    }

    fn begin_ready(&mut self, running: &mut FuturesUnordered<BoxFuture<'a, End>>) {
        let mut later = VecDeque::new();
        while let Some(node) = self.ready.pop_front() {
            let cloud = &self.nodes[node].address.cloud;
            if self.begun.get(cloud).is_some_and(|begun| *begun >= BEGUN) {
                later.push_back(node);
                continue;
            }
            if let Some(group) = &self.groups[node]
                && !self.busy.insert(group.clone())
            {
                self.queued.entry(group.clone()).or_default().push_back(node);
                continue;
            }
            *self.begun.entry(cloud.clone()).or_default() += 1;
            running.push(self.start(node));
        }
        self.ready = later;
    }

    fn start(&self, index: usize) -> BoxFuture<'a, End> {
        let (worker, plan, first) = (self.worker, self.plan, self.first);
        let node = self.nodes[index].clone();
        let since = Instant::now();
        let (words, minutes) = match node.planned.and_then(|line| plan.changes.get(line)) {
            Some(planned) => (planned.words.clone(), planned.minutes),
            None => ("the old half of an exchange".to_owned(), [0.0, 0.0]),
        };
        worker.site.tell(Event::Begun { address: node.address.clone(), words, doing: node.job.doing(), minutes });
        async move { (index, since, act(worker, plan, &node, first).await) }.boxed()
    }

    fn end(&mut self, index: usize, since: Instant, result: Result<(), Trouble>) {
        let node = self.nodes[index].clone();
        let (address, doing, elapsed) = (node.address.clone(), node.job.doing(), since.elapsed());
        if let Some(begun) = self.begun.get_mut(&address.cloud) {
            *begun = begun.saturating_sub(1);
        }
        if let Some(group) = &self.groups[index] {
            self.busy.remove(group);
            if let Some(next) = self.queued.get_mut(group).and_then(VecDeque::pop_front) {
                self.ready.push_back(next);
            }
        }
        self.over[index] = true;
        match result {
            Ok(()) => {
                self.worker.site.tell(Event::Done { address: address.clone(), doing, elapsed });
                self.tally.done.push(Done { address, doing, elapsed });
                for then in node.then {
                    self.nodes[then].waits = self.nodes[then].waits.saturating_sub(1);
                    if self.nodes[then].waits == 0 && !self.over[then] {
                        self.ready.push_back(then);
                    }
                }
            }
            Err(Trouble::Failed(failure) | Trouble::Unclear(failure)) => {
                if failure.kind == FailureKind::Credentials {
                    self.tally.credentials = true;
                    self.worker.stop.cancel();
                }
                let told = Event::Failed { address: address.clone(), doing, elapsed, failure: failure.clone() };
                self.worker.site.tell(told);
                let next_step = next_step(&failure, &address.cloud);
                self.tally.failed.push(Failed { address: address.clone(), doing, failure, next_step });
                self.skip_after(index, &format!("{address} failed"));
            }
            // What was stopped may have written its intent; it counts as not done, and says so.
            Err(Trouble::Stopped) => {
                self.skip(index, "the run was stopped");
                self.skip_after(index, "the run was stopped");
            }
        }
    }

    fn skip(&mut self, index: usize, because: &str) {
        let (address, because) = (self.nodes[index].address.clone(), because.to_owned());
        self.worker.site.tell(Event::Skipped { address: address.clone(), because: because.clone() });
        if !self.tally.skipped.iter().any(|skipped| skipped.address == address) {
            self.tally.skipped.push(Skipped { address, because });
        }
    }

    /// Skips what waits for a node, and what waits for that.
    fn skip_after(&mut self, index: usize, because: &str) {
        let own = self.nodes[index].address.clone();
        let mut rest = self.nodes[index].then.clone();
        while let Some(node) = rest.pop() {
            if std::mem::replace(&mut self.over[node], true) {
                continue;
            }
            rest.extend(self.nodes[node].then.iter().copied());
            if self.nodes[node].address != own {
                self.skip(node, because);
            }
        }
    }

    fn skip_the_rest(&mut self) {
        for node in 0..self.nodes.len() {
            if !std::mem::replace(&mut self.over[node], true) {
                self.skip(node, "the run was stopped");
            }
        }
    }
}

async fn act(worker: &Worker<'_>, plan: &Plan, node: &Node, first: bool) -> Result<(), Trouble> {
    let address = &node.address;
    let Some(planned) = node.planned.and_then(|line| plan.changes.get(line)) else {
        return worker.remove_old(address).await;
    };
    match (node.job, &planned.action) {
        (Job::Forget, _) => worker.ended(address, None).await,
        (Job::Make, _) => worker.make(planned, first).await,
        (Job::Resume, _) => worker.resume(address).await,
        (Job::Remove, _) => worker.remove(address).await,
        (Job::RemoveOld, _) => worker.remove_old(address).await,
        (Job::Change, Action::Update { changes }) => worker.change(planned, changes, first).await,
        (Job::Adopt, Action::Adopt { id, changes }) => worker.adopt(planned, id, changes, first).await,
        (Job::Change | Job::Adopt, _) => {
            let why = "the plan contradicts itself";
            Err(Trouble::Failed(Failure::new(FailureKind::Invalid, "plan", why)))
        }
    }
}

/// The serial group of a node: only one of a group is at work at a time.
fn group(worker: &Worker<'_>, plan: &Plan, node: &Node) -> Option<String> {
    let planned = node.planned.and_then(|line| plan.changes.get(line));
    let state = worker.session.state();
    let entry = state.resources.get(&node.address);
    let kind = planned.map(|planned| &planned.kind).or_else(|| entry.map(|entry| &entry.kind))?;
    let rule = &worker.rules(&node.address, kind).serial;
    if rule.is_empty() {
        return None;
    }
    let region = planned.map(|planned| &planned.region).or_else(|| entry.map(|entry| &entry.region))?;
    let value = |pointer: &str| {
        let wanted = planned.and_then(|planned| planned.wanted.pointer(pointer));
        let applied = || entry.and_then(|entry| entry.applied.pointer(pointer));
        wanted.or_else(applied).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let mut name = format!("{} ", node.address.cloud);
    let mut rest = rule.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        name.push_str(before);
        let (inner, after) = after.split_once('}').unwrap_or((after, ""));
        name.push_str(&if inner == "region" { region.clone() } else { value(inner).unwrap_or_default() });
        rest = after;
    }
    name.push_str(rest);
    Some(name)
}

/// What to do about a failure.
fn next_step(failure: &Failure, cloud: &str) -> String {
    if let Some(step) = &failure.next_step {
        return step.clone();
    }
    let again = "run wildcam deploy again: it goes on where it was";
    match failure.kind {
        FailureKind::Credentials => format!("log in to {cloud} again, and {again}"),
        FailureKind::Quota => format!("ask {cloud} for a higher quota, or make the project smaller, and {again}"),
        FailureKind::Denied => {
            format!("wildcam doctor --cloud says which permission is missing in {cloud}; then {again}")
        }
        FailureKind::SoftDeleted => {
            "purge the deleted one, or restore it and take it over with wildcam adopt; or choose another name"
                .to_owned()
        }
        FailureKind::Protected => {
            "take the lock or the protection away by hand if it may go, and run it again".to_owned()
        }
        FailureKind::Unsupported => "choose another region in wildcam.toml, or leave this out".to_owned(),
        FailureKind::Exists => "wildcam adopt takes over what exists".to_owned(),
        FailureKind::Invalid => "mend the template or wildcam.toml; wildcam validate checks both".to_owned(),
        FailureKind::NotFound
        | FailureKind::Busy
        | FailureKind::Throttled
        | FailureKind::NotYet
        | FailureKind::Unavailable
        | FailureKind::Unreachable => again.to_owned(),
    }
}
