//! What Google's errors mean, in the words of the seam.

use serde_json::Value;

use super::{
    super::{
        control::{Failure, FailureKind},
        rest::Answer,
    },
    auth::HOW,
    service::Service,
};

/// An error as Google's services tell it: in an answer, or in an operation that failed.
#[derive(Debug, Default)]
struct Told {
    /// The HTTP status, or the code of google.rpc.Code turned into one.
    code: u16,
    /// `PERMISSION_DENIED` and so on.
    status: String,
    /// The older services' `reason`, and the newer ones' google.rpc.ErrorInfo.
    reasons: Vec<String>,
    message: String,
    /// google.rpc.RetryInfo.
    retry_ms: Option<u64>,
}

/// What an answer that is no success means.
pub(super) fn of_answer(call: &str, service: Service, answer: &Answer) -> Failure {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    // A token endpoint in front of a service answers {"error": "text"}.
    let mut told = read(body.get("error").unwrap_or(&Value::Null));
    told.code = answer.status;
    if told.message.is_empty() {
        told.message = format!("status {}", answer.status);
    }
    let mut failure = judge(call, service, &told);
    failure.request_id = answer.header("x-guploader-uploadid").or_else(|| answer.header("x-request-id")).map(cut);
    failure.retry_after_ms = answer.retry_after_ms().or(told.retry_ms);
    failure
}

/// What an operation failed with: google.rpc.Status, Cloud SQL's `{errors: [..]}` or Compute's.
pub(super) fn of_operation(call: &str, service: Service, error: &Value) -> Failure {
    let first = error.get("errors").and_then(|errors| errors.get(0));
    let mut told = match first {
        Some(first) => Told {
            reasons: text(first, "code").into_iter().collect(),
            message: text(first, "message").unwrap_or_else(|| "the operation failed".to_owned()),
            ..Told::default()
        },
        None => read(error),
    };
    if told.message.is_empty() {
        "the operation failed".clone_into(&mut told.message);
    }
    // An operation carries codes of google.rpc.Code, which are below 17.
    if told.code < 100 {
        let (code, status) = meaning(told.code);
        told.code = code;
        if told.status.is_empty() {
            status.clone_into(&mut told.status);
        }
    }
    let mut failure = judge(call, service, &told);
    failure.retry_after_ms = told.retry_ms;
    failure
}

fn read(error: &Value) -> Told {
    if let Some(message) = error.as_str() {
        return Told { message: message.to_owned(), ..Told::default() };
    }
    let mut reasons: Vec<String> = Vec::new();
    let list = |name: &str| error.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    reasons.extend(list("errors").iter().filter_map(|one| text(one, "reason")));
    let mut retry_ms = None;
    for detail in list("details") {
        let kind = text(&detail, "@type").unwrap_or_default();
        if kind.ends_with("google.rpc.ErrorInfo") {
            reasons.extend(text(&detail, "reason"));
        } else if kind.ends_with("google.rpc.RetryInfo") {
            retry_ms = text(&detail, "retryDelay").as_deref().and_then(duration_ms);
        }
    }
    Told {
        code: error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok()).unwrap_or(0),
        status: text(error, "status").unwrap_or_default(),
        reasons,
        message: text(error, "message").unwrap_or_default(),
        retry_ms,
    }
}

fn text(value: &Value, name: &str) -> Option<String> {
    Some(value.get(name)?.as_str()?.to_owned())
}

/// google.protobuf.Duration in JSON: `"3.5s"`.
fn duration_ms(text: &str) -> Option<u64> {
    let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
    let whole = std::time::Duration::try_from_secs_f64(seconds).ok()?;
    u64::try_from(whole.as_millis()).ok()
}

/// google.rpc.Code as a status of HTTP and by its name.
const fn meaning(code: u16) -> (u16, &'static str) {
    match code {
        3 => (400, "INVALID_ARGUMENT"),
        5 => (404, "NOT_FOUND"),
        6 => (409, "ALREADY_EXISTS"),
        7 => (403, "PERMISSION_DENIED"),
        8 => (429, "RESOURCE_EXHAUSTED"),
        9 => (400, "FAILED_PRECONDITION"),
        10 => (409, "ABORTED"),
        11 => (400, "OUT_OF_RANGE"),
        12 => (501, "UNIMPLEMENTED"),
        14 => (503, "UNAVAILABLE"),
        16 => (401, "UNAUTHENTICATED"),
        1 | 2 | 4 | 13 | 15 => (500, "INTERNAL"),
        _ => (400, ""),
    }
}

