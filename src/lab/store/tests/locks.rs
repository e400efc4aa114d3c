use std::sync::atomic::Ordering;

use super::{BUCKET, Running, START_MS, Who, options, settable};
use crate::lab::store::{BucketOptions, Mode, Retention};

const DAY_MS: u64 = 86_400_000;

fn instant(unix_ms: u64) -> String {
    jiff::Timestamp::from_millisecond(i64::try_from(unix_ms).unwrap()).unwrap().to_string()
}

#[tokio::test]
async fn only_known_credentials_with_the_right_signature_are_heard() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&options(folder.path())).await;
    use object_store::{ObjectStoreExt, path::Path};
    for (key_id, secret) in [("WRITER", "other"), ("STRANGER", "writer-secret"), ("ADMINISTRATOR", "writer-secret")] {
        let store = running.client(key_id, secret);
        let refused = store.put(&Path::from("k"), "x".into()).await.unwrap_err();
        assert!(refused.to_string().contains("403"), "{refused}");
    }
    let url = format!("http://{}/{BUCKET}", running.address);
    assert_eq!(super::plain_client().get(&url).send().await.unwrap().status(), 403);
    // Version 2 of the signature covers no body.
    let second = super::plain_client()
        .get(&url)
        .header("date", "Thu, 01 Jan 2026 00:00:00 GMT")
        .header("authorization", "AWS WRITER:c2lnbmF0dXJl")
        .send()
        .await
        .unwrap();
    assert_eq!(second.status(), 403);
    running.stop().await;
}

#[tokio::test]
async fn the_writer_neither_configures_nor_removes_versions() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&options(folder.path())).await;
    let object = format!("/{BUCKET}/k");
    let id = running.send(Who::Writer, "PUT", &object, "one", &[]).await.header("x-amz-version-id").to_owned();
    let version = format!("{object}?versionId={id}");
    let versioning = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    let suspended = "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>";
    let lock = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>";
    let forbidden = [
        ("DELETE", version.clone(), ""),
        ("DELETE", format!("/{BUCKET}"), ""),
        ("PUT", "/another".to_owned(), ""),
        ("PUT", format!("/{BUCKET}?versioning="), versioning),
        ("PUT", format!("/{BUCKET}?object-lock="), lock),
        ("DELETE", format!("/{BUCKET}?lifecycle="), ""),
        ("PUT", format!("/{BUCKET}?policy="), "{}"),
    ];
    for (method, path, body) in &forbidden {
        let said = running.send(Who::Writer, method, path, body, &[]).await;
        assert!(matches!(said.status, 403 | 501), "{method} {path}: {said:?}");
    }
    let many = format!("<Delete><Object><Key>k</Key><VersionId>{id}</VersionId></Object></Delete>");
    let said = running.send(Who::Writer, "POST", &format!("/{BUCKET}?delete="), &many, &[]).await;
    assert!(said.body.contains("AccessDenied"), "{said:?}");
    assert_eq!(running.send(Who::Writer, "GET", &version, "", &[]).await.body, "one");

    let admin = Who::Administrator;
    let path = format!("/{BUCKET}?versioning=");
    assert_eq!(running.send(admin, "PUT", &path, versioning, &[]).await.status, 200);
    assert_eq!(running.send(admin, "PUT", &path, suspended, &[]).await.status, 409);
    assert!(running.send(admin, "GET", &path, "", &[]).await.body.contains("<Status>Enabled</Status>"));
    assert_eq!(running.send(admin, "DELETE", &format!("/{BUCKET}"), "", &[]).await.status, 409);
    assert_eq!(running.send(admin, "PUT", "/another", "", &[]).await.status, 200);
    assert_eq!(running.send(admin, "DELETE", "/another", "", &[]).await.status, 204);
    assert_eq!(running.send(admin, "DELETE", &version, "", &[]).await.status, 204);
    assert_eq!(running.send(admin, "GET", &object, "", &[]).await.status, 404);
    running.stop().await;
}

