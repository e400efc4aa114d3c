//! The API: the whole way of a detection, and every bad input with its status and nothing stored.

use std::sync::{Arc, atomic::Ordering};

use base64::{Engine, engine::general_purpose::STANDARD};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wildcam::{
    clock::{Clock, Random},
    fleet::commands::{Action, Order, publish},
    net::tls,
    release::{
        Signer,
        documents::{Scope, endpoint, open_command, seal_endpoints},
    },
};
use wildcam_core::{
    cose::{self, TimeBody},
    httpsig::digest,
    wire::{
        CameraId, Event,
        keys::{self, Part},
    },
};

use crate::support::{Camera, MULTIPART, Served, Wanted, content, jpeg, kind, multipart};

#[tokio::test]
async fn a_detection_goes_all_the_way() {
    let served = Served::start(Wanted::default()).await;
    let camera = Camera::enrolled("north-ridge", &served).await;
    assert_eq!(camera.register(&served).await.status(), 200, "the same key again");
    let (event, image, response) = camera.detect(1, &served).await;
    assert_eq!(response.status(), 201);
    let ack: serde_json::Value = response.json().await.unwrap();
    assert_eq!(ack["ulid"], event.ulid.to_string());
    assert_eq!((&ack["status"], &ack["degraded"]), (&"stored".into(), &false.into()));
    assert!(ack["copies"].as_u64().unwrap() >= 2);

    served.healed().await;
    let image_key = keys::detection(&camera.id, event.ulid, Part::Image);
    let event_key = keys::detection(&camera.id, event.ulid, Part::Event);
    for store in &served.stores {
        assert_eq!(content(store, &image_key).await, image);
        assert_eq!(content(store, &event_key).await, serde_json::to_vec(&event).unwrap());
        assert_eq!(store.keys().await.len(), 3);
    }

    let again = camera.upload(&event, Some(&image)).send(&served).await;
    assert_eq!(again.status(), 200);

    let page: serde_json::Value = served.read("/api/detections?species=Lynx%20lynx").await.json().await.unwrap();
    assert_eq!(page["detections"].as_array().unwrap().len(), 1);
    assert_eq!(page["detections"][0]["sha256"], event.image.sha256.to_string());
    let path = format!("/api/detections/{}/image", event.ulid);
    assert_eq!(served.read(&path).await.bytes().await.unwrap(), image);
    let json: serde_json::Value = served.read(&format!("/api/detections/{}", event.ulid)).await.json().await.unwrap();
    assert_eq!(json["camera"], "north-ridge");
    let cameras: serde_json::Value = served.read("/api/cameras").await.json().await.unwrap();
    assert_eq!(cameras["cameras"][0]["id"], "north-ridge");

    let metrics = served.http.get(served.url("/metrics")).send().await.unwrap().text().await.unwrap();
    let line = "wildcam_wildlife_detections_total{camera_id=\"north-ridge\",species=\"Lynx lynx\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    assert!(metrics.contains("wildcam_store_up{store=\"b\"} 1"));
    let health: serde_json::Value =
        served.http.get(served.url("/api/health")).send().await.unwrap().json().await.unwrap();
    assert_eq!((&health["status"], &health["copies"]["possible"]), (&"ok".into(), &3.into()));
}

