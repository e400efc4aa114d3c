//! One member of one role, in the policy of a project, a bucket, a key, a secret, a service, a repository or an account.
//!
//! A policy is one document that many write. It is read, one pair is added or removed, and it is written back under its
//! etag, so that nobody else's bindings are touched; whoever was faster makes the write fail, and the engine asks again.

use http::Method;
use serde_json::{Map, Value, json};

use super::{
    super::control::{Failure, FailureKind, Live, Step, Wanted},
    api::Ask,
    kind::Kind,
    plane::Gcp,
    service::Service,
};

/// A pair, and the resource whose policy it stands in.
#[derive(Debug, PartialEq, Eq)]
struct Pair {
    resource: String,
    role: String,
    member: String,
}

impl Pair {
    fn of(kind: &Kind, properties: &Value) -> Result<Self, Failure> {
        let text = |name: &str| {
            properties.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned).ok_or_else(
                || Failure::new(FailureKind::Invalid, kind.name, format!("the property {name} is missing or no text")),
            )
        };
        Ok(Self { resource: text("resource")?, role: text("role")?, member: text("member")? })
    }

    fn from_id(kind: &Kind, id: &str) -> Result<Self, Failure> {
        let mut parts = id.splitn(3, '|').map(str::to_owned);
        match (parts.next(), parts.next(), parts.next()) {
            (Some(resource), Some(role), Some(member)) => Ok(Self { resource, role, member }),
            _ => Err(Failure::new(FailureKind::Invalid, kind.name, "the id is no resource|role|member")),
        }
    }

    fn id(&self) -> String {
        format!("{}|{}|{}", self.resource, self.role, self.member)
    }

    fn live(&self, kind: &Kind, region: &str) -> Live {
        Live {
            id: self.id(),
            kind: kind.name.to_owned(),
            region: region.to_owned(),
            properties: json!({ "resource": self.resource, "role": self.role, "member": self.member }),
            owner: None,
            etag: None,
        }
    }

    /// Whether a binding is the one without a condition for the role. Those with conditions belong to somebody else.
    fn fits(&self, binding: &Value) -> bool {
        binding.get("role").and_then(Value::as_str) == Some(self.role.as_str())
            && binding.get("condition").is_none_or(Value::is_null)
    }

    fn stands(&self, policy: &Value) -> bool {
        bindings(policy).iter().any(|binding| self.fits(binding) && members(binding).contains(&self.member.as_str()))
    }

    fn add(&self, policy: &mut Value) {
        let list = list_of(policy, "bindings");
        match list.iter_mut().find(|binding| self.fits(binding)) {
            Some(binding) => list_of(binding, "members").push(self.member.clone().into()),
            None => list.push(json!({ "role": self.role, "members": [self.member] })),
        }
    }

    fn remove(&self, policy: &mut Value) {
        let list = list_of(policy, "bindings");
        for binding in list.iter_mut().filter(|binding| self.fits(binding)) {
            list_of(binding, "members").retain(|member| member.as_str() != Some(self.member.as_str()));
        }
        list.retain(|binding| !members(binding).is_empty());
    }
}

fn bindings(policy: &Value) -> &[Value] {
    policy.get("bindings").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn members(binding: &Value) -> Vec<&str> {
    let list = binding.get("members").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    list.iter().filter_map(Value::as_str).collect()
}

fn list_of<'a>(of: &'a mut Value, name: &str) -> &'a mut Vec<Value> {
    if !of.is_object() {
        *of = Value::Object(Map::new());
    }
    if !of.get(name).is_some_and(Value::is_array)
        && let Some(object) = of.as_object_mut()
    {
        object.insert(name.to_owned(), Value::Array(Vec::new()));
    }
    match of.get_mut(name) {
        Some(Value::Array(list)) => list,
        _ => unreachable!("a list was put there"),
    }
}

/// The questions for a policy, and for its change.
fn get(kind: &Kind, resource: &str) -> Ask {
    let call = format!("{}.getIamPolicy", kind.name.trim_end_matches(".iamMembers"));
    let root = kind.service.root();
    // Version 3 shows bindings with conditions; a policy that was read without them would be written back without them.
    match kind.service {
        Service::Storage => Ask::new(call, kind.service, Method::GET, format!("{root}/b/{resource}/iam"))
            .query("optionsRequestedPolicyVersion", "3"),
        Service::ResourceManager => {
            Ask::new(call, kind.service, Method::POST, format!("{root}/projects/{resource}:getIamPolicy"))
                .body(json!({ "options": { "requestedPolicyVersion": 3 } }))
        }
        Service::Iam => Ask::new(call, kind.service, Method::POST, format!("{root}/{resource}:getIamPolicy"))
            .query("options.requestedPolicyVersion", "3"),
        _ => Ask::new(call, kind.service, Method::GET, format!("{root}/{resource}:getIamPolicy"))
            .query("options.requestedPolicyVersion", "3"),
    }
}

