//! `AWS::Route53::RecordSet`.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::{MOST_PAGES, bare, get, plain, post, zone, zone_path};
use crate::cloud::{
    aws::{
        call::{Wire, encoded},
        native::{Native, done_unread, gone, only, required, text, top, unchangeable},
        xml::{Element, leaf},
    },
    control::{Change, Failure, FailureKind, Listed, Live, Step, Wanted},
};

const KIND: &str = "AWS::Route53::RecordSet";
const KNOWN: [&str; 12] = [
    "HostedZoneId",
    "Name",
    "Type",
    "TTL",
    "ResourceRecords",
    "AliasTarget",
    "SetIdentifier",
    "Weight",
    "Region",
    "Failover",
    "MultiValueAnswer",
    "HealthCheckId",
];

/// One name's records of one type; its id is `NAME|ZONE|TYPE|SET`.
pub(in crate::cloud::aws) struct RecordSet;

fn identity(zone: &str, properties: &Value) -> String {
    let name = plain(text(properties, "Name"));
    format!("{name}|{}|{}|{}", bare(zone), text(properties, "Type"), text(properties, "SetIdentifier"))
}

fn live(zone: &str, region: &str, element: &Element) -> Live {
    let mut properties = Map::new();
    properties.insert("HostedZoneId".to_owned(), Value::from(bare(zone)));
    properties.insert("Name".to_owned(), Value::from(element.text_at("Name").map(plain).unwrap_or_default()));
    for name in ["Type", "SetIdentifier", "Region", "Failover", "HealthCheckId", "TTL"] {
        if let Some(text) = element.text_at(name) {
            properties.insert(name.to_owned(), Value::from(text));
        }
    }
    if let Some(weight) = element.text_at("Weight").and_then(|text| text.parse::<u64>().ok()) {
        properties.insert("Weight".to_owned(), Value::from(weight));
    }
    if let Some(text) = element.text_at("MultiValueAnswer") {
        properties.insert("MultiValueAnswer".to_owned(), Value::from(text == "true"));
    }
    let records: Vec<&str> =
        element.items("ResourceRecords", "ResourceRecord").filter_map(|record| record.text_at("Value")).collect();
    if !records.is_empty() {
        properties.insert("ResourceRecords".to_owned(), json!(records));
    }
    if let Some(alias) = element.child("AliasTarget") {
        let alias = json!({
            "DNSName": alias.text_at("DNSName").map(plain).unwrap_or_default(),
            "HostedZoneId": alias.text_at("HostedZoneId").unwrap_or_default(),
            "EvaluateTargetHealth": alias.text_at("EvaluateTargetHealth") == Some("true"),
        });
        properties.insert("AliasTarget".to_owned(), alias);
    }
    let properties = Value::Object(properties);
    let id = identity(zone, &properties);
    Live { id, kind: KIND.to_owned(), region: region.to_owned(), properties, owner: None, etag: None }
}

/// All record sets of a zone, or those from `name` on.
async fn records(wire: &Wire, zone: &str, from: &str) -> Result<Vec<Element>, Failure> {
    let mut all = Vec::new();
    let mut query = if from.is_empty() { String::new() } else { format!("&name={}", encoded(from)) };
    for _ in 0..MOST_PAGES {
        let path = zone_path(zone, &format!("/rrset?maxitems=300{query}"));
        let root = get(wire, "ListResourceRecordSets", path).await?;
        all.extend(root.items("ResourceRecordSets", "ResourceRecordSet").cloned());
        let next = root.text_at("NextRecordName").filter(|_| root.text_at("IsTruncated") == Some("true"));
        let Some(next) = next.filter(|next| from.is_empty() || plain(next) == plain(from)) else { break };
        query = format!("&name={}", encoded(next));
        for (element, parameter) in [("NextRecordType", "type"), ("NextRecordIdentifier", "identifier")] {
            if let Some(text) = root.text_at(element) {
                query.push_str(&format!("&{parameter}={}", encoded(text)));
            }
        }
    }
    Ok(all)
}

fn scalar(out: &mut String, name: &str, properties: &Value) {
    match properties.get(name) {
        Some(Value::String(text)) => leaf(out, name, text),
        Some(other @ (Value::Number(_) | Value::Bool(_))) => leaf(out, name, &other.to_string()),
        _ => {}
    }
}

