use std::{io, sync::Arc};

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{simulated::Simulated, *};
use crate::{
    lab::{authority::Authority, control},
    net::{
        serve::{Limits, serve},
        tls,
    },
};

/// Long enough for loopback on a busy machine; only a failing test waits for it.
const SOON: Duration = Duration::from_secs(20);
/// How long silence is watched. A test can pass wrongly when this is too short, never fail wrongly.
const SILENCE: Duration = Duration::from_millis(150);

struct Bench {
    proxy: Proxy,
    through: SocketAddr,
    stop: CancellationToken,
    echo: JoinHandle<()>,
}

impl Bench {
    /// An echo server behind one link called `a`.
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = listener.local_addr().unwrap();
        let echo = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                });
            }
        });
        let stop = CancellationToken::new();
        let (proxy, through) = proxy_to(upstream, &stop).await;
        Self { proxy, through, stop, echo }
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        TcpStream::connect(self.through).await
    }

    async fn set(&self, mode: Mode) -> LinkState {
        self.proxy.set("a", mode, Shape::default(), None).await.unwrap()
    }

    async fn end(self) {
        self.stop.cancel();
        timeout(SOON, self.proxy.stopped()).await.unwrap();
        self.echo.abort();
        assert!(TcpStream::connect(self.through).await.is_err(), "the port is closed");
    }
}

async fn proxy_to(upstream: SocketAddr, stop: &CancellationToken) -> (Proxy, SocketAddr) {
    let link = LinkConfig::new("a", ([127, 0, 0, 1], 0).into(), upstream.to_string());
    let config = ProxyConfig { links: vec![link] };
    let proxy = Proxy::start(config, Clock::system(), Random::seeded(1), stop.clone()).await.unwrap();
    let through = proxy.links()[0].listen;
    (proxy, through)
}

async fn echoes(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    let mut back = vec![0; bytes.len()];
    timeout(SOON, stream.read_exact(&mut back)).await.expect("an answer")?;
    assert!(back == bytes, "what came back is what was sent");
    Ok(())
}

async fn is_silent(stream: &mut TcpStream) -> bool {
    timeout(SILENCE, stream.read_u8()).await.is_err()
}

#[tokio::test]
async fn a_clear_link_carries_everything_and_counts_it() {
    let bench = Bench::new().await;
    let mut client = bench.connect().await.unwrap();
    let sent: Vec<u8> = (0..1_000_000_u32).map(|number| (number % 251) as u8).collect();
    let (mut read, mut write) = client.split();
    let received = async {
        let mut received = Vec::new();
        read.read_to_end(&mut received).await.unwrap();
        received
    };
    let (received, ()) = timeout(
        SOON,
        futures_util::future::join(received, async {
            write.write_all(&sent).await.unwrap();
            write.shutdown().await.unwrap();
        }),
    )
    .await
    .unwrap();
    assert!(received == sent);
    let state = &bench.proxy.links()[0];
    assert_eq!((state.connections, state.up_bytes, state.down_bytes, state.resets), (1, 1_000_000, 1_000_000, 0));
    bench.end().await;
}

#[tokio::test]
async fn refusing_resets_what_is_open_and_the_same_port_comes_back() {
    let bench = Bench::new().await;
    let mut client = bench.connect().await.unwrap();
    echoes(&mut client, b"before").await.unwrap();

    let state = bench.set(Mode::Refuse).await;
    assert!(!state.listening);
    let error = timeout(SOON, client.read_u8()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(bench.connect().await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);

    let state = bench.set(Mode::Clear).await;
    assert!(state.listening);
    assert_eq!((state.listen, state.resets), (bench.through, 1));
    echoes(&mut bench.connect().await.unwrap(), b"after").await.unwrap();
    bench.end().await;
}

#[tokio::test]
async fn silence_before_the_handshake_freezes_and_loses_nothing() {
    let bench = Bench::new().await;
    let mut old = bench.connect().await.unwrap();
    echoes(&mut old, b"before").await.unwrap();
    bench.set(Mode::SilentBeforeHandshake).await;
    let mut new = bench.connect().await.unwrap();
    new.write_all(b"new").await.unwrap();
    old.write_all(b"old").await.unwrap();
    assert!(is_silent(&mut new).await && is_silent(&mut old).await);

    bench.set(Mode::Clear).await;
    for (stream, expected) in [(&mut new, b"new"), (&mut old, b"old")] {
        let mut back = [0; 3];
        timeout(SOON, stream.read_exact(&mut back)).await.unwrap().unwrap();
        assert_eq!(&back, expected);
    }
    bench.end().await;
}

#[tokio::test]
async fn silence_after_the_handshake_lets_tls_begin_and_nothing_more() {
    let authority = Authority::create("test", &Clock::system()).unwrap();
    let names = ["api.wildcam.test".to_owned()];
    let identity = authority.issue(&names, &[], Duration::from_secs(3600)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(tls::server(&identity.chain_pem, &identity.key_pem).unwrap());
    let server = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    let (mut read, mut write) = tokio::io::split(stream);
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                }
            });
        }
    });
    let stop = CancellationToken::new();
    let (proxy, through) = proxy_to(upstream, &stop).await;
    proxy.set("a", Mode::SilentAfterHandshake, Shape::default(), None).await.unwrap();

    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut roots = rustls::RootCertStore::empty();
        let certificate = rustls::pki_types::pem::PemObject::from_pem_slice(authority.pem().as_bytes()).unwrap();
        roots.add(certificate).unwrap();
        let config = rustls::ClientConfig::builder_with_provider(tls::provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(through).await.unwrap();
        let name = ServerName::try_from("api.wildcam.test").unwrap();
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
        let mut stream = timeout(SOON, connecting).await.unwrap().unwrap();
        stream.write_all(b"hello").await.unwrap();
        stream.flush().await.unwrap();
        assert!(timeout(SILENCE, stream.read_u8()).await.is_err(), "{version:?}");

        proxy.set("a", Mode::Clear, Shape::default(), None).await.unwrap();
        let mut back = [0; 5];
        timeout(SOON, stream.read_exact(&mut back)).await.unwrap().unwrap();
        assert_eq!(&back, b"hello", "what was held back arrives unharmed");
        proxy.set("a", Mode::SilentAfterHandshake, Shape::default(), None).await.unwrap();
    }
    stop.cancel();
    proxy.stopped().await;
    server.abort();
}

