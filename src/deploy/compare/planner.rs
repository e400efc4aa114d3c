//! Decides what happens to each resource.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    Error, Look, PLAN_VERSION, Purpose, Question,
    fate::{Fate, Fates},
    leaves::Differ,
    losses::{self, steps},
    order, realm,
    shape::{Shape, all_at},
};
use crate::{
    cloud::{
        control::{Address, Change, Live, Owner},
        rules::{Exchange, TypeRules},
    },
    deploy::{
        graph::Resource,
        plan::{Action, Drifted, Plan, Planned},
        price,
        reference::{self, SECRET, UNKNOWN},
        state::{Act, Entry, Standing},
        template::RulesOf,
    },
    project::{Provider, SecretRef},
};

const PROVIDERS: [Provider; 4] = [Provider::Aws, Provider::Azure, Provider::Gcp, Provider::Custom];

/// As [`super::plan`], with these rules.
pub(super) fn plan<'q>(question: &Question<'q>, rules: RulesOf<'q>) -> Result<Plan, Error> {
    let mut planner = Planner {
        question: *question,
        rules,
        shapes: BTreeMap::new(),
        fates: Fates { known: BTreeMap::new(), state: question.state },
        planned: BTreeMap::new(),
        drifted: Vec::new(),
        notes: question.graph.notes.clone(),
        unchanged: 0,
    };
    planner.refuse_empty_selectors()?;
    match question.purpose {
        Purpose::Deploy => planner.deploy()?,
        Purpose::Destroy => planner.destroy()?,
    }
    let leftovers = planner.leftovers();
    planner.note_transfer();
    for cloud in &question.scope.without {
        planner
            .notes
            .push(format!("{cloud} is left out: nothing in it is looked at or changed, and its state is trusted"));
    }
    let state = question.state;
    let mut changes = order::arrange(planner.planned, question.graph, state);
    changes.extend(leftovers);
    Ok(Plan {
        v: PLAN_VERSION,
        project: state.project.clone(),
        environment: state.environment.clone(),
        made_ms: question.now_ms,
        state_serial: state.serial,
        state_digest: state.digest(),
        without: question.scope.without.clone(),
        changes,
        unchanged: planner.unchanged,
        drifted: planner.drifted,
        notes: planner.notes,
    })
}

/// The resources of the state by realm, type, region and id.
type Owners<'q> = BTreeMap<(&'q str, &'q str, &'q str, &'q str), &'q Address>;

struct Planner<'q> {
    question: Question<'q>,
    rules: RulesOf<'q>,
    shapes: BTreeMap<(&'static str, &'q str), Shape>,
    fates: Fates<'q>,
    planned: BTreeMap<Address, Planned>,
    drifted: Vec<Drifted>,
    notes: Vec<String>,
    unchanged: usize,
}

impl<'q> Planner<'q> {
    fn refuse_empty_selectors(&self) -> Result<(), Error> {
        let known = || self.question.graph.resources.keys().chain(self.question.state.resources.keys());
        let empty = self.question.scope.only.iter().find(|selector| !known().any(|address| selector.matches(address)));
        empty.map_or(Ok(()), |selector| Err(Error::Selects { selector: selector.to_string() }))
    }

