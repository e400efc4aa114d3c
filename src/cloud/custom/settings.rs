//! What a bucket can be told, as properties and as S3's documents.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::s3::{Node, Sub};

/// `custom.bucket`, as a template sets it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Wish {
    /// Its name.
    pub(super) bucket: String,
    /// Whether versions can be locked; only when it is made.
    #[serde(default)]
    pub(super) object_lock: bool,
    pub(super) versioning: Option<Versioning>,
    pub(super) lifecycle: Option<Vec<Rule>>,
    pub(super) retention: Option<Retention>,
    pub(super) encryption: Option<Encryption>,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
    /// The properties that may be missing where the store cannot do them.
    #[serde(default)]
    pub(super) tolerate: Vec<String>,
}

/// Whether older versions are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Versioning {
    Enabled,
    Suspended,
}

/// How new objects are encrypted at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Encryption {
    #[serde(rename = "AES256")]
    Aes256,
}

/// How long new versions are kept from everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Retention {
    pub(super) mode: Mode,
    pub(super) days: u32,
}

/// Whether an administrator may lift a retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Mode {
    Governance,
    Compliance,
}

/// What happens to objects with time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Rule {
    pub(super) id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) prefix: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expire_days: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) noncurrent_days: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) abort_upload_days: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) transitions: Vec<Transition>,
}

/// A cheaper class of storage, for stores that have one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Transition {
    pub(super) days: u32,
    pub(super) storage_class: String,
}

/// The properties that are set by a document of their own, in the order in which they are set: the retention comes last,
/// so that nothing of ours is locked by it.
pub(super) const SETTINGS: [(&str, Sub); 4] = [
    ("Versioning", Sub::Versioning),
    ("Lifecycle", Sub::Lifecycle),
    ("Encryption", Sub::Encryption),
    ("Retention", Sub::ObjectLock),
];

impl Wish {
    /// The value of a setting and its document; `None` where the template does not set it.
    pub(super) fn setting(&self, name: &str) -> Option<(Value, Node)> {
        match name {
            "Versioning" => self.versioning.map(|status| {
                let word = if status == Versioning::Enabled { "Enabled" } else { "Suspended" };
                (json!(word), Node::new("VersioningConfiguration").with(Node::text("Status", word)))
            }),
            "Lifecycle" => self.lifecycle.as_ref().filter(|rules| !rules.is_empty()).map(|rules| {
                let document =
                    rules.iter().fold(Node::new("LifecycleConfiguration"), |all, rule| all.with(rule.node()));
                (json!(rules), document)
            }),
            "Encryption" => self.encryption.map(|encryption| {
                let default =
                    Node::new("ApplyServerSideEncryptionByDefault").with(Node::text("SSEAlgorithm", "AES256"));
                let document = Node::new("ServerSideEncryptionConfiguration").with(Node::new("Rule").with(default));
                (json!(encryption), document)
            }),
            "Retention" => self.retention.as_ref().map(|retention| (json!(retention), lock_document(Some(retention)))),
            _ => None,
        }
    }
}

/// Object lock, with or without a default retention.
pub(super) fn lock_document(retention: Option<&Retention>) -> Node {
    let document = Node::new("ObjectLockConfiguration").with(Node::text("ObjectLockEnabled", "Enabled"));
    let Some(retention) = retention else { return document };
    let mode = if retention.mode == Mode::Compliance { "COMPLIANCE" } else { "GOVERNANCE" };
    let default = Node::new("DefaultRetention")
        .with(Node::text("Mode", mode))
        .with(Node::text("Days", retention.days.to_string()));
    document.with(Node::new("Rule").with(default))
}

/// A document that turns a setting off by its content; `None` where it is deleted instead.
pub(super) fn off(sub: Sub) -> Option<Node> {
    match sub {
        Sub::Versioning => Some(Node::new("VersioningConfiguration").with(Node::text("Status", "Suspended"))),
        Sub::ObjectLock => Some(lock_document(None)),
        _ => None,
    }
}

impl Rule {
    fn node(&self) -> Node {
        let days = |name: &str, days: u32| Node::text(name, days.to_string());
        let mut rule = Node::new("Rule")
            .with(Node::text("ID", self.id.clone()))
            .with(Node::new("Filter").with(Node::text("Prefix", self.prefix.clone())))
            .with(Node::text("Status", "Enabled"));
        for step in &self.transitions {
            let class = Node::text("StorageClass", step.storage_class.clone());
            rule = rule.with(Node::new("Transition").with(days("Days", step.days)).with(class));
        }
        if let Some(count) = self.expire_days {
            rule = rule.with(Node::new("Expiration").with(days("Days", count)));
        }
        if let Some(count) = self.noncurrent_days {
            rule = rule.with(Node::new("NoncurrentVersionExpiration").with(days("NoncurrentDays", count)));
        }
        if let Some(count) = self.abort_upload_days {
            rule = rule.with(Node::new("AbortIncompleteMultipartUpload").with(days("DaysAfterInitiation", count)));
        }
        rule
    }

