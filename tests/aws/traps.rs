//! What goes wrong at Amazon, and the words for it.

use serde_json::json;
use wildcam::cloud::control::{Failure, FailureKind, Wanted};

use crate::{
    fakes::cloud_control::{self, Fault, Seed},
    plane::{REGION, Setting, finish, make, on, settle, token, wanted},
};

fn cluster() -> Wanted {
    wanted("AWS::ECS::Cluster", "cluster", json!({ "ClusterName": "owls" }))
}

#[tokio::test]
async fn a_quota_is_called_a_quota() {
    let fake = cloud_control::start(Seed::default());
    let plane = on(&fake).await;
    let said = "The limit of clusters for this account has been reached";
    fake.fail("CreateResource", Fault::Fails("ServiceLimitExceeded".to_owned(), said.to_owned()));
    let step = plane.create(&cluster(), &token(1)).await.expect("it begins");
    let failure = finish(plane.as_ref(), step).await.expect_err("refused");
    assert_eq!(failure.kind, FailureKind::Quota);
    assert!(failure.message.contains(said), "{failure}");
    assert!(failure.next_step.is_some_and(|step| step.contains("Service Quotas")));
}

#[tokio::test]
async fn a_session_that_ends_in_the_middle_is_said_and_new_keys_go_on() {
    let fake = cloud_control::start(Seed::default());
    let plane = on(&fake).await;
    let step = plane.create(&cluster(), &token(1)).await.expect("it begins");
    fake.expire(true);
    let failure = finish(plane.as_ref(), step.clone()).await.expect_err("the session is over");
    assert_eq!(failure.kind, FailureKind::Credentials);
    assert!(failure.next_step.as_deref().is_some_and(|step| step.contains("sign in again")), "{failure:?}");
    assert!(!format!("{failure:?}").contains("fake/secret+key"));
    fake.expire(false);
    settle(plane.as_ref(), &cluster(), step).await.expect("it goes on where it was");
    assert_eq!(fake.creations().len(), 1);
}

#[tokio::test]
async fn a_region_without_a_type_is_said() {
    let missing = [(REGION.to_owned(), "AWS::ECS::Cluster".to_owned())].into();
    let fake = cloud_control::start(Seed { missing, ..Seed::default() });
    let plane = on(&fake).await;
    let failure = plane.create(&cluster(), &token(1)).await.expect_err("not there");
    assert_eq!(failure.kind, FailureKind::Unsupported);
    assert!(failure.message.contains(REGION), "{failure}");
}

#[tokio::test]
async fn a_secret_that_waits_for_its_deletion_blocks_its_name() {
    let fake = cloud_control::start(Seed { scheduled: ["owls/online".to_owned()].into(), ..Seed::default() });
    let plane = on(&fake).await;
    let secret = wanted("AWS::SecretsManager::Secret", "online", json!({ "Name": "owls/online", "SecretString": "x" }));
    let step = plane.create(&secret, &token(1)).await.expect("it begins");
    let failure = finish(plane.as_ref(), step).await.expect_err("refused");
    assert_eq!(failure.kind, FailureKind::SoftDeleted);
    assert!(failure.next_step.is_some_and(|step| step.contains("restore-secret")));
}

#[tokio::test]
async fn haste_and_crowding_are_told_apart_from_refusals() {
    let fake = cloud_control::start(Seed::default());
    let plane = on(&fake).await;
    for (fault, kind) in [
        (Fault::Throttled, FailureKind::Throttled),
        (Fault::Concurrent, FailureKind::Busy),
        (Fault::Broken, FailureKind::Unavailable),
    ] {
        fake.fail("CreateResource", fault);
        assert_eq!(plane.create(&cluster(), &token(1)).await.expect_err("a fault").kind, kind);
    }
    // Two operations at a time on one thing.
    let live = make(plane.as_ref(), &cluster(), 1).await;
    let begun = plane.delete(&live, false, &token(2)).await.expect("it begins");
    assert_eq!(plane.delete(&live, false, &token(3)).await.expect_err("busy").kind, FailureKind::Busy);
    finish(plane.as_ref(), begun).await.expect("it goes");
    let step = plane.delete(&live, false, &token(4)).await.expect("it begins");
    assert_eq!(finish(plane.as_ref(), step).await.expect_err("gone").kind, FailureKind::NotFound);
}

