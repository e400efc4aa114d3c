//! Buckets, their policies and the state's bucket against moto.

use object_store::{ObjectStoreExt, PutMode, PutOptions};
use serde_json::json;
use wildcam::cloud::control::{FailureKind, Severity, Wanted};

use crate::{
    moto,
    plane::{REGION, Setting, changes, finish, holds, make, token, wanted},
};

fn pictures() -> Wanted {
    wanted(
        "AWS::S3::Bucket",
        "pictures",
        json!({
            "BucketName": "owls-pictures",
            "VersioningConfiguration": { "Status": "Enabled" },
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": true, "IgnorePublicAcls": true,
                "BlockPublicPolicy": true, "RestrictPublicBuckets": true,
            },
            "OwnershipControls": { "Rules": [{ "ObjectOwnership": "BucketOwnerEnforced" }] },
            "BucketEncryption": { "ServerSideEncryptionConfiguration": [{
                "ServerSideEncryptionByDefault": { "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "arn:aws:kms:::key/k" },
                "BucketKeyEnabled": true,
            }] },
            "LifecycleConfiguration": { "Rules": [
                {
                    "Id": "colder", "Status": "Enabled", "Prefix": "detections/",
                    "Transitions": [
                        { "StorageClass": "STANDARD_IA", "TransitionInDays": 90 },
                        { "StorageClass": "GLACIER_IR", "TransitionInDays": 365 },
                    ],
                },
                {
                    "Id": "old", "Status": "Enabled", "NoncurrentVersionExpiration": { "NoncurrentDays": 30 },
                    "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": 7 },
                },
            ] },
        }),
    )
}

#[tokio::test]
async fn a_bucket_with_all_its_configurations() {
    let Some(moto) = moto::start() else { return };
    let plane = Setting::at(&moto.url).open().await.expect("a plane");
    let plane = plane.as_ref();
    let pictures = pictures();
    assert_eq!(plane.locate(&pictures).await.expect("a look"), None);
    let live = make(plane, &pictures, 1).await;
    holds(&live, &pictures);
    assert_eq!(live.owner.as_ref(), Some(&pictures.owner));
    assert_eq!(live.properties["Arn"], "arn:aws:s3:::owls-pictures");
    assert_eq!(plane.locate(&pictures).await.expect("a look").as_ref(), Some(&live));
    let listed = plane.list(&pictures.kind, REGION).await.expect("a list");
    assert!(listed.iter().any(|one| one.id == "owls-pictures"));
    // The second call of one intent completes it; another owner's does not get it.
    make(plane, &pictures, 1).await;
    let mut strange = pictures.clone();
    strange.owner.project = "eagles".to_owned();
    assert_eq!(plane.create(&strange, &token(2)).await.expect_err("taken").kind, FailureKind::Exists);

    let mut other = pictures.clone();
    other.properties["LifecycleConfiguration"]["Rules"][0]["Transitions"][0]["TransitionInDays"] = json!(60);
    let changed = changes(&live, &other, &["/LifecycleConfiguration/Rules/0/Transitions/0/TransitionInDays"]);
    plane.update(&live, &other, &changed, &token(3)).await.expect("a change");
    let live = plane.read(&pictures.kind, REGION, "owls-pictures").await.expect("it stands");
    holds(&live, &other);

    let policy = wanted(
        "AWS::S3::BucketPolicy",
        "policy",
        json!({ "Bucket": "owls-pictures", "PolicyDocument": { "Version": "2012-10-17", "Statement": [{
            "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::owls-pictures/*",
            "Condition": { "Bool": { "aws:SecureTransport": "false" } },
        }] } }),
    );
    let rule = make(plane, &policy, 4).await;
    holds(&rule, &policy);
    if let Some(told) = moto.aws(&["s3api", "get-bucket-lifecycle-configuration", "--bucket", "owls-pictures"]) {
        assert_eq!(told.pointer("/Rules/0/Transitions/0/Days"), Some(&json!(60)));
    }
    if let Some(told) = moto.aws(&["s3api", "get-bucket-tagging", "--bucket", "owls-pictures"]) {
        let tags = told["TagSet"].as_array().expect("tags");
        assert!(tags.contains(&json!({ "Key": "wildcam-address", "Value": "aws/tests/pictures" })), "{tags:?}");
    }
    finish(plane, plane.delete(&rule, false, &token(5)).await.expect("it goes")).await.expect("it went");
    let gone = plane.read(&policy.kind, REGION, "owls-pictures").await.expect_err("it is gone");
    assert_eq!(gone.kind, FailureKind::NotFound);
    // What lies in it goes with consent only.
    let objects = plane.state_store("owls", true).await.expect("a call").expect("a store");
    drop(objects);
    moto.aws(&["s3api", "put-object", "--bucket", "owls-pictures", "--key", "a"]);
    moto.aws(&["s3api", "put-object", "--bucket", "owls-pictures", "--key", "a"]);
    moto.aws(&["s3api", "delete-object", "--bucket", "owls-pictures", "--key", "a"]);
    let refused = plane.delete(&live, false, &token(6)).await.expect_err("versions are in it");
    assert_eq!(refused.kind, FailureKind::Protected, "{refused}");
    plane.delete(&live, true, &token(6)).await.expect("with consent");
    assert_eq!(plane.locate(&pictures).await.expect("a look"), None);
}

