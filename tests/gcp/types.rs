//! Single types: what a change sends, and what is not as with the others.

use serde_json::{Value, json};
use wildcam::cloud::control::{Change, ControlPlane, FailureKind, Step};

use super::{
    google,
    plane::{TOKEN, change, make, open, project, remove, settle, wanted},
};

const REGION: &str = "europe-west3";

async fn plane() -> (google::Fake, std::sync::Arc<dyn ControlPlane>) {
    let fake = google::start(2);
    let plane = open(&project(&fake.url, ""), &fake).await;
    (fake, plane)
}

fn bucket(more: &[(&str, Value)]) -> Value {
    let mut properties = json!({ "name": "wildcam-serengeti-gcp", "location": "EUROPE-WEST3" });
    for (name, value) in more {
        properties[*name] = value.clone();
    }
    properties
}

#[tokio::test]
async fn a_change_sends_what_changes_and_leaves_the_rest() {
    let (fake, plane) = plane().await;
    let before = wanted(
        "gcp/storage/pictures",
        "storage.buckets",
        "global",
        bucket(&[("versioning", json!({"enabled": true}))]),
    );
    let live = make(&*plane, &before).await.unwrap();
    let key = "storage/b/wildcam-serengeti-gcp";
    fake.change(key, "/website", json!({"mainPageSuffix": "theirs"}));
    let after = wanted(
        "gcp/storage/pictures",
        "storage.buckets",
        "global",
        bucket(&[("versioning", json!({"enabled": false}))]),
    );
    let live = change(&*plane, &live, &after).await.unwrap();
    assert_eq!(live.properties["versioning"]["enabled"], false);
    assert_eq!(fake.resources()[key]["website"]["mainPageSuffix"], "theirs");
    assert_eq!(fake.resources()[key]["labels"]["wildcam-address"], "gcp_storage_pictures");

    // Somebody was faster: the change is refused, and whoever asks again reads first.
    fake.change(key, "/metageneration", json!("77"));
    let refused = change(&*plane, &live, &before).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Busy);

    let moved = wanted("gcp/storage/pictures", "storage.buckets", "global", bucket(&[("location", json!("US-EAST1"))]));
    let live = plane.read("storage.buckets", "global", &live.id).await.unwrap();
    assert_eq!(change(&*plane, &live, &moved).await.unwrap_err().kind, FailureKind::Invalid, "the place cannot change");
}

