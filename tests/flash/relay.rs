//! A serial line between a program and a board: a pseudo-terminal in front, TCP behind, as fast as a given baud rate, counted
//! byte by byte, and broken on order. tests/flash and the bench share it.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    os::fd::{AsFd as _, OwnedFd},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{OptionalActions, tcgetattr, tcsetattr},
};

/// No limit is set.
const NEVER: u64 = u64::MAX;

/// How an answer with an MD5 begins: the end of a packet (SLIP), an answer, to SPI_FLASH_MD5, with 18 bytes.
const DIGEST: [u8; 5] = [0xc0, 0x01, 0x13, 18, 0];

/// How much is carried at once: what a pseudo-terminal holds.
const CHUNK_BYTES: usize = 4096;

/// Orders to a relay, and what it counted.
#[derive(Debug)]
pub struct Line {
    sent: AtomicU64,
    vanish_at: AtomicU64,
    corrupt_at: AtomicU64,
    corrupt_times: AtomicU64,
    stop: AtomicBool,
    call: AtomicBool,
    vanished: AtomicBool,
    vanish_with_board: AtomicBool,
    clip_digests: AtomicU64,
    bits_per_second: AtomicU64,
}

/// A relay that runs.
pub struct Relay {
    line: Arc<Line>,
    path: PathBuf,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Lays a line from `path` (a link to a pseudo-terminal) to the board that listens at `board`.
    pub fn lay(path: &Path, board: SocketAddr, baud: u32) -> io::Result<Self> {
        let line = Arc::new(Line {
            sent: AtomicU64::new(0),
            vanish_at: AtomicU64::new(NEVER),
            corrupt_at: AtomicU64::new(NEVER),
            corrupt_times: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            call: AtomicBool::new(false),
            vanished: AtomicBool::new(false),
            vanish_with_board: AtomicBool::new(false),
            clip_digests: AtomicU64::new(0),
            bits_per_second: AtomicU64::new(baud.into()),
        });
        let master = plug(path)?;
        let (carried, place) = (Arc::clone(&line), path.to_owned());
        let thread = thread::spawn(move || carry(&master, &place, board, &carried));
        Ok(Self { line, path: path.to_owned(), thread: Some(thread) })
    }

    /// How many bytes the program has sent to the board.
    pub fn sent(&self) -> u64 {
        self.line.sent.load(Ordering::SeqCst)
    }

    /// The port goes away, as when the plug is pulled, when this many more bytes have been sent.
    pub fn vanish_after(&self, bytes: u64) {
        self.line.vanish_at.store(self.sent() + bytes, Ordering::SeqCst);
    }

    /// The port goes away when the board ends the connection, as when its power fails and the port is its own.
    pub fn vanish_with_board(&self) {
        self.line.vanish_with_board.store(true, Ordering::SeqCst);
    }

    /// From this many more bytes on, a bit is turned over in each of the next `times` pieces that are carried.
    pub fn corrupt_after(&self, bytes: u64, times: u64) {
        self.line.corrupt_times.store(times, Ordering::SeqCst);
        self.line.corrupt_at.store(self.sent() + bytes, Ordering::SeqCst);
    }

    /// Each of the next answers that a board gives with an MD5 ends before the MD5, though it says how long it should be.
    pub fn clip_digests(&self, times: u64) {
        self.line.clip_digests.store(times, Ordering::SeqCst);
    }

    /// How many of those answers are still to come.
    pub fn digests_to_clip(&self) -> u64 {
        self.line.clip_digests.load(Ordering::SeqCst)
    }

    /// Connects to the board now, not at the first byte for it: for boards that speak first.
    pub fn call(&self) {
        self.line.call.store(true, Ordering::SeqCst);
    }

