//! Making the state anew from what stands: by name where a template says what there should be, and by the marks of this
//! project and environment everywhere else.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry as Slot};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::{
    adopt, compare,
    graph::Graph,
    ledger,
    refresh::{self, Look},
    shelf,
    site::Site,
    state::{Entry, Standing, State},
};
use crate::cloud::control::{Address, Failure, Live};

/// So many lists are prepared at a time.
const AT_A_TIME: usize = 64;

/// A cloud, a type and a region, and what is there.
type Looked = ((String, String, String), Result<Vec<Live>, Failure>);

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Which resource it is.
    pub address: Address,
    /// The provider's type.
    pub kind: String,
    /// The region.
    pub region: String,
    /// The provider's id.
    pub id: String,
}

/// What a rebuild found.
#[derive(Clone, Debug, Default)]
pub struct Rebuilt {
    /// What stands and is in the templates.
    pub found: Vec<Item>,
    /// Of these, what bears no marks and was found by its name alone: somebody else may have made it.
    pub unmarked: Vec<Item>,
    /// What bears our marks and is in no template: the next deploy deletes it, with consent.
    pub orphans: Vec<Item>,
    /// What bears the marks of a resource that was found already: the next deploy deletes it, with consent.
    pub doubles: Vec<Item>,
    /// What bears the marks of others and stands where a template would make something; it is not taken.
    pub strangers: Vec<Item>,
    /// What is in the templates and does not stand.
    pub missing: Vec<Address>,
    /// What could not be looked through, as people read it, and why. What is there is not found.
    pub unclear: Vec<(String, Failure)>,
    /// Whether the state that was there could be read, and its memory of what was set was kept.
    pub kept_memory: bool,
    /// Whether the new state was written.
    pub written: bool,
}

/// Finds everything that this project and environment made. Writes the new state only where `write` is set.
///
/// # Errors
/// When the state stores do not answer, or the new state cannot be written. A state that is damaged is no error.
pub async fn run(
    site: &Site,
    graph: &Graph,
    write: bool,
    interrupt: &CancellationToken,
) -> Result<Rebuilt, shelf::Error> {
    let old = match site.shelf.read().await {
        Ok(stored) => Some(stored.state),
        Err(error) if error.is_damage() => None,
        Err(error) => return Err(error),
    };
    let mut rebuilt = Rebuilt { kept_memory: old.is_some(), ..Rebuilt::default() };
    let (project, environment) = (site.project.settings.project.name.clone(), site.environment.clone());
    let key = old.as_ref().map_or_else(|| ledger::new_hash_key(&site.random), |old| old.hash_key.clone());
    let mut state = State::empty(&project, &environment, key);
    if let Some(old) = &old {
        (state.serial, state.last_operation) = (old.serial, old.last_operation);
    }
    by_template(site, graph, &mut state, &mut rebuilt, interrupt).await;
    by_marks(site, graph, &mut state, &mut rebuilt, interrupt).await;
    if let Some(old) = &old {
        remember(&mut state, old);
    }
    if write {
        site.shelf.begin_over(state, &site.who, &*site.listener, interrupt).await?.close().await?;
        rebuilt.written = true;
    }
    Ok(rebuilt)
}

/// What the templates say should be there.
async fn by_template(
    site: &Site,
    graph: &Graph,
    state: &mut State,
    rebuilt: &mut Rebuilt,
    interrupt: &CancellationToken,
) {
    let nothing = state.clone();
    let seen = refresh::look(site, graph, &nothing, &|_| true, interrupt).await;
    for (address, resource) in &graph.resources {
        let look = seen.resources.get(address);
        match (adopt::found(look), look) {
            (Some(live), _) => {
                let item = item(address, live);
                let ours = site.owner(address);
                match &live.owner {
                    Some(owner) if *owner != ours => {
                        rebuilt.strangers.push(item);
                        continue;
                    }
                    Some(_) => {}
                    None => rebuilt.unmarked.push(item.clone()),
                }
                rebuilt.found.push(item);
                let mut entry = adopt::entry_of(site, resource, live.clone());
                // What is as the template wants it was set by us, as far as anybody can tell.
                if let Some(wanted) = refresh::wanted_of(site, &nothing, &seen, resource) {
                    entry.applied = agreed(site, address, &entry, wanted.properties);
                }
                state.resources.insert(address.clone(), entry);
            }
            (None, Some(Look::Failed(failure))) => rebuilt.unclear.push((address.to_string(), failure.clone())),
            (None, Some(Look::Trusted)) => {}
            (None, _) => rebuilt.missing.push(address.clone()),
        }
    }
}

