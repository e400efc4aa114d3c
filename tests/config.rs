//! `wildcam config` and `wildcam ota` on a project of three folders.

#![allow(clippy::unwrap_used, reason = "a test that cannot read what it needs has failed")]

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod support;

use std::{fs, path::PathBuf, time::Duration};

use serde_json::{Value, json};
use support::{Output, TestDir};

const PROJECT: &str = r#"
[project]
name = "test"
strategy = "active-active"

[clouds.a]
provider = "custom"
regions = ["a-1"]
store = { path = "stores/a" }

[clouds.b]
provider = "custom"
regions = ["b-1"]
store = { path = "stores/b" }

[clouds.c]
provider = "custom"
regions = ["c-1"]
store = { path = "stores/c" }

[fleet]
online_key = "file:online.key"
"#;

/// A project in which `ridge-01` and `ridge-02` have enrolled.
struct Camp(TestDir);

impl Camp {
    fn new() -> Self {
        let camp = Self(TestDir::new());
        fs::write(camp.at("wildcam.toml"), PROJECT).unwrap();
        fs::write(camp.at("online.key"), wildcam::release::generate_key().unwrap().as_bytes()).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(camp.at("online.key"), fs::Permissions::from_mode(0o600)).unwrap();
        }
        for camera in ["ridge-01", "ridge-02"] {
            for store in ["a", "b", "c"] {
                let folder = camp.at(&format!("stores/{store}/cameras/{camera}"));
                fs::create_dir_all(&folder).unwrap();
                fs::write(folder.join("key.json"), "{}").unwrap();
            }
        }
        camp
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.project().join(path)
    }

    fn run(&self, line: &str) -> Output {
        self.0.run(&line.split(' ').collect::<Vec<_>>())
    }

    /// The JSON lines of a command that ends well.
    #[track_caller]
    fn json(&self, line: &str) -> Vec<Value> {
        self.run(&format!("{line} --json --yes")).expect_code(0).json_lines()
    }

    /// What `config show` says that the camera shall be set to.
    #[track_caller]
    fn shown(&self) -> (u64, Value) {
        let line = self.json("config show --camera ridge-01").remove(0);
        (line["number"].as_u64().unwrap(), line["settings"].clone())
    }

    /// Lets no document of the fleet be written to or read from a store.
    fn break_store(&self, store: &str) {
        let folder = self.at(&format!("stores/{store}/fleet"));
        let _ = fs::rename(&folder, self.at(&format!("stores/{store}/away")));
        fs::write(folder, "").unwrap();
    }
}

#[test]
fn a_change_is_shown_asked_signed_and_kept_in_every_store() {
    let camp = Camp::new();
    fs::write(camp.at("ridge.toml"), "picture_every = \"10m\"\nsurvey = \"05-09\"\n").unwrap();
    let dry = camp.run("config push --camera ridge-01 ridge.toml --dry-run").expect_code(0);
    assert!(dry.stdout.contains("picture_every") && dry.stdout.contains("\"05-09\""), "{dry:?}");
    assert!(dry.stdout.contains("as the board has it") && dry.stdout.contains("dry run"), "{dry:?}");
    let unasked = camp.run("config push --camera ridge-01 ridge.toml").expect_code(4);
    assert!(unasked.stderr.contains("--yes"), "{unasked:?}");
    assert!(!camp.at("stores/a/fleet/cameras").exists(), "nothing was signed so far");

    let pushed = camp.json("config push --camera ridge-01 ridge.toml").remove(0);
    assert_eq!(
        (&pushed["number"], &pushed["based_on"], &pushed["copies"]),
        (&json!(1), &json!(0), &json!(3)),
        "{pushed}"
    );
    let change = json!({ "key": "picture_every", "before": null, "after": "\"10m\"" });
    assert_eq!(pushed["changes"][0], change, "{pushed}");
    for store in ["a", "b", "c"] {
        let folder = camp.at(&format!("stores/{store}/fleet/cameras/ridge-01"));
        let newest = fs::read(folder.join("config.cose")).unwrap();
        assert_eq!(newest, fs::read(folder.join("config/1.cose")).unwrap());
    }
    assert_eq!(camp.shown(), (1, json!({ "picture_every": "10m", "survey": "05-09" })));

    // The same once more is nothing; and what one store lost is given to it again.
    fs::remove_file(camp.at("stores/b/fleet/cameras/ridge-01/config.cose")).unwrap();
    let same = camp.run("config push --camera ridge-01 ridge.toml").expect_code(0);
    assert!(same.stdout.contains("nothing changes; version 1 says this already"), "{same:?}");
    assert!(camp.at("stores/b/fleet/cameras/ridge-01/config.cose").exists());

    // Two cameras at once: one is changed by it, and the other set for the first time.
    let both = camp.json("config push --camera ridge-01 --camera ridge-02 --set report_every=2h --unset survey");
    let told: Vec<_> = both.iter().map(|line| (line["camera"].as_str().unwrap(), line["number"].as_u64())).collect();
    assert_eq!(told, [("ridge-01", Some(2)), ("ridge-02", Some(1))]);
    assert_eq!(camp.shown(), (2, json!({ "picture_every": "10m", "report_every": "2h" })));
}

