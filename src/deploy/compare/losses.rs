//! Changes in place that lose data: a retention that falls, an expiry that comes sooner.

use serde_json::Value;

use super::shape::{Shape, all_at, is_any, touches};
use crate::cloud::{control::Change, rules::TypeRules};

/// What a change in place would lose, in words; empty: nothing.
pub(super) fn of_update(rules: &TypeRules, shape: &Shape, changes: &[Change], live: &Value, wanted: &Value) -> String {
    let paths: Vec<Vec<String>> = changes.iter().map(|change| steps(&change.pointer)).collect();
    let mut lost = Vec::new();
    for (patterns, falls) in [(&shape.shrinks, shrinks as Falls), (&shape.expires, comes_sooner as Falls)] {
        for pattern in patterns {
            // The whole of both sides: whether an age is one at which data goes may stand beside it.
            if paths.iter().any(|path| touches(pattern, path, &|_| true))
                && falls(&all_at(Some(live), pattern), &all_at(Some(wanted), pattern))
            {
                lost.push(property(pattern));
            }
        }
    }
    lost.sort();
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
    let ages = |values: &[&Value]| {
        let mut ages: Vec<f64> = values.iter().filter_map(|value| amount(value)).collect();
        ages.sort_by(f64::total_cmp);
        ages
    };
    let (from, to) = (ages(from), ages(to));
    // Their order means nothing: one more is one that was set, and one fewer leaves the others as they were.
    if to.len() > from.len() { true } else { from.iter().rev().zip(to.iter().rev()).any(|(from, to)| to < from) }
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
    pattern.iter().filter(|step| !is_any(step)).map(String::as_str).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{cloud::rules::Rules, project::Provider};

    /// A whole whose value at the steps is `value`.
    fn whole(steps: &[String], value: Value) -> Value {
        match steps.split_first() {
            None => value,
            Some((first, rest)) if first == "0" => json!([whole(rest, value)]),
            Some((first, rest)) => json!({ first: whole(rest, value) }),
        }
    }

    fn lost(rules: &TypeRules, pointer: &str, from: &Value, to: &Value) -> String {
        let some = |value: &Value| (!value.is_null()).then(|| value.clone());
        let change = Change { pointer: pointer.to_owned(), from: some(from), to: some(to) };
        let (live, wanted) = (whole(&steps(pointer), from.clone()), whole(&steps(pointer), to.clone()));
        of_update(rules, &Shape::of(rules), &[change], &live, &wanted)
    }

    #[test]
    fn less_that_is_kept_is_a_loss_and_more_is_none() {
        let rules = TypeRules {
            holds: "pictures".to_owned(),
            shrinks: vec!["/Versioning/Status".to_owned(), "/Backup/Days".to_owned()],
            expires: vec!["/Rules/*[Do.What=Delete]/Days".to_owned(), "/Plain/*/Days".to_owned()],
            ..TypeRules::default()
        };
        let delete = |days: u32| json!({ "Do": { "What": "delete" }, "Days": days });
        let colder = |days: u32| json!({ "Do": { "What": "Colder" }, "Days": days });
        for (pointer, from, to, loses) in [
            ("/Versioning/Status", json!("Enabled"), json!("Suspended"), true),
            ("/Versioning/Status", json!("Suspended"), json!("Enabled"), false),
            ("/Versioning", json!({ "Status": "Enabled" }), json!(null), true),
            ("/Versioning", json!(null), json!({ "Status": "Enabled" }), false),
            ("/Backup/Days", json!(30), json!(7), true),
            ("/Backup/Days", json!("P30D"), json!("P35D"), false),
            ("/Backup/Days", json!(30), json!(null), true),
            ("/Plain", json!(null), json!([{ "Days": 90 }]), true),
            ("/Plain", json!([{ "Days": 90 }]), json!([{ "Days": 365 }]), false),
            ("/Plain/0/Days", json!(365), json!(90), true),
            ("/Plain", json!([{ "Days": 90 }]), json!(null), false),
            ("/Plain", json!([{ "Days": 7 }, { "Days": 365 }]), json!([{ "Days": 365 }, { "Days": 7 }]), false),
            ("/Plain", json!([{ "Days": 7 }, { "Days": 365 }]), json!([{ "Days": 7 }, { "Days": 90 }]), true),
            ("/Rules", json!([colder(365)]), json!([colder(30)]), false),
            ("/Rules", json!([colder(30), delete(365)]), json!([colder(30), delete(90)]), true),
            ("/Rules", json!([colder(30)]), json!([delete(30)]), true),
            ("/Rules", json!([delete(30)]), json!([colder(7)]), false),
            ("/Other", json!(9), json!(1), false),
        ] {
            assert_eq!(!lost(&rules, pointer, &from, &to).is_empty(), loses, "{pointer}: {from} -> {to}");
        }
        assert_eq!(
            lost(&rules, "/Backup/Days", &json!(30), &json!(7)),
            "a part of pictures: Backup.Days would keep less"
        );
    }

    #[test]
    fn what_the_stacks_set_about_keeping_is_known_in_every_cloud() {
        let of = |provider, kind: &str, pointer: &str, from: Value, to: Value, loses: bool| {
            let rules = Rules::of(provider).get(kind).unwrap_or_else(|| panic!("{kind}"));
            for (from, to, loses) in [(&from, &to, loses), (&to, &from, false)] {
                assert_eq!(!lost(rules, pointer, from, to).is_empty(), loses, "{kind}{pointer}: {from} -> {to}");
            }
        };
        let (aws, azure, gcp) = (Provider::Aws, Provider::Azure, Provider::Gcp);
        let bucket = "AWS::S3::Bucket";
        of(aws, bucket, "/ObjectLockConfiguration/Rule/DefaultRetention/Days", json!(30), json!(7), true);
        of(aws, bucket, "/VersioningConfiguration/Status", json!("Enabled"), json!("Suspended"), true);
        let rules = |days: u32| json!([{ "Status": "Enabled", "ExpirationInDays": days, "Transitions": [] }]);
        of(aws, bucket, "/LifecycleConfiguration/Rules", rules(365), rules(90), true);
        let colder = |days: u32| json!([{ "Status": "Enabled", "Transitions": [{ "TransitionInDays": days }] }]);
        of(aws, bucket, "/LifecycleConfiguration/Rules", colder(90), colder(30), false);
        let old =
            |days: u32| json!([{ "Status": "Enabled", "NoncurrentVersionExpiration": { "NoncurrentDays": days } }]);
        of(aws, bucket, "/LifecycleConfiguration/Rules", old(30), old(7), true);
        of(aws, "AWS::RDS::DBInstance", "/BackupRetentionPeriod", json!(30), json!(7), true);
        of(aws, "AWS::Logs::LogGroup", "/RetentionInDays", json!(30), json!(7), true);
        let blobs = "Microsoft.Storage/storageAccounts/blobServices";
        of(azure, blobs, "/properties/isVersioningEnabled", json!(true), json!(false), true);
        of(azure, blobs, "/properties/deleteRetentionPolicy/days", json!(30), json!(7), true);
        let lock = format!("{blobs}/containers/immutabilityPolicies");
        of(azure, &lock, "/properties/immutabilityPeriodSinceCreationInDays", json!(35), json!(7), true);
        let rule = |act: &str, days: u32| json!([{ "definition": { "actions": { "version": { act: { "daysAfterCreationGreaterThan": days } } } } }]);
        let lifecycle = "Microsoft.Storage/storageAccounts/managementPolicies";
        of(azure, lifecycle, "/properties/policy/rules", rule("delete", 90), rule("delete", 30), true);
        of(azure, lifecycle, "/properties/policy/rules", rule("tierToCool", 90), rule("tierToCool", 30), false);
        let server = "Microsoft.DBforPostgreSQL/flexibleServers";
        of(azure, server, "/properties/backup/backupRetentionDays", json!(30), json!(7), true);
        let bucket = "storage.buckets";
        of(gcp, bucket, "/versioning/enabled", json!(true), json!(false), true);
        of(gcp, bucket, "/retentionPolicy/retentionPeriod", json!("2592000"), json!("86400"), true);
        of(gcp, bucket, "/softDeletePolicy/retentionDurationSeconds", json!("604800"), json!("0"), true);
        let rule = |act: &str, age: u32| json!([{ "action": { "type": act }, "condition": { "age": age } }]);
        of(gcp, bucket, "/lifecycle/rule", rule("Delete", 365), rule("Delete", 90), true);
        of(gcp, bucket, "/lifecycle/rule", rule("SetStorageClass", 365), rule("SetStorageClass", 90), false);
        let backup = "/settings/backupConfiguration";
        let kept = format!("{backup}/backupRetentionSettings/retainedBackups");
        of(gcp, "sqladmin.instances", &kept, json!(30), json!(7), true);
        let logs = format!("{backup}/pointInTimeRecoveryEnabled");
        of(gcp, "sqladmin.instances", &logs, json!(true), json!(false), true);
        of(Provider::Custom, "custom.bucket", "/Retention/Days", json!(30), json!(7), true);
        let rules = |days: u32| json!([{ "Id": "x", "ExpireDays": days }]);
        of(Provider::Custom, "custom.bucket", "/Lifecycle", rules(365), rules(90), true);
    }
}
