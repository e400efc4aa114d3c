//! Looking at what is live: as few calls as the providers allow, many at a time, and one that fails hides no other.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream};
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    apply::wanted,
    calls::{About, Patience},
    event::Event,
    graph::{Graph, Resource},
    reference,
    site::Site,
    state::{Entry, State},
};
use crate::{
    cloud::control::{Address, Failure, FailureKind, Listed, Live, Wanted},
    net::retry::Dense,
};

/// So many questions are prepared at a time; how many are under way in a cloud is bounded elsewhere.
const AT_A_TIME: usize = 512;
/// From so many resources of one type and region on a list is worth its call.
const WORTH_A_LIST: usize = 2;

/// How one resource was found.
#[derive(Clone, Debug, PartialEq)]
pub enum Look {
    /// It stands, and the state knows it.
    Is(Live),
    /// It does not stand.
    Gone,
    /// It stands, and the state does not know it.
    Found(Live),
    /// It could not be looked at.
    Failed(Failure),
    /// It was not looked at: its cloud is left out, it is not asked about, or an operation on it is pending. What the state
    /// says is trusted.
    Trusted,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// By address: everything in the graph and in the state.
    pub resources: BTreeMap<Address, Look>,
    /// How many calls it took.
    pub calls: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// Looks at everything in the graph and in the state that `asked` is true of, and at what that needs and the state does not
/// know yet.
pub async fn look(
    site: &Site,
    graph: &Graph,
    state: &State,
    asked: &(dyn Fn(&Address) -> bool + Send + Sync),
    interrupt: &CancellationToken,
) -> Seen {
    let (started, calls) = (Instant::now(), site.calls.made());
    let asked = closure(graph, state, asked);
    let all: BTreeSet<&Address> = graph.resources.keys().chain(state.resources.keys()).collect();
    site.tell(Event::LookBegun { resources: asked.len() });
    let mut seen = Seen::default();
    let mut groups: BTreeMap<Group<'_>, Vec<(&Address, &Entry)>> = BTreeMap::new();
    let mut new: BTreeMap<&Address, &Resource> = BTreeMap::new();
    for address in all {
        let is_asked = asked.contains(address) && !site.without.contains(&address.cloud);
        match (state.resources.get(address), graph.resources.get(address)) {
            (Some(entry), _) if is_asked && !entry.id.is_empty() => {
                let group = Group { cloud: &address.cloud, kind: &entry.kind, region: &entry.region };
                groups.entry(group).or_default().push((address, entry));
            }
            (None, Some(resource)) if is_asked => _ = new.insert(address, resource),
            _ => _ = seen.resources.insert(address.clone(), Look::Trusted),
        }
    }
    let mut each: Vec<BoxFuture<'_, Vec<(Address, Look)>>> = Vec::new();
    for (group, entries) in groups {
        each.push(known(site, group, entries, interrupt).boxed());
    }
    let mut looks = stream::iter(each).buffer_unordered(AT_A_TIME);
    while let Some(found) = looks.next().await {
        seen.resources.extend(found);
    }
    locate_all(site, state, new, &mut seen, interrupt).await;
    seen.calls = site.calls.made() - calls;
    seen.elapsed = started.elapsed();
    let failed = seen.resources.values().filter(|look| matches!(look, Look::Failed(_))).count();
    site.tell(Event::LookDone { resources: asked.len(), failed, calls: seen.calls, elapsed: seen.elapsed });
    seen
}

/// What is asked about, and what that needs and is not in the state.
fn closure(graph: &Graph, state: &State, asked: &(dyn Fn(&Address) -> bool + Send + Sync)) -> BTreeSet<Address> {
    let all = graph.resources.keys().chain(state.resources.keys());
    let mut within: BTreeSet<Address> = all.filter(|address| asked(address)).cloned().collect();
    let mut rest: Vec<Address> = within.iter().cloned().collect();
    while let Some(address) = rest.pop() {
        let needs = graph.resources.get(&address).map(|resource| &resource.needs);
        for need in needs.into_iter().flatten() {
            if !state.resources.contains_key(need) && within.insert(need.clone()) {
                rest.push(need.clone());
            }
        }
    }
    within
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group<'a> {
    cloud: &'a str,
    kind: &'a str,
    region: &'a str,
}

/// Looks at resources of one type and region that the state knows.
async fn known(
    site: &Site,
    group: Group<'_>,
    entries: Vec<(&Address, &Entry)>,
    stop: &CancellationToken,
) -> Vec<(Address, Look)> {
    let mut listed: HashMap<String, Option<Live>> = HashMap::new();
    if entries.len() >= WORTH_A_LIST {
        match list(site, group, stop).await {
            Ok(lines) => {
                let ids: BTreeSet<&str> = entries.iter().map(|(_, entry)| entry.id.as_str()).collect();
                let ours = lines.into_iter().filter(|line| ids.contains(line.id.as_str()));
                listed = ours.map(|line| (line.id, line.live)).collect();
            }
            // Who may not list may still read, and some types have no list.
            Err(failure)
                if matches!(failure.kind, FailureKind::Unsupported | FailureKind::Denied | FailureKind::Invalid) => {}
            Err(failure) => {
                let failed = |(address, _): (&Address, &Entry)| (address.clone(), Look::Failed(failure.clone()));
                return entries.into_iter().map(failed).collect();
            }
        }
    }
    let mut looks = Vec::with_capacity(entries.len());
    let mut unread = Vec::new();
    for (address, entry) in entries {
        match listed.remove(&entry.id).flatten() {
            Some(live) => looks.push((address.clone(), Look::Is(live))),
            // A list may lag behind: only a read says that something is gone.
            None => unread.push((address, entry)),
        }
    }
    let mut reads: Vec<BoxFuture<'_, (Address, Look)>> = Vec::new();
    for (address, entry) in unread {
        let look = async move { (address.clone(), is_or_gone(site, group, &entry.id, stop).await) };
        reads.push(look.boxed());
    }
    let mut reads = stream::iter(reads).buffer_unordered(AT_A_TIME);
    while let Some(look) = reads.next().await {
        looks.push(look);
    }
    looks
}

/// Whether what the state knows still stands. What a run made a moment ago may not show in a first read, and what is taken
/// for gone is made anew, so only several reads in a row say that something is gone.
async fn is_or_gone(site: &Site, group: Group<'_>, id: &str, stop: &CancellationToken) -> Look {
    for pause in [true, true, true, false] {
        match read(site, group, id, stop).await {
            Ok(live) => return Look::Is(live),
            Err(failure) if failure.kind != FailureKind::NotFound => return Look::Failed(failure),
            Err(_) if !pause => break,
            Err(_) => tokio::select! {
                () = tokio::time::sleep(Dense::PROPAGATION.wait(site.calls.random())) => {}
                () = stop.cancelled() => break,
            },
        }
    }
    Look::Gone
}

async fn list(site: &Site, group: Group<'_>, stop: &CancellationToken) -> Result<Vec<Listed>, Failure> {
    let Group { cloud, kind, region } = group;
    let plane = site.calls.plane(cloud)?;
    let about = About { cloud, kind, stop };
    site.calls.until(about, Patience::Question, None, &|_| {}, || plane.list(kind, region).boxed()).await
}

async fn read(site: &Site, group: Group<'_>, id: &str, stop: &CancellationToken) -> Result<Live, Failure> {
    let Group { cloud, kind, region } = group;
    let plane = site.calls.plane(cloud)?;
    let about = About { cloud, kind, stop };
    site.calls.until(about, Patience::Question, None, &|_| {}, || plane.read(kind, region, id).boxed()).await
}

/// Looks for what the state does not know, what is needed first before what needs it: its name may be made from that.
async fn locate_all(
    site: &Site,
    state: &State,
    mut new: BTreeMap<&Address, &Resource>,
    seen: &mut Seen,
    stop: &CancellationToken,
) {
    while !new.is_empty() {
        let waits = |resource: &Resource| resource.needs.iter().any(|need| new.contains_key(need));
        let mut wave: Vec<&Address> =
            new.iter().filter(|(_, resource)| !waits(resource)).map(|(address, _)| *address).collect();
        if wave.is_empty() {
            // A graph has no cycle; one that has is looked at as it comes.
            wave = new.keys().copied().collect();
        }
        let wave: Vec<(&Address, &Resource)> =
            wave.into_iter().filter_map(|address| Some((address, new.remove(address)?))).collect();
        let before = &*seen;
        let mut looks: Vec<BoxFuture<'_, (Address, Look)>> = Vec::new();
        for (address, resource) in wave {
            let look = async move {
                let look = match wanted_of(site, state, before, resource) {
                    Some(wanted) => located(site, &wanted, stop).await,
                    None => Look::Gone,
                };
                (address.clone(), look)
            };
            looks.push(look.boxed());
        }
        let found: Vec<(Address, Look)> = stream::iter(looks).buffer_unordered(AT_A_TIME).collect().await;
        seen.resources.extend(found);
    }
}

/// What a resource should be, as far as it can be known before anything is done; `None` where its identity depends on what
/// does not stand.
pub(super) fn wanted_of(site: &Site, state: &State, seen: &Seen, resource: &Resource) -> Option<Wanted> {
    let lookup = |address: &Address, path: &str| match seen.resources.get(address) {
        Some(Look::Is(live) | Look::Found(live)) if path.is_empty() => Some(Value::String(live.id.clone())),
        Some(Look::Is(live) | Look::Found(live)) => reference::attribute(&live.properties, path).cloned(),
        Some(Look::Gone) => None,
        _ => wanted::lookup(state, address, path),
    };
    let properties = reference::resolve(&resource.properties, &lookup);
    let rules = site.type_rules(&resource.address.cloud, &resource.kind);
    let unknown = |pointer: &String| properties.pointer(pointer).is_some_and(reference::has_unknown);
    if rules.identity.iter().any(unknown) {
        return None;
    }
    let (owner, kind, region) = (site.owner(&resource.address), resource.kind.clone(), resource.region.clone());
    Some(Wanted { owner, kind, region, properties, secrets: BTreeMap::new() })
}

async fn located(site: &Site, wanted: &Wanted, stop: &CancellationToken) -> Look {
    match locate(site, wanted, stop).await {
        Ok(Some(live)) => Look::Found(live),
        Ok(None) => Look::Gone,
        // Below what does not stand nothing stands.
        Err(failure) if failure.kind == FailureKind::NotFound => Look::Gone,
        Err(failure) => Look::Failed(failure),
    }
}

pub(super) async fn locate(site: &Site, wanted: &Wanted, stop: &CancellationToken) -> Result<Option<Live>, Failure> {
    let cloud = &wanted.owner.address.cloud;
    let plane = site.calls.plane(cloud)?;
    let about = About { cloud, kind: &wanted.kind, stop };
    site.calls.until(about, Patience::Question, None, &|_| {}, || plane.locate(wanted).boxed()).await
}

/// Everything of a type in a region, whole. A type that cannot be listed has nothing.
pub(super) async fn everything(
    site: &Site,
    (cloud, kind, region): (&str, &str, &str),
    stop: &CancellationToken,
) -> Result<Vec<Live>, Failure> {
    let group = Group { cloud, kind, region };
    let lines = match list(site, group, stop).await {
        Ok(lines) => lines,
        Err(failure) if matches!(failure.kind, FailureKind::Unsupported | FailureKind::NotFound) => {
            return Ok(Vec::new());
        }
        Err(failure) => return Err(failure),
    };
    let mut reads: Vec<BoxFuture<'_, Result<Option<Live>, Failure>>> = Vec::new();
    for line in lines {
        let whole = async move {
            match line.live {
                Some(live) => Ok(Some(live)),
                None => match read(site, group, &line.id, stop).await {
                    Ok(live) => Ok(Some(live)),
                    Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
                    Err(failure) => Err(failure),
                },
            }
        };
        reads.push(whole.boxed());
    }
    let found: Vec<Result<Option<Live>, Failure>> = stream::iter(reads).buffer_unordered(AT_A_TIME).collect().await;
    found.into_iter().filter_map(Result::transpose).collect()
}
