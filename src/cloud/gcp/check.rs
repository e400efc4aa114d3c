//! What stands in the way of a deploy, without changing anything: who we are, what we may do, which services are
//! enabled, how full the project is, and what Google will retire.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use super::{
    super::{
        control::{Failure, FailureKind, Finding, Severity},
        rules::Rules,
    },
    api::Ask,
    kind,
    plane::Gcp,
    service::Service,
    usage,
};
use crate::project::Provider;

/// What the stacks need to be allowed.
const PERMISSIONS: [&str; 32] = [
    "artifactregistry.repositories.create",
    "artifactregistry.repositories.setIamPolicy",
    "cloudkms.cryptoKeyVersions.destroy",
    "cloudkms.cryptoKeys.create",
    "cloudkms.cryptoKeys.setIamPolicy",
    "cloudkms.keyRings.create",
    "cloudsql.databases.create",
    "cloudsql.instances.create",
    "cloudsql.instances.delete",
    "cloudsql.users.create",
    "dns.managedZones.create",
    "iam.roles.create",
    "iam.serviceAccounts.actAs",
    "iam.serviceAccounts.create",
    "iam.serviceAccounts.setIamPolicy",
    "iam.workloadIdentityPools.create",
    "monitoring.alertPolicies.create",
    "monitoring.notificationChannels.create",
    "monitoring.uptimeCheckConfigs.create",
    "resourcemanager.projects.get",
    "resourcemanager.projects.getIamPolicy",
    "resourcemanager.projects.setIamPolicy",
    "run.services.create",
    "run.services.setIamPolicy",
    "secretmanager.secrets.create",
    "secretmanager.secrets.setIamPolicy",
    "secretmanager.versions.access",
    "secretmanager.versions.add",
    "serviceusage.services.enable",
    "serviceusage.services.get",
    "storage.buckets.create",
    "storage.buckets.setIamPolicy",
];

/// How many service accounts a project may have unless Google was asked for more.
const USUAL_ACCOUNTS: usize = 100;

/// How long before its retirement a type is worth a warning, in days.
const SOON_DAYS: i64 = 365;

fn finding(severity: Severity, subject: impl Into<String>, message: impl Into<String>) -> Finding {
    Finding { severity, subject: subject.into(), message: message.into(), next_step: None }
}

fn bad(subject: impl Into<String>, failure: &Failure) -> Finding {
    Finding { next_step: failure.next_step.clone(), ..finding(Severity::Bad, subject, failure.to_string()) }
}

pub(super) async fn check(gcp: &Gcp) -> Vec<Finding> {
    let mut found = Vec::new();
    let root = Service::ResourceManager.root();
    let path = format!("{root}/projects/{}", gcp.project);
    let project = Ask::new("cloudresourcemanager.projects.get", Service::ResourceManager, Method::GET, &path);
    match gcp.ask(&project).await {
        Ok(_) => found.push(finding(
            Severity::Good,
            "credentials",
            format!("{} sees the project {}", gcp.api.tokens.origin(), gcp.project),
        )),
        Err(failure) => {
            found.push(bad("credentials", &failure));
            if matches!(failure.kind, FailureKind::Credentials | FailureKind::Unreachable | FailureKind::Unavailable) {
                return found;
            }
        }
    }
    permissions(gcp, &path, &mut found).await;
    services(gcp, &mut found).await;
    accounts(gcp, &mut found).await;
    retirements(gcp, &mut found);
    found
}

async fn permissions(gcp: &Gcp, project: &str, found: &mut Vec<Finding>) {
    let call = "cloudresourcemanager.projects.testIamPermissions";
    let ask = Ask::new(call, Service::ResourceManager, Method::POST, format!("{project}:testIamPermissions"))
        .body(json!({ "permissions": PERMISSIONS }));
    let answer = match gcp.ask(&ask).await {
        Ok(answer) => answer,
        Err(failure) => return found.push(bad("permissions", &failure)),
    };
    let given = answer.get("permissions").and_then(Value::as_array).cloned().unwrap_or_default();
    let given: BTreeSet<&str> = given.iter().filter_map(Value::as_str).collect();
    for missing in PERMISSIONS.iter().filter(|permission| !given.contains(*permission)) {
        found.push(Finding {
            next_step: Some(format!(
                "gcloud projects add-iam-policy-binding {} with a role that has {missing}, for {}",
                gcp.project,
                gcp.api.tokens.origin()
            )),
            ..finding(Severity::Bad, format!("permission {missing}"), "these credentials do not have it")
        });
    }
    if given.len() == PERMISSIONS.len() {
        found.push(finding(Severity::Good, "permissions", format!("all {} that the stacks need", PERMISSIONS.len())));
    }
}

async fn services(gcp: &Gcp, found: &mut Vec<Finding>) {
    let needed: BTreeSet<&str> = kind::KINDS.iter().map(|kind| kind.service.word()).collect();
    // Billing is seen by the services of its account; Compute belongs to stacks that are not made yet.
    for word in needed.into_iter().filter(|word| *word != "compute") {
        let name = format!("{word}.googleapis.com");
        match gcp.ask(&usage::question(&gcp.project, &name)).await {
            Ok(answer) if usage::is_enabled(&answer) => {}
            Ok(_) => found.push(Finding {
                next_step: Some(format!("wildcam deploy enables it; or gcloud services enable {name}")),
                ..finding(Severity::Warning, format!("service {name}"), "it is not enabled in the project yet")
            }),
            Err(failure) => return found.push(bad("services", &failure)),
        }
    }
}

async fn accounts(gcp: &Gcp, found: &mut Vec<Finding>) {
    let Some(kind) = kind::of("iam.serviceAccounts") else { return };
    match gcp.all(kind, "global").await {
        Ok(list) => {
            let severity = if list.len() * 10 >= USUAL_ACCOUNTS * 9 { Severity::Warning } else { Severity::Good };
            let message = format!("{} of {USUAL_ACCOUNTS}, unless Google has granted more", list.len());
            found.push(finding(severity, "quota of service accounts", message));
        }
        Err(failure) => found.push(bad("quota of service accounts", &failure)),
    }
}

fn retirements(gcp: &Gcp, found: &mut Vec<Finding>) {
    for (kind, rules) in &Rules::of(Provider::Gcp).types {
        let Ok(date) = rules.retires.parse::<jiff::civil::Date>() else { continue };
        let today = gcp.clock.timestamp().to_zoned(jiff::tz::TimeZone::UTC).date();
        let days = today.until(date).map_or(i64::MAX, |span| i64::from(span.get_days()));
        if days <= SOON_DAYS {
            let message = format!("Google retires it on {date}");
            found.push(Finding {
                next_step: (!rules.source.is_empty()).then(|| rules.source.clone()),
                ..finding(Severity::Warning, format!("retirement {kind}"), message)
            });
        }
    }
}
