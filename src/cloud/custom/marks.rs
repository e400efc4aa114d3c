//! The marks of the owner: tags on a bucket, a small object or file where there are no tags, a comment in a database.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::control::Owner;

/// The object or file that bears the marks where the store has no tags. It also keeps what was asked for and the store
/// does not have.
pub(super) const MARKER: &str = ".wildcam/owner.json";

const PROJECT: &str = "wildcam-project";
const ENVIRONMENT: &str = "wildcam-environment";
const ADDRESS: &str = "wildcam-address";

/// Marks as they are written everywhere, with what belongs to them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Marks {
    #[serde(rename = "wildcam-project", default, skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    #[serde(rename = "wildcam-environment", default, skip_serializing_if = "Option::is_none")]
    environment: Option<String>,
    #[serde(rename = "wildcam-address", default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// Properties that were asked for and tolerated to be missing.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(super) asked: Map<String, Value>,
}

impl Marks {
    /// Of an owner.
    pub(super) fn of(owner: &Owner) -> Self {
        Self {
            project: Some(owner.project.clone()),
            environment: Some(owner.environment.clone()),
            address: Some(owner.address.to_string()),
            asked: Map::new(),
        }
    }

    /// The same with what was asked for.
    pub(super) fn asking(mut self, asked: Map<String, Value>) -> Self {
        self.asked = asked;
        self
    }

    /// The owner; `None` where a mark is missing or is none.
    pub(super) fn owner(&self) -> Option<Owner> {
        Some(Owner {
            project: self.project.clone()?,
            environment: self.environment.clone()?,
            address: self.address.as_ref()?.parse().ok()?,
        })
    }

    /// From a text that anybody may have written: what is no mark is as if it were not there.
    pub(super) fn read(text: &[u8]) -> Self {
        serde_json::from_slice(text).unwrap_or_default()
    }

    /// As a text.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Takes the marks out of tags.
    pub(super) fn take(tags: &mut BTreeMap<String, String>) -> Self {
        Self {
            project: tags.remove(PROJECT),
            environment: tags.remove(ENVIRONMENT),
            address: tags.remove(ADDRESS),
            asked: Map::new(),
        }
    }

    /// Puts the marks into tags.
    pub(super) fn put(&self, tags: &mut BTreeMap<String, String>) {
        for (key, value) in [(PROJECT, &self.project), (ENVIRONMENT, &self.environment), (ADDRESS, &self.address)] {
            if let Some(value) = value {
                tags.insert(key.to_owned(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_survive_text_and_tags_and_strangers_are_nobody() {
        let owner = Owner {
            project: "owls".to_owned(),
            environment: "default".to_owned(),
            address: "site/storage/pictures".parse().unwrap(),
        };
        let marks = Marks::of(&owner);
        assert_eq!(Marks::read(marks.text().as_bytes()).owner(), Some(owner.clone()));
        let mut tags = BTreeMap::from([("other".to_owned(), "tag".to_owned())]);
        marks.put(&mut tags);
        assert_eq!(tags.len(), 4);
        assert_eq!(Marks::take(&mut tags).owner(), Some(owner));
        assert_eq!(tags.len(), 1);
        for text in ["", "null", "[]", "{\"wildcam-project\":1}", "{\"wildcam-project\":\"owls\"}", "\u{0}"] {
            assert_eq!(Marks::read(text.as_bytes()).owner(), None, "{text:?}");
        }
    }
}
