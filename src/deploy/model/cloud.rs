//! The clouds: what stands in them, and what they refuse.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use object_store::memory::InMemory;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::process::{Process, Way};
use crate::{
    clock::Random,
    cloud::control::{
        Change, ControlPlane, Failure, FailureKind, Finding, Listed, Live, Owner, Pending, StateStore, Step, Wanted,
    },
};

/// Something that stands.
#[derive(Clone, Debug)]
pub(in crate::deploy) struct Thing {
    pub(in crate::deploy) id: String,
    pub(in crate::deploy) kind: String,
    pub(in crate::deploy) region: String,
    pub(in crate::deploy) properties: Value,
    pub(in crate::deploy) owner: Option<Owner>,
    version: u64,
    /// It is worked on until then.
    busy_until: Instant,
    deleting: bool,
    /// It cannot be read before.
    shows_at: Instant,
    /// Others may name it from then on.
    known_at: Instant,
    pub(in crate::deploy) has_data: bool,
}

#[derive(Clone, Debug)]
struct Work {
    ends: Instant,
    id: String,
    deletes: bool,
}

#[derive(Debug)]
struct Cloud {
    things: BTreeMap<String, Thing>,
    work: BTreeMap<String, Work>,
    /// What each token was given with, and what came of it.
    tokens: BTreeMap<String, (Value, String, Option<String>)>,
    /// Names that were freed a moment ago.
    lingering: BTreeMap<(String, String), Instant>,
    store: Option<Arc<InMemory>>,
    down: Arc<AtomicBool>,
}

/// Faults that a test sets.
#[derive(Clone, Debug, Default)]
pub(in crate::deploy) struct Faults {
    /// In how many of 1000 calls it throttles.
    pub(in crate::deploy) throttled: u64,
    /// In how many of 1000 changes no answer comes, before or after the effect.
    pub(in crate::deploy) unanswered: u64,
    /// What creations of this name fail with.
    pub(in crate::deploy) refuse: BTreeMap<String, FailureKind>,
    /// After so many changes the credentials expire.
    pub(in crate::deploy) credentials_after: Option<u64>,
    /// What was made of this name cannot be read.
    pub(in crate::deploy) hides: Option<String>,
}

/// All clouds, which outlive every process.
#[derive(Debug)]
pub(in crate::deploy) struct World {
    clouds: Mutex<BTreeMap<String, Cloud>>,
    pub(in crate::deploy) faults: Mutex<Faults>,
    /// How often something was made, by its marks or name.
    pub(in crate::deploy) made: Mutex<BTreeMap<String, u32>>,
    changes: std::sync::atomic::AtomicU64,
    random: Random,
    next: std::sync::atomic::AtomicU64,
    /// Most acts at work at a time in one serial group, and in all.
    pub(in crate::deploy) crowd: Mutex<BTreeMap<String, (u32, u32)>>,
}

impl World {
    pub(in crate::deploy) fn new(seed: u64) -> Arc<Self> {
        let cloud = || Cloud {
            things: BTreeMap::new(),
            work: BTreeMap::new(),
            tokens: BTreeMap::new(),
            lingering: BTreeMap::new(),
            store: None,
            down: Arc::default(),
        };
        let clouds = ["a", "b", "c"].map(|name| (name.to_owned(), cloud()));
        Arc::new(Self {
            clouds: Mutex::new(clouds.into()),
            faults: Mutex::default(),
            made: Mutex::default(),
            changes: 0.into(),
            random: Random::seeded(seed),
            next: 1.into(),
            crowd: Mutex::default(),
        })
    }

    /// Everything that stands, by cloud.
    pub(in crate::deploy) fn things(&self) -> Vec<(String, Thing)> {
        let clouds = self.clouds.lock().unwrap();
        let of = |(name, cloud): (&String, &Cloud)| {
            cloud.things.values().map(|thing| (name.clone(), thing.clone())).collect::<Vec<_>>()
        };
        clouds.iter().flat_map(of).collect()
    }

    pub(in crate::deploy) fn set_down(&self, cloud: &str, down: bool) {
        self.clouds.lock().unwrap()[cloud].down.store(down, Ordering::SeqCst);
    }

    pub(in crate::deploy) fn store(&self, cloud: &str) -> Option<Arc<InMemory>> {
        self.clouds.lock().unwrap()[cloud].store.clone()
    }

