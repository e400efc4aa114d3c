//! What a PUT and a DELETE mean for each type, and what they are refused for.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    Call, Reply, TENANT,
    schema::{Ends, Type},
    world::{Place, Stored, World, domain, set},
};

fn guid(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let mut hex = String::new();
    for byte in &digest[..16] {
        let _ = write!(hex, "{byte:02x}");
    }
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn refused(status: u16, code: &str, message: impl Into<String>) -> Result<(), Reply> {
    Err(Reply::error(status, code, message))
}

impl World {
    pub(super) fn put(&mut self, call: &Call, of: &'static Type, place: &Place) -> Reply {
        match self.try_put(call, of, place) {
            Ok(reply) | Err(reply) => reply,
        }
    }

    fn try_put(&mut self, call: &Call, of: &'static Type, place: &Place) -> Result<Reply, Reply> {
        let body = call.json();
        let old = self.resources.get(&place.id.to_lowercase()).cloned();
        self.offered(of, &body)?;
        self.place_stands(of, place)?;
        of.check(&body, old.as_ref().map(|old| &old.body))
            .map_err(|(code, message)| Reply::error(400, &code, message))?;
        self.is_free(of, &place.id)?;
        self.matches(call, of, &body, old.as_ref())?;
        self.names(of, place, old.is_some(), &body)?;
        if old.is_none()
            && let Some(most) = self.quotas.get(&of.kind.to_lowercase())
            && self.resources.values().filter(|stored| stored.kind == of.kind).count() >= *most
        {
            refused(
                409,
                "QuotaExceeded",
                format!("Operation could not be completed: {most} of {} are used.", of.kind),
            )?;
        }
        self.references(of, place, &body)?;
        let id = self.id_of_new(of, place)?;
        let mut stored = Stored {
            body: body.clone(),
            version: old.as_ref().map_or(1, |old| old.version + 1),
            blind: if old.is_none() { self.blindness() } else { 0 },
            making: 0,
            kind: of.kind.as_str(),
            id: old.as_ref().map_or(id, |old| old.id.clone()),
        };
        self.fill_in(of, &mut stored);
        if of.kind == "Microsoft.KeyVault/vaults/keys"
            && let Some(old) = &old
        {
            // It is returned as it stands, and nothing is written.
            return Ok(Reply::new(200, self.told(old)));
        }
        let id = stored.id.clone();
        if of.kind == "Microsoft.Storage/storageAccounts/blobServices" {
            // It was there before, with its account.
            return Ok(self.taken(of, of.put, Some(stored), &id, false));
        }
        let ends = if of.kind == "Microsoft.Storage/storageAccounts" && old.is_some() { Ends::Now } else { of.put };
        Ok(self.taken(of, ends, Some(stored), &id, old.is_none()))
    }

    fn offered(&mut self, of: &Type, body: &Value) -> Result<(), Reply> {
        let namespace = of.kind.split('/').next().unwrap_or_default().to_lowercase();
        let left = self.registrations.get_mut(&namespace);
        if let Some(left) = left.filter(|left| **left != 1) {
            // It goes on while it is waited for, and may end before it is asked about.
            *left = if *left == 0 { 0 } else { *left - 1 };
            refused(
                409,
                "MissingSubscriptionRegistration",
                format!("The subscription is not registered to use namespace '{namespace}'."),
            )?;
        }
        let region = body["location"].as_str().unwrap_or_default().to_lowercase();
        if self.not_offered.contains(&(of.kind.to_lowercase(), region.clone())) {
            let message = format!("The provided location '{region}' is not available for resource type '{}'.", of.kind);
            refused(400, "LocationNotAvailableForResourceType", message)?;
        }
        Ok(())
    }

    fn place_stands(&self, of: &Type, place: &Place) -> Result<(), Reply> {
        if of.place == "group" {
            return Ok(());
        }
        if of.place == "extension" {
            let is_subscription = place.scope.split('/').count() <= 3;
            if !is_subscription && !self.stands(&place.scope) {
                refused(404, "ResourceNotFound", format!("The scope '{}' could not be found.", place.scope))?;
            }
            return Ok(());
        }
        if !self.group_stands(&place.id) {
            refused(404, "ResourceGroupNotFound", "Resource group could not be found.")?;
        }
        let parent: Vec<&str> = place.id.rsplitn(3, '/').collect();
        if place.names.len() > 1 {
            let parent = parent[2];
            if !self.stands(parent) {
                refused(
                    404,
                    "ParentResourceNotFound",
                    format!(
                        "Can not perform requested operation on nested resource. Parent resource '{parent}' not found."
                    ),
                )?;
            }
            if self.operation_on(parent).is_some() {
                refused(409, "AnotherOperationInProgress", format!("'{parent}' is being changed"))?;
            }
        }
        Ok(())
    }

    /// One change at a time within a domain, and on one resource.
    fn is_free(&mut self, of: &Type, id: &str) -> Result<(), Reply> {
        let domain = domain(of, id);
        let in_the_way = self.operations.iter().filter(|(_, operation)| {
            !operation.ended
                && (operation.target.eq_ignore_ascii_case(id) || domain.is_some() && operation.domain == domain)
        });
        let in_the_way: Vec<String> = in_the_way.map(|(number, _)| number.clone()).collect();
        let busy = !in_the_way.is_empty();
        // It goes on also where nobody asks about it any more: its caller may be dead.
        for number in in_the_way {
            drop(self.poll(&number, true));
        }
        if busy || self.is_busy_by_chance() {
            refused(
                409,
                "AnotherOperationInProgress",
                "Another operation on this or a dependent resource is in progress.",
            )?;
        }
        Ok(())
    }

    fn matches(&self, call: &Call, of: &Type, body: &Value, old: Option<&Stored>) -> Result<(), Reply> {
        let now = old.map(|old| format!("\"v{}\"", old.version));
        if let Some(expected) = call.header("if-match")
            && expected != "*"
            && now.as_deref() != Some(expected)
        {
            refused(412, "PreconditionFailed", "The condition specified using HTTP conditional header(s) is not met.")?;
        }
        if of.body_etag && old.is_some() && body.get("eTag").and_then(Value::as_str) != now.as_deref() {
            refused(409, "Conflict", "The eTag in the body is another.")?;
        }
        Ok(())
    }

    fn names(&mut self, of: &Type, place: &Place, stands: bool, body: &Value) -> Result<(), Reply> {
        let name = place.names.last().cloned().unwrap_or_default();
        let lower = name.to_lowercase();
        let alphanumeric = |c: char| c.is_ascii_alphanumeric();
        match of.kind.as_str() {
            "Microsoft.Storage/storageAccounts" => {
                let good = (3..=24).contains(&name.len())
                    && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
                if !good {
                    refused(400, "AccountNameInvalid", format!("{name} is not a valid storage account name."))?;
                }
                if !stands && self.elsewhere(of, &lower, &place.id) {
                    refused(
                        409,
                        "StorageAccountAlreadyTaken",
                        format!("The storage account named {name} is already taken."),
                    )?;
                }
            }
            "Microsoft.KeyVault/vaults" => {
                let good = (3..=24).contains(&name.len())
                    && name.starts_with(|c: char| c.is_ascii_alphabetic())
                    && name.chars().all(|c| alphanumeric(c) || c == '-');
                if !good || name.contains("--") {
                    refused(400, "VaultNameNotValid", format!("The vault name '{name}' is invalid."))?;
                }
                if !stands && self.deleted_vaults.contains_key(&lower) {
                    if body.pointer("/properties/createMode") != Some(&json!("recover")) {
                        refused(
                            409,
                            "ConflictError",
                            "A vault with the same name already exists in deleted state. You need to either recover or purge existing key vault.",
                        )?;
                    }
                    self.deleted_vaults.remove(&lower);
                }
                if body.pointer("/properties/enablePurgeProtection") == Some(&json!(false)) {
                    refused(400, "BadRequest", "The property \"enablePurgeProtection\" cannot be set to false.")?;
                }
            }
            "Microsoft.KeyVault/vaults/keys" | "Microsoft.KeyVault/vaults/secrets"
                if !stands && self.kept_secrets.contains(&place.id.to_lowercase()) =>
            {
                refused(409, "Conflict", format!("{name} is currently in a deleted but recoverable state."))?;
            }
            "Microsoft.DBforPostgreSQL/flexibleServers" if !stands && self.kept_servers.contains(&lower) => {
                refused(409, "ServerNameAlreadyExists", "Specified server name is already used.")?;
            }
            "Microsoft.ContainerRegistry/registries"
                if !(5..=50).contains(&name.len()) || !name.chars().all(alphanumeric) =>
            {
                refused(400, "InvalidRegistryName", format!("{name} is no name of a registry"))?;
            }
            "Microsoft.App/containerApps" if !(2..=32).contains(&name.len()) => {
                refused(400, "ContainerAppInvalidName", format!("Invalid ContainerApp name '{name}'."))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the name of a worldwide type is used at another id.
    fn elsewhere(&self, of: &Type, lower: &str, id: &str) -> bool {
        self.resources.values().any(|stored| {
            stored.kind == of.kind
                && !stored.id.eq_ignore_ascii_case(id)
                && stored.id.rsplit('/').next().is_some_and(|name| name.eq_ignore_ascii_case(lower))
        })
    }

    /// Whether a principal has one of the roles at a scope or above it.
    fn may(&self, principal: &str, scope: &str, role: &str) -> bool {
        let scope = scope.to_lowercase();
        self.resources.values().any(|stored| {
            stored.kind == "Microsoft.Authorization/roleAssignments"
                && stored.body["properties"]["principalId"] == principal
                && stored.body["properties"]["roleDefinitionId"].as_str().is_some_and(|id| id.ends_with(role))
                && stored.body["properties"]["scope"].as_str().is_some_and(|at| scope.starts_with(&at.to_lowercase()))
        })
    }

    fn principal_of(&self, identity: &str) -> String {
        let stored = self.resources.get(&identity.to_lowercase());
        stored.and_then(|stored| stored.body["properties"]["principalId"].as_str()).unwrap_or_default().to_owned()
    }

    /// What a body names must stand, and let it in.
    fn references(&mut self, of: &Type, place: &Place, body: &Value) -> Result<(), Reply> {
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut needed: Vec<String> = Vec::new();
        if let Some(map) = body.pointer("/identity/userAssignedIdentities").and_then(Value::as_object) {
            needed.extend(map.keys().cloned());
        }
        match of.kind.as_str() {
            "Microsoft.Authorization/roleAssignments" => {
                let principal = text("/properties/principalId");
                let Some(left) = self.principals.get_mut(&principal) else {
                    return refused(
                        400,
                        "PrincipalNotFound",
                        format!("Principal {principal} does not exist in the directory."),
                    );
                };
                if *left > 0 {
                    *left -= 1;
                    refused(
                        400,
                        "PrincipalNotFound",
                        format!("Principal {principal} does not exist in the directory yet."),
                    )?;
                }
                let role = text("/properties/roleDefinitionId");
                if !role.starts_with("/subscriptions/")
                    || !role.contains("/providers/Microsoft.Authorization/roleDefinitions/")
                {
                    refused(400, "InvalidRoleDefinitionId", format!("'{role}' is no role"))?;
                }
                let name = place.names.last().cloned().unwrap_or_default();
                if name.len() != 36 || name.split('-').count() != 5 {
                    refused(400, "InvalidRoleAssignmentId", "The role assignment ID is not a GUID.")?;
                }
                let same = self.resources.values().any(|stored| {
                    stored.kind == of.kind
                        && !stored.id.eq_ignore_ascii_case(&place.id)
                        && stored.body["properties"]["scope"]
                            .as_str()
                            .is_some_and(|at| at.eq_ignore_ascii_case(&place.scope))
                        && stored.body["properties"]["principalId"] == principal.as_str()
                        && stored.body["properties"]["roleDefinitionId"] == role.as_str()
                });
                if same {
                    refused(409, "RoleAssignmentExists", "The role assignment already exists.")?;
                }
            }
            "Microsoft.Storage/storageAccounts" => self.storage_key(body)?,
            "Microsoft.Storage/storageAccounts/objectReplicationPolicies" => {
                needed.extend([text("/properties/sourceAccount"), text("/properties/destinationAccount")]);
                let policy = place.names.last().cloned().unwrap_or_default();
                let account = place.id.rsplitn(3, '/').nth(2).unwrap_or_default();
                let receives = account.eq_ignore_ascii_case(&text("/properties/destinationAccount"));
                let known = self
                    .resources
                    .values()
                    .any(|stored| stored.kind == of.kind && stored.body["properties"]["policyId"] == policy.as_str());
                if !receives && !known {
                    refused(400, "InvalidReplicationPolicy", "the destination account must have the policy first")?;
                }
            }
            "Microsoft.Network/virtualNetworks" => {
                // What a PUT says of subnets is what becomes of them: one that it leaves out goes, and one without its
                // properties loses them.
                let said = body.pointer("/properties/subnets").and_then(Value::as_array).cloned().unwrap_or_default();
                for subnet in self.below(&place.id, "/subnets/") {
                    let told = self.told(subnet);
                    match said.iter().find(|said| said["name"] == told["name"]) {
                        None => refused(400, "InUseSubnetCannotBeDeleted", format!("Subnet {} is in use.", subnet.id))?,
                        Some(said) if said["properties"] != told["properties"] => {
                            refused(400, "SubnetIsInUse", format!("Subnet {} cannot become another.", subnet.id))?;
                        }
                        Some(_) => {}
                    }
                }
            }
            "Microsoft.Network/privateDnsZones/virtualNetworkLinks" => {
                needed.push(text("/properties/virtualNetwork/id"))
            }
            "Microsoft.DBforPostgreSQL/flexibleServers" => {
                needed.extend([
                    text("/properties/network/delegatedSubnetResourceId"),
                    text("/properties/network/privateDnsZoneArmResourceId"),
                ]);
                let burstable = text("/sku/tier") == "Burstable";
                if burstable && !matches!(text("/properties/highAvailability/mode").as_str(), "" | "Disabled") {
                    refused(400, "HANotSupportedForBurstable", "High availability is not supported for Burstable.")?;
                }
            }
            "Microsoft.App/managedEnvironments" => {
                needed.push(text("/properties/vnetConfiguration/infrastructureSubnetId"))
            }
            "Microsoft.App/containerApps" => {
                needed.push(text("/properties/environmentId"));
                self.app_secrets(body)?;
            }
            "Microsoft.Insights/diagnosticSettings" => needed.push(text("/properties/workspaceId")),
            "Microsoft.Insights/metricAlerts" => {
                let strings =
                    |pointer: &str| body.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
                needed.extend(strings("/properties/scopes").iter().filter_map(Value::as_str).map(str::to_owned));
                let actions = strings("/properties/actions");
                needed.extend(actions.iter().filter_map(|action| action["actionGroupId"].as_str()).map(str::to_owned));
            }
            "Microsoft.Consumption/budgets" => {
                let start = text("/properties/timePeriod/startDate");
                if !start.contains("-01T00:00:00Z") {
                    refused(400, "InvalidTimePeriod", "The start date must be the first of a month.")?;
                }
            }
            _ => {}
        }
        match needed.iter().find(|id| !id.is_empty() && !self.stands(id)) {
            Some(missing) => refused(
                400,
                "InvalidResourceReference",
                format!("Resource {missing} referenced by {} was not found.", place.id),
            ),
            None => Ok(()),
        }
    }

    fn storage_key(&self, body: &Value) -> Result<(), Reply> {
        const READS_KEYS: &str = "e147488a-f6f5-4113-8e2d-b22465e65bf6";
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        if text("/properties/encryption/keySource") != "Microsoft.Keyvault" {
            return Ok(());
        }
        let vault = text("/properties/encryption/keyvaultproperties/keyvaulturi");
        let name = text("/properties/encryption/keyvaultproperties/keyname");
        let key = self.resources.values().find(|stored| {
            stored.kind == "Microsoft.KeyVault/vaults/keys"
                && stored.body["properties"]["keyUri"].as_str().is_some_and(|uri| uri == format!("{vault}keys/{name}"))
        });
        let Some(key) = key else {
            return refused(400, "KeyVaultKeyNotFound", format!("the key {vault}keys/{name} was not found"));
        };
        let principal = self.principal_of(text("/properties/encryption/identity/userAssignedIdentity"));
        if !self.may(&principal, &key.id, READS_KEYS) {
            refused(
                403,
                "KeyVaultAuthenticationFailure",
                "The operation failed because of authentication issue on the keyvault.",
            )?;
        }
        Ok(())
    }

    fn app_secrets(&self, body: &Value) -> Result<(), Reply> {
        const READS_SECRETS: &str = "4633458b-17de-408a-b874-0445c86b69e6";
        let secrets = body.pointer("/properties/configuration/secrets").and_then(Value::as_array);
        for secret in secrets.into_iter().flatten() {
            let (Some(uri), Some(identity)) = (secret["keyVaultUrl"].as_str(), secret["identity"].as_str()) else {
                continue;
            };
            let found = self.resources.values().find(|stored| {
                stored.kind == "Microsoft.KeyVault/vaults/secrets"
                    && stored.body["properties"]["secretUri"].as_str() == Some(uri)
            });
            let principal = self.principal_of(identity);
            if found.is_none_or(|found| !self.may(&principal, &found.id, READS_SECRETS)) {
                let message = format!(
                    "Field 'configuration.secrets' is invalid with details: unable to fetch secret '{}' using Managed identity '{identity}'",
                    secret["name"]
                );
                refused(400, "InvalidParameterValueInContainerTemplate", message)?;
            }
        }
        let named: Vec<&str> = secrets.into_iter().flatten().filter_map(|secret| secret["name"].as_str()).collect();
        let containers = body.pointer("/properties/template/containers").and_then(Value::as_array);
        let wanted = containers.into_iter().flatten().filter_map(|container| container["env"].as_array()).flatten();
        for name in wanted.filter_map(|variable| variable["secretRef"].as_str()) {
            if !named.contains(&name) {
                refused(400, "ContainerAppSecretRefNotFound", format!("SecretRef '{name}' not found."))?;
            }
        }
        Ok(())
    }

    /// The id of a new resource: Azure names some itself.
    fn id_of_new(&self, of: &Type, place: &Place) -> Result<String, Reply> {
        if of.kind.ends_with("/objectReplicationPolicies") && place.names.last().is_some_and(|name| name == "default") {
            let (before, _) = place.id.rsplit_once('/').unwrap_or_default();
            return Ok(format!("{before}/{}", guid(&format!("policy {}", self.next))));
        }
        Ok(place.id.clone())
    }

    /// What Azure adds by itself.
    fn fill_in(&mut self, of: &Type, stored: &mut Stored) {
        let name = stored.id.rsplit('/').next().unwrap_or_default().to_owned();
        let lower = name.to_lowercase();
        let id = stored.id.clone();
        let mut add = |pointer: &str, value: Value| set(&mut stored.body, pointer, value);
        match of.kind.as_str() {
            "Microsoft.ManagedIdentity/userAssignedIdentities" => {
                let principal = guid(&format!("principal {id}"));
                let refusals = self.principal_refusals;
                self.principals.entry(principal.clone()).or_insert(refusals);
                add("/properties/tenantId", json!(TENANT));
                add("/properties/principalId", json!(principal));
                add("/properties/clientId", json!(guid(&format!("client {id}"))));
            }
            "Microsoft.Authorization/roleAssignments" => {
                let scope = id.rsplit_once("/providers/").map(|(scope, _)| scope).unwrap_or_default();
                add("/properties/scope", json!(scope));
                add("/properties/createdOn", json!("2026-11-21T00:00:00Z"));
            }
            "Microsoft.KeyVault/vaults" => {
                add("/properties/vaultUri", json!(format!("https://{lower}.vault.azure.net/")))
            }
            "Microsoft.KeyVault/vaults/keys" | "Microsoft.KeyVault/vaults/secrets" => {
                let parts: Vec<&str> = id.rsplit('/').collect();
                let (vault, what) = (parts[2].to_lowercase(), parts[1]);
                let uri = format!("https://{vault}.vault.azure.net/{what}/{name}");
                let key = if what == "keys" { "key" } else { "secret" };
                add(&format!("/properties/{key}UriWithVersion"), json!(format!("{uri}/0001")));
                add(&format!("/properties/{key}Uri"), json!(uri));
            }
            "Microsoft.Storage/storageAccounts" => {
                let blob = match &self.blobs {
                    Some((endpoint, _)) => format!("{endpoint}/{lower}/"),
                    None => format!("https://{lower}.blob.core.windows.net/"),
                };
                add("/properties/primaryEndpoints", json!({ "blob": blob }));
                add("/properties/provisioningState", json!("Succeeded"));
                add("/sku/tier", json!("Standard"));
            }
            "Microsoft.Storage/storageAccounts/objectReplicationPolicies" => {
                add("/properties/policyId", json!(name));
                let rules = stored.body.pointer_mut("/properties/rules").and_then(Value::as_array_mut);
                for (index, rule) in rules.into_iter().flatten().enumerate() {
                    if rule.get("ruleId").is_none() {
                        rule["ruleId"] = json!(guid(&format!("rule {id} {index}")));
                    }
                }
            }
            "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies" => {
                add("/properties/state", json!("Unlocked"));
            }
            "Microsoft.ContainerRegistry/registries" => {
                add("/properties/loginServer", json!(format!("{lower}.azurecr.io")))
            }
            "Microsoft.App/managedEnvironments" => {
                add("/properties/defaultDomain", json!(format!("{lower}.westeurope.azurecontainerapps.io")));
            }
            "Microsoft.App/containerApps" => {
                add("/properties/configuration/ingress/fqdn", json!(format!("{lower}.azurecontainerapps.io")));
                add("/properties/latestRevisionName", json!(format!("{lower}--0001")));
            }
            "Microsoft.DBforPostgreSQL/flexibleServers" => {
                add("/properties/fullyQualifiedDomainName", json!(format!("{lower}.postgres.database.azure.com")));
                add("/properties/state", json!("Ready"));
            }
            _ => {}
        }
        if of.root_has("provisioningState") {
            set(&mut stored.body, "/properties/provisioningState", json!("Succeeded"));
        }
    }

    pub(super) fn delete(&mut self, call: &Call, of: &'static Type, place: &Place) -> Reply {
        match self.try_delete(call, of, place) {
            Ok(reply) | Err(reply) => reply,
        }
    }

    fn try_delete(&mut self, call: &Call, of: &'static Type, place: &Place) -> Result<Reply, Reply> {
        let key = place.id.to_lowercase();
        if of.delete == Ends::Refused {
            refused(405, "MethodNotAllowed", format!("{} cannot be deleted here", of.kind))?;
        }
        let Some(stored) = self.resources.get(&key).cloned() else { return Ok(Reply::empty(204)) };
        if let Some(lock) = self.locks.iter().find(|lock| key.starts_with(lock.as_str()) || lock.starts_with(&key)) {
            refused(
                409,
                "ScopeLocked",
                format!("The scope '{}' cannot perform delete operation because it is locked: {lock}", place.id),
            )?;
        }
        self.is_free(of, &place.id)?;
        self.matches(call, of, &Value::Null, Some(&stored).filter(|_| !of.body_etag))?;
        if of.delete == Ends::ByEtag && call.header("if-match").is_none() {
            refused(412, "PreconditionFailed", "If-Match is required")?;
        }
        let policy = "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies";
        if of.kind.ends_with("/containers") && self.below(&place.id, "/").any(|other| other.kind == policy) {
            refused(409, "ContainerHasImmutabilityPolicy", "The container has an immutability policy.")?;
        }
        if of.kind.starts_with("Microsoft.Network/virtualNetworks") {
            let user = self.resources.values().find(|other| {
                other.kind != of.kind
                    && !other.kind.starts_with("Microsoft.Network/virtualNetworks")
                    && other.body.to_string().to_lowercase().contains(&format!("{key}\""))
            });
            if let Some(user) = user {
                refused(400, "InUseSubnetCannotBeDeleted", format!("{} is in use by {}", place.id, user.id))?;
            }
        }
        Ok(self.taken(of, of.delete, None, &stored.id, false))
    }
}
