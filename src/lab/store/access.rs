use std::sync::Arc;

use s3s::{
    S3Request, S3Result,
    access::{S3Access, S3AccessContext},
    auth::{S3Auth, SecretKey},
    s3_error,
};

use super::Credentials;

/// Who sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Writer,
    Administrator,
}

impl Role {
    /// The role that [`Rules`] found for this request.
    pub(super) fn of<T>(request: &S3Request<T>) -> S3Result<Self> {
        request.extensions.get::<Self>().copied().ok_or_else(|| s3_error!(AccessDenied))
    }
}

/// The two credentials.
pub(super) struct Guard {
    writer: Credentials,
    administrator: Credentials,
}

impl Guard {
    pub(super) fn new(writer: Credentials, administrator: Credentials) -> Self {
        Self { writer, administrator }
    }

    fn role(&self, key_id: &str) -> Option<Role> {
        if key_id == self.administrator.key_id {
            Some(Role::Administrator)
        } else if key_id == self.writer.key_id {
            Some(Role::Writer)
        } else {
            None
        }
    }
}

/// Gives the protocol library the secret that a signature must have been made with.
pub(super) struct Keys(pub(super) Arc<Guard>);

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        match self.0.role(access_key) {
            Some(Role::Writer) => Ok(self.0.writer.secret.clone()),
            Some(Role::Administrator) => Ok(self.0.administrator.secret.clone()),
            None => Err(s3_error!(InvalidAccessKeyId)),
        }
    }
}

/// Decides by operation. What also depends on the request (deleting a version, lifting a retention) is decided where it
/// is done.
pub(super) struct Rules(pub(super) Arc<Guard>);

const FOR_EVERYBODY: &[&str] = &[
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateMultipartUpload",
    "DeleteObject",
    "DeleteObjects",
    "GetBucketLocation",
    "GetBucketVersioning",
    "GetObject",
    "GetObjectLegalHold",
    "GetObjectLockConfiguration",
    "GetObjectRetention",
    "HeadBucket",
    "HeadObject",
    "ListBuckets",
    "ListMultipartUploads",
    "ListObjectVersions",
    "ListObjects",
    "ListObjectsV2",
    "ListParts",
    "PutObject",
    "PutObjectRetention",
    "UploadPart",
    "UploadPartCopy",
];

const FOR_THE_ADMINISTRATOR: &[&str] =
    &["CreateBucket", "DeleteBucket", "PutBucketVersioning", "PutObjectLegalHold", "PutObjectLockConfiguration"];

#[async_trait::async_trait]
impl S3Access for Rules {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let role = context.credentials().and_then(|credentials| self.0.role(&credentials.access_key));
        let Some(role) = role else {
            return Err(s3_error!(AccessDenied, "a signature is required"));
        };
        // The library also accepts Signature Version 2, which covers neither the body nor a time.
        let fourth = match context.headers().get(http::header::AUTHORIZATION) {
            Some(value) => value.as_bytes().starts_with(b"AWS4-HMAC-SHA256"),
            None => context.uri().query().is_some_and(|query| query.contains("X-Amz-Signature=")),
        };
        if !fourth {
            return Err(s3_error!(AccessDenied, "only Signature Version 4 is accepted"));
        }
        let operation = context.s3_op().name();
        if FOR_THE_ADMINISTRATOR.contains(&operation) {
            if role != Role::Administrator {
                return Err(s3_error!(AccessDenied, "{operation} is for the administrator"));
            }
        } else if !FOR_EVERYBODY.contains(&operation) {
            return Err(s3_error!(NotImplemented, "{operation} is not part of this store"));
        }
        context.extensions_mut().insert(role);
        Ok(())
    }
}