    /// Changes something behind wildcam's back.
    pub(in crate::deploy) fn meddle(&self, cloud: &str, name: &str, change: impl FnOnce(&mut Thing)) {
        let mut clouds = self.clouds.lock().unwrap();
        let things = &mut clouds.get_mut(cloud).unwrap().things;
        let thing = things.values_mut().find(|thing| thing.properties["Name"] == name).unwrap();
        change(thing);
        thing.version += 1;
    }

    pub(in crate::deploy) fn vanish(&self, cloud: &str, name: &str) {
        let mut clouds = self.clouds.lock().unwrap();
        clouds.get_mut(cloud).unwrap().things.retain(|_, thing| thing.properties["Name"] != name);
    }

    /// Something of somebody else's.
    pub(in crate::deploy) fn plant(&self, cloud: &str, kind: &str, name: &str, owner: Option<Owner>) {
        let now = Instant::now();
        let id = format!("{kind}:{name}");
        let properties = json!({ "Name": name, "Arn": format!("arn:{id}"), "Tier": "standard", "Size": 1 });
        let thing = Thing {
            id: id.clone(),
            kind: kind.to_owned(),
            region: "r".to_owned(),
            properties,
            owner,
            version: 1,
            busy_until: now,
            deleting: false,
            shows_at: now,
            known_at: now,
            has_data: false,
        };
        self.clouds.lock().unwrap().get_mut(cloud).unwrap().things.insert(id, thing);
    }

    fn arn(&self, arn: &str) -> Option<Instant> {
        self.things().into_iter().find(|(_, thing)| thing.properties["Arn"] == arn).map(|(_, thing)| thing.known_at)
    }
}

/// One process's way to one cloud.
#[derive(Debug)]
pub(in crate::deploy) struct Plane {
    pub(in crate::deploy) name: String,
    pub(in crate::deploy) world: Arc<World>,
    pub(in crate::deploy) process: Arc<Process>,
}

fn failed<T>(kind: FailureKind, call: &str) -> Result<T, Failure> {
    Err(Failure::new(kind, call, format!("{kind:?}")))
}

/// What a thing names: every property that is the address of another.
fn names(properties: &Value) -> Vec<String> {
    let texts = properties.as_object().unwrap().iter().filter(|(key, _)| *key != "Arn");
    let arns = texts.filter_map(|(_, value)| value.as_str().filter(|text| text.starts_with("arn:")));
    arns.map(str::to_owned).collect()
}

impl Plane {
    /// Time passes, and the call may be refused before it has any effect.
    async fn call(&self, call: &str, changes: bool) -> Result<bool, Failure> {
        self.process.step().await;
        let world = &self.world;
        tokio::time::sleep(Duration::from_millis(5 + world.random.below(40))).await;
        self.process.lives().await;
        self.work_on();
        if world.clouds.lock().unwrap()[&self.name].down.load(Ordering::SeqCst) {
            return failed(FailureKind::Unavailable, call);
        }
        let faults = world.faults.lock().unwrap().clone();
        if world.random.below(1000) < faults.throttled {
            return failed(FailureKind::Throttled, call);
        }
        if changes {
            let made = world.changes.fetch_add(1, Ordering::SeqCst);
            if faults.credentials_after.is_some_and(|after| made >= after) {
                return failed(FailureKind::Credentials, call);
            }
            if world.random.below(1000) < faults.unanswered {
                // Half of them never arrived.
                return if world.random.below(2) == 0 { failed(FailureKind::Unreachable, call) } else { Ok(true) };
            }
        }
        Ok(false)
    }

    /// What was worked on in the background ends, whether anybody asks or not.
    fn work_on(&self) {
        let now = Instant::now();
        let mut clouds = self.world.clouds.lock().unwrap();
        let cloud = clouds.get_mut(&self.name).unwrap();
        let ended = cloud.work.values().filter(|work| work.deletes && work.ends <= now);
        let ended: Vec<String> = ended.map(|work| work.id.clone()).collect();
        cloud.work.retain(|_, work| !(work.deletes && work.ends + Duration::from_secs(600) < now));
        for id in ended {
            if cloud.things.get(&id).is_some_and(|thing| thing.deleting) {
                self.take_away(cloud, &id);
            }
        }
    }

