//! Making, reading, listing, changing and deleting, as all services do, and what each of them adds.

use serde_json::{Value, json};

use super::{
    NUMBER, PROJECT, REGIONS,
    serve::{Call, change},
    shape,
    world::{Effect, Entry, Refusal, World, object},
};

/// The parameter that names what is made, where the body does not.
const ID_PARAMETERS: [&str; 7] = [
    "repositoryId",
    "cryptoKeyId",
    "keyRingId",
    "secretId",
    "serviceId",
    "workloadIdentityPoolId",
    "workloadIdentityPoolProviderId",
];

fn is_later(kind: &str, action: &str) -> bool {
    match (kind, action) {
        ("artifactregistry.repositories", "patch") | ("dns.managedZones", "create" | "delete") => false,
        ("dns.managedZones" | "artifactregistry.repositories", _) => true,
        _ => ["run.", "sqladmin.", "compute.", "iam.workloadIdentityPools"].iter().any(|of| kind.starts_with(of)),
    }
}

pub(crate) fn create(world: &mut World, call: &Call) -> Result<Value, Refusal> {
    let kind = call.method.kind();
    if kind == "cloudkms.cryptoKeys.cryptoKeyVersions" {
        return new_key_version(world, &call.key());
    }
    shape::check(kind, "", &call.body, None)?;
    let (id, assigned) = name(world, kind, call)?;
    in_region(kind, call)?;
    parent_stands(world, &call.key())?;
    let key = match kind {
        "storage.buckets" => format!("storage/b/{id}"),
        _ => format!("{}/{id}", call.key()),
    };
    if let Some(entry) = world.resources.get(&key) {
        let kept = entry.value["state"] == "DELETED" || entry.value["deleted"] == true;
        let text = if kept { format!("{id} is in the deleted state") } else { id };
        return Err(Refusal::exists(&text));
    }
    if world.blocked.contains(&key) {
        return Err(Refusal::new(409, "ALREADY_EXISTS", "The Cloud SQL instance already exists.")
            .reason("instanceAlreadyExists"));
    }
    busy(world, kind, &key)?;
    let mut value = match kind {
        "iam.serviceAccounts" => call.body["serviceAccount"].clone(),
        "iam.roles" => call.body["role"].clone(),
        _ => call.body.clone(),
    };
    names_stand(world, &value)?;
    fill(world, kind, &key, &id, assigned, &mut value);
    let entry = Entry { kind: kind.to_owned(), value: value.clone(), hidden: world.hidden, version: 1 };
    if is_later(kind, "create") {
        return Ok(world.begin(call.method.service(), &key, Effect::Put(Box::new(Entry { hidden: 0, ..entry }))));
    }
    world.made(&key);
    world.resources.insert(key.clone(), entry);
    if kind == "cloudkms.cryptoKeys" {
        first_key_version(world, &key);
        value = world.resources[&key].value.clone();
    }
    Ok(value)
}

/// What it is to be called, and whether the service chose that.
fn name(world: &mut World, kind: &str, call: &Call) -> Result<(String, bool), Refusal> {
    let missing = |what: &str| Refusal::invalid(format!("{what} is required"));
    if let Some(parameter) = call.method.query.iter().find(|name| ID_PARAMETERS.contains(&name.as_str())) {
        let id = call.query(parameter).filter(|id| !id.is_empty()).ok_or_else(|| missing(parameter))?;
        return good_name(kind, id).map(|id| (id, false));
    }
    let text = |pointer: &str| {
        call.body.pointer(pointer).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| missing(pointer))
    };
    match kind {
        "iam.serviceAccounts" => {
            let id = good_name(kind, &text("/accountId")?)?;
            Ok((format!("{id}@{PROJECT}.iam.gserviceaccount.com"), false))
        }
        "iam.roles" => Ok((good_name(kind, &text("/roleId")?)?, false)),
        "dns.resourceRecordSets" => Ok((format!("{}/{}", text("/name")?, text("/type")?), false)),
        _ if kind.starts_with("monitoring.") || kind.starts_with("billingbudgets.") => {
            Ok((world.next().to_string(), true))
        }
        _ => Ok((good_name(kind, &text("/name")?)?, false)),
    }
}

