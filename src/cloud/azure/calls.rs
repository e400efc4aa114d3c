//! Reading, finding, making, changing and deleting one resource of any type.

use reqwest::Method;
use serde_json::Value;

use super::{
    Azure,
    arm::Ask,
    body, errors,
    ids::{self, Route},
    operations::Act,
    special,
};
use crate::cloud::control::{Change, Failure, FailureKind, Listed, Live, Owner, Step, Wanted};

/// The type that keeps its entity tag in the body.
const BUDGET: &str = "Microsoft.Consumption/budgets";

impl Azure {
    pub(super) async fn read_one(&self, kind: &str, region: &str, id: &str) -> Result<Live, Failure> {
        let call = format!("GET {kind}");
        let (rules, route) = (self.rules(kind)?, self.route(kind)?);
        ids::check(&call, &self.arm.subscription, id)?;
        let told = self.arm.get_json(&call, self.arm.at(id, &rules.api_version)).await?;
        let mut live = body::live(kind, route, region, told).ok_or_else(|| nameless(&call))?;
        // Azure changes the letters of ids as it likes; what the state holds stays as it is.
        if live.id.eq_ignore_ascii_case(id) {
            id.clone_into(&mut live.id);
        }
        Ok(live)
    }

    /// The id at which `wanted` would be made.
    pub(super) fn id_of(&self, wanted: &Wanted) -> Result<String, Failure> {
        let route = self.route(&wanted.kind)?;
        let derived =
            (wanted.kind == special::ASSIGNMENT).then(|| ids::assignment_name(&wanted.owner, &wanted.properties));
        ids::wanted(&wanted.kind, route, &self.arm.subscription, &wanted.properties, derived.as_deref())
    }

