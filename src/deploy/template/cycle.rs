//! Resources that need each other in a circle can never be made.

use std::collections::BTreeMap;

use super::Fault;
use crate::{cloud::control::Address, deploy::graph::Graph};

#[derive(Clone, Copy, PartialEq)]
enum Visit {
    /// On the way that is followed now.
    Open,
    /// Everything below it was seen.
    Closed,
}

/// Refuses a circle, and prints the whole of it.
pub(super) fn check(graph: &Graph) -> Result<(), Box<(Address, Fault)>> {
    let mut seen: BTreeMap<&Address, Visit> = BTreeMap::new();
    for start in graph.resources.keys() {
        if seen.contains_key(start) {
            continue;
        }
        // A way of one's own instead of recursion: a chain may be as long as the graph.
        let mut way: Vec<(&Address, Vec<&Address>)> = vec![(start, below(graph, start))];
        seen.insert(start, Visit::Open);
        while let Some((at, left)) = way.last_mut() {
            let Some(next) = left.pop() else {
                seen.insert(at, Visit::Closed);
                way.pop();
                continue;
            };
            match seen.get(next) {
                Some(Visit::Closed) => {}
                Some(Visit::Open) => {
                    let from = way.iter().position(|(address, _)| *address == next).unwrap_or(0);
                    let circle: Vec<&Address> = way[from..].iter().map(|(address, _)| *address).collect();
                    return Err(Box::new(fault(graph, &circle)));
                }
                None => {
                    seen.insert(next, Visit::Open);
                    way.push((next, below(graph, next)));
                }
            }
        }
    }
    Ok(())
}

/// What a resource needs, the last one first.
fn below<'g>(graph: &'g Graph, address: &Address) -> Vec<&'g Address> {
    graph.resources.get(address).map(|resource| resource.needs.iter().rev().collect()).unwrap_or_default()
}

fn fault(graph: &Graph, circle: &[&Address]) -> (Address, Fault) {
    // The circle begins at its least address, so that the message is the same wherever the search came in.
    let least = circle.iter().enumerate().min_by_key(|(_, address)| **address).map_or(0, |(index, _)| index);
    let turned: Vec<&Address> = circle[least..].iter().chain(&circle[..least]).copied().collect();
    let mut lines = Vec::new();
    let mut first_line = 1;
    for (index, address) in turned.iter().enumerate() {
        let next = turned[(index + 1) % turned.len()];
        let Some(resource) = graph.resources.get(*address) else { continue };
        let wanted = format!("${{{next}");
        let pointer = pointer_with(&resource.properties, &wanted, &mut String::new());
        let line = pointer.and_then(|pointer| resource.places.get(&pointer).copied()).unwrap_or(resource.place.line);
        if index == 0 {
            first_line = line;
        }
        lines.push(format!("  {address} needs {next} ({}:{line})", resource.place.file));
    }
    let address = turned.first().copied().cloned().unwrap_or_else(|| circle[0].clone());
    let message = if turned.len() == 1 {
        format!("`{address}` needs itself")
    } else {
        format!("these resources need each other in a circle, so none can be made first:\n{}", lines.join("\n"))
    };
    (address, Fault::new(first_line, message).help("take one of these references out"))
}

/// The first place in a value whose text begins a reference with `wanted`.
fn pointer_with(value: &serde_json::Value, wanted: &str, pointer: &mut String) -> Option<String> {
    use serde_json::Value;
    let holds = |text: &str| {
        text.match_indices(wanted).any(|(at, _)| matches!(text.as_bytes().get(at + wanted.len()), Some(b'.' | b'}')))
    };
    let mut below = |step: &str, item: &Value| {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(step);
        let found = pointer_with(item, wanted, pointer);
        pointer.truncate(length);
        found
    };
    match value {
        Value::String(text) if holds(text) => Some(pointer.clone()),
        Value::Array(items) => items.iter().enumerate().find_map(|(index, item)| below(&index.to_string(), item)),
        Value::Object(entries) => {
            entries.iter().find_map(|(key, item)| below(&key.replace('~', "~0").replace('/', "~1"), item))
        }
        _ => None,
    }
}
