//! The keys of objects in every store.
//!
//! A key is made of parts that are already checked, so no key can leave its folder. The day is that of the ULID, in
//! UTC, and not of the arrival: a retry days later must hit the same key.

use core::fmt::Write as _;

use super::{CameraId, Ulid};

/// A key; the longest is well under this many bytes.
pub type ObjectKey = heapless::String<160>;

/// Which of the two objects of a detection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The JPEG, `.jpg`.
    Image,
    /// The event as the camera sent it, `.json`.
    Event,
}

/// The folder of all detections.
pub const DETECTIONS: &str = "detections/";

/// The folder of all cameras.
pub const CAMERAS: &str = "cameras/";

/// The folder of all that cameras may update to.
pub const RELEASES: &str = "releases/";

/// Longest key under [`RELEASES`] in bytes.
pub const MAX_RELEASE: usize = 96;

/// The key of one object of a detection: `detections/{camera}/{yyyy}/{mm}/{dd}/{ulid}.jpg` or `.json`.
#[must_use]
pub fn detection(camera: &CameraId, ulid: Ulid, part: Part) -> ObjectKey {
    let (year, month, day) = date(ulid.ms());
    let ending = match part {
        Part::Image => "jpg",
        Part::Event => "json",
    };
    key(format_args!("{DETECTIONS}{camera}/{year:04}/{month:02}/{day:02}/{ulid}.{ending}"))
}

/// The folder of a camera's detections, with the final slash.
#[must_use]
pub fn detections_of(camera: &CameraId) -> ObjectKey {
    key(format_args!("{DETECTIONS}{camera}/"))
}

/// The camera and the ULID that a key of a detection names; `None` for every other key.
#[must_use]
pub fn parse_detection(text: &str) -> Option<(CameraId, Ulid, Part)> {
    let mut parts = text.strip_prefix(DETECTIONS)?.split('/');
    let camera = CameraId::new(parts.next()?).ok()?;
    let (name, ending) = parts.nth(3)?.split_once('.')?;
    let part = match ending {
        "jpg" => Part::Image,
        "json" => Part::Event,
        _ => return None,
    };
    let ulid = name.parse().ok()?;
    // Made again from its parts, so that a wrong date or one part too many is not taken for the same detection.
    (detection(&camera, ulid, part) == text).then_some((camera, ulid, part))
}

/// The public key with which a camera enrolled: `cameras/{camera}/key.json`.
#[must_use]
pub fn camera_key(camera: &CameraId) -> ObjectKey {
    key(format_args!("{CAMERAS}{camera}/key.json"))
}

/// What every camera should have when nothing of its own is there: `fleet/desired.cose`.
#[must_use]
pub fn fleet_desired() -> ObjectKey {
    key(format_args!("fleet/desired.cose"))
}

/// What one camera should have, an exception to the fleet: `fleet/cameras/{camera}/desired.cose`.
#[must_use]
pub fn camera_desired(camera: &CameraId) -> ObjectKey {
    key(format_args!("fleet/cameras/{camera}/desired.cose"))
}

/// What one camera shall do, once: `fleet/cameras/{camera}/command.cose`.
#[must_use]
pub fn camera_command(camera: &CameraId) -> ObjectKey {
    key(format_args!("fleet/cameras/{camera}/command.cose"))
}

/// What one camera is set to and shall run: `fleet/cameras/{camera}/config.cose`.
#[must_use]
pub fn camera_config(camera: &CameraId) -> ObjectKey {
    key(format_args!("fleet/cameras/{camera}/config.cose"))
}

/// The same by its number, which stays when it is replaced: `fleet/cameras/{camera}/config/{number}.cose`.
#[must_use]
pub fn camera_config_version(camera: &CameraId, number: u64) -> ObjectKey {
    key(format_args!("fleet/cameras/{camera}/config/{number}.cose"))
}

/// The folder of all that one camera was ever set to, with the final slash.
#[must_use]
pub fn camera_config_versions(camera: &CameraId) -> ObjectKey {
    key(format_args!("fleet/cameras/{camera}/config/"))
}

