use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::{
    Attribute, Attributes, CopyMode, CopyOptions, GetOptions, MultipartUpload as _, ObjectStore, ObjectStoreExt,
    PutMode, PutOptions, PutPayload, UpdateVersion, aws::Checksum, aws::S3CopyIfNotExists, path::Path,
};

use sha2::{Digest, Sha256};

use super::{BUCKET, Running, Who, options};
use crate::lab::store::body::hex;

#[tokio::test]
async fn what_is_put_is_got_whole_in_ranges_and_listed() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&options(folder.path())).await;
    let store = running.writer();
    let path = Path::from("detections/cam-1/2026/01/02/a.jpg");
    let content: Vec<u8> = (0..50_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let mut attributes = Attributes::new();
    attributes.insert(Attribute::ContentType, "image/jpeg".into());
    attributes.insert(Attribute::Metadata("camera".into()), "cam-1".into());
    let put = PutOptions { attributes: attributes.clone(), ..PutOptions::default() };
    let first = store.put_opts(&path, content.clone().into(), put).await.unwrap();

    let got = store.get(&path).await.unwrap();
    assert_eq!(got.meta.size, 50_000);
    assert_eq!(got.meta.e_tag, first.e_tag);
    assert_eq!(got.meta.version, first.version);
    assert_eq!(got.attributes, attributes);
    assert_eq!(got.bytes().await.unwrap(), content);
    assert_eq!(store.get_range(&path, 100..300).await.unwrap(), content[100..300]);
    let tail = GetOptions { range: Some(object_store::GetRange::Suffix(7)), ..GetOptions::default() };
    assert_eq!(store.get_opts(&path, tail).await.unwrap().bytes().await.unwrap(), content[49_993..]);
    assert!(store.get_range(&path, 60_000..60_001).await.is_err());
    assert_eq!(store.head(&path).await.unwrap().size, 50_000);

    let unchanged = GetOptions { if_none_match: first.e_tag.clone(), ..GetOptions::default() };
    let answer = store.get_opts(&path, unchanged).await;
    assert!(matches!(answer, Err(object_store::Error::NotModified { .. })), "{answer:?}");
    let other = GetOptions { if_match: Some("\"other\"".to_owned()), ..GetOptions::default() };
    let answer = store.get_opts(&path, other).await;
    assert!(matches!(answer, Err(object_store::Error::Precondition { .. })), "{answer:?}");

    let listed: Vec<_> = store.list(Some(&Path::from("detections"))).try_collect().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].location, path);
    assert_eq!(listed[0].e_tag, first.e_tag);

    store.delete(&path).await.unwrap();
    let gone = store.get(&path).await;
    assert!(matches!(gone, Err(object_store::Error::NotFound { .. })), "{gone:?}");
    assert!(store.list(None).try_collect::<Vec<_>>().await.unwrap().is_empty());
    // Hidden, not lost.
    let version = format!("/{BUCKET}/{path}?versionId={}", first.version.unwrap());
    assert_eq!(running.send(Who::Writer, "GET", &version, "", &[]).await.status, 200);
    running.stop().await;
}

#[tokio::test]
async fn conditional_puts_create_once_and_update_what_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&options(folder.path())).await;
    let store = running.writer();
    let path = Path::from("register");
    let mode = |mode| PutOptions { mode, ..PutOptions::default() };
    let absent = UpdateVersion { e_tag: Some("\"0\"".to_owned()), version: None };
    let answer = store.put_opts(&path, "x".into(), mode(PutMode::Update(absent))).await;
    assert!(matches!(answer, Err(object_store::Error::Precondition { .. })), "{answer:?}");
    let one = store.put_opts(&path, "1".into(), mode(PutMode::Create)).await.unwrap();
    let again = store.put_opts(&path, "1".into(), mode(PutMode::Create)).await;
    assert!(matches!(again, Err(object_store::Error::AlreadyExists { .. })), "{again:?}");
    let two = store.put_opts(&path, "2".into(), mode(PutMode::Update(one.clone().into()))).await.unwrap();
    let stale = store.put_opts(&path, "3".into(), mode(PutMode::Update(one.into()))).await;
    assert!(matches!(stale, Err(object_store::Error::Precondition { .. })), "{stale:?}");
    assert_eq!(store.get(&path).await.unwrap().meta.e_tag, two.e_tag);
    // A deleted object is absent for a condition.
    store.delete(&path).await.unwrap();
    store.put_opts(&path, "4".into(), mode(PutMode::Create)).await.unwrap();
    running.stop().await;
}

