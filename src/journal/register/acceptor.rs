//! One store's part in a register: an object that holds the acceptor's state and changes only by conditional put.

use std::sync::Arc;

use futures_util::StreamExt;
use object_store::{
    Error as StoreError, GetOptions, ObjectStore, PutMode, PutOptions, PutPayload, UpdateVersion, path::Path,
};
use serde::{Deserialize, Serialize};

/// The largest state object that is read; a value of [`super::VALUE_LIMIT_BYTES`] fits several times.
const STATE_LIMIT_BYTES: u64 = 256 << 10;
/// The largest ballot number that is believed: beyond it JSON readers in other languages lose digits, and counting on
/// from it must never overflow.
const COUNTER_LIMIT: u64 = 1 << 53;
/// How often a lost race for one conditional put is run again before the store counts as failed.
const RACES: u32 = 8;

/// Orders the attempts. The nonce keeps two attempts of one proposer apart even if it forgot its counter.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Ballot {
    pub(super) counter: u64,
    pub(super) proposer: String,
    pub(super) nonce: u64,
}

/// A value with what is needed to recognise one's own change under later ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Stored {
    /// How many changes led here.
    pub(super) version: u64,
    /// The last changes, newest last.
    pub(super) recent: Vec<u64>,
    pub(super) data: serde_json::Value,
}

/// The acceptor's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) promised: Ballot,
    pub(super) accepted: Ballot,
    pub(super) value: Option<Stored>,
}

/// Why a store did not take part in a round.
#[derive(Debug)]
pub(super) enum Failure {
    /// It has promised to follow a higher ballot, with this number.
    Conflict(u64),
    /// It does not answer, or not sensibly.
    Store(String),
}

pub(super) struct Acceptor {
    pub(super) name: String,
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) path: Path,
}

/// What a conditional put came to.
enum Saved {
    Yes(Option<UpdateVersion>),
    /// The object was no longer the one that was read, or an earlier try of the same put had arrived after all.
    Raced,
}

impl Acceptor {
    /// The state now, and what a conditional put must match.
    pub(super) async fn load(&self) -> Result<(State, Option<UpdateVersion>), Failure> {
        let found = match self.store.get_opts(&self.path, GetOptions::default()).await {
            Ok(found) => found,
            Err(StoreError::NotFound { .. }) => return Ok((State::default(), None)),
            Err(error) => return Err(Failure::Store(error.to_string())),
        };
        let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
        if version.e_tag.is_none() && version.version.is_none() {
            return Err(Failure::Store("the store gives neither an ETag nor a version".to_owned()));
        }
        let mut bytes = Vec::new();
        let mut stream = found.into_stream();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| Failure::Store(error.to_string()))?;
            // Counted here and not taken from the object's head, which the store may get wrong.
            if (bytes.len() + chunk.len()) as u64 > STATE_LIMIT_BYTES {
                return Err(Failure::Store("the register's object is too large".to_owned()));
            }
            bytes.extend_from_slice(&chunk);
        }
        let state: State = serde_json::from_slice(&bytes)
            .map_err(|error| Failure::Store(format!("the register's object is not one: {error}")))?;
        let sound = state.accepted <= state.promised
            && state.promised.counter <= COUNTER_LIMIT
            && state.value.as_ref().is_none_or(|value| value.version <= COUNTER_LIMIT);
        if !sound {
            return Err(Failure::Store("the register's object contradicts itself".to_owned()));
        }
        Ok((state, Some(version)))
    }

    async fn save(&self, state: &State, expected: Option<UpdateVersion>) -> Result<Saved, Failure> {
        let bytes = serde_json::to_vec(state).map_err(|error| Failure::Store(error.to_string()))?;
        let mode = expected.map_or(PutMode::Create, PutMode::Update);
        let options = PutOptions { mode, ..PutOptions::default() };
        match self.store.put_opts(&self.path, PutPayload::from(bytes), options).await {
            Ok(put) => {
                let version = UpdateVersion::from(put);
                let usable = version.e_tag.is_some() || version.version.is_some();
                Ok(Saved::Yes(usable.then_some(version)))
            }
            // An update of an object that is gone is "not found" with some stores.
            Err(
                StoreError::Precondition { .. }
                | StoreError::NotModified { .. }
                | StoreError::AlreadyExists { .. }
                | StoreError::NotFound { .. },
            ) => Ok(Saved::Raced),
            Err(error) => Err(Failure::Store(error.to_string())),
        }
    }

    /// Phase one: promise to follow no lower ballot. Answers with what was accepted before, and with the version for
    /// the put of phase two.
    pub(super) async fn prepare(&self, ballot: &Ballot) -> Result<(State, Option<UpdateVersion>), Failure> {
        for _ in 0..RACES {
            let (mut state, version) = self.load().await?;
            if state.promised > *ballot {
                return Err(Failure::Conflict(state.promised.counter));
            }
            if state.promised == *ballot {
                return Ok((state, version));
            }
            state.promised = ballot.clone();
            if let Saved::Yes(version) = self.save(&state, version).await? {
                return Ok((state, version));
            }
        }
        Err(Failure::Store("others change the register's object all the time".to_owned()))
    }

    /// Phase two: accept the value unless a higher ballot was promised since. `expected` is the version after our own
    /// promise here, if this store gave one; it saves a read.
    pub(super) async fn accept(
        &self,
        ballot: &Ballot,
        value: Option<Stored>,
        expected: Option<UpdateVersion>,
    ) -> Result<(), Failure> {
        let accepted = State { promised: ballot.clone(), accepted: ballot.clone(), value };
        if expected.is_some()
            && let Saved::Yes(_) = self.save(&accepted, expected).await?
        {
            return Ok(());
        }
        for _ in 0..RACES {
            let (state, version) = self.load().await?;
            if state.promised > *ballot {
                return Err(Failure::Conflict(state.promised.counter));
            }
            if state.accepted == *ballot {
                return Ok(());
            }
            if let Saved::Yes(_) = self.save(&accepted, version).await? {
                return Ok(());
            }
        }
        Err(Failure::Store("others change the register's object all the time".to_owned()))
    }
}
