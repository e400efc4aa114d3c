//! Terraform's provider `google`: the type definitions that the Cloud Development Kit for Terraform generates from the
//! provider's own schema. Only names and types of attributes and blocks are taken.

use std::{collections::BTreeMap, fs, path::Path};

use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    fetch::Packages,
    format::{Draft, Source},
};

/// What is taken.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Terraform {
    package: String,
    version: String,
    /// When it was published.
    date: String,
    resources: Vec<String>,
    data: Vec<String>,
}

/// The drafts of all resources and data sources; those of the latter are called `data_NAME`.
///
/// # Errors
///
/// When the package cannot be had or is not what it was.
pub(super) fn drafts(packages: &Packages, wanted: &Terraform) -> Result<Vec<Draft>, String> {
    let unpacked = packages.npm(&wanted.package, &wanted.version)?;
    let source = Source { package: wanted.package.clone(), version: wanted.version.clone(), date: wanted.date.clone() };
    let resources = wanted.resources.iter().map(|name| {
        let folder = name.trim_start_matches("google_").replace('_', "-");
        (name.clone(), folder)
    });
    let data = wanted.data.iter().map(|name| (format!("data_{name}"), format!("data-{}", name.replace('_', "-"))));
    resources
        .chain(data)
        .map(|(kind, folder)| {
            let folder = unpacked.join("package/lib").join(folder);
            draft(&kind, &definitions(&folder)?, source.clone()).ok_or_else(|| format!("{kind} has no definition"))
        })
        .collect()
}

/// The text of all type definitions of a folder.
fn definitions(folder: &Path) -> Result<String, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut text = String::new();
    for path in paths.iter().filter(|path| path.to_string_lossy().ends_with(".d.ts")) {
        text.push_str(&fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?);
    }
    Ok(text)
}

fn draft(kind: &str, text: &str, source: Source) -> Option<Draft> {
    let interface = Regex::new(r"(?s)export interface (\w+)( extends [\w.]+)? \{(.*?)\n\}").ok()?;
    let mut nodes = Map::new();
    let mut root = None;
    for found in interface.captures_iter(text) {
        let node = node(found.get(3)?.as_str());
        if found.get(2).is_some_and(|base| base.as_str().ends_with("TerraformMetaArguments")) {
            root = Some(node);
        } else {
            nodes.insert(found.get(1)?.as_str().to_owned(), node);
        }
    }
    let mut root = root?;
    if let Some(properties) = root["properties"].as_object_mut() {
        properties.remove("timeouts");
    }
    let mut read_only = vec!["/id".to_owned()];
    for (name, field) in told(text) {
        if root["properties"].get(&name).is_none() {
            root["properties"][&name] = field;
            read_only.push(format!("/{name}"));
        }
    }
    root["properties"]["id"] = json!({ "type": "string" });
    let mut draft = Draft {
        kind: kind.to_owned(),
        source,
        facts: Map::new(),
        marks: BTreeMap::from([("readOnly", read_only)]),
        root,
        definitions: nodes,
    };
    draft.prune();
    Some(draft)
}

/// An interface: each field stands below a comment that links to the attribute by its own name.
fn node(body: &str) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    let mut attribute = None;
    for line in body.lines().map(str::trim) {
        if let Some((_, link)) = line.split_once("{@link ") {
            let name = link.split_once('#').and_then(|(_, name)| name.split_whitespace().next());
            attribute = name.map(str::to_owned);
        }
        let Some(field) = line.strip_prefix("readonly ") else { continue };
        let (Some((name, kind)), Some(attribute)) = (field.split_once(": "), attribute.take()) else { continue };
        if !name.ends_with('?') {
            required.push(json!(attribute));
        }
        properties.insert(attribute, of(kind.trim_end_matches(';')));
    }
    let mut node = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        node["required"] = Value::Array(required);
    }
    node
}

fn of(kind: &str) -> Value {
    let kind = kind.split(" | ").next().unwrap_or_default();
    if let Some(items) = kind.strip_suffix("[]") {
        return json!({ "type": "array", "items": of(items) });
    }
    match kind {
        "string" | "boolean" | "number" => json!({ "type": kind }),
        // A map, whose type follows on the next line.
        "{" => json!({ "type": "object", "additional": {} }),
        name => json!({ "ref": name }),
    }
}

/// What the resource tells once it stands: the getters of its class.
fn told(text: &str) -> Vec<(String, Value)> {
    let class = ["extends cdktf.TerraformResource {", "extends cdktf.TerraformDataSource {"]
        .into_iter()
        .find_map(|base| text.split_once(base))
        .map(|(_, class)| class.split("\n}").next().unwrap_or_default())
        .unwrap_or_default();
    let getters = class.lines().filter_map(|line| line.trim().strip_prefix("get ")?.split_once("(): "));
    let plain = getters.filter_map(|(name, kind)| match kind.trim_end_matches(';') {
        kind @ ("string" | "number") => Some((snake(name), json!({ "type": kind }))),
        _ => None,
    });
    plain.filter(|(name, _)| !name.ends_with("_input")).collect()
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_and_blocks_are_read() {
        let text = "
export interface ThingConfig extends cdktf.TerraformMetaArguments {
    /**
    * Words {@link https://example.org/thing#kms_key_name Thing#kms_key_name}
    */
    readonly kmsKeyName?: string;
    /**
    * block
    *
    * Words {@link https://example.org/thing#rule Thing#rule}
    */
    readonly rule: ThingRule[] | cdktf.IResolvable;
    /**
    * Words {@link https://example.org/thing#labels Thing#labels}
    */
    readonly labels?: {
        [key: string]: string;
    };
}
export interface ThingRule {
    /**
    * Words {@link https://example.org/thing#age Thing#age}
    */
    readonly age?: number;
}
export declare class Thing extends cdktf.TerraformResource {
    get kmsKeyNameInput(): string | undefined;
    get selfLink(): string;
}
";
        let source = Source { package: "p".to_owned(), version: "1".to_owned(), date: "d".to_owned() };
        let draft = draft("google_thing", text, source).unwrap();
        assert_eq!(
            draft.root,
            json!({
                "type": "object", "required": ["rule"],
                "properties": {
                    "id": { "type": "string" },
                    "kms_key_name": { "type": "string" },
                    "labels": { "type": "object", "additional": {} },
                    "rule": { "type": "array", "items": { "ref": "ThingRule" } },
                    "self_link": { "type": "string" },
                }
            })
        );
        assert_eq!(draft.definitions["ThingRule"]["properties"], json!({ "age": { "type": "number" } }));
        assert_eq!(draft.marks["readOnly"], ["/id", "/self_link"]);
    }
}
