//! What must be done before what: a plan as nodes with edges. An exchange is two nodes, so that what stands on the old half
//! goes before it and what stands on the new half comes after it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cloud::control::Address,
    deploy::{
        event::Doing,
        plan::{Action, Plan},
        state::State,
    },
};

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// The line of the plan; `None` for what an earlier run left to be deleted.
    pub(super) planned: Option<usize>,
    pub(super) address: Address,
    pub(super) job: Job,
    /// How many nodes must end before.
    pub(super) waits: usize,
    /// What waits for this one.
    pub(super) then: Vec<usize>,
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    Forget,
    Adopt,
    Make,
    Change,
    Resume,
    Remove,
    RemoveOld,
}

impl Job {
    pub(super) const fn doing(self) -> Doing {
        match self {
            Self::Forget => Doing::Forgetting,
            Self::Adopt => Doing::Adopting,
            Self::Make => Doing::Creating,
            Self::Change => Doing::Changing,
            Self::Resume => Doing::Resuming,
            Self::Remove => Doing::Deleting,
            Self::RemoveOld => Doing::DeletingOld,
        }
    }

    const fn is_back(self) -> bool {
        matches!(self, Self::Remove | Self::RemoveOld)
    }
}

/// The jobs of one line, in their order.
fn jobs(action: &Action, stands: bool, has_old: bool, destroys: bool) -> Vec<Job> {
    match action {
        Action::Create => vec![Job::Make],
        Action::Update { .. } => vec![Job::Change],
        Action::Replace { create_first: false, .. } => vec![Job::Remove, Job::Make],
        Action::Replace { create_first: true, .. } => vec![Job::Make, Job::RemoveOld],
        Action::Adopt { .. } => vec![Job::Adopt],
        Action::Resume => vec![Job::Resume],
        Action::Forget => vec![Job::Forget],
        // Where an old half is left, a deletion means that one: what stands is deleted by a line of its own later.
        Action::Delete => match (stands, has_old) {
            (true, true) if destroys => vec![Job::Remove, Job::RemoveOld],
            (_, true) => vec![Job::RemoveOld],
            (_, false) => vec![Job::Remove],
        },
    }
}

/// The nodes of a plan, and of what earlier exchanges left that may be deleted.
///
/// # Errors
/// What is wrong with the plan: a cycle.
pub(super) fn nodes(
    plan: &Plan,
    state: &State,
    data_may_go: &BTreeSet<Address>,
    destroys: bool,
) -> Result<Vec<Node>, String> {
    // While something is only followed to its end, what stands on an old half has not moved off it yet.
    let sweeps = plan.changes.iter().all(|planned| planned.action != Action::Resume);
    let mut nodes: Vec<Node> = Vec::new();
    let mut edges: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut of: BTreeMap<&Address, Vec<usize>> = BTreeMap::new();
    let mut of_line: Vec<Vec<usize>> = Vec::new();
    for (line, planned) in plan.changes.iter().enumerate() {
        let address = &planned.address;
        let stands = state.resources.contains_key(address);
        let has_old = state.leftovers.contains_key(address);
        let mut made = Vec::new();
        for job in jobs(&planned.action, stands, has_old, destroys) {
            let node = Node { planned: Some(line), address: address.clone(), job, waits: 0, then: Vec::new() };
            // Whatever concerns one resource is done in the plan's order.
            edges.extend(of.get(address).into_iter().flatten().map(|before| (*before, nodes.len())));
            edges.extend(made.iter().map(|before| (*before, nodes.len())));
            made.push(nodes.len());
            nodes.push(node);
        }
        of.entry(address).or_default().extend(&made);
        of_line.push(made);
    }
    for (address, entries) in &state.leftovers {
        let mine = of.get(address).into_iter().flatten();
        let is_planned = mine.clone().any(|node| nodes[*node].job == Job::RemoveOld);
        let may_go = data_may_go.contains(address) || entries.iter().all(|entry| entry.holds.is_empty());
        if sweeps && !is_planned && may_go {
            edges.extend(mine.map(|before| (*before, nodes.len())));
            of.entry(address).or_default().push(nodes.len());
            let address = address.clone();
            nodes.push(Node { planned: None, address, job: Job::RemoveOld, waits: 0, then: Vec::new() });
        }
    }
    for (line, planned) in plan.changes.iter().enumerate() {
        let deletes = planned.action == Action::Delete;
        for before in planned.after.iter().filter(|before| **before != planned.address) {
            for &other in of.get(before).into_iter().flatten() {
                for &node in &of_line[line] {
                    let exchanged = of[before].iter().any(|node| !nodes[*node].job.is_back());
                    let edge = match (nodes[node].job.is_back(), nodes[other].job) {
                        _ if deletes => (other, node),
                        // What stands on the old half goes, or moves to the new one, before it does.
                        (_, Job::RemoveOld) => (node, other),
                        (true, Job::Remove) if exchanged => (node, other),
                        // Its new half is waited for.
                        (false, Job::Remove) if exchanged => continue,
                        (_, Job::Remove) | (false, _) => (other, node),
                        // The new half of one exchange is no reason for the old half of another to wait.
                        (true, _) => continue,
                    };
                    edges.insert(edge);
                }
            }
        }
    }
    for (address, entry) in &state.resources {
        for below in &entry.needs {
            let (Some(mine), Some(theirs)) = (of.get(address), of.get(below)) else { continue };
            let after = mine
                .iter()
                .any(|node| nodes[*node].planned.is_some_and(|line| plan.changes[line].after.contains(below)));
            for &other in theirs.iter().filter(|other| nodes[**other].job.is_back()) {
                let exchanged = theirs.iter().any(|node| !nodes[*node].job.is_back());
                for &node in mine {
                    let both_go = nodes[node].job.is_back();
                    let moves_off = nodes[other].job == Job::RemoveOld || !exchanged && !after;
                    if (both_go || moves_off) && !edges.contains(&(other, node)) {
                        edges.insert((node, other));
                    }
                }
            }
        }
    }
    for (from, to) in edges {
        nodes[from].then.push(to);
        nodes[to].waits += 1;
    }
    refuse_cycle(&nodes)?;
    Ok(nodes)
}

fn refuse_cycle(nodes: &[Node]) -> Result<(), String> {
    let mut waits: Vec<usize> = nodes.iter().map(|node| node.waits).collect();
    let mut free: Vec<usize> = (0..nodes.len()).filter(|node| waits[*node] == 0).collect();
    let mut reached = 0;
    while let Some(node) = free.pop() {
        reached += 1;
        for &then in &nodes[node].then {
            waits[then] -= 1;
            if waits[then] == 0 {
                free.push(then);
            }
        }
    }
    if reached == nodes.len() {
        return Ok(());
    }
    let stuck = waits.iter().position(|waits| *waits > 0).unwrap_or(0);
    Err(format!("{} waits for itself", nodes[stuck].address))
}
