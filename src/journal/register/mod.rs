//! A register with compare-and-swap, decided in a majority of object stores: CASPaxos (D. Rystsov, 2018,
//! arXiv:1802.07000).
//!
//! Each store is an acceptor: the object `fleet/registers/{name}.json` holds the ballot it has promised to follow, and
//! the ballot and value it accepted last, and is changed only by conditional put. A change asks a majority to promise
//! a new ballot, takes the value with the highest accepted ballot, computes the next one, and asks a majority to
//! accept it. Any two majorities share a store, so no change is lost as long as a majority of the stores keeps what
//! it said it stored.
//!
//! A change whose last phase had no clear end may still take effect through a later round. Therefore a value carries
//! the ids of the changes that led to it: the next round sees whether the earlier attempt counted, and no change is
//! made twice. The set of stores of a register is fixed; moving to another set needs a copy while nobody changes it.

mod acceptor;
#[cfg(test)]
mod s3_tests;
#[cfg(test)]
mod tests;

use std::{
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use object_store::{ObjectStore, UpdateVersion, path::Path};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::mpsc;

use self::acceptor::{Acceptor, Ballot, Failure, Stored};
use super::Error;
use crate::{clock::Random, net::retry::Retry};

/// The largest value, as JSON.
pub const VALUE_LIMIT_BYTES: u64 = 64 << 10;
/// How many changes may follow an unclear one before it can no longer be told whether it counted.
const RECENT: usize = 32;
/// A missing majority is tried again this often; what is down for longer is the caller's to wait for.
const TRIES_WITHOUT_MAJORITY: u32 = 3;

/// What a register holds: anything that serde can write and read.
pub trait Value: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {}
impl<T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static> Value for T {}

/// How long a register waits, and how often it tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For what one store has to do in one phase: at most two requests when nobody interferes.
    pub store: Duration,
    /// For rounds that another proposer overtook, or that no majority answered.
    pub retry: Retry,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            store: Duration::from_secs(2),
            retry: Retry {
                tries: 40,
                first_wait: Duration::from_millis(20),
                longest_wait: Duration::from_millis(500),
                within: Duration::from_secs(20),
            },
        }
    }
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError<A> {
    /// The caller's function did not want it, having seen the value that stands.
    #[error("the change was refused")]
    Aborted(A),
    /// The register could not be changed, or, with [`Error::Unclear`], it is not known whether it was.
    #[error(transparent)]
    Register(#[from] Error),
}

/// A register; clones are the same one.
pub struct Register<T> {
    shared: Arc<Shared>,
    value: PhantomData<fn() -> T>,
}

impl<T> Clone for Register<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), value: PhantomData }
    }
}

impl<T> std::fmt::Debug for Register<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Register({} in {} stores)", self.shared.name, self.shared.acceptors.len())
    }
}

struct Shared {
    name: String,
    acceptors: Vec<Arc<Acceptor>>,
    proposer: String,
    random: Random,
    timeouts: Timeouts,
    /// The highest ballot number seen.
    counter: AtomicU64,
}

/// Why one round of a change or a read did not end in a result.
enum Round {
    Overtaken,
    NoMajority(Error),
    /// Trying again is useless.
    Final(Error),
}

/// What a majority has promised.
struct Promised {
    ballot: Ballot,
    base: Option<Stored>,
    /// Every store of the majority accepted the same ballot: the value is chosen already.
    settled: bool,
    versions: Vec<(usize, Option<UpdateVersion>)>,
}

/// An attempt whose end was not seen.
struct Attempt<T> {
    id: u64,
    version: u64,
    value: T,
}