/// A batch of reports that one gateway wrote: `reports/{gateway}/{yyyy}/{mm}/{dd}/{ulid}.jsonl`. A gateway is named by
/// the rules of a camera id.
#[must_use]
pub fn report(gateway: &CameraId, ulid: Ulid) -> ObjectKey {
    let (year, month, day) = date(ulid.ms());
    key(format_args!("reports/{gateway}/{year:04}/{month:02}/{day:02}/{ulid}.jsonl"))
}

/// The root with that number: `releases/root/{sequence}.cose`. A camera asks for the one after its own until there is none.
#[must_use]
pub fn release_root(sequence: u64) -> ObjectKey {
    key(format_args!("{RELEASES}root/{sequence}.cose"))
}

/// Which releases are the newest: `releases/timestamp.cose`.
#[must_use]
pub fn release_timestamp() -> ObjectKey {
    key(format_args!("{RELEASES}timestamp.cose"))
}

/// The manifest of a release: `releases/{class}/{sequence}.cose`; `None` for a class that cannot be one.
#[must_use]
pub fn release_manifest(class: &str, sequence: u64) -> Option<ObjectKey> {
    crate::trust::is_class(class).then(|| key(format_args!("{RELEASES}{class}/{sequence}.cose")))
}

/// The image of a release: `releases/{class}/{sequence}.bin`; `None` for a class that cannot be one.
#[must_use]
pub fn release_image(class: &str, sequence: u64) -> Option<ObjectKey> {
    crate::trust::is_class(class).then(|| key(format_args!("{RELEASES}{class}/{sequence}.bin")))
}

/// The patch that makes the image of a release from that of the release `from`:
/// `releases/{class}/{sequence}-{from}.patch`; `None` for a class that cannot be one.
#[must_use]
pub fn release_patch(class: &str, sequence: u64, from: u64) -> Option<ObjectKey> {
    crate::trust::is_class(class).then(|| key(format_args!("{RELEASES}{class}/{sequence}-{from}.patch")))
}

/// The digests of the sectors of the image of a release: `releases/{class}/{sequence}.sums`; `None` for a class that cannot
/// be one.
#[must_use]
pub fn release_sums(class: &str, sequence: u64) -> Option<ObjectKey> {
    crate::trust::is_class(class).then(|| key(format_args!("{RELEASES}{class}/{sequence}.sums")))
}

/// Whether `text` may be a key under [`RELEASES`]: parts of letters, digits, `.`, `_` and `-`, none of which begins with a
/// dot, so that it neither leaves its folder nor ends a line of HTTP.
#[must_use]
pub fn is_release(text: &str) -> bool {
    let part = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain)
    };
    text.len() <= MAX_RELEASE && text.strip_prefix(RELEASES).is_some_and(|rest| rest.split('/').all(part))
}

fn key(text: core::fmt::Arguments<'_>) -> ObjectKey {
    let mut key = ObjectKey::new();
    // Cannot fail: ids are at most 63 bytes and the rest of the longest key is under 70; a test holds it.
    let _ = key.write_fmt(text);
    key
}

