//! Calls that are no PUT, GET or DELETE of a resource: the subscription, its providers and rights, keys, what is kept.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    Call, Reply, SUBSCRIPTION,
    schema::types,
    world::{Place, World},
};

impl World {
    /// Answers what stands beside the resources; `None` where it is none of these.
    pub(super) fn plain(&mut self, call: &Call) -> Option<Reply> {
        let rest = call.path.strip_prefix(&format!("/subscriptions/{SUBSCRIPTION}"))?;
        let parts: Vec<&str> = rest.split('/').skip(1).collect();
        Some(match (call.method.as_str(), parts.as_slice()) {
            ("GET", []) => Reply::new(
                200,
                json!({ "subscriptionId": SUBSCRIPTION, "displayName": "wildlife", "state": "Enabled" }),
            ),
            ("GET", ["resourceGroups", group, "resources"]) => self.in_group(group),
            ("GET", ["providers", namespace]) => self.provider(namespace),
            ("POST", ["providers", namespace, "register"]) => {
                // It takes a while.
                self.registrations.insert(namespace.to_lowercase(), 2);
                Reply::new(200, json!({ "namespace": namespace, "registrationState": "Registering" }))
            }
            ("GET", ["providers", "Microsoft.Authorization", "permissions"]) => Reply::new(
                200,
                json!({ "value": [
                    { "actions": ["*"], "notActions": ["Microsoft.Authorization/*/Write"] },
                    { "actions": ["Microsoft.Authorization/roleAssignments/write"], "notActions": [] },
                ] }),
            ),
            ("GET", ["providers", "Microsoft.KeyVault", "locations", _, "deletedVaults", name]) => {
                match self.deleted_vaults.get(&name.to_lowercase()) {
                    Some(stored) => Reply::new(
                        200,
                        json!({ "id": call.path, "name": name,
                        "properties": { "vaultId": stored.id, "tags": stored.body["tags"] } }),
                    ),
                    None => Reply::error(404, "DeletedVaultNotFound", "no such deleted vault"),
                }
            }
            ("GET", ["providers", namespace, "locations", _, .., "usages"]) => {
                let used = self.resources.values().filter(|stored| stored.kind.starts_with(namespace)).count();
                let line = json!({ "currentValue": used, "limit": 3, "name": { "value": *namespace } });
                Reply::new(200, json!({ "value": [line] }))
            }
            _ => return None,
        })
    }

    fn in_group(&self, group: &str) -> Reply {
        let below = format!("/subscriptions/{SUBSCRIPTION}/resourcegroups/{}/providers/", group.to_lowercase());
        let found = self.resources.iter().filter(|(key, stored)| {
            // Only what is tracked, as there.
            key.starts_with(&below) && types()[&stored.kind.to_lowercase()].place == "tracked"
        });
        let lines: Vec<Value> = found.map(|(_, stored)| json!({ "id": stored.id, "type": stored.kind })).collect();
        Reply::new(200, json!({ "value": lines }))
    }

    fn provider(&mut self, namespace: &str) -> Reply {
        let state = match self.registrations.get_mut(&namespace.to_lowercase()) {
            None | Some(1) => "Registered",
            Some(0) => "NotRegistered",
            Some(left) => {
                *left -= 1;
                "Registering"
            }
        };
        let prefix = format!("{}/", namespace.to_lowercase());
        let mut kinds: BTreeSet<String> = BTreeSet::new();
        kinds.extend(types().keys().filter(|kind| kind.starts_with(&prefix)).cloned());
        let lines: Vec<Value> = kinds
            .iter()
            .map(|kind| {
                let regions = ["West Europe", "North Europe"].into_iter().filter(|region| {
                    let region = region.replace(' ', "").to_lowercase();
                    !self.not_offered.contains(&(kind.clone(), region))
                });
                json!({ "resourceType": &types()[kind].kind[prefix.len()..], "locations": regions.collect::<Vec<_>>() })
            })
            .collect();
        Reply::new(200, json!({ "namespace": namespace, "registrationState": state, "resourceTypes": lines }))
    }

    /// A call below a resource that is no type.
    pub(super) fn action(&mut self, call: &Call, place: &Place) -> Reply {
        let account = place.id.strip_suffix("/listKeys");
        match (call.method.as_str(), account) {
            ("POST", Some(account)) => {
                let version = &types()["microsoft.storage/storageaccounts"].version;
                if call.query.get("api-version") != Some(version) {
                    return Reply::error(400, "NoRegisteredProviderFound", "another api-version");
                }
                let Some(stored) = self.resources.get(&account.to_lowercase()) else {
                    return Reply::error(404, "ResourceNotFound", "no such account");
                };
                if self.keys_denied {
                    return Reply::error(403, "AuthorizationFailed", "The client has no authorization for listKeys.");
                }
                if stored.body.pointer("/properties/allowSharedKeyAccess") == Some(&json!(false)) {
                    return Reply::error(403, "KeyBasedAuthenticationNotPermitted", "keys are not permitted");
                }
                let key = self.blobs.as_ref().map_or("ZmFrZQ==", |(_, key)| key);
                Reply::new(200, json!({ "keys": [{ "keyName": "key1", "value": key, "permissions": "FULL" }] }))
            }
            _ => Reply::error(404, "InvalidResourceType", format!("nothing is known of {}", place.kind)),
        }
    }

    /// The service of the blobs, to somebody with a role in place of a key.
    pub(super) fn blobs_themselves(&self, call: &Call) -> Reply {
        match self.tokens.check_for(call, "https://storage.azure.com/.default") {
            Ok(()) => Reply::error(404, "BlobNotFound", "The specified blob does not exist."),
            Err(reply) => reply,
        }
    }

    /// The vault's own service.
    pub(super) fn vault_itself(&mut self, call: &Call) -> Reply {
        if let Err(reply) = self.tokens.check_for(call, "https://vault.azure.net/.default") {
            return reply;
        }
        if !self.vault_access {
            return Reply::error(403, "Forbidden", "Caller is not authorized to perform action on resource.");
        }
        let parts: Vec<&str> = call.path.split('/').skip(2).collect();
        let [vault, what @ ("keys" | "secrets"), name] = parts.as_slice() else {
            return Reply::error(404, "NotFound", "nothing is there");
        };
        let end = format!("/vaults/{vault}/{what}/{name}").to_lowercase();
        let found = self.resources.keys().find(|key| key.ends_with(&end)).cloned();
        match (call.method.as_str(), found) {
            ("DELETE", Some(key)) => {
                self.kept_secrets.insert(key.clone());
                self.remove(&key);
                Reply::new(200, json!({ "recoveryId": call.path }))
            }
            ("DELETE", None) => Reply::error(404, "SecretNotFound", "nothing of that name"),
            (other, _) => Reply::error(405, "MethodNotAllowed", format!("{other} is not known here")),
        }
    }
}
