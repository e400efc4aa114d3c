//! The stacks of Azure: rendered in every scale and strategy, and made, read, listed, changed and deleted through the seam.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use wildcam::{
    cloud::{
        control::{Address, Change, ControlPlane, FailureKind, Live},
        rules::Rules,
    },
    deploy::{graph::Graph, template},
    project::Provider,
};

use crate::{
    arm::{self, Fake},
    support::{self, followed, gone, lookup, made, order, plane, project, until_taken, wish},
};

const WHOLE: &str = "
[deploy]
zone = 'reserve.example.org'
images = { az = 'wcreserve.azurecr.io/gateway@sha256:0000000000000000000000000000000000000000000000000000000000000000' }
[budget]
monthly_usd = 90.0
[notify]
email = ['ranger@example.org', 'office@example.org']
[ci]
github = 'reserve/cameras'
[fleet]
online_key = 'env:ONLINE_KEY'
[traffic]
public_name = 'api.reserve.example.org'
";

fn rendered(fake: &Fake, more: &str, tail: &str) -> Graph {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{}{tail}", support::text(fake, more));
    let project = project(folder.path(), fake, &text);
    let mut graph = template::render(&project, "default").unwrap_or_else(|error| panic!("{error}\n{text}"));
    // The other cloud is not ours to judge.
    graph.resources.retain(|address, _| address.cloud == "az");
    graph
}

#[tokio::test]
async fn every_stack_renders_in_every_scale_and_strategy() {
    let fake = arm::start(0).await;
    let mut kinds = BTreeSet::new();
    for scale in ["small", "medium", "large"] {
        for strategy in ["active-active", "active-passive", "hybrid"] {
            let more = format!("scale = '{scale}'\nstrategy = '{strategy}'");
            let whole = rendered(&fake, &more, WHOLE);
            let stacks: BTreeSet<&str> = whole.resources.keys().map(|address| address.stack.as_str()).collect();
            let all = [
                "alarms", "budget", "ci", "database", "dns", "gateway", "identity", "network", "registry", "secrets",
                "storage",
            ];
            assert_eq!(stacks, BTreeSet::from(all), "{scale} {strategy}");
            kinds.extend(whole.resources.values().map(|resource| resource.kind.clone()));
            let least = rendered(&fake, &more, "[deploy]\ndatabase = false\n");
            assert!(least.resources.keys().all(|address| address.stack != "gateway" && address.stack != "database"));
            assert!(least.resources.len() > 10, "{}", least.resources.len());
        }
    }
    let known = Rules::of(Provider::Azure);
    let unknown: Vec<&String> = kinds.iter().filter(|kind| known.get(kind).is_none()).collect();
    assert!(unknown.is_empty(), "types.toml does not know {unknown:?}");
    let versions: Vec<&str> =
        kinds.iter().filter(|kind| known.get(kind).unwrap().api_version.is_empty()).map(String::as_str).collect();
    assert!(versions.is_empty(), "without an api-version: {versions:?}");
}

#[tokio::test]
async fn a_cloud_with_two_regions_copies_its_pictures() {
    let fake = arm::start(0).await;
    let folder = tempfile::tempdir().unwrap();
    let text = support::text(&fake, "").replace("['westeurope']", "['westeurope', 'northeurope']");
    let project = project(folder.path(), &fake, &text);
    let mut graph = template::render(&project, "default").unwrap();
    graph.resources.retain(|address, _| address.cloud == "az");
    let plane = plane(&project, lookup(&support::SIGNED_IN)).await.unwrap();
    let live = make_all(plane.as_ref(), &graph).await;
    let to = &live[&"az/storage/replication-to".parse::<Address>().unwrap()];
    let from = &live[&"az/storage/replication-from".parse::<Address>().unwrap()];
    assert_eq!(from.properties["properties"]["policyId"], to.properties["properties"]["policyId"]);
    assert_ne!(to.properties["name"], "wildcamreserveaz2/default", "Azure gives it a name of its own");
    // It is found again all the same.
    let wanted = wish(&graph, &"az/storage/replication-to".parse().unwrap(), &live);
    assert_eq!(plane.locate(&wanted).await.unwrap().unwrap().id, to.id);
    delete_all(plane.as_ref(), &graph, &live).await;
}

async fn make_all(plane: &dyn ControlPlane, graph: &Graph) -> BTreeMap<Address, Live> {
    let mut live = BTreeMap::new();
    for address in order(graph) {
        let wanted = wish(graph, &address, &live);
        let one = made(plane, &wanted).await.unwrap_or_else(|failure| panic!("{address}: {failure} {failure:?}"));
        live.insert(address, one);
    }
    live
}

