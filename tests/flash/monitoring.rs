//! What boards say: an expected text, a port that comes back, addresses as functions.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use crate::{
    boards::{BAUD, LIMIT},
    relay::Relay,
    support::TestDir,
};

/// A board that says what it is told to; the first byte from the program opens the line to it.
struct Speaker {
    listener: TcpListener,
    relay: Relay,
    port: PathBuf,
}

impl Speaker {
    fn new(dir: &TestDir, number: u8) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = dir.project().join(format!("port-{number}"));
        let relay = Relay::lay(&port, listener.local_addr().unwrap(), BAUD).unwrap();
        Self { listener, relay, port }
    }

    /// The line to the program; what it sends is thrown away.
    fn speak(&self) -> TcpStream {
        self.relay.call();
        let (stream, _) = self.listener.accept().unwrap();
        let mut from = stream.try_clone().unwrap();
        thread::spawn(move || {
            let mut bytes = [0; 256];
            while from.read(&mut bytes).is_ok_and(|length| length > 0) {}
        });
        stream
    }
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn every_board_must_say_the_expected_text() {
    let dir = TestDir::new();
    let speakers = [Speaker::new(&dir, 1), Speaker::new(&dir, 2)];
    let mut command = dir.wildcam(&["monitor", "--expect", "link up", "--timeout", "60s"]);
    for speaker in &speakers {
        command.arg("--port").arg(&speaker.port);
    }
    let running = dir.start(command);
    wait_for("listening", || running.stderr().matches("listening").count() == 2);
    let mut streams: Vec<TcpStream> = speakers.iter().map(Speaker::speak).collect();
    streams[0].write_all(b"boot\r\n\x1b[32mlink up\x1b[0m\r\n").unwrap();
    wait_for("the first line", || running.stdout().contains("link up"));
    thread::sleep(Duration::from_millis(200));
    streams[1].write_all(b"link up, 3 bars\r\n").unwrap();
    let output = running.finish(LIMIT).expect_code(0);
    assert!(output.stdout.contains("port-1: link up\n") && output.stdout.contains("port-2: link up, 3 bars"));
}

#[test]
fn a_text_that_is_not_said_in_time_is_a_no() {
    let dir = TestDir::new();
    let speaker = Speaker::new(&dir, 1);
    let port = speaker.port.to_str().unwrap();
    let output = dir.run(&["monitor", "--port", port, "--expect", "link up", "--timeout", "300ms"]).expect_code(3);
    assert!(output.stderr.contains("was not said in time"), "{}", output.stderr);
    dir.run(&["monitor", "--port", port, "--timeout", "300ms"]).expect_code(0);
}

#[test]
fn a_port_that_comes_back_is_heard_again_and_addresses_are_told() {
    let dir = TestDir::new();
    let mut speaker = Speaker::new(&dir, 1);
    // The program itself is an ELF file with functions.
    let elf = env!("CARGO_BIN_EXE_wildcam");
    let port = speaker.port.to_str().unwrap().to_owned();
    let arguments = ["monitor", "--json", "--port", &port, "--elf", elf, "--expect", "again", "--timeout", "60s"];
    let running = dir.start(dir.wildcam(&arguments));
    wait_for("listening", || running.stdout().contains("\"connected\":true"));
    let mut stream = speaker.speak();
    let address = an_address(&fs::read(elf).unwrap());
    stream.write_all(format!("panic at {address:#010x}\n").as_bytes()).unwrap();
    wait_for("the panic", || running.stdout().contains("panic at"));
    let place = speaker.port.clone();
    let board = speaker.listener.local_addr().unwrap();
    drop(stream);
    drop(speaker.relay);
    wait_for("gone", || running.stdout().contains("\"connected\":false"));
    speaker.relay = Relay::lay(&place, board, BAUD).unwrap();
    wait_for("back", || running.stdout().matches("\"connected\":true").count() == 2);
    let mut stream = speaker.speak();
    stream.write_all(b"again\n").unwrap();
    let output = running.finish(LIMIT).expect_code(0);
    let line =
        output.json_lines().into_iter().find(|line| line["text"].as_str().is_some_and(|text| text.contains("panic")));
    let frames = line.unwrap()["frames"].clone();
    assert_eq!(frames[0]["address"], address, "{frames}");
    assert!(frames[0]["function"].as_str().is_some_and(|name| name.contains("wildcam")), "{frames}");
}

/// The address of a function of ours with seven or eight digits, as chips have them.
fn an_address(elf: &[u8]) -> u64 {
    use object::{Object as _, ObjectSymbol as _, SymbolKind};
    let file = object::File::parse(elf).unwrap();
    let symbols = file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0);
    let ours = symbols.filter(|symbol| symbol.name().is_ok_and(|name| name.contains("wildcam")));
    ours.map(|symbol| symbol.address()).find(|address| (0x10_0000..=0xffff_ffff).contains(address)).unwrap()
}
