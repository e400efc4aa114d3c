use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use serde_json::{Value, json};

use super::*;
use crate::{
    cloud::{
        control::{Address, Failure, FailureKind, Live, Owner},
        rules::Exchange,
    },
    deploy::{
        graph::{Graph, Place, Resource},
        plan::{Action, Planned},
        selector::Scope,
        state::{Act, Entry, Operation, Standing, State},
    },
    project::{Provider, SecretError, SecretRef},
};

pub(super) fn at(text: &str) -> Address {
    text.parse().unwrap()
}

fn texts(pointers: &[&str]) -> Vec<String> {
    pointers.iter().map(|pointer| (*pointer).to_owned()).collect()
}

/// A bucket, a key, and a server that is exchanged by making the new one first.
pub(super) fn rules(_: Provider, kind: &str) -> Option<&'static TypeRules> {
    static ALL: std::sync::OnceLock<BTreeMap<&'static str, TypeRules>> = std::sync::OnceLock::new();
    let all = ALL.get_or_init(|| {
        let bucket = TypeRules {
            words: "bucket".to_owned(),
            holds: "pictures".to_owned(),
            create_only: texts(&["/Name", "/Lock/Mode"]),
            write_only: texts(&["/Auth/Password"]),
            defaults: BTreeMap::from([
                ("/Acl".to_owned(), toml::Value::from("private")),
                ("/Logging/Level".to_owned(), toml::Value::from("info")),
            ]),
            unordered: texts(&["/Tags", "/Zones", "/Rules"]),
            any_case: texts(&["/Sku", "/Members/*"]),
            json_text: texts(&["/Policy"]),
            ignore: texts(&["/Size"]),
            identity: texts(&["/Name"]),
            shrinks: texts(&["/Versioning/Status", "/Days"]),
            minutes: [0.1, 0.5],
            timeout_minutes: 5.0,
            ..TypeRules::default()
        };
        let server = TypeRules {
            words: "server".to_owned(),
            create_only: texts(&["/Name", "/Bucket"]),
            identity: texts(&["/Name"]),
            exchange: Exchange::CreateFirst,
            minutes: [5.0, 20.0],
            timeout_minutes: 60.0,
            ..TypeRules::default()
        };
        BTreeMap::from([("bucket", bucket), ("server", server)])
    });
    all.get(kind)
}

pub(super) struct Hashes;

impl SecretHashes for Hashes {
    fn hash(&self, reference: &SecretRef) -> Result<String, SecretError> {
        match reference {
            SecretRef::File(path) => Err(SecretError::Malformed { path: PathBuf::from(path), what: "is empty" }),
            other => Ok(format!("hash of {other}")),
        }
    }
}

#[derive(Default)]
pub(super) struct World {
    pub(super) graph: Graph,
    pub(super) entries: BTreeMap<Address, Entry>,
    pub(super) leftovers: BTreeMap<Address, Vec<Entry>>,
    pub(super) seen: Seen,
    pub(super) scope: Scope,
}

pub(super) fn entry(kind: &str, applied: Value, live: Value) -> Entry {
    Entry {
        kind: kind.to_owned(),
        region: "here".to_owned(),
        id: "i-1".to_owned(),
        standing: Standing::Ready,
        applied,
        live,
        needs: BTreeSet::new(),
        holds: String::new(),
    }
}

pub(super) fn live(kind: &str, id: &str, properties: Value) -> Live {
    Live { id: id.to_owned(), kind: kind.to_owned(), region: "here".to_owned(), properties, owner: None, etag: None }
}

impl World {
    pub(super) fn want(&mut self, address: &str, kind: &str, properties: Value) -> &mut Self {
        let mut needs = BTreeSet::new();
        gather(&properties, &mut needs);
        let resource = Resource {
            address: at(address),
            provider: Provider::Custom,
            kind: kind.to_owned(),
            region: "here".to_owned(),
            properties,
            needs,
            place: Place::default(),
            places: BTreeMap::new(),
        };
        self.graph.resources.insert(at(address), resource);
        self
    }

    pub(super) fn have(&mut self, address: &str, kind: &str, applied: Value, is: Value) -> &mut Self {
        let id = format!("id-{}", at(address).name);
        let mut made = entry(kind, applied, is.clone());
        made.id.clone_from(&id);
        made.holds = rules(Provider::Custom, kind).map(|rules| rules.holds.clone()).unwrap_or_default();
        self.entries.insert(at(address), made);
        self.look(address, Look::Is(live(kind, &id, is)))
    }

