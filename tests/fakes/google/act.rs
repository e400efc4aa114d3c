//! Operations, and what is neither made, read, changed nor deleted.

use serde_json::{Value, json};

use super::{
    NUMBER, PROJECT,
    serve::Call,
    world::{Effect, Entry, Operation, Refusal, World},
};

fn parts(key: &str, count: usize) -> String {
    key.split('/').skip(1).take(count).collect::<Vec<_>>().join("/")
}

/// What an operation is called, in the words of its service.
pub(crate) fn operation_name(service: &str, key: &str, number: u64) -> String {
    match service {
        "run" | "artifactregistry" => format!("{}/operations/op-{number}", parts(key, 4)),
        "iam" => format!("{}/operations/op{number}", key.trim_start_matches("iam/")),
        "serviceusage" => format!("operations/acat.p2-{NUMBER}-{number}"),
        "compute" => format!("operation-{number}"),
        _ => format!("{number}"),
    }
}

/// Where it is asked about, behind the service's root.
pub(crate) fn operation_place(service: &str, key: &str, name: &str) -> String {
    match service {
        "sqladmin" => format!("projects/{PROJECT}/operations/{name}"),
        "dns" => format!("{}/operations/{name}", parts(key, 4)),
        "compute" if key.contains("/global/") => format!("projects/{PROJECT}/global/operations/{name}"),
        "compute" => format!("{}/operations/{name}", parts(key, 4)),
        _ => name.to_owned(),
    }
}

/// How it stands, in the shape of its service.
pub(crate) fn operation_answer(operation: &Operation) -> Value {
    let done = operation.left == 0;
    let error = operation.error.as_ref();
    match operation.service.as_str() {
        "sqladmin" | "compute" => {
            let mut answer = json!({
                "kind": format!("{}#operation", operation.service),
                "name": operation.name,
                "status": if done { "DONE" } else { "RUNNING" },
                "selfLink": "https://elsewhere.example/never/asked",
            });
            if let (true, Some(error)) = (done, error) {
                answer["error"] = json!({ "errors": [{ "code": error.reason, "message": error.message }] });
            }
            answer
        }
        "dns" => json!({ "id": operation.name, "status": if done { "done" } else { "pending" } }),
        _ => {
            let mut answer = json!({ "name": operation.name });
            if done {
                answer["done"] = true.into();
                match error {
                    Some(error) => answer["error"] = json!({ "code": 9, "message": error.message }),
                    None => answer["response"] = json!({}),
                }
            }
            answer
        }
    }
}

/// What every project has.
pub(crate) fn given(call: &Call) -> Value {
    match call.method.service() {
        "storage" => json!({
            "kind": "storage#serviceAccount",
            "email_address": format!("service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com"),
        }),
        "cloudbilling" => json!({
            "name": format!("projects/{PROJECT}/billingInfo"),
            "projectId": PROJECT,
            "billingAccountName": "billingAccounts/012345-6789AB-CDEF01",
            "billingEnabled": true,
        }),
        _ => json!({ "projectId": PROJECT, "projectNumber": NUMBER, "name": "Wild", "lifecycleState": "ACTIVE" }),
    }
}

/// The other methods.
pub(crate) fn act(world: &mut World, call: &Call) -> Result<Value, Refusal> {
    let key = call.key();
    match call.method.id.as_str() {
        "serviceusage.services.enable" => enable(world, call, &key),
        "secretmanager.secrets.addVersion" => add_version(world, call, &key),
        "secretmanager.secrets.versions.access" => {
            let key = newest(world, &key);
            let value = world.read(&key)?.value.clone();
            if value["state"] != "ENABLED" || value.get("scheduledDestroyTime").is_some() {
                return Err(Refusal::new(400, "FAILED_PRECONDITION", "the version is not in the state ENABLED"));
            }
            Ok(json!({ "name": value["name"], "payload": { "data": world.payloads[&key] } }))
        }
        "secretmanager.secrets.versions.destroy" => {
            let entry = world.resources.get_mut(&key).ok_or_else(|| Refusal::not_found(&key))?;
            entry.value["state"] = "DESTROYED".into();
            let value = entry.value.clone();
            world.payloads.remove(&key);
            Ok(value)
        }
        "cloudkms.cryptoKeys.cryptoKeyVersions.destroy" => {
            let entry = world.resources.get_mut(&key).ok_or_else(|| Refusal::not_found(&key))?;
            entry.value["state"] = "DESTROY_SCHEDULED".into();
            let value = entry.value.clone();
            let owner = key.rsplit_once("/cryptoKeyVersions/").map(|(owner, _)| owner.to_owned()).unwrap_or_default();
            if let Some(owner) = world.resources.get_mut(&owner)
                && owner.value["primary"]["name"] == value["name"]
            {
                owner.value["primary"] = value.clone();
            }
            Ok(value)
        }
        "cloudkms.cryptoKeys.updatePrimaryVersion" => {
            let number = call.body["cryptoKeyVersionId"].as_str().unwrap_or_default();
            let version = world.read(&format!("{key}/cryptoKeyVersions/{number}"))?.value.clone();
            let entry = world.resources.get_mut(&key).ok_or_else(|| Refusal::not_found(&key))?;
            entry.value["primary"] = version;
            Ok(entry.value.clone())
        }
        id if id.ends_with(".undelete") => undelete(world, call, &key),
        id => Err(Refusal::new(501, "UNIMPLEMENTED", format!("the fake has no {id}"))),
    }
}

