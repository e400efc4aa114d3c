//! The tables of wildcam.toml as types. Every key has a default unless it says that it must be given.

mod clouds;
mod objectives;
mod tables;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use clouds::{Cloud, DatabaseTable, Host, Provider, StoreTable, Via};
pub use objectives::{Objective, Objectives, Scenario};
pub use tables::{
    Budget, Ci, Data, Degraded, Deploy, Drill, Firmware, Fleet, Gateway, Health, Index, Limits, Notify, Replicate,
    Runbooks, Tls, Traffic,
};

/// A whole wildcam.toml, after the overrides of one environment were laid over it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What the project is
    pub project: About,
    /// The clouds, by a name of your own
    pub clouds: BTreeMap<String, Cloud>,
    /// How the public name answers
    #[serde(default)]
    pub traffic: Traffic,
    /// When a cloud counts as down
    #[serde(default)]
    pub health: Health,
    /// What a recovery may cost, by scenario
    #[serde(default)]
    pub objectives: Objectives,
    /// The index over the detections
    #[serde(default)]
    pub data: Data,
    /// How objects spread to every cloud
    #[serde(default)]
    pub replicate: Replicate,
    /// The API that cameras talk to
    #[serde(default)]
    pub gateway: Gateway,
    /// The cameras
    #[serde(default)]
    pub fleet: Fleet,
    /// What the cameras run
    #[serde(default)]
    pub firmware: Firmware,
    /// What the clouds may cost
    #[serde(default)]
    pub budget: Budget,
    /// How the clouds are made to hold what this file says
    #[serde(default)]
    pub deploy: Deploy,
    /// Who may deploy without a key of their own
    #[serde(default)]
    pub ci: Ci,
    /// The load under which a drill measures
    #[serde(default)]
    pub drill: Drill,
    /// Where the runbooks lie
    #[serde(default)]
    pub runbooks: Runbooks,
    /// Who is told
    #[serde(default)]
    pub notify: Notify,
}

/// `[project]`: what the project is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The name that buckets and documents carry: 1 to 32 of a-z, 0-9 and -, beginning with a letter (must be given)
    pub name: String,
    /// How the clouds share the work
    #[serde(default)]
    pub strategy: Strategy,
    /// How large the fleet is
    #[serde(default)]
    pub scale: Scale,
}

/// How the clouds share the work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Every cloud serves, by its weight
    #[default]
    ActiveActive,
    /// One cloud serves; the others stand by with weight 0
    ActivePassive,
    /// Cameras upload to every cloud; the other workloads run in the first
    Hybrid,
}

impl Strategy {
    /// As it is written in wildcam.toml.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ActiveActive => "active-active",
            Self::ActivePassive => "active-passive",
            Self::Hybrid => "hybrid",
        }
    }
}

/// How large the fleet is; it decides defaults and estimates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// About 30 cameras
    #[default]
    Small,
    /// About 200 cameras
    Medium,
    /// About 1000 cameras
    Large,
}

impl Scale {
    /// As it is written in wildcam.toml.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
        }
    }

    /// How many cameras an estimate assumes.
    #[must_use]
    pub const fn cameras(self) -> u32 {
        match self {
            Self::Small => 30,
            Self::Medium => 200,
            Self::Large => 1000,
        }
    }
}