fn judge(call: &str, service: Service, told: &Told) -> Failure {
    let lower = told.message.to_lowercase();
    let reason = |names: &[&str]| told.reasons.iter().any(|reason| names.contains(&reason.as_str()));
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let quota = reason(&[
        "quotaExceeded",
        "QUOTA_EXCEEDED",
        "LIMIT_EXCEEDED",
        "quota_exceeded",
        "RESOURCE_QUOTA_EXCEEDED",
        "errorMaxInstancePerLabel",
        "maxInstances",
    ]);
    let throttled =
        reason(&["rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED", "RATE_LIMIT_EXCEEDED_MINUTE"]);
    // Rate limits are quotas too, by the minute: they pass by themselves.
    let by_time = says(&["per minute", "per second", "per 100 seconds", "per user", "rate limit"]);
    let busy = reason(&["operationInProgress", "RESOURCE_IN_USE_BY_ANOTHER_OPERATION", "resourceNotReady", "conflict"])
        || told.status == "ABORTED"
        || says(&["another operation", "operation is already in progress", "concurrent", "operation in progress"]);
    let disabled = reason(&["SERVICE_DISABLED", "accessNotConfigured"]);
    let wrong_place = says(&["location", "region", "zone"])
        && says(&[
            "not available",
            "not supported",
            "is not valid",
            "unsupported",
            "is invalid",
            "not found or access",
        ]);

    let kind = match told.code {
        401 => FailureKind::Credentials,
        _ if throttled || quota && by_time => FailureKind::Throttled,
        _ if quota => FailureKind::Quota,
        429 if by_time || told.status.is_empty() => FailureKind::Throttled,
        429 if told.status == "RESOURCE_EXHAUSTED" && says(&["quota", "limit"]) => FailureKind::Quota,
        429 => FailureKind::Throttled,
        403 | 404 if wrong_place => FailureKind::Unsupported,
        403 if disabled => FailureKind::Denied,
        403 if says(&["retention policy", "held", "object lock", "deletion protection"]) => FailureKind::Protected,
        403 => FailureKind::Denied,
        404 => FailureKind::NotFound,
        408 => FailureKind::Unavailable,
        409 if says(&["not empty"]) => FailureKind::Protected,
        409 if busy && told.status != "ALREADY_EXISTS" && !says(&["already exists", "already own"]) => {
            FailureKind::Busy
        }
        409 => FailureKind::Exists,
        412 if says(&["not empty", "must be empty"]) => FailureKind::Protected,
        412 => FailureKind::Busy,
        // A member or an account that was made a moment ago is not known to every policy yet.
        400 if says(&["does not exist", "not found", "unknown service account"])
            && says(&["service account", "member", "principal", "identity pool", "iam_"]) =>
        {
            FailureKind::NotYet
        }
        400 if says(&["deletion protection", "deletion_protection", "prevents deletion"])
            || reason(&["protectedInstance"]) =>
        {
            FailureKind::Protected
        }
        400 if says(&["not empty", "containerNotEmpty"]) || reason(&["containerNotEmpty"]) => FailureKind::Protected,
        400 if wrong_place => FailureKind::Unsupported,
        400 if told.status == "FAILED_PRECONDITION" && busy => FailureKind::Busy,
        501 => FailureKind::Unsupported,
        500.. => FailureKind::Unavailable,
        _ => FailureKind::Invalid,
    };
    let failure = Failure::new(kind, call, &told.message);
    match kind {
        FailureKind::Denied if disabled => failure.next_step(format!(
            "gcloud services enable {}.googleapis.com, or wildcam deploy with the stack network",
            service.word()
        )),
        FailureKind::Credentials => failure.next_step(HOW),
        FailureKind::Quota => failure.next_step("ask for more under IAM & Admin, Quotas, in the console"),
        FailureKind::Unsupported if wrong_place => {
            failure.next_step("choose another region for the cloud in wildcam.toml")
        }
        _ => failure,
    }
}

