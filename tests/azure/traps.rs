//! The traps of the issue that lie in Azure: each stops with a message that says what to do.

use serde_json::json;
use wildcam::{
    cloud::control::{Failure, FailureKind, Severity},
    deploy::template,
};

use crate::{
    arm::{self, SUBSCRIPTION},
    support::{self, gone, lookup, made, plane, project, signed_in, wanted},
};

const TOKEN: &str = "00000000-0000-4000-8000-000000000009";

fn group() -> wildcam::cloud::control::Wanted {
    wanted("az/identity/group", "Microsoft.Resources/resourceGroups", "westeurope", json!({ "name": "g" }))
}

fn account(name: &str) -> wildcam::cloud::control::Wanted {
    let properties = json!({ "name": name, "resourceGroup": "g", "kind": "StorageV2",
        "sku": { "name": "Standard_LRS" }, "properties": { "minimumTlsVersion": "TLS1_2" } });
    wanted("az/storage/account", "Microsoft.Storage/storageAccounts", "westeurope", properties)
}

fn vault() -> wildcam::cloud::control::Wanted {
    let properties = json!({ "name": "wcreserve", "resourceGroup": "g", "properties": { "tenantId": arm::TENANT,
        "sku": { "family": "A", "name": "standard" }, "enablePurgeProtection": true } });
    wanted("az/identity/vault", "Microsoft.KeyVault/vaults", "westeurope", properties)
}

#[track_caller]
fn assert_stops(failure: &Failure, kind: FailureKind, words: &str, step: &str) {
    assert_eq!(failure.kind, kind, "{failure}");
    assert!(failure.message.contains(words), "{failure}");
    let told = failure.next_step.as_deref().unwrap_or_default();
    assert!(told.contains(step), "the next step is {told:?}");
}

#[tokio::test]
async fn a_name_too_long_for_azure_storage_is_refused_before_anything_is_asked() {
    let fake = arm::start(0).await;
    let folder = tempfile::tempdir().unwrap();
    let text =
        support::text(&fake, "").replace("regions =", "store = { account = 'picturesofthewholereserve' }\nregions =");
    let project = project(folder.path(), &fake, &text);
    let error = template::render(&project, "default").unwrap_err();
    let said = format!("{error}");
    assert!(said.contains("picturesofthewholereserve") && said.contains("24"), "{said}");
    assert!(fake.calls().is_empty());
}

#[tokio::test]
async fn a_quota_that_is_reached_is_refused_at_once_and_at_the_end() {
    let fake = arm::start(0).await;
    let plane = signed_in(&fake).await;
    made(plane.as_ref(), &group()).await.unwrap();
    fake.quota("Microsoft.Storage/storageAccounts", 0);
    let failure = plane.create(&account("wcpictures"), TOKEN).await.unwrap_err();
    assert_stops(&failure, FailureKind::Quota, "QuotaExceeded", "Quotas");
    // The same, told by the operation only.
    fake.quota("Microsoft.Storage/storageAccounts", 9);
    fake.fail_next("Microsoft.Storage/storageAccounts", "SubscriptionQuotaExceeded", "10 of 10 are used");
    let failure = made(plane.as_ref(), &account("wcpictures")).await.unwrap_err();
    assert_stops(&failure, FailureKind::Quota, "10 of 10", "Quotas");
    assert_eq!(fake.resources().len(), 1, "nothing is left of it");
    made(plane.as_ref(), &account("wcpictures")).await.unwrap();
}

#[tokio::test]
async fn a_region_without_a_type_is_told_by_the_call_and_by_the_check() {
    let fake = arm::start(0).await;
    let plane = signed_in(&fake).await;
    made(plane.as_ref(), &group()).await.unwrap();
    fake.without("Microsoft.Storage/storageAccounts", "westeurope");
    let failure = plane.create(&account("wcpictures"), TOKEN).await.unwrap_err();
    assert_stops(&failure, FailureKind::Unsupported, "westeurope", "doctor");
    let findings = plane.check().await;
    let found = findings.iter().find(|line| line.subject == "region westeurope").unwrap();
    assert_eq!(found.severity, Severity::Bad);
    assert!(found.message.contains("storageAccounts") && found.next_step.as_deref().unwrap().contains("northeurope"));
}

#[tokio::test]
async fn a_soft_deleted_vault_blocks_its_name_and_can_be_recovered() {
    let fake = arm::start(0).await;
    let plane = signed_in(&fake).await;
    made(plane.as_ref(), &group()).await.unwrap();
    let live = made(plane.as_ref(), &vault()).await.unwrap();
    gone(plane.as_ref(), &live).await.unwrap();
    let failure = plane.create(&vault(), TOKEN).await.unwrap_err();
    assert_stops(&failure, FailureKind::SoftDeleted, "deleted", "az keyvault recover");
}

#[tokio::test]
async fn the_name_of_a_deleted_server_is_kept() {
    let fake = arm::start(0).await;
    let plane = signed_in(&fake).await;
    made(plane.as_ref(), &group()).await.unwrap();
    let properties = json!({ "name": "wcserver", "resourceGroup": "g",
        "sku": { "name": "Standard_B2s", "tier": "Burstable" },
        "properties": { "version": "17", "highAvailability": { "mode": "Disabled" } } });
    let server = wanted("az/database/server", "Microsoft.DBforPostgreSQL/flexibleServers", "westeurope", properties);
    let live = made(plane.as_ref(), &server).await.unwrap();
    gone(plane.as_ref(), &live).await.unwrap();
    let failure = plane.create(&server, TOKEN).await.unwrap_err();
    assert_stops(&failure, FailureKind::SoftDeleted, "wcserver", "revive-dropped");
}