#[test]
fn what_is_written_wrong_is_told_with_its_line_before_a_store_is_asked() {
    let camp = Camp::new();
    fs::write(camp.at("ridge.toml"), "deep_sleep = true\npicture_evry = \"10m\"\n").unwrap();
    let wrong = camp.run("config push --camera ridge-01 ridge.toml --yes").expect_code(2);
    assert!(
        wrong.stderr.contains("ridge.toml:2") && wrong.stderr.contains("did you mean `picture_every`?"),
        "{wrong:?}"
    );
    let wrong = camp.run("config push --camera ridge-01 --set picture_every=9s --yes").expect_code(2);
    assert!(wrong.stderr.contains("expected whole seconds from \"10s\" to \"7d\""), "{wrong:?}");
    let wrong = camp.run("config push --camera ridge-01 --unset survy --yes").expect_code(2);
    assert!(wrong.stderr.contains("did you mean `survey`?"), "{wrong:?}");
    for (line, words) in [
        ("config push --camera ridge-01 --yes", "--set KEY=VALUE"),
        ("config push --camera ridge-01 none.toml --yes", "there is no none.toml"),
        ("config push --camera Ridge --set deep_sleep=true", "is no camera id"),
        ("config push --set deep_sleep=true", "--camera"),
        ("config push --camera ridge-01 ridge.toml --set deep_sleep=true", "cannot be used with"),
    ] {
        let wrong = camp.run(line).expect_code(2);
        assert!(wrong.stderr.contains(words), "{line}: {wrong:?}");
    }
    let unknown = camp.run("config push --camera ridge-09 --set deep_sleep=true --yes").expect_code(1);
    assert!(unknown.stderr.contains("no camera called ridge-09 has enrolled"), "{unknown:?}");
    let nothing = camp.run("config show --camera ridge-01").expect_code(0);
    assert!(nothing.stdout.contains("nothing was ever set"), "{nothing:?}");
    assert!(!camp.at("stores/a/fleet/cameras").exists());
}

#[test]
fn a_push_that_is_based_on_an_older_version_is_a_conflict() {
    let camp = Camp::new();
    camp.json("config push --camera ridge-01 --set picture_every=10m");
    camp.json("config push --camera ridge-01 --set picture_every=20m --based-on 1");
    let conflict = camp.run("config push --camera ridge-01 --set picture_every=30m --based-on 1 --yes").expect_code(4);
    assert!(conflict.stderr.contains("version 1 was the newest"), "{conflict:?}");
    assert!(conflict.stderr.contains("wildcam config diff --camera ridge-01 1"), "{conflict:?}");
    assert_eq!(camp.shown(), (2, json!({ "picture_every": "20m" })));
}

