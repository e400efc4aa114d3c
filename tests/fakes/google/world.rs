//! What stands in the fake, and how it changes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use super::{DEPLOYER, PROJECT};

/// An answer that is no success.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    /// google.rpc.Code's name.
    pub(crate) status: &'static str,
    /// The reason, in the old place and the new.
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    /// Seconds in Retry-After.
    pub(crate) retry_after: Option<u32>,
}

impl Refusal {
    pub(crate) fn new(code: u16, status: &'static str, message: impl Into<String>) -> Self {
        Self { code, status, reason: "", message: message.into(), retry_after: None }
    }

    pub(crate) fn reason(mut self, reason: &'static str) -> Self {
        self.reason = reason;
        self
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "INVALID_ARGUMENT", message)
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(404, "NOT_FOUND", format!("{what} not found"))
    }

    pub(crate) fn exists(what: &str) -> Self {
        Self::new(409, "ALREADY_EXISTS", format!("Resource '{what}' already exists."))
    }

    pub(crate) fn body(&self) -> Value {
        let mut error = json!({ "code": self.code, "status": self.status, "message": self.message });
        if !self.reason.is_empty() {
            error["errors"] = json!([{ "reason": self.reason, "domain": "global", "message": self.message }]);
            error["details"] = json!([{
                "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": self.reason, "domain": "googleapis.com",
            }]);
        }
        json!({ "error": error })
    }
}

/// One thing that stands.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// As in templates: `run.services`.
    pub(crate) kind: String,
    pub(crate) value: Value,
    /// So many reads say that there is nothing.
    pub(crate) hidden: u32,
    pub(crate) version: u64,
}

/// What an operation does when it ends.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    Put(Box<Entry>),
    Remove,
}

#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) key: String,
    pub(crate) left: u32,
    pub(crate) effect: Effect,
    pub(crate) error: Option<Refusal>,
}

pub(crate) struct World {
    pub(crate) url: String,
    counter: u64,
    pub(crate) resources: BTreeMap<String, Entry>,
    pub(crate) policies: BTreeMap<String, Value>,
    pub(crate) operations: BTreeMap<String, Operation>,
    /// By bucket, then by name: the generations, newest last; a deletion marker is a generation without bytes.
    pub(crate) objects: BTreeMap<String, BTreeMap<String, Vec<super::objects::Generation>>>,
    /// Names of deleted Cloud SQL instances.
    pub(crate) blocked: BTreeSet<String>,
    pub(crate) creations: BTreeMap<String, u32>,
    pub(crate) calls: Vec<String>,
    pub(crate) refusals: Vec<(String, Refusal)>,
    pub(crate) tokens: HashMap<String, std::time::Instant>,
    pub(crate) tokens_given: usize,
    pub(crate) gives_tokens: bool,
    pub(crate) token_life: u64,
    pub(crate) disabled: BTreeMap<String, u32>,
    /// Enabled, and how many calls until it works.
    pub(crate) waking: BTreeMap<String, u32>,
    pub(crate) polls: u32,
    pub(crate) hidden: u32,
    /// What the next operation of a service ends with.
    pub(crate) failing: Vec<(String, Refusal)>,
    /// Secrets' payloads, by the key of the version.
    pub(crate) payloads: BTreeMap<String, String>,
}

impl World {
    pub(crate) fn new(seed: u64, url: &str) -> Self {
        let mut world = Self {
            url: url.to_owned(),
            counter: seed.wrapping_mul(1_000_003) % 1_000_000,
            resources: BTreeMap::new(),
            policies: BTreeMap::new(),
            operations: BTreeMap::new(),
            objects: BTreeMap::new(),
            blocked: BTreeSet::new(),
            creations: BTreeMap::new(),
            calls: Vec::new(),
            refusals: Vec::new(),
            tokens: HashMap::new(),
            tokens_given: 0,
            gives_tokens: true,
            token_life: 3600,
            disabled: BTreeMap::new(),
            waking: BTreeMap::new(),
            polls: 1,
            hidden: 0,
            failing: Vec::new(),
            payloads: BTreeMap::new(),
        };
        let member = format!("serviceAccount:{DEPLOYER}");
        let policy = json!({ "version": 1, "bindings": [{ "role": "roles/owner", "members": [member] }] });
        world.policies.insert(format!("cloudresourcemanager/projects/{PROJECT}"), policy);
        world
    }

    /// A number that no other call gets.
    pub(crate) fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    pub(crate) fn made(&mut self, key: &str) {
        *self.creations.entry(key.to_owned()).or_default() += 1;
    }

    /// What stands under a key; a new one may not be seen yet.
    pub(crate) fn read(&mut self, key: &str) -> Result<&Entry, Refusal> {
        let entry = self.resources.get_mut(key).ok_or_else(|| Refusal::not_found(key))?;
        if entry.hidden > 0 {
            entry.hidden -= 1;
            return Err(Refusal::not_found(key));
        }
        Ok(entry)
    }

    /// Begins an operation, and gives its answer.
    pub(crate) fn begin(&mut self, service: &str, key: &str, effect: Effect) -> Value {
        let number = self.next();
        let name = super::act::operation_name(service, key, number);
        let failing = self.failing.iter().position(|(of, _)| of == service);
        let operation = Operation {
            service: service.to_owned(),
            name: name.clone(),
            key: key.to_owned(),
            left: self.polls,
            effect,
            error: failing.map(|at| self.failing.remove(at).1),
        };
        let place = format!("{service}/{}", super::act::operation_place(service, key, &name));
        if operation.left == 0 && operation.error.is_none() {
            self.apply(&operation);
        }
        let answer = super::act::operation_answer(&operation);
        self.operations.insert(place, operation);
        answer
    }

    fn apply(&mut self, operation: &Operation) {
        match &operation.effect {
            Effect::Put(entry) => {
                if !self.resources.contains_key(&operation.key) {
                    self.made(&operation.key);
                }
                self.resources.insert(operation.key.clone(), (**entry).clone());
            }
            Effect::Remove => {
                self.resources.remove(&operation.key);
                if operation.service == "sqladmin" {
                    let inside = format!("{}/", operation.key);
                    self.resources.retain(|key, _| !key.starts_with(&inside));
                    if operation.key.contains("/instances/") && operation.key.matches('/').count() == 4 {
                        self.blocked.insert(operation.key.clone());
                    }
                }
            }
        }
    }

    /// Asks about an operation; it goes on by one step.
    pub(crate) fn poll(&mut self, place: &str) -> Result<Value, Refusal> {
        let mut operation = self.operations.get(place).cloned().ok_or_else(|| Refusal::not_found(place))?;
        if operation.left > 0 {
            operation.left -= 1;
            if operation.left == 0 && operation.error.is_none() {
                self.apply(&operation);
            }
        }
        self.operations.insert(place.to_owned(), operation.clone());
        Ok(super::act::operation_answer(&operation))
    }

    /// Whether an operation on this or on what lies in it is under way.
    pub(crate) fn is_busy(&self, key: &str) -> bool {
        self.operations.values().any(|operation| {
            operation.left > 0 && (operation.key == key || operation.key.starts_with(&format!("{key}/")))
        })
    }

    pub(crate) fn etag(version: u64) -> String {
        format!("\"v{version}\"")
    }
}

/// An object, or nothing.
pub(crate) fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}
