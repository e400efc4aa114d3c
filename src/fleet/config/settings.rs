//! Settings as people write them, and as documents and cameras have them.

use wildcam_core::{
    config::Settings,
    trust::{Hours, Link},
};

use crate::project::{CameraLink, CameraSettings, DayHours, Period};

/// One setting that differs between two versions; `None` is what the camera's board has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its key.
    pub key: &'static str,
    /// Its value before, as a file has it.
    pub before: Option<String>,
    /// Its value after.
    pub after: Option<String>,
}

/// What differs from `before` to `after`, in the order of the keys.
#[must_use]
pub fn changes(before: &CameraSettings, after: &CameraSettings) -> Vec<Change> {
    let pairs = before.entries().into_iter().zip(after.entries());
    let changes = pairs.map(|((key, before), (_, after))| Change { key, before, after });
    changes.filter(|change| change.before != change.after).collect()
}

/// The settings as the document has them.
pub(super) fn to_document(settings: &CameraSettings) -> Settings {
    let seconds = |every: Period| u32::try_from(every.get().as_secs()).unwrap_or(u32::MAX);
    Settings {
        picture_every_s: settings.picture_every.map(seconds),
        report_every_s: settings.report_every.map(seconds),
        deep_sleep: settings.deep_sleep,
        link: settings.link.map(|link| match link {
            CameraLink::Ethernet => Link::Ethernet,
            CameraLink::Wifi => Link::Wifi,
            CameraLink::Cellular => Link::Cellular,
            CameraLink::Satellite => Link::Satellite,
        }),
        least_battery_mv: settings.least_battery_mv,
        survey: settings.survey.map(|hours| Hours { from: hours.from, to: hours.to }),
    }
}

/// The settings as people write them.
pub(super) fn from_document(settings: &Settings) -> CameraSettings {
    let every = |seconds: u32| Period::from_secs(u64::from(seconds));
    CameraSettings {
        picture_every: settings.picture_every_s.map(every),
        report_every: settings.report_every_s.map(every),
        deep_sleep: settings.deep_sleep,
        link: settings.link.map(|link| match link {
            Link::Ethernet => CameraLink::Ethernet,
            Link::Wifi => CameraLink::Wifi,
            Link::Cellular => CameraLink::Cellular,
            Link::Satellite => CameraLink::Satellite,
        }),
        least_battery_mv: settings.least_battery_mv,
        survey: settings.survey.map(|hours| DayHours { from: hours.from, to: hours.to }),
    }
}

#[cfg(test)]
mod tests {
    use wildcam_core::config::SETTINGS;

    use super::*;
    use crate::project::CAMERA_KEYS;

    #[test]
    fn every_setting_of_the_document_has_its_key_and_comes_back() {
        assert_eq!(CAMERA_KEYS, SETTINGS);
        for link in [CameraLink::Ethernet, CameraLink::Wifi, CameraLink::Cellular, CameraLink::Satellite] {
            let settings = CameraSettings {
                picture_every: Some(Period::ZERO),
                report_every: Some(Period::from_secs(604_800)),
                deep_sleep: Some(true),
                link: Some(link),
                least_battery_mv: Some(3500),
                survey: Some(DayHours { from: 22, to: 4 }),
            };
            let document = to_document(&settings);
            document.check().unwrap();
            assert_eq!(from_document(&document), settings);
            assert_eq!(document.link.unwrap().word(), link.word());
        }
        let nothing = CameraSettings::default();
        assert_eq!(from_document(&to_document(&nothing)), nothing);
    }
}
