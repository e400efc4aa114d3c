//! Where a resource stands in Azure: ids, kinds, and the names in them.

use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use crate::cloud::{
    control::{Failure, FailureKind, Owner},
    rules::TypeRules,
};

/// How resources of a type are placed and what their bodies hold beside `properties`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// A resource group: location and tags, in the subscription itself.
    Group,
    /// In a resource group, with location and tags.
    Tracked,
    /// Below another resource, with tags and without a location.
    Tagged,
    /// Below another resource, with neither.
    Child,
    /// On another resource or group, named by `scope`.
    Extension,
}

impl Route {
    /// As `route` in types.toml says.
    pub(super) fn of(kind: &str, rules: &TypeRules) -> Result<Self, Failure> {
        match rules.route.as_str() {
            "group" => Ok(Self::Group),
            "tracked" => Ok(Self::Tracked),
            "tagged" => Ok(Self::Tagged),
            "child" => Ok(Self::Child),
            "extension" => Ok(Self::Extension),
            other => Err(invalid(kind, format!("templates/azure/types.toml gives it the unknown route `{other}`"))),
        }
    }

    /// Whether its body has a location.
    pub(super) fn has_location(self) -> bool {
        matches!(self, Self::Group | Self::Tracked)
    }

    /// Whether it bears tags.
    pub(super) fn has_tags(self) -> bool {
        matches!(self, Self::Group | Self::Tracked | Self::Tagged)
    }
}

fn invalid(call: &str, message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Invalid, call, message)
}

/// One part of an id: 1 to 260 characters that need no care in a path.
fn is_part(part: &str) -> bool {
    (1..=260).contains(&part.chars().count())
        && !matches!(part, "." | "..")
        && part.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '(' | ')' | '@' | '*' | '$' | ' '))
}

/// Refuses an id that is not below this subscription, or that would not survive in a path.
pub(super) fn check(call: &str, subscription: &str, id: &str) -> Result<(), Failure> {
    let mut parts = id.split('/');
    let good = id.len() <= 2000
        && parts.next() == Some("")
        && parts.next().is_some_and(|part| part.eq_ignore_ascii_case("subscriptions"))
        && parts.next().is_some_and(|part| part.eq_ignore_ascii_case(subscription))
        && parts.all(is_part);
    if good {
        return Ok(());
    }
    let shown: String = id.chars().take(300).flat_map(char::escape_debug).collect();
    Err(invalid(call, format!("`{shown}` is no resource of the subscription {subscription}")))
}

/// The address of an id at `endpoint`.
pub(super) fn url(endpoint: &Url, id: &str, api_version: &str) -> Url {
    let mut url = endpoint.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(id.split('/').skip(1));
    }
    url.query_pairs_mut().append_pair("api-version", api_version);
    url
}

/// The id at which `properties` want a resource of `kind`. `derived` is the name of a type whose names are GUIDs.
pub(super) fn wanted(
    kind: &str,
    route: Route,
    subscription: &str,
    properties: &Value,
    derived: Option<&str>,
) -> Result<String, Failure> {
    let text = |key: &str| properties.get(key).and_then(Value::as_str);
    let name = text("name").or(derived).ok_or_else(|| invalid(kind, "it has no `name`"))?;
    let base = match route {
        Route::Group => {
            return checked(kind, subscription, format!("/subscriptions/{subscription}/resourceGroups/{name}"));
        }
        Route::Extension => {
            let scope = text("scope").ok_or_else(|| invalid(kind, "it has no `scope`"))?;
            scope.trim_end_matches('/').to_owned()
        }
        Route::Tracked | Route::Tagged | Route::Child => {
            let group = text("resourceGroup").ok_or_else(|| invalid(kind, "it has no `resourceGroup`"))?;
            format!("/subscriptions/{subscription}/resourceGroups/{group}")
        }
    };
    let (namespace, types) = kind.split_once('/').ok_or_else(|| invalid(kind, "it is no type of Azure"))?;
    let types: Vec<&str> = types.split('/').collect();
    let names: Vec<&str> = name.split('/').collect();
    if types.len() != names.len() {
        let parts = types.len();
        return Err(invalid(kind, format!("the name `{name}` should have {parts} parts, as in parent/child")));
    }
    let mut id = format!("{base}/providers/{namespace}");
    for (kind, name) in types.iter().zip(&names) {
        id.push('/');
        id.push_str(kind);
        id.push('/');
        id.push_str(name);
    }
    checked(kind, subscription, id)
}

fn checked(kind: &str, subscription: &str, id: String) -> Result<String, Failure> {
    check(kind, subscription, &id).map(|()| id)
}

/// The part behind the last `/providers/`, as types and names in turn.
fn tail(id: &str) -> Option<(&str, Vec<&str>)> {
    let at = find_last_providers(id)?;
    let mut parts = id[at + "/providers/".len()..].split('/');
    let namespace = parts.next()?;
    Some((namespace, parts.collect()))
}