    /// The answer comes, unless the process dies first or the answer is lost.
    async fn answer<T>(&self, call: &str, lost: bool, result: Result<T, Failure>) -> Result<T, Failure> {
        self.process.step().await;
        if lost { failed(FailureKind::Unreachable, call) } else { result }
    }

    fn live(thing: &Thing) -> Live {
        let mut properties = thing.properties.clone();
        // A password is never told.
        properties.as_object_mut().unwrap().remove("Password");
        Live {
            id: thing.id.clone(),
            kind: thing.kind.clone(),
            region: thing.region.clone(),
            properties,
            owner: thing.owner.clone(),
            etag: Some(thing.version.to_string()),
        }
    }

    fn make(&self, wanted: &Wanted, token: &str) -> Result<Step, Failure> {
        let (world, now) = (&self.world, Instant::now());
        let body = wanted.body();
        let name = body["Name"].as_str().unwrap_or_default().to_owned();
        let kind = wanted.kind.as_str();
        if let Some(kind) = world.faults.lock().unwrap().refuse.get(&name) {
            return failed(*kind, "create");
        }
        let has_unknown = crate::deploy::reference::has_unknown(&body) || body.to_string().contains("$secret");
        if has_unknown || body.get("Arn").is_some() {
            return failed(FailureKind::Invalid, "create");
        }
        for arn in names(&body) {
            match world.arn(&arn) {
                None => return failed(FailureKind::Invalid, "create"),
                Some(known) if known > now => return failed(FailureKind::NotYet, "create"),
                Some(_) => {}
            }
        }
        let mut clouds = world.clouds.lock().unwrap();
        let cloud = clouds.get_mut(&self.name).unwrap();
        if let Some((content, id, handle)) = cloud.tokens.get(token) {
            if *content != body {
                return failed(FailureKind::Invalid, "create with a token that was used for something else");
            }
            if kind == "m.token" {
                return Ok(match handle {
                    Some(handle) => Step::Pending(pending(wanted, handle, Some(id.clone()))),
                    None => Step::Done { id: id.clone(), live: None },
                });
            }
        }
        let named = matches!(kind, "m.name" | "m.slow" | "m.bare" | "m.data");
        let place = (kind.to_owned(), name.clone());
        if named && cloud.lingering.get(&place).is_some_and(|until| *until > now) {
            return failed(FailureKind::Exists, "create");
        }
        let number = world.next.fetch_add(1, Ordering::SeqCst);
        let id = if named { format!("{kind}:{name}") } else { format!("{kind}-{number}") };
        if cloud.things.contains_key(&id) {
            return failed(FailureKind::Exists, "create");
        }
        let in_background = matches!(kind, "m.token" | "m.slow");
        let takes = Duration::from_millis(if in_background { 1000 + world.random.below(5000) } else { 0 });
        let mut properties = body.clone();
        properties["Arn"] = json!(format!("arn:{id}"));
        properties["Tier"] = json!("standard");
        let shows = if kind == "m.look" || kind == "m.bare" { world.random.below(4000) } else { 0 };
        let thing = Thing {
            id: id.clone(),
            kind: kind.to_owned(),
            region: wanted.region.clone(),
            properties,
            owner: (kind != "m.bare").then(|| wanted.owner.clone()),
            version: 1,
            busy_until: now + takes,
            deleting: false,
            shows_at: now + takes + Duration::from_millis(shows),
            known_at: now + takes + Duration::from_millis(world.random.below(3000)),
            has_data: kind == "m.data",
        };
        cloud.things.insert(id.clone(), thing);
        let counted = format!("{} {}", wanted.owner.address, if named { "" } else { kind });
        *world.made.lock().unwrap().entry(counted).or_default() += 1;
        if kind == "m.slow" {
            world.enter(&body, takes);
        }
        if !in_background {
            cloud.tokens.insert(token.to_owned(), (body, id.clone(), None));
            return Ok(Step::Done { id, live: None });
        }
        let handle = format!("work-{number}");
        cloud.work.insert(handle.clone(), Work { ends: now + takes, id: id.clone(), deletes: false });
        cloud.tokens.insert(token.to_owned(), (body, id.clone(), Some(handle.clone())));
        Ok(Step::Pending(pending(wanted, &handle, (kind == "m.slow").then_some(id))))
    }
}