async fn delete_all(plane: &dyn ControlPlane, graph: &Graph, live: &BTreeMap<Address, Live>) {
    for address in order(graph).iter().rev() {
        // The group goes last, and only when nothing is left in it.
        let read = &live[address];
        let now = plane.read(&read.kind, &read.region, &read.id).await.unwrap_or_else(|_| read.clone());
        match gone(plane, &now).await {
            Ok(()) => {}
            Err(failure) if failure.kind == FailureKind::NotFound => {}
            Err(failure) => panic!("{address}: {failure} {failure:?}"),
        }
    }
}

/// Every pointer of `wanted` that differs in `live`, but for what is never told and what Azure fills in.
fn differences(wanted: &Value, live: &Value, at: &str, found: &mut Vec<String>) {
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => {
            for (key, value) in wanted {
                match live.get(key) {
                    Some(other) => differences(value, other, &format!("{at}/{key}"), found),
                    None => found.push(format!("{at}/{key}")),
                }
            }
        }
        (Value::Array(wanted), Value::Array(live)) if wanted.len() == live.len() => {
            wanted.iter().zip(live).for_each(|(one, other)| differences(one, other, &format!("{at}/*"), found));
        }
        _ if wanted == live => {}
        _ => found.push(at.to_owned()),
    }
}

#[tokio::test]
async fn every_type_of_the_stacks_goes_through_the_seam() {
    let fake = arm::start(0).await;
    fake.hide_new(1);
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{}{WHOLE}", support::text(&fake, "scale = 'medium'"));
    let project = project(folder.path(), &fake, &text);
    let mut graph = template::render(&project, "default").unwrap();
    graph.resources.retain(|address, _| address.cloud == "az");
    let plane = plane(&project, lookup(&support::SIGNED_IN)).await.unwrap();
    // The place of the state comes before everything else, as in a deploy.
    plane.state_store("reserve", true).await.unwrap().unwrap();
    let live = make_all(plane.as_ref(), &graph).await;
    let rules = Rules::of(Provider::Azure);
    let count = live.len();
    for (address, one) in &live {
        let wanted = wish(&graph, address, &live);
        // Located by its name, and ours: by its marks, its description, or by what it stands in.
        let found = plane.locate(&wanted).await.unwrap().unwrap_or_else(|| panic!("{address} is not found"));
        assert_eq!((&found.id, &found.owner), (&one.id, &Some(wanted.owner.clone())), "{address}");
        // What was set is told again, but for what Azure never tells or changes by itself.
        let of = rules.get(&one.kind).unwrap();
        let mut differ = Vec::new();
        differences(&wanted.properties, &one.properties, "", &mut differ);
        differ.retain(|pointer| !of.write_only.contains(pointer) && !of.ignore.contains(pointer));
        assert!(differ.is_empty(), "{address} would show changes for ever: {differ:?}");
        // Listed, where the type has a list.
        match plane.list(&one.kind, &one.region).await {
            Ok(lines) => {
                assert!(lines.iter().any(|line| line.id.eq_ignore_ascii_case(&one.id)), "{address}: {lines:?}")
            }
            Err(failure) => assert_eq!(failure.kind, FailureKind::Unsupported, "{address}: {failure}"),
        }
        // A second call to make it is the first one again.
        let again = made(plane.as_ref(), &wanted).await.unwrap_or_else(|failure| panic!("{address}: {failure}"));
        assert_eq!(again.id, one.id, "{address}");
    }
    assert!(fake.creations().values().all(|times| *times == 1), "{:?}", fake.creations());
    // Changed, each in what it can be changed.
    for (address, pointer, value) in changes() {
        change(plane.as_ref(), &graph, &live, address, pointer, value).await;
    }
    delete_all(plane.as_ref(), &graph, &live).await;
    plane.remove_state_store("reserve").await.unwrap();
    assert_eq!(fake.resources(), BTreeMap::new());
    assert!(count >= 35, "only {count} resources");
}

