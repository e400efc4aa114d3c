use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::cloud::gcp::kind;

const AT: Where<'_> = Where { project: "p", region: "r1" };

fn owner() -> Owner {
    Owner { project: "w".to_owned(), environment: "default".to_owned(), address: "gcp/s/n".parse().unwrap() }
}

fn wanted(kind: &str, properties: Value) -> Wanted {
    Wanted { owner: owner(), kind: kind.to_owned(), region: "r1".to_owned(), properties, secrets: BTreeMap::new() }
}

fn change(pointer: &str) -> Change {
    Change { pointer: pointer.to_owned(), from: None, to: None }
}

/// What the service would hold after `creation`.
fn made(kind: &Kind, wanted: &Wanted, id: &str) -> Live {
    let body = creation(kind, wanted).body;
    let answer = kind.envelope.and_then(|envelope| body.get(envelope).cloned()).unwrap_or(body);
    live(kind, AT, id, answer)
}

#[test]
fn what_was_made_reads_as_it_was_wanted() {
    let cases = [
        ("secretmanager.secrets", "projects/p/secrets/s", json!({"secretId": "s", "replication": {"automatic": {}}})),
        (
            "iam.serviceAccounts",
            "projects/p/serviceAccounts/a@p.iam.gserviceaccount.com",
            json!({"accountId": "a", "serviceAccount": {"displayName": "A", "description": "Words"}}),
        ),
        (
            "cloudkms.cryptoKeys",
            "projects/p/locations/r1/keyRings/k/cryptoKeys/c",
            json!({"parent": "projects/p/locations/r1/keyRings/k", "cryptoKeyId": "c", "purpose": "ENCRYPT_DECRYPT"}),
        ),
        ("storage.buckets", "b", json!({"name": "b", "labels": {"mine": "1"}})),
    ];
    for (name, id, properties) in cases {
        let kind = kind::of(name).unwrap();
        let live = made(kind, &wanted(name, properties.clone()), id);
        assert_eq!(live.owner, Some(owner()), "{name}");
        for (key, value) in properties.as_object().unwrap() {
            assert_eq!(live.properties.get(key), Some(value), "{name} {key}");
        }
    }
}

#[test]
fn a_mask_names_the_fields_that_change() {
    let kind = kind::of("run.services").unwrap();
    let before = wanted(
        kind.name,
        json!({"serviceId": "s", "ingress": "ALL", "labels": {"a": "1"}, "template": {"timeout": "30s",
            "containers": [{"image": "old", "resources": {"limits": {"cpu": "1"}}}]}}),
    );
    let id = "projects/p/locations/r1/services/s";
    let live = made(kind, &before, id);
    let mut after = before.clone();
    after.properties["template"]["containers"] = json!([{"image": "new"}]);
    let patched = patch(kind, &live, &after, &[change("/template/containers/0/image")], &owner());
    assert_eq!(patched.mask, "template.containers");
    // What Google filled in stays.
    let expected = json!([{"image": "new", "resources": {"limits": {"cpu": "1"}}}]);
    assert_eq!(patched.body, json!({"template": {"containers": expected}}));

    after.properties["template"]["containers"] = json!([{"image": "new"}, {"image": "side"}]);
    let patched = patch(kind, &live, &after, &[change("/template/containers/1")], &owner());
    assert_eq!(patched.body["template"]["containers"], json!([{"image": "new"}, {"image": "side"}]));

    after.properties["labels"] = json!({"b": "2"});
    let patched = patch(kind, &live, &after, &[change("/labels/a"), change("/labels/b")], &owner());
    assert_eq!(patched.mask, "labels");
    assert_eq!(patched.body["labels"]["b"], "2");
    assert_eq!(patched.body["labels"].get("a"), None);
    assert_eq!(patched.body["labels"]["wildcam-project"], "w");
}

#[test]
fn a_field_that_goes_is_absent_under_a_mask_and_null_in_a_merge() {
    let kind = kind::of("artifactregistry.repositories").unwrap();
    let id = "projects/p/locations/r1/repositories/r";
    let before = wanted(kind.name, json!({"repositoryId": "r", "description": "d"}));
    let after = wanted(kind.name, json!({"repositoryId": "r"}));
    let patched = patch(kind, &made(kind, &before, id), &after, &[change("/description")], &owner());
    assert_eq!(patched, Patch { body: json!({}), mask: "description".to_owned() });

    let kind = kind::of("storage.buckets").unwrap();
    let before = wanted(kind.name, json!({"name": "b", "encryption": {"defaultKmsKeyName": "k"}}));
    let after = wanted(kind.name, json!({"name": "b"}));
    let patched = patch(kind, &made(kind, &before, "b"), &after, &[change("/encryption/defaultKmsKeyName")], &owner());
    assert_eq!(patched.body, json!({"encryption": {"defaultKmsKeyName": null}}));
}

#[test]
fn what_is_adopted_is_marked() {
    let kind = kind::of("storage.buckets").unwrap();
    let foreign = live(kind, AT, "b", json!({"name": "b", "labels": {"theirs": "1"}}));
    let patched = patch(kind, &foreign, &wanted(kind.name, json!({"name": "b"})), &[], &owner());
    assert_eq!(patched.body["labels"]["wildcam-address"], "gcp_s_n");
    assert_eq!(patched.body["labels"].get("theirs"), None, "a merge leaves theirs alone");

    let kind = kind::of("monitoring.alertPolicies").unwrap();
    let foreign = live(kind, AT, "projects/p/alertPolicies/1", json!({"userLabels": {"theirs": "1"}}));
    let patched = patch(kind, &foreign, &wanted(kind.name, json!({})), &[], &owner());
    assert_eq!(patched.mask, "userLabels");
    assert_eq!(patched.body["userLabels"]["theirs"], "1");
}

#[test]
fn an_envelope_is_opened_for_a_change() {
    let before = json!({"accountId": "a", "serviceAccount": {"displayName": "A", "description": "Words"}});
    let after = json!({"accountId": "a", "serviceAccount": {"displayName": "A", "description": "Others"}});
    let kind = kind::of("iam.serviceAccounts").unwrap();
    let id = "projects/p/serviceAccounts/a@p.iam.gserviceaccount.com";
    let live = made(kind, &wanted(kind.name, before), id);
    let patched = patch(kind, &live, &wanted(kind.name, after), &[change("/serviceAccount/description")], &owner());
    assert_eq!(patched.mask, "description");
    assert_eq!(patched.body, json!({"serviceAccount": {"description": "Others [wildcam w default gcp/s/n]"}}));

    let kind = kind::of("iam.roles").unwrap();
    let before = json!({"roleId": "r", "role": {"title": "A", "includedPermissions": ["a.b.c"]}});
    let after = json!({"roleId": "r", "role": {"title": "A", "includedPermissions": ["a.b.d", "a.b.e"]}});
    let live = made(kind, &wanted(kind.name, before), "projects/p/roles/r");
    let patched = patch(kind, &live, &wanted(kind.name, after), &[change("/role/includedPermissions")], &owner());
    assert_eq!(patched.mask, "includedPermissions");
    assert_eq!(patched.body, json!({"includedPermissions": ["a.b.d", "a.b.e"]}));
}
