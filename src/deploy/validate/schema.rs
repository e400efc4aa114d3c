//! The schemas of the providers' types, in one shape for all of them.
//!
//! templates/schemas/PROVIDER/TYPE.json holds one type, made by `cargo xtask schemas` from the provider's own and without
//! its prose (those of the custom cloud are written by hand). A file is an object:
//!
//! | word | meaning |
//! |---|---|
//! | `type` | the provider's name of the type |
//! | `source` | `package`, `version` and `date` of what it was taken from |
//! | `apiVersion` | Azure: of which api-version |
//! | `identifier` | pointers whose values, joined with <code>&#124;</code>, are the provider's id (Cloud Control) |
//! | `tags` | pointer of the place of tags or labels |
//! | `handlers` | AWS: the permissions that each operation needs; an operation that is not there is not offered |
//! | `readOnly`, `createOnly`, `writeOnly` | JSON pointers; `*` stands for any index or key |
//! | `sometimesCreateOnly` | pointers that may or may not be changed, by the value |
//! | `definitions` | nodes by name |
//! | `root` | the node of the properties |
//!
//! A node says what a value may be: `type` (one or several of object, array, string, integer, number, boolean; absent:
//! any), `ref` (the definition of this name, instead of everything else), `properties`, `required`, `additional` (the node
//! of keys that `properties` does not name; absent: there may be none), `items`, `enum`, `pattern` (found anywhere in the
//! string), `minLength`, `maxLength`, `min`, `max`, `minItems`, `maxItems`, `unique`, `requiredOne` (exactly one of these
//! keys), `requiredAny` (at least one), `dependentRequired` and `dependentExcluded` (keys that a key wants or forbids
//! beside it), `discriminator` (`property`, and by its value the node whose properties join).

use std::{collections::BTreeMap, sync::OnceLock};

use serde::Deserialize;
use serde_json::Value;

use super::embedded::FILES;
use crate::project::Provider;

/// Where a schema was taken from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The package's name in its registry.
    pub package: String,
    /// Its version.
    pub version: String,
    /// The date of the schema.
    pub date: String,
}

/// One type.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Schema {
    /// The provider's name of the type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it was taken from.
    pub source: Source,
    /// Azure: the api-version that it describes.
    #[serde(default)]
    pub api_version: Option<String>,
    /// Pointers whose values, joined with `|`, are the provider's id.
    #[serde(default)]
    pub identifier: Vec<String>,
    /// The pointer of the place of tags or labels.
    #[serde(default)]
    pub tags: Option<String>,
    /// What each operation needs to be allowed.
    #[serde(default)]
    pub handlers: BTreeMap<String, Vec<String>>,
    /// Set by the provider alone.
    #[serde(default)]
    pub read_only: Vec<String>,
    /// May be set at creation only.
    #[serde(default)]
    pub create_only: Vec<String>,
    /// May be changed or not, by the value.
    #[serde(default)]
    pub sometimes_create_only: Vec<String>,
    /// Never told by the provider.
    #[serde(default)]
    pub write_only: Vec<String>,
    /// Nodes by name.
    #[serde(default)]
    pub definitions: BTreeMap<String, Node>,
    /// The properties.
    pub root: Node,
}

/// What kind of JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// `{}`
    Object,
    /// `[]`
    Array,
    /// `""`
    String,
    /// A number without a fraction.
    Integer,
    /// Any number.
    Number,
    /// `true` and `false`.
    Boolean,
}

impl Type {
    /// For people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Object => "a map",
            Self::Array => "a list",
            Self::String => "a string",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "true or false",
        }
    }

    /// Whether a value of `self` serves where `wanted` is asked for.
    #[must_use]
    pub fn serves(self, wanted: Self) -> bool {
        self == wanted || self == Self::Integer && wanted == Self::Number
    }
}

/// One type or several.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(untagged)]
pub enum Types {
    /// Any.
    #[default]
    Any,
    /// This one.
    One(Type),
    /// One of these.
    Several(Vec<Type>),
}

impl Types {
    /// The types; empty: any.
    #[must_use]
    pub fn list(&self) -> &[Type] {
        match self {
            Self::Any => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
        }
    }
}

