//! What Azure's error codes mean in the words of the seam.

use serde_json::Value;

use crate::cloud::{
    control::{Failure, FailureKind},
    rest::Answer,
};

/// Which call failed: some codes mean another thing when something is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// Something is read or listed.
    Reading,
    /// Something is made or changed.
    Writing,
    /// Something is deleted.
    Deleting,
}

/// Codes whose meaning does not depend on the status. A code of a provider that is not here is judged by its status.
const CODES: [(&str, FailureKind); 72] = [
    ("AccountIsDisabled", FailureKind::Denied),
    ("AlreadyExists", FailureKind::Exists),
    ("AnotherOperationInProgress", FailureKind::Busy),
    ("AuthorizationFailed", FailureKind::Denied),
    ("CannotDeleteResource", FailureKind::Busy),
    ("ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity", FailureKind::Busy),
    ("Conflict", FailureKind::Busy),
    ("ConflictingConcurrentWriteNotAllowed", FailureKind::Busy),
    ("ConflictingServerOperation", FailureKind::Busy),
    ("ContainerHasImmutabilityPolicy", FailureKind::Protected),
    ("ContainerImmutableStorageWithVersioningEnabled", FailureKind::Protected),
    ("ContainerOperationFailure", FailureKind::Busy),
    ("ContainerProtectedFromDeletion", FailureKind::Protected),
    ("CoreQuotaExceeded", FailureKind::Quota),
    ("ExclusiveResourceOperation", FailureKind::Busy),
    ("ExpiredAuthenticationToken", FailureKind::Credentials),
    ("FeatureNotSupportedForAccount", FailureKind::Unsupported),
    ("Forbidden", FailureKind::Denied),
    ("ForbiddenByRbac", FailureKind::Denied),
    ("GatewayTimeout", FailureKind::Unavailable),
    ("InUseSubnetCannotBeDeleted", FailureKind::Busy),
    ("InvalidAuthenticationToken", FailureKind::Credentials),
    ("InvalidAuthenticationTokenTenant", FailureKind::Credentials),
    ("InvalidResourceLocation", FailureKind::Exists),
    ("KeyVaultAuthenticationFailure", FailureKind::NotYet),
    ("LinkedAuthorizationFailed", FailureKind::Denied),
    ("LocationNotAvailableForResourceType", FailureKind::Unsupported),
    ("LockedByImmutabilityPolicy", FailureKind::Protected),
    ("MaxNumberOfRegionalEnvironmentsInSubExceeded", FailureKind::Quota),
    ("MaxStorageAccountsCountPerSubscriptionExceeded", FailureKind::Quota),
    ("MissingSubscription", FailureKind::Denied),
    ("MissingSubscriptionRegistration", FailureKind::Unsupported),
    ("NameAlreadyExists", FailureKind::Exists),
    ("NoRegisteredProviderFound", FailureKind::Unsupported),
    ("ObjectIsBeingDeleted", FailureKind::Busy),
    ("ObjectIsBeingRecovered", FailureKind::Busy),
    ("ObjectIsDeletedButRecoverable", FailureKind::SoftDeleted),
    ("OperationInProgress", FailureKind::Busy),
    ("PreconditionFailed", FailureKind::Busy),
    ("PrincipalNotFound", FailureKind::NotYet),
    ("ProvisioningDisabled", FailureKind::Unsupported),
    ("QuotaExceeded", FailureKind::Quota),
    ("ReadOnlyDisabledSubscription", FailureKind::Denied),
    ("RegionNotSupported", FailureKind::Unsupported),
    ("RequestDisallowedByPolicy", FailureKind::Denied),
    ("ResourceCountExceedsLimitDueToTemplate", FailureKind::Quota),
    ("ResourceGroupBeingDeleted", FailureKind::Busy),
    ("ResourceQuotaExceeded", FailureKind::Quota),
    ("RetryableError", FailureKind::Busy),
    ("RoleAssignmentExists", FailureKind::Exists),
    ("RoleAssignmentLimitExceeded", FailureKind::Quota),
    ("RoleAssignmentUpdateNotPermitted", FailureKind::Exists),
    ("ScopeLocked", FailureKind::Protected),
    ("ServerBusy", FailureKind::Busy),
    ("ServerIsBusy", FailureKind::Busy),
    ("ServerNameAlreadyExists", FailureKind::Exists),
    ("ServerTimeout", FailureKind::Unavailable),
    ("ServiceUnavailable", FailureKind::Unavailable),
    ("SkuNotAvailable", FailureKind::Unsupported),
    ("SkuNotSupported", FailureKind::Unsupported),
    ("StorageAccountAlreadyExists", FailureKind::Exists),
    ("StorageAccountAlreadyTaken", FailureKind::Exists),
    ("StorageAccountOperationInProgress", FailureKind::Busy),
    ("SubscriptionNotFound", FailureKind::Denied),
    ("SubscriptionQuotaExceeded", FailureKind::Quota),
    ("SubscriptionRequestsThrottled", FailureKind::Throttled),
    ("TooManyRequests", FailureKind::Throttled),
    ("VaultAlreadyExists", FailureKind::Exists),
    ("VnetAddressSpaceConflict", FailureKind::Invalid),
    ("ZoneRedundancyNotSupported", FailureKind::Unsupported),
    ("ZonalAllocationFailed", FailureKind::Unsupported),
    ("AllocationFailed", FailureKind::Unsupported),
];

