//! What a flash refuses: losses without consent, names that could never register, and a lab that real boards would believe.

use std::fs;

use wildcam::{
    board::{Board, flash::Record},
    journal::{atomic::write_private, intent::Log},
    release::generate_key,
};

use crate::{
    boards::{Field, identity_in},
    firmware::app_image,
    support::Output,
};

const BOARD: Board = Board::QemuVirt;

/// `wildcam flash` on these flash files.
fn flash(field: &Field, ports: &[&str], more: &[&str]) -> Output {
    let mut command =
        field.dir.wildcam(&["flash", "--yes", "--json", "--authority", "authority.pem", "--board", "qemu-virt"]);
    for port in ports {
        command.args(["--port", port]);
    }
    command.args(more);
    field.dir.run_within(crate::boards::LIMIT, command)
}

fn name_in(field: &Field, port: &str) -> String {
    let flash = fs::read(field.dir.project().join(port)).unwrap();
    identity_in(&flash, BOARD).unwrap().0.camera.as_str().to_owned()
}

#[test]
fn an_image_of_somebody_else_needs_consent_to_the_loss_of_a_camera() {
    let field = Field::new();
    let Some(board) = field.board("esp32c3", 1) else { return };
    field.build(Board::Esp32C3, 1);
    field.flash(&[&board], &["--name", "ridge-1"]).expect_code(0);
    let before = board.read();
    fs::write(field.dir.project().join("arduino.bin"), app_image(Board::Esp32C3, 4)).unwrap();
    let refused = field.flash(&[&board], &["--image", "arduino.bin"]).expect_code(4);
    assert!(refused.stderr.contains("--allow-data-loss ridge-1"), "{}", refused.stderr);
    field.flash(&[&board], &["--image", "arduino.bin", "--allow-data-loss", "ridge-2"]).expect_code(4);
    assert!(board.read() == before, "something was written");
    let done = field.flash(&[&board], &["--image", "arduino.bin", "--allow-data-loss", "ridge-1"]).expect_code(0);
    let lines = done.json_lines();
    let loses = lines[0]["loses"].to_string();
    assert!(loses.contains("pictures of ridge-1") && lines[0]["keeps"].as_array().unwrap().is_empty(), "{}", lines[0]);
    let flashed = lines.iter().find(|line| line["reason"] == "flashed").unwrap();
    assert!(flashed["camera"].is_null(), "{flashed}");
}

#[test]
fn a_name_that_has_a_key_is_given_to_no_new_one() {
    let field = Field::new();
    field.build(BOARD, 1);
    flash(&field, &["a.flash"], &["--name", "ridge-1"]).expect_code(0);
    let consent = ["--new-identity", "--allow-data-loss", "ridge-1"];
    let own = flash(&field, &["a.flash"], &[&consent[..], &["--name", "ridge-1"]].concat()).expect_code(2);
    assert!(own.stderr.contains("is ridge-1 already") && own.stderr.contains("--name"), "{}", own.stderr);
    flash(&field, &["a.flash"], &[&consent[..], &["--name", "ridge-2"]].concat()).expect_code(0);
    assert_eq!(name_in(&field, "a.flash"), "ridge-2");

    // Of another board, of a camera that was replaced, and of one whose flash is gone.
    for taken in ["ridge-1", "ridge-2"] {
        let refused = flash(&field, &["b.flash"], &["--name", taken]).expect_code(2);
        assert!(refused.stderr.contains(&format!("the name {taken} was given")), "{}", refused.stderr);
    }
    fs::remove_file(field.dir.project().join("a.flash")).unwrap();
    flash(&field, &["a.flash"], &["--name", "ridge-2"]).expect_code(2);
    assert!(!field.dir.project().join("b.flash").exists());

    // A name that nobody chose gives way by itself.
    flash(&field, &["c.flash"], &[]).expect_code(0);
    let first = name_in(&field, "c.flash");
    let own = flash(&field, &["c.flash"], &["--new-identity", "--allow-data-loss", &first]).expect_code(2);
    assert!(own.stderr.contains(&format!("is {first} already")), "{}", own.stderr);
    fs::remove_file(field.dir.project().join("c.flash")).unwrap();
    flash(&field, &["c.flash"], &[]).expect_code(0);
    assert_eq!(name_in(&field, "c.flash"), format!("{first}-2"));
}

/// Notes in the journal of a board that its flash was cut off when it was writing this identity.
fn cut_off(field: &Field, mac: &str, camera: &str, public_key: String) {
    let journals = field.dir.project().join(".wildcam/flash");
    fs::create_dir_all(&journals).unwrap();
    let mut log = Log::open(&journals.join(format!("{}.log", mac.replace(':', "")))).unwrap();
    log.append(&Record::Begun { firmware: "f".into(), version: "1".into(), at_s: 5 }).unwrap();
    log.append(&Record::Identity { camera: camera.into(), public_key, group: String::new() }).unwrap();
}

