//! `AWS::IAM::Role`, with its inline policies and the managed ones attached to it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::{all, call, document, strings, tagged, tags, told};
use crate::cloud::{
    aws::{
        call::{Form, Wire},
        marks,
        native::{Native, done_unread, gone, only, required, top, unchangeable},
    },
    control::{Change, Failure, FailureKind, Listed, Live, Step, Wanted},
};

const KIND: &str = "AWS::IAM::Role";

const KNOWN: [&str; 9] = [
    "RoleName",
    "Path",
    "AssumeRolePolicyDocument",
    "Description",
    "MaxSessionDuration",
    "PermissionsBoundary",
    "Policies",
    "ManagedPolicyArns",
    "Tags",
];

/// A role; its id is its name.
pub(in crate::cloud::aws) struct Role;

fn named(name: &str) -> Form {
    Form::new().with("RoleName", name)
}

/// Inline policies by name.
fn inline(properties: &Value) -> BTreeMap<String, &Value> {
    let items = properties.get("Policies").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut found = BTreeMap::new();
    for item in items {
        if let (Some(name), Some(document)) = (item["PolicyName"].as_str(), item.get("PolicyDocument")) {
            found.insert(name.to_owned(), document);
        }
    }
    found
}

/// Makes the role's policies those of the template.
async fn settle(wire: &Wire, name: &str, live: &Value, wanted: &Value) -> Result<(), Failure> {
    if wanted.get("Policies").is_some() {
        let (have, want) = (inline(live), inline(wanted));
        for (policy, text) in &want {
            if have.get(policy) != Some(text) {
                let form = named(name).with("PolicyName", policy.as_str()).with("PolicyDocument", document(text));
                call(wire, "PutRolePolicy", form).await?;
            }
        }
        for policy in have.keys().filter(|policy| !want.contains_key(*policy)) {
            call(wire, "DeleteRolePolicy", named(name).with("PolicyName", policy.as_str())).await?;
        }
    }
    if let Some(arns) = wanted.get("ManagedPolicyArns") {
        let (have, want) = (strings(live.get("ManagedPolicyArns")), strings(Some(arns)));
        for arn in want.iter().filter(|arn| !have.contains(arn)) {
            call(wire, "AttachRolePolicy", named(name).with("PolicyArn", arn.as_str())).await?;
        }
        for arn in have.iter().filter(|arn| !want.contains(arn)) {
            call(wire, "DetachRolePolicy", named(name).with("PolicyArn", arn.as_str())).await?;
        }
    }
    Ok(())
}

#[async_trait]
impl Native for Role {
    async fn list(&self, wire: &Wire, region: &str) -> Result<Vec<Listed>, Failure> {
        // The list tells neither tags nor policies.
        let _ = region;
        let roles = all(wire, "ListRoles", Form::new().with("MaxItems", "1000"), "Roles").await?;
        let id = |role: &crate::cloud::aws::xml::Element| role.text_at("RoleName").map(str::to_owned);
        Ok(roles.iter().filter_map(id).map(|id| Listed { id, live: None }).collect())
    }

    async fn read(&self, wire: &Wire, region: &str, id: &str) -> Result<Live, Failure> {
        let root = call(wire, "GetRole", named(id)).await?;
        let role = root.at("GetRoleResult/Role").cloned().unwrap_or_default();
        let mut properties = Map::new();
        for name in ["RoleName", "Path", "Description", "Arn", "RoleId"] {
            if let Some(text) = role.text_at(name) {
                properties.insert(name.to_owned(), Value::from(text));
            }
        }
        if let Some(seconds) = role.text_at("MaxSessionDuration").and_then(|text| text.parse::<u64>().ok()) {
            properties.insert("MaxSessionDuration".to_owned(), Value::from(seconds));
        }
        if let Some(arn) = role.text_at("PermissionsBoundary/PermissionsBoundaryArn") {
            properties.insert("PermissionsBoundary".to_owned(), Value::from(arn));
        }
        if let Some(text) = role.text_at("AssumeRolePolicyDocument") {
            properties.insert("AssumeRolePolicyDocument".to_owned(), told(text));
        }
        let mut policies = Vec::new();
        for policy in all(wire, "ListRolePolicies", named(id), "PolicyNames").await? {
            let root = call(wire, "GetRolePolicy", named(id).with("PolicyName", policy.text.as_str())).await?;
            let text = root.text_at("GetRolePolicyResult/PolicyDocument").map(told).unwrap_or_default();
            policies.push(json!({ "PolicyName": policy.text, "PolicyDocument": text }));
        }
        if !policies.is_empty() {
            properties.insert("Policies".to_owned(), Value::Array(policies));
        }
        let attached = all(wire, "ListAttachedRolePolicies", named(id), "AttachedPolicies").await?;
        let arns: Vec<&str> = attached.iter().filter_map(|policy| policy.text_at("PolicyArn")).collect();
        if !arns.is_empty() {
            properties.insert("ManagedPolicyArns".to_owned(), json!(arns));
        }
        let owner = marks::apply(&mut properties, "Tags", tags(&role));
        let (id, kind, region) = (id.to_owned(), KIND.to_owned(), region.to_owned());
        Ok(Live { id, kind, region, properties: Value::Object(properties), owner, etag: None })
    }

