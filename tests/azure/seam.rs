//! Operations, lists and faults, as the engine meets them.

use serde_json::json;
use wildcam::cloud::control::{Change, FailureKind, Pending, Step};

use crate::{
    arm::{self, SUBSCRIPTION},
    support::{followed, gone, made, signed_in, until_taken, wanted},
};

const TOKEN: &str = "00000000-0000-4000-8000-000000000009";
const NET: &str = "Microsoft.Network/virtualNetworks";

fn group() -> wildcam::cloud::control::Wanted {
    wanted("az/identity/group", "Microsoft.Resources/resourceGroups", "westeurope", json!({ "name": "g" }))
}

fn net(name: &str) -> wildcam::cloud::control::Wanted {
    let properties = json!({ "name": name, "resourceGroup": "g",
        "properties": { "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] } } });
    wanted(&format!("az/network/{name}"), NET, "westeurope", properties)
}

fn subnet(name: &str) -> wildcam::cloud::control::Wanted {
    let properties = json!({ "name": format!("net/{name}"), "resourceGroup": "g",
        "properties": { "addressPrefix": "10.0.0.0/24" } });
    wanted(&format!("az/network/{name}"), "Microsoft.Network/virtualNetworks/subnets", "westeurope", properties)
}

#[tokio::test]
async fn the_wrong_order_waits_for_what_comes_first() {
    let fake = arm::start(0).await;
    let plane = signed_in(&fake).await;
    // The group is not known yet: what stands in it is tried again.
    let failure = plane.create(&net("net"), TOKEN).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotYet, "{failure}");
    made(plane.as_ref(), &group()).await.unwrap();
    let failure = plane.create(&subnet("one"), TOKEN).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotYet, "{failure}");
    let step = plane.create(&net("net"), TOKEN).await.unwrap();
    // The network is being made: nothing is put into it meanwhile.
    let failure = plane.create(&subnet("one"), TOKEN).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Busy, "{failure}");
    followed(plane.as_ref(), step).await.unwrap();
    // One change at a time within a network.
    let step = plane.create(&subnet("one"), TOKEN).await.unwrap();
    let failure = plane.create(&subnet("two"), TOKEN).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Busy, "{failure}");
    followed(plane.as_ref(), step).await.unwrap();
    made(plane.as_ref(), &subnet("two")).await.unwrap();
    // A change of the network keeps its subnets.
    let live = plane.locate(&net("net")).await.unwrap().unwrap();
    let mut wider = net("net");
    wider.properties["properties"]["addressSpace"]["addressPrefixes"] = json!(["10.0.0.0/8"]);
    let change = Change {
        pointer: "/properties/addressSpace/addressPrefixes/0".to_owned(),
        from: Some(json!("10.0.0.0/16")),
        to: Some(json!("10.0.0.0/8")),
    };
    let step = plane.update(&live, &wider, &[change], TOKEN).await.unwrap();
    followed(plane.as_ref(), step).await.unwrap();
    assert_eq!(fake.resources().len(), 4);
}

#[tokio::test]
async fn an_operation_is_followed_by_another_process() {
    let fake = arm::start(0).await;
    let first = signed_in(&fake).await;
    made(first.as_ref(), &group()).await.unwrap();
    let Step::Pending(pending) = first.create(&net("net"), TOKEN).await.unwrap() else { panic!("it ended at once") };
    let kept = serde_json::to_string(&pending).unwrap();
    assert!(!kept.contains("token-"), "no token is kept: {kept}");
    drop(first);
    let second = signed_in(&fake).await;
    let pending: Pending = serde_json::from_str(&kept).unwrap();
    let (id, _) = followed(second.as_ref(), Step::Pending(pending)).await.unwrap();
    assert_eq!(second.read(NET, "westeurope", &id).await.unwrap().owner, Some(net("net").owner));
    // It was made once, though it was asked for again.
    made(second.as_ref(), &net("net")).await.unwrap();
    assert!(fake.creations().values().all(|times| *times == 1));
}

#[tokio::test]
async fn an_operation_that_azure_forgot_is_read_from_the_resource() {
    let fake = arm::start(0).await;
    let plane = signed_in(&fake).await;
    made(plane.as_ref(), &group()).await.unwrap();
    let live = made(plane.as_ref(), &net("net")).await.unwrap();
    let handle = |act: &str| Pending {
        kind: NET.to_owned(),
        region: "westeurope".to_owned(),
        handle: format!(
            r#"{{"way":"operation","act":"{act}","url":"{}operations/999?api-version=2025-01-01"}}"#,
            fake.url
        ),
        id: Some(live.id.clone()),
        wait_ms: 0,
    };
    let Step::Done { id, live: Some(_) } = plane.poll(&handle("make")).await.unwrap() else { panic!("it stands") };
    assert_eq!(id, live.id);
    assert!(matches!(plane.poll(&handle("delete")).await.unwrap(), Step::Pending(_)), "it is not gone");
    gone(plane.as_ref(), &live).await.unwrap();
    assert!(matches!(plane.poll(&handle("delete")).await.unwrap(), Step::Done { live: None, .. }));
    assert!(matches!(plane.poll(&handle("make")).await.unwrap(), Step::Pending(_)), "it is not seen yet");
}

#[tokio::test]
async fn no_token_goes_to_another_host() {
    let fake = arm::start(0).await;
    let other = arm::start(0).await;
    let plane = signed_in(&fake).await;
    let pending = Pending {
        kind: NET.to_owned(),
        region: "westeurope".to_owned(),
        handle: format!(r#"{{"way":"location","act":"make","url":"{}results/1"}}"#, other.url),
        id: Some(format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/g")),
        wait_ms: 0,
    };
    let failure = plane.poll(&pending).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Invalid, "{failure}");
    assert!(other.calls().is_empty());
    // Nor is anything outside of the subscription read.
    for id in ["/subscriptions/other/resourceGroups/g", "https://example.org/", "/subscriptions/../x"] {
        let failure = plane.read(NET, "westeurope", id).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Invalid, "{id}");
    }
    assert!(fake.calls().is_empty(), "{:?}", fake.calls());
}

