//! One board, four at once, a second flash, and esptool beside them.

use std::path::Path;

use wildcam::board::Board;
use wildcam_core::identity::MAX_RECORD;

use crate::{
    boards::{Field, LIMIT, assert_holds, camera, identity_in},
    support::{Output, peers},
};

const BOARD: Board = Board::Esp32C3;

#[test]
fn one_board_gets_firmware_and_an_identity_and_keeps_both() {
    let field = Field::new();
    let Some(board) = field.board("esp32c3", 1) else { return };
    let firmware = field.build(BOARD, 1);

    let dry = field.flash(&[&board], &["--dry-run"]).expect_code(0);
    assert!(board.read().iter().all(|byte| *byte == 0xff), "a dry run wrote");
    let plan = &dry.json_lines()[0];
    assert_eq!((plan["reason"].as_str(), plan["mac"].as_str()), (Some("flash-plan"), Some(board.mac.as_str())));
    assert_eq!(plan["new_identity"], true);

    let before = board.relay.sent();
    std::fs::write(field.dir.project().join("camp.key"), "hunter2hunter2").unwrap();
    std::process::Command::new("chmod").arg("600").arg(field.dir.project().join("camp.key")).status().unwrap();
    let wifi = ["--wifi", "camp", "--wifi-passphrase", "file:camp.key", "--group", "ridge", "--name", "ridge-1"];
    let output = field.flash(&[&board], &wifi).expect_code(0);
    let first = board.relay.sent() - before;
    let flash = board.read();
    assert_holds(&flash, &firmware, BOARD);

    let (held, region) = identity_in(&flash, BOARD).expect("no identity was written");
    assert_eq!((held.camera.clone(), held.sequence, held.sealed), (camera("ridge-1"), 1, false));
    let mut sector: [u8; MAX_RECORD] = region[..MAX_RECORD].try_into().unwrap();
    let record = wildcam_core::identity::Record::parse(&mut sector).unwrap();
    let Ok(identity) = record.open(None) else { panic!("the identity cannot be opened") };
    let wifi = identity.wifi.unwrap();
    assert_eq!((wifi.ssid, wifi.passphrase, identity.group), ("camp", "hunter2hunter2", "ridge"));
    assert!(identity.set_at_ms > 1_700_000_000_000, "the clock was not set");
    assert!(!identity.token.is_empty() && !identity.endpoints.is_empty());

    // The project knows the camera; no secret is in what it wrote or said.
    let state = field.dir.project().join(".wildcam");
    let cameras = std::fs::read_to_string(state.join("cameras.jsonl")).unwrap();
    assert!(cameras.contains("ridge-1") && cameras.contains(&board.mac), "{cameras}");
    let said = format!("{}{}{cameras}{}", output.stdout, output.stderr, files_below(&state));
    assert!(!said.contains("hunter2") && !said.contains(identity.token), "a secret was written down");

    // A second flash finds everything there, and the camera stays who it is.
    let before = board.relay.sent();
    let again = field.flash(&[&board], &[]).expect_code(0);
    let second = board.relay.sent() - before;
    assert_eq!(board.read(), flash);
    let result = again.json_lines().into_iter().find(|line| line["reason"] == "flashed").unwrap();
    assert_eq!((result["written_bytes"].as_u64(), result["new_identity"].as_bool()), (Some(0), Some(false)));
    assert_eq!(result["camera"], "ridge-1");
    assert!(second * 20 < first, "{second} bytes for an unchanged flash, {first} for the first");

    // One changed sector sends about one sector.
    let mut changed = firmware;
    let at = changed.len() - 150_000;
    let path = field.dir.project().join("target/firmware/wildcam-esp32c3-full.bin");
    changed.truncate(BOARD.layout().slots[0].offset as usize);
    changed.extend(crate::firmware::app_image(BOARD, 2));
    assert!(at < changed.len());
    std::fs::write(path, &changed).unwrap();
    field.flash(&[&board], &[]).expect_code(0);
    assert_holds(&board.read(), &changed, BOARD);
    assert_eq!(identity_in(&board.read(), BOARD).unwrap().1, region);
}

fn files_below(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            text.push_str(&files_below(&path));
        } else {
            text.push_str(&String::from_utf8_lossy(&std::fs::read(&path).unwrap()));
        }
    }
    text
}

