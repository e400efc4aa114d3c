//! Names that a provider would refuse, and identities that two resources share.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    graph::{Graph, Resource},
    template::{Fault, RulesOf, shown},
};
use crate::cloud::{control::Address, rules::NameRule};

/// Refuses names that are too short, too long or of wrong characters, properties that only the provider sets, and two
/// resources with one identity. Names that hold a reference are known at the apply only.
pub(in crate::deploy) fn check(graph: &Graph, rules: RulesOf<'_>) -> Result<(), Box<(Address, Fault)>> {
    let mut identities: BTreeMap<String, &Resource> = BTreeMap::new();
    for resource in graph.resources.values() {
        let Some(of) = rules(resource.provider, &resource.kind) else { continue };
        let fault = |fault| Box::new((resource.address.clone(), fault));
        for (pattern, rule) in &of.names {
            for (pointer, value) in places(&resource.properties, pattern) {
                check_name(resource, &pointer, value, rule).map_err(fault)?;
            }
        }
        for pattern in &of.read_only {
            if let Some((pointer, _)) = places(&resource.properties, pattern).first() {
                let message = format!("`{}` is set by the provider alone", property(pointer));
                return Err(fault(Fault::new(line(resource, pointer), message).help("leave it out")));
            }
        }
        if let Some(identity) = identity(resource, of) {
            if let Some(first) = identities.get(&identity) {
                return Err(fault(shared(resource, first, of)));
            }
            identities.insert(identity, resource);
        }
    }
    Ok(())
}

fn check_name(resource: &Resource, pointer: &str, value: &Value, rule: &NameRule) -> Result<(), Fault> {
    let Value::String(name) = value else { return Ok(()) };
    if name.contains("${") {
        return Ok(());
    }
    let length = name.chars().count();
    let wrong = name.chars().find(|c| !rule.characters.is_empty() && !is_among(*c, &rule.characters));
    let what = if length < rule.min {
        format!("has {length} characters and needs {} at least", rule.min)
    } else if rule.max > 0 && length > rule.max {
        format!("has {length} characters and may have {} at most", rule.max)
    } else if let Some(wrong) = wrong {
        format!("holds `{}`, and may hold {} only", wrong.escape_debug(), rule.characters)
    } else {
        return Ok(());
    };
    let message = format!("{} `{}`: the name `{}` {what}", resource.kind, resource.address, shown(name));
    Err(Fault::new(line(resource, pointer), message).help(
        "shorten it in wildcam.toml (project.name, the cloud's name, its store), or in the template with | short(N) \
         and | letters",
    ))
}

/// Whether a character is among ranges such as `a-z0-9-`; a hyphen at the end stands for itself.
fn is_among(c: char, ranges: &str) -> bool {
    let all: Vec<char> = ranges.chars().collect();
    let mut at = 0;
    while at < all.len() {
        if all.get(at + 1) == Some(&'-') && at + 2 < all.len() {
            if (all[at]..=all[at + 2]).contains(&c) {
                return true;
            }
            at += 3;
        } else {
            if all[at] == c {
                return true;
            }
            at += 1;
        }
    }
    false
}

/// What makes a resource one and no other; `None` where the provider chooses it.
fn identity(resource: &Resource, rules: &crate::cloud::rules::TypeRules) -> Option<String> {
    if rules.identity.is_empty() {
        return None;
    }
    let mut parts = vec![resource.provider.as_str().to_owned(), resource.kind.clone()];
    if !rules.worldwide {
        parts.push(resource.address.cloud.clone());
        parts.push(resource.region.clone());
    }
    for pattern in &rules.identity {
        let found = places(&resource.properties, pattern);
        if found.is_empty() {
            return None;
        }
        for (_, value) in found {
            let text = value.to_string();
            parts.push(if rules.any_case.contains(pattern) { text.to_lowercase() } else { text });
        }
    }
    Some(parts.join("\n"))
}

fn shared(second: &Resource, first: &Resource, rules: &crate::cloud::rules::TypeRules) -> Fault {
    let pointer = rules.identity.first().map(String::as_str).unwrap_or_default();
    let found = places(&second.properties, pointer);
    let (pointer, name) = found.first().map(|(pointer, value)| (pointer.clone(), *value)).unwrap_or_default();
    let name = match name {
        Value::String(text) => shown(text),
        other => shown(&other.to_string()),
    };
    let message = format!(
        "`{}` and `{}` are the same {} `{name}`: two resources cannot share one identity\n  {}:{}\n  {}:{}",
        first.address,
        second.address,
        if rules.words.is_empty() { &second.kind } else { &rules.words },
        first.place.file,
        line(first, &pointer),
        second.place.file,
        line(second, &pointer),
    );
    Fault::new(line(second, &pointer), message).help("give one of them another name, or take it out")
}

fn line(resource: &Resource, pointer: &str) -> u32 {
    resource.places.get(pointer).copied().unwrap_or(resource.place.line)
}

/// A pointer as people write it.
fn property(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}

/// The places that a pattern of the rules means, with their values: `*` stands for every index or key.
pub(in crate::deploy) fn places<'v>(value: &'v Value, pattern: &str) -> Vec<(String, &'v Value)> {
    let mut found = vec![(String::new(), value)];
    for step in pattern.split('/').skip(1) {
        let mut next = Vec::new();
        for (pointer, value) in found {
            match value {
                Value::Object(entries) if step == "*" => {
                    next.extend(entries.iter().map(|(key, item)| (format!("{pointer}/{}", escaped(key)), item)))
                }
                Value::Array(items) if step == "*" => {
                    next.extend(items.iter().enumerate().map(|(index, item)| (format!("{pointer}/{index}"), item)));
                }
                Value::Object(entries) => {
                    let key = step.replace("~1", "/").replace("~0", "~");
                    next.extend(entries.get(&key).map(|item| (format!("{pointer}/{step}"), item)));
                }
                Value::Array(items) => {
                    let item = step.parse::<usize>().ok().and_then(|index| items.get(index));
                    next.extend(item.map(|item| (format!("{pointer}/{step}"), item)));
                }
                _ => {}
            }
        }
        found = next;
    }
    found
}

/// A key as one step of a JSON pointer (RFC 6901).
pub(in crate::deploy) fn escaped(key: &str) -> String {
    if key.contains(['~', '/']) { key.replace('~', "~0").replace('/', "~1") } else { key.to_owned() }
}
