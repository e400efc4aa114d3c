//! Amazon's error codes in the words of the seam.

use crate::cloud::{
    control::{Failure, FailureKind},
    rest::Answer,
};

use super::xml::Element;

/// Words with which services say that a role, a key or a principal is too new for them. IAM copies what is written to
/// every region, which takes seconds, and every service words its impatience in its own way.
const TOO_NEW: [&str; 13] = [
    "cannot be assumed",
    "could not be assumed",
    "unable to assume",
    "not authorized to perform: sts:assumerole",
    "is not authorized to assume",
    "invalid principal in policy",
    "one or more invalid principals",
    "does not have the required permissions to assume",
    "service linked role exists",
    "please verify that the ecs service linked role",
    "role is not valid",
    "invalid value for parameter role",
    "is invalid or does not exist: arn:aws:iam",
];

/// What a code means. `message` decides where one code stands for several things.
#[expect(clippy::too_many_lines, reason = "one table of codes")]
pub(super) fn kind(code: &str, message: &str, status: u16) -> FailureKind {
    use FailureKind as Kind;
    let text = message.to_lowercase();
    // Both protocols end some codes with the word itself.
    let plain = code.strip_suffix("Exception").or_else(|| code.strip_suffix("Fault")).unwrap_or(code);
    if text.contains("scheduled for deletion") || matches!(plain, "EntityAlreadyMarkedForDeletion") {
        return Kind::SoftDeleted;
    }
    if TOO_NEW.iter().any(|words| text.contains(words)) {
        return Kind::NotYet;
    }
    match plain {
        "ExpiredToken"
        | "RequestExpired"
        | "InvalidClientTokenId"
        | "InvalidCredentials"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClient"
        | "InvalidAccessKeyId"
        | "AuthFailure"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "InvalidToken"
        | "TokenRefreshRequired"
        | "RequestTimeTooSkewed"
        | "InvalidIdentityToken"
        | "IDPRejectedClaim"
        | "NotSignedUp" => Kind::Credentials,
        "AccessDenied"
        | "AccessDeniedForDependency"
        | "UnauthorizedOperation"
        | "NotAuthorized"
        | "AuthorizationError"
        | "UnauthorizedTaggingOperation"
        | "AllAccessDisabled"
        | "AccountProblem"
        | "KMSAccessDenied" => Kind::Denied,
        "OptInRequired"
        | "TypeNotFound"
        | "UnsupportedAction"
        | "UnsupportedOperation"
        | "Unsupported"
        | "PrivateType"
        | "UnknownOperation"
        | "InvalidAction"
        | "NotImplemented"
        | "RegionDisabled"
        | "UnsupportedFeature"
        | "FeatureNotAvailable" => Kind::Unsupported,
        "Throttling"
        | "Throttled"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "TooManyRequests"
        | "SlowDown"
        | "BandwidthLimitExceeded"
        | "PriorRequestNotComplete"
        | "EC2Throttled" => Kind::Throttled,
        "ConcurrentOperation"
        | "ConcurrentModification"
        | "ResourceConflict"
        | "OperationAborted"
        | "ConditionalRequestConflict"
        | "Conflict"
        | "ResourceInUseTemporarily"
        | "IncorrectState"
        | "InvalidState"
        | "InvalidDBInstanceState"
        | "ServerTooBusy"
        | "ConflictingOperation"
        | "ReplicationOperationNotAllowed" => Kind::Busy,
        "NoSuchBucketPolicy"
        | "NoSuchBucket"
        | "NoSuchKey"
        | "NoSuchHostedZone"
        | "NoSuchTagSet"
        | "NoSuchLifecycleConfiguration"
        | "NoSuchPublicAccessBlockConfiguration"
        | "NoSuchEntity"
        | "NotFound"
        | "ResourceNotFound"
        | "ServerSideEncryptionConfigurationNotFoundError"
        | "ReplicationConfigurationNotFoundError"
        | "ObjectLockConfigurationNotFoundError"
        | "OwnershipControlsNotFoundError"
        | "RepositoryNotFound"
        | "404" => Kind::NotFound,
        "BucketAlreadyExists"
        | "BucketAlreadyOwnedByYou"
        | "EntityAlreadyExists"
        | "AlreadyExists"
        | "HostedZoneAlreadyExists"
        | "RouteAlreadyExists"
        | "Resource.AlreadyAssociated"
        | "ResourceExists"
        | "ResourceAlreadyExists"
        | "RepositoryAlreadyExists" => Kind::Exists,
        "OperationNotPermitted" | "BucketNotEmpty" | "HostedZoneNotEmpty" | "RepositoryNotEmpty" => Kind::Protected,
        // Whatever hangs on it goes in its own turn; until the service has seen that, it is in use.
        "DependencyViolation" | "DeleteConflict" => Kind::Busy,
        // It may stand there, half done; only a look tells.
        "NotStabilized" | "ServiceTimeout" => Kind::Unreachable,
        // The operation is forgotten; what it did is for a look to tell.
        "RequestTokenNotFound" => Kind::NotFound,
        "GeneralService"
        | "ServiceInternalError"
        | "HandlerInternalFailure"
        | "HandlerFailure"
        | "InternalFailure"
        | "InternalError"
        | "NetworkFailure"
        | "ServiceUnavailable"
        | "ServiceFailure"
        | "Unavailable"
        | "InternalServerError"
        | "InternalServiceError" => general(&text),
        _ if is_quota(plain) => Kind::Quota,
        _ if plain.ends_with(".NotFound") || plain.ends_with("NotFound") => Kind::NotFound,
        _ if plain.ends_with(".Duplicate") || plain.ends_with("AlreadyExists") || plain.ends_with(".InUse") => {
            Kind::Exists
        }
        _ if is_protection(&text) => Kind::Protected,
        _ => match status {
            401 => Kind::Credentials,
            403 => Kind::Denied,
            404 => Kind::NotFound,
            409 => Kind::Busy,
            429 => Kind::Throttled,
            500..=599 => Kind::Unavailable,
            _ if text.contains("already exists") => Kind::Exists,
            _ if text.contains("but it was not found") => Kind::NotFound,
            _ if text.contains("not available in") || text.contains("not supported in") => Kind::Unsupported,
            _ => Kind::Invalid,
        },
    }
}

