//! Credentials, permissions, quotas and retirements, for people. Nothing is changed.

use serde_json::{Value, json};

use super::{
    call::{Form, Wire},
    ec2,
    endpoint::{IAM, QUOTAS},
};
use crate::{
    cloud::{
        control::{Failure, FailureKind, Finding, Severity},
        rules::Rules,
    },
    project::Provider,
};

/// What the stacks need to be allowed: one telling call of each service for making, changing and removing.
const ACTIONS: [&str; 46] = [
    "s3:CreateBucket",
    "s3:DeleteBucket",
    "s3:PutBucketTagging",
    "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutReplicationConfiguration",
    "s3:GetObject",
    "s3:PutObject",
    "iam:CreateRole",
    "iam:DeleteRole",
    "iam:PutRolePolicy",
    "iam:AttachRolePolicy",
    "iam:TagRole",
    "iam:PassRole",
    "iam:CreateOpenIDConnectProvider",
    "iam:CreateServiceLinkedRole",
    "ec2:CreateVpc",
    "ec2:DeleteVpc",
    "ec2:CreateSubnet",
    "ec2:CreateRoute",
    "ec2:CreateSecurityGroup",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateVpcEndpoint",
    "ec2:CreateTags",
    "route53:CreateHostedZone",
    "route53:ChangeResourceRecordSets",
    "cloudformation:CreateResource",
    "cloudformation:UpdateResource",
    "cloudformation:DeleteResource",
    "cloudformation:GetResourceRequestStatus",
    "cloudformation:ListResources",
    "kms:CreateKey",
    "kms:CreateAlias",
    "secretsmanager:CreateSecret",
    "rds:CreateDBInstance",
    "ecs:CreateService",
    "ecr:CreateRepository",
    "elasticloadbalancing:CreateLoadBalancer",
    "application-autoscaling:RegisterScalableTarget",
    "logs:CreateLogGroup",
    "cloudwatch:PutMetricAlarm",
    "budgets:ModifyBudget",
];

/// Quotas that a first deploy meets: the service's code, the quota's, its name, and the least that the stacks need.
const LIMITS: [(&str, &str, &str, f64); 3] = [
    ("vpc", "L-F678F1CE", "networks in a region", 1.0),
    ("fargate", "L-3032A538", "virtual processors of containers in a region", 2.0),
    ("rds", "L-7B6409FD", "database servers in a region", 1.0),
];

fn finding(severity: Severity, subject: impl Into<String>, message: impl Into<String>) -> Finding {
    Finding { severity, subject: subject.into(), message: message.into(), next_step: None }
}

fn from_failure(severity: Severity, subject: &str, failure: &Failure) -> Finding {
    Finding { next_step: failure.next_step.clone(), ..finding(severity, subject, failure.to_string()) }
}

/// See [`ControlPlane::check`](crate::cloud::control::ControlPlane::check).
pub(super) async fn run(wire: &Wire, regions: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let account = match wire.account().await {
        Ok(account) => account,
        Err(failure) => {
            findings.push(from_failure(Severity::Bad, "credentials", &failure));
            findings.extend(retirements(wire));
            return findings;
        }
    };
    match wire.guard().await {
        Ok(()) => {
            let message = format!("account {}, as {}", account.number, account.caller);
            findings.push(finding(Severity::Good, "credentials", message));
        }
        Err(failure) => findings.push(from_failure(Severity::Bad, "credentials", &failure)),
    }
    findings.extend(permissions(wire, &account.caller).await);
    for region in regions {
        findings.extend(quotas(wire, region).await);
    }
    findings.extend(retirements(wire));
    findings
}

/// The ARN whose policies are asked about: that of the role behind a session.
fn principal(caller: &str) -> Option<String> {
    let parts: Vec<&str> = caller.split(':').collect();
    let [arn, partition, service, _, account, rest] = parts.as_slice() else { return None };
    match (*service, rest.split('/').collect::<Vec<_>>().as_slice()) {
        ("sts", ["assumed-role", role, _]) => Some(format!("{arn}:{partition}:iam::{account}:role/{role}")),
        ("iam", [kind, ..]) if matches!(*kind, "user" | "role") => Some(caller.to_owned()),
        _ => None,
    }
}

