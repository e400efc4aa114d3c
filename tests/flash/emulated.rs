//! Emulated boards: the same plan, the same journal and the same checks on a flash file.

use std::fs;

use wildcam::board::{Board, flash::BANK_BYTES};

use crate::{
    boards::{Field, assert_holds, camera, identity_in},
    firmware::app_image,
};

const BOARD: Board = Board::QemuVirt;
const FLASH: [&str; 9] =
    ["flash", "--yes", "--json", "--authority", "authority.pem", "--board", "qemu-virt", "--port", "cam.flash"];

#[test]
fn a_flash_file_is_made_filled_and_kept() {
    let field = Field::new();
    let firmware = field.build(BOARD, 1);
    field.dir.run(&[&FLASH[..], &["--name", "emulated-1"]].concat()).expect_code(0);
    let path = field.dir.project().join("cam.flash");
    let flash = fs::read(&path).unwrap();
    assert_eq!(flash.len(), BANK_BYTES as usize);
    assert_holds(&flash, &firmware, BOARD);
    let (held, region) = identity_in(&flash, BOARD).unwrap();
    assert_eq!(held.camera, camera("emulated-1"));

    // What the camera keeps is not touched, and what its boot stage wrote is: the new firmware is to be booted.
    let layout = BOARD.layout();
    let mut used = flash;
    used[layout.settings.offset as usize] = 0x11;
    used[layout.queue.offset as usize + 5000] = 0x22;
    used[layout.journal.offset as usize + 8] = 0x33;
    fs::write(&path, &used).unwrap();
    let newer = field.build(BOARD, 2);
    let again = field.dir.run(&FLASH).expect_code(0);
    let flash = fs::read(&path).unwrap();
    assert_holds(&flash, &newer, BOARD);
    assert_eq!(identity_in(&flash, BOARD).unwrap().1, region);
    assert_eq!(flash[layout.settings.offset as usize], 0x11);
    assert_eq!(flash[layout.queue.offset as usize + 5000], 0x22);
    let plan = &again.json_lines()[0];
    assert!(plan["keeps"][0].as_str().unwrap().contains("emulated-1"), "{plan}");

    let same = field.dir.run(&FLASH).expect_code(0);
    assert!(same.stdout.contains("\"written_bytes\":0"), "{}", same.stdout);
    assert_eq!(fs::read(&path).unwrap(), flash);
}

#[test]
fn an_app_alone_goes_into_the_slot_and_a_damaged_one_is_refused() {
    let field = Field::new();
    let app = app_image(BOARD, 3);
    let place = field.dir.project();
    fs::write(place.join("app.bin"), &app).unwrap();
    let command = [&FLASH[..], &["--firmware", "app.bin", "--firmware-only"]].concat();
    field.dir.run(&command).expect_code(0);
    let flash = fs::read(place.join("cam.flash")).unwrap();
    let slot = BOARD.layout().slots[0].offset as usize;
    assert!(flash[slot..slot + app.len()] == app);
    assert!(identity_in(&flash, BOARD).is_none());

    let mut damaged = app;
    damaged[1000] ^= 1;
    fs::write(place.join("app.bin"), &damaged).unwrap();
    let refused = field.dir.run(&command).expect_code(2);
    assert!(refused.stderr.contains("checksum"), "{}", refused.stderr);
    assert!(fs::read(place.join("cam.flash")).unwrap() == flash);
}

#[test]
fn a_roster_with_an_error_names_the_line() {
    let field = Field::new();
    field.build(BOARD, 1);
    fs::write(field.dir.project().join("cameras.csv"), "name,ssid,passphrase\na,camp,hunter2hunter2\n").unwrap();
    let refused = field.dir.run(&[&FLASH[..], &["--roster", "cameras.csv"]].concat()).expect_code(2);
    assert!(refused.stderr.contains("line 2"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("hunter2"), "{}", refused.stderr);
}

#[test]
fn an_image_of_somebody_else_is_flashed_as_it_is() {
    let field = Field::new();
    let Some(board) = field.board("esp32", 7) else { return };
    let mut image = app_image(Board::Esp32C3, 4);
    // The ESP32 has the number 0; the hash at the end covers the header.
    image[12..14].copy_from_slice(&[0, 0]);
    let end = image.len() - 32;
    let hash = <sha2::Sha256 as sha2::Digest>::digest(&image[..end]);
    image[end..].copy_from_slice(&hash);
    fs::write(field.dir.project().join("cam.ino.bin"), &image).unwrap();
    let output = field.flash(&[&board], &["--image", "cam.ino.bin"]).expect_code(0);
    assert!(output.stdout.contains("cannot manage this board"), "{}", output.stdout);
    let flash = board.read();
    assert!(flash[0x1_0000..][..image.len()] == image);
    assert!(!field.dir.project().join(".wildcam/cameras.jsonl").exists());
}