#[tokio::test]
async fn versions_are_kept_listed_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.noncurrent_versions = 3;
    let running = Running::start(&options).await;
    let object = format!("/{BUCKET}/k");
    let mut ids = Vec::new();
    for n in 0..3 {
        let said = running.send(Who::Writer, "PUT", &object, &n.to_string(), &[]).await;
        ids.push(said.header("x-amz-version-id").to_owned());
    }
    let marker = running.send(Who::Writer, "DELETE", &object, "", &[]).await;
    assert_eq!(marker.header("x-amz-delete-marker"), "true");
    let hidden = running.send(Who::Writer, "GET", &object, "", &[]).await;
    assert_eq!((hidden.status, hidden.header("x-amz-delete-marker")), (404, "true"));
    for (n, id) in ids.iter().enumerate() {
        let said = running.send(Who::Writer, "GET", &format!("{object}?versionId={id}"), "", &[]).await;
        assert_eq!(said.body, n.to_string());
    }
    // Page by page: the newest first, the marker among them.
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let path = format!("/{BUCKET}?max-keys=1&versions={next}");
        let page = running.send(Who::Writer, "GET", &path, "", &[]).await;
        assert_eq!(page.status, 200, "{page:?}");
        let value = |name: &str| {
            let rest = page.body.split(&format!("<{name}>")).nth(1)?;
            rest.split('<').next().map(str::to_owned)
        };
        seen.extend(value("VersionId").map(|id| (id, value("IsLatest").unwrap())));
        match value("NextVersionIdMarker") {
            Some(id) => next = format!("&key-marker=k&version-id-marker={id}"),
            None => break,
        }
    }
    let marker_id = marker.header("x-amz-version-id").to_owned();
    let wanted: Vec<_> = [&marker_id, &ids[2], &ids[1], &ids[0]].into_iter().cloned().collect();
    assert_eq!(seen.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>(), wanted);
    assert_eq!(seen.iter().map(|(_, latest)| latest.as_str()).collect::<Vec<_>>(), ["true", "false", "false", "false"]);
    // Without its marker the object is back, and is listed.
    let path = format!("{object}?versionId={marker_id}");
    assert_eq!(running.send(Who::Administrator, "DELETE", &path, "", &[]).await.status, 204);
    assert_eq!(running.send(Who::Writer, "GET", &object, "", &[]).await.body, "2");
    let listing = running.send(Who::Writer, "GET", &format!("/{BUCKET}?list-type=2"), "", &[]).await.body;
    assert!(listing.contains("<Key>k</Key>"), "{listing}");
    // Beyond the three older versions the oldest goes, with its file.
    for n in 3..6 {
        running.send(Who::Writer, "PUT", &object, &n.to_string(), &[]).await;
    }
    let oldest = format!("{object}?versionId={}", ids[0]);
    assert_eq!(running.send(Who::Writer, "GET", &oldest, "", &[]).await.status, 404);
    running.send(Who::Writer, "PUT", &format!("/{BUCKET}/other"), "", &[]).await;
    assert!(!super::durability::files(folder.path()).iter().any(|name| name.ends_with(&ids[0])));
    running.stop().await;
}

