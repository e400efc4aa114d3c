//! Taking what exists into the state as it is, and letting the state forget something. Neither changes anything in a cloud.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::{
    calls::{About, Patience},
    compare,
    graph::{Graph, Resource},
    refresh::{self, Look, Seen},
    shelf,
    site::Site,
    state::{Entry, Record, Standing, State},
};
use crate::cloud::control::{Address, Change, Failure, FailureKind, Live};

/// What was taken over.
#[derive(Clone, Debug, PartialEq)]
pub struct Adopted {
    /// Which one.
    pub address: Address,
    /// The provider's id.
    pub id: String,
    /// Where it differs from what the template sets: the next deploy changes it.
    pub changes: Vec<Change>,
}

/// Why nothing was taken over, or forgotten.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The templates have no such resource.
    #[error("no template has {address}")]
    NotInGraph {
        /// What was asked for.
        address: Address,
    },
    /// The state has it already.
    #[error("the state has {address} already, as {id}")]
    Known {
        /// What was asked for.
        address: Address,
        /// The provider's id of what it has.
        id: String,
    },
    /// The state has it under another address.
    #[error("{id} is {by} in the state already")]
    Taken {
        /// The provider's id.
        id: String,
        /// Under which address.
        by: Address,
    },
    /// The state does not have it.
    #[error("the state has no {address}")]
    NotInState {
        /// What was asked for.
        address: Address,
    },
    /// Nothing stands where it would be made.
    #[error("nothing stands where {address} would be made")]
    Nothing {
        /// What was asked for.
        address: Address,
    },
    /// It belongs to another project or environment.
    #[error("{id} belongs to {project} ({environment}), by its marks")]
    Strange {
        /// The provider's id.
        id: String,
        /// The project.
        project: String,
        /// The environment.
        environment: String,
    },
    /// Its cloud did not tell.
    #[error("{address} could not be looked at")]
    Look {
        /// What was asked for.
        address: Address,
        /// Why not.
        source: Failure,
    },
    /// The state could not be read or written.
    #[error(transparent)]
    Shelf(#[from] shelf::Error),
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn next_step(&self) -> Option<String> {
        match self {
            Self::NotInGraph { .. } => Some("wildcam plan lists the addresses that there are".to_owned()),
            Self::NotInState { .. } => Some("wildcam state show lists what there is".to_owned()),
            Self::Known { address, .. } => {
                Some(format!("to let the state forget it first: wildcam state rm {address}"))
            }
            Self::Taken { by, .. } => Some(format!("to let the state forget it first: wildcam state rm {by}")),
            Self::Nothing { address } => Some(format!("name it by the provider's id: wildcam adopt {address} ID")),
            Self::Strange { .. } => Some("if it is yours, take the marks off it by hand, and try again".to_owned()),
            Self::Look { source, .. } => source.next_step.clone(),
            Self::Shelf(error) => error.next_step(),
        }
    }

    /// Whether a guard stopped it.
    #[must_use]
    pub const fn is_guard(&self) -> bool {
        matches!(self, Self::Known { .. } | Self::Taken { .. } | Self::Strange { .. })
    }
}

/// Takes what exists into the state: by the provider's id, or where the template would make it.
///
/// # Errors
/// When it is not in the templates, is in the state already, does not exist, belongs to another project, or the state cannot
/// be written.
pub async fn run(
    site: &Site,
    graph: &Graph,
    address: &Address,
    id: Option<&str>,
    interrupt: &CancellationToken,
) -> Result<Adopted, Error> {
    let resource = graph.resources.get(address).ok_or_else(|| Error::NotInGraph { address: address.clone() })?;
    let session = site.shelf.begin(&site.who, "an adoption", &*site.listener, interrupt).await?;
    let state = session.state().clone();
    let result = match taken_over(site, graph, resource, &state, id, interrupt).await {
        Ok((entry, adopted)) => {
            let record = Record::Ended { address: address.clone(), entry: Some(Box::new(entry)) };
            session.append(vec![record]).await.map_err(Error::Shelf).map(|()| adopted)
        }
        Err(error) => Err(error),
    };
    session.close().await?;
    result
}