#[tokio::test]
async fn tokens_decide_who_enrols_and_who_reads() {
    let served = Served::start(Wanted::default()).await;
    let list = served.http.get(served.url("/api/detections")).send().await.unwrap();
    assert_eq!(kind(list).await, (401, "token".to_owned()));
    let camera = Camera::new("one");
    let enrol = served.token(Scope::Enrol { camera: camera.id.clone() }).await;
    let list = served.http.get(served.url("/api/detections")).bearer_auth(&enrol).send().await.unwrap();
    assert_eq!(kind(list).await, (401, "token".to_owned()));

    let key = STANDARD.encode(camera.key.verifying_key().as_bytes());
    let register = async |token: &str, body: serde_json::Value| {
        served.http.post(served.url("/api/cameras/register")).bearer_auth(token).json(&body).send().await.unwrap()
    };
    let read = served.token(Scope::Read).await;
    let refused = register(&read, serde_json::json!({ "camera": "one", "public_key": key })).await;
    assert_eq!(kind(refused).await, (401, "token".to_owned()));
    let refused = register(&enrol, serde_json::json!({ "camera": "two", "public_key": key })).await;
    assert_eq!(kind(refused).await, (401, "token".to_owned()));
    let refused = register(&enrol, serde_json::json!({ "camera": "../one", "public_key": key })).await;
    assert_eq!(kind(refused).await, (400, "malformed".to_owned()));
    let weak = STANDARD.encode([0; 32]);
    let refused = register(&enrol, serde_json::json!({ "camera": "one", "public_key": weak })).await;
    assert_eq!(kind(refused).await, (400, "malformed".to_owned()));
    for store in &served.stores {
        assert!(store.keys().await.is_empty());
    }
    assert_eq!(register(&enrol, serde_json::json!({ "camera": "one", "public_key": key })).await.status(), 201);
    let other = STANDARD.encode(Camera::new("other").key.verifying_key().as_bytes());
    let refused = register(&enrol, serde_json::json!({ "camera": "one", "public_key": other })).await;
    assert_eq!(kind(refused).await, (409, "altered".to_owned()));
}

#[tokio::test]
async fn bad_uploads_are_refused_and_store_nothing() {
    let served = Served::start(Wanted::default()).await;
    let camera = Camera::enrolled("one", &served).await;
    let image = jpeg(1);
    let event = camera.event(1, &image);
    let json = serde_json::to_vec(&event).unwrap();
    let send = async |body: Vec<u8>| {
        let signed = camera.sign("POST", "/api/detections", &[("content-type", MULTIPART.to_owned())], body);
        kind(signed.send(&served).await).await
    };

    let whole = multipart(&json, Some(&image));
    assert_eq!(send(whole[..whole.len() / 2].to_vec()).await, (400, "malformed".to_owned()), "truncated multipart");
    assert_eq!(send(b"hello".to_vec()).await, (400, "malformed".to_owned()));
    assert_eq!(send(multipart(b"{}", Some(&image))).await, (400, "malformed".to_owned()));
    assert_eq!(send(multipart(&vec![b' '; 4000], Some(&image))).await, (413, "too-large".to_owned()));
    assert_eq!(send(multipart(&json, Some(&jpeg(2)))).await, (400, "digest".to_owned()), "another picture");

    let no_jpeg = vec![7; 5000];
    let event_of = serde_json::to_vec(&camera.event(2, &no_jpeg)).unwrap();
    assert_eq!(send(multipart(&event_of, Some(&no_jpeg))).await, (422, "not-a-jpeg".to_owned()));
    let cut = &image[..image.len() - 2];
    let event_of = serde_json::to_vec(&camera.event(3, cut)).unwrap();
    assert_eq!(send(multipart(&event_of, Some(cut))).await, (422, "not-a-jpeg".to_owned()));
    let mut foreign = event.clone();
    foreign.camera = Camera::new("two").id;
    let foreign = serde_json::to_vec(&foreign).unwrap();
    assert_eq!(send(multipart(&foreign, Some(&image))).await, (400, "malformed".to_owned()));
    let path = String::from_utf8(json.clone()).unwrap().replace("\"one\"", "\"../../one\"");
    assert_eq!(send(multipart(path.as_bytes(), Some(&image))).await, (400, "malformed".to_owned()));

    let wrong = ("content-digest", digest::field_of(b"something else").to_string());
    let kind_and_type = [wrong, ("content-type", MULTIPART.to_owned())];
    let signed = camera.sign("POST", "/api/detections", &kind_and_type, whole.clone());
    assert_eq!(kind(signed.send(&served).await).await, (400, "digest".to_owned()), "wrong digest");

    let mut tampered = camera.upload(&event, Some(&image));
    tampered.body[200] ^= 1;
    assert_eq!(kind(tampered.send(&served).await).await, (400, "digest".to_owned()));
    let mut unsigned = camera.upload(&event, Some(&image));
    unsigned.headers.retain(|(name, _)| name != "signature");
    assert_eq!(kind(unsigned.send(&served).await).await, (401, "signature".to_owned()));
    let mut forged = camera.upload(&event, Some(&image));
    forged.path = "/api/detections".to_owned();
    forged.headers.iter_mut().find(|(name, _)| name == "content-digest").unwrap().1 =
        digest::field_of(b"x").to_string();
    assert_eq!(kind(forged.send(&served).await).await, (401, "signature".to_owned()));
    let stranger = Camera::new("stranger");
    let refused = stranger.upload(&stranger.event(1, &image), Some(&image)).send(&served).await;
    assert_eq!(kind(refused).await, (401, "unknown-camera".to_owned()));

    for store in &served.stores {
        assert!(store.detections().await.is_empty());
    }
    assert_eq!(served.gateway.index().count().await.unwrap(), 0);
    served.healed().await;
}

