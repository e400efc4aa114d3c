//! What is in the archive.

use std::{collections::BTreeMap, fs, io::Read, path::Path, process::Command};

use sha2::{Digest, Sha256};

use crate::{
    peers,
    site::{AMD64, ARM64, PROJECT, Site, line, shape_of_a_program},
};

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The files of an archive.
fn members(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(fs::File::open(path).unwrap());
    let mut found = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        assert_eq!((entry.header().mtime().unwrap(), entry.header().uid().unwrap()), (0, 0));
        let (name, mut bytes) = (entry.path().unwrap().display().to_string(), Vec::new());
        entry.read_to_end(&mut bytes).unwrap();
        assert_eq!(found.insert(name, bytes), None);
    }
    found
}

fn json(bytes: &[u8]) -> serde_json::Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn the_layout_is_whole_and_every_digest_is_that_of_its_bytes() {
    let site = Site::new(PROJECT);
    let program = shape_of_a_program(site.path(), AMD64, 300_000);
    let said = site.image(&program, "image.tar");
    let members = members(&site.path().join("image.tar"));
    assert_eq!(json(&members["oci-layout"])["imageLayoutVersion"], "1.0.0");
    for (name, bytes) in members.iter().filter(|(name, bytes)| name.starts_with("blobs/") && !bytes.is_empty()) {
        assert_eq!(*name, format!("blobs/sha256/{}", sha256(bytes)));
    }
    let index = json(&members["index.json"]);
    assert_eq!(index["manifests"][0]["digest"], said["digest"]);
    let blob = |descriptor: &serde_json::Value| {
        let bytes = &members[&format!("blobs/{}", descriptor["digest"].as_str().unwrap().replace(':', "/"))];
        assert_eq!(descriptor["size"], bytes.len());
        bytes.clone()
    };
    let manifest = json(&blob(&index["manifests"][0]));
    let config = json(&blob(&manifest["config"]));
    assert_eq!(config["config"]["User"], "65532:65532");
    assert_eq!(config["config"]["Cmd"], serde_json::json!(["gateway", "--cloud", "a", "--plain-http"]));
    let mut paths = BTreeMap::new();
    for (number, layer) in manifest["layers"].as_array().unwrap().iter().enumerate() {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(blob(layer).as_slice()).read_to_end(&mut plain).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"][number], format!("sha256:{}", sha256(&plain)));
        for entry in tar::Archive::new(plain.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            let header = entry.header().clone();
            entry.read_to_end(&mut bytes).unwrap();
            let path = String::from_utf8(header.path_bytes().into_owned()).unwrap();
            paths.insert(path, (header.mode().unwrap(), header.uid().unwrap(), bytes));
        }
    }
    assert_eq!(paths["usr/bin/wildcam"].2, fs::read(&program).unwrap());
    assert_eq!((paths["usr/bin/wildcam"].0, paths["usr/bin/wildcam"].1), (0o755, 0));
    assert_eq!((paths["var/lib/wildcam/"].0, paths["var/lib/wildcam/"].1), (0o700, 65532));
    let inside = String::from_utf8(paths["etc/wildcam/wildcam.toml"].2.clone()).unwrap();
    assert!(inside.contains("online_key = \"env:WILDCAM_FLEET_ONLINE_KEY\""), "{inside}");
    // The middle of the key: no encoding of a text file leaves it unseen.
    let key = site.key();
    let secret = key.lines().nth(1).unwrap();
    assert!(paths.values().all(|(_, _, bytes)| memchr::memmem::find(bytes, secret.as_bytes()).is_none()));
}