impl World {
    /// Two creations of one group at a time are refused by real servers; here they are counted.
    fn enter(self: &Arc<Self>, body: &Value, takes: Duration) {
        let group = body["Group"].as_str().unwrap_or_default().to_owned();
        let mut crowd = self.crowd.lock().unwrap();
        let (now, most) = crowd.entry(group.clone()).or_default();
        *now += 1;
        *most = (*most).max(*now);
        drop(crowd);
        let world = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(takes).await;
            world.crowd.lock().unwrap().get_mut(&group).unwrap().0 -= 1;
        });
    }
}

fn pending(wanted: &Wanted, handle: &str, id: Option<String>) -> Pending {
    let (kind, region) = (wanted.kind.clone(), wanted.region.clone());
    Pending { kind, region, handle: handle.to_owned(), id, wait_ms: 1000 }
}

#[async_trait::async_trait]
impl ControlPlane for Plane {
    fn cloud(&self) -> &str {
        &self.name
    }

    async fn list(&self, kind: &str, region: &str) -> Result<Vec<Listed>, Failure> {
        self.call("list", false).await?;
        if kind == "m.bare" {
            return failed(FailureKind::Unsupported, "list");
        }
        let now = Instant::now();
        let clouds = self.world.clouds.lock().unwrap();
        let things = clouds[&self.name].things.values();
        let shown = things.filter(|thing| thing.kind == kind && thing.region == region && thing.shows_at <= now);
        // Some lists tell only the ids.
        let whole = kind != "m.slow";
        Ok(shown.map(|thing| Listed { id: thing.id.clone(), live: whole.then(|| Self::live(thing)) }).collect())
    }

    async fn read(&self, kind: &str, region: &str, id: &str) -> Result<Live, Failure> {
        self.call("read", false).await?;
        let hides = self.world.faults.lock().unwrap().hides.clone();
        let clouds = self.world.clouds.lock().unwrap();
        match clouds[&self.name].things.get(id) {
            Some(thing)
                if thing.shows_at <= Instant::now()
                    && thing.kind == kind
                    && thing.region == region
                    && hides.is_none_or(|name| thing.properties["Name"] != name) =>
            {
                Ok(Self::live(thing))
            }
            _ => failed(FailureKind::NotFound, "read"),
        }
    }

    async fn locate(&self, wanted: &Wanted) -> Result<Option<Live>, Failure> {
        self.call("locate", false).await?;
        let now = Instant::now();
        let clouds = self.world.clouds.lock().unwrap();
        let mut shown = clouds[&self.name].things.values().filter(|thing| thing.shows_at <= now);
        let named = matches!(wanted.kind.as_str(), "m.name" | "m.slow" | "m.bare" | "m.data");
        Ok(shown
            .find(|thing| {
                thing.kind == wanted.kind
                    && if named {
                        thing.properties["Name"] == wanted.properties["Name"]
                    } else {
                        thing.owner.as_ref() == Some(&wanted.owner)
                    }
            })
            .map(Self::live))
    }

    async fn create(&self, wanted: &Wanted, token: &str) -> Result<Step, Failure> {
        assert_eq!(token.len(), 36);
        let lost = self.call("create", true).await?;
        let result = self.make(wanted, token);
        self.answer("create", lost, result).await
    }

    async fn update(&self, live: &Live, wanted: &Wanted, changes: &[Change], _: &str) -> Result<Step, Failure> {
        let lost = self.call("update", true).await?;
        let body = wanted.body();
        let now = Instant::now();
        for arn in names(&body) {
            match self.world.arn(&arn) {
                None => return failed(FailureKind::Invalid, "update"),
                Some(known) if known > now => return failed(FailureKind::NotYet, "update"),
                Some(_) => {}
            }
        }
        let result = {
            let mut clouds = self.world.clouds.lock().unwrap();
            match clouds.get_mut(&self.name).unwrap().things.get_mut(&live.id) {
                None => failed(FailureKind::NotFound, "update"),
                Some(thing) if thing.busy_until > now => failed(FailureKind::Busy, "update"),
                Some(thing) if live.etag != Some(thing.version.to_string()) => failed(FailureKind::Busy, "update"),
                Some(thing) => {
                    let fixed = super::rules(crate::project::Provider::Custom).get(&thing.kind).unwrap();
                    if changes.is_empty() || changes.iter().any(|change| fixed.create_only.contains(&change.pointer)) {
                        failed(FailureKind::Invalid, "update")
                    } else {
                        for change in changes {
                            let key = change.pointer.trim_start_matches('/');
                            match body.get(key) {
                                Some(value) => thing.properties[key] = value.clone(),
                                None => _ = thing.properties.as_object_mut().unwrap().remove(key),
                            }
                        }
                        thing.version += 1;
                        thing.owner = (thing.kind != "m.bare").then(|| wanted.owner.clone());
                        Ok(Step::Done { id: thing.id.clone(), live: None })
                    }
                }
            }
        };
        self.answer("update", lost, result).await
    }