/// A regular expression, compiled when it is first asked.
#[derive(Debug, Deserialize)]
#[serde(from = "String")]
pub struct Pattern {
    /// As the provider writes it.
    pub text: String,
    compiled: OnceLock<Option<regex::Regex>>,
}

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        Self { text, compiled: OnceLock::new() }
    }
}

impl Pattern {
    /// Whether it is found in `text`.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        // A test compiles every pattern that is embedded, so that none is passed over here.
        self.compiled
            .get_or_init(|| regex::Regex::new(&self.text).ok())
            .as_ref()
            .is_none_or(|regex| regex.is_match(text))
    }
}

/// A choice of further properties by the value of one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Discriminator {
    /// The property whose value decides.
    pub property: String,
    /// The further properties.
    pub types: BTreeMap<String, Node>,
}

/// What a value may be.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Node {
    /// Its types.
    #[serde(rename = "type")]
    pub types: Types,
    /// The definition that says it.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// The keys of an object.
    pub properties: BTreeMap<String, Node>,
    /// Keys that must be there.
    pub required: Vec<String>,
    /// Of all other keys; `None`: there may be none.
    pub additional: Option<Box<Node>>,
    /// Of the items of a list.
    pub items: Option<Box<Node>>,
    /// The values that are allowed; empty: all.
    #[serde(rename = "enum")]
    pub allowed: Vec<Value>,
    /// What a string must be like.
    pub pattern: Option<Pattern>,
    /// The fewest characters.
    pub min_length: Option<usize>,
    /// The most characters.
    pub max_length: Option<usize>,
    /// The least number.
    pub min: Option<f64>,
    /// The greatest number.
    pub max: Option<f64>,
    /// The fewest items.
    pub min_items: Option<usize>,
    /// The most items.
    pub max_items: Option<usize>,
    /// No item twice.
    pub unique: bool,
    /// Exactly one of these keys.
    pub required_one: Vec<String>,
    /// At least one of these keys.
    pub required_any: Vec<String>,
    /// Keys that a key wants beside it.
    pub dependent_required: BTreeMap<String, Vec<String>>,
    /// Keys that a key forbids beside it.
    pub dependent_excluded: BTreeMap<String, Vec<String>>,
    /// Further properties by the value of one.
    pub discriminator: Option<Discriminator>,
}

impl Node {
    /// Whether it says nothing: any value will do.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.types.list().is_empty()
            && self.properties.is_empty()
            && self.reference.is_none()
            && self.discriminator.is_none()
    }
}

