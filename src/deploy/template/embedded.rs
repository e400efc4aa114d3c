//! The templates that are built in: one line for each file.

use crate::project::Provider;

/// Provider, stack, text.
pub const TEMPLATES: &[(Provider, &str, &str)] = &[];
