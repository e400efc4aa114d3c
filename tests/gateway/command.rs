//! `wildcam gateway`, `wildcam token` and `wildcam detections` as processes, over a project of three folders.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use wildcam::{net::client, release::generate_key};

use crate::support::{Camera, Target, jpeg};

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

[gateway]
listen = "127.0.0.1:0"
tls = { certificate = "gateway.pem", key = "file:gateway.key" }

[fleet]
online_key = "file:online.key"
"#;

fn write_private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

pub(crate) fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    std::fs::write(place.join("wildcam.toml"), PROJECT).unwrap();
    let certificate = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(place.join("gateway.pem"), certificate.cert.pem()).unwrap();
    write_private(&place.join("gateway.key"), &certificate.signing_key.serialize_pem());
    write_private(&place.join("online.key"), &generate_key().unwrap());
    folder
}

fn wildcam(project: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wildcam"));
    command.current_dir(project).env_remove("WILDCAM_TOKEN");
    command
}

pub(crate) fn output(project: &Path, arguments: &[&str]) -> Output {
    wildcam(project).args(arguments).output().unwrap()
}

pub(crate) fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A gateway process; it ends with this value, because its standard input closes.
pub(crate) struct Process {
    child: Child,
    url: String,
    http: reqwest::Client,
}

impl Process {
    pub(crate) fn start(project: &Path) -> Self {
        let mut child = wildcam(project)
            .args(["gateway", "--cloud", "b", "--json", "--until-stdin-closes"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["reason"], &line["cloud"]), (&"gateway-listening".into(), &"b".into()));
        let authority = std::fs::read_to_string(project.join("gateway.pem")).unwrap();
        let http = client::http(Some(&authority)).unwrap();
        Self { child, url: line["url"].as_str().unwrap().to_owned(), http }
    }

    pub(crate) fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Target for Process {
    fn http(&self) -> &reqwest::Client {
        &self.http
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_of_one_from_the_command_line() {
    let folder = project();
    let place = folder.path();
    let gateway = Process::start(place);
    let camera = Camera::new("north-ridge");
    let token = text(&output(place, &["token", "enrol", "--camera", "north-ridge"]));
    let key = STANDARD.encode(camera.key.verifying_key().as_bytes());
    let registered = gateway
        .http
        .post(gateway.at("/api/cameras/register"))
        .bearer_auth(token.trim())
        .json(&serde_json::json!({ "camera": "north-ridge", "public_key": key }))
        .send()
        .await
        .unwrap();
    assert_eq!(registered.status(), 201);
    let mut pictures = Vec::new();
    for number in 0..3 {
        let image = jpeg(number);
        let event = camera.event(number, &image);
        assert_eq!(camera.upload(&event, Some(&image)).send(&gateway).await.status(), 201);
        pictures.push((event.ulid.to_string(), image));
    }

    let server = ["--gateway", &gateway.url, "--authority", "gateway.pem"];
    let listed = text(&output(place, &[&["--json", "detections", "list"][..], &server].concat()));
    assert_eq!(listed.lines().count(), 3);
    let first: serde_json::Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    assert_eq!((&first["reason"], &first["species"]), (&"detection".into(), &"Lynx lynx".into()));
    let table = text(&output(place, &[&["detections", "list", "--limit", "1"][..], &server].concat()));
    assert!(table.contains("north-ridge"), "{table}");

    let export = [&["--json", "detections", "export", "--out", "out"][..], &server].concat();
    let exported: serde_json::Value = serde_json::from_str(&text(&output(place, &export))).unwrap();
    assert_eq!((&exported["detections"], &exported["fetched"]), (&3.into(), &3.into()));
    let out = place.join("out");
    for (ulid, image) in &pictures {
        assert_eq!(std::fs::read(out.join(format!("north-ridge/{ulid}.jpg"))).unwrap(), *image);
    }
    assert_eq!(std::fs::read_to_string(out.join("detections.csv")).unwrap().lines().count(), 4);
    std::fs::write(out.join(format!("north-ridge/{}.jpg", pictures[1].0)), "cut short").unwrap();
    let again: serde_json::Value = serde_json::from_str(&text(&output(place, &export))).unwrap();
    assert_eq!(again["fetched"], 1, "only what is missing or broken is fetched again");
    let got = text(&output(place, &[&["detections", "get", &pictures[0].0, "--out", "one"][..], &server].concat()));
    assert_eq!(got.lines().count(), 2);

    let wrong = wildcam(place)
        .args([&["detections", "list"][..], &server].concat())
        .env("WILDCAM_TOKEN", "nonsense")
        .output()
        .unwrap();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("the token is not valid"));

    gateway.end();
    let reindexed = output(place, &["--json", "gateway", "reindex", "--index", "fresh.sqlite"]);
    let reindexed: serde_json::Value = serde_json::from_str(&text(&reindexed)).unwrap();
    assert_eq!((&reindexed["events"], &reindexed["added"]), (&3.into(), &3.into()));
}

#[test]
fn what_is_missing_is_said_with_the_next_step() {
    let folder = project();
    let place = folder.path();
    let fails = |arguments: &[&str], code: i32, words: &str| {
        let output = output(place, arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(error.contains(words) && error.contains("next: "), "{error}");
    };
    fails(&["gateway", "--cloud", "d"], 2, "wildcam.toml has no cloud d");
    fails(&["detections", "list"], 2, "no gateway is named");
    std::fs::remove_file(place.join("online.key")).unwrap();
    fails(&["token", "read"], 2, "the fleet's online key cannot be had");
    let text = PROJECT.lines().filter(|line| !line.starts_with("tls")).collect::<Vec<_>>().join("\n");
    std::fs::write(place.join("wildcam.toml"), text).unwrap();
    fails(&["gateway"], 2, "[gateway.tls] is not set");
}
