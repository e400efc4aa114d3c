//! CloudFormation: one template for each region of each AWS cloud, and beside it the list with which a change set of the
//! type IMPORT takes the resources over.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Ejected, File, LeftOut, capitals, id, known};
use crate::{
    cloud::control::Address,
    deploy::{
        graph::{Graph, Resource},
        reference::{self, Part, Target},
        state::State,
        validate::schema::Schema,
    },
    project::Provider,
};

/// The most resources that one template may have.
const MOST: usize = 500;

/// How the types call what has no region.
const GLOBAL: &str = "global";

/// The resources of all AWS clouds as templates; those of other clouds are named as left out.
#[must_use]
pub fn cloudformation(graph: &Graph, state: &State) -> Ejected {
    let mut ejected = Ejected::default();
    let mut stacks: BTreeMap<(String, String), Vec<&Resource>> = BTreeMap::new();
    for resource in graph.resources.values() {
        if resource.provider == Provider::Aws {
            let region = region(graph, resource);
            stacks.entry((resource.address.cloud.clone(), region)).or_default().push(resource);
        } else {
            let why = "CloudFormation makes nothing outside of AWS".to_owned();
            ejected.left_out.push(LeftOut { address: resource.address.clone(), why });
        }
    }
    for ((cloud, region), resources) in stacks {
        let mut stack = Stack::of(graph, state, &resources);
        let mut written = Map::new();
        for resource in &resources {
            if let Some(body) = stack.resource(resource) {
                written.insert(stack.names[&resource.address].clone(), body);
            }
        }
        if written.len() > MOST {
            let why = format!("a template holds {MOST} resources at most; split it before it is used");
            ejected.left_out.extend(resources.first().map(|first| LeftOut { address: first.address.clone(), why }));
        }
        let imports = stack.imports(&resources, &written);
        let mut template = json!({
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": format!(
                "{} ({}), {cloud} in {region}, as wildcam left it", state.project, state.environment
            ),
            "Resources": written,
        });
        if !stack.parameters.is_empty() {
            template["Parameters"] = json!(stack.parameters);
        }
        if !stack.left_out.is_empty() {
            let lines: Vec<String> =
                stack.left_out.iter().map(|left| format!("{}: {}", left.address, left.why)).collect();
            template["Metadata"] = json!({ "LeftOut": lines });
        }
        let name = format!("{cloud}-{region}");
        ejected.files.push(File { name: format!("{name}.template.json"), text: pretty(&template) });
        ejected.files.push(File { name: format!("{name}.import.json"), text: pretty(&json!(imports)) });
        ejected.left_out.append(&mut stack.left_out);
    }
    ejected.left_out.sort();
    ejected
}

