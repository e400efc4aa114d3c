//! A TCP proxy that does harm on request: one process, several named links, each from a port to an upstream.
//!
//! A link refuses, falls silent before or after the TLS handshake, and delays, stalls, slows or corrupts what passes.
//! A fault may have a lease, after which the link is clear again by itself, so that a drill that dies leaves no damage.
//! All waiting is `tokio::time` and all chance comes from one seed; with a simulated [`Network`] the same code runs on
//! virtual time.

mod connection;
mod fault;
mod interface;
mod line;
mod link;
mod network;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;
mod tls;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{fault::milliseconds, link::Link};
pub use self::{
    fault::{Mode, Shape},
    interface::{Change, ProxyClient},
    link::LinkState,
    network::{Network, Tcp},
};
use crate::clock::{Clock, Random};

/// No lease is longer; who needs more, renews.
const LONGEST_LEASE: Duration = Duration::from_secs(24 * 3600);
/// Links of one proxy.
const MOST_LINKS: usize = 256;

/// Why the proxy does not do what it is told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A link cannot take its port.
    #[error("the link {link} cannot take {listen}")]
    Port {
        /// The link.
        link: String,
        /// Where it should listen.
        listen: SocketAddr,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The configuration contradicts itself.
    #[error("the link {link:?} is not usable: {reason}")]
    Config {
        /// The link.
        link: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// There are too many links.
    #[error("a proxy has at most {MOST_LINKS} links")]
    TooMany,
    /// No link has this name.
    #[error("there is no link {0:?}")]
    UnknownLink(String),
    /// The shape or the lease is impossible.
    #[error("the fault is not possible: {0}")]
    Fault(&'static str),
    /// The proxy is ending.
    #[error("the proxy is ending")]
    Stopped,
}

/// One link: connections to `listen` are carried to `upstream`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkConfig {
    /// Its name: lower-case letters, digits and hyphens, at most 63.
    pub name: String,
    /// Where it listens; port 0 takes a free port, which then stays the same.
    pub listen: SocketAddr,
    /// Where it leads, `host:port`.
    pub upstream: String,
    /// Connections at once; further ones wait to be accepted.
    #[serde(default = "most_connections")]
    pub connections: usize,
}

impl LinkConfig {
    /// A link for up to 512 connections at once.
    pub fn new(name: impl Into<String>, listen: SocketAddr, upstream: impl Into<String>) -> Self {
        Self { name: name.into(), listen, upstream: upstream.into(), connections: most_connections() }
    }

    fn check(&self) -> Result<(), Error> {
        let name = !self.name.is_empty()
            && self.name.len() <= 63
            && self.name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        let upstream = self
            .upstream
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0));
        let reason = if !name {
            "a name has 1 to 63 lower-case letters, digits and hyphens"
        } else if !upstream {
            "an upstream is written host:port"
        } else if self.connections == 0 {
            "it allows no connection"
        } else {
            return Ok(());
        };
        Err(Error::Config { link: self.name.clone(), reason })
    }
}

fn most_connections() -> usize {
    512
}

/// The links of a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxyConfig {
    /// Each with a name of its own.
    pub links: Vec<LinkConfig>,
}

/// A running proxy. Clones steer the same one.
#[derive(Clone, Debug)]
pub struct Proxy {
    links: Arc<[Arc<Link>]>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Proxy {
    /// Takes the ports on this machine and carries connections until `stop`. Every link starts out clear.
    ///
    /// # Errors
    /// When the configuration contradicts itself, or a port is taken.
    pub async fn start(
        config: ProxyConfig,
        clock: Clock,
        random: Random,
        stop: CancellationToken,
    ) -> Result<Self, Error> {
        Self::start_on(Tcp, config, clock, random, stop).await
    }

    /// The same on any network.
    ///
    /// # Errors
    /// As [`Proxy::start`].
    pub async fn start_on<N: Network>(
        network: N,
        config: ProxyConfig,
        clock: Clock,
        random: Random,
        stop: CancellationToken,
    ) -> Result<Self, Error> {
        if config.links.len() > MOST_LINKS {
            return Err(Error::TooMany);
        }
        let mut links: Vec<Arc<Link>> = Vec::new();
        let mut ports = Vec::new();
        for config in config.links {
            config.check()?;
            if links.iter().any(|link| link.name() == config.name) {
                return Err(Error::Config { link: config.name, reason: "the name is taken" });
            }
            let (reserved, listen) = network.reserve(config.listen).map_err(|source| Error::Port {
                link: config.name.clone(),
                listen: config.listen,
                source,
            })?;
            links.push(Arc::new(Link::new(config, listen, clock.clone())));
            ports.push(reserved);
        }
        let tasks = TaskTracker::new();
        let stop = stop.child_token();
        for (link, reserved) in links.iter().zip(ports) {
            tasks.spawn(Arc::clone(link).run(network.clone(), reserved, random.fork(), stop.clone()));
        }
        tasks.close();
        let proxy = Self { links: links.into(), tasks, stop };
        for link in proxy.links.iter() {
            proxy.until_stop(link.set(Mode::Clear, Shape::default(), None)).await?;
            // Another process may listen on the same port even though it could be reserved.
            if !link.state().listening {
                let LinkState { name: link, listen, .. } = link.state();
                proxy.stop.cancel();
                return Err(Error::Port { link, listen, source: std::io::ErrorKind::AddrInUse.into() });
            }
        }
        Ok(proxy)
    }

    async fn until_stop<T>(&self, work: impl Future<Output = T>) -> Result<T, Error> {
        tokio::select! {
            done = work => Ok(done),
            () = self.stop.cancelled() => Err(Error::Stopped),
        }
    }

    fn link(&self, name: &str) -> Result<&Arc<Link>, Error> {
        self.links.iter().find(|link| link.name() == name).ok_or_else(|| Error::UnknownLink(name.to_owned()))
    }

    /// Every link, in the order of the configuration.
    #[must_use]
    pub fn links(&self) -> Vec<LinkState> {
        self.links.iter().map(|link| link.state()).collect()
    }

    /// Sets a link, and returns when its port has followed: after `Refuse` a connect is refused. With a lease the link
    /// is clear again when that much time has passed; setting it once more renews or removes the lease. Setting what
    /// is set already disturbs no connection.
    ///
    /// # Errors
    /// When there is no such link, the shape or the lease is impossible, or the proxy is ending.
    pub async fn set(&self, name: &str, mode: Mode, shape: Shape, lease: Option<Duration>) -> Result<LinkState, Error> {
        let link = self.link(name)?;
        shape.check().map_err(Error::Fault)?;
        if lease.is_some_and(|lease| lease.is_zero() || lease > LONGEST_LEASE) {
            return Err(Error::Fault("a lease lasts from 1 ms to 24 hours"));
        }
        let until = lease.map(|lease| Instant::now() + lease);
        self.until_stop(link.set(mode, shape, until)).await?;
        Ok(link.state())
    }

    /// Waits, after `stop`, until every port is closed and every connection has ended.
    pub async fn stopped(&self) {
        self.tasks.wait().await;
    }
}
