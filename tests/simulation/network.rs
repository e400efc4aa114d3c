//! The simulated network under the real parts: a listener whose line may flip bytes, a dialler with TLS, and the connector
//! through which the real S3 client of object_store sends its requests.

use std::{
    collections::HashMap,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use object_store::{
    ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
        HttpResponseBody, HttpService,
    },
};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{TlsConnector, client::TlsStream};
use turmoil::net::{TcpListener, TcpStream};
use wildcam::{clock::Random, lab::cameras::Stream, net::serve::Listen};
use wildcam_core::{cose::Endpoint, link::Dial};

/// How often the line of a cloud flips a byte.
#[derive(Debug)]
pub(crate) struct Corruption {
    per_mille: AtomicU64,
    random: Random,
    flipped: AtomicU64,
}

impl Corruption {
    pub(crate) fn new(random: Random) -> Arc<Self> {
        Arc::new(Self { per_mille: AtomicU64::new(0), random, flipped: AtomicU64::new(0) })
    }

    /// From now on so many of a thousand reads and writes are damaged.
    pub(crate) fn set(&self, per_mille: u64) {
        self.per_mille.store(per_mille, Ordering::Relaxed);
    }

    /// Bytes flipped so far.
    pub(crate) fn flipped(&self) -> u64 {
        self.flipped.load(Ordering::Relaxed)
    }

    /// Where in so many bytes one is to be flipped, if any.
    fn place(&self, bytes: usize) -> Option<usize> {
        let per_mille = self.per_mille.load(Ordering::Relaxed);
        if per_mille == 0 || bytes == 0 || self.random.below(1000) >= per_mille {
            return None;
        }
        self.flipped.fetch_add(1, Ordering::Relaxed);
        Some(usize::try_from(self.random.below(bytes as u64)).unwrap())
    }
}

/// A listener of the simulated network.
pub(crate) struct Listener {
    inner: TcpListener,
    corruption: Arc<Corruption>,
}

impl Listener {
    pub(crate) async fn bind(port: u16, corruption: Arc<Corruption>) -> io::Result<Self> {
        Ok(Self { inner: TcpListener::bind(("0.0.0.0", port)).await?, corruption })
    }
}

impl Listen for Listener {
    type Stream = Line;

    async fn accept(&mut self) -> io::Result<Line> {
        let (stream, _) = self.inner.accept().await?;
        Ok(Line { stream, corruption: Arc::clone(&self.corruption) })
    }
}

/// An accepted connection, below TLS.
pub(crate) struct Line {
    stream: TcpStream,
    corruption: Arc<Corruption>,
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let new = &mut buffer.filled_mut()[before..];
        if let Some(place) = self.corruption.place(new.len()) {
            new[place] ^= 0x10;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.corruption.place(bytes.len()) {
            Some(place) => {
                let mut damaged = bytes.to_vec();
                damaged[place] ^= 0x10;
                Pin::new(&mut self.stream).poll_write(cx, &damaged)
            }
            None => Pin::new(&mut self.stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The name in every certificate of the simulation.
pub(crate) const SERVER_NAME: &str = "localhost";

async fn dial(host: &str, port: u16, tls: &Arc<rustls::ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect((host, port)).await?;
    let name = ServerName::try_from(SERVER_NAME).map_err(io::Error::other)?;
    TlsConnector::from(Arc::clone(tls)).connect(name, stream).await
}

/// How a camera reaches a gateway.
#[derive(Clone)]
pub(crate) struct Radio(pub(crate) Arc<rustls::ClientConfig>);

impl Dial for Radio {
    type Connection = Stream<TlsStream<TcpStream>>;
    type Error = io::Error;

    async fn dial(&self, endpoint: &Endpoint) -> io::Result<Self::Connection> {
        Ok(Stream(dial(endpoint.host.as_str(), endpoint.port, &self.0).await?))
    }
}

type Idle = Arc<Mutex<HashMap<(String, u16), Vec<SendRequest<HttpRequestBody>>>>>;

/// Carries the requests of object_store's S3 client over the simulated network, with connections kept for reuse.
#[derive(Clone)]
pub(crate) struct Connector {
    tls: Arc<rustls::ClientConfig>,
    idle: Idle,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector")
    }
}

impl Connector {
    pub(crate) fn new(tls: Arc<rustls::ClientConfig>) -> Self {
        Self { tls, idle: Arc::default() }
    }

    async fn sender(&self, host: &str, port: u16) -> Result<SendRequest<HttpRequestBody>, HttpError> {
        loop {
            let kept = self.idle.lock().unwrap().get_mut(&(host.to_owned(), port)).and_then(Vec::pop);
            match kept {
                Some(mut sender) => {
                    if sender.ready().await.is_ok() {
                        return Ok(sender);
                    }
                }
                None => break,
            }
        }
        let connect = tokio::time::timeout(Duration::from_secs(5), dial(host, port, &self.tls)).await;
        let stream = connect
            .map_err(|late| HttpError::new(HttpErrorKind::Timeout, late))?
            .map_err(|error| HttpError::new(HttpErrorKind::Connect, error))?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| HttpError::new(HttpErrorKind::Connect, error))?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait::async_trait]
impl HttpService for Connector {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let uri = request.uri().clone();
        let host = uri.host().unwrap_or_default().to_owned();
        let port = uri.port_u16().unwrap_or(443);
        if let Ok(value) = format!("{host}:{port}").parse() {
            request.headers_mut().insert(http::header::HOST, value);
        }
        if let Some(path) = uri.path_and_query() {
            *request.uri_mut() = path.as_str().parse().unwrap();
        }
        let exchange = async {
            let mut sender = self.sender(&host, port).await?;
            let failed = |error| HttpError::new(HttpErrorKind::Request, error);
            let (parts, body) = sender.send_request(request).await.map_err(failed)?.into_parts();
            let body: Bytes = body.collect().await.map_err(failed)?.to_bytes();
            self.idle.lock().unwrap().entry((host.clone(), port)).or_default().push(sender);
            Ok(HttpResponse::from_parts(parts, HttpResponseBody::from(body)))
        };
        tokio::time::timeout(Duration::from_secs(30), exchange)
            .await
            .map_err(|late| HttpError::new(HttpErrorKind::Timeout, late))?
    }
}
