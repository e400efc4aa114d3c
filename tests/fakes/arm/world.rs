//! What stands in the fake, and how calls change it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use url::Url;
use wildcam::clock::Random;

use super::{
    Call, Reply, SUBSCRIPTION,
    schema::{Ends, Type, types},
    tokens::Tokens,
};

/// How many entries a page of a list has.
const PAGE: usize = 3;

/// One resource.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) id: String,
    pub(super) kind: &'static str,
    /// As it was put, with what Azure adds.
    pub(super) body: Value,
    pub(super) version: u64,
    /// So many reads do not see it yet.
    pub(super) blind: u32,
    /// So many reads see it being made.
    pub(super) making: u32,
}

/// One operation under way.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) target: String,
    pub(super) domain: Option<String>,
    pub(super) polls: u32,
    pub(super) deletes: bool,
    /// It is seen when the operation ends.
    pub(super) then: Option<Stored>,
    pub(super) fails: Option<(String, String)>,
    pub(super) ended: bool,
}

pub(super) struct World {
    pub(super) url: String,
    pub(super) tokens: Tokens,
    pub(super) resources: BTreeMap<String, Stored>,
    pub(super) operations: BTreeMap<String, Operation>,
    pub(super) creations: BTreeMap<String, u32>,
    pub(super) deletions: BTreeMap<String, u32>,
    pub(super) calls: Vec<String>,
    pub(super) deleted_vaults: BTreeMap<String, Stored>,
    pub(super) kept_servers: BTreeSet<String>,
    pub(super) kept_secrets: BTreeSet<String>,
    pub(super) principals: BTreeMap<String, u32>,
    pub(super) registrations: BTreeMap<String, u32>,
    pub(super) quotas: BTreeMap<String, usize>,
    pub(super) not_offered: BTreeSet<(String, String)>,
    pub(super) locks: BTreeSet<String>,
    pub(super) failing: BTreeMap<String, (String, String)>,
    pub(super) throttle: u32,
    pub(super) blind_reads: u32,
    pub(super) principal_refusals: u32,
    pub(super) vault_access: bool,
    /// Nobody is given the keys of an account.
    pub(super) keys_denied: bool,
    pub(super) blobs: Option<(String, String)>,
    pub(super) chance: Option<Random>,
    pub(super) next: u64,
}

/// A path below the subscription, taken apart.
pub(super) struct Place {
    /// The id as it was written.
    pub(super) id: String,
    /// What stands before the last `providers`.
    pub(super) scope: String,
    /// `namespace/type/type`.
    pub(super) kind: String,
    /// The names in turn; one fewer than types for a list.
    pub(super) names: Vec<String>,
    pub(super) is_list: bool,
}

impl World {
    pub(super) fn new(url: &Url, seed: u64) -> Self {
        Self {
            url: url.as_str().trim_end_matches('/').to_owned(),
            tokens: Tokens::new(url),
            resources: BTreeMap::new(),
            operations: BTreeMap::new(),
            creations: BTreeMap::new(),
            deletions: BTreeMap::new(),
            calls: Vec::new(),
            deleted_vaults: BTreeMap::new(),
            kept_servers: BTreeSet::new(),
            kept_secrets: BTreeSet::new(),
            principals: BTreeMap::new(),
            registrations: BTreeMap::new(),
            quotas: BTreeMap::new(),
            not_offered: BTreeSet::new(),
            locks: BTreeSet::new(),
            failing: BTreeMap::new(),
            throttle: 0,
            blind_reads: 0,
            principal_refusals: 1,
            vault_access: true,
            keys_denied: false,
            blobs: None,
            chance: (seed != 0).then(|| Random::seeded(seed)),
            next: 1,
        }
    }

    fn one_in(&self, bound: u64) -> bool {
        self.chance.as_ref().is_some_and(|chance| chance.below(bound) == 0)
    }

