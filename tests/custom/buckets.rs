//! `custom.bucket` on three stores that can do different things, and `custom.folder`.

use serde_json::{Value, json};
use wildcam::cloud::control::{FailureKind, Severity, Wanted};

use crate::{
    setting::{Setting, TOKEN, assert_found, assert_holds, change, create, live, refused, wanted},
    stores::{Served, aws, file, lab, moto, site, versitygw},
};

const ALL: [&str; 6] = ["Versioning", "Lifecycle", "Encryption", "ObjectLock", "Retention", "Tags"];

fn backups(tolerate: Value) -> Wanted {
    wanted(
        "custom.bucket",
        "backups",
        json!({
            "Bucket": "owls-backups", "ObjectLock": true, "Versioning": "Enabled", "Encryption": "AES256",
            "Retention": { "Mode": "GOVERNANCE", "Days": 35 },
            "Lifecycle": [{ "Id": "old", "Prefix": "daily/", "ExpireDays": 365, "NoncurrentDays": 90 }],
            "Tags": { "season": "spring" }, "Tolerate": tolerate,
        }),
    )
}

fn unsupported(live: &wildcam::cloud::control::Live) -> Vec<&str> {
    live.properties["Unsupported"].as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

/// The whole life of a bucket on any store.
async fn life(setting: &mut Setting, served: &Served, expected: &[&str]) {
    let clouds = site(setting, served.address);
    let plane = setting.open(&clouds).await;

    if !expected.is_empty() {
        let strict = backups(json!([]));
        let failure = refused(plane.create(&strict, TOKEN).await);
        assert_eq!(failure.kind, FailureKind::Unsupported, "{failure}");
        assert!(failure.message.contains("this store does not support"), "{failure}");
        assert!(failure.next_step.is_some());
    }
    // What the refused try left is ours, so that the same intent goes on with it.
    let wish = backups(json!(ALL));
    let made = create(&plane, &wish).await;
    assert_eq!(unsupported(&made), expected);
    assert_found(&plane, &wish, &made).await;
    assert_eq!(create(&plane, &wish).await, made, "a second call is the first");

    let mut stranger = wish.clone();
    stranger.owner.project = "bats".to_owned();
    assert_eq!(refused(plane.create(&stranger, TOKEN).await).kind, FailureKind::Exists);

    // A change in place, to what is kept and to what is only recorded.
    let mut next = wish.clone();
    next.properties["Retention"]["Days"] = json!(40);
    next.properties["Lifecycle"][0]["NoncurrentDays"] = json!(30);
    next.properties["Tags"] = json!({ "season": "autumn" });
    let changes = [
        change("/Retention/Days", Some(json!(40))),
        change("/Lifecycle/0/NoncurrentDays", Some(json!(30))),
        change("/Tags/season", Some(json!("autumn"))),
    ];
    let changed = live(plane.update(&made, &next, &changes, TOKEN).await);
    assert_holds(&changed, &next);
    assert_found(&plane, &next, &changed).await;

    // A property that goes.
    let mut less = next.clone();
    less.properties.as_object_mut().unwrap().remove("Lifecycle");
    let changed = live(plane.update(&changed, &less, &[change("/Lifecycle", None)], TOKEN).await);
    assert_eq!(changed.properties.get("Lifecycle"), None);

    let lock = [change("/ObjectLock", Some(json!(false)))];
    assert_eq!(refused(plane.update(&changed, &less, &lock, TOKEN).await).kind, FailureKind::Invalid);
    assert_eq!(refused(plane.read("custom.bucket", "global", "owls-nowhere").await).kind, FailureKind::NotFound);
    assert_eq!(plane.locate(&wanted("custom.bucket", "x", json!({ "Bucket": "owls-nowhere" }))).await.unwrap(), None);
    for bad in ["Owls", "a", "a/b", "..", "a?versioning"] {
        assert_eq!(refused(plane.read("custom.bucket", "global", bad).await).kind, FailureKind::Invalid, "{bad}");
    }
    let misspelt = wanted("custom.bucket", "x", json!({ "Bucket": "owls-x", "Versionning": "Enabled" }));
    let failure = refused(plane.create(&misspelt, TOKEN).await);
    assert!(failure.message.contains("Versionning"), "{failure}");
    assert_eq!(plane.locate(&wanted("custom.bucket", "x", json!({ "Bucket": "owls-x" }))).await.unwrap(), None);
}

/// A bucket with pictures in it is lost only on purpose.
async fn loss(setting: &mut Setting, served: &Served) {
    let clouds = site(setting, served.address);
    let plane = setting.open(&clouds).await;
    let wish = wanted(
        "custom.bucket",
        "pictures",
        json!({ "Bucket": "owls-pictures", "Versioning": "Enabled", "Tolerate": ["Versioning"] }),
    );
    let made = create(&plane, &wish).await;
    let body = file(setting.folder.path(), "a picture");
    for key in ["detections/a.jpg", "detections/a.jpg", "odd & <key>+%/é.jpg"] {
        if aws(served.address, &["s3api", "put-object", "--bucket", "owls-pictures", "--key", key, "--body", &body])
            .is_none()
        {
            return;
        }
    }
    let failure = refused(plane.delete(&made, false, TOKEN).await);
    assert_eq!(failure.kind, FailureKind::Protected, "{failure}");
    plane.delete(&made, true, TOKEN).await.unwrap();
    assert_eq!(plane.locate(&wish).await.unwrap(), None);
    assert_eq!(refused(plane.delete(&made, true, TOKEN).await).kind, FailureKind::NotFound);
    // One that holds nothing goes without consent, its marker with it.
    let made = create(&plane, &wish).await;
    plane.delete(&made, false, TOKEN).await.unwrap();
    assert_eq!(plane.locate(&wish).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_on_the_labs_store_is_marked_by_an_object() {
    let mut setting = Setting::new();
    let served = lab(&setting).await;
    life(&mut setting, &served, &["Encryption", "Lifecycle", "Tags"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_on_the_labs_store_are_lost_on_purpose_only() {
    let mut setting = Setting::new();
    let served = lab(&setting).await;
    loss(&mut setting, &served).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_on_versitygw_is_marked_by_tags() {
    let mut setting = Setting::new();
    let Some(served) = versitygw(&setting, true) else { return };
    let address = served.address;
    life(&mut setting, &served, &["Encryption", "Lifecycle"]).await;
    let Some(tags) = aws(address, &["s3api", "get-bucket-tagging", "--bucket", "owls-backups"]) else { return };
    let tags = tags["TagSet"].as_array().unwrap().clone();
    assert!(tags.contains(&json!({ "Key": "wildcam-address", "Value": "site/test/backups" })), "{tags:?}");
    assert!(tags.contains(&json!({ "Key": "season", "Value": "autumn" })), "{tags:?}");
    let lock = aws(address, &["s3api", "get-object-lock-configuration", "--bucket", "owls-backups"]).unwrap();
    let rule = &lock["ObjectLockConfiguration"]["Rule"]["DefaultRetention"];
    assert_eq!(rule, &json!({ "Mode": "GOVERNANCE", "Days": 40 }));
    let versioning = aws(address, &["s3api", "get-bucket-versioning", "--bucket", "owls-backups"]).unwrap();
    assert_eq!(versioning["Status"], "Enabled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_on_versitygw_are_lost_on_purpose_only() {
    for versions in [true, false] {
        let mut setting = Setting::new();
        let Some(served) = versitygw(&setting, versions) else { return };
        loss(&mut setting, &served).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_knows_everything_keeps_everything() {
    let mut setting = Setting::new();
    let Some(served) = moto(&setting) else { return };
    life(&mut setting, &served, &[]).await;
    let mut setting = Setting::new();
    let Some(served) = moto(&setting) else { return };
    loss(&mut setting, &served).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_behind_its_back_is_seen_and_undone() {
    let mut setting = Setting::new();
    let Some(served) = versitygw(&setting, true) else { return };
    let clouds = site(&mut setting, served.address);
    let plane = setting.open(&clouds).await;
    let properties = json!({ "Bucket": "owls-pictures", "Versioning": "Enabled", "Tags": { "season": "spring" } });
    let wish = wanted("custom.bucket", "pictures", properties);
    let made = create(&plane, &wish).await;
    let suspend = [
        "s3api",
        "put-bucket-versioning",
        "--bucket",
        "owls-pictures",
        "--versioning-configuration",
        "Status=Suspended",
    ];
    if aws(served.address, &suspend).is_none() {
        return;
    }
    let drifted = plane.read("custom.bucket", "global", "owls-pictures").await.unwrap();
    assert_eq!(drifted.properties["Versioning"], "Suspended");
    let changes = [change("/Versioning", Some(json!("Enabled")))];
    assert_eq!(live(plane.update(&drifted, &wish, &changes, TOKEN).await), made);
    // Tags of others stay; the marks that somebody took away come back.
    let tagging =
        ["s3api", "put-bucket-tagging", "--bucket", "owls-pictures", "--tagging", "TagSet=[{Key=cost,Value=7}]"];
    aws(served.address, &tagging).unwrap();
    let drifted = plane.read("custom.bucket", "global", "owls-pictures").await.unwrap();
    assert_eq!((&drifted.owner, &drifted.properties["Tags"]), (&None, &json!({ "cost": "7" })));
    let changed = live(plane.update(&drifted, &wish, &[], TOKEN).await);
    assert_eq!(changed.owner, made.owner);
    assert_eq!(changed.properties["Tags"], json!({ "cost": "7", "season": "spring" }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_was_made_and_not_marked_is_gone_on_with_and_a_full_one_is_not() {
    let mut setting = Setting::new();
    let served = lab(&setting).await;
    let clouds = site(&mut setting, served.address);
    let plane = setting.open(&clouds).await;
    if aws(served.address, &["s3api", "create-bucket", "--bucket", "owls-pictures"]).is_none() {
        return;
    }
    let wish = wanted("custom.bucket", "pictures", json!({ "Bucket": "owls-pictures", "Versioning": "Enabled" }));
    assert_eq!(plane.locate(&wish).await.unwrap().unwrap().owner, None);
    create(&plane, &wish).await;

    aws(served.address, &["s3api", "create-bucket", "--bucket", "owls-old"]).unwrap();
    let body = file(setting.folder.path(), "somebody's");
    aws(served.address, &["s3api", "put-object", "--bucket", "owls-old", "--key", "a", "--body", &body]).unwrap();
    let wish = wanted("custom.bucket", "old", json!({ "Bucket": "owls-old" }));
    let failure = refused(plane.create(&wish, TOKEN).await);
    assert_eq!(failure.kind, FailureKind::Exists);
    assert!(failure.next_step.unwrap().contains("adopt"));
    // Taken over: an update without a difference writes the marks.
    let found = plane.locate(&wish).await.unwrap().unwrap();
    assert_eq!(live(plane.update(&found, &wish, &[], TOKEN).await).owner, Some(wish.owner));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_lives_as_a_bucket_does() {
    let setting = Setting::new();
    let plane = setting.open("[clouds.site]\nprovider = \"custom\"\nstore = { path = \"pictures\" }\n").await;
    let wish = wanted("custom.folder", "pictures", json!({ "Role": "pictures", "Private": true }));
    let made = create(&plane, &wish).await;
    assert_found(&plane, &wish, &made).await;
    assert_eq!(create(&plane, &wish).await, made);
    let mut stranger = wish.clone();
    stranger.owner.project = "bats".to_owned();
    assert_eq!(refused(plane.create(&stranger, TOKEN).await).kind, FailureKind::Exists);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(setting.path("pictures"), open).unwrap();
        let drifted = plane.read("custom.folder", "global", "pictures").await.unwrap();
        assert_eq!(drifted.properties["Private"], false);
        let changes = [change("/Private", Some(json!(true)))];
        assert_eq!(live(plane.update(&drifted, &wish, &changes, TOKEN).await), made);
    }
    std::fs::create_dir(setting.path("pictures/detections")).unwrap();
    std::fs::write(setting.path("pictures/detections/a.jpg"), "a picture").unwrap();
    assert_eq!(refused(plane.delete(&made, false, TOKEN).await).kind, FailureKind::Protected);
    assert!(setting.path("pictures/detections/a.jpg").exists());
    plane.delete(&made, true, TOKEN).await.unwrap();
    assert!(!setting.path("pictures").exists());
    assert_eq!(refused(plane.delete(&made, true, TOKEN).await).kind, FailureKind::NotFound);

    // One that somebody made by hand is never taken, and never deleted.
    std::fs::create_dir_all(setting.path("pictures/detections")).unwrap();
    assert_eq!(refused(plane.create(&wish, TOKEN).await).kind, FailureKind::Exists);
    assert_eq!(refused(plane.delete(&made, true, TOKEN).await).kind, FailureKind::Protected);
    let failure = refused(plane.list("custom.bucket", "global").await);
    assert_eq!(failure.kind, FailureKind::Unsupported);
    for role in ["../x", "", "state"] {
        assert_eq!(refused(plane.read("custom.folder", "global", role).await).kind, FailureKind::Invalid, "{role}");
    }
    assert!(plane.check().await.iter().any(|finding| finding.severity == Severity::Warning));
}