#[tokio::test]
async fn a_replayed_request_is_refused_and_harmless() {
    let served = Served::start(Wanted::default()).await;
    let camera = Camera::enrolled("one", &served).await;
    let image = jpeg(1);
    let signed = camera.upload(&camera.event(1, &image), Some(&image));
    assert_eq!(signed.send(&served).await.status(), 201);
    assert_eq!(kind(signed.send(&served).await).await, (401, "replayed".to_owned()));
    served.healed().await;
    assert_eq!(served.stores[0].detections().await.len(), 2);
}

#[tokio::test]
async fn a_camera_whose_clock_is_ten_years_off_learns_the_time() {
    let served = Served::start(Wanted::default()).await;
    let camera = Camera::enrolled("one", &served).await;
    camera.drift_s.store(-10 * 365 * 86_400, Ordering::Relaxed);
    let image = jpeg(1);
    let event = camera.event(1, &image);
    let refused = camera.upload(&event, Some(&image)).send(&served).await;
    assert_eq!(refused.status(), 401);
    let header = STANDARD.decode(refused.headers()["wildcam-time"].as_bytes()).unwrap();
    let document = cose::verify(&header, &served.signer.public_key()).unwrap();
    let time = TimeBody::from_document(&document).unwrap();
    assert_eq!(time.nonce, 1 << 32, "the counter of the refused request");
    assert!(time.unix_ms.abs_diff(Clock::system().unix_ms()) < 60_000);
    assert_eq!(kind(refused).await.1, "clock");
    assert!(served.stores[0].detections().await.is_empty());

    camera.drift_s.store(0, Ordering::Relaxed);
    assert_eq!(camera.upload(&event, Some(&image)).send(&served).await.status(), 201);

    // Without a valid signature nothing is signed in return.
    let stranger = Camera { id: camera.id.clone(), ..Camera::new("stranger") };
    stranger.drift_s.store(9_999, Ordering::Relaxed);
    let refused = stranger.upload(&event, Some(&image)).send(&served).await;
    assert!(!refused.headers().contains_key("wildcam-time"));
    assert_eq!(kind(refused).await, (401, "signature".to_owned()));
}

async fn raw(served: &Served) -> tokio_rustls::client::TlsStream<tokio::net::TcpStream> {
    let stream = tokio::net::TcpStream::connect(served.address).await.unwrap();
    let config = tls::client_trusting(&served.authority).unwrap();
    let name = rustls::pki_types::ServerName::try_from("127.0.0.1").unwrap();
    tokio_rustls::TlsConnector::from(config).connect(name, stream).await.unwrap()
}

