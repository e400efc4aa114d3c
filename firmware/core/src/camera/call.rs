//! One request, until some gateway has answered it.

use base64ct::{Base64, Encoding as _};
use ed25519_dalek::Signer as _;
use embedded_io_async::ErrorKind;

use super::{BUFFER_BYTES, Camera, Error, Open, outbox};
use crate::{
    cose::{self, MAX_DOCUMENT, TimeBody},
    http::{self, Body, Response},
    httpsig::{
        self,
        digest::{self, DigestField},
    },
    link::{ConnectError, Dial, Measured, Rng, Set, Timed, Timer},
    wire::{Problem, ProblemKind, Text, json},
};

/// Attempts for one request, over all endpoints and retries.
pub(super) const MAX_ATTEMPTS: usize = 12;
/// Time for a request without a body, over all endpoints.
const BASE_BUDGET_MS: u64 = 30_000;
/// The slowest upload that is waited for.
const SLOWEST_BYTES_PER_S: u64 = 2048;

/// How long a connection is kept at least; at most twice as long. Without an end, a camera that was driven to a second
/// choice would stay there for ever.
const KEEP_MS: u64 = 120_000;

/// The coding of a body that was compressed (RFC 9110, section 8.4.1.2).
pub(super) const DEFLATE: &str = "deflate";

/// A request but for what each attempt makes anew.
#[derive(Clone, Copy, Default)]
pub(super) struct Call<'a> {
    pub(super) method: &'static str,
    pub(super) path: &'a str,
    pub(super) content_type: &'a str,
    pub(super) content_encoding: &'a str,
    pub(super) authorization: &'a str,
    pub(super) if_none_match: &'a str,
    pub(super) upload: Option<Upload<'a>>,
    /// Endpoints that are not asked.
    pub(super) avoid: Set,
}

/// The headers of a part.
#[derive(Clone, Copy)]
pub(super) struct Upload<'a> {
    pub(super) offset: u32,
    pub(super) complete: bool,
    pub(super) repr_digest: &'a str,
}

/// What an answer means for the request.
pub(super) enum Step {
    /// It is the answer.
    Done,
    /// Send the request again, to the same endpoint.
    Again,
    /// Another endpoint may be able.
    Elsewhere(Error),
}

/// Corrections that one request may take.
pub(super) struct Chances {
    clock: bool,
    replayed: bool,
    second_opinion: bool,
}

impl Chances {
    pub(super) const ALL: Self = Self { clock: true, replayed: true, second_opinion: true };
}

impl<D: Dial, T: Timer, R: Rng, const RACERS: usize> Camera<D, T, R, RACERS> {
    /// Sends the request to one endpoint after the other until one answers it; the answer lies in the buffer. An answer
    /// may be a refusal: those that concern the clock, the counter or only that gateway are dealt with here.
    pub(super) async fn call<B: Body>(&mut self, call: &Call<'_>, body: &mut B) -> Result<Response, Error> {
        let digest = if body.is_empty() {
            DigestField::new()
        } else {
            let sha256 = outbox::sha256(body, &mut self.buffer).await.map_err(|_| Error::Body)?;
            digest::to_field(&sha256)
        };
        let budget_ms = BASE_BUDGET_MS.saturating_add(body.len().saturating_mul(1000) / SLOWEST_BYTES_PER_S);
        let deadline_ms = self.timer.now_ms().saturating_add(budget_ms);
        let mut avoid = call.avoid;
        let mut chances = Chances::ALL;
        let mut last = None;
        for _ in 0..MAX_ATTEMPTS {
            let (mut open, kept) = match self.reach(avoid, deadline_ms).await {
                Ok(reached) => reached,
                Err(error) => return Err(last.unwrap_or(Error::Connect(error))),
            };
            let index = open.index;
            let counter = self.next_counter();
            let (result, measured) =
                self.attempt(index, &mut open.connection, call, &digest, counter, body, deadline_ms).await;
            match result {
                Ok(response) => {
                    if response.keep_alive {
                        self.open = Some(open);
                    }
                    match self.judge(&response, index, counter, measured, &mut chances) {
                        Step::Done => {
                            self.answered_by = Some(index);
                            return Ok(response);
                        }
                        Step::Again => {}
                        Step::Elsewhere(error) => {
                            last = last.filter(Error::is_final).or(Some(error));
                            avoid.insert(index);
                        }
                    }
                }
                Err(http::Error::Request) => return Err(Error::Request),
                Err(http::Error::Body) => return Err(Error::Body),
                // A server may close a connection that was kept, at any time; that says nothing about it.
                Err(http::Error::Closed) if kept => {}
                Err(http::Error::Connection(kind)) if kept && kind != ErrorKind::TimedOut => {}
                Err(error) => {
                    let now_ms = self.timer.now_ms();
                    self.link.record_failure(index, now_ms, &mut self.rng);
                    last = last.filter(Error::is_final).or(Some(Error::Exchange(error)));
                    avoid.insert(index);
                }
            }
        }
        Err(last.unwrap_or(Error::Answer))
    }

    /// A connection to an endpoint that is not in `avoid`, and whether it is the one that was kept.
    pub(super) async fn reach(
        &mut self,
        avoid: Set,
        deadline_ms: u64,
    ) -> Result<(Open<D::Connection>, bool), ConnectError> {
        let now_ms = self.timer.now_ms();
        let open = self.open.take().filter(|open| !avoid.contains(open.index) && now_ms < open.until_ms);
        if let Some(open) = open {
            return Ok((open, true));
        }
        let Self { link, dial, timer, rng, .. } = self;
        let (index, connection) = link.connect(dial, timer, rng, avoid, deadline_ms).await?;
        let keep_ms = KEEP_MS + u64::from(rng.next_u32()) % KEEP_MS;
        Ok((Open { index, connection, until_ms: timer.now_ms().saturating_add(keep_ms) }, false))
    }

