//! What stands in the fake, what is under way, and what each call does to it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    Checker, Resource, Seed, patch,
    schema::places,
    types::{list_model, made_up, needs, told, unique},
};

/// A call that is refused at once.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
    /// The client did what no client should.
    pub(super) nonsense: bool,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), nonsense: false }
    }

    fn nonsense(code: &str, message: impl Into<String>) -> Self {
        Self { nonsense: true, ..Self::new(400, code, message) }
    }
}

type Key = (String, String, String);

#[derive(Clone, Debug)]
struct Standing {
    properties: Value,
    /// So many reads still find nothing.
    late: u32,
}

#[derive(Clone, Debug)]
enum Effect {
    Create(Value),
    Update(Value),
    Delete,
}

#[derive(Clone, Debug)]
struct Operation {
    key: Key,
    effect: Effect,
    polls: u32,
    /// The code and message that it ends with.
    failure: Option<(String, String)>,
    /// When it ended, in seconds since 1970.
    ended: Option<f64>,
    token: String,
}

pub(super) struct World {
    seed: Seed,
    standing: BTreeMap<Key, Standing>,
    operations: BTreeMap<String, Operation>,
    /// What was asked under a client token: a fingerprint, and the operation's token.
    asked: BTreeMap<String, (String, String)>,
    number: u64,
    pub(super) creations: BTreeMap<String, usize>,
    pub(super) deletions: BTreeMap<String, usize>,
    pub(super) full: BTreeSet<String>,
    pub(super) age: f64,
}

fn now() -> f64 {
    jiff::Timestamp::now().as_duration().as_secs_f64()
}

/// Global types are kept once.
fn place(kind: &str, region: &str) -> String {
    if kind == "AWS::Budgets::Budget" { "us-east-1".to_owned() } else { region.to_owned() }
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

fn remove(value: &mut Value, pattern: &str) {
    for found in places(value, pattern) {
        if let Some((above, last)) = found.rsplit_once('/')
            && let Some(Value::Object(map)) = value.pointer_mut(above)
        {
            map.remove(last);
        }
    }
}

fn fields<'b>(
    action: &str,
    body: &'b Value,
    known: &[&str],
    must: &[&str],
) -> Result<BTreeMap<String, &'b str>, Refusal> {
    let map = body.as_object().ok_or_else(|| Refusal::nonsense("SerializationException", "no object"))?;
    if let Some(strange) = map.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(Refusal::nonsense("ValidationException", format!("{action} has no {strange}")));
    }
    if let Some(missing) = must.iter().find(|name| map.get(**name).and_then(Value::as_str).is_none_or(str::is_empty)) {
        return Err(Refusal::nonsense("ValidationException", format!("{action} needs {missing}")));
    }
    Ok(map.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?))).collect())
}

impl World {
    pub(super) fn new(seed: &Seed) -> Self {
        Self {
            seed: seed.clone(),
            standing: BTreeMap::new(),
            operations: BTreeMap::new(),
            asked: BTreeMap::new(),
            number: 0,
            creations: BTreeMap::new(),
            deletions: BTreeMap::new(),
            full: BTreeSet::new(),
            age: 0.0,
        }
    }

    pub(super) fn resources(&self) -> Vec<Resource> {
        let one = |((kind, region, id), standing): (&Key, &Standing)| Resource {
            kind: kind.clone(),
            region: region.clone(),
            id: id.clone(),
            properties: standing.properties.clone(),
        };
        self.standing.iter().map(one).collect()
    }

    pub(super) fn tamper(&mut self, kind: &str, id: &str, change: impl FnOnce(&mut Value)) {
        let found = self.standing.iter_mut().find(|((of, _, name), _)| of == kind && name == id);
        change(&mut found.expect("it stands").1.properties);
    }

    pub(super) fn remove(&mut self, kind: &str, id: &str) {
        self.standing.retain(|(of, _, name), _| !(of == kind && name == id));
    }

