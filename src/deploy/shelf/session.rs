//! One run's hold on the state: the lease, the sealing of earlier epochs, the journal, and the fold at the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, future::join_all, stream};
use tokio_util::sync::CancellationToken;

use super::{
    Error, Places, Shelf, cipher,
    head::Head,
    object::Segment,
    open::Loaded,
    spread::{self, Store},
    writer::{Journal, Pen},
};
use crate::{
    deploy::{
        event::Event,
        ledger,
        state::{Record, State},
    },
    journal::{
        self,
        lease::{Claim, Lease, Standing},
        register::ChangeError,
    },
};

/// Positions that are tried for one seal: a holder that writes on without its lease stops long before.
const SEALS: u64 = 10_000;
/// Epochs without an end of their own that are sealed at a time.
const EPOCHS: u64 = 100_000;
/// How long the last writes to slower stores are waited for.
const LAST_WRITES: Duration = Duration::from_secs(10);
/// How long is spent on what only saves room.
const TIDYING: Duration = Duration::from_secs(20);
/// So many objects are deleted at a time.
const DELETES: usize = 16;

/// A state that is held for writing.
pub(crate) struct Session<'a> {
    shelf: &'a Shelf,
    places: Places,
    lease: Arc<Lease>,
    journal: Journal,
    head: Head,
}

