//! `AWS::Route53::HostedZone`.

use async_trait::async_trait;
use http::Method;
use serde_json::{Map, Value, json};

use super::{MOST_PAGES, bare, get, plain, post, record, zone_path};
use crate::cloud::{
    aws::{
        call::{Wire, encoded},
        endpoint::ROUTE53,
        marks,
        native::{Native, done_unread, gone, only, required, top, unchangeable},
        xml::{Element, leaf},
    },
    control::{Change, Failure, FailureKind, Listed, Live, Step, Wanted},
};

const KIND: &str = "AWS::Route53::HostedZone";
const KNOWN: [&str; 3] = ["Name", "HostedZoneConfig", "HostedZoneTags"];
const TAGS: &str = "HostedZoneTags";

/// A public zone; its id is the provider's.
pub(in crate::cloud::aws) struct HostedZone;

/// All zones: id, name, the reference of who made it.
pub(super) async fn zones(wire: &Wire) -> Result<Vec<(String, String, String)>, Failure> {
    let mut all = Vec::new();
    let mut marker = String::new();
    for _ in 0..MOST_PAGES {
        let root = get(wire, "ListHostedZones", format!("/2013-04-01/hostedzone?maxitems=100{marker}")).await?;
        for zone in root.items("HostedZones", "HostedZone") {
            let field = |name: &str| zone.text_at(name).unwrap_or_default();
            if zone.text_at("Config/PrivateZone") != Some("true") {
                all.push((bare(field("Id")).to_owned(), plain(field("Name")), field("CallerReference").to_owned()));
            }
        }
        match root.text_at("NextMarker") {
            Some(next) if root.text_at("IsTruncated") == Some("true") => marker = format!("&marker={}", encoded(next)),
            _ => break,
        }
    }
    Ok(all)
}

fn tags_path(id: &str) -> String {
    format!("/2013-04-01/tags/hostedzone/{}", encoded(bare(id)))
}

async fn tag(wire: &Wire, id: &str, set: &[(String, String)], gone: &[String]) -> Result<(), Failure> {
    let mut inner = String::new();
    if !set.is_empty() {
        inner.push_str("<AddTags>");
        for (key, value) in set {
            inner.push_str("<Tag>");
            leaf(&mut inner, "Key", key);
            leaf(&mut inner, "Value", value);
            inner.push_str("</Tag>");
        }
        inner.push_str("</AddTags>");
    }
    if !gone.is_empty() {
        inner.push_str("<RemoveTagKeys>");
        gone.iter().for_each(|key| leaf(&mut inner, "Key", key));
        inner.push_str("</RemoveTagKeys>");
    }
    post(wire, "ChangeTagsForResource", tags_path(id), "ChangeTagsForResourceRequest", &inner).await?;
    Ok(())
}

#[async_trait]
impl Native for HostedZone {
    async fn list(&self, wire: &Wire, _: &str) -> Result<Vec<Listed>, Failure> {
        Ok(zones(wire).await?.into_iter().map(|(id, ..)| Listed { id, live: None }).collect())
    }

    async fn read(&self, wire: &Wire, region: &str, id: &str) -> Result<Live, Failure> {
        let root = get(wire, "GetHostedZone", zone_path(id, "")).await?;
        let mut properties = Map::new();
        let name = root.text_at("HostedZone/Name").map(plain).unwrap_or_default();
        properties.insert("Name".to_owned(), Value::from(name));
        properties.insert("Id".to_owned(), Value::from(bare(id)));
        if let Some(comment) = root.text_at("HostedZone/Config/Comment") {
            properties.insert("HostedZoneConfig".to_owned(), json!({ "Comment": comment }));
        }
        let servers: Vec<&str> =
            root.items("DelegationSet/NameServers", "NameServer").map(|server| server.text.as_str()).collect();
        properties.insert("NameServers".to_owned(), json!(servers));
        let root = get(wire, "ListTagsForResource", tags_path(id)).await?;
        let pair =
            |tag: &Element| Some((tag.text_at("Key")?.to_owned(), tag.text_at("Value").unwrap_or_default().to_owned()));
        let tags = root.items("ResourceTagSet/Tags", "Tag").filter_map(pair).collect();
        let owner = marks::apply(&mut properties, TAGS, tags);
        let (id, kind, region) = (bare(id).to_owned(), KIND.to_owned(), region.to_owned());
        Ok(Live { id, kind, region, properties: Value::Object(properties), owner, etag: None })
    }

