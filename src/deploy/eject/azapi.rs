//! Azure in the words of the provider `azapi`, which takes the bodies of Azure Resource Manager as they are.

use serde_json::{Map, Value};

use super::{
    hcl::{Expr, Item, Piece},
    id,
    terraform::{Writer, Written, resource_block},
};
use crate::{
    cloud::rules::Rules,
    deploy::{graph::Resource, validate::schema::Schema},
};

/// What stands in our properties beside the body.
const OURS: [&str; 3] = ["name", "resourceGroup", "scope"];

const GROUP: &str = "Microsoft.Resources/resourceGroups";

/// An attribute, as others refer to it. What is in the answer must be asked for, which is noted.
pub(super) fn attribute(writer: &mut Writer<'_>, resource: &Resource, path: &str) -> Option<String> {
    match path {
        "" | "id" => return Some("id".to_owned()),
        "name" => return Some("name".to_owned()),
        _ => {}
    }
    Schema::of(resource.provider, &resource.kind)?;
    let mut asked = Vec::new();
    let mut written = String::from("output");
    let mut before_list = true;
    for step in path.split('.') {
        if let Ok(number) = step.parse::<usize>() {
            before_list = false;
            written.push_str(&format!("[{number}]"));
            continue;
        }
        if before_list {
            asked.push(step);
        }
        written.push('.');
        written.push_str(step);
    }
    writer.exports.entry(resource.address.clone()).or_default().insert(asked.join("."));
    Some(written)
}

/// A resource.
pub(super) fn write(writer: &mut Writer<'_>, resource: &Resource) -> Result<Written, String> {
    let rules = Rules::of(resource.provider).get(&resource.kind);
    let version = rules.map(|rules| rules.api_version.as_str()).filter(|version| !version.is_empty());
    let version = version.ok_or_else(|| format!("there is no api-version of {}", resource.kind))?;
    let route = rules.map(|rules| rules.route.as_str()).unwrap_or_default();
    let cloud = resource.address.cloud.clone();
    let subscription = subscription(writer, &cloud);
    let provider =
        writer.provider("azapi", &cloud, |_| vec![Item::Attribute("subscription_id".to_owned(), subscription.clone())]);
    let mut block = resource_block("azapi_resource", &writer.label(&resource.address), provider);
    block.set("type", Expr::text(format!("{}@{version}", resource.kind)));
    let entry = writer.state.resources.get(&resource.address);
    let told = |key: &str| entry.and_then(|entry| entry.live.get(key)).and_then(Value::as_str).map(str::to_owned);
    let name = resource.properties.get("name").and_then(Value::as_str).map(str::to_owned).or_else(|| told("name"));
    match name {
        Some(name) => {
            // Only the last part: the others are the parents'.
            let last = last_part(&name);
            let name = writer.text(resource, last)?;
            block.set("name", name);
        }
        None => return Err("its name is made by wildcam and the state does not know it".to_owned()),
    }
    if let Some(parent) = parent(writer, resource, route, &subscription)? {
        block.set("parent_id", parent);
    }
    if matches!(route, "group" | "tracked") {
        block.set("location", Expr::text(resource.region.clone()));
    }
    let mut body = resource.properties.as_object().cloned().unwrap_or_default();
    OURS.iter().for_each(|key| drop(body.remove(*key)));
    let tags = body.remove("tags");
    let secret = take_secrets(&mut body);
    if !body.is_empty() {
        let body = writer.plain(resource, &Value::Object(body))?;
        block.set("body", body);
    }
    if !secret.is_empty() {
        let secret = writer.plain(resource, &Value::Object(secret))?;
        block.set("sensitive_body", secret);
    }
    if let Some(tags) = tags {
        let tags = writer.plain(resource, &tags)?;
        block.set("tags", tags);
    }
    if let Some(asked) = writer.exports.get(&resource.address) {
        let asked = asked.iter().map(Expr::text).collect();
        block.set("response_export_values", Expr::List(asked));
    }
    // The provider carries schemas of its own, of other versions than these.
    block.set("schema_validation_enabled", Expr::Bool(false));
    let import = id(writer.state, &resource.address).map(|id| Expr::text(format!("{id}?api-version={version}")));
    Ok(Written { blocks: vec![block], import, further: Vec::new() })
}

/// What follows the last `/` that is not within a reference.
fn last_part(name: &str) -> &str {
    let mut inside = 0_usize;
    let mut cut = 0;
    for (at, letter) in name.char_indices() {
        match letter {
            '{' => inside += 1,
            '}' => inside = inside.saturating_sub(1),
            '/' if inside == 0 => cut = at + 1,
            _ => {}
        }
    }
    &name[cut..]
}

