//! Burning a key into eFuses, against a controller of ours that is stricter than a real one, and beside espefuse.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use wildcam::board::Board;

use crate::{
    boards::{Field, LIMIT, MockBoard},
    relay,
    support::{Output, peers},
};

/// Where the words lie that are programmed.
const PROGRAM: std::ops::Range<u32> = 0..0x2c;
const CONF: u32 = 0x1cc;
const CMD: u32 = 0x1d4;

impl MockBoard {
    fn beside(&self, end: &str) -> PathBuf {
        let mut name = self.efuses.as_os_str().to_owned();
        name.push(end);
        name.into()
    }

    /// What is burnt into a block, check words behind the others.
    fn burnt(&self, block: u8) -> Vec<u32> {
        let cells: Value = serde_json::from_slice(&fs::read(&self.efuses).unwrap()).unwrap();
        let words = cells[block.to_string()].as_array().unwrap();
        words.iter().map(|word| u32::try_from(word.as_u64().unwrap()).unwrap()).collect()
    }

    fn burn(&self, block: u8, words: &[u32]) {
        let mut cells: Value = serde_json::from_slice(&fs::read(&self.efuses).unwrap()).unwrap();
        let mut words = words.to_vec();
        words.resize(11, 0);
        cells[block.to_string()] = json!(words);
        fs::write(&self.efuses, cells.to_string()).unwrap();
    }

    /// What the next connection has to endure.
    fn order(&self, orders: &Value) {
        fs::write(self.beside(".orders"), orders.to_string()).unwrap();
    }

    /// The writes to registers since the last call: offset and value. The test fails when one of them was a violation.
    #[track_caller]
    fn writes(&self) -> Vec<(u32, u32)> {
        let log = fs::read_to_string(self.beside(".log")).unwrap_or_default();
        let _ = fs::remove_file(self.beside(".log"));
        assert!(!log.lines().any(|line| line.starts_with('V')), "{log}");
        let number = |text: &str| u32::from_str_radix(text.trim_start_matches("0x"), 16).unwrap();
        log.lines()
            .filter_map(|line| line.strip_prefix("W "))
            .map(|line| line.split_once(' ').unwrap())
            .map(|(offset, value)| (number(offset), number(value)))
            .collect()
    }

    /// The key block that the firmware would take. The test fails when its key is not whole, or when it can be read.
    #[track_caller]
    fn taken(&self) -> Option<u8> {
        let block0 = self.burnt(0);
        let purposes = u64::from(block0[3]) << 8 | u64::from(block0[2] >> 24);
        let key = (0..6).find(|key| purposes >> (4 * key) & 0xf == 8)?;
        assert!(block0[1] >> key & 1 == 1, "anybody can read the key that is taken");
        assert!(self.burnt(4 + key).iter().all(|word| *word != 0), "half a key is taken");
        Some(key)
    }
}

/// `wildcam flash --burn-efuses` with consent to burning these boards.
fn burn_command(field: &Field, boards: &[&MockBoard], more: &[&str]) -> std::process::Command {
    let mut command = field.flash_command(boards, &["--firmware-only", "--burn-efuses"]);
    for board in boards {
        command.args(["--allow-burn", &board.mac]);
    }
    command.args(more);
    command
}

#[track_caller]
fn burn(field: &Field, boards: &[&MockBoard], more: &[&str]) -> Output {
    field.dir.run_within(LIMIT, burn_command(field, boards, more))
}

/// espefuse, which this project did not write, burns a key into a board.
#[track_caller]
fn espefuse(field: &Field, board: &MockBoard, chip: &str, key: &[u8]) -> Option<Output> {
    let program = peers::require("esptool")?.with_file_name("espefuse");
    let file = field.dir.project().join("key.bin");
    fs::write(&file, key).unwrap();
    let mut command = field.dir.command(program);
    command.args(["--chip", chip, "--before", "no-reset", "--do-not-confirm", "--port"]).arg(&board.port);
    command.args(["burn-key", "BLOCK_KEY0"]).arg(&file).arg("HMAC_UP");
    let output = field.dir.run_within(LIMIT, command).expect_code(0);
    fs::remove_file(file).unwrap();
    Some(output)
}

