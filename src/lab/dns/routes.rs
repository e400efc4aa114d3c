use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use crate::clock::Random;

/// Endpoints of one table. Their records fit an answer over TCP many times, and one over UDP usually.
const MOST_ENDPOINTS: usize = 32;
/// Names below the zone that are not clouds.
const TAKEN: [&str; 2] = ["api", "ns"];

/// Who answers for the public name, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routes {
    /// The fencing epoch of the writer: it rises with each change of leadership.
    pub epoch: u64,
    /// Rises with each change within an epoch.
    pub seq: u64,
    /// The clouds.
    pub endpoints: Vec<Endpoint>,
    /// How long an answer may be kept, in seconds.
    #[serde(default = "ttl")]
    pub ttl: u32,
}

fn ttl() -> u32 {
    2
}

/// One cloud behind the public name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its name; also the label of its own address record.
    pub cloud: String,
    /// Where it is. Every cloud of a lab may have a loopback address of its own.
    #[serde(default = "loopback")]
    pub address: IpAddr,
    /// Where it listens. Address records have no place for it; service records do.
    pub port: u16,
    /// Its share of the answers. 0 takes it out, unless every healthy one has 0.
    pub weight: u16,
    /// Whether it is answered at all.
    pub healthy: bool,
}

fn loopback() -> IpAddr {
    Ipv4Addr::LOCALHOST.into()
}

impl Default for Routes {
    /// No cloud at all, older than every table that can be written.
    fn default() -> Self {
        Self { epoch: 0, seq: 0, endpoints: Vec::new(), ttl: ttl() }
    }
}

impl Routes {
    /// What decides which of two tables is newer.
    #[must_use]
    pub fn version(&self) -> (u64, u64) {
        (self.epoch, self.seq)
    }

    /// Says what makes a table unusable.
    ///
    /// # Errors
    /// The reason, in words.
    pub fn check(&self) -> Result<(), String> {
        if self.endpoints.len() > MOST_ENDPOINTS {
            return Err(format!("there are more than {MOST_ENDPOINTS} endpoints"));
        }
        if self.ttl > 24 * 3600 {
            return Err("a ttl is at most a day".to_owned());
        }
        for (place, endpoint) in self.endpoints.iter().enumerate() {
            let cloud = &endpoint.cloud;
            let label = (1..=63).contains(&cloud.len())
                && cloud.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
                && !cloud.starts_with('-');
            if !label || TAKEN.contains(&cloud.as_str()) {
                return Err(format!("{cloud:?} cannot be the name of a cloud"));
            }
            if self.endpoints[..place].iter().any(|other| other.cloud == *cloud) {
                return Err(format!("{cloud:?} is there twice"));
            }
            if endpoint.port == 0 {
                return Err(format!("{cloud:?} has port 0"));
            }
        }
        Ok(())
    }

    /// Who may be answered: the healthy ones with a weight, or, if none has one, all healthy ones.
    pub(super) fn answerable(&self) -> Vec<&Endpoint> {
        let healthy = || self.endpoints.iter().filter(|endpoint| endpoint.healthy);
        let weighted: Vec<_> = healthy().filter(|endpoint| endpoint.weight > 0).collect();
        if weighted.is_empty() { healthy().collect() } else { weighted }
    }

    /// One of them, by weight, whose address is of the wanted family.
    pub(super) fn pick(&self, ipv4: bool, random: &Random) -> Option<&Endpoint> {
        let mut candidates = self.answerable();
        candidates.retain(|endpoint| endpoint.address.is_ipv4() == ipv4);
        let share = |endpoint: &Endpoint| u64::from(endpoint.weight.max(1));
        let mut left = random.below(candidates.iter().map(|endpoint| share(endpoint)).sum());
        candidates.into_iter().find(|endpoint| match left.checked_sub(share(endpoint)) {
            Some(rest) => {
                left = rest;
                false
            }
            None => true,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;

    pub(in super::super) fn routes(version: (u64, u64), clouds: &[(&str, u16, bool)]) -> Routes {
        let endpoints = clouds
            .iter()
            .zip(2..)
            .map(|((cloud, weight, healthy), last)| Endpoint {
                cloud: (*cloud).to_owned(),
                address: IpAddr::from([127, 0, 0, last]),
                port: 8440 + u16::from(last),
                weight: *weight,
                healthy: *healthy,
            })
            .collect();
        Routes { epoch: version.0, seq: version.1, endpoints, ttl: 2 }
    }

    fn shares(routes: &Routes) -> BTreeMap<String, u32> {
        let random = Random::seeded(1);
        let mut shares = BTreeMap::new();
        for _ in 0..1000 {
            if let Some(endpoint) = routes.pick(true, &random) {
                *shares.entry(endpoint.cloud.clone()).or_default() += 1;
            }
        }
        shares
    }

    #[test]
    fn answers_follow_the_weights_of_the_healthy() {
        let shares = shares(&routes((1, 1), &[("a", 30, true), ("b", 10, true), ("c", 50, false), ("d", 0, true)]));
        assert_eq!(shares.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert!((700..800).contains(&shares["a"]), "{shares:?}");
    }

    #[test]
    fn without_any_weight_all_healthy_ones_share() {
        let shares = shares(&routes((1, 1), &[("a", 0, true), ("b", 0, true), ("c", 0, false)]));
        assert!(shares.len() == 2 && shares["a"] > 400 && shares["b"] > 400, "{shares:?}");
    }

    #[test]
    fn nobody_healthy_is_nobody() {
        assert_eq!(shares(&routes((1, 1), &[("a", 1, false)])).len(), 0);
        assert!(routes((1, 1), &[("a", 1, true)]).pick(false, &Random::seeded(1)).is_none(), "no IPv6 address");
    }

    #[test]
    fn tables_are_checked() {
        assert_eq!(routes((1, 1), &[("a", 1, true), ("b", 1, true)]).check(), Ok(()));
        for name in ["api", "", "A", "a.b", "-a", "ns"] {
            assert!(routes((1, 1), &[(name, 1, true)]).check().is_err(), "{name}");
        }
        assert!(routes((1, 1), &[("a", 1, true), ("a", 1, true)]).check().is_err());
        let mut zero = routes((1, 1), &[("a", 1, true)]);
        zero.endpoints[0].port = 0;
        assert!(zero.check().is_err());
    }
}
