//! Connections to gateways: TCP, and TLS 1.3 with the authority of the identity pinned.
//!
//! Memory is fixed: one [`Slot`] of buffers for each connection that can be open at once. A record of an answer is at
//! most as long as an answer may be, and the flight of a handshake with one P-256 certificate is about 1.5 KB, so the
//! buffer for records that come in need not hold the 16 KB that TLS allows.

use core::{
    cell::{Cell, UnsafeCell},
    sync::atomic::{AtomicU32, Ordering},
};

use embassy_net::{IpAddress, Stack, dns::DnsQueryType, tcp::TcpSocket};
use embassy_time::{Duration, Instant};
use embedded_io_async::{ErrorType, Read, Write};
use embedded_tls::{
    Aes128GcmSha256, Certificate, CertificateRef, CertificateVerifyRef, CryptoProvider, FlushPolicy, TlsClock,
    TlsConfig, TlsConnection, TlsContext, TlsError, TlsVerifier, pki::CertVerifier,
};
use rand_chacha::ChaCha20Rng;
use rand_core::CryptoRngCore;
use wildcam_core::{cose::Endpoint, link::Dial};

use crate::{board::Board as _, boards::Chosen, random::Random};

/// Connections at once: as many as a race has lanes.
pub(crate) const CONNECTIONS: usize = 2;

const RECEIVE_BYTES: usize = 4096;
const SEND_BYTES: usize = 4096;
const RECORD_IN_BYTES: usize = 8192;
/// A buffer of the camera in one record.
const RECORD_OUT_BYTES: usize = wildcam_core::camera::BUFFER_BYTES + embedded_tls::TLS_RECORD_OVERHEAD;
/// The largest certificate of a gateway, with its length.
const CERTIFICATE_BYTES: usize = 2048;
/// After which a peer that says nothing at all is given up by TCP itself.
const SILENCE: Duration = Duration::from_secs(60);

type Tls = TlsConnection<'static, TcpSocket<'static>, Aes128GcmSha256>;

struct Buffers {
    receive: [u8; RECEIVE_BYTES],
    send: [u8; SEND_BYTES],
    record_in: [u8; RECORD_IN_BYTES],
    record_out: [u8; RECORD_OUT_BYTES],
}

/// The buffers of one connection.
pub(crate) struct Slot {
    taken: Cell<bool>,
    buffers: UnsafeCell<Buffers>,
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
        Self { taken: Cell::new(false), buffers: UnsafeCell::new(buffers) }
    }
}

/// A slot that belongs to one connection until this is dropped.
struct Lease(&'static Slot);

impl Lease {
    fn take(slots: &'static [Slot]) -> Option<Self> {
        let slot = slots.iter().find(|slot| !slot.taken.get())?;
        slot.taken.set(true);
        Some(Self(slot))
    }

    /// The buffers.
    ///
    /// # Safety
    /// At most once for a lease, and what borrows them must be dropped before it.
    unsafe fn buffers(&self) -> &'static mut Buffers {
        // SAFETY: `taken` keeps everyone else away until the lease is dropped.
        unsafe { &mut *self.0.buffers.get() }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.taken.set(false);
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
        let lease = Lease::take(self.slots).ok_or(DialError::Full)?;
        let address = self.address(Chosen::route(&endpoint.host)).await?;
        // SAFETY: once for this lease, which is declared before the connection here and after it in `Connection`, so
        // that it is dropped last.
        let buffers = unsafe { lease.buffers() };
        let mut socket = TcpSocket::new(self.stack, &mut buffers.receive, &mut buffers.send);
        socket.set_timeout(Some(SILENCE));
        socket.connect((address, endpoint.port)).await.map_err(DialError::Tcp)?;
        let mut tls = Tls::new(socket, &mut buffers.record_in, &mut buffers.record_out);
        // Else each record would wait for its acknowledgement.
        tls.set_flush_policy(FlushPolicy::Relaxed);
        let config = TlsConfig::new().with_server_name(&endpoint.server_name);
        let provider = Provider { random: self.random.fork(), pinned: Pinned::new(self.authority) };
        tls.open(TlsContext::new(&config, provider)).await.map_err(DialError::Tls)?;
        Ok(Connection { tls, _lease: lease })
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

/// A connection to a gateway.
pub(crate) struct Connection {
    // Fields are dropped in this order.
    tls: Tls,
    _lease: Lease,
}

impl ErrorType for Connection {
    type Error = TlsError;
}

impl Read for Connection {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, TlsError> {
        match self.tls.read(out).await {
            // The other side said that it is done: an end, and no failure.
            Err(TlsError::ConnectionClosed) => Ok(0),
            other => other,
        }
    }
}

impl Write for Connection {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, TlsError> {
        self.tls.write(bytes).await
    }

    async fn flush(&mut self) -> Result<(), TlsError> {
        self.tls.flush().await
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

struct DeviceClock;

impl TlsClock for DeviceClock {
    fn now() -> Option<u64> {
        let epoch_s = EPOCH_S.load(Ordering::Relaxed);
        (epoch_s > 0).then(|| u64::from(epoch_s) + Instant::now().as_secs())
    }
}

/// Accepts a certificate that the pinned authority itself has signed for the server's name.
///
/// A longer chain is refused: the library checks signatures and names, but not whether a certificate in the middle may
/// sign others, so the key of one gateway could vouch for any name.
struct Pinned {
    verifier: CertVerifier<'static, Aes128GcmSha256, DeviceClock, CERTIFICATE_BYTES>,
}

impl Pinned {
    fn new(authority: &'static [u8]) -> Self {
        Self { verifier: CertVerifier::new(Certificate::X509(authority)) }
    }
}

impl TlsVerifier<Aes128GcmSha256> for Pinned {
    fn set_hostname_verification(&mut self, name: &str) -> Result<(), TlsError> {
        TlsVerifier::set_hostname_verification(&mut self.verifier, name)
    }

    fn verify_certificate(
        &mut self,
        transcript: &embedded_tls::Sha256,
        certificate: CertificateRef<'_>,
    ) -> Result<(), TlsError> {
        if certificate.entries.len() != 1 {
            return Err(TlsError::InvalidCertificate);
        }
        self.verifier.verify_certificate(transcript, certificate)
    }

    fn verify_signature(&mut self, verify: CertificateVerifyRef<'_>) -> Result<(), TlsError> {
        self.verifier.verify_signature(verify)
    }
}

struct Provider {
    random: ChaCha20Rng,
    pinned: Pinned,
}

impl CryptoProvider for Provider {
    type CipherSuite = Aes128GcmSha256;
    type Signature = [u8; 0];

    fn rng(&mut self) -> impl CryptoRngCore {
        &mut self.random
    }

    fn verifier(&mut self) -> Result<&mut impl TlsVerifier<Aes128GcmSha256>, TlsError> {
        Ok(&mut self.pinned)
    }
}