fn good_name(kind: &str, id: &str) -> Result<String, Refusal> {
    let (least, most, more) = match kind {
        "iam.serviceAccounts" => (6, 30, "-"),
        "iam.workloadIdentityPools" | "iam.workloadIdentityPools.providers" => (4, 32, "-"),
        "iam.roles" => (3, 64, "_."),
        "run.services" => (1, 49, "-"),
        "sqladmin.users" => (1, 63, "-@."),
        "storage.buckets" => (3, 63, "-_."),
        "secretmanager.secrets" => (1, 255, "-_"),
        "cloudkms.keyRings" | "cloudkms.cryptoKeys" | "sqladmin.databases" => (1, 63, "-_"),
        _ => (1, 63, "-"),
    };
    let good = (least..=most).contains(&id.len())
        && id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || more.contains(c))
        && !id.ends_with('-');
    if good { Ok(id.to_owned()) } else { Err(Refusal::invalid(format!("Invalid name: {id}"))) }
}

/// Whether the place is one that the fake knows.
fn in_region(kind: &str, call: &Call) -> Result<(), Refusal> {
    let mut parts = call.rest.split('/').skip_while(|part| !matches!(*part, "locations" | "regions")).skip(1);
    let known = |place: &str| REGIONS.contains(&place) || matches!(place, "global" | "europe" | "us" | "asia");
    if let Some(place) = parts.next().filter(|place| !known(place)) {
        return Err(Refusal::new(
            403,
            "PERMISSION_DENIED",
            format!("Location {place} is not found or access is unauthorized."),
        ));
    }
    let place = match kind {
        "sqladmin.instances" => call.body["region"].as_str().map(str::to_owned),
        "storage.buckets" => call.body["location"].as_str().map(str::to_lowercase).filter(|place| place != "eu"),
        _ => None,
    };
    match place.filter(|place| !known(place)) {
        Some(place) => Err(Refusal::invalid(format!(
            "The specified location constraint is not valid: region {place} is not supported."
        ))),
        None => Ok(()),
    }
}

/// What it lies in must stand first.
fn parent_stands(world: &mut World, collection: &str) -> Result<(), Refusal> {
    let Some((parent, _)) = collection.rsplit_once('/') else { return Ok(()) };
    let inner = ["/instances/", "/keyRings/", "/managedZones/", "/workloadIdentityPools/", "/cryptoKeys/"];
    if inner.iter().any(|of| parent.contains(of)) {
        world.read(parent)?;
    }
    Ok(())
}

/// Accounts, keys and secrets that it names must stand.
fn names_stand(world: &World, value: &Value) -> Result<(), Refusal> {
    let account = value.pointer("/template/serviceAccount").and_then(Value::as_str);
    if let Some(email) = account
        && !world.resources.contains_key(&format!("iam/projects/{PROJECT}/serviceAccounts/{email}"))
    {
        return Err(Refusal::invalid(format!("Service account {email} does not exist.")));
    }
    let key = value.pointer("/encryption/defaultKmsKeyName").and_then(Value::as_str);
    if let Some(key) = key {
        if !world.resources.contains_key(&format!("cloudkms/{key}")) {
            return Err(Refusal::invalid(format!("The key {key} was not found.")));
        }
        let agent = format!("service-{NUMBER}@gs-project-accounts");
        if !super::policy::of(world, &format!("cloudkms/{key}")).to_string().contains(&agent) {
            return Err(Refusal::new(403, "PERMISSION_DENIED", "Permission denied on Cloud KMS key."));
        }
    }
    for variable in value.pointer("/template/containers/0/env").and_then(Value::as_array).into_iter().flatten() {
        let secret = &variable["valueSource"]["secretKeyRef"];
        if let (Some(name), Some(version)) = (secret["secret"].as_str(), secret["version"].as_str())
            && !world
                .resources
                .contains_key(&format!("secretmanager/projects/{PROJECT}/secrets/{name}/versions/{version}"))
        {
            return Err(Refusal::invalid(format!("Secret {name}/versions/{version} was not found")));
        }
    }
    Ok(())
}

