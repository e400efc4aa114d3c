//! The secrets that a gateway in a container needs, and the names under which it gets them.

use crate::project::{Project, SecretRef, gateway_variable};

/// One secret of a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewaySecret {
    /// The key of wildcam.toml that names it: `fleet.online_key`.
    pub key: String,
    /// The environment variable that holds it in the container: `WILDCAM_FLEET_ONLINE_KEY`.
    pub variable: String,
    /// The name in a secret manager, without the project's: `fleet-online-key`.
    pub name: String,
    /// Where the one who deploys has it.
    pub reference: SecretRef,
}

/// The secrets that the gateways of the cloud `own` need: the keys of all stores but its own, which its identity opens,
/// and those that sign and serve. A custom cloud has no such identity and gets the keys of its own store too.
#[must_use]
pub fn gateway_secrets(project: &Project, own: &str) -> Vec<GatewaySecret> {
    let has_identity =
        project.settings.clouds.get(own).is_some_and(|cloud| cloud.provider != crate::project::Provider::Custom);
    let own_store = format!("clouds.{own}.store.");
    let needed = |key: &str| {
        key.contains(".store.") && !(has_identity && key.starts_with(&own_store))
            || matches!(key, "gateway.signing_key" | "gateway.tls.key" | "fleet.online_key")
    };
    let named = project.secrets().into_iter().filter(|(key, _)| needed(key));
    named
        .map(|(key, reference)| GatewaySecret {
            variable: gateway_variable(&key),
            name: key.replace(['.', '_'], "-"),
            reference: reference.clone(),
            key,
        })
        .collect()
}
