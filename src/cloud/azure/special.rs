//! What single types of Azure do unlike the others.

use reqwest::Method;
use serde_json::Value;
use url::Url;

use super::{Azure, arm::Ask, errors, ids};
use crate::cloud::control::{Failure, FailureKind, Live, Step, Wanted};

/// A role that somebody has somewhere.
pub(super) const ASSIGNMENT: &str = "Microsoft.Authorization/roleAssignments";
/// A resource group.
pub(super) const GROUP: &str = "Microsoft.Resources/resourceGroups";
const VAULT: &str = "Microsoft.KeyVault/vaults";
const KEY: &str = "Microsoft.KeyVault/vaults/keys";
const SECRET: &str = "Microsoft.KeyVault/vaults/secrets";
const BLOB_SERVICE: &str = "Microsoft.Storage/storageAccounts/blobServices";
const LIFECYCLE: &str = "Microsoft.Storage/storageAccounts/managementPolicies";
const IMMUTABILITY: &str = "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies";
const REPLICATION: &str = "Microsoft.Storage/storageAccounts/objectReplicationPolicies";
const POSTGRES: &str = "Microsoft.DBforPostgreSQL/flexibleServers";
const BUDGET: &str = "Microsoft.Consumption/budgets";

/// The api-version of providers and their registration.
pub(super) const PROVIDERS_API: &str = "2025-04-01";
/// The api-version of Key Vault's own service, for what its control plane cannot delete.
const VAULT_API: &str = "7.5";

/// The kind of the resource at an id, where it is a group or a plain type.
pub(super) fn kind_of(id: &str) -> Option<&'static str> {
    let known = crate::cloud::rules::Rules::of(crate::project::Provider::Azure);
    if ids::parent(id).is_none() && !id.to_ascii_lowercase().contains("/providers/") {
        return ids::group(id).map(|_| GROUP);
    }
    let (_, tail) = id.rsplit_once("/providers/")?;
    let mut parts = tail.split('/');
    let namespace = parts.next()?;
    let types: Vec<&str> = parts.step_by(2).collect();
    let kind = format!("{namespace}/{}", types.join("/"));
    known.types.keys().find(|name| name.eq_ignore_ascii_case(&kind)).map(String::as_str)
}

/// One call lists all of them below the subscription.
pub(super) fn is_listed_below(kind: &str) -> bool {
    kind == ASSIGNMENT
}

/// Azure has no list of them: there is one, by a fixed name, in what it stands in.
pub(super) fn has_no_list(kind: &str) -> bool {
    // Diagnostic settings are listed only on the one resource that they belong to.
    matches!(kind, LIFECYCLE | IMMUTABILITY | "Microsoft.Insights/diagnosticSettings")
}

/// There is exactly one in each that it stands in, made with it.
pub(super) fn is_alone(kind: &str) -> bool {
    kind == BLOB_SERVICE
}

/// It stands before anybody makes it: to make it is to change it.
pub(super) fn comes_with_its_parent(kind: &str) -> bool {
    is_alone(kind)
}

/// It cannot be deleted, and goes with what it stands in.
pub(super) fn goes_with_its_parent(kind: &str) -> bool {
    is_alone(kind)
}

/// A second PUT is refused, or makes another version.
pub(super) fn is_made_once(kind: &str) -> bool {
    // A network that is made again without its subnets loses them.
    matches!(kind, "Microsoft.Network/virtualNetworks" | KEY | ASSIGNMENT)
}

/// Its lists tell less than reading it.
pub(super) fn is_partial_in_lists(kind: &str) -> bool {
    matches!(kind, KEY | SECRET) || kind == "Microsoft.Storage/storageAccounts/blobServices/containers"
}

/// Its deletion must name the version that is meant.
pub(super) fn is_deleted_by_etag(kind: &str) -> bool {
    kind == IMMUTABILITY
}

/// The control plane makes and reads it, and only the vault itself deletes it.
pub(super) fn is_in_a_vault(kind: &str) -> bool {
    matches!(kind, KEY | SECRET)
}

/// What Azure wants in a new resource and a template cannot know.
pub(super) fn complete(kind: &str, subscription: &str, body: &mut Value, now: jiff::Timestamp) {
    if kind == ASSIGNMENT
        && let Some(Value::String(role)) = body.pointer_mut("/properties/roleDefinitionId")
        && role.starts_with("/providers/")
    {
        *role = format!("/subscriptions/{subscription}{role}");
    }
    if kind == BUDGET
        && let Some(Value::Object(properties)) = body.get_mut("properties")
    {
        // The first day of the current month: another is refused.
        let month = now.to_zoned(jiff::tz::TimeZone::UTC).date().first_of_month();
        properties
            .entry("timePeriod")
            .or_insert_with(|| serde_json::json!({ "startDate": format!("{month}T00:00:00Z") }));
    }
}

