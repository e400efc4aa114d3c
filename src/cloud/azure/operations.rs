//! Operations that take time: how Azure says that it works on something, and how its end is asked for.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Azure, body, errors};
use crate::cloud::{
    control::{Failure, FailureKind, Pending, Step, USUAL_WAIT},
    rest::Answer,
};

/// The longest pause that a service may ask for.
const LONGEST_WAIT_MS: u64 = 5 * 60 * 1000;

/// How the end of an operation is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Way {
    /// An address that tells of the operation (`Azure-AsyncOperation`).
    Operation,
    /// An address that answers 202 until it is done (`Location`).
    Location,
    /// The resource itself, by `provisioningState`.
    State,
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Act {
    /// Made or changed.
    Make,
    /// Deleted.
    Delete,
}

/// What a journal keeps of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Handle {
    way: Way,
    act: Act,
    /// Empty where the resource itself is asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    url: String,
}

fn gone() -> Step {
    Step::Done { id: String::new(), live: None }
}

/// How a state of a resource or an operation is to be read.
enum Stands {
    Under,
    Well,
    Badly,
}

fn stands(state: &str) -> Stands {
    match state.to_ascii_lowercase().as_str() {
        "" | "succeeded" | "ready" | "active" | "completed" => Stands::Well,
        "failed" | "canceled" | "cancelled" => Stands::Badly,
        _ => Stands::Under,
    }
}

fn provisioning_state(body: &Value) -> &str {
    let text = body.pointer("/properties/provisioningState").or_else(|| body.get("provisioningState"));
    text.and_then(Value::as_str).unwrap_or_default()
}

impl Azure {
    /// What the answer to a PUT or DELETE comes to.
    ///
    /// # Errors
    /// When it is no JSON, points to another host, or tells of a failure.
    pub(super) fn begun(
        &self,
        call: &str,
        kind: &str,
        region: &str,
        id: &str,
        act: Act,
        answer: &Answer,
    ) -> Result<Step, Failure> {
        let way = if let Some(url) = answer.header("azure-asyncoperation") {
            Some((Way::Operation, self.arm.own(call, url)?))
        } else if let Some(url) = answer.header("location").filter(|_| answer.status == 202) {
            Some((Way::Location, self.arm.own(call, url)?))
        } else {
            None
        };
        let pending = |handle: Handle| self.pending(kind, region, id, &handle, answer);
        if let Some((way, url)) = way {
            return pending(Handle { way, act, url: url.into() });
        }
        let at_itself = Handle { way: Way::State, act, url: String::new() };
        if act == Act::Delete {
            return if answer.status == 202 { pending(at_itself) } else { Ok(gone()) };
        }
        let told = answer.json(call)?;
        match stands(provisioning_state(&told)) {
            Stands::Under => pending(at_itself),
            Stands::Badly => Err(errors::of_operation(call, &told)),
            Stands::Well if answer.status == 202 => pending(at_itself),
            Stands::Well => {
                let live = body::live(kind, self.route(kind)?, region, told);
                Ok(Step::Done { id: live.as_ref().map_or_else(|| id.to_owned(), |live| live.id.clone()), live })
            }
        }
    }

    fn pending(&self, kind: &str, region: &str, id: &str, handle: &Handle, answer: &Answer) -> Result<Step, Failure> {
        let handle = serde_json::to_string(handle)
            .map_err(|error| Failure::new(FailureKind::Invalid, kind, format!("no handle can be written: {error}")))?;
        Ok(Step::Pending(Pending {
            kind: kind.to_owned(),
            region: region.to_owned(),
            handle,
            id: Some(id.to_owned()),
            wait_ms: wait(answer),
        }))
    }

    /// Asks how an operation stands.
    pub(super) async fn ask_about(&self, pending: &Pending) -> Result<Step, Failure> {
        let call = format!("GET {} operation", pending.kind);
        let handle: Handle = serde_json::from_str(&pending.handle)
            .map_err(|_| Failure::new(FailureKind::Invalid, call.as_str(), "the handle is none of Azure's"))?;
        let id = pending.id.clone().unwrap_or_default();
        super::ids::check(&call, &self.arm.subscription, &id)?;
        let still = |answer: &Answer| Step::Pending(Pending { wait_ms: wait(answer), ..pending.clone() });
        if handle.way == Way::State {
            return self.ask_itself(pending, handle.act, &id).await;
        }
        let answer = match self.arm.get(&call, self.arm.own(&call, &handle.url)?).await {
            Ok(answer) => answer,
            // Azure forgets operations after a while; the resource tells the rest.
            Err(failure) if failure.kind == FailureKind::NotFound => {
                return self.ask_itself(pending, handle.act, &id).await;
            }
            Err(failure) => return Err(failure),
        };
        let done = || match handle.act {
            Act::Delete => gone(),
            Act::Make => Step::Done { id: id.clone(), live: None },
        };
        if handle.way == Way::Location {
            return Ok(if answer.status == 202 { still(&answer) } else { done() });
        }
        let told = answer.json(&call)?;
        let status = told.get("status").and_then(Value::as_str).unwrap_or_else(|| provisioning_state(&told));
        match stands(status) {
            // An operation that has no status has not ended.
            Stands::Well if status.is_empty() => Ok(still(&answer)),
            Stands::Well => Ok(done()),
            Stands::Under => Ok(still(&answer)),
            Stands::Badly => Err(self.ended_badly(&call, handle.act, &told)),
        }
    }

    async fn ask_itself(&self, pending: &Pending, act: Act, id: &str) -> Result<Step, Failure> {
        let call = format!("GET {}", pending.kind);
        let rules = self.rules(&pending.kind)?;
        let still = |answer: Option<&Answer>| {
            let wait_ms = answer.map_or_else(|| wait_of(None), wait);
            Ok(Step::Pending(Pending { wait_ms, ..pending.clone() }))
        };
        let answer = match self.arm.get(&call, self.arm.at(id, &rules.api_version)).await {
            Ok(answer) => answer,
            Err(failure) if failure.kind == FailureKind::NotFound => {
                return match act {
                    Act::Delete => Ok(gone()),
                    // Right after a PUT a resource may not be seen for a while.
                    Act::Make => still(None),
                };
            }
            Err(failure) => return Err(failure),
        };
        let told = answer.json(&call)?;
        match (act, stands(provisioning_state(&told))) {
            (_, Stands::Badly) => Err(self.ended_badly(&call, act, &told)),
            (Act::Delete, _) | (_, Stands::Under) => still(Some(&answer)),
            (Act::Make, Stands::Well) => {
                let live = body::live(&pending.kind, self.route(&pending.kind)?, &pending.region, told);
                Ok(Step::Done { id: id.to_owned(), live })
            }
        }
    }

    fn ended_badly(&self, call: &str, act: Act, told: &Value) -> Failure {
        let mut failure = errors::of_operation(call, told);
        if failure.message.is_empty() {
            let doing = if act == Act::Delete { "deleted" } else { "made" };
            failure.message = format!("Azure says that it could not be {doing}, and not why");
            failure.next_step = Some("look at the activity log of its resource group".to_owned());
        }
        failure
    }
}

fn wait(answer: &Answer) -> u64 {
    wait_of(answer.retry_after_ms())
}

fn wait_of(asked: Option<u64>) -> u64 {
    let usual = u64::try_from(USUAL_WAIT.as_millis()).unwrap_or(2000);
    asked.unwrap_or(usual).min(LONGEST_WAIT_MS)
}
