//! The state of one environment of a project, in the state stores of all of its clouds.
//!
//! **What lies there.** `deploy/{environment}/journal/{epoch}-{number}.jsonl` are segments of the journal, written once, to
//! every store at once; one is durable when a majority of *all* clouds of the project has it, and only then is the
//! next one written. `deploy/{environment}/state/{serial}-{epoch}.json` is everything before folded into one state. The
//! register `deploy.{environment}.head` names the newest fold with its SHA-256, the epoch up to which everything is in it, and
//! the clouds whose stores take part. The lease `deploy.{environment}.lease` lets one run write at a time; its epoch is
//! in the name of each segment.
//!
//! **What a late segment means.** A run that was cancelled may have a segment under way: it may have arrived in no store,
//! in some, or in a majority without the run knowing. The next holder of the lease first *seals* each earlier epoch: at
//! the first free position it writes an object that says "nothing comes here", once, to every store. Where it finds a
//! segment there instead, it takes it in and seals the position after it. When a majority holds the seal, no segment of
//! that epoch can be durable any more without having been seen: a majority of stores would have to lack the seal. So an
//! act, which follows only a durable intent, was seen; what was seen in a minority is treated as if it had been durable,
//! which is harmless, since an intent whose act never came is looked into like any other. Then the head names a fold
//! and the sealed epoch, and segments of sealed epochs that turn up afterwards mean nothing and are deleted.
//!
//! **Which stores.** Two majorities must share a store also when a cloud is added or taken away, so only changes of which
//! that is true are accepted: one cloud at a time. A project without a state is begun only when every store answers.

mod cipher;
mod head;
mod object;
mod open;
mod removal;
mod session;
mod spread;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;

pub use self::cipher::CipherError;
pub(crate) use self::session::Session;
use self::{cipher::Cipher, object::Belongs, spread::Store};
use super::{site::Planes, state::State};
use crate::{
    clock::Random,
    cloud::control::{ControlPlane, Failure, FailureKind},
    net::retry::Retry,
    project::{Project, SecretError},
};

/// How long a cloud may take to say where its state store is.
const FINDING: Duration = Duration::from_secs(90);

/// The state in its stores.
pub struct Shelf {
    planes: Planes,
    /// Every cloud of the project, also those that are left out.
    all: Vec<String>,
    belongs: Belongs,
    cipher: Option<Cipher>,
    random: Random,
    lease: Duration,
    found: Mutex<BTreeMap<String, Store>>,
}