#[tokio::test]
async fn every_kind_of_update_reaches_its_service() {
    let (fake, plane) = plane().await;
    let account = wanted(
        "gcp/i/gateway",
        "iam.serviceAccounts",
        "global",
        json!({"accountId": "gateway", "serviceAccount": {"displayName": "Old"}}),
    );
    let live = make(&*plane, &account).await.unwrap();
    let email = live.properties["email"].as_str().unwrap().to_owned();
    let service = |image: &str| json!({"serviceId": "gateway", "template": {"serviceAccount": email, "containers": [{"image": image}]}});
    let cases = [
        (
            "iam.serviceAccounts",
            "global",
            json!({"accountId": "gateway", "serviceAccount": {"displayName": "Old"}}),
            json!({"accountId": "gateway", "serviceAccount": {"displayName": "New"}}),
        ),
        (
            "iam.roles",
            "global",
            json!({"roleId": "deploys", "role": {"title": "t", "includedPermissions": ["a.b.c"]}}),
            json!({"roleId": "deploys", "role": {"title": "t", "includedPermissions": ["a.b.c", "a.b.d"]}}),
        ),
        ("run.services", REGION, service("old"), service("new")),
        (
            "artifactregistry.repositories",
            REGION,
            json!({"repositoryId": "images", "format": "DOCKER", "dockerConfig": {"immutableTags": false}}),
            json!({"repositoryId": "images", "format": "DOCKER", "dockerConfig": {"immutableTags": true}}),
        ),
        (
            "dns.managedZones",
            "global",
            json!({"name": "zone", "dnsName": "example.org.", "description": "old"}),
            json!({"name": "zone", "dnsName": "example.org.", "description": "new"}),
        ),
        (
            "dns.resourceRecordSets",
            "global",
            json!({"managedZone": "zone", "name": "a.example.org.", "type": "A", "ttl": 60, "rrdatas": ["192.0.2.1"]}),
            json!({"managedZone": "zone", "name": "a.example.org.", "type": "A", "ttl": 30, "rrdatas": ["192.0.2.1", "192.0.2.2"]}),
        ),
        (
            "secretmanager.secrets",
            "global",
            json!({"secretId": "key", "replication": {"automatic": {}}}),
            json!({"secretId": "key", "replication": {"automatic": {}}, "versionDestroyTtl": "86400s"}),
        ),
        (
            "monitoring.notificationChannels",
            "global",
            json!({"type": "email", "displayName": "m", "labels": {"email_address": "a@example.org"}}),
            json!({"type": "email", "displayName": "m", "labels": {"email_address": "b@example.org"}}),
        ),
        (
            "monitoring.alertPolicies",
            "global",
            json!({"displayName": "p", "combiner": "OR", "conditions": [{"displayName": "c", "conditionThreshold": {"filter": "f", "thresholdValue": 1}}]}),
            json!({"displayName": "p", "combiner": "OR", "conditions": [{"displayName": "c", "conditionThreshold": {"filter": "f", "thresholdValue": 2}}]}),
        ),
        (
            "monitoring.uptimeCheckConfigs",
            "global",
            json!({"displayName": "u", "period": "60s", "httpCheck": {"path": "/a"}}),
            json!({"displayName": "u", "period": "300s", "httpCheck": {"path": "/a"}}),
        ),
        (
            "billingbudgets.budgets",
            "global",
            json!({"parent": "billingAccounts/1", "displayName": "b", "amount": {"specifiedAmount": {"units": "10"}}}),
            json!({"parent": "billingAccounts/1", "displayName": "b", "amount": {"specifiedAmount": {"units": "20"}}}),
        ),
        (
            "iam.workloadIdentityPools",
            "global",
            json!({"workloadIdentityPoolId": "pool", "displayName": "old"}),
            json!({"workloadIdentityPoolId": "pool", "displayName": "new"}),
        ),
        (
            "iam.workloadIdentityPools.providers",
            "global",
            json!({"parent": "projects/wild-123/locations/global/workloadIdentityPools/pool", "workloadIdentityPoolProviderId": "github", "attributeMapping": {"google.subject": "assertion.sub"}}),
            json!({"parent": "projects/wild-123/locations/global/workloadIdentityPools/pool", "workloadIdentityPoolProviderId": "github", "attributeMapping": {"google.subject": "assertion.sub", "attribute.ref": "assertion.ref"}}),
        ),
        ("cloudkms.keyRings", "europe-west3", json!({"keyRingId": "ring"}), json!({"keyRingId": "ring"})),
        (
            "cloudkms.cryptoKeys",
            "europe-west3",
            json!({"parent": "projects/wild-123/locations/europe-west3/keyRings/ring", "cryptoKeyId": "k", "purpose": "ENCRYPT_DECRYPT", "rotationPeriod": "7776000s"}),
            json!({"parent": "projects/wild-123/locations/europe-west3/keyRings/ring", "cryptoKeyId": "k", "purpose": "ENCRYPT_DECRYPT", "rotationPeriod": "2592000s"}),
        ),
        (
            "sqladmin.instances",
            REGION,
            json!({"name": "db", "region": REGION, "databaseVersion": "POSTGRES_18", "settings": {"tier": "db-g1-small"}}),
            json!({"name": "db", "region": REGION, "databaseVersion": "POSTGRES_18", "settings": {"tier": "db-custom-2-7680"}}),
        ),
        (
            "sqladmin.databases",
            REGION,
            json!({"instance": "db", "name": "index", "charset": "UTF8"}),
            json!({"instance": "db", "name": "index", "charset": "UTF8"}),
        ),
        (
            "sqladmin.users",
            REGION,
            json!({"instance": "db", "name": "gateway@wild-123.iam", "type": "CLOUD_IAM_SERVICE_ACCOUNT"}),
            json!({"instance": "db", "name": "gateway@wild-123.iam", "type": "CLOUD_IAM_SERVICE_ACCOUNT"}),
        ),
        (
            "compute.networks",
            "global",
            json!({"name": "net", "autoCreateSubnetworks": false, "routingConfig": {"routingMode": "REGIONAL"}}),
            json!({"name": "net", "autoCreateSubnetworks": false, "routingConfig": {"routingMode": "GLOBAL"}}),
        ),
        (
            "compute.subnetworks",
            REGION,
            json!({"name": "sub", "network": "projects/wild-123/global/networks/net", "ipCidrRange": "10.0.0.0/24", "privateIpGoogleAccess": false}),
            json!({"name": "sub", "network": "projects/wild-123/global/networks/net", "ipCidrRange": "10.0.0.0/24", "privateIpGoogleAccess": true}),
        ),
    ];
    let mut made = Vec::new();
    for (index, (kind, region, before, after)) in cases.into_iter().enumerate() {
        let address =
            if kind == "iam.serviceAccounts" { "gcp/i/gateway".to_owned() } else { format!("gcp/s/r{index}") };
        let before = wanted(&address, kind, region, before);
        let live = match kind {
            "iam.serviceAccounts" => live.clone(),
            _ => make(&*plane, &before).await.unwrap_or_else(|failure| panic!("{kind}: {failure:?}")),
        };
        assert!(live.owner.is_none() || live.owner.as_ref() == Some(&before.owner), "{kind}");
        let after = wanted(&address, kind, region, after);
        let changed = change(&*plane, &live, &after).await.unwrap_or_else(|failure| panic!("{kind}: {failure:?}"));
        let left = super::plane::differences(&changed.properties, &after.properties, "");
        assert_eq!(left, vec![], "{kind}: {}", changed.properties);
        assert_eq!(changed.owner, live.owner, "{kind} lost its marks");
        made.push(changed);
    }
    for live in made.iter().rev() {
        remove(&*plane, live, true).await.unwrap_or_else(|failure| panic!("{}: {failure:?}", live.kind));
        let gone = plane.read(&live.kind, &live.region, &live.id).await;
        match live.kind.as_str() {
            "cloudkms.keyRings" => assert!(gone.is_ok(), "a ring cannot be deleted"),
            kind => assert_eq!(gone.unwrap_err().kind, FailureKind::NotFound, "{kind}"),
        }
    }
    assert!(fake.creations().values().all(|times| *times == 1));
}