/// What a programming is made of, without the zeros that clear the registers before and after, and without what sets the timing:
/// that is compared as a set.
fn programmings(writes: &[(u32, u32)]) -> Vec<Vec<(u32, u32)>> {
    let mut all = Vec::new();
    let mut one = Vec::new();
    for (offset, value) in writes {
        let clears = PROGRAM.contains(offset) && *value == 0;
        if PROGRAM.contains(offset) && !clears || *offset == CONF || *offset == CMD {
            one.push((*offset, *value));
        }
        if *offset == CMD {
            all.push(std::mem::take(&mut one));
        }
    }
    assert!(one.is_empty(), "{one:x?}");
    // Readings come as often as somebody wants to be sure.
    all.retain(|one| one.last().is_some_and(|(_, command)| command & 2 != 0));
    all
}

fn timing(writes: &[(u32, u32)]) -> BTreeSet<(u32, u32)> {
    writes.iter().filter(|(offset, _)| *offset > CMD).copied().collect()
}

#[test]
fn what_is_burnt_is_what_espefuse_burns() {
    for (board, number) in [(Board::Esp32C3, 1), (Board::Esp32C6, 2), (Board::Esp32S3, 3)] {
        let field = Field::new();
        let chip = board.name();
        let Some(ours) = field.board(chip, number) else { return };
        let theirs = field.board(chip, number + 10).unwrap();
        field.build(board, 1);
        let done = burn(&field, &[&ours], &[]).expect_code(0);
        let flashed = done.json_lines().into_iter().find(|line| line["reason"] == "flashed").unwrap();
        let efuses = json!({ "what": "burn", "block": "BLOCK_KEY0", "purpose": "HMAC_UP", "burns": true });
        assert_eq!(flashed["efuses"], efuses, "{flashed}");
        let words = ours.burnt(4);
        assert!(words.iter().all(|word| *word != 0), "{words:x?}");
        assert_eq!(ours.burnt(0)[..6], [1 << 8 | 1 << 23, 1, 8 << 24, 0, 0, 0]);

        let key: Vec<u8> = words[..8].iter().flat_map(|word| word.to_le_bytes()).collect();
        if espefuse(&field, &theirs, chip, &key).is_none() {
            return;
        }
        for block in 0..=10 {
            // The address is that of another board.
            assert!(block == 1 || ours.burnt(block) == theirs.burnt(block), "{chip}: block {block} differs");
        }
        let (ours, theirs) = (ours.writes(), theirs.writes());
        assert_eq!(timing(&ours), timing(&theirs), "{chip}");
        let (ours, theirs) = (programmings(&ours), programmings(&theirs));
        assert_eq!(ours[0], theirs[0], "{chip}: the key is programmed in another way");
        // Block 0: the same bits in another order, and espefuse burns them in two steps.
        assert_eq!((ours.len(), theirs.len()), (4, 3));
        let bits = |programmings: &[Vec<(u32, u32)>]| {
            let mut bits = [0; 8];
            for (offset, value) in programmings.iter().flatten().filter(|(offset, _)| *offset < 0x20) {
                bits[*offset as usize / 4] |= value;
            }
            bits
        };
        assert_eq!(bits(&ours[1..]), bits(&theirs[1..]));
    }
}

/// Every file below a folder but those of the boards themselves.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let (path, kind) = entry.map(|entry| (entry.path(), entry.file_type().unwrap())).unwrap();
        if kind.is_dir() {
            files(&path, found);
        } else if kind.is_file() && !path.file_name().unwrap().to_string_lossy().starts_with("board-") {
            found.push(path);
        }
    }
}

