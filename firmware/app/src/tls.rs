//! Connections to gateways: TCP, and TLS 1.3 with the authority of the identity pinned.
//!
//! Memory is fixed: one [`Slot`] of buffers for each connection that can be open at once. A record of an answer is at
//! most as long as an answer may be, and the flight of a handshake with one P-256 certificate is about 1.5 KB, so the
//! buffer for records that come in need not hold the 16 KB that TLS allows.

use core::{
    cell::{Cell, UnsafeCell},
    mem::MaybeUninit,
    sync::atomic::{AtomicU32, Ordering},
};

use embassy_net::{IpAddress, Stack, dns::DnsQueryType, tcp::TcpSocket};
use embassy_time::{Duration, Instant};
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use embedded_tls::{Aes128GcmSha256, CryptoProvider, FlushPolicy, TlsConfig, TlsConnection, TlsContext, TlsError};
use rand_chacha::ChaCha20Rng;
use rand_core::CryptoRngCore;
use wildcam_core::{cose::Endpoint, link::Dial, tls::Records};

use crate::{board::Board as _, boards::Chosen, pinned::Pinned, random::Random};

/// Connections at once: as many as a race has lanes.
pub(crate) const CONNECTIONS: usize = 2;

const RECEIVE_BYTES: usize = 2048;
const SEND_BYTES: usize = 4096;
/// A whole answer in one record, and some for its padding.
const RECORD_IN_BYTES: usize = wildcam_core::camera::BUFFER_BYTES + 1024;
/// A buffer of the camera in one record.
const RECORD_OUT_BYTES: usize = wildcam_core::camera::BUFFER_BYTES + embedded_tls::TLS_RECORD_OVERHEAD;
/// After which a peer that says nothing at all is given up by TCP itself.
const SILENCE: Duration = Duration::from_secs(60);

type Tls = TlsConnection<'static, Socket, Aes128GcmSha256>;

/// TCP, ended before the library meets a record that it would panic on.
struct Socket {
    tcp: TcpSocket<'static>,
    records: Records,
}

/// Why a socket gave no bytes, or took none.
#[derive(Debug)]
enum SocketError {
    Tcp(embassy_net::tcp::Error),
    /// The other side sent what is no record of TLS.
    Record,
}

impl core::fmt::Display for SocketError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Tcp(_) => f.write_str("the connection failed"),
            Self::Record => f.write_str("the other side sent no record of TLS"),
        }
    }
}

impl core::error::Error for SocketError {}

impl embedded_io_async::Error for SocketError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Tcp(error) => embedded_io_async::Error::kind(error),
            Self::Record => ErrorKind::InvalidData,
        }
    }
}

impl ErrorType for Socket {
    type Error = SocketError;
}

impl Read for Socket {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, SocketError> {
        let n = self.tcp.read(out).await.map_err(SocketError::Tcp)?;
        if self.records.accept(&out[..n]) { Ok(n) } else { Err(SocketError::Record) }
    }
}

impl Write for Socket {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, SocketError> {
        self.tcp.write(bytes).await.map_err(SocketError::Tcp)
    }

    async fn flush(&mut self) -> Result<(), SocketError> {
        self.tcp.flush().await.map_err(SocketError::Tcp)
    }
}

struct Buffers {
    receive: [u8; RECEIVE_BYTES],
    send: [u8; SEND_BYTES],
    record_in: [u8; RECORD_IN_BYTES],
    record_out: [u8; RECORD_OUT_BYTES],
}

/// The memory of one connection: its buffers, and the connection itself, which is never moved.
pub(crate) struct Slot {
    taken: Cell<bool>,
    buffers: UnsafeCell<Buffers>,
    tls: UnsafeCell<MaybeUninit<Tls>>,
}

impl Slot {
    /// Buffers that no connection has.
    pub(crate) const fn new() -> Self {
        let buffers = Buffers {
            receive: [0; RECEIVE_BYTES],
            send: [0; SEND_BYTES],
            record_in: [0; RECORD_IN_BYTES],
            record_out: [0; RECORD_OUT_BYTES],
        };
        Self { taken: Cell::new(false), buffers: UnsafeCell::new(buffers), tls: UnsafeCell::new(MaybeUninit::uninit()) }
    }
}

/// A slot that belongs to one connection until this is dropped.
struct Lease {
    slot: &'static Slot,
    /// Whether the slot holds a connection.
    filled: bool,
}

impl Lease {
    fn take(slots: &'static [Slot]) -> Option<Self> {
        let slot = slots.iter().find(|slot| !slot.taken.get())?;
        slot.taken.set(true);
        Some(Self { slot, filled: false })
    }

    /// Makes a TCP connection in the slot, with TLS yet to be agreed on.
    async fn fill(&mut self, stack: Stack<'static>, address: IpAddress, port: u16) -> Result<(), DialError> {
        // SAFETY: `taken` keeps everyone else away from the slot, and this lease fills it once: `connect` is the only
        // caller. What borrows the buffers lies in the slot, or is dropped on the way out of here.
        let buffers = unsafe { &mut *self.slot.buffers.get() };
        let mut socket = TcpSocket::new(stack, &mut buffers.receive, &mut buffers.send);
        socket.set_timeout(Some(SILENCE));
        socket.connect((address, port)).await.map_err(DialError::Tcp)?;
        // SAFETY: as above; nothing was in it.
        let tls = unsafe { &mut *self.slot.tls.get() };
        tls.write(Tls::new(
            Socket { tcp: socket, records: Records::new() },
            &mut buffers.record_in,
            &mut buffers.record_out,
        ));
        self.filled = true;
        Ok(())
    }

