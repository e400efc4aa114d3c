//! `custom.gateway` as a process and as files: real gateways of the real program.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use wildcam::{
    clock::Clock,
    cloud::control::{FailureKind, Live, Severity, Wanted},
    lab::authority::Authority,
    project::{Project, SecretRef},
    release::generate_key,
};

use crate::{
    setting::{Setting, TOKEN, assert_found, change, create, live, refused, wanted, with_secret},
    stores::free_port,
};

/// Ends the gateway of a folder, should a test end before it does.
pub(crate) struct Guard(pub(crate) PathBuf);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(pid) = pid_in(&self.0) {
            kill(pid);
        }
    }
}

pub(crate) fn pid_in(folder: &Path) -> Option<u32> {
    let known: Value = serde_json::from_slice(&fs::read(folder.join("gateway.pid")).ok()?).ok()?;
    u32::try_from(known["pid"].as_u64()?).ok()
}

pub(crate) fn kill(pid: u32) {
    use rustix::process::{Pid, Signal, kill_process};
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// A project that a gateway can serve.
pub(crate) fn project(setting: &Setting, port: u16, more: &str) -> Project {
    let authority = Authority::create("gateways", &Clock::system()).unwrap();
    let identity = authority.issue(&["localhost".to_owned()], &[], Duration::from_secs(3600)).unwrap();
    let private =
        |name: &str, text: &str| wildcam::journal::atomic::write_private(&setting.path(name), text.as_bytes());
    if !setting.path("gateway.key").exists() {
        fs::write(setting.path("gateway.pem"), &identity.chain_pem).unwrap();
        private("gateway.key", &identity.key_pem).unwrap();
        private("online.key", &generate_key().unwrap()).unwrap();
    }
    setting.parse(&format!(
        "[project]\nname = \"owls\"\n[clouds.site]\nprovider = \"custom\"\n{more}\n[gateway]\ncopies = 1\n\
         listen = \"127.0.0.1:{port}\"\n[gateway.tls]\ncertificate = \"gateway.pem\"\nkey = \"file:gateway.key\"\n\
         [fleet]\nonline_key = \"file:online.key\"\n"
    ))
}

pub(crate) const FOLDER_STORE: &str = "store = { path = \"pictures\" }";

pub(crate) fn gateway(project: &Project, properties: Value) -> Wanted {
    let mut properties = properties;
    properties["Secrets"] = json!({ "WILDCAM_GATEWAY_TLS_KEY": null, "WILDCAM_FLEET_ONLINE_KEY": null });
    properties["Current"] = json!(true);
    let secret = |file: &str| {
        let reference: SecretRef = format!("file:{file}").parse().unwrap();
        project.secret(&reference, &|_| None).unwrap().expose().to_owned()
    };
    let wish = wanted("custom.gateway", "a", properties);
    let wish = with_secret(wish, "/Secrets/WILDCAM_GATEWAY_TLS_KEY", &secret("gateway.key"));
    with_secret(wish, "/Secrets/WILDCAM_FLEET_ONLINE_KEY", &secret("online.key"))
}

fn process(project: &Project) -> Wanted {
    gateway(
        project,
        json!({ "Host": "a", "Via": "process", "Executable": env!("CARGO_BIN_EXE_wildcam"), "Running": true }),
    )
}

/// No file of the folder holds a secret.
fn assert_no_secret(setting: &Setting, folder: &Path) {
    let keys = ["gateway.key", "online.key"].map(|name| fs::read_to_string(setting.path(name)).unwrap());
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let text = fs::read(entry.path()).unwrap_or_default();
        for key in &keys {
            let line = key.lines().nth(1).unwrap().as_bytes();
            assert!(!text.windows(line.len()).any(|part| part == line), "{:?} holds a key", entry.path());
        }
    }
}

fn state(live: &Live) -> (&Value, &Value) {
    (&live.properties["Running"], &live.properties["Current"])
}