#[test]
fn four_boards_are_flashed_at_once_by_a_roster() {
    let field = Field::new();
    let mut boards = Vec::new();
    for number in 1..=4 {
        let Some(board) = field.board("esp32c3", number) else { return };
        boards.push(board);
    }
    let firmware = field.build(BOARD, 1);
    let roster = format!("name,mac,group\ncreek-1,,creek\nridge-9,{},ridge\ncreek-2,,\ncreek-3,,\n", boards[2].mac);
    std::fs::write(field.dir.project().join("cameras.csv"), roster).unwrap();
    let Some(alone) = field.board("esp32c3", 9) else { return };
    let took = |output: &Output| {
        let lines = output.json_lines();
        let flashed = lines.iter().filter(|line| line["reason"] == "flashed");
        flashed.map(|line| line["took_ms"].as_u64().unwrap()).max().unwrap()
    };
    let one = took(&field.flash(&[&alone], &[]).expect_code(0));
    let boards: Vec<_> = boards.iter().collect();
    let output = field.flash(&boards, &["--roster", "cameras.csv"]).expect_code(0);
    let four = took(&output);
    eprintln!("one board took {one} ms, the slowest of four at once {four} ms, {:.2} times", four as f64 / one as f64);
    let names: Vec<String> = boards
        .iter()
        .map(|board| {
            assert_holds(&board.read(), &firmware, BOARD);
            identity_in(&board.read(), BOARD).unwrap().0.camera.as_str().to_owned()
        })
        .collect();
    assert_eq!(names, ["creek-1", "creek-2", "ridge-9", "creek-3"]);
    // They went at the same time: each made progress before the first was done.
    let lines = output.json_lines();
    let first_done = lines.iter().position(|line| line["reason"] == "flashed").unwrap();
    for board in &boards {
        let begun = lines.iter().position(|line| {
            line["reason"] == "flash-progress" && line["board"].as_str().unwrap().ends_with(&board.mac)
        });
        assert!(begun.unwrap() < first_done);
    }
}

#[test]
fn an_unchanged_flash_sends_a_twentieth_of_what_esptool_sends() {
    let field = Field::new();
    let (Some(esptool), Some(board)) = (peers::require("esptool"), field.board("esp32c3", 1)) else { return };
    let firmware = field.build(BOARD, 1);
    field.flash(&[&board], &["--firmware-only"]).expect_code(0);
    assert_holds(&board.read(), &firmware, BOARD);

    let sent = |run: &dyn Fn()| {
        let before = board.relay.sent();
        run();
        board.relay.sent() - before
    };
    let port = board.port.to_str().unwrap();
    let image = "target/firmware/wildcam-esp32c3-full.bin";
    let esptool = |more: &[&str]| {
        let mut command = field.dir.command(&esptool);
        command.args(["--chip", "esp32c3", "--port", port, "--baud", "921600"]);
        command.args(["--before", "no-reset", "--after", "no-reset", "write-flash"]);
        command.args(more).args(["0x0", image]);
        field.dir.run_within(LIMIT, command).expect_code(0);
    };
    let ours = sent(&|| drop(field.flash(&[&board], &["--firmware-only"]).expect_code(0)));
    let plain = sent(&|| esptool(&[]));
    let skipping = sent(&|| esptool(&["--skip-flashed"]));
    eprintln!("bytes sent for an unchanged flash: wildcam {ours}, esptool {plain}, esptool --skip-flashed {skipping}");
    assert!(ours * 20 < plain, "wildcam sent {ours} bytes, esptool {plain}");
    assert_holds(&board.read(), &firmware, BOARD);
}

#[test]
fn a_new_identity_is_written_only_with_consent_to_the_loss() {
    let field = Field::new();
    let Some(board) = field.board("esp32c3", 1) else { return };
    field.build(BOARD, 1);
    field.flash(&[&board], &["--name", "ridge-1"]).expect_code(0);
    let before = board.read();
    let refused = field.flash(&[&board], &["--new-identity", "--name", "ridge-2"]).expect_code(4);
    assert!(refused.stderr.contains("--allow-data-loss ridge-1"), "{}", refused.stderr);
    assert_eq!(board.read(), before);
    let consent = ["--new-identity", "--name", "ridge-2", "--allow-data-loss", "ridge-1"];
    field.flash(&[&board], &consent).expect_code(0);
    let (held, _) = identity_in(&board.read(), BOARD).unwrap();
    assert_eq!((held.camera, held.sequence), (camera("ridge-2"), 2));
}
