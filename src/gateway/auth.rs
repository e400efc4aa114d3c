//! Who asks: cameras by their signatures (RFC 9421), people and enrolling cameras by tokens.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::http::{HeaderName, HeaderValue, StatusCode, header, request};
use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::VerifyingKey;
use wildcam_core::{
    httpsig::{self, MAX_SKEW_S, Window},
    wire::{CameraId, ProblemKind, Registration, keys},
};

use super::{Gateway, refusal::Refusal};
use crate::release::documents::{Scope, Token, seal_time};

/// Cameras that are remembered in memory; beyond that the ones heard longest ago are forgotten, which is harmless.
const MAX_CALLERS: usize = 20_000;

/// A name that was not found is not looked up again for this long.
const UNKNOWN_FOR: Duration = Duration::from_secs(1);

/// The largest `key.json`.
pub(super) const KEY_MAX_BYTES: u64 = 512;

/// What the gateway remembers of one camera.
#[derive(Debug)]
struct Caller {
    key: Option<VerifyingKey>,
    window: Window,
    /// Requests that it may send now, and when that was true.
    tokens: f64,
    at: Duration,
    unknown_until: Duration,
}

/// What the gateway remembers of all cameras.
#[derive(Debug, Default)]
pub(super) struct Callers {
    all: Mutex<HashMap<CameraId, Caller>>,
}

impl Callers {
    fn with<T>(&self, camera: &CameraId, now: Duration, work: impl FnOnce(&mut Caller) -> T) -> T {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_CALLERS && !all.contains_key(camera) {
            let mut times: Vec<Duration> = all.values().map(|caller| caller.at).collect();
            let middle = times.len() / 2;
            let (_, &mut median, _) = times.select_nth_unstable(middle);
            all.retain(|_, caller| caller.at > median);
        }
        let fresh =
            || Caller { key: None, window: Window::new(), tokens: f64::MAX, at: now, unknown_until: Duration::ZERO };
        work(all.entry(camera.clone()).or_insert_with(fresh))
    }

    /// Remembers the key of a camera that enrolled.
    pub(super) fn learn(&self, camera: &CameraId, key: VerifyingKey, now: Duration) {
        self.with(camera, now, |caller| caller.key = Some(key));
    }
}

fn text<'a>(parts: &'a request::Parts, name: &str) -> Result<Option<&'a str>, Refusal> {
    let mut values = parts.headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Refusal::malformed(&format!("{name} is there twice")));
    }
    match first {
        None => Ok(None),
        Some(value) => {
            value.to_str().map(Some).map_err(|_| Refusal::malformed(&format!("{name} holds other than ASCII")))
        }
    }
}

