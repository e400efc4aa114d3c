//! Against servers that nobody here wrote: fake-gcs-server for buckets, objects and conditional writes, gcplocal for
//! Compute, Cloud SQL, Storage and IAM; and Google's own gsutil, that looks at what was made.

use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, UpdateVersion, path::Path as Key};
use serde_json::json;
use wildcam::{
    clock::Random,
    cloud::control::FailureKind,
    journal::{
        lease::{Claim, Standing},
        register::{Register, Timeouts},
    },
};

use super::{
    google,
    plane::{change, differences, make, open, project, remove, wanted},
    support::{Running, TestDir, peers},
};

const LIMIT: Duration = Duration::from_secs(60);

/// A server of a peer on loopback.
struct Server {
    _running: Running,
    folder: TestDir,
    port: u16,
    /// Where the same answers with TLS, where it does.
    tls: u16,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("its address").port()
}

fn start(executable: &Path, arguments: impl Fn(u16, u16) -> String) -> Server {
    let folder = TestDir::new();
    let (port, tls) = (free_port(), free_port());
    let mut command = folder.command(executable);
    command.args(arguments(port, tls).split(' ')).env("PYTHONUNBUFFERED", "1");
    let running = folder.start(command);
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < LIMIT, "{} does not answer:\n{}", executable.display(), running.stderr());
        std::thread::sleep(Duration::from_millis(20));
    }
    Server { _running: running, folder, port, tls }
}

fn fake_gcs() -> Option<Server> {
    let executable = peers::require("fake-gcs-server")?;
    Some(start(&executable, |port, tls| {
        format!(
            "-scheme both -host 127.0.0.1 -port {tls} -port-http {port} -backend memory -location EUROPE-WEST3 \
             -public-host 127.0.0.1:{port} -external-url http://127.0.0.1:{port}"
        )
    }))
}

/// The cloud with its storage at the server, and the rest at the fake.
fn storage_at(server: &Server, fake: &google::Fake) -> wildcam::project::Project {
    let mut project = project(&fake.url, "");
    let cloud = project.settings.clouds.get_mut("gcp").expect("the cloud");
    let url = format!("http://127.0.0.1:{}", server.port).parse().expect("an address");
    cloud.endpoints.insert("storage".to_owned(), url);
    project
}

#[tokio::test]
async fn buckets_stand_in_fake_gcs_server_and_gsutil_sees_them() {
    let Some(server) = fake_gcs() else { return };
    let fake = google::start(11);
    let plane = open(&storage_at(&server, &fake), &fake).await;
    let properties =
        json!({"name": "wildcam-serengeti-gcp", "location": "EUROPE-WEST3", "versioning": {"enabled": true}});
    let bucket = wanted("gcp/storage/pictures", "storage.buckets", "global", properties);
    assert_eq!(plane.locate(&bucket).await.unwrap(), None);
    let live = make(&*plane, &bucket).await.unwrap();
    assert_eq!(differences(&live.properties, &bucket.properties, ""), vec![]);
    assert_eq!(plane.create(&bucket, super::plane::TOKEN).await.unwrap_err().kind, FailureKind::Exists);
    assert_eq!(plane.locate(&bucket).await.unwrap().unwrap().id, live.id);
    let listed = plane.list("storage.buckets", "global").await.unwrap();
    assert_eq!(listed.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["wildcam-serengeti-gcp"]);
    let mut off = bucket.clone();
    off.properties["versioning"]["enabled"] = false.into();
    assert_eq!(change(&*plane, &live, &off).await.unwrap().properties["versioning"]["enabled"], false);

    let state = plane.state_store("serengeti", true).await.unwrap().unwrap();
    let key = Key::from("deploy/default/journal/000000000001-00000001.jsonl");
    state.objects.put(&key, "{\"one\":1}\n".into()).await.unwrap();
    if let Some(gsutil) = peers::require("gsutil") {
        let config = server.folder.project().join("boto");
        let text = format!(
            "[Credentials]\ngs_json_host = 127.0.0.1\ngs_json_port = {}\n[Boto]\n\
             https_validate_certificates = False\n[GSUtil]\nprefer_api = json\nstate_dir = {}\n",
            server.tls,
            server.folder.project().join("state").display()
        );
        std::fs::write(&config, text).unwrap();
        let run = |arguments: &[&str]| {
            let mut command = server.folder.command(&gsutil);
            command.args(arguments).env("BOTO_CONFIG", &config);
            server.folder.run_within(LIMIT, command).expect_code(0).stdout
        };
        let buckets = run(&["ls", "-p", google::PROJECT]);
        assert!(
            buckets.contains("gs://wildcam-serengeti-gcp/") && buckets.contains("gs://wildcam-serengeti-gcp-state/"),
            "{buckets}"
        );
        assert_eq!(run(&["cat", &format!("gs://wildcam-serengeti-gcp-state/{key}")]), "{\"one\":1}\n");
        assert!(run(&["versioning", "get", "gs://wildcam-serengeti-gcp-state"]).contains("Enabled"));
    }
    remove(&*plane, &live, false).await.unwrap();
    plane.remove_state_store("serengeti").await.unwrap();
    assert!(plane.state_store("serengeti", false).await.unwrap().is_none());
    assert_eq!(plane.list("storage.buckets", "global").await.unwrap(), vec![]);
}