fn enable(world: &mut World, call: &Call, key: &str) -> Result<Value, Refusal> {
    let name = call.rest.rsplit('/').next().unwrap_or_default().to_owned();
    let service = name.trim_end_matches(".googleapis.com").to_owned();
    if let Some(ready_after) = world.disabled.remove(&service) {
        world.waking.insert(service, ready_after);
    }
    let value = json!({
        "name": format!("projects/{NUMBER}/services/{name}"), "parent": format!("projects/{NUMBER}"),
        "state": "ENABLED", "config": { "name": name },
    });
    let entry = Entry { kind: "serviceusage.services".to_owned(), value, hidden: 0, version: 1 };
    Ok(world.begin("serviceusage", key, Effect::Put(Box::new(entry))))
}

fn add_version(world: &mut World, call: &Call, key: &str) -> Result<Value, Refusal> {
    use base64::Engine as _;
    world.read(key)?;
    super::shape::check("secretmanager.secrets.versions", "", &call.body, None)?;
    let data = call.body["payload"]["data"].as_str().unwrap_or_default().to_owned();
    if base64::engine::general_purpose::STANDARD.decode(&data).map_or(true, |bytes| bytes.is_empty()) {
        return Err(Refusal::invalid(format!(
            "Invalid value at 'payload.data' (TYPE_BYTES), Base64 decoding failed for \"{data}\""
        )));
    }
    let inside = format!("{key}/versions/");
    let number = world.resources.keys().filter(|other| other.starts_with(&inside)).count() + 1;
    let at = format!("{inside}{number}");
    let name = at.trim_start_matches("secretmanager/").replace(PROJECT, NUMBER);
    let value =
        json!({ "name": name, "state": "ENABLED", "createTime": "2026-11-21T00:00:00Z", "etag": World::etag(1) });
    let entry = Entry { kind: call.method.kind().to_owned(), value: value.clone(), hidden: 0, version: 1 };
    world.made(&at);
    world.payloads.insert(at.clone(), data);
    world.resources.insert(at, entry);
    Ok(value)
}

/// `latest` is the version with the highest number.
fn newest(world: &World, key: &str) -> String {
    let Some(inside) = key.strip_suffix("latest") else { return key.to_owned() };
    let numbers = world.resources.keys().filter_map(|other| other.strip_prefix(inside)?.parse::<u32>().ok());
    format!("{inside}{}", numbers.max().unwrap_or_default())
}

fn undelete(world: &mut World, call: &Call, key: &str) -> Result<Value, Refusal> {
    let entry = world.resources.get(key).cloned().ok_or_else(|| Refusal::not_found(key))?;
    let mut value = entry.value.clone();
    if value["deleted"] == true {
        value.as_object_mut().expect("an object").remove("deleted");
        world.resources.insert(key.to_owned(), Entry { value: value.clone(), ..entry });
        return Ok(value);
    }
    if value["state"] != "DELETED" {
        return Err(Refusal::new(400, "FAILED_PRECONDITION", "it is not deleted"));
    }
    value["state"] = "ACTIVE".into();
    Ok(world.begin(call.method.service(), key, Effect::Put(Box::new(Entry { value, ..entry }))))
}
