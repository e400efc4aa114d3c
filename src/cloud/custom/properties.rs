//! Reading what a template set: every key is known, every value has its type, or the request is refused.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::control::{Change, Failure, FailureKind};

/// The properties as the type `T`, which denies unknown fields.
///
/// # Errors
/// [`FailureKind::Invalid`]. The message names the field and its type, never its value: it may be a secret.
pub(super) fn read<T: DeserializeOwned>(call: &str, properties: &Value) -> Result<T, Failure> {
    T::deserialize(properties).map_err(|error| {
        let text = error.to_string();
        // serde shows a value of the wrong type or spelling; only unknown and missing fields are free of values.
        let harmless = text.starts_with("unknown field") || text.starts_with("missing field");
        let message =
            if harmless { text } else { "a property has the wrong type or is none of the known words".to_owned() };
        Failure::new(FailureKind::Invalid, call, message)
            .next_step("the types of a custom cloud and their properties are listed in templates/custom/types.toml")
    })
}

/// The first name of a change's pointer: the property that it is in.
pub(super) fn property(change: &Change) -> &str {
    change.pointer.trim_start_matches('/').split('/').next().unwrap_or_default()
}

/// Whether any change is in this property.
pub(super) fn touches(changes: &[Change], name: &str) -> bool {
    changes.iter().any(|change| property(change) == name)
}
