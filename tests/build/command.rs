//! `wildcam build` as a user sees it.

use std::{fs, path::Path, time::Duration};

use crate::support::{Output, TestDir};

/// Longer than compiling a board's firmware and the standard library takes on a slow machine.
const LIMIT: Duration = Duration::from_secs(30 * 60);

#[test]
fn a_board_that_is_none_is_a_wrong_command_line() {
    let output = TestDir::new().run(&["build", "--board", "esp8266"]).expect_code(2);
    assert!(output.stderr.contains("the boards are esp32c3, esp32c6, esp32s3 and qemu-virt"), "{output:?}");
}

/// Runs with nothing but `programs` on the search path, which do nothing.
#[cfg(unix)]
fn bare(programs: &[&str], arguments: &[&str]) -> Output {
    use std::os::unix::fs::PermissionsExt;
    let folder = TestDir::new();
    let bin = folder.project().join("bin");
    fs::create_dir(&bin).expect("a folder");
    for program in programs {
        let path = bin.join(program);
        fs::write(&path, "#!/bin/sh\nexit 1\n").expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it may be run");
    }
    let mut command = folder.wildcam(arguments);
    command.env("PATH", &bin);
    folder.run_within(Duration::from_secs(60), command)
}

#[cfg(unix)]
#[test]
fn without_a_compiler_the_one_command_is_named_that_installs_one() {
    let nothing = bare(&[], &["build", "--board", "esp32c3"]).expect_code(1);
    assert_eq!(nothing.stdout, "");
    assert_eq!(
        nothing.stderr,
        "error: no compiler here builds for esp32c3 (riscv32imc-unknown-none-elf): there is none\n  \
         next: rustup target add riscv32imc-unknown-none-elf, with rustup from https://rustup.rs\n"
    );
    let rustup = bare(&["rustup"], &["build", "--board", "qemu-virt"]).expect_code(1);
    assert!(rustup.stderr.ends_with("next: rustup target add riscv32imac-unknown-none-elf\n"), "{rustup:?}");
    let debian = bare(&["apt-get"], &["build", "--board", "esp32c6"]).expect_code(1);
    assert!(debian.stderr.contains("apt-get install rustc-web cargo-web rust-web-src lld-19\n"), "{debian:?}");
    let xtensa = bare(&[], &["build", "--board", "esp32s3", "--json"]).expect_code(1);
    let line = &xtensa.json_lines()[0];
    assert_eq!(line["reason"], "error");
    assert_eq!(line["next_step"], "cargo install espup --locked && espup install");
}

/// A compiler for the emulated board, or the reason why there is none; in CI its absence is a failure.
fn has_compiler(output: &Output) -> bool {
    let missing = output.code == Some(1) && output.stderr.contains("no compiler here builds for");
    assert!(!missing || std::env::var_os("CI").is_none_or(|value| value != "true"), "{output:?}");
    if missing {
        use std::io::Write as _;
        let _ =
            std::io::stderr().write_all(b"\nSKIPPED part of a test of wildcam build: no compiler for riscv32imac\n");
    }
    !missing
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder of sources") {
        let entry = entry.expect("an entry");
        let (path, place) = (entry.path(), to.join(entry.file_name()));
        if !path.is_dir() {
            fs::copy(&path, &place).expect("a copy of a file");
        } else if entry.file_name() != "target" {
            copy(&path, &place);
        }
    }
}

/// Runs the command with cargo's home of the person who runs the tests: the crates are there, and nothing is fetched twice.
fn build(folder: &TestDir, arguments: &[&str]) -> Output {
    let mut command = folder.wildcam(arguments);
    let home = std::env::home_dir().unwrap_or_default();
    for (name, default) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        command.env(name, std::env::var_os(name).map_or_else(|| home.join(default), Into::into));
    }
    folder.run_within(LIMIT, command)
}

#[test]
fn the_same_sources_give_the_same_bytes_in_another_folder() {
    let (one, other) = (TestDir::new(), TestDir::new());
    let first = build(&one, &["build", "--board", "qemu-virt", "--json"]);
    if !has_compiler(&first) {
        return;
    }
    let first = first.expect_code(0);
    // From a copy of the checkout, where the first was made from what the program brings.
    let sources = other.project().join("some/where/else");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    copy(&root.join("firmware"), &sources.join("firmware"));
    fs::copy(root.join("Cargo.toml"), sources.join("Cargo.toml")).expect("a copy of a file");
    let named = sources.to_str().expect("a path in UTF-8");
    build(&other, &["build", "--board", "qemu-virt", "--sources", named, "--offline"]).expect_code(0);

    let read = |folder: &TestDir, end: &str| {
        let path = folder.project().join(format!("target/firmware/wildcam-qemu-virt{end}"));
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    for end in [".elf", "-app.bin", "-boot.bin", "-full.bin", "-size.json"] {
        assert!(read(&one, end) == read(&other, end), "{end} is not the same from two folders");
    }
    let lines = first.json_lines();
    let built = lines.iter().find(|line| line["reason"] == "firmware-built").expect("a line for what was built");
    assert_eq!(built["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(built["over"], serde_json::json!([]));
    assert!(lines.iter().any(|line| line["reason"] == "firmware-compiling" && line["done"].as_u64() > Some(1)));
    let size: serde_json::Value = serde_json::from_slice(&read(&one, "-size.json")).expect("sizes as JSON");
    assert_eq!(size["build_id"], built["build_id"]);
    assert_eq!(read(&one, "-boot.bin").len(), 32 << 20, "the length that QEMU takes");
    let elf = read(&one, ".elf");
    for place in [one.project(), root.to_owned(), std::env::home_dir().unwrap_or_default().join(".cargo")] {
        let place = place.to_string_lossy().into_owned();
        let found = elf.windows(place.len()).any(|window| window == place.as_bytes());
        assert!(!found, "{place} is in the ELF file");
    }
}