    fn deploy(&mut self) -> Result<(), Error> {
        let Question { graph, state, seen, scope, .. } = self.question;
        let stands = |address: &Address| {
            state.resources.contains_key(address) && !matches!(seen.resources.get(address), Some(Look::Gone))
        };
        let gone = state.resources.iter().filter(|(address, _)| !graph.resources.contains_key(*address));
        let mut needs: BTreeMap<&Address, &BTreeSet<Address>> =
            graph.resources.values().map(|resource| (&resource.address, &resource.needs)).collect();
        let (covered, taken_in) = scope.with_needs(&needs, &stands);
        needs.clear();
        let leaving: Vec<(&Address, &Entry)> = gone.filter(|(address, _)| scope.covers(address)).collect();
        let selected = |address: &Address| covered.contains(address) || taken_in.contains(address);
        self.refuse_unread(
            covered.iter().chain(&taken_in).copied().chain(leaving.iter().map(|(address, _)| *address)),
        )?;
        if !taken_in.is_empty() {
            let names: Vec<String> = taken_in.iter().map(|address| address.to_string()).collect();
            self.notes.push(format!("taken in too, because what was selected needs it: {}", names.join(", ")));
        }
        let owners = self.owners();
        for address in order::of_graph(graph) {
            if selected(address)
                && let Some(resource) = graph.resources.get(address)
            {
                let missing = |need: &&Address| !selected(need) && !state.resources.contains_key(*need);
                if let Some(need) = resource.needs.iter().find(missing) {
                    return Err(Error::NeedsLeftOut { address: address.clone(), need: Box::new(need.clone()) });
                }
                self.decide(resource, &owners)?;
            }
        }
        for (address, entry) in leaving {
            self.leave(address, entry);
        }
        Ok(())
    }

    fn destroy(&mut self) -> Result<(), Error> {
        let Question { state, scope, .. } = self.question;
        let mut leaving: BTreeSet<&Address> = state.resources.keys().filter(|address| scope.covers(address)).collect();
        let selected = leaving.len();
        // What needs something cannot stay without it.
        loop {
            let more: Vec<&Address> = state
                .resources
                .iter()
                .filter(|(address, entry)| {
                    !leaving.contains(address)
                        && !scope.without.contains(&address.cloud)
                        && entry.needs.iter().any(|need| leaving.contains(need))
                })
                .map(|(address, _)| address)
                .collect();
            if more.is_empty() {
                break;
            }
            leaving.extend(more);
        }
        if leaving.len() > selected {
            let all = leaving.iter().filter(|address| !scope.covers(address));
            let names: Vec<String> = all.map(|address| address.to_string()).collect();
            self.notes.push(format!("taken in too, because it needs what was selected: {}", names.join(", ")));
        }
        self.refuse_unread(leaving.iter().copied())?;
        for address in leaving {
            if let Some(entry) = state.resources.get(address) {
                self.leave(address, entry);
            }
        }
        Ok(())
    }

