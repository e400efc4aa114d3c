//! Boards on serial lines, a project that they belong to, and firmware for them.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use wildcam::{
    board::{Board, flash::Held},
    clock::Clock,
    journal::atomic::write_private,
    lab::authority::Authority,
    release::generate_key,
};
use wildcam_core::{
    identity::{self, MAX_RECORD, Record},
    wire::CameraId,
};

use crate::{
    firmware::full_image,
    relay::Relay,
    support::{Output, Running, TestDir, peers},
};

/// The rate that boards are flashed at.
pub(crate) const BAUD: u32 = 921_600;

/// Longer than any flash takes on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(180);

/// A test's folder with a project in it.
pub(crate) struct Field {
    pub(crate) dir: TestDir,
}

/// A board on a serial line.
pub(crate) struct MockBoard {
    pub(crate) mac: String,
    pub(crate) port: PathBuf,
    pub(crate) flash: PathBuf,
    /// What is burnt, for chips with the eFuse controller of mock_efuses.py; its log and orders lie beside it.
    pub(crate) efuses: PathBuf,
    pub(crate) relay: Relay,
    address: SocketAddr,
    _process: Running,
}

impl Field {
    /// A project with a key, an authority, and addresses of gateways.
    pub(crate) fn new() -> Self {
        let dir = TestDir::new();
        let place = dir.project();
        fs::write(
            place.join("wildcam.toml"),
            "[project]\nname = \"owls\"\n[clouds.a]\nprovider = \"custom\"\nstore = { path = \"stores/a\" }\n\
             [gateway]\ncopies = 1\npublic_urls = { a = \"https://localhost:8443\" }\n\
             [fleet]\nonline_key = \"file:online.key\"\n",
        )
        .unwrap();
        write_private(&place.join("online.key"), generate_key().unwrap().as_bytes()).unwrap();
        let authority = Authority::create("field", &Clock::system()).unwrap();
        fs::write(place.join("authority.pem"), authority.pem()).unwrap();
        Self { dir }
    }

    /// A board of this chip whose address ends with `number`; `None` when the peer is missing.
    pub(crate) fn board(&self, chip: &str, number: u8) -> Option<MockBoard> {
        let program = peers::require("esp32-mock-bootloader")?;
        let python = program.with_file_name("python");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flash/mock_board.py");
        let mac = format!("24:0a:c4:00:00:{number:02x}");
        let place = self.dir.project();
        let file = |end: &str| place.join(format!("board-{number}.{end}"));
        let (flash, told, efuses) = (file("nor"), file("tcp"), file("efuses"));
        let mut command = self.dir.command(python);
        command.arg(script).args([chip, &mac]).arg(&flash).arg(&told).arg(&efuses);
        let process = self.dir.start(command);
        let begun = Instant::now();
        let tcp: u16 = loop {
            let text = fs::read_to_string(&told).unwrap_or_default();
            if let Ok(port) = text.parse() {
                break port;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "no board: {}", process.stderr());
            thread::sleep(Duration::from_millis(20));
        };
        let address = SocketAddr::from(([127, 0, 0, 1], tcp));
        let port = place.join(format!("port-{number}"));
        let relay = Relay::lay(&port, address, BAUD).unwrap();
        Some(MockBoard { mac, port, flash, efuses, relay, address, _process: process })
    }

    /// Writes firmware for a board as `wildcam build` would, and returns the bytes.
    pub(crate) fn build(&self, board: Board, seed: u64) -> Vec<u8> {
        let folder = self.dir.project().join("target/firmware");
        fs::create_dir_all(&folder).unwrap();
        let bytes = full_image(board, seed);
        fs::write(folder.join(format!("wildcam-{board}-full.bin")), &bytes).unwrap();
        bytes
    }

    /// `wildcam flash` with the project's authority, on these boards.
    pub(crate) fn flash_command(&self, boards: &[&MockBoard], more: &[&str]) -> std::process::Command {
        let mut command = self.dir.wildcam(&["flash", "--yes", "--json", "--authority", "authority.pem"]);
        for board in boards {
            command.arg("--port").arg(&board.port);
        }
        command.args(more);
        command
    }

    /// As [`Field::flash_command`], run to its end.
    #[track_caller]
    pub(crate) fn flash(&self, boards: &[&MockBoard], more: &[&str]) -> Output {
        self.dir.run_within(LIMIT, self.flash_command(boards, more))
    }
}

impl MockBoard {
    /// The flash as it is.
    pub(crate) fn read(&self) -> Vec<u8> {
        fs::read(&self.flash).unwrap()
    }

    /// The plug is put in again.
    pub(crate) fn plug_in(&mut self) {
        self.relay = Relay::lay(&self.port, self.address, BAUD).unwrap();
    }
}

/// Who a flash says that it is, and the whole record.
pub(crate) fn identity_in(flash: &[u8], board: Board) -> Option<(Held, Vec<u8>)> {
    let region = board.layout().identity;
    let mut sector: [u8; MAX_RECORD] = flash[region.offset as usize..][..MAX_RECORD].try_into().unwrap();
    let record = Record::parse(&mut sector)?;
    let head = record.head().clone();
    let held = Held {
        camera: head.camera,
        public_key: head.public_key,
        sequence: head.sequence,
        sealed: head.form == identity::Form::Sealed,
    };
    Some((held, flash[region.offset as usize..region.end() as usize].to_vec()))
}

/// A camera's name.
pub(crate) fn camera(name: &str) -> CameraId {
    CameraId::new(name).unwrap()
}

/// Asserts that the flash holds every byte of the firmware where the layout has it, but for the parts between.
#[track_caller]
pub(crate) fn assert_holds(flash: &[u8], firmware: &[u8], board: Board) {
    let layout = board.layout();
    for (name, region) in [
        ("bootloader", layout.bootloader),
        ("table", layout.table),
        ("launcher", layout.launcher),
        ("slot-a", layout.slots[0]),
    ] {
        let range = region.offset as usize..(region.end() as usize).min(firmware.len());
        assert!(flash[range.clone()] == firmware[range], "{name} is not what was flashed");
    }
    let journal = &flash[layout.journal.offset as usize..layout.journal.end() as usize];
    assert!(journal.iter().all(|byte| *byte == 0xff), "the boot journal is not empty");
}