impl Gateway {
    /// The camera that signed this request.
    ///
    /// Only headers are looked at, so that nobody can fill the gateway's memory with bodies before proving who they
    /// are. The counter is spent here, whatever becomes of the request.
    pub(super) async fn camera(&self, parts: &request::Parts) -> Result<CameraId, Refusal> {
        let input = text(parts, "signature-input")?;
        let signature = text(parts, "signature")?;
        let (Some(input), Some(signature)) = (input, signature) else {
            return Err(Refusal::signature("the request is not signed"));
        };
        let parameters = httpsig::parse(input).map_err(|error| Refusal::signature(&error.to_string()))?;
        let camera = CameraId::new(parameters.keyid)
            .map_err(|_| Refusal::malformed("the keyid of the signature is no camera id"))?;
        let key = self.camera_key(&camera).await?.ok_or_else(|| {
            Refusal::new(StatusCode::UNAUTHORIZED, ProblemKind::UnknownCamera, "no camera of this name has enrolled")
                .next(&format!("wildcam token enrol --camera {camera}"))
        })?;
        let request = httpsig::Request {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query(),
            content_digest: text(parts, "content-digest")?,
            upload_offset: text(parts, "upload-offset")?,
            upload_complete: text(parts, "upload-complete")?,
            repr_digest: text(parts, "repr-digest")?,
        };
        let verified = httpsig::verify(&request, input, signature, &key)
            .map_err(|error| Refusal::signature(&error.to_string()))?;
        if verified.created_s.abs_diff(self.clock.unix_s()) > MAX_SKEW_S {
            return Err(self.wrong_clock(verified.counter).await);
        }
        let now = self.clock.monotonic();
        let (rate, burst) = (self.settings.requests_per_s, self.settings.burst);
        let (allowed, fresh) = self.callers.with(&camera, now, |caller| {
            let passed = now.saturating_sub(caller.at).as_secs_f64();
            caller.tokens = (caller.tokens + passed * rate).min(burst);
            caller.at = now;
            if caller.tokens < 1.0 {
                return (false, true);
            }
            caller.tokens -= 1.0;
            (true, caller.window.accept(verified.counter))
        });
        if !allowed {
            let refusal =
                Refusal::new(StatusCode::TOO_MANY_REQUESTS, ProblemKind::Rate, "this camera sends too many requests");
            return Err(refusal.retry_after(1));
        }
        if !fresh {
            let detail = "the counter of this request was seen before";
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, ProblemKind::Replayed, detail));
        }
        Ok(camera)
    }

    /// The way back for a camera with a wrong clock: the time, signed, and bound to the request that was refused.
    async fn wrong_clock(&self, nonce: u64) -> Refusal {
        let refusal = Refusal::new(
            StatusCode::UNAUTHORIZED,
            ProblemKind::Clock,
            &format!("the clock of the camera is more than {MAX_SKEW_S} s off"),
        );
        match seal_time(self.signer.as_ref(), self.clock.unix_ms(), nonce).await {
            Ok(document) => match HeaderValue::from_str(&STANDARD.encode(document)) {
                Ok(value) => refusal.with(HeaderName::from_static("wildcam-time"), value),
                Err(_) => refusal,
            },
            Err(error) => {
                tracing::error!(%error, "the time could not be signed");
                refusal
            }
        }
    }

    /// The public key of a camera: from memory, from the index, or from a store that has it.
    pub(super) async fn camera_key(&self, camera: &CameraId) -> Result<Option<VerifyingKey>, Refusal> {
        let now = self.clock.monotonic();
        let (key, unknown) = self.callers.with(camera, now, |caller| (caller.key, caller.unknown_until > now));
        if key.is_some() || unknown {
            return Ok(key);
        }
        let known = self.index.camera(camera.as_str()).await?.and_then(|row| row.public_key);
        if let Some(key) = known.and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok()) {
            self.callers.learn(camera, key, now);
            return Ok(Some(key));
        }
        // Names that nobody has must not turn into load on the stores.
        let _turn = self
            .lookups
            .try_acquire()
            .map_err(|_| Refusal::too_busy("too many unknown cameras are being looked up"))?;
        let document = self.copies.read_key(&keys::camera_key(camera), KEY_MAX_BYTES).await?;
        let key = document.and_then(|document| read_key(&document, camera));
        match key {
            Some(key) => {
                self.callers.learn(camera, key, now);
                self.index.put_camera_key(camera.as_str(), key.to_bytes(), self.clock.unix_ms()).await;
            }
            None => self.callers.with(camera, now, |caller| caller.unknown_until = now + UNKNOWN_FOR),
        }
        Ok(key)
    }

    fn bearer(&self, parts: &request::Parts) -> Result<Token, Refusal> {
        let value = text(parts, header::AUTHORIZATION.as_str())?.ok_or_else(|| Refusal::token("a token is needed"))?;
        let (scheme, token) = value.split_once(' ').ok_or_else(|| Refusal::token("a bearer token is needed"))?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refusal::token("a bearer token is needed"));
        }
        Token::verify(token.trim(), &self.signer.public_key(), self.clock.unix_s())
            .map_err(|_| Refusal::token("the token is not valid, or no longer"))
    }

    /// Lets only readers pass.
    pub(super) fn reader(&self, parts: &request::Parts) -> Result<(), Refusal> {
        match self.bearer(parts)?.scope {
            Scope::Read => Ok(()),
            Scope::Enrol { .. } => {
                Err(Refusal::token("this token enrols a camera and does not read").next("wildcam token read"))
            }
        }
    }

    /// The camera that the bearer may enrol.
    pub(super) fn enrolling(&self, parts: &request::Parts) -> Result<CameraId, Refusal> {
        match self.bearer(parts)?.scope {
            Scope::Enrol { camera } => Ok(camera),
            Scope::Read => Err(Refusal::token("this token reads and does not enrol").next("wildcam token enrol")),
        }
    }
}

/// The key in a `key.json` of this camera.
pub(super) fn read_key(document: &[u8], camera: &CameraId) -> Option<VerifyingKey> {
    let registration: Registration = serde_json::from_slice(document).ok()?;
    if registration.camera != *camera {
        return None;
    }
    decode_key(&registration.public_key)
}

/// An Ed25519 public key in padded base64; weak keys, with which signatures prove nothing, are refused.
pub(super) fn decode_key(text: &str) -> Option<VerifyingKey> {
    let bytes: [u8; 32] = STANDARD.decode(text).ok()?.try_into().ok()?;
    VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak())
}
