//! What a board prints, as the ledger has it.

use std::io;

use crate::{
    clock::Clock,
    drill::observation::{Journal, Line, Observation},
};

/// What every line of the firmware begins with.
const START: &str = "wildcam ";

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

    /// Notes what a line says.
    pub(super) fn line(&mut self, line: &str) -> io::Result<()> {
        let now_ms = u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX);
        match observed(&self.camera, line, now_ms) {
            Some(what) => self.journal.append(&Line { t_ms: now_ms, what }),
            None => Ok(()),
        }
    }
}

/// What a line says, for the camera's name as the lab knows it. The lines are listed in firmware/app/README.md; everything
/// else that a board prints is for people.
fn observed(camera: &str, line: &str, now_ms: u64) -> Option<Observation> {
    let camera = camera.to_owned();
    // A line may begin with the rest of one that a reset cut off.
    let said = &line[line.rfind(START)? + START.len()..];
    let words: Vec<&str> = said.split(' ').skip(1).collect();
    let named = |name: &str| words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let cloud = || named("via").map(|endpoint| endpoint.split('/').next().unwrap_or_default().to_owned());
    let began = || named("ms")?.parse().ok().map(|took: u64| now_ms.saturating_sub(took));
    Some(match (*words.first()?, words.get(1).copied()) {
        ("captured", Some(id)) => Observation::Queued {
            camera,
            ulid: ulid(id)?,
            image_sha256: digest(words.get(2)?)?,
            event_sha256: digest(words.get(3)?)?,
            bytes: words.get(4)?.parse().ok()?,
        },
        ("attempted", Some(id)) => Observation::Attempted { camera, ulid: ulid(id)? },
        ("acked", Some(id)) => Observation::Acked {
            camera,
            ulid: ulid(id)?,
            cloud: cloud()?,
            copies: named("copies")?.parse().ok()?,
            started_ms: began()?,
        },
        ("reported", _) => Observation::Reported { camera, cloud: cloud()?, started_ms: began()? },
        ("refused", Some(id)) => {
            Observation::Refused { camera, ulid: ulid(id.trim_end_matches(':'))?, kind: words.get(2)?.to_lowercase() }
        }
        _ => return None,
    })
}

fn ulid(text: &str) -> Option<String> {
    text.parse::<wildcam_core::wire::Ulid>().ok().map(|ulid| ulid.to_string())
}

fn digest(text: &str) -> Option<String> {
    let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (text.len() == 64 && digits).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ULID: &str = "01KA4Z3V8Q9R1S2T3V4W5X6Y7Z";

    #[test]
    fn ledger_lines_become_observations_and_others_do_not() {
        let sha = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let queued = observed("cam", &format!("wildcam info captured {ULID} {sha} {sha} 18457"), 0);
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
        let acked = observed("cam", &format!("wildcam info acked {ULID} {sha} copies=2 via=b/b-r1-z1-1 ms=120"), 1000);
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
        let reported = observed("cam", "wildcam inwildcam info reported via=a/x ms=40 waiting=0", 100);
        assert_eq!(reported, Some(Observation::Reported { camera: "cam".into(), cloud: "a".into(), started_ms: 60 }));
        let refused = observed("cam", &format!("wildcam warn refused {ULID}: TooLarge"), 0);
        assert_eq!(
            refused,
            Some(Observation::Refused { camera: "cam".into(), ulid: ULID.into(), kind: "toolarge".into() })
        );
        for other in [
            "wildcam info booted",
            "wildcam",
            "wildcam info acked",
            &format!("wildcam info acked {ULID} {sha} copies=two via=a ms=1"),
            &format!("acked {ULID} {sha} copies=2 via=a ms=1"),
            "wildcam info attempted 123",
            &format!("wildcam info captured {ULID} short {sha} 1"),
            "wildcam info reported",
        ] {
            assert_eq!(observed("cam", other, 0), None, "{other}");
        }
    }
}
