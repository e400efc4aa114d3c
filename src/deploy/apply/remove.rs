//! Deleting a resource, or the old half of an exchange.

use futures_util::FutureExt;
use tokio::time::Instant;

use super::worker::{Followed, Trouble, Worker, begun};
use crate::{
    cloud::control::{Address, Failure, FailureKind, Live, Step},
    deploy::{
        calls::{Patience, Schedule},
        event::Doing,
        state::{Act, Entry, Operation, Record},
    },
    net::retry::Dense,
};

/// Where the entry stands that is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shelf {
    /// Among the resources.
    Standing,
    /// First among the leftovers of its address.
    Leftover,
}

impl Shelf {
    const fn doing(self) -> Doing {
        match self {
            Self::Standing => Doing::Deleting,
            Self::Leftover => Doing::DeletingOld,
        }
    }
}

impl Worker<'_> {
    /// Deletes what stands at an address.
    pub(super) async fn remove(&self, address: &Address) -> Result<(), Trouble> {
        self.settle(address).await?;
        match self.entry(address) {
            Some(entry) => self.remove_entry(address, Shelf::Standing, entry).await,
            None => Ok(()),
        }
    }

    /// Deletes all old halves of exchanges at an address.
    pub(super) async fn remove_old(&self, address: &Address) -> Result<(), Trouble> {
        while let Some(entry) = self.first_leftover(address) {
            self.remove_entry(address, Shelf::Leftover, entry).await?;
        }
        Ok(())
    }

    pub(super) fn first_leftover(&self, address: &Address) -> Option<Entry> {
        self.session.state().leftovers.get(address).and_then(|left| left.first().cloned())
    }

    async fn remove_entry(&self, address: &Address, shelf: Shelf, entry: Entry) -> Result<(), Trouble> {
        if !self.may_act() {
            return Err(Trouble::Stopped);
        }
        let place = (entry.kind.as_str(), entry.region.as_str(), entry.id.as_str());
        let mut live = match self.read(address, place, Patience::Question).await {
            Ok(live) => live,
            Err(failure) if failure.kind == FailureKind::NotFound => return self.gone(address, shelf).await,
            Err(failure) => return Err(Trouble::Failed(failure)),
        };
        self.refuse_strangers(address, &live)?;
        let mut schedule = Schedule::new(Patience::Change);
        loop {
            let operation = self.operation(address, Act::Delete);
            let mut slot = Some(self.slot(address).await?);
            self.record(self.intent(address, shelf, &entry, operation.clone())).await?;
            let (since, mut unclear) = (Instant::now(), false);
            let failure = loop {
                let free = match slot.take() {
                    Some(slot) if self.may_act() => slot,
                    _ => match self.slot(address).await {
                        Ok(slot) => slot,
                        Err(_) if unclear => return Err(Trouble::Stopped),
                        Err(_) => return self.untouched(address, shelf, entry).await,
                    },
                };
                let plane = self.plane(&address.cloud)?;
                let empty = self.data_may_go.contains(address);
                let call = plane.delete(&live, empty, &operation.token).boxed();
                let failure = match self.act(self.about(address, &entry.kind), free, call).await {
                    Ok(Step::Done { .. }) => return self.disappear(address, shelf, entry).await,
                    Ok(Step::Pending(pending)) => {
                        let handle = |pending| {
                            let operation = Operation { pending: Some(pending), ..operation.clone() };
                            self.intent(address, shelf, &entry, operation)
                        };
                        self.record(handle(pending.clone())).await?;
                        match self.follow(address, shelf.doing(), pending, &handle).await? {
                            Followed::Done { .. } | Followed::Forgotten => {
                                return self.disappear(address, shelf, entry).await;
                            }
                            Followed::Failed(failure) => return self.kept(address, shelf, entry, failure).await,
                            Followed::Again(failure) => break failure,
                            Followed::Unclear(failure) => return Err(Trouble::Unclear(failure)),
                            Followed::Stopped => return Err(Trouble::Stopped),
                        }
                    }
                    Err(failure) if failure.kind == FailureKind::NotFound => {
                        return self.gone(address, shelf).await;
                    }
                    Err(failure) => failure,
                };
                unclear |= failure.kind == FailureKind::Unreachable;
                let Some(pause) = schedule.pause(&failure, self.site.calls.random()) else {
                    if unclear || failure.kind == FailureKind::Credentials {
                        return Err(Trouble::Unclear(failure));
                    }
                    return self.kept(address, shelf, entry, failure).await;
                };
                self.waiting(address, shelf.doing(), since, Some(&failure));
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = self.stop.cancelled() => {
                        if unclear {
                            return Err(Trouble::Stopped);
                        }
                        return self.untouched(address, shelf, entry).await;
                    }
                }
                match self.read(address, place, Patience::Change).await {
                    Ok(now) => live = now,
                    Err(failure) if failure.kind == FailureKind::NotFound => return self.gone(address, shelf).await,
                    Err(failure) => return Err(Trouble::Unclear(failure)),
                }
            };
            // The operation failed for a reason that passes: a new one is begun.
            let Some(pause) = schedule.pause(&failure, self.site.calls.random()) else {
                return self.kept(address, shelf, entry, failure).await;
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stop.cancelled() => return Err(Trouble::Stopped),
            }
        }
    }

    /// What bears the marks of another project is not ours to delete, whatever the state says.
    fn refuse_strangers(&self, address: &Address, live: &Live) -> Result<(), Trouble> {
        let Some(owner) = &live.owner else { return Ok(()) };
        let ours = self.site.owner(address);
        if owner.project == ours.project && owner.environment == ours.environment {
            return Ok(());
        }
        let message = format!("it bears the marks of {} ({}) by now", owner.project, owner.environment);
        let step = format!("to forget it without touching it: wildcam state rm {address}");
        Err(Trouble::Failed(Failure::new(FailureKind::Protected, "owner", message).next_step(step)))
    }

    fn intent(&self, address: &Address, shelf: Shelf, entry: &Entry, operation: Operation) -> Vec<Record> {
        let entry = begun(entry, operation);
        let address = address.clone();
        match shelf {
            Shelf::Standing => vec![Record::Intent { address, entry: Box::new(entry) }],
            Shelf::Leftover => {
                let mut entries = self.leftovers_after_first(&address);
                entries.insert(0, entry);
                vec![Record::Leftover { address, entries }]
            }
        }
    }

    fn leftovers_after_first(&self, address: &Address) -> Vec<Entry> {
        let state = self.session.state();
        state.leftovers.get(address).into_iter().flatten().skip(1).cloned().collect()
    }

    pub(super) async fn gone(&self, address: &Address, shelf: Shelf) -> Result<(), Trouble> {
        match shelf {
            Shelf::Standing => self.ended(address, None).await,
            Shelf::Leftover => {
                let entries = self.leftovers_after_first(address);
                self.record(vec![Record::Leftover { address: address.clone(), entries }]).await
            }
        }
    }

    /// It stands as before.
    pub(super) async fn stands(&self, address: &Address, shelf: Shelf, entry: Entry) -> Result<(), Trouble> {
        match shelf {
            Shelf::Standing => self.ended(address, Some(entry)).await,
            Shelf::Leftover => {
                let mut entries = self.leftovers_after_first(address);
                entries.insert(0, entry);
                self.record(vec![Record::Leftover { address: address.clone(), entries }]).await
            }
        }
    }

    async fn untouched(&self, address: &Address, shelf: Shelf, entry: Entry) -> Result<(), Trouble> {
        self.stands(address, shelf, entry).await?;
        Err(Trouble::Stopped)
    }

    async fn kept(&self, address: &Address, shelf: Shelf, entry: Entry, failure: Failure) -> Result<(), Trouble> {
        match shelf {
            Shelf::Standing => {
                let (address, failure) = (address.clone(), failure.clone());
                self.record(vec![Record::Failed { address, failure, entry: Some(Box::new(entry)) }]).await?;
            }
            Shelf::Leftover => self.stands(address, shelf, entry).await?,
        }
        Err(Trouble::Failed(failure))
    }

    /// Waits until it cannot be read any more, so that what comes in its place does not meet it.
    pub(super) async fn disappear(&self, address: &Address, shelf: Shelf, entry: Entry) -> Result<(), Trouble> {
        let started = Instant::now();
        let place = (entry.kind.as_str(), entry.region.as_str(), entry.id.as_str());
        loop {
            match self.read(address, place, Patience::Question).await {
                Err(failure) if failure.kind == FailureKind::NotFound => return self.gone(address, shelf).await,
                Err(failure) => return Err(Trouble::Unclear(failure)),
                Ok(_) if started.elapsed() >= Dense::PROPAGATION.within => {
                    let message = "the cloud says that it was deleted, and still shows it";
                    let failure = Failure::new(FailureKind::Busy, "read", message)
                        .next_step("wait a while and run wildcam deploy again");
                    return self.kept(address, shelf, entry, failure).await;
                }
                Ok(_) => {}
            }
            tokio::select! {
                () = tokio::time::sleep(Dense::PROPAGATION.wait(self.site.calls.random())) => {}
                () = self.stop.cancelled() => return Err(Trouble::Stopped),
            }
        }
    }
}