/// The code and the message of an error, wherever in its body the service put them.
fn code_and_message(body: &Value) -> (String, String) {
    let error = body.get("error").unwrap_or(body);
    let text = |key: &str| {
        let value = error.get(key).or_else(|| error.get(capital(key)));
        value.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let (mut code, mut message) = (text("code"), text("message"));
    // Some services wrap the error that matters.
    let inner = error.get("details").and_then(Value::as_array).and_then(|details| details.first());
    if let Some(inner) = inner
        && meaning(&code, &message).is_none()
        && let Some(found) = inner.get("code").and_then(Value::as_str)
    {
        found.clone_into(&mut code);
        if let Some(text) = inner.get("message").and_then(Value::as_str) {
            text.clone_into(&mut message);
        }
    }
    (code, message)
}

fn capital(key: &str) -> String {
    let mut letters = key.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What a code means; `None` where nothing is known of it.
fn meaning(code: &str, message: &str) -> Option<FailureKind> {
    let lower = message.to_lowercase();
    let says = |words: &str| lower.contains(words);
    match code {
        // Key Vault answers thus both to two changes at a time and to a name that is kept.
        "ConflictError" | "VaultAlreadyExists" if says("deleted state") || says("soft delete") => {
            return Some(FailureKind::SoftDeleted);
        }
        "ConflictError" => return Some(FailureKind::Busy),
        "Conflict" if says("deleted but recoverable") => return Some(FailureKind::SoftDeleted),
        "Conflict" | "OperationNotAllowed" if says("quota") => return Some(FailureKind::Quota),
        // The rights of an identity that were given a moment ago.
        "InvalidParameterValueInContainerTemplate" | "ContainerAppSecretKeyVaultUrlInvalid"
            if says("managed identity") =>
        {
            return Some(FailureKind::NotYet);
        }
        _ => {}
    }
    let known = CODES.iter().find(|(known, _)| known.eq_ignore_ascii_case(code));
    known.map(|(_, kind)| *kind).or_else(|| code.ends_with("QuotaExceeded").then_some(FailureKind::Quota))
}

/// What to do about it, where that is not clear from the kind.
fn next_step(code: &str, kind: FailureKind) -> Option<String> {
    let step = match (kind, code) {
        (_, "SkuNotAvailable" | "SkuNotSupported" | "AllocationFailed" | "ZonalAllocationFailed") => {
            "choose another region in wildcam.toml, or another size in a template of your own"
        }
        (FailureKind::Quota, _) => {
            "ask for more under Quotas in the Azure portal, or choose another region; `wildcam doctor --cloud` shows \
             what is used"
        }
        (_, "RequestDisallowedByPolicy") => "a policy of your organisation forbids it: ask who owns the subscription",
        (FailureKind::Denied, _) => {
            "give the identity Contributor and Role Based Access Control Administrator on the subscription or group; \
             `wildcam doctor --cloud` lists what is missing"
        }
        (FailureKind::Credentials, _) => {
            "sign in again: az login, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and a secret"
        }
        (FailureKind::SoftDeleted, "ObjectIsDeletedButRecoverable" | "Conflict") => {
            "recover it (az keyvault secret recover, az keyvault key recover) and deploy again"
        }
        (FailureKind::SoftDeleted, _) => {
            "recover it (az keyvault recover --name NAME) and deploy again, or purge it where that is allowed"
        }
        (FailureKind::Protected, "ScopeLocked") => "somebody locked it: az lock list, then az lock delete",
        (FailureKind::Unsupported, "LocationNotAvailableForResourceType" | "RegionNotSupported") => {
            "choose a region that offers it: `wildcam doctor --cloud` lists them"
        }
        _ => return None,
    };
    Some(step.to_owned())
}

/// The failure that an error in the body of an operation stands for.
pub(super) fn of_operation(call: &str, body: &Value) -> Failure {
    let (code, message) = code_and_message(body);
    build(call, &code, &message, meaning(&code, &message).unwrap_or(FailureKind::Invalid))
}

/// The failure that an answer with an error status stands for.
pub(super) fn of_answer(call: &str, doing: Doing, answer: &Answer) -> Failure {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let (code, message) = code_and_message(&body);
    let missing =
        matches!(code.as_str(), "ResourceNotFound" | "NotFound" | "ResourceGroupNotFound" | "ParentResourceNotFound");
    let kind = match (answer.status, meaning(&code, &message)) {
        (401, _) => FailureKind::Credentials,
        // What a new resource stands in was made a moment ago, and is not known everywhere yet.
        (404, None) if doing == Doing::Writing && missing => FailureKind::NotYet,
        (404, None) if code == "InvalidResourceType" => FailureKind::Unsupported,
        (404, None) => FailureKind::NotFound,
        (429, _) => FailureKind::Throttled,
        (_, Some(kind)) => kind,
        (403, None) => FailureKind::Denied,
        (409, None) => FailureKind::Busy,
        (412, None) => FailureKind::Busy,
        (408, None) | (503, None) => FailureKind::Unavailable,
        // The service may have begun what it could not answer.
        (500 | 502 | 504, None) if doing == Doing::Reading => FailureKind::Unavailable,
        (500 | 502 | 504, None) => FailureKind::Unreachable,
        _ => FailureKind::Invalid,
    };
    let mut failure = if message.is_empty() && code.is_empty() {
        build(call, "", &format!("the answer has the status {}", answer.status), kind)
    } else {
        build(call, &code, &message, kind)
    };
    failure.request_id = answer.header("x-ms-request-id").map(|id| id.chars().take(100).collect());
    failure.retry_after_ms = answer.retry_after_ms();
    failure
}

fn build(call: &str, code: &str, message: &str, kind: FailureKind) -> Failure {
    let text = match (code.is_empty(), message.is_empty()) {
        (true, _) => message.to_owned(),
        (_, true) => code.to_owned(),
        _ => format!("{code}: {message}"),
    };
    let mut failure = Failure::new(kind, call, text);
    failure.next_step = next_step(code, kind);
    failure
}

/// The code at the head of a failure's message.
pub(super) fn code_of(failure: &Failure) -> &str {
    failure.message.split_once(':').map_or(failure.message.as_str(), |(code, _)| code)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;

    fn answer(status: u16, code: &str, message: &str) -> Answer {
        let body = json!({ "error": { "code": code, "message": message } }).to_string();
        Answer { status, headers: http::HeaderMap::new(), body: Bytes::from(body) }
    }

    #[test]
    fn codes_mean_what_the_engine_decides_by() {
        let cases = [
            (409, "AnotherOperationInProgress", "", FailureKind::Busy),
            (409, "RetryableError", "", FailureKind::Busy),
            (409, "SomethingElse", "", FailureKind::Busy),
            (
                409,
                "ConflictError",
                "A vault with the same name already exists in deleted state.",
                FailureKind::SoftDeleted,
            ),
            (409, "ConflictError", "Two operations at a time.", FailureKind::Busy),
            (409, "SubscriptionQuotaExceeded", "", FailureKind::Quota),
            (400, "PublicIpQuotaExceeded", "", FailureKind::Quota),
            (409, "OperationNotAllowed", "would exceed the approved quota", FailureKind::Quota),
            (400, "SkuNotAvailable", "", FailureKind::Unsupported),
            (400, "PrincipalNotFound", "", FailureKind::NotYet),
            (400, "LocationNotAvailableForResourceType", "", FailureKind::Unsupported),
            (409, "ScopeLocked", "", FailureKind::Protected),
            (403, "AuthorizationFailed", "", FailureKind::Denied),
            (401, "ExpiredAuthenticationToken", "", FailureKind::Credentials),
            (429, "", "", FailureKind::Throttled),
            (412, "", "", FailureKind::Busy),
            (404, "ParentResourceNotFound", "", FailureKind::NotYet),
            (500, "InternalServerError", "", FailureKind::Unreachable),
            (400, "InvalidRequestContent", "", FailureKind::Invalid),
        ];
        for (status, code, message, kind) in cases {
            assert_eq!(
                of_answer("PUT x", Doing::Writing, &answer(status, code, message)).kind,
                kind,
                "{status} {code}"
            );
        }
        let read = of_answer("GET x", Doing::Reading, &answer(404, "ResourceGroupNotFound", ""));
        assert_eq!(read.kind, FailureKind::NotFound);
    }

    #[test]
    fn the_error_that_matters_is_found_inside_another() {
        let body = json!({ "error": { "code": "DeploymentFailed", "message": "see inside",
            "details": [{ "code": "QuotaExceeded", "message": "too many" }] } });
        let failure = of_operation("PUT x", &body);
        assert_eq!(failure.kind, FailureKind::Quota);
        assert_eq!(failure.to_string(), "PUT x: QuotaExceeded: too many");
        assert!(failure.next_step.is_some());
        assert_eq!(code_of(&failure), "QuotaExceeded");
    }
}
