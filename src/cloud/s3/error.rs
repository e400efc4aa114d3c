//! What a store's refusal means.

use super::{
    super::{
        control::{Failure, FailureKind},
        rest::Answer,
    },
    Node,
};

/// A refused or failed call, with S3's own word for it, for callers that know more of the situation than the kind says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cloud) struct S3Error {
    /// S3's code (`NoSuchBucket`); empty where no answer came or it had none.
    pub(in crate::cloud) code: String,
    /// The status; 0 where no answer came.
    pub(in crate::cloud) status: u16,
    /// The same in the words of the seam.
    pub(in crate::cloud) failure: Failure,
}

impl From<Failure> for S3Error {
    fn from(failure: Failure) -> Self {
        Self { code: String::new(), status: 0, failure }
    }
}

impl From<S3Error> for Failure {
    fn from(error: S3Error) -> Self {
        error.failure
    }
}

impl S3Error {
    /// What an answer that is no success means.
    pub(in crate::cloud) fn of(call: &str, answer: &Answer) -> Self {
        // HEAD has no body, proxies answer with pages of their own: then the status is all there is.
        let document = Node::parse(&answer.body).ok().filter(|node| node.name == "Error");
        let word = |name: &str| document.as_ref().and_then(|node| node.get(&[name])).unwrap_or_default();
        let code: String = word("Code").chars().take(100).filter(char::is_ascii_alphanumeric).collect();
        let kind = kind(&code, answer.status);
        let message = match (code.as_str(), word("Message")) {
            ("", "") => format!("the store answered with status {}", answer.status),
            (code, message) => format!("{code}: {message}"),
        };
        let mut failure = Failure::new(kind, call, message);
        failure.request_id = answer
            .header("x-amz-request-id")
            .map(|id| id.chars().take(100).collect())
            .filter(|id: &String| !id.is_empty());
        failure.retry_after_ms = answer.retry_after_ms();
        failure.next_step = next_step(&code).map(str::to_owned);
        Self { code, status: answer.status, failure }
    }

    /// Whether the store does not know this operation at all.
    pub(in crate::cloud) fn is_unsupported(&self) -> bool {
        self.failure.kind == FailureKind::Unsupported
    }

    /// Whether the bucket stands and just has no such configuration.
    pub(in crate::cloud) fn is_unset(&self) -> bool {
        matches!(
            self.code.as_str(),
            "NoSuchTagSet"
                | "NoSuchTagSetError"
                | "NoSuchLifecycleConfiguration"
                | "NoSuchBucketPolicy"
                | "NoSuchPublicAccessBlockConfiguration"
                | "NoSuchCORSConfiguration"
                | "NoSuchConfiguration"
                | "ServerSideEncryptionConfigurationNotFoundError"
                | "ObjectLockConfigurationNotFoundError"
                | "OwnershipControlsNotFoundError"
                | "ReplicationConfigurationNotFoundError"
        )
    }
}

fn kind(code: &str, status: u16) -> FailureKind {
    match code {
        "NoSuchBucket" | "NoSuchKey" | "NoSuchVersion" | "NoSuchUpload" => FailureKind::NotFound,
        "BucketAlreadyExists" | "BucketAlreadyOwnedByYou" => FailureKind::Exists,
        "OperationAborted" | "ConditionalRequestConflict" | "PreconditionFailed" => FailureKind::Busy,
        "SlowDown"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequests"
        | "RequestLimitExceeded"
        | "RequestThrottled" => FailureKind::Throttled,
        "ServiceUnavailable" | "InternalError" | "RequestTimeout" => FailureKind::Unavailable,
        "AccessDenied" | "AllAccessDisabled" | "AccountProblem" | "InvalidPayer" | "XMinioAdminAccessDenied" => {
            FailureKind::Denied
        }
        "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "InvalidToken"
        | "TokenRefreshRequired"
        | "RequestTimeTooSkewed"
        | "RequestExpired"
        | "NotSignedUp"
        | "CredentialsNotSupported" => FailureKind::Credentials,
        "NotImplemented" | "MethodNotAllowed" | "UnsupportedOperation" | "NotSupported" | "NotSupportedError" => {
            FailureKind::Unsupported
        }
        "TooManyBuckets" | "QuotaExceeded" | "ServiceQuotaExceededException" => FailureKind::Quota,
        "BucketNotEmpty" | "ObjectLocked" => FailureKind::Protected,
        _ => match status {
            401 => FailureKind::Credentials,
            403 => FailureKind::Denied,
            404 => FailureKind::NotFound,
            405 | 501 => FailureKind::Unsupported,
            409 | 412 => FailureKind::Busy,
            429 => FailureKind::Throttled,
            500 | 502 | 503 | 504 => FailureKind::Unavailable,
            _ => FailureKind::Invalid,
        },
    }
}

fn next_step(code: &str) -> Option<&'static str> {
    match code {
        "RequestTimeTooSkewed" => Some("set the clock of this machine, or of the store"),
        "InvalidAccessKeyId" | "SignatureDoesNotMatch" => {
            Some("check access_key and secret_key of the store in wildcam.toml, and its region")
        }
        "ExpiredToken" => Some("sign in again and run the same command"),
        _ => None,
    }
}