#[tokio::test]
async fn a_long_list_is_read_to_its_end_with_few_calls() {
    let fake = arm::start(0).await;
    let plane = signed_in(&fake).await;
    made(plane.as_ref(), &group()).await.unwrap();
    for number in 0..10 {
        made(plane.as_ref(), &net(&format!("net{number}"))).await.unwrap();
    }
    let before = fake.calls().len();
    let lines = plane.list(NET, "westeurope").await.unwrap();
    assert_eq!(lines.len(), 10);
    assert!(lines.iter().all(|line| line.live.as_ref().is_some_and(|live| live.owner.is_some())));
    assert_eq!(fake.calls().len() - before, 4, "pages of three");
    assert!(plane.list(NET, "northeurope").await.unwrap().is_empty());
}

#[tokio::test]
async fn throttling_says_how_long_and_nothing_happened() {
    let fake = arm::start(0).await;
    let plane = signed_in(&fake).await;
    fake.throttle(1);
    let failure = plane.list(NET, "westeurope").await.unwrap_err();
    assert_eq!((failure.kind, failure.retry_after_ms), (FailureKind::Throttled, Some(1000)));
    assert_eq!(failure.request_id.as_deref(), Some("fake-request"));
    plane.list(NET, "westeurope").await.unwrap();
}

#[tokio::test]
async fn a_change_over_somebody_elses_is_refused_and_what_cannot_change_is_told() {
    let fake = arm::start(0).await;
    let plane = signed_in(&fake).await;
    made(plane.as_ref(), &group()).await.unwrap();
    let live = made(plane.as_ref(), &net("net")).await.unwrap();
    // What somebody else set stays, since each change reads the resource first.
    fake.change(&live.id, "/tags", json!({ "theirs": "1" }));
    let change = Change { pointer: "/tags/mine".to_owned(), from: None, to: Some(json!("2")) };
    let mut tagged = net("net");
    tagged.properties["tags"] = json!({ "mine": "2" });
    let step = plane.update(&live, &tagged, &[change], TOKEN).await.unwrap();
    followed(plane.as_ref(), step).await.unwrap();
    let now = plane.read(NET, "westeurope", &live.id).await.unwrap();
    assert_eq!((&now.properties["tags"]["theirs"], &now.properties["tags"]["mine"]), (&json!("1"), &json!("2")));
    // What may not be changed: the engine plans an exchange; a call is refused.
    let zone = json!({ "name": "reserve.example.org", "resourceGroup": "g", "properties": { "zoneType": "Public" } });
    let zone = wanted("az/dns/zone", "Microsoft.Network/dnsZones", "global", zone);
    let made_zone = made(plane.as_ref(), &zone).await.unwrap();
    let mut private = zone.clone();
    private.properties["properties"]["zoneType"] = json!("Private");
    let change = Change { pointer: "/properties/zoneType".to_owned(), from: None, to: None };
    let failure = plane.update(&made_zone, &private, &[change], TOKEN).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Invalid, "{failure}");
    assert!(failure.message.contains("PropertyChangeNotAllowed"), "{failure}");
}

#[tokio::test]
async fn a_role_that_somebody_gave_already_is_found() {
    let fake = arm::start(0).await;
    fake.slow_principals(3);
    let plane = signed_in(&fake).await;
    let group = made(plane.as_ref(), &group()).await.unwrap();
    let identity = json!({ "name": "gateway", "resourceGroup": "g" });
    let identity =
        wanted("az/identity/gateway", "Microsoft.ManagedIdentity/userAssignedIdentities", "westeurope", identity);
    let identity = made(plane.as_ref(), &identity).await.unwrap();
    let role = |address: &str| {
        let properties = json!({ "scope": group.id, "properties": {
            "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c",
            "principalId": identity.properties["properties"]["principalId"], "principalType": "ServicePrincipal" } });
        wanted(address, "Microsoft.Authorization/roleAssignments", "global", properties)
    };
    // A principal that was made a moment ago is not known everywhere.
    let failure = plane.create(&role("az/ci/one"), TOKEN).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotYet, "{failure}");
    let one = made(plane.as_ref(), &role("az/ci/one")).await.unwrap();
    let found = plane.locate(&role("az/ci/two")).await.unwrap().unwrap();
    assert_eq!((found.id, found.owner), (one.id.clone(), Some(role("az/ci/one").owner)));
    let failure = plane.create(&role("az/ci/two"), TOKEN).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Exists, "{failure}");
    gone(plane.as_ref(), &one).await.unwrap();
    assert_eq!(plane.locate(&role("az/ci/one")).await.unwrap(), None);
}

#[tokio::test]
async fn chance_does_not_make_anything_twice() {
    for seed in 1..=3 {
        let fake = arm::start(seed).await;
        let plane = signed_in(&fake).await;
        made(plane.as_ref(), &group()).await.unwrap();
        for number in 0..4 {
            let wanted = net(&format!("net{number}"));
            let live = made(plane.as_ref(), &wanted).await.unwrap();
            if number == 3 {
                until_taken(async || gone(plane.as_ref(), &live).await).await.unwrap();
            }
        }
        let creations = fake.creations();
        assert!(creations.values().all(|times| *times == 1), "seed {seed}: {creations:?}");
        assert_eq!((creations.len(), fake.resources().len()), (5, 4), "seed {seed}");
    }
}
