//! `/metrics` in the Prometheus text format 0.0.4. Labels that cameras choose are bounded in number.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use axum::{
    extract::State,
    http::{Response, header},
    response::IntoResponse,
};
use wildcam_core::wire::Event;

use super::Shared;

/// Cameras and species with series of their own; further ones are counted as `other`.
const MAX_CAMERAS: usize = 1_000;
const MAX_SPECIES: usize = 200;
const OTHER: &str = "other";

/// Upper bounds of the histogram, in seconds.
const BUCKETS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// A camera that was heard within this time counts as active.
const ACTIVE: Duration = Duration::from_secs(15 * 60);

#[derive(Debug, Default)]
struct Histogram {
    counts: [u64; BUCKETS.len()],
    count: u64,
    sum_s: f64,
}

#[derive(Debug, Default)]
struct Seen {
    at_ms: u64,
    location: String,
}

#[derive(Debug, Default)]
struct Numbers {
    cameras: BTreeSet<String>,
    species: BTreeSet<String>,
    detections: BTreeMap<(String, String), u64>,
    processing: BTreeMap<String, Histogram>,
    seen: BTreeMap<String, Seen>,
    requests: BTreeMap<(String, u16), u64>,
}

/// The counters of one gateway.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    numbers: Mutex<Numbers>,
    uploads_under_way: AtomicI64,
}

/// Counts one upload while it is under way.
pub(super) struct UploadUnderWay<'a>(&'a Metrics);

