//! The slow types against the fake of Cloud Control: every type is made, read, located, changed and deleted, nothing is
//! made twice, and nothing is sent that the schemas do not allow.

use serde_json::{Value, json};
use wildcam::{
    cloud::{
        control::{ControlPlane, FailureKind, Live, Step, Wanted},
        rules::Rules,
    },
    project::{Provider, Secret},
};

use crate::{
    fakes::cloud_control::{self, Fake, Fault, Seed},
    plane::{REGION, changes, finish, make, on, settle, token, wanted},
};

/// One type with what it needs: its properties, and a change that is allowed.
struct Case {
    kind: &'static str,
    name: &'static str,
    properties: Value,
    change: Option<(&'static str, Value)>,
}

fn case(kind: &'static str, name: &'static str, properties: Value, change: Option<(&'static str, Value)>) -> Case {
    Case { kind, name, properties, change }
}

/// All types, in an order in which each finds what it needs. `{NAME}` stands for the id of another.
#[expect(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<Case> {
    vec![
        case(
            "AWS::KMS::Key",
            "key",
            json!({ "Description": "a key", "EnableKeyRotation": true, "PendingWindowInDays": 30 }),
            Some(("/Description", json!("the key"))),
        ),
        case("AWS::KMS::Alias", "alias", json!({ "AliasName": "alias/owls", "TargetKeyId": "{key}" }), None),
        case(
            "AWS::SecretsManager::Secret",
            "secret",
            json!({ "Name": "owls/online", "Description": "a key", "SecretString": { "$secret": "env:ONLINE" } }),
            Some(("/Description", json!("the key"))),
        ),
        case(
            "AWS::RDS::DBSubnetGroup",
            "place",
            json!({ "DBSubnetGroupName": "Owls", "DBSubnetGroupDescription": "two zones", "SubnetIds": ["a", "b"] }),
            Some(("/DBSubnetGroupDescription", json!("both zones"))),
        ),
        case(
            "AWS::RDS::DBParameterGroup",
            "settings",
            json!({
                "DBParameterGroupName": "owls-pg17", "Description": "TLS", "Family": "postgres17",
                "Parameters": { "rds.force_ssl": "1" },
            }),
            Some(("/Parameters", json!({ "rds.force_ssl": "1", "rds.logical_replication": "1" }))),
        ),
        case(
            "AWS::RDS::DBInstance",
            "server",
            json!({
                "DBInstanceIdentifier": "owls", "Engine": "postgres", "EngineVersion": "17",
                "DBInstanceClass": "db.t4g.small", "AllocatedStorage": "32", "DBSubnetGroupName": "{place}",
                "DBParameterGroupName": "{settings}", "MasterUsername": "wildcam", "ManageMasterUserPassword": true,
                "DeletionProtection": true, "BackupRetentionPeriod": 30,
            }),
            Some(("/AllocatedStorage", json!("64"))),
        ),
        case(
            "AWS::Logs::LogGroup",
            "log",
            json!({ "LogGroupName": "/owls", "RetentionInDays": 30 }),
            Some(("/RetentionInDays", json!(90))),
        ),
        case(
            "AWS::ECR::Repository",
            "images",
            json!({ "RepositoryName": "owls", "ImageTagMutability": "IMMUTABLE" }),
            None,
        ),
        case("AWS::ECS::Cluster", "cluster", json!({ "ClusterName": "owls" }), None),
        case(
            "AWS::ECS::TaskDefinition",
            "task",
            json!({
                "Family": "owls-gateway", "NetworkMode": "awsvpc", "RequiresCompatibilities": ["FARGATE"], "Cpu": "256",
                "Memory": "512", "ContainerDefinitions": [{ "Name": "gateway", "Image": "i@sha256:0" }],
            }),
            None,
        ),
        case(
            "AWS::ElasticLoadBalancingV2::LoadBalancer",
            "door",
            json!({ "Name": "owls", "Type": "network", "Scheme": "internet-facing", "Subnets": ["a", "b"] }),
            None,
        ),
        case(
            "AWS::ElasticLoadBalancingV2::TargetGroup",
            "targets",
            json!({ "Name": "owls", "TargetType": "ip", "Protocol": "TCP", "Port": 8443, "VpcId": "vpc-1" }),
            Some(("/HealthCheckPath", json!("/api/health"))),
        ),
        case(
            "AWS::ElasticLoadBalancingV2::Listener",
            "listener",
            json!({
                "LoadBalancerArn": "{door}", "Port": 443, "Protocol": "TCP",
                "DefaultActions": [{ "Type": "forward", "TargetGroupArn": "{targets}" }],
            }),
            None,
        ),
        case(
            "AWS::ECS::Service",
            "service",
            json!({
                "ServiceName": "gateway", "Cluster": "{cluster}", "TaskDefinition": "{task}", "DesiredCount": 1,
                "LaunchType": "FARGATE",
                "LoadBalancers": [{ "ContainerName": "gateway", "ContainerPort": 8443, "TargetGroupArn": "{targets}" }],
            }),
            Some(("/DesiredCount", json!(2))),
        ),
        case(
            "AWS::ApplicationAutoScaling::ScalableTarget",
            "limits",
            json!({
                "ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount",
                "ResourceId": "service/owls/gateway", "MinCapacity": 1, "MaxCapacity": 2,
            }),
            Some(("/MaxCapacity", json!(4))),
        ),
        case(
            "AWS::ApplicationAutoScaling::ScalingPolicy",
            "busy",
            json!({
                "PolicyName": "busy", "PolicyType": "TargetTrackingScaling", "ServiceNamespace": "ecs",
                "ScalableDimension": "ecs:service:DesiredCount", "ResourceId": "service/owls/gateway",
                "TargetTrackingScalingPolicyConfiguration": { "TargetValue": 60 },
            }),
            Some(("/TargetTrackingScalingPolicyConfiguration/TargetValue", json!(70))),
        ),
        case(
            "AWS::SNS::Topic",
            "channel",
            json!({ "TopicName": "owls-alarms" }),
            Some(("/DisplayName", json!("owls"))),
        ),
        case(
            "AWS::SNS::Subscription",
            "mail",
            json!({ "TopicArn": "{channel}", "Protocol": "email", "Endpoint": "ada@example.org" }),
            None,
        ),
        case(
            "AWS::CloudWatch::Alarm",
            "alarm",
            json!({
                "AlarmName": "owls-unwell", "Namespace": "AWS/NetworkELB", "MetricName": "UnHealthyHostCount",
                "Statistic": "Maximum", "ComparisonOperator": "GreaterThanThreshold", "Threshold": 0, "Period": 60,
                "EvaluationPeriods": 3, "AlarmActions": ["{channel}"],
            }),
            Some(("/EvaluationPeriods", json!(5))),
        ),
        case(
            "AWS::Budgets::Budget",
            "month",
            json!({ "Budget": {
                "BudgetName": "owls", "BudgetType": "COST", "TimeUnit": "MONTHLY",
                "BudgetLimit": { "Amount": 50, "Unit": "USD" },
            } }),
            Some(("/Budget/BudgetLimit/Amount", json!(80))),
        ),
        case(
            "AWS::CertificateManager::Certificate",
            "certificate",
            json!({ "DomainName": "aws.owls.example.org", "ValidationMethod": "DNS" }),
            None,
        ),
    ]
}

fn filled(properties: &Value, made: &[(&'static str, Live)]) -> Value {
    match properties {
        Value::String(text) => {
            let found = made.iter().find(|(name, _)| *text == format!("{{{name}}}"));
            found.map_or_else(|| properties.clone(), |(_, live)| Value::from(live.id.as_str()))
        }
        Value::Array(items) => items.iter().map(|item| filled(item, made)).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), filled(value, made))).collect(),
        other => other.clone(),
    }
}

