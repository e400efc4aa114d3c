//! How the provider `google` of Terraform calls what Google's interfaces call otherwise. Everything that is not here has the
//! same name in other letters. Compared with the provider's schema of version 6.50.

/// What becomes of one property.
pub(super) enum Op {
    /// It has this name.
    Name(&'static str),
    /// What it holds stands one level higher.
    Flatten,
    /// Only one of the things that it holds is said, under this name.
    Only(&'static str, &'static str),
    /// The provider wants this attribute of the resource that it refers to, under this name.
    Short(&'static str, &'static str),
}

/// What names a resource in an import.
pub(super) enum Import {
    /// Its id.
    Id,
    /// Every second part of its id: `projects/p/services/s` is `p/s`.
    Values,
    /// Resource, role and member, with something before the resource.
    Member(&'static str),
}

/// One type.
pub(super) struct Type {
    kind: &'static str,
    /// The provider's name.
    pub(super) resource: &'static str,
    /// It is only looked up.
    pub(super) looked_up: bool,
    /// The attribute that holds the region.
    pub(super) place: Option<&'static str>,
    /// Names by key, or by the whole way to it where the key alone is not enough.
    pub(super) ops: &'static [(&'static str, Op)],
    /// Names of what others refer to.
    pub(super) told: &'static [(&'static str, &'static str)],
    /// What the provider wants besides.
    pub(super) fixed: &'static [(&'static str, &'static str)],
    pub(super) import: Import,
}

const fn named(kind: &'static str, resource: &'static str) -> Type {
    Type { kind, resource, looked_up: false, place: None, ops: &[], told: &[], fixed: &[], import: Import::Id }
}

const fn member(kind: &'static str, resource: &'static str, ops: &'static [(&'static str, Op)]) -> Type {
    Type { ops, import: Import::Member(""), ..named(kind, resource) }
}

const fn looked_up(kind: &'static str, resource: &'static str, told: &'static [(&'static str, &'static str)]) -> Type {
    Type { looked_up: true, told, ..named(kind, resource) }
}

/// The line of a type.
pub(super) fn of(kind: &str) -> Option<&'static Type> {
    TYPES.iter().find(|of| of.kind == kind)
}

