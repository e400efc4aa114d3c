//! Patches as files.

use std::fs;

use crate::support::TestDir;

/// A file in which every word names a place in it, and another with some bytes more near its beginning.
fn files() -> (Vec<u8>, Vec<u8>) {
    let table = |shift: u32| -> Vec<u8> {
        (0..4000_u32).flat_map(|n| (0x4200_0000 + (n * 7919 % 4000) * 16 + shift).to_le_bytes()).collect()
    };
    let mut new = b"a line more     ".to_vec();
    new.extend(table(16));
    (table(0), new)
}

#[test]
fn a_patch_makes_the_new_file_and_no_other() {
    let dir = TestDir::new();
    let (old, new) = files();
    let path = |name: &str| dir.project().join(name);
    fs::write(path("old.bin"), &old).unwrap();
    fs::write(path("new.bin"), &new).unwrap();
    let made = dir.run(&["release", "diff", "old.bin", "new.bin", "-o", "update.patch"]).expect_code(0);
    assert!(
        made.stdout.starts_with("update.patch: ") && made.stdout.contains("% of the new file's"),
        "{}",
        made.stdout
    );
    let json = dir.run(&["release", "diff", "old.bin", "new.bin", "-o", "again.patch", "--json"]).expect_code(0);
    let line = &json.json_lines()[0];
    assert_eq!((&line["reason"], &line["new_bytes"]), (&"delta".into(), &new.len().into()), "{line}");
    assert!(line["bytes"].as_u64().unwrap() < 2000, "{line}");
    assert_eq!(fs::read(path("update.patch")).unwrap(), fs::read(path("again.patch")).unwrap(), "the same, twice");

    dir.run(&["release", "patch", "old.bin", "update.patch", "-o", "out.bin"]).expect_code(0);
    assert!(fs::read(path("out.bin")).unwrap() == new);

    let refused = dir.run(&["release", "patch", "new.bin", "update.patch", "-o", "no.bin"]).expect_code(4);
    assert!(refused.stderr.contains("the patch is for another file"), "{}", refused.stderr);
    let mut damaged = fs::read(path("update.patch")).unwrap();
    let last = damaged.len() - 20;
    damaged[last] ^= 0x10;
    fs::write(path("damaged.patch"), &damaged).unwrap();
    dir.run(&["release", "patch", "old.bin", "damaged.patch", "-o", "no.bin"]).expect_code(1);
    fs::write(path("cut.patch"), &damaged[..100]).unwrap();
    dir.run(&["release", "patch", "old.bin", "cut.patch", "-o", "no.bin"]).expect_code(1);
    dir.run(&["release", "patch", "old.bin", "old.bin", "-o", "no.bin"]).expect_code(1);
    assert!(!path("no.bin").exists(), "nothing is written of what is not right");
    let missing = dir.run(&["release", "diff", "old.bin", "none.bin", "-o", "x.patch"]).expect_code(2);
    assert!(missing.stderr.contains("none.bin"), "{}", missing.stderr);
}
