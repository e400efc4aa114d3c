//! The flash chip that a board only reads: its boot stage, and what on a chip would be eFuses and straps.

use zeroize::Zeroizing;

/// Size of the chip.
const BYTES: usize = 32 << 20;
const PAGE: usize = 4096;
const OPTIONS_AT: usize = BYTES - 2 * PAGE;
const EFUSES_AT: usize = BYTES - PAGE;

/// What such a chip holds. The form is that of the firmware's crate `wildcam-virt`.
pub struct ReadOnly {
    bytes: Vec<u8>,
}

impl ReadOnly {
    /// A chip with this boot stage; `None` when that is too large.
    #[must_use]
    pub fn new(mut boot: Vec<u8>) -> Option<Self> {
        // What the build wrote is padded to the whole chip.
        let rest = boot.get(OPTIONS_AT..).unwrap_or_default();
        if boot.len() > BYTES || rest.iter().any(|byte| !matches!(byte, 0 | 0xFF)) {
            return None;
        }
        boot.resize(BYTES, 0xFF);
        Some(Self { bytes: boot })
    }

    /// Sets the options, as lines `name=value`; `false` when they do not fit a page.
    #[must_use]
    pub fn options(&mut self, options: &[(&str, String)]) -> bool {
        let lines = options.iter().map(|(name, value)| format!("{name}={value}\n"));
        self.put(OPTIONS_AT, format!("Wop1\n{}", lines.collect::<String>()).as_bytes())
    }

    /// Burns the key that seals the board's identity: 32 bytes.
    #[must_use]
    pub fn burn(&mut self, key: &Zeroizing<[u8; 32]>) -> bool {
        self.put(EFUSES_AT, &[b"Wfe1", &key[..]].concat())
    }

    fn put(&mut self, at: usize, content: &[u8]) -> bool {
        let page = &mut self.bytes[at..at + PAGE];
        page.fill(0xFF);
        let fits = content.len() < PAGE;
        page.iter_mut().zip(content).for_each(|(place, byte)| *place = *byte);
        fits
    }

    /// The chip's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_lie_where_the_firmware_looks() {
        let mut chip = ReadOnly::new(vec![1; 100]).unwrap();
        assert!(chip.options(&[("picture-every-ms", "700".into()), ("fault", "b:hang".into())]));
        assert_eq!(chip.bytes().len(), BYTES);
        assert!(chip.bytes()[OPTIONS_AT..].starts_with(b"Wop1\npicture-every-ms=700\nfault=b:hang\n\xFF"));
        assert!(chip.options(&[]));
        assert!(chip.bytes()[OPTIONS_AT..].starts_with(b"Wop1\n\xFF"), "earlier options are gone");
        assert!(!chip.options(&[("long", "x".repeat(PAGE))]));
        assert!(ReadOnly::new(vec![1; BYTES]).is_none(), "nothing else lies in the last pages");
    }
}
