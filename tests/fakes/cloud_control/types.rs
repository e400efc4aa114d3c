//! What the schemas do not say: which names may stand once only, who needs whom, and what the services add.

use serde_json::{Value, json};

/// Properties that together may stand once in an account and region, beside the identifier.
pub(super) fn unique(kind: &str) -> &'static [&'static str] {
    match kind {
        "AWS::ElasticLoadBalancingV2::LoadBalancer" | "AWS::ElasticLoadBalancingV2::TargetGroup" => &["/Name"],
        "AWS::ElasticLoadBalancingV2::Listener" => &["/LoadBalancerArn", "/Port"],
        "AWS::SecretsManager::Secret" => &["/Name"],
        "AWS::SNS::Topic" => &["/TopicName"],
        "AWS::SNS::Subscription" => &["/TopicArn", "/Endpoint"],
        "AWS::ECS::Service" => &["/Cluster", "/ServiceName"],
        "AWS::Budgets::Budget" => &["/Budget/BudgetName"],
        "AWS::ApplicationAutoScaling::ScalingPolicy" => &["/ResourceId", "/PolicyName"],
        _ => &[],
    }
}

/// What must stand before: the pointer, the type, and the property that holds the same (empty: the id).
pub(super) fn needs(kind: &str) -> &'static [(&'static str, &'static str, &'static str)] {
    match kind {
        "AWS::RDS::DBInstance" => &[
            ("/DBSubnetGroupName", "AWS::RDS::DBSubnetGroup", ""),
            ("/DBParameterGroupName", "AWS::RDS::DBParameterGroup", ""),
        ],
        "AWS::KMS::Alias" => &[("/TargetKeyId", "AWS::KMS::Key", "")],
        "AWS::ECS::Service" => &[
            ("/Cluster", "AWS::ECS::Cluster", ""),
            ("/TaskDefinition", "AWS::ECS::TaskDefinition", ""),
            ("/LoadBalancers/*/TargetGroupArn", "AWS::ElasticLoadBalancingV2::TargetGroup", ""),
            // A target group without a listener cannot be used by a service.
            (
                "/LoadBalancers/*/TargetGroupArn",
                "AWS::ElasticLoadBalancingV2::Listener",
                "/DefaultActions/0/TargetGroupArn",
            ),
        ],
        "AWS::ElasticLoadBalancingV2::Listener" => &[
            ("/LoadBalancerArn", "AWS::ElasticLoadBalancingV2::LoadBalancer", ""),
            ("/DefaultActions/*/TargetGroupArn", "AWS::ElasticLoadBalancingV2::TargetGroup", ""),
        ],
        "AWS::ApplicationAutoScaling::ScalableTarget" => &[("/ResourceId", "AWS::ECS::Service", "resource")],
        "AWS::ApplicationAutoScaling::ScalingPolicy" => {
            &[("/ResourceId", "AWS::ApplicationAutoScaling::ScalableTarget", "/ResourceId")]
        }
        "AWS::SNS::Subscription" => &[("/TopicArn", "AWS::SNS::Topic", "")],
        "AWS::SecretsManager::RotationSchedule" => &[("/SecretId", "AWS::SecretsManager::Secret", "")],
        _ => &[],
    }
}

/// What a list must be told.
pub(super) fn list_model(kind: &str) -> Option<&'static str> {
    match kind {
        "AWS::ElasticLoadBalancingV2::Listener" => Some("LoadBalancerArn"),
        "AWS::ApplicationAutoScaling::ScalingPolicy" => Some("ServiceNamespace"),
        _ => None,
    }
}

/// A part of an identifier that the service makes up: `pointer` of the schema's identifier.
pub(super) fn made_up(
    kind: &str,
    pointer: &str,
    region: &str,
    account: &str,
    properties: &Value,
    number: u64,
) -> String {
    let name = |pointer: &str| properties.pointer(pointer).and_then(Value::as_str).unwrap_or("made-up").to_owned();
    let arn = |service: &str, rest: String| format!("arn:aws:{service}:{region}:{account}:{rest}");
    let suffix = format!("{number:06x}");
    match (kind, pointer) {
        ("AWS::ECS::TaskDefinition", _) => arn("ecs", format!("task-definition/{}:{number}", name("/Family"))),
        ("AWS::ECS::Service", "/ServiceArn") => {
            let cluster = name("/Cluster");
            let cluster = cluster.rsplit('/').next().unwrap_or_default();
            arn("ecs", format!("service/{cluster}/{}", name("/ServiceName")))
        }
        ("AWS::ElasticLoadBalancingV2::LoadBalancer", _) => {
            arn("elasticloadbalancing", format!("loadbalancer/net/{}/{suffix}", name("/Name")))
        }
        ("AWS::ElasticLoadBalancingV2::TargetGroup", _) => {
            arn("elasticloadbalancing", format!("targetgroup/{}/{suffix}", name("/Name")))
        }
        ("AWS::ElasticLoadBalancingV2::Listener", _) => arn("elasticloadbalancing", format!("listener/net/{suffix}")),
        ("AWS::ApplicationAutoScaling::ScalingPolicy", _) => arn(
            "autoscaling",
            format!("scalingPolicy:{suffix}:resource/ecs/{}:policyName/{}", name("/ResourceId"), name("/PolicyName")),
        ),
        ("AWS::SecretsManager::Secret", _) => arn("secretsmanager", format!("secret:{}-{suffix}", name("/Name"))),
        ("AWS::SecretsManager::RotationSchedule", _) => name("/SecretId"),
        ("AWS::SNS::Topic", _) => arn("sns", name("/TopicName")),
        ("AWS::SNS::Subscription", _) => format!("{}:{suffix}", name("/TopicArn")),
        ("AWS::KMS::Key", _) => format!("00000000-0000-4000-8000-{number:012x}"),
        ("AWS::CertificateManager::Certificate", _) => arn("acm", format!("certificate/{suffix}")),
        ("AWS::Budgets::Budget", _) => name("/Budget/BudgetName"),
        _ => format!("{}-{suffix}", kind.rsplit("::").next().unwrap_or_default().to_lowercase()),
    }
}