    pub(super) fn next_counter(&mut self) -> u64 {
        self.counter = self.counter.saturating_add(1);
        self.counter
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one attempt, used in one place")]
    async fn attempt<B: Body>(
        &mut self,
        index: usize,
        connection: &mut D::Connection,
        call: &Call<'_>,
        digest: &str,
        counter: u64,
        body: &mut B,
        deadline_ms: u64,
    ) -> (Result<Response, http::Error>, Measured) {
        let created_s = self.unix_ms() / 1000;
        let Self { id, key, link, timer, buffer, .. } = self;
        let Some(endpoint) = link.endpoints().get(index) else {
            return (Err(http::Error::Request), Measured::default());
        };
        let mut offset: Text<10> = Text::new();
        let (mut complete, mut repr_digest) = ("", "");
        if let Some(upload) = call.upload {
            // Ten digits hold every u32.
            let _ = core::fmt::Write::write_fmt(&mut offset, format_args!("{}", upload.offset));
            complete = if upload.complete { "?1" } else { "?0" };
            repr_digest = upload.repr_digest;
        }
        let present = |text: &'_ str| -> bool { !text.is_empty() };
        let signed = httpsig::sign(
            &httpsig::Request {
                method: call.method,
                path: call.path,
                query: None,
                content_digest: present(digest).then_some(digest),
                upload_offset: present(&offset).then_some(offset.as_str()),
                upload_complete: present(complete).then_some(complete),
                repr_digest: present(repr_digest).then_some(repr_digest),
            },
            &httpsig::Parameters { keyid: id.as_str(), created_s, counter },
            |base| key.sign(base).to_bytes(),
        );
        let Ok(signed) = signed else {
            return (Err(http::Error::Request), Measured::default());
        };
        let request = http::Request {
            method: call.method,
            target: call.path,
            host: &endpoint.server_name,
            port: endpoint.port,
            headers: &[
                ("Content-Type", call.content_type),
                ("Content-Encoding", call.content_encoding),
                ("Authorization", call.authorization),
                ("If-None-Match", call.if_none_match),
                ("Content-Digest", digest),
                ("Upload-Offset", &offset),
                ("Upload-Complete", complete),
                ("Repr-Digest", repr_digest),
                ("Signature-Input", &signed.signature_input),
                ("Signature", &signed.signature),
            ],
        };
        let mut timed = Timed::new(connection, timer, link.quality(index), deadline_ms);
        let result = http::exchange(&mut timed, &request, body, &mut buffer[..]).await;
        (result, timed.measured())
    }

    /// What an answer means, and what it says of its endpoint.
    pub(super) fn judge(
        &mut self,
        response: &Response,
        index: usize,
        counter: u64,
        measured: Measured,
        chances: &mut Chances,
    ) -> Step {
        let kind = self.problem(response);
        let refused = Error::Refused { status: response.status, kind };
        match (response.status, kind) {
            (500.., _) | (408, _) | (_, ProblemKind::TooBusy | ProblemKind::Copies) => {
                // It answers but cannot serve: the load belongs elsewhere for a while.
                let now_ms = self.timer.now_ms();
                self.link.record_failure(index, now_ms, &mut self.rng);
                return Step::Elsewhere(refused);
            }
            _ => self.link.record_success(index, measured),
        }
        match (response.status, kind) {
            (401, ProblemKind::Clock) if chances.clock && self.correct_clock(response, counter).is_some() => {
                chances.clock = false;
                Step::Again
            }
            (401, ProblemKind::Replayed) if chances.replayed => {
                chances.replayed = false;
                Step::Again
            }
            // Another gateway may know the key already, or have the right time.
            (401, ProblemKind::Clock | ProblemKind::Replayed | ProblemKind::Signature)
            | (400..500, ProblemKind::UnknownCamera) => Step::Elsewhere(refused),
            // What can never be stored leaves the camera, so one gateway alone does not decide it: that one may be set up
            // wrongly.
            (400..500, kind) if kind.is_final() && chances.second_opinion && self.link.endpoints().len() > 1 => {
                chances.second_opinion = false;
                Step::Elsewhere(refused)
            }
            _ => Step::Done,
        }
    }

    /// Why a response refuses; [`ProblemKind::Other`] when it does not, or does not say.
    pub(super) fn problem(&self, response: &Response) -> ProblemKind {
        if response.status < 400 {
            return ProblemKind::Other;
        }
        json::from_slice::<Problem>(response.body(&self.buffer)).map_or(ProblemKind::Other, |problem| problem.kind)
    }

    /// Sets the clock from the time that came with a refusal, if it is signed by the pinned key and answers the request
    /// with this counter: an old answer cannot set the clock back.
    fn correct_clock(&mut self, response: &Response, counter: u64) -> Option<()> {
        let text = response.header(&self.buffer, "wildcam-time")?;
        let mut document = [0; MAX_DOCUMENT];
        let document = Base64::decode(text, &mut document).ok()?;
        let document = cose::verify(document, self.link.trusted()).ok()?;
        let time = TimeBody::from_document(&document).ok()?;
        document.check_time(time.unix_ms / 1000).ok()?;
        if time.nonce != counter {
            return None;
        }
        self.set_clock(time.unix_ms);
        self.counts.clock_corrections = self.counts.clock_corrections.saturating_add(1);
        Some(())
    }
}

// An answer with the largest signed document and the usual headers must fit.
const _: () = assert!(BUFFER_BYTES >= MAX_DOCUMENT + 1024 && BUFFER_BYTES >= http::MIN_BUFFER);
