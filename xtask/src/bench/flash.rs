//! Flashing beside esptool, on the same serial lines of 921,600 baud, to boards of esp32-mock-bootloader.

#[allow(clippy::unwrap_used, unreachable_pub, dead_code, reason = "shared with tests/flash")]
#[path = "../../../tests/flash/firmware.rs"]
mod firmware;
#[allow(unreachable_pub, dead_code, reason = "shared with tests/flash")]
#[path = "../../../tests/flash/relay.rs"]
mod relay;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use relay::Relay;
use wildcam::board::Board;

use super::{Failure, median, peer};
use crate::terminal::say;

const BAUD: u32 = 921_600;
const BOARDS: u8 = 4;
const FLASH_BYTES: usize = 4 << 20;
const BOARD: Board = Board::Esp32C3;

/// A board, which ends with the bench.
struct Mock {
    process: Child,
    flash: PathBuf,
    port: PathBuf,
    relay: Relay,
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Mock {
    fn start(folder: &Path, number: u8) -> Result<Self, Failure> {
        let script = std::path::absolute("tests/flash/mock_board.py")?;
        let file = |end: &str| folder.join(format!("{number}.{end}"));
        let (flash, told, efuses) = (file("nor"), file("tcp"), file("efuses"));
        let mut command = Command::new(peer("esp32-mock-bootloader", "python")?);
        command
            .arg(script)
            .args(["esp32c3", &format!("24:0a:c4:00:00:{number:02x}")])
            .arg(&flash)
            .arg(&told)
            .arg(&efuses);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).env("HOME", folder).spawn()?;
        let begun = Instant::now();
        let tcp: u16 = loop {
            if let Ok(port) = fs::read_to_string(&told).unwrap_or_default().parse() {
                break port;
            }
            if begun.elapsed() > Duration::from_secs(60) {
                return Err("a board did not start".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let port = folder.join(format!("port-{number}"));
        let relay = Relay::lay(&port, SocketAddr::from(([127, 0, 0, 1], tcp)), BAUD)?;
        Ok(Self { process, flash, port, relay })
    }

    /// Makes the flash as new. The board has the file mapped, so it is written into and not replaced.
    fn erase(&self) -> Result<(), Failure> {
        use std::io::Write as _;
        fs::OpenOptions::new().write(true).open(&self.flash)?.write_all(&vec![0xff; FLASH_BYTES])?;
        Ok(())
    }
}

/// What a run took and sent.
struct Cost {
    seconds: f64,
    bytes: u64,
}

fn measure(boards: &[Mock], commands: Vec<Command>) -> Result<Cost, Failure> {
    let sent = || boards.iter().map(|board| board.relay.sent()).sum::<u64>();
    let (before, begun) = (sent(), Instant::now());
    let started: Result<Vec<_>, _> =
        commands.into_iter().map(|mut command| command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()).collect();
    for child in started? {
        let output = child.wait_with_output()?;
        if !output.status.success() {
            return Err(format!("a flash failed: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
    }
    Ok(Cost { seconds: begun.elapsed().as_secs_f64(), bytes: sent() - before })
}

/// One board and four, new and unchanged, each with wildcam and with esptool.
pub(super) fn run(binary: &Path, runs: usize) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let image = folder.path().join("wildcam-esp32c3-full.bin");
    fs::write(&image, firmware::full_image(BOARD, 1))?;
    let boards: Vec<Mock> = (1..=BOARDS).map(|number| Mock::start(folder.path(), number)).collect::<Result<_, _>>()?;
    let wildcam = |boards: &[Mock]| {
        let mut command = Command::new(binary);
        command.args(["flash", "--yes", "--quiet", "--firmware-only", "--firmware"]).arg(&image);
        command.arg("--project").arg(folder.path());
        for board in boards {
            command.arg("--port").arg(&board.port);
        }
        vec![command]
    };
    let program = peer("esptool", "esptool")?;
    let esptool = |boards: &[Mock], more: &[&str]| {
        let command = |board: &Mock| {
            let mut command = Command::new(&program);
            command.args(["--chip", "esp32c3", "--baud", "921600", "--port"]).arg(&board.port);
            command.args(["--before", "no-reset", "--after", "no-reset", "write-flash"]).args(more).arg("0x0");
            command.arg(&image).env("HOME", folder.path());
            command
        };
        boards.iter().map(command).collect::<Vec<_>>()
    };
    let (one, four) = (&boards[..1], &boards[..]);
    let mut ratios = Vec::new();
    for round in 1..=runs {
        let fresh = |boards: &[Mock]| boards.iter().try_for_each(Mock::erase);
        fresh(four)?;
        let alone = measure(one, wildcam(one))?;
        fresh(four)?;
        let together = measure(four, wildcam(four))?;
        let unchanged = measure(one, wildcam(one))?;
        fresh(four)?;
        let their_alone = measure(one, esptool(one, &[]))?;
        let their_together = measure(four, esptool(four, &[]))?;
        let their_unchanged = measure(one, esptool(one, &[]))?;
        let their_skipping = measure(one, esptool(one, &["--skip-flashed"]))?;
        let show = |what: &str, ours: &Cost, theirs: &Cost| {
            say(&format!(
                "round {round}: {what}: wildcam {:.2} s and {} bytes, esptool {:.2} s and {} bytes",
                ours.seconds, ours.bytes, theirs.seconds, theirs.bytes
            ));
        };
        show("one new board", &alone, &their_alone);
        show("four boards at once", &together, &their_together);
        show("one unchanged board", &unchanged, &their_unchanged);
        show("one unchanged board, --skip-flashed", &unchanged, &their_skipping);
        ratios.push(together.seconds / alone.seconds);
    }
    say(&format!("median: four boards take {:.2} times as long as one (below 1.50 wanted)", median(&mut ratios)));
    Ok(())
}