    async fn locate(&self, wire: &Wire, wanted: &Wanted) -> Result<Option<Live>, Failure> {
        match self.read(wire, &wanted.region, required(KIND, &wanted.properties, "RoleName")?).await {
            Ok(live) => Ok(Some(live)),
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn create(&self, wire: &Wire, wanted: &Wanted, _: &str) -> Result<Step, Failure> {
        let properties = &wanted.properties;
        only(KIND, properties, &KNOWN)?;
        let name = required(KIND, properties, "RoleName")?;
        let trust = properties.get("AssumeRolePolicyDocument").unwrap_or(&Value::Null);
        let mut form = named(name).with("AssumeRolePolicyDocument", document(trust));
        for name in ["Path", "Description", "MaxSessionDuration", "PermissionsBoundary"] {
            form = form.with_some(name, properties.get(name));
        }
        let made = call(wire, "CreateRole", tagged(form, &marks::wanted(wanted, "Tags"))).await;
        let live = match made {
            Ok(_) => json!({}),
            // The marks went with the first call: a role that bears them was made by an earlier try of this one, and
            // only its policies may be missing.
            Err(failure) if failure.kind == FailureKind::Exists => match self.locate(wire, wanted).await? {
                Some(live) if live.owner.as_ref() == Some(&wanted.owner) => live.properties,
                _ => return Err(failure),
            },
            Err(failure) => return Err(failure),
        };
        settle(wire, name, &live, properties).await?;
        Ok(done_unread(name))
    }

    async fn update(&self, wire: &Wire, live: &Live, wanted: &Wanted, changes: &[Change]) -> Result<Step, Failure> {
        let (properties, name) = (&wanted.properties, live.id.as_str());
        only(KIND, properties, &KNOWN)?;
        if let Some(change) = changes.iter().find(|change| matches!(top(change), "RoleName" | "Path")) {
            return Err(unchangeable(KIND, change));
        }
        let differs = |name: &str| properties.get(name).is_some() && properties.get(name) != live.properties.get(name);
        if differs("AssumeRolePolicyDocument") {
            let text = document(&properties["AssumeRolePolicyDocument"]);
            call(wire, "UpdateAssumeRolePolicy", named(name).with("PolicyDocument", text)).await?;
        }
        if differs("Description") || differs("MaxSessionDuration") {
            let form = named(name)
                .with_some("Description", properties.get("Description").or(live.properties.get("Description")))
                .with_some(
                    "MaxSessionDuration",
                    properties.get("MaxSessionDuration").or(live.properties.get("MaxSessionDuration")),
                );
            call(wire, "UpdateRole", form).await?;
        }
        if differs("PermissionsBoundary") {
            let form = named(name).with_some("PermissionsBoundary", properties.get("PermissionsBoundary"));
            call(wire, "PutRolePermissionsBoundary", form).await?;
        }
        // What the template has dropped shows as a change to nothing.
        let dropped =
            |name: &str| changes.iter().any(|change| change.pointer == format!("/{name}") && change.to.is_none());
        if dropped("PermissionsBoundary") {
            call(wire, "DeleteRolePermissionsBoundary", named(name)).await?;
        }
        let mut want = properties.clone();
        for name in ["Policies", "ManagedPolicyArns"] {
            if dropped(name) {
                want[name] = json!([]);
            }
        }
        settle(wire, name, &live.properties, &want).await?;
        if let Some((set, gone)) = marks::difference(live, wanted, "Tags") {
            if !set.is_empty() {
                call(wire, "TagRole", tagged(named(name), &set)).await?;
            }
            if !gone.is_empty() {
                call(wire, "UntagRole", super::members(named(name), "TagKeys", &gone)).await?;
            }
        }
        Ok(done_unread(name))
    }

    async fn delete(&self, wire: &Wire, live: &Live, _: bool) -> Result<Step, Failure> {
        let name = live.id.as_str();
        // What is attached now, not when it was read: everything must be off before the role can go.
        for policy in all(wire, "ListRolePolicies", named(name), "PolicyNames").await? {
            call(wire, "DeleteRolePolicy", named(name).with("PolicyName", policy.text.as_str())).await?;
        }
        for policy in all(wire, "ListAttachedRolePolicies", named(name), "AttachedPolicies").await? {
            let arn = policy.text_at("PolicyArn").unwrap_or_default();
            call(wire, "DetachRolePolicy", named(name).with("PolicyArn", arn)).await?;
        }
        call(wire, "DeleteRole", named(name)).await?;
        Ok(gone())
    }
}