    /// Answers a call.
    pub(super) fn reply(&mut self, call: &Call) -> Reply {
        self.calls.push(format!("{} {}", call.method, call.path));
        if let Some(reply) = self.tokens.answer(call) {
            return reply;
        }
        if call.path.starts_with("/blob/") {
            return self.blobs_themselves(call);
        }
        if call.path.starts_with("/vault/") {
            return self.vault_itself(call);
        }
        if let Err(reply) = self.tokens.check(call) {
            return reply;
        }
        if self.throttle > 0 || self.one_in(40) {
            self.throttle = self.throttle.saturating_sub(1);
            let reply = Reply::error(429, "TooManyRequests", "The request is being throttled.");
            return reply.with("retry-after", "1");
        }
        let Some(version) = call.query.get("api-version").filter(|text| !text.is_empty()) else {
            return Reply::error(400, "MissingApiVersionParameter", "The api-version query parameter is required.");
        };
        if let Some(id) = call.path.strip_prefix("/operations/") {
            return self.poll(id, true);
        }
        if let Some(id) = call.path.strip_prefix("/results/") {
            return self.poll(id, false);
        }
        if let Some(reply) = self.plain(call) {
            return reply;
        }
        let Some(place) = place(&call.path) else {
            return Reply::error(404, "InvalidResourceType", format!("nothing is known of {}", call.path));
        };
        let Some(of) = types().get(&place.kind.to_lowercase()) else {
            return self.action(call, &place);
        };
        if *version != of.version {
            let message = format!("No registered resource provider found for API version '{version}' of {}", of.kind);
            return Reply::error(400, "NoRegisteredProviderFound", message);
        }
        if place.is_list {
            return self.list(call, of, &place);
        }
        match call.method.as_str() {
            "GET" => self.get(&place),
            "PUT" => self.put(call, of, &place),
            "DELETE" => self.delete(call, of, &place),
            other => Reply::error(405, "MethodNotAllowed", format!("{other} is not known here")),
        }
    }

    /// A resource as it is told.
    pub(super) fn told(&self, stored: &Stored) -> Value {
        let of = &types()[&stored.kind.to_lowercase()];
        let mut told = of.told(&stored.body);
        let name = stored.id.rsplit('/').next().unwrap_or_default();
        if let Value::Object(entries) = &mut told {
            entries.insert("id".to_owned(), json!(stored.id));
            entries.insert("name".to_owned(), json!(name));
            entries.insert("type".to_owned(), json!(stored.kind));
            if of.etag {
                entries.insert("etag".to_owned(), json!(format!("\"v{}\"", stored.version)));
            }
            if of.body_etag {
                entries.insert("eTag".to_owned(), json!(format!("\"v{}\"", stored.version)));
            }
        }
        if stored.kind.ends_with("/virtualNetworks") {
            let subnets: Vec<Value> = self.below(&stored.id, "/subnets/").map(|subnet| self.told(subnet)).collect();
            told["properties"]["subnets"] = json!(subnets);
        }
        if stored.making > 0 {
            told["properties"]["provisioningState"] = json!("Creating");
        } else if self.operation_on(&stored.id).is_some() && told.pointer("/properties/provisioningState").is_some() {
            told["properties"]["provisioningState"] = json!("Updating");
        }
        told
    }

    pub(super) fn below<'w>(&'w self, id: &str, part: &'w str) -> impl Iterator<Item = &'w Stored> {
        let prefix = format!("{}{part}", id.to_lowercase()).to_lowercase();
        self.resources.iter().filter(move |(key, _)| key.starts_with(&prefix)).map(|(_, stored)| stored)
    }

    pub(super) fn operation_on(&self, id: &str) -> Option<&Operation> {
        self.operations.values().find(|operation| !operation.ended && operation.target.eq_ignore_ascii_case(id))
    }

    pub(super) fn stands(&self, id: &str) -> bool {
        self.resources.contains_key(&id.to_lowercase())
    }

    fn get(&mut self, place: &Place) -> Reply {
        let key = place.id.to_lowercase();
        match self.resources.get_mut(&key) {
            Some(stored) if stored.blind > 0 => stored.blind -= 1,
            Some(stored) => {
                stored.making = stored.making.saturating_sub(1);
                let stored = stored.clone();
                let told = self.told(&stored);
                let etag = told.get("etag").and_then(Value::as_str).map(str::to_owned);
                let reply = Reply::new(200, told);
                return match etag {
                    Some(etag) => reply.with("etag", etag),
                    None => reply,
                };
            }
            None => {}
        }
        let code = if self.group_stands(&place.id) { "ResourceNotFound" } else { "ResourceGroupNotFound" };
        Reply::error(404, code, format!("'{}' could not be found.", place.id))
    }