    async fn locate(&self, wire: &Wire, wanted: &Wanted) -> Result<Option<Live>, Failure> {
        // Several zones may bear one name: ours is the one with the marks, else the first.
        let name = plain(required(KIND, &wanted.properties, "Name")?);
        let mut first = None;
        for (id, found, _) in zones(wire).await? {
            if found == name {
                let live = self.read(wire, &wanted.region, &id).await?;
                if live.owner.as_ref() == Some(&wanted.owner) {
                    return Ok(Some(live));
                }
                first = first.or(Some(live));
            }
        }
        Ok(first)
    }

    async fn create(&self, wire: &Wire, wanted: &Wanted, token: &str) -> Result<Step, Failure> {
        only(KIND, &wanted.properties, &KNOWN)?;
        let mut inner = String::new();
        leaf(&mut inner, "Name", required(KIND, &wanted.properties, "Name")?);
        leaf(&mut inner, "CallerReference", token);
        if let Some(comment) = wanted.properties.pointer("/HostedZoneConfig/Comment").and_then(Value::as_str) {
            inner.push_str("<HostedZoneConfig>");
            leaf(&mut inner, "Comment", comment);
            inner.push_str("</HostedZoneConfig>");
        }
        let made =
            post(wire, "CreateHostedZone", "/2013-04-01/hostedzone".to_owned(), "CreateHostedZoneRequest", &inner)
                .await;
        let id = match made {
            Ok(root) => root.text_at("HostedZone/Id").map(|id| bare(id).to_owned()),
            // The reference was used before: by an earlier try of this call, which may have died before the marks.
            Err(failure) if failure.kind == FailureKind::Exists => {
                let found = zones(wire).await?.into_iter().find(|(_, _, reference)| reference == token);
                Some(found.ok_or(failure)?.0)
            }
            Err(failure) => return Err(failure),
        };
        let Some(id) = id else {
            return Err(Failure::new(FailureKind::Unreachable, KIND, "the answer names nothing that was made"));
        };
        tag(wire, &id, &marks::wanted(wanted, TAGS), &[]).await?;
        Ok(done_unread(id))
    }

    async fn update(&self, wire: &Wire, live: &Live, wanted: &Wanted, changes: &[Change]) -> Result<Step, Failure> {
        only(KIND, &wanted.properties, &KNOWN)?;
        if let Some(change) = changes.iter().find(|change| top(change) == "Name") {
            return Err(unchangeable(KIND, change));
        }
        if changes.iter().any(|change| top(change) == "HostedZoneConfig") {
            let comment = wanted.properties.pointer("/HostedZoneConfig/Comment").and_then(Value::as_str);
            let mut inner = String::new();
            leaf(&mut inner, "Comment", comment.unwrap_or_default());
            let path = zone_path(&live.id, "");
            post(wire, "UpdateHostedZoneComment", path, "UpdateHostedZoneCommentRequest", &inner).await?;
        }
        if let Some((set, gone)) = marks::difference(live, wanted, TAGS) {
            tag(wire, &live.id, &set, &gone).await?;
        }
        Ok(done_unread(live.id.as_str()))
    }

    async fn delete(&self, wire: &Wire, live: &Live, empty: bool) -> Result<Step, Failure> {
        if empty {
            record::remove_all(wire, &live.id).await?;
        }
        let to = (Method::DELETE, zone_path(&live.id, ""));
        wire.rest_xml(ROUTE53, "global", "DeleteHostedZone", to, String::new()).await?;
        Ok(gone())
    }
}
