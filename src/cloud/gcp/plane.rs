//! What most types have in common: they are made by POST, read by GET, changed by PATCH and deleted by DELETE at a place
//! that their id names.

use http::Method;
use serde_json::{Map, Value};

use super::{
    super::control::{Change, Failure, FailureKind, Listed, Live, Step, Wanted},
    api::{Api, Ask},
    failure,
    kind::{Comes, Kind, Manner, Marks, Update},
    names::{self, Where},
    operation::{self, Act, Handle, Standing},
    service::Service,
    shape,
};

/// The most pages of one list that are read.
const MOST_PAGES: usize = 1000;

/// One project of Google Cloud.
#[derive(Debug)]
pub(super) struct Gcp {
    /// The cloud's name in wildcam.toml.
    pub(super) name: String,
    /// The project's id at Google.
    pub(super) project: String,
    pub(super) api: Api,
    /// Where the state's bucket is made.
    pub(super) home: String,
    /// Where everything else is made.
    pub(super) region: String,
    pub(super) estate: crate::cloud::registry::Estate,
    /// The bucket of the pictures, beside which the state lies.
    pub(super) bucket: String,
    pub(super) clock: crate::clock::Clock,
}

impl Gcp {
    pub(super) fn at<'a>(&'a self, region: &'a str) -> Where<'a> {
        Where { project: &self.project, region }
    }

    /// Asks. A service that is said to be disabled may have been enabled a moment ago, and then the answer is only late.
    pub(super) async fn ask(&self, ask: &Ask) -> Result<Value, Failure> {
        match self.api.ask(ask).await {
            Err(denied) if failure::is_disabled(&denied) && ask.service != Service::Usage => {
                let name = format!("{}.googleapis.com", ask.service.word());
                match self.api.ask(&super::usage::question(&self.project, &name)).await {
                    Ok(answer) if super::usage::is_enabled(&answer) => Err(Failure {
                        kind: FailureKind::NotYet,
                        message: format!("{name} was enabled a moment ago and is not ready yet"),
                        next_step: None,
                        ..denied
                    }),
                    _ => Err(denied),
                }
            }
            other => other,
        }
    }

    /// The path of a resource.
    pub(super) fn path(kind: &Kind, id: &str) -> String {
        let middle = if kind.name == "storage.buckets" { "/b" } else { "" };
        format!("{}{middle}/{id}", kind.service.root())
    }

    /// The id that `wanted` has, where its name is its identity.
    pub(super) fn id(&self, kind: &Kind, wanted: &Wanted) -> Result<String, Failure> {
        let nothing = Map::new();
        let properties = wanted.properties.as_object().unwrap_or(&nothing);
        names::fill(kind.id, self.at(&wanted.region), properties).map_err(|name| missing(kind, &name))
    }

    pub(super) async fn get(&self, kind: &Kind, region: &str, id: &str) -> Result<Live, Failure> {
        let call = format!("{}.get", kind.name);
        let answer = self.ask(&Ask::new(&call, kind.service, Method::GET, Self::path(kind, id))).await?;
        if is_gone(kind, &answer) {
            return Err(Failure::new(FailureKind::NotFound, call, "it was deleted"));
        }
        Ok(shape::live(kind, self.at(region), id, answer))
    }

    /// Everything of a type.
    pub(super) async fn all(&self, kind: &Kind, region: &str) -> Result<Vec<Listed>, Failure> {
        let call = format!("{}.list", kind.name);
        let without = || Failure::new(FailureKind::Unsupported, &call, "this type is read one by one");
        if kind.items.is_empty() {
            return Err(without());
        }
        let collection = names::fill(kind.collection, self.at(region), &Map::new()).map_err(|_| without())?;
        self.all_in(kind, region, &collection).await
    }

    fn listed(&self, kind: &Kind, region: &str, item: &Value) -> Option<Listed> {
        if is_gone(kind, item) {
            return None;
        }
        // Cloud SQL lists all regions at once.
        let elsewhere = |of: &str| kind.service == Service::Sql && region != "global" && of != region;
        if item.get("region").and_then(Value::as_str).is_some_and(elsewhere) {
            return None;
        }
        let name = item.get("name")?.as_str()?;
        let last = name.rsplit('/').next().unwrap_or(name);
        let id = if kind.id.is_empty() || kind.name == "iam.serviceAccounts" {
            name.to_owned()
        } else {
            let variable = kind.id.rsplit('{').next()?.split('}').next()?;
            let mut properties = Map::new();
            properties.insert(variable.to_owned(), last.into());
            names::fill(kind.id, self.at(region), &properties).ok()?
        };
        Some(Listed { live: Some(shape::live(kind, self.at(region), &id, item.clone())), id })
    }