/// Whether a resource is found by what it says, since Azure gives it a name of its own.
pub(super) fn is_named_by_azure(wanted: &Wanted) -> bool {
    let name = wanted.properties.get("name").and_then(Value::as_str).unwrap_or_default();
    wanted.kind == REPLICATION && name.ends_with("/default")
}

impl Azure {
    /// The policy on the receiving account between the same two accounts.
    pub(super) async fn same_replication(&self, wanted: &Wanted, id: &str) -> Result<Option<Live>, Failure> {
        let call = format!("LIST {REPLICATION}");
        let (collection, _) = id.rsplit_once('/').unwrap_or_default();
        let url = self.arm.at(collection, &self.rules(REPLICATION)?.api_version);
        let found = match self.arm.pages(&call, url).await {
            Ok(found) => found,
            Err(failure) if failure.kind == FailureKind::NotFound => return Ok(None),
            Err(failure) => return Err(failure),
        };
        // Azure tells accounts by their names or by their ids.
        let last = |text: &str| text.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let account = |of: &Value, pointer: &str| of.pointer(pointer).and_then(Value::as_str).map(last);
        let same = found.into_iter().find(|told| {
            ["/properties/sourceAccount", "/properties/destinationAccount"]
                .iter()
                .all(|pointer| account(told, pointer) == account(&wanted.properties, pointer))
        });
        Ok(same.and_then(|told| super::body::live(REPLICATION, ids::Route::Child, &wanted.region, told)))
    }

    /// A group goes with everything in it: what is left there was made by somebody else.
    pub(super) async fn refuse_a_full_group(&self, call: &str, live: &Live) -> Result<(), Failure> {
        let url = self.arm.at(&format!("{}/resources", live.id), PROVIDERS_API);
        let left = self.arm.pages("LIST resources of the group", url).await?;
        let Some(first) = left.first() else { return Ok(()) };
        let first = first.get("id").and_then(Value::as_str).unwrap_or("one without an id");
        let message = format!("the group still holds {} resources, such as `{first}`", left.len());
        Err(Failure::new(FailureKind::Protected, call, message)
            .next_step("move or delete them first: the group would take them with it"))
    }