async fn permissions(wire: &Wire, caller: &str) -> Vec<Finding> {
    let Some(principal) = principal(caller) else {
        let message = format!("{caller} is no user and no role: its permissions cannot be asked for");
        return vec![finding(Severity::Warning, "permissions", message)];
    };
    let form =
        ACTIONS.iter().enumerate().fold(Form::new().with("PolicySourceArn", principal), |form, (index, action)| {
            form.with(format!("ActionNames.member.{}", index + 1), *action)
        });
    let root = match wire.query(IAM, "global", "SimulatePrincipalPolicy", &form.with("MaxItems", "1000")).await {
        Ok(root) => root,
        Err(failure) => {
            let message = format!("they could not be judged: {failure}");
            let mut one = finding(Severity::Warning, "permissions", message);
            if failure.kind == FailureKind::Denied {
                one.next_step = Some("allow iam:SimulatePrincipalPolicy to have them checked".to_owned());
            }
            return vec![one];
        }
    };
    let mut findings = Vec::new();
    let mut allowed = 0_usize;
    for result in root.items("SimulatePrincipalPolicyResult/EvaluationResults", "member") {
        let action = result.text_at("EvalActionName").unwrap_or_default();
        if result.text_at("EvalDecision") == Some("allowed") {
            allowed += 1;
        } else {
            // A permission may be given for some resources only, which this question does not see.
            let message = "not allowed for every resource: a stack that needs it may fail";
            findings.push(finding(Severity::Warning, format!("permission {action}"), message));
        }
    }
    findings.push(finding(Severity::Good, "permissions", format!("{allowed} of {} are allowed", ACTIONS.len())));
    findings
}

async fn quotas(wire: &Wire, region: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (service, code, words, least) in LIMITS {
        let subject = format!("quota {service} {code} in {region}");
        let body = json!({ "ServiceCode": service, "QuotaCode": code });
        let answer = wire.json(QUOTAS, region, ("ServiceQuotasV20190624", "1.1"), "GetServiceQuota", &body).await;
        let limit = match answer {
            Ok(answer) => answer.pointer("/Quota/Value").and_then(Value::as_f64),
            Err(failure) => {
                findings.push(finding(Severity::Warning, subject, format!("{words}: could not be read: {failure}")));
                continue;
            }
        };
        let Some(limit) = limit else {
            findings.push(finding(Severity::Warning, subject, format!("{words}: the answer holds no number")));
            continue;
        };
        let used = if service == "vpc" { ec2::count_vpcs(wire, region).await.ok() } else { None };
        findings.push(judge(subject, words, limit, used, least));
    }
    findings
}

#[expect(clippy::cast_precision_loss, reason = "an account has fewer networks than 2^53")]
fn judge(subject: String, words: &str, limit: f64, used: Option<usize>, least: f64) -> Finding {
    let left = used.map_or(limit, |used| limit - used as f64);
    let count = used.map_or_else(String::new, |used| format!(", {used} in use"));
    let severity = if left < least { Severity::Warning } else { Severity::Good };
    let mut one = finding(severity, subject, format!("{words}: {limit}{count}"));
    if severity != Severity::Good {
        one.message.push_str("; a deploy that adds one would be refused");
        one.next_step = Some("ask for more under Service Quotas in the AWS console".to_owned());
    }
    one
}

/// Types that the provider will retire.
fn retirements(wire: &Wire) -> Vec<Finding> {
    let today = wire.clock.timestamp().to_string();
    let one = |(kind, rules): (&String, &crate::cloud::rules::TypeRules)| {
        if rules.retires.is_empty() {
            return None;
        }
        let over = rules.retires.as_str() <= today.get(..10).unwrap_or_default();
        let severity = if over { Severity::Bad } else { Severity::Warning };
        Some(finding(severity, format!("retirement {kind}"), format!("AWS retires it on {}", rules.retires)))
    };
    Rules::of(Provider::Aws).types.iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_judged_by_its_role() {
        assert_eq!(
            principal("arn:aws:sts::123456789012:assumed-role/ci/session").as_deref(),
            Some("arn:aws:iam::123456789012:role/ci")
        );
        assert_eq!(principal("arn:aws:iam::123456789012:root"), None);
        assert_eq!(principal("arn:aws:iam::1:user/team/ada").as_deref(), Some("arn:aws:iam::1:user/team/ada"));
    }

    #[test]
    fn a_quota_that_is_used_up_is_said() {
        let used_up = judge("q".to_owned(), "networks", 5.0, Some(5), 1.0);
        assert_eq!(used_up.severity, Severity::Warning);
        assert!(used_up.message.contains("5 in use"), "{used_up:?}");
        assert_eq!(judge("q".to_owned(), "networks", 5.0, Some(2), 1.0).severity, Severity::Good);
    }
}
