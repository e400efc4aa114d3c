//! The S3 protocol as far as a control plane needs it: signed requests, buckets and their sub-resources. It knows no
//! provider: an endpoint, a style of address, a region and keys are all it is given.

mod bucket;
mod error;
mod sign;
mod xml;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::identity::Identity;
use base64::{Engine, prelude::BASE64_STANDARD};
use md5::{Digest, Md5};
use reqwest::Method;
use url::Url;

pub(in crate::cloud) use self::{
    bucket::{Made, Sub},
    error::S3Error,
    sign::{Scope, sign},
    xml::Node,
};
use super::{
    control::{Failure, FailureKind},
    rest::{self, Answer},
};
use crate::clock::Clock;

/// The largest XML that is read: a page of 1000 versions is below 1 MiB.
const LARGEST_XML: usize = 8 << 20;

/// Whose keys sign the requests.
#[async_trait]
pub(in crate::cloud) trait Keys: Send + Sync + fmt::Debug {
    /// The keys to sign with now.
    ///
    /// # Errors
    /// [`FailureKind::Credentials`] when there are none.
    async fn identity(&self) -> Result<Identity, Failure>;
}

#[async_trait]
impl Keys for Credentials {
    async fn identity(&self) -> Result<Identity, Failure> {
        Ok(Identity::from(self.clone()))
    }
}

/// Where the name of a bucket stands in an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cloud) enum Style {
    /// `https://host/bucket/key`
    Path,
    /// `https://bucket.host/key`
    #[allow(dead_code, reason = "the style of Amazon's own stores")]
    Virtual,
}