/// One change for every type that can be changed.
fn changes() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("az/identity/group", "/tags", serde_json::json!({ "team": "rangers" })),
        ("az/identity/gateway", "/tags", serde_json::json!({ "team": "rangers" })),
        ("az/identity/vault", "/properties/publicNetworkAccess", "Disabled".into()),
        ("az/identity/storage-uses-key", "/properties/description", "why".into()),
        ("az/network/net", "/properties/addressSpace/addressPrefixes", serde_json::json!(["10.60.0.0/15"])),
        ("az/network/database", "/properties/privateEndpointNetworkPolicies", "Enabled".into()),
        ("az/network/database-zone", "/tags", serde_json::json!({ "team": "rangers" })),
        ("az/network/database-zone-link", "/properties/registrationEnabled", true.into()),
        ("az/storage/account", "/properties/accessTier", "Cool".into()),
        ("az/storage/blobs", "/properties/deleteRetentionPolicy/days", 60.into()),
        ("az/storage/pictures", "/properties/metadata", serde_json::json!({ "team": "rangers" })),
        ("az/storage/backup-lock", "/properties/immutabilityPeriodSinceCreationInDays", 40.into()),
        (
            "az/storage/lifecycle",
            "/properties/policy/rules/0/definition/actions/baseBlob/tierToCool/daysAfterModificationGreaterThan",
            100.into(),
        ),
        ("az/secrets/fleet-online-key", "/properties/contentType", "application/x-pem-file".into()),
        ("az/database/server", "/properties/backup/backupRetentionDays", 35.into()),
        ("az/registry/registry", "/properties/anonymousPullEnabled", true.into()),
        ("az/dns/zone", "/tags", serde_json::json!({ "team": "rangers" })),
        ("az/gateway/logs", "/properties/retentionInDays", 60.into()),
        ("az/gateway/environment", "/properties/appLogsConfiguration/destination", "none".into()),
        ("az/gateway/environment-logs", "/properties/logs/0/enabled", false.into()),
        ("az/gateway/app", "/properties/template/scale/maxReplicas", 9.into()),
        ("az/budget/month", "/properties/amount", 120.into()),
        ("az/alarms/people", "/properties/emailReceivers/0/emailAddress", "other@example.org".into()),
        ("az/alarms/storage-away", "/properties/severity", 2.into()),
        ("az/ci/github", "/properties/subject", "repo:reserve/cameras:ref:refs/heads/next".into()),
    ]
}

async fn change(
    plane: &dyn ControlPlane,
    graph: &Graph,
    live: &BTreeMap<Address, Live>,
    address: &str,
    pointer: &str,
    value: Value,
) {
    let address: Address = address.parse().unwrap();
    let made = live.get(&address).unwrap_or_else(|| panic!("there is no {address}"));
    // As it stands now: a network has got its subnets since it was made.
    let one = &plane.read(&made.kind, &made.region, &made.id).await.unwrap();
    let mut wanted = wish(graph, &address, live);
    set(&mut wanted.properties, pointer, value.clone());
    let changes = [Change {
        pointer: pointer.to_owned(),
        from: one.properties.pointer(pointer).cloned(),
        to: Some(value.clone()),
    }];
    let token = "00000000-0000-4000-8000-000000000002";
    let step = until_taken(async || plane.update(one, &wanted, &changes, token).await).await;
    let step = step.unwrap_or_else(|failure| panic!("{address}: {failure}"));
    followed(plane, step).await.unwrap_or_else(|failure| panic!("{address}: {failure}"));
    let now = plane.read(&one.kind, &one.region, &one.id).await.unwrap();
    let told = now.properties.pointer(pointer);
    match (&value, told) {
        (Value::Object(wanted), Some(Value::Object(told))) => {
            assert!(wanted.iter().all(|(key, value)| told.get(key) == Some(value)), "{address}: {told:?}");
        }
        (_, told) => assert_eq!(told, Some(&value), "{address}"),
    }
    // Everything else stays as it was.
    let mut differ = Vec::new();
    differences(&one.properties, &now.properties, "", &mut differ);
    differ.retain(|other| {
        !other.replace("/*", "/0").starts_with(pointer) && !["/etag", "/eTag"].contains(&other.as_str())
    });
    assert!(differ.is_empty(), "{address}: more changed than was meant: {differ:?}");
    // A role assignment has its marks in its description, which this change replaces.
    let owner = now.owner.or_else(|| (pointer == "/properties/description").then(|| one.owner.clone()).flatten());
    assert_eq!(owner.is_some(), one.owner.is_some(), "{address} lost its marks");
}

fn set(body: &mut Value, pointer: &str, value: Value) {
    let mut now = body;
    for part in pointer.split('/').skip(1) {
        now = match now {
            Value::Array(items) => &mut items[part.parse::<usize>().unwrap()],
            other => {
                if !other.is_object() {
                    *other = Value::Object(serde_json::Map::new());
                }
                &mut other[part]
            }
        };
    }
    *now = value;
}
