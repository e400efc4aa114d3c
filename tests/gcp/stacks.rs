//! All stacks, through the seam, onto the fake: made in order, read, found again, left alone by a second run, deleted.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use wildcam::{
    cloud::control::{Address, ControlPlane, FailureKind, Live, Owner, Wanted},
    deploy::{graph::Graph, reference, template},
    project::Provider,
};

use super::{
    google,
    plane::{differences, make, open, project, remove, with_secrets},
};

const EVERYTHING: &str = r#"
[gateway]
signing_key = "file:signing.pem"
[fleet]
online_key = "file:online.pem"
[budget]
monthly_usd = 300.0
[notify]
email = ["warden@example.org", "night@example.org"]
[ci]
github = "wild/cams"
[deploy]
zone = "cams.example.org"
[deploy.images]
gcp = "europe-west3-docker.pkg.dev/wild-123/wildcam/gateway@sha256:0000000000000000000000000000000000000000000000000000000000000000"
"#;

fn in_order(graph: &Graph) -> Vec<Address> {
    let mut done: Vec<Address> = Vec::new();
    let own: BTreeSet<&Address> =
        graph.resources.iter().filter(|(_, of)| of.provider == Provider::Gcp).map(|(address, _)| address).collect();
    while done.len() < own.len() {
        let next: Vec<Address> = own
            .iter()
            .filter(|address| !done.contains(address))
            .filter(|address| graph.resources[**address].needs.iter().all(|needed| done.contains(needed)))
            .map(|address| (*address).clone())
            .collect();
        assert!(!next.is_empty(), "a circle");
        done.extend(next);
    }
    done
}

fn want(graph: &Graph, address: &Address, made: &BTreeMap<Address, Live>) -> Wanted {
    let resource = &graph.resources[address];
    let properties = reference::resolve(&resource.properties, &|of, path| {
        let live = made.get(of)?;
        if path.is_empty() {
            Some(live.id.clone().into())
        } else {
            reference::attribute(&live.properties, path).cloned()
        }
    });
    assert!(!reference::has_unknown(&properties), "{address}: {properties}");
    with_secrets(Wanted {
        owner: Owner { project: "serengeti".to_owned(), environment: "default".to_owned(), address: address.clone() },
        kind: resource.kind.clone(),
        region: resource.region.clone(),
        properties,
        secrets: BTreeMap::new(),
    })
}

async fn make_all(plane: &dyn ControlPlane, graph: &Graph) -> BTreeMap<Address, Live> {
    let mut made = BTreeMap::new();
    for address in in_order(graph) {
        let wanted = want(graph, &address, &made);
        let live = make(plane, &wanted).await.unwrap_or_else(|failure| panic!("{address}: {failure:?}"));
        made.insert(address, live);
    }
    made
}

/// What of a resource the service tells, without what it never does.
fn told(wanted: &Wanted) -> Value {
    let mut told = wanted.properties.clone();
    let hidden = match wanted.kind.as_str() {
        "secretmanager.secrets.versions" => "payload",
        "storage.buckets" => "enableObjectRetention",
        _ => return told,
    };
    told.as_object_mut().expect("an object").remove(hidden);
    told
}

#[tokio::test]
async fn every_stack_is_made_found_again_and_deleted() {
    let fake = google::start(1);
    fake.hide_new(1);
    let project = project(&fake.url, EVERYTHING);
    let plane = open(&project, &fake).await;
    let graph =
        template::render(&project, "default").unwrap_or_else(|error| panic!("{:?}", miette::Report::new(error)));
    // The place of the state comes before everything else, as in a deploy.
    plane.state_store("serengeti", true).await.unwrap().expect("a place");
    let made = make_all(&*plane, &graph).await;
    assert!(made.len() >= 45, "only {} resources", made.len());
    let creations = fake.creations();
    assert!(creations.values().all(|times| *times == 1), "{creations:?}");

    // Read again, nothing differs; and it is found without its id, as its own.
    for (address, live) in &made {
        let wanted = want(&graph, address, &made);
        let read = plane
            .read(&live.kind, &live.region, &live.id)
            .await
            .unwrap_or_else(|failure| panic!("{address}: {failure}"));
        assert_eq!(differences(&read.properties, &told(&wanted), ""), vec![], "{address}");
        let found = plane.locate(&wanted).await.unwrap_or_else(|failure| panic!("{address}: {failure}"));
        let found = found.unwrap_or_else(|| panic!("{address} is not found"));
        assert_eq!((&found.id, found.owner.as_ref()), (&live.id, Some(&wanted.owner)), "{address}");
    }

    // Lists are whole, though the fake tells two at a time.
    let kinds: BTreeSet<(String, String)> =
        made.values().map(|live| (live.kind.clone(), live.region.clone())).collect();
    for (kind, region) in kinds {
        let listed = match plane.list(&kind, &region).await {
            Err(failure) if failure.kind == FailureKind::Unsupported => continue,
            other => other.unwrap_or_else(|failure| panic!("{kind}: {failure}")),
        };
        let ids: BTreeSet<&str> = listed.iter().map(|one| one.id.as_str()).collect();
        for live in made.values().filter(|live| live.kind == kind && live.region == region) {
            assert!(ids.contains(live.id.as_str()), "{kind}: {} is not among {ids:?}", live.id);
        }
        for one in &listed {
            let live = one.live.as_ref().expect("Google's lists give the whole");
            assert_eq!(live.id, one.id);
        }
    }

    // In the other order everything goes but what cannot.
    for address in in_order(&graph).iter().rev() {
        remove(&*plane, &made[address], true).await.unwrap_or_else(|failure| panic!("{address}: {failure:?}"));
    }
    plane.remove_state_store("serengeti").await.unwrap();
    let left: Vec<String> = fake
        .resources()
        .into_iter()
        .filter(|(_, value)| value["state"] != "DELETED" && value["deleted"] != true)
        .map(|(key, _)| key)
        .filter(|key| !key.starts_with("cloudkms/") && !key.starts_with("serviceusage/"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
    let policy = fake.policy(&format!("cloudresourcemanager/projects/{}", google::PROJECT));
    assert_eq!(policy["bindings"].as_array().map(Vec::len), Some(1), "{policy}");

    // The same again: keys get new versions, what was kept is brought back, and the database must wait for its name.
    plane.state_store("serengeti", true).await.unwrap().expect("a place");
    for address in in_order(&graph) {
        if address.stack == "database" || address.stack == "alarms" || address.stack == "budget" {
            continue;
        }
        let wanted = want(&graph, &address, &made);
        let once_more = make(&*plane, &wanted).await;
        assert!(once_more.is_ok(), "{address}: {once_more:?}");
    }
}