    pub(super) fn look(&mut self, address: &str, look: Look) -> &mut Self {
        self.seen.resources.insert(at(address), look);
        self
    }

    fn needs(&mut self, address: &str, need: &str) -> &mut Self {
        self.entries.get_mut(&at(address)).unwrap().needs.insert(at(need));
        self
    }

    pub(super) fn state(&self) -> State {
        State {
            v: 1,
            project: "reserve".to_owned(),
            environment: "default".to_owned(),
            serial: 7,
            last_operation: 3,
            hash_key: "0".repeat(64),
            resources: self.entries.clone(),
            leftovers: self.leftovers.clone(),
        }
    }

    pub(super) fn ask(&self, purpose: Purpose) -> Result<Plan, Error> {
        let state = self.state();
        let question = Question {
            graph: &self.graph,
            state: &state,
            seen: &self.seen,
            scope: &self.scope,
            purpose,
            now_ms: 1,
            secrets: &Hashes,
        };
        planner::plan(&question, &|provider, kind| rules(provider, kind))
    }

    pub(super) fn plan(&self) -> Plan {
        self.ask(Purpose::Deploy).unwrap_or_else(|error| panic!("{error}"))
    }
}

fn gather(value: &Value, needs: &mut BTreeSet<Address>) {
    match value {
        Value::String(text) => {
            needs.extend(crate::deploy::reference::targets(text).into_iter().map(|target| target.address));
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, needs)),
        Value::Object(entries) => entries.values().for_each(|item| gather(item, needs)),
        _ => {}
    }
}

fn of<'p>(plan: &'p Plan, address: &str) -> &'p Planned {
    plan.changes.iter().find(|planned| planned.address == at(address)).unwrap_or_else(|| panic!("{plan:#?}"))
}

/// The changes of one bucket: pointer, from, to.
fn changes(wanted: Value, applied: Value, is: Value) -> Vec<(String, Value, Value)> {
    let mut world = World::default();
    world.want("a/s/b", "bucket", wanted).have("a/s/b", "bucket", applied, is);
    let plan = world.plan();
    let Some(planned) = plan.changes.first() else { return Vec::new() };
    let (Action::Update { changes } | Action::Replace { changes, .. }) = &planned.action else { panic!("{planned:?}") };
    let or_null = |value: &Option<Value>| value.clone().unwrap_or(Value::Null);
    changes.iter().map(|c| (c.pointer.clone(), or_null(&c.from), or_null(&c.to))).collect()
}

#[test]
fn what_only_the_provider_sets_is_nobodys_change() {
    let wanted = json!({ "Name": "x", "Tags": [{ "K": "a" }, { "K": "b" }], "Acl": "private", "Empty": [] });
    let is = json!({
        "Name": "x", "Arn": "arn:x", "Size": 7, "Logging": { "Level": "info", "Where": "there" },
        "Tags": [{ "K": "b", "Id": 2 }, { "K": "a", "Id": 1 }],
    });
    assert_eq!(changes(wanted.clone(), wanted, is), []);
}

#[test]
fn values_that_mean_the_same_do_not_differ() {
    for (wanted, is) in [
        (json!({ "Days": 1 }), json!({ "Days": 1.0 })),
        (json!({ "Days": "30" }), json!({ "Days": 30 })),
        (json!({ "Sku": "Standard_LRS" }), json!({ "Sku": "standard_lrs" })),
        (json!({ "Policy": "{\"a\": 1, \"b\": [1.0]}" }), json!({ "Policy": "{\"b\":[1],\"a\":1}" })),
        (json!({ "Policy": "{\"a\": 1}" }), json!({ "Policy": { "a": 1 } })),
        (json!({ "Zones": ["a", "b", "b"] }), json!({ "Zones": ["b", "a", "b"] })),
        (json!({ "Members": { "/Id/A": {} } }), json!({ "Members": { "/id/a": { "p": 1 } } })),
        (
            json!({ "Rules": [{ "x": 1 }, { "x": 1, "y": 2 }] }),
            json!({ "Rules": [{ "x": 1, "y": 2 }, { "x": 1, "y": 0 }] }),
        ),
        (json!({ "Size": 1 }), json!({ "Size": 2 })),
        (json!({ "Logging": { "Level": "info" } }), json!({})),
    ] {
        assert_eq!(changes(wanted.clone(), wanted.clone(), is.clone()), [], "{wanted} {is}");
    }
    for (wanted, is) in [
        (json!({ "Days": "30d" }), json!({ "Days": 30 })),
        (json!({ "Days": "x" }), json!({ "Days": "X" })),
        (json!({ "List": ["a", "b"] }), json!({ "List": ["b", "a"] })),
        (json!({ "Zones": ["a", "a"] }), json!({ "Zones": ["a", "b"] })),
        (json!({ "Zones": ["a"] }), json!({ "Zones": ["a", "b"] })),
        (json!({ "Policy": "{\"a\": 1}" }), json!({ "Policy": "{\"a\": 2}" })),
        (json!({ "Days": true }), json!({ "Days": 1 })),
    ] {
        assert!(!changes(wanted.clone(), wanted.clone(), is.clone()).is_empty(), "{wanted} {is}");
    }
}