    pub(super) async fn locate_one(&self, wanted: &Wanted) -> Result<Option<Live>, Failure> {
        let id = self.id_of(wanted)?;
        if special::is_named_by_azure(wanted) {
            let mut found = self.same_replication(wanted, &id).await?;
            if let Some(live) = &mut found
                && self.is_ours_by_place(&id, wanted).await?
            {
                live.owner = Some(wanted.owner.clone());
            }
            return Ok(found);
        }
        match self.read_one(&wanted.kind, &wanted.region, &id).await {
            Ok(mut live) => {
                if live.owner.is_none() && self.is_ours_by_place(&id, wanted).await? {
                    live.owner = Some(wanted.owner.clone());
                }
                Ok(Some(live))
            }
            Err(failure) if failure.kind == FailureKind::NotFound && wanted.kind == special::ASSIGNMENT => {
                self.same_assignment(wanted).await
            }
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Whether a resource without marks is ours: what it stands in bears the marks of this project and environment.
    async fn is_ours_by_place(&self, id: &str, wanted: &Wanted) -> Result<bool, Failure> {
        let route = self.route(&wanted.kind)?;
        if route.has_tags() || wanted.kind == special::ASSIGNMENT {
            return Ok(false);
        }
        let (mut place, mut kind) = match route {
            // The group, or the resource, that it stands on.
            Route::Extension => match ids::scope(id) {
                Some(scope) => (Some(scope), None),
                None => return Ok(false),
            },
            _ => (ids::parent(id), ids::parent_kind(&wanted.kind)),
        };
        // Up to the first that can bear marks.
        for _ in 0..4 {
            let Some(at) = place else { return Ok(false) };
            let known = match kind {
                Some(kind) => Some(kind),
                None => special::kind_of(at),
            };
            let Some(known) = known else { return Ok(false) };
            let Ok(route) = self.route(known) else { return Ok(false) };
            if route.has_tags() {
                let owner = match self.read_one(known, &wanted.region, at).await {
                    Ok(live) => live.owner,
                    Err(failure) if failure.kind == FailureKind::NotFound => None,
                    Err(failure) => return Err(failure),
                };
                return Ok(owner.is_some_and(|owner| same_estate(&owner, &wanted.owner)));
            }
            place = ids::parent(at);
            kind = ids::parent_kind(known);
        }
        Ok(false)
    }

    pub(super) async fn list_all(&self, kind: &str, region: &str) -> Result<Vec<Listed>, Failure> {
        let call = format!("LIST {kind}");
        let (rules, route) = (self.rules(kind)?, self.route(kind)?);
        let subscription = format!("/subscriptions/{}", self.arm.subscription);
        let at = match route {
            _ if special::has_no_list(kind) => {
                return Err(Failure::new(FailureKind::Unsupported, call, "Azure has no list of this type"));
            }
            Route::Group => vec![format!("{subscription}/resourceGroups")],
            Route::Tracked if ids::parent_kind(kind).is_none() => vec![format!("{subscription}/providers/{kind}")],
            Route::Extension if special::is_listed_below(kind) => vec![format!("{subscription}/providers/{kind}")],
            // Listed where it stands: on each resource group of ours.
            Route::Extension => {
                let groups = self.of_ours(special::GROUP, region).await?;
                groups.iter().map(|group| format!("{}/providers/{kind}", group.id)).collect()
            }
            Route::Tracked | Route::Tagged | Route::Child => {
                let parent = ids::parent_kind(kind).ok_or_else(|| {
                    Failure::new(FailureKind::Unsupported, call.as_str(), "it stands in nothing that could be listed")
                })?;
                let last = kind.rsplit('/').next().unwrap_or_default();
                let parents = Box::pin(self.of_ours(parent, region)).await?;
                parents.iter().map(|parent| format!("{}/{last}", parent.id)).collect()
            }
        };
        let pages = at.iter().map(|at| {
            let (call, url) = (call.clone(), self.arm.at(at, &rules.api_version));
            async move { self.arm.pages(&call, url).await }
        });
        let mut found = Vec::new();
        for page in futures_util::future::join_all(pages).await {
            match page {
                Ok(entries) => found.extend(entries),
                // What it stands in went away meanwhile.
                Err(failure) if failure.kind == FailureKind::NotFound => {}
                Err(failure) => return Err(failure),
            }
        }
        let partial = special::is_partial_in_lists(kind);
        let wanted_region = body::region(region);
        let lines = found.into_iter().filter_map(|told| {
            let id = told.get("id").and_then(Value::as_str)?.to_owned();
            ids::check(&call, &self.arm.subscription, &id).ok()?;
            let live = body::live(kind, route, region, told)?;
            let here = !route.has_location() || route == Route::Group || live.region == wanted_region;
            here.then_some(Listed { id, live: (!partial).then_some(live) })
        });
        Ok(lines.collect())
    }

    /// The resources of `kind` that bear this project's marks, or stand in ones that do.
    async fn of_ours(&self, kind: &str, region: &str) -> Result<Vec<Listed>, Failure> {
        if special::is_alone(kind) {
            // There is exactly one in each that it stands in.
            let Some(parent) = ids::parent_kind(kind) else { return Ok(Vec::new()) };
            let last = kind.rsplit('/').next().unwrap_or_default();
            let parents = Box::pin(self.of_ours(parent, region)).await?;
            let lines = parents.iter().map(|parent| Listed { id: format!("{}/{last}/default", parent.id), live: None });
            return Ok(lines.collect());
        }
        let route = self.route(kind)?;
        let mut found = Box::pin(self.list_all(kind, region)).await?;
        if route.has_tags() {
            found.retain(|line| {
                let owner = line.live.as_ref().and_then(|live| live.owner.as_ref());
                owner.is_some_and(|owner| owner.project == self.project)
            });
        }
        Ok(found)
    }

    pub(super) async fn make(&self, wanted: &Wanted) -> Result<Step, Failure> {
        let call = format!("PUT {}", wanted.kind);
        let (rules, route) = (self.rules(&wanted.kind)?, self.route(&wanted.kind)?);
        let id = self.id_of(wanted)?;
        // A PUT would change what stands there, whoever made it.
        let stands = self.locate_one(wanted).await?;
        if let Some(live) = &stands {
            let ours = live.owner.as_ref().is_some_and(|owner| *owner == wanted.owner);
            if !ours && !special::comes_with_its_parent(&wanted.kind) {
                return Err(exists(&call, live));
            }
            if special::is_made_once(&wanted.kind) {
                return Ok(Step::Done { id: live.id.clone(), live: stands });
            }
        }
        let mut body = body::of_wanted(wanted, route);
        special::complete(&wanted.kind, &self.arm.subscription, &mut body, self.clock.timestamp());
        // Budgets compare this one in the body: a second call must say that it knows what the first one made.
        if let (BUDGET, Some(etag), Value::Object(body)) =
            (wanted.kind.as_str(), stands.and_then(|live| live.etag), &mut body)
        {
            body.insert("eTag".to_owned(), Value::String(etag));
        }
        let url = self.arm.at(&id, &rules.api_version);
        let answer =
            match self.arm.ask(Ask { call: &call, method: Method::PUT, url, body: Some(&body), etag: None }).await {
                Ok(answer) => answer,
                Err(failure) => return Err(self.explained(failure, wanted).await),
            };
        self.begun(&call, &wanted.kind, &wanted.region, &id, Act::Make, &answer)
    }

    /// What lies behind a refused creation: a provider that is not registered, a name that is still kept.
    async fn explained(&self, failure: Failure, wanted: &Wanted) -> Failure {
        match errors::code_of(&failure) {
            "MissingSubscriptionRegistration" | "NoRegisteredProviderFound" => {
                self.registered(failure, &wanted.kind).await
            }
            _ if failure.kind == FailureKind::Exists => self.kept(failure, wanted).await,
            _ => failure,
        }
    }

    pub(super) async fn change(&self, live: &Live, wanted: &Wanted, changes: &[Change]) -> Result<Step, Failure> {
        let call = format!("PUT {}", live.kind);
        let (rules, route) = (self.rules(&live.kind)?, self.route(&live.kind)?);
        ids::check(&call, &self.arm.subscription, &live.id)?;
        let url = self.arm.at(&live.id, &rules.api_version);
        let answer = self.arm.get(&format!("GET {}", live.kind), url.clone()).await?;
        let current = answer.json(&call)?;
        let told = |key: &str| current.get(key).and_then(Value::as_str);
        let etag = answer.header("etag").or_else(|| told("etag")).map(str::to_owned);
        let mut body = body::merged(&current, wanted, changes, rules, route);
        // Budgets compare this one in the body.
        if let (Some(etag), Value::Object(body)) = (told("eTag"), &mut body) {
            body.insert("eTag".to_owned(), Value::String(etag.to_owned()));
        }
        let ask = Ask { call: &call, method: Method::PUT, url, body: Some(&body), etag: etag.as_deref() };
        let answer = self.arm.ask(ask).await?;
        self.begun(&call, &live.kind, &live.region, &live.id, Act::Make, &answer)
    }

    pub(super) async fn remove(&self, live: &Live, empty: bool) -> Result<Step, Failure> {
        let call = format!("DELETE {}", live.kind);
        let rules = self.rules(&live.kind)?;
        ids::check(&call, &self.arm.subscription, &live.id)?;
        if !rules.holds.is_empty() && !empty {
            let message = format!("Azure deletes it with what it holds ({}), without asking", rules.holds);
            return Err(Failure::new(FailureKind::Protected, call, message)
                .next_step("name it with --allow-data-loss where that is meant"));
        }
        if live.kind == special::GROUP {
            self.refuse_a_full_group(&call, live).await?;
        }
        if special::goes_with_its_parent(&live.kind) {
            return Ok(Step::Done { id: String::new(), live: None });
        }
        if special::is_in_a_vault(&live.kind) {
            return self.remove_from_vault(&call, live).await;
        }
        let etag = special::is_deleted_by_etag(&live.kind).then_some(live.etag.as_deref()).flatten();
        let url = self.arm.at(&live.id, &rules.api_version);
        let answer = self.arm.ask(Ask { call: &call, method: Method::DELETE, url, body: None, etag }).await?;
        self.begun(&call, &live.kind, &live.region, &live.id, Act::Delete, &answer)
    }
}

fn same_estate(one: &Owner, other: &Owner) -> bool {
    one.project == other.project && one.environment == other.environment
}

fn nameless(call: &str) -> Failure {
    Failure::new(FailureKind::Unavailable, call, "the answer has no id")
}

fn exists(call: &str, live: &Live) -> Failure {
    let whose = match &live.owner {
        Some(owner) => format!("it belongs to {} of {} ({})", owner.address, owner.project, owner.environment),
        None => "it bears no marks of wildcam".to_owned(),
    };
    Failure::new(FailureKind::Exists, call, format!("`{}` exists already; {whose}", live.id))
        .next_step("take it over with wildcam adopt, or choose another name")
}
