//! A network on virtual time for tests: endpoints that serve, refuse or fall silent, and answer from a script.

use std::{
    boxed::Box,
    cell::{Cell, RefCell},
    collections::VecDeque,
    format,
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    string::{String, ToString},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    vec,
    vec::Vec,
};

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};

use super::{Dial, Rng, Timer};
use crate::{
    cose::{Endpoint, Endpoints},
    wire::clipped,
};

/// Virtual time. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct World(Rc<(Cell<u64>, Cell<Option<u64>>)>);

impl World {
    fn wake_at(&self, at: u64) {
        let (now, next) = &*self.0;
        if at > now.get() {
            next.set(Some(next.get().map_or(at, |earlier| earlier.min(at))));
        }
    }

    pub(crate) fn advance(&self, ms: u64) {
        self.0.0.set(self.0.0.get() + ms);
    }

    /// Polls `future`, and each time nothing can go on sets the time to the next moment at which something can.
    pub(crate) fn run<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let yielded = Arc::new(Yielded::default());
        let waker = Waker::from(yielded.clone());
        let mut context = Context::from_waker(&waker);
        loop {
            self.0.1.set(None);
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
            // It only gave others their turn.
            if yielded.0.swap(false, Ordering::Relaxed) {
                continue;
            }
            self.0.0.set(self.0.1.get().expect("the future waits for nothing that can happen"));
        }
    }
}

/// Whether a future woke itself.
#[derive(Default)]
struct Yielded(AtomicBool);

impl Wake for Yielded {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Timer for World {
    fn now_ms(&self) -> u64 {
        self.0.0.get()
    }

    async fn sleep_ms(&self, ms: u64) {
        let until = self.now_ms().saturating_add(ms);
        poll_fn(|_| {
            self.wake_at(until);
            if self.now_ms() >= until { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// A small generator (xorshift), the same on every run.
#[derive(Clone)]
pub(crate) struct Dice(pub(crate) u32);

impl Rng for Dice {
    fn next_u32(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }
}

/// What an endpoint does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Up,
    Refuse,
    /// Silent before the connection is usable.
    SilentBefore,
    /// Usable, then silent.
    SilentAfter,
    /// Answers, and hangs up before the answer is whole.
    CutAnswer,
}

/// A request as the peer read it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) endpoint: usize,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What the peer sends back.
pub(crate) fn reply(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} x\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    [text.as_bytes(), body].concat()
}

/// Bytes that the peer sends back, and how.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) bytes: Vec<u8>,
    /// Hangs up after them.
    pub(crate) closes: bool,
    /// How many come at once.
    pub(crate) step: usize,
    /// Time between those.
    pub(crate) pace_ms: u64,
}

impl From<Vec<u8>> for Reply {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, closes: false, step: 100, pace_ms: 0 }
    }
}

type Handler = Box<dyn FnMut(&Seen) -> Reply>;

struct Inner {
    world: World,
    modes: RefCell<Vec<Mode>>,
    dial_ms: Cell<u64>,
    answer_ms: Cell<u64>,
    handler: RefCell<Handler>,
    seen: RefCell<Vec<Seen>>,
    dials: RefCell<Vec<(usize, u64)>>,
    /// Connections from before the last hang-up are closed.
    age: Cell<u32>,
}

/// The network. Clones share it.
#[derive(Clone)]
pub(crate) struct Net(Rc<Inner>);

const FIRST_PORT: u16 = 8000;

/// A list of `weights.len()` endpoints.
pub(crate) fn list(weights: &[u16]) -> Endpoints {
    let endpoint = |(n, &weight): (usize, &u16)| Endpoint {
        name: clipped(&format!("cloud-{n}")),
        host: clipped("127.0.0.1"),
        port: FIRST_PORT + n as u16,
        weight,
        server_name: clipped("api.wildcam.test"),
    };
    Endpoints(weights.iter().enumerate().map(endpoint).collect())
}

impl Net {
    pub(crate) fn new<A: Into<Reply>>(
        world: &World,
        modes: &[Mode],
        mut handler: impl FnMut(&Seen) -> A + 'static,
    ) -> Self {
        Self(Rc::new(Inner {
            world: world.clone(),
            modes: RefCell::new(modes.to_vec()),
            dial_ms: Cell::new(40),
            answer_ms: Cell::new(20),
            handler: RefCell::new(Box::new(move |seen| handler(seen).into())),
            seen: RefCell::default(),
            dials: RefCell::default(),
            age: Cell::default(),
        }))
    }

    pub(crate) fn set(&self, endpoint: usize, mode: Mode) {
        self.0.modes.borrow_mut()[endpoint] = mode;
    }

