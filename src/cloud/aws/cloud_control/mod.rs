//! The slow types, through the Cloud Control API: one protocol for all of them, with operations to poll.

mod kinds;
mod patch;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Map, Value, json};

use self::kinds::{Find, Within};
use super::{
    call::Wire,
    ecr,
    endpoint::{self, CLOUD_CONTROL, ECR},
    failure, marks, native,
};
use crate::{
    cloud::{
        control::{Change, Failure, FailureKind, Listed, Live, Pending, Step, USUAL_WAIT, Wanted},
        rules::Rules,
    },
    project::Provider,
};

const PROTOCOL: (&str, &str) = ("CloudApiService", "1.0");

/// The most pages of one list, a hundred resources each.
const MOST_PAGES: usize = 200;

/// How many reads one search has under way.
const READS: usize = 8;

/// How many failed attempts of one intent are stepped over.
const MOST_ATTEMPTS: usize = 16;

/// A failure that is older than this is that of an earlier try, in milliseconds.
const FRESH_MS: u64 = 3000;

/// Marks the handle of an update after which the resource is deleted.
const THEN_DELETE: &str = "then-delete";

async fn call(wire: &Wire, region: &str, action: &str, body: &Value) -> Result<Value, Failure> {
    wire.json(CLOUD_CONTROL, region, PROTOCOL, action, body).await
}

fn named(action: &str) -> String {
    format!("{}:{action}", CLOUD_CONTROL.word)
}

/// The properties of a description, which are JSON within JSON.
fn live(kind: &str, region: &str, description: &Value) -> Result<Live, Failure> {
    let call = named("GetResource");
    let broken = |what: &str| Failure::new(FailureKind::Unavailable, call.as_str(), what);
    let id = description.get("Identifier").and_then(Value::as_str).ok_or_else(|| broken("no identifier came"))?;
    let text = description.get("Properties").and_then(Value::as_str).ok_or_else(|| broken("no properties came"))?;
    let mut properties: Map<String, Value> =
        serde_json::from_str(text).map_err(|_| broken("the properties are no JSON object"))?;
    let owner = kinds::of(kind).tags.and_then(|property| {
        let tags = properties.get(property).map(marks::pairs).unwrap_or_default();
        marks::apply(&mut properties, property, tags)
    });
    let (id, kind, region) = (id.to_owned(), kind.to_owned(), region.to_owned());
    Ok(Live { id, kind, region, properties: Value::Object(properties), owner, etag: None })
}

/// The identifiers of everything of a type.
async fn identifiers(wire: &Wire, kind: &str, region: &str) -> Result<Vec<String>, Failure> {
    match kinds::of(kind).within {
        None => page_through(wire, kind, region, None).await,
        Some(Within::Model(property, value)) => {
            page_through(wire, kind, region, Some(json!({ property: value }))).await
        }
        Some(Within::Each(property, other)) => {
            let outer = page_through(wire, other, region, None).await?;
            let lists = stream::iter(outer).map(|id| async move {
                match page_through(wire, kind, region, Some(json!({ property: id }))).await {
                    // It went between the two lists.
                    Err(failure) if failure.kind == FailureKind::NotFound => Ok(Vec::new()),
                    other => other,
                }
            });
            Ok(lists.buffered(READS).try_concat().await?)
        }
    }
}

