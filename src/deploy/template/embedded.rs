//! The templates that are built in: one line for each file.

use crate::project::Provider;

/// Provider, stack, text.
pub const TEMPLATES: &[(Provider, &str, &str)] = &[
    (Provider::Custom, "database", include_str!("../../../templates/custom/database.yaml")),
    (Provider::Custom, "gateway", include_str!("../../../templates/custom/gateway.yaml")),
    (Provider::Custom, "storage", include_str!("../../../templates/custom/storage.yaml")),
];
