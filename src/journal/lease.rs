//! A lease: at most one holder at a time, and a fencing epoch that rises with each change of holder.
//!
//! Clocks of different machines are never compared. The holder counts its time from before it asked for a renewal; an
//! observer counts from after it first saw that renewal, and takes over only when a whole time to live has passed on
//! its own clock without another one. So the holder's time always ends first, and it gives up a tenth earlier still,
//! for clocks that run at different rates. What the holder does outside this register (publish routes, write a
//! document) must carry the epoch, so that a holder that was suspended in the middle is refused.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Error,
    register::{ChangeError, Register},
};

/// The longest time to live; also what an observer waits at most for a holder that asked for more.
pub const LONGEST_TTL: Duration = Duration::from_secs(3600);
/// The shortest: below it, three renewals over an ocean do not fit.
pub const SHORTEST_TTL: Duration = Duration::from_millis(300);

/// The lease as the register holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Who has it; nobody after a release.
    pub holder: Option<String>,
    /// Rises with each change of holder.
    pub epoch: u64,
    /// Rises with each sign of life of the holder.
    pub renewals: u64,
    /// How long the holder may stay silent, in milliseconds.
    pub ttl_ms: u64,
    /// What it is held for, for people.
    pub note: String,
}

impl Held {
    /// What changes at each sign of life.
    fn pulse(&self) -> (u64, u64) {
        (self.epoch, self.renewals)
    }

    fn ttl(&self) -> Duration {
        Duration::from_millis(self.ttl_ms).min(LONGEST_TTL)
    }
}

/// What an attempt to get the lease came to.
#[derive(Debug)]
pub enum Standing {
    /// It is ours.
    Taken(Lease),
    /// Another has it, and may keep it.
    HeldBy {
        /// The lease as last seen.
        held: Held,
        /// How long until it would be free, if the holder stayed silent.
        free_in: Duration,
    },
}

/// Somebody who wants the lease, and remembers since when the holder has been silent.
#[derive(Debug)]
pub struct Claim {
    register: Register<Held>,
    holder: String,
    note: String,
    ttl: Duration,
    /// The holder's last sign of life, and when it was first seen here.
    seen: Option<((u64, u64), Instant)>,
}

impl Claim {
    /// A claim on the lease in `register`. Every process, and every start of it, is its own claimant, whatever its name:
    /// a holder that restarts waits until its former life has expired.
    ///
    /// # Errors
    /// [`Error::BadTtl`] unless `ttl` is between [`SHORTEST_TTL`] and [`LONGEST_TTL`].
    pub fn new(register: &Register<Held>, holder: &str, note: &str, ttl: Duration) -> Result<Self, Error> {
        if !(SHORTEST_TTL..=LONGEST_TTL).contains(&ttl) {
            return Err(Error::BadTtl { ttl });
        }
        let short = |text: &str| text.chars().take(200).collect();
        Ok(Self { register: register.clone(), holder: short(holder), note: short(note), ttl, seen: None })
    }

    /// Looks once, and takes the lease if it is free or has expired.
    ///
    /// # Errors
    /// Those of [`Register::change`].
    pub async fn attempt(&mut self) -> Result<Standing, Error> {
        let held = self.register.read().await?.unwrap_or_default();
        let now = Instant::now();
        let free_in = if held.holder.is_none() {
            Duration::ZERO
        } else {
            let since = match self.seen {
                Some((pulse, since)) if pulse == held.pulse() => since,
                _ => now,
            };
            self.seen = Some((held.pulse(), since));
            held.ttl().saturating_sub(now - since)
        };
        if !free_in.is_zero() {
            return Ok(Standing::HeldBy { held, free_in });
        }
        self.take(&held).await
    }

