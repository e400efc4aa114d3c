//! A project over three model clouds, its graph, and one whole deploy as the command does it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Process, World, cloud::Plane, rules};
use crate::{
    clock::{Clock, Random},
    cloud::control::{Address, Change, ControlPlane},
    deploy::{
        apply::{self, Ending, Outcome, wanted},
        event,
        graph::{Graph, Place, Resource},
        plan::{Action, Plan, Planned},
        reference,
        refresh::{self, Look, Seen},
        site::{Opening, Planes, Site},
        state::{Standing, State},
    },
    project::{Project, Provider},
};

/// What outlives every process.
pub(in crate::deploy) struct Scene {
    pub(in crate::deploy) world: Arc<World>,
    pub(in crate::deploy) random: Random,
    pub(in crate::deploy) without: BTreeSet<String>,
    pub(in crate::deploy) project: Project,
    pub(in crate::deploy) password: String,
}

impl Scene {
    pub(in crate::deploy) fn new(seed: u64) -> Self {
        let random = Random::seeded(seed);
        let mut project = Project::builtin_lab(Path::new("."));
        project.settings.deploy.parallel = 4;
        let password = "sesame".to_owned();
        Self { world: World::new(seed), random, without: BTreeSet::new(), project, password }
    }

    /// A process of a new life.
    pub(in crate::deploy) fn process(&self, dies_at: Option<u64>, late: bool) -> Arc<Process> {
        Process::new(dies_at, late, self.random.fork())
    }

    pub(in crate::deploy) fn site(&self, process: &Arc<Process>) -> Site {
        self.site_with(process, event::nobody())
    }

