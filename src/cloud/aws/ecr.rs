//! The way into Elastic Container Registry.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use url::Url;

use super::{call::Wire, endpoint::ECR};
use crate::{
    cloud::control::{Failure, FailureKind, Live, RegistryLogin},
    project::Secret,
};

/// The type of its repositories.
pub(super) const REPOSITORY: &str = "AWS::ECR::Repository";

/// What stands before its actions, and the version of JSON that it speaks.
pub(super) const PROTOCOL: (&str, &str) = ("AmazonEC2ContainerRegistry_V20150921", "1.1");

/// A login for twelve hours, for the registry of the account in the region of `repository`.
///
/// # Errors
/// When the call failed, or its answer holds no login.
pub(super) async fn login(wire: &Wire, repository: &Live) -> Result<RegistryLogin, Failure> {
    const CALL: &str = "ecr:GetAuthorizationToken";
    let strange = |what: &str| Failure::new(FailureKind::Unavailable, CALL, what);
    let answer = wire.json(ECR, &repository.region, PROTOCOL, "GetAuthorizationToken", &json!({})).await?;
    let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str);
    let token = text("/authorizationData/0/authorizationToken").ok_or_else(|| strange("the answer holds no token"))?;
    let pair = STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let pair = Secret::new(pair.ok_or_else(|| strange("the token is not in base64"))?);
    let (username, password) =
        pair.expose().split_once(':').ok_or_else(|| strange("the token is no user and password"))?;
    let endpoint = text("/authorizationData/0/proxyEndpoint").and_then(|text| Url::parse(text).ok());
    let endpoint = endpoint.ok_or_else(|| strange("the answer does not name the registry"))?;
    let host = endpoint.host_str().unwrap_or_default();
    let host = endpoint.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let name = repository.properties.get("RepositoryName").and_then(Value::as_str);
    Ok(RegistryLogin {
        host,
        repository: name.unwrap_or(&repository.id).to_owned(),
        username: username.to_owned(),
        password: Secret::new(password.to_owned()),
    })
}
