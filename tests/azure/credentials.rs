//! Who we are to Azure, by each way of the chain, and what becomes of a token.

use std::{fs, os::unix::fs::PermissionsExt};

use wildcam::cloud::control::FailureKind;

use crate::{
    arm::{self, ASSERTION, CLIENT, HEADER, JOB, SUBSCRIPTION, TENANT},
    support::{self, lookup, plane, project, signed_in},
};

const GROUP: &str = "Microsoft.Resources/resourceGroups";

/// Signs in with these variables and lists the groups; the failure where it fails.
async fn signs_in(fake: &arm::Fake, pairs: &[(&str, &str)]) -> Result<(), wildcam::cloud::control::Failure> {
    let folder = tempfile::tempdir().unwrap();
    let project = project(folder.path(), fake, &support::text(fake, ""));
    let plane = plane(&project, lookup(pairs)).await?;
    plane.list(GROUP, "westeurope").await.map(|_| ())
}

#[tokio::test]
async fn a_client_secret_signs_in_once_for_many_calls() {
    let fake = arm::start(0).await;
    let plane = signed_in(&fake).await;
    for _ in 0..5 {
        plane.list(GROUP, "westeurope").await.unwrap();
    }
    assert_eq!(fake.tokens_given(), 1);
}

#[tokio::test]
async fn a_federated_token_in_a_file_signs_in() {
    let fake = arm::start(0).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), ASSERTION).unwrap();
    let path = file.path().to_str().unwrap();
    signs_in(&fake, &[("AZURE_TENANT_ID", TENANT), ("AZURE_CLIENT_ID", CLIENT), ("AZURE_FEDERATED_TOKEN_FILE", path)])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_job_of_github_signs_in_without_a_secret() {
    let fake = arm::start(0).await;
    let url = format!("{}github/token?api-version=1", fake.url);
    let pairs = [
        ("AZURE_TENANT_ID", TENANT),
        ("AZURE_CLIENT_ID", CLIENT),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", url.as_str()),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", JOB),
    ];
    signs_in(&fake, &pairs).await.unwrap();
    let wrong = [pairs[0], pairs[1], pairs[2], ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "another")];
    let failure = signs_in(&fake, &wrong).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Credentials, "{failure}");
    assert!(!failure.to_string().contains("another"), "{failure}");
}

#[tokio::test]
async fn a_managed_identity_signs_in_where_a_container_runs() {
    let fake = arm::start(0).await;
    let url = format!("{}msi/token", fake.url);
    signs_in(&fake, &[("IDENTITY_ENDPOINT", &url), ("IDENTITY_HEADER", HEADER)]).await.unwrap();
}

#[tokio::test]
async fn a_virtual_machine_signs_in_by_its_metadata_service() {
    let fake = arm::start(0).await;
    signs_in(&fake, &[]).await.unwrap();
    assert!(fake.calls().iter().any(|call| call == "GET /metadata/identity/oauth2/token"), "{:?}", fake.calls());
}

/// A project whose machine has no metadata service.
fn nowhere(fake: &arm::Fake) -> String {
    support::text(fake, "").replace(&format!("metadata = '{}'", fake.url), "metadata = 'http://127.0.0.1:9'")
}

#[tokio::test]
async fn the_azure_cli_is_asked_last() {
    let fake = arm::start(0).await;
    let folder = tempfile::tempdir().unwrap();
    let project = project(folder.path(), &fake, &nowhere(&fake));
    // The program of that name gives a token that it was given, as the real one does.
    let token = {
        let plane = signed_in(&fake).await;
        plane.list(GROUP, "westeurope").await.unwrap();
        "token-1"
    };
    let program = folder.path().join("az");
    let answer = format!(
        "{{\"accessToken\": \"{token}\", \"expires_on\": 4102444800, \"tokenType\": \"Bearer\", \"expiresOn\": \"2100-01-01 00:00:00.000000\"}}"
    );
    fs::write(&program, format!("#!/bin/sh\necho '{answer}'\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let plane = plane(&project, lookup(&[("PATH", &path)])).await.unwrap();
    plane.list(GROUP, "westeurope").await.unwrap();
    assert_eq!(fake.tokens_given(), 1);
}

#[tokio::test]
async fn nobody_signed_in_is_told_what_was_tried() {
    let fake = arm::start(0).await;
    let folder = tempfile::tempdir().unwrap();
    let project = project(folder.path(), &fake, &nowhere(&fake));
    let plane = plane(&project, lookup(&[("PATH", "/nonexistent")])).await.unwrap();
    let failure = plane.list(GROUP, "westeurope").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Credentials);
    assert!(failure.message.contains("managed identity") && failure.message.contains("Azure CLI"), "{failure}");
    assert!(failure.next_step.unwrap().contains("az login"));
}

#[tokio::test]
async fn a_wrong_secret_is_credentials_and_is_not_repeated() {
    let fake = arm::start(0).await;
    let pairs = [("AZURE_TENANT_ID", TENANT), ("AZURE_CLIENT_ID", CLIENT), ("AZURE_CLIENT_SECRET", "hunter2")];
    let failure = signs_in(&fake, &pairs).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Credentials, "{failure}");
    assert!(failure.message.contains("AADSTS7000215"), "{failure}");
    assert!(!format!("{failure:?}").contains("hunter2"));
}