static TYPES: [Type; 33] = [
    Type { place: Some("location"), ..named("artifactregistry.repositories", "google_artifact_registry_repository") },
    member(
        "artifactregistry.repositories.iamMembers",
        "google_artifact_registry_repository_iam_member",
        &[("resource", Op::Name("repository"))],
    ),
    Type {
        ops: &[("parent", Op::Name("billing_account")), ("notificationsRule", Op::Name("all_updates_rule"))],
        ..named("billingbudgets.budgets", "google_billing_budget")
    },
    looked_up("cloudbilling.projects.billingInfo", "google_project", &[("billingAccountName", "billing_account")]),
    Type {
        ops: &[("parent", Op::Name("key_ring")), ("cryptoKeyId", Op::Name("name"))],
        ..named("cloudkms.cryptoKeys", "google_kms_crypto_key")
    },
    member(
        "cloudkms.cryptoKeys.iamMembers",
        "google_kms_crypto_key_iam_member",
        &[("resource", Op::Name("crypto_key_id"))],
    ),
    Type {
        place: Some("location"),
        ops: &[("keyRingId", Op::Name("name"))],
        ..named("cloudkms.keyRings", "google_kms_key_ring")
    },
    looked_up("cloudresourcemanager.projects", "google_project", &[("projectNumber", "number")]),
    member(
        "cloudresourcemanager.projects.iamMembers",
        "google_project_iam_member",
        &[("resource", Op::Name("project"))],
    ),
    named("compute.networks", "google_compute_network"),
    Type { place: Some("region"), ..named("compute.subnetworks", "google_compute_subnetwork") },
    named("dns.managedZones", "google_dns_managed_zone"),
    named("dns.resourceRecordSets", "google_dns_record_set"),
    Type {
        ops: &[("role", Op::Flatten), ("includedPermissions", Op::Name("permissions"))],
        ..named("iam.roles", "google_project_iam_custom_role")
    },
    Type { ops: &[("serviceAccount", Op::Flatten)], ..named("iam.serviceAccounts", "google_service_account") },
    member(
        "iam.serviceAccounts.iamMembers",
        "google_service_account_iam_member",
        &[("resource", Op::Name("service_account_id"))],
    ),
    named("iam.workloadIdentityPools", "google_iam_workload_identity_pool"),
    Type {
        ops: &[("parent", Op::Short("workload_identity_pool_id", "workload_identity_pool_id"))],
        ..named("iam.workloadIdentityPools.providers", "google_iam_workload_identity_pool_provider")
    },
    named("monitoring.alertPolicies", "google_monitoring_alert_policy"),
    named("monitoring.notificationChannels", "google_monitoring_notification_channel"),
    named("monitoring.uptimeCheckConfigs", "google_monitoring_uptime_check_config"),
    Type {
        place: Some("location"),
        ops: &[("serviceId", Op::Name("name"))],
        ..named("run.services", "google_cloud_run_v2_service")
    },
    Type {
        place: Some("location"),
        ..member("run.services.iamMembers", "google_cloud_run_v2_service_iam_member", &[("resource", Op::Name("name"))])
    },
    named("secretmanager.secrets", "google_secret_manager_secret"),
    member(
        "secretmanager.secrets.iamMembers",
        "google_secret_manager_secret_iam_member",
        &[("resource", Op::Name("secret_id"))],
    ),
    Type {
        ops: &[("parent", Op::Name("secret")), ("payload", Op::Flatten), ("data", Op::Name("secret_data"))],
        ..named("secretmanager.secrets.versions", "google_secret_manager_secret_version")
    },
    Type {
        ops: &[("name", Op::Name("service"))],
        // Others may use them too.
        fixed: &[("disable_on_destroy", "false")],
        import: Import::Values,
        ..named("serviceusage.services", "google_project_service")
    },
    named("sqladmin.databases", "google_sql_database"),
    Type {
        ops: &[
            ("dataDiskType", Op::Name("disk_type")),
            ("dataDiskSizeGb", Op::Name("disk_size")),
            ("storageAutoResize", Op::Name("disk_autoresize")),
        ],
        ..named("sqladmin.instances", "google_sql_database_instance")
    },
    Type { import: Import::Values, ..named("sqladmin.users", "google_sql_user") },
    Type {
        ops: &[
            ("iamConfiguration", Op::Flatten),
            ("uniformBucketLevelAccess", Op::Only("enabled", "uniform_bucket_level_access")),
            ("lifecycle", Op::Flatten),
            ("rule", Op::Name("lifecycle_rule")),
        ],
        ..named("storage.buckets", "google_storage_bucket")
    },
    Type {
        import: Import::Member("b/"),
        ..member("storage.buckets.iamMembers", "google_storage_bucket_iam_member", &[("resource", Op::Name("bucket"))])
    },
    looked_up(
        "storage.projects.serviceAccount",
        "google_storage_project_service_account",
        &[("email_address", "email_address")],
    ),
];

/// The provider's resources that are used: name, and whether it is only looked up.
#[cfg(test)]
pub(super) fn resources() -> impl Iterator<Item = (&'static str, bool)> {
    TYPES.iter().map(|of| (of.resource, of.looked_up))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{deploy::validate::schema::Schema, project::Provider};

    #[test]
    fn every_type_of_google_has_a_line_and_every_line_a_schema() {
        for kind in Schema::kinds(Provider::Gcp) {
            assert!(of(kind).is_some(), "{kind} has no line");
        }
        for (resource, looked_up) in resources() {
            let name = if looked_up { format!("data_{resource}") } else { resource.to_owned() };
            assert!(Schema::named("terraform", &name).is_some(), "{name} has no schema");
        }
    }
}
