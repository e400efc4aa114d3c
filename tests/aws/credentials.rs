//! Where the keys come from.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Router, extract::State, http::HeaderMap, response::IntoResponse};
use wildcam::cloud::control::FailureKind;

use crate::{
    fakes::cloud_control::{self, Seed},
    plane::{REGION, Setting, make, wanted},
};

type Asked = Arc<Mutex<Vec<String>>>;

/// A token service and GitHub's, in one: it notes what it was asked.
async fn tokens() -> (String, Asked) {
    async fn answer(
        State(asked): State<Asked>,
        headers: HeaderMap,
        uri: axum::http::Uri,
        body: String,
    ) -> axum::response::Response {
        let bearer = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        asked.lock().expect("the list").push(format!("{uri} {bearer} {body}"));
        if uri.path() == "/github" {
            return "{\"value\":\"an-identity\"}".into_response();
        }
        let end = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
        format!(
            "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>\
             <AccessKeyId>AKIDFAKE</AccessKeyId><SecretAccessKey>fake/secret+key</SecretAccessKey>\
             <SessionToken>session</SessionToken><Expiration>{end}</Expiration></Credentials>\
             </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
        )
        .into_response()
    }
    let asked = Asked::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let router = Router::new().fallback(answer).with_state(Arc::clone(&asked));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}"), asked)
}

#[tokio::test]
async fn a_job_at_github_takes_a_role_without_a_key() {
    let (url, asked) = tokens().await;
    let seed = Seed { session_token: Some("session".to_owned()), ..Seed::default() };
    let fake = cloud_control::start(seed);
    let mut setting = Setting::at(&fake.url);
    setting.cloud = format!("endpoints = {{ cloudcontrol = '{}', sts = '{url}' }}", fake.url);
    setting.environment = vec![
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/owls-aws-ci".to_owned()),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{url}/github?api-version=2.0")),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "bearer-of-the-job".to_owned()),
    ];
    let plane = setting.open().await.expect("a plane");
    let cluster = wanted("AWS::ECS::Cluster", "cluster", serde_json::json!({ "ClusterName": "owls" }));
    make(plane.as_ref(), &cluster, 1).await;
    let asked = asked.lock().expect("the list").clone();
    assert_eq!(asked.len(), 2, "one session serves all calls: {asked:?}");
    assert!(asked[0].contains("audience=sts.amazonaws.com") && asked[0].contains("bearer-of-the-job"), "{asked:?}");
    assert!(asked[1].contains("WebIdentityToken=an-identity") && !asked[1].contains("Bearer"), "{asked:?}");
    assert_eq!(fake.refused(), Vec::<String>::new());
}

#[tokio::test]
async fn a_token_in_a_file_serves_as_well() {
    let (url, asked) = tokens().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    std::fs::write(&path, "from-a-file\n").expect("a token");
    let fake = cloud_control::start(Seed { session_token: Some("session".to_owned()), ..Seed::default() });
    let mut setting = Setting::at(&fake.url);
    setting.cloud = format!("endpoints = {{ cloudcontrol = '{}', sts = '{url}' }}", fake.url);
    setting.environment = vec![
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/owls".to_owned()),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", path.display().to_string()),
    ];
    let plane = setting.open().await.expect("a plane");
    let failure = plane.read("AWS::ECS::Cluster", REGION, "owls").await.expect_err("none yet");
    assert_eq!(failure.kind, FailureKind::NotFound, "{failure}");
    assert!(asked.lock().expect("the list")[0].contains("WebIdentityToken=from-a-file"));
    std::fs::remove_file(&path).expect("it goes");
    let other = setting.open().await.expect("a plane");
    let failure = other.read("AWS::ECS::Cluster", REGION, "owls").await.expect_err("no token");
    assert_eq!(failure.kind, FailureKind::Credentials);
}

/// Beside Amazon nothing answers at the metadata service's address; the search must end all the same, and say what to do.
#[tokio::test]
async fn a_machine_without_any_keys_is_told_so_soon() {
    let fake = cloud_control::start(Seed::default());
    let mut setting = Setting::at(&fake.url);
    setting.environment.clear();
    let plane = setting.open().await.expect("a plane");
    let begun = Instant::now();
    let read = tokio::time::timeout(Duration::from_secs(60), plane.read("AWS::ECS::Cluster", REGION, "owls")).await;
    let failure = read.unwrap_or_else(|_| panic!("still searching after {:?}", begun.elapsed())).expect_err("no keys");
    // On a machine of Amazon's, or with a profile, keys are found, and the fake does not know them.
    assert_eq!(failure.kind, FailureKind::Credentials, "{failure}");
}
