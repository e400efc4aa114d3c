//! The templates that are built in: one line for each file.

use crate::project::Provider;

/// Provider, stack, text.
pub const TEMPLATES: &[(Provider, &str, &str)] = &[
    (Provider::Azure, "alarms", include_str!("../../../templates/azure/alarms.yaml")),
    (Provider::Azure, "budget", include_str!("../../../templates/azure/budget.yaml")),
    (Provider::Azure, "ci", include_str!("../../../templates/azure/ci.yaml")),
    (Provider::Azure, "database", include_str!("../../../templates/azure/database.yaml")),
    (Provider::Azure, "dns", include_str!("../../../templates/azure/dns.yaml")),
    (Provider::Azure, "gateway", include_str!("../../../templates/azure/gateway.yaml")),
    (Provider::Azure, "identity", include_str!("../../../templates/azure/identity.yaml")),
    (Provider::Azure, "network", include_str!("../../../templates/azure/network.yaml")),
    (Provider::Azure, "registry", include_str!("../../../templates/azure/registry.yaml")),
    (Provider::Azure, "secrets", include_str!("../../../templates/azure/secrets.yaml")),
    (Provider::Azure, "storage", include_str!("../../../templates/azure/storage.yaml")),
    (Provider::Gcp, "alarms", include_str!("../../../templates/gcp/alarms.yaml")),
    (Provider::Gcp, "budget", include_str!("../../../templates/gcp/budget.yaml")),
    (Provider::Gcp, "ci", include_str!("../../../templates/gcp/ci.yaml")),
    (Provider::Gcp, "database", include_str!("../../../templates/gcp/database.yaml")),
    (Provider::Gcp, "dns", include_str!("../../../templates/gcp/dns.yaml")),
    (Provider::Gcp, "gateway", include_str!("../../../templates/gcp/gateway.yaml")),
    (Provider::Gcp, "identity", include_str!("../../../templates/gcp/identity.yaml")),
    (Provider::Gcp, "network", include_str!("../../../templates/gcp/network.yaml")),
    (Provider::Gcp, "registry", include_str!("../../../templates/gcp/registry.yaml")),
    (Provider::Gcp, "secrets", include_str!("../../../templates/gcp/secrets.yaml")),
    (Provider::Gcp, "storage", include_str!("../../../templates/gcp/storage.yaml")),
];
