//! `[objectives.SCENARIO]`: what a recovery may cost.

use std::{borrow::Cow, collections::BTreeMap};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::project::Period;

/// What may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// A pod dies
    Pod,
    /// A machine dies
    Node,
    /// A zone of a region dies
    Zone,
    /// A region dies
    Region,
    /// A cloud refuses every connection
    CloudOutage,
    /// A cloud takes connections and says nothing
    CloudSilent,
    /// A cloud answers slowly or wrongly
    CloudDegraded,
    /// The database is damaged
    DatabaseCorruption,
    /// Everything that can be written is encrypted by someone else
    Ransomware,
    /// The cloud that holds the database's primary dies
    PrimaryLoss,
}

impl Scenario {
    /// All of them, from the smallest to the largest.
    pub const ALL: [Self; 10] = [
        Self::Pod,
        Self::Node,
        Self::Zone,
        Self::Region,
        Self::CloudOutage,
        Self::CloudSilent,
        Self::CloudDegraded,
        Self::DatabaseCorruption,
        Self::Ransomware,
        Self::PrimaryLoss,
    ];

    /// As it is written in wildcam.toml and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pod => "pod",
            Self::Node => "node",
            Self::Zone => "zone",
            Self::Region => "region",
            Self::CloudOutage => "cloud-outage",
            Self::CloudSilent => "cloud-silent",
            Self::CloudDegraded => "cloud-degraded",
            Self::DatabaseCorruption => "database-corruption",
            Self::Ransomware => "ransomware",
            Self::PrimaryLoss => "primary-loss",
        }
    }

    /// The objective that holds unless wildcam.toml says otherwise.
    #[must_use]
    pub const fn default_objective(self) -> Objective {
        let (rto_s, rpo_s) = match self {
            Self::Pod => (30, 0),
            Self::Node | Self::CloudOutage | Self::CloudSilent => (120, 0),
            Self::Zone | Self::CloudDegraded => (300, 0),
            Self::Region | Self::DatabaseCorruption => (900, 300),
            Self::Ransomware => (3600, 86_400),
            Self::PrimaryLoss => (300, 60),
        };
        Objective { rto: Period::from_secs(rto_s), rpo: Period::from_secs(rpo_s) }
    }
}

/// What one scenario may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Objective {
    /// Recovery time objective: from the fault until the service is steady again.
    pub rto: Period,
    /// Recovery point objective: how old the oldest lost picture may be; zero: none may be lost.
    pub rpo: Period,
}

/// `[objectives]`: one [`Objective`] for every [`Scenario`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<Scenario, Given>")]
pub struct Objectives(BTreeMap<Scenario, Objective>);

impl Objectives {
    /// The objective of a scenario.
    #[must_use]
    pub fn of(&self, scenario: Scenario) -> Objective {
        self.0.get(&scenario).copied().unwrap_or_else(|| scenario.default_objective())
    }
}

impl Default for Objectives {
    fn default() -> Self {
        BTreeMap::new().into()
    }
}

/// The half of an objective that is not written stays at its default.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Given {
    /// From the fault until the service is steady again
    rto: Option<Period>,
    /// How old the oldest lost picture may be; 0s: none may be lost
    rpo: Option<Period>,
}

impl From<BTreeMap<Scenario, Given>> for Objectives {
    fn from(given: BTreeMap<Scenario, Given>) -> Self {
        let objective = |scenario: Scenario| {
            let default = scenario.default_objective();
            let given = given.get(&scenario).copied().unwrap_or_default();
            Objective { rto: given.rto.unwrap_or(default.rto), rpo: given.rpo.unwrap_or(default.rpo) }
        };
        Self(Scenario::ALL.into_iter().map(|scenario| (scenario, objective(scenario))).collect())
    }
}

impl JsonSchema for Objectives {
    fn schema_name() -> Cow<'static, str> {
        "Objectives".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let given = generator.subschema_for::<Given>();
        let properties: serde_json::Map<String, serde_json::Value> =
            Scenario::ALL.into_iter().map(|scenario| (scenario.as_str().to_owned(), given.clone().into())).collect();
        schemars::json_schema!({"type": "object", "properties": properties, "additionalProperties": false})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_given_objective_keeps_the_other_half() {
        let objectives: Objectives = toml::from_str("[cloud-outage]\nrto = '1m'").unwrap();
        assert_eq!(objectives.of(Scenario::CloudOutage), Objective { rto: Period::from_secs(60), rpo: Period::ZERO });
        assert_eq!(objectives.of(Scenario::Region), Scenario::Region.default_objective());
    }

    #[test]
    fn names_are_the_ones_serde_uses() {
        for scenario in Scenario::ALL {
            assert_eq!(serde_json::to_value(scenario).unwrap(), scenario.as_str());
        }
    }
}
