//! What a flash must not do, and what a line or a reader must not do to it.

use std::{
    fs,
    path::PathBuf,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;
use wildcam::{
    board::{
        Board,
        flash::BANK_BYTES,
        monitor::{self, Ending, Event, Watch},
    },
    clock::Clock,
};

use crate::{
    boards::{Field, assert_holds, camera, identity_in},
    relay,
    support::{Output, TestDir},
};

const EMULATED: Board = Board::QemuVirt;

/// `wildcam flash` on the flash file `cam.flash`.
fn flash_file(field: &Field, more: &[&str]) -> Output {
    let fixed =
        ["flash", "--yes", "--json", "--authority", "authority.pem", "--board", "qemu-virt", "--port", "cam.flash"];
    field.dir.run(&[&fixed[..], more].concat())
}

#[test]
fn a_dry_run_makes_no_flash_file_and_no_other_file_is_taken_for_one() {
    let field = Field::new();
    field.build(EMULATED, 1);
    let path = field.dir.project().join("cam.flash");
    let dry = flash_file(&field, &["--dry-run"]).expect_code(0);
    assert!(dry.stdout.contains("\"new_identity\":true"), "{}", dry.stdout);
    assert!(!path.exists(), "a dry run made the file");
    fs::write(&path, "a letter").unwrap();
    let refused = flash_file(&field, &[]).expect_code(1);
    assert!(refused.stderr.contains("no flash file") && refused.stderr.contains("8 bytes"), "{}", refused.stderr);
    assert!(refused.stderr.contains("that is not there yet"), "{}", refused.stderr);
    assert_eq!(fs::read(&path).unwrap(), b"a letter");
    fs::remove_file(&path).unwrap();
    flash_file(&field, &[]).expect_code(0);
    assert_eq!(path.metadata().unwrap().len(), u64::from(BANK_BYTES));
    let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "it holds keys");
}

