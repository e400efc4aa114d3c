//! Updates and settings, from the operator's commands to an emulated board and back.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use wildcam::lab::{
    boards::at_another_time,
    proxy::{Change, Mode, ProxyClient, Shape},
};

use crate::{
    flash,
    lab::{Lab, PATIENCE, alone, project},
    support::{Output, TestDir},
};

/// A slow link is waited for longer.
const SLOW_PATIENCE: Duration = Duration::from_secs(420);

/// What an operator does to the lab's boards.
struct Operator<'l, 'f> {
    lab: &'l Lab<'f>,
    folder: &'f TestDir,
}

impl Operator<'_, '_> {
    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Output {
        let project = self.lab.path("operator");
        let run = self.folder.wildcam(&[arguments, &["--project", project.to_str().unwrap(), "--yes"]].concat());
        self.folder.run_within(PATIENCE, run).expect_code(0)
    }

    /// Signs and publishes a release with this image, with a patch from each old one, and has the first board run it.
    #[track_caller]
    fn update(&self, image: &[u8], from: &[&[u8]], options: &[&str]) -> u64 {
        let file = |name: String, bytes: &[u8]| -> PathBuf {
            let path = self.folder.project().join(name);
            fs::write(&path, bytes).unwrap();
            path
        };
        let new = file("new.bin".to_owned(), image);
        let old: Vec<PathBuf> =
            from.iter().enumerate().map(|(number, bytes)| file(format!("old-{number}.bin"), bytes)).collect();
        let passphrase = format!("file:{}", self.lab.path("secrets/releases.passphrase").display());
        let mut sign = vec!["release", "sign", "--json", "--board", "qemu-virt", "--passphrase", &passphrase];
        sign.push(new.to_str().unwrap());
        for old in &old {
            sign.extend(["--from", old.to_str().unwrap()]);
        }
        sign.extend(options);
        let signed = self.run(&sign).json_lines();
        let release = signed.iter().find_map(|line| line["number"].as_u64()).expect("the number of the release");
        self.run(&["release", "verify"]);
        self.run(&["release", "publish"]);
        self.run(&["ota", "push", "--camera", "board-001", "--board", "qemu-virt"]);
        release
    }

    fn log(&self) -> String {
        self.lab.log("board-001")
    }

    fn until_said(&self, what: &str) {
        self.lab.until(what, || self.log().contains(what));
    }
}

/// The image that the lab's boards run.
fn image(folder: &TestDir) -> Vec<u8> {
    fs::read(folder.project().join("target/firmware/wildcam-qemu-virt-app.bin")).unwrap()
}

