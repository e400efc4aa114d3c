//! What a user of the project file sees: init, project, doctor, completions and help.

use std::{
    path::Path,
    process::{Command, Output},
};

const TWO_CLOUDS: &str = "\
[project]
name = \"x\"

[clouds.a]
provider = \"custom\"
store = { path = \"a\" }

[clouds.b.store]
endpoint = \"https://b.example\"
access_key = \"env:B_KEY\"
secret_key = \"env:B_SECRET\"

[clouds.b]
provider = \"custom\"

[gateway]
";

struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs wildcam in a folder with nothing of the surroundings but the system's own.
fn wildcam(dir: &Path, arguments: &[&str]) -> Ran {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_wildcam"))
        .args(arguments)
        .current_dir(dir)
        .env_clear()
        .env("HOME", dir)
        .output()
        .expect("wildcam starts");
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    Ran { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

/// What `project show` says to the two clouds with these lines under `[gateway]` and after it.
fn complaint(lines: &str) -> String {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("wildcam.toml"), format!("{TWO_CLOUDS}{lines}\n")).expect("a file");
    let ran = wildcam(dir.path(), &["project", "show"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
    ran.stderr
}

#[test]
fn an_unknown_key_is_shown_with_the_one_that_was_meant() {
    insta::assert_snapshot!(complaint("copys = 2"), @r#"
      × wildcam.toml:17: unknown key `copys`
        ╭─[wildcam.toml:17:1]
     16 │ [gateway]
     17 │ copys = 2
        · ──┬──
        ·   ╰── here
        ╰────
      help: did you mean `copies`?
    "#);
}

#[test]
fn a_wrong_type_says_what_was_expected() {
    insta::assert_snapshot!(complaint("copies = \"two\""), @r#"
      × wildcam.toml:17: expected a whole number from 0 to 255, found text
        ╭─[wildcam.toml:17:10]
     16 │ [gateway]
     17 │ copies = "two"
        ·          ──┬──
        ·            ╰── here
        ╰────
    "#);
}

#[test]
fn a_word_that_is_none_is_shown_with_the_one_that_was_meant() {
    let complaint = complaint("degraded = \"one-cpoy\"");
    assert!(complaint.contains("wildcam.toml:17: unknown value `one-cpoy`"), "{complaint}");
    assert!(complaint.contains("did you mean `one-copy`?"), "{complaint}");
}

#[test]
fn a_length_of_time_needs_its_unit() {
    let complaint = complaint("[health]\ninterval = \"5 parsecs\"");
    assert!(complaint.contains("wildcam.toml:18: expected a length of time such as \"5s\""), "{complaint}");
}

#[test]
fn a_pasted_secret_is_never_shown() {
    let complaint = complaint("signing_key = \"hunter2/hunter2\"");
    assert!(!complaint.contains("hunter2"), "{complaint}");
    assert!(complaint.contains("wildcam.toml:17: a secret is named here, never written"), "{complaint}");
    for line in
        ["signing_kye = \"hunter2\"", "copies = \"x\"\nsigning_key = 'hunter2'", "key = hunter2", "key = [\"hunter2\"]"]
    {
        let complaint = self::complaint(line);
        assert!(!complaint.contains("hunter2"), "{complaint}");
    }
}

#[test]
fn more_copies_than_clouds_are_refused_where_they_stand() {
    let complaint = complaint("copies = 3");
    assert!(complaint.contains("wildcam.toml:17: copies = 3 needs as many clouds, and there are 2"), "{complaint}");
}

#[test]
fn a_fault_in_an_environment_that_was_not_asked_for_is_found() {
    let complaint = complaint("[env.production.gateway]\ncopies = 5");
    assert!(complaint.contains("wildcam.toml:18: copies = 5 needs"), "{complaint}");
    assert!(complaint.contains("(under [env.production])"), "{complaint}");
}

#[test]
fn environments_are_laid_over_the_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let text = format!("{TWO_CLOUDS}copies = 2\n[env.staging.gateway.limits]\nbody = \"1MiB\"\n");
    std::fs::write(dir.path().join("wildcam.toml"), text).expect("a file");
    let body = |arguments: &[&str]| {
        let ran = wildcam(dir.path(), arguments);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let line: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one JSON line");
        assert_eq!(line["reason"], "project");
        assert_eq!(line["settings"]["gateway"]["copies"], 2);
        line["settings"]["gateway"]["limits"]["body"].clone()
    };
    assert_eq!(body(&["project", "show", "--json"]), "8MiB");
    assert_eq!(body(&["project", "show", "--json", "--env", "staging"]), "1MiB");
    let ran = wildcam(dir.path(), &["project", "show", "--env", "stagin"]);
    assert_eq!(ran.code, Some(2));
    insta::assert_snapshot!(ran.stderr, @r#"
      × wildcam.toml has no environment `stagin`
      help: did you mean `staging`?
    "#);
}

#[test]
fn init_writes_a_file_that_shows_and_never_overwrites_it() {
    for (clouds, protected) in [("aws", false), ("custom,custom", true), ("aws,azure,gcp", true)] {
        let dir = tempfile::tempdir().expect("a folder");
        let ran = wildcam(dir.path(), &["init", "--name", "reserve", "--clouds", clouds, "--scale", "large"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stdout.contains("estimate, list prices, before tax"), "{}", ran.stdout);
        assert_eq!(ran.stderr.contains("no cloud-loss protection"), !protected, "{}", ran.stderr);
        assert_eq!(wildcam(dir.path(), &["project", "show"]).code, Some(0));
        let before = std::fs::read(dir.path().join("wildcam.toml")).expect("a file");
        assert_eq!(wildcam(dir.path(), &["init", "--name", "other"]).code, Some(4));
        assert_eq!(std::fs::read(dir.path().join("wildcam.toml")).expect("a file"), before);
        assert_eq!(wildcam(dir.path(), &["init", "--name", "other", "--force"]).code, Some(0));
        assert_ne!(std::fs::read(dir.path().join("wildcam.toml")).expect("a file"), before);
        assert_eq!(std::fs::read_dir(dir.path()).expect("a folder").count(), 1);
    }
}

#[test]
fn a_name_that_could_break_the_file_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let ran = wildcam(dir.path(), &["init", "--name", "x\"\n[env]"]);
    assert_eq!(ran.code, Some(2));
    assert_eq!(std::fs::read_dir(dir.path()).expect("a folder").count(), 0);
}

#[test]
fn doctor_says_what_is_missing() {
    let dir = tempfile::tempdir().expect("a folder");
    let good = wildcam(dir.path(), &["doctor"]);
    assert_eq!(good.code, Some(0), "{}{}", good.stdout, good.stderr);
    std::fs::write(dir.path().join("wildcam.toml"), TWO_CLOUDS).expect("a file");
    let ran = wildcam(dir.path(), &["doctor", "--json"]);
    assert_eq!(ran.code, Some(1));
    let lines: Vec<serde_json::Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    let missing = lines.iter().find(|line| line["check"] == "clouds.b.store.access_key").expect("a finding");
    assert_eq!(missing["state"], "problem");
    assert_eq!(missing["found"], "the environment variable B_KEY is not set");
    assert!(missing["next_step"].is_string());
    let summary = lines.iter().find(|line| line["reason"] == "doctor").expect("a summary");
    assert_eq!(summary["problems"], 2);
}

#[test]
fn doctor_asks_every_cloud_and_shows_the_worst_first() {
    let dir = tempfile::tempdir().expect("a folder");
    let text = "[project]\nname = 'x'\n[clouds.a]\nprovider = 'custom'\nstore = { path = 'a' }\n\
                [clouds.b]\nprovider = 'custom'\n[clouds.b.store]\nendpoint = 'http://127.0.0.1:1'\n\
                access_key = 'env:ABSENT'\nsecret_key = 'env:ABSENT'\n";
    std::fs::write(dir.path().join("wildcam.toml"), text).expect("a file");
    let ran = wildcam(dir.path(), &["--json", "doctor", "--cloud"]);
    let lines: Vec<serde_json::Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    let findings: Vec<_> = lines.iter().filter(|line| line["reason"] == "cloud-finding").collect();
    for cloud in ["a", "b"] {
        assert!(findings.iter().any(|line| line["cloud"] == cloud), "{lines:?}");
    }
    let rank = |line: &serde_json::Value| ["bad", "warning", "good"].iter().position(|word| line["severity"] == *word);
    assert!(findings.is_sorted_by_key(|line| rank(line).expect("a severity")), "{findings:?}");
    let bad = findings.iter().filter(|line| line["severity"] == "bad").count();
    assert!(bad > 0, "the key of b is nowhere: {findings:?}");
    let summary = lines.iter().find(|line| line["reason"] == "doctor-cloud").expect("a summary");
    assert_eq!((&summary["bad"], &summary["clouds"], ran.code), (&bad.into(), &2.into(), Some(1)));
    let one = wildcam(dir.path(), &["--json", "doctor", "--cloud", "a"]);
    assert!(!one.stdout.contains("\"cloud\":\"b\""), "{}", one.stdout);
    let unknown = wildcam(dir.path(), &["doctor", "--cloud", "c"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("wildcam doctor --cloud a|b"), "{}", unknown.stderr);
}

#[test]
fn the_schema_knows_every_table_of_a_new_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let schema: serde_json::Value =
        serde_json::from_str(&wildcam(dir.path(), &["project", "schema"]).stdout).expect("JSON");
    assert_eq!(wildcam(dir.path(), &["init", "--name", "x"]).code, Some(0));
    let text = std::fs::read_to_string(dir.path().join("wildcam.toml")).expect("a file");
    let file: toml::Table = text.parse().expect("TOML");
    for table in file.keys() {
        assert!(schema["properties"][table].is_object(), "{table}");
    }
    // An environment may leave out what the file itself must give.
    assert_eq!(schema["$defs"]["Cloud"]["required"], serde_json::json!(["provider"]));
    assert_eq!(schema["$defs"]["OverrideCloud"]["required"], serde_json::Value::Null);
}

#[test]
fn help_and_completions_know_the_commands() {
    let dir = tempfile::tempdir().expect("a folder");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = wildcam(dir.path(), &["completions", shell]);
        assert_eq!(ran.code, Some(0));
        assert!(ran.stdout.contains("quickstart"), "{shell}");
    }
    let front = wildcam(dir.path(), &["--help"]).stdout;
    for group in ["In the field:", "In CI and on servers:", "When things fail"] {
        assert!(front.contains(group), "{front}");
    }
    assert!(wildcam(dir.path(), &["help", "all"]).stdout.contains("project schema"));
    assert!(wildcam(dir.path(), &["help", "project", "show"]).stdout.contains("Examples:"));
    assert_eq!(wildcam(dir.path(), &["help", "nothing"]).code, Some(2));
}
