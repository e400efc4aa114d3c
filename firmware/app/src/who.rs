//! The identity: read once at the start, and sealed if the chip has a key for it and it is not yet.

use core::cell::RefCell;

use static_cell::ConstStaticCell;
use wildcam_core::identity::{self, Form, Identity, MAX_RECORD, Seal};

use crate::{
    random::Random,
    state::{Flash, LAYOUT},
};

/// Reads the identity; what it borrows stays for ever.
///
/// # Errors
/// Those of [`identity::load`] and [`identity::Record::open`].
pub(crate) fn load(
    flash: &'static RefCell<Flash>,
    key: Option<[u8; 32]>,
    random: Random,
) -> Result<Identity<'static>, identity::Error> {
    static RECORD: ConstStaticCell<[u8; MAX_RECORD]> = ConstStaticCell::new([0; MAX_RECORD]);
    let buffer = RECORD.take();
    let mut flash = flash.borrow_mut();
    identity::erase_older_than_sealed(&mut *flash, LAYOUT.identity, buffer)?;
    let record = identity::load(&mut *flash, LAYOUT.identity, buffer)?;
    let form = record.head().form;
    let identity = record.open(key.as_ref())?;
    match (form, key) {
        (Form::Clear, Some(key)) => {
            seal(&mut flash, &identity, &key, random)?;
            log::info!("identity: sealed with the key of this chip");
        }
        (Form::Clear, None) => log::info!("identity: in clear, this chip has no key to seal it"),
        (Form::Sealed, _) => log::info!("identity: sealed"),
    }
    Ok(identity)
}

/// Of its own, so that its buffer is on the stack only once in a camera's life.
#[inline(never)]
fn seal(flash: &mut Flash, identity: &Identity<'_>, key: &[u8; 32], random: Random) -> Result<(), identity::Error> {
    let mut nonce = [0; 12];
    random.fill(&mut nonce);
    let mut buffer = [0; MAX_RECORD];
    identity::store(flash, LAYOUT.identity, identity, Some(Seal { key, nonce }), &mut buffer)
}
