//! The typed resource graph that the templates of all clouds make together.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::price::Quantities;
use crate::{cloud::control::Address, project::Provider};

/// Where something stands in a template.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Place {
    /// The template, as people find it: `templates/aws/storage.yaml`, in the project or built in.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
}

/// One resource, with its references still in it.
///
/// A reference is `${...}` in any string: `${name}` the id of a resource of the same stack, `${name.Path.To.Attribute}`
/// one of its live properties, `${stack/name.Path}` one of another stack of the same cloud, `${cloud/stack/name.Path}`
/// one of another cloud, `${secret:env:NAME}` a secret, `$${` the two characters. A string that is nothing but one
/// reference takes the value's own type. In a graph every reference is written in full, with cloud and stack.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Which one it is.
    pub address: Address,
    /// Whose cloud it is in.
    pub provider: Provider,
    /// The provider's type.
    pub kind: String,
    /// The region, `global` where it has none.
    pub region: String,
    /// What the template sets, an object.
    pub properties: Value,
    /// What must stand before it: what it refers to, and what the template says under `needs`.
    pub needs: BTreeSet<Address>,
    /// Where it begins.
    pub place: Place,
    /// Where each of its properties stands, by JSON pointer.
    pub places: BTreeMap<String, u32>,
}

/// All resources of a project, without a cycle.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// By address.
    pub resources: BTreeMap<Address, Resource>,
    /// What should be known: a stack that was left out because something is still missing.
    pub notes: Vec<String>,
    /// What the prices of some resources depend on.
    pub quantities: Quantities,
}
