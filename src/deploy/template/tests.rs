use std::path::Path;

use serde_json::json;

use super::*;
use crate::cloud::rules::NameRule;

const PROJECT: &str = "
[project]
name = 'reserve'
[clouds.aws]
provider = 'aws'
regions = ['eu-central-1', 'eu-west-1']
account = '123456789012'
[clouds.own]
provider = 'custom'
store = { path = 'pictures' }
[fleet]
online_key = 'file:secrets/online.pem'
[budget]
monthly_usd = 100.0
";

fn project(text: &str) -> Project {
    Project::parse(text, Path::new("wildcam.toml"), Path::new("."), None).unwrap()
}

fn graph(texts: &[(Provider, &str, &str)]) -> Graph {
    render_texts(&project(PROJECT), "default", texts).unwrap_or_else(|error| panic!("{error}"))
}

fn aws(text: &str) -> Graph {
    graph(&[(Provider::Aws, "s", text)])
}

/// What a person sees: message, source line, caret, next step.
fn report(error: &Error) -> String {
    let mut text = String::new();
    let theme = miette::GraphicalTheme::unicode_nocolor();
    miette::GraphicalReportHandler::new_themed(theme).with_width(100).render_report(&mut text, error).unwrap();
    text
}

fn refused(texts: &[(Provider, &str, &str)]) -> Error {
    render_texts(&project(PROJECT), "default", texts).unwrap_err()
}

fn refused_at(text: &str) -> (u32, String, String) {
    match refused(&[(Provider::Aws, "s", text)]) {
        Error::Invalid(invalid) => (invalid.line, invalid.message.clone(), invalid.help.clone().unwrap_or_default()),
        other => panic!("{other}"),
    }
}