/// The number behind `key` in the last line of the log that has `line` in it.
#[track_caller]
fn number(log: &str, line: &str, key: &str) -> u64 {
    let said = log.lines().rev().find(|said| said.contains(line)).unwrap_or_else(|| panic!("nothing of {line}\n{log}"));
    let digits = said.split_once(key).unwrap().1;
    digits.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

#[test]
fn a_board_is_updated_by_a_patch_and_says_so() {
    let _alone = alone();
    let Some(folder) = project() else { return };
    let lab = Lab::up(&folder, "qemu-virt:1");
    let operator = Operator { lab: &lab, folder: &folder };
    operator.until_said("confirmed: this image works");
    let (old, new) = (image(&folder), at_another_time(&image(&folder)).unwrap());
    let release = operator.update(&new, &[&old], &[]);
    operator.until_said(&format!("update: release={release} runs from the next start on"));
    lab.until("the new image checks in", || {
        operator.log().rfind("boot: slot=b state=Trying").is_some_and(|at| operator.log()[at..].contains("confirmed: "))
    });
    let log = operator.log();
    let (received, durable) =
        (number(&log, "update: downloaded ", "received="), number(&log, "update: downloaded ", "durable="));
    println!("{received} bytes of a patch made {durable} bytes");
    assert!(received < 2_000 && durable == new.len() as u64, "{log}");
    // Buffers, what is kept at each sector, and the stack at its deepest, by the board's own marks.
    let (update, stack) =
        (number(&log, "ram: part=update ", "bytes="), number(&log, "ram: part=update-stack ", "bytes="));
    println!("RAM of an update: {update} bytes static, {stack} bytes of stack, {} together", update + stack);
    assert!(update + stack <= 16 * 1024, "{update} + {stack} bytes");
    lab.until("the operator is told", || {
        let status = operator.run(&["ota", "status", "--camera", "board-001"]).stdout;
        status.contains(&format!("release {release}: confirmed"))
    });
    lab.down();
}

#[test]
fn an_update_that_panics_is_rolled_back_and_the_operator_told_why() {
    let _alone = alone();
    let Some(folder) = project() else { return };
    let lab = Lab::up(&folder, "qemu-virt:1");
    let operator = Operator { lab: &lab, folder: &folder };
    operator.until_said("confirmed: this image works");
    let off = lab.switch_off("board-001");
    let options =
        [("trial-ms", "8000"), ("watchdog-ms", "4000"), ("picture-every-ms", "2000"), ("report-every-ms", "2000")];
    flash::set_options(&lab.path("boards/board-001.boot"), &options, Some("b:panic"));
    off.on();
    let (old, new) = (image(&folder), at_another_time(&image(&folder)).unwrap());
    let release = operator.update(&new, &[&old], &[]);
    operator.until_said("state=given-up why=panic");
    assert_eq!(operator.log().matches("boot: slot=b ").count(), 3, "{}", operator.log());
    lab.until("the operator is told", || {
        let status = operator.run(&["ota", "status", "--camera", "board-001"]).stdout;
        status.contains(&format!("release {release}: given-up")) && status.contains("panic")
    });
    lab.down();
}

/// 10 KB/s, a twentieth of the packets lost, every link cut each 20 s, and the cloud that serves it killed in the middle.
#[test]
fn an_update_over_a_link_that_is_slow_lossy_and_cut_costs_little_more_than_its_patch() {
    let _alone = alone();
    let Some(folder) = project() else { return };
    let lab = Lab::up(&folder, "qemu-virt:1");
    let operator = Operator { lab: &lab, folder: &folder };
    operator.until_said("confirmed: this image works");
    // What no patch can shorten.
    let (old, new) = (image(&folder), flash::with_noise(image(&folder), 600 * 1024));
    let off = lab.switch_off("board-001");
    // Pictures would have the link for themselves.
    let options = [("trial-ms", "120000"), ("picture-every-ms", "0"), ("report-every-ms", "4000")];
    flash::set_options(&lab.path("boards/board-001.boot"), &options, None);
    off.on();
    let release = operator.update(&new, &[&old], &[]);
    let patch =
        fs::metadata(lab.path(&format!("operator/releases/qemu-virt/{release}-{}.patch", old_name(&lab, release))))
            .unwrap()
            .len();
    assert!(patch > 600 * 1024, "{patch}");
    let mut links = Links::of(&lab);
    links.set_all(Mode::Clear, slow());
    operator.until_said(&format!("update: begun release={release} "));
    let begun = Instant::now();
    let (mut cuts, mut killed) = (0, None);
    let done = format!("update: release={release} runs from the next start on");
    while !operator.log().contains(&done) {
        assert!(begun.elapsed() < SLOW_PATIENCE, "{}", operator.log());
        thread::sleep(Duration::from_secs(20));
        if operator.log().contains(&done) {
            break;
        }
        links.set_all(Mode::Refuse, Shape::default());
        thread::sleep(Duration::from_millis(500));
        links.set_all(Mode::Clear, slow());
        cuts += 1;
        if cuts == 2 {
            // The cloud that the board talks to, and it stays down.
            let log = operator.log();
            let via = log.lines().rev().find_map(|line| line.split_once(" reported via=")).unwrap().1[..1].to_owned();
            links.forget(&via);
            let kill = folder.wildcam(&["drill", "fault", "kill", "--cloud", &via, "--lease", "10m"]);
            folder.run_within(PATIENCE, kill).expect_code(0);
            killed = Some(via);
        }
    }
    let via = killed.expect("the update ended before its cloud could be killed");
    let log = operator.log();
    let (mut received, mut pieces) = (0, 0);
    for line in log.lines().filter(|line| line.contains("update: downloaded ")) {
        received += number(line, "update: downloaded ", "received=");
        pieces += 1;
    }
    println!(
        "{received} bytes came for a patch of {patch} ({:.3} of it), in {pieces} pieces, with {cuts} cuts and the loss of cloud {via}, in {:.0} s",
        received as f64 / patch as f64,
        begun.elapsed().as_secs_f64()
    );
    assert!(received * 10 < patch * 11, "{received} bytes for a patch of {patch}");
    assert!(cuts >= 2);
    links.set_all(Mode::Clear, Shape::default());
    lab.until("the new image checks in", || {
        operator.log().rfind("boot: slot=b state=Trying").is_some_and(|at| operator.log()[at..].contains("confirmed: "))
    });
    lab.down();
}

#[test]
fn settings_are_taken_on_refused_and_taken_back() {
    let _alone = alone();
    let Some(folder) = project() else { return };
    let lab = Lab::up(&folder, "qemu-virt:1");
    let operator = Operator { lab: &lab, folder: &folder };
    operator.until_said("confirmed: this image works");
    let push = |setting: &str| operator.run(&["config", "push", "--camera", "board-001", "--set", setting]);
    push("report_every=10s");
    operator.until_said("settings 1: on trial until the next report");
    lab.until("the report says so", || {
        operator.run(&["config", "show", "--camera", "board-001"]).stdout.contains("it has the settings of version 1")
    });
    push("deep_sleep=true");
    operator.until_said("settings 2: refused, unable deep_sleep");
    operator.run(&["config", "rollback", "--camera", "board-001"]);

    // Settings that cut the camera off, as far as it can tell: it takes them, and then nobody answers.
    let off = lab.switch_off("board-001");
    flash::set_options(&lab.path("boards/board-001.boot"), &[("trial-ms", "30000"), ("picture-every-ms", "0")], None);
    off.on();
    let reports = operator.log().matches(" reported via=").count();
    lab.until("it reports again", || operator.log().matches(" reported via=").count() > reports);
    push("picture_every=1h");
    operator.until_said("settings 4: on trial until the next report");
    let silent = lab.silence_gateways();
    operator.until_said("the ones before are back");
    let tried = operator.log();
    let tried = &tried[tried.find("settings 4: on trial").unwrap()..tried.find("the ones before are back").unwrap()];
    assert!(!tried.contains(" reported via="), "{tried}");
    silent.answer();
    lab.until("the operator is told", || {
        operator.run(&["config", "show", "--camera", "board-001"]).stdout.contains("no-check-in")
    });
    lab.down();
}

/// What the patch of a release is called: after the beginning of the digest of the image that it is for.
fn old_name(lab: &Lab<'_>, release: u64) -> String {
    let folder = lab.path("operator/releases/qemu-virt");
    let names = fs::read_dir(folder).unwrap().flatten().map(|file| file.file_name().to_string_lossy().into_owned());
    let start = format!("{release}-");
    let mut found = names.filter_map(|name| Some(name.strip_prefix(&start)?.strip_suffix(".patch")?.to_owned()));
    found.next().expect("a patch")
}

fn slow() -> Shape {
    Shape { latency: Duration::from_millis(50), loss: 0.05, bytes_per_s: Some(10_000), ..Shape::default() }
}

/// The links from outside into every cloud.
struct Links {
    proxies: Vec<(&'static str, ProxyClient, Vec<String>)>,
    runtime: tokio::runtime::Runtime,
}

impl Links {
    fn of(lab: &Lab<'_>) -> Self {
        let proxies = ["a", "b", "c"].map(|cloud| {
            let part = fs::read(lab.path(&format!("parts/proxy-{cloud}.json"))).unwrap();
            let part: serde_json::Value = serde_json::from_slice(&part).unwrap();
            let port = u16::try_from(part["control_port"].as_u64().unwrap()).unwrap();
            let names = part["links"].as_array().unwrap().iter().map(|link| link["name"].as_str().unwrap().to_owned());
            let client = ProxyClient::new(SocketAddr::from(([127, 0, 0, 1], port)), part["token"].as_str().unwrap());
            (cloud, client, names.filter(|name| name.starts_with("entry-")).collect())
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { proxies: proxies.into(), runtime }
    }

    /// What is set later leaves a cloud alone that is gone, and its proxy with it.
    fn forget(&mut self, cloud: &str) {
        self.proxies.retain(|(name, ..)| *name != cloud);
    }

    fn set_all(&self, mode: Mode, shape: Shape) {
        for (_, client, names) in &self.proxies {
            for name in names {
                let change = Change { mode, shape, lease: None };
                self.runtime.block_on(client.set(name, change)).unwrap();
            }
        }
    }
}
