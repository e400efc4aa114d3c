//! The project files that wildcam writes or has built in.

use super::{Provider, Scale, Strategy};

/// The project that is used where there is no wildcam.toml.
pub const LAB: &str = include_str!("../../templates/project/lab.toml");

const HEAD: &str = include_str!("../../templates/project/head.toml");
const TAIL: &str = include_str!("../../templates/project/tail.toml");

/// What a new wildcam.toml is made from.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The project's name.
    pub name: String,
    /// How large the fleet is.
    pub scale: Scale,
    /// How the clouds share the work.
    pub strategy: Strategy,
    /// One provider for each cloud, the most important first; one may stand several times.
    pub clouds: Vec<Provider>,
    /// What is known of accounts: the subscription at Microsoft, the project at Google, by their provider.
    pub accounts: Vec<(Provider, String)>,
}

/// The project at Google of a file whose writer did not know it. Nothing is deployed to it.
pub const UNKNOWN_GCP_PROJECT: &str = "your-project-id";

/// A new wildcam.toml with comments. It must be read with [`Project::parse`](super::Project::parse) before it is
/// written anywhere: the name comes from outside.
#[must_use]
pub fn render(choice: &Choice) -> String {
    let mut text = HEAD.replace("{{strategy}}", choice.strategy.as_str()).replace("{{scale}}", choice.scale.as_str());
    for (index, provider) in choice.clouds.iter().enumerate() {
        let cloud = cloud_name(&choice.clouds, index);
        let weight = if choice.strategy == Strategy::ActivePassive && index > 0 { 0 } else { 1 };
        let known = choice.accounts.iter().find(|(of, _)| of == provider).map(|(_, account)| account.as_str());
        let (sign, account) = match (known, provider) {
            (Some(account), _) => ("", account),
            // The templates need one.
            (None, Provider::Gcp) => ("", UNKNOWN_GCP_PROJECT),
            (None, _) => ("# ", "..."),
        };
        let block = block_of(*provider)
            .replace("{{account}}", &format!("{sign}account = \"{account}\""))
            .replace("{{variable}}", &cloud.to_uppercase().replace('-', "_"))
            .replace("{{cloud}}", &cloud)
            .replace("{{weight}}", &weight.to_string());
        text.push_str(&block);
    }
    let copies = choice.clouds.len().min(2);
    // The key says something only where a cloud that is down leaves too few.
    let degraded = if choice.clouds.len() == 2 {
        "degraded = \"refuse\"       # while a cloud is down; \"one-copy\" goes on with one copy, and says so\n"
    } else {
        ""
    };
    text.push_str(&TAIL.replace("{{copies}}", &copies.to_string()).replace("{{degraded}}", degraded));
    text.replace("{{name}}", &choice.name)
}

fn block_of(provider: Provider) -> &'static str {
    match provider {
        Provider::Aws => include_str!("../../templates/project/cloud-aws.toml"),
        Provider::Azure => include_str!("../../templates/project/cloud-azure.toml"),
        Provider::Gcp => include_str!("../../templates/project/cloud-gcp.toml"),
        Provider::Custom => include_str!("../../templates/project/cloud-custom.toml"),
    }
}

/// The provider's word; a number follows where the provider stands several times.
fn cloud_name(clouds: &[Provider], index: usize) -> String {
    let same = |until: usize| clouds.iter().take(until).filter(|other| **other == clouds[index]).count();
    let word = clouds[index].as_str();
    if same(clouds.len()) > 1 { format!("{word}-{}", same(index + 1)) } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::project::{Origin, Project};

    #[test]
    fn every_combination_reads_back_as_what_was_chosen() {
        use Provider::{Aws, Azure, Custom, Gcp};
        let sets: [&[Provider]; 9] = [
            &[Aws],
            &[Azure],
            &[Gcp],
            &[Custom],
            &[Aws, Azure],
            &[Gcp, Custom],
            &[Aws, Azure, Gcp],
            &[Custom, Custom, Custom],
            &[Aws, Azure, Gcp, Custom],
        ];
        for clouds in sets {
            for scale in [Scale::Small, Scale::Medium, Scale::Large] {
                for strategy in [Strategy::ActiveActive, Strategy::ActivePassive, Strategy::Hybrid] {
                    let choice = Choice {
                        name: "reserve".to_owned(),
                        scale,
                        strategy,
                        clouds: clouds.to_vec(),
                        accounts: Vec::new(),
                    };
                    let text = render(&choice);
                    assert!(!text.contains("{{"), "{text}");
                    let here = Path::new(".");
                    let project = Project::parse(&text, Path::new("wildcam.toml"), here, Some("staging")).unwrap();
                    let settings = &project.settings;
                    assert_eq!((settings.project.scale, settings.project.strategy), (scale, strategy));
                    assert_eq!(project.stores.len(), clouds.len());
                    assert_eq!(usize::from(settings.gateway.copies), clouds.len().min(2));
                    let protected = !project.warnings.iter().any(|w| w.code == "no-cloud-loss-protection");
                    assert_eq!(protected, clouds.len() > 1);
                    assert!(!project.warnings.iter().any(|w| w.code == "more-than-one-active"));
                    let shown = toml::to_string(settings).unwrap();
                    let again = Project::parse(&shown, Path::new("shown"), here, None).unwrap();
                    assert_eq!(&again.settings, settings);
                }
            }
        }
    }

    #[test]
    fn the_built_in_lab_is_right() {
        let project = Project::builtin_lab(Path::new("/tmp/nowhere"));
        assert_eq!(project.origin, Origin::BuiltInLab);
        assert_eq!(project.stores.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(project.warnings, []);
    }
}
