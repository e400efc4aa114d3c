//! A workflow for GitHub that plans on pull requests and deploys on a merge, without a key of any cloud in it: wildcam
//! itself takes the token that GitHub signs for each run to each cloud.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::project_file::Edit;
use crate::project::{Project, Provider, SecretRef};

const WORKFLOW: &str = include_str!("../../templates/ci/github.yml");
const INSTALL: &str = include_str!("../../templates/ci/install.yml");

/// Where the workflow lies in a repository.
pub const WORKFLOW_PATH: &str = ".github/workflows/wildcam.yml";

const TEXTS: [(Provider, &str); 4] = [
    (Provider::Aws, include_str!("../../templates/ci/aws.toml")),
    (Provider::Azure, include_str!("../../templates/ci/azure.toml")),
    (Provider::Gcp, include_str!("../../templates/ci/gcp.toml")),
    (Provider::Custom, include_str!("../../templates/ci/custom.toml")),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ways {
    makes: Vec<String>,
    identity: Vec<Identity>,
}

/// One fact about who a job is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    /// The environment variable that the cloud's adapter reads.
    variable: String,
    /// The repository's variable holds it, as `WILDCAM_CLOUD_NAME`.
    name: String,
    /// The resource that knows it: stack and name.
    from: String,
    /// The one that knows it of the identity that may only read.
    plan: String,
    /// Which of its attributes.
    what: String,
}

/// What the stack `ci` makes in one cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Makes {
    /// The cloud's name.
    pub cloud: String,
    /// In words; nothing in a custom cloud.
    pub what: Vec<String>,
}

/// Something that a person sets under Settings, Secrets and variables, Actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// Whether it is a secret; else it is a variable.
    pub secret: bool,
    /// Whether the workflow works without it.
    pub optional: bool,
    /// What it holds, and where that is found.
    pub holds: String,
}

/// A workflow and what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The whole file.
    pub workflow: String,
    /// What the stacks will make.
    pub makes: Vec<Makes>,
    /// What must be set in the repository.
    pub settings: Vec<Setting>,
    /// What should be known.
    pub notes: Vec<String>,
}

/// Why no workflow can be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The project's folder has a name that cannot stand in the file.
    #[error("the project's folder `{folder}` has a name that cannot stand in a workflow")]
    Folder {
        /// The folder, below the repository's.
        folder: String,
    },
}

/// The edits that let `wildcam deploy` make the stack `ci` for this repository and branch.
#[must_use]
pub fn edits(project: &Project, repository: &str, branch: &str) -> Vec<Edit> {
    let ci = &project.settings.ci;
    let edit = |key: &str, value: &str| Edit { path: vec!["ci".to_owned(), key.to_owned()], value: value.into() };
    let mut edits = Vec::new();
    if ci.github.as_deref() != Some(repository) {
        edits.push(edit("github", repository));
    }
    if ci.branch != branch {
        edits.push(edit("branch", branch));
    }
    edits
}

/// Makes the workflow for the project in `folder` of its repository (`.` where it is the repository's own folder).
///
/// # Errors
/// When the folder's name cannot stand in the file.
///
/// # Panics
/// Never in a release: a test reads the texts that are built in.
pub fn setup(project: &Project, folder: &str, branch: &str) -> Result<Setup, Error> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    if folder.is_empty() || !folder.bytes().all(plain) {
        return Err(Error::Folder { folder: folder.chars().flat_map(char::escape_debug).collect() });
    }
    let identities = identities(project);
    let secrets = secrets(project);
    let plan: Vec<String> = identities.iter().map(|(_, _, name)| format!("{name}_PLAN")).collect();
    let condition: String = plan.iter().map(|name| format!("\n      && vars.{name} != ''")).collect();
    let environment = |suffix: &str| {
        let mut lines = BTreeMap::new();
        for name in &secrets.variables {
            lines.insert(name.clone(), format!("${{{{ secrets.{name} }}}}"));
        }
        for (_, identity, name) in &identities {
            lines.insert(identity.variable.clone(), format!("${{{{ vars.{name}{suffix} }}}}"));
        }
        let lines: Vec<String> = lines.iter().map(|(name, value)| format!("          {name}: {value}")).collect();
        if lines.is_empty() { String::new() } else { format!("        env:\n{}\n", lines.join("\n")) }
    };
    let plan_names = if plan.is_empty() { "(none in this project)".to_owned() } else { "WILDCAM_..._PLAN".to_owned() };
    let workflow = WORKFLOW
        .replace("@install@\n", INSTALL)
        .replace("@plan_env@\n", &environment("_PLAN"))
        .replace("@deploy_env@\n", &environment(""))
        .replace("@plan_condition@", &condition)
        .replace("@plan_names@", &plan_names)
        .replace("@folder@", folder)
        .replace("@branch@", branch);
    let makes = project
        .settings
        .clouds
        .iter()
        .map(|(cloud, table)| Makes { cloud: cloud.clone(), what: ways(table.provider).makes })
        .collect();
    let notes = notes(project, &secrets);
    Ok(Setup { workflow, makes, settings: settings(&identities, &secrets), notes })
}

