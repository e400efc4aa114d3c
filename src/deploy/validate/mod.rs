//! Whether what the templates render is what the providers' schemas allow, without a network.

mod embedded;
pub mod fault;
pub mod schema;

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

use self::{
    fault::{Fault, FaultKind, Meaning, nearest},
    schema::{Schema, Type},
};
use super::{
    graph::{Graph, Resource},
    reference::{self, Part, Target},
};
use crate::{
    cloud::{control::Address, rules::Rules},
    project::Provider,
};

/// One thing that is wrong with a rendered template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Of which resource.
    pub address: Address,
    /// The provider's type.
    pub kind: String,
    /// The template, as people find it.
    pub file: String,
    /// The line in it, from 1.
    pub line: u32,
    /// Where in the properties, a JSON pointer; empty: the resource itself.
    pub pointer: String,
    /// In which way it is wrong.
    pub fault: FaultKind,
    /// What is wrong.
    pub message: String,
    /// What was probably meant.
    pub nearest: Option<String>,
    /// What to do.
    pub next_step: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}{}: {}", self.file, self.line, self.address, self.pointer, self.message)?;
        match &self.nearest {
            Some(meant) => write!(f, "; did you mean `{meant}`?"),
            None => Ok(()),
        }
    }
}

/// Everything in which the resources of a graph are not what their providers' schemas allow, in the order of the
/// templates. A reference must lead to an attribute that the other type's schema has, and be of a type that fits.
#[must_use]
pub fn check(graph: &Graph) -> Vec<Finding> {
    let mut findings: Vec<Finding> = graph.resources.values().flat_map(|resource| of_one(graph, resource)).collect();
    findings.sort_by(|a, b| (&a.file, a.line, &a.address, &a.pointer).cmp(&(&b.file, b.line, &b.address, &b.pointer)));
    findings
}

fn of_one(graph: &Graph, resource: &Resource) -> Vec<Finding> {
    let Some(schema) = Schema::of(resource.provider, &resource.kind) else {
        return vec![unknown_type(resource)];
    };
    let meaning = |value: &Value| meaning(graph, resource, value);
    let mut found = fault::faults(schema, &resource.properties, &meaning);
    found.extend(keys(graph, resource));
    found.into_iter().map(|fault| finding(resource, fault)).collect()
}

fn unknown_type(resource: &Resource) -> Finding {
    let known = Rules::of(resource.provider).get(&resource.kind).is_some();
    let next_step = if known {
        format!("add {} to xtask/schemas.toml and run `cargo xtask schemas`", resource.kind)
    } else {
        "take one of the types that wildcam knows".to_owned()
    };
    Finding {
        address: resource.address.clone(),
        kind: resource.kind.clone(),
        file: resource.place.file.clone(),
        line: resource.place.line,
        pointer: String::new(),
        fault: FaultKind::Unknown,
        message: format!("there is no schema of `{}` to check it against", resource.kind),
        nearest: nearest(&resource.kind, Schema::kinds(resource.provider)).map(str::to_owned),
        next_step,
    }
}

fn finding(resource: &Resource, fault: Fault) -> Finding {
    let name = fault::unescape(fault.pointer.rsplit('/').next().unwrap_or_default());
    let next_step = match (&fault.nearest, fault.kind) {
        (Some(meant), _) => format!("write `{meant}`"),
        (None, FaultKind::Unknown | FaultKind::ReadOnly) => format!("leave `{name}` out"),
        (None, FaultKind::Missing) => "add it".to_owned(),
        (None, FaultKind::Conflict) => "leave one of them out".to_owned(),
        (None, FaultKind::Reference) => "refer to something else".to_owned(),
        (None, _) => format!("change `{name}`"),
    };
    Finding {
        address: resource.address.clone(),
        kind: resource.kind.clone(),
        file: resource.place.file.clone(),
        line: line(resource, &fault.pointer),
        pointer: fault.pointer,
        fault: fault.kind,
        message: fault.message,
        nearest: fault.nearest,
        next_step,
    }
}

/// The line of a pointer, or of the nearest thing around it that has one.
fn line(resource: &Resource, pointer: &str) -> u32 {
    let mut at = pointer;
    loop {
        if let Some(line) = resource.places.get(at) {
            return *line;
        }
        match at.rsplit_once('/') {
            Some((around, _)) => at = around,
            None => return resource.place.line,
        }
    }
}

fn meaning<'g>(graph: &'g Graph, resource: &Resource, value: &Value) -> Meaning<'g> {
    match value {
        Value::String(text) if text.contains("${") => match reference::parse(text, &resource.address) {
            Err(error) => Meaning::Nothing(error.to_string()),
            Ok(parts) => of_parts(graph, &parts),
        },
        Value::Object(entries) if entries.contains_key(reference::SECRET) => Meaning::SomeText,
        Value::Object(entries) if entries.contains_key(reference::UNKNOWN) => Meaning::Of(&[]),
        _ => Meaning::Itself,
    }
}