    /// The one that stands where `wanted` would be made.
    pub(super) async fn found(&self, kind: &Kind, wanted: &Wanted) -> Result<Option<Live>, Failure> {
        if !kind.id.is_empty() {
            let id = self.id(kind, wanted)?;
            return match self.get(kind, &wanted.region, &id).await {
                Ok(mut live) => {
                    // Where no mark can be kept the name speaks: it carries the project and the environment.
                    if kind.marks == Marks::Name {
                        live.owner = Some(wanted.owner.clone());
                    }
                    Ok(Some(live))
                }
                Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
                Err(failure) => Err(failure),
            };
        }
        let is_it = |live: &Live| match kind.title {
            "" => live.owner.as_ref() == Some(&wanted.owner),
            title => live.properties.pointer(title) == wanted.properties.pointer(title),
        };
        let collection = self.collection(kind, wanted)?;
        let every = self.all_in(kind, &wanted.region, &collection).await?;
        let mut live = every.into_iter().filter_map(|listed| listed.live).find(is_it);
        if !kind.title.is_empty()
            && let Some(live) = &mut live
        {
            live.owner = Some(wanted.owner.clone());
        }
        Ok(live)
    }

    fn collection(&self, kind: &Kind, wanted: &Wanted) -> Result<String, Failure> {
        let nothing = Map::new();
        let properties = wanted.properties.as_object().unwrap_or(&nothing);
        names::fill(kind.collection, self.at(&wanted.region), properties).map_err(|name| missing(kind, &name))
    }

    /// Every page of one list.
    async fn all_in(&self, kind: &Kind, region: &str, collection: &str) -> Result<Vec<Listed>, Failure> {
        let call = format!("{}.list", kind.name);
        let (mut found, mut token) = (Vec::new(), None);
        for _ in 0..MOST_PAGES {
            let mut ask = Ask::new(&call, kind.service, Method::GET, format!("{}/{collection}", kind.service.root()));
            if kind.service == Service::Storage {
                ask = ask.query("project", &self.project);
            }
            if kind.manner == Manner::Api {
                ask = ask.query("filter", "state:ENABLED").query("pageSize", "200");
            }
            if let Some(token) = token.take() {
                ask = ask.query("pageToken", String::clone(&token));
            }
            let answer = self.ask(&ask).await?;
            for item in answer.get(kind.items).and_then(Value::as_array).into_iter().flatten() {
                found.extend(self.listed(kind, region, item));
            }
            token = answer
                .get("nextPageToken")
                .and_then(Value::as_str)
                .filter(|token| !token.is_empty())
                .map(str::to_owned);
            if token.is_none() {
                return Ok(found);
            }
        }
        Err(Failure::new(FailureKind::Invalid, call, format!("the list has more than {MOST_PAGES} pages")))
    }

    pub(super) async fn make(&self, kind: &Kind, wanted: &Wanted, token: &str) -> Result<Step, Failure> {
        let id = if kind.id.is_empty() { String::new() } else { self.id(kind, wanted)? };
        let call = format!("{}.create", kind.name);
        let creation = shape::creation(kind, wanted);
        let path = format!("{}/{}", kind.service.root(), self.collection(kind, wanted)?);
        let mut ask = Ask::new(&call, kind.service, Method::POST, path).body(creation.body);
        ask.query = creation.query;
        match kind.service {
            Service::Storage => ask = ask.query("project", &self.project),
            Service::Compute => ask = ask.query("requestId", token),
            _ => {}
        }
        let answer = self.ask(&ask).await.map_err(|failure| creation_failed(failure, wanted))?;
        if kind.made == Comes::Later {
            return self.follow(kind, &call, &wanted.region, &id, Act::Made, &answer);
        }
        let id = match kind.id.is_empty() {
            true => answer.get("name").and_then(Value::as_str).map(str::to_owned).ok_or_else(|| {
                Failure::new(FailureKind::Unavailable, &call, "the answer does not name what was made")
            })?,
            false => id,
        };
        // A description that bears the marks is told by GET as by POST, so the answer is the whole.
        let live = shape::live(kind, self.at(&wanted.region), &id, answer);
        Ok(Step::Done { id, live: Some(live) })
    }

    pub(super) async fn change(
        &self,
        kind: &Kind,
        live: &Live,
        wanted: &Wanted,
        changes: &[Change],
        token: &str,
    ) -> Result<Step, Failure> {
        let call = format!("{}.patch", kind.name);
        if kind.update == Update::Never {
            return if changes.is_empty() {
                Ok(Step::Done { id: live.id.clone(), live: None })
            } else {
                Err(Failure::new(FailureKind::Invalid, call, "this type cannot be changed"))
            };
        }
        let patch = shape::patch(kind, live, wanted, changes, &wanted.owner);
        if patch.mask.is_empty() {
            return Ok(Step::Done { id: live.id.clone(), live: None });
        }
        self.send_patch(kind, live, patch, &call, token).await.map_err(|failure| hide(failure, wanted))
    }

