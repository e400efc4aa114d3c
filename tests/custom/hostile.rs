//! Servers that answer nonsense: every call ends with a failure, none with a panic, none with a secret in its words.

use axum::{Router, body::Bytes, http::StatusCode, response::IntoResponse};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;
use wildcam::{
    cloud::control::{FailureKind, Live, Severity},
    net::serve::{Limits, serve},
};

use crate::{
    setting::{Setting, TOKEN, refused, wanted},
    stores::{SECRET, site},
};

/// A store that answers everything alike.
async fn store(status: u16, headers: &'static [(&'static str, &'static str)], body: Bytes) -> std::net::SocketAddr {
    let answer = move || {
        let body = body.clone();
        async move {
            let mut answer = (StatusCode::from_u16(status).unwrap(), body).into_response();
            for (name, value) in headers {
                answer.headers_mut().insert(*name, value.parse().unwrap());
            }
            answer
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, None, Router::new().fallback(answer), Limits::default(), CancellationToken::new()));
    address
}

fn answers() -> Vec<(u16, &'static [(&'static str, &'static str)], Bytes)> {
    let page = |text: &str| Bytes::from(text.to_owned());
    vec![
        (200, &[], page("")),
        (200, &[], page("<html><body>Welcome</body>")),
        (200, &[], page("{\"Buckets\": []}")),
        (200, &[], Bytes::from_static(b"\xff\xfe\x00")),
        (200, &[], page(&"<a>".repeat(100_000))),
        (200, &[], page("<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>")),
        (200, &[], Bytes::from(vec![b' '; 33 << 20])),
        (301, &[("location", "http://127.0.0.1:1/")], page("")),
        (200, &[("retry-after", "99999999999999999999")], page("<a/>x")),
        (403, &[], page("<Error><Code>SignatureDoesNotMatch</Code><Message>no</Message></Error>")),
        (500, &[], page("<Error><Code>\u{1b}[31m</Code>")),
        (503, &[("retry-after", "7")], page("<Error><Code>SlowDown</Code><Message>slow</Message></Error>")),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_answers_nonsense_is_refused_in_every_call() {
    for (status, headers, body) in answers() {
        let shown = format!("{status} {}", String::from_utf8_lossy(&body[..body.len().min(60)]));
        let address = store(status, headers, body).await;
        let mut setting = Setting::new();
        let clouds = site(&mut setting, address);
        let plane = setting.open(&clouds).await;
        let wish = wanted("custom.bucket", "x", json!({ "Bucket": "owls-x", "Versioning": "Enabled" }));
        let live = Live {
            id: "owls-x".to_owned(),
            kind: "custom.bucket".to_owned(),
            region: "global".to_owned(),
            properties: json!({}),
            owner: None,
            etag: None,
        };
        let failures = [
            refused(plane.list("custom.bucket", "global").await),
            refused(plane.read("custom.bucket", "global", "owls-x").await),
            refused(plane.create(&wish, TOKEN).await),
            refused(plane.update(&live, &wish, &[], TOKEN).await),
            refused(plane.delete(&live, true, TOKEN).await),
            refused(plane.state_store("owls", true).await),
        ];
        for failure in failures {
            assert!(failure.kind != FailureKind::NotFound && failure.kind != FailureKind::Exists, "{shown}: {failure}");
            assert!(failure.message.len() <= 4000 && !format!("{failure:?}").contains(SECRET), "{shown}");
            if status == 503 {
                // Where there is no body, as with HEAD, the status alone is known.
                assert!(matches!(failure.kind, FailureKind::Throttled | FailureKind::Unavailable), "{failure}");
                assert_eq!(failure.retry_after_ms, Some(7000));
            }
        }
        assert!(plane.check().await.iter().any(|finding| finding.severity == Severity::Bad), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_no_bucket_has_are_not_listed() {
    let page = "<ListAllMyBucketsResult><Buckets><Bucket><Name>../etc</Name></Bucket><Bucket><Name>good-one</Name></Bucket>\
                <Bucket/><Bucket><Name>a?b</Name></Bucket></Buckets></ListAllMyBucketsResult>";
    let address = store(200, &[], Bytes::from_static(page.as_bytes())).await;
    let mut setting = Setting::new();
    let clouds = site(&mut setting, address);
    let listed = setting.open(&clouds).await.list("custom.bucket", "global").await.unwrap();
    assert_eq!(listed.iter().map(|line| line.id.as_str()).collect::<Vec<_>>(), ["good-one"]);
    // A list that names itself as its next page ends.
    let page = "<R><ContinuationToken>again</ContinuationToken><Buckets/></R>";
    let address = store(200, &[], Bytes::from_static(page.as_bytes())).await;
    let clouds = site(&mut setting, address);
    let failure = refused(setting.open(&clouds).await.list("custom.bucket", "global").await);
    assert!(failure.message.contains("does not end"), "{failure}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_and_nonsense_where_a_server_should_be() {
    let mut setting = Setting::new();
    let clouds = "[clouds.site]\nprovider = \"custom\"\nstore = { path = \"pictures\" }\n[clouds.site.database]\n\
         admin = \"env:ADMIN\"\npassword = \"env:ADMIN\"\n";
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // An answer of a server whose length is a lie.
            let _ = stream.write_all(b"R\x7f\xff\xff\xff\x00\x00\x00\x63garbage").await;
        }
    });
    for address in [
        format!("postgres://u:sesame@127.0.0.1:{port}/postgres?sslmode=disable"),
        format!("postgres://u:sesame@127.0.0.1:{port}/postgres"),
        "postgres://u:sesame@127.0.0.1:1/postgres?sslmode=disable".to_owned(),
        "sesame".to_owned(),
    ] {
        setting.set("ADMIN", &address);
        let failure = refused(setting.open(clouds).await.list("custom.role", "global").await);
        assert!(matches!(failure.kind, FailureKind::Unavailable | FailureKind::Unreachable | FailureKind::Invalid));
        assert!(!format!("{failure:?}").contains("sesame"), "{failure:?}");
    }
}
