//! What one camera is set to, as people write it: a TOML file of a few keys, or `KEY=VALUE` on a command line.
//!
//! ```toml
//! picture_every = "10m"     # a picture by the clock; "0s" for none
//! report_every = "1h"
//! deep_sleep = true
//! link = "satellite"        # ethernet, wifi, cellular, satellite
//! least_battery_mv = 3500   # below it no update is fetched or put in place
//! survey = "05-09"          # hours in UTC in which no update is put in place
//! ```
//!
//! A key that is left out is as the camera's board has it. As in wildcam.toml, an unknown key is an error that points at the
//! line and suggests the key that was meant.

use std::{fmt, ops::RangeInclusive, path::Path, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use toml::de::{DeTable, Deserializer as TomlDeserializer};

use super::{
    Error, Period,
    error::{Fault, nearest},
    read::{Places, file_text, translate},
};

/// What a camera's pictures and reports may lie apart, in seconds: ten seconds to a week.
const EVERY_S: RangeInclusive<u64> = 10..=604_800;

/// The keys, in the order in which they are shown.
pub const CAMERA_KEYS: [&str; 6] =
    ["picture_every", "report_every", "deep_sleep", "link", "least_battery_mv", "survey"];

/// What a camera's network costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CameraLink {
    /// A wire.
    Ethernet,
    /// A station's Wi-Fi with a line behind it.
    Wifi,
    /// Behind a mobile network.
    Cellular,
    /// Behind a satellite.
    Satellite,
}

impl CameraLink {
    /// The word in the file.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ethernet => "ethernet",
            Self::Wifi => "wifi",
            Self::Cellular => "cellular",
            Self::Satellite => "satellite",
        }
    }
}

/// Hours of the day in UTC, written as `05-09`: from the start of the first to the start of the second, over midnight where
/// the second is lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayHours {
    /// The first hour, 0 to 23.
    pub from: u8,
    /// The first hour after them, 0 to 23, another one.
    pub to: u8,
}

/// The text is no hours of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected two different hours of the day in UTC from 00 to 23, such as \"05-09\" or \"22-04\"")]
pub struct NotDayHours;

impl FromStr for DayHours {
    type Err = NotDayHours;

    fn from_str(text: &str) -> Result<Self, NotDayHours> {
        let hour = |text: &str| {
            let plain = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
            let hour: Option<u8> = if plain { text.parse().ok() } else { None };
            hour.filter(|hour| *hour < 24).ok_or(NotDayHours)
        };
        let (from, to) = text.trim().split_once('-').ok_or(NotDayHours)?;
        let hours = Self { from: hour(from.trim())?, to: hour(to.trim())? };
        if hours.from == hours.to { Err(NotDayHours) } else { Ok(hours) }
    }
}

impl fmt::Display for DayHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}-{:02}", self.from, self.to)
    }
}

impl Serialize for DayHours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DayHours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// What one camera is set to; what is `None` is as its board has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CameraSettings {
    /// From one picture by the clock to the next; none at all when it is zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture_every: Option<Period>,
    /// From one report to the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report_every: Option<Period>,
    /// Whether it sleeps deeply between pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deep_sleep: Option<bool>,
    /// What its network costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<CameraLink>,
    /// The battery's voltage in millivolts below which no update is fetched or put in place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least_battery_mv: Option<u16>,
    /// The hours in which no update is put in place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub survey: Option<DayHours>,
}

