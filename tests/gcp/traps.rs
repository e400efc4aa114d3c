//! What goes wrong in a real project: quotas, tokens that end, places that lack a type, names that are still kept.

use serde_json::{Value, json};
use wildcam::cloud::control::{ControlPlane, FailureKind, Severity, Step};

use super::{
    google::{self, Refusal},
    plane::{TOKEN, again, make, open, project, remove, settle, wanted},
};

const REGION: &str = "europe-west3";

async fn plane() -> (google::Fake, std::sync::Arc<dyn ControlPlane>) {
    let fake = google::start(3);
    let plane = open(&project(&fake.url, ""), &fake).await;
    (fake, plane)
}

fn instance() -> Value {
    json!({"name": "db", "region": REGION, "databaseVersion": "POSTGRES_18",
        "settings": {"tier": "db-g1-small", "deletionProtectionEnabled": true}})
}

fn bucket() -> wildcam::cloud::control::Wanted {
    wanted(
        "gcp/storage/pictures",
        "storage.buckets",
        "global",
        json!({"name": "wildcam-serengeti-gcp", "location": "EUROPE-WEST3"}),
    )
}

#[tokio::test]
async fn a_quota_is_told_apart_from_a_rate() {
    let (fake, plane) = plane().await;
    let quota = Refusal::new(429, "RESOURCE_EXHAUSTED", "Quota limit 'Services per project' has been exceeded.")
        .reason("QUOTA_EXCEEDED");
    fake.refuse_next("storage.buckets.insert", quota);
    let failure = plane.create(&bucket(), TOKEN).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Quota);
    assert!(failure.next_step.unwrap().contains("Quotas"));
    assert_eq!(failure.call, "storage.buckets.create");

    let mut rate =
        Refusal::new(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Write requests per minute'")
            .reason("RATE_LIMIT_EXCEEDED");
    rate.retry_after = Some(7);
    fake.refuse_next("storage.buckets.insert", rate);
    let failure = plane.create(&bucket(), TOKEN).await.unwrap_err();
    assert_eq!((failure.kind, failure.retry_after_ms), (FailureKind::Throttled, Some(7000)));

    fake.refuse_next("storage.buckets.insert", Refusal::new(503, "UNAVAILABLE", "try again"));
    assert_eq!(plane.create(&bucket(), TOKEN).await.unwrap_err().kind, FailureKind::Unavailable);
    assert!(fake.creations().is_empty());
}

#[tokio::test]
async fn a_token_that_ends_in_mid_apply_is_renewed_once() {
    let (fake, plane) = plane().await;
    make(&*plane, &bucket()).await.unwrap();
    assert_eq!(fake.tokens_given(), 1, "one token serves many calls");
    fake.expire_tokens();
    plane.read("storage.buckets", "global", "wildcam-serengeti-gcp").await.unwrap();
    assert_eq!(fake.tokens_given(), 2);

    // Many calls at once make one exchange.
    fake.expire_tokens();
    let reads = (0..20).map(|_| plane.read("storage.buckets", "global", "wildcam-serengeti-gcp"));
    for read in futures_util::future::join_all(reads).await {
        read.unwrap();
    }
    assert_eq!(fake.tokens_given(), 3);

    fake.expire_tokens();
    fake.refuse_tokens();
    let failure = plane.read("storage.buckets", "global", "wildcam-serengeti-gcp").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Credentials);
    assert!(failure.next_step.unwrap().contains("gcloud auth"), "the next step is a command");
    assert!(!failure.message.contains("ya29"));
}

#[tokio::test]
async fn a_region_without_a_type_says_so() {
    let (_fake, plane) = plane().await;
    let service = wanted(
        "gcp/gateway/service",
        "run.services",
        "mars-north1",
        json!({"serviceId": "g", "template": {"containers": [{"image": "i"}]}}),
    );
    let failure = plane.create(&service, TOKEN).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unsupported, "{failure}");
    assert!(failure.next_step.unwrap().contains("wildcam.toml"));
    let mut properties = instance();
    properties["region"] = "mars-north1".into();
    let server = wanted("gcp/database/server", "sqladmin.instances", "mars-north1", properties);
    assert_eq!(plane.create(&server, TOKEN).await.unwrap_err().kind, FailureKind::Unsupported);
    let unknown = wanted("gcp/a/b", "container.clusters", REGION, json!({}));
    assert_eq!(plane.create(&unknown, TOKEN).await.unwrap_err().kind, FailureKind::Unsupported);
}

#[tokio::test]
async fn the_name_of_a_deleted_database_server_is_kept() {
    let (fake, plane) = plane().await;
    let server = wanted("gcp/database/server", "sqladmin.instances", REGION, instance());
    let live = make(&*plane, &server).await.unwrap();
    let taken = plane.create(&server, TOKEN).await.unwrap_err();
    assert_eq!(taken.kind, FailureKind::Exists);
    // Protected, and with consent unprotected first.
    assert_eq!(remove(&*plane, &live, false).await.unwrap_err().kind, FailureKind::Protected);
    remove(&*plane, &live, true).await.unwrap();
    assert!(fake.calls().ends_with(&["sqladmin.instances.delete".to_owned(), "sqladmin.operations.get".to_owned()]));
    let failure = plane.create(&server, TOKEN).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::SoftDeleted);
    assert!(failure.message.contains("a week") && failure.next_step.is_some(), "{failure}");
}

