//! What a cloud of the project cannot do as the others can, from a table that is kept by hand with dates and sources
//! (templates/parity.toml).

use std::{collections::BTreeMap, sync::OnceLock};

use serde::{Deserialize, Serialize};

use super::template::Tier;
use crate::project::{Project, Provider};

/// How far a cloud can do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Not at all.
    None,
    /// In part.
    Partly,
    /// Wholly.
    Full,
}

/// What one cloud does about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// How far.
    pub level: Level,
    /// In words.
    pub words: String,
}

/// One line of the report: something that not every cloud of the project does wholly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// A short name: `object-lock`.
    pub name: String,
    /// What it is, for people.
    pub title: String,
    /// By the cloud's name in wildcam.toml.
    pub clouds: BTreeMap<String, Answer>,
    /// Where that is written.
    pub source: String,
    /// When it was last compared, a date.
    pub date: String,
}

/// Which projects a row concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum When {
    Always,
    Database,
    Gateway,
    Zone,
    Budget,
    Ci,
    SecondRegion,
    HighAvailable,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    title: String,
    when: When,
    date: String,
    source: String,
    aws: Answer,
    azure: Answer,
    gcp: Answer,
    custom: Answer,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    row: Vec<Row>,
}

const TEXT: &str = include_str!("../../templates/parity.toml");

fn table() -> &'static [Row] {
    static READ: OnceLock<Table> = OnceLock::new();
    let read = || match toml::from_str(TEXT) {
        Ok(table) => table,
        // A test reads it.
        Err(error) => unreachable!("templates/parity.toml is wrong: {error}"),
    };
    &READ.get_or_init(read).row
}

impl Row {
    fn of(&self, provider: Provider) -> &Answer {
        match provider {
            Provider::Aws => &self.aws,
            Provider::Azure => &self.azure,
            Provider::Gcp => &self.gcp,
            Provider::Custom => &self.custom,
        }
    }

    fn concerns(&self, project: &Project) -> bool {
        let settings = &project.settings;
        match self.when {
            When::Always => true,
            When::Database => settings.deploy.database,
            When::Gateway => {
                let hosts = settings.clouds.values().any(|cloud| !cloud.hosts.is_empty());
                hosts || !settings.deploy.images.is_empty()
            }
            When::Zone => settings.deploy.zone.is_some(),
            When::Budget => settings.budget.monthly_usd.is_some(),
            When::Ci => settings.ci.github.is_some(),
            When::SecondRegion => settings.clouds.values().any(|cloud| cloud.regions.len() > 1),
            When::HighAvailable => settings.deploy.database && Tier::of(settings.project.scale).high_available,
        }
    }
}

/// What the clouds of the project cannot do alike, in the order of the table; what all of them do wholly is not in it.
#[must_use]
pub fn report(project: &Project) -> Vec<Line> {
    let concerned = table().iter().filter(|row| row.concerns(project));
    let lines = concerned.map(|row| {
        let clouds = project.settings.clouds.iter();
        Line {
            name: row.name.clone(),
            title: row.title.clone(),
            clouds: clouds.map(|(name, cloud)| (name.clone(), row.of(cloud.provider).clone())).collect(),
            source: row.source.clone(),
            date: row.date.clone(),
        }
    });
    lines.filter(|line| line.clouds.values().any(|answer| answer.level != Level::Full)).collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;

    fn project(text: &str) -> Project {
        Project::parse(text, Path::new("wildcam.toml"), Path::new("."), None).unwrap()
    }

    const TWO: &str = "
[project]
name = 'reserve'
[clouds.one]
provider = 'aws'
regions = ['eu-central-1']
[clouds.two]
provider = 'gcp'
regions = ['europe-west3']
[fleet]
online_key = 'file:secrets/online.pem'
";

    #[test]
    fn the_table_is_whole() {
        let names: BTreeSet<&str> = table().iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names.len(), table().len(), "two rows have one name");
        for row in table() {
            assert!(!row.source.is_empty() && row.date.len() == 10, "{}", row.name);
        }
    }

    #[test]
    fn only_the_clouds_and_the_parts_of_the_project_are_in_the_report() {
        let lines = report(&project(TWO));
        let names: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
        assert!(names.contains(&"restore-days") && names.contains(&"object-lock"), "{names:?}");
        // Both do it wholly; the project has no image; it is small.
        for absent in ["customer-key", "idle", "database-zones", "budget", "second-region"] {
            assert!(!names.contains(&absent), "{absent}");
        }
        let restore = lines.iter().find(|line| line.name == "restore-days").unwrap();
        assert_eq!(restore.clouds["one"].level, Level::Full);
        assert_eq!(restore.clouds["two"].level, Level::Partly);
        let without = report(&project(&format!("{TWO}[deploy]\ndatabase = false\n")));
        assert!(without.iter().all(|line| line.name != "restore-days"));
        let with = report(&project(&format!("{TWO}[budget]\nmonthly_usd = 100.0\n")));
        assert!(with.iter().any(|line| line.name == "budget"));
    }
}
