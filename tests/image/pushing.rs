//! From the command to a registry and back.

use std::{collections::HashMap, fs, process::Command, sync::Arc};

use axum::{Json, Router, extract::Query, http::HeaderMap, routing::get};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use wildcam::clock::Clock;

use crate::{
    registry::{Cutting, Door, PASSWORD, Registry, USER, skopeo},
    site::{AMD64, PROJECT, Site, line, shape_of_a_program},
};

/// A site with a program of this size, and the command that pushes it.
struct Pusher {
    site: Site,
    binary: String,
}

impl Pusher {
    fn new(bytes: usize) -> Self {
        let site = Site::new(PROJECT);
        let binary = shape_of_a_program(site.path(), AMD64, bytes).to_str().unwrap().to_owned();
        Self { site, binary }
    }

    fn command(&self, repository: Option<&str>) -> Command {
        let mut command = self.site.wildcam(&["--json", "gateway", "image", "--push", "--binary", &self.binary]);
        if let Some(repository) = repository {
            command.args(["--repository", repository]);
        }
        command
    }

    fn push(&self, repository: Option<&str>) -> Value {
        line(&self.command(repository).output().unwrap(), "gateway-image-pushed")
    }
}

/// What skopeo copies out of the registry: the digest of its manifest.
fn pulled(image: &str, user: Option<(&str, &str)>) -> Option<String> {
    let skopeo = skopeo()?;
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(skopeo);
    command.args(["copy", "--src-tls-verify=false", &format!("docker://{image}")]);
    command.arg(format!("dir:{}", folder.path().display()));
    if let Some((name, password)) = user {
        command.args(["--src-creds", &format!("{name}:{password}")]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let manifest = fs::read(folder.path().join("manifest.json")).unwrap();
    Some(wildcam::deploy::image::Digest::of(&manifest).to_string())
}

#[test]
fn what_is_pushed_is_what_others_pull_and_a_second_push_sends_nothing() {
    let Some(registry) = Registry::start(&Door::Open) else { return };
    let pusher = Pusher::new(500_000);
    let repository = format!("{}/reserve/gateway", registry.address);
    let first = pusher.push(Some(&repository));
    assert_eq!(first["blobs_sent"], 3);
    let image = first["image"].as_str().unwrap();
    let digest = image.split_once('@').unwrap().1;
    assert!(image.starts_with(&repository) && first["tag"].as_str().unwrap().len() == 24, "{first}");
    if let Some(found) = pulled(image, None) {
        assert_eq!(found, digest);
    }
    let tagged = format!("{repository}:{}", first["tag"].as_str().unwrap());
    if let Some(found) = pulled(&tagged, None) {
        assert_eq!(found, digest);
    }
    let text = fs::read_to_string(pusher.site.path().join("wildcam.toml")).unwrap();
    assert_eq!(text, format!("{PROJECT}\n[deploy.images]\na = \"{image}\"\n"), "and every comment is there");
    // The place is known from the first time.
    let second = pusher.push(None);
    assert_eq!((&second["blobs_sent"], &second["bytes_sent"]), (&0.into(), &0.into()));
    assert_eq!(second["image"], first["image"], "its own name in wildcam.toml is no part of the image");
    let changed = text.replace("[fleet]", "[fleet]\nreport_interval = \"7m\"");
    fs::write(pusher.site.path().join("wildcam.toml"), changed).unwrap();
    let third = pusher.push(None);
    assert_eq!(third["blobs_sent"], 2, "the project's layer and the configuration, not the program");
    assert!(third["bytes_sent"].as_u64().unwrap() < 10_000);
    assert_ne!(third["image"], first["image"]);
}

#[test]
fn a_registry_with_passwords_is_entered_with_the_one_of_the_environment() {
    let Some(registry) = Registry::start(&Door::Passwords) else { return };
    let pusher = Pusher::new(1000);
    let repository = format!("{}/gateway", registry.address);
    for password in [None, Some("wrong-password")] {
        let mut command = pusher.command(Some(&repository));
        if let Some(password) = password {
            command.env("WILDCAM_REGISTRY_USERNAME", USER).env("WILDCAM_REGISTRY_PASSWORD", password);
        }
        let output = command.output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("does not let us in") && said.contains("WILDCAM_REGISTRY_USERNAME"), "{said}");
        assert!(!said.contains("wrong-password"), "{said}");
    }
    assert_eq!(fs::read_to_string(pusher.site.path().join("wildcam.toml")).unwrap(), PROJECT);
    let mut command = pusher.command(Some(&repository));
    command.env("WILDCAM_REGISTRY_USERNAME", USER).env("WILDCAM_REGISTRY_PASSWORD", PASSWORD);
    let pushed = line(&command.output().unwrap(), "gateway-image-pushed");
    let image = pushed["image"].as_str().unwrap();
    if let Some(found) = pulled(image, Some((USER, PASSWORD))) {
        assert!(image.ends_with(&found));
    }
}

/// A token service as clouds have one: it asks for a password and signs what it allows.
async fn token_service(key: Arc<SigningKey>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let give = move |headers: HeaderMap, Query(asked): Query<HashMap<String, String>>| async move {
        let wanted = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
        if headers.get("authorization").is_none_or(|given| given.as_bytes() != wanted.as_bytes()) {
            return Err(axum::http::StatusCode::UNAUTHORIZED);
        }
        assert_eq!(asked["service"], "registry.test");
        let scope: Vec<&str> = asked["scope"].split(':').collect();
        let now = Clock::system().unix_s();
        let claims = json!({
            "iss": "issuer.test", "sub": USER, "aud": "registry.test", "jti": "1",
            "iat": now, "nbf": now - 10, "exp": now + 300,
            "access": [{ "type": scope[0], "name": scope[1], "actions": scope[2].split(',').collect::<Vec<_>>() }],
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&json!({ "alg": "EdDSA", "typ": "JWT", "kid": "test" })), part(&claims));
        let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()).to_bytes());
        Ok(Json(json!({ "token": format!("{signed}.{signature}") })))
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/token", get(give))).await });
    format!("http://{address}/token")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_wants_a_token_gets_one_from_the_service_it_names() {
    let key = Arc::new(SigningKey::from_bytes(&[7; 32]));
    let public = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
    let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "test", "use": "sig", "x": public }] });
    let realm = token_service(key).await;
    let Some(registry) = Registry::start(&Door::Tokens { realm, keys: keys.to_string() }) else { return };
    let pusher = Pusher::new(1000);
    let repository = format!("{}/reserve/gateway", registry.address);
    let run = |password: &str| {
        let mut command = pusher.command(Some(&repository));
        command.env("WILDCAM_REGISTRY_USERNAME", USER).env("WILDCAM_REGISTRY_PASSWORD", password);
        command.output().unwrap()
    };
    let refused = run("wrong-password");
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("token: the registry 127.0.0.1 does not let us in"));
    let pushed = line(&run(PASSWORD), "gateway-image-pushed");
    assert_eq!(pushed["blobs_sent"], 3);
    let image = pushed["image"].as_str().unwrap();
    if let Some(found) = pulled(image, Some((USER, PASSWORD))) {
        assert!(image.ends_with(&found));
    }
}

#[test]
fn a_connection_that_breaks_in_the_middle_of_a_layer_does_not_end_the_push() {
    let Some(registry) = Registry::start(&Door::Open) else { return };
    let pusher = Pusher::new(6_000_000);
    let cutting = Cutting::before(&registry, 2_000_000);
    let repository = format!("{}/gateway", cutting.address);
    let arguments = ["gateway", "image", "--push", "--binary", &pusher.binary, "--repository", &repository];
    let output = pusher.site.wildcam(&arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(cutting.cuts() > 0 && said.contains("  going on   sha256:"), "nothing broke: {said}");
    let file = fs::read_to_string(pusher.site.path().join("wildcam.toml")).unwrap();
    let digest = file.split_once("gateway@").unwrap().1.trim_end().trim_end_matches('"');
    if let Some(found) = pulled(&format!("{}/gateway@{digest}", registry.address), None) {
        assert_eq!(found, digest);
    }
}

#[test]
fn a_place_that_is_none_is_refused_before_anything_is_built() {
    let pusher = Pusher::new(10);
    let output = pusher.command(None).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("no registry of its own") && error.contains("--repository HOST/PATH"), "{error}");
    let output = pusher.command(Some("gateway:latest")).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