async fn conditional_writes(objects: &Arc<dyn ObjectStore>) {
    let key = Key::from("deploy/default/state/000000000001.json");
    let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    let first = objects.put_opts(&key, "one".into(), create.clone()).await.unwrap();
    assert!(matches!(objects.put_opts(&key, "two".into(), create).await, Err(Error::AlreadyExists { .. })));
    let update = |version: Option<String>| PutOptions {
        mode: PutMode::Update(UpdateVersion { e_tag: None, version }),
        ..PutOptions::default()
    };
    let second = objects.put_opts(&key, "two".into(), update(first.version.clone())).await.unwrap();
    assert_ne!(first.version, second.version);
    assert!(matches!(
        objects.put_opts(&key, "three".into(), update(first.version)).await,
        Err(Error::Precondition { .. })
    ));
    assert_eq!(objects.get(&key).await.unwrap().bytes().await.unwrap(), "two");
    assert_eq!(objects.get_range(&key, 1..3).await.unwrap(), "wo");
    let missing = Key::from("deploy/nothing");
    assert!(matches!(objects.get(&missing).await, Err(Error::NotFound { .. })));
    objects.put(&Key::from("deploy/default/state/000000000002.json"), "".into()).await.unwrap();
    let folder = Key::from("deploy/default");
    let found = objects.list_with_delimiter(Some(&folder)).await.unwrap();
    assert_eq!(found.common_prefixes, vec![Key::from("deploy/default/state")]);
    let all: Vec<_> = futures_util::TryStreamExt::try_collect(objects.list(Some(&folder))).await.unwrap();
    assert_eq!(all.len(), 2);
    objects.delete(&key).await.unwrap();
    assert!(matches!(objects.head(&key).await, Err(Error::NotFound { .. })));
}

/// The register and the lease of the journal, with several proposers at once.
async fn register_and_lease(objects: &Arc<dyn ObjectStore>) {
    let open = |seed| {
        let stores = vec![("gcp".to_owned(), Arc::clone(objects))];
        Register::<u64>::new("deploy.default.head", stores, "test", Random::seeded(seed), Timeouts::default()).unwrap()
    };
    let proposers = (0..4_u64).map(|seed| {
        let register = open(seed);
        tokio::spawn(async move {
            for _ in 0..5 {
                let next = |now: Option<u64>| Ok::<_, std::convert::Infallible>(now.unwrap_or_default() + 1);
                register.change(next).await.unwrap();
            }
        })
    });
    for proposer in proposers {
        proposer.await.unwrap();
    }
    assert_eq!(open(9).read().await.unwrap(), Some(20), "every change counts once");

    let lease = |seed| {
        let stores = vec![("gcp".to_owned(), Arc::clone(objects))];
        Register::new("deploy.default.lease", stores, "test", Random::seeded(seed), Timeouts::default()).unwrap()
    };
    let minute = Duration::from_secs(60);
    let (first, second) = (lease(1), lease(2));
    let Standing::Taken(held) = Claim::new(&first, "ci", "deploy", minute).unwrap().attempt().await.unwrap() else {
        panic!("the lease is free")
    };
    let mut other = Claim::new(&second, "laptop", "deploy", minute).unwrap();
    assert!(matches!(other.attempt().await.unwrap(), Standing::HeldBy { .. }));
    held.release().await.unwrap();
    assert!(matches!(other.attempt().await.unwrap(), Standing::Taken(_)));
}

#[tokio::test]
async fn the_state_is_written_conditionally_in_fake_gcs_server() {
    let Some(server) = fake_gcs() else { return };
    let fake = google::start(12);
    let plane = open(&storage_at(&server, &fake), &fake).await;
    assert!(plane.state_store("serengeti", false).await.unwrap().is_none());
    let store = plane.state_store("serengeti", true).await.unwrap().unwrap();
    conditional_writes(&store.objects).await;
    register_and_lease(&store.objects).await;
    plane.remove_state_store("serengeti").await.unwrap();
}

