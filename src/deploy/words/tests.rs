use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::{
    cloud::control::Change,
    deploy::{
        consent::{self, Consent},
        plan::Drifted,
    },
};

fn planned(address: &str, action: Action) -> Planned {
    Planned {
        address: address.parse().unwrap(),
        kind: "T".to_owned(),
        region: "eu-central-1".to_owned(),
        words: "bucket".to_owned(),
        action,
        wanted: Value::Null,
        template: Value::Null,
        after: BTreeSet::new(),
        needs: BTreeSet::new(),
        loses: String::new(),
        minutes: [1.0, 2.0],
        usd_month: [1.0, 2.5],
    }
}

fn change(pointer: &str, from: Value, to: Value) -> Change {
    let some = |value: Value| (!value.is_null()).then_some(value);
    Change { pointer: pointer.to_owned(), from: some(from), to: some(to) }
}

fn plan(changes: Vec<Planned>) -> Plan {
    Plan {
        v: 1,
        project: "reserve".to_owned(),
        environment: "default".to_owned(),
        made_ms: 0,
        state_serial: 1,
        state_digest: String::new(),
        without: BTreeSet::new(),
        changes,
        unchanged: 7,
        drifted: Vec::new(),
        notes: Vec::new(),
    }
}

fn everything() -> Plan {
    let mut gone = planned("aws/storage/old", Action::Delete);
    gone.loses = "pictures".to_owned();
    gone.usd_month = [-9.0, -8.0];
    let changes = vec![
        change("/Name", json!("old"), json!("new")),
        change("/Key", json!("arn:old"), json!({ "$unknown": "aws/storage/key.Arn" })),
    ];
    let mut replaced = planned("aws/database/server", Action::Replace { changes, create_first: false });
    replaced.after.insert("aws/storage/key".parse().unwrap());
    replaced.loses = "the database".to_owned();
    replaced.minutes = [10.0, 30.0];
    let changes = vec![
        change("/Days", json!(30), json!(7)),
        change("/Tags", json!([{ "K": "a" }]), json!([{ "K": "a" }, { "K": { "$secret": "env:X", "hash": "h" } }])),
        change("/Auth/Password", json!("[secret]"), json!("[secret]")),
        change("/Policy/a~1b", json!(null), json!("x".repeat(500))),
        change("/On", json!("true"), json!(true)),
    ];
    let mut all = plan(vec![
        planned("aws/storage/key", Action::Create),
        replaced,
        planned("aws/storage/pictures", Action::Update { changes }),
        planned("gcp/storage/pictures", Action::Adopt { id: "b-1".to_owned(), changes: Vec::new() }),
        planned("gcp/storage/begun", Action::Resume),
        planned("gcp/storage/gone", Action::Forget),
        gone,
    ]);
    all.notes.push("aws/gateway is left out".to_owned());
    all.drifted.push(Drifted {
        address: "aws/storage/pictures".parse().unwrap(),
        words: "bucket".to_owned(),
        gone: false,
        changes: vec![change("/Days", json!(30), json!(90))],
    });
    all
}