#[test]
fn history_tells_what_changed_and_rollback_gives_old_settings_a_new_number() {
    let camp = Camp::new();
    for change in ["--set picture_every=10m", "--set deep_sleep=true --set link=wifi", "--unset link"] {
        camp.json(&format!("config push --camera ridge-01 {change}"));
    }
    let lines = camp.json("config history --camera ridge-01 --limit 2");
    assert_eq!(lines.iter().map(|line| line["number"].as_u64().unwrap()).collect::<Vec<_>>(), [3, 2]);
    let keys = |line: &Value| -> Vec<String> {
        line["changes"].as_array().unwrap().iter().map(|change| change["key"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((keys(&lines[0]), keys(&lines[1])), (vec!["link".to_owned()], vec!["deep_sleep".into(), "link".into()]));
    assert_eq!(lines[0]["signer"].as_str().unwrap().len(), 16);
    let table = camp.run("config history --camera ridge-01").expect_code(0).stdout;
    assert!(table.contains("link \"wifi\" -> as the board has it"), "{table}");

    let diff = camp.json("config diff --camera ridge-01").remove(0);
    assert_eq!((&diff["from"], &diff["to"], keys(&diff)), (&json!(2), &json!(3), vec!["link".to_owned()]));
    let diff = camp.json("config diff --camera ridge-01 1 3").remove(0);
    assert_eq!(keys(&diff), ["deep_sleep"]);
    let missing = camp.run("config diff --camera ridge-01 9").expect_code(1);
    assert!(missing.stderr.contains("ridge-01 has no version 9"), "{missing:?}");

    camp.json("config rollback --camera ridge-01 1");
    assert_eq!(camp.shown(), (4, json!({ "picture_every": "10m" })));
    camp.json("config rollback --camera ridge-01");
    assert_eq!(camp.shown(), (5, json!({ "picture_every": "10m", "deep_sleep": true })));
    let none = camp.run("config rollback --camera ridge-02 --yes").expect_code(1);
    assert!(none.stderr.contains("no earlier version with other settings"), "{none:?}");
}

#[test]
fn one_store_may_be_away_and_two_may_not() {
    let camp = Camp::new();
    camp.json("config push --camera ridge-01 --set picture_every=10m");
    camp.break_store("c");
    let pushed = camp.run("config push --camera ridge-01 --set picture_every=20m --yes").expect_code(0);
    assert!(pushed.stdout.contains("2 of 3 stores") && pushed.stderr.contains("the store of c"), "{pushed:?}");
    camp.break_store("b");
    let failed = camp.run("config push --camera ridge-01 --set picture_every=30m --yes").expect_code(1);
    assert!(failed.stderr.contains("wildcam doctor --cloud"), "{failed:?}");
    let document = fs::read(camp.at("stores/a/fleet/cameras/ridge-01/config.cose")).unwrap();
    assert_eq!(document, fs::read(camp.at("stores/a/fleet/cameras/ridge-01/config/2.cose")).unwrap());
}

#[test]
fn a_release_that_no_chain_of_trust_names_is_not_asked_for() {
    let camp = Camp::new();
    let push = "ota push --camera ridge-01 --yes";
    let unknown = camp.run(push).expect_code(2);
    assert!(unknown.stderr.contains("--board BOARD"), "{unknown:?}");
    let rootless = camp.run(&format!("{push} --board esp32c3")).expect_code(2);
    assert!(
        rootless.stderr.contains("releases/root/1.cose") && rootless.stderr.contains("wildcam key init"),
        "{rootless:?}"
    );
    fs::write(camp.at("root.cose"), "nonsense").unwrap();
    let wrong = camp.run(&format!("{push} --board esp32c3 --root root.cose")).expect_code(4);
    assert!(wrong.stderr.contains("the root cannot be trusted"), "{wrong:?}");
    let wrong = camp.run(&format!("{push} --board ESP")).expect_code(2);
    assert!(wrong.stderr.contains("is no name of a board"), "{wrong:?}");
    let status = camp.run("ota status --camera ridge-01").expect_code(0);
    assert!(status.stdout.contains("any") && status.stdout.contains("not in 7 days"), "{status:?}");
}

/// From the operator of a lab to one of its cameras, which obeys what it can and says what it cannot.
#[test]
fn a_camera_of_a_lab_takes_settings_on_and_refuses_what_it_cannot_do() {
    let folder = TestDir::new();
    let up = folder.wildcam(&["lab", "up", "--cameras", "1", "--upload-every", "2s"]);
    folder.run_within(Duration::from_secs(120), up).expect_code(0);
    let operator = folder.project().join(".wildcam/lab/operator");
    let run = |line: &str| {
        let arguments =
            [&["--project", operator.to_str().unwrap(), "--json", "--yes"][..], &line.split(' ').collect::<Vec<_>>()];
        folder.run(&arguments.concat())
    };
    // A gateway of a lab writes what it heard every five seconds.
    let reported = |wanted: &dyn Fn(&Value) -> bool| -> Value {
        for _ in 0..120 {
            let shown = run("config show --camera cam-001").expect_code(0).json_lines().remove(0);
            if wanted(&shown["reported"]) {
                return shown;
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        panic!("the camera did not say so within a minute");
    };
    reported(&|reported| reported["number"] == 0);
    run("config push --camera cam-001 --set picture_every=0s --set report_every=10s").expect_code(0);
    let shown = reported(&|reported| reported["number"] == 1);
    assert_eq!((&shown["number"], &shown["reported"]["refused"]), (&json!(1), &Value::Null), "{shown}");
    run("config push --camera cam-001 --set deep_sleep=true").expect_code(0);
    let shown = reported(&|reported| reported["refused"] == json!({ "number": 2, "why": "unable deep_sleep" }));
    assert_eq!(shown["reported"]["number"], 1, "{shown}");
    run("config rollback --camera cam-001 1").expect_code(0);
    reported(&|reported| reported["number"] == 3);
    folder.run(&["lab", "down"]).expect_code(0);
}
