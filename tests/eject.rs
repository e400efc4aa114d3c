//! The way out: what stands becomes CloudFormation and Terraform that other programs accept, with nothing dropped in
//! silence and no secret in it.

#[path = "support/peers.rs"]
mod peers;
#[path = "validate/projects.rs"]
mod projects;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use projects::{Wish, all, project, text};
use serde_json::{Value, json};
use wildcam::{
    deploy::{
        eject::{self, Ejected, File},
        graph::{Graph, Resource},
        state::{Entry, Standing, State},
        template::{embedded::TEMPLATES, render_texts},
        validate::schema::Schema,
    },
    project::Provider,
};

/// Every tier and strategy, with everything and with nothing, all clouds together and each alone.
fn wishes() -> impl Iterator<Item = Wish> {
    all().into_iter().filter(|wish| wish.with == [true; 6] || wish.with == [false; 6])
}

fn graph(wish: &Wish) -> Graph {
    render_texts(&project(&text(wish)), "default", TEMPLATES).unwrap_or_else(|error| panic!("{wish:?}: {error}"))
}

/// A state in which everything stands, with ids as the providers make them.
fn state(graph: &Graph) -> State {
    let resources = graph.resources.values().map(|resource| {
        let entry = Entry {
            kind: resource.kind.clone(),
            region: resource.region.clone(),
            id: id(resource),
            standing: Standing::Ready,
            applied: resource.properties.clone(),
            live: json!({ "name": "told" }),
            needs: BTreeSet::new(),
            holds: String::new(),
        };
        (resource.address.clone(), entry)
    });
    State {
        v: 1,
        project: "reserve".to_owned(),
        environment: "default".to_owned(),
        serial: 1,
        last_operation: 1,
        hash_key: "0".repeat(64),
        resources: resources.collect(),
        leftovers: BTreeMap::new(),
    }
}

fn id(resource: &Resource) -> String {
    let name = resource.address.to_string().replace('/', "-");
    match resource.provider {
        Provider::Aws => {
            let schema = Schema::of(resource.provider, &resource.kind).expect("as the test wants it");
            vec![name; schema.identifier.len()].join("|")
        }
        Provider::Azure => format!(
            "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/g/providers/{}/{name}",
            resource.kind
        ),
        Provider::Gcp => format!("projects/reserve-cameras/things/{name}"),
        Provider::Custom => name,
    }
}

fn folder(files: &[File]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("as the test wants it");
    for file in files {
        assert!(!file.name.contains(['/', '\\']), "{}", file.name);
        fs::write(folder.path().join(&file.name), &file.text).expect("as the test wants it");
    }
    folder
}

fn left_out<'e>(ejected: &'e Ejected, resource: &Resource) -> Option<&'e str> {
    ejected.left_out.iter().find(|left| left.address == resource.address).map(|left| left.why.as_str())
}

/// The program's output; a panic with it where it fails.
fn run(program: &Path, folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("CHECKPOINT_DISABLE", "1")
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{} {arguments:?} ({}):\n{said}", program.display(), output.status);
    said
}

#[test]
fn every_template_becomes_cloudformation_that_cfn_lint_accepts() {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let (mut resources, mut imports) = (0, 0);
    for wish in wishes().filter(|wish| wish.providers.contains(&Provider::Aws)) {
        let graph = graph(&wish);
        let ejected = eject::cloudformation(&graph, &state(&graph));
        let templates: Vec<(Value, Value)> = ejected
            .files
            .chunks(2)
            .map(|pair| {
                (
                    serde_json::from_str(&pair[0].text).expect("as the test wants it"),
                    serde_json::from_str(&pair[1].text).expect("as the test wants it"),
                )
            })
            .collect();
        for (template, list) in &templates {
            let own = template["Resources"].as_object().expect("as the test wants it");
            resources += own.len();
            imports += list.as_array().expect("as the test wants it").len();
            for resource in own.values() {
                assert_eq!(resource["DeletionPolicy"], "Retain");
                assert_eq!(resource["UpdateReplacePolicy"], "Retain");
            }
            for line in list.as_array().expect("as the test wants it") {
                let resource = &own[line["LogicalResourceId"].as_str().expect("as the test wants it")];
                assert_eq!(resource["Type"], line["ResourceType"]);
                assert!(!line["ResourceIdentifier"].as_object().expect("as the test wants it").is_empty());
            }
        }
        let written: usize = templates
            .iter()
            .map(|(template, _)| template["Resources"].as_object().expect("as the test wants it").len())
            .sum();
        for resource in graph.resources.values().filter(|resource| resource.provider != Provider::Aws) {
            assert!(left_out(&ejected, resource).is_some(), "{} was dropped in silence", resource.address);
        }
        let aws = graph.resources.values().filter(|resource| resource.provider == Provider::Aws);
        assert_eq!(written, aws.filter(|resource| left_out(&ejected, resource).is_none()).count(), "{wish:?}");
        for file in ejected.files.iter().filter(|file| file.name.ends_with(".template.json")) {
            files.insert(file.text.clone(), format!("{wish:?}"));
        }
    }
    println!("{} different templates, {resources} resources, {imports} imports", files.len());
    let Some(program) = peers::require("cfn-lint") else { return };
    let folder = tempfile::tempdir().expect("as the test wants it");
    let names: Vec<String> = (0..files.len()).map(|index| format!("t{index}.json")).collect();
    for (name, text) in names.iter().zip(files.keys()) {
        fs::write(folder.path().join(name), text).expect("as the test wants it");
    }
    // What stands lies in a zone, and the way out must name it: W3010 asks for the opposite.
    let mut arguments = vec!["--non-zero-exit-code", "warning", "--ignore-checks", "W3010", "--"];
    arguments.extend(names.iter().map(String::as_str));
    run(&program, folder.path(), &arguments);
}

