//! Experiment files: what Chaos Toolkit accepts, with our scenario and objectives under `extensions`.

use std::{path::Path, time::Duration};

use serde::{Deserialize, Serialize};

use super::Error;

/// An experiment, as far as a drill needs it; the rest of the file is Chaos Toolkit's.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// The scenario's name, such as `cloud-outage`.
    pub scenario: String,
    /// One line for people.
    pub title: String,
    /// What it does, for people.
    pub description: String,
    /// The faults, each a run of its own.
    pub variants: Vec<Variant>,
    /// What was promised.
    pub objectives: Objectives,
}

/// One run of a scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Its name within the scenario.
    pub name: String,
    /// What is done to the cloud.
    pub fault: Fault,
    /// Which cloud; the one with the highest weight when it is not said.
    #[serde(default)]
    pub cloud: Option<String>,
}

/// What can be done to a cloud.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// Every process of the cloud is killed (SIGKILL), as when the power goes.
    Kill,
    /// Connections are accepted, and not one byte is answered.
    SilentBeforeHandshake,
    /// TLS handshakes succeed, and then nothing is answered.
    SilentAfterHandshake,
    /// Every link of the cloud is slow.
    Slow {
        /// Delay each way.
        latency_ms: u64,
        /// Throughput each way.
        bytes_per_s: u64,
    },
    /// Every link of the cloud flips bytes.
    Corrupt {
        /// For each piece that passes, the probability that one byte of it is changed.
        probability: f64,
    },
}

impl Fault {
    /// Whether requests to the cloud end at once with an error, or hang until a time limit.
    #[must_use]
    pub fn hangs(self) -> bool {
        matches!(self, Self::SilentBeforeHandshake | Self::SilentAfterHandshake | Self::Slow { .. })
    }
}

/// The objectives of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objectives {
    /// The recovery time objective, in seconds.
    pub rto_s: u64,
    /// The recovery point objective, in seconds; 0 allows no loss at all.
    pub rpo_s: u64,
}

impl Objectives {
    /// The recovery time objective.
    #[must_use]
    pub fn rto(&self) -> Duration {
        Duration::from_secs(self.rto_s)
    }
}

#[derive(Deserialize)]
struct File {
    title: String,
    description: String,
    #[serde(default)]
    extensions: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Extension {
    #[serde(rename = "name")]
    _name: String,
    scenario: String,
    variants: Vec<Variant>,
    objectives: Objectives,
}

/// The experiments that come with wildcam: name and text.
pub const BUILT_IN: [(&str, &str); 3] = [
    ("cloud-outage", include_str!("../../templates/drills/cloud-outage.json")),
    ("cloud-silent", include_str!("../../templates/drills/cloud-silent.json")),
    ("cloud-degraded", include_str!("../../templates/drills/cloud-degraded.json")),
];

impl Experiment {
    /// Reads an experiment's text; `source` names it in errors.
    ///
    /// # Errors
    /// When it is no JSON, has no `wildcam` extension, or one with unknown or missing keys.
    pub fn parse(source: &str, text: &str) -> Result<Self, Error> {
        let wrong = |error| Error::Experiment { file: source.to_owned(), source: error };
        let file: File = serde_json::from_str(text).map_err(wrong)?;
        let ours = file
            .extensions
            .into_iter()
            .find(|extension| extension.get("name").and_then(|name| name.as_str()) == Some("wildcam"))
            .ok_or_else(|| Error::NoExtension { file: source.to_owned() })?;
        let ours: Extension = serde_json::from_value(ours).map_err(wrong)?;
        if ours.variants.is_empty() {
            return Err(Error::NoExtension { file: source.to_owned() });
        }
        Ok(Self {
            scenario: ours.scenario,
            title: file.title,
            description: file.description,
            variants: ours.variants,
            objectives: ours.objectives,
        })
    }

    /// Finds a built-in experiment by name, or reads a file.
    ///
    /// # Errors
    /// When there is neither, or the file is no experiment.
    pub fn load(name_or_path: &str) -> Result<Self, Error> {
        if let Some((name, text)) = BUILT_IN.iter().find(|(name, _)| *name == name_or_path) {
            return Self::parse(name, text);
        }
        let path = Path::new(name_or_path);
        if path.extension().is_none() {
            let known = BUILT_IN.map(|(name, _)| name);
            let nearest = known
                .iter()
                .max_by(|a, b| strsim::jaro_winkler(a, name_or_path).total_cmp(&strsim::jaro_winkler(b, name_or_path)))
                .copied()
                .unwrap_or_default();
            return Err(Error::UnknownScenario { name: name_or_path.to_owned(), nearest: nearest.to_owned() });
        }
        let text = std::fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
        Self::parse(name_or_path, &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_experiment_parses_under_its_own_name() {
        for (name, text) in BUILT_IN {
            let experiment = Experiment::parse(name, text).unwrap();
            assert_eq!(experiment.scenario, name);
            assert_eq!(Experiment::load(name).unwrap().variants, experiment.variants);
        }
    }

    #[test]
    fn a_name_that_is_nearly_right_is_suggested() {
        let error = Experiment::load("cloud-outrage").unwrap_err();
        assert!(matches!(error, Error::UnknownScenario { nearest, .. } if nearest == "cloud-outage"));
    }

    #[test]
    fn a_file_without_our_extension_is_refused() {
        let error = Experiment::parse("x.json", r#"{"title":"t","description":"d"}"#).unwrap_err();
        assert!(matches!(error, Error::NoExtension { .. }));
    }
}