/// One request; `query` and `key` are given in clear.
#[derive(Clone, Debug)]
pub(in crate::cloud) struct Call<'a> {
    /// The operation, for messages: `s3:CreateBucket`.
    pub(in crate::cloud) name: &'a str,
    /// The method.
    pub(in crate::cloud) method: Method,
    /// The bucket; absent for the list of all.
    pub(in crate::cloud) bucket: Option<&'a str>,
    /// The object; absent for the bucket itself.
    pub(in crate::cloud) key: Option<&'a str>,
    /// The query; a sub-resource has an empty value.
    pub(in crate::cloud) query: Vec<(&'a str, String)>,
    /// Headers beyond those of the signature.
    pub(in crate::cloud) headers: Vec<(&'static str, String)>,
    /// The body; one that is not empty is sent with its `Content-MD5`.
    pub(in crate::cloud) body: Vec<u8>,
}

impl<'a> Call<'a> {
    /// A request without key, query and body.
    pub(in crate::cloud) fn new(name: &'a str, method: Method, bucket: Option<&'a str>) -> Self {
        Self { name, method, bucket, key: None, query: Vec::new(), headers: Vec::new(), body: Vec::new() }
    }

    /// With one more part of the query.
    pub(in crate::cloud) fn ask(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// With one more header.
    pub(in crate::cloud) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a body.
    pub(in crate::cloud) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Of an object.
    pub(in crate::cloud) fn key(mut self, key: &'a str) -> Self {
        self.key = Some(key);
        self
    }
}

/// A client of one store.
#[derive(Clone, Debug)]
pub(in crate::cloud) struct S3 {
    client: reqwest::Client,
    endpoint: Url,
    style: Style,
    region: String,
    keys: Arc<dyn Keys>,
    clock: Clock,
}

impl S3 {
    /// A client. `endpoint` is the address without a bucket, with at most a path before it; `region` is what requests
    /// are signed for.
    pub(in crate::cloud) fn new(
        client: reqwest::Client,
        endpoint: Url,
        style: Style,
        region: &str,
        keys: Arc<dyn Keys>,
        clock: Clock,
    ) -> Self {
        Self { client, endpoint, style, region: region.to_owned(), keys, clock }
    }

    /// The region that requests are signed for.
    pub(in crate::cloud) fn region(&self) -> &str {
        &self.region
    }

    /// Sends one request; any status but 2xx is an error in S3's words.
    ///
    /// # Errors
    /// What the store answered, or that it did not.
    pub(in crate::cloud) async fn send(&self, call: Call<'_>) -> Result<Answer, S3Error> {
        let answer = self.exchange(&call).await?;
        if answer.is_success() { Ok(answer) } else { Err(S3Error::of(call.name, &answer)) }
    }

    /// As [`S3::send`], for an answer that is XML.
    ///
    /// # Errors
    /// As [`S3::send`], and [`FailureKind::Unavailable`] when the answer is no XML of at most 8 MiB.
    pub(in crate::cloud) async fn send_xml(&self, call: Call<'_>) -> Result<Node, S3Error> {
        let name = call.name;
        let answer = self.send(call).await?;
        if answer.body.len() > LARGEST_XML {
            return Err(Failure::new(FailureKind::Invalid, name, "the answer is larger than 8 MiB").into());
        }
        let malformed = |what| Failure::new(FailureKind::Unavailable, name, format!("the answer is no XML: {what}"));
        Node::parse(&answer.body).map_err(|what| malformed(what).into())
    }

    /// Sends one request and returns the answer, whatever its status.
    async fn exchange(&self, call: &Call<'_>) -> Result<Answer, Failure> {
        let url = self.address(call)?;
        let mut request = reqwest::Request::new(call.method.clone(), url);
        let invalid = |what: &str| Failure::new(FailureKind::Invalid, call.name, what);
        for (name, value) in &call.headers {
            let value = value.parse().map_err(|_| invalid("a header holds what a header cannot"))?;
            request.headers_mut().insert(*name, value);
        }
        if !call.body.is_empty() {
            let sum = BASE64_STANDARD.encode(Md5::digest(&call.body));
            let sum = sum.parse().map_err(|_| invalid("the checksum is no header"))?;
            request.headers_mut().insert("content-md5", sum);
        }
        *request.body_mut() = Some(call.body.clone().into());
        let identity = self.keys.identity().await?;
        let scope = Scope { service: "s3", region: &self.region, unix_ms: self.clock.unix_ms() };
        sign(&mut request, &call.body, &identity, &scope)
            .map_err(|what| Failure::new(FailureKind::Credentials, call.name, what))?;
        rest::send(&self.client, call.name, request).await
    }

    fn address(&self, call: &Call<'_>) -> Result<Url, Failure> {
        let invalid = |what: &str| Failure::new(FailureKind::Invalid, call.name, what);
        let mut url = self.endpoint.clone();
        let mut path = url.path().trim_end_matches('/').to_owned();
        if let Some(bucket) = call.bucket {
            if !is_bucket_name(bucket) {
                return Err(invalid("a bucket's name is 3 to 63 of a-z, 0-9, . and -"));
            }
            match self.style {
                Style::Path => path = format!("{path}/{bucket}"),
                Style::Virtual => {
                    let host = url.host_str().ok_or_else(|| invalid("the endpoint has no host"))?;
                    let host = format!("{bucket}.{host}");
                    url.set_host(Some(&host)).map_err(|_| invalid("bucket and endpoint make no host name"))?;
                }
            }
        }
        if let Some(key) = call.key {
            // An address would lose these on its way, and another object would be meant.
            if key.is_empty() || key.split('/').any(|part| matches!(part, "." | "..")) {
                return Err(invalid("the key cannot stand in an address"));
            }
            path.push('/');
            encode(key, true, &mut path);
        }
        url.set_path(if path.is_empty() { "/" } else { &path });
        let mut query = String::new();
        for (name, value) in &call.query {
            query.push_str(if query.is_empty() { "" } else { "&" });
            encode(name, false, &mut query);
            query.push('=');
            encode(value, false, &mut query);
        }
        url.set_query(Some(query.as_str()).filter(|query| !query.is_empty()));
        Ok(url)
    }
}

/// Percent-encodes all but the unreserved characters of RFC 3986, as the signature wants it.
fn encode(text: &str, keep_slash: bool, into: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || keep_slash && byte == b'/' {
            into.push(char::from(byte));
        } else {
            into.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// Whether a bucket may have this name: 3 to 63 of a-z, 0-9, `.` and `-`, a letter or digit at both ends, and nothing
/// that an address could mistake for a path.
pub(in crate::cloud) fn is_bucket_name(name: &str) -> bool {
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && ends(bytes.first())
        && ends(bytes.last())
        && !name.contains("..")
        && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(byte))
}
