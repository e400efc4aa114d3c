//! The rules of a security group, in the shape of the schema and in that of the calls.

use serde_json::{Map, Value, json};

use crate::cloud::{
    aws::{
        call::{Form, Wire},
        endpoint::EC2,
        xml::Element,
    },
    control::Failure,
};

pub(super) const INGRESS: &str = "SecurityGroupIngress";
pub(super) const EGRESS: &str = "SecurityGroupEgress";

/// A kind of peer: the property of a rule that comes in, of one that goes out, the list in an answer, the element in it,
/// and the parameter of a call.
const PEERS: [(&str, &str, &str, &str, &str); 4] = [
    ("CidrIp", "CidrIp", "ipRanges", "cidrIp", "IpRanges.1.CidrIp"),
    ("CidrIpv6", "CidrIpv6", "ipv6Ranges", "cidrIpv6", "Ipv6Ranges.1.CidrIpv6"),
    ("SourceSecurityGroupId", "DestinationSecurityGroupId", "groups", "groupId", "Groups.1.GroupId"),
    ("SourcePrefixListId", "DestinationPrefixListId", "prefixListIds", "prefixListId", "PrefixListIds.1.PrefixListId"),
];

/// Puts the rules of a group into its properties: one rule for each peer, as the schema has them.
pub(super) fn read(element: &Element, own: &str, properties: &mut Map<String, Value>) {
    for (property, set, outward) in [(INGRESS, "ipPermissions", false), (EGRESS, "ipPermissionsEgress", true)] {
        let mut rules = Vec::new();
        for permission in element.items(set, "item") {
            for (inward_name, outward_name, list, id, _) in PEERS {
                for peer in permission.items(list, "item") {
                    let Some(found) = peer.text_at(id) else { continue };
                    let mut rule = json!({ "IpProtocol": permission.text_at("ipProtocol").unwrap_or("-1") });
                    for (name, path) in [("FromPort", "fromPort"), ("ToPort", "toPort")] {
                        if let Some(port) = permission.text_at(path).and_then(|text| text.parse::<i64>().ok()) {
                            rule[name] = Value::from(port);
                        }
                    }
                    let name = if outward { outward_name } else { inward_name };
                    // The answer to a creation does not know the group's own id yet.
                    rule[name] = Value::from(if found.is_empty() { own } else { found });
                    if let Some(text) = peer.text_at("description") {
                        rule["Description"] = Value::from(text);
                    }
                    rules.push(rule);
                }
            }
        }
        if !rules.is_empty() {
            properties.insert(property.to_owned(), Value::Array(rules));
        }
    }
}

/// The rules of a group that was just made.
pub(super) fn fresh() -> Value {
    json!({ EGRESS: [{ "IpProtocol": "-1", "CidrIp": "0.0.0.0/0" }] })
}

/// What makes a rule what it is, without its description.
fn essence(rule: &Value) -> Value {
    let mut rule = rule.clone();
    if let Some(map) = rule.as_object_mut() {
        map.remove("Description");
        map.remove("SourceSecurityGroupOwnerId");
        if let Some(protocol) = map.get("IpProtocol") {
            let text = protocol.as_str().map_or_else(|| protocol.to_string(), str::to_owned);
            let word = match text.as_str() {
                "6" => "tcp",
                "17" => "udp",
                "1" => "icmp",
                other => other,
            };
            if word == "-1" {
                map.remove("FromPort");
                map.remove("ToPort");
            }
            let word = Value::from(word);
            map.insert("IpProtocol".to_owned(), word);
        }
    }
    rule
}

fn of<'a>(properties: &'a Value, name: &str) -> &'a [Value] {
    properties.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Makes the rules of a group those of the template. Added first, then taken away, so that what goes on is never cut.
pub(super) async fn settle(wire: &Wire, region: &str, id: &str, live: &Value, wanted: &Value) -> Result<(), Failure> {
    for (property, direction) in [(INGRESS, "Ingress"), (EGRESS, "Egress")] {
        if wanted.get(property).is_none() {
            continue;
        }
        let (have, want) = (of(live, property), of(wanted, property));
        let absent = |rule: &&Value, among: &[Value]| !among.iter().any(|other| essence(other) == essence(rule));
        let add: Vec<&Value> = want.iter().filter(|rule| absent(rule, have)).collect();
        let remove: Vec<&Value> = have.iter().filter(|rule| absent(rule, want)).collect();
        for (action, rules) in [("Authorize", add), ("Revoke", remove)] {
            if !rules.is_empty() {
                let form = form(id, &rules, property == EGRESS);
                wire.query(EC2, region, &format!("{action}SecurityGroup{direction}"), &form).await?;
            }
        }
        let reworded: Vec<&Value> = want
            .iter()
            .filter(|rule| {
                have.iter()
                    .any(|other| essence(other) == essence(rule) && other.get("Description") != rule.get("Description"))
            })
            .collect();
        if !reworded.is_empty() {
            let form = form(id, &reworded, property == EGRESS);
            wire.query(EC2, region, &format!("UpdateSecurityGroupRuleDescriptions{direction}"), &form).await?;
        }
    }
    Ok(())
}

fn form(id: &str, rules: &[&Value], outward: bool) -> Form {
    let mut form = Form::new().with("GroupId", id);
    for (index, rule) in rules.iter().enumerate() {
        let prefix = format!("IpPermissions.{}", index + 1);
        let essence = essence(rule);
        for name in ["IpProtocol", "FromPort", "ToPort"] {
            form = form.with_some(&format!("{prefix}.{name}"), essence.get(name));
        }
        for (inward_name, outward_name, _, _, parameter) in PEERS {
            let peer = rule.get(if outward { outward_name } else { inward_name });
            if peer.is_some() {
                form = form.with_some(&format!("{prefix}.{parameter}"), peer);
                let (list, _) = parameter.rsplit_once('.').unwrap_or((parameter, ""));
                form = form.with_some(&format!("{prefix}.{list}.Description"), rule.get("Description"));
            }
        }
    }
    form
}