/// One change. The order of the elements is the service's.
fn change(out: &mut String, action: &str, properties: &Value) {
    out.push_str("<Change>");
    leaf(out, "Action", action);
    out.push_str("<ResourceRecordSet>");
    for name in ["Name", "Type", "SetIdentifier", "Weight", "Region", "Failover", "MultiValueAnswer", "TTL"] {
        scalar(out, name, properties);
    }
    if let Some(records) = properties.get("ResourceRecords").and_then(Value::as_array) {
        out.push_str("<ResourceRecords>");
        for record in records {
            out.push_str("<ResourceRecord>");
            leaf(out, "Value", record.as_str().unwrap_or_default());
            out.push_str("</ResourceRecord>");
        }
        out.push_str("</ResourceRecords>");
    }
    if let Some(alias) = properties.get("AliasTarget") {
        out.push_str("<AliasTarget>");
        scalar(out, "HostedZoneId", alias);
        scalar(out, "DNSName", alias);
        let health = alias.get("EvaluateTargetHealth").and_then(Value::as_bool).unwrap_or(false);
        leaf(out, "EvaluateTargetHealth", if health { "true" } else { "false" });
        out.push_str("</AliasTarget>");
    }
    scalar(out, "HealthCheckId", properties);
    out.push_str("</ResourceRecordSet></Change>");
}

async fn submit(wire: &Wire, zone: &str, changes: &str) -> Result<(), Failure> {
    let inner = format!("<ChangeBatch><Changes>{changes}</Changes></ChangeBatch>");
    let path = zone_path(zone, "/rrset");
    post(wire, "ChangeResourceRecordSets", path, "ChangeResourceRecordSetsRequest", &inner).await?;
    Ok(())
}

/// Removes every record that was not born with the zone.
pub(super) async fn remove_all(wire: &Wire, zone: &str) -> Result<(), Failure> {
    let all = records(wire, zone, "").await?;
    let apex = all.iter().find(|record| record.text_at("Type") == Some("SOA"));
    let apex = apex.and_then(|record| record.text_at("Name")).unwrap_or_default().to_owned();
    let born = |record: &&Element| {
        record.text_at("Name") == Some(&apex) && matches!(record.text_at("Type"), Some("SOA" | "NS"))
    };
    let others: Vec<&Element> = all.iter().filter(|record| !born(record)).collect();
    // At most a thousand changes go into one batch.
    for batch in others.chunks(500) {
        let mut changes = String::new();
        batch.iter().for_each(|record| change(&mut changes, "DELETE", &live(zone, "global", record).properties));
        submit(wire, zone, &changes).await?;
    }
    Ok(())
}

#[async_trait]
impl Native for RecordSet {
    async fn list(&self, wire: &Wire, region: &str) -> Result<Vec<Listed>, Failure> {
        let mut all = Vec::new();
        for (id, ..) in zone::zones(wire).await? {
            let found = records(wire, &id, "").await?;
            let one = |record: &Element| {
                let live = live(&id, region, record);
                Listed { id: live.id.clone(), live: Some(live) }
            };
            all.extend(found.iter().map(one));
        }
        Ok(all)
    }

    async fn read(&self, wire: &Wire, region: &str, id: &str) -> Result<Live, Failure> {
        let missing = || Failure::new(FailureKind::NotFound, KIND, format!("there is no {id}"));
        let mut parts = id.split('|');
        let (Some(name), Some(zone)) = (parts.next(), parts.next()) else { return Err(missing()) };
        let found = records(wire, zone, name).await?;
        found.iter().map(|record| live(zone, region, record)).find(|live| live.id == id).ok_or_else(missing)
    }

    async fn locate(&self, wire: &Wire, wanted: &Wanted) -> Result<Option<Live>, Failure> {
        let zone = required(KIND, &wanted.properties, "HostedZoneId")?;
        match self.read(wire, &wanted.region, &identity(zone, &wanted.properties)).await {
            Ok(live) => Ok(Some(live)),
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn create(&self, wire: &Wire, wanted: &Wanted, _: &str) -> Result<Step, Failure> {
        only(KIND, &wanted.properties, &KNOWN)?;
        let zone = required(KIND, &wanted.properties, "HostedZoneId")?;
        let mut changes = String::new();
        change(&mut changes, "CREATE", &wanted.properties);
        submit(wire, zone, &changes).await?;
        Ok(done_unread(identity(zone, &wanted.properties)))
    }

    async fn update(&self, wire: &Wire, live: &Live, wanted: &Wanted, changes: &[Change]) -> Result<Step, Failure> {
        only(KIND, &wanted.properties, &KNOWN)?;
        let fixed = |change: &&Change| matches!(top(change), "HostedZoneId" | "Name" | "Type" | "SetIdentifier");
        if let Some(change) = changes.iter().find(fixed) {
            return Err(unchangeable(KIND, change));
        }
        let mut inner = String::new();
        change(&mut inner, "UPSERT", &wanted.properties);
        submit(wire, text(&live.properties, "HostedZoneId"), &inner).await?;
        Ok(done_unread(live.id.as_str()))
    }

    async fn delete(&self, wire: &Wire, live: &Live, _: bool) -> Result<Step, Failure> {
        // A deletion names the record as it is now, to the last value.
        let now = self.read(wire, &live.region, &live.id).await?;
        let mut inner = String::new();
        change(&mut inner, "DELETE", &now.properties);
        submit(wire, text(&now.properties, "HostedZoneId"), &inner).await?;
        Ok(gone())
    }
}
