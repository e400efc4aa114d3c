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
    (Provider::Aws, "network", include_str!("../../../templates/aws/network.yaml")),
    (Provider::Aws, "identity", include_str!("../../../templates/aws/identity.yaml")),
    (Provider::Aws, "storage", include_str!("../../../templates/aws/storage.yaml")),
    (Provider::Aws, "secrets", include_str!("../../../templates/aws/secrets.yaml")),
    (Provider::Aws, "database", include_str!("../../../templates/aws/database.yaml")),
    (Provider::Aws, "dns", include_str!("../../../templates/aws/dns.yaml")),
    (Provider::Aws, "registry", include_str!("../../../templates/aws/registry.yaml")),
    (Provider::Aws, "gateway", include_str!("../../../templates/aws/gateway.yaml")),
    (Provider::Aws, "budget", include_str!("../../../templates/aws/budget.yaml")),
    (Provider::Aws, "alarms", include_str!("../../../templates/aws/alarms.yaml")),
    (Provider::Aws, "ci", include_str!("../../../templates/aws/ci.yaml")),
];
