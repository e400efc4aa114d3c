//! What one camera is set to: from the operator over the stores and a gateway to the camera, and what the camera says of it.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use wildcam::{
    clock::{Clock, Random},
    fleet::config::{basis, publish},
    project::{CameraSettings, Period},
    release::{FileSigner, Role, Signer, documents::open_config},
};
use wildcam_core::{
    config::Settings,
    wire::{CameraId, keys},
};

use crate::{
    command::{Process, output, project, text},
    support::{Camera, Served, Target, Wanted, kind},
};

const PATH: &str = "/api/cameras/one/config";

fn stores(served: &Served) -> Vec<(String, Arc<dyn ObjectStore>)> {
    let named = |(n, store): (usize, &Arc<_>)| (n.to_string(), Arc::clone(store) as Arc<dyn ObjectStore>);
    served.stores.iter().enumerate().map(named).collect()
}

/// Sets camera `one` to a picture every so many minutes.
async fn set(served: &Served, minutes: u64, release: Option<u64>) -> u64 {
    let (stores, signer, random) = (stores(served), served.signer.as_ref(), Random::seeded(minutes));
    let camera = CameraId::new("one").unwrap();
    let based_on = basis(&stores, &signer.public_key(), &camera, random.fork()).await.unwrap();
    let settings = CameraSettings { picture_every: Some(Period::from_secs(minutes * 60)), ..CameraSettings::default() };
    let now_s = Clock::system().unix_s();
    publish(&stores, signer, &based_on, &settings, release, now_s, random).await.unwrap().number
}