impl Shelf {
    /// Takes the lease, waiting for whoever has it, seals what earlier runs left, folds it, and brings the stores up to
    /// date. The state stores are made where they are missing.
    ///
    /// # Errors
    /// [`Error::Interrupted`], and those of reading and writing the stores.
    pub(crate) async fn begin(
        &self,
        who: &str,
        note: &str,
        tell: &(dyn Fn(Event) + Send + Sync),
        interrupt: &CancellationToken,
    ) -> Result<Session<'_>, Error> {
        let places = self.places(true).await;
        self.majority_of(&places)?;
        for (cloud, why) in &places.away {
            tell(Event::StoreAway { cloud: cloud.clone(), why: why.clone() });
        }
        let head = self.head_register(&places)?.read().await?;
        if places.away.is_empty() && head.is_none_or(|head| head.closed) {
            self.clear_remains(&places).await?;
        }
        let lease = self.claim(&places, who, note, tell, interrupt).await?;
        tell(Event::LeaseTaken { epoch: lease.epoch() });
        match self.take_over(&places, &lease, None).await {
            Ok((head, state)) => Ok(self.session(places, lease, head, state)),
            Err(error) => {
                release(lease).await;
                Err(error)
            }
        }
    }

    /// As [`Shelf::begin`], with a state that was made elsewhere in the place of what lies in the stores, which need not be
    /// readable.
    ///
    /// # Errors
    /// As [`Shelf::begin`].
    pub(crate) async fn begin_over(
        &self,
        state: State,
        who: &str,
        tell: &(dyn Fn(Event) + Send + Sync),
        interrupt: &CancellationToken,
    ) -> Result<Session<'_>, Error> {
        let places = self.places(true).await;
        self.majority_of(&places)?;
        let lease = self.claim(&places, who, "state rebuild", tell, interrupt).await?;
        match self.take_over(&places, &lease, Some(state)).await {
            Ok((head, state)) => Ok(self.session(places, lease, head, state)),
            Err(error) => {
                release(lease).await;
                Err(error)
            }
        }
    }

    fn session(&self, places: Places, lease: Lease, head: Head, state: State) -> Session<'_> {
        let lease = Arc::new(lease);
        let pen = Pen {
            folder: self.folder("").trim_end_matches('/').to_owned(),
            belongs: self.belongs.clone(),
            cipher: self.cipher.clone(),
            random: self.random.fork(),
            stores: places.stores.clone(),
            needed: self.needed(),
            all: self.all.len(),
            lease: Arc::clone(&lease),
        };
        Session { shelf: self, places, lease, journal: Journal::begin(pen, state), head }
    }

    async fn claim(
        &self,
        places: &Places,
        who: &str,
        note: &str,
        tell: &(dyn Fn(Event) + Send + Sync),
        interrupt: &CancellationToken,
    ) -> Result<Lease, Error> {
        let mut claim = Claim::new(&self.lease_register(places)?, who, note, self.lease)?;
        loop {
            match claim.attempt().await? {
                Standing::Taken(lease) => return Ok(lease),
                Standing::HeldBy { held, free_in } => {
                    tell(Event::LeaseWaiting { holder: held.holder.unwrap_or_default(), free_in });
                    let pause = free_in.min(self.lease / 4).max(Duration::from_millis(50));
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = interrupt.cancelled() => return Err(Error::Interrupted),
                    }
                }
            }
        }
    }

    /// What a removal that was cut off left in a store: its head says so. A new beginning must not meet its ballots.
    async fn clear_remains(&self, places: &Places) -> Result<(), Error> {
        let heads = self.heads_apart(places).await?;
        let live = heads.iter().any(|(_, head)| head.as_ref().is_some_and(|head| !head.closed));
        if live {
            return Ok(());
        }
        for (store, (_, head)) in places.stores.iter().zip(heads) {
            if head.is_some() {
                self.wipe(store).await?;
            }
        }
        Ok(())
    }

    /// Deletes everything of this environment in one store.
    pub(super) async fn wipe(&self, store: &Store) -> Result<(), Error> {
        let failed = |why: String| Error::NoMajority {
            reached: self.all.len() - 1,
            needed: self.all.len(),
            all: self.all.len(),
            away: BTreeMap::from([(store.cloud.clone(), why)]),
        };
        let prefix = self.folder("").trim_end_matches('/').to_owned();
        let names = spread::list(store, &prefix, &self.random).await.map_err(failed)?;
        let mut keys: Vec<String> = names.into_iter().map(|name| format!("{prefix}/{name}")).collect();
        for what in ["lease", "head"] {
            keys.push(format!("fleet/registers/{}.json", self.register_name(what)));
        }
        spread::delete(store, keys).await;
        Ok(())
    }

    async fn take_over(&self, places: &Places, lease: &Lease, instead: Option<State>) -> Result<(Head, State), Error> {
        let register = self.head_register(places)?;
        let before = register.read().await?;
        let sealed = before.as_ref().map_or(0, |head| head.sealed);
        let last = lease.epoch() - 1;
        if sealed < last && (before.is_some() || instead.is_none()) {
            self.seal(places, sealed, last).await?;
        }
        let loaded = match instead {
            Some(mut state) => {
                let serial = before.as_ref().map_or(0, |head| head.serial);
                // Above whatever the journal may have reached that is being left behind.
                state.serial = state.serial.max(serial.saturating_add(1 << 20));
                Loaded { head: before, state, fold: None }
            }
            None => self.load(places, before).await?,
        };
        let Loaded { head, state, fold } = loaded;
        let unchanged = head.as_ref().is_some_and(|head| {
            head.serial == state.serial && head.sealed == last && head.clouds == self.all && !head.closed
        });
        match (head, fold) {
            (Some(head), Some(fold)) if unchanged => {
                self.bring_up_to_date(&places.stores, &head, fold).await;
                Ok((head, state))
            }
            (Some(head), Some(fold)) if head.serial == state.serial => {
                self.bring_up_to_date(&places.stores, &head, fold).await;
                let (key, digest) = (head.key, head.digest);
                let head = self.point(places, lease, key, digest, state.serial, last, false).await?;
                Ok((head, state))
            }
            _ => Ok((self.write_fold(places, lease, &state, last, false).await?, state)),
        }
    }

    /// Closes every epoch after `sealed` up to `last`.
    async fn seal(&self, places: &Places, sealed: u64, last: u64) -> Result<(), Error> {
        if last - sealed > EPOCHS {
            let why = format!("{} runs in a row ended without a trace", last - sealed);
            return Err(Error::Unwritable { why });
        }
        let mut ends: BTreeMap<u64, u64> = BTreeMap::new();
        for (epoch, number) in self.positions(places, sealed).await?.into_keys() {
            let end = ends.entry(epoch).or_default();
            *end = (*end).max(number);
        }
        let each = stream::iter(sealed + 1..=last).map(|epoch| {
            let end = ends.get(&epoch).copied().unwrap_or(0);
            self.seal_epoch(places, epoch, end)
        });
        let mut sealing = each.buffer_unordered(DELETES);
        while let Some(result) = sealing.next().await {
            result?;
        }
        Ok(())
    }

    async fn seal_epoch(&self, places: &Places, epoch: u64, end: u64) -> Result<(), Error> {
        for number in end + 1..=end.saturating_add(SEALS) {
            let key = self.segment_key((epoch, number));
            // A seal holds nothing to hide, and in the clear all that is written at a place is alike.
            let bytes = Bytes::from(self.belongs.seal(epoch, number));
            let spread = spread::put_everywhere(&places.stores, &key, bytes, self.needed(), &self.random).await;
            if spread.there.len() >= self.needed() {
                return Ok(());
            }
            let is_seal = |bytes: &Vec<u8>| self.belongs.read_segment(epoch, number, bytes) == Ok(Segment::Sealed);
            let occupied = spread.other.values().filter(|bytes| !is_seal(bytes)).count();
            let answered = spread.there.len() + spread.other.len();
            if answered < self.needed() {
                let (needed, all) = (self.needed(), self.all.len());
                return Err(Error::NoMajority { reached: answered, needed, all, away: spread.away });
            }
            if occupied == 0 {
                return Ok(());
            }
        }
        Err(Error::Fenced)
    }

    /// Writes a state to a majority, and lets the head name it.
    async fn write_fold(
        &self,
        places: &Places,
        lease: &Lease,
        state: &State,
        sealed: u64,
        closed: bool,
    ) -> Result<Head, Error> {
        let key = self.folder(&format!("state/{:012}-{:012}.json", state.serial, lease.epoch()));
        let text = self.belongs.state(lease.epoch(), state).map_err(|why| Error::Unwritable { why })?;
        let bytes = cipher::close(self.cipher.as_ref(), &key, text, &self.random).map_err(Error::Cipher)?;
        let (digest, bytes) = (ledger::sha256(&bytes), Bytes::from(bytes));
        let spread = spread::put_everywhere(&places.stores, &key, bytes, self.needed(), &self.random).await;
        if spread.there.len() < self.needed() {
            let reached = spread.there.len();
            return Err(Error::NoMajority { reached, needed: self.needed(), all: self.all.len(), away: spread.away });
        }
        self.point(places, lease, key, digest, state.serial, sealed, closed).await
    }

    #[expect(clippy::too_many_arguments, reason = "each is one field of the head")]
    async fn point(
        &self,
        places: &Places,
        lease: &Lease,
        key: String,
        digest: String,
        serial: u64,
        sealed: u64,
        closed: bool,
    ) -> Result<Head, Error> {
        let writer = lease.epoch();
        let head = Head { serial, digest, key, sealed, writer, clouds: self.all.clone(), closed };
        let register = self.head_register(places)?;
        let changed = register
            .change(|now: Option<Head>| match now {
                // A later holder has been here: this one has lost its lease and does not know it yet.
                Some(now) if now.writer > writer => Err(()),
                _ => Ok(head.clone()),
            })
            .await;
        match changed {
            Ok(head) => Ok(head),
            Err(ChangeError::Aborted(())) => Err(Error::Fenced),
            Err(ChangeError::Register(error)) => Err(error.into()),
        }
    }

    /// Puts the fold where it is missing: a store that was away has everything again then, for what came after the fold
    /// is folded in turn when this run ends.
    async fn bring_up_to_date(&self, stores: &[Store], head: &Head, fold: Bytes) {
        let spread = spread::put_everywhere(stores, &head.key, fold, stores.len(), &self.random);
        let _ = tokio::time::timeout(TIDYING, spread).await;
    }

    /// Deletes what is in the fold already.
    async fn tidy(&self, stores: &[Store], head: &Head, before: &str) {
        let keep: BTreeSet<&str> = BTreeSet::from([head.key.as_str(), before]);
        let each = stores.iter().map(async |store| {
            let (journal, states) = (self.folder("journal"), self.folder("state"));
            let mut keys = Vec::new();
            for name in spread::list(store, &journal, &self.random).await.unwrap_or_default() {
                let epoch = name.split('-').next().and_then(|epoch| epoch.parse::<u64>().ok());
                if epoch.is_some_and(|epoch| epoch <= head.sealed) {
                    keys.push(format!("{journal}/{name}"));
                }
            }
            for name in spread::list(store, &states, &self.random).await.unwrap_or_default() {
                let key = format!("{states}/{name}");
                if !keep.contains(key.as_str()) {
                    keys.push(key);
                }
            }
            let deleting = stream::iter(keys).for_each_concurrent(DELETES, |key| spread::delete(store, vec![key]));
            deleting.await;
        });
        let _ = tokio::time::timeout(TIDYING, join_all(each)).await;
    }
}