#[tokio::test]
async fn a_retained_version_survives_everybody_until_its_date() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    let retention = Some(Retention { mode: Mode::Compliance, days: 2 });
    options.buckets.push(BucketOptions { name: "evidence".to_owned(), object_lock: true, retention });
    options.noncurrent_versions = 0;
    let (clock, elapsed_ms) = settable();
    let running = Running::start_with(&options, &clock).await;
    let (writer, admin) = (Who::Writer, Who::Administrator);
    let put = running.send(writer, "PUT", "/evidence/k", "one", &[]).await;
    let version = format!("/evidence/k?versionId={}", put.header("x-amz-version-id"));
    let bypass = [("x-amz-bypass-governance-retention", "true")];
    assert_eq!(running.send(admin, "DELETE", &version, "", &bypass).await.status, 403);
    let retention = format!("{version}&retention=");
    let state = running.send(writer, "GET", &retention, "", &[]).await.body;
    assert!(state.contains("COMPLIANCE"), "{state}");
    let wish = |mode: &str, days: u64| {
        let until = instant(START_MS + days * DAY_MS);
        format!("<Retention><Mode>{mode}</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>")
    };
    for who in [writer, admin] {
        for weaker in [wish("COMPLIANCE", 1), wish("GOVERNANCE", 9), "<Retention></Retention>".to_owned()] {
            let said = running.send(who, "PUT", &retention, &weaker, &bypass).await;
            assert_eq!(said.status, 403, "{weaker}: {said:?}");
        }
    }
    assert_eq!(running.send(writer, "PUT", &retention, &wish("COMPLIANCE", 3), &[]).await.status, 200);
    // Overwritten and hidden, with no older versions to be kept: it is still there.
    running.send(writer, "PUT", "/evidence/k", "two", &[]).await;
    running.send(writer, "DELETE", "/evidence/k", "", &[]).await;
    assert_eq!(running.send(writer, "GET", &version, "", &[]).await.body, "one");

    elapsed_ms.store(3 * DAY_MS + 1, Ordering::SeqCst);
    assert_eq!(running.send(writer, "DELETE", &version, "", &[]).await.status, 403);
    assert_eq!(running.send(admin, "DELETE", &version, "", &[]).await.status, 204);
    assert_eq!(running.send(admin, "GET", &version, "", &[]).await.status, 404);
    running.stop().await;
}

#[tokio::test]
async fn a_lock_can_be_asked_for_with_the_object() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.buckets.push(BucketOptions { name: "evidence".to_owned(), object_lock: true, retention: None });
    let (clock, _) = settable();
    let running = Running::start_with(&options, &clock).await;
    let until = instant(START_MS + DAY_MS);
    let lock = [("x-amz-object-lock-mode", "GOVERNANCE"), ("x-amz-object-lock-retain-until-date", until.as_str())];
    let refused = running.send(Who::Writer, "PUT", &format!("/{BUCKET}/k"), "x", &lock).await;
    assert_eq!(refused.status, 400, "a bucket without object lock: {refused:?}");
    let put = running.send(Who::Writer, "PUT", "/evidence/k", "x", &lock).await;
    assert_eq!(put.status, 200, "{put:?}");
    let head = running.send(Who::Writer, "HEAD", "/evidence/k", "", &[]).await;
    assert_eq!(head.header("x-amz-object-lock-mode"), "GOVERNANCE");
    let version = format!("/evidence/k?versionId={}", put.header("x-amz-version-id"));
    let bypass = [("x-amz-bypass-governance-retention", "true")];
    assert_eq!(running.send(Who::Writer, "DELETE", &version, "", &bypass).await.status, 403);
    assert_eq!(running.send(Who::Administrator, "DELETE", &version, "", &[]).await.status, 403);
    let hold = format!("{version}&legal-hold=");
    let on = "<LegalHold><Status>ON</Status></LegalHold>";
    assert_eq!(running.send(Who::Writer, "PUT", &hold, on, &[]).await.status, 403);
    assert_eq!(running.send(Who::Administrator, "PUT", &hold, on, &[]).await.status, 200);
    assert_eq!(running.send(Who::Administrator, "DELETE", &version, "", &bypass).await.status, 403);
    let off = on.replace("ON", "OFF");
    assert_eq!(running.send(Who::Administrator, "PUT", &hold, &off, &[]).await.status, 200);
    assert_eq!(running.send(Who::Administrator, "DELETE", &version, "", &bypass).await.status, 204);

    let configuration = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>\
        <DefaultRetention><Mode>GOVERNANCE</Mode><Days>5</Days></DefaultRetention></Rule></ObjectLockConfiguration>";
    let path = "/evidence?object-lock=";
    assert_eq!(running.send(Who::Administrator, "PUT", path, configuration, &[]).await.status, 200);
    let said = running.send(Who::Writer, "GET", path, "", &[]).await.body;
    assert!(said.contains("<Days>5</Days>"), "{said}");
    running.stop().await;
}
