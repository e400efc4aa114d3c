//! Every template, in every scale and strategy and with every option, against Google's own schemas.

use std::{collections::BTreeSet, path::Path};

use wildcam::{
    cloud::rules::Rules,
    deploy::{graph::Graph, template, validate},
    project::{Project, Provider},
};

const SCALES: [&str; 3] = ["small", "medium", "large"];
const STRATEGIES: [&str; 3] = ["active-active", "active-passive", "hybrid"];

/// A project with everything switched on.
const EVERYTHING: &str = r#"
[gateway]
signing_key = "file:signing.pem"
[fleet]
online_key = "file:online.pem"
[budget]
monthly_usd = 300.0
[notify]
email = ["warden@example.org", "night@example.org"]
[ci]
github = "wild/cams"
[deploy]
zone = "cams.example.org"
[deploy.images]
gcp = "europe-west3-docker.pkg.dev/wild-123/wildcam/gateway@sha256:0000000000000000000000000000000000000000000000000000000000000000"
"#;

/// A project with nothing but a bucket.
const NOTHING: &str = "[deploy]\ndatabase = false\n";

fn project(scale: &str, strategy: &str, regions: &str, rest: &str) -> Project {
    let weight = if strategy == "active-passive" { 0 } else { 1 };
    let text = format!(
        "[project]\nname = 'serengeti-cameras-of-the-north'\nscale = '{scale}'\nstrategy = '{strategy}'\n\
         [clouds.gcp]\nprovider = 'gcp'\nregions = {regions}\naccount = 'wild-123'\nweight = {weight}\n\
         [clouds.site]\nprovider = 'custom'\nstore.path = 'store'\n{rest}"
    );
    Project::parse(&text, Path::new("wildcam.toml"), Path::new("."), None).unwrap_or_else(|error| panic!("{error:?}"))
}

#[track_caller]
fn render(project: &Project, environment: &str) -> Graph {
    template::render(project, environment).unwrap_or_else(|error| panic!("{:?}", miette::Report::new(error)))
}

fn own(graph: &Graph) -> Graph {
    let mut graph = graph.clone();
    graph.resources.retain(|_, resource| resource.provider == Provider::Gcp);
    graph
}

#[test]
fn every_template_fits_googles_schemas_in_every_scale_and_strategy() {
    let mut kinds = BTreeSet::new();
    for scale in SCALES {
        for strategy in STRATEGIES {
            for regions in ["['europe-west3']", "['us-east1', 'us-west1']", "['asia-east1', 'europe-west1']"] {
                for rest in [EVERYTHING, NOTHING] {
                    for environment in ["default", "staging"] {
                        let project = project(scale, strategy, regions, rest);
                        let graph = own(&render(&project, environment));
                        let findings = validate::check(&graph);
                        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
                        assert!(lines.is_empty(), "{scale} {strategy} {regions}:\n{}", lines.join("\n"));
                        kinds.extend(graph.resources.values().map(|resource| resource.kind.clone()));
                    }
                }
            }
        }
    }
    for kind in &kinds {
        assert!(Rules::of(Provider::Gcp).get(kind).is_some(), "{kind} has no rules");
    }
    assert!(kinds.len() >= 27, "only {kinds:?}");
}

#[test]
fn what_is_known_of_the_types_agrees_with_the_schemas() {
    let own: Vec<String> = validate::agree()
        .into_iter()
        .filter(|line| Rules::of(Provider::Gcp).types.keys().any(|kind| line.contains(kind.as_str())))
        .collect();
    assert!(own.is_empty(), "{}", own.join("\n"));
}

fn at<'a>(graph: &'a Graph, address: &str) -> &'a serde_json::Value {
    &graph.resources[&address.parse().unwrap()].properties
}

#[test]
fn the_tier_decides_what_stands() {
    let small = own(&render(&project("small", "active-active", "['europe-west3']", EVERYTHING), "default"));
    let large =
        own(&render(&project("large", "active-active", "['europe-west3', 'europe-west1']", EVERYTHING), "default"));
    assert_eq!(at(&small, "gcp/database/server")["settings"]["availabilityType"], "ZONAL");
    assert_eq!(at(&large, "gcp/database/server")["settings"]["availabilityType"], "REGIONAL");
    assert_eq!(at(&small, "gcp/storage/pictures")["location"], "EUROPE-WEST3");
    assert_eq!(at(&large, "gcp/storage/pictures")["location"], "EU");
    assert_eq!(at(&large, "gcp/storage/pictures")["customPlacementConfig"]["dataLocations"][1], "EUROPE-WEST1");
    assert_eq!(large.resources[&"gcp/identity/ring".parse().unwrap()].region, "europe");
    assert_eq!(at(&small, "gcp/gateway/service")["template"]["containers"][0]["resources"]["cpuIdle"], true);
    assert_eq!(at(&large, "gcp/gateway/service")["template"]["scaling"]["minInstanceCount"], 3);
    assert_eq!(at(&small, "gcp/budget/month")["thresholdRules"][0]["thresholdPercent"], 0.8);
    let secrets = small.resources.keys().filter(|address| address.stack == "secrets").count();
    assert_eq!(secrets, 6, "two secrets, each with its value and who reads it");
    let bare = own(&render(&project("small", "active-active", "['europe-west3']", NOTHING), "default"));
    let stacks: BTreeSet<&str> = bare.resources.keys().map(|address| address.stack.as_str()).collect();
    assert_eq!(stacks, BTreeSet::from(["identity", "network", "registry", "storage"]));
}

#[test]
fn no_secret_is_in_a_graph_by_value_and_no_name_is_shared_between_environments() {
    let project = project("small", "active-active", "['europe-west3']", EVERYTHING);
    let graph = own(&render(&project, "default"));
    let data = &at(&graph, "gcp/secrets/fleet-online-key-value")["payload"]["data"];
    assert_eq!(data, "${secret:file:online.pem}");
    let staging = own(&render(&project, "staging"));
    for pointer in ["/keyRingId", "/accountId", "/repositoryId", "/serviceId", "/secretId", "/workloadIdentityPoolId"] {
        let names = |graph: &Graph| -> BTreeSet<String> {
            let all = graph.resources.values().filter_map(|resource| resource.properties.pointer(pointer));
            all.map(ToString::to_string).collect()
        };
        let (here, there) = (names(&graph), names(&staging));
        assert!(!here.is_empty() && here.is_disjoint(&there), "{pointer}: {here:?} {there:?}");
    }
}