fn ways(provider: Provider) -> Ways {
    let text = TEXTS.iter().find(|(of, _)| *of == provider).map_or("", |(_, text)| text);
    match toml::from_str(text) {
        Ok(ways) => ways,
        Err(error) => unreachable!("templates/ci/{}.toml is wrong: {error}", provider.as_str()),
    }
}

/// Who a job is to each provider: cloud, fact, and the repository's variable. A job can be one somebody to each.
fn identities(project: &Project) -> Vec<(String, Identity, String)> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for (cloud, table) in &project.settings.clouds {
        if !seen.insert(table.provider.as_str()) {
            continue;
        }
        for identity in ways(table.provider).identity {
            let name = format!("WILDCAM_{}_{}", cloud.to_uppercase().replace('-', "_"), identity.name);
            found.push((cloud.clone(), identity, name));
        }
    }
    found
}

/// The secrets of the project, as far as a job can have them.
struct Secrets {
    variables: BTreeSet<String>,
    /// By the variable: the keys that name it.
    keys: BTreeMap<String, Vec<String>>,
    files: Vec<String>,
}

fn secrets(project: &Project) -> Secrets {
    let mut found = Secrets { variables: BTreeSet::new(), keys: BTreeMap::new(), files: Vec::new() };
    for (key, reference) in project.secrets() {
        match reference {
            SecretRef::Env(name) => {
                found.variables.insert(name.clone());
                found.keys.entry(name.clone()).or_default().push(key);
            }
            SecretRef::File(_) => found.files.push(key),
        }
    }
    found
}

fn settings(identities: &[(String, Identity, String)], secrets: &Secrets) -> Vec<Setting> {
    let variable = |name: String, optional, holds: String| Setting { name, secret: false, optional, holds };
    let mut settings = vec![
        variable("WILDCAM_SOURCE".to_owned(), false, "the git address that wildcam is built from".to_owned()),
        variable("WILDCAM_REVISION".to_owned(), false, "the commit that wildcam is built from".to_owned()),
    ];
    for (cloud, identity, name) in identities {
        let holds = format!(
            "of {cloud}/{}: {}; known after the first deploy, which a person does",
            identity.from, identity.what
        );
        settings.push(variable(name.clone(), false, holds));
    }
    for (cloud, identity, name) in identities {
        let holds = format!(
            "of {cloud}/{}: {}; an identity that may only read, for plans in pull requests",
            identity.plan, identity.what
        );
        settings.push(variable(format!("{name}_PLAN"), true, holds));
    }
    for (name, keys) in &secrets.keys {
        settings.push(Setting { name: name.clone(), secret: true, optional: false, holds: keys.join(", ") });
    }
    settings
}

fn notes(project: &Project, secrets: &Secrets) -> Vec<String> {
    let mut notes = Vec::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for cloud in project.settings.clouds.values().filter(|cloud| cloud.provider != Provider::Custom) {
        *counts.entry(cloud.provider.as_str()).or_default() += 1;
    }
    for (provider, _) in counts.iter().filter(|(_, count)| **count > 1) {
        notes.push(format!("two clouds are of provider {provider}: a job is the same somebody to both"));
    }
    for key in &secrets.files {
        notes.push(format!("{key} names a file, which a job does not have: name it with \"env:NAME\" for CI"));
    }
    let adopted =
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AZURE_CLIENT_SECRET", "GOOGLE_APPLICATION_CREDENTIALS"];
    for name in secrets.variables.iter().filter(|name| adopted.contains(&name.as_str())) {
        notes.push(format!(
            "{name} is also what a cloud's own tools read, and would win over GitHub's token: name the key of the store otherwise"
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_texts_of_every_provider_can_be_read() {
        for (provider, _) in TEXTS {
            let ways = ways(provider);
            assert_eq!(ways.makes.is_empty(), ways.identity.is_empty());
        }
    }

    #[test]
    fn only_what_differs_is_edited() {
        let text =
            "[project]\nname = 'x'\n[clouds.a]\nprovider = 'custom'\nstore = { path = 'a' }\n[ci]\ngithub = 'o/n'\n";
        let project = Project::parse(text, Path::new("x"), Path::new("."), None).unwrap();
        let paths = |repository: &str, branch: &str| -> Vec<String> {
            edits(&project, repository, branch).iter().map(|edit| edit.path.join(".")).collect()
        };
        assert_eq!(paths("o/n", "main"), [] as [&str; 0]);
        assert_eq!(paths("o/m", "live"), ["ci.github", "ci.branch"]);
    }

    #[test]
    fn a_folder_that_could_end_its_quotes_is_refused() {
        let project = Project::builtin_lab(Path::new("."));
        for bad in ["", "a b", "a'", "a\n", "${{x}}"] {
            assert!(matches!(setup(&project, bad, "main"), Err(Error::Folder { .. })), "{bad:?}");
        }
        setup(&project, "sites/river", "main").unwrap();
    }
}
