//! Emulated boards: the firmware as it is built for chips too, in QEMU, flashed as any board is, sending to the lab's clouds.

#![allow(clippy::unwrap_used, reason = "a test that cannot read what it needs has failed")]
#![cfg(target_os = "linux")]

#[path = "boards/flash.rs"]
mod flash;
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::TestDir;
use wildcam::board::monitor::Symbols;

/// What a test waits for at most. An emulated board is slow, and so is a machine that others use too.
const PATIENCE: Duration = Duration::from_secs(180);

/// One lab at a time: several on two cores would starve each other.
fn alone() -> MutexGuard<'static, ()> {
    static LAB: Mutex<()> = Mutex::new(());
    LAB.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A project with the firmware in it, as `wildcam build` leaves it; `None` on a laptop that has neither it nor QEMU.
fn project() -> Option<TestDir> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/firmware");
    let emulator = "qemu-system-riscv32";
    let installed = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .any(|folder| folder.join(emulator).is_file());
    let missing = if !installed {
        format!("{emulator} is not installed (Debian: qemu-system-misc)")
    } else if !built.join("wildcam-qemu-virt-full.bin").is_file() {
        "the firmware is not built (cargo xtask ci firmware)".to_owned()
    } else {
        let folder = TestDir::new();
        let there = folder.project().join("target/firmware");
        fs::create_dir_all(&there).unwrap();
        for end in ["boot.bin", "full.bin", "app.bin", "size.json"] {
            let name = format!("wildcam-qemu-virt-{end}");
            fs::copy(built.join(&name), there.join(&name)).unwrap();
        }
        return Some(folder);
    };
    assert!(std::env::var_os("CI").is_none_or(|value| value != "true"), "{missing}");
    let test = thread::current().name().unwrap_or("a test").to_owned();
    let _ = std::io::stderr().write_all(format!("\nSKIPPED {test}: {missing}\n").as_bytes());
    None
}

/// A lab with boards and without virtual cameras, that is up.
struct Lab<'f> {
    folder: &'f TestDir,
}

impl<'f> Lab<'f> {
    fn up(folder: &'f TestDir, boards: &str) -> Self {
        let up = folder.wildcam(&["lab", "up", "--cameras", "0", "--boards", boards]);
        folder.run_within(PATIENCE, up).expect_code(0);
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.project().join(".wildcam/lab").join(name)
    }

