//! What goes wrong with plugs, cables, ports and people.

use std::{fs, process::Stdio, thread, time::Duration};

use wildcam::board::Board;

use crate::boards::{Field, LIMIT, assert_holds, identity_in};

const BOARD: Board = Board::Esp32C3;

#[test]
fn a_port_that_vanishes_is_told_and_the_next_flash_goes_on() {
    let field = Field::new();
    let Some(mut board) = field.board("esp32c3", 1) else { return };
    let firmware = field.build(BOARD, 1);
    board.relay.vanish_after(130_000);
    let output = field.flash(&[&board], &[]).expect_code(1);
    assert!(!board.relay.is_plugged());
    assert!(output.stderr.contains("went away") && output.stderr.contains("goes on where it was"), "{}", output.stderr);
    assert!(output.stderr.contains(&board.mac), "{}", output.stderr);

    board.plug_in();
    let begun = board.relay.sent();
    let output = field.flash(&[&board], &[]).expect_code(0);
    let rest = board.relay.sent() - begun;
    assert_holds(&board.read(), &firmware, BOARD);
    assert!(identity_in(&board.read(), BOARD).is_some());
    let lines = output.json_lines();
    let plan = lines.iter().find(|line| line["reason"] == "flash-plan").unwrap();
    assert!(plan["resumes_parts"].is_u64(), "{plan}");
    let result = lines.iter().find(|line| line["reason"] == "flashed").unwrap();
    assert_eq!(result["resumed"], true);
    assert!(result["same_bytes"].as_u64().unwrap() > 100_000, "{result}");
    assert!(rest < 250_000, "{rest} bytes were sent after the cut");
}

#[test]
fn an_interrupted_flash_says_so_and_goes_on() {
    let field = Field::new();
    let Some(board) = field.board("esp32c3", 1) else { return };
    let firmware = field.build(BOARD, 1);
    let command = field.flash_command(&[&board], &[]);
    let running = field.dir.start(command);
    while board.relay.sent() < 100_000 {
        thread::sleep(Duration::from_millis(10));
    }
    let pid = rustix::process::Pid::from_raw(i32::try_from(running.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let output = running.finish(LIMIT).expect_code(130);
    assert!(output.stderr.contains("goes on where it was"), "{}", output.stderr);
    assert_ne!(&board.read()[..firmware.len()], &firmware[..]);
    let output = field.flash(&[&board], &[]).expect_code(0);
    assert!(output.stdout.contains("\"resumed\":true"), "{}", output.stdout);
    assert_holds(&board.read(), &firmware, BOARD);
}

#[test]
fn a_killed_flash_is_taken_up_and_the_camera_has_one_key() {
    let field = Field::new();
    let Some(board) = field.board("esp32c3", 1) else { return };
    let firmware = field.build(BOARD, 1);
    for bytes in [60_000, 150_000, 250_000] {
        let mut running = {
            let mut command = field.flash_command(&[&board], &[]);
            command.stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().unwrap()
        };
        let begun = board.relay.sent();
        while board.relay.sent() - begun < bytes && running.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(5));
        }
        let _ = running.kill();
        running.wait().unwrap();
    }
    field.flash(&[&board], &[]).expect_code(0);
    assert_holds(&board.read(), &firmware, BOARD);
    let (held, _) = identity_in(&board.read(), BOARD).unwrap();
    let cameras = fs::read_to_string(field.dir.project().join(".wildcam/cameras.jsonl")).unwrap();
    let key: String = held.public_key.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(cameras.contains(&key), "{cameras}");
}

#[test]
fn a_noisy_line_is_slowed_down_and_everything_is_right_in_the_end() {
    let field = Field::new();
    let Some(board) = field.board("esp32c3", 1) else { return };
    let firmware = field.build(BOARD, 1);
    // A bit is turned over in the middle of the app, three times.
    board.relay.corrupt_after(90_000, 3);
    let output = field.flash(&[&board], &["--firmware-only"]).expect_code(0);
    assert!(output.stdout.contains("\"reason\":\"flash-retry\""), "{}", output.stdout);
    assert!(output.stdout.contains("460800 baud"), "{}", output.stdout);
    assert_holds(&board.read(), &firmware, BOARD);
}

#[test]
fn a_wrong_chip_is_refused_before_anything_is_written() {
    let field = Field::new();
    let (Some(right), Some(wrong)) = (field.board("esp32c3", 1), field.board("esp32c6", 2)) else { return };
    field.build(BOARD, 1);
    let firmware = "target/firmware/wildcam-esp32c3-full.bin";
    let output = field.flash(&[&right, &wrong], &["--firmware", firmware]).expect_code(4);
    assert!(output.stderr.contains("esp32c6 24:0a:c4:00:00:02"), "{}", output.stderr);
    assert!(output.stderr.contains("is no esp32c3"), "{}", output.stderr);
    for board in [&right, &wrong] {
        assert!(board.read().iter().all(|byte| *byte == 0xff));
    }
    // Without a firmware for its chip, the command that makes one is named.
    let output = field.flash(&[&wrong], &[]).expect_code(2);
    assert!(output.stderr.contains("wildcam build --board esp32c6"), "{}", output.stderr);
}

#[test]
fn a_busy_port_names_the_program_that_has_it() {
    let field = Field::new();
    let Some(board) = field.board("esp32c3", 1) else { return };
    field.build(BOARD, 1);
    let monitor = field.dir.start(field.dir.wildcam(&["monitor", "--port", board.port.to_str().unwrap()]));
    while !monitor.stderr().contains("listening") {
        thread::sleep(Duration::from_millis(20));
    }
    let output = field.flash(&[&board], &[]).expect_code(1);
    assert!(output.stderr.contains("is in use"), "{}", output.stderr);
    if cfg!(target_os = "linux") {
        assert!(output.stderr.contains(&format!("process {}", monitor.id())), "{}", output.stderr);
    }
    drop(monitor);
    let missing = field.dir.run(&["flash", "--port", "no-such-port"]).expect_code(1);
    assert!(missing.stderr.contains("there is no port") && missing.stderr.contains("doctor --usb"));
}

#[test]
fn a_port_on_which_nothing_answers_is_told() {
    let field = Field::new();
    let Some(board) = field.board("esp32c3", 1) else { return };
    field.build(BOARD, 1);
    // Every piece that is sent is damaged, so no command is ever understood.
    board.relay.corrupt_after(0, u64::MAX);
    let output = field.flash(&[&board], &[]).expect_code(1);
    assert!(output.stderr.contains("answers as an ESP32 chip"), "{}", output.stderr);
}
