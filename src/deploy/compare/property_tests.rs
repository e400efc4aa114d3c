use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{
    Purpose,
    tests::{World, at},
};

/// Properties with all that the rules of the test's bucket know: lists in any order, texts that hold JSON, defaults.
fn properties() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i32>().prop_map(|number| json!(number)),
        "[a-zA-Z0-9_ -]{0,8}".prop_map(Value::String),
    ];
    let tree = leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map("[A-D]", inner, 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    });
    let items = proptest::collection::vec(("[a-c]", 0..3_u8).prop_map(|(k, v)| json!({ "K": k, "V": v })), 0..5);
    let zones = proptest::collection::vec("[a-c]", 0..5);
    (proptest::collection::btree_map("[P-S]", tree, 0..4), items, zones, "[a-z]{1,5}").prop_map(
        |(rest, tags, zones, name)| {
            let mut all: Map<String, Value> = rest.into_iter().collect();
            all.insert("Name".to_owned(), json!(name));
            all.insert("Tags".to_owned(), Value::Array(tags));
            all.insert("Zones".to_owned(), json!(zones));
            all.insert("Policy".to_owned(), json!("{\"b\": 1, \"a\": [1, 2]}"));
            all.insert("Auth".to_owned(), json!({ "Password": "${secret:env:X}" }));
            Value::Object(all)
        },
    )
}

/// As a provider would tell it: with attributes of its own, lists in another order, nothing where something is empty,
/// and without what it never tells.
fn as_told(value: &Value, turn: usize) -> Value {
    match value {
        Value::Object(entries) => {
            let mut told: Map<String, Value> = entries
                .iter()
                .filter(|(_, item)| !matches!(item, Value::Array(items) if items.is_empty()))
                .map(|(key, item)| {
                    let mut item = as_told(item, turn);
                    if let (true, Value::Array(items)) = (key == "Tags" || key == "Zones", &mut item)
                        && !items.is_empty()
                    {
                        let by = turn % items.len();
                        items.rotate_left(by);
                    }
                    (key.clone(), item)
                })
                .collect();
            told.insert("ProviderSays".to_owned(), json!({ "So": turn }));
            Value::Object(told)
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| as_told(item, turn)).collect()),
        Value::Number(number) => number.as_i64().map_or(value.clone(), |number| json!(number as f64)),
        other => other.clone(),
    }
}

fn applied(wanted: &Value) -> Value {
    let mut set = wanted.clone();
    set["Auth"]["Password"] = json!({ "$secret": "env:X", "hash": "hash of env:X" });
    set
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_was_applied_and_stands_needs_no_change(wanted in properties(), turn in 0..9_usize) {
        let mut world = World::default();
        let mut told = as_told(&wanted, turn);
        told["Auth"] = json!({});
        told["Policy"] = json!("{\"a\":[1,2],\"b\":1}");
        told["Logging"] = json!({ "Level": "info" });
        world.want("a/s/b", "bucket", wanted.clone()).have("a/s/b", "bucket", applied(&wanted), told);
        let plan = world.plan();
        prop_assert_eq!(&plan.changes, &vec![], "{:#?}", plan.changes);
        prop_assert_eq!(&plan.drifted, &vec![]);
        prop_assert_eq!(plan.unchanged, 1);
    }

    #[test]
    fn what_the_plan_sets_is_what_the_next_plan_finds(
        before in properties(), after in properties(), turn in 0..9_usize,
    ) {
        let mut world = World::default();
        let mut told = as_told(&before, turn);
        told["Auth"] = json!({});
        world.want("a/s/b", "bucket", after.clone()).have("a/s/b", "bucket", applied(&before), told);
        let plan = world.plan();
        if let Some(planned) = plan.changes.first() {
            prop_assert_eq!(&planned.wanted, &applied(&after));
        }
        let mut told = as_told(&after, turn);
        told["Auth"] = json!({});
        world.have("a/s/b", "bucket", applied(&after), told);
        let again = world.plan();
        prop_assert_eq!(&again.changes, &vec![], "{:#?}", again.changes);
    }

    #[test]
    fn a_plan_does_not_depend_on_the_order_of_what_it_is_made_from(
        edges in proptest::collection::vec((0..12_usize, 0..12_usize), 0..30),
        order in Just((0..12_usize).collect::<Vec<_>>()).prop_shuffle(),
        stand in proptest::collection::vec(any::<bool>(), 12),
    ) {
        let world = |order: &[usize]| {
            let mut world = World::default();
            for &index in order {
                // Only towards lower numbers: no circle.
                let needs = edges.iter().filter(|(from, to)| *from == index && to < from);
                let texts: Vec<String> = needs.map(|(_, to)| format!("${{a/s/r{to}}}")).collect();
                let address = format!("a/s/r{index}");
                world.want(&address, "bucket", json!({ "Name": address, "Needs": texts }));
                if stand[index] {
                    world.have(&address, "bucket", json!({ "Name": address }), json!({ "Name": address }));
                }
            }
            world
        };
        let sorted: Vec<usize> = (0..12).collect();
        let plan = world(&sorted).plan();
        prop_assert_eq!(&plan, &world(&order).plan());
        let place = |address| plan.changes.iter().position(|planned| planned.address == address);
        for (index, planned) in plan.changes.iter().enumerate() {
            for before in &planned.after {
                prop_assert!(place(before.clone()).is_some_and(|at| at < index));
            }
        }
        let gone = world(&sorted).ask(Purpose::Destroy).unwrap();
        prop_assert_eq!(gone.changes.len(), stand.iter().filter(|stands| **stands).count());
    }

    #[test]
    fn nothing_makes_a_comparison_panic(wanted in properties(), applied in properties(), live in properties()) {
        let mut world = World::default();
        world.want("a/s/b", "bucket", wanted).have("a/s/b", "bucket", applied, live);
        let _ = world.ask(Purpose::Deploy);
        world.entries.remove(&at("a/s/b"));
        let _ = world.ask(Purpose::Deploy);
    }
}

#[test]
fn a_thousand_resources_are_planned_quickly() {
    let mut world = World::default();
    for index in 0..1000 {
        let address = format!("a/s/r{index}");
        let set = json!({
            "Name": address, "Tags": [{ "K": "a" }, { "K": "b" }], "Versioning": { "Status": "Enabled" }, "Days": 30,
            "Of": if index == 0 { json!("x") } else { json!(format!("${{a/s/r{}.Arn}}", index - 1)) },
        });
        let mut told = set.clone();
        told["Of"] = if index == 0 { json!("x") } else { json!(format!("arn:{}", index - 1)) };
        let applied = told.clone();
        told["Arn"] = json!(format!("arn:{index}"));
        world.want(&address, "bucket", set).have(&address, "bucket", applied, told);
    }
    let begin = std::time::Instant::now();
    let plan = world.plan();
    println!("1000 resources without a change: {:?}", begin.elapsed());
    assert_eq!((plan.changes.len(), plan.unchanged), (0, 1000));
    world.entries.clear();
    world.seen.resources.clear();
    let begin = std::time::Instant::now();
    let plan = world.plan();
    println!("1000 resources to make: {:?}", begin.elapsed());
    assert_eq!(plan.changes.len(), 1000);
}
