use std::time::{Duration, UNIX_EPOCH};

use super::*;

#[test]
fn what_is_written_is_read() {
    let node = Node::new("Tagging").with(
        Node::new("TagSet").with(Node::new("Tag").with(Node::text("Key", "a<b&\"c")).with(Node::text("Value", " é "))),
    );
    let read = Node::parse(node.document().as_bytes()).unwrap();
    assert_eq!(read, node);
    assert_eq!(read.get(&["TagSet", "Tag", "Key"]), Some("a<b&\"c"));
}

#[test]
fn namespaces_layout_and_references_do_not_matter() {
    let text = "<?xml version=\"1.0\"?>\n<s3:A xmlns:s3='x'>\n  <B>&#x41;&amp;</B><C/>\n <D><![CDATA[<]]></D></s3:A>\n";
    let node = Node::parse(text.as_bytes()).unwrap();
    assert_eq!((node.name.as_str(), node.text.as_str()), ("A", ""));
    assert_eq!(node.get(&["B"]), Some("A&"));
    assert_eq!(node.get(&["C"]), Some(""));
    assert_eq!(node.get(&["D"]), Some("<"));
}

#[test]
fn hostile_documents_are_refused() {
    let deep = "<a>".repeat(1000);
    let wide = format!("<a>{}</a>", "<b/>".repeat(300_000));
    let bombs = [
        "",
        "plain",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a>&lol;</a>",
        "<!DOCTYPE a [<!ENTITY lol \"x\">]><a>&lol;</a>",
        "<html><body>502 Bad Gateway<br></body></html>",
        deep.as_str(),
        wide.as_str(),
    ];
    for bomb in bombs {
        let shown: String = bomb.chars().take(40).collect();
        assert!(Node::parse(bomb.as_bytes()).is_err(), "{shown}");
    }
    assert!(Node::parse(b"<a>\xff</a>").is_err());
}

fn store(style: Style, endpoint: &str) -> S3 {
    let keys = Arc::new(Credentials::new(
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        None,
        None,
        "test",
    ));
    let clock = Clock::simulated(1_369_353_600_000, Duration::default);
    let client = crate::net::client::http(None).unwrap();
    S3::new(client, endpoint.parse().unwrap(), style, "us-east-1", keys, clock)
}

#[test]
fn addresses_hold_bucket_key_and_query() {
    let call =
        Call::new("x", Method::GET, Some("pictures")).key("a b/c+d/é").ask("versions", "").ask("prefix", "a/b c");
    let path = store(Style::Path, "http://127.0.0.1:9000/").address(&call).unwrap();
    assert_eq!(path.as_str(), "http://127.0.0.1:9000/pictures/a%20b/c%2Bd/%C3%A9?versions=&prefix=a%2Fb%20c");
    let virtual_ = store(Style::Virtual, "https://s3.example").address(&call).unwrap();
    assert!(virtual_.as_str().starts_with("https://pictures.s3.example/a%20b/"), "{virtual_}");
    for bad in ["..", "a/../b", ""] {
        let call = Call::new("x", Method::GET, Some("pictures")).key(bad);
        assert!(store(Style::Path, "http://127.0.0.1:9000").address(&call).is_err(), "{bad}");
    }
    for bad in ["ab", "A-bucket", "-bucket", "a..b", "a/b", "bücket", "bucket?x"] {
        assert!(!is_bucket_name(bad), "{bad}");
    }
}

/// The example "GET Bucket Lifecycle" of Amazon's page on signatures in the Authorization header.
#[test]
fn a_signature_is_the_published_one() {
    let url = "https://examplebucket.s3.amazonaws.com/?lifecycle";
    let mut request = reqwest::Request::new(Method::GET, url.parse().unwrap());
    request.headers_mut().insert("host", "examplebucket.s3.amazonaws.com".parse().unwrap());
    let keys = Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", None, None, "test");
    let scope = Scope { service: "s3", region: "us-east-1", unix_ms: 1_369_353_600_000 };
    assert_eq!(UNIX_EPOCH + Duration::from_millis(scope.unix_ms), UNIX_EPOCH + Duration::from_secs(1_369_353_600));
    sign(&mut request, b"", &Identity::from(keys), &scope).unwrap();
    let header = request.headers()["authorization"].to_str().unwrap();
    let signature = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543";
    assert!(header.ends_with(signature), "{header}");
    assert_eq!(request.headers()["x-amz-date"], "20130524T000000Z");
}

fn answered(status: u16, body: &str) -> Answer {
    Answer { status, headers: http::HeaderMap::new(), body: body.to_owned().into() }
}

#[test]
fn refusals_get_their_meaning() {
    let body = |code: &str| format!("<Error><Code>{code}</Code><Message>why</Message></Error>");
    for (status, code, kind) in [
        (404, "NoSuchBucket", FailureKind::NotFound),
        (409, "BucketAlreadyExists", FailureKind::Exists),
        (409, "OperationAborted", FailureKind::Busy),
        (409, "BucketNotEmpty", FailureKind::Protected),
        (503, "SlowDown", FailureKind::Throttled),
        (403, "RequestTimeTooSkewed", FailureKind::Credentials),
        (403, "AccessDenied", FailureKind::Denied),
        (501, "NotImplemented", FailureKind::Unsupported),
        (400, "TooManyBuckets", FailureKind::Quota),
        (400, "MalformedXML", FailureKind::Invalid),
    ] {
        let error = S3Error::of("s3:X", &answered(status, &body(code)));
        assert_eq!((error.failure.kind, error.code.as_str()), (kind, code));
    }
    let error = S3Error::of("s3:X", &answered(502, "<html>bad gateway"));
    assert_eq!(error.failure.kind, FailureKind::Unavailable);
    assert_eq!(error.failure.message, "the store answered with status 502");
    assert!(S3Error::of("s3:X", &answered(404, &body("NoSuchTagSet"))).is_unset());
}