impl CameraSettings {
    /// Reads a file: all that the camera shall be set to.
    ///
    /// # Errors
    /// [`Error`] when it cannot be read, has a key that no camera knows, or a value that none takes.
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::parse(&file_text(path)?, path)
    }

    /// As [`CameraSettings::load`], from a text that stands for the file at `path`.
    ///
    /// # Errors
    /// As [`CameraSettings::load`], without those of reading.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let place = |fault: Fault| fault.within(text, path);
        let table = DeTable::parse(text).map_err(|error| place(translate(&error)))?;
        let settings =
            Self::deserialize(TomlDeserializer::from(table.clone())).map_err(|error| place(translate(&error)))?;
        let places = Places::new(table);
        settings.check(&places).map_err(place)?;
        Ok(settings)
    }

    fn check(&self, places: &Places<'_>) -> Result<(), Fault> {
        let every = |key: &str, value: Option<Period>, never: bool| {
            let Some(value) = value else { return Ok(()) };
            let whole = value.as_millis().is_multiple_of(1000);
            if whole && (EVERY_S.contains(&value.get().as_secs()) || never && value.is_zero()) {
                return Ok(());
            }
            let or_none = if never { ", or \"0s\" for none" } else { "" };
            let expected = format!("expected whole seconds from \"10s\" to \"7d\"{or_none}, found {value}");
            Err(Fault::new(places.of(&[key]), expected))
        };
        every("picture_every", self.picture_every, true)?;
        every("report_every", self.report_every, false)
    }

    /// These settings with `changes` made to them, each `KEY=VALUE`, and then the keys of `unset` left out. A value is written as in
    /// the file; the quotes of a text may be left out.
    ///
    /// # Errors
    /// [`Error`] as for a file, which is called `--set` in it; for an unknown key of `unset` as well.
    pub fn changed(&self, changes: &[String], unset: &[String]) -> Result<Self, Error> {
        let path = Path::new("--set");
        let mut settings = *self;
        for change in changes {
            let line = assignment(change).map_err(|fault| fault.within(change, path))?;
            settings.take(Self::parse(&line, path)?);
        }
        for key in unset {
            settings.unset(key).map_err(|fault| fault.within(key, Path::new("--unset")))?;
        }
        Ok(settings)
    }

    fn take(&mut self, new: Self) {
        let Self { picture_every, report_every, deep_sleep, link, least_battery_mv, survey } = new;
        self.picture_every = picture_every.or(self.picture_every);
        self.report_every = report_every.or(self.report_every);
        self.deep_sleep = deep_sleep.or(self.deep_sleep);
        self.link = link.or(self.link);
        self.least_battery_mv = least_battery_mv.or(self.least_battery_mv);
        self.survey = survey.or(self.survey);
    }

    fn unset(&mut self, key: &str) -> Result<(), Fault> {
        match key {
            "picture_every" => self.picture_every = None,
            "report_every" => self.report_every = None,
            "deep_sleep" => self.deep_sleep = None,
            "link" => self.link = None,
            "least_battery_mv" => self.least_battery_mv = None,
            "survey" => self.survey = None,
            other => {
                let fault = Fault::new(0..other.len(), format!("unknown key `{other}`"));
                let help = match nearest(other, CAMERA_KEYS) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("possible here: {}", CAMERA_KEYS.join(", ")),
                };
                return Err(fault.help(help));
            }
        }
        Ok(())
    }

    /// Each key with its value as the file has it, in the order of [`CAMERA_KEYS`].
    #[must_use]
    pub fn entries(&self) -> [(&'static str, Option<String>); 6] {
        let values = [
            self.picture_every.map(|every| format!("\"{every}\"")),
            self.report_every.map(|every| format!("\"{every}\"")),
            self.deep_sleep.map(|sleeps| sleeps.to_string()),
            self.link.map(|link| format!("\"{}\"", link.word())),
            self.least_battery_mv.map(|least| least.to_string()),
            self.survey.map(|hours| format!("\"{hours}\"")),
        ];
        let mut values = values.into_iter();
        CAMERA_KEYS.map(|key| (key, values.next().flatten()))
    }
}

