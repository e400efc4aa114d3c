//! What one camera is set to, and which release it shall run: a signed document, and what the camera keeps of it.
//!
//! ```text
//! fleet/cameras/{camera}/config.cose   COSE_Sign1 of kind "config", by the fleet's online key
//!   its number                         rises with each; what is not higher is no news
//!   {0: camera, 1: settings, 2: release}
//! ```
//!
//! The settings are a map with numbers as keys, of which a camera refuses every one that it does not know: a setting that is
//! not obeyed must not look as if it were. What else the body may say is passed over. Where settings are left out, the board's
//! own apply, so a document says all of a camera's settings and not what changes.
//!
//! The number of a release needs no trial and none of the settings: it is taken from a document whose settings are refused,
//! because an update may be what teaches the camera the setting.

mod document;
mod keeper;
mod record;
mod settings;
#[cfg(test)]
pub(crate) mod tests;

pub use document::{ConfigBody, Error};
pub use keeper::{Keeper, Offer, OfferError, TRIAL_STARTS};
pub use settings::{
    Abilities, EVERY_S, LEAST_BATTERY_MV, MAX_SETTINGS_BYTES, PICTURE_EVERY_S, REPORT_EVERY_S, Refusal, SETTINGS,
    Settings,
};
