//! What must be done before what, and an order of the whole that respects it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cloud::control::Address,
    deploy::{
        graph::Graph,
        plan::{Action, Planned},
        state::State,
    },
};

/// The addresses of a graph, each after those that it needs. The same for the same graph, however it was made.
pub(super) fn of_graph(graph: &Graph) -> Vec<&Address> {
    let after: BTreeMap<&Address, BTreeSet<&Address>> = graph
        .resources
        .values()
        .map(|resource| {
            let known = resource.needs.iter().filter(|need| graph.resources.contains_key(*need));
            (&resource.address, known.collect())
        })
        .collect();
    sorted(&after)
}

/// Fills in what each change waits for, and sorts.
pub(super) fn arrange(mut planned: BTreeMap<Address, Planned>, graph: &Graph, state: &State) -> Vec<Planned> {
    let goes = |action: &Action| matches!(action, Action::Delete | Action::Forget);
    let mut after: BTreeMap<Address, BTreeSet<Address>> = BTreeMap::new();
    for (address, change) in &planned {
        if goes(&change.action) {
            continue;
        }
        let needs = graph.resources.get(address).map(|resource| &resource.needs);
        let needs = needs.or_else(|| state.resources.get(address).map(|entry| &entry.needs));
        let waits = needs.into_iter().flatten().filter(|need| planned.get(*need).is_some_and(|of| !goes(&of.action)));
        after.insert(address.clone(), waits.cloned().collect());
    }
    // What is deleted goes after everything that needed it: deleted before it, or changed so that it needs it no more.
    for (address, entry) in &state.resources {
        if !planned.contains_key(address) {
            continue;
        }
        for need in &entry.needs {
            if need != address && planned.get(need).is_some_and(|of| goes(&of.action)) {
                after.entry(need.clone()).or_default().insert(address.clone());
            }
        }
    }
    let borrowed: BTreeMap<&Address, BTreeSet<&Address>> =
        planned.keys().map(|address| (address, after.get(address).into_iter().flatten().collect())).collect();
    let order: Vec<Address> = sorted(&borrowed).into_iter().cloned().collect();
    let mut place: BTreeMap<&Address, usize> = BTreeMap::new();
    for (index, address) in order.iter().enumerate() {
        place.insert(address, index);
    }
    let mut arranged = Vec::with_capacity(order.len());
    for address in &order {
        let Some(mut change) = planned.remove(address) else { continue };
        // Entries of different ages may need each other in a circle; what was cut there is not waited for.
        let waits = after.remove(address).unwrap_or_default();
        change.after = waits.into_iter().filter(|other| place.get(other) < place.get(address)).collect();
        arranged.push(change);
    }
    arranged
}

/// Sorts so that each comes after those it waits for, by address where that leaves a choice. A circle is cut at its
/// least address.
fn sorted<'a>(after: &BTreeMap<&'a Address, BTreeSet<&'a Address>>) -> Vec<&'a Address> {
    let mut waits: BTreeMap<&Address, usize> = BTreeMap::new();
    let mut followers: BTreeMap<&Address, Vec<&'a Address>> = BTreeMap::new();
    for (address, before) in after {
        waits.insert(address, before.len());
        for other in before {
            followers.entry(other).or_default().push(address);
        }
    }
    let mut ready: BTreeSet<&'a Address> =
        after.keys().copied().filter(|address| waits.get(address) == Some(&0)).collect();
    let mut left: BTreeSet<&'a Address> = after.keys().copied().collect();
    let mut order = Vec::with_capacity(left.len());
    while let Some(next) = ready.pop_first().or_else(|| left.first().copied()) {
        if !left.remove(next) {
            continue;
        }
        order.push(next);
        for follower in followers.get(next).into_iter().flatten() {
            if let Some(count) = waits.get_mut(follower) {
                *count = count.saturating_sub(1);
                if *count == 0 && left.contains(follower) {
                    ready.insert(follower);
                }
            }
        }
    }
    order
}