#[test]
fn the_same_inputs_make_the_same_bytes_and_the_project_is_a_layer_of_its_own() {
    let (one, two) = (Site::new(PROJECT), Site::new(PROJECT));
    let program = shape_of_a_program(one.path(), AMD64, 100_000);
    one.image(&program, "image.tar");
    two.image(&program, "image.tar");
    let archive = |site: &Site| fs::read(site.path().join("image.tar")).unwrap();
    assert!(archive(&one) == archive(&two), "two folders, two times, one image");
    let layers = |site: &Site| -> Vec<String> {
        let members = members(&site.path().join("image.tar"));
        let index = json(&members["index.json"]);
        let digest = index["manifests"][0]["digest"].as_str().unwrap();
        let manifest = json(&members[&format!("blobs/{}", digest.replace(':', "/"))]);
        let layers = manifest["layers"].as_array().unwrap();
        layers.iter().map(|layer| layer["digest"].as_str().unwrap().to_owned()).collect()
    };
    let changed = PROJECT.replace("[fleet]", "[fleet]\nreport_interval = \"7m\"");
    fs::write(two.path().join("wildcam.toml"), changed).unwrap();
    two.image(&program, "image.tar");
    let (before, after) = (layers(&one), layers(&two));
    assert_eq!(before[0], after[0]);
    assert_ne!(before[1], after[1]);
}

#[test]
fn what_cannot_be_an_image_is_refused_with_the_way_to_one() {
    let site = Site::new(PROJECT);
    let fails = |arguments: &[&str], words: &[&str]| {
        let output =
            site.wildcam(&[&["gateway", "image", "-o", "image.tar"][..], arguments].concat()).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(words.iter().all(|words| error.contains(words)), "{error}");
        assert!(!site.path().join("image.tar").exists());
    };
    // The usual program needs the loader of its machine.
    fails(&[], &["is not static", "cargo xtask static"]);
    fails(&["--binary", "wildcam.toml"], &["no program for Linux", "cargo xtask static"]);
    fails(&["--binary", "absent"], &["absent cannot be the image's program"]);
    let arm = shape_of_a_program(site.path(), ARM64, 10);
    let arm = arm.to_str().unwrap();
    fails(&["--binary", arm, "--platform", "linux/amd64"], &["is for linux/arm64, and linux/amd64 was asked for"]);
    fails(&["--binary", arm, "--cloud", "c"], &["wildcam.toml has no cloud c"]);
    fs::write(site.path().join("wildcam.toml"), PROJECT.replace("/var/lib/wildcam/stores/a", "stores/a")).unwrap();
    fails(&["--binary", arm], &["the store of a is a folder (stores/a)", "absolute path"]);
    let left: Vec<_> = fs::read_dir(site.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with('.')), "{left:?}");
}

#[test]
fn skopeo_reads_it_as_we_do() {
    let Some(skopeo) = peers::require("skopeo") else { return };
    let site = Site::new(PROJECT);
    let arm = shape_of_a_program(site.path(), ARM64, 50_000);
    let said = site.image(&arm, "image.tar");
    let run = |arguments: &[&str]| {
        let output = Command::new(&skopeo).current_dir(site.path()).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let inspected = json(&run(&["inspect", "--override-arch", "arm64", "oci-archive:image.tar"]));
    assert_eq!((&inspected["Digest"], &inspected["Architecture"]), (&said["digest"], &"arm64".into()));
    // It compares every digest with the bytes as it copies.
    run(&["copy", "--override-arch", "arm64", "oci-archive:image.tar", "dir:copied"]);
    let manifest = fs::read(site.path().join("copied/manifest.json")).unwrap();
    assert_eq!(said["digest"], format!("sha256:{}", sha256(&manifest)));
    let mut damaged = fs::read(site.path().join("image.tar")).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(site.path().join("damaged.tar"), damaged).unwrap();
    let refused = Command::new(&skopeo)
        .current_dir(site.path())
        .args(["copy", "--override-arch", "arm64", "oci-archive:damaged.tar", "dir:refused"])
        .output()
        .unwrap();
    assert!(!refused.status.success(), "one bit");
}

#[test]
fn the_environment_of_the_command_line_is_in_the_image() {
    let site = Site::new(&format!("{PROJECT}[env.staging.fleet]\nreport_interval = \"9m\"\n"));
    let program = shape_of_a_program(site.path(), AMD64, 10);
    let image = |env: &[&str], output: &str| {
        let binary = program.to_str().unwrap();
        let arguments = [&["--json", "gateway", "image", "-o", output, "--binary", binary][..], env].concat();
        line(&site.wildcam(&arguments).output().unwrap(), "gateway-image")["digest"].clone()
    };
    assert_ne!(image(&[], "one.tar"), image(&["--env", "staging"], "two.tar"));
}