impl<T: Value> Register<T> {
    /// The register `name` in `stores`, each with a name for messages. `proposer` says who changes it, for people who
    /// read the object; two proposers may bear one name.
    ///
    /// # Errors
    /// [`Error::BadName`] unless the name is like `routes` or `lease.traffic` (lower-case letters, digits, `.` and `-`,
    /// at most 63), and [`Error::NoStores`].
    pub fn new(
        name: &str,
        stores: Vec<(String, Arc<dyn ObjectStore>)>,
        proposer: &str,
        random: Random,
        timeouts: Timeouts,
    ) -> Result<Self, Error> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
        let starts_well = name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
        if !starts_well || name.len() > 63 || !name.bytes().all(allowed) {
            return Err(Error::BadName { name: name.to_owned() });
        }
        if stores.is_empty() {
            return Err(Error::NoStores { register: name.to_owned() });
        }
        let path = Path::from(format!("fleet/registers/{name}.json"));
        let acceptors =
            stores.into_iter().map(|(name, store)| Arc::new(Acceptor { name, store, path: path.clone() })).collect();
        let proposer = proposer.chars().take(64).collect();
        let counter = AtomicU64::new(0);
        let shared = Shared { name: name.to_owned(), acceptors, proposer, random, timeouts, counter };
        Ok(Self { shared: Arc::new(shared), value: PhantomData })
    }

    /// The register's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// How many stores must answer.
    #[must_use]
    pub fn needed(&self) -> usize {
        self.shared.acceptors.len() / 2 + 1
    }

    /// The value now: no older than any change that ended before this call, in whatever process.
    ///
    /// When a majority agrees, this only reads; otherwise it runs a full round, which settles what is half written.
    ///
    /// # Errors
    /// [`Error::NoMajority`], or [`Error::Contended`] when others change the register all the time.
    pub async fn read(&self) -> Result<Option<T>, Error> {
        let mut number = 1;
        let started = tokio::time::Instant::now();
        loop {
            match self.read_once().await {
                Ok(value) => return Ok(value),
                Err(round) => match self.wait_after(&round, number, started) {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => return Err(self.error_of(round, number)),
                },
            }
            number += 1;
        }
    }

    /// Replaces the value by what `next` makes of it, exactly once. `next` may be called several times, each time with
    /// a newer value; its last answer counts. Returns the value that was written.
    ///
    /// # Errors
    /// [`ChangeError::Aborted`] with what `next` returned; [`Error::Unclear`] when the stores went away in the middle
    /// and the change may have been made or may yet be; [`Error::NoMajority`], [`Error::Contended`],
    /// [`Error::TooLarge`], [`Error::Unwritable`] when it was not made and will not be.
    pub async fn change<A: Send>(
        &self,
        mut next: impl FnMut(Option<T>) -> Result<T, A> + Send,
    ) -> Result<T, ChangeError<A>> {
        let mut unclear: Vec<Attempt<T>> = Vec::new();
        let mut number = 1;
        let started = tokio::time::Instant::now();
        loop {
            let round = match self.change_once(&mut next, &mut unclear).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(abort)) => return Err(ChangeError::Aborted(abort)),
                Err(round) => round,
            };
            if let Some(wait) = self.wait_after(&round, number, started) {
                tokio::time::sleep(wait).await;
                number += 1;
                continue;
            }
            let error = self.error_of(round, number);
            if unclear.is_empty() {
                return Err(error.into());
            }
            let register = self.shared.name.clone();
            return Err(Error::Unclear { register, source: Box::new(error) }.into());
        }
    }

    /// How long to wait before the next try; `None` when there is none.
    fn wait_after(&self, round: &Round, number: u32, started: tokio::time::Instant) -> Option<Duration> {
        let retry = self.shared.timeouts.retry;
        let tries = match round {
            Round::Overtaken => retry.tries,
            Round::NoMajority(_) => retry.tries.min(TRIES_WITHOUT_MAJORITY),
            Round::Final(_) => 1,
        };
        let wait = retry.wait(number, &self.shared.random);
        (number < tries && started.elapsed() + wait < retry.within).then_some(wait)
    }

    fn error_of(&self, round: Round, tries: u32) -> Error {
        match round {
            Round::Overtaken => Error::Contended { register: self.shared.name.clone(), tries },
            Round::NoMajority(error) | Round::Final(error) => error,
        }
    }

    async fn read_once(&self) -> Result<Option<T>, Round> {
        let loaded =
            self.majority(|_, acceptor| Box::pin(async move { acceptor.load().await.map(|(state, _)| state) })).await?;
        // A majority that accepted the same ballot has chosen it, and a later choice would show in one of its stores.
        if loaded.iter().all(|(_, state)| state.accepted == loaded[0].1.accepted) {
            return self.decode(loaded.into_iter().next().and_then(|(_, state)| state.value).as_ref());
        }
        let promised = self.prepare().await?;
        if !promised.settled {
            self.accept(&promised, promised.base.clone()).await?;
        }
        self.decode(promised.base.as_ref())
    }

    async fn change_once<A>(
        &self,
        next: &mut (impl FnMut(Option<T>) -> Result<T, A> + Send),
        unclear: &mut Vec<Attempt<T>>,
    ) -> Result<Result<T, A>, Round> {
        let promised = self.prepare().await?;
        let version = promised.base.as_ref().map_or(0, |base| base.version);
        let recent = promised.base.as_ref().map_or(&[][..], |base| &base.recent);
        if let Some(counted) = unclear.iter().find(|attempt| recent.contains(&attempt.id)) {
            let value = counted.value.clone();
            if !promised.settled {
                self.accept(&promised, promised.base.clone()).await?;
            }
            return Ok(Ok(value));
        }
        if unclear.iter().any(|attempt| version >= attempt.version.saturating_add(RECENT as u64)) {
            return Err(Round::Final(Error::Contended { register: self.shared.name.clone(), tries: 1 }));
        }
        let value = match next(self.decode(promised.base.as_ref())?) {
            Ok(value) => value,
            Err(abort) => {
                // What was refused must be what stands: a value seen in one store may still vanish, and an earlier
                // attempt of ours may still come back unless a higher ballot covers it.
                if !promised.settled || !unclear.is_empty() {
                    self.accept(&promised, promised.base.clone()).await?;
                }
                return Ok(Err(abort));
            }
        };
        let data = self.encode(&value).map_err(Round::Final)?;
        let id = self.shared.random.u64() >> 11;
        let version = version + 1;
        let mut recent = recent[recent.len().saturating_sub(RECENT - 1)..].to_vec();
        recent.push(id);
        unclear.push(Attempt { id, version, value: value.clone() });
        self.accept(&promised, Some(Stored { version, recent, data })).await?;
        Ok(Ok(value))
    }

    fn encode(&self, value: &T) -> Result<serde_json::Value, Error> {
        let what = || format!("the value of register {}", self.shared.name);
        let data = serde_json::to_value(value).map_err(|source| Error::Unwritable { what: what(), source })?;
        let bytes = data.to_string().len() as u64;
        if bytes > VALUE_LIMIT_BYTES {
            return Err(Error::TooLarge { what: what(), bytes, limit: VALUE_LIMIT_BYTES });
        }
        Ok(data)
    }

    fn decode(&self, stored: Option<&Stored>) -> Result<Option<T>, Round> {
        let decoded = stored.map(|stored| serde_json::from_value(stored.data.clone())).transpose();
        decoded.map_err(|source| Round::Final(Error::Unreadable { register: self.shared.name.clone(), source }))
    }

    async fn prepare(&self) -> Result<Promised, Round> {
        let shared = &self.shared;
        let counter = shared.counter.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let ballot = Ballot { counter, proposer: shared.proposer.clone(), nonce: shared.random.u64() >> 11 };
        let promises = self
            .majority(|_, acceptor| {
                let ballot = ballot.clone();
                Box::pin(async move { acceptor.prepare(&ballot).await })
            })
            .await?;
        let highest = promises.iter().map(|(_, (state, _))| &state.accepted).max().cloned().unwrap_or_default();
        let settled = promises.iter().all(|(_, (state, _))| state.accepted == highest);
        let mut base = None;
        let mut versions = Vec::with_capacity(promises.len());
        for (index, (state, version)) in promises {
            if state.accepted == highest {
                base = state.value;
            }
            versions.push((index, version));
        }
        Ok(Promised { ballot, base, settled, versions })
    }

    async fn accept(&self, promised: &Promised, value: Option<Stored>) -> Result<(), Round> {
        self.majority(|index, acceptor| {
            let known = promised.versions.iter().find(|(known, _)| *known == index);
            let expected = known.and_then(|(_, version)| version.clone());
            let (ballot, value) = (promised.ballot.clone(), value.clone());
            Box::pin(async move { acceptor.accept(&ballot, value, expected).await })
        })
        .await?;
        Ok(())
    }

    /// Asks every store and returns as soon as a majority has answered well, or cannot any more. The others are not
    /// cancelled: a store that is a little slower than its peers would otherwise never learn anything.
    async fn majority<R: Send + 'static>(
        &self,
        ask: impl Fn(usize, Arc<Acceptor>) -> BoxFuture<'static, Result<R, Failure>>,
    ) -> Result<Vec<(usize, R)>, Round> {
        let (stores, needed) = (self.shared.acceptors.len(), self.needed());
        let limit = self.shared.timeouts.store;
        let (sender, mut answers) = mpsc::channel(stores);
        for (index, acceptor) in self.shared.acceptors.iter().enumerate() {
            let (asked, sender) = (ask(index, Arc::clone(acceptor)), sender.clone());
            tokio::spawn(async move {
                let answer = match tokio::time::timeout(limit, asked).await {
                    Ok(answer) => answer,
                    Err(_) => Err(Failure::Store(format!("no answer within {} ms", limit.as_millis()))),
                };
                // Nobody listens any more once a majority has answered.
                let _ = sender.send((index, answer)).await;
            });
        }
        drop(sender);
        let mut good = Vec::with_capacity(needed);
        let mut causes = Vec::new();
        let mut overtaken = false;
        while let Some((index, answer)) = answers.recv().await {
            match answer {
                Ok(answer) => good.push((index, answer)),
                Err(Failure::Conflict(counter)) => {
                    overtaken = true;
                    self.shared.counter.fetch_max(counter, Ordering::Relaxed);
                    causes.push(format!("{}: overtaken", self.shared.acceptors[index].name));
                }
                Err(Failure::Store(why)) => {
                    let why: String = why.chars().take(200).collect();
                    causes.push(format!("{}: {why}", self.shared.acceptors[index].name));
                }
            }
            if good.len() >= needed {
                return Ok(good);
            }
            if causes.len() > stores - needed {
                break;
            }
        }
        if overtaken {
            return Err(Round::Overtaken);
        }
        let register = self.shared.name.clone();
        Err(Round::NoMajority(Error::NoMajority { register, reached: good.len(), needed, causes }))
    }
}