#[test]
fn the_same_command_after_a_cut_does_not_replace_what_it_wrote() {
    let field = Field::new();
    field.build(BOARD, 1);
    flash(&field, &["a.flash"], &["--name", "ridge-1"]).expect_code(0);
    let replace = ["--new-identity", "--name", "ridge-2", "--allow-data-loss", "ridge-1"];
    let done = flash(&field, &["a.flash"], &replace).expect_code(0);
    let before = fs::read(field.dir.project().join("a.flash")).unwrap();
    let flashed = done.json_lines().into_iter().find(|line| line["reason"] == "flashed").unwrap();
    let key = flashed["public_key"].as_str().unwrap().to_owned();
    cut_off(&field, flashed["mac"].as_str().unwrap(), "ridge-2", key);
    flash(&field, &["a.flash"], &replace).expect_code(0);
    assert!(fs::read(field.dir.project().join("a.flash")).unwrap() == before, "it got another key");
}

#[test]
fn names_on_the_boards_themselves_and_in_cut_flashes_count() {
    let field = Field::new();
    field.build(BOARD, 1);
    flash(&field, &["a.flash"], &["--name", "creek-1"]).expect_code(0);
    // Another laptop flashed it: nothing is known of it but what it says itself.
    fs::remove_dir_all(field.dir.project().join(".wildcam")).unwrap();
    fs::write(field.dir.project().join("cameras.csv"), "name\ncreek-1\ncreek-2\ncreek-3\n").unwrap();
    let refused = flash(&field, &["a.flash", "b.flash"], &["--name", "creek-1"]).expect_code(2);
    assert!(refused.stderr.contains("the name creek-1 was given"), "{}", refused.stderr);
    // A flash of another board was cut off when it had perhaps got its name.
    cut_off(&field, "24:0a:c4:00:00:09", "creek-2", "ab".repeat(32));
    flash(&field, &["a.flash", "b.flash"], &["--roster", "cameras.csv"]).expect_code(0);
    assert_eq!((name_in(&field, "a.flash"), name_in(&field, "b.flash")), ("creek-1".into(), "creek-3".into()));
}

#[test]
fn a_folder_below_the_project_knows_the_project_s_cameras() {
    let field = Field::new();
    field.build(BOARD, 1);
    let below = field.dir.project().join("notes");
    fs::create_dir(&below).unwrap();
    let flash = |port: &str| {
        let mut command = field.dir.wildcam(&["flash", "--yes", "--authority", "../authority.pem"]);
        command.args(["--firmware", "../target/firmware/wildcam-qemu-virt-full.bin", "--board", "qemu-virt"]);
        command.args(["--port", port, "--name", "ridge-1"]).current_dir(&below);
        field.dir.run_within(crate::boards::LIMIT, command)
    };
    flash("a.flash").expect_code(0);
    assert!(field.dir.project().join(".wildcam/cameras.jsonl").exists() && !below.join(".wildcam").exists());
    flash("b.flash").expect_code(2);
}

#[test]
fn only_emulated_boards_may_believe_the_lab() {
    let field = Field::new();
    let place = field.dir.project();
    let settings = fs::read_to_string(place.join("wildcam.toml")).unwrap();
    fs::write(place.join("wildcam.toml"), settings.split("[fleet]").next().unwrap()).unwrap();
    fs::create_dir_all(place.join(".wildcam/lab")).unwrap();
    write_private(&place.join(".wildcam/lab/online.pem"), generate_key().unwrap().as_bytes()).unwrap();
    fs::copy(place.join("authority.pem"), place.join(".wildcam/lab/authority.pem")).unwrap();
    for board in [BOARD, Board::Esp32C3] {
        field.build(board, 1);
    }
    let pack = |boards: &[&str]| {
        let mut command = field.dir.wildcam(&["pack", "-o", "kit.wildcam", "--cameras", "1"]);
        command.env("WILDCAM_PACK_KEY", "correct horse battery");
        boards.iter().for_each(|board| {
            command.args(["--board", board]);
        });
        field.dir.run_within(crate::boards::LIMIT, command)
    };
    for boards in [&["esp32c3"][..], &["qemu-virt", "esp32c3"]] {
        let refused = pack(boards).expect_code(2);
        assert!(refused.stderr.contains("set fleet.online_key"), "{}", refused.stderr);
    }
    pack(&["qemu-virt"]).expect_code(0);
    flash(&field, &["a.flash"], &[]).expect_code(0);
    let Some(board) = field.board("esp32c3", 1) else { return };
    let refused = field.flash(&[&board], &[]).expect_code(2);
    assert!(refused.stderr.contains("set fleet.online_key"), "{}", refused.stderr);
    assert!(board.read().iter().all(|byte| *byte == 0xff), "something was written");
}