    pub(super) async fn send_patch(
        &self,
        kind: &Kind,
        live: &Live,
        patch: shape::Patch,
        call: &str,
        token: &str,
    ) -> Result<Step, Failure> {
        let mut body = patch.body;
        conditional(kind, live, &mut body);
        let mut ask = Ask::new(call, kind.service, Method::PATCH, Self::path(kind, &live.id));
        match kind.update {
            Update::Mask => ask = ask.query("updateMask", patch.mask),
            Update::MaskInBody => {
                if let Some(object) = body.as_object_mut() {
                    object.insert("updateMask".to_owned(), patch.mask.into());
                }
            }
            Update::Merge | Update::Never => {}
        }
        match (kind.service, &live.etag) {
            (Service::Storage, Some(etag)) => ask = ask.query("ifMetagenerationMatch", etag),
            (Service::Compute, _) => ask = ask.query("requestId", token),
            _ => {}
        }
        let answer = self.ask(&ask.body(body)).await?;
        if kind.changed == Comes::Later {
            return self.follow(kind, call, &live.region, &live.id, Act::Changed, &answer);
        }
        let after = shape::live(kind, self.at(&live.region), &live.id, answer);
        Ok(Step::Done { id: live.id.clone(), live: Some(after) })
    }

    pub(super) async fn remove(&self, kind: &Kind, live: &Live, token: &str) -> Result<Step, Failure> {
        let call = format!("{}.delete", kind.name);
        let mut ask = Ask::new(&call, kind.service, Method::DELETE, Self::path(kind, &live.id));
        if kind.service == Service::Compute {
            ask = ask.query("requestId", token);
        }
        let answer = self.ask(&ask).await?;
        if kind.deleted == Comes::Later {
            return self.follow(kind, &call, &live.region, &live.id, Act::Deleted, &answer);
        }
        Ok(gone())
    }

    /// What an operation's answer comes to.
    pub(super) fn follow(
        &self,
        kind: &Kind,
        call: &str,
        region: &str,
        id: &str,
        act: Act,
        answer: &Value,
    ) -> Result<Step, Failure> {
        Ok(match operation::standing(kind, call, id, answer)? {
            Standing::Goes(operation) => Step::Pending(Handle { act, operation }.pending(kind, region, id)),
            Standing::Done(_) => finished(act, id),
        })
    }
}

/// What an operation that is done means.
pub(super) fn finished(act: Act, id: &str) -> Step {
    match act {
        Act::Deleted => gone(),
        _ => Step::Done { id: id.to_owned(), live: None },
    }
}

/// After a deletion.
pub(super) fn gone() -> Step {
    Step::Done { id: String::new(), live: None }
}

fn missing(kind: &Kind, name: &str) -> Failure {
    Failure::new(FailureKind::Invalid, kind.name, format!("the property {name} is missing or no text"))
}

/// Makes a change conditional on what was read, where the body carries that.
fn conditional(kind: &Kind, live: &Live, body: &mut Value) {
    let (Some(etag), Some(object)) = (&live.etag, body.as_object_mut()) else { return };
    match (kind.service, kind.name) {
        (_, "iam.roles") | (Service::Run | Service::Secrets | Service::Budgets, _) => {
            object.insert("etag".to_owned(), etag.clone().into());
        }
        (_, "compute.subnetworks") => {
            object.insert("fingerprint".to_owned(), etag.clone().into());
        }
        (_, "sqladmin.instances") => {
            if let Value::Object(settings) = object.entry("settings").or_insert_with(|| Value::Object(Map::new())) {
                settings.insert("settingsVersion".to_owned(), etag.clone().into());
            }
        }
        _ => {}
    }
}

/// Whether an answer tells of something that is deleted, and kept for a while.
fn is_gone(kind: &Kind, answer: &Value) -> bool {
    let state = answer.get("state").and_then(Value::as_str).unwrap_or_default();
    match kind.manner {
        Manner::Undeletable => state == "DELETED" || answer.get("deleted").and_then(Value::as_bool).unwrap_or_default(),
        Manner::Api => state != "ENABLED",
        Manner::Key => super::keys::is_useless(answer),
        Manner::Version => state == "DESTROYED" || answer.get("scheduledDestroyTime").is_some(),
        _ => false,
    }
}

/// What a creation names and Google does not find was made a moment ago.
fn creation_failed(failure: Failure, wanted: &Wanted) -> Failure {
    let failure = hide(failure, wanted);
    if failure.kind == FailureKind::NotFound { Failure { kind: FailureKind::NotYet, ..failure } } else { failure }
}

/// Google repeats in its messages what was wrong with a request. A secret must not come back that way.
pub(super) fn hide(mut failure: Failure, wanted: &Wanted) -> Failure {
    use base64::Engine as _;
    for secret in wanted.secrets.values() {
        let encoded = base64::engine::general_purpose::STANDARD.encode(secret.expose());
        for text in [secret.expose(), encoded.as_str()] {
            if !text.is_empty() && failure.message.contains(text) {
                failure.message = failure.message.replace(text, "[secret]");
            }
        }
    }
    failure
}