    async fn take(&mut self, seen: &Held) -> Result<Standing, Error> {
        let asked = Instant::now();
        let ours = Held {
            holder: Some(self.holder.clone()),
            epoch: seen.epoch.saturating_add(1),
            renewals: 0,
            ttl_ms: u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX),
            note: self.note.clone(),
        };
        let taken = self
            .register
            .change(|now| {
                let now = now.unwrap_or_default();
                if now == *seen { Ok(ours.clone()) } else { Err(now) }
            })
            .await;
        match taken {
            Ok(_) => Ok(Standing::Taken(Lease::begin(&self.register, ours.epoch, self.ttl, asked))),
            Err(ChangeError::Aborted(held)) => {
                self.seen = held.holder.is_some().then(|| (held.pulse(), Instant::now()));
                let free_in = if held.holder.is_some() { held.ttl() } else { Duration::ZERO };
                Ok(Standing::HeldBy { held, free_in })
            }
            Err(ChangeError::Register(error)) => Err(error),
        }
    }

    /// Waits until the lease is ours.
    ///
    /// # Errors
    /// Those of [`Register::change`]. The claim goes on where it was when this is called again.
    pub async fn wait(&mut self) -> Result<Lease, Error> {
        loop {
            match self.attempt().await? {
                Standing::Taken(lease) => return Ok(lease),
                Standing::HeldBy { free_in, .. } => {
                    // A release should be noticed well before the expiry, and a loop must never spin.
                    let pause = free_in.min(self.ttl / 4).max(Duration::from_millis(10));
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }
}

/// A lease that is held, renewed in the background until it is released, dropped or lost. A dropped lease is not given
/// back; it expires.
#[derive(Debug)]
pub struct Lease {
    grant: Arc<Grant>,
    keeper: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Grant {
    register: Register<Held>,
    epoch: u64,
    ttl: Duration,
    deadline: Mutex<Instant>,
    lost: CancellationToken,
}

/// Why a renewal did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// Another holder has taken over, or the lease was given back.
    #[error("the lease is no longer held")]
    Lost,
    /// The register did not take the renewal; it may be tried again until the time is over.
    #[error(transparent)]
    Register(#[from] Error),
}

impl Lease {
    /// Waits until the lease is free or expired, and takes it.
    ///
    /// # Errors
    /// [`Error::BadTtl`], and those of [`Register::change`].
    pub async fn acquire(register: &Register<Held>, holder: &str, note: &str, ttl: Duration) -> Result<Self, Error> {
        Claim::new(register, holder, note, ttl)?.wait().await
    }

    fn begin(register: &Register<Held>, epoch: u64, ttl: Duration, asked: Instant) -> Self {
        let (register, lost) = (register.clone(), CancellationToken::new());
        let grant = Arc::new(Grant { register, epoch, ttl, deadline: Mutex::new(asked + usable(ttl)), lost });
        let keeper = tokio::spawn(keep(Arc::clone(&grant)));
        Self { grant, keeper }
    }

    /// The fencing epoch: higher than that of every earlier holder.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.grant.epoch
    }

    /// Cancelled as soon as the lease is not held any more, for whatever reason.
    #[must_use]
    pub fn lost(&self) -> CancellationToken {
        self.grant.lost.clone()
    }

    /// Whether the lease is held at this moment.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.grant.is_held()
    }

    /// Renews now, without waiting for the background to do it.
    ///
    /// # Errors
    /// [`RenewError::Lost`], after which [`Lease::lost`] is cancelled; [`RenewError::Register`].
    pub async fn renew(&self) -> Result<(), RenewError> {
        self.grant.renew().await
    }

    /// Gives the lease back, so that the next one need not wait for the expiry. It is not held from the first moment
    /// of this call on, whatever comes of it.
    ///
    /// # Errors
    /// Those of [`Register::change`]; the lease then expires on its own.
    pub async fn release(self) -> Result<(), Error> {
        self.keeper.abort();
        self.grant.lost.cancel();
        let epoch = self.grant.epoch;
        let freed = self.grant.register.change(|held| match held {
            Some(held) if held.epoch == epoch => Ok(Held { holder: None, ..held }),
            _ => Err(()),
        });
        match freed.await {
            Ok(_) | Err(ChangeError::Aborted(())) => Ok(()),
            Err(ChangeError::Register(error)) => Err(error),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.keeper.abort();
        self.grant.lost.cancel();
    }
}

/// What of the time to live a holder counts on.
fn usable(ttl: Duration) -> Duration {
    ttl - ttl / 10
}

impl Grant {
    fn deadline(&self) -> Instant {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_held(&self) -> bool {
        !self.lost.is_cancelled() && Instant::now() < self.deadline()
    }

    async fn renew(&self) -> Result<(), RenewError> {
        let asked = Instant::now();
        if !self.is_held() {
            self.lost.cancel();
            return Err(RenewError::Lost);
        }
        let renewed = self.register.change(|held| match held {
            Some(held) if held.epoch == self.epoch && held.holder.is_some() => {
                Ok(Held { renewals: held.renewals.saturating_add(1), ..held })
            }
            _ => Err(()),
        });
        match renewed.await {
            Ok(_) => {
                let mut deadline = self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
                *deadline = (*deadline).max(asked + usable(self.ttl));
                Ok(())
            }
            Err(ChangeError::Aborted(())) => {
                self.lost.cancel();
                Err(RenewError::Lost)
            }
            Err(ChangeError::Register(error)) => Err(error.into()),
        }
    }
}

/// Renews every third of the time to live, sooner after a failure, and says so when the time is over.
async fn keep(grant: Arc<Grant>) {
    let mut pause = grant.ttl / 3;
    loop {
        let renewal = async {
            tokio::time::sleep(pause).await;
            grant.renew().await
        };
        match tokio::time::timeout_at(grant.deadline(), renewal).await {
            Ok(Ok(())) => pause = grant.ttl / 3,
            Ok(Err(RenewError::Lost)) => return,
            Ok(Err(RenewError::Register(error))) => {
                tracing::warn!(register = grant.register.name(), %error, "a lease could not be renewed yet");
                pause = grant.ttl / 20;
            }
            // The renewal may have run into a deadline that another call has moved since.
            Err(_) if grant.is_held() => pause = Duration::ZERO,
            Err(_) => {
                tracing::warn!(register = grant.register.name(), epoch = grant.epoch, "a lease has run out");
                grant.lost.cancel();
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Random,
        journal::{
            faulty::{Faults, Stores, stores},
            register::Timeouts,
        },
        net::retry::Retry,
    };

    const TTL: Duration = Duration::from_secs(3);

    fn register(stores: &Stores, random: &Random) -> Register<Held> {
        let retry = Retry { within: Duration::from_secs(2), ..Timeouts::default().retry };
        let timeouts = Timeouts { store: Duration::from_millis(300), retry };
        Register::new("lease", stores.clone(), "p", random.fork(), timeouts).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_holder_is_succeeded_after_its_time_and_not_before() {
        let random = Random::seeded(1);
        let (stores, _) = stores(3, &random, Faults::default(), false);
        let first = Lease::acquire(&register(&stores, &random), "one", "", TTL).await.unwrap();
        let mut claim = Claim::new(&register(&stores, &random), "two", "", TTL).unwrap();
        // As long as it renews, it keeps the lease, for many times its time to live.
        let waiting = tokio::time::timeout(TTL * 10, claim.wait()).await;
        assert!(waiting.is_err() && first.is_held());
        let epoch = first.epoch();
        drop(first);
        let died = Instant::now();
        let Standing::HeldBy { held, .. } = claim.attempt().await.unwrap() else { panic!("taken at once") };
        assert_eq!(held.holder.as_deref(), Some("one"));
        let second = claim.wait().await.unwrap();
        let waited = died.elapsed();
        // The last renewal was at most a third of the time to live before the end.
        assert!(waited >= TTL - TTL / 3 && waited <= TTL + TTL / 2, "taken over after {waited:?}");
        assert_eq!(second.epoch(), epoch + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_observer_waits_a_whole_time_to_live() {
        let random = Random::seeded(2);
        let (stores, _) = stores(3, &random, Faults::default(), false);
        drop(Lease::acquire(&register(&stores, &random), "one", "", TTL).await.unwrap());
        tokio::time::sleep(TTL * 5).await;
        let started = Instant::now();
        Lease::acquire(&register(&stores, &random), "two", "", TTL).await.unwrap();
        assert!(started.elapsed() >= TTL, "it took the word of another clock");
    }

    #[tokio::test(start_paused = true)]
    async fn a_released_lease_is_free_at_once_and_the_epoch_rises() {
        let random = Random::seeded(3);
        let (stores, _) = stores(3, &random, Faults::default(), false);
        let register = register(&stores, &random);
        let mut last = 0;
        for holder in ["one", "two", "one"] {
            let lease = Lease::acquire(&register, holder, "a drill", TTL).await.unwrap();
            assert!(lease.epoch() > last);
            last = lease.epoch();
            lease.renew().await.unwrap();
            let (lost, started) = (lease.lost(), Instant::now());
            lease.release().await.unwrap();
            assert!(lost.is_cancelled());
            assert!(started.elapsed() < TTL / 3);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_holder_without_a_majority_stops_within_its_time() {
        let random = Random::seeded(4);
        let (stores, handles) = stores(3, &random, Faults::default(), true);
        let lease = Lease::acquire(&register(&stores, &random), "one", "", TTL).await.unwrap();
        tokio::time::sleep(TTL * 3).await;
        assert!(lease.is_held());
        handles[0].set_down(true);
        tokio::time::sleep(TTL * 3).await;
        assert!(lease.is_held(), "one store down is no reason");
        handles[1].set_down(true);
        let cut = Instant::now();
        lease.lost().cancelled().await;
        assert!(!lease.is_held());
        assert!(cut.elapsed() < TTL, "it believed itself the holder for {:?}", cut.elapsed());
        assert!(matches!(lease.renew().await, Err(RenewError::Lost)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_holder_whose_lease_was_taken_learns_it_at_its_next_renewal() {
        let random = Random::seeded(5);
        let (stores, _) = stores(3, &random, Faults::default(), false);
        let register = register(&stores, &random);
        let lease = Lease::acquire(&register, "one", "", TTL).await.unwrap();
        register.change(|held| Ok::<_, ()>(Held { epoch: 99, ..held.unwrap() })).await.unwrap();
        assert!(matches!(lease.renew().await, Err(RenewError::Lost)));
        assert!(lease.lost().is_cancelled());
    }

    #[test]
    fn a_time_to_live_has_bounds() {
        let random = Random::seeded(6);
        let (stores, _) = stores(1, &random, Faults::default(), false);
        for ttl in [Duration::ZERO, LONGEST_TTL * 2] {
            let refused = Claim::new(&register(&stores, &random), "one", "", ttl);
            assert!(matches!(refused, Err(Error::BadTtl { .. })));
        }
    }

    /// Several claimants work, die and come back while stores fail; returns how often the lease changed hands.
    async fn contest(seed: u64) -> usize {
        let random = Random::seeded(seed);
        let faults = Faults {
            refused: random.below(80),
            reply_lost: random.below(80),
            late: random.below(30),
            slowest: Duration::from_millis(5 + random.below(80)),
        };
        let (stores, handles) = stores(3, &random, faults, seed.is_multiple_of(2));
        let grants: Arc<Mutex<Vec<Arc<Grant>>>> = Arc::default();
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..3 {
            let (random, stores, grants) = (random.fork(), stores.clone(), Arc::clone(&grants));
            tasks.spawn(async move {
                let register = register(&stores, &random);
                let mut claim = Claim::new(&register, &format!("p{number}"), "", TTL).unwrap();
                loop {
                    let Ok(lease) = claim.wait().await else {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    };
                    grants.lock().unwrap().push(Arc::clone(&lease.grant));
                    let works = Duration::from_millis(random.below(15_000));
                    let _ = tokio::time::timeout(works, lease.lost().cancelled()).await;
                    match random.below(3) {
                        0 => drop(lease),
                        _ => drop(lease.release().await),
                    }
                    tokio::time::sleep(Duration::from_millis(random.below(3000))).await;
                }
            });
        }
        let end = Instant::now() + Duration::from_secs(120);
        let mut change = Instant::now();
        while Instant::now() < end {
            let held: Vec<u64> = grants.lock().unwrap().iter().filter(|g| g.is_held()).map(|g| g.epoch).collect();
            assert!(held.len() <= 1, "seed {seed}: holders at once, with epochs {held:?}");
            if Instant::now() >= change {
                handles.iter().for_each(|store| store.set_down(false));
                let victim = usize::try_from(random.below(3)).unwrap();
                handles[victim].set_down(random.below(3) > 0);
                // Now and then two are down, and nobody can hold it for long.
                handles[(victim + 1) % 3].set_down(random.below(8) == 0);
                change = Instant::now() + Duration::from_millis(random.below(6000));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tasks.shutdown().await;
        let epochs: Vec<u64> = grants.lock().unwrap().iter().map(|grant| grant.epoch).collect();
        assert!(epochs.is_sorted_by(|a, b| a < b), "seed {seed}: epochs {epochs:?} do not rise");
        epochs.len()
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_never_two_holders_whatever_the_stores_do() {
        let mut changes = 0;
        for seed in 0..25 {
            changes += contest(seed).await;
        }
        assert!(changes > 200, "the lease changed hands only {changes} times");
    }

    #[tokio::test(start_paused = true)]
    #[ignore = "a minute; part of the soak"]
    async fn there_are_never_two_holders_in_a_thousand_contests() {
        for seed in 25..1025 {
            contest(seed).await;
        }
    }
}
