//! `AWS::IAM::OIDCProvider`: whose identity tokens this account believes.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::{all, call, members, strings, tagged, tags};
use crate::cloud::{
    aws::{
        call::{Form, Wire},
        marks,
        native::{Native, done_unread, gone, only, required, top, unchangeable},
        xml::Element,
    },
    control::{Change, Failure, FailureKind, Listed, Live, Step, Wanted},
};

const KIND: &str = "AWS::IAM::OIDCProvider";
const KNOWN: [&str; 4] = ["Url", "ClientIdList", "ThumbprintList", "Tags"];

/// An identity provider; its id is its ARN.
pub(in crate::cloud::aws) struct OidcProvider;

fn named(arn: &str) -> Form {
    Form::new().with("OpenIDConnectProviderArn", arn)
}

/// What the ARN of a provider ends with.
fn tail(url: &str) -> String {
    format!(":oidc-provider/{}", url.trim_start_matches("https://").trim_end_matches('/'))
}

async fn arns(wire: &Wire) -> Result<Vec<String>, Failure> {
    let found = all(wire, "ListOpenIDConnectProviders", Form::new(), "OpenIDConnectProviderList").await?;
    Ok(found.iter().filter_map(|one| one.text_at("Arn").map(str::to_owned)).collect())
}

#[async_trait]
impl Native for OidcProvider {
    async fn list(&self, wire: &Wire, _: &str) -> Result<Vec<Listed>, Failure> {
        Ok(arns(wire).await?.into_iter().map(|id| Listed { id, live: None }).collect())
    }

    async fn read(&self, wire: &Wire, region: &str, id: &str) -> Result<Live, Failure> {
        let root = call(wire, "GetOpenIDConnectProvider", named(id)).await?;
        let result = root.child("GetOpenIDConnectProviderResult").cloned().unwrap_or_default();
        let mut properties = Map::new();
        properties.insert("Arn".to_owned(), Value::from(id));
        if let Some(url) = result.text_at("Url") {
            // IAM leaves the scheme out when it answers.
            let url = if url.contains("://") { url.to_owned() } else { format!("https://{url}") };
            properties.insert("Url".to_owned(), Value::from(url));
        }
        for (name, set) in [("ClientIdList", "ClientIDList"), ("ThumbprintList", "ThumbprintList")] {
            let values: Vec<&str> = result.items(set, "member").map(|item: &Element| item.text.as_str()).collect();
            if !values.is_empty() {
                properties.insert(name.to_owned(), json!(values));
            }
        }
        let owner = marks::apply(&mut properties, "Tags", tags(&result));
        let (id, kind, region) = (id.to_owned(), KIND.to_owned(), region.to_owned());
        Ok(Live { id, kind, region, properties: Value::Object(properties), owner, etag: None })
    }

    async fn locate(&self, wire: &Wire, wanted: &Wanted) -> Result<Option<Live>, Failure> {
        let tail = tail(required(KIND, &wanted.properties, "Url")?);
        match arns(wire).await?.into_iter().find(|arn| arn.ends_with(&tail)) {
            Some(arn) => self.read(wire, &wanted.region, &arn).await.map(Some),
            None => Ok(None),
        }
    }

    async fn create(&self, wire: &Wire, wanted: &Wanted, _: &str) -> Result<Step, Failure> {
        let properties = &wanted.properties;
        only(KIND, properties, &KNOWN)?;
        let mut form = Form::new().with("Url", required(KIND, properties, "Url")?);
        form = members(form, "ClientIDList", &strings(properties.get("ClientIdList")));
        form = members(form, "ThumbprintList", &strings(properties.get("ThumbprintList")));
        let root = call(wire, "CreateOpenIDConnectProvider", tagged(form, &marks::wanted(wanted, "Tags"))).await?;
        match root.text_at("CreateOpenIDConnectProviderResult/OpenIDConnectProviderArn") {
            Some(arn) => Ok(done_unread(arn)),
            None => Err(Failure::new(FailureKind::Unreachable, KIND, "the answer names nothing that was made")),
        }
    }

    async fn update(&self, wire: &Wire, live: &Live, wanted: &Wanted, changes: &[Change]) -> Result<Step, Failure> {
        let properties = &wanted.properties;
        only(KIND, properties, &KNOWN)?;
        if let Some(change) = changes.iter().find(|change| top(change) == "Url") {
            return Err(unchangeable(KIND, change));
        }
        if properties.get("ClientIdList").is_some() {
            let set = |value: &Value| strings(value.get("ClientIdList")).into_iter().collect::<BTreeSet<_>>();
            let (have, want) = (set(&live.properties), set(properties));
            for client in want.difference(&have) {
                call(wire, "AddClientIDToOpenIDConnectProvider", named(&live.id).with("ClientID", client.as_str()))
                    .await?;
            }
            for client in have.difference(&want) {
                let form = named(&live.id).with("ClientID", client.as_str());
                call(wire, "RemoveClientIDFromOpenIDConnectProvider", form).await?;
            }
        }
        let prints = properties.get("ThumbprintList");
        if prints.is_some() && prints != live.properties.get("ThumbprintList") {
            let form = members(named(&live.id), "ThumbprintList", &strings(prints));
            call(wire, "UpdateOpenIDConnectProviderThumbprint", form).await?;
        }
        if let Some((set, gone)) = marks::difference(live, wanted, "Tags") {
            if !set.is_empty() {
                call(wire, "TagOpenIDConnectProvider", tagged(named(&live.id), &set)).await?;
            }
            if !gone.is_empty() {
                call(wire, "UntagOpenIDConnectProvider", members(named(&live.id), "TagKeys", &gone)).await?;
            }
        }
        Ok(done_unread(live.id.as_str()))
    }

    async fn delete(&self, wire: &Wire, live: &Live, _: bool) -> Result<Step, Failure> {
        call(wire, "DeleteOpenIDConnectProvider", named(&live.id)).await?;
        Ok(gone())
    }
}
