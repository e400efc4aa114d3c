//! IAM policies: read with an etag, written back under it.

use serde_json::{Value, json};

use super::{
    PROJECT,
    serve::Call,
    world::{Refusal, World},
};

/// A policy with its etag.
pub(crate) fn of(world: &World, key: &str) -> Value {
    let mut policy = world.policies.get(key).cloned().unwrap_or_else(|| json!({ "version": 1 }));
    if policy.get("etag").is_none() {
        policy["etag"] = "ACAB".into();
    }
    policy
}

/// As somebody else would.
pub(crate) fn bind(world: &mut World, key: &str, binding: Value) {
    let mut policy = of(world, key);
    let mut bindings = policy["bindings"].as_array().cloned().unwrap_or_default();
    bindings.push(binding);
    policy["bindings"] = bindings.into();
    policy["etag"] = format!("BW{}", world.next()).into();
    if has_conditions(&policy) {
        policy["version"] = 3.into();
    }
    world.policies.insert(key.to_owned(), policy);
}

fn has_conditions(policy: &Value) -> bool {
    policy["bindings"].as_array().is_some_and(|all| all.iter().any(|binding| !binding["condition"].is_null()))
}

fn key(world: &World, call: &Call) -> Result<String, Refusal> {
    let rest = call.rest.strip_suffix("/iam").unwrap_or(&call.rest);
    let key = format!("{}/{rest}", call.method.service());
    let stands = world.resources.contains_key(&key) || key == format!("cloudresourcemanager/projects/{PROJECT}");
    if stands { Ok(key) } else { Err(Refusal::not_found(&key)) }
}

pub(crate) fn get(world: &mut World, call: &Call) -> Result<Value, Refusal> {
    let policy = of(world, &key(world, call)?);
    let version = call
        .query("options.requestedPolicyVersion")
        .or(call.query("optionsRequestedPolicyVersion"))
        .map(str::to_owned)
        .or_else(|| call.body["options"]["requestedPolicyVersion"].as_u64().map(|version| version.to_string()));
    // The real one would leave the conditions out, and a careless caller would write them away.
    if has_conditions(&policy) && version.as_deref() != Some("3") {
        return Err(Refusal::invalid("the policy has conditions: ask for version 3"));
    }
    Ok(policy)
}

pub(crate) fn set(world: &mut World, call: &Call) -> Result<Value, Refusal> {
    let key = key(world, call)?;
    let mut policy = if call.method.service() == "storage" { call.body.clone() } else { call.body["policy"].clone() };
    let now = of(world, &key);
    match policy["etag"].as_str() {
        None => return Err(Refusal::invalid("a policy without an etag would undo what others do")),
        Some(etag) if now["etag"] != etag => {
            return Err(Refusal::new(
                409,
                "ABORTED",
                "There were concurrent policy changes. Please retry the whole read-modify-write.",
            ));
        }
        Some(_) => {}
    }
    if has_conditions(&now) && policy["version"] != 3 {
        return Err(Refusal::invalid("a policy with conditions is of version 3"));
    }
    for binding in policy["bindings"].as_array().into_iter().flatten() {
        let role = binding["role"].as_str().unwrap_or_default();
        let own = format!("projects/{PROJECT}/roles/");
        let known = role.starts_with("roles/")
            || world.resources.contains_key(&format!("iam/{role}")) && role.starts_with(&own);
        if !known {
            return Err(Refusal::invalid(format!("Role {role} is not supported for this resource.")));
        }
        let members = binding["members"].as_array().cloned().unwrap_or_default();
        if members.is_empty() {
            return Err(Refusal::invalid("a binding without members"));
        }
        members.iter().try_for_each(|member| check_member(world, member.as_str().unwrap_or_default()))?;
    }
    policy["etag"] = format!("BW{}", world.next()).into();
    world.policies.insert(key, policy.clone());
    Ok(policy)
}

fn check_member(world: &World, member: &str) -> Result<(), Refusal> {
    let domain = format!("@{PROJECT}.iam.gserviceaccount.com");
    match member.split_once(':') {
        None if matches!(member, "allUsers" | "allAuthenticatedUsers") => Ok(()),
        Some(("serviceAccount", email)) => {
            let key = format!("iam/projects/{PROJECT}/serviceAccounts/{email}");
            if email.ends_with(&domain) && email != super::DEPLOYER && !world.resources.contains_key(&key) {
                return Err(Refusal::invalid(format!("Service account {email} does not exist.")));
            }
            Ok(())
        }
        Some((who @ ("principal" | "principalSet"), name)) => {
            let part = if who == "principal" { "/subject/" } else { "/attribute." };
            let (pool, _) =
                name.split_once(part).ok_or_else(|| Refusal::invalid(format!("Invalid member {member}")))?;
            let pool = pool.replace("//iam.googleapis.com/", "iam/");
            let pool = pool.replace(super::NUMBER, PROJECT);
            if world.resources.contains_key(&pool) {
                Ok(())
            } else {
                Err(Refusal::invalid(format!("Identity pool does not exist ({pool}).")))
            }
        }
        Some(("user" | "group" | "domain", _)) => Ok(()),
        _ => Err(Refusal::invalid(format!("Invalid member {member}"))),
    }
}
