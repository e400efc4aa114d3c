//! Tokens: who gets one, and which are taken.

use std::collections::BTreeMap;

use serde_json::json;
use url::Url;

use super::{CLIENT, Call, Reply, SECRET, TENANT};

/// What a federated token says in the tests: from GitHub, or from a file.
pub(crate) const ASSERTION: &str = "header.payload.signature";
/// What a job of GitHub shows to get one.
pub(crate) const JOB: &str = "job-token";
/// What a managed identity shows to get a token.
pub(crate) const HEADER: &str = "identity-header";

#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) given: u32,
    pub(super) refuse: bool,
    control: String,
    good: BTreeMap<String, String>,
}

impl Tokens {
    pub(super) fn new(url: &Url) -> Self {
        let control = format!("{}/.default", url.as_str().trim_end_matches('/'));
        Self { given: 0, refuse: false, control, good: BTreeMap::new() }
    }

    pub(super) fn expire(&mut self) {
        self.good.clear();
    }

    fn give(&mut self, scope: &str) -> String {
        self.given += 1;
        let token = format!("token-{}", self.given);
        self.good.insert(token.clone(), scope.to_owned());
        token
    }

    /// Whether a call to the control plane may pass.
    pub(super) fn check(&self, call: &Call) -> Result<(), Reply> {
        self.check_for(call, &self.control)
    }

    pub(super) fn check_for(&self, call: &Call, scope: &str) -> Result<(), Reply> {
        let refused = |code: &str, message: &str| {
            Err(Reply::error(401, code, message).with("www-authenticate", "Bearer error=\"invalid_token\""))
        };
        let Some(token) = call.header("authorization").and_then(|text| text.strip_prefix("Bearer ")) else {
            return refused("AuthenticationFailed", "The 'Authorization' header is missing.");
        };
        match self.good.get(token) {
            Some(of) if of == scope && !self.refuse => Ok(()),
            Some(of) if of != scope => refused("InvalidAuthenticationTokenAudience", "The audience is another."),
            _ => refused("ExpiredAuthenticationToken", "The access token expiry UTC time has passed."),
        }
    }

    /// Answers a call to one of the token services; `None` where it is none.
    pub(super) fn answer(&mut self, call: &Call) -> Option<Reply> {
        let entra = format!("/{TENANT}/oauth2/v2.0/token");
        Some(match call.path.as_str() {
            path if path == entra => self.entra(call),
            path if path.ends_with("/oauth2/v2.0/token") => Reply::new(
                400,
                json!({ "error_codes": [90002], "error_description": "AADSTS90002: Tenant not found." }),
            ),
            "/github/token" => {
                let good = call.header("authorization") == Some(&format!("Bearer {JOB}"))
                    && call.query.get("audience").is_some_and(|text| text == "api://AzureADTokenExchange");
                if good { Reply::new(200, json!({ "value": ASSERTION })) } else { Reply::empty(401) }
            }
            "/msi/token" => {
                let good = call.header("x-identity-header") == Some(HEADER)
                    && call.query.get("api-version").is_some_and(|text| text == "2019-08-01");
                if good { self.managed(call) } else { Reply::empty(401) }
            }
            "/registry/oauth2/exchange" => self.exchange(call),
            "/metadata/identity/oauth2/token" => {
                if call.header("metadata") == Some("true") {
                    self.managed(call)
                } else {
                    Reply::empty(400)
                }
            }
            _ => return None,
        })
    }

    fn entra(&mut self, call: &Call) -> Reply {
        let form: BTreeMap<String, String> = url::form_urlencoded::parse(&call.body).into_owned().collect();
        let is = |key: &str, value: &str| form.get(key).is_some_and(|text| text == value);
        let by_secret = is("client_secret", SECRET);
        let by_assertion = is("client_assertion", ASSERTION)
            && is("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        if !is("client_id", CLIENT) || !is("grant_type", "client_credentials") || !(by_secret || by_assertion) {
            let said = json!({ "error_codes": [7000215],
                "error_description": "AADSTS7000215: Invalid client secret provided." });
            return Reply::new(401, said);
        }
        let token = self.give(form.get("scope").map(String::as_str).unwrap_or_default());
        Reply::new(
            200,
            json!({ "token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599,
            "access_token": token }),
        )
    }

    /// A token of Entra becomes one of a registry (azure.github.io/acr/AAD-OAuth.html).
    fn exchange(&self, call: &Call) -> Reply {
        let form: BTreeMap<String, String> = url::form_urlencoded::parse(&call.body).into_owned().collect();
        let text = |key: &str| form.get(key).map(String::as_str).unwrap_or_default();
        let formed = call.method == "POST"
            && call.header("content-type") == Some("application/x-www-form-urlencoded")
            && text("grant_type") == "access_token"
            && text("service").ends_with(".azurecr.io")
            && form.keys().all(|key| ["grant_type", "service", "tenant", "access_token"].contains(&key.as_str()));
        let error = |status: u16, code: &str| {
            Reply::new(status, json!({ "errors": [{ "code": code, "message": "no", "detail": null }] }))
        };
        match self.good.get(text("access_token")) {
            _ if !formed => error(400, "BAD_REQUEST"),
            Some(scope) if scope == "https://containerregistry.azure.net/.default" && !self.refuse => {
                Reply::new(200, json!({ "refresh_token": format!("for-{}", text("service")) }))
            }
            _ => error(401, "UNAUTHORIZED"),
        }
    }

    fn managed(&mut self, call: &Call) -> Reply {
        let resource = call.query.get("resource").cloned().unwrap_or_default();
        let token = self.give(&format!("{resource}/.default"));
        let until = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 3600;
        Reply::new(
            200,
            json!({ "token_type": "Bearer", "resource": resource, "access_token": token,
            "expires_on": until.to_string() }),
        )
    }
}
