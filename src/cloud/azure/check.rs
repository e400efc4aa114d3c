//! What `wildcam doctor --cloud` asks of Azure. Nothing is changed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Azure, body, special};
use crate::{
    cloud::{
        control::{Failure, Finding, Severity},
        rules::Rules,
    },
    project::Provider,
};

/// The api-version of subscriptions and permissions.
const SUBSCRIPTIONS_API: &str = "2022-12-01";
const PERMISSIONS_API: &str = "2022-04-01";

/// From here on a quota is nearly used.
const NEARLY: f64 = 0.8;

/// A retirement is told of this many days before.
const NOTICE_DAYS: i64 = 365;

/// Where each service tells what of it is used in a region, and the part of its names that concern us.
const USAGES: [(&str, &str, &str); 3] = [
    ("Microsoft.Storage", "usages", "Microsoft.Storage/storageAccounts"),
    ("Microsoft.App", "usages", "Microsoft.App/managedEnvironments"),
    ("Microsoft.DBforPostgreSQL", "resourceType/flexibleServers/usages", "Microsoft.DBforPostgreSQL/flexibleServers"),
];

fn finding(severity: Severity, subject: impl Into<String>, message: impl Into<String>) -> Finding {
    Finding { severity, subject: subject.into(), message: message.into(), next_step: None }
}

fn failed(subject: impl Into<String>, failure: Failure) -> Finding {
    let message = failure.to_string();
    Finding { severity: Severity::Bad, subject: subject.into(), message, next_step: failure.next_step }
}

impl Azure {
    pub(super) async fn examine(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let at = format!("/subscriptions/{}", self.arm.subscription);
        match self.arm.get_json("GET subscription", self.arm.at(&at, SUBSCRIPTIONS_API)).await {
            Ok(told) => {
                let text = |key: &str| told.get(key).and_then(Value::as_str).unwrap_or("unknown");
                let (name, state) = (text("displayName"), text("state"));
                let severity = if state == "Enabled" { Severity::Good } else { Severity::Bad };
                let message = format!("the subscription `{name}` answers; its state is {state}");
                findings.push(finding(severity, "credentials", message));
            }
            Err(failure) => {
                findings.push(failed("credentials", failure));
                // Nothing else would answer.
                return findings;
            }
        }
        findings.extend(self.permissions(&at).await);
        findings.extend(self.providers(&at).await);
        findings.extend(self.quotas(&at).await);
        findings.extend(retirements(self.clock.timestamp()));
        findings
    }

    async fn permissions(&self, at: &str) -> Vec<Finding> {
        let call = "GET permissions";
        let url = self.arm.at(&format!("{at}/providers/Microsoft.Authorization/permissions"), PERMISSIONS_API);
        let told = match self.arm.pages(call, url).await {
            Ok(told) => told,
            Err(failure) => return vec![failed("permissions", failure)],
        };
        let kinds = Rules::of(Provider::Azure).types.keys();
        let needed = kinds.map(|kind| action_of(kind));
        let missing: Vec<String> = needed.filter(|action| !allows(&told, action)).collect();
        if missing.is_empty() {
            return vec![finding(Severity::Good, "permissions", "everything that the stacks make may be made")];
        }
        let lines = missing.into_iter().map(|action| {
            let mut line = finding(Severity::Bad, format!("permission {action}"), "it is not given");
            line.next_step = Some(format!(
                "az role assignment create --assignee WHO --scope {at} --role {}",
                if action.starts_with("Microsoft.Authorization") {
                    "\"Role Based Access Control Administrator\""
                } else {
                    "Contributor"
                }
            ));
            line
        });
        lines.collect()
    }

    /// Whether the subscription uses each provider, and whether the regions offer its types.
    async fn providers(&self, at: &str) -> Vec<Finding> {
        let mut by_namespace: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for kind in Rules::of(Provider::Azure).types.keys() {
            if let Some((namespace, types)) = kind.split_once('/') {
                by_namespace.entry(namespace).or_default().insert(types);
            }
        }
        let mut findings = Vec::new();
        for (namespace, types) in by_namespace {
            let subject = format!("provider {namespace}");
            let url = self.arm.at(&format!("{at}/providers/{namespace}"), special::PROVIDERS_API);
            let told = match self.arm.get_json(&format!("GET {subject}"), url).await {
                Ok(told) => told,
                Err(failure) => {
                    findings.push(failed(subject, failure));
                    continue;
                }
            };
            let state = told.get("registrationState").and_then(Value::as_str).unwrap_or("unknown");
            if state.eq_ignore_ascii_case("Registered") {
                findings.push(finding(Severity::Good, subject, "the subscription uses it"));
            } else {
                let message = format!("the subscription does not use it yet ({state}); the first deploy registers it");
                let mut line = finding(Severity::Warning, subject, message);
                line.next_step = Some(format!("az provider register --namespace {namespace}"));
                findings.push(line);
            }
            findings.extend(self.offered(namespace, &types, &told));
        }
        findings
    }