/// Of what is wanted the properties that are so, leaf by leaf of the first level.
fn agreed(site: &Site, address: &Address, entry: &Entry, wanted: Value) -> Value {
    let rules = site.type_rules(&address.cloud, &entry.kind);
    let Value::Object(wanted) = wanted else { return Value::Object(Map::new()) };
    let kept = wanted.into_iter().filter(|(key, value)| {
        let one = Value::Object(Map::from_iter([(key.clone(), value.clone())]));
        entry.live.get(key).is_some() && compare::drift(rules, &one, &entry.live).is_empty()
    });
    Value::Object(kept.filter(|(_, value)| !super::reference::has_unknown(value)).collect())
}

/// Everything else that bears our marks.
async fn by_marks(site: &Site, graph: &Graph, state: &mut State, rebuilt: &mut Rebuilt, interrupt: &CancellationToken) {
    let mut places: BTreeSet<(String, String, String)> = BTreeSet::new();
    for (cloud, table) in site.project.settings.clouds.iter().filter(|(cloud, _)| !site.without.contains(*cloud)) {
        let of_graph = graph.resources.values().filter(|resource| resource.address.cloud == *cloud);
        let (mut kinds, mut regions) = (BTreeSet::new(), BTreeSet::from(["global".to_owned()]));
        regions.extend(table.regions.iter().cloned());
        for resource in of_graph {
            kinds.insert(resource.kind.clone());
            regions.insert(resource.region.clone());
        }
        kinds.extend((site.rules)(table.provider).types.keys().cloned());
        for kind in &kinds {
            places.extend(regions.iter().map(|region| (cloud.clone(), kind.clone(), region.clone())));
        }
    }
    let mut looks: Vec<BoxFuture<'_, Looked>> = Vec::new();
    for place in places {
        let look = async move {
            let found = refresh::everything(site, (&place.0, &place.1, &place.2), interrupt).await;
            (place, found)
        };
        looks.push(look.boxed());
    }
    let mut looks = stream::iter(looks).buffer_unordered(AT_A_TIME);
    let mut ours: BTreeMap<(Address, String), (String, Live)> = BTreeMap::new();
    while let Some(((cloud, kind, region), found)) = looks.next().await {
        match found {
            Ok(lives) => {
                for live in lives {
                    let Some(owner) = &live.owner else { continue };
                    if owner.project == state.project && owner.environment == state.environment {
                        // A type without a region may be listed in each: what is the same is one thing.
                        ours.insert((owner.address.clone(), live.id.clone()), (cloud.clone(), live));
                    }
                }
            }
            Err(failure) => rebuilt.unclear.push((format!("{cloud}: {kind} in {region}"), failure)),
        }
    }
    for ((address, _), (cloud, live)) in ours {
        let known = state.resources.values().any(|entry| entry.id == live.id && entry.kind == live.kind);
        // Marks that name another cloud than the one it stands in are nobody's.
        if known || address.cloud != cloud {
            continue;
        }
        let item = item(&address, &live);
        let rules = site.type_rules(&cloud, &live.kind);
        let entry = Entry {
            kind: live.kind,
            region: live.region,
            id: live.id,
            standing: Standing::Ready,
            applied: Value::Object(Map::new()),
            live: live.properties,
            needs: BTreeSet::new(),
            holds: rules.holds.clone(),
        };
        match state.resources.entry(address) {
            Slot::Occupied(taken) => {
                rebuilt.doubles.push(item);
                state.leftovers.entry(taken.key().clone()).or_default().push(entry);
            }
            Slot::Vacant(free) => {
                rebuilt.missing.retain(|missing| missing != free.key());
                if graph.resources.contains_key(free.key()) {
                    rebuilt.found.push(item);
                } else {
                    rebuilt.orphans.push(item);
                }
                free.insert(entry);
            }
        }
    }
}

/// What the old state knows of things that are found again: what was set, what they stand on, and what they hold. What was
/// not found stays in the state too: the next look tells whether it is gone.
fn remember(state: &mut State, old: &State) {
    for (address, entry) in &old.resources {
        match state.resources.get_mut(address) {
            Some(found) if found.id == entry.id && found.kind == entry.kind => {
                found.applied.clone_from(&entry.applied);
                found.needs.extend(entry.needs.iter().cloned());
                if found.holds.is_empty() {
                    found.holds.clone_from(&entry.holds);
                }
            }
            Some(_) => {}
            None => _ = state.resources.insert(address.clone(), entry.clone()),
        }
    }
    for (address, entries) in &old.leftovers {
        let left = state.leftovers.entry(address.clone()).or_default();
        for entry in entries {
            if !left.iter().any(|known| known.id == entry.id) {
                left.push(entry.clone());
            }
        }
    }
}

fn item(address: &Address, live: &Live) -> Item {
    let (kind, region, id) = (live.kind.clone(), live.region.clone(), live.id.clone());
    Item { address: address.clone(), kind, region, id }
}
