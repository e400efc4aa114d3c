//! Keys that waited: what one gateway or one camera refuses stops no other.

use std::fs;

use wildcam::board::Board;

use crate::boards::{Field, LIMIT};

#[test]
fn a_key_that_is_refused_and_a_gateway_that_is_gone_stop_no_other() {
    let field = Field::new();
    let place = field.dir.project();
    for file in ["wildcam.toml", "online.key", "authority.pem"] {
        fs::remove_file(place.join(file)).unwrap();
    }
    field.build(Board::QemuVirt, 1);
    field.dir.run_within(LIMIT, field.dir.wildcam(&["lab", "up", "--cameras", "0"])).expect_code(0);
    let status = field.dir.run(&["lab", "status", "--json"]).expect_code(0);
    let port = &status.json_lines()[0]["layout"]["clouds"][0]["gateways"][0]["port"];
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    fs::write(
        place.join("wildcam.toml"),
        format!(
            "[project]\nname = \"owls\"\n[clouds.a]\nprovider = \"custom\"\nstore = {{ path = \"stores/a\" }}\n\
             [clouds.b]\nprovider = \"custom\"\nstore = {{ path = \"stores/b\" }}\n[gateway]\ncopies = 1\n\
             public_urls = {{ a = \"https://localhost:{gone}\", b = \"https://localhost:{port}\" }}\n\
             [fleet]\nonline_key = \"file:.wildcam/lab/online.pem\"\n"
        ),
    )
    .unwrap();
    let authority = ["--authority", ".wildcam/lab/authority.pem", "--json"];
    let flash = |file: &str, name: &str| {
        let board = ["flash", "--yes", "--board", "qemu-virt", "--port", file, "--name", name];
        field.dir.run_within(LIMIT, field.dir.wildcam(&[&board[..], &authority].concat())).expect_code(0);
    };
    let register = |more: &[&str]| {
        let mut command = field.dir.wildcam(&[&["flash", "--register"], &authority[..], more].concat());
        command.env("WILDCAM_PACK_KEY", "correct horse battery");
        field.dir.run_within(LIMIT, command)
    };
    flash("a.flash", "ridge-1");
    register(&[]).expect_code(0);

    // A laptop that does not know of it gives the name to another board.
    for list in ["cameras.jsonl", "registrations.jsonl"] {
        fs::remove_file(place.join(".wildcam").join(list)).unwrap();
    }
    flash("b.flash", "ridge-1");
    flash("c.flash", "ridge-2");
    let output = register(&[]).expect_code(1);
    assert!(output.stderr.contains("not registered: ridge-1"), "{}", output.stderr);
    assert!(output.stderr.contains("409"), "{}", output.stderr);
    assert!(output.stdout.contains("\"camera\":\"ridge-2\""), "{}", output.stdout);

    // A kit has tokens for its own cameras only.
    fs::write(place.join("cameras.csv"), "name\nridge-3\n").unwrap();
    let pack = ["pack", "-o", "kit", "--board", "qemu-virt", "--roster", "cameras.csv", authority[0], authority[1]];
    let mut command = field.dir.wildcam(&pack);
    command.env("WILDCAM_PACK_KEY", "correct horse battery");
    field.dir.run_within(LIMIT, command).expect_code(0);
    let output = register(&["--pack", "kit"]).expect_code(0);
    assert!(output.stderr.contains("no token for ridge-1"), "{}", output.stderr);
    fs::remove_file(place.join("wildcam.toml")).unwrap();
    field.dir.run(&["lab", "down"]).expect_code(0);
}
