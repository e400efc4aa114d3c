//! `wildcam build` with a stand-in for the compiler, which says and leaves behind what a test wants.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    elf::{bytes, descriptor, elf, room},
    support::TestDir,
};

const LIMIT: Duration = Duration::from_secs(60);

/// A folder with a `rustc` that has the target of the ESP32-C3, and with a `cargo` that does as `script` says.
struct StandIn {
    folder: TestDir,
}

impl StandIn {
    fn new(script: &str) -> Self {
        let folder = TestDir::new();
        let place = folder.project();
        let library = place.join("sysroot/lib/rustlib/riscv32imc-unknown-none-elf/lib");
        fs::create_dir_all(library).expect("a folder");
        fs::create_dir(place.join("bin")).expect("a folder");
        let rustc = format!(
            "case \"$*\" in *sysroot*) echo {}/sysroot ;; *) echo 'rustc 1.99.0 (stand-in)' ;; esac",
            place.display()
        );
        for (name, script) in [("rustc", rustc.as_str()), ("cargo", script)] {
            let path = place.join("bin").join(name);
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a file");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it may be run");
        }
        Self { folder }
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.folder.project().join(name);
        fs::write(&path, content).expect("a file");
        path
    }

    fn command(&self, more: &[&str]) -> std::process::Command {
        let mut command = self.folder.wildcam(&["build", "--board", "esp32c3"]);
        command.args(more).env("PATH", self.folder.project().join("bin"));
        command
    }
}

/// A cargo that fetches, tells that there are two crates, and leaves the two programs that lie beside it.
const BUILDS: &str = r#"
[ "$1" = fetch ] && exit 0
case "$*" in *--unit-graph*) echo '{"units":[{"mode":"build"},{"mode":"run-custom-build"},{"mode":"build"}]}'; exit 0 ;; esac
case "$*" in *wildcam-boot*) name=wildcam-boot ;; *) name=wildcam-firmware ;; esac
echo '{"reason":"compiler-artifact","target":{"name":"core"},"executable":null}'
echo "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"$name\"},\"executable\":\"$TMPDIR/../project/$name\"}"
"#;

/// It fits into the launcher's place: nothing of it is mapped but the descriptor.
fn boot() -> Vec<u8> {
    let sections = [
        bytes(".flash.appdesc", 0x3C00_0020, descriptor("7.8.9", "wildcam")),
        bytes(".text", 0x4038_0400, vec![2; 3000]),
    ];
    elf(0x4038_0400, &sections, &[], &[])
}

fn program(stack: u32) -> Vec<u8> {
    let sections = [
        bytes(".flash.appdesc", 0x3C00_0020, descriptor("7.8.9", "wildcam")),
        bytes(".text", 0x4201_0020, vec![2; 30_000]),
        bytes(".data", 0x3FC8_8000, vec![4; 300]),
        room(".stack", 0x3FC9_0000, stack),
    ];
    elf(0x4201_0020, &sections, &[], &[])
}

#[test]
fn what_was_compiled_becomes_files_and_a_table() {
    let stand_in = StandIn::new(BUILDS);
    stand_in.file("wildcam-firmware", &program(40_000));
    stand_in.file("wildcam-boot", &boot());
    let output = stand_in.folder.run_within(LIMIT, stand_in.command(&[])).expect_code(0);
    for wanted in
        ["esp32c3: wildcam 7.8.9, build ", "application, flash", "of that static data", "wildcam-esp32c3-full.bin"]
    {
        assert!(output.stdout.contains(wanted), "{wanted} is not in:\n{}", output.stdout);
    }
    assert!(output.stderr.starts_with("esp32c3: by rustc 1.99.0, which has the target\n"), "{output:?}");
    let mut names: Vec<String> = fs::read_dir(stand_in.folder.project().join("target/firmware"))
        .expect("the folder of the files")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let ends = ["-app.bin", "-boot.bin", "-full.bin", "-size.json", ".elf"];
    assert_eq!(names, ends.map(|end| format!("wildcam-esp32c3{end}")));

    let lines = stand_in.folder.run_within(LIMIT, stand_in.command(&["--json"])).expect_code(0).json_lines();
    let reasons: Vec<&str> = lines.iter().filter_map(|line| line["reason"].as_str()).collect();
    let compiling = ["firmware-compiling"; 6];
    assert_eq!(reasons, [&["firmware-toolchain"], compiling.as_slice(), &["firmware-built"]].concat());
    assert_eq!((lines[2]["done"].as_u64(), lines[2]["total"].as_u64()), (Some(1), Some(2)));
}

#[test]
fn over_budget_is_the_answer_no_with_the_figure() {
    let stand_in = StandIn::new(BUILDS);
    stand_in.file("wildcam-firmware", &program(1000));
    stand_in.file("wildcam-boot", &boot());
    let output = stand_in.folder.run_within(LIMIT, stand_in.command(&[])).expect_code(3);
    assert!(
        output.stderr.contains("esp32c3: the stack has 1000 bytes, 15384 too few (16384 are the least)"),
        "{output:?}"
    );
    let folder = stand_in.folder.project().join("target/firmware");
    assert!(folder.join("wildcam-esp32c3-size.json").exists(), "the sizes are there to look at");
}

#[test]
fn what_the_compiler_says_is_told() {
    let stand_in = StandIn::new(
        r#"
[ "$1" = fetch ] && exit 0
printf '%s\n' '{"reason":"compiler-message","message":{"level":"error","rendered":"error[E0308]: mismatched types\n"}}'
exit 101"#,
    );
    let output = stand_in.folder.run_within(LIMIT, stand_in.command(&[])).expect_code(1);
    let wanted = "error: the application for esp32c3 does not compile:\nerror[E0308]: mismatched types\n";
    assert!(output.stderr.ends_with(wanted), "{output:?}");
}

#[test]
fn without_a_network_it_says_what_to_do() {
    let stand_in = StandIn::new("echo 'error: no matching package named `embassy` found' >&2\nexit 101");
    let output = stand_in.folder.run_within(LIMIT, stand_in.command(&["--offline"])).expect_code(1);
    assert!(output.stderr.contains("no matching package named `embassy` found"), "{output:?}");
    assert!(output.stderr.ends_with("next: run it once without --offline, where there is a network\n"), "{output:?}");
}

#[test]
fn an_interrupt_ends_the_compiler_and_all_that_it_started() {
    let stand_in = StandIn::new("/bin/sleep 600 &\n/bin/sleep 600");
    let running = stand_in.folder.start(stand_in.command(&[]));
    let begun = Instant::now();
    // wildcam, the shell that stands in for cargo, and the two that it has started.
    while stand_in.folder.processes().len() < 4 {
        assert!(begun.elapsed() < LIMIT, "it did not come to start cargo: {}", running.stderr());
        thread::sleep(Duration::from_millis(10));
    }
    let process = Pid::from_raw(i32::try_from(running.id()).expect("an id")).expect("an id that is not 0");
    kill_process(process, Signal::INT).expect("wildcam is there");
    running.finish(LIMIT).expect_code(130);
    let begun = Instant::now();
    while !stand_in.folder.processes().is_empty() {
        assert!(begun.elapsed() < LIMIT, "{:?} go on", stand_in.folder.processes());
        thread::sleep(Duration::from_millis(10));
    }
}
