//! What a fault means for the links of a cloud.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use futures_util::future::join_all;

use super::{
    Error,
    layout::Layout,
    proxy::{Change, Mode, ProxyClient, Shape},
};
use crate::{drill::experiment::Fault, project::Secret};

/// Reaches the proxies of all clouds, and knows how their links are without a fault.
pub struct LinkControl {
    proxies: BTreeMap<String, ProxyClient>,
    usual_latency_ms: BTreeMap<(String, String), u64>,
}

impl LinkControl {
    /// For proxies at these control ports, with their tokens; and the usual latency by cloud and link.
    #[must_use]
    pub fn new(proxies: BTreeMap<String, (u16, Secret)>, usual_latency_ms: BTreeMap<(String, String), u64>) -> Self {
        let client = |(port, token): (u16, Secret)| {
            ProxyClient::new(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), token.expose())
        };
        let proxies = proxies.into_iter().map(|(cloud, proxy)| (cloud, client(proxy))).collect();
        Self { proxies, usual_latency_ms }
    }
}

/// Sets every link into `cloud`, and every link by which it reaches the stores of others. Without a fault they are as
/// usual.
///
/// # Errors
/// When a proxy cannot be reached.
pub async fn set_links(control: &LinkControl, layout: &Layout, cloud: &str, fault: Option<Fault>) -> Result<(), Error> {
    let outgoing = format!("store-from-{cloud}");
    let affected = control
        .usual_latency_ms
        .iter()
        .filter(|((owner, link), _)| owner == cloud || *link == outgoing)
        .filter(|((owner, _), _)| layout.clouds.iter().any(|candidate| &candidate.name == owner));
    let changes = affected.map(|((owner, link), &usual_ms)| async move {
        let Some(proxy) = control.proxies.get(owner) else { return Ok(()) };
        let set = proxy.set(link, change(fault, usual_ms)).await;
        set.map(drop).map_err(|error| Error::part(format!("setting the link {link} of cloud {owner}"))(error.into()))
    });
    // All at once: a cloud does not become silent link by link.
    join_all(changes).await.into_iter().collect()
}

fn change(fault: Option<Fault>, usual_ms: u64) -> Change {
    let usual = Shape { latency: Duration::from_millis(usual_ms), ..Shape::default() };
    let (mode, shape) = match fault {
        None | Some(Fault::Kill) => (Mode::Clear, usual),
        Some(Fault::SilentBeforeHandshake) => (Mode::SilentBeforeHandshake, usual),
        Some(Fault::SilentAfterHandshake) => (Mode::SilentAfterHandshake, usual),
        Some(Fault::Slow { latency_ms, bytes_per_s }) => {
            let latency = Duration::from_millis(latency_ms);
            (Mode::Clear, Shape { latency, bytes_per_s: Some(bytes_per_s), ..usual })
        }
        Some(Fault::Corrupt { probability }) => (Mode::Clear, Shape { corrupt: probability, ..usual }),
    };
    Change { mode, shape, lease: None }
}
