//! Asking gateways how they are.

use std::{error::Error as _, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior},
};
use url::Url;

use super::{Error, health::Observation};
use crate::clock::Clock;

/// No answer to a health check is longer; more is not read.
const ANSWER_LIMIT_BYTES: usize = 64 << 10;

/// A gateway to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The cloud it belongs to.
    pub cloud: String,
    /// Its health check.
    pub url: Url,
}

impl Target {
    /// The gateway of `cloud` at `host` and `port`: `GET https://host:port/api/health`.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn gateway(cloud: &str, host: &str, port: u16) -> Result<Self, Error> {
        // A bare IPv6 address needs brackets in a URL.
        let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
        let address = format!("https://{host}:{port}/api/health");
        match Url::parse(&address) {
            Ok(url) => Ok(Self { cloud: cloud.to_owned(), url }),
            Err(source) => Err(Error::Address { address, source }),
        }
    }
}

/// Asks one gateway; an error says in a few words what went wrong. It need not limit its own time.
pub type Probe = Arc<dyn Fn(Target) -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// The real probe: a GET with this client, good when the status is 2xx and the body arrives.
#[must_use]
pub fn http(client: reqwest::Client) -> Probe {
    Arc::new(move |target| {
        let client = client.clone();
        Box::pin(async move {
            let mut response = client.get(target.url).send().await.map_err(|error| in_a_few_words(&error))?;
            let status = response.status();
            let mut bytes = 0;
            while let Some(chunk) = response.chunk().await.map_err(|error| in_a_few_words(&error))? {
                bytes += chunk.len();
                if bytes > ANSWER_LIMIT_BYTES {
                    return Err("the answer is too long for a health check".to_owned());
                }
            }
            if status.is_success() { Ok(()) } else { Err(format!("status {}", status.as_u16())) }
        })
    })
}

/// The innermost cause: reqwest's own message only repeats the address.
fn in_a_few_words(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    text.chars().take(200).collect()
}

/// How often a gateway is asked, and how long it has to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// From the beginning of one probe to that of the next.
    pub interval: Duration,
    /// After this, a probe has failed.
    pub timeout: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { interval: Duration::from_secs(1), timeout: Duration::from_secs(1) }
    }
}

/// Probes `target` again and again and sends what it saw, marked with `number`, until nobody listens any more. One
/// probe at a time: one that outlasts the interval delays the next.
pub async fn watch(
    number: usize,
    target: Target,
    probe: Probe,
    schedule: Schedule,
    clock: Clock,
    observations: mpsc::Sender<(usize, Observation)>,
) {
    let mut ticks = tokio::time::interval(schedule.interval.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let started = Instant::now();
        let error = match tokio::time::timeout(schedule.timeout, probe(target.clone())).await {
            Ok(answer) => answer.err(),
            Err(_) => Some(format!("no answer within {} ms", schedule.timeout.as_millis())),
        };
        let at_ms = u64::try_from(clock.monotonic().as_millis()).unwrap_or(u64::MAX);
        let observation = Observation { at_ms, latency: started.elapsed(), error };
        if observations.send((number, observation)).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, http::StatusCode, routing::get};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::net::{serve, tls};

    #[tokio::test]
    async fn a_gateway_is_asked_over_tls_and_anything_but_success_is_a_failure() {
        let identity = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (certificate, key) = (identity.cert.pem(), identity.signing_key.serialize_pem());
        let trust = tls::client_trusting(&certificate).unwrap();
        let client = reqwest::Client::builder().tls_backend_preconfigured(trust.as_ref().clone()).build().unwrap();
        let probe = http(client);

        let answer = Arc::new(std::sync::Mutex::new((StatusCode::OK, "{}".to_owned())));
        let shown = Arc::clone(&answer);
        let router = Router::new().route("/api/health", get(move || async move { shown.lock().unwrap().clone() }));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let target = Target::gateway("a", "localhost", listener.local_addr().unwrap().port()).unwrap();
        let (config, stop) = (tls::server(&certificate, &key).unwrap(), CancellationToken::new());
        let server = tokio::spawn(serve::serve(listener, Some(config), router, serve::Limits::default(), stop.clone()));

        probe(target.clone()).await.unwrap();
        *answer.lock().unwrap() = (StatusCode::SERVICE_UNAVAILABLE, "{}".to_owned());
        assert_eq!(probe(target.clone()).await.unwrap_err(), "status 503");
        *answer.lock().unwrap() = (StatusCode::OK, "x".repeat(ANSWER_LIMIT_BYTES + 1));
        assert!(probe(target.clone()).await.unwrap_err().contains("too long"));
        stop.cancel();
        server.await.unwrap();
        assert!(probe(target).await.is_err(), "nobody listens any more");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_gateway_fails_after_the_timeout_and_is_asked_on_schedule() {
        let silent: Probe = Arc::new(|_| Box::pin(std::future::pending()));
        let schedule = Schedule { interval: Duration::from_secs(2), timeout: Duration::from_millis(500) };
        let epoch = Instant::now();
        let clock = Clock::simulated(0, move || epoch.elapsed());
        let (sender, mut observations) = mpsc::channel(4);
        let target = Target::gateway("a", "::1", 443).unwrap();
        let watcher = tokio::spawn(watch(7, target, silent, schedule, clock, sender));
        for seen_at_ms in [500, 2500, 4500] {
            let (number, observation) = observations.recv().await.unwrap();
            assert_eq!((number, observation.at_ms), (7, seen_at_ms));
            assert_eq!(observation.latency, schedule.timeout);
            assert!(observation.error.unwrap().contains("500 ms"));
        }
        drop(observations);
        watcher.await.unwrap();
    }
}