fn head(signed: &crate::support::Signed, framing: &str) -> String {
    let mut text = format!("{} {} HTTP/1.1\r\nHost: x\r\n{framing}\r\n", signed.method, signed.path);
    for (name, value) in &signed.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text + "\r\n"
}

#[tokio::test]
async fn a_gigabyte_is_refused_before_and_while_it_is_read() {
    let served = Served::start(Wanted::default()).await;
    let camera = Camera::enrolled("one", &served).await;
    let image = jpeg(1);
    let event = camera.event(1, &image);

    let mut stream = raw(&served).await;
    let declared = head(&camera.upload(&event, Some(&image)), "Content-Length: 1073741824");
    stream.write_all(declared.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");

    let stream = raw(&served).await;
    let streamed = head(&camera.upload(&event, Some(&image)), "Transfer-Encoding: chunked");
    let (mut from, mut to) = tokio::io::split(stream);
    let writer = tokio::spawn(async move {
        to.write_all(streamed.as_bytes()).await.unwrap();
        let chunk = [&b"10000\r\n"[..], &[0; 65536], b"\r\n"].concat();
        // The server stops reading long before the end; then writing fails, as it should.
        for _ in 0..16_384 {
            if to.write_all(&chunk).await.is_err() {
                return false;
            }
        }
        true
    });
    let mut answer = vec![0; 12];
    from.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");
    drop(from);
    writer.abort();
    for store in &served.stores {
        assert!(store.detections().await.is_empty());
    }
    assert_eq!(camera.detect(2, &served).await.2.status(), 201, "the memory was given back");
}

#[tokio::test]
async fn memory_and_rate_are_bounded() {
    let wanted = Wanted { change: Box::new(|settings| settings.memory_bytes = 4096), ..Wanted::default() };
    let served = Served::start(wanted).await;
    let camera = Camera::enrolled("one", &served).await;
    let big = jpeg(1).repeat(3);
    let refused = camera.upload(&camera.event(1, &big), Some(&big)).send(&served).await;
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(kind(refused).await, (503, "too-busy".to_owned()));

    let wanted = Wanted {
        change: Box::new(|settings| {
            settings.burst = 2.0;
            settings.requests_per_s = 0.001;
        }),
        ..Wanted::default()
    };
    let served = Served::start(wanted).await;
    let camera = Camera::enrolled("one", &served).await;
    for number in 0..2 {
        assert_eq!(camera.detect(number, &served).await.2.status(), 201);
    }
    assert_eq!(kind(camera.detect(3, &served).await.2).await, (429, "rate".to_owned()));
}

#[tokio::test]
async fn an_upload_in_parts_goes_on_where_it_was() {
    let spool = tempfile::tempdir().unwrap();
    for folder in [None, Some(spool.path().to_owned())] {
        let change = Box::new(move |settings: &mut wildcam::gateway::Settings| settings.spool.clone_from(&folder));
        let served = Served::start(Wanted { change, ..Wanted::default() }).await;
        let camera = Camera::enrolled("one", &served).await;
        let image = jpeg(5);
        let event = camera.event(5, &image);
        let path = format!("/api/detections/{}/image", event.ulid);
        let whole = digest::to_field(&Sha256::digest(&image).into()).to_string();
        let part = |offset: usize, complete: bool, bytes: &[u8]| {
            let headers = [
                ("upload-offset", offset.to_string()),
                ("upload-complete", if complete { "?1" } else { "?0" }.to_owned()),
                ("repr-digest", whole.clone()),
            ];
            camera.sign("PUT", &path, &headers, bytes.to_vec())
        };
        let refused = part(0, false, &image[..10]).send(&served).await;
        assert_eq!(kind(refused).await, (404, "unknown-upload".to_owned()));
        let begun = camera.upload(&event, None).send(&served).await;
        assert_eq!((begun.status().as_u16(), &begun.headers()["upload-offset"]), (202, &"0".parse().unwrap()));
        let taken = part(0, false, &image[..1000]).send(&served).await;
        assert_eq!((taken.status().as_u16(), &taken.headers()["upload-offset"]), (204, &"1000".parse().unwrap()));
        let wrong = part(500, false, &image[500..1500]).send(&served).await;
        assert_eq!(wrong.headers()["upload-offset"], "1000");
        assert_eq!(kind(wrong).await, (409, "upload-offset".to_owned()));
        assert_eq!(camera.upload(&event, None).send(&served).await.headers()["upload-offset"], "1000");
        assert!(served.stores[0].detections().await.is_empty());
        let done = part(1000, true, &image[1000..]).send(&served).await;
        assert_eq!(done.status(), 201);
        served.healed().await;
        let key = keys::detection(&camera.id, event.ulid, Part::Image);
        assert_eq!(content(&served.stores[2], &key).await, image);
    }
}

#[tokio::test]
async fn reports_are_taken_and_batched() {
    let wanted = Wanted {
        change: Box::new(|settings| settings.report_every = std::time::Duration::from_millis(50)),
        ..Wanted::default()
    };
    let served = Served::start(wanted).await;
    let camera = Camera::enrolled("one", &served).await;
    let status = serde_json::json!({ "camera": "one", "sent_at_ms": 1, "uptime_s": 2, "boot_cause": "power-on",
        "queue": { "waiting": 0, "bytes": 0, "evicted": 0 },
        "link": { "endpoint": "a", "rtt_ms": 1, "bytes_per_s": 1, "failures": 0 }, "firmware": "0.1.0" });
    let body = serde_json::to_vec(&status).unwrap();
    let sent = camera.sign("POST", "/api/cameras/one/status", &[], body.clone()).send(&served).await;
    assert_eq!(sent.status(), 204);
    let other = camera.sign("POST", "/api/cameras/two/status", &[], body.clone()).send(&served).await;
    assert_eq!(other.status(), 403);
    for bad in ["/api/cameras/..%2Fone/status", "/api/cameras/One/status", "/api/cameras/a%00b/status"] {
        let refused = camera.sign("POST", bad, &[], body.clone()).send(&served).await;
        assert_eq!(kind(refused).await, (400, "malformed".to_owned()), "{bad}");
    }
    served.until(async || served.stores[2].keys().await.iter().any(|key| key.starts_with("reports/"))).await;
    let key = served.stores[2].keys().await.into_iter().find(|key| key.starts_with("reports/")).unwrap();
    let text = String::from_utf8(content(&served.stores[2], &key).await).unwrap();
    let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(line["status"]["uptime_s"], 2);
    let cameras: serde_json::Value = served.read("/api/cameras").await.json().await.unwrap();
    assert_eq!(cameras["cameras"][0]["status"]["boot_cause"], "power-on");
}

#[tokio::test]
async fn events_are_told_before_their_pictures_and_may_be_compressed() {
    let wanted = Wanted {
        change: Box::new(|settings| settings.report_every = std::time::Duration::from_millis(50)),
        ..Wanted::default()
    };
    let served = Served::start(wanted).await;
    let camera = Camera::enrolled("one", &served).await;
    let events: Vec<Event> = (0..4).map(|number| camera.event(number, b"a picture")).collect();
    let body = serde_json::to_vec(&events).unwrap();
    let mut compressed = vec![0; body.len()];
    let length = wildcam_core::deflate::compress(&body, &mut compressed).unwrap();
    compressed.truncate(length);
    let coding = |name: &str| [("content-encoding", name.to_owned())];
    let path = "/api/cameras/one/events";
    let sent = camera.sign("POST", path, &coding("deflate"), compressed.clone()).send(&served).await;
    assert_eq!(sent.status(), 204);
    assert_eq!(camera.sign("POST", path, &[], body.clone()).send(&served).await.status(), 204);

    let other = camera.sign("POST", "/api/cameras/two/events", &[], body.clone()).send(&served).await;
    assert_eq!(other.status(), 403);
    let plain = camera.sign("POST", path, &coding("deflate"), body.clone()).send(&served).await;
    assert_eq!(kind(plain).await, (400, "malformed".to_owned()));
    let unknown = camera.sign("POST", path, &coding("br"), body.clone()).send(&served).await;
    assert_eq!(kind(unknown).await, (415, "malformed".to_owned()));
    let mut bomb = vec![0; 4096];
    let length = wildcam_core::deflate::compress(&[b' '; 32 * 1024], &mut bomb).unwrap();
    let refused = camera.sign("POST", path, &coding("deflate"), bomb[..length].to_vec()).send(&served).await;
    assert_eq!(kind(refused).await, (413, "too-large".to_owned()));
    let mut foreign = events.clone();
    foreign[2].camera = CameraId::new("two").unwrap();
    let refused = camera.sign("POST", path, &[], serde_json::to_vec(&foreign).unwrap()).send(&served).await;
    assert_eq!(kind(refused).await, (400, "malformed".to_owned()));

    served.until(async || served.stores[0].keys().await.iter().any(|key| key.starts_with("reports/"))).await;
    let mut ulids = Vec::new();
    for key in served.stores[0].keys().await.into_iter().filter(|key| key.starts_with("reports/")) {
        let text = String::from_utf8(content(&served.stores[0], &key).await).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        ulids.extend(lines.map(|line| line["event"]["ulid"].as_str().unwrap().to_owned()));
    }
    assert!(events.iter().all(|event| ulids.contains(&event.ulid.to_string())), "{ulids:?}");
    assert!(served.stores[0].detections().await.is_empty(), "an event alone is no detection");
}

#[tokio::test]
async fn desired_is_the_highest_valid_document_of_any_store() {
    let served = Served::start(Wanted::default()).await;
    let camera = Camera::enrolled("one", &served).await;
    let get = async |more: &[(&str, String)]| {
        camera.sign("GET", "/api/cameras/one/desired", more, Vec::new()).send(&served).await
    };
    let now_s = Clock::system().unix_s();
    let list = [endpoint("a", "127.0.0.1", 443, 1, "x").unwrap()];
    let key = Path::from(keys::fleet_desired().as_str());
    let other = crate::support::signer();
    for (store, seq, signer) in [(0, 3, &served.signer), (1, 7, &served.signer), (2, 9, &other)] {
        let document = seal_endpoints(signer.as_ref(), seq, now_s, now_s + 60, &list).await.unwrap();
        served.stores[store].inner.put(&key, document.into()).await.unwrap();
    }
    let found = get(&[]).await;
    assert_eq!(found.status(), 200);
    let tag = found.headers()["etag"].to_str().unwrap().to_owned();
    let document = found.bytes().await.unwrap();
    assert_eq!(cose::verify(&document, &served.signer.public_key()).unwrap().seq, 7);
    assert_eq!(get(&[("if-none-match", tag)]).await.status(), 304);
}

#[tokio::test]
async fn a_command_is_carried_to_the_camera_it_is_for() {
    let served = Served::start(Wanted::default()).await;
    let (one, two) = (Camera::enrolled("one", &served).await, Camera::enrolled("two", &served).await);
    let path = "/api/cameras/one/command";
    let get = async |camera: &Camera| camera.sign("GET", path, &[], Vec::new()).send(&served).await;
    assert_eq!(kind(get(&one).await).await, (404, "not-found".to_owned()));
    let stores: Vec<(String, Arc<dyn ObjectStore>)> = served
        .stores
        .iter()
        .enumerate()
        .map(|(n, store)| (n.to_string(), Arc::clone(store) as Arc<dyn ObjectStore>))
        .collect();
    let now_s = Clock::system().unix_s();
    let camera = CameraId::new("one").unwrap();
    let order = Order { camera: camera.clone(), action: Action::Restart, expires_s: now_s + 60 };
    let given = publish(&stores, served.signer.as_ref(), &order, now_s, Random::seeded(1)).await.unwrap();
    // A gateway answers from memory for a moment.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let found = get(&one).await;
    assert_eq!(
        (found.status().as_u16(), &found.headers()["content-type"]),
        (200, &"application/cose; cose-type=\"cose-sign1\"".parse().unwrap())
    );
    let document = found.bytes().await.unwrap();
    let read = open_command(&document, &served.signer.public_key(), now_s).unwrap();
    assert_eq!(read, (given.number, camera, Action::Restart));
    assert_eq!(get(&two).await.status(), 403);
    assert_eq!(served.http.get(served.url(path)).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn releases_are_served_in_ranges() {
    let served = Served::start(Wanted::default()).await;
    served.stores[1].inner.put(&Path::from("releases/1.2/app.bin"), "0123456789".into()).await.unwrap();
    let get = async |path: &str, range: Option<&str>| {
        let request = served.http.get(served.url(path));
        match range {
            Some(range) => request.header("range", range).send().await.unwrap(),
            None => request.send().await.unwrap(),
        }
    };
    let whole = get("/api/releases/1.2/app.bin", None).await;
    assert_eq!((whole.status().as_u16(), whole.headers().contains_key("etag")), (200, true));
    assert_eq!(whole.bytes().await.unwrap(), "0123456789");
    let part = get("/api/releases/1.2/app.bin", Some("bytes=2-4")).await;
    assert_eq!((part.status().as_u16(), &part.headers()["content-range"]), (206, &"bytes 2-4/10".parse().unwrap()));
    assert_eq!(part.bytes().await.unwrap(), "234");
    assert_eq!(get("/api/releases/1.2/app.bin", Some("bytes=50-")).await.status(), 416);
    assert_eq!(get("/api/releases/1.2/absent", None).await.status(), 404);
    for bad in ["/api/releases/..%2Fcameras%2Fone%2Fkey.json", "/api/releases/a%00b", "/api/releases/.hidden"] {
        assert_eq!(kind(get(bad, None).await).await, (400, "malformed".to_owned()), "{bad}");
    }
}

#[tokio::test]
async fn pages_hold_every_detection_once_and_bad_queries_are_refused() {
    let served = Arc::new(Served::start(Wanted::default()).await);
    let camera = Camera::enrolled("one", &served).await;
    for number in 0..7 {
        assert_eq!(camera.detect(number, &served).await.2.status(), 201);
    }
    let mut seen = Vec::new();
    let mut path = "/api/detections?limit=3".to_owned();
    loop {
        let page: serde_json::Value = served.read(&path).await.json().await.unwrap();
        seen.extend(page["detections"].as_array().unwrap().iter().map(|row| row["taken_at_ms"].as_u64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/detections?limit=3&after={next}");
    }
    assert_eq!(seen.len(), 7);
    assert!(seen.is_sorted_by(|one, next| one > next));
    for bad in ["limit=0", "limit=1001", "limit=x", "order=up", "after=1", "camera=../x", "unknown=1", "since_ms=-1"] {
        let refused = served.read(&format!("/api/detections?{bad}")).await;
        assert_eq!(kind(refused).await, (400, "malformed".to_owned()), "{bad}");
    }
    let wrong = served.http.delete(served.url("/api/detections")).send().await.unwrap();
    assert!(wrong.headers()["allow"].to_str().unwrap().contains("POST"));
    assert_eq!(kind(wrong).await.0, 405);
    let nothing = served.http.get(served.url("/nothing")).send().await.unwrap();
    assert_eq!(kind(nothing).await, (404, "not-found".to_owned()));
    let api: serde_json::Value =
        served.http.get(served.url("/api/openapi.json")).send().await.unwrap().json().await.unwrap();
    assert_eq!(api["openapi"], "3.1.0");
}