#[test]
fn the_key_is_told_to_nobody() {
    let field = Field::new();
    let Some(board) = field.board("esp32c3", 1) else { return };
    field.build(Board::Esp32C3, 1);
    let mut command = burn_command(&field, &[&board], &["-vv"]);
    command.env("WILDCAM_LOG", "trace").env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1");
    let done = field.dir.run_within(LIMIT, command).expect_code(0);
    let words = board.burnt(4);
    let key: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let mut places = vec![("standard output".to_owned(), done.stdout.into_bytes())];
    places.push(("standard error".to_owned(), done.stderr.into_bytes()));
    let mut found = Vec::new();
    files(field.dir.project().parent().unwrap(), &mut found);
    assert!(found.iter().any(|path| path.ends_with(".wildcam/flash/240ac4000001.log")), "{found:?}");
    places.extend(found.into_iter().filter_map(|path| Some((path.display().to_string(), fs::read(&path).ok()?))));
    for (place, bytes) in &places {
        let text = String::from_utf8_lossy(bytes).to_lowercase();
        for word in words.iter().take(8) {
            let bytewise: String = word.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            for shown in [format!("{word:08x}"), word.to_string(), bytewise] {
                assert!(!text.contains(&shown), "a word of the key is in {place}");
            }
        }
        for part in key[..32].chunks(8) {
            assert!(!bytes.windows(8).any(|window| window == part), "a part of the key is in {place}");
        }
    }
}

