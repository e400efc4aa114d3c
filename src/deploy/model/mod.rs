//! Three clouds in memory that are stricter than real ones, processes that die at a chosen request, and a plain planner:
//! what the tests of the engine stand on.

mod cloud;
mod process;
mod scene;
#[cfg(test)]
mod speed;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod traps;

use std::sync::OnceLock;

pub(super) use cloud::World;
pub(super) use process::Process;
pub(super) use scene::{Scene, deploy, destroy_all, graph, plan_of};

use crate::{cloud::rules::Rules, project::Provider};

/// The types of the model.
const TYPES: &str = r#"
date = "2026-11-21"

# Named by us, made at once.
[types."m.name"]
words = "network"
identity = ["/Name"]
create_only = ["/Zone"]
again = "name"
minutes = [0.1, 0.5]
timeout_minutes = 5

# Named by the provider, which keeps our token; made in the background.
[types."m.token"]
words = "key"
create_only = ["/Zone"]
exchange = "create-first"
again = "token"
minutes = [0.1, 0.5]
timeout_minutes = 5

# Named by the provider, which knows no token: only the marks tell.
[types."m.look"]
words = "role"
create_only = ["/Zone"]
exchange = "create-first"
again = "look"
minutes = [0.1, 0.5]
timeout_minutes = 5

# One at a time on each server, in the background.
[types."m.slow"]
words = "database"
identity = ["/Name"]
create_only = ["/Zone", "/Ref"]
again = "name"
serial = "slow {region} {/Group}"
minutes = [0.1, 0.5]
timeout_minutes = 5

# Bears no marks.
[types."m.bare"]
words = "policy"
identity = ["/Name"]
create_only = ["/Zone"]
again = "name"
minutes = [0.1, 0.5]
timeout_minutes = 5

# Holds data.
[types."m.data"]
words = "bucket"
holds = "pictures"
identity = ["/Name"]
create_only = ["/Zone"]
again = "name"
minutes = [0.1, 0.5]
timeout_minutes = 5
"#;

/// The rules of the model's types, whatever the provider.
pub(super) fn rules(_: Provider) -> &'static Rules {
    static RULES: OnceLock<Rules> = OnceLock::new();
    RULES.get_or_init(|| toml::from_str(TYPES).unwrap())
}
