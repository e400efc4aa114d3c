//! AWS Signature Version 4 on a request of reqwest.

use std::time::{Duration, UNIX_EPOCH};

use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode,
    },
    sign::v4,
};
use aws_smithy_runtime_api::client::identity::Identity;

/// What a signature is valid for.
#[derive(Clone, Copy, Debug)]
pub(in crate::cloud) struct Scope<'a> {
    /// The service, in AWS's short word: `s3`.
    pub(in crate::cloud) service: &'a str,
    /// The region.
    pub(in crate::cloud) region: &'a str,
    /// The time, milliseconds since 1970.
    pub(in crate::cloud) unix_ms: u64,
}

/// Signs `request`, whose body is `body`, in its headers. S3 signs paths as they are sent; the other services encode
/// them once more.
///
/// # Errors
/// What the signature cannot cover, in words without secrets.
pub(in crate::cloud) fn sign(
    request: &mut reqwest::Request,
    body: &[u8],
    identity: &Identity,
    scope: &Scope<'_>,
) -> Result<(), String> {
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    if scope.service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    let parameters = v4::SigningParams::builder()
        .identity(identity)
        .region(scope.region)
        .name(scope.service)
        .time(UNIX_EPOCH + Duration::from_millis(scope.unix_ms))
        .settings(settings)
        .build()
        .map_err(|error| error.to_string())?
        .into();
    let mut headers = Vec::with_capacity(request.headers().len());
    for (name, value) in request.headers() {
        let value = value.to_str().map_err(|_| format!("the header {name} is no text"))?;
        headers.push((name.as_str(), value));
    }
    let signable = SignableRequest::new(
        request.method().as_str(),
        request.url().as_str(),
        headers.into_iter(),
        SignableBody::Bytes(body),
    )
    .map_err(|error| error.to_string())?;
    let (instructions, _) =
        aws_sigv4::http_request::sign(signable, &parameters).map_err(|error| error.to_string())?.into_parts();
    for (name, value) in instructions.headers() {
        let name = http::HeaderName::try_from(name).map_err(|error| error.to_string())?;
        let mut value = http::HeaderValue::try_from(value).map_err(|error| error.to_string())?;
        value.set_sensitive(name == http::header::AUTHORIZATION || name == "x-amz-security-token");
        request.headers_mut().insert(name, value);
    }
    Ok(())
}