impl Drop for UploadUnderWay<'_> {
    fn drop(&mut self) {
        self.0.uploads_under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

fn bounded(known: &mut BTreeSet<String>, name: &str, most: usize) -> String {
    if known.contains(name) {
        return name.to_owned();
    }
    if known.len() >= most {
        return OTHER.to_owned();
    }
    known.insert(name.to_owned());
    name.to_owned()
}

impl Metrics {
    fn with<T>(&self, work: impl FnOnce(&mut Numbers) -> T) -> T {
        work(&mut self.numbers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn upload_begins(&self) -> UploadUnderWay<'_> {
        self.uploads_under_way.fetch_add(1, Ordering::Relaxed);
        UploadUnderWay(self)
    }

    pub(super) fn request(&self, route: &str, status: u16) {
        self.with(|numbers| *numbers.requests.entry((route.to_owned(), status)).or_default() += 1);
    }

    pub(super) fn preset(&self, camera: &str, species: Option<&str>, count: u64) {
        self.with(|numbers| {
            let camera = bounded(&mut numbers.cameras, camera, MAX_CAMERAS);
            let species = bounded(&mut numbers.species, species.unwrap_or("unknown"), MAX_SPECIES);
            *numbers.detections.entry((camera, species)).or_default() += count;
        });
    }

    pub(super) fn stored(&self, event: &Event, fresh: bool, took: Duration) {
        self.with(|numbers| {
            let camera = bounded(&mut numbers.cameras, event.camera.as_str(), MAX_CAMERAS);
            if fresh {
                let name = event.species.as_ref().map_or("unknown", |name| name.as_str());
                let species = bounded(&mut numbers.species, name, MAX_SPECIES);
                *numbers.detections.entry((camera.clone(), species)).or_default() += 1;
            }
            if let Some(place) = event.place {
                numbers.seen.entry(camera.clone()).or_default().location = format!("{:.5},{:.5}", place.lat, place.lon);
            }
            let histogram = numbers.processing.entry(camera).or_default();
            let seconds = took.as_secs_f64();
            for (count, bound) in histogram.counts.iter_mut().zip(BUCKETS) {
                *count += u64::from(seconds <= bound);
            }
            histogram.count += 1;
            histogram.sum_s += seconds;
        });
    }

    pub(super) fn heard(&self, camera: &str, at_ms: u64) {
        self.with(|numbers| {
            let camera = bounded(&mut numbers.cameras, camera, MAX_CAMERAS);
            numbers.seen.entry(camera).or_default().at_ms = at_ms;
        });
    }

    fn write(&self, out: &mut String, now_ms: u64) -> std::fmt::Result {
        self.with(|numbers| {
            head(out, "wildcam_wildlife_detections_total", "counter", "Detections stored.")?;
            for ((camera, species), count) in &numbers.detections {
                let (camera, species) = (label(camera), label(species));
                writeln!(
                    out,
                    "wildcam_wildlife_detections_total{{camera_id=\"{camera}\",species=\"{species}\"}} {count}"
                )?;
            }
            let name = "wildcam_detection_processing_seconds";
            head(out, name, "histogram", "From the head of an upload to its acknowledgement.")?;
            for (camera, histogram) in &numbers.processing {
                let camera = label(camera);
                for (bound, count) in BUCKETS.iter().zip(histogram.counts) {
                    writeln!(out, "{name}_bucket{{camera_id=\"{camera}\",le=\"{bound}\"}} {count}")?;
                }
                writeln!(out, "{name}_bucket{{camera_id=\"{camera}\",le=\"+Inf\"}} {}", histogram.count)?;
                writeln!(out, "{name}_sum{{camera_id=\"{camera}\"}} {}", histogram.sum_s)?;
                writeln!(out, "{name}_count{{camera_id=\"{camera}\"}} {}", histogram.count)?;
            }
            let active_ms = u64::try_from(ACTIVE.as_millis()).unwrap_or(u64::MAX);
            let active = numbers.seen.values().filter(|seen| seen.at_ms.saturating_add(active_ms) >= now_ms).count();
            head(
                out,
                "wildcam_active_cameras_total",
                "gauge",
                "Cameras heard by this gateway in the last 15 minutes.",
            )?;
            writeln!(out, "wildcam_active_cameras_total {active}")?;
            let name = "wildcam_camera_last_seen_timestamp";
            head(out, name, "gauge", "When this gateway last heard a camera, in Unix seconds.")?;
            for (camera, seen) in &numbers.seen {
                let (camera, location, at_s) = (label(camera), label(&seen.location), seen.at_ms / 1000);
                writeln!(out, "{name}{{camera_id=\"{camera}\",location=\"{location}\"}} {at_s}")?;
            }
            head(out, "wildcam_http_requests_total", "counter", "Requests by route and status.")?;
            for ((route, status), count) in &numbers.requests {
                writeln!(out, "wildcam_http_requests_total{{route=\"{}\",status=\"{status}\"}} {count}", label(route))?;
            }
            head(out, "wildcam_processing_queue_size", "gauge", "Uploads under way.")?;
            writeln!(out, "wildcam_processing_queue_size {}", self.uploads_under_way.load(Ordering::Relaxed))
        })
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) -> std::fmt::Result {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

fn label(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

pub(super) async fn get(State(gateway): State<Shared>) -> impl IntoResponse {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = gateway.metrics.write(&mut out, gateway.clock.unix_ms());
    let _ = head(&mut out, "wildcam_store_up", "gauge", "Whether the store of a cloud is taken to be up.");
    for (store, up) in gateway.copies.states() {
        let _ = writeln!(out, "wildcam_store_up{{store=\"{}\"}} {}", label(&store), u8::from(up));
    }
    let _ = head(&mut out, "wildcam_heal_pending", "gauge", "Detections and documents that some store still misses.");
    let _ = writeln!(out, "wildcam_heal_pending {}", gateway.copies.heal_pending());
    Response::builder()
        .header(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")
        .body(axum::body::Body::from(out))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cameras_choose_are_bounded_and_escaped() {
        let metrics = Metrics::default();
        for n in 0..MAX_SPECIES + 50 {
            metrics.preset("one", Some(&format!("species \"{n}\"")), 1);
        }
        let mut text = String::new();
        metrics.write(&mut text, 0).unwrap();
        let series = text.lines().filter(|line| line.starts_with("wildcam_wildlife_detections_total{")).count();
        assert_eq!(series, MAX_SPECIES + 1);
        assert!(text.contains("camera_id=\"one\",species=\"other\"} 50"));
        assert!(text.contains("species=\"species \\\"7\\\"\"} 1"));
    }
}
