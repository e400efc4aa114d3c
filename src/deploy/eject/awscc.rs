//! AWS in the words of the provider `awscc`, which is generated from the same schemas: the names of types and properties
//! in other letters, documents as JSON.

use serde_json::Value;

use super::{
    hcl::{Expr, Item, Key},
    id,
    terraform::{Writer, Written, resource_block},
};
use crate::deploy::{
    graph::Resource,
    validate::schema::{Node, Schema, Type},
};

/// The region of what has none: any will do, and this one has all services.
const GLOBAL: &str = "us-east-1";

/// Words that the provider treats as one.
const ONE_WORD: [(&str, &str); 4] =
    [("CloudFormation", "Cloudformation"), ("CloudFront", "Cloudfront"), ("CloudWatch", "Cloudwatch"), ("FSx", "Fsx")];

/// Types that the provider does not have.
const MISSING: [&str; 1] = ["AWS::Budgets::Budget"];

/// The provider's name of a type: `AWS::S3::BucketPolicy` is `awscc_s3_bucket_policy`.
pub(super) fn kind(kind: &str) -> String {
    let mut parts = kind.split("::").skip(1);
    let service = parts.next().unwrap_or_default().to_lowercase();
    let name = parts.map(snake).collect::<Vec<_>>().join("_");
    format!("awscc_{service}_{name}")
}

/// An attribute, as others refer to it.
pub(super) fn attribute(resource: &Resource, path: &str) -> Option<String> {
    if MISSING.contains(&resource.kind.as_str()) {
        return None;
    }
    let schema = Schema::of(resource.provider, &resource.kind)?;
    // The provider keeps the name `id` for the whole identity.
    if path.is_empty() || path == "Id" && schema.identifier == ["/Id"] {
        return Some("id".to_owned());
    }
    let mut written = String::new();
    let mut node = schema.node(&schema.root);
    for (index, step) in path.split('.').enumerate() {
        let is_key = !node.properties.contains_key(step);
        node = schema.node(schema.child(node, step)?);
        match step.parse::<usize>() {
            Ok(number) => written.push_str(&format!("[{number}]")),
            Err(_) => {
                if index > 0 {
                    written.push('.');
                }
                written.push_str(&if is_key { step.to_owned() } else { snake(step) });
            }
        }
    }
    Some(written)
}

/// A resource.
pub(super) fn write(writer: &mut Writer<'_>, resource: &Resource) -> Result<Written, String> {
    if MISSING.contains(&resource.kind.as_str()) {
        return Err(format!("the provider awscc has no {}; it stays as it is, without Terraform", resource.kind));
    }
    let schema = Schema::of(resource.provider, &resource.kind)
        .ok_or_else(|| format!("there is no schema of {}", resource.kind))?;
    let region = if resource.region == "global" { GLOBAL } else { &resource.region };
    let alias = format!("{}_{region}", resource.address.cloud);
    let provider = writer.provider("awscc", &alias, |_| vec![Item::Attribute("region".to_owned(), Expr::text(region))]);
    let mut block = resource_block(&kind(&resource.kind), &writer.label(&resource.address), provider);
    if let Value::Object(properties) = &resource.properties {
        for (name, value) in properties {
            let node = schema.child(schema.node(&schema.root), name);
            let value = of(writer, resource, schema, node, value)?;
            block.set(&snake(name), value);
        }
    }
    let import = id(writer.state, &resource.address).map(Expr::text);
    Ok(Written { blocks: vec![block], import, further: Vec::new() })
}

fn of(
    writer: &mut Writer<'_>,
    resource: &Resource,
    schema: &Schema,
    node: Option<&Node>,
    value: &Value,
) -> Result<Expr, String> {
    let Some(node) = node.map(|node| schema.node(node)) else { return writer.plain(resource, value) };
    match value {
        Value::Object(_) if is_document(schema, node) => Ok(Expr::Json(Box::new(writer.plain(resource, value)?))),
        Value::Object(entries) => {
            let mut written = Vec::with_capacity(entries.len());
            for (key, inner) in entries {
                let child = schema.child(node, key);
                let name = if node.properties.contains_key(key) {
                    Key::Text(snake(key))
                } else {
                    writer.key(resource, key)?
                };
                written.push((name, of(writer, resource, schema, child, inner)?));
            }
            Ok(Expr::Map(written))
        }
        Value::Array(items) => {
            let inner = node.items.as_deref();
            let items = items.iter().map(|item| of(writer, resource, schema, inner, item));
            Ok(Expr::List(items.collect::<Result<_, _>>()?))
        }
        other => writer.plain(resource, other),
    }
}

/// Whether the schema lets anything stand there: the provider takes it as JSON.
fn is_document(schema: &Schema, node: &Node) -> bool {
    let free = node.additional.as_deref().is_some_and(|more| schema.node(more).is_any());
    node.is_any() || node.types.list().contains(&Type::Object) && node.properties.is_empty() && free
}

/// The provider's name of a property: `DBSubnetGroupName` is `db_subnet_group_name`, `Ipv6CidrBlock` is
/// `ipv_6_cidr_block`.
pub(super) fn snake(name: &str) -> String {
    let name = ONE_WORD.iter().fold(name.to_owned(), |name, (from, to)| name.replace(from, to));
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::with_capacity(name.len() + 8);
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|at| letters.get(at));
        let after = letters.get(index + 1);
        // The last capital of several begins the word that follows.
        let begins = letter.is_ascii_uppercase()
            && before.is_some_and(char::is_ascii_uppercase)
            && after.is_some_and(char::is_ascii_lowercase);
        if begins {
            out.push('_');
        }
        out.push(if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' });
        let ends = match after {
            Some(after) if letter.is_ascii_lowercase() => after.is_ascii_uppercase() || after.is_ascii_digit(),
            Some(after) if letter.is_ascii_digit() => after.is_ascii_alphabetic(),
            _ => false,
        };
        if ends {
            out.push('_');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_provider() {
        for (ours, theirs) in [
            ("DBSubnetGroupName", "db_subnet_group_name"),
            ("SSEAlgorithm", "sse_algorithm"),
            ("VPCZoneIdentifier", "vpc_zone_identifier"),
            ("Ipv6CidrBlock", "ipv_6_cidr_block"),
            ("S3Key", "s3_key"),
            ("CloudWatchLogsRoleArn", "cloudwatch_logs_role_arn"),
            ("KMSMasterKeyID", "kms_master_key_id"),
            ("Arn", "arn"),
        ] {
            assert_eq!(snake(ours), theirs);
        }
        assert_eq!(kind("AWS::EC2::VPCGatewayAttachment"), "awscc_ec2_vpc_gateway_attachment");
        assert_eq!(kind("AWS::ElasticLoadBalancingV2::LoadBalancer"), "awscc_elasticloadbalancingv2_load_balancer");
    }
}
