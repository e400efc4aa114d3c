//! Google in the words of the provider `google`: its resources have names of their own, so each type has a line in a table
//! (google_types.rs), and the provider's own schema says what is a block, an attribute, or not to be had.

use serde_json::Value;

use super::{
    google_types::{Import, Op, Type, of},
    hcl::{Block, Expr, Item, Piece},
    id, joined,
    terraform::{Writer, Written, resource_block},
};
use crate::{
    deploy::{
        graph::Resource,
        reference::{self, Part},
        state::Entry,
        validate::schema::{Node, Schema, Type as Is},
    },
    project::Provider,
};

/// Where the schemas of Terraform's own provider lie among ours.
const TERRAFORM: &str = "terraform";

/// The provider's name of a type, with `data.` before what is only looked up.
pub(super) fn kind(kind: &str) -> Option<String> {
    let of = of(kind)?;
    Some(if of.looked_up { format!("data.{}", of.resource) } else { of.resource.to_owned() })
}

/// The schema of the provider's resource.
fn schema(of: &Type) -> Option<&'static Schema> {
    let name = if of.looked_up { format!("data_{}", of.resource) } else { of.resource.to_owned() };
    Schema::named(TERRAFORM, &name)
}

/// An attribute, as others refer to it; `None` where the provider does not tell it.
pub(super) fn attribute(resource: &Resource, path: &str) -> Option<String> {
    let of = of(&resource.kind)?;
    if path.is_empty() {
        return Some("id".to_owned());
    }
    if let Some((_, theirs)) = of.told.iter().find(|(ours, _)| *ours == path) {
        return Some((*theirs).to_owned());
    }
    let first = path.split('.').next().unwrap_or_default();
    if first != path {
        return None;
    }
    let name = match of.ops.iter().find(|(key, _)| *key == first) {
        Some((_, Op::Name(name))) => (*name).to_owned(),
        Some(_) => return None,
        None => snake(first),
    };
    let schema = schema(of)?;
    schema.node(&schema.root).properties.contains_key(&name).then_some(name)
}

/// A resource.
pub(super) fn write(writer: &mut Writer<'_>, resource: &Resource) -> Result<Written, String> {
    let of =
        of(&resource.kind).ok_or_else(|| format!("there is no line for {} in the table of names", resource.kind))?;
    let schema = schema(of).ok_or_else(|| format!("there is no schema of {}", of.resource))?;
    let cloud = resource.address.cloud.clone();
    let provider = writer.provider("google", &cloud, |writer| {
        let known = project(writer, &cloud);
        let variable = writer.variable(&format!("{cloud}_project"), "The project at Google", false, known);
        vec![Item::Attribute("project".to_owned(), variable)]
    });
    let mut block = resource_block(of.resource, &writer.label(&resource.address), provider);
    if of.looked_up {
        "data".clone_into(&mut block.kind);
        return Ok(Written { blocks: vec![block], import: None, further: Vec::new() });
    }
    if let Some(place) = of.place
        && !resource.properties.get(place).is_some_and(Value::is_string)
    {
        block.set(place, Expr::text(resource.region.clone()));
    }
    for (name, value) in of.fixed {
        block.set(name, Expr::Raw((*value).to_owned()));
    }
    let mut body = Body { writer, resource, of, schema, attributes: Vec::new(), blocks: Vec::new() };
    body.object(schema.node(&schema.root), &resource.properties, "")?;
    let (attributes, blocks) = (body.attributes, body.blocks);
    block.items.extend(attributes);
    block.items.extend(blocks);
    let entry = writer.state.resources.get(&resource.address);
    let import = id(writer.state, &resource.address).and_then(|id| import(of, id, entry)).map(Expr::text);
    Ok(Written { blocks: vec![block], import, further: Vec::new() })
}

/// The project, as the ids of the state have it.
fn project(writer: &Writer<'_>, cloud: &str) -> Option<String> {
    let own = writer.state.resources.iter().filter(|(address, _)| address.cloud == cloud);
    let mut ids = own.map(|(_, entry)| entry.id.as_str());
    ids.find_map(|id| id.strip_prefix("projects/")?.split('/').next().map(str::to_owned))
}

/// The id in the provider's words.
fn import(of: &Type, id: &str, entry: Option<&Entry>) -> Option<String> {
    match of.import {
        Import::Id => Some(id.to_owned()),
        Import::Values => {
            let parts: Vec<&str> = id.split('/').skip(1).step_by(2).collect();
            (!parts.is_empty()).then(|| parts.join("/"))
        }
        Import::Member(prefix) => {
            let entry = entry?;
            let text = |key: &str| {
                entry.live.get(key).or_else(|| entry.applied.get(key)).and_then(Value::as_str).map(str::to_owned)
            };
            Some(format!("{prefix}{} {} {}", text("resource")?, text("role")?, text("member")?))
        }
    }
}

