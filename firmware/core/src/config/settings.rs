//! The settings, and why a camera does not take some.
//!
//! | key | name | value |
//! |---|---|---|
//! | 0 | `picture_every` | seconds from one timelapse picture to the next; 0 for none, else 10 to 604,800 |
//! | 1 | `report_every` | seconds from one report to the next, 10 to 604,800 |
//! | 2 | `deep_sleep` | whether the camera sleeps deeply between pictures |
//! | 3 | `link` | what its network costs, a word of [`Link`] |
//! | 4 | `least_battery_mv` | millivolts below which no update is fetched or put in place |
//! | 5 | `survey` | `[from, to]`: hours of the day in UTC in which no update is put in place, as [`Hours`] |

use core::{fmt, ops::RangeInclusive};

use minicbor::{Decoder, Encoder};

use crate::{
    trust::{
        Hours, Link, Links,
        body::{self, Encoded, Fields},
    },
    wire::{Text, clipped},
};

/// What the settings are called, in the order of their keys.
pub const SETTINGS: [&str; 6] = ["picture_every", "report_every", "deep_sleep", "link", "least_battery_mv", "survey"];

/// Seconds that may lie between two pictures or two reports: up to a week.
pub const EVERY_S: RangeInclusive<u32> = 10..=604_800;

/// Most bytes of settings in CBOR.
pub const MAX_SETTINGS_BYTES: usize = 64;

/// Key of [`Settings::picture_every_s`].
pub const PICTURE_EVERY_S: u32 = 0;
/// Key of [`Settings::report_every_s`].
pub const REPORT_EVERY_S: u32 = 1;
const DEEP_SLEEP: u32 = 2;
const LINK: u32 = 3;
/// Key of [`Settings::least_battery_mv`].
pub const LEAST_BATTERY_MV: u32 = 4;
const SURVEY: u32 = 5;

/// What a camera is set to; what is `None` is as the board has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    /// Seconds from one timelapse picture to the next; 0 for none, else within [`EVERY_S`].
    pub picture_every_s: Option<u32>,
    /// Seconds from one report to the next, within [`EVERY_S`].
    pub report_every_s: Option<u32>,
    /// Whether it sleeps deeply between pictures.
    pub deep_sleep: Option<bool>,
    /// What its network costs.
    pub link: Option<Link>,
    /// The battery's voltage in mV below which no update is fetched or put in place.
    pub least_battery_mv: Option<u16>,
    /// The hours in which no update is put in place.
    pub survey: Option<Hours>,
}

/// What a board can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// It can sleep deeply.
    pub deep_sleep: bool,
    /// It can measure its battery.
    pub battery: bool,
    /// The links that it may have.
    pub links: Links,
}

/// Why a camera does not have the settings of a document. The numbers are the settings' keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It does not know this setting; a key above 32 bits counts as the largest.
    Unknown(u32),
    /// This setting has a value that it may not have.
    Range(u32),
    /// The board cannot do what this setting asks.
    Unable(u32),
    /// The camera had them, and no gateway took a report from it.
    NoCheckIn,
}