#[test]
fn every_template_becomes_terraform_that_is_formatted_and_parses() {
    let mut programs: Vec<PathBuf> = peers::require("tofu").into_iter().collect();
    // Where HashiCorp's own is installed, it has a say too.
    programs.extend(std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path).map(|folder| folder.join("terraform")).find(|program| program.is_file())
    }));
    let (mut written, mut dropped, mut said) = (0, 0, BTreeSet::new());
    for wish in wishes() {
        let graph = graph(&wish);
        let state = state(&graph);
        let ejected = eject::terraform(&graph, &state);
        let all: String = ejected.files.iter().map(|file| file.text.as_str()).collect();
        for resource in graph.resources.values() {
            let label = resource.address.to_string().replace(['/', '-'], "_");
            let stands = all.contains(&format!("\" \"{label}\" {{"));
            match left_out(&ejected, resource) {
                None => {
                    assert!(stands, "{} was dropped in silence", resource.address);
                    written += 1;
                }
                Some(why) => {
                    dropped += 1;
                    said.insert(format!("{}: {why}", resource.kind));
                    assert!(all.contains(&format!("Left out: {}", resource.address)), "{}", resource.address);
                }
            }
            let looked_up = all.contains("data \"") && !all.contains(&format!("resource \"{}", label));
            let imported = all.contains(&format!(".{label}\n"));
            assert!(!stands || imported || looked_up, "{} is not imported", resource.address);
        }
        let folder = folder(&ejected.files);
        for program in &programs {
            run(program, folder.path(), &["fmt", "-check", "-diff", "-recursive"]);
        }
    }
    println!("{written} resources written, {dropped} named as left out:");
    said.iter().for_each(|line| println!("  {line}"));
}

#[test]
fn references_stay_references_and_secrets_stay_out() {
    let wish = all()
        .into_iter()
        .find(|wish| wish.has_everything() && wish.providers.len() == 4)
        .expect("as the test wants it");
    let graph = graph(&wish);
    let state = state(&graph);
    let terraform = eject::terraform(&graph, &state);
    let text: String = terraform.files.iter().map(|file| file.text.as_str()).collect();
    for line in [
        "kms_master_key_id = awscc_kms_key.aws_identity_key.arn",
        "(azapi_resource.azure_identity_storage.id) = {}",
        "response_export_values",
        "default_kms_key_name = google_kms_crypto_key.gcp_identity_key.id",
        "owner = postgresql_role.custom_database_role.name",
        "sensitive   = true",
    ] {
        let found = text.lines().any(|own| {
            own.split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .contains(&line.split_whitespace().collect::<Vec<_>>().join(" "))
        });
        assert!(found, "no line has `{line}`");
    }
    // Every secret is a variable without a value; no reference of ours is left.
    assert!(!text.contains("${secret:"));
    let variables =
        &terraform.files.iter().find(|file| file.name == "variables.tf").expect("as the test wants it").text;
    for block in variables.split("\n\n").filter(|block| block.contains("sensitive")) {
        assert!(!block.contains("default"), "{block}");
    }
    let cloudformation = eject::cloudformation(&graph, &state);
    for file in cloudformation.files.iter().filter(|file| file.name.ends_with(".template.json")) {
        assert!(!file.text.contains("${"), "{}", file.name);
        let template: Value = serde_json::from_str(&file.text).expect("as the test wants it");
        for (name, parameter) in template["Parameters"].as_object().into_iter().flatten() {
            assert!(!name.starts_with("Secret") || parameter["NoEcho"] == true, "{name}");
            assert!(parameter.get("Default").is_none(), "{name}");
        }
    }
}

#[test]
fn what_the_state_does_not_know_is_said() {
    let wish = all()
        .into_iter()
        .find(|wish| wish.has_everything() && wish.providers == [Provider::Aws])
        .expect("as the test wants it");
    let graph = graph(&wish);
    let mut state = state(&graph);
    let gone = graph.resources.keys().find(|address| address.stack == "storage").expect("as the test wants it").clone();
    state.resources.remove(&gone);
    for ejected in [eject::terraform(&graph, &state), eject::cloudformation(&graph, &state)] {
        let why = ejected.left_out.iter().find(|left| left.address == gone).map(|left| left.why.as_str());
        assert!(why.is_some_and(|why| why.contains("the state does not know it")), "{why:?}");
    }
}
