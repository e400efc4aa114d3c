//! The key that only this chip has.

use esp_hal::{
    efuse::{KEY_PURPOSE_0, KEY_PURPOSE_1, KEY_PURPOSE_2, KEY_PURPOSE_3, KEY_PURPOSE_4, KEY_PURPOSE_5, read_field_le},
    hmac::{Hmac, HmacPurpose, KeyId},
    peripherals::HMAC,
};

/// What is authenticated to derive the key; another text would be another key.
const TEXT: &[u8] = b"wildcam identity 1";

/// HMAC_UP: the HMAC unit may give its result to software (ESP32-C3 Technical Reference Manual, "eFuse Controller").
const HMAC_UP: u8 = 8;

/// HMAC-SHA-256 of a fixed text under the first key in eFuse that was burnt for it; `None` if there is none. eFuses
/// are only read here: nothing in the firmware burns any.
pub(crate) fn sealing_key(hmac: HMAC<'static>) -> Option<[u8; 32]> {
    let purposes = [KEY_PURPOSE_0, KEY_PURPOSE_1, KEY_PURPOSE_2, KEY_PURPOSE_3, KEY_PURPOSE_4, KEY_PURPOSE_5];
    let ids = [KeyId::Key0, KeyId::Key1, KeyId::Key2, KeyId::Key3, KeyId::Key4, KeyId::Key5];
    let (_, id) = purposes.into_iter().zip(ids).find(|(purpose, _)| read_field_le::<u8>(*purpose) == HMAC_UP)?;

    let mut unit = Hmac::new(hmac);
    unit.init();
    nb::block!(unit.configure(HmacPurpose::ToUser, id)).ok()?;
    let mut rest = TEXT;
    while !rest.is_empty() {
        rest = nb::block!(unit.update(rest)).ok()?;
    }
    let mut key = [0; 32];
    nb::block!(unit.finalize(&mut key)).ok()?;
    Some(key)
}