#[tokio::test]
async fn pages_come_in_order_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.sync = false;
    let running = Running::start(&options).await;
    let store = running.writer();
    let mut wanted: Vec<String> = (0..2_500).map(|n| format!("p{}/k{n:04}", n % 5)).collect();
    futures_util::stream::iter(wanted.iter().map(Ok::<_, object_store::Error>))
        .try_for_each_concurrent(16, async |key| {
            store.put(&Path::from(key.as_str()), PutPayload::from_static(b"x")).await.map(drop)
        })
        .await
        .unwrap();
    wanted.sort_unstable();
    let listed: Vec<String> = store.list(None).map_ok(|meta| meta.location.to_string()).try_collect().await.unwrap();
    assert_eq!(listed, wanted);
    let after: Vec<String> = store
        .list_with_offset(None, &Path::from("p3/k0499"))
        .map_ok(|meta| meta.location.to_string())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(after, wanted.iter().filter(|key| key.as_str() > "p3/k0499").cloned().collect::<Vec<_>>());
    let folders = store.list_with_delimiter(None).await.unwrap();
    assert_eq!(folders.common_prefixes, (0..5).map(|n| Path::from(format!("p{n}"))).collect::<Vec<_>>());
    assert!(folders.objects.is_empty());

    // Small pages, as S3's first listing: common prefixes count as entries and none comes twice.
    let mut marker = String::new();
    let mut prefixes = Vec::new();
    loop {
        let path = format!("/{BUCKET}?delimiter=%2F&marker={marker}&max-keys=2");
        let page = running.send(Who::Writer, "GET", &path, "", &[]).await;
        assert_eq!(page.status, 200, "{page:?}");
        let between = |text: &str, from: &str, to: &str| -> Vec<String> {
            text.split(from).skip(1).filter_map(|rest| rest.split(to).next().map(str::to_owned)).collect()
        };
        prefixes.extend(between(&page.body, "<CommonPrefixes><Prefix>", "</Prefix>"));
        match between(&page.body, "<NextMarker>", "</NextMarker>").pop() {
            Some(next) => marker = next.replace('/', "%2F"),
            None => break,
        }
    }
    assert_eq!(prefixes, ["p0/", "p1/", "p2/", "p3/", "p4/"]);
    running.stop().await;
}

#[tokio::test]
async fn keys_are_names_and_never_paths() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    let running = Running::start(&options(&root)).await;
    let long = "s".repeat(400);
    let keys =
        ["a", "a/b", "A", "../../escape", "/absolute", "a//b", "..", "CON", "a:b*?", "%2e%2e/x", "\u{1F98A}", &long];
    for key in keys {
        let path = format!("/{BUCKET}/{}", crate::lab::store::listing::encode(key, true));
        let put = raw_put(&running, &path, key).await;
        assert!(put.starts_with("HTTP/1.1 200"), "{key}: {put}");
    }
    let listing = running.send(Who::Writer, "GET", &format!("/{BUCKET}?list-type=2"), "", &[]).await.body;
    for key in keys {
        assert!(listing.contains(&format!("<Key>{key}</Key>")), "{key}: {listing}");
    }
    let outside: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(outside, ["store"]);
    let control = raw_put(&running, &format!("/{BUCKET}/a%00b"), "x").await;
    assert!(control.starts_with("HTTP/1.1 400"), "{control}");
    let too_long = raw_put(&running, &format!("/{BUCKET}/{}", "k".repeat(1025)), "x").await;
    assert!(too_long.starts_with("HTTP/1.1 400"), "{too_long}");
    running.stop().await;
}

