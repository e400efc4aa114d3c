//! What somebody else changed: how the live differs from what was last set.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use super::{
    compare,
    graph::Graph,
    plan::Drifted,
    refresh::{self, Look},
    shelf,
    site::Site,
    state::Standing,
};
use crate::cloud::control::{Address, Failure};

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Drift {
    /// What is not as it was last set, by address.
    pub drifted: Vec<Drifted>,
    /// What could not be looked at.
    pub failed: BTreeMap<Address, Failure>,
    /// How many are as they were set.
    pub unchanged: usize,
    /// What is pending or was left out, and was not judged.
    pub unjudged: Vec<Address>,
}

/// Compares everything in the state that `asked` is true of with what is live. Changes nothing and takes no lease; needs no
/// template.
///
/// # Errors
/// When the state cannot be read.
pub async fn look(
    site: &Site,
    asked: &(dyn Fn(&Address) -> bool + Send + Sync),
    interrupt: &CancellationToken,
) -> Result<Drift, shelf::Error> {
    let state = site.shelf.read().await?.state;
    let seen = refresh::look(site, &Graph::default(), &state, asked, interrupt).await;
    let mut drift = Drift::default();
    for (address, look) in seen.resources {
        if !asked(&address) {
            continue;
        }
        let Some(entry) = state.resources.get(&address) else { continue };
        let rules = site.type_rules(&address.cloud, &entry.kind);
        let words = if rules.words.is_empty() { entry.kind.clone() } else { rules.words.clone() };
        match look {
            _ if matches!(entry.standing, Standing::Begun(_)) => drift.unjudged.push(address),
            Look::Is(live) => {
                let changes = compare::drift(rules, &entry.applied, &live.properties);
                if changes.is_empty() {
                    drift.unchanged += 1;
                } else {
                    drift.drifted.push(Drifted { address, words, gone: false, changes });
                }
            }
            Look::Gone => drift.drifted.push(Drifted { address, words, gone: true, changes: Vec::new() }),
            Look::Failed(failure) => _ = drift.failed.insert(address, failure),
            Look::Found(_) | Look::Trusted => drift.unjudged.push(address),
        }
    }
    Ok(drift)
}