#[test]
fn the_worst_comes_first_in_plain_words() {
    insta::assert_snapshot!(text(&everything(), 100), @r#"
    Data that would be lost
      aws/database/server: the database (bucket)
      aws/storage/old: pictures (bucket)

    Destroyed
      aws/storage/old: bucket in eu-central-1

    Replaced: a new one takes the place of the old
      aws/database/server: bucket in eu-central-1; the old one goes first
          Name: old -> new
          Key: arn:old -> known when aws/storage/key is done

    Changed in place
      aws/storage/pictures: bucket in eu-central-1
          Days: 30 -> 7
          Tags: [{"K":"a"}] -> [{"K":"a"},{"K":"[secret]"}]
          Auth.Password: another secret
          Policy.a/b: not set -> xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
          On: "true" -> true

    Added
      aws/storage/key: bucket in eu-central-1

    Followed to the end: begun by an earlier run
      gcp/storage/begun: bucket in eu-central-1

    Taken over: it exists already
      gcp/storage/pictures: bucket in eu-central-1 `b-1`

    Forgotten: it is gone already
      gcp/storage/gone: bucket in eu-central-1

    Changed by somebody else since it was last set
      aws/storage/pictures: bucket
          Days: 90 -> 30

    Notes
      aws/gateway is left out

    1 destroyed, 1 replaced, 1 changed, 1 added, 1 followed to the end, 1 taken over, 1 forgotten, 7 unchanged.
    Usual time: 11 to 32 minutes.
    Between $3.00 a month less and $7.00 more (estimate, list prices, before tax, 2026-06).
    "#);
}

#[test]
fn nothing_to_do_is_one_line() {
    assert_eq!(text(&plan(Vec::new()), 80), "Nothing to do: 7 unchanged.\n");
}

#[test]
fn a_comment_folds_its_details_and_can_be_found_again() {
    insta::assert_snapshot!(markdown(&everything()), @r#"
    <!-- wildcam plan reserve default -->
    ### wildcam plan: reserve (default)

    1 destroyed, 1 replaced, 1 changed, 1 added, 1 followed to the end, 1 taken over, 1 forgotten, 7 unchanged.  
    Usual time: 11 to 32 minutes.  
    Between &#36;3.00 a month less and &#36;7.00 more (estimate, list prices, before tax, 2026-06).  

    #### Data that would be lost

    - <code>aws/database/server</code>: **the database** (bucket in eu-central-1; the old one goes first)
    - <code>aws/storage/old</code>: **pictures** (bucket in eu-central-1)

    <details><summary>Destroyed (1)</summary>

    - <code>aws/storage/old</code>: bucket in eu-central-1

    </details>

    <details><summary>Replaced: a new one takes the place of the old (1)</summary>

    - <code>aws/database/server</code>: bucket in eu-central-1; the old one goes first
      - <code>Name: old -&#62; new</code>
      - <code>Key: arn:old -&#62; known when aws/storage/key is done</code>

    </details>

    <details><summary>Changed in place (1)</summary>

    - <code>aws/storage/pictures</code>: bucket in eu-central-1
      - <code>Days: 30 -&#62; 7</code>
      - <code>Tags: &#91;{&#34;K&#34;:&#34;a&#34;}&#93; -&#62; &#91;{&#34;K&#34;:&#34;a&#34;},{&#34;K&#34;:&#34;&#91;secret&#93;&#34;}&#93;</code>
      - <code>Auth.Password: another secret</code>
      - <code>Policy.a/b: not set -&#62; xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...</code>
      - <code>On: &#34;true&#34; -&#62; true</code>

    </details>

    <details><summary>Added (1)</summary>

    - <code>aws/storage/key</code>: bucket in eu-central-1

    </details>

    <details><summary>Followed to the end: begun by an earlier run (1)</summary>

    - <code>gcp/storage/begun</code>: bucket in eu-central-1

    </details>

    <details><summary>Taken over: it exists already (1)</summary>

    - <code>gcp/storage/pictures</code>: bucket in eu-central-1 &#96;b-1&#96;

    </details>

    <details><summary>Forgotten: it is gone already (1)</summary>

    - <code>gcp/storage/gone</code>: bucket in eu-central-1

    </details>

    <details><summary>Changed by somebody else since it was last set (1)</summary>

    - <code>aws/storage/pictures</code>: bucket
      - <code>Days: 90 -&#62; 30</code>

    </details>

    #### Notes

    - aws/gateway is left out
    "#);
}

#[test]
fn values_mean_nothing_to_markdown() {
    let value = json!("</code><img src=x> `a` | @everyone #1 **b** $x$ https://x \u{202e}");
    let changes = vec![change("/X", json!(null), value)];
    let shown = markdown(&plan(vec![planned("a/s/b", Action::Update { changes })]));
    let line = shown.lines().find(|line| line.contains("X: not set")).unwrap();
    assert_eq!(
        line,
        "  - <code>X: not set -&#62; &#60;/code&#62;&#60;img src=x&#62; &#96;a&#96; &#124; &#64;everyone &#35;1 \
         &#42;&#42;b&#42;&#42; &#36;x&#36; https&#58;//x &#92;u{202e}</code>"
    );
    let mut named = plan(Vec::new());
    named.project = "x --> <b>".to_owned();
    assert!(markdown(&named).starts_with("<!-- wildcam plan x-b default -->\n"));
}

#[test]
fn a_long_plan_fits_into_a_comment_and_says_what_was_cut() {
    let mut many: Vec<Planned> = (0..3000).map(|n| planned(&format!("aws/s/r{n}"), Action::Create)).collect();
    many[2999].loses = "pictures".to_owned();
    let changes: Vec<Change> = (0..900).map(|n| change(&format!("/P{n}"), json!("<".repeat(200)), json!(n))).collect();
    many.push(planned("aws/s/large", Action::Update { changes }));
    let shown = markdown(&plan(many));
    assert!(shown.chars().count() < 60_000, "{}", shown.len());
    assert!(shown.contains("more did not fit into a comment") && shown.contains("**pictures**"));
    assert_eq!(shown.matches("<details>").count(), shown.matches("</details>").count());
}

#[test]
fn time_is_that_of_the_longest_way() {
    let mut all = plan(vec![
        planned("a/s/a", Action::Create),
        planned("a/s/b", Action::Create),
        planned("a/s/c", Action::Create),
    ]);
    assert_eq!(duration(&all), [1.0, 2.0]);
    all.changes[2].after.insert("a/s/a".parse().unwrap());
    all.changes[2].minutes = [5.0, 20.0];
    assert_eq!(duration(&all), [6.0, 22.0]);
    for (given, expected) in [
        ([0.1, 0.6], "less than a minute"),
        ([0.0, 12.3], "up to 13 minutes"),
        ([6.0, 22.0], "6 to 22 minutes"),
        ([2.0, 2.0], "up to 2 minutes"),
    ] {
        assert_eq!(minutes(given), expected);
    }
    for (given, expected) in [
        ([0.0, 0.0], "The month's bill stays as it is"),
        ([1.0, 2.5], "$1.00 to $2.50 a month more"),
        ([-2.5, -1.0], "$1.00 to $2.50 a month less"),
        ([-1.0, 2.0], "Between $1.00 a month less and $2.00 more"),
        ([3.0, 3.0], "$3.00 a month more"),
    ] {
        assert_eq!(dollars(given), expected);
    }
}

#[test]
fn consent_names_each_loss_of_data_and_everything_else_that_goes() {
    let mut all = everything();
    all.changes.push(planned("aws/dns/zone", Action::Delete));
    let none = Consent::default();
    let refused = consent::check(&all, &none).unwrap_err();
    insta::assert_snapshot!(refused.to_string(), @r#"
    this destroys what nobody has agreed to lose
      aws/database/server: the database would be lost
      aws/storage/old: pictures would be lost
      aws/dns/zone would be destroyed
    "#);
    assert_eq!(
        refused.next_step(),
        "if all of this is meant, add: --allow-data-loss aws/database/server --allow-data-loss aws/storage/old \
         --allow-destroy aws/dns/zone"
    );
    assert!("aws/*/*".parse::<Address>().is_err(), "a selector consents to no loss of data");
    let selectors = Consent { destroy: vec!["*/*/*".parse().unwrap()], ..Consent::default() };
    let refused = consent::check(&all, &selectors).unwrap_err();
    assert_eq!((refused.data.len(), refused.others.len()), (2, 0));
    let named = Consent {
        data_loss: ["aws/storage/old", "aws/database/server"].map(|text| text.parse().unwrap()).into(),
        destroy: vec!["aws/dns/*".parse().unwrap()],
    };
    assert_eq!(consent::check(&all, &named), Ok(()));
}

proptest::proptest! {
    #[test]
    fn whatever_a_value_is_a_comment_stays_one(text in ".{0,300}") {
        let changes = vec![change("/X", json!(text.clone()), json!({ text.clone(): [text] }))];
        let shown = markdown(&plan(vec![planned("a/s/b", Action::Update { changes })]));
        proptest::prop_assert_eq!(shown.matches("</details>").count(), 1);
        proptest::prop_assert_eq!(shown.matches("<code>").count(), 2);
        proptest::prop_assert!(!shown.contains('`') && !shown.contains('@'));
    }
}
