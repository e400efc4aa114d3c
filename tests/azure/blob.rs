//! The state's place, in Azurite: Blob storage that nobody here wrote.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::TryStreamExt;
use hmac::{Hmac, KeyInit, Mac};
use object_store::{ObjectStore, ObjectStoreExt, PutMode, UpdateVersion};
use sha2::Sha256;
use wildcam::{
    clock::Random,
    cloud::control::{ControlPlane, FailureKind},
    journal::{
        lease::Lease,
        register::{Register, Timeouts},
    },
};

use crate::{
    arm::{self, Fake, SUBSCRIPTION},
    peers,
    support::signed_in,
};

/// A running Azurite; it ends with the test.
struct Azurite {
    child: Child,
    endpoint: String,
    key: String,
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts Azurite with one account; `None` where it is not installed.
fn azurite(folder: &Path, account: &str) -> Option<Azurite> {
    let program = peers::require("azurite-blob")?;
    let key = STANDARD.encode([7_u8; 32]);
    let mut child = Command::new(program)
        .args([
            "--blobHost",
            "127.0.0.1",
            "--blobPort",
            "0",
            "--skipApiVersionCheck",
            "--disableTelemetry",
            "--location",
        ])
        .arg(folder)
        .env("AZURITE_ACCOUNTS", format!("{account}:{key}"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let endpoint = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| line.find("http://").map(|at| line[at..].trim().to_owned()))
        .expect("Azurite tells its address");
    // It goes on telling what it is asked; somebody must listen.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    Some(Azurite { child, endpoint, key })
}

/// Makes a container as the control plane would.
async fn make_container(azurite: &Azurite, account: &str, container: &str) {
    let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let resource = format!("/{account}/{account}/{container}\nrestype:container");
    let signed = format!("PUT{}x-ms-date:{date}\nx-ms-version:2021-08-06\n{resource}", "\n".repeat(12));
    let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(&azurite.key).unwrap()).unwrap();
    mac.update(signed.as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let answer = wildcam::net::client::http(None)
        .unwrap()
        .put(format!("{}/{account}/{container}?restype=container", azurite.endpoint))
        .header("x-ms-date", date)
        .header("x-ms-version", "2021-08-06")
        .header("content-length", "0")
        .header("authorization", format!("SharedKey {account}:{signature}"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 201, "{}", answer.text().await.unwrap());
}

/// The account that the control plane made for the state.
fn account_of(fake: &Fake) -> String {
    let ids = fake.resources();
    let id = ids.keys().find(|id| id.contains("/storageAccounts/")).unwrap();
    id.split('/').nth(8).unwrap().to_owned()
}

#[tokio::test]
async fn the_place_of_the_state_is_made_once_and_removed_with_its_group() {
    let fake = arm::start(0).await;
    let plane = signed_in(&fake).await;
    assert!(plane.state_store("reserve", false).await.unwrap().is_none());
    fake.unregister("Microsoft.Storage");
    let store = plane.state_store("reserve", true).await.unwrap().unwrap();
    let account = account_of(&fake);
    assert_eq!(store.place, format!("{account}/wildcam-state"));
    assert!((3..=24).contains(&account.len()) && account.starts_with("wcstreserve"), "{account}");
    assert!(account.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{account}");
    // Again it is found, by another process too.
    signed_in(&fake).await.state_store("reserve", true).await.unwrap().unwrap();
    assert!(fake.creations().values().all(|times| *times == 1), "{:?}", fake.creations());
    let blobs = &fake.resources()[&format!(
        "/subscriptions/{SUBSCRIPTION}/resourceGroups/reserve-state/providers/Microsoft.Storage/storageAccounts/{account}/blobServices/default"
    )];
    assert_eq!(blobs["properties"]["isVersioningEnabled"], true);
    // Another project's state has another place.
    plane.state_store("other", true).await.unwrap().unwrap();
    plane.remove_state_store("reserve").await.unwrap();
    assert!(fake.resources().keys().all(|id| !id.contains("reserve")), "{:?}", fake.resources().keys());
    plane.remove_state_store("reserve").await.unwrap();
    assert!(plane.state_store("reserve", false).await.unwrap().is_none());
}

#[tokio::test]
async fn who_may_only_read_reads_the_state_with_a_token() {
    let fake = arm::start(0).await;
    signed_in(&fake).await.state_store("reserve", true).await.unwrap().unwrap();
    fake.deny_keys();
    let folder = tempfile::tempdir().unwrap();
    let text = crate::support::text(&fake, "");
    let text = text.replace("endpoints = { ", &format!("endpoints = {{ blob = '{}blob', ", fake.url));
    let project = crate::support::project(folder.path(), &fake, &text);
    let plane = crate::support::plane(&project, crate::support::lookup(&crate::support::SIGNED_IN)).await.unwrap();
    let store = plane.state_store("reserve", false).await.unwrap().unwrap();
    // The fake takes a token for storage and no other: it says that there is no such blob.
    let error = store.objects.get(&"fleet/registers/x.json".into()).await.unwrap_err();
    assert!(matches!(error, object_store::Error::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn a_group_of_that_name_that_is_somebody_elses_is_left_alone() {
    let fake = arm::start(0).await;
    let plane = signed_in(&fake).await;
    let group = crate::support::wanted(
        "az/identity/group",
        "Microsoft.Resources/resourceGroups",
        "westeurope",
        serde_json::json!({ "name": "reserve-state" }),
    );
    crate::support::made(plane.as_ref(), &group).await.unwrap();
    assert_eq!(plane.state_store("reserve", true).await.unwrap_err().kind, FailureKind::Exists);
    assert_eq!(plane.remove_state_store("reserve").await.unwrap_err().kind, FailureKind::Protected);
}

/// The state's objects of a plane whose account's blobs lie in Azurite.
async fn objects(
    plane: &dyn ControlPlane,
    fake: &Fake,
    folder: &Path,
) -> Option<(Azurite, String, Arc<dyn ObjectStore>)> {
    plane.state_store("reserve", true).await.unwrap().unwrap();
    let account = account_of(fake);
    let azurite = azurite(folder, &account)?;
    make_container(&azurite, &account, "wildcam-state").await;
    // The account's own address is what the control plane tells.
    fake.blobs(&azurite.endpoint, &azurite.key);
    let id = format!(
        "/subscriptions/{SUBSCRIPTION}/resourceGroups/reserve-state/providers/Microsoft.Storage/storageAccounts/{account}"
    );
    fake.change(&id, "/properties/primaryEndpoints/blob", format!("{}/{account}/", azurite.endpoint).into());
    let store = plane.state_store("reserve", false).await.unwrap().unwrap();
    Some((azurite, account, store.objects))
}

#[tokio::test]
async fn azurite_decides_who_writes_first_and_who_holds_the_lease() {
    let fake = arm::start(0).await;
    let folder = tempfile::tempdir().unwrap();
    let plane = signed_in(&fake).await;
    let Some((azurite, account, objects)) = objects(plane.as_ref(), &fake, folder.path()).await else { return };
    let key = "deploy/default/journal/000000000001-00000001.jsonl".into();
    objects.put_opts(&key, "first".into(), PutMode::Create.into()).await.unwrap();
    let second = objects.put_opts(&key, "second".into(), PutMode::Create.into()).await;
    assert!(matches!(second, Err(object_store::Error::AlreadyExists { .. })), "{second:?}");
    assert_eq!(objects.get(&key).await.unwrap().bytes().await.unwrap(), "first");
    // Of two that read the same, one writes.
    let read = objects.get(&key).await.unwrap();
    let version = UpdateVersion { e_tag: read.meta.e_tag.clone(), version: read.meta.version.clone() };
    objects.put_opts(&key, "mine".into(), PutMode::Update(version.clone()).into()).await.unwrap();
    let late = objects.put_opts(&key, "late".into(), PutMode::Update(version).into()).await;
    assert!(matches!(late, Err(object_store::Error::Precondition { .. })), "{late:?}");
    // The register and the lease of a deploy, over this store.
    let random = Random::seeded(7);
    let stores = vec![("az".to_owned(), Arc::clone(&objects))];
    let register = |name: &str, who: &str| {
        Register::<u64>::new(name, stores.clone(), who, random.clone(), Timeouts::default()).unwrap()
    };
    let (one, two) = (register("deploy.default.head", "one"), register("deploy.default.head", "two"));
    for _ in 0..5 {
        let add = |value: Option<u64>| Ok::<_, ()>(value.unwrap_or(0) + 1);
        let (first, second) = tokio::join!(one.change(add), two.change(add));
        first.unwrap();
        second.unwrap();
    }
    assert_eq!(one.read().await.unwrap(), Some(10), "no change is lost");
    let leases =
        Register::new("deploy.default.lease", stores.clone(), "one", random.clone(), Timeouts::default()).unwrap();
    let lease = Lease::acquire(&leases, "one", "a deploy", Duration::from_secs(30)).await.unwrap();
    lease.renew().await.unwrap();
    let epoch = lease.epoch();
    lease.release().await.unwrap();
    let next = Lease::acquire(&leases, "two", "a deploy", Duration::from_secs(30)).await.unwrap();
    assert!(next.epoch() > epoch);
    next.release().await.unwrap();
    let listed: Vec<_> = objects.list(None).try_collect().await.unwrap();
    assert_eq!(listed.len(), 3, "{listed:?}");
    seen_by_others(&azurite, &account);
    // The key is the account's, and another one is refused.
    let text = format!("{objects:?}");
    assert!(!text.contains(&azurite.key), "the key shows in {text}");
}

/// Azure's own client sees what was written.
fn seen_by_others(azurite: &Azurite, account: &str) {
    let Some(program) = peers::require("az") else { return };
    let connection = format!(
        "DefaultEndpointsProtocol=http;AccountName={account};AccountKey={};BlobEndpoint={}/{account};",
        azurite.key, azurite.endpoint
    );
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(program)
        .args(["storage", "blob", "list", "--container-name", "wildcam-state", "--query", "[].name", "--output", "tsv"])
        .env("AZURE_STORAGE_CONNECTION_STRING", connection)
        .env("AZURE_CONFIG_DIR", home.path())
        .env("AZURE_CORE_COLLECT_TELEMETRY", "false")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let names = String::from_utf8_lossy(&output.stdout);
    let found: Vec<&str> = names.lines().map(str::trim).collect();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(
        found,
        [
            "deploy/default/journal/000000000001-00000001.jsonl",
            "fleet/registers/deploy.default.head.json",
            "fleet/registers/deploy.default.lease.json"
        ]
    );
}
