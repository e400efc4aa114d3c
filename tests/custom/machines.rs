//! `custom.gateway` on machines with systemd, here and over ssh. `systemctl` and `ssh` are fakes: the first starts what a
//! unit names, the second hands its line to a shell as the other side would. The scripts in between are the real ones.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;
use wildcam::cloud::control::{FailureKind, Severity};

use crate::{
    gateways::{gateway, kill, project},
    setting::{Setting, TOKEN, change, create, live, refused},
    stores::{KEY, SECRET, Served, free_port, lab},
};

const SYSTEMCTL: &str = r#"#!/bin/sh
state=STATE
echo "$@" >> "$state/calls"
pid=$(cat "$state/pid" 2>/dev/null)
end() { [ -z "$pid" ] || kill "$pid"; while [ -n "$pid" ] && [ -e "/proc/$pid/exe" ]; do sleep 0.02; done; }
case "$1" in
  enable) cp -f "$3" "$state/unit" ;;
  daemon-reload) ;;
  restart)
    end
    line=$(sed -n 's/^ExecStart=//p' "$state/unit" | sed "s#/var/lib/[a-z-]*#$state/data#")
    mkdir -p "$state/data"
    file=$(sed -n 's/^EnvironmentFile=//p' "$state/unit")
    (set -a; . "$file"; set +a; eval "exec setsid $line") </dev/null >"$state/log" 2>&1 &
    echo $! > "$state/pid" ;;
  is-active) [ -n "$pid" ] && [ -e "/proc/$pid/exe" ] && echo active || { echo inactive; exit 3; } ;;
  stop) end; rm -f "$state/pid" ;;
  clean) rm -rf "$state/data" ;;
  disable) rm -f "$state/unit" ;;
  *) exit 1 ;;
esac
"#;

const SSH: &str = r#"#!/bin/sh
echo "$@" | head -n 1 >> "STATE/ssh"
for word in "$@"; do last=$word; done
case "$*" in
  *closed@*) echo "root@x: Permission denied (publickey)." >&2; exit 255 ;;
  *unknown@*) echo "Host key verification failed." >&2; exit 255 ;;
esac
exec sh -c "$last"
"#;

/// The fakes first on the search path.
struct Fakes {
    state: PathBuf,
}

impl Drop for Fakes {
    fn drop(&mut self) {
        if let Some(pid) = fs::read_to_string(self.state.join("pid")).ok().and_then(|text| text.trim().parse().ok()) {
            kill(pid);
        }
    }
}