async fn page_through(wire: &Wire, kind: &str, region: &str, model: Option<Value>) -> Result<Vec<String>, Failure> {
    let mut all = Vec::new();
    let mut body = json!({ "TypeName": kind, "MaxResults": 100 });
    if let Some(model) = model {
        body["ResourceModel"] = Value::from(model.to_string());
    }
    for _ in 0..MOST_PAGES {
        let page = call(wire, region, "ListResources", &body).await?;
        let found = page.get("ResourceDescriptions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        all.extend(found.iter().filter_map(|one| one.get("Identifier")?.as_str().map(str::to_owned)));
        match page.get("NextToken").and_then(Value::as_str) {
            Some(token) => body["NextToken"] = Value::from(token),
            None => break,
        }
    }
    Ok(all)
}

/// See [`ControlPlane::list`](crate::cloud::control::ControlPlane::list). The list may tell a part of the properties and
/// does not say which, so each is read.
pub(super) async fn list(wire: &Wire, kind: &str, region: &str) -> Result<Vec<Listed>, Failure> {
    Ok(identifiers(wire, kind, region).await?.into_iter().map(|id| Listed { id, live: None }).collect())
}

/// See [`ControlPlane::read`](crate::cloud::control::ControlPlane::read).
pub(super) async fn read(wire: &Wire, kind: &str, region: &str, id: &str) -> Result<Live, Failure> {
    let answer = call(wire, region, "GetResource", &json!({ "TypeName": kind, "Identifier": id })).await?;
    live(kind, region, answer.get("ResourceDescription").unwrap_or(&Value::Null))
}

async fn read_if_there(wire: &Wire, kind: &str, region: &str, id: &str) -> Result<Option<Live>, Failure> {
    match read(wire, kind, region, id).await {
        Ok(live) => Ok(Some(live)),
        Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// See [`ControlPlane::locate`](crate::cloud::control::ControlPlane::locate).
pub(super) async fn locate(wire: &Wire, wanted: &Wanted) -> Result<Option<Live>, Failure> {
    let (kind, region, properties) = (wanted.kind.as_str(), wanted.region.as_str(), &wanted.properties);
    let partition = endpoint::partition(if region == "global" { &wire.home } else { region });
    let find = kinds::of(kind).find;
    let id = match find {
        Find::Name(name) => native::required(kind, properties, name)?.to_owned(),
        Find::SmallName(name) => native::required(kind, properties, name)?.to_lowercase(),
        Find::Joined(names) => {
            let parts: Result<Vec<&str>, Failure> =
                names.iter().map(|name| native::required(kind, properties, name)).collect();
            parts?.join("|")
        }
        Find::Arn(pattern) => {
            let account = wire.account().await?.number.as_str();
            kinds::fill(pattern, properties, [("partition", partition.name), ("region", region), ("account", account)])
        }
        Find::Holding(pattern) => {
            return newest(wire, kind, region, &kinds::fill(pattern, properties, [("", ""); 3])).await;
        }
        Find::Equal(_) | Find::Marks => return search(wire, wanted, find).await,
    };
    read_if_there(wire, kind, region, &id).await
}

/// The one whose identifier holds `part`; of several (the revisions of a task definition) the newest.
async fn newest(wire: &Wire, kind: &str, region: &str, part: &str) -> Result<Option<Live>, Failure> {
    let mut found: Vec<String> =
        identifiers(wire, kind, region).await?.into_iter().filter(|id| id.contains(part)).collect();
    let revision = |id: &String| id.rsplit(':').next().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    found.sort_by_key(revision);
    for id in found.iter().rev() {
        // `web` is also in `web-2`: a secret's name is followed by a hyphen and six characters, and only those.
        let exact = !part.starts_with(":secret:") || id.len() == id.find(part).unwrap_or(0) + part.len() + 6;
        if exact && let Some(live) = read_if_there(wire, kind, region, id).await? {
            return Ok(Some(live));
        }
    }
    Ok(None)
}

/// Reads all of a type until one is the wanted one.
async fn search(wire: &Wire, wanted: &Wanted, find: Find) -> Result<Option<Live>, Failure> {
    let (kind, region) = (wanted.kind.as_str(), wanted.region.as_str());
    let all = identifiers(wire, kind, region).await?;
    let mut reads = stream::iter(all)
        .map(|id| async move {
            match read_if_there(wire, kind, region, &id).await {
                // A key of somebody else's policy cannot be read, and is not ours.
                Err(failure) if failure.kind == FailureKind::Denied => Ok(None),
                other => other,
            }
        })
        .buffered(READS);
    while let Some(found) = reads.next().await {
        let Some(live) = found? else { continue };
        let is_it = match find {
            Find::Equal(places) => kinds::equal(&wanted.properties, &live.properties, places),
            _ => live.owner.as_ref() == Some(&wanted.owner),
        };
        if is_it {
            return Ok(Some(live));
        }
    }
    Ok(None)
}

/// What a progress event says.
fn step(wire: &Wire, kind: &str, region: &str, action: &str, answer: &Value) -> Result<Step, Failure> {
    let event = answer.get("ProgressEvent").unwrap_or(&Value::Null);
    let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
    let id = Some(text("Identifier")).filter(|id| !id.is_empty()).map(str::to_owned);
    match text("OperationStatus") {
        "SUCCESS" if text("Operation") == "DELETE" => Ok(native::gone()),
        "SUCCESS" => match id {
            Some(id) => Ok(native::done_unread(id)),
            None => Err(Failure::new(FailureKind::Unreachable, named(action), "it is done, and no identifier came")),
        },
        "PENDING" | "IN_PROGRESS" | "CANCEL_IN_PROGRESS" => {
            let handle = text("RequestToken").to_owned();
            if handle.is_empty() {
                return Err(Failure::new(FailureKind::Unreachable, named(action), "no request token came"));
            }
            Ok(Step::Pending(Pending {
                kind: kind.to_owned(),
                region: region.to_owned(),
                handle,
                id,
                wait_ms: wait_ms(wire, event),
            }))
        }
        "FAILED" => {
            let mut failure = failure::from_code(&named(action), text("ErrorCode"), text("StatusMessage"), 0);
            failure.request_id = Some(text("RequestToken").to_owned()).filter(|token| !token.is_empty());
            Err(failure)
        }
        "CANCEL_COMPLETE" => {
            let message = "somebody cancelled the operation, which may have been half done";
            Err(Failure::new(FailureKind::Unreachable, named(action), message))
        }
        other => {
            let message = format!("an unknown status `{}`", other.escape_debug());
            Err(Failure::new(FailureKind::Unreachable, named(action), message))
        }
    }
}

/// The pause that the service asks for: a time, in seconds since 1970.
fn wait_ms(wire: &Wire, event: &Value) -> u64 {
    let usual = u64::try_from(USUAL_WAIT.as_millis()).unwrap_or(2000);
    let Some(at) = millis(event, "RetryAfter") else { return usual };
    at.saturating_sub(wire.clock.unix_ms()).clamp(100, 60_000)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded on the line before")]
fn millis(event: &Value, name: &str) -> Option<u64> {
    let seconds = event.get(name)?.as_f64()?;
    (0.0..1e11).contains(&seconds).then_some((seconds * 1000.0) as u64)
}

/// Hands an operation in. Cloud Control keeps a token for 36 hours and answers a second call with what became of the
/// first, also when that failed. So a try that follows a failed one must bring another token, and which one must follow
/// from the first, for a process that starts in the middle: the failed ones are stepped over, one after the other.
async fn submit(
    wire: &Wire,
    (kind, region): (&str, &str),
    action: &str,
    body: Value,
    token: &str,
) -> Result<Step, Failure> {
    let mut body = body;
    body["TypeName"] = Value::from(kind);
    for attempt in 0..MOST_ATTEMPTS {
        body["ClientToken"] = if attempt == 0 { Value::from(token) } else { Value::from(format!("{token}-{attempt}")) };
        let answer = call(wire, region, action, &body).await?;
        let result = step(wire, kind, region, action, &answer);
        let Err(failure) = &result else { return result };
        let event = answer.get("ProgressEvent").unwrap_or(&Value::Null);
        let failed = event.get("OperationStatus").and_then(Value::as_str) == Some("FAILED");
        let age = millis(event, "EventTime").map_or(0, |at| wire.clock.unix_ms().saturating_sub(at));
        // What is not known to have come to nothing is never tried again.
        let nothing_came = failure.kind != FailureKind::Unreachable && failure.kind != FailureKind::Exists;
        if !failed || !nothing_came || age < FRESH_MS {
            return result;
        }
    }
    let message = format!("{MOST_ATTEMPTS} attempts failed");
    Err(Failure::new(FailureKind::Invalid, named(action), message).next_step("run the command again: it begins anew"))
}

/// See [`ControlPlane::create`](crate::cloud::control::ControlPlane::create).
pub(super) async fn create(wire: &Wire, wanted: &Wanted, token: &str) -> Result<Step, Failure> {
    let mut state = wanted.body();
    if let Some(property) = kinds::of(&wanted.kind).tags {
        state[property] = marks::list(&marks::wanted(wanted, property));
    }
    let body = json!({ "DesiredState": state.to_string() });
    submit(wire, (&wanted.kind, &wanted.region), "CreateResource", body, token).await
}

/// See [`ControlPlane::update`](crate::cloud::control::ControlPlane::update).
pub(super) async fn update(
    wire: &Wire,
    live: &Live,
    wanted: &Wanted,
    changes: &[Change],
    token: &str,
) -> Result<Step, Failure> {
    let mut body = wanted.body();
    let tags = kinds::of(&wanted.kind).tags;
    let changes: Vec<Change> = changes.iter().filter(|change| Some(native::top(change)) != tags).cloned().collect();
    // What the service tells after all (a minor version where a major one was set) needs no reminder.
    let told = |pointer: &&String| live.properties.pointer(pointer).is_some();
    let rules = Rules::of(Provider::Aws).get(&wanted.kind);
    let write_only: Vec<String> = rules
        .map(|rules| rules.write_only.iter().filter(|pointer| !told(pointer)).cloned().collect())
        .unwrap_or_default();
    let retagged = tags.filter(|property| marks::difference(live, wanted, property).is_some());
    // The tags go in by themselves: what is live was read without the marks.
    if let (Some(property), Some(map)) = (tags, body.as_object_mut()) {
        map.remove(property);
    }
    let mut patch = patch::patch(&live.properties, &body, &changes, &write_only);
    if let Some(property) = retagged {
        let mut all = marks::wanted(wanted, property);
        if wanted.properties.get(property).is_none() {
            all.extend(live.properties.get(property).map(marks::pairs).unwrap_or_default());
        }
        let operation = json!({ "op": "add", "path": format!("/{property}"), "value": marks::list(&all) });
        if let Some(operations) = patch.as_array_mut() {
            operations.push(operation);
        }
    }
    if patch.as_array().is_none_or(Vec::is_empty) {
        return Ok(native::done_unread(live.id.as_str()));
    }
    let body = json!({ "Identifier": live.id, "PatchDocument": patch.to_string() });
    submit(wire, (&live.kind, &live.region), "UpdateResource", body, token).await
}

/// See [`ControlPlane::delete`](crate::cloud::control::ControlPlane::delete).
pub(super) async fn delete(wire: &Wire, live: &Live, empty: bool, token: &str) -> Result<Step, Failure> {
    let place = (live.kind.as_str(), live.region.as_str());
    if live.kind == ecr::REPOSITORY && empty {
        // Cloud Control cannot be told to take the images along.
        let body = json!({ "repositoryName": live.id, "force": true });
        wire.json(ECR, &live.region, ecr::PROTOCOL, "DeleteRepository", &body).await?;
        return Ok(native::gone());
    }
    if live.properties.get("DeletionProtection").and_then(Value::as_bool) == Some(true) {
        if !empty {
            let message = format!("{} is protected from deletion", live.id);
            return Err(Failure::new(FailureKind::Protected, named("DeleteResource"), message));
        }
        let patch = json!([{ "op": "add", "path": "/DeletionProtection", "value": false }]);
        let body = json!({ "Identifier": live.id, "PatchDocument": patch.to_string() });
        let unprotect = format!("{token}-unprotect");
        return match submit(wire, place, "UpdateResource", body, &unprotect).await? {
            Step::Pending(pending) => Ok(Step::Pending(then_delete(pending, &live.id, token))),
            Step::Done { .. } => delete_now(wire, place, &live.id, token).await,
        };
    }
    delete_now(wire, place, &live.id, token).await
}

async fn delete_now(wire: &Wire, place: (&str, &str), id: &str, token: &str) -> Result<Step, Failure> {
    submit(wire, place, "DeleteResource", json!({ "Identifier": id }), token).await
}

/// The handle of an update that is the first half of a deletion says so, for whoever asks for its end.
fn then_delete(pending: Pending, id: &str, token: &str) -> Pending {
    let handle = format!("{THEN_DELETE}|{}|{token}", pending.handle);
    Pending { handle, id: Some(id.to_owned()), ..pending }
}

/// The failure of an operation, told by a call that succeeded: it must not be taken for a failure of the call, after which
/// one would ask again and again.
fn ended(failure: Failure) -> Failure {
    let kind = match failure.kind {
        FailureKind::Throttled | FailureKind::Unavailable => FailureKind::Busy,
        // It came to an end that leaves open what stands: whoever asks must look.
        FailureKind::Unreachable => FailureKind::Invalid,
        kind => kind,
    };
    Failure { kind, ..failure }
}

/// See [`ControlPlane::poll`](crate::cloud::control::ControlPlane::poll).
pub(super) async fn poll(wire: &Wire, pending: &Pending) -> Result<Step, Failure> {
    let mut parts = pending.handle.split('|');
    let (handle, delete) = match (parts.next(), parts.next(), parts.next()) {
        (Some(THEN_DELETE), Some(handle), Some(token)) => (handle, Some(token)),
        _ => (pending.handle.as_str(), None),
    };
    let action = "GetResourceRequestStatus";
    let answer = call(wire, &pending.region, action, &json!({ "RequestToken": handle })).await?;
    let step = step(wire, &pending.kind, &pending.region, action, &answer).map_err(ended)?;
    match (step, delete, &pending.id) {
        (Step::Pending(next), Some(token), Some(id)) => Ok(Step::Pending(then_delete(next, id, token))),
        (Step::Pending(next), None, known) => Ok(Step::Pending(Pending { id: next.id.or(known.clone()), ..next })),
        (Step::Done { .. }, Some(token), Some(id)) => {
            // The deletion runs under its own token, so that asking twice is harmless.
            delete_now(wire, (&pending.kind, &pending.region), id, token).await
        }
        (done, ..) => Ok(done),
    }
}