#[tokio::test]
async fn one_database_server_does_one_thing_at_a_time() {
    let (fake, plane) = plane().await;
    fake.polls(3);
    let server = wanted("gcp/database/server", "sqladmin.instances", REGION, instance());
    make(&*plane, &server).await.unwrap();
    let database = |name: &str| {
        wanted("gcp/database/index", "sqladmin.databases", REGION, json!({"instance": "db", "name": name}))
    };
    let step = plane.create(&database("one"), TOKEN).await.unwrap();
    let busy = plane.create(&database("two"), TOKEN).await.unwrap_err();
    assert_eq!(busy.kind, FailureKind::Busy);
    settle(&*plane, step).await.unwrap();
    again(async || settle(&*plane, plane.create(&database("two"), TOKEN).await?).await).await.unwrap();
}

#[tokio::test]
async fn a_service_that_is_not_enabled_is_told_apart_from_one_that_wakes() {
    let (fake, plane) = plane().await;
    fake.disable("secretmanager", 2);
    let secret = wanted(
        "gcp/s/key",
        "secretmanager.secrets",
        "global",
        json!({"secretId": "key", "replication": {"automatic": {}}}),
    );
    let failure = plane.create(&secret, TOKEN).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Denied);
    assert!(failure.next_step.unwrap().starts_with("gcloud services enable secretmanager.googleapis.com"));
    let api =
        wanted("gcp/network/api", "serviceusage.services", "global", json!({"name": "secretmanager.googleapis.com"}));
    assert_eq!(plane.locate(&api).await.unwrap(), None, "what is disabled does not stand");
    let live = make(&*plane, &api).await.unwrap();
    assert_eq!(live.properties["name"], "secretmanager.googleapis.com");
    let failure = plane.create(&secret, TOKEN).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotYet, "{failure}");
    make(&*plane, &secret).await.unwrap();
    // Others may use it: it stays.
    remove(&*plane, &live, false).await.unwrap();
    assert!(plane.locate(&api).await.unwrap().is_some());
}

#[tokio::test]
async fn a_strangers_kept_pool_is_left_alone_and_ours_comes_back() {
    let (fake, plane) = plane().await;
    let pool = |address: &str| {
        wanted(
            address,
            "iam.workloadIdentityPools",
            "global",
            json!({"workloadIdentityPoolId": "pool", "displayName": "d"}),
        )
    };
    let live = make(&*plane, &pool("gcp/ci/pool")).await.unwrap();
    remove(&*plane, &live, false).await.unwrap();
    let stranger = plane.create(&pool("gcp/other/pool"), TOKEN).await.unwrap_err();
    assert_eq!(stranger.kind, FailureKind::SoftDeleted);
    let back = make(&*plane, &pool("gcp/ci/pool")).await.unwrap();
    assert_eq!(back.properties["state"], "ACTIVE");
    assert!(fake.calls().contains(&"iam.workloadIdentityPools.undelete".to_owned()));
}

#[tokio::test]
async fn an_operation_is_followed_at_its_own_service_only() {
    let (_fake, plane) = plane().await;
    let server = wanted("gcp/database/server", "sqladmin.instances", REGION, instance());
    let Step::Pending(mut pending) = plane.create(&server, TOKEN).await.unwrap() else { panic!("an operation") };
    assert!(!pending.handle.contains("elsewhere.example"), "{}", pending.handle);
    pending.handle = pending.handle.replace("projects/wild-123/operations", "projects/wild-123/../../../x/operations");
    assert_eq!(plane.poll(&pending).await.unwrap_err().kind, FailureKind::Invalid);
    pending.handle = "nonsense".to_owned();
    assert_eq!(plane.poll(&pending).await.unwrap_err().kind, FailureKind::Invalid);
}

#[tokio::test]
async fn the_check_says_what_is_missing() {
    let (fake, plane) = plane().await;
    fake.disable("sqladmin", 0);
    let found = plane.check().await;
    assert!(found.iter().all(|finding| finding.severity < Severity::Bad), "{found:?}");
    let service = found.iter().find(|finding| finding.subject == "service sqladmin.googleapis.com").expect("a warning");
    assert_eq!(service.severity, Severity::Warning);
    fake.refuse_tokens();
    fake.expire_tokens();
    let found = plane.check().await;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].severity, found[0].subject.as_str()), (Severity::Bad, "credentials"));
}

#[tokio::test]
async fn an_operation_that_fails_says_why_and_leaves_nothing() {
    let (fake, plane) = plane().await;
    let template = json!({"containers": [{"image": "i"}]});
    let service =
        wanted("gcp/gateway/service", "run.services", REGION, json!({"serviceId": "g", "template": template}));
    let reason = "Revision 'g-00001' is not ready: the container failed its startup probe.";
    fake.fail_next_operation("run", Refusal::new(400, "FAILED_PRECONDITION", reason));
    let failure = make(&*plane, &service).await.unwrap_err();
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Invalid, reason));
    assert_eq!(plane.locate(&service).await.unwrap(), None);

    let server = wanted("gcp/database/server", "sqladmin.instances", REGION, instance());
    let quota =
        Refusal::new(400, "", "Quota 'CPUS' exceeded. Limit: 24.0 in region europe-west3.").reason("QUOTA_EXCEEDED");
    fake.fail_next_operation("sqladmin", quota);
    assert_eq!(make(&*plane, &server).await.unwrap_err().kind, FailureKind::Quota);
    make(&*plane, &server).await.unwrap();
}
