//! Azure: the models of its management packages, which are generated from the same descriptions as the resource types.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    fetch::Packages,
    format::{self, Draft, Source},
};
use crate::program;

const READER: &str = include_str!("azure_models.py");

/// The flags that the reader sets on fields, and the marks that they become.
const FLAGS: [(&str, &str); 3] =
    [("$readOnly", "readOnly"), ("$createOnly", "createOnly"), ("$writeOnly", "writeOnly")];

/// A package and what is taken from it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Package {
    package: String,
    version: String,
    /// When it was published.
    date: String,
    /// The folder of the models in it.
    models: String,
    api_version: String,
    types: BTreeMap<String, Kind>,
}

/// One type.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kind {
    /// How it is placed: the words of templates/azure/types.toml.
    route: String,
    /// The model of the request.
    body: String,
    /// The model of the answer, where it is another: what only it has is read-only.
    #[serde(default)]
    answer: Option<String>,
    /// Further settable properties that the model does not have, with their types.
    #[serde(default)]
    extra: BTreeMap<String, String>,
    /// Whether the adapter makes the name.
    #[serde(default)]
    names_itself: bool,
    /// What the adapter fills in and the model demands, among `properties`.
    #[serde(default)]
    filled: Vec<String>,
}

/// The drafts of all types of all packages.
///
/// # Errors
///
/// When a package cannot be had, or has no such model.
pub(super) fn drafts(packages: &Packages, wanted: &[Package]) -> Result<Vec<Draft>, String> {
    let mut drafts = Vec::new();
    for package in wanted {
        let unpacked = packages.python(&package.package, &package.version)?;
        let models = Models::read(packages, &unpacked.join(&package.models))?;
        for (kind, of) in &package.types {
            drafts.push(models.draft(kind, of, package)?);
        }
    }
    Ok(drafts)
}

struct Models {
    classes: Map<String, Value>,
}

impl Models {
    fn read(packages: &Packages, folder: &Path) -> Result<Self, String> {
        let text = program::output(packages.interpreter().arg("-c").arg(READER).arg(folder))?;
        let classes = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self { classes })
    }

    fn draft(&self, kind: &str, of: &Kind, package: &Package) -> Result<Draft, String> {
        let mut definitions: Map<String, Value> =
            self.classes.keys().map(|name| (name.clone(), self.node(name))).collect();
        let body = self.inlined(&of.body)?;
        let mut root = match &of.answer {
            Some(answer) => joined(body, &self.inlined(answer)?),
            None => body,
        };
        place(&mut root, of);
        let mut marks = BTreeMap::new();
        for (flag, mark) in FLAGS {
            marks.insert(mark, format::pointers(&root, &definitions, &|node| node.get(flag).is_some()));
            format::strip(&mut root, flag);
            definitions.values_mut().for_each(|node| format::strip(node, flag));
        }
        let source =
            Source { package: package.package.clone(), version: package.version.clone(), date: package.date.clone() };
        let mut facts = Map::new();
        facts.insert("apiVersion".to_owned(), Value::from(package.api_version.as_str()));
        if matches!(of.route.as_str(), "group" | "tracked" | "tagged") {
            facts.insert("tags".to_owned(), Value::from("/tags"));
        }
        let mut draft = Draft { kind: kind.to_owned(), source, facts, marks, root, definitions };
        draft.prune();
        Ok(draft)
    }

    /// The root of a model, with the model of its `properties` in place.
    fn inlined(&self, name: &str) -> Result<Value, String> {
        if !self.classes.contains_key(name) {
            return Err(format!("there is no model {name}"));
        }
        let mut root = self.node(name);
        let inner = root.pointer("/properties/properties/ref").and_then(Value::as_str).map(|inner| self.node(inner));
        if let (Some(inner), Some(place)) = (inner, root.pointer_mut("/properties/properties")) {
            *place = inner;
        }
        Ok(root)
    }

    /// A model with what it inherits.
    fn node(&self, name: &str) -> Value {
        let mut node = json!({ "type": "object" });
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for ancestor in self.line(name).into_iter().rev() {
            let class = &self.classes[&ancestor];
            properties
                .extend(class["properties"].as_object().into_iter().flatten().map(|(k, v)| (k.clone(), clean(v))));
            required.extend(class["required"].as_array().into_iter().flatten().cloned());
            if let Some(more) = class.get("additional") {
                node["additional"] = more.clone();
            }
        }
        if properties.is_empty() && node.get("additional").is_none() && self.children(name).is_empty() {
            node["additional"] = json!({});
        }
        if !properties.is_empty() {
            node["properties"] = Value::Object(properties);
        }
        required.sort_by_key(ToString::to_string);
        required.dedup();
        if !required.is_empty() {
            node["required"] = Value::Array(required);
        }
        if let Some(property) = self.classes[name].get("by").and_then(Value::as_str) {
            let types: Map<String, Value> =
                self.children(name).into_iter().map(|(value, child)| (value, json!({ "ref": child }))).collect();
            if !types.is_empty() {
                node["discriminator"] = json!({ "property": property, "types": types });
            }
        }
        node
    }

    /// A class and its ancestors, nearest first.
    fn line(&self, name: &str) -> Vec<String> {
        let mut line = vec![name.to_owned()];
        let mut at = 0;
        while let Some(current) = line.get(at) {
            let bases = self.classes[current]["bases"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let new: Vec<String> = bases
                .filter(|base| self.classes.contains_key(*base) && !line.iter().any(|known| known == base))
                .map(str::to_owned)
                .collect();
            line.extend(new);
            at += 1;
        }
        line
    }

    /// The forms of a discriminated class: value and class.
    fn children(&self, name: &str) -> Vec<(String, String)> {
        let listed = self.classes[name].get("subtypes").and_then(Value::as_object).into_iter().flatten();
        let listed = listed.filter_map(|(value, child)| Some((value.clone(), child.as_str()?.to_owned())));
        let named =
            self.classes.iter().filter(|(child, _)| *child != name && self.line(child).contains(&name.to_owned()));
        let named = named.filter_map(|(child, class)| Some((class.get("value")?.as_str()?.to_owned(), child.clone())));
        listed.chain(named).collect()
    }
}