#[tokio::test]
async fn an_authority_that_is_away_is_no_wrong_secret() {
    let fake = arm::start(0).await;
    let folder = tempfile::tempdir().unwrap();
    let text = support::text(&fake, "").replace(&format!("login = '{}'", fake.url), "login = 'https://127.0.0.1:9'");
    let project = project(folder.path(), &fake, &text);
    let plane = plane(&project, lookup(&support::SIGNED_IN)).await.unwrap();
    let failure = plane.list(GROUP, "westeurope").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
}

#[tokio::test]
async fn a_token_that_expires_in_mid_apply_is_exchanged_once_for_all_calls() {
    let fake = arm::start(0).await;
    let plane = signed_in(&fake).await;
    plane.list(GROUP, "westeurope").await.unwrap();
    fake.expire_tokens();
    let calls = (0..8).map(|_| plane.list(GROUP, "westeurope"));
    for result in futures_util::future::join_all(calls).await {
        result.unwrap();
    }
    assert_eq!(fake.tokens_given(), 2, "one new token serves all calls that were refused");
    // A service that takes no token at all ends the matter.
    fake.refuse_tokens(true);
    let failure = plane.list(GROUP, "westeurope").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Credentials, "{failure}");
    assert!(failure.next_step.unwrap().contains("az login"));
    assert!(!failure.message.contains("token-"), "a token is no one's to read");
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_with_a_next_step() {
    let fake = arm::start(0).await;
    let folder = tempfile::tempdir().unwrap();
    let text = support::text(&fake, "");
    let cases = [
        (text.replace(&format!("account = '{SUBSCRIPTION}'"), ""), "the subscription is not named"),
        (text.replace(SUBSCRIPTION, "reserve"), "is no subscription id"),
        (text.replace("login = 'https", "login = 'http"), "does not begin with https://"),
        (
            text.replace(&format!("endpoint = '{}'", fake.url), "endpoint = 'http://example.org'"),
            "does not begin with https://",
        ),
    ];
    for (text, words) in cases {
        let project = project(folder.path(), &fake, &text);
        let failure = plane(&project, lookup(&support::SIGNED_IN)).await.unwrap_err();
        assert!(failure.message.contains(words), "{failure}");
    }
}

#[tokio::test]
async fn the_registry_takes_a_token_of_its_own() {
    let fake = arm::start(0).await;
    let plane = signed_in(&fake).await;
    let plane = plane.as_ref();
    let group = support::wanted("az/identity/group", GROUP, "westeurope", serde_json::json!({ "name": "g" }));
    support::made(plane, &group).await.unwrap();
    assert!(plane.registry_login().await.unwrap().is_none(), "there is none yet");
    let properties = serde_json::json!({ "name": "wcreserve", "resourceGroup": "g", "sku": { "name": "Basic" },
        "properties": { "adminUserEnabled": false } });
    let kind = "Microsoft.ContainerRegistry/registries";
    let registry = support::wanted("az/registry/registry", kind, "westeurope", properties);
    support::made(plane, &registry).await.unwrap();
    for _ in 0..2 {
        let login = plane.registry_login().await.unwrap().expect("a login");
        assert_eq!((login.host.as_str(), login.repository.as_str()), ("wcreserve.azurecr.io", "gateway"));
        assert_eq!(login.username, "00000000-0000-0000-0000-000000000000");
        assert_eq!(login.password.expose(), "for-wcreserve.azurecr.io");
        // A token that the registry does not take any more is exchanged once.
        fake.expire_tokens();
    }
}
