//! Every template in every size, strategy and mixture: it renders, and Amazon's schemas allow what it says.

use std::path::Path;

use serde_json::Value;
use wildcam::{
    cloud::rules::Rules,
    deploy::{graph::Graph, template},
    project::{Project, Provider},
};

use crate::fakes::cloud_control::Checker;

/// What is switched on and off, each a line of wildcam.toml.
struct Mixture {
    scale: &'static str,
    strategy: &'static str,
    regions: &'static str,
    image: bool,
    zone: bool,
    tls: bool,
    database: bool,
    rest: bool,
}

impl Mixture {
    fn project(&self) -> Project {
        let on = |set: bool, text: &'static str| if set { text } else { "" };
        let text = format!(
            "[project]\nname = 'owls'\nscale = '{}'\nstrategy = '{}'\n\
             [clouds.aws]\nprovider = 'aws'\nregions = [{}]\n\
             [clouds.own]\nprovider = 'custom'\nweight = 0\n\
             [clouds.own.store]\nendpoint = 'https://s3.example.org'\naccess_key = 'env:A'\nsecret_key = 'env:B'\n\
             [fleet]\nonline_key = 'file:online.pem'\n\
             [deploy]\ndatabase = {}\n{}\n{}\n{}\n{}\n",
            self.scale,
            self.strategy,
            self.regions,
            self.database,
            on(self.zone, "zone = 'owls.example.org'"),
            on(
                self.image,
                "[deploy.images]\naws = '123456789012.dkr.ecr.eu-central-1.amazonaws.com/owls-aws@sha256:\
                 0000000000000000000000000000000000000000000000000000000000000000'"
            ),
            on(self.tls, "[gateway.tls]\ncertificate = 'gateway.pem'\nkey = 'file:gateway.key'"),
            on(
                self.rest,
                "[budget]\nmonthly_usd = 100.0\n[notify]\nemail = ['ada@example.org', 'bo@example.org']\n\
                 [ci]\ngithub = 'owls/fleet'\n[traffic]\npublic_name = 'api.owls.example.org'"
            ),
        );
        Project::parse(&text, Path::new("wildcam.toml"), Path::new("."), None)
            .unwrap_or_else(|error| panic!("{error:?}\n{text}"))
    }
}

fn mixtures() -> Vec<Mixture> {
    let mut all = Vec::new();
    // Every switch in every size; everything on and everything off in every strategy and place.
    let (one, strategies) = ("'eu-central-1'", ["active-active", "active-passive", "hybrid"]);
    for scale in ["small", "medium", "large"] {
        for strategy in strategies {
            for regions in [one, "'eu-central-1', 'eu-west-1'", "'ap-northeast-1'"] {
                let plain = strategy == strategies[0] && regions == one;
                for bits in (0_u8..32).filter(|bits| plain || matches!(bits, 0 | 31)) {
                    let bit = |index: u8| bits & (1 << index) != 0;
                    all.push(Mixture {
                        scale,
                        strategy,
                        regions,
                        image: bit(0),
                        zone: bit(1),
                        tls: bit(2),
                        database: bit(3),
                        rest: bit(4),
                    });
                }
            }
        }
    }
    all
}

fn render(mixture: &Mixture, environment: &str) -> Graph {
    template::render(&mixture.project(), environment).unwrap_or_else(|error| {
        panic!("{} {} image={} zone={}: {error:?}", mixture.scale, mixture.regions, mixture.image, mixture.zone)
    })
}

#[test]
fn every_template_renders_and_its_resources_fit_the_schemas() {
    let mut kinds = std::collections::BTreeSet::new();
    for mixture in mixtures() {
        for environment in ["default", "staging"] {
            let graph = render(&mixture, environment);
            for (address, resource) in graph.resources.iter().filter(|(address, _)| address.cloud == "aws") {
                let checker = Checker::of(&resource.kind).unwrap_or_else(|| panic!("no schema of {}", resource.kind));
                let wrong = checker.check(&resource.properties, true);
                assert!(wrong.is_empty(), "{address} ({}): {wrong:#?}\n{:#}", resource.kind, resource.properties);
                assert!(Rules::of(Provider::Aws).get(&resource.kind).is_some(), "no rules of {}", resource.kind);
                kinds.insert(resource.kind.clone());
            }
        }
    }
    // Types that nothing uses would be rules that nothing proves.
    let unused: Vec<&String> = Rules::of(Provider::Aws).types.keys().filter(|kind| !kinds.contains(*kind)).collect();
    assert_eq!(unused, ["AWS::SecretsManager::RotationSchedule"]);
}

#[test]
fn a_gateway_never_faces_the_internet_without_tls() {
    for mixture in mixtures() {
        let graph = render(&mixture, "default");
        let listener = graph.resources.values().find(|one| one.kind.ends_with("::Listener"));
        match (mixture.image, mixture.zone, mixture.tls) {
            (true, true, _) => {
                let listener = listener.expect("a listener");
                assert_eq!(listener.properties["Protocol"], "TLS");
                assert!(listener.properties["Certificates"][0]["CertificateArn"].is_string());
            }
            (true, false, true) => assert_eq!(listener.expect("a listener").properties["Protocol"], "TCP"),
            _ => assert!(listener.is_none()),
        }
    }
}

