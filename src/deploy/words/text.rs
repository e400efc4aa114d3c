use super::{Group, about, changes, clean, leaf, losses, members, summary};
use crate::deploy::plan::Plan;

/// The plan for a terminal of `width` columns.
#[must_use]
pub fn text(plan: &Plan, width: usize) -> String {
    let width = width.clamp(40, 400);
    // Room for the name of the property and for both of its values.
    let most = width.saturating_sub(24).max(24) / 2;
    let mut blocks: Vec<Vec<String>> = Vec::new();
    let lost = losses(plan);
    if !lost.is_empty() {
        let mut lines = vec!["Data that would be lost".to_owned()];
        lines.extend(lost.iter().map(|planned| {
            format!("  {}: {} ({})", planned.address, clean(&planned.loses, 200), clean(&planned.words, 80))
        }));
        blocks.push(lines);
    }
    for group in Group::ALL {
        let found = members(plan, group);
        if found.is_empty() {
            continue;
        }
        let mut lines = vec![group.title().to_owned()];
        for planned in found {
            lines.push(format!("  {}: {}", planned.address, clean(&about(planned), 200)));
            lines.extend(changes(&planned.action).iter().map(|change| format!("      {}", leaf(change, most))));
        }
        blocks.push(lines);
    }
    if !plan.drifted.is_empty() {
        let mut lines = vec!["Changed by somebody else since it was last set".to_owned()];
        for drifted in &plan.drifted {
            let gone = if drifted.gone { ", gone" } else { "" };
            lines.push(format!("  {}: {}{gone}", drifted.address, clean(&drifted.words, 80)));
            lines.extend(drifted.changes.iter().map(|change| format!("      {}", drift_leaf(change, most))));
        }
        blocks.push(lines);
    }
    if !plan.notes.is_empty() {
        let mut lines = vec!["Notes".to_owned()];
        lines.extend(plan.notes.iter().map(|note| format!("  {}", clean(note, 1000))));
        blocks.push(lines);
    }
    blocks.push(summary(plan));
    let blocks: Vec<String> = blocks.into_iter().map(|lines| lines.join("\n")).collect();
    format!("{}\n", blocks.join("\n\n"))
}

/// Drift goes the other way: what was set, and what is there now.
pub(super) fn drift_leaf(change: &crate::cloud::control::Change, most: usize) -> String {
    let turned = crate::cloud::control::Change {
        pointer: change.pointer.clone(),
        from: change.to.clone(),
        to: change.from.clone(),
    };
    leaf(&turned, most)
}
