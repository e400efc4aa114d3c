//! Our HTTP client under azure_core, so that its credentials trust whom we trust and no second client is built.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use azure_core::{
    Bytes,
    cloud::{CloudConfiguration, CustomConfiguration},
    error::{Error, ErrorKind},
    http::{
        AsyncRawResponse, Body, ClientOptions, HttpClient, Method, Request, RetryOptions, Transport,
        headers::{HeaderName, HeaderValue, Headers},
    },
};
use http::HeaderMap;
use url::Url;

/// The largest answer of a token service that is read.
const LARGEST_ANSWER: usize = 1 << 20;

/// The longest that one exchange with a token service may take.
const LONGEST_EXCHANGE: Duration = Duration::from_secs(20);

/// The client. Where `instead` is set, requests to the metadata service of a virtual machine go there: its address is
/// fixed, and emulators cannot listen on it.
#[derive(Debug)]
struct Ours {
    client: reqwest::Client,
    instead: Option<Url>,
}

/// The address of the metadata service of virtual machines (not routed: it answers on the machine itself).
pub(super) const METADATA: &str = "169.254.169.254";

#[async_trait]
impl HttpClient for Ours {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let exchange = self.exchange(request);
        match tokio::time::timeout(LONGEST_EXCHANGE, exchange).await {
            Ok(result) => result,
            Err(_) => Err(Error::with_message(ErrorKind::Io, "no answer within 20 s")),
        }
    }
}

impl Ours {
    async fn exchange(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let mut url = request.url().clone();
        if let Some(instead) = &self.instead
            && url.host_str() == Some(METADATA)
        {
            let _ = url.set_scheme(instead.scheme());
            let _ = url.set_host(instead.host_str());
            let _ = url.set_port(instead.port());
        }
        let Body::Bytes(body) = request.body().clone() else {
            return Err(Error::with_message(ErrorKind::Other, "a token is asked for without a stream"));
        };
        let mut out = self.client.request(method(request.method())?, url).body(body);
        for (name, value) in request.headers().iter() {
            out = out.header(name.as_str(), value.as_str());
        }
        let mut response = out.send().await.map_err(transport)?;
        let (status, headers) = (response.status().as_u16(), headers(response.headers()));
        let mut read = Vec::new();
        while let Some(part) = response.chunk().await.map_err(transport)? {
            if read.len() + part.len() > LARGEST_ANSWER {
                return Err(Error::with_message(ErrorKind::Io, "the answer is larger than 1 MiB"));
            }
            read.extend_from_slice(&part);
        }
        Ok(AsyncRawResponse::from_bytes(status.into(), headers, Bytes::from(read)))
    }
}

fn transport(error: reqwest::Error) -> Error {
    let kind = if error.is_connect() { ErrorKind::Connection } else { ErrorKind::Io };
    Error::with_error(kind, error.without_url(), "the token service does not answer")
}

fn method(method: Method) -> azure_core::Result<reqwest::Method> {
    Ok(match method {
        Method::Delete => reqwest::Method::DELETE,
        Method::Get => reqwest::Method::GET,
        Method::Head => reqwest::Method::HEAD,
        Method::Patch => reqwest::Method::PATCH,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        other => return Err(Error::with_message(ErrorKind::Other, format!("no token is asked for with {other}"))),
    })
}

fn headers(from: &HeaderMap) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in from {
        if let Ok(value) = value.to_str() {
            headers.insert(HeaderName::from(name.as_str().to_owned()), HeaderValue::from(value.to_owned()));
        }
    }
    headers
}

/// The options of every credential: our client, no retries (they belong to the engine), and the authority where it is not
/// the public one.
pub(super) fn options(client: &reqwest::Client, login: Option<&Url>, metadata: Option<&Url>) -> ClientOptions {
    // Always set: without it the crate reads a variable of the process.
    let cloud = login.map_or(CloudConfiguration::AzurePublic, |login| {
        let mut custom = CustomConfiguration::default();
        login.as_str().trim_end_matches('/').clone_into(&mut custom.authority_host);
        CloudConfiguration::Custom(custom)
    });
    let ours = Ours { client: client.clone(), instead: metadata.cloned() };
    ClientOptions {
        retry: RetryOptions::none(),
        transport: Some(Transport::new(Arc::new(ours))),
        cloud: Some(Arc::new(cloud)),
        ..ClientOptions::default()
    }
}