/// Cloud Control hides the errors of services that it has no word for behind a general one.
fn general(text: &str) -> FailureKind {
    use FailureKind as Kind;
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["throttl", "rate exceeded", "too many requests"]) {
        Kind::Throttled
    } else if is_protection(text) {
        Kind::Protected
    } else if has(&["quota", "limit exceeded", "limitexceeded", "maximum number of"]) {
        Kind::Quota
    } else if has(&["access denied", "accessdenied", "not authorized to perform"]) {
        Kind::Denied
    } else if has(&["token included in the request is expired", "expiredtoken"]) {
        Kind::Credentials
    } else if has(&["already exists"]) {
        Kind::Exists
    } else {
        Kind::Unavailable
    }
}

fn is_quota(code: &str) -> bool {
    code.ends_with("LimitExceeded")
        || code.ends_with("QuotaExceeded")
        || code.starts_with("TooMany")
        || matches!(
            code,
            "ServiceLimitExceeded" | "LimitExceeded" | "InsufficientInstanceCapacity" | "AddressLimitExceeded"
        )
}

fn is_protection(text: &str) -> bool {
    text.contains("deletion protection")
        || text.contains("delete protected")
        || text.contains("object lock")
        || text.contains("still contains images")
        || text.contains("must be empty")
}

/// What to do about a failure, where more is known than its kind says.
fn advice(kind: FailureKind, code: &str) -> Option<&'static str> {
    match kind {
        FailureKind::Credentials if code.contains("Expired") => Some(
            "the session ended: sign in again (or renew the token of the CI job), then run the same command; it goes on \
             where it was",
        ),
        FailureKind::Credentials if code == "RequestTimeTooSkewed" => {
            Some("the clock of this machine is wrong: set it, then run the same command")
        }
        FailureKind::Credentials => Some("wildcam doctor --cloud shows which credentials are used"),
        FailureKind::Denied => Some("wildcam doctor --cloud lists the permissions that are missing"),
        FailureKind::Quota => Some(
            "ask for more under Service Quotas in the AWS console, or take another region, then run the same command",
        ),
        FailureKind::Unsupported => Some("take a region that offers it: regions = [...] in wildcam.toml"),
        FailureKind::SoftDeleted => Some(
            "a secret of this name waits for its final deletion: restore it (aws secretsmanager restore-secret) and adopt \
             it, or delete it for good (aws secretsmanager delete-secret --force-delete-without-recovery)",
        ),
        FailureKind::Exists if code == "BucketAlreadyExists" => {
            Some("the name belongs to another account: choose another with bucket = \"...\" in the cloud's store")
        }
        _ => None,
    }
}

/// A failure from a code and a message.
pub(super) fn from_code(call: &str, code: &str, message: &str, status: u16) -> Failure {
    let kind = kind(code, message, status);
    let text = match (code.is_empty(), message.is_empty()) {
        (true, true) => format!("HTTP status {status}"),
        (false, true) => code.to_owned(),
        (true, false) => message.to_owned(),
        (false, false) => format!("{message} ({code})"),
    };
    let failure = Failure::new(kind, call, text);
    match advice(kind, code.strip_suffix("Exception").unwrap_or(code)) {
        Some(step) => failure.next_step(step),
        None => failure,
    }
}