impl Session<'_> {
    /// Returns when the records are durable in a majority and in the state. They are written together or not at all.
    ///
    /// # Errors
    /// When they are not, and nothing after them will be.
    pub(crate) async fn append(&self, records: Vec<Record>) -> Result<(), Error> {
        self.journal.append(records).await
    }

    /// The state, with everything that is durable in it. It is locked while it is looked at.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.journal.state()
    }

    /// Whether a call to a cloud may be begun: the lease is held, and the journal can be written.
    pub(crate) fn may_act(&self) -> bool {
        self.lease.is_held() && !self.journal.is_broken()
    }

    /// Cancelled when the lease is lost.
    pub(crate) fn lost(&self) -> CancellationToken {
        self.lease.lost()
    }

    /// Folds the journal, lets the head name the fold, and gives the lease back. Returns the state.
    ///
    /// # Errors
    /// Why the journal could not be written, if it could not; else why the fold could not. In either case the next run
    /// finds everything that is durable.
    pub(crate) async fn close(self) -> Result<State, Error> {
        let (shelf, places, lease, before) = (self.shelf, self.places, self.lease, self.head);
        let (state, broken) = self.journal.end().await;
        if let Some(error) = broken {
            release_shared(lease).await;
            return Err(error);
        }
        let result = fold_at_end(shelf, &places, &lease, &before, &state).await;
        release_shared(lease).await;
        spread::quiet(&places.stores, LAST_WRITES).await;
        result.map(|()| state)
    }

    /// Marks the empty state as being removed in every store. Nothing may be written afterwards.
    ///
    /// # Errors
    /// When a store does not answer: nothing is removed then.
    pub(crate) async fn close_for_good(self) -> Result<(), Error> {
        let (shelf, places, lease) = (self.shelf, self.places, self.lease);
        let (state, broken) = self.journal.end().await;
        let result = match broken {
            Some(error) => Err(error),
            None => farewell(shelf, &places, &lease, &state).await,
        };
        release_shared(lease).await;
        spread::quiet(&places.stores, LAST_WRITES).await;
        result
    }
}