#[test]
fn leaves_differ_at_their_pointers() {
    let before =
        json!({ "Days": 1, "Versioning": { "Status": "On", "Mfa": true }, "List": [{ "a": 1 }, { "a": 2 }], "Old": 5 });
    let wanted = json!({ "Days": 2, "Versioning": { "Status": "On" }, "List": [{ "a": 1 }, { "a": 3 }], "New/~": { "deep": { "er": 1 } } });
    let found = changes(wanted, before.clone(), before);
    let expected = [
        ("/Days", json!(1), json!(2)),
        ("/List/1/a", json!(2), json!(3)),
        ("/New~1~0", json!(null), json!({ "deep": { "er": 1 } })),
        ("/Versioning/Mfa", json!(true), json!(null)),
        ("/Old", json!(5), json!(null)),
    ];
    let expected: Vec<(String, Value, Value)> =
        expected.into_iter().map(|(pointer, from, to)| (pointer.to_owned(), from, to)).collect();
    assert_eq!(found, expected);
}

#[test]
fn what_was_set_and_is_no_more_in_the_template_goes() {
    let gone = |applied: Value, is: Value| changes(json!({}), applied, is);
    assert_eq!(gone(json!({ "Acl": "public" }), json!({ "Acl": "public" })).len(), 1);
    assert_eq!(gone(json!({ "Acl": "public" }), json!({ "Acl": "private" })), [], "back at the default");
    assert_eq!(gone(json!({ "Acl": "public" }), json!({})), [], "gone already");
    assert_eq!(gone(json!({ "Size": 5 }), json!({ "Size": 5 })), [], "ignored");
    let whole = gone(json!({ "V": { "S": 1, "T": 2 } }), json!({ "V": { "S": 1, "T": 2 } }));
    assert_eq!(whole, [("/V".to_owned(), json!({ "S": 1, "T": 2 }), json!(null))]);
    let part = gone(json!({ "V": { "S": 1 } }), json!({ "V": { "S": 1, "Theirs": 2 } }));
    assert_eq!(part, [("/V/S".to_owned(), json!(1), json!(null))]);
    let member = gone(json!({ "Members": { "/id/a": {} } }), json!({ "Members": { "/id/a": { "p": 1 } } }));
    assert_eq!(member.len(), 1);
    let new = changes(json!({ "Members": { "/id/a": {} } }), json!({}), json!({}));
    assert_eq!(new.len(), 1, "an empty object can be a member");
}

#[test]
fn secrets_are_compared_by_their_hashes_and_never_shown() {
    let wanted =
        json!({ "Auth": { "Password": "${secret:env:NEW}" }, "Env": [{ "N": "a", "V": "${secret:env:NEW}" }] });
    let secret = |name: &str| json!({ "$secret": format!("env:{name}"), "hash": format!("hash of env:{name}") });
    let applied =
        |name: &str| json!({ "Auth": { "Password": secret(name) }, "Env": [{ "N": "a", "V": secret(name) }] });
    let is = json!({ "Auth": {}, "Env": [{ "N": "a", "V": "hunter2" }] });
    assert_eq!(changes(wanted.clone(), applied("NEW"), is.clone()), []);
    let found = changes(wanted.clone(), applied("OLD"), is.clone());
    assert_eq!(
        found,
        [
            ("/Auth/Password".to_owned(), json!("[secret]"), json!("[secret]")),
            ("/Env/0/V".to_owned(), json!("[secret]"), json!("[secret]")),
        ]
    );
    let more = json!({ "Env": [{ "N": "a", "V": "${secret:env:NEW}" }, { "N": "b", "V": "x" }] });
    let found = format!("{:?}", changes(more, applied("OLD"), is));
    assert!(found.contains("[secret]") && !found.contains("hunter2") && !found.contains("hash of"), "{found}");
    let mut world = World::default();
    world.want("a/s/b", "bucket", json!({ "Auth": { "Password": "${secret:file:k}" } }));
    let error = world.ask(Purpose::Deploy).unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.next_step().as_str()),
        ("`a/s/b` needs a secret", "put one secret, as text, into k")
    );
}

