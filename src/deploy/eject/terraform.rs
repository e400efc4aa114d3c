//! Terraform: one configuration for all clouds, with an import block for everything that the state knows.
//!
//! AWS is written for the provider `awscc`, whose attributes are those of the resource schemas in other letters; Azure
//! for `azapi`, which takes bodies as they are; Google for `google`, by a table of names (google.rs); a cloud of one's own
//! for `aws` at its endpoint and for `postgresql`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Ejected, File, LeftOut, awscc, azapi, google,
    hcl::{self, Block, Expr, Item, Key, Piece},
    id, joined, known, own,
};
use crate::{
    cloud::control::Address,
    deploy::{
        graph::{Graph, Resource},
        reference::{self, Part, Target},
        state::State,
    },
    project::Provider,
};

/// Providers: name, source, the versions for which this was written.
const PROVIDERS: [(&str, &str, &str); 5] = [
    ("aws", "hashicorp/aws", ">= 6.0"),
    ("awscc", "hashicorp/awscc", ">= 1.60"),
    ("azapi", "Azure/azapi", ">= 2.4"),
    ("google", "hashicorp/google", ">= 6.50"),
    ("postgresql", "cyrilgdn/postgresql", ">= 1.25"),
];

/// What is asked of the person who applies it.
struct Variable {
    about: String,
    sensitive: bool,
    value: Option<String>,
}

/// What is shared by the writers of all providers.
pub(super) struct Writer<'a> {
    pub(super) graph: &'a Graph,
    pub(super) state: &'a State,
    labels: BTreeMap<Address, String>,
    variables: BTreeMap<String, Variable>,
    left_out: Vec<LeftOut>,
    /// What others want to know of a resource of azapi, which must be asked for.
    pub(super) exports: BTreeMap<Address, BTreeSet<String>>,
    providers: BTreeMap<(String, String), Block>,
}

/// What one resource becomes.
pub(super) struct Written {
    /// `resource` or `data` blocks; the first is the resource itself.
    pub(super) blocks: Vec<Block>,
    /// What imports the first: the id in the provider's words. `None` for what is only looked up.
    pub(super) import: Option<Expr>,
    /// Further imports: the resource's type, the label, the id.
    pub(super) further: Vec<(String, String, Expr)>,
}

/// All resources as Terraform. What it cannot say is left out by name.
#[must_use]
pub fn terraform(graph: &Graph, state: &State) -> Ejected {
    let mut writer = Writer::new(graph, state);
    // What azapi must ask for is known only when everything has been written once.
    for resource in graph.resources.values() {
        let _ = writer.one(resource);
    }
    let exports = std::mem::take(&mut writer.exports);
    writer = Writer::new(graph, state);
    writer.exports = exports;
    let mut files: BTreeMap<String, (Vec<Block>, Vec<Block>)> = BTreeMap::new();
    for resource in graph.resources.values() {
        let (blocks, imports) = files.entry(resource.address.cloud.clone()).or_default();
        match writer.one(resource) {
            Ok(written) => writer.keep(resource, written, blocks, imports),
            Err(why) => writer.leave_out(&resource.address, why),
        }
    }
    writer.files(files)
}

impl<'a> Writer<'a> {
    fn new(graph: &'a Graph, state: &'a State) -> Self {
        let mut labels = BTreeMap::new();
        let mut taken = BTreeSet::new();
        for address in graph.resources.keys() {
            let base = joined(&address.to_string(), '_');
            let base = if base.starts_with(|first: char| first.is_ascii_digit()) { format!("r_{base}") } else { base };
            let mut label = base.clone();
            let mut number = 2;
            while !taken.insert(label.clone()) {
                label = format!("{base}_{number}");
                number += 1;
            }
            labels.insert(address.clone(), label);
        }
        Self {
            graph,
            state,
            labels,
            variables: BTreeMap::new(),
            left_out: Vec::new(),
            exports: BTreeMap::new(),
            providers: BTreeMap::new(),
        }
    }

    fn one(&mut self, resource: &Resource) -> Result<Written, String> {
        match resource.provider {
            Provider::Aws => awscc::write(self, resource),
            Provider::Azure => azapi::write(self, resource),
            Provider::Gcp => google::write(self, resource),
            Provider::Custom => own::write(self, resource),
        }
    }

