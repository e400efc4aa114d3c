//! The quick types against moto: each is made, read, located, listed, changed and deleted through the seam, and Amazon's
//! own client sees what was made.

use serde_json::{Value, json};
use wildcam::cloud::control::{ControlPlane, FailureKind, Live, Wanted};

use crate::{
    moto::{self, Moto},
    plane::{Setting, changes, finish, holds, make, token, wanted},
};

/// Reads, locates and lists what was just made.
async fn seen(plane: &dyn ControlPlane, wanted: &Wanted, live: &Live) {
    holds(live, wanted);
    let located = plane.locate(wanted).await.unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(located.as_ref().map(|found| &found.id), Some(&live.id), "{}", wanted.kind);
    match plane.list(&wanted.kind, &wanted.region).await {
        Ok(listed) => assert!(listed.iter().any(|one| one.id == live.id), "{} is not in {listed:?}", live.id),
        Err(failure) => {
            assert_eq!((failure.kind, wanted.kind.as_str()), (FailureKind::Unsupported, "AWS::S3::BucketPolicy"))
        }
    }
}

/// Changes `before` into `after`, and checks that it is so.
async fn change(plane: &dyn ControlPlane, before: &Live, after: &Wanted, pointers: &[&str]) -> Live {
    let changed = changes(before, after, pointers);
    let step = plane.update(before, after, &changed, &token(90)).await.unwrap_or_else(|failure| panic!("{failure}"));
    finish(plane, step).await.unwrap_or_else(|failure| panic!("{failure}"));
    let live = plane.read(&after.kind, &after.region, &before.id).await.unwrap_or_else(|failure| panic!("{failure}"));
    holds(&live, after);
    live
}

async fn delete(plane: &dyn ControlPlane, live: &Live) {
    let step = plane.delete(live, false, &token(91)).await.unwrap_or_else(|failure| panic!("{}: {failure}", live.kind));
    finish(plane, step).await.unwrap_or_else(|failure| panic!("{failure}"));
    let read = plane.read(&live.kind, &live.region, &live.id).await;
    assert_eq!(read.expect_err("it is gone").kind, FailureKind::NotFound, "{}", live.kind);
}

fn with(wanted: &Wanted, change: impl FnOnce(&mut Value)) -> Wanted {
    let mut other = wanted.clone();
    change(&mut other.properties);
    other
}

async fn plane(moto: &Moto) -> std::sync::Arc<dyn ControlPlane> {
    Setting::at(&moto.url).open().await.expect("a plane")
}