    pub(in crate::deploy) fn site_with(&self, process: &Arc<Process>, listener: event::Listener) -> Site {
        let plane = |name: &String| -> (String, Arc<dyn ControlPlane>) {
            let (world, process) = (Arc::clone(&self.world), Arc::clone(process));
            (name.clone(), Arc::new(Plane { name: name.clone(), world, process }))
        };
        let clouds = self.project.settings.clouds.keys().filter(|name| !self.without.contains(*name));
        let planes: Planes = clouds.map(plane).collect();
        let password = self.password.clone();
        let opening = Opening {
            project: self.project.clone(),
            without: self.without.clone(),
            clock: Clock::simulated(1_800_000_000_000, || Duration::ZERO),
            random: self.random.fork(),
            lookup: Arc::new(move |name| (name == "PASSWORD").then(|| password.clone())),
            listener,
            who: "the test".to_owned(),
        };
        let mut site = Site::with_planes(opening, planes).unwrap();
        site.rules = rules;
        site
    }
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// One resource; `needs` follow from its references.
fn resource(at: &str, kind: &str, properties: Value) -> (Address, Resource) {
    let address = address(at);
    let mut body = properties;
    body["Name"] = json!(at.replace('/', "-"));
    let mut needs = BTreeSet::new();
    for value in body.as_object().unwrap().values() {
        needs.extend(reference::targets(value.as_str().unwrap_or_default()).into_iter().map(|target| target.address));
    }
    let (place, places) = (Place::default(), BTreeMap::new());
    let (kind, region) = (kind.to_owned(), "r".to_owned());
    let (provider, properties) = (Provider::Custom, body);
    (address.clone(), Resource { address, provider, kind, region, properties, needs, place, places })
}

/// A graph of 13 resources a cloud and one more. `second` is what it looks like after a change: things change in place, are
/// exchanged in both ways, go and come.
pub(in crate::deploy) fn graph(second: bool) -> Graph {
    let mut all = Vec::new();
    for (index, cloud) in ["a", "b", "c"].into_iter().enumerate() {
        let at = |name: &str| format!("{cloud}/stack/{name}");
        let of = |name: &str| format!("${{{cloud}/stack/{name}.Arn}}");
        let (size, zone) = (if second { 2 } else { 1 }, if second { "z2" } else { "z1" });
        all.push(resource(&at("net"), "m.name", json!({ "Size": size, "Zone": "z1" })));
        // Exchanged, the new one first; what names it moves over.
        all.push(resource(&at("key"), "m.token", json!({ "Zone": zone })));
        all.push(resource(&at("bucket"), "m.data", json!({ "Key": of("key"), "Zone": "z1" })));
        // Exchanged, the old one first, and with it what stands on it.
        let password = "${secret:env:PASSWORD}";
        all.push(resource(&at("server"), "m.slow", json!({ "Zone": zone, "Net": of("net"), "Password": password })));
        for number in 1..=2 {
            let body = json!({ "Ref": of("server"), "Group": cloud, "Size": size });
            all.push(resource(&at(&format!("db{number}")), "m.slow", body));
        }
        let other = ["a", "b", "c"][(index + 1) % 3];
        // A role that names a bucket of another cloud.
        all.push(resource(
            &at("role"),
            "m.look",
            json!({ "Bucket": format!("${{{other}/stack/bucket.Arn}}"), "Zone": zone }),
        ));
        all.push(resource(
            &at("policy"),
            "m.bare",
            json!({ "Role": of("role"), "Text": format!("allow {}", of("bucket")) }),
        ));
        all.push(resource(&at("gateway"), "m.token", json!({ "Role": of("role"), "Net": of("net"), "Size": size })));
        let alarm = if second { "alarm-new" } else { "alarm-old" };
        all.push(resource(&at(alarm), "m.name", json!({ "Of": of("gateway"), "Zone": "z1" })));
        for number in 1..=3 {
            all.push(resource(&at(&format!("zone{number}")), "m.look", json!({ "Net": of("net"), "Zone": "z1" })));
        }
    }
    all.push(resource(
        "a/stack/top",
        "m.name",
        json!({ "One": "${b/stack/gateway.Arn}", "Two": "${c/stack/gateway.Arn}" }),
    ));
    Graph { resources: all.into_iter().collect(), ..Graph::default() }
}

/// The first things first.
fn in_order(graph: &Graph) -> Vec<&Resource> {
    let mut ordered: Vec<&Resource> = Vec::new();
    let mut placed: BTreeSet<&Address> = BTreeSet::new();
    while ordered.len() < graph.resources.len() {
        for (address, resource) in &graph.resources {
            let ready = resource.needs.iter().all(|need| placed.contains(need));
            if ready && placed.insert(address) {
                ordered.push(resource);
            }
        }
    }
    ordered
}

/// A plain planner: properties are flat, and every one is compared.
pub(in crate::deploy) fn plan_of(site: &Site, graph: &Graph, state: &State, seen: &Seen) -> Plan {
    let mut changes: Vec<Planned> = Vec::new();
    let mut moves: BTreeSet<Address> = BTreeSet::new();
    for resource in in_order(graph) {
        let rules = site.type_rules(&resource.address.cloud, &resource.kind);
        let lookup = |address: &Address, path: &str| match seen.resources.get(address) {
            _ if moves.contains(address) => None,
            Some(Look::Found(live)) => reference::attribute(&live.properties, path).cloned(),
            _ => wanted::lookup(state, address, path),
        };
        let mut wanted = reference::resolve(&resource.properties, &lookup);
        for value in wanted.as_object_mut().unwrap().values_mut() {
            if let Some(text) = value.get("$secret").and_then(Value::as_str) {
                let hash = site.secret_hash(&state.hash_key, text).unwrap();
                *value = json!({ "$secret": text, "hash": hash });
            }
        }
        let entry = state.resources.get(&resource.address);
        let differences = |live: &Value, applied: &Value| {
            let changed = |(key, to): (&String, &Value)| {
                let from = if to.get("$secret").is_some() { applied.get(key) } else { live.get(key) };
                let hidden =
                    |value: &Value| if value.get("$secret").is_some() { json!("[secret]") } else { value.clone() };
                (from != Some(to)).then(|| Change {
                    pointer: format!("/{key}"),
                    from: from.map(hidden),
                    to: Some(hidden(to)),
                })
            };
            wanted.as_object().unwrap().iter().filter_map(changed).collect::<Vec<_>>()
        };
        let action = match (entry, seen.resources.get(&resource.address)) {
            (Some(entry), _) if entry.standing != Standing::Ready => Action::Resume,
            (Some(entry), Some(Look::Is(live))) => {
                let changes = differences(&live.properties, &entry.applied);
                let fixed = changes.iter().any(|change| rules.create_only.contains(&change.pointer));
                let create_first = rules.exchange == crate::cloud::rules::Exchange::CreateFirst;
                match (changes.is_empty(), fixed) {
                    (true, _) => continue,
                    (false, true) => Action::Replace { changes, create_first },
                    (false, false) => Action::Update { changes },
                }
            }
            (None, Some(Look::Found(live))) => {
                Action::Adopt { id: live.id.clone(), changes: differences(&live.properties, &Value::Null) }
            }
            (_, Some(Look::Gone)) => Action::Create,
            (_, Some(Look::Failed(failure))) => panic!("{} could not be looked at: {failure}", resource.address),
            _ => continue,
        };
        if matches!(action, Action::Create | Action::Replace { .. }) {
            moves.insert(resource.address.clone());
        }
        changes.push(line(resource, action, wanted));
    }
    let planned: BTreeSet<Address> = changes.iter().map(|planned| planned.address.clone()).collect();
    for planned_one in &mut changes {
        planned_one.after = planned_one.needs.intersection(&planned).cloned().collect();
    }
    for (address, entry) in &state.resources {
        let trusted = matches!(seen.resources.get(address), Some(Look::Trusted)) && entry.standing == Standing::Ready;
        if graph.resources.contains_key(address) || trusted {
            continue;
        }
        let action = if entry.standing == Standing::Ready { Action::Delete } else { Action::Resume };
        let (_, stub) = resource(&address.to_string(), &entry.kind, json!({}));
        let mut planned = line(&stub, action, Value::Null);
        planned.template = Value::Null;
        changes.push(planned);
    }
    Plan {
        v: apply::PLAN_VERSION,
        project: state.project.clone(),
        environment: state.environment.clone(),
        made_ms: 0,
        state_serial: state.serial,
        state_digest: state.digest(),
        without: site.without.clone(),
        changes,
        unchanged: 0,
        drifted: Vec::new(),
        notes: Vec::new(),
    }
}

fn line(resource: &Resource, action: Action, wanted: Value) -> Planned {
    Planned {
        address: resource.address.clone(),
        kind: resource.kind.clone(),
        region: resource.region.clone(),
        words: resource.kind.clone(),
        action,
        wanted,
        template: resource.properties.clone(),
        after: BTreeSet::new(),
        needs: resource.needs.clone(),
        loses: String::new(),
        minutes: [0.0, 0.0],
        usd_month: [0.0, 0.0],
    }
}

fn all_data(state: &State) -> BTreeSet<Address> {
    state.resources.keys().cloned().collect()
}

/// One deploy as the command does it: what was begun is followed to its end, and then a new plan is made and applied,
/// until there is nothing to do. Returns the outcome of the last plan that had anything in it.
pub(in crate::deploy) async fn deploy(site: &Site, graph: &Graph) -> Result<Outcome, apply::Error> {
    let interrupt = CancellationToken::new();
    for _ in 0..4 {
        let resumed = apply::resume(site, &interrupt).await?;
        if resumed.ending != Ending::Complete {
            return Ok(resumed);
        }
        let stored = site.shelf.read().await?;
        let seen = refresh::look(site, graph, &stored.state, &|_| true, &interrupt).await;
        let plan = plan_of(site, graph, &stored.state, &seen);
        if plan.changes.is_empty() && stored.state.leftovers.is_empty() {
            return Ok(resumed);
        }
        let data = all_data(&stored.state);
        let outcome = apply::run(site, plan, &data, &interrupt).await?;
        if outcome.ending != Ending::Complete {
            return Ok(outcome);
        }
    }
    panic!("there is always something left to do");
}

/// One destroy as the command does it.
pub(in crate::deploy) async fn destroy_all(site: &Site) -> Result<Outcome, apply::Error> {
    let (interrupt, graph) = (CancellationToken::new(), Graph::default());
    let resumed = apply::resume(site, &interrupt).await?;
    if resumed.ending != Ending::Complete {
        return Ok(resumed);
    }
    let stored = site.shelf.read().await?;
    let seen = refresh::look(site, &graph, &stored.state, &|_| true, &interrupt).await;
    let plan = plan_of(site, &graph, &stored.state, &seen);
    apply::destroy(site, plan, &all_data(&stored.state), &interrupt).await
}