#[test]
fn a_create_only_difference_exchanges_and_those_that_name_it_follow() {
    let mut world = World::default();
    world
        .want("a/s/b", "bucket", json!({ "Name": "new" }))
        .have("a/s/b", "bucket", json!({ "Name": "old" }), json!({ "Name": "old", "Arn": "arn:old" }))
        .want("a/t/server", "server", json!({ "Name": "s", "Bucket": "${a/s/b.Arn}" }))
        .have(
            "a/t/server",
            "server",
            json!({ "Name": "s", "Bucket": "arn:old" }),
            json!({ "Name": "s", "Bucket": "arn:old" }),
        )
        .want("a/t/other", "bucket", json!({ "Name": "o", "Role": "x-${a/s/b}" }))
        .have("a/t/other", "bucket", json!({ "Name": "o", "Role": "x-id-b" }), json!({ "Name": "o", "Role": "x-id-b" }))
        .needs("a/t/server", "a/s/b");
    let plan = world.plan();
    let bucket = of(&plan, "a/s/b");
    assert!(matches!(bucket.action, Action::Replace { create_first: false, .. }), "{bucket:?}");
    assert_eq!((bucket.loses.as_str(), bucket.minutes), ("pictures", [0.1, 1.0]));
    let server = of(&plan, "a/t/server");
    assert!(matches!(server.action, Action::Replace { create_first: false, .. }), "its name stays: {server:?}");
    assert_eq!(server.wanted["Bucket"], json!({ "$unknown": "a/s/b.Arn" }));
    assert_eq!(server.template["Bucket"], "${a/s/b.Arn}");
    assert_eq!(server.after, BTreeSet::from([at("a/s/b")]));
    assert!(
        plan.notes.contains(&"a/t/server is replaced because a/s/b, which it names, is replaced".to_owned()),
        "{:?}",
        plan.notes
    );
    assert!(matches!(of(&plan, "a/t/other").action, Action::Update { .. }));
    assert!(plan.drifted.is_empty(), "an unknown value is no drift");
    world.want("a/t/server", "server", json!({ "Name": "s2", "Bucket": "arn:old" }));
    assert!(matches!(of(&world.plan(), "a/t/server").action, Action::Replace { create_first: true, .. }));
    world.want("a/s/b", "server", json!({ "Name": "old" }));
    let plan = world.plan();
    let Action::Replace { changes, .. } = &of(&plan, "a/s/b").action else { panic!() };
    assert_eq!(changes[0].from, Some(json!("bucket in here")));
    assert_eq!(of(&plan, "a/s/b").loses, "pictures", "the state remembers what it held");
}

#[test]
fn a_whole_list_that_holds_a_create_only_leaf_exchanges_only_where_the_leaf_differs() {
    let is = json!({ "Lock": { "Mode": "governance", "Days": 1 } });
    let mut world = World::default();
    world.have("a/s/b", "bucket", is.clone(), is);
    world.want("a/s/b", "bucket", json!({ "Lock": { "Mode": "governance", "Days": 2 } }));
    assert!(matches!(of(&world.plan(), "a/s/b").action, Action::Update { .. }));
    world.want("a/s/b", "bucket", json!({ "Lock": { "Mode": "compliance", "Days": 2 } }));
    assert!(matches!(of(&world.plan(), "a/s/b").action, Action::Replace { .. }));
    world.have("a/s/b", "bucket", json!({}), json!({}));
    assert!(matches!(of(&world.plan(), "a/s/b").action, Action::Replace { .. }), "a new object with the leaf in it");
    world.want("a/s/b", "bucket", json!({ "Lock": { "Days": 2 } }));
    assert!(matches!(of(&world.plan(), "a/s/b").action, Action::Update { .. }));
}