    fn refuse_unread<'a>(&self, addresses: impl Iterator<Item = &'a Address>) -> Result<(), Error> {
        let failed: BTreeMap<&Address, _> = addresses
            .filter_map(|address| match self.question.seen.resources.get(address) {
                Some(Look::Failed(failure)) => Some((address, failure)),
                _ => None,
            })
            .collect();
        let more = failed.len().saturating_sub(1);
        match failed.into_iter().next() {
            Some((address, failure)) => {
                Err(Error::Unread { address: address.clone(), more, source: Box::new(failure.clone()) })
            }
            None => Ok(()),
        }
    }

    /// Which resource of the state has an identity.
    fn owners(&self) -> Owners<'q> {
        let named = self.question.state.resources.iter().filter(|(_, entry)| !entry.id.is_empty());
        let realm = |address: &'q Address| realm(self.provider_of(&address.cloud), &address.cloud);
        named.map(|(address, entry)| ((realm(address), &*entry.kind, &*entry.region, &*entry.id), address)).collect()
    }

    /// The rules of a type, or those that hold for every type.
    fn rules_of(&self, provider: Option<Provider>, kind: &str) -> &'q TypeRules {
        static NONE: std::sync::OnceLock<TypeRules> = std::sync::OnceLock::new();
        let found = match provider {
            Some(provider) => (self.rules)(provider, kind),
            None => PROVIDERS.into_iter().find_map(|provider| (self.rules)(provider, kind)),
        };
        found.unwrap_or_else(|| NONE.get_or_init(TypeRules::default))
    }

    fn provider_of(&self, cloud: &str) -> Option<Provider> {
        self.question.graph.quantities.provider(cloud)
    }

    fn decide(&mut self, resource: &'q Resource, owners: &Owners<'_>) -> Result<(), Error> {
        let Question { state, seen, .. } = self.question;
        let address = &resource.address;
        let rules = self.rules_of(Some(resource.provider), &resource.kind);
        let entry = state.resources.get(address);
        let look = seen.resources.get(address);
        // What was begun is not looked at where its id is not known yet, and is no less begun for that.
        if let (Some(entry), Some(Look::Trusted)) = (entry, look)
            && entry.standing == Standing::Ready
        {
            self.stands(address, &entry.id, &entry.live);
            self.unchanged += 1;
            return Ok(());
        }
        let wanted = self.wanted(resource)?;
        match (entry, look) {
            (Some(entry), _) if entry.standing != Standing::Ready => self.resume(resource, entry, wanted),
            (Some(entry), Some(Look::Gone)) => {
                self.drifted.push(Drifted {
                    address: address.clone(),
                    words: words(rules, &resource.kind),
                    gone: true,
                    changes: Vec::new(),
                });
                if !entry.holds.is_empty() {
                    self.notes.push(format!("{address} is gone, and {} with it; it is made anew, empty", entry.holds));
                }
                self.create(resource, rules, wanted);
            }
            (Some(entry), Some(Look::Is(live) | Look::Found(live))) => {
                self.compare(resource, rules, entry, &live.id, &live.properties, wanted);
            }
            (Some(entry), _) => self.compare(resource, rules, entry, &entry.id, &entry.live, wanted),
            (None, Some(Look::Found(live) | Look::Is(live))) => self.adopt(resource, rules, live, wanted, owners)?,
            (None, _) => self.create(resource, rules, wanted),
        }
        Ok(())
    }

    /// The properties with references resolved as far as they are known, and secrets hashed.
    fn wanted(&self, resource: &Resource) -> Result<Value, Error> {
        let resolved = reference::resolve(&resource.properties, &|address, path| self.fates.value(address, path));
        self.hashed(resolved, &resource.address)
    }

    fn hashed(&self, value: Value, address: &Address) -> Result<Value, Error> {
        Ok(match value {
            Value::Object(entries) if entries.contains_key(SECRET) => {
                let text = entries.get(SECRET).and_then(Value::as_str).unwrap_or_default();
                match text.parse::<SecretRef>() {
                    Ok(reference) => {
                        let failed = |source| Error::Secret { address: address.clone(), source: Box::new(source) };
                        let hash = self.question.secrets.hash(&reference).map_err(failed)?;
                        json!({ SECRET: text, "hash": hash })
                    }
                    Err(_) => Value::Object(entries),
                }
            }
            Value::Object(entries) => {
                let mut whole = Map::with_capacity(entries.len());
                for (key, item) in entries {
                    whole.insert(key, self.hashed(item, address)?);
                }
                Value::Object(whole)
            }
            Value::Array(items) => {
                Value::Array(items.into_iter().map(|item| self.hashed(item, address)).collect::<Result<_, _>>()?)
            }
            other => other,
        })
    }

    fn stands(&mut self, address: &Address, id: &str, live: &Value) {
        let fate = Fate::Stands { id: id.to_owned(), live: live.clone(), changes: None };
        self.fates.known.insert(address.clone(), fate);
    }

    fn resume(&mut self, resource: &Resource, entry: &Entry, wanted: Value) {
        let address = &resource.address;
        match &entry.standing {
            Standing::Begun(operation) if operation.act != Act::Update => {
                self.fates.known.insert(address.clone(), Fate::Moves);
            }
            _ => self.stands(address, &entry.id, &entry.live),
        }
        let rules = self.rules_of(Some(resource.provider), &entry.kind);
        let mut planned = self.line(address, &entry.kind, &entry.region, rules, Action::Resume);
        planned.wanted = wanted;
        planned.template = resource.properties.clone();
        planned.minutes = [0.0, rules.minutes[1]];
        self.planned.insert(address.clone(), planned);
    }

    fn create(&mut self, resource: &Resource, rules: &TypeRules, wanted: Value) {
        let mut planned = self.line(&resource.address, &resource.kind, &resource.region, rules, Action::Create);
        planned.minutes = rules.minutes;
        planned.usd_month = self.price(resource.provider, &resource.address, rules, &wanted);
        planned.wanted = wanted;
        planned.template = resource.properties.clone();
        self.fates.known.insert(resource.address.clone(), Fate::Moves);
        self.planned.insert(resource.address.clone(), planned);
    }

    fn compare(
        &mut self,
        resource: &'q Resource,
        rules: &'q TypeRules,
        entry: &Entry,
        id: &str,
        live: &Value,
        wanted: Value,
    ) {
        let address = &resource.address;
        if entry.kind != resource.kind || entry.region != resource.region {
            let what = |kind: &str, region: &str| Some(Value::String(format!("{kind} in {region}")));
            let change = Change {
                pointer: String::new(),
                from: what(&entry.kind, &entry.region),
                to: what(&resource.kind, &resource.region),
            };
            self.replace(resource, rules, entry, wanted, vec![change]);
            return;
        }
        let shape = self.shapes.entry((resource.provider.as_str(), &resource.kind)).or_insert_with(|| Shape::of(rules));
        let fates = &self.fates;
        let differ = Differ { shape, moves: &|awaited| fates.moves(awaited) };
        let changes = differ.changes(&wanted, &entry.applied, live);
        let drift = Differ { shape, moves: &|_| false }.changes(&entry.applied, &entry.applied, live);
        let forced = changes.iter().any(|change| is_forced(shape, change));
        let loses = losses::of_update(rules, shape, &changes, live, &wanted);
        if !drift.is_empty() {
            self.drifted.push(Drifted {
                address: address.clone(),
                words: words(rules, &resource.kind),
                gone: false,
                changes: drift,
            });
        }
        if changes.is_empty() {
            self.stands(address, id, live);
            self.unchanged += 1;
        } else if forced {
            self.replace(resource, rules, entry, wanted, changes);
        } else {
            let mut planned = self.line(
                address,
                &resource.kind,
                &resource.region,
                rules,
                Action::Update { changes: changes.clone() },
            );
            planned.loses = loses;
            planned.minutes = [0.0, rules.minutes[1]];
            let before = self.price(resource.provider, address, rules, &entry.applied);
            planned.usd_month = difference(self.price(resource.provider, address, rules, &wanted), before);
            planned.wanted = wanted.clone();
            planned.template = resource.properties.clone();
            let fate = Fate::Stands { id: id.to_owned(), live: live.clone(), changes: Some((wanted, changes)) };
            self.fates.known.insert(address.clone(), fate);
            self.planned.insert(address.clone(), planned);
        }
    }

    fn replace(&mut self, resource: &Resource, rules: &TypeRules, entry: &Entry, wanted: Value, changes: Vec<Change>) {
        let address = &resource.address;
        let old_rules = self.rules_of(Some(resource.provider), &entry.kind);
        for cause in changes.iter().filter_map(|change| change.to.as_ref()?.get(UNKNOWN)?.as_str()) {
            let of = cause.split('.').next().unwrap_or(cause);
            let exchanged = of.parse::<Address>().is_ok_and(|of| {
                self.planned.get(&of).is_some_and(|planned| matches!(planned.action, Action::Replace { .. }))
            });
            if exchanged {
                self.notes.push(format!("{address} is replaced because {of}, which it names, is replaced"));
            }
        }
        let create_first = rules.exchange == Exchange::CreateFirst && is_renamed(rules, &changes);
        let mut planned =
            self.line(address, &resource.kind, &resource.region, rules, Action::Replace { changes, create_first });
        planned.loses = holds(entry, old_rules);
        planned.minutes = [rules.minutes[0], rules.minutes[1] + old_rules.minutes[1]];
        let before = self.price(resource.provider, address, old_rules, &entry.applied);
        planned.usd_month = difference(self.price(resource.provider, address, rules, &wanted), before);
        planned.wanted = wanted;
        planned.template = resource.properties.clone();
        self.fates.known.insert(address.clone(), Fate::Moves);
        self.planned.insert(address.clone(), planned);
    }

    fn adopt(
        &mut self,
        resource: &'q Resource,
        rules: &'q TypeRules,
        live: &Live,
        wanted: Value,
        owners: &Owners<'_>,
    ) -> Result<(), Error> {
        let address = &resource.address;
        let state = self.question.state;
        let ours =
            Owner { project: state.project.clone(), environment: state.environment.clone(), address: address.clone() };
        let realm = realm(self.provider_of(&address.cloud), &address.cloud);
        let twin = owners.get(&(realm, &*live.kind, &*live.region, &*live.id));
        let owner = twin.map(|twin| Owner { address: (*twin).clone(), ..ours.clone() }).or_else(|| live.owner.clone());
        if let Some(owner) = owner.as_ref().filter(|owner| **owner != ours) {
            let owner = Box::new(owner.clone());
            return Err(Error::Owned { address: address.clone(), id: live.id.clone(), owner });
        }
        let shape = self.shapes.entry((resource.provider.as_str(), &resource.kind)).or_insert_with(|| Shape::of(rules));
        let fates = &self.fates;
        let differ = Differ { shape, moves: &|awaited| fates.moves(awaited) };
        let changes = differ.changes(&wanted, &Value::Null, &live.properties);
        let unfit: Vec<String> = changes
            .iter()
            .filter(|change| is_forced(shape, change))
            .map(|change| {
                let value = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
                let name = change.pointer.trim_start_matches('/').replace('/', ".");
                format!("{name} is {} and should be {}", value(&change.from), value(&change.to))
            })
            .collect();
        if !unfit.is_empty() {
            return Err(Error::Unfit { address: address.clone(), id: live.id.clone(), properties: unfit });
        }
        if owner.is_none() {
            self.notes.push(format!(
                "{address}: `{}` exists already and bears no marks; it is taken over as it is{}",
                live.id,
                if changes.is_empty() { "" } else { ", then changed where it differs" }
            ));
        }
        let loses = losses::of_update(rules, shape, &changes, &live.properties, &wanted);
        let action = Action::Adopt { id: live.id.clone(), changes: changes.clone() };
        let mut planned = self.line(address, &resource.kind, &resource.region, rules, action);
        planned.loses = loses;
        planned.minutes = if changes.is_empty() { [0.0, 0.0] } else { [0.0, rules.minutes[1]] };
        planned.wanted = wanted.clone();
        planned.template = resource.properties.clone();
        let fate =
            Fate::Stands { id: live.id.clone(), live: live.properties.clone(), changes: Some((wanted, changes)) };
        self.fates.known.insert(address.clone(), fate);
        self.planned.insert(address.clone(), planned);
        Ok(())
    }

    /// What is in the state and not wanted.
    fn leave(&mut self, address: &Address, entry: &Entry) {
        let provider = self.provider_of(&address.cloud);
        let rules = self.rules_of(provider, &entry.kind);
        let look = self.question.seen.resources.get(address);
        let action = match look {
            _ if entry.standing != Standing::Ready => Action::Resume,
            Some(Look::Trusted) => return,
            Some(Look::Gone) => Action::Forget,
            _ => Action::Delete,
        };
        let mut planned = self.line(address, &entry.kind, &entry.region, rules, action);
        match planned.action {
            Action::Delete => {
                planned.loses = holds(entry, rules);
                planned.minutes = [0.0, rules.minutes[1]];
                if let Some(provider) = provider {
                    let price = self.price(provider, address, rules, &entry.applied);
                    planned.usd_month = difference([0.0, 0.0], price);
                }
            }
            Action::Forget => self.drifted.push(Drifted {
                address: address.clone(),
                words: planned.words.clone(),
                gone: true,
                changes: Vec::new(),
            }),
            _ => planned.minutes = [0.0, rules.minutes[1]],
        }
        self.planned.insert(address.clone(), planned);
    }

    /// The older halves of exchanges, which go last. Where the address goes as well, its line stands for both.
    fn leftovers(&mut self) -> Vec<Planned> {
        let mut lines = Vec::new();
        let Question { state, scope, .. } = self.question;
        for (address, entries) in state.leftovers.iter().filter(|(address, _)| scope.covers(address)) {
            let Some(first) = entries.first() else { continue };
            let rules = self.rules_of(self.provider_of(&address.cloud), &first.kind);
            let lost: BTreeSet<String> =
                entries.iter().map(|entry| holds(entry, rules)).filter(|holds| !holds.is_empty()).collect();
            let lost = lost.into_iter().collect::<Vec<_>>().join(", ");
            match self.planned.get_mut(address).filter(|planned| planned.action == Action::Delete) {
                Some(planned) if planned.loses.is_empty() => planned.loses = lost,
                Some(_) => {}
                None => {
                    let mut line = self.line(address, &first.kind, &first.region, rules, Action::Delete);
                    line.words = format!("older half of the {} that was exchanged", line.words);
                    line.loses = lost;
                    line.minutes = [0.0, rules.minutes[1]];
                    lines.push(line);
                }
            }
        }
        lines
    }

    /// Where a cloud begins to hold pictures, what leaves it costs too.
    fn note_transfer(&mut self) {
        let quantities = &self.question.graph.quantities;
        let begins: BTreeSet<String> = self
            .planned
            .values()
            .filter(|planned| {
                planned.action == Action::Create
                    && price::is_pictures(&planned.wanted, &planned.address.cloud, quantities)
            })
            .map(|planned| planned.address.cloud.clone())
            .collect();
        let lines = price::transfer(quantities, &begins);
        if !lines.is_empty() {
            let sum = |end: usize| lines.iter().map(|line| line.usd[end]).sum::<f64>();
            self.notes.push(format!(
                "what leaves {} for the other clouds and for people costs ${:.2} to ${:.2} a month more, which is in no \
                 line above",
                begins.into_iter().collect::<Vec<_>>().join(", "),
                sum(0),
                sum(1)
            ));
        }
    }

    fn line(&self, address: &Address, kind: &str, region: &str, rules: &TypeRules, action: Action) -> Planned {
        Planned {
            address: address.clone(),
            kind: kind.to_owned(),
            region: region.to_owned(),
            words: words(rules, kind),
            action,
            wanted: Value::Null,
            template: Value::Null,
            after: BTreeSet::new(),
            needs: self.question.graph.resources.get(address).map(|of| of.needs.clone()).unwrap_or_default(),
            loses: String::new(),
            minutes: [0.0, 0.0],
            usd_month: [0.0, 0.0],
        }
    }

    fn price(&self, provider: Provider, address: &Address, rules: &TypeRules, properties: &Value) -> [f64; 2] {
        price::monthly(provider, &rules.price, properties, &address.cloud, &self.question.graph.quantities)
    }
}