#[tokio::test]
async fn an_upstream_that_refuses_resets_the_client() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let stop = CancellationToken::new();
    let (proxy, through) = proxy_to(gone, &stop).await;
    let mut client = TcpStream::connect(through).await.unwrap();
    let error = timeout(SOON, client.read_u8()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    stop.cancel();
    proxy.stopped().await;
}

#[tokio::test]
async fn certain_corruption_alters_what_passes() {
    let bench = Bench::new().await;
    let shape = Shape { corrupt: 1.0, ..Shape::default() };
    bench.proxy.set("a", Mode::Clear, shape, None).await.unwrap();
    let mut client = bench.connect().await.unwrap();
    client.write_all(&[0; 1000]).await.unwrap();
    let mut back = [0; 1000];
    timeout(SOON, client.read_exact(&mut back)).await.unwrap().unwrap();
    assert!(back.iter().any(|byte| *byte != 0));
    bench.end().await;
}

#[tokio::test]
async fn a_lease_that_is_not_renewed_ends_the_fault() {
    let bench = Bench::new().await;
    let lease = Some(Duration::from_millis(100));
    let state = bench.proxy.set("a", Mode::Refuse, Shape::default(), lease).await.unwrap();
    assert_eq!(state.mode, Mode::Refuse);
    assert!(state.lease_left_ms.is_some_and(|left| left <= 100));
    let cleared = async {
        while !bench.proxy.links()[0].listening {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, cleared).await.unwrap();
    let state = bench.proxy.links().remove(0);
    assert_eq!((state.mode, state.lease_left_ms), (Mode::Clear, None));
    echoes(&mut bench.connect().await.unwrap(), b"back").await.unwrap();
    bench.end().await;
}

#[tokio::test]
async fn it_is_steered_over_http() {
    let bench = Bench::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = bench.proxy.router("secret");
    let server = tokio::spawn(serve(listener, None, router, Limits::default(), bench.stop.clone()));
    let client = ProxyClient::new(address, "secret");

    let shape = Shape { latency: Duration::from_millis(3), loss: 0.25, bytes_per_s: Some(9), ..Shape::default() };
    let change = Change { mode: Mode::Refuse, shape, lease: Some(Duration::from_secs(60)) };
    let state = client.set("a", change).await.unwrap();
    assert_eq!((state.mode, state.shape, state.listening), (Mode::Refuse, shape, false));
    assert_eq!(client.links().await.unwrap()[0].mode, Mode::Refuse);
    assert_eq!(client.clear("a").await.unwrap().mode, Mode::Clear);

    let status = |error| match error {
        control::Error::Refused { status, .. } => status,
        other => panic!("{other}"),
    };
    assert_eq!(status(client.clear("b").await.unwrap_err()), 404);
    let impossible = Change { shape: Shape { loss: 2.0, ..Shape::default() }, ..Change::default() };
    assert_eq!(status(client.set("a", impossible).await.unwrap_err()), 422);
    assert_eq!(status(ProxyClient::new(address, "guess").links().await.unwrap_err()), 401);
    bench.end().await;
    server.await.unwrap();
}

#[tokio::test]
async fn configurations_are_checked() {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let start = async |links: Vec<LinkConfig>| {
        let stop = CancellationToken::new();
        let started = Proxy::start(ProxyConfig { links }, Clock::system(), Random::seeded(1), stop.clone()).await;
        stop.cancel();
        started.map(|_| ())
    };
    for (name, upstream) in [("A", "h:1"), ("", "h:1"), ("a/b", "h:1"), ("a", "h"), ("a", "h:0"), ("a", ":1")] {
        let result = start(vec![LinkConfig::new(name, listen, upstream)]).await;
        assert!(matches!(result, Err(Error::Config { .. })), "{name} {upstream}");
    }
    let twice = vec![LinkConfig::new("a", listen, "h:1"), LinkConfig::new("a", listen, "h:2")];
    assert!(matches!(start(twice).await, Err(Error::Config { .. })));
    let taken = TcpListener::bind(listen).await.unwrap();
    let result = start(vec![LinkConfig::new("a", taken.local_addr().unwrap(), "h:1")]).await;
    assert!(matches!(result, Err(Error::Port { .. })));
}

/// The whole proxy on a simulated network and virtual time: exact times can be asked for.
#[test]
fn on_a_simulated_network_times_are_exact_and_refusals_are_refusals() {
    use turmoil::net as sim;

    let mut simulation = turmoil::Builder::new()
        .simulation_duration(Duration::from_secs(60))
        .tick_duration(Duration::from_millis(1))
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(1))
        .rng_seed(1)
        .build();
    simulation.host("upstream", || async {
        let listener = sim::TcpListener::bind("0.0.0.0:7").await?;
        loop {
            let (mut stream, _) = listener.accept().await?;
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                    if stream.write_all(&buffer[..count]).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    let (sender, receiver) = tokio::sync::watch::channel(None::<Proxy>);
    simulation.host("proxy", move || {
        let sender = sender.clone();
        async move {
            let link = LinkConfig::new("a", ([0, 0, 0, 0], 80).into(), "upstream:7");
            let clock = Clock::simulated(0, turmoil::elapsed);
            let stop = CancellationToken::new();
            let config = ProxyConfig { links: vec![link] };
            let proxy = Proxy::start_on(Simulated, config, clock, Random::seeded(1), stop).await?;
            sender.send_replace(Some(proxy.clone()));
            proxy.stopped().await;
            Ok(())
        }
    });
    simulation.client("client", async move {
        let mut receiver = receiver;
        let proxy = receiver.wait_for(Option::is_some).await?.clone().expect("a proxy");
        let mut stream = sim::TcpStream::connect("proxy:80").await?;
        let round_trip = async |stream: &mut sim::TcpStream, bytes: &[u8]| -> io::Result<u128> {
            let started = turmoil::elapsed();
            stream.write_all(bytes).await?;
            let mut back = vec![0; bytes.len()];
            stream.read_exact(&mut back).await?;
            assert_eq!(back, bytes);
            Ok((turmoil::elapsed() - started).as_millis())
        };
        assert!(round_trip(&mut stream, b"clear").await? < 20);

        let slow = Shape { latency: Duration::from_millis(250), ..Shape::default() };
        proxy.set("a", Mode::Clear, slow, Some(Duration::from_secs(10))).await?;
        let late = round_trip(&mut stream, b"late").await?;
        assert!((500..520).contains(&late), "{late}");
        // Many chunks at once take no longer than one: latency is a pipeline.
        let many = round_trip(&mut stream, &[7; 40_000]).await?;
        assert!((500..560).contains(&many), "{many}");
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert!(round_trip(&mut stream, b"lease over").await? < 20);

        proxy.set("a", Mode::Refuse, Shape::default(), None).await?;
        assert!(stream.read_u8().await.is_err(), "the open connection ends");
        let refused = sim::TcpStream::connect("proxy:80").await.err().map(|error| error.kind());
        assert_eq!(refused, Some(io::ErrorKind::ConnectionRefused));

        let mode = || proxy.links()[0].mode;
        for _ in 0..3 {
            proxy.set("a", Mode::Refuse, Shape::default(), Some(Duration::from_secs(2))).await?;
            tokio::time::sleep(Duration::from_millis(1500)).await;
            assert_eq!(mode(), Mode::Refuse, "a renewed lease goes on");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(mode(), Mode::Clear);

        proxy.set("a", Mode::SilentBeforeHandshake, Shape::default(), None).await?;
        let mut stream = sim::TcpStream::connect("proxy:80").await?;
        assert!(timeout(Duration::from_secs(5), round_trip(&mut stream, b"?")).await.is_err());
        proxy.set("a", Mode::Clear, Shape::default(), None).await?;
        let mut answer = [0];
        stream.read_exact(&mut answer).await?;
        assert_eq!(&answer, b"?");
        Ok(())
    });
    simulation.run().unwrap();
}