#[test]
fn a_change_in_place_that_keeps_less_says_so() {
    let is = json!({ "Versioning": { "Status": "Enabled" }, "Days": 30 });
    let mut world = World::default();
    world.want("a/s/b", "bucket", json!({ "Versioning": { "Status": "Suspended" }, "Days": 7 })).have(
        "a/s/b",
        "bucket",
        is.clone(),
        is,
    );
    assert_eq!(of(&world.plan(), "a/s/b").loses, "a part of pictures: Days, Versioning.Status would keep less");
}

#[test]
fn what_the_templates_lost_is_deleted_in_reverse_and_keeps_its_protection() {
    let mut world = World::default();
    for (name, need) in [("c", None), ("b", Some("c")), ("a", Some("b"))] {
        let address = format!("x/s/{name}");
        world.have(&address, "bucket", json!({}), json!({}));
        if let Some(need) = need {
            world.needs(&address, &format!("x/s/{need}"));
        }
    }
    world
        .want("x/s/stays", "bucket", json!({ "New": 1 }))
        .have("x/s/stays", "bucket", json!({}), json!({}))
        .needs("x/s/stays", "x/s/a");
    let plan = world.plan();
    let order: Vec<String> = plan.changes.iter().map(|planned| planned.address.name.clone()).collect();
    assert_eq!(order, ["stays", "a", "b", "c"]);
    assert_eq!(of(&plan, "x/s/a").after, BTreeSet::from([at("x/s/stays")]));
    assert_eq!(of(&plan, "x/s/c").after, BTreeSet::from([at("x/s/b")]));
    assert!(plan.changes[1..].iter().all(|planned| planned.loses == "pictures" && planned.wanted.is_null()));
    world.look("x/s/c", Look::Gone);
    let plan = world.plan();
    assert_eq!(of(&plan, "x/s/c").action, Action::Forget);
    assert!(plan.drifted.iter().any(|drifted| drifted.gone && drifted.address == at("x/s/c")));
    // Entries of different ages may need each other in a circle.
    world.needs("x/s/b", "x/s/a");
    assert_eq!(world.plan().changes.len(), 4);
}

#[test]
fn what_stands_there_already_is_taken_over_or_stops_the_plan() {
    let mut world = World::default();
    world.want("a/s/b", "bucket", json!({ "Name": "x", "Days": 2 }));
    let mut found = live("bucket", "i-9", json!({ "Name": "x", "Days": 1 }));
    world.look("a/s/b", Look::Found(found.clone()));
    let plan = world.plan();
    let Action::Adopt { id, changes } = &of(&plan, "a/s/b").action else { panic!() };
    assert_eq!((id.as_str(), changes.len()), ("i-9", 1));
    assert!(plan.notes[0].contains("bears no marks"), "{:?}", plan.notes);
    let owner = |project: &str, address: &str| {
        Some(Owner { project: project.to_owned(), environment: "default".to_owned(), address: at(address) })
    };
    found.owner = owner("reserve", "a/s/b");
    world.look("a/s/b", Look::Found(found.clone()));
    assert_eq!(world.plan().notes, Vec::<String>::new());
    found.owner = owner("serengeti", "a/s/b");
    world.look("a/s/b", Look::Found(found.clone()));
    let error = world.ask(Purpose::Deploy).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`a/s/b`: `i-9` exists already and belongs to `a/s/b` of the project `serengeti` (environment default)"
    );
    found.owner = None;
    found.properties = json!({ "Name": "X" });
    world.look("a/s/b", Look::Found(found.clone()));
    let error = world.ask(Purpose::Deploy).unwrap_err();
    assert!(error.to_string().ends_with("cannot be changed: Name is \"X\" and should be \"x\""), "{error}");
    // The same thing under another address of the state: deleting that one would delete this one.
    found.id = "id-old".to_owned();
    found.properties = json!({ "Name": "x" });
    world.have("a/s/old", "bucket", json!({}), json!({})).look("a/s/b", Look::Found(found));
    let error = world.ask(Purpose::Deploy).unwrap_err();
    assert!(error.to_string().contains("belongs to `a/s/old` of the project `reserve`"), "{error}");
}