const NO: &Value = &Value::Bool(false);
const YES: &Value = &Value::Bool(true);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_is_started_watched_mended_and_ended() {
    let setting = Setting::new();
    let port = free_port();
    let owls = project(&setting, port, FOLDER_STORE);
    let plane = setting.try_open(&owls).await.unwrap();
    let folder = setting.path(".wildcam/gateways/wildcam-owls-site-a");
    let _guard = Guard(folder.clone());
    let wish = process(&owls);

    let made = create(&plane, &wish).await;
    assert_eq!(made.id, "process||.wildcam/gateways/wildcam-owls-site-a|a");
    assert_found_by_id(&plane, &wish, &made).await;
    let first = pid_in(&folder).unwrap();
    let line = fs::read(format!("/proc/{first}/cmdline")).unwrap_or_default();
    assert!(!String::from_utf8_lossy(&line).contains("PRIVATE KEY"));
    assert_no_secret(&setting, &folder);
    let again = Project::load(&folder, None).unwrap();
    assert_eq!(again.settings.gateway.listen.port(), port, "its wildcam.toml is one");

    // A second call is the first, with one gateway in the end.
    assert_eq!(create(&plane, &wish).await, made);
    let second = pid_in(&folder).unwrap();
    assert!(first != second && !Path::new(&format!("/proc/{first}/exe")).exists());
    let mut stranger = wish.clone();
    stranger.owner.project = "bats".to_owned();
    assert_eq!(refused(plane.create(&stranger, TOKEN).await).kind, FailureKind::Exists);

    // Killed behind our back.
    kill(second);
    let drifted = wait_for(&plane, &made, |live| state(live) == (NO, YES)).await;
    let changes = [change("/Running", Some(json!(true)))];
    assert_eq!(live(plane.update(&drifted, &wish, &changes, TOKEN).await), made);
    // Edited behind our back.
    fs::write(folder.join("wildcam.toml"), "[project]\nname = \"bats\"\n").unwrap();
    let drifted = plane.read("custom.gateway", "global", &made.id).await.unwrap();
    assert_eq!(state(&drifted), (YES, NO));
    let changes = [change("/Current", Some(json!(true)))];
    assert_eq!(live(plane.update(&drifted, &wish, &changes, TOKEN).await), made);
    // The project moved on.
    let more = format!("{FOLDER_STORE}\nweight = 7");
    let later = setting.try_open(&project(&setting, port, &more)).await.unwrap();
    let drifted = later.read("custom.gateway", "global", &made.id).await.unwrap();
    assert_eq!(state(&drifted), (YES, NO));
    live(later.update(&drifted, &wish, &changes, TOKEN).await);
    // The file with its id is lost: it is found by its folder.
    if cfg!(target_os = "linux") {
        fs::rename(folder.join("gateway.pid"), folder.join("elsewhere")).unwrap();
        assert_eq!(state(&later.read("custom.gateway", "global", &made.id).await.unwrap()), (YES, YES));
        fs::rename(folder.join("elsewhere"), folder.join("gateway.pid")).unwrap();
    }

    let last = pid_in(&folder).unwrap();
    later.delete(&made, false, TOKEN).await.unwrap();
    assert!(!folder.exists() && !Path::new(&format!("/proc/{last}/exe")).exists());
    assert_eq!(refused(plane.delete(&made, false, TOKEN).await).kind, FailureKind::NotFound);
    assert_eq!(plane.locate(&wish).await.unwrap(), None);
    std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
}

async fn assert_found_by_id(
    plane: &std::sync::Arc<dyn wildcam::cloud::control::ControlPlane>,
    wish: &Wanted,
    made: &Live,
) {
    assert_eq!(&plane.read("custom.gateway", "global", &made.id).await.unwrap(), made);
    assert_eq!(plane.locate(wish).await.unwrap().as_ref(), Some(made));
}

