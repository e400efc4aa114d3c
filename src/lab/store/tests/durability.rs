use std::path::Path as FilePath;

use futures_util::TryStreamExt;
use object_store::{MultipartUpload as _, ObjectStore, ObjectStoreExt, path::Path};

use super::{BUCKET, Running, Who, options};
use crate::{
    clock::Clock,
    lab::store::{BucketOptions, Error, router},
};

/// The names of all files of versions.
pub(super) fn files(root: &FilePath) -> Vec<String> {
    let mut names = Vec::new();
    for folder in std::fs::read_dir(root.join("data")).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            names.push(file.unwrap().file_name().into_string().unwrap());
        }
    }
    names
}

#[tokio::test]
async fn a_restart_keeps_everything_and_removes_what_is_torn() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let running = Running::start(&options).await;
    let store = running.writer();
    for n in 0..20 {
        store.put(&Path::from(format!("k{n}")), format!("content {n}").into()).await.unwrap();
    }
    store.put(&Path::from("k0"), "newer".into()).await.unwrap();
    store.delete(&Path::from("k1")).await.unwrap();
    let mut upload = store.put_multipart(&Path::from("parts")).await.unwrap();
    upload.put_part("begun".into()).await.unwrap();
    running.stop().await;

    let known = files(folder.path());
    // What a crash leaves: half a body, and a whole file whose row was never committed.
    std::fs::write(folder.path().join("tmp/torn"), "half a pict").unwrap();
    let newest = std::fs::read_dir(folder.path().join("data")).unwrap().next().unwrap().unwrap().path();
    std::fs::write(newest.join("01ORPHAN"), "never acknowledged").unwrap();

    let running = Running::start(&options).await;
    let mut after = files(folder.path());
    let mut before = known;
    before.sort_unstable();
    after.sort_unstable();
    assert_eq!(after, before);
    assert_eq!(std::fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
    let store = running.writer();
    let listed: Vec<_> = store.list(None).try_collect().await.unwrap();
    assert_eq!(listed.len(), 19);
    assert_eq!(store.get(&Path::from("k0")).await.unwrap().bytes().await.unwrap(), "newer");
    assert_eq!(store.get(&Path::from("k19")).await.unwrap().bytes().await.unwrap(), "content 19");
    let versions = running.send(Who::Writer, "GET", &format!("/{BUCKET}?versions="), "", &[]).await.body;
    assert_eq!(versions.matches("<Version>").count(), 21);
    assert_eq!(versions.matches("<DeleteMarker>").count(), 1);
    let uploads = running.send(Who::Writer, "GET", &format!("/{BUCKET}?uploads="), "", &[]).await.body;
    assert_eq!(uploads.matches("<UploadId>").count(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_write_that_is_refused_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&options(folder.path())).await;
    let create = [("if-none-match", "*")];
    let path = format!("/{BUCKET}/k");
    assert_eq!(running.send(Who::Writer, "PUT", &path, "one", &create).await.status, 200);
    assert_eq!(running.send(Who::Writer, "PUT", &path, "two", &create).await.status, 412);
    assert_eq!(running.send(Who::Writer, "PUT", "/nowhere/k", "three", &[]).await.status, 404);
    assert_eq!(files(folder.path()).len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_client_that_goes_away_in_the_middle_leaves_nothing() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let running = Running::start(&options).await;
    // Signed for three megabytes, of which half arrive: beyond what is held in memory.
    let credential = object_store::aws::AwsCredential {
        key_id: "WRITER".to_owned(),
        secret_key: "writer-secret".to_owned(),
        token: None,
    };
    let body = bytes::Bytes::from(vec![7; 3_000_000]);
    let mut request = http::Request::put(format!("http://{}/{BUCKET}/k", running.address))
        .body(object_store::client::HttpRequestBody::from(body.clone()))
        .unwrap();
    object_store::aws::AwsAuthorizer::new(&credential, "s3", "us-east-1").try_authorize(&mut request, None).unwrap();
    let mut head = format!("PUT /{BUCKET}/k HTTP/1.1\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in request.headers() {
        head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    let mut stream = tokio::net::TcpStream::connect(running.address).await.unwrap();
    stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
    stream.write_all(&body[..1_500_000]).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    drop(stream);
    assert_eq!(running.send(Who::Writer, "HEAD", &format!("/{BUCKET}/k"), "", &[]).await.status, 404);
    running.stop().await;
    let left = || std::fs::read_dir(folder.path().join("tmp")).unwrap().count() + files(folder.path()).len();
    // The last step of the broken request may still run on its thread; reopening waits for nothing and removes it.
    drop(super::open(&options, &Clock::system()).await);
    assert_eq!(left(), 0);
}

#[tokio::test]
async fn a_folder_has_one_store_and_options_must_make_sense() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let clock = Clock::system();
    let first = router(&options, &clock).unwrap();
    assert!(matches!(router(&options, &clock), Err(Error::InUse(_))));
    drop(first);
    drop(router(&options, &clock).unwrap());

    let mut same = options.clone();
    same.administrator.key_id = same.writer.key_id.clone();
    assert!(matches!(router(&same, &clock), Err(Error::SameCredentials)));
    let mut named = options.clone();
    named.buckets.push(BucketOptions::plain("Not_A_Bucket"));
    assert!(matches!(router(&named, &clock), Err(Error::Bucket { .. })));
    let index = rusqlite::Connection::open(folder.path().join("index.sqlite")).unwrap();
    index.pragma_update(None, "user_version", 99).unwrap();
    drop(index);
    assert!(matches!(router(&options, &clock), Err(Error::Format { found: 99, .. })));
    assert!(!format!("{options:?}").contains("writer-secret"));
}