fn of_parts<'g>(graph: &'g Graph, parts: &[Part]) -> Meaning<'g> {
    match parts {
        [Part::Text(text)] => return Meaning::Text(text.clone()),
        [Part::Of(target)] => {
            return match types_of(graph, target) {
                Ok(types) => Meaning::Of(types),
                Err(words) => Meaning::Nothing(words),
            };
        }
        _ => {}
    }
    for part in parts {
        let Part::Of(target) = part else { continue };
        match types_of(graph, target) {
            Err(words) => return Meaning::Nothing(words),
            Ok(types) if !types.is_empty() && types.iter().all(|of| matches!(of, Type::Object | Type::Array)) => {
                return Meaning::Nothing(format!("`{target}` is {}, and has no place within a text", types[0].words()));
            }
            Ok(_) => {}
        }
    }
    Meaning::SomeText
}

/// The types that an attribute may have; empty: any. The error says what is wrong with the way to it.
fn types_of<'g>(graph: &'g Graph, target: &Target) -> Result<&'g [Type], String> {
    let resource =
        graph.resources.get(&target.address).ok_or_else(|| format!("there is no resource {}", target.address))?;
    if target.path.is_empty() {
        return Ok(&[Type::String]);
    }
    let Some(schema) = Schema::of(resource.provider, &resource.kind) else { return Ok(&[]) };
    let mut node = schema.node(&schema.root);
    let mut rest = target.path.as_str();
    while !rest.is_empty() {
        // A key may itself hold dots: the longest that is named wins.
        let named = rest.match_indices('.').map(|(at, _)| at).chain([rest.len()]);
        let cut = named.rev_by_length().find(|at| node.properties.contains_key(&rest[..*at]));
        let cut = cut.or_else(|| rest.find('.')).unwrap_or(rest.len());
        let key = &rest[..cut];
        let Some(child) = schema.child(node, key) else {
            let mut words = format!("{} has no `{key}` to refer to", resource.kind);
            if let Some(meant) = nearest(key, node.properties.keys().map(String::as_str)) {
                words.push_str(&format!("; did you mean `{meant}`?"));
            }
            return Err(words);
        };
        node = schema.node(child);
        rest = rest.get(cut + 1..).unwrap_or_default();
    }
    Ok(node.types.list())
}

/// The longest first.
trait ByLength: Iterator<Item = usize> + Sized {
    fn rev_by_length(self) -> std::vec::IntoIter<usize> {
        let mut all: Vec<usize> = self.collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all.into_iter()
    }
}

impl<I: Iterator<Item = usize>> ByLength for I {}

/// References in the keys of maps.
fn keys(graph: &Graph, resource: &Resource) -> Vec<Fault> {
    let mut found = Vec::new();
    keys_of(graph, resource, &resource.properties, "", &mut found);
    found
}

fn keys_of(graph: &Graph, resource: &Resource, value: &Value, at: &str, found: &mut Vec<Fault>) {
    match value {
        Value::Object(entries) => {
            for (key, inner) in entries {
                let at = format!("{at}/{}", fault::escape(key));
                if key.contains("${")
                    && let Meaning::Nothing(words) = meaning(graph, resource, &Value::String(key.clone()))
                {
                    found.push(Fault {
                        kind: FaultKind::Reference,
                        pointer: at.clone(),
                        message: words,
                        nearest: None,
                    });
                }
                keys_of(graph, resource, inner, &at, found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                keys_of(graph, resource, item, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// Where templates/PROVIDER/types.toml and the schemas do not agree: a type without a schema, a pointer that leads
/// nowhere, and, where the provider marks them (AWS does), what can be set at creation only or is never told. One line
/// for each, with the type.
#[must_use]
pub fn agree() -> Vec<String> {
    let mut lines = Vec::new();
    for provider in [Provider::Aws, Provider::Azure, Provider::Gcp, Provider::Custom] {
        for (kind, rules) in &Rules::of(provider).types {
            let Some(schema) = Schema::of(provider, kind) else {
                lines.push(format!("{kind}: it has no schema"));
                continue;
            };
            let lists: BTreeMap<&str, (&[String], Option<&[String]>)> = BTreeMap::from([
                ("create_only", (&*rules.create_only, Some(&*schema.create_only))),
                ("write_only", (&*rules.write_only, Some(&*schema.write_only))),
                ("read_only", (&*rules.read_only, None)),
                ("unordered", (&*rules.unordered, None)),
                ("identity", (&*rules.identity, None)),
            ]);
            for (list, (ours, theirs)) in lists {
                for pointer in ours.iter().filter(|pointer| !leads_somewhere(schema, pointer)) {
                    lines.push(format!("{kind}: {list} names {pointer}, which the schema does not have"));
                }
                let marked = theirs.filter(|_| provider == Provider::Aws).unwrap_or_default();
                for pointer in marked.iter().filter(|pointer| !Schema::covers(ours, pointer)) {
                    lines.push(format!("{kind}: {list} does not name {pointer}, which the provider marks"));
                }
            }
        }
    }
    lines
}

fn leads_somewhere(schema: &Schema, pointer: &str) -> bool {
    let keys: Vec<String> = pointer.split('/').skip(1).map(fault::unescape).collect();
    schema.at(keys.iter().map(String::as_str)).is_some()
}

#[cfg(test)]
mod tests;
