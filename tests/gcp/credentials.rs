//! The chain of credentials.

use serde_json::json;
use wildcam::cloud::control::FailureKind;

use super::{
    google,
    plane::{open_with, project},
};

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[tokio::test]
async fn a_person_and_a_federated_workflow_get_tokens_too() {
    let fake = google::start(4);
    let project = project(&fake.url, "");
    let user = json!({
        "type": "authorized_user", "client_id": "c", "client_secret": "not-much-of-a-secret",
        "refresh_token": "a-refresh-token", "token_uri": format!("{}/token", fake.url),
    });
    let subject = file("an.identity.token\n");
    let federated = json!({
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": format!("{}/v1/token", fake.url),
        "service_account_impersonation_url":
            format!("{}/v1/projects/-/serviceAccounts/{}:generateAccessToken", fake.url, google::DEPLOYER),
        "credential_source": { "file": subject.path() },
    });
    for credentials in [user, federated] {
        let file = file(&credentials.to_string());
        let path = file.path().to_str().unwrap();
        let plane = open_with(&project, &[("GOOGLE_APPLICATION_CREDENTIALS", path)]).await.unwrap();
        assert_eq!(plane.list("storage.buckets", "global").await.unwrap(), vec![]);
    }
    // The same, from what GitHub gives to a workflow with `id-token: write`.
    let plane = open_with(
        &project,
        &[
            ("GCP_WORKLOAD_IDENTITY_PROVIDER", "projects/1/locations/global/workloadIdentityPools/p/providers/x"),
            ("GCP_SERVICE_ACCOUNT", google::DEPLOYER),
            ("ACTIONS_ID_TOKEN_REQUEST_URL", &format!("{}/github?version=1", fake.url)),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "workflow-request-token"),
        ],
    )
    .await
    .unwrap();
    assert_eq!(plane.list("storage.buckets", "global").await.unwrap(), vec![]);
    let calls = fake.calls();
    assert_eq!(calls.iter().filter(|call| call.ends_with("generateAccessToken")).count(), 2);
}

#[tokio::test]
async fn a_machine_at_google_has_an_account_of_its_own() {
    let fake = google::start(8);
    let project = project(&fake.url, "");
    let host = fake.url.trim_start_matches("http://").to_owned();
    let plane = open_with(&project, &[("GCE_METADATA_HOST", &host)]).await.unwrap();
    assert_eq!(plane.list("storage.buckets", "global").await.unwrap(), vec![]);
    // Where nothing answers, there are no credentials, and it does not take long to say so.
    let failure = open_with(&project, &[("GCE_METADATA_HOST", "127.0.0.1:1")]).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Credentials);
    assert!(failure.message.contains("no credentials"), "{failure}");
}

#[cfg(unix)]
#[tokio::test]
async fn gcloud_is_asked_last() {
    use std::os::unix::fs::PermissionsExt as _;
    let fake = google::start(9);
    let project = project(&fake.url, "");
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("gcloud");
    std::fs::write(&program, format!("#!/bin/sh\necho {}\n", fake.give_token())).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let path = folder.path().to_str().unwrap();
    let plane = open_with(&project, &[("GCE_METADATA_HOST", "127.0.0.1:1"), ("PATH", path)]).await.unwrap();
    let mut listed = plane.list("storage.buckets", "global").await;
    // A process that another test forks at this moment may hold the script open for writing.
    for _ in 0..20 {
        if listed.is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        listed = plane.list("storage.buckets", "global").await;
    }
    assert_eq!(listed.unwrap(), vec![]);
}

#[tokio::test]
async fn credentials_that_cannot_be_used_are_named_without_their_text() {
    let fake = google::start(5);
    let project = project(&fake.url, "");
    let bad = [
        "sesame".to_owned(),
        json!({"type": "service_account", "client_email": "e", "private_key": "sesame", "token_uri": "https://x.example/"}).to_string(),
        json!({"type": "sesame"}).to_string(),
        json!({"type": "authorized_user", "client_id": "c", "client_secret": "sesame", "refresh_token": "r",
            "token_uri": "http://x.example/"}).to_string(),
        json!({"type": "external_account", "audience": "a", "subject_token_type": "t", "token_url": "https://x.example/",
            "credential_source": {"executable": {"command": "sesame"}}}).to_string(),
    ];
    for text in bad {
        let file = file(&text);
        let path = file.path().to_str().unwrap();
        let failure = open_with(&project, &[("GOOGLE_APPLICATION_CREDENTIALS", path)]).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Credentials, "{failure}");
        assert!(failure.next_step.is_some());
        assert!(!failure.message.contains("sesame") || text.contains("\"type\":\"sesame\""), "{failure}");
    }
    let absent = open_with(&project, &[("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/at/all")]).await.unwrap_err();
    assert!(absent.message.contains("/nowhere/at/all"));
}

#[tokio::test]
async fn tokens_are_kept_until_five_minutes_before_they_end() {
    let fake = google::start(6);
    let project = project(&fake.url, "");
    // Half of a life that is shorter than ten minutes.
    for (life, exchanges) in [(3600, 1), (0, 3)] {
        fake.token_life(life);
        let before = fake.tokens_given();
        let plane = super::plane::open(&project, &fake).await;
        for _ in 0..3 {
            let _ = plane.list("storage.buckets", "global").await;
        }
        assert!(fake.tokens_given() - before >= exchanges, "a life of {life} s");
        assert!(life == 0 || fake.tokens_given() - before == 1);
    }
}

#[tokio::test]
async fn a_cloud_without_its_project_is_refused() {
    let fake = google::start(7);
    let mut project = project(&fake.url, "");
    for account in [None, Some("../evil"), Some("UPPER")] {
        project.settings.clouds.get_mut("gcp").unwrap().account = account.map(str::to_owned);
        let failure = open_with(&project, &[]).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Invalid);
        assert!(failure.next_step.unwrap().contains("account ="));
    }
}

#[tokio::test]
async fn the_registry_of_the_stack_takes_the_token_itself() {
    let fake = google::start(10);
    let project = project(&fake.url, "");
    let plane = super::plane::open(&project, &fake).await;
    let plane = plane.as_ref();
    assert!(plane.registry_login().await.unwrap().is_none(), "the stack made nothing yet");
    for (address, name) in [("other/registry/images", "theirs"), ("gcp/registry/images", "wildcam-serengeti-gcp")] {
        let properties = json!({ "repositoryId": name, "format": "DOCKER" });
        let wanted = super::plane::wanted(address, "artifactregistry.repositories", "europe-west3", properties);
        super::plane::make(plane, &wanted).await.unwrap();
    }
    let login = plane.registry_login().await.unwrap().expect("a login");
    assert_eq!(login.host, "europe-west3-docker.pkg.dev");
    assert_eq!(login.repository, format!("{}/wildcam-serengeti-gcp/gateway", google::PROJECT));
    assert_eq!(login.username, "oauth2accesstoken");
    // The token is one that the services take.
    let given = fake.tokens_given();
    assert_eq!(plane.registry_login().await.unwrap().unwrap().password.expose(), login.password.expose());
    assert_eq!(fake.tokens_given(), given);
}
