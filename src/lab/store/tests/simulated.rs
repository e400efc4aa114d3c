use http_body_util::BodyExt;
use object_store::{
    aws::{AwsAuthorizer, AwsCredential},
    client::HttpRequestBody,
};
use tower::ServiceExt;

use super::{BUCKET, options, settable};
use crate::lab::store::router;

/// On virtual time a request is answered although no other thread is waited for: with `inline_io` every step is done
/// when it is polled.
#[tokio::test(start_paused = true)]
async fn a_request_is_answered_without_other_threads_or_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.inline_io = true;
    options.sync = false;
    let (clock, _) = settable();
    let router = router(&options, &clock).unwrap();
    let started = tokio::time::Instant::now();
    for (method, body, wanted) in [("PUT", "picture", ""), ("GET", "", "picture"), ("DELETE", "", "")] {
        let credential =
            AwsCredential { key_id: "WRITER".to_owned(), secret_key: "writer-secret".to_owned(), token: None };
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("http://store.test/{BUCKET}/k"))
            .body(HttpRequestBody::from(body.to_owned()))
            .unwrap();
        AwsAuthorizer::new(&credential, "s3", "us-east-1").try_authorize(&mut request, None).unwrap();
        request.headers_mut().insert("content-length", body.len().into());
        request.headers_mut().insert("host", http::HeaderValue::from_static("store.test"));
        let request = request.map(|_| axum::body::Body::from(body.to_owned()));
        // One poll is enough: nothing is pending that another thread would have to finish.
        let answering = router.clone().oneshot(request);
        let answer = futures_util::FutureExt::now_or_never(answering).unwrap().unwrap();
        assert!(answer.status().is_success(), "{method}: {answer:?}");
        let content = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(content, wanted);
    }
    assert_eq!(started.elapsed().as_millis(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_arriving_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.inline_io = true;
    let (clock, _) = settable();
    let router = router(&options, &clock).unwrap();
    let credential = AwsCredential { key_id: "WRITER".to_owned(), secret_key: "writer-secret".to_owned(), token: None };
    let mut request = http::Request::put(format!("http://store.test/{BUCKET}/k"))
        .body(HttpRequestBody::from("picture".to_owned()))
        .unwrap();
    AwsAuthorizer::new(&credential, "s3", "us-east-1").try_authorize(&mut request, None).unwrap();
    request.headers_mut().insert("content-length", 7.into());
    request.headers_mut().insert("host", http::HeaderValue::from_static("store.test"));
    let half = futures_util::stream::iter([Ok::<_, std::io::Error>("pict")]);
    let body = futures_util::StreamExt::chain(half, futures_util::stream::pending());
    let started = tokio::time::Instant::now();
    let answer = router.oneshot(request.map(|_| axum::body::Body::from_stream(body))).await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(started.elapsed(), options.body_timeout);
    assert!(super::durability::files(folder.path()).is_empty());
}
