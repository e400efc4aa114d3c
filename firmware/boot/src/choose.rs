//! The slot to start and the image in it, the same on every board.

use embedded_storage::nor_flash::NorFlash;
use wildcam_core::{
    boot::{self, Entry, Error},
    image::{self, Image},
    layout::Layout,
};

/// Decides which slot to start; the attempt is counted when this returns. An image for another chip, or one that `fits`
/// does not accept, counts as none.
///
/// # Errors
/// Those of [`boot::decide`].
pub(crate) fn choose<F: NorFlash>(
    flash: &mut F,
    layout: &Layout,
    chip: u16,
    fits: impl Fn(&Image) -> bool,
) -> Result<(Entry, Image), Error> {
    let mut images = [None, None];
    let entry = boot::decide(flash, layout.journal, |flash, slot| {
        let image = match image::verify(flash, layout.slots[slot.index()]) {
            Ok(image) if image.chip == chip && fits(&image) => image,
            // A flash that fails now may not a moment later: an image is not given up for that.
            Err(image::Error::Flash(kind)) => return Err(Error::Flash(kind)),
            Ok(_) | Err(_) => return Ok(None),
        };
        let mark = image.mark();
        images[slot.index()] = Some(image);
        Ok(Some(mark))
    })?;
    let image = images[entry.slot.index()].take().ok_or(Error::NoImage)?;
    Ok((entry, image))
}
