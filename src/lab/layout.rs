//! Which part of a lab listens where.

use std::{collections::BTreeMap, net::TcpListener};

use serde::{Deserialize, Serialize};

use super::{Error, spec::Spec};
use crate::clock::Random;

/// The caller of a store that is no cloud: the controller and the operator.
pub const OUTSIDE: &str = "outside";

/// The ports of a lab, all on 127.0.0.1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The clouds, in the order of the spec.
    pub clouds: Vec<CloudLayout>,
    /// The DNS server (UDP and TCP).
    pub dns_port: u16,
    /// Where the DNS server takes routes.
    pub dns_control_port: u16,
    /// Where the supervisor takes orders.
    pub supervisor_port: u16,
}

/// The ports of one cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudLayout {
    /// The cloud.
    pub name: String,
    /// Its share of the traffic.
    pub weight: u32,
    /// Its object store.
    pub store_port: u16,
    /// Its gateways.
    pub gateways: Vec<GatewayLayout>,
    /// Where its proxy takes orders.
    pub proxy_control_port: u16,
    /// Where each other cloud, and the outside, reaches its store.
    pub store_links: BTreeMap<String, u16>,
}

/// The ports of one gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayLayout {
    /// The gateway.
    pub name: String,
    /// Where it listens.
    pub port: u16,
    /// Where the world reaches it, through the proxy of its cloud.
    pub entry_port: u16,
}

impl Layout {
    /// Finds free ports for everything.
    ///
    /// # Errors
    /// When there are not enough.
    pub fn allocate(spec: &Spec, random: &Random) -> Result<Self, Error> {
        let mut ports = Ports { held: Vec::new(), random };
        let mut clouds = Vec::new();
        for cloud in &spec.clouds {
            let mut gateways = Vec::new();
            for name in cloud.gateways() {
                gateways.push(GatewayLayout { name, port: ports.next()?, entry_port: ports.next()? });
            }
            let mut store_links = BTreeMap::from([(OUTSIDE.to_owned(), ports.next()?)]);
            for other in spec.clouds.iter().filter(|other| other.name != cloud.name) {
                store_links.insert(other.name.clone(), ports.next()?);
            }
            clouds.push(CloudLayout {
                name: cloud.name.clone(),
                weight: cloud.weight,
                store_port: ports.next()?,
                gateways,
                proxy_control_port: ports.next()?,
                store_links,
            });
        }
        Ok(Self { clouds, dns_port: ports.next()?, dns_control_port: ports.next()?, supervisor_port: ports.next()? })
    }

    /// Every port, for checks that nothing listens any more.
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        let mut ports = vec![self.dns_port, self.dns_control_port, self.supervisor_port];
        for cloud in &self.clouds {
            ports.extend([cloud.store_port, cloud.proxy_control_port]);
            ports.extend(cloud.gateways.iter().flat_map(|gateway| [gateway.port, gateway.entry_port]));
            ports.extend(cloud.store_links.values());
        }
        ports
    }

    /// The port at which `from` (a cloud, or [`OUTSIDE`]) reaches the store of `cloud`.
    #[must_use]
    pub fn store_port(&self, from: &str, cloud: &str) -> Option<u16> {
        let found = self.clouds.iter().find(|candidate| candidate.name == cloud)?;
        if from == cloud { Some(found.store_port) } else { found.store_links.get(from).copied() }
    }
}

struct Ports<'a> {
    // Held until all are chosen, so that none is given out twice.
    held: Vec<TcpListener>,
    random: &'a Random,
}

impl Ports<'_> {
    /// A port below the range from which the system takes the source ports of outgoing connections: a killed process
    /// must find its port free when it returns.
    fn next(&mut self) -> Result<u16, Error> {
        for _ in 0..1000 {
            let port = u16::try_from(20_000 + self.random.below(12_000)).unwrap_or(20_000);
            // The DNS server needs UDP as well.
            if let (Ok(listener), Ok(_)) =
                (TcpListener::bind(("127.0.0.1", port)), std::net::UdpSocket::bind(("127.0.0.1", port)))
            {
                self.held.push(listener);
                return Ok(port);
            }
        }
        Err(Error::NoPort)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_part_has_a_port_of_its_own() {
        let layout = Layout::allocate(&Spec::three_clouds(1, 2, 1), &Random::from_os()).unwrap();
        let ports = layout.ports();
        assert_eq!(ports.iter().collect::<HashSet<_>>().len(), ports.len());
        assert_eq!(layout.store_port("a", "a"), Some(layout.clouds[0].store_port));
        assert_ne!(layout.store_port("b", "a"), layout.store_port(OUTSIDE, "a"));
        assert_eq!(layout.store_port("z", "a"), None);
    }
}
