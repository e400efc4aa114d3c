//! The templates that are built in: one line for each file.

use crate::project::Provider;

/// Provider, stack, text.
pub const TEMPLATES: &[(Provider, &str, &str)] = &[
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