impl Fakes {
    fn put(setting: &mut Setting) -> Self {
        let (state, bin) = (setting.path("machine"), setting.path("bin"));
        for folder in [&state, &bin] {
            fs::create_dir_all(folder).unwrap();
        }
        for (name, text) in [("systemctl", SYSTEMCTL), ("ssh", SSH)] {
            fs::write(bin.join(name), text.replace("STATE", &state.display().to_string())).unwrap();
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let path = format!("{}:{}", bin.display(), setting.variables["PATH"]);
        setting.set("PATH", &path);
        Self { state }
    }

    fn said(&self, name: &str) -> String {
        fs::read_to_string(self.state.join(name)).unwrap_or_default()
    }
}

fn store(setting: &mut Setting, served: &Served) -> String {
    setting.set("SITE_KEY", KEY);
    setting.set("SITE_SECRET", SECRET);
    format!(
        "[clouds.site.store]\nendpoint = \"http://{}\"\nbucket = \"owls-pictures\"\naccess_key = \"env:SITE_KEY\"\n\
         secret_key = \"env:SITE_SECRET\"",
        served.address
    )
}

async fn life(via: &str, ssh: Option<&str>) {
    let mut setting = Setting::new();
    let fakes = Fakes::put(&mut setting);
    let served = lab(&setting).await;
    let store = store(&mut setting, &served);
    let owls = project(&setting, free_port(), &store);
    let plane = setting.try_open(&owls).await.unwrap();
    let folder = setting.path("opt/gateway");
    let mut wish = gateway(
        &owls,
        json!({
            "Host": "a", "Via": via, "Folder": folder.display().to_string(), "Running": true,
            "Executable": env!("CARGO_BIN_EXE_wildcam"),
        }),
    );
    if let Some(ssh) = ssh {
        wish.properties["Ssh"] = json!(ssh);
    }
    for (name, value) in [("ACCESS", KEY), ("SECRET", SECRET)] {
        let variable = format!("WILDCAM_CLOUDS_SITE_STORE_{name}_KEY");
        wish.properties["Secrets"][&variable] = json!(null);
        wish = crate::setting::with_secret(wish, &format!("/Secrets/{variable}"), value);
    }
    let made = create(&plane, &wish).await;
    assert_eq!(plane.locate(&wish).await.unwrap().as_ref(), Some(&made));
    let environment = fs::metadata(folder.join("gateway.env")).unwrap();
    assert_eq!(environment.permissions().mode() & 0o777, 0o600);
    verify_unit(&folder.join("wildcam-owls-site-a.service"));
    for said in [fakes.said("calls"), fakes.said("ssh")] {
        assert!(!said.contains("PRIVATE") && !said.contains(SECRET), "a secret is on a command line");
    }

    fs::write(folder.join("wildcam.toml"), "# edited").unwrap();
    let drifted = plane.read("custom.gateway", "global", &made.id).await.unwrap();
    assert_eq!((&drifted.properties["Current"], &drifted.properties["Running"]), (&json!(false), &json!(true)));
    let changes = [change("/Current", Some(json!(true)))];
    assert_eq!(live(plane.update(&drifted, &wish, &changes, TOKEN).await), made);
    kill(fakes.said("pid").trim().parse().unwrap());
    while Path::new(&format!("/proc/{}/exe", fakes.said("pid").trim())).exists() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let drifted = plane.read("custom.gateway", "global", &made.id).await.unwrap();
    assert_eq!(drifted.properties["Running"], false);
    let changes = [change("/Running", Some(json!(true)))];
    assert_eq!(live(plane.update(&drifted, &wish, &changes, TOKEN).await), made);

    plane.delete(&made, false, TOKEN).await.unwrap();
    assert!(!folder.exists(), "{:?}", fs::read_dir(&folder).map(|entries| entries.flatten().collect::<Vec<_>>()));
    assert_eq!(plane.locate(&wish).await.unwrap(), None);
    assert_eq!(refused(plane.delete(&made, false, TOKEN).await).kind, FailureKind::NotFound);
    assert!(fakes.said("calls").contains("disable -- wildcam-owls-site-a.service"));
}

/// Past the capture of the test harness, which would hide it in a test that passes.
fn skipped(why: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("\nSKIPPED: {why}\n").as_bytes());
}

/// systemd's own opinion of the unit, where its tools are.
fn verify_unit(unit: &Path) {
    let Ok(output) = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(unit).output() else {
        skipped("there is no systemd-analyze here to verify a unit");
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let name = unit.file_name().unwrap().to_str().unwrap();
    // It also tells of other units of the machine.
    let about: Vec<&str> = said.lines().filter(|line| line.contains(name)).collect();
    assert!(about.is_empty(), "{about:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_on_this_machine_is_installed_mended_and_removed() {
    if rustix::process::geteuid().is_root() {
        life("systemd", None).await;
    } else {
        skipped("only root installs units");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_on_another_machine_is_installed_over_ssh() {
    life("ssh", Some("root@127.0.0.1")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ssh_is_asked_to_trust_nobody_new_and_its_refusals_are_understood() {
    let mut setting = Setting::new();
    let fakes = Fakes::put(&mut setting);
    let hosts = "store = { path = \"pictures\" }\nhosts = [{ name = \"a\", via = \"ssh\", ssh = \"root@127.0.0.1\" }, \
         { name = \"b\", via = \"ssh\", ssh = \"closed@127.0.0.1\" }, \
         { name = \"c\", via = \"ssh\", ssh = \"unknown@127.0.0.1\" }]";
    let owls = project(&setting, free_port(), hosts);
    let plane = setting.try_open(&owls).await.unwrap();
    let findings = plane.check().await;
    let said = |subject: &str| findings.iter().find(|finding| finding.subject == subject).unwrap();
    assert_eq!(said("host a").severity, Severity::Good, "{findings:?}");
    assert!(said("host b").next_step.as_ref().unwrap().contains("ssh-copy-id"), "{findings:?}");
    assert!(said("host c").next_step.as_ref().unwrap().contains("compare its key"), "{findings:?}");
    let line = fakes.said("ssh");
    for word in ["BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=10", "-- root@127.0.0.1"] {
        assert!(line.contains(word), "{line}");
    }
    assert!(!line.contains("StrictHostKeyChecking=no"));
}