#[test]
fn what_was_begun_is_followed_to_its_end_before_anything_else() {
    let mut world = World::default();
    world.want("a/s/b", "bucket", json!({ "Name": "x" })).have("a/s/b", "bucket", json!({}), json!({}));
    world.want("a/s/c", "bucket", json!({ "Name": "c", "Of": "${a/s/b.Arn}" }));
    let operation =
        Operation { number: 1, act: Act::Create, token: "t".to_owned(), pending: None, intended: Value::Null };
    world.entries.get_mut(&at("a/s/b")).unwrap().standing = Standing::Begun(operation);
    let plan = world.plan();
    assert_eq!(of(&plan, "a/s/b").action, Action::Resume);
    assert_eq!(of(&plan, "a/s/c").after, BTreeSet::from([at("a/s/b")]));
    assert_eq!(of(&plan, "a/s/c").wanted["Of"], json!({ "$unknown": "a/s/b.Arn" }));
    world.entries.get_mut(&at("a/s/b")).unwrap().standing = Standing::Unreadable;
    assert_eq!(of(&world.plan(), "a/s/b").action, Action::Resume);
    assert_eq!(of(&world.ask(Purpose::Destroy).unwrap(), "a/s/b").action, Action::Resume);
}

#[test]
fn what_was_begun_and_has_no_id_yet_is_no_less_begun() {
    let mut world = World::default();
    world.want("a/s/b", "bucket", json!({ "Name": "x" })).have("a/s/b", "bucket", json!({ "Name": "x" }), json!({}));
    world.have("a/s/left", "bucket", json!({ "Name": "y" }), json!({}));
    world.want("a/s/c", "bucket", json!({ "Name": "c", "Of": "${a/s/b}" }));
    for name in ["a/s/b", "a/s/left"] {
        let operation =
            Operation { number: 1, act: Act::Create, token: "t".to_owned(), pending: None, intended: Value::Null };
        let entry = world.entries.get_mut(&at(name)).unwrap();
        entry.id.clear();
        entry.standing = Standing::Begun(operation);
        world.look(name, Look::Trusted);
    }
    let plan = world.plan();
    assert_eq!(of(&plan, "a/s/b").action, Action::Resume);
    assert_eq!(of(&plan, "a/s/c").after, BTreeSet::from([at("a/s/b")]));
    // Nobody wants it any more, and it may stand in the cloud.
    assert_eq!(of(&plan, "a/s/left").action, Action::Resume);
    assert_eq!(plan.unchanged, 0);
}

#[test]
fn drift_is_told_and_put_right() {
    let set = json!({ "Name": "x", "Days": 30 });
    let mut world = World::default();
    world.want("a/s/b", "bucket", set.clone()).have("a/s/b", "bucket", set.clone(), json!({ "Name": "x", "Days": 7 }));
    world.want("a/s/g", "bucket", set.clone()).have("a/s/g", "bucket", set, json!({})).look("a/s/g", Look::Gone);
    let plan = world.plan();
    assert_eq!(plan.drifted.len(), 2);
    assert_eq!(
        (plan.drifted[0].changes[0].from.clone(), plan.drifted[0].changes[0].to.clone()),
        (Some(json!(7)), Some(json!(30)))
    );
    assert!(plan.drifted[1].gone);
    assert!(matches!(of(&plan, "a/s/b").action, Action::Update { .. }));
    assert_eq!(of(&plan, "a/s/g").action, Action::Create);
    assert!(plan.notes.iter().any(|note| note.starts_with("a/s/g is gone, and pictures with it")), "{:?}", plan.notes);
}

