//! The commands, from an empty folder to gateways that answer a camera, and back to nothing: on stores, a PostgreSQL server
//! and gateways of this machine.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use wildcam::{
    clock::Clock,
    journal::atomic,
    lab::{authority::Authority, practice::Practice},
    net::client,
    release::generate_key,
};

use crate::{
    camera::{Camera, Target, jpeg},
    databases::{self, Postgres, encoded, postgres},
    gateways::{Guard, pid_in},
    setting::Setting,
    stores::{self, KEY, SECRET, aws, free_port},
};

const DATABASE_PASSWORD: &str = "of the gateways, and long";

/// Three clouds: a store that others wrote with a database beside it, the lab's store, and a folder.
struct Place {
    setting: Setting,
    store: stores::Served,
    _lab: stores::Served,
    database: Postgres,
    authority: String,
    ports: [u16; 3],
    _gateways: [Guard; 3],
}

const CLOUDS: [&str; 3] = ["site", "lodge", "attic"];

impl Place {
    async fn new() -> Option<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut setting = Setting::new();
        let store = stores::versitygw(&setting, true)?;
        let database = postgres(&setting)?;
        let lab = stores::lab(&setting).await;
        let authority = Authority::create("gateways", &Clock::system()).unwrap();
        let identity = authority.issue(&["localhost".to_owned()], &[], Duration::from_secs(3600)).unwrap();
        let private = |name: &str, text: &str| atomic::write_private(&setting.path(name), text.as_bytes()).unwrap();
        fs::write(setting.path("gateway.pem"), &identity.chain_pem).unwrap();
        fs::write(setting.path("authority.pem"), authority.pem()).unwrap();
        fs::write(setting.path("databases.pem"), &database.authority).unwrap();
        private("gateway.key", &identity.key_pem);
        private("online.key", &generate_key().unwrap());
        let ports = [free_port(), free_port(), free_port()];
        let gateways = CLOUDS.map(|cloud| Guard(setting.path(&format!("gateways/{cloud}"))));
        setting.set("HOME", &setting.folder.path().display().to_string());
        setting.set("STORE_KEY", KEY);
        setting.set("STORE_SECRET", SECRET);
        setting.set("DATABASE_PASSWORD", DATABASE_PASSWORD);
        let admin =
            format!("postgres://postgres:{}@localhost:{}/postgres", encoded(databases::ADMIN_PASSWORD), database.port);
        setting.set("DATABASE_ADMIN", &admin);
        let here = Self {
            authority: authority.pem().to_owned(),
            _lab: lab,
            setting,
            store,
            database,
            ports,
            _gateways: gateways,
        };
        here.write("");
        Some(here)
    }

    /// Writes wildcam.toml, with `more` in the table of the project.
    fn write(&self, more: &str) {
        let at_store = |address: SocketAddr| {
            format!(
                "endpoint = \"http://{address}\"\naccess_key = \"env:STORE_KEY\"\nsecret_key = \"env:STORE_SECRET\"\n"
            )
        };
        let stores = [at_store(self.store.address), at_store(self._lab.address), "path = \"attic\"\n".to_owned()];
        let mut text = format!("[project]\nname = \"owls\"\n{more}\n");
        for ((cloud, store), port) in CLOUDS.iter().zip(stores).zip(self.ports) {
            text.push_str(&format!(
                "[clouds.{cloud}]\nprovider = \"custom\"\n[clouds.{cloud}.store]\n{store}\
                 [[clouds.{cloud}.hosts]]\nname = \"{cloud}\"\nvia = \"process\"\nfolder = \"gateways/{cloud}\"\n\
                 listen = \"127.0.0.1:{port}\"\nurl = \"https://localhost:{port}\"\n"
            ));
        }
        text.push_str(
            "[clouds.site.database]\nadmin = \"env:DATABASE_ADMIN\"\npassword = \"env:DATABASE_PASSWORD\"\n\
             authority = \"databases.pem\"\n\
             [gateway]\ncopies = 2\n[gateway.tls]\ncertificate = \"gateway.pem\"\nkey = \"file:gateway.key\"\n\
             [fleet]\nonline_key = \"file:online.key\"\n",
        );
        fs::write(self.setting.path("wildcam.toml"), text).unwrap();
    }

    /// What it printed, when it ended with this code; nothing of it is a secret.
    #[track_caller]
    fn says(&self, code: i32, arguments: &[&str]) -> String {
        let (said, error) = says(&self.setting, code, arguments);
        for secret in [DATABASE_PASSWORD, SECRET, &encoded(databases::ADMIN_PASSWORD), "PRIVATE KEY"] {
            assert!(!said.contains(secret) && !error.contains(secret), "{arguments:?} said a secret");
        }
        said + &error
    }

    fn gateway(&self, cloud: usize) -> Gateway {
        let url = format!("https://localhost:{}", self.ports[cloud]);
        Gateway { url, http: client::http(Some(&self.authority)).unwrap() }
    }

    fn pids(&self) -> [Option<u32>; 3] {
        CLOUDS.map(|cloud| pid_in(&self.setting.path(&format!("gateways/{cloud}"))))
    }

    fn buckets(&self) -> Vec<String> {
        let listed = aws(self.store.address, &["s3api", "list-buckets"]).unwrap();
        let names = listed["Buckets"].as_array().into_iter().flatten();
        names.map(|bucket| bucket["Name"].as_str().unwrap().to_owned()).collect()
    }

    async fn database_answers(&self) -> bool {
        let sql = "CREATE TABLE IF NOT EXISTS seen (ulid text)";
        databases::run(&self.database, "wildcam-owls", DATABASE_PASSWORD, "wildcam-owls", sql).await.is_ok()
    }
}