/// What the service adds.
fn fill(world: &mut World, kind: &str, key: &str, id: &str, assigned: bool, value: &mut Value) {
    if value.is_null() {
        *value = json!({});
    }
    let path = key.split_once('/').map(|(_, path)| path.to_owned()).unwrap_or_default();
    let number = world.next();
    let mut set = |name: &str, of: Value| value[name] = of;
    match kind {
        "iam.serviceAccounts" => {
            for (name, of) in [("name", path.as_str()), ("email", id), ("projectId", PROJECT)] {
                set(name, of.into());
            }
            set("uniqueId", format!("1{number:020}").into());
            set("etag", "MDEwMjE5MjA=".into());
        }
        "storage.buckets" => {
            set("id", id.into());
            set("metageneration", "1".into());
            set("projectNumber", NUMBER.into());
            set("timeCreated", "2026-11-21T00:00:00Z".into());
            set("etag", "CAE=".into());
            let location = value["location"].as_str().unwrap_or("US").to_uppercase();
            value["location"] = location.into();
        }
        "sqladmin.instances" => {
            let region = value["region"].as_str().unwrap_or("us-central1").to_owned();
            value["state"] = "RUNNABLE".into();
            value["kind"] = "sql#instance".into();
            value["connectionName"] = format!("{PROJECT}:{region}:{id}").into();
            value["settings"]["settingsVersion"] = "1".into();
            value["settings"]["kind"] = "sql#settings".into();
            value["settings"]["activationPolicy"] = "ALWAYS".into();
        }
        "sqladmin.databases" | "sqladmin.users" => {
            let instance = path.split('/').nth(3).unwrap_or_default().to_owned();
            set("instance", instance.into());
            set("project", PROJECT.into());
            set("etag", World::etag(1).into());
        }
        "dns.managedZones" => {
            set("id", number.to_string().into());
            set("nameServers", json!(["ns-cloud-a1.googledomains.com.", "ns-cloud-a2.googledomains.com."]));
        }
        "dns.resourceRecordSets" => set("kind", "dns#resourceRecordSet".into()),
        "run.services" => {
            set("name", path.clone().into());
            set("uid", format!("uid-{number}").into());
            set("uri", format!("https://{id}-{number}.run.app").into());
            set("etag", World::etag(1).into());
            set("launchStage", "GA".into());
            set("latestReadyRevision", format!("{path}/revisions/{id}-00001").into());
        }
        "secretmanager.secrets" => {
            set("name", path.replace(PROJECT, NUMBER).into());
            set("etag", World::etag(1).into());
        }
        "iam.workloadIdentityPools" | "iam.workloadIdentityPools.providers" => {
            set("name", path.replace(PROJECT, NUMBER).into());
            set("state", "ACTIVE".into());
        }
        "compute.networks" | "compute.subnetworks" => {
            set("selfLink", format!("https://www.googleapis.com/compute/v1/{path}").into());
            set("fingerprint", World::etag(1).into());
        }
        _ => {
            set("name", path.into());
            if kind.starts_with("iam.roles") || kind.starts_with("billingbudgets.") {
                set("etag", World::etag(1).into());
            }
        }
    }
    if assigned && kind == "monitoring.alertPolicies" {
        value["creationRecord"] = json!({ "mutateTime": "2026-11-21T00:00:00Z" });
    }
}

fn first_key_version(world: &mut World, key: &str) {
    let version = new_key_version(world, key).expect("the key stands");
    if let Some(entry) = world.resources.get_mut(key) {
        entry.value["primary"] = version;
    }
}