    fn log(&self, board: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.path(&format!("logs/{board}.log"))).unwrap_or_default()).into_owned()
    }

    /// What the cameras say they did, as lines of the ledger.
    fn ledger(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("events/boards.jsonl")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The pictures that a board said it keeps, with their digests, and those that it said are stored.
    fn pictures(&self) -> (BTreeMap<String, String>, BTreeSet<String>) {
        let ledger = self.ledger();
        let text = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
        let of = |event: &'static str| ledger.iter().filter(move |line| line["event"] == event);
        let kept = of("queued").map(|line| (text(line, "ulid"), text(line, "image_sha256"))).collect();
        let stored = of("acked").map(|line| text(line, "ulid")).collect();
        (kept, stored)
    }

    #[track_caller]
    fn until(&self, what: &str, mut reached: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !reached() {
            assert!(
                begun.elapsed() < PATIENCE,
                "{what}: not after {PATIENCE:?}\n-- board-001 --\n{}",
                self.log("board-001").lines().rev().take(40).collect::<Vec<_>>().join("\n")
            );
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// The process of a board's relay, and that of its machine while it runs.
    fn relay(&self, board: &str) -> Pid {
        self.processes(|name| name == board)[0]
    }

    fn processes(&self, wanted: impl Fn(&str) -> bool) -> Vec<Pid> {
        let status = self.folder.run(&["lab", "status", "--json"]).expect_code(0);
        let lines = status.json_lines();
        let processes = lines.iter().find_map(|line| line["processes"].as_array()).unwrap();
        let wanted = processes.iter().filter(|process| wanted(process["name"].as_str().unwrap()));
        let pids = wanted.map(|process| i32::try_from(process["pid"].as_i64().unwrap()).unwrap());
        pids.map(|pid| Pid::from_raw(pid).unwrap()).collect()
    }

    /// Every gateway is silent until so many pictures wait.
    fn let_wait(&self, pictures: usize) {
        let gateways = self.processes(|name| name.starts_with("gateway-"));
        assert!(!gateways.is_empty(), "the lab has no gateways");
        gateways.iter().for_each(|pid| kill_process(*pid, Signal::STOP).unwrap());
        self.until("pictures wait", || {
            let (kept, stored) = self.pictures();
            kept.len() >= stored.len() + pictures
        });
        gateways.iter().for_each(|pid| kill_process(*pid, Signal::CONT).unwrap());
    }

    fn machine(relay: Pid) -> Option<Pid> {
        let children = format!("/proc/{0}/task", relay.as_raw_nonzero());
        let tasks = fs::read_dir(children).ok()?;
        let of = |task: fs::DirEntry| fs::read_to_string(task.path().join("children")).unwrap_or_default();
        let children: String = tasks.flatten().map(of).collect();
        children.split_whitespace().find_map(|pid| Pid::from_raw(pid.parse().ok()?))
    }

    /// Every picture that a gateway lists, with its digest.
    fn listed(&self) -> BTreeMap<String, String> {
        let file: Value = serde_json::from_slice(&fs::read(self.path("lab.json")).unwrap()).unwrap();
        let mut listed = BTreeMap::new();
        for cloud in file["layout"]["clouds"].as_array().unwrap() {
            let url = format!("https://127.0.0.1:{}", cloud["gateways"][0]["port"]);
            let (operator, authority) = (self.path("operator"), self.path("authority.pem"));
            let (operator, authority) = (operator.to_str().unwrap(), authority.to_str().unwrap());
            let list = ["detections", "list", "--json", "--limit", "5000", "--project", operator];
            let list = [&list[..], &["--gateway", &url, "--authority", authority]].concat();
            for line in self.folder.run(&list).expect_code(0).json_lines() {
                if line["reason"] == "detection" {
                    let text = |key: &str| line[key].as_str().unwrap().to_owned();
                    listed.insert(text("ulid"), text("sha256"));
                }
            }
        }
        listed
    }

    fn down(self) {
        self.folder.run(&["lab", "down"]).expect_code(0);
        let begun = Instant::now();
        while !self.folder.processes().is_empty() {
            assert!(begun.elapsed() < PATIENCE, "processes are left: {:?}", self.folder.processes());
            thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn boards_ride_through_the_loss_of_a_cloud() {
    let _alone = alone();
    let Some(folder) = project() else { return };
    let drill =
        folder.wildcam(&["drill", "run", "cloud-outage", "--json", "--cameras", "2", "--boards", "qemu-virt:2"]);
    let output = folder.run_within(2 * PATIENCE, drill).expect_code(0);
    let results = output.json_lines();
    let result = results.iter().find(|line| line["reason"] == "drill-result").unwrap();
    assert_eq!(result["verdict"], "met", "{result}");
    assert_eq!((&result["loss"]["lost"], &result["loss"]["altered"]), (&0.into(), &0.into()), "{result}");
    let drills = folder.project().join(".wildcam/drills");
    let run = fs::read_dir(drills).unwrap().flatten().map(|entry| entry.path()).find(|path| path.is_dir()).unwrap();
    let text = fs::read_to_string(run.join("lab/events/boards.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for board in ["board-001", "board-002"] {
        let stored = lines.iter().filter(|line| line["event"] == "acked" && line["camera"] == board);
        let clouds: BTreeSet<&str> = stored.clone().map(|line| line["cloud"].as_str().unwrap()).collect();
        println!("{board}: {} pictures stored by way of {clouds:?}", stored.clone().count());
        assert!(stored.count() >= 5, "{board} stored too few pictures");
    }
}

#[test]
fn quickstart_takes_a_board_along() {
    let _alone = alone();
    let Some(folder) = project() else { return };
    let output = folder.run_within(2 * PATIENCE, folder.wildcam(&["quickstart"])).expect_code(0);
    assert!(output.stderr.contains("1 emulated board with the real firmware"), "{}", output.stderr);
    let drills = folder.project().join(".wildcam/drills");
    let run = fs::read_dir(drills).unwrap().flatten().map(|entry| entry.path()).find(|path| path.is_dir()).unwrap();
    let text = fs::read_to_string(run.join("lab/events/boards.jsonl")).unwrap();
    let stored = text.lines().filter(|line| line.contains("\"acked\"")).count();
    assert!(stored >= 5, "the board stored {stored} pictures\n{text}");
}

#[test]
fn a_board_that_loses_power_at_any_moment_loses_no_picture() {
    let _alone = alone();
    let Some(folder) = project() else { return };
    let cuts = if std::env::var_os("WILDCAM_SOAK").is_some() { 50 } else { 5 };
    let seed = std::env::var("WILDCAM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1_u64);
    let lab = Lab::up(&folder, "qemu-virt:1");
    lab.until("the first picture is stored", || !lab.pictures().1.is_empty());
    let relay = lab.relay("board-001");
    let mut random = seed;
    for cut in 0..cuts {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        thread::sleep(Duration::from_millis(500 + (random >> 33) % 6_000));
        let machine = Lab::machine(relay);
        kill_process(machine.unwrap_or_else(|| panic!("no machine runs at cut {cut}")), Signal::KILL).unwrap();
        lab.until("the board starts again", || Lab::machine(relay).is_some_and(|next| Some(next) != machine));
    }
    let (before, _) = lab.pictures();
    lab.until("everything that was kept is stored", || {
        let (_, stored) = lab.pictures();
        before.keys().all(|ulid| stored.contains(ulid)) || {
            // A confirmation may have been cut off before it was said: then the picture is stored all the same.
            let listed = lab.listed();
            before.keys().all(|ulid| listed.contains_key(ulid))
        }
    });
    let listed = lab.listed();
    let lost: Vec<&String> =
        before.iter().filter(|(ulid, digest)| listed.get(*ulid) != Some(digest)).map(|(ulid, _)| ulid).collect();
    assert_eq!(lost, Vec::<&String>::new(), "of {} pictures", before.len());
    println!("{} pictures kept over {cuts} losses of power, all of them stored as they were taken", before.len());
    assert!(
        lab.log("board-001").matches("power on").count() > cuts,
        "the board was not started as often as it was cut"
    );
    lab.down();
}

#[test]
fn a_board_does_what_it_is_asked_once() {
    let _alone = alone();
    let Some(folder) = project() else { return };
    let lab = Lab::up(&folder, "qemu-virt:1");
    lab.until("the first picture is stored", || !lab.pictures().1.is_empty());
    let ask = |action: &str| -> u64 {
        let operator = lab.path("operator");
        let given = folder.run(&["command", "board-001", action, "--json", "--project", operator.to_str().unwrap()]);
        let number = given.expect_code(0).json_lines()[0]["number"].as_u64().unwrap();
        lab.until("the command is taken on", || lab.log("board-001").contains(&format!("command {number}: {action}")));
        number
    };
    let picture = ask("picture");
    let at = lab.log("board-001").find(&format!("command {picture}: picture")).unwrap();
    lab.until("a picture is taken for it", || lab.log("board-001")[at..].contains(" captured "));
    let starts = lab.log("board-001").matches(" start: board=").count();
    let restart = ask("restart");
    lab.until("the board starts anew", || lab.log("board-001").matches(" start: board=").count() > starts);
    let at = lab.log("board-001").rfind(" start: board=").unwrap();
    assert!(lab.log("board-001")[at..].lines().next().unwrap().ends_with("cause=restart"));
    lab.until("it reports twice more", || lab.log("board-001")[at..].matches(" reported via=").count() >= 2);
    for number in [picture, restart] {
        assert_eq!(lab.log("board-001").matches(&format!("command {number}: ")).count(), 1, "a command is done once");
    }
    let unknown = folder.run(&["command", "nobody", "report", "--project", lab.path("operator").to_str().unwrap()]);
    assert!(unknown.expect_code(1).stderr.contains("no camera called nobody has enrolled"));
    lab.down();
}

#[test]
fn what_was_seen_is_told_before_the_pictures_that_wait_are_sent() {
    let _alone = alone();
    let Some(folder) = project() else { return };
    let lab = Lab::up(&folder, "qemu-virt:1");
    lab.until("the first picture is stored", || !lab.pictures().1.is_empty());
    lab.let_wait(6);
    let (kept, _) = lab.pictures();
    lab.until("everything is stored", || {
        let (_, stored) = lab.pictures();
        kept.keys().all(|ulid| stored.contains(ulid))
    });
    let log = lab.log("board-001");
    let line = log.lines().find(|line| line.contains(" announced ")).unwrap_or_else(|| panic!("nothing told\n{log}"));
    println!("{line}");
    let number = |key: &str| line.split(key).nth(1).unwrap().split(' ').next().unwrap().parse::<u32>().unwrap();
    assert!(number(" announced ") >= 2 && number(" bytes=") * 2 < number(" of="), "{line}");
    assert!(!log.contains("not announced"), "{log}");
    lab.down();
}

/// The parts of the cloud's share of the RAM, by the board's own marks.
#[test]
fn the_cloud_part_takes_less_than_100_kb_of_ram() {
    let _alone = alone();
    let Some(folder) = project() else { return };
    let lab = Lab::up(&folder, "qemu-virt:1");
    let reports = || lab.log("board-001").matches(" reported via=").count();
    lab.until("the first pictures are stored", || lab.pictures().1.len() >= 2);
    // A failure, and what is told after it, need the most.
    lab.let_wait(4);
    let before = reports();
    lab.until("events are told and reports are taken", || {
        lab.log("board-001").contains(" announced ") && reports() >= before + 5
    });
    let mut parts: BTreeMap<String, u32> = BTreeMap::new();
    for line in lab.log("board-001").lines().filter_map(|line| line.split_once("ram: part=").map(|(_, rest)| rest)) {
        let (part, rest) = line.split_once(" bytes=").unwrap();
        let bytes: u32 = rest.split(' ').next().unwrap().parse().unwrap();
        let most = parts.entry(part.to_owned()).or_default();
        *most = bytes.max(*most);
    }
    let total: u32 = parts.values().sum();
    parts.iter().for_each(|(part, bytes)| println!("{part:>14} {bytes:>7}"));
    println!("{:>14} {total:>7}", "together");
    for part in ["queue", "link", "connections", "stack"] {
        assert!(parts.get(part).is_some_and(|bytes| *bytes > 1000), "the board does not tell of {part}: {parts:?}");
    }
    assert!(total < 100_000, "{total} bytes: {parts:?}");
    lab.down();
}

/// What may be wrong with an update.
enum Wrong {
    /// It never reaches its main: its first instruction jumps to itself.
    HangsBeforeMain,
    /// As the board's options say.
    Fault(&'static str),
}

/// The board runs slot A; an image that is whole, and wrong, is put on trial in slot B. It gets its three starts, and A
/// runs again and checks in.
#[track_caller]
fn is_rolled_back(wrong: &Wrong) {
    let _alone = alone();
    let Some(folder) = project() else { return };
    let lab = Lab::up(&folder, "qemu-virt:1");
    lab.until("the first image is confirmed", || lab.log("board-001").contains("confirmed: this image works"));
    let relay = lab.relay("board-001");
    // The relay is stopped, so that the machine stays off while its flash is changed.
    kill_process(relay, Signal::STOP).unwrap();
    kill_process(Lab::machine(relay).unwrap(), Signal::KILL).unwrap();
    let image = fs::read(folder.project().join("target/firmware/wildcam-qemu-virt-app.bin")).unwrap();
    let (image, fault) = match wrong {
        Wrong::HangsBeforeMain => (flash::stuck_at_entry(image), None),
        Wrong::Fault(fault) => (flash::of_another_time(image), Some(*fault)),
    };
    flash::put_on_trial(&lab.path("boards/board-001.flash"), &image);
    let options =
        [("trial-ms", "8000"), ("watchdog-ms", "4000"), ("picture-every-ms", "2000"), ("report-every-ms", "2000")];
    let fault = fault.map(|fault| format!("b:{fault}"));
    flash::set_options(&lab.path("boards/board-001.boot"), &options, fault.as_deref());
    kill_process(relay, Signal::CONT).unwrap();

    let starts = |slot: &str| lab.log("board-001").matches(&format!("boot: slot={slot} ")).count();
    let before = starts("a");
    lab.until("slot A is started again", || starts("a") > before);
    assert_eq!(starts("b"), 3, "{}", lab.log("board-001"));
    let back = lab.log("board-001");
    let back = back.rfind("boot: slot=a ").unwrap();
    assert!(lab.log("board-001")[back..].lines().next().unwrap().contains("state=RolledBack"));
    lab.until("slot A reports", || lab.log("board-001")[back..].contains(" reported via="));
    assert_eq!(starts("b"), 3, "an image that was given up is tried again");
    lab.down();
}

#[test]
fn an_update_that_hangs_before_its_main_is_rolled_back() {
    is_rolled_back(&Wrong::HangsBeforeMain);
}

#[test]
fn an_update_that_panics_is_rolled_back() {
    is_rolled_back(&Wrong::Fault("panic"));
}

#[test]
fn a_panic_tells_where_it_was() {
    let _alone = alone();
    let Some(folder) = project() else { return };
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/firmware/wildcam-qemu-virt.elf");
    let lab = Lab::up(&folder, "qemu-virt:1");
    lab.until("the first image is confirmed", || lab.log("board-001").contains("confirmed: this image works"));
    let relay = lab.relay("board-001");
    kill_process(relay, Signal::STOP).unwrap();
    kill_process(Lab::machine(relay).unwrap(), Signal::KILL).unwrap();
    flash::set_options(&lab.path("boards/board-001.boot"), &[], Some("a:panic"));
    kill_process(relay, Signal::CONT).unwrap();
    lab.until("it panics", || lab.log("board-001").contains("wildcam error trace: 0x"));
    let log = lab.log("board-001");
    let line = log.lines().find(|line| line.contains("wildcam error trace: ")).unwrap();
    let frames = Symbols::parse(&fs::read(built).unwrap()).unwrap().frames(line);
    let told: Vec<String> =
        frames.iter().map(|frame| format!("{} {}", frame.function, frame.place.as_deref().unwrap_or("?"))).collect();
    println!("{}", told.join("\n"));
    assert!(told.iter().any(|frame| frame.contains("firmware") && frame.contains("start.rs:")), "{told:#?}");
    lab.down();
}

#[test]
fn an_update_that_never_checks_in_is_rolled_back() {
    is_rolled_back(&Wrong::Fault("silent"));
}
