//! HTTP: who calls, which method, whether the request is one that it takes.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderValue, Method as Verb, StatusCode, header},
    response::Response,
};
use serde_json::Value;

use super::{
    NUMBER, PROJECT, act, create, objects, policy,
    route::{self, Method},
    shape, tokens,
    world::{Refusal, World},
};

/// What a method is called with.
pub(crate) struct Call {
    pub(crate) method: &'static Method,
    /// Behind the service's root: `projects/p/secrets`.
    pub(crate) rest: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Value,
    pub(crate) bytes: Bytes,
}

impl Call {
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The key of what the path names.
    pub(crate) fn key(&self) -> String {
        format!("{}/{}", self.method.service(), self.rest)
    }
}

/// What is answered.
pub(crate) enum Answer {
    Json(Value),
    Bytes(Bytes),
}

pub(crate) fn app(world: Arc<Mutex<World>>) -> Router {
    Router::new().fallback(handle).with_state(world)
}

async fn handle(State(world): State<Arc<Mutex<World>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, 8 << 20).await else { return refuse(&Refusal::invalid("the body is too large")) };
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let bearer = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default().to_owned();
    let range = parts.headers.get(header::RANGE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut world = world.lock().expect("the world is whole");
    if parts.uri.path().starts_with("/computeMetadata/v1/") {
        let flavour = parts.headers.get("metadata-flavor").is_some_and(|flavour| flavour == "Google");
        let mut response = match tokens::metadata(&mut world, parts.uri.path(), flavour) {
            Ok(value) => reply(StatusCode::OK, "application/json", value.to_string().into()),
            Err(refusal) => refuse(&refusal),
        };
        response.headers_mut().insert("metadata-flavor", HeaderValue::from_static("Google"));
        return response;
    }
    match answer(&mut world, &parts.method, parts.uri.path(), query, &bearer, bytes, range.as_deref()) {
        Ok(Answer::Json(value)) => reply(StatusCode::OK, "application/json", value.to_string().into()),
        Ok(Answer::Bytes(bytes)) => reply(StatusCode::OK, "application/octet-stream", bytes),
        Err(refusal) => refuse(&refusal),
    }
}

fn reply(status: StatusCode, kind: &str, body: Bytes) -> Response {
    Response::builder().status(status).header(header::CONTENT_TYPE, kind).body(Body::from(body)).expect("an answer")
}

fn refuse(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.code).expect("a status");
    let body = match refusal.status {
        "OAUTH" => serde_json::json!({ "error": refusal.message }),
        _ => refusal.body(),
    };
    let mut response = reply(status, "application/json", body.to_string().into());
    if let Some(seconds) = refusal.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn answer(
    world: &mut World,
    verb: &Verb,
    path: &str,
    query: Vec<(String, String)>,
    bearer: &str,
    bytes: Bytes,
    range: Option<&str>,
) -> Result<Answer, Refusal> {
    if matches!(path, "/token" | "/v1/token") && *verb == Verb::POST {
        let form: Vec<(String, String)> = url::form_urlencoded::parse(&bytes).into_owned().collect();
        return tokens::exchange(world, path, &form).map(Answer::Json);
    }
    if path == "/github" {
        return tokens::github(bearer, &query).map(Answer::Json);
    }
    let method =
        route::find(verb.as_str(), path).ok_or_else(|| Refusal::not_found(&format!("the method {verb} {path}")))?;
    world.calls.push(method.id.clone());
    tokens::check(world, bearer)?;
    if let Some(at) = world.refusals.iter().position(|(of, _)| *of == method.id) {
        return Err(world.refusals.remove(at).1);
    }
    enabled(world, method)?;
    let common = ["alt", "fields", "prettyPrint", "uploadType"];
    if let Some((name, _)) =
        query.iter().find(|(name, _)| !method.query.contains(name) && !common.contains(&name.as_str()))
    {
        return Err(Refusal::invalid(format!("Unknown name \"{name}\": Cannot bind query parameter.")));
    }
    let call = Call { method, rest: route::rest(method, path), query, body: Value::Null, bytes };
    in_project(&call)?;
    if method.id.starts_with("storage.objects.") {
        return objects::answer(world, &call, range);
    }
    let body = match (&method.body, call.bytes.is_empty()) {
        (_, true) => Value::Null,
        (None, false) if call.bytes.as_ref() == b"{}" => Value::Null,
        (None, false) => return Err(Refusal::invalid(format!("{} takes no body", method.id))),
        (Some(_), false) => serde_json::from_slice(&call.bytes).map_err(|error| Refusal::invalid(error.to_string()))?,
    };
    let call = Call { body, ..call };
    if let (Some(fields), Value::Object(body)) = (&method.body, &call.body)
        && let Some(name) = body.keys().find(|name| !fields.contains(name))
    {
        return Err(Refusal::invalid(format!(
            "Invalid JSON payload received. Unknown name \"{name}\": Cannot find field."
        )));
    }
    dispatch(world, &call).map(Answer::Json)
}

