//! A kit: packed where there is a network, used where there is none.

use std::fs;

use wildcam::board::Board;

use crate::boards::{Field, assert_holds, camera, identity_in};

const BOARD: Board = Board::QemuVirt;
const KEY: &str = "correct horse battery";

#[test]
fn a_kit_flashes_cameras_without_the_project() {
    let field = Field::new();
    let firmware = field.build(BOARD, 1);
    let place = field.dir.project();
    fs::write(place.join("cameras.csv"), "name,group\nridge-1,ridge\nridge-2,ridge\n").unwrap();
    let mut command = field.dir.wildcam(&[
        "pack",
        "-o",
        "kit.wildcam",
        "--board",
        "qemu-virt",
        "--roster",
        "cameras.csv",
        "--authority",
        "authority.pem",
    ]);
    command.env("WILDCAM_PACK_KEY", KEY);
    field.dir.run_within(crate::boards::LIMIT, command).expect_code(0);
    let kit = fs::read(place.join("kit.wildcam")).unwrap();
    assert!(!kit.windows(7).any(|window| window == b"ridge-1"), "a camera's name can be read");

    // Another laptop: nothing of the project is there.
    let laptop = Field::new();
    for file in ["wildcam.toml", "online.key", "authority.pem"] {
        fs::remove_file(laptop.dir.project().join(file)).unwrap();
    }
    fs::write(laptop.dir.project().join("kit.wildcam"), &kit).unwrap();
    let flash = |port: &str, key: &str| {
        let arguments = ["flash", "--yes", "--json", "--pack", "kit.wildcam", "--board", "qemu-virt", "--port", port];
        let mut command = laptop.dir.wildcam(&arguments);
        command.env("WILDCAM_PACK_KEY", key);
        laptop.dir.run_within(crate::boards::LIMIT, command)
    };
    let refused = flash("a.flash", "another passphrase").expect_code(2);
    assert!(refused.stderr.contains("not the kit's"), "{}", refused.stderr);
    for (port, name) in [("a.flash", "ridge-1"), ("b.flash", "ridge-2"), ("a.flash", "ridge-1")] {
        flash(port, KEY).expect_code(0);
        let bytes = fs::read(laptop.dir.project().join(port)).unwrap();
        assert_holds(&bytes, &firmware, BOARD);
        assert_eq!(identity_in(&bytes, BOARD).unwrap().0.camera, camera(name));
    }
    let none = flash("c.flash", KEY).expect_code(2);
    assert!(none.stderr.contains("no camera is left"), "{}", none.stderr);
    let waiting = fs::read_to_string(laptop.dir.project().join(".wildcam/registrations.jsonl")).unwrap();
    assert!(waiting.contains("ridge-1") && waiting.contains("ridge-2"), "{waiting}");
}