/// A killed process is a zombie for a moment.
async fn wait_for(
    plane: &std::sync::Arc<dyn wildcam::cloud::control::ControlPlane>,
    made: &Live,
    holds: impl Fn(&Live) -> bool,
) -> Live {
    for _ in 0..1000 {
        let now = plane.read("custom.gateway", "global", &made.id).await.unwrap();
        if holds(&now) {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to be so");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_cannot_start_is_ended_and_says_why() {
    let setting = Setting::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let host = format!("{FOLDER_STORE}\n[[clouds.site.hosts]]\nname = \"a\"\nvia = \"process\"");
    let owls = project(&setting, port, &host);
    let plane = setting.try_open(&owls).await.unwrap();
    let _guard = Guard(setting.path(".wildcam/gateways/wildcam-owls-site-a"));
    let findings = plane.check().await;
    let found = findings.iter().find(|finding| finding.subject == "host a").unwrap();
    assert_eq!(found.severity, Severity::Warning, "{found:?}");
    let failure = refused(plane.create(&process(&owls), TOKEN).await);
    assert_eq!(failure.kind, FailureKind::Invalid, "{failure}");
    assert!(failure.message.contains("cannot be listened on"), "its last words: {failure}");
    assert!(!failure.message.contains("PRIVATE KEY"));
    // The port is free again, and the same intent goes on.
    drop(taken);
    let made = create(&plane, &process(&owls)).await;
    let findings = plane.check().await;
    let found = findings.iter().find(|finding| finding.subject == "host a").unwrap();
    assert_eq!(found.severity, Severity::Good, "{found:?}");
    assert_eq!(plane.list("custom.gateway", "global").await.unwrap()[0].live.as_ref(), Some(&made));
    plane.delete(&made, false, TOKEN).await.unwrap();

    let missing = with_executable(process(&owls), "/nowhere/wildcam");
    assert_eq!(refused(plane.create(&missing, TOKEN).await).kind, FailureKind::Invalid);
    let mut secretless = process(&owls);
    secretless.properties["Secrets"] = json!({});
    secretless.secrets.clear();
    let failure = refused(plane.create(&secretless, TOKEN).await);
    assert!(failure.message.contains("gateway.tls.key"), "{failure}");
    let mut literal = process(&owls);
    literal.properties["Secrets"]["WILDCAM_X"] = json!("sesame");
    let failure = refused(plane.create(&literal, TOKEN).await);
    assert!(failure.message.contains("WILDCAM_X") && !failure.message.contains("sesame"), "{failure}");
}

fn with_executable(mut wish: Wanted, path: &str) -> Wanted {
    wish.properties["Executable"] = json!(path);
    wish
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_written_for_somebody_who_starts_them() {
    let mut setting = Setting::new();
    setting.set("SITE_KEY", "k");
    setting.set("SITE_SECRET", "s");
    let store = "hosts = [{ name = \"a\", via = \"files\", folder = \"out\" }]\n[clouds.site.store]\n\
         endpoint = \"https://store.example:9000\"\nauthority = \"authority.pem\"\naccess_key = \"env:SITE_KEY\"\n\
         secret_key = \"env:SITE_SECRET\"";
    let authority = Authority::create("stores", &Clock::system()).unwrap();
    fs::write(setting.path("authority.pem"), authority.pem()).unwrap();
    let owls = project(&setting, 8443, store);
    let plane = setting.try_open(&owls).await.unwrap();
    let properties = json!({ "Host": "a", "Via": "files", "Folder": "out", "Image": "registry.example/w@sha256:0$x" });
    let mut wish = gateway(&owls, properties);
    for variable in ["WILDCAM_CLOUDS_SITE_STORE_ACCESS_KEY", "WILDCAM_CLOUDS_SITE_STORE_SECRET_KEY"] {
        wish.properties["Secrets"][variable] = Value::Null;
        wish = with_secret(wish, &format!("/Secrets/{variable}"), "sesame");
    }
    let made = create(&plane, &wish).await;
    assert_eq!(made.properties.get("Running"), None, "nobody can tell");
    assert_found(&plane, &wish, &made).await;
    let out = setting.path("out");
    assert_no_secret(&setting, &out);
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    let again = Project::load(&out, None).unwrap();
    let named: Vec<String> = again.secrets().into_iter().map(|(_, reference)| reference.to_string()).collect();
    assert!(named.contains(&"env:WILDCAM_CLOUDS_SITE_STORE_SECRET_KEY".to_owned()), "{named:?}");
    assert_eq!(read("authority-site.pem"), authority.pem());
    assert!(read("gateway.env.template").contains("WILDCAM_GATEWAY_TLS_KEY=\"\""));
    let compose = read("compose.yaml");
    assert!(compose.contains("image: \"registry.example/w@sha256:0$$x\""), "{compose}");
    assert!(compose.contains("no-new-privileges:true") && compose.contains("./authority-site.pem:"), "{compose}");
    assert!(read("wildcam-owls-site-a.service").contains("DynamicUser=yes"));

    fs::remove_file(out.join("compose.yaml")).unwrap();
    let drifted = plane.read("custom.gateway", "global", &made.id).await.unwrap();
    assert_eq!(drifted.properties["Current"], false);
    assert_eq!(live(plane.update(&drifted, &wish, &[], TOKEN).await), made);
    fs::write(out.join("notes.txt"), "somebody's").unwrap();
    plane.delete(&made, false, TOKEN).await.unwrap();
    let left: Vec<_> = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["notes.txt"], "what is not ours stays");

    let folder = project(&setting, 8443, FOLDER_STORE);
    let plane = setting.try_open(&folder).await.unwrap();
    let failure = refused(plane.create(&wish, TOKEN).await);
    assert_eq!(failure.kind, FailureKind::Unsupported, "a folder of this machine is on no other: {failure}");
}
