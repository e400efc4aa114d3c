//! From templates to the resource graph: minijinja, then YAML, then references, with errors at the template's own line.

mod context;
mod cycle;
pub mod embedded;
mod error;
mod expand;
mod files;
mod lines;
mod pasted;
mod stack;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub(in crate::deploy) use self::error::{Fault, shown};
use self::stack::{Draft, MOST_RESOURCES};
pub use self::{
    context::Tier,
    error::{Error, Invalid},
};
use super::{
    graph::{Graph, Place, Resource},
    names,
    price::Quantities,
    reference::{self, Part},
};
use crate::{
    cloud::{
        control::Address,
        rules::{Rules, TypeRules},
    },
    project::{Project, Provider},
};

/// Finds the rules of a type.
pub(in crate::deploy) type RulesOf<'r> = &'r dyn Fn(Provider, &str) -> Option<&'r TypeRules>;

/// A template's text and where people find it.
struct TemplateText {
    provider: Provider,
    stack: String,
    file: String,
    text: String,
}

impl TemplateText {
    fn named(provider: Provider, stack: &str, text: &str) -> Self {
        let file = format!("templates/{}/{stack}.yaml", provider.as_str());
        Self { provider, stack: stack.to_owned(), file, text: text.to_owned() }
    }
}

/// Everything that the project wants to stand, from its own templates and those that are built in.
///
/// # Errors
/// When a template cannot be read or rendered, is no YAML, has unknown keys or references, refers to itself in a
/// circle, or when resources share an identity or have impossible names.
pub fn render(project: &Project, environment: &str) -> Result<Graph, Error> {
    let mut all = Vec::new();
    for provider in providers(project) {
        all.extend(files::all(project, provider)?);
    }
    whole(project, environment, &all, &|provider, kind| Rules::of(provider).get(kind))
}

/// As [`render`], from these templates alone: provider, stack, text.
///
/// # Errors
/// As [`render`], without those of reading.
pub fn render_texts(project: &Project, environment: &str, texts: &[(Provider, &str, &str)]) -> Result<Graph, Error> {
    let all: Vec<TemplateText> =
        texts.iter().map(|(provider, stack, text)| TemplateText::named(*provider, stack, text)).collect();
    whole(project, environment, &all, &|provider, kind| Rules::of(provider).get(kind))
}

fn providers(project: &Project) -> Vec<Provider> {
    let all = [Provider::Aws, Provider::Azure, Provider::Gcp, Provider::Custom];
    all.into_iter().filter(|of| project.settings.clouds.values().any(|cloud| cloud.provider == *of)).collect()
}

/// A resource in the making, and the template that it comes from.
struct Drafted<'t> {
    draft: Draft,
    template: &'t TemplateText,
    provider: Provider,
    region: String,
}

fn whole(project: &Project, environment: &str, templates: &[TemplateText], rules: RulesOf<'_>) -> Result<Graph, Error> {
    let engine = expand::engine();
    let mut drafts: BTreeMap<Address, Drafted<'_>> = BTreeMap::new();
    let mut left_out: BTreeSet<(String, String)> = BTreeSet::new();
    let mut notes = Vec::new();
    for (name, cloud) in &project.settings.clouds {
        let own: Vec<&TemplateText> = templates.iter().filter(|text| text.provider == cloud.provider).collect();
        if own.is_empty() {
            continue;
        }
        let facts = context::of(project, environment, name, cloud)?;
        let region = facts["cloud"]["region"].as_str().unwrap_or_default().to_owned();
        let context = minijinja::Value::from(minijinja::value::Serde(facts.clone()));
        for template in own {
            let place = |fault: Fault| fault.within(&template.file, &template.text);
            let found = one(&engine, template, &context, name).map_err(place)?;
            let Some(found) = found else {
                if template.stack == "gateway" && facts["gateway"]["image"].is_null() {
                    notes.push(format!(
                        "{name}/gateway is left out: there is no image yet; next: wildcam gateway image --push"
                    ));
                }
                left_out.insert((name.clone(), template.stack.clone()));
                continue;
            };
            for draft in found {
                if drafts.len() >= MOST_RESOURCES {
                    return Err(place(Fault::new(draft.line, format!("more than {MOST_RESOURCES} resources"))));
                }
                let region = draft.region.clone().unwrap_or_else(|| region.clone());
                let address = draft.address.clone();
                drafts.insert(address, Drafted { draft, template, provider: cloud.provider, region });
            }
        }
    }
    let mut graph = connect(&drafts, &left_out, notes)?;
    graph.quantities = Quantities::of(project);
    let source_of =
        |address: &Address| drafts.get(address).map(|drafted| (&*drafted.template.file, &*drafted.template.text));
    let place = |found: Box<(Address, Fault)>| {
        let (address, fault) = *found;
        let (file, text) = source_of(&address).unwrap_or_default();
        fault.within(file, text)
    };
    cycle::check(&graph).map_err(place)?;
    names::check(&graph, rules).map_err(place)?;
    Ok(graph)
}

/// The resources of one template; `None` where it is left out.
fn one(
    engine: &minijinja::Environment<'_>,
    template: &TemplateText,
    context: &minijinja::Value,
    cloud: &str,
) -> Result<Option<Vec<Draft>>, Fault> {
    let bad_name = format!("{cloud}/{}/x", template.stack).parse::<Address>().is_err();
    if bad_name {
        return Err(Fault::new(1, format!("`{}` is no name for a stack", shown(&template.stack)))
            .help("rename the file: 1 to 40 of a-z, 0-9 and -, then .yaml"));
    }
    if expand::is_left_out(engine, &template.text, context) {
        return Ok(None);
    }
    let rendered = expand::expand(engine, &template.text, context)?;
    let document = yaml::read(&rendered.text, &|line| rendered.lines.line(line))?;
    stack::read(document, cloud, &template.stack)
}

