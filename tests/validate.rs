//! Every template that is built in renders, in every tier and strategy it exists for, to what its provider's schema
//! allows; and one wrong property anywhere in it is found at its line.

#[path = "validate/mutants.rs"]
mod mutants;
#[path = "validate/projects.rs"]
mod projects;

use std::collections::{BTreeMap, BTreeSet};

use projects::{Wish, all, project, text};
use wildcam::deploy::{
    graph::Graph,
    template::{embedded::TEMPLATES, render_texts},
    validate,
};

/// The graph of a wish.
fn graph(wish: &Wish) -> Graph {
    render_texts(&project(&text(wish)), "default", TEMPLATES).unwrap_or_else(|error| panic!("{wish:?}: {error}"))
}

#[test]
fn every_rendered_template_is_what_its_provider_allows() {
    let mut wrong: BTreeMap<String, Wish> = BTreeMap::new();
    let mut rendered: BTreeSet<(&str, String)> = BTreeSet::new();
    let (mut graphs, mut resources, mut kinds) = (0_usize, 0_usize, BTreeSet::new());
    for wish in all() {
        let graph = graph(&wish);
        graphs += 1;
        resources += graph.resources.len();
        for resource in graph.resources.values() {
            rendered.insert((resource.provider.as_str(), resource.address.stack.clone()));
            kinds.insert(resource.kind.clone());
        }
        for finding in validate::check(&graph) {
            wrong.entry(finding.to_string()).or_insert_with(|| wish.clone());
        }
    }
    println!("{graphs} projects, {resources} resources of {} types: {} findings", kinds.len(), wrong.len());
    let lines: Vec<String> = wrong.iter().map(|(finding, wish)| format!("{finding}\n    in {wish:?}")).collect();
    assert!(lines.is_empty(), "{} findings:\n{}", lines.len(), lines.join("\n"));
    // A template that no project renders would be checked by nobody.
    for (provider, stack, _) in TEMPLATES {
        assert!(rendered.contains(&(provider.as_str(), (*stack).to_owned())), "nothing renders {provider:?} {stack}");
    }
}

#[test]
fn the_rules_of_the_types_agree_with_the_schemas() {
    let lines = validate::agree();
    assert!(lines.is_empty(), "{} disagreements:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn a_wrong_property_is_found_at_its_line() {
    // The largest of each provider: everything is on.
    let mut tried: BTreeMap<&str, usize> = BTreeMap::new();
    let mut missed = Vec::new();
    for wish in all().into_iter().filter(Wish::has_everything) {
        let graph = graph(&wish);
        for mutant in mutants::of(&graph) {
            *tried.entry(mutant.manner).or_default() += 1;
            let found = validate::check(&mutant.graph);
            let hit = found.iter().any(|finding| {
                finding.address == mutant.address && (finding.line == mutant.line || finding.pointer == mutant.pointer)
            });
            if !hit {
                missed.push(format!("{} {}{}: line {}", mutant.manner, mutant.address, mutant.pointer, mutant.line));
            }
        }
    }
    println!("mutants found: {tried:?}");
    missed.sort();
    missed.dedup();
    assert!(missed.is_empty(), "{} mutants were not found:\n{}", missed.len(), missed.join("\n"));
    assert!(tried.values().sum::<usize>() > 1000, "{tried:?}");
}

#[test]
fn the_readme_says_of_each_type_what_it_has_met() {
    let read = |name: &str| {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let readme = read("README.md");
    let mut missing = Vec::new();
    for provider in ["aws", "azure", "gcp", "custom"] {
        let rules: toml::Table = read(&format!("templates/{provider}/types.toml")).parse().expect("rules are TOML");
        let types = rules["types"].as_table().expect("the types are a table");
        assert!(types.len() > 3, "{provider}");
        for name in types.keys() {
            let short = name.trim_start_matches("AWS::").trim_start_matches("Microsoft.");
            if !readme.contains(&format!("`{short}`")) {
                missing.push(name.clone());
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}