#[tokio::test]
async fn a_network_with_everything_in_it() {
    let Some(moto) = moto::start() else { return };
    let plane = plane(&moto).await;
    let plane = plane.as_ref();
    let network = wanted(
        "AWS::EC2::VPC",
        "vpc",
        json!({
            "CidrBlock": "10.83.0.0/16", "EnableDnsSupport": true, "EnableDnsHostnames": true,
            "Tags": [{ "Key": "Name", "Value": "owls" }],
        }),
    );
    let vpc = make(plane, &network, 1).await;
    assert_eq!(vpc.owner.as_ref(), Some(&network.owner));
    seen(plane, &network, &vpc).await;
    let subnet_wanted = wanted(
        "AWS::EC2::Subnet",
        "subnet",
        json!({
            "VpcId": vpc.id, "CidrBlock": "10.83.0.0/20", "AvailabilityZone": "eu-central-1a",
            "MapPublicIpOnLaunch": true,
        }),
    );
    let subnet = make(plane, &subnet_wanted, 2).await;
    seen(plane, &subnet_wanted, &subnet).await;
    let less = with(&subnet_wanted, |properties| properties["MapPublicIpOnLaunch"] = json!(false));
    let subnet = change(plane, &subnet, &less, &["/MapPublicIpOnLaunch"]).await;

    let internet_wanted = wanted("AWS::EC2::InternetGateway", "internet", json!({}));
    let internet = make(plane, &internet_wanted, 3).await;
    seen(plane, &internet_wanted, &internet).await;
    let attached_wanted = wanted(
        "AWS::EC2::VPCGatewayAttachment",
        "attached",
        json!({ "VpcId": vpc.id, "InternetGatewayId": internet.id }),
    );
    let attached = make(plane, &attached_wanted, 4).await;
    seen(plane, &attached_wanted, &attached).await;

    let table_wanted = wanted("AWS::EC2::RouteTable", "table", json!({ "VpcId": vpc.id }));
    let table = make(plane, &table_wanted, 5).await;
    seen(plane, &table_wanted, &table).await;
    let route_wanted = wanted(
        "AWS::EC2::Route",
        "route",
        json!({ "RouteTableId": table.id, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": internet.id }),
    );
    let route = make(plane, &route_wanted, 6).await;
    seen(plane, &route_wanted, &route).await;
    let association_wanted = wanted(
        "AWS::EC2::SubnetRouteTableAssociation",
        "association",
        json!({ "SubnetId": subnet.id, "RouteTableId": table.id }),
    );
    let association = make(plane, &association_wanted, 7).await;
    seen(plane, &association_wanted, &association).await;

    let endpoint_wanted = wanted(
        "AWS::EC2::VPCEndpoint",
        "endpoint",
        json!({
            "VpcId": vpc.id, "ServiceName": "com.amazonaws.eu-central-1.s3", "VpcEndpointType": "Gateway",
            "RouteTableIds": [table.id],
        }),
    );
    let endpoint = make(plane, &endpoint_wanted, 8).await;
    seen(plane, &endpoint_wanted, &endpoint).await;

    let group_wanted = wanted(
        "AWS::EC2::SecurityGroup",
        "group",
        json!({
            "GroupName": "door", "GroupDescription": "The door", "VpcId": vpc.id,
            "SecurityGroupIngress": [
                { "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0", "Description": "all" },
            ],
            "SecurityGroupEgress": [
                { "IpProtocol": "tcp", "FromPort": 8443, "ToPort": 8443, "CidrIp": "10.83.0.0/16" },
            ],
        }),
    );
    let group = make(plane, &group_wanted, 9).await;
    seen(plane, &group_wanted, &group).await;
    let wider = with(&group_wanted, |properties| {
        properties["SecurityGroupIngress"] = json!([
            { "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "192.0.2.0/24" },
            { "IpProtocol": "tcp", "FromPort": 8443, "ToPort": 8443, "SourceSecurityGroupId": group.id },
        ]);
    });
    let group = change(plane, &group, &wider, &["/SecurityGroupIngress/0/CidrIp", "/SecurityGroupIngress/1"]).await;

    if let Some(told) =
        moto.aws(&["ec2", "describe-vpcs", "--filters", "Name=tag:wildcam-address,Values=aws/tests/vpc"])
    {
        assert_eq!(told.pointer("/Vpcs/0/VpcId"), Some(&json!(vpc.id)));
    }
    if let Some(told) = moto.aws(&["ec2", "describe-route-tables", "--route-table-ids", &table.id]) {
        let routes = told.pointer("/RouteTables/0/Routes").and_then(Value::as_array).expect("routes");
        assert!(routes.iter().any(|route| route["GatewayId"] == json!(internet.id)), "{routes:?}");
    }
    // A tag that somebody takes away is put back, without touching others.
    let retagged = with(&network, |properties| properties["Tags"] = json!([{ "Key": "Name", "Value": "eagles" }]));
    change(plane, &vpc, &retagged, &["/Tags/0/Value"]).await;
    for live in [&endpoint, &association, &route, &table, &attached, &internet, &group, &subnet, &vpc] {
        delete(plane, live).await;
    }
}

#[tokio::test]
async fn roles_and_the_trust_in_an_identity_provider() {
    let Some(moto) = moto::start() else { return };
    let plane = plane(&moto).await;
    let plane = plane.as_ref();
    let trust = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "Service": "ecs-tasks.amazonaws.com" }, "Action": "sts:AssumeRole" },
    ] });
    let policy = |action: &str| json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": action, "Resource": "*" }] });
    let role_wanted = wanted(
        "AWS::IAM::Role",
        "role",
        json!({
            "RoleName": "owls-gateway", "Description": "At work", "AssumeRolePolicyDocument": trust,
            "Policies": [{ "PolicyName": "read", "PolicyDocument": policy("s3:GetObject") }],
            "Tags": [{ "Key": "team", "Value": "owls" }],
        }),
    );
    let role = make(plane, &role_wanted, 1).await;
    assert_eq!(role.owner.as_ref(), Some(&role_wanted.owner));
    seen(plane, &role_wanted, &role).await;
    // The second call of one intent finds its own work and completes it.
    make(plane, &role_wanted, 1).await;
    // Another's role of this name is left alone.
    let mut strange = role_wanted.clone();
    strange.owner.project = "eagles".to_owned();
    assert_eq!(plane.create(&strange, &token(2)).await.expect_err("taken").kind, FailureKind::Exists);
    let other = with(&role_wanted, |properties| {
        properties["Description"] = json!("Still at work");
        properties["Policies"] = json!([{ "PolicyName": "write", "PolicyDocument": policy("s3:PutObject") }]);
    });
    let role = change(plane, &role, &other, &["/Description", "/Policies/0/PolicyName"]).await;
    if let Some(told) = moto.aws(&["iam", "list-role-policies", "--role-name", "owls-gateway"]) {
        assert_eq!(told["PolicyNames"], json!(["write"]));
    }
    delete(plane, &role).await;

    let provider_wanted = wanted(
        "AWS::IAM::OIDCProvider",
        "provider",
        json!({ "Url": "https://token.actions.githubusercontent.com", "ClientIdList": ["sts.amazonaws.com"] }),
    );
    let provider = make(plane, &provider_wanted, 3).await;
    seen(plane, &provider_wanted, &provider).await;
    let more = with(&provider_wanted, |properties| properties["ClientIdList"] = json!(["sts.amazonaws.com", "other"]));
    let provider = change(plane, &provider, &more, &["/ClientIdList/1"]).await;
    delete(plane, &provider).await;
}