/// Follows the references of all resources.
fn connect(
    drafts: &BTreeMap<Address, Drafted<'_>>,
    left_out: &BTreeSet<(String, String)>,
    notes: Vec<String>,
) -> Result<Graph, Error> {
    let mut graph = Graph { notes, ..Graph::default() };
    for (address, drafted) in drafts {
        let Drafted { draft, template, provider, region } = drafted;
        let place = |fault: Fault| fault.within(&template.file, &template.text);
        let known = |target: &Address, line: u32| {
            if drafts.contains_key(target) { Ok(()) } else { Err(unknown(target, address, line, drafts, left_out)) }
        };
        let mut needs = BTreeSet::new();
        for (text, line) in &draft.needs {
            let inner = text.strip_prefix("${").and_then(|text| text.strip_suffix('}')).unwrap_or(text);
            let target =
                reference::target(inner, address).map_err(|error| place(Fault::new(*line, error.to_string())))?;
            if !target.path.is_empty() {
                let message = format!("`needs` names a resource, not its property `{}`", shown(&target.path));
                return Err(place(Fault::new(*line, message).help(format!("write {}", target.address.name))));
            }
            known(&target.address, *line).map_err(place)?;
            needs.insert(target.address);
        }
        let mut linker = Linker { home: address, draft, needs: &mut needs, known: &known };
        let properties = linker.value(&draft.properties, &mut String::new()).map_err(place)?;
        let resource = Resource {
            address: address.clone(),
            provider: *provider,
            kind: draft.kind.clone(),
            region: region.clone(),
            properties,
            needs,
            place: Place { file: template.file.clone(), line: draft.line },
            places: draft.places.clone(),
        };
        graph.resources.insert(address.clone(), resource);
    }
    Ok(graph)
}

fn unknown(
    target: &Address,
    home: &Address,
    line: u32,
    drafts: &BTreeMap<Address, Drafted<'_>>,
    left_out: &BTreeSet<(String, String)>,
) -> Fault {
    let fault = Fault::new(line, format!("there is no resource `{target}`"));
    if left_out.contains(&(target.cloud.clone(), target.stack.clone())) {
        return fault.help(format!(
            "the stack {}/{} is left out by its `when`; refer to it only where it stands",
            target.cloud, target.stack
        ));
    }
    let in_stack = |stack: &str| {
        let of = drafts.keys().filter(|known| known.cloud == target.cloud && known.stack == stack);
        of.map(|known| known.name.as_str()).collect::<Vec<_>>()
    };
    let names = in_stack(&target.stack);
    if !names.is_empty() {
        return fault.meant(&target.name, names);
    }
    let all: Vec<String> = drafts.keys().map(Address::to_string).collect();
    match error::nearest(&target.to_string(), &all.iter().map(String::as_str).collect::<Vec<_>>()) {
        Some(name) => fault.help(format!("did you mean `{name}`?")),
        None => fault.meant(&target.name, in_stack(&home.stack)),
    }
}

/// Writes the references of one resource in full, and gathers what they lead to.
struct Linker<'l> {
    home: &'l Address,
    draft: &'l Draft,
    needs: &'l mut BTreeSet<Address>,
    known: &'l dyn Fn(&Address, u32) -> Result<(), Fault>,
}

impl Linker<'_> {
    fn value(&mut self, value: &Value, pointer: &mut String) -> Result<Value, Fault> {
        Ok(match value {
            Value::String(text) => Value::String(self.text(text, pointer)?),
            Value::Array(items) => {
                let mut list = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    list.push(self.below(item, pointer, &index.to_string())?);
                }
                Value::Array(list)
            }
            Value::Object(entries) => {
                let mut map = serde_json::Map::with_capacity(entries.len());
                for (key, item) in entries {
                    let step = key.replace('~', "~0").replace('/', "~1");
                    let item = self.below(item, pointer, &step)?;
                    let whole = self.text(key, pointer)?;
                    if key.contains("${secret:") {
                        return Err(Fault::new(self.line(pointer), "a secret is a value, not a key"));
                    }
                    map.insert(whole, item);
                }
                Value::Object(map)
            }
            other => other.clone(),
        })
    }

    fn below(&mut self, value: &Value, pointer: &mut String, step: &str) -> Result<Value, Fault> {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(step);
        let result = self.value(value, pointer);
        pointer.truncate(length);
        result
    }

    fn text(&mut self, text: &str, pointer: &str) -> Result<String, Fault> {
        if !text.contains("${") {
            return Ok(text.to_owned());
        }
        let line = self.line(pointer);
        let parts = reference::parse(text, self.home).map_err(|error| {
            Fault::new(line, error.to_string()).help("two characters that begin no reference are written `$${`")
        })?;
        for part in &parts {
            if let Part::Of(target) = part {
                (self.known)(&target.address, line)?;
                self.needs.insert(target.address.clone());
            }
        }
        Ok(reference::write(&parts))
    }

    fn line(&self, pointer: &str) -> u32 {
        self.draft.places.get(pointer).copied().unwrap_or(self.draft.line)
    }
}
