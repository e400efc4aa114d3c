use std::time::Duration;

use serde::{Deserialize, Serialize};

/// No latency or jitter is longer; a link that is slower is a broken one.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// What a link does with connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Everything passes.
    #[default]
    Clear,
    /// Nobody listens: a connect is refused, and open connections are reset.
    Refuse,
    /// Connections are accepted and not one byte passes; open ones freeze.
    SilentBeforeHandshake,
    /// A new connection gets through its TLS handshake, then nothing more from the client passes; open ones freeze. A
    /// client that does not speak TLS is silenced from its first byte, and so is one that sends early data (RFC 8446,
    /// 2.3) after its first flight, because early data cannot be told from the end of the handshake.
    SilentAfterHandshake,
}

/// How bytes travel over a link, in each direction and for each connection on its own. The default changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shape {
    /// Every byte arrives this much later. Bytes travel one behind the other, up to 64 KiB at a time.
    #[serde(rename = "latency_ms", with = "milliseconds")]
    pub latency: Duration,
    /// Up to this much more, evenly distributed. The order of bytes stays.
    #[serde(rename = "jitter_ms", with = "milliseconds")]
    pub jitter: Duration,
    /// The probability, 0 to 1, that a chunk is lost on its way. TCP loses no byte, so the chunk and all that follow
    /// wait for a retransmission: 200 ms, doubled for each further loss of the same chunk (RFC 6298). After six losses
    /// in a row the connection is reset, which below one in ten practically never happens and above one in two often.
    pub loss: f64,
    /// At most this many bytes a second.
    pub bytes_per_s: Option<u64>,
    /// The probability, 0 to 1, that one byte of a chunk (at most 16 KiB) is altered.
    pub corrupt: f64,
}

impl Shape {
    /// Says what makes a shape impossible.
    ///
    /// # Errors
    /// The reason, in words.
    pub fn check(&self) -> Result<(), &'static str> {
        if !(0.0..=1.0).contains(&self.loss) {
            Err("loss is a probability, from 0 to 1")
        } else if !(0.0..=1.0).contains(&self.corrupt) {
            Err("corrupt is a probability, from 0 to 1")
        } else if self.latency > LONGEST_DELAY || self.jitter > LONGEST_DELAY {
            Err("latency and jitter are at most 60 s")
        } else if self.bytes_per_s == Some(0) {
            Err("bytes_per_s is at least 1; to stop a link, make it silent")
        } else {
            Ok(())
        }
    }
}

/// Durations as whole milliseconds in JSON.
pub(crate) mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_checked() {
        assert_eq!(Shape::default().check(), Ok(()));
        assert!(Shape { loss: 1.1, ..Shape::default() }.check().is_err());
        assert!(Shape { corrupt: f64::NAN, ..Shape::default() }.check().is_err());
        assert!(Shape { latency: Duration::from_secs(61), ..Shape::default() }.check().is_err());
        assert!(Shape { bytes_per_s: Some(0), ..Shape::default() }.check().is_err());
    }

    #[test]
    fn json_has_units_in_its_names_and_knows_every_field() {
        let shape: Shape = serde_json::from_str(r#"{"latency_ms": 40, "loss": 0.5}"#).unwrap();
        assert_eq!(shape, Shape { latency: Duration::from_millis(40), loss: 0.5, ..Shape::default() });
        assert!(serde_json::from_str::<Shape>(r#"{"latency": 40}"#).is_err());
        assert_eq!(serde_json::to_string(&Mode::SilentBeforeHandshake).unwrap(), r#""silent-before-handshake""#);
    }
}