#[tokio::test]
async fn the_newest_version_is_carried_to_the_camera_it_is_for() {
    let served = Served::start(Wanted::default()).await;
    let (one, two) = (Camera::enrolled("one", &served).await, Camera::enrolled("two", &served).await);
    let get = async |camera: &Camera| camera.sign("GET", PATH, &[], Vec::new()).send(&served).await;
    assert_eq!(kind(get(&one).await).await, (404, "not-found".to_owned()));
    set(&served, 10, None).await;
    served.stores[0].refuse();
    assert_eq!(set(&served, 20, Some(7)).await, 2);
    served.stores[0].up();
    // A gateway answers from memory for a moment. Its own store shows the first version.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let found = get(&one).await;
    assert_eq!(
        (found.status().as_u16(), &found.headers()["content-type"]),
        (200, &"application/cose; cose-type=\"cose-sign1\"".parse().unwrap())
    );
    let tag = found.headers()["etag"].to_str().unwrap().to_owned();
    let bytes = found.bytes().await.unwrap();
    let (document, body) = open_config(&bytes, &served.signer.public_key()).unwrap();
    assert_eq!((document.seq, body.camera.as_str(), body.release), (2, "one", Some(7)));
    assert_eq!(body.settings, Settings { picture_every_s: Some(1200), ..Settings::default() });

    let mut again = one.sign("GET", PATH, &[], Vec::new());
    again.headers.push(("if-none-match".to_owned(), tag));
    let unchanged = again.send(&served).await;
    assert_eq!((unchanged.status().as_u16(), unchanged.bytes().await.unwrap().len()), (304, 0));
    assert_eq!(get(&two).await.status(), 403);
    assert_eq!(served.http.get(served.url(PATH)).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn the_list_of_cameras_says_what_each_is_set_to_and_how_far_its_update_is() {
    let served = Served::start(Wanted::default()).await;
    let one = Camera::enrolled("one", &served).await;
    let config = serde_json::json!({ "number": 3, "refused": { "number": 4, "why": "unable deep_sleep" } });
    let update = serde_json::json!({ "release": 7, "state": "fetching", "bytes": 4096, "of": 900_000 });
    let report = serde_json::json!({
        "camera": "one", "sent_at_ms": 1, "uptime_s": 2, "boot_cause": "power-on",
        "queue": { "waiting": 0, "bytes": 0, "evicted": 0 },
        "link": { "endpoint": "a", "rtt_ms": 1, "bytes_per_s": 1, "failures": 0 },
        "firmware": "0.1.0", "config": config, "update": update, "of_next_year": [1],
    });
    let path = "/api/cameras/one/status";
    let taken = one.sign("POST", path, &[], serde_json::to_vec(&report).unwrap()).send(&served).await;
    assert_eq!(taken.status(), 204);
    let list: serde_json::Value = served.read("/api/cameras").await.json().await.unwrap();
    let status = &list["cameras"][0]["status"];
    assert_eq!((&status["config"], &status["update"]), (&config, &update));
    assert!(status["of_next_year"].is_null(), "{status}");
}

#[tokio::test]
async fn documents_and_files_of_releases_come_in_ranges_under_the_names_that_cameras_ask_for() {
    let served = Served::start(Wanted::default()).await;
    // The first store misses what the others have.
    for name in ["releases/timestamp.cose", "releases/esp32c3/7.cose", "releases/esp32c3/7-6.patch"] {
        for store in &served.stores[1..] {
            store.inner.put(&Path::from(name), "0123456789".into()).await.unwrap();
        }
    }
    let get =
        async |path: &str, range: &str| served.http.get(served.url(path)).header("range", range).send().await.unwrap();
    for path in ["/api/releases/timestamp.cose", "/api/releases/esp32c3/7.cose", "/api/releases/esp32c3/7-6.patch"] {
        for (asked, told, content) in [
            ("bytes=0-", "bytes 0-9/10", "0123456789"),
            ("bytes=4-", "bytes 4-9/10", "456789"),
            ("bytes=9-9", "bytes 9-9/10", "9"),
            ("bytes=8-700", "bytes 8-9/10", "89"),
            ("bytes=-3", "bytes 7-9/10", "789"),
        ] {
            let part = get(path, asked).await;
            let headers = part.headers().clone();
            assert_eq!((part.status().as_u16(), headers["content-range"].to_str().unwrap()), (206, told), "{asked}");
            assert_eq!(headers["content-length"].to_str().unwrap(), content.len().to_string(), "{asked}");
            assert!(headers.contains_key("etag") && headers["accept-ranges"] == "bytes", "{headers:?}");
            assert!(!headers.contains_key("content-encoding"), "{headers:?}");
            assert_eq!(part.bytes().await.unwrap(), content, "{asked}");
        }
        let beyond = get(path, "bytes=10-").await;
        assert_eq!(
            (beyond.status().as_u16(), &beyond.headers()["content-range"]),
            (416, &"bytes */10".parse().unwrap())
        );
        // What is no range is no reason to refuse: the whole comes (RFC 9110, 14.2).
        for ignored in ["bytes=5-4", "bytes=a-b", "bytes=0-1,3-4", "items=0-1"] {
            let whole = get(path, ignored).await;
            assert_eq!(
                (whole.status().as_u16(), whole.headers().contains_key("content-range")),
                (200, false),
                "{ignored}"
            );
            assert_eq!(whole.bytes().await.unwrap(), "0123456789");
        }
    }
    let tag = get("/api/releases/timestamp.cose", "bytes=0-").await.headers()["etag"].clone();
    let unchanged = served.http.get(served.url("/api/releases/timestamp.cose")).header("if-none-match", tag);
    assert_eq!(unchanged.send().await.unwrap().status(), 304);
    let longest = "a".repeat(keys::MAX_RELEASE - keys::RELEASES.len());
    let long = format!("{longest}a");
    for name in ["timestamp.cose", "esp32c3/7-6.patch", "esp32c3/7.sums", "a_b/c", &longest] {
        assert!(keys::is_release(&format!("{}{name}", keys::RELEASES)), "{name}");
        assert_ne!(get(&format!("/api/releases/{name}"), "bytes=0-").await.status(), 400, "{name}");
    }
    for name in ["1+2/app.bin", ".hidden", "a/.b", "a//b", "a/", "a%20b", "a%2F..%2Fb", "a~b", &long] {
        let refused = get(&format!("/api/releases/{name}"), "bytes=0-").await;
        assert_eq!(kind(refused).await, (400, "malformed".to_owned()), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_from_the_command_line_reach_the_camera_and_its_report_comes_back() {
    let folder = project();
    let place = folder.path();
    let gateway = Process::start(place);
    let camera = Camera::new("one");
    let token = text(&output(place, &["token", "enrol", "--camera", "one"]));
    let key = STANDARD.encode(camera.key.verifying_key().as_bytes());
    let registered = gateway
        .http()
        .post(gateway.at("/api/cameras/register"))
        .bearer_auth(token.trim())
        .json(&serde_json::json!({ "camera": "one", "public_key": key }))
        .send()
        .await
        .unwrap();
    assert_eq!(registered.status(), 201);

    let push = ["--json", "--yes", "config", "push", "--camera", "one", "--set"];
    let line: serde_json::Value =
        serde_json::from_str(&text(&output(place, &[&push[..], &["picture_every=10m"]].concat()))).unwrap();
    assert_eq!((&line["reason"], &line["number"], &line["pushed"]), (&"config-push".into(), &1.into(), &true.into()));
    let signer = FileSigner::from_file(&place.join("online.key"), Role::Online).unwrap();
    let found = camera.sign("GET", PATH, &[], Vec::new()).send(&gateway).await;
    assert_eq!(found.status(), 200);
    let bytes = found.bytes().await.unwrap();
    let (document, body) = open_config(&bytes, &signer.public_key()).unwrap();
    assert_eq!((document.seq, body.settings.picture_every_s), (1, Some(600)));

    let report = serde_json::json!({
        "camera": "one", "sent_at_ms": 1, "uptime_s": 2, "boot_cause": "power-on",
        "queue": { "waiting": 0, "bytes": 0, "evicted": 0 },
        "link": { "endpoint": "a", "rtt_ms": 1, "bytes_per_s": 1, "failures": 0 },
        "firmware": "0.1.0", "config": { "number": 1 },
        "update": { "release": 7, "state": "waiting", "bytes": 50, "of": 200, "why": "battery" },
    });
    let report = camera.sign("POST", "/api/cameras/one/status", &[], serde_json::to_vec(&report).unwrap());
    assert_eq!(report.send(&gateway).await.status(), 204);
    // A gateway that ends writes what it heard.
    gateway.end();
    let shown = text(&output(place, &["config", "show", "--camera", "one"]));
    assert!(shown.contains("it has the settings of version 1.") && shown.contains("\"10m\""), "{shown}");
    let status = text(&output(place, &["ota", "status", "--camera", "one"]));
    assert!(status.contains("release 7: waiting (battery)") && status.contains("50 of 200 bytes (25%)"), "{status}");
    let status = text(&output(place, &["ota", "status", "--camera", "one", "--json"]));
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!((&status["update"]["why"], &status["firmware"]), (&"battery".into(), &"0.1.0".into()), "{status}");
    assert_eq!(status["wanted"], serde_json::Value::Null);
}