#[tokio::test]
async fn a_policy_is_changed_by_one_pair_and_under_its_etag() {
    let (fake, plane) = plane().await;
    let key = format!("cloudresourcemanager/projects/{}", google::PROJECT);
    let condition = json!({"title": "until", "expression": "request.time < timestamp('2030-01-01T00:00:00Z')"});
    fake.bind(&key, json!({"role": "roles/viewer", "members": ["user:a@example.org"], "condition": condition}));
    fake.bind(&key, json!({"role": "roles/viewer", "members": ["user:b@example.org"]}));
    let before = fake.policy(&key);
    let pair = |member: &str| {
        let properties = json!({"resource": google::PROJECT, "role": "roles/viewer", "member": member});
        wanted("gcp/i/view", "cloudresourcemanager.projects.iamMembers", "global", properties)
    };
    let live = make(&*plane, &pair("user:c@example.org")).await.unwrap();
    let now = fake.policy(&key);
    assert_eq!(now["bindings"][2]["members"], json!(["user:b@example.org", "user:c@example.org"]));
    assert_eq!(now["bindings"][1], before["bindings"][1]);
    // A second creation of the same is the first.
    make(&*plane, &pair("user:c@example.org")).await.unwrap();
    assert_eq!(fake.policy(&key), now);
    remove(&*plane, &live, false).await.unwrap();
    assert_eq!(fake.policy(&key)["bindings"], before["bindings"]);
    assert_eq!(remove(&*plane, &live, false).await.unwrap_err().kind, FailureKind::NotFound);

    // Two at once: whoever is slower is told so, and no binding is lost.
    let (one, two) = (pair("user:d@example.org"), pair("user:e@example.org"));
    let (a, b) = tokio::join!(make(&*plane, &one), make(&*plane, &two));
    a.unwrap();
    b.unwrap();
    let members = fake.policy(&key)["bindings"][2]["members"].clone();
    assert_eq!(members.as_array().unwrap().len(), 3, "{members}");

    let unknown = pair(&format!("serviceAccount:nobody@{}.iam.gserviceaccount.com", google::PROJECT));
    let refused = plane.create(&unknown, TOKEN).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::NotYet, "{refused}");
}

