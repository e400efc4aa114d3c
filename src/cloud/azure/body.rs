//! The shapes of bodies: from what templates want to what Azure accepts, and back.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::ids::{self, Route};
use crate::cloud::{
    control::{Change, Live, Owner, Wanted},
    rules::TypeRules,
};

const PROJECT: &str = "wildcam-project";
const ENVIRONMENT: &str = "wildcam-environment";
const ADDRESS: &str = "wildcam-address";

/// What a role assignment says of itself: it bears no tags, and has a description.
const DESCRIBED: &str = "Microsoft.Authorization/roleAssignments";

/// Where a role assignment names its role: templates write `/providers/...`, since they do not know the subscription, and
/// Azure gives it back below the subscription.
const ROLE: &str = "/properties/roleDefinitionId";
const ROLES: &str = "/providers/Microsoft.Authorization/roleDefinitions/";

/// What stands in our properties and not in Azure's bodies.
const OURS: [&str; 3] = ["name", "resourceGroup", "scope"];

/// What Azure sets in every body.
const ALWAYS_READ_ONLY: [&str; 7] =
    ["/id", "/name", "/type", "/systemData", "/etag", "/properties/provisioningState", "/managedBy"];

/// The tags that mark the owner.
pub(super) fn marks(owner: &Owner) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        (PROJECT, owner.project.clone()),
        (ENVIRONMENT, owner.environment.clone()),
        (ADDRESS, owner.address.to_string()),
    ])
}

fn description(owner: &Owner) -> String {
    format!("wildcam {}/{}/{}", owner.project, owner.environment, owner.address)
}

/// Whose a body is, by its tags, or by its description where the type has no tags.
pub(super) fn owner(kind: &str, body: &Value) -> Option<Owner> {
    if kind.eq_ignore_ascii_case(DESCRIBED) {
        let text = body.pointer("/properties/description")?.as_str()?.strip_prefix("wildcam ")?;
        let mut parts = text.splitn(3, '/');
        let (project, environment, address) = (parts.next()?, parts.next()?, parts.next()?);
        return Some(Owner {
            project: project.to_owned(),
            environment: environment.to_owned(),
            address: address.parse().ok()?,
        });
    }
    let tags = body.get("tags")?.as_object()?;
    // Some services give tags back in other letters.
    let tag =
        |name: &str| tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).and_then(|(_, value)| value.as_str());
    Some(Owner {
        project: tag(PROJECT)?.to_owned(),
        environment: tag(ENVIRONMENT)?.to_owned(),
        address: tag(ADDRESS)?.parse().ok()?,
    })
}

fn mark(kind: &str, route: Route, owner: &Owner, body: &mut Map<String, Value>) {
    if route.has_tags() {
        let tags = body.entry("tags").or_insert_with(|| Value::Object(Map::new()));
        if !tags.is_object() {
            *tags = Value::Object(Map::new());
        }
        if let Value::Object(tags) = tags {
            for (name, value) in marks(owner) {
                tags.retain(|key, _| !key.eq_ignore_ascii_case(name));
                tags.insert(name.to_owned(), Value::String(value));
            }
        }
    } else if kind.eq_ignore_ascii_case(DESCRIBED)
        && let Some(Value::Object(properties)) = body.get_mut("properties")
        && !properties.contains_key("description")
    {
        properties.insert("description".to_owned(), Value::String(description(owner)));
    }
}

/// A role's name as templates write it.
fn short_role(text: &str) -> Option<String> {
    let at = text.to_ascii_lowercase().find(&ROLES.to_ascii_lowercase())?;
    Some(format!("{ROLES}{}", text.get(at + ROLES.len()..)?))
}

/// The body that makes `wanted`.
pub(super) fn of_wanted(wanted: &Wanted, route: Route) -> Value {
    let mut body = match wanted.body() {
        Value::Object(body) => body,
        _ => Map::new(),
    };
    for key in OURS {
        body.remove(key);
    }
    if route.has_location() {
        body.insert("location".to_owned(), Value::String(wanted.region.clone()));
    }
    mark(&wanted.kind, route, &wanted.owner, &mut body);
    Value::Object(body)
}

