//! One HTTP call to a control plane: bounded in size and time, with transport faults in the words of the seam.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use serde_json::Value;

use super::control::{Failure, FailureKind};

/// The largest answer that is read: a page of a long list is far below it.
const LARGEST_ANSWER: usize = 32 << 20;

/// The longest that one call may take; what takes longer answers with an operation to poll.
const LONGEST_CALL: Duration = Duration::from_secs(60);

/// What a server answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: u16,
    /// The headers.
    pub(super) headers: HeaderMap,
    /// The body.
    pub(super) body: Bytes,
}

impl Answer {
    /// A header as text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Whether the status is 2xx.
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON; an empty one is null.
    ///
    /// # Errors
    /// [`FailureKind::Unavailable`] when it is none: a proxy or a gateway answered in the service's place.
    pub(super) fn json(&self, call: &str) -> Result<Value, Failure> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| Failure::new(FailureKind::Unavailable, call, format!("the answer is no JSON: {error}")))
    }

    /// `Retry-After` in milliseconds, where it counts seconds.
    pub(super) fn retry_after_ms(&self) -> Option<u64> {
        self.header("retry-after")?.trim().parse::<u64>().ok().map(|seconds| seconds.saturating_mul(1000))
    }
}

/// Sends one request and reads the whole answer, whatever its status.
///
/// # Errors
/// [`FailureKind::Unreachable`] when no whole answer came: the call may have taken effect. When not even a connection
/// was made, [`FailureKind::Unavailable`]: it has not.
pub(super) async fn send(client: &reqwest::Client, call: &str, request: reqwest::Request) -> Result<Answer, Failure> {
    let exchange = async {
        let mut response = client.execute(request).await.map_err(|error| transport(call, &error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = BytesMut::new();
        while let Some(part) = response.chunk().await.map_err(|error| transport(call, &error))? {
            if body.len() + part.len() > LARGEST_ANSWER {
                return Err(Failure::new(FailureKind::Invalid, call, "the answer is larger than 32 MiB"));
            }
            body.extend_from_slice(&part);
        }
        Ok(Answer { status, headers, body: body.freeze() })
    };
    match tokio::time::timeout(LONGEST_CALL, exchange).await {
        Ok(result) => result,
        Err(_) => Err(Failure::new(FailureKind::Unreachable, call, "no answer within 60 s")),
    }
}

fn transport(call: &str, error: &reqwest::Error) -> Failure {
    let kind = if error.is_connect() { FailureKind::Unavailable } else { FailureKind::Unreachable };
    // The address may hold a signature, which is as good as a key for a while.
    let mut message = String::new();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(inner) = cause {
        message = inner.to_string();
        cause = inner.source();
    }
    if message.is_empty() {
        "the connection failed".clone_into(&mut message);
    }
    Failure::new(kind, call, message)
}