/// The state as it was read.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The state.
    pub state: State,
    /// Its SHA-256, hexadecimal.
    pub digest: String,
    /// The clouds whose state stores did not answer, and what they do.
    pub away: BTreeMap<String, String>,
    /// The state stores, as people know them, by cloud.
    pub places: BTreeMap<String, String>,
}

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too few state stores answer.
    #[error("the state needs {needed} of {all} state stores and reached {reached} ({})", list(away))]
    NoMajority {
        /// How many answered.
        reached: usize,
        /// How many must.
        needed: usize,
        /// How many there are.
        all: usize,
        /// What the others do, by cloud.
        away: BTreeMap<String, String>,
    },
    /// There is no state, and not every store answers.
    #[error("no state was found, and it may lie in a store that was not read ({})", list(away))]
    FirstNeedsAll {
        /// What those do, by cloud.
        away: BTreeMap<String, String>,
    },
    /// The clouds of the project changed too much at once.
    #[error("the state lies in the clouds {}, and wildcam.toml has {}: too many changed at once", before.join(", "), now.join(", "))]
    OtherStores {
        /// The clouds whose stores hold it.
        before: Vec<String>,
        /// The clouds of the project.
        now: Vec<String>,
    },
    /// The state store of a cloud cannot be made.
    #[error("the state store of {cloud} cannot be made")]
    Make {
        /// The cloud.
        cloud: String,
        /// Why not.
        source: Failure,
    },
    /// An object is not what it should be.
    #[error("{key} is damaged in every state store that has it ({})", list(why))]
    Damaged {
        /// The object.
        key: String,
        /// What is wrong with it, by cloud.
        why: BTreeMap<String, String>,
    },
    /// A segment of the journal is missing.
    #[error("the journal has no segment {number} of epoch {epoch}, and later ones")]
    Gap {
        /// The epoch.
        epoch: u64,
        /// The position.
        number: u64,
    },
    /// The state is encrypted, and cannot be opened.
    #[error("the state cannot be opened")]
    Cipher(#[source] CipherError),
    /// `deploy.state_key` leads nowhere.
    #[error("deploy.state_key cannot be had")]
    Key(#[source] SecretError),
    /// A register could not be read or changed.
    #[error(transparent)]
    Register(#[from] crate::journal::Error),
    /// The lease was lost: another run has taken over, or the stores did not answer in time.
    #[error("the lease of this deploy was lost")]
    LeaseLost,
    /// Another run wrote where only this one should.
    #[error("another run has taken over the journal")]
    Fenced,
    /// A record could not be written as one.
    #[error("the journal cannot hold this: {why}")]
    Unwritable {
        /// Why not.
        why: String,
    },
    /// An earlier write failed; nothing more is written.
    #[error("the journal could not be written")]
    Broken,
    /// The wait for the lease was interrupted.
    #[error("interrupted while another run had the lease")]
    Interrupted,
    /// The state was removed, or is being removed.
    #[error("the state store of {cloud} could not be removed")]
    Remove {
        /// The cloud.
        cloud: String,
        /// Why not.
        source: Failure,
    },
}

fn list(map: &BTreeMap<String, String>) -> String {
    map.iter().map(|(cloud, why)| format!("{cloud}: {why}")).collect::<Vec<_>>().join("; ")
}

impl Error {
    /// Whether what lies in the stores is damaged, and only a rebuild helps.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Gap { .. } | Self::Cipher(CipherError::Forged))
    }

    /// What to do about it.
    #[must_use]
    pub fn next_step(&self) -> Option<String> {
        let step = match self {
            Self::NoMajority { .. } => {
                "wait until more of these clouds answer, and run the same command again".to_owned()
            }
            Self::FirstNeedsAll { .. } => {
                "the first deploy needs every cloud of wildcam.toml: wait for them, or take a cloud out of it"
                    .to_owned()
            }
            Self::OtherStores { before, .. } => format!(
                "add or remove one cloud at a time, with a wildcam deploy after each, beginning from {}",
                before.join(", ")
            ),
            Self::Make { source, cloud } => {
                source.next_step.clone().unwrap_or_else(|| format!("run wildcam doctor --cloud, and look at {cloud}"))
            }
            Self::Damaged { .. } | Self::Gap { .. } => {
                "run wildcam state rebuild: it finds what was made by its marks".to_owned()
            }
            Self::Cipher(CipherError::BadKey) => "openssl rand -hex 32 makes a key".to_owned(),
            Self::Cipher(CipherError::Forged) => {
                "run wildcam state rebuild: it finds what was made by its marks".to_owned()
            }
            Self::Cipher(_) => "set deploy.state_key to the key that the state was encrypted with".to_owned(),
            Self::Key(source) => source.next_step(),
            Self::LeaseLost | Self::Fenced | Self::Broken => {
                "run wildcam deploy again: it goes on where the journal ends".to_owned()
            }
            Self::Interrupted => "run the command again".to_owned(),
            Self::Remove { .. } => "run wildcam destroy again".to_owned(),
            Self::Register(_) => "run the same command again".to_owned(),
            Self::Unwritable { .. } => return None,
        };
        Some(step)
    }
}

/// What the clouds said of their state stores.
struct Places {
    /// Those that are there.
    stores: Vec<Store>,
    /// The clouds that answered that there is none yet.
    absent: BTreeSet<String>,
    /// What the others do, by cloud; those that are left out too.
    away: BTreeMap<String, String>,
    /// Why the first of them could not be asked.
    failure: Option<(String, Failure)>,
}

impl Shelf {
    /// The state of one environment.
    ///
    /// # Errors
    /// When `deploy.state_key` leads nowhere, or to no key.
    pub fn new(
        project: &Project,
        environment: &str,
        planes: Planes,
        lookup: &(dyn Fn(&str) -> Option<String> + Send + Sync),
        random: Random,
    ) -> Result<Self, Error> {
        let settings = &project.settings;
        let cipher = match &settings.deploy.state_key {
            Some(reference) => {
                let key = project.secret(reference, &lookup).map_err(Error::Key)?;
                Some(Cipher::new(&key).map_err(Error::Cipher)?)
            }
            None => None,
        };
        let belongs = Belongs { project: settings.project.name.clone(), environment: environment.to_owned() };
        Ok(Self {
            planes,
            all: settings.clouds.keys().cloned().collect(),
            belongs,
            cipher,
            random,
            lease: settings.deploy.lease.get(),
            found: Mutex::default(),
        })
    }

    /// How many stores must answer.
    fn needed(&self) -> usize {
        self.all.len() / 2 + 1
    }

    fn folder(&self, of: &str) -> String {
        format!("deploy/{}/{of}", self.belongs.environment)
    }

    /// Asks every cloud where its state store is, and makes those that are missing where `make` is set. What was found once
    /// is not asked for again.
    async fn places(&self, make: bool) -> Places {
        let known = self.found.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let asked = self.all.iter().map(async |cloud| {
            if let Some(store) = known.get(cloud) {
                return (cloud.clone(), Some(Ok(Some(store.clone()))));
            }
            let Some(plane) = self.planes.get(cloud) else { return (cloud.clone(), None) };
            let found = self.place(plane.as_ref(), make).await;
            let store = found.map(|found| found.map(|found| Store::new(cloud.clone(), found.place, found.objects)));
            (cloud.clone(), Some(store))
        });
        let mut places = Places { stores: Vec::new(), absent: BTreeSet::new(), away: BTreeMap::new(), failure: None };
        for (cloud, found) in join_all(asked).await {
            match found {
                Some(Ok(Some(store))) => {
                    self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(cloud, store.clone());
                    places.stores.push(store);
                }
                Some(Ok(None)) => _ = places.absent.insert(cloud),
                Some(Err(failure)) => {
                    places.away.insert(cloud.clone(), failure.to_string());
                    places.failure.get_or_insert((cloud, failure));
                }
                None => _ = places.away.insert(cloud, "left out".to_owned()),
            }
        }
        places
    }

    async fn place(
        &self,
        plane: &dyn ControlPlane,
        make: bool,
    ) -> Result<Option<crate::cloud::control::StateStore>, Failure> {
        let again = |failure: &Failure| {
            use FailureKind::{Busy, NotYet, Throttled, Unavailable, Unreachable};
            matches!(failure.kind, Busy | NotYet | Throttled | Unavailable | Unreachable)
        };
        let asked =
            Retry::SERVICE.run(&self.random, again, async |_| plane.state_store(&self.belongs.project, make).await);
        let slow = || Err(Failure::new(FailureKind::Unreachable, "state store", "no answer within 90 s"));
        tokio::time::timeout(FINDING, asked).await.unwrap_or_else(|_| slow())
    }

    /// Refuses when fewer than a majority of all clouds answered.
    fn majority_of(&self, places: &Places) -> Result<(), Error> {
        let reached = places.stores.len() + places.absent.len();
        if reached >= self.needed() {
            return Ok(());
        }
        Err(Error::NoMajority { reached, needed: self.needed(), all: self.all.len(), away: places.away.clone() })
    }
}
