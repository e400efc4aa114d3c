//! Configurations of a bucket in two languages: the schema's JSON and S3's XML, from one table.

use serde_json::{Map, Value};

use crate::cloud::{
    aws::xml::Element,
    control::{Failure, FailureKind},
};

/// What a value is.
pub(super) enum Shape {
    /// A text.
    Text,
    /// A text that says something even when it is empty.
    Prefix,
    /// A number.
    Number,
    /// A truth.
    Truth,
    /// An object.
    Object(&'static [Field]),
    /// A list: elements of one name after another.
    List(&'static Shape),
}

/// A property, the path of its element, and what it is.
pub(super) type Field = (&'static str, &'static str, Shape);

use Shape::{List, Number, Object, Prefix, Text, Truth};

pub(super) const VERSIONING: Shape = Object(&[("Status", "Status", Text)]);

pub(super) const PUBLIC_ACCESS: Shape = Object(&[
    ("BlockPublicAcls", "BlockPublicAcls", Truth),
    ("IgnorePublicAcls", "IgnorePublicAcls", Truth),
    ("BlockPublicPolicy", "BlockPublicPolicy", Truth),
    ("RestrictPublicBuckets", "RestrictPublicBuckets", Truth),
]);

pub(super) const OWNERSHIP: Shape =
    Object(&[("Rules", "Rule", List(&Object(&[("ObjectOwnership", "ObjectOwnership", Text)])))]);

pub(super) const ENCRYPTION: Shape = Object(&[(
    "ServerSideEncryptionConfiguration",
    "Rule",
    List(&Object(&[
        (
            "ServerSideEncryptionByDefault",
            "ApplyServerSideEncryptionByDefault",
            Object(&[("SSEAlgorithm", "SSEAlgorithm", Text), ("KMSMasterKeyID", "KMSMasterKeyID", Text)]),
        ),
        ("BucketKeyEnabled", "BucketKeyEnabled", Truth),
    ])),
)]);

pub(super) const OBJECT_LOCK: Shape = Object(&[
    ("ObjectLockEnabled", "ObjectLockEnabled", Text),
    (
        "Rule",
        "Rule",
        Object(&[(
            "DefaultRetention",
            "DefaultRetention",
            Object(&[("Mode", "Mode", Text), ("Days", "Days", Number), ("Years", "Years", Number)]),
        )]),
    ),
]);

pub(super) const LIFECYCLE: Shape = Object(&[(
    "Rules",
    "Rule",
    List(&Object(&[
        ("Id", "ID", Text),
        ("Prefix", "Filter/Prefix", Text),
        ("Status", "Status", Text),
        (
            "Transitions",
            "Transition",
            List(&Object(&[("TransitionInDays", "Days", Number), ("StorageClass", "StorageClass", Text)])),
        ),
        ("ExpirationInDays", "Expiration/Days", Number),
        ("ExpiredObjectDeleteMarker", "Expiration/ExpiredObjectDeleteMarker", Truth),
        (
            "NoncurrentVersionTransitions",
            "NoncurrentVersionTransition",
            List(&Object(&[("TransitionInDays", "NoncurrentDays", Number), ("StorageClass", "StorageClass", Text)])),
        ),
        (
            "NoncurrentVersionExpiration",
            "NoncurrentVersionExpiration",
            Object(&[
                ("NoncurrentDays", "NoncurrentDays", Number),
                ("NewerNoncurrentVersions", "NewerNoncurrentVersions", Number),
            ]),
        ),
        (
            "AbortIncompleteMultipartUpload",
            "AbortIncompleteMultipartUpload",
            Object(&[("DaysAfterInitiation", "DaysAfterInitiation", Number)]),
        ),
    ])),
)]);

pub(super) const REPLICATION: Shape = Object(&[
    ("Role", "Role", Text),
    (
        "Rules",
        "Rule",
        List(&Object(&[
            ("Id", "ID", Text),
            ("Priority", "Priority", Number),
            ("Status", "Status", Text),
            ("Filter", "Filter", Object(&[("Prefix", "Prefix", Prefix)])),
            (
                "SourceSelectionCriteria",
                "SourceSelectionCriteria",
                Object(&[("SseKmsEncryptedObjects", "SseKmsEncryptedObjects", Object(&[("Status", "Status", Text)]))]),
            ),
            (
                "Destination",
                "Destination",
                Object(&[
                    ("Bucket", "Bucket", Text),
                    ("Account", "Account", Text),
                    ("StorageClass", "StorageClass", Text),
                    (
                        "EncryptionConfiguration",
                        "EncryptionConfiguration",
                        Object(&[("ReplicaKmsKeyID", "ReplicaKmsKeyID", Text)]),
                    ),
                ]),
            ),
            ("DeleteMarkerReplication", "DeleteMarkerReplication", Object(&[("Status", "Status", Text)])),
        ])),
    ),
]);

/// What an element says, in the schema's words; `None` where it says nothing.
pub(super) fn read(element: &Element, shape: &Shape) -> Option<Value> {
    let text = element.text.trim();
    match shape {
        Text => Some(text).filter(|text| !text.is_empty()).map(Value::from),
        Prefix => Some(Value::from(text)),
        Number => text.parse::<i64>().ok().map(Value::from),
        Truth => Some(text).filter(|text| !text.is_empty()).map(|text| Value::from(text.eq_ignore_ascii_case("true"))),
        Object(fields) => {
            let mut map = Map::new();
            for (name, path, inner) in *fields {
                let value = match inner {
                    List(of) => {
                        let items: Vec<Value> = element.all(path).filter_map(|item| read(item, of)).collect();
                        (!items.is_empty()).then_some(Value::Array(items))
                    }
                    other => element.at(path).and_then(|child| read(child, other)),
                };
                if let Some(value) = value {
                    map.insert((*name).to_owned(), value);
                }
            }
            (!map.is_empty()).then_some(Value::Object(map))
        }
        List(_) => None,
    }
}

/// Writes a value into an element.
///
/// # Errors
/// [`FailureKind::Invalid`] for a property that the table does not have, or a value of another kind.
pub(super) fn write(into: &mut Element, value: &Value, shape: &Shape, place: &str) -> Result<(), Failure> {
    let wrong = |what: &str| Failure::new(FailureKind::Invalid, "AWS::S3::Bucket", format!("`{place}` {what}"));
    match (shape, value) {
        (Text | Prefix, Value::String(text)) => text.clone_into(&mut into.text),
        (Number, Value::Number(number)) => into.text = number.to_string(),
        (Truth, Value::Bool(truth)) => into.text = truth.to_string(),
        // Templates and people write truths and numbers as texts too, and the schema allows it.
        (Number | Truth, Value::String(text)) => text.clone_into(&mut into.text),
        (Object(fields), Value::Object(map)) => {
            if let Some(key) = map.keys().find(|key| !fields.iter().any(|(name, ..)| name == key)) {
                return Err(wrong(&format!("has no `{key}`")));
            }
            for (name, path, inner) in *fields {
                let Some(value) = map.get(*name) else { continue };
                let place = format!("{place}/{name}");
                match (inner, value) {
                    (List(of), Value::Array(items)) => {
                        for item in items {
                            let mut child = Element::new(path);
                            write(&mut child, item, of, &place)?;
                            into.children.push(child);
                        }
                    }
                    (List(_), _) => return Err(wrong(&format!("wants a list as `{name}`"))),
                    (other, value) => write(descend(into, path), value, other, &place)?,
                }
            }
        }
        _ => return Err(wrong("is of the wrong kind")),
    }
    Ok(())
}

/// The element at a path, made where it is missing.
fn descend<'a>(element: &'a mut Element, path: &str) -> &'a mut Element {
    let mut here = element;
    for name in path.split('/') {
        let index = here.children.iter().position(|child| child.name == name).unwrap_or_else(|| {
            here.children.push(Element::new(name));
            here.children.len() - 1
        });
        here = &mut here.children[index];
    }
    here
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let lifecycle = json!({ "Rules": [{
            "Id": "colder",
            "Status": "Enabled",
            "Prefix": "detections/",
            "Transitions": [{ "TransitionInDays": 90, "StorageClass": "STANDARD_IA" }],
            "ExpirationInDays": 400,
            "NoncurrentVersionExpiration": { "NoncurrentDays": 30 },
        }] });
        let mut element = Element::new("LifecycleConfiguration");
        write(&mut element, &lifecycle, &LIFECYCLE, "").unwrap();
        assert_eq!(read(&element, &LIFECYCLE), Some(lifecycle));
        let typo = json!({ "Rules": [{ "Statuss": "Enabled" }] });
        let failure = write(&mut Element::new("x"), &typo, &LIFECYCLE, "LifecycleConfiguration").unwrap_err();
        assert!(failure.message.contains("Statuss"), "{failure}");
    }
}