    async fn delete(&self, live: &Live, empty: bool, _: &str) -> Result<Step, Failure> {
        let lost = self.call("delete", true).await?;
        let now = Instant::now();
        let arn = live.properties["Arn"].as_str().unwrap_or_default().to_owned();
        let named_by = self.world.things().into_iter().any(|(_, thing)| names(&thing.properties).contains(&arn));
        let result = {
            let mut clouds = self.world.clouds.lock().unwrap();
            let cloud = clouds.get_mut(&self.name).unwrap();
            match cloud.things.get_mut(&live.id) {
                None => failed(FailureKind::NotFound, "delete"),
                Some(_) if named_by => failed(FailureKind::Protected, "delete of what is in use"),
                Some(thing) if thing.busy_until > now => failed(FailureKind::Busy, "delete"),
                Some(thing) if thing.has_data && !empty => failed(FailureKind::Protected, "delete of what holds data"),
                Some(thing) if thing.kind == "m.slow" => {
                    let takes = Duration::from_millis(500 + self.world.random.below(2000));
                    thing.busy_until = now + takes;
                    thing.deleting = true;
                    let handle = format!("work-{}", self.world.next.fetch_add(1, Ordering::SeqCst));
                    let (kind, region) = (thing.kind.clone(), thing.region.clone());
                    let work = Work { ends: now + takes, id: live.id.clone(), deletes: true };
                    cloud.work.insert(handle.clone(), work);
                    Ok(Step::Pending(Pending { kind, region, handle, id: Some(live.id.clone()), wait_ms: 500 }))
                }
                Some(_) => {
                    self.take_away(cloud, &live.id);
                    Ok(Step::Done { id: live.id.clone(), live: None })
                }
            }
        };
        self.answer("delete", lost, result).await
    }

    async fn poll(&self, pending: &Pending) -> Result<Step, Failure> {
        self.call("poll", false).await?;
        let clouds = self.world.clouds.lock().unwrap();
        match clouds[&self.name].work.get(&pending.handle).cloned() {
            None => failed(FailureKind::NotFound, "poll"),
            Some(work) if work.ends > Instant::now() => Ok(Step::Pending(pending.clone())),
            Some(work) => Ok(Step::Done { id: work.id, live: None }),
        }
    }

    async fn state_store(&self, _: &str, make: bool) -> Result<Option<StateStore>, Failure> {
        self.process.lives().await;
        let mut clouds = self.world.clouds.lock().unwrap();
        let cloud = clouds.get_mut(&self.name).unwrap();
        if cloud.down.load(Ordering::SeqCst) {
            return failed(FailureKind::Unavailable, "state store");
        }
        if make && cloud.store.is_none() {
            cloud.store = Some(Arc::new(InMemory::new()));
        }
        let way = |inner: &Arc<InMemory>| Way {
            inner: Arc::clone(inner),
            down: Arc::clone(&cloud.down),
            process: Arc::clone(&self.process),
        };
        let place = format!("state of {}", self.name);
        Ok(cloud.store.as_ref().map(|inner| StateStore { place, objects: Arc::new(way(inner)) }))
    }

    async fn remove_state_store(&self, _: &str) -> Result<(), Failure> {
        self.process.step().await;
        self.world.clouds.lock().unwrap().get_mut(&self.name).unwrap().store = None;
        self.process.step().await;
        Ok(())
    }

    async fn check(&self) -> Vec<Finding> {
        Vec::new()
    }
}

impl Plane {
    fn take_away(&self, cloud: &mut Cloud, id: &str) {
        let Some(thing) = cloud.things.remove(id) else { return };
        let name = thing.properties["Name"].as_str().unwrap_or_default().to_owned();
        let until = Instant::now() + Duration::from_millis(self.world.random.below(2500));
        cloud.lingering.insert((thing.kind, name), until);
    }
}