struct Body<'w, 'a, 'r> {
    writer: &'w mut Writer<'a>,
    resource: &'r Resource,
    of: &'static Type,
    schema: &'static Schema,
    attributes: Vec<Item>,
    blocks: Vec<Item>,
}

impl Body<'_, '_, '_> {
    fn object(&mut self, node: &'static Node, value: &Value, at: &str) -> Result<(), String> {
        for (key, value) in value.as_object().into_iter().flatten() {
            let at = format!("{at}/{key}");
            let op = self.of.ops.iter().find(|(ours, _)| *ours == at.trim_start_matches('/') || *ours == key);
            match op.map(|(_, op)| op) {
                Some(Op::Flatten) => self.object(node, value, &at)?,
                Some(Op::Only(inner, name)) => {
                    if let Some(value) = value.get(inner) {
                        self.one(node, name, value, &at)?;
                    }
                }
                Some(Op::Short(name, theirs)) => self.short(name, theirs, value)?,
                Some(Op::Name(name)) => self.one(node, name, value, &at)?,
                None => self.one(node, &snake(key), value, &at)?,
            }
        }
        Ok(())
    }

    fn one(&mut self, node: &'static Node, name: &str, value: &Value, at: &str) -> Result<(), String> {
        let Some(child) = node.properties.get(name) else {
            let why = format!("{} has no `{name}` for {at}", self.of.resource);
            self.writer.leave_out(&self.resource.address, why);
            return Ok(());
        };
        let child = self.schema.node(child);
        let inner = child.items.as_deref().map(|items| self.schema.node(items));
        match (inner.filter(|inner| is_block(inner)), value) {
            (Some(inner), Value::Array(items)) => {
                for item in items {
                    self.block(inner, name, item, at)?;
                }
            }
            // A map of objects by their names is a list of blocks with their names in them.
            (Some(inner), Value::Object(entries)) if entries.values().all(Value::is_object) => {
                for item in entries.values() {
                    self.block(inner, name, item, at)?;
                }
            }
            (Some(inner), value) => self.block(inner, name, value, at)?,
            (None, value) if is_block(child) => self.block(child, name, value, at)?,
            (None, value) => {
                let value = self.scalar(child, value)?;
                self.attributes.push(Item::Attribute(name.to_owned(), value));
            }
        }
        Ok(())
    }

    fn block(&mut self, node: &'static Node, name: &str, value: &Value, at: &str) -> Result<(), String> {
        let outer = (std::mem::take(&mut self.attributes), std::mem::take(&mut self.blocks));
        let done = self.object(node, value, at);
        let mut block = Block::new(name, &[]);
        block.items.append(&mut self.attributes);
        block.items.append(&mut self.blocks);
        (self.attributes, self.blocks) = outer;
        self.blocks.push(Item::Block(block));
        done
    }

    /// Whole numbers and flags that Google takes as strings.
    fn scalar(&mut self, node: &Node, value: &Value) -> Result<Expr, String> {
        let is = |of: Is| node.types.list().contains(&of);
        match value {
            Value::String(text) if is(Is::Boolean) && matches!(text.as_str(), "true" | "false") => {
                Ok(Expr::Bool(text == "true"))
            }
            Value::String(text) if is(Is::Number) => match text.parse::<i64>() {
                Ok(number) => Ok(Expr::Number(number.into())),
                Err(_) => self.writer.text(self.resource, text),
            },
            other => self.writer.plain(self.resource, other),
        }
    }

    /// The parent's own short name, where Google takes its whole one.
    fn short(&mut self, name: &str, theirs: &str, value: &Value) -> Result<(), String> {
        let text = value.as_str().ok_or_else(|| format!("`{name}` is no text"))?;
        let parts = reference::parse(text, &self.resource.address).map_err(|error| error.to_string())?;
        let value = match parts.as_slice() {
            [Part::Of(target)] if target.path.is_empty() => {
                let parent = self.writer.graph.resources.get(&target.address);
                let parent = parent.filter(|parent| parent.provider == Provider::Gcp).and_then(|of| kind(&of.kind));
                let parent = parent.ok_or_else(|| format!("there is no resource {}", target.address))?;
                Expr::Raw(format!("{parent}.{}.{theirs}", self.writer.label(&target.address)))
            }
            _ => match self.writer.text(self.resource, text)? {
                Expr::Text(pieces) => match pieces.as_slice() {
                    [Piece::Text(whole)] => Expr::text(whole.rsplit('/').next().unwrap_or_default()),
                    _ => Expr::Text(pieces),
                },
                other => other,
            },
        };
        self.attributes.push(Item::Attribute(name.to_owned(), value));
        Ok(())
    }
}

/// Whether a node is a block: an object that names its keys.
fn is_block(node: &Node) -> bool {
    !node.properties.is_empty()
}

/// `uniformBucketLevelAccess` is `uniform_bucket_level_access`.
fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    joined(&out, '_')
}
