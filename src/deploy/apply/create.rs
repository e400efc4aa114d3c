//! Making a resource, once.

use futures_util::FutureExt;
use serde_json::Value;
use tokio::time::Instant;

use super::{
    fits::{agrees, confirmed, with_untold},
    wanted::{self, Resolved},
    worker::{Followed, Trouble, Worker},
};
use crate::{
    cloud::{
        control::{Address, Failure, FailureKind, Live, Pending, Step, Wanted},
        rules::Again,
    },
    deploy::{
        calls::{Patience, Schedule, Slot},
        event::Doing,
        plan::{Action, Planned},
        state::{Act, Entry, Operation, Record, Standing},
    },
    net::retry::Dense,
};

/// For how long marks are looked for before a creation whose answer was lost is tried again, and for how long a name is
/// waited for that is taken by something that nobody can see.
const LOOKING: Dense = Dense { within: std::time::Duration::from_secs(30), ..Dense::PROPAGATION };
/// How often an operation that failed for a passing reason is begun again.
const NEW_OPERATIONS: u32 = 60;

/// What came of the tries to make something.
enum Made {
    /// It stands, as the call made it.
    Stands(Live),
    /// It stands, and was found: which parts of a creation of several calls were done is for the live to tell.
    Found(Live),
    /// It was made, and does not show.
    Unread { id: String, failure: Failure },
    /// It does not stand.
    Not(Failure),
    /// It does not stand: the run was stopped before the call.
    NotBegun,
    /// It stands although the call failed: half made, but ours.
    Half(Live, Failure),
    /// The operation failed for a passing reason.
    Again(Failure),
    /// It is not known.
    Unclear(Failure),
    /// It was left where it is.
    Stopped,
}

/// A creation whose intent is in the journal.
pub(super) struct Begun {
    pub(super) entry: Entry,
    pub(super) operation: Operation,
    pub(super) resolved: Resolved,
    /// An earlier run wrote the intent.
    pub(super) resumed: bool,
}

/// What one creation needs to know.
struct Creation<'a> {
    address: &'a Address,
    wanted: &'a Wanted,
    token: &'a str,
    doing: Doing,
    since: Instant,
    /// Something of this name was deleted a moment ago, and may still block it.
    lingers: bool,
}