impl Refusal {
    /// The word in logs and reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown(_) => "unknown",
            Self::Range(_) => "range",
            Self::Unable(_) => "unable",
            Self::NoCheckIn => "no-check-in",
        }
    }

    /// The key of the setting that it is about.
    #[must_use]
    pub const fn key(self) -> Option<u32> {
        match self {
            Self::Unknown(key) | Self::Range(key) | Self::Unable(key) => Some(key),
            Self::NoCheckIn => None,
        }
    }

    /// What a report says: the word, and behind a space the setting's name, or its key where it has none.
    #[must_use]
    pub fn why(self) -> Text<24> {
        use fmt::Write as _;
        let mut why = clipped(self.word());
        // The longest name behind the longest word has 23 bytes, and the largest key 18; a test holds it.
        let _ = match self.key().map(|key| (key, SETTINGS.get(key as usize))) {
            Some((_, Some(name))) => write!(why, " {name}"),
            Some((key, None)) => write!(why, " {key}"),
            None => Ok(()),
        };
        why
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown(_) => "the camera does not know the setting",
            Self::Range(_) => "the setting has a value that it may not have",
            Self::Unable(_) => "the board cannot do what the setting asks",
            Self::NoCheckIn => "no gateway took a report while the settings were tried",
        })?;
        match self.key().map(|key| (key, SETTINGS.get(key as usize))) {
            Some((_, Some(name))) => write!(f, " ({name})"),
            Some((key, None)) => write!(f, " ({key})"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Refusal {}

impl Settings {
    /// Whether a camera takes them that knows all settings.
    ///
    /// # Errors
    /// [`Refusal::Range`] for the first value that may not be.
    pub fn check(&self) -> Result<(), Refusal> {
        let picture = self.picture_every_s.is_none_or(|every| every == 0 || EVERY_S.contains(&every));
        let report = self.report_every_s.is_none_or(|every| EVERY_S.contains(&every));
        let survey = self.survey.is_none_or(Hours::is_valid);
        for (is_valid, key) in [(picture, PICTURE_EVERY_S), (report, REPORT_EVERY_S), (survey, SURVEY)] {
            if !is_valid {
                return Err(Refusal::Range(key));
            }
        }
        Ok(())
    }

    /// Whether a board that can do this can do what they ask.
    ///
    /// # Errors
    /// [`Refusal::Unable`] for the first setting that it cannot.
    pub fn check_for(&self, board: &Abilities) -> Result<(), Refusal> {
        let sleep = board.deep_sleep || self.deep_sleep != Some(true);
        let link = self.link.is_none_or(|link| board.links.hold(link));
        let battery = board.battery || self.least_battery_mv.is_none();
        for (is_able, key) in [(sleep, DEEP_SLEEP), (link, LINK), (battery, LEAST_BATTERY_MV)] {
            if !is_able {
                return Err(Refusal::Unable(key));
            }
        }
        Ok(())
    }

    pub(super) fn write(&self, encoder: &mut Encoder<&mut [u8]>) -> Encoded {
        let Self { picture_every_s, report_every_s, deep_sleep, link, least_battery_mv, survey } = self;
        let there = [
            picture_every_s.is_some(),
            report_every_s.is_some(),
            deep_sleep.is_some(),
            link.is_some(),
            least_battery_mv.is_some(),
            survey.is_some(),
        ];
        encoder.map(there.into_iter().map(u64::from).sum())?;
        for (key, every) in [(PICTURE_EVERY_S, picture_every_s), (REPORT_EVERY_S, report_every_s)] {
            if let Some(every) = every {
                encoder.u32(key)?.u32(*every)?;
            }
        }
        if let Some(deep_sleep) = deep_sleep {
            encoder.u32(DEEP_SLEEP)?.bool(*deep_sleep)?;
        }
        if let Some(link) = link {
            encoder.u32(LINK)?.str(link.word())?;
        }
        if let Some(least) = least_battery_mv {
            encoder.u32(LEAST_BATTERY_MV)?.u16(*least)?;
        }
        if let Some(hours) = survey {
            encoder.u32(SURVEY)?.array(2)?.u8(hours.from)?.u8(hours.to)?;
        }
        Ok(())
    }

    /// Reads them up to their end, also where one is refused; with them the first refusal. What is refused is left out.
    pub(super) fn read(decoder: &mut Decoder<'_>) -> Result<(Self, Option<Refusal>), crate::trust::Error> {
        let (mut settings, mut refusal) = (Self::default(), None);
        let mut fields = Fields::of(decoder)?;
        while let Some(key) = fields.next(decoder)? {
            let mut value = decoder.clone();
            body::skip(decoder)?;
            let key = u32::try_from(key).unwrap_or(u32::MAX);
            let taken = settings.take(key, &mut value).filter(|()| value.position() == decoder.position());
            let wrong = if (key as usize) < SETTINGS.len() { Refusal::Range(key) } else { Refusal::Unknown(key) };
            if taken.is_none() {
                refusal = refusal.or(Some(wrong));
            }
        }
        Ok((settings, refusal))
    }

    /// Takes one value on; `None` when it is none of that setting.
    fn take(&mut self, key: u32, value: &mut Decoder<'_>) -> Option<()> {
        let mut next = *self;
        match key {
            PICTURE_EVERY_S => next.picture_every_s = Some(value.u32().ok()?),
            REPORT_EVERY_S => next.report_every_s = Some(value.u32().ok()?),
            DEEP_SLEEP => next.deep_sleep = Some(value.bool().ok()?),
            LINK => {
                let word = value.str().ok()?;
                next.link = Some(Link::ALL.into_iter().find(|link| link.word() == word)?);
            }
            LEAST_BATTERY_MV => next.least_battery_mv = Some(value.u16().ok()?),
            SURVEY => {
                body::count(value, 2, 2).ok()?;
                next.survey = Some(Hours { from: value.u8().ok()?, to: value.u8().ok()? });
            }
            _ => return None,
        }
        next.check().ok()?;
        *self = next;
        Some(())
    }
}
