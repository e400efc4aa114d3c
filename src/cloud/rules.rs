//! What is known of each provider's types beyond their schemas, from `templates/<provider>/types.toml`: what may not be
//! changed, what is never told, what counts as equal, what holds data, and how long things take.

use std::{collections::BTreeMap, sync::OnceLock};

use serde::Deserialize;

use crate::project::Provider;

/// All types of one provider that the stacks use.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// When this was last compared with the provider's documents, a date.
    pub date: String,
    /// By the provider's name of the type.
    pub types: BTreeMap<String, TypeRules>,
}

/// Whether a second call to create is harmless, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Again {
    /// Its identity is a name that we choose: a second call finds it or repeats it.
    Name,
    /// The provider keeps our token and answers the second call like the first.
    Token,
    /// Neither: before a second call, look for our marks.
    #[default]
    Look,
}

/// How a resource that cannot be changed in place is exchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exchange {
    /// The old one goes first: both cannot stand at a time.
    #[default]
    DeleteFirst,
    /// The new one comes first.
    CreateFirst,
}

/// One type. Pointers are JSON pointers into the properties, in which `*` stands for every index of a list or every
/// key of an object.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TypeRules {
    /// What it is, for people who do not know the provider's word: "bucket", "database server".
    pub words: String,
    /// What it holds that would be lost with it: "pictures", "the database". Empty: nothing.
    pub holds: String,
    /// May not be changed: a difference means a new resource.
    pub create_only: Vec<String>,
    /// Amounts of what is kept, where `*[a.b=X]` stands for those entries that have X at a/b (a retention, whether versions are kept, a disk): where one falls or goes, data is lost.
    pub shrinks: Vec<String>,
    /// Ages at which the provider deletes data: where one is set or falls, data is lost.
    pub expires: Vec<String>,
    /// Never told by the provider: compared with what was last set.
    pub write_only: Vec<String>,
    /// Set by the provider alone: an error in a template.
    pub read_only: Vec<String>,
    /// A value that means the same as absence.
    pub defaults: BTreeMap<String, toml::Value>,
    /// Lists whose order means nothing.
    pub unordered: Vec<String>,
    /// Strings whose letters' case means nothing.
    pub any_case: Vec<String>,
    /// Strings that hold JSON, compared as JSON.
    pub json_text: Vec<String>,
    /// Differences that are nobody's: the provider changes them by itself.
    pub ignore: Vec<String>,
    /// The pointers whose values, with the kind and region, are its identity; two resources may not share one.
    pub identity: Vec<String>,
    /// Whether that identity is unique in the whole world, and so may be taken by a stranger.
    pub worldwide: bool,
    /// What its names must be like, by pointer.
    pub names: BTreeMap<String, NameRule>,
    /// Only one change at a time among the resources for which this is equal: a word, in which `{region}` and
    /// `{/pointer}` are replaced. Empty: no limit.
    pub serial: String,
    /// The shortest and longest usual time of a creation, in minutes.
    pub minutes: [f64; 2],
    /// After how many minutes an operation is given up.
    pub timeout_minutes: f64,
    /// For Azure: the api-version.
    pub api_version: String,
    /// For a provider with several ways: which one (`native`, `cloud-control`; a service's name).
    pub route: String,
    /// Whether a second call to create is harmless.
    pub again: Again,
    /// How it is exchanged.
    pub exchange: Exchange,
    /// Deleted ones are kept for a while and block their name.
    pub soft_delete: bool,
    /// When the provider retires it, a date; empty: not announced.
    pub retires: String,
    /// Where that is written, or why an entry is as it is.
    pub source: String,
    /// The line of the price table that says what one costs a month; empty: nothing.
    pub price: String,
}

/// What a name must be like.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NameRule {
    /// The fewest characters.
    pub min: usize,
    /// The most characters.
    pub max: usize,
    /// The characters allowed, as ranges: "a-z0-9-".
    pub characters: String,
}

const TEXTS: [(Provider, &str); 4] = [
    (Provider::Aws, include_str!("../../templates/aws/types.toml")),
    (Provider::Azure, include_str!("../../templates/azure/types.toml")),
    (Provider::Gcp, include_str!("../../templates/gcp/types.toml")),
    (Provider::Custom, include_str!("../../templates/custom/types.toml")),
];

impl Rules {
    /// The rules of a provider.
    ///
    /// # Panics
    /// Never in a release: a test reads all of them.
    #[must_use]
    pub fn of(provider: Provider) -> &'static Self {
        static ALL: [OnceLock<Rules>; 4] = [const { OnceLock::new() }; 4];
        let index = TEXTS.iter().position(|(of, _)| *of == provider).unwrap_or(0);
        ALL[index].get_or_init(|| match toml::from_str(TEXTS[index].1) {
            Ok(rules) => rules,
            Err(error) => unreachable!("templates/{}/types.toml is wrong: {error}", provider.as_str()),
        })
    }

    /// The rules of one type; `None` where wildcam does not know it.
    #[must_use]
    pub fn get(&self, kind: &str) -> Option<&TypeRules> {
        self.types.get(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_every_provider_can_be_read() {
        for (provider, _) in TEXTS {
            let rules = Rules::of(provider);
            assert!(!rules.date.is_empty());
            for (kind, of) in &rules.types {
                assert!(!of.words.is_empty(), "{kind} has no words");
                assert!(of.minutes[0] <= of.minutes[1], "{kind}");
                assert!(of.timeout_minutes > of.minutes[1], "{kind} would be given up before it usually ends");
            }
        }
    }
}
