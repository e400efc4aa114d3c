//! When an update may be fetched and put in place. The camera judges it: nobody else knows its battery and its hour.

use minicbor::{Decoder, Encoder};

use super::{
    Error,
    body::{self, Encoded, Fields, malformed},
};

const MAX_LINKS: usize = 8;
const HOURS: u8 = 24;
const HOUR_S: u64 = 3600;

/// What a camera's network costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Link {
    /// A wire: the emulated board's, or a bench's.
    Ethernet,
    /// A station's Wi-Fi with a line behind it.
    Wifi,
    /// Behind a mobile network.
    Cellular,
    /// Behind a satellite.
    Satellite,
}

impl Link {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ethernet, Self::Wifi, Self::Cellular, Self::Satellite];

    /// The word in the document.
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

/// Some links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Links(u8);

impl Links {
    /// These ones.
    #[must_use]
    pub const fn of(links: &[Link]) -> Self {
        let (mut set, mut at) = (0, 0);
        while at < links.len() {
            set |= 1 << links[at] as u8;
            at += 1;
        }
        Self(set)
    }

    /// Whether `link` is among them.
    #[must_use]
    pub const fn hold(self, link: Link) -> bool {
        self.0 & 1 << link as u8 != 0
    }
}

/// Hours of the day in UTC, from the start of one to the start of another, over midnight where the second is lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// The first hour, 0 to 23.
    pub from: u8,
    /// The first hour after them, 0 to 23, another one.
    pub to: u8,
}

impl Hours {
    /// Whether they are hours of a day, and neither none of them nor all.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        self.from < HOURS && self.to < HOURS && self.from != self.to
    }

    /// Whether the time `unix_s`, in seconds since 1970, lies in them.
    #[must_use]
    pub const fn hold(self, unix_s: u64) -> bool {
        let hour = (unix_s / HOUR_S % HOURS as u64) as u8;
        if self.from < self.to { self.from <= hour && hour < self.to } else { self.from <= hour || hour < self.to }
    }
}

/// What must be so: `{0: least battery in mV, 1: [link, ...], 2: [from, to]}`; what is left out does not matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gates {
    /// The battery's voltage in mV below which nothing is fetched or put in place.
    pub least_battery_mv: Option<u16>,
    /// The links over which it may be fetched. A word of a later version means a link that this camera does not have.
    pub links: Option<Links>,
    /// The hours of the survey, in which it is not put in place.
    pub survey: Option<Hours>,
}

impl Gates {
    /// Whether an update may be fetched over `link` with this battery. A camera that cannot measure its battery passes the
    /// gate: it is fed by something else, or would never be updated.
    #[must_use]
    pub fn allow_fetch(&self, battery_mv: Option<u16>, link: Link) -> bool {
        self.links.is_none_or(|links| links.hold(link)) && self.allow_battery(battery_mv)
    }

    /// Whether an update may be put in place with this battery, at this time in seconds since 1970. A camera that does not
    /// know the time passes the gate: whoever fetched an update has spoken to a gateway, which told it the time.
    #[must_use]
    pub fn allow_activation(&self, battery_mv: Option<u16>, unix_s: Option<u64>) -> bool {
        let survey = self.survey.zip(unix_s).is_some_and(|(hours, now)| hours.hold(now));
        !survey && self.allow_battery(battery_mv)
    }

    fn allow_battery(&self, battery_mv: Option<u16>) -> bool {
        self.least_battery_mv.zip(battery_mv).is_none_or(|(least, now)| now >= least)
    }

    pub(super) fn is_valid(&self) -> bool {
        self.survey.is_none_or(Hours::is_valid)
    }

    pub(super) fn write(&self, encoder: &mut Encoder<&mut [u8]>) -> Encoded {
        let there = [self.least_battery_mv.is_some(), self.links.is_some(), self.survey.is_some()];
        encoder.map(there.into_iter().map(u64::from).sum())?;
        if let Some(least) = self.least_battery_mv {
            encoder.u8(0)?.u16(least)?;
        }
        if let Some(links) = self.links {
            let words = || Link::ALL.into_iter().filter(|link| links.hold(*link)).map(Link::word);
            encoder.u8(1)?.array(words().count() as u64)?;
            for word in words() {
                encoder.str(word)?;
            }
        }
        if let Some(hours) = self.survey {
            encoder.u8(2)?.array(2)?.u8(hours.from)?.u8(hours.to)?;
        }
        Ok(())
    }

    pub(super) fn read(decoder: &mut Decoder<'_>) -> Result<Self, Error> {
        let mut gates = Self::default();
        let mut fields = Fields::of(decoder)?;
        while let Some(key) = fields.next(decoder)? {
            match key {
                0 => gates.least_battery_mv = Some(decoder.u16().map_err(malformed)?),
                1 => {
                    let mut links = Links(0);
                    for _ in 0..body::count(decoder, 0, MAX_LINKS)? {
                        let word = decoder.str().map_err(malformed)?;
                        links.0 |=
                            Link::ALL.into_iter().find(|link| link.word() == word).map_or(0, |link| 1 << link as u8);
                    }
                    gates.links = Some(links);
                }
                2 => {
                    body::count(decoder, 2, 2)?;
                    let from = decoder.u8().map_err(malformed)?;
                    gates.survey = Some(Hours { from, to: decoder.u8().map_err(malformed)? });
                }
                _ => body::skip(decoder)?,
            }
        }
        if gates.is_valid() { Ok(gates) } else { Err(Error::Malformed) }
    }
}
