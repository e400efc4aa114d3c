//! Following to its end what an earlier run began.

use futures_util::FutureExt;

use super::{
    create::Begun,
    remove::Shelf,
    wanted,
    worker::{Followed, Trouble, Worker},
};
use crate::{
    cloud::control::{Address, Failure, FailureKind},
    deploy::{
        calls::Patience,
        event::Doing,
        state::{Act, Entry, Operation, Record, Standing},
    },
};

impl Worker<'_> {
    /// Looks into what stands at an address: polls an operation that has a handle, repeats a creation whose answer is not
    /// known in the way that makes nothing twice, and reads the rest.
    pub(super) async fn resume(&self, address: &Address) -> Result<(), Trouble> {
        if let Some(entry) = self.entry(address) {
            self.resume_entry(address, Shelf::Standing, entry).await?;
        }
        while let Some(entry) = self.first_leftover(address).filter(|entry| entry.standing != Standing::Ready) {
            self.resume_entry(address, Shelf::Leftover, entry).await?;
        }
        Ok(())
    }

    /// Looks into what was begun at an address, before something else is begun there.
    pub(super) async fn settle(&self, address: &Address) -> Result<(), Trouble> {
        match self.entry(address) {
            Some(entry) if matches!(entry.standing, Standing::Begun(_)) => self.resume(address).boxed().await,
            _ => Ok(()),
        }
    }

    async fn resume_entry(&self, address: &Address, shelf: Shelf, entry: Entry) -> Result<(), Trouble> {
        match entry.standing.clone() {
            Standing::Ready => Ok(()),
            Standing::Unreadable => self.read_again(address, entry).await,
            Standing::Begun(operation) => match operation.act {
                Act::Create => self.resume_creation(address, entry, operation).await,
                Act::Update => self.resume_change(address, shelf, entry, operation).await,
                Act::Delete => self.resume_deletion(address, shelf, entry, operation).await,
            },
        }
    }

    async fn read_again(&self, address: &Address, mut entry: Entry) -> Result<(), Trouble> {
        if !self.may_act() {
            return Err(Trouble::Stopped);
        }
        let place = (entry.kind.as_str(), entry.region.as_str(), entry.id.as_str());
        match self.read(address, place, Patience::Question).await {
            Ok(live) => {
                entry.live = live.properties;
                entry.id = live.id;
                entry.standing = Standing::Ready;
                self.ended(address, Some(entry)).await
            }
            Err(failure) => {
                let message = format!("it was made, and cannot be read: {}", failure.message);
                let step =
                    format!("if it is really gone: wildcam state rm {address}; else run wildcam deploy again later");
                Err(Trouble::Failed(Failure { message, ..failure }.next_step(step)))
            }
        }
    }

    async fn resume_creation(&self, address: &Address, entry: Entry, operation: Operation) -> Result<(), Trouble> {
        if !self.may_act() {
            return Err(Trouble::Stopped);
        }
        let key = self.session.state().hash_key.clone();
        let body = entry.applied.clone();
        let resolved = wanted::whole(self.site, &key, address, &entry.kind, &entry.region, body, None);
        let resolved = resolved.map_err(Trouble::Failed)?;
        let entry = Entry { standing: Standing::Ready, ..entry };
        self.finish_creation(address, Begun { entry, operation, resolved, resumed: true }, None, true).await
    }

    /// What was to be changed is not in the journal, and need not be: what is live tells the next plan. What was set before
    /// counts as set, so what the cloud never tells is set again.
    async fn resume_change(
        &self,
        address: &Address,
        shelf: Shelf,
        mut entry: Entry,
        operation: Operation,
    ) -> Result<(), Trouble> {
        self.follow_resumed(address, shelf, operation).await?;
        let place = (entry.kind.as_str(), entry.region.as_str(), entry.id.as_str());
        match self.read(address, place, Patience::Question).await {
            Ok(live) => entry.live = live.properties,
            // The next look finds that it is gone.
            Err(failure) if failure.kind == FailureKind::NotFound => {}
            Err(failure) => return Err(Trouble::Unclear(failure)),
        }
        entry.standing = Standing::Ready;
        self.stands(address, shelf, entry).await
    }

    async fn resume_deletion(
        &self,
        address: &Address,
        shelf: Shelf,
        mut entry: Entry,
        operation: Operation,
    ) -> Result<(), Trouble> {
        let had_handle = self.follow_resumed(address, shelf, operation).await?;
        entry.standing = Standing::Ready;
        if had_handle == Some(true) {
            return self.disappear(address, shelf, entry).await;
        }
        let place = (entry.kind.as_str(), entry.region.as_str(), entry.id.as_str());
        match self.read(address, place, Patience::Question).await {
            // The next plan deletes it, with the consent that it needs.
            Ok(live) => {
                entry.live = live.properties;
                self.stands(address, shelf, entry).await
            }
            Err(failure) if failure.kind == FailureKind::NotFound => self.gone(address, shelf).await,
            Err(failure) => Err(Trouble::Unclear(failure)),
        }
    }

    /// Follows an operation that has a handle; whether it ended well.
    async fn follow_resumed(
        &self,
        address: &Address,
        shelf: Shelf,
        operation: Operation,
    ) -> Result<Option<bool>, Trouble> {
        if !self.may_act() {
            return Err(Trouble::Stopped);
        }
        let Some(pending) = operation.pending else { return Ok(None) };
        // The handles of leftovers are in their own records; the one that was resumed by leads to the end as well.
        let handle = |pending| match shelf {
            Shelf::Standing => vec![Record::Handle { address: address.clone(), pending }],
            Shelf::Leftover => Vec::new(),
        };
        match self.follow(address, Doing::Resuming, pending, &handle).await? {
            Followed::Done { .. } => Ok(Some(true)),
            Followed::Failed(_) | Followed::Again(_) | Followed::Forgotten => Ok(Some(false)),
            Followed::Unclear(failure) => Err(Trouble::Unclear(failure)),
            Followed::Stopped => Err(Trouble::Stopped),
        }
    }
}
