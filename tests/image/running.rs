//! The image in a container that runc runs: its own root which it cannot write, no rights, and the user of the image.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use crate::{
    camera::jpeg,
    peers,
    plain::Plain,
    site::{PROJECT, Site, static_wildcam},
};

/// A container; it ends with this value.
struct Container {
    runc: PathBuf,
    id: String,
    root: PathBuf,
    child: Child,
}

impl Container {
    fn runc(&self, arguments: &[&str]) -> std::process::Output {
        Command::new(&self.runc).arg("--root").arg(&self.root).args(arguments).output().unwrap()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.runc(&["delete", "--force", &self.id]);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Unpacks what skopeo copied out of the archive: the layers in their order, as root, so that owners are kept.
fn unpack(copied: &Path, root: &Path) -> Value {
    let manifest: Value = serde_json::from_slice(&fs::read(copied.join("manifest.json")).unwrap()).unwrap();
    let blob = |digest: &Value| copied.join(digest.as_str().unwrap().trim_start_matches("sha256:"));
    for layer in manifest["layers"].as_array().unwrap() {
        let file = fs::File::open(blob(&layer["digest"])).unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
        archive.set_preserve_permissions(true);
        archive.set_preserve_ownerships(true);
        archive.unpack(root).unwrap();
    }
    let config = fs::read(blob(&manifest["config"]["digest"])).unwrap();
    serde_json::from_slice::<Value>(&config).unwrap()["config"].clone()
}

/// A runtime bundle that does what the image's configuration says, and gives the container nothing beside it.
fn bundle(config: &Value, volume: &Path, key: &str) -> Value {
    let texts = |key: &str| config[key].as_array().unwrap().clone();
    let mut arguments = [texts("Entrypoint"), texts("Cmd")].concat();
    arguments.extend(["--json", "--listen", "127.0.0.1:0"].map(Value::from));
    let mut environment = texts("Env");
    environment.push(format!("WILDCAM_FLEET_ONLINE_KEY={key}").into());
    let user: Vec<u32> = config["User"].as_str().unwrap().split(':').map(|number| number.parse().unwrap()).collect();
    let volume_at = config["Volumes"].as_object().unwrap().keys().next().unwrap();
    let device = |path: &str| json!({ "destination": path, "type": "bind", "source": path, "options": ["bind", "ro"] });
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": { "uid": user[0], "gid": user[1] },
            "args": arguments,
            "env": environment,
            "cwd": config["WorkingDir"],
            "noNewPrivileges": true,
        },
        "root": { "path": "root", "readonly": true },
        "mounts": [
            { "destination": "/proc", "type": "proc", "source": "proc" },
            { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] },
            { "destination": volume_at, "type": "bind", "source": volume, "options": ["rbind", "rw"] },
            device("/etc/resolv.conf"),
        ],
        // The network is the machine's, so that the test reaches it on loopback.
        "linux": { "namespaces": [{ "type": "pid" }, { "type": "ipc" }, { "type": "uts" }, { "type": "mount" }] },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_answers_and_takes_a_signed_picture_in_its_container() {
    let Some(program) = static_wildcam() else { return };
    let (Some(skopeo), Some(runc)) = (peers::require("skopeo"), peers::require("runc")) else { return };
    if !rustix::process::geteuid().is_root() {
        let _ = std::io::stderr().write_all(b"\nSKIPPED running the image: only root may make this container\n");
        return;
    }
    let site = Site::new(PROJECT);
    site.image(&program, "image.tar");
    let place = site.path();
    let copy = Command::new(skopeo).current_dir(place).args(["copy", "oci-archive:image.tar", "dir:copied"]).output();
    assert!(copy.unwrap().status.success());
    let (root, volume) = (place.join("bundle/root"), place.join("volume"));
    fs::create_dir_all(&root).unwrap();
    fs::create_dir(&volume).unwrap();
    chown(&volume, Some(65532), Some(65532)).unwrap();
    let config = unpack(&place.join("copied"), &root);
    // The runtime mounts a file over it, and the image's root is not written.
    fs::write(root.join("etc/resolv.conf"), "").unwrap();
    for folder in ["proc", "dev"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    let spec = bundle(&config, &volume, &site.key());
    fs::write(place.join("bundle/config.json"), serde_json::to_vec(&spec).unwrap()).unwrap();
    let id = format!("wildcam-test-{}", std::process::id());
    let state = place.join("runc");
    let child = Command::new(&runc)
        .arg("--root")
        .arg(&state)
        .args(["run", "--bundle"])
        .arg(place.join("bundle"))
        .arg(&id)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut container = Container { runc, id, root: state, child };
    let mut line = String::new();
    BufReader::new(container.child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    let gateway = Plain::new(line["url"].as_str().unwrap());

    let health: Value =
        gateway.http.get(format!("{}/api/health", gateway.url)).send().await.unwrap().json().await.unwrap();
    assert_eq!((&health["status"], &health["cloud"]), (&"ok".into(), &"a".into()));
    let camera = gateway.enrol(&site, "north-ridge").await;
    let image = jpeg(7);
    let event = camera.event(7, &image);
    assert_eq!(camera.upload(&event, Some(&image)).send(&gateway).await.status(), 201);
    for store in ["a", "b"] {
        let kept = find(&volume.join("stores").join(store), &format!("{}.jpg", event.ulid));
        assert_eq!(fs::read(kept.unwrap()).unwrap(), image, "in the store {store}, outside the container");
    }
    let at = gateway.url.trim_start_matches("http://");
    let healthy =
        ["exec", &container.id, "/usr/bin/wildcam", "--project", "/etc/wildcam", "gateway", "healthy", "--at", at];
    let healthy = container.runc(&healthy);
    assert!(healthy.status.success(), "{}", String::from_utf8_lossy(&healthy.stderr));
    assert!(container.runc(&["kill", &container.id, "TERM"]).status.success());
    assert_eq!(
        container.child.wait().unwrap().code(),
        Some(0),
        "the first process of a container has to ask for signals"
    );
}

fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    fs::read_dir(folder).ok()?.flatten().find_map(|entry| {
        let path = entry.path();
        if path.is_dir() { find(&path, name) } else { (entry.file_name() == name).then_some(path) }
    })
}
