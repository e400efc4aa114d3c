//! A camera that keeps its identity is told another network, group or authority, or the user is told why not.

use std::fs;

use wildcam::{
    board::{Board, pack},
    clock::Random,
    project::Secret,
};
use wildcam_core::{
    checksum::Crc32,
    identity::{MAX_RECORD, Record},
};

use crate::{boards::Field, support::Output};

const BOARD: Board = Board::QemuVirt;
const KEY: &str = "correct horse battery";

fn run(field: &Field, command: &str, port: Option<&str>, more: &[&str]) -> Output {
    let mut process = field.dir.wildcam(&[command, "--board", "qemu-virt"]);
    if let Some(port) = port {
        process.args(["--yes", "--json", "--port", port]);
    }
    process.args(more).env("WILDCAM_PACK_KEY", KEY).env("CAMP", "hunter2hunter2").env("VALLEY", "another passphrase");
    field.dir.run_within(crate::boards::LIMIT, process)
}

fn flash(field: &Field, more: &[&str]) -> Output {
    run(field, "flash", Some("cam.flash"), more)
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    key: [u8; 32],
    card_key: [u8; 32],
    camera: String,
    token: String,
    wifi: Option<(String, String)>,
    group: String,
    set_at_ms: u64,
    sequence: u32,
}

/// What the camera will read: the newest of its two records.
fn told(field: &Field, port: &str) -> Told {
    let flash = fs::read(field.dir.project().join(port)).unwrap();
    let region = BOARD.layout().identity;
    let mut region = flash[region.offset as usize..region.end() as usize].to_vec();
    let records = region.chunks_exact_mut(MAX_RECORD).filter_map(|sector| {
        let record = Record::parse(sector)?;
        let sequence = record.head().sequence;
        let identity = record.open(None).ok()?;
        Some(Told {
            key: identity.key,
            card_key: identity.card_key,
            camera: identity.camera.as_str().to_owned(),
            token: identity.token.to_owned(),
            wifi: identity.wifi.map(|wifi| (wifi.ssid.to_owned(), wifi.passphrase.to_owned())),
            group: identity.group.to_owned(),
            set_at_ms: identity.set_at_ms,
            sequence,
        })
    });
    records.max_by_key(|told| told.sequence).unwrap()
}

/// Makes the record of a flash one that only the chip can read.
fn seal(field: &Field) {
    let path = field.dir.project().join("cam.flash");
    let mut flash = fs::read(&path).unwrap();
    let record = &mut flash[BOARD.layout().identity.offset as usize..][..MAX_RECORD];
    record[4] = 1;
    let end = 108 + usize::from(u16::from_le_bytes([record[6], record[7]]));
    let crc = Crc32::of(&record[..end]).to_le_bytes();
    record[end..end + 4].copy_from_slice(&crc);
    assert!(Record::parse(record).is_some());
    fs::write(path, flash).unwrap();
}

const FIRST: [&str; 10] = [
    "--authority",
    "authority.pem",
    "--name",
    "ridge-1",
    "--wifi",
    "camp",
    "--wifi-passphrase",
    "env:CAMP",
    "--group",
    "ridge",
];

