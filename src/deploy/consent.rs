//! What a person must have agreed to before a plan is applied.

use std::collections::BTreeSet;

use super::{
    plan::{Action, Plan, Planned},
    selector::Selector,
};
use crate::cloud::control::Address;

/// What was agreed to, from the flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consent {
    /// `--allow-data-loss`: addresses, each written out.
    pub data_loss: BTreeSet<Address>,
    /// `--allow-destroy`: addresses or selectors.
    pub destroy: Vec<Selector>,
}

/// What nobody has agreed to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", message(data, others))]
pub struct Refused {
    /// What would lose data: the address, and what would be lost.
    pub data: Vec<(String, String)>,
    /// What else would be destroyed or exchanged.
    pub others: Vec<String>,
}

fn message(data: &[(String, String)], others: &[String]) -> String {
    let mut lines = vec!["this destroys what nobody has agreed to lose".to_owned()];
    lines.extend(data.iter().map(|(address, lost)| format!("  {address}: {lost} would be lost")));
    lines.extend(others.iter().map(|address| format!("  {address} would be destroyed")));
    lines.join("\n")
}

impl Refused {
    /// The flags to copy, if all of it is meant.
    #[must_use]
    pub fn next_step(&self) -> String {
        let data = self.data.iter().map(|(address, _)| format!("--allow-data-loss {address}"));
        let others = self.others.iter().map(|address| format!("--allow-destroy {address}"));
        let flags: Vec<String> = data.chain(others).collect();
        format!("if all of this is meant, add: {}", flags.join(" "))
    }
}

/// Whether everything that a plan destroys was agreed to: each thing that loses data by its own address, each other
/// deletion or exchange by its address or a selector. Data needs no second word for its resource.
///
/// # Errors
/// Everything that was not, with the flags to copy.
pub fn check(plan: &Plan, consent: &Consent) -> Result<(), Refused> {
    let mut refused = Refused { data: Vec::new(), others: Vec::new() };
    for change in &plan.changes {
        let address = &change.address;
        if !change.loses.is_empty() {
            if !consent.data_loss.contains(address) {
                refused.data.push((address.to_string(), change.loses.clone()));
            }
        } else if destroys(change) && !consent.destroy.iter().any(|selector| selector.matches(address)) {
            refused.others.push(address.to_string());
        }
    }
    refused.data.sort();
    refused.data.dedup();
    refused.others.sort();
    refused.others.dedup();
    if refused.data.is_empty() && refused.others.is_empty() { Ok(()) } else { Err(refused) }
}

fn destroys(change: &Planned) -> bool {
    matches!(change.action, Action::Delete | Action::Replace { .. })
}