#[tokio::test]
async fn a_bucket_under_lock_and_one_that_is_copied() {
    let Some(moto) = moto::start() else { return };
    let plane = Setting::at(&moto.url).open().await.expect("a plane");
    let plane = plane.as_ref();
    let backup = wanted(
        "AWS::S3::Bucket",
        "backup",
        json!({
            "BucketName": "owls-backup", "ObjectLockEnabled": true,
            "ObjectLockConfiguration": {
                "ObjectLockEnabled": "Enabled", "Rule": { "DefaultRetention": { "Mode": "GOVERNANCE", "Days": 30 } },
            },
            "VersioningConfiguration": { "Status": "Enabled" },
        }),
    );
    let live = make(plane, &backup, 1).await;
    holds(&live, &backup);
    if let Some(told) = moto.aws(&["s3api", "get-object-lock-configuration", "--bucket", "owls-backup"]) {
        let days = told.pointer("/ObjectLockConfiguration/Rule/DefaultRetention/Days");
        assert_eq!(days, Some(&json!(30)));
    }
    let copied = wanted(
        "AWS::S3::Bucket",
        "copied",
        json!({
            "BucketName": "owls-copied",
            "VersioningConfiguration": { "Status": "Enabled" },
            "ReplicationConfiguration": {
                "Role": "arn:aws:iam::123456789012:role/copier",
                "Rules": [{
                    "Id": "second-region", "Status": "Enabled", "Priority": 1,
                    "Filter": { "Prefix": "detections/" }, "DeleteMarkerReplication": { "Status": "Disabled" },
                    "Destination": { "Bucket": "arn:aws:s3:::owls-backup", "StorageClass": "STANDARD_IA" },
                }],
            },
        }),
    );
    let live = make(plane, &copied, 2).await;
    holds(&live, &copied);
}

#[tokio::test]
async fn the_state_lies_in_a_bucket_of_its_own() {
    let Some(moto) = moto::start() else { return };
    let plane = Setting::at(&moto.url).open().await.expect("a plane");
    assert!(plane.state_store("owls", false).await.expect("a look").is_none());
    let store = plane.state_store("owls", true).await.expect("a call").expect("a store");
    assert_eq!(store.place, "owls-pictures-state");
    let key = object_store::path::Path::from("deploy/default/state/1.json");
    let once = PutOptions::from(PutMode::Create);
    store.objects.put_opts(&key, "one".into(), once.clone()).await.expect("the first");
    let again = store.objects.put_opts(&key, "two".into(), once).await.expect_err("not twice");
    assert!(matches!(again, object_store::Error::AlreadyExists { .. }), "{again}");
    let found = plane.state_store("owls", false).await.expect("a look").expect("it stands");
    assert_eq!(found.objects.get(&key).await.expect("it lies there").bytes().await.expect("bytes"), "one");
    if let Some(told) = moto.aws(&["s3api", "get-public-access-block", "--bucket", "owls-pictures-state"]) {
        assert_eq!(told.pointer("/PublicAccessBlockConfiguration/RestrictPublicBuckets"), Some(&json!(true)));
    }
    let other = plane.remove_state_store("eagles").await.expect_err("not theirs");
    assert_eq!(other.kind, FailureKind::Protected);
    plane.remove_state_store("owls").await.expect("it goes");
    assert!(plane.state_store("owls", false).await.expect("a look").is_none());
    plane.remove_state_store("owls").await.expect("twice is no error");
}

#[tokio::test]
async fn the_check_says_who_calls_and_what_it_could_not_judge() {
    let Some(moto) = moto::start() else { return };
    let plane = Setting::at(&moto.url).open().await.expect("a plane");
    let findings = plane.check().await;
    let first = findings.first().expect("a finding");
    assert_eq!((first.severity, first.subject.as_str()), (Severity::Good, "credentials"), "{findings:#?}");
    assert!(first.message.contains("123456789012"), "{first:?}");
    assert!(findings.iter().any(|one| one.subject.starts_with("permission")), "{findings:#?}");
    assert!(findings.iter().any(|one| one.subject.starts_with("quota vpc")), "{findings:#?}");
    let mut other = Setting::at(&moto.url);
    other.cloud.push_str("\naccount = '999999999999'");
    let plane = other.open().await.expect("a plane");
    assert_eq!(plane.check().await.first().map(|one| one.severity), Some(Severity::Bad));
}