/// A signed PUT whose path reaches the server exactly as given. Signed by hand, since every client resolves `..`.
async fn raw_put(running: &Running, path: &str, body: &str) -> String {
    raw_put_as(running, path, body, &hex(&Sha256::digest(body)), "").await
}

/// The same with a digest of its own in the signature, and further headers that are not signed.
async fn raw_put_as(running: &Running, path: &str, body: &str, digest: &str, more: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let scope = format!("{}/us-east-1/s3/aws4_request", &time[..8]);
    let headers = format!("host:{}\nx-amz-content-sha256:{digest}\nx-amz-date:{time}\n", running.address);
    let names = "host;x-amz-content-sha256;x-amz-date";
    let canonical = format!("PUT\n{path}\n\n{headers}\n{names}\n{digest}");
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let key = scope.split('/').fold(b"AWS4writer-secret".to_vec(), |key, part| hmac(&key, part.as_bytes()));
    let signature = hex(&hmac(&key, text.as_bytes()));
    let head = format!(
        "PUT {path} HTTP/1.1\r\n{}{more}content-length: {}\r\nconnection: close\r\nauthorization: AWS4-HMAC-SHA256 \
         Credential=WRITER/{scope}, SignedHeaders={names}, Signature={signature}\r\n\r\n",
        headers.replace('\n', "\r\n"),
        body.len(),
    );
    let mut stream = tokio::net::TcpStream::connect(running.address).await.unwrap();
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// HMAC (RFC 2104) with SHA-256, for keys of up to a block.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let pad = |byte: u8| (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ byte).collect::<Vec<u8>>();
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}

#[tokio::test]
async fn large_objects_stream_and_parts_are_joined() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.max_object_bytes = 12 << 20;
    let running = Running::start(&options).await;
    let store = running.builder("WRITER", "writer-secret").with_checksum_algorithm(Checksum::SHA256).build().unwrap();
    let content: Bytes = (0..(11_u32 << 20)).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    let path = Path::from("large");
    store.put(&path, content.clone().into()).await.unwrap();
    assert!(store.get(&path).await.unwrap().bytes().await.unwrap() == content);
    assert!(store.get_range(&path, 3_000_000..7_000_000).await.unwrap() == content[3_000_000..7_000_000]);

    let parts = Path::from("parts");
    let mut upload = store.put_multipart(&parts).await.unwrap();
    for part in [content.slice(..6 << 20), content.slice(6 << 20..)] {
        upload.put_part(part.into()).await.unwrap();
    }
    let done = upload.complete().await.unwrap();
    assert!(done.e_tag.unwrap().trim_matches('"').ends_with("-2"));
    assert!(store.get(&parts).await.unwrap().bytes().await.unwrap() == content);

    let mut upload = store.put_multipart(&parts).await.unwrap();
    upload.put_part(content.slice(..10).into()).await.unwrap();
    let list = running.send(Who::Writer, "GET", &format!("/{BUCKET}?uploads="), "", &[]).await.body;
    assert_eq!(list.matches("<UploadId>").count(), 1, "{list}");
    upload.abort().await.unwrap();
    let list = running.send(Who::Writer, "GET", &format!("/{BUCKET}?uploads="), "", &[]).await.body;
    assert_eq!(list.matches("<UploadId>").count(), 0, "{list}");

    let too_large = store.put(&path, vec![0; (12 << 20) + 1].into()).await;
    assert!(too_large.unwrap_err().to_string().contains("EntityTooLarge"));
    assert!(store.get(&path).await.unwrap().bytes().await.unwrap() == content);

    // Parts of 7 and 6 MiB are more than an object may have.
    let mut upload = store.put_multipart(&parts).await.unwrap();
    upload.put_part(vec![0; 7 << 20].into()).await.unwrap();
    assert!(upload.put_part(vec![0; 6 << 20].into()).await.is_err());
    upload.abort().await.unwrap();
    running.stop().await;
}