    fn keep(&mut self, resource: &Resource, written: Written, blocks: &mut Vec<Block>, imports: &mut Vec<Block>) {
        let Some(first) = written.blocks.first() else { return };
        let to = first.labels.join(".");
        let is_resource = first.kind == "resource";
        if is_resource && id(self.state, &resource.address).is_none() {
            let why = "the state does not know it: it has no import block, so that Terraform would make it";
            self.leave_out(&resource.address, why);
        } else if let Some(id) = written.import.filter(|_| is_resource) {
            imports.push(Block::new("import", &[]).with("to", Expr::Raw(to)).with("id", id));
            for (kind, label, id) in written.further {
                let to = Expr::Raw(format!("{kind}.{label}"));
                imports.push(Block::new("import", &[]).with("to", to).with("id", id));
            }
        }
        let mut own = written.blocks;
        if let Some(first) = own.first_mut() {
            let after = self.after(resource);
            if !after.is_empty() && is_resource {
                first.set("depends_on", Expr::List(after));
            }
        }
        blocks.append(&mut own);
    }

    /// What the template orders and no reference says.
    fn after(&self, resource: &Resource) -> Vec<Expr> {
        let mut referred = BTreeSet::new();
        targets(&resource.properties, &mut referred);
        let needed = resource.needs.iter().filter(|needed| !referred.contains(*needed));
        needed.filter_map(|needed| self.place(needed)).map(Expr::Raw).collect()
    }

    /// The address of a resource in Terraform's words.
    fn place(&self, address: &Address) -> Option<String> {
        let resource = self.graph.resources.get(address)?;
        let label = self.labels.get(address)?;
        let kind = match resource.provider {
            Provider::Aws => awscc::kind(&resource.kind),
            Provider::Azure => "azapi_resource".to_owned(),
            Provider::Gcp => google::kind(&resource.kind)?,
            Provider::Custom => own::kind(&resource.kind)?.to_owned(),
        };
        Some(format!("{kind}.{label}"))
    }

    /// The label of a resource.
    pub(super) fn label(&self, address: &Address) -> String {
        self.labels.get(address).cloned().unwrap_or_default()
    }

    /// Names something as left out.
    pub(super) fn leave_out(&mut self, address: &Address, why: impl Into<String>) {
        self.left_out.push(LeftOut { address: address.clone(), why: why.into() });
    }

    /// A variable, and the reference to it.
    pub(super) fn variable(&mut self, name: &str, about: &str, sensitive: bool, value: Option<String>) -> Expr {
        let name = joined(name, '_').to_lowercase();
        let reference = Expr::Raw(format!("var.{name}"));
        self.variables.entry(name).or_insert(Variable { about: about.to_owned(), sensitive, value });
        reference
    }

    /// A provider block, made once for each alias.
    pub(super) fn provider(&mut self, name: &str, alias: &str, make: impl FnOnce(&mut Self) -> Vec<Item>) -> Expr {
        let alias = joined(alias, '_');
        let key = (name.to_owned(), alias.clone());
        if !self.providers.contains_key(&key) {
            let items = make(self);
            let mut block = Block::new("provider", &[name]).with("alias", Expr::text(alias.clone()));
            block.items.extend(items);
            self.providers.insert(key, block);
        }
        Expr::Raw(format!("{name}.{alias}"))
    }

    /// A value with its keys as they are.
    pub(super) fn plain(&mut self, resource: &Resource, value: &Value) -> Result<Expr, String> {
        Ok(match value {
            Value::Null => Expr::Raw("null".to_owned()),
            Value::Bool(flag) => Expr::Bool(*flag),
            Value::Number(number) => Expr::Number(number.clone()),
            Value::String(text) => self.text(resource, text)?,
            Value::Array(items) => {
                Expr::List(items.iter().map(|item| self.plain(resource, item)).collect::<Result<_, _>>()?)
            }
            Value::Object(entries) => {
                let mut written = Vec::with_capacity(entries.len());
                for (key, inner) in entries {
                    written.push((self.key(resource, key)?, self.plain(resource, inner)?));
                }
                Expr::Map(written)
            }
        })
    }

    /// A key of a map, which may hold a reference.
    pub(super) fn key(&mut self, resource: &Resource, key: &str) -> Result<Key, String> {
        if !key.contains("${") {
            return Ok(Key::Text(key.to_owned()));
        }
        self.text(resource, key).map(Key::Of)
    }

    /// A text with its references and secrets.
    pub(super) fn text(&mut self, resource: &Resource, text: &str) -> Result<Expr, String> {
        if !text.contains("${") {
            return Ok(Expr::text(text));
        }
        let parts = reference::parse(text, &resource.address).map_err(|error| error.to_string())?;
        let mut pieces = Vec::new();
        for part in parts {
            let of = match part {
                Part::Text(text) => Expr::text(text),
                Part::Of(target) => self.reference(&target),
                Part::Secret(secret) => {
                    let secret = secret.to_string();
                    self.variable(&format!("secret_{secret}"), &format!("What {secret} holds"), true, None)
                }
            };
            pieces.push(of);
        }
        if pieces.len() == 1 {
            return Ok(pieces.remove(0));
        }
        let pieces = pieces.into_iter().flat_map(|piece| match piece {
            Expr::Text(inner) => inner,
            Expr::Raw(raw) => vec![Piece::Raw(raw)],
            Expr::Number(number) => vec![Piece::Text(number.to_string())],
            Expr::Bool(flag) => vec![Piece::Text(flag.to_string())],
            _ => Vec::new(),
        });
        Ok(Expr::Text(pieces.collect()))
    }

