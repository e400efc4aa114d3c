//! Keys in the hands of other programs, and of several people.

use std::{fs, process::Command};

use crate::{
    signed::{PASSPHRASE, Project, image},
    support::peers,
};

/// The files of the folder of keys that begin and end so.
fn files(project: &Project, folder: &str, begin: &str, end: &str) -> Vec<String> {
    let names =
        fs::read_dir(project.path(folder)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with(begin) && name.ends_with(end)).collect();
    names.sort();
    names
}

fn output(mut command: Command) -> Vec<u8> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn age_opens_what_is_made_here_and_what_age_made_signs() {
    let Some(age) = peers::require("age") else { return };
    let project = Project::new();
    let age = |arguments: &[&str]| {
        let mut command = project.dir.command(&age);
        // Its plugin for passphrases lies beside it.
        let path = std::env::join_paths([age.parent().unwrap().into(), std::path::PathBuf::from("/usr/bin")]).unwrap();
        command.env("PATH", path).env("AGE_PASSPHRASE", PASSPHRASE).args(arguments);
        command
    };
    project.signing(&["key", "init", "--role", "root"]).expect_code(0);
    let sealed = format!("keys/{}", files(&project, "keys", "root-", ".age")[0]);
    let pem = output(age(&["-d", "-j", "batchpass", &sealed]));
    fs::write(project.path("opened.pem"), &pem).unwrap();
    let mut public = project.dir.command("openssl");
    public.args(["pkey", "-in", "opened.pem", "-pubout"]);
    assert_eq!(output(public), fs::read(project.path(&sealed.replace(".age", ".pub"))).unwrap());

    // The other way round: OpenSSL makes the keys, age seals them.
    for role in ["release", "timestamp"] {
        let mut make = project.dir.command("openssl");
        make.args(["genpkey", "-algorithm", "ed25519", "-out", "made.pem"]);
        output(make);
        let mut public = project.dir.command("openssl");
        public.args(["pkey", "-in", "made.pem", "-pubout", "-out", "made.pub"]);
        output(public);
        project.run(&["key", "init", "--role", role, "--public", "made.pub"]).expect_code(0);
        let sealed = files(&project, "keys", role, ".pub")[0].replace(".pub", ".age");
        output(age(&["-e", "-j", "batchpass", "-o", &format!("keys/{sealed}"), "made.pem"]));
    }
    project.signing(&["key", "init"]).expect_code(0);
    fs::write(project.path("new.bin"), image("1.0.2", 2)).unwrap();
    project.signing(&["release", "sign", "--board", "esp32c3", "new.bin"]).expect_code(0);
    project.run(&["release", "verify"]).expect_code(0);
}

#[cfg(unix)]
#[test]
fn a_program_signs_for_a_key_that_is_not_here() {
    let project = Project::new();
    let mut make = project.dir.command("openssl");
    make.args(["genpkey", "-algorithm", "ed25519", "-out", "hardware.pem"]);
    output(make);
    let mut public = project.dir.command("openssl");
    public.args(["pkey", "-in", "hardware.pem", "-pubout", "-out", "hardware.pub"]);
    output(public);
    fs::write(
        project.path("sign.sh"),
        "cat > text && exec openssl pkeyutl -sign -rawin -inkey hardware.pem -in text\n",
    )
    .unwrap();
    let take = ["key", "init", "--role", "release", "--public", "hardware.pub", "--external", "sh sign.sh"];
    project.run(&take).expect_code(0);
    project.signing(&["key", "init"]).expect_code(0);
    let listed = project.run(&["key", "list"]).expect_code(0);
    assert!(listed.stdout.contains("sh sign.sh"), "{}", listed.stdout);
    fs::write(project.path("new.bin"), image("1.0.2", 2)).unwrap();
    project.signing(&["release", "sign", "--board", "esp32c3", "new.bin"]).expect_code(0);
    project.run(&["release", "verify"]).expect_code(0);
    fs::write(project.path("sign.sh"), "echo the token is locked >&2; exit 1\n").unwrap();
    let refused = project.signing(&["release", "sign", "--board", "esp32c3", "new.bin"]).expect_code(1);
    assert!(refused.stderr.contains("the token is locked"), "{}", refused.stderr);
}

#[test]
fn two_people_sign_a_root_and_stolen_keys_go_in_one() {
    let project = Project::new();
    // The second person makes a key on a machine of their own, here a folder.
    project.signing(&["key", "init", "--role", "root", "--keys", "others"]).expect_code(0);
    let other = format!("others/{}", files(&project, "others", "root-", ".pub")[0]);
    project.run(&["key", "init", "--role", "root", "--public", &other]).expect_code(0);
    let begun = project.signing(&["key", "init", "--root-keys", "2", "--root-threshold", "2"]).expect_code(0);
    assert!(begun.stdout.contains("1.cose.part: 1 more signatures are needed"), "{}", begun.stdout);
    assert!(!project.path("releases/root/1.cose").exists());
    let part = "releases/root/1.cose.part";
    let asked = project.signing(&["key", "sign", part, "--keys", "others"]).expect_code(4);
    assert!(asked.stderr.contains("--yes"), "{}", asked.stderr);
    project.signing(&["key", "sign", part, "--keys", "others", "--yes"]).expect_code(0);
    assert!(project.path("releases/root/1.cose").exists() && !project.path(part).exists());

    fs::write(project.path("new.bin"), image("1.0.2", 2)).unwrap();
    project.signing(&["release", "sign", "--board", "esp32c3", "new.bin"]).expect_code(0);
    let rotated = project.signing(&["key", "rotate", "release"]).expect_code(0);
    assert!(rotated.stderr.contains("its numbers start anew"), "{}", rotated.stderr);
    project.signing(&["key", "sign", "releases/root/2.cose.part", "--keys", "others", "--yes"]).expect_code(0);
    // What the old key signed counts no more, until there is a release by the new one.
    project.run(&["release", "verify"]).expect_code(1);
    project.signing(&["release", "refresh"]).expect_code(2);
    project.signing(&["release", "sign", "--board", "esp32c3", "new.bin"]).expect_code(0);
    let verified = project.run(&["release", "verify", "--json"]).expect_code(0);
    assert_eq!((&verified.json_lines()[0]["root"], &verified.json_lines()[0]["number"]), (&2.into(), &2.into()));
    let listed = project.run(&["key", "list", "--json"]).expect_code(0);
    let old = listed.json_lines().iter().filter(|line| line["has_say"] == false).count();
    assert_eq!(old, 1, "{}", listed.stdout);
}
