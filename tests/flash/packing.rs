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

#[test]
fn keys_that_waited_are_registered_when_there_is_a_gateway() {
    let field = Field::new();
    let place = field.dir.project();
    // Without a wildcam.toml the lab is the project: its key, its authority, its endpoint list.
    for file in ["wildcam.toml", "online.key", "authority.pem"] {
        fs::remove_file(place.join(file)).unwrap();
    }
    field.build(BOARD, 1);
    field.dir.run_within(crate::boards::LIMIT, field.dir.wildcam(&["lab", "up", "--cameras", "0"])).expect_code(0);
    let flash = ["flash", "--yes", "--board", "qemu-virt", "--port", "cam.flash", "--name", "ridge-1"];
    field.dir.run(&flash).expect_code(0);
    let status = field.dir.run(&["lab", "status", "--json"]).expect_code(0);
    let port = &status.json_lines()[0]["layout"]["clouds"][0]["gateways"][0]["port"];
    fs::write(
        place.join("wildcam.toml"),
        format!(
            "[project]\nname = \"owls\"\n[clouds.a]\nprovider = \"custom\"\nstore = {{ path = \"stores/a\" }}\n\
             [gateway]\ncopies = 1\npublic_urls = {{ a = \"https://localhost:{port}\" }}\n\
             [fleet]\nonline_key = \"file:.wildcam/lab/online.pem\"\n"
        ),
    )
    .unwrap();
    let register = ["flash", "--register", "--authority", ".wildcam/lab/authority.pem", "--json"];
    let registered = field.dir.run(&register).expect_code(0);
    let key = registered.json_lines()[0]["public_key"].as_str().unwrap().to_owned();
    let (held, _) = identity_in(&fs::read(place.join("cam.flash")).unwrap(), BOARD).unwrap();
    assert_eq!(key, held.public_key.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let again = field.dir.run(&register).expect_code(0);
    assert!(again.stdout.is_empty(), "it was sent twice: {}", again.stdout);
    fs::remove_file(place.join("wildcam.toml")).unwrap();
    field.dir.run(&["lab", "down"]).expect_code(0);
}