/// What a resource holds, as the state remembers it; an entry of an older version may not.
fn holds(entry: &Entry, rules: &TypeRules) -> String {
    if entry.holds.is_empty() { rules.holds.clone() } else { entry.holds.clone() }
}

fn words(rules: &TypeRules, kind: &str) -> String {
    if rules.words.is_empty() { kind.to_owned() } else { rules.words.clone() }
}

fn difference(after: [f64; 2], before: [f64; 2]) -> [f64; 2] {
    let [one, other] = [after[0] - before[0], after[1] - before[1]];
    // 0.0 and not -0.0, which would be shown with its sign.
    [one.min(other) + 0.0, one.max(other) + 0.0]
}

/// Whether a change touches what cannot be changed.
fn is_forced(shape: &Shape, change: &Change) -> bool {
    let path = steps(&change.pointer);
    shape.is_create_only(&path, &|rest| {
        let (from, to) = (all_at(change.from.as_ref(), rest), all_at(change.to.as_ref(), rest));
        from.len() != to.len() || from.iter().zip(&to).any(|(from, to)| !super::leaves::alike(from, to))
    })
}

/// Whether the new one has another identity, so that both can stand at a time.
fn is_renamed(rules: &TypeRules, changes: &[Change]) -> bool {
    let identity = Shape::of(&TypeRules { create_only: rules.identity.clone(), ..TypeRules::default() });
    rules.identity.is_empty() || changes.iter().any(|change| !change.pointer.is_empty() && is_forced(&identity, change))
}