    pub(super) fn group_stands(&self, id: &str) -> bool {
        let parts: Vec<&str> = id.split('/').collect();
        match parts.as_slice() {
            ["", "subscriptions", _, group, name, ..] if group.eq_ignore_ascii_case("resourceGroups") => {
                self.stands(&format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{name}"))
            }
            _ => true,
        }
    }

    fn list(&mut self, call: &Call, of: &'static Type, place: &Place) -> Reply {
        if call.method != "GET" {
            return Reply::error(405, "MethodNotAllowed", "a list is read");
        }
        let at_subscription = place.scope.eq_ignore_ascii_case(&format!("/subscriptions/{SUBSCRIPTION}"));
        let known = match of.list.as_str() {
            "subscription" => place.names.is_empty() && (at_subscription || of.place == "extension"),
            "parent" => !place.names.is_empty(),
            "scope" => !at_subscription,
            _ => false,
        };
        if !known {
            return Reply::error(404, "InvalidResourceType", format!("{} has no list at {}", of.kind, call.path));
        }
        let parent = place.id.rsplit_once('/').map(|(parent, _)| parent).unwrap_or_default();
        if of.list == "parent" && !self.stands(parent) && !parent.ends_with("/blobServices/default") {
            return Reply::error(404, "ParentResourceNotFound", format!("{parent} is not here"));
        }
        let below = place.id.to_lowercase() + "/";
        let filter = call.query.get("$filter").and_then(|text| text.strip_prefix("principalId eq '"));
        let principal = filter.map(|text| text.trim_end_matches('\''));
        let found: Vec<&Stored> = self
            .resources
            .values()
            .filter(|stored| stored.kind == of.kind && stored.blind == 0)
            .filter(|stored| at_subscription || stored.id.to_lowercase().starts_with(&below))
            .filter(|stored| principal.is_none_or(|id| stored.body["properties"]["principalId"] == id))
            .collect();
        let skip: usize = call.query.get("$skiptoken").and_then(|text| text.parse().ok()).unwrap_or(0);
        let page: Vec<Value> = found.iter().skip(skip).take(PAGE).map(|stored| self.told(stored)).collect();
        let mut body = json!({ "value": page });
        if found.len() > skip + PAGE {
            let mut next = Url::parse(&format!("{}{}", self.url, call.path)).unwrap();
            next.query_pairs_mut()
                .append_pair("api-version", &of.version)
                .append_pair("$skiptoken", &(skip + PAGE).to_string());
            body["nextLink"] = json!(next.as_str());
        }
        Reply::new(200, body)
    }

    pub(super) fn poll(&mut self, id: &str, tells_status: bool) -> Reply {
        let Some(operation) = self.operations.get_mut(id) else {
            return Reply::error(404, "OperationNotFound", "the operation is not known any more");
        };
        if operation.polls > 0 {
            operation.polls -= 1;
            let reply =
                if tells_status { Reply::new(200, json!({ "status": "InProgress" })) } else { Reply::empty(202) };
            return reply.with("retry-after", "0").with("location", format!("{}/results/{id}", self.url));
        }
        let first = !operation.ended;
        operation.ended = true;
        let operation = operation.clone();
        if let Some((code, message)) = &operation.fails {
            let error = json!({ "code": code, "message": message });
            return if tells_status {
                Reply::new(200, json!({ "status": "Failed", "error": error }))
            } else {
                Reply::new(409, json!({ "error": error }))
            };
        }
        if first && operation.deletes {
            self.remove(&operation.target);
        }
        if let (true, Some(stored)) = (first, operation.then) {
            self.keep(stored);
        }
        if tells_status { Reply::new(200, json!({ "status": "Succeeded" })) } else { Reply::empty(200) }
    }

    /// Puts a resource in its place.
    pub(super) fn keep(&mut self, stored: Stored) {
        let key = stored.id.to_lowercase();
        if !self.resources.contains_key(&key) {
            *self.creations.entry(stored.id.clone()).or_default() += 1;
        }
        self.resources.insert(key, stored);
    }

    /// Takes away a resource, with what stands in and on it.
    pub(super) fn remove(&mut self, id: &str) {
        let key = id.to_lowercase();
        let below = format!("{key}/");
        let gone: Vec<String> =
            self.resources.keys().filter(|other| **other == key || other.starts_with(&below)).cloned().collect();
        for key in gone {
            let Some(stored) = self.resources.remove(&key) else { continue };
            *self.deletions.entry(stored.id.clone()).or_default() += 1;
            let name = stored.id.rsplit('/').next().unwrap_or_default().to_lowercase();
            if stored.kind == "Microsoft.KeyVault/vaults" {
                self.deleted_vaults.insert(name, stored);
            } else if stored.kind == "Microsoft.DBforPostgreSQL/flexibleServers" {
                self.kept_servers.insert(name);
            }
        }
    }

    /// The answer to a change that was taken, in the type's way.
    pub(super) fn taken(
        &mut self,
        of: &'static Type,
        ends: Ends,
        stored: Option<Stored>,
        id: &str,
        is_new: bool,
    ) -> Reply {
        let deletes = stored.is_none();
        let fails = self.failing.remove(&of.kind.to_lowercase());
        if let (Some((code, message)), Ends::Now | Ends::State | Ends::ByEtag) = (&fails, ends) {
            return Reply::error(409, code, message.clone());
        }
        let number = self.next;
        self.next += 1;
        let status = if is_new { 201 } else { 200 };
        let at = |what: &str| format!("{}/{what}/{number}?api-version={}", self.url, of.version);
        let operation = |then: Option<Stored>, fails| Operation {
            target: id.to_owned(),
            domain: domain(of, id),
            polls: 2,
            deletes,
            then,
            fails,
            ended: false,
        };
        match (ends, stored) {
            (Ends::Now | Ends::ByEtag, None) => {
                self.remove(id);
                Reply::empty(200)
            }
            (Ends::Now | Ends::ByEtag, Some(stored)) => {
                let told = self.told(&stored);
                self.keep(stored);
                Reply::new(status, told)
            }
            (Ends::State, Some(mut stored)) => {
                stored.making = 2;
                let told = self.told(&stored);
                self.keep(stored);
                Reply::new(status, told)
            }
            (Ends::Operation, Some(stored)) => {
                let header = at("operations");
                let mut told = self.told(&stored);
                told["properties"]["provisioningState"] = json!("Accepted");
                // A failed creation leaves nothing behind here.
                let (now, then) = if fails.is_some() { (None, None) } else { (Some(stored), None) };
                self.operations.insert(number.to_string(), operation(then, fails));
                if let Some(stored) = now {
                    self.keep(stored);
                }
                Reply::new(status, told).with("azure-asyncoperation", header).with("retry-after", "0")
            }
            (Ends::Location, Some(stored)) => {
                let header = at("results");
                self.operations.insert(number.to_string(), operation(Some(stored), fails));
                Reply::empty(202).with("location", header).with("retry-after", "0")
            }
            (Ends::Operation, None) => {
                let header = at("operations");
                self.operations.insert(number.to_string(), operation(None, fails));
                Reply::empty(202).with("azure-asyncoperation", header).with("retry-after", "0")
            }
            (Ends::Location | Ends::State, None) => {
                let header = at("results");
                self.operations.insert(number.to_string(), operation(None, fails));
                Reply::empty(202).with("location", header).with("retry-after", "0")
            }
            (Ends::Refused, _) => Reply::error(405, "MethodNotAllowed", format!("{} has no such call", of.kind)),
        }
    }

    pub(super) fn is_busy_by_chance(&self) -> bool {
        self.one_in(30)
    }

    pub(super) fn blindness(&self) -> u32 {
        if self.blind_reads > 0 { self.blind_reads } else { u32::from(self.one_in(6)) }
    }
}

/// The domain within which one change at a time is taken: the outermost resource.
pub(super) fn domain(of: &Type, id: &str) -> Option<String> {
    let serial = of.serial.as_ref()?;
    let (_, tail) = id.rsplit_once("/providers/")?;
    let outermost: Vec<&str> = tail.split('/').take(3).collect();
    Some(format!("{serial}:{}", outermost.join("/").to_lowercase()))
}

fn place(path: &str) -> Option<Place> {
    let id = path.trim_end_matches('/').to_owned();
    let parts: Vec<&str> = id.split('/').collect();
    if parts.get(1) != Some(&"subscriptions") || parts.get(2) != Some(&SUBSCRIPTION) {
        return None;
    }
    let group = "Microsoft.Resources/resourceGroups".to_owned();
    match parts.as_slice() {
        [_, _, _, "resourceGroups"] => {
            let scope = format!("/subscriptions/{SUBSCRIPTION}");
            return Some(Place { id: id.clone(), scope, kind: group, names: Vec::new(), is_list: true });
        }
        [_, _, _, "resourceGroups", name] => {
            let names = vec![(*name).to_owned()];
            return Some(Place { id: id.clone(), scope: String::new(), kind: group, names, is_list: false });
        }
        _ => {}
    }
    let at = parts.iter().rposition(|part| *part == "providers")?;
    let (namespace, tail) = (parts.get(at + 1)?, &parts[at + 2..]);
    let types: Vec<&str> = tail.iter().step_by(2).copied().collect();
    let names: Vec<String> = tail.iter().skip(1).step_by(2).map(|part| (*part).to_owned()).collect();
    if types.is_empty() {
        return None;
    }
    Some(Place {
        scope: parts[..at].join("/"),
        kind: format!("{namespace}/{}", types.join("/")),
        is_list: names.len() < types.len(),
        names,
        id,
    })
}

/// Sets what a pointer names, making what is on the way.
pub(super) fn set(body: &mut Value, pointer: &str, value: Value) {
    let mut now = body;
    for part in pointer.split('/').skip(1) {
        if !now.is_object() {
            *now = Value::Object(Map::new());
        }
        now = &mut now[part];
    }
    *now = value;
}