    /// Whether the port is still there.
    pub fn is_plugged(&self) -> bool {
        self.path.exists()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.line.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        // After the port has gone, another may have been plugged in under its name.
        if !self.line.vanished.load(Ordering::SeqCst) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A pseudo-terminal that is raw from the start, and the link to it.
pub fn plug(path: &Path) -> io::Result<OwnedFd> {
    // A process that is started meanwhile must not keep the port alive.
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    rustix::fs::fcntl_setfl(&master, OFlags::NONBLOCK)?;
    let name = ptsname(&master, Vec::new())?;
    let slave = rustix::fs::open(&*name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    let mut settings = tcgetattr(&slave)?;
    settings.make_raw();
    tcsetattr(&slave, OptionalActions::Now, &settings)?;
    let _ = fs::remove_file(path);
    std::os::unix::fs::symlink(name.to_string_lossy().as_ref(), path)?;
    Ok(master)
}

/// Sleeps so that bytes go no faster than the rate.
struct Pace {
    next: Instant,
}

impl Pace {
    fn carried(&mut self, bytes: usize, bits_per_second: u64) {
        // 8N1: ten bits a byte.
        let took = Duration::from_nanos(bytes as u64 * 10 * 1_000_000_000 / bits_per_second.max(1));
        let now = Instant::now();
        self.next = self.next.max(now) + took;
        thread::sleep(self.next.saturating_duration_since(now));
    }
}

/// Carries both ways until the end.
fn carry(master: &OwnedFd, path: &Path, board: SocketAddr, line: &Arc<Line>) {
    let mut session: Option<Session> = None;
    let mut pace = Pace { next: Instant::now() };
    let mut bytes = [0; CHUNK_BYTES];
    while !line.stop.load(Ordering::SeqCst) {
        let mut wait = [PollFd::new(master, PollFlags::IN)];
        let ready = poll(&mut wait, Some(&Timespec { tv_sec: 0, tv_nsec: 20_000_000 })).unwrap_or(0);
        if line.call.swap(false, Ordering::SeqCst) {
            session = Session::begin(master, board, line);
        }
        let ended = session.as_ref().is_some_and(Session::is_over);
        if ended && line.vanish_with_board.load(Ordering::SeqCst) {
            let _ = fs::remove_file(path);
            line.vanished.store(true, Ordering::SeqCst);
            return;
        }
        if ready == 0 {
            continue;
        }
        let length = match rustix::io::read(master, &mut bytes) {
            Ok(length) if length > 0 => length,
            // Nobody has the port open: the board is reset, as by the control lines of a real one.
            _ => {
                session = None;
                thread::sleep(Duration::from_millis(5));
                continue;
            }
        };
        let before = line.sent.fetch_add(length as u64, Ordering::SeqCst);
        if before + length as u64 > line.vanish_at.load(Ordering::SeqCst) {
            let _ = fs::remove_file(path);
            line.vanished.store(true, Ordering::SeqCst);
            return;
        }
        let at = line.corrupt_at.load(Ordering::SeqCst);
        if before >= at && line.corrupt_times.load(Ordering::SeqCst) > 0 {
            line.corrupt_times.fetch_sub(1, Ordering::SeqCst);
            bytes[length / 2] ^= 0x10;
        }
        if session.as_ref().is_none_or(Session::is_over) {
            session = Session::begin(master, board, line);
        }
        pace.carried(length, line.bits_per_second.load(Ordering::SeqCst));
        if session.as_mut().is_some_and(|session| session.board.write_all(&bytes[..length]).is_err()) {
            session = None;
        }
    }
}

/// Writes to the program; what it does not read within a while is lost, as on a real line.
fn tell(program: &OwnedFd, bytes: &[u8]) {
    let (mut rest, mut waited) = (bytes, 0);
    while !rest.is_empty() && waited < 1000 {
        match rustix::io::write(program, rest) {
            Ok(written) => rest = &rest[written..],
            Err(rustix::io::Errno::AGAIN) => {
                thread::sleep(Duration::from_millis(2));
                waited += 1;
            }
            Err(_) => return,
        }
    }
}

/// A connection to the board, and the thread that carries its answers.
struct Session {
    board: TcpStream,
    over: Arc<AtomicBool>,
    answers: Option<JoinHandle<()>>,
}

impl Session {
    fn begin(master: &OwnedFd, address: SocketAddr, line: &Arc<Line>) -> Option<Self> {
        let board = TcpStream::connect(address).ok()?;
        board.set_nodelay(true).ok()?;
        let (mut from, to) = (board.try_clone().ok()?, master.as_fd().try_clone_to_owned().ok()?);
        let over = Arc::new(AtomicBool::new(false));
        let (ended, line) = (Arc::clone(&over), Arc::clone(line));
        let answers = thread::spawn(move || {
            let mut pace = Pace { next: Instant::now() };
            let mut bytes = [0; CHUNK_BYTES];
            while let Ok(mut length @ 1..) = from.read(&mut bytes) {
                if bytes[..length].starts_with(&DIGEST) && line.clip_digests.load(Ordering::SeqCst) > 0 {
                    line.clip_digests.fetch_sub(1, Ordering::SeqCst);
                    // The value and a status of zeros follow, then the end of the packet.
                    length = DIGEST.len() + 8;
                    bytes[DIGEST.len()..length].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0xc0]);
                }
                pace.carried(length, line.bits_per_second.load(Ordering::SeqCst));
                tell(&to, &bytes[..length]);
            }
            ended.store(true, Ordering::SeqCst);
        });
        Some(Self { board, over, answers: Some(answers) })
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.board.shutdown(std::net::Shutdown::Both);
        if let Some(answers) = self.answers.take() {
            let _ = answers.join();
        }
    }
}