#[tokio::test]
async fn a_zone_and_its_records() {
    let Some(moto) = moto::start() else { return };
    let plane = plane(&moto).await;
    let plane = plane.as_ref();
    let zone_wanted = wanted(
        "AWS::Route53::HostedZone",
        "zone",
        json!({ "Name": "owls.example.org", "HostedZoneConfig": { "Comment": "kept" } }),
    );
    let zone = make(plane, &zone_wanted, 1).await;
    assert_eq!(zone.owner.as_ref(), Some(&zone_wanted.owner));
    assert!(zone.properties["NameServers"].as_array().is_some_and(|names| !names.is_empty()));
    seen(plane, &zone_wanted, &zone).await;
    let record_wanted = wanted(
        "AWS::Route53::RecordSet",
        "record",
        json!({
            "HostedZoneId": zone.id, "Name": "aws.owls.example.org", "Type": "A", "TTL": "30",
            "ResourceRecords": ["192.0.2.1", "192.0.2.2"],
        }),
    );
    let record = make(plane, &record_wanted, 2).await;
    seen(plane, &record_wanted, &record).await;
    assert_eq!(plane.create(&record_wanted, &token(3)).await.expect_err("taken").kind, FailureKind::Exists);
    let moved = with(&record_wanted, |properties| properties["ResourceRecords"] = json!(["192.0.2.3"]));
    let record = change(plane, &record, &moved, &["/ResourceRecords/0"]).await;
    if let Some(told) = moto.aws(&["route53", "list-resource-record-sets", "--hosted-zone-id", &zone.id]) {
        let sets = told["ResourceRecordSets"].as_array().expect("sets");
        let found = sets.iter().find(|set| set["Name"] == "aws.owls.example.org.").expect("the record");
        assert_eq!(found["ResourceRecords"], json!([{ "Value": "192.0.2.3" }]));
    }
    let alias_wanted = wanted(
        "AWS::Route53::RecordSet",
        "alias",
        json!({
            "HostedZoneId": zone.id, "Name": "*.owls.example.org", "Type": "A",
            "AliasTarget": {
                "DNSName": "door.elb.eu-central-1.amazonaws.com", "HostedZoneId": "Z3F0SRJ5LGBH90",
                "EvaluateTargetHealth": true,
            },
        }),
    );
    let alias = make(plane, &alias_wanted, 4).await;
    seen(plane, &alias_wanted, &alias).await;
    delete(plane, &record).await;
    // A zone with records in it goes only with the consent to lose them.
    let refused = plane.delete(&zone, false, &token(5)).await.expect_err("records are in it");
    assert_eq!(refused.kind, FailureKind::Protected, "{refused}");
    plane.delete(&zone, true, &token(5)).await.expect("with consent");
    assert_eq!(plane.read(&zone.kind, "global", &zone.id).await.expect_err("gone").kind, FailureKind::NotFound);
}