    fn offered(&self, namespace: &str, types: &BTreeSet<&str>, told: &Value) -> Vec<Finding> {
        let mut findings = Vec::new();
        let entries = told.get("resourceTypes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for entry in entries {
            let name = entry.get("resourceType").and_then(Value::as_str).unwrap_or_default();
            if !types.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                continue;
            }
            let locations = entry.get("locations").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let offered: Vec<String> = locations.iter().filter_map(Value::as_str).map(body::region).collect();
            // A type without regions is worldwide.
            if offered.is_empty() || offered.iter().any(|region| region == "global") {
                continue;
            }
            for region in &self.regions {
                if !offered.contains(&body::region(region)) {
                    let subject = format!("region {region}");
                    let mut line = finding(Severity::Bad, subject, format!("it does not offer {namespace}/{name}"));
                    line.next_step = Some(format!("choose another, such as {}", offered[0]));
                    findings.push(line);
                }
            }
        }
        findings
    }

    async fn quotas(&self, at: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        for region in &self.regions {
            for (namespace, path, kind) in USAGES {
                let Some(rules) = Rules::of(Provider::Azure).get(kind) else { continue };
                let subject = format!("quota {namespace} {region}");
                let url =
                    self.arm.at(&format!("{at}/providers/{namespace}/locations/{region}/{path}"), &rules.api_version);
                match self.arm.pages(&format!("GET {subject}"), url).await {
                    Ok(told) => findings.extend(told.iter().filter_map(|line| quota(&subject, line))),
                    // Not every service tells this in every region: it is no obstacle.
                    Err(failure) => {
                        let message = format!("what is used is not told: {failure}");
                        findings.push(finding(Severity::Warning, subject, message));
                    }
                }
            }
        }
        findings
    }
}

fn quota(subject: &str, told: &Value) -> Option<Finding> {
    let limit = told.get("limit").and_then(Value::as_f64).filter(|limit| *limit > 0.0)?;
    let used = told.get("currentValue").and_then(Value::as_f64)?;
    let name = told.pointer("/name/localizedValue").or_else(|| told.pointer("/name/value")).and_then(Value::as_str)?;
    let severity = if used >= limit {
        Severity::Bad
    } else if used >= NEARLY * limit {
        Severity::Warning
    } else {
        return None;
    };
    let mut line = finding(severity, subject, format!("{name}: {used} of {limit} are used"));
    line.next_step = Some("ask for more under Quotas in the Azure portal".to_owned());
    Some(line)
}

/// The permission that making a resource of a kind needs.
fn action_of(kind: &str) -> String {
    if kind == special::GROUP {
        "Microsoft.Resources/subscriptions/resourceGroups/write".to_owned()
    } else {
        format!("{kind}/write")
    }
}

/// Whether the roles together allow an action. Each role takes away only from itself.
fn allows(roles: &[Value], action: &str) -> bool {
    roles.iter().any(|role| {
        let any = |key: &str| {
            let patterns = role.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            patterns.iter().filter_map(Value::as_str).any(|pattern| fits(pattern, action))
        };
        any("actions") && !any("notActions")
    })
}

/// A pattern in which `*` stands for any letters; the case of letters means nothing.
fn fits(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = action.strip_prefix(first) else { return false };
    let mut last = first;
    let mut stars = 0;
    for part in parts {
        stars += 1;
        last = part;
        if part.is_empty() {
            continue;
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    if stars == 0 { rest.is_empty() } else { last.is_empty() || action.ends_with(last) }
}

/// The types whose end is announced.
fn retirements(now: jiff::Timestamp) -> Vec<Finding> {
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let types = Rules::of(Provider::Azure).types.iter().filter(|(_, rules)| !rules.retires.is_empty());
    let lines = types.filter_map(|(kind, rules)| {
        let date: jiff::civil::Date = rules.retires.parse().ok()?;
        let days = today.until((jiff::Unit::Day, date)).ok()?.get_days();
        let severity = match i64::from(days) {
            ..=0 => Severity::Bad,
            days if days <= NOTICE_DAYS => Severity::Warning,
            _ => Severity::Good,
        };
        Some(finding(severity, format!("retirement {kind}"), format!("Azure ends it on {date} ({})", rules.source)))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patterns_of_roles_are_read_as_azure_does() {
        for (pattern, action, expected) in [
            ("*", "Microsoft.Storage/storageAccounts/write", true),
            ("Microsoft.Storage/*", "microsoft.storage/storageaccounts/write", true),
            ("*/write", "Microsoft.Storage/storageAccounts/write", true),
            ("*/read", "Microsoft.Storage/storageAccounts/write", false),
            ("Microsoft.Authorization/*/Write", "Microsoft.Authorization/roleAssignments/write", true),
            ("Microsoft.Storage/storageAccounts", "Microsoft.Storage/storageAccounts/write", false),
        ] {
            assert_eq!(fits(pattern, action), expected, "{pattern} {action}");
        }
    }

    #[test]
    fn a_role_takes_away_only_from_itself() {
        let contributor = json!({ "actions": ["*"], "notActions": ["Microsoft.Authorization/*/Write"] });
        let administrator = json!({ "actions": ["Microsoft.Authorization/roleAssignments/write"], "notActions": [] });
        let action = "Microsoft.Authorization/roleAssignments/write";
        assert!(!allows(std::slice::from_ref(&contributor), action));
        assert!(allows(&[contributor, administrator], action));
    }

    #[test]
    fn only_quotas_that_matter_are_told() {
        let used = |used: u32| json!({ "limit": 10, "currentValue": used, "name": { "value": "accounts" } });
        assert_eq!(quota("q", &used(7)), None);
        assert_eq!(quota("q", &used(8)).unwrap().severity, Severity::Warning);
        assert_eq!(quota("q", &used(10)).unwrap().severity, Severity::Bad);
    }
}