#[tokio::test]
async fn the_state_is_written_conditionally_in_the_fake() {
    let fake = google::start(13);
    let plane = open(&project(&fake.url, ""), &fake).await;
    let store = plane.state_store("serengeti", true).await.unwrap().unwrap();
    conditional_writes(&store.objects).await;
    register_and_lease(&store.objects).await;
    plane.remove_state_store("serengeti").await.unwrap();
    assert!(fake.resources().is_empty());
}

#[tokio::test]
async fn gcplocal_takes_what_it_covers() {
    let Some(executable) = peers::require("gcplocal") else { return };
    let server = start(&executable, |port, _| format!("start --host 127.0.0.1 --port {port}"));
    let fake = google::start(14);
    let mut project = project(&fake.url, "");
    let url = format!("http://127.0.0.1:{}", server.port).parse().unwrap();
    project.settings.clouds.get_mut("gcp").unwrap().endpoint = Some(url);
    let plane = open(&project, &fake).await;
    let region = "europe-west3";
    let cases = [
        (
            "storage.buckets",
            "global",
            json!({"name": "wildcam-serengeti-gcp", "location": "EUROPE-WEST3", "versioning": {"enabled": true}}),
            json!({"name": "wildcam-serengeti-gcp", "location": "EUROPE-WEST3", "versioning": {"enabled": false}}),
        ),
        (
            "iam.serviceAccounts",
            "global",
            json!({"accountId": "gateway", "serviceAccount": {"displayName": "Old"}}),
            json!({"accountId": "gateway", "serviceAccount": {"displayName": "New"}}),
        ),
        (
            "iam.roles",
            "global",
            json!({"roleId": "deploys", "role": {"title": "Old", "includedPermissions": ["a.b.c"]}}),
            json!({"roleId": "deploys", "role": {"title": "New", "includedPermissions": ["a.b.c"]}}),
        ),
        (
            "sqladmin.instances",
            region,
            json!({"name": "db", "region": region, "databaseVersion": "POSTGRES_18", "settings": {"tier": "db-g1-small"}}),
            json!({"name": "db", "region": region, "databaseVersion": "POSTGRES_18", "settings": {"tier": "db-custom-2-7680"}}),
        ),
        (
            "sqladmin.databases",
            region,
            json!({"instance": "db", "name": "index"}),
            json!({"instance": "db", "name": "index"}),
        ),
        (
            "compute.networks",
            "global",
            json!({"name": "net", "autoCreateSubnetworks": false}),
            json!({"name": "net", "autoCreateSubnetworks": false}),
        ),
    ];
    let mut made = Vec::new();
    for (index, (kind, place, before, after)) in cases.into_iter().enumerate() {
        let address = format!("gcp/s/r{index}");
        let before = wanted(&address, kind, place, before);
        let live = make(&*plane, &before).await.unwrap_or_else(|failure| panic!("{kind}: {failure:?}"));
        assert_eq!(differences(&live.properties, &before.properties, ""), vec![], "{kind}");
        let found = plane.locate(&before).await.unwrap().unwrap_or_else(|| panic!("{kind} is not found"));
        assert_eq!(found.id, live.id, "{kind}");
        // Of a network gcplocal forgets the description, and with it the marks.
        if kind != "compute.networks" {
            assert_eq!(found.owner.as_ref(), Some(&before.owner), "{kind}");
        }
        let after = wanted(&address, kind, place, after);
        let changed = change(&*plane, &live, &after).await.unwrap_or_else(|failure| panic!("{kind}: {failure:?}"));
        assert_eq!(differences(&changed.properties, &after.properties, ""), vec![], "{kind}");
        if kind != "sqladmin.databases" {
            let listed = plane.list(kind, place).await.unwrap_or_else(|failure| panic!("{kind}: {failure:?}"));
            assert!(listed.iter().any(|one| one.id == live.id), "{kind}");
        }
        made.push(changed);
    }
    for live in made.iter().rev() {
        remove(&*plane, live, false).await.unwrap_or_else(|failure| panic!("{}: {failure:?}", live.kind));
        let gone = plane.read(&live.kind, &live.region, &live.id).await;
        assert_eq!(gone.unwrap_err().kind, FailureKind::NotFound, "{}", live.kind);
    }
}
