//! The way into Container Registry: who we are to Entra, exchanged for a token of the registry.

use http::header::{CONTENT_TYPE, HeaderValue};
use reqwest::Method;
use serde_json::Value;
use url::{Url, form_urlencoded::Serializer};

use super::{Azure, errors};
use crate::{
    cloud::{
        control::{Failure, FailureKind, Live, RegistryLogin},
        rest,
    },
    project::Secret,
};

/// The type.
pub(super) const REGISTRY: &str = "Microsoft.ContainerRegistry/registries";

/// Whom tokens are for that registries take, also those that refuse tokens for the control plane.
const SCOPE: &str = "https://containerregistry.azure.net/.default";

/// The user that stands for a token.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// The repository in it: the registry holds nothing else, and makes a repository with its first image.
const GATEWAY: &str = "gateway";

impl Azure {
    /// A login for the registry; the token holds for three hours.
    pub(super) async fn login_to(&self, registry: &Live) -> Result<RegistryLogin, Failure> {
        const CALL: &str = "POST registry /oauth2/exchange";
        let strange = |what: &str| Failure::new(FailureKind::Unavailable, CALL, what);
        let host = registry.properties.pointer("/properties/loginServer").and_then(Value::as_str).unwrap_or_default();
        let own = Url::parse(&format!("https://{host}/")).ok().filter(|url| url.host_str().is_some_and(is_registry));
        let base = self.registry.clone().or(own).ok_or_else(|| strange("the registry does not tell its address"))?;
        let url = self.arm.joined(&base, &["oauth2", "exchange"]);
        let mut token = self.arm.tokens.get(SCOPE).await?;
        for last in [false, true] {
            let form = Secret::new(
                Serializer::new(String::new())
                    .append_pair("grant_type", "access_token")
                    .append_pair("service", host)
                    .append_pair("access_token", token.expose())
                    .finish(),
            );
            let mut request = reqwest::Request::new(Method::POST, url.clone());
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
            request.headers_mut().insert(CONTENT_TYPE, kind);
            *request.body_mut() = Some(form.expose().to_owned().into());
            let answer = rest::send(&self.arm.client, CALL, request).await?;
            if answer.status == 401 && !last {
                token = self.arm.tokens.instead_of(&token, SCOPE).await?;
                continue;
            }
            if !answer.is_success() {
                return Err(errors::of_answer(CALL, errors::Doing::Reading, &answer));
            }
            let refresh = answer.json(CALL)?.get("refresh_token").and_then(Value::as_str).map(str::to_owned);
            return Ok(RegistryLogin {
                host: host.to_owned(),
                repository: GATEWAY.to_owned(),
                username: NOBODY.to_owned(),
                password: Secret::new(refresh.ok_or_else(|| strange("the answer holds no token"))?),
            });
        }
        Err(Failure::new(FailureKind::Credentials, CALL, "no token is taken"))
    }
}

/// Tokens go to Azure's own registries only.
fn is_registry(host: &str) -> bool {
    [".azurecr.io", ".azurecr.us", ".azurecr.cn"].iter().any(|end| host.ends_with(end))
}