fn new_key_version(world: &mut World, key: &str) -> Result<Value, Refusal> {
    let key = key.trim_end_matches("/cryptoKeyVersions");
    if !world.resources.contains_key(key) {
        return Err(Refusal::not_found(key));
    }
    let inside = format!("{key}/cryptoKeyVersions/");
    let number = world.resources.keys().filter(|other| other.starts_with(&inside)).count() + 1;
    let at = format!("{inside}{number}");
    let value = json!({ "name": at.trim_start_matches("cloudkms/"), "state": "ENABLED" });
    let kind = "cloudkms.cryptoKeys.cryptoKeyVersions".to_owned();
    world.resources.insert(at, Entry { kind, value: value.clone(), hidden: 0, version: 1 });
    Ok(value)
}

fn busy(world: &World, kind: &str, key: &str) -> Result<(), Refusal> {
    if !kind.starts_with("sqladmin.") {
        return Ok(());
    }
    let instance: String = key.split('/').take(5).collect::<Vec<_>>().join("/");
    if world.is_busy(&instance) {
        let message = "Operation failed because another operation was already in progress.";
        return Err(Refusal::new(409, "ABORTED", message).reason("operationInProgress"));
    }
    Ok(())
}

pub(crate) fn get(world: &mut World, call: &Call) -> Result<Value, Refusal> {
    let key = call.key();
    if call.method.kind() == "serviceusage.services" && !world.resources.contains_key(&key) {
        let name = call.rest.rsplit('/').next().unwrap_or_default();
        let service = name.trim_end_matches(".googleapis.com");
        let state = if world.disabled.contains_key(service) { "DISABLED" } else { "ENABLED" };
        return Ok(json!({ "name": format!("projects/{NUMBER}/services/{name}"), "state": state }));
    }
    Ok(world.read(&key)?.value.clone())
}

pub(crate) fn list(world: &mut World, call: &Call) -> Result<Value, Refusal> {
    let kind = call.method.kind();
    let inside = match kind {
        "storage.buckets" if call.query("project") != Some(PROJECT) => {
            return Err(Refusal::invalid("project is required"));
        }
        _ => format!("{}/", call.key()),
    };
    let all: Vec<Value> = world
        .resources
        .iter()
        .filter(|(key, entry)| entry.kind == kind && key.starts_with(&inside))
        .filter(|(_, entry)| entry.value["state"] != "DELETED" && entry.value["deleted"] != true)
        .map(|(_, entry)| entry.value.clone())
        .collect();
    // Two to a page, so that nobody reads the first page only.
    let from: usize = call.query("pageToken").and_then(|token| token.parse().ok()).unwrap_or_default();
    let page: Vec<Value> = all.iter().skip(from).take(2).cloned().collect();
    let field = match kind {
        "iam.serviceAccounts" => "accounts",
        "dns.resourceRecordSets" => "rrsets",
        _ if ["storage.", "sqladmin.", "compute."].iter().any(|of| kind.starts_with(of)) => "items",
        _ => kind.rsplit('.').next().unwrap_or_default(),
    };
    let mut answer = json!({});
    if !page.is_empty() {
        answer[field] = page.into();
    }
    if from + 2 < all.len() {
        answer["nextPageToken"] = (from + 2).to_string().into();
    }
    Ok(answer)
}

