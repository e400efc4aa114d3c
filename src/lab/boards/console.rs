//! What a board prints, as the ledger has it.

use std::io;

use crate::{
    clock::Clock,
    drill::observation::{Journal, Line, Observation},
};

/// The console of one board.
pub(super) struct Console {
    camera: String,
    clock: Clock,
    journal: Journal,
}

impl Console {
    pub(super) fn new(camera: String, clock: Clock, journal: Journal) -> Self {
        Self { camera, clock, journal }
    }

    /// Notes what a line says, and passes the line on to the board's log.
    pub(super) fn line(&mut self, line: &str) -> io::Result<()> {
        let line = line.trim_end();
        tracing::info!(board = self.camera, "{line}");
        let now_ms = u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX);
        match observed(&self.camera, line, now_ms) {
            Some(what) => self.journal.append(&Line { t_ms: now_ms, what }),
            None => Ok(()),
        }
    }
}

/// What the firmware's ledger lines say, for the camera's name as the lab knows it:
///
/// ```text
/// ledger queued ULID IMAGE-SHA256 EVENT-SHA256 BYTES
/// ledger attempted ULID
/// ledger acked ULID ENDPOINT COPIES MILLISECONDS
/// ledger reported ENDPOINT MILLISECONDS
/// ledger refused ULID KIND
/// ```
///
/// The milliseconds are how long the exchange took. Everything else a board prints is for people.
fn observed(camera: &str, line: &str, now_ms: u64) -> Option<Observation> {
    let camera = camera.to_owned();
    // A line may have begun with the rest of one that was cut off by a reset.
    let mut words = line[line.find("ledger ")?..].split(' ').skip(1);
    let word = words.next()?;
    let mut text = || words.next().map(str::to_owned);
    let cloud = |endpoint: String| endpoint.split('/').next().unwrap_or_default().to_owned();
    let began = |took: String| took.parse().ok().map(|took: u64| now_ms.saturating_sub(took));
    Some(match word {
        "queued" => Observation::Queued {
            camera,
            ulid: ulid(text()?)?,
            image_sha256: digest(text()?)?,
            event_sha256: digest(text()?)?,
            bytes: text()?.parse().ok()?,
        },
        "attempted" => Observation::Attempted { camera, ulid: ulid(text()?)? },
        "acked" => Observation::Acked {
            camera,
            ulid: ulid(text()?)?,
            cloud: cloud(text()?),
            copies: text()?.parse().ok()?,
            started_ms: began(text()?)?,
        },
        "reported" => Observation::Reported { camera, cloud: cloud(text()?), started_ms: began(text()?)? },
        "refused" => Observation::Refused { camera, ulid: ulid(text()?)?, kind: text()? },
        _ => return None,
    })
}

fn ulid(text: String) -> Option<String> {
    text.parse::<wildcam_core::wire::Ulid>().ok().map(|_| text)
}

fn digest(text: String) -> Option<String> {
    (text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ULID: &str = "01KA4Z3V8Q9R1S2T3V4W5X6Y7Z";

    #[test]
    fn ledger_lines_become_observations_and_others_do_not() {
        let sha = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let queued = observed("cam", &format!("wildcam info ledger queued {ULID} {sha} {sha} 18457"), 0);
        assert_eq!(
            queued,
            Some(Observation::Queued {
                camera: "cam".into(),
                ulid: ULID.into(),
                image_sha256: sha.into(),
                event_sha256: sha.into(),
                bytes: 18457,
            })
        );
        let acked = observed("cam", &format!("ledger acked {ULID} b/b-r1-z1-1 2 120"), 1000);
        assert_eq!(
            acked,
            Some(Observation::Acked {
                camera: "cam".into(),
                ulid: ULID.into(),
                cloud: "b".into(),
                copies: 2,
                started_ms: 880,
            })
        );
        let reported = observed("cam", "wildcam inf ledger reported a/x 40", 100);
        assert_eq!(reported, Some(Observation::Reported { camera: "cam".into(), cloud: "a".into(), started_ms: 60 }));
        for other in [
            "wildcam info booted",
            "ledger",
            "ledger acked",
            &format!("ledger acked {ULID} a two 1"),
            "ledger attempted 123",
            &format!("ledger queued {ULID} short {sha} 1"),
            "ledger danced",
        ] {
            assert_eq!(observed("cam", other, 0), None, "{other}");
        }
    }
}