/// The failure that an answer tells, in whichever protocol.
pub(super) fn from_answer(call: &str, answer: &Answer) -> Failure {
    let text = String::from_utf8_lossy(&answer.body);
    let (mut code, mut message, mut request_id) = (String::new(), String::new(), None);
    if let Ok(json) = serde_json::from_str::<serde_json::Value>(&text) {
        let field =
            |names: &[&str]| names.iter().find_map(|name| json.get(name)?.as_str()).unwrap_or_default().to_owned();
        code = field(&["__type", "code", "Code"]);
        message = field(&["message", "Message"]);
    } else if let Ok(root) = Element::parse(&answer.body) {
        let error = if root.name == "Error" { Some(&root) } else { root.find("Error") };
        if let Some(error) = error {
            code = error.text_at("Code").unwrap_or_default().to_owned();
            message = error.text_at("Message").unwrap_or_default().to_owned();
        }
        let id = ["RequestId", "RequestID"].iter().find_map(|name| root.find(name));
        request_id = id.map(|element| element.text.clone());
    }
    if code.is_empty() {
        let header = answer.header("x-amzn-errortype").unwrap_or_default();
        header.split(':').next().unwrap_or_default().clone_into(&mut code);
    }
    // `com.amazonaws.cloudcontrol#ThrottlingException`
    let code = code.rsplit('#').next().unwrap_or_default();
    let header_id = ["x-amzn-requestid", "x-amz-request-id"].iter().find_map(|name| answer.header(name));
    let mut failure = from_code(call, code, &message, answer.status);
    failure.request_id = request_id.or_else(|| header_id.map(str::to_owned));
    failure.retry_after_ms = answer.retry_after_ms();
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_the_services_mean() {
        use FailureKind as Kind;
        let cases = [
            ("ThrottlingException", "", 400, Kind::Throttled),
            ("RequestLimitExceeded", "", 503, Kind::Throttled),
            ("VpcLimitExceeded", "", 400, Kind::Quota),
            ("ServiceLimitExceeded", "", 400, Kind::Quota),
            ("InvalidVpcID.NotFound", "", 400, Kind::NotFound),
            ("InvalidGroup.Duplicate", "", 400, Kind::Exists),
            ("BucketAlreadyExists", "", 409, Kind::Exists),
            ("ConcurrentOperationException", "", 409, Kind::Busy),
            ("TypeNotFoundException", "", 404, Kind::Unsupported),
            ("UnsupportedActionException", "", 405, Kind::Unsupported),
            ("ExpiredTokenException", "", 403, Kind::Credentials),
            ("ExpiredToken", "", 403, Kind::Credentials),
            ("UnrecognizedClientException", "", 400, Kind::Credentials),
            ("AccessDenied", "", 403, Kind::Denied),
            ("DependencyViolation", "", 400, Kind::Busy),
            ("BucketNotEmpty", "", 409, Kind::Protected),
            ("NotStabilized", "", 0, Kind::Unreachable),
            ("GeneralServiceException", "Rate exceeded", 0, Kind::Throttled),
            ("GeneralServiceException", "something broke", 0, Kind::Unavailable),
            (
                "InvalidRequest",
                "Cannot delete protected DB Instance, please disable deletion protection",
                0,
                Kind::Protected,
            ),
            ("InvalidRequest", "ECS was unable to assume the role", 0, Kind::NotYet),
            ("MalformedPolicyDocument", "Invalid principal in policy: \"AWS\":\"...\"", 400, Kind::NotYet),
            (
                "InvalidRequest",
                "You can't create this secret because a secret with this name is already scheduled for deletion.",
                0,
                Kind::SoftDeleted,
            ),
            ("Mystery", "", 502, Kind::Unavailable),
            ("Mystery", "", 400, Kind::Invalid),
        ];
        for (code, message, status, expected) in cases {
            assert_eq!(kind(code, message, status), expected, "{code} {message}");
        }
    }

    #[test]
    fn an_answer_of_each_protocol_is_understood() {
        let answer = |body: &'static str| Answer {
            status: 400,
            headers: http::HeaderMap::new(),
            body: bytes::Bytes::from_static(body.as_bytes()),
        };
        let ec2 = "<Response><Errors><Error><Code>VpcLimitExceeded</Code><Message>m</Message></Error></Errors>\
                   <RequestID>r-1</RequestID></Response>";
        let failure = from_answer("ec2:CreateVpc", &answer(ec2));
        assert_eq!((failure.kind, failure.request_id.as_deref()), (FailureKind::Quota, Some("r-1")));
        let iam = "<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>m</Message></Error></ErrorResponse>";
        assert_eq!(from_answer("iam:GetRole", &answer(iam)).kind, FailureKind::NotFound);
        let json = "{\"__type\":\"com.amazon.x#ThrottlingException\",\"Message\":\"slow\"}";
        let failure = from_answer("cloudcontrol:GetResource", &answer(json));
        assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Throttled, "slow (ThrottlingException)"));
    }
}