fn wildcam(setting: &Setting, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wildcam"));
    command.args(arguments).current_dir(setting.folder.path()).env_clear().envs(&setting.variables);
    command.stdin(std::process::Stdio::null()).output().unwrap()
}

/// What the program wrote to both outputs, when it ended with this code.
#[track_caller]
fn says(setting: &Setting, code: i32, arguments: &[&str]) -> (String, String) {
    let output = wildcam(setting, arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, error) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "wildcam {arguments:?}\n-- stdout\n{said}\n-- stderr\n{error}");
    (said, error)
}

struct Gateway {
    url: String,
    http: reqwest::Client,
}

impl Target for Gateway {
    fn http(&self) -> &reqwest::Client {
        &self.http
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files_below(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_project_is_deployed_used_watched_and_destroyed() {
    let Some(place) = Place::new().await else { return };

    // A plan looks and changes nothing.
    let plan = place.says(0, &["plan", "-o", "first.plan"]);
    assert!(plan.contains("Added") && plan.contains("11 added, 0 unchanged"), "{plan}");
    assert!(place.says(3, &["plan", "--exit-code"]).contains("11 added"));
    assert!(place.says(0, &["plan", "--markdown"]).contains("site/database/index"));
    assert_eq!((place.buckets(), place.pids()), (Vec::<String>::new(), [None; 3]));
    let dry = place.says(0, &["deploy", "--dry-run"]);
    assert!(dry.contains("11 added") && place.buckets().is_empty(), "{dry}");
    // Nobody is there to ask.
    assert!(place.says(4, &["deploy"]).contains("--yes"));
    assert!(place.buckets().is_empty());

    // Exactly what was saved.
    assert!(place.says(0, &["deploy", "first.plan"]).contains("Done: 11 created."));
    assert!(place.says(4, &["deploy", "first.plan"]).contains("the plan was made for state 0"));
    let gateways = place.pids();
    assert!(gateways.iter().all(Option::is_some), "{gateways:?}");
    assert_eq!(place.buckets(), ["wildcam-owls-site", "wildcam-owls-site-backups", "wildcam-owls-site-state"]);
    assert!(place.database_answers().await);

    // A camera: its picture is acknowledged by one cloud's gateway, and read from it, and from the stores, by others' client.
    let camera = Camera::new("north-ridge");
    let token = place.says(0, &["-q", "token", "enrol", "--camera", "north-ridge"]);
    let key = STANDARD.encode(camera.key.verifying_key().as_bytes());
    let body = serde_json::json!({ "camera": "north-ridge", "public_key": key });
    let first = place.gateway(0);
    let request = first.http.post(first.at("/api/cameras/register")).bearer_auth(token.trim()).json(&body);
    assert_eq!(request.send().await.unwrap().status(), 201);
    let image = jpeg(7);
    let event = camera.event(7, &image);
    let answer = camera.upload(&event, Some(&image)).send(&first).await;
    assert_eq!(answer.status(), 201);
    let answer: serde_json::Value = answer.json().await.unwrap();
    assert!(answer["copies"].as_u64().is_none_or(|copies| copies >= 2), "{answer}");
    let reader = place.says(0, &["-q", "token", "read"]);
    let url = first.at(&format!("/api/detections/{}/image", event.ulid));
    let read = first.http.get(url).bearer_auth(reader.trim()).send().await.unwrap();
    assert_eq!((read.status().as_u16(), read.bytes().await.unwrap().to_vec()), (200, image.clone()));
    let listed = aws(
        place.store.address,
        &["s3api", "list-objects-v2", "--bucket", "wildcam-owls-site", "--prefix", "detections/"],
    )
    .unwrap();
    let listed = listed["Contents"].as_array().unwrap();
    let picture = listed.iter().find(|object| object["Key"].as_str().unwrap().ends_with(".jpg")).unwrap();
    let copy = place.setting.path("picture.jpg");
    let get = ["s3api", "get-object", "--bucket", "wildcam-owls-site", "--key", picture["Key"].as_str().unwrap()];
    aws(place.store.address, &[&get[..], &[copy.to_str().unwrap()]].concat()).unwrap();
    assert_eq!(fs::read(copy).unwrap(), image);
    // The copy in the folder may come after the answer: two of three clouds were asked for.
    let in_folder = || files_below(&place.setting.path("attic/detections"));
    let is_there = || in_folder().iter().any(|path| fs::read(path).is_ok_and(|bytes| bytes == image));
    for _ in 0..600 {
        if is_there() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(is_there(), "{:?}", in_folder());

    // Nothing more to do, and nothing restarted.
    assert!(place.says(0, &["deploy", "--yes"]).contains("Nothing to do: 11 unchanged."));
    assert!(place.says(0, &["plan", "--exit-code"]).contains("Nothing to do"));
    assert!(place.says(0, &["drift"]).contains("0 drifted"));
    assert_eq!(place.pids(), gateways);

    // Behind its back: a bucket, and a gateway.
    let suspended = ["s3api", "put-bucket-versioning", "--bucket", "wildcam-owls-site", "--versioning-configuration"];
    aws(place.store.address, &[&suspended[..], &["Status=Suspended"]].concat());
    crate::gateways::kill(gateways[1].unwrap());
    let drift = place.says(3, &["drift"]);
    assert!(drift.contains("site/storage/pictures") && drift.contains("Versioning: Enabled -> Suspended"), "{drift}");
    assert!(drift.contains("lodge/gateway/lodge") && drift.contains("Running: true -> false"), "{drift}");
    assert!(drift.contains("2 drifted, 9 as they were set"), "{drift}");
    let mended = place.says(0, &["deploy", "--yes"]);
    assert!(mended.contains("Done: 2 changed.") && mended.contains("Changed by somebody else"), "{mended}");
    assert!(place.says(0, &["drift"]).contains("0 drifted"));
    assert_eq!([place.pids()[0], place.pids()[2]], [gateways[0], gateways[2]]);

    // A change of the file changes what it concerns: the gateways, one after the other.
    place.write("scale = \"medium\"");
    let changed = place.says(0, &["deploy", "--yes"]);
    assert!(changed.contains("Done: 3 changed."), "{changed}");
    let state = place.says(0, &["state", "show"]);
    assert!(state.contains("site/database/role") && state.contains("11 resources of owls (default)"), "{state}");

    // Data that nobody named stays, whatever else is agreed to.
    for arguments in [
        &["destroy", "--yes"][..],
        &["destroy", "--yes", "--allow-destroy", "*/*/*"],
        &["destroy", "--yes", "--allow-destroy", "*/*/*", "--allow-data-loss", "site/storage/pictures"],
    ] {
        let refused = place.says(4, arguments);
        assert!(refused.contains("lodge/storage/pictures: what lies in it would be lost"), "{refused}");
    }
    assert!(place.says(2, &["destroy", "--yes", "--allow-data-loss", "*/*/*"]).contains("--allow-data-loss"));
    assert!(place.says(0, &["plan", "--exit-code"]).contains("Nothing to do: 11 unchanged."));

    let mut arguments = vec!["destroy".to_owned(), "--yes".to_owned(), "--allow-destroy=*/*/*".to_owned()];
    for cloud in CLOUDS {
        for name in ["pictures", "backups"] {
            arguments.push(format!("--allow-data-loss={cloud}/storage/{name}"));
        }
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    assert!(place.says(4, &arguments).contains("site/database/index: its tables would be lost"));
    let destroyed = place.says(0, &[&arguments[..], &["--allow-data-loss=site/database/index"]].concat());
    assert!(destroyed.contains("Done: 11 deleted.") && destroyed.contains("The state is gone too"), "{destroyed}");
    assert_eq!((place.buckets(), place.pids()), (Vec::<String>::new(), [None; 3]));
    assert!(!place.database_answers().await);
    for pid in gateways.into_iter().flatten() {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&line).contains("gateway"), "{pid} still runs");
    }
    for gone in ["attic", "attic-backups", "attic-state", "gateways/site", "gateways/lodge", "gateways/attic"] {
        assert!(!place.setting.path(gone).exists(), "{gone}: {:?}", files_below(&place.setting.path(gone)));
    }
    assert!(place.says(0, &["destroy", "--yes"]).contains("Nothing to do"));
}

#[test]
fn a_state_that_is_lost_is_found_again_and_what_it_forgets_is_taken_over() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut setting = Setting::new();
    setting.set("HOME", &setting.folder.path().display().to_string());
    let practice = Practice::write(setting.folder.path(), &Clock::system()).unwrap();
    let _gateways = ["a", "b", "c"].map(|cloud| Guard(practice.folder.join(format!("gateway-{cloud}"))));
    let says = |code, arguments: &[&str]| {
        let (said, error) = says(&setting, code, arguments);
        said + &error
    };
    assert!(says(0, &["deploy", "--yes"]).contains("Done: 9 created."));

    // In every store at once, as nobody should. What stands would be taken over one by one; the marks tell all of it.
    for cloud in ["a", "b", "c"] {
        fs::remove_dir_all(practice.folder.join(format!("{cloud}-state"))).unwrap();
    }
    assert!(says(3, &["plan", "--exit-code"]).contains("9 taken over"));
    assert!(says(0, &["state", "rebuild"]).contains("Nothing was written; add --write."));
    assert!(says(0, &["state", "show"]).contains("0 resources"));
    assert!(says(0, &["--yes", "state", "rebuild", "--write"]).contains("The new state is written."));
    // A secret is never told, so it is set once more.
    assert!(says(0, &["deploy", "--yes"]).contains("Done: 3 changed."));
    assert!(says(0, &["plan", "--exit-code"]).contains("Nothing to do: 9 unchanged."));

    // Two clouds of one's own may have the same id for different things.
    assert!(says(0, &["--yes", "state", "rm", "a/storage/backups"]).contains("is forgotten"));
    assert!(practice.folder.join("a-backups").is_dir());
    assert!(says(3, &["plan", "--exit-code"]).contains("1 taken over, 8 unchanged"));
    says(0, &["--yes", "adopt", "a/storage/backups"]);
    assert!(says(0, &["plan", "--exit-code"]).contains("Nothing to do: 9 unchanged."));
    let strange = says(4, &["--yes", "adopt", "a/storage/backups"]);
    assert!(strange.contains("next:"), "{strange}");

    let mut arguments = vec!["destroy".to_owned(), "--yes".to_owned(), "--allow-destroy=*/*/*".to_owned()];
    for cloud in ["a", "b", "c"] {
        arguments.extend(["pictures", "backups"].map(|name| format!("--allow-data-loss={cloud}/storage/{name}")));
    }
    assert!(says(0, &arguments.iter().map(String::as_str).collect::<Vec<_>>()).contains("Done: 9 deleted."));
    assert!(!practice.folder.join("a-backups").exists());
}