    /// Deletes a key or secret at the vault itself. It is kept there for the vault's retention, and blocks its name.
    pub(super) async fn remove_from_vault(&self, call: &str, live: &Live) -> Result<Step, Failure> {
        let name = ids::name(&live.id);
        let (vault, own) = name
            .split_once('/')
            .ok_or_else(|| Failure::new(FailureKind::Invalid, call, "its id names no vault and no key in it"))?;
        let parent = ids::parent(&live.id).unwrap_or_default();
        let about = self.read_one(VAULT, &live.region, parent).await?;
        let uri = about.properties.pointer("/properties/vaultUri").and_then(Value::as_str).unwrap_or_default();
        let mut url = match &self.vault {
            // An emulator has the vault in the path.
            Some(url) => self.arm.joined(url, &[vault]),
            None => Url::parse(uri)
                .ok()
                .filter(|url| url.scheme() == "https" && url.host_str().is_some_and(|host| is_vault_host(host, vault)))
                .ok_or_else(|| Failure::new(FailureKind::Invalid, call, "the vault does not tell its address"))?,
        };
        let collection = if live.kind == KEY { "keys" } else { "secrets" };
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend([collection, own]);
        }
        url.query_pairs_mut().append_pair("api-version", VAULT_API);
        let service = Url::parse(uri).ok().and_then(|url| {
            let host = url.host_str()?.to_owned();
            host.split_once('.').map(|(_, rest)| rest.to_owned())
        });
        let scope = format!("https://{}/.default", service.as_deref().unwrap_or("vault.azure.net"));
        let ask = Ask { call, method: Method::DELETE, url, body: None, etag: None };
        match self.arm.ask_as(&scope, ask).await {
            Ok(_) => Ok(Step::Done { id: String::new(), live: None }),
            Err(mut failure) => {
                if failure.kind == FailureKind::Denied {
                    let role = if live.kind == KEY { "Key Vault Crypto Officer" } else { "Key Vault Secrets Officer" };
                    failure.next_step = Some(format!(
                        "only the vault itself deletes keys and secrets: az role assignment create --role \"{role}\" \
                         --assignee WHO --scope {parent}"
                    ));
                }
                Err(failure)
            }
        }
    }

    /// A creation was refused because the subscription does not use the provider yet: it is registered, and the caller
    /// comes again.
    pub(super) async fn registered(&self, failure: Failure, kind: &str) -> Failure {
        let Some((namespace, _)) = kind.split_once('/') else { return failure };
        let at = format!("/subscriptions/{}/providers/{namespace}", self.arm.subscription);
        let call = format!("GET provider {namespace}");
        let told = match self.arm.get_json(&call, self.arm.at(&at, PROVIDERS_API)).await {
            Ok(told) => told,
            Err(_) => return failure.next_step(format!("az provider register --namespace {namespace}")),
        };
        let state = told.get("registrationState").and_then(Value::as_str).unwrap_or_default();
        if state.eq_ignore_ascii_case("registered") && errors::code_of(&failure) == "MissingSubscriptionRegistration" {
            // It was done in between.
            let mut again = Failure::new(FailureKind::NotYet, failure.call, failure.message);
            again.retry_after_ms = Some(1000);
            return again;
        }
        if state.eq_ignore_ascii_case("registered") {
            // It is the region or the version that is not offered.
            return failure.next_step("choose a region that offers it: `wildcam doctor --cloud` lists them");
        }
        if !state.eq_ignore_ascii_case("registering") {
            let call = format!("POST provider {namespace} register");
            let url = self.arm.at(&format!("{at}/register"), PROVIDERS_API);
            let ask = Ask { call: &call, method: Method::POST, url, body: None, etag: None };
            if let Err(mut refused) = self.arm.ask(ask).await {
                refused.next_step =
                    Some(format!("let somebody who may do so run: az provider register --namespace {namespace}"));
                return refused;
            }
        }
        let mut later = Failure::new(
            FailureKind::NotYet,
            failure.call,
            format!("the subscription begins to use {namespace}; that takes some minutes"),
        );
        later.retry_after_ms = Some(5000);
        later
    }

    /// A name that is taken, and not by what stands at its id: kept from a deleted resource, or a stranger's.
    pub(super) async fn kept(&self, failure: Failure, wanted: &Wanted) -> Failure {
        let name = wanted.properties.get("name").and_then(Value::as_str).unwrap_or_default();
        match wanted.kind.as_str() {
            VAULT => {
                let at = format!(
                    "/subscriptions/{}/providers/Microsoft.KeyVault/locations/{}/deletedVaults/{name}",
                    self.arm.subscription, wanted.region
                );
                let Ok(rules) = self.rules(VAULT) else { return failure };
                if self.arm.get("GET deletedVaults", self.arm.at(&at, &rules.api_version)).await.is_err() {
                    return failure.next_step("vault names are worldwide: choose another project name");
                }
                let mut kept = Failure::new(
                    FailureKind::SoftDeleted,
                    failure.call,
                    format!("a deleted vault `{name}` is still kept and blocks its name"),
                );
                kept.next_step =
                    Some(format!("az keyvault recover --name {name}, then deploy again: it is taken over"));
                kept
            }
            POSTGRES if errors::code_of(&failure) != "InvalidResourceLocation" => Failure::new(
                FailureKind::SoftDeleted,
                failure.call,
                format!("the server name `{name}` is taken: kept from a server that was deleted, or a stranger's"),
            )
            .next_step(
                "Azure keeps the name of a deleted server for days: wait, restore it (az postgres flexible-server \
                 revive-dropped), or name the project otherwise",
            ),
            _ => {
                let rules = self.rules(&wanted.kind);
                let worldwide = rules.is_ok_and(|rules| rules.worldwide);
                if worldwide {
                    failure.next_step("its name is worldwide and somebody has it: choose another in wildcam.toml")
                } else {
                    failure.next_step("take it over with wildcam adopt, or choose another name")
                }
            }
        }
    }

    /// An assignment of the same role to the same identity at the same place, under whatever name: Azure allows one.
    pub(super) async fn same_assignment(&self, wanted: &Wanted) -> Result<Option<Live>, Failure> {
        let call = format!("LIST {ASSIGNMENT}");
        let text = |pointer: &str| wanted.properties.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (scope, principal, role) =
            (text("/scope"), text("/properties/principalId"), text("/properties/roleDefinitionId"));
        ids::check(&call, &self.arm.subscription, scope)?;
        if !principal.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
            return Err(Failure::new(FailureKind::Invalid, call, "principalId is no id of an identity"));
        }
        let rules = self.rules(ASSIGNMENT)?;
        let mut url = self.arm.at(&format!("{scope}/providers/{ASSIGNMENT}"), &rules.api_version);
        url.query_pairs_mut().append_pair("$filter", &format!("principalId eq '{principal}'"));
        let found = match self.arm.pages(&call, url).await {
            Ok(found) => found,
            Err(failure) if failure.kind == FailureKind::NotFound => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let last = |text: &str| text.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let same = found.into_iter().find(|told| {
            let told = |pointer: &str| told.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            told("/properties/scope").eq_ignore_ascii_case(scope)
                && told("/properties/principalId").eq_ignore_ascii_case(principal)
                && last(told("/properties/roleDefinitionId")) == last(role)
        });
        Ok(same.and_then(|told| super::body::live(ASSIGNMENT, ids::Route::Extension, &wanted.region, told)))
    }
}

/// The host of a vault begins with its name; no token goes anywhere else.
fn is_vault_host(host: &str, vault: &str) -> bool {
    const SERVICES: [&str; 3] = ["vault.azure.net", "vault.usgovcloudapi.net", "vault.azure.cn"];
    SERVICES.iter().any(|service| host.eq_ignore_ascii_case(&format!("{vault}.{service}")))
}
