//! One signed call, in each of the protocols that the services speak.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::{
    account::Account,
    credentials::Chain,
    endpoint::{Endpoints, Service},
    failure,
    xml::Element,
};
use crate::{
    clock::Clock,
    cloud::{
        control::{Failure, FailureKind},
        rest::{self, Answer},
        s3::{Scope, sign},
    },
};

/// What every call needs.
#[derive(Debug)]
pub(super) struct Wire {
    /// The HTTP client.
    pub(super) client: reqwest::Client,
    /// The keys.
    pub(super) chain: Arc<Chain>,
    /// The addresses.
    pub(super) endpoints: Endpoints,
    /// The time, for signatures.
    pub(super) clock: Clock,
    /// The region of what has none, and of the account's own calls.
    pub(super) home: String,
    /// The account that wildcam.toml names.
    pub(super) declared: Option<String>,
    /// The account that the credentials open, once it was asked for.
    pub(super) found: OnceCell<Account>,
}

/// One request before it is signed.
pub(super) struct Plain<'a> {
    /// The service.
    pub(super) service: Service,
    /// The region.
    pub(super) region: &'a str,
    /// The call's name: `CreateVpc`.
    pub(super) action: &'a str,
    /// The method.
    pub(super) method: Method,
    /// Path and query, beginning with a slash, encoded.
    pub(super) path: String,
    /// Further headers.
    pub(super) headers: Vec<(&'static str, String)>,
    /// The body.
    pub(super) body: Vec<u8>,
}

impl Wire {
    /// Signs and sends a request; answers with the whole answer of a 2xx.
    ///
    /// # Errors
    /// As the service or the transport fails.
    pub(super) async fn send(&self, plain: Plain<'_>) -> Result<Answer, Failure> {
        let call = format!("{}:{}", plain.service.word, plain.action);
        let request = self.signed(&call, plain).await?;
        let answer = rest::send(&self.client, &call, request).await?;
        if answer.is_success() {
            return Ok(answer);
        }
        let failure = failure::from_answer(&call, &answer);
        if failure.kind == FailureKind::Credentials {
            self.chain.forget().await;
        }
        Err(failure)
    }

    async fn signed(&self, call: &str, plain: Plain<'_>) -> Result<reqwest::Request, Failure> {
        let invalid = |why: String| Failure::new(FailureKind::Invalid, call, why);
        let (address, region) = self.endpoints.of(plain.service, plain.region, &self.home)?;
        let address = format!("{address}{}", plain.path);
        let identity = self.chain.identity().await?;
        let url: url::Url = address.parse().map_err(|error: url::ParseError| invalid(error.to_string()))?;
        let mut request = reqwest::Request::new(plain.method, url);
        for (name, value) in &plain.headers {
            let value = HeaderValue::from_str(value).map_err(|error| invalid(error.to_string()))?;
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
        let scope = Scope { service: plain.service.signing, region: &region, unix_ms: self.clock.unix_ms() };
        sign(&mut request, &plain.body, &identity, &scope).map_err(invalid)?;
        *request.body_mut() = Some(plain.body.into());
        Ok(request)
    }

    /// A call of the query protocol: a form goes there, XML comes back.
    ///
    /// # Errors
    /// As [`Wire::send`].
    pub(super) async fn query(
        &self,
        service: Service,
        region: &str,
        action: &str,
        form: &Form,
    ) -> Result<Element, Failure> {
        let version = match service.word {
            "ec2" => "2016-11-15",
            "iam" => "2010-05-08",
            _ => "2011-06-15",
        };
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("Action", action), ("Version", version)])
            .extend_pairs(&form.0)
            .finish();
        let headers = vec![("content-type", "application/x-www-form-urlencoded; charset=utf-8".to_owned())];
        let plain = Plain {
            service,
            region,
            action,
            method: Method::POST,
            path: "/".to_owned(),
            headers,
            body: body.into_bytes(),
        };
        let answer = self.send(plain).await?;
        read(&format!("{}:{action}", service.word), &answer)
    }

    /// A call of the JSON protocol, version `version` (1.0 or 1.1), of the service's own `target`.
    ///
    /// # Errors
    /// As [`Wire::send`].
    pub(super) async fn json(
        &self,
        service: Service,
        region: &str,
        (target, version): (&str, &str),
        action: &str,
        body: &Value,
    ) -> Result<Value, Failure> {
        let headers = vec![
            ("content-type", format!("application/x-amz-json-{version}")),
            ("x-amz-target", format!("{target}.{action}")),
        ];
        let body = body.to_string().into_bytes();
        let plain = Plain { service, region, action, method: Method::POST, path: "/".to_owned(), headers, body };
        self.send(plain).await?.json(&format!("{}:{action}", service.word))
    }

    /// A call that speaks XML both ways.
    ///
    /// # Errors
    /// As [`Wire::send`].
    pub(super) async fn rest_xml(
        &self,
        service: Service,
        region: &str,
        action: &str,
        (method, path): (Method, String),
        body: String,
    ) -> Result<Element, Failure> {
        let headers = if body.is_empty() { Vec::new() } else { vec![("content-type", "application/xml".to_owned())] };
        let body = body.into_bytes();
        let answer = self.send(Plain { service, region, action, method, path, headers, body }).await?;
        read(&format!("{}:{action}", service.word), &answer)
    }
}

/// The XML of an answer; an empty one is an empty element.
fn read(call: &str, answer: &Answer) -> Result<Element, Failure> {
    if answer.body.is_empty() {
        return Ok(Element::default());
    }
    Element::parse(&answer.body)
        .map_err(|why| Failure::new(FailureKind::Unavailable, call, format!("the answer is no XML: {why}")))
}

/// The parameters of a query call.
#[derive(Clone, Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// No parameters.
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// With one more.
    pub(super) fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.push((name.into(), value.into()));
        self
    }

    /// With one more, where there is a value: a text, a number or a truth.
    pub(super) fn with_some(self, name: &str, value: Option<&Value>) -> Self {
        match value {
            Some(Value::String(text)) => self.with(name, text.as_str()),
            Some(other @ (Value::Bool(_) | Value::Number(_))) => self.with(name, other.to_string()),
            _ => self,
        }
    }
}

/// A text for a path or a query of a REST call.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
