//! The simulated network under the real parts: a listener, a dialler with TLS, and the connector through which the real S3
//! client of object_store sends its requests.

use std::{collections::HashMap, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use object_store::{
    ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpResponseBody,
        HttpService,
    },
};
use rustls::pki_types::ServerName;
use tokio_rustls::{TlsConnector, client::TlsStream};
use turmoil::net::{TcpListener, TcpStream};
use wildcam::net::serve::Listen;

/// A listener of the simulated network.
pub struct Listener(pub TcpListener);

impl Listen for Listener {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<TcpStream> {
        Ok(self.0.accept().await?.0)
    }
}

/// Opens a TLS connection to a simulated host.
pub async fn dial(host: &str, port: u16, tls: &Arc<rustls::ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect((host, port)).await?;
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    TlsConnector::from(Arc::clone(tls)).connect(name, stream).await
}

/// Carries the requests of object_store's S3 client over the simulated network, with connections kept for reuse.
#[derive(Clone)]
pub struct Connector {
    tls: Arc<rustls::ClientConfig>,
    idle: Arc<std::sync::Mutex<HashMap<(String, u16), Vec<SendRequest<HttpRequestBody>>>>>,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector")
    }
}

impl Connector {
    pub fn new(tls: Arc<rustls::ClientConfig>) -> Self {
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
        let connect = tokio::time::timeout(Duration::from_secs(3), dial(host, port, &self.tls)).await;
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
        tokio::time::timeout(Duration::from_secs(10), exchange)
            .await
            .map_err(|late| HttpError::new(HttpErrorKind::Timeout, late))?
    }
}
