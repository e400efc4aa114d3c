//! Which cloud gets how much of the traffic, decided once for the fleet in a register.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::journal::register::{ChangeError, Register};

/// A cloud that may get traffic, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its share among those that work.
    pub weight: u32,
}

/// What one cloud gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudRoute {
    /// Its name.
    pub name: String,
    /// Its share: of the sum of all weights. 0 is nothing.
    pub weight: u32,
    /// What the controller believes of it. A healthy cloud may have no share (a passive one).
    pub healthy: bool,
}

/// The routes of a fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routes {
    /// The lease epoch of the controller that decided them.
    pub epoch: u64,
    /// Rises with each change, over all epochs.
    pub seq: u64,
    /// Every cloud, in the order of the project file.
    pub clouds: Vec<CloudRoute>,
}

impl Routes {
    /// Later routes are above earlier ones; whoever carries them out must refuse to go back.
    #[must_use]
    pub fn order(&self) -> (u64, u64) {
        (self.epoch, self.seq)
    }

    /// The names of the clouds that get traffic.
    pub fn serving(&self) -> impl Iterator<Item = &str> {
        self.clouds.iter().filter(|cloud| cloud.weight > 0).map(|cloud| cloud.name.as_str())
    }
}

/// How traffic is spread.
pub use crate::project::Strategy;

/// The routes for what is healthy, in the order of `members`; `None` when nothing is, since traffic is never sent to
/// nobody.
#[must_use]
pub fn decide(strategy: Strategy, members: &[Member], healthy: impl Fn(&str) -> bool) -> Option<Vec<CloudRoute>> {
    let judged: Vec<(&Member, bool)> = members.iter().map(|member| (member, healthy(&member.name))).collect();
    let first = judged.iter().position(|(_, healthy)| *healthy)?;
    // When only standbys of weight 0 are left, they share evenly.
    let standbys_only = judged.iter().all(|(member, healthy)| !healthy || member.weight == 0);
    let weight = |index: usize, member: &Member| match strategy {
        Strategy::ActivePassive => u32::from(index == first) * 100,
        Strategy::ActiveActive | Strategy::Hybrid if standbys_only => 1,
        Strategy::ActiveActive | Strategy::Hybrid => member.weight,
    };
    let route = |(index, (member, healthy)): (usize, &(&Member, bool))| {
        let weight = if *healthy { weight(index, member) } else { 0 };
        CloudRoute { name: member.name.clone(), weight, healthy: *healthy }
    };
    Some(judged.iter().enumerate().map(route).collect())
}

/// Commits routes under `epoch` and returns them with their sequence number.
///
/// # Errors
/// [`Error::Fenced`] when a later epoch has committed before, [`Error::Journal`] when the register does not answer.
pub async fn commit(register: &Register<Routes>, epoch: u64, clouds: &[CloudRoute]) -> Result<Routes, Error> {
    let committed = register
        .change(|old| match old {
            Some(old) if old.epoch > epoch => Err(old.epoch),
            old => {
                let seq = old.map_or(0, |old| old.seq).saturating_add(1);
                Ok(Routes { epoch, seq, clouds: clouds.to_vec() })
            }
        })
        .await;
    committed.map_err(|error| match error {
        ChangeError::Aborted(epoch) => Error::Fenced { epoch },
        ChangeError::Register(error) => Error::Journal(error),
    })
}

/// Carries committed routes out: the DNS of the lab, or of a provider.
pub trait RouteSink: Send + Sync {
    /// Makes `routes` effective. It is called again after a failure, and may be called with routes that are already in
    /// effect; it must refuse older ones by [`Routes::order`], for which [`Fence`] serves.
    ///
    /// # Errors
    /// Any; the controller tries again until newer routes replace these.
    fn publish<'a>(&'a self, routes: &'a Routes) -> BoxFuture<'a, Result<(), Error>>;
}

/// Remembers the latest routes that were admitted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fence {
    latest: (u64, u64),
}

impl Fence {
    /// Admits routes that are not older than any before.
    ///
    /// # Errors
    /// [`Error::Fenced`] for older ones.
    pub fn admit(&mut self, routes: &Routes) -> Result<(), Error> {
        if routes.order() < self.latest {
            return Err(Error::Fenced { epoch: self.latest.0 });
        }
        self.latest = routes.order();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Random,
        journal::{
            faulty::{Faults, stores},
            register::Timeouts,
        },
    };

    fn weights(strategy: Strategy, members: &[(&str, u32)], healthy: &[&str]) -> Option<Vec<u32>> {
        let member = |(name, weight): &(&str, u32)| Member { name: (*name).to_owned(), weight: *weight };
        let members: Vec<Member> = members.iter().map(member).collect();
        let routes = decide(strategy, &members, |name| healthy.contains(&name))?;
        assert!(routes.iter().all(|route| route.healthy == healthy.contains(&route.name.as_str())));
        Some(routes.iter().map(|route| route.weight).collect())
    }

    #[test]
    fn each_strategy_spreads_over_the_healthy() {
        let clouds = [("a", 50), ("b", 30), ("c", 20)];
        for strategy in [Strategy::ActiveActive, Strategy::Hybrid] {
            assert_eq!(weights(strategy, &clouds, &["a", "b", "c"]), Some(vec![50, 30, 20]));
            assert_eq!(weights(strategy, &clouds, &["b", "c"]), Some(vec![0, 30, 20]));
        }
        assert_eq!(weights(Strategy::ActivePassive, &clouds, &["a", "b", "c"]), Some(vec![100, 0, 0]));
        assert_eq!(weights(Strategy::ActivePassive, &clouds, &["b", "c"]), Some(vec![0, 100, 0]));
    }

    #[test]
    fn traffic_is_never_sent_to_nobody() {
        let clouds = [("a", 100), ("b", 0), ("c", 0)];
        for strategy in [Strategy::ActiveActive, Strategy::ActivePassive, Strategy::Hybrid] {
            assert_eq!(weights(strategy, &clouds, &[]), None);
            let standbys = weights(strategy, &clouds, &["b", "c"]).unwrap();
            assert!(standbys[0] == 0 && standbys[1] > 0, "{strategy:?}: {standbys:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_former_controller_is_fenced_and_the_sequence_rises_over_epochs() {
        let random = Random::seeded(1);
        let (stores, _) = stores(3, &random, Faults::default(), false);
        let register = Register::new("routes", stores, "p", random, Timeouts::default()).unwrap();
        let clouds = [CloudRoute { name: "a".to_owned(), weight: 1, healthy: true }];
        let mut orders = Vec::new();
        for epoch in [3, 3, 4] {
            orders.push(commit(&register, epoch, &clouds).await.unwrap().order());
        }
        assert_eq!(orders, [(3, 1), (3, 2), (4, 3)]);
        let refused = commit(&register, 3, &clouds).await.unwrap_err();
        assert!(matches!(refused, Error::Fenced { epoch: 4 }));
        assert_eq!(register.read().await.unwrap().unwrap().order(), (4, 3));
    }

    #[test]
    fn a_fence_lets_nothing_go_back() {
        let routes = |epoch, seq| Routes { epoch, seq, clouds: Vec::new() };
        let mut fence = Fence::default();
        fence.admit(&routes(2, 5)).unwrap();
        fence.admit(&routes(2, 5)).unwrap();
        fence.admit(&routes(3, 6)).unwrap();
        for older in [routes(2, 9), routes(3, 5)] {
            assert!(matches!(fence.admit(&older), Err(Error::Fenced { epoch: 3 })));
        }
    }
}