#[test]
fn no_secret_is_in_a_task_by_value_and_only_needed_ones_by_reference() {
    let mixture = Mixture {
        scale: "small",
        strategy: "active-active",
        regions: "'eu-central-1'",
        image: true,
        zone: true,
        tls: true,
        database: false,
        rest: true,
    };
    let graph = render(&mixture, "default");
    let task = graph.resources.values().find(|one| one.kind == "AWS::ECS::TaskDefinition").expect("a task");
    let secrets =
        task.properties.pointer("/ContainerDefinitions/0/Secrets").and_then(Value::as_array).expect("secrets");
    let names: Vec<&str> = secrets.iter().filter_map(|one| one["Name"].as_str()).collect();
    assert_eq!(
        names,
        ["WILDCAM_CLOUDS_OWN_STORE_ACCESS_KEY", "WILDCAM_CLOUDS_OWN_STORE_SECRET_KEY", "WILDCAM_FLEET_ONLINE_KEY"]
    );
    assert!(secrets.iter().all(|one| one["ValueFrom"].as_str().is_some_and(|text| text.starts_with("${aws/secrets/"))));
    let made: Vec<&Value> = graph
        .resources
        .values()
        .filter(|one| one.kind == "AWS::SecretsManager::Secret")
        .map(|one| &one.properties["SecretString"])
        .collect();
    assert_eq!(made.len(), 3);
    assert!(made.iter().all(|text| text.as_str().is_some_and(|text| text.starts_with("${secret:"))), "{made:?}");
}

/// Whether a pattern of a policy means an action.
fn means(pattern: &str, action: &str) -> bool {
    match pattern.split_once('*') {
        Some((begin, end)) => {
            action.len() >= begin.len() + end.len() && action.starts_with(begin) && action.ends_with(end)
        }
        None => pattern == action,
    }
}

#[test]
fn the_role_of_pull_requests_reads_every_type_and_changes_nothing() {
    let mixture = Mixture {
        scale: "large",
        strategy: "active-active",
        regions: "'eu-central-1'",
        image: true,
        zone: true,
        tls: false,
        database: true,
        rest: true,
    };
    let graph = render(&mixture, "default");
    let role = &graph.resources[&"aws/ci/planner".parse().expect("an address")];
    let trust = &role.properties["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]["StringEquals"];
    assert_eq!(trust["token.actions.githubusercontent.com:sub"], "repo:owls/fleet:pull_request");
    let statements = role.properties["Policies"][0]["PolicyDocument"]["Statement"].as_array().expect("statements");
    let actions = |one: &Value| -> Vec<String> {
        one["Action"].as_array().expect("a list").iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
    };
    let allowed: Vec<String> = statements.iter().flat_map(actions).collect();
    for action in &allowed {
        let verb = action.split(':').nth(1).expect("a verb");
        assert!(["Get", "List", "Describe", "View"].iter().any(|good| verb.starts_with(good)), "{action}");
        assert!(!means(action, "secretsmanager:GetSecretValue"), "{action}");
    }
    // No picture: objects of the state alone.
    for one in statements.iter().filter(|one| actions(one).iter().any(|action| means(action, "s3:GetObject"))) {
        let resources = one["Resource"].as_array().expect("a list");
        assert!(resources.iter().all(|arn| arn.as_str().is_some_and(|arn| arn.contains("-state"))), "{one}");
    }
    // What Amazon's schemas say that reading and listing need, but for the value of a secret, which is not told anyway, and
    // for endpoints of service networks, which no stack has and no list of actions knows.
    let spared = ["secretsmanager:GetSecretValue", "vpc-lattice:DescribeServiceNetworkVpcEndpointAssociation"];
    let kinds: std::collections::BTreeSet<&str> = graph.resources.values().map(|one| one.kind.as_str()).collect();
    for kind in kinds.iter().filter(|kind| kind.starts_with("AWS::")) {
        let path = format!("templates/schemas/aws/{}.json", kind.replace("::", "-"));
        let schema: Value = serde_json::from_slice(&std::fs::read(path).expect("a schema")).expect("JSON");
        for handler in ["read", "list"] {
            for action in schema["handlers"][handler].as_array().into_iter().flatten().filter_map(Value::as_str) {
                let given = allowed.iter().any(|pattern| means(pattern, action));
                assert!(given || spared.contains(&action), "{kind}: {action}");
            }
        }
    }
}

#[test]
fn the_role_of_the_jobs_trusts_one_branch_and_cannot_raise_itself() {
    let mixture = Mixture {
        scale: "small",
        strategy: "active-active",
        regions: "'eu-central-1'",
        image: true,
        zone: true,
        tls: false,
        database: true,
        rest: true,
    };
    let graph = render(&mixture, "default");
    let role = &graph.resources[&"aws/ci/deployer".parse().expect("an address")];
    let trust = &role.properties["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]["StringEquals"];
    assert_eq!(trust["token.actions.githubusercontent.com:sub"], "repo:owls/fleet:ref:refs/heads/main");
    assert_eq!(trust["token.actions.githubusercontent.com:aud"], "sts.amazonaws.com");
    let policies = role.properties["Policies"].as_array().expect("policies");
    let statements: Vec<&Value> =
        policies.iter().flat_map(|one| one["PolicyDocument"]["Statement"].as_array().expect("statements")).collect();
    let denied = statements.iter().find(|one| one["Sid"] == "NotItself").expect("a denial");
    assert!(denied["Resource"][0].as_str().is_some_and(|arn| arn.ends_with(":role/owls-aws-ci")), "{denied}");
    assert!(!statements.iter().any(|one| one["Effect"] == "Allow" && one["Action"] == "*"));
    // Inline policies of a role may have 10,240 characters together, without white space.
    let size: usize = policies.iter().map(|one| one["PolicyDocument"].to_string().len()).sum();
    assert!(size < 10_240, "{size}");
}
