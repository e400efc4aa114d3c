//! Status reports, batched: one object of JSON lines for each interval, not one object for each report.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use wildcam_core::wire::{Ulid, keys};

use super::{
    Gateway,
    copies::{Item, Need, Object},
};

/// Bytes that wait at most; beyond that the oldest are let go, since a newer report says more.
const MAX_BYTES: usize = 512 * 1024;

/// Reports that wait for their object.
#[derive(Debug, Default)]
pub(super) struct Reports {
    lines: Mutex<String>,
}

impl Reports {
    /// Adds one line: `what` is `status` or `event`, and `json` says it.
    pub(super) fn add(&self, received_ms: u64, what: &str, json: &str) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let line = format!("{{\"received_ms\":{received_ms},\"{what}\":{json}}}\n");
        if lines.len() + line.len() > MAX_BYTES {
            // In bytes, because the middle may lie inside a letter; after the end of a line it does not.
            let middle = lines.len() / 2;
            let end = lines.as_bytes()[middle..].iter().position(|byte| *byte == b'\n');
            let cut = end.map_or(lines.len(), |at| middle + at + 1);
            lines.drain(..cut);
        }
        lines.push_str(&line);
    }

    fn take(&self) -> String {
        std::mem::take(&mut self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Gateway {
    /// Writes the reports that wait into one object. Best effort: with no store up they are let go.
    pub(super) async fn write_reports(&self) {
        let lines = self.reports.take();
        if lines.is_empty() {
            return;
        }
        let now_ms = self.clock.unix_ms();
        let ulid = Ulid::from_bits(self.random.ulid(now_ms).into());
        let key = keys::report(&self.settings.name, ulid).as_str().to_owned();
        let document = Object::new(key, Bytes::from(lines), "application/jsonl");
        let need = Need { wanted: 1, least: 1 };
        if let Err(error) = self.copies.put(Item { document, picture: None }, need, None).await {
            tracing::warn!(%error, "status reports could not be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_reports_are_let_go_whatever_letters_they_have() {
        // Lines of different lengths put the middle on every byte of a letter.
        for letters in 1000..1012 {
            let reports = Reports::default();
            let json = format!("\"{}\"", "\u{1f989}".repeat(letters));
            for number in 0..300 {
                reports.add(number, "status", &json);
            }
            let lines = reports.take();
            assert!(lines.len() <= MAX_BYTES);
            assert!(lines.ends_with(&format!("{{\"received_ms\":299,\"status\":{json}}}\n")), "the newest is gone");
            assert!(lines.lines().all(|line| line.starts_with("{\"received_ms\"") && line.ends_with('}')));
        }
    }
}