#[test]
fn a_template_becomes_resources_with_their_references_in_full() {
    let graph = graph(&[
        (
            Provider::Aws,
            "storage",
            "stack: storage
summary: Where the pictures lie
resources:
  pictures:
    type: AWS::S3::Bucket
    needs: [identity/role]
    properties:
      BucketName: \"{{ store.bucket }}{{ suffix }}\"
      Key: \"${key.Arn}\"
      Region: {{ deploy.zone }}
      Tags:
      {% for other in others %}
        - { Key: \"{{ other.name }}\", Value: \"{{ other.provider }}\" }
      {% endfor %}
  key:
    type: AWS::KMS::Key
    region: global
    properties: { Enabled: true }
",
        ),
        (Provider::Aws, "identity", "stack: identity\nresources:\n  role:\n    type: AWS::IAM::Role\n"),
        (
            Provider::Custom,
            "storage",
            "resources:\n  folder: { type: custom.folder, properties: { peer: '${aws/storage/key}' } }\n",
        ),
    ]);
    let pictures = &graph.resources[&"aws/storage/pictures".parse().unwrap()];
    assert_eq!(
        pictures.properties,
        json!({
            "BucketName": "wildcam-reserve-aws", "Key": "${aws/storage/key.Arn}",
            "Tags": [{ "Key": "own", "Value": "custom" }],
        })
    );
    assert_eq!((pictures.region.as_str(), pictures.kind.as_str()), ("eu-central-1", "AWS::S3::Bucket"));
    let needs: Vec<String> = pictures.needs.iter().map(Address::to_string).collect();
    assert_eq!(needs, ["aws/identity/role", "aws/storage/key"]);
    assert_eq!((pictures.place.file.as_str(), pictures.place.line), ("templates/aws/storage.yaml", 4));
    assert_eq!(pictures.places["/Tags/0/Value"], 13);
    let folder = &graph.resources[&"own/storage/folder".parse().unwrap()];
    assert_eq!(folder.properties, json!({ "peer": "${aws/storage/key}" }));
    assert_eq!(folder.region, "own");
}

#[test]
fn lines_are_those_of_the_template_behind_loops_and_conditions() {
    let text = "{# a comment
   over two lines #}
{% macro tag(name) -%}
[{ Key: {{ name }} }]
{%- endmacro %}
resources:
{% for n in range(3) %}
  a{{ n }}:
    type: T
    {%- if n == 1 %}
    properties:
      Tags: {{ tag(\"x\") }}
      Text: |
        {{ n }}
        # kept
      Wrong: {{ n }}
    {%- endif %}
{% endfor %}
  last: { type: T, properties: { a: { b: 1 } } }
";
    let graph = aws(text);
    let of = |name: &str| &graph.resources[&format!("aws/s/{name}").parse().unwrap()];
    assert_eq!((of("a0").place.line, of("a2").place.line, of("last").place.line), (8, 8, 19));
    assert_eq!(of("a1").places["/Tags"], 12);
    assert_eq!(of("a1").properties["Text"], "1\n# kept\n");
    assert_eq!(of("a1").places["/Wrong"], 16);
    assert_eq!(of("last").places["/a/b"], 19);
    let (line, message, _) = refused_at(&text.replace("Wrong: {{ n }}", "Wrong: ${x}"));
    assert_eq!((line, message.as_str()), (16, "there is no resource `aws/s/x`"));
}

#[test]
fn an_error_shows_the_line_and_the_next_step() {
    let error = refused(&[(
        Provider::Aws,
        "storage",
        "stack: storage\nresources:\n{% for n in [1, 2] %}\n  b{{ n }}:\n    type: AWS::S3::Bucket\n    propertys:\n      A: 1\n{% endfor %}\n",
    )]);
    insta::assert_snapshot!(report(&error), @r#"
     × templates/aws/storage.yaml:6: a resource has no key `propertys`
      ╭─[templates/aws/storage.yaml:6:5]
    5 │     type: AWS::S3::Bucket
    6 │     propertys:
      ·     ─────┬────
      ·          ╰── here
    7 │       A: 1
      ╰────
     help: did you mean `properties`?
    "#);
}

#[test]
fn mistakes_are_told_at_their_line() {
    let head = "resources:\n  a:\n    type: T\n    properties:\n";
    for (text, line, part, help) in [
        (format!("{head}      X: {{{{ cloud.regoin }}}}\n"), 5, "there is no `cloud.regoin`", "begin with"),
        (format!("{head}      X: \"{{{{ deploy.zone }}}}\"\n"), 5, "stands for nothing", "{% if x %}"),
        (format!("{head}      X: {{% if %}}\n"), 5, "syntax error", ""),
        (format!("{head}      X: {{{{ 1 | shrot(3) }}}}\n"), 5, "unknown filter", ""),
        (format!("{head}      X: [1\n  b: 2\n"), 6, "no YAML", ""),
        (format!("{head}      X: \"${{b.Arn}}\"\n  bb: {{ type: T }}\n"), 5, "no resource `aws/s/b`", "`bb`?"),
        (format!("{head}      X: \"${{a b}}\"\n"), 5, "is no reference", "$${"),
        (format!("{head}      X: \"a${{secret:env:K}}\"\n"), 5, "a secret stands alone", ""),
        (format!("{head}      X: [1, null]\n"), 5, "is nothing", "leave the item out"),
        (format!("{head}      X: {{ $secret: x }}\n"), 5, "wildcam's own", ""),
        ("stack: t\nresources: {}\n".to_owned(), 1, "lies in the file s.yaml", "rename the file"),
        ("resorces: {}\n".to_owned(), 1, "no key `resorces`", "`resources`?"),
        ("stack: s\n".to_owned(), 1, "no resources", ""),
        ("- a\n".to_owned(), 1, "this is a list", ""),
        ("resources:\n  A: { type: T }\n".to_owned(), 2, "no name for a resource", "a-z"),
        ("resources:\n  a: { typ: T }\n".to_owned(), 2, "no key `typ`", "`type`?"),
        ("resources:\n  a: {}\n".to_owned(), 2, "has no type", "add type"),
        ("resources:\n  a: { type: T, needs: [b] }\n".to_owned(), 2, "no resource `aws/s/b`", "there is: a"),
        ("resources:\n  a: { type: T, needs: [a.b] }\n".to_owned(), 2, "not its property", "write a"),
        (
            "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}".to_owned(),
            1,
            "too many steps",
            "",
        ),
        ("{% for a in range(99999) %}{{ 'x' * 100 }}{% endfor %}".to_owned(), 1, "more than 4 MiB", "stacks"),
    ] {
        let (at, message, next) = refused_at(&text);
        assert!(message.contains(part), "{text}: {message}");
        assert_eq!(at, line, "{text}: {message}");
        assert!(next.contains(help), "{text}: {next}");
    }
}

#[test]
fn a_stack_may_leave_itself_out_and_says_so_where_an_image_is_missing() {
    let with = "when: \"{{ gateway.image is not none }}\"\nresources:\n  a: { type: T, properties: { I: \"{{ gateway.image | short(9) }}\" } }\n";
    let graph = graph(&[(Provider::Aws, "gateway", with)]);
    assert!(graph.resources.is_empty());
    assert!(graph.notes[0].starts_with("aws/gateway is left out: there is no image yet"), "{:?}", graph.notes);
    let image = format!(
        "{PROJECT}[deploy.images]\naws = 'r.example/g@sha256:0000000000000000000000000000000000000000000000000000000000000000'\n"
    );
    let graph = render_texts(&project(&image), "default", &[(Provider::Aws, "gateway", with)]).unwrap();
    assert_eq!((graph.resources.len(), graph.notes.len()), (1, 0));
    let error = refused(&[
        (Provider::Aws, "gateway", with),
        (Provider::Aws, "dns", "resources:\n  a: { type: T, properties: { X: '${gateway/a.Url}' } }\n"),
    ]);
    assert!(report(&error).contains("left out by its `when`"), "{}", report(&error));
}

#[test]
fn names_are_cut_so_that_they_stay_different() {
    let graph = aws("resources:
  a:
    type: T
    properties:
      Same: \"{{ 'wildcam' | short(24) }}\"
      One: \"{{ 'a-very-long-name-of-a-reserve-1' | short(20) }}\"
      Two: \"{{ 'a-very-long-name-of-a-reserve-2' | short(20) }}\"
      Letters: \"{{ 'Wild-Cam_7' | letters }}\"
      Json: '{{ {\"a\": [1, \"x\"]} | tojson }}'
      Secret: \"{{ secret('file:x') }}\"
      Suffix: \"a{{ suffix }}\"
      Share: {{ budget.monthly_usd }}
      Serves: {{ cloud.serves }}
");
    let p = &graph.resources.values().next().unwrap().properties;
    let (one, two) = (p["One"].as_str().unwrap(), p["Two"].as_str().unwrap());
    assert!(one.len() == 20 && two.len() == 20 && one != two && one.starts_with("a-very-long-na"), "{one} {two}");
    assert_eq!(
        (&p["Same"], &p["Letters"], &p["Json"]),
        (&json!("wildcam"), &json!("wildcam7"), &json!("{\"a\": [1, \"x\"]}"))
    );
    assert_eq!((&p["Secret"], &p["Suffix"], &p["Share"]), (&json!("${secret:file:x}"), &json!("a"), &json!(50.0)));
    assert_eq!(p["Serves"], true);
}

#[test]
fn a_circle_is_printed_whole_with_its_places() {
    let error = refused(&[
        (
            Provider::Aws,
            "s",
            "resources:\n  a:\n    type: T\n    properties:\n      X: { Y: '${b.Id}' }\n  b: { type: T, needs: [t/c] }\n",
        ),
        (Provider::Aws, "t", "resources:\n  c: { type: T, properties: { Z: ['x-${s/a}'] } }\n  d: { type: T }\n"),
    ]);
    insta::assert_snapshot!(report(&error), @r#"
     × templates/aws/s.yaml:5: these resources need each other in a circle, so none can be made
     │ first:
     │   aws/s/a needs aws/s/b (templates/aws/s.yaml:5)
     │   aws/s/b needs aws/t/c (templates/aws/s.yaml:6)
     │   aws/t/c needs aws/s/a (templates/aws/t.yaml:2)
      ╭─[templates/aws/s.yaml:5:7]
    4 │     properties:
    5 │       X: { Y: '${b.Id}' }
      ·       ─────────┬─────────
      ·                ╰── here
    6 │   b: { type: T, needs: [t/c] }
      ╰────
     help: take one of these references out
    "#);
    let (line, message, _) = refused_at("resources:\n  a: { type: T, properties: { X: '${a.Id}' } }\n");
    assert_eq!((line, message.as_str()), (2, "`aws/s/a` needs itself"));
}

#[test]
fn a_pasted_secret_is_refused_and_never_repeated() {
    let body = |property: &str| {
        format!("resources:\n  a:\n    type: T\n    properties:\n      Before: 1\n{property}      After: 2\n")
    };
    for (property, secret, line) in [
        ("      Password: hunter2hunter2\n", "hunter2", 6),
        ("      Id: AKIAIOSFODNN7ABCDEFG\n", "AKIAIOSFODNN7ABCDEFG", 6),
        ("      SecretKey: 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\n", "MDENG", 6),
        (
            "      Pem: |\n        -----BEGIN PRIVATE KEY-----\n        MC4CAQAwBQYDK2Vw\n        -----END PRIVATE KEY-----\n",
            "MC4CAQ",
            7,
        ),
        ("      Env: [{ Name: DB, Value: 'postgres://u:hunter2@db/x' }]\n", "hunter2", 6),
        ("      Password: \"{{ 'hunter2' }}\"\n", "hunter2", 6),
    ] {
        let error = refused(&[(Provider::Aws, "s", &body(property))]);
        let Error::Invalid(invalid) = &error else { panic!("{error}") };
        assert_eq!(invalid.line, line, "{property}");
        assert!(invalid.message.contains("not repeated here"), "{}", invalid.message);
        let seen = report(&error);
        assert!(!seen.contains(secret), "{seen}");
        assert!(seen.contains("secret:env:NAME"), "{seen}");
    }
}

#[test]
fn a_secret_pasted_into_wildcam_toml_is_refused_and_never_repeated() {
    let own = "provider = 'custom'\nstore = { endpoint = 'https://s3.example', bucket = 'b' }\n";
    for lines in [
        format!("[clouds.a]\n{own}[clouds.a.database]\nadmin = 'postgres://root:hunter2@db/postgres'\npassword = 'env:P'\n"),
        format!("[clouds.a]\n{own}[clouds.a.database]\nadmin = 'env:A'\npassword = 'hunter2'\n"),
        format!("[clouds.a]\n{own}[deploy]\nstate_key = 'hunter2hunter2'\n"),
        "[clouds.a]\nprovider = 'aws'\nregions = ['x']\n[clouds.a.store]\naccess_key = 'env:A'\nsecret_key = 'hunter2'\n".to_owned(),
        format!("[clouds.a]\n{own}[notify]\nwebhook = 'https://hooks.example/hunter2'\n"),
    ] {
        let text = format!("[project]\nname = 'x'\n{lines}");
        let error = Project::parse(&text, Path::new("wildcam.toml"), Path::new("."), None).unwrap_err();
        let mut seen = format!("{error}");
        let theme = miette::GraphicalTheme::unicode_nocolor();
        miette::GraphicalReportHandler::new_themed(theme).render_report(&mut seen, &error).unwrap();
        assert!(!seen.contains("hunter2") && seen.contains("a secret is named here, never written"), "{seen}");
    }
}

fn rules(provider: Provider, kind: &str) -> Option<&'static TypeRules> {
    static RULES: std::sync::OnceLock<TypeRules> = std::sync::OnceLock::new();
    let rules = RULES.get_or_init(|| TypeRules {
        words: "storage account".to_owned(),
        identity: vec!["/name".to_owned()],
        worldwide: true,
        read_only: vec!["/url".to_owned()],
        names: BTreeMap::from([("/name".to_owned(), NameRule { min: 3, max: 24, characters: "a-z0-9".to_owned() })]),
        ..TypeRules::default()
    });
    (provider == Provider::Azure && kind == "Microsoft.Storage/storageAccounts").then_some(rules)
}

fn with_rules(text: &str) -> Result<Graph, Error> {
    let two = "[project]\nname = 'serengeti-north'\n[clouds.azure]\nprovider = 'azure'\nregions = ['westeurope']\n[clouds.azure-2]\nprovider = 'azure'\nregions = ['northeurope']\nstore = { account = 'other' }\n";
    whole(&project(two), "default", &[TemplateText::named(Provider::Azure, "storage", text)], &rules)
}

#[test]
fn a_name_too_long_for_azure_storage_is_refused_before_anything_is_asked() {
    let text =
        "resources:\n  pictures:\n    type: Microsoft.Storage/storageAccounts\n    properties:\n      name: NAME\n";
    let error = with_rules(&text.replace("NAME", "\"wildcam{{ project.name | letters }}{{ cloud.name | letters }}\""))
        .unwrap_err();
    insta::assert_snapshot!(report(&error), @r#"
     × templates/azure/storage.yaml:5: Microsoft.Storage/storageAccounts `azure/storage/pictures`:
     │ the name `wildcamserengetinorthazure` has 26 characters and may have 24 at most
      ╭─[templates/azure/storage.yaml:5:7]
    4 │     properties:
    5 │       name: "wildcam{{ project.name | letters }}{{ cloud.name | letters }}"
      ·       ──────────────────────────────────┬──────────────────────────────────
      ·                                         ╰── here
      ╰────
     help: shorten it in wildcam.toml (project.name, the cloud's name, its store), or in the template
           with | short(N) and | letters
    "#);
    let error = with_rules(&text.replace("NAME", "\"wildcam-{{ cloud.name | letters }}\"")).unwrap_err();
    assert!(error.to_string().ends_with("the name `wildcam-azure` holds `-`, and may hold a-z0-9 only"), "{error}");
    let error = with_rules(&text.replace("NAME", "ab")).unwrap_err();
    assert!(error.to_string().ends_with("has 2 characters and needs 3 at least"), "{error}");
    let error = with_rules(&format!("{}      url: x\n", text.replace("NAME", "abc"))).unwrap_err();
    assert!(error.to_string().contains("`url` is set by the provider alone"), "{error}");
    assert!(with_rules(&text.replace("NAME", "\"{{ (project.name ~ cloud.name) | letters | short(24) }}\"")).is_ok());
}

#[test]
fn two_resources_cannot_share_one_identity() {
    let text =
        "resources:\n  pictures:\n    type: Microsoft.Storage/storageAccounts\n    properties:\n      name: samename\n";
    let error = with_rules(text).unwrap_err();
    insta::assert_snapshot!(report(&error), @r#"
     × templates/azure/storage.yaml:5: `azure/storage/pictures` and `azure-2/storage/pictures` are
     │ the same storage account `samename`: two resources cannot share one identity
     │   templates/azure/storage.yaml:5
     │   templates/azure/storage.yaml:5
      ╭─[templates/azure/storage.yaml:5:7]
    4 │     properties:
    5 │       name: samename
      ·       ───────┬──────
      ·              ╰── here
      ╰────
     help: give one of them another name, or take it out
    "#);
}

#[test]
fn a_cloud_without_a_region_or_an_account_is_told_apart() {
    let text = "[project]\nname = 'x'\n[clouds.gcp]\nprovider = 'gcp'\n";
    let error = render_texts(&project(text), "default", &[(Provider::Gcp, "s", "resources: {}\n")]).unwrap_err();
    assert_eq!(error.to_string(), "wildcam.toml: the cloud `gcp` has no region, and every resource needs one");
    assert!(report(&error).contains("add regions = [\"...\"] to [clouds.gcp]"));
    let text = format!("{text}regions = ['europe-west3']\n");
    let error = render_texts(&project(&text), "default", &[(Provider::Gcp, "s", "resources: {}\n")]).unwrap_err();
    assert!(error.to_string().starts_with("wildcam.toml: the cloud `gcp` has no account"), "{error}");
    assert!(report(&error).contains("add account = \"...\" to [clouds.gcp]"));
}

#[test]
fn a_setting_cannot_break_out_of_its_quotes() {
    for bad in ["a\"b", "a\\b", "${secret:env:X}", "a\nb"] {
        let text = format!("{PROJECT}[traffic]\npublic_name = {bad:?}\n");
        let error = render_texts(&project(&text), "default", &[(Provider::Aws, "s", "resources: {}\n")]).unwrap_err();
        assert!(error.to_string().contains("what stands for `gateway.public_name`"), "{error}");
    }
}

#[test]
fn templates_of_the_project_win_and_stay_inside_of_it() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("templates/aws");
    std::fs::create_dir_all(&folder).unwrap();
    let project = Project::parse(PROJECT, Path::new("wildcam.toml"), home.path(), None).unwrap();
    let own = "resources:\n  mine: { type: T }\n";
    std::fs::write(folder.join("storage.yaml"), own).unwrap();
    std::fs::write(folder.join("further.yaml"), own).unwrap();
    std::fs::write(folder.join("README.md"), "x").unwrap();
    let graph = render(&project, "default").unwrap();
    let in_storage: Vec<_> = graph.resources.keys().filter(|a| a.cloud == "aws" && a.stack == "storage").collect();
    assert_eq!(in_storage.len(), 1);
    let mine = &graph.resources[&"aws/storage/mine".parse().unwrap()];
    assert_eq!(mine.place.file, "templates/aws/storage.yaml");
    assert!(graph.resources.contains_key(&"aws/further/mine".parse().unwrap()));
    std::fs::write(folder.join("other.yml"), own).unwrap();
    assert!(report(&render(&project, "default").unwrap_err()).contains("ends in .yaml"));
    std::fs::remove_file(folder.join("other.yml")).unwrap();
    std::fs::write(folder.join("big.yaml"), vec![b'#'; 1024 * 1024 + 1]).unwrap();
    assert!(render(&project, "default").unwrap_err().to_string().ends_with("is larger than 1 MiB"));
    std::fs::remove_file(folder.join("big.yaml")).unwrap();
    #[cfg(unix)]
    {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("x.yaml"), own).unwrap();
        std::os::unix::fs::symlink(outside.path().join("x.yaml"), folder.join("x.yaml")).unwrap();
        let error = render(&project, "default").unwrap_err();
        assert!(error.to_string().ends_with("leads out of the project's folder"), "{error}");
    }
}

#[test]
fn what_is_built_in_renders_for_every_provider_that_has_templates() {
    for scale in ["small", "medium", "large"] {
        let text = PROJECT.replace("name = 'reserve'", &format!("name = 'reserve'\nscale = '{scale}'"));
        let more = "[clouds.azure]\nprovider = 'azure'\nregions = ['westeurope']\naccount = '00000000-0000-0000-0000-000000000000'\n[clouds.gcp]\nprovider = 'gcp'\nregions = ['europe-west3']\naccount = 'reserve-1'\n";
        let graph =
            render(&project(&format!("{text}{more}")), "default").unwrap_or_else(|error| panic!("{}", report(&error)));
        println!("{scale}: {} resources", graph.resources.len());
    }
}

proptest::proptest! {
    #[test]
    fn nothing_makes_rendering_panic(
        head in "(resources:\n  a:\n    type: T\n    properties:\n)?",
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80),
    ) {
        let text = format!("{head}      X: {}", String::from_utf8_lossy(&bytes));
        let _ = render_texts(&project(PROJECT), "default", &[(Provider::Aws, "s", &text)]);
    }

    #[test]
    fn nothing_like_a_template_makes_rendering_panic(
        text in "(resources:\n  a:\n    type: T\n    properties:\n      X: )?([{}%#\\- \n'\":a-c$/&*!|>\\[\\],.0-2]|\\{\\{|\\}\\}|\\{%|%\\}|for |in |if |set |raw |end|range\\(3\\)|cloud\\.name|\\$\\{){0,30}",
    ) {
        let _ = render_texts(&project(PROJECT), "default", &[(Provider::Aws, "s", &text)]);
    }
}