/// A line of TOML from what stands on a command line. Shells take quotes away, so a text may come without them.
fn assignment(change: &str) -> Result<String, Fault> {
    let bare = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    let split = change.split_once('=').map(|(key, value)| (key.trim(), value.trim()));
    let (key, value) = split
        .filter(|(key, value)| bare(key) && !value.is_empty() && !value.contains(['\n', '\r']))
        .ok_or_else(|| {
            Fault::new(0..change.len(), "expected KEY=VALUE").help("for instance picture_every=10m, or deep_sleep=true")
        })?;
    let line = format!("{key} = {value}");
    if DeTable::parse(&line).is_ok() {
        return Ok(line);
    }
    // What TOML does not read as a value of another type is text.
    let quoted = toml::Value::String(value.to_owned());
    Ok(format!("{key} = {quoted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "picture_every = \"10m\"\nreport_every = \"1h\"\ndeep_sleep = true\nlink = \"satellite\"\n\
        least_battery_mv = 3500\nsurvey = \"05-09\"\n";

    fn parse(text: &str) -> Result<CameraSettings, Error> {
        CameraSettings::parse(text, Path::new("ridge.toml"))
    }

    fn invalid(result: Result<CameraSettings, Error>) -> (usize, String, String) {
        let Err(Error::Invalid(invalid)) = result else { panic!("{result:?}") };
        (invalid.line, invalid.message.clone(), invalid.help.clone().unwrap_or_default())
    }

    #[test]
    fn a_file_says_all_and_is_shown_as_it_was_written() {
        let settings = parse(WHOLE).unwrap();
        let shown: String =
            settings.entries().into_iter().filter_map(|(key, value)| Some(format!("{key} = {}\n", value?))).collect();
        assert_eq!(shown, WHOLE);
        assert_eq!(parse("").unwrap(), CameraSettings::default());
        assert_eq!(parse("picture_every = \"0s\"").unwrap().picture_every, Some(Period::ZERO));
    }

    #[test]
    fn an_unknown_key_points_at_its_line_and_at_the_key_that_was_meant() {
        let (line, message, help) = invalid(parse("deep_sleep = true\npicture_evry = \"10m\"\n"));
        assert_eq!((line, message.as_str()), (2, "unknown key `picture_evry`"));
        assert_eq!(help, "did you mean `picture_every`?");
        let (_, message, help) = invalid(parse("link = \"wify\""));
        assert_eq!((message.as_str(), help.as_str()), ("unknown value `wify`", "did you mean `wifi`?"));
    }

    #[test]
    fn values_that_no_camera_takes_are_refused_where_they_stand() {
        for wrong in [
            "report_every = \"9s\"",
            "report_every = \"0s\"",
            "report_every = \"8d\"",
            "report_every = 60",
            "picture_every = \"10500ms\"",
            "least_battery_mv = 70000",
            "deep_sleep = \"yes\"",
            "survey = \"05-24\"",
            "survey = \"05-05\"",
            "survey = \"+5-9\"",
            "survey = \"5\"",
        ] {
            let (line, message, _) = invalid(parse(&format!("\n{wrong}\n")));
            assert_eq!(line, 2, "{wrong}: {message}");
        }
    }

    #[test]
    fn a_change_needs_no_quotes_and_leaves_the_rest() {
        let before = parse(WHOLE).unwrap();
        let change = |changes: &[&str], unset: &[&str]| {
            let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            before.changed(&texts(changes), &texts(unset))
        };
        let after = change(&["picture_every=30m", "survey=22-4", "deep_sleep = false"], &["link"]).unwrap();
        let expected = CameraSettings {
            picture_every: Some(Period::from_secs(1800)),
            survey: Some(DayHours { from: 22, to: 4 }),
            deep_sleep: Some(false),
            link: None,
            ..before
        };
        assert_eq!(after, expected);
        assert_eq!(change(&["report_every=\"2h\""], &[]).unwrap().report_every, Some(Period::from_secs(7200)));
        assert_eq!(invalid(change(&["picture_evry=1m"], &[])).2, "did you mean `picture_every`?");
        assert_eq!(invalid(change(&[], &["survy"])).2, "did you mean `survey`?");
        // One change sets one key, whatever a value holds.
        for wrong in ["picture_every", "=10m", "deep_sleep=", "a.b=1", "least_battery_mv=1\ndeep_sleep=false"] {
            invalid(change(&[wrong], &[]));
        }
    }
}