fn pretty(value: &Value) -> String {
    // A value that was made of strings and maps of strings can always be written.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// The region of a resource; what has none goes with the region in which its cloud has the most.
fn region(graph: &Graph, resource: &Resource) -> String {
    if resource.region != GLOBAL {
        return resource.region.clone();
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let own = graph.resources.values().filter(|other| other.address.cloud == resource.address.cloud);
    for other in own.filter(|other| other.region != GLOBAL) {
        *counts.entry(&other.region).or_default() += 1;
    }
    counts
        .into_iter()
        .max_by_key(|(_, count)| *count)
        .map_or_else(|| "us-east-1".to_owned(), |(name, _)| name.to_owned())
}

struct Stack<'a> {
    graph: &'a Graph,
    state: &'a State,
    /// The names in this template.
    names: BTreeMap<Address, String>,
    parameters: BTreeMap<String, Value>,
    left_out: Vec<LeftOut>,
    /// What the resource at hand refers to in this template.
    reaches: BTreeSet<String>,
}

impl<'a> Stack<'a> {
    fn of(graph: &'a Graph, state: &'a State, resources: &[&Resource]) -> Self {
        let mut names = BTreeMap::new();
        let mut taken = BTreeSet::new();
        for resource in resources {
            let base = capitals(&format!("{}/{}", resource.address.stack, resource.address.name));
            let mut name = base.clone();
            let mut number = 2;
            while !taken.insert(name.clone()) {
                name = format!("{base}{number}");
                number += 1;
            }
            names.insert(resource.address.clone(), name);
        }
        Self { graph, state, names, parameters: BTreeMap::new(), left_out: Vec::new(), reaches: BTreeSet::new() }
    }

    fn leave_out(&mut self, address: &Address, why: impl Into<String>) {
        self.left_out.push(LeftOut { address: address.clone(), why: why.into() });
    }

    fn resource(&mut self, resource: &Resource) -> Option<Value> {
        self.reaches.clear();
        let properties = match self.value(resource, &resource.properties) {
            Ok(properties) => properties,
            Err(why) => {
                self.leave_out(&resource.address, why);
                return None;
            }
        };
        let mut body = json!({
            "Type": resource.kind,
            // Whatever happens to the stack: what stands stays.
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": properties,
        });
        let own = &self.names[&resource.address];
        let after: Vec<&String> = resource
            .needs
            .iter()
            .filter_map(|needed| self.names.get(needed))
            .filter(|name| *name != own && !self.reaches.contains(*name))
            .collect();
        if !after.is_empty() {
            body["DependsOn"] = json!(after);
        }
        Some(body)
    }

    fn value(&mut self, resource: &Resource, value: &Value) -> Result<Value, String> {
        match value {
            Value::String(text) if text.contains("${") => self.text(resource, text),
            Value::Array(items) => {
                items.iter().map(|item| self.value(resource, item)).collect::<Result<_, _>>().map(Value::Array)
            }
            Value::Object(entries) => {
                let mut written = Map::new();
                for (key, inner) in entries {
                    let key = if key.contains("${") { self.key(resource, key)? } else { key.clone() };
                    written.insert(key, self.value(resource, inner)?);
                }
                Ok(Value::Object(written))
            }
            _ => Ok(value.clone()),
        }
    }

    /// A key cannot be computed here: only what the state knows can stand in it.
    fn key(&self, resource: &Resource, key: &str) -> Result<String, String> {
        let parts = reference::parse(key, &resource.address).map_err(|error| error.to_string())?;
        let mut whole = String::new();
        for part in parts {
            match part {
                Part::Text(text) => whole.push_str(&text),
                Part::Of(target) => match known(self.state, &target) {
                    Some(Value::String(text)) => whole.push_str(&text),
                    _ => return Err(format!("the key `{key}` is computed, and the state does not know {target} yet")),
                },
                Part::Secret(_) => return Err("a secret stands in a key".to_owned()),
            }
        }
        Ok(whole)
    }

    fn text(&mut self, resource: &Resource, text: &str) -> Result<Value, String> {
        let parts = reference::parse(text, &resource.address).map_err(|error| error.to_string())?;
        let mut pieces = Vec::new();
        for part in parts {
            pieces.push(match part {
                Part::Text(text) => Value::String(text),
                Part::Of(target) => self.target(&target)?,
                Part::Secret(secret) => {
                    let name = format!("Secret{}", capitals(&secret.to_string()));
                    let about = format!("What {secret} holds");
                    self.parameters
                        .insert(name.clone(), json!({ "Type": "String", "NoEcho": true, "Description": about }));
                    json!({ "Ref": name })
                }
            });
        }
        Ok(match pieces.as_slice() {
            [one] => one.clone(),
            _ if pieces.iter().all(Value::is_string) => {
                Value::String(pieces.iter().filter_map(Value::as_str).collect())
            }
            _ => json!({ "Fn::Join": ["", pieces] }),
        })
    }

    fn target(&mut self, target: &Target) -> Result<Value, String> {
        if let (Some(name), Some(resource)) =
            (self.names.get(&target.address).cloned(), self.graph.resources.get(&target.address))
            && let Some(schema) = Schema::of(resource.provider, &resource.kind)
            && let Some(value) = self.inside(&name, resource, schema, &target.path)?
        {
            return Ok(value);
        }
        if let Some(value) = known(self.state, target) {
            return Ok(value);
        }
        let name = capitals(&target.to_string());
        let about = format!("What {target} is: it stands elsewhere and is not known yet");
        self.parameters.insert(name.clone(), json!({ "Type": "String", "Description": about }));
        Ok(json!({ "Ref": name }))
    }

    /// A reference within the template; `None` where CloudFormation cannot tell it.
    fn inside(
        &mut self,
        name: &str,
        resource: &Resource,
        schema: &Schema,
        path: &str,
    ) -> Result<Option<Value>, String> {
        let pointer = match (path, schema.identifier.as_slice()) {
            ("", [only]) => only.clone(),
            ("", _) => return Ok(None),
            (path, _) => format!("/{}", path.replace('.', "/")),
        };
        if Schema::covers(&schema.read_only, &pointer) {
            self.reaches.insert(name.to_owned());
            return Ok(Some(json!({ "Fn::GetAtt": [name, pointer[1..].replace('/', ".")] })));
        }
        // What can be set cannot be asked for, save a name, which is what Ref gives.
        if schema.identifier.len() == 1 && schema.identifier[0] == pointer {
            self.reaches.insert(name.to_owned());
            return Ok(Some(json!({ "Ref": name })));
        }
        match resource.properties.pointer(&pointer) {
            Some(set) => self.value(resource, &set.clone()).map(Some),
            None => Ok(None),
        }
    }

    /// What is to be imported, with the identifiers of the state.
    fn imports(&mut self, resources: &[&Resource], written: &Map<String, Value>) -> Vec<Value> {
        let mut imports = Vec::new();
        for resource in resources {
            let name = self.names[&resource.address].clone();
            let Some(schema) = Schema::of(resource.provider, &resource.kind).filter(|_| written.contains_key(&name))
            else {
                continue;
            };
            match self.identifier(resource, schema) {
                Some(identifier) => imports.push(json!({
                    "ResourceType": resource.kind, "LogicalResourceId": name, "ResourceIdentifier": identifier,
                })),
                None => {
                    let why = "the state does not know it: it is in the template and not in the list of imports, so that \
                               CloudFormation would make it";
                    self.leave_out(&resource.address, why);
                }
            }
        }
        imports
    }

    fn identifier(&self, resource: &Resource, schema: &Schema) -> Option<Value> {
        let entry = self.state.resources.get(&resource.address)?;
        let parts: Vec<&str> = entry.id.split('|').collect();
        let mut identifier = Map::new();
        for (index, pointer) in schema.identifier.iter().enumerate() {
            let told = entry.live.pointer(pointer).or_else(|| entry.applied.pointer(pointer)).and_then(Value::as_str);
            let in_id = (parts.len() == schema.identifier.len()).then(|| parts[index]).filter(|part| !part.is_empty());
            // A record without a set has no such part.
            let Some(value) = told.or(in_id) else {
                if schema.identifier.len() > 1 && id(self.state, &resource.address).is_some() {
                    continue;
                }
                return None;
            };
            identifier.insert(pointer[1..].to_owned(), json!(value));
        }
        (!identifier.is_empty()).then_some(Value::Object(identifier))
    }
}