#[test]
fn a_reflash_with_another_network_keeps_the_key_and_the_pictures() {
    let field = Field::new();
    field.build(BOARD, 1);
    flash(&field, &FIRST).expect_code(0);
    let path = field.dir.project().join("cam.flash");
    let before = told(&field, "cam.flash");
    let mut used = fs::read(&path).unwrap();
    let picture = BOARD.layout().queue.offset as usize + 5000;
    used[picture] = 0x22;
    fs::write(&path, &used).unwrap();

    // Neither a key to sign with nor an authority is needed for it.
    fs::rename(field.dir.project().join("online.key"), field.dir.project().join("away.key")).unwrap();
    let changed = flash(&field, &["--wifi", "valley", "--wifi-passphrase", "env:VALLEY"]).expect_code(0);
    let after = told(&field, "cam.flash");
    let wifi = Some(("valley".to_owned(), "another passphrase".to_owned()));
    assert!(after.set_at_ms >= before.set_at_ms);
    assert_eq!(after, Told { wifi, sequence: 2, set_at_ms: after.set_at_ms, ..before.clone() });
    assert_eq!(fs::read(&path).unwrap()[picture], 0x22, "a picture is gone");
    let lines = changed.json_lines();
    assert_eq!(
        (&lines[0]["changes"][0], &lines[0]["new_identity"]),
        (&"Wi-Fi changes to valley".into(), &false.into())
    );
    assert!(
        lines[0]["keeps"].to_string().contains("ridge-1") && lines[0]["loses"].as_array().unwrap().is_empty(),
        "{}",
        lines[0]
    );
    assert!(!changed.stdout.contains("another passphrase"), "a secret was told");

    // What it knows already is not written; the name that it has is no other name.
    let same = flash(&field, &["--wifi", "valley", "--wifi-passphrase", "env:VALLEY", "--name", "ridge-1"]);
    assert!(same.expect_code(0).stdout.contains("\"written_bytes\":0"));
    let renamed = flash(&field, &["--name", "ridge-2"]).expect_code(2);
    assert!(renamed.stderr.contains("keeps its name"), "{}", renamed.stderr);

    // A changed line of the roster counts in the same way.
    let cameras = field.dir.project().join("cameras.csv");
    fs::write(&cameras, "name,ssid,passphrase,group\nridge-1,camp,env:CAMP,creek\n").unwrap();
    flash(&field, &["--roster", "cameras.csv"]).expect_code(0);
    let again = told(&field, "cam.flash");
    assert_eq!((again.key, again.wifi, again.group.as_str(), again.sequence), (before.key, before.wifi, "creek", 3));
    let list = fs::read_to_string(field.dir.project().join(".wildcam/cameras.jsonl")).unwrap();
    assert!(list.lines().last().unwrap().contains("\"creek\""), "{list}");
    let mac = &lines[0]["mac"].as_str().unwrap();
    fs::write(&cameras, format!("name,mac\nridge-9,{mac}\n")).unwrap();
    let renamed = flash(&field, &["--roster", "cameras.csv"]).expect_code(2);
    assert!(renamed.stderr.contains("keeps its name"), "{}", renamed.stderr);
}

#[test]
fn flags_that_a_sealed_camera_cannot_be_told_are_refused() {
    let field = Field::new();
    field.build(BOARD, 1);
    flash(&field, &FIRST).expect_code(0);
    seal(&field);
    let path = field.dir.project().join("cam.flash");
    let before = fs::read(&path).unwrap();
    field.build(BOARD, 2);
    for flags in [&["--wifi", "valley"][..], &["--group", "creek"]] {
        let refused = flash(&field, flags).expect_code(2);
        assert!(refused.stderr.contains("cannot be applied"), "{}", refused.stderr);
        assert!(fs::read(&path).unwrap() == before, "something was written");
    }
    // A roster may say what it knows already.
    fs::write(field.dir.project().join("cameras.csv"), "name,group\nridge-1,ridge\n").unwrap();
    let warned = flash(&field, &["--roster", "cameras.csv"]).expect_code(0);
    assert!(warned.stderr.contains("keeps its Wi-Fi"), "{}", warned.stderr);
    let region = BOARD.layout().identity;
    let range = region.offset as usize..region.end() as usize;
    assert!(fs::read(&path).unwrap()[range.clone()] == before[range], "the identity was written");
}

#[test]
fn flags_fill_in_what_a_kit_does_not_say_and_old_tokens_stop_new_cameras_only() {
    let field = Field::new();
    field.build(BOARD, 1);
    let cameras = "name,ssid,passphrase,group\nridge-1,,,\nridge-2,camp,env:CAMP,ridge\nridge-3,,,\n";
    fs::write(field.dir.project().join("cameras.csv"), cameras).unwrap();
    run(&field, "pack", None, &["-o", "kit", "--roster", "cameras.csv", "--authority", "authority.pem"]).expect_code(0);
    let wifi = ["--pack", "kit", "--wifi", "valley", "--wifi-passphrase", "env:VALLEY", "--group", "creek"];
    let valley = Some(("valley".to_owned(), "another passphrase".to_owned()));
    let camp = Some(("camp".to_owned(), "hunter2hunter2".to_owned()));
    for (port, name, network, group) in [("a", "ridge-1", &valley, "creek"), ("b", "ridge-2", &camp, "ridge")] {
        run(&field, "flash", Some(port), &wifi).expect_code(0);
        let told = told(&field, port);
        assert_eq!((told.camera.as_str(), &told.wifi, told.group.as_str()), (name, network, group));
    }

    let path = field.dir.project().join("kit");
    let key = Secret::new(KEY.into());
    let mut kit = pack::open(&fs::read(&path).unwrap(), &key).unwrap();
    kit.until_s = 5;
    fs::write(&path, pack::seal(&kit, &key, &Random::seeded(1)).unwrap()).unwrap();
    run(&field, "flash", Some("a"), &["--pack", "kit"]).expect_code(0);
    run(&field, "flash", Some("c"), &["--pack", "kit", "--firmware-only"]).expect_code(0);
    let expired = run(&field, "flash", Some("c"), &["--pack", "kit"]).expect_code(4);
    assert!(expired.stderr.contains("have expired"), "{}", expired.stderr);
}