/// Patterns that our reader cannot read go, and empty lists of required keys.
fn clean(field: &Value) -> Value {
    let mut field = field.clone();
    if let Value::Object(map) = &mut field {
        if let Some(text) = map.get("pattern").and_then(Value::as_str) {
            match format::pattern(text) {
                Some(pattern) => map.insert("pattern".to_owned(), Value::from(pattern)),
                None => map.remove("pattern"),
            };
        }
        if map.get("required").is_some_and(|required| *required == json!([])) {
            map.remove("required");
        }
        if let Some(Value::Object(inner)) = map.get_mut("properties") {
            inner.values_mut().for_each(|value| *value = clean(value));
        }
    }
    field
}

/// The request with what only the answer has, which is read-only; the same within `properties`.
fn joined(mut body: Value, answer: &Value) -> Value {
    for at in ["/properties", "/properties/properties/properties"] {
        let told = answer.pointer(at).and_then(Value::as_object);
        if let (Some(told), Some(Value::Object(settable))) = (told, body.pointer_mut(at)) {
            for (name, field) in told {
                settable.entry(name).or_insert_with(|| {
                    let mut field = field.clone();
                    field["$readOnly"] = json!(true);
                    field
                });
            }
        }
    }
    body
}

/// What a resource's place is made of in our properties: name, group or scope. Its location is the resource's region.
fn place(root: &mut Value, of: &Kind) {
    let mut required: Vec<Value> = root["required"].as_array().cloned().unwrap_or_default();
    required.retain(|name| name != "location" && name != "name");
    let mut ours = vec![("name", !of.names_itself)];
    match of.route.as_str() {
        "tracked" | "tagged" | "child" => ours.push(("resourceGroup", true)),
        "extension" => ours.push(("scope", true)),
        _ => {}
    }
    for (name, must) in ours {
        root["properties"][name] = json!({ "type": "string", "$createOnly": true });
        if must {
            required.push(json!(name));
        }
    }
    for name in ["id", "type", "systemData", "etag", "location"] {
        if let Some(field) = root["properties"].get_mut(name) {
            field["$readOnly"] = json!(true);
        }
    }
    for (name, kind) in &of.extra {
        root["properties"][name] = json!({ "type": kind });
    }
    root["required"] = Value::Array(required);
    if let Some(demanded) = root.pointer_mut("/properties/properties/required").and_then(Value::as_array_mut) {
        demanded.retain(|name| !name.as_str().is_some_and(|name| of.filled.iter().any(|filled| filled == name)));
    }
}
