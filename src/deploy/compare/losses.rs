//! Changes in place that lose data: a retention that falls, an expiry that comes sooner.

use serde_json::Value;

use super::shape::{Shape, all_at, touches};
use crate::cloud::{control::Change, rules::TypeRules};

/// What a change in place would lose, in words; empty: nothing.
pub(super) fn of_update(rules: &TypeRules, shape: &Shape, changes: &[Change]) -> String {
    let mut lost = Vec::new();
    for change in changes {
        let path = steps(&change.pointer);
        let rest_of = |pattern: &[String]| -> Vec<String> { pattern.get(path.len()..).unwrap_or_default().to_vec() };
        for (patterns, falls) in [(&shape.shrinks, shrinks as Falls), (&shape.expires, comes_sooner as Falls)] {
            for pattern in patterns {
                let rest = rest_of(pattern);
                if touches(pattern, &path, &|_| true)
                    && falls(&all_at(change.from.as_ref(), &rest), &all_at(change.to.as_ref(), &rest))
                {
                    lost.push(property(pattern));
                }
            }
        }
    }
    lost.dedup();
    if lost.is_empty() {
        return String::new();
    }
    let what = if rules.holds.is_empty() { "what it keeps" } else { &rules.holds };
    format!("a part of {what}: {} would keep less", lost.join(", "))
}

type Falls = fn(&[&Value], &[&Value]) -> bool;

/// Whether an amount of what is kept falls or goes.
fn shrinks(from: &[&Value], to: &[&Value]) -> bool {
    let kept: Vec<&&Value> = from.iter().filter(|value| is_on(value)).collect();
    if kept.len() > to.iter().filter(|value| is_on(value)).count() {
        return true;
    }
    from.iter().zip(to).any(|(from, to)| match (amount(from), amount(to)) {
        (Some(from), Some(to)) => to < from,
        _ => is_on(from) && !is_on(to),
    })
}

/// Whether an age at which data is deleted is set, or becomes lower.
fn comes_sooner(from: &[&Value], to: &[&Value]) -> bool {
    let least = |values: &[&Value]| values.iter().filter_map(|value| amount(value)).reduce(f64::min);
    match (least(from), least(to)) {
        (Some(from), Some(to)) => to < from,
        (None, to) => to.is_some(),
        (Some(_), None) => false,
    }
}

/// A number, or the number that a text begins with, after the letters of a period: `30`, `30d`, `P30D`, `2592000s`.
fn amount(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => {
            let digits = text.trim_start_matches(['P', 'T']);
            let end = digits.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(digits.len());
            digits[..end].parse().ok()
        }
        _ => None,
    }
}

fn is_on(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => {
            !["disabled", "suspended", "off", "none", "false", ""].contains(&text.to_lowercase().as_str())
        }
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Bool(true) => true,
    }
}

/// The steps of a pointer.
pub(super) fn steps(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
}

fn property(pattern: &[String]) -> String {
    pattern.iter().filter(|step| *step != "*").map(String::as_str).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn less_that_is_kept_is_a_loss_and_more_is_none() {
        let rules = TypeRules {
            holds: "pictures".to_owned(),
            shrinks: vec!["/Versioning/Status".to_owned(), "/Backup/Days".to_owned()],
            expires: vec!["/Rules/*/Days".to_owned()],
            ..TypeRules::default()
        };
        let shape = Shape::of(&rules);
        let lost = |pointer: &str, from: Value, to: Value| {
            let some = |value: Value| (!value.is_null()).then_some(value);
            let change = Change { pointer: pointer.to_owned(), from: some(from), to: some(to) };
            of_update(&rules, &shape, &[change])
        };
        for (pointer, from, to, loses) in [
            ("/Versioning/Status", json!("Enabled"), json!("Suspended"), true),
            ("/Versioning/Status", json!("Suspended"), json!("Enabled"), false),
            ("/Versioning", json!({ "Status": "Enabled" }), json!(null), true),
            ("/Versioning", json!(null), json!({ "Status": "Enabled" }), false),
            ("/Backup/Days", json!(30), json!(7), true),
            ("/Backup/Days", json!("P30D"), json!("P35D"), false),
            ("/Backup/Days", json!(30), json!(null), true),
            ("/Rules", json!(null), json!([{ "Days": 90 }]), true),
            ("/Rules", json!([{ "Days": 90 }]), json!([{ "Days": 365 }]), false),
            ("/Rules/0/Days", json!(365), json!(90), true),
            ("/Rules", json!([{ "Days": 90 }]), json!(null), false),
            ("/Other", json!(9), json!(1), false),
        ] {
            assert_eq!(!lost(pointer, from.clone(), to.clone()).is_empty(), loses, "{pointer}: {from} -> {to}");
        }
        assert_eq!(lost("/Backup/Days", json!(30), json!(7)), "a part of pictures: Backup.Days would keep less");
    }
}