#[test]
fn an_identity_that_cannot_be_read_is_lost_only_with_consent() {
    let field = Field::new();
    field.build(EMULATED, 1);
    flash_file(&field, &[]).expect_code(0);
    let path = field.dir.project().join("cam.flash");
    let region = EMULATED.layout().identity;
    let mut damaged = fs::read(&path).unwrap();
    damaged[region.offset as usize + 40] ^= 1;
    assert!(identity_in(&damaged, EMULATED).is_none());
    fs::write(&path, &damaged).unwrap();
    let refused = flash_file(&field, &[]).expect_code(4);
    assert!(refused.stderr.contains("holds an identity that cannot be read"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--new-identity --allow-data-loss 02:"), "{}", refused.stderr);
    assert!(fs::read(&path).unwrap() == damaged, "something was written");
    let kept = flash_file(&field, &["--firmware-only"]).expect_code(0);
    let plan = &kept.json_lines()[0];
    assert!(plan["keeps"][0].as_str().unwrap().contains("cannot be read"), "{plan}");
    assert!(fs::read(&path).unwrap() == damaged, "something was written");
    let mac = plan["mac"].as_str().unwrap().to_uppercase();
    let consent = ["--new-identity", "--name", "ridge-2", "--allow-data-loss", &mac];
    let replaced = flash_file(&field, &consent).expect_code(0);
    assert!(replaced.json_lines()[0]["loses"][0].as_str().unwrap().contains("cannot be read"), "{}", replaced.stdout);
    assert_eq!(identity_in(&fs::read(&path).unwrap(), EMULATED).unwrap().0.camera, camera("ridge-2"));
}

#[test]
fn an_older_image_in_the_other_slot_is_not_left_to_be_started() {
    let field = Field::new();
    let firmware = field.build(EMULATED, 1);
    flash_file(&field, &["--firmware-only"]).expect_code(0);
    let path = field.dir.project().join("cam.flash");
    let slot = EMULATED.layout().slots[1].offset as usize;
    let mut used = fs::read(&path).unwrap();
    used[slot..slot + 5000].fill(0xe9);
    fs::write(&path, &used).unwrap();
    let again = flash_file(&field, &["--firmware-only"]).expect_code(0);
    assert!(again.stdout.contains("\"written_bytes\":4096"), "{}", again.stdout);
    let flash = fs::read(&path).unwrap();
    assert_holds(&flash, &firmware, EMULATED);
    assert!(flash[slot..slot + 4096].iter().all(|byte| *byte == 0xff), "the older image can be started");
    assert_eq!(flash[slot + 4096..slot + 5000], used[slot + 4096..slot + 5000]);
    let same = flash_file(&field, &["--firmware-only"]).expect_code(0);
    assert!(same.stdout.contains("\"written_bytes\":0"), "{}", same.stdout);
}

#[test]
fn an_answer_that_is_shorter_than_it_says_does_not_end_the_command() {
    let field = Field::new();
    let (Some(board), Some(other)) = (field.board("esp32c3", 1), field.board("esp32c3", 2)) else { return };
    let firmware = field.build(Board::Esp32C3, 1);
    board.relay.clip_digests(1);
    field.flash(&[&board, &other], &["--firmware-only"]).expect_code(0);
    assert_eq!(board.relay.digests_to_clip(), 0, "no answer was cut");
    assert_holds(&board.read(), &firmware, Board::Esp32C3);
    assert_holds(&other.read(), &firmware, Board::Esp32C3);
}

/// Watches a pseudo-terminal until `expect` was said, on a thread. The listener is told of each line.
fn watch(
    port: PathBuf,
    expect: &'static str,
    mut listener: impl FnMut(String) + Send + 'static,
) -> thread::JoinHandle<Ending> {
    thread::spawn(move || {
        let ports = [port.to_str().unwrap().to_owned()];
        let watch = Watch {
            ports: &ports,
            baud: 115_200,
            symbols: None,
            expect: Some(expect),
            timeout: Some(Duration::from_secs(60)),
            stop: CancellationToken::new(),
            clock: Clock::system(),
        };
        monitor::watch(&watch, |event| match event {
            Event::Connected { .. } => listener("connected".to_owned()),
            Event::Line { text, .. } => listener(text),
            Event::Gone { .. } => {}
        })
    })
}

#[test]
fn a_text_without_an_end_of_line_is_heard_and_shown() {
    let dir = TestDir::new();
    let port = dir.project().join("port");
    let master = relay::plug(&port).unwrap();
    let (sender, heard) = mpsc::channel();
    let watching = watch(port, "login:", move |text| sender.send(text).unwrap());
    assert_eq!(heard.recv_timeout(Duration::from_secs(30)).unwrap(), "connected");
    rustix::io::write(&master, b"boot\nboard log").unwrap();
    assert_eq!(heard.recv_timeout(Duration::from_secs(30)).unwrap(), "boot");
    let begun = Instant::now();
    rustix::io::write(&master, b"in: ").unwrap();
    assert_eq!(watching.join().unwrap(), Ending::Found);
    assert!(begun.elapsed() < Duration::from_secs(30), "it was not heard before the time was over");
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), ["board login: "]);
}

#[test]
fn a_reader_who_pauses_does_not_make_the_memory_grow() {
    let dir = TestDir::new();
    let port = dir.project().join("port");
    let master = relay::plug(&port).unwrap();
    let (go_on, paused) = mpsc::channel::<()>();
    let (sender, heard) = mpsc::channel();
    let watching = watch(port, "the end", move |text| {
        let _ = sender.send(text);
        // Until the sender is dropped.
        let _ = paused.recv();
    });
    assert_eq!(heard.recv_timeout(Duration::from_secs(30)).unwrap(), "connected");
    let noise = [b"noise ".repeat(100), b"\n".to_vec()].concat();
    let (mut taken, mut last) = (0, Instant::now());
    while last.elapsed() < Duration::from_secs(1) {
        match rustix::io::write(&master, &noise) {
            Ok(length) => (taken, last) = (taken + length, Instant::now()),
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
        assert!(taken < 2 << 20, "{taken} bytes were read that nobody looks at");
    }
    drop(go_on);
    let begun = Instant::now();
    let mut rest = &b"\nthe end\n"[..];
    while !rest.is_empty() && begun.elapsed() < Duration::from_secs(30) {
        match rustix::io::write(&master, rest) {
            Ok(length) => rest = &rest[length..],
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
    }
    assert_eq!(watching.join().unwrap(), Ending::Found);
}