    /// The rule as a property. What it says beyond the words of a template is named, so that it shows as a difference.
    fn read(node: &Node) -> Value {
        let mut other = Vec::new();
        let mut rule = json!({ "Id": node.get(&["ID"]).unwrap_or_default() });
        let mut transitions = Vec::new();
        let days = |node: &Node, name: &str| node.get(&[name]).and_then(|text| text.parse::<u32>().ok());
        let plain =
            |node: &Node, names: &[&str]| node.children.iter().all(|child| names.contains(&child.name.as_str()));
        for child in &node.children {
            let known = match child.name.as_str() {
                "ID" => true,
                "Status" => child.text == "Enabled",
                "Prefix" => set_prefix(&mut rule, &child.text),
                "Filter" if child.children.is_empty() => true,
                "Filter" if plain(child, &["Prefix"]) => {
                    let prefix = child.get(&["Prefix"]).unwrap_or_default();
                    set_prefix(&mut rule, prefix)
                }
                "Expiration" if plain(child, &["Days"]) => set(&mut rule, "ExpireDays", days(child, "Days")),
                "NoncurrentVersionExpiration" if plain(child, &["NoncurrentDays"]) => {
                    set(&mut rule, "NoncurrentDays", days(child, "NoncurrentDays"))
                }
                "AbortIncompleteMultipartUpload" => {
                    set(&mut rule, "AbortUploadDays", days(child, "DaysAfterInitiation"))
                }
                "Transition" if plain(child, &["Days", "StorageClass"]) => {
                    let class = child.get(&["StorageClass"]);
                    days(child, "Days").zip(class).is_some_and(|(days, class)| {
                        transitions.push(json!({ "Days": days, "StorageClass": class }));
                        true
                    })
                }
                _ => false,
            };
            if !known {
                other.push(child.name.clone());
            }
        }
        if !transitions.is_empty() {
            rule["Transitions"] = Value::Array(transitions);
        }
        if !other.is_empty() {
            rule["Other"] = json!(other);
        }
        rule
    }
}

fn set(rule: &mut Value, name: &str, days: Option<u32>) -> bool {
    if let Some(days) = days {
        rule[name] = json!(days);
    }
    days.is_some()
}

fn set_prefix(rule: &mut Value, prefix: &str) -> bool {
    if !prefix.is_empty() {
        rule["Prefix"] = json!(prefix);
    }
    true
}

/// What a document says, as a property; `None` where it sets nothing.
pub(super) fn read(sub: Sub, document: &Node) -> Option<Value> {
    match sub {
        Sub::Versioning => document.get(&["Status"]).filter(|status| !status.is_empty()).map(|status| json!(status)),
        Sub::Lifecycle => {
            let rules: Vec<Value> = document.all("Rule").map(Rule::read).collect();
            (!rules.is_empty()).then(|| json!(rules))
        }
        Sub::Encryption => {
            let path = ["Rule", "ApplyServerSideEncryptionByDefault", "SSEAlgorithm"];
            document.get(&path).map(|algorithm| json!(algorithm))
        }
        Sub::ObjectLock => {
            let default = document.child("Rule")?.child("DefaultRetention")?;
            let number = |name: &str| default.get(&[name]).and_then(|text| text.parse::<u32>().ok());
            // S3 counts a year as 365 days.
            let days = number("Days").or_else(|| number("Years")?.checked_mul(365))?;
            Some(json!({ "Mode": default.get(&["Mode"])?, "Days": days }))
        }
        Sub::Tagging | Sub::PublicAccessBlock | Sub::Replication => None,
    }
}

/// The tags of a document.
pub(super) fn read_tags(document: &Node) -> BTreeMap<String, String> {
    let tags = document.child("TagSet").map(|set| set.all("Tag")).into_iter().flatten();
    tags.filter_map(|tag| Some((tag.get(&["Key"])?.to_owned(), tag.get(&["Value"])?.to_owned()))).collect()
}

/// The document of tags.
pub(super) fn tag_document(tags: &BTreeMap<String, String>) -> Node {
    let set = tags.iter().fold(Node::new("TagSet"), |set, (key, value)| {
        set.with(Node::new("Tag").with(Node::text("Key", key.clone())).with(Node::text("Value", value.clone())))
    });
    Node::new("Tagging").with(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(properties: Value) -> Wish {
        serde_json::from_value(properties).unwrap()
    }

    #[test]
    fn what_is_asked_for_is_read_back_alike() {
        let properties = json!({
            "Bucket": "pictures", "ObjectLock": true, "Versioning": "Enabled", "Encryption": "AES256",
            "Retention": { "Mode": "COMPLIANCE", "Days": 35 },
            "Lifecycle": [
                { "Id": "old", "NoncurrentDays": 90, "AbortUploadDays": 7 },
                { "Id": "reports", "Prefix": "reports/", "ExpireDays": 365,
                  "Transitions": [{ "Days": 90, "StorageClass": "COLD" }] },
            ],
        });
        let wish = wish(properties.clone());
        for (name, sub) in SETTINGS {
            let (value, document) = wish.setting(name).unwrap();
            assert_eq!(value, properties[name]);
            let document = Node::parse(document.document().as_bytes()).unwrap();
            assert_eq!(read(sub, &document), Some(value), "{name}");
        }
    }

    #[test]
    fn what_a_rule_says_beyond_our_words_is_a_difference() {
        let text = "<L><Rule><ID>a</ID><Status>Disabled</Status><Filter><Tag><Key>k</Key></Tag></Filter>\
                    <Expiration><Date>2030-01-01</Date></Expiration></Rule></L>";
        let rules = read(Sub::Lifecycle, &Node::parse(text.as_bytes()).unwrap()).unwrap();
        assert_eq!(rules, json!([{ "Id": "a", "Other": ["Status", "Filter", "Expiration"] }]));
    }

    #[test]
    fn misspelt_properties_are_refused() {
        for bad in [
            json!({ "Bucket": "b", "Versionning": "Enabled" }),
            json!({ "Bucket": "b", "Versioning": "On" }),
            json!({ "Bucket": "b", "Lifecycle": [{ "Id": "x", "ExpireDays": -1 }] }),
            json!({ "Bucket": "b", "Retention": { "Mode": "COMPLIANCE", "Days": 1, "Years": 1 } }),
            json!({}),
        ] {
            assert!(serde_json::from_value::<Wish>(bad.clone()).is_err(), "{bad}");
        }
    }
}
