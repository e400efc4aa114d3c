//! The place of the state: made, used by registers, refused where it is somebody else's, removed.

use std::{sync::Arc, time::Duration};

use object_store::{ObjectStore, ObjectStoreExt, PutMode, UpdateVersion, path::Path};
use wildcam::{
    clock::Random,
    cloud::control::{ControlPlane, FailureKind, Severity},
    journal::register::{Register, Timeouts},
};

use crate::{
    setting::{Setting, refused},
    stores::{aws, lab, moto, site, versitygw},
};

/// What the engine does with it.
async fn used(plane: &Arc<dyn ControlPlane>) {
    assert!(plane.state_store("owls", false).await.unwrap().is_none());
    let made = plane.state_store("owls", true).await.unwrap().unwrap();
    assert!(made.place.ends_with("-state"), "{}", made.place);
    let again = plane.state_store("owls", false).await.unwrap().unwrap();
    assert_eq!(made.place, again.place);
    let key = Path::from("deploy/default/journal/000000000001-00000001.jsonl");
    made.objects.put_opts(&key, "{}".into(), PutMode::Create.into()).await.unwrap();
    let twice = again.objects.put_opts(&key, "[]".into(), PutMode::Create.into()).await;
    assert!(matches!(twice, Err(object_store::Error::AlreadyExists { .. })), "{twice:?}");
    let found = again.objects.get(&key).await.unwrap();
    let version = UpdateVersion { e_tag: found.meta.e_tag, version: found.meta.version };
    made.objects.put_opts(&key, "[1]".into(), PutMode::Update(version.clone()).into()).await.unwrap();
    let raced = made.objects.put_opts(&key, "[2]".into(), PutMode::Update(version).into()).await;
    assert!(matches!(raced, Err(object_store::Error::Precondition { .. })), "{raced:?}");

    let stores: Vec<(String, Arc<dyn ObjectStore>)> = vec![("site".to_owned(), Arc::clone(&made.objects))];
    let timeouts = Timeouts { store: Duration::from_secs(60), ..Timeouts::default() };
    let open = |seed| {
        Register::<u64>::new("deploy.default.head", stores.clone(), "test", Random::seeded(seed), timeouts).unwrap()
    };
    let (one, two) = (open(1), open(2));
    for _ in 0..3 {
        one.change(|old| Ok::<_, ()>(old.unwrap_or(0) + 1)).await.unwrap();
        two.change(|old| Ok::<_, ()>(old.unwrap_or(0) + 1)).await.unwrap();
    }
    assert_eq!(one.read().await.unwrap(), Some(6));

    let failure = refused(plane.state_store("bats", false).await);
    assert_eq!(failure.kind, FailureKind::Exists);
    assert_eq!(refused(plane.remove_state_store("bats").await).kind, FailureKind::Exists);
    let findings = plane.check().await;
    let conditions = findings.iter().find(|finding| finding.subject == "conditional writes").unwrap();
    assert_eq!(conditions.severity, Severity::Good, "{conditions:?}");
    let bad: Vec<_> = findings.iter().filter(|finding| finding.severity == Severity::Bad).collect();
    assert!(bad.is_empty(), "{bad:?}");

    plane.remove_state_store("owls").await.unwrap();
    assert!(plane.state_store("owls", false).await.unwrap().is_none());
    plane.remove_state_store("owls").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_state_lies_in_a_folder() {
    let setting = Setting::new();
    let plane = setting.open("[clouds.site]\nprovider = \"custom\"\nstore = { path = \"pictures\" }\n").await;
    std::fs::create_dir(setting.path("pictures")).unwrap();
    used(&plane).await;
    assert!(!setting.path("pictures-state").exists());
    // A folder of that name that is somebody's is not touched.
    std::fs::create_dir(setting.path("pictures-state")).unwrap();
    std::fs::write(setting.path("pictures-state/letter.txt"), "mine").unwrap();
    assert_eq!(refused(plane.state_store("owls", true).await).kind, FailureKind::Exists);
    assert_eq!(refused(plane.remove_state_store("owls").await).kind, FailureKind::Exists);
    assert!(setting.path("pictures-state/letter.txt").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_state_lies_in_the_labs_store() {
    let mut setting = Setting::new();
    let served = lab(&setting).await;
    let clouds = site(&mut setting, served.address);
    used(&setting.open(&clouds).await).await;
    if let Some(buckets) = aws(served.address, &["s3api", "list-buckets"]) {
        assert!(!buckets.to_string().contains("owls"), "{buckets}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_state_lies_in_versitygw_with_and_without_versions() {
    for versions in [true, false] {
        let mut setting = Setting::new();
        let Some(served) = versitygw(&setting, versions) else { return };
        let clouds = site(&mut setting, served.address);
        used(&setting.open(&clouds).await).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_does_not_honour_conditions_is_found_out() {
    let mut setting = Setting::new();
    let Some(served) = moto(&setting) else { return };
    let clouds = site(&mut setting, served.address);
    let plane = setting.open(&clouds).await;
    plane.state_store("owls", true).await.unwrap().unwrap();
    let findings = plane.check().await;
    let conditions = findings.iter().find(|finding| finding.subject == "conditional writes").unwrap();
    // Whatever this version of moto does, the finding says what it did.
    let state = plane.state_store("owls", false).await.unwrap().unwrap();
    let key = Path::from("probe");
    state.objects.put(&key, "1".into()).await.unwrap();
    let other = UpdateVersion { e_tag: Some("\"0\"".to_owned()), version: None };
    let changed = state.objects.put_opts(&key, "2".into(), PutMode::Update(other).into()).await.is_ok();
    let twice = state.objects.put_opts(&key, "2".into(), PutMode::Create.into()).await.is_ok();
    assert_eq!(conditions.severity == Severity::Bad, changed || twice, "{conditions:?}");
}

#[tokio::test]
async fn credentials_that_are_missing_or_wrong_are_said_so() {
    let mut setting = Setting::new();
    let served = lab(&setting).await;
    let clouds = site(&mut setting, served.address);
    setting.set("SITE_SECRET", "another-secret");
    let plane = setting.open(&clouds).await;
    let failure = refused(plane.list("custom.bucket", "global").await);
    assert_eq!(failure.kind, FailureKind::Credentials, "{failure:?}");
    assert!(!format!("{failure:?}").contains("another-secret"));
    assert!(plane.check().await.iter().any(|finding| finding.severity == Severity::Bad));
    setting.variables.remove("SITE_SECRET");
    let failure = refused(setting.try_open(&setting.project(&clouds)).await);
    assert_eq!(failure.kind, FailureKind::Credentials);
    assert!(failure.next_step.unwrap().contains("SITE_SECRET"));
}
