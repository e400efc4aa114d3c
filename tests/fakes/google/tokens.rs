//! Tokens: a service account's own, those of a federation, and who may call with them.

use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{DEPLOYER, world::Refusal, world::World};

/// What GitHub's own endpoint asks for, and gives.
const WORKFLOW: &str = "workflow-request-token";
const IDENTITY: &str = "an.identity.token";

fn oauth(error: &str) -> Refusal {
    Refusal::new(400, "OAUTH", error)
}

pub(crate) fn give(world: &mut World) -> String {
    let token = format!("ya29.fake-{}", world.next());
    let until = Instant::now() + Duration::from_secs(world.token_life);
    world.tokens.insert(token.clone(), until);
    world.tokens_given += 1;
    token
}

/// A form of a token endpoint.
pub(crate) fn exchange(world: &mut World, path: &str, form: &[(String, String)]) -> Result<Value, Refusal> {
    if !world.gives_tokens {
        return Err(oauth("invalid_grant"));
    }
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    match (path, field("grant_type")) {
        ("/token", Some("urn:ietf:params:oauth:grant-type:jwt-bearer")) => {
            let url = format!("{}/token", world.url);
            check_assertion(field("assertion").unwrap_or_default(), &url)?;
        }
        ("/token", Some("refresh_token")) => {
            if field("refresh_token") != Some("a-refresh-token")
                || field("client_secret") != Some("not-much-of-a-secret")
            {
                return Err(oauth("invalid_grant"));
            }
        }
        ("/v1/token", Some("urn:ietf:params:oauth:grant-type:token-exchange")) => {
            let audience = field("audience").unwrap_or_default();
            if field("subject_token") != Some(IDENTITY) || !audience.starts_with("//iam.googleapis.com/projects/") {
                return Err(oauth("invalid_grant"));
            }
        }
        _ => return Err(oauth("unsupported_grant_type")),
    }
    let life = world.token_life;
    let token = give(world);
    Ok(json!({ "access_token": token, "expires_in": life, "token_type": "Bearer" }))
}

/// The claims of RFC 7523. The signature is not checked: that is between gcp_auth and the real Google.
fn check_assertion(assertion: &str, audience: &str) -> Result<(), Refusal> {
    let parts: Vec<&str> = assertion.split('.').collect();
    let [_, claims, signature] = parts.as_slice() else { return Err(oauth("invalid_grant")) };
    let claims = URL_SAFE_NO_PAD.decode(claims).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let claims = claims.ok_or_else(|| oauth("invalid_grant"))?;
    let number = |name: &str| claims[name].as_u64().unwrap_or_default();
    let signed = URL_SAFE_NO_PAD.decode(signature).is_ok_and(|bytes| bytes.len() == 256);
    let good = claims["iss"] == DEPLOYER
        && claims["aud"] == audience
        && claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"
        && number("exp") > number("iat")
        && number("exp") - number("iat") <= 3600;
    if good && signed { Ok(()) } else { Err(oauth("invalid_grant")) }
}

/// GitHub's endpoint for the identity token of a workflow.
pub(crate) fn github(bearer: &str, query: &[(String, String)]) -> Result<Value, Refusal> {
    let audience = query.iter().any(|(name, value)| name == "audience" && value.starts_with("//iam.googleapis.com/"));
    if bearer != WORKFLOW || !audience {
        return Err(Refusal::new(401, "UNAUTHENTICATED", "not a workflow"));
    }
    Ok(json!({ "value": IDENTITY }))
}

/// The metadata server of a machine at Google.
pub(crate) fn metadata(world: &mut World, path: &str, flavour: bool) -> Result<Value, Refusal> {
    if !flavour {
        return Err(Refusal::new(403, "PERMISSION_DENIED", "Missing required header: Metadata-Flavor"));
    }
    match path.rsplit('/').next() {
        Some("email") => Ok(DEPLOYER.into()),
        Some("token") => {
            let life = world.token_life;
            Ok(json!({ "access_token": give(world), "expires_in": life, "token_type": "Bearer" }))
        }
        _ => Err(Refusal::not_found(path)),
    }
}

/// A token of an account, for a token that may borrow it.
pub(crate) fn borrow(world: &mut World) -> Value {
    let token = give(world);
    json!({ "accessToken": token, "expireTime": "2030-01-01T00:00:00Z" })
}

/// Whether a call may be made.
pub(crate) fn check(world: &World, bearer: &str) -> Result<(), Refusal> {
    match world.tokens.get(bearer) {
        Some(until) if *until > Instant::now() => Ok(()),
        _ => Err(Refusal::new(
            401,
            "UNAUTHENTICATED",
            "Request had invalid authentication credentials. Expected OAuth 2 access token.",
        )),
    }
}