#[test]
fn a_scope_takes_in_what_does_not_stand_yet_and_leaves_the_rest() {
    let mut world = World::default();
    world.want("a/s/key", "bucket", json!({})).want("a/s/other", "bucket", json!({}));
    world.want("a/t/user", "bucket", json!({ "Key": "${a/s/key}" })).want("b/t/far", "bucket", json!({}));
    world.scope.only = vec!["a/t/*".parse().unwrap()];
    let plan = world.plan();
    let names: Vec<String> = plan.changes.iter().map(|planned| planned.address.to_string()).collect();
    assert_eq!(names, ["a/s/key", "a/t/user"]);
    assert_eq!(plan.notes, ["taken in too, because what was selected needs it: a/s/key"]);
    world.have("a/s/key", "bucket", json!({ "Old": 1 }), json!({ "Old": 1 }));
    let plan = world.plan();
    assert_eq!((plan.changes.len(), &plan.changes[0].wanted["Key"]), (1, &json!("id-key")));
    world.scope.only = vec!["a/x/*".parse().unwrap()];
    assert_eq!(
        world.ask(Purpose::Deploy).unwrap_err().to_string(),
        "nothing is named `a/x/*`, neither in the templates nor in the state"
    );
    world.scope = Scope { only: Vec::new(), without: BTreeSet::from(["a".to_owned()]) };
    let plan = world.plan();
    assert_eq!(plan.changes.iter().map(|planned| planned.address.to_string()).collect::<Vec<_>>(), ["b/t/far"]);
    assert_eq!(plan.without, BTreeSet::from(["a".to_owned()]));
    world.want("b/t/far", "bucket", json!({ "Of": "${a/s/other}" }));
    let error = world.ask(Purpose::Deploy).unwrap_err();
    assert_eq!(error.to_string(), "`b/t/far` needs `a/s/other`, which does not stand and is left out");
}

#[test]
fn what_cannot_be_read_stops_the_plan_and_a_cloud_left_out_does_not() {
    let mut world = World::default();
    world.want("a/s/b", "bucket", json!({})).have("a/s/b", "bucket", json!({}), json!({}));
    world.look("a/s/b", Look::Failed(Failure::new(FailureKind::Denied, "s3:GetBucket", "no")));
    let error = world.ask(Purpose::Deploy).unwrap_err();
    assert_eq!(error.to_string(), "`a/s/b` could not be read");
    assert!(error.next_step().contains("--without a"), "{}", error.next_step());
    world.scope.without.insert("a".to_owned());
    assert!(world.plan().changes.is_empty());
}

#[test]
fn a_destroy_takes_everything_in_reverse_with_older_halves() {
    let mut world = World::default();
    world
        .have("a/s/key", "server", json!({}), json!({}))
        .have("a/s/b", "bucket", json!({}), json!({}))
        .needs("a/s/b", "a/s/key");
    world.leftovers.insert(at("a/s/key"), vec![entry("bucket", json!({}), json!({}))]);
    let plan = world.ask(Purpose::Destroy).unwrap();
    let names: Vec<String> = plan.changes.iter().map(|planned| planned.address.to_string()).collect();
    assert_eq!(names, ["a/s/b", "a/s/key"]);
    assert!(plan.changes.iter().all(|planned| planned.action == Action::Delete));
    assert_eq!(of(&plan, "a/s/key").loses, "pictures", "the older half holds some");
    world.scope.only = vec!["a/s/key".parse().unwrap()];
    let plan = world.ask(Purpose::Destroy).unwrap();
    assert_eq!((plan.changes.len(), plan.notes.len()), (2, 1));
    world.scope = Scope::default();
    world.want("a/s/key", "server", json!({})).want("a/s/b", "bucket", json!({}));
    let plan = world.plan();
    assert_eq!(plan.changes.len(), 1);
    assert_eq!((&plan.changes[0].action, plan.changes[0].loses.as_str()), (&Action::Delete, "pictures"));
    assert!(plan.changes[0].words.starts_with("older half"), "{:?}", plan.changes);
}

#[test]
fn references_read_what_stands_and_what_a_change_will_set() {
    let mut world = World::default();
    world.want("a/s/b", "bucket", json!({ "Days": 2 })).have(
        "a/s/b",
        "bucket",
        json!({ "Days": 1 }),
        json!({ "Days": 1, "Arn": "arn" }),
    );
    let user = json!({ "Id": "${a/s/b}", "Arn": "${a/s/b.Arn}", "Days": "${a/s/b.Days}", "None": "${a/s/b.Nothing}" });
    world.want("a/s/u", "bucket", user);
    let set = json!({ "Id": "id-b", "Arn": "arn", "Days": 1, "None": "later" });
    world.have("a/s/u", "bucket", set.clone(), set);
    let plan = world.plan();
    let user = of(&plan, "a/s/u");
    let Action::Update { changes } = &user.action else { panic!() };
    assert_eq!(changes.len(), 1, "only what the other's change sets: {changes:?}");
    assert_eq!((changes[0].pointer.as_str(), &changes[0].to), ("/Days", &Some(json!(2))));
}
