//! A gateway behind TLS of others: plain HTTP, the platform's port, and an end that loses nothing.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use wildcam::net::client;

use crate::{
    camera::{Camera, Signed, Target, jpeg},
    site::{PROJECT, Site},
};

/// A gateway that speaks plain HTTP.
pub(crate) struct Plain {
    pub(crate) url: String,
    pub(crate) http: reqwest::Client,
}

impl Target for Plain {
    fn http(&self) -> &reqwest::Client {
        &self.http
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

impl Plain {
    pub(crate) fn new(url: &str) -> Self {
        Self { url: url.to_owned(), http: client::http(None).unwrap() }
    }

    /// Enrols a camera with a token that the project's own key has signed.
    pub(crate) async fn enrol(&self, site: &Site, id: &str) -> Camera {
        let camera = Camera::new(id);
        let output = site.wildcam(&["token", "enrol", "--camera", id]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let token = String::from_utf8(output.stdout).unwrap();
        let key = STANDARD.encode(camera.key.verifying_key().as_bytes());
        let body = serde_json::json!({ "camera": id, "public_key": key });
        let request = self.http.post(self.at("/api/cameras/register")).bearer_auth(token.trim()).json(&body);
        assert_eq!(request.send().await.unwrap().status(), 201);
        camera
    }
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A project whose stores are folders of its own.
fn site() -> Site {
    let listen = "[gateway]\nlisten = \"127.0.0.1:0\"\n";
    Site::new(&format!("{}{listen}", PROJECT.replace("/var/lib/wildcam/", "")))
}

fn start(command: &mut Command) -> (Process, String) {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut process = Process(child);
    let mut line = String::new();
    BufReader::new(process.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["reason"], "gateway-listening");
    (process, line["url"].as_str().unwrap().to_owned())
}

fn terminate(process: &Process) {
    let pid = rustix::process::Pid::from_child(&process.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_keeps_every_other_rule_and_listens_where_the_platform_says() {
    let site = site();
    let port = free_port();
    let (mut process, url) = start(site.wildcam(&["--json", "gateway", "--plain-http"]).env("PORT", port.to_string()));
    assert_eq!(url, format!("http://127.0.0.1:{port}"));
    let plain = Plain::new(&url);
    let camera = plain.enrol(&site, "north-ridge").await;
    let image = jpeg(1);
    let event = camera.event(1, &image);
    let signed = camera.upload(&event, Some(&image));
    // What a proxy says of the sender changes nothing: the signature decides.
    let unsigned = Signed {
        headers: signed
            .headers
            .iter()
            .filter(|(name, _)| !name.starts_with("signature"))
            .cloned()
            .chain([("x-forwarded-for".to_owned(), "127.0.0.1".to_owned())])
            .collect(),
        ..signed.clone()
    };
    assert_eq!(unsigned.send(&plain).await.status(), 401);
    assert_eq!(signed.send(&plain).await.status(), 201);
    assert_eq!(signed.send(&plain).await.status(), 401, "a replay");
    let healthy = site.wildcam(&["gateway", "healthy"]).env("PORT", port.to_string()).output().unwrap();
    assert!(healthy.status.success(), "{}", String::from_utf8_lossy(&healthy.stderr));
    terminate(&process);
    assert!(process.0.wait().unwrap().success());
    let mut said = String::new();
    process.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("warning: plain HTTP"), "{said}");
    let unhealthy = site.wildcam(&["gateway", "healthy"]).env("PORT", port.to_string()).output().unwrap();
    assert_eq!(unhealthy.status.code(), Some(1));
}

#[test]
fn what_is_said_about_tls_must_make_sense() {
    let site = site();
    let fails = |command: &mut Command, words: &str| {
        let output = command.output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(words), "{error}");
    };
    fails(&mut site.wildcam(&["gateway"]), "--plain-http --behind-tls");
    fails(&mut site.wildcam(&["gateway", "--behind-tls"]), "--plain-http");
    for port in ["none", "0", "65536"] {
        fails(site.wildcam(&["gateway", "--plain-http"]).env("PORT", port), "PORT holds no port");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_under_way_ends_well_when_the_platform_says_to_end() {
    let site = site();
    let (mut process, url) = start(&mut site.wildcam(&["--json", "gateway", "--plain-http", "--behind-tls"]));
    let plain = Plain::new(&url);
    let camera = plain.enrol(&site, "south-ford").await;
    let image = jpeg(2);
    let event = camera.event(2, &image);
    let signed = camera.upload(&event, Some(&image));
    let address = url.strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).unwrap();
    let mut head = format!("{} {} HTTP/1.1\r\nhost: {address}\r\n", signed.method, signed.path);
    for (name, value) in &signed.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\nexpect: 100-continue\r\n\r\n", signed.body.len()));
    let (first, rest) = signed.body.split_at(signed.body.len() / 2);
    connection.write_all(head.as_bytes()).unwrap();
    // The gateway asks for the body when it begins to read it.
    let asked = "HTTP/1.1 100 Continue\r\n\r\n";
    let mut said = vec![0; asked.len()];
    connection.read_exact(&mut said).unwrap();
    assert_eq!(String::from_utf8_lossy(&said), asked);
    connection.write_all(first).unwrap();
    terminate(&process);
    while TcpStream::connect(address).is_ok() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    connection.write_all(rest).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(process.0.wait().unwrap().success());
}