async fn taken_over(
    site: &Site,
    graph: &Graph,
    resource: &Resource,
    state: &State,
    id: Option<&str>,
    interrupt: &CancellationToken,
) -> Result<(Entry, Adopted), Error> {
    let address = &resource.address;
    if let Some(entry) = state.resources.get(address) {
        return Err(Error::Known { address: address.clone(), id: entry.id.clone() });
    }
    // What it stands on may be known already, or stand without being known.
    let needs = needs_of(graph, address);
    let seen = refresh::look(site, graph, state, &|other| needs.contains(other), interrupt).await;
    let live = find(site, resource, state, &seen, id, interrupt)
        .await
        .map_err(|source| Error::Look { address: address.clone(), source })?
        .ok_or_else(|| Error::Nothing { address: address.clone() })?;
    let ours = site.owner(address);
    if let Some(owner) =
        live.owner.as_ref().filter(|owner| owner.project != ours.project || owner.environment != ours.environment)
    {
        let (project, environment) = (owner.project.clone(), owner.environment.clone());
        return Err(Error::Strange { id: live.id, project, environment });
    }
    let same = |(other, entry): &(&Address, &Entry)| {
        realm(site, &other.cloud) == realm(site, &address.cloud)
            && (&entry.kind, &entry.region, &entry.id) == (&live.kind, &live.region, &live.id)
    };
    if let Some((by, _)) = state.resources.iter().find(same) {
        return Err(Error::Taken { id: live.id, by: by.clone() });
    }
    let rules = site.type_rules(&address.cloud, &resource.kind);
    let wanted = refresh::wanted_of(site, state, &seen, resource).map_or(Value::Null, |wanted| wanted.properties);
    let changes = compare::drift(rules, &wanted, &live.properties);
    let adopted = Adopted { address: address.clone(), id: live.id.clone(), changes };
    Ok((entry_of(site, resource, live), adopted))
}

fn realm<'c>(site: &Site, cloud: &'c str) -> &'c str {
    compare::realm(site.project.settings.clouds.get(cloud).map(|known| known.provider), cloud)
}

/// The entry of what was found. Nothing of it was set by us.
pub(super) fn entry_of(site: &Site, resource: &Resource, live: Live) -> Entry {
    Entry {
        kind: live.kind,
        region: live.region,
        id: live.id,
        standing: Standing::Ready,
        applied: Value::Object(Map::new()),
        live: live.properties,
        needs: resource.needs.clone(),
        holds: site.type_rules(&resource.address.cloud, &resource.kind).holds.clone(),
    }
}

fn needs_of(graph: &Graph, address: &Address) -> BTreeSet<Address> {
    let mut needs = BTreeSet::new();
    let mut rest = vec![address];
    while let Some(next) = rest.pop() {
        for need in graph.resources.get(next).into_iter().flat_map(|resource| &resource.needs) {
            if needs.insert(need.clone()) {
                rest.push(need);
            }
        }
    }
    needs
}

async fn find(
    site: &Site,
    resource: &Resource,
    state: &State,
    seen: &Seen,
    id: Option<&str>,
    stop: &CancellationToken,
) -> Result<Option<Live>, Failure> {
    let (cloud, kind, region) = (&resource.address.cloud, &resource.kind, &resource.region);
    let Some(id) = id else {
        return match refresh::wanted_of(site, state, seen, resource) {
            Some(wanted) => refresh::locate(site, &wanted, stop).await,
            None => Ok(None),
        };
    };
    let plane = site.calls.plane(cloud)?;
    let about = About { cloud, kind, stop };
    let read = site.calls.until(about, Patience::Question, None, &|_| {}, || plane.read(kind, region, id).boxed());
    match read.await {
        Ok(live) => Ok(Some(live)),
        Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Lets the state forget a resource, with what earlier exchanges left of it. What stands in the cloud stays. Returns the ids
/// that nobody looks after any more.
///
/// # Errors
/// When the state does not have it, or cannot be written.
pub async fn forget(site: &Site, address: &Address, interrupt: &CancellationToken) -> Result<Vec<String>, Error> {
    let session = site.shelf.begin(&site.who, "forgetting a resource", &*site.listener, interrupt).await?;
    let (entry, left) = {
        let state = session.state();
        (state.resources.get(address).cloned(), state.leftovers.get(address).cloned().unwrap_or_default())
    };
    if entry.is_none() && left.is_empty() {
        session.close().await?;
        return Err(Error::NotInState { address: address.clone() });
    }
    let ids: BTreeMap<String, ()> =
        entry.iter().chain(&left).filter(|entry| !entry.id.is_empty()).map(|entry| (entry.id.clone(), ())).collect();
    let records = vec![
        Record::Ended { address: address.clone(), entry: None },
        Record::Leftover { address: address.clone(), entries: Vec::new() },
    ];
    let written = session.append(records).await;
    session.close().await?;
    written?;
    Ok(ids.into_keys().collect())
}

/// Whether something was found by a look.
pub(super) fn found(look: Option<&Look>) -> Option<&Live> {
    match look {
        Some(Look::Is(live) | Look::Found(live)) => Some(live),
        _ => None,
    }
}
