use serde_json::json;

use super::*;
use crate::project::Provider;

fn of(kind: &str, provider: Provider, properties: Value) -> Vec<(FaultKind, String, Option<String>)> {
    let schema = Schema::of(provider, kind).unwrap();
    let found = faults(schema, &properties, &|_| Meaning::Itself);
    found.into_iter().map(|fault| (fault.kind, fault.pointer, fault.nearest)).collect()
}

fn aws(kind: &str, properties: Value) -> Vec<(FaultKind, String, Option<String>)> {
    of(kind, Provider::Aws, properties)
}

#[test]
fn what_is_right_has_no_faults() {
    let bucket = json!({
        "BucketName": "wildcam-pictures",
        "VersioningConfiguration": { "Status": "Enabled" },
        "LifecycleConfiguration": { "Rules": [{ "Status": "Enabled", "ExpirationInDays": 365 }] },
        "Tags": [{ "Key": "a", "Value": "b" }],
    });
    assert_eq!(aws("AWS::S3::Bucket", bucket), []);
    let account = json!({
        "name": "wildcampictures", "resourceGroup": "g", "kind": "StorageV2", "sku": { "name": "Standard_ZRS" },
        "properties": { "minimumTlsVersion": "TLS1_2", "allowBlobPublicAccess": false },
    });
    assert_eq!(of("Microsoft.Storage/storageAccounts", Provider::Azure, account), []);
    let bucket = json!({ "name": "b", "versioning": { "enabled": true }, "softDeletePolicy": { "retentionDurationSeconds": "1" } });
    assert_eq!(of("storage.buckets", Provider::Gcp, bucket), []);
}

#[test]
fn a_misspelt_property_is_found_at_its_place() {
    let bucket = json!({ "BucketNam": "b", "VersioningConfiguration": { "Statsu": "Enabled" }, "Zebra": 1 });
    let found = aws("AWS::S3::Bucket", bucket);
    let unknown =
        |pointer: &str, nearest: Option<&str>| (FaultKind::Unknown, pointer.to_owned(), nearest.map(str::to_owned));
    assert!(found.contains(&unknown("/BucketNam", Some("BucketName"))), "{found:?}");
    assert!(found.contains(&unknown("/VersioningConfiguration/Statsu", Some("Status"))), "{found:?}");
    assert!(found.contains(&unknown("/Zebra", None)), "{found:?}");
    assert!(found.contains(&(FaultKind::Missing, "/VersioningConfiguration".to_owned(), None)), "{found:?}");
}

#[test]
fn every_way_to_be_wrong_is_told_apart() {
    let kinds = |kind: &str, properties: Value| -> Vec<FaultKind> {
        aws(kind, properties).into_iter().map(|(kind, ..)| kind).collect()
    };
    assert_eq!(kinds("AWS::S3::Bucket", json!({ "Arn": "x" })), [FaultKind::ReadOnly]);
    assert_eq!(kinds("AWS::S3::Bucket", json!({ "ObjectLockEnabled": "true" })), [FaultKind::Type]);
    assert_eq!(kinds("AWS::S3::Bucket", json!({ "ObjectLockEnabled": null })), [FaultKind::Type]);
    assert_eq!(
        kinds("AWS::S3::Bucket", json!({ "VersioningConfiguration": { "Status": "enabled" } })),
        [FaultKind::NotAllowed]
    );
    assert_eq!(kinds("AWS::RDS::DBInstance", json!({ "DBInstanceIdentifier": "-" })), [FaultKind::Pattern]);
    assert_eq!(kinds("AWS::RDS::DBInstance", json!({ "BackupRetentionPeriod": 1.5 })), [FaultKind::Type]);
    assert_eq!(kinds("AWS::KMS::Key", json!({ "PendingWindowInDays": 3 })), [FaultKind::Range]);
    assert_eq!(kinds("AWS::S3::BucketPolicy", json!({ "Bucket": "b" })), [FaultKind::Missing]);
    assert_eq!(
        kinds(
            "AWS::EC2::Subnet",
            json!({ "VpcId": "v", "CidrBlock": "10.0.0.0/24", "Ipv4IpamPoolId": "p", "Ipv4NetmaskLength": 24 })
        ),
        [FaultKind::Conflict, FaultKind::Conflict]
    );
    let twice = json!([{ "Key": "a", "Value": "b" }, { "Key": "a", "Value": "b" }]);
    assert_eq!(kinds("AWS::KMS::Key", json!({ "KeyPolicy": {}, "Tags": twice })), [FaultKind::Conflict]);
}

#[test]
fn the_form_that_is_chosen_brings_its_properties() {
    let alert = |criteria: Value| {
        of(
            "Microsoft.Insights/metricAlerts",
            Provider::Azure,
            json!({
                "name": "a", "resourceGroup": "g",
                "properties": {
                    "severity": 1, "enabled": true, "scopes": ["x"], "evaluationFrequency": "PT1M", "windowSize": "PT5M",
                    "criteria": criteria,
                },
            }),
        )
    };
    let single = "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria";
    assert_eq!(alert(json!({ "odata.type": single, "allOf": [] })), []);
    // Azure takes anything beside; what the chosen form names must be of its type.
    assert_eq!(alert(json!({ "odata.type": single, "allOf": "x" }))[0].0, FaultKind::Type);
}

#[test]
fn what_only_the_apply_knows_must_fit_by_its_type() {
    let schema = Schema::of(Provider::Aws, "AWS::S3::Bucket").unwrap();
    let properties = json!({ "BucketName": "later", "VersioningConfiguration": "later" });
    let as_text = faults(schema, &properties, &|value| match value {
        Value::String(_) => Meaning::SomeText,
        _ => Meaning::Itself,
    });
    assert_eq!(as_text.len(), 1, "{as_text:?}");
    assert_eq!((as_text[0].kind, as_text[0].pointer.as_str()), (FaultKind::Reference, "/VersioningConfiguration"));
    let as_any = faults(schema, &properties, &|value| match value {
        Value::String(_) => Meaning::Of(&[]),
        _ => Meaning::Itself,
    });
    assert!(as_any.is_empty(), "{as_any:?}");
}

#[test]
fn a_hostile_value_ends() {
    let schema = Schema::of(Provider::Aws, "AWS::S3::BucketPolicy").unwrap();
    let mut deep = json!({});
    for _ in 0..200 {
        deep = json!({ "a": deep });
    }
    let found = faults(schema, &json!({ "Bucket": "b", "PolicyDocument": deep }), &|_| Meaning::Itself);
    assert!(found.iter().any(|fault| fault.kind == FaultKind::Range), "{found:?}");
    let long = "x\n".repeat(100_000);
    let found = faults(schema, &json!({ long.as_str(): 1, "Bucket": "b", "PolicyDocument": {} }), &|_| Meaning::Itself);
    assert!(found[0].message.len() < 200, "{}", found[0].message.len());
}