#[tokio::test]
async fn a_secret_has_versions_that_are_known_by_what_they_hold() {
    let (fake, plane) = plane().await;
    let secret = wanted(
        "gcp/s/key",
        "secretmanager.secrets",
        "global",
        json!({"secretId": "key", "replication": {"automatic": {}}}),
    );
    let parent = make(&*plane, &secret).await.unwrap().id;
    let version = |value: &str| {
        let mut wanted = wanted(
            "gcp/s/key-value",
            "secretmanager.secrets.versions",
            "global",
            json!({"parent": parent, "payload": {"data": {"$secret": "env:KEY"}}}),
        );
        wanted.secrets.insert("/payload/data".to_owned(), wildcam::project::Secret::new(value.to_owned()));
        wanted
    };
    let first = make(&*plane, &version("sesame one")).await.unwrap();
    assert_eq!(first.properties["version"], "1");
    assert_eq!(plane.locate(&version("sesame one")).await.unwrap().unwrap().id, first.id);
    assert_eq!(
        plane.locate(&version("sesame two")).await.unwrap(),
        None,
        "an older value is not the one that is wanted"
    );
    let second = make(&*plane, &version("sesame two")).await.unwrap();
    assert_eq!(second.properties["version"], "2");
    remove(&*plane, &first, false).await.unwrap();
    assert_eq!(plane.read(&first.kind, "global", &first.id).await.unwrap_err().kind, FailureKind::NotFound);
    assert!(plane.read(&second.kind, "global", &second.id).await.is_ok());
    // The value is in no answer, no handle and no message.
    fake.refuse_next("secretmanager.secrets.addVersion", google::Refusal::invalid("Invalid value c2VzYW1lIHRocmVl"));
    let refused = plane.create(&version("sesame three"), TOKEN).await.unwrap_err();
    assert!(refused.message.contains("[secret]") && !refused.message.contains("c2VzYW1l"), "{refused}");
    assert!(!format!("{first:?}{second:?}").contains("sesame"));
}

#[tokio::test]
async fn a_bucket_with_objects_goes_with_consent_only() {
    let (fake, plane) = plane().await;
    let wanted = wanted(
        "gcp/storage/pictures",
        "storage.buckets",
        "global",
        bucket(&[("versioning", json!({"enabled": true}))]),
    );
    let live = make(&*plane, &wanted).await.unwrap();
    let state = plane.state_store("serengeti", true).await.unwrap().unwrap();
    assert_eq!(state.place, "gs://wildcam-serengeti-gcp-state");
    // The state's own objects; the pictures' bucket is filled by the same API.
    for number in 0..7 {
        let path = object_store::path::Path::from(format!("deploy/default/{number}.json"));
        object_store::ObjectStoreExt::put(&*state.objects, &path, "{}".into()).await.unwrap();
    }
    let own = plane.read("storage.buckets", "global", "wildcam-serengeti-gcp-state").await.unwrap();
    assert_eq!(remove(&*plane, &own, false).await.unwrap_err().kind, FailureKind::Protected);
    let step = plane.delete(&own, true, TOKEN).await.unwrap();
    assert!(matches!(step, Step::Pending(_)));
    settle(&*plane, step).await.unwrap();
    assert!(!fake.resources().contains_key("storage/b/wildcam-serengeti-gcp-state"));
    remove(&*plane, &live, false).await.unwrap();
}

#[tokio::test]
async fn what_is_adopted_gets_our_marks_beside_its_own() {
    let (fake, plane) = plane().await;
    let before = wanted(
        "gcp/other/zone",
        "dns.managedZones",
        "global",
        json!({"name": "zone", "dnsName": "example.org.", "description": "d", "labels": {"theirs": "1"}}),
    );
    make(&*plane, &before).await.unwrap();
    for mark in ["wildcam-project", "wildcam-environment", "wildcam-address"] {
        fake.change("dns/projects/wild-123/managedZones/zone", &format!("/labels/{mark}"), Value::Null);
    }
    let ours = wanted(
        "gcp/dns/zone",
        "dns.managedZones",
        "global",
        json!({"name": "zone", "dnsName": "example.org.", "description": "d"}),
    );
    let found = plane.locate(&ours).await.unwrap().unwrap();
    assert_eq!(found.owner, None);
    settle(&*plane, plane.update(&found, &ours, &[] as &[Change], TOKEN).await.unwrap()).await.unwrap();
    let adopted = plane.read("dns.managedZones", "global", &found.id).await.unwrap();
    assert_eq!(adopted.owner, Some(ours.owner));
    assert_eq!(adopted.properties["labels"]["theirs"], "1");
}