fn set(kind: &Kind, resource: &str, policy: Value) -> Ask {
    let call = format!("{}.setIamPolicy", kind.name.trim_end_matches(".iamMembers"));
    let root = kind.service.root();
    match kind.service {
        Service::Storage => Ask::new(call, kind.service, Method::PUT, format!("{root}/b/{resource}/iam")).body(policy),
        Service::ResourceManager => {
            Ask::new(call, kind.service, Method::POST, format!("{root}/projects/{resource}:setIamPolicy"))
                .body(json!({ "policy": policy }))
        }
        _ => Ask::new(call, kind.service, Method::POST, format!("{root}/{resource}:setIamPolicy"))
            .body(json!({ "policy": policy })),
    }
}

/// Whether the pair stands.
pub(super) async fn read(gcp: &Gcp, kind: &Kind, region: &str, id: &str) -> Result<Live, Failure> {
    let pair = Pair::from_id(kind, id)?;
    let ask = get(kind, &pair.resource);
    let policy = gcp.ask(&ask).await?;
    if pair.stands(&policy) {
        return Ok(pair.live(kind, region));
    }
    Err(Failure::new(FailureKind::NotFound, ask.call, "the member does not have the role"))
}

/// The pair, where it stands already. It means the same whoever made it, so it counts as the asker's own.
pub(super) async fn locate(gcp: &Gcp, kind: &Kind, wanted: &Wanted) -> Result<Option<Live>, Failure> {
    let pair = Pair::of(kind, &wanted.properties)?;
    match read(gcp, kind, &wanted.region, &pair.id()).await {
        Ok(live) => Ok(Some(Live { owner: Some(wanted.owner.clone()), ..live })),
        Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

pub(super) async fn create(gcp: &Gcp, kind: &Kind, wanted: &Wanted) -> Result<Step, Failure> {
    let pair = Pair::of(kind, &wanted.properties)?;
    let mut policy = gcp.ask(&get(kind, &pair.resource)).await.map_err(not_yet)?;
    if !pair.stands(&policy) {
        pair.add(&mut policy);
        gcp.ask(&set(kind, &pair.resource, policy)).await.map_err(not_yet)?;
    }
    let live = Live { owner: Some(wanted.owner.clone()), ..pair.live(kind, &wanted.region) };
    Ok(Step::Done { id: live.id.clone(), live: Some(live) })
}

pub(super) async fn delete(gcp: &Gcp, kind: &Kind, live: &Live) -> Result<Step, Failure> {
    let pair = Pair::from_id(kind, &live.id)?;
    let ask = get(kind, &pair.resource);
    let mut policy = gcp.ask(&ask).await?;
    if !pair.stands(&policy) {
        return Err(Failure::new(FailureKind::NotFound, ask.call, "the member does not have the role"));
    }
    pair.remove(&mut policy);
    gcp.ask(&set(kind, &pair.resource, policy)).await?;
    Ok(Step::Done { id: String::new(), live: None })
}

/// The resource was made a moment ago and its policy is not there yet.
fn not_yet(failure: Failure) -> Failure {
    if failure.kind == FailureKind::NotFound { Failure { kind: FailureKind::NotYet, ..failure } } else { failure }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::gcp::kind;

    #[test]
    fn others_bindings_are_left_alone() {
        let condition = json!({"title": "t", "expression": "true"});
        let before = json!({"version": 3, "etag": "e", "bindings": [
            {"role": "roles/a", "members": ["user:x"]},
            {"role": "roles/a", "members": ["user:m"], "condition": condition},
            {"role": "roles/b", "members": ["user:m"]},
        ]});
        let pair = Pair { resource: "r".to_owned(), role: "roles/a".to_owned(), member: "user:m".to_owned() };
        let mut policy = before.clone();
        assert!(!pair.stands(&policy), "a conditional binding is another one");
        pair.add(&mut policy);
        assert!(pair.stands(&policy));
        assert_eq!(policy["bindings"][0]["members"], json!(["user:x", "user:m"]));
        pair.remove(&mut policy);
        assert_eq!(policy, before);
        let mut empty = json!({});
        pair.add(&mut empty);
        assert!(pair.stands(&empty));
        pair.remove(&mut empty);
        assert_eq!(empty, json!({"bindings": []}));
    }

    #[test]
    fn a_pair_has_one_id() {
        let kind = kind::of("run.services.iamMembers").unwrap();
        let properties = json!({"resource": "projects/p/x", "role": "roles/r", "member": "principalSet://iam/a|b"});
        let pair = Pair::of(kind, &properties).unwrap();
        assert_eq!(Pair::from_id(kind, &pair.id()).unwrap(), pair);
        assert!(Pair::of(kind, &json!({"resource": "r", "role": "", "member": "m"})).is_err());
    }
}
