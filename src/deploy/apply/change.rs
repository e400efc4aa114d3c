//! Changing a resource in place, and taking one over.

use futures_util::FutureExt;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{
    fits,
    wanted::{self, Resolved},
    worker::{Followed, Trouble, Worker, begun},
};
use crate::{
    cloud::control::{Address, Change, Failure, FailureKind, Live, Step},
    deploy::{
        calls::{Patience, Schedule, Slot},
        event::Doing,
        plan::Planned,
        reference::UNKNOWN,
        state::{Act, Entry, Operation, Record, Standing},
    },
};

/// How often an operation that failed for a passing reason is begun again.
const NEW_OPERATIONS: u32 = 60;

impl Worker<'_> {
    /// Changes what stands to what a line of the plan wants.
    pub(super) async fn change(&self, planned: &Planned, changes: &[Change], first: bool) -> Result<(), Trouble> {
        let address = &planned.address;
        self.settle(address).await?;
        let Some(entry) = self.entry(address).filter(|entry| !entry.id.is_empty()) else {
            return Err(Trouble::Failed(no_longer(address, "it is not in the state")));
        };
        let live = self.live(address, &entry).await?;
        let entry = Entry { standing: Standing::Ready, ..entry };
        self.change_from(planned, entry, live, changes, first).await
    }

    /// Takes over what stands under the id, and changes it where it differs.
    pub(super) async fn adopt(
        &self,
        planned: &Planned,
        id: &str,
        changes: &[Change],
        first: bool,
    ) -> Result<(), Trouble> {
        let address = &planned.address;
        let entry = Entry {
            kind: planned.kind.clone(),
            region: planned.region.clone(),
            id: id.to_owned(),
            standing: Standing::Ready,
            applied: Value::Object(Map::new()),
            live: Value::Null,
            needs: wanted::needs(planned),
            holds: self.rules(address, &planned.kind).holds.clone(),
        };
        let live = self.live(address, &entry).await?;
        if changes.is_empty() {
            let resolved = self.resolved(planned, first)?;
            let (id, properties) = (live.id, live.properties);
            return self.ended(address, Some(Entry { id, live: properties, applied: resolved.applied, ..entry })).await;
        }
        self.change_from(planned, entry, live, changes, first).await
    }

    async fn live(&self, address: &Address, entry: &Entry) -> Result<Live, Trouble> {
        if !self.may_act() {
            return Err(Trouble::Stopped);
        }
        let place = (entry.kind.as_str(), entry.region.as_str(), entry.id.as_str());
        self.read(address, place, Patience::Question).await.map_err(|failure| {
            Trouble::Failed(match failure.kind {
                FailureKind::NotFound => no_longer(address, "it is gone"),
                _ => failure,
            })
        })
    }

    fn resolved(&self, planned: &Planned, first: bool) -> Result<Resolved, Trouble> {
        wanted::resolve(self.site, &self.session.state(), planned, first).map_err(Trouble::Failed)
    }

    async fn change_from(
        &self,
        planned: &Planned,
        entry: Entry,
        mut live: Live,
        changes: &[Change],
        first: bool,
    ) -> Result<(), Trouble> {
        let address = &planned.address;
        let mut slot = Some(self.slot(address).await?);
        if let Some(change) = fits::moved(&live.properties, changes) {
            let why = format!("{} is neither what it was nor what it is to become", change.pointer);
            return Err(Trouble::Failed(no_longer(address, &why)));
        }
        let resolved = self.resolved(planned, first)?;
        let changes = with_values(changes, &resolved.wanted.properties);
        for _ in 0..NEW_OPERATIONS {
            let operation = Operation { intended: resolved.applied.clone(), ..self.operation(address, Act::Update) };
            let token = operation.token.clone();
            // Until it is done, what was set before counts as set.
            let record = Record::Intent { address: address.clone(), entry: Box::new(begun(&entry, operation)) };
            self.record(vec![record]).await?;
            match self.update(address, &entry, &mut live, &resolved, &changes, &token, slot.take()).await? {
                Updated::Done(after) => {
                    let after = match after {
                        Some(after) => after,
                        None => {
                            let place = (entry.kind.as_str(), entry.region.as_str(), entry.id.as_str());
                            self.read(address, place, Patience::Appearing).await.map_err(Trouble::Unclear)?
                        }
                    };
                    let needs = wanted::needs(planned);
                    let holds = self.rules(address, &entry.kind).holds.clone();
                    let (id, properties) = (after.id, after.properties);
                    let entry = Entry { id, live: properties, applied: resolved.applied, needs, holds, ..entry };
                    return self.ended(address, Some(entry)).await;
                }
                Updated::Failed(failure) => {
                    let place = (entry.kind.as_str(), entry.region.as_str(), entry.id.as_str());
                    let now = self.read(address, place, Patience::Question).await;
                    let properties = now.map_or(live.properties, |live| live.properties);
                    let entry = Some(Box::new(Entry { live: properties, ..entry }));
                    let record = Record::Failed { address: address.clone(), failure: failure.clone(), entry };
                    self.record(vec![record]).await?;
                    return Err(Trouble::Failed(failure));
                }
                Updated::NotBegun => {
                    self.ended(address, Some(entry)).await?;
                    return Err(Trouble::Stopped);
                }
                Updated::Again => slot = Some(self.slot(address).await?),
                Updated::Unclear(failure) => return Err(Trouble::Unclear(failure)),
                Updated::Stopped => return Err(Trouble::Stopped),
            }
        }
        let failure = Failure::new(FailureKind::Busy, "operation", "it failed again and again for a passing reason");
        Err(Trouble::Unclear(failure))
    }

    #[expect(clippy::too_many_arguments, reason = "one call site, and each is needed for the call")]
    async fn update(
        &self,
        address: &Address,
        entry: &Entry,
        live: &mut Live,
        resolved: &Resolved,
        changes: &[Change],
        token: &str,
        mut slot: Option<Slot>,
    ) -> Result<Updated, Trouble> {
        let plane = self.plane(&address.cloud)?;
        let mut schedule = Schedule::new(Patience::Change);
        let (since, mut unclear) = (Instant::now(), false);
        loop {
            let free = match slot.take() {
                Some(slot) if self.may_act() => slot,
                _ => match self.slot(address).await {
                    Ok(slot) => slot,
                    Err(_) => return Ok(if unclear { Updated::Stopped } else { Updated::NotBegun }),
                },
            };
            let call = plane.update(live, &resolved.wanted, changes, token).boxed();
            let failure = match self.act(self.about(address, &entry.kind), free, call).await {
                Ok(Step::Done { live, .. }) => return Ok(Updated::Done(live)),
                Ok(Step::Pending(pending)) => {
                    let handle = |pending| vec![Record::Handle { address: address.clone(), pending }];
                    self.record(handle(pending.clone())).await?;
                    return Ok(match self.follow(address, Doing::Changing, pending, &handle).await? {
                        Followed::Done { live, .. } => Updated::Done(live),
                        Followed::Failed(failure) => Updated::Failed(failure),
                        Followed::Again(_) | Followed::Forgotten => match self.again_from(address, entry, live).await {
                            Ok(()) => Updated::Again,
                            Err(failure) => Updated::Unclear(failure),
                        },
                        Followed::Unclear(failure) => Updated::Unclear(failure),
                        Followed::Stopped => Updated::Stopped,
                    });
                }
                Err(failure) => failure,
            };
            unclear |= failure.kind == FailureKind::Unreachable;
            let Some(pause) = schedule.pause(&failure, self.site.calls.random()) else {
                let known = !unclear && failure.kind != FailureKind::Credentials;
                return Ok(if known { Updated::Failed(failure) } else { Updated::Unclear(failure) });
            };
            self.waiting(address, Doing::Changing, since, Some(&failure));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stop.cancelled() => {
                    return Ok(if unclear { Updated::Stopped } else { Updated::NotBegun });
                }
            }
            // It may have changed, by us or by others; and a condition on its version needs the new one.
            match self.reread(address, entry).await {
                Ok(now) => *live = now,
                Err(failure) => return Ok(Updated::Unclear(failure)),
            }
            if unclear && fits::in_place(&live.properties, changes) && resolved.wanted.secrets.is_empty() {
                return Ok(Updated::Done(Some(live.clone())));
            }
        }
    }

    async fn reread(&self, address: &Address, entry: &Entry) -> Result<Live, Failure> {
        let place = (entry.kind.as_str(), entry.region.as_str(), entry.id.as_str());
        self.read(address, place, Patience::Change).await
    }

    async fn again_from(&self, address: &Address, entry: &Entry, live: &mut Live) -> Result<(), Failure> {
        let pause = crate::net::retry::Dense::PROPAGATION.wait(self.site.calls.random());
        tokio::time::sleep(pause).await;
        *live = self.reread(address, entry).await?;
        Ok(())
    }
}

/// What came of the tries to change something.
enum Updated {
    Done(Option<Live>),
    Failed(Failure),
    /// The run was stopped before the call.
    NotBegun,
    /// The operation failed for a passing reason.
    Again,
    Unclear(Failure),
    Stopped,
}

fn no_longer(address: &Address, why: &str) -> Failure {
    Failure::new(FailureKind::Invalid, "plan", format!("the plan no longer fits {address}: {why}"))
        .next_step("run wildcam plan again, and look at what it says")
}

/// The changes with what only the apply could know in its place.
fn with_values(changes: &[Change], properties: &Value) -> Vec<Change> {
    let known = |change: &Change| match &change.to {
        Some(to) if to.get(UNKNOWN).is_some() || crate::deploy::reference::has_unknown(to) => {
            Change { to: properties.pointer(&change.pointer).cloned(), ..change.clone() }
        }
        _ => change.clone(),
    };
    changes.iter().map(known).collect()
}