    fn tls(&mut self) -> Option<&mut Tls> {
        // SAFETY: it was written, and only this lease can reach it.
        self.filled.then(|| unsafe { (*self.slot.tls.get()).assume_init_mut() })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.filled {
            // SAFETY: it was written, and nobody can reach it after this.
            unsafe { (*self.slot.tls.get()).assume_init_drop() };
        }
        self.slot.taken.set(false);
    }
}

/// Why there is no connection.
#[derive(Debug)]
#[allow(dead_code, reason = "read by Debug, in a line of the log")]
pub(crate) enum DialError {
    /// As many connections are open as there can be.
    Full,
    /// The name of the host is not known.
    Name,
    /// No TCP connection.
    Tcp(embassy_net::tcp::ConnectError),
    /// No TLS, or not with whom it should be.
    Tls(TlsError),
}

/// Dials gateways.
pub(crate) struct Dialer {
    stack: Stack<'static>,
    slots: &'static [Slot; CONNECTIONS],
    authority: &'static [u8],
    random: Random,
}

impl Dialer {
    /// Dials over `stack` and believes what `authority`, a certificate in DER, has signed.
    pub(crate) fn new(
        stack: Stack<'static>,
        slots: &'static [Slot; CONNECTIONS],
        authority: &'static [u8],
        random: Random,
    ) -> Self {
        Self { stack, slots, authority, random }
    }

    async fn address(&self, host: &str) -> Result<IpAddress, DialError> {
        if let Ok(address) = host.parse::<core::net::Ipv4Addr>() {
            return Ok(address.into());
        }
        let found = self.stack.dns_query(host, DnsQueryType::A).await.map_err(|_| DialError::Name)?;
        found.first().copied().ok_or(DialError::Name)
    }

    async fn connect(&self, endpoint: &Endpoint) -> Result<Connection, DialError> {
        let mut lease = Lease::take(self.slots).ok_or(DialError::Full)?;
        let address = self.address(Chosen::route(&endpoint.host)).await?;
        lease.fill(self.stack, address, endpoint.port).await?;
        let tls = lease.tls().ok_or(DialError::Full)?;
        // Else each record would wait for its acknowledgement.
        tls.set_flush_policy(FlushPolicy::Relaxed);
        let config = TlsConfig::new().with_server_name(&endpoint.server_name);
        let pinned = Pinned::new(self.authority, &endpoint.server_name, unix_s());
        let mut provider = Provider { random: self.random.fork(), pinned };
        tls.open(TlsContext::new(&config, &mut provider)).await.map_err(DialError::Tls)?;
        // The library goes on after the server's `Finished` even if no certificate ever came, which anyone can send.
        if !provider.pinned.is_proven() {
            return Err(DialError::Tls(TlsError::InvalidCertificate));
        }
        Ok(Connection(lease))
    }
}

impl Dial for Dialer {
    type Connection = Connection;
    type Error = DialError;

    async fn dial(&self, endpoint: &Endpoint) -> Result<Connection, DialError> {
        let result = self.connect(endpoint).await;
        if let Err(error) = &result {
            log::info!("no connection to {}: {error:?}", endpoint.name);
        }
        result
    }
}

/// A connection to a gateway. It is a handle: the connection lies in its slot.
pub(crate) struct Connection(Lease);

impl ErrorType for Connection {
    type Error = TlsError;
}

impl Read for Connection {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, TlsError> {
        let tls = self.0.tls().ok_or(TlsError::MissingHandshake)?;
        match tls.read(out).await {
            // The other side said that it is done: an end, and no failure.
            Err(TlsError::ConnectionClosed) => Ok(0),
            other => other,
        }
    }
}

impl Write for Connection {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, TlsError> {
        self.0.tls().ok_or(TlsError::MissingHandshake)?.write(bytes).await
    }

    async fn flush(&mut self) -> Result<(), TlsError> {
        self.0.tls().ok_or(TlsError::MissingHandshake)?.flush().await
    }
}

/// Seconds between 1970 and the start of the program; 0 while the time is not known.
static EPOCH_S: AtomicU32 = AtomicU32::new(0);

/// Tells TLS the time, as soon as a gateway has agreed with it: certificates are judged by it from then on. Before, a
/// camera whose clock is wrong must still reach a gateway to learn the time.
pub(crate) fn set_time(unix_ms: u64) {
    let epoch_s = (unix_ms / 1000).saturating_sub(Instant::now().as_secs());
    EPOCH_S.store(u32::try_from(epoch_s).unwrap_or(0), Ordering::Relaxed);
}

/// The time, when a gateway has agreed with it.
fn unix_s() -> Option<u64> {
    let epoch_s = EPOCH_S.load(Ordering::Relaxed);
    (epoch_s > 0).then(|| u64::from(epoch_s) + Instant::now().as_secs())
}

struct Provider<'n> {
    random: ChaCha20Rng,
    pinned: Pinned<'n>,
}

impl CryptoProvider for Provider<'_> {
    type CipherSuite = Aes128GcmSha256;
    type Signature = [u8; 0];

    fn rng(&mut self) -> impl CryptoRngCore {
        &mut self.random
    }

    fn verifier(&mut self) -> Result<&mut impl embedded_tls::TlsVerifier<Aes128GcmSha256>, TlsError> {
        Ok(&mut self.pinned)
    }
}