/// What the service tells beyond what was set: read-only attributes and defaults. What was set wins over a default.
pub(super) fn told(kind: &str, id: &str, region: &str, account: &str, set: &Value) -> Value {
    let text = |pointer: &str| set.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let arn = |service: &str, rest: &str| format!("arn:aws:{service}:{region}:{account}:{rest}");
    match kind {
        "AWS::RDS::DBInstance" => json!({
            "DBInstanceArn": arn("rds", &format!("db:{id}")),
            "Endpoint": { "Address": format!("{id}.fake.{region}.rds.amazonaws.com"), "Port": "5432" },
            "DbiResourceId": "db-FAKE",
            "Port": "5432",
            "EngineVersion": if text("/EngineVersion") == "17" { "17.6".to_owned() } else { text("/EngineVersion") },
            "DBInstanceIdentifier": text("/DBInstanceIdentifier").to_lowercase(),
            "MasterUserSecret": { "SecretArn": arn("secretsmanager", &format!("secret:rds!{id}")) },
            "MonitoringInterval": 0,
        }),
        "AWS::RDS::DBSubnetGroup" => json!({ "DBSubnetGroupArn": arn("rds", &format!("subgrp:{id}")) }),
        "AWS::RDS::DBParameterGroup" => json!({ "DBParameterGroupArn": arn("rds", &format!("pg:{id}")) }),
        "AWS::ECS::Cluster" => json!({
            "Arn": arn("ecs", &format!("cluster/{id}")),
            "ClusterSettings": [{ "Name": "containerInsights", "Value": "disabled" }],
        }),
        "AWS::ECS::TaskDefinition" => json!({ "TaskDefinitionArn": id }),
        "AWS::ECS::Service" => json!({
            "ServiceArn": id.split('|').next(), "Name": text("/ServiceName"), "PlatformVersion": "LATEST",
        }),
        "AWS::ECR::Repository" => json!({
            "Arn": arn("ecr", &format!("repository/{id}")),
            "RepositoryUri": format!("{account}.dkr.ecr.{region}.amazonaws.com/{id}"),
        }),
        "AWS::ElasticLoadBalancingV2::LoadBalancer" => json!({
            "LoadBalancerArn": id,
            "LoadBalancerName": text("/Name"),
            "LoadBalancerFullName": id.split("loadbalancer/").nth(1),
            "DNSName": format!("{}.elb.{region}.amazonaws.com", text("/Name")),
            "CanonicalHostedZoneID": "Z0000000FAKE",
            "IpAddressType": "ipv4",
        }),
        "AWS::ElasticLoadBalancingV2::TargetGroup" => json!({
            "TargetGroupArn": id,
            "TargetGroupName": text("/Name"),
            "TargetGroupFullName": id.split(':').next_back(),
            "HealthCheckPort": "traffic-port",
        }),
        "AWS::ElasticLoadBalancingV2::Listener" => json!({ "ListenerArn": id }),
        "AWS::ApplicationAutoScaling::ScalableTarget" => json!({ "Id": id }),
        "AWS::ApplicationAutoScaling::ScalingPolicy" => json!({ "Arn": id.split('|').next() }),
        "AWS::KMS::Key" => json!({
            "KeyId": id, "Arn": arn("kms", &format!("key/{id}")), "Enabled": true, "KeySpec": "SYMMETRIC_DEFAULT",
        }),
        "AWS::SecretsManager::Secret"
        | "AWS::SecretsManager::RotationSchedule"
        | "AWS::Budgets::Budget"
        | "AWS::CertificateManager::Certificate" => json!({ "Id": id }),
        "AWS::CloudWatch::Alarm" => {
            json!({ "Arn": arn("cloudwatch", &format!("alarm:{id}")), "ActionsEnabled": true })
        }
        "AWS::SNS::Topic" => json!({ "TopicArn": id }),
        "AWS::SNS::Subscription" => json!({ "Arn": id }),
        "AWS::Logs::LogGroup" => json!({ "Arn": arn("logs", &format!("log-group:{id}:*")) }),
        _ => json!({}),
    }
}