/// Year, month and day in UTC of `ms` milliseconds since 1970, in the proleptic Gregorian calendar.
#[must_use]
pub fn date(ms: u64) -> (u64, u64, u64) {
    const DAY_MS: u64 = 86_400_000;
    // Years are counted from 1 March 0000, so that the leap day is the last of its year and months follow a line.
    const DAYS_TO_1970: u64 = 719_468;
    const DAYS_OF_400_YEARS: u64 = 146_097;
    let days = ms / DAY_MS + DAYS_TO_1970;
    let (cycle, day_of_cycle) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (cycle * 400 + year_of_cycle + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_at_the_edges() {
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(951_782_400_000), (2000, 2, 29));
        assert_eq!(date(951_868_799_999), (2000, 2, 29));
        assert_eq!(date(951_868_800_000), (2000, 3, 1));
        assert_eq!(date(4_107_542_400_000), (2100, 3, 1));
        assert_eq!(date(1_767_225_599_999), (2025, 12, 31));
        assert_eq!(date((1 << 48) - 1), (10889, 8, 2));
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut last = date(0);
        for day in 1..200_000u64 {
            let next = date(day * 86_400_000);
            let (year, month, dom) = last;
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 => 28 + u64::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            let expected = match (month, dom) {
                (12, 31) => (year + 1, 1, 1),
                _ if dom == length => (year, month + 1, 1),
                _ => (year, month, dom + 1),
            };
            assert_eq!(next, expected);
            last = next;
        }
    }

    #[test]
    fn keys_read_back_and_others_do_not() {
        let camera = CameraId::new(&"a".repeat(63)).unwrap();
        let ulid = Ulid::new((1 << 48) - 1, 7);
        for part in [Part::Image, Part::Event] {
            let key = detection(&camera, ulid, part);
            assert_eq!(parse_detection(&key), Some((camera.clone(), ulid, part)));
        }
        assert!(report(&camera, ulid).ends_with(".jsonl"));
        assert!(camera_desired(&camera).ends_with("/desired.cose"));
        assert!(camera_command(&camera).ends_with("/command.cose"));
        assert!(camera_config(&camera).ends_with("/config.cose"));
        let version = camera_config_version(&camera, u64::MAX);
        assert!(version.starts_with(camera_config_versions(&camera).as_str()), "{version}");
        assert!(version.ends_with("/config/18446744073709551615.cose"), "{version}");
        let cam = CameraId::new("cam-1").unwrap();
        let good = detection(&cam, "01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(), Part::Image);
        assert_eq!(good, "detections/cam-1/2016/07/30/01ARZ3NDEKTSV4RRFFQ69G5FAV.jpg");
        for bad in [
            "detections/cam-1/2016/07/31/01ARZ3NDEKTSV4RRFFQ69G5FAV.jpg",
            "detections/cam-1/2016/07/30/x/01ARZ3NDEKTSV4RRFFQ69G5FAV.jpg",
            "detections/cam-1/2016/07/30/01ARZ3NDEKTSV4RRFFQ69G5FAV.jpg/x",
            "detections/../2016/07/30/01ARZ3NDEKTSV4RRFFQ69G5FAV.jpg",
            "detections/cam-1/2016/07/30/01ARZ3NDEKTSV4RRFFQ69G5FAV.png",
            "cameras/cam-1/key.json",
            "",
        ] {
            assert_eq!(parse_detection(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_key_of_a_release_stays_in_its_folder() {
        let longest = "c".repeat(crate::trust::MAX_CLASS);
        for key in [
            release_root(u64::MAX),
            release_timestamp(),
            release_manifest(&longest, u64::MAX).unwrap(),
            release_manifest("esp32c3", 7).unwrap(),
            release_image(&longest, u64::MAX).unwrap(),
            release_patch(&longest, u64::MAX, u64::MAX - 1).unwrap(),
            release_sums(&longest, u64::MAX).unwrap(),
        ] {
            assert!(is_release(&key), "{key}");
        }
        assert_eq!(release_manifest("esp32c3", 7).unwrap(), "releases/esp32c3/7.cose");
        assert_eq!(release_image("esp32c3", 7).unwrap(), "releases/esp32c3/7.bin");
        assert_eq!(release_patch("esp32c3", 7, 6).unwrap(), "releases/esp32c3/7-6.patch");
        assert_eq!(release_sums("esp32c3", 7).unwrap(), "releases/esp32c3/7.sums");
        for of in [release_manifest, release_image, release_sums] {
            assert_eq!(of("../fleet", 7), None);
        }
        assert_eq!(release_patch("..", 7, 6), None);
        for bad in [
            "",
            "releases/",
            "releases//a",
            "releases/a/",
            "releases/../fleet/desired.cose",
            "releases/.hidden",
            "releases/a b",
            "releases/a\r\nX: y",
            "releases/a?b",
            "releases/%2e%2e",
            "/releases/a",
            "fleet/desired.cose",
        ] {
            assert!(!is_release(bad), "{bad:?}");
        }
        assert!(!is_release(&std::format!("releases/{}", "a".repeat(MAX_RELEASE - 8))));
        assert!(is_release(&std::format!("releases/{}", "a".repeat(MAX_RELEASE - 9))));
    }
}