#[tokio::test]
async fn a_secret_that_was_deleted_is_recovered_by_name() {
    let fake = arm::start(0).await;
    let plane = signed_in(&fake).await;
    made(plane.as_ref(), &group()).await.unwrap();
    made(plane.as_ref(), &vault()).await.unwrap();
    let properties = json!({ "name": "wcreserve/key", "resourceGroup": "g", "properties": { "value": "sesame" } });
    let secret = wanted("az/secrets/key", "Microsoft.KeyVault/vaults/secrets", "westeurope", properties);
    let live = made(plane.as_ref(), &secret).await.unwrap();
    assert!(!format!("{live:?}").contains("sesame"), "a secret is never told");
    // Only the vault itself deletes it, and says whom it needs.
    fake.vault_access(false);
    let failure = plane.delete(&live, true, TOKEN).await.unwrap_err();
    assert_stops(&failure, FailureKind::Denied, "Forbidden", "Key Vault Secrets Officer");
    fake.vault_access(true);
    gone(plane.as_ref(), &live).await.unwrap();
    let failure = plane.create(&secret, TOKEN).await.unwrap_err();
    assert_stops(&failure, FailureKind::SoftDeleted, "recoverable", "az keyvault secret recover");
}

#[tokio::test]
async fn a_provider_that_is_not_registered_is_registered() {
    let fake = arm::start(0).await;
    let plane = signed_in(&fake).await;
    made(plane.as_ref(), &group()).await.unwrap();
    fake.unregister("Microsoft.Storage");
    let failure = plane.create(&account("wcpictures"), TOKEN).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotYet, "{failure}");
    assert!(failure.retry_after_ms.is_some() && failure.message.contains("Microsoft.Storage"), "{failure}");
    assert!(fake.calls().iter().any(|call| call.ends_with("/Microsoft.Storage/register")));
    made(plane.as_ref(), &account("wcpictures")).await.unwrap();
    let registered = fake.calls().iter().filter(|call| call.ends_with("/register")).count();
    assert_eq!(registered, 1, "it is asked for once");
}

#[tokio::test]
async fn what_holds_data_is_deleted_with_consent_only() {
    let fake = arm::start(0).await;
    let plane = signed_in(&fake).await;
    let group = made(plane.as_ref(), &group()).await.unwrap();
    let live = made(plane.as_ref(), &account("wcpictures")).await.unwrap();
    let failure = plane.delete(&live, false, TOKEN).await.unwrap_err();
    assert_stops(&failure, FailureKind::Protected, "pictures", "--allow-data-loss");
    // A group would take what somebody else put into it.
    let failure = plane.delete(&group, true, TOKEN).await.unwrap_err();
    assert_stops(&failure, FailureKind::Protected, "wcpictures", "delete them first");
    // A lock is somebody's word.
    fake.lock(&live.id);
    let failure = plane.delete(&live, true, TOKEN).await.unwrap_err();
    assert_stops(&failure, FailureKind::Protected, "locked", "az lock");
}

#[tokio::test]
async fn what_stands_already_is_not_overwritten() {
    let fake = arm::start(0).await;
    let plane = signed_in(&fake).await;
    made(plane.as_ref(), &group()).await.unwrap();
    made(plane.as_ref(), &account("wcpictures")).await.unwrap();
    let mut other = account("wcpictures");
    other.owner.address = "az/storage/other".parse().unwrap();
    let failure = plane.create(&other, TOKEN).await.unwrap_err();
    assert_stops(&failure, FailureKind::Exists, "az/storage/account", "wildcam adopt");
    // Nor is the name of a stranger taken.
    let elsewhere = json!({ "name": "wcpictures", "resourceGroup": "h", "kind": "StorageV2",
        "sku": { "name": "Standard_LRS" } });
    let mut second = group();
    second.properties = json!({ "name": "h" });
    second.owner.address = "az/identity/other".parse().unwrap();
    made(plane.as_ref(), &second).await.unwrap();
    let mut same = account("wcpictures");
    same.properties = elsewhere;
    let failure = plane.create(&same, TOKEN).await.unwrap_err();
    assert_stops(&failure, FailureKind::Exists, "already taken", "worldwide");
}

#[tokio::test]
async fn the_check_tells_rights_quotas_and_providers() {
    let fake = arm::start(0).await;
    let folder = tempfile::tempdir().unwrap();
    let project = project(folder.path(), &fake, &support::text(&fake, ""));
    let plane = plane(&project, lookup(&support::SIGNED_IN)).await.unwrap();
    for name in ["g"] {
        let mut one = group();
        one.properties = json!({ "name": name });
        made(plane.as_ref(), &one).await.unwrap();
    }
    for name in ["wcone", "wctwo", "wcthree"] {
        made(plane.as_ref(), &account(name)).await.unwrap_or_else(|failure| panic!("{failure}"));
    }
    fake.unregister("Microsoft.App");
    let findings = plane.check().await;
    let about =
        |subject: &str| findings.iter().find(|line| line.subject == subject).unwrap_or_else(|| panic!("{findings:#?}"));
    assert_eq!(about("credentials").severity, Severity::Good);
    assert_eq!(about("permissions").severity, Severity::Good);
    assert_eq!(about("quota Microsoft.Storage westeurope").severity, Severity::Bad);
    assert_eq!(about("provider Microsoft.App").severity, Severity::Warning);
    assert!(fake.calls().iter().all(|call| !call.starts_with("PUT /subscriptions/x") && !call.contains("/register")));
    assert!(findings.iter().all(|line| !line.message.contains(SUBSCRIPTION) || line.severity != Severity::Good));
}