fn with_secret(mut wanted: Wanted) -> Wanted {
    if wanted.properties.get("SecretString").is_some() {
        wanted.secrets.insert("/SecretString".to_owned(), Secret::new("sesame".to_owned()));
    }
    wanted
}

#[tokio::test]
async fn every_slow_type_lives_its_life() {
    let fake = cloud_control::start(Seed::default());
    let plane = on(&fake).await;
    let plane = plane.as_ref();
    let mut made: Vec<(&'static str, Live)> = Vec::new();
    let cases = cases();
    for (number, case) in (1..).zip(&cases) {
        let wanted = with_secret(wanted(case.kind, case.name, filled(&case.properties, &made)));
        assert_eq!(plane.locate(&wanted).await.unwrap_or_else(|failure| panic!("{}: {failure}", case.kind)), None);
        let live = make(plane, &wanted, number).await;
        let located = plane.locate(&wanted).await.unwrap_or_else(|failure| panic!("{}: {failure}", case.kind));
        assert_eq!(located.as_ref(), Some(&live), "{}", case.kind);
        let listed = plane.list(case.kind, &wanted.region).await.unwrap_or_else(|failure| panic!("{failure}"));
        assert!(listed.iter().any(|one| one.id == live.id), "{} is not in {listed:?}", live.id);
        let bears_tags = !matches!(
            case.kind,
            "AWS::KMS::Alias" | "AWS::SNS::Subscription" | "AWS::ApplicationAutoScaling::ScalingPolicy"
        );
        assert_eq!(live.owner.is_some(), bears_tags, "{}", case.kind);
        let live = match &case.change {
            None => live,
            Some((pointer, value)) => {
                let mut other = wanted.clone();
                if let Some(place) = other.properties.pointer_mut(pointer) {
                    *place = value.clone();
                } else {
                    other.properties[pointer.trim_start_matches('/')] = value.clone();
                }
                let changed = changes(&live, &other, &[pointer]);
                let step = plane.update(&live, &other, &changed, &token(100 + number)).await;
                let step = step.unwrap_or_else(|failure| panic!("{}: {failure}", case.kind));
                let after = settle(plane, &other, step).await.unwrap_or_else(|failure| panic!("{failure}"));
                assert_eq!(after.properties.pointer(pointer), Some(value), "{}", case.kind);
                assert_eq!(after.owner, live.owner, "the marks stay");
                after
            }
        };
        made.push((case.name, live));
    }
    // What is write-only survives a change of something else.
    assert_eq!(fake.one("AWS::SecretsManager::Secret", "owls/online").properties["SecretString"], "sesame");
    assert!(made.iter().all(|(_, live)| !live.properties.to_string().contains("sesame")));
    for (number, (_, live)) in (200..).zip(made.iter().rev()) {
        let empty = live.properties.get("DeletionProtection").is_some();
        let step = plane
            .delete(live, empty, &token(number))
            .await
            .unwrap_or_else(|failure| panic!("{}: {failure}", live.kind));
        finish(plane, step).await.unwrap_or_else(|failure| panic!("{}: {failure}", live.kind));
    }
    assert_eq!(fake.resources(), Vec::new());
    assert_eq!(fake.refused(), Vec::<String>::new());
    assert!(fake.creations().values().all(|count| *count == 1), "{:?}", fake.creations());
    let slow = Rules::of(Provider::Aws).types.iter().filter(|(_, rules)| rules.route == "cloud-control");
    let untried: Vec<&String> =
        slow.map(|(kind, _)| kind).filter(|kind| !cases.iter().any(|case| case.kind == *kind)).collect();
    assert_eq!(untried, ["AWS::SecretsManager::RotationSchedule"]);
}

fn cluster() -> Wanted {
    wanted("AWS::ECS::Cluster", "cluster", json!({ "ClusterName": "owls" }))
}

async fn twice(fake: &Fake, plane: &dyn ControlPlane, wanted: &Wanted) {
    let first = plane.create(wanted, &token(1)).await;
    let second = plane.create(wanted, &token(1)).await.expect("the same again");
    if let Ok(first) = first {
        let handle = |step: &Step| match step {
            Step::Pending(pending) => Some(pending.handle.clone()),
            Step::Done { .. } => None,
        };
        assert_eq!(handle(&first), handle(&second), "one operation");
    }
    settle(plane, wanted, second).await.expect("it ends");
    assert!(fake.creations().values().all(|count| *count == 1), "{:?}", fake.creations());
}

#[tokio::test]
async fn a_second_call_under_one_token_is_the_first() {
    let fake = cloud_control::start(Seed::default());
    let plane = on(&fake).await;
    twice(&fake, plane.as_ref(), &cluster()).await;
    // Even a key, which has no name to find it by, and even when the answer was lost.
    let fake = cloud_control::start(Seed::default());
    let plane = on(&fake).await;
    fake.fail("CreateResource", Fault::Unanswered);
    let key = wanted("AWS::KMS::Key", "key", json!({ "Description": "k" }));
    let lost = plane.create(&key, &token(1)).await.expect_err("the answer is lost");
    assert_eq!(lost.kind, FailureKind::Unreachable, "{lost}");
    twice(&fake, plane.as_ref(), &key).await;
    // The token of one thing is not the token of another.
    let other = wanted("AWS::KMS::Key", "key", json!({ "Description": "another" }));
    assert_eq!(plane.create(&other, &token(1)).await.expect_err("refused").kind, FailureKind::Invalid);
}

#[tokio::test]
async fn a_try_after_a_failed_one_is_a_new_one_and_still_no_second() {
    let fake = cloud_control::start(Seed::default());
    let plane = on(&fake).await;
    let plane = plane.as_ref();
    let role = "ECS was unable to assume the role that was provided";
    fake.fail("CreateResource", Fault::Fails("InvalidRequest".to_owned(), role.to_owned()));
    let step = plane.create(&cluster(), &token(1)).await.expect("it begins");
    let failure = finish(plane, step).await.expect_err("it fails");
    assert_eq!(failure.kind, FailureKind::NotYet, "{failure}");
    // Cloud Control answers the old token with the old failure: a moment ago that is the answer.
    assert_eq!(plane.create(&cluster(), &token(1)).await.expect_err("still").kind, FailureKind::NotYet);
    fake.age_failures(10.0);
    let step = plane.create(&cluster(), &token(1)).await.expect("it begins anew");
    settle(plane, &cluster(), step).await.expect("it ends");
    let again = plane.create(&cluster(), &token(1)).await.expect("the same intent");
    assert!(matches!(again, Step::Done { .. }), "{again:?}");
    assert!(fake.creations().values().all(|count| *count == 1), "{:?}", fake.creations());
}

#[tokio::test]
async fn a_database_goes_with_consent_only_and_its_protection_first() {
    let fake = cloud_control::start(Seed::default());
    let plane = on(&fake).await;
    let plane = plane.as_ref();
    let server = wanted(
        "AWS::RDS::DBInstance",
        "server",
        json!({ "DBInstanceIdentifier": "owls", "Engine": "postgres", "DBInstanceClass": "c", "DeletionProtection": true }),
    );
    let live = make(plane, &server, 1).await;
    let refused = plane.delete(&live, false, &token(2)).await.expect_err("protected");
    assert_eq!(refused.kind, FailureKind::Protected);
    assert_eq!(fake.calls("DeleteResource"), 0);
    let Step::Pending(pending) = plane.delete(&live, true, &token(2)).await.expect("with consent") else {
        panic!("it takes time")
    };
    // Another process takes over from the journal.
    let other = on(&fake).await;
    finish(other.as_ref(), Step::Pending(pending)).await.expect("it goes");
    assert_eq!(fake.resources(), Vec::new());
}

#[tokio::test]
async fn a_repository_with_images_goes_with_consent_only() {
    let fake = cloud_control::start(Seed::default());
    let plane = on(&fake).await;
    let plane = plane.as_ref();
    let images = wanted("AWS::ECR::Repository", "images", json!({ "RepositoryName": "owls" }));
    let live = make(plane, &images, 1).await;
    fake.push_image("owls");
    let step = plane.delete(&live, false, &token(2)).await.expect("it begins");
    let refused = finish(plane, step).await.expect_err("images");
    assert_eq!(refused.kind, FailureKind::Protected, "{refused}");
    plane.delete(&live, true, &token(3)).await.expect("with consent");
    assert_eq!(fake.resources(), Vec::new());
}

#[tokio::test]
async fn what_somebody_else_made_is_found_and_taken_over_with_our_marks() {
    let fake = cloud_control::start(Seed::default());
    let plane = on(&fake).await;
    let plane = plane.as_ref();
    make(plane, &cluster(), 1).await;
    fake.tamper("AWS::ECS::Cluster", "owls", |properties| {
        properties["Tags"] = json!([{ "Key": "team", "Value": "eagles" }]);
    });
    let found = plane.locate(&cluster()).await.expect("a look").expect("it stands");
    assert_eq!(found.owner, None);
    let step = plane.create(&cluster(), &token(2)).await.expect("it begins");
    assert_eq!(finish(plane, step).await.expect_err("taken").kind, FailureKind::Exists);
    let step = plane.update(&found, &cluster(), &[], &token(3)).await.expect("adopted");
    let live = settle(plane, &cluster(), step).await.expect("read");
    assert_eq!(live.owner, Some(cluster().owner));
    assert_eq!(live.properties["Tags"], json!([{ "Key": "team", "Value": "eagles" }]), "others' tags stay");
}

#[tokio::test]
async fn the_registry_of_the_stack_lets_us_in_for_twelve_hours() {
    let fake = cloud_control::start(Seed::default());
    let plane = on(&fake).await;
    let plane = plane.as_ref();
    // Another's repository is none of ours.
    let mut theirs = wanted("AWS::ECR::Repository", "images", json!({ "RepositoryName": "theirs" }));
    theirs.owner.address = "aws/registry/images".parse().unwrap();
    theirs.owner.environment = "staging".to_owned();
    make(plane, &theirs, 1).await;
    assert!(plane.registry_login().await.unwrap().is_none(), "the stack made nothing here");
    assert_eq!(fake.calls("GetAuthorizationToken"), 0);
    let mut images = wanted("AWS::ECR::Repository", "images", json!({ "RepositoryName": "owls-aws" }));
    images.owner.address = "aws/registry/images".parse().unwrap();
    make(plane, &images, 2).await;
    let login = plane.registry_login().await.unwrap().expect("a login");
    assert_eq!(login.host, format!("123456789012.dkr.ecr.{REGION}.amazonaws.com"));
    assert_eq!((login.repository.as_str(), login.username.as_str()), ("owls-aws", "AWS"));
    assert_eq!(login.password.expose(), "a-token-for-twelve-hours");
    assert!(!format!("{login:?}").contains("twelve"));
    assert_eq!(fake.refused(), Vec::<String>::new());
}