#[tokio::test]
async fn nothing_is_changed_in_another_account() {
    let fake = cloud_control::start(Seed::default());
    let mut setting = Setting::at(&fake.url);
    setting.cloud.push_str("\naccount = '999999999999'");
    let plane = setting.open().await.expect("a plane");
    let failure = plane.create(&cluster(), &token(1)).await.expect_err("another account");
    assert_eq!(failure.kind, FailureKind::Credentials);
    assert!(failure.message.contains("123456789012") && failure.message.contains("999999999999"), "{failure}");
    assert_eq!(fake.calls("CreateResource"), 0);
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let fake = cloud_control::start(Seed::default());
    let mut setting = Setting::at(&fake.url);
    setting.environment[1].1 = "sesame/wrong".to_owned();
    let plane = setting.open().await.expect("a plane");
    let failure = plane.read("AWS::ECS::Cluster", REGION, "owls").await.expect_err("refused");
    assert_eq!(failure.kind, FailureKind::Credentials);
    assert!(!format!("{failure:?}").contains("sesame/wrong"));
}

#[tokio::test]
async fn a_misspelt_property_and_a_change_of_what_cannot_change_are_refused() {
    let fake = cloud_control::start(Seed::default());
    let plane = on(&fake).await;
    let misspelt = wanted("AWS::ECS::Cluster", "cluster", json!({ "ClusterNam": "owls" }));
    let failure = plane.create(&misspelt, &token(1)).await.expect_err("misspelt");
    assert_eq!(failure.kind, FailureKind::Invalid);
    assert!(failure.message.contains("ClusterNam"), "{failure}");
    let live = make(plane.as_ref(), &cluster(), 2).await;
    let other = wanted("AWS::ECS::Cluster", "cluster", json!({ "ClusterName": "eagles" }));
    let changed = crate::plane::changes(&live, &other, &["/ClusterName"]);
    let failure = plane.update(&live, &other, &changed, &token(3)).await.expect_err("create-only");
    assert_eq!(failure.kind, FailureKind::Invalid);
    assert_eq!(fake.refused().len(), 2, "{:?}", fake.refused());
}

/// A store in which a stranger has every name: it asks who is expected to own it, and lets whoever does not say look. moto
/// does not ask.
async fn strangers_store() -> String {
    async fn answer(headers: axum::http::HeaderMap) -> axum::http::StatusCode {
        match headers.get("x-amz-expected-bucket-owner").and_then(|value| value.to_str().ok()) {
            Some("111111111111") | None => axum::http::StatusCode::OK,
            Some(_) => axum::http::StatusCode::FORBIDDEN,
        }
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let router = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

#[tokio::test]
async fn a_bucket_of_a_stranger_is_not_ours() {
    let fake = cloud_control::start(Seed::default());
    let store = strangers_store().await;
    let mut setting = Setting::at(&fake.url);
    setting.cloud = format!("endpoints = {{ sts = '{}', s3 = '{store}' }}", fake.url);
    let plane = setting.open().await.expect("a plane");
    let bucket = wanted("AWS::S3::Bucket", "pictures", json!({ "BucketName": "owls-pictures" }));
    let advice = |failure: Failure| {
        assert_eq!(failure.kind, FailureKind::Exists, "{failure:?}");
        assert!(failure.next_step.as_deref().is_some_and(|step| step.contains("choose another")), "{failure:?}");
    };
    advice(plane.create(&bucket, &token(1)).await.expect_err("taken"));
    advice(plane.locate(&bucket).await.expect_err("taken"));
    // The state of a project, and whoever reads it, must not end up with a stranger.
    advice(plane.state_store("owls", true).await.expect_err("taken"));
    advice(plane.remove_state_store("owls").await.expect_err("taken"));
}
