//! How each slow type is found again, and where it bears its tags.

use serde_json::Value;

use crate::cloud::aws::native::text;

/// How the identifier of a resource follows from what is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Find {
    /// It is this property.
    Name(&'static str),
    /// It is this property in small letters: the service writes it so.
    SmallName(&'static str),
    /// It is these properties, with `|` between them.
    Joined(&'static [&'static str]),
    /// It is an ARN made from this pattern, in which `{partition}`, `{region}`, `{account}` and `{/Property}` are replaced.
    Arn(&'static str),
    /// It is the one in the list that holds this pattern, the newest if there are several.
    Holding(&'static str),
    /// It is the one in the list that is equal in these properties.
    Equal(&'static [&'static str]),
    /// It is the one in the list with the owner's marks.
    Marks,
}

/// What is known of a slow type here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// The property of its tags; `None` where it bears none.
    pub(super) tags: Option<&'static str>,
    /// How it is found.
    pub(super) find: Find,
    /// The list needs a model: of what in it comes from another list.
    pub(super) within: Option<Within>,
}

/// What a list needs to be told.
#[derive(Clone, Copy, Debug)]
pub(super) enum Within {
    /// A fixed model.
    Model(&'static str, &'static str),
    /// One list for each resource of another type, whose identifier goes into this property.
    Each(&'static str, &'static str),
}

/// What is known of a type; of others that they bear `Tags`.
pub(super) fn of(kind: &str) -> Kind {
    let plain = |find| Kind { tags: Some("Tags"), find, within: None };
    let bare = |find| Kind { tags: None, find, within: None };
    match kind {
        "AWS::RDS::DBInstance" => plain(Find::SmallName("DBInstanceIdentifier")),
        "AWS::RDS::DBSubnetGroup" => plain(Find::SmallName("DBSubnetGroupName")),
        "AWS::RDS::DBParameterGroup" => plain(Find::SmallName("DBParameterGroupName")),
        "AWS::ECS::Cluster" => plain(Find::Name("ClusterName")),
        "AWS::ECS::TaskDefinition" => plain(Find::Holding(":task-definition/{/Family}:")),
        "AWS::ECS::Service" => {
            plain(Find::Arn("arn:{partition}:ecs:{region}:{account}:service/{/Cluster}/{/ServiceName}|{/Cluster}"))
        }
        "AWS::ECR::Repository" => plain(Find::Name("RepositoryName")),
        "AWS::ElasticLoadBalancingV2::LoadBalancer" => plain(Find::Holding("/{/Name}/")),
        "AWS::ElasticLoadBalancingV2::TargetGroup" => plain(Find::Holding(":targetgroup/{/Name}/")),
        "AWS::ElasticLoadBalancingV2::Listener" => Kind {
            tags: Some("Tags"),
            find: Find::Equal(&["LoadBalancerArn", "Port"]),
            within: Some(Within::Each("LoadBalancerArn", "AWS::ElasticLoadBalancingV2::LoadBalancer")),
        },
        "AWS::ApplicationAutoScaling::ScalableTarget" => {
            plain(Find::Joined(&["ResourceId", "ScalableDimension", "ServiceNamespace"]))
        }
        "AWS::ApplicationAutoScaling::ScalingPolicy" => Kind {
            tags: None,
            find: Find::Equal(&["PolicyName", "ResourceId", "ScalableDimension"]),
            within: Some(Within::Model("ServiceNamespace", "ecs")),
        },
        "AWS::KMS::Alias" => bare(Find::Name("AliasName")),
        "AWS::SecretsManager::Secret" => plain(Find::Holding(":secret:{/Name}-")),
        "AWS::SecretsManager::RotationSchedule" => bare(Find::Name("SecretId")),
        "AWS::CloudWatch::Alarm" => plain(Find::Name("AlarmName")),
        "AWS::SNS::Topic" => plain(Find::Arn("arn:{partition}:sns:{region}:{account}:{/TopicName}")),
        "AWS::SNS::Subscription" => bare(Find::Equal(&["TopicArn", "Protocol", "Endpoint"])),
        "AWS::Logs::LogGroup" => plain(Find::Name("LogGroupName")),
        "AWS::Budgets::Budget" => {
            Kind { tags: Some("ResourceTags"), find: Find::Equal(&["Budget/BudgetName"]), within: None }
        }
        // AWS::KMS::Key among them: a key has no name.
        _ => plain(Find::Marks),
    }
}

/// A pattern with its places filled.
pub(super) fn fill(pattern: &str, properties: &Value, places: [(&str, &str); 3]) -> String {
    let mut text = pattern.to_owned();
    for (name, value) in places {
        text = text.replace(&format!("{{{name}}}"), value);
    }
    while let Some((before, rest)) = text.split_once("{/") {
        let Some((name, after)) = rest.split_once('}') else { break };
        // A cluster may be given by its ARN, and the name is what counts.
        let value = self::text(properties, name);
        let value =
            if name == "Cluster" && !after.is_empty() { value.rsplit('/').next().unwrap_or(value) } else { value };
        text = format!("{before}{value}{after}");
    }
    text
}

/// Whether two objects are equal at all these places.
pub(super) fn equal(wanted: &Value, found: &Value, places: &[&str]) -> bool {
    places.iter().all(|place| {
        let pointer = format!("/{place}");
        let (want, have) = (wanted.pointer(&pointer), found.pointer(&pointer));
        let as_text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        want.map(as_text) == have.map(as_text)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_arn_is_made_from_what_is_wanted() {
        let Find::Arn(pattern) = of("AWS::ECS::Service").find else { panic!("a service has an ARN") };
        let cluster = "arn:aws:ecs:eu-central-1:1:cluster/wild";
        let properties = json!({ "Cluster": cluster, "ServiceName": "gateway" });
        let places = [("partition", "aws"), ("region", "eu-central-1"), ("account", "1")];
        assert_eq!(
            fill(pattern, &properties, places),
            format!("arn:aws:ecs:eu-central-1:1:service/wild/gateway|{cluster}")
        );
    }
}
