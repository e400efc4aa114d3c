//! The built-in templates of the custom cloud: they render for every kind of store and host, and the adapter takes what
//! they say.

use std::collections::BTreeMap;

use serde_json::Value;
use wildcam::{
    cloud::{control::Wanted, rules::Rules},
    deploy::{graph::Graph, reference, template},
    project::{Project, Provider},
};

use crate::{
    setting::{Setting, assert_found, create, wanted},
    stores::{lab, site},
};

fn render(project: &Project) -> Graph {
    template::render(project, "default").unwrap_or_else(|error| panic!("{error:?}"))
}

fn kinds(graph: &Graph) -> BTreeMap<String, String> {
    graph
        .resources
        .values()
        .map(|one| (format!("{}/{}", one.address.stack, one.address.name), one.kind.clone()))
        .collect()
}

/// Every property of a resource is one that the rules or the adapter know.
fn assert_known(graph: &Graph) {
    for one in graph.resources.values() {
        let rules = Rules::of(Provider::Custom).get(&one.kind).unwrap_or_else(|| panic!("{} has no rules", one.kind));
        for pointer in &rules.identity {
            assert!(one.properties.pointer(pointer).is_some_and(|value| !value.is_null()), "{} {pointer}", one.address);
        }
        for pointer in &rules.read_only {
            assert!(one.properties.pointer(pointer).is_none(), "{} sets {pointer}", one.address);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_templates_say_of_a_store_the_adapter_makes() {
    let mut setting = Setting::new();
    let served = lab(&setting).await;
    let clouds = site(&mut setting, served.address);
    let project = setting.project(&clouds);
    let graph = render(&project);
    assert_known(&graph);
    let plane = setting.try_open(&project).await.unwrap();
    let mut made = 0;
    for one in graph.resources.values().filter(|one| one.kind == "custom.bucket") {
        let properties = reference::resolve(&one.properties, &|_, _| None);
        let wish = Wanted { owner: owner(&one.address), ..wanted(&one.kind, "x", properties) };
        let live = create(&plane, &wish).await;
        assert_found(&plane, &wish, &live).await;
        assert!(live.properties["Unsupported"].as_array().unwrap().contains(&Value::from("Lifecycle")));
        made += 1;
    }
    assert_eq!(made, 2);

    let setting = Setting::new();
    let project = setting.project("[clouds.site]\nprovider = \"custom\"\nstore = { path = \"pictures\" }\n");
    let graph = render(&project);
    assert_known(&graph);
    let plane = setting.try_open(&project).await.unwrap();
    for one in graph.resources.values().filter(|one| one.kind == "custom.folder") {
        let wish = Wanted { owner: owner(&one.address), ..wanted(&one.kind, "x", one.properties.clone()) };
        create(&plane, &wish).await;
    }
    assert!(setting.path("pictures-backups").is_dir());
}

fn owner(address: &wildcam::cloud::control::Address) -> wildcam::cloud::control::Owner {
    wildcam::cloud::control::Owner {
        project: "owls".to_owned(),
        environment: "default".to_owned(),
        address: address.clone(),
    }
}

#[test]
fn stacks_follow_what_wildcam_toml_has() {
    let setting = Setting::new();
    let bare = "[clouds.site]\nprovider = \"custom\"\nstore = { path = \"pictures\" }\n";
    let of = |clouds: &str| kinds(&render(&setting.project(clouds)));
    assert_eq!(of(bare).keys().collect::<Vec<_>>(), ["storage/backups", "storage/pictures"]);

    let whole = "[clouds.site]\nprovider = \"custom\"\nstore = { path = \"pictures\" }\n\
         hosts = [{ name = \"a\", via = \"process\", listen = \"127.0.0.1:8443\" }, \
         { name = \"b\", via = \"files\", folder = \"out\", url = \"https://b.example\" }, \
         { name = \"c\", via = \"ssh\", ssh = \"root@10.0.0.1\" }]\n\
         [clouds.site.database]\nadmin = \"env:ADMIN\"\npassword = \"env:PASSWORD\"\n";
    let graph = render(&setting.project(whole));
    assert_known(&graph);
    let all = kinds(&graph);
    assert_eq!(all["database/role"], "custom.role");
    assert_eq!(all["gateway/c"], "custom.gateway");
    let get = |name: &str| graph.resources.values().find(|one| one.address.name == name).unwrap();
    assert_eq!(get("a").properties["Running"], true);
    assert_eq!(get("b").properties.get("Running"), None);
    assert_eq!(get("c").properties["Ssh"], "root@10.0.0.1");
    assert!(get("a").needs.iter().any(|need| need.to_string() == "site/storage/pictures"));
    assert!(get("index").needs.contains(&get("role").address));
    assert_eq!(get("role").properties["Password"], "${secret:env:PASSWORD}");
    for host in ["a", "b", "c"] {
        let listed = get(host).properties.get("Listen").cloned();
        assert!(listed.is_none_or(|value| !value.is_null()), "what is null is left out");
    }
}