/// Whether a failure says that the service has not been enabled in the project.
pub(super) fn is_disabled(failure: &Failure) -> bool {
    failure.kind == FailureKind::Denied
        && failure.next_step.as_deref().is_some_and(|step| step.starts_with("gcloud services enable"))
}

fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kind(code: u16, error: &Value) -> FailureKind {
        let mut told = read(error);
        told.code = code;
        judge("call", Service::Run, &told).kind
    }

    #[test]
    fn each_error_has_its_meaning() {
        let denied = json!({"status": "PERMISSION_DENIED", "message": "Permission 'run.services.create' denied"});
        let disabled = json!({"status": "PERMISSION_DENIED", "message": "Cloud Run Admin API has not been used",
            "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}]});
        let minute = json!({"status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded for quota metric 'Write requests' \
            and limit 'Write requests per minute'", "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED"},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2.5s"}]});
        let quota = json!({"status": "RESOURCE_EXHAUSTED", "message": "Quota limit 'Services' has been exceeded"});
        let old_quota = json!({"message": "Quota 'NETWORKS' exceeded", "errors": [{"reason": "quotaExceeded"}]});
        let old_rate = json!({"message": "Slow down", "errors": [{"reason": "rateLimitExceeded"}]});
        let account = json!({"status": "INVALID_ARGUMENT",
            "message": "Service account wildcam@p.iam.gserviceaccount.com does not exist."});
        let region = json!({"status": "INVALID_ARGUMENT", "message": "Location mars-north1 is not supported"});
        let etag = json!({"status": "ABORTED", "message": "There were concurrent policy changes."});
        let exists = json!({"status": "ALREADY_EXISTS", "message": "Resource already exists."});
        let protected = json!({"message": "The instance is protected. deletion protection is enabled."});
        let held = json!({"message": "Object 'a' is subject to bucket's retention policy"});
        assert_eq!(kind(403, &denied), FailureKind::Denied);
        assert_eq!(kind(403, &disabled), FailureKind::Denied);
        assert_eq!(kind(429, &minute), FailureKind::Throttled);
        assert_eq!(read(&minute).retry_ms, Some(2500));
        assert_eq!(kind(429, &quota), FailureKind::Quota);
        assert_eq!(kind(403, &old_quota), FailureKind::Quota);
        assert_eq!(kind(403, &old_rate), FailureKind::Throttled);
        assert_eq!(kind(400, &account), FailureKind::NotYet);
        assert_eq!(kind(400, &region), FailureKind::Unsupported);
        assert_eq!(kind(409, &etag), FailureKind::Busy);
        assert_eq!(kind(409, &exists), FailureKind::Exists);
        assert_eq!(kind(400, &protected), FailureKind::Protected);
        assert_eq!(kind(403, &held), FailureKind::Protected);
        assert_eq!(kind(503, &json!({})), FailureKind::Unavailable);
        assert_eq!(kind(400, &json!({"message": "Unknown name \"x\""})), FailureKind::Invalid);
    }

    #[test]
    fn operations_fail_in_three_shapes() {
        let rpc = json!({"code": 8, "message": "Quota exceeded: limit reached"});
        assert_eq!(of_operation("c", Service::Run, &json!({"code": 7, "message": "no"})).kind, FailureKind::Denied);
        assert_eq!(of_operation("c", Service::Run, &rpc).kind, FailureKind::Quota);
        let sql = json!({"kind": "sql#operationErrors", "errors": [{"code": "INTERNAL_ERROR", "message": "broken"}]});
        let failure = of_operation("c", Service::Sql, &sql);
        assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Invalid, "broken"));
        let compute = json!({"errors": [{"code": "QUOTA_EXCEEDED", "message": "Quota 'NETWORKS' exceeded."}]});
        assert_eq!(of_operation("c", Service::Compute, &compute).kind, FailureKind::Quota);
    }
}
