//! A lab with emulated boards, as the tests use it.

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

use crate::support::TestDir;

/// What a test waits for at most. An emulated board is slow, and so is a machine that others use too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// One lab at a time: several on two cores would starve each other.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static LAB: Mutex<()> = Mutex::new(());
    LAB.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A project with the firmware in it, as `wildcam build` leaves it; `None` on a laptop that has neither it nor QEMU.
pub(crate) fn project() -> Option<TestDir> {
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
pub(crate) struct Lab<'f> {
    folder: &'f TestDir,
}

impl<'f> Lab<'f> {
    pub(crate) fn up(folder: &'f TestDir, boards: &str) -> Self {
        let up = folder.wildcam(&["lab", "up", "--cameras", "0", "--boards", boards]);
        folder.run_within(PATIENCE, up).expect_code(0);
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.project().join(".wildcam/lab").join(name)
    }

    pub(crate) fn log(&self, board: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.path(&format!("logs/{board}.log"))).unwrap_or_default()).into_owned()
    }

    /// What the cameras say they did, as lines of the ledger.
    pub(crate) fn ledger(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("events/boards.jsonl")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The pictures that a board said it keeps, with their digests, and those that it said are stored.
    pub(crate) fn pictures(&self) -> (BTreeMap<String, String>, BTreeSet<String>) {
        let ledger = self.ledger();
        let text = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
        let of = |event: &'static str| ledger.iter().filter(move |line| line["event"] == event);
        let kept = of("queued").map(|line| (text(line, "ulid"), text(line, "image_sha256"))).collect();
        let stored = of("acked").map(|line| text(line, "ulid")).collect();
        (kept, stored)
    }

    #[track_caller]
    pub(crate) fn until(&self, what: &str, mut reached: impl FnMut() -> bool) {
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

    /// The processes of the lab whose names are wanted.
    pub(crate) fn processes(&self, wanted: impl Fn(&str) -> bool) -> Vec<Pid> {
        let status = self.folder.run(&["lab", "status", "--json"]).expect_code(0);
        let lines = status.json_lines();
        let processes = lines.iter().find_map(|line| line["processes"].as_array()).unwrap();
        let wanted = processes.iter().filter(|process| wanted(process["name"].as_str().unwrap()));
        let pid = |process: &Value| i32::try_from(process["pid"].as_i64().unwrap()).unwrap();
        wanted.map(|process| Pid::from_raw(pid(process)).unwrap()).collect()
    }

    /// The process of a board's relay, and that of its machine while it runs.
    pub(crate) fn relay(&self, board: &str) -> Pid {
        self.processes(|name| name == board)[0]
    }

    /// Every gateway is silent until so many pictures wait.
    pub(crate) fn let_wait(&self, pictures: usize) {
        let silent = self.silence_gateways();
        self.until("pictures wait", || {
            let (kept, stored) = self.pictures();
            kept.len() >= stored.len() + pictures
        });
        silent.answer();
    }

    /// Cuts the power of a board, and keeps it off.
    pub(crate) fn switch_off(&self, board: &str) -> Off {
        let relay = self.relay(board);
        kill_process(relay, Signal::STOP).unwrap();
        kill_process(Self::machine(relay).unwrap(), Signal::KILL).unwrap();
        Off(relay)
    }

    /// Every gateway is silent until [`Silent::answer`].
    pub(crate) fn silence_gateways(&self) -> Silent {
        let gateways = self.processes(|name| name.starts_with("gateway-"));
        assert!(!gateways.is_empty(), "the lab has no gateways");
        gateways.iter().for_each(|pid| kill_process(*pid, Signal::STOP).unwrap());
        Silent(gateways)
    }

    pub(crate) fn machine(relay: Pid) -> Option<Pid> {
        let children = format!("/proc/{0}/task", relay.as_raw_nonzero());
        let tasks = fs::read_dir(children).ok()?;
        let of = |task: fs::DirEntry| fs::read_to_string(task.path().join("children")).unwrap_or_default();
        let children: String = tasks.flatten().map(of).collect();
        children.split_whitespace().find_map(|pid| Pid::from_raw(pid.parse().ok()?))
    }

    /// Every picture that a gateway lists, with its digest.
    pub(crate) fn listed(&self) -> BTreeMap<String, String> {
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

    /// Cuts the power of the first board at random moments, and sees to it that nothing is lost.
    pub(crate) fn cut_power_at_random(&self) {
        let cuts = if std::env::var_os("WILDCAM_SOAK").is_some() { 50 } else { 5 };
        let mut random = std::env::var("WILDCAM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1_u64);
        let relay = self.relay("board-001");
        for cut in 0..cuts {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            thread::sleep(Duration::from_millis(500 + (random >> 33) % 6_000));
            let machine = Self::machine(relay);
            kill_process(machine.unwrap_or_else(|| panic!("no machine runs at cut {cut}")), Signal::KILL).unwrap();
            self.until("the board starts again", || Self::machine(relay).is_some_and(|next| Some(next) != machine));
        }
        let kept = self.until_all_is_stored();
        println!("{kept} pictures kept over {cuts} losses of power, all of them stored as they were taken");
        assert!(
            self.log("board-001").matches("power on").count() > cuts,
            "the board was not started as often as it was cut"
        );
    }

    /// Waits until everything that the boards keep now is stored, compares it, and returns how much that is.
    pub(crate) fn until_all_is_stored(&self) -> usize {
        let (before, _) = self.pictures();
        self.until("everything that was kept is stored", || {
            let (_, stored) = self.pictures();
            before.keys().all(|ulid| stored.contains(ulid)) || {
                // A confirmation may have been cut off before it was said: then the picture is stored all the same.
                let listed = self.listed();
                before.keys().all(|ulid| listed.contains_key(ulid))
            }
        });
        let listed = self.listed();
        let lost: Vec<&String> =
            before.iter().filter(|(ulid, digest)| listed.get(*ulid) != Some(digest)).map(|(ulid, _)| ulid).collect();
        assert_eq!(lost, Vec::<&String>::new(), "of {} pictures", before.len());
        before.len()
    }

    /// A picture that is stored, and its event.
    pub(crate) fn stored_detection(&self) -> (Vec<u8>, Vec<u8>) {
        let listed = self.listed();
        let file: Value = serde_json::from_slice(&fs::read(self.path("lab.json")).unwrap()).unwrap();
        let (operator, authority) = (self.path("operator"), self.path("authority.pem"));
        let (operator, authority) = (operator.to_str().unwrap(), authority.to_str().unwrap());
        let ulid = listed.keys().next_back().unwrap();
        // Two of the three clouds have it.
        let found = file["layout"]["clouds"].as_array().unwrap().iter().any(|cloud| {
            let url = format!("https://127.0.0.1:{}", cloud["gateways"][0]["port"]);
            let get = ["detections", "get", ulid, "--out", "found", "--project", operator];
            self.folder.run(&[&get[..], &["--gateway", &url, "--authority", authority]].concat()).code == Some(0)
        });
        assert!(found, "no gateway has {ulid}");
        let read = |end: &str| {
            let name = format!("found/{ulid}.{end}");
            let places = [self.folder.project().join(&name), self.path("operator").join(&name)];
            fs::read(places.iter().find(|path| path.is_file()).unwrap()).unwrap()
        };
        (read("jpg"), read("json"))
    }

    pub(crate) fn down(self) {
        self.folder.run(&["lab", "down"]).expect_code(0);
        let begun = Instant::now();
        while !self.folder.processes().is_empty() {
            assert!(begun.elapsed() < PATIENCE, "processes are left: {:?}", self.folder.processes());
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A board that is switched off: its relay is stopped, so that the machine stays off while its flash is changed.
pub(crate) struct Off(Pid);

impl Off {
    /// Power comes back.
    pub(crate) fn on(self) {
        kill_process(self.0, Signal::CONT).unwrap();
    }
}

/// Gateways that are stopped.
pub(crate) struct Silent(Vec<Pid>);

impl Silent {
    /// They answer again.
    pub(crate) fn answer(self) {
        self.0.iter().for_each(|pid| kill_process(*pid, Signal::CONT).unwrap());
    }
}