fn find_last_providers(id: &str) -> Option<usize> {
    // Letters of other alphabets may change their length in lower case; ids are searched as they are.
    (0..id.len()).rev().find(|at| {
        id.is_char_boundary(*at) && id[*at..].get(..11).is_some_and(|text| text.eq_ignore_ascii_case("/providers/"))
    })
}

/// The name as templates write it: `parent/child` for nested types.
pub(super) fn name(id: &str) -> String {
    match tail(id) {
        Some((_, parts)) => parts.iter().skip(1).step_by(2).copied().collect::<Vec<_>>().join("/"),
        None => id.rsplit('/').next().unwrap_or_default().to_owned(),
    }
}

/// The resource group in an id.
pub(super) fn group(id: &str) -> Option<&str> {
    let mut parts = id.split('/');
    parts.find(|part| part.eq_ignore_ascii_case("resourceGroups"))?;
    parts.next()
}

/// What an extension resource stands on.
pub(super) fn scope(id: &str) -> Option<&str> {
    find_last_providers(id).map(|at| &id[..at])
}

/// The id without its last type and name: what a nested resource stands in.
pub(super) fn parent(id: &str) -> Option<&str> {
    let (_, parts) = tail(id)?;
    if parts.len() <= 2 {
        return None;
    }
    let before = id.rsplitn(3, '/').nth(2)?;
    Some(before)
}

/// The kind of the resource that resources of `kind` stand in; `None` for one that stands in a group.
pub(super) fn parent_kind(kind: &str) -> Option<&str> {
    let (before, _) = kind.rsplit_once('/')?;
    before.contains('/').then_some(before)
}

/// A GUID that is the same for the same parts.
pub(super) fn guid(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(part.as_bytes());
    }
    let mut bytes: [u8; 16] = [0; 16];
    bytes.copy_from_slice(&digest.finalize()[..16]);
    // Version 8 of RFC 9562: made by a rule of one's own.
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// The name of a role assignment: another one when what makes it up changes, since none of that can be changed.
pub(super) fn assignment_name(owner: &Owner, properties: &Value) -> String {
    let text = |pointer: &str| properties.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_lowercase();
    guid(&[
        &owner.project,
        &owner.environment,
        &owner.address.to_string(),
        &text("/scope"),
        &text("/properties/principalId"),
        &text("/properties/roleDefinitionId"),
    ])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const S: &str = "00000000-0000-0000-0000-000000000001";

    #[test]
    fn ids_are_built_and_read_back() {
        let properties = json!({ "name": "acct/default/pictures", "resourceGroup": "g" });
        let kind = "Microsoft.Storage/storageAccounts/blobServices/containers";
        let id = wanted(kind, Route::Child, S, &properties, None).unwrap();
        assert_eq!(
            id,
            format!(
                "/subscriptions/{S}/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/acct/blobServices/\
                 default/containers/pictures"
            )
        );
        assert_eq!(name(&id), "acct/default/pictures");
        assert_eq!(group(&id), Some("g"));
        assert_eq!(parent(&id).map(name).as_deref(), Some("acct/default"));
        assert_eq!(parent_kind(kind), Some("Microsoft.Storage/storageAccounts/blobServices"));
        assert_eq!(parent_kind("Microsoft.Storage/storageAccounts"), None);
        let group =
            wanted("Microsoft.Resources/resourceGroups", Route::Group, S, &json!({ "name": "g" }), None).unwrap();
        assert_eq!(name(&group), "g");
        assert_eq!(parent(&group), None);
        let on = json!({ "scope": id, "name": "x" });
        let extension = wanted("Microsoft.Authorization/locks", Route::Extension, S, &on, None).unwrap();
        assert_eq!(scope(&extension), Some(id.as_str()));
        assert_eq!(name(&extension), "x");
    }

    #[test]
    fn ids_that_lead_elsewhere_are_refused() {
        for bad in [
            "",
            "/",
            "/subscriptions/other/resourceGroups/g",
            "https://evil/subscriptions/x",
            "/subscriptions/00000000-0000-0000-0000-000000000001/../x",
            "/subscriptions/00000000-0000-0000-0000-000000000001//x",
            "/subscriptions/00000000-0000-0000-0000-000000000001/a?b",
            "/subscriptions/00000000-0000-0000-0000-000000000001/a%2Fb",
        ] {
            assert!(check("GET", S, bad).is_err(), "{bad}");
        }
        let nested = json!({ "name": "only-one", "resourceGroup": "g" });
        assert!(wanted("Microsoft.KeyVault/vaults/keys", Route::Tagged, S, &nested, None).is_err());
        let outside = json!({ "name": "x", "scope": "/subscriptions/another" });
        assert!(wanted("Microsoft.Authorization/locks", Route::Extension, S, &outside, None).is_err());
    }

    #[test]
    fn a_guid_depends_on_every_part() {
        let one = guid(&["a", "bc"]);
        assert_eq!(one.len(), 36);
        assert_eq!(one, guid(&["a", "bc"]));
        assert_ne!(one, guid(&["ab", "c"]));
    }
}