    /// One call of Cloud Control.
    pub(super) fn call(
        &mut self,
        action: &str,
        region: &str,
        body: &[u8],
        forced: Option<(String, String)>,
    ) -> Result<Value, Refusal> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|error| Refusal::nonsense("SerializationException", error.to_string()))?;
        match action {
            "CreateResource" => self.create(region, &body, forced),
            "UpdateResource" => self.update(region, &body, forced),
            "DeleteResource" => self.delete(region, &body, forced),
            "GetResourceRequestStatus" => self.status(&body),
            "GetResource" => self.get(region, &body),
            "ListResources" => self.list(region, &body),
            other => Err(Refusal::nonsense("UnknownOperationException", other)),
        }
    }

    fn checker(&self, region: &str, kind: &str, operation: &str) -> Result<Checker, Refusal> {
        let missing = self.seed.missing.contains(&(region.to_owned(), kind.to_owned()));
        let found = Checker::of(kind).filter(|_| !missing).ok_or_else(|| {
            Refusal::new(404, "TypeNotFoundException", format!("The type {kind} cannot be found in {region}"))
        })?;
        if found.offers(operation) {
            Ok(found)
        } else {
            let message = format!("Resource type {kind} does not support {operation} action");
            Err(Refusal::new(405, "UnsupportedActionException", message))
        }
    }

    /// The operation that was begun under this token before, if its content was the same.
    fn repeated(&self, token: &str, print: &str) -> Result<Option<Value>, Refusal> {
        match self.asked.get(token) {
            Some((same, request)) if same == print => Ok(Some(self.event(request))),
            Some(_) => {
                let message = format!("The client token {token} was used for another request");
                Err(Refusal::nonsense("ClientTokenConflictException", message))
            }
            None => Ok(None),
        }
    }

    fn busy(&self, key: &Key) -> Result<(), Refusal> {
        match self.operations.values().find(|operation| operation.key == *key && operation.ended.is_none()) {
            Some(_) => {
                let message = "Another resource operation is currently being performed on this resource";
                Err(Refusal::new(409, "ConcurrentOperationException", message))
            }
            None => Ok(()),
        }
    }

    fn begin(
        &mut self,
        (client, print): (&str, &str),
        key: Key,
        effect: Effect,
        failure: Option<(String, String)>,
    ) -> Value {
        self.number += 1;
        let request = format!("request-{}", self.number);
        self.asked.insert(client.to_owned(), (print.to_owned(), request.clone()));
        let operation = Operation { key, effect, polls: self.seed.polls, failure, ended: None, token: request.clone() };
        self.operations.insert(request.clone(), operation);
        self.event(&request)
    }

    fn event(&self, request: &str) -> Value {
        let operation = &self.operations[request];
        let (kind, _, id) = &operation.key;
        let word = match operation.effect {
            Effect::Create(_) => "CREATE",
            Effect::Update(_) => "UPDATE",
            Effect::Delete => "DELETE",
        };
        let mut event = json!({
            "TypeName": kind, "RequestToken": operation.token, "Operation": word,
            "EventTime": operation.ended.map_or_else(now, |ended| ended - self.age),
        });
        // The identifier is told once the work has begun.
        if operation.polls < self.seed.polls || operation.ended.is_some() {
            event["Identifier"] = Value::from(id.as_str());
        }
        match (&operation.ended, &operation.failure) {
            (None, _) => {
                event["OperationStatus"] = Value::from("IN_PROGRESS");
                event["RetryAfter"] = Value::from(now() + 0.02);
            }
            (Some(_), None) => event["OperationStatus"] = Value::from("SUCCESS"),
            (Some(_), Some((code, message))) => {
                event["OperationStatus"] = Value::from("FAILED");
                event["ErrorCode"] = Value::from(code.as_str());
                event["StatusMessage"] = Value::from(message.as_str());
            }
        }
        json!({ "ProgressEvent": event })
    }

    fn create(&mut self, region: &str, body: &Value, forced: Option<(String, String)>) -> Result<Value, Refusal> {
        let names = ["TypeName", "DesiredState", "ClientToken"];
        let given = fields("CreateResource", body, &names, &names)?;
        let (kind, token) = (given["TypeName"], given["ClientToken"]);
        let print = format!("create {region} {kind} {}", given["DesiredState"]);
        if let Some(event) = self.repeated(token, &print)? {
            return Ok(event);
        }
        let checker = self.checker(region, kind, "create")?;
        let properties: Value = serde_json::from_str(given["DesiredState"])
            .map_err(|error| Refusal::nonsense("ValidationException", format!("DesiredState: {error}")))?;
        let wrong = checker.check(&properties, true);
        if !wrong.is_empty() {
            let message = format!("Model validation failed ({})", wrong.join("; "));
            return Err(Refusal::nonsense("ValidationException", message));
        }
        if properties.to_string().contains("${") {
            return Err(Refusal::nonsense("ValidationException", "a reference was not resolved"));
        }
        let region = place(kind, region);
        let id = self.identify(&checker, kind, &region, &properties);
        let key = (kind.to_owned(), region.clone(), id);
        self.busy(&key)?;
        let failure = forced.or_else(|| self.obstacle(&key, &properties));
        Ok(self.begin((token, &print), key, Effect::Create(properties), failure))
    }

    fn identify(&mut self, checker: &Checker, kind: &str, region: &str, properties: &Value) -> String {
        let read_only = checker.pointers("readOnly");
        let mut parts = Vec::new();
        for pointer in checker.pointers("identifier") {
            let own = properties.pointer(&pointer).and_then(Value::as_str).filter(|_| !read_only.contains(&pointer));
            let part = match own {
                Some(text) if kind.starts_with("AWS::RDS::") => text.to_lowercase(),
                Some(text) => text.to_owned(),
                None => {
                    self.number += 1;
                    made_up(kind, &pointer, region, &self.seed.account, properties, self.number)
                }
            };
            parts.push(part);
        }
        parts.join("|")
    }

    /// Why something cannot be made.
    fn obstacle(&self, key: &Key, properties: &Value) -> Option<(String, String)> {
        let (kind, region, id) = key;
        let fail = |code: &str, message: String| Some((code.to_owned(), message));
        if kind == "AWS::SecretsManager::Secret"
            && properties["Name"].as_str().is_some_and(|name| self.seed.scheduled.contains(name))
        {
            let message =
                "You can't create this secret because a secret with this name is already scheduled for deletion.";
            return fail("InvalidRequest", message.to_owned());
        }
        let under_way = self.operations.values().filter(|one| one.ended.is_none() && one.failure.is_none());
        let coming = under_way.filter_map(|one| match &one.effect {
            Effect::Create(properties) => Some((&one.key, properties)),
            _ => None,
        });
        let all = self.standing.iter().map(|(key, standing)| (key, &standing.properties)).chain(coming);
        let mut same = all.filter(|((of, place, _), _)| of == kind && place == region);
        let names = unique(kind);
        let twin = same.find(|((_, _, name), other)| {
            name == id
                || !names.is_empty()
                    && names.iter().all(|pointer| {
                        properties.pointer(pointer).is_some() && properties.pointer(pointer) == other.pointer(pointer)
                    })
        });
        if let Some(((_, _, name), _)) = twin {
            return fail(
                "AlreadyExists",
                format!("Resource of type '{kind}' with identifier '{name}' already exists."),
            );
        }
        self.lacking(kind, region, properties)
    }

    fn lacking(&self, kind: &str, region: &str, properties: &Value) -> Option<(String, String)> {
        for (pointer, other, property) in needs(kind) {
            for found in places(properties, pointer) {
                let Some(wanted) = properties.pointer(&found).and_then(Value::as_str) else { continue };
                let stands = self.standing.iter().any(|((of, at, id), standing)| {
                    of == other && at == region && Self::is_named(wanted, id, property, &standing.properties)
                });
                if !stands {
                    return Some(("NotFound".to_owned(), format!("{other} {wanted} of {pointer} does not exist")));
                }
            }
        }
        None
    }

    fn is_named(wanted: &str, id: &str, property: &str, properties: &Value) -> bool {
        match property {
            "" => wanted == id || wanted.ends_with(&format!("/{id}")),
            // `service/CLUSTER/NAME`, and the id is an ARN that ends so.
            "resource" => id.split('|').next().unwrap_or_default().ends_with(&format!(":{wanted}")),
            pointer => properties.pointer(pointer).and_then(Value::as_str) == Some(wanted),
        }
    }

    fn update(&mut self, region: &str, body: &Value, forced: Option<(String, String)>) -> Result<Value, Refusal> {
        let names = ["TypeName", "Identifier", "PatchDocument", "ClientToken"];
        let given = fields("UpdateResource", body, &names, &names)?;
        let (kind, token) = (given["TypeName"], given["ClientToken"]);
        let print = format!("update {region} {kind} {} {}", given["Identifier"], given["PatchDocument"]);
        if let Some(event) = self.repeated(token, &print)? {
            return Ok(event);
        }
        let checker = self.checker(region, kind, "update")?;
        let key = (kind.to_owned(), place(kind, region), given["Identifier"].to_owned());
        let before = self.seen(&checker, &key)?;
        self.busy(&key)?;
        let changes: Value = serde_json::from_str(given["PatchDocument"])
            .map_err(|error| Refusal::nonsense("ValidationException", format!("PatchDocument: {error}")))?;
        let mut after = before.clone();
        patch::apply(&mut after, &changes).map_err(|why| Refusal::nonsense("ValidationException", why))?;
        for (word, code) in [("createOnly", "NotUpdatableException"), ("readOnly", "ValidationException")] {
            let of = |value: &Value, pointer: &str| {
                places(value, pointer).iter().map(|at| value.pointer(at).cloned()).collect::<Vec<_>>()
            };
            let changed =
                checker.pointers(word).into_iter().find(|pointer| of(&before, pointer) != of(&after, pointer));
            if let Some(pointer) = changed {
                return Err(Refusal::nonsense(code, format!("{word} property {pointer} cannot be updated")));
            }
        }
        let mut model = after.clone();
        checker.pointers("readOnly").iter().for_each(|pointer| remove(&mut model, pointer));
        let wrong = checker.check(&model, false);
        if !wrong.is_empty() {
            let message = format!("Model validation failed ({})", wrong.join("; "));
            return Err(Refusal::nonsense("ValidationException", message));
        }
        let failure = forced.or_else(|| self.lacking(kind, &key.1, &model));
        Ok(self.begin((token, &print), key, Effect::Update(model), failure))
    }

    fn delete(&mut self, region: &str, body: &Value, forced: Option<(String, String)>) -> Result<Value, Refusal> {
        let names = ["TypeName", "Identifier", "ClientToken"];
        let given = fields("DeleteResource", body, &names, &names)?;
        let (kind, token) = (given["TypeName"], given["ClientToken"]);
        let print = format!("delete {region} {kind} {}", given["Identifier"]);
        if let Some(event) = self.repeated(token, &print)? {
            return Ok(event);
        }
        self.checker(region, kind, "delete")?;
        let key = (kind.to_owned(), place(kind, region), given["Identifier"].to_owned());
        self.busy(&key)?;
        let fail = |code: &str, message: String| Some((code.to_owned(), message));
        let failure = match self.standing.get(&key) {
            None => fail("NotFound", format!("Resource of type '{kind}' with identifier '{}' was not found.", key.2)),
            Some(found) if found.properties["DeletionProtection"] == true => {
                let message = "Cannot delete protected DB Instance, please disable deletion protection and try again.";
                fail("InvalidRequest", message.to_owned())
            }
            Some(_) if kind == "AWS::ECR::Repository" && self.full.contains(&key.2) => {
                let message =
                    format!("The repository with name '{}' cannot be deleted because it still contains images", key.2);
                fail("GeneralServiceException", message)
            }
            Some(_) => {
                self.user_of(&key).and_then(|user| fail("ResourceConflict", format!("{} is in use by {user}", key.2)))
            }
        };
        Ok(self.begin((token, &print), key, Effect::Delete, forced.or(failure)))
    }

    /// Who still needs it. A load balancer takes its listeners along; nothing else does such a thing.
    fn user_of(&self, key: &Key) -> Option<String> {
        let (kind, region, id) = key;
        let properties = &self.standing[key].properties;
        for ((other, at, name), standing) in &self.standing {
            for (pointer, of, property) in needs(other) {
                let takes_along = kind == "AWS::ElasticLoadBalancingV2::LoadBalancer" || !property.is_empty();
                let users = places(&standing.properties, pointer);
                let mut texts = users.iter().filter_map(|place| standing.properties.pointer(place)?.as_str());
                if of == kind
                    && at == region
                    && !takes_along
                    && texts.any(|text| Self::is_named(text, id, property, properties))
                {
                    return Some(format!("{other} {name}"));
                }
            }
        }
        None
    }

    fn status(&mut self, body: &Value) -> Result<Value, Refusal> {
        let given = fields("GetResourceRequestStatus", body, &["RequestToken"], &["RequestToken"])?;
        let request = given["RequestToken"].to_owned();
        let Some(operation) = self.operations.get_mut(&request) else {
            return Err(Refusal::new(404, "RequestTokenNotFoundException", request));
        };
        if operation.ended.is_none() {
            operation.polls = operation.polls.saturating_sub(1);
            if operation.polls == 0 {
                operation.ended = Some(now());
                if operation.failure.is_none() {
                    let (key, effect) = (operation.key.clone(), operation.effect.clone());
                    self.take_effect(&key, effect);
                }
            }
        }
        Ok(self.event(&request))
    }

    fn take_effect(&mut self, key: &Key, effect: Effect) {
        let count = format!("{} {}", key.0, key.2);
        match effect {
            Effect::Create(properties) => {
                *self.creations.entry(count).or_default() += 1;
                self.standing.insert(key.clone(), Standing { properties, late: self.seed.late_reads });
            }
            Effect::Update(properties) => {
                if let Some(found) = self.standing.get_mut(key) {
                    found.properties = properties;
                }
            }
            Effect::Delete => {
                *self.deletions.entry(count).or_default() += 1;
                self.standing.remove(key);
            }
        }
    }

    /// What a read shows: without what is write-only, with what the service adds.
    fn seen(&mut self, checker: &Checker, key: &Key) -> Result<Value, Refusal> {
        let (kind, region, id) = key;
        let missing = || {
            let message = format!("Resource of type '{kind}' with identifier '{id}' was not found.");
            Refusal::new(404, "ResourceNotFoundException", message)
        };
        let found = self.standing.get_mut(key).ok_or_else(missing)?;
        if found.late > 0 {
            found.late -= 1;
            return Err(missing());
        }
        let mut seen = found.properties.clone();
        merge(&mut seen, &told(kind, id, region, &self.seed.account, &found.properties));
        let known = checker.whole["root"]["properties"].as_object().map(Map::len).unwrap_or_default();
        assert!(known > 0, "{kind} has properties");
        if let Value::Object(map) = &mut seen {
            map.retain(|name, _| checker.whole["root"]["properties"].get(name).is_some());
        }
        checker.pointers("writeOnly").iter().for_each(|pointer| remove(&mut seen, pointer));
        Ok(seen)
    }

    fn get(&mut self, region: &str, body: &Value) -> Result<Value, Refusal> {
        let given = fields("GetResource", body, &["TypeName", "Identifier"], &["TypeName", "Identifier"])?;
        let kind = given["TypeName"];
        let checker = self.checker(region, kind, "read")?;
        let key = (kind.to_owned(), place(kind, region), given["Identifier"].to_owned());
        let seen = self.seen(&checker, &key)?;
        Ok(json!({
            "TypeName": kind,
            "ResourceDescription": { "Identifier": key.2, "Properties": seen.to_string() },
        }))
    }

    fn list(&mut self, region: &str, body: &Value) -> Result<Value, Refusal> {
        let known = ["TypeName", "ResourceModel", "MaxResults", "NextToken"];
        let given = fields("ListResources", body, &known, &["TypeName"])?;
        let kind = given["TypeName"];
        self.checker(region, kind, "list")?;
        if body.get("MaxResults").is_some_and(|most| most.as_u64().is_none_or(|most| most == 0 || most > 100)) {
            return Err(Refusal::nonsense("ValidationException", "MaxResults is 1 to 100"));
        }
        let model = given.get("ResourceModel").and_then(|text| serde_json::from_str::<Value>(text).ok());
        let within = match (list_model(kind), &model) {
            (None, _) => None,
            (Some(name), Some(model)) if model.get(name).is_some() => Some((name, model[name].clone())),
            (Some(name), _) => {
                let message = format!("Missing or invalid ResourceModel property [{name}]");
                return Err(Refusal::nonsense("InvalidRequestException", message));
            }
        };
        let region = place(kind, region);
        let all: Vec<&String> = self
            .standing
            .iter()
            .filter(|((of, at, _), standing)| {
                of == kind
                    && *at == region
                    && standing.late == 0
                    && within.as_ref().is_none_or(|(name, value)| standing.properties.get(*name) == Some(value))
            })
            .map(|((_, _, id), _)| id)
            .collect();
        let from: usize = given
            .get("NextToken")
            .map_or(Ok(0), |text| text.parse())
            .map_err(|_| Refusal::nonsense("InvalidRequestException", "an unknown NextToken"))?;
        let descriptions: Vec<Value> = all
            .iter()
            .skip(from)
            .take(self.seed.page)
            .map(|id| json!({ "Identifier": id, "Properties": "{}" }))
            .collect();
        let mut answer = json!({ "TypeName": kind, "ResourceDescriptions": descriptions });
        if from + self.seed.page < all.len() {
            answer["NextToken"] = Value::from((from + self.seed.page).to_string());
        }
        Ok(answer)
    }

    /// The one call of the image registry that Cloud Control does not have.
    pub(super) fn registry(&mut self, action: &str, region: &str, body: &[u8]) -> Result<Value, Refusal> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|error| Refusal::nonsense("SerializationException", error.to_string()))?;
        if action == "GetAuthorizationToken" {
            // `registryIds` is deprecated, and there is nothing else to say.
            if body != json!({}) {
                return Err(Refusal::nonsense("InvalidParameterException", body.to_string()));
            }
            return Ok(json!({ "authorizationData": [{
                // AWS:a-token-for-twelve-hours
                "authorizationToken": "QVdTOmEtdG9rZW4tZm9yLXR3ZWx2ZS1ob3Vycw==",
                "expiresAt": 1_790_000_000.5,
                "proxyEndpoint": format!("https://{}.dkr.ecr.{region}.amazonaws.com", self.seed.account),
            }] }));
        }
        let name = body["repositoryName"].as_str().unwrap_or_default().to_owned();
        let key = ("AWS::ECR::Repository".to_owned(), region.to_owned(), name.clone());
        if action != "DeleteRepository" {
            return Err(Refusal::nonsense("UnknownOperationException", action));
        }
        if !self.standing.contains_key(&key) {
            return Err(Refusal::new(400, "RepositoryNotFoundException", name));
        }
        if self.full.contains(&name) && body["force"] != true {
            return Err(Refusal::new(400, "RepositoryNotEmptyException", name));
        }
        self.full.remove(&name);
        self.take_effect(&key, Effect::Delete);
        Ok(json!({ "repository": { "repositoryName": name } }))
    }
}