pub(crate) fn patch(world: &mut World, call: &Call) -> Result<Value, Refusal> {
    let (kind, key) = (call.method.kind(), call.key());
    let (body, within, mask) = change(call)?;
    busy(world, kind, &key)?;
    let entry = world.resources.get(&key).cloned().ok_or_else(|| Refusal::not_found(&key))?;
    conditions(call, &entry, &body)?;
    let mut after = match &mask {
        Some(mask) => shape::masked(kind, within, &entry.value, &body, mask)?,
        None => shape::merged(&entry.value, &body),
    };
    shape::check_kept(kind, within, &entry.value, &after)?;
    let version = entry.version + 1;
    match kind {
        "storage.buckets" => after["metageneration"] = version.to_string().into(),
        "sqladmin.instances" => after["settings"]["settingsVersion"] = version.to_string().into(),
        "compute.subnetworks" => after["fingerprint"] = World::etag(version).into(),
        _ if entry.value.get("etag").is_some() => after["etag"] = World::etag(version).into(),
        _ => {}
    }
    let entry = Entry { value: after.clone(), version, ..entry };
    if is_later(kind, "patch") {
        return Ok(world.begin(call.method.service(), &key, Effect::Put(Box::new(entry))));
    }
    world.resources.insert(key, entry);
    Ok(after)
}

/// Whether it is still what the caller has read.
fn conditions(call: &Call, entry: &Entry, body: &Value) -> Result<(), Refusal> {
    let aborted = || Refusal::new(409, "ABORTED", "the etag is not that of the resource: concurrent change");
    let stale =
        || Refusal::new(412, "FAILED_PRECONDITION", "At least one of the pre-conditions you specified did not hold.");
    if let Some(given) = call.query("ifMetagenerationMatch")
        && entry.value["metageneration"] != given
    {
        return Err(stale());
    }
    if let Some(given) = body.pointer("/settings/settingsVersion")
        && entry.value["settings"]["settingsVersion"] != *given
    {
        return Err(stale());
    }
    if call.method.kind() == "compute.subnetworks" && body["fingerprint"] != entry.value["fingerprint"] {
        return Err(stale());
    }
    if let Some(given) = body.get("etag")
        && entry.value["etag"] != *given
    {
        return Err(aborted());
    }
    Ok(())
}

pub(crate) fn delete(world: &mut World, call: &Call) -> Result<Value, Refusal> {
    let kind = call.method.kind();
    let mut key = call.key();
    if kind == "sqladmin.users" {
        key = format!("{key}/{}", call.query("name").ok_or_else(|| Refusal::invalid("name is required"))?);
    }
    busy(world, kind, &key)?;
    let entry = world.resources.get(&key).cloned().ok_or_else(|| Refusal::not_found(&key))?;
    if entry.value["state"] == "DELETED" || entry.value["deleted"] == true {
        return Err(Refusal::not_found(&key));
    }
    if entry.value.pointer("/settings/deletionProtectionEnabled") == Some(&Value::Bool(true)) {
        return Err(Refusal::invalid(
            "The instance is protected. Please disable the deletion protection and try again.",
        ));
    }
    if kind == "storage.buckets"
        && world.objects.get(call.rest.trim_start_matches("b/")).is_some_and(|all| !all.is_empty())
    {
        return Err(
            Refusal::new(409, "FAILED_PRECONDITION", "The bucket you tried to delete is not empty.").reason("conflict")
        );
    }
    if kind == "dns.managedZones" && world.resources.keys().any(|other| other.starts_with(&format!("{key}/rrsets/"))) {
        return Err(Refusal::invalid("The resource named is not empty").reason("containerNotEmpty"));
    }
    world.policies.remove(&key);
    if kind == "iam.roles" {
        let mut value = object(&entry.value);
        value.insert("deleted".to_owned(), true.into());
        world.resources.insert(key, Entry { value: Value::Object(value.clone()), ..entry });
        return Ok(Value::Object(value));
    }
    if kind.starts_with("iam.workloadIdentityPools") {
        let mut value = entry.value.clone();
        value["state"] = "DELETED".into();
        return Ok(world.begin("iam", &key, Effect::Put(Box::new(Entry { value, ..entry }))));
    }
    if is_later(kind, "delete") {
        return Ok(world.begin(call.method.service(), &key, Effect::Remove));
    }
    world.resources.remove(&key);
    let inside = format!("{key}/");
    world.resources.retain(|other, _| !other.starts_with(&inside));
    Ok(Value::Null)
}
