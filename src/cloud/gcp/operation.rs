//! Operations that go on after their call: the six shapes that Google's services give them, and the handle under which
//! the journal keeps one.
//!
//! Only an operation's name is kept, never its address, and it is asked about at its own service alone: an answer cannot
//! send a token elsewhere. Compute's `wait` is not used: it answers after up to two minutes, and a connection that is
//! silent for half a minute counts as dead here.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    super::control::{Failure, FailureKind, Pending, USUAL_WAIT},
    api::Ask,
    failure,
    kind::Kind,
    service::Service,
};

/// What an operation is to come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Act {
    /// The resource stands.
    Made,
    /// The resource is as wanted.
    Changed,
    /// The resource is gone.
    Deleted,
    /// The protection is off; the deletion follows.
    Unprotected,
    /// The bucket's objects go, some at each poll; the deletion follows.
    Emptied,
    /// It was brought back from deletion; what is wanted follows.
    Undeleted,
}

/// What the journal keeps of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Handle {
    pub(super) act: Act,
    /// The operation's path below the service's root; empty where there is none, but steps of ours.
    #[serde(default)]
    pub(super) operation: String,
}

impl Handle {
    /// As the engine keeps it.
    pub(super) fn pending(&self, kind: &Kind, region: &str, id: &str) -> Pending {
        let wait = match kind.service {
            Service::Sql => USUAL_WAIT * 3,
            _ if self.act == Act::Emptied => std::time::Duration::ZERO,
            _ => USUAL_WAIT,
        };
        Pending {
            kind: kind.name.to_owned(),
            region: region.to_owned(),
            handle: serde_json::to_string(self).unwrap_or_default(),
            id: (!id.is_empty()).then(|| id.to_owned()),
            wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// From the journal.
    pub(super) fn read(pending: &Pending) -> Result<Self, Failure> {
        serde_json::from_str(&pending.handle)
            .map_err(|_| Failure::new(FailureKind::Invalid, "operation", "the journal's handle is none of Google's"))
    }
}

/// How an operation stands.
#[derive(Debug, PartialEq)]
pub(super) enum Standing {
    /// It goes on; ask about it at this path.
    Goes(String),
    /// It is done, with what it answers.
    Done(Value),
}

/// Reads an operation. `id` is the resource's, which says where its operations lie.
///
/// # Errors
/// What it failed with.
pub(super) fn standing(kind: &Kind, call: &str, id: &str, answer: &Value) -> Result<Standing, Failure> {
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    let done =
        answer.get("done").and_then(Value::as_bool).unwrap_or_else(|| text("status").eq_ignore_ascii_case("done"));
    if let Some(error) = answer.get("error").filter(|error| !error.is_null())
        && done
    {
        return Err(failure::of_operation(call, kind.service, error));
    }
    if done {
        return Ok(Standing::Done(answer.get("response").cloned().unwrap_or(Value::Null)));
    }
    let strange = || Failure::new(FailureKind::Unavailable, call, "the answer is no operation");
    let name = match kind.service {
        Service::Dns => text("id"),
        _ => text("name"),
    };
    if name.is_empty() {
        return Err(strange());
    }
    let path = match kind.service {
        // `projects/p/instances/i/..`: an instance's operations lie beside it.
        Service::Sql => format!("{}/operations/{name}", within(id, 2)),
        Service::Dns => format!("{}/operations/{name}", within(id, 4)),
        Service::Compute => {
            let parts = if id.contains("/global/") { 3 } else { 4 };
            format!("{}/operations/{name}", within(id, parts))
        }
        _ => name.to_owned(),
    };
    if path.contains("..") || !path.split('/').any(|part| part == "operations") {
        return Err(strange());
    }
    Ok(Standing::Goes(path))
}

/// The first parts of an id.
fn within(id: &str, parts: usize) -> String {
    id.split('/').take(parts).collect::<Vec<_>>().join("/")
}

/// The question how an operation stands.
pub(super) fn question(kind: &Kind, operation: &str) -> Ask {
    let call = format!("{}.operations.get", kind.service.word());
    Ask::new(call, kind.service, Method::GET, format!("{}/{operation}", kind.service.root()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cloud::gcp::kind;

    fn goes(kind: &str, id: &str, answer: &Value) -> String {
        match standing(kind::of(kind).unwrap(), "call", id, answer).unwrap() {
            Standing::Goes(path) => path,
            Standing::Done(value) => panic!("done with {value}"),
        }
    }

    #[test]
    fn each_service_has_its_operations() {
        let run = json!({"name": "projects/p/locations/l/operations/1"});
        assert_eq!(
            goes("run.services", "projects/p/locations/l/services/s", &run),
            "projects/p/locations/l/operations/1"
        );
        let sql = json!({"name": "7", "status": "PENDING", "selfLink": "https://elsewhere.example/"});
        assert_eq!(goes("sqladmin.databases", "projects/p/instances/i/databases/d", &sql), "projects/p/operations/7");
        let dns = json!({"id": "9", "status": "pending"});
        let zone = "projects/p/managedZones/z";
        assert_eq!(goes("dns.managedZones", zone, &dns), "projects/p/managedZones/z/operations/9");
        let compute = json!({"name": "operation-1", "status": "RUNNING"});
        assert_eq!(
            goes("compute.networks", "projects/p/global/networks/n", &compute),
            "projects/p/global/operations/operation-1"
        );
        assert_eq!(
            goes("compute.subnetworks", "projects/p/regions/r/subnetworks/n", &compute),
            "projects/p/regions/r/operations/operation-1"
        );
    }

    #[test]
    fn an_operation_leads_nowhere_else() {
        let kind = kind::of("run.services").unwrap();
        for name in ["https://elsewhere.example/x", "projects/p/secrets/s", "../operations/x", ""] {
            assert!(
                standing(kind, "call", "projects/p/locations/l/services/s", &json!({"name": name})).is_err(),
                "{name}"
            );
        }
    }

    #[test]
    fn an_operation_that_failed_says_why() {
        let kind = kind::of("run.services").unwrap();
        let failed = json!({"name": "n", "done": true, "error": {"code": 7, "message": "no"}});
        assert_eq!(standing(kind, "call", "id", &failed).unwrap_err().kind, FailureKind::Denied);
        let done = json!({"name": "n", "done": true, "response": {"uri": "u"}});
        assert_eq!(standing(kind, "call", "id", &done).unwrap(), Standing::Done(json!({"uri": "u"})));
    }
}