#[test]
fn a_board_that_has_a_key_keeps_it_and_a_dry_run_burns_nothing() {
    let field = Field::new();
    let (Some(fresh), Some(has)) = (field.board("esp32c3", 1), field.board("esp32c3", 2)) else { return };
    field.build(Board::Esp32C3, 1);
    has.burn(0, &[0, 0b100, 0, 8]);
    let dry = burn(&field, &[&fresh, &has], &["--dry-run"]).expect_code(0);
    let plans = dry.json_lines();
    assert_eq!((&plans[0]["efuses"]["what"], &plans[1]["efuses"]["what"]), (&json!("burn"), &json!("there")));
    assert_eq!(plans[1]["efuses"]["block"], "BLOCK_KEY2");
    assert_eq!((fresh.writes(), has.writes()), (vec![], vec![]), "a dry run wrote to the controller");
    let mut told = field.dir.wildcam(&["flash", "--firmware-only", "--burn-efuses", "--dry-run", "--port"]);
    told.arg(&fresh.port).arg("--port").arg(&has.port);
    let told = field.dir.run_within(LIMIT, told).expect_code(0);
    assert!(told.stdout.contains("for ever: a new random key into BLOCK_KEY0"), "{}", told.stdout);
    assert!(
        told.stdout.contains("BLOCK_KEY2 already has a key for the HMAC unit; nothing is burnt"),
        "{}",
        told.stdout
    );

    // The board that has one needs no consent.
    let mut command = field.flash_command(&[&fresh, &has], &["--firmware-only", "--burn-efuses"]);
    command.args(["--allow-burn", &fresh.mac]);
    field.dir.run_within(LIMIT, command).expect_code(0);
    assert_eq!((fresh.taken(), has.burnt(0)[3]), (Some(0), 8));
    assert!(programmings(&has.writes()).is_empty());
    assert_eq!(programmings(&fresh.writes()).len(), 4);
    let again = burn(&field, &[&fresh], &[]).expect_code(0);
    assert!(again.stdout.contains(r#""what":"there""#), "{}", again.stdout);
    assert!(programmings(&fresh.writes()).is_empty());
}

#[test]
fn yes_is_no_consent_and_what_makes_no_sense_is_refused() {
    let field = Field::new();
    let (Some(board), Some(other)) = (field.board("esp32c6", 1), field.board("esp32", 2)) else { return };
    field.build(Board::Esp32C6, 1);
    let refused = field.flash(&[&board], &["--firmware-only", "--burn-efuses"]).expect_code(4);
    assert!(refused.stderr.contains("--allow-burn 24:0a:c4:00:00:01"), "{}", refused.stderr);
    assert!(refused.stderr.contains("nothing undoes that"), "{}", refused.stderr);
    let wrong = ["--firmware-only", "--burn-efuses", "--allow-burn", "24:0a:c4:00:00:09"];
    field.flash(&[&board], &wrong).expect_code(4);
    assert!(board.read().iter().all(|byte| *byte == 0xff), "something was written");
    let plain = field.flash(&[&other], &["--firmware-only", "--burn-efuses"]).expect_code(4);
    assert!(plain.stderr.contains("has no eFuses that wildcam burns a key into"), "{}", plain.stderr);
    for more in [&["--burn-efuses", "--image", "x.bin"][..], &["--burn-efuses", "--register"], &["--allow-burn", "x"]] {
        field.dir.run(&[&["flash"], more].concat()).expect_code(2);
    }
    let emulated = ["flash", "--yes", "--burn-efuses", "--board", "qemu-virt", "--port", "cam.flash"];
    let emulated = field.dir.run(&emulated).expect_code(2);
    assert!(emulated.stderr.contains("has no eFuses to burn"), "{}", emulated.stderr);
    board.burn(0, &[1]);
    let closed = burn(&field, &[&board], &[]).expect_code(4);
    assert!(closed.stderr.contains("secure boot") && closed.stderr.contains("no key is burnt"), "{}", closed.stderr);
    assert!(board.writes().is_empty());
}

/// Runs the program on a terminal of its own and types a line.
#[track_caller]
fn on_a_terminal(field: &Field, board: &MockBoard, typed: &str) -> Output {
    let place = field.dir.project().join("terminal");
    let master = relay::plug(&place).unwrap();
    let terminal = || Stdio::from(fs::OpenOptions::new().read(true).write(true).open(&place).unwrap());
    let mut command = field.dir.wildcam(&["flash", "--yes", "--firmware-only", "--burn-efuses", "--port"]);
    command.arg(&board.port);
    let stdout = field.dir.project().join("told");
    command.stdin(terminal()).stderr(terminal()).stdout(fs::File::create(&stdout).unwrap());
    let mut process = command.spawn().unwrap();
    drop(command);
    rustix::io::write(&master, typed.as_bytes()).unwrap();
    let (mut said, mut bytes) = (Vec::new(), [0; 4096]);
    let begun = std::time::Instant::now();
    let code = loop {
        while let Ok(length @ 1..) = rustix::io::read(&master, &mut bytes) {
            said.extend_from_slice(&bytes[..length]);
        }
        if let Some(status) = process.try_wait().unwrap() {
            break status.code();
        }
        assert!(begun.elapsed() < LIMIT, "{}", String::from_utf8_lossy(&said));
        std::thread::sleep(Duration::from_millis(20));
    };
    let stderr = String::from_utf8_lossy(&said).into_owned();
    Output { code, stdout: fs::read_to_string(stdout).unwrap(), stderr }
}

#[test]
fn on_a_terminal_the_phrase_is_typed_in_full() {
    let field = Field::new();
    let Some(board) = field.board("esp32c3", 1) else { return };
    field.build(Board::Esp32C3, 1);
    for wrong in ["y\n", "burn\n", "burn 2 boards\n", "\n"] {
        let refused = on_a_terminal(&field, &board, wrong).expect_code(4);
        assert!(refused.stderr.contains(r#"Type "burn 1 board" to do it"#), "{}", refused.stderr);
        assert!(refused.stderr.contains("nothing was written"), "{}", refused.stderr);
        assert!(board.read().iter().all(|byte| *byte == 0xff) && board.writes().is_empty());
    }
    let done = on_a_terminal(&field, &board, "burn 1 board\n").expect_code(0);
    assert!(done.stdout.contains("BLOCK_KEY0 holds a key for the HMAC unit"), "{}", done.stdout);
    assert_eq!(board.taken(), Some(0));
}

#[test]
fn a_cell_that_does_not_take_at_once_is_programmed_again() {
    let field = Field::new();
    let Some(board) = field.board("esp32s3", 1) else { return };
    field.build(Board::Esp32S3, 1);
    // One byte of the key, which the code would correct, and the bit that hides it.
    board.order(
        &json!({ "missed": { "4": [0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "0": [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0] } }),
    );
    burn(&field, &[&board], &[]).expect_code(0);
    assert_eq!(board.taken(), Some(0));
    assert_eq!(board.burnt(0)[..3], [1 << 8 | 1 << 23, 1, 8 << 24]);
    assert_eq!(programmings(&board.writes()).len(), 6);
}

/// Where power fails: at which write to a register, and which bits of each word are set until then when it is a programming.
type Cut = (usize, [u32; 11]);

/// The cuts to try, from the writes of a burn that was not cut off. All of them with `WILDCAM_SOAK=1`; else those in and around
/// each programming, and some of the others.
fn cuts(writes: &[(u32, u32)]) -> Vec<Cut> {
    let soak = std::env::var_os("WILDCAM_SOAK").is_some_and(|value| value == "1");
    let programs: Vec<usize> = (0..writes.len()).filter(|at| writes[*at].0 == CMD && writes[*at].1 & 2 != 0).collect();
    let mut cuts = Vec::new();
    for program in &programs {
        let mut data_alone = [u32::MAX; 11];
        data_alone[8..].fill(0);
        for bits in [[0; 11], [u32::MAX; 11], [0x5555_5555; 11], data_alone, [0xffff_0000; 11]] {
            cuts.push((program + 1, bits));
        }
    }
    let others = (0..writes.len()).filter(|at| !programs.contains(at));
    let near = |at: &usize| programs.iter().any(|program| at.abs_diff(*program) < 2);
    cuts.extend(others.filter(|at| soak || near(at) || at % 24 == 0).map(|at| (at + 1, [u32::MAX; 11])));
    cuts
}

#[test]
fn wherever_power_fails_the_next_burn_ends_well_and_no_half_key_is_taken() {
    const AT_ONCE: u8 = 8;
    let field = Field::new();
    let mut boards = Vec::new();
    for number in 1..=AT_ONCE {
        let Some(board) = field.board("esp32c3", number) else { return };
        boards.push(board);
    }
    field.build(Board::Esp32C3, 1);
    let fresh: Vec<_> = boards.iter().map(|board| fs::read(&board.efuses)).collect();
    burn(&field, &boards.iter().collect::<Vec<_>>(), &[]).expect_code(0);
    let writes = boards[0].writes();
    boards.iter().for_each(|board| drop(board.writes()));
    let cuts = cuts(&writes);
    let mut ends = std::collections::BTreeMap::<String, usize>::new();
    for cuts in cuts.chunks(boards.len()) {
        for ((board, fresh), (at, bits)) in boards.iter().zip(&fresh).zip(cuts) {
            fs::write(&board.efuses, fresh.as_ref().unwrap()).unwrap();
            board.order(&json!({ "cut_at": at, "bits": bits }));
            board.relay.vanish_with_board();
        }
        let some: Vec<&MockBoard> = boards.iter().take(cuts.len()).collect();
        let cut = burn(&field, &some, &[]).expect_code(1);
        let gone = cut.json_lines().into_iter().filter(|line| line["reason"] == "flash-failed");
        assert!(gone.clone().all(|line| line["message"].as_str().unwrap().contains("went away")), "{}", cut.stdout);
        assert_eq!(gone.count(), cuts.len(), "{}", cut.stdout);
        for (board, cut) in boards.iter_mut().zip(cuts) {
            board.taken();
            assert!(!board.relay.is_plugged(), "{cut:?}");
            board.plug_in();
        }
        let some: Vec<&MockBoard> = boards.iter().take(cuts.len()).collect();
        let told = field.flash(&some, &["--firmware-only", "--dry-run"]).expect_code(0);
        let again = burn(&field, &some, &[]).expect_code(0);
        for (((board, cut), told), line) in some.iter().zip(cuts).zip(told.json_lines()).zip(again.json_lines()) {
            // Without the flag, it is said that a burn was cut off, as far as one was begun.
            let begun = told["efuses"]["what"] == "cut-off";
            let key = board.taken().unwrap_or_else(|| panic!("no key after {cut:?}"));
            let what = line["efuses"]["what"].as_str().unwrap().to_owned();
            assert_eq!(line["efuses"]["block"], format!("BLOCK_KEY{key}"), "{cut:?}");
            assert!(begun || what == "burn", "{cut:?}: {told}");
            if what != "there" {
                let block0 = board.burnt(0);
                assert_eq!(
                    (block0[0] & 1 << (8 + key), block0[0] & 1 << (23 + key)),
                    (1 << (8 + key), 1 << (23 + key))
                );
            }
            board.writes();
            *ends.entry(format!("{what} {key}")).or_default() += 1;
        }
    }
    println!("{} cuts at {} writes: {ends:?}", cuts.len(), writes.len());
    for end in ["burn 0", "burn 1", "finish 0", "there 0"] {
        assert!(ends.contains_key(end), "{ends:?}");
    }
}
