use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::deploy::graph::Place;

fn resource(address: &str, provider: Provider, kind: &str, properties: Value) -> (Address, Resource) {
    let address: Address = address.parse().unwrap();
    let places = BTreeMap::from([("/BucketName".to_owned(), 7), ("/Tags".to_owned(), 9)]);
    let place = Place { file: "templates/aws/storage.yaml".to_owned(), line: 3 };
    let region = "eu-west-1".to_owned();
    let of = Resource {
        address: address.clone(),
        provider,
        kind: kind.to_owned(),
        region,
        properties,
        needs: BTreeSet::new(),
        place,
        places,
    };
    (address, of)
}

fn graph(bucket: Value) -> Graph {
    let resources = [
        resource("aws/storage/pictures", Provider::Aws, "AWS::S3::Bucket", bucket),
        resource("aws/storage/key", Provider::Aws, "AWS::KMS::Key", json!({})),
        resource(
            "az/identity/gateway",
            Provider::Azure,
            "Microsoft.ManagedIdentity/userAssignedIdentities",
            json!({ "name": "n", "resourceGroup": "g" }),
        ),
    ];
    Graph { resources: resources.into(), notes: Vec::new() }
}

fn found(bucket: Value) -> Vec<String> {
    check(&graph(bucket)).iter().map(ToString::to_string).collect()
}

#[test]
fn a_finding_names_file_line_and_what_was_meant() {
    let found = check(&graph(json!({ "BucketName": "bucket", "Tags": [{ "Key": "k", "Valu": "v" }] })));
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "templates/aws/storage.yaml:9: aws/storage/pictures/Tags/0: `Value` is missing",
            "templates/aws/storage.yaml:9: aws/storage/pictures/Tags/0/Valu: `Valu` is no property of AWS::S3::Bucket; \
             did you mean `Value`?",
        ]
    );
    assert_eq!(found[1].next_step, "write `Value`");
}

#[test]
fn references_lead_to_attributes_that_fit() {
    let good = json!({
        "BucketName": "p-${aws/storage/key.KeyId}-$${x}",
        "ObjectLockEnabled": "${aws/storage/key.Enabled}",
        "AccessControl": "${az/identity/gateway.properties.clientId}",
        "Tags": [{ "Key": "${aws/storage/key}", "Value": { "$secret": "env:X" } }],
    });
    assert_eq!(found(good), Vec::<String>::new());
    for (bad, says) in [
        (json!({ "BucketName": "${aws/storage/other.Arn}" }), "there is no resource aws/storage/other"),
        (
            json!({ "BucketName": "${aws/storage/key.Aarn}" }),
            "AWS::KMS::Key has no `Aarn` to refer to; did you mean `Arn`?",
        ),
        (json!({ "BucketName": "${aws/storage/key.Enabled}" }), "is true or false, and a string belongs here"),
        (json!({ "ObjectLockEnabled": "${aws/storage/key}" }), "is a string, and true or false belongs here"),
        (json!({ "BucketName": "a${aws/storage/key.Tags}" }), "has no place within a text"),
        (json!({ "ObjectLockEnabled": { "$secret": "env:X" } }), "is a string, and true or false belongs here"),
        (json!({ "BucketName": "${nothing" }), "begins with `${` and does not end"),
    ] {
        let lines = found(bad.clone());
        assert!(lines.len() == 1 && lines[0].contains(says), "{bad}: {lines:?}");
    }
}

#[test]
fn a_type_without_a_schema_is_said() {
    let mut graph = graph(json!({}));
    let (address, odd) = resource("aws/storage/odd", Provider::Aws, "AWS::S3::Buket", json!({}));
    graph.resources.insert(address, odd);
    let found = check(&graph);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].nearest.as_deref(), Some("AWS::S3::Bucket"));
}