impl Schema {
    /// The schema of a type; `None` where wildcam has none. Read when it is first asked for.
    ///
    /// # Panics
    /// Never in a release: a test reads all of them.
    #[must_use]
    pub fn of(provider: Provider, kind: &str) -> Option<&'static Self> {
        Self::named(provider.as_str(), kind)
    }

    /// As [`Schema::of`], by the name of the folder below templates/schemas: a provider's word, or `terraform` for
    /// resources of Terraform's own providers.
    ///
    /// # Panics
    /// Never in a release: a test reads all of them.
    #[must_use]
    pub fn named(folder: &str, kind: &str) -> Option<&'static Self> {
        static READ: [OnceLock<Schema>; FILES.len()] = [const { OnceLock::new() }; FILES.len()];
        let index = FILES.binary_search_by(|(of, name, _)| (*of, *name).cmp(&(folder, kind))).ok()?;
        Some(READ[index].get_or_init(|| match serde_json::from_str(FILES[index].2) {
            Ok(schema) => schema,
            Err(error) => unreachable!("the schema of {kind} is wrong: {error}"),
        }))
    }

    /// The types of a provider that have a schema.
    pub fn kinds(provider: Provider) -> impl Iterator<Item = &'static str> {
        FILES.iter().filter(move |(of, ..)| *of == provider.as_str()).map(|(_, kind, _)| *kind)
    }

    /// The node that a node stands for.
    #[must_use]
    pub fn node<'a>(&'a self, mut node: &'a Node) -> &'a Node {
        // A definition that is nothing but another is followed; a circle of them would have no end.
        for _ in 0..16 {
            match node.reference.as_deref().and_then(|name| self.definitions.get(name)) {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }

    /// The node below `root` at the end of these keys; an index or `*` enters a list. `None` where there is none.
    #[must_use]
    pub fn at<'a, 'k>(&'a self, keys: impl IntoIterator<Item = &'k str>) -> Option<&'a Node> {
        let mut node = self.node(&self.root);
        for key in keys {
            node = self.node(self.child(node, key)?);
        }
        Some(node)
    }

    /// The node of a key or an index of `node`, in whichever form of a discriminated one.
    #[must_use]
    pub fn child<'a>(&'a self, node: &'a Node, key: &str) -> Option<&'a Node> {
        if let Some(child) = node.properties.get(key) {
            return Some(child);
        }
        let forms = node.discriminator.iter().flat_map(|of| of.types.values());
        if let Some(child) = forms.map(|form| self.node(form)).find_map(|form| form.properties.get(key)) {
            return Some(child);
        }
        let is_index = key == "*" || key.bytes().all(|byte| byte.is_ascii_digit());
        let any = node.is_any().then_some(node);
        node.items.as_deref().filter(|_| is_index).or(node.additional.as_deref()).or(any)
    }

    /// Whether one of `pointers` stands for `pointer` or for something that holds it.
    #[must_use]
    pub fn covers(pointers: &[String], pointer: &str) -> bool {
        pointers.iter().any(|covering| {
            let mut keys = pointer.split('/');
            covering.split('/').all(|wanted| keys.next().is_some_and(|key| wanted == "*" || wanted == key))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns<'a>(node: &'a Node, found: &mut Vec<&'a str>) {
        found.extend(node.pattern.iter().map(|pattern| pattern.text.as_str()));
        let forms = node.discriminator.iter().flat_map(|of| of.types.values());
        let inner =
            node.properties.values().chain(node.items.as_deref()).chain(node.additional.as_deref()).chain(forms);
        inner.for_each(|node| patterns(node, found));
    }

    fn references<'a>(node: &'a Node, found: &mut Vec<&'a str>) {
        found.extend(node.reference.as_deref());
        let forms = node.discriminator.iter().flat_map(|of| of.types.values());
        let inner =
            node.properties.values().chain(node.items.as_deref()).chain(node.additional.as_deref()).chain(forms);
        inner.for_each(|node| references(node, found));
    }

    #[test]
    fn every_schema_can_be_read_and_is_whole() {
        assert!(FILES.is_sorted_by_key(|(provider, kind, _)| (*provider, *kind)), "they are searched by halves");
        assert!(FILES.len() > 40, "{}", FILES.len());
        for provider in [Provider::Aws, Provider::Azure, Provider::Gcp, Provider::Custom] {
            for kind in Schema::kinds(provider) {
                let schema = Schema::of(provider, kind).unwrap();
                assert_eq!(schema.kind, kind);
                let (mut texts, mut names) = (Vec::new(), Vec::new());
                for node in schema.definitions.values().chain([&schema.root]) {
                    patterns(node, &mut texts);
                    references(node, &mut names);
                }
                for text in texts {
                    assert!(regex::Regex::new(text).is_ok(), "{kind}: {text}");
                }
                for name in names {
                    assert!(schema.definitions.contains_key(name), "{kind} has no {name}");
                }
                for pointer in schema.read_only.iter().chain(&schema.create_only).chain(&schema.identifier) {
                    assert!(schema.at(pointer.split('/').skip(1)).is_some(), "{kind} has no {pointer}");
                }
            }
        }
    }

    #[test]
    fn all_of_them_together_are_small() {
        let bytes: usize = FILES.iter().map(|(.., text)| text.len()).sum();
        assert!(bytes < 2 << 20, "{bytes}");
    }

    #[test]
    fn a_pointer_covers_what_lies_below_it() {
        let pointers = ["/Endpoint".to_owned(), "/List/*/Id".to_owned()];
        assert!(Schema::covers(&pointers, "/Endpoint/Address"));
        assert!(Schema::covers(&pointers, "/List/3/Id"));
        assert!(!Schema::covers(&pointers, "/List/3"));
        assert!(!Schema::covers(&pointers, "/EndpointOf"));
    }
}