/// The subscription: a variable, with what the ids of the state say.
fn subscription(writer: &mut Writer<'_>, cloud: &str) -> Expr {
    let known = writer
        .state
        .resources
        .iter()
        .filter(|(address, _)| address.cloud == cloud)
        .find_map(|(_, entry)| entry.id.strip_prefix("/subscriptions/")?.split('/').next().map(str::to_owned));
    writer.variable(&format!("{cloud}_subscription_id"), "The subscription at Azure", false, known)
}

/// The id of what it stands in or on.
fn parent(
    writer: &mut Writer<'_>,
    resource: &Resource,
    route: &str,
    subscription: &Expr,
) -> Result<Option<Expr>, String> {
    let text = |key: &str| resource.properties.get(key).and_then(Value::as_str);
    match route {
        "group" => return Ok(None),
        "extension" => {
            let scope = text("scope").ok_or("it has no scope")?;
            return writer.text(resource, scope).map(Some);
        }
        _ => {}
    }
    let group = text("resourceGroup").ok_or("it has no resource group")?;
    let name = text("name").unwrap_or_default();
    let before = name.len() - last_part(name).len();
    let parents = name[..before].trim_end_matches('/');
    let kind = resource.kind.rsplit_once('/').map(|(parent, _)| parent).filter(|parent| parent.contains('/'));
    let found = writer.graph.resources.values().find(|other| {
        let same = |key: &str, value: &str| other.properties.get(key).and_then(Value::as_str) == Some(value);
        other.address.cloud == resource.address.cloud
            && match kind {
                Some(kind) => other.kind == kind && same("name", parents) && same("resourceGroup", group),
                None => other.kind == GROUP && same("name", group),
            }
    });
    if let Some(found) = found {
        return Ok(Some(Expr::Raw(format!("azapi_resource.{}.id", writer.label(&found.address)))));
    }
    // A parent that no template makes: its id is put together.
    let mut pieces = vec![Piece::Text("/subscriptions/".to_owned())];
    if let Expr::Raw(raw) = subscription {
        pieces.push(Piece::Raw(raw.clone()));
    }
    let mut rest = format!("/resourceGroups/{group}");
    if let Some((namespace, types)) = kind.and_then(|kind| kind.split_once('/')) {
        rest.push_str(&format!("/providers/{namespace}"));
        for (of, name) in types.split('/').zip(parents.split('/')) {
            rest.push_str(&format!("/{of}/{name}"));
        }
    }
    match writer.text(resource, &rest)? {
        Expr::Text(more) => pieces.extend(more),
        Expr::Raw(raw) => pieces.push(Piece::Raw(raw)),
        _ => {}
    }
    Ok(Some(Expr::Text(pieces)))
}

/// Moves the leaves that are secrets out of a body; lists that hold one move as a whole.
fn take_secrets(body: &mut Map<String, Value>) -> Map<String, Value> {
    let mut taken = Map::new();
    let keys: Vec<String> = body.keys().cloned().collect();
    for key in keys {
        let Some(value) = body.get_mut(&key) else { continue };
        match value {
            Value::Object(inner) => {
                let secrets = take_secrets(inner);
                if !secrets.is_empty() {
                    taken.insert(key.clone(), Value::Object(secrets));
                }
            }
            other if holds_secret(other) => {
                taken.insert(key.clone(), other.take());
                body.remove(&key);
            }
            _ => {}
        }
    }
    taken
}

fn holds_secret(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("${secret:"),
        Value::Array(items) => items.iter().any(holds_secret),
        Value::Object(entries) => entries.values().any(holds_secret),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_part_of_a_name_may_be_a_reference() {
        assert_eq!(last_part("account/default/pictures"), "pictures");
        let reference = "${az/identity/gateway.properties.principalId}";
        assert_eq!(last_part(&format!("server/{reference}")), reference);
        assert_eq!(last_part("alone"), "alone");
    }

    #[test]
    fn secrets_leave_the_body() {
        let mut body = json!({ "properties": { "value": "${secret:env:X}", "contentType": "text/plain" }, "a": 1 });
        let taken = take_secrets(body.as_object_mut().unwrap());
        assert_eq!(Value::Object(taken), json!({ "properties": { "value": "${secret:env:X}" } }));
        assert_eq!(body, json!({ "properties": { "contentType": "text/plain" }, "a": 1 }));
    }
}