fn dispatch(world: &mut World, call: &Call) -> Result<Value, Refusal> {
    if call.method.id.ends_with("perations.get") {
        return world.poll(&call.key());
    }
    match call.method.action() {
        "create" => create::create(world, call),
        "get" if matches!(call.method.kind(), "storage.projects.serviceAccount" | "cloudresourcemanager.projects") => {
            Ok(act::given(call))
        }
        "getBillingInfo" => Ok(act::given(call)),
        "get" => create::get(world, call),
        "list" => create::list(world, call),
        "patch" => create::patch(world, call),
        "delete" => create::delete(world, call),
        "getIamPolicy" => policy::get(world, call),
        "setIamPolicy" => policy::set(world, call),
        "testIamPermissions" => Ok(call.body.clone()),
        "generateAccessToken" => Ok(tokens::borrow(world)),
        _ => act::act(world, call),
    }
}

/// A service that was just enabled takes a while.
fn enabled(world: &mut World, method: &Method) -> Result<(), Refusal> {
    let service = method.service();
    let waking = world.waking.get_mut(service).filter(|left| **left > 0);
    let asleep = match waking {
        Some(left) => {
            *left -= 1;
            true
        }
        None => world.disabled.contains_key(service),
    };
    if asleep && service != "serviceusage" {
        let message = format!("{service} API has not been used in project {NUMBER} before or it is disabled.");
        return Err(Refusal::new(403, "PERMISSION_DENIED", message).reason("SERVICE_DISABLED"));
    }
    Ok(())
}

fn in_project(call: &Call) -> Result<(), Refusal> {
    let mut parts = call.rest.split('/');
    let foreign =
        parts.next() == Some("projects") && !parts.next().is_some_and(|id| [PROJECT, NUMBER, "-"].contains(&id));
    if foreign {
        return Err(Refusal::new(403, "PERMISSION_DENIED", "The caller does not have permission"));
    }
    Ok(())
}

/// The body of a change: what is changed, where that stands in a template's properties, and the mask.
pub(crate) fn change(call: &Call) -> Result<(Value, &'static str, Option<String>), Refusal> {
    let kind = call.method.kind();
    match kind {
        "iam.serviceAccounts" => {
            let inner = call.body["serviceAccount"].clone();
            shape::check(kind, "/serviceAccount", &inner, None)?;
            let mask = call.body["updateMask"].as_str().unwrap_or_default().to_owned();
            Ok((inner, "/serviceAccount", Some(mask)))
        }
        "iam.roles" => {
            shape::check(kind, "/role", &call.body, None)?;
            Ok((call.body.clone(), "/role", Some(call.query("updateMask").unwrap_or_default().to_owned())))
        }
        _ => {
            shape::check(kind, "", &call.body, None)?;
            let takes_mask = call.method.query.iter().any(|name| name == "updateMask");
            Ok((call.body.clone(), "", takes_mask.then(|| call.query("updateMask").unwrap_or_default().to_owned())))
        }
    }
}
