//! Gives aws-config the one HTTP client of the house, so that it brings no TLS of its own.

use std::time::Duration;

use aws_smithy_runtime_api::{
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::{Response, StatusCode},
};

/// The largest answer of a service that gives credentials.
const LARGEST_ANSWER: usize = 1 << 20;

/// The client of the house, for aws-config.
#[derive(Clone, Debug)]
pub(super) struct Bridge {
    client: reqwest::Client,
    longest: Duration,
}

impl Bridge {
    /// `longest` bounds every call: the metadata service of a machine outside Amazon never answers.
    pub(super) const fn new(client: reqwest::Client, longest: Duration) -> Self {
        Self { client, longest }
    }

    async fn exchange(client: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
        let (parts, body) = request.into_parts();
        let body = body.bytes().map(<[u8]>::to_vec).unwrap_or_default();
        let address = parts.uri.to_string();
        let built = client.request(parts.method, address).headers(parts.headers).body(body);
        let mut answer = built.send().await.map_err(|error| ConnectorError::io(error.without_url().into()))?;
        let status = StatusCode::try_from(answer.status().as_u16());
        let status = status.map_err(|error| ConnectorError::other(error.into(), None))?;
        let headers = answer.headers().clone();
        let mut whole = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|error| ConnectorError::io(error.without_url().into()))? {
            if whole.len() + part.len() > LARGEST_ANSWER {
                return Err(ConnectorError::other("the answer is larger than 1 MiB".into(), None));
            }
            whole.extend_from_slice(&part);
        }
        let mut response = Response::new(status, whole.into());
        for (name, value) in &headers {
            if let Ok(text) = value.to_str() {
                response.headers_mut().append(name.as_str().to_owned(), text.to_owned());
            }
        }
        Ok(response)
    }
}

impl HttpConnector for Bridge {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (client, longest) = (self.client.clone(), self.longest);
        HttpConnectorFuture::new(async move {
            match tokio::time::timeout(longest, Self::exchange(client, request)).await {
                Ok(result) => result,
                Err(_) => Err(ConnectorError::timeout("no answer in time".into())),
            }
        })
    }
}

impl HttpClient for Bridge {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let asked = settings.connect_timeout().into_iter().chain(settings.read_timeout()).max();
        SharedHttpConnector::new(Self {
            client: self.client.clone(),
            longest: asked.map_or(self.longest, |asked| asked.min(self.longest)),
        })
    }
}