    /// What a reference becomes: the other resource's attribute, else what the state knows, else a variable.
    pub(super) fn reference(&mut self, target: &Target) -> Expr {
        if let Some(resource) = self.graph.resources.get(&target.address) {
            let attribute = match resource.provider {
                Provider::Aws => awscc::attribute(resource, &target.path),
                Provider::Azure => azapi::attribute(self, resource, &target.path),
                Provider::Gcp => google::attribute(resource, &target.path),
                Provider::Custom => own::attribute(resource, &target.path),
            };
            if let (Some(attribute), Some(place)) = (attribute, self.place(&target.address)) {
                return Expr::Raw(format!("{place}.{attribute}"));
            }
        }
        match known(self.state, target) {
            Some(Value::String(text)) => Expr::text(text),
            Some(Value::Number(number)) => Expr::Number(number),
            Some(Value::Bool(flag)) => Expr::Bool(flag),
            _ => {
                let about = format!("What {target} is: it stands elsewhere and is not known yet");
                self.variable(&target.to_string(), &about, false, None)
            }
        }
    }

    fn files(self, files: BTreeMap<String, (Vec<Block>, Vec<Block>)>) -> Ejected {
        let project = format!("{} ({}), as wildcam left it.", self.state.project, self.state.environment);
        let mut out = Vec::new();
        for (cloud, (blocks, imports)) in files {
            let mut comments = vec![project.clone()];
            let lines: Vec<String> = self
                .left_out
                .iter()
                .filter(|left| left.address.cloud == cloud)
                .map(|left| format!("Left out: {}: {}", left.address, left.why))
                .collect();
            comments.extend(lines);
            if !imports.is_empty() {
                let name = format!("{cloud}-imports.tf");
                out.push(File { name, text: hcl::file(std::slice::from_ref(&project), &imports) });
            }
            out.push(File { name: format!("{cloud}.tf"), text: hcl::file(&comments, &blocks) });
        }
        let mut required = Block::new("required_providers", &[]);
        for (name, source, version) in PROVIDERS {
            if self.providers.keys().any(|(used, _)| used == name) {
                required.set(
                    name,
                    Expr::Map(vec![
                        (Key::Text("source".to_owned()), Expr::text(source)),
                        (Key::Text("version".to_owned()), Expr::text(version)),
                    ]),
                );
            }
        }
        let mut first = Block::new("terraform", &[]).with("required_version", Expr::text(">= 1.11"));
        first.items.push(Item::Block(required));
        let mut blocks = vec![first];
        blocks.extend(self.providers.into_values());
        let comments = vec![
            project,
            "Run `terraform plan`: it shows imports, and changes only where the tags of wildcam go.".to_owned(),
        ];
        out.push(File { name: "versions.tf".to_owned(), text: hcl::file(&comments, &blocks) });
        let variables: Vec<Block> = self
            .variables
            .into_iter()
            .map(|(name, variable)| {
                let mut block = Block::new("variable", &[&name])
                    .with("description", Expr::text(variable.about))
                    .with("type", Expr::Raw("string".to_owned()));
                if variable.sensitive {
                    block.set("sensitive", Expr::Bool(true));
                }
                if let Some(value) = variable.value {
                    block.set("default", Expr::text(value));
                }
                block
            })
            .collect();
        if !variables.is_empty() {
            out.push(File { name: "variables.tf".to_owned(), text: hcl::file(&[], &variables) });
        }
        let mut left_out = self.left_out;
        left_out.sort();
        left_out.dedup();
        Ejected { files: out, left_out }
    }
}

/// The addresses that the references in a value lead to.
fn targets(value: &Value, found: &mut BTreeSet<Address>) {
    match value {
        Value::String(text) => found.extend(reference::targets(text).into_iter().map(|target| target.address)),
        Value::Array(items) => items.iter().for_each(|item| targets(item, found)),
        Value::Object(entries) => {
            for (key, inner) in entries {
                found.extend(reference::targets(key).into_iter().map(|target| target.address));
                targets(inner, found);
            }
        }
        _ => {}
    }
}

/// `to` of a resource: its type and label.
pub(super) fn resource_block(kind: &str, label: &str, provider: Expr) -> Block {
    Block::new("resource", &[kind, label]).with("provider", provider)
}