#[tokio::test]
async fn copies_have_the_content_and_the_metadata() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&options(folder.path())).await;
    let store = running
        .builder("WRITER", "writer-secret")
        .with_copy_if_not_exists(S3CopyIfNotExists::Header("if-none-match".to_owned(), "*".to_owned()))
        .build()
        .unwrap();
    let (from, to) = (Path::from("from"), Path::from("to"));
    let mut attributes = Attributes::new();
    attributes.insert(Attribute::ContentType, "image/jpeg".into());
    let put = PutOptions { attributes: attributes.clone(), ..PutOptions::default() };
    store.put_opts(&from, "picture".into(), put).await.unwrap();
    store.copy(&from, &to).await.unwrap();
    let got = store.get(&to).await.unwrap();
    assert_eq!(got.attributes, attributes);
    assert_eq!(got.bytes().await.unwrap(), "picture");
    let create = || CopyOptions { mode: CopyMode::Create, ..CopyOptions::default() };
    let again = store.copy_opts(&from, &to, create()).await;
    assert!(matches!(again, Err(object_store::Error::AlreadyExists { .. })), "{again:?}");
    store.copy_opts(&from, &Path::from("third"), create()).await.unwrap();

    let parts = running
        .builder("WRITER", "writer-secret")
        .with_copy_if_not_exists(S3CopyIfNotExists::Multipart)
        .build()
        .unwrap();
    parts.copy_opts(&from, &Path::from("fourth"), create()).await.unwrap();
    assert_eq!(parts.get(&Path::from("fourth")).await.unwrap().bytes().await.unwrap(), "picture");
    let again = parts.copy_opts(&from, &to, create()).await;
    assert!(matches!(again, Err(object_store::Error::AlreadyExists { .. })), "{again:?}");
    running.stop().await;
}

#[tokio::test]
async fn a_body_that_is_not_as_announced_is_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&options(folder.path())).await;
    let path = format!("/{BUCKET}/k");
    let put = async |headers: &[(&str, &str)]| running.send(Who::Writer, "PUT", &path, "hello", headers).await;
    let wrong = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    assert_eq!(put(&[("x-amz-checksum-sha256", wrong)]).await.status, 400);
    assert_eq!(put(&[("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")]).await.status, 400);
    assert_eq!(put(&[("content-md5", "AAAA")]).await.status, 400);
    assert_eq!(running.send(Who::Writer, "HEAD", &path, "", &[]).await.status, 404);
    let right = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
    let good = put(&[("x-amz-checksum-sha256", right), ("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")]).await;
    assert_eq!(good.status, 200, "{good:?}");
    assert_eq!(good.header("etag"), "\"5d41402abc4b2a76b9719d911017c592\"");
    let head = running.send(Who::Writer, "HEAD", &path, "", &[("x-amz-checksum-mode", "ENABLED")]).await;
    assert_eq!(head.header("x-amz-checksum-sha256"), right);
    // A body that is not the signed one.
    let url = format!("http://{}{path}", running.address);
    let altered = super::plain_client().put(url).body("hello").send().await.unwrap();
    assert_eq!(altered.status(), 403);
    running.stop().await;
}

#[tokio::test]
async fn a_checksum_after_the_body_is_verified_too() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&options(folder.path())).await;
    let path = format!("/{BUCKET}/k");
    let put = async |crc32: &str| {
        let body = format!("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:{crc32}\r\n\r\n");
        let more = "content-encoding: aws-chunked\r\nx-amz-decoded-content-length: 5\r\n\
            x-amz-trailer: x-amz-checksum-crc32\r\n";
        raw_put_as(&running, &path, &body, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", more).await
    };
    let wrong = put("AAAAAA==").await;
    assert!(wrong.starts_with("HTTP/1.1 400"), "{wrong}");
    let right = put("NhCmhg==").await;
    assert!(right.starts_with("HTTP/1.1 200"), "{right}");
    let got = running.send(Who::Writer, "GET", &path, "", &[("x-amz-checksum-mode", "ENABLED")]).await;
    assert_eq!((got.body.as_str(), got.header("x-amz-checksum-crc32")), ("hello", "NhCmhg=="));
    assert_eq!(got.header("content-encoding"), "");
    running.stop().await;
}