impl Worker<'_> {
    /// Makes what a line of the plan wants. Where the new half of an exchange comes first, the entry that stands becomes a
    /// leftover in the same write.
    pub(super) async fn make(&self, planned: &Planned, first: bool) -> Result<(), Trouble> {
        let address = &planned.address;
        let replaces = matches!(planned.action, Action::Replace { create_first: true, .. });
        self.settle(address).await?;
        if !replaces {
            self.make_way(address).await?;
        }
        let slot = self.slot(address).await?;
        let (resolved, standing) = {
            let state = self.session.state();
            let resolved = wanted::resolve(self.site, &state, planned, first).map_err(Trouble::Failed)?;
            (resolved, state.resources.get(address).cloned())
        };
        let entry = Entry {
            kind: planned.kind.clone(),
            region: planned.region.clone(),
            id: String::new(),
            standing: Standing::Ready,
            applied: resolved.applied.clone(),
            live: Value::Null,
            needs: wanted::needs(planned),
            holds: self.rules(address, &planned.kind).holds.clone(),
        };
        let operation = self.operation(address, Act::Create);
        let mut records = Vec::new();
        if let Some(old) = standing {
            let mut entries = self.session.state().leftovers.get(address).cloned().unwrap_or_default();
            entries.push(old);
            records.push(Record::Leftover { address: address.clone(), entries });
        }
        records.push(intent(address, &entry, operation.clone()));
        self.record(records).await?;
        let begun = Begun { entry, operation, resolved, resumed: false };
        let lingers = matches!(planned.action, Action::Replace { .. });
        self.finish_creation(address, begun, Some(slot), lingers).await
    }

    /// Where the state has an entry already it must be gone from the cloud, and is forgotten then.
    async fn make_way(&self, address: &Address) -> Result<(), Trouble> {
        let Some(entry) = self.entry(address) else { return Ok(()) };
        let place = (entry.kind.as_str(), entry.region.as_str(), entry.id.as_str());
        match self.read(address, place, Patience::Question).await {
            Err(failure) if failure.kind == FailureKind::NotFound => self.ended(address, None).await,
            Err(failure) => Err(Trouble::Failed(failure)),
            Ok(_) => {
                let why = "the plan no longer fits: it was to be made, and it stands already";
                let failure = Failure::new(FailureKind::Exists, "plan", why);
                Err(Trouble::Failed(failure.next_step("run wildcam plan again, and look at what it says")))
            }
        }
    }

    /// Follows a creation whose intent is in the journal to its end.
    pub(super) async fn finish_creation(
        &self,
        address: &Address,
        begun: Begun,
        mut slot: Option<Slot>,
        lingers: bool,
    ) -> Result<(), Trouble> {
        let Begun { mut entry, mut operation, resolved, resumed } = begun;
        let doing = if resumed { Doing::Resuming } else { Doing::Creating };
        let since = Instant::now();
        let mut unclear = resumed;
        let create_only = &self.rules(address, &entry.kind).create_only;
        for _ in 0..NEW_OPERATIONS {
            let creation =
                Creation { address, wanted: &resolved.wanted, token: &operation.token, doing, since, lingers };
            let made = match operation.pending.take() {
                Some(pending) => self.follow_creation(&creation, pending, &mut unclear).await?,
                None => self.create(&creation, slot.take(), &mut unclear).await?,
            };
            match made {
                Made::Stands(live) => {
                    entry.id = live.id;
                    entry.live = live.properties;
                    entry.applied = resolved.applied;
                    return self.ended(address, Some(entry)).await;
                }
                Made::Found(live) => {
                    let kept = confirmed(&resolved.applied, &live.properties);
                    entry.applied = with_untold(kept, &resolved.applied, &live.properties, create_only);
                    entry.id = live.id;
                    entry.live = live.properties;
                    return self.ended(address, Some(entry)).await;
                }
                Made::Unread { id, failure } => {
                    entry.id = id;
                    entry.standing = Standing::Unreadable;
                    entry.applied = resolved.applied;
                    self.ended(address, Some(entry)).await?;
                    return Err(Trouble::Failed(unreadable(address, &failure)));
                }
                Made::Half(live, failure) => {
                    // What stands is ours; what of it was set is for the next plan to see.
                    let nothing = Value::Object(serde_json::Map::new());
                    let applied = with_untold(nothing, &resolved.applied, &live.properties, create_only);
                    let half = Entry { id: live.id, live: live.properties, applied, ..entry };
                    return self.failed(address, failure, Some(half)).await;
                }
                Made::Not(failure) => {
                    self.not_made(address, &failure).await?;
                    return Err(Trouble::Failed(failure));
                }
                Made::NotBegun => {
                    self.not_made(address, &interrupted()).await?;
                    return Err(Trouble::Stopped);
                }
                Made::Again(failure) => {
                    self.waiting(address, doing, since, Some(&failure));
                    tokio::select! {
                        () = tokio::time::sleep(Dense::PROPAGATION.wait(self.site.calls.random())) => {}
                        () = self.stop.cancelled() => return Err(Trouble::Stopped),
                    }
                    slot = Some(self.slot(address).await?);
                    operation = self.operation(address, Act::Create);
                    self.record(vec![intent(address, &entry, operation.clone())]).await?;
                    unclear = true;
                }
                Made::Unclear(failure) if self.stop.is_cancelled() && failure.kind != FailureKind::Credentials => {
                    return Err(Trouble::Stopped);
                }
                Made::Unclear(failure) => return Err(Trouble::Unclear(failure)),
                Made::Stopped => return Err(Trouble::Stopped),
            }
        }
        Err(Trouble::Unclear(Failure::new(
            FailureKind::NotYet,
            "operation",
            "it failed again and again for a passing reason",
        )))
    }

    async fn failed(&self, address: &Address, failure: Failure, entry: Option<Entry>) -> Result<(), Trouble> {
        let record = Record::Failed { address: address.clone(), failure: failure.clone(), entry: entry.map(Box::new) };
        self.record(vec![record]).await?;
        Err(Trouble::Failed(failure))
    }

    /// Nothing was made. What stood before an exchange stands again.
    async fn not_made(&self, address: &Address, failure: &Failure) -> Result<(), Trouble> {
        let mut left = self.session.state().leftovers.get(address).cloned().unwrap_or_default();
        let entry = left.pop();
        let mut records = Vec::new();
        if entry.is_some() {
            records.push(Record::Leftover { address: address.clone(), entries: left });
        }
        let entry = entry.map(Box::new);
        records.push(Record::Failed { address: address.clone(), failure: failure.clone(), entry });
        self.record(records).await
    }

    /// Calls until it stands, or certainly does not. `unclear` says that an earlier call may have taken effect.
    async fn create(
        &self,
        creation: &Creation<'_>,
        mut slot: Option<Slot>,
        unclear: &mut bool,
    ) -> Result<Made, Trouble> {
        let Creation { address, wanted, token, .. } = *creation;
        let plane = self.plane(&address.cloud)?;
        let again = self.rules(address, &wanted.kind).again;
        let mut schedule = Schedule::new(Patience::Change);
        loop {
            if *unclear && again == Again::Look {
                match self.look_for_ours(creation).await {
                    Ok(Some(live)) => return Ok(Made::Found(live)),
                    Ok(None) => {}
                    Err(failure) => return Ok(Made::Unclear(failure)),
                }
            }
            let free = match slot.take() {
                Some(slot) if self.may_act() => slot,
                _ => match self.slot(address).await {
                    Ok(slot) => slot,
                    Err(_) if *unclear => return Ok(Made::Stopped),
                    Err(_) => return Ok(Made::NotBegun),
                },
            };
            let call = plane.create(wanted, token).boxed();
            let failure = match self.act(self.about(address, &wanted.kind), free, call).await {
                Ok(Step::Done { id, live }) => return Ok(self.appear(creation, id, live).await),
                Ok(Step::Pending(pending)) => {
                    self.record(vec![Record::Handle { address: address.clone(), pending: pending.clone() }]).await?;
                    return self.follow_creation(creation, pending, unclear).await;
                }
                Err(failure) => failure,
            };
            let failure = match failure.kind {
                FailureKind::Exists => match self.whose(creation, &failure, *unclear).await {
                    Whose::Ours(live) => return Ok(Made::Found(live)),
                    Whose::Nobodys if creation.lingers || creation.since.elapsed() < LOOKING.within => {
                        Failure { kind: FailureKind::NotYet, ..failure }
                    }
                    Whose::Nobodys => return Ok(Made::Not(failure)),
                    Whose::Theirs(failure) => return Ok(Made::Not(failure)),
                    Whose::Unknown(failure) => return Ok(Made::Unclear(failure)),
                },
                FailureKind::Unreachable => {
                    *unclear = true;
                    failure
                }
                _ => failure,
            };
            let Some(pause) = schedule.pause(&failure, self.site.calls.random()) else {
                return Ok(self.after_refusal(creation, failure, *unclear).await);
            };
            self.waiting(address, creation.doing, creation.since, Some(&failure));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stop.cancelled() => {
                    return Ok(if *unclear { Made::Stopped } else { Made::NotBegun });
                }
            }
        }
    }

    async fn follow_creation(
        &self,
        creation: &Creation<'_>,
        pending: Pending,
        unclear: &mut bool,
    ) -> Result<Made, Trouble> {
        let handle = |pending| vec![Record::Handle { address: creation.address.clone(), pending }];
        let known = pending.id.clone();
        Ok(match self.follow(creation.address, creation.doing, pending, &handle).await? {
            Followed::Done { id, live } => {
                let id = if id.is_empty() { known.unwrap_or_default() } else { id };
                self.appear(creation, id, live).await
            }
            Followed::Failed(failure) => self.after_failure(creation, failure).await,
            Followed::Again(failure) => Made::Again(failure),
            Followed::Forgotten => {
                *unclear = true;
                match self.look_for_ours(creation).await {
                    Ok(Some(live)) => Made::Found(live),
                    Ok(None) => Made::Again(Failure::new(
                        FailureKind::NotYet,
                        "operation",
                        "the provider forgot the operation, and nothing was made",
                    )),
                    Err(failure) => Made::Unclear(failure),
                }
            }
            Followed::Unclear(failure) => Made::Unclear(failure),
            Followed::Stopped => Made::Stopped,
        })
    }

    /// Waits until what was made can be read.
    async fn appear(&self, creation: &Creation<'_>, id: String, live: Option<Live>) -> Made {
        if let Some(live) = live {
            return Made::Stands(live);
        }
        let wanted = creation.wanted;
        let place = (wanted.kind.as_str(), wanted.region.as_str(), id.as_str());
        match self.read(creation.address, place, Patience::Appearing).await {
            Ok(live) => Made::Stands(live),
            Err(failure) => Made::Unread { id, failure },
        }
    }

    /// After a failure that will not pass: whether something stands nevertheless.
    async fn after_refusal(&self, creation: &Creation<'_>, failure: Failure, unclear: bool) -> Made {
        if failure.kind == FailureKind::Unreachable {
            return Made::Unclear(failure);
        }
        let found = if unclear { self.look_for_ours(creation).await } else { self.look_once(creation, false).await };
        match found {
            Ok(Some(live)) => Made::Half(live, failure),
            Ok(None) => Made::Not(failure),
            // Who may not create may not look either, and then nothing was made.
            Err(other) if !unclear && other.kind == failure.kind && failure.kind != FailureKind::Credentials => {
                Made::Not(failure)
            }
            Err(_) if failure.kind == FailureKind::Credentials => Made::Unclear(failure),
            Err(other) => Made::Unclear(other),
        }
    }

    /// After an operation that the cloud ended badly: it may have left something half made.
    async fn after_failure(&self, creation: &Creation<'_>, failure: Failure) -> Made {
        match self.look_once(creation, true).await {
            Ok(Some(live)) => Made::Half(live, failure),
            Ok(None) => Made::Not(failure),
            Err(other) => Made::Unclear(other),
        }
    }

    /// What stands where it would be made, if anything. While an old half of an exchange stands there too, everything of the
    /// type is looked through, for the old one bears the same marks.
    async fn locate(&self, creation: &Creation<'_>) -> Result<Option<Live>, Failure> {
        let Creation { address, wanted, .. } = *creation;
        let plane = self.site.calls.plane(&address.cloud)?;
        let about = self.about(address, &wanted.kind);
        let old = self.old_ids(address);
        if !old.is_empty() {
            let list = || plane.list(&wanted.kind, &wanted.region).boxed();
            match self.site.calls.until(about, Patience::Question, None, &|_| {}, list).await {
                Ok(listed) => {
                    for line in listed.into_iter().filter(|line| !old.contains(&line.id)) {
                        let live = match line.live {
                            Some(live) => live,
                            None => {
                                let place = (wanted.kind.as_str(), wanted.region.as_str(), line.id.as_str());
                                match self.read(address, place, Patience::Question).await {
                                    Ok(live) => live,
                                    Err(failure) if failure.kind == FailureKind::NotFound => continue,
                                    Err(failure) => return Err(failure),
                                }
                            }
                        };
                        if live.owner.as_ref() == Some(&wanted.owner) {
                            return Ok(Some(live));
                        }
                    }
                }
                Err(failure) if failure.kind == FailureKind::Unsupported => {}
                Err(failure) => return Err(failure),
            }
        }
        let located = || plane.locate(wanted).boxed();
        self.site.calls.until(about, Patience::Question, None, &|_| {}, located).await
    }

    async fn look_once(&self, creation: &Creation<'_>, unclear: bool) -> Result<Option<Live>, Failure> {
        Ok(self.locate(creation).await?.filter(|live| self.is_ours(creation, live, unclear)))
    }

    /// Looks for what an earlier call of ours may have made, for a while: it may take a moment to show.
    async fn look_for_ours(&self, creation: &Creation<'_>) -> Result<Option<Live>, Failure> {
        let started = Instant::now();
        loop {
            if let Some(live) = self.look_once(creation, true).await? {
                return Ok(Some(live));
            }
            if started.elapsed() >= LOOKING.within {
                return Ok(None);
            }
            tokio::select! {
                () = tokio::time::sleep(LOOKING.wait(self.site.calls.random())) => {}
                () = self.stop.cancelled() => return Err(interrupted()),
            }
        }
    }

    /// The ids of the old halves of exchanges.
    fn old_ids(&self, address: &Address) -> Vec<String> {
        let state = self.session.state();
        state.leftovers.get(address).into_iter().flatten().map(|entry| entry.id.clone()).collect()
    }

    /// Whether something that stands is what this creation made: it bears its marks, or it can bear none, an earlier call of
    /// ours had no answer, and it is as it was wanted.
    fn is_ours(&self, creation: &Creation<'_>, live: &Live, unclear: bool) -> bool {
        if self.old_ids(creation.address).contains(&live.id) {
            return false;
        }
        match &live.owner {
            Some(owner) => *owner == creation.wanted.owner,
            None => unclear && agrees(&creation.wanted.properties, &live.properties),
        }
    }

    async fn whose(&self, creation: &Creation<'_>, failure: &Failure, unclear: bool) -> Whose {
        let live = match self.locate(creation).await {
            Ok(Some(live)) => live,
            Ok(None) => return Whose::Nobodys,
            Err(_) if !unclear => return Whose::Theirs(exists(creation.address, failure, "")),
            Err(other) => return Whose::Unknown(other),
        };
        if self.is_ours(creation, &live, unclear) {
            return Whose::Ours(live);
        }
        if self.old_ids(creation.address).contains(&live.id) {
            return Whose::Nobodys;
        }
        let whose = match &live.owner {
            Some(owner)
                if owner.project == creation.wanted.owner.project
                    && owner.environment == creation.wanted.owner.environment =>
            {
                format!("; it is marked as {}", owner.address)
            }
            Some(owner) => format!("; it belongs to {} ({})", owner.project, owner.environment),
            None => String::new(),
        };
        Whose::Theirs(exists(creation.address, failure, &whose))
    }
}

/// Whose something is that stands in the way.
enum Whose {
    Ours(Live),
    Theirs(Failure),
    /// It blocks the name and cannot be seen.
    Nobodys,
    Unknown(Failure),
}

fn intent(address: &Address, entry: &Entry, operation: Operation) -> Record {
    let entry = super::worker::begun(entry, operation);
    Record::Intent { address: address.clone(), entry: Box::new(entry) }
}

fn exists(address: &Address, failure: &Failure, whose: &str) -> Failure {
    let message = format!("it exists already, and this project did not make it{whose} ({})", failure.message);
    Failure { message: message.chars().take(1000).collect(), ..failure.clone() }
        .next_step(format!("look at it; to take it over as it is: wildcam adopt {address}"))
}

fn unreadable(address: &Address, failure: &Failure) -> Failure {
    let message = format!("it was made, and cannot be read: {}", failure.message);
    Failure { message: message.chars().take(1000).collect(), ..failure.clone() }.next_step(format!(
        "run wildcam deploy again: it is read again and never made twice; if it is really gone: wildcam state rm {address}"
    ))
}

/// A call that was not made because the run was stopped.
fn interrupted() -> Failure {
    Failure::new(FailureKind::Unreachable, "stop", "the run was stopped before the call")
}