async fn fold_at_end(shelf: &Shelf, places: &Places, lease: &Lease, before: &Head, state: &State) -> Result<(), Error> {
    if !lease.is_held() {
        return Err(Error::LeaseLost);
    }
    let head = if state.serial == before.serial {
        let (key, digest) = (before.key.clone(), before.digest.clone());
        shelf.point(places, lease, key, digest, state.serial, lease.epoch(), false).await?
    } else {
        shelf.write_fold(places, lease, state, lease.epoch(), false).await?
    };
    // What is late would be deleted now and written afterwards.
    spread::quiet(&places.stores, LAST_WRITES).await;
    shelf.tidy(&places.stores, &head, &before.key).await;
    Ok(())
}

async fn farewell(shelf: &Shelf, places: &Places, lease: &Lease, state: &State) -> Result<(), Error> {
    if places.stores.len() < shelf.all.len() {
        return Err(Error::FirstNeedsAll { away: places.away.clone() });
    }
    let head = shelf.write_fold(places, lease, state, lease.epoch(), true).await?;
    // A store that did not hear of it would pass for a state of its own when the others are gone.
    for _ in 0..20 {
        let heads = shelf.heads_apart(places).await?;
        if heads.iter().all(|(_, seen)| seen.as_ref() == Some(&head)) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let away = BTreeMap::from([("one of them".to_owned(), "it does not know of the end yet".to_owned())]);
    Err(Error::FirstNeedsAll { away })
}

async fn release_shared(lease: Arc<Lease>) {
    if let Some(lease) = Arc::into_inner(lease) {
        release(lease).await;
    }
}

/// A lease that cannot be given back expires.
async fn release(lease: Lease) {
    let released: Result<(), journal::Error> = lease.release().await;
    if let Err(error) = released {
        tracing::warn!(%error, "the lease of the deploy was not given back; it expires by itself");
    }
}