/// A region in one spelling: Azure takes and gives "West Europe" for westeurope.
pub(super) fn region(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

/// What Azure told of a resource, in the shape of our properties. `None` where the body has no id.
pub(super) fn live(kind: &str, route: Route, asked_region: &str, body: Value) -> Option<Live> {
    let id = body.get("id").and_then(Value::as_str)?.to_owned();
    let owner = owner(kind, &body);
    let mut body = body;
    if kind.eq_ignore_ascii_case(DESCRIBED)
        && let Some(Value::String(role)) = body.pointer_mut(ROLE)
        && let Some(short) = short_role(role)
    {
        *role = short;
    }
    let Value::Object(mut properties) = body else { return None };
    let etag = ["etag", "eTag"].iter().find_map(|key| properties.get(*key).and_then(Value::as_str)).map(str::to_owned);
    properties.insert("name".to_owned(), Value::String(ids::name(&id)));
    match route {
        Route::Group => {}
        Route::Extension => {
            if let Some(scope) = ids::scope(&id) {
                properties.insert("scope".to_owned(), Value::String(scope.to_owned()));
            }
        }
        Route::Tracked | Route::Tagged | Route::Child => {
            if let Some(group) = ids::group(&id) {
                properties.insert("resourceGroup".to_owned(), Value::String(group.to_owned()));
            }
        }
    }
    let told = properties.get("location").and_then(Value::as_str).map(region);
    let region = if route.has_location() { told } else { None };
    Some(Live {
        id,
        kind: kind.to_owned(),
        region: region.unwrap_or_else(|| asked_region.to_owned()),
        properties: Value::Object(properties),
        owner,
        etag,
    })
}

/// The body that changes `current`, as Azure told it a moment ago, where `changes` say so. Everything else stays: a PUT
/// replaces the whole.
pub(super) fn merged(current: &Value, wanted: &Wanted, changes: &[Change], rules: &TypeRules, route: Route) -> Value {
    let mut body = current.clone();
    let read_only = ALWAYS_READ_ONLY.iter().copied().chain(rules.read_only.iter().map(String::as_str));
    for pointer in read_only {
        remove_all(&mut body, &split(pointer));
    }
    let source = wanted.body();
    for change in changes {
        if OURS.iter().any(|key| change.pointer == format!("/{key}")) {
            continue;
        }
        let place = through_lists(current, &source, &change.pointer);
        match source.pointer(&join(&place)) {
            Some(value) => set(&mut body, &place, value.clone()),
            None => remove_all(&mut body, &place.iter().map(String::as_str).collect::<Vec<_>>()),
        }
    }
    // Azure tells none of these, and a PUT without them would take them away.
    for pointer in &rules.write_only {
        // Inside a list: the list as a whole, as with changes.
        let pointer = pointer.split("/*").next().unwrap_or_default();
        if let Some(value) = source.pointer(pointer) {
            let place: Vec<String> = split(pointer).into_iter().map(unescape).collect();
            set(&mut body, &place, value.clone());
        }
    }
    if let Value::Object(body) = &mut body {
        if route.has_location() {
            body.entry("location").or_insert_with(|| Value::String(wanted.region.clone()));
        } else {
            body.remove("location");
        }
        mark(&wanted.kind, route, &wanted.owner, body);
    }
    body
}

/// The place of a change; where it lies inside a list, that of the list, which is set as a whole: its entries have no
/// identity in a pointer.
fn through_lists(current: &Value, wanted: &Value, pointer: &str) -> Vec<String> {
    let mut place: Vec<String> = Vec::new();
    for part in split(pointer).into_iter().map(unescape) {
        let here = join(&place);
        let is_list = |value: &Value| value.pointer(&here).is_some_and(Value::is_array);
        if is_list(current) || is_list(wanted) {
            break;
        }
        place.push(part);
    }
    place
}

fn split(pointer: &str) -> Vec<&str> {
    pointer.split('/').skip(1).collect()
}

fn unescape(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

fn join(place: &[String]) -> String {
    place.iter().map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect()
}

fn set(body: &mut Value, place: &[String], value: Value) {
    let Some((first, rest)) = place.split_first() else {
        *body = value;
        return;
    };
    if !body.is_object() {
        *body = Value::Object(Map::new());
    }
    if let Value::Object(map) = body {
        set(map.entry(first.clone()).or_insert(Value::Null), rest, value);
    }
}

/// Removes what a pointer names, in which `*` stands for every entry.
fn remove_all(body: &mut Value, place: &[&str]) {
    let Some((first, rest)) = place.split_first() else { return };
    match body {
        Value::Object(map) if *first == "*" => {
            if rest.is_empty() {
                map.clear();
            } else {
                map.values_mut().for_each(|value| remove_all(value, rest));
            }
        }
        Value::Object(map) => {
            let key = unescape(first);
            if rest.is_empty() {
                map.remove(&key);
            } else if let Some(value) = map.get_mut(&key) {
                remove_all(value, rest);
            }
        }
        Value::Array(entries) if *first == "*" => entries.iter_mut().for_each(|value| remove_all(value, rest)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::project::Secret;

    fn wanted(kind: &str, properties: Value) -> Wanted {
        Wanted {
            owner: Owner {
                project: "p".to_owned(),
                environment: "default".to_owned(),
                address: "az/storage/x".parse().unwrap(),
            },
            kind: kind.to_owned(),
            region: "westeurope".to_owned(),
            properties,
            secrets: BTreeMap::new(),
        }
    }

    fn change(pointer: &str) -> Change {
        Change { pointer: pointer.to_owned(), from: None, to: None }
    }

    #[test]
    fn a_body_has_location_and_marks_and_none_of_our_keys() {
        let wanted = wanted("T/x", json!({ "name": "n", "resourceGroup": "g", "tags": { "a": "b" }, "sku": {} }));
        let body = of_wanted(&wanted, Route::Tracked);
        assert_eq!(
            body,
            json!({ "location": "westeurope", "sku": {}, "tags": { "a": "b", "wildcam-project": "p",
                "wildcam-environment": "default", "wildcam-address": "az/storage/x" } })
        );
        assert_eq!(owner("T/x", &body), Some(wanted.owner.clone()));
        assert_eq!(of_wanted(&wanted, Route::Child).get("location"), None);
    }

    #[test]
    fn a_role_assignment_says_whose_it_is() {
        let wanted = wanted(DESCRIBED, json!({ "scope": "/s", "properties": { "principalId": "x" } }));
        let body = of_wanted(&wanted, Route::Extension);
        assert_eq!(body["properties"]["description"], "wildcam p/default/az/storage/x");
        assert_eq!(owner(DESCRIBED, &body), Some(wanted.owner));
        let told = json!({ "id": "/subscriptions/s/providers/Microsoft.Authorization/roleAssignments/n",
            "properties": { "roleDefinitionId":
                "/subscriptions/s/providers/microsoft.authorization/roleDefinitions/1-2" } });
        let live = live(DESCRIBED, Route::Extension, "global", told).unwrap();
        assert_eq!(
            live.properties["properties"]["roleDefinitionId"],
            "/providers/Microsoft.Authorization/roleDefinitions/1-2"
        );
    }

    #[test]
    fn a_change_keeps_what_others_set_and_drops_what_azure_sets() {
        let rules = TypeRules {
            read_only: vec!["/properties/endpoints".to_owned(), "/properties/list/*/state".to_owned()],
            write_only: vec!["/properties/password".to_owned()],
            ..TypeRules::default()
        };
        let mut wanted = wanted(
            "T/x",
            json!({ "name": "n", "properties": { "size": 2, "list": [{ "a": 1 }, { "a": 2 }],
                "password": { "$secret": "env:P" } } }),
        );
        wanted.secrets.insert("/properties/password".to_owned(), Secret::new("sesame".to_owned()));
        let current = json!({ "id": "/x", "type": "T/x", "location": "westeurope", "tags": { "other": "1" },
            "properties": { "size": 1, "theirs": true, "endpoints": {}, "old": 1, "kept": [{ "state": 1 }],
                "list": [{ "a": 0, "state": "up" }], "provisioningState": "Succeeded" } });
        let changes =
            [change("/properties/size"), change("/properties/list/1/a"), change("/properties/old"), change("/name")];
        let body = merged(&current, &wanted, &changes, &rules, Route::Tracked);
        assert_eq!(
            body["properties"],
            json!({ "size": 2, "theirs": true, "kept": [{ "state": 1 }], "list": [{ "a": 1 }, { "a": 2 }],
                "password": "sesame" })
        );
        assert_eq!(body["tags"]["other"], "1");
        assert_eq!(body["tags"]["wildcam-address"], "az/storage/x");
        assert!(body.get("id").is_none() && body.get("type").is_none());
    }

    #[test]
    fn what_azure_tells_takes_the_shape_of_templates() {
        let id = "/subscriptions/s/resourceGroups/g/providers/N/t/a/u/b";
        let told = json!({ "id": id, "name": "b", "location": "West Europe", "etag": "e" });
        let live = live("N/t/u", Route::Tracked, "northeurope", told).unwrap();
        assert_eq!(live.properties["name"], "a/b");
        assert_eq!(live.properties["resourceGroup"], "g");
        assert_eq!((live.region.as_str(), live.etag.as_deref()), ("westeurope", Some("e")));
    }
}