    /// Closes every connection, as a server does with idle ones.
    pub(crate) fn hang_up(&self) {
        self.0.age.set(self.0.age.get() + 1);
    }

    /// How long a gateway takes to answer.
    pub(crate) fn set_answer_ms(&self, ms: u64) {
        self.0.answer_ms.set(ms);
    }

    fn mode(&self, endpoint: usize) -> Mode {
        self.0.modes.borrow()[endpoint]
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.0.seen.borrow().clone()
    }

    /// Which endpoint was dialled when.
    pub(crate) fn dials(&self) -> Vec<(usize, u64)> {
        self.0.dials.borrow().clone()
    }
}

impl Dial for Net {
    type Connection = Wire;
    type Error = ErrorKind;

    async fn dial(&self, endpoint: &Endpoint) -> Result<Wire, ErrorKind> {
        let index = usize::from(endpoint.port - FIRST_PORT);
        self.0.dials.borrow_mut().push((index, self.0.world.now_ms()));
        match self.mode(index) {
            Mode::Refuse => Err(ErrorKind::ConnectionRefused),
            Mode::SilentBefore => std::future::pending().await,
            Mode::Up | Mode::SilentAfter | Mode::CutAnswer => {
                self.0.world.sleep_ms(self.0.dial_ms.get()).await;
                Ok(Wire {
                    net: self.clone(),
                    index,
                    request: vec![],
                    answer: VecDeque::new(),
                    ready_ms: 0,
                    cut: false,
                    step: 1,
                    pace_ms: 0,
                    age: self.0.age.get(),
                })
            }
        }
    }
}

/// One connection to a peer.
pub(crate) struct Wire {
    net: Net,
    index: usize,
    request: Vec<u8>,
    answer: VecDeque<u8>,
    ready_ms: u64,
    cut: bool,
    step: usize,
    pace_ms: u64,
    age: u32,
}

impl ErrorType for Wire {
    type Error = ErrorKind;
}

impl Wire {
    fn serve(&mut self) {
        let Some(head_end) = self.request.windows(4).position(|four| four == b"\r\n\r\n") else { return };
        let head = String::from_utf8(self.request[..head_end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let first: Vec<&str> = lines.next().unwrap().split(' ').collect();
        let headers: Vec<(String, String)> =
            lines.map(|line| line.split_once(": ").unwrap()).map(|(n, v)| (n.to_string(), v.to_string())).collect();
        let length = headers.iter().find(|(n, _)| n == "Content-Length").map_or(0, |(_, v)| v.parse().unwrap());
        if self.request.len() < head_end + 4 + length {
            return;
        }
        let body = self.request[head_end + 4..head_end + 4 + length].to_vec();
        self.request.drain(..head_end + 4 + length);
        let seen =
            Seen { endpoint: self.index, method: first[0].to_string(), target: first[1].to_string(), headers, body };
        let Reply { bytes: answer, closes, step, pace_ms } = (self.net.0.handler.borrow_mut())(&seen);
        self.net.0.seen.borrow_mut().push(seen);
        let halved = self.net.mode(self.index) == Mode::CutAnswer;
        let length = if halved { answer.len() / 2 } else { answer.len() };
        self.answer.extend(&answer[..length]);
        (self.cut, self.step, self.pace_ms) = (closes || halved, step, pace_ms);
        self.ready_ms = self.net.0.world.now_ms() + self.net.0.answer_ms.get();
    }
}

impl Read for Wire {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        poll_fn(|_| match self.net.mode(self.index) {
            Mode::Refuse => Poll::Ready(Err(ErrorKind::ConnectionReset)),
            Mode::SilentBefore | Mode::SilentAfter => Poll::Pending,
            Mode::Up | Mode::CutAnswer => {
                if self.age != self.net.0.age.get() || (self.answer.is_empty() && self.cut) {
                    return Poll::Ready(Ok(0));
                }
                self.net.0.world.wake_at(self.ready_ms);
                if self.answer.is_empty() || self.net.0.world.now_ms() < self.ready_ms {
                    return Poll::Pending;
                }
                let n = self.answer.len().min(out.len()).min(self.step);
                for (to, from) in out.iter_mut().zip(self.answer.drain(..n)) {
                    *to = from;
                }
                self.ready_ms += self.pace_ms;
                Poll::Ready(Ok(n))
            }
        })
        .await
    }
}

impl Write for Wire {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        match self.net.mode(self.index) {
            Mode::Refuse => return Err(ErrorKind::ConnectionReset),
            Mode::SilentBefore | Mode::SilentAfter => {}
            _ if self.age != self.net.0.age.get() => {}
            Mode::Up | Mode::CutAnswer => {
                self.request.extend_from_slice(bytes);
                self.serve();
            }
        }
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}
